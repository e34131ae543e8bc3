/*
 * canon FILE - Bring every line of a file into canonical form, as an event
 * that is to be signed.  Prints lines, bytes and the processor seconds that
 * takes from memory to memory.
 */
#include <stdio.h>

#include "base/die.h"
#include "event/canon.h"

#include "common/text.h"

int
main(int argc, char **argv)
{
	struct buf text = { 0 };
	struct canon c = { 0 };
	const char *p, *line, *why;
	size_t n, lines = 0;
	double start;

	die_name(argv[0]);
	if (argc != 2)
		die(EXIT_USAGE, "usage: canon FILE");
	text_read(argv[1], &text);
	p = text.p;
	start = text_seconds();
	for (; (line = text_next(&p, text.p + text.len, &n)); lines++)
		if (canon_event(&c, line, n, &why) < 0)
			die(EXIT_DATA, "%.*s: %s", (int)n, line, why);
	printf("%zu %zu %.4f\n", lines, text.len, text_seconds() - start);
	canon_fini(&c);
	buf_fini(&text);
	return 0;
}

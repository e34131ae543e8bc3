#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/die.h"

#include "text.h"

enum { STEP = 1 << 20 };

void
text_read(const char *path, struct buf *b)
{
	FILE *f = fopen(path, "re");
	size_t got = 1;

	if (f == NULL)
		die(EXIT_NOINPUT, "%s: %s", path, strerror(errno));
	for (; got > 0; b->len += got)
		got = fread(buf_room(b, STEP), 1, STEP, f);
	fclose(f);
	if (b->len == 0)
		die(EXIT_NOINPUT, "%s: empty", path);
}

const char *
text_next(const char **p, const char *end, size_t *n)
{
	const char *line = *p, *nl;

	if (line >= end)
		return NULL;
	nl = memchr(line, '\n', (size_t)(end - line));
	*n = (size_t)((nl != NULL ? nl : end) - line);
	*p = line + *n + 1;
	return line;
}

double
text_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

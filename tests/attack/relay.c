/*
 * relay LISTEN TO FIFO - A bad network between clients and the broker at the
 * URL TO.  Prints the URL where it listens, then does what it reads from FIFO,
 * a word a line: open, stall, reset, or a number, the milliseconds by which
 * what passes is late.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/relay.h"

static const char *const modes[] = { "open", "stall", "reset" };

static void
obey(struct relay *r, int route, const char *word)
{
	static enum relay_mode mode;
	static int64_t delay;
	size_t i;

	for (i = 0; i < 3 && strcmp(word, modes[i]) != 0; i++)
		;
	if (i < 3)
		mode = (enum relay_mode)i;
	else
		delay = strtol(word, NULL, 10) * 1000;
	relay_set(r, route, mode, delay);
	printf("%s\n", word);
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	struct relay *r = relay_new();
	const char *why = "";
	char line[64];
	FILE *control;
	int route;

	if (argc != 4 || r == NULL)
		return 64;
	route = relay_route(r, argv[1], argv[2], &why);
	/* Both ways, so that it never ends. */
	control = fopen(argv[3], "r+");
	if (route < 0 || control == NULL) {
		fprintf(stderr, "relay: %s: %s\n", argv[1], why);
		return 69;
	}
	printf("%s\n", relay_url(r, route));
	fflush(stdout);
	while (fgets(line, sizeof line, control) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		obey(r, route, line);
	}
	return 0;
}

/*
 * replay URL LOG CONNECTION - Sends the requests of a connection once more, as
 * proxy has logged them, each after the reply to the one before it.  Prints
 * the type of each reply, and "closed" if the connection ended early.
 */
#include "wire.h"

static int
digit(int c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* The body of "CONNECTION q NUMBER HEX": 1 if the line is one. */
static int
request_of(const char *line, long connection, struct buf *body)
{
	const char *hex;
	long of;
	char way;
	int at = 0;

	if (sscanf(line, "%ld %c %*d %n", &of, &way, &at) != 2 || way != 'q' ||
	    of != connection)
		return 0;
	buf_clear(body);
	for (hex = line + at; *hex > ' '; hex += 2)
		buf_addc(body, (char)(digit(hex[0]) << 4 | digit(hex[1])));
	return 1;
}

int
main(int argc, char **argv)
{
	uint8_t path[4] = { 0x80, 0, 0, 1 };
	struct buf body = { 0 };
	struct incoming in;
	char *line = NULL;
	size_t room = 0;
	int open = 1;
	FILE *log;

	die_name(argv[0]);
	if (argc != 4)
		die(EXIT_USAGE, "usage: replay URL LOG CONNECTION");
	log = fopen(argv[2], "r");
	if (log == NULL)
		die(EXIT_NOINPUT, "%s: %m", argv[2]);
	incoming_init(&in, wire_connect(argv[1]), SP_REP);
	while (open && getline(&line, &room, log) > 0) {
		if (!request_of(line, strtol(argv[3], NULL, 10), &body))
			continue;
		path[3]++;
		wire_send(in.fd, path, sizeof path, body.p, body.len);
		open = incoming_wait(&in);
		if (!open)
			printf("closed\n");
		else
			printf("reply %d\n",
			    in.message.body.len > 3 ? in.message.body.p[3] : 0);
	}
	fclose(log);
	free(line);
	close(in.fd);
	incoming_fini(&in);
	buf_fini(&body);
	return 0;
}

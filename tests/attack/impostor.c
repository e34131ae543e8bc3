/*
 * impostor KEY CERT TRUST - Listens as a broker with that key and chain, for
 * the network of the folder TRUST.  Prints its URL, then the type of each
 * frame that it is sent, and "open" if a client takes it for its broker.
 */
#include "wire.h"

#include "trust/channel.h"
#include "trust/folder.h"
#include "trust/secret.h"

static void
serve(struct identity *id, int fd)
{
	struct channel *c = channel_accept(id);
	struct buf out = { 0 };
	struct incoming in;
	const char *why = "";
	enum channel_result r = CHANNEL_SEND;

	incoming_init(&in, fd, SP_REQ);
	wire_greet(fd, SP_REP);
	while (incoming_wait(&in)) {
		const struct message *m = &in.message;

		printf("%s %d\n",
		    channel_frame(m->body.p, m->body.len) ? "frame" : "plain",
		    m->body.len > 3 ? m->body.p[3] : 0);
		if (r != CHANNEL_SEND)
			break;
		buf_clear(&out);
		r = channel_step(
		    c, m->body.p, m->body.len, time(NULL), &out, &why);
		if (r == CHANNEL_OPEN)
			printf("open\n");
		if (out.len > 0)
			wire_send(fd, m->path, m->path_len, out.p, out.len);
		fflush(stdout);
	}
	fflush(stdout);
	incoming_fini(&in);
	buf_fini(&out);
	channel_free(c);
	close(fd);
}

int
main(int argc, char **argv)
{
	struct identity id = { 0 };
	const char *why = "";
	int listener, fd;

	die_name(argv[0]);
	if (argc != 4)
		die(EXIT_USAGE, "usage: impostor KEY CERT TRUST");
	secret_start();
	id.key = key_load(argv[1], -1, &why);
	if (id.key == NULL)
		die(EXIT_CONFIG, "%s: %s", argv[1], why);
	id.ring = keyring_open(argv[3], &why);
	if (id.ring == NULL ||
	    folder_read(argv[2], CERT_MAX, &id.chain, &why) != 0)
		die(EXIT_CONFIG, "%s", why);
	id.cert = keyring_find(id.ring, id.key->public.kid);
	listener = wire_listen();
	while ((fd = accept(listener, NULL, NULL)) >= 0)
		serve(&id, fd);
	return EXIT_UNAVAILABLE;
}

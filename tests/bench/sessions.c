/*
 * What sessions cost: MB/s of plaintext sealed and opened again, for messages
 * of 110 B, 64 KiB and 1 MiB, each end by itself and both together; and whole
 * handshakes a second of the broker's end alone.  CPU time of one core.
 */
#include <errno.h>
#include <time.h>

#include "../unit/session.h"

enum { HANDSHAKES = 1000, WORK = 256 << 20, SMALL_WORK = 32 << 20 };

static double
seconds(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

/* Rates of messages of n bytes. */
static void
messages(struct session *s, size_t n)
{
	enum { BATCH = 16 };
	size_t size = channel_sealed(n);
	size_t rounds = (n < 1000 ? SMALL_WORK : WORK) / n / BATCH;
	char *text = xcalloc(1, n), *out = xmalloc(size);
	char *frames = xmalloc(size * BATCH);
	struct channel_piece piece = { text, n };
	double seal = 0, open = 0, mb, start, middle;
	uint64_t request;

	for (size_t i = 0; i < rounds; i++) {
		start = seconds();
		for (size_t k = 0; k < BATCH; k++)
			channel_seal(
			    s->client, k, &piece, 1, frames + k * size);
		middle = seconds();
		for (size_t k = 0; k < BATCH; k++)
			if (channel_open(s->broker, frames + k * size, size,
				&request, out) != (int64_t)n)
				die(EXIT_BUG, "%zu bytes: not accepted", n);
		seal += middle - start;
		open += seconds() - middle;
	}
	mb = (double)(rounds * BATCH * n) / 1e6;
	printf("%zu %.0f %.0f %.0f\n", n, mb / seal, mb / open,
	    mb / (seal + open));
	free(text);
	free(out);
	free(frames);
}

/* Handshakes a second of the broker's end. */
static double
handshakes(struct identity *client, struct identity *broker, int64_t now)
{
	double spent = 0, start;

	for (int i = 0; i < HANDSHAKES; i++) {
		struct session s = { 0 };
		const char *why = "";

		s.client = channel_dial(client, "b1");
		channel_start(s.client, &s.hs[0]);
		start = seconds();
		s.broker = channel_accept(broker);
		channel_step(
		    s.broker, s.hs[0].p, s.hs[0].len, now, &s.hs[1], &why);
		spent += seconds() - start;
		channel_step(
		    s.client, s.hs[1].p, s.hs[1].len, now, &s.hs[2], &why);
		start = seconds();
		if (channel_step(s.broker, s.hs[2].p, s.hs[2].len, now,
			&s.hs[3], &why) != CHANNEL_OPEN)
			die(EXIT_BUG, "%s", why);
		spent += seconds() - start;
		session_fini(&s);
	}
	return HANDSHAKES / spent;
}

int
main(int argc, char **argv)
{
	static const size_t sizes[] = { 110, 65536, 1048576 };
	struct network_wish wishes[] = {
		{ .subject = "issuer",
		    .role = CERT_ISSUER,
		    .scope = { "#" },
		    .subjects = { "#" },
		    .brokers = { "#" } },
		{ .subject = "b1",
		    .issuer = "issuer",
		    .role = CERT_BROKER,
		    .names = { "b1" } },
		{ .subject = "a", .issuer = "issuer", .pub = { "#" } },
	};
	struct identity client = { 0 }, broker = { 0 };
	struct network net;
	struct session s;

	(void)argc;
	die_name(argv[0]);
	network_init(&net);
	for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++)
		network_issue(&net, &wishes[i]);
	session_who(&net, &client, "a");
	session_who(&net, &broker, "b1");
	network_fini(&net);
	if (!session_open(&s, &client, &broker, "b1", net.now))
		die(EXIT_BUG, "%s", s.client_why);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		messages(&s, sizes[i]);
	printf("handshakes %.0f\n", handshakes(&client, &broker, net.now));
	session_fini(&s);
	identity_close(&client);
	identity_close(&broker);
	return 0;
}

/*
 * channel DIR CLIENT BROKER NAME - Both ends of a session in one process, no
 * socket, with the keys of a network's folder: DIR/keys/CLIENT.key dials
 * DIR/keys/BROKER.key, whose certificate has that name.  Prints the processor
 * seconds of the client's and of the broker's end of a handshake, and the MB a
 * second of payload that are sealed, that are opened, and that are both.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/die.h"
#include "trust/channel.h"
#include "trust/secret.h"

#include "common/text.h"

enum { HANDSHAKES = 500, PAYLOAD = 256 << 10, BYTES = 1 << 30 };

static void
open_identity(struct identity *id, const char *dir, const char *subject)
{
	struct identity_options given = { .trust = dir, .pass_fd = -1 };
	struct buf path = { 0 };
	const char *why;
	int status;

	buf_addf(&path, "%s/keys/%s.key", dir, subject);
	given.key = buf_cstr(&path);
	if (identity_open(id, &given, &status, &why) <= 0)
		die(EXIT_CONFIG, "%s", why);
	buf_fini(&path);
}

struct ends {
	struct channel *client, *broker;
	double client_seconds, broker_seconds;
};

/* Both until they are open. */
static void
shake_hands(struct ends *e, struct identity *client, struct identity *broker,
    const char *name)
{
	struct buf to[2] = { 0 };
	const char *why = "";
	int64_t now = date_now() / DATE_SECOND;
	enum channel_result r = CHANNEL_SEND, b = CHANNEL_SEND;
	double start = text_seconds(), middle;

	e->client = channel_dial(client, name);
	channel_start(e->client, &to[0]);
	e->client_seconds += text_seconds() - start;
	while (r == CHANNEL_SEND) {
		start = text_seconds();
		if (e->broker == NULL)
			e->broker = channel_accept(broker);
		buf_clear(&to[1]);
		b = channel_step(
		    e->broker, to[0].p, to[0].len, now, &to[1], &why);
		middle = text_seconds();
		e->broker_seconds += middle - start;
		if (b == CHANNEL_DENIED)
			die(EXIT_DENIED, "broker: %s", why);
		buf_clear(&to[0]);
		r = channel_step(
		    e->client, to[1].p, to[1].len, now, &to[0], &why);
		e->client_seconds += text_seconds() - middle;
	}
	if (r != CHANNEL_OPEN || b != CHANNEL_OPEN)
		die(EXIT_DENIED, "client: %s", why);
	buf_fini(&to[0]);
	buf_fini(&to[1]);
}

static double
rate(double seconds)
{
	return BYTES / seconds / 1e6;
}

static void
carry(struct ends *e)
{
	static char payload[PAYLOAD];
	struct channel_piece piece = { payload, PAYLOAD };
	size_t n = channel_sealed(PAYLOAD);
	char *frame = xmalloc(n), *out = xmalloc(n);
	double seal = 0, open = 0, start, middle;
	uint64_t request;

	for (size_t sent = 0; sent < BYTES; sent += PAYLOAD) {
		start = text_seconds();
		channel_seal(e->client, sent, &piece, 1, frame);
		middle = text_seconds();
		if (channel_open(e->broker, frame, n, &request, out) != PAYLOAD)
			die(EXIT_BUG, "not opened");
		seal += middle - start;
		open += text_seconds() - middle;
	}
	printf(" %.0f %.0f %.0f\n", rate(seal), rate(open), rate(seal + open));
	free(frame);
	free(out);
}

int
main(int argc, char **argv)
{
	struct identity client = { 0 }, broker = { 0 };
	struct ends e = { 0 };

	die_name(argv[0]);
	if (argc != 5)
		die(EXIT_USAGE, "usage: channel DIR CLIENT BROKER NAME");
	secret_start();
	open_identity(&client, argv[1], argv[2]);
	open_identity(&broker, argv[1], argv[3]);
	for (int i = 0; i < HANDSHAKES; i++) {
		channel_free(e.client);
		channel_free(e.broker);
		e.client = e.broker = NULL;
		shake_hands(&e, &client, &broker, argv[4]);
	}
	printf("%.7f %.7f", e.client_seconds / HANDSHAKES,
	    e.broker_seconds / HANDSHAKES);
	carry(&e);
	channel_free(e.client);
	channel_free(e.broker);
	identity_close(&client);
	identity_close(&broker);
	return 0;
}

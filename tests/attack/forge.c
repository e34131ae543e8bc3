/*
 * forge URL NAME KEY TRUST LINE - A client that sends each of its frames with
 * one bit flipped, every bit in turn, each over a connection of its own; the
 * last frame would publish LINE.  Prints how many of each were refused.  Ends
 * with 1 if one was not, or if what is not forged is refused as well.
 */
#include "wire.h"

#include "base/buf.h"
#include "trust/channel.h"
#include "trust/secret.h"

enum { HS1 = 1, HS3 = 3, DATA = 5 };

static struct identity id;
static const char *url, *name;
static struct buf request;

struct client {
	struct channel *channel;
	struct incoming in;
	uint32_t number;
};

static void
client_send(struct client *c, const struct buf *b)
{
	uint8_t path[4] = { 0x80, 0, 0, (uint8_t)++c->number };

	wire_send(c->in.fd, path, sizeof path, b->p, b->len);
}

static size_t
flip(struct buf *b, size_t bit)
{
	if (bit < b->len * 8)
		b->p[bit / 8] ^= (char)(1 << bit % 8);
	return b->len * 8;
}

/* The answer to what was sent, taken; CHANNEL_DENIED if there is none. */
static enum channel_result
client_step(struct client *c, struct buf *out)
{
	const char *why;

	buf_clear(out);
	if (!incoming_wait(&c->in))
		return CHANNEL_DENIED;
	return channel_step(c->channel, c->in.message.body.p,
	    c->in.message.body.len, time(NULL), out, &why);
}

/*
 * A session and a request in it, with one bit of one frame flipped: 1 if it
 * is answered.  *bits is the frame's length.
 */
static int
answered(struct client *c, int frame, size_t bit, size_t *bits)
{
	struct buf out = { 0 };
	struct channel_piece piece = { request.p, request.len };
	int r = 0;

	channel_start(c->channel, &out);
	if (frame == HS1)
		*bits = flip(&out, bit);
	client_send(c, &out);
	if (client_step(c, &out) == CHANNEL_SEND) {
		if (frame == HS3)
			*bits = flip(&out, bit);
		client_send(c, &out);
		r = client_step(c, &out) == CHANNEL_OPEN;
	}
	if (r && frame == DATA) {
		buf_clear(&out);
		channel_seal(c->channel, 1, &piece, 1,
		    buf_room(&out, channel_sealed(request.len)));
		out.len = channel_sealed(request.len);
		*bits = flip(&out, bit);
		client_send(c, &out);
		r = incoming_wait(&c->in);
	}
	buf_fini(&out);
	return r;
}

static int
try(int frame, size_t bit, size_t *bits)
{
	struct client c = { .channel = channel_dial(&id, name) };
	int r;

	incoming_init(&c.in, wire_connect(url), SP_REP);
	r = answered(&c, frame, bit, bits);
	close(c.in.fd);
	incoming_fini(&c.in);
	channel_free(c.channel);
	return r;
}

/* 0 if all were refused. */
static int
forge(int frame, const char *what)
{
	size_t bits = 1, refused = 0, sent = 0;

	for (size_t bit = 0; bit < bits; bit++) {
		sent++;
		if (!try(frame, bit, &bits))
			refused++;
	}
	printf("%s %zu of %zu refused\n", what, refused, sent);
	return sent < 52 || refused != sent;
}

int
main(int argc, char **argv)
{
	struct identity_options given = { .pass_fd = -1 };
	const char *why = "";
	size_t bits;
	int status, bad;

	die_name(argv[0]);
	if (argc != 6)
		die(EXIT_USAGE, "usage: forge URL NAME KEY TRUST LINE");
	url = argv[1];
	name = argv[2];
	given.key = argv[3];
	given.trust = argv[4];
	buf_adds(&request, "{\"op\":\"pub\"}\n");
	buf_adds(&request, argv[5]);
	if (identity_open(&id, &given, &status, &why) != 1)
		die(status, "%s", why);
	bad = forge(HS1, "HS1") | forge(HS3, "HS3") | forge(DATA, "DATA");
	if (!try(DATA, SIZE_MAX, &bits))
		die(EXIT_NO, "what is not forged is refused as well");
	identity_close(&id);
	buf_fini(&request);
	return bad;
}

/*
 * Sessions: of all frames only the peer's own, as they were sent, are taken,
 * in the handshake and after it; and whoever has a key may say anything in
 * the handshake without becoming somebody else.
 */
#include <stdint.h>

#include "../unit/session.h"

enum { FRAMES = 4, MODES = 3 };

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct network net;
static struct identity actor, broker;
static struct session session;
static struct buf frames[FRAMES]; /* to the broker, of growing length */

static void
leave(void)
{
	network_fini(&net);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const size_t sizes[FRAMES] = { 0, 110, 65512, 140000 };
	struct network_wish wishes[] = {
		{ .subject = "b1", .role = CERT_BROKER, .names = { "b1" } },
		{ .subject = "flat12", .subs = { "#" } },
	};
	static const char zeros[140000];
	struct channel_piece piece = { zeros, 0 };

	(void)argc;
	(void)argv;
	network_init(&net);
	atexit(leave);
	network_issue(&net, &wishes[0]);
	network_issue(&net, &wishes[1]);
	session_who(&net, &broker, "b1");
	session_who(&net, &actor, "flat12");
	if (!session_fixed(&session, &actor, &broker, "b1", net.now))
		abort();
	for (int i = 0; i < FRAMES; i++) {
		piece.n = sizes[i];
		channel_seal(session.client, (uint64_t)i, &piece, 1,
		    buf_room(&frames[i], channel_sealed(sizes[i])));
		frames[i].len = channel_sealed(sizes[i]);
	}
	return 0;
}

/*
 * A frame as the input alters it: replaced, or bytes changed at places, or
 * made longer or shorter.  1 if it is another one now.
 */
static int
alter(const struct buf *frame, int whole, const uint8_t *p, size_t n,
    struct buf *out)
{
	size_t at;

	buf_clear(out);
	if (whole)
		buf_add(out, p, n);
	else
		buf_add(out, frame->p, frame->len);
	for (; !whole && n >= 4; p += 4, n -= 4) {
		at = (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16;
		if (at < out->len)
			out->p[at] ^= (char)p[3];
		else if (p[3] & 1)
			buf_addc(out, (char)p[3]);
		else
			out->len -= at % (out->len + 1);
	}
	return out->len != frame->len ||
	    memcmp(out->p, frame->p, frame->len) != 0;
}

static void
fuzz_data(int which, int whole, const uint8_t *data, size_t size)
{
	struct channel c = *session.broker, before = c;
	const struct buf *frame = &frames[which % FRAMES];
	struct buf altered = { 0 };
	uint64_t request;
	int64_t got;
	int changed = alter(frame, whole, data, size, &altered);
	char *out = malloc(altered.len + 1);

	got = channel_open(&c, altered.p, altered.len, &request, out);
	if (changed ? got != -1 || memcmp(&c, &before, sizeof c) != 0 : got < 0)
		abort();
	if (got >= 0 &&
	    (channel_sealed((size_t)got) != frame->len ||
		request != (uint64_t)(which % FRAMES)))
		abort();
	if (changed) {
		free(out);
		out = malloc(frame->len);
		got = channel_open(&c, frame->p, frame->len, &request, out);
		if (got < 0)
			abort();
	}
	if (channel_open(&c, frame->p, frame->len, &request, out) != -1)
		abort();
	free(out);
	buf_fini(&altered);
}

/* The frames HS1 ... HS4 in turn, one of them altered. */
static void
fuzz_handshake(int which, int whole, const uint8_t *data, size_t size)
{
	struct channel *side[2] = { channel_dial(&actor, "b1"),
		channel_accept(&broker) };
	enum channel_result result = CHANNEL_SEND;
	struct buf out = { 0 }, next = { 0 }, altered = { 0 };
	const char *why = NULL;
	int changed = 0;

	session_fix(side[0], &actor, session_e[0]);
	session_fix(side[1], &broker, session_e[1]);
	channel_start(side[0], &out);
	for (int i = 0; result != CHANNEL_DENIED && i < 4; i++) {
		buf_clear(&next);
		if (i == which % 4) {
			changed = alter(&out, whole, data, size, &altered);
			result = channel_step(side[!(i % 2)], altered.p,
			    altered.len, net.now, &next, &why);
		} else {
			result = channel_step(side[!(i % 2)], out.p, out.len,
			    net.now, &next, &why);
		}
		buf_clear(&out);
		buf_add(&out, next.p, next.len);
	}
	if (changed != (result == CHANNEL_DENIED))
		abort();
	if (changed && (why == NULL || *why == '\0'))
		abort();
	channel_free(side[0]);
	channel_free(side[1]);
	buf_fini(&out);
	buf_fini(&next);
	buf_fini(&altered);
}

/* A client with flat12's key whose payload is altered before it is sealed. */
static void
fuzz_payload(int whole, const uint8_t *data, size_t size)
{
	struct channel *c = channel_dial(&actor, "b1");
	struct channel *b = channel_accept(&broker);
	struct buf out = { 0 }, next = { 0 }, payload = { 0 }, altered = { 0 };
	const char *why;

	session_fix(c, &actor, session_e[0]);
	session_fix(b, &broker, session_e[1]);
	channel_start(c, &out);
	channel_step(b, out.p, out.len, net.now, &next, &why);
	if (noise_read(c->noise, next.p + CHANNEL_HEAD, next.len - CHANNEL_HEAD,
		&payload) != 0)
		abort();
	buf_clear(&payload);
	payload_write(c, net.now, &payload);
	alter(&payload, whole, data, size, &altered);
	buf_clear(&out);
	if (handshake_write(c, TYPE_HS3, &altered, &out) == 0) {
		buf_clear(&next);
		if (channel_step(b, out.p, out.len, net.now, &next, &why) ==
			CHANNEL_OPEN &&
		    strcmp(channel_peer(b)->subject, "flat12") != 0)
			abort();
		if (out.len <= HANDSHAKE_MAX && next.len == 0)
			abort();
	}
	channel_free(c);
	channel_free(b);
	buf_fini(&out);
	buf_fini(&next);
	buf_fini(&payload);
	buf_fini(&altered);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int whole, which;

	if (size < 2)
		return 0;
	whole = data[1] & 0x80;
	which = data[1] & 0x7f;
	switch (data[0] % MODES) {
	case 0: fuzz_data(which, whole, data + 2, size - 2); break;
	case 1: fuzz_handshake(which, whole, data + 2, size - 2); break;
	default: fuzz_payload(whole, data + 2, size - 2); break;
	}
	return 0;
}

/*
 * The SP codec: however a stream is cut, it gives the same messages and
 * breaks at the same place for the same reason; what sp_head() wrote comes
 * back.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/sp.h"

enum { LIMIT = 300, STREAM = 4096, TRACE = 8192 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a reader saw, as bytes to compare. */
struct trace {
	size_t n;
	uint8_t p[TRACE * 4];
};

static void
trace_add(struct trace *t, const void *p, size_t n)
{
	if (n > sizeof t->p - t->n)
		abort();
	if (n > 0)
		memcpy(t->p + t->n, p, n);
	t->n += n;
}

/* The caller's side of sp_read(): bodies pass by without a copy. */
struct session {
	struct sp_reader reader;
	uint64_t body;
	int broken;
	struct trace trace;
};

static void
message_begin(struct session *s)
{
	uint64_t body = s->reader.body;
	size_t path = s->reader.path_len;

	if (body > LIMIT || path < 4 || path > SP_PATH_MAX || path % 4 != 0)
		abort();
	if ((s->reader.path[path - 4] & 0x80) == 0)
		abort();
	trace_add(&s->trace, "M", 1);
	trace_add(&s->trace, s->reader.path, path);
	trace_add(&s->trace, &body, sizeof body);
	s->body = body;
}

static void
session_feed(struct session *s, const char *p, size_t n)
{
	const char *why = NULL;

	while (n > 0 && !s->broken) {
		size_t part = s->body < n ? (size_t)s->body : n, had;

		trace_add(&s->trace, p, part);
		p += part;
		n -= part;
		s->body -= part;
		if (n == 0)
			return;
		had = n;
		switch (sp_read(&s->reader, &p, &n, &why)) {
		case SP_BAD:
			trace_add(&s->trace, why, strlen(why));
			s->broken = 1;
			break;
		case SP_GREETED: trace_add(&s->trace, "G", 1); break;
		case SP_MESSAGE: message_begin(s); break;
		case SP_MORE:
			if (n != 0)
				abort();
			break;
		}
		if (!s->broken && n >= had)
			abort();
	}
}

static void
session_run(struct session *s, enum sp_transport transport, const char *p,
    size_t n, const uint8_t *cuts, size_t ncuts)
{
	size_t i = 0, part;

	s->body = s->trace.n = 0;
	s->broken = 0;
	sp_reader_init(&s->reader, transport, SP_REQ, LIMIT);
	while (n > 0) {
		part = ncuts > 0 ? cuts[i++ % ncuts] % 32 + 1U : n;
		if (part > n)
			part = n;
		session_feed(s, p, part);
		p += part;
		n -= part;
	}
}

static void
same(enum sp_transport transport, const char *p, size_t n, const uint8_t *cuts,
    size_t ncuts)
{
	static const uint8_t one[1] = { 0 };
	static struct session whole, cut;

	session_run(&whole, transport, p, n, NULL, 0);
	session_run(&cut, transport, p, n, cuts, ncuts);
	if (whole.trace.n != cut.trace.n ||
	    memcmp(whole.trace.p, cut.trace.p, whole.trace.n) != 0)
		abort();
	session_run(&cut, transport, p, n, one, 1);
	if (whole.trace.n != cut.trace.n ||
	    memcmp(whole.trace.p, cut.trace.p, whole.trace.n) != 0)
		abort();
}

/* Messages shaped by the input: each byte a number of hops and a length. */
static size_t
stream_build(char *out, enum sp_transport transport, const uint8_t *p, size_t n,
    struct trace *want)
{
	uint8_t path[SP_PATH_MAX];
	uint64_t body;
	size_t at = SP_GREETING, words, i;

	sp_greeting((uint8_t *)out, SP_REQ);
	trace_add(want, "G", 1);
	for (; n >= 2 && at < STREAM - SP_HEAD_MAX - LIMIT; p += 2, n -= 2) {
		words = p[0] % 16 + 1U;
		memset(path, p[1] & 0x7f, sizeof path);
		path[words * 4 - 4] |= 0x80;
		body = p[1];
		at += sp_head(
		    (uint8_t *)out + at, transport, path, words * 4, body);
		memset(out + at, p[0], (size_t)body);
		trace_add(want, "M", 1);
		trace_add(want, path, words * 4);
		trace_add(want, &body, sizeof body);
		for (i = 0; i < body; i++)
			trace_add(want, &p[0], 1);
		at += (size_t)body;
	}
	return at;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char stream[STREAM];
	static struct trace want;
	static struct session got;
	enum sp_transport transport;
	size_t ncuts, n;

	if (size < 10 || size > STREAM - SP_GREETING)
		return 0;
	transport = data[0] & 1 ? SP_IPC : SP_TCP;
	ncuts = data[0] >> 5;
	if (data[0] & 2) {
		want.n = 0;
		n = stream_build(stream, transport, data + 8, size - 8, &want);
		session_run(&got, transport, stream, n, data + 1, ncuts);
		if (got.trace.n != want.n ||
		    memcmp(got.trace.p, want.p, want.n) != 0)
			abort();
		return 0;
	}
	/* Arbitrary bytes, behind a good greeting or not. */
	n = data[0] & 4 ? SP_GREETING : 0;
	sp_greeting((uint8_t *)stream, SP_REQ);
	memcpy(stream + n, data + 8, size - 8);
	same(transport, stream, n + size - 8, data + 1, ncuts);
	return 0;
}

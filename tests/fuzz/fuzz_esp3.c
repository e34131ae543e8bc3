/*
 * A stream in any pieces gives the same packets; each encodes to the bytes it
 * was read from; all bytes are accounted for; a gap is as good as a new
 * reader.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "device/enocean/esp3.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int truth)
{
	if (!truth)
		abort();
}

/* Packets one after another, encoded again. */
struct given {
	struct buf bytes;
	uint64_t count;
};

static void
take_all(struct esp3_reader *r, struct given *g)
{
	struct esp3_packet p;

	while (esp3_next(r, &p)) {
		size_t before = g->bytes.len, n;

		require(p.n + p.nopt > 0 && p.n + p.nopt <= ESP3_BODY_MAX);
		require(p.t == r->t || p.t == r->before);
		esp3_add(&g->bytes, (enum esp3_type)p.type, p.data, p.n, p.opt,
		    p.nopt);
		n = g->bytes.len - before;
		require(
		    memcmp(g->bytes.p + before, p.data - ESP3_HEADER, n) == 0);
		g->count++;
	}
}

static void
end(struct esp3_reader *r, struct given *g)
{
	take_all(r, g);
	if (esp3_pending(r))
		esp3_gap(r);
	take_all(r, g);
	require(!esp3_pending(r));
}

static void
account(const struct esp3_counts *c, const struct given *g)
{
	uint64_t packets = 0;

	for (size_t i = 0; i < 256; i++)
		packets += c->packets[i];
	require(packets == g->count);
	require(c->bytes == c->skipped + g->bytes.len);
	require(c->bad_header + c->bad_data + c->cut <= c->skipped);
}

static void
require_same(const struct given *a, const struct given *b)
{
	require(a->count == b->count && a->bytes.len == b->bytes.len);
	require(a->bytes.len == 0 ||
	    memcmp(a->bytes.p, b->bytes.p, a->bytes.len) == 0);
}

/* In pieces whose sizes the bytes of the stream itself choose. */
static void
feed_pieces(struct esp3_reader *r, const uint8_t *p, size_t n, uint8_t most,
    struct given *g)
{
	size_t at = 0;

	while (at < n) {
		size_t piece = 1 + (size_t)p[at] % (most + 1u);

		piece = piece < n - at ? piece : n - at;
		esp3_feed(r, p + at, piece, (int64_t)at);
		if (most & 1)
			take_all(r, g);
		at += piece;
	}
	take_all(r, g);
}

/* Good packets between the bytes as they are: otherwise CRCs keep all out. */
static void
make_stream(struct buf *b, const uint8_t *p, size_t n)
{
	while (n > 3) {
		size_t len = p[0] % (n - 3) + 1, opt = p[1] % len;

		if (p[2] & 0xc0)
			esp3_add(b, (enum esp3_type)(p[2] & 0x3f), p + 3,
			    len - opt, p + 3 + len - opt, opt);
		else
			buf_add(b, p + 3, len);
		p += 3 + len;
		n -= 3 + len;
	}
	buf_add(b, p, n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct esp3_reader whole = { 0 }, halves = { 0 }, second = { 0 };
	struct given want = { 0 }, got = { 0 }, apart = { 0 };
	struct buf stream = { 0 };
	const uint8_t *p;
	size_t cut;

	if (size < 3 || size > 8192)
		return 0;
	if (data[0] & 1)
		make_stream(&stream, data + 3, size - 3);
	else
		buf_add(&stream, data + 3, size - 3);
	p = (const uint8_t *)buf_cstr(&stream);
	if (stream.len > 0)
		esp3_feed(&whole, p, stream.len, 0);
	end(&whole, &want);
	account(&whole.counts, &want);

	feed_pieces(&halves, p, stream.len, data[1], &got);
	end(&halves, &got);
	account(&halves.counts, &got);
	require_same(&want, &got);
	require(halves.counts.bad_header == whole.counts.bad_header &&
	    halves.counts.bad_data == whole.counts.bad_data &&
	    halves.counts.cut == whole.counts.cut);

	/* A gap somewhere: as two readers, one for each side of it. */
	cut = stream.len * data[2] / 256;
	got.count = 0;
	buf_clear(&got.bytes);
	feed_pieces(&halves, p, cut, data[1], &got);
	esp3_gap(&halves);
	feed_pieces(&halves, p + cut, stream.len - cut, data[1], &got);
	end(&halves, &got);
	esp3_fini(&whole);
	feed_pieces(&whole, p, cut, 0xff, &apart);
	end(&whole, &apart);
	feed_pieces(&second, p + cut, stream.len - cut, 0xfe, &apart);
	end(&second, &apart);
	require_same(&got, &apart);

	esp3_fini(&whole);
	esp3_fini(&halves);
	esp3_fini(&second);
	buf_fini(&stream);
	buf_fini(&want.bytes);
	buf_fini(&got.bytes);
	buf_fini(&apart.bytes);
	return 0;
}

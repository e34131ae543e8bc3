/*
 * Records: bytes that are none are refused without a read outside them; a
 * record made from frames gives the same frames back; a changed byte is
 * found.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broker/record.h"

enum { FRAMES = 16 };

/* Run numbers of the runs of deps. */
static const uint32_t number[] = { 0, 7, 1 << 20, UINT32_MAX };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input as a record, with its checksums made right as well. */
static void
read_any(const uint8_t *data, size_t size)
{
	struct frame_head head;
	struct record r;
	size_t at = RECORD_HEAD, before = at, sum = 0;

	record_check(data, size);
	record_head(data, size, &r);
	while (record_frame(data, size, &at, &head) == 1) {
		if (at <= before || at > size)
			abort();
		before = at;
		for (uint32_t i = 0; i < head.len; i++)
			sum += (unsigned char)head.lines[i];
		for (uint32_t i = 0; i < head.summary_len; i++)
			sum += head.summary[i];
		sum += strlen(head.from);
		if (head.deps > FRAME_DEPS_MAX)
			abort();
		for (uint32_t i = 0; i < head.deps; i++)
			sum += head.dep[i].run + head.dep[i].n;
	}
	if (sum == SIZE_MAX)
		abort();
}

struct input {
	const uint8_t *p;
	size_t n;
};

static const uint8_t *
take(struct input *in, size_t n)
{
	const uint8_t *p = in->p;

	if (in->n < n)
		return NULL;
	in->p += n;
	in->n -= n;
	return p;
}

/* A frame made of the next bytes of the input; 0 if there are too few. */
static int
make_frame(struct input *in, struct frame_head *h)
{
	const uint8_t *p = take(in, 40), *q;

	if (p == NULL)
		return 0;
	memset(h, 0, sizeof *h);
	h->n = record_get64(p);
	h->rt = (int64_t)record_get64(p + 8);
	h->chan = record_get64(p + 16);
	h->first = record_get64(p + 24);
	h->events = 1 + (record_get32(p + 32) & 0xffff);
	h->numbers = record_get32(p + 32);
	h->summary_len = p[36];
	h->len = p[37];
	h->deps = p[39] % (FRAME_DEPS_MAX + 1);
	for (uint32_t i = 0; i < h->deps; i++)
		h->dep[i] =
		    (struct frame_dep){ p[39] >> (2 + i) & 3, h->n ^ h->chan };
	q = take(in, p[38] % (FRAME_FROM_MAX + 1));
	if (q != NULL)
		memcpy(h->from, q, p[38] % (FRAME_FROM_MAX + 1));
	for (size_t i = 0; q != NULL && i < FRAME_FROM_MAX; i++)
		if (h->from[i] == '\0')
			memset(h->from + i, 0, sizeof h->from - i);
	h->summary = take(in, h->summary_len);
	h->lines = (const char *)take(in, h->len);
	return q != NULL && h->summary != NULL && h->lines != NULL;
}

static void
expect_same(const struct frame_head *a, const struct frame_head *b)
{
	if (a->n != b->n || a->events != b->events ||
	    a->numbers != b->numbers || a->rt != b->rt || a->chan != b->chan ||
	    a->first != b->first || a->len != b->len || a->deps != b->deps ||
	    a->summary_len != b->summary_len || strcmp(a->from, b->from) != 0 ||
	    memcmp(a->summary, b->summary, a->summary_len) != 0 ||
	    memcmp(a->lines, b->lines, a->len) != 0)
		abort();
	for (uint32_t i = 0; i < a->deps; i++)
		if (a->dep[i].run != number[b->dep[i].run] ||
		    a->dep[i].n != b->dep[i].n)
			abort();
}

static void
round_trip(const struct frame_head *frame, size_t n, uint8_t spoil)
{
	struct frame_head head;
	size_t length = RECORD_HEAD, at = RECORD_HEAD;
	uint8_t *out, *p;

	for (size_t i = 0; i < n; i++)
		length += record_frame_size(&frame[i]);
	out = malloc(length);
	if (out == NULL)
		abort();
	p = record_begin(out);
	for (size_t i = 0; i < n; i++)
		p = record_add(p, &frame[i], number);
	record_finish(out, length, 9);
	if (frame[0].n < UINT64_MAX - FRAMES * 0x10000 &&
	    record_check(out, length) != 0)
		abort();
	for (size_t i = 0; i < n; i++) {
		if (record_frame(out, length, &at, &head) != 1)
			abort();
		expect_same(&head, &frame[i]);
	}
	if (record_frame(out, length, &at, &head) != 0)
		abort();
	out[spoil * 7 % length] ^= 1;
	if (record_check(out, length) == 0)
		abort();
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame_head frame[FRAMES];
	struct input in = { data, size };
	size_t n = 0;

	if (size == 0)
		return 0;
	read_any(data, size);
	take(&in, 1);
	while (n < FRAMES && make_frame(&in, &frame[n]))
		n++;
	if (n > 0)
		round_trip(frame, n, data[0]);
	return 0;
}

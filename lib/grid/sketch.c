#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/die.h"
#include "grid/sketch.h"

enum {
	FORMAT = 1,
	LEAD_PLACES = 2, /* 100 to 999 are 1.00 to 9.99 */
	RANK_ALL = 1000000
};

static const int64_t values_max = INT64_C(1000000000000000);

/*
 * A decade's buckets by the first three digits: 100 to 199 in twos, to 499 in
 * fours, to 999 in tens.  Half a bucket is never more than 1 % of its least.
 */
static const struct part {
	int first, lead, step;
} decade[] = { { 125, 500, 10 }, { 50, 200, 4 }, { 0, 100, 2 } };

int
sketch_bucket(const struct num_sum *x, int32_t *at)
{
	const struct part *part = decade;
	int exponent, lead = num_sum_lead(x, &exponent), size = abs(lead);

	exponent += LEAD_PLACES;
	*at = 0;
	if (exponent >= SKETCH_HIGH)
		return lead == 0 ? 0 : -1;
	if (lead == 0 || exponent < SKETCH_LOW)
		return 0;
	while (size < part->lead)
		part++;
	*at = 1 + (exponent - SKETCH_LOW) * SKETCH_DECADE + part->first +
	    (size - part->lead) / part->step;
	if (lead < 0)
		*at = -*at;
	return 0;
}

/* Append the middle of the bucket. */
static void
print_bucket(int32_t at, struct buf *b)
{
	int size = abs(at) - 1, in = size % SKETCH_DECADE, k, middle;
	int point = size / SKETCH_DECADE + SKETCH_LOW + 1;
	const struct part *part = decade;
	char d[8];

	if (at == 0) {
		buf_addc(b, '0');
		return;
	}
	while (in < part->first)
		part++;
	middle = part->lead + (in - part->first) * part->step + part->step / 2;
	for (k = 3; middle % 10 == 0; k--)
		middle /= 10;
	for (int i = k; i-- > 0; middle /= 10)
		d[i] = (char)('0' + middle % 10);
	if (at < 0)
		buf_addc(b, '-');
	b->len += num_layout(buf_room(b, NUM_MAX), d, k, point);
}

/* The place of the first bin that is not before at. */
static uint32_t
find(const struct sketch *s, int32_t at)
{
	uint32_t low = 0, high = s->nbins;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (s->bin[middle].at < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
room(struct sketch *s)
{
	if (s->nbins < s->cap)
		return;
	s->cap = s->cap == 0 ? 4 : s->cap * 2;
	s->bin = xrealloc(s->bin, s->cap * sizeof *s->bin);
}

void
sketch_add(struct sketch *s, int32_t at, int64_t n)
{
	uint32_t i = find(s, at);

	s->n += n;
	if (i < s->nbins && s->bin[i].at == at) {
		s->bin[i].n += n;
		return;
	}
	room(s);
	memmove(s->bin + i + 1, s->bin + i, (s->nbins - i) * sizeof *s->bin);
	s->bin[i] = (struct sketch_bin){ at, n };
	s->nbins++;
}

void
sketch_merge(struct sketch *s, const struct sketch *other)
{
	struct sketch out = { 0 };
	uint32_t i = 0, j = 0;

	if (other->nbins < 4) {
		for (; j < other->nbins; j++)
			sketch_add(s, other->bin[j].at, other->bin[j].n);
		return;
	}
	out.cap = s->nbins + other->nbins;
	out.bin = xmalloc(out.cap * sizeof *out.bin);
	while (i < s->nbins || j < other->nbins) {
		struct sketch_bin *bin = &out.bin[out.nbins++];

		if (j == other->nbins ||
		    (i < s->nbins && s->bin[i].at <= other->bin[j].at))
			*bin = s->bin[i++];
		else
			*bin = (struct sketch_bin){ other->bin[j].at, 0 };
		if (j < other->nbins && other->bin[j].at == bin->at)
			bin->n += other->bin[j++].n;
	}
	out.n = s->n + other->n;
	free(s->bin);
	*s = out;
}

void
sketch_quantile(const struct sketch *s, int32_t rank, struct buf *b)
{
	__int128 before = (__int128)rank * (s->n - 1) / RANK_ALL;
	uint32_t i = 0;

	for (; i + 1 < s->nbins && before >= s->bin[i].n; i++)
		before -= s->bin[i].n;
	print_bucket(s->bin[i].at, b);
}

static void
put(struct buf *b, uint64_t v)
{
	for (; v >= 128; v >>= 7)
		buf_addc(b, (char)(v | 128));
	buf_addc(b, (char)v);
}

void
sketch_print(const struct sketch *s, struct buf *b)
{
	struct buf bytes = { 0 };
	int64_t last = 0;

	buf_addc(&bytes, FORMAT);
	for (uint32_t i = 0; i < s->nbins; i++) {
		int64_t step = s->bin[i].at - last;

		if (i == 0)
			step = step < 0 ? -2 * step - 1 : 2 * step;
		put(&bytes, (uint64_t)step);
		put(&bytes, (uint64_t)s->bin[i].n);
		last = s->bin[i].at;
	}
	base64_add(b, BASE64_URL, bytes.p, bytes.len);
	buf_fini(&bytes);
}

/* The number at *p, in its shortest form: 0, or -1. */
static int
get(const unsigned char **p, const unsigned char *end, int64_t *v)
{
	*v = 0;
	for (int shift = 0; *p < end && shift < 56; shift += 7) {
		unsigned char c = *(*p)++;

		*v |= (int64_t)(c & 127) << shift;
		if (c < 128)
			return c == 0 && shift > 0 ? -1 : 0;
	}
	return -1;
}

/* The place of the next bucket. */
static int
get_at(const unsigned char **p, const unsigned char *end,
    const struct sketch *s, int64_t *at)
{
	int64_t step;

	if (get(p, end, &step) == -1 || step > 4 * SKETCH_BUCKETS)
		return -1;
	if (s->nbins == 0)
		*at = step % 2 == 0 ? step / 2 : -(step + 1) / 2;
	else if (step == 0)
		return -1;
	else
		*at = s->bin[s->nbins - 1].at + step;
	return *at < -SKETCH_BUCKETS || *at > SKETCH_BUCKETS ? -1 : 0;
}

static int
parse(struct sketch *s, const unsigned char *p, const unsigned char *end)
{
	int64_t at, n;

	if (p == end || *p++ != FORMAT)
		return -1;
	while (p < end) {
		if (get_at(&p, end, s, &at) == -1 || get(&p, end, &n) == -1 ||
		    n == 0 || n > values_max - s->n)
			return -1;
		room(s);
		s->bin[s->nbins++] = (struct sketch_bin){ (int32_t)at, n };
		s->n += n;
	}
	return 0;
}

/* All values times 10^shift: -1 if one is then outside. */
static int
move(struct sketch *s, int shift)
{
	int32_t by;

	if (shift > SKETCH_HIGH - SKETCH_LOW ||
	    shift < SKETCH_LOW - SKETCH_HIGH)
		return -1;
	by = shift * SKETCH_DECADE;
	for (uint32_t i = 0; i < s->nbins; i++) {
		int32_t at = s->bin[i].at, size = abs(at) + by;

		if (at == 0)
			continue;
		if (size < 1 || size > SKETCH_BUCKETS)
			return -1;
		s->bin[i].at = at < 0 ? -size : size;
	}
	return 0;
}

int
sketch_parse(struct sketch *s, const char *p, size_t n, int shift)
{
	unsigned char *bytes;
	long len;

	if (n > SKETCH_TEXT_MAX)
		return -1;
	bytes = xmalloc(n / 4 * 3 + 3);
	len = base64_parse(bytes, n / 4 * 3 + 3, BASE64_URL, p, n);
	if (len < 0 || parse(s, bytes, bytes + len) == -1 ||
	    (shift != 0 && move(s, shift) == -1)) {
		sketch_fini(s);
		len = -1;
	}
	free(bytes);
	return len < 0 ? -1 : 0;
}

void
sketch_fini(struct sketch *s)
{
	free(s->bin);
	*s = (struct sketch){ 0 };
}

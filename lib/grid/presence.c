#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/num.h"
#include "grid/group.h"
#include "grid/presence.h"

enum { BITS_MAX = 60 }; /* of 10000 years of microseconds, and more */

/*
 * Code 0 is GROUP_ALWAYS, code c is least + (c - 1) * unit, unless all are
 * the same (no bits): then that is least.
 */
struct presence_packed {
	int64_t least, unit;
	unsigned bits;
	uint64_t word[];
};

static uint64_t
code_at(const struct presence_packed *k, uint32_t i)
{
	uint64_t bit = (uint64_t)i * k->bits;
	unsigned low = bit % 64;
	uint64_t code = k->word[bit / 64] >> low;

	if (low + k->bits > 64)
		code |= k->word[bit / 64 + 1] << (64 - low);
	return code & (UINT64_MAX >> (64 - k->bits));
}

static int64_t
packed_at(const struct presence_packed *k, uint32_t i)
{
	uint64_t code;

	if (k->bits == 0)
		return k->least;
	code = code_at(k, i);
	return code == 0 ? GROUP_ALWAYS
			 : k->least + (int64_t)(code - 1) * k->unit;
}

int64_t
presence_at(const struct presence *p, uint32_t i, int64_t start)
{
	uint32_t offset;

	if (i >= p->n)
		return GROUP_ALWAYS;
	switch ((enum presence_form)p->form) {
	case PRESENCE_WIDE: return p->wide[i];
	case PRESENCE_PACKED: return packed_at(p->packed, i);
	case PRESENCE_FEW: offset = p->few[i]; break;
	default: offset = p->narrow[i];
	}
	return offset == 0 ? GROUP_ALWAYS : start + (int64_t)offset - 1;
}

void
presence_times(
    const struct presence *p, int64_t *times, uint32_t n, int64_t start)
{
	for (uint32_t i = 0; i < n; i++)
		times[i] = presence_at(p, i, start);
}

static void
widen(struct presence *p, int64_t start, uint32_t n)
{
	int64_t *times;

	if (n < p->n)
		n = p->n;
	times = xcalloc(n, sizeof *times);
	presence_times(p, times, n, start);
	presence_fini(p);
	p->form = PRESENCE_WIDE;
	p->wide = times;
	p->n = n;
}

static int
fits(int64_t start, int64_t t)
{
	return t >= start && t - start < UINT32_MAX;
}

/* Room for source i of that many, in the form that the time needs. */
static void
make_room(
    struct presence *p, uint32_t i, int64_t start, int64_t t, uint32_t sources)
{
	uint32_t few[PRESENCE_FEW_MAX] = { 0 }, n = p->n;

	if (p->form == PRESENCE_PACKED ||
	    (p->form != PRESENCE_WIDE && !fits(start, t))) {
		widen(p, start, sources);
		return;
	}
	if (i < n)
		return;
	if (p->form == PRESENCE_FEW && i < PRESENCE_FEW_MAX) {
		p->n = i + 1;
		return;
	}
	p->n = i + i / 4 + 4 < sources ? i + i / 4 + 4 : sources;
	if (p->form == PRESENCE_WIDE) {
		p->wide = xrealloc(p->wide, p->n * sizeof *p->wide);
		for (; n < p->n; n++)
			p->wide[n] = GROUP_ALWAYS;
		return;
	}
	if (p->form == PRESENCE_FEW) {
		memcpy(few, p->few, n * sizeof *few);
		p->narrow = NULL;
	}
	p->narrow = xrealloc(p->narrow, p->n * sizeof *p->narrow);
	if (p->form == PRESENCE_FEW)
		memcpy(p->narrow, few, n * sizeof *few);
	memset(p->narrow + n, 0, (p->n - n) * sizeof *p->narrow);
	p->form = PRESENCE_NARROW;
}

int
presence_note(
    struct presence *p, uint32_t i, int64_t start, int64_t t, uint32_t sources)
{
	uint32_t offset, *at;

	if (p->form == PRESENCE_PACKED && presence_at(p, i, start) >= t)
		return 0;
	if (i >= p->n || p->form == PRESENCE_PACKED ||
	    (p->form != PRESENCE_WIDE && !fits(start, t)))
		make_room(p, i, start, t, sources);
	if (p->form == PRESENCE_WIDE) {
		if (t <= p->wide[i])
			return 0;
		p->wide[i] = t;
		return 1;
	}
	at = p->form == PRESENCE_FEW ? &p->few[i] : &p->narrow[i];
	offset = (uint32_t)(t - start) + 1;
	if (offset <= *at)
		return 0;
	*at = offset;
	return 1;
}

/* Least time, common divisor of the others' distances, and how many bits. */
static void
measure(struct presence_packed *k, const int64_t *times, uint32_t n)
{
	int64_t least = GROUP_NEVER, greatest = GROUP_ALWAYS, unit = 0;
	int never = 0;
	uint64_t codes;

	for (uint32_t i = 0; i < n; i++) {
		never |= times[i] == GROUP_ALWAYS;
		if (times[i] != GROUP_ALWAYS && times[i] < least)
			least = times[i];
		if (times[i] > greatest)
			greatest = times[i];
	}
	for (uint32_t i = 0; i < n; i++) {
		int64_t d = times[i] - least;

		if (times[i] != GROUP_ALWAYS &&
		    (unit == 0 ? d != 0 : d % unit != 0))
			unit = num_common_divisor(unit, d);
	}
	k->least = greatest == GROUP_ALWAYS ? GROUP_ALWAYS : least;
	k->unit = unit == 0 ? 1 : unit;
	k->bits = 0;
	if (k->least == GROUP_ALWAYS || (unit == 0 && !never))
		return;
	codes = (uint64_t)((greatest - least) / k->unit) + 1;
	while (codes >> k->bits != 0)
		k->bits++;
}

static size_t
words_of(uint32_t n, unsigned bits)
{
	return bits == 0 ? 0 : ((size_t)n * bits + 63) / 64 + 1;
}

static void
take_packed(struct presence *p, struct presence_packed *k, uint32_t n)
{
	presence_fini(p);
	p->form = PRESENCE_PACKED;
	p->packed = k;
	p->n = n;
}

void
presence_pack(struct presence *p, const int64_t *times, uint32_t n)
{
	struct presence_packed head, *k;

	measure(&head, times, n);
	k = xcalloc(1, sizeof *k + words_of(n, head.bits) * sizeof *k->word);
	*k = head;
	for (uint32_t i = 0; head.bits != 0 && i < n; i++) {
		uint64_t code = times[i] == GROUP_ALWAYS
		    ? 0
		    : (uint64_t)((times[i] - k->least) / k->unit) + 1;
		uint64_t bit = (uint64_t)i * k->bits;
		unsigned low = bit % 64;

		k->word[bit / 64] |= code << low;
		if (low + k->bits > 64)
			k->word[bit / 64 + 1] |= code >> (64 - low);
	}
	take_packed(p, k, n);
}

static void
packed_save(const struct presence *p, struct buf *b)
{
	const struct presence_packed *k = p->packed;

	memo_put_i64(b, k->least);
	memo_put_i64(b, k->unit);
	memo_put_uint(b, k->bits);
	for (size_t i = 0; i < words_of(p->n, k->bits); i++)
		memo_put_u64(b, k->word[i]);
}

static void
packed_load(struct presence *p, uint32_t n, struct memo_record *r)
{
	struct presence_packed head = { 0 }, *k;
	size_t words;

	head.least = memo_get_i64(r);
	head.unit = memo_get_i64(r);
	head.bits = (unsigned)memo_get_uint(r);
	/* So that no code can overflow. */
	if (head.bits > BITS_MAX || head.unit < 1 ||
	    head.least < GROUP_ALWAYS || head.least > GROUP_NEVER / 2 ||
	    head.unit > INT64_C(1) << (BITS_MAX - head.bits))
		r->bad = 1;
	words = r->bad ? 0 : words_of(n, head.bits);
	if (words > r->n / sizeof *k->word)
		r->bad = 1;
	if (r->bad)
		return;
	k = xcalloc(1, sizeof *k + words * sizeof *k->word);
	*k = head;
	for (size_t i = 0; i < words; i++)
		k->word[i] = memo_get_u64(r);
	take_packed(p, k, n);
}

void
presence_save(const struct presence *p, int64_t start, struct buf *b)
{
	memo_put_uint(b, p->n);
	memo_put_uint(b, p->form);
	if (p->form == PRESENCE_PACKED) {
		packed_save(p, b);
		return;
	}
	memo_put_i64(b, start);
	for (uint32_t i = 0; i < p->n; i++) {
		int64_t t = presence_at(p, i, start);

		/* A wide one may be of before the pane. */
		if (p->form == PRESENCE_WIDE)
			memo_put_i64(b, t);
		else
			memo_put_uint(b,
			    t == GROUP_ALWAYS ? 0 : (uint64_t)(t - start) + 1);
	}
}

void
presence_load(struct presence *p, struct memo_record *r)
{
	size_t n = memo_get_uint(r);
	uint64_t form = memo_get_uint(r);
	int64_t start, t;

	if (n > UINT32_MAX / 2 || form > PRESENCE_PACKED)
		r->bad = 1;
	if (form == PRESENCE_PACKED) {
		packed_load(p, (uint32_t)n, r);
		return;
	}
	start = memo_get_i64(r);
	if (n > r->n || start < GROUP_ALWAYS || start > GROUP_NEVER / 2)
		r->bad = 1;
	for (uint32_t i = 0; !r->bad && i < n; i++) {
		uint64_t offset;

		if (form == PRESENCE_WIDE)
			t = memo_get_i64(r);
		else {
			offset = memo_get_uint(r);
			r->bad |= offset > UINT32_MAX;
			t = offset == 0 || r->bad ? GROUP_ALWAYS
						  : start + (int64_t)offset - 1;
		}
		if (t < GROUP_ALWAYS || t > GROUP_NEVER)
			r->bad = 1;
		else if (t != GROUP_ALWAYS)
			presence_note(p, i, start, t, (uint32_t)n);
	}
}

void
presence_fini(struct presence *p)
{
	switch ((enum presence_form)p->form) {
	case PRESENCE_FEW: break;
	case PRESENCE_NARROW: free(p->narrow); break;
	case PRESENCE_WIDE: free(p->wide); break;
	default: free(p->packed);
	}
	memset(p, 0, sizeof *p);
}

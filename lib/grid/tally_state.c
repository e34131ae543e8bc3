#include "grid/tally_state.h"

enum { SUM_PLAIN, SUM_TEXT, SCALE_MAX = 18 };

static const uint64_t count_max = INT64_MAX / 2;

static uint64_t
fold(int64_t v)
{
	return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

static int64_t
unfold(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

void
sum_save(const struct num_sum *sum, struct buf *b)
{
	struct buf text = { 0 };

	if (sum->wide == NULL && sum->units == (int64_t)sum->units) {
		memo_put_uint(b, (uint64_t)sum->scale);
		memo_put_uint(b, fold((int64_t)sum->units));
		return;
	}
	memo_put_uint(b, SCALE_MAX + 1);
	num_sum_format(sum, 1, 1, &text);
	memo_put_bytes(b, text.p, text.len);
	buf_fini(&text);
}

void
sum_load(struct num_sum *sum, struct memo_record *r)
{
	uint64_t scale = memo_get_uint(r);
	const char *p;
	size_t n;

	if (scale <= SCALE_MAX) {
		sum->scale = (int)scale;
		sum->units = unfold(memo_get_uint(r));
		return;
	}
	p = memo_get_bytes(r, &n);
	if (!r->bad && num_sum_add(sum, p, n) == -1)
		r->bad = 1;
}

static void
value_save(const struct tally_value *v, struct buf *b)
{
	sum_save(&v->v, b);
	memo_put_i64(b, v->at);
}

static void
value_load(struct tally_value *v, struct memo_record *r)
{
	sum_load(&v->v, r);
	v->at = memo_get_i64(r);
}

void
tally_save(const struct tally *t, struct buf *b)
{
	memo_put_uint(b, (uint64_t)t->values);
	if (t->values == 0)
		return;
	memo_put_uint(b, (uint64_t)t->n);
	memo_put_uint(b, t->ends != NULL);
	sum_save(&t->sum, b);
	if (t->ends == NULL)
		return;
	value_save(&t->ends->min, b);
	value_save(&t->ends->max, b);
	value_save(&t->ends->first, b);
	value_save(&t->ends->last, b);
}

void
tally_load(struct tally *t, unsigned parts, struct memo_record *r)
{
	uint64_t values = memo_get_uint(r), n = 0, ends;
	struct tally_ends *e;

	if (values == 0)
		return;
	n = memo_get_uint(r);
	ends = memo_get_uint(r);
	sum_load(&t->sum, r);
	if (values > count_max || n > count_max ||
	    ends != ((parts & TALLY_HAS_ENDS) != 0))
		r->bad = 1;
	if (r->bad)
		return;
	t->values = (int64_t)values;
	t->n = (int64_t)n;
	e = tally_ends(t, parts);
	if (e == NULL)
		return;
	value_load(&e->min, r);
	value_load(&e->max, r);
	value_load(&e->first, r);
	value_load(&e->last, r);
}

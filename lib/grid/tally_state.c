#include "grid/tally_state.h"

enum { SCALE_MAX = 18 };

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
	num_sum_exact(sum, &text);
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
	if (!r->bad && num_sum_take(sum, p, n) == -1)
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

/* What is not negative and leaves room to count on. */
static int64_t
get_count(struct memo_record *r)
{
	uint64_t n = memo_get_uint(r);

	if (n > count_max)
		r->bad = 1;
	return r->bad ? 0 : (int64_t)n;
}

static void
more_save(const struct tally_more *more, struct buf *b)
{
	int n = __builtin_popcount(more->parts);
	struct buf text = { 0 };

	memo_put_uint(b, (uint64_t)more->ignored);
	memo_put_uint(b, (uint64_t)more->resets);
	for (int i = 0; i < n; i++)
		value_save(&more->value[i], b);
	if (more->sketch.n > 0)
		sketch_print(&more->sketch, &text);
	memo_put_bytes(b, text.p, text.len);
	buf_fini(&text);
}

static void
more_load(struct tally_more *more, struct memo_record *r)
{
	int count = __builtin_popcount(more->parts);
	const char *p;
	size_t n;

	more->ignored = get_count(r);
	more->resets = get_count(r);
	for (int i = 0; i < count; i++)
		value_load(&more->value[i], r);
	p = memo_get_bytes(r, &n);
	if (n > 0 && sketch_parse(&more->sketch, p, n, 0) == -1)
		r->bad = 1;
}

void
tally_save(const struct tally *t, struct buf *b)
{
	memo_put_uint(b, (uint64_t)t->n);
	if (t->n == 0)
		return;
	memo_put_uint(b, (uint64_t)t->values);
	memo_put_uint(b, (uint64_t)t->estimated);
	sum_save(&t->sum, b);
	memo_put_uint(b, t->more == NULL ? 0 : t->more->parts + 1);
	if (t->more != NULL)
		more_save(t->more, b);
}

void
tally_load(struct tally *t, unsigned parts, struct memo_record *r)
{
	unsigned needed = parts & TALLY_HAS_VALUES, has;

	t->n = get_count(r);
	if (t->n == 0)
		return;
	t->values = get_count(r);
	t->estimated = get_count(r);
	sum_load(&t->sum, r);
	has = (unsigned)memo_get_uint(r);
	if (has == 0 ? needed != 0 && t->values > 0
		     : has - 1 != (needed & (has - 1)))
		r->bad = 1;
	if (r->bad || has == 0)
		return;
	more_load(tally_more(t, has - 1), r);
	if (t->values > 0 &&
	    (has - 1 != needed ||
		(parts & TALLY_HAS_SKETCH && t->more->sketch.n != t->values)))
		r->bad = 1;
}

static void
point_save(const struct counter_point *p, struct buf *b)
{
	memo_put_i64(b, p->t);
	memo_put_uint(b, (uint64_t)p->scale);
	memo_put_uint(b, fold(p->v));
}

static void
point_load(struct counter_point *p, struct memo_record *r)
{
	uint64_t scale;

	p->t = memo_get_i64(r);
	scale = memo_get_uint(r);
	/* So that differences of times do not overflow. */
	if (p->t < -INT64_MAX / 2 || p->t > INT64_MAX / 2 || scale > SCALE_MAX)
		r->bad = 1;
	p->scale = r->bad ? 0 : (int)scale;
	p->v = unfold(memo_get_uint(r));
}

void
counter_save(const struct counter *c, struct buf *b)
{
	const struct counter_state *s = &c->before;

	memo_put_uint(
	    b, (uint64_t)(s->has_last | s->has_doubted << 1 | s->zero << 2));
	if (s->has_last)
		point_save(&s->last, b);
	if (s->has_doubted)
		point_save(&s->doubted, b);
	memo_put_uint(b, c->n);
	for (uint32_t i = 0; i < c->n; i++)
		point_save(&c->point[i], b);
}

void
counter_load(struct counter *c, struct memo_record *r)
{
	struct counter_state *s = &c->before;
	uint64_t has = memo_get_uint(r);
	size_t n;

	s->has_last = has & 1;
	s->has_doubted = has >> 1 & 1;
	s->zero = has >> 2 & 1;
	if (has > 7 || (has > 1 && !s->has_last))
		r->bad = 1;
	if (s->has_last)
		point_load(&s->last, r);
	if (s->has_doubted)
		point_load(&s->doubted, r);
	n = memo_get_count(r, 10);
	for (size_t i = 0; i < n && !r->bad; i++) {
		struct counter_point p;
		int64_t before = c->n > 0 ? c->point[c->n - 1].t
		    : s->has_doubted	  ? s->doubted.t
		    : s->has_last	  ? s->last.t
					  : INT64_MIN;

		point_load(&p, r);
		if (p.t <= before)
			r->bad = 1;
		else
			counter_add(c, &p, INT64_MIN);
	}
}

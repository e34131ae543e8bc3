#include <stdio.h>
#include <string.h>

#include "grid/reading.h"

/* So that no window's count overflows. */
static const int64_t readings_max = INT64_C(1000000000000);

static const char *
token(const struct event *e, enum event_member member, size_t *n)
{
	*n = e->len[member];
	return e->line + e->at[member];
}

static int
unusable(const struct event *e)
{
	size_t n;
	const char *q = token(e, EVENT_Q, &n);

	return (n == 3 && memcmp(q, "BAD", 3) == 0) ||
	    (n == 7 && memcmp(q, "MISSING", 7) == 0);
}

/* The unit of m's member name: u is one string, or an object of them. */
static void
take_unit(struct reading *r, const struct event *e, const char *name)
{
	struct json_value all, one;

	if (!event_has(e, EVENT_U))
		return;
	r->u = token(e, EVENT_U, &r->un);
	if (e->text >> EVENT_U & 1)
		return;
	all = json_value(r->u, r->un);
	r->un = 0;
	if (json_get(&all, name, &one) && one.kind == JSON_STRING) {
		r->u = one.p;
		r->un = one.n;
	}
}

static int
take_member(struct reading *r, const struct event *e, const char *name,
    const char **why)
{
	static char text[256];
	struct json_value one;

	if (!event_has(e, EVENT_M) || !json_get(&r->m, name, &one) ||
	    one.kind != JSON_NUMBER) {
		snprintf(text, sizeof text, "m has no number %s", name);
		*why = text;
		return -1;
	}
	r->v = one.p;
	r->vn = one.n;
	take_unit(r, e, name);
	return 1;
}

/*
 * w, n and what else a partial aggregate has beside its value: 1, 0 if it is
 * one of nothing, -1 if no sum could hold its numbers.
 */
static int
take_aggregate(struct reading *r, const struct event *e)
{
	struct json_value all = json_value(e->line, e->n), one;
	size_t wn;
	const char *w = token(e, EVENT_W, &wn);

	if (event_integer(e, EVENT_N, &r->n) == -1 ||
	    num_micros(w, wn, &r->w) == -1)
		return 1;
	r->aggregate = 1;
	if (event_integer(e, EVENT_REV, &r->rev) == -1)
		r->rev = 0;
	r->values = r->n;
	if (json_get(&all, "values", &one) && one.kind == JSON_NUMBER)
		num_uint(one.p, one.n, &r->values);
	if (json_get(&all, "sum", &one) && one.kind == JSON_NUMBER)
		r->sum = one;
	if (r->n > readings_max || r->values > readings_max)
		return -1;
	return r->values > 0;
}

int
reading_take(struct reading *r, const struct event *e, const char *value,
    const char **why)
{
	r->v = NULL;
	r->u = "";
	r->un = 0;
	r->n = r->values = 1;
	r->rev = r->w = 0;
	r->aggregate = 0;
	r->sum.kind = JSON_NONE;
	if (event_time(e, &r->t) == -1) {
		*why = "no time t";
		return -1;
	}
	if (event_has(e, EVENT_Q) && unusable(e))
		return 0;
	if (event_has(e, EVENT_W) && event_has(e, EVENT_N)) {
		int taken = take_aggregate(r, e);

		*why = "n is out of range";
		if (taken != 1)
			return taken;
	}
	if (event_has(e, EVENT_M)) {
		size_t n;
		const char *m = token(e, EVENT_M, &n);

		r->m = json_value(m, n);
	}
	if (value != NULL)
		r->sum.kind = JSON_NONE;
	if (value != NULL && strncmp(value, "m.", 2) == 0)
		return take_member(r, e, value + 2, why);
	if (event_has(e, EVENT_V)) {
		r->v = token(e, EVENT_V, &r->vn);
		take_unit(r, e, "v");
		return 1;
	}
	if (event_has(e, EVENT_M) && r->aggregate && value == NULL) {
		take_unit(r, e, "sum");
		for (int i = 0; r->un == 0 && i <= TALLY_LAST; i++)
			take_unit(r, e, tally_stat_name((enum tally_stat)i));
		return 1;
	}
	*why = event_has(e, EVENT_M)  ? "several values in m, none chosen"
	    : event_has(e, EVENT_ENC) ? "its value is sealed"
				      : "no number in v";
	return -1;
}

static const char *
number(const struct json_value *m, const char *name,
    const struct tally_scale *scale, struct num_sum *x)
{
	struct json_value one;

	if (!json_get(m, name, &one) || one.kind != JSON_NUMBER)
		return "not in the partial aggregate";
	if (tally_number(x, one.p, one.n, scale) == -1)
		return "number out of range";
	return NULL;
}

/* One statistic and its time, name_at or else t. */
static const char *
extreme(const struct reading *r, enum tally_stat stat, enum tally_stat at,
    const struct tally_scale *scale, struct tally_value *value)
{
	struct json_value one;

	value->at = r->t;
	if (json_get(&r->m, tally_stat_name(at), &one) &&
	    one.kind == JSON_NUMBER &&
	    num_micros(one.p, one.n, &value->at) == -1)
		return "time out of range";
	return number(&r->m, tally_stat_name(stat), scale, &value->v);
}

static const char *
partial(const struct reading *r, unsigned parts,
    const struct tally_scale *scale, struct tally *t)
{
	struct tally_ends *ends = tally_ends(t, parts);
	const char *why = NULL;

	t->n = r->n;
	t->values = r->values;
	if (parts & TALLY_HAS_SUM)
		why = number(&r->m, "sum", scale, &t->sum);
	if (why == NULL && parts & TALLY_HAS_MIN)
		why = extreme(r, TALLY_MIN, TALLY_MIN_AT, scale, &ends->min);
	if (why == NULL && parts & TALLY_HAS_MAX)
		why = extreme(r, TALLY_MAX, TALLY_MAX_AT, scale, &ends->max);
	if (why == NULL && parts & TALLY_HAS_FIRST)
		why = extreme(
		    r, TALLY_FIRST, TALLY_FIRST_AT, scale, &ends->first);
	if (why == NULL && parts & TALLY_HAS_LAST)
		why = extreme(r, TALLY_LAST, TALLY_LAST_AT, scale, &ends->last);
	return why;
}

int
reading_add(const struct reading *r, unsigned parts,
    const struct tally_scale *scale, struct tally *t)
{
	struct num_sum x = { 0 };

	if (parts == TALLY_HAS_SUM) {
		if (tally_number(&t->sum, r->v, r->vn, scale) == -1)
			return -1;
		t->n += r->n;
		t->values++;
		return 0;
	}
	if (tally_number(&x, r->v, r->vn, scale) == -1)
		return -1;
	tally_add(t, parts, &x, r->t, r->n);
	num_sum_fini(&x);
	return 0;
}

int
reading_tally(const struct reading *r, unsigned parts, int mean,
    const struct tally_scale *scale, struct tally *t, const char **why)
{
	if (r->v == NULL) {
		*why = partial(r, parts, scale, t);
		return *why == NULL ? 0 : -1;
	}
	if (reading_add(r, parts, scale, t) == -1) {
		*why = "number out of range";
		return -1;
	}
	if (mean && r->sum.kind == JSON_NUMBER) {
		num_sum_fini(&t->sum);
		t->values = r->values;
		if (tally_number(&t->sum, r->sum.p, r->sum.n, scale) == -1) {
			*why = "number out of range";
			return -1;
		}
	}
	return 0;
}

#include <stdio.h>
#include <string.h>

#include "event/json.h"
#include "grid/reading.h"

enum { WHY_MAX = 160 };

static const char *
token(const struct event *e, enum event_member member, size_t *n)
{
	*n = e->len[member];
	return e->line + e->at[member];
}

static struct json_value
value_of(const struct event *e, enum event_member member)
{
	struct json_value none = { JSON_NONE, "", 0, 0 };

	if (!event_has(e, member))
		return none;
	return json_value(e->line + e->at[member], e->len[member]);
}

/* Its quality: 0 if it is not to be counted. */
static int
take_quality(struct reading *r, const struct event *e)
{
	struct buf q = { 0 };
	int usable;

	event_string(e, EVENT_Q, &q);
	usable = strcmp(buf_cstr(&q), "BAD") != 0 &&
	    strcmp(buf_cstr(&q), "MISSING") != 0;
	r->count.estimated = strcmp(buf_cstr(&q), "ESTIMATED") == 0;
	buf_fini(&q);
	return usable;
}

/* 0 if there are none, -1 if there are more than can be counted. */
static int
take_count(const struct reading *r)
{
	const struct json_value *values = &r->partial.member[PARTIAL_VALUES];
	int64_t n = r->partial.n;

	if (n > 0 && n <= PARTIAL_READINGS_MAX && values->kind == JSON_NUMBER &&
	    num_uint(values->p, values->n, &n) == -1)
		return -1;
	return n > PARTIAL_READINGS_MAX ? -1 : n > 0;
}

/* 1; 0 if it is an aggregate of nothing; -1, and *why is set if it is one. */
static int
take_aggregate(struct reading *r, const struct event *e,
    const struct partial_fields *fields, const struct partial_wants *wants,
    const char **why)
{
	struct json_value line = json_value(e->line, e->n);
	size_t wn, n = fields->n == 0 ? 1 : fields->n;
	int taken;
	const char *w = token(e, EVENT_W, &wn);

	if (event_integer(e, EVENT_N, &r->partial.n) == -1 ||
	    num_micros(w, wn, &r->w) == -1)
		return -1;
	if (event_integer(e, EVENT_REV, &r->rev) == -1)
		r->rev = 0;
	r->aggregate = 1;
	r->partial.t = r->t;
	r->partial.estimated = (int)r->count.estimated;
	r->partial.v = value_of(e, EVENT_V);
	r->partial.m = value_of(e, EVENT_M);
	partial_find(&r->partial, &line);
	*why = "n is out of range";
	taken = take_count(r);
	for (size_t f = 0; f < n; f++)
		if (partial_has(&r->partial, fields, wants, f))
			r->have |= 1u << f;
	return taken;
}

static void
take_members(struct reading *r, const struct event *e,
    const struct partial_fields *fields)
{
	struct json_value m = value_of(e, EVENT_M), one;

	for (size_t f = 0; f < fields->n; f++)
		if (fields->in_m >> f & 1 &&
		    json_get(&m, fields->name[f], &one) &&
		    one.kind == JSON_NUMBER) {
			r->v[f] = one.p;
			r->vn[f] = one.n;
			r->have |= 1u << f;
		}
}

/* The field that v itself is, or -1. */
static int
field_v(const struct partial_fields *fields)
{
	uint32_t all = (1u << fields->n) - 1;

	if (fields->n == 0)
		return 0;
	return (fields->in_m & all) == all ? -1
					   : __builtin_ctz(~fields->in_m & all);
}

static int
missing(const struct event *e, const struct partial_fields *fields,
    const char **why)
{
	static char text[WHY_MAX];

	if (fields->n > 1)
		*why = "none of the fields";
	else if (fields->in_m) {
		snprintf(
		    text, sizeof text, "m has no number %s", fields->name[0]);
		*why = text;
	} else if (event_has(e, EVENT_M))
		*why = "several values in m, none chosen";
	else
		*why = event_has(e, EVENT_ENC) ? "its value is sealed"
					       : "no number in v";
	return -1;
}

int
reading_take(struct reading *r, const struct event *e,
    const struct partial_fields *fields, const struct partial_wants *wants,
    const char **why)
{
	int v, taken = -1;

	r->event = e;
	r->have = 0;
	r->aggregate = 0;
	r->w = r->rev = 0;
	r->count = (struct tally_count){ .n = 1 };
	if (event_time(e, &r->t) == -1) {
		*why = "no time t";
		return -1;
	}
	if (event_has(e, EVENT_Q) && !take_quality(r, e))
		return 0;
	if (event_has(e, EVENT_W) && event_has(e, EVENT_N))
		taken = take_aggregate(r, e, fields, wants, why);
	if (r->aggregate && taken != 1)
		return taken;
	if (taken == -1 && event_has(e, EVENT_V) &&
	    (v = field_v(fields)) >= 0) {
		r->v[v] = token(e, EVENT_V, &r->vn[v]);
		r->have = 1u << v;
	} else if (taken == -1 && event_has(e, EVENT_M) && fields->in_m)
		take_members(r, e, fields);
	return r->have != 0 ? 1 : missing(e, fields, why);
}

const char *
reading_unit(const struct reading *r, const struct partial_fields *fields,
    const struct partial_wants *wants, size_t f, size_t *n)
{
	const struct event *e = r->event;
	struct json_value all;

	*n = 0;
	if (!event_has(e, EVENT_U))
		return "";
	if (e->text >> EVENT_U & 1)
		return token(e, EVENT_U, n);
	all = value_of(e, EVENT_U);
	return partial_unit(wants, fields, f, &all, n);
}

int
reading_add(const struct reading *r, size_t f, unsigned parts,
    const struct tally_scale *scale, struct tally *t)
{
	struct num_sum x = { 0 };
	int bad;

	if (parts == TALLY_HAS_SUM) {
		if (tally_number(&t->sum, r->v[f], r->vn[f], scale) == -1)
			return -1;
		t->n++;
		t->values++;
		t->estimated += r->count.estimated;
		return 0;
	}
	bad = tally_number(&x, r->v[f], r->vn[f], scale) == -1 ||
	    tally_fits(&x, parts) == -1;
	if (!bad)
		tally_add(t, parts, &x, r->t, &r->count);
	num_sum_fini(&x);
	return bad ? -1 : 0;
}

const char *
reading_tally(const struct reading *r, const struct partial_fields *fields,
    const struct partial_wants *wants, size_t f, unsigned parts,
    const struct tally_scale *scale, struct tally *t)
{
	if (r->aggregate)
		return partial_tally(
		    &r->partial, wants, fields, f, parts, scale, t);
	return reading_add(r, f, parts, scale, t) == -1 ? "number out of range"
							: NULL;
}

const char *
reading_point(const struct reading *r, const struct partial_fields *fields,
    const struct partial_wants *wants, size_t f,
    const struct tally_scale *scale, struct counter_point *point,
    struct tally_count *count)
{
	struct tally t = { 0 };
	const char *why =
	    reading_tally(r, fields, wants, f, TALLY_HAS_LAST, scale, &t);
	const struct tally_value *last = tally_value(&t, TALLY_HAS_LAST);

	if (why == NULL && counter_point_set(point, &last->v, last->at) == -1)
		why = "counter with more than 18 digits";
	count->n = t.n;
	count->estimated = t.estimated;
	count->ignored = count->resets = 0;
	tally_fini(&t);
	return why;
}

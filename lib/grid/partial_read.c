#include <string.h>

#include "base/num.h"
#include "grid/partial_part.h"

void
partial_find(struct partial *p, const struct json_value *line)
{
	struct json_walk walk;
	struct json_value name, value;

	for (int i = 0; i < PARTIAL_MEMBERS; i++)
		p->member[i].kind = JSON_NONE;
	json_walk(&walk, line);
	while (json_next(&walk, &name, &value))
		for (int i = 0; i < PARTIAL_MEMBERS; i++)
			if (json_equal(&name, partial_members[i])) {
				p->member[i] = value;
				break;
			}
}

/* Is the field a member of m by its own name? */
static int
by_field(const struct partial *p, const struct partial_fields *fields, size_t f,
    struct json_value *value)
{
	return fields->n > 0 && p->m.kind == JSON_OBJECT &&
	    json_get(&p->m, fields->name[f], value);
}

/* What m says of a statistic of the field. */
static int
in_m(const struct partial *p, const struct partial_fields *fields, size_t f,
    const char *stat, struct json_value *value)
{
	char space[PARTIAL_NAME_SPACE];

	return p->m.kind == JSON_OBJECT &&
	    json_get(&p->m, partial_name(space, fields, f, stat, 0), value);
}

/* What a member beside it says of the field. */
static int
beside(const struct partial *p, const struct partial_fields *fields, size_t f,
    enum partial_member member, struct json_value *value)
{
	*value = p->member[member];
	if (value->kind == JSON_NONE)
		return 0;
	if (value->kind != JSON_OBJECT)
		return 1;
	return fields->n > 0 &&
	    json_get(&p->member[member], fields->name[f], value);
}

/* The one value of the field, if the event is not of several statistics. */
static int
one_value(const struct partial *p, const struct partial_fields *fields,
    size_t f, struct json_value *value)
{
	if (by_field(p, fields, f, value))
		return 1;
	*value = p->v;
	return p->v.kind == JSON_NUMBER && fields->n <= 1;
}

int
partial_has(const struct partial *p, const struct partial_fields *fields,
    const struct partial_wants *wants, size_t f)
{
	struct json_value value;

	if (one_value(p, fields, f, &value))
		return 1;
	for (size_t i = 0; i < wants->n; i++)
		if (in_m(p, fields, f, wants->want[i].name, &value))
			return 1;
	return in_m(p, fields, f, "sum", &value);
}

/* The name of a statistic in the unit of the values, or NULL. */
static const char *
unit_name(const struct tally_want *want)
{
	if (want->stat == TALLY_ENERGY || want->stat == TALLY_POWER)
		return NULL;
	return want->name;
}

const char *
partial_unit(const struct partial_wants *wants,
    const struct partial_fields *fields, size_t f, const struct json_value *u,
    size_t *n)
{
	static const char *const also[] = { "sum", "mean", "min", "max",
		"first", "last" };
	size_t nalso = sizeof also / sizeof *also;
	char space[PARTIAL_NAME_SPACE];
	struct json_value one;

	*n = 0;
	if (fields->n > 0 && json_get(u, fields->name[f], &one)) {
		*n = one.n;
		return one.p;
	}
	for (size_t i = 0; i < nalso + wants->n; i++) {
		const char *name =
		    i < nalso ? also[i] : unit_name(&wants->want[i - nalso]);

		if (name != NULL &&
		    json_get(
			u, partial_name(space, fields, f, name, 0), &one)) {
			*n = one.n;
			return one.p;
		}
	}
	return "";
}

static const char out_of_range[] = "number out of range";

/* A number as it is or, rounded, as the string with all its digits. */
static const char *
take_number(struct num_sum *x, const struct json_value *value,
    const struct json_value *exact, const struct tally_scale *scale)
{
	const struct json_value *from =
	    exact->kind == JSON_STRING ? exact : value;
	int bad = from->kind == JSON_STRING
	    ? tally_exact(x, from->p, from->n, scale)
	    : from->kind != JSON_NUMBER ||
		tally_number(x, from->p, from->n, scale) == -1;

	return bad ? out_of_range : NULL;
}

static const struct json_value nothing = { JSON_NONE, "", 0, 0 };

/* All digits of the field's value, or of a member of m. */
static struct json_value
exact_of(const struct partial *p, const struct partial_fields *fields, size_t f,
    const char *stat)
{
	const struct json_value *all = &p->member[PARTIAL_EXACT];
	struct json_value one;
	char space[PARTIAL_NAME_SPACE];
	const char *name = stat != NULL
	    ? partial_name(space, fields, f, stat, 0)
	    : fields->name[f];

	if (all->kind != JSON_OBJECT)
		return stat == NULL ? *all : nothing;
	return json_get(all, name, &one) ? one : nothing;
}

static int
take_int(const struct partial *p, const struct partial_fields *fields, size_t f,
    enum partial_member member, int64_t *v)
{
	struct json_value value;

	if (!beside(p, fields, f, member, &value))
		return 0;
	if (value.kind != JSON_NUMBER || num_uint(value.p, value.n, v) == -1 ||
	    *v > PARTIAL_READINGS_MAX)
		return -1;
	return 1;
}

static const char *
take_counts(const struct partial *p, const struct partial_fields *fields,
    size_t f, struct tally *t)
{
	int64_t ignored = 0, resets = 0;
	int bad;

	t->n = p->n;
	bad = take_int(p, fields, f, PARTIAL_COUNTS, &t->n) == -1;
	t->values = t->n;
	t->estimated = 0;
	if (p->estimated && p->member[PARTIAL_ESTIMATED].kind == JSON_NONE)
		t->estimated = t->n;
	bad |= take_int(p, fields, f, PARTIAL_VALUES, &t->values) == -1;
	bad |= take_int(p, fields, f, PARTIAL_ESTIMATED, &t->estimated) == -1;
	bad |= take_int(p, fields, f, PARTIAL_IGNORED, &ignored) == -1;
	bad |= take_int(p, fields, f, PARTIAL_RESETS, &resets) == -1;
	if (bad || t->n == 0 || t->n > PARTIAL_READINGS_MAX)
		return "count out of range";
	if (ignored > 0 || resets > 0) {
		tally_more(t, 0)->ignored = ignored;
		t->more->resets = resets;
	}
	return NULL;
}

static const char *
take_time(const struct partial *p, const struct partial_fields *fields,
    size_t f, const struct partial_timed *one, int64_t *at)
{
	struct json_value value;

	*at = p->t;
	if (!in_m(p, fields, f, tally_stat_name(one->at), &value) &&
	    !beside(p, fields, f, one->member_at, &value))
		return NULL;
	if (value.kind != JSON_NUMBER || num_micros(value.p, value.n, at) == -1)
		return "time out of range";
	return NULL;
}

static const char *
take_timed(const struct partial *p, const struct partial_fields *fields,
    size_t f, const struct partial_timed *one, const struct tally_scale *scale,
    struct tally_value *to)
{
	const char *name = tally_stat_name(one->stat), *why;
	struct json_value value, exact = nothing;

	if (in_m(p, fields, f, name, &value))
		exact = exact_of(p, fields, f, name);
	else if (beside(p, fields, f, one->member, &value))
		;
	else if (one_value(p, fields, f, &value))
		exact = exact_of(p, fields, f, NULL);
	else
		return "not in the partial aggregate";
	num_sum_fini(&to->v);
	why = take_time(p, fields, f, one, &to->at);
	if (why == NULL)
		why = take_number(&to->v, &value, &exact, scale);
	return why;
}

static const char *
take_sum(const struct partial *p, const struct partial_fields *fields, size_t f,
    const struct tally_scale *scale, struct num_sum *sum)
{
	struct json_value value, exact = nothing;

	if (in_m(p, fields, f, "sum", &value))
		exact = exact_of(p, fields, f, "sum");
	else if (!beside(p, fields, f, PARTIAL_SUM, &value))
		return "not in the partial aggregate";
	return take_number(sum, &value, &exact, scale);
}

static const char *
take_sq(const struct partial *p, const struct partial_fields *fields, size_t f,
    const struct tally_scale *scale, struct tally *t)
{
	struct num_sum *sq = &tally_value(t, TALLY_HAS_SQ)->v, once = { 0 };
	struct buf b = { 0 };
	struct json_value value;
	int bad;

	if (!beside(p, fields, f, PARTIAL_SQ, &value) ||
	    value.kind != JSON_STRING)
		return "not in the partial aggregate";
	/* squares take the factor twice */
	bad = tally_exact(&once, value.p, value.n, scale);
	num_sum_exact(&once, &b);
	bad |= tally_exact(sq, b.p, b.len, scale);
	num_sum_fini(&once);
	buf_fini(&b);
	if (bad)
		return out_of_range;
	if (num_sum_deviation(&t->sum, sq, t->values, NULL) == -1)
		return "sq is too small for its sum";
	return NULL;
}

static const char *
take_sketch(const struct partial *p, const struct partial_fields *fields,
    size_t f, const struct tally_scale *scale, struct tally *t)
{
	struct sketch *sketch = &tally_more(t, 0)->sketch;
	struct json_value value;

	if (!beside(p, fields, f, PARTIAL_SKETCH, &value) ||
	    value.kind != JSON_STRING)
		return "not in the partial aggregate";
	if (scale->mul != 1)
		return "sketch of a unit that is no power of ten of this one";
	if (sketch_parse(sketch, value.p, value.n, scale->shift) == -1)
		return "no sketch";
	return sketch->n == t->values ? NULL : "sketch of other values";
}

/* Everything, of an event that has it. */
static const char *
take_all(const struct partial *p, const struct partial_fields *fields, size_t f,
    unsigned parts, const struct tally_scale *scale, struct tally *t)
{
	const char *why = take_counts(p, fields, f, t);

	if (why == NULL && t->values == 0)
		why = "aggregate of no values";
	if (parts & TALLY_HAS_VALUES)
		tally_more(t, parts);
	if (why == NULL && parts & TALLY_HAS_SUM)
		why = take_sum(p, fields, f, scale, &t->sum);
	for (size_t i = 0; why == NULL && i < PARTIAL_TIMED; i++)
		if (parts & partial_timed[i].part)
			why = take_timed(p, fields, f, &partial_timed[i], scale,
			    tally_value(t, partial_timed[i].part));
	if (why == NULL && parts & TALLY_HAS_SQ)
		why = take_sq(p, fields, f, scale, t);
	if (why == NULL && parts & TALLY_HAS_SKETCH)
		why = take_sketch(p, fields, f, scale, t);
	return why;
}

/* One value that stands for all the readings. */
static const char *
take_one(const struct partial *p, const struct partial_fields *fields, size_t f,
    const struct json_value *value, unsigned parts,
    const struct tally_scale *scale, struct tally *t)
{
	struct json_value exact = exact_of(p, fields, f, NULL);
	const char *why = take_counts(p, fields, f, t);
	struct num_sum x = { 0 };

	if (why == NULL)
		why = take_number(&x, value, &exact, scale);
	if (why == NULL && tally_fits(&x, parts) == -1)
		why = out_of_range;
	t->values = 0;
	if (why == NULL)
		tally_add(t, parts, &x, p->t, &(struct tally_count){ 0 });
	for (size_t i = 0; why == NULL && i < PARTIAL_TIMED; i++)
		if (parts & partial_timed[i].part)
			why = take_timed(p, fields, f, &partial_timed[i], scale,
			    tally_value(t, partial_timed[i].part));
	num_sum_fini(&x);
	return why;
}

/* Does an event of one value carry what its readings sum up to? */
static int
carries(const struct partial *p, const struct partial_wants *wants,
    const struct partial_fields *fields, size_t f)
{
	struct json_value value;

	if (!partial_composed(wants))
		return 0;
	if (wants->parts & TALLY_HAS_SUM &&
	    !beside(p, fields, f, PARTIAL_SUM, &value))
		return 0;
	if (wants->parts & TALLY_HAS_SQ &&
	    !beside(p, fields, f, PARTIAL_SQ, &value))
		return 0;
	return !(wants->parts & TALLY_HAS_SKETCH) ||
	    beside(p, fields, f, PARTIAL_SKETCH, &value);
}

const char *
partial_tally(const struct partial *p, const struct partial_wants *wants,
    const struct partial_fields *fields, size_t f, unsigned parts,
    const struct tally_scale *scale, struct tally *t)
{
	struct json_value value;

	if (one_value(p, fields, f, &value) && !carries(p, wants, fields, f))
		return take_one(p, fields, f, &value, parts, scale, t);
	return take_all(p, fields, f, parts, scale, t);
}

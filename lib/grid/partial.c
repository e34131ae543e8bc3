#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "grid/partial.h"

enum { WHY_MAX = 128, NAME_SPACE = PARTIAL_FIELD_MAX + TALLY_NAME_MAX + 2 };

static const char *const members[PARTIAL_MEMBERS] = {
	[PARTIAL_COUNTS] = "counts",
	[PARTIAL_VALUES] = "values",
	[PARTIAL_SUM] = "sum",
	[PARTIAL_SQ] = "sq",
	[PARTIAL_SKETCH] = "sketch",
	[PARTIAL_MIN] = "min",
	[PARTIAL_MAX] = "max",
	[PARTIAL_FIRST] = "first",
	[PARTIAL_LAST] = "last",
	[PARTIAL_MIN_AT] = "min_at",
	[PARTIAL_MAX_AT] = "max_at",
	[PARTIAL_FIRST_AT] = "first_at",
	[PARTIAL_LAST_AT] = "last_at",
	[PARTIAL_EXACT] = "exact",
	[PARTIAL_ESTIMATED] = "estimated",
	[PARTIAL_IGNORED] = "ignored",
	[PARTIAL_RESETS] = "resets",
};

/* Values with a time. */
static const struct timed {
	unsigned part;
	enum tally_stat stat, at;
	enum partial_member member, member_at;
	int time_matters; /* which of several it is depends on the times */
} timed[] = {
	{ TALLY_HAS_MIN, TALLY_MIN, TALLY_MIN_AT, PARTIAL_MIN, PARTIAL_MIN_AT,
	    0 },
	{ TALLY_HAS_MAX, TALLY_MAX, TALLY_MAX_AT, PARTIAL_MAX, PARTIAL_MAX_AT,
	    0 },
	{ TALLY_HAS_FIRST, TALLY_FIRST, TALLY_FIRST_AT, PARTIAL_FIRST,
	    PARTIAL_FIRST_AT, 1 },
	{ TALLY_HAS_LAST, TALLY_LAST, TALLY_LAST_AT, PARTIAL_LAST,
	    PARTIAL_LAST_AT, 1 },
};
enum { TIMED = sizeof timed / sizeof *timed };

/* What is asked for. */

static const char *
take_field(struct partial_fields *fields, const char *p, size_t n)
{
	char *name = fields->name[fields->n];
	int in_m = n > 2 && memcmp(p, "m.", 2) == 0;

	if (!in_m && !(n == 1 && *p == 'v'))
		return "neither v nor m.NAME";
	if (in_m) {
		p += 2;
		n -= 2;
	}
	if (n > PARTIAL_FIELD_MAX)
		return "name longer than 64 bytes";
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p[i] <= ' ' || p[i] == '"' || p[i] == '\\')
			return "character that no name here can have";
	memcpy(name, p, n);
	name[n] = '\0';
	for (size_t i = 0; i < fields->n; i++)
		if (strcmp(fields->name[i], name) == 0)
			return "the same name twice";
	if (in_m)
		fields->in_m |= 1u << fields->n;
	fields->n++;
	return NULL;
}

int
partial_fields(
    struct partial_fields *fields, const char *text, const char **why)
{
	*fields = (struct partial_fields){ 0 };
	for (;;) {
		size_t n = strcspn(text, ",");

		*why = fields->n == PARTIAL_FIELDS_MAX
		    ? "more than 8 fields"
		    : take_field(fields, text, n);
		if (*why != NULL)
			return -1;
		if (text[n] == '\0')
			return 0;
		text += n + 1;
	}
}

static const char *
take_want(struct partial_wants *wants, const char *p, size_t n)
{
	static char why[WHY_MAX];
	struct tally_want *want = &wants->want[wants->n];

	if (tally_want(want, p, n) == -1) {
		snprintf(why, sizeof why, "no statistic \"%.*s\"",
		    n > TALLY_NAME_MAX ? TALLY_NAME_MAX : (int)n, p);
		return why;
	}
	for (size_t i = 0; i < wants->n; i++)
		if (strcmp(wants->want[i].name, want->name) == 0) {
			snprintf(why, sizeof why, "%s twice", want->name);
			return why;
		}
	wants->n++;
	wants->parts |= tally_parts(want->stat);
	wants->stats |= 1u << want->stat;
	return NULL;
}

int
partial_wants(struct partial_wants *wants, const char *text, const char **why)
{
	*wants = (struct partial_wants){ 0 };
	for (;;) {
		size_t n = strcspn(text, ",");

		*why = wants->n == TALLY_WANTS_MAX ? "more than 32 statistics"
						   : take_want(wants, text, n);
		if (*why != NULL)
			return -1;
		if (text[n] == '\0')
			return 0;
		text += n + 1;
	}
}

void
partial_one(struct partial_wants *wants, enum tally_stat stat)
{
	const char *name = tally_stat_name(stat);

	*wants = (struct partial_wants){ 0 };
	take_want(wants, name, strlen(name));
}

static int
wanted(const struct partial_wants *wants, enum tally_stat stat)
{
	return wants->stats >> stat & 1;
}

static size_t
field_count(const struct partial_fields *fields)
{
	return fields->n == 0 ? 1 : fields->n;
}

/* Statistics that are made of more than their own value. */
static int
composed(const struct partial_wants *wants)
{
	return wanted(wants, TALLY_MEAN) || wanted(wants, TALLY_STDDEV) ||
	    wanted(wants, TALLY_QUANTILE);
}

/* Is the sum in m although nobody asked for it? */
static int
sum_added(const struct partial_wants *wants)
{
	return wants->n > 1 && wants->parts & TALLY_HAS_SUM &&
	    !wanted(wants, TALLY_SUM);
}

/* The name in m; *n is its length. */
static const char *
name_in_m(char *space, const struct partial_fields *fields, size_t f,
    const char *stat, int single)
{
	if (fields->n <= 1)
		return stat;
	if (single)
		return fields->name[f];
	snprintf(space, NAME_SPACE, "%s.%s", fields->name[f], stat);
	return space;
}

/* Printing. */

struct print {
	const struct partial_wants *wants;
	const struct partial_fields *fields;
	const struct partial_field *field;
	const struct tally_times *times;
	struct buf *b;
	struct buf exact; /* members of exact, with commas in front */
	size_t nfields;
};

static int
present(const struct print *p, size_t f)
{
	return p->field[f].tally->values > 0;
}

static void
add_name(struct buf *b, const char *name)
{
	buf_addc(b, '"');
	buf_adds(b, name);
	buf_adds(b, "\":");
}

static void
add_exact(struct buf *b, const struct num_sum *s)
{
	buf_addc(b, '"');
	num_sum_exact(s, b);
	buf_addc(b, '"');
}

/* The number of which a statistic shows, if that is all it does. */
static const struct num_sum *
shown(const struct tally *t, enum tally_stat stat)
{
	if (stat == TALLY_SUM)
		return &t->sum;
	if (stat <= TALLY_LAST && stat != TALLY_MEAN)
		return &tally_value(t, tally_parts(stat))->v;
	return NULL;
}

static void
print_stat(
    struct print *p, const struct tally_want *want, size_t f, const char *name)
{
	const struct tally *t = p->field[f].tally;
	const struct num_sum *x;

	if (tally_print(t, want, p->times, p->b) ||
	    (x = shown(t, want->stat)) == NULL)
		return;
	buf_addc(&p->exact, ',');
	if (name != NULL)
		add_name(&p->exact, name);
	add_exact(&p->exact, x);
}

static void
print_unit(struct print *p, const char *u, size_t n, const char *name,
    const char **before)
{
	buf_adds(p->b, *before);
	*before = ",";
	if (name != NULL)
		add_name(p->b, name);
	buf_addc(p->b, '"');
	buf_add(p->b, u, n);
	buf_addc(p->b, '"');
}

/*
 * The units of a field by the names in m or, if none of those has it, that of
 * the values beside them.
 */
static void
print_units(struct print *p, size_t f, const char **before)
{
	const struct partial_field *field = &p->field[f];
	const struct partial_wants *wants = p->wants;
	size_t n = wants->n, un, some = 0;
	char space[NAME_SPACE];

	for (size_t i = 0; i < n + (size_t)sum_added(wants); i++) {
		enum tally_stat stat = i < n ? wants->want[i].stat : TALLY_SUM;
		const char *u = tally_unit(stat, field->unit, field->un, &un);
		const char *name = i < n ? wants->want[i].name : "sum";

		if (un == 0)
			continue;
		print_unit(p, u, un,
		    name_in_m(space, p->fields, f, name, n == 1), before);
		some = 1;
	}
	for (size_t i = 0; !some && field->un > 0 && i < TIMED; i++)
		if (wants->parts & timed[i].part)
			print_unit(p, field->unit, field->un,
			    name_in_m(space, p->fields, f,
				tally_stat_name(timed[i].stat), 0),
			    before);
}

static void
end_object(struct print *p, const char *before)
{
	if (strcmp(before, ",") == 0)
		buf_addc(p->b, '}');
}

static void
print_members(struct print *p)
{
	struct tally_want sum = { .stat = TALLY_SUM, .name = "sum" };
	size_t n = p->wants->n, total = n + (size_t)sum_added(p->wants);
	const char *before = ",\"m\":{", *unit = ",\"u\":{";
	char space[NAME_SPACE];

	for (size_t f = 0; f < p->nfields; f++)
		for (size_t i = 0; present(p, f) && i < total; i++) {
			const struct tally_want *want =
			    i < n ? &p->wants->want[i] : &sum;
			const char *name =
			    name_in_m(space, p->fields, f, want->name, n == 1);

			buf_adds(p->b, before);
			before = ",";
			add_name(p->b, name);
			print_stat(p, want, f, name);
		}
	end_object(p, before);
	for (size_t f = 0; f < p->nfields; f++)
		if (present(p, f))
			print_units(p, f, &unit);
	end_object(p, unit);
}

static void
print_values(struct print *p)
{
	const struct partial_field *field = &p->field[0];
	const struct tally_want *want = &p->wants->want[0];
	const char *before = ",\"u\":", *beside = ",\"u\":{", *u;
	size_t un;

	if (p->nfields > 1 || p->wants->n > 1) {
		print_members(p);
		return;
	}
	buf_adds(p->b, ",\"v\":");
	print_stat(p, want, 0, NULL);
	u = tally_unit(want->stat, field->unit, field->un, &un);
	if (un > 0) {
		print_unit(p, u, un, NULL, &before);
		return;
	}
	print_units(p, 0, &beside);
	end_object(p, beside);
}

/* What a member says of a field: 1, or 0 if nothing. */
static int
print_member(
    struct print *p, enum partial_member member, size_t f, const char *before)
{
	const struct tally *t = p->field[f].tally;
	const struct tally_more *more = t->more;
	struct buf *b = p->b;
	size_t at = b->len;
	unsigned parts = p->wants->parts;

	buf_adds(b, before);
	switch (member) {
	case PARTIAL_VALUES:
		if (!composed(p->wants) || t->values == t->n)
			break;
		buf_addi(b, t->values);
		return 1;
	case PARTIAL_SUM:
		if (!(parts & TALLY_HAS_SUM) || p->wants->n > 1 ||
		    !composed(p->wants))
			break;
		if (!num_sum_format(&t->sum, 1, 1, b)) {
			b->len = at;
			buf_adds(b, before);
			add_exact(b, &t->sum);
		}
		return 1;
	case PARTIAL_SQ:
		if (!(parts & TALLY_HAS_SQ))
			break;
		add_exact(b, &tally_value(t, TALLY_HAS_SQ)->v);
		return 1;
	case PARTIAL_SKETCH:
		if (!(parts & TALLY_HAS_SKETCH))
			break;
		buf_addc(b, '"');
		sketch_print(&more->sketch, b);
		buf_addc(b, '"');
		return 1;
	case PARTIAL_ESTIMATED:
		if (t->estimated == 0)
			break;
		buf_addi(b, t->estimated);
		return 1;
	case PARTIAL_IGNORED:
		if (more == NULL || more->ignored == 0)
			break;
		buf_addi(b, more->ignored);
		return 1;
	case PARTIAL_RESETS:
		if (more == NULL || more->resets == 0)
			break;
		buf_addi(b, more->resets);
		return 1;
	default: break;
	}
	b->len = at;
	return 0;
}

/* A value or its time that nobody asked for but merging needs. */
static int
print_timed(
    struct print *p, enum partial_member member, size_t f, const char *before)
{
	struct buf *b = p->b;

	for (size_t i = 0; i < TIMED; i++) {
		const struct timed *one = &timed[i];
		const struct tally_value *v;

		if (!(p->wants->parts & one->part))
			continue;
		v = tally_value(p->field[f].tally, one->part);
		if (member == one->member && !wanted(p->wants, one->stat)) {
			size_t at = b->len;

			buf_adds(b, before);
			if (num_sum_format(&v->v, 1, 1, b))
				return 1;
			b->len = at;
			buf_adds(b, before);
			add_exact(b, &v->v);
			return 1;
		}
		if (member == one->member_at && one->time_matters &&
		    !wanted(p->wants, one->at)) {
			buf_adds(b, before);
			num_add_micros(b, v->at);
			return 1;
		}
	}
	return 0;
}

/* One member, of one field or an object of several. */
static void
print_beside(struct print *p, enum partial_member member)
{
	int some = 0;
	char before[NAME_SPACE + PARTIAL_FIELD_MAX];

	for (size_t f = 0; f < p->nfields; f++) {
		if (!present(p, f))
			continue;
		if (p->nfields == 1)
			snprintf(
			    before, sizeof before, ",\"%s\":", members[member]);
		else if (!some)
			snprintf(before, sizeof before,
			    ",\"%s\":{\"%s\":", members[member],
			    p->fields->name[f]);
		else
			snprintf(before, sizeof before,
			    ",\"%s\":", p->fields->name[f]);
		some |= member >= PARTIAL_MIN && member <= PARTIAL_LAST_AT
		    ? print_timed(p, member, f, before)
		    : print_member(p, member, f, before);
	}
	if (some && p->nfields > 1)
		buf_addc(p->b, '}');
}

static void
print_counts(struct print *p)
{
	int64_t n = 0;
	int differ = 0;
	const char *before = ",\"counts\":{";

	for (size_t f = 0; f < p->nfields; f++) {
		int64_t one = p->field[f].tally->n;

		if (!present(p, f))
			continue;
		differ |= n != 0 && one != n;
		n = one > n ? one : n;
	}
	buf_adds(p->b, ",\"n\":");
	buf_addi(p->b, n);
	for (size_t f = 0; differ && f < p->nfields; f++) {
		if (!present(p, f))
			continue;
		buf_adds(p->b, before);
		before = ",";
		add_name(p->b, p->fields->name[f]);
		buf_addi(p->b, p->field[f].tally->n);
	}
	if (differ)
		buf_addc(p->b, '}');
}

void
partial_print(const struct partial_wants *wants,
    const struct partial_fields *fields, const struct partial_field *field,
    const struct tally_times *times, struct buf *b)
{
	struct print p = { .wants = wants,
		.fields = fields,
		.field = field,
		.times = times,
		.b = b,
		.nfields = field_count(fields) };
	int estimated = 0;

	print_values(&p);
	buf_adds(b, ",\"w\":");
	num_add_micros(b, times->width);
	print_counts(&p);
	for (int i = PARTIAL_VALUES; i < PARTIAL_EXACT; i++)
		print_beside(&p, (enum partial_member)i);
	if (p.exact.len > 0) {
		int object = wants->n > 1 || p.nfields > 1;

		buf_adds(b, object ? ",\"exact\":{" : ",\"exact\":");
		buf_add(b, p.exact.p + 1, p.exact.len - 1);
		if (object)
			buf_addc(b, '}');
	}
	buf_fini(&p.exact);
	for (size_t f = 0; f < p.nfields; f++)
		estimated |= field[f].tally->estimated > 0;
	if (estimated)
		buf_adds(b, ",\"q\":\"ESTIMATED\"");
	for (int i = PARTIAL_ESTIMATED; i < PARTIAL_MEMBERS; i++)
		print_beside(&p, (enum partial_member)i);
}

/* Reading. */

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
			if (json_equal(&name, members[i])) {
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
	char space[NAME_SPACE];

	return p->m.kind == JSON_OBJECT &&
	    json_get(&p->m, name_in_m(space, fields, f, stat, 0), value);
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
	char space[NAME_SPACE];
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
		    json_get(u, name_in_m(space, fields, f, name, 0), &one)) {
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
	char space[NAME_SPACE];
	const char *name = stat != NULL ? name_in_m(space, fields, f, stat, 0)
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
    size_t f, const struct timed *one, int64_t *at)
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
    size_t f, const struct timed *one, const struct tally_scale *scale,
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
	for (size_t i = 0; why == NULL && i < TIMED; i++)
		if (parts & timed[i].part)
			why = take_timed(p, fields, f, &timed[i], scale,
			    tally_value(t, timed[i].part));
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
	for (size_t i = 0; why == NULL && i < TIMED; i++)
		if (parts & timed[i].part)
			why = take_timed(p, fields, f, &timed[i], scale,
			    tally_value(t, timed[i].part));
	num_sum_fini(&x);
	return why;
}

/* Does an event of one value carry what its readings sum up to? */
static int
carries(const struct partial *p, const struct partial_wants *wants,
    const struct partial_fields *fields, size_t f)
{
	struct json_value value;

	if (!composed(wants))
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

#include <string.h>

#include "base/num.h"
#include "event/unit.h"
#include "grid/partial_part.h"

/* Is the sum in m although nobody asked for it? */
static int
sum_added(const struct partial_wants *wants)
{
	return wants->n > 1 && wants->parts & TALLY_HAS_SUM &&
	    !partial_wanted(wants, TALLY_SUM);
}

struct print {
	const struct partial_wants *wants;
	const struct partial_fields *fields;
	const struct partial_field *field;
	const struct tally_times *times;
	struct buf *b;
	struct buf exact; /* members of exact, with commas in front */
	size_t nfields;
	int begun; /* a member that is an object, or has been printed */
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
	static const struct tally_want sum = { .stat = TALLY_SUM };
	const struct partial_field *field = &p->field[f];
	const struct tally *t = field->tally;
	const struct num_sum *x;

	if (want->stat == TALLY_ENERGY &&
	    unit_power(field->unit, field->un) != NULL)
		want = &sum;
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
	char space[PARTIAL_NAME_SPACE];

	for (size_t i = 0; i < n + (size_t)sum_added(wants); i++) {
		enum tally_stat stat = i < n ? wants->want[i].stat : TALLY_SUM;
		const char *u = tally_unit(stat, field->unit, field->un, &un);
		const char *name = i < n ? wants->want[i].name : "sum";

		if (un == 0)
			continue;
		print_unit(p, u, un,
		    partial_name(space, p->fields, f, name, n == 1), before);
		some = 1;
	}
	for (size_t i = 0; !some && field->un > 0 && i < PARTIAL_TIMED; i++)
		if (wants->parts & partial_timed[i].part)
			print_unit(p, field->unit, field->un,
			    partial_name(space, p->fields, f,
				tally_stat_name(partial_timed[i].stat), 0),
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
	char space[PARTIAL_NAME_SPACE];

	for (size_t f = 0; f < p->nfields; f++)
		for (size_t i = 0; present(p, f) && i < total; i++) {
			const struct tally_want *want =
			    i < n ? &p->wants->want[i] : &sum;
			const char *name = partial_name(
			    space, p->fields, f, want->name, n == 1);

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

/* The name of a member, and that of the field if there are several. */
static void
begin_member(struct print *p, enum partial_member member, size_t f)
{
	struct buf *b = p->b;

	buf_addc(b, ',');
	if (!p->begun || p->nfields == 1)
		add_name(b, partial_members[member]);
	if (!p->begun && p->nfields > 1)
		buf_addc(b, '{');
	if (p->nfields > 1)
		add_name(b, p->fields->name[f]);
	p->begun = 1;
}

/* A number, or a string with all digits if it would be rounded. */
static void
add_number(struct buf *b, const struct num_sum *x)
{
	size_t at = b->len;

	if (num_sum_format(x, 1, 1, b))
		return;
	b->len = at;
	add_exact(b, x);
}

static void
print_number(struct print *p, enum partial_member member, size_t f,
    const struct num_sum *x)
{
	begin_member(p, member, f);
	add_number(p->b, x);
}

static void
print_int(struct print *p, enum partial_member member, size_t f, int64_t v)
{
	begin_member(p, member, f);
	buf_addi(p->b, v);
}

static void
print_string(struct print *p, enum partial_member member, size_t f)
{
	const struct tally *t = p->field[f].tally;

	begin_member(p, member, f);
	if (member == PARTIAL_SQ) {
		add_exact(p->b, &tally_value(t, TALLY_HAS_SQ)->v);
		return;
	}
	buf_addc(p->b, '"');
	sketch_print(&t->more->sketch, p->b);
	buf_addc(p->b, '"');
}

/* What a member says of a field, if it says anything. */
static void
print_member(struct print *p, enum partial_member member, size_t f)
{
	const struct tally *t = p->field[f].tally;
	const struct partial_wants *wants = p->wants;

	switch (member) {
	case PARTIAL_VALUES:
		if (partial_composed(wants) && t->values != t->n)
			print_int(p, member, f, t->values);
		break;
	case PARTIAL_SUM:
		if (wants->parts & TALLY_HAS_SUM && wants->n == 1 &&
		    partial_composed(wants))
			print_number(p, member, f, &t->sum);
		break;
	case PARTIAL_SQ:
		if (wants->parts & TALLY_HAS_SQ)
			print_string(p, member, f);
		break;
	case PARTIAL_SKETCH:
		if (wants->parts & TALLY_HAS_SKETCH)
			print_string(p, member, f);
		break;
	case PARTIAL_ESTIMATED:
		if (t->estimated > 0)
			print_int(p, member, f, t->estimated);
		break;
	case PARTIAL_IGNORED:
		if (t->more != NULL && t->more->ignored > 0)
			print_int(p, member, f, t->more->ignored);
		break;
	case PARTIAL_RESETS:
		if (t->more != NULL && t->more->resets > 0)
			print_int(p, member, f, t->more->resets);
		break;
	default: break;
	}
}

/* A value or its time that nobody asked for but merging needs. */
static void
print_timed(struct print *p, enum partial_member member, size_t f)
{
	for (size_t i = 0; i < PARTIAL_TIMED; i++) {
		const struct partial_timed *one = &partial_timed[i];
		const struct tally_value *v;

		if (!(p->wants->parts & one->part))
			continue;
		v = tally_value(p->field[f].tally, one->part);
		if (member == one->member &&
		    !partial_wanted(p->wants, one->stat))
			print_number(p, member, f, &v->v);
		if (member == one->member_at && one->time_matters &&
		    !partial_wanted(p->wants, one->at)) {
			begin_member(p, member, f);
			num_add_micros(p->b, v->at);
		}
	}
}

/* One member, of one field or an object of several. */
static void
print_beside(struct print *p, enum partial_member member)
{
	p->begun = 0;
	for (size_t f = 0; f < p->nfields; f++) {
		if (!present(p, f))
			continue;
		if (member < PARTIAL_MIN || member > PARTIAL_LAST_AT)
			print_member(p, member, f);
		else if (p->wants->parts & TALLY_HAS_VALUES)
			print_timed(p, member, f);
	}
	if (p->begun && p->nfields > 1)
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
		.nfields = fields->n == 0 ? 1 : fields->n };
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

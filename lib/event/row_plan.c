#include "event/row_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/num.h"
#include "event/topic.h"
#include "event/unit.h"

enum { WHY_TEXT_MAX = 40 };

static struct row_member *
add_member(struct row_members *to, const char *name, size_t n,
    const char *column, size_t cn, enum row_kind kind)
{
	struct row_member *m;

	to->v = xrealloc(to->v, (to->n + 1) * sizeof *to->v);
	m = &to->v[to->n++];
	*m = (struct row_member){ .name = xstrndup(name, n),
		.column = xstrndup(column, cn),
		.at = ROW_NOWHERE,
		.kind = kind };
	return m;
}

static void
free_members(struct row_members *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->v[i].name);
		free(m->v[i].column);
		free(m->v[i].unit);
	}
	free(m->v);
}

void
row_plan_fini(struct row *r)
{
	for (size_t i = 0; i < r->pieces; i++) {
		free(r->piece[i].text);
		free(r->piece[i].column);
	}
	free(r->piece);
	for (size_t i = 0; i < r->times; i++)
		free(r->time[i].column);
	free_members(&r->value);
	free_members(&r->values);
	free_members(&r->each);
	free_members(&r->rest);
}

/* the plan */

static void
add_piece(
    struct row *r, const char *text, size_t n, const char *column, size_t cn)
{
	struct row_piece *p;

	r->piece = xrealloc(r->piece, (r->pieces + 1) * sizeof *r->piece);
	p = &r->piece[r->pieces++];
	*p = (struct row_piece){ .text = xstrndup(text, n), .at = ROW_NOWHERE };
	if (column == NULL)
		return;
	p->column = xstrndup(column, cn);
	p->is_name = r->plan.each != NULL && strcmp(p->column, "name") == 0;
}

static const char *
read_template(struct row *r, const char *s)
{
	const char *open, *close;

	while ((open = strchr(s, '{')) != NULL) {
		close = strchr(open, '}');
		if (close == NULL || close == open + 1)
			return "--topic: \"{\" without a column and \"}\"";
		add_piece(r, s, (size_t)(open - s), open + 1,
		    (size_t)(close - open - 1));
		s = close + 1;
	}
	if (strchr(s, '}') != NULL)
		return "--topic: \"}\" without \"{\"";
	add_piece(r, s, strlen(s), NULL, 0);
	return NULL;
}

/* What no cell could make a topic is refused before there is a row. */
static const char *
check_template(const struct row *r)
{
	static char why[64]; /* outlives a row that cannot be made */
	struct buf b = { 0 };
	const char *fault;

	for (size_t i = 0; i < r->pieces; i++) {
		buf_adds(&b, r->piece[i].text);
		if (r->piece[i].column != NULL)
			buf_addc(&b, 'x');
	}
	fault = topic_check(buf_cstr(&b), b.len);
	buf_fini(&b);
	if (fault == NULL)
		return NULL;
	snprintf(why, sizeof why, "--topic: %s", fault);
	return why;
}

static const char *
read_time(struct row *r, const char *s)
{
	for (;; s++) {
		size_t n = strcspn(s, ",");

		if (n == 0 || r->times == ROW_TIME_COLUMNS_MAX)
			return "--time: one column, or two with a comma";
		r->time[r->times++] =
		    (struct row_member){ .column = xstrndup(s, n),
			    .at = ROW_NOWHERE };
		s += n;
		if (*s == '\0')
			return NULL;
	}
}

static const char *
read_list(struct row_members *to, const char *s, const char *why)
{
	for (;; s++) {
		size_t n = strcspn(s, ",");
		const char *is = memchr(s, '=', n);
		const char *column = is != NULL ? is + 1 : s;
		size_t cn = n - (size_t)(column - s);

		if (cn == 0 || is == s)
			return why;
		if (is != NULL)
			add_member(
			    to, s, (size_t)(is - s), column, cn, ROW_NUMBER);
		else
			add_member(to, column, cn, column, cn, ROW_NUMBER);
		s += n;
		if (*s == '\0')
			return NULL;
	}
}

/* Members of an event that are no strings. */
static enum row_kind
kind_of(const char *name)
{
	static const struct {
		const char *name;
		enum row_kind kind;
	} kinds[] = { { "v", ROW_NUMBER }, { "ep", ROW_NUMBER },
		{ "seq", ROW_NUMBER }, { "rev", ROW_NUMBER },
		{ "ttl", ROW_NUMBER }, { "n", ROW_NUMBER }, { "w", ROW_NUMBER },
		{ "vb", ROW_BOOL }, { "m", ROW_JSON }, { "d", ROW_JSON } };

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return kinds[i].kind;
	return ROW_STRING;
}

static const char *
read_members(struct row *r, const char **list, size_t n, int numbers)
{
	for (size_t i = 0; i < n; i++) {
		const char *s = list[i], *is = strchr(s, '=');
		struct row_member *m;

		if (is == NULL || is == s || is[1] == '\0')
			return numbers ? "--number: must be NAME=COLUMN"
				       : "--member: must be NAME=COLUMN";
		m = add_member(&r->rest, s, (size_t)(is - s), is + 1,
		    strlen(is + 1), ROW_STRING);
		m->kind = numbers ? ROW_NUMBER : kind_of(m->name);
		if (strcmp(m->name, "topic") == 0 || strcmp(m->name, "t") == 0)
			return "--member: topic and t have their own options";
	}
	return NULL;
}

static const char *
read_unit(struct row *r, const char *s)
{
	size_t n = strlen(s);

	if (*s == '{' && n > 2 && s[n - 1] == '}') {
		add_member(&r->rest, "u", 1, s + 1, n - 2, ROW_STRING);
		r->plan.unit = NULL;
		return NULL;
	}
	return unit_known(s, n)
	    ? NULL
	    : "--unit: no symbol of the SenML registries (kW and --scale "
	      "instead of MW, perhaps)";
}

static const char *
read_scale(struct row *r, const char *s)
{
	int scale;

	if (num_plain(s, strlen(s), &r->mul, &scale) < 0 || r->mul == 0)
		return "--scale: must be a decimal number of at most 18 "
		       "digits, "
		       "not 0";
	for (r->div = 1; scale > 0; scale--)
		r->div *= 10;
	r->negative = r->mul < 0;
	if (r->negative)
		r->mul = -r->mul;
	return NULL;
}

/* Columns that stand for themselves, as --to-csv writes them. */
static void
read_bare(struct row *r)
{
	static const char *const names[] = { "u", "vs", "vb", "vd", "m", "d",
		"enc", "q", "src", "ep", "seq", "id", "re", "ttl", "rev", "w",
		"n", "kid", "sig" };

	add_member(&r->value, "v", 1, "v", 1, ROW_NUMBER)->optional = 1;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		add_member(&r->rest, names[i], strlen(names[i]), names[i],
		    strlen(names[i]), kind_of(names[i]))
		    ->optional = 1;
}

int
row_plan_value(const char *name)
{
	static const char *const names[] = { "v", "vs", "vb", "vd", "m", "d",
		"enc" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i], name) == 0)
			return 1;
	return 0;
}

static int
holds_value(const struct row_members *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (row_plan_value(m->v[i].name))
			return 1;
	return 0;
}

static const char *
read_values(struct row *r)
{
	const struct row_plan *p = &r->plan;
	const char *why = NULL;

	if ((p->value != NULL) + (p->values != NULL) + (p->each != NULL) > 1)
		return "--value, --values and --each exclude each other";
	if (p->values != NULL)
		why = read_list(&r->values, p->values,
		    "--values: must be NAME=COLUMN[:UNIT],...");
	else if (p->each != NULL)
		why = read_list(&r->each, p->each,
		    "--each: must be NAME=COLUMN[:UNIT],...");
	else if (p->value != NULL)
		add_member(
		    &r->value, "v", 1, p->value, strlen(p->value), ROW_NUMBER);
	else if (!r->bare && !holds_value(&r->rest))
		why =
		    "which column is the value? see --value, --values, --each";
	return why;
}

const char *
row_plan_read(struct row *r)
{
	const struct row_plan *p = &r->plan;
	const char *why = NULL;

	r->bare = p->topic == NULL && p->time == NULL && p->value == NULL &&
	    p->values == NULL && p->each == NULL && p->members == 0 &&
	    p->numbers == 0 && !p->no_header;
	if (r->bare)
		read_bare(r);
	if (p->no_header && (p->topic == NULL || p->time == NULL))
		return "--no-header needs --topic and --time";
	why = read_template(r, p->topic != NULL ? p->topic : "{topic}");
	if (why == NULL)
		why = check_template(r);
	if (why == NULL)
		why = read_time(r, p->time != NULL ? p->time : "t");
	if (why == NULL)
		why = read_members(r, p->member, p->members, 0);
	if (why == NULL)
		why = read_members(r, p->number, p->numbers, 1);
	if (why == NULL)
		why = read_values(r);
	if (why == NULL && p->unit != NULL)
		why = read_unit(r, p->unit);
	if (why == NULL && p->scale != NULL)
		why = read_scale(r, p->scale);
	return why;
}

/* columns */

/* Text from outside, shortened, for a message. */
void
row_plan_quote(struct buf *b, const char *p, size_t n)
{
	buf_addc(b, '"');
	buf_add(b, p, n < WHY_TEXT_MAX ? n : WHY_TEXT_MAX);
	if (n > WHY_TEXT_MAX)
		buf_adds(b, "...");
	buf_addc(b, '"');
}

int
row_plan_same(const struct csv_cell *c, const char *s)
{
	return strlen(s) == c->n && memcmp(c->p, s, c->n) == 0;
}

/* 1 found, 0 absent, -1 named twice; a number if there is no header. */
static int
find(const struct row *r, const char *name, size_t *at)
{
	int64_t v;
	int found = 0;

	if (r->plan.no_header) {
		if (num_uint(name, strlen(name), &v) < 0 || v < 1)
			return 0;
		*at = (size_t)v - 1;
		return 1;
	}
	for (size_t i = 0; i < r->columns; i++)
		if (row_plan_same(&r->header[i], name)) {
			*at = i;
			if (found++)
				return -1;
		}
	return found;
}

static int
need(struct row *r, const char *name, int found)
{
	if (found == 1)
		return 0;
	buf_clear(&r->why);
	if (found < 0)
		buf_adds(&r->why, "the header has two columns ");
	else if (r->plan.no_header)
		buf_adds(
		    &r->why, "--no-header: columns are numbers from 1, not ");
	else
		buf_adds(&r->why, "the header has no column ");
	row_plan_quote(&r->why, name, strlen(name));
	return -1;
}

/* COLUMN:UNIT, unless there is a column of that whole name. */
static int
split_unit(struct row *r, struct row_member *m)
{
	char *colon = strrchr(m->column, ':');
	size_t at;

	if (find(r, m->column, &at) != 0 || colon == NULL)
		return 0;
	if (!unit_known(colon + 1, strlen(colon + 1))) {
		buf_clear(&r->why);
		buf_adds(&r->why, "no such column, nor a unit behind \":\": ");
		row_plan_quote(&r->why, m->column, strlen(m->column));
		return -1;
	}
	m->unit = xstrdup(colon + 1);
	if (strcmp(m->name, m->column) == 0)
		m->name[colon - m->column] = '\0';
	*colon = '\0';
	return 0;
}

static int
place_members(struct row *r, struct row_members *to, int units)
{
	for (size_t i = 0; i < to->n; i++) {
		struct row_member *m = &to->v[i];
		int found;

		if (units && m->unit == NULL && split_unit(r, m) < 0)
			return -1;
		m->at = ROW_NOWHERE;
		found = find(r, m->column, &m->at);
		if (found == 0 && m->optional)
			continue;
		if (need(r, m->column, found) < 0)
			return -1;
	}
	return 0;
}

int
row_plan_place(struct row *r)
{
	struct row_member *m;
	struct row_piece *p;

	for (p = r->piece; p < r->piece + r->pieces; p++)
		if (p->column != NULL && !p->is_name &&
		    need(r, p->column, find(r, p->column, &p->at)) < 0)
			return -1;
	for (m = r->time; m < r->time + r->times; m++)
		if (need(r, m->column, find(r, m->column, &m->at)) < 0)
			return -1;
	if (place_members(r, &r->value, 0) < 0 ||
	    place_members(r, &r->values, 1) < 0 ||
	    place_members(r, &r->each, 1) < 0)
		return -1;
	return place_members(r, &r->rest, 0);
}

size_t
row_plan_last(const struct row *r)
{
	const struct row_members *all[] = { &r->value, &r->values, &r->each,
		&r->rest };
	size_t last = 0;

	for (size_t i = 0; i < r->pieces; i++)
		if (r->piece[i].at != ROW_NOWHERE && r->piece[i].at > last)
			last = r->piece[i].at;
	for (size_t i = 0; i < r->times; i++)
		if (r->time[i].at > last)
			last = r->time[i].at;
	for (size_t k = 0; k < 4; k++)
		for (size_t i = 0; i < all[k]->n; i++)
			if (all[k]->v[i].at != ROW_NOWHERE &&
			    all[k]->v[i].at > last)
				last = all[k]->v[i].at;
	return last;
}

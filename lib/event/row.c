#include "event/row.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/num.h"
#include "event/event.h"
#include "event/json.h"
#include "event/row_plan.h"
#include "event/topic.h"
#include "event/unit.h"

enum { PLAIN_MAX = 4096 };

void
row_free(struct row *r)
{
	if (r == NULL)
		return;
	row_plan_fini(r);
	buf_fini(&r->last_time);
	buf_fini(&r->last_t);
	buf_fini(&r->text);
	buf_fini(&r->topic);
	buf_fini(&r->why);
	free(r);
}

static int
refuse(struct row *r, const char **why)
{
	*why = buf_cstr(&r->why);
	return -1;
}

int
row_header(
    struct row *r, const struct csv_cell *cells, size_t n, const char **why)
{
	int status;

	r->header = xcalloc(n + 1, sizeof *r->header);
	memcpy(r->header, cells, n * sizeof *cells);
	r->columns = n;
	r->prev = INT64_MIN;
	buf_clear(&r->last_time);
	status = row_plan_place(r);
	free(r->header);
	r->header = NULL;
	return status < 0 ? refuse(r, why) : 0;
}

struct row *
row_new(const struct row_plan *plan, const char **why)
{
	struct row *r = xcalloc(1, sizeof *r);

	r->plan = *plan;
	r->prev = INT64_MIN;
	r->mul = r->div = 1;
	*why = row_plan_read(r);
	if (*why == NULL && plan->no_header && row_plan_place(r) < 0)
		*why = "--no-header: columns are numbers from 1";
	if (*why != NULL) {
		row_free(r);
		return NULL;
	}
	return r;
}

/* cells */

static int
bad_cell(struct row *r, const char *column, const struct csv_cell *c,
    const char *what)
{
	buf_clear(&r->why);
	buf_addf(&r->why, "%s: %s: ", column, what);
	row_plan_quote(&r->why, c->p, c->n);
	return -1;
}

static int
is_missing(const struct row *r, const struct csv_cell *c)
{
	if (c->n == 0)
		return 1;
	for (size_t i = 0; i < r->plan.missings; i++)
		if (row_plan_same(c, r->plan.missing[i]))
			return 1;
	return 0;
}

static int
plain(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9') || c == '.' || c == '_' || c == ':' ||
	    c == '@' || c == '-';
}

/* One cell as a part of a topic level. */
static int
add_level(struct row *r, const struct row_piece *p, const struct csv_cell *c)
{
	if (c->n == 0)
		return bad_cell(
		    r, p->column, c, "empty, and part of the topic");
	for (size_t i = 0; i < c->n; i++) {
		if (plain(c->p[i])) {
			buf_addc(&r->topic, c->p[i]);
			continue;
		}
		if (!r->plan.clean)
			return bad_cell(r, p->column, c,
			    "cannot stand in a topic (see --clean)");
		/* one '_' for a character, however many bytes it has */
		if ((c->p[i] & 0xc0) != 0x80)
			buf_addc(&r->topic, '_');
	}
	return 0;
}

static int
fill_topic(struct row *r, const struct csv_cell *cells, const char *name)
{
	const char *fault;

	buf_clear(&r->topic);
	for (size_t i = 0; i < r->pieces; i++) {
		const struct row_piece *p = &r->piece[i];
		struct csv_cell c;

		buf_adds(&r->topic, p->text);
		if (p->column == NULL)
			continue;
		if (p->is_name)
			c = (struct csv_cell){ name, strlen(name) };
		else
			c = cells[p->at];
		/* a whole topic in a cell keeps its slashes */
		if (r->pieces == 2 && i == 0 && *p->text == '\0' &&
		    *r->piece[1].text == '\0')
			buf_add(&r->topic, c.p, c.n);
		else if (add_level(r, p, &c) < 0)
			return -1;
	}
	fault = topic_check(r->topic.p, r->topic.len);
	if (fault == NULL)
		return 0;
	buf_clear(&r->why);
	buf_addf(&r->why, "topic: %s: ", fault);
	row_plan_quote(&r->why, r->topic.p, r->topic.len);
	return -1;
}

static int
by_unix(const char *p, size_t n, int millis, int64_t *t)
{
	if (num_micros(p, n, t) < 0)
		return -1;
	if (millis)
		*t /= 1000;
	return 0;
}

static int
read_moment(
    struct row *r, const char *p, size_t n, int64_t *t, const char **why)
{
	const char *format = r->plan.time_format;
	int unix_time = format != NULL && strcmp(format, "unix") == 0;
	int millis = format != NULL && strcmp(format, "unixms") == 0;

	*why = "not a Unix time";
	if (unix_time || millis)
		return by_unix(p, n, millis, t);
	if (format == NULL && date_rfc3339(p, n, t) == 0)
		return 0;
	if (format == NULL && num_token(p, n) == n && n > 0) {
		/* 20131101 and 2013110100 are no seconds */
		*why = r->bare ? "not Unix seconds"
			       : "a number as a time (see --time-format)";
		return r->bare ? by_unix(p, n, 0, t) : -1;
	}
	return date_naive(p, n, format, r->plan.zone, r->prev, t, why);
}

/* The time as the text of t in last_t; rows of the same time share it. */
static int
fill_time(struct row *r, const struct csv_cell *cells)
{
	struct csv_cell c = cells[r->time[0].at];
	const char *fault;
	int64_t t;

	if (r->times > 1) {
		buf_clear(&r->text);
		buf_add(&r->text, c.p, c.n);
		buf_addc(&r->text, ' ');
		buf_add(
		    &r->text, cells[r->time[1].at].p, cells[r->time[1].at].n);
		c = (struct csv_cell){ r->text.p, r->text.len };
	}
	if (c.n > 0 && c.n == r->last_time.len &&
	    memcmp(c.p, r->last_time.p, c.n) == 0)
		return 0;
	if (read_moment(r, c.p, c.n, &t, &fault) < 0) {
		if (strcmp(fault, "no time zone") == 0)
			fault = "no time zone (see --tz)";
		return bad_cell(r, r->time[0].column, &c, fault);
	}
	r->prev = t;
	buf_clear(&r->last_time);
	buf_add(&r->last_time, c.p, c.n);
	buf_clear(&r->last_t);
	num_add_micros(&r->last_t, t);
	return 0;
}

static size_t
digits(const char *p, size_t n, size_t i)
{
	while (i < n && p[i] >= '0' && p[i] <= '9')
		i++;
	return i;
}

/*
 * A number as people and programs write it, as JSON: +1 .5 1. 007, and with
 * a comma for a point if that is the file's way.  0, or -1 if its meaning is
 * not certain.
 */
static int
normalise(const char *p, size_t n, char point, struct buf *b)
{
	size_t sign = n > 0 && (p[0] == '+' || p[0] == '-');
	size_t whole = digits(p, n, sign), from = sign, end = whole;

	while (from + 1 < whole && p[from] == '0')
		from++;
	if (end < n && p[end] == point)
		end = digits(p, n, end + 1);
	if (whole == sign && end <= whole + 1)
		return -1;
	if (end < n && p[end] != 'e' && p[end] != 'E')
		return -1;
	if (sign && p[0] == '-')
		buf_addc(b, '-');
	buf_add(
	    b, whole > sign ? p + from : "0", whole > sign ? whole - from : 1);
	if (end > whole + 1) {
		buf_addc(b, '.');
		buf_add(b, p + whole + 1, end - whole - 1);
	}
	buf_add(b, p + end, n - end);
	return num_token(b->p, b->len) == b->len ? 0 : -1;
}

static int
scaled(struct row *r, const char *p, size_t n, struct buf *b)
{
	struct num_sum sum = { 0 };
	struct buf turned = { 0 };
	int status;

	if (r->negative && *p == '-') {
		p++;
		n--;
	} else if (r->negative) {
		buf_addc(&turned, '-');
		buf_add(&turned, p, n);
		p = turned.p;
		n = turned.len;
	}
	status = num_sum_add(&sum, p, n);
	if (status == 0)
		num_sum_format(&sum, r->mul, r->div, b);
	num_sum_fini(&sum);
	buf_fini(&turned);
	return status;
}

/* scale: whether --scale applies, as it does to values only */
static int
add_number(struct row *r, const struct row_member *m, const struct csv_cell *c,
    int scale, struct buf *b)
{
	const char *p = c->p;
	size_t n = c->n;
	double v;

	if (num_token(p, n) != n ||
	    (r->plan.decimal_comma && memchr(p, '.', n) != NULL)) {
		buf_clear(&r->text);
		if (normalise(
			p, n, r->plan.decimal_comma ? ',' : '.', &r->text) < 0)
			return bad_cell(r, m->column, c,
			    memchr(p, ',', n) != NULL && !r->plan.decimal_comma
				? "a comma in a number (see --decimal-comma)"
				: "not a number");
		p = r->text.p;
		n = r->text.len;
	}
	if (num_double(p, n, &v) < 0)
		return bad_cell(r, m->column, c, "no double holds this number");
	if (!scale || (r->mul == r->div && !r->negative))
		buf_add(b, p, n);
	else if (scaled(r, p, n, b) < 0)
		return bad_cell(r, m->column, c, "too large to scale");
	return 0;
}

static int
add_bool(struct row *r, const struct row_member *m, const struct csv_cell *c,
    struct buf *b)
{
	static const char *const words[][2] = { { "false", "0" },
		{ "true", "1" } };

	for (int i = 0; i < 2; i++)
		for (int k = 0; k < 2; k++)
			if (row_plan_same(c, words[i][k])) {
				buf_adds(b, words[i][0]);
				return 0;
			}
	return bad_cell(r, m->column, c, "neither true nor false");
}

/* A unit, or the object of units beside m as --to-csv writes it. */
static int
add_unit(struct row *r, const struct row_member *m, const struct csv_cell *c,
    struct buf *b)
{
	const char *fault;

	if (unit_known(c->p, c->n))
		json_add_string(b, c->p, c->n);
	else if (json_check(c->p, c->n, &fault) == JSON_OBJECT)
		buf_add(b, c->p, c->n);
	else
		return bad_cell(r, m->column, c, "no registered unit");
	return 0;
}

static int
add_cell(struct row *r, const struct row_member *m, const struct csv_cell *c,
    int scale, struct buf *b)
{
	const char *fault;

	switch (m->kind) {
	case ROW_NUMBER: return add_number(r, m, c, scale, b);
	case ROW_BOOL: return add_bool(r, m, c, b);
	case ROW_JSON:
		if (json_check(c->p, c->n, &fault) != JSON_OBJECT)
			return bad_cell(r, m->column, c, "no JSON object");
		buf_add(b, c->p, c->n);
		return 0;
	case ROW_STRING: break;
	}
	if (strcmp(m->name, "u") == 0)
		return add_unit(r, m, c, b);
	json_add_string(b, c->p, c->n);
	return 0;
}

/* events */

static void
add_name(struct buf *b, const char *name)
{
	json_add_string(b, name, strlen(name));
	buf_addc(b, ':');
}

static const char *
unit_of(const struct row *r, const struct row_member *m)
{
	return m->unit != NULL ? m->unit : r->plan.unit;
}

/* ,"v":1,"u":"W"  1, 0 if it is missing, -1 */
static int
add_value(struct row *r, const struct row_member *m,
    const struct csv_cell *cells, struct buf *b)
{
	const char *unit = unit_of(r, m);

	if (m->at == ROW_NOWHERE || is_missing(r, &cells[m->at]))
		return 0;
	buf_adds(b, ",\"v\":");
	if (add_number(r, m, &cells[m->at], 1, b) < 0)
		return -1;
	if (unit != NULL) {
		buf_adds(b, ",\"u\":\"");
		buf_adds(b, unit);
		buf_addc(b, '"');
	}
	return 1;
}

/* "u" beside m: one for all, or one by name */
static void
add_units(const struct row *r, const struct csv_cell *cells, struct buf *b)
{
	const struct row_members *l = &r->values;
	const char *sep = ",\"u\":{";
	size_t own = 0;

	for (size_t i = 0; i < l->n; i++)
		own += l->v[i].unit != NULL;
	if (own == 0 && r->plan.unit != NULL)
		buf_addf(b, ",\"u\":\"%s\"", r->plan.unit);
	for (size_t i = 0; own > 0 && i < l->n; i++) {
		const char *unit = unit_of(r, &l->v[i]);

		if (unit == NULL || is_missing(r, &cells[l->v[i].at]))
			continue;
		buf_adds(b, sep);
		add_name(b, l->v[i].name);
		buf_addf(b, "\"%s\"", unit);
		sep = ",";
	}
	if (*sep == ',' && sep[1] == '\0')
		buf_addc(b, '}');
}

/* ,"m":{...},"u":...  How many of the values are there, or -1. */
static int
add_values(struct row *r, const struct csv_cell *cells, struct buf *b)
{
	const struct row_members *l = &r->values;
	int have = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct csv_cell *c = &cells[l->v[i].at];

		if (is_missing(r, c))
			continue;
		buf_adds(b, have++ == 0 ? ",\"m\":{" : ",");
		add_name(b, l->v[i].name);
		if (add_number(r, &l->v[i], c, 1, b) < 0)
			return -1;
	}
	if (have == 0)
		return 0;
	buf_addc(b, '}');
	add_units(r, cells, b);
	return have;
}

/* The other members; 1 if a value is among them, 0, or -1. */
static int
add_rest(struct row *r, const struct csv_cell *cells, struct buf *b)
{
	int value = 0;

	for (size_t i = 0; i < r->rest.n; i++) {
		const struct row_member *m = &r->rest.v[i];

		if (m->at == ROW_NOWHERE || is_missing(r, &cells[m->at]))
			continue;
		buf_addc(b, ',');
		add_name(b, m->name);
		if (add_cell(r, m, &cells[m->at], 0, b) < 0)
			return -1;
		value |= row_plan_value(m->name);
	}
	return value;
}

static int
check(struct row *r, const char *line, size_t n)
{
	struct event e;
	const char *fault;

	if (event_scan(&e, line, n, &fault) == 0)
		return 0;
	buf_clear(&r->why);
	buf_adds(&r->why, fault);
	return -1;
}

/* One event: of v and m, or of one of --each.  1, 0 if missing, -1. */
static int
add_event(struct row *r, const struct csv_cell *cells,
    const struct row_member *each, struct buf *b)
{
	size_t start = b->len;
	const struct row_member *v = each;
	int value, rest;

	if (v == NULL && r->value.n > 0)
		v = &r->value.v[0];
	if (fill_topic(r, cells, each != NULL ? each->name : "") < 0)
		return -1;
	buf_adds(b, "{\"topic\":\"");
	buf_add(b, r->topic.p, r->topic.len);
	buf_adds(b, "\",\"t\":");
	buf_add(b, r->last_t.p, r->last_t.len);
	value = v != NULL ? add_value(r, v, cells, b) : add_values(r, cells, b);
	if (value < 0)
		return -1;
	rest = add_rest(r, cells, b);
	if (rest < 0)
		return -1;
	if (value == 0 && rest == 0) {
		b->len = start;
		return 0;
	}
	buf_addc(b, '}');
	if ((r->rest.n + r->values.n > 0 || b->len - start > PLAIN_MAX) &&
	    check(r, b->p + start, b->len - start) < 0)
		return -1;
	buf_addc(b, '\n');
	return 1;
}

static int
add_all(struct row *r, const struct csv_cell *cells, struct buf *b)
{
	int n = 0, one;

	if (fill_time(r, cells) < 0)
		return -1;
	if (r->each.n == 0)
		return add_event(r, cells, NULL, b);
	for (size_t i = 0; i < r->each.n; i++) {
		one = add_event(r, cells, &r->each.v[i], b);
		if (one < 0)
			return -1;
		n += one;
	}
	return n;
}

/* Empty cells beyond the header are only delimiters too many. */
static int
check_width(struct row *r, const struct csv_cell *cells, size_t n)
{
	size_t full = n;

	while (full > r->columns && cells[full - 1].n == 0)
		full--;
	if (n >= r->columns && full <= r->columns)
		return 0;
	buf_clear(&r->why);
	buf_addf(&r->why, "%zu cells, %zu in the %s", n, r->columns,
	    r->plan.no_header ? "first row" : "header");
	return -1;
}

static int
first_row(struct row *r, size_t n)
{
	size_t last = row_plan_last(r);

	if (last < n) {
		r->columns = n;
		return 0;
	}
	buf_clear(&r->why);
	buf_addf(&r->why, "no column %zu: %zu cells", last + 1, n);
	return -1;
}

static uint64_t
count_missing(const struct row *r, const struct csv_cell *cells)
{
	const struct row_members *l = r->each.n > 0 ? &r->each
	    : r->values.n > 0			    ? &r->values
						    : &r->value;
	uint64_t n = 0;

	if (r->bare)
		return 0;
	for (size_t i = 0; i < l->n; i++)
		n += (uint64_t)is_missing(r, &cells[l->v[i].at]);
	return n;
}

int
row_events(struct row *r, const struct csv_cell *cells, size_t n, struct buf *b,
    const char **why)
{
	size_t start = b->len;
	int events;

	if (r->columns == 0 && first_row(r, n) < 0)
		return refuse(r, why);
	if (check_width(r, cells, n) < 0)
		return refuse(r, why);
	events = add_all(r, cells, b);
	if (events < 0) {
		b->len = start;
		return refuse(r, why);
	}
	r->missing += count_missing(r, cells);
	return events;
}

uint64_t
row_missing(const struct row *row)
{
	return row->missing;
}

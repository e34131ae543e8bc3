#include "event/row.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/num.h"
#include "event/event.h"
#include "event/json.h"
#include "event/topic.h"
#include "event/unit.h"

enum { TIME_COLUMNS_MAX = 2, WHY_TEXT_MAX = 40, PLAIN_MAX = 4096 };

/* "not yet known": found in the header, or absent from it */
static const size_t nowhere = (size_t)-1;

enum cell_kind { CELL_STRING, CELL_NUMBER, CELL_BOOL, CELL_JSON };

/* A column that becomes a member of the event, or of m. */
struct member {
	char *name;
	char *column;
	char *unit; /* NULL: none of its own */
	size_t at;
	enum cell_kind kind;
	int optional; /* may be absent from the header */
};

struct members {
	struct member *v;
	size_t n;
};

/* A stretch of a template: text, or a column's cell. */
struct piece {
	char *text;
	char *column;
	size_t at;
	int is_name; /* {name}: which of --each it is */
};

struct row {
	struct row_plan plan;
	int bare; /* columns are named like members */
	struct piece *piece;
	size_t pieces;
	struct member time[TIME_COLUMNS_MAX];
	size_t times;
	struct members value;  /* v */
	struct members values; /* m */
	struct members each;
	struct members rest;
	int64_t mul, div;
	int negative;
	size_t columns;
	struct csv_cell *header;
	uint64_t missing;
	int64_t prev;
	struct buf last_time, last_t; /* the time cell read last, and t */
	struct buf text, topic, why;
};

static struct member *
add_member(struct members *to, const char *name, size_t n, const char *column,
    size_t cn, enum cell_kind kind)
{
	struct member *m;

	to->v = xrealloc(to->v, (to->n + 1) * sizeof *to->v);
	m = &to->v[to->n++];
	*m = (struct member){ .name = xstrndup(name, n),
		.column = xstrndup(column, cn),
		.at = nowhere,
		.kind = kind };
	return m;
}

static void
free_members(struct members *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->v[i].name);
		free(m->v[i].column);
		free(m->v[i].unit);
	}
	free(m->v);
}

void
row_free(struct row *r)
{
	if (r == NULL)
		return;
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
	buf_fini(&r->last_time);
	buf_fini(&r->last_t);
	buf_fini(&r->text);
	buf_fini(&r->topic);
	buf_fini(&r->why);
	free(r);
}

/* the plan */

static void
add_piece(
    struct row *r, const char *text, size_t n, const char *column, size_t cn)
{
	struct piece *p;

	r->piece = xrealloc(r->piece, (r->pieces + 1) * sizeof *r->piece);
	p = &r->piece[r->pieces++];
	*p = (struct piece){ .text = xstrndup(text, n), .at = nowhere };
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

static const char *
read_time(struct row *r, const char *s)
{
	for (;; s++) {
		size_t n = strcspn(s, ",");

		if (n == 0 || r->times == TIME_COLUMNS_MAX)
			return "--time: one column, or two with a comma";
		r->time[r->times++] =
		    (struct member){ .column = xstrndup(s, n), .at = nowhere };
		s += n;
		if (*s == '\0')
			return NULL;
	}
}

static const char *
read_list(struct members *to, const char *s, const char *why)
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
			    to, s, (size_t)(is - s), column, cn, CELL_NUMBER);
		else
			add_member(to, column, cn, column, cn, CELL_NUMBER);
		s += n;
		if (*s == '\0')
			return NULL;
	}
}

/* Members of an event that are no strings. */
static enum cell_kind
kind_of(const char *name)
{
	static const struct {
		const char *name;
		enum cell_kind kind;
	} kinds[] = { { "v", CELL_NUMBER }, { "ep", CELL_NUMBER },
		{ "seq", CELL_NUMBER }, { "rev", CELL_NUMBER },
		{ "ttl", CELL_NUMBER }, { "n", CELL_NUMBER },
		{ "w", CELL_NUMBER }, { "vb", CELL_BOOL }, { "m", CELL_JSON },
		{ "d", CELL_JSON } };

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return kinds[i].kind;
	return CELL_STRING;
}

static const char *
read_members(struct row *r, const char **list, size_t n, int numbers)
{
	for (size_t i = 0; i < n; i++) {
		const char *s = list[i], *is = strchr(s, '=');
		struct member *m;

		if (is == NULL || is == s || is[1] == '\0')
			return numbers ? "--number: must be NAME=COLUMN"
				       : "--member: must be NAME=COLUMN";
		m = add_member(&r->rest, s, (size_t)(is - s), is + 1,
		    strlen(is + 1), CELL_STRING);
		m->kind = numbers ? CELL_NUMBER : kind_of(m->name);
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
		add_member(&r->rest, "u", 1, s + 1, n - 2, CELL_STRING);
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

	add_member(&r->value, "v", 1, "v", 1, CELL_NUMBER)->optional = 1;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		add_member(&r->rest, names[i], strlen(names[i]), names[i],
		    strlen(names[i]), kind_of(names[i]))
		    ->optional = 1;
}

static int
holds_value(const struct members *m)
{
	static const char *const names[] = { "vs", "vb", "vd", "m", "d", "enc",
		"v" };

	for (size_t i = 0; i < m->n; i++)
		for (size_t k = 0; k < sizeof names / sizeof *names; k++)
			if (strcmp(m->v[i].name, names[k]) == 0)
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
		    &r->value, "v", 1, p->value, strlen(p->value), CELL_NUMBER);
	else if (!r->bare && !holds_value(&r->rest))
		why =
		    "which column is the value? see --value, --values, --each";
	return why;
}

static const char *
read_plan(struct row *r)
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

static int
refuse(struct row *r, const char **why)
{
	*why = buf_cstr(&r->why);
	return -1;
}

/* Text from outside, shortened, for a message. */
static void
add_text(struct buf *b, const char *p, size_t n)
{
	buf_addc(b, '"');
	buf_add(b, p, n < WHY_TEXT_MAX ? n : WHY_TEXT_MAX);
	if (n > WHY_TEXT_MAX)
		buf_adds(b, "...");
	buf_addc(b, '"');
}

static int
same(const struct csv_cell *c, const char *s)
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
		if (same(&r->header[i], name)) {
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
	add_text(&r->why, name, strlen(name));
	return -1;
}

/* COLUMN:UNIT, unless there is a column of that whole name. */
static int
split_unit(struct row *r, struct member *m)
{
	char *colon = strrchr(m->column, ':');
	size_t at;

	if (find(r, m->column, &at) != 0 || colon == NULL)
		return 0;
	if (!unit_known(colon + 1, strlen(colon + 1))) {
		buf_clear(&r->why);
		buf_adds(&r->why, "no such column, nor a unit behind \":\": ");
		add_text(&r->why, m->column, strlen(m->column));
		return -1;
	}
	m->unit = xstrdup(colon + 1);
	if (strcmp(m->name, m->column) == 0)
		m->name[colon - m->column] = '\0';
	*colon = '\0';
	return 0;
}

static int
place_members(struct row *r, struct members *to, int units)
{
	for (size_t i = 0; i < to->n; i++) {
		struct member *m = &to->v[i];
		int found;

		if (units && m->unit == NULL && split_unit(r, m) < 0)
			return -1;
		m->at = nowhere;
		found = find(r, m->column, &m->at);
		if (found == 0 && m->optional)
			continue;
		if (need(r, m->column, found) < 0)
			return -1;
	}
	return 0;
}

static int
place(struct row *r)
{
	struct member *m;
	struct piece *p;

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
	status = place(r);
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
	*why = read_plan(r);
	if (*why == NULL && plan->no_header && place(r) < 0)
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
	add_text(&r->why, c->p, c->n);
	return -1;
}

static int
is_missing(const struct row *r, const struct csv_cell *c)
{
	if (c->n == 0)
		return 1;
	for (size_t i = 0; i < r->plan.missings; i++)
		if (same(c, r->plan.missing[i]))
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
add_level(struct row *r, const struct piece *p, const struct csv_cell *c)
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
		const struct piece *p = &r->piece[i];
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
	add_text(&r->why, r->topic.p, r->topic.len);
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
		*why = "not Unix seconds (see --time-format)";
		return by_unix(p, n, 0, t) < 0 ||
			*t > 100000000000 * DATE_SECOND
		    ? -1
		    : 0;
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
add_number(struct row *r, const struct member *m, const struct csv_cell *c,
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
add_bool(struct row *r, const struct member *m, const struct csv_cell *c,
    struct buf *b)
{
	static const char *const words[][2] = { { "false", "0" },
		{ "true", "1" } };

	for (int i = 0; i < 2; i++)
		for (int k = 0; k < 2; k++)
			if (same(c, words[i][k])) {
				buf_adds(b, words[i][0]);
				return 0;
			}
	return bad_cell(r, m->column, c, "neither true nor false");
}

static int
add_cell(struct row *r, const struct member *m, const struct csv_cell *c,
    int scale, struct buf *b)
{
	switch (m->kind) {
	case CELL_NUMBER: return add_number(r, m, c, scale, b);
	case CELL_BOOL: return add_bool(r, m, c, b);
	case CELL_JSON: buf_add(b, c->p, c->n); return 0;
	case CELL_STRING: break;
	}
	if (strcmp(m->name, "u") == 0 && !unit_known(c->p, c->n))
		return bad_cell(r, m->column, c, "no registered unit");
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
unit_of(const struct row *r, const struct member *m)
{
	return m->unit != NULL ? m->unit : r->plan.unit;
}

/* ,"v":1,"u":"W"  1, 0 if it is missing, -1 */
static int
add_value(struct row *r, const struct member *m, const struct csv_cell *cells,
    struct buf *b)
{
	const char *unit = unit_of(r, m);

	if (m->at == nowhere || is_missing(r, &cells[m->at]))
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
	const struct members *l = &r->values;
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
	const struct members *l = &r->values;
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
		const struct member *m = &r->rest.v[i];

		if (m->at == nowhere || is_missing(r, &cells[m->at]))
			continue;
		buf_addc(b, ',');
		add_name(b, m->name);
		if (add_cell(r, m, &cells[m->at], 0, b) < 0)
			return -1;
		value |= holds_value(&(struct members){ &r->rest.v[i], 1 });
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
    const struct member *each, struct buf *b)
{
	size_t start = b->len;
	const struct member *v = each;
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
	size_t last = 0;
	const struct members *all[] = { &r->value, &r->values, &r->each,
		&r->rest };

	for (size_t i = 0; i < r->pieces; i++)
		if (r->piece[i].column != NULL && !r->piece[i].is_name &&
		    r->piece[i].at > last)
			last = r->piece[i].at;
	for (size_t i = 0; i < r->times; i++)
		if (r->time[i].at > last)
			last = r->time[i].at;
	for (size_t k = 0; k < 4; k++)
		for (size_t i = 0; i < all[k]->n; i++)
			if (all[k]->v[i].at > last)
				last = all[k]->v[i].at;
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
	const struct members *l = r->each.n > 0 ? &r->each
	    : r->values.n > 0			? &r->values
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

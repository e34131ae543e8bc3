#include "event/format.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/date.h"
#include "base/die.h"
#include "base/num.h"
#include "event/csv.h"
#include "event/json.h"
#include "event/topic.h"

enum { COLUMNS_MAX = 64, PRETTY_TOPIC_MAX = 48 };

/* RFC 8428 section 4.5.3: a smaller time is relative to now. */
static const int64_t senml_absolute = (INT64_C(1) << 28) * DATE_SECOND;

const char *const format_names[] = { "json", "csv", "tsv", "pretty", "senml",
	"influx", NULL };

int
format_wants_meta(const char *columns)
{
	for (const char *p = columns; p != NULL && *p != '\0';) {
		size_t n = strcspn(p, ",");
		if ((n == 2 && memcmp(p, "rt", 2) == 0) ||
		    (n == 4 && memcmp(p, "from", 4) == 0) ||
		    (n == 3 && memcmp(p, "pos", 3) == 0))
			return 1;
		p += n + (p[n] == ',');
	}
	return 0;
}

struct column {
	char *name;
	size_t n;
	struct json_value value; /* of the event in hand */
	size_t capture;		 /* 1 + its index; 0: no capture */
};

struct format {
	enum format_kind kind;
	int colour;
	size_t width; /* of the topic column so far */
	struct column column[COLUMNS_MAX];
	size_t ncolumns;
	struct buf text; /* one unescaped string */
	const struct topic_pattern *pattern;
	const struct date_zone *zone;
	char delimiter;
	uint64_t unshown; /* events with members of no column */
};

static const char *
add_column(struct format *f, const char *p, size_t n)
{
	if (n == 0)
		return "empty column name";
	if (f->ncolumns == COLUMNS_MAX)
		return "more than 64 columns";
	for (size_t i = 0; i < f->ncolumns; i++)
		if (f->column[i].n == n && memcmp(f->column[i].name, p, n) == 0)
			return "column named twice";
	f->column[f->ncolumns].name = xstrndup(p, n);
	f->column[f->ncolumns++].n = n;
	return NULL;
}

struct format *
format_new(
    enum format_kind kind, const char *columns, int colour, const char **why)
{
	struct format *f = xcalloc(1, sizeof(*f));

	f->kind = kind;
	f->colour = colour;
	f->delimiter = kind == FORMAT_TSV ? '\t' : ',';
	*why = NULL;
	for (const char *p = columns ? columns : FORMAT_COLUMNS;; p++) {
		size_t n = strcspn(p, ",");
		if ((*why = add_column(f, p, n)) != NULL) {
			format_free(f);
			return NULL;
		}
		p += n;
		if (*p == '\0')
			return f;
	}
}

void
format_free(struct format *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->ncolumns; i++)
		free(f->column[i].name);
	buf_fini(&f->text);
	free(f);
}

int
format_pattern(struct format *f, const struct topic_pattern *pattern)
{
	size_t n = 0;
	const char *const *names = topic_pattern_names(pattern, &n);

	f->pattern = pattern;
	for (size_t i = 0; i < f->ncolumns; i++) {
		struct column *c = &f->column[i];
		if (c->name[0] != '{' || c->name[c->n - 1] != '}')
			continue;
		for (size_t k = 0; k < n && c->capture == 0; k++)
			if (strlen(names[k]) == c->n - 2 &&
			    memcmp(names[k], c->name + 1, c->n - 2) == 0)
				c->capture = k + 1;
		if (c->capture == 0)
			return -1;
	}
	return 0;
}

void
format_zone(struct format *f, const struct date_zone *zone)
{
	f->zone = zone;
}

void
format_delimiter(struct format *f, char c)
{
	f->delimiter = c;
}

void
format_header(const struct format *f, struct buf *b)
{
	if (f->kind != FORMAT_CSV && f->kind != FORMAT_TSV)
		return;
	for (size_t i = 0; i < f->ncolumns; i++) {
		const struct column *c = &f->column[i];
		if (i > 0)
			buf_addc(b, f->delimiter);
		/* a capture's column is named without its braces */
		csv_add_cell(b, c->name + (c->capture > 0),
		    c->n - 2 * (c->capture > 0), f->delimiter);
	}
	buf_addc(b, '\n');
}

static struct json_value
whole(const struct event *e)
{
	return json_value(e->line, e->n);
}

/* The text of a string, unescaped; valid until the next call. */
static const char *
text(struct format *f, const struct json_value *v, size_t *n)
{
	if (!v->escaped) {
		*n = v->n;
		return v->p;
	}
	buf_clear(&f->text);
	json_text(v, &f->text);
	*n = f->text.len;
	return f->text.p;
}

/* The known member as a value, JSON_NONE if the event has none. */
static struct json_value
member(const struct event *e, enum event_member m)
{
	struct json_value v = { .kind = JSON_NONE };

	if (!event_has(e, m))
		return v;
	v.p = e->line + e->at[m];
	v.n = e->len[m];
	v.escaped = e->escaped >> m & 1;
	if (e->text >> m & 1)
		v.kind = JSON_STRING;
	else if (*v.p == '{')
		v.kind = JSON_OBJECT;
	else if (*v.p == 't' || *v.p == 'f')
		v.kind = *v.p == 't' ? JSON_TRUE : JSON_FALSE;
	else
		v.kind = JSON_NUMBER;
	return v;
}

/* json */

static const char *const meta_names[] = { "rt", "from", "pos" };

/* The members of the event that are not the receiver's to write. */
static void
add_members(const struct event *e, struct buf *b)
{
	struct json_value object = whole(e), name, v;
	struct json_walk w;
	int first = 1;

	for (json_walk(&w, &object); json_next(&w, &name, &v) > 0;) {
		int ours = 0;
		for (size_t i = 0; i < 3; i++)
			ours |= json_equal(&name, meta_names[i]);
		if (ours)
			continue;
		if (!first)
			buf_addc(b, ',');
		first = 0;
		buf_add(b, name.p - 1, name.n + 2);
		buf_addc(b, ':');
		if (v.kind == JSON_STRING)
			buf_add(b, v.p - 1, v.n + 2);
		else
			buf_add(b, v.p, v.n);
	}
}

static void
add_json(const struct event *e, const struct format_meta *meta, struct buf *b)
{
	const uint32_t ours =
	    1u << EVENT_RT | 1u << EVENT_FROM | 1u << EVENT_POS;

	if (meta == NULL) {
		buf_add(b, e->line, e->n);
		buf_addc(b, '\n');
		return;
	}
	if (e->have & ours) {
		buf_addc(b, '{');
		add_members(e, b);
	} else {
		buf_add(b, e->line, e->n);
		while (b->p[--b->len] != '}')
			;
	}
	while (strchr(" \t\r", b->p[b->len - 1]) != NULL)
		b->len--;
	if (b->p[b->len - 1] != '{')
		buf_addc(b, ',');
	buf_adds(b, "\"rt\":");
	num_add_micros(b, meta->rt);
	buf_adds(b, ",\"from\":");
	json_add_string(b, meta->from, meta->from_len);
	if (meta->log_len > 0) {
		buf_adds(b, ",\"pos\":\"");
		buf_add(b, meta->log, meta->log_len);
		buf_addc(b, ':');
		buf_addu(b, meta->pos);
		buf_addc(b, '"');
	}
	buf_adds(b, "}\n");
}

/* csv, tsv */

static void
add_cell(const struct format *f, struct buf *b, const char *p, size_t n)
{
	if (f->kind == FORMAT_CSV) {
		csv_add_cell(b, p, n, f->delimiter);
		return;
	}
	for (size_t i = 0; i < n; i++)
		switch (p[i]) {
		case '\t': buf_adds(b, "\\t"); break;
		case '\n': buf_adds(b, "\\n"); break;
		case '\r': buf_adds(b, "\\r"); break;
		case '\\': buf_adds(b, "\\\\"); break;
		default: buf_addc(b, p[i]);
		}
}

/* 1 if this column is the member, or a member of it ("m.load"). */
static int
give(struct column *c, const struct json_value *name,
    const struct json_value *value)
{
	const char *dot;

	if (json_equal(name, c->name)) {
		c->value = *value;
		return 1;
	}
	if (value->kind != JSON_OBJECT || c->value.kind != JSON_NONE ||
	    (dot = strchr(c->name, '.')) == NULL || name->escaped ||
	    name->n != (size_t)(dot - c->name) ||
	    memcmp(name->p, c->name, name->n) != 0)
		return 0;
	if (json_get(value, dot + 1, &c->value) == 0)
		c->value.kind = JSON_NONE;
	return 1;
}

static int
is_value(const struct json_value *name)
{
	static const char *const values[] = { "v", "vs", "vb", "vd", "m", "d",
		"enc" };

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		if (json_equal(name, values[i]))
			return 1;
	return 0;
}

static void
fill_columns(struct format *f, const struct event *e)
{
	struct json_value object = whole(e), name, v;
	struct json_walk w;
	int unshown = 0;

	for (size_t i = 0; i < f->ncolumns; i++)
		f->column[i].value.kind = JSON_NONE;
	for (json_walk(&w, &object); json_next(&w, &name, &v) > 0;) {
		int shown = 0;
		for (size_t i = 0; i < f->ncolumns; i++) {
			struct column *c = &f->column[i];
			if (c->n == 5 && memcmp(c->name, "value", 5) == 0 &&
			    is_value(&name)) {
				c->value = v;
				shown = 1;
			} else {
				shown |= give(c, &name, &v);
			}
		}
		unshown |= !shown;
	}
	f->unshown += (uint64_t)unshown;
}

uint64_t
format_unshown(const struct format *f)
{
	return f->unshown;
}

/* A column that does not come from the line as it stands: 1 if done. */
static int
add_computed(const struct format *f, const struct column *c,
    const struct event *e, const struct format_meta *meta, struct buf *b)
{
	int64_t t;

	if (strcmp(c->name, "t") == 0 && event_time(e, &t) == 0) {
		date_add(b, t, f->zone);
		return 1;
	}
	if (meta == NULL)
		return 0;
	if (strcmp(c->name, "rt") == 0) {
		date_add(b, meta->rt, f->zone);
	} else if (strcmp(c->name, "from") == 0) {
		add_cell(f, b, meta->from, meta->from_len);
	} else if (strcmp(c->name, "pos") == 0) {
		if (meta->log_len > 0) {
			add_cell(f, b, meta->log, meta->log_len);
			buf_addc(b, ':');
			buf_addu(b, meta->pos);
		}
	} else {
		return 0;
	}
	return 1;
}

static void
add_value_cell(struct format *f, const struct json_value *v, struct buf *b)
{
	size_t n = v->n;
	const char *p = v->p;

	if (v->kind == JSON_NONE || v->kind == JSON_NULL)
		return;
	if (v->kind == JSON_STRING)
		p = text(f, v, &n);
	add_cell(f, b, p, n);
}

static void
add_row(struct format *f, const struct event *e, const struct format_meta *meta,
    struct buf *b)
{
	const char *at[TOPIC_LEVELS_MAX] = { 0 };
	size_t len[TOPIC_LEVELS_MAX] = { 0 }, n;
	char space[TOPIC_MAX + 1];

	fill_columns(f, e);
	if (f->pattern != NULL && event_has(e, EVENT_TOPIC)) {
		const char *topic = event_topic(e, space, &n);
		topic_pattern_match(f->pattern, topic, n, at, len);
	}
	for (size_t i = 0; i < f->ncolumns; i++) {
		struct column *c = &f->column[i];
		if (i > 0)
			buf_addc(b, f->delimiter);
		if (c->capture > 0)
			add_cell(f, b, at[c->capture - 1], len[c->capture - 1]);
		else if (!add_computed(f, c, e, meta, b))
			add_value_cell(f, &c->value, b);
	}
	buf_addc(b, '\n');
}

/* pretty */

/*
 * A string as it stands in the line, so that no control character reaches a
 * terminal; those of C1 are not escaped in JSON.
 */
static void
add_safe(struct buf *b, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];
		if (c == 0xc2 && i + 1 < n && (unsigned char)p[i + 1] < 0xa0)
			buf_addf(b, "\\u00%02x", (unsigned char)p[++i]);
		else if (c == 0x7f)
			buf_adds(b, "\\u007f");
		else
			buf_addc(b, p[i]);
	}
}

static void
add_local_time(struct buf *b, const struct event *e)
{
	int64_t t;
	time_t seconds;
	struct tm tm;
	char s[64];

	if (event_time(e, &t) != 0) {
		buf_addf(b, "%-23s", "-");
		return;
	}
	seconds = (time_t)(t / DATE_SECOND - (t % DATE_SECOND < 0));
	if (localtime_r(&seconds, &tm) == NULL ||
	    strftime(s, sizeof(s), "%Y-%m-%d %H:%M:%S", &tm) == 0) {
		num_add_micros(b, t);
		return;
	}
	t -= (int64_t)seconds * DATE_SECOND;
	buf_addf(b, "%s.%03d", s, (int)(t / 1000));
}

/* The unit of one member of m: of its name, or the one for all. */
static struct json_value
unit_of(const struct json_value *units, const struct json_value *name)
{
	struct json_value u = { .kind = JSON_NONE };
	struct buf s = { 0 };

	if (units->kind != JSON_OBJECT)
		return *units;
	json_text(name, &s);
	if (json_get(units, buf_cstr(&s), &u) == 0)
		u.kind = JSON_NONE;
	buf_fini(&s);
	return u;
}

/* "load=432.1 W flex_dn=120 W" */
static void
add_pairs(const struct event *e, const struct json_value *m, struct buf *b)
{
	struct json_value unit = member(e, EVENT_U), name, v, u;
	struct json_walk w;
	int first = 1;

	for (json_walk(&w, m); json_next(&w, &name, &v) > 0; first = 0) {
		if (!first)
			buf_addc(b, ' ');
		add_safe(b, name.p, name.n);
		buf_addc(b, '=');
		buf_add(b, v.p, v.n);
		u = unit_of(&unit, &name);
		if (u.kind == JSON_STRING) {
			buf_addc(b, ' ');
			add_safe(b, u.p, u.n);
		}
	}
}

static const enum event_member value_members[] = { EVENT_V, EVENT_VS, EVENT_VB,
	EVENT_VD, EVENT_M, EVENT_D, EVENT_ENC };

/* The event's one value; *which says what it is. */
static struct json_value
event_value(const struct event *e, enum event_member *which)
{
	struct json_value v = { .kind = JSON_NONE };

	for (size_t i = 0; i < 7 && v.kind == JSON_NONE; i++) {
		*which = value_members[i];
		v = member(e, *which);
	}
	return v;
}

static void
add_pretty_value(struct format *f, const struct event *e, struct buf *b)
{
	enum event_member which;
	struct json_value v = event_value(e, &which), u = member(e, EVENT_U);

	if (f->colour)
		buf_adds(b, "\033[1m");
	if (v.kind == JSON_NONE)
		buf_addc(b, '-');
	else if (which == EVENT_M)
		add_pairs(e, &v, b);
	else if (which == EVENT_ENC)
		buf_adds(b, "(sealed)");
	else
		add_safe(b, v.p, v.n);
	if (f->colour)
		buf_adds(b, "\033[0m");
	if (which != EVENT_M && u.kind == JSON_STRING) {
		buf_addc(b, ' ');
		add_safe(b, u.p, u.n);
	}
}

static void
add_pretty(struct format *f, const struct event *e, struct buf *b)
{
	char space[TOPIC_MAX + 1];
	size_t n = 0;
	const char *topic = "-";
	struct json_value q = member(e, EVENT_Q);

	if (event_has(e, EVENT_TOPIC))
		topic = event_topic(e, space, &n);
	else
		n = 1;
	if (n > f->width)
		f->width = n < PRETTY_TOPIC_MAX ? n : PRETTY_TOPIC_MAX;
	if (f->colour)
		buf_adds(b, "\033[2m");
	add_local_time(b, e);
	if (f->colour)
		buf_adds(b, "\033[0m");
	buf_addf(b, "  %-*.*s  ", (int)f->width, (int)n, topic);
	add_pretty_value(f, e, b);
	if (q.kind == JSON_STRING && !(q.n == 2 && memcmp(q.p, "OK", 2) == 0)) {
		buf_adds(b, " [");
		add_safe(b, q.p, q.n);
		buf_addc(b, ']');
	}
	buf_addc(b, '\n');
}

/* senml */

/* RFC 8428 section 4.5.1: A-Z a-z 0-9 - : . / _, a letter or digit first. */
static void
add_senml_name(struct buf *b, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = p[i];
		int plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		    (c >= 'a' && c <= 'z');
		plain |= c != '\0' && strchr("-:./_", c) != NULL;
		buf_addc(b, plain ? c : '_');
	}
}

static size_t
senml_skip(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n &&
	    !((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'A' && p[i] <= 'Z') ||
		(p[i] >= 'a' && p[i] <= 'z')))
		i++;
	return i;
}

/* One record: {"n":…,"t":…,"u":…,KEY:VALUE} */
static void
add_record(const struct event *e, const char *topic, size_t n,
    const struct json_value *name, const struct json_value *unit,
    const char *key, const struct json_value *v, struct buf *b)
{
	int64_t t;

	buf_adds(b, "{\"n\":\"");
	add_senml_name(b, topic, n);
	if (name != NULL) {
		struct buf s = { 0 };
		json_text(name, &s);
		buf_addc(b, '/');
		add_senml_name(b, s.p, s.len);
		buf_fini(&s);
	}
	buf_addc(b, '"');
	if (event_time(e, &t) == 0) {
		buf_adds(b, ",\"t\":");
		num_add_micros(b, t);
	}
	if (unit->kind == JSON_STRING) {
		buf_adds(b, ",\"u\":");
		buf_add(b, unit->p - 1, unit->n + 2);
	}
	buf_addf(b, ",\"%s\":", key);
	if (v->kind == JSON_STRING)
		buf_add(b, v->p - 1, v->n + 2);
	else if (v->kind == JSON_OBJECT)
		json_add_string(b, v->p, v->n);
	else
		buf_add(b, v->p, v->n);
	buf_addc(b, '}');
}

static void
add_records(const struct event *e, const char *topic, size_t n,
    const struct json_value *m, struct buf *b)
{
	struct json_value units = member(e, EVENT_U), name, v, u;
	struct json_walk w;
	int first = 1;

	for (json_walk(&w, m); json_next(&w, &name, &v) > 0; first = 0) {
		if (!first)
			buf_addc(b, ',');
		u = unit_of(&units, &name);
		add_record(e, topic, n, &name, &u, "v", &v, b);
	}
}

static const char *
add_senml(const struct event *e, struct buf *b)
{
	static const char *const keys[] = { "v", "vs", "vb", "vd", "", "vs" };
	char space[TOPIC_MAX + 1];
	enum event_member which;
	struct json_value v = event_value(e, &which), u = member(e, EVENT_U);
	const char *topic;
	size_t n = 0, skip, key = 0;
	int64_t t;

	if (v.kind == JSON_NONE || !event_has(e, EVENT_TOPIC))
		return "SenML: no topic or no value";
	if (which == EVENT_ENC)
		return "SenML: a sealed value has no such form";
	if (event_time(e, &t) == 0 && t < senml_absolute)
		return "SenML: a time before 1978 would be relative";
	topic = event_topic(e, space, &n);
	skip = senml_skip(topic, n);
	if (skip == n)
		return "SenML: no letter or digit in the topic";
	while (value_members[key] != which)
		key++;
	buf_addc(b, '[');
	if (which == EVENT_M)
		add_records(e, topic + skip, n - skip, &v, b);
	else
		add_record(
		    e, topic + skip, n - skip, NULL, &u, keys[key], &v, b);
	buf_adds(b, "]\n");
	return NULL;
}

/* influx */

/*
 * Names and tags: a backslash before the bytes of stop.  Line protocol has
 * no escape for a newline there: a control character becomes a space.
 */
static void
add_tag(struct buf *b, const char *p, size_t n, const char *stop)
{
	while (n > 0 && p[n - 1] == '\\')
		n--; /* a last backslash would escape what follows */
	for (size_t i = 0; i < n; i++) {
		char c = (unsigned char)p[i] < ' ' ? ' ' : p[i];
		if (strchr(stop, c) != NULL)
			buf_addc(b, '\\');
		buf_addc(b, c);
	}
}

static void
add_field_string(struct format *f, struct buf *b, const struct json_value *v)
{
	size_t n = v->n;
	const char *p = v->p;

	if (v->kind == JSON_STRING)
		p = text(f, v, &n);
	buf_addc(b, '"');
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '"' || p[i] == '\\')
			buf_addc(b, '\\');
		buf_addc(b, (unsigned char)p[i] < ' ' ? ' ' : p[i]);
	}
	buf_addc(b, '"');
}

static void
add_tags(struct format *f, const struct event *e, struct buf *b)
{
	static const struct {
		enum event_member member;
		const char *name;
	} tags[] = { { EVENT_TOPIC, "topic" }, { EVENT_SRC, "src" },
		{ EVENT_U, "u" }, { EVENT_Q, "q" } };

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		struct json_value v = member(e, tags[i].member);
		size_t n, before = b->len;
		const char *p;
		if (v.kind != JSON_STRING)
			continue;
		p = text(f, &v, &n);
		buf_addf(b, ",%s=", tags[i].name);
		add_tag(b, p, n, ", =");
		if (b->p[b->len - 1] == '=' && b->p[b->len - 2] != '\\')
			b->len = before; /* an empty tag is refused */
	}
}

static int
add_fields(struct format *f, const struct json_value *m, struct buf *b)
{
	struct json_value name, v;
	struct json_walk w;
	int fields = 0;

	for (json_walk(&w, m); json_next(&w, &name, &v) > 0;) {
		size_t n;
		const char *p = text(f, &name, &n);
		if (n == 0)
			continue;
		if (fields++ > 0)
			buf_addc(b, ',');
		add_tag(b, p, n, ", =");
		buf_addc(b, '=');
		buf_add(b, v.p, v.n);
	}
	return fields;
}

static const char *
add_influx(struct format *f, const struct event *e, struct buf *b)
{
	char space[TOPIC_MAX + 1];
	enum event_member which;
	struct json_value v = event_value(e, &which);
	const char *topic, *slash;
	size_t n = 0;
	int64_t t;

	if (!event_has(e, EVENT_TOPIC) || event_time(e, &t) != 0)
		return "line protocol: no topic or no time";
	if (t > INT64_MAX / 1000 || t < INT64_MIN / 1000)
		return "line protocol: time out of range";
	topic = event_topic(e, space, &n);
	slash = memchr(topic, '/', n);
	add_tag(b, topic, slash ? (size_t)(slash - topic) : n, ", ");
	add_tags(f, e, b);
	buf_addc(b, ' ');
	if (which == EVENT_M && v.kind == JSON_OBJECT) {
		if (add_fields(f, &v, b) == 0)
			return "line protocol: no value";
	} else if (v.kind == JSON_NONE) {
		return "line protocol: no value";
	} else {
		static const char *const fields[] = { "v", "vs", "vb", "vd", "",
			"d", "enc" };
		size_t i = 0;
		while (value_members[i] != which)
			i++;
		buf_addf(b, "%s=", fields[i]);
		if (which == EVENT_V || which == EVENT_VB)
			buf_add(b, v.p, v.n);
		else
			add_field_string(f, b, &v);
	}
	buf_addc(b, ' ');
	buf_addi(b, t * 1000);
	buf_addc(b, '\n');
	return NULL;
}

int
format_event(struct format *f, const struct event *e,
    const struct format_meta *meta, struct buf *b, const char **why)
{
	size_t before = b->len;

	*why = NULL;
	switch (f->kind) {
	case FORMAT_JSON: add_json(e, meta, b); break;
	case FORMAT_CSV:
	case FORMAT_TSV: add_row(f, e, meta, b); break;
	case FORMAT_PRETTY: add_pretty(f, e, b); break;
	case FORMAT_SENML: *why = add_senml(e, b); break;
	case FORMAT_INFLUX: *why = add_influx(f, e, b); break;
	}
	if (*why == NULL)
		return 0;
	b->len = before;
	return -1;
}

#include "bus/wire.h"

#include <string.h>

#include "base/num.h"

enum { CHAN_DIGITS = 16, SUB_MAX = 2147483647 };

/* How a member of a header is decoded; .at is where it goes. */
enum kind {
	COUNT,	 /* uint64_t */
	INTEGER, /* int64_t, not negative */
	FLAG,	 /* int */
	SECONDS, /* int64_t microseconds */
	NAME,	 /* struct json_value, wire_name_check() */
	STRING,	 /* struct json_value */
	STRINGS, /* struct json_value: array of strings */
	ARRAY,	 /* struct json_value */
	REFUSED, /* the same, but a number is stat's count of that name */
	CURSOR,	 /* struct wire_cursor */
	CHAN	 /* uint64_t */
};

enum { NO_FLAG = 0 }; /* no "has" flag is the first of its struct */

struct member {
	const char *name;
	enum kind kind;
	size_t at;
	size_t has; /* an int set to 1, or NO_FLAG */
	const char *why;
};

static const struct member request_members[] = {
	{ "sg", INTEGER, offsetof(struct wire_request, version), NO_FLAG,
	    "sg: not a version" },
	{ "upto", INTEGER, offsetof(struct wire_request, upto), NO_FLAG,
	    "upto: not a version" },
	{ "ids", FLAG, offsetof(struct wire_request, ids), NO_FLAG,
	    "ids: not true or false" },
	{ "done", COUNT, offsetof(struct wire_request, done), NO_FLAG,
	    "done: not a count" },
	{ "from", NAME, offsetof(struct wire_request, from), NO_FLAG,
	    "from: not a name" },
	{ "chan", CHAN, offsetof(struct wire_request, chan),
	    offsetof(struct wire_request, has_chan),
	    "chan: not 16 hex digits" },
	{ "first", COUNT, offsetof(struct wire_request, first), NO_FLAG,
	    "first: not a count" },
	{ "safe", COUNT, offsetof(struct wire_request, safe), NO_FLAG,
	    "safe: not a count" },
	{ "n", INTEGER, offsetof(struct wire_request, n), NO_FLAG,
	    "n: not a count" },
	{ "filters", STRINGS, offsetof(struct wire_request, filters), NO_FLAG,
	    "filters: not an array of strings" },
	{ "until", CURSOR, offsetof(struct wire_request, until),
	    offsetof(struct wire_request, has_until), "until: not a cursor" },
	{ "meta", FLAG, offsetof(struct wire_request, meta), NO_FLAG,
	    "meta: not true or false" },
	{ "name", NAME, offsetof(struct wire_request, name), NO_FLAG,
	    "name: not a name" },
	{ "sub", INTEGER, offsetof(struct wire_request, sub), NO_FLAG,
	    "sub: not a number" },
	{ "max", INTEGER, offsetof(struct wire_request, max), NO_FLAG,
	    "max: not a number of bytes" },
	{ "count", INTEGER, offsetof(struct wire_request, count), NO_FLAG,
	    "count: not a count" },
	{ "wait", SECONDS, offsetof(struct wire_request, wait), NO_FLAG,
	    "wait: not a number of seconds" },
	{ "next", COUNT, offsetof(struct wire_request, next), NO_FLAG,
	    "next: not a count" },
	{ NULL, COUNT, 0, NO_FLAG, NULL }
};

static const struct member reply_members[] = {
	{ "ok", FLAG, offsetof(struct wire_reply, ok), NO_FLAG,
	    "ok: not true or false" },
	{ "why", STRING, offsetof(struct wire_reply, why), NO_FLAG,
	    "why: not a string" },
	{ "local", COUNT, offsetof(struct wire_reply, local), NO_FLAG,
	    "local: not a count" },
	{ "safe", COUNT, offsetof(struct wire_reply, safe), NO_FLAG,
	    "safe: not a count" },
	{ "n", COUNT, offsetof(struct wire_reply, n), NO_FLAG,
	    "n: not a count" },
	{ "part", COUNT, offsetof(struct wire_reply, part), NO_FLAG,
	    "part: not a count" },
	{ "lost", COUNT, offsetof(struct wire_reply, lost), NO_FLAG,
	    "lost: not a count" },
	{ "next", COUNT, offsetof(struct wire_reply, next),
	    offsetof(struct wire_reply, has_next), "next: not a count" },
	{ "after", SECONDS, offsetof(struct wire_reply, after), NO_FLAG,
	    "after: not a number of seconds" },
	{ "mark", COUNT, offsetof(struct wire_reply, mark),
	    offsetof(struct wire_reply, has_mark), "mark: not a count" },
	{ "line", INTEGER, offsetof(struct wire_reply, line), NO_FLAG,
	    "line: not a count" },
	{ "end", FLAG, offsetof(struct wire_reply, end), NO_FLAG,
	    "end: not true or false" },
	{ "cursor", CURSOR, offsetof(struct wire_reply, cursor),
	    offsetof(struct wire_reply, has_cursor), "cursor: not a cursor" },
	{ "now", CURSOR, offsetof(struct wire_reply, now),
	    offsetof(struct wire_reply, has_now), "now: not a cursor" },
	{ "meta", ARRAY, offsetof(struct wire_reply, meta), NO_FLAG,
	    "meta: not an array" },
	{ "refused", REFUSED, offsetof(struct wire_reply, refused), NO_FLAG,
	    "refused: not an array" },
	{ NULL, COUNT, 0, NO_FLAG, NULL }
};

static const struct {
	const char *name;
	enum wire_op op;
} ops[] = {
	{ "pub", WIRE_PUB },
	{ "fetch", WIRE_FETCH_OP },
	{ "hello", WIRE_HELLO },
	{ "last", WIRE_LAST },
	{ "seek", WIRE_SEEK },
	{ "commit", WIRE_COMMIT },
	{ "bye", WIRE_BYE },
	{ "stat", WIRE_STAT },
	{ "mirror", WIRE_MIRROR },
	{ "call", WIRE_RESERVED },
	{ "serve", WIRE_RESERVED },
	{ "reply", WIRE_RESERVED },
};

static int
name_byte(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9') || c == '.' || c == '_' || c == ':' ||
	    c == '@' || c == '/' || c == '-';
}

int
wire_name_check(const char *p, size_t n)
{
	size_t i;

	if (n == 0 || n > WIRE_NAME_MAX)
		return 0;
	for (i = 0; i < n; i++)
		if (!name_byte((unsigned char)p[i]))
			return 0;
	return 1;
}

static int
get_count(const struct json_value *v, uint64_t *out)
{
	int64_t n;

	if (v->kind != JSON_NUMBER || num_uint(v->p, v->n, &n) < 0)
		return -1;
	*out = (uint64_t)n;
	return 0;
}

int
wire_log_parse(struct wire_position *at, const struct json_value *v)
{
	const char *dot = memrchr(v->p, '.', v->n);
	size_t n = dot ? (size_t)(dot - v->p) : 0;
	int64_t start;

	if (v->kind != JSON_STRING || v->escaped || !wire_name_check(v->p, n) ||
	    memchr(v->p, '/', n) != NULL ||
	    num_uint(dot + 1, v->n - n - 1, &start) < 0)
		return -1;
	memcpy(at->name, v->p, n);
	at->name[n] = '\0';
	at->start = (uint64_t)start;
	at->n = 0;
	return 0;
}

static const struct wire_position *
find_log(const struct wire_cursor *c, const struct wire_position *log)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->at[i].start == log->start &&
		    strcmp(c->at[i].name, log->name) == 0)
			return &c->at[i];
	return NULL;
}

int
wire_cursor_names(const struct wire_cursor *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (strcmp(c->at[i].name, name) == 0)
			return 1;
	return 0;
}

int
wire_cursor_parse(struct wire_cursor *c, const struct json_value *value)
{
	struct json_value name, n;
	struct wire_position at;
	struct json_walk w;

	c->n = 0;
	if (value->kind != JSON_OBJECT)
		return -1;
	json_walk(&w, value);
	while (json_next(&w, &name, &n)) {
		if (c->n == WIRE_LOGS_MAX || wire_log_parse(&at, &name) < 0 ||
		    get_count(&n, &at.n) < 0 || find_log(c, &at) != NULL)
			return -1;
		c->at[c->n++] = at;
	}
	return 0;
}

int
wire_cursor_same(const struct wire_cursor *a, const struct wire_cursor *b)
{
	const struct wire_position *at;

	for (size_t i = 0; i < a->n; i++) {
		at = find_log(b, &a->at[i]);
		if (at == NULL || at->n != a->at[i].n)
			return 0;
	}
	return a->n == b->n;
}

void
wire_cursor_add(struct buf *b, const struct wire_cursor *c)
{
	size_t i;

	buf_addc(b, '{');
	for (i = 0; i < c->n; i++) {
		buf_adds(b, i ? ",\"" : "\"");
		buf_adds(b, c->at[i].name);
		buf_addc(b, '.');
		buf_addu(b, c->at[i].start);
		buf_adds(b, "\":");
		buf_addu(b, c->at[i].n);
	}
	buf_addc(b, '}');
}

int
wire_chan_parse(uint64_t *out, const struct json_value *v)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t chan = 0;
	const char *d;
	size_t i;

	if (v->kind != JSON_STRING || v->n != CHAN_DIGITS)
		return -1;
	for (i = 0; i < CHAN_DIGITS; i++) {
		d = memchr(digits, v->p[i] | 0x20, 16);
		if (d == NULL || v->p[i] < '0')
			return -1;
		chan = chan << 4 | (uint64_t)(d - digits);
	}
	*out = chan;
	return 0;
}

static int
get_strings(const struct json_value *v, struct json_value *out)
{
	struct json_value name, element;
	struct json_walk w;

	if (v->kind != JSON_ARRAY)
		return -1;
	json_walk(&w, v);
	while (json_next(&w, &name, &element))
		if (element.kind != JSON_STRING)
			return -1;
	*out = *v;
	return 0;
}

static int
get_name(const struct json_value *v, struct json_value *out)
{
	if (v->kind != JSON_STRING || v->escaped ||
	    !wire_name_check(v->p, v->n))
		return -1;
	*out = *v;
	return 0;
}

static int
get_kind(
    const struct json_value *v, enum json_kind kind, struct json_value *out)
{
	if (v->kind != kind)
		return -1;
	*out = *v;
	return 0;
}

static int
get_flag(const struct json_value *v, int *out)
{
	*out = v->kind == JSON_TRUE;
	return v->kind == JSON_TRUE || v->kind == JSON_FALSE ? 0 : -1;
}

static int
get_seconds(const struct json_value *v, int64_t *out)
{
	if (v->kind != JSON_NUMBER)
		return -1;
	return num_micros(v->p, v->n, out);
}

static int
get_integer(const struct json_value *v, int64_t *out)
{
	return v->kind == JSON_NUMBER ? num_uint(v->p, v->n, out) : -1;
}

/* Decode one member into its place. */
static int
get(enum kind kind, const struct json_value *v, void *to)
{
	switch (kind) {
	case COUNT: return get_count(v, to);
	case INTEGER: return get_integer(v, to);
	case FLAG: return get_flag(v, to);
	case SECONDS: return get_seconds(v, to);
	case NAME: return get_name(v, to);
	case STRING: return get_kind(v, JSON_STRING, to);
	case STRINGS: return get_strings(v, to);
	case ARRAY: return get_kind(v, JSON_ARRAY, to);
	case REFUSED:
		return v->kind == JSON_NUMBER ? 0 : get_kind(v, JSON_ARRAY, to);
	case CURSOR: return wire_cursor_parse(to, v);
	case CHAN: return wire_chan_parse(to, v);
	}
	return -1;
}

/* Decode a member by the table: 0, also if it is not in it, or -1. */
static int
decode(const struct member *table, void *base, const struct json_value *name,
    const struct json_value *value, const char **why)
{
	char *to = base;
	int one = 1;

	for (; table->name != NULL; table++) {
		if (!json_equal(name, table->name))
			continue;
		if (get(table->kind, value, to + table->at) < 0) {
			*why = table->why;
			return -1;
		}
		if (table->has != NO_FLAG)
			memcpy(to + table->has, &one, sizeof one);
		return 0;
	}
	return 0;
}

/*
 * Find and check the header line, by json_check() or json_check_wide(): its
 * object, and what follows it.
 */
static int
split(const char *p, size_t n,
    enum json_kind (*check)(const char *p, size_t n, const char **why),
    struct json_value *header, const char **lines, size_t *lines_len,
    const char **why)
{
	size_t look = n < WIRE_HEADER_MAX + 1 ? n : WIRE_HEADER_MAX + 1;
	const char *lf = n ? memchr(p, '\n', look) : NULL;
	size_t len = lf ? (size_t)(lf - p) : n;

	if (len > WIRE_HEADER_MAX) {
		*why = "header line too long";
		return -1;
	}
	*why = "header is no JSON object";
	if (n == 0 || check(p, len, why) != JSON_OBJECT)
		return -1;
	*header = json_value(p, len);
	*lines = lf ? lf + 1 : p + n;
	*lines_len = n - (size_t)(*lines - p);
	return 0;
}

static enum wire_op
get_op(const struct json_value *header)
{
	struct json_value v;
	size_t i;

	if (!json_get(header, "op", &v) || v.kind != JSON_STRING)
		return WIRE_NONE;
	for (i = 0; i < sizeof ops / sizeof ops[0]; i++)
		if (json_equal(&v, ops[i].name))
			return ops[i].op;
	return WIRE_NONE;
}

/* "cursor": an object, "now", "begin", or null for a commit. */
static int
get_start(struct wire_request *r, const struct json_value *v)
{
	if (v->kind == JSON_OBJECT) {
		r->start = WIRE_FROM_CURSOR;
		r->has_cursor = 1;
		return wire_cursor_parse(&r->cursor, v);
	}
	if (r->op == WIRE_COMMIT)
		return v->kind == JSON_NULL ? 0 : -1;
	if (v->kind != JSON_STRING)
		return -1;
	if (json_equal(v, "begin"))
		r->start = WIRE_FROM_BEGIN;
	else if (!json_equal(v, "now"))
		return -1;
	return 0;
}

static int
get_commit(struct wire_request *r, const struct json_value *v)
{
	struct wire_mark mark;

	r->commit = *v;
	return wire_mark_parse(&mark, v);
}

/* seek's "to": "begin" or "end". */
static int
get_to(struct wire_request *r, const struct json_value *v)
{
	if (v->kind != JSON_STRING)
		return -1;
	if (json_equal(v, "begin"))
		r->start = WIRE_FROM_BEGIN;
	else if (!json_equal(v, "end"))
		return -1;
	return 0;
}

/* Members whose meaning depends on the operation: 1 if it was one of them. */
static int
decode_by_op(struct wire_request *r, const struct json_value *name,
    const struct json_value *v, const char **why)
{
	if (json_equal(name, "cursor")) {
		*why = "cursor: not a cursor";
		return get_start(r, v) < 0 ? -1 : 1;
	}
	if (r->op == WIRE_PUB && json_equal(name, "commit")) {
		*why = "commit: no name and after, or no cursor, t and id";
		return get_commit(r, v) < 0 ? -1 : 1;
	}
	if (r->op == WIRE_SEEK && json_equal(name, "to")) {
		*why = "to: neither \"begin\" nor \"end\"";
		return get_to(r, v) < 0 ? -1 : 1;
	}
	if (r->op == WIRE_SEEK && json_equal(name, "time")) {
		*why = "time: not a number of seconds";
		r->start = WIRE_FROM_TIME;
		return get_seconds(v, &r->time) < 0 ? -1 : 1;
	}
	return 0;
}

/* What an operation cannot do without. */
static const char *
missing(const struct wire_request *r, const struct json_value *header)
{
	struct json_value v;

	if (r->op == WIRE_PUB && r->has_chan && r->first == 0)
		return "first: missing or 0";
	if (r->op == WIRE_BYE && !r->has_chan)
		return "chan: missing";
	if (r->op == WIRE_COMMIT && r->name.kind == JSON_NONE)
		return "name: missing";
	if (r->op == WIRE_COMMIT && !json_get(header, "cursor", &v))
		return "cursor: missing";
	if (r->op == WIRE_MIRROR && r->name.kind != JSON_NONE && !r->has_cursor)
		return "cursor: missing";
	if (r->op == WIRE_SEEK && !json_get(header, "time", &v) &&
	    !json_get(header, "to", &v))
		return "time: missing";
	if (r->sub > SUB_MAX)
		return "sub: too large";
	if (r->wait < 0)
		return "wait: negative";
	return NULL;
}

int
wire_request_parse(
    struct wire_request *r, const char *p, size_t n, const char **why)
{
	struct json_value header, name, value;
	struct json_walk w;
	int did;

	memset(r, 0, offsetof(struct wire_request, cursor));
	r->cursor.n = r->until.n = 0;
	r->n = -1;
	if (split(p, n, json_check, &header, &r->lines, &r->lines_len, why) < 0)
		return -1;
	r->op = get_op(&header);
	*why = "unknown op";
	if (r->op == WIRE_NONE)
		return -1;
	if (r->op == WIRE_RESERVED)
		return 0;
	json_walk(&w, &header);
	while (json_next(&w, &name, &value)) {
		did = decode_by_op(r, &name, &value, why);
		if (did == 0)
			did = decode(request_members, r, &name, &value, why);
		if (did < 0)
			return -1;
	}
	*why = missing(r, &header);
	return *why == NULL ? 0 : -1;
}

static int
get_error(struct wire_reply *r, const struct json_value *header)
{
	struct json_value v;

	if (!json_get(header, "error", &v) || v.kind != JSON_STRING ||
	    v.escaped || v.n == 0 || v.n >= sizeof r->error)
		return -1;
	memcpy(r->error, v.p, v.n);
	return 0;
}

int
wire_reply_parse(
    struct wire_reply *r, const char *p, size_t n, const char **why)
{
	struct json_value name, value;
	struct json_walk w;

	memset(r, 0, offsetof(struct wire_reply, cursor));
	r->cursor.n = r->now.n = 0;
	/* A state may have many logs and cursors to tell of. */
	if (split(p, n, json_check_wide, &r->header, &r->lines, &r->lines_len,
		why) < 0)
		return -1;
	*why = "ok: missing";
	if (!json_get(&r->header, "ok", &value))
		return -1;
	json_walk(&w, &r->header);
	while (json_next(&w, &name, &value))
		if (decode(reply_members, r, &name, &value, why) < 0)
			return -1;
	*why = "error: missing";
	return r->ok ? 0 : get_error(r, &r->header);
}

static void
add_text(struct buf *b, const char *before, const char *s)
{
	buf_adds(b, before);
	json_add_string(b, s, strlen(s));
}

static void
add_count(struct buf *b, const char *before, uint64_t n)
{
	buf_adds(b, before);
	buf_addu(b, n);
}

/* A count that is left out when it is 0. */
static void
add_some(struct buf *b, const char *before, int64_t n)
{
	if (n > 0)
		add_count(b, before, (uint64_t)n);
}

void
wire_chan_add(struct buf *b, uint64_t chan)
{
	buf_addf(b, "\"%016llx\"", (unsigned long long)chan);
}

static void
add_chan(struct buf *b, uint64_t chan)
{
	buf_adds(b, ",\"chan\":");
	wire_chan_add(b, chan);
}

void
wire_hello(struct buf *b)
{
	add_count(b, "{\"op\":\"hello\",\"sg\":", WIRE_VERSION);
	add_count(b, ",\"upto\":", WIRE_VERSION);
	buf_adds(b, "}\n");
}

static void
add_pub(struct buf *b, const char *from, uint64_t chan, uint64_t first,
    uint64_t n, uint64_t safe)
{
	buf_adds(b, "{\"op\":\"pub\"");
	if (from != NULL)
		add_text(b, ",\"from\":", from);
	add_chan(b, chan);
	add_count(b, ",\"first\":", first);
	add_count(b, ",\"n\":", n);
	add_some(b, ",\"safe\":", (int64_t)safe);
}

void
wire_pub(struct buf *b, const char *from, uint64_t chan, uint64_t first,
    uint64_t n, uint64_t safe)
{
	add_pub(b, from, chan, first, n, safe);
	buf_adds(b, "}\n");
}

void
wire_pub_mark(struct buf *b, const char *from, uint64_t first, uint64_t n,
    uint64_t safe, const struct wire_mark *mark)
{
	add_pub(b, from, wire_mark_chan(mark->name), first, n, safe);
	add_text(b, ",\"commit\":{\"name\":", mark->name);
	add_count(b, ",\"after\":", mark->after);
	if (mark->has_cursor) {
		buf_adds(b, ",\"t\":");
		num_add_micros(b, mark->t);
		add_text(b, ",\"id\":", mark->id);
		buf_adds(b, ",\"cursor\":");
		wire_cursor_add(b, &mark->cursor);
		add_some(b, ",\"ahead\":", (int64_t)mark->ahead);
	}
	buf_adds(b, "}}\n");
}

void
wire_bye(struct buf *b, const char *from, uint64_t chan)
{
	buf_adds(b, "{\"op\":\"bye\"");
	if (from != NULL)
		add_text(b, ",\"from\":", from);
	add_chan(b, chan);
	buf_adds(b, "}\n");
}

void
wire_commit(struct buf *b, const char *name, const struct wire_cursor *cursor)
{
	add_text(b, "{\"op\":\"commit\",\"name\":", name);
	buf_adds(b, ",\"cursor\":");
	if (cursor == NULL)
		buf_adds(b, "null");
	else
		wire_cursor_add(b, cursor);
	buf_adds(b, "}\n");
}

static void
add_filters(struct buf *b, const char *const *filters, size_t n)
{
	size_t i;

	buf_adds(b, ",\"filters\":[");
	for (i = 0; i < n; i++)
		add_text(b, i ? "," : "", filters[i]);
	buf_addc(b, ']');
}

/* Where a new subscription starts. */
static void
add_start(struct buf *b, const struct wire_fetch *fetch)
{
	if (fetch->start == WIRE_FROM_CURSOR) {
		buf_adds(b, ",\"cursor\":");
		wire_cursor_add(b, &fetch->cursor);
	} else if (fetch->start == WIRE_FROM_BEGIN) {
		buf_adds(b, ",\"cursor\":\"begin\"");
	} else {
		buf_adds(b, ",\"cursor\":\"now\"");
	}
	if (fetch->name != NULL)
		add_text(b, ",\"name\":", fetch->name);
	if (fetch->until != NULL) {
		buf_adds(b, ",\"until\":");
		wire_cursor_add(b, fetch->until);
	}
	if (fetch->meta)
		buf_adds(b, ",\"meta\":true");
	if (fetch->ids)
		buf_adds(b, ",\"ids\":true");
}

void
wire_fetch(struct buf *b, const struct wire_fetch *fetch)
{
	buf_adds(b, "{\"op\":\"fetch\"");
	add_some(b, ",\"sub\":", fetch->sub);
	if (fetch->filters != NULL) {
		add_filters(b, fetch->filters, fetch->nfilters);
		add_start(b, fetch);
	}
	add_some(b, ",\"max\":", fetch->max);
	add_some(b, ",\"count\":", fetch->count);
	if (fetch->wait > 0) {
		buf_adds(b, ",\"wait\":");
		num_add_micros(b, fetch->wait);
	}
	buf_adds(b, "}\n");
}

void
wire_last(struct buf *b, const char *const *filters, size_t nfilters,
    int64_t max, uint64_t next)
{
	buf_adds(b, "{\"op\":\"last\"");
	add_filters(b, filters, nfilters);
	add_some(b, ",\"max\":", max);
	add_some(b, ",\"next\":", (int64_t)next);
	buf_adds(b, "}\n");
}

void
wire_seek(struct buf *b, enum wire_from to, int64_t time)
{
	buf_adds(b, "{\"op\":\"seek\",");
	if (to == WIRE_FROM_TIME) {
		buf_adds(b, "\"time\":");
		num_add_micros(b, time);
	} else if (to == WIRE_FROM_BEGIN) {
		buf_adds(b, "\"to\":\"begin\"");
	} else {
		buf_adds(b, "\"to\":\"end\"");
	}
	buf_adds(b, "}\n");
}

void
wire_stat(struct buf *b)
{
	buf_adds(b, "{\"op\":\"stat\"}\n");
}

void
wire_mirror(struct buf *b, const char *name, const struct wire_cursor *cursor,
    uint64_t done)
{
	buf_adds(b, "{\"op\":\"mirror\"");
	if (name != NULL) {
		add_text(b, ",\"name\":", name);
		buf_adds(b, ",\"cursor\":");
		wire_cursor_add(b, cursor);
	}
	add_some(b, ",\"done\":", (int64_t)done);
	buf_adds(b, "}\n");
}

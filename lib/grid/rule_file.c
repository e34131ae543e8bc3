#include "grid/rule_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/die.h"
#include "event/json.h"
#include "event/unit.h"
#include "grid/constant.h"
#include "grid/slot.h"

enum { SHOWN = 60, PARAMS_MAX = 256 };

const char *const rule_type_names[RULE_TYPES] = { "number", "string", "boolean",
	"object", "array" };

/* A head being read. */
struct head {
	struct rule_file *r;
	struct constant c;
	struct buf *why;
};

static int refuse(struct head *h, uint64_t line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int
refuse(struct head *h, uint64_t line, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_clear(h->why);
	buf_addf(
	    h->why, "%s:%llu: %s", h->r->path, (unsigned long long)line, text);
	buf_cstr(h->why);
	return -1;
}

static uint64_t
line_of(const struct head *h, const struct json_value *v)
{
	return constant_line(&h->c, v->p);
}

static int
shown(const struct json_value *v)
{
	return (int)(v->n < SHOWN ? v->n : SHOWN);
}

/* A member that has to be a string: its text, or NULL. */
static char *
text_of(struct head *h, const char *what, const struct json_value *v)
{
	struct buf b = { 0 };

	if (v->kind != JSON_STRING) {
		refuse(h, line_of(h, v), "%s: not a string", what);
		return NULL;
	}
	json_text(v, &b);
	buf_addc(&b, '\0');
	return b.p;
}

static int
add_topic(struct head *h, const struct json_value *v)
{
	struct rule_file *r = h->r;
	char *text = text_of(h, "topics", v);
	struct topic_pattern *pattern;
	const char *why = NULL;

	if (text == NULL)
		return -1;
	if (*text == '!')
		why = topic_set_add(&r->not, text + 1, strlen(text + 1));
	else if ((pattern = topic_pattern_new(text, &why)) != NULL) {
		r->topics =
		    xrealloc(r->topics, (r->ntopics + 1) * sizeof *r->topics);
		r->topics[r->ntopics++] = pattern;
	}
	if (why != NULL)
		refuse(h, line_of(h, v), "topics: %.*s: %s", SHOWN, text, why);
	free(text);
	return why == NULL ? 0 : -1;
}

static int
read_topics(struct head *h, const struct json_value *topics)
{
	struct json_walk w;
	struct json_value none, v;

	if (topics->kind != JSON_ARRAY)
		return refuse(h, line_of(h, topics), "topics: not an array");
	json_walk(&w, topics);
	while (json_next(&w, &none, &v))
		if (add_topic(h, &v) < 0)
			return -1;
	if (h->r->ntopics == 0)
		return refuse(h, line_of(h, topics),
		    "topics: no filter, or only exclusions");
	return 0;
}

static int
captured(const struct topic_pattern *pattern, const char *name)
{
	size_t n;
	const char *const *names = topic_pattern_names(pattern, &n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return 1;
	return 0;
}

static void
add_piece(struct rule_file *r, char *text, int literal, enum event_member m)
{
	r->by = xrealloc(r->by, (r->nby + 1) * sizeof *r->by);
	r->by[r->nby++] = (struct rule_piece){ text, literal, m };
}

/* {name}: captured by every filter, or a member. */
static int
add_name(struct head *h, uint64_t line, char *name)
{
	static const struct {
		const char *name;
		enum event_member member;
	} members[] = { { "src", EVENT_SRC }, { "id", EVENT_ID },
		{ "topic", EVENT_TOPIC } };
	struct rule_file *r = h->r;
	size_t with = 0;

	for (size_t i = 0; i < r->ntopics; i++)
		with += (size_t)captured(r->topics[i], name);
	if (with == r->ntopics) {
		add_piece(r, name, 0, EVENT_MEMBERS);
		return 0;
	}
	for (size_t i = 0; with == 0 && i < 3; i++)
		if (strcmp(members[i].name, name) == 0) {
			add_piece(r, name, 0, members[i].member);
			r->by_members |= members[i].member != EVENT_TOPIC;
			return 0;
		}
	if (with > 0)
		refuse(h, line, "by: {%.*s} is not in all topics", SHOWN, name);
	else
		refuse(h, line,
		    "by: {%.*s} is neither captured nor src, id or topic",
		    SHOWN, name);
	free(name);
	return -1;
}

static int
read_by(struct head *h, const struct json_value *by)
{
	uint64_t line = line_of(h, by);
	char *text = text_of(h, "by", by), *s = text;
	int status = text == NULL ? -1 : 0;

	while (status == 0 && *s != '\0') {
		size_t n = strcspn(s, "{}"), name;

		if (n > 0)
			add_piece(h->r, xstrndup(s, n), 1, EVENT_MEMBERS);
		s += n;
		if (*s == '\0')
			break;
		name = strcspn(s + 1, "{}");
		if (*s == '}' || s[1 + name] != '}')
			status = refuse(h, line, "by: unmatched brace");
		else
			status = add_name(h, line, xstrndup(s + 1, name));
		s += name + 2;
	}
	if (status == 0 && h->r->nby == 0)
		status = refuse(h, line, "by: empty");
	free(text);
	return status;
}

static int
read_every(struct head *h, const struct json_value *v)
{
	char *text = text_of(h, "every", v);
	int status = 0;

	if (text == NULL)
		return -1;
	if (date_duration(text, &h->r->every) < 0)
		status = refuse(h, line_of(h, v),
		    "every: %.*s is no duration such as 30s, 15m, 1h", SHOWN,
		    text);
	else if (h->r->every < DATE_SECOND || h->r->every > SLOT_WIDTH_MAX)
		status =
		    refuse(h, line_of(h, v), "every: between 1s and ten years");
	free(text);
	return status;
}

static int
read_flag(
    struct head *h, const char *what, const struct json_value *v, int *out)
{
	if (v->kind != JSON_TRUE && v->kind != JSON_FALSE)
		return refuse(
		    h, line_of(h, v), "%s: neither true nor false", what);
	*out = v->kind == JSON_TRUE;
	return 0;
}

static int
read_text(struct head *h, const char *what, const struct json_value *v)
{
	if (v->kind == JSON_STRING)
		return 0;
	return refuse(h, line_of(h, v), "%s: not a string", what);
}

static int
read_type(struct head *h, struct rule_param *p, const struct json_value *v)
{
	for (int i = 0; i < RULE_TYPES; i++)
		if (v->kind == JSON_STRING &&
		    json_equal(v, rule_type_names[i])) {
			p->type = (enum rule_type)i;
			return 0;
		}
	return refuse(h, line_of(h, v),
	    "context: %.*s: type is none of number, string, boolean, object, "
	    "array",
	    SHOWN, p->name);
}

static int
read_unit(struct head *h, struct rule_param *p, const struct json_value *v)
{
	p->unit = text_of(h, "context: unit", v);
	if (p->unit == NULL)
		return -1;
	if (unit_known(p->unit, strlen(p->unit)))
		return 0;
	return refuse(h, line_of(h, v),
	    "context: %.*s: %.*s is no registered unit", SHOWN, p->name, SHOWN,
	    p->unit);
}

static enum json_kind
kind_of(enum rule_type type)
{
	static const enum json_kind kinds[] = { JSON_NUMBER, JSON_STRING,
		JSON_TRUE, JSON_OBJECT, JSON_ARRAY };

	return kinds[type];
}

static int
read_fallback(struct head *h, struct rule_param *p, const struct json_value *v)
{
	size_t quotes = v->kind == JSON_STRING;
	enum json_kind kind = v->kind == JSON_FALSE ? JSON_TRUE : v->kind;

	if (kind != kind_of(p->type) && kind != JSON_NULL)
		return refuse(h, line_of(h, v),
		    "context: %.*s: default is no %s", SHOWN, p->name,
		    rule_type_names[p->type]);
	p->fallback = xstrndup(v->p - quotes, v->n + 2 * quotes);
	return 0;
}

static int
read_param_member(struct head *h, struct rule_param *p,
    const struct json_value *name, const struct json_value *v)
{
	if (json_equal(name, "type") || json_equal(name, "default"))
		return 0; /* read before, after */
	if (json_equal(name, "unit"))
		return read_unit(h, p, v);
	if (json_equal(name, "description"))
		return read_text(h, "description", v);
	return refuse(h, line_of(h, name),
	    "context: %.*s: unknown member \"%.*s\"", SHOWN, p->name,
	    shown(name), name->p);
}

static int
read_param(struct head *h, const struct json_value *name,
    const struct json_value *schema)
{
	struct rule_file *r = h->r;
	struct rule_param *p;
	struct json_walk w;
	struct json_value n, v;
	char *text = text_of(h, "context", name);

	if (r->nparams == PARAMS_MAX) {
		free(text);
		return refuse(h, line_of(h, name), "context: too many members");
	}
	r->params = xrealloc(r->params, (r->nparams + 1) * sizeof *r->params);
	p = &r->params[r->nparams++];
	*p = (struct rule_param){ .name = text, .line = line_of(h, name) };
	if (schema->kind != JSON_OBJECT)
		return refuse(
		    h, p->line, "context: %.*s: not an object", SHOWN, p->name);
	if (!json_get(schema, "type", &v))
		return refuse(
		    h, p->line, "context: %.*s: no type", SHOWN, p->name);
	if (read_type(h, p, &v) < 0)
		return -1;
	json_walk(&w, schema);
	while (json_next(&w, &n, &v))
		if (read_param_member(h, p, &n, &v) < 0)
			return -1;
	if (json_get(schema, "default", &v))
		return read_fallback(h, p, &v);
	return 0;
}

static int
read_context(struct head *h, const struct json_value *context)
{
	struct json_walk w;
	struct json_value name, v;

	if (context->kind != JSON_OBJECT)
		return refuse(h, line_of(h, context), "context: not an object");
	json_walk(&w, context);
	while (json_next(&w, &name, &v))
		if (read_param(h, &name, &v) < 0)
			return -1;
	return 0;
}

static int
read_member(
    struct head *h, const struct json_value *name, const struct json_value *v)
{
	if (json_equal(name, "topics"))
		return read_topics(h, v);
	if (json_equal(name, "by"))
		return 0; /* once the topics are known */
	if (json_equal(name, "every"))
		return read_every(h, v);
	if (json_equal(name, "context"))
		return read_context(h, v);
	if (json_equal(name, "self"))
		return read_flag(h, "self", v, &h->r->self);
	if (json_equal(name, "description"))
		return read_text(h, "description", v);
	return refuse(h, line_of(h, name),
	    "unknown member \"%.*s\" of the head", shown(name), name->p);
}

/* Where the head's constant begins, 0: there is none. */
static size_t
find_head(const char *p, size_t n)
{
	static const char word[] = "module";
	size_t at = constant_blank(p, n, 0);

	if (n - at < sizeof word || memcmp(p + at, word, sizeof word - 1) != 0)
		return 0;
	at += sizeof word - 1;
	return strchr(" \t\r\n{#", p[at]) != NULL ? at : 0;
}

static int
read_head(struct head *h)
{
	const struct buf *text = &h->r->text;
	size_t at = find_head(text->p, text->len);
	struct json_walk w;
	struct json_value name, v;

	if (at == 0)
		return refuse(
		    h, 1, "a rule begins with: module {\"topics\": [...]};");
	at = constant_read(&h->c, text->p, text->len, CONSTANT_JQ, at);
	if (at == 0)
		return refuse(h, h->c.line, "head: %s", h->c.why);
	at = constant_blank(text->p, text->len, at);
	if (h->c.value.kind != JSON_OBJECT || at == text->len ||
	    text->p[at] != ';')
		return refuse(h, line_of(h, &h->c.value),
		    "head: an object and then ';' are expected");
	json_walk(&w, &h->c.value);
	while (json_next(&w, &name, &v))
		if (read_member(h, &name, &v) < 0)
			return -1;
	if (h->r->ntopics == 0)
		return refuse(h, line_of(h, &h->c.value), "head: no topics");
	return json_get(&h->c.value, "by", &v) ? read_by(h, &v) : 0;
}

static char *
short_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;
	size_t n = strlen(name);

	if (n > 3 && strcmp(name + n - 3, ".jq") == 0)
		n -= 3;
	return xstrndup(name, n);
}

int
rule_file_parse(struct rule_file *r, const char *path, const char *p, size_t n,
    struct buf *why)
{
	struct head h = { .r = r, .why = why };
	int status;

	*r = (struct rule_file){ .path = xstrdup(path),
		.name = short_name(path) };
	buf_add(&r->text, p, n);
	buf_cstr(&r->text);
	if (memchr(p, '\0', n) != NULL)
		status = refuse(&h, 1, "it holds a NUL byte");
	else
		status = read_head(&h);
	constant_fini(&h.c);
	if (status < 0)
		rule_file_fini(r);
	return status;
}

int
rule_file_open(struct rule_file *r, const char *path, struct buf *why)
{
	struct buf text = { 0 };
	int status;

	*r = (struct rule_file){ 0 };
	buf_clear(why);
	if (constant_load(path, &text) < 0)
		return -1;
	status = rule_file_parse(r, path, text.p, text.len, why);
	buf_fini(&text);
	return status;
}

void
rule_file_fini(struct rule_file *r)
{
	for (size_t i = 0; i < r->ntopics; i++)
		topic_pattern_free(r->topics[i]);
	for (size_t i = 0; i < r->nby; i++)
		free(r->by[i].text);
	for (size_t i = 0; i < r->nparams; i++) {
		free(r->params[i].name);
		free(r->params[i].unit);
		free(r->params[i].fallback);
	}
	topic_set_fini(&r->not );
	free(r->topics);
	free(r->by);
	free(r->params);
	free(r->path);
	free(r->name);
	buf_fini(&r->text);
	*r = (struct rule_file){ 0 };
}

int
rule_file_match(const struct rule_file *r, const char *topic, size_t n,
    struct rule_captures *c)
{
	for (size_t i = 0; i < r->not .n; i++)
		if (topic_match(
			r->not .filter[i], strlen(r->not .filter[i]), topic, n))
			return 0;
	for (size_t i = 0; i < r->ntopics; i++)
		if (topic_pattern_match(
			r->topics[i], topic, n, c->at, c->len)) {
			c->name = topic_pattern_names(r->topics[i], &c->n);
			return 1;
		}
	return 0;
}

static void
add_capture(const struct rule_captures *c, const char *name, struct buf *b)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->name[i], name) == 0)
			buf_add(b, c->at[i], c->len[i]);
}

void
rule_file_key(const struct rule_file *r, const struct rule_captures *c,
    const struct event *e, const char *topic, size_t n, struct buf *b)
{
	for (size_t i = 0; i < r->nby; i++) {
		const struct rule_piece *piece = &r->by[i];

		if (piece->literal)
			buf_adds(b, piece->text);
		else if (piece->member == EVENT_MEMBERS)
			add_capture(c, piece->text, b);
		else if (piece->member == EVENT_TOPIC)
			buf_add(b, topic, n);
		else if (event_has(e, piece->member))
			event_string(e, piece->member, b);
	}
}

void
rule_captures_add(const struct rule_captures *c, struct buf *b)
{
	buf_addc(b, '{');
	for (size_t i = 0; i < c->n; i++) {
		if (i > 0)
			buf_addc(b, ',');
		json_add_string(b, c->name[i], strlen(c->name[i]));
		buf_addc(b, ':');
		json_add_string(b, c->at[i], c->len[i]);
	}
	buf_addc(b, '}');
}

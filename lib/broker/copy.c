#include "broker/copy.h"

#include <string.h>

#include "base/num.h"

static int
next_of(struct json_walk *w, enum json_kind kind, struct json_value *v)
{
	struct json_value name;

	return json_next(w, &name, v) && v->kind == kind ? 0 : -1;
}

static int
next_count(struct json_walk *w, int64_t most, uint64_t *out)
{
	struct json_value v;
	int64_t n;

	if (next_of(w, JSON_NUMBER, &v) < 0 || num_uint(v.p, v.n, &n) < 0 ||
	    n > most)
		return -1;
	*out = (uint64_t)n;
	return 0;
}

static int
get_text(const struct json_value *v, char *to, size_t size)
{
	if (v->kind != JSON_STRING || v->escaped || v->n >= size)
		return -1;
	memcpy(to, v->p, v->n);
	to[v->n] = '\0';
	return 0;
}

static int
parse_from(struct copy *c, struct json_walk *w)
{
	struct json_value v;

	if (next_of(w, JSON_STRING, &v) < 0 ||
	    get_text(&v, c->from, sizeof c->from) < 0 ||
	    !wire_name_check(c->from, strlen(c->from)) ||
	    next_of(w, JSON_STRING, &v) < 0)
		return -1;
	return wire_chan_parse(&c->chan, &v);
}

static int
parse_head(struct copy *c, const struct json_value *head)
{
	struct json_value v;
	struct json_walk w;
	uint64_t events, numbers, rt;

	json_walk(&w, head);
	if (next_of(&w, JSON_STRING, &v) < 0 ||
	    wire_log_parse(&c->log, &v) < 0 ||
	    next_count(&w, INT64_MAX - WIRE_EVENTS_MAX, &c->log.n) < 0 ||
	    next_count(&w, WIRE_EVENTS_MAX, &events) < 0 ||
	    next_count(&w, INT64_MAX, &rt) < 0 || parse_from(c, &w) < 0 ||
	    next_count(&w, INT64_MAX - WIRE_EVENTS_MAX, &c->first) < 0 ||
	    next_count(&w, WIRE_EVENTS_MAX, &numbers) < 0 ||
	    next_of(&w, JSON_OBJECT, &v) < 0 ||
	    wire_cursor_parse(&c->deps, &v) < 0)
		return -1;
	if (c->log.n == 0 || events == 0 || numbers < events)
		return -1;
	c->events = (uint32_t)events;
	c->numbers = (uint32_t)numbers;
	c->rt = (int64_t)rt;
	return 0;
}

/* The event lines behind a head: where they end, or NULL. */
static const char *
lines_end(const char *p, const char *end, uint32_t n)
{
	for (; n > 0 && p != NULL; n--) {
		p = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
		if (p != NULL)
			p++;
	}
	return p;
}

static int
parse_cursor(struct copy *c, const struct json_value *note)
{
	struct json_value v;

	if (!json_get(note, "name", &v) ||
	    get_text(&v, c->name, sizeof c->name) < 0 || c->name[0] == '\0' ||
	    !json_get(note, "t", &v) || v.kind != JSON_NUMBER ||
	    num_uint(v.p, v.n, &c->rt) < 0 || !json_get(note, "cursor", &v))
		return -1;
	c->deleted = v.kind == JSON_NULL;
	return c->deleted ? 0 : wire_cursor_parse(&c->cursor, &v);
}

static int
parse_bye(struct copy *c, const struct json_value *note)
{
	struct json_value v;

	if (!json_get(note, "from", &v) ||
	    get_text(&v, c->from, sizeof c->from) < 0 ||
	    !json_get(note, "chan", &v))
		return -1;
	return wire_chan_parse(&c->chan, &v);
}

static int
parse_kept(struct copy *c, const struct json_value *note)
{
	struct json_value v;

	if (!json_get(note, "topic", &c->topic) ||
	    c->topic.kind != JSON_STRING || !json_get(note, "rt", &v) ||
	    v.kind != JSON_NUMBER || num_uint(v.p, v.n, &c->rt) < 0 ||
	    !json_get(note, "from", &v) ||
	    get_text(&v, c->from, sizeof c->from) < 0)
		return -1;
	if (c->from[0] != '\0' && !wire_name_check(c->from, strlen(c->from)))
		return -1;
	return json_get(note, "line", &c->line) && c->line.kind == JSON_STRING
	    ? 0
	    : -1;
}

static int
parse_note(struct copy *c, const struct json_value *note)
{
	struct json_value v;

	if (!json_get(note, "note", &v) || v.kind != JSON_STRING)
		return -1;
	c->kind = COPY_UNKNOWN;
	if (json_equal(&v, "cursor")) {
		c->kind = COPY_CURSOR;
		return parse_cursor(c, note);
	}
	if (json_equal(&v, "bye")) {
		c->kind = COPY_BYE;
		return parse_bye(c, note);
	}
	if (json_equal(&v, "kept")) {
		c->kind = COPY_KEPT;
		return parse_kept(c, note);
	}
	return 0;
}

int
copy_next(struct copy *c, const char **p, const char *end, const char **why)
{
	const char *line = *p, *lf;
	struct json_value v;
	enum json_kind kind;

	memset(c, 0, sizeof *c);
	if (line == end)
		return 0;
	*why = "a line without its end";
	lf = memchr(line, '\n', (size_t)(end - line));
	if (lf == NULL)
		return -1;
	kind = json_check(line, (size_t)(lf - line), why);
	if (kind == JSON_NONE)
		return -1;
	*why = "neither a frame nor a note";
	v = json_value(line, (size_t)(lf - line));
	*p = lf + 1;
	if (kind == JSON_OBJECT)
		return parse_note(c, &v) < 0 ? -1 : 1;
	if (kind != JSON_ARRAY || parse_head(c, &v) < 0)
		return -1;
	c->kind = COPY_FRAME;
	c->lines = *p;
	*p = lines_end(*p, end, c->events);
	*why = "a frame without all its lines";
	if (*p == NULL)
		return -1;
	c->len = (size_t)(*p - c->lines);
	return c->len <= WIRE_LINES_MAX ? 1 : -1;
}

static void
add_log(struct buf *b, const struct log_run *run)
{
	buf_addc(b, '"');
	buf_adds(b, run->name);
	buf_addc(b, '.');
	buf_addu(b, run->start);
	buf_addc(b, '"');
}

void
copy_head(struct buf *b, const struct frame_head *h, const struct store *s,
    uint32_t run)
{
	uint32_t i;

	buf_addc(b, '[');
	add_log(b, store_run(s, run));
	buf_addc(b, ',');
	buf_addu(b, h->n);
	buf_addc(b, ',');
	buf_addu(b, h->events);
	buf_addc(b, ',');
	buf_addi(b, h->rt);
	buf_addc(b, ',');
	json_add_string(b, h->from, strlen(h->from));
	buf_addc(b, ',');
	wire_chan_add(b, h->chan);
	buf_addc(b, ',');
	buf_addu(b, h->first);
	buf_addc(b, ',');
	buf_addu(b, h->numbers);
	buf_adds(b, ",{");
	for (i = 0; i < h->deps; i++) {
		if (i != 0)
			buf_addc(b, ',');
		add_log(b, store_run(s, h->dep[i].run));
		buf_addc(b, ':');
		buf_addu(b, h->dep[i].n);
	}
	buf_adds(b, "}]\n");
}

void
copy_cursor(struct buf *b, const char *name, int64_t t,
    const struct wire_cursor *cursor)
{
	buf_adds(b, "{\"note\":\"cursor\",\"name\":");
	json_add_string(b, name, strlen(name));
	buf_adds(b, ",\"t\":");
	buf_addi(b, t);
	buf_adds(b, ",\"cursor\":");
	if (cursor != NULL)
		wire_cursor_add(b, cursor);
	else
		buf_adds(b, "null");
	buf_adds(b, "}\n");
}

void
copy_bye(struct buf *b, const char *from, uint64_t chan)
{
	buf_adds(b, "{\"note\":\"bye\",\"from\":");
	json_add_string(b, from, strlen(from));
	buf_adds(b, ",\"chan\":");
	wire_chan_add(b, chan);
	buf_adds(b, "}\n");
}

int
copy_kept(struct buf *b, const struct log_row *row)
{
	size_t before = b->len;

	buf_adds(b, "{\"note\":\"kept\",\"topic\":");
	json_add_string(b, row->topic, row->topic_len);
	buf_adds(b, ",\"rt\":");
	buf_addi(b, row->rt);
	buf_adds(b, ",\"from\":");
	json_add_string(b, row->from, strlen(row->from));
	buf_adds(b, ",\"line\":");
	json_add_string(b, row->line, row->len);
	buf_adds(b, "}\n");
	if (b->len - before <= WIRE_LINES_MAX)
		return 1;
	buf_cut(b, b->len - before);
	return 0;
}

#include "bus/mark.h"

#include "base/num.h"
#include "event/json.h"

/* An identifier that can be printed between quotes as it is: 0 or -1. */
static int
copy_id(char *to, const struct json_value *v)
{
	if (v->kind != JSON_STRING || v->escaped || v->n < 1 ||
	    v->n > MARK_ID_MAX)
		return -1;
	for (size_t i = 0; i < v->n; i++)
		if (v->p[i] <= ' ' || v->p[i] > '~')
			return -1;
	memcpy(to, v->p, v->n);
	to[v->n] = '\0';
	return 0;
}

static int
copy_name(char *to, const struct json_value *v)
{
	if (v->kind != JSON_STRING || !wire_name_check(v->p, v->n))
		return -1;
	memcpy(to, v->p, v->n);
	to[v->n] = '\0';
	return 0;
}

static int
copy_flag(int *to, const struct json_value *v)
{
	*to = v->kind == JSON_TRUE;
	return *to || v->kind == JSON_FALSE ? 0 : -1;
}

static int
copy_count(uint64_t *to, const struct json_value *v)
{
	int64_t n;

	if (v->kind != JSON_NUMBER || num_uint(v->p, v->n, &n) < 0)
		return -1;
	*to = (uint64_t)n;
	return 0;
}

static int
copy_cursor(struct mark *m, const struct json_value *v)
{
	m->has_cursor = 1;
	return wire_cursor_parse(&m->cursor, v);
}

/* NULL, or what is wrong with a member of d. */
static const char *
read_member(
    struct mark *m, const struct json_value *name, const struct json_value *v)
{
	if (json_equal(name, "name"))
		return copy_name(m->name, v) < 0 ? "mark: name" : NULL;
	if (json_equal(name, "id"))
		return copy_id(m->id, v) < 0 ? "mark: id" : NULL;
	if (json_equal(name, "committed"))
		return copy_id(m->committed, v) < 0 ? "mark: committed" : NULL;
	if (json_equal(name, "cursor"))
		return copy_cursor(m, v) < 0 ? "mark: cursor" : NULL;
	if (json_equal(name, "n"))
		return copy_count(&m->n, v) < 0 ? "mark: n" : NULL;
	if (json_equal(name, "ahead"))
		return copy_count(&m->ahead, v) < 0 ? "mark: ahead" : NULL;
	if (json_equal(name, "done"))
		return copy_flag(&m->done, v) < 0 ? "mark: done" : NULL;
	if (json_equal(name, "anew"))
		return copy_flag(&m->anew, v) < 0 ? "mark: anew" : NULL;
	if (json_equal(name, "lead"))
		return copy_flag(&m->lead, v) < 0 ? "mark: lead" : NULL;
	if (json_equal(name, "idle"))
		return copy_flag(&m->idle, v) < 0 ? "mark: idle" : NULL;
	if (json_equal(name, "time"))
		return copy_flag(&m->time, v) < 0 ? "mark: time" : NULL;
	if (json_equal(name, "end"))
		return copy_flag(&m->end, v) < 0 ? "mark: end" : NULL;
	if (json_equal(name, "deleted"))
		return copy_flag(&m->deleted, v) < 0 ? "mark: deleted" : NULL;
	return NULL;
}

int
mark_read_body(struct mark *m, const struct json_value *d, const char **why)
{
	struct json_value name, v;
	struct json_walk w;

	m->name[0] = m->id[0] = m->committed[0] = '\0';
	m->done = m->anew = m->lead = m->idle = m->end = 0;
	m->time = 0;
	m->deleted = m->has_cursor = 0;
	m->ahead = 0;
	m->cursor.n = 0;
	m->d = d->p;
	m->dn = d->n;
	*why = "mark: no object";
	if (d->kind != JSON_OBJECT)
		return -1;
	json_walk(&w, d);
	while (json_next(&w, &name, &v))
		if ((*why = read_member(m, &name, &v)) != NULL)
			return -1;
	if (m->name[0] == '\0')
		*why = "mark: no name";
	else if (!m->deleted && !m->has_cursor)
		*why = "mark: no cursor";
	else if (!m->deleted && m->id[0] == '\0')
		*why = "mark: no id";
	return *why == NULL ? 0 : -1;
}

/* 1 if the topic is that of a mark in the broker. */
static int
is_stored(const struct event *e)
{
	static const char topic[] = MARK_TOPIC "/";

	return e->len[EVENT_TOPIC] > sizeof topic - 1 &&
	    memcmp(e->line + e->at[EVENT_TOPIC], topic, sizeof topic - 1) == 0;
}

int
mark_read(struct mark *m, const struct event *e, const char **why)
{
	struct json_value d;
	int64_t seq;

	*why = "mark: no topic, t or d";
	if (!event_has(e, EVENT_TOPIC) || !event_has(e, EVENT_D) ||
	    event_time(e, &m->t) < 0)
		return -1;
	*why = "mark: another topic";
	if (!mark_is(e) && !is_stored(e))
		return -1;
	m->n = 0;
	d = json_value(e->line + e->at[EVENT_D], e->len[EVENT_D]);
	if (mark_read_body(m, &d, why) < 0)
		return -1;
	if (mark_is(e)) {
		m->anew |= m->done && m->n == 0;
		return 0;
	}
	*why = "mark: stored without seq";
	if (event_integer(e, EVENT_SEQ, &seq) < 0 || seq == 0)
		return -1;
	m->done = 1;
	m->n = (uint64_t)seq;
	return 0;
}

int
mark_parse(struct mark *m, const char *p, size_t n, const char **why)
{
	struct event e;

	if (n > MARK_MAX) {
		*why = "mark: too long";
		return -1;
	}
	return event_scan(&e, p, n, why) < 0 ? -1 : mark_read(m, &e, why);
}

void
mark_add(struct buf *b, const struct mark *m, const char *more)
{
	buf_adds(b, "{\"topic\":\"" MARK_TOPIC "\",\"t\":");
	num_add_micros(b, m->t);
	buf_addf(b,
	    ",\"d\":{\"name\":\"%s\",\"id\":\"%s\",\"cursor\":", m->name,
	    m->id);
	wire_cursor_add(b, &m->cursor);
	if (m->done)
		buf_addf(
		    b, ",\"done\":true,\"n\":%llu", (unsigned long long)m->n);
	if (m->ahead > 0)
		buf_addf(b, ",\"ahead\":%llu", (unsigned long long)m->ahead);
	if (m->anew)
		buf_adds(b, ",\"anew\":true");
	if (m->lead)
		buf_adds(b, ",\"lead\":true");
	if (m->idle)
		buf_adds(b, ",\"idle\":true");
	if (m->time)
		buf_adds(b, ",\"time\":true");
	if (m->end)
		buf_adds(b, ",\"end\":true");
	if (m->committed[0] != '\0')
		buf_addf(b, ",\"committed\":\"%s\"", m->committed);
	if (more != NULL)
		buf_adds(b, more);
	buf_adds(b, "}}");
}

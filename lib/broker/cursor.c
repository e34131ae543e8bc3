/*
 * Durable cursors: positions kept by name, moved by commit only, and the
 * lease of the one subscription that may read with each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/die.h"
#include "broker/session.h"

enum {
	LEASE = 10 * DATE_SECOND, /* a silent holder loses a cursor */
	DURABLES_MAX = 10000,
	STAT_MAX = 32768 /* bytes of an answer about them */
};

static struct durable *
durable_find(const struct broker *b, const char *name)
{
	struct durable *d;

	for (d = b->durables; d != NULL; d = d->next)
		if (strcmp(d->name, name) == 0)
			return d;
	return NULL;
}

static struct durable *
durable_add(struct broker *b, const char *name)
{
	struct durable *d = xcalloc(1, sizeof *d);

	memcpy(d->name, name, strlen(name) + 1);
	d->next = b->durables;
	b->durables = d;
	b->ndurables++;
	return d;
}

static void
durable_forget(struct broker *b, struct durable *d)
{
	struct durable **at = &b->durables;

	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	b->ndurables--;
	free(d);
}

/*
 * The full name of the session's durable cursor, terminated, in space.  NULL
 * if invalid.
 */
static const char *
cursor_name(const struct session *s, const struct json_value *name,
    char space[LOG_CURSOR_MAX + 1])
{
	if (name->kind != JSON_STRING || name->escaped ||
	    !wire_name_check(name->p, name->n))
		return NULL;
	snprintf(space, LOG_CURSOR_MAX + 1, "%s%s%.*s",
	    s->grant != NULL ? s->grant->actor->subject : "",
	    s->grant != NULL ? " " : "", (int)name->n, name->p);
	return space;
}

/* The cursor's name as its session calls it; NULL if it is another's. */
static const char *
own_name(const struct session *s, const struct durable *d)
{
	const char *subject;
	size_t n;

	if (s->grant == NULL)
		return d->name;
	subject = s->grant->actor->subject;
	n = strlen(subject);
	return strncmp(d->name, subject, n) == 0 && d->name[n] == ' '
	    ? d->name + n + 1
	    : NULL;
}

/* 1 if no further cursor may be made. */
static int
too_many(const struct session *s)
{
	const struct durable *d;
	int64_t most, own = 0;

	if (s->b->ndurables >= DURABLES_MAX)
		return 1;
	if (s->grant == NULL)
		return 0;
	most = actors_limits(gate_actors(s->b->gate))->cursors;
	for (d = s->b->durables; d != NULL; d = d->next)
		own += own_name(s, d) != NULL;
	return most != 0 && own >= most;
}

/* A commit that waits for the log. */
struct commit {
	struct log_cursor item;	     /* first */
	struct commit *next, **self; /* in its session's list */
	struct session *session;
	struct front_route route;
	struct wire_cursor cursor; /* where to, if item.json is set */
};

static struct commit *
commit_new(struct session *s, const struct front_route *route)
{
	struct commit *c = xcalloc(1, sizeof *c);

	if (route == NULL)
		return c;
	c->route = *route;
	c->session = s;
	c->next = s->commits;
	c->self = &s->commits;
	if (c->next != NULL)
		c->next->self = &c->next;
	s->commits = c;
	return c;
}

/* What is durable now holds for readers too. */
static void
apply(struct broker *b, const struct commit *c)
{
	struct durable *d = durable_find(b, c->item.name);

	if (c->item.json != NULL) {
		if (d == NULL)
			d = durable_add(b, c->item.name);
		d->cursor = c->cursor;
	} else if (d != NULL) {
		subscribe_release(d);
		durable_forget(b, d);
	}
}

void
cursor_committed(struct broker *b, struct log_cursor *item)
{
	struct commit *c = (struct commit *)(void *)item;
	struct buf h = { 0 };

	if (item->item.error == 0)
		apply(b, c);
	if (c->session != NULL) {
		*c->self = c->next;
		if (c->next != NULL)
			c->next->self = c->self;
		if (item->item.error != 0) {
			session_error(
			    b, &c->route, "full", strerror(item->item.error));
		} else {
			buf_adds(&h, "{\"ok\":true}");
			session_answer(b, &c->route, &h);
		}
	}
	free(item->json);
	free(c);
}

/*
 * Make the cursor's new position durable, cursor NULL: delete it.  route is
 * where to answer to, or NULL.
 */
static void
persist(struct session *s, const char *name, const struct wire_cursor *cursor,
    const struct front_route *route)
{
	struct broker *b = s->b;
	struct commit *c = commit_new(s, route);
	struct buf json = { 0 };

	c->item.item.kind = LOG_CURSOR;
	memcpy(c->item.name, name, strlen(name) + 1);
	if (cursor != NULL) {
		c->cursor = *cursor;
		wire_cursor_add(&json, cursor);
		c->item.json = xstrdup(buf_cstr(&json));
		buf_fini(&json);
	}
	if (b->log == NULL) {
		cursor_committed(b, &c->item);
		return;
	}
	b->queued++;
	log_put(b->log, &c->item.item);
}

static int
held_by_other(const struct durable *d, const struct session *s)
{
	return d->holder != NULL && d->holder != s &&
	    d->leased + LEASE > date_mono();
}

const char *
cursor_take(struct session *s, const struct json_value *given,
    struct log_place *at, struct durable **taken, const char **why)
{
	struct broker *b = s->b;
	char name[LOG_CURSOR_MAX + 1];
	struct durable *d;

	*why = "name: no valid name";
	if (cursor_name(s, given, name) == NULL)
		return "bad";
	d = durable_find(b, name);
	*why = "the cursor is in use";
	if (d != NULL && held_by_other(d, s))
		return "busy";
	*why = "too many cursors";
	if (d == NULL && too_many(s))
		return "limit";
	*why = "the stored cursor is ahead of this broker's log";
	if (d == NULL) {
		d = durable_add(b, name);
		session_cursor(b, *at, &d->cursor);
		persist(s, name, &d->cursor, NULL);
	} else if (session_place(b, &d->cursor, at) != 0) {
		return "bad";
	}
	*why = NULL;
	subscribe_release(d);
	d->holder = s;
	d->leased = date_mono();
	*taken = d;
	return NULL;
}

/* NULL, or the name of the error and *why. */
static const char *
commit_fault(struct session *s, const struct wire_request *r, const char *name,
    const char **why)
{
	struct broker *b = s->b;
	const struct durable *d = durable_find(b, name);
	struct log_place place;

	*why = "the cursor is in use";
	if (d != NULL && held_by_other(d, s))
		return "busy";
	if (!r->has_cursor)
		return NULL;
	*why = "cursor: ahead of this broker's log";
	if (session_place(b, &r->cursor, &place) != 0)
		return "bad";
	*why = "too many cursors";
	return d == NULL && too_many(s) ? "limit" : NULL;
}

void
cursor_commit(struct session *s, const struct front_route *route,
    const struct wire_request *r)
{
	const char *error = "bad", *why = "name: no valid name";
	char name[LOG_CURSOR_MAX + 1];
	struct durable *d;

	if (cursor_name(s, &r->name, name) != NULL)
		error = commit_fault(s, r, name, &why);
	if (error != NULL) {
		session_error(s->b, route, error, why);
		return;
	}
	d = durable_find(s->b, name);
	if (d != NULL && d->holder == s)
		d->leased = date_mono();
	persist(s, name, r->has_cursor ? &r->cursor : NULL, route);
}

void
cursor_closed(struct session *s)
{
	struct commit *c;

	for (c = s->commits; c != NULL; c = c->next)
		c->session = NULL;
	s->commits = NULL;
}

static void
load_row(void *ctx, const char *name, const char *json)
{
	struct broker *b = ctx;
	struct json_value value = json_value(json, strlen(json));
	struct wire_cursor cursor;

	if (strlen(name) <= LOG_CURSOR_MAX &&
	    wire_cursor_parse(&cursor, &value) == 0)
		durable_add(b, name)->cursor = cursor;
}

int
cursor_load(struct broker *b)
{
	return log_cursors(b->log, load_row, b);
}

static uint64_t
lag(const struct broker *b, struct log_place at)
{
	uint64_t events = 0;
	size_t run;

	for (run = at.run; run < store_runs(b->store); run++)
		events +=
		    store_run(b->store, run)->end - (run == at.run ? at.n : 0);
	return events;
}

/* Retention may soon overtake the cursor: it is in the oldest fifth. */
static int
is_at_risk(const struct broker *b, uint64_t behind)
{
	uint64_t stored = lag(b, session_begin(b));

	return b->log != NULL && b->o.retain_size > 0 && behind > 0 &&
	    log_bytes(b->log) > b->o.retain_size / 5 * 4 &&
	    behind >= stored / 5 * 4;
}

static void
add_stat(const struct broker *b, const struct durable *d, const char *name,
    struct buf *out)
{
	struct log_place at;

	buf_addf(out, "\"%s\":{\"cursor\":", name);
	wire_cursor_add(out, &d->cursor);
	if (session_place(b, &d->cursor, &at) == 0) {
		buf_adds(out, ",\"lag\":");
		buf_addu(out, lag(b, at));
		if (is_at_risk(b, lag(b, at)))
			buf_adds(out, ",\"at_risk\":true");
	}
	buf_addf(out, ",\"held\":%s}", d->holder != NULL ? "true" : "false");
}

size_t
cursor_stat(const struct session *s, struct buf *out)
{
	const int all = s->grant == NULL || grant_sees(s->grant, "$SG/STAT");
	size_t start = out->len, more = 0;
	const struct durable *d;
	const char *name;

	for (d = s->b->durables; d != NULL; d = d->next) {
		name = all ? d->name : own_name(s, d);
		if (name == NULL)
			continue;
		if (out->len - start > STAT_MAX) {
			more++;
			continue;
		}
		if (out->len != start)
			buf_addc(out, ',');
		add_stat(s->b, d, name, out);
	}
	return more;
}

void
cursor_free(struct broker *b)
{
	while (b->durables != NULL)
		durable_forget(b, b->durables);
}

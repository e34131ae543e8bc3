/*
 * Durable cursors: positions kept by name, moved by commit only, and the
 * lease of the one subscription that may read with each.
 */
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/die.h"
#include "broker/session.h"

enum { LEASE = 10 * DATE_SECOND }; /* a silent holder loses a cursor */

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
	return d;
}

static void
durable_forget(struct broker *b, struct durable *d)
{
	struct durable **at = &b->durables;

	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	free(d);
}

/* The name of a durable cursor, terminated, in space.  NULL if invalid. */
static const char *
cursor_name(const struct json_value *name, char space[WIRE_NAME_MAX + 1])
{
	if (name->kind != JSON_STRING || name->escaped ||
	    !wire_name_check(name->p, name->n))
		return NULL;
	memcpy(space, name->p, name->n);
	space[name->n] = '\0';
	return space;
}

static void
put_cursor(struct broker *b, struct durable *d, struct log_cursor *item)
{
	struct buf json = { 0 };

	item->item.kind = LOG_CURSOR;
	memcpy(item->name, d->name, sizeof item->name);
	wire_cursor_add(&json, &d->cursor);
	item->json = xstrdup(buf_cstr(&json));
	buf_fini(&json);
	b->queued++;
	log_put(b->log, &item->item);
}

/* A commit that waits for the log. */
struct commit {
	struct log_cursor item;	     /* first */
	struct commit *next, **self; /* in its session's list */
	struct session *session;
	struct front_route route;
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

void
cursor_committed(struct broker *b, struct log_cursor *item)
{
	struct commit *c = (struct commit *)(void *)item;
	struct buf h = { 0 };

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

static void
persist(struct session *s, struct durable *d, const struct front_route *route)
{
	struct broker *b = s->b;
	struct commit *c = commit_new(s, route);

	if (b->log != NULL)
		put_cursor(b, d, &c->item);
	else
		cursor_committed(b, &c->item);
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
	char name[WIRE_NAME_MAX + 1];
	struct durable *d;

	*why = "name: no valid name";
	if (cursor_name(given, name) == NULL)
		return "bad";
	d = durable_find(b, name);
	*why = "the cursor is in use";
	if (d != NULL && held_by_other(d, s))
		return "busy";
	*why = "the stored cursor is ahead of this broker's log";
	if (d == NULL) {
		d = durable_add(b, name);
		session_cursor(b, *at, &d->cursor);
		persist(s, d, NULL);
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

static void
commit_place(struct session *s, const struct front_route *route,
    const struct wire_request *r, const char *name)
{
	struct broker *b = s->b;
	struct durable *d = durable_find(b, name);
	struct log_place place;

	if (session_place(b, &r->cursor, &place) != 0) {
		session_error(
		    b, route, "bad", "cursor: ahead of this broker's log");
		return;
	}
	if (d != NULL && held_by_other(d, s)) {
		session_error(b, route, "busy", "the cursor is in use");
		return;
	}
	if (d == NULL)
		d = durable_add(b, name);
	d->leased = date_mono();
	d->cursor = r->cursor;
	persist(s, d, route);
}

static void
commit_delete(
    struct session *s, const struct front_route *route, const char *name)
{
	struct broker *b = s->b;
	struct durable *d = durable_find(b, name);
	struct commit *c = commit_new(s, route);

	c->item.item.kind = LOG_CURSOR;
	memcpy(c->item.name, name, strlen(name) + 1);
	if (d != NULL) {
		subscribe_release(d);
		durable_forget(b, d);
	}
	if (b->log == NULL) {
		cursor_committed(b, &c->item);
		return;
	}
	b->queued++;
	log_put(b->log, &c->item.item);
}

void
cursor_commit(struct session *s, const struct front_route *route,
    const struct wire_request *r)
{
	char name[WIRE_NAME_MAX + 1];

	if (cursor_name(&r->name, name) == NULL)
		session_error(s->b, route, "bad", "name: no valid name");
	else if (r->has_cursor)
		commit_place(s, route, r, name);
	else
		commit_delete(s, route, name);
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

	if (strlen(name) <= WIRE_NAME_MAX &&
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

void
cursor_stat(const struct broker *b, struct buf *out)
{
	const struct durable *d;
	struct log_place at;
	const char *comma = "";

	for (d = b->durables; d != NULL; d = d->next, comma = ",") {
		buf_addf(out, "%s\"%s\":{\"cursor\":", comma, d->name);
		wire_cursor_add(out, &d->cursor);
		if (session_place(b, &d->cursor, &at) == 0) {
			buf_adds(out, ",\"lag\":");
			buf_addu(out, lag(b, at));
			if (is_at_risk(b, lag(b, at)))
				buf_adds(out, ",\"at_risk\":true");
		}
		buf_addf(
		    out, ",\"held\":%s}", d->holder != NULL ? "true" : "false");
	}
}

void
cursor_free(struct broker *b)
{
	while (b->durables != NULL)
		durable_forget(b, b->durables);
}

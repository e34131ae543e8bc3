/*
 * Durable cursors: positions kept by name, moved by commit only, and the
 * lease of the one subscription that may read with each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/die.h"
#include "base/num.h"
#include "broker/session.h"

enum {
	LEASE = 10 * DATE_SECOND, /* a silent holder loses a cursor */
	DURABLES_MAX = 10000,
	COPIES_MAX = 2 * DURABLES_MAX, /* with those of the twin */
	STAT_MAX = 32768,	       /* bytes of an answer about them */
	SKEW_MAX = 60 * DATE_SECOND    /* a row's time may be ahead of ours */
};

/* No clock of a twin's is so late; there is time left after it. */
static const int64_t t_max = INT64_MAX / 2;

/* A deleted cursor is remembered for the twin's sake. */
static const int64_t gone_life = (int64_t)30 * 86400 * DATE_SECOND;

/* 1 if our own log has not come so far, or there is no such log of ours. */
static int
is_ahead(const struct broker *b, const struct wire_position *at)
{
	const struct log_run *own = store_run(b->store, b->run);

	if (strcmp(at->name, own->name) != 0)
		return 0;
	return at->start == own->start ? at->n > own->end
				       : at->start > own->start &&
		store_find(b->store, at->name, at->start) == STORE_RUN_NONE;
}

const char *
session_trail(struct broker *b, const struct wire_cursor *cursor,
    struct trail *t, const char **why)
{
	const struct wire_position *at;
	size_t i;

	if (trail_parse(t, b->store, cursor, session_lax(b)) != 0) {
		at = trail_unknown(b->store, cursor);
		snprintf(b->why, sizeof b->why,
		    "log %s.%llu is not known here yet", at->name,
		    (unsigned long long)at->start);
		*why = b->why;
		return "behind";
	}
	*why = "cursor: ahead of this broker's log";
	for (i = 0; i < cursor->n; i++)
		if (is_ahead(b, &cursor->at[i]))
			return "bad";
	return NULL;
}

static struct durable *
durable_get(const struct broker *b, const char *name)
{
	struct durable *d;

	for (d = b->durables; d != NULL; d = d->next)
		if (strcmp(d->name, name) == 0)
			return d;
	return NULL;
}

/* The same, but as clients see it. */
static struct durable *
durable_find(const struct broker *b, const char *name)
{
	struct durable *d = durable_get(b, name);

	return d != NULL && !d->deleted ? d : NULL;
}

/* A new one counts as deleted until it is set. */
static struct durable *
durable_add(struct broker *b, const char *name)
{
	struct durable *d = xcalloc(1, sizeof *d);

	memcpy(d->name, name, strlen(name) + 1);
	d->next = b->durables;
	d->deleted = 1;
	b->durables = d;
	b->ndurables++;
	b->ngone++;
	return d;
}

/* cursor NULL: it is deleted. */
static void
durable_set(struct broker *b, struct durable *d,
    const struct wire_cursor *cursor, int64_t t)
{
	if (cursor != NULL)
		d->cursor = *cursor;
	b->ngone += (size_t)(cursor == NULL) - (size_t)d->deleted;
	d->deleted = cursor == NULL;
	d->t = t;
}

static void
durable_forget(struct broker *b, struct durable *d)
{
	struct durable **at = &b->durables;

	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	b->ndurables--;
	b->ngone -= (size_t)d->deleted;
	free(d->row);
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

	if (s->b->ndurables - s->b->ngone >= DURABLES_MAX)
		return 1;
	if (s->grant == NULL)
		return 0;
	most = actors_limits(gate_actors(s->b->gate))->cursors;
	for (d = s->b->durables; d != NULL; d = d->next)
		own += !d->deleted && own_name(s, d) != NULL;
	return most != 0 && own >= most;
}

/* A row that waits for the log. */
struct commit {
	struct log_cursor item;	     /* first */
	struct commit *next, **self; /* in its session's list */
	struct session *session;
	struct front_route route;
	struct wire_cursor cursor; /* where to, unless it is deleted */
	int64_t t;
	int deleted, copied;
	int told; /* the twin hears of it otherwise */
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

/* [T,{...}], or [T,null] of one that is deleted. */
static char *
row_text(int64_t t, const struct wire_cursor *cursor)
{
	struct buf b = { 0 };
	char *text;

	buf_addf(&b, "[%lld,", (long long)t);
	if (cursor != NULL)
		wire_cursor_add(&b, cursor);
	else
		buf_adds(&b, "null");
	buf_addc(&b, ']');
	text = xstrdup(buf_cstr(&b));
	buf_fini(&b);
	return text;
}

static void
put_item(struct broker *b, struct commit *c)
{
	if (b->log == NULL) {
		cursor_committed(b, &c->item);
		return;
	}
	b->queued++;
	log_put(b->log, &c->item.item);
}

/*
 * Make the cursor's new position durable, cursor NULL: delete it.  Rows of one
 * name are put in the order of their times.
 */
static void
persist(struct broker *b, struct commit *c, const char *name,
    const struct wire_cursor *cursor, int64_t t)
{
	struct durable *d = durable_get(b, name);

	c->item.item.kind = LOG_CURSOR;
	memcpy(c->item.name, name, strlen(name) + 1);
	c->t = t;
	c->deleted = cursor == NULL;
	if (cursor != NULL)
		c->cursor = *cursor;
	if (b->durable_t < t)
		b->durable_t = t;
	if (d == NULL)
		d = durable_add(b, name);
	d->put = t;
	free(d->row);
	d->row = row_text(t, cursor);
	if (cursor != NULL || b->o.twin != NULL)
		c->item.json = xstrdup(d->row);
	put_item(b, c);
}

/* The time of a commit made here: after all that is known. */
static int64_t
commit_time(const struct broker *b)
{
	int64_t now = date_now();

	if (now <= b->durable_t)
		now = b->durable_t + 1;
	return now > b->rt ? now : b->rt;
}

/* Forget one that is deleted, on disk too. */
static void
bury(struct broker *b, struct durable *d)
{
	struct commit *c = commit_new(NULL, NULL);

	c->item.item.kind = LOG_CURSOR;
	memcpy(c->item.name, d->name, strlen(d->name) + 1);
	c->copied = c->deleted = 1;
	durable_forget(b, d);
	put_item(b, c);
}

static int
is_gone(const struct durable *d)
{
	return d->deleted && d->put == d->t;
}

/* Deleted ones are kept for a while, and not too many of them. */
static void
bury_old(struct broker *b)
{
	int64_t before = date_now() - gone_life;
	struct durable *d, *next, *oldest = NULL;

	for (d = b->durables; d != NULL; d = next) {
		next = d->next;
		if (!is_gone(d))
			continue;
		if (d->t < before || b->o.twin == NULL)
			bury(b, d);
		else if (oldest == NULL || d->t < oldest->t)
			oldest = d;
	}
	if (b->ngone > DURABLES_MAX && oldest != NULL)
		bury(b, oldest);
}

/* What is durable now holds for readers too. */
static void
apply(struct broker *b, const struct commit *c)
{
	const struct wire_cursor *cursor = c->deleted ? NULL : &c->cursor;
	struct durable *d = durable_get(b, c->item.name);

	if (d == NULL || d->t > c->t)
		return;
	if (c->deleted && !d->deleted)
		subscribe_release(d);
	durable_set(b, d, cursor, c->t);
	if (b->mirror != NULL && !c->copied && !c->told)
		mirror_cursor(b->mirror, d->name, c->t, cursor);
	if (!c->deleted)
		return;
	if (b->o.twin == NULL)
		durable_forget(b, d);
	else
		bury_old(b);
}

/* The log could not take the row: the one before it holds. */
static void
take_back(struct broker *b, const struct commit *c)
{
	struct durable *d = durable_get(b, c->item.name);

	if (d == NULL || d->put != c->t)
		return;
	d->put = d->t;
	free(d->row);
	d->row = row_text(d->t, d->deleted ? NULL : &d->cursor);
	if (d->deleted && d->t == 0)
		durable_forget(b, d);
}

void
cursor_committed(struct broker *b, struct log_cursor *item)
{
	struct commit *c = (struct commit *)(void *)item;
	struct buf h = { 0 };

	if (item->item.error == 0)
		apply(b, c);
	else
		take_back(b, c);
	if (item->item.error != 0 && c->copied && b->twin != NULL)
		twin_refused(b->twin, item->item.error);
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

void
cursor_copied(struct broker *b, const char *name, int64_t t,
    const struct wire_cursor *cursor)
{
	const struct durable *d = durable_get(b, name);
	struct commit *c;
	char *row;
	int newer;

	if (strlen(name) > LOG_CURSOR_MAX || t > t_max ||
	    (cursor != NULL && flow_owns(b, name)) ||
	    (d == NULL && b->ndurables - b->ngone >= COPIES_MAX))
		return;
	row = row_text(t, cursor);
	newer =
	    d == NULL || t > d->put || (t == d->put && strcmp(row, d->row) > 0);
	free(row);
	if (!newer || (cursor == NULL && t < date_now() - gone_life))
		return;
	c = commit_new(NULL, NULL);
	c->copied = 1;
	persist(b, c, name, cursor, t);
}

void
cursor_walk(
    struct broker *b, void (*fn)(void *ctx, const struct durable *d), void *ctx)
{
	const struct durable *d;

	for (d = b->durables; d != NULL; d = d->next)
		if (d->t != 0 || !d->deleted)
			fn(ctx, d);
}

static int
held_by_other(const struct durable *d, const struct session *s)
{
	return d->holder != NULL && d->holder != s &&
	    d->leased + LEASE > date_mono();
}

/* A new one is made where the reader begins, and is there at once. */
static struct durable *
durable_make(struct session *s, const char *name, const struct trail *at)
{
	struct broker *b = s->b;
	struct wire_cursor cursor;
	struct durable *d;

	trail_cursor(at, b->store, &cursor);
	persist(b, commit_new(s, NULL), name, &cursor, commit_time(b));
	d = durable_get(b, name);
	if (d->deleted)
		durable_set(b, d, &cursor, d->t);
	return d;
}

const char *
cursor_take(struct session *s, const struct json_value *given, struct trail *at,
    struct durable **taken, const char **why)
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
	if (d != NULL) {
		const char *error_name = session_trail(b, &d->cursor, at, why);

		if (error_name != NULL)
			return error_name;
	} else {
		d = durable_make(s, name, at);
	}
	*why = NULL;
	subscribe_release(d);
	d->holder = s;
	d->leased = date_mono();
	*taken = d;
	return NULL;
}

const char *
cursor_fault(struct session *s, const char *name,
    const struct wire_cursor *cursor, const char **why)
{
	const char *error_name;
	struct trail t;

	error_name = session_trail(s->b, cursor, &t, why);
	if (error_name != NULL)
		return error_name;
	*why = "too many cursors";
	return durable_find(s->b, name) == NULL && too_many(s) ? "limit" : NULL;
}

/* NULL, or the name of the error and *why. */
static const char *
commit_fault(struct session *s, const struct wire_request *r, const char *name,
    const char **why)
{
	struct broker *b = s->b;
	const struct durable *d = durable_find(b, name);

	*why = "the cursor is in use";
	if (d != NULL && held_by_other(d, s))
		return "busy";
	return r->has_cursor ? cursor_fault(s, name, &r->cursor, why) : NULL;
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
	if (!r->has_cursor && d != NULL)
		flow_end(s->b, name);
	persist(s->b, commit_new(s, route), name,
	    r->has_cursor ? &r->cursor : NULL, commit_time(s->b));
}

/* 1 if the row says so already. */
static int
is_there(const struct durable *d, const struct wire_cursor *cursor)
{
	struct buf row = { 0 };
	int same;

	if (cursor == NULL)
		return d == NULL || strstr(d->row, ",null]") != NULL;
	if (d == NULL)
		return 0;
	wire_cursor_add(&row, cursor);
	buf_addc(&row, ']');
	same = strcmp(strchr(d->row, ',') + 1, buf_cstr(&row)) == 0;
	buf_fini(&row);
	return same;
}

void
cursor_follow(struct broker *b, const char *name,
    const struct wire_cursor *cursor, int64_t rt)
{
	const struct durable *d = durable_get(b, name);
	struct commit *c;

	if (is_there(d, cursor) || (cursor == NULL && d->put >= rt))
		return;
	c = commit_new(NULL, NULL);
	c->told = 1;
	persist(
	    b, c, name, cursor, d != NULL && d->put >= rt ? d->put + 1 : rt);
}

void
cursor_closed(struct session *s)
{
	struct commit *c;

	for (c = s->commits; c != NULL; c = c->next)
		c->session = NULL;
	s->commits = NULL;
}

/*
 * [T,cursor|null], or the cursor alone, as it was written once.  0, or -1; of
 * one that is deleted *deleted is 1.
 */
static int
parse_row(
    const char *json, int64_t *t, struct wire_cursor *cursor, int *deleted)
{
	struct json_value row = json_value(json, strlen(json)), none, value;
	struct json_walk walk;

	*t = 0;
	*deleted = 0;
	if (row.kind == JSON_OBJECT)
		return wire_cursor_parse(cursor, &row);
	if (row.kind != JSON_ARRAY)
		return -1;
	json_walk(&walk, &row);
	if (!json_next(&walk, &none, &value) || value.kind != JSON_NUMBER ||
	    num_uint(value.p, value.n, t) != 0 ||
	    !json_next(&walk, &none, &value))
		return -1;
	*deleted = value.kind == JSON_NULL;
	return *deleted ? 0 : wire_cursor_parse(cursor, &value);
}

static void
load_row(void *ctx, const char *name, const char *json)
{
	struct broker *b = ctx;
	struct wire_cursor cursor;
	struct durable *d;
	int64_t t;
	int deleted;

	if (strlen(name) > LOG_CURSOR_MAX ||
	    parse_row(json, &t, &cursor, &deleted) != 0)
		return;
	d = durable_add(b, name);
	durable_set(b, d, deleted ? NULL : &cursor, t);
	d->put = t;
	d->row = row_text(t, deleted ? NULL : &cursor);
	if (b->durable_t < t)
		b->durable_t = t;
}

int
cursor_load(struct broker *b)
{
	if (log_cursors(b->log, load_row, b) != 0)
		return -1;
	bury_old(b);
	return 0;
}

/* Retention may soon overtake the cursor: it is in the oldest fifth. */
static int
is_at_risk(const struct broker *b, uint64_t behind)
{
	struct trail begin;
	uint64_t stored;

	trail_begin(&begin, b->store);
	stored = trail_behind(&begin, b->store);
	return b->log != NULL && b->o.retain_size > 0 && behind > 0 &&
	    log_bytes(b->log) > b->o.retain_size / 5 * 4 &&
	    behind >= stored / 5 * 4;
}

static void
add_stat(const struct broker *b, const struct durable *d, const char *name,
    struct buf *out)
{
	struct trail at;
	uint64_t lag;

	buf_addf(out, "\"%s\":{\"cursor\":", name);
	wire_cursor_add(out, &d->cursor);
	if (trail_parse(&at, b->store, &d->cursor, session_lax(b)) == 0) {
		lag = trail_behind(&at, b->store);
		buf_adds(out, ",\"lag\":");
		buf_addu(out, lag);
		if (is_at_risk(b, lag))
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
		if (name == NULL || d->deleted)
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

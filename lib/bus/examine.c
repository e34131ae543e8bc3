#include "bus/examine.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/die.h"
#include "base/num.h"
#include "bus/probe.h"
#include "event/event.h"

enum {
	BEHIND = 10000,		 /* events a twin is now and then */
	NAMED = 200,		 /* silent topics told one by one */
	AHEAD = 60 * DATE_SECOND /* how far t may be in the future */
};

static const struct health_limits no_limits = { NAN, NAN };

const char *
examine_span(int64_t us, char text[EXAMINE_SPAN])
{
	static const struct {
		int64_t us;
		char name;
	} units[] = { { INT64_C(86400000000), 'd' },
		{ INT64_C(3600000000), 'h' }, { 60000000, 'm' },
		{ 1000000, 's' } };
	size_t i = 0;

	if (us < 0)
		us = 0;
	while (i < 3 && us < units[i].us)
		i++;
	if (us < DATE_SECOND)
		snprintf(text, EXAMINE_SPAN, "%.2fms", (double)us / 1e3);
	else if (i == 3)
		snprintf(text, EXAMINE_SPAN, "%.1fs", (double)us / 1e6);
	else
		snprintf(text, EXAMINE_SPAN, "%" PRId64 "%c%" PRId64 "%c",
		    us / units[i].us, units[i].name,
		    us % units[i].us / units[i + 1].us, units[i + 1].name);
	return text;
}

static double
seconds(int64_t us)
{
	return (double)us / DATE_SECOND;
}

/* Members of what a broker said; absent ones are 0, false or "". */
static int64_t
get_micros(const struct json_value *object, const char *name)
{
	struct json_value v;
	int64_t us = 0;

	if (json_get(object, name, &v) && v.kind == JSON_NUMBER)
		num_micros(v.p, v.n, &us);
	return us;
}

static int64_t
get_count(const struct json_value *object, const char *name)
{
	struct json_value v;
	int64_t n = 0;

	if (json_get(object, name, &v) && v.kind == JSON_NUMBER)
		num_uint(v.p, v.n, &n);
	return n;
}

static int
get_true(const struct json_value *object, const char *name)
{
	struct json_value v;

	return json_get(object, name, &v) && v.kind == JSON_TRUE;
}

static const char *
get_text(const struct json_value *object, const char *name, struct buf *b)
{
	struct json_value v;

	buf_clear(b);
	if (json_get(object, name, &v) && v.kind == JSON_STRING)
		json_text(&v, b);
	return buf_cstr(b);
}

/* Where figures about a broker come from. */
struct target {
	struct health *h;
	const char *url;
};

static void
figure(const struct target *t, const char *name, const char *help,
    const char *unit, double value, struct health_limits limits)
{
	health_figure(t->h,
	    &(struct health_figure){ .name = name,
		.help = help,
		.unit = unit,
		.label = "url",
		.subject = t->url,
		.value = value,
		.limits = limits });
}

static void
look_degraded(const struct target *t, const struct json_value *stat)
{
	struct json_value list, name, v;
	struct json_walk w;
	int full = 0, memory = 0;

	if (json_get(stat, "degraded", &list) && list.kind == JSON_ARRAY) {
		json_walk(&w, &list);
		while (json_next(&w, &name, &v)) {
			full |= json_equal(&v, "full");
			memory |= json_equal(&v, "memory");
		}
	}
	if (full)
		health_find(t->h, HEALTH_CRITICAL, t->url,
		    "its disk is full, it takes no events");
	if (memory)
		health_find(
		    t->h, HEALTH_WARNING, t->url, "it keeps nothing on disk");
	figure(t, "broker_full", "1 if the broker's disk is full.", "", full,
	    no_limits);
	figure(t, "broker_memory", "1 if the broker keeps nothing on disk.", "",
	    memory, no_limits);
}

static void
look_twin(
    const struct examine *x, const struct target *t, const struct json_value *s)
{
	struct json_value twin;
	struct buf name = { 0 };
	char span[EXAMINE_SPAN];
	int64_t away = 0, behind;
	int connected, synced;

	if (!json_get(s, "twin", &twin) || twin.kind != JSON_OBJECT)
		return;
	connected = get_true(&twin, "connected");
	behind = get_count(&twin, "behind");
	synced = get_true(&twin, "synced");
	if (!connected)
		away = get_micros(s, "time") - get_micros(&twin, "since");
	get_text(&twin, "name", &name);
	if (name.len == 0)
		get_text(&twin, "url", &name);
	if (!connected)
		health_find(t->h,
		    away > x->away ? HEALTH_CRITICAL : HEALTH_WARNING, t->url,
		    "its twin %s is away for %s", buf_cstr(&name),
		    examine_span(away, span));
	else if (!synced || behind > 0)
		health_find(t->h,
		    !synced || behind > BEHIND ? HEALTH_WARNING : HEALTH_OK,
		    t->url, "%" PRId64 " events behind its twin %s", behind,
		    buf_cstr(&name));
	else
		health_find(t->h, HEALTH_OK, t->url, "in step with its twin %s",
		    buf_cstr(&name));
	figure(t, "broker_twin_connected", "1 if the broker hears its twin.",
	    "", connected, no_limits);
	figure(t, "broker_twin_synced",
	    "1 if the broker has what its twin has.", "",
	    connected && synced && behind == 0, no_limits);
	figure(t, "broker_twin_behind_events",
	    "Events of the twin that the broker has no copy of.", "",
	    (double)behind, no_limits);
	figure(t, "broker_twin_away_seconds",
	    "How long the twin has been away.", "s", seconds(away),
	    (struct health_limits){ 0, seconds(x->away) });
	buf_fini(&name);
}

static void
look_stat(
    const struct examine *x, const struct target *t, const struct json_value *s)
{
	const struct {
		const char *member, *name, *help;
	} rows[] = {
		{ "connections", "broker_connections", "Connections now." },
		{ "rate_in", "broker_events_in_per_second",
		    "Events taken in the last second." },
		{ "rate_out", "broker_events_out_per_second",
		    "Events handed out in the last second." },
		{ "store_bytes", "broker_store_bytes", "Size of the store." },
	};
	struct json_value v;

	figure(t, "broker_uptime_seconds", "Time since the broker's start.",
	    "s", seconds(get_micros(s, "uptime")), no_limits);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (json_get(s, rows[i].member, &v))
			figure(t, rows[i].name, rows[i].help,
			    strstr(rows[i].name, "bytes") ? "B" : "",
			    (double)get_count(s, rows[i].member), no_limits);
	look_degraded(t, s);
	look_twin(x, t, s);
}

static void
look_broker(const struct examine *x, struct probe *p, struct health *h)
{
	struct target t = { h, p->url };
	struct client_event event = { 0 };
	struct buf ask = { 0 }, name = { 0 };
	double hello = seconds(p->hello);
	char took[EXAMINE_SPAN], up[EXAMINE_SPAN];
	int got = 0;

	if (p->answered) {
		wire_stat(&ask);
		got = probe_ask(p, &ask, &event, x->deadline);
		buf_fini(&ask);
	}
	figure(&t, "broker_up", "1 if the broker answers.", "", got, no_limits);
	if (!got) {
		health_find(
		    h, HEALTH_CRITICAL, p->url, "%s", buf_cstr(&p->why));
		return;
	}
	figure(&t, "broker_hello_seconds", "Time until a hello was answered.",
	    "s", hello, x->limits);
	health_find(h, health_judge(hello, x->limits), p->url,
	    "broker %s answers in %s, up for %s",
	    get_text(&event.reply.header, "name", &name),
	    examine_span(p->hello, took),
	    examine_span(get_micros(&event.reply.header, "uptime"), up));
	look_stat(x, &t, &event.reply.header);
	buf_fini(&name);
}

static int
cannot_ask(struct health *h, const char *why)
{
	health_find(h, HEALTH_UNKNOWN, "", "%s", why);
	return -1;
}

int
examine_broker(const struct examine *x, struct health *h)
{
	struct probes all;
	const char *why;
	int status = 0;

	if (probes_open(&all, x->config, PROBE_ALL, x->deadline, &why) < 0)
		status = cannot_ask(h, why);
	for (size_t i = 0; status == 0 && i < all.n; i++)
		look_broker(x, &all.v[i], h);
	probes_close(&all);
	return status;
}

/*
 * One broker that answers: 1 with *all open and *p, 0 if none does, -1; both
 * told in h.
 */
static int
find_broker(const struct examine *x, struct health *h, struct probes *all,
    struct probe **p)
{
	const char *why;

	if (probes_open(all, x->config, PROBE_FIRST, x->deadline, &why) < 0)
		return cannot_ask(h, why);
	*p = probes_first(all);
	for (size_t i = 0; *p == NULL && i < all->n; i++)
		health_find(h, HEALTH_CRITICAL, all->v[i].url, "%s",
		    buf_cstr(&all->v[i].why));
	return *p != NULL;
}

static void
look_cursor(const struct examine *x, struct health *h, const char *name,
    const struct json_value *c)
{
	struct json_value lag;
	int known = json_get(c, "lag", &lag), held = get_true(c, "held");
	int risk = get_true(c, "at_risk");
	int64_t behind = get_count(c, "lag");
	enum health_state state = health_judge((double)behind, x->limits);

	if (risk)
		state = health_worse(state, HEALTH_WARNING);
	if (!known || (x->held && !held))
		state = HEALTH_CRITICAL;
	health_figure(h,
	    &(struct health_figure){ "cursor_held",
		"1 if a reader holds the cursor.", "", "cursor", name, held,
		no_limits });
	if (!known) {
		health_find(h, state, name,
		    "what it has not read is no longer kept, or its log is "
		    "not known");
		return;
	}
	health_figure(h,
	    &(struct health_figure){ "cursor_lag_events",
		"Events behind the cursor's reader.", "", "cursor", name,
		(double)behind, x->limits });
	health_figure(h,
	    &(struct health_figure){ "cursor_at_risk",
		"1 if retention may soon overtake the cursor.", "", "cursor",
		name, risk, no_limits });
	health_find(h, state, name, "%" PRId64 " events behind, %s%s", behind,
	    held ? "held" : "not held",
	    risk ? ", retention may soon overtake it" : "");
}

static void
look_named(
    const struct examine *x, struct health *h, const struct json_value *list)
{
	struct json_value c;

	for (size_t i = 0; i < x->nnames; i++) {
		if (json_get(list, x->names[i], &c))
			look_cursor(x, h, x->names[i], &c);
		else
			health_find(
			    h, HEALTH_CRITICAL, x->names[i], "no such cursor");
	}
}

static void
look_all(const struct examine *x, struct health *h, struct json_value *list)
{
	struct json_value name, c;
	struct json_walk w;
	struct buf text = { 0 };
	int none = 1;

	json_walk(&w, list);
	for (; json_next(&w, &name, &c); none = 0) {
		buf_clear(&text);
		json_text(&name, &text);
		look_cursor(x, h, buf_cstr(&text), &c);
	}
	if (none)
		health_find(h, HEALTH_OK, "", "no durable cursors");
	buf_fini(&text);
}

int
examine_cursors(const struct examine *x, struct health *h)
{
	struct probes all;
	struct probe *p;
	struct client_event event = { 0 };
	struct json_value list;
	struct buf ask = { 0 };
	int64_t more;
	int got = find_broker(x, h, &all, &p);

	if (got <= 0) {
		probes_close(&all);
		return got;
	}
	wire_stat(&ask);
	if (!probe_ask(p, &ask, &event, x->deadline))
		health_find(
		    h, HEALTH_CRITICAL, p->url, "%s", buf_cstr(&p->why));
	else if (!json_get(&event.reply.header, "cursors", &list))
		health_find(h, HEALTH_UNKNOWN, p->url, "it tells no cursors");
	else if (x->nnames > 0)
		look_named(x, h, &list);
	else
		look_all(x, h, &list);
	more =
	    event.reply.ok ? get_count(&event.reply.header, "cursors_more") : 0;
	if (more > 0)
		health_find(h, HEALTH_UNKNOWN, p->url,
		    "%" PRId64 " more cursors are not told", more);
	buf_fini(&ask);
	probes_close(&all);
	return 0;
}

/* What became of the topics of one filter. */
struct share {
	const char *filter;
	uint64_t topics, silent;
	int64_t oldest;
};

struct stale {
	const struct examine *x;
	struct health *h;
	struct share *share;
	size_t n;
	uint64_t topics, silent;
	int64_t now;
};

static void
look_topic(struct stale *s, const struct event *e)
{
	char space[TOPIC_MAX + 1], name[TOPIC_MAX + 1], span[EXAMINE_SPAN];
	enum health_state state;
	int64_t t, age;
	size_t n;
	const char *topic = event_topic(e, space, &n);

	if (topic == NULL || event_time(e, &t) < 0)
		return;
	snprintf(name, sizeof name, "%.*s", (int)n, topic);
	age = s->now - t;
	state = health_judge(seconds(age), s->x->limits);
	s->topics++;
	s->silent += state != HEALTH_OK;
	for (size_t i = 0; i < s->n; i++) {
		struct share *f = &s->share[i];

		if (!topic_match(f->filter, strlen(f->filter), name, n))
			continue;
		f->topics++;
		f->silent += state != HEALTH_OK;
		if (age > f->oldest)
			f->oldest = age;
	}
	if (state != HEALTH_OK && s->silent <= NAMED)
		health_find(s->h, state, name, "silent for %s",
		    examine_span(age, span));
	else if (age < -AHEAD)
		health_find(s->h, HEALTH_WARNING, name, "%s ahead of the clock",
		    examine_span(-age, span));
}

/* The lines of one page. */
static void
look_page(struct stale *s, const struct wire_reply *r)
{
	const char *p = r->lines, *end = p + r->lines_len, *line_end;
	struct event e;
	const char *why;

	for (; p < end; p = line_end + 1) {
		line_end = memchr(p, '\n', (size_t)(end - p));
		if (line_end == NULL)
			line_end = end;
		if (event_scan(&e, p, (size_t)(line_end - p), &why) == 0)
			look_topic(s, &e);
	}
}

static int
look_pages(struct stale *s, struct probe *p)
{
	const struct filters *f = s->x->filters;
	struct client_event event = { 0 };
	struct buf ask = { 0 };
	uint64_t next = 0;
	int got;

	do {
		wire_last(&ask, (const char *const *)f->v, f->n, 0, next);
		got = probe_ask(p, &ask, &event, s->x->deadline);
		if (got) {
			look_page(s, &event.reply);
			next = event.reply.next;
		}
	} while (got && event.reply.has_next && !event.reply.end);
	if (!got)
		health_find(
		    s->h, HEALTH_UNKNOWN, p->url, "%s", buf_cstr(&p->why));
	buf_fini(&ask);
	return got;
}

static void
tell_share(struct health *h, const struct share *f, struct health_limits limits)
{
	const char *filter = f->filter;

	if (f->topics == 0)
		health_find(h, HEALTH_CRITICAL, filter, "no event is known");
	else
		health_find(h, HEALTH_OK, filter,
		    "%" PRIu64 " of %" PRIu64 " topics are silent", f->silent,
		    f->topics);
	health_figure(h,
	    &(struct health_figure){ "stale_topics",
		"Topics that the filter matches.", "", "filter", filter,
		(double)f->topics, no_limits });
	health_figure(h,
	    &(struct health_figure){ "stale_silent_topics",
		"Topics whose newest event is too old.", "", "filter", filter,
		(double)f->silent, no_limits });
	health_figure(h,
	    &(struct health_figure){ "stale_oldest_seconds",
		"Age of the newest event of the most silent topic.", "s",
		"filter", filter, seconds(f->oldest), limits });
}

static void
tell_shares(struct stale *s)
{
	if (s->silent > NAMED)
		health_find(s->h, HEALTH_WARNING, "",
		    "%" PRIu64 " more silent topics", s->silent - NAMED);
	for (size_t i = 0; i < s->n; i++)
		tell_share(s->h, &s->share[i], s->x->limits);
}

int
examine_stale(const struct examine *x, struct health *h)
{
	struct stale s = { .x = x, .h = h, .now = date_now() };
	struct probes all;
	struct probe *p;
	int got = find_broker(x, h, &all, &p);

	s.share = xcalloc(x->filters->n + 1, sizeof *s.share);
	for (size_t i = 0; i < x->filters->n; i++)
		if (x->filters->v[i][0] != '!')
			s.share[s.n++].filter = x->filters->v[i];
	if (got > 0 && look_pages(&s, p))
		tell_shares(&s);
	free(s.share);
	probes_close(&all);
	return got < 0 ? -1 : 0;
}

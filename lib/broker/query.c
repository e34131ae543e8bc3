/*
 * Requests that only ask: hello, last, seek, stat.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/die.h"
#include "base/num.h"
#include "broker/answer.h"
#include "broker/session.h"
#include "event/event.h"

/* What is looked at for one page of last values. */
enum { LOOK = 65536, LOOK_TIME = 20000 }; /* topics, us */

enum { LOGS_MAX = 200 }; /* an answer of stat tells of */

static void
add_log_id(struct buf *h, const struct log_run *run)
{
	buf_addf(h, "\"%s.%llu\"", run->name, (unsigned long long)run->start);
}

/* A client speaks the versions from sg to upto, or sg alone. */
static int
speaks_ours(const struct wire_request *r)
{
	int64_t from = r->version != 0 ? r->version : WIRE_VERSION;
	int64_t to = r->upto != 0 ? r->upto : from;

	return from <= WIRE_VERSION && to >= WIRE_VERSION;
}

void
query_hello(struct session *s, const struct front_route *route,
    const struct wire_request *r)
{
	struct broker *b = s->b;
	struct buf h = { 0 };

	if (!speaks_ours(r)) {
		session_error(b, route, "bad", "sg: this broker speaks 1");
		return;
	}
	buf_addf(&h,
	    "{\"ok\":true,\"sg\":%d,\"name\":\"%s\",\"log\":", WIRE_VERSION,
	    b->o.name);
	add_log_id(&h, store_run(b->store, b->run));
	buf_adds(&h, ",\"time\":");
	num_add_micros(&h, date_now());
	if (b->twin != NULL)
		buf_adds(&h, ",\"twin\":true");
	buf_addf(&h,
	    ",\"limits\":{\"frame\":%d,\"line\":%lld,\"events\":%d,"
	    "\"fetch\":%d,\"parked\":%d}}",
	    WIRE_LINES_MAX, (long long)b->o.max_line, WIRE_EVENTS_MAX,
	    WIRE_LINES_MAX, b->o.limits.requests);
	session_answer(b, route, &h);
}

void
query_seek(struct session *s, const struct front_route *route,
    const struct wire_request *r)
{
	struct broker *b = s->b;
	struct wire_cursor cursor;
	struct buf h = { 0 };
	struct trail t;

	if (r->start == WIRE_FROM_BEGIN) {
		trail_begin(&t, b->store);
	} else if (r->start == WIRE_FROM_NOW) {
		trail_now(&t, b->store);
	} else if (trail_seek(&t, b->store, r->time) != 0) {
		session_error(b, route, "limit", strerror(errno));
		return;
	}
	trail_cursor(&t, b->store, &cursor);
	buf_adds(&h, "{\"ok\":true,\"cursor\":");
	wire_cursor_add(&h, &cursor);
	buf_addc(&h, '}');
	session_answer(b, route, &h);
}

/* 1 if the line, with its newline, has found room in the answer. */
static int
add_line(struct answer *a, size_t max, const char *p, size_t n)
{
	if (a->events != 0 && a->bytes + n > max)
		return 0;
	answer_add(a, NULL, p, n, 1);
	return 1;
}

/*
 * Append the topic's newest line.  1, 0 if there is no room.  Lines that
 * cannot be read are left out.
 */
static int
add_value(
    struct broker *b, const struct last_topic *t, size_t max, struct answer *a)
{
	struct log_place before = { t->run, t->n - 1 };
	struct buf line = { 0 }, space = { 0 };
	struct store_view v;
	struct log_row row;
	int added = 1;
	size_t n;
	const char *p;

	if (store_view(&v, b->store, before) == 1) {
		p = store_view_line(&v, t->n, &n);
		added = add_line(a, max, p, n + 1);
		store_view_end(&v);
		return added;
	}
	if (store_kept(b->store, t, &row, &space) == 1) {
		buf_add(&line, row.line, row.len);
		buf_addc(&line, '\n');
		added = add_line(a, max, line.p, line.len);
	}
	buf_fini(&line);
	buf_fini(&space);
	return added;
}

/*
 * Values from *next on, until the answer or the look is long enough, or has
 * taken long: others wait.
 */
static void
add_page(struct broker *b, const struct topic_set *set, size_t max,
    uint64_t *next, struct answer *a)
{
	int64_t late = date_mono() + LOOK_TIME;
	uint64_t end = *next + LOOK;
	size_t count = last_count(b->last);

	if (end > count)
		end = count;
	for (; *next < end; ++*next) {
		const struct last_topic *t = last_at(b->last, *next);

		if (t->n == 0 || !topic_set_match(set, t->text, t->len))
			continue;
		if (!add_value(b, t, max, a))
			break;
		if (date_mono() > late)
			end = *next + 1;
	}
}

static void
answer_page(struct session *s, const struct front_route *route,
    const struct wire_request *r, const struct topic_set *set)
{
	struct broker *b = s->b;
	uint64_t next = r->next;
	struct wire_cursor cursor;
	struct trail now;
	struct answer a = { 0 };
	struct buf h = { 0 };

	add_page(b, set, session_max(r), &next, &a);
	buf_adds(&h, "{\"ok\":true,\"n\":");
	buf_addu(&h, a.events);
	if (r->next == 0) {
		trail_now(&now, b->store);
		trail_cursor(&now, b->store, &cursor);
		buf_adds(&h, ",\"cursor\":");
		wire_cursor_add(&h, &cursor);
	}
	if (next >= last_count(b->last)) {
		buf_adds(&h, ",\"end\":true}\n");
	} else {
		buf_adds(&h, ",\"next\":");
		buf_addu(&h, next);
		buf_adds(&h, "}\n");
	}
	answer_send(&a, b->gate, route, &h);
}

void
query_last(struct session *s, const struct front_route *route,
    const struct wire_request *r)
{
	struct topic_set set = { 0 };
	const char *why;
	const char *error_name = session_filters(s, &set, &r->filters, &why);

	if (error_name != NULL)
		session_error(s->b, route, error_name, why);
	else
		answer_page(s, route, r, &set);
	topic_set_fini(&set);
}

/* Events a second, in and out, over the last whole second. */
static void
add_counts(const struct broker *b, struct buf *h)
{
	const struct counts *c = &b->counts;
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{ "events_in", c->events_in },
		{ "events_out", c->events_out },
		{ "bytes_in", c->bytes_in },
		{ "bytes_out", c->bytes_out },
		{ "frames", c->frames },
		{ "repeated", c->repeated },
		{ "refused", c->refused },
		{ "denied", c->denied },
		{ "busy", c->busy },
		{ "gaps", c->gaps },
		{ "behind", c->behind },
		{ "copied", c->copied },
		{ "damaged", c->damaged },
		{ "rate_in", b->rate_in },
		{ "rate_out", b->rate_out },
	};
	size_t i;

	for (i = 0; i < sizeof rows / sizeof *rows; i++)
		buf_addf(h, ",\"%s\":%llu", rows[i].name,
		    (unsigned long long)rows[i].value);
}

static void
add_front(const struct broker *b, struct buf *h)
{
	const struct front_counts *c = front_counts(b->front);

	buf_addf(h,
	    ",\"connections\":%d,\"accepted\":%llu,\"turned_away\":%llu,"
	    "\"cut\":%llu,\"requests\":%llu,\"parked\":%zu",
	    c->connections, (unsigned long long)c->accepted,
	    (unsigned long long)c->refused, (unsigned long long)c->cut,
	    (unsigned long long)c->requests, b->parked);
}

static void
add_gate(const struct broker *b, struct buf *h)
{
	const struct gate_counts *c = gate_counts(b->gate);

	buf_addf(h,
	    ",\"strangers\":%d,\"sessions\":%zu,\"handshakes\":%llu,"
	    "\"handshakes_failed\":%llu,\"sessions_denied\":%llu,"
	    "\"sessions_ended\":%llu",
	    front_counts(b->front)->strangers, c->sessions,
	    (unsigned long long)c->handshakes, (unsigned long long)c->failed,
	    (unsigned long long)c->denied, (unsigned long long)c->ended);
}

/* Logs that have something, or may still get it; the others are history. */
static void
add_log_rows(const struct broker *b, struct buf *h)
{
	size_t i, n = 0, more = 0;

	buf_adds(h, ",\"logs\":{");
	for (i = store_runs(b->store); i-- > 0;) {
		const struct log_run *run = store_run(b->store, i);

		if (!run->open && run->end < run->first)
			continue;
		if (n == LOGS_MAX) {
			more++;
			continue;
		}
		buf_adds(h, n++ ? "," : "");
		add_log_id(h, run);
		buf_addf(h, ":{\"first\":%llu,\"end\":%llu,\"own\":%s}",
		    (unsigned long long)run->first,
		    (unsigned long long)run->end, run->own ? "true" : "false");
	}
	buf_addc(h, '}');
	if (more != 0)
		buf_addf(h, ",\"logs_more\":%zu", more);
}

static void
add_store(const struct broker *b, struct buf *h)
{
	add_log_rows(b, h);
	buf_addf(h,
	    ",\"store_bytes\":%lld,\"memory_bytes\":%zu,"
	    "\"topics\":%zu,\"channels\":%zu,\"ahead\":%zu,\"queued\":%zu",
	    (long long)(b->log != NULL ? log_bytes(b->log) : 0),
	    store_memory(b->store), last_count(b->last),
	    chans_count(b->channels), b->nahead, b->queued);
}

static void
add_twin(const struct broker *b, struct buf *h)
{
	if (b->twin == NULL)
		return;
	buf_adds(h, ",\"twin\":{");
	twin_stat(b->twin, h);
	buf_addc(h, '}');
}

static void
add_degraded(const struct broker *b, struct buf *h)
{
	const struct {
		const char *name;
		int is;
	} rows[] = {
		{ "memory", b->log == NULL },
		{ "full", b->full != 0 },
		{ "twin", b->twin != NULL && twin_away(b->twin) },
	};
	size_t i, n = 0;

	buf_adds(h, ",\"degraded\":[");
	for (i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].is)
			buf_addf(h, "%s\"%s\"", n++ ? "," : "", rows[i].name);
	buf_addc(h, ']');
}

void
query_stat(struct session *s, const struct front_route *route)
{
	struct broker *b = s->b;
	struct buf h = { 0 };
	size_t more;

	buf_addf(&h, "{\"ok\":true,\"name\":\"%s\",\"version\":\"%s\",\"log\":",
	    b->o.name, SG_VERSION);
	add_log_id(&h, store_run(b->store, b->run));
	buf_adds(&h, ",\"time\":");
	num_add_micros(&h, date_now());
	buf_adds(&h, ",\"uptime\":");
	num_add_micros(&h, date_mono() - b->started);
	add_counts(b, &h);
	add_front(b, &h);
	add_gate(b, &h);
	add_store(b, &h);
	add_twin(b, &h);
	buf_adds(&h, ",\"cursors\":{");
	more = cursor_stat(s, &h);
	buf_adds(&h, "}");
	if (more != 0) {
		buf_adds(&h, ",\"cursors_more\":");
		buf_addu(&h, more);
	}
	add_degraded(b, &h);
	buf_addc(&h, '}');
	session_answer(b, route, &h);
}

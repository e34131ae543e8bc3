/*
 * The reader against a broker in the same process that has a log of numbered
 * lines and misbehaves on demand.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/date.h"
#include "base/die.h"
#include "broker/front.h"
#include "bus/reader.h"
#include "check.h"

enum { SUBS = 4, EVENTS = 1000 };

/* What goes wrong. */
struct manner {
	uint64_t per;	    /* lines in an answer */
	int swap;	    /* answer the second of two fetches first */
	uint64_t cut_at;    /* the connection breaks before this event */
	uint64_t gone;	    /* events up to here are behind retention */
	uint64_t gone_lost; /* what it says of them */
	int busy;	    /* times that the cursor is in use */
	int deny;	    /* fetches */
	int no_cursor;	    /* answers lack it */
	int no_part;	    /* answers are out of order for ever */
};

struct fake_sub {
	int64_t k;
	uint64_t at, until, count, part;
	int has_until;
};

struct broker {
	struct manner m;
	char url[128];
	struct front *front;
	int stop;
	pthread_t thread;
	struct fake_sub sub[SUBS];
	uint64_t durable;
	int has_durable, commits, cut;
	int holds; /* this answer, until the next is out */
	struct front_route held_route;
	struct front_piece held;
};

static void
add_lines(struct buf *b, struct fake_sub *sub, uint64_t n)
{
	while (n-- > 0)
		buf_addf(b, "{\"n\":%llu}\n", (unsigned long long)++sub->at);
}

static uint64_t
position(const struct wire_cursor *c)
{
	return c->n == 1 ? c->at[0].n : 0;
}

static struct fake_sub *
open_sub(struct broker *b, const struct wire_request *r)
{
	struct fake_sub *sub = &b->sub[r->sub % SUBS];

	if (r->filters.kind == JSON_NONE)
		return sub;
	*sub = (struct fake_sub){ .k = r->sub };
	sub->at = r->start == WIRE_FROM_NOW ? EVENTS : position(&r->cursor);
	if (r->name.kind != JSON_NONE) {
		if (!b->has_durable)
			b->durable = sub->at;
		b->has_durable = 1;
		sub->at = b->durable;
	}
	sub->has_until = r->has_until;
	sub->until = r->has_until ? position(&r->until) : EVENTS;
	sub->count = r->count > 0 ? (uint64_t)r->count : UINT64_MAX;
	return sub;
}

static void
fetch(struct broker *b, const struct wire_request *r, struct buf *out)
{
	struct fake_sub *sub = open_sub(b, r);
	uint64_t n = sub->until > sub->at ? sub->until - sub->at : 0;
	struct buf lines = { 0 };

	if (sub->at < b->m.gone) {
		sub->at = b->m.gone;
		buf_addf(out,
		    "{\"ok\":false,\"error\":\"gone\",\"lost\":%llu,"
		    "\"part\":%llu,\"cursor\":{\"F.1\":%llu}}\n",
		    (unsigned long long)b->m.gone_lost,
		    (unsigned long long)++sub->part,
		    (unsigned long long)b->m.gone);
		return;
	}
	if (n > b->m.per)
		n = b->m.per;
	if (n > sub->count)
		n = sub->count;
	if (b->m.cut_at > sub->at && b->m.cut_at <= sub->at + n)
		b->cut = 1;
	add_lines(&lines, sub, n);
	buf_addf(out, "{\"ok\":true,\"n\":%llu", (unsigned long long)n);
	if (r->sub != 0 && !b->m.no_part)
		buf_addf(
		    out, ",\"part\":%llu", (unsigned long long)++sub->part);
	if (!b->m.no_cursor)
		buf_addf(out, ",\"cursor\":{\"F.1\":%llu}",
		    (unsigned long long)sub->at);
	if (sub->has_until && sub->at >= sub->until)
		buf_adds(out, ",\"end\":true");
	buf_adds(out, "}\n");
	buf_add(out, lines.p, lines.len);
	buf_fini(&lines);
}

static void
last(const struct wire_request *r, struct buf *out)
{
	if (r->next == 0)
		buf_adds(out,
		    "{\"ok\":true,\"n\":1,\"next\":1,"
		    "\"cursor\":{\"F.1\":990}}\n{\"n\":989}\n");
	else
		buf_adds(out,
		    "{\"ok\":true,\"n\":1,\"end\":true}\n"
		    "{\"n\":990}\n");
}

static void
answer(struct broker *b, const struct wire_request *r, struct buf *out)
{
	switch (r->op) {
	case WIRE_HELLO:
		buf_adds(out, "{\"ok\":true,\"sg\":1,\"name\":\"F\"}\n");
		return;
	case WIRE_SEEK:
		buf_addf(out, "{\"ok\":true,\"cursor\":{\"F.1\":%d}}\n",
		    r->start == WIRE_FROM_NOW ? EVENTS : 0);
		return;
	case WIRE_COMMIT:
		b->commits++;
		b->durable = position(&r->cursor);
		b->has_durable = 1;
		buf_adds(out, "{\"ok\":true}\n");
		return;
	case WIRE_LAST: last(r, out); return;
	case WIRE_FETCH_OP: break;
	default: buf_adds(out, "{\"ok\":false,\"error\":\"bad\"}\n"); return;
	}
	if (b->m.deny)
		buf_adds(out,
		    "{\"ok\":false,\"error\":\"denied\","
		    "\"why\":\"not yours\"}\n");
	else if (r->name.kind != JSON_NONE && b->m.busy > 0 && b->m.busy--)
		buf_adds(out, "{\"ok\":false,\"error\":\"busy\"}\n");
	else
		fetch(b, r, out);
}

static void
send_reply(struct broker *b, const struct front_route *route,
    const struct buf *out, int hold)
{
	struct blob *blob = blob_new(out->len);
	struct front_piece piece = { blob, blob->p, out->len };

	memcpy(blob->p, out->p, out->len);
	blob->len = out->len;
	if (hold && !b->holds) {
		b->holds = 1;
		b->held = piece;
		b->held_route = *route;
		return;
	}
	front_reply(b->front, route, &piece, 1);
	if (b->holds)
		front_reply(b->front, &b->held_route, &b->held, 1);
	b->holds = 0;
}

static void
on_request(struct broker *b, const struct front_event *event)
{
	struct wire_request r = { .op = WIRE_NONE };
	struct buf out = { 0 };
	const char *why;
	int more;

	if (wire_request_parse(&r, event->body->p, event->body->len, &why) != 0)
		buf_adds(&out, "{\"ok\":false,\"error\":\"bad\"}\n");
	else
		answer(b, &r, &out);
	more =
	    r.op == WIRE_FETCH_OP && r.sub != 0 && r.filters.kind == JSON_NONE;
	if (b->cut) {
		b->cut = 0;
		b->m.cut_at = 0;
		front_cut(b->front, event->route.conn, "as asked for");
	} else {
		send_reply(b, &event->route, &out, b->m.swap && more);
	}
	blob_unref(event->body);
	buf_fini(&out);
}

static void *
serve(void *arg)
{
	struct broker *b = arg;
	struct front_event event;

	while (front_next(b->front, &event, INT64_MAX) == 0) {
		if (event.kind == FRONT_READABLE)
			break;
		if (event.kind == FRONT_REQUEST)
			on_request(b, &event);
		if (event.kind == FRONT_CLOSED && b->holds) {
			blob_unref(b->held.blob);
			b->holds = 0;
		}
	}
	front_free(b->front);
	return NULL;
}

static void
start(struct broker *b, const struct manner *m, const char *dir, int number)
{
	static const struct front_limits limits = { .message = 1 << 21,
		.connections = 16,
		.requests = 64,
		.memory = 1 << 24,
		.greeting = 5 * DATE_SECOND,
		.message_time = 5 * DATE_SECOND,
		.write_time = 5 * DATE_SECOND };
	const char *why = "";

	memset(b, 0, sizeof(*b));
	b->m = *m;
	b->stop = eventfd(0, EFD_CLOEXEC);
	snprintf(b->url, sizeof(b->url), "ipc://%s/%d", dir, number);
	b->front = front_new(&limits);
	if (front_listen(b->front, b->url, &why) != 0 ||
	    front_watch(b->front, b->stop) != 0 ||
	    pthread_create(&b->thread, NULL, serve, b) != 0) {
		printf("test_reader: no broker at %s: %s\n", b->url, why);
		exit(1);
	}
}

static void
stop(struct broker *b)
{
	const uint64_t one = 1;

	if (write(b->stop, &one, sizeof(one)) < 0)
		exit(1);
	pthread_join(b->thread, NULL);
	close(b->stop);
	if (b->holds)
		blob_unref(b->held.blob);
}

static const char *const filters[] = { "#" };

static const struct {
	const char *what;
	struct manner m;
	const char *name;
	enum wire_from start;
	int to_end, skip_gone;
	uint64_t limit;
	int status;	   /* of the failure, 0: none */
	uint64_t from, to; /* numbers that come */
	uint64_t lost;
} cases[] = {
	{ "all in one answer", { .per = 2000 }, NULL, WIRE_FROM_BEGIN, 1, 0, 0,
	    0, 1, 1000, 0 },
	{ "in many answers", { .per = 7 }, NULL, WIRE_FROM_BEGIN, 1, 0, 0, 0, 1,
	    1000, 0 },
	{ "answers overtake each other", { .per = 9, .swap = 1 }, NULL,
	    WIRE_FROM_BEGIN, 1, 0, 0, 0, 1, 1000, 0 },
	{ "the connection breaks", { .per = 10, .cut_at = 555 }, NULL,
	    WIRE_FROM_BEGIN, 1, 0, 0, 0, 1, 1000, 0 },
	{ "the connection breaks at the first event",
	    { .per = 10, .cut_at = 1 }, NULL, WIRE_FROM_BEGIN, 1, 0, 0, 0, 1,
	    1000, 0 },
	{ "it breaks below a durable cursor", { .per = 10, .cut_at = 555 },
	    "job", WIRE_FROM_BEGIN, 1, 0, 0, 0, 1, 1000, 0 },
	{ "answers of a limited size", { .per = 100 }, NULL, WIRE_FROM_BEGIN, 1,
	    0, 13, 0, 1, 1000, 0 },
	{ "nothing after the end", { .per = 10 }, NULL, WIRE_FROM_NOW, 1, 0, 0,
	    0, 1, 0, 0 },
	{ "the cursor is busy at first", { .per = 100, .busy = 2 }, "job",
	    WIRE_FROM_BEGIN, 1, 0, 0, 0, 1, 1000, 0 },
	{ "the cursor is busy", { .per = 100, .busy = 1000 }, "job",
	    WIRE_FROM_BEGIN, 1, 0, 0, EXIT_UNAVAILABLE, 1, 0, 0 },
	{ "denied", { .per = 100, .deny = 1 }, NULL, WIRE_FROM_BEGIN, 1, 0, 0,
	    EXIT_DENIED, 1, 0, 0 },
	{ "denied by name", { .per = 100, .deny = 1 }, "job", WIRE_FROM_BEGIN,
	    1, 0, 0, EXIT_DENIED, 1, 0, 0 },
	{ "gone", { .per = 100, .gone = 300, .gone_lost = 300 }, NULL,
	    WIRE_FROM_BEGIN, 1, 0, 0, EXIT_NOINPUT, 1, 0, 0 },
	{ "gone and skipped", { .per = 100, .gone = 300, .gone_lost = 300 },
	    NULL, WIRE_FROM_BEGIN, 1, 1, 0, 0, 301, 1000, 300 },
	{ "gone by name", { .per = 100, .gone = 300, .gone_lost = 300 }, "job",
	    WIRE_FROM_BEGIN, 1, 0, 0, EXIT_NOINPUT, 1, 0, 0 },
	{ "gone by name and skipped",
	    { .per = 100, .gone = 300, .gone_lost = 300 }, "job",
	    WIRE_FROM_BEGIN, 1, 1, 0, 0, 301, 1000, 300 },
	{ "gone, but nothing lost", { .per = 100, .gone = 300 }, NULL,
	    WIRE_FROM_BEGIN, 1, 0, 0, 0, 301, 1000, 0 },
	{ "an answer without a cursor", { .per = 100, .no_cursor = 1 }, NULL,
	    WIRE_FROM_BEGIN, 1, 0, 0, EXIT_PROTOCOL, 1, 0, 0 },
	{ "an answer out of order", { .per = 100, .no_part = 1 }, NULL,
	    WIRE_FROM_BEGIN, 1, 0, 0, EXIT_PROTOCOL, 1, 0, 0 },
};

/* Check that the batch goes on from *number; -1 if not. */
static int
check_batch(const struct reader_batch *batch, uint64_t *number)
{
	struct buf want = { 0 };
	int same;

	for (uint64_t i = 0; i < batch->n; i++)
		buf_addf(
		    &want, "{\"n\":%llu}\n", (unsigned long long)++*number);
	same = want.len == batch->len &&
	    memcmp(buf_cstr(&want), batch->lines, want.len) == 0;
	buf_fini(&want);
	return same ? 0 : -1;
}

static void
run_case(size_t i, const char *dir)
{
	struct broker b;
	struct reader_options o = { .client.retry = DATE_SECOND / 2,
		.filters = filters,
		.nfilters = 1,
		.name = cases[i].name,
		.start = cases[i].start,
		.to_end = cases[i].to_end,
		.skip_gone = cases[i].skip_gone };
	struct reader_batch batch;
	enum reader_result got = READER_LINES;
	const char *why;
	int status = 0, order = 0;
	uint64_t number = cases[i].from - 1, lost = 0;
	struct reader *r;

	start(&b, &cases[i].m, dir, (int)i);
	o.client.urls = b.url;
	r = reader_open(&o, &status, &why);
	while (r != NULL && got == READER_LINES) {
		reader_limit(r, cases[i].limit);
		got = reader_next(r, &batch, date_mono() + 5 * DATE_SECOND);
		lost += reader_lost(r);
		if (got == READER_FAILED)
			status = reader_status(r);
		if (got != READER_LINES)
			break;
		order |= check_batch(&batch, &number);
		order |= cases[i].limit > 0 && batch.n > cases[i].limit;
		if (o.name != NULL)
			reader_commit(r, reader_position(r));
	}
	if (r != NULL && got == READER_END && o.name != NULL)
		order |= reader_sync(r, date_mono() + 5 * DATE_SECOND) !=
			READER_END ||
		    b.durable != cases[i].to;
	check(status == cases[i].status && order == 0 &&
		number == (cases[i].to > 0 ? cases[i].to : cases[i].from - 1) &&
		lost == cases[i].lost && got != READER_NONE,
	    "%s", cases[i].what);
	reader_close(r);
	stop(&b);
}

/* Cutting a batch, committing there, taking up again by name. */
static void
test_cut(const char *dir)
{
	const struct manner m = { .per = 10 };
	struct reader_options o = { .client.retry = DATE_SECOND,
		.filters = filters,
		.nfilters = 1,
		.name = "job",
		.start = WIRE_FROM_BEGIN };
	struct reader_batch batch;
	struct broker b;
	const char *why;
	int status;
	uint64_t number = 0;
	struct reader *r;

	start(&b, &m, dir, 100);
	o.client.urls = b.url;
	r = reader_open(&o, &status, &why);
	check(r != NULL && b.has_durable && b.durable == 0,
	    "a new durable cursor is made at the start");
	if (r == NULL)
		exit(1);
	for (int i = 0; i < 3; i++)
		reader_next(r, &batch, INT64_MAX);
	check(reader_cut(r, 4) == READER_LINES &&
		position(reader_position(r)) == 24,
	    "a cut stands behind its last line");
	number = 24;
	check(reader_next(r, &batch, INT64_MAX) == READER_LINES &&
		check_batch(&batch, &number) == 0,
	    "the batch after a cut goes on there");
	check(reader_cut(r, 0) == READER_LINES &&
		position(reader_position(r)) == 24,
	    "a cut may leave nothing");
	b.commits = 0;
	for (int i = 0; i < 100; i++)
		reader_commit(r,
		    &(struct wire_cursor){ .at = { { "F", 1, 24 } }, .n = 1 });
	check(reader_sync(r, date_mono() + 5 * DATE_SECOND) == READER_END &&
		b.durable == 24 && b.commits == 1,
	    "commits that follow each other closely are one");
	reader_close(r);
	o.start = WIRE_FROM_NOW;
	r = reader_open(&o, &status, &why);
	number = 24;
	check(r != NULL && reader_next(r, &batch, INT64_MAX) == READER_LINES &&
		check_batch(&batch, &number) == 0,
	    "a durable cursor goes on where it was committed");
	reader_close(r);
	stop(&b);
}

static void
test_last(const char *dir)
{
	const struct manner m = { .per = 10 };
	struct reader_options o = { .client.retry = DATE_SECOND,
		.filters = filters,
		.nfilters = 1,
		.start = WIRE_FROM_NOW };
	struct reader_batch batch;
	struct broker b;
	const char *why;
	int status;
	uint64_t number = 988;
	struct reader *r;

	start(&b, &m, dir, 101);
	o.client.urls = b.url;
	r = reader_open(&o, &status, &why);
	if (r == NULL)
		exit(1);
	check(reader_last(r, &batch) == READER_LINES &&
		check_batch(&batch, &number) == 0 &&
		reader_last(r, &batch) == READER_LINES &&
		check_batch(&batch, &number) == 0 &&
		reader_last(r, &batch) == READER_END,
	    "last values, page by page");
	check(reader_next(r, &batch, INT64_MAX) == READER_LINES &&
		check_batch(&batch, &number) == 0 && number == 1000,
	    "and what came after them, without a gap");
	reader_close(r);
	stop(&b);
}

int
main(void)
{
	char dir[] = "/tmp/sgr.XXXXXX";

	if (mkdtemp(dir) == NULL)
		return 1;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		run_case(i, dir);
	test_cut(dir);
	test_last(dir);
	rmdir(dir);
	return check_done();
}

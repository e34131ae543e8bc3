/*
 * Consumers: they fetch with "ids" and drop what they have had.  The last one
 * has a durable cursor and is started anew now and then, with what it had
 * saved when it committed.
 */
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "bus/seen.h"
#include "sim.h"

enum { FLIGHT = 2, COMMIT_TAG = 1, DURABLE = CONSUMERS - 1, SEEN = 64 };

static struct consumer {
	struct front_conn *conn;
	int x;
	struct wire_cursor cursor;
	int begun; /* cursor is one */
	struct seen *seen;
	uint64_t last[PRODUCERS]; /* given out */
	int flight, committing;
	int moved; /* since the last commit */
	uint64_t tag, part;
	int64_t heard;
	struct { /* by the durable one, before it commits */
		uint64_t last[PRODUCERS];
		struct seen_entry seen[SEEN];
		size_t n;
	} saved;
	struct buf text;
} consumers[CONSUMERS];

void
consumers_reset(void)
{
	int i;

	consumers_free();
	for (i = 0; i < CONSUMERS; i++) {
		consumers[i].x = (int)sim_random(BROKERS);
		consumers[i].seen = seen_new(SEEN);
		consumers[i].tag = COMMIT_TAG;
	}
}

void
consumers_free(void)
{
	int i;

	for (i = 0; i < CONSUMERS; i++) {
		seen_free(consumers[i].seen);
		buf_fini(&consumers[i].text);
		memset(&consumers[i], 0, sizeof consumers[i]);
	}
}

int
consumer_done(int i)
{
	int p;

	for (p = 0; p < PRODUCERS; p++) {
		uint64_t q = producer_last(p);

		while (q > 0 && ledger_refused(p, q))
			q--;
		if (consumers[i].last[p] < q)
			return 0;
	}
	return 1;
}

/* What the durable one had when it committed: it may go back there. */
int
consumers_had(const char *from, uint64_t chan, uint64_t number)
{
	int p = ledger_producer(from, chan), i;
	uint64_t q = number;

	if (p < 0)
		return 1;
	while (q > 0 && ledger_refused(p, q))
		q--;
	for (i = 0; i < CONSUMERS; i++)
		if (consumers[i].last[p] < q ||
		    (i == DURABLE && consumers[i].saved.last[p] < q))
			return 0;
	return 1;
}

static void
leave(int i, const char *why, int other)
{
	struct consumer *c = &consumers[i];

	sim_trace("c%d leaves %s: %s", i, world.broker[c->x].name, why);
	if (c->conn != NULL)
		net_close(c->conn);
	c->conn = NULL;
	c->flight = c->committing = 0;
	if (other)
		c->x = 1 - c->x;
}

static void
trace_cursor(int i, const char *what)
{
	struct buf b = { 0 };

	if (world.tracing) {
		wire_cursor_add(&b, &consumers[i].cursor);
		sim_trace("c%d %s %s", i, what,
		    consumers[i].begun ? buf_cstr(&b) : "begin");
		buf_fini(&b);
	}
}

static void
fetch(int i, int opening)
{
	static const char *const all[] = { "#" };
	static const char *const some[] = { "MEASUREMENT/#" };
	struct consumer *c = &consumers[i];
	struct wire_fetch f = { .sub = 1, .wait = DATE_SECOND };

	if (opening) {
		f.filters = i == 1 ? some : all;
		f.nfilters = 1;
		f.start = c->begun ? WIRE_FROM_CURSOR : WIRE_FROM_BEGIN;
		f.cursor = c->cursor;
		f.ids = 1;
		f.count = i == 1 ? 3 : 0;
		f.max = i == 0 ? 700 : 0;
		if (i == DURABLE) {
			f.name = "nightly";
			f.start = WIRE_FROM_BEGIN;
		}
		c->part = 0;
	}
	buf_clear(&c->text);
	wire_fetch(&c->text, &f);
	net_send(c->conn, ++c->tag, &c->text);
	if (c->flight++ == 0)
		c->heard = world.time;
}

static void
dial(int i)
{
	struct consumer *c = &consumers[i];

	c->conn = net_dial(CONSUMER + i, c->x);
	if (c->conn == NULL) {
		c->x = 1 - c->x;
		return;
	}
	c->heard = world.time;
	sim_trace("c%d connects to %s", i, world.broker[c->x].name);
	trace_cursor(i, "goes on at");
	fetch(i, 1);
}

/* An event is given out: is it the next of its producer? */
static void
give_out(int i, int p, uint64_t q)
{
	struct consumer *c = &consumers[i];
	uint64_t k;

	if (q <= c->last[p]) {
		sim_violation(q == c->last[p] ? "duplicate" : "reorder",
		    "c%d gets p%d:%d after %d", i, p, (int)q, (int)c->last[p]);
		return;
	}
	for (k = c->last[p] + 1; k < q; k++)
		if (!ledger_refused(p, k)) {
			sim_violation("gap", "c%d gets p%d:%d after %d", i, p,
			    (int)q, (int)c->last[p]);
			return;
		}
	c->last[p] = q;
}

struct run {
	uint64_t n, pos, chan, first;
	const char *from, *log;
	size_t from_n, log_n;
};

static int
parse_run(const struct json_value *v, struct run *run)
{
	struct json_walk w;
	struct json_value name, e;
	int k;

	memset(run, 0, sizeof *run);
	json_walk(&w, v);
	for (k = 0; json_next(&w, &name, &e); k++)
		switch (k) {
		case 0: run->n = strtoull(e.p, NULL, 10); break;
		case 2: run->from = e.p, run->from_n = e.n; break;
		case 3: run->log = e.p, run->log_n = e.n; break;
		case 4: run->pos = strtoull(e.p, NULL, 10); break;
		case 5: run->chan = strtoull(e.p, NULL, 16); break;
		case 6: run->first = strtoull(e.p, NULL, 10); break;
		default: break;
		}
	return k >= 7 ? 0 : -1;
}

/* The lines of one run, of which the first skip are repeats. */
static const char *
take_lines(int i, const struct run *run, uint64_t skip, const char *line,
    const char *end)
{
	const char *lf;
	uint64_t k, q;
	int p;

	for (k = 0; k < run->n && line < end; k++, line = lf + 1) {
		lf = memchr(line, '\n', (size_t)(end - line));
		if (lf == NULL)
			return NULL;
		if (ledger_parse(line, (size_t)(lf - line), &p, &q) != 1)
			continue;
		if (run->first + k != q || run->chan != ledger_chan(p) ||
		    run->from[1] != '0' + p)
			sim_violation("wrong id",
			    "c%d: p%d:%d is said to be %d", i, p, (int)q,
			    (int)(run->first + k));
		if (k >= skip)
			give_out(i, p, q);
	}
	return k == run->n ? line : NULL;
}

static void
take_answer(int i, const struct wire_reply *r)
{
	struct consumer *c = &consumers[i];
	const char *line = r->lines, *end = r->lines + r->lines_len;
	struct json_value name, v;
	struct json_walk w;
	struct run run;
	uint64_t skip;

	if (r->part != ++c->part)
		sim_violation("bad answer", "c%d: part %d, not %d", i,
		    (int)r->part, (int)c->part);
	json_walk(&w, &r->meta);
	while (line != NULL && r->n != 0 && json_next(&w, &name, &v)) {
		if (parse_run(&v, &run) != 0) {
			line = NULL;
			break;
		}
		skip = run.first == 0 || world.mutant == MUTANT_NO_SEEN
		    ? 0
		    : seen_take(c->seen, run.from, run.from_n, run.chan,
			  run.first, run.n);
		sim_trace("%s -> c%d: %.*s %d+%d = %.*s:%d, %d repeats",
		    world.broker[c->x].name, i, (int)run.log_n, run.log,
		    (int)run.pos, (int)run.n, (int)run.from_n, run.from,
		    (int)run.first, (int)skip);
		line = take_lines(i, &run, skip, line, end);
	}
	if (line != end)
		sim_violation("bad answer", "c%d: meta and lines differ", i);
	c->cursor = r->cursor;
	c->begun = 1;
	c->moved |= r->n != 0;
}

static void
answered(int i, const struct wire_reply *r)
{
	struct consumer *c = &consumers[i];

	c->flight--;
	if (r->ok) {
		take_answer(i, r);
		return;
	}
	trace_cursor(i, "is at");
	if (strcmp(r->error, "gone") == 0 && world.disks & DISK_RETAIN) {
		c->cursor = r->cursor;
		c->part++;
		return;
	}
	if (strcmp(r->error, "bad") == 0 || strcmp(r->error, "gone") == 0)
		sim_violation("reader refused", "c%d at %s: %s %.*s", i,
		    world.broker[c->x].name, r->error, (int)r->why.n, r->why.p);
	leave(i, r->error, 1);
}

static void
receive(int i)
{
	struct consumer *c = &consumers[i];
	struct wire_reply r;
	const char *why;
	uint64_t tag;
	int got;

	while (c->conn != NULL) {
		buf_clear(&c->text);
		got = net_receive(c->conn, &tag, &c->text);
		if (got < 0)
			leave(i, "reset", sim_chance(500));
		if (got <= 0)
			return;
		c->heard = world.time;
		if (wire_reply_parse(&r, c->text.p, c->text.len, &why) != 0)
			sim_violation("bad answer", "c%d: %s", i, why);
		else if (tag == COMMIT_TAG)
			c->committing = 0; /* or another one's */
		else
			answered(i, &r);
	}
}

static void
commit(int i)
{
	struct consumer *c = &consumers[i];

	memcpy(c->saved.last, c->last, sizeof c->last);
	c->saved.n = seen_export(c->seen, c->saved.seen, SEEN);
	trace_cursor(i, "commits");
	buf_clear(&c->text);
	wire_commit(&c->text, "nightly", &c->cursor);
	net_send(c->conn, COMMIT_TAG, &c->text);
	c->committing = 1;
	c->moved = 0;
}

/* A cursor that nobody reads with comes and goes. */
static void
play(int i)
{
	struct consumer *c = &consumers[i];
	const int gone = sim_chance(500);

	sim_trace("c%d %s another cursor", i, gone ? "deletes" : "moves");
	buf_clear(&c->text);
	wire_commit(&c->text, "temporary", gone ? NULL : &c->cursor);
	net_send(c->conn, COMMIT_TAG, &c->text);
}

static void
restart(int i)
{
	struct consumer *c = &consumers[i];

	leave(i, "starts anew", sim_chance(300));
	memcpy(c->last, c->saved.last, sizeof c->last);
	seen_free(c->seen);
	c->seen = seen_new(SEEN);
	seen_import(c->seen, c->saved.seen, c->saved.n);
	c->begun = c->moved = 0;
}

void
consumer_step(int i)
{
	struct consumer *c = &consumers[i];

	receive(i);
	if (c->conn != NULL && c->flight != 0 &&
	    c->heard + 2 * DATE_SECOND < world.time)
		leave(i, "silent", 1);
	if (!world.healing && c->conn != NULL && sim_chance(30))
		leave(i, "wants to", 1);
	if (!world.healing && i == DURABLE && sim_chance(20))
		restart(i);
	if (c->conn == NULL)
		dial(i);
	if (c->conn == NULL)
		return;
	if (i == DURABLE && c->moved && !c->committing && sim_chance(100))
		commit(i);
	if (!world.healing && c->begun && sim_chance(20))
		play(i);
	if (c->flight < FLIGHT && sim_chance(700))
		fetch(i, 0);
}

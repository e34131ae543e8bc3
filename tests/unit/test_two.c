/*
 * The reader against two brokers in the same process that hold each other's
 * logs, more or less.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/date.h"
#include "base/die.h"
#include "bus/reader.h"
#include "check.h"
#include "fake_broker.h"

enum { SUBS = 4, MANY = 64 };

/* An event: number n of channel chan, at pos of the log of broker name. */
struct held {
	const char *name;
	uint64_t pos, chan, n;
};

struct side {
	const char *name;
	const struct held *held; /* in the order in which they are read */
	size_t count, per;	 /* per: in an answer */
	int behind, mute;	 /* mute: no answer once all is read */
	int opens, leases, seeks;

	struct fake_broker fake;
	struct wire_cursor at[SUBS], until, committed;
	int has_until, ids, commits;
	uint64_t part[SUBS];
};

static uint64_t *
entry(struct wire_cursor *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->at[i].name, name) == 0)
			return &c->at[i].n;
	c->at[c->n] = (struct wire_position){ .start = 1 };
	snprintf(c->at[c->n].name, sizeof c->at[0].name, "%s", name);
	return &c->at[c->n++].n;
}

/* What is to be read next, or NULL. */
static const struct held *
next_held(struct side *s, struct wire_cursor *at)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct held *h = &s->held[i];
		if (h->pos <= *entry(at, h->name))
			continue;
		if (!s->has_until || h->pos <= *entry(&s->until, h->name))
			return h;
	}
	return NULL;
}

/* As a broker does, which waits for what it does not have. */
static int
ended(struct side *s, struct wire_cursor *at)
{
	if (!s->has_until)
		return 0;
	for (size_t i = 0; i < s->until.n; i++)
		if (*entry(at, s->until.at[i].name) < s->until.at[i].n)
			return 0;
	return 1;
}

static void
add_batch(struct side *s, int k, uint64_t count, struct buf *reply)
{
	struct buf lines = { 0 }, meta = { 0 };
	const struct held *h = NULL;
	uint64_t n = 0;

	while (n < s->per && (count == 0 || n < count) &&
	    (h = next_held(s, &s->at[k])) != NULL) {
		n++;
		*entry(&s->at[k], h->name) = h->pos;
		buf_addf(&lines, "%llu.%llu\n", (unsigned long long)h->chan,
		    (unsigned long long)h->n);
		buf_addf(&meta,
		    "%s[1,1.5,\"me\",\"%s.1\",%llu,\"%016llx\",%llu]",
		    n > 1 ? "," : "", h->name, (unsigned long long)h->pos,
		    (unsigned long long)h->chan, (unsigned long long)h->n);
	}
	buf_addf(reply, "{\"ok\":true,\"part\":%llu,\"n\":%llu,\"cursor\":",
	    (unsigned long long)++s->part[k], (unsigned long long)n);
	wire_cursor_add(reply, &s->at[k]);
	if (ended(s, &s->at[k]))
		buf_adds(reply, ",\"end\":true");
	if (s->ids)
		buf_addf(reply, ",\"meta\":[%s]", buf_cstr(&meta));
	buf_adds(reply, "}\n");
	buf_add(reply, lines.p, lines.len);
	buf_fini(&lines);
	buf_fini(&meta);
}

static enum fake_deed
answer_fetch(struct side *s, const struct wire_request *r, struct buf *reply)
{
	int k = (int)(r->sub % SUBS);

	if (s->behind) {
		buf_adds(reply, "{\"ok\":false,\"error\":\"behind\"}\n");
		return FAKE_REPLY;
	}
	if (r->name.kind != JSON_NONE) {
		s->leases++;
		buf_adds(reply, "{\"ok\":true,\"part\":1,\"n\":0,\"cursor\":");
		wire_cursor_add(reply, &s->committed);
		buf_adds(reply, "}\n");
		return FAKE_REPLY;
	}
	if (r->filters.kind != JSON_NONE) {
		s->opens++;
		s->at[k] = r->cursor;
		s->part[k] = 0;
		s->until = r->until;
		s->has_until = r->has_until;
		s->ids = r->ids;
	}
	if (next_held(s, &s->at[k]) == NULL && s->mute && !ended(s, &s->at[k]))
		return FAKE_SILENT;
	add_batch(s, k, (uint64_t)r->count, reply);
	return FAKE_REPLY;
}

static void
answer_seek(struct side *s, struct buf *reply)
{
	struct wire_cursor end = { .n = 0 };

	s->seeks++;
	for (size_t i = 0; i < s->count; i++)
		if (*entry(&end, s->held[i].name) < s->held[i].pos)
			*entry(&end, s->held[i].name) = s->held[i].pos;
	buf_adds(reply, "{\"ok\":true,\"cursor\":");
	wire_cursor_add(reply, &end);
	buf_adds(reply, "}\n");
}

static enum fake_deed
answer(void *ctx, const char *p, size_t n, struct buf *reply)
{
	struct side *s = ctx;
	struct wire_request r;
	const char *why;

	if (wire_request_parse(&r, p, n, &why) < 0)
		return FAKE_CUT;
	switch (r.op) {
	case WIRE_FETCH_OP: return answer_fetch(s, &r, reply);
	case WIRE_SEEK: answer_seek(s, reply); break;
	case WIRE_COMMIT:
		s->commits++;
		s->committed = r.cursor;
		buf_adds(reply, "{\"ok\":true}\n");
		break;
	default: buf_addf(reply, "{\"ok\":true,\"name\":\"%s\"}\n", s->name);
	}
	return FAKE_REPLY;
}

struct run {
	struct side a, b;
	char urls[2][64], both[130];
	struct reader_options o;
	struct reader *r;
	struct buf got; /* lines so far, each with a space */
};

static const char *const filters[] = { "#" };

static void
start(struct side *s, const char *name, const char *url)
{
	s->name = name;
	if (s->per == 0)
		s->per = MANY;
	fake_listen(&s->fake, url);
	fake_serve(&s->fake, answer, s);
}

static void
run_open(struct run *x, const char *dir)
{
	const char *why;
	int status;

	for (int i = 0; i < 2; i++)
		snprintf(
		    x->urls[i], sizeof x->urls[i], "ipc://%s/%c", dir, 'a' + i);
	snprintf(x->both, sizeof x->both, "%s,%s", x->urls[0], x->urls[1]);
	start(&x->a, "A", x->urls[0]);
	start(&x->b, "B", x->urls[1]);
	x->o.client = (struct client_config){
		.urls = x->both, .insecure = 1, .retry = 10 * DATE_SECOND
	};
	x->o.filters = filters;
	x->o.nfilters = 1;
	x->o.start = WIRE_FROM_CURSOR;
	x->r = reader_open(&x->o, &status, &why);
	if (x->r == NULL) {
		printf("no reader: %s\n", why);
		exit(1);
	}
}

static void
run_close(struct run *x)
{
	reader_close(x->r);
	if (x->a.fake.front != NULL)
		fake_stop(&x->a.fake);
	if (x->b.fake.front != NULL)
		fake_stop(&x->b.fake);
	buf_fini(&x->got);
}

/* One batch: its lines, or -1 for another result. */
static int64_t
step(struct run *x)
{
	struct reader_batch b;

	if (reader_next(x->r, &b, date_mono() + 20 * DATE_SECOND) !=
	    READER_LINES)
		return -1;
	for (size_t i = 0; i < b.len; i++)
		buf_addc(&x->got, b.lines[i] == '\n' ? ' ' : b.lines[i]);
	return (int64_t)b.n;
}

static void
check_got(struct run *x, const char *want, const char *why)
{
	check(strcmp(buf_cstr(&x->got), want) == 0, "%s: %s", why,
	    buf_cstr(&x->got));
}

/*
 * Its publisher has sent 7.3 and 7.4 to A, of which B got 7.3 only, and then
 * 7.3 to 7.6 to B.
 */
static const struct held at_a[] = { { "A", 1, 7, 1 }, { "A", 2, 7, 2 },
	{ "A", 3, 7, 3 }, { "A", 4, 7, 4 } };
static const struct held at_b[] = { { "A", 1, 7, 1 }, { "A", 2, 7, 2 },
	{ "A", 3, 7, 3 }, { "B", 1, 7, 3 }, { "B", 2, 7, 4 }, { "B", 3, 7, 5 },
	{ "A", 4, 7, 4 }, { "B", 4, 7, 6 } };

enum { AT_A = sizeof at_a / sizeof *at_a, AT_B = sizeof at_b / sizeof *at_b };

static void
test_once(const char *dir)
{
	struct run x = { .a = { .held = at_a, .count = AT_A, .mute = 1 },
		.b = { .held = at_b, .count = AT_B, .mute = 1 } };

	run_open(&x, dir);
	check(step(&x) == 4, "the first broker's");
	fake_stop(&x.a.fake);
	check(step(&x) == 2, "what is new at the second");
	check_got(&x, "7.1 7.2 7.3 7.4 7.5 7.6 ", "each once");
	check(x.b.ids, "asked for the numbers");
	run_close(&x);
}

/* A position in two logs, and what was seen before. */
static void
test_resume(const char *dir)
{
	const struct seen_entry seen = { 0, 7, 5 };
	struct seen_entry mine;
	struct seen *s = seen_new(1);
	struct run x = { .a = { .held = at_b, .count = AT_B, .mute = 1 },
		.b = { .held = at_b, .count = AT_B, .mute = 1 } };

	seen_take(s, "me", 2, 7, 1, seen.number);
	seen_export(s, &mine, 1);
	seen_free(s);
	x.o.seen = &mine;
	x.o.nseen = 1;
	x.o.cursor =
	    (struct wire_cursor){ .at = { { "A", 1, 3 }, { "B", 1, 3 } },
		    .n = 2 };
	run_open(&x, dir);
	check(step(&x) == 1, "what was neither passed nor seen");
	check_got(&x, "7.6 ", "resumed");
	run_close(&x);
}

/* A batch is cut behind lines of two logs, the rest comes again. */
static void
test_cut(const char *dir)
{
	struct run x = { .a = { .held = at_b, .count = AT_B, .mute = 1 },
		.b = { .held = at_b, .count = AT_B, .mute = 1 } };
	const struct wire_cursor want = {
		.at = { { "B", 1, 2 }, { "A", 1, 3 } }, .n = 2
	};

	run_open(&x, dir);
	check(step(&x) == 6, "all of it");
	check(reader_cut(x.r, 4) == READER_LINES &&
		wire_cursor_same(reader_position(x.r), &want),
	    "cut: the position");
	buf_clear(&x.got);
	check(step(&x) == 2, "cut: the rest");
	check_got(&x, "7.5 7.6 ", "cut");
	run_close(&x);
}

static void
test_behind(const char *dir)
{
	struct run x = { .a = { .held = at_a, .count = AT_A, .per = 2 },
		.b = { .held = at_b, .count = AT_B, .mute = 1 } };

	run_open(&x, dir);
	check(step(&x) == 2, "two of the first broker");
	x.a.behind = 1;
	while (x.b.opens == 0 && step(&x) >= 0)
		;
	while (strstr(buf_cstr(&x.got), "7.6 ") == NULL && step(&x) >= 0)
		;
	check_got(&x, "7.1 7.2 7.3 7.4 7.5 7.6 ", "the other has the rest");
	run_close(&x);
}

/* To the end as at the start, of which the second broker lacks the last. */
static void
test_end(const char *dir)
{
	struct run x = { .a = { .held = at_a, .count = AT_A, .per = 1 },
		.b = { .held = at_b, .count = 3, .mute = 1 },
		.o = { .to_end = 1 } };
	struct reader_batch b;

	run_open(&x, dir);
	check(step(&x) == 1, "one of the first broker");
	fake_stop(&x.a.fake);
	while (step(&x) >= 0)
		;
	check_got(&x, "7.1 7.2 7.3 ", "what there is of it");
	check(reader_next(x.r, &b, date_mono() + DATE_SECOND) == READER_END,
	    "the end");
	check(x.b.seeks == 1, "looked for the end there");
	run_close(&x);
}

/* What B was given alone is behind the end. */
static void
test_end_beyond(const char *dir)
{
	struct run x = { .a = { .held = at_a, .count = AT_A, .per = 1 },
		.b = { .held = at_b, .count = AT_B },
		.o = { .to_end = 1 } };

	run_open(&x, dir);
	check(step(&x) == 1, "one of the first broker");
	fake_stop(&x.a.fake);
	while (step(&x) >= 0)
		;
	check_got(&x, "7.1 7.2 7.3 7.4 ", "not beyond the end");
	run_close(&x);
}

/* The second broker is told the position that the first has confirmed. */
static void
test_commit(const char *dir)
{
	struct run x = { .a = { .held = at_a, .count = AT_A, .mute = 1 },
		.b = { .held = at_b, .count = AT_B, .mute = 1 },
		.o = { .name = "job" } };
	const struct wire_cursor at = { .at = { { "A", 1, 4 } }, .n = 1 };
	int64_t deadline = date_mono() + 20 * DATE_SECOND;

	run_open(&x, dir);
	step(&x);
	reader_commit(x.r, reader_position(x.r));
	check(reader_sync(x.r, deadline) == READER_END, "committed");
	check(wire_cursor_same(&x.a.committed, &at), "at the first broker");
	fake_stop(&x.a.fake);
	while (x.b.commits == 0 && date_mono() < deadline)
		reader_tend(x.r, date_mono() + DATE_SECOND / 10);
	check(x.b.leases > 0, "leased at the second");
	check(reader_sync(x.r, deadline) == READER_END &&
		wire_cursor_same(&x.b.committed, &at),
	    "committed there, too");
	run_close(&x);
}

int
main(void)
{
	char dir[] = "/tmp/sgr.XXXXXX";

	if (mkdtemp(dir) == NULL)
		return 1;
	test_once(dir);
	test_resume(dir);
	test_cut(dir);
	test_behind(dir);
	test_end(dir);
	test_end_beyond(dir);
	test_commit(dir);
	rmdir(dir);
	return check_done();
}

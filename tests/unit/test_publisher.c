/*
 * The publisher against a broker in the same process that keeps one channel
 * as wire.h says and makes the trouble that a plan asks for.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/date.h"
#include "bus/publisher.h"
#include "check.h"
#include "fake_broker.h"

/*
 * What is done with the pub requests, one letter each, the last for ever:
 * o take it, g gap, f full, b busy, w busy for 10 ms, d denied, c take it and
 * cut the connection unanswered, x cut it without taking, l safe lags behind.
 */
struct broker {
	struct fake_broker fake;
	const char *plan;
	uint64_t last, lag;
	struct buf stored;
	int bye;
};

/* Take the lines of a frame that are new: 0, or the line that is "bad". */
static int64_t
take(struct broker *b, const struct wire_request *r, struct buf *refused)
{
	const char *at = r->lines, *lf;
	int64_t i;

	for (i = 1; i <= r->n; i++, at = lf + 1) {
		lf = strchr(at, '\n');
		if (strncmp(at, "bad", 3) == 0)
			return i;
	}
	at = r->lines;
	for (i = 1; i <= r->n; i++, at = lf + 1) {
		lf = strchr(at, '\n');
		if (r->first + (uint64_t)i - 1 <= b->last)
			continue;
		b->last++;
		if (strncmp(at, "no", 2) == 0 || *at == '{')
			buf_addf(refused, "%s[%lld,\"never\"]",
			    refused->len ? "," : "", (long long)i);
		else
			buf_add(&b->stored, at, (size_t)(lf - at + 1));
	}
	return 0;
}

/* The answer to a frame that is taken. */
static void
answer_taken(struct broker *b, const struct wire_request *r, struct buf *reply)
{
	struct buf refused = { 0 };
	int64_t line = take(b, r, &refused);

	if (line > 0) {
		buf_addf(reply,
		    "{\"ok\":false,\"error\":\"bad\",\"line\":%lld,"
		    "\"why\":\"too bad\"}\n",
		    (long long)line);
	} else {
		buf_addf(reply,
		    "{\"ok\":true,\"local\":%llu,\"safe\":%llu,"
		    "\"refused\":[%s]}\n",
		    (unsigned long long)b->last,
		    (unsigned long long)(b->last - b->lag), buf_cstr(&refused));
		b->lag = 0;
	}
	buf_fini(&refused);
}

static enum fake_deed
answer_pub(struct broker *b, const struct wire_request *r, struct buf *reply)
{
	char step = *b->plan;
	struct buf none = { 0 };

	if (b->plan[1] != '\0')
		b->plan++;
	if (step == 'c')
		take(b, r, &none);
	buf_fini(&none);
	if (step == 'l')
		b->lag = 1;
	if (step == 'c' || step == 'x')
		return FAKE_CUT;
	if (step == 'g' || (r->first > b->last + 1 && strchr("ol", step)))
		buf_addf(reply,
		    "{\"ok\":false,\"error\":\"gap\",\"local\":%llu,"
		    "\"safe\":%llu}\n",
		    (unsigned long long)b->last, (unsigned long long)b->last);
	else if (step == 'f')
		buf_adds(reply, "{\"ok\":false,\"error\":\"full\"}\n");
	else if (step == 'b')
		buf_adds(reply, "{\"ok\":false,\"error\":\"busy\"}\n");
	else if (step == 'w')
		buf_adds(reply,
		    "{\"ok\":false,\"error\":\"busy\",\"after\":0.01}\n");
	else if (step == 'd')
		buf_adds(reply,
		    "{\"ok\":false,\"error\":\"denied\","
		    "\"why\":\"no\"}\n");
	else
		answer_taken(b, r, reply);
	return FAKE_REPLY;
}

static enum fake_deed
answer(void *ctx, const char *p, size_t n, struct buf *reply)
{
	struct broker *b = ctx;
	struct wire_request r;
	const char *why;

	if (wire_request_parse(&r, p, n, &why) < 0)
		return FAKE_CUT;
	if (r.op == WIRE_PUB)
		return answer_pub(b, &r, reply);
	b->bye += r.op == WIRE_BYE;
	buf_adds(reply, "{\"ok\":true,\"name\":\"A\"}\n");
	return FAKE_REPLY;
}

static const struct {
	const char *plan, *lines;
	int frames; /* each line is a frame of its own */
	const char *stored, *refused;
	int error; /* errno at the end, or 0 */
	const char *why;
} cases[] = {
	{ "o", "a b c", 0, "a b c ", "", 0, "plain" },
	{ "o", "a b c", 1, "a b c ", "", 0, "a frame each" },
	{ "go", "a b c d", 1, "a b c d ", "", 0, "gap at first" },
	{ "ogggo", "a b c d e", 1, "a b c d e ", "", 0, "gaps" },
	{ "co", "a b c", 1, "a b c ", "", 0, "taken, not answered" },
	{ "xo", "a b c", 1, "a b c ", "", 0, "not taken, not answered" },
	{ "oxcoxco", "a b c d e f", 1, "a b c d e f ", "", 0, "cut often" },
	{ "bo", "a b", 1, "a b ", "", 0, "busy" },
	{ "wo", "a b", 1, "a b ", "", 0, "busy, and for how long" },
	{ "owwowo", "a b c d e", 1, "a b c d e ", "", 0, "busy often" },
	{ "fo", "a b", 1, "a b ", "", 0, "full for a while" },
	{ "lo", "a", 0, "a ", "", 0, "safe lags, asked again" },
	{ "o", "a no b", 0, "a b ", "no=2 ", 0, "one refused" },
	{ "o", "no1 no2 no3", 0, "", "no1=1 no2=2 no3=3 ", 0, "all refused" },
	{ "o", "a bad b", 0, "a b ", "bad=2 ", 0, "one malformed" },
	{ "o", "bad1 bad2 a no", 0, "a ", "bad1=1 bad2=2 no=4 ", 0,
	    "several malformed" },
	{ "o", "a bad b c", 1, "a b c ", "bad=2 ", 0,
	    "malformed alone in its frame" },
	{ "od", "a b", 1, "a ", "", EACCES, "denied" },
};

/* Everything that happens until nothing is pending: 0 or an errno. */
static int
drain(struct publisher *p, struct buf *refused)
{
	struct publisher_event event;
	int64_t deadline = date_mono() + 20 * DATE_SECOND;
	uint64_t mark, number = 0;

	while (publisher_pending(p, &mark) > 0) {
		if (publisher_next(p, &event, deadline) < 0)
			return errno;
		if (event.result == PUBLISHER_REFUSED) {
			buf_add(refused, event.line, event.n);
			buf_addf(
			    refused, "=%llu ", (unsigned long long)event.mark);
		}
		if (event.result == PUBLISHER_SAFE) {
			if (event.number <= number ||
			    event.mark != event.number)
				return EDOM;
			number = event.number;
		}
		if (event.result == PUBLISHER_NONE)
			return ETIMEDOUT;
	}
	return 0;
}

static void
add_lines(struct publisher *p, const char *lines, int frames)
{
	uint64_t mark = 0;
	size_t n;

	for (; *lines != '\0'; lines += n + (lines[n] == ' ')) {
		n = strcspn(lines, " ");
		if (!frames) {
			publisher_add(p, lines, n, ++mark);
			continue;
		}
		char line[32];

		snprintf(line, sizeof line, "%.*s\n", (int)n, lines);
		publisher_add_frame(p, line, n + 1, 1, ++mark);
	}
	publisher_flush(p);
}

static void
run(const char *url, size_t i)
{
	struct broker b = { .plan = cases[i].plan };
	struct buf refused = { 0 };
	struct publisher *p;
	struct client *c;
	const char *why;
	size_t at;
	int error;

	fake_listen(&b.fake, url);
	fake_serve(&b.fake, answer, &b);
	c = client_open(
	    &(const struct client_config){
		.urls = url, .insecure = 1, .retry = 10 * DATE_SECOND },
	    &why);
	if (c == NULL)
		exit(1);
	p = publisher_new(c, "me", 7, 1);
	add_lines(p, cases[i].lines, cases[i].frames);
	error = drain(p, &refused);
	check(error == cases[i].error, "%s: %s", cases[i].why,
	    error ? strerror(error) : "no error");
	if (error == 0)
		check(publisher_bye(p, date_mono() + DATE_SECOND) == 0 &&
			b.bye == 1,
		    "%s: bye", cases[i].why);
	publisher_free(p);
	client_close(c);
	fake_stop(&b.fake);
	for (at = 0; at < b.stored.len; at++)
		if (b.stored.p[at] == '\n')
			b.stored.p[at] = ' ';
	check(strcmp(buf_cstr(&b.stored), cases[i].stored) == 0, "%s: %s",
	    cases[i].why, buf_cstr(&b.stored));
	check(strcmp(buf_cstr(&refused), cases[i].refused) == 0, "%s: %s",
	    cases[i].why, buf_cstr(&refused));
	buf_fini(&b.stored);
	buf_fini(&refused);
}

/* The window closes without answers and opens with them. */
static void
test_window(const char *url)
{
	struct broker b = { .plan = "o" };
	struct buf refused = { 0 };
	struct publisher *p;
	struct client *c;
	const char *why;
	char line[1000];
	uint64_t n = 0;

	fake_listen(&b.fake, url);
	memset(line, 'x', sizeof line);
	c = client_begin(
	    &(const struct client_config){
		.urls = url, .insecure = 1, .retry = 10 * DATE_SECOND },
	    &why);
	p = publisher_new(c, "me", 7, 1);
	while (publisher_room(p) && n < 100000)
		publisher_add(p, line, sizeof line, ++n);
	check(n > PUBLISHER_WINDOW * 250 && n < PUBLISHER_WINDOW * 270,
	    "window: size");
	fake_serve(&b.fake, answer, &b);
	publisher_flush(p);
	check(drain(p, &refused) == 0, "window: drained");
	check(publisher_room(p), "window: room again");
	check(b.last == n && b.stored.len == n * 1001, "window: all came");
	publisher_free(p);
	client_close(c);
	fake_stop(&b.fake);
	buf_fini(&b.stored);
	buf_fini(&refused);
}

/*
 * One of two: it keeps the ranges of numbers that it is sent, and the channel
 * that came last.
 */
struct twin {
	struct fake_broker fake;
	const char *name;
	int alone;  /* nothing becomes safe, but for … */
	int behind; /* it says so */
	uint64_t safe;
	uint64_t last, chan, asked;
	struct buf ranges; /* "1-2 3-3 " */
};

static void
answer_twin_pub(struct twin *t, const struct wire_request *r, struct buf *reply)
{
	uint64_t upto = r->first + (uint64_t)r->n - 1;

	if (t->behind) {
		buf_adds(reply, "{\"ok\":false,\"error\":\"behind\"}\n");
		return;
	}
	if (t->chan != r->chan)
		t->last = 0;
	t->chan = r->chan;
	t->asked += r->n == 0;
	if (r->n > 0)
		buf_addf(&t->ranges, "%llu-%llu ", (unsigned long long)r->first,
		    (unsigned long long)upto);
	if (upto > t->last)
		t->last = upto;
	buf_addf(reply, "{\"ok\":true,\"local\":%llu,\"safe\":%llu}\n",
	    (unsigned long long)t->last,
	    (unsigned long long)(t->alone ? t->safe : t->last));
}

static enum fake_deed
answer_twin(void *ctx, const char *p, size_t n, struct buf *reply)
{
	struct twin *t = ctx;
	struct wire_request r;
	const char *why;

	if (wire_request_parse(&r, p, n, &why) < 0)
		return FAKE_CUT;
	if (r.op == WIRE_PUB)
		answer_twin_pub(t, &r, reply);
	else
		buf_addf(reply, "{\"ok\":true,\"name\":\"%s\"}\n", t->name);
	return FAKE_REPLY;
}

struct pair {
	struct twin a, b;
	char url_a[64], url_b[64], urls[130];
	struct client *c;
	struct publisher *p;
	uint64_t added, local, safe; /* as told */
};

static void
pair_open(struct pair *x, const char *dir, enum publisher_policy policy,
    const struct twin *a, const struct twin *b)
{
	const char *why;

	*x = (struct pair){ .a = *a, .b = *b };
	x->a.name = "A";
	x->b.name = "B";
	snprintf(x->url_a, sizeof x->url_a, "ipc://%s/a", dir);
	snprintf(x->url_b, sizeof x->url_b, "ipc://%s/b", dir);
	snprintf(x->urls, sizeof x->urls, "%s,%s", x->url_a, x->url_b);
	fake_listen(&x->a.fake, x->url_a);
	fake_serve(&x->a.fake, answer_twin, &x->a);
	fake_listen(&x->b.fake, x->url_b);
	fake_serve(&x->b.fake, answer_twin, &x->b);
	x->c = client_open(
	    &(const struct client_config){
		.urls = x->urls, .insecure = 1, .retry = 10 * DATE_SECOND },
	    &why);
	if (x->c == NULL)
		exit(1);
	x->p = publisher_new(x->c, "me", 7, 1);
	publisher_policy(x->p, policy);
}

static void
pair_close(struct pair *x)
{
	publisher_free(x->p);
	client_close(x->c);
	if (x->a.fake.front != NULL)
		fake_stop(&x->a.fake);
	fake_stop(&x->b.fake);
	buf_fini(&x->a.ranges);
	buf_fini(&x->b.ranges);
}

static void
add(struct pair *x, int n)
{
	while (n-- > 0)
		publisher_add_frame(x->p, "x\n", 2, 1, ++x->added);
}

/* Until a result of this kind, of this number unless 0: 0 or -1. */
static int
await(struct pair *x, enum publisher_result want, uint64_t number)
{
	struct publisher_event event;
	int64_t deadline = date_mono() + 20 * DATE_SECOND;

	do {
		if (publisher_next(x->p, &event, deadline) < 0 ||
		    event.result == PUBLISHER_NONE)
			return -1;
		if (event.result == PUBLISHER_LOCAL)
			x->local = event.number;
		if (event.result == PUBLISHER_SAFE)
			x->safe = event.number;
	} while (
	    event.result != want || (number != 0 && event.number < number));
	return 0;
}

static int
was_sent(struct twin *t, const char *want)
{
	return strcmp(buf_cstr(&t->ranges), want) == 0;
}

static void
test_degraded(const char *dir)
{
	struct twin alone = { .alone = 1, .safe = 1 }, b = { .safe = 0 };
	struct pair x;
	uint64_t mark;

	pair_open(&x, dir, PUBLISHER_HOLDS, &alone, &b);
	add(&x, 3);
	check(await(&x, PUBLISHER_LOCAL, 3) == 0 && x.safe == 1,
	    "degraded: local and safe are told apart");
	check(publisher_pending(x.p, &mark) == 0 && publisher_alone(x.p) == 2,
	    "degraded: nothing pending, two on one broker");
	x.a.safe = 3;
	check(await(&x, PUBLISHER_SAFE, 3) == 0 && x.a.asked > 0 &&
		publisher_alone(x.p) == 0,
	    "degraded: asked until safe");
	check(was_sent(&x.a, "1-1 2-2 3-3 "), "degraded: %s",
	    buf_cstr(&x.a.ranges));
	pair_close(&x);
}

static void
test_move(const char *dir)
{
	struct twin alone = { .alone = 1, .safe = 1 }, b = { .safe = 0 };
	struct pair x;

	pair_open(&x, dir, PUBLISHER_LETS_GO, &alone, &b);
	add(&x, 3);
	check(await(&x, PUBLISHER_LOCAL, 3) == 0, "move: local");
	fake_stop(&x.a.fake);
	check(await(&x, PUBLISHER_CONNECTED, 0) == 0, "move: connected");
	add(&x, 1);
	check(await(&x, PUBLISHER_SAFE, 4) == 0, "move: safe");
	check(was_sent(&x.b, "2-2 3-3 4-4 ") && x.b.chan == 7,
	    "what is not safe is sent to the other broker: %s",
	    buf_cstr(&x.b.ranges));
	pair_close(&x);
}

static void
test_let_go(const char *dir)
{
	enum { MANY = 3 * PUBLISHER_WINDOW };
	struct twin alone = { .alone = 1, .safe = 1 }, b = { .safe = 0 };
	struct pair x;

	pair_open(&x, dir, PUBLISHER_LETS_GO, &alone, &b);
	while (x.added < MANY) {
		while (x.added < MANY && publisher_room(x.p))
			add(&x, 1);
		if (await(&x, PUBLISHER_LOCAL, 0) != 0)
			break;
	}
	check(x.local == MANY || await(&x, PUBLISHER_LOCAL, MANY) == 0,
	    "let go: the window does not close");
	fake_stop(&x.a.fake);
	add(&x, 2);
	check(await(&x, PUBLISHER_CONNECTED, 0) == 0 &&
		await(&x, PUBLISHER_SAFE, 2) == 0,
	    "let go: moved and safe");
	check(was_sent(&x.b, "1-1 2-2 ") && x.b.chan != 7,
	    "let go: a new channel with what no broker had: %s",
	    buf_cstr(&x.b.ranges));
	check(publisher_alone(x.p) == MANY - 1, "let go: the rest is counted");
	pair_close(&x);
}

static void
test_rewind(const char *dir)
{
	enum { MANY = 3 * PUBLISHER_WINDOW };
	struct twin alone = { .alone = 1, .safe = 5 }, b = { .safe = 0 };
	struct buf want = { 0 };
	struct pair x;

	pair_open(&x, dir, PUBLISHER_REWINDS, &alone, &b);
	while (x.added < MANY) {
		while (x.added < MANY && publisher_room(x.p))
			add(&x, 1);
		if (await(&x, PUBLISHER_LOCAL, 0) != 0)
			break;
	}
	fake_stop(&x.a.fake);
	check(await(&x, PUBLISHER_REWIND, 0) == 0 && x.safe == 5,
	    "rewind: asked for");
	x.added = x.safe;
	publisher_restart(x.p, x.safe + 1);
	while (x.added < MANY) {
		while (x.added < MANY && publisher_room(x.p))
			add(&x, 1);
		if (await(&x, PUBLISHER_SAFE, 0) != 0)
			break;
	}
	check(x.safe == MANY || await(&x, PUBLISHER_SAFE, MANY) == 0,
	    "rewind: safe");
	for (int i = 6; i <= MANY; i++)
		buf_addf(&want, "%d-%d ", i, i);
	check(was_sent(&x.b, buf_cstr(&want)) && x.b.chan == 7,
	    "rewind: everything from there on, once: %s",
	    buf_cstr(&x.b.ranges));
	buf_fini(&want);
	pair_close(&x);
}

static void
test_hold(const char *dir)
{
	struct twin alone = { .alone = 1, .safe = 0 }, b = { .safe = 0 };
	struct pair x;

	pair_open(&x, dir, PUBLISHER_HOLDS, &alone, &b);
	add(&x, PUBLISHER_WINDOW);
	check(await(&x, PUBLISHER_LOCAL, PUBLISHER_WINDOW) == 0 &&
		!publisher_room(x.p),
	    "hold: the window stays full");
	x.a.safe = 3;
	check(await(&x, PUBLISHER_SAFE, 3) == 0 && publisher_room(x.p),
	    "hold: until something is safe");
	pair_close(&x);
}

static void
test_behind(const char *dir)
{
	struct twin behind = { .behind = 1 }, b = { .safe = 0 };
	struct pair x;

	pair_open(&x, dir, PUBLISHER_LETS_GO, &behind, &b);
	add(&x, 2);
	check(await(&x, PUBLISHER_SAFE, 2) == 0, "behind: safe elsewhere");
	check(was_sent(&x.a, "") && was_sent(&x.b, "1-1 2-2 "), "behind: %s",
	    buf_cstr(&x.b.ranges));
	pair_close(&x);
}

/* What another process has sent over this channel is not sent again. */
static void
test_known(const char *dir)
{
	struct twin a = { .last = 90, .chan = 7 }, b = { .safe = 0 };
	struct pair x;

	pair_open(&x, dir, PUBLISHER_LETS_GO, &a, &b);
	add(&x, 1);
	check(await(&x, PUBLISHER_SAFE, 1) == 0, "known: the first");
	add(&x, 5);
	check(await(&x, PUBLISHER_SAFE, 6) == 0, "known: the others");
	check(was_sent(&x.a, "1-1 "), "known: %s", buf_cstr(&x.a.ranges));
	pair_close(&x);
}

int
main(void)
{
	char dir[] = "/tmp/sgt.XXXXXX", url[64];
	size_t i;

	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(url, sizeof url, "ipc://%s/a", dir);
	for (i = 0; i < sizeof cases / sizeof *cases; i++)
		run(url, i);
	test_window(url);
	test_degraded(dir);
	test_move(dir);
	test_let_go(dir);
	test_rewind(dir);
	test_hold(dir);
	test_behind(dir);
	test_known(dir);
	rmdir(dir);
	return check_done();
}

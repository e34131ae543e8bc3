/* Lines through an outbox to one or two brokers in the same process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/date.h"
#include "base/die.h"
#include "bus/outbox.h"
#include "check.h"
#include "fake_broker.h"

struct side {
	struct fake_broker fake;
	const char *name;
	uint64_t last;
	int64_t safe;	   /* that far at most; -1: what it has */
	struct buf ranges; /* "1-2 3-3 " */
};

static enum fake_deed
answer(void *ctx, const char *p, size_t n, struct buf *reply)
{
	struct side *s = ctx;
	struct wire_request r;
	const char *why;
	uint64_t upto, safe;

	if (wire_request_parse(&r, p, n, &why) < 0)
		return FAKE_CUT;
	if (r.op != WIRE_PUB) {
		buf_addf(reply, "{\"ok\":true,\"name\":\"%s\"}\n", s->name);
		return FAKE_REPLY;
	}
	upto = r.first + (uint64_t)r.n - 1;
	if (r.n > 0)
		buf_addf(&s->ranges, "%llu-%llu ", (unsigned long long)r.first,
		    (unsigned long long)upto);
	if (upto > s->last)
		s->last = upto;
	safe = s->safe >= 0 && (uint64_t)s->safe < s->last ? (uint64_t)s->safe
							   : s->last;
	buf_addf(reply, "{\"ok\":true,\"local\":%llu,\"safe\":%llu}\n",
	    (unsigned long long)s->last, (unsigned long long)safe);
	return FAKE_REPLY;
}

static char dir[] = "/tmp/sgt.XXXXXX", url[2][64], both[130];

static void
start(struct side *s, int i)
{
	s->name = i == 0 ? "A" : "B";
	fake_listen(&s->fake, url[i]);
	fake_serve(&s->fake, answer, s);
}

static void
stop(struct side *s)
{
	fake_stop(&s->fake);
	buf_fini(&s->ranges);
}

static struct outbox *
open_box(const char *urls, const char *spool, int64_t size, int require)
{
	static struct client_config config;
	struct outbox_options o = { .client = &config,
		.from = "me",
		.spool = spool,
		.spool_size = size,
		.require_twin = require };
	const char *why;
	struct outbox *b;
	int status;

	config = (struct client_config){
		.urls = urls, .insecure = 1, .retry = 10 * DATE_SECOND
	};
	b = outbox_open(&o, &status, &why);
	if (b == NULL) {
		printf("no outbox: %s\n", why);
		exit(1);
	}
	return b;
}

static void
put(struct outbox *b, uint64_t from, uint64_t to)
{
	for (; from <= to && outbox_room(b) == 1; from++)
		outbox_put(b, "x", 1, from);
	outbox_push(b, 1);
}

/* Go on until so many are owed and delivered: the mark told last, or 0. */
static uint64_t
run(struct outbox *b, uint64_t owed, uint64_t mark)
{
	int64_t deadline = date_mono() + 20 * DATE_SECOND;
	struct outbox_event event;
	uint64_t told = 0;

	while (
	    (outbox_owed(b) != owed || told < mark) && date_mono() < deadline) {
		if (outbox_next(b, &event, date_mono() + DATE_SECOND / 10) < 0)
			return 0;
		if (event.result == OUTBOX_DELIVERED)
			told = event.mark;
		outbox_push(b, 1);
	}
	return outbox_owed(b) == owed ? told : 0;
}

static void
test_plain(void)
{
	struct side a = { .safe = -1 };
	struct outbox *b;

	start(&a, 0);
	b = open_box(url[0], NULL, 0, 0);
	put(b, 1, 3);
	check(outbox_owed(b) == 3, "plain: owed at first");
	check(run(b, 0, 3) == 3, "plain: delivered");
	check(outbox_stall(b, 1, DATE_SECOND) == INT64_MAX,
	    "plain: nothing to wait for");
	check(outbox_close(b) == 0, "plain: closed");
	stop(&a);
}

static void
test_alone(void)
{
	struct side a = { .safe = 1 };
	struct outbox *b;

	start(&a, 0);
	b = open_box(url[0], NULL, 0, 0);
	put(b, 1, 3);
	check(run(b, 0, 3) == 3 && outbox_alone(b) == 2,
	    "alone: delivered all the same");
	outbox_close(b);
	a.last = 0;
	b = open_box(url[0], NULL, 0, 1);
	put(b, 1, 3);
	check(run(b, 2, 1) == 1, "twin required: only what is safe");
	check(outbox_pending(b) == 0 && outbox_alone(b) == 2,
	    "twin required: nothing waits but for the twin");
	check(outbox_stall(b, 1, DATE_SECOND) < INT64_MAX,
	    "twin required: not for ever");
	a.safe = -1;
	check(run(b, 0, 3) == 3, "twin required: then all of it");
	outbox_close(b);
	stop(&a);
}

static void
test_spool(void)
{
	char spool[64];
	struct side a = { .safe = 1 }, second = { .safe = -1 };
	struct outbox *b;

	snprintf(spool, sizeof spool, "%s/spool", dir);
	b = open_box(both, spool, 1 << 20, 0);
	put(b, 1, 3);
	check(run(b, 3, 3) == 3, "spool: delivered when it is durable there");
	check(outbox_close(b) == 0, "spool: closed without a broker");
	start(&a, 0);
	b = open_box(both, spool, 1 << 20, 0);
	run(b, 0, 0);
	check(outbox_owed(b) == 0 && outbox_alone(b) == 2,
	    "spool: one broker has all of it");
	put(b, 4, 4);
	run(b, 0, 4);
	outbox_close(b);
	check(strcmp(buf_cstr(&a.ranges), "1-3 4-4 ") == 0, "spool: %s",
	    buf_cstr(&a.ranges));
	stop(&a);
	start(&second, 1);
	b = open_box(both, spool, 1 << 20, 0);
	run(b, 0, 0);
	check(outbox_alone(b) == 0, "spool: safe now");
	outbox_close(b);
	check(strcmp(buf_cstr(&second.ranges), "1-3 4-4 ") == 0,
	    "spool: the other broker gets what was not safe: %s",
	    buf_cstr(&second.ranges));
	stop(&second);
}

/* More than the window was let go: it comes from the spool again. */
static void
test_rewind(void)
{
	enum { MANY = 3 * PUBLISHER_WINDOW };
	char spool[64];
	struct side a = { .safe = 5 }, second = { .safe = -1 };
	struct outbox *b;
	uint64_t at = 0;

	snprintf(spool, sizeof spool, "%s/again", dir);
	start(&a, 0);
	start(&second, 1);
	b = open_box(both, spool, 1 << 20, 0);
	while (at < MANY) {
		at++;
		put(b, at, at);
	}
	run(b, 0, 0);
	check(a.last == MANY && outbox_alone(b) == MANY - 5, "rewind: alone");
	stop(&a);
	put(b, at + 1, at + 1);
	run(b, 0, 0);
	check(second.last == MANY + 1 && outbox_alone(b) == 0 &&
		strncmp(buf_cstr(&second.ranges), "6-6 7-7 ", 8) == 0,
	    "rewind: %s", buf_cstr(&second.ranges));
	outbox_close(b);
	stop(&second);
}

static void
test_full(void)
{
	char spool[64], line[1000];
	struct outbox_event event;
	struct outbox *b;
	uint64_t n = 0, mark;
	int told = 0;

	snprintf(spool, sizeof spool, "%s/full", dir);
	memset(line, 'x', sizeof line);
	b = open_box(url[0], spool, 200000, 0);
	while (n < 1000 && outbox_room(b) == 1)
		outbox_put(b, line, sizeof line, ++n);
	check(n > 100 && n < 300, "full: %llu lines", (unsigned long long)n);
	for (int i = 0; i < 5; i++) {
		outbox_push(b, 0);
		if (outbox_next(b, &event, date_mono() + 10000) == 0)
			told += event.result == OUTBOX_BLOCKED;
	}
	check(told == 1, "full: told once: %d", told);
	check(outbox_store(b, &mark) == 0 && outbox_unstored(b) > 0 &&
		mark + outbox_unstored(b) == n,
	    "full: what is durable, and what is not");
	outbox_close(b);
}

int
main(void)
{
	char command[64];

	if (mkdtemp(dir) == NULL)
		return 1;
	for (int i = 0; i < 2; i++)
		snprintf(url[i], sizeof url[i], "ipc://%s/%c", dir, 'a' + i);
	snprintf(both, sizeof both, "%s,%s", url[0], url[1]);
	test_plain();
	test_alone();
	test_spool();
	test_rewind();
	test_full();
	snprintf(command, sizeof command, "rm -rf %s", dir);
	return system(command) != 0 || check_done();
}

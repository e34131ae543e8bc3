#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/date.h"
#include "check.h"
#include "event/event.h"
#include "grid/fleet.h"

static const int64_t since = INT64_C(1795392000) * DATE_SECOND;

static struct fleet_plan
plan(void)
{
	return (struct fleet_plan){ .meters = 3,
		.first = 1,
		.seed = 7,
		.since = since,
		.rate = { 1, DATE_SECOND },
		.topic = "M/{meter}/Load" };
}

static const struct {
	const char *in, *why; /* NULL: it is one */
	int64_t events, per;
} rates[] = {
	{ "", "not like 1/s or 4/15m", 0, 0 },
	{ "5", "not like 1/s or 4/15m", 0, 0 },
	{ "/s", "not like 1/s or 4/15m", 0, 0 },
	{ "-1/s", "not like 1/s or 4/15m", 0, 0 },
	{ "1/", "not like 1/s or 4/15m", 0, 0 },
	{ "1/year", "not like 1/s or 4/15m", 0, 0 },
	{ "1/s/s", "not like 1/s or 4/15m", 0, 0 },
	{ "1/1111111111111111111111111111111111111s", "not like 1/s or 4/15m",
	    0, 0 },
	{ "0/s", "must be above 0", 0, 0 },
	{ "1/0s", "must be above 0", 0, 0 },
	{ "1000001/s", "at most 1000000 a second", 0, 0 },
	{ "9000000000000000000/s", "at most 1000000 a second", 0, 0 },
	{ "2000/ms", "at most 1000000 a second", 0, 0 },
	{ "1/s", NULL, 1, DATE_SECOND },
	{ "4/15m", NULL, 4, INT64_C(900) * DATE_SECOND },
	{ "1/1h30m", NULL, 1, INT64_C(5400) * DATE_SECOND },
	{ "1000000/s", NULL, 1000000, DATE_SECOND },
};

static void
test_rates(void)
{
	struct fleet_rate r;
	const char *why;
	size_t i;

	for (i = 0; i < sizeof rates / sizeof rates[0]; i++) {
		why = fleet_rate(rates[i].in, &r);
		if (rates[i].why != NULL)
			check(why != NULL && strcmp(why, rates[i].why) == 0,
			    "rate %s: %s", rates[i].in,
			    why != NULL ? why : "taken");
		else
			check(why == NULL && r.events == rates[i].events &&
				r.per == rates[i].per,
			    "rate %s", rates[i].in);
	}
}

static const struct {
	const char *in;
	int64_t want; /* -1: refused */
} speeds[] = {
	{ "", -1 },
	{ "x", -1 },
	{ "0", -1 },
	{ "-1x", -1 },
	{ "1e9x", -1 },
	{ "60xx", -1 },
	{ "maximum", -1 },
	{ "max", 0 },
	{ "1x", 1000000 },
	{ "60", 60000000 },
	{ "0.5x", 500000 },
	{ "1000000x", INT64_C(1000000000000) },
};

static void
test_speeds(void)
{
	const char *why;
	int64_t got;
	size_t i;

	for (i = 0; i < sizeof speeds / sizeof speeds[0]; i++) {
		why = fleet_speed(speeds[i].in, &got);
		check((why != NULL) == (speeds[i].want == -1) &&
			(why != NULL || got == speeds[i].want),
		    "speed \"%s\": %s", speeds[i].in, why ? why : "taken");
	}
}

static void
refused(struct fleet_plan p, const char *want)
{
	const char *why = NULL;
	struct fleet *f = fleet_new(&p, &why);

	check(f == NULL && why != NULL && strncmp(why, want, strlen(want)) == 0,
	    "not refused: %s, but %s", want, why != NULL ? why : "taken");
	fleet_free(f);
}

static void
test_refusals(void)
{
	struct fleet_plan p = plan();

	p.meters = 0;
	refused(p, "no meters");
	p = plan();
	p.first = UINT32_MAX - 2;
	refused(p, "meter numbers end");
	p = plan();
	p.topic = "M/Load";
	refused(p, "topic: without {meter}");
	p.topic = "M//{meter}";
	refused(p, "empty level");
	p.topic = "$SG/{meter}";
	refused(p, "begins with $");
	p.topic = "M/{meter}/{meter}";
	refused(p, "");
	p = plan();
	p.jitter = DATE_SECOND + 1;
	refused(p, "jitter: longer");
	p = plan();
	p.size = 100;
	refused(p, "size: these events need");
	p.size = EVENT_LINE_MAX + 1;
	refused(p, "size: a line has");
}

/* Every line is an event, of the size, of its meter, due when it says. */
static void
check_line(struct fleet *f, const struct fleet_event *e, size_t size)
{
	char topic[64], space[256];
	struct buf b = { 0 };
	struct event event;
	const char *why, *p;
	int64_t t, seq;
	size_t n;

	fleet_line(f, e->meter, e->k, &b);
	check(b.p[b.len - 1] == '\n', "no LF");
	check(size == 0 || b.len == size + 1, "%zu bytes", b.len);
	check(event_scan(&event, b.p, b.len - 1, &why) == 0 &&
		event_complete(&event, &why) == 0,
	    "no event: %s: %.*s", why, (int)b.len, b.p);
	p = event_topic(&event, space, &n);
	snprintf(topic, sizeof topic, "M/%06u/Load", e->meter + 1);
	check(n == strlen(topic) && memcmp(p, topic, n) == 0, "topic %.*s",
	    (int)n, p);
	check(event_time(&event, &t) == 0 && t == e->due, "t");
	check(event_integer(&event, EVENT_SEQ, &seq) == 0 &&
		(uint64_t)seq == e->k,
	    "seq");
	buf_fini(&b);
}

/* One plan, from beginning to end. */
static void
run(struct fleet_plan p, int64_t want)
{
	struct fleet_event e, last = { 0 };
	const char *why;
	struct fleet *f = fleet_new(&p, &why);
	uint64_t of[8] = { 0 };
	int64_t n = 0;

	check(f != NULL, "refused: %s", why);
	while (fleet_next(f, &e)) {
		n++;
		check(e.due > last.due ||
			(e.due == last.due && e.meter > last.meter),
		    "out of order");
		check(e.k == ++of[e.meter], "event %llu of %u",
		    (unsigned long long)e.k, e.meter);
		check(e.due == fleet_due(f, e.meter, e.k), "another due");
		check(e.due >= p.since, "before the beginning");
		check_line(f, &e, p.size);
		last = e;
	}
	check(
	    n == want, "%lld events, not %lld", (long long)n, (long long)want);
	check(fleet_events(f) == want, "%lld events said, not %lld",
	    (long long)fleet_events(f), (long long)want);
	check(n == 0 || fleet_end(f) == last.due, "ends later or earlier");
	fleet_free(f);
}

static void
test_runs(void)
{
	struct fleet_plan p = plan();

	p.limit = 10;
	run(p, 10);
	p.limit = 2;
	run(p, 2);
	p.jitter = DATE_SECOND;
	p.limit = 500;
	run(p, 500);
	p.size = 800;
	run(p, 500);
	p = plan();
	p.length = INT64_C(10) * DATE_SECOND;
	run(p, 30);
	p.limit = 7;
	run(p, 7);
	p.limit = 1000;
	run(p, 30);
	p.limit = 0;
	p.rate = (struct fleet_rate){ 3, INT64_C(2) * DATE_SECOND };
	run(p, 45);
	p.rate = (struct fleet_rate){ 7, INT64_C(1000) };
	p.length = 5000;
	run(p, 105);
	p = plan();
	p.meters = 8;
	p.rate = (struct fleet_rate){ 1, INT64_C(3600) * DATE_SECOND };
	p.length = INT64_C(86400) * DATE_SECOND;
	p.jitter = INT64_C(60) * DATE_SECOND;
	run(p, 192);
	/* Less than a period: those whose turn it is. */
	p.length = 1;
	p.meters = 1;
	p.rate = (struct fleet_rate){ 1, 1 };
	p.jitter = 0;
	run(p, 1);
}

static void
test_endless(void)
{
	struct fleet_plan p = plan();
	const char *why;
	struct fleet *f = fleet_new(&p, &why);

	check(fleet_events(f) == INT64_MAX && fleet_end(f) == INT64_MAX,
	    "endless ends");
	check(fleet_due(f, 0, 1000000) > fleet_due(f, 0, 999999), "not rising");
	check(fleet_due(f, 0, UINT64_C(1) << 62) == INT64_MAX,
	    "beyond all times");
	check(strcmp(fleet_name(f, 2), "METER/000003") == 0, "name");
	fleet_free(f);
}

int
main(void)
{
	test_rates();
	test_speeds();
	test_refusals();
	test_runs();
	test_endless();
	return check_done();
}

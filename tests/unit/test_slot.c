#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/date.h"
#include "grid/slot.h"

static int passed, failed;

static const struct {
	const char *width, *zone, *t;
	const char *start, *end;
	const char *why;
} cases[] = {
	{ "1m", NULL, "1970-01-01T00:00:59Z", "1970-01-01T00:00:00Z",
	    "1970-01-01T00:01:00Z", "last second" },
	{ "1m", NULL, "1970-01-01T00:01:00Z", "1970-01-01T00:01:00Z",
	    "1970-01-01T00:02:00Z", "the end belongs to the next" },
	{ "1m", NULL, "1969-12-31T23:59:59.5Z", "1969-12-31T23:59:00Z",
	    "1970-01-01T00:00:00Z", "before 1970" },
	{ "90s", NULL, "1970-01-01T00:03:01Z", "1970-01-01T00:03:00Z",
	    "1970-01-01T00:04:30Z", "no divisor of an hour" },
	{ "1w", NULL, "2026-11-24T10:00:00Z", "2026-11-23T00:00:00Z",
	    "2026-11-30T00:00:00Z", "weeks begin on Monday" },
	{ "1d", "Europe/London", "2026-03-29T12:00:00Z", "2026-03-29T00:00:00Z",
	    "2026-03-29T23:00:00Z", "23 hours" },
	{ "1d", "Europe/London", "2026-10-25T23:30:00Z", "2026-10-24T23:00:00Z",
	    "2026-10-26T00:00:00Z", "25 hours" },
	{ "1d", "Europe/London", "2026-10-24T23:00:00Z", "2026-10-24T23:00:00Z",
	    "2026-10-26T00:00:00Z", "its first moment, in summer time" },
	{ "1h", "Europe/London", "2026-10-25T00:30:00Z", "2026-10-25T00:00:00Z",
	    "2026-10-25T01:00:00Z", "01:30 the first time" },
	{ "1h", "Europe/London", "2026-10-25T01:30:00Z", "2026-10-25T01:00:00Z",
	    "2026-10-25T02:00:00Z", "01:30 the second time" },
	{ "6h", "Europe/London", "2026-10-25T05:00:00Z", "2026-10-24T23:00:00Z",
	    "2026-10-25T06:00:00Z",
	    "the quarter of a day with the change has 7 hours" },
	{ "1h", "Australia/Adelaide", "2026-07-01T00:10:00Z",
	    "2026-06-30T23:30:00Z", "2026-07-01T00:30:00Z",
	    "an offset with half an hour" },
	{ "1d", "America/Sao_Paulo", "2018-11-04T12:00:00Z",
	    "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z",
	    "the clock skips midnight" },
	{ "1d", "America/Sao_Paulo", "2018-11-04T02:59:59Z",
	    "2018-11-03T03:00:00Z", "2018-11-04T03:00:00Z",
	    "the day before ends at the skip" },
	{ "month", NULL, "2024-02-29T23:59:59Z", "2024-02-01T00:00:00Z",
	    "2024-03-01T00:00:00Z", "leap year" },
	{ "month", "Europe/London", "2013-03-31T23:30:00Z",
	    "2013-03-31T23:00:00Z", "2013-04-30T23:00:00Z",
	    "the local month has begun" },
	{ "month", NULL, "2013-12-31T00:00:00Z", "2013-12-01T00:00:00Z",
	    "2014-01-01T00:00:00Z", "December" },
	{ "year", "Australia/Sydney", "2013-11-01T00:00:00Z",
	    "2012-12-31T13:00:00Z", "2013-12-31T13:00:00Z", "local year" },
};

static const struct {
	const char *in, *why;
} refused[] = {
	{ "0", "no length" },
	{ "0.5ms", "no duration" },
	{ "fortnight", "no word of ours" },
	{ "600w", "too long" },
	{ "", "empty" },
};

static int
same(int64_t t, const char *want, const char *what, const char *why)
{
	struct buf b = { 0 };
	int ok;

	date_add(&b, t, NULL);
	ok = strcmp(buf_cstr(&b), want) == 0;
	if (!ok)
		printf(
		    "test_slot: %s: %s is %s, not %s\n", why, what, b.p, want);
	buf_fini(&b);
	return ok;
}

int
main(void)
{
	const char *why;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct slot_rule rule = { 0 };
		struct date_zone *zone = NULL;
		struct slot slot = { 0 };
		int64_t t = 0;

		if (cases[i].zone != NULL)
			zone = date_zone_open(cases[i].zone);
		rule.zone = zone;
		if (slot_rule_parse(&rule, cases[i].width, &why) == 0 &&
		    date_rfc3339(cases[i].t, strlen(cases[i].t), &t) == 0)
			slot_at(&rule, t, &slot);
		if (same(slot.start, cases[i].start, "start", cases[i].why) &
		    same(slot.end, cases[i].end, "end", cases[i].why))
			passed++;
		else
			failed++;
		date_zone_close(zone);
	}
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		struct slot_rule rule = { 0 };

		if (slot_rule_parse(&rule, refused[i].in, &why) == -1) {
			passed++;
			continue;
		}
		failed++;
		printf("test_slot: taken: %s\n", refused[i].why);
	}
	printf("test_slot: %d passed\n", passed);
	return failed != 0;
}

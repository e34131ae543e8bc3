#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "check.h"

#define NONE INT64_MIN

static const struct {
	const char *in;
	int64_t want;
	const char *why;
} rfc3339[] = {
	{ "1970-01-01T00:00:00Z", 0, "the epoch" },
	{ "2000-01-01T00:01:00Z", 946684860000000, "plain" },
	{ "2000-01-01 00:01:00z", 946684860000000, "space and lower case" },
	{ "2000-01-01T01:01:00+01:00", 946684860000000, "east" },
	{ "1999-12-31T18:31:00-05:30", 946684860000000, "west" },
	{ "2026-11-24T06:00:00.123456Z", 1795500000123456, "micros" },
	{ "2026-11-24T06:00:00.5Z", 1795500000500000, "short fraction" },
	{ "2026-11-24T06:00:00.1234565Z", 1795500000123457, "half up" },
	{ "2026-11-24T06:00:00.9999999Z", 1795500001000000, "carries" },
	{ "1969-12-31T23:59:59.5Z", -500000, "before the epoch" },
	{ "2016-12-31T23:59:60Z", 1483228800000000, "leap second" },
	{ "2017-01-01T00:59:60+01:00", 1483228800000000, "leap, local" },
	{ "2016-12-31T23:58:60Z", NONE, "no leap second there" },
	{ "2000-02-29T00:00:00Z", 951782400000000, "leap day" },
	{ "1900-02-29T00:00:00Z", NONE, "1900 had none" },
	{ "2001-02-29T00:00:00Z", NONE, "2001 had none" },
	{ "2001-04-31T00:00:00Z", NONE, "April has 30 days" },
	{ "2001-13-01T00:00:00Z", NONE, "month 13" },
	{ "2001-00-01T00:00:00Z", NONE, "month 0" },
	{ "2001-01-00T00:00:00Z", NONE, "day 0" },
	{ "2001-01-01T24:00:00Z", NONE, "hour 24" },
	{ "2001-01-01T00:60:00Z", NONE, "minute 60" },
	{ "2001-01-01T00:00:61Z", NONE, "second 61" },
	{ "2001-01-01T00:00:00", NONE, "no zone" },
	{ "2001-01-01T00:00:00.Z", NONE, "empty fraction" },
	{ "2001-01-01T00:00:00+0100", NONE, "no colon" },
	{ "2001-01-01T00:00:00+24:00", NONE, "zone hour" },
	{ "2001-01-01T00:00:00+01:60", NONE, "zone minute" },
	{ "2001-01-01T00:00:00Zx", NONE, "rest" },
	{ "2001-01-01T00:00Z", NONE, "no seconds" },
	{ "+001-01-01T00:00:00Z", NONE, "sign" },
	{ "", NONE, "empty" },
};

static void
test_rfc3339(void)
{
	for (size_t i = 0; i < sizeof rfc3339 / sizeof *rfc3339; i++) {
		int64_t t = NONE;

		date_rfc3339(rfc3339[i].in, strlen(rfc3339[i].in), &t);
		check(t == rfc3339[i].want, "rfc3339(%s): %s", rfc3339[i].in,
		    rfc3339[i].why);
	}
}

static const struct {
	const char *in;
	int64_t want;
	const char *why;
} command_line[] = {
	{ "now", 5000000000, NULL },
	{ "-1h", 1400000000, NULL },
	{ "@12", 12000000, NULL },
	{ "@12.25", 12250000, NULL },
	{ "@-1.5", -1500000, NULL },
	{ "2000-01-01T00:01:00Z", 946684860000000, NULL },
	{ "2000-01-01T00:01:00", NONE, "no time zone" },
	{ "2000-01-01 00:01:00.5", NONE, "no time zone" },
	{ "yesterday", NONE, "not a time" },
	{ "", NONE, "not a time" },
	{ "-", NONE, "not a duration" },
	{ "-1x", NONE, "not a duration" },
	{ "@", NONE, "not a Unix time" },
	{ "@1.", NONE, "not a Unix time" },
	{ "@1e3", NONE, "not a Unix time" },
	{ "@99999999999999", NONE, "not a Unix time" },
};

static void
test_command_line(void)
{
	for (size_t i = 0; i < sizeof command_line / sizeof *command_line;
	     i++) {
		int64_t t = NONE;
		const char *why = NULL, *want = command_line[i].why;
		int r = date_parse(command_line[i].in, 5000000000, &t, &why);

		if (want == NULL)
			check(r == 0 && t == command_line[i].want,
			    "parse(%s): wrong time", command_line[i].in);
		else
			check(r < 0 && why != NULL && strcmp(why, want) == 0,
			    "parse(%s): %s", command_line[i].in, want);
	}
}

static const struct {
	const char *in;
	int64_t want;
} durations[] = {
	{ "90", 90000000 },
	{ "90s", 90000000 },
	{ "250ms", 250000 },
	{ "3m", 180000000 },
	{ "1h30m", 5400000000 },
	{ "2d", 172800000000 },
	{ "1w", 604800000000 },
	{ "1m30s500ms", 90500000 },
	{ "0", 0 },
	{ "", NONE },
	{ "s", NONE },
	{ "-1s", NONE },
	{ "+1s", NONE },
	{ " 1s", NONE },
	{ "1h30", NONE },
	{ "30m1h", NONE },
	{ "1m1m", NONE },
	{ "1.5s", NONE },
	{ "1y", NONE },
	{ "99999999999999999999", NONE },
	{ "9223372036855w", NONE },
}, sizes[] = {
	{ "512", 512 },
	{ "64K", 65536 },
	{ "10M", 10485760 },
	{ "2G", 2147483648 },
	{ "1T", 1099511627776 },
	{ "0", 0 },
	{ "", NONE },
	{ "K", NONE },
	{ "1k", NONE },
	{ "1KB", NONE },
	{ "-1", NONE },
	{ "9999999999T", NONE },
};

static void
test_quantities(void)
{
	int64_t v;

	for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
		v = NONE;
		date_duration(durations[i].in, &v);
		check(v == durations[i].want, "duration(%s): wrong",
		    durations[i].in);
	}
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		v = NONE;
		date_size(sizes[i].in, &v);
		check(v == sizes[i].want, "size(%s): wrong", sizes[i].in);
	}
}

static const struct {
	const char *zone, *format, *in;
	const char *prev; /* RFC 3339 or NULL */
	const char *want; /* RFC 3339 in that zone, or NULL: refused */
	const char *why;
} naive[] = {
	{ "UTC", NULL, "2013-01-01 00:00:00.0000000", NULL,
	    "2013-01-01T00:00:00+00:00", "seven digits" },
	{ "Europe/London", NULL, "2013-07-01T00:00:00", NULL,
	    "2013-07-01T00:00:00+01:00", "summer" },
	{ "Europe/London", NULL, "2013-03-31 01:00:00", NULL, NULL, "skipped" },
	{ "Europe/London", NULL, "2013-03-31 01:59:59.999", NULL, NULL,
	    "still skipped" },
	{ "Europe/London", NULL, "2013-03-31 02:00:00", NULL,
	    "2013-03-31T02:00:00+01:00", "after the gap" },
	{ "Europe/London", NULL, "2013-10-27 01:30:00", NULL,
	    "2013-10-27T01:30:00+01:00", "first of two" },
	{ "Europe/London", NULL, "2013-10-27 01:00:00",
	    "2013-10-27T01:30:00+01:00", "2013-10-27T01:00:00+00:00",
	    "second of two" },
	{ "Europe/London", NULL, "2013-10-27 01:30:00",
	    "2013-10-27T01:30:00+01:00", "2013-10-27T01:30:00+01:00",
	    "not before may be equal" },
	{ "Europe/London", NULL, "2013-10-27 01:30:00", "2014-01-01T00:00:00Z",
	    "2013-10-27T01:30:00+01:00", "a new series begins" },
	{ "Australia/Sydney", NULL, "2013-11-01 00:30:00", NULL,
	    "2013-11-01T00:30:00+11:00", "southern summer" },
	{ "Australia/Lord_Howe", NULL, "2024-07-01 00:00:00", NULL,
	    "2024-07-01T00:00:00+10:30", "half an hour" },
	{ "America/New_York", NULL, "2080-07-01 12:00:00", NULL,
	    "2080-07-01T12:00:00-04:00", "by the footer's rule" },
	{ "America/New_York", NULL, "2080-12-01 12:00:00", NULL,
	    "2080-12-01T12:00:00-05:00", "by the footer's rule, winter" },
	{ "America/New_York", NULL, "1883-01-01 00:00:00", NULL,
	    "1883-01-01T00:00:02-04:56", "local mean time" },
	{ "+05:30", NULL, "2013-11-01 00:00:00", NULL,
	    "2013-11-01T00:00:00+05:30", "fixed" },
	{ "-08:00", "%d/%m/%Y;%H:%M:%S", "16/12/2006;17:24:00", NULL,
	    "2006-12-16T17:24:00-08:00", "format" },
	{ "UTC", "%Y%m%d %H%M%S.%f", "20061216 172400.25", NULL,
	    "2006-12-16T17:24:00.25+00:00", "fraction in a format" },
	{ "UTC", "%f of %Y", "5 of 2006", NULL, "2006-01-01T00:00:00.5+00:00",
	    "fraction first" },
	{ "+02:00", "%Y-%m-%d %H:%M:%S%z", "2006-12-16 17:24:00+0000", NULL,
	    "2006-12-16T19:24:00+02:00", "the text's own zone wins" },
	{ "UTC", "%d/%m/%Y", "31/02/2006", NULL, NULL, "no such day" },
	{ "UTC", "%d/%m/%Y", "1/2/2006x", NULL, NULL, "rest" },
	{ "UTC", "%Y.%f", "2006.", NULL, NULL, "no fraction" },
	{ "UTC", NULL, "2006-01-01T00:00:00Z", NULL, NULL, "not naive" },
	{ "UTC", NULL, "2006-01-01T00:00:60", NULL, NULL, "second 60" },
	{ "UTC", NULL, "", NULL, NULL, "empty" },
};

static void
test_naive(void)
{
	for (size_t i = 0; i < sizeof naive / sizeof *naive; i++) {
		struct date_zone *z = date_zone_open(naive[i].zone);
		struct buf b = { 0 };
		const char *why = NULL, *want = naive[i].want;
		int64_t prev = INT64_MIN, t;
		int r;

		if (z == NULL) {
			check(0, "zone(%s): absent", naive[i].zone);
			continue;
		}
		if (naive[i].prev != NULL)
			date_rfc3339(
			    naive[i].prev, strlen(naive[i].prev), &prev);
		r = date_naive(naive[i].in, strlen(naive[i].in),
		    naive[i].format, z, prev, &t, &why);
		if (r == 0)
			date_add(&b, t, z);
		check(want == NULL ? r < 0 && why != NULL
				   : r == 0 && strcmp(buf_cstr(&b), want) == 0,
		    "naive(%s): %s", naive[i].in, naive[i].why);
		buf_fini(&b);
		date_zone_close(z);
	}
}

static void
test_zones(void)
{
	static const char *const bad[] = { "", "Mars/Olympus", "/etc/passwd",
		"../zoneinfo/UTC", "Europe", "tzdata.zi", "+1", "+25:00" };
	const char *why = NULL;
	int64_t t;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct date_zone *z = date_zone_open(bad[i]);

		check(z == NULL, "zone(%s): must be refused", bad[i]);
		date_zone_close(z);
	}
	check(date_naive("2006-01-01T00:00:00", 19, NULL, NULL, INT64_MIN, &t,
		  &why) < 0 &&
		strcmp(why, "no time zone") == 0,
	    "naive(NULL): a zone is needed");
	check(date_naive("1795500000", 10, "%s", NULL, INT64_MIN, &t, &why) ==
		    0 &&
		t == 1795500000000000,
	    "naive(%%s): needs no zone");
}

static void
test_add(void)
{
	static const struct {
		int64_t t;
		const char *want;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00Z" },
		{ 1, "1970-01-01T00:00:00.000001Z" },
		{ -1, "1969-12-31T23:59:59.999999Z" },
		{ 951782400000000, "2000-02-29T00:00:00Z" },
		{ 1795500000120000, "2026-11-24T06:00:00.12Z" },
		{ 253402300799999999, "9999-12-31T23:59:59.999999Z" },
		{ -62167219200000000, "0000-01-01T00:00:00Z" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf b = { 0 };
		int64_t back;

		date_add(&b, cases[i].t, NULL);
		check(strcmp(buf_cstr(&b), cases[i].want) == 0, "add(%s): %s",
		    cases[i].want, b.p);
		check(
		    date_rfc3339(b.p, b.len, &back) == 0 && back == cases[i].t,
		    "add(%s): back", cases[i].want);
		buf_fini(&b);
	}
}

int
main(void)
{
	setenv("SG_NOW", "2026-11-24T06:00:00Z", 1);
	check(date_now() == 1795500000000000, "now(SG_NOW): fixed clock");
	check(date_mono() <= date_mono(), "mono(): never steps back");
	test_rfc3339();
	test_command_line();
	test_quantities();
	test_naive();
	test_zones();
	test_add();
	return check_done();
}

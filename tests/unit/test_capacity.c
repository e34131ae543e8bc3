#include <string.h>

#include "check.h"
#include "grid/capacity.h"
#include "grid/capacity_table.h"

#define SECOND INT64_C(1000000)

static const struct {
	const char *link; /* what a link may be called */
	int64_t down, up; /* millionths; down 0: refused */
} links[] = {
	{ "24/3.3", 24000000, 3300000 },
	{ "24Mbps/3.3Mbps", 24000000, 3300000 },
	{ "54", 54000000, 0 },
	{ "28kbps", 28000, 0 },
	{ "1G/500m", 1000000000, 500000000 },
	{ "0.000001", 1, 0 },
	{ "1000000", CAPACITY_RATE_MAX, 0 },
	{ "1000Gbps", CAPACITY_RATE_MAX, 0 },
	{ "1000001", 0, 0 },
	{ "0.0000001", 0, 0 },
	{ "0/3", 0, 0 },
	{ "3/0", 0, 0 },
	{ "", 0, 0 },
	{ "/", 0, 0 },
	{ "3/", 0, 0 },
	{ "-3", 0, 0 },
	{ "1e3", 0, 0 },
	{ "3 Mbps", 0, 0 },
	{ "3Mb", 0, 0 },
	{ "3/2/1", 0, 0 },
	{ "99999999999999999999", 0, 0 },
};

static void
check_links(void)
{
	for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
		int64_t down = 0, up = 0;
		int r = capacity_link(links[i].link, &down, &up);

		check(r == (links[i].down > 0 ? 0 : -1), "%s: %d",
		    links[i].link, r);
		if (r == 0)
			check(down == links[i].down && up == links[i].up,
			    "%s: %lld/%lld", links[i].link, (long long)down,
			    (long long)up);
	}
}

static const struct {
	const char *printed;
	uint64_t num, den;
	int agrees; /* -1: not printed so */
	const char *as;
} figures[] = {
	{ "1.5k", 3125, 2, 1, "1.5k" },
	{ "546", 546875, 1000, 1, "546" },
	{ "547", 546875, 1000, 0, "546" },
	{ "8.5k", 84375, 10, 0, "8.4k" },
	{ "156k", 156250, 1, 1, "156k" },
	{ "4", 35, 8, 1, "4" },
	{ "1590.03", 159002, 100, 0, "1590.02" },
	{ "k", 1, 1, -1, NULL },
	{ "", 1, 1, -1, NULL },
	{ "1.5 k", 1, 1, -1, NULL },
	{ "-1", 1, 1, -1, NULL },
	{ "1e3", 1, 1, -1, NULL },
	{ "0.0000001", 1, 1, -1, NULL },
};

static void
check_figures(void)
{
	for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
		const char *p = figures[i].printed;
		struct capacity_figure f;
		struct ratio r = ratio_of(figures[i].num, figures[i].den);
		struct buf b = { 0 };
		int parsed = capacity_printed(p, strlen(p), &f);

		check(parsed == (figures[i].agrees < 0 ? -1 : 0), "%s", p);
		if (parsed < 0)
			continue;
		check(capacity_agrees(&f, r) == figures[i].agrees, "%s", p);
		capacity_add(&b, &f, r);
		check(
		    strcmp(buf_cstr(&b), figures[i].as) == 0, "%s: %s", p, b.p);
		buf_fini(&b);
	}
}

static const struct {
	int64_t bytes, interval, mega, mbps;
	uint64_t num, den;
	const char *why;
} peers[] = {
	{ 800000, SECOND, CAPACITY_MEGA, 10 * SECOND, 3125, 2, "Table I" },
	{ 800000, SECOND, CAPACITY_MEGA, 28000, 35, 8, "Table I, satellite" },
	{ 800000, 60 * SECOND, CAPACITY_MEGA_BINARY, 662 * SECOND, 32538624, 5,
	    "Table II" },
	{ 288000, 60 * SECOND, CAPACITY_MEGA, 24 * SECOND, 625000, 1,
	    "a shorter message" },
	{ 1, 1, CAPACITY_MEGA, 1, 1, 8000, "the least of all" },
	{ 1, CAPACITY_INTERVAL_MAX, CAPACITY_MEGA_BINARY, CAPACITY_RATE_MAX, 0,
	    0, "the most of all" },
};

static void
check_peers(void)
{
	for (size_t i = 0; i < sizeof peers / sizeof peers[0]; i++) {
		struct capacity_load load = { peers[i].bytes, peers[i].interval,
			peers[i].mega };
		struct ratio r = capacity_peers(&load, peers[i].mbps);

		if (peers[i].den == 0)
			check(ratio_floor(r) == INT64_MAX, "%s", peers[i].why);
		else
			check(r.num == peers[i].num && r.den == peers[i].den,
			    "%s", peers[i].why);
	}
}

static void
check_senders(void)
{
	struct capacity_load load = { 800000, SECOND, CAPACITY_MEGA };
	static const struct {
		int64_t down, up, fanout, want;
		const char *why;
	} cases[] = {
		{ 24, 3, 0, 3750, "nobody receives: what comes in" },
		{ 24, 3, 1, 468, "one receives: what goes out" },
		{ 24, 3, 3, 156, "three receive" },
		{ 10, 1000, 2, 1562, "what comes in is less" },
		{ 64, 0, 0, 10000, "one channel, nobody receives" },
		{ 64, 0, 3, 2500, "one channel, four times through it" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t got =
		    ratio_floor(capacity_senders(&load, cases[i].down * SECOND,
			cases[i].up * SECOND, cases[i].fanout));

		check(got == cases[i].want, "%s: %lld", cases[i].why,
		    (long long)got);
	}
}

/* What is half of a subsystem in the mean stays half, in any base. */
static void
check_average(void)
{
	struct capacity_load load = { 1000000, SECOND, CAPACITY_MEGA };
	const int64_t mbps[] = { 8 * SECOND, 24 * SECOND, 24 * SECOND };
	/* 8 Mbit/s carry 1000 messages of 1000 bytes: 2.1, 0.7, 0.7 */
	struct ratio customers = ratio_of(2100, 1), r;

	r = capacity_average(&load, customers, mbps, 3, 0);
	check(ratio_compare(r, ratio_of(7, 6)) >= 0 &&
		ratio_scaled(r, 9, 0) == 1166666666,
	    "mean");
	r = capacity_average(&load, customers, mbps, 3, 1);
	check(ratio_scaled(r, 9, 0) == 1366666666, "mean, one at least");
	r = capacity_average(
	    &load, ratio_of(100, 3), &(const int64_t){ 8 * SECOND / 45 }, 1, 1);
	check(ratio_half_up(r) == 2, "one and a half is two");
	check(ratio_floor(capacity_needed(&load, customers)) == 16800000,
	    "16.8 Mbit/s");
}

/* A thousand links at both ends of what is allowed do not overflow. */
static void
check_extremes(void)
{
	static int64_t mbps[1000];
	struct capacity_load load = { CAPACITY_BYTES_MAX - 1, 1,
		CAPACITY_MEGA };
	struct ratio most = ratio_of(CAPACITY_CUSTOMERS_MAX, 1), r;

	for (size_t i = 0; i < 1000; i++)
		mbps[i] = CAPACITY_RATE_MAX - (int64_t)i;
	r = capacity_average(&load, most, mbps, 1000, 1);
	check(ratio_compare(r, capacity_subsystems(&load, most, mbps[0])) >= 0,
	    "the mean is not below the least");
	check(ratio_compare(r, capacity_subsystems(&load, most, mbps[999])) <=
		    0 ||
		ratio_scaled(r, 3, 0) ==
		    ratio_scaled(
			capacity_subsystems(&load, most, mbps[999]), 3, 0),
	    "nor above the most");
}

int
main(void)
{
	check_links();
	check_figures();
	check_peers();
	check_senders();
	check_average();
	check_extremes();
	return check_done();
}

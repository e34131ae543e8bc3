/*
 * How many customers a link carries and how many subsystems an area needs,
 * by the formulas behind Tables I, II and III of Patti et al., "Distributed
 * Software Infrastructure for General Purpose Services in Smart Grid" (IEEE
 * Trans. Smart Grid 7(2), 2016), section V.  All in exact fractions.
 */
#ifndef SG_GRID_CAPACITY_H
#define SG_GRID_CAPACITY_H

#include <stddef.h>
#include <stdint.h>

#include "base/ratio.h"

enum capacity_rounding {
	CAPACITY_PAPER,	 /* as the table in question has it */
	CAPACITY_FLOOR,	 /* as many as fit */
	CAPACITY_HALF_UP /* the nearest number, maybe one that does not fit */
};

enum {
	CAPACITY_MEGA = 1000000,	  /* of Table I */
	CAPACITY_MEGA_BINARY = 1048576,	  /* 2^20, of Tables II and III */
	CAPACITY_FANOUT_MAX = 1000000,
};

#define CAPACITY_CUSTOMERS_MAX INT64_C(1000000000000)
#define CAPACITY_RATE_MAX INT64_C(1000000000000) /* 1 Tbit/s */
#define CAPACITY_BYTES_MAX (INT64_C(16777216) * 1000)
#define CAPACITY_INTERVAL_MAX (INT64_C(366) * 86400 * 1000000)

/* What everybody sends.  Each within 1 ... its maximum above. */
struct capacity_load {
	int64_t bytes;	  /* thousandths of a byte, of one message in all */
	int64_t interval; /* microseconds between two of one customer */
	int64_t mega;	  /* bit/s in one Mbit/s */
};

/*
 * capacity_peers(load, mbps) - Tables I and II: messages that a channel of
 * mbps (millionths of a Mbit/s) carries in an interval,
 *
 *	mbps * mega * interval / (8 * bytes),
 *
 * hence senders to it, or receivers from it of one message each.
 */
struct ratio
capacity_peers(const struct capacity_load *load, int64_t mbps);

/*
 * capacity_senders(load, down, up, fanout) - Customers whose every message a
 * link receives and sends on fanout times: the smaller of what comes in
 * through down and of what goes out through up, or, where both ways share
 * one channel (up 0), what goes through it 1 + fanout times.
 */
struct ratio capacity_senders(const struct capacity_load *load, int64_t down,
    int64_t up, int64_t fanout);

/*
 * capacity_customers(density, area) - Table III: customers of an area, both
 * in thousandths (per km2, km2), not rounded.
 */
struct ratio capacity_customers(int64_t density, int64_t area);

/* capacity_mega(load, customers) - Table III: Mbyte of them in an interval. */
struct ratio
capacity_mega(const struct capacity_load *load, struct ratio customers);

/*
 * capacity_average(load, customers, mbps, n, least) - Over n channels, the
 * mean of how many of them the customers' messages need, where less than
 * `least` counts as that: Table III, model A, with least 1.  Each term is
 * rounded up to 10^-12, so that what is a half stays one.  n > 0.
 */
struct ratio capacity_average(const struct capacity_load *load,
    struct ratio customers, const int64_t *mbps, size_t n, unsigned least);

/*
 * capacity_subsystems(load, customers, mbps) - Table III, model B: how many
 * channels of one kind the customers' messages need, to be rounded up.
 */
struct ratio capacity_subsystems(const struct capacity_load *load,
    struct ratio customers, int64_t mbps);

/*
 * capacity_needed(load, customers) - Table I backwards: what a channel needs,
 * in bit/s.
 */
struct ratio
capacity_needed(const struct capacity_load *load, struct ratio customers);

/* capacity_round(r, rounding) - CAPACITY_PAPER counts as CAPACITY_FLOOR. */
int64_t capacity_round(struct ratio r, enum capacity_rounding rounding);

/*
 * capacity_decimal(p, n, places, max, out) - The whole of p[0..n), a decimal
 * without exponent above 0 and at most max, in units of 10^-places: 0, or -1
 * if it is anything else or has more decimals.
 */
int capacity_decimal(
    const char *p, size_t n, int places, int64_t max, int64_t *out);

/*
 * A figure as the paper prints one: a decimal, maybe with a k for thousands.
 * capacity_printed(p, n, figure) - 0, or -1 if it is none.
 * capacity_agrees(figure, r) - 1 if r without further decimals is printed so.
 * capacity_add(b, figure, r) - Append r as it would be printed in its place.
 */
struct capacity_figure {
	int64_t digits; /* without the point */
	int places;	/* decimals */
	int thousands;
};
int capacity_printed(const char *p, size_t n, struct capacity_figure *figure);
int capacity_agrees(const struct capacity_figure *figure, struct ratio r);
void capacity_add(
    struct buf *b, const struct capacity_figure *figure, struct ratio r);

/*
 * capacity_rate(p, n, mbps) - A rate in millionths of a Mbit/s, from 24,
 * 3.3Mbps, 500kbps, 1Gbps, 1G.  capacity_link(text, down, up) - "DOWN/UP", or
 * one rate that both ways share (*up 0).  0, or -1.
 */
int capacity_rate(const char *p, size_t n, int64_t *mbps);
int capacity_link(const char *text, int64_t *down, int64_t *up);

#endif

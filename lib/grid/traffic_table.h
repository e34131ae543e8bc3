/*
 * What a measured stream (grid/traffic.h) means for links and regions.
 */
#ifndef SG_GRID_TRAFFIC_TABLE_H
#define SG_GRID_TRAFFIC_TABLE_H

#include "event/table.h"
#include "grid/capacity_table.h"
#include "grid/survey.h"
#include "grid/traffic.h"

/*
 * A stream that was measured to its end.  overhead: thousandths of a byte that
 * each message takes beside what the form says.
 */
struct traffic_result {
	struct traffic_form form[TRAFFIC_FORMS];
	uint64_t events, topics;
	int64_t span, interval, overhead;
};

/* traffic_bytes(r, i) - Thousandths of a byte for an event in form i. */
int64_t traffic_bytes(const struct traffic_result *r, size_t i);

/*
 * traffic_sizes(r, s, ask, t) - A row for each form: bytes of an event, how
 * many times as many of them fit as of the paper's 800 bytes, events a second,
 * Mbit/s; and for each link of s how many customers it carries with messages
 * like these (ask.interval, else a minute) and what share of it this stream
 * takes.
 * traffic_table(r, s, ask, n, t) - Table n, 1 to 3, for each form.  0, or -1
 * with *why (constant), as capacity_table3().
 */
void traffic_sizes(const struct traffic_result *r, const struct survey *s,
    const struct capacity_ask *ask, struct table *t);
int traffic_table(const struct traffic_result *r, const struct survey *s,
    const struct capacity_ask *ask, int n, struct table *t, const char **why);

#endif

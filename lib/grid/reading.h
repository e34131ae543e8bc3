/*
 * What one event says to an aggregator: one value, or a partial aggregate
 * with several statistics of the readings behind it.
 */
#ifndef SG_GRID_READING_H
#define SG_GRID_READING_H

#include <stddef.h>
#include <stdint.h>

#include "event/event.h"
#include "event/json.h"
#include "grid/tally.h"

struct reading {
	int64_t t;
	const char *v;		/* number token; NULL if m has the values */
	size_t vn;
	const char *u;		/* unit, un 0 if there is none */
	size_t un;
	struct json_value m;	/* partial: the statistics by name */
	struct json_value sum;	/* beside v: JSON_NONE if there is none */
	int aggregate;		/* has w and n: may be revised */
	int64_t n, values, rev;
	int64_t w;		/* microseconds, 0 if not known */
};

/*
 * reading_take(r, e, value) - Find the parts.  value is "v", or "m.NAME" for
 * a member of m, or NULL for v or a partial aggregate's m.  1; 0 if q says
 * BAD or MISSING or it is an aggregate of nothing; -1 with *why, valid until
 * the next call.  Borrows from the event's line.
 */
int reading_take(struct reading *r, const struct event *e, const char *value,
    const char **why);

/*
 * reading_add(r, parts, scale, t) - Add the one value of r, whose v is set,
 * to t.  0, or -1 if it is out of range; t is then as before.
 */
int reading_add(const struct reading *r, unsigned parts,
    const struct tally_scale *scale, struct tally *t);

/*
 * reading_tally(r, parts, mean, scale, t) - Make t, which is empty, the tally
 * of r.  With mean set, a sum beside v replaces v in the sum, so that the
 * mean of means weighs them.  0, or -1 with *why.
 */
int reading_tally(const struct reading *r, unsigned parts, int mean,
    const struct tally_scale *scale, struct tally *t, const char **why);

#endif

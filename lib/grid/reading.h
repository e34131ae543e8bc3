/*
 * What one event says to an aggregator: one value of each field, or a partial
 * aggregate of the readings behind it.
 */
#ifndef SG_GRID_READING_H
#define SG_GRID_READING_H

#include <stddef.h>
#include <stdint.h>

#include "event/event.h"
#include "grid/counter.h"
#include "grid/partial.h"
#include "grid/tally.h"

struct reading {
	const struct event *event;
	int64_t t;
	int64_t w; /* microseconds, 0 if not known */
	int64_t rev;
	uint32_t have;			   /* fields it has, by bits */
	int aggregate;			   /* has w and n: may be revised */
	struct tally_count count;	   /* of each field, if no aggregate */
	const char *v[PARTIAL_FIELDS_MAX]; /* numbers, if no aggregate */
	size_t vn[PARTIAL_FIELDS_MAX];
	struct partial partial; /* if it is one */
};

/*
 * reading_take(r, e, fields, wants, why) - Find the parts.  1; 0 if q says BAD
 * or MISSING or it is an aggregate of nothing; -1 with *why, valid until the
 * next call.  Borrows from the event and its line.
 */
int reading_take(struct reading *r, const struct event *e,
    const struct partial_fields *fields, const struct partial_wants *wants,
    const char **why);

/* reading_unit(r, …, f, n) - The unit of field f, *n 0 if there is none. */
const char *
reading_unit(const struct reading *r, const struct partial_fields *fields,
    const struct partial_wants *wants, size_t f, size_t *n);

/*
 * reading_add(r, f, parts, scale, t) - Add the one value of field f to t; r is
 * no aggregate.  0, or -1 if it is out of range; t is then as before.
 */
int reading_add(const struct reading *r, size_t f, unsigned parts,
    const struct tally_scale *scale, struct tally *t);

/*
 * reading_tally(r, fields, wants, f, parts, scale, t) - Make t, which is
 * empty, the tally of field f.  NULL, or what is wrong.
 */
const char *reading_tally(const struct reading *r,
    const struct partial_fields *fields, const struct partial_wants *wants,
    size_t f, unsigned parts, const struct tally_scale *scale, struct tally *t);

/*
 * reading_point(r, fields, wants, f, scale, point, count) - Field f as the
 * reading of a counter; of an aggregate the last one behind it.  NULL, or what
 * is wrong.
 */
const char *reading_point(const struct reading *r,
    const struct partial_fields *fields, const struct partial_wants *wants,
    size_t f, const struct tally_scale *scale, struct counter_point *point,
    struct tally_count *count);

#endif

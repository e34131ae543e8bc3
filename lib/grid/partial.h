/*
 * What an aggregate event says of the readings behind it: the statistics
 * that were asked for, and beside them what an aggregator needs that merges
 * such events to what it would make of all readings.  Both ends of that.
 *
 * One field (what is aggregated: v, or a member of m) and one statistic are
 * v.  Several statistics of one field, or several fields with one, are members
 * of m by the name of the one or the other; several of both are FIELD.STAT.
 * u is likewise; if none of them has a unit, it is that of the members below,
 * by the names of theirs.  Then come, of those that merging needs:
 *
 *	w n		width of the window in seconds, readings
 *	counts		readings by field, if they differ
 *	values		values, if they are not as many as the readings
 *	sum sq sketch	their sum and that of their squares (strings if a
 *			number would be rounded, sq always), sketch.h
 *	min max first last, min_at max_at first_at last_at
 *	exact		of printed numbers that are rounded: all digits
 *	estimated	how many readings are, and q
 *	ignored resets	of counters
 *
 * each an object by field if there are several (exact: by the name in m if
 * there is an m).
 */
#ifndef SG_GRID_PARTIAL_H
#define SG_GRID_PARTIAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "event/json.h"
#include "grid/tally.h"

/* Readings of one event, so that no window's count overflows. */
#define PARTIAL_READINGS_MAX INT64_C(1000000000000)

enum { PARTIAL_FIELDS_MAX = 8, PARTIAL_FIELD_MAX = 64 };

/* What is aggregated: v, or members of m.  All-zero is v or any partial. */
struct partial_fields {
	size_t n;
	char name[PARTIAL_FIELDS_MAX][PARTIAL_FIELD_MAX + 1];
	uint32_t in_m; /* by bits; the other one is v */
};

/*
 * partial_fields(fields, text, why) - Read "v", "m.NAME" or several, with
 * commas between.  0, or -1 with *why.
 */
int partial_fields(
    struct partial_fields *fields, const char *text, const char **why);

/* What is asked for, of each field. */
struct partial_wants {
	struct tally_want want[TALLY_WANTS_MAX];
	size_t n;
	unsigned parts; /* that these need */
	unsigned stats; /* 1u << enum tally_stat */
};

/*
 * partial_wants(wants, text, why) - Read names of statistics (tally.h) with
 * commas between.  0, or -1 with *why, valid until the next call.
 */
int
partial_wants(struct partial_wants *wants, const char *text, const char **why);

/* partial_one(wants, stat) - Make it one statistic, no quantile. */
void partial_one(struct partial_wants *wants, enum tally_stat stat);

/* One field's readings and the unit that they are counted in. */
struct partial_field {
	const struct tally *tally;
	const char *unit;
	size_t un;
};

/*
 * partial_print(wants, fields, field, times, b) - Append the members from v
 * or m on, ",\"v\":…"; field has as many as fields (one if that is all-zero).
 * Fields without values are left out; one at least has some.
 */
void partial_print(const struct partial_wants *wants,
    const struct partial_fields *fields, const struct partial_field *field,
    const struct tally_times *times, struct buf *b);

/* The members of an event that may be a partial aggregate. */
enum partial_member {
	PARTIAL_COUNTS,
	PARTIAL_VALUES,
	PARTIAL_SUM,
	PARTIAL_SQ,
	PARTIAL_SKETCH,
	PARTIAL_MIN,
	PARTIAL_MAX,
	PARTIAL_FIRST,
	PARTIAL_LAST,
	PARTIAL_MIN_AT,
	PARTIAL_MAX_AT,
	PARTIAL_FIRST_AT,
	PARTIAL_LAST_AT,
	PARTIAL_EXACT,
	PARTIAL_ESTIMATED,
	PARTIAL_IGNORED,
	PARTIAL_RESETS,
	PARTIAL_MEMBERS
};

struct partial {
	int64_t t, n;		/* of the event */
	int estimated;		/* its quality is */
	struct json_value v, m; /* JSON_NONE if it has none */
	struct json_value member[PARTIAL_MEMBERS];
};

/* partial_find(p, line) - Find the members of the line, an object. */
void partial_find(struct partial *p, const struct json_value *line);

/*
 * partial_has(p, fields, f) - 1 if there are statistics of field f, or its
 * value.
 */
int partial_has(const struct partial *p, const struct partial_fields *fields,
    const struct partial_wants *wants, size_t f);

/*
 * partial_unit(wants, fields, f, u, n) - The unit of field f in the object u;
 * *n is 0 if there is none.
 */
const char *partial_unit(const struct partial_wants *wants,
    const struct partial_fields *fields, size_t f, const struct json_value *u,
    size_t *n);

/*
 * partial_tally(p, wants, fields, f, parts, scale, t) - Make t, which is
 * empty, the tally of the readings of field f behind p.  An aggregate whose
 * one value is another statistic than the one that is wanted counts as that
 * one value.  NULL, or what is wrong.
 */
const char *partial_tally(const struct partial *p,
    const struct partial_wants *wants, const struct partial_fields *fields,
    size_t f, unsigned parts, const struct tally_scale *scale, struct tally *t);

#endif

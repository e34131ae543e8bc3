/*
 * Rows of a CSV file as events: which columns make the topic, the time, the
 * values and other members.
 */
#ifndef SG_EVENT_ROW_H
#define SG_EVENT_ROW_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/date.h"
#include "event/csv.h"

/*
 * What the user asks for; NULL and 0 where nothing was asked.  COLUMN is a
 * name in the header row, or a number from 1 if there is none.  LIST is
 * NAME=COLUMN[:UNIT],… or COLUMN[:UNIT],… (named like its column).
 *
 * If topic, time, value, values, each, member and number are all NULL, the
 * columns are named like members of an event, as format.h writes them (t may
 * also be Unix seconds then).
 */
struct row_plan {
	const char *topic;	 /* template with {COLUMN}; {name} with each */
	const char *time;	 /* COLUMN or COLUMN,COLUMN (joined by ' ') */
	const char *time_format; /* strptime with %f, "unix", "unixms"; NULL:
				    RFC 3339 or ISO 8601 */
	const struct date_zone *zone; /* of naive times; borrowed */
	const char *value;	      /* COLUMN of v */
	const char *values;	      /* LIST of the members of m */
	const char *each;	      /* LIST: one event for each */
	const char *unit;	      /* symbol, or {COLUMN} */
	const char *scale;	      /* decimal number to multiply values by */
	const char **member, **number; /* NAME=COLUMN, strings and numbers */
	size_t members, numbers;
	const char **missing; /* cells that stand for no value */
	size_t missings;
	int clean;	   /* '_' for what cannot stand in a topic */
	int decimal_comma; /* 1,5 instead of 1.5 */
	int no_header;
};

struct row;

/*
 * row_new(plan, why) - The strings of plan are borrowed.  NULL with *why (a
 * constant string) naming the option at fault.
 */
struct row *row_new(const struct row_plan *plan, const char **why);
void row_free(struct row *row);

/*
 * row_header(row, cells, n, why) - The header row of the next file; not to be
 * called if there is none.  0, or -1 with *why (valid until the next call).
 */
int row_header(
    struct row *row, const struct csv_cell *cells, size_t n, const char **why);

/*
 * row_events(row, cells, n, b, why) - Append the row's events as lines with
 * newlines.  How many (0: all its values are missing), or -1 with *why
 * (valid until the next call) and b unchanged.  Numbers that are JSON are
 * taken digit for digit; +1 .5 1. 007 are written as JSON has them.
 */
int row_events(struct row *row, const struct csv_cell *cells, size_t n,
    struct buf *b, const char **why);

/* row_missing(row) - Values missing so far in rows that were not refused. */
uint64_t row_missing(const struct row *row);

#endif

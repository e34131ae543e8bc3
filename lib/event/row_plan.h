/*
 * Inside row.h: what a plan asks for, and where its columns are in the file
 * at hand.
 */
#ifndef SG_EVENT_ROW_PLAN_H
#define SG_EVENT_ROW_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "event/csv.h"
#include "event/row.h"

enum { ROW_TIME_COLUMNS_MAX = 2 };

/* Index of a column that the header does not have. */
#define ROW_NOWHERE SIZE_MAX

enum row_kind { ROW_STRING, ROW_NUMBER, ROW_BOOL, ROW_JSON };

/* A column that becomes a member of the event, or of m. */
struct row_member {
	char *name;
	char *column;
	char *unit; /* NULL: none of its own */
	size_t at;
	enum row_kind kind;
	int optional; /* may be absent from the header */
};

struct row_members {
	struct row_member *v;
	size_t n;
};

/* A stretch of a template: text, or a column's cell. */
struct row_piece {
	char *text;
	char *column;
	size_t at;
	int is_name; /* {name}: which of --each it is */
};

struct row {
	struct row_plan plan;
	int bare; /* columns are named like members */
	struct row_piece *piece;
	size_t pieces;
	struct row_member time[ROW_TIME_COLUMNS_MAX];
	size_t times;
	struct row_members value;  /* v */
	struct row_members values; /* m */
	struct row_members each;
	struct row_members rest;
	int64_t mul, div;
	int negative;
	size_t columns;
	struct csv_cell *header;
	uint64_t missing;
	int64_t prev;
	struct buf last_time, last_t; /* the time cell read last, and t */
	struct buf text, topic, why;
};

/* row_plan_read(r) - Take r->plan apart: NULL, or what is wrong with it. */
const char *row_plan_read(struct row *r);

/*
 * row_plan_place(r) - Find the columns in r->header[0..r->columns).  0, or -1
 * with the reason in r->why.
 */
int row_plan_place(struct row *r);

/* row_plan_last(r) - The highest column that is needed, from 0. */
size_t row_plan_last(const struct row *r);

/* row_plan_fini(r) - Free what row_plan_read() made. */
void row_plan_fini(struct row *r);

/* row_plan_value(name) - 1 if the member of that name is a value. */
int row_plan_value(const char *name);

/* row_plan_same(c, s) - 1 if the cell's text is s. */
int row_plan_same(const struct csv_cell *c, const char *s);

/* row_plan_quote(b, p, n) - Append p[0..n) in quotes, shortened. */
void row_plan_quote(struct buf *b, const char *p, size_t n);

#endif

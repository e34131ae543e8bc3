/*
 * Tables I, II and III of the paper (grid/capacity.h), computed for links and
 * regions of a survey, with the paper's figures beside; and what follows from
 * them for one's own links.
 */
#ifndef SG_GRID_CAPACITY_TABLE_H
#define SG_GRID_CAPACITY_TABLE_H

#include "event/table.h"
#include "grid/capacity.h"
#include "grid/survey.h"

/* What is asked; 0 in interval and mega: as the paper has it there. */
struct capacity_ask {
	int64_t bytes;	   /* thousandths, with what goes around a message */
	int64_t interval;  /* microseconds */
	int64_t mega;	   /* bit/s in a Mbit/s */
	int64_t fanout;	   /* receivers of each message */
	int64_t density;   /* thousandths of a customer per km2 */
	int64_t effective; /* model B's link, millionths of a Mbit/s */
	enum capacity_rounding rounding;
	int compare; /* with the paper: all of this is the paper's */
	int sums;    /* table III: a row with the sums of the regions, too */
};

/* The paper's: 800 bytes, 109 customers per km2; a link of 41 Mbit/s. */
extern const struct capacity_ask capacity_paper;

/* capacity_load_of(ask, n) - What everybody sends in Table n, 1 to 3. */
struct capacity_load capacity_load_of(const struct capacity_ask *ask, int n);

/*
 * capacity_table1(s, ask, t), 2, 3 - Fill the empty table t.  2 and 3 look at
 * the links of survey_wide() alone.  3: 0, or -1 with *why (constant) where
 * capacity_too_many() is.
 */
void capacity_table1(
    const struct survey *s, const struct capacity_ask *ask, struct table *t);
void capacity_table2(
    const struct survey *s, const struct capacity_ask *ask, struct table *t);
int capacity_table3(const struct survey *s, const struct capacity_ask *ask,
    struct table *t, const char **why);

/*
 * capacity_links(s, ask, t) - What each link receives, sends, and how many
 * customers that makes (capacity_senders()).
 * capacity_fit(s, ask, customers, t) - The links that carry so many, the
 * smallest first; how many there are.
 * capacity_split(s, ask, customers, t) - Into how many subsystems so many
 * customers have to be divided, link by link; with more than one link of a
 * WAN by models A and B, too.
 */
void capacity_links(
    const struct survey *s, const struct capacity_ask *ask, struct table *t);
size_t capacity_fit(const struct survey *s, const struct capacity_ask *ask,
    int64_t customers, struct table *t);
void capacity_split(const struct survey *s, const struct capacity_ask *ask,
    int64_t customers, struct table *t);

/*
 * capacity_mean(s, load, customers, least, n) - capacity_average() over the
 * links of survey_wide(), of which there are *n; n 0: none, and 0.
 */
struct ratio capacity_mean(const struct survey *s,
    const struct capacity_load *load, struct ratio customers, unsigned least,
    size_t *n);

/*
 * capacity_too_many(ask, s, why) - 1 with *why (constant) if the regions have
 * more than CAPACITY_CUSTOMERS_MAX customers.
 */
int capacity_too_many(const struct capacity_ask *ask, const struct survey *s,
    const char **why);

/*
 * capacity_region(ask, region, is_total) - Its customers: rounded for a
 * region, exact for the total, as Table III has it.
 */
struct ratio capacity_region(const struct capacity_ask *ask,
    const struct survey_region *region, int is_total);

/*
 * capacity_check(s, ask, n, t) - Append to t (empty, or filled by an earlier
 * call) a row for each figure of Table n of the paper, or of its text (n 0):
 * table, row, figure, paper, computed, verdict "ok" or "DIFF", reason.
 * Returns how many differ, or -1 with *why if a claim's figure or place is
 * none.
 */
int capacity_check(const struct survey *s, const struct capacity_ask *ask,
    int n, struct table *t, struct buf *why);

/*
 * A cell: the whole or decimal number r (table_number()), or a figure as the
 * paper prints it.
 */
void capacity_cell(struct table *t, struct ratio r, int least, int most);
void capacity_figure_cell(struct table *t, const char *text);

#endif

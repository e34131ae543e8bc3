/*
 * What the files of partial.h share.
 */
#ifndef SG_GRID_PARTIAL_PART_H
#define SG_GRID_PARTIAL_PART_H

#include "grid/partial.h"

/* Bytes of a name in m. */
enum { PARTIAL_NAME_SPACE = PARTIAL_FIELD_MAX + TALLY_NAME_MAX + 2 };

/* Their names in the event. */
extern const char *const partial_members[PARTIAL_MEMBERS];

/* Values with a time. */
struct partial_timed {
	unsigned part;
	enum tally_stat stat, at;
	enum partial_member member, member_at;
	int time_matters; /* which of several it is depends on the times */
};

enum { PARTIAL_TIMED = 4 };
extern const struct partial_timed partial_timed[PARTIAL_TIMED];

/*
 * partial_name(space, fields, f, stat, single) - The name in m of a statistic
 * of field f, single if there is but one.
 */
const char *partial_name(char *space, const struct partial_fields *fields,
    size_t f, const char *stat, int single);

/* partial_wanted(wants, stat) - 1 if it is asked for. */
static inline int
partial_wanted(const struct partial_wants *wants, enum tally_stat stat)
{
	return wants->stats >> stat & 1;
}

/* partial_composed(wants) - 1 if some are made of more than their own value. */
static inline int
partial_composed(const struct partial_wants *wants)
{
	return partial_wanted(wants, TALLY_MEAN) ||
	    partial_wanted(wants, TALLY_STDDEV) ||
	    partial_wanted(wants, TALLY_QUANTILE);
}

#endif

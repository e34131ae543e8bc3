/*
 * Clock-aligned stretches of time, such as each minute, each local day or
 * each month.  Every moment belongs to exactly one slot of a rule.
 */
#ifndef SG_GRID_SLOT_H
#define SG_GRID_SLOT_H

#include <stdint.h>

#include "base/date.h"

#define SLOT_WIDTH_MAX (INT64_C(3653) * 86400 * DATE_SECOND)

/* Moments are within the years 0 to 9999. */
#define SLOT_TIME_MIN (INT64_C(-62167219200) * DATE_SECOND)
#define SLOT_TIME_MAX (INT64_C(253402300800) * DATE_SECOND)

enum slot_kind { SLOT_FIXED, SLOT_MONTH, SLOT_YEAR };

struct slot_rule {
	enum slot_kind kind;
	int64_t width;			/* microseconds, SLOT_FIXED only */
	const struct date_zone *zone;	/* NULL is UTC; borrowed */
};

/* From start up to, not including, end; microseconds since 1970. */
struct slot {
	int64_t start, end;
};

/*
 * slot_rule_parse(rule, s) - A duration from 1 ms to 10 years (date.h), or
 * the word "month" or "year".  Leaves rule->zone alone.  0, or -1 with *why.
 */
int slot_rule_parse(struct slot_rule *rule, const char *s, const char **why);

/*
 * slot_at(rule, t, slot) - The slot that holds t, which is in
 * SLOT_TIME_MIN..SLOT_TIME_MAX.  Slots are aligned to
 * local midnight, whole weeks to Monday.  Slots over one hour follow the
 * local clock: a day has 23 or 25 hours when the clock changes.  Slots up to
 * one hour keep their length, and an hour that the clock shows twice is two
 * slots.
 */
void slot_at(const struct slot_rule *rule, int64_t t, struct slot *slot);

#endif

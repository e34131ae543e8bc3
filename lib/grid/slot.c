#include <string.h>
#include <time.h>

#include "grid/slot.h"

static const int64_t second = DATE_SECOND;
static const int64_t hour = INT64_C(3600) * DATE_SECOND;
static const int64_t day = INT64_C(86400) * DATE_SECOND;

int
slot_rule_parse(struct slot_rule *rule, const char *s, const char **why)
{
	rule->kind = SLOT_FIXED;
	rule->width = 0;
	if (strcmp(s, "month") == 0)
		rule->kind = SLOT_MONTH;
	else if (strcmp(s, "year") == 0)
		rule->kind = SLOT_YEAR;
	else if (date_duration(s, &rule->width) == -1) {
		*why = "neither a duration nor month nor year";
		return -1;
	} else if (rule->width < 1000) {
		*why = "shorter than 1ms";
		return -1;
	} else if (rule->width > SLOT_WIDTH_MAX) {
		*why = "longer than 10 years";
		return -1;
	}
	return 0;
}

static int64_t
floor_to(int64_t t, int64_t width)
{
	int64_t rest = t % width;

	return t - (rest < 0 ? rest + width : rest);
}

static int64_t
offset_at(const struct slot_rule *rule, int64_t t)
{
	return rule->zone == NULL ? 0 : date_zone_offset(rule->zone, t);
}

/*
 * The first moment at which the local clock shows local or, if the clock
 * skips it, the moment of the skip.
 */
static int64_t
first_moment(const struct slot_rule *rule, int64_t local)
{
	int64_t before = offset_at(rule, local - day);
	int64_t after = offset_at(rule, local + day);
	int64_t early = local - before, late = local - after;

	if (before == after || early + offset_at(rule, early) == local)
		return early;
	if (late + offset_at(rule, late) == local)
		return late;
	/* Skipped: the offset changes somewhere between the two. */
	if (late < early) {
		int64_t swap = late;

		late = early;
		early = swap;
	}
	while (late - early > 1) {
		int64_t middle = early + (late - early) / 2;

		if (offset_at(rule, middle) == before)
			early = middle;
		else
			late = middle;
	}
	return late;
}

/* Local time of the start of the month or year that holds local, + add. */
static int64_t
calendar_start(enum slot_kind kind, int64_t local, int add)
{
	time_t s = (time_t)(floor_to(local, second) / second);
	struct tm tm;

	if (gmtime_r(&s, &tm) == NULL)
		return 0;
	tm.tm_mday = 1;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	if (kind == SLOT_YEAR) {
		tm.tm_mon = 0;
		tm.tm_year += add;
	} else
		tm.tm_mon += add;
	return (int64_t)timegm(&tm) * second;
}

void
slot_at(const struct slot_rule *rule, int64_t t, struct slot *slot)
{
	int64_t offset = offset_at(rule, t);
	int64_t local = t + offset, start, end;
	/* 1970-01-01 was a Thursday, three days after a Monday. */
	int64_t anchor = rule->width % (7 * day) == 0 ? 3 * day : 0;

	if (rule->kind == SLOT_FIXED) {
		start = floor_to(local + anchor, rule->width) - anchor;
		end = start + rule->width;
	} else {
		start = calendar_start(rule->kind, local, 0);
		end = calendar_start(rule->kind, local, 1);
	}
	if (rule->zone == NULL ||
	    (rule->kind == SLOT_FIXED && rule->width <= hour)) {
		slot->start = start - offset;
		slot->end = end - offset;
	} else {
		slot->start = first_moment(rule, start);
		slot->end = first_moment(rule, end);
	}
}

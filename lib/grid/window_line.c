#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "grid/window_part.h"

static void
add_unit(struct buf *b, const struct group_unit *unit, enum tally_stat stat)
{
	size_t n;
	const char *u = group_stat_unit(unit, stat, &n);

	if (n > 0) {
		buf_adds(b, ",\"u\":\"");
		buf_add(b, u, n);
		buf_addc(b, '"');
	}
}

static void
add_stat(struct buf *b, enum tally_stat stat, const char *comma)
{
	buf_adds(b, comma);
	buf_addc(b, '"');
	buf_adds(b, tally_stat_name(stat));
	buf_adds(b, "\":");
}

/* m and u, by the names of the statistics. */
static void
add_members(struct buf *b, const struct window_set *set,
    const struct group_unit *unit, const struct tally *t, int64_t interval)
{
	const struct window_rule *rule = set->rule;
	enum tally_stat stats[TALLY_STATS + 1];
	size_t n = rule->nstats, un;
	const char *comma = "";

	memcpy(stats, rule->stats, n * sizeof *stats);
	/* So that means and energies can be merged. */
	if ((set->parts & TALLY_HAS_SUM) && !set->sum)
		stats[n++] = TALLY_SUM;
	buf_adds(b, ",\"m\":{");
	for (size_t i = 0; i < n; i++) {
		add_stat(b, stats[i], i == 0 ? "" : ",");
		tally_print(t, stats[i], interval, b);
	}
	buf_addc(b, '}');
	for (size_t i = 0; i < n; i++) {
		const char *u = group_stat_unit(unit, stats[i], &un);

		if (un == 0)
			continue;
		if (*comma == '\0')
			buf_adds(b, ",\"u\":{");
		add_stat(b, stats[i], comma);
		comma = ",";
		buf_addc(b, '"');
		buf_add(b, u, un);
		buf_addc(b, '"');
	}
	if (*comma != '\0')
		buf_addc(b, '}');
}

/* Sources. */

const int64_t *
window_times(struct window_set *set, struct window *w, const struct slot *slot)
{
	struct group *g = w->group;
	int64_t *times;

	if (g->nsources > set->captimes) {
		set->captimes = g->nsources;
		free(set->times);
		set->times = xcalloc(set->captimes, sizeof *set->times);
	}
	times = set->times;
	presence_times(&w->seen, times, g->nsources, slot->start);
	if (w->filled && w->seen.form == PRESENCE_PACKED)
		return times;
	for (uint32_t i = 0; i < g->nsources; i++) {
		if (times[i] > g->last[i])
			g->last[i] = times[i];
		else if (!w->filled && g->last[i] < slot->end)
			times[i] = g->last[i];
	}
	presence_pack(&w->seen, times, g->nsources);
	w->filled = 1;
	return times;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int
is_missing(const struct group *g, uint32_t i, int64_t heard, int64_t start)
{
	return heard < start && (heard != GROUP_ALWAYS || group_expected(g, i));
}

static void
add_absent(struct buf *b, const struct window_set *set, const struct group *g,
    const int64_t *times, const struct slot *slot)
{
	const char **names = xcalloc(g->nsources + 1, sizeof *names);
	size_t n = 0;

	for (uint32_t i = 0; i < g->nsources; i++)
		if (is_missing(g, i, times[i], slot->start))
			names[n++] = group_source_name(&set->groups, g, i);
	qsort(names, n, sizeof *names, by_name);
	buf_adds(b, ",\"absent\":[");
	for (size_t i = 0; i < n && i < WINDOW_ABSENT_MAX; i++) {
		buf_adds(b, i == 0 ? "\"" : ",\"");
		buf_adds(b, names[i]);
		buf_addc(b, '"');
	}
	buf_addc(b, ']');
	free(names);
}

/* How many sources reported, how many did not, how old the oldest is. */
static void
add_sources(struct buf *b, struct window_set *set, struct window *w,
    const struct slot *slot)
{
	const struct group *g = w->group;
	const int64_t *times = window_times(set, w, slot);
	uint32_t reported = 0, missing = 0;
	int64_t oldest = GROUP_NEVER;

	for (uint32_t i = 0; i < g->nsources; i++) {
		if (times[i] >= slot->start)
			reported++;
		else if (is_missing(g, i, times[i], slot->start))
			missing++;
		if (times[i] != GROUP_ALWAYS && times[i] < oldest)
			oldest = times[i];
	}
	buf_addf(b, ",\"sources\":%u,\"missing\":%u", reported, missing);
	if (oldest != GROUP_NEVER) {
		buf_adds(b, ",\"age\":");
		num_add_micros(b, slot->end - oldest);
	}
	if (set->rule->missing && missing > 0)
		add_absent(b, set, g, times, slot);
}

void
window_line(struct window_set *set, struct window *w, const struct slot *slot,
    const struct tally *t, struct buf *b)
{
	const struct window_rule *rule = set->rule;
	const struct group_unit *unit = group_unit(&set->groups, w->group, 0);
	int64_t width = slot->end - slot->start;
	int64_t interval = rule->interval != 0 ? rule->interval : width;

	buf_adds(b, "{\"topic\":\"");
	buf_adds(b, group_topic(&set->groups, w->group));
	buf_adds(b, "\",\"t\":");
	num_add_micros(b, slot->start);
	if (rule->nstats == 1) {
		buf_adds(b, ",\"v\":");
		tally_print(t, rule->stats[0], interval, b);
		add_unit(b, unit, rule->stats[0]);
	} else
		add_members(b, set, unit, t, interval);
	buf_adds(b, ",\"w\":");
	num_add_micros(b, width);
	buf_adds(b, ",\"n\":");
	buf_addi(b, t->n);
	if (set->mean && t->values != t->n) {
		buf_adds(b, ",\"values\":");
		buf_addi(b, t->values);
	}
	if (set->mean && rule->nstats == 1) {
		buf_adds(b, ",\"sum\":");
		tally_print(t, TALLY_SUM, interval, b);
	}
	add_sources(b, set, w, slot);
	if (w->rev > 0) {
		buf_adds(b, ",\"rev\":");
		buf_addi(b, w->rev);
	}
	if (rule->src != NULL)
		buf_addf(b, ",\"src\":\"%s\",\"ep\":%lld,\"seq\":%lld",
		    rule->src, (long long)set->ep, (long long)++set->seq);
	buf_addc(b, '}');
}

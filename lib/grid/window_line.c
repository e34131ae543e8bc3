#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "grid/window_part.h"

/* Sources. */

/* By times that are put together first; some of last are behind the slot. */
static void
pack_times(struct window *w, const struct slot *slot)
{
	struct group *g = w->group;
	int64_t *times = xcalloc(g->nsources, sizeof *times);

	for (uint32_t i = 0; i < g->nsources; i++) {
		times[i] = presence_at(&w->seen, i, slot->start);
		if (!w->filled && g->last[i] > times[i] &&
		    g->last[i] < slot->end)
			times[i] = g->last[i];
	}
	presence_pack(&w->seen, times, g->nsources);
	free(times);
}

void
window_heard(struct window *w, const struct slot *slot)
{
	struct group *g = w->group;
	int late = w->filled;

	if (w->filled && w->seen.form == PRESENCE_PACKED)
		return;
	for (uint32_t i = 0; !w->filled && i < g->nsources; i++) {
		int64_t heard = presence_at(&w->seen, i, slot->start);

		if (heard > g->last[i])
			g->last[i] = heard;
		late |= g->last[i] >= slot->end;
	}
	/* Nearly always what was heard last is what was heard by then. */
	if (late)
		pack_times(w, slot);
	else
		presence_pack(&w->seen, g->last, g->nsources);
	w->filled = 1;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What a window says of sources: a source is heard before as_of. */
struct roll {
	struct slot slot;  /* in which sources are heard if they count */
	int64_t forgotten; /* heard before that: not known any more */
	int expected;	   /* only sources that are expected are missing */
	int64_t start;	   /* of the pane that tells */
};

static int
is_missing(
    const struct roll *roll, const struct group *g, uint32_t i, int64_t heard)
{
	if (heard >= roll->slot.start)
		return 0;
	if (group_expected(g, i))
		return 1;
	return !roll->expected && heard != GROUP_ALWAYS &&
	    heard >= roll->forgotten;
}

static void
add_absent(struct buf *b, const struct window_set *set, const struct window *w,
    const struct roll *roll)
{
	const struct group *g = w->group;
	const char **names = xcalloc(g->nsources + 1, sizeof *names);
	size_t n = 0;

	for (uint32_t i = 0; i < g->nsources; i++)
		if (is_missing(
			roll, g, i, presence_at(&w->seen, i, roll->start)))
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

static void
add_count(struct buf *b, const char *name, uint64_t n)
{
	buf_adds(b, name);
	buf_addu(b, n);
}

/* How many sources reported, how many did not, how old the oldest is. */
static void
add_sources(struct buf *b, struct window_set *set, struct window *w)
{
	struct group *g = w->group;
	struct pane *pane = set->job.heard;
	int64_t held = set->job.as_of - set->rule->stale;
	struct roll roll = { { held < set->job.slot.start ? held
							  : set->job.slot.start,
				 set->job.as_of },
		window_forgotten(set, set->job.as_of), set->rule->expected,
		pane->slot.start };
	uint32_t reported = 0, missing = 0, unexpected = 0;
	int64_t oldest = GROUP_NEVER;

	if (pane != set->job.end)
		w = pane_window(set, pane, g);
	window_heard(w, &pane->slot);
	for (uint32_t i = 0; i < g->nsources; i++) {
		int64_t heard = presence_at(&w->seen, i, roll.start);

		if (heard >= roll.slot.start) {
			reported++;
			unexpected += !group_expected(g, i);
		} else if (is_missing(&roll, g, i, heard))
			missing++;
		else
			continue;
		if (heard != GROUP_ALWAYS && heard < oldest)
			oldest = heard;
	}
	add_count(b, ",\"sources\":", reported);
	add_count(b, ",\"missing\":", missing);
	if (roll.expected && unexpected > 0)
		add_count(b, ",\"unexpected\":", unexpected);
	if (oldest != GROUP_NEVER) {
		buf_adds(b, ",\"age\":");
		num_add_micros(b, roll.slot.end - oldest);
	}
	if (set->rule->missing && missing > 0)
		add_absent(b, set, w, &roll);
}

void
window_line(struct window_set *set, struct window *w, const struct tally *t,
    struct buf *b)
{
	const struct slot *slot = &set->job.slot;
	const struct window_rule *rule = set->rule;
	int64_t width = slot->end - slot->start;
	int64_t elapsed = set->job.as_of - slot->start;
	struct tally_times times = {
		rule->interval != 0 ? rule->interval : elapsed, width
	};
	struct partial_field field[GROUP_FIELDS_MAX];
	char space[GROUP_FIELDS_MAX][GROUP_UNIT_MAX + 2];

	for (size_t f = 0; f < set->fields; f++) {
		field[f].tally = &t[f];
		field[f].unit =
		    window_unit(set, w->group, f, space[f], &field[f].un);
	}

	buf_adds(b, "{\"topic\":\"");
	buf_adds(b, group_topic(&set->groups, w->group));
	buf_adds(b, "\",\"t\":");
	num_add_micros(b, slot->start);
	partial_print(&rule->wants, &rule->fields, field, &times, b);
	add_sources(b, set, w);
	if (set->job.as_of < slot->end)
		buf_adds(b, ",\"partial\":true");
	if (w->rev > 0) {
		buf_adds(b, ",\"rev\":");
		buf_addi(b, w->rev);
	}
	if (rule->src != NULL)
		buf_addf(b, ",\"src\":\"%s\",\"ep\":%lld,\"seq\":%lld",
		    rule->src, (long long)set->ep, (long long)++set->seq);
	buf_addc(b, '}');
}

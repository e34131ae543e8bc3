#include <stdlib.h>
#include <string.h>

#include "grid/window_part.h"

static const int64_t day = INT64_C(86400) * DATE_SECOND;

static int64_t
patience(const struct window_rule *rule)
{
	int64_t width = rule->slot.kind == SLOT_FIXED ? rule->slot.width
	    : rule->slot.kind == SLOT_MONTH	      ? 31 * day
						      : 366 * day;

	return rule->forget > GROUP_NEVER / width / 2 ? GROUP_NEVER / 2
						      : rule->forget * width;
}

int64_t
window_forgotten(const struct window_set *set, int64_t t)
{
	return set->rule->forget == 0 ? GROUP_ALWAYS + 1
				      : t - patience(set->rule);
}

/* A source may have been heard in a pane that is still open. */
static int
is_heard(const struct window_set *set, const struct group *g, uint32_t i)
{
	for (size_t k = set->closed; k < set->npanes; k++) {
		const struct window *w = pane_find(set->panes[k], g);

		if (w != NULL &&
		    presence_at(&w->seen, i, set->panes[k]->slot.start) !=
			GROUP_ALWAYS)
			return 1;
	}
	return 0;
}

static void
sweep_sources(struct window_set *set, struct group *g, int64_t before)
{
	for (uint32_t i = 0; i < g->nsources; i++) {
		if (group_dropped(g, i) || group_expected(g, i) ||
		    g->last[i] == GROUP_ALWAYS || g->last[i] >= before ||
		    is_heard(set, g, i))
			continue;
		for (size_t f = 0; g->states != NULL && f < set->fields; f++)
			*cells_state(&g->states[f], i) =
			    (struct counter_state){ 0 };
		groups_drop_source(&set->groups, g, i);
	}
}

static void
sweep_inputs(struct window_set *set)
{
	for (uint32_t i = 0; i < set->topics.n; i++) {
		struct window_input *in = &set->inputs[i];

		if (in->group == NAMES_NONE ||
		    !group_dropped(set->groups.group[in->group], in->source))
			continue;
		in->group = NAMES_NONE;
		names_drop(&set->topics, i);
	}
}

static int
has_windows(const struct window_set *set, const struct group *g)
{
	for (size_t k = 0; k < set->npanes; k++)
		if (pane_find(set->panes[k], g) != NULL)
			return 1;
	return 0;
}

void
window_sweep(struct window_set *set)
{
	int64_t first =
	    set->npanes > 0 ? set->panes[0]->slot.start : set->horizon;

	/* No window that is kept may count them. */
	if (set->rule->forget == 0 || set->horizon == GROUP_NEVER ||
	    set->horizon - set->swept < patience(set->rule) / 2)
		return;
	set->swept = set->horizon;
	for (uint32_t i = 0; i < set->groups.topics.n; i++)
		if (set->groups.group[i] != NULL)
			sweep_sources(set, set->groups.group[i],
			    window_forgotten(set, first));
	sweep_inputs(set);
	for (uint32_t i = 0; i < set->groups.topics.n; i++) {
		struct group *g = set->groups.group[i];

		if (g != NULL && group_is_empty(g) && !has_windows(set, g))
			groups_drop(&set->groups, g);
	}
}

#include <stdlib.h>

#include "base/die.h"
#include "grid/window_part.h"

static int
by_rank(const void *a, const void *b)
{
	const struct window *const *x = a, *const *y = b;

	return ((*x)->group->rank > (*y)->group->rank) -
	    ((*x)->group->rank < (*y)->group->rank);
}

/* Line up the pane's windows, all or those with late readings, by topic. */
static void
collect(struct window_set *set, struct pane *pane, int all)
{
	set->emitting = pane;
	set->nready = set->at = 0;
	if (set->capready < pane->n) {
		set->capready = pane->n;
		free(set->ready);
		set->ready = xcalloc(set->capready, sizeof *set->ready);
	}
	for (size_t i = 0; i < pane->n; i++) {
		struct window *w = pane->windows[i];

		/* One whose only reading was refused has nothing to say. */
		if ((all || w->dirty) &&
		    (w->tally.values > 0 || w->cells != NULL))
			set->ready[set->nready++] = w;
	}
	pane->dirty = 0;
	groups_rank(&set->groups);
	qsort(set->ready, set->nready, sizeof *set->ready, by_rank);
}

/* 1 with the next pane that has lines to give, corrections first. */
static int
next_pane(struct window_set *set)
{
	while (set->fix < set->closed) {
		struct pane *pane = set->panes[set->fix++];

		if (pane->dirty) {
			collect(set, pane, 0);
			return 1;
		}
	}
	if (set->closed < set->npanes &&
	    set->panes[set->closed]->slot.end <= set->horizon) {
		struct pane *pane = set->panes[set->closed++];

		set->fix = set->closed;
		pane_close(set, pane);
		collect(set, pane, 1);
		return 1;
	}
	set->due = 0;
	set->fix = 0;
	set->nready = set->at = 0;
	pane_forget(set);
	set->next_end = set->closed < set->npanes
	    ? set->panes[set->closed]->slot.end
	    : GROUP_NEVER;
	return 0;
}

/* All readings of the window; t is empty. */
void
window_total(const struct window_set *set, const struct window *w,
    int64_t start, struct tally *t)
{
	tally_merge(t, set->parts, &w->tally);
	if (w->cells != NULL)
		cells_total(
		    w->cells, &set->rule->per_source, set->parts, start, t);
}

int
window_next(struct window_set *set, struct buf *b)
{
	struct window *w;
	struct tally t = { 0 };

	if (!set->due)
		return 0;
	while (set->at == set->nready)
		if (!next_pane(set))
			return 0;
	w = set->ready[set->at++];
	window_total(set, w, set->emitting->slot.start, &t);
	if (w->given) {
		w->rev++;
		set->stats.corrections++;
	}
	window_line(set, w, &set->emitting->slot, &t, b);
	w->given = 1;
	w->dirty = 0;
	set->stats.lines++;
	tally_fini(&t);
	return 1;
}

/* Time without input. */

static void
judge(struct window_set *set, int64_t now)
{
	const struct window_rule *rule = set->rule;
	int64_t interval =
	    rule->interval > set->interval ? rule->interval : set->interval;

	set->judged = set->newest;
	set->live = now - set->newest <= rule->grace + rule->skew + interval;
}

int64_t
window_idle(struct window_set *set, int64_t now)
{
	int64_t grace = set->rule->grace;
	size_t i = set->closed;

	if (set->newest != set->judged)
		judge(set, now);
	if (!set->live)
		return -1;
	for (; i < set->npanes && set->panes[i]->slot.end <= now - grace; i++) {
		set->horizon = set->panes[i]->slot.end;
		set->due = 1;
	}
	return i == set->npanes ? -1 : set->panes[i]->slot.end + grace - now;
}

void
window_end(struct window_set *set)
{
	set->horizon = GROUP_NEVER;
	set->due = 1;
}

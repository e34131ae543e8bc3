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

static void
line_up(struct window_set *set, struct window *w)
{
	if (set->nready == set->capready) {
		set->capready += set->capready / 2 + 16;
		set->ready =
		    xrealloc(set->ready, set->capready * sizeof *set->ready);
	}
	set->ready[set->nready++] = w;
}

static void
begin_job(struct window_set *set, struct pane *end, struct pane *heard)
{
	set->job.end = end;
	set->job.heard = heard;
	set->job.slot.start = end->from;
	set->job.slot.end = end->slot.end;
	set->job.as_of = heard->slot.end;
	set->nready = set->at = 0;
}

static void
sort_job(struct window_set *set)
{
	struct group **ready;

	if (set->nready == 0)
		return;
	ready = xcalloc(set->nready, sizeof *ready);
	for (size_t i = 0; i < set->nready; i++)
		ready[i] = set->ready[i]->group;
	groups_rank(&set->groups, ready, set->nready);
	free(ready);
	qsort(set->ready, set->nready, sizeof *set->ready, by_rank);
}

/* Late readings. */
static void
correct(struct window_set *set, struct pane *pane)
{
	begin_job(set, pane, pane);
	for (size_t i = 0; i < pane->n; i++)
		if (pane->windows[i]->dirty)
			line_up(set, pane->windows[i]);
	pane->dirty = 0;
	sort_job(set);
}

static int
has_readings(const struct window_set *set, const struct window *w)
{
	for (size_t f = 0; f < set->fields; f++)
		if (w->field[f].tally.values > 0 || w->field[f].cells != NULL)
			return 1;
	return 0;
}

/* Groups that have readings in a part of the window have one at its end. */
static void
gather(struct window_set *set, struct pane *pane)
{
	int64_t stale = pane->slot.end - set->rule->stale;
	int64_t from = stale < pane->from ? stale : pane->from;
	size_t i = pane_index(set, from);

	if (set->rule->stale > 0 && i > 0)
		i--;
	for (; set->panes[i] != pane; i++)
		for (size_t k = 0; k < set->panes[i]->n; k++)
			pane_window(
			    set, pane, set->panes[i]->windows[k]->group);
}

static void
finish(struct window_set *set, struct pane *pane)
{
	begin_job(set, pane, pane);
	for (size_t i = 0; i < pane->n; i++)
		line_up(set, pane->windows[i]);
	sort_job(set);
}

/* Partial results of a window that goes on behind the pane. */
static void
tell(struct window_set *set, struct pane *end)
{
	struct pane *pane = set->telling;

	begin_job(set, end, pane);
	for (size_t i = 0; i < pane->n; i++)
		if (has_readings(set, pane->windows[i]))
			line_up(set,
			    pane_window(set, end, pane->windows[i]->group));
	sort_job(set);
}

/* 1 with the next window of which the pane is a part and not the end. */
static int
next_partial(struct window_set *set)
{
	struct pane *pane = set->telling;

	while (set->told.base.end <= pane->until) {
		int64_t end = set->told.base.end;
		struct span last;
		struct pane *at;

		if (!span_next(set->rule, &set->told))
			set->told.base.end = GROUP_NEVER;
		if (end <= pane->slot.end)
			continue;
		span_at(set->rule, end - 1, &last);
		at = pane_get(set, &last);
		tell(set, at);
		return 1;
	}
	set->telling = NULL;
	return 0;
}

/* 1 with the next lines to give, corrections first. */
static int
next_job(struct window_set *set)
{
	while (set->fix < set->closed) {
		struct pane *pane = set->panes[set->fix++];

		if (pane->dirty) {
			correct(set, pane);
			return 1;
		}
	}
	if (set->telling != NULL && next_partial(set))
		return 1;
	while (set->closed < set->npanes &&
	    set->panes[set->closed]->slot.end <= set->horizon) {
		struct pane *pane = set->panes[set->closed];
		int ends = pane->from != GROUP_NEVER;

		if (ends)
			gather(set, pane);
		set->fix = ++set->closed;
		pane_close(set, pane);
		if (set->rule->every > 0 && pane->reached) {
			set->telling = pane;
			span_at(set->rule, pane->slot.start, &set->told);
		}
		if (ends) {
			finish(set, pane);
			return 1;
		}
		if (set->telling != NULL && next_partial(set))
			return 1;
	}
	set->due = 0;
	set->fix = 0;
	set->nready = set->at = 0;
	for (size_t i = 0; i < set->closed; i++)
		if (set->panes[i]->by_group != NULL)
			pane_freeze(set->panes[i]);
	pane_forget(set);
	window_sweep(set);
	set->next_end = set->closed < set->npanes
	    ? set->panes[set->closed]->slot.end
	    : GROUP_NEVER;
	return 0;
}

static void
count_line(struct window_set *set, struct window *w)
{
	set->stats.lines++;
	if (set->job.as_of < set->job.slot.end)
		set->stats.partials++;
	else if (w->whole)
		set->stats.corrections++;
	w->rev += w->given;
	w->given = 1;
	w->whole = set->job.as_of == set->job.slot.end;
}

/* 1 if there is a line. */
static int
give(struct window_set *set, struct window *w, struct buf *b)
{
	struct tally t[GROUP_FIELDS_MAX] = { 0 };
	int any = window_total(set, w, &set->job, t);

	/* One whose only reading was refused has nothing to say. */
	w->dirty = 0;
	if (any) {
		count_line(set, w);
		window_line(set, w, t, b);
	}
	for (size_t f = 0; f < set->fields; f++)
		tally_fini(&t[f]);
	return any;
}

int
window_next(struct window_set *set, struct buf *b)
{
	while (set->due)
		if (set->at == set->nready)
			next_job(set);
		else if (give(set, set->ready[set->at++], b))
			return 1;
	return 0;
}

/* Time without input. */

static int
is_live(const struct window_set *set, int64_t now)
{
	const struct window_rule *rule = set->rule;
	int64_t interval =
	    rule->interval > set->interval ? rule->interval : set->interval;

	if (set->newest == set->judged)
		return set->live;
	return now - set->newest <= rule->grace + rule->skew + interval;
}

static void
judge(struct window_set *set, int64_t now)
{
	set->live = is_live(set, now);
	set->judged = set->newest;
}

void
window_clock(struct window_set *set, int64_t now)
{
	set->now = now;
	set->limit = GROUP_ALWAYS;
	judge(set, now);
}

int
window_closes(const struct window_set *set, int64_t now)
{
	return is_live(set, now) && set->closed < set->npanes &&
	    set->panes[set->closed]->slot.end <= now - set->rule->grace;
}

int64_t
window_idle(struct window_set *set, int64_t now)
{
	int64_t grace = set->rule->grace;
	size_t i = set->closed;

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

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "grid/window_part.h"

struct cells *
field_cells(struct window_field *field)
{
	if (field->cells == NULL)
		field->cells = xcalloc(1, sizeof *field->cells);
	return field->cells;
}

static void
window_fini(struct window *w, size_t fields)
{
	for (size_t f = 0; f < fields; f++) {
		tally_fini(&w->field[f].tally);
		if (w->field[f].cells != NULL)
			cells_fini(w->field[f].cells);
		free(w->field[f].cells);
	}
	presence_fini(&w->seen);
	free(w);
}

void
pane_free(const struct window_set *set, struct pane *pane)
{
	for (size_t i = 0; i < pane->n; i++)
		window_fini(pane->windows[i], set->fields);
	free(pane->windows);
	free(pane->by_group);
	free(pane);
}

static void
pane_insert(struct window_set *set, size_t at, struct pane *pane)
{
	if (set->npanes == set->cappanes) {
		set->cappanes = set->cappanes * 2 + 16;
		set->panes =
		    xrealloc(set->panes, set->cappanes * sizeof *set->panes);
	}
	memmove(set->panes + at + 1, set->panes + at,
	    (set->npanes - at) * sizeof *set->panes);
	set->panes[at] = pane;
	set->npanes++;
	/* While panes are being closed its turn is still to come. */
	if (!set->due && pane->slot.end <= set->horizon) {
		set->closed++;
		pane->closed = 1;
	} else if (pane->slot.end < set->next_end)
		set->next_end = pane->slot.end;
}

size_t
pane_index(const struct window_set *set, int64_t start)
{
	size_t low = 0, high = set->npanes;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (set->panes[middle]->slot.start < start)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct pane *
pane_get(struct window_set *set, const struct span *span)
{
	size_t at = pane_index(set, span->slot.start);
	struct pane *pane;

	if (at < set->npanes && set->panes[at]->slot.start == span->slot.start)
		return set->panes[at];
	pane = xcalloc(1, sizeof *pane);
	pane->slot = span->slot;
	pane->from =
	    span->slot.end == span->base.end ? span->from : GROUP_NEVER;
	pane->until = span->until;
	pane->hold = span->hold;
	pane_insert(set, at, pane);
	return pane;
}

void
pane_reach(struct window_set *set, struct pane *pane, const struct span *span)
{
	struct span walk = *span, last;

	if (pane->reached)
		return;
	pane->reached = 1;
	do {
		if (walk.base.end - 1 >= SLOT_TIME_MAX)
			return;
		span_at(set->rule, walk.base.end - 1, &last);
		pane_get(set, &last);
	} while (span_next(set->rule, &walk));
}

/* In a closed pane: where the group's window stands, or would. */
static size_t
search(const struct pane *pane, uint32_t id)
{
	size_t low = 0, high = pane->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (pane->windows[middle]->group->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct window *
pane_find(const struct pane *pane, const struct group *g)
{
	size_t i;

	if (!pane->closed || pane->by_group != NULL)
		return g->id < pane->ngroups ? pane->by_group[g->id] : NULL;
	i = search(pane, g->id);
	return i < pane->n && pane->windows[i]->group == g ? pane->windows[i]
							   : NULL;
}

static void
grow_by_group(struct pane *pane, uint32_t id, uint32_t groups)
{
	uint32_t n = id + 1 > groups / 2 ? groups : id * 2 + 2;

	pane->by_group = xrealloc(pane->by_group, n * sizeof *pane->by_group);
	memset(pane->by_group + pane->ngroups, 0,
	    (n - pane->ngroups) * sizeof *pane->by_group);
	pane->ngroups = n;
}

static int
by_id(const void *a, const void *b)
{
	const struct window *const *x = a, *const *y = b;

	return ((*x)->group->id > (*y)->group->id) -
	    ((*x)->group->id < (*y)->group->id);
}

void
pane_freeze(struct pane *pane)
{
	if (pane->n > 0)
		qsort(pane->windows, pane->n, sizeof *pane->windows, by_id);
	free(pane->by_group);
	pane->by_group = NULL;
	pane->ngroups = 0;
}

/* Many more windows may come late: no more searching. */
static void
thaw(struct pane *pane, uint32_t groups)
{
	pane->by_group = xcalloc(groups, sizeof *pane->by_group);
	pane->ngroups = groups;
	for (size_t i = 0; i < pane->n; i++)
		pane->by_group[pane->windows[i]->group->id] = pane->windows[i];
}

struct window *
pane_window(struct window_set *set, struct pane *pane, struct group *g)
{
	struct window *w = pane_find(pane, g);

	if (w != NULL)
		return w;
	w = xcalloc(1, sizeof *w + set->fields * sizeof *w->field);
	w->group = g;
	if (pane->n == pane->cap) {
		pane->cap += pane->cap / 2 + 4;
		pane->windows =
		    xrealloc(pane->windows, pane->cap * sizeof *pane->windows);
	}
	if (pane->closed)
		set->kept++;
	if (pane->closed && pane->by_group == NULL)
		thaw(pane, set->groups.topics.n);
	if (g->id >= pane->ngroups)
		grow_by_group(pane, g->id, set->groups.topics.n);
	pane->by_group[g->id] = w;
	pane->windows[pane->n] = w;
	pane->n++;
	return w;
}

/* Counters go on behind the pane. */
static void
close_counters(struct window_set *set, struct window *w)
{
	struct group *g = w->group;

	if (g->states == NULL)
		g->states = xcalloc(GROUP_FIELDS_MAX, sizeof *g->states);
	for (size_t f = 0; f < set->fields; f++) {
		struct cell_rule rule;

		window_rate(set, g, f, &rule);
		if (w->field[f].cells != NULL)
			cells_close(w->field[f].cells, &rule, &g->states[f]);
	}
}

void
pane_close(struct window_set *set, struct pane *pane)
{
	pane_freeze(pane);
	pane->closed = 1;
	set->kept += pane->n;
	for (size_t i = 0; i < pane->n; i++) {
		window_heard(pane->windows[i], &pane->slot);
		if (window_counts(set))
			close_counters(set, pane->windows[i]);
	}
}

void
pane_forget(struct window_set *set)
{
	size_t n = 0;

	for (; n < set->closed; n++) {
		struct pane *pane = set->panes[n];

		if (set->horizon - pane->hold < set->rule->keep &&
		    set->kept <= WINDOW_KEPT_MAX)
			break;
		set->kept -= pane->n;
		set->forgotten = pane->until;
		if (set->current == pane)
			set->current = NULL;
		pane_free(set, pane);
	}
	if (n == 0)
		return;
	set->npanes -= n;
	set->closed -= n;
	memmove(set->panes, set->panes + n, set->npanes * sizeof *set->panes);
}

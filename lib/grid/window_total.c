#include "base/die.h"
#include "grid/window_part.h"

/* Sources of which no reading is in the window: the last one that holds. */
static void
add_held(const struct window_set *set, const struct group *g, size_t f,
    const struct window_job *job, struct cells *cells)
{
	int64_t oldest = job->as_of - set->rule->stale;
	size_t i = pane_index(set, job->slot.start);

	for (; i > 0 && set->panes[i - 1]->slot.end > oldest; i--) {
		const struct window *w = pane_find(set->panes[i - 1], g);

		if (w != NULL && w->field[f].cells != NULL)
			cells_hold(cells, w->field[f].cells, oldest);
	}
}

/* The cells of several panes, one for each source. */
static void
add_cells(const struct window_set *set, const struct group *g, size_t f,
    const struct window_job *job, const struct cell_rule *rule, struct tally *t)
{
	size_t i = pane_index(set, job->slot.start);
	struct cells all = { 0 };

	for (; i < set->npanes && set->panes[i]->slot.end <= job->as_of; i++) {
		const struct window *w = pane_find(set->panes[i], g);

		if (w != NULL && w->field[f].cells != NULL)
			cells_merge(&all, w->field[f].cells, set->cell_parts);
	}
	if (set->rule->stale > 0)
		add_held(set, g, f, job, &all);
	cells_total(&all, rule, set->parts, job->slot.start, t);
	cells_fini(&all);
}

static void
add_field(const struct window_set *set, const struct window_field *field,
    const struct cell_rule *rule, int64_t start, struct tally *t)
{
	tally_merge(t, set->parts, &field->tally);
	if (field->cells != NULL)
		cells_total(field->cells, rule, set->parts, start, t);
}

/* One of several panes, or with values from before. */
static void
add_panes(const struct window_set *set, const struct group *g, size_t f,
    const struct window_job *job, const struct cell_rule *rule, struct tally *t)
{
	size_t i = pane_index(set, job->slot.start);
	int apart = rule->how != CELL_EACH;

	if (apart)
		add_cells(set, g, f, job, rule, t);
	for (;
	     !apart && i < set->npanes && set->panes[i]->slot.end <= job->as_of;
	     i++) {
		const struct window *w = pane_find(set->panes[i], g);

		if (w != NULL)
			add_field(set, &w->field[f], rule, job->slot.start, t);
	}
}

int
window_total(const struct window_set *set, const struct window *w,
    const struct window_job *job, struct tally *t)
{
	int alone =
	    set->rule->stale == 0 && job->end->slot.start == job->slot.start;
	int any = 0;

	for (size_t f = 0; f < set->fields; f++) {
		struct cell_rule rule;

		window_rate(set, w->group, f, &rule);
		if (alone)
			add_field(
			    set, &w->field[f], &rule, job->slot.start, &t[f]);
		else
			add_panes(set, w->group, f, job, &rule, &t[f]);
		any |= t[f].values > 0;
	}
	return any;
}

/*
 * Where there was no reading of the source its state is that of the pane after
 * it in which there are some, or that of all.
 */
void
window_begin_counter(struct window_set *set, const struct pane *pane,
    const struct group *g, size_t f, uint32_t source, struct cells *cells)
{
	struct counter_state state = { 0 };

	if (cells_find(cells, source, GROUP_ALWAYS) != NULL)
		return;
	if (g->states != NULL)
		state = *cells_state(&g->states[f], source);
	for (size_t i = pane_index(set, pane->slot.start); i < set->closed;
	     i++) {
		const struct window *w = pane_find(set->panes[i], g);

		if (w != NULL && w->field[f].cells != NULL &&
		    cells_before(w->field[f].cells, source, &state))
			break;
	}
	*cells_state(cells, source) = state;
}

/* From the pane on, states follow its readings anew. */
static void
carry(struct window_set *set, size_t at, struct group *g, size_t f,
    uint32_t source)
{
	struct counter_state state = { 0 };
	struct cell_rule rule;

	window_rate(set, g, f, &rule);
	cells_before(
	    pane_find(set->panes[at], g)->field[f].cells, source, &state);
	for (size_t i = at; i < set->closed; i++) {
		struct window *w = pane_find(set->panes[i], g);

		if (w != NULL && w->field[f].cells != NULL &&
		    cells_carry(w->field[f].cells, &rule, source, &state))
			window_dirty(set, set->panes[i], g);
	}
	*cells_state(&g->states[f], source) = state;
}

void
window_correct(
    struct window_set *set, struct pane *pane, struct group *g, uint32_t source)
{
	size_t at = pane_index(set, pane->slot.start);

	if (g->states == NULL)
		g->states = xcalloc(GROUP_FIELDS_MAX, sizeof *g->states);
	for (size_t f = 0; f < set->fields; f++)
		if (pane_find(pane, g)->field[f].cells != NULL &&
		    cells_find(pane_find(pane, g)->field[f].cells, source,
			GROUP_ALWAYS) != NULL)
			carry(set, at, g, f, source);
}

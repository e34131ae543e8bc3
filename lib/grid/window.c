#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "grid/window_part.h"

static void
begin(struct window_set *set)
{
	set->groups.inputs = &set->topics;
	set->newest = set->horizon = set->forgotten = GROUP_ALWAYS;
	set->limit = set->now = set->judged = set->swept = GROUP_ALWAYS;
	set->next_end = GROUP_NEVER;
}

static void
free_contents(struct window_set *set)
{
	for (size_t i = 0; i < set->npanes; i++)
		pane_free(set, set->panes[i]);
	groups_fini(&set->groups);
	names_fini(&set->topics);
	free(set->inputs);
	free(set->unit);
	free(set->panes);
	free(set->ready);
}

struct window_set *
window_new(const struct window_rule *rule)
{
	struct window_set *set = xcalloc(1, sizeof *set);

	set->rule = rule;
	set->fields = rule->fields.n == 0 ? 1 : rule->fields.n;
	set->parts = rule->wants.parts;
	set->cell_parts = rule->per_source.how == CELL_EACH
	    ? set->parts
	    : cell_parts(rule->per_source.how);
	begin(set);
	return set;
}

void
window_reset(struct window_set *set)
{
	struct window_set fresh = { .rule = set->rule,
		.parts = set->parts,
		.fields = set->fields,
		.cell_parts = set->cell_parts };

	free_contents(set);
	*set = fresh;
	begin(set);
}

void
window_free(struct window_set *set)
{
	if (set == NULL)
		return;
	free_contents(set);
	free(set);
}

/* Inputs. */

const struct names *
window_topics(const struct window_set *set)
{
	return &set->topics;
}

static uint32_t
add_input(struct window_set *set, const char *topic, size_t n)
{
	uint32_t input = names_add(&set->topics, topic, n);

	if (input == NAMES_NONE)
		return input;
	if (input >= set->capinputs) {
		set->capinputs += set->capinputs / 2 + 64;
		set->inputs =
		    xrealloc(set->inputs, set->capinputs * sizeof *set->inputs);
		set->unit = xrealloc(set->unit, set->capinputs * set->fields);
	}
	set->inputs[input].group = NAMES_NONE;
	set->inputs[input].source = 0;
	memset(set->unit + input * set->fields, 0, set->fields);
	return input;
}

uint32_t
window_input(struct window_set *set, const char *topic, size_t n,
    const char *result, size_t rn, const char *source, size_t sn)
{
	uint32_t input = add_input(set, topic, n);

	if (input == NAMES_NONE ||
	    window_move(set, input, result, rn, source, sn) == -1)
		return NAMES_NONE;
	return input;
}

int
window_move(struct window_set *set, uint32_t input, const char *result,
    size_t rn, const char *source, size_t sn)
{
	struct window_input *in = &set->inputs[input];
	struct group *g = groups_get(&set->groups, result, rn);
	uint32_t i;

	if (g == NULL)
		return -1;
	if (source != NULL)
		i = groups_source(&set->groups, g, source, sn);
	else if (in->group == g->id)
		return 0;
	else
		i = groups_topic(&set->groups, g, input);
	if (i == NAMES_NONE)
		return -1;
	if (in->group != g->id)
		memset(set->unit + input * set->fields, 0, set->fields);
	if (in->group != NAMES_NONE && (in->group != g->id || in->source != i))
		group_release(set->groups.group[in->group], in->source);
	in->group = g->id;
	in->source = i;
	return 0;
}

void
window_refuse(struct window_set *set, const char *topic, size_t n)
{
	if (names_find(&set->topics, topic, n) == NAMES_NONE)
		add_input(set, topic, n);
}

void
window_leave(struct window_set *set, uint32_t input)
{
	struct window_input *in = &set->inputs[input];

	if (in->group != NAMES_NONE)
		group_release(set->groups.group[in->group], in->source);
	in->group = NAMES_NONE;
	memset(set->unit + input * set->fields, 0, set->fields);
}

int
window_refused(const struct window_set *set, uint32_t input)
{
	return set->inputs[input].group == NAMES_NONE;
}

void
window_expect(struct window_set *set, uint32_t input)
{
	const struct window_input *in = &set->inputs[input];

	group_expect(set->groups.group[in->group], in->source);
}

const char *
window_source(const struct window_set *set, uint32_t input)
{
	const struct window_input *in = &set->inputs[input];

	return group_source_name(
	    &set->groups, set->groups.group[in->group], in->source);
}

/* One event. */

static int64_t
clock_limit(struct window_set *set)
{
	/* The clock is only asked when the last answer does not do. */
	set->limit = (set->now != GROUP_ALWAYS ? set->now : date_now()) +
	    set->rule->skew;
	return set->limit;
}

static int
is_late(const struct window_set *set, int64_t end, int64_t until)
{
	return end <= set->horizon &&
	    (until <= set->forgotten ||
		(until <= set->horizon &&
		    set->horizon - until >= set->rule->keep));
}

/* The pane of t, made if need be, or NULL with what is wrong. */
static struct pane *
pane_at(struct window_set *set, int64_t t, enum window_result *result)
{
	struct pane *pane = set->current;
	struct span span;

	*result = WINDOW_FUTURE;
	if (t > set->limit && t > clock_limit(set))
		return NULL;
	*result = WINDOW_LATE;
	if (pane != NULL && t >= pane->slot.start && t < pane->slot.end)
		return is_late(set, pane->slot.end, pane->until) ? NULL : pane;
	span_at(set->rule, t, &span);
	if (is_late(set, span.slot.end, span.until))
		return NULL;
	set->current = pane = pane_get(set, &span);
	pane_reach(set, pane, &span);
	return pane;
}

static void
advance(struct window_set *set, int64_t t)
{
	if (t <= set->newest)
		return;
	set->newest = t;
	if (t - set->rule->grace > set->horizon)
		set->horizon = t - set->rule->grace;
	if (set->horizon >= set->next_end)
		set->due = 1;
}

/* A later revision of a partial may have been there already. */
static void
add_partial(struct window_set *set, struct cells *cells, uint32_t input,
    const struct reading *r, struct tally *t, int *changed)
{
	uint32_t source = set->inputs[input].source;
	struct cell *c = cells_get(cells, input, r->t, source);

	if (c->tally.values > 0) {
		if (r->rev <= c->rev)
			return;
		tally_fini(&c->tally);
	}
	c->rev = r->rev;
	tally_merge(&c->tally, set->cell_parts, t);
	*changed = 1;
}

/* Readings before it may be thinned out; not if each is measured. */
static int64_t
point_horizon(const struct window_set *set)
{
	const struct num_sum none = { 0 };

	if (num_sum_compare(&set->rule->per_source.counter.max_rate, &none) > 0)
		return INT64_MIN;
	return set->horizon - set->rule->keep;
}

static const char *
add_point(struct window_set *set, const struct pane *pane, struct window *w,
    uint32_t source, const struct reading *r, size_t f,
    const struct tally_scale *scale)
{
	struct cells *cells;
	const struct window_rule *rule = set->rule;
	struct counter_point point;
	struct tally_count count;
	const char *why = reading_point(
	    r, &rule->fields, &rule->wants, f, scale, &point, &count);

	if (why != NULL)
		return why;
	cells = field_cells(&w->field[f]);
	if (pane->closed)
		window_begin_counter(set, pane, w->group, f, source, cells);
	cells_point(cells, source, &point, &count, point_horizon(set));
	return NULL;
}

static const char *
add_field(struct window_set *set, const struct pane *pane, struct window *w,
    uint32_t input, const struct reading *r, size_t f,
    const struct tally_scale *scale, int *changed)
{
	const struct window_rule *rule = set->rule;
	uint32_t source = set->inputs[input].source;
	struct window_field *field = &w->field[f];
	struct tally t = { 0 };
	const char *why;

	if (!r->aggregate && rule->per_source.how == CELL_EACH) {
		*changed = 1;
		return reading_add(r, f, set->parts, scale, &field->tally) == -1
		    ? "number out of range"
		    : NULL;
	}
	if (window_counts(set)) {
		*changed = 1;
		return add_point(set, pane, w, source, r, f, scale);
	}
	why = reading_tally(
	    r, &rule->fields, &rule->wants, f, set->cell_parts, scale, &t);
	if (why == NULL && r->aggregate)
		add_partial(set, field_cells(field), input, r, &t, changed);
	else if (why == NULL) {
		struct cell *c =
		    cells_get(field_cells(field), source, GROUP_ALWAYS, source);

		tally_merge(&c->tally, set->cell_parts, &t);
		*changed = 1;
	}
	tally_fini(&t);
	return why;
}

/* Panes behind that one tell of an earlier time, or of this one. */
static void
note_late(struct window_set *set, const struct pane *pane, struct group *g,
    uint32_t source, int64_t t)
{
	if (t > g->last[source])
		g->last[source] = t;
	for (size_t i = pane_index(set, pane->slot.end); i < set->closed; i++) {
		struct window *w = pane_find(set->panes[i], g);

		if (w != NULL && w->filled &&
		    !presence_note(&w->seen, source, set->panes[i]->slot.start,
			t, g->nsources))
			return;
	}
}

/* The closed windows that count the pane are to be corrected. */
void
window_dirty(struct window_set *set, const struct pane *pane, struct group *g)
{
	for (size_t i = pane_index(set, pane->slot.start); i < set->closed;
	     i++) {
		struct pane *end = set->panes[i];

		if (end->slot.end > pane->hold)
			break;
		if (end->from == GROUP_NEVER ||
		    set->horizon - end->slot.end >= set->rule->keep)
			continue;
		pane_window(set, end, g)->dirty = 1;
		end->dirty = 1;
	}
}

static void
note_heard(struct window_set *set, struct pane *pane, struct window *w,
    uint32_t source, int64_t t, int changed)
{
	struct group *g = w->group;

	presence_note(&w->seen, source, pane->slot.start, t, g->nsources);
	if (!pane->closed)
		return;
	note_late(set, pane, g, source, t);
	if (window_counts(set))
		window_correct(set, pane, g, source);
	if (changed)
		window_dirty(set, pane, g);
}

static const char *
store(struct window_set *set, uint32_t input, struct pane *pane,
    const struct reading *r)
{
	const struct window_rule *rule = set->rule;
	const struct window_input *in = &set->inputs[input];
	struct tally_scale scale[GROUP_FIELDS_MAX];
	struct window *w;
	const char *why = NULL, *u;
	int changed = 0;
	size_t un;

	for (size_t f = 0; f < set->fields; f++) {
		if (!(r->have >> f & 1))
			continue;
		u = reading_unit(r, &rule->fields, &rule->wants, f, &un);
		why = window_convert(set, input, f, u, un, &scale[f]);
		if (why != NULL)
			return why;
	}
	w = pane_window(set, pane, set->groups.group[in->group]);
	for (size_t f = 0; why == NULL && f < set->fields; f++)
		if (r->have >> f & 1)
			why = add_field(
			    set, pane, w, input, r, f, &scale[f], &changed);
	if (why == NULL || changed)
		note_heard(set, pane, w, in->source, r->t, changed);
	return why;
}

static const char out_of_range[] = "t is not in the years 0 to 9999";

enum window_result
window_add(struct window_set *set, uint32_t input, const struct event *e,
    const char **why)
{
	const struct window_rule *rule = set->rule;
	struct reading r;
	struct pane *pane;
	enum window_result result;
	int taken = reading_take(&r, e, &rule->fields, &rule->wants, why);

	if (taken != 1)
		return taken == 0 ? WINDOW_UNUSED : WINDOW_REFUSED;
	if (r.t < SLOT_TIME_MIN || r.t >= SLOT_TIME_MAX) {
		*why = out_of_range;
		return WINDOW_REFUSED;
	}
	if ((pane = pane_at(set, r.t, &result)) == NULL)
		return result;
	if ((*why = store(set, input, pane, &r)) != NULL)
		return WINDOW_REFUSED;
	advance(set, r.t);
	/* Rises if the stream begins anew further on. */
	if (set->ep == 0)
		set->ep = r.t < DATE_SECOND ? 1 : r.t / DATE_SECOND;
	if (r.w > set->interval)
		set->interval = r.w;
	return set->due ? WINDOW_DUE : WINDOW_TAKEN;
}

void
window_stats(const struct window_set *set, struct window_stats *stats)
{
	*stats = set->stats;
	stats->groups = set->groups.topics.live;
	stats->sources = set->groups.nsources;
}

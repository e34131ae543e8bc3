#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "bus/memo.h"
#include "grid/tally_state.h"
#include "grid/window_part.h"

/*
 * Everything that is not in the rule.  Inputs and groups are numbered anew
 * without those that were dropped; sources keep their numbers within a group.
 */

/* Numbers as they are saved: by number in names, NAMES_NONE if dropped. */
static uint32_t *
ordinals(const struct names *names)
{
	uint32_t *ordinal = xcalloc((size_t)names->n + 1, sizeof *ordinal);
	uint32_t n = 0;

	for (uint32_t i = 0; i < names->n; i++)
		ordinal[i] = names->at[i] == 0 ? NAMES_NONE : n++;
	return ordinal;
}

static void
save_name(const struct names *names, uint32_t i, struct buf *b)
{
	size_t n;
	const char *p = names_text(names, i, &n);

	memo_put_bytes(b, p, n);
}

struct saver {
	const struct window_set *set;
	uint32_t *input, *group; /* ordinals */
	struct buf *b;
};

static void
save_inputs(const struct saver *s)
{
	const struct window_set *set = s->set;

	memo_put_uint(s->b, set->topics.live);
	for (uint32_t i = 0; i < set->topics.n; i++) {
		const struct window_input *in = &set->inputs[i];

		if (s->input[i] == NAMES_NONE)
			continue;
		save_name(&set->topics, i, s->b);
		memo_put_uint(s->b,
		    in->group == NAMES_NONE ? 0 : s->group[in->group] + 1);
		memo_put_uint(s->b, in->source);
	}
}

static void
save_units(const struct saver *s)
{
	const struct groups *groups = &s->set->groups;

	memo_put_uint(s->b, groups->nunits);
	for (size_t i = 1; i <= groups->nunits; i++)
		memo_put_bytes(s->b, groups->unit[i].text, groups->unit[i].n);
}

static void
save_cells(const struct saver *s, const struct cells *cells)
{
	static const struct cells none;

	if (cells == NULL)
		cells = &none;
	memo_put_uint(s->b, cells->n);
	for (size_t i = 0; i < cells->n; i++) {
		const struct cell *c = &cells->cell[i];

		/* Of a partial the input, else the source. */
		memo_put_uint(
		    s->b, c->at == GROUP_ALWAYS ? c->id : s->input[c->id]);
		memo_put_uint(s->b, c->source);
		memo_put_i64(s->b, c->at);
		memo_put_i64(s->b, c->rev);
		memo_put_uint(s->b, c->counter != NULL);
		if (c->counter != NULL)
			counter_save(c->counter, s->b);
		tally_save(&c->tally, s->b);
	}
}

static void
save_groups(const struct saver *s)
{
	const struct groups *groups = &s->set->groups;

	memo_put_uint(s->b, groups->topics.live);
	for (uint32_t i = 0; i < groups->topics.n; i++) {
		const struct group *g = groups->group[i];

		if (s->group[i] == NAMES_NONE)
			continue;
		save_name(&groups->topics, i, s->b);
		memo_put_bytes(s->b, g->unit, sizeof g->unit);
		memo_put_uint(s->b, g->nsources);
		for (uint32_t k = 0; k < g->nsources; k++) {
			uint32_t input = group_source_input(g, k);
			const char *name = "";

			memo_put_i64(s->b, g->last[k]);
			memo_put_uint(s->b,
			    input == NAMES_NONE ? 0 : s->input[input] + 1);
			if (input == NAMES_NONE && !group_dropped(g, k))
				name = group_source_name(groups, g, k);
			memo_put_bytes(s->b, name, strlen(name));
		}
		for (size_t f = 0; f < s->set->fields; f++)
			save_cells(s, g->states == NULL ? NULL : &g->states[f]);
	}
}

static void
save_window(
    const struct saver *s, const struct window *w, const struct slot *slot)
{
	memo_put_uint(s->b, s->group[w->group->id]);
	memo_put_uint(s->b, (uint64_t)w->rev);
	memo_put_uint(
	    s->b, w->dirty | w->given << 1 | w->filled << 2 | w->whole << 3);
	presence_save(&w->seen, slot->start, s->b);
	for (size_t f = 0; f < s->set->fields; f++) {
		tally_save(&w->field[f].tally, s->b);
		save_cells(s, w->field[f].cells);
	}
}

static void
save_pane(const struct saver *s, const struct pane *pane)
{
	memo_put_i64(s->b, pane->slot.start);
	memo_put_i64(s->b, pane->slot.end);
	memo_put_uint(
	    s->b, pane->closed | pane->dirty << 1 | pane->reached << 2);
	memo_put_uint(s->b, pane->n);
	for (size_t i = 0; i < pane->n; i++)
		save_window(s, pane->windows[i], &pane->slot);
}

void
window_save(const struct window_set *set, struct buf *b)
{
	struct saver s = { set, ordinals(&set->topics),
		ordinals(&set->groups.topics), b };

	memo_put_i64(b, set->newest);
	memo_put_i64(b, set->horizon);
	memo_put_i64(b, set->forgotten);
	memo_put_i64(b, set->interval);
	memo_put_i64(b, set->judged);
	memo_put_i64(b, set->swept);
	memo_put_uint(b, (uint64_t)set->live);
	memo_put_i64(b, set->ep);
	memo_put_i64(b, set->seq);
	save_inputs(&s);
	save_units(&s);
	save_groups(&s);
	memo_put_uint(b, set->npanes);
	for (size_t i = 0; i < set->npanes; i++)
		save_pane(&s, set->panes[i]);
	free(s.input);
	free(s.group);
}

/* Loading: r->bad is the only error, and looked at before anything is used. */

static int64_t
load_time(struct memo_record *r)
{
	int64_t t = memo_get_i64(r);

	if (t < GROUP_ALWAYS || t > GROUP_NEVER)
		r->bad = 1;
	return r->bad ? 0 : t;
}

/* A number below n. */
static uint32_t
load_number(struct memo_record *r, size_t n)
{
	uint64_t i = memo_get_uint(r);

	if (i >= n)
		r->bad = 1;
	return r->bad ? 0 : (uint32_t)i;
}

static void
load_inputs(struct window_set *set, struct memo_record *r)
{
	size_t n = memo_get_count(r, 3);

	for (size_t i = 0; !r->bad && i < n; i++) {
		size_t tn;
		const char *topic = memo_get_bytes(r, &tn);
		uint64_t group = memo_get_uint(r);
		uint64_t source = memo_get_uint(r);

		if (r->bad || tn == 0 || group > n || source > UINT32_MAX ||
		    names_find(&set->topics, topic, tn) != NAMES_NONE) {
			r->bad = 1;
			return;
		}
		window_refuse(set, topic, tn);
		/* Until the groups are there: 0 becomes NAMES_NONE. */
		set->inputs[i].group = (uint32_t)group - 1;
		set->inputs[i].source = (uint32_t)source;
	}
}

static void
load_units(struct window_set *set, struct memo_record *r)
{
	struct groups *groups = &set->groups;
	size_t n = memo_get_count(r, 1);

	if (n > GROUP_UNITS_MAX)
		r->bad = 1;
	for (size_t i = 1; !r->bad && i <= n; i++) {
		size_t un;
		const char *u = memo_get_bytes(r, &un);

		if (un > GROUP_UNIT_MAX)
			r->bad = 1;
		else if (un > 0)
			memcpy(groups->unit[i].text, u, un);
		groups->unit[i].n = (uint8_t)un;
		groups->nunits = i;
	}
}

static void
load_sources(struct window_set *set, struct group *g, struct memo_record *r)
{
	size_t n = memo_get_count(r, 10), ndropped = 0;
	uint32_t *dropped = xcalloc(n + 1, sizeof *dropped);

	for (size_t i = 0; !r->bad && i < n; i++) {
		int64_t last = load_time(r);
		uint32_t input = load_number(r, (size_t)set->topics.n + 1), at;
		size_t len;
		const char *name = memo_get_bytes(r, &len);

		if (r->bad)
			break;
		/* A dropped one has neither; it holds its place. */
		if (input == 0 && len > 0)
			at = groups_source(&set->groups, g, name, len);
		else
			at = groups_topic(
			    &set->groups, g, input == 0 ? 0 : input - 1);
		if (input == 0 && len == 0)
			dropped[ndropped++] = (uint32_t)i;
		if (at != i)
			r->bad = 1;
		else
			g->last[i] = last;
	}
	while (ndropped > 0)
		groups_drop_source(&set->groups, g, dropped[--ndropped]);
	free(dropped);
}

/* Into cells, or new ones if there are none yet. */
static void
load_cells(struct window_set *set, const struct group *g,
    struct window_field *field, struct memo_record *r)
{
	size_t n = memo_get_count(r, 18);

	for (size_t i = 0; !r->bad && i < n; i++) {
		struct cells *cells = field_cells(field);
		uint64_t id = memo_get_uint(r);
		uint32_t source = load_number(r, g->nsources);
		int64_t at = load_time(r);
		int64_t rev = memo_get_i64(r);
		uint64_t counter = memo_get_uint(r);
		struct cell *c;

		if (id >= (at == GROUP_ALWAYS ? g->nsources : set->topics.n) ||
		    counter > (unsigned)window_counts(set))
			r->bad = 1;
		if (r->bad)
			return;
		c = cells_get(cells, (uint32_t)id, at, source);
		if (cells->n != i + 1) {
			r->bad = 1;
			return;
		}
		c->rev = rev;
		if (counter) {
			c->counter = xcalloc(1, sizeof *c->counter);
			counter_load(c->counter, r);
		} else if (window_counts(set))
			r->bad = 1;
		tally_load(&c->tally, set->cell_parts, r);
	}
}

static void
load_states(struct window_set *set, struct group *g, struct memo_record *r)
{
	for (size_t f = 0; f < set->fields; f++) {
		struct window_field field = { 0 };

		load_cells(set, g, &field, r);
		if (field.cells == NULL)
			continue;
		if (g->states == NULL)
			g->states =
			    xcalloc(GROUP_FIELDS_MAX, sizeof *g->states);
		g->states[f] = *field.cells;
		free(field.cells);
	}
}

static void
load_groups(struct window_set *set, struct memo_record *r)
{
	size_t n = memo_get_count(r, 3);

	for (size_t i = 0; !r->bad && i < n; i++) {
		size_t tn, un;
		const char *topic = memo_get_bytes(r, &tn);
		const char *unit = memo_get_bytes(r, &un);
		struct group *g;

		if (r->bad || tn == 0 || un != sizeof g->unit) {
			r->bad = 1;
			return;
		}
		g = groups_get(&set->groups, topic, tn);
		if (g == NULL || g->id != i) {
			r->bad = 1;
			return;
		}
		for (size_t k = 0; k < sizeof g->unit; k++) {
			g->unit[k] = (uint8_t)unit[k];
			if (g->unit[k] > set->groups.nunits)
				r->bad = 1;
		}
		load_sources(set, g, r);
		load_states(set, g, r);
	}
}

static void
check_inputs(const struct window_set *set, struct memo_record *r)
{
	for (uint32_t i = 0; !r->bad && i < set->topics.n; i++) {
		const struct window_input *in = &set->inputs[i];

		if (in->group != NAMES_NONE &&
		    (in->group >= set->groups.topics.n ||
			in->source >= set->groups.group[in->group]->nsources))
			r->bad = 1;
	}
}

static void
load_window(struct window_set *set, struct pane *pane, struct memo_record *r)
{
	uint32_t group = load_number(r, set->groups.topics.n);
	uint64_t rev = memo_get_uint(r);
	uint64_t flags = memo_get_uint(r);
	size_t n = pane->n;
	struct window *w;

	if (rev > INT32_MAX / 2)
		r->bad = 1;
	if (r->bad)
		return;
	w = pane_window(set, pane, set->groups.group[group]);
	if (pane->n != n + 1) {
		r->bad = 1;
		return;
	}
	w->rev = (int)rev;
	w->dirty = flags & 1;
	w->given = flags >> 1 & 1;
	w->filled = flags >> 2 & 1;
	w->whole = flags >> 3 & 1;
	presence_load(&w->seen, r);
	if (w->seen.n > w->group->nsources)
		r->bad = 1;
	for (size_t f = 0; f < set->fields; f++) {
		tally_load(&w->field[f].tally, set->parts, r);
		load_cells(set, w->group, &w->field[f], r);
	}
}

static void
load_pane(struct window_set *set, struct memo_record *r)
{
	size_t n, npanes = set->npanes;
	struct pane *pane;
	struct slot slot;
	struct span span;
	uint64_t flags;

	slot.start = load_time(r);
	slot.end = load_time(r);
	flags = memo_get_uint(r);
	n = memo_get_count(r, 8);
	if (slot.start < SLOT_TIME_MIN || slot.start >= SLOT_TIME_MAX ||
	    (npanes > 0 && slot.start < set->panes[npanes - 1]->slot.end))
		r->bad = 1;
	if (r->bad)
		return;
	span_at(set->rule, slot.start, &span);
	if (span.slot.start != slot.start || span.slot.end != slot.end)
		r->bad = 1;
	if (r->bad)
		return;
	pane = pane_get(set, &span);
	if ((flags & 1) != pane->closed ||
	    (flags & 2 && (!pane->closed || pane->from == GROUP_NEVER)))
		r->bad = 1;
	pane->dirty = flags >> 1 & 1;
	pane->reached = flags >> 2 & 1;
	for (size_t i = 0; !r->bad && i < n; i++)
		load_window(set, pane, r);
}

static void
load(struct window_set *set, struct memo_record *r)
{
	size_t n;

	set->newest = load_time(r);
	set->horizon = load_time(r);
	set->forgotten = load_time(r);
	set->interval = memo_get_i64(r);
	set->judged = load_time(r);
	set->swept = load_time(r);
	set->live = memo_get_uint(r) == 1;
	set->ep = memo_get_i64(r);
	set->seq = memo_get_i64(r);
	if (set->interval < 0 || set->interval > GROUP_NEVER / 2 ||
	    set->ep < 0 || set->seq < 0 || set->seq > GROUP_NEVER)
		r->bad = 1;
	load_inputs(set, r);
	load_units(set, r);
	load_groups(set, r);
	check_inputs(set, r);
	n = memo_get_count(r, 18);
	for (size_t i = 0; !r->bad && i < n; i++)
		load_pane(set, r);
	if (!memo_get_end(r))
		r->bad = 1;
}

int
window_load(struct window_set *set, const char *p, size_t n)
{
	struct memo_record r = memo_record(p, n);

	window_reset(set);
	load(set, &r);
	if (!r.bad)
		return 0;
	window_reset(set);
	return -1;
}

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "event/unit.h"
#include "grid/index.h"
#include "grid/reading.h"
#include "grid/window.h"

enum { UNIT_MAX = 31, WHY_MAX = 256 };

static const int64_t never = INT64_MAX / 2;

struct unit {
	char text[UNIT_MAX + 1];
	size_t n;
};

/* A source within its group. */
struct member {
	char *name;
	int64_t first; /* least t seen; -never if it is expected */
	int64_t last;  /* greatest t in the windows that have closed */
};

struct group {
	char *topic;
	uint32_t id, rank;
	struct member *members;
	uint32_t nmembers;
	struct unit unit; /* n is 0 until one is known */
	int has_unit;
};

struct window_input {
	struct window_set *set;
	struct group *group;
	uint32_t id, member;
	struct unit unit; /* as last seen here */
	int has_unit;
	struct tally_scale scale; /* from that to the group's */
};

/*
 * What must be kept apart until the window closes: a source's readings, if
 * they become one value first, or a partial aggregate that may be revised.
 */
struct cell {
	uint32_t id; /* of the input, or of the member if at is -never */
	uint32_t member;
	int64_t at, rev;
	struct tally tally;
};

struct cells {
	struct cell *cell;
	size_t n, cap;
	uint32_t *map; /* open addressing, number of the cell + 1 */
	size_t mask;
};

/* One group in one slot. */
struct window {
	struct tally tally;
	struct group *group;
	struct cells *cells; /* NULL if there are none */
	int64_t *seen; /* per member: greatest t; before start: earlier one */
	uint32_t nseen;
	int rev;
	unsigned char dirty, given;
};

/* All windows of one slot. */
struct pane {
	struct slot slot;
	struct window **by_group; /* by id of the group */
	uint32_t ngroups;
	struct window **windows;
	size_t n, cap;
	int dirty; /* closed, and has had a late reading since */
};

struct window_set {
	const struct window_rule *rule;
	unsigned parts, cell_parts;
	int sum;  /* among the statistics */
	int mean; /* the sum is wanted for the mean alone */
	struct group **groups, **ranked;
	uint32_t ngroups, capgroups, nranked;
	struct window_input **inputs;
	uint32_t ninputs, capinputs;
	struct index group_index, member_index;
	struct pane **panes; /* by start; the first closed ones are closed */
	size_t npanes, cappanes, closed, kept;
	struct pane *current;
	int64_t newest, horizon; /* what ends up to horizon is closed */
	int64_t next_end;	 /* of the first open pane */
	int64_t forgotten;	 /* what ends up to it is not kept */
	int64_t limit;		 /* t up to this is not in the future */
	int64_t interval;	 /* longest w seen */
	int64_t judged;		 /* newest when live was last set */
	int live, due;
	struct pane *emitting;
	struct window **ready;
	size_t nready, capready, at, fix;
	struct window_stats stats;
	char why[WHY_MAX];
};

struct window_set *
window_new(const struct window_rule *rule)
{
	static const unsigned reduced[] = {
		[WINDOW_EACH] = 0,
		[WINDOW_MEAN] = TALLY_HAS_SUM,
		[WINDOW_LAST] = TALLY_HAS_LAST,
		[WINDOW_SUM] = TALLY_HAS_SUM,
		[WINDOW_MIN] = TALLY_HAS_MIN,
		[WINDOW_MAX] = TALLY_HAS_MAX,
	};
	struct window_set *set = xcalloc(1, sizeof *set);
	int energy = 0;

	set->rule = rule;
	for (size_t i = 0; i < rule->nstats; i++) {
		set->parts |= tally_parts(rule->stats[i]);
		set->mean |= rule->stats[i] == TALLY_MEAN;
		set->sum |= rule->stats[i] == TALLY_SUM;
		energy |= rule->stats[i] == TALLY_ENERGY;
	}
	set->mean &= !set->sum && !energy;
	set->cell_parts = rule->per_source == WINDOW_EACH
	    ? set->parts
	    : reduced[rule->per_source];
	set->newest = set->horizon = set->forgotten = set->limit = -never;
	set->judged = -never;
	set->next_end = never;
	return set;
}

static void
window_fini(struct window *w)
{
	tally_fini(&w->tally);
	for (size_t i = 0; w->cells != NULL && i < w->cells->n; i++)
		tally_fini(&w->cells->cell[i].tally);
	if (w->cells != NULL) {
		free(w->cells->cell);
		free(w->cells->map);
		free(w->cells);
	}
	free(w->seen);
	free(w);
}

static void
pane_free(struct pane *pane)
{
	for (size_t i = 0; i < pane->n; i++)
		window_fini(pane->windows[i]);
	free(pane->windows);
	free(pane->by_group);
	free(pane);
}

void
window_free(struct window_set *set)
{
	if (set == NULL)
		return;
	for (size_t i = 0; i < set->npanes; i++)
		pane_free(set->panes[i]);
	for (uint32_t i = 0; i < set->ngroups; i++) {
		struct group *g = set->groups[i];

		for (uint32_t j = 0; j < g->nmembers; j++)
			free(g->members[j].name);
		free(g->members);
		free(g->topic);
		free(g);
	}
	for (uint32_t i = 0; i < set->ninputs; i++)
		free(set->inputs[i]);
	index_fini(&set->group_index);
	index_fini(&set->member_index);
	free(set->groups);
	free(set->ranked);
	free(set->inputs);
	free(set->panes);
	free(set->ready);
	free(set);
}

/* Groups, sources, inputs. */

static struct group *
group_get(struct window_set *set, const char *topic)
{
	size_t n = strlen(topic);
	uint32_t id = index_get(&set->group_index, topic, n);
	struct group *g;

	if (id != INDEX_NONE)
		return set->groups[id];
	if (set->ngroups == set->capgroups) {
		set->capgroups = set->capgroups * 2 + 16;
		set->groups =
		    xrealloc(set->groups, set->capgroups * sizeof *set->groups);
	}
	g = xcalloc(1, sizeof *g);
	g->topic = xstrndup(topic, n);
	g->id = set->ngroups;
	set->groups[set->ngroups++] = g;
	index_put(&set->group_index, g->topic, n, g->id);
	return g;
}

/* The key of a source is "TOPIC NAME"; neither has a space. */
static uint32_t
member_get(struct window_set *set, struct group *g, const char *name, size_t n)
{
	size_t tn = strlen(g->topic), kn = tn + 1 + n;
	char *key = xmalloc(kn + 1);
	struct member *m;
	uint32_t id;

	memcpy(key, g->topic, tn);
	key[tn] = ' ';
	memcpy(key + tn + 1, name, n);
	key[kn] = '\0';
	id = index_get(&set->member_index, key, kn);
	if (id != INDEX_NONE) {
		free(key);
		return id;
	}
	/* Grown at powers of two. */
	if ((g->nmembers & (g->nmembers - 1)) == 0)
		g->members = xrealloc(g->members,
		    (g->nmembers == 0 ? 1 : g->nmembers * (size_t)2) *
			sizeof *g->members);
	m = &g->members[g->nmembers];
	m->name = key;
	m->first = never;
	m->last = -never;
	index_put(&set->member_index, key, kn, g->nmembers);
	set->stats.sources++;
	return g->nmembers++;
}

static const char *
member_name(const struct group *g, uint32_t i)
{
	return g->members[i].name + strlen(g->topic) + 1;
}

struct window_input *
window_input(
    struct window_set *set, const char *topic, const char *source, size_t sn)
{
	struct window_input *in = xcalloc(1, sizeof *in);

	if (set->ninputs == set->capinputs) {
		set->capinputs = set->capinputs * 2 + 16;
		set->inputs =
		    xrealloc(set->inputs, set->capinputs * sizeof *set->inputs);
	}
	in->set = set;
	in->id = set->ninputs;
	in->group = group_get(set, topic);
	in->member = member_get(set, in->group, source, sn);
	set->inputs[set->ninputs++] = in;
	return in;
}

void
window_expect(struct window_input *in)
{
	in->group->members[in->member].first = -never;
}

const char *
window_source(const struct window_input *in)
{
	return member_name(in->group, in->member);
}

/* Units. */

/* The unit that kW, W and MW are all counted in, by itself if there is none. */
static void
base_unit(struct unit *base, const char *u, size_t n)
{
	static const char *const bases[] = { "W", "Wh", "var", "varh", "VA",
		"VAh", "V", "A", "J", "Hz", "m", "s", "g", "Pa", "C" };
	struct tally_scale scale;
	int64_t mul, div;

	if (n > 0)
		memcpy(base->text, u, n);
	base->n = n;
	for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
		size_t bn = strlen(bases[i]);

		if (unit_ratio(u, n, bases[i], bn, &mul, &div) == 0 &&
		    tally_scale_set(&scale, mul, div) == 0 && scale.mul == 1) {
			memcpy(base->text, bases[i], bn);
			base->n = bn;
			return;
		}
	}
}

static int
convert(struct window_input *in, const char *u, size_t n)
{
	const struct unit *to = &in->group->unit;
	int64_t mul, div;

	if (n == to->n && (n == 0 || memcmp(u, to->text, n) == 0)) {
		in->scale.mul = 1;
		in->scale.shift = 0;
		return 0;
	}
	if (n == 0 || to->n == 0 ||
	    unit_ratio(u, n, to->text, to->n, &mul, &div) == -1)
		return -1;
	return tally_scale_set(&in->scale, mul, div);
}

static int
unit_refused(
    struct window_input *in, const char *u, size_t n, const char *reason)
{
	const struct unit *to = &in->group->unit;

	in->has_unit = 0;
	snprintf(in->set->why, WHY_MAX, "unit %.*s %s%s%.*s of %.120s",
	    n == 0 ? 4 : (int)n, n == 0 ? "none" : u, reason,
	    to->n == 0 ? "" : " ", (int)to->n, to->text, in->group->topic);
	return -1;
}

/* Find how the unit u becomes the group's, which the first one settles. */
static int
unit_set(struct window_input *in, const char *u, size_t n)
{
	const struct window_rule *rule = in->set->rule;
	struct group *g = in->group;

	if (n > UNIT_MAX)
		return unit_refused(in, u, UNIT_MAX, "… is no unit for the");
	if (!g->has_unit) {
		if (rule->unit != NULL) {
			g->unit.n = strlen(rule->unit);
			memcpy(g->unit.text, rule->unit, g->unit.n);
		} else
			base_unit(&g->unit, u, n);
		g->has_unit = 1;
	}
	if (convert(in, u, n) == -1)
		return unit_refused(in, u, n, "does not convert to the");
	for (size_t i = 0; i < rule->nstats; i++)
		if (rule->stats[i] == TALLY_ENERGY &&
		    unit_energy(g->unit.text, g->unit.n) == NULL)
			return unit_refused(
			    in, u, n, "is no power: no energy from the");
	memcpy(in->unit.text, u, n);
	in->unit.n = n;
	in->has_unit = 1;
	return 0;
}

/* Panes. */

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
	if (pane->slot.end <= set->horizon)
		set->closed++;
	else if (pane->slot.end < set->next_end)
		set->next_end = pane->slot.end;
}

static struct pane *
pane_get(struct window_set *set, const struct slot *slot)
{
	size_t low = 0, high = set->npanes;
	struct pane *pane;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (set->panes[middle]->slot.start < slot->start)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < set->npanes && set->panes[low]->slot.start == slot->start)
		return set->panes[low];
	pane = xcalloc(1, sizeof *pane);
	pane->slot = *slot;
	pane_insert(set, low, pane);
	return pane;
}

static struct window *
window_get(struct window_set *set, struct pane *pane, struct group *g)
{
	struct window *w;

	if (g->id >= pane->ngroups) {
		uint32_t n =
		    g->id + 1 > set->ngroups / 2 ? set->ngroups : g->id * 2 + 2;

		pane->by_group =
		    xrealloc(pane->by_group, n * sizeof *pane->by_group);
		memset(pane->by_group + pane->ngroups, 0,
		    (n - pane->ngroups) * sizeof *pane->by_group);
		pane->ngroups = n;
	}
	if (pane->by_group[g->id] != NULL)
		return pane->by_group[g->id];
	w = xcalloc(1, sizeof *w);
	w->group = g;
	if (pane->n == pane->cap) {
		pane->cap = pane->cap * 2 + 4;
		pane->windows =
		    xrealloc(pane->windows, pane->cap * sizeof *pane->windows);
	}
	pane->windows[pane->n++] = w;
	pane->by_group[g->id] = w;
	if (pane->slot.end <= set->horizon)
		set->kept++;
	return w;
}

static void
seen_room(struct window *w)
{
	uint32_t n = w->group->nmembers;

	if (w->nseen >= n)
		return;
	w->seen = xrealloc(w->seen, n * sizeof *w->seen);
	while (w->nseen < n)
		w->seen[w->nseen++] = -never;
}

/* Cells. */

static size_t
cell_hash(uint32_t id, int64_t at)
{
	uint64_t h = ((uint64_t)at ^ (uint64_t)id << 40 ^ id) *
	    UINT64_C(0x9e3779b97f4a7c15);

	return (size_t)(h ^ h >> 29);
}

/* Where the cell stands in the map, or where it would. */
static uint32_t *
cell_place(const struct cells *cells, uint32_t id, int64_t at)
{
	size_t i = cell_hash(id, at) & cells->mask;

	for (; cells->map[i] != 0; i = (i + 1) & cells->mask) {
		const struct cell *c = &cells->cell[cells->map[i] - 1];

		if (c->id == id && c->at == at)
			break;
	}
	return &cells->map[i];
}

static void
cells_grow(struct cells *cells)
{
	cells->cap = cells->cap == 0 ? 4 : cells->cap * 2;
	cells->cell = xrealloc(cells->cell, cells->cap * sizeof *cells->cell);
	free(cells->map);
	cells->map = xcalloc(cells->cap * 2, sizeof *cells->map);
	cells->mask = cells->cap * 2 - 1;
	for (size_t i = 0; i < cells->n; i++)
		*cell_place(cells, cells->cell[i].id, cells->cell[i].at) =
		    (uint32_t)i + 1;
}

/* The cell, a new one with n 0 if there is none. */
static struct cell *
cell_get(struct window *w, uint32_t id, uint32_t member, int64_t at)
{
	struct cells *cells = w->cells;
	uint32_t *place;

	if (cells == NULL)
		cells = w->cells = xcalloc(1, sizeof *cells);
	if (cells->n == cells->cap)
		cells_grow(cells);
	place = cell_place(cells, id, at);
	if (*place == 0) {
		struct cell c = { .id = id, .member = member, .at = at };

		cells->cell[cells->n++] = c;
		*place = (uint32_t)cells->n;
	}
	return &cells->cell[*place - 1];
}

/* 1 if the window has changed, 0 if a later revision is there already. */
static int
cell_add(struct window_set *set, struct window *w, struct window_input *in,
    const struct reading *r, struct tally *t)
{
	uint32_t id = r->aggregate ? in->id : in->member;
	int64_t at = r->aggregate ? r->t : -never;
	struct cell *c = cell_get(w, id, in->member, at);

	if (r->aggregate && c->tally.values > 0) {
		if (r->rev <= c->rev)
			return 0;
		tally_fini(&c->tally);
	}
	c->rev = r->rev;
	tally_merge(&c->tally, set->cell_parts, t);
	return 1;
}

/* One event. */

static int64_t
clock_limit(struct window_set *set)
{
	/* The clock is only asked when the last answer does not do. */
	set->limit = date_now() + set->rule->skew;
	return set->limit;
}

static enum window_result
check_time(struct window_set *set, int64_t t, struct slot *slot)
{
	if (t > set->limit && t > clock_limit(set))
		return WINDOW_FUTURE;
	if (set->current != NULL && t >= set->current->slot.start &&
	    t < set->current->slot.end)
		*slot = set->current->slot;
	else
		slot_at(&set->rule->slot, t, slot);
	if (slot->end <= set->horizon &&
	    (slot->end <= set->forgotten ||
		set->horizon - slot->end >= set->rule->keep))
		return WINDOW_LATE;
	return WINDOW_TAKEN;
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

static const char *
add_cell(struct window_set *set, struct window *w, struct window_input *in,
    const struct reading *r, int *changed)
{
	struct tally t = { 0 };
	const char *why = NULL;

	if (reading_tally(
		r, set->cell_parts, set->mean, &in->scale, &t, &why) == 0)
		*changed = cell_add(set, w, in, r, &t);
	tally_fini(&t);
	return why;
}

static const char *
store(struct window_set *set, struct window_input *in, const struct slot *slot,
    const struct reading *r)
{
	struct pane *pane = set->current;
	struct member *m = &in->group->members[in->member];
	struct window *w;
	const char *why = NULL;
	int changed = 1;

	if (pane == NULL || pane->slot.start != slot->start)
		pane = set->current = pane_get(set, slot);
	w = window_get(set, pane, in->group);
	if (r->aggregate || set->rule->per_source != WINDOW_EACH)
		why = add_cell(set, w, in, r, &changed);
	else if (reading_add(r, set->parts, &in->scale, &w->tally) == -1)
		why = "number out of range";
	if (why != NULL)
		return why;
	if (in->member >= w->nseen)
		seen_room(w);
	if (r->t > w->seen[in->member])
		w->seen[in->member] = r->t;
	if (r->t < m->first)
		m->first = r->t;
	if (changed && slot->end <= set->horizon)
		w->dirty = pane->dirty = 1;
	return NULL;
}

static int
same_unit(const struct window_input *in, const char *u, size_t n)
{
	return in->has_unit && n == in->unit.n &&
	    (n == 0 ||
		(*u == *in->unit.text &&
		    (n == 1 || memcmp(u, in->unit.text, n) == 0)));
}

enum window_result
window_add(struct window_set *set, struct window_input *in,
    const struct event *e, const char **why)
{
	struct reading r;
	struct slot slot;
	enum window_result result;
	int taken = reading_take(&r, e, set->rule->value, why);

	if (taken != 1)
		return taken == 0 ? WINDOW_UNUSED : WINDOW_REFUSED;
	if (r.t < SLOT_TIME_MIN || r.t >= SLOT_TIME_MAX) {
		*why = "t is not in the years 0 to 9999";
		return WINDOW_REFUSED;
	}
	if ((result = check_time(set, r.t, &slot)) != WINDOW_TAKEN)
		return result;
	if (!same_unit(in, r.u, r.un) && unit_set(in, r.u, r.un) == -1) {
		*why = set->why;
		return WINDOW_REFUSED;
	}
	if ((*why = store(set, in, &slot, &r)) != NULL)
		return WINDOW_REFUSED;
	advance(set, r.t);
	if (r.w > set->interval)
		set->interval = r.w;
	return set->due ? WINDOW_DUE : WINDOW_TAKEN;
}

/* Closing. */

static int
by_rank(const void *a, const void *b)
{
	const struct window *const *x = a, *const *y = b;

	return ((*x)->group->rank > (*y)->group->rank) -
	    ((*x)->group->rank < (*y)->group->rank);
}

static int
by_topic(const void *a, const void *b)
{
	const struct group *const *x = a, *const *y = b;

	return strcmp((*x)->topic, (*y)->topic);
}

static void
rank_groups(struct window_set *set)
{
	if (set->nranked == set->ngroups)
		return;
	set->ranked = xrealloc(set->ranked, set->ngroups * sizeof *set->ranked);
	memcpy(set->ranked, set->groups, set->ngroups * sizeof *set->ranked);
	qsort(set->ranked, set->ngroups, sizeof *set->ranked, by_topic);
	for (uint32_t i = 0; i < set->ngroups; i++)
		set->ranked[i]->rank = i;
	set->nranked = set->ngroups;
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
	rank_groups(set);
	qsort(set->ready, set->nready, sizeof *set->ready, by_rank);
}

static void
forget(struct window_set *set)
{
	size_t n = 0;

	for (; n < set->closed; n++) {
		struct pane *pane = set->panes[n];

		if (set->horizon - pane->slot.end < set->rule->keep &&
		    set->kept <= WINDOW_KEPT_MAX)
			break;
		set->kept -= pane->n;
		set->forgotten = pane->slot.end;
		if (set->current == pane)
			set->current = NULL;
		pane_free(pane);
	}
	if (n == 0)
		return;
	set->npanes -= n;
	set->closed -= n;
	memmove(set->panes, set->panes + n, set->npanes * sizeof *set->panes);
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
		set->kept += pane->n;
		collect(set, pane, 1);
		return 1;
	}
	set->due = 0;
	set->fix = 0;
	set->nready = set->at = 0;
	forget(set);
	set->next_end = set->closed < set->npanes
	    ? set->panes[set->closed]->slot.end
	    : never;
	return 0;
}

/* The one value of a source for its window. */
static void
reduce(enum window_per_source how, const struct tally *t, int64_t start,
    struct tally_value *value)
{
	struct buf b = { 0 };

	switch (how) {
	case WINDOW_MEAN:
		num_sum_format(&t->sum, 1, t->values, &b);
		num_sum_add(&value->v, b.p, b.len);
		value->at = start;
		buf_fini(&b);
		break;
	case WINDOW_SUM:
		tally_copy(&value->v, &t->sum);
		value->at = start;
		break;
	case WINDOW_LAST:
		tally_copy(&value->v, &t->ends->last.v);
		value->at = t->ends->last.at;
		break;
	case WINDOW_MIN:
		tally_copy(&value->v, &t->ends->min.v);
		value->at = t->ends->min.at;
		break;
	default:
		tally_copy(&value->v, &t->ends->max.v);
		value->at = t->ends->max.at;
	}
}

static int
by_member(const void *a, const void *b)
{
	const struct cell *const *x = a, *const *y = b;

	return ((*x)->member > (*y)->member) - ((*x)->member < (*y)->member);
}

static void
add_sources(const struct window_set *set, const struct cells *cells,
    int64_t start, struct tally *total)
{
	const struct cell **order = xcalloc(cells->n, sizeof *order);

	for (size_t i = 0; i < cells->n; i++)
		order[i] = &cells->cell[i];
	qsort(order, cells->n, sizeof *order, by_member);
	for (size_t i = 0, next; i < cells->n; i = next) {
		struct tally t = { 0 };
		struct tally_value value = { 0 };

		for (next = i;
		     next < cells->n && order[next]->member == order[i]->member;
		     next++)
			tally_merge(&t, set->cell_parts, &order[next]->tally);
		reduce(set->rule->per_source, &t, start, &value);
		tally_add(total, set->parts, &value.v, value.at, t.n);
		num_sum_fini(&value.v);
		tally_fini(&t);
	}
	free(order);
}

/* All readings of the window; t is empty. */
static void
total(const struct window_set *set, const struct window *w, int64_t start,
    struct tally *t)
{
	const struct cells *cells = w->cells;

	tally_merge(t, set->parts, &w->tally);
	if (cells == NULL)
		return;
	if (set->rule->per_source != WINDOW_EACH)
		add_sources(set, cells, start, t);
	else
		for (size_t i = 0; i < cells->n; i++)
			tally_merge(t, set->parts, &cells->cell[i].tally);
}

/* Lines. */

static const char *
stat_unit(const struct group *g, enum tally_stat stat, size_t *n)
{
	const char *u;

	*n = 0;
	if (stat == TALLY_ENERGY) {
		u = unit_energy(g->unit.text, g->unit.n);
		*n = u == NULL ? 0 : strlen(u);
		return u;
	}
	if (stat > TALLY_LAST)
		return NULL;
	*n = g->unit.n;
	return g->unit.text;
}

static void
add_unit(struct buf *b, const struct group *g, enum tally_stat stat)
{
	size_t n;
	const char *u = stat_unit(g, stat, &n);

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
add_members(struct buf *b, const struct window_set *set, const struct group *g,
    const struct tally *t, int64_t every)
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
		tally_print(t, stats[i], every, b);
	}
	buf_addc(b, '}');
	for (size_t i = 0; i < n; i++) {
		const char *u = stat_unit(g, stats[i], &un);

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

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
add_absent(struct buf *b, const struct window *w, const struct slot *slot)
{
	const struct group *g = w->group;
	const char **names = xcalloc(g->nmembers + 1, sizeof *names);
	size_t n = 0;

	for (uint32_t i = 0; i < g->nmembers; i++)
		if (w->seen[i] < slot->start && g->members[i].first < slot->end)
			names[n++] = member_name(g, i);
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
add_sources_seen(
    struct buf *b, struct window *w, const struct slot *slot, int list)
{
	struct group *g = w->group;
	uint32_t reported = 0, missing = 0;
	int64_t oldest = never;

	seen_room(w);
	for (uint32_t i = 0; i < g->nmembers; i++) {
		struct member *m = &g->members[i];

		if (w->seen[i] >= slot->start) {
			reported++;
			if (w->seen[i] > m->last)
				m->last = w->seen[i];
		} else if (m->first < slot->end) {
			missing++;
			/* Kept for a correction, when last has moved on. */
			if (!w->given && m->last < slot->start)
				w->seen[i] = m->last;
		} else
			continue;
		if (w->seen[i] != -never && w->seen[i] < oldest)
			oldest = w->seen[i];
	}
	buf_addf(b, ",\"sources\":%u,\"missing\":%u", reported, missing);
	if (oldest != never) {
		buf_adds(b, ",\"age\":");
		num_add_micros(b, slot->end - oldest);
	}
	if (list && missing > 0)
		add_absent(b, w, slot);
}

static void
add_line(struct window_set *set, struct window *w, const struct slot *slot,
    const struct tally *t, struct buf *b)
{
	const struct window_rule *rule = set->rule;
	int64_t width = slot->end - slot->start;
	int64_t every = rule->every != 0 ? rule->every : width;

	buf_adds(b, "{\"topic\":\"");
	buf_adds(b, w->group->topic);
	buf_adds(b, "\",\"t\":");
	num_add_micros(b, slot->start);
	if (rule->nstats == 1) {
		buf_adds(b, ",\"v\":");
		tally_print(t, rule->stats[0], every, b);
		add_unit(b, w->group, rule->stats[0]);
	} else
		add_members(b, set, w->group, t, every);
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
		tally_print(t, TALLY_SUM, every, b);
	}
	add_sources_seen(b, w, slot, rule->list_missing);
	if (w->rev > 0) {
		buf_adds(b, ",\"rev\":");
		buf_addi(b, w->rev);
	}
	buf_addc(b, '}');
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
	total(set, w, set->emitting->slot.start, &t);
	if (w->given) {
		w->rev++;
		set->stats.corrections++;
	}
	add_line(set, w, &set->emitting->slot, &t, b);
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
	    rule->every > set->interval ? rule->every : set->interval;

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
	set->horizon = never;
	set->due = 1;
}

void
window_stats(const struct window_set *set, struct window_stats *stats)
{
	*stats = set->stats;
	stats->groups = set->ngroups;
}

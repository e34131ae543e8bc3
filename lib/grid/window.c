#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "grid/cell.h"
#include "grid/group.h"
#include "grid/reading.h"
#include "grid/window.h"

enum { WHY_MAX = 256 };

struct window_input {
	struct window_set *set;
	struct group *group;
	uint32_t id, source;
	struct group_unit unit;	  /* as last seen here */
	struct tally_scale scale; /* from that to the group's */
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
	struct groups groups;
	struct window_input **inputs;
	uint32_t ninputs, capinputs;
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
	set->cell_parts = rule->per_source == CELL_EACH
	    ? set->parts
	    : cell_parts(rule->per_source);
	set->newest = set->horizon = set->forgotten = set->limit = GROUP_ALWAYS;
	set->judged = GROUP_ALWAYS;
	set->next_end = GROUP_NEVER;
	return set;
}

static void
window_fini(struct window *w)
{
	tally_fini(&w->tally);
	if (w->cells != NULL) {
		cells_fini(w->cells);
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
	for (uint32_t i = 0; i < set->ninputs; i++)
		free(set->inputs[i]);
	groups_fini(&set->groups);
	free(set->inputs);
	free(set->panes);
	free(set->ready);
	free(set);
}

/* Inputs. */

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
	in->group = groups_get(&set->groups, topic);
	in->source = groups_source(&set->groups, in->group, source, sn);
	set->inputs[set->ninputs++] = in;
	return in;
}

void
window_expect(struct window_input *in)
{
	in->group->sources[in->source].first = GROUP_ALWAYS;
}

const char *
window_source(const struct window_input *in)
{
	return group_source_name(in->group, in->source);
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
		uint32_t n = g->id + 1 > set->groups.n / 2 ? set->groups.n
							   : g->id * 2 + 2;

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
	uint32_t n = w->group->nsources;

	if (w->nseen >= n)
		return;
	w->seen = xrealloc(w->seen, n * sizeof *w->seen);
	while (w->nseen < n)
		w->seen[w->nseen++] = GROUP_ALWAYS;
}

/* 1 if the window has changed, 0 if a later revision is there already. */
static int
cell_add(struct window_set *set, struct window *w, struct window_input *in,
    const struct reading *r, struct tally *t)
{
	struct cell *c;

	if (w->cells == NULL)
		w->cells = xcalloc(1, sizeof *w->cells);
	if (r->aggregate)
		c = cells_get(w->cells, in->id, r->t, in->source);
	else
		c = cells_get(w->cells, in->source, GROUP_ALWAYS, in->source);
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
	struct group_source *m = &in->group->sources[in->source];
	struct window *w;
	const char *why = NULL;
	int changed = 1;

	if (pane == NULL || pane->slot.start != slot->start)
		pane = set->current = pane_get(set, slot);
	w = window_get(set, pane, in->group);
	if (r->aggregate || set->rule->per_source != CELL_EACH)
		why = add_cell(set, w, in, r, &changed);
	else if (reading_add(r, set->parts, &in->scale, &w->tally) == -1)
		why = "number out of range";
	if (why != NULL)
		return why;
	if (in->source >= w->nseen)
		seen_room(w);
	if (r->t > w->seen[in->source])
		w->seen[in->source] = r->t;
	if (r->t < m->first)
		m->first = r->t;
	if (changed && slot->end <= set->horizon)
		w->dirty = pane->dirty = 1;
	return NULL;
}

static void
unit_refused(
    char *why, const struct group *g, const char *u, size_t n, const char *what)
{
	int un = n < GROUP_UNIT_MAX ? (int)n : GROUP_UNIT_MAX;
	int gn = (int)g->unit.n;

	if (un == 0 && gn == 0)
		snprintf(
		    why, WHY_MAX, "no unit: no energy of %.120s", g->topic);
	else if (un == 0)
		snprintf(why, WHY_MAX, "no unit, but %.120s is in %.*s",
		    g->topic, gn, g->unit.text);
	else if (gn == 0)
		snprintf(why, WHY_MAX, "unit %.*s, but %.120s has none", un, u,
		    g->topic);
	else
		snprintf(why, WHY_MAX, "unit %.*s %s %.*s of %.120s", un, u,
		    what, gn, g->unit.text, g->topic);
}

static const char *
unit_set(struct window_input *in, const char *u, size_t n)
{
	const struct window_rule *rule = in->set->rule;
	struct group *g = in->group;
	const char *what = group_convert(g, u, n, rule->unit, &in->scale);
	size_t un;

	for (size_t i = 0; what == NULL && i < rule->nstats; i++)
		if (rule->stats[i] == TALLY_ENERGY &&
		    group_stat_unit(g, TALLY_ENERGY, &un) == NULL)
			what = "is no power: no energy from the";
	in->unit.known = what == NULL;
	if (what == NULL) {
		memcpy(in->unit.text, u, n);
		in->unit.n = n;
		return NULL;
	}
	unit_refused(in->set->why, g, u, n, what);
	return in->set->why;
}

static int
same_unit(const struct window_input *in, const char *u, size_t n)
{
	return in->unit.known && n == in->unit.n &&
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
	if (!same_unit(in, r.u, r.un) &&
	    (*why = unit_set(in, r.u, r.un)) != NULL)
		return WINDOW_REFUSED;
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
	    : GROUP_NEVER;
	return 0;
}

/* All readings of the window; t is empty. */
static void
total(const struct window_set *set, const struct window *w, int64_t start,
    struct tally *t)
{
	tally_merge(t, set->parts, &w->tally);
	if (w->cells != NULL)
		cells_total(
		    w->cells, set->rule->per_source, set->parts, start, t);
}

/* Lines. */

static void
add_unit(struct buf *b, const struct group *g, enum tally_stat stat)
{
	size_t n;
	const char *u = group_stat_unit(g, stat, &n);

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
		const char *u = group_stat_unit(g, stats[i], &un);

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
	const char **names = xcalloc(g->nsources + 1, sizeof *names);
	size_t n = 0;

	for (uint32_t i = 0; i < g->nsources; i++)
		if (w->seen[i] < slot->start && g->sources[i].first < slot->end)
			names[n++] = group_source_name(g, i);
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
	int64_t oldest = GROUP_NEVER;

	seen_room(w);
	for (uint32_t i = 0; i < g->nsources; i++) {
		struct group_source *m = &g->sources[i];

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
		if (w->seen[i] != GROUP_ALWAYS && w->seen[i] < oldest)
			oldest = w->seen[i];
	}
	buf_addf(b, ",\"sources\":%u,\"missing\":%u", reported, missing);
	if (oldest != GROUP_NEVER) {
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
	set->horizon = GROUP_NEVER;
	set->due = 1;
}

void
window_stats(const struct window_set *set, struct window_stats *stats)
{
	*stats = set->stats;
	stats->groups = set->groups.n;
	stats->sources = set->groups.nsources;
}

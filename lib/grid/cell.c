#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/die.h"
#include "grid/cell.h"
#include "grid/group.h"

unsigned
cell_parts(enum cell_reduce how)
{
	switch (how) {
	case CELL_MEAN:
	case CELL_SUM: return TALLY_HAS_SUM;
	case CELL_LAST: return TALLY_HAS_LAST;
	case CELL_MIN: return TALLY_HAS_MIN;
	case CELL_MAX: return TALLY_HAS_MAX;
	default: return 0;
	}
}

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

struct cell *
cells_get(struct cells *cells, uint32_t id, int64_t at, uint32_t source)
{
	uint32_t *place;

	if (cells->n == cells->cap)
		cells_grow(cells);
	place = cell_place(cells, id, at);
	if (*place == 0) {
		struct cell c = { .id = id, .source = source, .at = at };

		cells->cell[cells->n++] = c;
		*place = (uint32_t)cells->n;
	}
	return &cells->cell[*place - 1];
}

struct cell *
cells_find(const struct cells *cells, uint32_t id, int64_t at)
{
	uint32_t place = cells->n == 0 ? 0 : *cell_place(cells, id, at);

	return place == 0 ? NULL : &cells->cell[place - 1];
}

static struct counter *
counter_of(struct cells *cells, uint32_t source, struct cell **cell)
{
	struct cell *c = cells_get(cells, source, GROUP_ALWAYS, source);

	if (c->counter == NULL)
		c->counter = xcalloc(1, sizeof *c->counter);
	if (cell != NULL)
		*cell = c;
	return c->counter;
}

void
cells_point(struct cells *cells, uint32_t source,
    const struct counter_point *point, const struct tally_count *count,
    int64_t horizon)
{
	struct cell *c;

	counter_add(counter_of(cells, source, &c), point, horizon);
	c->tally.n += count->n;
	c->tally.estimated += count->estimated;
}

struct counter_state *
cells_state(struct cells *states, uint32_t source)
{
	return &counter_of(states, source, NULL)->before;
}

int
cells_before(
    const struct cells *cells, uint32_t source, struct counter_state *state)
{
	const struct cell *c = cells_find(cells, source, GROUP_ALWAYS);

	if (c == NULL)
		return 0;
	*state = c->counter->before;
	return 1;
}

int
cells_carry(struct cells *cells, const struct cell_rule *rule, uint32_t source,
    struct counter_state *state)
{
	const struct cell *c = cells_find(cells, source, GROUP_ALWAYS);
	struct counter_rise rise;

	if (c == NULL)
		return 0;
	c->counter->before = *state;
	counter_run(c->counter, &rule->counter, &rise, state);
	num_sum_fini(&rise.v);
	return 1;
}

void
cells_close(
    struct cells *cells, const struct cell_rule *rule, struct cells *states)
{
	for (size_t i = 0; i < cells->n; i++)
		if (cells->cell[i].counter != NULL)
			cells_carry(cells, rule, cells->cell[i].source,
			    cells_state(states, cells->cell[i].source));
}

/* x = sum * up / down, rounded as it would be printed. */
static void
quotient(struct num_sum *x, const struct num_sum *sum, int64_t up, int64_t down)
{
	int64_t d = num_common_divisor(up, down);
	struct buf b = { 0 };

	num_sum_format(sum, up / d, down / d, &b);
	num_sum_add(x, b.p, b.len);
	buf_fini(&b);
}

/* The one value of a source for its window. */
static void
reduce(enum cell_reduce how, const struct tally *t, int64_t start,
    struct tally_value *value)
{
	const struct tally_value *part = tally_value(t, cell_parts(how));

	value->at = part == NULL ? start : part->at;
	if (part != NULL)
		tally_copy(&value->v, &part->v);
	else if (how == CELL_MEAN)
		quotient(&value->v, &t->sum, 1, t->values);
	else
		tally_copy(&value->v, &t->sum);
}

/* 1, or 0 if the readings say nothing yet. */
static int
reduce_counter(const struct cell_rule *rule, const struct cell *c,
    int64_t start, struct tally_value *value, struct tally_count *count)
{
	struct counter_rise rise;
	struct counter_state after;

	counter_run(c->counter, &rule->counter, &rise, &after);
	value->at = start;
	count->ignored = rise.ignored;
	count->resets = rise.resets;
	if (rule->how == CELL_DELTA)
		num_sum_merge(&value->v, &rise.v);
	else if (rise.steps > 0 && rise.to > rise.from)
		quotient(
		    &value->v, &rise.v, rule->counter.per, rise.to - rise.from);
	num_sum_fini(&rise.v);
	return rise.steps > 0;
}

static int
by_source(const void *a, const void *b)
{
	const struct cell *const *x = a, *const *y = b;

	return ((*x)->source > (*y)->source) - ((*x)->source < (*y)->source);
}

/* The value of the cells order[0..n), which are of one source: 0 or 1. */
static int
source_value(const struct cell_rule *rule, const struct cell **order, size_t n,
    int64_t start, struct tally_value *value, struct tally_count *count)
{
	struct tally t = { 0 };

	*count = (struct tally_count){ 0 };
	*value = (struct tally_value){ 0 };
	if (order[0]->counter != NULL) {
		count->n = order[0]->tally.n;
		count->estimated = order[0]->tally.estimated;
		return reduce_counter(rule, order[0], start, value, count);
	}
	for (size_t i = 0; i < n; i++)
		tally_merge(&t, cell_parts(rule->how), &order[i]->tally);
	if (t.values > 0)
		reduce(rule->how, &t, start, value);
	count->n = t.n;
	count->estimated = t.estimated;
	n = t.values > 0;
	tally_fini(&t);
	return (int)n;
}

static size_t
add_sources(const struct cells *cells, const struct cell_rule *rule,
    unsigned parts, int64_t start, struct tally *total)
{
	const struct cell **order = xcalloc(cells->n, sizeof *order);
	struct tally_value value;
	struct tally_count count;
	size_t unfit = 0;

	for (size_t i = 0; i < cells->n; i++)
		order[i] = &cells->cell[i];
	qsort(order, cells->n, sizeof *order, by_source);
	for (size_t i = 0, next; i < cells->n; i = next) {
		for (next = i + 1;
		     next < cells->n && order[next]->source == order[i]->source;
		     next++)
			;
		if (!source_value(
			rule, order + i, next - i, start, &value, &count))
			continue;
		if (tally_fits(&value.v, parts) == 0)
			tally_add(total, parts, &value.v, value.at, &count);
		else
			unfit++;
		num_sum_fini(&value.v);
	}
	free(order);
	return unfit;
}

size_t
cells_total(const struct cells *cells, const struct cell_rule *rule,
    unsigned parts, int64_t start, struct tally *total)
{
	if (rule->how != CELL_EACH && cells->n > 0)
		return add_sources(cells, rule, parts, start, total);
	for (size_t i = 0; i < cells->n; i++)
		tally_merge(total, parts, &cells->cell[i].tally);
	return 0;
}

static void
merge_counter(struct cell *to, const struct counter *later)
{
	if (to->counter == NULL) {
		to->counter = xcalloc(1, sizeof *to->counter);
		to->counter->before = later->before;
	}
	for (uint32_t i = 0; i < later->n; i++)
		counter_add(to->counter, &later->point[i], INT64_MIN);
}

void
cells_merge(struct cells *cells, const struct cells *later, unsigned parts)
{
	for (size_t i = 0; i < later->n; i++) {
		const struct cell *c = &later->cell[i];
		struct cell *to = cells_get(cells, c->id, c->at, c->source);

		if (c->counter == NULL) {
			tally_merge(&to->tally, parts, &c->tally);
			continue;
		}
		merge_counter(to, c->counter);
		to->tally.n += c->tally.n;
		to->tally.estimated += c->tally.estimated;
	}
}

void
cells_hold(struct cells *cells, const struct cells *earlier, int64_t oldest)
{
	struct cells held = { 0 };

	for (size_t i = 0; i < earlier->n; i++) {
		const struct cell *c = &earlier->cell[i];
		const struct tally_value *last =
		    tally_value(&c->tally, TALLY_HAS_LAST);

		if (c->at == GROUP_ALWAYS && last != NULL &&
		    last->at >= oldest &&
		    cells_find(cells, c->id, c->at) == NULL)
			tally_merge(
			    &cells_get(&held, c->id, c->at, c->source)->tally,
			    TALLY_HAS_LAST, &c->tally);
	}
	for (size_t i = 0; i < held.n; i++)
		held.cell[i].tally.n = held.cell[i].tally.estimated = 0;
	cells_merge(cells, &held, TALLY_HAS_LAST);
	cells_fini(&held);
}

static void
cell_fini(struct cell *c)
{
	tally_fini(&c->tally);
	if (c->counter != NULL)
		counter_fini(c->counter);
	free(c->counter);
}

void
cells_fini(struct cells *cells)
{
	for (size_t i = 0; i < cells->n; i++)
		cell_fini(&cells->cell[i]);
	free(cells->cell);
	free(cells->map);
	memset(cells, 0, sizeof *cells);
}

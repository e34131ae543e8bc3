#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/die.h"
#include "grid/cell.h"

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

/* The one value of a source for its window. */
static void
reduce(enum cell_reduce how, const struct tally *t, int64_t start,
    struct tally_value *value)
{
	struct buf b = { 0 };

	switch (how) {
	case CELL_MEAN:
		num_sum_format(&t->sum, 1, t->values, &b);
		num_sum_add(&value->v, b.p, b.len);
		value->at = start;
		buf_fini(&b);
		break;
	case CELL_SUM:
		tally_copy(&value->v, &t->sum);
		value->at = start;
		break;
	case CELL_LAST:
		tally_copy(&value->v, &t->ends->last.v);
		value->at = t->ends->last.at;
		break;
	case CELL_MIN:
		tally_copy(&value->v, &t->ends->min.v);
		value->at = t->ends->min.at;
		break;
	default:
		tally_copy(&value->v, &t->ends->max.v);
		value->at = t->ends->max.at;
	}
}

static int
by_source(const void *a, const void *b)
{
	const struct cell *const *x = a, *const *y = b;

	return ((*x)->source > (*y)->source) - ((*x)->source < (*y)->source);
}

static void
add_sources(const struct cells *cells, enum cell_reduce how, unsigned parts,
    int64_t start, struct tally *total)
{
	const struct cell **order = xcalloc(cells->n, sizeof *order);

	for (size_t i = 0; i < cells->n; i++)
		order[i] = &cells->cell[i];
	qsort(order, cells->n, sizeof *order, by_source);
	for (size_t i = 0, next; i < cells->n; i = next) {
		struct tally t = { 0 };
		struct tally_value value = { 0 };

		for (next = i;
		     next < cells->n && order[next]->source == order[i]->source;
		     next++)
			tally_merge(&t, cell_parts(how), &order[next]->tally);
		reduce(how, &t, start, &value);
		tally_add(total, parts, &value.v, value.at, t.n);
		num_sum_fini(&value.v);
		tally_fini(&t);
	}
	free(order);
}

void
cells_total(const struct cells *cells, enum cell_reduce how, unsigned parts,
    int64_t start, struct tally *total)
{
	if (how != CELL_EACH && cells->n > 0)
		add_sources(cells, how, parts, start, total);
	else
		for (size_t i = 0; i < cells->n; i++)
			tally_merge(total, parts, &cells->cell[i].tally);
}

void
cells_fini(struct cells *cells)
{
	for (size_t i = 0; i < cells->n; i++)
		tally_fini(&cells->cell[i].tally);
	free(cells->cell);
	free(cells->map);
	memset(cells, 0, sizeof *cells);
}

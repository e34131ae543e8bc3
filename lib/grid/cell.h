/*
 * What must be kept apart until a window closes: the readings of one source,
 * if they become one value first, or a partial aggregate, because a later
 * revision of it may come.
 */
#ifndef SG_GRID_CELL_H
#define SG_GRID_CELL_H

#include <stddef.h>
#include <stdint.h>

#include "grid/tally.h"

/* How the readings of one source become one value. */
enum cell_reduce {
	CELL_EACH, /* they do not: each reading counts by itself */
	CELL_MEAN,
	CELL_LAST,
	CELL_SUM,
	CELL_MIN,
	CELL_MAX
};

/* cell_parts(how) - The parts of a tally that the value is made of. */
unsigned cell_parts(enum cell_reduce how);

struct cell {
	uint32_t id, source;
	int64_t at, rev;
	struct tally tally;
};

/* The cells of one window.  All-zero is none. */
struct cells {
	struct cell *cell;
	size_t n, cap;
	uint32_t *map; /* open addressing, number of the cell + 1 */
	size_t mask;
};

/*
 * cells_get(cells, id, at, source) - The cell of that id and time, a new one
 * with an empty tally if there is none.  Valid until the next call.
 */
struct cell *cells_get(
    struct cells *cells, uint32_t id, int64_t at, uint32_t source);

/*
 * cells_total(cells, how, parts, start, total) - Add all cells to total, of
 * which parts are kept: as they are, or reduced to one value for each
 * source, which is of time start if it is a mean or a sum.
 */
void cells_total(const struct cells *cells, enum cell_reduce how,
    unsigned parts, int64_t start, struct tally *total);

/* cells_fini(cells) - Free and make empty. */
void cells_fini(struct cells *cells);

#endif

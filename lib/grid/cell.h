/*
 * What must be kept apart until a window closes: the readings of one source,
 * if they become one value first, or a partial aggregate, because a later
 * revision of it may come.
 */
#ifndef SG_GRID_CELL_H
#define SG_GRID_CELL_H

#include <stddef.h>
#include <stdint.h>

#include "grid/counter.h"
#include "grid/tally.h"

/* How the readings of one source become one value. */
enum cell_reduce {
	CELL_EACH, /* they do not: each reading counts by itself */
	CELL_MEAN,
	CELL_LAST,
	CELL_SUM,
	CELL_MIN,
	CELL_MAX,
	CELL_DELTA, /* what a counter rose by */
	CELL_RATE   /* by the time that it took */
};

struct cell_rule {
	enum cell_reduce how;
	struct counter_rule counter;
};

/* cell_parts(how) - The parts of a tally that the value is made of. */
unsigned cell_parts(enum cell_reduce how);

struct cell {
	uint32_t id, source;
	int64_t at, rev;
	struct counter *counter; /* NULL if there is none */
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
struct cell *
cells_get(struct cells *cells, uint32_t id, int64_t at, uint32_t source);

/* cells_find(cells, id, at) - The same, or NULL if there is none. */
struct cell *cells_find(const struct cells *cells, uint32_t id, int64_t at);

/*
 * cells_point(cells, source, point, count, horizon) - A reading of a source
 * that is a counter.  horizon: counter.h.
 */
void cells_point(struct cells *cells, uint32_t source,
    const struct counter_point *point, const struct tally_count *count,
    int64_t horizon);

/*
 * A counter's readings follow those of the windows before.  cells_close(cells,
 * rule, states): the window closes, and all before have; states has the
 * state of each source so far, in cells of their own, and is brought on.
 *
 * For corrections: cells_before(cells, source, state) - Copy the state that
 * the source's readings here follow: 1, or 0 if it has none.  cells_carry(…) -
 * If the source has readings here they follow *state from now on, and *state
 * becomes what follows them: 1, else 0.
 */
void cells_close(
    struct cells *cells, const struct cell_rule *rule, struct cells *states);
int cells_before(
    const struct cells *cells, uint32_t source, struct counter_state *state);
int cells_carry(struct cells *cells, const struct cell_rule *rule,
    uint32_t source, struct counter_state *state);

/* cells_state(states, source) - The state of a source, in those. */
struct counter_state *cells_state(struct cells *states, uint32_t source);

/*
 * cells_total(cells, rule, parts, start, total) - Add all cells to total, of
 * which parts are kept: as they are, or reduced to one value for each
 * source, which is of time start if it is a mean, a sum, a delta or a rate.
 * Sources whose value does not fit (tally.h) or that have none are left out;
 * how many do not fit.
 */
size_t cells_total(const struct cells *cells, const struct cell_rule *rule,
    unsigned parts, int64_t start, struct tally *total);

/*
 * cells_merge(cells, later, parts) - Add those of a time behind the others,
 * of which parts are kept.  cells_hold(cells, earlier, oldest) - Add the last
 * value of each source that has none here, as no reading, if it is not of
 * before oldest.
 */
void
cells_merge(struct cells *cells, const struct cells *later, unsigned parts);
void
cells_hold(struct cells *cells, const struct cells *earlier, int64_t oldest);

/* cells_fini(cells) - Free and make empty. */
void cells_fini(struct cells *cells);

#endif

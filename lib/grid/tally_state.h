/*
 * Sums, tallies and cells as bytes of a filter's state (memo.h), exactly.
 */
#ifndef SG_GRID_TALLY_STATE_H
#define SG_GRID_TALLY_STATE_H

#include "base/buf.h"
#include "bus/memo.h"
#include "grid/cell.h"
#include "grid/tally.h"

/*
 * x_save(x, b) - Append x.  x_load(x, r) - Make x, which is empty, what was
 * saved; what does not lie there, or lacks one of the parts, sets r->bad, and x
 * can be freed as ever.
 */
void sum_save(const struct num_sum *sum, struct buf *b);
void sum_load(struct num_sum *sum, struct memo_record *r);
void counter_save(const struct counter *c, struct buf *b);
void counter_load(struct counter *c, struct memo_record *r);
void tally_save(const struct tally *t, struct buf *b);
void tally_load(struct tally *t, unsigned parts, struct memo_record *r);

#endif

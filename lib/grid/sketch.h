/*
 * A sketch of many values from which any quantile can be told within 1 % of
 * it: a DDSketch (Charles Masson, Jee E. Rim, Homin K. Lee, DDSketch: a fast
 * and fully-mergeable quantile sketch with relative-error guarantees, 2019).
 * The edges of its buckets are short decimals instead of powers, 175 in each
 * decade, so that the bucket of a decimal number is exact on any machine.
 * The order in which values and other sketches are added changes nothing.
 */
#ifndef SG_GRID_SKETCH_H
#define SG_GRID_SKETCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/num.h"

enum {
	SKETCH_DECADE = 175, /* buckets */
	SKETCH_LOW = -24,    /* what is below 1e-24 counts as 0 */
	SKETCH_HIGH = 24,    /* values are below 1e24 */
	SKETCH_BUCKETS = (SKETCH_HIGH - SKETCH_LOW) * SKETCH_DECADE,
	/* bytes of its text: two buckets of each size, one of 0 */
	SKETCH_TEXT_MAX = (2 * SKETCH_BUCKETS + 1) * 16
};

/* The n values of bucket at: 0, or by size from 1, below 0 if they are. */
struct sketch_bin {
	int32_t at;
	int64_t n;
};

/* All-zero is the empty sketch. */
struct sketch {
	struct sketch_bin *bin; /* ascending, none empty */
	uint32_t nbins, cap;
	int64_t n; /* values */
};

/*
 * sketch_bucket(x, at) - The bucket of a value.  0, or -1 if its magnitude
 * is not below 1e24.
 */
int sketch_bucket(const struct num_sum *x, int32_t *at);

/* sketch_add(s, at, n) - Add n > 0 values of the bucket. */
void sketch_add(struct sketch *s, int32_t at, int64_t n);

/* sketch_merge(s, other) - Add all values of another sketch. */
void sketch_merge(struct sketch *s, const struct sketch *other);

/*
 * sketch_quantile(s, rank, b) - Append a JSON number within 1 % of the value
 * before which rank millionths of the others stand (of n values in order,
 * counted from 0, the one at rank * (n - 1) / 1000000, rounded down).
 * 0 <= rank <= 1000000; s is not empty.
 */
void sketch_quantile(const struct sketch *s, int32_t rank, struct buf *b);

/*
 * sketch_print(s, b) - Append the sketch as base64url: a byte 1, then for each
 * bucket in order how far it is from the one before (the first one from 0,
 * in zigzag: 0 -1 1 -2 …), and its values, as LEB128 numbers.
 */
void sketch_print(const struct sketch *s, struct buf *b);

/*
 * sketch_parse(s, p, n, shift) - Read what sketch_print() wrote and nothing
 * else into s, which is empty, all values times 10^shift.  0, or -1 and s is
 * empty.
 */
int sketch_parse(struct sketch *s, const char *p, size_t n, int shift);

/* sketch_fini(s) - Free and make empty. */
void sketch_fini(struct sketch *s);

#endif

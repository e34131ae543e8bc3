/*
 * How many values there were of each size, to 1 part in 64: percentiles of
 * millions of latencies in a few kilobytes.  All-zero is empty.
 */
#ifndef SG_BASE_HISTOGRAM_H
#define SG_BASE_HISTOGRAM_H

#include <stdint.h>

enum {
	HISTOGRAM_BITS = 6, /* of a value that count, after its highest */
	HISTOGRAM_TOP = 42, /* larger values than 2^42 count as that */
	HISTOGRAM_CELLS = (HISTOGRAM_TOP - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS
};

struct histogram {
	uint64_t n, max;
	uint64_t cell[HISTOGRAM_CELLS];
};

/* histogram_add(h, v) - One value more; a negative one counts as 0. */
void histogram_add(struct histogram *h, int64_t v);

/*
 * histogram_share(h, parts) - The smallest value that at least so many of
 * 1,000,000 parts of the values do not exceed, rounded up by 1/64 at most and
 * never above .max; 0 if there are none.  500000 is the median.
 */
uint64_t histogram_share(const struct histogram *h, uint32_t parts);

#endif

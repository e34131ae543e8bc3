/*
 * Inside num.h: sums that 128 bits cannot hold, in limbs of nine digits.
 */
#ifndef SG_BASE_NUM_WIDE_H
#define SG_BASE_NUM_WIDE_H

#include <stdint.h>

#include "base/num.h"

enum {
	BASE_DIGITS = 9,
	BASE = 1000000000,
	LOWEST = 1107, /* limb[0] counts 10^-1107, 123 limbs down */
	LIMBS = 162    /* up to 10^351: 2^63 addends below 10^308 */
};

/* Carries are put off: a limb may hold more than BASE, or less than 0. */
struct num_wide {
	int64_t limb[LIMBS];
	uint32_t adds;
};

/*
 * num_wide_get(s, out) - The magnitude of the whole sum, each limb below
 * BASE.  Its sign: -1, 0, 1.
 */
int num_wide_get(const struct num_sum *s, struct num_wide *out);

/* num_wide_add(s) - The limbs of s, made if need be, for one more addend. */
struct num_wide *num_wide_add(struct num_sum *s);

#endif

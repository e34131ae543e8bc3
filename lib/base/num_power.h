/*
 * Inside num.h: the powers of ten to 128 bits, rounded up.
 */
#ifndef SG_BASE_NUM_POWER_H
#define SG_BASE_NUM_POWER_H

#include <stdint.h>

enum { NUM_POWER_LOW = -292, NUM_POWER_HIGH = 324 };

/* 10^k * 2^(127 - num_power_floor(k)), its upper and its lower half. */
struct num_power {
	uint64_t high, low;
};

/* Those from 10^NUM_POWER_LOW to 10^NUM_POWER_HIGH. */
extern const struct num_power num_power[];

/* num_power_floor(k) - The largest e with 2^e <= 10^k, |k| <= 1233. */
static inline int
num_power_floor(int k)
{
	return k * 1741647 >> 19;
}

#endif

/*
 * Bits that look random and are not: a hash of two numbers, for what has to be
 * the same again from the same seed.  No secret may depend on them.
 */
#ifndef SG_BASE_MIX_H
#define SG_BASE_MIX_H

#include <stdint.h>

/* mix64(a, b) - Term b of the sequence SplitMix64 with seed a (Steele 2014). */
static inline uint64_t
mix64(uint64_t a, uint64_t b)
{
	uint64_t x = a + (b + 1) * 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

#endif

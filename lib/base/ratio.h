/*
 * Exact fractions of whole numbers, never negative, for figures that must be
 * the same to the last digit wherever they are computed.
 */
#ifndef SG_BASE_RATIO_H
#define SG_BASE_RATIO_H

#include <stdint.h>

#include "base/buf.h"

/* num / den in lowest terms; num is below 2^127, den above 0, below 2^124. */
struct ratio {
	unsigned __int128 num, den;
};

/*
 * ratio_of(num, den) - den > 0.  ratio_mul(a, b) - Their product.
 * ratio_div(a, b) - Their quotient, b > 0.  Terms are lowered before they are
 * multiplied; the caller sees to it that the result's are within bounds.
 */
struct ratio ratio_of(unsigned __int128 num, unsigned __int128 den);
struct ratio ratio_mul(struct ratio a, struct ratio b);
struct ratio ratio_div(struct ratio a, struct ratio b);

/*
 * ratio_floor/ratio_ceil/ratio_half_up(r) - The whole number below, above,
 * nearest (of two the larger); INT64_MAX if it does not fit.
 */
int64_t ratio_floor(struct ratio r);
int64_t ratio_ceil(struct ratio r);
int64_t ratio_half_up(struct ratio r);

/* ratio_compare(a, b) - <0, 0, >0. */
int ratio_compare(struct ratio a, struct ratio b);

/*
 * ratio_add(b, r, least, most) - Append it as a decimal, rounded half up to
 * `most` decimals (0..12), zeros at the end left out down to `least`.
 * ratio_cut(b, r, places) - With exactly so many, the others cut off.
 */
void ratio_add(struct buf *b, struct ratio r, int least, int most);
void ratio_cut(struct buf *b, struct ratio r, int places);

/* ratio_scaled(r, places, up) - floor(r * 10^places), or rounded up. */
unsigned __int128 ratio_scaled(struct ratio r, int places, int up);

#endif

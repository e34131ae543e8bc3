#include "base/histogram.h"

enum { CELLS = 1 << HISTOGRAM_BITS, PARTS = 1000000 };

/* Values below CELLS have a cell each, then each power of two has CELLS. */
static unsigned
cell_of(uint64_t v)
{
	unsigned shift;

	if (v < CELLS)
		return (unsigned)v;
	if (v >> HISTOGRAM_TOP != 0)
		return HISTOGRAM_CELLS - 1;
	shift = 63U - (unsigned)__builtin_clzll(v) - HISTOGRAM_BITS;
	return (shift << HISTOGRAM_BITS) + (unsigned)(v >> shift);
}

/* The largest value of a cell. */
static uint64_t
cell_end(unsigned cell)
{
	unsigned shift = cell >> HISTOGRAM_BITS;

	if (shift < 1)
		return cell;
	shift--;
	return (((uint64_t)(cell & (CELLS - 1)) + CELLS + 1) << shift) - 1;
}

void
histogram_add(struct histogram *h, int64_t v)
{
	uint64_t u = v > 0 ? (uint64_t)v : 0;

	h->n++;
	h->cell[cell_of(u)]++;
	if (u > h->max)
		h->max = u;
}

uint64_t
histogram_share(const struct histogram *h, uint32_t parts)
{
	uint64_t want = h->n / PARTS * parts, seen = 0, end;
	unsigned i;

	want += (h->n % PARTS * parts + PARTS - 1) / PARTS;
	if (h->n == 0)
		return 0;
	for (i = 0; i < HISTOGRAM_CELLS - 1; i++)
		if ((seen += h->cell[i]) >= want && seen > 0)
			break;
	end = cell_end(i);
	return end < h->max && i < HISTOGRAM_CELLS - 1 ? end : h->max;
}

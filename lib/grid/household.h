/*
 * The electric load of one household over time, a pure function of its seed:
 * standby, refrigerator, the habits of the day, and appliances that are
 * switched on at times of their own each day.  The shape is that of published
 * domestic profiles, low at night, a rise in the morning and the peak in the
 * evening; some households charge a car.  Days are those of UTC.
 */
#ifndef SG_GRID_HOUSEHOLD_H
#define SG_GRID_HOUSEHOLD_H

#include <stdint.h>

struct household {
	uint64_t key;	      /* what all its random numbers come from */
	int32_t standby;      /* tenths of a watt */
	int32_t size;	      /* of its habits, percent */
	int32_t shift;	      /* s: an early riser's day is ahead */
	int32_t fridge;	      /* tenths of a watt, while it runs */
	int32_t cycle, phase; /* s, of the refrigerator */
	int32_t car;	      /* tenths of a watt; 0: none */
};

/* household_init(h, seed, number) - Household number of that seed's world. */
void household_init(struct household *h, uint64_t seed, uint64_t number);

/*
 * household_load(h, t) - Load at t (microseconds since 1970), in tenths of a
 * watt, from 100 to 300000.
 */
int64_t household_load(const struct household *h, int64_t t);

#endif

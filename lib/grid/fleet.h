/*
 * Simulated meters: when each of them measures, and the event line that it
 * sends then.  All of it is a pure function of the plan, so that any event can
 * be made again, byte for byte, instead of being kept.
 *
 *	{"topic":"MEASUREMENT/METER/000017/Load","t":1795388400.25,"v":231.5,
 *	 "u":"W","src":"METER/000017","ep":1795388400,"seq":1,"pad":"xxx…"}
 *
 * in one line; ep is the second in which the plan begins, pad is there if
 * lines have a given size.
 */
#ifndef SG_GRID_FLEET_H
#define SG_GRID_FLEET_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* So many events of each meter in so many us. */
struct fleet_rate {
	int64_t events, per;
};

struct fleet_plan {
	uint32_t meters;
	uint32_t first; /* number of the first one */
	uint64_t seed;
	int64_t since; /* us since 1970 */
	struct fleet_rate rate;
	int64_t jitter;	   /* us by which an event may be late */
	int64_t length;	   /* us; 0: no end */
	int64_t limit;	   /* events of all meters together; 0: no limit */
	size_t size;	   /* bytes of a line without its LF; 0: as it comes */
	const char *topic; /* with {meter} in it */
};

struct fleet;

/*
 * fleet_new(plan, why) - plan is copied.  NULL with *why, valid until the next
 * call: the topic is none, several meters have the same, lines are longer than
 * the size, the jitter than the time from one event to the next.
 */
struct fleet *fleet_new(const struct fleet_plan *plan, const char **why);
void fleet_free(struct fleet *f);

/*
 * fleet_due(f, meter, k) - When meter (from 0) measures its event k (from 1):
 * us since 1970, rising with k; INT64_MAX if there is no such event.
 * fleet_line(f, meter, k, b) - Append that event with its LF.
 * fleet_name(f, meter) - The src of its events, valid until the next call.
 * fleet_events(f) - How many there are in all; INT64_MAX: no end.
 * fleet_end(f) - When the last of them is due; INT64_MAX: never.
 */
int64_t fleet_due(const struct fleet *f, uint32_t meter, uint64_t k);
void
fleet_line(const struct fleet *f, uint32_t meter, uint64_t k, struct buf *b);
const char *fleet_name(struct fleet *f, uint32_t meter);
int64_t fleet_events(const struct fleet *f);
int64_t fleet_end(const struct fleet *f);

struct fleet_event {
	int64_t due;
	uint32_t meter;
	uint64_t k;
};

/*
 * fleet_next(f, event) - The next event of all in the order of time, and of
 * the meters where that is the same.  1, or 0 after the last.
 */
int fleet_next(struct fleet *f, struct fleet_event *event);

/*
 * fleet_rate(s, rate) - "1/s", "4/m", "1/15m", "10/2s".  NULL, or what is
 * wrong.
 * fleet_speed(s, speed) - "60x", "0.5x", "60": how much faster than the clock,
 * in millionths; "max": 0.  NULL, or what is wrong.
 */
const char *fleet_rate(const char *s, struct fleet_rate *rate);
const char *fleet_speed(const char *s, int64_t *speed);

#endif

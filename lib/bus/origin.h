/*
 * Where the lines of a batch come from, run by run, as a fetch tells it (meta
 * and ids of wire.h).
 */
#ifndef SG_BUS_ORIGIN_H
#define SG_BUS_ORIGIN_H

#include <stddef.h>
#include <stdint.h>

#include "event/json.h"

/* Lines that follow each other; borrowed from the text. */
struct origin {
	uint64_t n; /* lines, at least 1 */
	int64_t rt; /* microseconds */
	struct json_value from, log;
	uint64_t pos; /* of the first line in the log */
	/* Channel and the first line's number in it, or first is 0. */
	uint64_t chan, first;
	struct json_value rt_text, chan_text;
};

/*
 * origin_next(w, o) - The next run of a walk over the array of them: 1, 0 at
 * the end, -1 for what is none.
 */
int origin_next(struct json_walk *w, struct origin *o);

#endif

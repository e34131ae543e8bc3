/*
 * The events of a reader's batches one by one: those measured in a span of
 * time, each with its origin.
 */
#ifndef SG_BUS_PICK_H
#define SG_BUS_PICK_H

#include <stddef.h>
#include <stdint.h>

#include "bus/reader.h"
#include "event/event.h"
#include "event/format.h"
#include "event/json.h"

#define PICK_ANY INT64_MIN

struct pick {
	int64_t since, until;	/* of t, the end exclusive; PICK_ANY: open */
	int meta;		/* batches tell their origin */

	struct event event;	/* the one picked, in the batch's memory */
	struct format_meta origin;	/* its origin, if meta */
	uint64_t used;		/* lines of the batch looked at */

	const char *p, *end;	/* the module's */
	struct json_walk runs;
	uint64_t left;
};

/* pick_all(p) - 1 if every event is picked, else 0. */
int pick_all(const struct pick *p);

/*
 * pick_batch(p, batch) - Start over with a batch, which is borrowed until
 * all is picked.  0, or -1 if it does not tell its origin though it should.
 */
int pick_batch(struct pick *p, const struct reader_batch *batch);

enum pick_result {
	PICK_BROKEN = -2,	/* the batch's origin is damaged */
	PICK_BAD = -1,		/* *why says what is wrong with the line */
	PICK_END = 0,
	PICK_EVENT = 1
};

/* pick_next(p, why) - The next event that is wanted, in p->event. */
enum pick_result pick_next(struct pick *p, const char **why);

#endif

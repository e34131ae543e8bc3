/*
 * A frame: the event lines of one accepted publish request, on their way
 * from the front through the log writer to subscribers.
 */
#ifndef SG_BROKER_FRAME_H
#define SG_BROKER_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"

enum { FRAME_FROM_MAX = 64, FRAME_SUMMARY_MAX = 4096, FRAME_DEPS_MAX = 3 };

/* Events of another log that were there first: 1 to n of that run. */
struct frame_dep {
	uint32_t run; /* index, as in struct log_place */
	uint64_t n;
};

/*
 * What the store keeps of a frame beside its lines.  Event i (from 0) has the
 * channel number first + i; numbers that are used up without an event come
 * after those.  deps say how far the logs of other brokers had come when the
 * frame was appended, where that has changed since the one before it in its
 * log; whoever reads the log in order reads those events first.
 */
struct frame_head {
	uint64_t n;		/* number of its first event in its log, from 1 */
	uint32_t events;	/* lines */
	uint32_t numbers;	/* channel numbers used up, >= events */
	int64_t rt;		/* receive time, us, never decreasing in a log */
	char from[FRAME_FROM_MAX + 1];
	uint64_t chan;		/* 0: not numbered */
	uint64_t first;		/* channel number of the first event */
	struct frame_dep dep[FRAME_DEPS_MAX];
	uint32_t deps;
	const uint8_t *summary;	/* topic summary (summary.h), may be empty */
	uint32_t summary_len;
	const char *lines;	/* each ends with LF */
	uint32_t len;
};

#endif

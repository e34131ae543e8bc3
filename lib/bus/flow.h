/*
 * A run of a subscription with marks (mark.h): the events of a durable cursor
 * that is moved by those who publish the results.  It begins at a mark that
 * the broker has, follows the marks of whoever leads, and leads once the
 * cursor is free.
 */
#ifndef SG_BUS_FLOW_H
#define SG_BUS_FLOW_H

#include <stdint.h>

#include "bus/follow.h"
#include "bus/outlet.h"
#include "bus/reader.h"

struct flow_options {
	const char *cursor; /* its name */
	const char *actor;  /* whose it is: the subject, or "" */
	const char *state;  /* file of the filter behind (memo.h), or NULL */
	int until_end;	    /* stop where the log ends now */
	int64_t timeout;    /* us for the whole run, or 0 */
	int64_t idle;	    /* us without an event, or 0 */
};

struct flow;

/*
 * flow_open(events, o, outlet, status, why) - Connect, and find where to begin.
 * events: the subscription without name, its start that of a new cursor; its
 * retry is also how long a cursor in use is waited for with until_end.  NULL
 * as reader_open(), also EXIT_IO for the state file.  o and outlet are
 * borrowed.
 */
struct flow *
flow_open(const struct reader_options *events, const struct flow_options *o,
    struct outlet *outlet, int *status, const char **why);
void flow_close(struct flow *f);

/*
 * flow_next(f) - Read and write until there is something to tell, as
 * follow_next(); never FOLLOW_BAD.  After FOLLOW_END nothing may be called but
 * flow_close().  The first mark is out before the first return with a
 * FOLLOW_NOTE whose why is NULL.
 */
const struct follow_event *flow_next(struct flow *f);

/* flow_events(f) - Events so far. */
uint64_t flow_events(const struct flow *f);

#endif

/*
 * A run of a subscription: from its reader to its outlet, event by event,
 * with everything committed that was written, until what was asked for has
 * come or the time for it is over.
 */
#ifndef SG_BUS_FOLLOW_H
#define SG_BUS_FOLLOW_H

#include <stddef.h>
#include <stdint.h>

#include "bus/outlet.h"
#include "bus/pick.h"
#include "bus/reader.h"

struct follow_options {
	const char *cursor;   /* the reader's name, or NULL; borrowed */
	int last;	      /* the newest event of each topic */
	int live;	      /* and then what comes */
	int64_t count;	      /* events, in each batch for a command; -1: any;
				 0: set the cursor up and end */
	int64_t timeout;      /* us for the whole run, or 0 */
	int64_t idle;	      /* us without an event, or 0 */
	int64_t every;	      /* us between batches for a command, or 0 */
	int64_t until_due;    /* date_mono time of the end, or 0; what was
				 stored before is read to its end */
	int64_t since, until; /* of t, the end exclusive; PICK_ANY: open */
	int meta;	      /* the reader tells the origin; give it on */
	int as_is;	      /* the lines need no other form */
};

enum follow_result {
	FOLLOW_NONE = 0, /* never given */
	FOLLOW_BAD,	 /* an event is left out: why, with its topic */
	FOLLOW_LOST,	 /* lost events behind retention are skipped */
	FOLLOW_AGAIN,	 /* connected again */
	FOLLOW_NOTE,	 /* why: something worth knowing; see flow.h */
	FOLLOW_END,	 /* status to leave with; why, or NULL */
	FOLLOW_FAILED	 /* output or the broker's answers: status, why */
};

struct follow_event {
	enum follow_result result;
	int status; /* exit code, or 128 and a signal's number */
	const char *why;
	uint64_t lost;
	int gone; /* FOLLOW_END: the cursor is behind retention */
};

struct follow;

/*
 * follow_new(reader, outlet, o) - A run that begins now.  All but *o is
 * borrowed.
 */
struct follow *follow_new(struct reader *reader, struct outlet *outlet,
    const struct follow_options *o);
void follow_free(struct follow *f);

/*
 * follow_next(f) - Read, write, commit and run commands until there is
 * something to tell; valid until the next call.  After FOLLOW_END only
 * follow_finish() may be called, after FOLLOW_FAILED nothing: what was not
 * committed is repeated by the next run.  The status at the end: EXIT_OK, or
 * EXIT_NO without an event, EXIT_TIMEOUT, the signal's, the reader's if it
 * has failed, the command's if that was not 0.
 */
const struct follow_event *follow_next(struct follow *f);

/*
 * follow_finish(f) - Commit what was written and wait until that is durable.
 * FOLLOW_END with the status that results, EXIT_DATA if events were left out,
 * or FOLLOW_FAILED.
 */
const struct follow_event *follow_finish(struct follow *f);

/* follow_events(f) - So many so far, also those left out for their form. */
uint64_t follow_events(const struct follow *f);

#endif

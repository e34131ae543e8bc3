/* What the files of a flow share. */
#ifndef SG_BUS_FLOW_PART_H
#define SG_BUS_FLOW_PART_H

#include "base/buf.h"
#include "bus/flow.h"
#include "bus/mark.h"
#include "bus/memo.h"

enum flow_phase {
	FLOW_FIND,   /* the position to begin at */
	FLOW_SCAN,   /* the same, among the marks there are */
	FLOW_WAIT,   /* for the cursor, or another's first mark */
	FLOW_FOLLOW, /* the marks of whoever leads */
	FLOW_LEAD,
	FLOW_LEAVE /* all that was asked for has been written */
};

struct flow {
	struct flow_options o;
	struct outlet *outlet;
	struct reader *events, *marks;
	const char *filter; /* the topic of the marks */
	char topic[WIRE_MARK_TOPIC];
	enum flow_phase phase;
	struct memo_peek peek;
	struct wire_cursor begin; /* where a new cursor begins */
	struct mark newest;	  /* in the broker, at the start */
	int has_newest;

	struct mark at;	  /* the last one passed, or begun with */
	struct mark to;	  /* the next one of whoever leads */
	int has_to;	  /* events up to there are read */
	int ended;	  /* a deletion came behind what is saved */
	struct buf lines; /* marks that came, from lines_at on */
	size_t lines_at;
	int settled; /* the cursor is ours, all marks before that are wanted */
	int told_standby;

	/* While it leads. */
	int64_t start;	    /* of the run, first part of its marks' ids */
	uint64_t number;    /* of the last mark */
	uint64_t busy;	    /* of the last one behind an event */
	uint64_t committed; /* of the newest one in the broker */
	uint64_t end;	    /* of the first one at the end, or 0 */
	int fresh;	    /* events since the last mark */
	int news;	    /* a commit since then */
	/* All that the broker had received before is read. */
	int64_t heard;
	/* What there was to be read at that time. */
	int64_t asked;
	struct wire_cursor there;
	int64_t ask_due;
	int64_t marked, came; /* when the last mark, event, was written */
	int64_t working;      /* when the last mark that was not idle was */
	int64_t leave_due;
	int leave_status;

	int64_t started, seen, tended, retry;
	uint64_t count;
	unsigned connects;
	int begun; /* the first mark is out */
	struct buf mark_line, batch, meta, rest, text;
	struct follow_event event;
};

/*
 * flow_give(f, result, status, why) - Have something told; returns result.
 * flow_failed(f, r) - The reader's failure, or the signal's.
 */
enum follow_result flow_give(
    struct flow *f, enum follow_result result, int status, const char *why);
enum follow_result flow_failed(struct flow *f, const struct reader *r);

/*
 * flow_find(f) - A step of FLOW_FIND, FLOW_SCAN or FLOW_WAIT: FOLLOW_NONE, or
 * something to tell.
 */
enum follow_result flow_find(struct flow *f);

/*
 * flow_take_marks(f, deadline) - The next batch of marks, if none is at hand.
 * flow_stored(f, m) - Take the next of them: 1, 0 there is none.  One that is
 * damaged is passed over.
 */
enum reader_result flow_take_marks(struct flow *f, int64_t deadline);
int flow_stored(struct flow *f, struct mark *m);

/* flow_begin(f) - Write f->at, the mark to begin with, and go on from there. */
enum follow_result flow_begin(struct flow *f);

/* flow_now(f) - The time for a new mark: never before that of the last one. */
int64_t flow_now(const struct flow *f);

/*
 * flow_put_batch(f, batch) - Write the events of a batch, and where it had
 * been quiet in the broker for a while, what time it was.
 *
 * flow_put(f, p, n) - Write, while the connections are tended.  flow_put_mark()
 * - The same of a mark.  FOLLOW_NONE, or FOLLOW_FAILED.
 */
enum follow_result
flow_put_batch(struct flow *f, const struct reader_batch *batch);
enum follow_result flow_put(struct flow *f, const char *p, size_t n);
enum follow_result flow_put_mark(struct flow *f, const struct mark *m);

/*
 * flow_lead(f) - A step while it leads; flow_leave(f) - a step until the last
 * mark is committed.  flow_begin_to_lead(f), flow_end(f, status) - Go over to
 * these.
 */
enum follow_result flow_begin_to_lead(struct flow *f);
enum follow_result flow_lead(struct flow *f);
enum follow_result flow_end(struct flow *f, int status);
enum follow_result flow_leave(struct flow *f);

#endif

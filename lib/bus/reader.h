/*
 * A subscription that goes on by itself: fetches in flight so that there is
 * no gap between batches, taken up again after a lost connection exactly
 * where the last batch ended, at the next broker of the list if need be;
 * with a name, the durable cursor in the broker and its lease.  Where there
 * may be another broker, an event that both of them hold is given once.
 */
#ifndef SG_BUS_READER_H
#define SG_BUS_READER_H

#include <stddef.h>
#include <stdint.h>

#include "bus/client.h"
#include "bus/seen.h"
#include "bus/wire.h"
#include "event/json.h"

struct reader_options {
	struct client_config client; /* retry: also for a cursor to be free */
	int64_t again; /* us to find one again later; 0: no limit */
	const char *const *filters; /* borrowed while it is open */
	size_t nfilters;
	const char *name;	       /* durable cursor, or NULL */
	enum wire_from start;	       /* of a new cursor, or without one */
	int64_t time;		       /* WIRE_FROM_TIME: microseconds */
	struct wire_cursor cursor;     /* WIRE_FROM_CURSOR */
	const struct seen_entry *seen; /* what was given before that */
	size_t nseen;
	int resume;    /* cursor holds even if name's differs */
	int to_end;    /* stop where the log ends now */
	int meta;      /* batches tell their origin */
	int skip_gone; /* go on at the oldest event there is */
	/*
	 * Not NULL: the durable cursor is only held, made there if there is
	 * none; it is not waited for, and start is where to read from.
	 */
	const struct wire_cursor *hold;
};

struct reader;

/*
 * reader_open(o, status, why) - Connect, find the start (and the end), take
 * the durable cursor, creating it at the start if there is none.  From now on
 * no event is missed.  NULL with *why (valid until the next call) and in
 * *status an exit code: unavailable (no broker, cursor in use), denied,
 * noinput (the cursor is behind retention), protocol, usage (bad URL), or 128
 * and the number of the signal that asked to leave.
 */
struct reader *
reader_open(const struct reader_options *o, int *status, const char **why);
void reader_close(struct reader *r);

/* Lines in order; borrowed until the next call on the reader. */
struct reader_batch {
	const char *lines; /* n lines, each ends with LF */
	size_t len;
	uint64_t n;		/* may be 0: the position has moved */
	struct json_value meta; /* array of runs (wire.h), or JSON_NONE;
				   may be there though not asked for */
};

enum reader_result {
	READER_FAILED = -1, /* reader_status(), reader_why() */
	READER_NONE = 0,    /* the deadline has passed */
	READER_LINES = 1,
	READER_END = 2,	   /* of what was asked for */
	READER_STOPPED = 3 /* a signal asks to leave, app_stop() */
};

/*
 * reader_next(r, batch, deadline) - The next batch, waiting until deadline
 * (date_mono time).
 */
enum reader_result
reader_next(struct reader *r, struct reader_batch *batch, int64_t deadline);

/*
 * reader_last(r, batch) - Instead of reader_next: the newest event of each
 * topic, batch by batch, then READER_END.  reader_next() then goes on with
 * what came after the first batch of these was made.
 */
enum reader_result reader_last(struct reader *r, struct reader_batch *batch);

/* reader_limit(r, n) - Give n events at most in later batches; 0: any. */
void reader_limit(struct reader *r, uint64_t n);

/*
 * reader_cut(r, n) - Of the batch last given only the first n lines count:
 * the next one goes on after them and reader_position() stands there.
 */
enum reader_result reader_cut(struct reader *r, uint64_t n);

/* reader_position(r) - Where the batch last given ended. */
const struct wire_cursor *reader_position(const struct reader *r);

/*
 * reader_go(r, to, cursor) - Read on at cursor (WIRE_FROM_CURSOR), the oldest
 * event there is or the end, as if nothing had been seen.  0, or -1 as
 * READER_FAILED.
 * reader_until(r, until) - READER_END once that is reached, and the position is
 * then until; NULL: at the end asked for when it was opened, if any.
 * reader_until_now(r) - READER_END once all there is now has been given.  0 or
 * -1.
 */
int reader_go(
    struct reader *r, enum wire_from to, const struct wire_cursor *cursor);
void reader_until(struct reader *r, const struct wire_cursor *until);
int reader_until_now(struct reader *r);

/* reader_covers(at, until) - 1 if a reader at `at` has passed all of until. */
int
reader_covers(const struct wire_cursor *at, const struct wire_cursor *until);

/* reader_end(r, end) - Where all there is now ends.  0 or -1. */
int reader_end(struct reader *r, struct wire_cursor *end);

/*
 * reader_held(r, row) - With hold: 1 if the durable cursor is ours, then
 * where it stands; else 0.  Once it was ours it is not given up: losing it is
 * READER_FAILED.
 */
int reader_held(const struct reader *r, struct wire_cursor *row);

/* reader_seen(r) - What was given up to there; valid as long as r is. */
const struct seen *reader_seen(const struct reader *r);

/* reader_moved(r) - 1 if that is not the cursor committed last, else 0. */
int reader_moved(const struct reader *r);

/* reader_lost(r) - Events skipped behind retention since the last call. */
uint64_t reader_lost(struct reader *r);

/* reader_twins(r) - 1 if another broker may have what this one has not. */
int reader_twins(const struct reader *r);

/* reader_connects(r) - How often it has found a broker. */
unsigned reader_connects(const struct reader *r);

/*
 * reader_commit(r, cursor) - Move the durable cursor soon; commits that
 * follow each other closely are one.  reader_sync(r, deadline) - Wait until
 * that is done: READER_END, or READER_NONE at the deadline, or
 * READER_FAILED.
 */
void reader_commit(struct reader *r, const struct wire_cursor *cursor);
enum reader_result reader_sync(struct reader *r, int64_t deadline);

/*
 * reader_tend(r, deadline) - Keep connection and lease while the caller is
 * busy with something else: answers what is due, waits until deadline at
 * most (0: not at all), and gives no batch.  READER_NONE or READER_FAILED.
 * After READER_NONE reader_fd(r) becomes readable when there is more to tend.
 */
enum reader_result reader_tend(struct reader *r, int64_t deadline);
int reader_fd(const struct reader *r);

/* Of the last READER_FAILED: an exit code (die.h), and the reason. */
int reader_status(const struct reader *r);
const char *reader_why(const struct reader *r);

#endif

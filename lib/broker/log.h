/*
 * The store of one broker: frames, channels, cursors and last values on disk
 * (LMDB).  It holds the broker's own logs and, of one that has a twin, copies
 * of the twin's.  One thread of its own writes, with one fsynced commit for all
 * that waits; the front thread hands items over, takes them back when they
 * are durable, and reads.
 *
 * A directory holds FORMAT, "state/" (an environment: last values and the
 * mark they are complete up to, kept lines, the broker's name and start
 * numbers) and "segment-<16 hex digits>/" (an environment each: frames,
 * channel rows, cursor rows, written in one transaction; all live channel
 * and cursor rows are carried over when a new segment begins).  The whole
 * layout, byte for byte, is in sg-store(5).
 */
#ifndef SG_BROKER_LOG_H
#define SG_BROKER_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "broker/frame.h"

struct log;

struct log_options {
	const char *dir;     /* created 0700 if absent */
	const char *name;    /* broker name; must equal the stored one */
	int64_t segment;     /* bytes after which a segment is closed */
	int64_t retain_age;  /* us, by receive time; 0: no limit */
	int64_t retain_size; /* bytes of all segments; 0: no limit */
	int twin;	     /* the broker has a twin: log_settle() */
};

enum { LOG_UNSETTLED = 4 };

/*
 * A log: what one start of one broker appended.  open: it may still grow.
 * That is our own newest, the newest of each other name, and with a twin,
 * until log_settle(), up to LOG_UNSETTLED of our own earlier ones, the newest
 * that are not empty, and the empty ones among them: a disk may have been
 * restored from an older copy, and then the twin knows more of them.  Once
 * one of them gets a frame those before it cannot grow any more.
 */
struct log_run {
	char name[65];	/* broker */
	uint64_t start; /* start number */
	uint64_t first; /* oldest event still stored, from 1 */
	uint64_t end;	/* number of the newest durable event */
	int own;	/* name is this broker's */
	int open;
};

/* Where an event is. */
struct log_place {
	uint32_t run; /* index, log_run_at(); stable while open */
	uint64_t n;   /* its number in that log */
};

/*
 * How far something has come in all logs: of one broker's logs, by start
 * number, those before the first that is named are passed, others that are
 * not named are not begun.  Each run at most once, in any order.
 */
enum { TRAIL_MAX = 16 };

struct trail {
	struct log_place at[TRAIL_MAX];
	size_t n;
};

/*
 * log_open(options, status, why) - Open or create the store, begin a new log
 * (start number above all before and at least the Unix time in microseconds,
 * so that a store lost or restored does not give one again; durable), start
 * the writer.  NULL with *why and an exit code in *status (config: newer
 * format, other name; cantcreate, io; unavailable: another broker holds the
 * directory).
 */
struct log *
log_open(const struct log_options *options, int *status, const char **why);

/*
 * log_close(log) - Write what waits, stop the writer, close.  Items that were
 * not taken back are the caller's as after log_done().
 */
void log_close(struct log *log);

/* Items handed to the writer. */
enum log_kind {
	LOG_FRAME,  /* a struct log_frame */
	LOG_CURSOR, /* set or delete a durable cursor */
	LOG_BYE,    /* forget a channel */
	LOG_LAST,   /* a checkpoint of last values */
	LOG_DROP,   /* drop the oldest segment, keeping some lines */
	LOG_KEEP,   /* lines to keep of topics whose events are not here */
	LOG_ROLL    /* the module's own; never handed out */
};

struct log_item {
	struct log_item *next; /* the log's while it has the item */
	enum log_kind kind;
	int error; /* when done: 0 or errno */
};

/*
 * A frame without events is not stored, it only moves its channel's row.  run
 * is the log it is appended to, n and rt are set by the caller, n consecutive
 * in each log; in others than log_own() numbers may be left out, and the
 * events before them then count as gone.  A channel's row never moves back.
 */
struct log_frame {
	struct log_item item;
	uint32_t run;
	struct frame_head head;
	struct blob *body; /* one reference, holds head.lines */
};

enum { LOG_CURSOR_MAX = 129 }; /* an actor, a space, a name */

struct log_cursor {
	struct log_item item;
	char name[LOG_CURSOR_MAX + 1];
	char *json; /* the row's text, or NULL: delete */
};

struct log_channel { /* LOG_BYE; also what log_channels() gives */
	struct log_item item;
	char from[FRAME_FROM_MAX + 1];
	uint64_t chan;
	uint64_t last; /* highest number used */
	int64_t rt;    /* when it was used last */
};

/* Rows of a checkpoint or of lines to keep. */
struct log_row {
	const char *topic; /* borrowed until done */
	size_t topic_len;
	struct log_place at; /* LOG_LAST; n 0: forget the topic; run no
				 log: leave it as it is */
	const char *line;    /* LOG_DROP, LOG_KEEP: the event line to keep,
				 no LF */
	size_t len;
	int64_t rt;
	const char *from;
};

struct log_rows {
	struct log_item item;
	struct log_row *row;
	size_t n;
	struct trail mark;	 /* LOG_LAST: rows are complete up to here */
	uint64_t segment;	 /* the module's: what LOG_DROP drops */
	struct log_place *first; /* the module's: what is left then */
	size_t firsts;
};

/*
 * A LOG_KEEP is written in its place among the frames, as they are.  No
 * LOG_LAST or LOG_DROP is put while one is with the log: of its topics only the
 * kept line is known after it.
 *
 * log_put(log, item) - Hand over; the item comes back from log_done().
 * Never blocks.  Items are written in the order given.
 */
void log_put(struct log *log, struct log_item *item);

/*
 * log_done_fd(log) is readable when log_done(log) has an item; log_done
 * gives them in the order of log_put, NULL when there is none; only LOG_LAST
 * and LOG_DROP (in order of their own) may come back later than frames that
 * were put after them.  An error of these two concerns them alone.  After an
 * error every other item put before the error was taken back comes back with an
 * error too (ECANCELED), so nothing is stored out of order: the caller takes
 * back all that it has put, then goes on from log_run's end.  ENOSPC,
 * EDQUOT and EFBIG can pass; any other error is final (EIO): the broker
 * stops.
 */
int log_done_fd(const struct log *log);
struct log_item *log_done(struct log *log);

/*
 * log_runs(log) - Number of logs known; log_run_at(log, i); log_own(log) -
 * index of the one this start appends to.  Indices are stable while the log is
 * open, a log learned later gets the next; their order says nothing.
 */
size_t log_runs(const struct log *log);
const struct log_run *log_run_at(const struct log *log, size_t i);
uint32_t log_own(const struct log *log);

/*
 * log_run_add(log, name, start, run) - A log of a broker (name may be our
 * own, start then is not our newest) that is not known yet: from now on it is,
 * empty, durably.  It may wait for the writer.  0 with its index, or -1 with
 * errno (EEXIST: known; EINVAL: no name; EBUSY: too many).
 */
int
log_run_add(struct log *log, const char *name, uint64_t start, uint32_t *run);

/*
 * log_pass(log, start) - Number the next start of ours above start, durably.
 * It may wait for the writer.  0, or -1 with errno.
 */
int log_pass(struct log *log, uint64_t start);

/* log_settle(log) - The twin knows no more of our earlier logs than we do. */
void log_settle(struct log *log);

/*
 * Reading, by the thread that opened: a view pins a read transaction, so
 * copy out and end it before any wait and before log_done().
 */
struct log_view {
	struct log *log;
	uint32_t run;
	struct frame_head head; /* valid until the next call on the view */
	void *segment, *txn, *cursor; /* the module's */
	const uint8_t *record;
	size_t record_len, record_at;
};

/*
 * log_view(view, log, place) - Stand on the frame that holds event place.n
 * of log place.run.  1; 0 if that event is not stored yet or no longer
 * (compare with log_run_at); -1 with errno (EBADMSG: a checksum does not
 * match; head.n and head.events then are what is damaged, so a reader may go
 * on behind it).  log_view_next() goes to the next frame of the same log: 1, 0,
 * -1. log_view_end() must be called after any 1.
 */
int log_view(struct log_view *view, struct log *log, struct log_place place);
int log_view_next(struct log_view *view);
void log_view_end(struct log_view *view);

/*
 * log_seek(log, run, rt, n) - The number of the first event of that log
 * received at or after rt (one after the newest if none).  0 or -1 with errno.
 */
int log_seek(struct log *log, uint32_t run, int64_t rt, uint64_t *n);

/*
 * What start-up needs back.  Each walk calls fn for every row and returns 0
 * or -1 with errno.
 */
int log_channels(struct log *log,
    void (*fn)(void *ctx, const struct log_channel *row), void *ctx);
int log_cursors(struct log *log,
    void (*fn)(void *ctx, const char *name, const char *json), void *ctx);

/*
 * log_last(log, fn, ctx, mark) - Last values of the newest checkpoint: rows
 * with a place, or with the kept line where the event itself is gone.  The
 * rows are complete up to *mark: the replay of frames begins behind it.
 */
int log_last(struct log *log, void (*fn)(void *ctx, const struct log_row *row),
    void *ctx, struct trail *mark);

/*
 * log_kept(log, topic, n, row, space) - The kept line of a topic.  1 with
 * *row borrowing from space, 0 if there is none, -1 with errno.
 */
struct buf;
int log_kept(struct log *log, const char *topic, size_t n, struct log_row *row,
    struct buf *space);

/*
 * log_due(log, now) - 1 if retention asks the oldest segment to go; the
 * caller then puts a LOG_DROP item with the last values that lie there, those
 * for which log_leaving(log, place) is 1.  0 if not.
 */
int log_due(struct log *log, int64_t now);
int log_leaving(const struct log *log, struct log_place place);

/* log_bytes(log) - Bytes on disk of all segments. */
int64_t log_bytes(const struct log *log);

#endif

/*
 * Where the broker's events are: the newest frames in memory, the others in
 * the log on disk, if there is one.  Readers ask by place and do not see the
 * difference.
 */
#ifndef SG_BROKER_STORE_H
#define SG_BROKER_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "broker/last.h"
#include "broker/log.h"
#include "broker/summary.h"

struct chan;
struct flow_mark;
struct publish;

/* A frame in memory, with the topic and the offset of each line. */
struct store_frame {
	struct log_frame f;	  /* first: what the log takes and gives back */
	struct store_frame *next; /* the store's: came after it */
	uint32_t events;
	struct last_topic **topic; /* NULL entry: topic has no entry */
	uint32_t *at;		   /* events + 1 offsets into head.lines */
	uint8_t *summary;	   /* what head.summary points to */
	struct publish *owner;	   /* the request it ends, publish.c's */
	struct chan *channel;	   /* its channel, publish.c's; or NULL */
	struct flow_mark *mark;	   /* that it ends with, flow.c's; or NULL */
	int internal;		   /* an event of the broker's own */
};

/*
 * store_frame_new(events) - Room for so many events; store_frame_free() also
 * drops the reference to the body.
 */
struct store_frame *store_frame_new(uint32_t events);
void store_frame_free(struct store_frame *frame);

/*
 * store_frame_summary(frame, summary) - Give the frame its topic summary.
 */
void store_frame_summary(struct store_frame *frame, struct summary *summary);

/* The run of a place that is in no log. */
#define STORE_RUN_NONE UINT32_MAX

struct store;

/*
 * store_new(log, name, memory, last) - memory bounds the bytes of frames
 * held.  log may be NULL: then the logs are kept in memory only, name and the
 * clock give our own, and a line that leaves memory is kept in last if it is
 * still its topic's newest.  log and last are borrowed.
 */
struct store *
store_new(struct log *log, const char *name, size_t memory, struct last *last);
void store_free(struct store *s);

/*
 * As log_runs(), log_run_at(), log_own(), log_run_add() and log_settle(), with
 * or without a log; without one all earlier logs of our own name come from the
 * twin, and are open till then.  store_find(s, name, start) - The index of that
 * log, or STORE_RUN_NONE.  store_after(s, run) - The next log of the same
 * broker by start number, store_oldest(s, name) - its first; STORE_RUN_NONE if
 * there is none.
 */
size_t store_runs(const struct store *s);
const struct log_run *store_run(const struct store *s, size_t i);
uint32_t store_own(const struct store *s);
int
store_run_add(struct store *s, const char *name, uint64_t start, uint32_t *run);
void store_settle(struct store *s);
uint32_t store_find(const struct store *s, const char *name, uint64_t start);
uint32_t store_after(const struct store *s, uint32_t run);
uint32_t store_oldest(const struct store *s, const char *name);

/* store_pass(s, start) - log_pass(), if there is a log. */
void store_pass(struct store *s, uint64_t start);

/*
 * store_add(s, frame) - The next frame of its log, now durable; taken.
 */
void store_add(struct store *s, struct store_frame *frame);

/*
 * A frame to read, wherever it is.  memory is set if it is one in memory,
 * and then head.lines lies in its body.
 */
struct store_view {
	struct frame_head head;
	const struct store_frame *memory;
	struct store *store;
	size_t index;
	struct log_view log;
	int open;
};

/*
 * store_view(v, s, place) - Stand on the frame with event place.n + 1 of
 * log place.run: 1, 0 if that log has no such event (yet, or any more), -1
 * with errno (EBADMSG: damaged, head.n and head.events say what).
 * store_view_next(v): the next frame of the log.  A view from the log pins a
 * transaction: store_view_end(v) before any wait.
 */
int store_view(struct store_view *v, struct store *s, struct log_place place);
int store_view_next(struct store_view *v);
void store_view_end(struct store_view *v);

/*
 * store_seek(s, run, rt, n) - Events of that log received before rt: the
 * place to begin at.  0 or -1 with errno.
 */
int store_seek(struct store *s, uint32_t run, int64_t rt, uint64_t *n);

/*
 * store_kept(s, topic, row, space) - The kept line of a topic whose newest
 * event is not stored any more.  1 with *row, which may borrow from space, 0 if
 * there is none, -1 with errno.  store_newest(s, topic) - When what is known
 * as the newest event of a topic was received; INT64_MIN if none is.
 */
int store_kept(struct store *s, const struct last_topic *topic,
    struct log_row *row, struct buf *space);
int64_t store_newest(struct store *s, const struct last_topic *topic);

/* store_memory(s) - Bytes of frames held in memory. */
size_t store_memory(const struct store *s);

/* store_find_line(head, n, len) - Line of event n in a frame, without LF. */
const char *
store_find_line(const struct frame_head *head, uint64_t n, size_t *len);

/* store_view_line(v, n, len) - The same of the frame the view stands on. */
const char *
store_view_line(const struct store_view *v, uint64_t n, size_t *len);

#endif

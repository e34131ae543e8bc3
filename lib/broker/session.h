/*
 * What the parts of the session code share: the broker itself, one session
 * for each connection, and how requests are answered.  Private to broker.c,
 * publish.c, flow.c, subscribe.c, cursor.c and query.c.
 */
#ifndef SG_BROKER_SESSION_H
#define SG_BROKER_SESSION_H

#include "broker/broker.h"
#include "broker/chan.h"
#include "broker/dispatch.h"
#include "broker/flow.h"
#include "broker/gate.h"
#include "broker/last.h"
#include "broker/log.h"
#include "broker/mirror.h"
#include "broker/store.h"
#include "broker/tap.h"
#include "broker/trail.h"
#include "broker/twin.h"
#include "bus/wire.h"

enum {
	SESSION_SUBS = 64,	 /* subscriptions of one connection */
	SESSION_FILTERS = 16384, /* filters of all of them */
	SESSION_WHEEL = 64,	 /* slots of the heartbeat wheel */
	SESSION_TICK = 32000	 /* us a slot stands for */
};

struct sub;
struct fetch;
struct durable;
struct commit;

struct counts {
	uint64_t events_in, events_out, frames, bytes_in, bytes_out;
	uint64_t repeated, refused, denied, busy, gaps, behind, damaged;
	uint64_t copied; /* events that came from the twin */
};

struct broker {
	struct broker_options o;
	struct front *front;
	struct gate *gate;
	struct log *log; /* NULL: --memory */
	struct store *store;
	struct last *last;
	struct dispatch *dispatch;
	struct chans *channels;
	struct flows *flows;
	struct session *sessions;
	struct tap *tap;
	struct twin *twin;     /* NULL: this broker is alone */
	struct mirror *mirror; /* NULL as well */
	int synced; /* nothing can have been lost here that the twin knows */
	struct durable *durables; /* durable cursors */
	size_t ndurables, ngone;  /* of them: those that are, are deleted */
	int64_t durable_t;	  /* the newest time given to one */
	struct fetch *wheel[SESSION_WHEEL];
	int64_t wheel_at;      /* tick up to which the wheel has turned */
	size_t parked;	       /* fetches in the wheel */
	struct publish *ahead; /* frames waiting for an earlier one */
	size_t nahead, ahead_bytes;
	uint32_t run;	    /* our log that is appended to */
	uint64_t next;	    /* number of the next event in it */
	struct trail tails; /* how far the logs of others have come, with
			       what the log has still to write */
	struct trail deps;  /* the same, at the last frame of ours */
	struct publish *unsafe, **unsafe_end; /* wait for the twin */
	int lagging;			      /* it is not waited for */
	struct log_place probe;		      /* until it has this soon */
	int64_t probe_at;
	int64_t rt;    /* last receive time given */
	size_t queued; /* items the log has */
	int failing;   /* errno of a failed write not yet over */
	int full;      /* that the disk has no room, until a frame finds some */
	int fatal;     /* the store is lost: leave */
	uint32_t frame_mark;
	struct summary summary; /* of the frame being taken */
	int64_t started, checkpoint_at, second_at;
	uint64_t checkpoint_bytes;    /* bytes stored since the last one */
	int checkpoint_out, drop_out; /* such an item is with the log */
	size_t keeping;		      /* LOG_KEEP items are */
	struct counts counts, second; /* .second: as a second ago */
	uint64_t rate_in, rate_out;   /* events, the last whole second */
	char why[WIRE_NAME_MAX + 64]; /* of an error that names something */
};

struct session {
	struct session *next, **self; /* in the broker's list */
	struct broker *b;
	struct front_conn *conn;
	struct grant *grant; /* NULL: plain, may do everything */
	struct sub *subs;
	size_t nsubs, nfilters;
	struct publish *publishes; /* of this connection, unanswered */
	int mirrors;		   /* the twin's, mirror.c */
	struct commit *commits;
};

/*
 * A durable cursor.  One of a session is its subject's own: the name is the
 * subject, a space, and what the client calls it.  One that was deleted stays
 * for a while, so that the twin hears of it.
 */
struct durable {
	struct durable *next;
	char name[LOG_CURSOR_MAX + 1];
	struct wire_cursor cursor;
	int64_t t;   /* when it was committed, us */
	int deleted; /* or not there yet */
	int64_t put; /* t of the newest row the log has been given, */
	char *row;   /* and that row */
	struct session *holder; /* has the lease; NULL: nobody */
	int64_t leased;		/* holder's last sign of life */
};

/* Answers: each completes one request. */
void session_answer(
    struct broker *b, const struct front_route *route, struct buf *header);
void session_error(struct broker *b, const struct front_route *route,
    const char *error, const char *why);

/*
 * The filters of a request, with what the session may not see as exclusions.
 * NULL, or the name of an error with *why: "bad", "denied".
 */
const char *session_filters(const struct session *s, struct topic_set *set,
    const struct json_value *filters, const char **why);

/* Bytes of lines the answer to a request may have. */
size_t session_max(const struct wire_request *r);

/*
 * The topic of a stored line, which was checked when it came; space has
 * TOPIC_MAX + 1 bytes.  NULL if the line is damaged.
 */
const char *
session_topic(const char *line, size_t n, char *space, size_t *topic_n);

/*
 * The handlers of requests, publish.c, subscribe.c, cursor.c and query.c: each
 * sees to it that its request is answered exactly once, now or later.  route
 * and r are copied where they are needed longer; lines stay in body, which is
 * referenced then.
 */
void publish_request(struct session *s, const struct front_route *route,
    struct blob *body, struct wire_request *r);
void publish_bye(
    struct session *s, const struct front_route *route, struct wire_request *r);
void subscribe_request(struct session *s, const struct front_route *route,
    const struct wire_request *r);
void cursor_commit(struct session *s, const struct front_route *route,
    const struct wire_request *r);
void query_last(struct session *s, const struct front_route *route,
    const struct wire_request *r);
void query_seek(struct session *s, const struct front_route *route,
    const struct wire_request *r);
void query_stat(struct session *s, const struct front_route *route);
void query_hello(struct session *s, const struct front_route *route,
    const struct wire_request *r);

/*
 * publish_done(b, frame, error) - The log has the frame (error 0) or could
 * not take it (errno): answer, and hand the events on.  Takes frame.
 * cursor_committed(b, item) - The same for a cursor; frees item.
 */
void publish_done(struct broker *b, struct store_frame *frame, int error);
void cursor_committed(struct broker *b, struct log_cursor *item);

/*
 * The connection is gone: forget what it asked for.  What the log has already
 * goes on without an answer.
 */
void publish_closed(struct session *s);
void subscribe_closed(struct session *s);
void cursor_closed(struct session *s);

/*
 * publish_expire(b, now) - Answer "gap" for frames that have waited too long
 * for an earlier one; now in date_mono() time.
 */
void publish_expire(struct broker *b, int64_t now);

/*
 * subscribe_frame(b, frame) - A frame was just added to the store: answer the
 * waiting fetches it is for.  frame is borrowed.
 */
void subscribe_frame(struct broker *b, const struct store_frame *frame);

/*
 * subscribe_turn(b, now) - Answer the fetches whose time is over.  When to
 * call it again, INT64_MAX if none waits; both in date_mono() time.
 */
int64_t subscribe_turn(struct broker *b, int64_t now);

/*
 * subscribe_release(d) - End the subscription that reads with a durable
 * cursor, if there is one; its fetches are answered with "busy".
 */
void subscribe_release(struct durable *d);

/*
 * cursor_take(s, given, at, taken, why) - The cursor named by given for a new
 * subscription of s, made at *at if there is none; *at is where to read from
 * after.  NULL, or an error's name with *why.
 */
const char *cursor_take(struct session *s, const struct json_value *given,
    struct trail *at, struct durable **taken, const char **why);

/* cursor_load(b) - Read all from the store.  0, or -1 with errno. */
int cursor_load(struct broker *b);

/*
 * cursor_stat(s, out) - Append the members of an object of all cursors the
 * session may know of.  Returns how many have found no place in an answer.
 */
size_t cursor_stat(const struct session *s, struct buf *out);
void cursor_free(struct broker *b);

/*
 * cursor_copied(b, name, t, cursor) - The twin has this row: taken if it is
 * newer than ours (of the same time: the greater text), unless marks move it.
 * cursor NULL: deleted.  cursor_walk(b, fn, ctx) - All rows, the deleted ones
 * too.
 */
void cursor_copied(struct broker *b, const char *name, int64_t t,
    const struct wire_cursor *cursor);
void cursor_walk(struct broker *b,
    void (*fn)(void *ctx, const struct durable *d), void *ctx);

/*
 * cursor_fault(s, name, cursor, why) - May the durable cursor of that full name
 * be there?  NULL, or an error's name with *why.  cursor_follow(b, name,
 * cursor, rt) - The newest mark of its, received at rt, has it there: so it is;
 * or says that it is deleted (cursor NULL): so it is, unless its row is not
 * older.  The twin gets the mark, too.
 */
const char *cursor_fault(struct session *s, const char *name,
    const struct wire_cursor *cursor, const char **why);
void cursor_follow(struct broker *b, const char *name,
    const struct wire_cursor *cursor, int64_t rt);

/*
 * publish_internal(b, topic, line, c, number, mark) - Append a line of the
 * broker's own as number number of channel c; mark is taken.
 */
void
publish_internal(struct broker *b, const char *topic, const struct buf *line,
    struct chan *c, uint64_t number, struct flow_mark *mark);

/*
 * publish_copy(b, frame) - Take a frame of the twin's: its run, head and body
 * are set, room for its events is there.  The caller's again if it is -1: a
 * line has no topic.  publish_copied(b, frame, error) - publish_done() for it.
 */
int publish_copy(struct broker *b, struct store_frame *frame);
void publish_copied(struct broker *b, struct store_frame *frame, int error);

/*
 * publish_after(b, rt) - Receive times given from now on are above this one of
 * the twin's.  publish_list(b, line, n) - A line of the twin's is a revocation
 * list: it holds here, too, if it is the newest.
 */
void publish_after(struct broker *b, int64_t rt);
void publish_list(struct broker *b, const char *line, size_t n);

/*
 * keep_take(b, rows, c) - Last values of topics whose events the twin does not
 * have any more: add the one in c to *rows, made if it is NULL, if it is newer
 * than what is known here.  0, or -1: it is no event of its topic.
 * keep_put(b, rows) - Take them, durably; keep_done(b, rows) - The log has done
 * that, or could not; both take rows.  keep_bytes(rows) - of their lines.
 */
struct copy;
int keep_take(struct broker *b, struct log_rows **rows, const struct copy *c);
void keep_put(struct broker *b, struct log_rows *rows);
void keep_done(struct broker *b, struct log_rows *rows);
int64_t keep_bytes(const struct log_rows *rows);

/* publish_forget(b, c) - Forget an idle channel, durably. */
void publish_forget(struct broker *b, struct chan *c);

/*
 * publish_newest(b, t, run, h, i) - Event i of a frame of that log may be the
 * newest of topic t (or NULL).
 */
void publish_newest(struct broker *b, struct last_topic *t, uint32_t run,
    const struct frame_head *h, uint32_t i);

/*
 * publish_confirmed(b, now) - Answer what waited for the twin, which has come
 * further or is away, or that waits no longer; when to call it again.  Both in
 * date_mono() time.
 */
int64_t publish_confirmed(struct broker *b, int64_t now);

/*
 * session_event(b, topic, text) - Append an event of the broker's own; topic
 * lies below $SG, text needs no escapes.
 */
void session_event(struct broker *b, const char *topic, const char *text);

/* session_lax(b) - What is unknown here is nowhere: trail_parse()'s lax. */
int session_lax(const struct broker *b);

/*
 * session_trail(b, cursor, t, why) - Where a client's cursor is: NULL, or an
 * error's name with *why, "behind", or "bad" (ahead of this broker's own log).
 */
const char *session_trail(struct broker *b, const struct wire_cursor *cursor,
    struct trail *t, const char **why);

#endif

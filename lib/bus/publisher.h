/*
 * One channel of numbered events to a broker: frames that fill while others
 * are in flight, are kept until they are safe, and are sent again after a
 * lost connection, so that each event arrives once and in order, whichever
 * broker of the list takes it.
 *
 * While a broker's twin is away nothing becomes safe; what the broker alone
 * has is kept as far as there is room.
 */
#ifndef SG_BUS_PUBLISHER_H
#define SG_BUS_PUBLISHER_H

#include <stddef.h>
#include <stdint.h>

#include "bus/client.h"

enum { PUBLISHER_WINDOW = 16 }; /* frames not yet safe */

struct publisher;

/*
 * publisher_new(client, from, chan, next) - A channel whose next event has
 * the number next, everything before it being safe.  client and from are
 * borrowed.
 */
struct publisher *publisher_new(
    struct client *client, const char *from, uint64_t chan, uint64_t next);
void publisher_free(struct publisher *p);

/* What becomes of a window full of frames that one broker alone has. */
enum publisher_policy {
	/*
	 * The oldest leave it.  If another broker takes over now, it does not
	 * get them (they come when the first one returns), and as their
	 * numbers would seem to be repeats then, what no broker has goes on in
	 * a new channel.
	 */
	PUBLISHER_LETS_GO = 0,
	/* The same, but they are asked for: PUBLISHER_REWIND. */
	PUBLISHER_REWINDS,
	PUBLISHER_HOLDS /* They stay, and there is no room. */
};

/* publisher_policy(p, policy) - PUBLISHER_LETS_GO unless it is called. */
void publisher_policy(struct publisher *p, enum publisher_policy policy);

/*
 * publisher_flow(p, from, name, after, ahead) - From now on p is the channel
 * of the flow with that durable cursor (wire.h, "Marks"; name is copied), whose
 * newest mark has the number after (0: none) and says that of the lines after
 * it `ahead` are in the channel already.  Nothing may be in hand.  What else is
 * there already is asked first; until then there is no room.  As many of the
 * lines added first are dropped.  Frames leave with their mark, or full.
 *
 * publisher_commit(p, id, t, cursor, mark) - The lines added since the last
 * one, maybe none, and the cursor's move are one; leaves at once.  mark: as
 * of a line.
 * publisher_group(p) - Lines added since then.
 * publisher_abandon(p) - There will be no mark behind them: what has not left
 * of them is dropped.
 */
void publisher_flow(struct publisher *p, const char *from, const char *name,
    uint64_t after, uint64_t ahead);
void publisher_commit(struct publisher *p, const char *id, int64_t t,
    const struct wire_cursor *cursor, uint64_t mark);
uint64_t publisher_group(const struct publisher *p);
void publisher_abandon(struct publisher *p);

/* publisher_room(p) - 1 if an event may be added, 0 if the window is full. */
int publisher_room(const struct publisher *p);

/*
 * publisher_add(p, line, n, mark) - Add one checked event line (copied).  A
 * full frame leaves at once.  mark is the caller's, given back with what
 * becomes of the event.
 */
void
publisher_add(struct publisher *p, const char *line, size_t n, uint64_t mark);

/*
 * publisher_add_frame(p, lines, len, n, mark) - Add n lines, each with its
 * LF, as one frame of their own that leaves at once.
 */
void publisher_add_frame(struct publisher *p, const char *lines, size_t len,
    uint32_t n, uint64_t mark);

/*
 * publisher_flush(p) - No more events are at hand: what is in the open frame
 * leaves, now if nothing is in flight, else with the next answer.
 */
void publisher_flush(struct publisher *p);

enum publisher_result {
	PUBLISHER_NONE,	    /* nothing by the deadline */
	PUBLISHER_SAFE,	    /* everything up to number (mark) is safe */
	PUBLISHER_LOCAL,    /* the same is stored by one broker */
	PUBLISHER_REWIND,   /* to another broker: publisher_restart() */
	PUBLISHER_REFUSED,  /* one event was refused: line, mark, why; or more
			       of them than the broker names: line is NULL */
	PUBLISHER_FULL,	    /* the broker's disk is full; tried again */
	PUBLISHER_BUSY,	    /* our quota is used up: wait; tried again */
	PUBLISHER_CONNECTED /* to another broker, or again */
};

struct publisher_event {
	enum publisher_result result;
	uint64_t number, mark; /* mark 0: of a frame that is not kept */
	const char *line;      /* without LF; valid until the next call */
	size_t n;
	const char *why;
	int64_t wait; /* us */
};

/*
 * publisher_next(p, event, deadline) - Sends what is due, and gives the next
 * thing that happened (client_next() explains deadline).  0, or -1 with
 * errno: as client_next(), and EACCES denied, EPROTO the broker does not
 * take our frames, EBUSY another one has gone on with the flow;
 * publisher_why() says more.
 */
int publisher_next(
    struct publisher *p, struct publisher_event *event, int64_t deadline);
const char *publisher_why(const struct publisher *p);

/*
 * publisher_due(p) - When publisher_next() has to be called although
 * client_fd() is quiet; INT64_MAX: never.
 */
int64_t publisher_due(const struct publisher *p);

/*
 * publisher_restart(p, next) - After PUBLISHER_REWIND, before anything is
 * added: another broker may lack what this one was given.  All frames are
 * forgotten; the caller adds again everything from number next on, which is
 * the first not told to be safe or an earlier one.
 */
void publisher_restart(struct publisher *p, uint64_t next);

/*
 * publisher_pending(p, mark) - Events that are in no broker's hands as far as
 * is known, and the mark of the first of them.
 * publisher_alone(p) - Events that one broker has stored, and its twin not.
 */
uint64_t publisher_pending(const struct publisher *p, uint64_t *mark);
uint64_t publisher_alone(const struct publisher *p);

/* publisher_bye(p, deadline) - Let the broker forget the channel. */
int publisher_bye(struct publisher *p, int64_t deadline);

struct publisher_counts {
	uint64_t events, bytes, frames, refused, resent;
};

/* publisher_counts(p) - So far; valid as long as p is. */
const struct publisher_counts *publisher_counts(const struct publisher *p);

#endif

/*
 * Event lines on their way to a broker: a publisher, behind a spool on disk
 * if there is one, and what counts as delivered.
 */
#ifndef SG_BUS_OUTBOX_H
#define SG_BUS_OUTBOX_H

#include <stddef.h>
#include <stdint.h>

#include "bus/client.h"
#include "bus/mark.h"
#include "bus/publisher.h"

/* All borrowed while it is open. */
struct outbox_options {
	const struct client_config *client;
	const char *from;  /* publisher */
	int guessed;	   /* that: a flow's results come from its cursor's
			      name instead */
	const char *owner; /* whose the spool has to be, or NULL: anybody's */
	const char *spool; /* folder, or NULL */
	int64_t spool_size;
	int require_twin; /* what one broker alone has is not delivered */
};

struct outbox;

/*
 * outbox_open(o, status, why) - Open the spool, else connect.  NULL with an
 * exit code and *why, valid until the next call.
 * outbox_store(b, mark) - With a spool: what is in hand is durable in it, up
 * to *mark, as far as there is room.  0, or -1 with errno.
 * outbox_close(b) - 0, or -1 with errno.  What is not delivered is in the
 * spool or nowhere.
 */
struct outbox *
outbox_open(const struct outbox_options *o, int *status, const char **why);
int outbox_store(struct outbox *b, uint64_t *mark);
int outbox_close(struct outbox *b);

/* outbox_cut(b) - Bytes of an unfinished write that the spool has cut off. */
uint64_t outbox_cut(const struct outbox *b);

/*
 * outbox_room(b) - 1 if a line may be put, 0 if it has to wait, -1 with errno
 * (EBADMSG: damaged): the spool has failed.
 * outbox_put(b, line, n, mark) - A checked line; mark rises.
 * outbox_push(b, now) - Lines leave for the spool and for the broker; now: no
 * more of them are at hand.  1 if something has left the spool, 0, or -1 as
 * above.
 */
int outbox_room(struct outbox *b);
void outbox_put(struct outbox *b, const char *line, size_t n, uint64_t mark);
int outbox_push(struct outbox *b, int now);

/*
 * outbox_mark(b, mark, at) - A mark (mark.h) in its place between the lines;
 * at: as of a line.  The lines before the first one leave as any others; then,
 * until a mark says that we lead, they are dropped, and from there on those
 * between two marks are published with the latter.  NULL, or what is wrong
 * with such a mark here.  No spool may be in use.
 * outbox_abandon(b) - There are no more marks: the lines behind the last one
 * are dropped; how many.
 */
const char *outbox_mark(struct outbox *b, const struct mark *mark, uint64_t at);
uint64_t outbox_abandon(struct outbox *b);

enum outbox_result {
	OUTBOX_NONE,	  /* nothing by the deadline */
	OUTBOX_DELIVERED, /* up to mark, or durable in the spool */
	OUTBOX_REFUSED,	  /* as PUBLISHER_REFUSED */
	OUTBOX_FULL,	  /* so is the broker's disk */
	OUTBOX_BUSY,	  /* our quota is used up */
	OUTBOX_CONNECTED, /* to another broker, or again */
	OUTBOX_BLOCKED,	  /* the spool is full */
	OUTBOX_ALONE	  /* one broker alone has events, for some time now;
			     told once */
};

struct outbox_event {
	enum outbox_result result;
	uint64_t mark, number; /* number: in the spool */
	const char *line;
	size_t n;
	const char *why;
	int64_t wait;
};

/*
 * outbox_next(b, event, deadline) - As publisher_next(); also -1 with EBADMSG
 * or another errno of the spool's, then outbox_failed() is 1.
 */
int outbox_next(struct outbox *b, struct outbox_event *event, int64_t deadline);
int outbox_failed(const struct outbox *b);
const char *outbox_why(const struct outbox *b);

/* outbox_due(b) - As publisher_due(). */
int64_t outbox_due(const struct outbox *b);

/* outbox_client(b) - Its connection, whose descriptor is to be polled. */
struct client *outbox_client(const struct outbox *b);

/*
 * outbox_pending(b) - Events that no broker has.
 * outbox_alone(b) - Events that one broker has and its twin has not.
 * outbox_owed(b) - Events that are not delivered.
 * outbox_window(b, mark) - As publisher_pending().
 */
uint64_t outbox_pending(const struct outbox *b);
uint64_t outbox_alone(const struct outbox *b);
uint64_t outbox_owed(const struct outbox *b);
uint64_t outbox_window(const struct outbox *b, uint64_t *mark);

/* outbox_unstored(b) - Lines for which the spool has no room. */
uint64_t outbox_unstored(const struct outbox *b);

/*
 * outbox_stall(b, ended, retry) - When waiting is over (date_mono time): for
 * a twin while no more lines can come, for a spool to empty once the input
 * has ended; INT64_MAX: never.  retry us are granted after what happened
 * last; outbox_stir(b) says that something did.
 */
int64_t outbox_stall(const struct outbox *b, int ended, int64_t retry);
void outbox_stir(struct outbox *b);

/* outbox_bye(b, deadline) - All is delivered; a spool's channel lives on. */
void outbox_bye(struct outbox *b, int64_t deadline);

/* outbox_counts(b) - As publisher_counts(). */
const struct publisher_counts *outbox_counts(const struct outbox *b);

#endif

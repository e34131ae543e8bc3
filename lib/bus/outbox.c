#include "bus/outbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/buf.h"
#include "base/date.h"
#include "base/die.h"
#include "bus/reach.h"
#include "bus/spool.h"

enum {
	BATCH = 65536,	/* bytes of a spooled frame before its last line */
	SYNC = 1048576, /* bytes of spooled frames before a sync */
	WHY_MAX = 512
};

/* Microseconds. */
enum {
	BLOCKED_TIME = DATE_SECOND,   /* before a full spool is tried again */
	STALL_TIME = 5 * DATE_SECOND, /* of a broker that does not answer */
	ALONE_TIME = 2 * DATE_SECOND  /* of a twin, before that is told */
};

/* Where we are in a flow with marks. */
enum flow {
	FLOW_NONE,    /* no mark has come */
	FLOW_WAITS,   /* the lines before the first one are under way */
	FLOW_FOLLOWS, /* lines are another one's business */
	FLOW_LEADS
};

struct outbox {
	struct outbox_options o;
	enum flow flow;
	char name[WIRE_NAME_MAX + 1]; /* of it */
	uint64_t group;		      /* lines dropped since the last mark */
	uint64_t after, ahead;	      /* where to lead from */
	int lead;		      /* once the lines are out */
	struct client *client;
	struct publisher *publisher;
	struct spool *spool;
	struct buf batch; /* lines on their way into the spool */
	uint32_t batch_n;
	uint64_t batch_last; /* mark of the last line put */
	uint64_t stored;     /* of the last one in the spool */
	uint64_t durable;    /* of the last one durable there */
	uint64_t fed;	     /* last number taken from the spool */
	uint64_t told;	     /* mark told as delivered */
	size_t unsynced;     /* bytes in the spool */
	int blocked;	     /* the spool is full: 1 to be told, 2 told */
	int64_t blocked_until;
	int64_t moved; /* when something happened last */
	int64_t alone; /* since when one broker has more than its twin */
	int told_alone, failed;
};

static uint64_t
random_chan(void)
{
	uint64_t chan = 0;

	if (getrandom(&chan, sizeof chan, 0) < 0 || chan == 0)
		die(EXIT_BUG, "no random numbers");
	return chan;
}

static int
spool_status(int error)
{
	switch (error) {
	case EWOULDBLOCK: return EXIT_UNAVAILABLE;
	case ENOTSUP: return EXIT_CONFIG;
	case EBADMSG: return EXIT_IO;
	default: return EXIT_CANTCREATE;
	}
}

/* 0, or an exit code with *why. */
static int
open_spool(struct outbox *b, const char **why)
{
	static char text[WHY_MAX];
	const struct outbox_options *o = &b->o;
	const char *from;
	int status;

	b->spool = spool_open(o->spool, o->from, o->spool_size, why);
	if (b->spool == NULL) {
		status = spool_status(errno);
		snprintf(text, sizeof text, "spool %s: %s", o->spool, *why);
		*why = text;
		return status;
	}
	from = spool_from(b->spool);
	if (o->owner == NULL || strcmp(from, o->owner) == 0)
		return 0;
	snprintf(text, sizeof text, "spool %s: it is %s's, the key is %s's",
	    o->spool, from, o->owner);
	*why = text;
	return EXIT_DENIED;
}

static void
open_publisher(struct outbox *b)
{
	if (b->spool == NULL) {
		b->publisher =
		    publisher_new(b->client, b->o.from, random_chan(), 1);
	} else {
		b->fed = spool_done(b->spool);
		b->publisher = publisher_new(b->client, spool_from(b->spool),
		    spool_chan(b->spool), b->fed + 1);
		publisher_policy(b->publisher, PUBLISHER_REWINDS);
	}
	if (b->o.require_twin)
		publisher_policy(b->publisher, PUBLISHER_HOLDS);
}

static void
outbox_free(struct outbox *b)
{
	client_close(b->client);
	publisher_free(b->publisher);
	buf_fini(&b->batch);
	free(b);
}

struct outbox *
outbox_open(const struct outbox_options *o, int *status, const char **why)
{
	struct outbox *b = xcalloc(1, sizeof *b);

	b->o = *o;
	*status = o->spool != NULL ? open_spool(b, why) : 0;
	if (*status == 0) {
		b->client = o->spool != NULL ? client_begin(o->client, why)
					     : client_open(o->client, why);
		*status = b->client == NULL ? reach_status(errno) : 0;
	}
	if (*status != 0) {
		spool_close(b->spool);
		outbox_free(b);
		return NULL;
	}
	open_publisher(b);
	b->moved = date_mono();
	return b;
}

uint64_t
outbox_cut(const struct outbox *b)
{
	return b->spool != NULL ? spool_cut(b->spool) : 0;
}

/* Move the batch into the spool: 1, 0 it is full, -1. */
static int
store_batch(struct outbox *b)
{
	if (b->batch_n == 0)
		return 1;
	if (spool_add(b->spool, b->batch.p, b->batch.len, b->batch_n) < 0) {
		if (errno != ENOSPC)
			return -1;
		b->blocked = b->blocked ? b->blocked : 1;
		b->blocked_until = date_mono() + BLOCKED_TIME;
		return 0;
	}
	b->unsynced += b->batch.len;
	b->stored = b->batch_last;
	b->batch_n = 0;
	b->blocked = 0;
	buf_clear(&b->batch);
	return 1;
}

/*
 * The same, and make what is there durable once it is enough, or at once, or
 * if there will not be more.
 */
static int
store(struct outbox *b, int now)
{
	int got = store_batch(b);

	if (got < 0 || b->unsynced == 0 ||
	    (got > 0 && !now && b->unsynced < SYNC))
		return got;
	if (spool_sync(b->spool) < 0)
		return -1;
	b->unsynced = 0;
	b->durable = b->stored;
	return got;
}

static void
begin_to_lead(struct outbox *b)
{
	const char *from = b->o.guessed ? b->name : b->o.from;

	b->flow = FLOW_LEADS;
	publisher_flow(b->publisher, from, b->name, b->after, b->ahead);
}

/* Once the lines before the first mark have gone. */
static void
see_first_mark(struct outbox *b)
{
	if (b->flow != FLOW_WAITS || outbox_owed(b) > 0)
		return;
	b->flow = FLOW_FOLLOWS;
	if (b->lead)
		begin_to_lead(b);
}

static const char *
take_done(struct outbox *b, const struct mark *mark)
{
	if (b->flow == FLOW_LEADS)
		return "a mark that is done, after others that are not";
	b->group = 0;
	b->lead = mark->lead;
	b->after = mark->n;
	b->ahead = mark->ahead;
	if (b->flow == FLOW_NONE) {
		memcpy(b->name, mark->name, sizeof b->name);
		b->flow = FLOW_WAITS;
	}
	if (b->flow == FLOW_WAITS)
		see_first_mark(b);
	else if (b->lead)
		begin_to_lead(b);
	return NULL;
}

const char *
outbox_mark(struct outbox *b, const struct mark *mark, uint64_t at)
{
	if (b->flow != FLOW_NONE && strcmp(b->name, mark->name) != 0)
		return "a mark of another cursor";
	if (mark->time)
		return NULL;
	if (mark->done)
		return take_done(b, mark);
	if (b->flow != FLOW_LEADS)
		return "a mark without a beginning";
	/* Nothing but time has passed. */
	if (mark->idle && publisher_group(b->publisher) == 0)
		return NULL;
	publisher_commit(b->publisher, mark->id, mark->t, &mark->cursor, at);
	return NULL;
}

uint64_t
outbox_abandon(struct outbox *b)
{
	uint64_t n = b->group;

	if (b->flow == FLOW_LEADS) {
		n = publisher_group(b->publisher);
		publisher_abandon(b->publisher);
	}
	b->group = 0;
	return n;
}

int
outbox_room(struct outbox *b)
{
	int got;

	see_first_mark(b);
	if (b->flow == FLOW_WAITS)
		return 0;
	if (b->spool == NULL)
		return publisher_room(b->publisher);
	if (b->batch.len < BATCH)
		return 1;
	got = store(b, 0);
	b->failed |= got < 0;
	return got;
}

void
outbox_put(struct outbox *b, const char *line, size_t n, uint64_t mark)
{
	if (b->flow == FLOW_FOLLOWS) {
		b->group++;
		return;
	}
	if (b->spool == NULL) {
		publisher_add(b->publisher, line, n, mark);
		return;
	}
	buf_add(&b->batch, line, n);
	buf_addc(&b->batch, '\n');
	b->batch_n++;
	b->batch_last = mark;
}

/* From the spool to the broker, as far as the window goes. */
static int
feed(struct outbox *b)
{
	struct spool_record r;
	int got, fed = 0;

	while (publisher_room(b->publisher)) {
		got = spool_next(b->spool, &r);
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		publisher_add_frame(b->publisher, r.lines, r.len, r.n, 0);
		b->fed = r.first + r.n - 1;
		fed = 1;
	}
	return fed;
}

int
outbox_push(struct outbox *b, int now)
{
	int fed = 0;

	if (b->spool != NULL &&
	    (store(b, now || b->blocked) < 0 || (fed = feed(b)) < 0)) {
		b->failed = 1;
		return -1;
	}
	publisher_flush(b->publisher);
	return fed;
}

/* Something is stored, by one broker or by two: 0 or -1. */
static int
stored(struct outbox *b, const struct publisher_event *p,
    struct outbox_event *event)
{
	int safe = p->result == PUBLISHER_SAFE;
	int64_t now = date_mono();

	if (safe || !b->o.require_twin)
		b->moved = now;
	if (outbox_alone(b) == 0)
		b->alone = 0;
	else if (b->alone == 0)
		b->alone = now;
	if (b->spool != NULL)
		return safe ? spool_release(b->spool, p->number) : 0;
	if ((safe || !b->o.require_twin) && p->mark > b->told) {
		event->result = OUTBOX_DELIVERED;
		event->mark = b->told = p->mark;
	}
	return 0;
}

/* Another broker may lack what the one before it alone was given. */
static int
rewind_spool(struct outbox *b)
{
	if (spool_rewind(b->spool) < 0)
		return -1;
	b->fed = spool_done(b->spool);
	publisher_restart(b->publisher, b->fed + 1);
	return feed(b) < 0 ? -1 : 0;
}

/* What the publisher says, in our words: 0 or -1. */
static int
translate(struct outbox *b, const struct publisher_event *p,
    struct outbox_event *event)
{
	*event = (struct outbox_event){ OUTBOX_NONE, p->mark, p->number,
		p->line, p->n, p->why, p->wait };
	switch (p->result) {
	case PUBLISHER_NONE: break;
	case PUBLISHER_SAFE:
	case PUBLISHER_LOCAL: return stored(b, p, event);
	case PUBLISHER_REFUSED: event->result = OUTBOX_REFUSED; break;
	case PUBLISHER_FULL: event->result = OUTBOX_FULL; break;
	case PUBLISHER_BUSY: event->result = OUTBOX_BUSY; break;
	case PUBLISHER_REWIND:
		event->result = OUTBOX_CONNECTED;
		return rewind_spool(b);
	case PUBLISHER_CONNECTED: event->result = OUTBOX_CONNECTED; break;
	}
	return 0;
}

/* What happened here and not at the broker: 1 if anything. */
static int
own_news(struct outbox *b, struct outbox_event *event)
{
	*event = (struct outbox_event){ .result = OUTBOX_NONE };
	if (b->durable > b->told) {
		event->result = OUTBOX_DELIVERED;
		event->mark = b->told = b->durable;
	} else if (b->blocked == 1) {
		event->result = OUTBOX_BLOCKED;
		b->blocked = 2;
	} else if (b->alone > 0 && !b->told_alone &&
	    date_mono() - b->alone >= ALONE_TIME) {
		event->result = OUTBOX_ALONE;
		b->told_alone = 1;
	}
	return event->result != OUTBOX_NONE;
}

int
outbox_next(struct outbox *b, struct outbox_event *event, int64_t deadline)
{
	struct publisher_event p;

	do {
		if (own_news(b, event))
			return 0;
		if (publisher_next(b->publisher, &p, deadline) < 0)
			return -1;
		if (translate(b, &p, event) < 0) {
			b->failed = 1;
			return -1;
		}
	} while (event->result == OUTBOX_NONE && p.result != PUBLISHER_NONE);
	return 0;
}

int
outbox_failed(const struct outbox *b)
{
	return b->failed;
}

const char *
outbox_why(const struct outbox *b)
{
	return publisher_why(b->publisher);
}

static int64_t
earliest(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t
outbox_due(const struct outbox *b)
{
	int64_t due = publisher_due(b->publisher);

	if (b->blocked)
		due = earliest(due, b->blocked_until);
	if (b->alone > 0 && !b->told_alone)
		due = earliest(due, b->alone + ALONE_TIME);
	return due;
}

struct client *
outbox_client(const struct outbox *b)
{
	return b->client;
}

uint64_t
outbox_window(const struct outbox *b, uint64_t *mark)
{
	return publisher_pending(b->publisher, mark);
}

uint64_t
outbox_pending(const struct outbox *b)
{
	uint64_t mark, n = outbox_window(b, &mark);

	if (b->spool != NULL)
		n += spool_end(b->spool) - b->fed + b->batch_n;
	return n;
}

uint64_t
outbox_alone(const struct outbox *b)
{
	return publisher_alone(b->publisher);
}

uint64_t
outbox_owed(const struct outbox *b)
{
	return outbox_pending(b) + (b->o.require_twin ? outbox_alone(b) : 0);
}

uint64_t
outbox_unstored(const struct outbox *b)
{
	return b->batch_n;
}

int64_t
outbox_stall(const struct outbox *b, int ended, int64_t retry)
{
	int64_t since = b->alone > b->moved ? b->alone : b->moved;

	if (b->o.require_twin && b->alone > 0 &&
	    (ended || b->blocked || !publisher_room(b->publisher)))
		return since + retry;
	return b->spool != NULL && ended ? b->moved + retry + STALL_TIME
					 : INT64_MAX;
}

void
outbox_stir(struct outbox *b)
{
	b->moved = date_mono();
}

void
outbox_bye(struct outbox *b, int64_t deadline)
{
	if (b->spool == NULL && b->flow != FLOW_LEADS)
		publisher_bye(b->publisher, deadline);
}

const struct publisher_counts *
outbox_counts(const struct outbox *b)
{
	return publisher_counts(b->publisher);
}

int
outbox_store(struct outbox *b, uint64_t *mark)
{
	int got = b->spool != NULL ? store(b, 1) : 0;

	*mark = b->durable;
	return got < 0 ? -1 : 0;
}

int
outbox_close(struct outbox *b)
{
	int error = 0;

	if (spool_close(b->spool) < 0)
		error = errno;
	outbox_free(b);
	errno = error;
	return error ? -1 : 0;
}

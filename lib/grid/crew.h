/*
 * The clients of a failover proof: sg-pub and sg-sub as anybody runs them, fed
 * with numbered events and read from by pipe, and the account of what became
 * of the events.
 */
#ifndef SG_GRID_CREW_H
#define SG_GRID_CREW_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/child.h"
#include "grid/ledger.h"
#include "grid/pair.h"

enum { CREW_MOST = 8 }; /* publishers, subscribers */

enum crew_publishing {
	CREW_PIPE,  /* one sg-pub for all */
	CREW_SPOOL, /* the same, with a spool */
	CREW_BATCH  /* one for each few events, as cron does it */
};

struct crew_publisher {
	enum crew_publishing kind;
	char name[16];
	int first; /* the broker it names first */
	int relayed;
	struct child child;
	struct buf out, said; /* on their way to it, from it */
	uint64_t made;	      /* last number given to it */
	uint64_t batch;	      /* last number before its batch */
	int64_t due;	      /* of the next event */
	int ending;
};

enum crew_reading {
	CREW_PLAIN,  /* from now on, to a pipe */
	CREW_CURSOR, /* with a durable cursor */
	CREW_FILE    /* the same, to a file */
};

struct crew_subscriber {
	enum crew_reading kind;
	char name[16];
	int first, relayed;
	struct child child;
	int in; /* where its events come from */
	int ready;
	struct buf line;
	/* Of each publisher: date_now() of the last event, and the gap. */
	int64_t last[CREW_MOST], gap[CREW_MOST];
};

/* One event that was not where it should be. */
struct crew_fault {
	const char *what; /* "lost", "duplicated", "out of order", "alien" */
	const char *subscriber, *publisher;
	uint64_t number;
	char text[256]; /* of a program that failed: the only member set */
};

struct crew {
	struct pair *pair;
	int64_t interval; /* us between two events of a publisher */
	struct ledger *ledger;
	struct crew_publisher publisher[CREW_MOST];
	struct crew_subscriber subscriber[CREW_MOST];
	size_t npublisher, nsubscriber;
	struct crew_fault *fault;
	size_t nfault;	/* kept */
	uint64_t faults; /* in all */
};

/*
 * crew_open(c, pair, rate, mix) - Start the subscribers; rate events a second
 * are published in all.  0, or -1 with errno.  crew_close(c) - End all.
 *
 * crew_ready(c) - 1 once all subscribers have subscribed.
 * crew_publish(c) - From now on.
 * crew_turn(c, until) - Feed and read whatever is due, waiting for it at the
 * latest until until (date_mono()).
 *
 * crew_kill_reader(c) - A subscriber that writes a file gets SIGKILL and is
 * started again: the file, cut to what is committed, has to go on as if nothing
 * had happened.
 *
 * crew_end(c) - Publish no more; crew_ended(c) - 1 once all publishers have
 * ended, 2 once nothing acknowledged is missing, too.
 * crew_account(c) - The end: what is missing now is lost.
 */
enum crew_mix {
	CREW_MIXED,  /* all kinds of publishers */
	CREW_SPOOLED /* all have a spool */
};
int crew_open(
    struct crew *c, struct pair *pair, int64_t rate, enum crew_mix mix);
void crew_close(struct crew *c);
int crew_ready(const struct crew *c);
void crew_publish(struct crew *c);
void crew_turn(struct crew *c, int64_t until);
void crew_kill_reader(struct crew *c);
void crew_end(struct crew *c);
int crew_ended(const struct crew *c);
void crew_account(struct crew *c);

/*
 * crew_gaps(c) - Begin to measure anew how long subscribers wait for what was
 * published.  crew_gap(c, k, i) - The longest that subscriber k has waited for
 * publisher i since then, us.
 * crew_flows(c) - 1 if all get something of everybody again.
 */
void crew_gaps(struct crew *c);
int64_t crew_gap(const struct crew *c, size_t k, size_t i);
int crew_flows(const struct crew *c);

/* crew_fail(c, fmt, ...) - Add a fault in words. */
void crew_fail(struct crew *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif

/*
 * A simulation of two twins: the broker's session code as it is, above a
 * log, a network and clocks that are memory and one stream of random numbers.
 * Nothing else decides what happens, so a seed is a history that can be
 * looked at again.
 *
 * fake_log.c stands for broker/log.h, fake_gate.c for broker/gate.h and
 * front.h, fake_client.c for bus/client.h, fake_clock.c for the clocks and
 * signals.
 */
#ifndef SG_SIM_H
#define SG_SIM_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "bus/wire.h"

enum { BROKERS = 2, PRODUCERS = 3, CONSUMERS = 3, NUMBERS = 400 };

/*
 * The events of producer FLOW are results: each number that MARKS divides is a
 * mark, of which the broker makes the event.
 */
enum { FLOW = 2, MARKS = 6 };
#define FLOW_CURSOR "flow"

/* Who is at the client's end of a connection; TWIN + x is broker x. */
enum {
	PRODUCER = 0,
	CONSUMER = PRODUCERS,
	TWIN = PRODUCERS + CONSUMERS,
	PEERS = TWIN + BROKERS
};

/* What may happen to disks; or there are none; or they hold not everything. */
enum { DISK_ROLLBACK = 1, DISK_LOSS = 2, DISK_NONE = 4, DISK_RETAIN = 8 };

/* Rules taken away; each has to be noticed. */
enum mutant {
	MUTANT_NONE,
	MUTANT_EARLY_DONE,    /* the log says done before it is durable */
	MUTANT_NO_DEPS,	      /* frames do not say what was there before them */
	MUTANT_NO_SEEN,	      /* readers do not drop repeats */
	MUTANT_SAME_LOG,      /* a start number is given again */
	MUTANT_ACCEPT_BEHIND, /* sg-broker --accept-behind */
	MUTANT_CLOSED_LOGS,   /* our earlier logs are not kept open */
	MUTANT_NO_MARKS,      /* a copied frame does not move its channel */
	MUTANT_NO_NOTES,      /* durable cursors are not passed on */
	MUTANT_ALL_SAFE,      /* what is here is said to be safe */
	MUTANT_LAX,	      /* a broker that may have lost is believed */
	MUTANT_LOCAL_IS_SAFE, /* producers forget what is local */
	MUTANT_MARK_AHEAD,    /* a checkpoint is said to be newer than it is */
	MUTANT_NO_FLOWS,      /* marks are forgotten at a start */
	MUTANT_NO_COPIED_MARKS, /* those of the other broker do not count */
	MUTANTS
};

struct disk;
struct front;
struct front_conn;

struct sim_broker {
	const char *name;
	struct broker *b; /* NULL: down */
	struct disk *disk;
	struct front *front; /* of this start */
	int64_t skew, mono;  /* of its clocks */
	int64_t frozen;	     /* until then it does not run */
	int suspect;	     /* its disk was damaged; not in step since */
	int dying;	     /* nothing it does is seen any more */
	int full;	     /* its disk is */
};

struct world {
	uint64_t random;
	int64_t time; /* us since the beginning of the seed */
	enum mutant mutant;
	int disks;   /* what may happen to them */
	int healing; /* no faults any more */
	int leaving; /* the broker that runs was asked to */
	int tracing;
	int current; /* broker whose code is running, or -1 */
	int link[PEERS][BROKERS];
	struct sim_broker broker[BROKERS];
	struct front_conn *conns;
	const char *violation; /* the first one's name, or NULL */
	char detail[256];
};

extern struct world world;

/* sim_random(n) - 0 … n - 1.  sim_chance(p) - 1 in p of 1000 cases. */
uint64_t sim_random(uint64_t n);
int sim_chance(unsigned p);

/* sim_trace(fmt, …) - One line of what happens, if somebody looks. */
void sim_trace(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * sim_violation(name, fmt, …) - A promise is broken: the first of a seed is
 * kept and ends it.
 */
void sim_violation(const char *name, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* sim_who(who) - "p0", "c2", "A" … */
const char *sim_who(int who);

/* The ledger: what was said to whom, and what is where. */

/* ledger_reset() - Nothing yet. */
void ledger_reset(void);

/* ledger_line(b, p, q) - Append the event with number q of producer p. */
void ledger_line(struct buf *b, int p, uint64_t q);

/*
 * ledger_mark(p, q) - The newest mark up to number q; 0: there is none.
 * ledger_refused(p, q) - 1 if that is a line no broker takes, or a mark.
 * ledger_parse(line, n, p, q) - Which event that is: 1, or 0 if it is another
 * one's, -1 with a violation if it is none.
 */
uint64_t ledger_mark(int p, uint64_t q);
int ledger_refused(int p, uint64_t q);
int ledger_parse(const char *line, size_t n, int *p, uint64_t *q);

/*
 * ledger_check_last(line, n) - A violation if it is not the newest of its
 * topic: topics that only one producer has.
 */
void ledger_check_last(const char *line, size_t n);

/* ledger_shared(line, n) - 1 if several producers have its topic. */
int ledger_shared(const char *line, size_t n);

/*
 * The channel of producer p; ledger_producer(from, chan) - whose it is, or -1.
 */
uint64_t ledger_chan(int p);
int ledger_producer(const char *from, uint64_t chan);

/*
 * ledger_durable(x, from, first, events) - Broker x's disk now has those
 * numbers.  ledger_told(p, local, safe) - An answer with these marks left a
 * broker: are they true?
 */
void ledger_durable(
    int x, const char *from, uint64_t chan, uint64_t first, uint64_t events);
void ledger_told(int x, int p, uint64_t local, uint64_t safe);

/* ledger_has(x, p, upto) - 1 if broker x's disk has had all up to there. */
int ledger_has(int x, int p, uint64_t upto);

/*
 * ledger_safe(from, chan, first, n) - 1 if both disks have had those numbers.
 */
int ledger_safe(const char *from, uint64_t chan, uint64_t first, uint64_t n);

/* The network. */

/*
 * net_dial(who, x) - A connection, NULL if broker x is down or the link cut.
 * net_send(c, tag, msg) - Takes msg's bytes.  net_receive(c, tag, msg) - 1
 * with an answer's bytes appended, 0 if there is none, -1 if the connection is
 * known to be gone.  net_close(c) - c is gone for its client.
 */
struct front_conn *net_dial(int who, int x);
void net_send(struct front_conn *c, uint64_t tag, struct buf *msg);
int net_receive(struct front_conn *c, uint64_t *tag, struct buf *msg);
void net_close(struct front_conn *c);

/* net_arrived(c) - 1 if net_receive() would give something but 0. */
int net_arrived(const struct front_conn *c);

/*
 * net_flow(all) - Let some (all: every one) of the messages arrive and
 * some ends of connections be noticed.  net_cut(who, x), net_heal(who, x);
 * net_reset(who, x) - The connections break.
 */
void net_flow(int all);
void net_cut(int who, int x);
void net_heal(int who, int x);
void net_reset(int who, int x);
void net_free(void);

/* front_idle(f) - 1 if the last gate_next() found nothing. */
int front_idle(const struct front *f);

/* client_work() - What the running broker's connection to the other does. */
void client_work(void);

/* client_ready(fd) - 1 if fd is the client's and would be readable. */
int client_ready(int x, int fd);

/* Disks: what a broker's log leaves behind. */

struct disk *disk_new(int x);
void disk_free(struct disk *d);

/*
 * disk_work(d, all) - Let the writer of the log that is open make a few of
 * its items durable, and give a few back.  disk_ready(d, fd) - fd is the log's
 * and readable.  disk_waiting(d) - Items not given back.
 */
void disk_work(struct disk *d, int all);
int disk_ready(const struct disk *d, int fd);
size_t disk_waiting(const struct disk *d);

/*
 * disk_crash(d) - The broker is about to go: what is not durable comes back
 * as failed, and nothing is stored any more.
 */
void disk_crash(struct disk *d);

/* disk_full(d, full) - There is no room any more, or again. */
void disk_full(struct disk *d, int full);

/*
 * disk_rollback(d) - An older copy of it: how many items are missing.
 * disk_unsettled(d) - Starts of its broker that the other has not seen.
 */
size_t disk_rollback(struct disk *d);
int disk_unsettled(const struct disk *d);
void disk_lose(struct disk *d);

/* disk_compare(a, b) - A violation if they do not hold the same. */
void disk_compare(struct disk *a, struct disk *b);

/* Producers and consumers; each step is one thing they do. */
void producers_reset(void);
void producer_step(int i);
void producer_say(int i, uint64_t n); /* has so many events more */
int producer_done(int i);	      /* all it has said is safe */
void producers_free(void);
void consumers_reset(void);
void consumer_step(int i);
int consumer_done(int i); /* has had all there is */
void consumers_free(void);

/* consumers_had(from, chan, number) - 1 if all have had all up to it. */
int consumers_had(const char *from, uint64_t chan, uint64_t number);

/* producer_last(i) - The highest number producer i has given out. */
uint64_t producer_last(int i);

#endif

/*
 * The proof that a pair of brokers loses nothing: in each round one thing
 * fails, while publishers publish and subscribers subscribe, and is mended
 * again.  The account is kept from outside, from what sg-pub says it was
 * acknowledged and sg-sub has written.
 */
#ifndef SG_GRID_FAILOVER_H
#define SG_GRID_FAILOVER_H

#include <stdint.h>

#include "bus/health.h"

/* What can fail. */
enum failover_kind {
	FAILOVER_KILL,	  /* a broker, by SIGKILL, and is started again */
	FAILOVER_STOP,	  /* a broker hangs (SIGSTOP) and goes on */
	FAILOVER_CUT,	  /* the network between one broker and clients */
	FAILOVER_SPLIT,	  /* the network between the brokers */
	FAILOVER_RESTART, /* a broker, by SIGTERM, and is started again */
	FAILOVER_BOTH,	  /* one by SIGKILL, then the other, too; only if it is
			     asked for, and with disks */
	FAILOVER_KINDS
};

struct failover_options {
	const char *dir;   /* for logs and stores; NULL: one is made, which
			      goes away if nothing failed */
	const char *kinds; /* "kill,stop,cut,split,restart,both"; NULL: all
			      but both */
	int64_t rate;	   /* events a second in all */
	int memory;	   /* brokers that keep nothing on disk */
	uint64_t seed;	   /* the same seed, the same faults */
};

struct failover;

/*
 * failover_open(o, why) - Start brokers, subscribers and publishers; returns
 * when the brokers are in step.  NULL with *why, valid until the next call;
 * errno EINVAL: kinds are wrong.  Children end with the calling thread.
 *
 * failover_round(f) - One fault and its mending: 1, or 0 if the pair has not
 * come back into step within a minute, a program has failed, or a signal asks to
 * leave (app_stop()): then no more rounds make sense.
 * failover_told(f, text, n) - Rounds, events and faults so far, for people.
 *
 * failover_finish(f, h) - Publish no more, wait for what is under way, settle
 * the account, and tell it.
 * failover_close(f) - End all.
 */
struct failover *
failover_open(const struct failover_options *o, const char **why);
int failover_round(struct failover *f);
void failover_told(const struct failover *f, char *text, size_t n);
void failover_finish(struct failover *f, struct health *h);
void failover_close(struct failover *f);

#endif

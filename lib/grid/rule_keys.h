/*
 * The keys that rules keep states by, each with its state and its times, and
 * which of these is next.
 */
#ifndef SG_GRID_RULE_KEYS_H
#define SG_GRID_RULE_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "grid/rule_peer.h"

#define RULE_NEVER INT64_MAX

/* What a key waits for. */
enum rule_alarm {
	RULE_TIMER, /* the time that the rule has set */
	RULE_EVERY, /* the next whole interval */
	RULE_ALARMS
};

struct rule_key {
	uint32_t rule, hash;
	uint32_t n;
	uint32_t refs;		  /* runs planned for it */
	struct rule_state *state; /* never NULL */
	int64_t due[RULE_ALARMS]; /* us, RULE_NEVER: none */
	size_t at[RULE_ALARMS];	  /* place in the heap, if due */
	int64_t again_at;	  /* the time that again is of */
	uint64_t again_in;	  /* and of the inputs that were done */
	uint32_t again;		  /* timers set to the time of their run */
	char text[];
};

/* A heap, the earliest first: by time, rule, key, alarm. */
struct rule_due {
	int64_t t;
	struct rule_key *key;
	enum rule_alarm alarm;
};

/* All-zero is empty. */
struct rule_keys {
	struct rule_key **slot; /* open addressing */
	size_t n, mask;
	struct rule_due *heap;
	size_t nheap, capheap;
	struct rule_peer *peer; /* that knows the states */
};

/* rule_keys_find(k, rule, p, n) - The key, or NULL. */
struct rule_key *rule_keys_find(
    const struct rule_keys *k, uint32_t rule, const char *p, size_t n);

/* rule_keys_add(k, rule, p, n) - A key that is not there yet. */
struct rule_key *
rule_keys_add(struct rule_keys *k, uint32_t rule, const char *p, size_t n);

/* rule_keys_set(k, key, alarm, t) - Set it to t, RULE_NEVER: not at all. */
void rule_keys_set(struct rule_keys *k, struct rule_key *key,
    enum rule_alarm alarm, int64_t t);

/* rule_keys_next(k) - The earliest time there is, or RULE_NEVER. */
static inline int64_t
rule_keys_next(const struct rule_keys *k)
{
	return k->nheap == 0 ? RULE_NEVER : k->heap[0].t;
}

/*
 * rule_keys_sweep(k, keep) - Forget keys that say nothing: no state, no time,
 * no run.  Those of rules with keep[rule] stay.
 */
void rule_keys_sweep(struct rule_keys *k, const unsigned char *keep);

/*
 * rule_key_abandon(key) - Runs given for the key do not count: it gets a
 * new state with the text as it is.  The old one belongs to those runs.
 */
void rule_key_abandon(struct rule_key *key);

/* rule_keys_fini(k) - Also the states; the peer may be gone already. */
void rule_keys_fini(struct rule_keys *k);

#endif

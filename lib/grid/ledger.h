/*
 * The account of a delivery, from outside: which events of numbered sources
 * were acknowledged to their publishers, and what each subscriber was given:
 * nothing acknowledged may be missing, nothing come twice, and nothing after
 * what its source numbered higher.
 */
#ifndef SG_GRID_LEDGER_H
#define SG_GRID_LEDGER_H

#include <stddef.h>
#include <stdint.h>

struct ledger;

/* ledger_new(sources, subscribers) - Each is named by its index from 0. */
struct ledger *ledger_new(size_t sources, size_t subscribers);
void ledger_free(struct ledger *l);

/*
 * ledger_acknowledged(l, source, first, last) - These numbers (from 1) were;
 * saying it again changes nothing.
 */
void ledger_acknowledged(
    struct ledger *l, size_t source, uint64_t first, uint64_t last);

enum ledger_verdict {
	LEDGER_FINE,
	LEDGER_DUPLICATE, /* the subscriber had it */
	LEDGER_DISORDER	  /* it had a higher one of the same source */
};

/* ledger_given(l, subscriber, source, number) - It was, now. */
enum ledger_verdict ledger_given(
    struct ledger *l, size_t subscriber, size_t source, uint64_t number);

/*
 * ledger_forget(l, subscriber) - It has been given nothing: it begins anew.
 */
void ledger_forget(struct ledger *l, size_t subscriber);

/*
 * ledger_missing(l, subscriber, source, after) - The first number above after
 * that was acknowledged and that the subscriber was not given; 0: none.
 */
uint64_t ledger_missing(const struct ledger *l, size_t subscriber,
    size_t source, uint64_t after);

struct ledger_counts {
	uint64_t acknowledged; /* events */
	uint64_t given;	       /* to all subscribers */
	uint64_t missing;      /* by now, of all subscribers */
	uint64_t duplicated, disordered;
};

/* ledger_count(l, counts) */
void ledger_count(const struct ledger *l, struct ledger_counts *counts);

#endif

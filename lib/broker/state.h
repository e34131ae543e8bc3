/*
 * The state environment of a store: the broker's name, its start numbers,
 * the table of runs (logs), last values and kept lines.  Layout:
 * sg-store(5).
 */
#ifndef SG_BROKER_STATE_H
#define SG_BROKER_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "broker/db.h"
#include "broker/log.h"

/* A log as stored. */
struct state_run {
	uint32_t number; /* never used twice in a store */
	uint64_t start;
	uint64_t end; /* its newest event, as far as known */
	char name[65];
};

/* A place as stored. */
struct state_place {
	uint32_t run; /* run number */
	uint64_t n;
};

struct state_counters {
	uint64_t start; /* highest start number given */
	uint32_t run;	/* highest run number given */
};

/*
 * state_open(dir, name) - Open the state, made for the broker name if
 * absent.  NULL with errno (ENOTUNIQ: it belongs to another name).
 */
struct db *state_open(const char *dir, const char *name);

/* state_runs(db, run, counters) - All runs, oldest first; -1 with errno. */
long state_runs(
    struct db *db, struct state_run **run, struct state_counters *counters);

/*
 * state_begin(db, run, n, forget, m, counters) - Store all n runs, delete
 * the m run numbers in forget, store the counters: one transaction.
 */
int state_begin(struct db *db, const struct state_run *run, size_t n,
    const uint32_t *forget, size_t m, const struct state_counters *counters);

/* state_put_run(txn, run) - Store one run. */
int state_put_run(struct db_txn *txn, const struct state_run *run);

/* state_put_last(txn, topic, n, at) - Store a topic's last place. */
int state_put_last(
    struct db_txn *txn, const char *topic, size_t n, struct state_place at);

/*
 * state_put_mark(txn, at, n) - Store the trail the rows are complete up to,
 * n <= TRAIL_MAX.
 */
int state_put_mark(struct db_txn *txn, const struct state_place *at, size_t n);

/* state_put_kept(txn, row, space) - Keep row's line; space is scratch. */
int state_put_kept(
    struct db_txn *txn, const struct log_row *row, struct buf *space);

/* state_keep(txn, row, space) - The same, and the place is forgotten. */
int
state_keep(struct db_txn *txn, const struct log_row *row, struct buf *space);

/* state_forget(txn, topic, n) - Delete a topic's place and kept line. */
int state_forget(struct db_txn *txn, const char *topic, size_t n);

/* state_release(txn, topic, n) - Delete a topic's kept line. */
int state_release(struct db_txn *txn, const char *topic, size_t n);

/*
 * state_mark(db, at) - The mark's places; how many there are (0: no mark),
 * or -1 with errno.
 */
int state_mark(struct db *db, struct state_place at[TRAIL_MAX]);

/*
 * state_walk(db, fn, ctx) - Call fn(ctx, row, at) for each topic:
 * at is NULL if there is no place, row has line, rt and from if one is kept.
 */
int state_walk(struct db *db,
    void (*fn)(void *ctx, struct log_row *row, const struct state_place *at),
    void *ctx);

/* state_kept(db, topic, n, row, space) - As log_kept(). */
int state_kept(struct db *db, const char *topic, size_t n, struct log_row *row,
    struct buf *space);

#endif

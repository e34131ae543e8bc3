/*
 * Lines that are judged together, by one thread of a pool (base/pool.h).
 */
#ifndef SG_TRUST_JUDGE_BATCH_H
#define SG_TRUST_JUDGE_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "trust/finding.h"
#include "trust/judge.h"

/* Full with either: lines, signatures, bytes before the last line. */
enum {
	JUDGE_BATCH_LINES = 1024,
	JUDGE_BATCH_SIGNED = 64,
	JUDGE_BATCH_BYTES = 262144
};

struct judge_entry {
	size_t at, n; /* in the batch's lines */
	const char *file;
	uint64_t number;
	struct judged judged;
};

/* All-zero with a judge is valid and empty. */
struct judge_batch {
	const struct judge *judge;
	struct buf lines;
	struct judge_space space;
	struct judge_entry *entry;
	size_t n, cap;
	size_t signs; /* lines that seem to have a signature */
};

/*
 * judge_batch_add(b, p, n, file, number) - Copy a line, borrow the file's
 * name: 1 if the batch is full now, else 0.
 * judge_batch_run(b) - Judge them: a struct judge_batch, for pool_new().
 * judge_batch_clear(b) - Forget them, keep the memory.
 */
int judge_batch_add(struct judge_batch *b, const char *p, size_t n,
    const char *file, uint64_t number);
void judge_batch_run(void *b);
void judge_batch_clear(struct judge_batch *b);
void judge_batch_fini(struct judge_batch *b);

/*
 * judge_batch_place(b, x) - Where an entry that has been judged came from;
 * valid until the batch is changed.
 */
struct finding_place
judge_batch_place(const struct judge_batch *b, const struct judge_entry *x);

#endif

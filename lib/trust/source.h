/*
 * One source as a verifier knows it: which of its numbers have come, its
 * chain of seals and the next one that is due, the lines that wait for a
 * seal, the seal that waits for its lines.  A line is good once its own
 * signature holds, or it fits a seal or a proof that does, and its number is
 * new.  What comes out of a call goes to the sink before it returns, in the
 * order in which it is to be written.
 */
#ifndef SG_TRUST_SOURCE_H
#define SG_TRUST_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "trust/batch.h"
#include "trust/finding.h"
#include "trust/judge.h"
#include "trust/pending.h"
#include "trust/sequence.h"

/*
 * pass - A good line.  drop - One that is not, and why.  find - What is wrong
 * but for a line that is dropped.  prove - The wanted line, which passes too,
 * and a line that proves it.  All arguments are borrowed for the call, which
 * must not come back to the source.
 */
struct source_sink {
	void *arg;
	void (*pass)(
	    void *arg, const struct finding_place *at, const char *p, size_t n);
	void (*drop)(
	    void *arg, const struct finding *f, const char *p, size_t n);
	void (*find)(void *arg, const struct finding *f);
	void (*prove)(
	    void *arg, const char *p, size_t n, const struct buf *proof);
};

/* The event that is to be proven; src NULL: none. */
struct source_wish {
	char *src;
	int64_t ep, seq;
	int done;
};

/* What all sources of one verifier share. */
struct source_room {
	const struct source_sink *sink;
	struct judge judge;
	struct source_wish wish;
	int64_t hold;	/* a seal or a line is waited for so long */
	int live;	/* silence is found, too */
	int partial;	/* missing numbers are no gaps */
	int64_t now;	/* of the monotonic clock */
	size_t pending; /* bytes that wait, and strangers with them */
	struct sign_space space;
};

/* A seal that waits for its events. */
struct source_seal {
	int set;
	struct batch_seal *seal; /* NULL: there was none yet */
	struct buf line;
	const struct cert *cert;
	int64_t since;
	const char *file;
	uint64_t number;
};

enum { SOURCE_SEEN = 16 };

/* All-zero with a name is a source of which nothing is known. */
struct source {
	struct source *next; /* sources.h */
	char *name;
	int known; /* it signed something */
	struct sequence sequence;
	int64_t gap_since; /* 0: no gap that was not told */
	/* Its chain of seals. */
	int chained, sealed; /* last is set; it has sealed something */
	unsigned char last[TREE_HASH], seen[SOURCE_SEEN][TREE_HASH];
	size_t seals; /* of which the last SOURCE_SEEN are in seen */
	int64_t seal_ep, seal_next;
	int64_t every, heard; /* 0: no sign of life is promised */
	int silent;
	struct pending pending;
	int charged; /* its own memory is counted with what waits, too */
	struct source_seal wait;
};

/*
 * source_event(q, room, x, at, p, n) - Take a JUDGE_EVENT.
 * source_seal(q, room, x, at, p, n) - Take a JUDGE_SEAL: try it on what waits,
 * or wait for what is missing.
 * source_proof(q, room, at, p, n) - Take a JUDGE_PROOF, of an event that waits.
 *
 * source_wants(q, room, x, at, p, n) - 1 if a JUDGE_LEAF may wait for a seal;
 * 0 if it is dropped, because its number has come before.
 * source_hold(q, room, x, at, p, n) - It waits, after source_wants().
 */
void
source_event(struct source *q, struct source_room *room, const struct judged *x,
    const struct finding_place *at, const char *p, size_t n);
void
source_seal(struct source *q, struct source_room *room, const struct judged *x,
    const struct finding_place *at, const char *p, size_t n);
void source_proof(struct source *q, struct source_room *room,
    const struct finding_place *at, const char *p, size_t n);
int
source_wants(struct source *q, struct source_room *room, const struct judged *x,
    const struct finding_place *at, const char *p, size_t n);
void
source_hold(struct source *q, struct source_room *room, const struct judged *x,
    const struct finding_place *at, const char *p, size_t n);

/*
 * source_expire(q, room, n) - Drop the first n lines that wait.
 * source_tick(q, room) - Let go what has waited longer than room->hold, find
 * gaps of that age, and silence.
 * source_end(q, room) - Nothing more will come: let go all that waits, find
 * all gaps.
 */
void source_expire(struct source *q, struct source_room *room, size_t n);
void source_tick(struct source *q, struct source_room *room);
void source_end(struct source *q, struct source_room *room);
void source_free(struct source *q);

/*
 * source_wish_read(wish, text) - Take SRC/EP/SEQ, where SRC may have slashes.
 * 0, or -1.  wish->src is the caller's to free.
 */
int source_wish_read(struct source_wish *wish, const char *text);

#endif

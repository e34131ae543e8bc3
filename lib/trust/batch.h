/*
 * Many events under one signature: a seal is a signed event that carries the
 * root of a tree (RFC 9162) whose leaves are the canonical forms of events
 * with consecutive seq; a proof ties one of them to its seal.
 *
 *  {"topic":"STATUS/SEAL/SRC","t":T,"d":{"ep":E,"first":F,"n":N,"root":B,
 *   "prev":B,"every":S,"hint":B},"src":SRC,"kid":K,"sig":J}
 *
 * of the events F to F + N - 1 of epoch E.  N may be 0: a sign of life, which
 * says that F comes next.  prev is the id of the seal before (absent in the
 * first one), every the seconds until another is due (absent: nothing is
 * promised), hint the first 4 bytes of each leaf, which show what was altered
 * where not all of the leaves are there.
 *
 *  {"topic":"STATUS/PROOF/SRC","t":T,"d":{"ep":E,"seq":Q,"path":[B,...],
 *   "seal":{...}},"src":SRC}
 *
 * follows the event that it proves; seal is the whole line of the seal.  B is
 * base64url.
 */
#ifndef SG_TRUST_BATCH_H
#define SG_TRUST_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "event/canon.h"
#include "event/event.h"
#include "trust/tree.h"

enum { BATCH_MAX = 1024, BATCH_HINT = 4 };

struct batch_seal {
	int64_t ep, first, n;
	int64_t every; /* microseconds; 0: nothing is promised */
	unsigned char root[TREE_HASH], prev[TREE_HASH];
	int has_prev, has_hint;
	unsigned char hint[BATCH_MAX][BATCH_HINT];
};

/* batch_topic(topic, n, kind) - 1 if the topic is one of that kind. */
enum batch_kind { BATCH_SEAL, BATCH_PROOF };
int batch_topic(const char *topic, size_t n, enum batch_kind kind);

/*
 * batch_make(seal, leaf, n) - Set n, root and hint for the leaves, at most
 * BATCH_MAX of them.
 */
void batch_make(
    struct batch_seal *seal, const unsigned char (*leaf)[TREE_HASH], size_t n);

/*
 * batch_seal_add(b, seal, src, t) - Append the event line without kid and
 * sig; src needs no escapes, t is in microseconds.
 * batch_seal_read(seal, e, why) - Take a scanned seal apart; its signature
 * is not looked at.  0, or -1 with *why (constant).
 * batch_seal_id(c, p, n, id, why) - What prev of the next one is: SHA-256 of
 * the canonical form of the seal's line.  0, or -1 with *why (constant).
 */
void batch_seal_add(
    struct buf *b, const struct batch_seal *seal, const char *src, int64_t t);
int batch_seal_read(
    struct batch_seal *seal, const struct event *e, const char **why);
int batch_seal_id(struct canon *c, const char *p, size_t n,
    unsigned char id[TREE_HASH], const char **why);

struct batch_proof {
	int64_t ep, seq;
	const char *seal; /* the seal's line; borrowed from the event's */
	size_t seal_n;
	size_t hashes;
	unsigned char path[TREE_PROOF_MAX][TREE_HASH];
};

/*
 * batch_proof_add(b, proof, src, t) - Append the line.
 * batch_proof_read(proof, e, why) - Take a scanned one apart.  0, or -1 with
 * *why (constant).
 * batch_proves(proof, seal, leaf) - 1 if the leaf is the event of that seal
 * that the proof is of.
 */
void batch_proof_add(
    struct buf *b, const struct batch_proof *proof, const char *src, int64_t t);
int batch_proof_read(
    struct batch_proof *proof, const struct event *e, const char **why);
int batch_proves(const struct batch_proof *proof, const struct batch_seal *seal,
    const unsigned char leaf[TREE_HASH]);

#endif

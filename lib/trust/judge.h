/*
 * The judging of one event line at a moment, by itself: what it is, whose,
 * and whether its own signature holds.  Thread-safe with a space for each
 * thread; what other lines say of it is source.h's.
 */
#ifndef SG_TRUST_JUDGE_H
#define SG_TRUST_JUDGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "trust/batch.h"
#include "trust/keyring.h"
#include "trust/sign.h"
#include "trust/verdict.h"

struct judge {
	const struct keyring *ring;
	int64_t at; /* microseconds, or INT64_MIN: as of a line's rt, or t */
};

/* The memory of one thread, and the texts of what it judged. */
struct judge_space {
	struct sign_space sign;
	struct buf text;
};

enum judge_kind {
	JUDGE_NOTHING, /* not good: verdict and reason say why */
	JUDGE_EVENT,   /* with a signature that holds */
	JUDGE_SEAL,    /* with a signature that holds; not read yet */
	JUDGE_LEAF,    /* unsigned, maybe under a seal */
	JUDGE_PROOF    /* of an event; nothing in it is checked yet */
};

struct judged {
	enum judge_kind kind;
	enum verdict verdict;	       /* good for all kinds but the first */
	int64_t ep, seq;	       /* 0: has none */
	size_t src, why;	       /* in the space's text; 0: none */
	size_t topic_at, topic_n;      /* in a leaf; n 0: it has escapes */
	const struct cert *cert;       /* the signer's; the ring's */
	unsigned char leaf[TREE_HASH]; /* of a seal: its id */
};

/*
 * judge_line(j, space, p, n, x) - Judge p[0..n).
 * judge_src(space, x) - Its src, NULL if it has none.  judge_why(space, x) -
 * The reason of JUDGE_NOTHING.  Both are valid until the next judge_line()
 * with that space, or judge_space_clear(), which forgets them all.
 */
void judge_line(const struct judge *j, struct judge_space *space, const char *p,
    size_t n, struct judged *x);
const char *judge_src(const struct judge_space *space, const struct judged *x);
const char *judge_why(const struct judge_space *space, const struct judged *x);
void judge_space_clear(struct judge_space *space);
void judge_space_fini(struct judge_space *space);

/*
 * judge_proof(j, space, e, proof, seal, cert, why) - Take a scanned proof
 * apart: VERDICT_GOOD if the seal in it is signed by the proof's src, whose
 * certificate *cert then is; otherwise *why (valid until space is used
 * again).  Which event it is of is not looked at.
 */
enum verdict judge_proof(const struct judge *j, struct sign_space *space,
    const struct event *e, struct batch_proof *proof, struct batch_seal *seal,
    const struct cert **cert, const char **why);

#endif

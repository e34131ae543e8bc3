/*
 * Where a source's chain of seals ends: a small file beside its counter, so
 * that the first seal of a run names the last one of the run before.
 */
#ifndef SG_TRUST_CHAIN_H
#define SG_TRUST_CHAIN_H

#include <stdint.h>

#include "event/ident.h"
#include "trust/tree.h"

struct chain {
	int fd;		       /* -1: not kept */
	int64_t ep, next;      /* what the last seal said; 0: there is none */
	unsigned char id[TREE_HASH]; /* of the last seal */
};

/*
 * chain_open(c, ident, dir, src) - The chain of src, whose file lies in dir
 * (made if it is absent).  If the counter goes on in an epoch of which the
 * chain does not know the end, that epoch is over: ident, open in identdir,
 * gets a new one.  One process has the file, others keep none.  0, or -1 with
 * errno.
 */
int chain_open(struct chain *c, struct ident *ident, const char *identdir,
    const char *dir, const char *src);

/*
 * chain_put(c, ep, next, id) - The last seal is this one now; told to the
 * kernel, not to the disk.  0, or -1 with errno.
 */
int chain_put(struct chain *c, int64_t ep, int64_t next,
    const unsigned char id[TREE_HASH]);
void chain_close(struct chain *c);

#endif

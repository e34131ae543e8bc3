/*
 * The body of an answer to a fetch: pieces of frames in memory as they are,
 * small pieces and lines from disk gathered by copying.
 */
#ifndef SG_BROKER_ANSWER_H
#define SG_BROKER_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "broker/gate.h"
#include "broker/store.h"

struct answer {
	struct front_piece *v;
	size_t n, cap;
	uint64_t events;
	size_t bytes;
	struct blob *open; /* of the last piece, if it can still grow */
	struct buf meta;   /* elements of the "meta" array */
	uint64_t run_n;	   /* of the meta element being counted */
	struct log_place run_end;
	struct buf run; /* its tail: ,RT,FROM,LOG,POS] or with ids */
};

enum { ANSWER_META_MAX = 49152 }; /* a header has 64 KiB at most */

/*
 * answer_meta_full(a) - 1 if the header may have no room for a further
 * element of meta.
 */
int answer_meta_full(const struct answer *a);

/*
 * answer_add(a, blob, p, n, events) - Append whole lines.  blob is where
 * they lie (referenced if that is cheaper than a copy), NULL: copy.
 */
void answer_add(struct answer *a, struct blob *blob, const char *p, size_t n,
    uint64_t events);

/*
 * answer_meta(a, head, store, before, ids) - The line just added is event
 * before.n + 1 of log before.run, from that frame; with ids its channel and
 * number there are told.  answer_meta_end(a) completes a->meta.
 */
void answer_meta(struct answer *a, const struct frame_head *head,
    const struct store *store, struct log_place before, int ids);

void answer_meta_end(struct answer *a);

/* answer_send(a, gate, route, header) - Send both and free both. */
void answer_send(struct answer *a, struct gate *gate,
    const struct front_route *route, struct buf *header);

void answer_fini(struct answer *a);

#endif

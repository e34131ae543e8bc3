/*
 * The unsigned lines of one source that wait for their seal, in the order in
 * which they came.  How many may wait is the caller's to bound, by n and by
 * pending_cost().
 */
#ifndef SG_TRUST_PENDING_H
#define SG_TRUST_PENDING_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "trust/batch.h"

struct pending_line {
	size_t at, n; /* in the text */
	const char *file;
	uint64_t number;
	int64_t ep, seq, since;
	size_t topic_at, topic_n; /* in the line; n 0: it has escapes */
	int done;		  /* waits no more: the next sweep has it */
};

enum { PENDING_MIN = 4 }; /* lines that there is room for at least */

/* All-zero is valid and empty. */
struct pending {
	struct buf text;
	struct pending_line *line;
	unsigned char (*leaf)[TREE_HASH]; /* of line[i] */
	size_t n, cap;
};

/*
 * pending_add(h, line, p, leaf) - Copy the line p[0..line->n); line->at is set
 * here.  pending_text(h, line) - Its bytes.  Both pointers into h are valid
 * until the next pending_add() or pending_sweep().
 */
void pending_add(struct pending *h, const struct pending_line *line,
    const char *p, const unsigned char leaf[TREE_HASH]);
const char *
pending_text(const struct pending *h, const struct pending_line *line);

/*
 * pending_cost(line) - The bytes of memory that it takes.
 * pending_sweep(h) - Remove those that are done; the sum of their costs.
 */
size_t pending_cost(const struct pending_line *line);
size_t pending_sweep(struct pending *h);

/*
 * pending_find(h, ep, seq) - The first of that number, or NULL.
 * pending_lowest(h, ep, first, end) - The lowest seq from first to below end,
 * or end.
 * pending_row(h, seal) - Where all of a seal's events are in a row and fit its
 * root, and no other claims one of their numbers or an earlier one after
 * them; n if they are not.
 */
struct pending_line *pending_find(struct pending *h, int64_t ep, int64_t seq);
int64_t
pending_lowest(const struct pending *h, int64_t ep, int64_t first, int64_t end);
size_t pending_row(const struct pending *h, const struct batch_seal *seal);
void pending_fini(struct pending *h);

#endif

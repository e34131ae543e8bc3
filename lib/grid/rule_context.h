/*
 * Files that tell rules what they have to know, rule_set.h.
 */
#ifndef SG_GRID_RULE_CONTEXT_H
#define SG_GRID_RULE_CONTEXT_H

#include <stddef.h>

#include "base/buf.h"
#include "grid/constant.h"
#include "grid/rule_file.h"

/* One file: a JSON object, or one member of a table's rows. */
struct rule_context {
	const char *path; /* borrowed */
	struct constant c;
};

/*
 * rule_context_open(x, spec, why) - FILE.json or NAME=FILE.csv[:COLUMN]; x is
 * all-zero.  0, or -1 with a line added to why.
 * rule_context_parse(x, path, p, n, why) - The same for a JSON text.
 */
int
rule_context_open(struct rule_context *x, const char *spec, struct buf *why);
int rule_context_parse(struct rule_context *x, const char *path, const char *p,
    size_t n, struct buf *why);
void rule_context_fini(struct rule_context *x);

/*
 * rule_context_for(x, n, r, out, why) - Append what rule r has to know, from
 * files x[0..n), as a JSON object to out.  0, or -1 with a line for each fault
 * added to why.
 */
int rule_context_for(const struct rule_context *x, size_t n,
    const struct rule_file *r, struct buf *out, struct buf *why);

#endif

/*
 * What becomes of a rule's text before libjq sees it, and of libjq's messages
 * before the user sees them.
 */
#ifndef SG_GRID_RULE_SOURCE_H
#define SG_GRID_RULE_SOURCE_H

#include <stddef.h>

#include "base/buf.h"
#include "grid/rule_peer.h"

/* Variables that have another value in each run, in the order of the input. */
enum rule_variable {
	RULE_STATE,
	RULE_NOW,
	RULE_KEY,
	RULE_CAPTURES,
	RULE_VARIABLES
};

/* rule_variable_name(v) - "state", ... */
const char *rule_variable_name(enum rule_variable v);

/*
 * rule_source_wrap(s, b) - The program to compile, which has the same lines:
 * its input is the event alone if it uses none of these variables, else an
 * array of the event and those that it uses.  Their bits, 1u << v.
 */
unsigned rule_source_wrap(const struct rule_source *s, struct buf *b);

/*
 * rule_source_said(s, said, n, why) - Turn a message of libjq's compiler into
 * a line "FILE:LINE: what\n", appended to why.
 */
void rule_source_said(const struct rule_source *s, const char *said, size_t n,
    struct buf *why);

/*
 * rule_source_harmless(s, listing, n, why) - Rules give the same for the same
 * events, and touch nothing but their outputs: look through the listing of
 * the compiled program (also of what it includes) for builtins that read the
 * clock, input or files, write, or end the program.  1, or 0 with a line in
 * why.
 */
int rule_source_harmless(const struct rule_source *s, const char *listing,
    size_t n, struct buf *why);

#endif

/*
 * The rules of one engine, each with the context it asked for, and the
 * knowledge that all may read.  Logic and context are files of their own: the
 * same rule told something else behaves otherwise.
 */
#ifndef SG_GRID_RULE_SET_H
#define SG_GRID_RULE_SET_H

#include <stddef.h>

#include "base/buf.h"
#include "grid/rule_file.h"

/* What rule_set_open() reads; borrowed. */
struct rule_paths {
	const char *const *rules;
	size_t nrules;
	const char *const *contexts; /* FILE.json, NAME=FILE.csv[:COLUMN] */
	size_t ncontexts;
	const char *knowledge; /* FILE.json or NULL */
};

struct rule_set {
	struct rule_file *files;
	struct buf *contexts; /* of each: a JSON object */
	size_t n;
	struct buf knowledge; /* a JSON object */
};

/*
 * rule_set_open(set, paths, why) - Read all.  0, or -1 with lines
 * "FILE:LINE: what is wrong\n" (FILE: alone where no line is to blame).
 *
 * A context is an object.  Its member that is called as a rule (file name
 * without .jq) and is an object is for this rule alone; any other member is
 * for every rule that names it.  Later contexts win.  NAME=FILE.csv makes
 * member NAME of the table's rows by the text in COLUMN (the first): an object
 * of objects, in which cells that are JSON numbers are numbers and empty ones
 * null.  What a rule names is checked for its type; a number is taken to be
 * in the rule's unit, or says its own, {"v":40,"u":"kW"}, also inside an
 * object or array.
 */
int rule_set_open(
    struct rule_set *set, const struct rule_paths *paths, struct buf *why);
void rule_set_fini(struct rule_set *set);

#endif

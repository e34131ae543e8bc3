/*
 * The head of a jq program: its module directive and what it includes and
 * imports, which have to stand before everything else.
 */
#ifndef SG_GRID_RULE_HEAD_H
#define SG_GRID_RULE_HEAD_H

#include <stddef.h>

/* Places in the text. */
struct rule_head {
	size_t meta, meta_n; /* the object after "module"; meta_n 0: none */
	size_t body;	     /* behind the last ';' of the head */
};

/*
 * rule_head(h, text, n, at, why) - Find them.  The metadata has to be JSON
 * text (json_check()), which is less than jq allows.  0, or -1 with *why and
 * *at, the place of the fault.
 */
int rule_head(struct rule_head *h, const char *text, size_t n, size_t *at,
    const char **why);

/* rule_line(text, at) - The number of the line in which place at is, from 1. */
size_t rule_line(const char *text, size_t at);

/*
 * rule_mentions(text, n, name) - 1 if the program may use the variable $name
 * (it may err in that direction, as for one in a comment), else 0.
 */
int rule_mentions(const char *text, size_t n, const char *name);

#endif

/*
 * What one run of a rule puts out, value by value, on its way into a reply.
 * Known to the modules that run rules only.
 */
#ifndef SG_GRID_RULE_EMIT_PART_H
#define SG_GRID_RULE_EMIT_PART_H

#include "grid/rule_output.h"
#include "grid/rule_value_part.h"

enum { RULE_SAID_MAX = 480 /* bytes of a fault's text */ };

struct rule_emission {
	struct rule_heap *heap;
	const struct rule_plan *plan;
	const struct rule_ask *ask;
	const char *rule; /* its name */
	jv event;	  /* the run's input */
	jv state;	  /* the one put out */
	int sets;	  /* one was */
	size_t at, texts; /* where reply and texts begin in w.b */
	unsigned outputs;
	struct rule_writer w;
	struct rule_reply reply;
	char why[RULE_SAID_MAX]; /* the first fault; then nothing else counts */
};

/*
 * rule_emit_begin(e, out) - Begin a reply; heap, plan, ask, rule are set.
 * rule_emit(e, v) - Take an output (borrowed).  0, or -1 if it is none that a
 * rule may make, with e->why.
 * rule_emit_why(e, v) - Take what is for --explain only.
 * rule_emit_fail(e, fmt, ...) - The run has failed; -1.
 * rule_emit_end(e) - Complete the reply, and put the next state in its slot.
 */
void rule_emit_begin(struct rule_emission *e, struct buf *out);
int rule_emit(struct rule_emission *e, jv v);
int rule_emit_why(struct rule_emission *e, jv v);
int rule_emit_fail(struct rule_emission *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void rule_emit_end(struct rule_emission *e);

#endif

/*
 * Rules as libjq runs them.  For use in a process of its own: libjq may eat
 * any time and memory, and ends the process when there is no more.
 *
 * The environment that programs see is empty, local time is UTC unless the
 * process's zone says otherwise, and debug goes to the texts of $why.  What
 * else would make a rule depend on more than its inputs is refused.
 */
#ifndef SG_GRID_RULE_PROGRAM_H
#define SG_GRID_RULE_PROGRAM_H

#include <stddef.h>

#include "base/buf.h"
#include "grid/rule_peer.h"
#include "grid/rule_wire.h"

/* What all programs share: states by slot, and strings met before. */
struct rule_heap;

/*
 * rule_heap_new(out_of_memory) - It is called, and does not return, when
 * libjq gets no memory.  rule_heap_drop(h, slot) - Forget that state.
 */
struct rule_heap *rule_heap_new(void (*out_of_memory)(void *));
void rule_heap_drop(struct rule_heap *h, uint32_t slot);
void rule_heap_free(struct rule_heap *h);

struct rule_program;

/*
 * rule_program_new(plan, k, h, why) - Compile rule k of the plan: NULL with
 * lines "FILE:LINE: what\n" appended to why if it is wrong.  The plan is
 * borrowed as long as the program lives.
 */
struct rule_program *rule_program_new(const struct rule_plan *plan, size_t k,
    struct rule_heap *h, struct buf *why);
void rule_program_free(struct rule_program *p);

/*
 * rule_program_run(p, a, out) - Run it and append the reply.  The heap's slot
 * a->slot has the state, or a->state becomes it first; the next one is put
 * there if all went well.
 */
void rule_program_run(
    struct rule_program *p, const struct rule_ask *a, struct buf *out);

#endif

/*
 * The process that runs rules: it takes runs from a socket and writes replies
 * to it until that is closed.
 */
#ifndef SG_GRID_RULE_WORKER_H
#define SG_GRID_RULE_WORKER_H

#include <stddef.h>
#include <stdint.h>

#include "grid/rule_program.h"

/* How a worker ends by itself. */
enum {
	RULE_WORKER_ENDED = 0,	 /* the socket was closed */
	RULE_WORKER_STOPPED = 3, /* a run took too long: the reply says so */
	RULE_WORKER_MEMORY = 4,	 /* there was no more of it */
	RULE_WORKER_CONFUSED = 5 /* what came was no run */
};

/*
 * rule_worker_memory(unused) - What rule_heap_new() is to call.
 *
 * rule_worker_serve(fd, program, n, heap, time) - Run them.  A run that uses
 * more than time (us) of the processor, not counting the system's, ends the
 * process: what others run or how short memory is does not matter.  Returns one of the above.
 */
void rule_worker_memory(void *unused) __attribute__((noreturn));
int rule_worker_serve(int fd, struct rule_program *const *program, size_t n,
    struct rule_heap *heap, int64_t time);

#endif

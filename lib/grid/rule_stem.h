/*
 * The process that workers come from: it compiles the rules once, and each
 * worker is a copy of it, so that a new one is there at once.  It ends with
 * the program that started it, and its worker with it.
 */
#ifndef SG_GRID_RULE_STEM_H
#define SG_GRID_RULE_STEM_H

#include <sys/types.h>

#include "base/buf.h"
#include "grid/rule_peer.h"

struct rule_stem {
	pid_t pid;   /* 0: none */
	int control; /* -1: none */
};

/*
 * rule_stem_open(s, plan, why) - Start it and wait until the rules are
 * compiled: 0; -1 as rule_peer_open() says.  All figures of the plan are set.
 *
 * rule_stem_worker(s, fd, status) - End its worker, if there is one, and
 * start another.  *fd is a non-blocking socket to that, *status how the last
 * one ended, as waitpid(2) has it (0 without one).  0, or -1 with errno.
 *
 * rule_stem_why(status, memory, why) - Append in words why one has ended.
 * rule_stem_stopped(status) - 1 if it was for a run that took too long, of
 * which its reply told.
 *
 * rule_stem_close(s) - End it and its worker.
 */
int rule_stem_open(
    struct rule_stem *s, const struct rule_plan *plan, struct buf *why);
int rule_stem_worker(struct rule_stem *s, int *fd, int *status);
void rule_stem_why(int status, size_t memory, struct buf *why);
int rule_stem_stopped(int status);
void rule_stem_close(struct rule_stem *s);

#endif

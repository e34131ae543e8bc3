/* Programs that stand in for rules, together. */
#ifndef SG_GRID_PROGRAMS_H
#define SG_GRID_PROGRAMS_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "event/event.h"
#include "grid/program.h"

/* All-zero is none. */
struct programs {
	struct program **v;
	size_t n;
	struct pollfd *fds;
};

/* programs_add(ps, command, topics) - As program_new(). */
void programs_add(
    struct programs *ps, const char *command, struct topic_set *topics);

/*
 * programs_give(ps, e) - An event, to those that want it.
 * programs_give_all(ps, p, n) - A line, to all.
 */
void programs_give(struct programs *ps, const struct event *e);
void programs_give_all(struct programs *ps, const char *p, size_t n);

/* programs_full(ps) - 1 if one of them should take something first. */
int programs_full(const struct programs *ps);

/*
 * programs_wait(ps, fds, wait) - Until program_work() may do something, one of
 * the caller's two fds is ready, or wait us are over (-1: never): as ppoll().
 */
int programs_wait(struct programs *ps, struct pollfd fds[2], int64_t wait);

/*
 * programs_end(ps) - Nothing more comes.  programs_done(ps) - 1 if all have
 * ended and all they wrote was read.
 */
void programs_end(struct programs *ps);
int programs_done(const struct programs *ps);

/* programs_fini(ps) - End those that run, by SIGKILL. */
void programs_fini(struct programs *ps);

#endif

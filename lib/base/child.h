/*
 * A program that we have started and that ends when we do, with pipes to it.
 */
#ifndef SG_BASE_CHILD_H
#define SG_BASE_CHILD_H

#include <sys/types.h>

/* Pipes; what is not asked for is /dev/null, or closed. */
enum {
	CHILD_IN = 1,  /* to its standard input */
	CHILD_OUT = 2, /* from its standard output */
	CHILD_SAY = 4  /* from its descriptor CHILD_SAY_FD */
};
enum { CHILD_SAY_FD = 3 };

struct child {
	pid_t pid; /* 0: none runs */
	int in, out, say; /* ours, non-blocking; -1: none */
	int status;	  /* as the shell has it, once it has ended */
};

/*
 * child_init(c) - None runs.
 *
 * child_start(c, argv, pipes, log) - Run argv[0] (a path) with signals at
 * their defaults; what it says on standard error is appended to the file log,
 * or goes where ours does if that is NULL.  It gets SIGKILL when the calling
 * thread ends.  0, or -1 with errno.
 */
void child_init(struct child *c);
int child_start(struct child *c, const char *const *argv, int pipes,
    const char *log);

/*
 * child_ended(c) - 1 if it has ended, with c->status; 0 while it runs.
 * child_wait(c) - Wait for that.
 */
int child_ended(struct child *c);
void child_wait(struct child *c);

/* child_close(c) - End it by SIGKILL if it runs, close the pipes. */
void child_close(struct child *c);

#endif

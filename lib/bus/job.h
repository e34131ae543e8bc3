/*
 * One batch of lines given to one run of a command: gathered in a file
 * without a name, which becomes the command's standard input.  So a command
 * sees a whole batch or is not started.
 */
#ifndef SG_BUS_JOB_H
#define SG_BUS_JOB_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bus/wire.h"

struct job {
	int fd; /* of the lines, -1 if none */
	int64_t bytes;
	uint64_t lines; /* the caller's count */
	pid_t pid;	/* of the running command, or 0 */
	int pidfd;
};

/* job_init(j) - An empty batch. */
void job_init(struct job *j);

/*
 * job_write(j, p, n) - Add bytes to the batch, in a file in $TMPDIR (else
 * /tmp).  0, or -1 with errno.
 */
int job_write(struct job *j, const void *p, size_t n);

/*
 * job_start(j, command, from, to) - Run "sh -c COMMAND" with the lines as
 * standard input and SG_FROM and SG_TO, the positions before and after them
 * as JSON, in its environment; in a process group of its own.  0 with
 * j->pidfd, readable when it has ended, or -1 with errno.
 */
int job_start(struct job *j, const char *command,
    const struct wire_cursor *from, const struct wire_cursor *to);

/* job_signal(j, number) - Send a signal to the command's process group. */
void job_signal(const struct job *j, int number);

/*
 * job_end(j) - Wait for the command; the batch is empty again.  Its exit
 * status, or 128 and the number of the signal that ended it; -1 with errno.
 */
int job_end(struct job *j);

/* job_fini(j) - Forget the batch; a command that runs goes on. */
void job_fini(struct job *j);

#endif

/*
 * A program that stands in for a rule: event lines go to its standard input,
 * and lines that come from its standard output are results.
 */
#ifndef SG_GRID_PROGRAM_H
#define SG_GRID_PROGRAM_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "event/topic.h"

struct program;

/*
 * program_new(command, topics) - A shell command, not yet started; command is
 * borrowed, the topics are taken (none: it wants all).
 */
struct program *program_new(const char *command, struct topic_set *topics);

/* program_free(p) - Ends it by SIGKILL if it runs. */
void program_free(struct program *p);
const char *program_command(const struct program *p);

/* program_wants(p, topic, n) - 1 if events of the topic are for it. */
int program_wants(const struct program *p, const char *topic, size_t n);

/*
 * program_give(p, line, n) - A line for it, which may wait here.
 * program_full(p) - 1 if it should take some first (program_work()).
 */
void program_give(struct program *p, const char *line, size_t n);
int program_full(const struct program *p);

enum program_news {
	PROGRAM_FAILED = -1, /* it cannot be started: errno */
	PROGRAM_RUNS = 0,
	PROGRAM_ENDED = 1 /* by itself; program_status() */
};

/*
 * program_work(p, now) - Start it if something waits for it, at most once a
 * second; write and read what can be without waiting.  now as date_mono().
 *
 * program_poll(p, fds) - What to wait for until it should be called again:
 * fills two places (fd -1: nothing).  program_wait() is the time after which it
 * is to be called in any case, us, or -1.
 */
enum program_news program_work(struct program *p, int64_t now);
void program_poll(const struct program *p, struct pollfd *fds);
int64_t program_wait(const struct program *p, int64_t now);

/* program_status(p) - How it ended, as the shell has it. */
int program_status(const struct program *p);

/*
 * program_next(p, line, n) - The next line that it has written, without the
 * newline: 1, valid until the next program_work(), or 0; -1 for one longer
 * than EVENT_LINE_MAX, which is skipped.
 */
int program_next(struct program *p, const char **line, size_t *n);

/*
 * program_end(p) - Nothing more comes: its input is closed once all is
 * written.  program_done(p) - 1 if it has then ended and all of its output was
 * read.
 */
void program_end(struct program *p);
int program_done(const struct program *p);

#endif

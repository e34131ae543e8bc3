/*
 * What stands between a command and the device: every program that acts on
 * COMMAND or DR/REQUEST events asks this guard first.  It refuses what is
 * late, ahead of its time, malformed, or was given before (same id, or a
 * sequence number of its source that is not above the last), also across
 * restarts.
 */
#ifndef SG_EVENT_COMMAND_H
#define SG_EVENT_COMMAND_H

#include <stddef.h>
#include <stdint.h>

#include "event/event.h"

struct command_guard;

enum command_verdict {	       /* zero refuses */
	COMMAND_MALFORMED = 0, /* no id, no ttl, no src or seq, ... */
	COMMAND_LATE,	       /* t + ttl has passed: "expired" */
	COMMAND_EARLY,	       /* t is more than 30 s ahead */
	COMMAND_REPEATED,      /* id or (src, ep, seq) seen before */
	COMMAND_FULL,	       /* cannot be remembered: not executed */
	COMMAND_FRESH,	       /* act on it */
	COMMAND_OTHER	       /* not a command or request */
};

/*
 * command_open(path, why) - The guard whose memory is the file at path
 * (created 0600; NULL: this process only).  NULL with *why if it cannot be
 * read or locked (one process has it), or is damaged.
 */
struct command_guard *command_open(const char *path, const char **why);

/*
 * command_check(g, e, now, why) - May e be acted on at now (microseconds)?
 * COMMAND_FRESH is remembered, durably, before this returns, so that a crash
 * leads to "not executed", never to "executed twice"; an id is kept until
 * its t + ttl (+ 60 s) has passed.  *why is constant, for all but FRESH and
 * OTHER.
 */
enum command_verdict command_check(struct command_guard *g,
    const struct event *e, int64_t now, const char **why);

/* command_close(g) - 0, or -1 with errno. */
int command_close(struct command_guard *g);

#endif

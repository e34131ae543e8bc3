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

/*
 * What is remembered at most; an id is forgotten COMMAND_KEEP seconds after
 * its command's end.  The last number of a source (of each of its epochs) is
 * kept beyond that, as long as sources are fewer than half their limit, so
 * that a command that was held back is refused however long it would live.
 */
enum { COMMAND_KEEP = 60, COMMAND_IDS_MAX = 65536, COMMAND_SOURCES_MAX = 4096 };

enum command_verdict {	       /* zero refuses */
	COMMAND_MALFORMED = 0, /* no id, no ttl, no src or seq, ... */
	COMMAND_LATE,	       /* t + ttl has passed: "expired" */
	COMMAND_EARLY,	       /* t is more than 30 s ahead */
	COMMAND_REPEATED,      /* id seen before, or a seq of this src and ep
				  that is not below this one */
	COMMAND_FULL,	       /* cannot be remembered: not executed */
	COMMAND_FRESH,	       /* act on it */
	COMMAND_OTHER	       /* not a command or request */
};

/*
 * command_open(path, why) - The guard whose memory is the file at path
 * (created 0600; NULL: this process only).  NULL with *why (valid until the
 * next call) if it cannot be read or locked (one process has it,
 * errno EWOULDBLOCK), or is damaged.  The last command's line may be
 * incomplete, after a crash: that one was not executed.
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

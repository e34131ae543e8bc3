/*
 * A file that grows, bound to a cursor: whatever kills the process or the
 * machine, the file's content and the position it was read up to agree at
 * the next start.  FILE.sg-cursor beside FILE holds the position, FILE's
 * length, and of the channels that were read last what has been seen; each
 * commit writes FILE through to the disk, then replaces the
 * other.  At the start FILE is cut to that length.
 */
#ifndef SG_BUS_SINK_H
#define SG_BUS_SINK_H

#include <stddef.h>
#include <stdint.h>

#include "bus/seen.h"
#include "bus/wire.h"

enum { SINK_SEEN = 256 };

struct sink {
	int fd;
	int dir;	  /* of the folder both files are in */
	char *side;	  /* FILE.sg-cursor, or NULL */
	const char *name; /* durable cursor it belongs to, or NULL */
	int64_t length;	  /* of FILE */
	int64_t pending;  /* bytes not yet committed */
	struct seen_entry seen[SINK_SEEN]; /* by sink_open() */
	size_t nseen;
};

/*
 * sink_open(s, path, name, cursor, why) - Open path for appending, created
 * 0666 & ~umask.  name NULL: no more than that.  Otherwise path is bound to
 * the durable cursor of that name (borrowed): 1 with *cursor, where to read
 * on, and s->seen, and the file cut to what belongs to it; 0 if it was never
 * bound (what the file holds stays; sink_commit() then binds it and has to come
 * before the first sink_write()).  -1 with *why, errno (EBUSY: in use by
 * another process; EINVAL: bound to another cursor, shorter than committed, or
 * no regular file).  A file that was removed or emptied begins anew at its
 * cursor.
 */
int sink_open(struct sink *s, const char *path, const char *name,
    struct wire_cursor *cursor, const char **why);

/* sink_write(s, p, n) - Append.  0, or -1 with errno. */
int sink_write(struct sink *s, const void *p, size_t n);

/*
 * sink_commit(s, cursor, seen) - What was written belongs to cursor, and to
 * what was seen up to there (or NULL), durably.  0, or -1 with errno: then
 * the state before holds.
 */
int sink_commit(
    struct sink *s, const struct wire_cursor *cursor, const struct seen *seen);

/* sink_close(s) - 0, or -1 with errno; what is pending is not committed. */
int sink_close(struct sink *s);

#endif

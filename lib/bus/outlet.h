/*
 * Where events go, in the form asked for: to a descriptor, to a file bound
 * to a cursor, or batch by batch to a command.
 */
#ifndef SG_BUS_OUTLET_H
#define SG_BUS_OUTLET_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "bus/job.h"
#include "bus/sink.h"
#include "event/event.h"
#include "event/format.h"

enum outlet_kind { OUTLET_FD, OUTLET_FILE, OUTLET_COMMAND };

struct outlet {
	enum outlet_kind kind;
	const char *name; /* for messages: of the file, "batch" */
	struct format *format;
	uint64_t bytes; /* written so far */

	const char *command;
	struct job job; /* the batch for it */
	struct sink sink;
	int fd;
	struct buf buf; /* not yet written */
	int begun;	/* the header row is out */
};

/*
 * outlet_fd(o, format, fd, name) - To fd, which stays the caller's.
 * outlet_command(o, format, command) - To runs of a command.  In both
 * everything but o is borrowed.
 */
void
outlet_fd(struct outlet *o, struct format *format, int fd, const char *name);
void
outlet_command(struct outlet *o, struct format *format, const char *command);

/*
 * outlet_file(o, format, path, name, cursor, status, why) - To the end of a
 * file, as sink_open() does: 1 with *cursor, where to read on, or 0; -1 with
 * an exit code in *status and *why, which completes "PATH: " and is valid
 * until o is used again.
 */
int outlet_file(struct outlet *o, struct format *format, const char *path,
    const char *name, struct wire_cursor *cursor, int *status,
    const char **why);

/*
 * outlet_lines(o, p, n) - Write bytes as they are.  outlet_flush(o) - Write
 * what outlet_event() has gathered.  0, or -1 with errno.
 */
int outlet_lines(struct outlet *o, const void *p, size_t n);
int outlet_flush(struct outlet *o);

/*
 * outlet_event(o, e, meta, why) - Add an event in its form, after the header
 * row if it is the first of its file or batch and the form has one.  0, or
 * -1 with *why, as format_event().
 */
int outlet_event(struct outlet *o, const struct event *e,
    const struct format_meta *meta, const char **why);

/*
 * outlet_commit(o, cursor, seen) - A file's content belongs to cursor and
 * what was seen up to there (or NULL), durably; nothing to do for the others.
 * 0, or -1 with errno.
 */
int outlet_commit(struct outlet *o, const struct wire_cursor *cursor,
    const struct seen *seen);

/*
 * outlet_run(o, from, to) - Start the command on what was written, as
 * job_start().  outlet_ran(o) - As job_end(); a new batch begins.
 */
int outlet_run(struct outlet *o, const struct wire_cursor *from,
    const struct wire_cursor *to);
int outlet_ran(struct outlet *o);

/*
 * outlet_close(o) - Close the file, forget the batch.  0, or -1 with errno.
 */
int outlet_close(struct outlet *o);

#endif

/*
 * The thread that writes a log: it takes all items that wait at once,
 * commits them together and hands them back.  It owns the newest segment;
 * what the front must know of a roll comes back as an item.
 */
#ifndef SG_BROKER_WRITER_H
#define SG_BROKER_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "broker/db.h"
#include "broker/log.h"
#include "broker/state.h"

struct writer;

/* What the writer knows of a log. */
struct writer_run {
	struct state_run row;
	uint64_t first; /* oldest event stored */
	uint64_t next;	/* number of the one after the newest */
	uint64_t named; /* newest segment that knows the log, 0: none */
	uint64_t plan;	/* the module's: next, after what is being written */
};

struct writer_options {
	const char *dir;
	int64_t segment; /* bytes after which a segment is closed */
	size_t map;	 /* of a segment */
	struct db *state;
	struct db *active;	      /* the newest segment, */
	uint64_t id;		      /* and its id */
	const struct writer_run *run; /* by log_place.run, copied */
	uint32_t runs;
	uint32_t own; /* the one without gaps, log_own() */
};

/*
 * What LOG_ROLL carries: asked for, or begun by the writer itself.  Done,
 * it has the new segment, unless item.error is set; the receiver frees it.
 */
struct writer_roll {
	struct log_item item;
	uint64_t id;
	struct db *db;
};

/*
 * WRITER_TRIM frees the space of a dropped segment that is open no more; the
 * receiver frees the item.
 */
enum { WRITER_TRIM = LOG_ROLL + 1 };

struct writer_trim {
	struct log_item item;
	uint64_t segment;
};

/* writer_start(options) - NULL with errno; what is in options is borrowed. */
struct writer *writer_start(const struct writer_options *options);

/* writer_put/done/fd - As log_put, log_done, log_done_fd. */
void writer_put(struct writer *w, struct log_item *item);
struct log_item *writer_done(struct writer *w);
int writer_fd(const struct writer *w);

/*
 * writer_run_add(w, row, counters) - One more log, the next index: stored with
 * the counters; row NULL: only they.  Waits; 0 or -1 with errno.
 */
int writer_run_add(struct writer *w, const struct state_run *row,
    const struct state_counters *counters);

/*
 * writer_stop(w) - Write what waits and end the thread; writer_done() still
 * works.  writer_free(w) after that.
 */
void writer_stop(struct writer *w);
void writer_free(struct writer *w);

#endif

/*
 * One segment of a log: an environment with frames, channel rows and cursor
 * rows.  Layout: sg-store(5).
 */
#ifndef SG_BROKER_SEGMENT_H
#define SG_BROKER_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

#include "broker/db.h"
#include "broker/frame.h"
#include "broker/log.h"

/* Most bytes of a record with several frames: whole pages of a value. */
enum { SEGMENT_RECORD_MAX = (1 << 20) - 16 };

/* What a segment holds of one run. */
struct segment_piece {
	uint32_t run;	   /* run number */
	uint64_t from, to; /* events */
	int64_t rt;	   /* receive time of the newest */
	int damaged;	   /* the newest record: there may be more events */
};

/*
 * segment_list(dir, id) - The segments' ids, ascending, in *id (freed by the
 * caller).  Their number, or -1 with errno.
 */
long segment_list(const char *dir, uint64_t **id);

/*
 * segment_create(dir, id, map, old) - Make a segment durable; it begins with
 * all channel and cursor rows of old (NULL: none).  NULL with errno.
 * segment_open() opens one; segment_retire() and segment_trim() delete one,
 * as db_retire() and db_trim().
 */
struct db *
segment_create(const char *dir, uint64_t id, size_t map, struct db *old);
struct db *
segment_open(const char *dir, uint64_t id, enum db_mode mode, size_t map);
int segment_retire(const char *dir, uint64_t id);
int segment_trim(const char *dir, uint64_t id, int64_t bytes);

/*
 * segment_pieces(db, fn, ctx) - Call fn for each run in it, ascending.
 * 0, or -1 with errno, also fn's.
 */
int segment_pieces(struct db *db,
    int (*fn)(void *ctx, const struct segment_piece *piece), void *ctx);

/*
 * Writing, within the caller's transaction: 0 or -1 with errno.
 * segment_put_frames() makes one record, number as record_add();
 * segment_get_channel() is 1 with *last, 0 if there is no such row, -1.
 */
int segment_put_run(
    struct db_txn *txn, uint32_t run, const char *name, uint64_t start);
int segment_put_frames(struct db_txn *txn, uint32_t run,
    const struct frame_head *const *head, size_t n, const uint32_t *number);
int segment_put_channel(struct db_txn *txn, const char *from, uint64_t chan,
    uint64_t last, int64_t rt);
int segment_get_channel(
    struct db_txn *txn, const char *from, uint64_t chan, uint64_t *last);
int segment_del_channel(struct db_txn *txn, const char *from, uint64_t chan);
int segment_put_cursor(struct db_txn *txn, const char *name, const char *json);

/* Walks over all rows: 0, or -1 with errno. */
int segment_channels(struct db *db,
    void (*fn)(void *ctx, const struct log_channel *row), void *ctx);
int segment_cursors(struct db *db,
    void (*fn)(void *ctx, const char *name, const char *json), void *ctx);

/*
 * A reader stands on a record; all-zero is closed.  Each step: 1 with value
 * and the key's run and n set; 0 if there is none, then the reader is
 * closed; -1 with errno, closed.
 */
struct segment_reader {
	struct db_txn *txn;
	struct db_cursor *cursor;
	struct db_bytes value;
	uint32_t run;
	uint64_t n;
};

/* segment_at(r, db, run, n) - The record that would hold event n. */
int
segment_at(struct segment_reader *r, struct db *db, uint32_t run, uint64_t n);

/* segment_next(r) - The next record, of whatever run. */
int segment_next(struct segment_reader *r);
void segment_end(struct segment_reader *r);

#endif

#include "broker/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "broker/record.h"

enum table { META, RUNS, LAST, KEPT };

enum {
	RUN_ROW = 4 + 8 + 8, /* then the name */
	PLACE = 4 + 8,
	PLACE_ROW = 4 + PLACE,
	COUNTERS_ROW = 4 + 4 + 8,
	KEPT_ROW = 4 + 8 + 1, /* then the publisher and the line */
	SPARE = 256 << 10
};

/* Sparse: it only bounds what could ever be kept. */
static const size_t map = (size_t)64 << 30;

static const char *const tables[] = { "meta", "runs", "last", "kept", NULL };

static int
damaged(void)
{
	errno = EBADMSG;
	return -1;
}

static int
put(struct db_txn *txn, int table, const void *key, size_t kn, uint8_t *row,
    size_t n)
{
	record_seal(row, n, key, kn);
	return db_put(txn, table, key, kn, row, n);
}

/* 1 with a row of at least min bytes, 0, -1. */
static int
get(struct db_txn *txn, int table, const void *key, size_t kn, size_t min,
    struct db_bytes *row)
{
	int r = db_get(txn, table, key, kn, row);

	if (r != 1)
		return r;
	if (record_sealed(row->p, row->n, key, kn) == -1)
		return -1;
	return row->n < min ? damaged() : 1;
}

static int
put_counters(struct db_txn *txn, const struct state_counters *counters)
{
	uint8_t row[COUNTERS_ROW];

	record_put32(row + 4, counters->run);
	record_put64(row + 8, counters->start);
	return put(txn, META, "counters", 8, row, sizeof row);
}

static int
fill(struct db_txn *txn, void *ctx)
{
	const char *name = ctx;
	struct state_counters none = { 0, 0 };
	size_t n = strlen(name);
	uint8_t row[4 + 64];

	if (n > 64)
		return damaged();
	memcpy(row + 4, name, n);
	if (put(txn, META, "name", 4, row, 4 + n) == -1)
		return -1;
	return put_counters(txn, &none);
}

static int
check_name(struct db *db, const char *name)
{
	struct db_txn *txn = db_begin(db, DB_READ);
	struct db_bytes row;
	int r;

	if (txn == NULL)
		return -1;
	r = get(txn, META, "name", 4, 4, &row);
	if (r == 0)
		r = damaged();
	if (r == 1 &&
	    (row.n - 4 != strlen(name) ||
		memcmp(row.p + 4, name, row.n - 4) != 0)) {
		errno = ENOTUNIQ;
		r = -1;
	}
	db_end(txn);
	return r == 1 ? 0 : -1;
}

/*
 * Pages that are free from the start, so that a broker can begin a run on a
 * full disk and serve readers.
 */
static int
make_spare_pages(struct db *db)
{
	struct db_txn *txn = db_begin(db, DB_WRITE);
	uint8_t *row;
	int r;

	if (txn == NULL)
		return -1;
	row = xcalloc(1, SPARE);
	r = put(txn, META, "spare", 5, row, SPARE);
	free(row);
	if (r == 0) {
		if (db_commit(txn) == -1)
			return -1;
		txn = db_begin(db, DB_WRITE);
		if (txn == NULL)
			return -1;
		r = db_del(txn, META, "spare", 5);
	}
	if (r != -1)
		return db_commit(txn);
	db_abort(txn);
	return -1;
}

struct db *
state_open(const char *dir, const char *name)
{
	struct db *db = db_open(dir, "state", DB_WRITE, map, tables);
	char owner[65] = "";
	int saved;

	if (db == NULL && errno == ENOENT) {
		strncat(owner, name, sizeof owner - 1);
		db = db_create(dir, "state", map, tables, fill, owner);
		if (db != NULL && make_spare_pages(db) == 0)
			return db;
	}
	if (db == NULL || check_name(db, name) == 0)
		return db;
	saved = errno;
	db_close(db);
	errno = saved;
	return NULL;
}

static void
run_key(uint8_t key[4], uint32_t number)
{
	for (int i = 0; i < 4; i++)
		key[i] = (uint8_t)(number >> (24 - 8 * i));
}

static int
read_run(struct db_bytes key, struct db_bytes row, struct state_run *run)
{
	size_t n = row.n - RUN_ROW;

	if (record_sealed(row.p, row.n, key.p, key.n) == -1)
		return -1;
	if (key.n != 4 || row.n < RUN_ROW || n >= sizeof run->name)
		return damaged();
	*run = (struct state_run){ 0 };
	for (int i = 0; i < 4; i++)
		run->number = run->number << 8 | key.p[i];
	run->start = record_get64(row.p + 4);
	run->end = record_get64(row.p + 12);
	memcpy(run->name, row.p + RUN_ROW, n);
	return 1;
}

static int
read_counters(struct db_txn *txn, struct state_counters *counters)
{
	struct db_bytes row;
	int r = get(txn, META, "counters", 8, COUNTERS_ROW, &row);

	if (r != 1)
		return r == 0 ? damaged() : -1;
	counters->run = record_get32(row.p + 4);
	counters->start = record_get64(row.p + 8);
	return 1;
}

long
state_runs(
    struct db *db, struct state_run **run, struct state_counters *counters)
{
	struct db_txn *txn = db_begin(db, DB_READ);
	struct db_cursor *cursor = NULL;
	struct db_bytes key = { NULL, 0 }, row;
	size_t n = 0;
	int r;

	*run = NULL;
	if (txn == NULL)
		return -1;
	r = read_counters(txn, counters);
	if (r == 1)
		cursor = db_cursor(txn, RUNS);
	*run = xcalloc(db_count(txn, RUNS) + 1, sizeof **run);
	r = cursor == NULL ? -1 : db_from(cursor, &key, &row);
	while (r == 1) {
		r = read_run(key, row, &(*run)[n]);
		if (r == 1) {
			n++;
			r = db_next(cursor, &key, &row);
		}
	}
	db_cursor_free(cursor);
	db_end(txn);
	return r == -1 ? -1 : (long)n;
}

int
state_put_run(struct db_txn *txn, const struct state_run *run)
{
	uint8_t key[4], row[RUN_ROW + 64];
	size_t n = strlen(run->name);

	run_key(key, run->number);
	record_put64(row + 4, run->start);
	record_put64(row + 12, run->end);
	memcpy(row + RUN_ROW, run->name, n);
	return put(txn, RUNS, key, sizeof key, row, RUN_ROW + n);
}

int
state_begin(struct db *db, const struct state_run *run, size_t n,
    const uint32_t *forget, size_t m, const struct state_counters *counters)
{
	struct db_txn *txn = db_begin(db, DB_WRITE);
	uint8_t key[4];
	int r;

	if (txn == NULL)
		return -1;
	r = put_counters(txn, counters);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = state_put_run(txn, &run[i]);
	for (size_t i = 0; r == 0 && i < m; i++) {
		run_key(key, forget[i]);
		r = db_del(txn, RUNS, key, sizeof key) == -1 ? -1 : 0;
	}
	if (r == 0)
		return db_commit(txn);
	db_abort(txn);
	return -1;
}

static void
write_place(uint8_t *p, struct state_place at)
{
	record_put32(p, at.run);
	record_put64(p + 4, at.n);
}

static struct state_place
read_place(const uint8_t *p)
{
	return (struct state_place){ record_get32(p), record_get64(p + 4) };
}

int
state_put_last(
    struct db_txn *txn, const char *topic, size_t n, struct state_place at)
{
	uint8_t row[PLACE_ROW];

	write_place(row + 4, at);
	return put(txn, LAST, topic, n, row, sizeof row);
}

int
state_put_mark(struct db_txn *txn, const struct state_place *at, size_t n)
{
	uint8_t row[4 + TRAIL_MAX * PLACE];

	for (size_t i = 0; i < n; i++)
		write_place(row + 4 + i * PLACE, at[i]);
	return put(txn, META, "mark", 4, row, 4 + n * PLACE);
}

int
state_put_kept(struct db_txn *txn, const struct log_row *row, struct buf *space)
{
	uint8_t head[KEPT_ROW] = { 0 };
	size_t from = strlen(row->from);

	record_put64(head + 4, (uint64_t)row->rt);
	head[12] = (uint8_t)from;
	buf_clear(space);
	buf_add(space, head, sizeof head);
	buf_add(space, row->from, from);
	buf_add(space, row->line, row->len);
	return put(txn, KEPT, row->topic, row->topic_len, (uint8_t *)space->p,
	    space->len);
}

int
state_keep(struct db_txn *txn, const struct log_row *row, struct buf *space)
{
	if (db_del(txn, LAST, row->topic, row->topic_len) == -1)
		return -1;
	return state_put_kept(txn, row, space);
}

int
state_release(struct db_txn *txn, const char *topic, size_t n)
{
	if (db_count(txn, KEPT) == 0)
		return 0;
	return db_del(txn, KEPT, topic, n) == -1 ? -1 : 0;
}

int
state_forget(struct db_txn *txn, const char *topic, size_t n)
{
	if (db_del(txn, LAST, topic, n) == -1)
		return -1;
	return state_release(txn, topic, n);
}

int
state_mark(struct db *db, struct state_place at[TRAIL_MAX])
{
	struct db_txn *txn = db_begin(db, DB_READ);
	struct db_bytes row;
	size_t n = 0;
	int r;

	if (txn == NULL)
		return -1;
	r = get(txn, META, "mark", 4, 4, &row);
	if (r == 1)
		n = (row.n - 4) / PLACE;
	if (n > TRAIL_MAX || (r == 1 && row.n != 4 + n * PLACE))
		r = damaged();
	for (size_t i = 0; r == 1 && i < n; i++)
		at[i] = read_place(row.p + 4 + i * PLACE);
	db_end(txn);
	return r == -1 ? -1 : (int)n;
}

/* Read a kept row; from and line are copied into space. */
static int
read_kept(struct db_bytes row, struct log_row *out, struct buf *space)
{
	size_t from = row.p[12];

	if (row.n < KEPT_ROW + from)
		return damaged();
	buf_clear(space);
	buf_add(space, row.p + KEPT_ROW, from);
	buf_addc(space, '\0');
	buf_add(space, row.p + KEPT_ROW + from, row.n - KEPT_ROW - from);
	out->rt = (int64_t)record_get64(row.p + 4);
	out->from = space->p;
	out->line = space->p + from + 1;
	out->len = space->len - from - 1;
	return 1;
}

static int
get_kept(struct db_txn *txn, const char *topic, size_t n, struct log_row *row,
    struct buf *space)
{
	struct db_bytes value;
	int r = get(txn, KEPT, topic, n, KEPT_ROW, &value);

	if (r != 1)
		return r;
	row->topic = topic;
	row->topic_len = n;
	return read_kept(value, row, space);
}

int
state_kept(struct db *db, const char *topic, size_t n, struct log_row *row,
    struct buf *space)
{
	struct db_txn *txn = db_begin(db, DB_READ);
	int r;

	if (txn == NULL)
		return -1;
	r = get_kept(txn, topic, n, row, space);
	db_end(txn);
	return r;
}

/* What a walk hands on for the topic under the cursor. */
static int
walk_topic(struct db_txn *txn, int table, struct db_bytes key,
    struct db_bytes value, struct log_row *row, struct state_place *at,
    struct buf *space)
{
	const char *topic = (const char *)key.p;
	struct db_bytes other;

	*row = (struct log_row){ .topic = topic, .topic_len = key.n };
	if (table == LAST) {
		if (record_sealed(value.p, value.n, key.p, key.n) == -1)
			return -1;
		if (value.n != PLACE_ROW)
			return damaged();
		*at = read_place(value.p + 4);
		return get_kept(txn, topic, key.n, row, space) == -1 ? -1 : 1;
	}
	if (db_get(txn, LAST, topic, key.n, &other) == 1)
		return 0;
	return get_kept(txn, topic, key.n, row, space);
}

static int
walk_table(struct db_txn *txn, int table,
    void (*fn)(void *ctx, struct log_row *row, const struct state_place *at),
    void *ctx)
{
	struct db_cursor *cursor = db_cursor(txn, table);
	struct db_bytes key = { NULL, 0 }, value;
	struct state_place at = { 0, 0 };
	struct buf space = { 0 };
	struct log_row row;
	int r, got;

	r = cursor == NULL ? -1 : db_from(cursor, &key, &value);
	while (r == 1) {
		got = walk_topic(txn, table, key, value, &row, &at, &space);
		if (got == 1)
			fn(ctx, &row, table == LAST ? &at : NULL);
		r = got == -1 ? -1 : db_next(cursor, &key, &value);
	}
	buf_fini(&space);
	db_cursor_free(cursor);
	return r;
}

int
state_walk(struct db *db,
    void (*fn)(void *ctx, struct log_row *row, const struct state_place *at),
    void *ctx)
{
	struct db_txn *txn = db_begin(db, DB_READ);
	int r;

	if (txn == NULL)
		return -1;
	r = walk_table(txn, LAST, fn, ctx);
	if (r == 0)
		r = walk_table(txn, KEPT, fn, ctx);
	db_end(txn);
	return r;
}

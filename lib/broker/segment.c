#include "broker/segment.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/die.h"
#include "broker/record.h"

enum table { FRAMES, CHANNELS, CURSORS, RUNS };

enum {
	NAME_MAX_LEN = 32,
	CHANNEL_KEY_MAX = FRAME_FROM_MAX + 1 + 8,
	CHANNEL_ROW = 4 + 8 + 8
};

static const char *const tables[] = { "frames", "channels", "cursors", "runs",
	NULL };

static int
by_id(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return (x > y) - (x < y);
}

/* The id of a segment's directory name; 0 if it is none. */
static uint64_t
parse_name(const char *name)
{
	uint64_t id = 0;
	int end = 0;

	if (sscanf(name, "segment-%16" SCNx64 "%n", &id, &end) != 1 ||
	    end != 24 || name[end] != '\0')
		return 0;
	return id;
}

static void
make_name(char out[NAME_MAX_LEN], uint64_t id)
{
	snprintf(out, NAME_MAX_LEN, "segment-%016" PRIx64, id);
}

long
segment_list(const char *dir, uint64_t **id)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	size_t n = 0, cap = 0;
	uint64_t x;

	if (d == NULL)
		return -1;
	*id = NULL;
	while ((e = readdir(d)) != NULL) {
		x = parse_name(e->d_name);
		if (x == 0)
			continue;
		if (n == cap) {
			cap = cap == 0 ? 64 : cap * 2;
			*id = xrealloc(*id, cap * sizeof **id);
		}
		(*id)[n++] = x;
	}
	closedir(d);
	if (n > 0)
		qsort(*id, n, sizeof **id, by_id);
	return (long)n;
}

static int
carry_table(struct db_txn *to, struct db_txn *from, int table)
{
	struct db_cursor *cursor = db_cursor(from, table);
	struct db_bytes key = { NULL, 0 }, value;
	int r;

	if (cursor == NULL)
		return -1;
	r = db_from(cursor, &key, &value);
	while (r == 1) {
		r = record_sealed(value.p, value.n, key.p, key.n);
		if (r == 0)
			r = db_put(to, table, key.p, key.n, value.p, value.n);
		if (r == 0)
			r = db_next(cursor, &key, &value);
	}
	db_cursor_free(cursor);
	return r;
}

/*
 * The old segment is read by a writing transaction that is undone: reading
 * ones belong to the other thread.
 */
static int
carry(struct db_txn *to, void *old)
{
	struct db_txn *from;
	int r, saved;

	if (old == NULL)
		return 0;
	from = db_begin(old, DB_WRITE);
	if (from == NULL)
		return -1;
	r = carry_table(to, from, CHANNELS);
	if (r == 0)
		r = carry_table(to, from, CURSORS);
	saved = errno;
	db_abort(from);
	errno = saved;
	return r;
}

struct db *
segment_create(const char *dir, uint64_t id, size_t map, struct db *old)
{
	char name[NAME_MAX_LEN];

	make_name(name, id);
	return db_create(dir, name, map, tables, carry, old);
}

struct db *
segment_open(const char *dir, uint64_t id, enum db_mode mode, size_t map)
{
	char name[NAME_MAX_LEN];

	make_name(name, id);
	return db_open(dir, name, mode, map, tables);
}

int
segment_retire(const char *dir, uint64_t id)
{
	char name[NAME_MAX_LEN];

	make_name(name, id);
	return db_retire(dir, name);
}

int
segment_trim(const char *dir, uint64_t id, int64_t bytes)
{
	char name[NAME_MAX_LEN];

	make_name(name, id);
	return db_trim(dir, name, bytes);
}

/* The piece of the first run at or above run; 1, 0, -1. */
static int
piece_at(struct db_cursor *cursor, uint32_t run, struct segment_piece *piece)
{
	uint8_t want[RECORD_KEY];
	struct db_bytes key = { want, sizeof want }, value;
	struct record head;
	uint64_t n;
	int r;

	record_key(want, run, 0);
	r = db_from(cursor, &key, &value);
	if (r != 1)
		return r;
	if (record_key_read(key.p, key.n, &piece->run, &piece->from) == -1)
		goto bad;
	record_key(want, piece->run, UINT64_MAX);
	key = (struct db_bytes){ want, sizeof want };
	r = db_upto(cursor, &key, &value);
	if (r != 1 || record_key_read(key.p, key.n, &run, &n) == -1)
		goto bad;
	/* A damaged head is found by whoever reads; it held one at least. */
	piece->to = n;
	piece->damaged = 1;
	if (record_head(value.p, value.n, &head) == 0) {
		piece->to = n + head.events - 1;
		piece->rt = head.rt_last;
		piece->damaged = 0;
	}
	return 1;
bad:
	errno = EBADMSG;
	return -1;
}

int
segment_pieces(struct db *db,
    int (*fn)(void *ctx, const struct segment_piece *piece), void *ctx)
{
	struct db_txn *txn = db_begin(db, DB_READ);
	struct db_cursor *cursor;
	struct segment_piece piece = { 0 };
	int r;

	if (txn == NULL)
		return -1;
	cursor = db_cursor(txn, FRAMES);
	r = cursor == NULL ? -1 : piece_at(cursor, 0, &piece);
	while (r == 1) {
		r = fn(ctx, &piece);
		if (r == -1 || piece.run == UINT32_MAX)
			break;
		r = piece_at(cursor, piece.run + 1, &piece);
	}
	db_cursor_free(cursor);
	db_end(txn);
	return r;
}

int
segment_put_run(
    struct db_txn *txn, uint32_t run, const char *name, uint64_t start)
{
	uint8_t key[4], row[4 + 8 + 64];
	size_t n = strlen(name);

	key[0] = (uint8_t)(run >> 24);
	key[1] = (uint8_t)(run >> 16);
	key[2] = (uint8_t)(run >> 8);
	key[3] = (uint8_t)run;
	record_put64(row + 4, start);
	memcpy(row + 12, name, n);
	record_seal(row, 12 + n, key, sizeof key);
	return db_put(txn, RUNS, key, sizeof key, row, 12 + n);
}

int
segment_put_frames(struct db_txn *txn, uint32_t run,
    const struct frame_head *const *head, size_t n, const uint32_t *number)
{
	uint8_t key[RECORD_KEY], *out, *at;
	size_t length = RECORD_HEAD;

	for (size_t i = 0; i < n; i++)
		length += record_frame_size(head[i]);
	record_key(key, run, head[0]->n);
	out = db_reserve(txn, FRAMES, key, sizeof key, length);
	if (out == NULL)
		return -1;
	at = record_begin(out);
	for (size_t i = 0; i < n; i++)
		at = record_add(at, head[i], number);
	record_finish(out, length, run);
	return 0;
}

static size_t
channel_key(uint8_t key[CHANNEL_KEY_MAX], const char *from, uint64_t chan)
{
	size_t n = strlen(from);

	memcpy(key, from, n + 1);
	for (int i = 0; i < 8; i++)
		key[n + 1 + (size_t)i] = (uint8_t)(chan >> (56 - 8 * i));
	return n + 9;
}

int
segment_put_channel(struct db_txn *txn, const char *from, uint64_t chan,
    uint64_t last, int64_t rt)
{
	uint8_t key[CHANNEL_KEY_MAX], row[CHANNEL_ROW];
	size_t n = channel_key(key, from, chan);

	record_put64(row + 4, last);
	record_put64(row + 12, (uint64_t)rt);
	record_seal(row, sizeof row, key, n);
	return db_put(txn, CHANNELS, key, n, row, sizeof row);
}

int
segment_get_channel(
    struct db_txn *txn, const char *from, uint64_t chan, uint64_t *last)
{
	uint8_t key[CHANNEL_KEY_MAX];
	size_t n = channel_key(key, from, chan);
	struct db_bytes row;
	int r = db_get(txn, CHANNELS, key, n, &row);

	if (r != 1)
		return r;
	if (row.n != CHANNEL_ROW || record_sealed(row.p, row.n, key, n) == -1) {
		errno = EBADMSG;
		return -1;
	}
	*last = record_get64(row.p + 4);
	return 1;
}

int
segment_del_channel(struct db_txn *txn, const char *from, uint64_t chan)
{
	uint8_t key[CHANNEL_KEY_MAX];
	size_t n = channel_key(key, from, chan);

	return db_del(txn, CHANNELS, key, n) == -1 ? -1 : 0;
}

int
segment_put_cursor(struct db_txn *txn, const char *name, const char *json)
{
	size_t kn = strlen(name), n;
	uint8_t *row;
	int r;

	if (json == NULL)
		return db_del(txn, CURSORS, name, kn) == -1 ? -1 : 0;
	n = strlen(json);
	row = xmalloc(4 + n);
	memcpy(row + 4, json, n);
	record_seal(row, 4 + n, name, kn);
	r = db_put(txn, CURSORS, name, kn, row, 4 + n);
	free(row);
	return r;
}

static int
channel_read(
    struct db_bytes key, struct db_bytes value, struct log_channel *out)
{
	const uint8_t *nul = memchr(key.p, 0, key.n);
	size_t n = nul == NULL ? 0 : (size_t)(nul - key.p);

	if (nul == NULL || n > FRAME_FROM_MAX || key.n != n + 9 ||
	    value.n != CHANNEL_ROW) {
		errno = EBADMSG;
		return -1;
	}
	memcpy(out->from, key.p, n + 1);
	out->chan = 0;
	for (int i = 0; i < 8; i++)
		out->chan = out->chan << 8 | nul[1 + i];
	out->last = record_get64(value.p + 4);
	out->rt = (int64_t)record_get64(value.p + 12);
	return 0;
}

static int
walk(struct db *db, int table,
    int (*fn)(void *ctx, struct db_bytes key, struct db_bytes value), void *ctx)
{
	struct db_txn *txn = db_begin(db, DB_READ);
	struct db_cursor *cursor;
	struct db_bytes key = { NULL, 0 }, value;
	int r;

	if (txn == NULL)
		return -1;
	cursor = db_cursor(txn, table);
	r = cursor == NULL ? -1 : db_from(cursor, &key, &value);
	while (r == 1) {
		r = record_sealed(value.p, value.n, key.p, key.n);
		if (r == 0)
			r = fn(ctx, key, value);
		if (r == 0)
			r = db_next(cursor, &key, &value);
	}
	db_cursor_free(cursor);
	db_end(txn);
	return r;
}

struct channel_walk {
	void (*fn)(void *ctx, const struct log_channel *row);
	void *ctx;
};

static int
walk_channel(void *ctx, struct db_bytes key, struct db_bytes value)
{
	struct channel_walk *w = ctx;
	struct log_channel row = { .item = { 0 } };

	if (channel_read(key, value, &row) == -1)
		return -1;
	w->fn(w->ctx, &row);
	return 0;
}

int
segment_channels(struct db *db,
    void (*fn)(void *ctx, const struct log_channel *row), void *ctx)
{
	struct channel_walk w = { fn, ctx };

	return walk(db, CHANNELS, walk_channel, &w);
}

struct cursor_walk {
	void (*fn)(void *ctx, const char *name, const char *json);
	void *ctx;
	struct buf name, json;
};

static int
walk_cursor(void *ctx, struct db_bytes key, struct db_bytes value)
{
	struct cursor_walk *w = ctx;

	buf_clear(&w->name);
	buf_clear(&w->json);
	buf_add(&w->name, key.p, key.n);
	buf_add(&w->json, value.p + 4, value.n - 4);
	w->fn(w->ctx, buf_cstr(&w->name), buf_cstr(&w->json));
	return 0;
}

int
segment_cursors(struct db *db,
    void (*fn)(void *ctx, const char *name, const char *json), void *ctx)
{
	struct cursor_walk w = { fn, ctx, { 0 }, { 0 } };
	int r = walk(db, CURSORS, walk_cursor, &w);

	buf_fini(&w.name);
	buf_fini(&w.json);
	return r;
}

static int
reader_land(struct segment_reader *r, int found, struct db_bytes key)
{
	if (found == 1 && record_key_read(key.p, key.n, &r->run, &r->n) == -1) {
		errno = EBADMSG;
		found = -1;
	}
	if (found != 1) {
		int saved = errno;

		segment_end(r);
		errno = saved;
	}
	return found;
}

int
segment_at(struct segment_reader *r, struct db *db, uint32_t run, uint64_t n)
{
	uint8_t want[RECORD_KEY];
	struct db_bytes key = { want, sizeof want };

	*r = (struct segment_reader){ .txn = db_begin(db, DB_READ) };
	if (r->txn == NULL)
		return -1;
	r->cursor = db_cursor(r->txn, FRAMES);
	record_key(want, run, n);
	return reader_land(r,
	    r->cursor == NULL ? -1 : db_upto(r->cursor, &key, &r->value), key);
}

int
segment_next(struct segment_reader *r)
{
	struct db_bytes key = { NULL, 0 };
	int found = db_next(r->cursor, &key, &r->value);

	return reader_land(r, found, key);
}

void
segment_end(struct segment_reader *r)
{
	db_cursor_free(r->cursor);
	if (r->txn != NULL)
		db_end(r->txn);
	*r = (struct segment_reader){ .txn = NULL };
}

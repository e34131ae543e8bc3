/*
 * A small ordered key-value environment (LMDB, default flags only) with a
 * fixed set of named tables: the one module that knows the library.  One
 * thread may write while another reads; an environment must not be open
 * twice in a process, nor live across fork.
 *
 * Errors are errno values: ENOSPC, EDQUOT, EFBIG as the system gives them
 * (also where the library hides them behind EIO), ENOBUFS when the map is
 * full, EBADMSG when the file is no environment or damaged, else EIO.
 */
#ifndef SG_BROKER_DB_H
#define SG_BROKER_DB_H

#include <stddef.h>
#include <stdint.h>

enum { DB_TABLES_MAX = 4 };

enum db_mode { DB_READ, DB_WRITE };

struct db; /* an open environment */
struct db_txn;
struct db_cursor;

struct db_bytes {
	const uint8_t *p; /* valid until the transaction ends */
	size_t n;
};

/*
 * db_create(dir, name, map, tables, fill, ctx) - Make the environment
 * dir/name, filled by fill(txn, ctx) (0 or -1 with errno) in its first
 * transaction; it appears under its name only when all of it is durable.
 * tables is a NULL-terminated list that outlives the environment; a table
 * is named by its index in it.  map is the most bytes it can ever hold.
 * NULL with errno.
 */
struct db *db_create(const char *dir, const char *name, size_t map,
    const char *const *tables, int (*fill)(struct db_txn *txn, void *ctx),
    void *ctx);

/* db_open(dir, name, mode, map, tables) - Open one.  NULL with errno. */
struct db *db_open(const char *dir, const char *name, enum db_mode mode,
    size_t map, const char *const *tables);

/* db_close(db) - Close; all transactions have ended.  NULL is allowed. */
void db_close(struct db *db);

/*
 * db_retire(dir, name) - Take the environment's name away, durably: 0 or -1
 * with errno.  It stays readable where it is open.  When it is closed,
 * db_trim(dir, name, bytes) frees that many bytes at a time, since to free
 * a large file at once takes long: 1 if there is more to do, 0, -1.
 */
int db_retire(const char *dir, const char *name);
int db_trim(const char *dir, const char *name, int64_t bytes);

/* db_sweep(dir) - Delete what half-made or half-removed ones left. */
int db_sweep(const char *dir);

/* db_size(db) - Bytes of its file. */
int64_t db_size(const struct db *db);

/*
 * db_begin(db, mode) - Begin a transaction; NULL with errno.  Reading may
 * be done by one thread only, and one thread only may write.
 */
struct db_txn *db_begin(struct db *db, enum db_mode mode);

/* db_commit(txn) - Durable on return: 0; or -1 with errno, all undone. */
int db_commit(struct db_txn *txn);

/* db_abort(txn) - Undo all that was written and end. */
void db_abort(struct db_txn *txn);

/* db_end(txn) - End a transaction that reads. */
void db_end(struct db_txn *txn);

/* db_get(txn, table, key, n, out) - 1, 0 if there is none, -1. */
int db_get(struct db_txn *txn, int table, const void *key, size_t n,
    struct db_bytes *out);

/* db_put(txn, table, key, kn, p, n) - Insert or replace.  0 or -1. */
int db_put(struct db_txn *txn, int table, const void *key, size_t kn,
    const void *p, size_t n);

/*
 * db_reserve(txn, table, key, kn, n) - Insert or replace, giving back where
 * the caller must write the n bytes before the next call.  NULL with errno.
 */
void *
db_reserve(struct db_txn *txn, int table, const void *key, size_t kn, size_t n);

/* db_del(txn, table, key, n) - 1, 0 if there was none, -1. */
int db_del(struct db_txn *txn, int table, const void *key, size_t n);

/* db_count(txn, table) - Number of rows. */
size_t db_count(struct db_txn *txn, int table);

/*
 * db_cursor(txn, table) - A cursor, to be freed before its transaction
 * ends; NULL with errno.
 */
struct db_cursor *db_cursor(struct db_txn *txn, int table);
void db_cursor_free(struct db_cursor *cursor);

/*
 * The steps of a cursor: 1 with the row in *key and *value, 0 if there is
 * none, -1.  db_from: the first row not below *key; db_upto: the last row
 * not above *key; both read *key first.
 */
int
db_from(struct db_cursor *cursor, struct db_bytes *key, struct db_bytes *value);
int
db_upto(struct db_cursor *cursor, struct db_bytes *key, struct db_bytes *value);
int
db_next(struct db_cursor *cursor, struct db_bytes *key, struct db_bytes *value);
int
db_prev(struct db_cursor *cursor, struct db_bytes *key, struct db_bytes *value);

/* db_fsync_dir(dir) - Make the names in a directory durable.  0 or -1. */
int db_fsync_dir(const char *dir);

#endif

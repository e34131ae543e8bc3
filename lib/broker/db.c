#include "broker/db.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/die.h"

struct db {
	MDB_env *env;
	MDB_dbi table[DB_TABLES_MAX];
	MDB_txn *idle; /* a read transaction at rest */
};

static const char half[] = "tmp-";

static int
fail(int rc)
{
	switch (rc) {
	case 0: return 0;
	case MDB_MAP_FULL: errno = ENOBUFS; break;
	case MDB_INVALID:
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_VERSION_MISMATCH: errno = EBADMSG; break;
	default: errno = rc > 0 ? rc : EIO;
	}
	return -1;
}

static int
found(int rc)
{
	if (rc == 0)
		return 1;
	return rc == MDB_NOTFOUND ? 0 : fail(rc);
}

static struct db *
txn_db(MDB_txn *txn)
{
	return mdb_env_get_userctx(mdb_txn_env(txn));
}

static MDB_txn *
lmdb_txn(struct db_txn *txn)
{
	return (MDB_txn *)txn;
}

static MDB_cursor *
lmdb_cursor(struct db_cursor *cursor)
{
	return (MDB_cursor *)cursor;
}

static MDB_val
value_of(const void *p, size_t n)
{
	union {
		const void *in;
		void *out;
	} u = { .in = p };

	return (MDB_val){ n, u.out };
}

static int
join(char *out, const char *dir, const char *prefix, const char *name)
{
	int n = snprintf(out, PATH_MAX, "%s/%s%s", dir, prefix, name);

	if (n < 0 || n >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

int
db_fsync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r, saved;

	if (fd == -1)
		return -1;
	r = fsync(fd);
	saved = errno;
	close(fd);
	errno = saved;
	return r;
}

static int
open_tables(struct db *db, enum db_mode mode, const char *const *tables)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(
	    db->env, NULL, mode == DB_READ ? MDB_RDONLY : 0, &txn);

	if (rc != 0)
		return rc;
	for (int i = 0; rc == 0 && tables[i] != NULL; i++)
		rc = mdb_dbi_open(txn, tables[i],
		    mode == DB_READ ? 0 : MDB_CREATE, &db->table[i]);
	if (rc == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return rc == MDB_NOTFOUND ? MDB_INVALID : rc;
}

static struct db *
open_path(
    const char *path, enum db_mode mode, size_t map, const char *const *tables)
{
	struct db *db = xcalloc(1, sizeof *db);
	unsigned flags = MDB_NOTLS | (mode == DB_READ ? MDB_RDONLY : 0);
	int rc = mdb_env_create(&db->env);

	if (rc != 0) {
		free(db);
		fail(rc);
		return NULL;
	}
	mdb_env_set_userctx(db->env, db);
	rc = mdb_env_set_maxdbs(db->env, DB_TABLES_MAX);
	if (rc == 0)
		rc = mdb_env_set_mapsize(db->env, map);
	if (rc == 0)
		rc = mdb_env_open(db->env, path, flags, 0600);
	if (rc == 0)
		rc = open_tables(db, mode, tables);
	if (rc == 0)
		return db;
	db_close(db);
	fail(rc);
	return NULL;
}

struct db *
db_open(const char *dir, const char *name, enum db_mode mode, size_t map,
    const char *const *tables)
{
	char path[PATH_MAX];

	if (join(path, dir, "", name) == -1)
		return NULL;
	return open_path(path, mode, map, tables);
}

static int
fill_new(struct db *db, int (*fill)(struct db_txn *txn, void *ctx), void *ctx)
{
	struct db_txn *txn = db_begin(db, DB_WRITE);

	if (txn == NULL)
		return -1;
	if (fill(txn, ctx) == -1) {
		db_abort(txn);
		return -1;
	}
	return db_commit(txn);
}

/*
 * The library maps the lock file and writes to it; a hole there on a full
 * disk would be a SIGBUS, so it gets its blocks here, where it can fail.
 */
static int
make_lock_file(const char *dir)
{
	static const char zeros[8192];
	char path[PATH_MAX];
	ssize_t n;
	int fd;

	if (join(path, dir, "", "lock.mdb") == -1)
		return -1;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	n = write(fd, zeros, sizeof zeros);
	if (n >= 0 && n < (ssize_t)sizeof zeros)
		errno = ENOSPC;
	return close(fd) == 0 && n == (ssize_t)sizeof zeros ? 0 : -1;
}

/*
 * A power cut during the very first write of a file would leave no valid
 * meta page, so the environment gets its name when it is complete.
 */
struct db *
db_create(const char *dir, const char *name, size_t map,
    const char *const *tables, int (*fill)(struct db_txn *txn, void *ctx),
    void *ctx)
{
	char tmp[PATH_MAX], path[PATH_MAX];
	struct db *db = NULL;
	int saved;

	if (join(tmp, dir, half, name) == -1 || join(path, dir, "", name) == -1)
		return NULL;
	if (mkdir(tmp, 0700) == -1)
		return NULL;
	if (make_lock_file(tmp) == 0)
		db = open_path(tmp, DB_WRITE, map, tables);
	if (db != NULL && fill_new(db, fill, ctx) == 0 &&
	    fail(mdb_env_sync(db->env, 1)) == 0 && db_fsync_dir(tmp) == 0 &&
	    rename(tmp, path) == 0 && db_fsync_dir(dir) == 0)
		return db;
	saved = errno;
	db_close(db);
	db_sweep(dir);
	errno = saved;
	return NULL;
}

void
db_close(struct db *db)
{
	if (db == NULL)
		return;
	if (db->idle != NULL)
		mdb_txn_abort(db->idle);
	mdb_env_close(db->env);
	free(db);
}

static int
unlink_all(const char *path)
{
	static const char *const files[] = { "data.mdb", "lock.mdb" };
	char file[PATH_MAX];

	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		if (join(file, path, "", files[i]) == -1 ||
		    (unlink(file) == -1 && errno != ENOENT))
			return -1;
	return rmdir(path);
}

int
db_retire(const char *dir, const char *name)
{
	char path[PATH_MAX], dead[PATH_MAX];

	if (join(path, dir, "", name) == -1 ||
	    join(dead, dir, half, name) == -1 || rename(path, dead) == -1)
		return -1;
	return db_fsync_dir(dir);
}

int
db_trim(const char *dir, const char *name, int64_t bytes)
{
	char dead[PATH_MAX], file[PATH_MAX];
	struct stat st;

	if (join(dead, dir, half, name) == -1 ||
	    join(file, dead, "", "data.mdb") == -1)
		return -1;
	if (stat(file, &st) == -1 || st.st_size <= bytes)
		return unlink_all(dead);
	return truncate(file, st.st_size - bytes) == -1 ? -1 : 1;
}

int
db_sweep(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char path[PATH_MAX];
	int r = 0;

	if (d == NULL)
		return -1;
	while (r == 0 && (e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, half, sizeof half - 1) != 0)
			continue;
		r = join(path, dir, "", e->d_name);
		if (r == 0 && unlink_all(path) == -1 && errno == ENOTDIR)
			r = unlink(path);
	}
	closedir(d);
	return r;
}

int64_t
db_size(const struct db *db)
{
	struct stat st;
	mdb_filehandle_t fd;

	if (mdb_env_get_fd(db->env, &fd) != 0 || fstat(fd, &st) == -1)
		return 0;
	return st.st_size;
}

struct db_txn *
db_begin(struct db *db, enum db_mode mode)
{
	MDB_txn *txn = db->idle;
	int rc;

	if (mode == DB_READ && txn != NULL) {
		db->idle = NULL;
		rc = mdb_txn_renew(txn);
		if (rc != 0)
			mdb_txn_abort(txn);
	} else {
		rc = mdb_txn_begin(
		    db->env, NULL, mode == DB_READ ? MDB_RDONLY : 0, &txn);
	}
	return fail(rc) == 0 ? (struct db_txn *)txn : NULL;
}

/*
 * The library reports a short write as EIO.  If the file system or the
 * limit on file sizes leaves no room, that is what is meant.
 */
static int
room_error(MDB_env *env, int rc)
{
	enum { SLACK = 32 << 20 };
	struct statvfs vfs;
	struct rlimit limit;
	struct stat st;
	mdb_filehandle_t fd;

	if (rc != EIO || mdb_env_get_fd(env, &fd) != 0 || fstat(fd, &st) == -1)
		return rc;
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
	    limit.rlim_cur != RLIM_INFINITY &&
	    (rlim_t)st.st_size + SLACK > limit.rlim_cur)
		return EFBIG;
	if (fstatvfs(fd, &vfs) == 0 &&
	    (uint64_t)vfs.f_bavail * vfs.f_frsize < SLACK)
		return ENOSPC;
	return rc;
}

int
db_commit(struct db_txn *txn)
{
	MDB_env *env = mdb_txn_env(lmdb_txn(txn));
	int rc = mdb_txn_commit(lmdb_txn(txn));

	return fail(rc == 0 ? 0 : room_error(env, rc));
}

void
db_abort(struct db_txn *txn)
{
	mdb_txn_abort(lmdb_txn(txn));
}

void
db_end(struct db_txn *t)
{
	MDB_txn *txn = lmdb_txn(t);
	struct db *db = txn_db(txn);

	if (db->idle != NULL) {
		mdb_txn_abort(txn);
		return;
	}
	mdb_txn_reset(txn);
	db->idle = txn;
}

int
db_get(struct db_txn *txn, int table, const void *key, size_t n,
    struct db_bytes *out)
{
	MDB_val k = value_of(key, n), v;
	int rc =
	    mdb_get(lmdb_txn(txn), txn_db(lmdb_txn(txn))->table[table], &k, &v);

	if (rc == 0)
		*out = (struct db_bytes){ v.mv_data, v.mv_size };
	return found(rc);
}

int
db_put(struct db_txn *txn, int table, const void *key, size_t kn, const void *p,
    size_t n)
{
	MDB_val k = value_of(key, kn), v = value_of(p, n);

	return fail(mdb_put(
	    lmdb_txn(txn), txn_db(lmdb_txn(txn))->table[table], &k, &v, 0));
}

void *
db_reserve(struct db_txn *txn, int table, const void *key, size_t kn, size_t n)
{
	MDB_val k = value_of(key, kn), v = value_of(NULL, n);
	int rc = mdb_put(lmdb_txn(txn), txn_db(lmdb_txn(txn))->table[table], &k,
	    &v, MDB_RESERVE);

	return fail(rc) == 0 ? v.mv_data : NULL;
}

int
db_del(struct db_txn *txn, int table, const void *key, size_t n)
{
	MDB_val k = value_of(key, n);

	return found(mdb_del(
	    lmdb_txn(txn), txn_db(lmdb_txn(txn))->table[table], &k, NULL));
}

size_t
db_count(struct db_txn *txn, int table)
{
	MDB_stat st;

	if (mdb_stat(lmdb_txn(txn), txn_db(lmdb_txn(txn))->table[table], &st) !=
	    0)
		return 0;
	return st.ms_entries;
}

struct db_cursor *
db_cursor(struct db_txn *txn, int table)
{
	MDB_cursor *cursor;

	if (fail(mdb_cursor_open(lmdb_txn(txn),
		txn_db(lmdb_txn(txn))->table[table], &cursor)) == -1)
		return NULL;
	return (struct db_cursor *)cursor;
}

void
db_cursor_free(struct db_cursor *cursor)
{
	if (cursor != NULL)
		mdb_cursor_close(lmdb_cursor(cursor));
}

static int
step(struct db_cursor *cursor, struct db_bytes *key, struct db_bytes *value,
    MDB_cursor_op op)
{
	MDB_val k = value_of(key->p, key->n), v = { 0, NULL };
	int rc = mdb_cursor_get(lmdb_cursor(cursor), &k, &v, op);

	if (rc == 0) {
		*key = (struct db_bytes){ k.mv_data, k.mv_size };
		*value = (struct db_bytes){ v.mv_data, v.mv_size };
	}
	return found(rc);
}

int
db_from(struct db_cursor *cursor, struct db_bytes *key, struct db_bytes *value)
{
	return step(cursor, key, value, key->n ? MDB_SET_RANGE : MDB_FIRST);
}

int
db_upto(struct db_cursor *cursor, struct db_bytes *key, struct db_bytes *value)
{
	struct db_bytes want = *key;
	int r = step(cursor, key, value, MDB_SET_RANGE);

	if (r == -1)
		return -1;
	if (r == 0)
		return step(cursor, key, value, MDB_LAST);
	if (key->n == want.n && memcmp(key->p, want.p, want.n) == 0)
		return 1;
	return step(cursor, key, value, MDB_PREV);
}

int
db_next(struct db_cursor *cursor, struct db_bytes *key, struct db_bytes *value)
{
	return step(cursor, key, value, MDB_NEXT);
}

int
db_prev(struct db_cursor *cursor, struct db_bytes *key, struct db_bytes *value)
{
	return step(cursor, key, value, MDB_PREV);
}

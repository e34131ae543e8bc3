/*
 * Bytes that must not leak: memory that is locked, left out of dumps and
 * wiped; files that only their owner can have written or read.
 */
#ifndef SG_TRUST_SECRET_H
#define SG_TRUST_SECRET_H

#include <stddef.h>

#include "base/buf.h"

/*
 * secret_start() - Start libsodium, forbid core dumps and attaching
 * (PR_SET_DUMPABLE 0, RLIMIT_CORE 0).  Everything in lib/trust needs it; may
 * be called again.
 */
void secret_start(void);

/* secret_new(n) - n zero bytes (guarded, locked).  secret_free wipes. */
void *secret_new(size_t n);
void secret_free(void *p);

/*
 * secret_wipe(p, n) - Overwrite, not optimised away.  secret_random(p, n) -
 * Fill with random bytes.
 */
void secret_wipe(void *p, size_t n);
void secret_random(void *p, size_t n);

enum { SECRET_FILE_MAX = 16384 };

/*
 * secret_read(path, out, why) - Read a secret file: opened O_NOFOLLOW,
 * O_NONBLOCK; regular, owner us or root, no permission for group and others,
 * one link, at most SECRET_FILE_MAX; its folder (by the descriptor it was
 * opened through) not writable by group or others unless sticky.  0 with *n
 * bytes and a NUL in out (the caller's secret_new() of SECRET_FILE_MAX + 1
 * bytes); -1 with errno and *why, which completes "PATH: " ("symbolic link",
 * "can be read by others (mode 0644)", ...).
 */
int secret_read(const char *path, char *out, size_t *n, const char **why);

/* secret_read_most(...) - The same with another limit, into most + 1 bytes. */
int secret_read_most(
    const char *path, char *out, size_t most, size_t *n, const char **why);

/*
 * secret_write(path, p, n, why) - Create the file, 0600: a temporary one in
 * the same folder, O_EXCL, fsync, link or rename, fsync of the folder.
 * replace: an existing file is replaced, else refused with EEXIST.
 */
enum secret_mode { SECRET_CREATE, SECRET_REPLACE };
int secret_write(const char *path, const void *p, size_t n,
    enum secret_mode mode, const char **why);

/*
 * secret_passphrase(fd, prompt, out, size) - A passphrase: the first line
 * from fd, or if fd is -1 asked for at the terminal without echo (twice if
 * prompt begins with "New").  Its length, or -1 with errno (ENOTTY: there is
 * no terminal).
 */
int secret_passphrase(int fd, const char *prompt, char *out, size_t size);

#endif

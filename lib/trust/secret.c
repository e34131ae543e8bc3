#include "trust/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "base/app.h"
#include "base/die.h"

enum { WHY_MAX = 96, RANDOM_BYTES = 8, TRIES = 16 };

static _Thread_local char why_text[WHY_MAX];

void
secret_start(void)
{
	static const struct rlimit none;

	/* Without randomness there is nothing to go on with. */
	if (sodium_init() < 0)
		die(EXIT_BUG, "no random numbers");
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	setrlimit(RLIMIT_CORE, &none);
}

void *
secret_new(size_t n)
{
	/* sodium_malloc() aligns the end of the memory, not its beginning. */
	size_t size = (n + 15) & ~(size_t)15;
	void *p = size < n ? NULL : sodium_malloc(size);

	if (p == NULL)
		die(EXIT_BUG, "out of memory");
	memset(p, 0, size);
	return p;
}

void
secret_free(void *p)
{
	sodium_free(p);
}

void
secret_wipe(void *p, size_t n)
{
	sodium_memzero(p, n);
}

void
secret_random(void *p, size_t n)
{
	randombytes_buf(p, n);
}

static int
refuse(int error, const char **why, const char *text)
{
	*why = text;
	errno = error;
	return -1;
}

static int
refuse_mode(int error, const char **why, const char *text, mode_t mode)
{
	snprintf(why_text, sizeof why_text, "%s (mode %04o)", text,
	    (unsigned)mode & 07777);
	return refuse(error, why, why_text);
}

static int
failed(const char **why)
{
	int error = errno;

	snprintf(why_text, sizeof why_text, "%s", strerror(error));
	return refuse(error, why, why_text);
}

/* What comes after the last slash. */
static const char *
file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

/*
 * The folder of a path, held by its descriptor: whatever happens to the path
 * from now on, the file comes out of the folder that was judged.
 */
static int
open_folder(const char *path, int flags, const char **why)
{
	size_t n = (size_t)(file_name(path) - path);
	char *folder = n == 0 ? xstrdup(".") : xstrndup(path, n);
	int fd = open(folder, flags | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	free(folder);
	if (fd < 0 || fstat(fd, &st) < 0) {
		failed(why);
	} else if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0 &&
	    (st.st_mode & S_ISVTX) == 0) {
		refuse_mode(EPERM, why, "its folder can be written by others",
		    st.st_mode);
	} else {
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

static int
refuse_size(size_t most, const char **why)
{
	snprintf(why_text, sizeof why_text, "larger than %zu KiB", most / 1024);
	return refuse(EFBIG, why, why_text);
}

static int
judge_file(int fd, size_t most, const char **why)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return failed(why);
	if (!S_ISREG(st.st_mode))
		return refuse(EINVAL, why, "not a regular file");
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return refuse(EPERM, why, "belongs to another user");
	if ((st.st_mode & 077) != 0)
		return refuse_mode(
		    EPERM, why, "can be read by others", st.st_mode);
	if (st.st_nlink != 1)
		return refuse(EMLINK, why, "has more than one link");
	if (st.st_size > (off_t)most)
		return refuse_size(most, why);
	return 0;
}

/* The file may grow while it is read: one byte more than allowed tells. */
static int
read_whole(int fd, char *out, size_t most, size_t *n, const char **why)
{
	size_t have = 0;
	ssize_t got;

	while (have <= most) {
		got = read(fd, out + have, most + 1 - have);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return failed(why);
		if (got == 0)
			break;
		have += (size_t)got;
	}
	if (have > most)
		return refuse_size(most, why);
	out[have] = '\0';
	*n = have;
	return 0;
}

int
secret_read(const char *path, char *out, size_t *n, const char **why)
{
	return secret_read_most(path, out, SECRET_FILE_MAX, n, why);
}

int
secret_read_most(
    const char *path, char *out, size_t most, size_t *n, const char **why)
{
	int folder = open_folder(path, O_PATH, why);
	int fd, status, error;

	if (folder < 0)
		return -1;
	fd = openat(folder, file_name(path),
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0) {
		status = judge_file(fd, most, why);
		if (status == 0)
			status = read_whole(fd, out, most, n, why);
	} else if (errno == ELOOP) {
		status = refuse(ELOOP, why, "symbolic link");
	} else if (errno == ENXIO) {
		status = refuse(EINVAL, why, "not a regular file");
	} else {
		status = failed(why);
	}
	error = errno;
	if (fd >= 0)
		close(fd);
	close(folder);
	errno = error;
	return status;
}

/* A new file in the folder under a name nobody can guess. */
static int
create_temporary(int folder, char *name, size_t size)
{
	unsigned char random[RANDOM_BYTES];
	char hex[2 * RANDOM_BYTES + 1];
	int fd = -1;

	for (int i = 0; i < TRIES && fd < 0; i++) {
		randombytes_buf(random, sizeof random);
		sodium_bin2hex(hex, sizeof hex, random, sizeof random);
		snprintf(name, size, ".%s.tmp", hex);
		fd = openat(folder, name,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0 && errno != EEXIST)
			break;
	}
	return fd;
}

/*
 * Give the temporary file its name.  A file system without NOREPLACE gets a
 * link, which fails just the same if the name is taken.
 */
static int
settle(
    int folder, const char *temporary, const char *name, enum secret_mode mode)
{
	if (mode == SECRET_REPLACE)
		return renameat(folder, temporary, folder, name);
	if (renameat2(folder, temporary, folder, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (linkat(folder, temporary, folder, name, 0) < 0)
		return -1;
	return unlinkat(folder, temporary, 0);
}

int
secret_write(const char *path, const void *p, size_t n, enum secret_mode mode,
    const char **why)
{
	char temporary[2 * RANDOM_BYTES + 8];
	int folder = open_folder(path, O_RDONLY, why);
	int fd, error, ok;

	if (folder < 0)
		return -1;
	fd = create_temporary(folder, temporary, sizeof temporary);
	ok = fd >= 0 && fchmod(fd, 0600) == 0 && app_write(fd, p, n) == 0 &&
	    fsync(fd) == 0 &&
	    settle(folder, temporary, file_name(path), mode) == 0 &&
	    fsync(folder) == 0;
	if (!ok)
		failed(why);
	error = errno;
	if (fd >= 0) {
		close(fd);
		if (!ok)
			unlinkat(folder, temporary, 0);
	}
	close(folder);
	errno = error;
	return ok ? 0 : -1;
}

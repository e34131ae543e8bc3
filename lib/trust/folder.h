/*
 * The files of a network's folder: public, but what they say is trusted, so
 * nobody else may have written them.
 */
#ifndef SG_TRUST_FOLDER_H
#define SG_TRUST_FOLDER_H

#include <stddef.h>

#include "base/buf.h"

/*
 * folder_read(path, max, out, why) - Append the file's bytes.  It is opened
 * O_NOFOLLOW and O_NONBLOCK and has to be regular, ours or root's, not
 * writable by group or others, at most max bytes.  0, or -1 with errno and
 * *why, as of reason(), which begins with the path.
 */
int
folder_read(const char *path, size_t max, struct buf *out, const char **why);

/*
 * folder_check(path, why) - 0 if the directory is ours or root's and not
 * writable by group or others, else -1 as above.
 */
int folder_check(const char *path, const char **why);

/*
 * folder_write(path, p, n, why) - Replace the file (0644) in one step, as
 * durable as a rename is; directories above it that are absent are made
 * (0755).  0, or -1 as above.
 */
int folder_write(const char *path, const void *p, size_t n, const char **why);

/* The names found by folder_list(), sorted; all-zero is the empty list. */
struct folder_names {
	char **v;
	size_t n;
};

/*
 * folder_list(path, suffix, names, why) - Paths of the files below a directory
 * whose names end in suffix, relative to it, without the suffix ("a/b" for
 * a/b.cert); each directory on the way as folder_check().  A directory that
 * is absent is empty.  0, or -1 as above.
 */
int folder_list(const char *path, const char *suffix,
    struct folder_names *names, const char **why);
void folder_names_fini(struct folder_names *names);

#endif

/*
 * The reader, fed in pieces of any size through a pipe, gives the lines that
 * a split at newlines gives, and the dead file gets those that are too long.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/app.h"
#include "event/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int truth)
{
	if (!truth)
		abort();
}

/* What the reader is to give, and what is to be in the dead file. */
static void
split(const char *p, size_t n, size_t max, struct buf *good, struct buf *dead)
{
	const char *end = p + n;

	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((nl ? nl : end) - p);
		size_t bare = len - (len > 0 && p[len - 1] == '\r');

		if (bare > max) {
			buf_add(dead, p, len);
			buf_addc(dead, '\n');
		} else if (bare > 0) {
			buf_add(good, p, bare);
			buf_addc(good, '\n');
		}
		p += len + 1;
	}
}

static void
take_all(struct line_in *in, struct buf *good)
{
	enum line_result result;
	const char *p;
	size_t n;

	while ((result = line_take(in, &p, &n)) == LINE_GIVEN) {
		buf_add(good, p, n);
		buf_addc(good, '\n');
	}
	require(result == LINE_WAIT || result == LINE_END);
}

/* The fuzzer's own alarm may interrupt. */
static int
fill(struct line_in *in)
{
	int got;

	do
		got = line_fill(in);
	while (got < 0 && errno == EINTR);
	return got;
}

/* Write p[0..n) in pieces into a pipe that the reader reads as they come. */
static void
feed(
    struct line_in *in, const char *p, size_t n, size_t piece, struct buf *good)
{
	char path[64], *file = path;
	int ends[2];

	if (pipe(ends) != 0)
		abort();
	snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
	in->files = &file;
	in->nfiles = 1;
	take_all(in, good);
	for (size_t at = 0; at < n; at += piece) {
		size_t len = n - at < piece ? n - at : piece;

		require(app_write(ends[1], p + at, len) == 0);
		require(fill(in) == 1);
		take_all(in, good);
	}
	close(ends[1]);
	while (fill(in) > 0)
		take_all(in, good);
	take_all(in, good);
	close(ends[0]);
}

static void
require_equal(const struct buf *a, const struct buf *b)
{
	require(a->len == b->len);
	require(a->len == 0 || memcmp(a->p, b->p, a->len) == 0);
}

/* Reports go nowhere meanwhile: stderr belongs to the fuzzer. */
static int
silence(void)
{
	int saved = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY);

	dup2(nowhere, STDERR_FILENO);
	close(nowhere);
	return saved;
}

static void
speak(int saved)
{
	dup2(saved, STDERR_FILENO);
	close(saved);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf good = { 0 }, dead = { 0 }, got = { 0 }, kept = { 0 };
	struct line_in in;
	const char *p = (const char *)data + 2;
	size_t n;
	int dead_fd, saved;

	if (size < 2 || size > 32768)
		return 0;
	n = size - 2;
	dead_fd = memfd_create("dead", MFD_CLOEXEC);
	line_open(&in, NULL, 0);
	in.max = data[0];
	in.dead = dup(dead_fd);
	saved = silence();
	feed(&in, p, n, (size_t)data[1] + 1, &got);
	speak(saved);
	split(p, n, data[0], &good, &dead);
	require_equal(&got, &good);
	kept.len = (size_t)lseek(dead_fd, 0, SEEK_END);
	kept.p = malloc(kept.len + 1);
	require(pread(dead_fd, kept.p, kept.len, 0) == (ssize_t)kept.len);
	require_equal(&kept, &dead);
	require(line_close(&in) == 0);
	close(dead_fd);
	buf_fini(&good);
	buf_fini(&dead);
	buf_fini(&got);
	buf_fini(&kept);
	return 0;
}

/*
 * Recordings: a line that is refused leaves nothing behind and says why; one
 * that is read reads the same again as it is written.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device/tape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(int ok)
{
	if (!ok)
		abort();
}

/* The line that tape_write() makes, without its newline. */
static size_t
written(enum tape_direction direction, int64_t when, const struct buf *bytes,
    char *out, size_t max)
{
	static struct tape *t;
	static int fd = -1;
	char path[64];
	ssize_t n;

	if (t == NULL) {
		fd = memfd_create("tape", MFD_CLOEXEC);
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		t = tape_create(path);
		must(t != NULL);
	}
	must(ftruncate(fd, 0) == 0);
	must(tape_write(t, direction, when, bytes->p, bytes->len) == 0);
	n = pread(fd, out, max, 0);
	must(n > 0 && (size_t)n < max && out[n - 1] == '\n');
	return (size_t)n - 1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum tape_direction direction, again;
	struct buf one = { 0 }, two = { 0 };
	const char *why = NULL;
	int64_t when, then;
	char line[16384];
	size_t n;

	if (tape_read(
		(const char *)data, size, &when, &direction, &one, &why) != 0) {
		must(one.len == 0 && why != NULL);
		buf_fini(&one);
		return 0;
	}
	must(one.len > 0 && one.len <= size / 2);
	if (one.len < 8000 && when >= 0 && when < 253402300800000000) {
		n = written(direction, when, &one, line, sizeof line);
		must(tape_read(line, n, &then, &again, &two, &why) == 0);
		must(then == when && again == direction && two.len == one.len);
		must(memcmp(two.p, one.p, one.len) == 0);
	}
	buf_fini(&one);
	buf_fini(&two);
	return 0;
}

/*
 * The counter's file: whatever is in it, either it is refused or what comes
 * next is ahead of it; and a clean end is continued.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "event/ident.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/dev/shm/sg-fuzz-ident-XXXXXX";
static char file[64];

static void
must(int ok)
{
	if (!ok)
		abort();
}

static void
remove_dir(void)
{
	unlink(file);
	rmdir(dir);
}

static void
write_file(const uint8_t *data, size_t size)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ident a, b, c;
	int64_t ep, seq;

	if (file[0] == '\0') {
		must(mkdtemp(dir) != NULL);
		snprintf(file, sizeof file, "%s/x", dir);
		atexit(remove_dir);
	}
	write_file(data, size);
	if (ident_open(&a, dir, "x") < 0) {
		must(errno == EBADMSG);
		return 0;
	}
	must(a.ep >= 1 && a.seq >= 0);
	must(ident_open(&b, dir, "x") == 0 && b.ep > a.ep && b.seq == 0);
	ident_next(&b);
	ep = b.ep;
	seq = b.seq;
	must(ident_close(&a) == 0 && ident_close(&b) == 0);
	must(ident_open(&c, dir, "x") == 0 && c.ep == ep && c.seq == seq);
	must(ident_close(&c) == 0);
	return 0;
}

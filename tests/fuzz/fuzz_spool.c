/*
 * A spool driven by the input's bytes, its files cut and damaged in between:
 * whatever is given is what was added under that number, in order, and what
 * was synced is there unless its file was damaged.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "bus/spool.h"

enum { SIZE = 256 << 10, RECORDS = 512 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[64];

/* What was added: number of each record's first line, its size and byte. */
struct added {
	uint64_t first;
	uint32_t n;
	size_t len;
	char byte;
};

struct run {
	struct spool *spool;
	struct added added[RECORDS];
	size_t n;
	uint64_t next; /* number of the next record to be given */
	int damaged;   /* the last segment was cut or changed */
	int broken;    /* reading has failed */
};

static void
check(int ok)
{
	if (!ok)
		abort();
}

static void
empty_folder(void)
{
	DIR *d = opendir(dir);
	const struct dirent *entry;

	if (d == NULL)
		return;
	while ((entry = readdir(d)) != NULL)
		unlinkat(dirfd(d), entry->d_name, 0);
	closedir(d);
}

/* Change the newest segment: cut it, or flip a bit. */
static void
damage(uint8_t how, uint8_t where)
{
	DIR *d = opendir(dir);
	const struct dirent *entry;
	char newest[300] = "";
	struct stat st;
	uint8_t byte;
	off_t at;
	int fd;

	while (d != NULL && (entry = readdir(d)) != NULL)
		if (strstr(entry->d_name, ".seg") != NULL &&
		    strcmp(entry->d_name, newest) > 0)
			snprintf(newest, sizeof newest, "%s", entry->d_name);
	fd = d ? openat(dirfd(d), newest, O_RDWR) : -1;
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 96) {
		at = 96 + (st.st_size - 96) * where / 256;
		if (how % 2 == 0 && ftruncate(fd, at) < 0)
			abort();
		if (how % 2 != 0 && pread(fd, &byte, 1, at) == 1) {
			byte ^= (uint8_t)(1 << how % 8);
			if (pwrite(fd, &byte, 1, at) != 1)
				abort();
		}
	}
	if (fd >= 0)
		close(fd);
	if (d != NULL)
		closedir(d);
}

static void
add(struct run *r, uint8_t size)
{
	static char lines[16384];
	struct added *a = &r->added[r->n];
	uint32_t n = size % 7 + 1;

	if (r->n == RECORDS)
		return;
	a->len = (size_t)size * 60 + n;
	a->byte = (char)('a' + size % 26);
	a->n = n;
	a->first = spool_end(r->spool) + 1;
	memset(lines, a->byte, a->len);
	if (spool_add(r->spool, lines, a->len, n) == 0)
		r->n++;
	else
		check(errno == ENOSPC);
}

static void
next(struct run *r)
{
	struct spool_record record;
	const struct added *a = NULL;
	size_t i;
	int got = spool_next(r->spool, &record);

	if (got < 0)
		r->broken = 1;
	if (got <= 0) {
		check(got == 0 || r->damaged);
		return;
	}
	for (i = 0; i < r->n; i++)
		if (r->added[i].first == record.first)
			a = &r->added[i];
	check(a != NULL && a->n == record.n && a->len == record.len);
	for (i = 0; i < record.len; i++)
		check(record.lines[i] == a->byte);
	check(record.first == r->next);
	r->next = record.first + record.n;
}

static void
reopen(struct run *r, uint8_t how, uint8_t where)
{
	uint64_t end = spool_end(r->spool);
	const char *why = NULL;

	check(spool_close(r->spool) == 0);
	if (how >= 128) {
		damage(how, where);
		r->damaged = 1;
	}
	r->spool = spool_open(dir, "x", SIZE, &why);
	check(r->spool != NULL);
	check(spool_end(r->spool) <= end);
	check(r->damaged || spool_end(r->spool) == end);
	while (r->n > 0 && r->added[r->n - 1].first > spool_end(r->spool))
		r->n--;
	r->next = spool_done(r->spool) + 1;
	r->broken = 0;
}

static void
step(struct run *r, uint8_t op, uint8_t a, uint8_t b)
{
	switch (op % 8) {
	case 0:
	case 1: add(r, a); break;
	case 2: check(spool_sync(r->spool) == 0); break;
	case 3:
	case 4:
	case 5:
		if (!r->broken)
			next(r);
		break;
	case 6: check(spool_release(r->spool, r->next - 1) == 0); break;
	default: reopen(r, a, b);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run *r = calloc(1, sizeof *r);
	const char *why = NULL;
	size_t i;

	/* In memory where there is such a place: a spool syncs a lot. */
	if (dir[0] == '\0') {
		snprintf(dir, sizeof dir, "%s/fuzz_spool.%d",
		    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp",
		    (int)getpid());
	}
	empty_folder();
	check(r != NULL);
	r->spool = spool_open(dir, "x", SIZE, &why);
	check(r->spool != NULL);
	r->next = 1;
	for (i = 0; i + 2 < size; i += 3)
		step(r, data[i], data[i + 1], data[i + 2]);
	spool_close(r->spool);
	empty_folder();
	rmdir(dir);
	free(r);
	return 0;
}

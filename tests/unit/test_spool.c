#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crc.h"
#include "bus/spool.h"
#include "check.h"

enum { SIZE = 1 << 20 };

static char base[] = "/tmp/sgt.XXXXXX";

static const char *
path(const char *name)
{
	static char text[256];

	snprintf(text, sizeof text, "%s/%s", base, name);
	return text;
}

static struct spool *
open_at(const char *name, int64_t size)
{
	const char *why = "";
	struct spool *s = spool_open(path(name), "me@here", size, &why);

	if (s == NULL)
		printf("test_spool: %s: %s\n", name, why);
	return s;
}

static void
add(struct spool *s, const char *lines)
{
	uint32_t n = 0;
	const char *p;

	for (p = lines; *p != '\0'; p++)
		n += *p == '\n';
	if (spool_add(s, lines, strlen(lines), n) < 0)
		check(0, "add failed");
}

/* All that is left, as one string; released if asked. */
static const char *
drain(struct spool *s, int release)
{
	static struct buf b;
	struct spool_record r;

	buf_clear(&b);
	while (spool_next(s, &r) == 1) {
		buf_add(&b, r.lines, r.len);
		if (release)
			spool_release(s, r.first + r.n - 1);
	}
	return buf_cstr(&b);
}

static void
test_order(void)
{
	struct spool *s = open_at("order", SIZE);
	uint64_t chan = spool_chan(s);
	struct spool_record r;

	check(chan != 0 && strcmp(spool_from(s), "me@here") == 0, "new");
	check(spool_next(s, &r) == 0, "nothing there");
	add(s, "a\nb\n");
	check(spool_next(s, &r) == 0, "not given before it is durable");
	check(spool_sync(s) == 0, "sync");
	add(s, "c\n");
	check(spool_next(s, &r) == 1 && r.first == 1 && r.n == 2 &&
		r.len == 4 && memcmp(r.lines, "a\nb\n", 4) == 0,
	    "first record");
	check(spool_next(s, &r) == 0, "second is not durable yet");
	spool_sync(s);
	check(spool_next(s, &r) == 1 && r.first == 3 && r.n == 1, "second");
	check(spool_release(s, 2) == 0 && spool_done(s) == 2, "release");
	check(spool_close(s) == 0, "close");
	s = open_at("order", SIZE);
	check(spool_chan(s) == chan, "same channel");
	check(spool_done(s) == 2 && spool_end(s) == 3, "marks");
	check(strcmp(drain(s, 1), "c\n") == 0, "what was left");
	add(s, "d\n");
	spool_close(s);
	s = open_at("order", SIZE);
	check(spool_done(s) == 3 && spool_end(s) == 4, "numbers go on");
	check(strcmp(drain(s, 0), "d\n") == 0, "closing syncs");
	spool_close(s);
}

static void
test_lock(void)
{
	struct spool *s = open_at("lock", SIZE);
	const char *why = NULL;

	errno = 0;
	check(spool_open(path("lock"), "x", SIZE, &why) == NULL &&
		errno == EWOULDBLOCK && why != NULL,
	    "a second one is refused");
	spool_close(s);
}

/* Many segments, delivered ones are removed, the bound holds. */
static void
test_bound(void)
{
	struct spool *s = open_at("bound", 512 << 10);
	char line[1001];
	int i, stored = 0;

	memset(line, 'x', sizeof line);
	line[999] = '\n';
	line[1000] = '\0';
	for (i = 0; i < 1000; i++) {
		if (spool_add(s, line, 1000, 1) < 0)
			break;
		stored++;
	}
	check(errno == ENOSPC && stored > 450 && stored < 524, "bound");
	spool_sync(s);
	check(strlen(drain(s, 1)) == (size_t)stored * 1000, "all come out");
	check(spool_add(s, line, 1000, 1) == 0, "room again");
	spool_close(s);
	s = open_at("bound", 512 << 10);
	check(spool_done(s) == (uint64_t)stored && strlen(drain(s, 1)) == 1000,
	    "after the segments");
	spool_close(s);
}

/* The segment file of a fresh spool with three records. */
static size_t
three_records(const char *name, char *segment, size_t n)
{
	struct spool *s = open_at(name, SIZE);
	struct stat st;

	add(s, "a\nb\n");
	add(s, "c\n");
	add(s, "d\ne\n");
	spool_close(s);
	snprintf(segment, n, "%s/0000000000000001.seg", path(name));
	return stat(segment, &st) == 0 ? (size_t)st.st_size : 0;
}

/* However the file is cut, whole records in front stay, and it goes on. */
static void
test_torn(void)
{
	char name[32], segment[300];
	size_t full, cut;
	struct spool *s;
	uint64_t end;

	full = three_records("torn", segment, sizeof segment);
	check(full == 96 + 3 * 24 + 4 + 2 + 4, "layout");
	for (cut = 96; cut < full; cut++) {
		snprintf(name, sizeof name, "torn%zu", cut);
		three_records(name, segment, sizeof segment);
		if (truncate(segment, (off_t)cut) < 0)
			check(0, "truncate");
		s = open_at(name, SIZE);
		end = cut < 96 + 28 ? 0 : cut < 96 + 54 ? 2 : 3;
		check(spool_end(s) == end, "end of a torn file");
		add(s, "z\n");
		spool_sync(s);
		check(strcmp(drain(s, 1),
			  end == 0	 ? "z\n"
			      : end == 2 ? "a\nb\nz\n"
					 : "a\nb\nc\nz\n") == 0,
		    "torn file goes on");
		spool_close(s);
	}
}

/* A flipped bit never gives wrong bytes. */
static void
test_flipped(void)
{
	char name[32], segment[300];
	const char *why, *got;
	size_t at, full;
	struct spool *s;
	char byte;
	int fd;

	full = three_records("flip", segment, sizeof segment);
	for (at = 0; at < full; at++) {
		snprintf(name, sizeof name, "flip%zu", at);
		three_records(name, segment, sizeof segment);
		fd = open(segment, O_RDWR);
		if (pread(fd, &byte, 1, (off_t)at) != 1)
			check(0, "read");
		byte ^= 4;
		if (pwrite(fd, &byte, 1, (off_t)at) != 1)
			check(0, "write");
		close(fd);
		s = spool_open(path(name), "x", SIZE, &why);
		if (at < 96) {
			check(s == NULL, "damaged header is refused");
			spool_close(s);
			continue;
		}
		got = s ? drain(s, 0) : "?";
		check(*got == '\0' || strcmp(got, "a\nb\n") == 0 ||
			strcmp(got, "a\nb\nc\n") == 0,
		    "flipped bit");
		spool_close(s);
	}
}

/* A spool that has lost its state sends again, from the same numbers. */
static void
test_lost_state(void)
{
	char segment[300], state[300];
	struct spool *s;
	uint64_t chan;

	three_records("state", segment, sizeof segment);
	s = open_at("state", SIZE);
	chan = spool_chan(s);
	drain(s, 1);
	spool_close(s);
	snprintf(state, sizeof state, "%s/state", path("state"));
	unlink(state);
	s = open_at("state", SIZE);
	check(spool_chan(s) == chan && spool_done(s) == 0 &&
		strcmp(drain(s, 0), "a\nb\nc\nd\ne\n") == 0,
	    "everything again");
	spool_close(s);
}

static void
test_crc(void)
{
	static const char text[] = "123456789";
	size_t i;

	/* RFC 3720 B.4: 32 bytes of zeros; the usual check value. */
	check(crc32c(0, text, 9) == 0xe3069283, "check value");
	check(crc32c_portable(0, text, 9) == 0xe3069283, "portable");
	check(crc32c(0, (const char[32]){ 0 }, 32) == 0x8a9136aa, "zeros");
	for (i = 0; i <= 9; i++)
		check(crc32c(crc32c(0, text, i), text + i, 9 - i) == 0xe3069283,
		    "in parts");
}

/* What waits, the oldest event, as seen from outside. */
static void
looks(const char *name, uint64_t waiting, const char *first, const char *why)
{
	struct spool_look look = { 0 };
	const char *wrong = "";

	check(spool_look(path(name), &look, &wrong) == 0, "%s: %s", why, wrong);
	check(look.waiting == waiting, "%s: %llu wait", why,
	    (unsigned long long)look.waiting);
	check(strcmp(buf_cstr(&look.first), first) == 0, "%s: first is %s", why,
	    look.first.p);
	check(look.bytes >= 96, "%s: %llu bytes", why,
	    (unsigned long long)look.bytes);
	buf_fini(&look.first);
}

static void
looks_wrong(const char *name, int error, const char *why)
{
	struct spool_look look = { 0 };
	const char *wrong = NULL;

	errno = 0;
	check(spool_look(path(name), &look, &wrong) < 0 && errno == error &&
		wrong != NULL,
	    "%s: errno %d", why, errno);
	buf_fini(&look.first);
}

static void
test_look(void)
{
	char lines[200], segment[64];
	struct spool *s;

	looks_wrong("none", ENOENT, "no folder");
	mkdir(path("empty"), 0700);
	looks_wrong("empty", ENOENT, "a folder that is no spool");
	s = open_at("look", SIZE);
	looks("look", 0, "", "new");
	add(s, "a\nb\nc\n");
	add(s, "d\n");
	looks("look", 4, "a", "while it is in use");
	spool_sync(s);
	spool_release(s, 2);
	looks("look", 2, "c", "within a record");
	spool_release(s, 3);
	looks("look", 1, "d", "a record further");
	spool_release(s, 4);
	looks("look", 0, "", "all is delivered");
	memset(lines, 'x', sizeof lines);
	lines[sizeof lines - 2] = '\n';
	lines[sizeof lines - 1] = '\0';
	for (int i = 0; i < 2000; i++)
		add(s, lines);
	spool_sync(s);
	spool_release(s, 1500);
	lines[sizeof lines - 2] = '\0';
	looks("look", 504, lines, "several segments");
	check(spool_close(s) == 0, "close");
	looks("look", 504, lines, "while it is not in use");
	s = open_at("look", SIZE);
	check(s != NULL && spool_done(s) == 1500, "looking changes nothing");
	spool_close(s);
	s = open_at("hurt", SIZE);
	add(s, "a\n");
	spool_close(s);
	snprintf(
	    segment, sizeof segment, "%s", path("hurt/0000000000000001.seg"));
	check(truncate(segment, 110) == 0, "truncate");
	looks("hurt", 0, "", "a torn end does not count");
}

int
main(void)
{
	char command[64];

	if (mkdtemp(base) == NULL)
		return 1;
	test_crc();
	test_order();
	test_lock();
	test_bound();
	test_torn();
	test_flipped();
	test_lost_state();
	test_look();
	snprintf(command, sizeof command, "rm -r %s", base);
	if (system(command) != 0)
		return 1;
	return check_done();
}

/* The byte layout of records and rows. */
#include "broker/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc.h"
#include "base/die.h"

static int passed, failed;

static void
check(int ok, int line, const char *what)
{
	if (ok) {
		passed++;
		return;
	}
	failed++;
	printf("test_record: line %d: %s\n", line, what);
}

/* RFC 3720 B.4 and the check value of the polynomial. */
static void
test_crc(void)
{
	uint8_t zeros[32] = { 0 }, ones[32], up[32];
	uint8_t part[100];
	const struct {
		const void *p;
		size_t n;
		uint32_t want;
	} cases[] = {
		{ "", 0, 0 },
		{ "123456789", 9, 0xe3069283 },
		{ zeros, 32, 0x8a9136aa },
		{ ones, 32, 0x62a8ab43 },
		{ up, 32, 0x46dd794e },
	};

	memset(ones, 255, sizeof ones);
	for (size_t i = 0; i < sizeof up; i++)
		up[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		check(crc32c(0, cases[i].p, cases[i].n) == cases[i].want,
		    __LINE__, "known value");
		check(
		    crc32c_portable(0, cases[i].p, cases[i].n) == cases[i].want,
		    __LINE__, "known value without the instruction");
	}
	for (size_t i = 0; i < sizeof part; i++)
		part[i] = (uint8_t)(i * 37);
	for (size_t i = 0; i <= sizeof part; i++)
		check(crc32c(crc32c(0, part, i), part + i, sizeof part - i) ==
			crc32c(0, part, sizeof part),
		    __LINE__, "in parts");
}

/* Run numbers of the runs of deps. */
static const uint32_t number[] = { 70, 71, 72, 0x01020304 };

static const struct {
	struct frame_head head;
	const char *why;
} frames[] = {
	{ { .n = 1,
	      .events = 1,
	      .numbers = 1,
	      .rt = 1795388400123456,
	      .from = "flat12",
	      .chan = 0x0123456789abcdef,
	      .first = 981,
	      .summary = (const uint8_t *)"0123456789abcdef",
	      .summary_len = 16,
	      .lines = "{}\n",
	      .len = 3 },
	    "all fields" },
	{ { .n = 2, .events = 3, .rt = -5, .lines = "a\nb\nc\n", .len = 6 },
	    "no publisher, no summary, before 1970" },
	{ { .n = 5,
	      .events = 1,
	      .dep = { { 3, 0x0807060504030201 }, { 0, 1 }, { 2, UINT64_MAX } },
	      .deps = 3,
	      .lines = "y\n",
	      .len = 2 },
	    "all deps" },
	{ { .n = 6,
	      .events = 1,
	      .numbers = UINT32_MAX,
	      .rt = INT64_MAX,
	      .from = "0123456789012345678901234567890123456789"
		      "012345678901234567890123",
	      .chan = UINT64_MAX,
	      .first = UINT64_MAX,
	      .lines = "x\n",
	      .len = 2 },
	    "the longest and largest" },
};

enum { N = sizeof frames / sizeof frames[0] };

static uint8_t *
make(size_t n, size_t *length)
{
	uint8_t *out, *at;

	*length = RECORD_HEAD;
	for (size_t i = 0; i < n; i++)
		*length += record_frame_size(&frames[i].head);
	out = xmalloc(*length);
	at = record_begin(out);
	for (size_t i = 0; i < n; i++)
		at = record_add(at, &frames[i].head, number);
	record_finish(out, *length, 7);
	return out;
}

/* b was read: its deps have run numbers. */
static int
same_deps(const struct frame_head *a, const struct frame_head *b)
{
	if (a->deps != b->deps)
		return 0;
	for (uint32_t i = 0; i < a->deps; i++)
		if (number[a->dep[i].run] != b->dep[i].run ||
		    a->dep[i].n != b->dep[i].n)
			return 0;
	return 1;
}

static int
same(const struct frame_head *a, const struct frame_head *b)
{
	return same_deps(a, b) && a->n == b->n && a->events == b->events &&
	    a->numbers == b->numbers && a->rt == b->rt && a->chan == b->chan &&
	    a->first == b->first && a->len == b->len &&
	    strcmp(a->from, b->from) == 0 && a->summary_len == b->summary_len &&
	    (a->summary_len == 0 ||
		memcmp(a->summary, b->summary, a->summary_len) == 0) &&
	    memcmp(a->lines, b->lines, a->len) == 0;
}

static void
test_round_trip(void)
{
	size_t length, at = RECORD_HEAD;
	uint8_t *p = make(N, &length);
	struct frame_head head;
	struct record r;

	check(record_check(p, length) == 0, __LINE__, "its checksum");
	check(record_head(p, length, &r) == 0 && r.length == length &&
		r.run == 7 && r.frames == N && r.n == 1 && r.events == 6 &&
		r.rt == 1795388400123456 && r.rt_last == INT64_MAX,
	    __LINE__, "its head");
	for (size_t i = 0; i < N; i++)
		check(record_frame(p, length, &at, &head) == 1 &&
			same(&frames[i].head, &head),
		    __LINE__, frames[i].why);
	check(record_frame(p, length, &at, &head) == 0, __LINE__, "the end");
	free(p);
}

/* The layout may never change: these are the bytes of sg-store(5). */
static void
test_bytes(void)
{
	static const uint8_t want[] = {				/* head */
		0xa7, 0xc1, 0xdb, 0x08, 0xed, 0xf6, 0x05, 0x31, /* CRCs */
		1, 0, 0, 0, 152, 0, 0, 0,		  /* version, length */
		7, 0, 0, 0, 1, 0, 0, 0,			  /* run, frames */
		1, 0, 0, 0, 0, 0, 0, 0,			  /* first event */
		1, 0, 0, 0, 0, 0, 0, 0,			  /* events */
		0x40, 0xbe, 0xd2, 0x6f, 0xe5, 0x60, 6, 0, /* first rt */
		0x40, 0xbe, 0xd2, 0x6f, 0xe5, 0x60, 6, 0, /* last rt */
		0, 0, 0, 0, 0, 0, 0, 0,
		/* frame */
		88, 0, 0, 0, 1, 0, 0, 0,		  /* length, events */
		1, 0, 0, 0, 0, 0, 0, 0,			  /* number */
		0x40, 0xbe, 0xd2, 0x6f, 0xe5, 0x60, 6, 0, /* rt */
		0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01, 0xd5, 3, 0, 0,
		0, 0, 0, 0,		 /* first */
		1, 0, 0, 0, 3, 0, 0, 0,	 /* numbers, lines */
		16, 0, 0, 0, 6, 0, 0, 0, /* summary, logs, from */
		'f', 'l', 'a', 't', '1', '2', '0', '1', '2', '3', '4', '5', '6',
		'7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f', '{', '}', '\n', 0,
		0, 0, 0, 0, 0, 0
	};
	size_t length;
	uint8_t *p = make(1, &length);

	check(length == sizeof want, __LINE__, "length");
	for (size_t i = 0; i < sizeof want && i < length; i++)
		if (p[i] != want[i]) {
			failed++;
			printf("test_record: byte %zu is %#x, not %#x\n", i,
			    p[i], want[i]);
		}
	free(p);
}

static void
test_every_flip(void)
{
	size_t length;
	uint8_t *p = make(N, &length);

	for (size_t i = 0; i < length * 8; i++) {
		p[i / 8] ^= (uint8_t)(1 << i % 8);
		errno = 0;
		check(record_check(p, length) == -1 && errno == EBADMSG,
		    __LINE__, "a flipped bit is found");
		p[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t n = 0; n < length; n++)
		check(record_check(p, n) == -1, __LINE__, "cut off");
	free(p);
}

/* Bytes 50, 51 of a frame: other logs, of which a reader takes a few. */
static void
test_other_logs(void)
{
	size_t length, at = RECORD_HEAD, more = 12 * (FRAME_DEPS_MAX + 1);
	uint8_t *p = make(1, &length), *q = xcalloc(1, length + more);
	uint8_t *f = q + RECORD_HEAD;
	struct frame_head head, want = frames[0].head;

	memcpy(q, p, RECORD_HEAD + RECORD_FRAME);
	memcpy(f + RECORD_FRAME + more, p + RECORD_HEAD + RECORD_FRAME,
	    length - RECORD_HEAD - RECORD_FRAME);
	f[50] = FRAME_DEPS_MAX + 1;
	for (uint32_t i = 0; i <= FRAME_DEPS_MAX; i++) {
		record_put32(f + RECORD_FRAME + 12 * i, number[i]);
		record_put64(f + RECORD_FRAME + 12 * i + 4, 9 + i);
		if (i < FRAME_DEPS_MAX)
			want.dep[i] = (struct frame_dep){ i, 9 + i };
	}
	want.deps = FRAME_DEPS_MAX;
	record_put32(f, (uint32_t)(length - RECORD_HEAD + more));
	record_finish(q, length + more, 7);
	check(record_check(q, length + more) == 0 &&
		record_frame(q, length + more, &at, &head) == 1 &&
		same(&want, &head),
	    __LINE__, "more other logs than are read");
	at = RECORD_HEAD;
	f[50] = 200;
	errno = 0;
	check(record_frame(q, length + more, &at, &head) == -1 &&
		errno == EBADMSG,
	    __LINE__, "more than there is room for");
	free(p);
	free(q);
}

static void
test_keys(void)
{
	static const struct {
		uint32_t run;
		uint64_t n;
	} cases[] = { { 0, 0 }, { 0, 1 }, { 0, 255 }, { 0, 256 },
		{ 0, UINT64_MAX }, { 1, 0 }, { 255, 9 }, { 256, 1 },
		{ UINT32_MAX, 0 }, { UINT32_MAX, UINT64_MAX } };
	uint8_t key[RECORD_KEY], before[RECORD_KEY] = { 0 };
	uint32_t run;
	uint64_t n;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		record_key(key, cases[i].run, cases[i].n);
		check(record_key_read(key, sizeof key, &run, &n) == 0 &&
			run == cases[i].run && n == cases[i].n,
		    __LINE__, "read back");
		check(i == 0 || memcmp(before, key, sizeof key) < 0, __LINE__,
		    "keys sort as numbers");
		memcpy(before, key, sizeof key);
	}
	check(record_key_read(key, 11, &run, &n) == -1, __LINE__, "short key");
}

static void
test_rows(void)
{
	uint8_t row[9] = "----hello";

	record_seal(row, sizeof row, "key", 3);
	check(
	    record_sealed(row, sizeof row, "key", 3) == 0, __LINE__, "sealed");
	check(record_sealed(row, sizeof row, "kez", 3) == -1, __LINE__,
	    "another key");
	check(record_sealed(row, 3, "key", 3) == -1, __LINE__, "too short");
	row[8] ^= 1;
	check(record_sealed(row, sizeof row, "key", 3) == -1, __LINE__,
	    "another value");
}

int
main(void)
{
	test_crc();
	test_round_trip();
	test_bytes();
	test_every_flip();
	test_other_logs();
	test_keys();
	test_rows();
	if (failed == 0)
		printf("test_record: %d passed\n", passed);
	return failed != 0;
}

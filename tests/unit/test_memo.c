/*
 * The state file of a filter: what a crash at any moment leaves, what is
 * begun with, which marks are passed on; and its records.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/die.h"
#include "bus/memo.h"
#include "check.h"

static char dir[64];
static char path[80], second[84];
static const struct memo_options options = { path, "sg-test", 0xabc };

static struct mark
mark_of(const char *name, const char *id, int done, uint64_t n)
{
	static char d[4][160];
	static int turn;
	struct mark m = { .t = 5000000,
		.done = done,
		.n = n,
		.anew = done && n == 0,
		.has_cursor = 1 };

	turn = (turn + 1) % 4;
	snprintf(m.name, sizeof m.name, "%s", name);
	snprintf(m.id, sizeof m.id, "%s", id);
	m.cursor.n = 1;
	snprintf(m.cursor.at[0].name, sizeof m.cursor.at[0].name, "a");
	m.cursor.at[0].start = 1;
	m.cursor.at[0].n = n;
	snprintf(d[turn], sizeof d[turn],
	    "{\"name\":\"%s\",\"id\":\"%s\",\"cursor\":{\"a.1\":%d}}", name, id,
	    (int)n);
	m.d = d[turn];
	m.dn = strlen(d[turn]);
	return m;
}

static void
anew(void)
{
	unlink(path);
	unlink(second);
}

static struct memo *
opened(void)
{
	const char *why = "";
	int status = 0;
	struct memo *m = memo_open(&options, &status, &why);

	check(m != NULL, "open: %s", why);
	if (m == NULL)
		exit(1);
	return m;
}

static void
save(struct memo *m, const struct mark *mark, const char *state)
{
	const char *why = "";

	check(memo_save(m, mark, state, strlen(state), &why) == 0, "save: %s",
	    why);
}

/* Open, begin at the mark, and say what state it is. */
static const char *
begun(const struct mark *mark, int *got, const char **why)
{
	static char text[64];
	struct memo *m = opened();
	const char *p = NULL;
	size_t n = 0;

	*got = memo_begin(m, mark, &p, &n, why);
	snprintf(text, sizeof text, "%.*s", (int)n, n ? p : "");
	memo_close(m);
	return text;
}

static void
test_begin(void)
{
	struct mark k0 = mark_of("agg", "1.0", 1, 0);
	struct mark k1 = mark_of("agg", "1.1", 1, 7);
	struct mark k2 = mark_of("agg", "1.2", 0, 8);
	struct mark k3 = mark_of("agg", "1.3", 0, 9);
	struct mark other = mark_of("rule", "1.1", 1, 7);
	const char *why, *state;
	struct memo *m;
	int got;

	anew();
	state = begun(&k0, &got, &why);
	check(got == 0 && why == NULL, "a flow that begins: %s", state);
	begun(&k1, &got, &why);
	check(got == 0 && why != NULL, "no state for a flow that goes on");
	m = opened();
	memo_begin(m, &k0, &state, &(size_t){ 0 }, &why);
	save(m, &k1, "one");
	save(m, &k2, "second");
	memo_close(m);
	check(strcmp(begun(&k1, &got, &why), "one") == 0 && got == 1,
	    "the older of two");
	check(strcmp(begun(&k2, &got, &why), "second") == 0 && got == 1,
	    "the newer of two");
	begun(&k3, &got, &why);
	check(got == -1 && why != NULL, "neither");
	begun(&other, &got, &why);
	check(got == -1 && strstr(why, "flow") != NULL, "another flow's");
	begun(NULL, &got, &why);
	check(got == -1 && strstr(why, "marks") != NULL, "without marks");
	begun(&k0, &got, &why);
	check(got == 0 && why == NULL, "it begins anew all the same");
}

/* One that came to nothing is overwritten before the one begun with. */
static void
test_overwritten(void)
{
	struct mark k0 = mark_of("agg", "1.0", 1, 0);
	struct mark k1 = mark_of("agg", "1.1", 1, 7);
	struct mark k2 = mark_of("agg", "1.2", 0, 8);
	struct mark again = mark_of("agg", "2.2", 0, 8);
	const char *p, *why;
	struct memo *m;
	size_t n;
	int got;

	anew();
	m = opened();
	memo_begin(m, &k0, &p, &n, &why);
	save(m, &k1, "one");
	save(m, &k2, "lost");
	memo_close(m);
	m = opened();
	check(memo_begin(m, &k1, &p, &n, &why) == 1, "at the first");
	save(m, &again, "again");
	memo_close(m);
	check(strcmp(begun(&k1, &got, &why), "one") == 0, "still there");
	check(strcmp(begun(&again, &got, &why), "again") == 0, "and the new");
	begun(&k2, &got, &why);
	check(got == -1, "the lost one is gone");
}

/* Cut at every length, and one bit altered: the other state counts. */
static void
test_torn(void)
{
	struct mark k0 = mark_of("agg", "1.0", 1, 0);
	struct mark k1 = mark_of("agg", "1.1", 1, 7);
	struct mark k2 = mark_of("agg", "1.2", 0, 8);
	const char *p, *why, *state;
	struct memo *m;
	struct stat st;
	size_t n;
	int got, fd;
	char byte;

	anew();
	m = opened();
	memo_begin(m, &k0, &p, &n, &why);
	save(m, &k1, "one");
	save(m, &k2, "second");
	memo_close(m);
	check(stat(second, &st) == 0, "two files");
	for (off_t i = st.st_size - 1; i >= 0; i--) {
		fd = open(second, O_RDWR);
		if (pread(fd, &byte, 1, i) != 1)
			check(0, "read");
		byte ^= 1;
		if (pwrite(fd, &byte, 1, i) != 1)
			check(0, "write");
		state = begun(&k1, &got, &why);
		if (got != 1 || strcmp(state, "one") != 0)
			check(0, "byte %d altered: %s", (int)i, state);
		begun(&k2, &got, &why);
		if (got != -1)
			check(0, "byte %d altered: it counts", (int)i);
		if (ftruncate(fd, i) != 0)
			check(0, "cut");
		close(fd);
		state = begun(&k1, &got, &why);
		if (got != 1 || strcmp(state, "one") != 0)
			check(0, "cut to %d: %s", (int)i, state);
	}
	check(truncate(path, 10) == 0, "cut");
	begun(&k0, &got, &why);
	check(got == 0, "a first save that was cut short");
}

static void
test_refused(void)
{
	struct memo_options changed = options;
	struct mark k1 = mark_of("agg", "1.1", 1, 7);
	const char *p, *why = "";
	struct memo *m, *twice;
	int status = 0;
	size_t n;

	anew();
	m = opened();
	memo_begin(m, &k1, &p, &n, &why);
	save(m, &k1, "one");
	twice = memo_open(&options, &status, &why);
	check(twice == NULL && status == EXIT_UNAVAILABLE, "in use: %s", why);
	memo_close(m);
	changed.config = 1;
	check(
	    memo_open(&changed, &status, &why) == NULL && status == EXIT_CONFIG,
	    "other options: %s", why);
	changed = options;
	changed.program = "sg-other";
	check(
	    memo_open(&changed, &status, &why) == NULL && status == EXIT_CONFIG,
	    "another program: %s", why);
	changed = options;
	changed.path = dir;
	check(memo_open(&changed, &status, &why) == NULL &&
		status == EXIT_CANTCREATE,
	    "a folder: %s", why);
	m = opened();
	memo_begin(m, &k1, &p, &n, &why);
	save(m, &k1, "one");
	save(m, &k1, "two");
	memo_close(m);
	check(truncate(path, 20) == 0 && truncate(second, 20) == 0, "cut");
	check(memo_open(&options, &status, &why) == NULL && status == EXIT_IO,
	    "both damaged: %s", why);
	check(truncate(path, 0) == 0, "emptied");
	m = opened();
	check(memo_begin(m, NULL, &p, &n, &why) == 0, "emptied: anew");
	memo_close(m);
}

static void
test_unmarked(void)
{
	struct mark k0 = mark_of("agg", "1.0", 1, 0);
	const char *why, *p;
	struct memo *m;
	size_t n;
	int got;

	anew();
	for (int i = 0; i < 5; i++) {
		char state[8], before[8];
		snprintf(state, sizeof state, "run%d", i);
		snprintf(before, sizeof before, "run%d", i - 1);
		m = opened();
		got = memo_begin(m, NULL, &p, &n, &why);
		check(i == 0 ? got == 0
			     : got == 1 && n == 4 && memcmp(p, before, 4) == 0,
		    "run %d", i);
		save(m, NULL, state);
		memo_close(m);
	}
	begun(&k0, &got, &why);
	check(got == -1, "marks where there were none");
}

static void
test_due(void)
{
	struct mark begin = mark_of("agg", "1.0", 1, 7);
	struct mark k1 = mark_of("agg", "1.1", 0, 0);
	struct mark k2 = mark_of("agg", "1.2", 0, 0);
	const char *why, *p;
	struct memo *m;
	size_t n;

	anew();
	m = opened();
	memo_begin(m, &begin, &p, &n, &why);
	check(memo_due(m, &begin, 0, 0) == MEMO_SAVE, "done, not saved yet");
	save(m, &begin, "b");
	check(memo_due(m, &begin, 1, 0) == MEMO_PASS, "done and saved");
	check(memo_due(m, &k1, 0, 0) == MEMO_ABSORB, "nothing has happened");
	k1.end = 1;
	check(memo_due(m, &k1, 1, 0) == MEMO_SAVE, "something has");
	save(m, &k1, "1");
	k2.end = 1;
	check(memo_due(m, &k2, 1, 0) == MEMO_ABSORB, "k1 is not committed");
	snprintf(k2.committed, sizeof k2.committed, "%s", "1.1");
	check(memo_due(m, &k2, 1, 0) == MEMO_SAVE, "now it is");
	save(m, &k2, "2");
	k1.idle = 1;
	snprintf(k1.committed, sizeof k1.committed, "%s", "1.2");
	check(memo_due(m, &k1, 1, 0) == MEMO_ABSORB, "idle without lines");
	check(memo_due(m, &k1, 0, 1) == MEMO_SAVE, "idle with lines");
	k1.done = 1;
	check(memo_due(m, &k1, 1, 0) != MEMO_ABSORB, "done ones always");
	memo_close(m);
}

static void
test_peek(void)
{
	struct mark k0 = mark_of("agg", "1.0", 1, 0);
	struct mark k1 = mark_of("agg", "1.1", 1, 7);
	struct mark k2 = mark_of("agg", "1.2", 0, 8);
	static struct memo_peek peek;
	const char *p, *why = "";
	struct memo *m;
	size_t n;

	anew();
	check(memo_peek(&peek, path, &why) == 0 && peek.n == 0, "no file");
	m = opened();
	memo_begin(m, &k0, &p, &n, &why);
	check(memo_peek(&peek, path, &why) == 0 && peek.n == 0, "empty");
	save(m, &k1, "one");
	check(memo_peek(&peek, path, &why) == 0 && peek.n == 1 &&
		strcmp(peek.mark[0].id, "1.1") == 0,
	    "one");
	save(m, &k2, "two");
	check(memo_peek(&peek, path, &why) == 0 && peek.n == 2 &&
		strcmp(peek.mark[0].id, "1.2") == 0 &&
		strcmp(peek.mark[1].id, "1.1") == 0 &&
		peek.mark[0].cursor.at[0].n == 8 && peek.mark[0].t == 5000000,
	    "the newest first");
	save(m, &k1, "three");
	check(memo_peek(&peek, path, &why) == 0 && peek.n == 2 &&
		strcmp(peek.mark[0].id, "1.1") == 0 && peek.d[0].len == k1.dn &&
		memcmp(peek.d[0].p, k1.d, k1.dn) == 0,
	    "whatever file it is in");
	memo_close(m);
	memo_peek_fini(&peek);
	check(memo_peek(&peek, dir, &why) == -1, "a folder");
}

static const uint64_t numbers[] = { 0, 1, 127, 128, 16383, 16384, UINT32_MAX,
	(uint64_t)1 << 62, INT64_MAX, UINT64_MAX };

static void
test_record(void)
{
	const size_t count = sizeof numbers / sizeof *numbers;
	struct buf b = { 0 };
	struct memo_record r;
	const char *p;
	size_t n;

	for (size_t i = 0; i < count; i++) {
		memo_put_uint(&b, numbers[i]);
		memo_put_u64(&b, numbers[i]);
		memo_put_i64(&b, -(int64_t)(numbers[i] >> 1));
	}
	memo_put_double(&b, -1.5e300);
	memo_put_bytes(&b, "text", 4);
	memo_put_bytes(&b, NULL, 0);
	for (size_t len = 0; len < b.len; len++) {
		r = memo_record(b.p, len);
		for (size_t i = 0; i < count; i++) {
			memo_get_uint(&r);
			memo_get_u64(&r);
			memo_get_i64(&r);
		}
		memo_get_double(&r);
		memo_get_bytes(&r, &n);
		memo_get_bytes(&r, &n);
		if (!r.bad || memo_get_end(&r))
			check(0, "cut to %zu", len);
	}
	r = memo_record(b.p, b.len);
	for (size_t i = 0; i < count; i++)
		check(memo_get_uint(&r) == numbers[i] &&
			memo_get_u64(&r) == numbers[i] &&
			memo_get_i64(&r) == -(int64_t)(numbers[i] >> 1),
		    "number %zu", i);
	check(memo_get_double(&r) == -1.5e300, "a double");
	check(!memo_get_end(&r), "not yet the end");
	p = memo_get_bytes(&r, &n);
	check(n == 4 && memcmp(p, "text", 4) == 0, "bytes");
	memo_get_bytes(&r, &n);
	check(n == 0 && memo_get_end(&r), "no bytes, the end");
	buf_fini(&b);
}

static void
test_record_refused(void)
{
	static const struct {
		const char *p;
		size_t n;
		const char *why;
	} bad[] = {
		{ "\x80\x00", 2, "a number longer than it needs to be" },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, "65 bits" },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11,
		    "71 bits" },
	};
	struct memo_record r;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		r = memo_record(bad[i].p, bad[i].n);
		memo_get_uint(&r);
		check(r.bad, "%s", bad[i].why);
	}
	r = memo_record("\x05zzzz", 5);
	check(memo_get_count(&r, 1) == 0 && r.bad, "more than can follow");
	r = memo_record("\x02zzzz", 5);
	check(memo_get_count(&r, 2) == 2 && !r.bad, "as many as can follow");
}

int
main(void)
{
	snprintf(dir, sizeof dir, "/tmp/test_memo.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof path, "%s/state", dir);
	snprintf(second, sizeof second, "%s.2", path);
	test_begin();
	test_overwritten();
	test_torn();
	test_refused();
	test_unmarked();
	test_due();
	test_peek();
	test_record();
	test_record_refused();
	anew();
	rmdir(dir);
	return check_done();
}

/* Recordings: lines that are none, what is written, and read again. */
#include "device/tape.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static const struct {
	const char *line;
	const char *why; /* NULL: good */
	int64_t when;
	enum tape_direction direction;
	const char *bytes;
	size_t n;
} cases[] = {
	{ "", "no time", 0, 0, NULL, 0 },
	{ "55000A", "no time", 0, 0, NULL, 0 },
	{ " < 55", "no time", 0, 0, NULL, 0 },
	{ "2026-11-24T15:00:00 < 55", "no time", 0, 0, NULL, 0 },
	{ "2026-11-24T15:00:00Z", "neither", 0, 0, NULL, 0 },
	{ "2026-11-24T15:00:00Z ", "neither", 0, 0, NULL, 0 },
	{ "2026-11-24T15:00:00Z <", "neither", 0, 0, NULL, 0 },
	{ "2026-11-24T15:00:00Z = 55", "neither", 0, 0, NULL, 0 },
	{ "2026-11-24T15:00:00Z <55", "neither", 0, 0, NULL, 0 },
	{ "2026-11-24T15:00:00Z < ", "no bytes", 0, 0, NULL, 0 },
	{ "2026-11-24T15:00:00Z < 5", "no bytes", 0, 0, NULL, 0 },
	{ "2026-11-24T15:00:00Z < 55 0", "no bytes", 0, 0, NULL, 0 },
	{ "2026-11-24T15:00:00Z < 5 50", "no bytes", 0, 0, NULL, 0 },
	{ "2026-11-24T15:00:00Z < 55G0", "no bytes", 0, 0, NULL, 0 },
	{ "2026-11-24T15:00:00.250000Z < 55AAff", NULL, 1795532400250000,
	    TAPE_CAME, "\x55\xaa\xff", 3 },
	{ "2026-11-24T16:00:00+01:00 > 00 01", NULL, 1795532400000000,
	    TAPE_SENT, "\0\1", 2 },
	{ "1795532400.5 < 00\r", NULL, 1795532400500000, TAPE_CAME, "", 1 },
};

static void
test_read(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf out = { 0 };
		enum tape_direction direction = 0;
		const char *why = "";
		int64_t when = 0;
		int failed;

		buf_adds(&out, "kept");
		failed = tape_read(cases[i].line, strlen(cases[i].line), &when,
		    &direction, &out, &why);
		if (cases[i].why != NULL)
			check(failed && strstr(why, cases[i].why) != NULL &&
				out.len == 4,
			    "\"%s\": %d, %s", cases[i].line, failed, why);
		else
			check(!failed && when == cases[i].when &&
				direction == cases[i].direction &&
				out.len == 4 + cases[i].n &&
				memcmp(out.p + 4, cases[i].bytes, cases[i].n) ==
				    0,
			    "\"%s\": %d, %s", cases[i].line, failed, why);
		buf_fini(&out);
	}
}

static void
put(const char *path, enum tape_direction direction, int64_t when,
    const char *p, size_t n)
{
	struct tape *t = tape_create(path);

	check(
	    t != NULL && tape_write(t, direction, when, p, n) == 0, "written");
	check(tape_close(t) == 0, "closed");
}

static void
holds(const char *path, const char *want)
{
	char text[512];
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, text, sizeof text - 1);

	text[n > 0 ? n : 0] = '\0';
	check(strcmp(text, want) == 0, "it holds \"%s\"", text);
	close(fd);
}

static void
test_write(void)
{
	char dir[] = "/tmp/test_tape.XXXXXX", path[64];
	struct stat st;
	int fd;

	check(mkdtemp(dir) != NULL, "a folder");
	check(tape_create(dir) == NULL && errno == EISDIR, "no file");
	snprintf(path, sizeof path, "%s/tape", dir);
	put(path, TAPE_CAME, 1795532400000001, "\x55\0\xff", 3);
	put(path, TAPE_CAME, 1795532400000002, "", 0);
	check(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600,
	    "for its owner alone");
	put(path, TAPE_SENT, -1, "\n", 1);
	holds(path,
	    "2026-11-24T15:00:00.000001Z < 5500FF\n"
	    "1969-12-31T23:59:59.999999Z > 0A\n");
	/* as after a crash, or a disk that was full */
	fd = open(path, O_WRONLY | O_TRUNC);
	check(write(fd, "2026-", 5) == 5, "a torn line");
	close(fd);
	put(path, TAPE_SENT, 0, "a", 1);
	holds(path, "2026-\n1970-01-01T00:00:00.000000Z > 61\n");
	unlink(path);
	rmdir(dir);
}

static void
test_full(void)
{
	struct tape *t = tape_create("/dev/full");

	check(t != NULL && tape_write(t, TAPE_CAME, 0, "a", 1) != 0 &&
		errno == ENOSPC,
	    "a full disk");
	tape_close(t);
}

int
main(void)
{
	test_read();
	test_write();
	test_full();
	return check_done();
}

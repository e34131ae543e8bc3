/*
 * Every state a crash can leave of a file and its .sg-cursor, and what the
 * next start makes of it; the batch of a command.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus/job.h"
#include "bus/sink.h"
#include "check.h"

/* A .sg-cursor of a file with so many bytes. */
#define SIDE_0 "{\"name\":\"job\",\"length\":0,\"cursor\":{\"A.1\":7}}\n"
#define SIDE_4 "{\"name\":\"job\",\"length\":4,\"cursor\":{\"A.1\":7}}\n"
#define SIDE_8 "{\"name\":\"job\",\"length\":8,\"cursor\":{\"A.1\":7}}\n"

static const struct {
	const char *file; /* NULL: absent */
	const char *side;
	int want;
	int error;
	const char *after; /* content of the file */
	const char *why;
} cases[] = {
	{ NULL, NULL, 0, 0, "", "the first start" },
	{ "old\n", NULL, 0, 0, "old\n", "a file of somebody else's is kept" },
	{ "1\n2\n", SIDE_4, 1, 0, "1\n2\n", "a clean end" },
	{ "1\n2\n3\nha", SIDE_4, 1, 0, "1\n2\n",
	    "killed between write and commit" },
	{ "1\n2\n", SIDE_0, 1, 0, "", "killed before the first commit" },
	{ NULL, SIDE_4, 1, 0, "", "the file was moved away" },
	{ "", SIDE_4, 1, 0, "", "the file was emptied" },
	{ "1\n", SIDE_4, -1, EINVAL, "1\n", "committed lines are lost" },
	{ "1\n2\n", "{\"name\":\"other\",\"length\":4,\"cursor\":{}}", -1,
	    EINVAL, "1\n2\n", "another cursor's" },
	{ "1\n2\n", "", -1, EINVAL, "1\n2\n", "an empty .sg-cursor" },
	{ "1\n2\n", "{\"name\":\"job\",\"length\":4", -1, EINVAL, "1\n2\n",
	    "half a .sg-cursor" },
	{ "1\n2\n", "{\"name\":\"job\",\"length\":-4,\"cursor\":{}}", -1,
	    EINVAL, "1\n2\n", "a length below zero" },
	{ "1\n2\n", "{\"name\":\"job\",\"length\":4,\"cursor\":7}", -1, EINVAL,
	    "1\n2\n", "a cursor that is none" },
	{ "1\n2\n",
	    "{\"name\":\"job\",\"length\":4,\"cursor\":{\"A.1\":7},"
	    "\"seen\":[[\"0000000000000001\",\"0000000000000002\",3]]}",
	    1, 0, "1\n2\n", "with what was seen" },
	{ "1\n2\n",
	    "{\"name\":\"job\",\"length\":4,\"cursor\":{\"A.1\":7},"
	    "\"seen\":[[\"0000000000000001\",\"0000000000000002\"]]}",
	    -1, EINVAL, "1\n2\n", "half of what was seen" },
	{ "1\n2\n",
	    "{\"name\":\"job\",\"length\":4,\"cursor\":{\"A.1\":7},"
	    "\"seen\":[[\"1\",\"0000000000000002\",3]]}",
	    -1, EINVAL, "1\n2\n", "seen of nobody" },
};

static void
put(const char *path, const char *content)
{
	FILE *f;

	if (content == NULL) {
		unlink(path);
		return;
	}
	f = fopen(path, "w");
	if (f == NULL || fputs(content, f) < 0 || fclose(f) != 0)
		exit(1);
}

static int
holds(const char *path, const char *content)
{
	char got[256] = "";
	FILE *f = fopen(path, "r");
	size_t n;

	if (f == NULL)
		return 0;
	n = fread(got, 1, sizeof(got) - 1, f);
	fclose(f);
	got[n] = '\0';
	return strcmp(got, content) == 0;
}

static void
run_case(size_t i)
{
	struct wire_cursor cursor = { .n = 0 };
	struct sink s;
	const char *why = NULL;
	int got;

	put("file", cases[i].file);
	put("file.sg-cursor", cases[i].side);
	errno = 0;
	got = sink_open(&s, "file", "job", &cursor, &why);
	check(got == cases[i].want &&
		(got >= 0 || (errno == cases[i].error && why != NULL)) &&
		(got != 1 || (cursor.n == 1 && cursor.at[0].n == 7)) &&
		holds("file", cases[i].after),
	    "%s", cases[i].why);
	sink_close(&s);
}

static void
test_commit(void)
{
	struct wire_cursor cursor = { .at = { { "A", 1, 7 } }, .n = 1 }, got;
	struct sink s, other;
	const char *why;

	put("file", "old\n");
	put("file.sg-cursor", NULL);
	check(sink_open(&s, "file", "job", &got, &why) == 0 &&
		sink_commit(&s, &cursor, NULL) == 0 &&
		holds("file.sg-cursor", SIDE_4),
	    "a commit binds what the file holds");
	check(sink_open(&other, "file", "job2", &got, &why) == -1 &&
		errno == EBUSY,
	    "one writer at a time");
	check(sink_write(&s, "new\n", 4) == 0 &&
		holds("file.sg-cursor", SIDE_4) &&
		sink_commit(&s, &cursor, NULL) == 0 &&
		holds("file.sg-cursor", SIDE_8) &&
		holds("file", "old\nnew\n") &&
		access("file.sg-cursor.new", F_OK) != 0,
	    "a write belongs to the cursor only after its commit");
	sink_close(&s);
	check(sink_open(&s, "pipe", "job", &got, &why) == -1 && errno == EINVAL,
	    "a pipe cannot be cut");
	check(
	    sink_open(&s, "no/file", NULL, &got, &why) == -1 && errno == ENOENT,
	    "a folder that does not exist");
	check(sink_open(&s, "plain", NULL, &got, &why) == 0 &&
		sink_write(&s, "x\n", 2) == 0 &&
		sink_commit(&s, &cursor, NULL) == 0 && sink_close(&s) == 0 &&
		holds("plain", "x\n") && access("plain.sg-cursor", F_OK) != 0,
	    "without a name it only appends");
}

/* More channels than are kept: the last ones stay, in their order. */
static void
test_seen(void)
{
	struct wire_cursor cursor = { .at = { { "A", 1, 7 } }, .n = 1 }, got;
	struct seen *seen = seen_new(SEEN_MAX), *later = seen_new(SEEN_MAX);
	struct seen_entry entries[SINK_SEEN];
	struct sink s;
	const char *why;
	size_t n;

	for (uint64_t i = 0; i < SINK_SEEN + 10; i++)
		seen_take(seen, "meter", 5, i, 1, 100 + i);
	put("file", NULL);
	put("file.sg-cursor", NULL);
	check(sink_open(&s, "file", "job", &got, &why) == 0 && s.nseen == 0 &&
		sink_commit(&s, &cursor, seen) == 0 && sink_close(&s) == 0,
	    "a commit with what was seen");
	check(sink_open(&s, "file", "job", &got, &why) == 1 &&
		s.nseen == SINK_SEEN,
	    "as much of it is back as is kept");
	seen_import(later, s.seen, s.nseen);
	n = seen_export(seen, entries, SINK_SEEN);
	check(n == s.nseen && memcmp(entries, s.seen, n * sizeof *entries) == 0,
	    "in the same order");
	check(seen_take(later, "meter", 5, 20, 120, 2) == 1 &&
		seen_take(later, "meter", 5, 9, 1, 1) == 0,
	    "so it counts again");
	sink_close(&s);
	seen_free(seen);
	seen_free(later);
}

static const struct {
	const char *command;
	int status;
	const char *out; /* in the file "out" */
} jobs[] = {
	{ "cat >out", 0, "line\n" },
	{ "printf %s \"$SG_FROM$SG_TO\" >out", 0, "{\"A.1\":7}{\"A.1\":9}" },
	{ "echo x >out; exit 3", 3, "x\n" },
	{ "kill -TERM $$", 128 + SIGTERM, "" },
	{ "/no/such/command 2>out.err", 127, "" },
	{ "trap >out; kill -PIPE $$", 128 + SIGPIPE, "" },
};

static void
run_job(size_t i)
{
	const struct wire_cursor from = { .at = { { "A", 1, 7 } }, .n = 1 },
				 to = { .at = { { "A", 1, 9 } }, .n = 1 };
	struct job j;
	struct pollfd fd;
	int status;

	put("out", "");
	job_init(&j);
	if (job_write(&j, "line\n", 5) != 0 ||
	    job_start(&j, jobs[i].command, &from, &to) != 0) {
		check(0, "%s", jobs[i].command);
		return;
	}
	fd = (struct pollfd){ .fd = j.pidfd, .events = POLLIN };
	status = poll(&fd, 1, 20000) == 1 ? job_end(&j) : -2;
	check(status == jobs[i].status && holds("out", jobs[i].out) &&
		j.fd == -1 && j.bytes == 0,
	    "%s", jobs[i].command);
	job_fini(&j);
}

static void
test_signal(void)
{
	const struct wire_cursor none = { .n = 0 };
	struct job j;
	char c;
	int fd, status;

	job_init(&j);
	if (mkfifo("fifo", 0600) != 0)
		exit(1);
	check(job_write(&j, "x", 1) == 0 &&
		job_start(&j, "sh -c 'echo up >fifo; read x <fifo'; true",
		    &none, &none) == 0,
	    "a command that waits");
	fd = open("fifo", O_RDONLY);
	check(read(fd, &c, 1) == 1, "it runs");
	job_signal(&j, SIGKILL);
	status = job_end(&j);
	check(status == 128 + SIGKILL, "a signal reaches the whole group");
	close(fd);
}

int
main(void)
{
	char dir[] = "/tmp/sgk.XXXXXX", command[64];

	if (mkdtemp(dir) == NULL || chdir(dir) != 0 ||
	    setenv("TMPDIR", dir, 1) != 0 || mkfifo("pipe", 0600) != 0)
		return 1;
	/* Opening a pipe for writing alone would wait for its reader. */
	if (open("pipe", O_RDWR | O_CLOEXEC) < 0)
		return 1;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		run_case(i);
	test_commit();
	test_seen();
	for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++)
		run_job(i);
	test_signal();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command) != 0)
		return 1;
	return check_done();
}

/* Header rows: one per file, one per batch; and what cannot be written. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/die.h"
#include "bus/outlet.h"
#include "check.h"

static struct format *format;

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

/* Write events whose values are the digits of v. */
static int
write_values(struct outlet *o, const char *v)
{
	char line[64];
	const char *why;
	struct event e;

	for (; *v != '\0'; v++) {
		snprintf(line, sizeof(line),
		    "{\"topic\":\"A\",\"t\":1,\"v\":%c}", *v);
		if (event_scan(&e, line, strlen(line), &why) != 0 ||
		    outlet_event(o, &e, NULL, &why) != 0)
			return -1;
	}
	return outlet_flush(o);
}

static const struct {
	const char *runs[3]; /* digits, one opening of the file each */
	const char *want;
	const char *why;
} files[] = {
	{ { "12" }, "v\n1\n2\n", "a header row, then the events" },
	{ { "12", "3" }, "v\n1\n2\n3\n", "one header row in all" },
	{ { "", "3" }, "v\n3\n", "a file without events has none" },
	{ { "1", "", "2" }, "v\n1\n2\n", "nothing to add" },
};

static void
run_file(size_t i)
{
	struct wire_cursor cursor;
	struct outlet o;
	const char *why;
	int ok = 1, status;

	unlink("file");
	for (size_t k = 0; k < 3 && files[i].runs[k] != NULL; k++) {
		ok = ok &&
		    outlet_file(&o, format, "file", NULL, &cursor, &status,
			&why) == 0 &&
		    write_values(&o, files[i].runs[k]) == 0;
		ok = outlet_close(&o) == 0 && ok;
	}
	check(ok && holds("file", files[i].want), "%s", files[i].why);
}

static const struct {
	const char *path;
	int status;
	const char *why;
} refusals[] = {
	{ "no/file", EXIT_CANTCREATE, "a folder that does not exist" },
	{ "pipe", EXIT_DATA, "a pipe cannot be bound to a cursor" },
};

static void
run_refusal(size_t i)
{
	struct wire_cursor cursor;
	struct outlet o;
	const char *why = NULL;
	int status = 0;

	check(outlet_file(&o, format, refusals[i].path, "c", &cursor, &status,
		  &why) == -1 &&
		status == refusals[i].status && why != NULL && *why != '\0',
	    "%s", refusals[i].why);
	outlet_close(&o);
}

static int
run(struct outlet *o)
{
	const struct wire_cursor none = { .n = 0 };

	return outlet_run(o, &none, &none) == 0 ? outlet_ran(o) : -1;
}

static void
test_command(void)
{
	struct outlet o;

	outlet_command(&o, format, "cat >>batches; echo end >>batches");
	check(write_values(&o, "1") == 0 && write_values(&o, "2") == 0 &&
		run(&o) == 0 && holds("batches", "v\n1\n2\nend\n"),
	    "a batch is all that was written");
	check(write_values(&o, "3") == 0 && run(&o) == 0 &&
		holds("batches", "v\n1\n2\nend\nv\n3\nend\n"),
	    "each batch has its header row");
	check(outlet_lines(&o, "x\n", 2) == 0 && o.bytes == 12 && run(&o) == 0,
	    "bytes are counted in all batches together");
	check(outlet_close(&o) == 0, "closing a command");
}

static void
test_full(void)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct outlet o;

	outlet_fd(&o, format, fd, "standard output");
	check(write_values(&o, "") == 0, "nothing fits on a full disk");
	check(write_values(&o, "1") == -1 && errno == ENOSPC && o.bytes == 0,
	    "anything else is an error, and not counted");
	outlet_close(&o);
	close(fd);
}

int
main(void)
{
	char dir[] = "/tmp/sgo.XXXXXX", clean[64];
	const char *why;

	format = format_new(FORMAT_CSV, "v", 0, &why);
	if (mkdtemp(dir) == NULL || chdir(dir) != 0 ||
	    setenv("TMPDIR", dir, 1) != 0 || mkfifo("pipe", 0600) != 0)
		return 1;
	/* Opening a pipe for writing alone would wait for its reader. */
	if (open("pipe", O_RDWR | O_CLOEXEC) < 0)
		return 1;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		run_file(i);
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		run_refusal(i);
	test_command();
	test_full();
	format_free(format);
	snprintf(clean, sizeof(clean), "rm -rf %s", dir);
	if (system(clean) != 0)
		return 1;
	return check_done();
}

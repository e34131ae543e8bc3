/* Which secret files are refused, and for what reason. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "trust/secret.h"

#include "check.h"

enum { NOBODY = 65534, RACES = 1000 };

static char folder[] = "/tmp/sg-test-secret-XXXXXX";
static char path[64], other[64], dir[64], inner[80];

static void
put(const char *name, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, "secret\n", 7) != 7 || fchmod(fd, mode) < 0)
		abort();
	close(fd);
}

static void
make_fine(void)
{
	put(path, 0600);
}

static void
make_read_only(void)
{
	put(path, 0400);
}

static void
make_symlink(void)
{
	put(other, 0600);
	if (symlink(other, path) < 0)
		abort();
}

static void
make_dangling(void)
{
	if (symlink("/nowhere/at/all", path) < 0)
		abort();
}

static void
make_hard_link(void)
{
	put(other, 0600);
	if (link(other, path) < 0)
		abort();
}

static void
make_fifo(void)
{
	if (mkfifo(path, 0600) < 0)
		abort();
}

static void
make_socket(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	if (bind(fd, (const struct sockaddr *)&address, sizeof address) < 0)
		abort();
	close(fd);
}

static void
make_folder(void)
{
	if (mkdir(path, 0700) < 0)
		abort();
}

static void
make_world(void)
{
	put(path, 0644);
}

static void
make_group(void)
{
	put(path, 0620);
}

static void
make_foreign(void)
{
	put(path, 0600);
	if (chown(path, NOBODY, NOBODY) < 0)
		abort();
}

static void
make_long(void)
{
	put(path, 0600);
	if (truncate(path, SECRET_FILE_MAX + 1) < 0)
		abort();
}

static void
make_full(void)
{
	put(path, 0600);
	if (truncate(path, SECRET_FILE_MAX) < 0)
		abort();
}

static void
make_nothing(void)
{
}

static const struct {
	void (*make)(void);
	mode_t folder;
	int root;	 /* only root can make it */
	const char *why; /* NULL: it is read */
} cases[] = {
	{ make_fine, 0700, 0, NULL },
	{ make_fine, 0755, 0, NULL },
	{ make_fine, 01777, 0, NULL },
	{ make_read_only, 0700, 0, NULL },
	{ make_full, 0700, 0, NULL },
	{ make_symlink, 0700, 0, "symbolic link" },
	{ make_dangling, 0700, 0, "symbolic link" },
	{ make_hard_link, 0700, 0, "has more than one link" },
	{ make_fifo, 0700, 0, "not a regular file" },
	{ make_socket, 0700, 0, "not a regular file" },
	{ make_folder, 0700, 0, "not a regular file" },
	{ make_world, 0700, 0, "can be read by others (mode 0644)" },
	{ make_group, 0700, 0, "can be read by others (mode 0620)" },
	{ make_foreign, 0700, 1, "belongs to another user" },
	{ make_long, 0700, 0, "larger than 16 KiB" },
	{ make_nothing, 0700, 0, "No such file or directory" },
	{ make_fine, 0777, 0,
	    "its folder can be written by others (mode 0777)" },
	{ make_fine, 0770, 0,
	    "its folder can be written by others (mode 0770)" },
};

static void
test_read(void)
{
	char *out = secret_new(SECRET_FILE_MAX + 1);
	const char *why;
	size_t n;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *want = cases[i].why;
		int got;

		if (cases[i].root && geteuid() != 0) {
			printf(
			    "test_secret: not root, so left out: %s\n", want);
			continue;
		}
		cases[i].make();
		chmod(folder, cases[i].folder);
		why = NULL;
		got = secret_read(path, out, &n, &why);
		check(got == (want == NULL ? 0 : -1), "case %zu: %d, %s", i,
		    got, why ? why : "no reason");
		if (got < 0 && want != NULL)
			check(strcmp(why, want) == 0, "\"%s\", want \"%s\"",
			    why, want);
		chmod(folder, 0700);
		if (remove(path) < 0 && errno != ENOENT)
			abort();
		unlink(other);
	}
	secret_free(out);
}

static void
test_write(void)
{
	char *out = secret_new(SECRET_FILE_MAX + 1);
	const char *why = "";
	struct stat st;
	size_t n = 0;

	umask(0);
	check(
	    secret_write(path, "one", 3, SECRET_CREATE, &why) == 0, "%s", why);
	check(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600,
	    "a secret file is for its owner, whatever the umask is");
	check(secret_write(path, "two", 3, SECRET_CREATE, &why) < 0 &&
		errno == EEXIST,
	    "written twice: %s", why);
	check(secret_read(path, out, &n, &why) == 0 && n == 3 &&
		strcmp(out, "one") == 0,
	    "what was there stays: %s", out);
	check(secret_write(path, "three", 5, SECRET_REPLACE, &why) == 0 &&
		secret_read(path, out, &n, &why) == 0 &&
		strcmp(out, "three") == 0,
	    "replaced: %s", out);
	unlink(path);
	put(other, 0600);
	if (symlink(other, path) < 0)
		abort();
	check(secret_write(path, "four", 4, SECRET_CREATE, &why) < 0,
	    "through a symbolic link");
	check(secret_write(path, "five", 4, SECRET_REPLACE, &why) == 0 &&
		lstat(path, &st) == 0 && S_ISREG(st.st_mode),
	    "a symbolic link is replaced, not followed");
	check(secret_read(other, out, &n, &why) == 0 &&
		strcmp(out, "secret\n") == 0,
	    "what it pointed to is as it was");
	unlink(path);
	unlink(other);
	chmod(folder, 0777);
	check(secret_write(path, "six", 3, SECRET_CREATE, &why) < 0 &&
		strncmp(why, "its folder", 10) == 0,
	    "into a folder of everybody: %s", why);
	chmod(folder, 0700);
	check(rmdir(folder) == 0, "temporary files are left behind");
	if (mkdir(folder, 0700) < 0)
		abort();
	secret_free(out);
}

static atomic_int stop;

/*
 * The folder changes places with one that everybody may write, in which a
 * forged key lies: the path leads now to the one, now to the other.
 */
static void *
swap(void *unused)
{
	char aside[64];

	(void)unused;
	snprintf(aside, sizeof aside, "%s/aside", folder);
	while (!stop) {
		renameat2(AT_FDCWD, dir, AT_FDCWD, other, RENAME_EXCHANGE);
		/* and the file with a link to the forged one */
		renameat2(AT_FDCWD, path, AT_FDCWD, aside, RENAME_EXCHANGE);
	}
	return NULL;
}

static void
test_race(void)
{
	char *out = secret_new(SECRET_FILE_MAX + 1), aside[64];
	int forged = 0, read = 0, refused = 0;
	pthread_t thread;
	const char *why;
	size_t n;
	FILE *f;

	mkdir(dir, 0700);
	snprintf(inner, sizeof inner, "%s/key", dir);
	put(inner, 0600);
	mkdir(other, 0700);
	snprintf(inner, sizeof inner, "%s/key", other);
	f = fopen(inner, "w");
	fputs("forged\n", f);
	fchmod(fileno(f), 0600);
	fclose(f);
	chmod(other, 0777);
	put(path, 0600);
	snprintf(aside, sizeof aside, "%s/aside", folder);
	if (symlink(inner, aside) < 0)
		abort();
	snprintf(inner, sizeof inner, "%s/key", dir);
	pthread_create(&thread, NULL, swap, NULL);
	for (int i = 0;
	     i < RACES || ((read == 0 || refused == 0) && i < 100 * RACES);
	     i++) {
		const char *which = i % 2 == 0 ? inner : path;

		if (secret_read(which, out, &n, &why) < 0) {
			refused++;
			continue;
		}
		read++;
		forged += strcmp(out, "secret\n") != 0;
	}
	stop = 1;
	pthread_join(thread, NULL);
	check(forged == 0, "%d times the forged key was read", forged);
	check(read > 0 && refused > 0, "%d read, %d refused: no race", read,
	    refused);
	secret_free(out);
}

static void
test_process(void)
{
	struct rlimit limit;
	char *p = secret_new(100);
	int zero = 1;

	for (int i = 0; i < 100; i++)
		zero &= p[i] == 0;
	check(zero, "new memory is zero");
	memset(p, 7, 100);
	secret_wipe(p, 100);
	for (int i = 0; i < 100; i++)
		zero &= p[i] == 0;
	check(zero, "wiped memory is zero");
	secret_free(p);
	secret_free(NULL);
	check(prctl(PR_GET_DUMPABLE) == 0, "the process can be dumped");
	check(getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0 &&
		limit.rlim_max == 0,
	    "core files are allowed");
}

static const struct {
	const char *in, *line;
	int n, error;
} lines[] = {
	{ "one\ntwo\n", "one", 3, 0 },
	{ "no end", "no end", 6, 0 },
	{ "\n", "", 0, 0 },
	{ "", NULL, -1, ENODATA },
	{ "12345678901234567890\n", NULL, -1, EMSGSIZE },
};

static void
test_passphrase(void)
{
	char out[16];

	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		int fd[2], n;

		if (pipe(fd) < 0 ||
		    write(fd[1], lines[i].in, strlen(lines[i].in)) < 0)
			abort();
		close(fd[1]);
		n = secret_passphrase(fd[0], "?", out, sizeof out);
		check(n == lines[i].n && (n >= 0 || errno == lines[i].error),
		    "\"%s\": %d", lines[i].in, n);
		check(n < 0 || strcmp(out, lines[i].line) == 0, "%s", out);
		if (i == 0)
			check(read(fd[0], out, 4) == 4 &&
				memcmp(out, "two\n", 4) == 0,
			    "the next line is the next reader's");
		close(fd[0]);
	}
}

int
main(void)
{
	secret_start();
	secret_start();
	if (mkdtemp(folder) == NULL)
		abort();
	snprintf(path, sizeof path, "%s/a.key", folder);
	snprintf(other, sizeof other, "%s/other", folder);
	snprintf(dir, sizeof dir, "%s/dir", folder);
	test_process();
	test_passphrase();
	test_read();
	test_write();
	test_race();
	snprintf(inner, sizeof inner, "rm -rf %s", folder);
	if (system(inner) != 0)
		abort();
	return check_done();
}

/*
 * The memory of a command guard: a file of any content is refused or read,
 * and what is fresh with it is not fresh again, whoever opens it next.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/date.h"
#include "event/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[64];

static void
require(int truth)
{
	if (!truth)
		abort();
}

static void
clean_up(void)
{
	(void)unlink(path);
	*strrchr(path, '/') = '\0';
	(void)rmdir(path);
}

/* In memory: the disk is not what is tested. */
static void
make_path(void)
{
	char folder[] = "/dev/shm/fuzz_command.XXXXXX";

	if (mkdtemp(folder) == NULL)
		abort();
	snprintf(path, sizeof path, "%s/f", folder);
	(void)atexit(clean_up);
}

static void
write_file(const uint8_t *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
}

static enum command_verdict
ask(struct command_guard *g, const char *line)
{
	struct event e;
	const char *why;

	require(event_scan(&e, line, strlen(line), &why) == 0);
	return command_check(g, &e, 1795388400LL * DATE_SECOND, &why);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const lines[] = {
		"{\"topic\":\"COMMAND/r\",\"t\":1795388400,\"ttl\":60,"
		"\"src\":\"a\",\"ep\":1,\"seq\":7,\"id\":\"x\"}",
		"{\"topic\":\"COMMAND/r\",\"t\":1795388400,\"ttl\":60,"
		"\"src\":\"b\",\"seq\":0,\"id\":\"y\"}",
		"{\"topic\":\"DR/REQUEST/r\",\"t\":1795388400,\"ttl\":60,"
		"\"src\":\"c\",\"seq\":1}",
	};
	struct command_guard *g;
	const char *why = NULL;

	if (path[0] == '\0')
		make_path();
	write_file(data, size);
	g = command_open(path, &why);
	require((g == NULL) == (why != NULL));
	if (g == NULL)
		return 0;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		enum command_verdict v = ask(g, lines[i]);

		require(v == COMMAND_FRESH || v == COMMAND_REPEATED);
		require(ask(g, lines[i]) == COMMAND_REPEATED);
	}
	require(command_close(g) == 0);
	g = command_open(path, &why);
	require(g != NULL);
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		require(ask(g, lines[i]) == COMMAND_REPEATED);
	require(command_close(g) == 0);
	return 0;
}

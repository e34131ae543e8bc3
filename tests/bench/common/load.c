#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/date.h"
#include "base/die.h"

#include "load.h"

static int
tcp_connect(const char *address)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *ai;
	const char *colon = strrchr(address, ':');
	char *host;
	int fd, on = 1;

	if (colon == NULL)
		die(EXIT_USAGE, "%s: neither /path nor HOST:PORT", address);
	host = xstrndup(address, (size_t)(colon - address));
	if (getaddrinfo(host, colon + 1, &hints, &ai) != 0)
		die(EXIT_UNAVAILABLE, "%s: unknown", address);
	free(host);
	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || connect(fd, ai->ai_addr, ai->ai_addrlen) == -1)
		die(EXIT_UNAVAILABLE, "%s: %s", address, strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	freeaddrinfo(ai);
	return fd;
}

int
load_connect(const char *address)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd;

	if (address[0] != '/')
		return tcp_connect(address);
	snprintf(sun.sun_path, sizeof sun.sun_path, "%s", address);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || connect(fd, (struct sockaddr *)&sun, sizeof sun) == -1)
		die(EXIT_UNAVAILABLE, "%s: %s", address, strerror(errno));
	return fd;
}

void
load_send(int fd, const void *p, size_t n)
{
	if (send(fd, p, n, MSG_NOSIGNAL) != (ssize_t)n)
		die(EXIT_UNAVAILABLE, "send: %s", strerror(errno));
}

void
load_files(void)
{
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

int64_t
load_cpu(pid_t pid)
{
	struct timespec t;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 ||
	    clock_gettime(clock, &t) == -1)
		die(EXIT_NOINPUT, "process %d: not found", (int)pid);
	return t.tv_sec * (int64_t)DATE_SECOND + t.tv_nsec / 1000;
}

long
load_memory(pid_t pid)
{
	char path[64], line[256];
	long kib = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	if ((f = fopen(path, "re")) == NULL)
		die(EXIT_NOINPUT, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, "RssAnon:", 8) == 0)
			kib = strtol(line + 8, NULL, 10);
	fclose(f);
	return kib * 1024;
}

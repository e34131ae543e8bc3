/*
 * One-way latency through two pipes: writes events at a steady rate into the
 * standard input of a publishing command, reads them from the standard output
 * of a subscribing one, and prints the median and the 99th percentile in
 * microseconds.
 *
 *	latency [-r RATE] [-n EVENTS] [-s BYTES] SUBSCRIBER PUBLISHER
 *
 * Both commands are given to sh.  Each event carries its number, so that what
 * is lost or out of order is counted and not measured.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 65536, SETTLE = 100, PAUSE = 20000000 };

static const int64_t LIMIT = 20000000000;

static double rate = 1000;
static long events = 5000;
static size_t size = 110;

static int64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static pid_t
start(const char *command, int fd, int as)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(fd, as);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

/* An event line of the wanted size with the number n in v. */
static size_t
make_line(char *line, long n)
{
	int len = snprintf(line, LINE,
	    "{\"topic\":\"MEASUREMENT/METER/%04ld/Load\",\"t\":%ld.%03ld,"
	    "\"v\":%ld,\"u\":\"W\",\"src\":\"m\",\"ep\":1,\"seq\":%ld",
	    labs(n) % 1000, 1795388400 + n / 1000, labs(n) % 1000, n, n + 2);

	if ((size_t)len + 12 < size) {
		len += snprintf(line + len, LINE - (size_t)len, ",\"pad\":\"");
		while ((size_t)len + 3 < size)
			line[len++] = 'x';
		line[len++] = '"';
	}
	line[len++] = '}';
	line[len++] = '\n';
	return (size_t)len;
}

static int64_t *sent, *took;
static long got, misplaced, probes;

static void
take_line(const char *line)
{
	const char *v = strstr(line, "\"v\":");
	long n = v != NULL ? strtol(v + 4, NULL, 10) : -1;

	if (n == -1 && strstr(line, "\"v\":-1,") != NULL) {
		probes++;
		return;
	}
	if (n < 0 || n >= events || took[n] != 0 || n != got) {
		misplaced++;
		if (n < 0 || n >= events)
			return;
	}
	took[n] = now() - sent[n];
	got = n + 1;
}

static void
take(int fd)
{
	static char buf[LINE * 4];
	static size_t len;
	ssize_t n = read(fd, buf + len, sizeof buf - 1 - len);
	char *p = buf, *lf;

	if (n <= 0)
		return;
	len += (size_t)n;
	buf[len] = '\0';
	while ((lf = memchr(p, '\n', len - (size_t)(p - buf))) != NULL) {
		*lf = '\0';
		take_line(p);
		p = lf + 1;
	}
	len -= (size_t)(p - buf);
	memmove(buf, p, len);
}

/* Read what comes until the time. */
static void
take_until(int fd, int64_t until)
{
	struct pollfd p = { fd, POLLIN, 0 };
	struct timespec wait;
	int64_t left;

	while ((left = until - now()) > 0) {
		wait.tv_sec = left / 1000000000;
		wait.tv_nsec = left % 1000000000;
		if (ppoll(&p, 1, &wait, NULL) > 0)
			take(fd);
	}
}

/* Events without a number, until one gets through; 0, or -1 after LIMIT. */
static int
warm_up(int in, int out)
{
	int64_t end = now() + LIMIT;
	char line[LINE];
	size_t n = make_line(line, -1);

	while (probes == 0) {
		if (now() > end || write(in, line, n) != (ssize_t)n)
			return -1;
		take_until(out, now() + PAUSE);
	}
	take_until(out, now() + 20 * (int64_t)PAUSE);
	return 0;
}

static int
by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void
report(void)
{
	long n = 0, i;

	for (i = SETTLE; i < events; i++)
		if (took[i] != 0)
			took[n++] = took[i];
	qsort(took, (size_t)n, sizeof *took, by_value);
	if (n == 0)
		return;
	printf("%.0f %.0f %ld %ld\n", (double)took[n / 2] / 1000,
	    (double)took[n * 99 / 100] / 1000, events - SETTLE - n, misplaced);
}

int
main(int argc, char **argv)
{
	int in[2], out[2], c;
	char line[LINE];
	int64_t begin;
	pid_t sub, pub;
	long i;

	while ((c = getopt(argc, argv, "r:n:s:")) != -1) {
		if (c == 'r')
			rate = strtod(optarg, NULL);
		else if (c == 'n')
			events = strtol(optarg, NULL, 10);
		else
			size = (size_t)strtol(optarg, NULL, 10);
	}
	if (argc - optind != 2 || pipe2(in, O_CLOEXEC) != 0 ||
	    pipe2(out, O_CLOEXEC) != 0)
		return 64;
	sent = calloc((size_t)events, sizeof *sent);
	took = calloc((size_t)events, sizeof *took);
	sub = start(argv[optind], out[1], STDOUT_FILENO);
	pub = start(argv[optind + 1], in[0], STDIN_FILENO);
	if (warm_up(in[1], out[0]) != 0)
		return 69;
	begin = now();
	for (i = 0; i < events; i++) {
		take_until(out[0], begin + (int64_t)((double)i / rate * 1e9));
		sent[i] = now();
		size_t n = make_line(line, i);
		if (write(in[1], line, n) != (ssize_t)n)
			return 74;
	}
	take_until(out[0], now() + 1000000000);
	report();
	kill(sub, SIGTERM);
	kill(pub, SIGTERM);
	close(in[1]);
	while (wait(NULL) > 0)
		;
	return 0;
}

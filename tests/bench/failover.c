/*
 * What a failing broker costs: writes events at a steady rate into a
 * publishing command, reads them from a subscribing one, and meanwhile kills
 * or stops a process.
 *
 *	failover [-r RATE] [-n EVENTS] [-s BYTES] [-a SECONDS] [-l SECONDS]
 *	    -k PID -c AGAIN | -t PID SUBSCRIBER PUBLISHER
 *
 * The commands are given to sh.  The publisher writes to descriptor 4 how many
 * lines are acknowledged, whenever that changes.  SECONDS (-a) after the first
 * event came out, PID is killed (-k) or stopped (-t); SECONDS (-l) later AGAIN
 * is run to start it once more, or it is continued.  It ends when all is
 * acknowledged and has come out, and prints the longest time in milliseconds
 * without an event and without an acknowledgement from the fault on, and the
 * events that were acknowledged, of those the ones that did not come out,
 * those that came twice, and those that came after a later one.
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

enum { LINE = 4096, ACKS = 4, CHUNK = 65536 };

static const int64_t LIMIT = 60000000000, TICK = 1000000;

static double rate = 1000, after = 3, length = 10;
static long events = 20000;
static size_t size = 110;
static pid_t victim;
static int stops;
static const char *again;

static int64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* What comes out of a process by lines that have a number. */
struct stream {
	int fd;
	char buf[CHUNK + 1];
	size_t len;
	int64_t last, longest; /* since the fault */
};

static struct stream out, acks;
static long acknowledged, got, top, twice, misplaced;
static unsigned char *seen;

static void
take_event(const char *line)
{
	const char *v = strstr(line, "\"v\":");
	long n = v != NULL ? strtol(v + 4, NULL, 10) : 0;

	if (n < 1 || n > events)
		return;
	if (seen[n]) {
		twice++;
		return;
	}
	seen[n] = 1;
	got++;
	if (n < top)
		misplaced++;
	else
		top = n;
}

static void
take_ack(const char *line)
{
	acknowledged = strtol(line, NULL, 10);
}

/* Read what there is.  0 at the end of the stream. */
static int
take(struct stream *s, void (*line)(const char *))
{
	ssize_t n = read(s->fd, s->buf + s->len, CHUNK - s->len);
	char *p = s->buf, *lf;
	int64_t t = now();

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	if (s->last != 0 && t - s->last > s->longest)
		s->longest = t - s->last;
	if (s->last != 0)
		s->last = t;
	s->len += (size_t)n;
	s->buf[s->len] = '\0';
	while ((lf = memchr(p, '\n', s->len - (size_t)(p - s->buf))) != NULL) {
		*lf = '\0';
		line(p);
		p = lf + 1;
	}
	s->len -= (size_t)(p - s->buf);
	memmove(s->buf, p, s->len);
	return 1;
}

/* An event line of the wanted size with the number n in v. */
static size_t
make_line(char *line, long n)
{
	int len = snprintf(line, LINE,
	    "{\"topic\":\"MEASUREMENT/METER/%04ld/Load\",\"t\":%ld.%03ld,"
	    "\"v\":%ld,\"u\":\"W\",\"src\":\"m\",\"ep\":1,\"seq\":%ld",
	    n % 1000, 1795388400 + n / 1000, n % 1000, n, n);

	if ((size_t)len + 12 < size) {
		len += snprintf(line + len, LINE - (size_t)len, ",\"pad\":\"");
		while ((size_t)len + 3 < size && len < LINE - 4)
			line[len++] = 'x';
		line[len++] = '"';
	}
	line[len++] = '}';
	line[len++] = '\n';
	return (size_t)len;
}

/* Write the events up to number due, as far as the pipe takes them. */
static int
feed(int fd, long due)
{
	static char line[LINE];
	static size_t len, from;
	static long number;
	ssize_t n;

	for (;;) {
		if (from == len) {
			if (number == due)
				return 0;
			len = make_line(line, ++number);
			from = 0;
		}
		n = write(fd, line + from, len - from);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		from += (size_t)n;
	}
}

/* Its descriptors given[] become as[]; it ends with us. */
static pid_t
start(const char *command, const int *given, const int *as, int n)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < n; i++)
		dup2(given[i], as[i]);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

/* Pipes well above the descriptors that the commands get. */
static int
make_pipe(int fd[2])
{
	int low[2];

	if (pipe2(low, O_CLOEXEC) != 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		fd[i] = fcntl(low[i], F_DUPFD_CLOEXEC, 16);
		close(low[i]);
	}
	return 0;
}

static void
fail_now(void)
{
	kill(victim, stops ? SIGSTOP : SIGKILL);
	out.last = acks.last = now();
}

static pid_t
mend(void)
{
	if (!stops)
		return start(again, NULL, NULL, 0);
	kill(victim, SIGCONT);
	return 0;
}

/* Until all is through or LIMIT has passed since the last event was due. */
static pid_t
run(int in)
{
	struct pollfd p[2] = { { out.fd, POLLIN, 0 }, { acks.fd, POLLIN, 0 } };
	int64_t begin = now(), first = 0, end;
	int phase = 0;
	pid_t other = 0;

	end = begin + (int64_t)((double)events / rate * 1e9) + LIMIT;
	while ((got < events || acknowledged < events || phase < 2) &&
	    now() < end) {
		double t = (double)(now() - begin) / 1e9 * rate;

		if (feed(in, t < (double)events ? (long)t : events) != 0)
			return other;
		poll(p, 2, (int)(TICK / 1000000));
		if (p[0].revents != 0 && !take(&out, take_event))
			return other;
		if (p[1].revents != 0 && !take(&acks, take_ack))
			p[1].fd = -1;
		if (first == 0 && got > 0)
			first = now();
		if (phase == 0 && first != 0 &&
		    now() > first + (int64_t)(after * 1e9)) {
			fail_now();
			phase = 1;
		} else if (phase == 1 &&
		    now() > first + (int64_t)((after + length) * 1e9)) {
			other = mend();
			phase = 2;
		}
	}
	return other;
}

static void
report(void)
{
	long lost = 0;

	for (long i = 1; i <= acknowledged && i <= events; i++)
		lost += !seen[i];
	if (got < events && now() - out.last > out.longest)
		out.longest = now() - out.last;
	printf("%ld %ld %ld %ld %ld %ld\n", (long)(out.longest / 1000000),
	    (long)(acks.longest / 1000000), acknowledged, lost, twice,
	    misplaced);
}

static void
options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "r:n:s:a:l:k:c:t:")) != -1) {
		switch (c) {
		case 'r': rate = strtod(optarg, NULL); break;
		case 'n': events = strtol(optarg, NULL, 10); break;
		case 's': size = (size_t)strtol(optarg, NULL, 10); break;
		case 'a': after = strtod(optarg, NULL); break;
		case 'l': length = strtod(optarg, NULL); break;
		case 'c': again = optarg; break;
		case 'k':
		case 't':
			victim = (pid_t)strtol(optarg, NULL, 10);
			stops = c == 't';
			break;
		default: exit(64);
		}
	}
	if (argc - optind != 2 || victim <= 0 || events < 1 ||
	    (!stops && again == NULL))
		exit(64);
}

int
main(int argc, char **argv)
{
	int in[2], from[2], ack[2];
	pid_t children[3];

	options(argc, argv);
	seen = calloc((size_t)events + 1, 1);
	if (seen == NULL || make_pipe(in) != 0 || make_pipe(from) != 0 ||
	    make_pipe(ack) != 0)
		return 71;
	signal(SIGPIPE, SIG_IGN);
	children[0] = start(
	    argv[optind], (int[]){ from[1] }, (int[]){ STDOUT_FILENO }, 1);
	children[1] = start(argv[optind + 1], (int[]){ in[0], ack[1] },
	    (int[]){ STDIN_FILENO, ACKS }, 2);
	close(in[0]);
	close(from[1]);
	close(ack[1]);
	out.fd = from[0];
	acks.fd = ack[0];
	fcntl(in[1], F_SETFL, O_NONBLOCK);
	children[2] = run(in[1]);
	report();
	for (int i = 0; i < 3; i++)
		if (children[i] > 0)
			kill(children[i], SIGKILL);
	while (wait(NULL) > 0)
		;
	return 0;
}

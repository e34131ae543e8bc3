/*
 * Many subscribers with one connection each, one long poll parked on each,
 * from one epoll loop: what an event costs the broker beside them.
 *
 *	subscribers [-c N] [-s] [-n EVENTS] [-d SECONDS] ADDRESS PID COMMAND...
 *
 * ADDRESS is a socket's path or HOST:PORT, PID the broker's process.  N
 * subscribers ask for topics that nobody publishes to, and one for all of
 * MEASUREMENT/METER/+/Load; with -s each of the N asks for its own
 * MEASUREMENT/METER/<00000...>/Load, and there is no other.  Once all are in
 * place COMMAND is started, which publishes; the time begins then and ends
 * when SECONDS have passed and EVENTS have come in.  Prints events received,
 * CPU time of the broker in microseconds, and seconds that passed.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/date.h"
#include "base/die.h"
#include "bus/sp.h"

#include "common/load.h"

enum { READY = 256, SCRATCH = 1 << 20, IN_FLIGHT = 2, LIMIT = 120 };

static struct {
	const char *address;
	pid_t pid;
	int parked, spread;
	uint64_t events;
	double seconds;
	char **command;
} o = { .seconds = 3 };

struct sub {
	int fd, number;
	int answered; /* its first fetch is, so it is subscribed */
	struct buf in;
	struct sp_reader reader;
};

struct run {
	int epoll, nsubs, answered;
	struct sub *subs; /* the one that reads all is the last, if any */
	uint64_t received;
	struct buf out;
};

static enum sp_transport
transport(void)
{
	return o.address[0] == '/' ? SP_IPC : SP_TCP;
}

static void
request(struct run *r, const struct sub *s, const char *text)
{
	static const uint8_t id[] = { 0x80, 0, 0, 1 };
	uint8_t head[SP_HEAD_MAX];
	size_t n = strlen(text);

	buf_clear(&r->out);
	buf_add(&r->out, head, sp_head(head, transport(), id, sizeof id, n));
	buf_add(&r->out, text, n);
	load_send(s->fd, r->out.p, r->out.len);
}

static void
sub_open(struct run *r, struct sub *s, int number)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = s };
	uint8_t greeting[SP_GREETING];
	char text[256], topic[64];
	int i;

	s->number = number;
	s->fd = load_connect(o.address);
	sp_greeting(greeting, SP_REQ);
	load_send(s->fd, greeting, sizeof greeting);
	sp_reader_init(&s->reader, transport(), SP_REP, 1 << 24);
	epoll_ctl(r->epoll, EPOLL_CTL_ADD, s->fd, &e);
	if (number == o.parked)
		snprintf(topic, sizeof topic, "+");
	else
		snprintf(
		    topic, sizeof topic, o.spread ? "%05d" : "x%05d", number);
	snprintf(text, sizeof text,
	    "{\"op\":\"fetch\",\"sub\":1,\"wait\":1,"
	    "\"filters\":[\"MEASUREMENT/METER/%s/Load\"]}",
	    topic);
	request(r, s, text);
	for (i = 1; number == o.parked && i < IN_FLIGHT; i++)
		request(r, s, "{\"op\":\"fetch\",\"sub\":1}");
}

static uint64_t
reply_events(const char *p, size_t n)
{
	static const char ok[] = "{\"ok\":true,", events[] = "\"n\":";
	const char *at;

	if (n >= sizeof ok - 1 && memcmp(p, ok, sizeof ok - 1) == 0 &&
	    (at = memmem(p, n, events, sizeof events - 1)) != NULL)
		return strtoull(at + sizeof events - 1, NULL, 10);
	die(EXIT_PROTOCOL, "the broker answers %.*s", (int)(n < 200 ? n : 200),
	    p);
}

static void
sub_reply(struct run *r, struct sub *s, const char *p, size_t n)
{
	r->received += reply_events(p, n);
	if (!s->answered)
		r->answered++;
	s->answered = 1;
	request(r, s, "{\"op\":\"fetch\",\"sub\":1}");
}

/* Whole replies at the start of s->in; returns the bytes used. */
static size_t
sub_take(struct run *r, struct sub *s)
{
	const char *p = s->in.p, *why;
	size_t n = s->in.len, used = 0;

	for (;;) {
		struct sp_reader before = s->reader;
		enum sp_step step = sp_read(&s->reader, &p, &n, &why);

		if (step == SP_BAD)
			die(EXIT_PROTOCOL, "the broker %s", why);
		if (step == SP_MESSAGE && n >= s->reader.body) {
			sub_reply(r, s, p, (size_t)s->reader.body);
			p += s->reader.body;
			n -= s->reader.body;
		} else if (step != SP_GREETED) {
			s->reader = before;
			return used;
		}
		used = (size_t)(p - s->in.p);
	}
}

static void
sub_read(struct run *r, struct sub *s)
{
	char *room = buf_room(&s->in, s->number == o.parked ? SCRATCH : 4096);
	ssize_t n = recv(
	    s->fd, room, s->number == o.parked ? SCRATCH : 4096, MSG_DONTWAIT);

	if (n == -1 && errno == EAGAIN)
		return;
	if (n <= 0)
		die(EXIT_UNAVAILABLE, "subscriber %d: %s", s->number,
		    n == 0 ? "closed by the broker" : strerror(errno));
	s->in.len += (size_t)n;
	buf_cut(&s->in, sub_take(r, s));
}

static void
poll_once(struct run *r)
{
	struct epoll_event ready[READY];
	int n = epoll_wait(r->epoll, ready, READY, 10), i;

	for (i = 0; i < n; i++)
		sub_read(r, ready[i].data.ptr);
}

/* Everybody's first fetch is answered after a second, if only by nothing. */
static void
subs_open(struct run *r)
{
	int64_t end = date_mono() + LIMIT * (int64_t)DATE_SECOND;
	int i;

	r->nsubs = o.parked + !o.spread;
	r->subs = xcalloc((size_t)r->nsubs, sizeof *r->subs);
	for (i = 0; i < r->nsubs; i++) {
		sub_open(r, &r->subs[i], i);
		if (i % READY == 0)
			poll_once(r);
	}
	while (r->answered < r->nsubs)
		if (date_mono() > end)
			die(EXIT_UNAVAILABLE, "%d of %d subscribers answered",
			    r->answered, r->nsubs);
		else
			poll_once(r);
}

static pid_t
command_start(void)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execvp(o.command[0], o.command);
	die(EXIT_NOINPUT, "%s: %s", o.command[0], strerror(errno));
}

static void
options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "+c:n:d:s")) != -1)
		switch (c) {
		case 'c': o.parked = (int)strtol(optarg, NULL, 10); break;
		case 'n': o.events = strtoull(optarg, NULL, 10); break;
		case 'd': o.seconds = strtod(optarg, NULL); break;
		case 's': o.spread = 1; break;
		default: exit(EXIT_USAGE);
		}
	if (argc - optind < 3)
		die(EXIT_USAGE, "see the comment at the top of the source");
	o.address = argv[optind];
	o.pid = (pid_t)strtol(argv[optind + 1], NULL, 10);
	o.command = argv + optind + 2;
}

int
main(int argc, char **argv)
{
	struct run r = { 0 };
	int64_t begin, cpu, took;

	die_name(argv[0]);
	options(argc, argv);
	load_files();
	r.epoll = epoll_create1(EPOLL_CLOEXEC);
	subs_open(&r);
	cpu = load_cpu(o.pid);
	begin = date_mono();
	command_start();
	do {
		poll_once(&r);
		took = date_mono() - begin;
		if (took > LIMIT * (int64_t)DATE_SECOND)
			die(EXIT_NO, "%llu events of %llu",
			    (unsigned long long)r.received,
			    (unsigned long long)o.events);
	} while (r.received < o.events || took < o.seconds * DATE_SECOND);
	cpu = load_cpu(o.pid) - cpu;
	while (wait(NULL) > 0)
		continue;
	printf("%llu %lld %.3f\n", (unsigned long long)r.received,
	    (long long)cpu, (double)took / DATE_SECOND);
	return EXIT_OK;
}

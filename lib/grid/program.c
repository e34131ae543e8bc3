#include "grid/program.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/child.h"
#include "base/date.h"
#include "base/die.h"
#include "event/event.h"

enum { FULL = 1 << 20, READ_SIZE = 65536, MOMENT = 10000 };

struct program {
	const char *command;
	struct topic_set topics;
	struct child child;
	int64_t started; /* 0: never yet */
	int64_t eof;	 /* when its output ended, 0: not yet */
	int broken;	 /* the line written last is not whole */
	struct buf to, from;
	size_t at;    /* first byte of from that was not given */
	int skipping; /* inside a line that is too long */
	int ending, ended;
};

struct program *
program_new(const char *command, struct topic_set *topics)
{
	struct program *p = xcalloc(1, sizeof *p);

	p->command = command;
	p->topics = *topics;
	*topics = (struct topic_set){ 0 };
	child_init(&p->child);
	return p;
}

void
program_free(struct program *p)
{
	if (p == NULL)
		return;
	child_close(&p->child);
	topic_set_fini(&p->topics);
	buf_fini(&p->to);
	buf_fini(&p->from);
	free(p);
}

const char *
program_command(const struct program *p)
{
	return p->command;
}

int
program_wants(const struct program *p, const char *topic, size_t n)
{
	return p->topics.n == 0 || topic_set_match(&p->topics, topic, n);
}

void
program_give(struct program *p, const char *line, size_t n)
{
	buf_add(&p->to, line, n);
	buf_addc(&p->to, '\n');
}

int
program_full(const struct program *p)
{
	return p->to.len > FULL;
}

int64_t
program_wait(const struct program *p, int64_t now)
{
	int64_t since = now - p->started;

	if (p->eof != 0)
		return MOMENT;
	if (p->started == 0)
		return 0;
	if (p->child.pid > 0 || p->to.len == 0 || p->ending)
		return -1;
	return since >= DATE_SECOND ? 0 : DATE_SECOND - since;
}

static int
start(struct program *p, int64_t now)
{
	const char *argv[] = { "/bin/sh", "-c", p->command, NULL };

	if (program_wait(p, now) != 0)
		return 0;
	p->started = now;
	return child_start(&p->child, argv, CHILD_IN | CHILD_OUT, NULL);
}

static void
close_input(struct program *p)
{
	if (p->child.in >= 0)
		close(p->child.in);
	p->child.in = -1;
}

/* SIGPIPE would end us instead of telling that it has gone. */
static ssize_t
write_to(int fd, const char *bytes, size_t n)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, before;
	ssize_t wrote;
	int saved;

	sigaction(SIGPIPE, &ignore, &before);
	wrote = write(fd, bytes, n);
	saved = errno;
	sigaction(SIGPIPE, &before, NULL);
	errno = saved;
	return wrote;
}

static void
write_some(struct program *p)
{
	ssize_t n = 0;
	size_t done = 0;

	while (p->child.in >= 0 && done < p->to.len &&
	    (n = write_to(p->child.in, p->to.p + done, p->to.len - done)) > 0)
		done += (size_t)n;
	if (done > 0)
		p->broken = p->to.p[done - 1] != '\n';
	buf_cut(&p->to, done);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		close_input(p);
	if (p->ending && p->to.len == 0)
		close_input(p);
}

/* 1 at the end of its output. */
static int
read_some(struct program *p)
{
	ssize_t n = -1;

	if (p->at > 0) {
		buf_cut(&p->from, p->at);
		p->at = 0;
	}
	while (p->from.len < FULL &&
	    (n = read(p->child.out, buf_room(&p->from, READ_SIZE), READ_SIZE)) >
		0)
		p->from.len += (size_t)n;
	return n == 0;
}

/* The next one that runs begins with a whole line. */
static void
drop_rest(struct program *p)
{
	const char *end =
	    p->to.len == 0 ? NULL : memchr(p->to.p, '\n', p->to.len);

	if (p->broken && end != NULL)
		buf_cut(&p->to, (size_t)(end - p->to.p) + 1);
	p->broken = 0;
}

/* Its output has ended: it is about to end, or is made to. */
static int
has_ended(struct program *p, int64_t now)
{
	if (p->eof == 0)
		p->eof = now;
	close_input(p);
	if (!child_ended(&p->child) && now - p->eof < DATE_SECOND)
		return 0;
	child_close(&p->child);
	p->eof = 0;
	drop_rest(p);
	if (p->from.len > 0 && p->from.p[p->from.len - 1] != '\n')
		buf_addc(&p->from, '\n');
	p->ended = p->ending;
	return 1;
}

enum program_news
program_work(struct program *p, int64_t now)
{
	if (p->ended)
		return PROGRAM_RUNS;
	if (p->eof == 0 && p->child.pid == 0 && start(p, now) < 0)
		return PROGRAM_FAILED;
	if (p->eof == 0 && p->child.pid == 0) {
		p->ended = p->ending;
		return PROGRAM_RUNS;
	}
	if (p->eof == 0) {
		write_some(p);
		if (!read_some(p))
			return PROGRAM_RUNS;
	}
	return has_ended(p, now) ? PROGRAM_ENDED : PROGRAM_RUNS;
}

void
program_poll(const struct program *p, struct pollfd *fds)
{
	int runs = p->child.pid > 0 && p->eof == 0;

	fds[0] =
	    (struct pollfd){ .fd = runs ? p->child.out : -1, .events = POLLIN };
	fds[1] =
	    (struct pollfd){ .fd = runs && p->to.len > 0 ? p->child.in : -1,
		    .events = POLLOUT };
}

int
program_status(const struct program *p)
{
	return p->child.status;
}

int
program_next(struct program *p, const char **line, size_t *n)
{
	for (;;) {
		const char *from = p->from.p + p->at;
		size_t left = p->from.len - p->at, len;
		const char *end = left == 0 ? NULL : memchr(from, '\n', left);
		int first = !p->skipping;

		if (end == NULL && left <= EVENT_LINE_MAX)
			return 0;
		len = end == NULL ? left : (size_t)(end - from);
		p->at += len + (end != NULL);
		if (p->skipping || len > EVENT_LINE_MAX) {
			p->skipping = end == NULL;
			if (first)
				return -1;
		} else if (len > 0) {
			*line = from;
			*n = len;
			return 1;
		}
	}
}

void
program_end(struct program *p)
{
	p->ending = 1;
}

int
program_done(const struct program *p)
{
	return p->ended && p->at == p->from.len;
}

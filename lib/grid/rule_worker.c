#include "grid/rule_worker.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/buf.h"

enum {
	READ_SIZE = 65536,
	TICKS = 8,	     /* parts of the time a run may take */
	SHORTEST_TICK = 1000 /* us */
};

/*
 * What the signal handler needs.  replies changes only while running is 0.
 */
static struct {
	int fd;
	struct buf replies, stopped; /* complete ones; that of a long run */
	volatile sig_atomic_t running, runs;
	sig_atomic_t seen;
	int ticks;
} worker;

static int
write_out(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return -1;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

void
rule_worker_memory(void *unused)
{
	(void)unused;
	/* So that it is known whose fault it is. */
	if (worker.running)
		write_out(worker.fd, worker.replies.p, worker.replies.len);
	_exit(RULE_WORKER_MEMORY);
}

static void
on_tick(int signal_number)
{
	(void)signal_number;
	if (!worker.running || worker.seen != worker.runs) {
		worker.seen = worker.runs;
		worker.ticks = 0;
		return;
	}
	if (++worker.ticks < TICKS)
		return;
	write_out(worker.fd, worker.replies.p, worker.replies.len);
	write_out(worker.fd, worker.stopped.p, worker.stopped.len);
	_exit(RULE_WORKER_STOPPED);
}

static void
prepare_stopped(int64_t time)
{
	struct buf why = { 0 };
	struct rule_reply r;
	size_t at = rule_reply_begin(&worker.stopped);

	buf_adds(&why, "stopped after ");
	if (time % 1000000 == 0)
		buf_addf(&why, "%lld s", (long long)(time / 1000000));
	else
		buf_addf(&why, "%lld ms", (long long)(time / 1000));
	rule_reply_fail(&worker.stopped, &r, RULE_STOPPED, buf_cstr(&why));
	rule_reply_end(&worker.stopped, at, &r);
	buf_fini(&why);
}

static void
start_ticks(int64_t time)
{
	struct sigaction sa = { .sa_handler = on_tick, .sa_flags = SA_RESTART };
	int64_t tick =
	    time / TICKS < SHORTEST_TICK ? SHORTEST_TICK : time / TICKS;
	struct itimerval every = { .it_interval = {
				       tick / 1000000, tick % 1000000 } };

	every.it_value = every.it_interval;
	sigemptyset(&sa.sa_mask);
	sigaction(SIGVTALRM, &sa, NULL);
	setitimer(ITIMER_VIRTUAL, &every, NULL);
}

/* 0 or -1. */
static int
flush(void)
{
	int result = write_out(worker.fd, worker.replies.p, worker.replies.len);

	buf_clear(&worker.replies);
	return result;
}

static int
run(struct rule_program *const *program, size_t n, struct rule_heap *heap,
    const struct rule_ask *a, struct buf *reply)
{
	if (a->flags & RULE_ASK_DROP) {
		rule_heap_drop(heap, a->slot);
		return 0;
	}
	if (a->rule >= n)
		return -1;
	buf_clear(reply);
	worker.runs = (int)((unsigned)worker.runs + 1);
	worker.running = 1;
	rule_program_run(program[a->rule], a, reply);
	worker.running = 0;
	buf_add(&worker.replies, reply->p, reply->len);
	return a->flags & RULE_ASK_FLUSH ? flush() : 0;
}

/* All complete runs in in: 0, or -1 if there is none where one should be. */
static int
run_all(struct rule_program *const *program, size_t n, struct rule_heap *heap,
    struct buf *in, struct buf *reply)
{
	struct rule_ask a;
	size_t at = 0, used;
	int got;

	while ((got = rule_ask_take(&a, in->p + at, in->len - at, &used)) > 0) {
		if (run(program, n, heap, &a, reply) < 0)
			return -1;
		at += used;
	}
	buf_cut(in, at);
	return got;
}

int
rule_worker_serve(int fd, struct rule_program *const *program, size_t n,
    struct rule_heap *heap, int64_t time)
{
	struct buf in = { 0 }, reply = { 0 };
	ssize_t got;

	worker.fd = fd;
	prepare_stopped(time);
	start_ticks(time);
	for (;;) {
		got = read(fd, buf_room(&in, READ_SIZE), READ_SIZE);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return RULE_WORKER_ENDED;
		in.len += (size_t)got;
		if (run_all(program, n, heap, &in, &reply) < 0)
			return RULE_WORKER_CONFUSED;
		if (flush() < 0)
			return RULE_WORKER_ENDED;
	}
}

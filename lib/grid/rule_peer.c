#include "grid/rule_peer.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "grid/rule_cache.h"
#include "grid/rule_stem.h"
#include "grid/rule_wire.h"

enum {
	BATCH = 32768,	  /* bytes given that make it worth a write */
	OPEN_MOST = 4096, /* runs, and bytes of them, that are enough */
	OPEN_BYTES = 1 << 20,
	READ_SIZE = 65536,
	HEAD_ROOM = 4096, /* of a reply, beyond the output */
	LOOK = 1000,	  /* ms between looks at a silent worker */
	OUTPUT_MOST = 256 << 20,
	TIME = 1000000,
	MEMORY = 256 << 20,
	OUTPUT = 1 << 20,
	STATE_SHARE = 32 /* part of the memory that is for states' text */
};

/* A worker is dead that says nothing for this long, us. */
static const int64_t silence = 5000000;
static const int64_t silence_runs = 15; /* and so many runs' time */

/* A run that is not answered yet. */
struct open_run {
	void *tag;
	struct rule_state *state;
	size_t at; /* of its record in out */
};

struct rule_peer {
	struct rule_plan plan; /* a copy, as is what it points to */
	struct rule_stem stem;
	int fd;
	int broken;	      /* the worker is gone, or not to be believed */
	struct buf out;	      /* records of open runs */
	size_t sent;	      /* of them */
	struct open_run *run; /* a ring, its size a power of two */
	size_t size, first, count;
	struct buf in; /* replies */
	size_t taken;  /* of them */
	struct buf why;
	struct rule_cache cache;
	int64_t heard;	   /* when the worker gave a sign of life */
	uint64_t answered; /* runs, in all */
	uint64_t suspect;  /* the one open when a worker died; +1 */
	uint64_t restarts;
};

static char *
copy(const char *p, size_t n)
{
	char *to = xmalloc(n + 1);

	if (n > 0)
		memcpy(to, p, n);
	to[n] = '\0';
	return to;
}

/* While there is an environment to find them by. */
static char *
find_modules(void)
{
	char share[4096], *end;

	if (app_share(share, sizeof share, "jq/sg.jq") < 0 ||
	    (end = strrchr(share, '/')) == NULL)
		return NULL;
	*end = '\0';
	return xstrdup(share);
}

static void
copy_plan(struct rule_plan *to, const struct rule_plan *from)
{
	struct rule_source *rule = xcalloc(from->rules + 1, sizeof *rule);

	*to = *from;
	for (size_t k = 0; k < from->rules; k++) {
		const struct rule_source *s = &from->rule[k];

		rule[k] = (struct rule_source){ .name = xstrdup(s->name),
			.file = xstrdup(s->file),
			.text = copy(s->text, s->n),
			.n = s->n,
			.context = copy(
			    s->context, s->context == NULL ? 0 : s->context_n),
			.context_n = s->context == NULL ? 0 : s->context_n };
	}
	to->rule = rule;
	to->knowledge_n = from->knowledge == NULL ? 0 : from->knowledge_n;
	to->knowledge = copy(from->knowledge, to->knowledge_n);
	to->zone = from->zone == NULL ? NULL : xstrdup(from->zone);
	to->modules =
	    from->modules == NULL ? find_modules() : xstrdup(from->modules);
	to->time = from->time > 0 ? from->time : TIME;
	to->memory = from->memory > 0 ? from->memory : MEMORY;
	to->output = from->output > 0 ? from->output : OUTPUT;
	if (to->output > OUTPUT_MOST)
		to->output = OUTPUT_MOST;
}

static void
free_const(const void *p)
{
	free((void *)(uintptr_t)p);
}

static void
free_plan(struct rule_plan *plan)
{
	for (size_t k = 0; k < plan->rules; k++) {
		free_const(plan->rule[k].name);
		free_const(plan->rule[k].file);
		free_const(plan->rule[k].text);
		free_const(plan->rule[k].context);
	}
	free_const(plan->rule);
	free_const(plan->knowledge);
	free_const(plan->zone);
	free_const(plan->modules);
}

/* Another worker, in the place of the one that is there.  0 or -1. */
static int
start_worker(struct rule_peer *p, int *status)
{
	int fd, error;

	if (rule_stem_worker(&p->stem, &fd, status) < 0)
		return -1;
	if (p->fd < 0) {
		p->fd = fd;
	} else if (dup3(fd, p->fd, O_CLOEXEC) >= 0) {
		close(fd);
	} else {
		error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	p->broken = 0;
	p->heard = date_mono();
	return 0;
}

struct rule_peer *
rule_peer_open(const struct rule_plan *plan, struct buf *why)
{
	struct rule_peer *p = xcalloc(1, sizeof *p);
	int status, error;

	p->fd = -1;
	copy_plan(&p->plan, plan);
	rule_cache_init(&p->cache, p->plan.memory / STATE_SHARE);
	if (rule_stem_open(&p->stem, &p->plan, why) == 0 &&
	    start_worker(p, &status) == 0)
		return p;
	error = errno;
	rule_peer_close(p);
	errno = error;
	return NULL;
}

void
rule_peer_close(struct rule_peer *p)
{
	if (p == NULL)
		return;
	for (; p->count > 0; p->count--) {
		struct rule_state *s = p->run[p->first].state;

		if (s != NULL)
			s->flight--;
		p->first = (p->first + 1) & (p->size - 1);
	}
	rule_stem_close(&p->stem);
	if (p->fd >= 0)
		close(p->fd);
	rule_cache_fini(&p->cache);
	free_plan(&p->plan);
	buf_fini(&p->out);
	buf_fini(&p->in);
	buf_fini(&p->why);
	free(p->run);
	free(p);
}

/* Without waiting. */
static void
send_some(struct rule_peer *p)
{
	while (!p->broken && p->sent < p->out.len) {
		ssize_t done = send(p->fd, p->out.p + p->sent,
		    p->out.len - p->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		/* What it has answered is still to be read. */
		if (done < 0)
			return;
		p->sent += (size_t)done;
	}
}

void
rule_peer_flush(struct rule_peer *p)
{
	send_some(p);
}

static struct open_run *
nth(const struct rule_peer *p, size_t k)
{
	return &p->run[(p->first + k) & (p->size - 1)];
}

/* Records of runs that have been answered go. */
static void
tidy(struct rule_peer *p)
{
	size_t done = p->sent;

	if (p->count > 0 && nth(p, 0)->at < done)
		done = nth(p, 0)->at;
	if (done == 0 || (done < OPEN_BYTES && done < p->out.len))
		return;
	buf_cut(&p->out, done);
	p->sent -= done;
	for (size_t k = 0; k < p->count; k++)
		nth(p, k)->at -= done;
}

static void
grow(struct rule_peer *p)
{
	size_t size = p->size == 0 ? 256 : 2 * p->size;
	struct open_run *run = xcalloc(size, sizeof *run);

	for (size_t k = 0; k < p->count; k++)
		run[k] = *nth(p, k);
	free(p->run);
	p->run = run;
	p->first = 0;
	p->size = size;
}

/* The state's place in the worker, and its text if that is not there yet. */
static void
place_state(struct rule_peer *p, struct rule_ask *a, struct rule_state *s)
{
	if (rule_cache_take(&p->cache, s) == 0) {
		a->flags |= RULE_ASK_TEXT;
		a->state = s->text;
		a->state_n = s->n;
	}
	a->slot = s->slot;
}

static void
drop_excess(struct rule_peer *p)
{
	struct rule_ask a = { .flags = RULE_ASK_DROP };

	while (rule_cache_excess(&p->cache, &a.slot))
		rule_ask_add(&p->out, &a);
}

void
rule_peer_give(struct rule_peer *p, const struct rule_run *run)
{
	struct rule_ask a = { .rule = run->rule,
		.slot = RULE_NO_SLOT,
		.key_n = (uint32_t)run->key_n,
		.captures_n = (uint32_t)run->captures_n,
		.event_n = (uint32_t)run->event_n,
		.now = run->now,
		.key = run->key,
		.captures = run->captures,
		.event = run->event };

	assert(p->count < RULE_SLOTS - 1);
	tidy(p);
	if (run->state != NULL) {
		drop_excess(p);
		place_state(p, &a, run->state);
		run->state->flight++;
	}
	if (p->count == p->size)
		grow(p);
	if (p->count == 0)
		p->heard = date_mono();
	*nth(p, p->count++) =
	    (struct open_run){ run->tag, run->state, p->out.len };
	rule_ask_add(&p->out, &a);
	if (p->out.len - p->sent >= BATCH)
		send_some(p);
}

int
rule_peer_full(const struct rule_peer *p)
{
	return p->count >= OPEN_MOST ||
	    (p->count > 0 && p->out.len - nth(p, 0)->at >= OPEN_BYTES);
}

size_t
rule_peer_open_runs(const struct rule_peer *p)
{
	return p->count;
}

int
rule_peer_fd(const struct rule_peer *p)
{
	return p->fd;
}

uint64_t
rule_peer_restarts(const struct rule_peer *p)
{
	return p->restarts;
}

void
rule_state_fini(struct rule_peer *p, struct rule_state *s)
{
	rule_cache_drop(&p->cache, s);
	free(s->text);
	*s = (struct rule_state){ 0 };
}

/*
 * All open runs once more, each with the state that the last answer left, and
 * each to be answered at once, so that the first one not answered is the one
 * that ends the worker, should it end again.  The first skip of them are not
 * sent.
 */
static void
give_again(struct rule_peer *p, size_t skip)
{
	struct buf old = p->out;
	struct rule_ask a;
	size_t used;

	p->out = (struct buf){ 0 };
	rule_cache_clear(&p->cache);
	for (size_t k = 0; k < p->count; k++) {
		struct open_run *r = nth(p, k);

		rule_ask_take(&a, old.p + r->at, old.len - r->at, &used);
		a.flags = RULE_ASK_FLUSH;
		a.state_n = 0;
		if (r->state != NULL && k >= skip)
			place_state(p, &a, r->state);
		r->at = p->out.len;
		rule_ask_add(&p->out, &a);
		if (k + 1 == skip)
			p->sent = p->out.len;
	}
	if (skip == 0)
		p->sent = 0;
	buf_fini(&old);
}

/* The answer that a run gets which no worker survives. */
static void
blame(struct rule_peer *p, int status, const char *why)
{
	struct rule_reply r;
	size_t at = rule_reply_begin(&p->in);

	buf_clear(&p->why);
	if (why != NULL)
		buf_adds(&p->why, why);
	else
		rule_stem_why(status, p->plan.memory, &p->why);
	rule_reply_fail(&p->in, &r, RULE_STOPPED, buf_cstr(&p->why));
	rule_reply_end(&p->in, at, &r);
}

/*
 * The worker has ended, or has to (why, else NULL).  It may not have been the
 * first open run's fault, for which the worker may be to blame: that is known
 * if it ends another one, too.
 */
static int
restart(struct rule_peer *p, const char *why)
{
	struct buf unused = { 0 };
	size_t guilty = 0;
	int status = 0, again;

	p->restarts++;
	if (start_worker(p, &status) < 0) {
		/* The stem is gone as well. */
		rule_stem_close(&p->stem);
		again = rule_stem_open(&p->stem, &p->plan, &unused);
		buf_fini(&unused);
		if (again < 0 || start_worker(p, &again) < 0) {
			p->broken = 1;
			return -1;
		}
		status = 0;
		why = "its process was ended";
	}
	buf_clear(&p->in);
	p->taken = 0;
	if (why == NULL && rule_stem_stopped(status)) {
		p->suspect = 0;
	} else if (p->count > 0) {
		guilty = p->suspect == p->answered + 1;
		p->suspect = p->answered + 1;
	}
	if (guilty)
		blame(p, status, why);
	give_again(p, guilty);
	send_some(p);
	return 0;
}

/* Whether the reply may be that of the first open run. */
static int
fits(const struct rule_peer *p, const struct rule_reply *r)
{
	const struct open_run *run = nth(p, 0);

	return run->at < p->sent && (!r->changed || run->state != NULL);
}

/* The run's own side of the answer. */
static void
recall(const struct rule_peer *p, struct rule_answer *a)
{
	const struct open_run *run = nth(p, 0);
	struct rule_ask ask;
	size_t used;

	rule_ask_take(&ask, p->out.p + run->at, p->out.len - run->at, &used);
	*a = (struct rule_answer){ .tag = run->tag,
		.rule = ask.rule,
		.state = run->state,
		.event = ask.event,
		.event_n = ask.event_n,
		.now = ask.now };
}

static void
answer(struct rule_peer *p, const struct rule_reply *r, struct rule_answer *a)
{
	recall(p, a);
	a->verdict = r->verdict;
	a->changed = (int)r->changed;
	a->timer = r->timer;
	a->due = r->due;
	a->events = r->events;
	a->whys = r->whys;
	a->at = r->texts;
	a->end = r->texts + r->texts_n;
	if (r->why_n > 0) {
		buf_clear(&p->why);
		buf_add(&p->why, r->why, r->why_n);
		a->why = buf_cstr(&p->why);
	}
	if (a->state != NULL)
		a->state->flight--;
	if (a->changed)
		rule_cache_text(&p->cache, a->state, r->state, r->state_n);
	p->first = (p->first + 1) & (p->size - 1);
	p->count--;
	p->answered++;
}

/* A reply that is here: 1, 0, or -1 with *why if it is none. */
static int
next_reply(struct rule_peer *p, struct rule_answer *a, const char **why)
{
	struct rule_reply r;
	size_t used;
	int got;

	if (p->taken == p->in.len)
		return 0;
	got = rule_reply_take(&r, p->in.p + p->taken, p->in.len - p->taken,
	    p->plan.output + HEAD_ROOM, &used);
	if (got == 0)
		return 0;
	if (got < 0 || !fits(p, &r)) {
		*why = "its process gave no sensible answer";
		return -1;
	}
	p->taken += used;
	answer(p, &r, a);
	return 1;
}

/* 1 if something came, 0 if there is nothing, -1 if it has ended. */
static int
receive(struct rule_peer *p)
{
	ssize_t got;

	buf_cut(&p->in, p->taken);
	p->taken = 0;
	do
		got = recv(p->fd, buf_room(&p->in, READ_SIZE), READ_SIZE,
		    MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (got <= 0)
		return -1;
	p->in.len += (size_t)got;
	p->heard = date_mono();
	return 1;
}

static void
await(const struct rule_peer *p)
{
	struct pollfd wait = { p->fd, POLLIN, 0 };

	if (p->sent < p->out.len)
		wait.events |= POLLOUT;
	poll(&wait, 1, LOOK);
}

static int
is_silent(const struct rule_peer *p)
{
	return date_mono() - p->heard > silence + silence_runs * p->plan.time;
}

int
rule_peer_take(struct rule_peer *p, struct rule_answer *a, int wait)
{
	const char *why;
	int got;

	while (p->count > 0) {
		why = NULL;
		if (p->broken) {
			errno = EPIPE;
			return -1;
		}
		got = next_reply(p, a, &why);
		if (got > 0)
			return 1;
		if (got == 0)
			got = receive(p);
		if (got == 0 && is_silent(p)) {
			why = "its process gave no answer";
			got = -1;
		}
		if (got < 0 && restart(p, why) < 0)
			return -1;
		if (got != 0)
			continue;
		if (!wait)
			return 0;
		send_some(p);
		await(p);
	}
	return 0;
}

enum rule_text
rule_answer_next(struct rule_answer *a, const char **text, size_t *n)
{
	return rule_text_next(&a->at, a->end, text, n);
}

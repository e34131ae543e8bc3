#include "grid/crew.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/date.h"
#include "base/die.h"
#include "base/num.h"
#include "event/event.h"

enum {
	TICK = 10000, /* us between looks at files and children */
	BATCH = 20,
	HELD = 65536, /* bytes on their way to a publisher that waits */
	BEHIND = DATE_SECOND,
	FAULTS = 10000, /* kept */
	PIECE = 65536
};

static const struct {
	enum crew_publishing kind;
	int first, relayed;
} publishers[] = {
	{ CREW_PIPE, 0, 1 },
	{ CREW_PIPE, 1, 0 },
	{ CREW_SPOOL, 0, 0 },
	{ CREW_SPOOL, 1, 1 },
	{ CREW_BATCH, 0, 1 },
};

static const struct {
	enum crew_reading kind;
	int first, relayed;
} subscribers[] = {
	{ CREW_PLAIN, 0, 0 },
	{ CREW_PLAIN, 1, 1 },
	{ CREW_CURSOR, 0, 1 },
	{ CREW_CURSOR, 1, 0 },
	{ CREW_FILE, 1, 1 },
};

static void
add_fault(struct crew *c, const struct crew_fault *fault)
{
	c->faults++;
	if (c->nfault == FAULTS)
		return;
	c->fault = xrealloc(c->fault, (c->nfault + 1) * sizeof *c->fault);
	c->fault[c->nfault++] = *fault;
}

void
crew_fail(struct crew *c, const char *fmt, ...)
{
	struct crew_fault fault = { .what = "failed" };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fault.text, sizeof fault.text, fmt, ap);
	va_end(ap);
	add_fault(c, &fault);
}

/* The two URLs in the order in which a client tries them. */
static void
list_urls(const struct pair *p, int first, int relayed, char *out, size_t n)
{
	const char *url[2];

	for (int i = 0; i < 2; i++)
		url[i] = relayed ? relay_url(p->relay, p->broker[i].clients)
				 : p->broker[i].url;
	snprintf(out, n, "%s,%s", url[first], url[!first]);
}

static int
start_publisher(struct crew *c, struct crew_publisher *p)
{
	char program[PAIR_PATH], urls[2 * URL_MAX], spool[PAIR_PATH],
	    log[PAIR_PATH];
	const char *argv[] = { program, "-b", urls, "--src", p->name,
		"--ack-fd", "3", "--retry", "1h", NULL, NULL, NULL };

	pair_program(c->pair, "sg-pub", program);
	list_urls(c->pair, p->first, p->relayed, urls, sizeof urls);
	snprintf(spool, sizeof spool, "%s/spool-%s", c->pair->dir, p->name);
	snprintf(log, sizeof log, "%s/pub-%s.log", c->pair->dir, p->name);
	if (p->kind == CREW_SPOOL) {
		argv[9] = "--spool";
		argv[10] = spool;
	} else if (p->kind == CREW_BATCH && c->pair->memory) {
		/* It forgets what a lone broker without a disk may lose. */
		argv[9] = "--require-twin";
	}
	child_close(&p->child);
	p->batch = p->made;
	buf_clear(&p->said);
	return child_start(&p->child, argv, CHILD_IN | CHILD_SAY, log);
}

static int
start_subscriber(struct crew *c, struct crew_subscriber *s)
{
	char program[PAIR_PATH], urls[2 * URL_MAX], file[PAIR_PATH],
	    log[PAIR_PATH];
	const char *argv[] = { program, "CHECK/#", "-b", urls, "--ready-fd",
		"3", "--retry", "1h", NULL, NULL, NULL, NULL, NULL };

	pair_program(c->pair, "sg-sub", program);
	list_urls(c->pair, s->first, s->relayed, urls, sizeof urls);
	snprintf(file, sizeof file, "%s/sub-%s.out", c->pair->dir, s->name);
	snprintf(log, sizeof log, "%s/sub-%s.log", c->pair->dir, s->name);
	if (s->kind != CREW_PLAIN) {
		argv[8] = "-c";
		argv[9] = s->name;
	}
	if (s->kind == CREW_FILE) {
		argv[10] = "-o";
		argv[11] = file;
		s->in = open(file, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
		if (s->in < 0)
			return -1;
	}
	if (child_start(&s->child, argv,
		s->kind == CREW_FILE ? CHILD_SAY : CHILD_OUT | CHILD_SAY,
		log) < 0)
		return -1;
	if (s->kind != CREW_FILE)
		s->in = s->child.out;
	return 0;
}

int
crew_open(struct crew *c, struct pair *pair, int64_t rate, enum crew_mix mix)
{
	size_t n = sizeof publishers / sizeof *publishers;

	*c = (struct crew){ .pair = pair,
		.npublisher = n,
		.nsubscriber = sizeof subscribers / sizeof *subscribers };
	c->interval = (int64_t)n * DATE_SECOND / rate;
	c->ledger = ledger_new(n, c->nsubscriber);
	for (size_t i = 0; i < n; i++) {
		struct crew_publisher *p = &c->publisher[i];

		p->kind = mix == CREW_SPOOLED ? CREW_SPOOL : publishers[i].kind;
		p->first = publishers[i].first;
		p->relayed = publishers[i].relayed;
		snprintf(p->name, sizeof p->name, "p%zu", i + 1);
		child_init(&p->child);
	}
	for (size_t i = 0; i < c->nsubscriber; i++) {
		struct crew_subscriber *s = &c->subscriber[i];

		s->kind = subscribers[i].kind;
		s->first = subscribers[i].first;
		s->relayed = subscribers[i].relayed;
		s->in = -1;
		snprintf(s->name, sizeof s->name, "s%zu", i + 1);
		child_init(&s->child);
	}
	for (size_t i = 0; i < c->nsubscriber; i++)
		if (start_subscriber(c, &c->subscriber[i]) < 0)
			return -1;
	return 0;
}

void
crew_close(struct crew *c)
{
	for (size_t i = 0; i < c->npublisher; i++) {
		child_close(&c->publisher[i].child);
		buf_fini(&c->publisher[i].out);
		buf_fini(&c->publisher[i].said);
	}
	for (size_t i = 0; i < c->nsubscriber; i++) {
		struct crew_subscriber *s = &c->subscriber[i];

		if (s->kind == CREW_FILE && s->in >= 0)
			close(s->in);
		child_close(&s->child);
		buf_fini(&s->line);
	}
	ledger_free(c->ledger);
	free(c->fault);
	*c = (struct crew){ 0 };
}

int
crew_ready(const struct crew *c)
{
	for (size_t i = 0; i < c->nsubscriber; i++)
		if (!c->subscriber[i].ready)
			return 0;
	return 1;
}

void
crew_publish(struct crew *c)
{
	int64_t now = date_mono();

	for (size_t i = 0; i < c->npublisher; i++) {
		struct crew_publisher *p = &c->publisher[i];

		p->due =
		    now + c->interval * (int64_t)i / (int64_t)c->npublisher;
		if (start_publisher(c, p) < 0)
			crew_fail(c, "%s cannot be started: %s", p->name,
			    strerror(errno));
	}
}

static void
make_event(struct crew_publisher *p)
{
	struct buf *b = &p->out;

	p->made++;
	buf_addf(b, "{\"topic\":\"CHECK/%s\",\"t\":", p->name);
	num_add_micros(b, date_now());
	buf_addf(b,
	    ",\"v\":%" PRIu64 ",\"src\":\"%s\",\"ep\":1,\"seq\":%" PRIu64 "}\n",
	    p->made, p->name, p->made);
}

/* The next events, if it is time and the last ones have gone. */
static void
make_due(struct crew *c, struct crew_publisher *p, int64_t now)
{
	if (p->ending || p->child.in < 0 || p->due > now)
		return;
	if (p->due < now - BEHIND)
		p->due = now;
	if (p->kind == CREW_BATCH) {
		if (p->made > p->batch)
			return;
		for (int i = 0; i < BATCH; i++)
			make_event(p);
		p->due += BATCH * c->interval;
		return;
	}
	for (; p->due <= now && p->out.len < HELD; p->due += c->interval)
		make_event(p);
}

static void
close_input(struct crew_publisher *p)
{
	if (p->child.in >= 0)
		close(p->child.in);
	p->child.in = -1;
}

static void
feed(struct crew *c, struct crew_publisher *p)
{
	ssize_t wrote = 0;

	if (p->child.in < 0)
		return;
	if (p->out.len > 0)
		wrote = write(p->child.in, p->out.p, p->out.len);
	if (wrote < 0 && errno != EAGAIN) {
		crew_fail(c, "publisher %s does not read: %s", p->name,
		    strerror(errno));
		close_input(p);
		return;
	}
	if (wrote > 0)
		buf_cut(&p->out, (size_t)wrote);
	if (p->out.len == 0 &&
	    (p->ending || (p->kind == CREW_BATCH && p->made > p->batch)))
		close_input(p);
}

/* Lines "N": everything up to line N of its input has been acknowledged. */
static void
hear(struct crew *c, struct crew_publisher *p)
{
	size_t i = (size_t)(p - c->publisher);
	const char *end;
	int64_t line;
	ssize_t got;

	if (p->child.say < 0)
		return;
	while ((got = read(p->child.say, buf_room(&p->said, PIECE), PIECE)) > 0)
		p->said.len += (size_t)got;
	while (p->said.len > 0 &&
	    (end = memchr(p->said.p, '\n', p->said.len)) != NULL) {
		size_t n = (size_t)(end - p->said.p);

		if (num_uint(p->said.p, n, &line) == 0 &&
		    p->batch + (uint64_t)line <= p->made)
			ledger_acknowledged(c->ledger, i, p->batch + 1,
			    p->batch + (uint64_t)line);
		else
			crew_fail(c, "publisher %s says %.*s", p->name, (int)n,
			    p->said.p);
		buf_cut(&p->said, n + 1);
	}
}

/* One that has ended has had everything acknowledged, or has failed. */
static void
look_publisher(struct crew *c, struct crew_publisher *p)
{
	size_t i = (size_t)(p - c->publisher);

	if (p->child.pid == 0 || !child_ended(&p->child))
		return;
	hear(c, p);
	if (p->child.status != 0)
		crew_fail(c, "publisher %s ended with status %d", p->name,
		    p->child.status);
	else if (p->child.in >= 0)
		crew_fail(c, "publisher %s ended too early", p->name);
	else
		ledger_acknowledged(c->ledger, i, p->batch + 1, p->made);
	close_input(p);
	if (p->kind == CREW_BATCH && !p->ending && start_publisher(c, p) < 0)
		crew_fail(c, "publisher %s cannot be started: %s", p->name,
		    strerror(errno));
}

static void
add_delivery_fault(struct crew *c, const char *what,
    const struct crew_subscriber *s, size_t publisher, uint64_t number)
{
	add_fault(c,
	    &(struct crew_fault){ .what = what,
		.subscriber = s->name,
		.publisher = c->publisher[publisher].name,
		.number = number });
}

/* How long this subscriber has waited for that publisher's event. */
static void
note_gap(struct crew_subscriber *s, size_t i, int64_t made)
{
	int64_t now = date_now();
	int64_t since = made > s->last[i] ? made : s->last[i];

	/* A file that is read again tells nothing new. */
	if (s->kind == CREW_FILE && made < s->last[i])
		return;
	if (now - since > s->gap[i])
		s->gap[i] = now - since;
	s->last[i] = now;
}

static void
take_event(struct crew *c, struct crew_subscriber *s, const char *p, size_t n)
{
	size_t k = (size_t)(s - c->subscriber), i;
	int64_t seq = 0, t;
	struct event e;
	const char *why;

	if (event_scan(&e, p, n, &why) < 0 || !event_has(&e, EVENT_SEQ) ||
	    !event_has(&e, EVENT_SRC) || event_time(&e, &t) < 0 ||
	    num_uint(p + e.at[EVENT_SEQ], e.len[EVENT_SEQ], &seq) < 0) {
		crew_fail(c, "subscriber %s: alien line: %.*s", s->name,
		    (int)(n < 100 ? n : 100), p);
		return;
	}
	for (i = 0; i < c->npublisher; i++)
		if (strlen(c->publisher[i].name) == e.len[EVENT_SRC] &&
		    memcmp(c->publisher[i].name, p + e.at[EVENT_SRC],
			e.len[EVENT_SRC]) == 0)
			break;
	if (i == c->npublisher || seq < 1 ||
	    (uint64_t)seq > c->publisher[i].made) {
		crew_fail(c, "subscriber %s: nobody has published: %.*s",
		    s->name, (int)(n < 100 ? n : 100), p);
		return;
	}
	note_gap(s, i, t);
	switch (ledger_given(c->ledger, k, i, (uint64_t)seq)) {
	case LEDGER_FINE: break;
	case LEDGER_DUPLICATE:
		add_delivery_fault(c, "duplicated", s, i, (uint64_t)seq);
		break;
	case LEDGER_DISORDER:
		add_delivery_fault(c, "out of order", s, i, (uint64_t)seq);
		break;
	}
}

static void
take_events(struct crew *c, struct crew_subscriber *s)
{
	size_t from = 0;
	const char *end;
	ssize_t got;

	/* A file is cut before its writer is ready. */
	if (s->in < 0 || (s->kind == CREW_FILE && !s->ready))
		return;
	while ((got = read(s->in, buf_room(&s->line, PIECE), PIECE)) > 0) {
		s->line.len += (size_t)got;
		if (got < PIECE)
			break;
	}
	while (from < s->line.len &&
	    (end = memchr(s->line.p + from, '\n', s->line.len - from)) !=
		NULL) {
		size_t n = (size_t)(end - (s->line.p + from));

		take_event(c, s, s->line.p + from, n);
		from += n + 1;
	}
	buf_cut(&s->line, from);
}

static void
look_subscriber(struct crew *c, struct crew_subscriber *s)
{
	char word[16];

	if (s->child.say >= 0 && !s->ready)
		s->ready = read(s->child.say, word, sizeof word) > 0;
	if (s->child.pid == 0 || !child_ended(&s->child))
		return;
	take_events(c, s);
	crew_fail(
	    c, "subscriber %s ended with status %d", s->name, s->child.status);
}

/* What is worth waking up for, and until when. */
static void
await(struct crew *c, int64_t until)
{
	struct pollfd fds[64];
	int64_t now = date_mono(), wake = now + TICK, left;
	nfds_t n = 0;

	if (until < wake)
		wake = until;
	for (size_t i = 0; i < c->npublisher; i++) {
		struct crew_publisher *p = &c->publisher[i];

		if (p->child.say >= 0)
			fds[n++] = (struct pollfd){ p->child.say, POLLIN, 0 };
		if (p->child.in >= 0 && p->out.len > 0)
			fds[n++] = (struct pollfd){ p->child.in, POLLOUT, 0 };
		if (!p->ending && p->child.in >= 0 && p->due < wake)
			wake = p->due;
	}
	for (size_t i = 0; i < c->nsubscriber; i++)
		if (c->subscriber[i].kind != CREW_FILE)
			fds[n++] =
			    (struct pollfd){ c->subscriber[i].in, POLLIN, 0 };
	left = wake - now;
	/* Of an ended child poll tells all the time: not in a rush then. */
	if (left < 1000)
		left = 1000;
	poll(fds, n, (int)(left / 1000));
}

void
crew_turn(struct crew *c, int64_t until)
{
	int64_t now;

	await(c, until);
	now = date_mono();
	for (size_t i = 0; i < c->nsubscriber; i++) {
		take_events(c, &c->subscriber[i]);
		look_subscriber(c, &c->subscriber[i]);
	}
	for (size_t i = 0; i < c->npublisher; i++) {
		struct crew_publisher *p = &c->publisher[i];

		make_due(c, p, now);
		feed(c, p);
		hear(c, p);
		look_publisher(c, p);
	}
}

void
crew_gaps(struct crew *c)
{
	for (size_t k = 0; k < c->nsubscriber; k++)
		memset(c->subscriber[k].gap, 0, sizeof c->subscriber[k].gap);
}

int64_t
crew_gap(const struct crew *c, size_t k, size_t i)
{
	return c->subscriber[k].gap[i];
}

int
crew_flows(const struct crew *c)
{
	int64_t now = date_now(), most = DATE_SECOND + 2 * BATCH * c->interval;

	for (size_t k = 0; k < c->nsubscriber; k++)
		for (size_t i = 0; i < c->npublisher; i++)
			if (now - c->subscriber[k].last[i] > most)
				return 0;
	return 1;
}

static void
restart_reader(struct crew *c, size_t k)
{
	struct crew_subscriber *s = &c->subscriber[k];

	child_close(&s->child);
	close(s->in);
	buf_clear(&s->line);
	ledger_forget(c->ledger, k);
	s->ready = 0;
	s->in = -1;
	if (start_subscriber(c, s) < 0)
		crew_fail(c, "subscriber %s cannot be started: %s", s->name,
		    strerror(errno));
}

void
crew_kill_reader(struct crew *c)
{
	for (size_t k = 0; k < c->nsubscriber; k++)
		if (c->subscriber[k].kind == CREW_FILE &&
		    c->subscriber[k].ready)
			restart_reader(c, k);
}

void
crew_end(struct crew *c)
{
	for (size_t i = 0; i < c->npublisher; i++)
		c->publisher[i].ending = 1;
}

int
crew_ended(const struct crew *c)
{
	struct ledger_counts counts;

	for (size_t i = 0; i < c->npublisher; i++)
		if (c->publisher[i].child.pid != 0)
			return 0;
	ledger_count(c->ledger, &counts);
	return counts.missing == 0 ? 2 : 1;
}

void
crew_account(struct crew *c)
{
	for (size_t i = 0; i < c->npublisher; i++)
		if (c->publisher[i].child.pid != 0)
			crew_fail(c, "publisher %s does not come to an end",
			    c->publisher[i].name);
	for (size_t k = 0; k < c->nsubscriber; k++)
		for (size_t i = 0; i < c->npublisher; i++)
			for (uint64_t n = 0;
			     (n = ledger_missing(c->ledger, k, i, n)) != 0;)
				add_delivery_fault(
				    c, "lost", &c->subscriber[k], i, n);
}

/*
 * sg-sign - Reads event lines, gives each its identity (src, ep, seq) and
 * its signature, and writes them; or seals many under one signature; or signs
 * files as minisign does.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "base/opt.h"
#include "base/pool.h"
#include "base/stats.h"
#include "event/fill.h"
#include "event/line.h"
#include "trust/batch.h"
#include "trust/chain.h"
#include "trust/identity.h"
#include "trust/minisign.h"
#include "trust/sign.h"

enum {
	SIGN_LINES = 64,    /* of a job: about a millisecond of work */
	JOB_BYTES = 262144, /* of any job before its last line */
	SPARE = 1024,	    /* bytes that a line may grow by */
	DIGITS_SURE = 15,   /* of a number that is exact */
	SEAL_TIME = DATE_SECOND,
	PATH_BYTES = 4096
};

static struct {
	int64_t jobs, heartbeat;
	const char *dead;
	int seal, minisign, strict, stats;
} o;

static const struct opt options[] = {
	{ 0, "identity", OPT_GROUP, NULL, NULL, identity_rows },
	{ 'j', "jobs", OPT_INT, "N", "threads (one per processor)", &o.jobs },
	{ 0, "seal", OPT_FLAG, NULL, "one signature for up to 1024 events",
	    &o.seal },
	{ 0, "heartbeat", OPT_DURATION, "DUR",
	    "a signed sign of life at least that often", &o.heartbeat },
	{ 0, "minisign", OPT_FLAG, NULL, "sign files: FILE.minisig of each",
	    &o.minisign },
	{ 0, "dead", OPT_STRING, "FILE", "append bad lines to FILE", &o.dead },
	{ 0, "strict", OPT_FLAG, NULL, "stop at the first bad line",
	    &o.strict },
	{ 0, "stats", OPT_FLAG, NULL, "count on standard error at the end",
	    &o.stats },
	{ 0 },
};

static const struct opt_command command = {
	"sg-sign",
	"sign event lines",
	"[FILE]...",
	options,
	{ "sg-csv feeder.csv | sg-sign -k feeder.key | sg-pub",
	    "sg-sign -k hub.key --seal --heartbeat 20s <events >sealed" },
};

/* One line of a job; seq 0: it passes as it is. */
struct entry {
	size_t at, n;
	int64_t seq;
	uint64_t number; /* in its file, for messages */
	const char *why; /* it could not be signed */
	int mark;	 /* what is before it has to be sealed before it */
	unsigned char leaf[TREE_HASH];
};

/* Lines on their way through the pool, and what a thread makes of them. */
struct job {
	struct buf lines, out;
	struct entry *entry;
	size_t n, cap;
	struct sign_space space;
};

static struct {
	struct line_in in;
	struct line_out out;
	struct fill fill;
	struct ident ident;
	struct identity who;
	struct jws_signer events, seals;
	struct pool *pool;
	struct job *job;  /* being filled */
	struct job *idle; /* a used one */
	struct chain chain;
	int64_t next;		 /* seq after the last that was written */
	int64_t started, sealed; /* on the monotonic clock */
	uint64_t signs, seal_count, passed;
	int unread;
	/* What the next seal is of. */
	unsigned char leaf[BATCH_MAX][TREE_HASH];
	size_t leaves;
	int64_t first, since;
	struct sign_space space;
} s = { .ident = { .fd = -1 }, .chain = { .fd = -1 } };

/* In a thread of the pool: leaves of a tree, or signatures. */
static void
work(void *arg)
{
	struct job *job = arg;
	const char *line;
	struct entry *e;

	for (e = job->entry; e < job->entry + job->n; e++) {
		line = job->lines.p + e->at;
		if (o.seal && e->seq > 0) {
			if (canon_event(
				&job->space.canon, line, e->n, &e->why) == 0)
				tree_leaf(job->space.canon.out.p,
				    job->space.canon.out.len, e->leaf);
			continue;
		}
		if (o.seal)
			continue;
		if (e->seq == 0)
			buf_add(&job->out, line, e->n);
		else if (sign_line(&s.events, &job->space, line, e->n,
			     &job->out, &e->why) < 0)
			continue;
		buf_addc(&job->out, '\n');
	}
}

static void
fail(const char *name)
{
	die(EXIT_IO, "%s: %s", name, strerror(errno));
}

static void
put(const char *p, size_t n)
{
	if (line_out_add(&s.out, p, n) < 0)
		fail(s.out.name);
}

/* 1 to go on, 0 to stop. */
static int
bad(const char *p, size_t n, const char *why)
{
	int go = line_bad(&s.in, p, n, why);

	if (go < 0)
		fail(s.in.name);
	return go;
}

static void
put_seal(int last)
{
	static struct batch_seal seal;
	struct buf body = { 0 }, line = { 0 };
	unsigned char id[TREE_HASH];
	const char *why;

	seal.ep = s.ident.ep;
	seal.first = s.leaves > 0 ? s.first : s.next;
	seal.every = last ? 0 : o.heartbeat;
	seal.has_prev = s.chain.ep > 0;
	memcpy(seal.prev, s.chain.id, sizeof seal.prev);
	batch_make(&seal, (const unsigned char(*)[TREE_HASH])s.leaf, s.leaves);
	batch_seal_add(&body, &seal, s.who.cert->subject, date_now());
	if (sign_line(&s.seals, &s.space, body.p, body.len, &line, &why) < 0 ||
	    batch_seal_id(&s.space.canon, line.p, line.len, id, &why) < 0)
		die(EXIT_BUG, "seal: %s", why);
	if (chain_put(&s.chain, seal.ep, seal.first + seal.n, id) < 0)
		die(EXIT_IO, "chain of %s: %s", s.who.cert->subject,
		    strerror(errno));
	buf_addc(&line, '\n');
	put(line.p, line.len);
	buf_fini(&body);
	buf_fini(&line);
	s.leaves = 0;
	s.seal_count++;
	s.sealed = date_mono();
}

static void
add_leaf(const struct entry *e)
{
	if (s.leaves > 0 && s.first + (int64_t)s.leaves != e->seq)
		put_seal(0);
	if (s.leaves == 0) {
		s.first = e->seq;
		s.since = date_mono();
	}
	memcpy(s.leaf[s.leaves++], e->leaf, TREE_HASH);
}

/* Lines that could not be signed after all leave a gap in the numbers. */
static void
refuse(const struct job *job, const struct entry *e)
{
	uint64_t number = s.in.number;

	s.in.number = e->number;
	bad(job->lines.p + e->at, e->n, e->why);
	s.in.number = number;
}

static void
put_entry(const struct job *job, const struct entry *e)
{
	if (e->why != NULL) {
		refuse(job, e);
		return;
	}
	if (e->mark && s.leaves > 0)
		put_seal(0);
	if (o.seal && line_out_line(&s.out, job->lines.p + e->at, e->n) < 0)
		fail(s.out.name);
	if (e->seq == 0) {
		s.passed++;
		return;
	}
	s.signs++;
	s.next = e->seq + 1;
	if (!o.seal)
		return;
	add_leaf(e);
	if (s.leaves == BATCH_MAX)
		put_seal(0);
}

/* A finished job's lines go out in their order. */
static void
put_job(struct job *job)
{
	for (size_t i = 0; i < job->n; i++)
		put_entry(job, &job->entry[i]);
	if (!o.seal)
		put(job->out.p, job->out.len);
	buf_clear(&job->lines);
	buf_clear(&job->out);
	job->n = 0;
	if (s.idle == NULL) {
		s.idle = job;
		return;
	}
	buf_fini(&job->lines);
	buf_fini(&job->out);
	sign_space_fini(&job->space);
	free(job->entry);
	free(job);
}

static void
submit(void)
{
	struct job *done;

	if (s.job != NULL && s.job->n > 0) {
		while (!pool_room(s.pool))
			put_job(pool_wait(s.pool));
		pool_put(s.pool, s.job);
		s.job = NULL;
	}
	while ((done = pool_get(s.pool)) != NULL)
		put_job(done);
}

static void
drain(void)
{
	struct job *done;

	submit();
	while ((done = pool_wait(s.pool)) != NULL)
		put_job(done);
}

static void
add_entry(const char *p, size_t n, int64_t seq, int mark)
{
	struct job *job = s.job;
	struct entry *e;

	if (job == NULL) {
		job = s.idle != NULL ? s.idle : xcalloc(1, sizeof *job);
		s.idle = NULL;
		s.job = job;
	}
	if (job->n == job->cap) {
		job->cap = job->cap > 0 ? 2 * job->cap : SIGN_LINES;
		job->entry =
		    xrealloc(job->entry, job->cap * sizeof *job->entry);
	}
	e = &job->entry[job->n++];
	e->at = job->lines.len;
	e->n = n;
	e->seq = seq;
	e->number = s.in.number;
	e->why = NULL;
	e->mark = mark;
	buf_add(&job->lines, p, n);
	if (job->lines.len >= JOB_BYTES ||
	    job->n >= (o.seal ? BATCH_MAX : SIGN_LINES))
		submit();
}

/* 1 if a number may stand there that the canonical form refuses. */
static int
has_long_number(const char *p, size_t n)
{
	const char *end = p + n;

	/* Every run of 16 digits has one at a multiple of 16. */
	for (const char *at = p + DIGITS_SURE; at < end;
	     at += DIGITS_SURE + 1) {
		const char *from = at, *to = at;

		while (from > p && from[-1] >= '0' && from[-1] <= '9')
			from--;
		while (to < end && *to >= '0' && *to <= '9')
			to++;
		if (to - from > DIGITS_SURE)
			return 1;
	}
	return 0;
}

/* What no verifier would take: NULL, or why. */
static const char *
check_line(const struct event *e, int numbered)
{
	const struct cert *c = s.who.cert;
	static struct buf text;
	char space[TOPIC_MAX + 1];
	const char *topic, *rule, *why;
	size_t n;

	if (event_has(e, EVENT_KID))
		return "kid without sig";
	if (e->len[EVENT_SRC] != strlen(c->subject) ||
	    memcmp(e->line + e->at[EVENT_SRC], c->subject, e->len[EVENT_SRC]) !=
		0)
		return "src is not the key's subject";
	if (!numbered)
		return "ep and seq are given already";
	topic = event_topic(e, space, &n);
	if (batch_topic(topic, n, BATCH_SEAL) ||
	    batch_topic(topic, n, BATCH_PROOF))
		return "topic: kept for seals and proofs";
	if (!cert_may(c, CERT_PUB, topic, n, &rule)) {
		buf_clear(&text);
		buf_addf(&text, "denied: no pub pattern of %s covers %.*s",
		    c->subject, (int)n, topic);
		if (rule != NULL) {
			buf_clear(&text);
			buf_addf(&text, "denied: %s may not publish %.*s (%s)",
			    c->subject, (int)n, topic, rule);
		}
		return buf_cstr(&text);
	}
	if (has_long_number(e->line, e->n) &&
	    canon_event(&s.space.canon, e->line, e->n, &why) < 0)
		return why;
	return NULL;
}

/* One line; 1 to go on, 0 to stop.  What is refused uses up no number. */
static int
take_line(const char *p, size_t n)
{
	const struct event *e = &s.fill.event;
	int64_t before = s.ident.seq;
	enum fill_result did;
	const char *why;
	int numbered;

	did = fill_line(&s.fill, p, n, &why);
	if (did == FILL_BAD)
		return bad(p, n, why);
	if (did == FILL_MARK || event_has(e, EVENT_SIG) ||
	    event_has(e, EVENT_ENC)) {
		add_entry(p, n, 0, did == FILL_MARK);
		return 1;
	}
	numbered = s.ident.seq > before;
	why = check_line(e, numbered);
	if (why != NULL) {
		s.ident.seq = before;
		return bad(p, n, why);
	}
	add_entry(e->line, e->n, s.ident.seq, 0);
	return 1;
}

/* When the next seal is due, on the monotonic clock. */
static int64_t
due(void)
{
	int64_t at = INT64_MAX;

	if (s.leaves > 0)
		at = s.since + SEAL_TIME;
	if (o.heartbeat > 0 && s.sealed + o.heartbeat < at)
		at = s.sealed + o.heartbeat;
	return at;
}

static void
seal_if_due(void)
{
	int64_t at = due();

	if (at != INT64_MAX && date_mono() >= at)
		put_seal(0);
}

static int
readable(int fd, int64_t until)
{
	struct pollfd fds[2] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = app_signal_fd(), .events = POLLIN },
	};
	int64_t left = until == INT64_MAX ? -1 : until - date_mono();
	struct timespec wait = { 0 };

	if (until != INT64_MAX && left > 0) {
		wait.tv_sec = left / DATE_SECOND;
		wait.tv_nsec = left % DATE_SECOND * 1000;
	}
	if (ppoll(fds, 2, until == INT64_MAX ? NULL : &wait, NULL) <= 0)
		return 0;
	return fds[0].revents != 0;
}

/* All that is in hand goes out before a wait for more. */
static void
wait_for_input(void)
{
	int fd = line_fd(&s.in);

	if (fd >= 0 && !readable(fd, 0)) {
		drain();
		seal_if_due();
		if (line_out_flush(&s.out) < 0)
			fail(s.out.name);
		if (!readable(fd, due()))
			return;
	}
	if (line_fill(&s.in) < 0 && errno != EINTR) {
		error("%s: %s", s.in.name, strerror(errno));
		s.unread = 1;
	}
}

static void
sign_lines(void)
{
	const char *line;
	size_t n;
	int go = 1;

	while (go && !app_stop())
		switch (line_take(&s.in, &line, &n)) {
		case LINE_GIVEN: go = take_line(line, n); break;
		case LINE_WAIT:
			seal_if_due();
			wait_for_input();
			break;
		case LINE_END: go = 0; break;
		case LINE_ERROR:
			if (s.in.name == s.in.dead_name)
				fail(s.in.name);
			error("%s: %s", s.in.name, strerror(errno));
			s.unread = 1;
			break;
		}
	drain();
	if (s.leaves > 0 || o.heartbeat > 0)
		put_seal(1);
}

static void
open_identity(void)
{
	const char *why;
	int status, r = identity_open(&s.who, &identity_given, &status, &why);

	if (r < 0)
		die(status, "%s", why);
	if (r == 0)
		opt_usage("no key: -k FILE or SG_KEY");
	jws_signer_init(&s.events, s.who.key, "sg-event");
	jws_signer_init(&s.seals, s.who.key, "sg-seal");
}

static void
check_seal_right(void)
{
	const char *subject = s.who.cert->subject, *rule;
	struct buf topic = { 0 };

	buf_addf(&topic, "STATUS/SEAL/%s", subject);
	if (topic_fault(topic.p, topic.len) != TOPIC_FINE ||
	    !cert_may(s.who.cert, CERT_PUB, topic.p, topic.len, &rule))
		die(EXIT_DENIED, "%s may not publish its seals, %s", subject,
		    buf_cstr(&topic));
	buf_fini(&topic);
}

static void
open_counter(void)
{
	const char *subject = s.who.cert->subject;
	char dir[PATH_BYTES], seals[PATH_BYTES];

	if (app_state_dir(dir, sizeof dir, "ident") < 0 ||
	    ident_open(&s.ident, dir, subject) < 0)
		die(EXIT_CANTCREATE, "counter of %s: %s", subject,
		    strerror(errno));
	if (o.seal || o.heartbeat > 0) {
		check_seal_right();
		if (app_state_dir(seals, sizeof seals, "seals") < 0 ||
		    chain_open(&s.chain, &s.ident, dir, seals, subject) < 0)
			die(EXIT_CANTCREATE, "seals of %s: %s", subject,
			    strerror(errno));
	}
	s.next = s.ident.seq + 1;
	s.fill.ident = &s.ident;
	s.fill.src = subject;
}

static void
print_stats(void)
{
	struct buf b = { 0 };

	if (!o.stats)
		return;
	stats_begin(&b, command.name, s.in.lines, s.signs + s.passed, s.in.bad);
	stats_add(&b, "signed", s.signs);
	stats_add(&b, "passed", s.passed);
	stats_add(&b, "seals", s.seal_count);
	stats_end(&b, s.in.lines, date_mono() - s.started);
}

static int
finish(void)
{
	int status;

	pool_free(s.pool);
	if (line_out_fini(&s.out) < 0)
		fail(s.out.name);
	if (ident_close(&s.ident) < 0)
		warn("counter of %s: %s", s.fill.src, strerror(errno));
	chain_close(&s.chain);
	line_summary(&s.in);
	print_stats();
	if (line_close(&s.in) < 0)
		fail(o.dead);
	status = line_status(&s.in);
	if (app_stop())
		status = 128 + app_stop();
	else if (status == EXIT_OK && s.unread)
		status = EXIT_NOINPUT;
	jws_signer_fini(&s.events);
	jws_signer_fini(&s.seals);
	identity_close(&s.who);
	return status;
}

static int
sign_files(char **files, size_t n)
{
	const char *why;
	int status = EXIT_OK;

	if (n == 0)
		opt_usage("--minisign needs a FILE");
	for (size_t i = 0; i < n; i++)
		if (minisign_file(s.who.key, files[i], &why) < 0) {
			error("%s: %s", files[i], why);
			status = EXIT_NOINPUT;
		}
	identity_close(&s.who);
	return status;
}

int
main(int argc, char **argv)
{
	int first = opt_parse(&command, argc, argv);
	size_t files = (size_t)(argc - first);

	if (o.minisign && (o.seal || o.heartbeat > 0))
		opt_usage("--minisign goes without --seal and --heartbeat");
	if (o.jobs > 1024)
		opt_usage("-j: at most 1024");
	app_signals();
	open_identity();
	if (o.minisign)
		return sign_files(argv + first, files);
	line_out_init(&s.out, STDOUT_FILENO, "standard output");
	line_open(&s.in, argv + first, files);
	s.in.out = &s.out;
	s.in.strict = o.strict;
	s.in.max = EVENT_LINE_MAX - SPARE;
	if (o.dead != NULL && line_dead(&s.in, o.dead) < 0)
		die(EXIT_CANTCREATE, "%s: %s", o.dead, strerror(errno));
	open_counter();
	s.pool = pool_new((unsigned)o.jobs, work);
	s.started = date_mono();
	if (o.heartbeat > 0)
		put_seal(0);
	sign_lines();
	return finish();
}

/*
 * sg-verify - Reads event lines and passes those whose signature or seal
 * holds; says of the others, and of what is missing, what is wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/app.h"
#include "base/base64.h"
#include "base/date.h"
#include "base/die.h"
#include "base/num.h"
#include "base/opt.h"
#include "base/pool.h"
#include "base/stats.h"
#include "event/command.h"
#include "event/json.h"
#include "event/line.h"
#include "trust/batch.h"
#include "trust/identity.h"
#include "trust/sequence.h"
#include "trust/sha256.h"
#include "trust/sign.h"

enum {
	JOB_LINES = 1024,
	SIGNED_LINES = 64,  /* of these a job has enough work */
	JOB_BYTES = 262144, /* of a job before its last line */
	HELD_MIN = 4,	    /* lines of a source that there is room for */
	HELD_LINES = 8192,  /* of a source, that wait for a seal */
	HELD_BYTES = 67108864,
	TOLD_GAPS = SEQUENCE_GAPS_MAX / 2,
	SEEN = 16,     /* ids of seals that are remembered */
	MESSAGES = 20, /* findings a second on standard error */
	STATE_TIME = 5 * DATE_SECOND,
	SILENCE_SPARE = 5 * DATE_SECOND,
	SOURCES = 65536 /* slots of the table */
};

enum verdict {
	GOOD = 0,
	MALFORMED,
	BAD,
	UNSIGNED,
	UNKNOWN,
	EXPIRED,
	REVOKED,
	DENIED,
	REPLAYED,
	UNPROVEN,
	LATE,
	EARLY,
	REPEATED,
	FULL,
	REORDERED,
	GAP,
	SILENT,
	VERDICTS
};

static const char *const verdict_name[VERDICTS] = { "good", "malformed", "bad",
	"unsigned", "unknown", "expired", "revoked", "denied", "replayed",
	"unproven", "late", "early", "repeated", "full", "reordered", "gap",
	"silent" };

static struct {
	int64_t jobs, at, hold;
	int drop, keep, follow, partial, stats;
	const char *dead, *report, *state, *act, *prove;
	struct opt_list certs;
} o = { .at = INT64_MIN, .hold = 10 * DATE_SECOND };

/* The options of an identity without its key. */
static struct opt network_rows[] = {
	{ 0, "trust", OPT_STRING, "DIR", "the network's folder (~/.config/sg)",
	    &identity_given.trust, "SG_TRUST" },
	{ 0 },
};

static const struct opt options[] = {
	{ 0, "network", OPT_GROUP, NULL, NULL, network_rows },
	{ 0, "certs", OPT_LIST, "FILE", "further certificate chains",
	    &o.certs },
	{ 0, "drop", OPT_FLAG, NULL, "only good lines pass (the default)",
	    &o.drop },
	{ 0, "keep", OPT_FLAG, NULL, "all lines pass", &o.keep },
	{ 0, "report", OPT_STRING, "FILE", "write findings to FILE, as JSON",
	    &o.report },
	{ 0, "at", OPT_TIME, "TIME", "judge as of then (rt of a line, else t)",
	    &o.at },
	{ 0, "follow", OPT_FLAG, NULL, "live: revocations and silence, too",
	    &o.follow },
	{ 0, "state", OPT_STRING, "FILE", "remember what came, for a restart",
	    &o.state },
	{ 0, "partial", OPT_FLAG, NULL, "a filter took some out: no gaps",
	    &o.partial },
	{ 0, "hold", OPT_DURATION, "DUR", "wait that long for a seal (10s)",
	    &o.hold },
	{ 0, "act", OPT_STRING, "FILE",
	    "guard of commands that are acted on; its memory", &o.act },
	{ 0, "prove", OPT_STRING, "SRC/EP/SEQ",
	    "write that sealed event and its proof", &o.prove },
	{ 'j', "jobs", OPT_INT, "N", "threads (one per processor)", &o.jobs },
	{ 0, "dead", OPT_STRING, "FILE", "append what is dropped to FILE",
	    &o.dead },
	{ 0, "stats", OPT_FLAG, NULL, "count on standard error at the end",
	    &o.stats },
	{ 0 },
};

static const struct opt_command command = {
	"sg-verify",
	"verify signed event lines",
	"[FILE]...",
	options,
	{ "sg-sub -t 'COMMAND/flat12/#' | sg-verify --partial --act done",
	    "sg-verify --keep --report findings log.ndjson >/dev/null" },
};

/* Where a line came from, for messages. */
struct place {
	const char *file;
	uint64_t line;
	const char *src; /* or NULL */
	int64_t ep, seq;
};

enum kind { NOTHING, EVENT, SEAL, LEAF, PROOF };

/* One line of a job, and what a thread found out about it. */
struct entry {
	size_t at, n;
	const char *file;
	uint64_t number;
	enum kind kind;
	enum verdict verdict;
	int64_t ep, seq, moment;  /* 0: has none */
	size_t src, why;	  /* in the job's text; 0: none */
	size_t topic_at, topic_n; /* in the line; n 0: it has escapes */
	const struct cert *cert;
	unsigned char leaf[TREE_HASH]; /* of a seal: its id */
};

struct job {
	struct buf lines, text;
	struct entry *entry;
	size_t n, cap;
	struct sign_space space;
};

/* An unsigned line that waits for its seal. */
struct held {
	size_t at, n;
	const char *file;
	uint64_t number;
	int64_t ep, seq, since;
	size_t topic_at, topic_n;
	int done;
};

/* A seal that waits for its events. */
struct waiting {
	int set;
	struct batch_seal *seal; /* NULL: there was none yet */
	struct buf line;
	const struct cert *cert;
	int64_t moment, since;
	const char *file;
	uint64_t number;
};

struct source {
	struct source *next;
	char *name;
	int known; /* it signed something */
	struct sequence sequence;
	int64_t gap_since;
	/* Its chain of seals. */
	int chained, sealed;
	unsigned char last[TREE_HASH], seen[SEEN][TREE_HASH];
	size_t seals;
	int64_t seal_ep, seal_next;
	int64_t every, heard;
	int silent;
	/* Its lines without a seal. */
	struct buf text;
	struct held *held;
	unsigned char (*leaf)[TREE_HASH];
	size_t n, cap;
	int charged; /* the source itself, too */
	struct waiting wait;
};

static struct {
	struct line_in in;
	struct line_out out, report;
	int reporting;
	struct identity who;
	struct command_guard *guard;
	struct pool *pool;
	struct job *job, *idle;
	size_t work; /* lines of the job with a signature */
	struct source *source[SOURCES];
	size_t held_bytes;
	uint64_t passed, dropped;
	struct sign_space space;
	int64_t now; /* of the monotonic clock, about */
	int64_t ticked, saved, told_since, started;
	uint64_t count[VERDICTS], told, untold;
	/* --prove */
	struct buf prove_src;
	int64_t prove_ep, prove_seq;
	int proven, unread;
} s;

/* --- Findings ------------------------------------------------------------ */

static void
fail(const char *name)
{
	die(EXIT_IO, "%s: %s", name, strerror(errno));
}

static void
write_report(enum verdict v, const struct place *at, int64_t n, const char *why)
{
	struct buf b = { 0 };

	buf_adds(&b, "{\"verdict\":\"");
	buf_adds(&b, verdict_name[v]);
	buf_addc(&b, '"');
	if (at->file != NULL) {
		buf_adds(&b, ",\"file\":");
		json_add_string(&b, at->file, strlen(at->file));
		buf_adds(&b, ",\"line\":");
		buf_addu(&b, at->line);
	}
	if (at->src != NULL) {
		buf_adds(&b, ",\"src\":");
		json_add_string(&b, at->src, strlen(at->src));
	}
	if (at->ep > 0)
		buf_addf(&b, ",\"ep\":%lld", (long long)at->ep);
	if (at->seq > 0)
		buf_addf(&b, ",\"seq\":%lld", (long long)at->seq);
	if (n > 0)
		buf_addf(&b, ",\"n\":%lld", (long long)n);
	buf_adds(&b, ",\"why\":");
	json_add_string(&b, why, strlen(why));
	buf_addc(&b, '}');
	if (line_out_line(&s.report, b.p, b.len) < 0)
		fail(s.report.name);
	buf_fini(&b);
}

static void
tell_untold(void)
{
	if (s.untold > 0)
		warn("%llu more findings", (unsigned long long)s.untold);
	s.untold = 0;
	s.told = 0;
	s.told_since = s.now;
}

static void
tell(enum verdict v, const struct place *at, int64_t n, const char *why)
{
	struct buf b = { 0 };

	if (s.now - s.told_since >= DATE_SECOND)
		tell_untold();
	if (s.told >= MESSAGES) {
		s.untold++;
		return;
	}
	s.told++;
	if (at->file != NULL)
		buf_addf(
		    &b, "%s:%llu: ", at->file, (unsigned long long)at->line);
	buf_adds(&b, verdict_name[v]);
	if (at->src != NULL)
		buf_addf(&b, ": %s", at->src);
	if (at->ep > 0 && at->seq > 0)
		buf_addf(
		    &b, "/%lld/%lld", (long long)at->ep, (long long)at->seq);
	if (n > 1)
		buf_addf(&b, " to %lld", (long long)(at->seq + n - 1));
	buf_addf(&b, ": %s", why);
	warn("%s", buf_cstr(&b));
	buf_fini(&b);
}

static void
find(enum verdict v, const struct place *at, int64_t n, const char *why)
{
	s.count[v] += n > 0 ? (uint64_t)n : 1;
	if (s.reporting)
		write_report(v, at, n, why);
	tell(v, at, n, why);
}

/* --- Lines that pass, and those that do not ------------------------------ */

static void
put(const char *p, size_t n)
{
	s.passed++;
	if (o.prove == NULL && line_out_line(&s.out, p, n) < 0)
		fail(s.out.name);
}

static void
drop(enum verdict v, const struct place *at, const char *p, size_t n,
    const char *why)
{
	struct buf whole = { 0 };

	find(v, at, 0, why);
	s.dropped++;
	if (o.keep) {
		put(p, n);
		return;
	}
	if (s.in.dead < 0)
		return;
	buf_add(&whole, p, n);
	buf_addc(&whole, '\n');
	if (app_write(s.in.dead, whole.p, whole.len) < 0)
		fail(o.dead);
	buf_fini(&whole);
}

static enum verdict
guard_verdict(enum command_verdict v)
{
	switch (v) {
	case COMMAND_FRESH:
	case COMMAND_OTHER: return GOOD;
	case COMMAND_LATE: return LATE;
	case COMMAND_EARLY: return EARLY;
	case COMMAND_REPEATED: return REPEATED;
	case COMMAND_FULL: return FULL;
	case COMMAND_MALFORMED: break;
	}
	return MALFORMED;
}

/* A line that is good, if it may be acted on should it be a command. */
static void
pass(const struct place *at, const char *p, size_t n)
{
	const char *why = "";
	enum verdict v = GOOD;
	struct event e;

	if (s.guard != NULL && event_scan(&e, p, n, &why) == 0)
		v = guard_verdict(command_check(s.guard, &e, date_now(), &why));
	if (v != GOOD) {
		drop(v, at, p, n, why);
		return;
	}
	s.count[GOOD]++;
	put(p, n);
}

/* --- Sources ------------------------------------------------------------- */

static struct source **
slot_of(const char *name)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (const char *c = name; *c != '\0'; c++)
		h = (h ^ (unsigned char)*c) * 16777619u;
	return &s.source[h % SOURCES];
}

static struct source *
source_of(const char *name)
{
	struct source **slot = slot_of(name), *q;

	for (q = *slot; q != NULL; q = q->next)
		if (strcmp(q->name, name) == 0)
			return q;
	q = xcalloc(1, sizeof *q);
	q->name = xstrdup(name);
	q->next = *slot;
	*slot = q;
	return q;
}

static void
free_source(struct source *q)
{
	sequence_fini(&q->sequence);
	buf_fini(&q->text);
	buf_fini(&q->wait.line);
	free(q->wait.seal);
	free(q->held);
	free(q->leaf);
	free(q->name);
	free(q);
}

/* What nobody has signed for is not remembered, but for one in use. */
static void
forget_strangers(const struct source *used)
{
	for (size_t i = 0; i < SOURCES; i++)
		for (struct source **at = &s.source[i]; *at != NULL;) {
			struct source *q = *at;

			if (q->known || q->n > 0 || q == used) {
				at = &q->next;
				continue;
			}
			*at = q->next;
			free_source(q);
		}
}

static void
tell_gaps(struct source *q, int64_t next, const struct place *near)
{
	struct place at = { near->file, near->line, q->name, q->sequence.ep,
		0 };
	int64_t to;

	while (sequence_untold(&q->sequence, next, &at.seq, &to))
		if (!o.partial)
			find(GAP, &at, to - at.seq + 1, "missing");
	q->gap_since = 0;
}

/* A new number of a source, which it has signed for. */
static enum sequence_result
take_number(struct source *q, int64_t ep, int64_t seq, const struct place *at)
{
	enum sequence_result r;
	size_t gaps;

	q->known = 1;
	if (ep > q->sequence.ep || q->sequence.gaps >= TOLD_GAPS)
		tell_gaps(q, INT64_MAX, at);
	gaps = q->sequence.gaps;
	r = sequence_take(&q->sequence, ep, seq);
	if (q->sequence.gaps > gaps && q->gap_since == 0)
		q->gap_since = s.now;
	return r;
}

static void
take_event(const struct entry *e, struct source *q, const struct place *at,
    const char *line)
{
	switch (take_number(q, e->ep, e->seq, at)) {
	case SEQUENCE_OLD:
		drop(REPLAYED, at, line, e->n, "of an epoch that is over");
		break;
	case SEQUENCE_REPEATED:
		drop(REPLAYED, at, line, e->n, "has come before");
		break;
	case SEQUENCE_LATE:
		find(REORDERED, at, 0, "after one that was sent later");
		pass(at, line, e->n);
		break;
	case SEQUENCE_NEXT: pass(at, line, e->n); break;
	}
}

/* --- Lines under a seal -------------------------------------------------- */

static struct place
held_place(const struct source *q, const struct held *h)
{
	return (struct place){ h->file, h->number, q->name, h->ep, h->seq };
}

static void
drop_held(struct source *q, struct held *h, enum verdict v, const char *why)
{
	struct place at = held_place(q, h);

	drop(v, &at, q->text.p + h->at, h->n, why);
	h->done = 1;
}

static size_t
held_cost(const struct held *h)
{
	return h->n + sizeof *h + TREE_HASH;
}

/* Of a source that is there for its held lines alone. */
static size_t
source_cost(void)
{
	return sizeof(struct source) +
	    HELD_MIN * (sizeof(struct held) + TREE_HASH);
}

/* Close the ranks. */
static void
remove_done(struct source *q)
{
	size_t kept = 0, base;

	for (size_t i = 0; i < q->n; i++) {
		if (q->held[i].done) {
			s.held_bytes -= held_cost(&q->held[i]);
			continue;
		}
		if (kept != i) {
			q->held[kept] = q->held[i];
			memcpy(q->leaf[kept], q->leaf[i], TREE_HASH);
		}
		kept++;
	}
	q->n = kept;
	if (kept == 0 && q->charged) {
		s.held_bytes -= source_cost();
		q->charged = 0;
	}
	base = kept > 0 ? q->held[0].at : q->text.len;
	if (kept > 0 && base < q->text.len / 2)
		return;
	buf_cut(&q->text, base);
	for (size_t i = 0; i < kept; i++)
		q->held[i].at -= base;
}

/* A line whose place under its seal is proven. */
static void
pass_held(struct source *q, struct held *h, const struct cert *c, int reordered)
{
	struct place at = held_place(q, h);
	const char *line = q->text.p + h->at, *topic = line + h->topic_at;
	char space[TOPIC_MAX + 1];
	const char *rule, *why;
	size_t n = h->topic_n;
	struct event e;

	h->done = 1;
	if (n == 0 && event_scan(&e, line, h->n, &why) == 0)
		topic = event_topic(&e, space, &n);
	if (take_number(q, h->ep, h->seq, &at) <= SEQUENCE_REPEATED) {
		drop(REPLAYED, &at, line, h->n, "has come before");
		return;
	}
	if (!cert_may(c, CERT_PUB, topic, n, &rule)) {
		drop(DENIED, &at, line, h->n,
		    rule != NULL ? "its certificate denies the topic"
				 : "its certificate does not cover the topic");
		return;
	}
	if (reordered)
		find(REORDERED, &at, 0, "after one that was sent later");
	pass(&at, line, h->n);
}

static void
write_proof(struct source *q, const unsigned char (*leaf)[TREE_HASH],
    const char *line, size_t n)
{
	static struct batch_proof proof;
	const struct batch_seal *seal = q->wait.seal;
	struct buf b = { 0 };
	struct event e;
	const char *why;
	int64_t t = 0;

	proof.ep = seal->ep;
	proof.seq = s.prove_seq;
	proof.seal = q->wait.line.p;
	proof.seal_n = q->wait.line.len;
	proof.hashes = tree_prove(leaf, (size_t)seal->n,
	    (size_t)(s.prove_seq - seal->first), proof.path);
	if (event_scan(&e, proof.seal, proof.seal_n, &why) == 0)
		event_time(&e, &t);
	batch_proof_add(&b, &proof, q->name, t);
	if (line_out_line(&s.out, line, n) < 0 ||
	    line_out_line(&s.out, b.p, b.len) < 0)
		fail(s.out.name);
	buf_fini(&b);
	s.proven = 1;
}

/* Is what is to be proven among the leaves of the waiting seal? */
static int
is_wanted(const struct source *q, const struct held *h)
{
	return o.prove != NULL && !s.proven && h->ep == s.prove_ep &&
	    h->seq == s.prove_seq && strcmp(q->name, s.prove_src.p) == 0;
}

static void
end_wait(struct source *q)
{
	const struct waiting *w = &q->wait;
	struct place at = { w->file, w->number, q->name, w->seal->ep, 0 };

	tell_gaps(q, w->seal->first + w->seal->n, &at);
	pass(&at, w->line.p, w->line.len);
	q->wait.set = 0;
	remove_done(q);
}

/* All of a seal's events in a row, as if nobody had touched them: 1. */
static int
match_row(struct source *q)
{
	const struct batch_seal *seal = q->wait.seal;
	const unsigned char(*leaf)[TREE_HASH];
	unsigned char root[TREE_HASH];
	size_t i, k = 0, n = (size_t)seal->n;

	while (k < q->n &&
	    (q->held[k].ep != seal->ep || q->held[k].seq != seal->first))
		k++;
	if (k + n > q->n)
		return 0;
	for (i = 0; i < n; i++)
		if (q->held[k + i].ep != seal->ep ||
		    q->held[k + i].seq != seal->first + (int64_t)i)
			return 0;
	for (i = k + n; i < q->n; i++)
		if (q->held[i].ep == seal->ep &&
		    q->held[i].seq < seal->first + seal->n)
			return 0;
	leaf = (const unsigned char(*)[TREE_HASH])(q->leaf + k);
	tree_root(leaf, n, root);
	if (memcmp(root, seal->root, TREE_HASH) != 0)
		return 0;
	for (i = k; i < k + n; i++) {
		if (is_wanted(q, &q->held[i]))
			write_proof(
			    q, leaf, q->text.p + q->held[i].at, q->held[i].n);
		pass_held(q, &q->held[i], q->wait.cert, 0);
	}
	return 1;
}

/*
 * Which held line is the i-th event of the waiting seal: index[i], or -1.
 * Returns how many there are; altered and repeated ones are dropped.
 */
static size_t
sort_held(struct source *q, int index[BATCH_MAX])
{
	const struct batch_seal *seal = q->wait.seal;
	size_t found = 0;

	memset(index, -1, BATCH_MAX * sizeof *index);
	for (size_t i = 0; i < q->n; i++) {
		struct held *h = &q->held[i];
		int64_t at = h->seq - seal->first;

		if (h->done || h->ep != seal->ep || at < 0 || at >= seal->n)
			continue;
		if (seal->has_hint &&
		    memcmp(seal->hint[at], q->leaf[i], BATCH_HINT) != 0) {
			drop_held(q, h, BAD, "altered: does not fit its seal");
		} else if (index[at] < 0) {
			index[at] = (int)i;
			found++;
		} else if (memcmp(q->leaf[index[at]], q->leaf[i], TREE_HASH) ==
		    0) {
			drop_held(q, h, REPLAYED, "has come before");
		} else {
			drop_held(q, h, BAD, "another has the same number");
		}
	}
	return found;
}

/* All are there: they fit the root together, or one of them is wrong. */
static void
match_all(struct source *q, const int index[BATCH_MAX])
{
	static unsigned char leaf[BATCH_MAX][TREE_HASH];
	const struct batch_seal *seal = q->wait.seal;
	const unsigned char(*leaves)[TREE_HASH] =
	    (const unsigned char(*)[TREE_HASH])leaf;
	unsigned char root[TREE_HASH];
	size_t n = (size_t)seal->n;
	int64_t high = 0;
	int good;

	for (size_t i = 0; i < n; i++)
		memcpy(leaf[i], q->leaf[index[i]], TREE_HASH);
	tree_root(leaves, n, root);
	good = memcmp(root, seal->root, TREE_HASH) == 0;
	for (size_t i = 0; i < q->n; i++) {
		struct held *h = &q->held[i];
		int64_t at = h->seq - seal->first;

		if (h->done || h->ep != seal->ep || at < 0 || at >= seal->n)
			continue;
		if (!good) {
			drop_held(q, h, BAD, "does not fit its seal");
			continue;
		}
		if (is_wanted(q, h))
			write_proof(q, leaves, q->text.p + h->at, h->n);
		pass_held(q, h, q->wait.cert, h->seq < high);
		high = h->seq > high ? h->seq : high;
	}
}

static void
drop_unproven(struct source *q, const int index[BATCH_MAX])
{
	const struct batch_seal *seal = q->wait.seal;

	for (size_t i = 0; i < (size_t)seal->n; i++) {
		struct held *h;
		struct place at;

		if (index[i] < 0)
			continue;
		h = &q->held[index[i]];
		at = held_place(q, h);
		take_number(q, h->ep, h->seq, &at);
		drop_held(q, h, UNPROVEN, "others under its seal are missing");
	}
}

/*
 * Try the waiting seal on what is held; whatever is missing may come within
 * a while, unless this is the last time.
 */
static void
match(struct source *q, int last)
{
	int index[BATCH_MAX];
	size_t found;

	if (!q->wait.set)
		return;
	if (match_row(q)) {
		end_wait(q);
		return;
	}
	found = sort_held(q, index);
	if (found < (size_t)q->wait.seal->n && !last)
		return;
	sequence_until(&q->sequence, q->wait.seal->ep,
	    q->wait.seal->first + q->wait.seal->n);
	if (found == (size_t)q->wait.seal->n)
		match_all(q, index);
	else
		drop_unproven(q, index);
	end_wait(q);
}

/* The first n held lines have waited long enough. */
static void
expire(struct source *q, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (q->sealed)
			drop_held(q, &q->held[i], UNPROVEN, "no seal came");
		else
			drop_held(q, &q->held[i], UNSIGNED,
			    "no sig, and no seal came");
	remove_done(q);
}

/* Anybody can make up sources; who has signed once does not suffer by it. */
static void
expire_strangers(const struct source *used)
{
	for (size_t i = 0; i < SOURCES; i++)
		for (struct source *q = s.source[i]; q != NULL; q = q->next)
			if (!q->known && q != used)
				expire(q, q->n);
	forget_strangers(used);
}

/* Strangers have to make room, then who holds most. */
static void
make_room(struct source *q)
{
	struct source *most = q;

	if (q->n >= HELD_LINES)
		expire(q, q->n / 2);
	if (s.held_bytes < HELD_BYTES)
		return;
	expire_strangers(q);
	if (s.held_bytes < HELD_BYTES)
		return;
	for (size_t i = 0; i < SOURCES; i++)
		for (struct source *p = s.source[i]; p != NULL; p = p->next)
			if (p->n > most->n)
				most = p;
	expire(most, most->n);
}

static void
hold(const struct entry *e, struct source *q, const struct place *at,
    const char *line)
{
	struct held *h;

	if (q->known &&
	    sequence_ask(&q->sequence, e->ep, e->seq) <= SEQUENCE_REPEATED) {
		drop(REPLAYED, at, line, e->n,
		    "no sig, and its number has come before");
		return;
	}
	make_room(q);
	if (!q->known && !q->charged) {
		q->charged = 1;
		s.held_bytes += source_cost();
	}
	if (q->n == q->cap) {
		q->cap = q->cap > 0 ? 2 * q->cap : HELD_MIN;
		q->held = xrealloc(q->held, q->cap * sizeof *q->held);
		q->leaf = xrealloc(q->leaf, q->cap * sizeof *q->leaf);
	}
	h = &q->held[q->n];
	*h = (struct held){ q->text.len, e->n, e->file, e->number, e->ep,
		e->seq, s.now, e->topic_at, e->topic_n, 0 };
	memcpy(q->leaf[q->n++], e->leaf, TREE_HASH);
	buf_add(&q->text, line, e->n);
	s.held_bytes += held_cost(h);
	if (q->wait.set && e->ep == q->wait.seal->ep &&
	    e->seq >= q->wait.seal->first &&
	    e->seq - q->wait.seal->first < q->wait.seal->n)
		match(q, 0);
}

/* --- Seals --------------------------------------------------------------- */

static int
seen_seal(const struct source *q, const unsigned char id[TREE_HASH])
{
	size_t n = q->seals < SEEN ? q->seals : SEEN;

	for (size_t i = 0; i < n; i++)
		if (memcmp(q->seen[i], id, TREE_HASH) == 0)
			return 1;
	return q->chained && memcmp(q->last, id, TREE_HASH) == 0;
}

/* Does the seal follow the last one?  Tells if it does not: 0 if it is late. */
static int
check_chain(struct source *q, const struct batch_seal *seal, struct place at)
{
	int64_t next = seal->first + seal->n;

	if (!q->chained ||
	    (seal->has_prev && memcmp(seal->prev, q->last, TREE_HASH) == 0))
		return 1;
	at.ep = q->seal_ep;
	if (seal->ep > q->seal_ep) {
		if (seal->has_prev)
			find(GAP, &at, 0, "the end of that epoch is missing");
		return 1;
	}
	if (next <= q->seal_next) {
		find(REORDERED, &at, 0, "a seal after a later one");
		return 0;
	}
	find(GAP, &at, 0, "a seal before this one is missing");
	return 1;
}

static void
remember_seal(struct source *q, const struct batch_seal *seal,
    const unsigned char id[TREE_HASH])
{
	q->chained = 1;
	memcpy(q->last, id, TREE_HASH);
	q->seal_ep = seal->ep;
	q->seal_next = seal->first + seal->n;
	q->every = seal->every;
	q->heard = s.now;
	q->silent = 0;
}

/*
 * Where the seal's events begin that might have come: of a source that was
 * never heard before, with the first one that did.
 */
static int64_t
first_expected(const struct source *q, const struct batch_seal *seal)
{
	int64_t first = seal->first + seal->n;

	if (q->sequence.ep > 0)
		return seal->first;
	for (size_t i = 0; i < q->n; i++)
		if (q->held[i].ep == seal->ep &&
		    q->held[i].seq >= seal->first && q->held[i].seq < first)
			first = q->held[i].seq;
	return first;
}

static void
take_seal(
    const struct entry *e, struct source *q, struct place at, const char *line)
{
	static struct batch_seal seal;
	struct event event;
	const char *why;

	q->known = 1;
	if (event_scan(&event, line, e->n, &why) < 0 ||
	    batch_seal_read(&seal, &event, &why) < 0) {
		drop(BAD, &at, line, e->n, why);
		return;
	}
	at.ep = seal.ep;
	if (seal.ep < q->sequence.ep || seen_seal(q, e->leaf)) {
		drop(REPLAYED, &at, line, e->n, "a seal that has come before");
		return;
	}
	match(q, 1);
	if (seal.ep > q->sequence.ep)
		tell_gaps(q, INT64_MAX, &at);
	if (check_chain(q, &seal, at))
		remember_seal(q, &seal, e->leaf);
	memcpy(q->seen[q->seals++ % SEEN], e->leaf, TREE_HASH);
	sequence_until(&q->sequence, seal.ep, first_expected(q, &seal));
	tell_gaps(q, seal.first, &at);
	if (seal.n == 0) {
		pass(&at, line, e->n);
		return;
	}
	q->sealed = 1;
	q->wait.set = 1;
	if (q->wait.seal == NULL)
		q->wait.seal = xmalloc(sizeof *q->wait.seal);
	memcpy(q->wait.seal, &seal, sizeof seal);
	buf_clear(&q->wait.line);
	buf_add(&q->wait.line, line, e->n);
	q->wait.cert = e->cert;
	q->wait.moment = e->moment;
	q->wait.since = s.now;
	q->wait.file = e->file;
	q->wait.number = e->number;
	match(q, 0);
}

/* --- Proofs -------------------------------------------------------------- */

static struct held *
find_held(struct source *q, const struct batch_proof *proof)
{
	for (size_t i = 0; i < q->n; i++)
		if (q->held[i].ep == proof->ep && q->held[i].seq == proof->seq)
			return &q->held[i];
	return NULL;
}

static enum verdict
verdict_of(enum sign_verdict v)
{
	switch (v) {
	case SIGN_GOOD: return GOOD;
	case SIGN_UNSIGNED: return UNSIGNED;
	case SIGN_UNKNOWN: return UNKNOWN;
	case SIGN_EXPIRED: return EXPIRED;
	case SIGN_REVOKED: return REVOKED;
	case SIGN_DENIED: return DENIED;
	case SIGN_BAD: break;
	}
	return BAD;
}

/* Unix seconds: --at, or when the broker received it, or its own time. */
static int64_t
moment_of(const struct event *e)
{
	int64_t at = 0;

	if (o.at != INT64_MIN)
		return o.at / DATE_SECOND - (o.at % DATE_SECOND < 0);
	sign_moment(e, &at);
	return at;
}

/* The proof's seal: GOOD if it is signed, and by the source. */
static enum verdict
read_proof(const struct event *e, struct batch_proof *proof,
    struct batch_seal *seal, const struct cert **cert, const char **why)
{
	struct event inner;
	enum sign_verdict v;

	if (batch_proof_read(proof, e, why) < 0 ||
	    event_scan(&inner, proof->seal, proof->seal_n, why) < 0 ||
	    batch_seal_read(seal, &inner, why) < 0)
		return BAD;
	v = sign_check(s.who.ring, &s.space, &inner,
	    moment_of(event_has(e, EVENT_RT) ? e : &inner), cert, why);
	if (v != SIGN_GOOD)
		return verdict_of(v);
	buf_clear(&s.space.line);
	event_string(e, EVENT_SRC, &s.space.line);
	*why = "the seal is another source's";
	return strcmp(buf_cstr(&s.space.line), (*cert)->subject) == 0 ? GOOD
								      : BAD;
}

static void
take_proof(
    const struct entry *e, struct source *q, struct place at, const char *line)
{
	static struct batch_proof proof;
	static struct batch_seal seal;
	const struct cert *cert = NULL;
	const char *why = "";
	enum verdict v;
	struct event event;
	struct held *h;

	if (event_scan(&event, line, e->n, &why) < 0)
		return;
	v = read_proof(&event, &proof, &seal, &cert, &why);
	at.ep = proof.ep;
	at.seq = proof.seq;
	h = v == GOOD ? find_held(q, &proof) : NULL;
	if (v == GOOD && h == NULL) {
		v = UNPROVEN;
		why = "a proof without its event before it";
	} else if (v == GOOD &&
	    !batch_proves(&proof, &seal, q->leaf[h - q->held])) {
		v = BAD;
		why = "the proof does not fit the event";
	}
	if (v != GOOD) {
		drop(v, &at, line, e->n, why);
		return;
	}
	/* What lies between single proofs is no gap. */
	tell_gaps(q, INT64_MAX, &at);
	pass_held(q, h, cert, 0);
	while (sequence_untold(&q->sequence, INT64_MAX, &at.seq, &at.ep))
		;
	s.count[GOOD]++;
	put(line, e->n);
	remove_done(q);
}

/* --- In the pool's threads ----------------------------------------------- */

static size_t
add_text(struct job *job, const char *p)
{
	size_t at;

	if (job->text.len == 0)
		buf_addc(&job->text, '\0');
	at = job->text.len;
	buf_add(&job->text, p, strlen(p) + 1);
	return at;
}

static void
find_source(struct job *job, struct entry *x, const struct event *e)
{
	if (job->text.len == 0)
		buf_addc(&job->text, '\0');
	x->src = job->text.len;
	event_string(e, EVENT_SRC, &job->text);
	buf_addc(&job->text, '\0');
}

static void
find_topic(struct entry *x, const struct event *e)
{
	if (e->escaped >> EVENT_TOPIC & 1)
		return;
	x->topic_at = e->at[EVENT_TOPIC];
	x->topic_n = e->len[EVENT_TOPIC];
}

static const char *
check_signed(struct job *job, struct entry *x, const struct event *e)
{
	const char *topic, *why;
	char space[TOPIC_MAX + 1];
	enum sign_verdict v;
	size_t n;

	v = sign_check(s.who.ring, &job->space, e, x->moment, &x->cert, &why);
	x->verdict = verdict_of(v);
	if (v != SIGN_GOOD)
		return why;
	topic = event_topic(e, space, &n);
	x->kind = batch_topic(topic, n, BATCH_SEAL) ? SEAL : EVENT;
	if (x->kind == SEAL)
		sha256(
		    job->space.canon.out.p, job->space.canon.out.len, x->leaf);
	if (x->kind == SEAL || (x->ep > 0 && x->seq > 0))
		return NULL;
	x->verdict = BAD;
	return "signed without ep and seq";
}

static const char *
check_unsigned(struct job *job, struct entry *x, const struct event *e)
{
	const char *topic, *why;
	char space[TOPIC_MAX + 1];
	size_t n;

	x->verdict = UNSIGNED;
	if (!event_has(e, EVENT_TOPIC) || x->src == 0)
		return "no sig";
	topic = event_topic(e, space, &n);
	if (batch_topic(topic, n, BATCH_PROOF)) {
		x->kind = PROOF;
	} else if (x->ep > 0 && x->seq > 0) {
		x->verdict = BAD;
		if (canon_event(&job->space.canon, e->line, e->n, &why) < 0)
			return why;
		tree_leaf(
		    job->space.canon.out.p, job->space.canon.out.len, x->leaf);
		find_topic(x, e);
		x->kind = LEAF;
	} else {
		return "no sig";
	}
	x->verdict = GOOD;
	return NULL;
}

static void
check_entry(struct job *job, struct entry *x)
{
	const char *why = NULL;
	struct event e;

	x->verdict = MALFORMED;
	if (event_scan(&e, job->lines.p + x->at, x->n, &why) == 0) {
		x->moment = moment_of(&e);
		if (event_has(&e, EVENT_SRC))
			find_source(job, x, &e);
		if (event_integer(&e, EVENT_EP, &x->ep) < 0)
			x->ep = 0;
		if (event_integer(&e, EVENT_SEQ, &x->seq) < 0)
			x->seq = 0;
		why = event_has(&e, EVENT_SIG) ? check_signed(job, x, &e)
					       : check_unsigned(job, x, &e);
	}
	if (why != NULL) {
		x->kind = NOTHING;
		x->why = add_text(job, why);
	}
}

static void
work(void *arg)
{
	struct job *job = arg;

	for (size_t i = 0; i < job->n; i++)
		check_entry(job, &job->entry[i]);
}

/* --- Jobs ---------------------------------------------------------------- */

static void
take_entry(struct job *job, const struct entry *x)
{
	const char *line = job->lines.p + x->at;
	const char *src = x->src > 0 ? job->text.p + x->src : NULL;
	struct place at = { x->file, x->number, src, x->ep, x->seq };

	switch (x->kind) {
	case NOTHING:
		drop(x->verdict, &at, line, x->n, job->text.p + x->why);
		break;
	case EVENT: take_event(x, source_of(src), &at, line); break;
	case SEAL: take_seal(x, source_of(src), at, line); break;
	case LEAF: hold(x, source_of(src), &at, line); break;
	case PROOF: take_proof(x, source_of(src), at, line); break;
	}
}

static void
take_job(struct job *job)
{
	s.now = date_mono();
	for (size_t i = 0; i < job->n; i++)
		take_entry(job, &job->entry[i]);
	buf_clear(&job->lines);
	buf_clear(&job->text);
	job->n = 0;
	if (s.idle == NULL) {
		s.idle = job;
		return;
	}
	buf_fini(&job->lines);
	buf_fini(&job->text);
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
			take_job(pool_wait(s.pool));
		pool_put(s.pool, s.job);
		s.job = NULL;
		s.work = 0;
	}
	while ((done = pool_get(s.pool)) != NULL)
		take_job(done);
}

static void
drain(void)
{
	struct job *done;

	submit();
	while ((done = pool_wait(s.pool)) != NULL)
		take_job(done);
}

static void
add_line(const char *p, size_t n)
{
	struct job *job = s.job;
	struct entry *x;

	if (job == NULL) {
		job = s.idle != NULL ? s.idle : xcalloc(1, sizeof *job);
		s.idle = NULL;
		s.job = job;
	}
	if (job->n == job->cap) {
		job->cap = job->cap > 0 ? 2 * job->cap : SIGNED_LINES;
		job->entry =
		    xrealloc(job->entry, job->cap * sizeof *job->entry);
	}
	x = &job->entry[job->n++];
	memset(x, 0, offsetof(struct entry, leaf));
	x->at = job->lines.len;
	x->n = n;
	x->file = s.in.name;
	x->number = s.in.number;
	buf_add(&job->lines, p, n);
	s.work += memmem(p, n, "\"sig\"", 5) != NULL;
	if (s.work >= SIGNED_LINES || job->n >= JOB_LINES ||
	    job->lines.len >= JOB_BYTES)
		submit();
}

/* --- What is remembered -------------------------------------------------- */

static void
add_state(struct buf *b, const struct source *q)
{
	const struct sequence *n = &q->sequence;

	buf_adds(b, "{\"src\":");
	json_add_string(b, q->name, strlen(q->name));
	buf_addf(b, ",\"ep\":%lld,\"high\":%lld,\"gaps\":[", (long long)n->ep,
	    (long long)n->high);
	for (size_t i = 0; i < n->gaps; i++)
		buf_addf(b, "%s[%lld,%lld,%d]", i > 0 ? "," : "",
		    (long long)n->gap[i].from, (long long)n->gap[i].to,
		    n->gap[i].told);
	buf_adds(b, "]");
	if (q->chained) {
		buf_adds(b, ",\"last\":\"");
		base64_add(b, BASE64_URL, q->last, TREE_HASH);
		buf_addf(b, "\",\"seal_ep\":%lld,\"next\":%lld,\"every\":%lld",
		    (long long)q->seal_ep, (long long)q->seal_next,
		    (long long)q->every);
	}
	buf_addf(b, ",\"sealed\":%d}\n", q->sealed);
}

static void
save_state(void)
{
	struct buf b = { 0 }, temp = { 0 };
	int fd, ok;

	s.saved = s.now;
	for (size_t i = 0; i < SOURCES; i++)
		for (const struct source *q = s.source[i]; q != NULL;
		     q = q->next)
			if (q->known)
				add_state(&b, q);
	buf_addf(&temp, "%s.new", o.state);
	fd = open(buf_cstr(&temp),
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	ok = fd >= 0 && app_write(fd, b.p, b.len) == 0 && fsync(fd) == 0;
	if (fd >= 0 && close(fd) < 0)
		ok = 0;
	if (!ok || rename(temp.p, o.state) < 0)
		die(EXIT_CANTCREATE, "--state %s: %s", o.state,
		    strerror(errno));
	buf_fini(&b);
	buf_fini(&temp);
}

static int64_t
state_number(const struct json_value *object, const char *name)
{
	struct json_value v;
	int64_t n = 0;

	if (!json_get(object, name, &v) || num_uint(v.p, v.n, &n) < 0)
		return 0;
	return n;
}

/* Gaps are numbers that exist and have not come, hence this order. */
static void
load_gaps(struct source *q, const struct json_value *gaps, int64_t high)
{
	struct json_value none, row, v;
	struct json_walk rows, cells;
	int64_t cell[3], from, to;
	int64_t ep = q->sequence.ep;

	json_walk(&rows, gaps);
	while (json_next(&rows, &none, &row)) {
		int n = 0;

		if (row.kind != JSON_ARRAY)
			continue;
		json_walk(&cells, &row);
		while (n < 3 && json_next(&cells, &none, &v))
			if (num_uint(v.p, v.n, &cell[n++]) < 0)
				return;
		if (n < 3 || cell[0] < 1 || cell[1] < cell[0])
			continue;
		q->sequence.high = cell[0] - 1;
		sequence_until(&q->sequence, ep, cell[1] + 1);
		while (cell[2] &&
		    sequence_untold(&q->sequence, cell[1] + 1, &from, &to))
			;
	}
	q->sequence.high = high;
}

static int
load_source(const char *p, size_t n)
{
	struct json_value object, v;
	struct buf name = { 0 };
	struct source *q;
	const char *why;

	if (json_check(p, n, &why) != JSON_OBJECT)
		return -1;
	object = json_value(p, n);
	if (!json_get(&object, "src", &v) || v.kind != JSON_STRING)
		return -1;
	json_text(&v, &name);
	q = source_of(buf_cstr(&name));
	buf_fini(&name);
	q->known = 1;
	q->sequence.ep = state_number(&object, "ep");
	if (json_get(&object, "gaps", &v) && v.kind == JSON_ARRAY)
		load_gaps(q, &v, state_number(&object, "high"));
	q->sealed = state_number(&object, "sealed") != 0;
	q->seal_ep = state_number(&object, "seal_ep");
	q->seal_next = state_number(&object, "next");
	q->every = state_number(&object, "every");
	q->heard = s.now;
	q->chained = json_get(&object, "last", &v) &&
	    base64_parse(q->last, TREE_HASH, BASE64_URL, v.p, v.n) == TREE_HASH;
	return 0;
}

static void
load_state(void)
{
	char path[4096], *files[] = { path };
	struct line_in in;
	const char *p;
	size_t n;

	if (access(o.state, F_OK) < 0 && errno == ENOENT)
		return;
	snprintf(path, sizeof path, "%s", o.state);
	line_open(&in, files, 1);
	for (;;)
		switch (line_next(&in, &p, &n)) {
		case LINE_GIVEN:
			if (load_source(p, n) < 0)
				die(EXIT_CONFIG, "--state %s:%llu: damaged",
				    o.state, (unsigned long long)in.number);
			break;
		case LINE_ERROR:
			die(EXIT_NOINPUT, "--state %s: %s", o.state,
			    strerror(errno));
		default: line_close(&in); return;
		}
}

/* --- Time ---------------------------------------------------------------- */

static void
tick_source(struct source *q)
{
	struct place at = { NULL, 0, q->name, 0, 0 };
	size_t old = 0;

	if (q->wait.set && s.now - q->wait.since > o.hold)
		match(q, 1);
	while (old < q->n && s.now - q->held[old].since > o.hold)
		old++;
	if (old > 0)
		expire(q, old);
	if (q->gap_since > 0 && s.now - q->gap_since > o.hold)
		tell_gaps(q, INT64_MAX, &at);
	if (o.follow && q->every > 0 && !q->silent &&
	    s.now - q->heard > q->every + q->every / 2 + SILENCE_SPARE) {
		q->silent = 1;
		find(SILENT, &at, 0, "no sign of life, though one is due");
	}
}

/* What has to be done every second, whether lines come or not. */
static void
tick(void)
{
	const char *why;

	s.now = date_mono();
	if (s.now - s.ticked < DATE_SECOND)
		return;
	s.ticked = s.now;
	for (size_t i = 0; i < SOURCES; i++)
		for (struct source *q = s.source[i]; q != NULL; q = q->next)
			tick_source(q);
	forget_strangers(NULL);
	if (s.now - s.told_since >= DATE_SECOND)
		tell_untold();
	if (o.state != NULL && s.now - s.saved >= STATE_TIME)
		save_state();
	if (!o.follow)
		return;
	drain();
	if (keyring_refresh(s.who.ring, &why) < 0)
		warn("%s", why);
}

static int
readable(int fd, int timeout)
{
	struct pollfd fds[2] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = app_signal_fd(), .events = POLLIN },
	};

	return poll(fds, 2, timeout) > 0 && fds[0].revents != 0;
}

static void
flush(void)
{
	if (line_out_flush(&s.out) < 0)
		fail(s.out.name);
	if (s.reporting && line_out_flush(&s.report) < 0)
		fail(s.report.name);
}

static void
wait_for_input(void)
{
	int fd = line_fd(&s.in);

	if (fd >= 0 && !readable(fd, 0)) {
		drain();
		flush();
		if (!readable(fd, 1000))
			return;
	}
	if (line_fill(&s.in) < 0 && errno != EINTR) {
		error("%s: %s", s.in.name, strerror(errno));
		s.unread = 1;
	}
}

static void
verify_lines(void)
{
	const char *line;
	size_t n;
	int go = 1;

	while (go && !app_stop() && !s.proven)
		switch (line_take(&s.in, &line, &n)) {
		case LINE_GIVEN: add_line(line, n); break;
		case LINE_WAIT:
			tick();
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
}

/* What still waits will not be proven any more. */
static void
end_sources(void)
{
	struct place at = { NULL, 0, NULL, 0, 0 };

	for (size_t i = 0; i < SOURCES; i++)
		for (struct source *q = s.source[i]; q != NULL; q = q->next) {
			match(q, 1);
			expire(q, q->n);
			tell_gaps(q, INT64_MAX, &at);
		}
}

/* --- Start and end ------------------------------------------------------- */

static void
add_chain(const char *path, const struct buf *chain)
{
	const struct cert *leaf;
	const char *why;

	if (chain->len > 0 &&
	    keyring_add_chain(s.who.ring, chain->p, chain->len, &leaf, &why) <
		0)
		die(EXIT_CONFIG, "%s: %s", path, why);
}

/* A chain begins with a certificate that is no issuer's. */
static void
read_chains(const char *path)
{
	char name[4096], *files[] = { name };
	struct buf chain = { 0 };
	struct line_in in;
	enum line_result r;
	struct cert *c;
	const char *p, *why;
	size_t n;

	snprintf(name, sizeof name, "%s", path);
	line_open(&in, files, 1);
	while ((r = line_next(&in, &p, &n)) == LINE_GIVEN) {
		c = cert_parse(p, n, &why);
		if (c == NULL)
			die(EXIT_CONFIG, "%s:%llu: %s", path,
			    (unsigned long long)in.number, why);
		if (c->role != CERT_ISSUER) {
			add_chain(path, &chain);
			buf_clear(&chain);
		}
		buf_add(&chain, p, n);
		buf_addc(&chain, '\n');
		cert_free(c);
	}
	if (r == LINE_ERROR)
		die(EXIT_NOINPUT, "%s: %s", path, strerror(errno));
	add_chain(path, &chain);
	buf_fini(&chain);
	line_close(&in);
}

static void
open_network(void)
{
	const char *why;
	int status;

	if (identity_network(&s.who, &identity_given, &status, &why) < 0)
		die(status, "%s", why);
	for (size_t i = 0; i < o.certs.n; i++)
		read_chains(o.certs.v[i]);
}

/* SRC may have slashes; EP and SEQ have none. */
static void
read_wish(void)
{
	const char *seq = strrchr(o.prove, '/'), *ep = seq;

	while (ep > o.prove && *--ep != '/')
		;
	if (seq == NULL || ep == seq || *ep != '/' || ep == o.prove ||
	    num_uint(seq + 1, strlen(seq + 1), &s.prove_seq) < 0 ||
	    num_uint(ep + 1, (size_t)(seq - ep - 1), &s.prove_ep) < 0)
		opt_usage("--prove %s: not SRC/EP/SEQ", o.prove);
	buf_add(&s.prove_src, o.prove, (size_t)(ep - o.prove));
	buf_cstr(&s.prove_src);
}

static void
check_options(void)
{
	if (o.drop && o.keep)
		opt_usage("either --drop or --keep");
	if (o.act != NULL && o.keep)
		opt_usage("--act drops what may not be acted on, no --keep");
	if (o.prove != NULL && (o.keep || o.act != NULL || o.follow))
		opt_usage("--prove goes without --keep, --act and --follow");
	if (o.jobs > 1024)
		opt_usage("-j: at most 1024");
	if (o.prove != NULL)
		read_wish();
}

static void
open_outputs(void)
{
	const char *why;
	int fd;

	line_out_init(&s.out, STDOUT_FILENO, "standard output");
	if (o.dead != NULL && line_dead(&s.in, o.dead) < 0)
		die(EXIT_CANTCREATE, "%s: %s", o.dead, strerror(errno));
	if (o.act != NULL && (s.guard = command_open(o.act, &why)) == NULL)
		die(errno == EWOULDBLOCK ? EXIT_UNAVAILABLE : EXIT_CONFIG,
		    "--act %s: %s", o.act, why);
	if (o.report == NULL)
		return;
	fd = open(o.report, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		die(EXIT_CANTCREATE, "%s: %s", o.report, strerror(errno));
	line_out_init(&s.report, fd, o.report);
	s.reporting = 1;
}

static uint64_t
failures(void)
{
	uint64_t n = s.in.bad;

	for (int v = GOOD + 1; v < VERDICTS; v++)
		n += s.count[v];
	return n;
}

static void
print_stats(void)
{
	struct buf b = { 0 };

	if (!o.stats)
		return;
	stats_begin(
	    &b, command.name, s.in.lines, s.passed, s.in.bad + s.dropped);
	for (int v = 0; v < VERDICTS; v++)
		stats_add(
		    &b, v == BAD ? "altered" : verdict_name[v], s.count[v]);
	stats_end(&b, s.in.lines, date_mono() - s.started);
}

static void
close_all(void)
{
	pool_free(s.pool);
	if (o.state != NULL)
		save_state();
	if (line_out_fini(&s.out) < 0)
		fail(s.out.name);
	if (s.reporting && line_out_fini(&s.report) < 0)
		fail(o.report);
	if (s.guard != NULL && command_close(s.guard) < 0)
		fail(o.act);
	if (line_close(&s.in) < 0)
		fail(o.dead);
	identity_close(&s.who);
}

static int
finish(void)
{
	int status = failures() > 0 ? EXIT_NO : EXIT_OK;

	if (o.prove != NULL) {
		if (!s.proven)
			error("--prove %s: not found under a seal that holds",
			    o.prove);
		status = s.proven ? EXIT_OK : EXIT_NO;
	} else {
		tell_untold();
	}
	print_stats();
	close_all();
	if (app_stop())
		return 128 + app_stop();
	if (status == EXIT_OK && s.unread)
		return EXIT_NOINPUT;
	return status;
}

int
main(int argc, char **argv)
{
	int first = opt_parse(&command, argc, argv);

	check_options();
	app_signals();
	open_network();
	line_open(&s.in, argv + first, (size_t)(argc - first));
	s.in.out = &s.out;
	open_outputs();
	s.now = s.started = s.told_since = s.saved = s.ticked = date_mono();
	if (o.state != NULL)
		load_state();
	s.pool = pool_new((unsigned)o.jobs, work);
	verify_lines();
	if (!s.proven)
		end_sources();
	return finish();
}

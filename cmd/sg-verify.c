/*
 * sg-verify - Reads event lines and passes those whose signature or seal
 * holds; says of the others, and of what is missing, what is wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "base/opt.h"
#include "base/stats.h"
#include "event/command.h"
#include "event/line.h"
#include "trust/finding.h"
#include "trust/identity.h"
#include "trust/judge_pool.h"
#include "trust/keyring_file.h"
#include "trust/source_state.h"
#include "trust/sources.h"

enum { PATH_BYTES = 4096, STATE_TIME = 5 * DATE_SECOND };
enum { MARK_LINE = 65536, MARK_HEAD = 4096 }; /* bytes; its topic is in these */

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

static struct {
	struct line_in in;
	struct line_out out, report;
	struct identity who;
	struct command_guard *guard;
	struct judge_pool judges;
	struct sources sources;
	struct finding_limit limit;
	int64_t ticked, saved, started;
	struct {
		int set;
		struct buf line;   /* of a mark that waits */
		struct buf behind; /* what was passed meanwhile */
		const char *file;  /* where it stood */
		uint64_t number;
	} mark;
	uint64_t passed, dropped, count[VERDICTS];
	int unread;
} s = { .report = { .fd = -1 } };

static void
fail(const char *name)
{
	die(EXIT_IO, "%s: %s", name, strerror(errno));
}

/* --- What comes out ------------------------------------------------------ */

static void
tell_untold(void)
{
	uint64_t n = finding_limit_end(&s.limit, s.sources.room.now);

	if (n > 0)
		warn("%llu more findings", (unsigned long long)n);
}

static void
find(void *arg, const struct finding *f)
{
	struct buf b = { 0 };

	(void)arg;
	s.count[f->verdict] += f->n > 0 ? (uint64_t)f->n : 1;
	if (s.report.fd >= 0) {
		finding_json(&b, f);
		if (line_out_line(&s.report, b.p, b.len) < 0)
			fail(s.report.name);
		buf_clear(&b);
	}
	if (finding_limit_due(&s.limit, s.sources.room.now))
		tell_untold();
	if (finding_limit_take(&s.limit)) {
		finding_text(&b, f);
		warn("%s", buf_cstr(&b));
	}
	buf_fini(&b);
}

static void
put(const char *p, size_t n)
{
	s.passed++;
	if (o.prove != NULL)
		return;
	if (s.mark.set) {
		buf_add(&s.mark.behind, p, n);
		buf_addc(&s.mark.behind, '\n');
	} else if (line_out_line(&s.out, p, n) < 0) {
		fail(s.out.name);
	}
}

static void
drop(void *arg, const struct finding *f, const char *p, size_t n)
{
	struct buf whole = { 0 };

	find(arg, f);
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

/* A line that is good, if it may be acted on should it be a command. */
static void
pass(void *arg, const struct finding_place *at, const char *p, size_t n)
{
	struct finding f = { VERDICT_GOOD, *at, 0, "" };
	struct event e;

	if (s.guard != NULL && event_scan(&e, p, n, &f.why) == 0)
		f.verdict = verdict_of_command(
		    command_check(s.guard, &e, date_now(), &f.why));
	if (f.verdict != VERDICT_GOOD) {
		drop(arg, &f, p, n);
		return;
	}
	s.count[VERDICT_GOOD]++;
	put(p, n);
}

static void
prove(void *arg, const char *p, size_t n, const struct buf *proof)
{
	(void)arg;
	if (line_out_line(&s.out, p, n) < 0 ||
	    line_out_line(&s.out, proof->p, proof->len) < 0)
		fail(s.out.name);
}

/* --- What goes in -------------------------------------------------------- */

static void
take_batch(const struct judge_batch *b)
{
	const struct judge_entry *x;

	s.sources.room.now = date_mono();
	for (x = b->entry; x < b->entry + b->n; x++) {
		struct finding_place at = judge_batch_place(b, x);

		sources_take(&s.sources, &x->judged,
		    judge_why(&b->space, &x->judged), &at, b->lines.p + x->at,
		    x->n);
	}
}

static void
take_judged(enum judge_pool_which which)
{
	const struct judge_batch *b;

	while ((b = judge_pool_get(&s.judges, which)) != NULL)
		take_batch(b);
}

/* 1 if the line is a mark; only one that may be is looked at. */
static int
is_mark(const char *p, size_t n)
{
	static const char topic[] = "\"$SG/MARK\"";
	struct event e;
	const char *why;

	return n < MARK_LINE &&
	    memmem(p, n < MARK_HEAD ? n : MARK_HEAD, topic, sizeof topic - 1) !=
	    NULL &&
	    event_scan(&e, p, n, &why) == 0 && event_is_mark(&e);
}

static void
save_state(void)
{
	s.saved = s.sources.room.now;
	if (source_state_save(&s.sources, o.state) < 0)
		die(EXIT_CANTCREATE, "--state %s: %s", o.state,
		    strerror(errno));
}

static void
load_state(void)
{
	uint64_t line;

	if (source_state_load(&s.sources, o.state, &line) == 0)
		return;
	if (line > 0)
		die(EXIT_CONFIG, "--state %s:%llu: damaged", o.state,
		    (unsigned long long)line);
	die(EXIT_NOINPUT, "--state %s: %s", o.state, strerror(errno));
}

/* --- Marks --------------------------------------------------------------- */

/* 1 if it stood before the mark. */
static int
is_before(const char *file, uint64_t number)
{
	return file != s.mark.file || number < s.mark.number;
}

/* 1 if a line before the mark waits for its seal, or a seal for its lines. */
static int
holds_back(const struct source *q)
{
	if (q->wait.set && is_before(q->wait.file, q->wait.number))
		return 1;
	for (size_t i = 0; i < q->pending.n; i++)
		if (!q->pending.line[i].done)
			return is_before(
			    q->pending.line[i].file, q->pending.line[i].number);
	return 0;
}

static void
put_behind(void)
{
	if (s.mark.behind.len > 0 &&
	    line_out_add(&s.out, s.mark.behind.p, s.mark.behind.len) < 0)
		fail(s.out.name);
	buf_clear(&s.mark.behind);
}

static void
put_mark(void)
{
	if (line_out_line(&s.out, s.mark.line.p, s.mark.line.len) < 0)
		fail(s.out.name);
	s.mark.set = 0;
	put_behind();
}

/* Once all before it has been judged it goes out, and what was passed since. */
static void
see_mark(void)
{
	const struct source *q = NULL;

	if (!s.mark.set)
		return;
	if (s.mark.behind.len > SOURCES_BYTES) {
		/* Too much for it to wait: the next one will do. */
		s.mark.set = 0;
		put_behind();
		return;
	}
	while ((q = sources_next(&s.sources, q)) != NULL)
		if (holds_back(q))
			return;
	put_mark();
}

/*
 * While one waits the next is left out, unless it is one of those that are
 * where a flow begins: then it is what all so far comes before.
 */
static void
take_mark(const char *p, size_t n)
{
	static const char begins[] = "\"done\":true";

	if (o.state != NULL)
		die(EXIT_USAGE,
		    "--state goes not with marks: what is read again would "
		    "pass for a repeat");
	take_judged(JUDGE_POOL_ALL);
	see_mark();
	if (s.mark.set && memmem(p, n, begins, sizeof begins - 1) == NULL)
		return;
	put_behind();
	buf_clear(&s.mark.line);
	buf_add(&s.mark.line, p, n);
	s.mark.file = s.in.name;
	s.mark.number = s.in.number;
	s.mark.set = 1;
	see_mark();
}

/* --- Time ---------------------------------------------------------------- */

/* What has to be done every second, whether lines come or not. */
static void
tick(void)
{
	int64_t now = date_mono();
	const char *why;

	s.sources.room.now = now;
	if (now - s.ticked < DATE_SECOND)
		return;
	s.ticked = now;
	sources_tick(&s.sources);
	if (finding_limit_due(&s.limit, now))
		tell_untold();
	if (o.state != NULL && now - s.saved >= STATE_TIME)
		save_state();
	if (!o.follow)
		return;
	take_judged(JUDGE_POOL_ALL);
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
	if (s.report.fd >= 0 && line_out_flush(&s.report) < 0)
		fail(s.report.name);
}

static void
wait_for_input(void)
{
	int fd = line_fd(&s.in);

	if (fd >= 0 && !readable(fd, 0)) {
		take_judged(JUDGE_POOL_ALL);
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

	while (go && !app_stop() && !s.sources.room.wish.done)
		switch (line_take(&s.in, &line, &n)) {
		case LINE_GIVEN:
			if (is_mark(line, n))
				take_mark(line, n);
			else if (judge_pool_add(&s.judges, line, n, s.in.name,
				     s.in.number))
				take_judged(JUDGE_POOL_READY);
			break;
		case LINE_WAIT:
			tick();
			see_mark();
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
	take_judged(JUDGE_POOL_ALL);
}

/* --- Start and end ------------------------------------------------------- */

static void
read_chains(const char *path)
{
	const char *why;
	int r = keyring_file(s.who.ring, path, &why);

	if (r < 0)
		die(EXIT_NOINPUT, "%s: %s", path, strerror(errno));
	if (r == 0)
		die(EXIT_CONFIG, "%s", why);
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
	if (o.prove != NULL &&
	    source_wish_read(&s.sources.room.wish, o.prove) < 0)
		opt_usage("--prove %s: not SRC/EP/SEQ", o.prove);
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
}

static void
open_sources(void)
{
	static const struct source_sink sink = { NULL, pass, drop, find,
		prove };
	struct source_room *room = &s.sources.room;

	s.started = s.limit.since = s.saved = s.ticked = date_mono();
	room->sink = &sink;
	room->judge = (struct judge){ s.who.ring, o.at };
	room->hold = o.hold;
	room->live = o.follow;
	room->partial = o.partial;
	room->now = s.started;
}

static uint64_t
failures(void)
{
	uint64_t n = s.in.bad;

	for (int v = VERDICT_GOOD + 1; v < VERDICTS; v++)
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
		stats_add(&b, v == VERDICT_BAD ? "altered" : verdict_name(v),
		    s.count[v]);
	stats_end(&b, s.in.lines, date_mono() - s.started);
}

static void
close_all(void)
{
	judge_pool_fini(&s.judges);
	if (o.state != NULL)
		save_state();
	if (line_out_fini(&s.out) < 0)
		fail(s.out.name);
	if (s.report.fd >= 0 && line_out_fini(&s.report) < 0)
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
		status = s.sources.room.wish.done ? EXIT_OK : EXIT_NO;
		if (status != EXIT_OK)
			error("--prove %s: not found under a seal that holds",
			    o.prove);
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
	open_sources();
	if (o.state != NULL)
		load_state();
	judge_pool_init(&s.judges, (unsigned)o.jobs, &s.sources.room.judge);
	verify_lines();
	if (!s.sources.room.wish.done)
		sources_end(&s.sources);
	if (s.mark.set)
		put_mark();
	return finish();
}

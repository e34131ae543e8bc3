/*
 * sg-open reads sealed event lines and writes what was sealed, or opens a
 * sealed document; it sees from the input's first byte which of them it is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "base/num.h"
#include "base/opt.h"
#include "base/stats.h"
#include "event/event.h"
#include "event/line.h"
#include "trust/age.h"
#include "trust/hold.h"
#include "trust/identity.h"
#include "trust/secret.h"
#include "trust/sender.h"

enum { PASSPHRASE = 1024 };
enum { HOLD_TIME = 60 * DATE_SECOND }; /* that a mark is held back */

static struct {
	const char *dead;
	int keep, strict, stats;
	int64_t hold;
} o = { .hold = 16 << 20 };

static const struct opt options[] = {
	{ 0, "identity", OPT_GROUP, NULL, NULL, identity_rows },
	{ 0, "keep", OPT_FLAG, NULL, "pass on what is not opened", &o.keep },
	{ 0, "hold", OPT_SIZE, "SIZE",
	    "events to keep until their key comes (16M)", &o.hold },
	{ 0, "dead", OPT_STRING, "FILE", "append refused lines to FILE",
	    &o.dead },
	{ 0, "strict", OPT_FLAG, NULL, "stop at the first refused line",
	    &o.strict },
	{ 0, "stats", OPT_FLAG, NULL, "say what was done at the end",
	    &o.stats },
	{ 0 },
};

static const struct opt_command command = {
	.name = "sg-open",
	.purpose = "open sealed events or a sealed document",
	.operands = "[FILE]...",
	.options = options,
	.examples = {
		"sg-sub -k dso.key '+/#' | sg-open -k dso.key",
		"sg-open -k dso.key report.pdf.age >report.pdf",
	},
};

static struct line_in in;
static struct line_out out;
static struct identity id; /* the network alone */
static struct key *key;
static int64_t held_since; /* when nothing was held at a mark */
static struct sender_keys *known;
static struct sender_space space;
static struct hold hold;
static struct buf line;
static struct {
	uint64_t opened, others, unknown, clear, keys, written;
} count;

static void
output(int status)
{
	if (status < 0)
		die(EXIT_IO, "%s: %s", out.name, strerror(errno));
}

static void
put(const char *p, size_t n)
{
	output(line_out_line(&out, p, n));
	count.written++;
}

static void
keep(const char *p, size_t n)
{
	if (o.keep)
		put(p, n);
}

static void
refuse(const char *p, size_t n, const char *why)
{
	if (line_bad(&in, p, n, why) < 0)
		die(EXIT_IO, "%s: %s", in.name, strerror(errno));
}

/* When the broker got it, or else when it was made. */
static int64_t
moment(const struct event *e)
{
	int64_t at;

	return sign_moment(e, &at) == 0 ? at : date_now() / DATE_SECOND;
}

/* Give up waiting for the key of the line. */
static void
give_up(struct hold_line *held)
{
	size_t n = held->n;
	char *p = hold_take(&hold, held);

	count.unknown++;
	keep(p, n);
	free(p);
}

static void
wait_for_key(const char *p, size_t n)
{
	struct hold_line *over;

	hold_add(&hold, (const unsigned char *)space.box.p, p, n);
	while ((over = hold_over(&hold)) != NULL)
		give_up(over);
}

static void
open_event(const struct event *e)
{
	const char *why = NULL;

	buf_clear(&line);
	switch (sender_open(known, e, &space, &line, &why)) {
	case SENDER_OPENED:
		count.opened++;
		put(line.p, line.len);
		break;
	case SENDER_CLEAR:
		count.clear++;
		keep(e->line, e->n);
		break;
	case SENDER_STRANGE:
		count.others++;
		keep(e->line, e->n);
		break;
	case SENDER_UNKNOWN: wait_for_key(e->line, e->n); break;
	default: refuse(e->line, e->n, why);
	}
}

/* What has waited for this key. */
static void
open_held(const unsigned char *key_id)
{
	struct hold_line *held;
	struct event e;
	const char *why;
	size_t at = 0;

	while ((held = hold_find(&hold, key_id, &at)) != NULL) {
		size_t n = held->n;
		char *p = hold_take(&hold, held);

		if (event_scan(&e, p, n, &why) == 0)
			open_event(&e);
		free(p);
	}
}

static void
take_key(const struct event *e)
{
	unsigned char key_id[SENDER_ID];
	const char *why;

	switch (sender_keys_take(known, e, moment(e), &space, key_id, &why)) {
	case SENDER_REFUSED: refuse(e->line, e->n, why); return;
	case SENDER_NEW:
		count.keys++;
		/* FALLTHROUGH */
	case SENDER_OTHERS: open_held(key_id); break;
	case SENDER_AGAIN: break;
	}
	keep(e->line, e->n);
}

/*
 * What waits for its key is before a mark, so that waits too: another one will
 * come.  Not for ever, and where a flow begins there is no other.
 */
static void
take_mark(const char *p, size_t n)
{
	static const char begins[] = "\"done\":true";
	int64_t now = date_mono();
	struct hold_line *held;

	if (hold.count == 0)
		held_since = now;
	if (hold.count > 0 && now - held_since < HOLD_TIME &&
	    memmem(p, n, begins, sizeof begins - 1) == NULL)
		return;
	while ((held = hold_oldest(&hold)) != NULL)
		give_up(held);
	put(p, n);
}

static void
handle(const char *p, size_t n)
{
	struct event e;
	const char *why;

	if (event_scan(&e, p, n, &why) < 0)
		refuse(p, n, why);
	else if (event_has(&e, EVENT_ENC))
		open_event(&e);
	else if (sender_is_key(&e))
		take_key(&e);
	else if (event_is_mark(&e))
		take_mark(p, n);
	else
		open_event(&e);
}

static void
open_network(void)
{
	const char *why;
	int status;

	if (key == NULL)
		opt_usage("sealed events are opened with a key: -k FILE");
	if (identity_network(&id, &identity_given, &status, &why) < 0)
		die(status, "%s", why);
	known = sender_keys_new(key, id.ring);
	hold.max = (size_t)o.hold;
}

static void
reload(void)
{
	const char *why;
	int status;

	if (identity_reload(&id, &identity_given, &status, &why) < 0)
		error("%s; the old one stays", why);
	sender_keys_ring(known, id.ring);
}

static void
unreadable(void)
{
	int saved = errno;

	output(line_out_flush(&out));
	die(saved == ENOENT || saved == EACCES || saved == EISDIR ? EXIT_NOINPUT
								  : EXIT_IO,
	    "%s: %s", in.name, strerror(saved));
}

static void
open_events(void)
{
	const char *p;
	size_t n;
	enum line_result r;
	struct hold_line *held;

	open_network();
	while (!app_stop() && (r = line_next(&in, &p, &n)) != LINE_END) {
		if (r == LINE_ERROR && errno != EINTR)
			unreadable();
		if (app_hup())
			reload();
		if (r == LINE_GIVEN)
			handle(p, n);
	}
	while ((held = hold_oldest(&hold)) != NULL)
		give_up(held);
}

static void
print_stats(int64_t begun)
{
	struct buf b = { 0 };

	if (!o.stats)
		return;
	stats_begin(&b, command.name, in.lines, count.written, in.bad);
	stats_add(&b, "opened", count.opened);
	stats_add(&b, "others", count.others);
	stats_add(&b, "unknown", count.unknown);
	stats_add(&b, "clear", count.clear);
	stats_add(&b, "keys", count.keys);
	stats_end(&b, in.lines, date_mono() - begun);
}

static int
events(int64_t begun)
{
	int status;

	open_events();
	if (count.others > 0)
		warn(
		    "%llu sealed for others", (unsigned long long)count.others);
	if (count.unknown > 0)
		warn("%llu whose key event has not come",
		    (unsigned long long)count.unknown);
	status = line_status(&in);
	if (status == EXIT_OK && count.others + count.unknown > 0)
		status = EXIT_NO;
	if (app_stop())
		status = 128 + app_stop();
	line_summary(&in);
	if (line_close(&in) < 0)
		die(EXIT_IO, "%s: %s", o.dead, strerror(errno));
	output(line_out_fini(&out));
	print_stats(begun);
	sender_keys_free(known);
	sender_space_fini(&space);
	hold_fini(&hold);
	return status;
}

static enum age_result
ask_passphrase(struct age_open *a)
{
	char *pass = secret_new(PASSPHRASE);
	enum age_result r;
	int n = secret_passphrase((int)identity_given.pass_fd,
	    "Passphrase of the document: ", pass, PASSPHRASE);

	r = n < 0 ? AGE_PASSPHRASE
		  : age_open_passphrase(a, pass, (size_t)n, &out.buf);
	secret_free(pass);
	return r;
}

static void
document_failed(struct age_open *a, enum age_result r, uint64_t given)
{
	age_open_free(a);
	output(line_out_flush(&out));
	die(r == AGE_NO_MATCH || r == AGE_PASSPHRASE ? EXIT_DENIED : EXIT_DATA,
	    "%s: %s%s", in.name,
	    r == AGE_NO_MATCH && key == NULL ? "cannot be opened without a key "
					       "or with this passphrase"
					     : age_result_why(r),
	    given > 0 ? "; what has been written is not complete" : "");
}

/* The document's next piece, in in.buf: 1, or 0 at its end. */
static int
next_piece(void)
{
	int r;

	in.at = in.seen = in.buf.len = 0;
	while ((r = line_fill(&in)) < 0)
		if (errno != EINTR || app_stop())
			unreadable();
	return r && in.buf.len > 0;
}

/* in.buf holds its beginning. */
static int
document(void)
{
	struct age_open *a = age_open_new(key != NULL ? key->seed_enc : NULL);
	uint64_t given = 0;
	enum age_result r;

	if (in.nfiles > 1 || o.keep || o.dead != NULL || o.strict || o.stats)
		opt_usage("a sealed document is opened alone and without "
			  "options");
	do {
		r = age_open_add(a, in.buf.p, in.buf.len, &out.buf);
		if (r == AGE_PASSPHRASE)
			r = ask_passphrase(a);
		given += out.buf.len;
		if (r != AGE_GOOD)
			document_failed(a, r, given);
		output(line_out_flush(&out));
	} while (!app_stop() && next_piece());
	r = app_stop() ? AGE_GOOD : age_open_end(a, &out.buf);
	if (r != AGE_GOOD)
		document_failed(a, r, given + out.buf.len);
	output(line_out_fini(&out));
	age_open_free(a);
	return app_stop() ? 128 + app_stop() : EXIT_OK;
}

/* Events begin with a brace, also if there are none. */
static int
is_document(void)
{
	const char *p;
	size_t n, i = 0;

	if (line_take(&in, &p, &n) == LINE_ERROR)
		unreadable();
	while (line_fill(&in) < 0)
		if (errno != EINTR || app_stop())
			unreadable();
	while (i < in.buf.len && strchr(" \t\r\n", in.buf.p[i]) != NULL)
		i++;
	return i < in.buf.len && in.buf.p[i] != '{';
}

static void
load_key(void)
{
	const char *why;

	if (identity_given.key == NULL)
		return;
	key = key_load(identity_given.key, (int)identity_given.pass_fd, &why);
	if (key == NULL)
		die(errno == EACCES ? EXIT_DENIED : EXIT_CONFIG, "%s: %s",
		    identity_given.key, why);
}

int
main(int argc, char **argv)
{
	int first = opt_parse(&command, argc, argv), status;
	int64_t begun = date_mono();

	load_key();
	app_signals();
	line_out_init(&out, STDOUT_FILENO, "standard output");
	line_open(&in, argv + first, (size_t)(argc - first));
	in.strict = o.strict;
	in.out = &out;
	if (o.dead != NULL && line_dead(&in, o.dead) < 0)
		die(EXIT_CANTCREATE, "%s: %s", o.dead, strerror(errno));
	status = is_document() ? document() : events(begun);
	key_free(key);
	identity_close(&id);
	return status;
}

/*
 * sg-seal reads event lines and writes them sealed for the recipients, with
 * key events between them; with --document it seals a file of any kind.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "base/opt.h"
#include "base/stats.h"
#include "event/event.h"
#include "event/fill.h"
#include "event/ident.h"
#include "event/line.h"
#include "event/topic.h"
#include "trust/age.h"
#include "trust/identity.h"
#include "trust/recipients.h"
#include "trust/sender.h"

static struct {
	struct opt_list to, files;
	const char *topic, *dead;
	int document, armor, strict, stats;
	int64_t rotate, announce;
} o = { .rotate = INT64_C(3600) * DATE_SECOND,
	.announce = INT64_C(60) * DATE_SECOND };

static const struct opt options[] = {
	{ 'r', "recipient", OPT_LIST, "NAME",
	    "subject, certificate file or age1... who may open it", &o.to },
	{ 'R', "recipients-file", OPT_LIST, "FILE", "the same, one a line",
	    &o.files },
	{ 0, "identity", OPT_GROUP, NULL, NULL, identity_rows },
	{ 0, "document", OPT_FLAG, NULL,
	    "seal a file as a whole, in the format of age", &o.document },
	{ 'a', "armor", OPT_FLAG, NULL, "write a document as text", &o.armor },
	{ 't', "topic", OPT_STRING, "TOPIC",
	    "of the key events (STATUS/KEYS/SUBJECT)", &o.topic },
	{ 0, "rotate", OPT_DURATION, "DURATION",
	    "how long a content key is used (1h)", &o.rotate },
	{ 0, "announce", OPT_DURATION, "DURATION",
	    "how often its key event is repeated (1m)", &o.announce },
	{ 0, "dead", OPT_STRING, "FILE", "append refused lines to FILE",
	    &o.dead },
	{ 0, "strict", OPT_FLAG, NULL, "stop at the first refused line",
	    &o.strict },
	{ 0, "stats", OPT_FLAG, NULL, "say what was done at the end",
	    &o.stats },
	{ 0 },
};

static const struct opt_command command = {
	.name = "sg-seal",
	.purpose = "seal events or a document for its recipients",
	.operands = "[FILE]...",
	.options = options,
	.examples = {
		"sg-seal -k flat12.key -r dso readings.ndjson | sg-pub -k "
		"flat12.key",
		"sg-seal --document -r dso report.pdf >report.pdf.age",
	},
};

static struct line_in in;
static struct line_out out;
static struct identity id;
static struct recipients to;
static struct sender *sender;
static struct sender_space space;
static struct fill fill;
static struct ident ident = { .fd = -1 };
static struct buf line;
static int64_t renewed, announced; /* date_mono() */
static uint64_t sealed, keys;
static int current; /* the sender has a content key */

static void
output(int status)
{
	if (status < 0)
		die(EXIT_IO, "%s: %s", out.name, strerror(errno));
}

/* What has been sealed goes out before the end. */
static void __attribute__((noreturn)) leave(int status, const char *why)
{
	output(line_out_flush(&out));
	die(status, "%s", why);
}

/* The names of all options: 0, or -1 with *why. */
static int
gather(struct recipients *r, const char **why)
{
	for (size_t i = 0; i < o.to.n; i++)
		recipients_add(r, o.to.v[i]);
	for (size_t i = 0; i < o.files.n; i++)
		if (recipients_file(r, o.files.v[i], why) < 0)
			return -1;
	return 0;
}

static void
find(void)
{
	const char *why;
	int status;

	if (recipients_find(
		&to, id.ring, date_now() / DATE_SECOND, &status, &why) < 0)
		leave(status, why);
}

/* A key event of an expired sender would be refused everywhere. */
static void
check_own(void)
{
	int64_t now = keyring_clock(id.ring, date_now() / DATE_SECOND);
	enum keyring_verdict v = keyring_judge(id.ring, id.cert, now);

	if (v != KEYRING_VALID && v != KEYRING_STALE)
		leave(EXIT_DENIED, keyring_verdict_why(v));
}

static void
announce(int64_t now)
{
	const char *why;

	check_own();
	buf_clear(&line);
	if (sender_announce(sender, o.topic, date_now(), &space, &line, &why) <
	    0)
		leave(EXIT_DATA, why);
	output(line_out_line(&out, line.p, line.len));
	announced = now;
	current = 1;
	keys++;
}

static void
renew(int64_t now)
{
	const char *why;

	find();
	if (sender_renew(sender, to.cert, to.certs, &why) < 0)
		leave(EXIT_CONFIG, why);
	renewed = now;
	announce(now);
}

/*
 * Before an event is sealed, so that nothing is written into silence.  Who
 * has been revoked or has expired since does not get the next key.
 */
static void
keep_key(void)
{
	int64_t now = date_mono();

	if (!current || now - renewed >= o.rotate)
		renew(now);
	else if (now - announced >= o.announce)
		announce(now);
}

static void
refuse(const char *p, size_t n, const char *why)
{
	if (line_bad(&in, p, n, why) < 0)
		die(EXIT_IO, "%s: %s", in.name, strerror(errno));
}

static void
open_ident(void)
{
	char dir[4096];

	if (app_state_dir(dir, sizeof dir, "ident") < 0 ||
	    ident_open(&ident, dir, id.cert->subject) < 0)
		die(EXIT_CANTCREATE, "the counter of %s in %s: %s",
		    id.cert->subject, dir, strerror(errno));
	fill.ident = &ident;
}

/*
 * The line as it would be published: 1, or 0 if it was refused, or is a mark,
 * which goes on as it is.
 */
static int
complete(const char **p, size_t *n)
{
	const char *why;
	enum fill_result did = fill_line(&fill, *p, *n, &why);

	if (did == FILL_IDENT) {
		open_ident();
		did = fill_line(&fill, *p, *n, &why);
	}
	if (did == FILL_MADE) {
		*p = fill.line.p;
		*n = fill.line.len;
	}
	if (did == FILL_BAD)
		refuse(*p, *n, why);
	if (did == FILL_MARK)
		output(line_out_line(&out, *p, *n));
	return did != FILL_BAD && did != FILL_MARK;
}

static const char *
check_event(struct event *e, const char *p, size_t n)
{
	const char *why = NULL;

	if (event_scan(e, p, n, &why) < 0)
		return why;
	if (event_has(e, EVENT_ENC))
		return "sealed before";
	if (event_has(e, EVENT_RT) || event_has(e, EVENT_FROM) ||
	    event_has(e, EVENT_POS))
		return "has rt, from or pos of a broker";
	return NULL;
}

static void
handle(const char *p, size_t n)
{
	struct event e;
	const char *why, *given = p;
	size_t given_n = n;

	if (!complete(&p, &n))
		return;
	why = check_event(&e, p, n);
	if (why == NULL)
		keep_key();
	buf_clear(&line);
	if (why != NULL || sender_seal(sender, &e, &space, &line, &why) < 0 ||
	    (line.len > EVENT_LINE_MAX && (why = "too long when sealed"))) {
		refuse(given, given_n, why);
		return;
	}
	output(line_out_line(&out, line.p, line.len));
	sealed++;
}

/* HUP: certificates, lists and files of recipients are read again. */
static void
reload(void)
{
	struct recipients fresh = { 0 };
	const char *why;
	int status;

	if (gather(&fresh, &why) < 0 ||
	    identity_reload(&id, &identity_given, &status, &why) < 0) {
		error("%s; the old ones stay", why);
		recipients_fini(&fresh);
		return;
	}
	recipients_fini(&to);
	to = fresh;
	sender_free(sender);
	sender = sender_new(id.key);
	fill.src = id.cert->subject;
	current = 0;
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
seal_events(void)
{
	const char *p;
	size_t n;
	enum line_result r;

	while (!app_stop() && (r = line_next(&in, &p, &n)) != LINE_END) {
		if (r == LINE_ERROR && errno != EINTR)
			unreadable();
		if (app_hup())
			reload();
		if (r == LINE_GIVEN)
			handle(p, n);
	}
}

/* STATUS/KEYS/SUBJECT, or what was asked for: may we publish that? */
static void
check_topic(void)
{
	const char *why, *rule;
	struct buf b = { 0 };

	buf_addf(&b, "STATUS/KEYS/%s", id.cert->subject);
	if (o.topic == NULL)
		o.topic = xstrdup(buf_cstr(&b));
	buf_fini(&b);
	why = topic_check(o.topic, strlen(o.topic));
	if (why != NULL)
		opt_usage("--topic %s: %s", o.topic, why);
	if (!cert_may(id.cert, CERT_PUB, o.topic, strlen(o.topic), &rule))
		die(EXIT_DENIED,
		    "no pub pattern of %s covers %s, the topic of its key "
		    "events; --topic names another",
		    id.cert->subject, o.topic);
}

static void
open_sender(void)
{
	const char *why;
	int status;

	if (o.armor)
		opt_usage("--armor goes with --document");
	if (identity_given.key == NULL)
		opt_usage("events are sealed by somebody: -k FILE");
	if (identity_open(&id, &identity_given, &status, &why) < 0)
		die(status, "%s", why);
	check_topic();
	find();
	if (to.keys > to.certs)
		opt_usage("age1... is a recipient of documents; events need a "
			  "certificate");
	if (to.certs > SENDER_RECIPIENTS_MAX)
		opt_usage("more than %d recipients", SENDER_RECIPIENTS_MAX);
	sender = sender_new(id.key);
	fill.src = id.cert->subject;
}

static int
events(char **files, size_t n, int64_t begun)
{
	struct buf b = { 0 };
	int status;

	open_sender();
	line_open(&in, files, n);
	in.strict = o.strict;
	in.out = &out;
	if (o.dead != NULL && line_dead(&in, o.dead) < 0)
		die(EXIT_CANTCREATE, "%s: %s", o.dead, strerror(errno));
	seal_events();
	status = app_stop() ? 128 + app_stop() : line_status(&in);
	line_summary(&in);
	if (line_close(&in) < 0)
		die(EXIT_IO, "%s: %s", o.dead, strerror(errno));
	output(line_out_fini(&out));
	if (ident_close(&ident) < 0)
		die(EXIT_IO, "the counter: %s", strerror(errno));
	if (o.stats) {
		stats_begin(&b, command.name, in.lines, sealed + keys, in.bad);
		stats_add(&b, "sealed", sealed);
		stats_add(&b, "keys", keys);
		stats_end(&b, in.lines, date_mono() - begun);
	}
	fill_fini(&fill);
	sender_free(sender);
	sender_space_fini(&space);
	return status;
}

static void
check_document(size_t files)
{
	if (o.dead != NULL || o.strict || o.stats || o.topic != NULL)
		opt_usage("--document goes with -r, -R, --armor and the "
			  "options of the network");
	if (files > 1)
		opt_usage("one document at a time");
	if (!o.armor && isatty(STDOUT_FILENO))
		opt_usage("a sealed document is no text for a terminal; "
			  "--armor, or > FILE");
}

/* Only names of the network need one. */
static void
open_network(void)
{
	const char *why;
	int status;

	if (recipients_network(&to) &&
	    identity_network(&id, &identity_given, &status, &why) < 0)
		die(status, "%s", why);
	find();
	if (to.keys > AGE_RECIPIENTS_MAX)
		opt_usage("more than %d recipients", AGE_RECIPIENTS_MAX);
}

static int
document(const char *path)
{
	static char piece[AGE_CHUNK];
	struct age_seal *seal;
	int fd = strcmp(path, "-") == 0 ? STDIN_FILENO
					: open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		die(EXIT_NOINPUT, "%s: %s", path, strerror(errno));
	open_network();
	seal = age_seal_new((const unsigned char(*)[KEY_BYTES])to.key, to.keys,
	    o.armor ? AGE_ARMOR : AGE_BINARY, &out.buf);
	if (seal == NULL)
		die(EXIT_CONFIG, "a recipient's X25519 key is none");
	while ((n = read(fd, piece, sizeof piece)) != 0 && !app_stop()) {
		if (n < 0 && errno != EINTR)
			die(errno == EISDIR ? EXIT_NOINPUT : EXIT_IO, "%s: %s",
			    fd == STDIN_FILENO ? "stdin" : path,
			    strerror(errno));
		if (n > 0)
			age_seal_add(seal, piece, (size_t)n, &out.buf);
		output(line_out_flush(&out));
	}
	/* A document that was left in the middle must not look whole. */
	if (app_stop())
		age_seal_free(seal);
	else
		age_seal_end(seal, &out.buf);
	output(line_out_fini(&out));
	close(fd);
	return app_stop() ? 128 + app_stop() : EXIT_OK;
}

int
main(int argc, char **argv)
{
	int first = opt_parse(&command, argc, argv), status;
	size_t files = (size_t)(argc - first);
	int64_t begun = date_mono();
	const char *why;

	line_out_init(&out, STDOUT_FILENO, "standard output");
	if (gather(&to, &why) < 0)
		die(EXIT_NOINPUT, "%s", why);
	if (to.names == 0)
		opt_usage("nobody to seal for; -r NAME");
	app_signals();
	if (o.document) {
		check_document(files);
		status = document(files == 0 ? "-" : argv[first]);
	} else {
		status = events(argv + first, files, begun);
	}
	recipients_fini(&to);
	identity_close(&id);
	return status;
}

/*
 * sg-broker - Takes events from publishers, keeps them, and hands them to
 * those who ask, until TERM.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "base/opt.h"
#include "broker/broker.h"
#include "bus/url.h"
#include "bus/wire.h"
#include "event/event.h"
#include "trust/channel.h"
#include "trust/identity.h"

static const int64_t twin_retry =
    DATE_SECOND / 4; /* then from the start again */
enum { FILES = 96 }; /* that are not connections */

static struct {
	struct opt_list listen, twin;
	int accept_behind;
	const char *dir, *name, *tap;
	int memory, insecure, crl_soft;
	int64_t ready_fd;
	int64_t retain_age, retain_size, segment;
	int64_t max_line, last_topics, memory_size;
	int64_t connections, address, requests, write_time;
	int64_t strangers, handshakes, handshakes_all, admission;
	struct actor_limits actor;
} o = {
	.ready_fd = -1,
	.retain_age = (int64_t)7 * 86400 * DATE_SECOND,
	.retain_size = -1,
	.segment = 256 * 1024 * 1024,
	.max_line = EVENT_LINE_MAX,
	.last_topics = 1000000,
	.memory_size = 64 * 1024 * 1024,
	.connections = 16384,
	.requests = 64,
	.write_time = 10 * DATE_SECOND,
	.strangers = 256,
	.admission = 5 * DATE_SECOND,
	.handshakes = 20,
	.handshakes_all = 500,
	.actor = { .connections = 32,
	    .topics = 10000,
	    .cursors = 256,
	    .channels = 65536 },
};

static struct identity identity, to_twin; /* used by a thread each */

static const struct opt options[] = {
	{ 'l', "listen", OPT_LIST, "URL",
	    "ipc:///path or tcp://host:port; repeatable", &o.listen, NULL,
	    NULL },
	{ 'd', "dir", OPT_STRING, "DIR", "the store", &o.dir, NULL, NULL },
	{ 0, "identity", OPT_GROUP, NULL, NULL, identity_rows, NULL, NULL },
	{ 0, "memory", OPT_FLAG, NULL, "keep nothing on disk", &o.memory, NULL,
	    NULL },
	{ 0, "name", OPT_STRING, "NAME",
	    "name of this broker (the certificate's subject)", &o.name, NULL,
	    NULL },
	{ 0, "twin", OPT_LIST, "URL", "the other broker of a pair", &o.twin,
	    NULL, NULL },
	{ 0, "accept-behind", OPT_FLAG, NULL,
	    "serve those who know more than this broker", &o.accept_behind,
	    NULL, NULL },
	{ 0, "retain-age", OPT_DURATION, "DUR",
	    "drop events older than this (7d)", &o.retain_age, NULL, NULL },
	{ 0, "retain-size", OPT_SIZE, "SIZE",
	    "bytes of the store (a tenth of the disk)", &o.retain_size, NULL,
	    NULL },
	{ 0, "segment-size", OPT_SIZE, "SIZE",
	    "bytes that are dropped at a time (256M)", &o.segment, NULL, NULL },
	{ 0, "memory-size", OPT_SIZE, "SIZE",
	    "newest events held in memory (64M)", &o.memory_size, NULL, NULL },
	{ 0, "max-line", OPT_SIZE, "SIZE", "longest event line (1M)",
	    &o.max_line, NULL, NULL },
	{ 0, "last-topics", OPT_INT, "N", "topics with a last value (1000000)",
	    &o.last_topics, NULL, NULL },
	{ 0, "max-connections", OPT_INT, "N", "connections in all (16384)",
	    &o.connections, NULL, NULL },
	{ 0, "max-address", OPT_INT, "N",
	    "connections of one address (0: no limit)", &o.address, NULL,
	    NULL },
	{ 0, "max-requests", OPT_INT, "N",
	    "unanswered requests of a connection (64)", &o.requests, NULL,
	    NULL },
	{ 0, "write-timeout", OPT_DURATION, "DUR",
	    "cut off who does not read for so long (10s)", &o.write_time, NULL,
	    NULL },
	{ 0, "max-strangers", OPT_INT, "N",
	    "unauthenticated connections over tcp (256)", &o.strangers, NULL,
	    NULL },
	{ 0, "auth-timeout", OPT_DURATION, "DUR",
	    "cut off who has not authenticated by then (5s)", &o.admission,
	    NULL, NULL },
	{ 0, "max-handshakes", OPT_INT, "N",
	    "handshakes a second of an address or an actor (20)", &o.handshakes,
	    NULL, NULL },
	{ 0, "max-handshakes-all", OPT_INT, "N",
	    "handshakes a second in all (500)", &o.handshakes_all, NULL, NULL },
	{ 0, "actor-connections", OPT_INT, "N", "connections of an actor (32)",
	    &o.actor.connections, NULL, NULL },
	{ 0, "actor-topics", OPT_INT, "N",
	    "topics an actor publishes to (10000)", &o.actor.topics, NULL,
	    NULL },
	{ 0, "actor-cursors", OPT_INT, "N", "durable cursors of an actor (256)",
	    &o.actor.cursors, NULL, NULL },
	{ 0, "actor-events", OPT_INT, "N",
	    "events a second an actor publishes (0: no limit)", &o.actor.events,
	    NULL, NULL },
	{ 0, "actor-bytes", OPT_SIZE, "SIZE",
	    "bytes a second an actor publishes (0: no limit)", &o.actor.bytes,
	    NULL, NULL },
	{ 0, "crl-soft", OPT_FLAG, NULL,
	    "only warn of overdue revocation lists", &o.crl_soft, NULL, NULL },
	{ 0, "tap", OPT_STRING, "URL", "lossy copy of all events, nng PUB",
	    &o.tap, NULL, NULL },
	{ 0, "insecure", OPT_FLAG, NULL,
	    "take plain text over tcp, without authentication", &o.insecure,
	    NULL, NULL },
	{ 0, "ready-fd", OPT_INT, "N", "write a line there once listening",
	    &o.ready_fd, NULL, NULL },
	{ 0 }
};

static const struct opt_command command = { "sg-broker",
	"keep events and hand them to subscribers", NULL, options,
	{ "sg-broker &",
	    "sg-broker -k /etc/sg/keys/a.key -l tcp://0.0.0.0:7788", NULL } };

static int64_t
tenth_of_disk(const char *dir)
{
	struct statvfs fs;

	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		die(EXIT_CANTCREATE, "%s: %s", dir, strerror(errno));
	if (statvfs(dir, &fs) != 0)
		return 0;
	return (int64_t)fs.f_frsize * (int64_t)fs.f_blocks / 10;
}

static void
check_url(const char *url)
{
	if (!front_local(url) && strncmp(url, "tcp://", 6) != 0)
		opt_usage("--listen: \"%s\" is neither ipc:///path nor"
			  " tcp://host:port",
		    url);
}

static void
need_security(const char *url, int sessions)
{
	if (front_local(url) || (sessions && !o.insecure))
		return;
	if (!o.insecure)
		die(EXIT_CONFIG,
		    "%s: anybody could publish there: give a key (-k), or "
		    "--insecure to listen without authentication",
		    url);
	warn("%s: no authentication (--insecure): who reaches it may "
	     "publish and read everything",
	    url);
}

static void
check_twin(void)
{
	const char *why;
	struct url url;

	if (o.twin.n > 1)
		opt_usage("--twin: a broker has one twin, not %zu", o.twin.n);
	if (o.twin.n == 1 && strchr(o.twin.v[0], ',') != NULL)
		opt_usage("--twin: \"%s\" is not one URL", o.twin.v[0]);
	if (o.twin.n == 1 &&
	    (why = url_parse(&url, o.twin.v[0], strlen(o.twin.v[0]))) != NULL)
		opt_usage("--twin: %s: %s", o.twin.v[0], why);
	if (o.accept_behind && o.twin.n == 0)
		opt_usage("--accept-behind is for --twin");
}

static void
check_options(void)
{
	static const char *standard[1];
	size_t i;

	if (o.name != NULL &&
	    (!wire_name_check(o.name, strlen(o.name)) ||
		strchr(o.name, '/') != NULL))
		opt_usage("--name: \"%s\" is no valid name", o.name);
	if (o.memory && o.dir != NULL)
		opt_usage("--memory and --dir exclude each other");
	if (o.max_line < 64 || o.max_line > EVENT_LINE_MAX)
		opt_usage("--max-line: must be from 64 to %d", EVENT_LINE_MAX);
	if (o.last_topics > BROKER_TOPICS_MAX)
		opt_usage("--last-topics: at most %d", BROKER_TOPICS_MAX);
	if (o.listen.n == 0) {
		standard[0] = app_default_broker();
		o.listen = (struct opt_list){ standard, 1 };
	}
	for (i = 0; i < o.listen.n; i++) {
		check_url(o.listen.v[i]);
		need_security(o.listen.v[i], identity.key != NULL);
	}
	if (o.tap != NULL)
		need_security(o.tap, 0);
	check_twin();
}

/* Who this broker is, if there is a key: its certificate says the name. */
static void
open_identity(void)
{
	const char *why = NULL, *subject;
	int status = EXIT_CONFIG;

	switch (identity_open(&identity, &identity_given, &status, &why)) {
	case -1: die(status, "%s", why);
	case 0:
		if (o.name == NULL)
			o.name = "broker";
		return;
	}
	identity.crl_soft = o.crl_soft;
	subject = identity.cert->subject;
	if (identity.cert->role != CERT_BROKER)
		die(EXIT_CONFIG,
		    "%s: the certificate of %s is for an %s, not"
		    " for a broker",
		    identity_given.key, subject,
		    cert_role_name(identity.cert->role));
	if (strchr(subject, '/') != NULL)
		die(EXIT_CONFIG,
		    "%s: a broker's subject has no slash, unlike \"%s\"",
		    identity_given.key, subject);
	if (o.name != NULL && strcmp(o.name, subject) != 0)
		die(EXIT_CONFIG,
		    "--name: \"%s\" is not the certificate's subject, \"%s\"",
		    o.name, subject);
	o.name = subject;
}

/* With a key all are strangers at first, however many there may be. */
static int
strangers(void)
{
	if (identity.key == NULL)
		return 0;
	return o.strangers > 0 ? (int)o.strangers : INT_MAX;
}

/* How to reach the twin, or NULL if there is none. */
static const struct client_config *
twin_config(void)
{
	static struct client_config config;
	const char *why = NULL;
	int status = EXIT_CONFIG, got;

	if (o.twin.n == 0)
		return NULL;
	got = identity_open(&to_twin, &identity_given, &status, &why);
	if (got < 0)
		die(status, "%s", why);
	config = (struct client_config){ .urls = o.twin.v[0],
		.identity = got > 0 ? &to_twin : NULL,
		.given = &identity_given,
		.insecure = o.insecure,
		.retry = twin_retry };
	return &config;
}

static struct broker *
start(void)
{
	static char dir[4096];
	static char name[KEY_SUBJECT_MAX + 1];
	const char *why = NULL;
	struct broker *b;
	int status;

	/* The certificate may be read again. */
	snprintf(name, sizeof name, "%s", o.name);
	if (o.memory)
		warn("--memory: events are lost when the broker ends");
	else if (o.dir == NULL && app_state_dir(dir, sizeof dir, "broker") != 0)
		die(EXIT_CANTCREATE, "%s: cannot create", dir);
	if (!o.memory && o.dir == NULL)
		o.dir = dir;
	if (o.retain_size < 0)
		o.retain_size = o.memory ? 0 : tenth_of_disk(o.dir);
	const struct broker_options b_options = { .name = name,
		.dir = o.dir,
		.tap = o.tap,
		.segment = o.segment,
		.retain_age = o.retain_age,
		.retain_size = o.retain_size,
		.max_line = o.max_line,
		.last_topics = o.last_topics,
		.memory = o.memory_size,
		.twin = twin_config(),
		.accept_behind = o.accept_behind,
		.limits = { .message = channel_sealed(WIRE_MESSAGE_MAX),
		    .connections = (int)o.connections,
		    .address = (int)o.address,
		    .strangers = strangers(),
		    .address_strangers = (int)(o.strangers + 3) / 4,
		    .admission = o.admission,
		    .requests = (int)o.requests,
		    .memory = 16 * 1024 * 1024,
		    .greeting = 5 * DATE_SECOND,
		    .message_time = 10 * DATE_SECOND,
		    .write_time = o.write_time,
		    .gather = 5000 },
		.gate = { .identity = identity.key ? &identity : NULL,
		    .given = &identity_given,
		    .insecure = o.insecure,
		    .handshakes = o.handshakes,
		    .handshakes_all = o.handshakes_all,
		    .actor = o.actor } };
	b = broker_new(&b_options, &status, &why);
	if (b == NULL)
		die(status, "%s: %s", o.memory ? "start" : o.dir, why);
	return b;
}

/* Each connection may have a channel, and one that it has left behind. */
static void
allow_channels(void)
{
	if (o.actor.connections == 0)
		o.actor.channels = 0;
	else if (o.actor.channels / 2 < o.actor.connections)
		o.actor.channels = o.actor.connections * 2;
}

/* A connection takes a file; the store and the rest some dozens. */
static void
raise_files(void)
{
	const int64_t files = app_files();

	if (files < o.connections + FILES)
		note("open files are limited to %lld (ulimit -Hn): no more than"
		     " %lld connections, not %lld",
		    (long long)files,
		    (long long)(files > FILES ? files - FILES : 0),
		    (long long)o.connections);
}

int
main(int argc, char **argv)
{
	const char *why;
	struct broker *b;
	size_t i;
	int status;

	opt_parse(&command, argc, argv);
	open_identity();
	check_options();
	app_signals();
	raise_files();
	allow_channels();
	b = start();
	for (i = 0; i < o.listen.n; i++) {
		if (broker_listen(b, o.listen.v[i], &why) != 0)
			die(EXIT_CANTCREATE, "%s: %s", o.listen.v[i], why);
		note("listening on %s", broker_url(b, i));
	}
	if (o.tap != NULL)
		note("tap on %s", broker_tap_url(b));
	app_ready((int)o.ready_fd);
	status = broker_run(b);
	broker_free(b);
	identity_close(&identity);
	identity_close(&to_twin);
	return status;
}

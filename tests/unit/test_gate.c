/*
 * A broker with a key, in a process of its own, and clients of plain sockets
 * that hold the other end of the channel: who gets in, what each may do,
 * what becomes of those who lose their rights.  Refusals first.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/app.h"
#include "base/date.h"
#include "broker/broker.h"
#include "bus/wire.h"
#include "check.h"
#include "network.h"
#include "peer.h"
#include "trust/channel.h"

static struct network net;
static char dir[64];

/* --- a broker --- */

struct server {
	pid_t pid;
	char path[80];
	int port;
	int insecure, memory;
	struct actor_limits actor;
	int64_t handshakes;
	struct front_limits limits;
};

static struct identity_options broker_key = { .pass_fd = -1 };

static void
serve(const struct server *s, int ready)
{
	static struct identity id;
	struct broker_options options = { .name = "t",
		.segment = 4 << 20,
		.max_line = 1 << 20,
		.last_topics = 100000,
		.memory = 64 << 20,
		.limits = s->limits,
		.gate = { .identity = &id,
		    .given = &broker_key,
		    .insecure = s->insecure,
		    .handshakes = s->handshakes,
		    .handshakes_all = 1000,
		    .actor = s->actor } };
	char url[100];
	const char *why = "";
	struct broker *b;
	int status;

	options.limits.message = channel_sealed(WIRE_MESSAGE_MAX);
	options.limits.memory = 16 << 20;
	options.limits.write_time = 10 * DATE_SECOND;
	snprintf(url, sizeof url, "ipc://%s", s->path);
	if (identity_open(&id, &broker_key, &status, &why) != 1 ||
	    (b = broker_new(&options, &status, &why)) == NULL ||
	    broker_listen(b, "tcp://127.0.0.1:0", &why) != 0 ||
	    broker_listen(b, url, &why) != 0)
		die(EXIT_IO, "test broker: %s", why);
	snprintf(url, sizeof url, "%s", broker_url(b, 0));
	app_write(ready, url, sizeof url);
	close(ready);
	status = broker_run(b);
	broker_free(b);
	identity_close(&id);
	exit(status);
}

static void
server_start(struct server *s, const char *name)
{
	char url[100];
	int fd[2];

	snprintf(s->path, sizeof s->path, "%s/%s", dir, name);
	if (pipe(fd) == -1 || fflush(stdout) != 0 || (s->pid = fork()) == -1)
		die(EXIT_IO, "fork: %s", strerror(errno));
	if (s->pid == 0) {
		close(fd[0]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		die_verbosity(1);
		if (getenv("SG_VERBOSE") == NULL &&
		    freopen("/dev/null", "w", stderr) == NULL)
			exit(1);
		app_signals();
		serve(s, fd[1]);
	}
	close(fd[1]);
	if (read(fd[0], url, sizeof url) != sizeof url)
		die(EXIT_IO, "the broker did not start");
	close(fd[0]);
	s->port = (int)strtol(strrchr(url, ':') + 1, NULL, 10);
}

static void
server_end(struct server *s)
{
	int status = 0;

	kill(s->pid, SIGTERM);
	waitpid(s->pid, &status, 0);
	check(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "the broker ended with %x", (unsigned)status);
}

/* --- who there is --- */

static const struct network_wish wishes[] = {
	{ .subject = "t", .role = CERT_BROKER, .names = { "t" } },
	{ .subject = "twin", .role = CERT_BROKER, .names = { "twin" } },
	{ .subject = "flat12",
	    .pub = { "T/flat12/#", "COMMAND/#", "$SG/TRUST/CRL/+" },
	    .subs = { "T/flat12/#", "T/flat9/Load" },
	    .deny = { "T/flat12/secret/#" },
	    .via = { "meters/+" } },
	{ .subject = "flat13", .pub = { "T/#" }, .subs = { "T/flat13/#" } },
	{ .subject = "reader", .subs = { "T/#", "$SG/#" } },
	{ .subject = "greedy", .pub = { "T/#" } },
	{ .subject = "late",
	    .pub = { "T/#" },
	    .exp = 1700000000,
	    .nbf = 1690000000 },
};

/* By hand, for who should not have one any more, too. */
static void
identity_of(struct identity *id, const char *subject)
{
	const char *why = "";

	*id = (struct identity){ .key = network_key(&net, subject) };
	id->ring = keyring_open(net.dir, &why);
	if (id->ring == NULL ||
	    (id->cert = keyring_subject(id->ring, subject)) == NULL)
		die(EXIT_BUG, "%s: %s", subject, why);
	keyring_chain(id->ring, id->cert, &id->chain);
}

/* --- a caller --- */

struct caller {
	struct identity id;
	struct peer p;
	struct channel *c;
	uint64_t number;
};

static void
reach(struct peer *p, const struct server *s, const char *from)
{
	if (from != NULL)
		peer_tcp(p, from, s->port);
	else
		peer_local(p, s->path);
}

/* The handshake: how it ended. */
static enum channel_result
shake(struct caller *c, const char **why)
{
	struct buf out = { 0 }, in = { 0 };
	enum channel_result r = CHANNEL_SEND;

	channel_start(c->c, &out);
	while (r == CHANNEL_SEND) {
		if (!peer_try(&c->p, out.p, out.len) ||
		    peer_answer(&c->p, &in) == 0) {
			*why = "cut off";
			r = CHANNEL_DENIED;
			break;
		}
		buf_clear(&out);
		r = channel_step(c->c, in.p, in.len, time(NULL), &out, why);
	}
	buf_fini(&out);
	buf_fini(&in);
	return r;
}

static enum channel_result
caller_connect(struct caller *c, const struct server *s, const char *from,
    const char **why)
{
	reach(&c->p, s, from);
	c->c = channel_dial(&c->id, "t");
	*why = "no greeting";
	return peer_greet(&c->p) ? shake(c, why) : CHANNEL_DENIED;
}

static enum channel_result
caller_try(struct caller *c, const struct server *s, const char *subject,
    const char *from, const char **why)
{
	*c = (struct caller){ 0 };
	identity_of(&c->id, subject);
	return caller_connect(c, s, from, why);
}

static void
caller_open(struct caller *c, const struct server *s, const char *subject)
{
	const char *why;

	if (caller_try(c, s, subject, "127.0.0.1", &why) != CHANNEL_OPEN)
		die(EXIT_BUG, "%s: no session: %s", subject, why);
}

static void
caller_close(struct caller *c)
{
	close(c->p.fd);
	channel_free(c->c);
	identity_close(&c->id);
}

static void
caller_send(struct caller *c, const char *text, size_t n)
{
	struct channel_piece piece = { text, n };
	char *frame = xmalloc(channel_sealed(n));

	channel_seal(c->c, ++c->number, &piece, 1, frame);
	peer_try(&c->p, frame, channel_sealed(n));
	free(frame);
}

/* The next answer: its request's number, 0 if the connection is closed. */
static uint64_t
caller_next(struct caller *c, struct buf *text)
{
	struct buf in = { 0 };
	uint64_t number = 0;
	int64_t n;

	if (peer_answer(&c->p, &in) != 0) {
		buf_clear(text);
		n = channel_open(
		    c->c, in.p, in.len, &number, buf_room(text, in.len + 1));
		if (n < 0)
			die(EXIT_BUG, "an answer is not of the session");
		text->len = (size_t)n;
		buf_cstr(text);
	}
	buf_fini(&in);
	return number;
}

static const char *
caller_ask(struct caller *c, const char *text, struct buf *answer)
{
	caller_send(c, text, strlen(text));
	if (caller_next(c, answer) != c->number)
		return "closed, or the answer to another request";
	return answer->p;
}

static void
expect(struct caller *c, const char *text, const char *want, const char *why)
{
	struct buf answer = { 0 };
	const char *got = caller_ask(c, text, &answer);

	while (strstr(got, "\"busy\",\"after\"") != NULL)
		got = caller_ask(c, text, &answer);
	check(strstr(got, want) != NULL, "%s: %s\n gives %s", why, text, got);
	buf_fini(&answer);
}

/* 1 once the connection is closed by the broker. */
static int
is_cut(struct peer *p)
{
	char byte;

	while (peer_get(p, &byte, 1))
		;
	return 1;
}

static int64_t
stat_of(struct caller *c, const char *name)
{
	char member[64];
	struct buf answer = { 0 };
	const char *at;
	int64_t value = -1;

	snprintf(member, sizeof member, "\"%s\":", name);
	at = strstr(caller_ask(c, "{\"op\":\"stat\"}", &answer), member);
	if (at != NULL)
		value = strtoll(at + strlen(member), NULL, 10);
	buf_fini(&answer);
	return value;
}

/* --- who gets in --- */

static void
plain(const struct server *s, const char *from, int taken, const char *name)
{
	struct buf answer = { 0 };
	struct peer p;

	reach(&p, s, from);
	peer_greet(&p);
	peer_ask(&p, "{\"op\":\"hello\"}", &answer);
	check((strstr(answer.p, "\"ok\":true") != NULL) == taken, "%s: %s",
	    name, answer.p);
	if (!taken)
		check(strstr(answer.p, "\"denied\"") && is_cut(&p),
		    "%s: cut off: %s", name, answer.p);
	close(p.fd);
	buf_fini(&answer);
}

static void
test_plain(const struct server *s, const struct server *open)
{
	plain(s, "127.0.0.1", 0, "plain text over tcp");
	plain(s, NULL, 1, "plain text over ipc");
	plain(open, "127.0.0.1", 1, "plain text with --insecure");
}

static void
test_handshake(const struct server *s)
{
	struct caller c;
	const char *why;

	check(caller_try(&c, s, "late", NULL, &why) == CHANNEL_DENIED,
	    "an expired certificate");
	check(strstr(why, "expired") != NULL, "says so: %s", why);
	caller_close(&c);
	check(caller_try(&c, s, "flat12", NULL, &why) == CHANNEL_OPEN,
	    "a session over ipc: %s", why);
	caller_close(&c);
}

/* What ends a session, or what should have been one. */
static void
test_frames(const struct server *s)
{
	struct caller a, b;
	struct buf out = { 0 };
	char frame[256];
	const struct channel_piece hello = { "{\"op\":\"hello\"}", 14 };
	const size_t n = channel_sealed(hello.n);

	caller_open(&a, s, "flat12");
	caller_open(&b, s, "flat12");
	channel_seal(a.c, 1, &hello, 1, frame);
	peer_try(&b.p, frame, n);
	check(is_cut(&b.p), "a frame of another session");
	peer_try(&a.p, frame, n);
	check(peer_answer(&a.p, &out) != 0, "which is good in its own");
	peer_try(&a.p, frame, n);
	check(is_cut(&a.p), "but once");
	caller_close(&a);
	caller_close(&b);

	caller_open(&a, s, "flat12");
	peer_try(&a.p, hello.p, hello.n);
	check(is_cut(&a.p), "plain text in a session");
	caller_close(&a);

	caller_open(&a, s, "flat12");
	buf_clear(&out);
	channel_free(a.c);
	a.c = channel_dial(&a.id, "t");
	channel_start(a.c, &out);
	peer_try(&a.p, out.p, out.len);
	check(is_cut(&a.p), "a second handshake");
	caller_close(&a);

	reach(&a.p, s, NULL);
	peer_greet(&a.p);
	peer_ask(&a.p, "{\"op\":\"hello\"}", &out);
	peer_try(&a.p, "SG\1\1aaaaaaaaaaaaaaaaaaaaaaaaa", 29);
	check(is_cut(&a.p), "a session on a plain connection");
	close(a.p.fd);
	buf_fini(&out);
}

/* --- what each may do --- */

struct step {
	const char *who, *in, *want, *why;
};

#define FLAT12 "894e43b56200aa10" /* hashes of names, bus/wire.h */
#define READER "3d0941964aa3ebdc"
#define C "2e7d2c03a9507ae2"
#define RESULTS "{\"op\":\"pub\",\"chan\":\"" C "\","
#define COMMIT "\"commit\":{\"name\":\"c\","
#define AT_0 "\"t\":9,\"id\":\"x\",\"cursor\":{}}}"

static const struct step steps[] = {
	/* a broker's certificate is nobody's who acts */
	{ "twin", "{\"op\":\"hello\"}", "\"name\":\"t\"", "hello" },
	{ "twin", "{\"op\":\"stat\"}", "\"ok\":true", "stat" },
	{ "twin", "{\"op\":\"pub\"}\n{\"topic\":\"T/x\",\"t\":1,\"v\":1}",
	    "\"denied\",\"why\":\"a broker's certificate", "T11" },
	{ "twin", "{\"op\":\"fetch\",\"filters\":[\"#\"]}", "\"denied\"",
	    "T11: nor reads" },
	/* topics */
	{ "flat12", "{\"op\":\"pub\"}\n{\"topic\":\"T/x\",\"t\":1,\"v\":1}",
	    "\"n\":0,\"refused\":[[1,\"denied: no pub pattern of flat12 covers "
	    "T/x\"]]",
	    "T06: a topic of others" },
	{ "flat12",
	    "{\"op\":\"pub\"}\n"
	    "{\"topic\":\"T/flat12/secret/a\",\"t\":1,\"v\":1}",
	    "denied: deny pattern T/flat12/secret/# of flat12",
	    "T06: what is forbidden" },
	{ "flat12",
	    "{\"op\":\"pub\"}\n{\"topic\":\"T/flat12/a\",\"t\":1,\"v\":1}\n"
	    "{\"topic\":\"T/flat9/a\",\"t\":2,\"v\":1}\n"
	    "{\"topic\":\"T/\\u0066lat12/a\",\"t\":3,\"v\":1}\n"
	    "{\"topic\":\"T\\/flat9/a\",\"t\":4,\"v\":1}",
	    "\"n\":2,\"refused\":[[2,\"denied: no pub pattern of flat12 covers "
	    "T/flat9/a\"],[4,",
	    "line by line, whatever is escaped" },
	{ "reader", "{\"op\":\"pub\"}\n{\"topic\":\"T/a\",\"t\":1,\"v\":1}",
	    "\"n\":0,\"refused\":[[1,\"denied: no pub pattern of reader",
	    "nothing may be published" },
	{ "flat12",
	    "{\"op\":\"pub\"}\n{\"topic\":\"$SG/STAT\",\"t\":1,\"v\":1}",
	    "\"n\":0,\"refused\":[[1,\"denied", "the broker's own topics" },
	{ "flat12",
	    "{\"op\":\"pub\"}\n"
	    "{\"topic\":\"$SG/TRUST/CRL/x\",\"t\":1,\"v\":1}",
	    "\"n\":0,\"refused\":[[1,\"a revocation list without d\"]]",
	    "a list that is none" },
	{ "flat12",
	    "{\"op\":\"pub\"}\n"
	    "{\"topic\":\"$SG/TRUST/CRL/x\",\"t\":1,\"d\":{}}",
	    "\"n\":0,\"refused\":[[1,\"the topic's last level", "nor of whom" },
	{ "flat12",
	    "{\"op\":\"pub\"}\n{\"topic\":\"COMMAND/d/on\",\"t\":1,\"v\":1,"
	    "\"id\":\"x\",\"ttl\":1}",
	    "\"n\":0,\"refused\":[[1,\"expired\"]]", "a late command" },
	/* src */
	{ "flat12",
	    "{\"op\":\"pub\"}\n{\"topic\":\"T/flat12/a\",\"t\":1,\"v\":1,"
	    "\"src\":\"flat13\"}\n{\"topic\":\"T/flat12/a\",\"t\":1,\"v\":1,"
	    "\"src\":\"flat12\"}\n{\"topic\":\"T/flat12/a\",\"t\":1,\"v\":1,"
	    "\"src\":\"meters/7\"}\n{\"topic\":\"T/flat12/a\",\"t\":1,\"v\":1,"
	    "\"src\":\"meters/7/a\"}\n{\"topic\":\"T/flat12/a\",\"t\":1,"
	    "\"v\":1,\"src\":\"flat\\u00313\"}",
	    "\"n\":2,\"refused\":[[1,\"denied: not owner of src flat13: no via "
	    "pattern of flat12 covers it\"],[4,\"denied: not owner of src "
	    "meters/7/a",
	    "T05, T06: events of other sources" },
	{ "flat13",
	    "{\"op\":\"pub\"}\n{\"topic\":\"T/flat12/a\",\"t\":1,\"v\":1,"
	    "\"src\":\"flat12\",\"kid\":\"k\",\"sig\":\"s\"}",
	    "\"n\":0,\"refused\":[[1,\"denied: not owner of src flat12",
	    "T05: signed or not, with a certificate for the topic" },
	/* from */
	{ "flat12",
	    "{\"op\":\"pub\",\"from\":\"flat13\"}\n"
	    "{\"topic\":\"T/flat12/a\",\"t\":1,\"v\":1}",
	    "\"error\":\"denied\",\"why\":\"from is not the subject",
	    "another's name" },
	{ "flat12",
	    "{\"op\":\"pub\",\"chan\":\"00000000000000aa\",\"first\":1}\n"
	    "{\"topic\":\"T/flat12/a\",\"t\":5,\"v\":1}",
	    "{\"ok\":true,\"local\":1,\"safe\":1}", "no name is the own" },
	{ "flat12",
	    "{\"op\":\"pub\",\"from\":\"flat12\",\"chan\":\"00000000000000aa\","
	    "\"first\":1}\n{\"topic\":\"T/flat12/a\",\"t\":5,\"v\":1}",
	    "{\"ok\":true,\"local\":1,\"safe\":1}", "which is this" },
	{ "flat13",
	    "{\"op\":\"bye\",\"from\":\"flat12\","
	    "\"chan\":\"00000000000000aa\"}",
	    "\"denied\"", "another's channel" },
	{ "flat12", "{\"op\":\"bye\",\"chan\":\"00000000000000aa\"}",
	    "{\"ok\":true}", "the own channel" },
	/* filters: T07 */
	{ "flat12", "{\"op\":\"fetch\",\"filters\":[\"#\"]}",
	    "\"error\":\"denied\",\"why\":\"no subs pattern of flat12 covers "
	    "#\"",
	    "all" },
	{ "flat12", "{\"op\":\"fetch\",\"filters\":[\"T/+/Load\"]}",
	    "\"denied\"", "a wider level" },
	{ "flat12", "{\"op\":\"fetch\",\"filters\":[\"T/+/#\"]}", "\"denied\"",
	    "wider by two patterns" },
	{ "flat12", "{\"op\":\"fetch\",\"filters\":[\"$SG/#\"]}", "\"denied\"",
	    "the broker's own" },
	{ "flat12",
	    "{\"op\":\"fetch\",\"filters\":[\"T/flat12/#\",\"T/flat9/#\"]}",
	    "\"denied\"", "one of two" },
	{ "flat12", "{\"op\":\"last\",\"filters\":[\"T/#\"]}", "\"denied\"",
	    "newest values" },
	{ "flat12", "{\"op\":\"fetch\",\"filters\":[\"T/#\"],\"name\":\"c\"}",
	    "\"denied\"", "a durable cursor" },
	{ "greedy", "{\"op\":\"fetch\",\"filters\":[\"T/greedy\"]}",
	    "\"denied\"", "what it may publish is not what it may read" },
	{ "flat13",
	    "{\"op\":\"pub\"}\n"
	    "{\"topic\":\"T/flat12/secret/b\",\"t\":6,\"v\":7}",
	    "\"n\":1", "a secret" },
	{ "flat12",
	    "{\"op\":\"fetch\",\"filters\":[\"T/flat12/#\"],"
	    "\"cursor\":\"begin\"}",
	    "\"n\":5,", "is left out of what is delivered" },
	{ "flat12",
	    "{\"op\":\"fetch\",\"filters\":[\"T/flat12/secret/b\"],"
	    "\"cursor\":\"begin\"}",
	    "\"denied\",\"why\":\"deny pattern", "also where it is asked for" },
	{ "flat12", "{\"op\":\"last\",\"filters\":[\"T/flat12/#\"]}",
	    "\"n\":1,", "and of newest values" },
	{ "reader",
	    "{\"op\":\"fetch\",\"filters\":[\"T/flat12/secret/#\"],"
	    "\"cursor\":\"begin\",\"meta\":true}",
	    ",\"flat13\",\"t.", "not to who may, and who published it" },
	{ "reader", "{\"op\":\"fetch\",\"filters\":[\"#\"]}", "\"denied\"",
	    "T/# is not #" },
	/* cursors */
	{ "reader",
	    "{\"op\":\"fetch\",\"filters\":[\"T/#\"],\"name\":\"c\","
	    "\"cursor\":\"begin\"}",
	    "\"n\":6,", "a cursor" },
	{ "flat12", "{\"op\":\"commit\",\"name\":\"c\",\"cursor\":null}",
	    "{\"ok\":true}", "another's of that name" },
	{ "reader", "{\"op\":\"stat\"}", "\"cursors\":{\"reader c\":{",
	    "is still there, and seen by who may see all" },
	{ "flat12", "{\"op\":\"stat\"}", "\"cursors\":{}",
	    "but not by others" },
	{ "flat12", "{\"op\":\"commit\",\"name\":\"reader c\",\"cursor\":null}",
	    "\"error\":\"bad\"", "nor is its full name one" },
	/* flows: cursors that move with results */
	{ "flat12",
	    RESULTS "\"first\":1," COMMIT "\"after\":0," AT_0
		    "\n{\"topic\":\"T/flat12/a\",\"t\":9,\"v\":1}",
	    "\"local\":2,", "results and a mark" },
	{ "reader", "{\"op\":\"stat\"}", "\"flat12 c\":{\"cursor\":{}",
	    "move the actor's own cursor" },
	{ "reader", "{\"op\":\"stat\"}", "\"reader c\":{\"cursor\":{\"t.",
	    "and not another's of that name" },
	{ "reader", RESULTS "\"first\":1," COMMIT "\"after\":0," AT_0,
	    "\"local\":1,", "the flow of that name is another, too" },
	{ "flat12",
	    RESULTS "\"from\":\"reader\",\"first\":2," COMMIT
		    "\"after\":1," AT_0,
	    "\"denied\",\"why\":\"from is not", "nobody goes on for others" },
	{ "flat12",
	    RESULTS "\"first\":3," COMMIT "\"after\":2," AT_0
		    "\n{\"topic\":\"$SG/MARK/" FLAT12 "/" C
		    "\",\"t\":9,\"v\":1}",
	    "\"refused\":[[1,\"denied", "nor makes marks itself" },
	{ "flat12",
	    "{\"op\":\"fetch\",\"filters\":[\"$SG/MARK/" FLAT12
	    "/#\"],\"cursor\":\"begin\"}",
	    "\"n\":2,", "an actor reads its own marks" },
	{ "flat12",
	    "{\"op\":\"last\",\"filters\":[\"$SG/MARK/" FLAT12 "/" C "\"]}",
	    "\"seq\":4}", "and the newest of them" },
	{ "flat12",
	    "{\"op\":\"fetch\",\"filters\":[\"$SG/MARK/" READER "/" C "\"]}",
	    "\"denied\"", "but not another's" },
	{ "flat12", "{\"op\":\"last\",\"filters\":[\"$SG/MARK/#\"]}",
	    "\"denied\"", "nor those of all" },
	{ "flat12", "{\"op\":\"last\",\"filters\":[\"$SG/MARK/" FLAT12 "\"]}",
	    "\"denied\"", "nor what only looks like its own" },
};

static void
test_steps(const struct server *s)
{
	struct caller c[sizeof wishes / sizeof *wishes] = { 0 };
	size_t i, k;

	for (i = 0; i < sizeof steps / sizeof *steps; i++) {
		for (k = 0; strcmp(wishes[k].subject, steps[i].who) != 0; k++)
			;
		if (c[k].c == NULL)
			caller_open(&c[k], s, steps[i].who);
		expect(&c[k], steps[i].in, steps[i].want, steps[i].why);
	}
	for (k = 0; k < sizeof wishes / sizeof *wishes; k++)
		if (c[k].c != NULL)
			caller_close(&c[k]);
}

/* Answers of requests that were parked come with their own numbers. */
static void
test_live(const struct server *s)
{
	struct buf text = { 0 };
	struct caller sub, pub;
	const char fetch[] =
	    "{\"op\":\"fetch\",\"sub\":1,\"filters\":[\"T/flat12/#\"],"
	    "\"wait\":1}";
	int i;

	caller_open(&sub, s, "flat12");
	caller_open(&pub, s, "flat13");
	caller_send(&sub, fetch, sizeof fetch - 1);
	while (stat_of(&pub, "parked") < 1)
		;
	expect(&pub,
	    "{\"op\":\"pub\"}\n"
	    "{\"topic\":\"T/flat12/secret/live\",\"t\":1,\"v\":1}\n"
	    "{\"topic\":\"T/flat13/live\",\"t\":1,\"v\":1}\n"
	    "{\"topic\":\"T/flat12/live\",\"t\":1,\"v\":42}",
	    "\"n\":3", "published");
	for (i = 0; i < 3; i++) {
		check(caller_next(&sub, &text) == sub.number, "its number");
		if (strstr(text.p, "\"n\":0") == NULL)
			break;
		caller_send(&sub, fetch, sizeof fetch - 1);
	}
	check(strstr(text.p, "\"v\":42") && strstr(text.p, "\"n\":1,"),
	    "delivered live: %s", text.p);
	caller_close(&sub);
	caller_close(&pub);
	buf_fini(&text);
}

/* A message of many records each way. */
static void
test_big(const struct server *s)
{
	struct buf text = { 0 }, answer = { 0 };
	struct caller pub, sub;
	int i;

	caller_open(&pub, s, "flat13");
	caller_open(&sub, s, "reader");
	buf_adds(&text, "{\"op\":\"pub\"}");
	for (i = 0; i < 10000; i++)
		buf_addf(&text,
		    "\n{\"topic\":\"T/big/%d\",\"t\":%d,\"v\":%d,"
		    "\"u\":\"kWh\",\"src\":\"flat13\"}",
		    i % 100, i, i);
	expect(&pub, buf_cstr(&text), "\"n\":10000", "10,000 events");
	caller_ask(&sub,
	    "{\"op\":\"fetch\",\"filters\":[\"T/big/+\"],\"cursor\":\"begin\","
	    "\"max\":1000000}",
	    &answer);
	check(strstr(answer.p, "\"n\":10000") != NULL, "are read: %.100s",
	    answer.p);
	check(answer.len > text.len - 20 &&
		memcmp(answer.p + answer.len - 1000, text.p + text.len - 999,
		    999) == 0,
	    "as they were");
	caller_close(&pub);
	caller_close(&sub);
	buf_fini(&text);
	buf_fini(&answer);
}

/* --- quotas --- */

static void
test_topics(const struct server *s)
{
	struct caller greedy, other;
	struct buf text = { 0 }, answer = { 0 };
	int64_t topics, i;

	caller_open(&greedy, s, "greedy");
	caller_open(&other, s, "flat13");
	topics = stat_of(&other, "topics");
	buf_adds(&text, "{\"op\":\"pub\"}");
	for (i = 0; i < 20000; i++)
		buf_addf(&text, "\n{\"topic\":\"T/g/%lld\",\"t\":1,\"v\":1}",
		    (long long)i);
	caller_ask(&greedy, buf_cstr(&text), &answer);
	check(strstr(answer.p,
		  "\"n\":1000,\"refused\":[[1001,\"denied: topics "
		  "quota of greedy (1000) is used up\"]") != NULL,
	    "T20: 20,000 topics: %.200s", answer.p);
	check(stat_of(&other, "topics") == topics + 1000, "and no more");
	caller_close(&greedy);
	caller_open(&greedy, s, "greedy");
	expect(&greedy,
	    "{\"op\":\"pub\"}\n{\"topic\":\"T/new\",\"t\":1,\"v\":1}",
	    "\"n\":0,", "nor with another connection");
	expect(&greedy,
	    "{\"op\":\"pub\"}\n{\"topic\":\"T/g/9\",\"t\":1,\"v\":1}",
	    "\"n\":1", "the old ones go on");
	expect(&other,
	    "{\"op\":\"pub\"}\n{\"topic\":\"T/o/1\",\"t\":1,\"v\":1}",
	    "\"n\":1", "and so do others");
	caller_close(&greedy);
	caller_close(&other);
	buf_fini(&text);
	buf_fini(&answer);
}

static void
test_rates(const struct server *s)
{
	struct caller c, other;
	struct buf text = { 0 }, answer = { 0 };
	const char *at = NULL;
	int i, tries = 0;

	caller_open(&c, s, "flat12");
	caller_open(&other, s, "flat13");
	buf_adds(&text, "{\"op\":\"pub\"}");
	for (i = 0; i < 3000; i++)
		buf_adds(&text, "\n{\"topic\":\"T/flat12/r\",\"t\":1,\"v\":1}");
	buf_cstr(&text);
	for (i = 0; i < 10 && at == NULL; i++)
		at = strstr(caller_ask(&c, text.p, &answer),
		    "\"error\":\"busy\",\"after\":");
	check(at != NULL, "too many a second: %s", answer.p);
	expect(&other,
	    "{\"op\":\"pub\"}\n{\"topic\":\"T/o/2\",\"t\":1,\"v\":1}",
	    "\"n\":1", "others are not concerned");
	expect(&c, "{\"op\":\"hello\"}", "\"ok\":true", "nor is what is asked");
	while (strstr(caller_ask(&c, text.p, &answer), "\"busy\"") != NULL)
		tries++;
	check(strstr(answer.p, "\"n\":3000") != NULL, "it is taken later: %s",
	    answer.p);
	check(tries > 0, "not at once");
	caller_close(&c);
	caller_close(&other);
	buf_fini(&text);
	buf_fini(&answer);
}

/* A mark without lines. */
static void
mark_of(struct buf *b, const char *from, const char *name, uint64_t first)
{
	buf_clear(b);
	buf_addf(b, "{\"op\":\"pub\",\"from\":\"%s\",\"chan\":", from);
	wire_chan_add(b, wire_mark_chan(name));
	buf_addf(b,
	    ",\"first\":%llu,\"n\":0,\"commit\":{\"name\":\"%s\","
	    "\"after\":%llu,\"t\":1,\"id\":\"m.%llu\",\"cursor\":{}}}",
	    (unsigned long long)first, name, (unsigned long long)first - 1,
	    (unsigned long long)first);
	buf_cstr(b);
}

/* What is stored for it is the actor's, too. */
static void
test_mark_rate(const struct server *s)
{
	struct caller c;
	struct buf text = { 0 }, answer = { 0 };
	const char *at = NULL;
	uint64_t i;

	caller_open(&c, s, "flat13");
	for (i = 1; i < 20 && at == NULL; i++) {
		mark_of(&text, "flat13", "rate", i);
		at = strstr(caller_ask(&c, text.p, &answer),
		    "\"error\":\"busy\",\"after\":");
	}
	check(at != NULL, "marks beyond the rate: %s", answer.p);
	caller_close(&c);
	buf_fini(&text);
	buf_fini(&answer);
}

static void
test_mark_topics(const struct server *s)
{
	struct caller c;
	struct buf text = { 0 }, answer = { 0 };
	char name[16], gone[80];
	int i;

	caller_open(&c, s, "greedy");
	for (i = 0; i < 21; i++) {
		snprintf(name, sizeof name, "f%d", i);
		mark_of(&text, "greedy", name, 1);
		caller_ask(&c, text.p, &answer);
		if (strstr(answer.p, "\"ok\":true") == NULL)
			break;
		snprintf(gone, sizeof gone,
		    "{\"op\":\"commit\",\"name\":\"%s\",\"cursor\":null}",
		    name);
		caller_ask(&c, gone, &answer);
	}
	check(
	    i == 20 && strstr(answer.p, "topics quota of greedy (20)") != NULL,
	    "flow %d: %s", i, answer.p);
	caller_close(&c);
	buf_fini(&text);
	buf_fini(&answer);
}

static void
test_connections(const struct server *s)
{
	struct caller c[5];
	const char *why;
	int i;

	for (i = 0; i < 4; i++)
		caller_open(&c[i], s, "flat12");
	check(caller_try(&c[4], s, "flat12", "127.0.0.1", &why) == CHANNEL_OPEN,
	    "one more: %s", why);
	expect(&c[4], "{\"op\":\"hello\"}",
	    "\"limit\",\"why\":\"connections quota of flat12 (4) is used up",
	    "is told why not");
	check(is_cut(&c[4].p), "and cut off");
	caller_close(&c[4]);
	caller_open(&c[4], s, "flat13");
	expect(&c[4], "{\"op\":\"hello\"}", "\"ok\":true", "another actor");
	caller_close(&c[4]);
	caller_close(&c[0]);
	/* The broker may not know yet that it is gone. */
	for (i = 0; i < 1000; i++) {
		struct buf answer = { 0 };
		int in;

		caller_open(&c[0], s, "flat12");
		in = strstr(caller_ask(&c[0], "{\"op\":\"hello\"}", &answer),
			 "\"ok\":true") != NULL;
		buf_fini(&answer);
		if (in)
			break;
		caller_close(&c[0]);
	}
	check(i < 1000, "one has left, one comes");
	for (i = 0; i < 4; i++)
		caller_close(&c[i]);
}

static void
test_handshakes(const struct server *s)
{
	struct buf out = { 0 };
	struct caller c;
	const char *why;
	int i, cut = 0;

	/* Half handshakes of one address, until it may begin no more. */
	for (i = 0; i < 100 && !cut; i++) {
		c = (struct caller){ 0 };
		identity_of(&c.id, "flat12");
		c.c = channel_dial(&c.id, "t");
		peer_tcp(&c.p, "127.0.0.3", s->port);
		if (peer_greet(&c.p)) {
			buf_clear(&out);
			channel_start(c.c, &out);
			peer_try(&c.p, out.p, out.len);
			cut = peer_answer(&c.p, &out) == 0;
		}
		caller_close(&c);
	}
	check(cut, "handshakes of one address are limited");
	for (i = 0; i < 100; i++) {
		check(caller_try(&c, s, "flat12", "127.0.0.1", &why) ==
			CHANNEL_OPEN,
		    "handshake %d of another address: %s", i, why);
		caller_close(&c);
		if (i == 8)
			break;
	}
	buf_fini(&out);
}

/* --- attacks: T14, T15, T19 in small --- */

static void
test_strangers(const struct server *s)
{
	enum { SILENT = 60, ALLOWED = 8 };
	struct peer p[SILENT];
	struct caller c;
	int64_t begun;
	const char *why;
	int i, in = 0;

	for (i = 0; i < SILENT; i++) {
		peer_tcp(&p[i], "127.0.0.2", s->port);
		in += peer_greet(&p[i]);
	}
	check(in <= ALLOWED, "%d silent ones of an address got in", in);
	begun = date_mono();
	check(caller_try(&c, s, "flat12", "127.0.0.1", &why) == CHANNEL_OPEN,
	    "an honest one: %s", why);
	check(date_mono() - begun < 2 * DATE_SECOND, "at once");
	for (i = 0; i < SILENT; i++) {
		check(is_cut(&p[i]), "cut off");
		close(p[i].fd);
	}
	check(date_mono() - begun < 15 * DATE_SECOND, "in time");
	expect(&c, "{\"op\":\"stat\"}", "\"strangers\":0", "all gone");
	caller_close(&c);
}

static void
test_garbage(const struct server *s)
{
	static const struct {
		const char *p;
		size_t n;
		const char *name;
	} row[] = {
		{ "\0SP\0\0\x31\0\0", 8, "the protocol of a server" },
		{ "GET / HTTP/1.1\r\n\r\n", 18, "HTTP" },
		{ "\x16\3\1\2\0\1\0\1\xfc\3\3aaaaaaaaaaaaaaaa", 27, "TLS" },
		{ "\0SP\0\0\x30\0\0\0\0\0\0\0\0\0\0", 16, "a body of 0" },
		{ "\0SP\0\0\x30\0\0\0\0\0\0\0\0\0\3abc", 19, "a body of 3" },
		{ "\0SP\0\0\x30\0\0\0\0\0\0\0\x30\0\1", 16, "3 MiB" },
		{ "\0SP\0\0\x30\0\0\0\0\0\2\0\0\0\1", 16, "2^33" },
		{ "\0SP\0\0\x30\0\0\x40\0\0\0\0\0\0\0", 16, "2^62" },
		{ "\0SP\0\0\x30\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 16,
		    "2^64-1" },
		{ "\0SP\0\0\x30\0\0\0\0\0\0\0\x10\0\1\x80\0\0\1", 20,
		    "2^20+1 that does not come" },
	};
	struct caller c;
	struct peer p;
	size_t i;

	for (i = 0; i < sizeof row / sizeof *row; i++) {
		peer_tcp(&p, "127.0.0.4", s->port);
		peer_put(&p, row[i].p, row[i].n);
		check(is_cut(&p), "%s is cut off", row[i].name);
		close(p.fd);
	}
	caller_open(&c, s, "flat12");
	expect(&c, "{\"op\":\"hello\"}", "\"ok\":true", "others go on");
	caller_close(&c);
}

/* --- who loses its rights --- */

static void
test_revoked(const struct server *s)
{
	struct buf text = { 0 };
	struct caller revoked, other;
	const char fetch[] =
	    "{\"op\":\"fetch\",\"sub\":1,\"filters\":[\"T/flat12/#\"],"
	    "\"wait\":1}";
	const char *why;
	int64_t begun;

	caller_open(&revoked, s, "flat12");
	caller_open(&other, s, "flat13");
	caller_send(&revoked, fetch, sizeof fetch - 1);
	begun = date_mono();
	network_revoke(&net, NULL, "flat12", net.now - 1, 1);
	check(is_cut(&revoked.p), "T10: its session ends");
	check(date_mono() - begun <= 2 * DATE_SECOND + DATE_SECOND / 2,
	    "T10: soon");
	caller_close(&revoked);
	check(caller_try(&revoked, s, "flat12", "127.0.0.1", &why) ==
		    CHANNEL_DENIED &&
		strstr(why, "revoked") != NULL,
	    "and no other begins: %s", why);
	caller_close(&revoked);
	expect(&other, "{\"op\":\"hello\"}", "\"ok\":true", "another goes on");
	caller_close(&other);
	buf_fini(&text);
}

/* The list of the root with one certificate more, as an event. */
static void
list_event(struct buf *out, const char *subject, int64_t number)
{
	struct cert *c = network_cert(&net, subject);
	struct crl_entry entry = { .at = net.now - 1, .why = "test" };
	struct crl list = { .number = number,
		.issued = net.now,
		.next = net.now + NETWORK_DAY,
		.entry = &entry,
		.entries = 1 };
	const char *why;

	memcpy(entry.serial, c->serial, sizeof entry.serial);
	if (crl_sign(&list, net.root, &why) != 0)
		die(EXIT_BUG, "%s", why);
	buf_addf(out,
	    "{\"op\":\"pub\"}\n{\"topic\":\"$SG/TRUST/CRL/%s\",\"t\":1,\"d\":",
	    list.issuer);
	buf_add(out, list.text, list.len);
	buf_adds(out, "}");
	free(list.text);
	cert_free(c);
}

static void
test_published_list(const struct server *s)
{
	struct buf text = { 0 };
	struct caller revoked, own, reader;
	struct peer p;
	const char *why;
	char *number;

	caller_open(&revoked, s, "flat13");
	caller_open(&reader, s, "reader");
	list_event(&text, "flat13", 7);
	buf_cstr(&text);
	expect(&revoked, text.p, "\"refused\":[[1,\"denied: no pub pattern",
	    "not by who may not");
	reach(&p, s, NULL);
	peer_greet(&p);
	number = strstr(text.p, "\"num\":7");
	number[6] = '8';
	peer_ask(&p, text.p, &text);
	check(strstr(text.p, "\"n\":0,\"refused\":[[1,") != NULL,
	    "one with another number: %s", text.p);
	buf_clear(&text);
	list_event(&text, "flat13", 7);
	peer_ask(&p, buf_cstr(&text), &text);
	check(strstr(text.p, "\"n\":1") != NULL, "a good one: %s", text.p);
	buf_clear(&text);
	list_event(&text, "reader", 6);
	peer_ask(&p, buf_cstr(&text), &text);
	check(strstr(text.p, "\"n\":0,\"refused\":[[1,\"a newer list") != NULL,
	    "an older one does not replace it: %s", text.p);
	close(p.fd);
	check(is_cut(&revoked.p), "ends the session");
	caller_close(&revoked);
	expect(&reader,
	    "{\"op\":\"fetch\",\"filters\":[\"$SG/TRUST/CRL/+\"],"
	    "\"cursor\":\"begin\"}",
	    "\"num\":7", "and is handed on");
	check(
	    caller_try(&own, s, "flat13", "127.0.0.1", &why) == CHANNEL_DENIED,
	    "no new one");
	caller_close(&own);
	caller_close(&reader);
	buf_fini(&text);
}

/* A file that is bad leaves all as it is. */
static void
test_hup(const struct server *s)
{
	struct buf bad = { 0 };
	struct caller old, c = { 0 };
	const char *why;

	caller_open(&old, s, "greedy");
	identity_of(&c.id, "greedy");
	buf_adds(&bad, "{\"v\":1}\n");
	network_write(&net, "certs/", "bad", ".cert", &bad);
	kill(s->pid, SIGHUP);
	check(caller_connect(&c, s, NULL, &why) == CHANNEL_OPEN,
	    "a new session: %s", why);
	expect(&c, "{\"op\":\"hello\"}", "\"ok\":true", "serves");
	expect(&old, "{\"op\":\"hello\"}", "\"ok\":true", "an old one, too");
	caller_close(&c);
	unlink(network_path(&net, "certs/", "bad", ".cert"));
	kill(s->pid, SIGHUP);
	caller_open(&c, s, "greedy");
	expect(&c, "{\"op\":\"hello\"}", "\"ok\":true", "once it is gone");
	expect(&old, "{\"op\":\"hello\"}", "\"ok\":true", "the old one, too");
	caller_close(&old);
	check(
	    caller_try(&old, s, "flat13", "127.0.0.1", &why) == CHANNEL_DENIED,
	    "who was revoked stays so");
	caller_close(&c);
	caller_close(&old);
	buf_fini(&bad);
}

int
main(void)
{
	struct server s = { .actor = { .connections = 100, .topics = 100000 },
		.handshakes = 1000,
		.limits = { .message_time = DATE_SECOND } };
	struct server open = { .insecure = 1 };
	struct server tight = {
		.actor = { .connections = 4, .topics = 1000, .events = 10000 },
		.handshakes = 5,
		.limits = { .strangers = 32,
		    .address_strangers = 8,
		    .greeting = 2 * DATE_SECOND,
		    .message_time = DATE_SECOND,
		    .admission = 2 * DATE_SECOND }
	};
	struct server small = { .memory = 1,
		.actor = { .connections = 4, .topics = 20 },
		.handshakes = 1000,
		.limits = { .message_time = DATE_SECOND } };
	struct server slow = small;
	size_t i;

	slow.actor.events = 1;
	network_init(&net);
	snprintf(dir, sizeof dir, "%.60s", net.dir);
	for (i = 0; i < sizeof wishes / sizeof *wishes; i++)
		network_issue(&net, &wishes[i]);
	broker_key.trust = net.dir;
	broker_key.key = xstrdup(network_path(&net, "keys/", "t", ".key"));
	server_start(&s, "s");
	server_start(&open, "o");
	server_start(&tight, "l");
	server_start(&small, "m");
	server_start(&slow, "w");
	test_plain(&s, &open);
	test_handshake(&s);
	test_frames(&s);
	test_steps(&s);
	test_live(&s);
	test_big(&s);
	test_connections(&tight);
	test_topics(&tight);
	test_rates(&tight);
	test_mark_topics(&small);
	test_mark_rate(&slow);
	test_handshakes(&tight);
	test_strangers(&tight);
	test_garbage(&tight);
	test_revoked(&s);
	test_published_list(&s);
	test_hup(&s);
	server_end(&s);
	server_end(&open);
	server_end(&tight);
	server_end(&small);
	server_end(&slow);
	network_fini(&net);
	return check_done();
}

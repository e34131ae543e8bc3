/*
 * The session code of a real broker, in a process of its own, over plain
 * sockets: first what each request is answered, refusals before the rest,
 * then rounds of random traffic against a model that knows what every
 * subscription must have seen.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/app.h"
#include "base/buf.h"
#include "base/date.h"
#include "base/die.h"
#include "base/mix.h"
#include "broker/broker.h"
#include "broker/log.h"
#include "bus/sp.h"
#include "bus/wire.h"
#include "check.h"
#include "event/topic.h"
#include "peer.h"

static char dir[] = "/tmp/test_broker.XXXXXX";

/* --- a broker --- */

struct server {
	pid_t pid;
	char path[64], store[64];
	int memory;
};

static void
serve(const struct server *s, int ready)
{
	const struct broker_options options = { .name = "t",
		.dir = s->memory ? NULL : s->store,
		.segment = 4 << 20,
		.max_line = 1 << 20,
		.last_topics = 10000,
		.memory = s->memory ? 256 << 20 : 1 << 18,
		.limits = { .message = WIRE_MESSAGE_MAX,
		    .requests = 64,
		    .memory = 16 << 20,
		    .write_time = 10 * DATE_SECOND } };
	char url[80];
	const char *why;
	int status;
	struct broker *b = broker_new(&options, &status, &why);

	snprintf(url, sizeof url, "ipc://%s", s->path);
	if (b == NULL || broker_listen(b, url, &why) != 0)
		die(EXIT_IO, "test broker: %s", why);
	app_ready(ready);
	status = broker_run(b);
	broker_free(b);
	exit(status);
}

static void
server_run(struct server *s)
{
	char ready[6];
	int fd[2];

	if (pipe(fd) == -1 || fflush(stdout) != 0 || (s->pid = fork()) == -1)
		die(EXIT_IO, "fork: %s", strerror(errno));
	if (s->pid == 0) {
		close(fd[0]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		app_signals();
		serve(s, fd[1]);
	}
	close(fd[1]);
	if (read(fd[0], ready, sizeof ready) != sizeof ready)
		die(EXIT_IO, "the broker did not start");
	close(fd[0]);
}

static void
server_start(struct server *s, const char *name, int memory)
{
	s->memory = memory;
	snprintf(s->path, sizeof s->path, "%s/%s", dir, name);
	snprintf(s->store, sizeof s->store, "%s/%s.store", dir, name);
	server_run(s);
}

static int
server_end(struct server *s, int sig)
{
	int status = 0;

	kill(s->pid, sig);
	waitpid(s->pid, &status, 0);
	return status;
}

/* --- a client --- */

static void
peer_open(struct peer *p, const struct server *s)
{
	peer_local(p, s->path);
	if (!peer_greet(p))
		die(EXIT_IO, "no greeting");
}

static void
get_reply(const struct buf *text, struct wire_reply *r)
{
	const char *why;

	if (wire_reply_parse(r, text->p, text->len, &why) != 0)
		die(EXIT_DATA, "%s: %.200s", why, text->p);
}

/* --- the rules, request by request --- */

/* '@' in both stands for the log's id. */
struct step {
	int peer;
	const char *in, *want, *why;
};

static const struct step steps[] = {
	{ 0, "", "\"error\":\"bad\"", "empty" },
	{ 0, "hello", "\"error\":\"bad\"", "no JSON" },
	{ 0, "{}", "\"error\":\"bad\"", "no op" },
	{ 0, "{\"op\":\"dance\"}", "unknown op", "unknown op" },
	{ 0, "{\"op\":\"mirror\"}", "no twin", "no twin to copy it" },
	{ 0, "{\"op\":\"call\"}", "not offered", "reserved" },
	{ 0, "{\"op\":\"hello\",\"sg\":2}", "\"error\":\"bad\"", "version" },
	{ 0, "{\"op\":\"hello\"}", "\"log\":\"@\"", "sg is optional" },
	{ 0, "{\"op\":\"hello\",\"sg\":1,\"new\":[{}]}", "\"parked\":64}}",
	    "unknown members" },
	/* publish: refusals */
	{ 0, "{\"op\":\"pub\",\"from\":\"a b\"}\n{}", "\"error\":\"bad\"",
	    "from: no name" },
	{ 0, "{\"op\":\"pub\",\"chan\":\"00000000000000aa\",\"first\":1}\n{}",
	    "chan without from", "chan without from" },
	{ 0, "{\"op\":\"pub\",\"from\":\"a\",\"chan\":\"aa\",\"first\":1}\n{}",
	    "16 hex", "short chan" },
	{ 0,
	    "{\"op\":\"pub\",\"from\":\"a\",\"chan\":\"00000000000000aa\","
	    "\"first\":0}\n{}",
	    "\"error\":\"bad\"", "first 0" },
	{ 0,
	    "{\"op\":\"pub\",\"from\":\"a\",\"chan\":\"00000000000000aa\","
	    "\"first\":9223372036854775807}\n"
	    "{\"topic\":\"T/a\",\"t\":1,\"v\":1}",
	    "first: too large", "numbers that would overflow" },
	{ 0, "{\"op\":\"pub\",\"n\":2}\n{\"topic\":\"T/a\",\"t\":1,\"v\":1}",
	    "n does not equal", "n" },
	{ 0,
	    "{\"op\":\"pub\",\"commit\":{\"name\":\"x\",\"after\":0}}\n"
	    "{\"topic\":\"T/a\",\"t\":1,\"v\":1}",
	    "\"error\":\"bad\"", "commit without chan" },
	{ 0,
	    "{\"op\":\"pub\"}\n{\"topic\":\"T/a\",\"t\":1,\"v\":1}\n\n"
	    "{\"topic\":\"T/a\",\"t\":1,\"v\":1}\n",
	    "\"line\":2", "an empty line" },
	{ 0,
	    "{\"op\":\"pub\",\"from\":\"a\",\"chan\":\"00000000000000aa\","
	    "\"first\":1}\n{\"topic\":\"T/a\",\"t\":1,\"v\":1}\n"
	    "{\"topic\":\"T/+\",\"t\":1,\"v\":1}\n",
	    "\"error\":\"bad\",\"line\":2", "a malformed line" },
	{ 0,
	    "{\"op\":\"pub\",\"from\":\"a\",\"chan\":\"00000000000000aa\","
	    "\"first\":1}",
	    "\"local\":0", "and none of its frame was taken" },
	{ 0, "{\"op\":\"stat\"}", "\"channels\":0", "nor is a channel made" },
	{ 0, "{\"op\":\"seek\",\"to\":\"end\"}", "{\"@\":0}", "all refused" },
	/* lines refused one by one */
	{ 0,
	    "{\"op\":\"pub\",\"from\":\"a\",\"chan\":\"00000000000000ab\","
	    "\"first\":1}\n"
	    "{\"topic\":\"COMMAND/d/on\",\"t\":1,\"v\":1,\"id\":\"x\","
	    "\"ttl\":1}\n"
	    "{\"topic\":\"T/a\",\"t\":1,\"v\":1}\n"
	    "{\"topic\":\"$SG/x\",\"t\":1,\"v\":1}\n"
	    "{\"topic\":\"COMMAND\",\"t\":1,\"v\":1}\n"
	    "{\"topic\":\"DR/REQUEST/x\",\"t\":1,\"v\":1}",
	    "{\"ok\":true,\"local\":5,\"safe\":5,\"refused\":"
	    "[[1,\"expired\"],[3,\"topic is the broker's own\"],"
	    "[4,\"COMMAND without id\"],[5,\"DR request without ttl\"]]}",
	    "refused lines use up their numbers" },
	{ 0, "{\"op\":\"seek\",\"to\":\"end\"}", "{\"@\":1}", "one stored" },
	{ 0,
	    "{\"op\":\"pub\",\"from\":\"a\",\"chan\":\"00000000000000ab\","
	    "\"first\":6}\n"
	    "{\"topic\":\"COMMAND/d/on\",\"t\":1,\"v\":1,\"id\":\"x\","
	    "\"ttl\":1}",
	    "{\"ok\":true,\"local\":6,\"safe\":6,\"refused\":"
	    "[[1,\"expired\"]]}",
	    "a frame of refused lines only" },
	{ 0, "{\"op\":\"seek\",\"to\":\"end\"}", "{\"@\":2}",
	    "an event of the broker's takes its number" },
	{ 0,
	    "{\"op\":\"fetch\",\"filters\":[\"$SG/#\"],\"cursor\":\"begin\","
	    "\"ids\":true}",
	    "\"@\",2,\"00000000000000ab\",6]]}\n{\"topic\":\"$SG/REFUSED\"",
	    "which # does not match" },
	{ 0,
	    "{\"op\":\"pub\",\"from\":\"a\",\"chan\":\"00000000000000ab\","
	    "\"first\":5}\n{\"topic\":\"T/a\",\"t\":1,\"v\":5}\n"
	    "{\"topic\":\"T/a\",\"t\":1,\"v\":6}\n"
	    "{\"topic\":\"T/a\",\"t\":1,\"v\":7}",
	    "{\"ok\":true,\"local\":7,\"safe\":7}", "a repeat with one new" },
	{ 0, "{\"op\":\"seek\",\"to\":\"end\"}", "{\"@\":3}", "of it" },
	{ 0, "{\"op\":\"pub\"}\n{\"topic\":\"T/b\",\"t\":1,\"v\":1}",
	    "{\"ok\":true,\"n\":1}", "not numbered" },
	{ 0,
	    "{\"op\":\"pub\",\"from\":\"a\",\"chan\":\"00000000000000ac\","
	    "\"first\":101,\"safe\":100}\n"
	    "{\"topic\":\"T/b\",\"t\":2,\"v\":2}",
	    "\"local\":101", "safe of a channel that was forgotten" },
	{ 0, "{\"op\":\"bye\",\"from\":\"a\",\"chan\":\"00000000000000ac\"}",
	    "{\"ok\":true}", "bye" },
	{ 0, "{\"op\":\"bye\",\"from\":\"a\",\"chan\":\"0000000000000bad\"}",
	    "{\"ok\":true}", "bye of an unknown one" },
	{ 0, "{\"op\":\"stat\"}", "\"channels\":1", "forgotten" },
	/* fetch */
	{ 0, "{\"op\":\"fetch\"}", "\"error\":\"bad\"", "no filters" },
	{ 0, "{\"op\":\"fetch\",\"sub\":7}", "no such sub", "unknown sub" },
	{ 0, "{\"op\":\"fetch\",\"filters\":[]}", "\"error\":\"bad\"", "[]" },
	{ 0, "{\"op\":\"fetch\",\"filters\":[\"!a\"]}", "\"error\":\"bad\"",
	    "only exclusions" },
	{ 0, "{\"op\":\"fetch\",\"filters\":[1]}", "\"error\":\"bad\"", "1" },
	{ 0, "{\"op\":\"fetch\",\"filters\":[\"a/#/b\"]}", "\"error\":\"bad\"",
	    "# in between" },
	{ 0, "{\"op\":\"fetch\",\"filters\":[\"#\"],\"cursor\":{\"@\":6}}",
	    "ahead of this", "ahead" },
	{ 0,
	    "{\"op\":\"fetch\",\"filters\":[\"#\"],"
	    "\"cursor\":{\"@\":9223372036854775807}}",
	    "ahead of this", "far ahead" },
	{ 0,
	    "{\"op\":\"fetch\",\"filters\":[\"#\"],"
	    "\"cursor\":{\"t.9223372036854775807\":0}}",
	    "ahead of this", "a log to come" },
	{ 0,
	    "{\"op\":\"fetch\",\"filters\":[\"#\"],\"cursor\":\"begin\","
	    "\"meta\":true}",
	    "\"n\":4,\"cursor\":{\"@\":5},\"meta\":[[1,", "from the begin" },
	{ 0,
	    "{\"op\":\"fetch\",\"filters\":[\"T/b\"],\"cursor\":\"begin\","
	    "\"count\":1}",
	    "\"n\":1,\"cursor\":{\"@\":4}}\n{\"topic\":\"T/b\",\"t\":1",
	    "count" },
	{ 0,
	    "{\"op\":\"fetch\",\"filters\":[\"T/b\"],\"cursor\":\"begin\","
	    "\"max\":1}",
	    "\"n\":1,\"cursor\":{\"@\":4}}", "max: one at least" },
	{ 0,
	    "{\"op\":\"fetch\",\"filters\":[\"#\"],\"cursor\":\"begin\","
	    "\"until\":{\"@\":3},\"sub\":1}",
	    "\"part\":1,\"n\":2,\"cursor\":{\"@\":3},\"end\":true", "until" },
	{ 0, "{\"op\":\"fetch\",\"sub\":1,\"wait\":1}",
	    "\"part\":2,\"n\":0,\"cursor\":{\"@\":3},\"end\":true",
	    "after the end" },
	{ 0, "{\"op\":\"fetch\",\"filters\":[\"#\"]}",
	    "{\"ok\":true,\"n\":0,\"cursor\":{\"@\":5}}", "now" },
	{ 0,
	    "{\"op\":\"fetch\",\"filters\":[\"X/#\"],\"cursor\":\"begin\","
	    "\"wait\":0.05}",
	    "\"n\":0,\"cursor\":{\"@\":5}",
	    "the heartbeat says what is passed" },
	/* last */
	{ 0, "{\"op\":\"last\"}", "\"error\":\"bad\"", "last of nothing" },
	{ 0, "{\"op\":\"last\",\"filters\":[\"T/#\"],\"max\":1}",
	    "\"n\":1,\"cursor\":{\"@\":5},\"next\":", "a page" },
	{ 0,
	    "{\"op\":\"last\",\"filters\":[\"T/#\"],"
	    "\"next\":9223372036854775807}",
	    "{\"ok\":true,\"n\":0,\"end\":true}", "next beyond the end" },
	{ 0, "{\"op\":\"last\",\"filters\":[\"T/b\"]}",
	    "{\"topic\":\"T/b\",\"t\":2,\"v\":2}\n", "the newest" },
	{ 0, "{\"op\":\"last\",\"filters\":[\"COMMAND/#\"]}", "\"n\":0",
	    "commands have none" },
	/* seek */
	{ 0, "{\"op\":\"seek\"}", "\"error\":\"bad\"", "seek: nothing" },
	{ 0, "{\"op\":\"seek\",\"to\":\"begin\"}", "{\"@\":0}", "begin" },
	{ 0, "{\"op\":\"seek\",\"time\":1}", "{\"@\":0}", "long ago" },
	{ 0, "{\"op\":\"seek\",\"time\":9000000000}", "{\"@\":5}", "far off" },
	/* durable cursors */
	{ 0, "{\"op\":\"commit\",\"cursor\":{}}", "name: missing", "no name" },
	{ 0, "{\"op\":\"commit\",\"name\":\"a b\",\"cursor\":{}}",
	    "\"error\":\"bad\"", "a bad name" },
	{ 0, "{\"op\":\"commit\",\"name\":\"x\"}", "cursor: missing", "none" },
	{ 0, "{\"op\":\"commit\",\"name\":\"x\",\"cursor\":{\"@\":6}}",
	    "ahead of this", "commit ahead" },
	{ 0,
	    "{\"op\":\"fetch\",\"sub\":2,\"filters\":[\"#\"],\"name\":\"x\","
	    "\"cursor\":{\"@\":1},\"count\":1}",
	    "\"part\":1,\"n\":1,\"cursor\":{\"@\":3}}", "made at the cursor" },
	{ 1, "{\"op\":\"fetch\",\"sub\":2,\"filters\":[\"#\"],\"name\":\"x\"}",
	    "\"error\":\"busy\"", "held by another" },
	{ 1, "{\"op\":\"commit\",\"name\":\"x\",\"cursor\":{\"@\":3}}",
	    "\"error\":\"busy\"", "moved by another" },
	{ 1, "{\"op\":\"commit\",\"name\":\"x\",\"cursor\":null}",
	    "\"error\":\"busy\"", "deleted by another" },
	{ 0, "{\"op\":\"stat\"}",
	    "\"x\":{\"cursor\":{\"@\":1},\"lag\":4,\"held\":true}", "lag" },
	{ 0, "{\"op\":\"commit\",\"name\":\"x\",\"cursor\":{\"@\":2}}",
	    "{\"ok\":true}", "commit" },
	{ 0,
	    "{\"op\":\"fetch\",\"sub\":3,\"filters\":[\"#\"],\"name\":\"x\","
	    "\"cursor\":\"begin\"}",
	    "\"part\":1,\"n\":3,\"cursor\":{\"@\":5}}",
	    "a cursor that exists counts" },
	{ 0, "{\"op\":\"fetch\",\"sub\":2}", "no such sub",
	    "one subscription of a cursor" },
	{ 0, "{\"op\":\"commit\",\"name\":\"x\",\"cursor\":null}",
	    "{\"ok\":true}", "delete" },
	{ 0, "{\"op\":\"fetch\",\"sub\":3}", "no such sub", "and its reader" },
	{ 0, "{\"op\":\"stat\"}", "\"cursors\":{}", "no cursor" },
	{ 1, "{\"op\":\"commit\",\"name\":\"y\",\"cursor\":{}}",
	    "{\"ok\":true}", "commit makes one" },
	{ 0,
	    "{\"op\":\"fetch\",\"filters\":[\"#\"],\"name\":\"y\","
	    "\"count\":2}",
	    "\"n\":2,\"cursor\":{\"@\":3}}", "for one answer" },
	{ 1, "{\"op\":\"fetch\",\"filters\":[\"#\"],\"name\":\"y\"}",
	    "\"n\":4,\"cursor\":{\"@\":5}}", "which ends the lease" },
};

/* text with the log's id for '@' */
static void
fill(struct buf *b, const char *text, const char *log)
{
	buf_clear(b);
	for (; *text != '\0'; text++) {
		if (*text == '@')
			buf_adds(b, log);
		else
			buf_addc(b, *text);
	}
	buf_cstr(b);
}

static void
learn_log(struct peer *p, char log[80])
{
	struct buf answer = { 0 };
	char *at;

	peer_ask(p, "{\"op\":\"hello\"}", &answer);
	at = strstr(answer.p, "\"log\":\"");
	if (at == NULL || sscanf(at + 7, "%79[^\"]", log) != 1)
		die(EXIT_DATA, "hello: %s", answer.p);
	buf_fini(&answer);
}

static void
test_steps(const struct server *s)
{
	struct buf in = { 0 }, want = { 0 }, got = { 0 };
	struct peer peer[2] = { 0 };
	char log[80];
	size_t i;

	peer_open(&peer[0], s);
	peer_open(&peer[1], s);
	learn_log(&peer[0], log);
	for (i = 0; i < sizeof steps / sizeof *steps; i++) {
		fill(&in, steps[i].in, log);
		fill(&want, steps[i].want, log);
		peer_ask(&peer[steps[i].peer], in.p, &got);
		check(strstr(got.p, want.p) != NULL, "%s (%s): %s",
		    steps[i].why, s->memory ? "memory" : "disk", got.p);
	}
	close(peer[0].fd);
	close(peer[1].fd);
	buf_fini(&in);
	buf_fini(&want);
	buf_fini(&got);
}

/* --- what takes more than one request and its answer --- */

static void
publish_one(struct peer *p, const char *chan, int first, int safe)
{
	char text[256];

	snprintf(text, sizeof text,
	    "{\"op\":\"pub\",\"from\":\"a\",\"chan\":\"%s\",\"first\":%d,"
	    "\"safe\":%d}\n{\"topic\":\"T/o\",\"t\":1,\"v\":%d}\n",
	    chan, first, safe, first);
	peer_send(p, text, strlen(text));
}

/* Answers to n requests; each must have the text. */
static void
expect(struct peer *p, size_t n, const char *want, const char *why)
{
	struct buf got = { 0 };

	for (; n > 0; n--) {
		peer_next(p, &got);
		check(strstr(got.p, want) != NULL, "%s: %s", why, got.p);
	}
	buf_fini(&got);
}

/* The broker has noticed that the connection before this one is gone. */
static void
await_gone(struct peer *p)
{
	int64_t end = date_mono() + 30 * DATE_SECOND;
	struct buf got = { 0 };

	do {
		peer_send(p, "{\"op\":\"stat\"}", 13);
		peer_next(p, &got);
	} while (strstr(buf_cstr(&got), "\"ahead\":0,") == NULL &&
	    date_mono() < end);
	buf_fini(&got);
}

static void
test_overtaking(const struct server *s)
{
	static const char a[] = "00000000000000a1", b[] = "00000000000000a2",
			  c[] = "00000000000000a3";
	int64_t start = date_mono();
	struct peer p = { 0 };
	int i;

	peer_open(&p, s);
	for (i = 8; i > 0; i--)
		publish_one(&p, a, i, 0);
	expect(&p, 8, "{\"ok\":true,\"local\":", "frames in reverse");
	publish_one(&p, b, 201, 0);
	publish_one(&p, b, 202, 200);
	expect(&p, 2, "\"ok\":true", "safe makes it a waiting frame's turn");
	check(date_mono() - start < 4 * DATE_SECOND, "overtaking: slow");
	for (i = 0; i < 64; i++)
		publish_one(&p, c, 70 - i, 0);
	/* None of them is answered, so the next is not read yet. */
	close(p.fd);
	peer_open(&p, s);
	await_gone(&p);
	for (i = 0; i < 63; i++)
		publish_one(&p, c, 70 - i, 0);
	publish_one(&p, c, 1, 0);
	expect(&p, 1, "\"local\":1,", "frames of a closed connection are gone");
	close(p.fd);
}

/* One frame of n lines that change between two topics. */
static void
publish_mixed(struct peer *p, int n, struct buf *text)
{
	int i;

	buf_clear(text);
	buf_adds(text, "{\"op\":\"pub\"}\n");
	for (i = 0; i < n; i++)
		buf_addf(
		    text, "{\"topic\":\"M/%d\",\"t\":1,\"v\":%d}\n", i & 1, i);
	peer_send(p, text->p, text->len);
}

/* Count lines and those that meta speaks of. */
static void
count_meta(const struct wire_reply *r, uint64_t *n, uint64_t *named)
{
	struct json_value none, run, value;
	struct json_walk outer, inner;

	*n += r->n;
	json_walk(&outer, &r->meta);
	while (json_next(&outer, &none, &run)) {
		json_walk(&inner, &run);
		if (json_next(&inner, &none, &value))
			*named += strtoull(value.p, NULL, 10);
	}
}

static void
test_meta(const struct server *s, int live)
{
	static const char open_at[] =
	    "{\"op\":\"fetch\",\"sub\":1,\"filters\":[\"M/1\"],\"meta\":true,"
	    "\"wait\":1,\"cursor\":\"now\"}";
	enum { N = 6000 };
	struct buf text = { 0 };
	struct wire_reply r;
	struct peer p = { 0 }, q = { 0 };
	uint64_t n = 0, named = 0;

	peer_open(&p, s);
	peer_open(&q, s);
	peer_send(&p, open_at, strlen(open_at));
	if (live)
		peer_ask(&p, "{\"op\":\"hello\"}", &text);
	else
		peer_next(&p, &text);
	publish_mixed(&q, N, &text);
	expect(&q, 1, "{\"ok\":true,\"n\":6000}", "mixed frame");
	if (!live)
		peer_send(&p, "{\"op\":\"fetch\",\"sub\":1}", 22);
	while (n < N / 2) {
		peer_next(&p, &text);
		get_reply(&text, &r);
		count_meta(&r, &n, &named);
		if (r.n == 0)
			break;
		peer_send(&p, "{\"op\":\"fetch\",\"sub\":1}", 22);
	}
	check(n == N / 2 && named == n, "meta, %s: %llu lines, %llu named",
	    live ? "live" : "stored", (unsigned long long)n,
	    (unsigned long long)named);
	close(p.fd);
	close(q.fd);
	buf_fini(&text);
}

/* An answer never has more than a client takes. */
static void
test_long_values(const struct server *s)
{
	enum { LINE = 600000 };
	struct buf text = { 0 };
	struct wire_reply r = { 0 };
	struct peer p = { 0 };
	uint64_t n = 0, next = 0;
	int i, pages = 0;

	peer_open(&p, s);
	for (i = 0; i < 3; i++) {
		buf_clear(&text);
		buf_addf(&text,
		    "{\"op\":\"pub\"}\n{\"topic\":\"L/%d\",\"t\":1,\"vs\":\"",
		    i);
		memset(buf_room(&text, LINE), 'x', LINE);
		text.len += LINE;
		buf_adds(&text, "\"}\n");
		peer_send(&p, text.p, text.len);
		peer_next(&p, &text);
	}
	do {
		buf_clear(&text);
		buf_addf(&text,
		    "{\"op\":\"last\",\"filters\":[\"L/+\"],\"next\":%llu}",
		    (unsigned long long)next);
		peer_send(&p, text.p, text.len);
		peer_next(&p, &text);
		check(
		    text.len <= WIRE_MESSAGE_MAX, "last: %zu bytes", text.len);
		get_reply(&text, &r);
		n += r.n;
		next = r.next;
	} while (r.has_next && ++pages < 10);
	check(n == 3, "last: %llu long lines", (unsigned long long)n);
	close(p.fd);
	buf_fini(&text);
}

static void
test_limits(const struct server *s)
{
	struct buf text = { 0 };
	struct peer p = { 0 };
	int i;

	peer_open(&p, s);
	for (i = 1; i <= 65; i++) {
		buf_clear(&text);
		buf_addf(&text,
		    "{\"op\":\"fetch\",\"sub\":%d,\"filters\":[\"N/#\"]}", i);
		peer_send(&p, text.p, text.len);
		peer_next(&p, &text);
	}
	check(strstr(text.p, "\"limit\"") != NULL, "65 subs: %s", text.p);
	close(p.fd);
	peer_open(&p, s);
	for (i = 1; i <= 2; i++) {
		int k;

		buf_clear(&text);
		buf_addf(&text,
		    "{\"op\":\"fetch\",\"sub\":%d,\"filters\":[\"a\"", i);
		for (k = 0; k < 12000; k++)
			buf_adds(&text, ",\"a\"");
		buf_adds(&text, "]}");
		peer_send(&p, text.p, text.len);
		peer_next(&p, &text);
	}
	check(strstr(text.p, "\"limit\"") != NULL, "24000 filters: %s", text.p);
	for (i = 0; i < 700; i++) {
		buf_clear(&text);
		buf_addf(&text,
		    "{\"op\":\"commit\",\"name\":\"many%d\",\"cursor\":{}}", i);
		peer_send(&p, text.p, text.len);
		if (i % 50 == 49)
			expect(&p, 50, "{\"ok\":true}", "many commits");
	}
	peer_ask(&p, "{\"op\":\"stat\"}", &text);
	check(strstr(text.p, "\"cursors_more\":") != NULL &&
		text.len < WIRE_HEADER_MAX,
	    "many cursors: %zu bytes", text.len);
	close(p.fd);
	buf_fini(&text);
}

/* --- flows: results that move a cursor --- */

/* Results with the numbers from first on, and a mark (id 0: none). */
static void
publish_results(
    struct peer *p, uint64_t first, uint64_t n, uint64_t after, int id)
{
	struct wire_mark m = {
		.name = "f", .after = after, .has_cursor = id != 0, .t = 1
	};
	struct buf text = { 0 };
	uint64_t i;

	snprintf(m.id, sizeof m.id, "%d", id);
	wire_pub_mark(&text, "flow", first, n, 0, &m);
	for (i = 0; i < n; i++)
		buf_addf(&text, "{\"topic\":\"F/f\",\"t\":1,\"v\":%llu}\n",
		    (unsigned long long)(first + i));
	peer_send(p, text.p, text.len);
	buf_fini(&text);
}

/* Marks may overtake each other on their way, too. */
static uint64_t
test_flow_overtaking(struct peer *p)
{
	uint64_t i;

	for (i = 8; i > 0; i--)
		publish_results(p, 2 * i - 1, 1, 2 * i - 2, (int)i);
	expect(p, 8, "{\"ok\":true,\"local\":", "marks in reverse");
	publish_results(p, 17, 0, 16, 9);
	expect(p, 1, "{\"ok\":true,\"local\":17,", "the next mark");
	return 17;
}

/*
 * Several that each believe to be the one who goes on: what is taken is one
 * row of results, in which every mark follows on the one before.
 */
static void
test_flow_leaders(struct peer *p, uint64_t newest)
{
	enum { LEADERS = 3, TURNS = 200 };
	uint64_t mark[LEADERS], lines = 0;
	struct wire_reply r;
	struct buf got = { 0 };
	const char *why;
	int i, who, fenced = 0;

	for (who = 0; who < LEADERS; who++)
		mark[who] = newest;
	for (i = 0; i < TURNS; i++) {
		who = (int)(mix64(7, (uint64_t)i) % LEADERS);
		publish_results(p, mark[who] + 1, (uint64_t)(i % 3), mark[who],
		    1000 * (who + 1) + i);
		peer_next(p, &got);
		if (wire_reply_parse(&r, got.p, got.len, &why) != 0)
			check(0, "leaders: %s", why);
		else if (r.ok && mark[who] == newest) {
			lines += (uint64_t)(i % 3);
			newest = mark[who] = r.local;
		} else if (r.ok) {
			/* Taken for what has this number already. */
			check(mark[who] + 1 + (uint64_t)(i % 3) < newest,
			    "who is behind is not believed: %s", got.p);
			mark[who] = newest;
		} else {
			fenced++;
			check(r.has_mark && r.mark == newest,
			    "what is the newest mark: %s", got.p);
			mark[who] = r.mark;
		}
	}
	check(fenced > TURNS / 10, "%d were fenced", fenced);
	peer_ask(p,
	    "{\"op\":\"fetch\",\"filters\":[\"F/#\"],\"cursor\":\"begin\"}",
	    &got);
	check(
	    wire_reply_parse(&r, got.p, got.len, &why) == 0 && r.n == lines + 8,
	    "%llu results, not %llu", (unsigned long long)lines + 8,
	    (unsigned long long)r.n);
	buf_fini(&got);
}

/* The mark of the longest frame has room, too. */
static void
test_flow_limits(struct peer *p)
{
	static const char event[] = "{\"topic\":\"F/x\",\"t\":1,\"vs\":\"";
	const size_t most = WIRE_LINES_MAX - WIRE_MARK_MAX;
	struct wire_mark m = { .name = "long", .has_cursor = 1, .id = "1" };
	struct buf text = { 0 };
	size_t i, k, n;

	m.cursor.n = WIRE_LOGS_MAX;
	for (i = 0; i < WIRE_LOGS_MAX; i++) {
		memset(m.cursor.at[i].name, 'a' + (int)i, WIRE_NAME_MAX);
		m.cursor.at[i].start = m.cursor.at[i].n = INT64_MAX;
	}
	for (k = 0; k < 2; k++) {
		buf_clear(&text);
		wire_pub_mark(&text, "flow", 1, 2, 0, &m);
		for (i = 0; i < 2; i++) {
			buf_adds(&text, event);
			n = most / 2 - sizeof event + 1 - 3 + (1 - k) * i;
			while (n-- > 0)
				buf_addc(&text, 'x');
			buf_adds(&text, "\"}\n");
		}
		peer_send(p, text.p, text.len);
		expect(p, 1,
		    k == 0 ? "frame too long" : "\"ok\":true,\"local\":3",
		    "a long frame with its mark");
	}
	buf_clear(&text);
	m.after = 3;
	wire_pub_mark(&text, "flow", 4, WIRE_EVENTS_MAX, 0, &m);
	for (i = 0; i < WIRE_EVENTS_MAX; i++)
		buf_adds(&text, "{}\n");
	peer_send(p, text.p, text.len);
	expect(p, 1, "too many events", "as many lines as a frame may have");
	buf_fini(&text);
}

static void
test_flow(const struct server *s)
{
	struct peer p = { 0 };

	peer_open(&p, s);
	test_flow_leaders(&p, test_flow_overtaking(&p));
	test_flow_limits(&p);
	close(p.fd);
}

static void
put_row(struct log *log, const char *name, const char *json)
{
	struct log_cursor *row = xcalloc(1, sizeof *row);
	struct pollfd p = { log_done_fd(log), POLLIN, 0 };

	row->item.kind = LOG_CURSOR;
	memcpy(row->name, name, strlen(name) + 1);
	row->json = xstrdup(json);
	log_put(log, &row->item);
	while (log_done(log) == NULL)
		poll(&p, 1, 1000);
	check(row->item.error == 0, "a row: %s", strerror(row->item.error));
	free(row->json);
	free(row);
}

/* Rows as they are in the store, today's and yesterday's. */
static void
test_rows(void)
{
	struct server s = { 0 };
	struct buf text = { 0 };
	struct peer p = { 0 };
	struct log_options o = { .name = "t", .segment = 4 << 20 };
	struct log *log;
	const char *why;
	int status;

	snprintf(s.store, sizeof s.store, "%s/rows.store", dir);
	o.dir = s.store;
	log = log_open(&o, &status, &why);
	if (log == NULL)
		die(EXIT_IO, "%s", why);
	put_row(log, "old", "{\"t.7\":1}");
	put_row(log, "new", "[1795388400000000,{\"t.8\":2}]");
	put_row(log, "gone", "[1795388400000000,null]");
	put_row(log, "odd", "[true]");
	log_close(log);
	server_start(&s, "rows", 0);
	peer_open(&p, &s);
	peer_ask(&p, "{\"op\":\"stat\"}", &text);
	check(strstr(text.p, "\"old\":{\"cursor\":{\"t.7\":1}") != NULL &&
		strstr(text.p, "\"new\":{\"cursor\":{\"t.8\":2}") != NULL &&
		strstr(text.p, "\"gone\"") == NULL &&
		strstr(text.p, "\"odd\"") == NULL,
	    "rows: %s", text.p);
	close(p.fd);
	buf_fini(&text);
	check(server_end(&s, SIGTERM) == 0, "rows: the end");
}

/* --- random traffic against a model --- */

enum {
	CHANS = 3,
	SUBS = 6,
	ROUNDS = 40,
	FRAMES = 10,
	EVENTS_MAX = 40000,
	RUNS_MAX = 16
};

static uint64_t seed = 4711;

static uint32_t
draw(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

/* Whatever frame brings it: line i of channel c, and its fate. */
static int
is_refused(unsigned c, uint64_t i)
{
	return (i * 7 + c) % 23 == 0;
}

static void
add_line(struct buf *b, unsigned c, uint64_t i)
{
	size_t pad = i % 97 == 0 ? 70000 : i % 13 == 0 ? 3000 : i % 7 * 9;

	if (is_refused(c, i)) {
		buf_addf(b,
		    "{\"topic\":\"COMMAND/%u/x\",\"t\":1,\"v\":1,\"id\":\"x\","
		    "\"ttl\":1}\n",
		    c);
		return;
	}
	buf_addf(b, "{\"topic\":\"T/%u/%u\",\"t\":1,\"v\":%llu,\"pad\":\"", c,
	    (unsigned)(i % 3), (unsigned long long)i);
	memset(buf_room(b, pad), 'p', pad);
	b->len += pad;
	buf_adds(b, "\"}\n");
}

/* An event as the store has it: of which channel, which number. */
struct stored {
	unsigned c;
	uint64_t i, n; /* .n: its number in log .start */
	uint64_t start;
};

static struct stored all[EVENTS_MAX];
static size_t nall;

/* Events up to a cursor. */
static size_t
index_of(const struct wire_cursor *c)
{
	size_t i;

	for (i = 0; i < nall && c->n != 0; i++)
		if (all[i].start > c->at[0].start ||
		    (all[i].start == c->at[0].start && all[i].n > c->at[0].n))
			break;
	return c->n != 0 ? i : 0;
}

/* What one answer of a subscription said, to be judged at the end. */
struct said {
	struct said *next;
	const char *const *filters;
	struct wire_cursor from, to, until;
	int has_until, end, meta;
	struct buf text; /* the answer */
};

static struct said *said;

struct reader {
	struct peer peer;
	const char *const *filters;
	struct wire_cursor at, until;
	int open, has_until, meta, flying;
	int64_t max, count;
	uint64_t part;
};

static const char *const sets[][4] = { { "#", NULL }, { "T/+/1", NULL },
	{ "T/0/#", "T/2/2", NULL }, { "T/*", "!T/+/2", NULL },
	{ "#", "!T/1/*", NULL }, { "X/#", NULL }, { "T/0/0", "T/0/0", NULL } };

struct chan {
	char name[17];
	uint64_t sent, durable;
};

struct model {
	struct server server;
	struct peer pub;
	struct chan chan[CHANS];
	struct reader reader[SUBS];
};

static void
ask_cursor(struct peer *p, const char *to, struct wire_cursor *c)
{
	char text[64];
	struct buf got = { 0 };
	struct wire_reply r;

	snprintf(text, sizeof text, "{\"op\":\"seek\",\"to\":\"%s\"}", to);
	peer_ask(p, text, &got);
	get_reply(&got, &r);
	*c = r.cursor;
	buf_fini(&got);
}

/* Frames that cover all numbers not known to be durable, cut at random. */
static size_t
send_frames(struct model *m)
{
	struct {
		unsigned c;
		uint64_t first, n;
	} frame[CHANS * FRAMES], f;
	struct buf text = { 0 };
	size_t n = 0, i, k;
	unsigned c;

	for (c = 0; c < CHANS; c++) {
		struct chan *chan = &m->chan[c];
		uint64_t at = chan->durable;

		for (i = 0; i < FRAMES; i++) {
			uint64_t back = draw(3) == 0 ? draw(20) : 0;

			f.c = c;
			f.first = at + 1 > back ? at + 1 - back : 1;
			f.n =
			    1 + draw(draw(4) == 0 ? 60 : 8) + at + 1 - f.first;
			at = f.first + f.n - 1;
			frame[n++] = f;
		}
		if (at > chan->sent)
			chan->sent = at;
		else
			frame[n - 1].n += chan->sent - at;
	}
	for (i = n; i-- > 1;) {
		k = draw((uint32_t)i + 1);
		f = frame[k];
		frame[k] = frame[i];
		frame[i] = f;
	}
	for (i = 0; i < n; i++) {
		buf_clear(&text);
		buf_addf(&text,
		    "{\"op\":\"pub\",\"from\":\"p\",\"chan\":\"%s\","
		    "\"first\":%llu,\"n\":%llu,\"safe\":%llu}\n",
		    m->chan[frame[i].c].name,
		    (unsigned long long)frame[i].first,
		    (unsigned long long)frame[i].n,
		    (unsigned long long)m->chan[frame[i].c].durable);
		for (k = 0; k < frame[i].n; k++)
			add_line(&text, frame[i].c, frame[i].first + k);
		peer_send(&m->pub, text.p, text.len);
	}
	buf_fini(&text);
	return n;
}

static void
take_marks(struct model *m, size_t frames)
{
	struct buf got = { 0 };
	unsigned c;

	for (; frames > 0; frames--) {
		peer_next(&m->pub, &got);
		check(strncmp(got.p, "{\"ok\":true,\"local\":", 19) == 0,
		    "publish: %.200s", got.p);
	}
	for (c = 0; c < CHANS; c++)
		m->chan[c].durable = m->chan[c].sent;
	buf_fini(&got);
}

static void
open_reader(struct reader *r, struct buf *text)
{
	size_t i;

	r->open = 1;
	r->part = 0;
	r->filters = sets[draw(sizeof sets / sizeof *sets)];
	r->meta = draw(3) == 0;
	r->max = draw(2) ? 1 + draw(20000) : 0;
	r->count = draw(2) ? 1 + draw(50) : 0;
	buf_adds(text, "{\"op\":\"fetch\",\"sub\":1,\"filters\":[");
	for (i = 0; r->filters[i] != NULL; i++)
		buf_addf(text, "%s\"%s\"", i ? "," : "", r->filters[i]);
	buf_adds(text, "],\"cursor\":");
	wire_cursor_add(text, &r->at);
	if (r->has_until) {
		buf_adds(text, ",\"until\":");
		wire_cursor_add(text, &r->until);
	}
	buf_addf(text,
	    ",\"max\":%lld,\"count\":%lld,\"meta\":%s,\"wait\":0.0%u}",
	    (long long)r->max, (long long)r->count, r->meta ? "true" : "false",
	    draw(3));
}

static void
ask_more(struct model *m, struct reader *r)
{
	struct buf text = { 0 };
	unsigned n = 1 + draw(3);

	while (r->flying < (int)n) {
		buf_clear(&text);
		if (!r->open) {
			r->has_until = draw(4) == 0;
			if (draw(4) == 0)
				memset(&r->at, 0, sizeof r->at);
			else if (draw(4) == 0)
				ask_cursor(&r->peer, "end", &r->at);
			if (r->has_until)
				ask_cursor(&r->peer, "end", &r->until);
			open_reader(r, &text);
		} else {
			buf_adds(&text, "{\"op\":\"fetch\",\"sub\":1}");
		}
		peer_send(&r->peer, text.p, text.len);
		r->flying++;
	}
	(void)m;
	buf_fini(&text);
}

static void
take_answer(struct reader *r)
{
	struct said *a = xcalloc(1, sizeof *a);
	struct wire_reply reply;

	peer_next(&r->peer, &a->text);
	get_reply(&a->text, &reply);
	r->flying--;
	check(reply.ok && reply.part == ++r->part &&
		(r->count == 0 || reply.n <= (uint64_t)r->count) &&
		(r->max == 0 || reply.n <= 1 ||
		    reply.lines_len <= (size_t)r->max),
	    "bounds of an answer: %.100s", a->text.p);
	a->filters = r->filters;
	a->from = r->at;
	a->to = r->at = reply.cursor;
	a->until = r->until;
	a->has_until = r->has_until;
	a->end = reply.end;
	a->meta = r->meta;
	a->next = said;
	said = a;
}

static void
close_reader(struct model *m, struct reader *r)
{
	close(r->peer.fd);
	r->open = r->flying = 0;
	peer_open(&r->peer, &m->server);
}

/* Everything is lost that a broker may lose; publishers send again. */
static void
kill_broker(struct model *m)
{
	unsigned i;

	server_end(&m->server, SIGKILL);
	server_run(&m->server);
	close(m->pub.fd);
	peer_open(&m->pub, &m->server);
	for (i = 0; i < SUBS; i++)
		close_reader(m, &m->reader[i]);
}

static void
play(struct model *m, int round)
{
	size_t frames = send_frames(m);
	unsigned i;

	for (i = 0; i < SUBS; i++)
		ask_more(m, &m->reader[i]);
	if (!m->server.memory && round % 8 == 7) {
		kill_broker(m);
		return;
	}
	if (round % 8 == 3) {
		close(m->pub.fd);
		peer_open(&m->pub, &m->server);
		return;
	}
	take_marks(m, frames);
	for (i = 0; i < SUBS; i++) {
		struct reader *r = &m->reader[i];

		if (draw(12) == 0) {
			close_reader(m, r);
			continue;
		}
		while (r->flying > 0)
			take_answer(r);
		if (draw(10) == 0)
			close_reader(m, r);
	}
}

/* Positions as meta tells them, from all[at] on.  Returns how many. */
static size_t
take_positions(const struct wire_reply *r, size_t at)
{
	struct json_value none, run, v;
	struct json_walk outer, inner;
	uint64_t n, start, pos;
	size_t first = at;

	json_walk(&outer, &r->meta);
	while (json_next(&outer, &none, &run)) {
		json_walk(&inner, &run);
		json_next(&inner, &none, &v);
		n = strtoull(v.p, NULL, 10);
		json_next(&inner, &none, &v);
		json_next(&inner, &none, &v);
		json_next(&inner, &none, &v);
		start = strtoull(v.p + 2, NULL, 10);
		json_next(&inner, &none, &v);
		pos = strtoull(v.p, NULL, 10);
		for (; n > 0 && at < EVENTS_MAX; n--, at++, pos++) {
			all[at].start = start;
			all[at].n = pos;
		}
	}
	return at - first;
}

/* The next lines of the store; each channel's once and in order. */
static void
take_stored(const struct wire_reply *r, uint64_t next[CHANS])
{
	const char *p = r->lines, *end = p + r->lines_len, *lf;
	size_t n = take_positions(r, nall);
	struct buf line = { 0 };

	check(n == r->n, "meta tells of %zu of %llu lines", n,
	    (unsigned long long)r->n);
	for (; p < end && nall < EVENTS_MAX; p = lf + 1) {
		struct stored *e = &all[nall++];

		lf = memchr(p, '\n', (size_t)(end - p));
		e->c = (unsigned)(p[12] - '0');
		if (e->c >= CHANS)
			die(EXIT_DATA, "a line of nobody: %.80s", p);
		while (is_refused(e->c, next[e->c]))
			next[e->c]++;
		e->i = next[e->c]++;
		buf_clear(&line);
		add_line(&line, e->c, e->i);
		check(line.len == (size_t)(lf + 1 - p) &&
			memcmp(line.p, p, line.len) == 0,
		    "channel %u: not event %llu: %.80s", e->c,
		    (unsigned long long)e->i, p);
	}
	buf_fini(&line);
}

static void
learn_all(struct model *m)
{
	uint64_t next[CHANS] = { 1, 1, 1 };
	struct wire_cursor at = { 0 };
	struct buf text = { 0 };
	struct wire_reply r;
	unsigned c;

	nall = 0;
	do {
		buf_clear(&text);
		buf_adds(&text,
		    "{\"op\":\"fetch\",\"filters\":[\"#\"],\"meta\":true,"
		    "\"cursor\":");
		wire_cursor_add(&text, &at);
		buf_addc(&text, '}');
		peer_send(&m->pub, text.p, text.len);
		peer_next(&m->pub, &text);
		get_reply(&text, &r);
		at = r.cursor;
		take_stored(&r, next);
	} while (r.n != 0);
	for (c = 0; c < CHANS; c++) {
		while (is_refused(c, next[c]))
			next[c]++;
		check(next[c] > m->chan[c].sent, "channel %u: %llu of %llu", c,
		    (unsigned long long)next[c],
		    (unsigned long long)m->chan[c].sent);
	}
	buf_fini(&text);
}

/* What the model says lies between two cursors for these filters. */
static void
expected(const struct said *a, struct buf *lines)
{
	size_t from = index_of(&a->from), to = index_of(&a->to), i, k;
	struct topic_set set = { 0 };
	char topic[16];

	for (k = 0; a->filters[k] != NULL; k++)
		topic_set_add(&set, a->filters[k], strlen(a->filters[k]));
	if (a->has_until && index_of(&a->until) < to)
		to = index_of(&a->until);
	for (i = from; i < to; i++) {
		snprintf(topic, sizeof topic, "T/%u/%u", all[i].c,
		    (unsigned)(all[i].i % 3));
		if (topic_set_match(&set, topic, strlen(topic)))
			add_line(lines, all[i].c, all[i].i);
	}
	topic_set_fini(&set);
}

static void
judge(struct said *a)
{
	struct buf lines = { 0 };
	struct wire_reply r;
	size_t until = index_of(&a->until);

	get_reply(&a->text, &r);
	expected(a, &lines);
	check(lines.len == r.lines_len &&
		(lines.len == 0 || memcmp(lines.p, r.lines, lines.len) == 0),
	    "from %zu to %zu: %zu bytes instead of %zu: %.150s",
	    index_of(&a->from), index_of(&a->to), r.lines_len, lines.len,
	    a->text.p);
	check(index_of(&a->from) <= index_of(&a->to) ||
		(a->has_until && index_of(&a->from) > until),
	    "a cursor goes back");
	if (a->has_until)
		check(index_of(&a->to) <= until || index_of(&a->from) >= until,
		    "beyond until");
	check(!a->end || (a->has_until && index_of(&a->to) >= until),
	    "an end that is none");
	buf_fini(&lines);
	buf_fini(&a->text);
}

static void
test_model(const char *name, int memory)
{
	struct model m = { 0 };
	struct said *next;
	unsigned i;
	int round;

	server_start(&m.server, name, memory);
	peer_open(&m.pub, &m.server);
	for (i = 0; i < CHANS; i++)
		snprintf(m.chan[i].name, sizeof m.chan[i].name, "%016x", i + 7);
	for (i = 0; i < SUBS; i++)
		peer_open(&m.reader[i].peer, &m.server);
	for (round = 0; round < ROUNDS; round++)
		play(&m, round);
	take_marks(&m, send_frames(&m));
	learn_all(&m);
	for (; said != NULL; said = next) {
		next = said->next;
		judge(said);
		free(said);
	}
	close(m.pub.fd);
	for (i = 0; i < SUBS; i++)
		close(m.reader[i].peer.fd);
	check(server_end(&m.server, SIGTERM) == 0, "%s: the end", name);
}

static void
test_kind(const char *name, int memory)
{
	struct server s = { 0 };

	server_start(&s, name, memory);
	test_steps(&s);
	test_overtaking(&s);
	test_meta(&s, 0);
	test_meta(&s, 1);
	test_long_values(&s);
	test_flow(&s);
	test_limits(&s);
	check(server_end(&s, SIGTERM) == 0, "%s: the broker's end", name);
}

int
main(void)
{
	if (mkdtemp(dir) == NULL)
		die(EXIT_IO, "%s: %s", dir, strerror(errno));
	test_kind("memory", 1);
	test_kind("disk", 0);
	test_rows();
	test_model("memory model", 1);
	test_model("disk model", 0);
	return check_done();
}

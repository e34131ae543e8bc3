/*
 * The session code of a real broker, in a process of its own, over plain
 * sockets: first what each request is answered, refusals before the rest,
 * then rounds of random traffic against a model that knows what every
 * subscription must have seen.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
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
#include "broker/broker.h"
#include "broker/sp.h"
#include "bus/wire.h"
#include "event/topic.h"

enum { LONG = 20000 }; /* ms after which a test has failed */

static int passed, failed;
static char dir[] = "/tmp/test_broker.XXXXXX";

static void __attribute__((format(printf, 2, 3)))
result(int ok, const char *format, ...)
{
	va_list ap;

	if (ok) {
		passed++;
		return;
	}
	failed++;
	printf("test_broker: ");
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf("\n");
}

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

struct peer {
	int fd;
	uint32_t id; /* of the last request */
};

static void
peer_read(struct peer *p, void *out, size_t n)
{
	struct pollfd poll_fd = { .fd = p->fd, .events = POLLIN };
	char *to = out;
	ssize_t got;

	for (; n > 0; n -= (size_t)got, to += got) {
		if (poll(&poll_fd, 1, LONG) <= 0)
			die(EXIT_IO, "no answer to request %u", p->id);
		got = recv(p->fd, to, n, 0);
		if (got <= 0)
			die(EXIT_IO, "cut off after request %u", p->id);
	}
}

static void
peer_write(struct peer *p, const void *data, size_t n)
{
	const char *from = data;
	ssize_t did;

	for (; n > 0; n -= (size_t)did, from += did) {
		did = send(p->fd, from, n, MSG_NOSIGNAL);
		if (did <= 0)
			die(EXIT_IO, "send: %s", strerror(errno));
	}
}

static void
peer_open(struct peer *p, const struct server *s)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	uint8_t greeting[SP_GREETING];

	memcpy(sun.sun_path, s->path, strlen(s->path) + 1);
	p->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(p->fd, (struct sockaddr *)&sun, sizeof sun) != 0)
		die(EXIT_IO, "connect: %s", strerror(errno));
	sp_greeting(greeting, SP_REQ);
	peer_write(p, greeting, sizeof greeting);
	peer_read(p, greeting, sizeof greeting);
}

static uint32_t
peer_send(struct peer *p, const char *text, size_t n)
{
	uint8_t head[SP_HEAD_MAX], path[4];
	size_t len;

	p->id++;
	path[0] = 0x80;
	path[1] = (uint8_t)(p->id >> 16);
	path[2] = (uint8_t)(p->id >> 8);
	path[3] = (uint8_t)p->id;
	len = sp_head(head, SP_IPC, path, sizeof path, n);
	peer_write(p, head, len);
	peer_write(p, text, n);
	return p->id;
}

/* The next answer, whichever request's it is; its text ends with a NUL. */
static uint32_t
peer_next(struct peer *p, struct buf *text)
{
	uint8_t head[13];
	size_t n = 0, i;

	peer_read(p, head, sizeof head);
	for (i = 1; i < 9; i++)
		n = n << 8 | head[i];
	buf_clear(text);
	buf_room(text, n + 1);
	peer_read(p, text->p, n - 4);
	text->len = n - 4;
	buf_cstr(text);
	return (uint32_t)head[10] << 16 | (uint32_t)head[11] << 8 | head[12];
}

static void
peer_ask(struct peer *p, const char *text, struct buf *answer)
{
	uint32_t id = peer_send(p, text, strlen(text));

	result(peer_next(p, answer) == id, "another request is answered");
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
	{ 0, "{\"op\":\"mirror\"}", "not offered", "reserved" },
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
	    "{\"op\":\"pub\",\"commit\":{\"name\":\"x\",\"cursor\":{}}}\n"
	    "{\"topic\":\"T/a\",\"t\":1,\"v\":1}",
	    "\"error\":\"bad\"", "commit is not offered" },
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
	{ 0,
	    "{\"op\":\"pub\",\"from\":\"a\",\"chan\":\"00000000000000ab\","
	    "\"first\":5}\n{\"topic\":\"T/a\",\"t\":1,\"v\":5}\n"
	    "{\"topic\":\"T/a\",\"t\":1,\"v\":6}\n"
	    "{\"topic\":\"T/a\",\"t\":1,\"v\":7}",
	    "{\"ok\":true,\"local\":7,\"safe\":7}", "a repeat with one new" },
	{ 0, "{\"op\":\"seek\",\"to\":\"end\"}", "{\"@\":2}", "of it" },
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
	{ 0, "{\"op\":\"fetch\",\"filters\":[\"#\"],\"cursor\":{\"@\":5}}",
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
	    "\"n\":4,\"cursor\":{\"@\":4},\"meta\":[[1,", "from the begin" },
	{ 0,
	    "{\"op\":\"fetch\",\"filters\":[\"T/b\"],\"cursor\":\"begin\","
	    "\"count\":1}",
	    "\"n\":1,\"cursor\":{\"@\":3}}\n{\"topic\":\"T/b\",\"t\":1",
	    "count" },
	{ 0,
	    "{\"op\":\"fetch\",\"filters\":[\"T/b\"],\"cursor\":\"begin\","
	    "\"max\":1}",
	    "\"n\":1,\"cursor\":{\"@\":3}}", "max: one at least" },
	{ 0,
	    "{\"op\":\"fetch\",\"filters\":[\"#\"],\"cursor\":\"begin\","
	    "\"until\":{\"@\":2},\"sub\":1}",
	    "\"part\":1,\"n\":2,\"cursor\":{\"@\":2},\"end\":true", "until" },
	{ 0, "{\"op\":\"fetch\",\"sub\":1,\"wait\":1}",
	    "\"part\":2,\"n\":0,\"cursor\":{\"@\":2},\"end\":true",
	    "after the end" },
	{ 0, "{\"op\":\"fetch\",\"filters\":[\"#\"]}",
	    "{\"ok\":true,\"n\":0,\"cursor\":{\"@\":4}}", "now" },
	{ 0,
	    "{\"op\":\"fetch\",\"filters\":[\"X/#\"],\"cursor\":\"begin\","
	    "\"wait\":0.05}",
	    "\"n\":0,\"cursor\":{\"@\":4}",
	    "the heartbeat says what is passed" },
	/* last */
	{ 0, "{\"op\":\"last\"}", "\"error\":\"bad\"", "last of nothing" },
	{ 0, "{\"op\":\"last\",\"filters\":[\"T/#\"],\"max\":1}",
	    "\"n\":1,\"cursor\":{\"@\":4},\"next\":", "a page" },
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
	{ 0, "{\"op\":\"seek\",\"time\":9000000000}", "{\"@\":4}", "far off" },
	/* durable cursors */
	{ 0, "{\"op\":\"commit\",\"cursor\":{}}", "name: missing", "no name" },
	{ 0, "{\"op\":\"commit\",\"name\":\"a b\",\"cursor\":{}}",
	    "\"error\":\"bad\"", "a bad name" },
	{ 0, "{\"op\":\"commit\",\"name\":\"x\"}", "cursor: missing", "none" },
	{ 0, "{\"op\":\"commit\",\"name\":\"x\",\"cursor\":{\"@\":5}}",
	    "ahead of this", "commit ahead" },
	{ 0,
	    "{\"op\":\"fetch\",\"sub\":2,\"filters\":[\"#\"],\"name\":\"x\","
	    "\"cursor\":{\"@\":1},\"count\":1}",
	    "\"part\":1,\"n\":1,\"cursor\":{\"@\":2}}", "made at the cursor" },
	{ 1, "{\"op\":\"fetch\",\"sub\":2,\"filters\":[\"#\"],\"name\":\"x\"}",
	    "\"error\":\"busy\"", "held by another" },
	{ 1, "{\"op\":\"commit\",\"name\":\"x\",\"cursor\":{\"@\":3}}",
	    "\"error\":\"busy\"", "moved by another" },
	{ 1, "{\"op\":\"commit\",\"name\":\"x\",\"cursor\":null}",
	    "\"error\":\"busy\"", "deleted by another" },
	{ 0, "{\"op\":\"stat\"}",
	    "\"x\":{\"cursor\":{\"@\":1},\"lag\":3,\"held\":true}", "lag" },
	{ 0, "{\"op\":\"commit\",\"name\":\"x\",\"cursor\":{\"@\":2}}",
	    "{\"ok\":true}", "commit" },
	{ 0,
	    "{\"op\":\"fetch\",\"sub\":3,\"filters\":[\"#\"],\"name\":\"x\","
	    "\"cursor\":\"begin\"}",
	    "\"part\":1,\"n\":2,\"cursor\":{\"@\":4}}",
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
	    "\"n\":2,\"cursor\":{\"@\":2}}", "for one answer" },
	{ 1, "{\"op\":\"fetch\",\"filters\":[\"#\"],\"name\":\"y\"}",
	    "\"n\":4,\"cursor\":{\"@\":4}}", "which ends the lease" },
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
		result(strstr(got.p, want.p) != NULL, "%s (%s): %s",
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
		result(strstr(got.p, want) != NULL, "%s: %s", why, got.p);
	}
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
	result(date_mono() - start < 4 * DATE_SECOND, "overtaking: slow");
	for (i = 0; i < 64; i++)
		publish_one(&p, c, 70 - i, 0);
	/* None of them is answered, so the next is not read yet. */
	close(p.fd);
	peer_open(&p, s);
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
	if (!live)
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
	result(n == N / 2 && named == n, "meta, %s: %llu lines, %llu named",
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
		result(
		    text.len <= WIRE_MESSAGE_MAX, "last: %zu bytes", text.len);
		get_reply(&text, &r);
		n += r.n;
		next = r.next;
	} while (r.has_next && ++pages < 10);
	result(n == 3, "last: %llu long lines", (unsigned long long)n);
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
	result(strstr(text.p, "\"limit\"") != NULL, "65 subs: %s", text.p);
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
	result(
	    strstr(text.p, "\"limit\"") != NULL, "24000 filters: %s", text.p);
	for (i = 0; i < 700; i++) {
		buf_clear(&text);
		buf_addf(&text,
		    "{\"op\":\"commit\",\"name\":\"many%d\",\"cursor\":{}}", i);
		peer_send(&p, text.p, text.len);
		peer_next(&p, &text);
	}
	peer_ask(&p, "{\"op\":\"stat\"}", &text);
	result(strstr(text.p, "\"cursors_more\":") != NULL &&
		text.len < WIRE_HEADER_MAX,
	    "many cursors: %zu bytes", text.len);
	close(p.fd);
	buf_fini(&text);
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
	test_limits(&s);
	result(server_end(&s, SIGTERM) == 0, "%s: the broker's end", name);
}

int
main(void)
{
	if (mkdtemp(dir) == NULL)
		die(EXIT_IO, "%s: %s", dir, strerror(errno));
	test_kind("memory", 1);
	test_kind("disk", 0);
	printf("test_broker: %d passed\n", passed);
	return failed != 0;
}

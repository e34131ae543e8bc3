/* The client against a small broker in the same process. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/date.h"
#include "bus/client.h"
#include "check.h"
#include "fake_broker.h"
#include "network.h"
#include "trust/identity.h"

enum manner {
	HONEST,
	SILENT,	  /* answers hello only */
	HUNG,	  /* answers one hello, then nothing */
	FOREIGN,  /* another protocol */
	REFUSING, /* denied */
	OLD	  /* no such version */
};

struct broker {
	struct fake_broker fake;
	enum manner manner;
	uint64_t last; /* number of the last pub */
	int asked, disorder;
	struct fake_session session; /* if it has an identity */
	int handshakes;
};

static enum fake_deed
answer(void *ctx, const char *p, size_t n, struct buf *reply)
{
	struct broker *b = ctx;
	struct wire_request r;
	const char *why;

	if (b->asked++ > 0 && b->manner == HUNG)
		return FAKE_SILENT;
	if (b->manner == SILENT && memmem(p, n, "hello", 5) == NULL)
		return FAKE_SILENT;
	if (wire_request_parse(&r, p, n, &why) < 0) {
		buf_adds(reply, "{\"ok\":false,\"error\":\"bad\"}\n");
	} else if (b->manner == FOREIGN) {
		buf_adds(reply, "hello yourself");
	} else if (b->manner == REFUSING) {
		buf_adds(reply, "{\"ok\":false,\"error\":\"denied\"}\n");
	} else if (b->manner == OLD) {
		buf_adds(reply, "{\"ok\":false,\"error\":\"bad\"}\n");
	} else if (r.op == WIRE_HELLO) {
		buf_adds(reply, "{\"ok\":true,\"sg\":1,\"name\":\"A\"}\n");
	} else {
		b->disorder += r.op == WIRE_PUB && r.first != b->last + 1;
		b->last = r.first;
		buf_addf(reply, "{\"ok\":true,\"local\":%llu,\"safe\":0}\n",
		    (unsigned long long)r.first);
		buf_add(reply, r.lines, r.lines_len);
	}
	return FAKE_REPLY;
}

static void
start(struct broker *b, const char *url, enum manner manner)
{
	*b = (struct broker){ .manner = manner };
	fake_listen(&b->fake, url);
	fake_serve(&b->fake, answer, b);
}

static void
stop(struct broker *b)
{
	fake_stop(&b->fake);
}

/* The next event within 10 s. */
static struct client_event
next(struct client *c)
{
	struct client_event event = { .result = CLIENT_NONE };

	if (client_next(c, &event, date_mono() + 10 * DATE_SECOND) < 0)
		event.result = CLIENT_NONE;
	return event;
}

static void
test_order(const char *url)
{
	enum { N = 2000, FLIGHT = 8 };
	struct client_event event;
	struct buf head = { 0 };
	struct broker b;
	struct client *c;
	const char *why;
	uint64_t sent = 0, got = 0;
	int wrong = 0;

	start(&b, url, HONEST);
	c = client_open(
	    &(const struct client_config){
		.urls = url, .insecure = 1, .retry = DATE_SECOND },
	    &why);
	check(c != NULL, "%s", c ? "open" : why);
	if (c == NULL)
		exit(1);
	check(strcmp(client_broker(c), "A") == 0, "name from hello");
	check(strcmp(client_url(c), url) == 0, "url");
	while (got < N) {
		while (sent < N && sent - got < FLIGHT) {
			wire_pub(&head, "x", 1, ++sent, 1, 0);
			wrong += client_send_lines(c, sent, &head, "{}", 2);
		}
		event = next(c);
		got++;
		wrong += event.result != CLIENT_REPLY ||
		    event.reply.local != event.tag ||
		    event.reply.lines_len != 2;
		if (event.result == CLIENT_NONE)
			break;
	}
	check(wrong == 0 && got == N, "every request has its own reply");
	check(b.disorder == 0, "requests arrive in order");
	client_close(c);
	stop(&b);
	buf_fini(&head);
}

static void
test_fd(const char *url)
{
	struct client_event event;
	struct buf head = { 0 };
	struct pollfd wait;
	struct broker b;
	struct client *c;
	const char *why;

	start(&b, url, HONEST);
	c = client_open(
	    &(const struct client_config){
		.urls = url, .insecure = 1, .retry = DATE_SECOND },
	    &why);
	if (c == NULL)
		exit(1);
	wait = (struct pollfd){ .fd = client_fd(c), .events = POLLIN };
	client_next(c, &event, 0);
	check(event.result == CLIENT_NONE, "nothing there");
	check(poll(&wait, 1, 0) == 0, "descriptor is quiet");
	wire_stat(&head);
	check(client_send(c, 1, &head) == 0 && head.len == 0, "send");
	check(poll(&wait, 1, 10000) == 1, "descriptor becomes readable");
	client_next(c, &event, 0);
	check(event.result == CLIENT_REPLY && event.tag == 1, "reply");
	client_next(c, &event, 0);
	check(poll(&wait, 1, 0) == 0, "descriptor is quiet again");
	wire_stat(&head);
	check(client_call(c, &head, &event, date_mono() + DATE_SECOND) == 0 &&
		event.reply.ok,
	    "call");
	client_close(c);
	stop(&b);
	buf_fini(&head);
}

static void
test_restart(const char *url)
{
	struct client_event event;
	struct buf head = { 0 };
	struct broker b;
	struct client *c;
	const char *why;
	unsigned generation;
	int i;

	start(&b, url, SILENT);
	c = client_open(
	    &(const struct client_config){
		.urls = url, .insecure = 1, .retry = 10 * DATE_SECOND },
	    &why);
	if (c == NULL)
		exit(1);
	generation = client_generation(c);
	for (i = 1; i <= 3; i++) {
		wire_stat(&head);
		client_send(c, (uint64_t)i, &head);
	}
	check(client_next(c, &event, date_mono() + 50000) == 0 &&
		event.result == CLIENT_NONE,
	    "a silent broker gives nothing by the deadline");
	stop(&b);
	for (i = 1; i <= 3; i++)
		check(next(c).result == CLIENT_LOST, "outstanding is lost");
	wire_stat(&head);
	errno = 0;
	check(client_send(c, 9, &head) == -1 && errno == EAGAIN,
	    "no connection, no request");
	start(&b, url, HONEST);
	check(next(c).result == CLIENT_CONNECTED, "connected again");
	check(client_generation(c) > generation, "generation rises");
	check(client_send(c, 4, &head) == 0, "send again");
	event = next(c);
	check(event.result == CLIENT_REPLY && event.tag == 4,
	    "reply after restart");
	stop(&b);
	client_retry(c, 100000);
	check(client_next(c, &event, date_mono() + 10 * DATE_SECOND) == -1 &&
		errno == ETIMEDOUT,
	    "gives up after retry");
	check(strstr(client_why(c), url) != NULL, "says where");
	client_close(c);
	buf_fini(&head);
}

static void
test_call_timeout(const char *url)
{
	struct client_event event;
	struct buf head = { 0 };
	struct broker b;
	struct client *c;
	const char *why;

	start(&b, url, SILENT);
	c = client_open(
	    &(const struct client_config){
		.urls = url, .insecure = 1, .retry = DATE_SECOND },
	    &why);
	if (c == NULL)
		exit(1);
	wire_stat(&head);
	errno = 0;
	check(client_call(c, &head, &event, date_mono() + 50000) == -1 &&
		errno == ETIMEDOUT,
	    "call times out");
	client_close(c);
	stop(&b);
	buf_fini(&head);
}

static const struct {
	enum manner manner;
	int want; /* errno */
	const char *why;
} peers[] = {
	{ FOREIGN, EPROTO, "foreign" },
	{ OLD, EPROTO, "version refused" },
	{ REFUSING, EACCES, "denied" },
};

static void
test_peers(const char *url)
{
	struct client *c;
	struct broker b;
	const char *why;
	size_t i;

	for (i = 0; i < sizeof peers / sizeof *peers; i++) {
		start(&b, url, peers[i].manner);
		errno = 0;
		c = client_open(
		    &(const struct client_config){
			.urls = url, .insecure = 1, .retry = 10 * DATE_SECOND },
		    &why);
		check(c == NULL && errno == peers[i].want, "%s", peers[i].why);
		stop(&b);
	}
}

static const struct {
	const char *in;
	int want; /* errno */
} urls[] = {
	{ "", EINVAL },
	{ "ipc://relative", EINVAL },
	{ "tcp://host", EINVAL },
	{ "tcp://:80", EINVAL },
	{ "tcp://[::1:80", EINVAL },
	{ "ws://host:80/", EINVAL },
	{ "ipc:///nowhere/at/all,", EINVAL },
	{ "ipc:///nowhere/at/all", ETIMEDOUT },
	{ "tcp://127.0.0.1:1", ETIMEDOUT },
	{ "tcp://no.such.host.invalid:80", ETIMEDOUT },
};

static void
test_urls(void)
{
	struct client *c;
	const char *why;
	size_t i;

	for (i = 0; i < sizeof urls / sizeof *urls; i++) {
		errno = 0;
		why = "";
		c = client_open(
		    &(const struct client_config){
			.urls = urls[i].in, .insecure = 1, .retry = 0 },
		    &why);
		check(c == NULL && errno == urls[i].want && *why != '\0', "%s",
		    urls[i].in);
	}
}

/* The list is walked when the first broker ends. */
static void
test_failover(const char *first, const char *second)
{
	struct broker a, b;
	struct client *c;
	struct buf both = { 0 };
	const char *why;

	buf_addf(&both, "%s,%s", first, second);
	start(&a, first, HONEST);
	start(&b, second, HONEST);
	c = client_open(&(const struct client_config){ .urls = buf_cstr(&both),
			    .insecure = 1,
			    .retry = 10 * DATE_SECOND },
	    &why);
	if (c == NULL)
		exit(1);
	check(strcmp(client_url(c), first) == 0, "first of the list");
	stop(&a);
	check(next(c).result == CLIENT_CONNECTED, "moves on");
	check(strcmp(client_url(c), second) == 0, "second of the list");
	client_close(c);
	stop(&b);
	c = client_open(
	    &(const struct client_config){
		.urls = "tcp://127.0.0.1:1,ipc:///nowhere",
		.insecure = 1,
		.retry = 0 },
	    &why);
	check(c == NULL && errno == ETIMEDOUT, "none of the list");
	buf_fini(&both);
}

static struct client *
open_or_die(const char *list, int64_t retry)
{
	const char *why;
	struct client *c = client_open(
	    &(const struct client_config){
		.urls = list, .insecure = 1, .retry = retry },
	    &why);

	if (c == NULL) {
		printf("no client of %s: %s\n", list, why);
		exit(1);
	}
	return c;
}

/* A broker that hangs with requests in flight is left for the next one. */
static void
test_hung(const char *first, const char *second)
{
	struct broker a, b;
	struct client *c;
	struct buf both = { 0 }, head = { 0 };
	int64_t asked;

	buf_addf(&both, "%s,%s", first, second);
	start(&a, first, HUNG);
	start(&b, second, HONEST);
	c = open_or_die(buf_cstr(&both), 10 * DATE_SECOND);
	asked = date_mono();
	for (uint64_t i = 1; i <= 2; i++) {
		wire_stat(&head);
		client_send(c, i, &head);
	}
	for (int i = 1; i <= 2; i++)
		check(next(c).result == CLIENT_LOST, "silence is a loss");
	check(date_mono() - asked > 3 * DATE_SECOND / 2, "but not at once");
	check(next(c).result == CLIENT_CONNECTED &&
		strcmp(client_url(c), second) == 0,
	    "the next one of the list");
	client_close(c);
	stop(&a);
	stop(&b);
	buf_fini(&both);
	buf_fini(&head);
}

/* One that takes its time, but is alive, is kept. */
static void
test_slow(const char *url)
{
	struct client_event event;
	struct broker b;
	struct client *c;
	struct buf head = { 0 };

	start(&b, url, SILENT);
	c = open_or_die(url, 10 * DATE_SECOND);
	wire_stat(&head);
	client_send(c, 1, &head);
	check(client_next(c, &event, date_mono() + 3 * DATE_SECOND) == 0 &&
		event.result == CLIENT_NONE,
	    "3 s for an answer are no silence, as long as hello is answered");
	check(b.asked > 2, "which it was asked for");
	client_close(c);
	stop(&b);
	buf_fini(&head);
}

/* The answers were there all the time; it is we who did not look. */
static void
test_absent(const char *url)
{
	struct timespec long_time = { .tv_sec = 2, .tv_nsec = 500000000 };
	struct client_event event;
	struct broker b;
	struct client *c;
	struct buf head = { 0 };

	start(&b, url, HONEST);
	c = open_or_die(url, 10 * DATE_SECOND);
	wire_stat(&head);
	client_send(c, 1, &head);
	nanosleep(&long_time, NULL);
	event = next(c);
	check(event.result == CLIENT_REPLY && event.tag == 1,
	    "a caller who comes late finds the answer");
	client_close(c);
	stop(&b);
	buf_fini(&head);
}

/* Who goes on although he is refused does not do so without a pause. */
static void
test_refused(const char *url, enum manner manner)
{
	const int64_t end = date_mono() + DATE_SECOND;
	struct client_event event;
	struct broker b;
	struct client *c;
	const char *why;
	int refused = 0;

	start(&b, url, manner);
	c = client_begin(
	    &(const struct client_config){
		.urls = url, .insecure = 1, .retry = DATE_SECOND / 4 },
	    &why);
	while (c != NULL && date_mono() < end)
		refused += client_next(c, &event, end) < 0;
	check(refused > 0 && refused < 40, "refused %d times in a second",
	    refused);
	client_close(c);
	stop(&b);
}

static void
test_leave(const char *first, const char *second)
{
	struct client_event event;
	struct broker a, b;
	struct client *c;
	struct buf both = { 0 }, head = { 0 };
	int64_t left;

	buf_addf(&both, "%s,%s", first, second);
	start(&a, first, SILENT);
	start(&b, second, HONEST);
	c = open_or_die(buf_cstr(&both), 10 * DATE_SECOND);
	wire_stat(&head);
	client_send(c, 7, &head);
	client_leave(c, "of no use");
	event = next(c);
	check(event.result == CLIENT_LOST && event.tag == 7, "left: lost");
	check(next(c).result == CLIENT_CONNECTED &&
		strcmp(client_url(c), second) == 0,
	    "left for the next one");
	client_close(c);
	stop(&a);
	left = date_mono();
	c = open_or_die(second, 5 * DATE_SECOND / 2);
	client_leave(c, "of no use");
	check(next(c).result == CLIENT_CONNECTED, "the only one, again");
	check(date_mono() - left >= DATE_SECOND, "which was left alone");
	do {
		client_leave(c, "of no use");
		errno = 0;
		event = next(c);
	} while (event.result == CLIENT_CONNECTED);
	check(errno == ETIMEDOUT && strstr(client_why(c), "of no use") != NULL,
	    "leaving and returning has its time, too");
	client_close(c);
	stop(&b);
	buf_fini(&both);
	buf_fini(&head);
}

/* A stopped broker's kernel accepts for it, but nobody greets. */
static void
test_no_greeting(const char *first, const char *second)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	struct broker b;
	struct client *c;
	struct buf both = { 0 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(name.sun_path, sizeof name.sun_path, "%s",
	    first + strlen("ipc://"));
	check(bind(fd, (struct sockaddr *)&name, sizeof name) == 0 &&
		listen(fd, 5) == 0,
	    "listen");
	buf_addf(&both, "%s,%s", first, second);
	start(&b, second, HONEST);
	c = open_or_die(buf_cstr(&both), 10 * DATE_SECOND);
	check(strcmp(client_url(c), second) == 0, "the second of the list");
	client_close(c);
	stop(&b);
	close(fd);
	unlink(name.sun_path);
	buf_fini(&both);
}

static enum fake_deed
answer_frame(void *ctx, const char *p, size_t n, struct buf *reply)
{
	struct broker *b = ctx;

	b->handshakes += channel_frame(p, n) && p[3] == 1;
	return fake_talk(&b->session, p, n, reply, answer, b);
}

static void
start_session(struct broker *b, const char *url, struct identity *id)
{
	*b = (struct broker){ .session.id = id };
	fake_listen(&b->fake, url);
	fake_serve(&b->fake, answer_frame, b);
}

static void
stop_session(struct broker *b)
{
	stop(b);
	channel_free(b->session.channel);
}

static void
who(const struct network *n, struct identity *id, const char *subject)
{
	struct identity_options given = { .pass_fd = -1, .trust = n->dir };
	const char *why = "";
	int status;

	given.key = network_path(n, "keys/", subject, ".key");
	if (identity_open(id, &given, &status, &why) != 1)
		network_die(subject, why);
}

struct people {
	struct network network;
	struct identity broker, actor;
};

static void
people_init(struct people *p)
{
	*p = (struct people){ .broker = { 0 } };
	network_init(&p->network);
	network_issue(&p->network,
	    &(struct network_wish){ .subject = "broker-a",
		.role = CERT_BROKER,
		.names = { "broker-a", "localhost" } });
	network_issue(&p->network,
	    &(struct network_wish){ .subject = "flat12", .pub = { "#" } });
	who(&p->network, &p->broker, "broker-a");
	who(&p->network, &p->actor, "flat12");
}

static void
people_fini(struct people *p)
{
	identity_close(&p->broker);
	identity_close(&p->actor);
	network_fini(&p->network);
}

/* Frames of all lengths, many in flight. */
static void
test_session(struct people *people, const char *url)
{
	enum { N = 500, FLIGHT = 8 };
	const struct client_config config = {
		.urls = url, .identity = &people->actor, .retry = DATE_SECOND
	};
	struct client_event event;
	struct buf head = { 0 }, lines = { 0 };
	struct broker b;
	struct client *c;
	const char *why;
	uint64_t sent = 0, got = 0;
	int wrong = 0;

	start_session(&b, url, &people->broker);
	c = client_open(&config, &why);
	check(c != NULL, "%s", c ? "session" : why);
	if (c == NULL)
		exit(1);
	memset(buf_room(&lines, 1000 * N), 'x', 1000 * N);
	for (; got < N; got++) {
		for (; sent < N && sent - got < FLIGHT; sent++) {
			wire_pub(&head, "x", 1, sent + 1, 1, 0);
			wrong += client_send_lines(
			    c, sent + 1, &head, lines.p, 1000 * sent);
		}
		event = next(c);
		wrong += event.result != CLIENT_REPLY ||
		    event.reply.local != event.tag ||
		    event.reply.lines_len != 1000 * (event.tag - 1);
		if (event.result == CLIENT_NONE)
			break;
	}
	check(wrong == 0 && got == N, "every request has its own reply");
	check(b.disorder == 0 && b.handshakes == 1, "in order, one session");
	/* The broker begins anew: so does the session. */
	stop_session(&b);
	start_session(&b, url, &people->broker);
	event = next(c);
	check(event.result == CLIENT_CONNECTED, "a new session");
	/* A reply to another request is as good as none. */
	b.session.astray = 1;
	wire_stat(&head);
	client_send(c, 7, &head);
	event = next(c);
	check(event.result == CLIENT_LOST && event.tag == 7,
	    "a reply with another request's number");
	client_close(c);
	stop_session(&b);
	buf_fini(&head);
	buf_fini(&lines);
}

static const struct {
	const char *name;	     /* dialled */
	int actor, insecure, broker; /* has an identity */
	int want;		     /* errno, 0: a session */
	const char *says;
} trust[] = {
	{ "broker-a@", 1, 0, 1, 0, "" },
	{ "localhost@", 1, 0, 1, 0, "" },
	{ "", 1, 0, 1, 0, "any broker" },
	{ "broker-b@", 1, 0, 1, EACCES,
	    ": the broker is \"broker-a\", its certificate does not name "
	    "broker-b: dial ipc://broker-a@/" },
	{ "", 1, 0, 0, EPROTO, "not a broker of ours" },
	{ "", 0, 0, 1, EACCES, "denied" },
	{ "", 0, 1, 1, EACCES, "denied" },
};

static void
test_trust(struct people *people, const char *path)
{
	struct broker b;
	struct client *c;
	const char *why;
	char url[128];

	for (size_t i = 0; i < sizeof trust / sizeof *trust; i++) {
		const struct client_config config = { .urls = url,
			.identity = trust[i].actor ? &people->actor : NULL,
			.insecure = trust[i].insecure,
			.retry = DATE_SECOND / 2 };

		snprintf(url, sizeof url, "ipc://%s", path);
		if (trust[i].broker)
			start_session(&b, url, &people->broker);
		else
			start(&b, url, HONEST);
		snprintf(url, sizeof url, "ipc://%s%s", trust[i].name, path);
		errno = 0;
		why = "";
		c = client_open(&config, &why);
		check((c != NULL) == (trust[i].want == 0) &&
			(c != NULL || errno == trust[i].want),
		    "%s: errno %d, %s", url, errno, why);
		check(c != NULL || strstr(why, trust[i].says) != NULL,
		    "%s: says %s", url, why);
		client_close(c);
		stop_session(&b);
	}
}

static void
test_plain_tcp(void)
{
	const struct client_config config = { .urls = "tcp://127.0.0.1:1" };
	const char *why = "";

	errno = 0;
	check(client_open(&config, &why) == NULL && errno == ENOKEY &&
		strstr(why, "--insecure") != NULL,
	    "plain tcp: %s", why);
	errno = 0;
	check(client_begin(&config, &why) == NULL && errno == ENOKEY,
	    "plain tcp, without waiting");
}

int
main(void)
{
	char dir[] = "/tmp/sgt.XXXXXX", first[64], second[64];
	struct people people;

	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(first, sizeof first, "ipc://%s/a", dir);
	snprintf(second, sizeof second, "ipc://%s/b", dir);
	test_order(first);
	test_fd(first);
	test_restart(first);
	test_call_timeout(first);
	test_peers(first);
	test_urls();
	test_failover(first, second);
	test_hung(first, second);
	test_slow(first);
	test_absent(first);
	test_refused(first, REFUSING);
	test_refused(first, FOREIGN);
	test_leave(first, second);
	test_no_greeting(first, second);
	people_init(&people);
	test_session(&people, first);
	test_trust(&people, first + strlen("ipc://"));
	test_plain_tcp();
	people_fini(&people);
	rmdir(dir);
	return check_done();
}

/*
 * The front with real clients: libnng's REQ sockets, and plain sockets for
 * everything libnng would never send.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/date.h"
#include "broker/front.h"
#include "bus/sp.h"
#include "check.h"

enum {
	MESSAGE = 1 << 21,
	HELD = 4096,
	LONG = 20000, /* ms after which a test has failed */
	IDLE = 2000,
	IDLE_MAX = 8192 /* bytes of anonymous memory each */
};

static const struct front_limits usual = {
	.message = MESSAGE,
	.connections = 5000,
	.requests = 64,
	.memory = 64 << 20,
	.greeting = 20 * DATE_SECOND,
	.message_time = 20 * DATE_SECOND,
	.write_time = 20 * DATE_SECOND,
};

static char dir[] = "/tmp/test_front.XXXXXX";

/* --- a server that does as its requests say --- */

struct server {
	struct front *front;
	pthread_t thread;
	int stop; /* eventfd */
	struct front_route held[HELD];
	size_t nheld;
	int big;	      /* replies to the held are of this many bytes */
	pthread_mutex_t lock; /* for reasons */
	char reasons[8192];
};

static void
on_log(void *ctx, const char *conn, const char *why)
{
	struct server *s = ctx;
	size_t n;

	pthread_mutex_lock(&s->lock);
	n = strlen(s->reasons);
	snprintf(s->reasons + n, sizeof s->reasons - n, "%s: %s\n", conn, why);
	pthread_mutex_unlock(&s->lock);
}

static int
is(const struct blob *b, const char *s)
{
	return b->len == strlen(s) && memcmp(b->p, s, b->len) == 0;
}

static void
answer(struct server *s, const struct front_route *route, const char *text)
{
	struct blob *b = blob_new(strlen(text) + 1);
	struct front_piece piece = { b, b->p, strlen(text) };

	memcpy(b->p, text, strlen(text));
	front_reply(s->front, route, &piece, 1);
}

static void
answer_big(struct server *s, const struct front_route *route, size_t n)
{
	struct blob *b = blob_new(n);
	struct front_piece piece = { b, b->p, n };

	memset(b->p, 'x', n);
	front_reply(s->front, route, &piece, 1);
}

/* Last come, first served: out of order on purpose. */
static void
release(struct server *s)
{
	char text[32];

	while (s->nheld > 0) {
		snprintf(text, sizeof text, "held %zu", --s->nheld);
		if (s->big > 0)
			answer_big(s, &s->held[s->nheld], (size_t)s->big);
		else
			answer(s, &s->held[s->nheld], text);
	}
}

static void
counts(struct server *s, const struct front_route *route)
{
	const struct front_counts *c = front_counts(s->front);
	char text[200];

	snprintf(text, sizeof text, "%d %d %d %d", c->connections,
	    (int)c->accepted, (int)c->refused, (int)c->cut);
	answer(s, route, text);
}

/* The body back in three pieces of one blob. */
static void
echo(struct server *s, const struct front_event *e)
{
	struct blob *b = e->body;
	size_t third = b->len / 3;
	struct front_piece pieces[] = {
		{ blob_ref(b), b->p, third },
		{ blob_ref(b), b->p + third, third },
		{ blob_ref(b), b->p + 2 * third, b->len - 2 * third },
	};

	front_reply(s->front, &e->route, pieces, 3);
}

static void
drop_held(struct server *s, const struct front_conn *conn)
{
	size_t i, n = 0;

	for (i = 0; i < s->nheld; i++)
		if (s->held[i].conn != conn)
			s->held[n++] = s->held[i];
	s->nheld = n;
}

static void
request(struct server *s, const struct front_event *e)
{
	if (is(e->body, "hold") && s->nheld < HELD)
		s->held[s->nheld++] = e->route;
	else if (is(e->body, "release")) {
		release(s);
		answer(s, &e->route, "released");
	} else if (is(e->body, "counts"))
		counts(s, &e->route);
	else if (is(e->body, "name"))
		answer(s, &e->route, front_conn_name(e->route.conn));
	else if (is(e->body, "cut")) {
		answer(s, &e->route, "goodbye");
		front_cut(s->front, e->route.conn, "was asked to");
	} else
		echo(s, e);
	blob_unref(e->body);
}

static void *
serve(void *arg)
{
	struct server *s = arg;
	struct front_event e;

	for (;;) {
		if (front_next(s->front, &e, INT64_MAX) == -1)
			continue;
		switch (e.kind) {
		case FRONT_REQUEST: request(s, &e); break;
		case FRONT_CLOSED: drop_held(s, e.route.conn); break;
		case FRONT_READABLE:
			release(s);
			front_drain(s->front, date_mono() + DATE_SECOND);
			return NULL;
		case FRONT_TIME: break;
		}
	}
}

static void
server_start(
    struct server *s, const struct front_limits *limits, const char *url)
{
	const char *why = NULL;

	memset(s, 0, sizeof *s);
	pthread_mutex_init(&s->lock, NULL);
	s->front = front_new(limits);
	front_log(s->front, on_log, s);
	s->stop = eventfd(0, EFD_CLOEXEC);
	front_watch(s->front, s->stop);
	if (front_listen(s->front, url, &why) == -1) {
		printf("test_front: %s: %s\n", url, why);
		exit(1);
	}
	pthread_create(&s->thread, NULL, serve, s);
}

static void
server_stop(struct server *s)
{
	eventfd_write(s->stop, 1);
	pthread_join(s->thread, NULL);
	front_free(s->front);
	close(s->stop);
	pthread_mutex_destroy(&s->lock);
}

static int
has_reason(struct server *s, const char *reason)
{
	int found;

	pthread_mutex_lock(&s->lock);
	found = strstr(s->reasons, reason) != NULL;
	pthread_mutex_unlock(&s->lock);
	return found;
}

static void
reason_await(struct server *s, const char *reason, const char *why)
{
	int64_t end = date_mono() + LONG * 1000;

	while (!has_reason(s, reason) && date_mono() < end)
		poll(NULL, 0, 5);
	check(has_reason(s, reason), "%s: %s", reason, why);
}

/* --- plain sockets --- */

static int
plain_connect(const char *url)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *ai;
	char host[128];
	const char *colon;
	int fd;

	if (front_local(url)) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		snprintf(sun.sun_path, sizeof sun.sun_path, "%s", url + 6);
		if (connect(fd, (struct sockaddr *)&sun, sizeof sun) == 0)
			return fd;
		close(fd);
		return -1;
	}
	colon = strrchr(url, ':');
	snprintf(host, sizeof host, "%.*s", (int)(colon - url - 6), url + 6);
	if (getaddrinfo(host, colon + 1, &hints, &ai) != 0)
		return -1;
	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fd, ai->ai_addr, ai->ai_addrlen) == -1) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(ai);
	return fd;
}

static int
plain_send(int fd, const void *p, size_t n)
{
	return send(fd, p, n, MSG_NOSIGNAL) == (ssize_t)n ? 0 : -1;
}

/* 1 and n bytes, 0 at the end of the stream, -1 after LONG. */
static int
plain_read(int fd, void *out, size_t n)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char *to = out;
	ssize_t got;

	for (; n > 0; n -= (size_t)got, to += got) {
		if (poll(&p, 1, LONG) <= 0)
			return -1;
		if ((got = recv(fd, to, n, 0)) <= 0)
			return 0;
	}
	return 1;
}

/* Connected and greeted. */
static int
plain_open(const char *url)
{
	uint8_t greeting[SP_GREETING], want[SP_GREETING];
	int fd = plain_connect(url);

	sp_greeting(greeting, SP_REQ);
	sp_greeting(want, SP_REP);
	if (fd == -1 || plain_send(fd, greeting, sizeof greeting) == -1 ||
	    plain_read(fd, greeting, sizeof greeting) != 1 ||
	    memcmp(greeting, want, sizeof want) != 0) {
		check(0, "%s: greeting", url);
		close(fd);
		return -1;
	}
	return fd;
}

static size_t
message_make(char *out, int local, uint32_t id, const char *body, size_t n)
{
	const uint8_t path[] = { 0x80, (uint8_t)(id >> 16), (uint8_t)(id >> 8),
		(uint8_t)id };
	size_t at = sp_head(
	    (uint8_t *)out, local ? SP_IPC : SP_TCP, path, sizeof path, n);

	memcpy(out + at, body, n);
	return at + n;
}

static int
plain_request(int fd, int local, uint32_t id, const char *body)
{
	char m[256];

	return plain_send(
	    fd, m, message_make(m, local, id, body, strlen(body)));
}

/* A whole short reply: its id in *id, its text in out. */
static int
plain_reply(int fd, int local, uint32_t *id, char *out, size_t room)
{
	uint8_t head[9 + 4];
	size_t start = local ? 9 : 8, n;
	int got = plain_read(fd, head, start + 4);

	if (got != 1)
		return got;
	n = (size_t)head[start - 2] << 8 | head[start - 1];
	n -= 4;
	if (n >= room)
		return -1;
	out[n] = '\0';
	*id = (uint32_t)head[start + 1] << 16 | (uint32_t)head[start + 2] << 8 |
	    head[start + 3];
	return n == 0 ? 1 : plain_read(fd, out, n);
}

static void
plain_ask(
    int fd, int local, const char *body, const char *want, const char *why)
{
	char text[512] = "";
	uint32_t id = 0;

	check(plain_request(fd, local, 77, body) == 0 &&
		plain_reply(fd, local, &id, text, sizeof text) == 1 &&
		id == 77 && strcmp(text, want) == 0,
	    "%s: %s", text, why);
}

static void
end_await(int fd, const char *why)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	static char space[65536];
	ssize_t got;

	do {
		got = poll(&p, 1, LONG) > 0 ? recv(fd, space, sizeof space, 0)
					    : 1;
	} while (got > 0 && p.revents != 0);
	check(got <= 0, "not closed: %s", why);
	close(fd);
}

/* --- listening --- */

static void
test_refused_urls(void)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{ "http://x", "neither ipc:// nor tcp://" },
		{ "tcp://localhost", "port missing" },
		{ "tcp://localhost:", "port missing" },
		{ "tcp://localhost:x1", "port missing" },
		{ "tcp://localhost:65536", "port above 65535" },
		{ "tcp://::1:80", "bad host" },
		{ "tcp://192.0.2.1:0", "no such address here" },
		{ "ipc://", "path empty or longer than 107 bytes" },
		{ "ipc:///dev/null", "address in use" },
		{ "ipc:///proc/none/x", NULL },
	};
	struct front *f = front_new(&usual);
	const char *why;
	size_t i;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		why = "";
		check(front_listen(f, cases[i].in, &why) == -1,
		    "%s: was accepted", cases[i].in);
		check(cases[i].want == NULL || strcmp(why, cases[i].want) == 0,
		    "%s: %s", cases[i].in, why);
	}
	check(front_url(f, 0) == NULL, "front_url: nothing listens");
	front_free(f);
}

static mode_t
mode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

static void
stale_make(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof sun.sun_path, "%s", path);
	check(bind(fd, (struct sockaddr *)&sun, sizeof sun) == 0, "%s: bind",
	    path);
	close(fd);
}

static void
test_socket_file(void)
{
	struct front *f = front_new(&usual), *other = front_new(&usual);
	char url[128], folder[64];
	const char *path = url + strlen("ipc://"), *why = "";
	mode_t old = umask(0);

	snprintf(folder, sizeof folder, "%s/new", dir);
	snprintf(url, sizeof url, "ipc://%s/broker", folder);
	check(front_listen(f, url, &why) == 0, "%s: %s", url, why);
	umask(old);
	check(mode_of(folder) == 0700, "folder: mode");
	check(mode_of(path) == 0600, "socket: mode");
	check(strcmp(front_url(f, 0), url) == 0, "front_url: %s", url);
	check(front_listen(other, url, &why) == -1 &&
		strcmp(why, "address in use") == 0,
	    "a live socket: %s", why);
	front_free(f);
	check(access(path, F_OK) == -1, "socket: left behind");
	stale_make(path);
	check(front_listen(other, url, &why) == 0, "a stale socket: %s", why);
	unlink(path);
	stale_make(path);
	front_free(other);
	check(access(path, F_OK) == 0, "another's socket: removed");
	unlink(path);
	rmdir(folder);
}

static void
test_tcp_addresses(void)
{
	static const char *const urls[] = { "tcp://127.0.0.1:0",
		"tcp://localhost:0", "tcp://*:0", "tcp://0.0.0.0:0" };
	struct front *f = front_new(&usual);
	const char *why = "", *port;
	char url[64];
	size_t i;
	int fd;

	for (i = 0; i < sizeof urls / sizeof urls[0]; i++) {
		check(front_listen(f, urls[i], &why) == 0, "%s: %s", urls[i],
		    why);
		port = strrchr(front_url(f, i), ':');
		check(strcmp(port, ":0") != 0, "%s: real port", urls[i]);
		snprintf(url, sizeof url, "tcp://127.0.0.1%s", port);
		check((fd = plain_connect(url)) != -1, "%s: connect", urls[i]);
		close(fd);
	}
	front_free(f);
}

/* --- libnng --- */

enum { CONTEXTS = 32 };

static nng_socket
nng_dial_to(const char *url)
{
	nng_socket s;

	if (nng_req0_open(&s) != 0 ||
	    nng_socket_set_ms(s, NNG_OPT_REQ_RESENDTIME, -1) != 0 ||
	    nng_socket_set_size(s, NNG_OPT_RECVMAXSZ, MESSAGE + SP_PATH_MAX) !=
		0 ||
	    nng_socket_set_ms(s, NNG_OPT_RECVTIMEO, LONG) != 0 ||
	    nng_dial(s, url, NULL, 0) != 0) {
		printf("test_front: %s: nng cannot dial\n", url);
		exit(1);
	}
	return s;
}

static nng_msg *
nng_text(const char *p, size_t n)
{
	nng_msg *m;

	if (nng_msg_alloc(&m, 0) != 0 || nng_msg_append(m, p, n) != 0)
		exit(1);
	return m;
}

/* One request and its reply by libnng; the reply must be want. */
static void
nng_ask(nng_socket s, const char *p, size_t n, const char *want, size_t wn,
    const char *why)
{
	nng_msg *m = nng_text(p, n);
	int error = nng_sendmsg(s, m, 0);

	if (error == 0)
		error = nng_recvmsg(s, &m, 0);
	check(error == 0, "%s: %s", nng_strerror(error), why);
	if (error != 0)
		return;
	check(nng_msg_len(m) == wn && memcmp(nng_msg_body(m), want, wn) == 0,
	    "another reply: %s", why);
	nng_msg_free(m);
}

struct flight {
	nng_ctx ctx;
	nng_aio *aio;
};

static void
flight_send(struct flight *f, nng_socket s, const char *text)
{
	nng_ctx_open(&f->ctx, s);
	nng_aio_alloc(&f->aio, NULL, NULL);
	nng_aio_set_timeout(f->aio, LONG);
	nng_aio_set_msg(f->aio, nng_text(text, strlen(text)));
	nng_ctx_send(f->ctx, f->aio);
	nng_aio_wait(f->aio);
	check(nng_aio_result(f->aio) == 0, "send: %s", text);
	nng_ctx_recv(f->ctx, f->aio);
}

static void
flight_land(struct flight *f, const char *want, size_t n)
{
	nng_msg *m;
	int error;

	nng_aio_wait(f->aio);
	error = nng_aio_result(f->aio);
	check(error == 0, "%s: %s", nng_strerror(error), want);
	if (error == 0) {
		m = nng_aio_get_msg(f->aio);
		check(nng_msg_len(m) >= n &&
			memcmp(nng_msg_body(m), want, n) == 0,
		    "another's reply: %s", want);
		nng_msg_free(m);
	}
	nng_ctx_close(f->ctx);
	nng_aio_free(f->aio);
}

/* All held at once, released in reverse; echoes overtake them. */
static void
test_contexts(const char *url)
{
	struct flight held[CONTEXTS], echoed[CONTEXTS];
	nng_socket s = nng_dial_to(url);
	char text[32];
	int i;

	for (i = 0; i < CONTEXTS; i++) {
		flight_send(&held[i], s, "hold");
		snprintf(text, sizeof text, "echo %d", i);
		flight_send(&echoed[i], s, text);
	}
	for (i = 0; i < CONTEXTS; i++) {
		snprintf(text, sizeof text, "echo %d", i);
		flight_land(&echoed[i], text, strlen(text));
	}
	nng_ask(s, "release", 7, "released", 8, "release");
	for (i = 0; i < CONTEXTS; i++)
		flight_land(&held[i], "held ", 5);
	nng_close(s);
}

static void
test_bodies(const char *url)
{
	static const size_t sizes[] = { 0, 1, 2, 1023, 1024, 1025, 65535, 65536,
		65537, 262144, 1048576, MESSAGE };
	nng_socket s = nng_dial_to(url);
	char *p = malloc(MESSAGE), why[32];
	size_t i;

	for (i = 0; i < MESSAGE; i++)
		p[i] = (char)('a' + i % 25 + i / 65536 % 2);
	for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		snprintf(why, sizeof why, "%zu bytes", sizes[i]);
		nng_ask(s, p, sizes[i], p, sizes[i], why);
	}
	free(p);
	nng_close(s);
}

/* Closing with requests in flight, then again: nothing is left over. */
static void
test_closing(const char *url)
{
	struct flight f;
	nng_socket s;
	int i;

	for (i = 0; i < 20; i++) {
		s = nng_dial_to(url);
		flight_send(&f, s, "hold");
		nng_ask(s, "x", 1, "x", 1, "beside a held request");
		nng_close(s);
		nng_aio_wait(f.aio);
		nng_aio_free(f.aio);
	}
	s = nng_dial_to(url);
	nng_ask(s, "release", 7, "released", 8, "after closings");
	nng_ask(s, "x", 1, "x", 1, "after release");
	nng_close(s);
}

/* The front closes; libnng reconnects by itself and goes on. */
static void
test_cut_and_reconnect(struct server *s, const char *url)
{
	nng_socket n = nng_dial_to(url);

	nng_socket_set_ms(n, NNG_OPT_REQ_RESENDTIME, 100);
	nng_ask(n, "cut", 3, "goodbye", 7, "the last answer still comes");
	reason_await(s, "was asked to", "front_cut");
	nng_ask(n, "again", 5, "again", 5, "after the cut");
	nng_close(n);
}

static void
test_over_limit(struct server *s, const char *url)
{
	nng_socket n = nng_dial_to(url);
	char *p = calloc(1, MESSAGE + 1);
	nng_msg *m = nng_text(p, MESSAGE + 1);

	check(nng_sendmsg(n, m, 0) == 0, "send: over the limit");
	check(nng_recvmsg(n, &m, 0) == NNG_ECONNRESET, "recv: over the limit");
	reason_await(s, "sent a message over the limit", url);
	free(p);
	nng_close(n);
}

static void
test_nng(const char *url)
{
	static struct server s;
	const char *real;

	server_start(&s, &usual, url);
	real = front_url(s.front, 0);
	test_contexts(real);
	test_bodies(real);
	test_closing(real);
	test_cut_and_reconnect(&s, real);
	test_over_limit(&s, real);
	server_stop(&s);
}

/* --- malformed and slow peers --- */

static void
test_malformed(const char *url)
{
	static const struct {
		const char *p;
		size_t n;
		int greet;
		const char *want;
	} cases[] = {
		{ "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27, 0,
		    "speaks HTTP or text, not SP" },
		{ "\x16\x03\x01\x02\0\1\0\1\xfc\3\3", 11, 0,
		    "speaks TLS, not SP" },
		{ "\0SP\0\0\x20\0\0", 8, 0, "is a PUB socket" },
		{ "\0SP\0\0\x50\0\0", 8, 0, "is a PUSH socket" },
		{ "\0\0\0\0\0\0\0\0", 8, 1,
		    "sent a message without request id" },
		{ "\0\0\0\0\0\0\0\4\0\0\0\1", 12, 1,
		    "sent a message without request id" },
		{ "\0\0\0\0\0\x20\0\5\x80\0\0\0", 12, 1,
		    "sent a message over the limit" },
		{ "\0\0\0\2\0\0\0\0", 8, 1, "sent a message over the limit" },
		{ "\x40\0\0\0\0\0\0\0", 8, 1, "sent a message over the limit" },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff", 8, 1,
		    "sent a message over the limit" },
		{ "\0\0\0\0\0\0\0\x50" /* 16 hops */
		  "\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1"
		  "\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1"
		  "\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\x80\0\0\1",
		    76, 1, "sent a request over 15 hops" },
	};
	static struct server s;
	size_t i;
	int fd;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		server_start(&s, &usual, url);
		fd = cases[i].greet ? plain_open(front_url(s.front, 0))
				    : plain_connect(front_url(s.front, 0));
		plain_send(fd, cases[i].p, cases[i].n);
		reason_await(&s, cases[i].want, "malformed");
		end_await(fd, cases[i].want);
		server_stop(&s);
	}
}

/* Requests in every cut: byte by byte, and all in one write. */
static void
test_cuts(const char *url)
{
	static struct server s;
	char stream[512], text[64];
	uint32_t id, want;
	size_t n = 0, i;
	int local = front_local(url), fd;

	server_start(&s, &usual, url);
	fd = plain_open(front_url(s.front, 0));
	n += message_make(stream + n, local, 1, "first", 5);
	n += message_make(stream + n, local, 2, "", 0);
	n += message_make(stream + n, local, 3, "third", 5);
	for (i = 0; i < n; i++)
		plain_send(fd, stream + i, 1);
	plain_send(fd, stream, n);
	for (want = 0; want < 6; want++) {
		check(plain_reply(fd, local, &id, text, sizeof text) == 1 &&
			id == want % 3 + 1 &&
			strcmp(text,
			    want % 3 == 0	? "first"
				: want % 3 == 1 ? ""
						: "third") == 0,
		    "%s: in every cut", text);
	}
	close(fd);
	server_stop(&s);
}

static void
test_hops(const char *url)
{
	uint8_t path[SP_PATH_MAX], head[SP_HEAD_MAX], got[SP_HEAD_MAX + 2];
	static struct server s;
	size_t n, i;
	int fd;

	for (i = 0; i < sizeof path; i++)
		path[i] = (uint8_t)(i % 4 == 0 ? 0 : i);
	path[60] = 0x80;
	server_start(&s, &usual, url);
	fd = plain_open(front_url(s.front, 0));
	n = sp_head(head, SP_TCP, path, sizeof path, 2);
	plain_send(fd, head, n);
	plain_send(fd, "ok", 2);
	check(plain_read(fd, got, n + 2) == 1 && memcmp(got, head, n) == 0 &&
		memcmp(got + n, "ok", 2) == 0,
	    "15 hops: come back");
	close(fd);
	server_stop(&s);
}

static void
test_deadlines(const char *url)
{
	struct front_limits limits = usual;
	static struct server s;
	int silent, half, body, good;

	limits.greeting = limits.message_time = DATE_SECOND / 5;
	server_start(&s, &limits, url);
	good = plain_open(front_url(s.front, 0));
	silent = plain_connect(front_url(s.front, 0));
	half = plain_open(front_url(s.front, 0));
	body = plain_open(front_url(s.front, 0));
	plain_send(half, "\0\0\0", 3);
	plain_send(body, "\0\0\0\0\0\0\0\7\x80\0\0\1a", 13);
	reason_await(&s, "no greeting in time", "silent");
	reason_await(&s, "stopped inside a message", "half a message");
	end_await(silent, "silent");
	end_await(half, "half a head");
	end_await(body, "half a body");
	plain_ask(good, 0, "x", "x", "an idle connection stays");
	close(good);
	server_stop(&s);
}

/* Replies nobody reads, behind which no more requests are read. */
static void
test_unread(
    const char *url, const struct front_limits *limits, const char *reason)
{
	static struct server s;
	char *p = calloc(1, 1 << 20);
	int local = front_local(url), fd, good, i;
	size_t n = message_make(p, local, 1, "", 0);

	server_start(&s, limits, url);
	good = plain_open(front_url(s.front, 0));
	fd = plain_open(front_url(s.front, 0));
	n = sp_head((uint8_t *)p, local ? SP_IPC : SP_TCP,
	    (const uint8_t *)"\x80\0\0\1", 4, (1 << 20) - 64);
	for (i = 0; i < 60 && !has_reason(&s, reason); i++)
		if (plain_send(fd, p, n + (1 << 20) - 64) == -1)
			break;
	reason_await(&s, reason, "unread replies");
	end_await(fd, reason);
	plain_ask(good, local, "x", "x", "others go on");
	close(good);
	free(p);
	server_stop(&s);
}

struct sender {
	int fd;
	const char *p;
	size_t n;
	int times;
};

static void *
send_all(void *arg)
{
	const struct sender *s = arg;

	int i;

	for (i = 0; i < s->times; i++)
		plain_send(s->fd, s->p, s->n);
	return NULL;
}

/* Over the limit of requests: read later, never cut off, nothing lost. */
static void
test_backpressure(const char *url)
{
	enum { REQUESTS = 20000 };
	struct front_limits limits = usual;
	static struct server s;
	static char stream[REQUESTS * 20], text[64];
	struct sender sender;
	pthread_t thread;
	size_t n = 0;
	uint32_t id, i;
	int local = front_local(url), fd, other;

	limits.requests = 8;
	server_start(&s, &limits, url);
	fd = plain_open(front_url(s.front, 0));
	other = plain_open(front_url(s.front, 0));
	for (i = 0; i < 30; i++)
		plain_request(fd, local, i, "hold");
	plain_ask(other, local, "x", "x", "beside a full connection");
	for (i = 0; i < 30; i += 8)
		plain_ask(other, local, "release", "released", "release");
	for (i = 0; i < 30; i++) {
		check(plain_reply(fd, local, &id, text, sizeof text) == 1 &&
			strncmp(text, "held", 4) == 0,
		    "%s: held over the limit", text);
		if (i % 8 == 7)
			plain_ask(other, local, "release", "released", "more");
	}
	for (i = 0; i < REQUESTS; i++)
		n += message_make(stream + n, local, i, "abc", 3);
	sender = (struct sender){ fd, stream, n, 1 };
	pthread_create(&thread, NULL, send_all, &sender);
	for (i = 0; i < REQUESTS; i++)
		if (plain_reply(fd, local, &id, text, sizeof text) != 1 ||
		    id != i || strcmp(text, "abc") != 0)
			break;
	check(i == REQUESTS, "many small requests: in order, none lost");
	pthread_join(thread, NULL);
	close(fd);
	close(other);
	server_stop(&s);
}

/* Sends and reads without a pause until the other side is shut down. */
static void *
flood(void *arg)
{
	const struct sender *s = arg;
	struct pollfd p = { .fd = s->fd, .events = POLLIN | POLLOUT };
	static char waste[65536];
	size_t at = 0;
	ssize_t n;

	for (;;) {
		poll(&p, 1, LONG);
		if (p.revents & POLLIN &&
		    recv(s->fd, waste, sizeof waste, MSG_DONTWAIT) == 0)
			return NULL;
		n = send(
		    s->fd, s->p + at, s->n - at, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n == -1 && errno != EAGAIN)
			return NULL;
		at = n > 0 ? (at + (size_t)n) % s->n : at;
	}
}

/* A connection that never stops sending does not shut out another. */
static void
test_fairness(const char *url)
{
	static struct server s;
	static char stream[1 << 20];
	int local = front_local(url), busy, other, i;
	struct sender sender;
	pthread_t thread;
	size_t n = 0;

	server_start(&s, &usual, url);
	busy = plain_open(front_url(s.front, 0));
	other = plain_open(front_url(s.front, 0));
	while (n < sizeof stream - 64)
		n += message_make(stream + n, local, 1, "abc", 3);
	sender = (struct sender){ busy, stream, n, 0 };
	pthread_create(&thread, NULL, flood, &sender);
	for (i = 0; i < 100; i++)
		plain_ask(other, local, "x", "x", "beside a busy connection");
	shutdown(busy, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(busy);
	close(other);
	server_stop(&s);
}

/*
 * Many large requests at once are slowed down, not cut off, although their
 * replies together pass the limit of memory by far.
 */
static void
test_pipelined(const char *url)
{
	enum { BODY = 1 << 20, REQUESTS = 60 };
	struct front_limits limits = usual;
	static struct server s;
	static char stream[SP_HEAD_MAX + BODY], back[SP_HEAD_MAX + BODY];
	struct sender sender;
	pthread_t thread;
	int local = front_local(url), fd, i;
	size_t n;

	limits.memory = 8 << 20;
	server_start(&s, &limits, url);
	fd = plain_open(front_url(s.front, 0));
	n = sp_head((uint8_t *)stream, local ? SP_IPC : SP_TCP,
	    (const uint8_t *)"\x80\0\0\1", 4, BODY);
	memset(stream + n, 'x', BODY);
	sender = (struct sender){ fd, stream, n + BODY, REQUESTS };
	pthread_create(&thread, NULL, send_all, &sender);
	poll(NULL, 0, 200);
	for (i = 0; i < REQUESTS; i++)
		if (plain_read(fd, back, n + BODY) != 1 ||
		    memcmp(back, stream, n + BODY) != 0)
			break;
	check(i == REQUESTS, "large requests: cut off or lost");
	pthread_join(thread, NULL);
	close(fd);
	server_stop(&s);
}

enum { MANY = 200 };

/* Each connection asks once; all are answered. */
static void
ask_round(const int *fd, int local)
{
	char text[64];
	uint32_t id;
	int i;

	for (i = 0; i < MANY; i++)
		plain_request(fd[i], local, 9, "x");
	for (i = 0; i < MANY; i++)
		if (plain_reply(fd[i], local, &id, text, sizeof text) != 1)
			break;
	check(i == MANY, "many: all are answered");
}

/*
 * Requests of many connections gather, so that the front wakes up less often;
 * those of one connection alone do not wait.
 */
static void
test_gather(const char *url)
{
	enum { ROUNDS = 10, WARM = 300000 };
	struct front_limits limits = usual;
	static struct server s;
	int local = front_local(url), fd[MANY], i;
	int64_t start;

	limits.gather = DATE_SECOND / 20;
	server_start(&s, &limits, url);
	for (i = 0; i < MANY; i++)
		fd[i] = plain_open(front_url(s.front, 0));
	for (start = date_mono(); date_mono() - start < WARM;)
		ask_round(fd, local);
	start = date_mono();
	for (i = 0; i < ROUNDS; i++)
		ask_round(fd, local);
	check(date_mono() - start > ROUNDS / 2 * limits.gather, "many: gather");
	poll(NULL, 0, 500);
	start = date_mono();
	for (i = 0; i < 4 * ROUNDS; i++)
		plain_ask(fd[0], local, "x", "x", "alone");
	check(date_mono() - start < 2 * ROUNDS * limits.gather,
	    "alone: does not wait");
	for (i = 0; i < MANY; i++)
		close(fd[i]);
	server_stop(&s);
}

/* --- limits of connections --- */

static void
test_too_many(void)
{
	struct front_limits limits = usual;
	static struct server s;
	const char *url;
	int fd[4], i;

	limits.connections = 3;
	server_start(&s, &limits, "tcp://127.0.0.1:0");
	url = front_url(s.front, 0);
	for (i = 0; i < 3; i++)
		fd[i] = plain_open(url);
	fd[3] = plain_connect(url);
	end_await(fd[3], "the fourth of three");
	reason_await(&s, "too many connections\n", "connections");
	close(fd[0]);
	/* The front has seen the close once it has answered later bytes. */
	plain_ask(fd[1], 0, "counts", "2 3 1 0", "counts");
	fd[0] = plain_open(url);
	plain_ask(fd[0], 0, "x", "x", "room again");
	for (i = 0; i < 3; i++)
		close(fd[i]);
	server_stop(&s);
}

static void
test_address(void)
{
	struct front_limits limits = usual;
	static struct server s;
	const char *url;
	int a, b, c;

	limits.address = 2;
	server_start(&s, &limits, "tcp://127.0.0.1:0");
	url = front_url(s.front, 0);
	a = plain_open(url);
	b = plain_open(url);
	c = plain_connect(url);
	end_await(c, "the third of one address");
	reason_await(&s, "too many connections of this address", "address");
	plain_ask(a, 0, "x", "x", "the others stay");
	close(a);
	close(b);
	server_stop(&s);
}

/* No descriptor left: clients are turned away, the broker lives on. */
static void
test_out_of_files(void)
{
	struct rlimit before, few;
	static struct server s;
	const char *url;
	int good, fd, low;

	server_start(&s, &usual, "tcp://127.0.0.1:0");
	url = front_url(s.front, 0);
	good = plain_open(url);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	getrlimit(RLIMIT_NOFILE, &before);
	low = dup(fd);
	close(low);
	few = (struct rlimit){ (rlim_t)low, before.rlim_max };
	setrlimit(RLIMIT_NOFILE, &few);
	{
		struct sockaddr_storage ss;
		socklen_t len = sizeof ss;

		check(getpeername(good, (struct sockaddr *)&ss, &len) == 0 &&
			connect(fd, (struct sockaddr *)&ss, len) == 0,
		    "connect: out of files");
	}
	reason_await(&s, "out of file descriptors", "starved");
	end_await(fd, "starved");
	plain_ask(good, 0, "x", "x", "others go on");
	setrlimit(RLIMIT_NOFILE, &before);
	fd = plain_open(url);
	plain_ask(fd, 0, "x", "x", "accepting again");
	close(fd);
	close(good);
	server_stop(&s);
}

/* --- the rest --- */

static void
test_names(const char *ipc)
{
	static struct server s;
	char want[64];
	int fd;

	server_start(&s, &usual, ipc);
	fd = plain_open(front_url(s.front, 0));
	snprintf(want, sizeof want, "ipc:uid=%u:pid=%d", (unsigned)getuid(),
	    (int)getpid());
	plain_ask(fd, 1, "name", want, "ipc");
	close(fd);
	server_stop(&s);
	server_start(&s, &usual, "tcp://127.0.0.1:0");
	fd = plain_open(front_url(s.front, 0));
	{
		struct sockaddr_storage ss;
		socklen_t len = sizeof ss;
		char port[NI_MAXSERV];

		getsockname(fd, (struct sockaddr *)&ss, &len);
		getnameinfo((struct sockaddr *)&ss, len, NULL, 0, port,
		    sizeof port, NI_NUMERICSERV);
		snprintf(want, sizeof want, "tcp:127.0.0.1:%s", port);
	}
	plain_ask(fd, 0, "name", want, "tcp");
	close(fd);
	server_stop(&s);
}

/* Replies queued when the broker leaves still get out. */
static void
test_drain(const char *url)
{
	static struct server s;
	int local = front_local(url), fd;
	char text[64] = "";
	uint32_t id;

	server_start(&s, &usual, url);
	fd = plain_open(front_url(s.front, 0));
	plain_request(fd, local, 5, "hold");
	plain_ask(fd, local, "x", "x", "before draining");
	server_stop(&s);
	check(plain_reply(fd, local, &id, text, sizeof text) == 1 &&
		strcmp(text, "held 0") == 0,
	    "%s: drained", text);
	end_await(fd, "drained");
}

static void
test_time_and_signal(void)
{
	struct front *f = front_new(&usual);
	struct front_event e;
	int fd = eventfd(1, EFD_CLOEXEC);
	int64_t end = date_mono() + DATE_SECOND / 50;

	check(front_next(f, &e, end) == 0 && e.kind == FRONT_TIME &&
		date_mono() >= end,
	    "FRONT_TIME: after the deadline");
	check(front_next(f, &e, 0) == 0 && e.kind == FRONT_TIME,
	    "FRONT_TIME: a deadline long passed");
	front_watch(f, fd);
	check(front_next(f, &e, INT64_MAX) == 0 && e.kind == FRONT_READABLE &&
		e.fd == fd,
	    "FRONT_READABLE: a watched descriptor");
	front_free(f);
	close(fd);
}

static long
anonymous(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[256];
	long kib = 0;

	while (fgets(line, sizeof line, status) != NULL)
		if (strncmp(line, "RssAnon:", 8) == 0)
			kib = strtol(line + 8, NULL, 10);
	fclose(status);
	return kib * 1024;
}

static void
files_raise(void)
{
	struct rlimit l;

	getrlimit(RLIMIT_NOFILE, &l);
	l.rlim_cur = l.rlim_max;
	setrlimit(RLIMIT_NOFILE, &l);
}

/* Connections that have been busy once and are idle now. */
static void
test_idle_memory(const char *url)
{
	static struct server s;
	static int fd[IDLE];
	static char text[512];
	char body[200];
	int local = front_local(url), n;
	uint32_t id;
	long before, each;

	memset(body, 'x', sizeof body - 1);
	body[sizeof body - 1] = '\0';
	server_start(&s, &usual, url);
	fd[0] = plain_open(front_url(s.front, 0));
	plain_ask(fd[0], local, body, body, "before");
	before = anonymous();
	for (n = 1; n < IDLE; n++)
		if ((fd[n] = plain_open(front_url(s.front, 0))) == -1 ||
		    plain_request(fd[n], local, 1, body) == -1 ||
		    plain_reply(fd[n], local, &id, text, sizeof text) != 1)
			break;
	each = (anonymous() - before) / n;
	printf("test_front: %d idle connections: %ld bytes each\n", n, each);
	check(n == IDLE, "2,000 connections: raise ulimit -n to 4,200");
	check(each <= IDLE_MAX, "idle connections: too much memory each");
	while (n > 0)
		close(fd[--n]);
	server_stop(&s);
}

/* Replies to requests held meanwhile come all at once: too many. */
static void
test_too_much(const char *url)
{
	struct front_limits limits = usual;
	static struct server s;
	int local = front_local(url), fd, good, i;
	char c;

	limits.memory = 4 << 20;
	server_start(&s, &limits, url);
	s.big = 1 << 20;
	good = plain_open(front_url(s.front, 0));
	fd = plain_open(front_url(s.front, 0));
	for (i = 0; i < 40; i++)
		plain_request(fd, local, 1, "hold");
	/* Its answer says that those before it are held. */
	plain_request(fd, local, 1, "x");
	plain_read(fd, &c, 1);
	plain_ask(good, local, "release", "released", "release");
	reason_await(&s, "too many unread replies", "held replies");
	end_await(fd, "too many unread replies");
	plain_ask(good, local, "x", "x", "others go on");
	close(good);
	server_stop(&s);
}

static void
test_limits(const char *url)
{
	struct front_limits limits = usual;

	limits.write_time = DATE_SECOND / 4;
	test_unread(url, &limits, "does not read its replies");
	test_too_much(url);
}

int
main(void)
{
	const char *tcp = "tcp://127.0.0.1:0";
	char ipc[64];

	if (mkdtemp(dir) == NULL)
		return 1;
	files_raise();
	snprintf(ipc, sizeof ipc, "ipc://%s/s", dir);
	test_idle_memory(ipc);
	test_refused_urls();
	test_socket_file();
	test_tcp_addresses();
	test_time_and_signal();
	test_names(ipc);
	test_malformed(tcp);
	test_cuts(tcp);
	test_cuts(ipc);
	test_hops(tcp);
	test_deadlines(tcp);
	test_limits(tcp);
	test_limits(ipc);
	test_backpressure(ipc);
	test_backpressure(tcp);
	test_pipelined(ipc);
	test_pipelined(tcp);
	test_gather(ipc);
	test_fairness(ipc);
	test_fairness(tcp);
	test_too_many();
	test_address();
	test_out_of_files();
	test_drain(ipc);
	test_drain(tcp);
	test_nng(ipc);
	test_nng(tcp);
	rmdir(dir);
	return check_done();
}

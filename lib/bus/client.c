#include "bus/client.h"

#include <errno.h>
#include <netdb.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "bus/proxy.h"
#include "bus/tunnel.h"
#include "bus/url.h"
#include "trust/cert.h"
#include "trust/channel.h"

enum {
	REDIAL_MIN = 50000,		/* us: first pause */
	REDIAL_MAX = 5 * DATE_SECOND,	/* longest pause */
	HEALTHY = 10 * DATE_SECOND,	/* a connection this old resets it */
	DIAL_TIME = 3 * DATE_SECOND,	/* for the peer to accept and greet */
	HELLO_TIME = 5 * DATE_SECOND,	/* for its answer to hello */
	PROXY_TIME = 10 * DATE_SECOND,	/* for a proxy to reach it */
	CLOSE_TIME = DATE_SECOND / 5,	/* for the library to close */
	DENIED_TIME = 60 * DATE_SECOND, /* until a URL is asked again */
	RENEW = 120,	/* s before a session's end: a quiet moment is sought */
	RELOAD = 7200,	/* s before a certificate's end: is there a new one? */
	SP_HEADER = 64, /* request id and slack */
	WHY_MAX = 1024
};

/* One request in flight, or idle and waiting for the next. */
struct request {
	struct client *c;
	nng_ctx ctx;
	nng_aio *send, *recv;
	uint64_t tag, number; /* number: in the session */
	int busy, has_ctx, dropped;
	struct request *next; /* in the queue of answered ones */
};

/* A broker of the list. */
struct place {
	struct url url;
	int64_t shun; /* date_mono time: not before then; it denied */
};

/*
 * What the library's threads and the connector share is under the lock; the
 * rest belongs to the caller's thread, or to the connector's while that runs:
 * it begins when nothing is in flight and ends before anything is sent.
 */
struct client {
	pthread_mutex_t lock;
	pthread_cond_t change;
	int refs; /* the caller, and each socket that is being closed */
	nng_socket sock;
	int has_sock, has_pipe, lost;
	int pipe;
	struct request *done, **done_tail;
	int armed, rung;      /* the caller waits; wake_fd is set */
	int answered;	      /* hello */
	int finished, result; /* of the connector; 0 or an errno */
	int stop;	      /* the connector shall end */
	char why[WHY_MAX];

	int wake_fd;
	int stop_fd; /* readable: stop */
	struct proxy proxy;
	struct tunnel *tunnel;
	pthread_t connector;
	int connecting, connected;
	struct client_config config;
	struct place *place;
	size_t nplace, at, current;
	int64_t retry, pause, since;
	char name[WIRE_NAME_MAX + 1]; /* from hello */
	char broker[WIRE_NAME_MAX + 1];
	unsigned generation;
	struct request **request;
	size_t nrequest, busy;
	struct channel *channel; /* of the connection; NULL: plain */
	uint64_t number;	 /* of its last request */
	int64_t renew, end;	 /* date_mono times: may, has to be renewed */
	int unwanted;		 /* a broker of ours refused our certificate */
	char said[WHY_MAX - URL_MAX]; /* of the attempt that failed */
	nng_msg *held;		      /* of the reply last given */
	struct buf plain;	      /* the same, deciphered */
	const char *last_why;
	char last_text[WHY_MAX];
};

/* Under the lock: end the caller's wait, if it waits. */
static void
wake(struct client *c)
{
	const uint64_t one = 1;
	ssize_t wrote;

	if (!c->armed)
		return;
	c->armed = 0;
	c->rung = 1;
	wrote = write(c->wake_fd, &one, sizeof one);
	(void)wrote;
}

/* A reply has come, or its connection is gone. */
static void
on_answer(void *arg)
{
	struct request *r = arg;
	struct client *c = r->c;

	pthread_mutex_lock(&c->lock);
	r->next = NULL;
	*c->done_tail = r;
	c->done_tail = &r->next;
	wake(c);
	pthread_mutex_unlock(&c->lock);
}

/*
 * A socket lives for one connection: a second pipe would take requests that
 * were meant for the first.
 */
static void
on_pipe(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
	struct client *c = arg;
	int id = nng_socket_id(nng_pipe_socket(pipe));
	int refuse = 0;

	pthread_mutex_lock(&c->lock);
	if (event == NNG_PIPE_EV_ADD_PRE) {
		refuse =
		    !c->has_sock || c->has_pipe || id != nng_socket_id(c->sock);
		if (!refuse) {
			c->pipe = nng_pipe_id(pipe);
			c->has_pipe = 1;
		}
	} else if (c->has_pipe && nng_pipe_id(pipe) == c->pipe) {
		c->lost = 1;
		wake(c);
	}
	pthread_mutex_unlock(&c->lock);
	if (refuse)
		nng_pipe_close(pipe);
}

/* Wait under the lock until a change or the deadline: 0 or ETIMEDOUT. */
static int
await_change(struct client *c, int64_t deadline)
{
	struct timespec at = { .tv_sec = deadline / DATE_SECOND,
		.tv_nsec = deadline % DATE_SECOND * 1000 };

	return pthread_cond_timedwait(&c->change, &c->lock, &at);
}

/* Sleep; 1 if the connector shall end. */
static int
pause_until(struct client *c, int64_t deadline)
{
	int stop;

	pthread_mutex_lock(&c->lock);
	while (!c->stop && date_mono() < deadline)
		await_change(c, deadline);
	stop = c->stop;
	pthread_mutex_unlock(&c->lock);
	return stop;
}

/* The numeric URL of an address. */
static void
number_url(char *out, size_t n, const struct addrinfo *a)
{
	char host[128], port[16];

	if (getnameinfo(a->ai_addr, a->ai_addrlen, host, sizeof host, port,
		sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		*out = '\0';
	else if (a->ai_family == AF_INET6)
		snprintf(out, n, "tcp://[%s]:%s", host, port);
	else
		snprintf(out, n, "tcp://%s:%s", host, port);
}

/* Signals are for the caller's thread: neither ours nor the library's. */
static int
start_thread(pthread_t *thread, void *(*run)(void *), void *arg)
{
	sigset_t all, old;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return error;
}

/* The last of those who know it, the library's threads among them. */
static void
client_unref(struct client *c)
{
	int refs;

	pthread_mutex_lock(&c->lock);
	refs = --c->refs;
	pthread_cond_broadcast(&c->change);
	pthread_mutex_unlock(&c->lock);
	if (refs > 0)
		return;
	pthread_cond_destroy(&c->change);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

struct closing {
	struct client *c;
	nng_socket sock;
};

static void *
close_socket(void *arg)
{
	struct closing *closing = arg;

	nng_close(closing->sock);
	client_unref(closing->c);
	free(closing);
	return NULL;
}

/*
 * Drop the connector's socket, which no request uses (any more).  In nng 1.5
 * closing never returns if it meets a long message that is just coming in
 * (it waits for the end of a receive that nobody will report), so nobody
 * waits for it; the connection itself is shut down at once.
 */
static void
drop_socket(struct client *c)
{
	struct closing *closing;
	pthread_t thread;
	int has;

	pthread_mutex_lock(&c->lock);
	has = c->has_sock;
	c->has_sock = 0;
	c->has_pipe = c->lost = 0;
	c->refs += has;
	pthread_mutex_unlock(&c->lock);
	tunnel_close(c->tunnel);
	c->tunnel = NULL;
	if (!has)
		return;
	closing = xmalloc(sizeof *closing);
	*closing = (struct closing){ c, c->sock };
	if (start_thread(&thread, close_socket, closing) == 0)
		pthread_detach(thread);
	else
		close_socket(closing);
}

/* A new socket with its options set: 0 or an NNG error. */
static int
open_socket(nng_socket *sock, struct client *c)
{
	const nng_duration never = 3600 * 1000;
	int rv = nng_req0_open(sock);

	if (rv != 0)
		return rv;
	pthread_mutex_lock(&c->lock);
	c->sock = *sock;
	c->has_sock = 1;
	pthread_mutex_unlock(&c->lock);
	if ((rv = nng_socket_set_ms(*sock, NNG_OPT_REQ_RESENDTIME, -1)) ||
	    (rv = nng_socket_set_size(*sock, NNG_OPT_RECVMAXSZ,
		 channel_sealed(WIRE_MESSAGE_MAX) + SP_HEADER)) ||
	    (rv = nng_socket_set_ms(*sock, NNG_OPT_RECONNMINT, never)) ||
	    (rv = nng_socket_set_ms(*sock, NNG_OPT_RECONNMAXT, never)) ||
	    (rv = nng_socket_set_ms(
		 *sock, NNG_OPT_SENDTIMEO, HELLO_TIME / 1000)) ||
	    (rv = nng_pipe_notify(*sock, NNG_PIPE_EV_ADD_PRE, on_pipe, c)) ||
	    (rv = nng_pipe_notify(*sock, NNG_PIPE_EV_REM_POST, on_pipe, c)))
		return rv;
	return 0;
}

/*
 * The library dials in the background without saying why it fails, and in
 * the foreground without a limit: so the foreground of a thread of its own,
 * which ends when the socket is closed.
 */
struct dial {
	struct client *c;
	const char *url;
	int done, error;
};

static void *
dial_in_foreground(void *arg)
{
	struct dial *d = arg;
	int error = nng_dial(d->c->sock, d->url, NULL, 0);

	pthread_mutex_lock(&d->c->lock);
	d->done = 1;
	d->error = error;
	pthread_cond_broadcast(&d->c->change);
	pthread_mutex_unlock(&d->c->lock);
	return NULL;
}

/* Wait for the dialling thread: 0 or an errno. */
static int
await_dial(struct client *c, struct dial *d)
{
	int64_t deadline = date_mono() + DIAL_TIME;
	int error = 0;

	pthread_mutex_lock(&c->lock);
	while (!d->done && !c->stop && error == 0)
		error = await_change(c, deadline);
	if (d->done)
		error = 0;
	else if (c->stop)
		error = ECANCELED;
	pthread_mutex_unlock(&c->lock);
	return error;
}

static int
nng_errno(int error)
{
	switch (error) {
	case 0: return 0;
	case NNG_ECONNREFUSED: return ECONNREFUSED;
	case NNG_ENOENT: return ENOENT;
	case NNG_EADDRINVAL: return EHOSTUNREACH;
	case NNG_EPROTO: return EPROTO;
	case NNG_EPERM: return EPERM;
	case NNG_ENOMEM: return ENOMEM;
	case NNG_ETIMEDOUT: return ETIMEDOUT;
	default: return ECONNRESET;
	}
}

/* A socket connected to url: 0 or an errno. */
static int
dial(struct client *c, const char *url)
{
	struct dial d = { .c = c, .url = url };
	nng_socket sock;
	pthread_t thread;
	int error;

	error = nng_errno(open_socket(&sock, c));
	if (error == 0)
		error = pthread_create(&thread, NULL, dial_in_foreground, &d);
	if (error != 0) {
		drop_socket(c);
		return error;
	}
	error = await_dial(c, &d);
	if (error != 0)
		drop_socket(c);
	pthread_join(thread, NULL);
	if (error == 0 && d.error != 0) {
		error = nng_errno(d.error);
		drop_socket(c);
	}
	return error;
}

/*
 * Dial a host's addresses in turn, because the library takes the first alone:
 * 0 or an errno.
 */
static int
dial_host(struct client *c, const struct url *url)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list, *a;
	char numeric[URL_MAX];
	int error = EHOSTUNREACH;

	if (getaddrinfo(url->host, url->port, &hints, &list) != 0)
		return EHOSTUNREACH;
	for (a = list; a != NULL && error != 0 && error != ECANCELED;
	     a = a->ai_next) {
		number_url(numeric, sizeof numeric, a);
		error = dial(c, numeric);
	}
	freeaddrinfo(list);
	return error;
}

static int say(struct client *c, int error, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Keep what there is to say of an attempt that fails: error. */
static int
say(struct client *c, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->said, sizeof c->said, fmt, ap);
	va_end(ap);
	return error;
}

/* Through the proxy, which resolves the name: 0 or an errno. */
static int
dial_proxy(struct client *c, const struct url *url)
{
	const char *why;

	c->tunnel = tunnel_open(&c->proxy, c->config.proxy_auth, url,
	    date_mono() + PROXY_TIME, c->stop_fd, &why);
	if (c->tunnel == NULL)
		return say(c, errno, "%s", why);
	return dial(c, tunnel_url(c->tunnel));
}

static int
dial_url(struct client *c, const struct url *url)
{
	if (!url->tcp)
		return dial(c, url->dial);
	return c->config.proxy != NULL ? dial_proxy(c, url) : dial_host(c, url);
}

/* An answer that is no. */
static int
read_refusal(struct client *c, const struct wire_reply *reply)
{
	struct buf why = { 0 };

	if (reply->why.kind == JSON_STRING)
		json_text(&reply->why, &why);
	else
		buf_adds(&why, reply->error);
	if (strcmp(reply->error, "bad") != 0)
		say(c, 0, "%s", buf_cstr(&why));
	buf_fini(&why);
	return strcmp(reply->error, "denied") == 0 ? EACCES
	    : strcmp(reply->error, "bad") == 0	   ? EPROTO
						   : EAGAIN;
}

/* The broker's answer to hello: 0 and its name, or an errno. */
static int
read_hello(struct client *c, const char *p, size_t n)
{
	struct wire_reply reply;
	struct json_value name;
	const char *why;

	if (wire_reply_parse(&reply, p, n, &why) < 0)
		return EPROTO;
	if (!reply.ok)
		return read_refusal(c, &reply);
	if (!json_get(&reply.header, "name", &name) ||
	    name.kind != JSON_STRING || name.escaped ||
	    !wire_name_check(name.p, name.n))
		return EPROTO;
	memcpy(c->name, name.p, name.n);
	c->name[name.n] = '\0';
	return 0;
}

static void
on_exchange(void *arg)
{
	struct client *c = arg;

	pthread_mutex_lock(&c->lock);
	c->answered = 1;
	pthread_cond_broadcast(&c->change);
	pthread_mutex_unlock(&c->lock);
}

/* Receive an answer unless the connector shall end: 0 or an errno. */
static int
receive_answer(struct client *c, nng_aio *aio, nng_msg **answer)
{
	nng_aio_set_timeout(aio, HELLO_TIME / 1000);
	c->answered = 0;
	nng_recv_aio(c->sock, aio);
	pthread_mutex_lock(&c->lock);
	while (!c->answered && !c->stop)
		pthread_cond_wait(&c->change, &c->lock);
	pthread_mutex_unlock(&c->lock);
	nng_aio_cancel(aio);
	nng_aio_wait(aio);
	switch (nng_aio_result(aio)) {
	case 0: *answer = nng_aio_get_msg(aio); return 0;
	case NNG_ECANCELED: return ECANCELED;
	case NNG_ETIMEDOUT: return ETIMEDOUT;
	default: return ECONNRESET;
	}
}

/* The connector's own request and its answer, which is the caller's to free. */
static int
exchange(struct client *c, const struct buf *msg, nng_msg **answer)
{
	nng_aio *aio;
	int error;

	if (nng_send(c->sock, msg->p, msg->len, 0) != 0 ||
	    nng_aio_alloc(&aio, on_exchange, c) != 0)
		return ECONNRESET;
	error = receive_answer(c, aio, answer);
	nng_aio_free(aio);
	return error;
}

/* Why there is no session, with what helps against it. */
static int
deny(struct client *c, const struct url *url, const char *why)
{
	const struct cert *peer = channel_peer(c->channel);

	if (peer == NULL || peer->role != CERT_BROKER || url->name[0] == '\0' ||
	    cert_named(peer, url->name))
		return say(c, EACCES, "%s", why);
	return say(c, EACCES,
	    "the broker is \"%s\", its certificate does not name %s: dial "
	    "%.6s%s@%s",
	    peer->subject, url->name, url->dial, peer->name[0], url->dial + 6);
}

/*
 * One step of the handshake with the answer to the last: CHANNEL_DENIED with
 * an errno in *error.
 */
static enum channel_result
shake_hands(struct client *c, const struct url *url, nng_msg *answer,
    struct buf *out, int *error)
{
	const char *p = nng_msg_body(answer), *why;
	size_t n = nng_msg_len(answer);
	enum channel_result result;

	/* Whoever has no sessions says so in plain text, or is a stranger. */
	if (!channel_frame(p, n)) {
		*error = read_hello(c, p, n);
		if (*error == 0)
			*error = EPROTO;
		return CHANNEL_DENIED;
	}
	result =
	    channel_step(c->channel, p, n, date_now() / DATE_SECOND, out, &why);
	if (result == CHANNEL_DENIED)
		*error = deny(c, url, why);
	return result;
}

/* The date_mono() times at which the session may and has to be replaced. */
static void
set_life(struct client *c)
{
	int64_t now = date_mono(), left;

	left = channel_expires(c->channel) - date_now() / DATE_SECOND;
	c->renew = c->end = INT64_MAX;
	/* A new one would end with the same certificate. */
	if (left <= RENEW)
		return;
	c->renew = now + (left - RENEW) * DATE_SECOND;
	c->end = now + left * DATE_SECOND;
}

/* Authenticate each other: 0 or an errno. */
static int
handshake(struct client *c, const struct url *url)
{
	enum channel_result result = CHANNEL_SEND;
	struct buf out = { 0 };
	nng_msg *answer;
	int error = 0, answers = 0;

	channel_free(c->channel);
	c->number = 0;
	c->channel = channel_dial(
	    c->config.identity, url->name[0] != '\0' ? url->name : NULL);
	channel_start(c->channel, &out);
	while (result == CHANNEL_SEND && error == 0) {
		error = exchange(c, &out, &answer);
		buf_clear(&out);
		if (error == ECONNRESET)
			say(c, error,
			    "it hung up at the handshake: another "
			    "pre-shared key (psk)?");
		if (error != 0)
			break;
		result = shake_hands(c, url, answer, &out, &error);
		nng_msg_free(answer);
		answers++;
	}
	buf_fini(&out);
	if (error == 0)
		set_life(c);
	/* The first is the broker's certificate, the second its word on ours.
	 */
	if (error == EACCES && answers == 2)
		c->unwanted = 1;
	return error;
}

/*
 * A certificate that is about to end may have been renewed.  Also before it
 * is used at all, so that one which has ended bothers no broker.
 */
static int
refresh_identity(struct client *c)
{
	const struct identity_options *given = c->config.given;
	struct identity *id = c->config.identity;
	int status = EXIT_CONFIG;
	const char *why;

	if (id == NULL || given == NULL ||
	    id->cert->exp - date_now() / DATE_SECOND > RELOAD ||
	    identity_renew(id, given, &status, &why) >= 0 ||
	    status != EXIT_DENIED)
		return 0;
	c->unwanted = 1;
	return say(c, EACCES, "%s", why);
}

/* A request of a session as it goes out, in out[0..channel_sealed()). */
static void
seal_request(struct client *c, uint64_t number, const struct buf *head,
    const void *p, size_t n, void *out)
{
	const struct channel_piece piece[2] = { { head->p, head->len },
		{ p, n } };

	channel_seal(c->channel, number, piece, n > 0 ? 2 : 1, out);
}

/*
 * The text of a reply, in *p until the next one: 0, or -1 if it is not the
 * broker's answer to that request of the session.
 */
static int
open_reply(struct client *c, uint64_t number, nng_msg *msg, const char **p,
    size_t *len)
{
	uint64_t request;
	int64_t n;

	*p = nng_msg_body(msg);
	*len = nng_msg_len(msg);
	if (c->channel == NULL)
		return 0;
	buf_clear(&c->plain);
	n = channel_open(
	    c->channel, *p, *len, &request, buf_room(&c->plain, *len));
	if (n < 0 || request != number)
		return -1;
	*p = c->plain.p;
	*len = (size_t)n;
	return 0;
}

static int
hello(struct client *c)
{
	struct buf text = { 0 }, sealed = { 0 };
	const char *p;
	nng_msg *answer;
	size_t n;
	int error;

	wire_hello(&text);
	c->number++;
	if (c->channel != NULL) {
		n = channel_sealed(text.len);
		seal_request(
		    c, c->number, &text, NULL, 0, buf_room(&sealed, n));
		sealed.len = n;
	}
	error = exchange(c, c->channel != NULL ? &sealed : &text, &answer);
	buf_fini(&text);
	buf_fini(&sealed);
	if (error != 0)
		return error;
	error = open_reply(c, c->number, answer, &p, &n) == 0
	    ? read_hello(c, p, n)
	    : ECONNRESET;
	nng_msg_free(answer);
	return error;
}

/* One attempt at one URL: 0 or an errno. */
static int
attempt(struct client *c, const struct url *url)
{
	int error;

	c->said[0] = '\0';
	error = refresh_identity(c);
	if (error == 0)
		error = dial_url(c, url);
	if (error == 0 && c->config.identity != NULL)
		error = handshake(c, url);
	if (error == 0)
		error = hello(c);
	if (error != 0)
		drop_socket(c);
	return error;
}

/* The next pause: decorrelated jitter between the bounds. */
static int64_t
next_pause(int64_t last)
{
	uint64_t random = 0;
	int64_t most = last < REDIAL_MIN ? 3 * REDIAL_MIN : 3 * last;
	ssize_t got;

	got = getrandom(&random, sizeof random, GRND_NONBLOCK);
	(void)got;
	most = REDIAL_MIN + (int64_t)(random % (uint64_t)(most - REDIAL_MIN));
	return most < REDIAL_MAX ? most : REDIAL_MAX;
}

/* Why an attempt failed, in words. */
static const char *
reason(int error)
{
	switch (error) {
	case EPROTO: return "not a broker of ours";
	case EACCES: return "denied";
	case ENOENT: return "no such socket";
	case EHOSTUNREACH: return "no such host or no route";
	case EAGAIN: return "broker is busy";
	default: return strerror(error);
	}
}

static void
explain(struct client *c, const char *url, int error)
{
	pthread_mutex_lock(&c->lock);
	snprintf(c->why, sizeof c->why, "%s%s: %s",
	    error == EACCES ? "" : "no broker: ", url,
	    c->said[0] != '\0' ? c->said : reason(error));
	pthread_mutex_unlock(&c->lock);
}

/* 1 if one of the list is left alone for a while. */
static int
any_shunned(const struct client *c)
{
	for (size_t i = 0; i < c->nplace; i++)
		if (date_mono() < c->place[i].shun)
			return 1;
	return 0;
}

/*
 * Each URL once, from the current one on: 0, or EACCES, EPROTO if none of
 * them will ever do, else ETIMEDOUT.
 */
static int
round_of_urls(struct client *c)
{
	size_t hopeless = 0;
	int error, last = ETIMEDOUT;
	/* A denial is the better reason than that others are away. */
	int denied = any_shunned(c);

	c->unwanted = 0;
	for (size_t i = 0; i < c->nplace; i++) {
		struct place *place = &c->place[c->at];

		error = EACCES;
		if (date_mono() >= place->shun) {
			error = attempt(c, &place->url);
			if (error == 0 || error == ECANCELED)
				return error;
			if (!denied)
				explain(c, place->url.text, error);
			denied |= error == EACCES;
		}
		if (error == EACCES && place->shun <= date_mono())
			place->shun = date_mono() + DENIED_TIME;
		if (error == EACCES || error == EPROTO) {
			hopeless++;
			last = error;
		}
		c->at = (c->at + 1) % c->nplace;
	}
	return c->unwanted ? EACCES : hopeless == c->nplace ? last : ETIMEDOUT;
}

/*
 * Who was let in before may be let in again, by a broker whose own certificate
 * had ended; not so if it is ours that is refused.
 */
static int
may_wait(const struct client *c, int error, int64_t deadline)
{
	return error == ETIMEDOUT ||
	    (error == EACCES && c->generation > 0 && !c->unwanted &&
		deadline - date_mono() > DENIED_TIME);
}

/* Connect within the time given: 0 or an errno. */
static int
connect_by(struct client *c, int64_t deadline)
{
	int64_t now = date_mono();
	int error;

	if (now - c->since > HEALTHY)
		c->pause = 0;
	else if (c->generation > 0)
		c->pause = next_pause(c->pause);
	if (pause_until(c, now + c->pause))
		return ECANCELED;
	for (;;) {
		error = round_of_urls(c);
		if (!may_wait(c, error, deadline))
			return error;
		c->pause = next_pause(c->pause);
		now = date_mono();
		if (now >= deadline)
			return ETIMEDOUT;
		if (pause_until(c,
			now + c->pause < deadline ? now + c->pause : deadline))
			return ECANCELED;
	}
}

static void *
connector(void *arg)
{
	struct client *c = arg;
	int64_t retry;
	int error;

	drop_socket(c);
	pthread_mutex_lock(&c->lock);
	retry = c->retry;
	pthread_mutex_unlock(&c->lock);
	error = connect_by(c, date_mono() + retry);
	pthread_mutex_lock(&c->lock);
	c->finished = 1;
	c->result = error;
	wake(c);
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

static void
start_connector(struct client *c)
{
	int error = start_thread(&c->connector, connector, c);

	if (error != 0) {
		c->finished = 1;
		c->result = error;
		return;
	}
	c->connecting = 1;
}

static void
stop_connector(struct client *c)
{
	const uint64_t one = 1;
	ssize_t wrote;

	if (!c->connecting)
		return;
	pthread_mutex_lock(&c->lock);
	c->stop = 1;
	pthread_cond_broadcast(&c->change);
	pthread_mutex_unlock(&c->lock);
	wrote = write(c->stop_fd, &one, sizeof one);
	(void)wrote;
	pthread_join(c->connector, NULL);
	c->connecting = 0;
}

/* Nothing of a request is in the library's hands after this. */
static void
settle(struct request *r)
{
	nng_msg *msg;

	nng_aio_wait(r->send);
	msg = nng_aio_result(r->send) != 0 ? nng_aio_get_msg(r->send) : NULL;
	if (msg != NULL)
		nng_msg_free(msg);
	nng_aio_set_msg(r->send, NULL);
}

/* An idle request with a context of this connection, or NULL. */
static struct request *
idle_request(struct client *c)
{
	struct request *r;
	size_t i;

	for (i = 0; i < c->nrequest && c->request[i]->busy; i++)
		;
	if (i == c->nrequest) {
		r = xcalloc(1, sizeof *r);
		r->c = c;
		if (nng_aio_alloc(&r->send, NULL, NULL) != 0 ||
		    nng_aio_alloc(&r->recv, on_answer, r) != 0)
			die(EXIT_BUG, "out of memory");
		c->request = xrealloc(c->request, (i + 1) * sizeof *c->request);
		c->request[c->nrequest++] = r;
	}
	r = c->request[i];
	if (!r->has_ctx && nng_ctx_open(&r->ctx, c->sock) != 0)
		return NULL;
	r->has_ctx = 1;
	return r;
}

/* A message of two parts, in the session if there is one. */
static nng_msg *
make_message(struct client *c, uint64_t number, struct buf *head, const void *p,
    size_t n)
{
	nng_msg *msg;
	size_t total = head->len + n;

	if (nng_msg_alloc(
		&msg, c->channel != NULL ? channel_sealed(total) : total) != 0)
		die(EXIT_BUG, "out of memory");
	if (c->channel != NULL) {
		seal_request(c, number, head, p, n, nng_msg_body(msg));
		return msg;
	}
	memcpy(nng_msg_body(msg), head->p, head->len);
	if (n > 0)
		memcpy((char *)nng_msg_body(msg) + head->len, p, n);
	return msg;
}

int
client_send_lines(
    struct client *c, uint64_t tag, struct buf *head, const void *p, size_t n)
{
	struct request *r;

	errno = EAGAIN;
	if (!c->connected || (r = idle_request(c)) == NULL)
		return -1;
	settle(r);
	r->tag = tag;
	r->busy = 1;
	r->dropped = 0;
	c->busy++;
	r->number = ++c->number;
	nng_aio_set_msg(r->send, make_message(c, r->number, head, p, n));
	buf_clear(head);
	nng_ctx_send(r->ctx, r->send);
	nng_ctx_recv(r->ctx, r->recv);
	return 0;
}

int
client_send(struct client *c, uint64_t tag, struct buf *msg)
{
	return client_send_lines(c, tag, msg, NULL, 0);
}

/*
 * The connection is gone: what still waits for its answer gets none.  Closing
 * the context is the one way that ends both halves of a request in every
 * version of the library.
 */
static void
close_contexts(struct client *c)
{
	struct request *r;
	size_t i;

	for (i = 0; i < c->nrequest; i++) {
		r = c->request[i];
		if (r->has_ctx)
			nng_ctx_close(r->ctx);
		r->has_ctx = 0;
	}
}

/* One request that failed says as much as the end of the pipe. */
static void
leave(struct client *c)
{
	if (c->connected)
		close_contexts(c);
	c->connected = 0;
}

/* Every callback has returned after this. */
static void
settle_all(struct client *c)
{
	size_t i;

	for (i = 0; i < c->nrequest; i++) {
		nng_aio_wait(c->request[i]->recv);
		settle(c->request[i]);
	}
}

/* What the threads have left for the caller. */
struct news {
	struct request *done;
	int lost, finished;
};

static struct news
take_news(struct client *c)
{
	struct news news;
	uint64_t count;
	ssize_t got;

	pthread_mutex_lock(&c->lock);
	if (c->rung) {
		got = read(c->wake_fd, &count, sizeof count);
		(void)got;
	}
	c->rung = 0;
	news.done = c->done;
	if (c->done != NULL && (c->done = c->done->next) == NULL)
		c->done_tail = &c->done;
	news.lost = c->lost && c->connected;
	news.finished = c->finished;
	c->armed = news.done == NULL && !news.lost && !news.finished;
	pthread_mutex_unlock(&c->lock);
	return news;
}

/* Give the caller an answered request: 1, 0 if nobody waits for it, or -1. */
static int
give_answer(struct client *c, struct request *r, struct client_event *event)
{
	int lost = nng_aio_result(r->recv) != 0;
	const char *p;
	size_t n;

	r->busy = 0;
	c->busy--;
	event->tag = r->tag;
	event->result = lost ? CLIENT_LOST : CLIENT_REPLY;
	if (lost) {
		leave(c);
		return !r->dropped;
	}
	if (r->dropped) {
		nng_msg_free(nng_aio_get_msg(r->recv));
		return 0;
	}
	c->held = nng_aio_get_msg(r->recv);
	if (open_reply(c, r->number, c->held, &p, &n) < 0) {
		event->result = CLIENT_LOST;
		leave(c);
		return 1;
	}
	if (wire_reply_parse(&event->reply, p, n, &c->last_why) == 0)
		return 1;
	errno = EPROTO;
	return -1;
}

/* The connector has ended: 1 connected, or -1 with errno. */
static int
give_connection(struct client *c, struct client_event *event)
{
	if (c->connecting)
		pthread_join(c->connector, NULL);
	c->connecting = 0;
	pthread_mutex_lock(&c->lock);
	c->finished = 0;
	memcpy(c->last_text, c->why, sizeof c->last_text);
	pthread_mutex_unlock(&c->lock);
	if (c->result != 0) {
		c->last_why = c->last_text;
		errno = c->result;
		return -1;
	}
	c->connected = 1;
	c->current = c->at;
	memcpy(c->broker, c->name, sizeof c->broker);
	c->since = date_mono();
	c->generation++;
	event->result = CLIENT_CONNECTED;
	event->tag = 0;
	return 1;
}

/* A session that is to be replaced by a new one, if possible between requests.
 */
static int
outlived(const struct client *c)
{
	int64_t now;

	if (!c->connected || c->channel == NULL || c->renew == INT64_MAX)
		return 0;
	now = date_mono();
	return now >= c->end || (now >= c->renew && c->busy == 0);
}

/* One step: 1 something to give, 0 go on, 2 nothing to do now, or -1. */
static int
step(struct client *c, struct client_event *event)
{
	struct news news = take_news(c);

	if (news.done != NULL)
		return give_answer(c, news.done, event);
	if (news.finished)
		return give_connection(c, event);
	if (news.lost || outlived(c)) {
		leave(c);
		return 0;
	}
	if (!c->connected && !c->connecting && c->busy == 0) {
		settle_all(c);
		start_connector(c);
		return 0;
	}
	return 2;
}

/* Sleep until something comes: 1, 0 at the deadline, -1 at a signal. */
static int
await_news(struct client *c, int64_t deadline)
{
	struct pollfd fds[2] = {
		{ .fd = c->wake_fd, .events = POLLIN },
		{ .fd = app_signal_fd(), .events = POLLIN },
	};
	int64_t left = deadline - date_mono();
	struct timespec wait = { .tv_sec = left / DATE_SECOND,
		.tv_nsec = left % DATE_SECOND * 1000 };
	int n;

	if (left <= 0)
		return 0;
	n = ppoll(fds, 2, &wait, NULL);
	if (n > 0 && fds[1].revents != 0) {
		errno = EINTR;
		n = -1;
	}
	if (n < 0)
		c->last_why = "interrupted";
	return n;
}

int
client_next(struct client *c, struct client_event *event, int64_t deadline)
{
	int did;

	if (c->held != NULL)
		nng_msg_free(c->held);
	c->held = NULL;
	event->result = CLIENT_NONE;
	for (;;) {
		did = step(c, event);
		if (did == 1)
			return 0;
		if (did == 2)
			did = deadline == 0 ? 0 : await_news(c, deadline);
		else if (did == 0)
			continue;
		if (did < 0)
			return -1;
		if (did == 0) {
			event->result = CLIENT_NONE;
			return 0;
		}
	}
}

/* Nobody waits any longer for what is in flight. */
static void
drop_requests(struct client *c)
{
	size_t i;

	for (i = 0; i < c->nrequest; i++)
		c->request[i]->dropped = c->request[i]->busy;
}

int
client_call(struct client *c, struct buf *msg, struct client_event *event,
    int64_t deadline)
{
	struct buf head = { 0 };
	int due = 1;

	for (;;) {
		if (due) {
			buf_clear(&head);
			buf_add(&head, msg->p, msg->len);
			due = client_send(c, 0, &head) < 0;
		}
		if (client_next(c, event, deadline) < 0)
			break;
		if (event->result == CLIENT_REPLY) {
			buf_clear(msg);
			buf_fini(&head);
			return 0;
		}
		if (event->result == CLIENT_NONE) {
			errno = ETIMEDOUT;
			break;
		}
		due = 1;
	}
	drop_requests(c);
	buf_fini(&head);
	return -1;
}

/* 0, or an errno with *why. */
static int
check_url(const struct client *c, struct url *url, const char *p, size_t n,
    const char **why)
{
	*why = url_parse(url, p, n);
	if (*why != NULL)
		return EINVAL;
	if (!url->tcp || c->config.identity != NULL || c->config.insecure)
		return 0;
	*why = "everybody on the way could read and alter it: give a key (-k)"
	       " or --insecure";
	return ENOKEY;
}

/* Cut "URL,URL" into checked pieces: 0, or an errno with *why. */
static int
split_urls(struct client *c, const char *urls, const char **why)
{
	static char text[WHY_MAX];
	struct place *place;
	size_t n;
	int error;

	for (;;) {
		n = strcspn(urls, ",");
		c->place =
		    xrealloc(c->place, (c->nplace + 1) * sizeof *c->place);
		place = &c->place[c->nplace++];
		*place = (struct place){ .shun = 0 };
		error = check_url(c, &place->url, urls, n, why);
		if (error != 0) {
			snprintf(text, sizeof text, "%.*s: %s",
			    n < URL_MAX ? (int)n : URL_MAX, urls, *why);
			*why = text;
			return error;
		}
		if (urls[n] == '\0')
			return 0;
		urls += n + 1;
	}
}

static int
check_proxy(struct client *c, const char **why)
{
	static char text[WHY_MAX];
	const char *fault;

	if (c->config.proxy == NULL)
		return 0;
	fault = proxy_parse(&c->proxy, c->config.proxy);
	if (fault == NULL)
		return 0;
	/* What is wrong may be that there is a password in it. */
	snprintf(text, sizeof text, "proxy: %s", fault);
	*why = text;
	return EINVAL;
}

static void
client_free(struct client *c)
{
	size_t i;

	for (i = 0; i < c->nrequest; i++) {
		nng_aio_free(c->request[i]->send);
		nng_aio_free(c->request[i]->recv);
		free(c->request[i]);
	}
	free(c->request);
	free(c->place);
	channel_free(c->channel);
	buf_fini(&c->plain);
	if (c->wake_fd >= 0)
		close(c->wake_fd);
	if (c->stop_fd >= 0)
		close(c->stop_fd);
	client_unref(c);
}

static struct client *
client_new(const struct client_config *config)
{
	struct client *c = xcalloc(1, sizeof *c);
	pthread_condattr_t attr;

	c->refs = 1;
	c->done_tail = &c->done;
	c->config = *config;
	c->retry = config->retry;
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->change, &attr);
	pthread_condattr_destroy(&attr);
	c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return c;
}

/* Replies that nobody has taken. */
static void
free_replies(struct client *c)
{
	struct request *r;
	size_t i;

	for (i = 0; i < c->nrequest; i++) {
		r = c->request[i];
		if (r->busy && nng_aio_result(r->recv) == 0)
			nng_msg_free(nng_aio_get_msg(r->recv));
	}
}

struct client *
client_begin(const struct client_config *config, const char **why)
{
	struct client *c = client_new(config);
	int error = c->wake_fd < 0 || c->stop_fd < 0 ? errno : 0;

	*why = strerror(error);
	if (error == 0)
		error = split_urls(c, config->urls, why);
	if (error == 0)
		error = check_proxy(c, why);
	if (error == 0)
		return c;
	client_free(c);
	errno = error;
	return NULL;
}

/* A moment for the sockets that do get closed. */
static void
await_closing(struct client *c)
{
	int64_t deadline = date_mono() + CLOSE_TIME;

	pthread_mutex_lock(&c->lock);
	while (c->refs > 1 && await_change(c, deadline) == 0)
		;
	pthread_mutex_unlock(&c->lock);
}

struct client *
client_open(const struct client_config *config, const char **why)
{
	static char text[WHY_MAX];
	struct client *c = client_begin(config, why);
	struct client_event event;
	int error;

	if (c == NULL || client_next(c, &event, INT64_MAX) == 0)
		return c;
	error = errno;
	snprintf(text, sizeof text, "%s", client_why(c));
	*why = text;
	client_close(c);
	errno = error;
	return NULL;
}

void
client_close(struct client *c)
{
	if (c == NULL)
		return;
	stop_connector(c);
	if (c->held != NULL)
		nng_msg_free(c->held);
	close_contexts(c);
	settle_all(c);
	free_replies(c);
	drop_socket(c);
	await_closing(c);
	client_free(c);
}

const char *
client_broker(const struct client *c)
{
	return c->broker;
}

const char *
client_url(const struct client *c)
{
	return c->place[c->current].url.text;
}

const char *
client_why(const struct client *c)
{
	return c->last_why;
}

unsigned
client_generation(const struct client *c)
{
	return c->generation;
}

int
client_fd(const struct client *c)
{
	return c->wake_fd;
}

void
client_retry(struct client *c, int64_t retry)
{
	pthread_mutex_lock(&c->lock);
	c->retry = retry;
	pthread_mutex_unlock(&c->lock);
}

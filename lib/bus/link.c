#include "bus/link.h"

#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "bus/wire.h"
#include "trust/channel.h"

enum {
	SEND_TIME = 5 * DATE_SECOND,  /* for the request of an exchange */
	CLOSE_TIME = DATE_SECOND / 5, /* for the library to close */
	GREAT = 65536,		      /* bytes of what is long in going out */
	SP_HEADER = 64		      /* request id and slack */
};

/* One request in flight, or idle and waiting for the next. */
struct link_request {
	struct link *l;
	void *owner;
	nng_ctx ctx;
	nng_aio *small, *great; /* great tells when it is done, at a price */
	nng_aio *send;		/* one of them */
	nng_aio *recv;
	nng_msg *answer; /* taken */
	int has_ctx;
	struct link_request *next; /* in the queue of answered ones */
};

/* What several threads share is under the lock. */
struct link {
	pthread_mutex_t lock;
	pthread_cond_t change;
	int refs; /* the owner, and each socket that is being closed */
	nng_socket sock;
	int has_sock, has_pipe, lost;
	int pipe;
	struct link_request *done, **done_tail;
	int armed, woken; /* the owner waits; wake_fd is set */
	int rung;
	int answered; /* an exchange */
	int stop;
	unsigned sent;

	int wake_fd;
	int stop_fd;	 /* readable: stop */
	nng_msg *answer; /* of the last exchange */
};

/* Under the lock: end the owner's wait, if it waits. */
static void
wake(struct link *l)
{
	const uint64_t one = 1;
	ssize_t wrote;

	if (!l->armed)
		return;
	l->armed = 0;
	l->woken = 1;
	wrote = write(l->wake_fd, &one, sizeof one);
	(void)wrote;
}

/* A reply has come, or its connection is gone. */
static void
on_answer(void *arg)
{
	struct link_request *r = arg;
	struct link *l = r->l;

	pthread_mutex_lock(&l->lock);
	r->next = NULL;
	*l->done_tail = r;
	l->done_tail = &r->next;
	wake(l);
	pthread_mutex_unlock(&l->lock);
}

/* A great request is on its way, or has come back unsent. */
static void
on_sent(void *arg)
{
	struct link *l = arg;

	pthread_mutex_lock(&l->lock);
	l->sent++;
	pthread_mutex_unlock(&l->lock);
}

/*
 * A socket lives for one connection: a second pipe would take requests that
 * were meant for the first.
 */
static void
on_pipe(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
	struct link *l = arg;
	int id = nng_socket_id(nng_pipe_socket(pipe));
	int refuse = 0;

	pthread_mutex_lock(&l->lock);
	if (event == NNG_PIPE_EV_ADD_PRE) {
		refuse =
		    !l->has_sock || l->has_pipe || id != nng_socket_id(l->sock);
		if (!refuse) {
			l->pipe = nng_pipe_id(pipe);
			l->has_pipe = 1;
		}
	} else if (l->has_pipe && nng_pipe_id(pipe) == l->pipe) {
		l->lost = 1;
		wake(l);
	}
	pthread_mutex_unlock(&l->lock);
	if (refuse)
		nng_pipe_close(pipe);
}

/* Wait under the lock until a change or the deadline: 0 or ETIMEDOUT. */
static int
await_change(struct link *l, int64_t deadline)
{
	struct timespec at = { .tv_sec = deadline / DATE_SECOND,
		.tv_nsec = deadline % DATE_SECOND * 1000 };

	return pthread_cond_timedwait(&l->change, &l->lock, &at);
}

int
link_pause(struct link *l, int64_t until)
{
	int stop;

	pthread_mutex_lock(&l->lock);
	while (!l->stop && date_mono() < until)
		await_change(l, until);
	stop = l->stop;
	pthread_mutex_unlock(&l->lock);
	return stop;
}

/* The last of those who know it, the library's threads among them. */
static void
link_unref(struct link *l)
{
	int refs;

	pthread_mutex_lock(&l->lock);
	refs = --l->refs;
	pthread_cond_broadcast(&l->change);
	pthread_mutex_unlock(&l->lock);
	if (refs > 0)
		return;
	pthread_cond_destroy(&l->change);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

struct closing {
	struct link *l;
	nng_socket sock;
};

static void *
close_socket(void *arg)
{
	struct closing *closing = arg;

	nng_close(closing->sock);
	link_unref(closing->l);
	free(closing);
	return NULL;
}

/*
 * In nng 1.5 closing never returns if it meets a long message that is just
 * coming in (it waits for the end of a receive that nobody will report), so
 * nobody waits for it; the connection itself is shut down at once.
 */
void
link_drop(struct link *l)
{
	struct closing *closing;
	pthread_t thread;
	int has;

	pthread_mutex_lock(&l->lock);
	has = l->has_sock;
	l->has_sock = 0;
	l->has_pipe = l->lost = 0;
	l->refs += has;
	pthread_mutex_unlock(&l->lock);
	if (!has)
		return;
	closing = xmalloc(sizeof *closing);
	*closing = (struct closing){ l, l->sock };
	if (app_thread(&thread, close_socket, closing) == 0)
		pthread_detach(thread);
	else
		close_socket(closing);
}

/* A new socket with its options set: 0 or an NNG error. */
static int
open_socket(struct link *l)
{
	const nng_duration never = 3600 * 1000;
	nng_socket sock;
	int rv = nng_req0_open(&sock);

	if (rv != 0)
		return rv;
	pthread_mutex_lock(&l->lock);
	l->sock = sock;
	l->has_sock = 1;
	pthread_mutex_unlock(&l->lock);
	if ((rv = nng_socket_set_ms(sock, NNG_OPT_REQ_RESENDTIME, -1)) ||
	    (rv = nng_socket_set_size(sock, NNG_OPT_RECVMAXSZ,
		 channel_sealed(WIRE_MESSAGE_MAX) + SP_HEADER)) ||
	    (rv = nng_socket_set_ms(sock, NNG_OPT_RECONNMINT, never)) ||
	    (rv = nng_socket_set_ms(sock, NNG_OPT_RECONNMAXT, never)) ||
	    (rv = nng_socket_set_ms(
		 sock, NNG_OPT_SENDTIMEO, SEND_TIME / 1000)) ||
	    (rv = nng_pipe_notify(sock, NNG_PIPE_EV_ADD_PRE, on_pipe, l)) ||
	    (rv = nng_pipe_notify(sock, NNG_PIPE_EV_REM_POST, on_pipe, l)))
		return rv;
	return 0;
}

/*
 * The library dials in the background without saying why it fails, and in
 * the foreground without a limit: so the foreground of a thread of its own,
 * which ends when the socket is closed.
 */
struct dialling {
	struct link *l;
	const char *url;
	int done, error;
};

static void *
dial_in_foreground(void *arg)
{
	struct dialling *d = arg;
	int error = nng_dial(d->l->sock, d->url, NULL, 0);

	pthread_mutex_lock(&d->l->lock);
	d->done = 1;
	d->error = error;
	pthread_cond_broadcast(&d->l->change);
	pthread_mutex_unlock(&d->l->lock);
	return NULL;
}

/* Wait for the dialling thread: 0 or an errno. */
static int
await_dial(struct link *l, struct dialling *d, int64_t deadline)
{
	int error = 0;

	pthread_mutex_lock(&l->lock);
	while (!d->done && !l->stop && error == 0)
		error = await_change(l, deadline);
	if (d->done)
		error = 0;
	else if (l->stop)
		error = ECANCELED;
	pthread_mutex_unlock(&l->lock);
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

int
link_dial(struct link *l, const char *url, int64_t deadline)
{
	struct dialling d = { .l = l, .url = url };
	pthread_t thread;
	int error;

	error = nng_errno(open_socket(l));
	if (error == 0)
		error = app_thread(&thread, dial_in_foreground, &d);
	if (error != 0) {
		link_drop(l);
		return error;
	}
	error = await_dial(l, &d, deadline);
	if (error != 0)
		link_drop(l);
	pthread_join(thread, NULL);
	if (error == 0 && d.error != 0) {
		error = nng_errno(d.error);
		link_drop(l);
	}
	return error;
}

static void
on_exchange(void *arg)
{
	struct link *l = arg;

	pthread_mutex_lock(&l->lock);
	l->answered = 1;
	pthread_cond_broadcast(&l->change);
	pthread_mutex_unlock(&l->lock);
}

/* Receive an answer unless the link shall stop: 0 or an errno. */
static int
receive_answer(struct link *l, nng_aio *aio, int64_t deadline)
{
	int64_t left = deadline - date_mono();

	nng_aio_set_timeout(aio, left > 1000 ? (nng_duration)(left / 1000) : 1);
	l->answered = 0;
	nng_recv_aio(l->sock, aio);
	pthread_mutex_lock(&l->lock);
	while (!l->answered && !l->stop)
		pthread_cond_wait(&l->change, &l->lock);
	pthread_mutex_unlock(&l->lock);
	nng_aio_cancel(aio);
	nng_aio_wait(aio);
	switch (nng_aio_result(aio)) {
	case 0: l->answer = nng_aio_get_msg(aio); return 0;
	case NNG_ECANCELED: return ECANCELED;
	case NNG_ETIMEDOUT: return ETIMEDOUT;
	default: return ECONNRESET;
	}
}

static void
free_message(nng_msg **msg)
{
	if (*msg != NULL)
		nng_msg_free(*msg);
	*msg = NULL;
}

int
link_exchange(struct link *l, const struct buf *msg, const char **p, size_t *n,
    int64_t deadline)
{
	nng_aio *aio;
	int error;

	free_message(&l->answer);
	if (nng_send(l->sock, msg->p, msg->len, 0) != 0 ||
	    nng_aio_alloc(&aio, on_exchange, l) != 0)
		return ECONNRESET;
	error = receive_answer(l, aio, deadline);
	nng_aio_free(aio);
	if (error != 0)
		return error;
	*p = nng_msg_body(l->answer);
	*n = nng_msg_len(l->answer);
	return 0;
}

void
link_stop(struct link *l)
{
	const uint64_t one = 1;
	ssize_t wrote;

	pthread_mutex_lock(&l->lock);
	l->stop = 1;
	pthread_cond_broadcast(&l->change);
	pthread_mutex_unlock(&l->lock);
	wrote = write(l->stop_fd, &one, sizeof one);
	(void)wrote;
}

int
link_stop_fd(const struct link *l)
{
	return l->stop_fd;
}

void
link_ring(struct link *l)
{
	pthread_mutex_lock(&l->lock);
	l->rung = 1;
	wake(l);
	pthread_mutex_unlock(&l->lock);
}

struct link_news
link_news(struct link *l)
{
	struct link_news news = { 0 };
	uint64_t count;
	ssize_t got;

	pthread_mutex_lock(&l->lock);
	if (l->woken) {
		got = read(l->wake_fd, &count, sizeof count);
		(void)got;
	}
	l->woken = 0;
	news.lost = l->lost;
	if (l->done != NULL) {
		news.done = l->done;
		l->done = l->done->next;
		if (l->done == NULL)
			l->done_tail = &l->done;
	} else {
		news.rung = l->rung;
		l->rung = 0;
	}
	l->armed = news.done == NULL && !news.rung;
	pthread_mutex_unlock(&l->lock);
	return news;
}

int
link_fd(const struct link *l)
{
	return l->wake_fd;
}

unsigned
link_sent(struct link *l)
{
	unsigned sent;

	pthread_mutex_lock(&l->lock);
	sent = l->sent;
	pthread_mutex_unlock(&l->lock);
	return sent;
}

struct link_request *
link_request_new(struct link *l, void *owner)
{
	struct link_request *r = xcalloc(1, sizeof *r);

	r->l = l;
	r->owner = owner;
	if (nng_aio_alloc(&r->small, NULL, NULL) != 0 ||
	    nng_aio_alloc(&r->great, on_sent, l) != 0 ||
	    nng_aio_alloc(&r->recv, on_answer, r) != 0)
		die(EXIT_BUG, "out of memory");
	r->send = r->small;
	return r;
}

void *
link_request_owner(const struct link_request *r)
{
	return r->owner;
}

/* A message that did not go out. */
static void
take_back(struct link_request *r)
{
	nng_msg *msg;

	nng_aio_wait(r->send);
	msg = nng_aio_result(r->send) != 0 ? nng_aio_get_msg(r->send) : NULL;
	if (msg != NULL)
		nng_msg_free(msg);
	nng_aio_set_msg(r->send, NULL);
}

int
link_request_begin(struct link_request *r)
{
	if (!r->has_ctx && nng_ctx_open(&r->ctx, r->l->sock) != 0)
		return -1;
	r->has_ctx = 1;
	take_back(r);
	return 0;
}

int
link_great(size_t n)
{
	return n >= GREAT;
}

void *
link_request_room(struct link_request *r, size_t n)
{
	nng_msg *msg;

	if (nng_msg_alloc(&msg, n) != 0)
		die(EXIT_BUG, "out of memory");
	r->send = link_great(n) ? r->great : r->small;
	nng_aio_set_msg(r->send, msg);
	return nng_msg_body(msg);
}

void
link_request_send(struct link_request *r)
{
	nng_ctx_send(r->ctx, r->send);
	nng_ctx_recv(r->ctx, r->recv);
}

int
link_request_answer(struct link_request *r, const char **p, size_t *n)
{
	if (nng_aio_result(r->recv) != 0)
		return -1;
	r->answer = nng_aio_get_msg(r->recv);
	*p = nng_msg_body(r->answer);
	*n = nng_msg_len(r->answer);
	return 0;
}

void
link_request_release(struct link_request *r)
{
	free_message(&r->answer);
}

/*
 * Closing the context is the one way that ends both halves of a request in
 * every version of the library.
 */
void
link_request_cancel(struct link_request *r)
{
	if (r->has_ctx)
		nng_ctx_close(r->ctx);
	r->has_ctx = 0;
}

void
link_request_settle(struct link_request *r)
{
	/* Its callback has returned after this. */
	nng_aio_wait(r->recv);
	take_back(r);
}

void
link_request_free(struct link_request *r)
{
	free_message(&r->answer);
	nng_aio_free(r->small);
	nng_aio_free(r->great);
	nng_aio_free(r->recv);
	free(r);
}

struct link *
link_new(void)
{
	struct link *l = xcalloc(1, sizeof *l);
	pthread_condattr_t attr;

	l->refs = 1;
	l->done_tail = &l->done;
	pthread_mutex_init(&l->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->change, &attr);
	pthread_condattr_destroy(&attr);
	l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->wake_fd >= 0 && l->stop_fd >= 0)
		return l;
	link_free(l);
	return NULL;
}

/* A moment for the sockets that do get closed. */
static void
await_closing(struct link *l)
{
	int64_t deadline = date_mono() + CLOSE_TIME;

	pthread_mutex_lock(&l->lock);
	while (l->refs > 1 && await_change(l, deadline) == 0)
		;
	pthread_mutex_unlock(&l->lock);
}

void
link_free(struct link *l)
{
	int saved = errno;

	if (l == NULL)
		return;
	await_closing(l);
	free_message(&l->answer);
	if (l->wake_fd >= 0)
		close(l->wake_fd);
	if (l->stop_fd >= 0)
		close(l->stop_fd);
	link_unref(l);
	errno = saved;
}

#include "bus/relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/app.h"
#include "base/buf.h"
#include "base/date.h"
#include "base/die.h"
#include "bus/url.h"

enum {
	ROUTES_MAX = 16,
	HELD_MAX = 262144, /* bytes of a direction before it is not read */
	PIECE = 65536,
	BACKLOG = 128
};

/* Bytes that came together and may go on together. */
struct piece {
	int64_t due;
	size_t n;
};

/* One direction of a connection. */
struct flow {
	struct buf held;
	struct piece *piece;
	size_t npiece;
	int ended;  /* no more will come */
	int closed; /* and the other end knows */
};

enum life { ALIVE, OVER, BROKEN };

struct pair {
	int route;
	int fd[2];	     /* client, server */
	struct flow flow[2]; /* from fd[0] to fd[1], and back */
	enum life life;
};

struct route {
	int fd;
	struct url to;
	char url[URL_MAX];
	_Atomic int mode;
	_Atomic int64_t delay;
	_Atomic unsigned resets; /* how often it was broken */
	unsigned seen;
};

struct relay {
	struct route route[ROUTES_MAX];
	_Atomic int nroute;
	_Atomic int ending;
	_Atomic size_t connections;
	int wake;
	pthread_t thread;
	struct pair **pair;
	size_t npair;
	struct pollfd *fds;
};

static void
ring(struct relay *r)
{
	uint64_t one = 1;
	ssize_t wrote = write(r->wake, &one, sizeof one);

	(void)wrote;
}

union address {
	struct sockaddr any;
	struct sockaddr_un un;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_storage room;
};

/* 0 with the address, or -1. */
static int
address_of(const struct url *u, union address *a, socklen_t *n)
{
	const char *path = u->dial + strlen("ipc://");
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;

	memset(a, 0, sizeof *a);
	if (!u->tcp) {
		if (strlen(path) >= sizeof a->un.sun_path)
			return -1;
		a->un.sun_family = AF_UNIX;
		memcpy(a->un.sun_path, path, strlen(path));
		*n = sizeof a->un;
		return 0;
	}
	if (getaddrinfo(u->host, u->port, &hints, &found) != 0)
		return -1;
	memcpy(a, found->ai_addr, found->ai_addrlen);
	*n = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

static int
new_socket(const union address *a)
{
	int fd = socket(
	    a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd >= 0 && a->any.sa_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

/* The other end of a broken one is told by a reset. */
static void
end_socket(int fd, enum life life)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	if (life == BROKEN)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	close(fd);
}

static int
begin_connect(const struct url *to)
{
	union address a;
	socklen_t n;
	int fd;

	if (address_of(to, &a, &n) < 0)
		return -1;
	fd = new_socket(&a);
	if (fd >= 0 && connect(fd, &a.any, n) < 0 && errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	return fd;
}

static void
free_pair(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		buf_fini(&p->flow[i].held);
		free(p->flow[i].piece);
	}
	free(p);
}

static void
accept_one(struct relay *r, int route)
{
	int fd = accept4(
	    r->route[route].fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int to, on = 1;
	struct pair *p;

	if (fd < 0)
		return;
	to = r->route[route].mode == RELAY_RESET
	    ? -1
	    : begin_connect(&r->route[route].to);
	if (to < 0) {
		end_socket(fd, BROKEN);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	p = xcalloc(1, sizeof *p);
	*p = (struct pair){ .route = route, .fd = { fd, to } };
	r->pair = xrealloc(r->pair, (r->npair + 1) * sizeof *r->pair);
	r->pair[r->npair++] = p;
}

/* From one end into the flow: -1 if the connection is broken. */
static int
take(struct relay *r, struct pair *p, int from)
{
	struct flow *f = &p->flow[from];
	ssize_t got = read(p->fd[from], buf_room(&f->held, PIECE), PIECE);

	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if (got == 0) {
		f->ended = 1;
		return 0;
	}
	f->held.len += (size_t)got;
	f->piece = xrealloc(f->piece, (f->npiece + 1) * sizeof *f->piece);
	f->piece[f->npiece++] =
	    (struct piece){ date_mono() + r->route[p->route].delay,
		    (size_t)got };
	return 0;
}

/* Bytes that may go on by now. */
static size_t
due(const struct flow *f, int64_t now)
{
	size_t n = 0;

	for (size_t i = 0; i < f->npiece && f->piece[i].due <= now; i++)
		n += f->piece[i].n;
	return n;
}

static void
drop(struct flow *f, size_t n)
{
	size_t i = 0;

	buf_cut(&f->held, n);
	while (n > 0 && f->piece[i].n <= n)
		n -= f->piece[i++].n;
	if (n > 0)
		f->piece[i].n -= n;
	f->npiece -= i;
	memmove(f->piece, f->piece + i, f->npiece * sizeof *f->piece);
}

/* From the flow to the other end: -1 if the connection is broken. */
static int
give(struct pair *p, int from)
{
	struct flow *f = &p->flow[from];
	size_t n = due(f, date_mono());
	ssize_t wrote;

	if (n > 0) {
		wrote = send(p->fd[!from], f->held.p, n, MSG_NOSIGNAL);
		if (wrote < 0)
			return errno == EAGAIN || errno == EINTR ||
				errno == ENOTCONN
			    ? 0
			    : -1;
		drop(f, (size_t)wrote);
	}
	if (f->ended && f->held.len == 0 && !f->closed) {
		shutdown(p->fd[!from], SHUT_WR);
		f->closed = 1;
	}
	return 0;
}

static int
is_stalled(const struct relay *r, const struct pair *p)
{
	return r->route[p->route].mode == RELAY_STALL;
}

static short
wanted(const struct relay *r, const struct pair *p, int end, int64_t now)
{
	const struct flow *in = &p->flow[end], *out = &p->flow[!end];
	short events = 0;

	if (is_stalled(r, p))
		return 0;
	if (!in->ended && in->held.len < HELD_MAX)
		events |= POLLIN;
	if (due(out, now) > 0 ||
	    (out->ended && out->held.len == 0 && !out->closed))
		events |= POLLOUT;
	return events;
}

/* When the first held piece may go on. */
static int64_t
next_due(const struct relay *r, const struct pair *p, int64_t now)
{
	int64_t at = INT64_MAX;

	for (int i = 0; i < 2 && !is_stalled(r, p); i++)
		for (size_t k = 0; k < p->flow[i].npiece; k++)
			if (p->flow[i].piece[k].due > now) {
				if (p->flow[i].piece[k].due < at)
					at = p->flow[i].piece[k].due;
				break;
			}
	return at;
}

/* Fill fds: routes, the bell, connections.  How long to wait, ms. */
static int
prepare(struct relay *r, int nroute)
{
	int64_t now = date_mono(), at = INT64_MAX, one;
	struct pollfd *f;

	r->fds = xrealloc(
	    r->fds, ((size_t)nroute + 1 + 2 * r->npair) * sizeof *r->fds);
	f = r->fds;
	*f++ = (struct pollfd){ r->wake, POLLIN, 0 };
	for (int i = 0; i < nroute; i++)
		*f++ = (struct pollfd){
			r->route[i].mode == RELAY_STALL ? -1 : r->route[i].fd,
			POLLIN, 0
		};
	for (size_t i = 0; i < r->npair; i++) {
		for (int end = 0; end < 2; end++) {
			short events = wanted(r, r->pair[i], end, now);

			/* A hangup alone would wake us again and again. */
			*f++ =
			    (struct pollfd){ events ? r->pair[i]->fd[end] : -1,
				    events, 0 };
		}
		one = next_due(r, r->pair[i], now);
		at = one < at ? one : at;
	}
	return at == INT64_MAX ? -1 : (int)((at - now) / 1000) + 1;
}

static void
serve_pair(struct relay *r, struct pair *p, const struct pollfd *fds)
{
	for (int end = 0; end < 2; end++) {
		if (is_stalled(r, p) || p->life != ALIVE)
			return;
		if (fds[end].revents & (POLLIN | POLLHUP | POLLERR) &&
		    fds[end].events & POLLIN && take(r, p, end) < 0)
			p->life = BROKEN;
		if (fds[end].revents != 0 && fds[end].events & POLLOUT &&
		    give(p, !end) < 0)
			p->life = BROKEN;
	}
	if (p->life == ALIVE && p->flow[0].closed && p->flow[1].closed)
		p->life = OVER;
}

/* Connections of routes that were broken, and those that are over. */
static void
sweep(struct relay *r, int nroute)
{
	size_t kept = 0;

	for (int i = 0; i < nroute; i++) {
		unsigned resets = r->route[i].resets;

		for (size_t k = 0; k < r->npair; k++)
			if (r->pair[k]->route == i &&
			    resets != r->route[i].seen)
				r->pair[k]->life = BROKEN;
		r->route[i].seen = resets;
	}
	for (size_t i = 0; i < r->npair; i++) {
		struct pair *p = r->pair[i];

		if (p->life == ALIVE) {
			r->pair[kept++] = p;
			continue;
		}
		end_socket(p->fd[0], p->life);
		end_socket(p->fd[1], p->life);
		free_pair(p);
	}
	r->npair = kept;
	r->connections = kept;
}

static void
turn(struct relay *r)
{
	uint64_t bell;
	int nroute = r->nroute, wait = prepare(r, nroute);
	size_t npair = r->npair;
	ssize_t got;

	if (poll(r->fds, (nfds_t)nroute + 1 + 2 * npair, wait) < 0)
		return;
	if (r->fds[0].revents != 0) {
		got = read(r->wake, &bell, sizeof bell);
		(void)got;
	}
	for (size_t i = 0; i < npair; i++)
		serve_pair(r, r->pair[i], r->fds + 1 + nroute + 2 * i);
	for (int i = 0; i < nroute; i++)
		if (r->fds[1 + i].revents != 0)
			accept_one(r, i);
	sweep(r, nroute);
}

static void *
run(void *arg)
{
	struct relay *r = arg;

	while (!r->ending)
		turn(r);
	return NULL;
}

struct relay *
relay_new(void)
{
	struct relay *r = xcalloc(1, sizeof *r);
	int error;

	r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	error = r->wake < 0 ? errno : app_thread(&r->thread, run, r);
	if (error == 0)
		return r;
	if (r->wake >= 0)
		close(r->wake);
	free(r);
	errno = error;
	return NULL;
}

void
relay_free(struct relay *r)
{
	if (r == NULL)
		return;
	r->ending = 1;
	ring(r);
	pthread_join(r->thread, NULL);
	for (size_t i = 0; i < r->npair; i++)
		r->pair[i]->life = BROKEN;
	sweep(r, 0);
	for (int i = 0; i < r->nroute; i++)
		close(r->route[i].fd);
	close(r->wake);
	free(r->pair);
	free(r->fds);
	free(r);
}

/* The port that the system has chosen is part of the URL. */
static void
name_route(struct route *route, const struct url *u)
{
	union address a;
	socklen_t n = sizeof a;

	snprintf(route->url, sizeof route->url, "%s", u->dial);
	if (u->tcp && getsockname(route->fd, &a.any, &n) == 0)
		snprintf(route->url, sizeof route->url,
		    strchr(u->host, ':') ? "tcp://[%.200s]:%d"
					 : "tcp://%.200s:%d",
		    u->host,
		    ntohs(a.any.sa_family == AF_INET6 ? a.in6.sin6_port
						      : a.in.sin_port));
}

int
relay_route(
    struct relay *r, const char *listen_at, const char *to, const char **why)
{
	struct route *route = &r->route[r->nroute];
	union address a;
	struct url u;
	socklen_t n;

	*why = "too many routes";
	if (r->nroute == ROUTES_MAX)
		return -1;
	*why = url_parse(&u, listen_at, strlen(listen_at));
	if (*why == NULL)
		*why = url_parse(&route->to, to, strlen(to));
	if (*why != NULL)
		return -1;
	*why = "no such address";
	if (address_of(&u, &a, &n) < 0)
		return -1;
	route->fd = new_socket(&a);
	if (route->fd < 0 || bind(route->fd, &a.any, n) < 0 ||
	    listen(route->fd, BACKLOG) < 0) {
		*why = strerror(errno);
		if (route->fd >= 0)
			close(route->fd);
		return -1;
	}
	name_route(route, &u);
	r->nroute++;
	ring(r);
	return r->nroute - 1;
}

const char *
relay_url(const struct relay *r, int route)
{
	return r->route[route].url;
}

void
relay_set(struct relay *r, int route, enum relay_mode mode, int64_t delay)
{
	r->route[route].delay = delay;
	r->route[route].mode = (int)mode;
	if (mode == RELAY_RESET)
		r->route[route].resets++;
	ring(r);
}

size_t
relay_connections(const struct relay *r)
{
	return r->connections;
}

#include "broker/front.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/date.h"
#include "base/die.h"
#include "base/mix.h"
#include "broker/listen.h"
#include "bus/sp.h"

enum {
	SCRATCH = 65536,  /* one read for all small messages of a turn */
	MANY = 64,	  /* connections that sent within a window */
	MULTITUDE = 1024, /* of them: gather for longer */
	LONGER = 4,	  /* times */
	WINDOW = 17,	  /* of 2^17 us */
	PORTION_MAX = 64,
	READS = 4,     /* per connection and turn */
	READY = 256,   /* connections per turn */
	ACCEPTS = 256, /* per listener and turn */
	VECTOR = 128,  /* pieces per write */
	COPY = 1024,   /* replies up to this are copied, not shared */
	IPC_BUFFER = 1 << 20,
	ADDRESS_BUCKETS = 1024,
	NAME = 64,
	REPORTS = 10,	 /* cut-off reasons logged per second */
	KEEP_IDLE = 90,	 /* s until a probe, to twice that */
	KEEP_EVERY = 10, /* s to the next, to twice that */
	KEEP_COUNT = 5,
	PAUSE = 100000,	  /* us without accepting when out of files */
	SWEEP_MIN = 5000, /* us between looks at deadlines */
	SWEEP_MAX = 500000
};

enum source_kind { SOURCE_LISTENER, SOURCE_WATCH, SOURCE_CONN };

/* What an epoll event points to: first member of each of these. */
struct source {
	enum source_kind kind;
	int fd;
};

struct door { /* one listening socket */
	struct source source;
	int local;
	struct door *next;
};

struct watch {
	struct source source;
	struct watch *next;
};

struct address { /* connections of one tcp peer address */
	struct in6_addr ip;
	int n, strangers;
	struct address *next;
};

struct reply {
	struct reply *next;
	int64_t at;  /* when it was queued */
	size_t size; /* bytes on the wire */
	size_t pieces;
	size_t head_len;
	uint8_t *head; /* behind piece[] */
	struct front_piece piece[];
};

struct front_conn {
	struct source source; /* fd -1: closed, not yet reported or freed */
	struct front *front;
	void *data;
	LIST_ENTRY(front_conn) all, waiting;
	TAILQ_ENTRY(front_conn) due, stranger;
	int is_waiting, is_due, is_stranger;
	uint32_t armed; /* epoll events asked for */
	int blocked;	/* the socket took no more */
	int unanswered;
	int64_t since;	  /* accepted */
	int64_t window;	  /* in which it last sent */
	int64_t progress; /* last bytes read */
	struct sp_reader reader;
	struct blob *in;    /* a body that is not complete */
	struct blob *later; /* read, but more than may be open */
	size_t later_at;    /* bytes of it given out */
	struct reply *first, **last;
	size_t sent;		 /* of the first reply */
	size_t unsent;		 /* of all */
	struct address *address; /* NULL: ipc */
	struct in6_addr ip;
	char name[NAME];
};

LIST_HEAD(conn_list, front_conn);
TAILQ_HEAD(conn_queue, front_conn);

struct front {
	struct front_limits limits;
	struct front_counts counts;
	int epoll;
	int reserve; /* given up to accept and close when out of files */
	int64_t now;
	struct listen *listens;
	size_t nlistens;
	struct door *doors;
	struct watch *watches;
	int64_t paused;	      /* accept again then; 0: accepting */
	int64_t window;	      /* current */
	int active;	      /* connections that sent in it */
	int many;	      /* times to gather; 0: there were too few */
	int64_t gathered;     /* when what gathers now is to be looked at */
	struct pollfd *polls; /* watched descriptors */
	nfds_t npolls;
	struct conn_list all;
	struct conn_list waiting;    /* have a deadline */
	struct conn_queue due;	     /* to be written or read on this turn */
	struct conn_queue strangers; /* oldest first */
	int64_t sweep_every, sweep_at;
	int portion; /* requests of a connection on one turn */
	struct front_event *queue;
	size_t at, n, cap;
	struct front_conn *gone; /* reported closed by the last call */
	struct address *addresses[ADDRESS_BUCKETS];
	void (*log)(void *ctx, const char *conn, const char *why);
	void *log_ctx;
	int64_t reports_since;
	int reports;
	char scratch[SCRATCH];
	struct epoll_event ready[READY];
};

static int64_t
smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void
limits_open(struct front_limits *l)
{
	if (l->message > INT64_MAX / 2)
		l->message = INT64_MAX / 2;
	if (l->connections == 0)
		l->connections = INT_MAX;
	if (l->address == 0)
		l->address = INT_MAX;
	if (l->requests == 0)
		l->requests = INT_MAX;
	if (l->memory == 0)
		l->memory = SIZE_MAX;
	if (l->strangers > 0 && l->address_strangers == 0)
		l->address_strangers = INT_MAX;
	if (l->admission == 0)
		l->admission = INT64_MAX;
	if (l->greeting == 0)
		l->greeting = INT64_MAX;
	if (l->message_time == 0)
		l->message_time = INT64_MAX;
	if (l->write_time == 0)
		l->write_time = INT64_MAX;
}

struct front *
front_new(const struct front_limits *limits)
{
	struct front *f = xcalloc(1, sizeof *f);
	int64_t every;

	f->limits = *limits;
	limits_open(&f->limits);
	f->portion = (int)smaller(
	    f->limits.memory / 2 / (f->limits.message + 1), PORTION_MAX);
	if (f->portion < 1)
		f->portion = 1;
	every = smaller(smaller(f->limits.greeting, f->limits.message_time),
		    smaller(f->limits.write_time, f->limits.admission)) /
	    8;
	f->sweep_every =
	    smaller(every < SWEEP_MIN ? SWEEP_MIN : every, SWEEP_MAX);
	f->epoll = epoll_create1(EPOLL_CLOEXEC);
	f->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	f->now = date_mono();
	LIST_INIT(&f->all);
	LIST_INIT(&f->waiting);
	TAILQ_INIT(&f->due);
	TAILQ_INIT(&f->strangers);
	return f;
}

static int
source_add(struct front *f, struct source *s, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = s };

	return epoll_ctl(f->epoll, EPOLL_CTL_ADD, s->fd, &e);
}

static void
source_change(struct front *f, struct source *s, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = s };

	epoll_ctl(f->epoll, EPOLL_CTL_MOD, s->fd, &e);
}

int
front_local(const char *url)
{
	return listen_local(url);
}

static int
door_open(struct front *f, int fd, int local)
{
	struct door *d = xcalloc(1, sizeof *d);

	d->source = (struct source){ SOURCE_LISTENER, fd };
	d->local = local;
	d->next = f->doors;
	f->doors = d;
	return source_add(f, &d->source, EPOLLIN);
}

int
front_listen(struct front *f, const char *url, const char **why)
{
	struct listen l;
	size_t i;

	if (listen_open(&l, url, why) == -1)
		return -1;
	f->listens =
	    xrealloc(f->listens, (f->nlistens + 1) * sizeof *f->listens);
	f->listens[f->nlistens++] = l;
	for (i = 0; i < l.n; i++)
		if (door_open(f, l.fd[i], l.local) == -1) {
			*why = strerror(errno);
			return -1;
		}
	return 0;
}

const char *
front_url(const struct front *f, size_t i)
{
	return i < f->nlistens ? f->listens[i].url : NULL;
}

int
front_watch(struct front *f, int fd)
{
	struct watch *w = xcalloc(1, sizeof *w);

	f->polls = xrealloc(f->polls, (f->npolls + 1) * sizeof *f->polls);
	f->polls[f->npolls++] = (struct pollfd){ .fd = fd, .events = POLLIN };
	w->source = (struct source){ SOURCE_WATCH, fd };
	w->next = f->watches;
	f->watches = w;
	return source_add(f, &w->source, EPOLLIN);
}

void
front_log(struct front *f,
    void (*fn)(void *ctx, const char *conn, const char *why), void *ctx)
{
	f->log = fn;
	f->log_ctx = ctx;
}

/* An attacker must not fill the disk with our log. */
void
front_report(struct front *f, const char *name, const char *why)
{
	char more[NAME];

	if (f->log == NULL)
		return;
	if (f->now - f->reports_since >= DATE_SECOND) {
		if (f->reports > REPORTS) {
			snprintf(more, sizeof more, "%d more were cut off",
			    f->reports - REPORTS);
			f->log(f->log_ctx, "front", more);
		}
		f->reports = 0;
		f->reports_since = f->now;
	}
	if (++f->reports <= REPORTS)
		f->log(f->log_ctx, name, why);
}

static struct front_event *
event_add(struct front *f, enum front_kind kind)
{
	struct front_event *e;

	if (f->n == f->cap) {
		f->cap = f->cap > 0 ? f->cap * 2 : READY;
		f->queue = xrealloc(f->queue, f->cap * sizeof *f->queue);
	}
	e = &f->queue[f->n++];
	e->kind = kind;
	e->fd = -1;
	e->body = NULL;
	return e;
}

static unsigned
address_hash(const struct in6_addr *ip)
{
	unsigned h = 2166136261U;
	size_t i;

	for (i = 0; i < sizeof ip->s6_addr; i++)
		h = (h ^ ip->s6_addr[i]) * 16777619U;
	return h % ADDRESS_BUCKETS;
}

static struct address *
address_get(struct front *f, const struct in6_addr *ip)
{
	struct address **bucket = &f->addresses[address_hash(ip)], *a;

	for (a = *bucket; a != NULL; a = a->next)
		if (memcmp(&a->ip, ip, sizeof *ip) == 0)
			return a;
	a = xcalloc(1, sizeof *a);
	a->ip = *ip;
	a->next = *bucket;
	*bucket = a;
	return a;
}

static void
address_put(struct front *f, struct address *a)
{
	struct address **at = &f->addresses[address_hash(&a->ip)];

	if (a->n > 0)
		return;
	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	free(a);
}

static void
due_add(struct front_conn *c)
{
	if (!c->is_due)
		TAILQ_INSERT_TAIL(&c->front->due, c, due);
	c->is_due = 1;
}

static void
due_remove(struct front_conn *c)
{
	if (c->is_due)
		TAILQ_REMOVE(&c->front->due, c, due);
	c->is_due = 0;
}

static void
waiting_add(struct front_conn *c)
{
	struct front *f = c->front;

	if (c->is_waiting)
		return;
	if (LIST_EMPTY(&f->waiting))
		f->sweep_at = f->now + f->sweep_every;
	LIST_INSERT_HEAD(&f->waiting, c, waiting);
	c->is_waiting = 1;
}

static void
waiting_remove(struct front_conn *c)
{
	if (c->is_waiting)
		LIST_REMOVE(c, waiting);
	c->is_waiting = 0;
}

static void
stranger_add(struct front_conn *c)
{
	struct front *f = c->front;

	TAILQ_INSERT_TAIL(&f->strangers, c, stranger);
	c->is_stranger = 1;
	c->address->strangers++;
	f->counts.strangers++;
}

static void
stranger_remove(struct front_conn *c)
{
	struct front *f = c->front;

	if (!c->is_stranger)
		return;
	TAILQ_REMOVE(&f->strangers, c, stranger);
	c->is_stranger = 0;
	c->address->strangers--;
	f->counts.strangers--;
}

static void
reply_pop(struct front_conn *c)
{
	struct reply *r = c->first;
	size_t i;

	for (i = 0; i < r->pieces; i++)
		blob_unref(r->piece[i].blob);
	c->unsent -= r->size;
	c->first = r->next;
	if (c->first == NULL)
		c->last = &c->first;
	free(r);
}

/*
 * Close at once; the object lives until the caller has been told.  why is
 * NULL if the peer left.
 */
static void
conn_close(struct front_conn *c, const char *why)
{
	struct front *f = c->front;

	if (c->source.fd == -1)
		return;
	if (why != NULL) {
		f->counts.cut++;
		front_report(f, c->name, why);
	}
	/* A child of fork() may hold a copy, which epoll would go by. */
	epoll_ctl(f->epoll, EPOLL_CTL_DEL, c->source.fd, NULL);
	close(c->source.fd);
	c->source.fd = -1;
	f->counts.connections--;
	stranger_remove(c);
	if (c->address != NULL) {
		c->address->n--;
		address_put(f, c->address);
	}
	while (c->first != NULL)
		reply_pop(c);
	blob_unref(c->in);
	blob_unref(c->later);
	c->in = c->later = NULL;
	waiting_remove(c);
	due_remove(c);
	event_add(f, FRONT_CLOSED)->route.conn = c;
}

static void
conn_free(struct front_conn *c)
{
	if (c == NULL)
		return;
	LIST_REMOVE(c, all);
	free(c);
}

/*
 * 1 if the connection has as many requests open as it may, or so many replies
 * unread that more of them could pass the limit: it is read later.
 */
static int
conn_full(const struct front_conn *c)
{
	const struct front_limits *l = &c->front->limits;

	return c->unanswered >= l->requests ||
	    c->unsent - c->sent > l->memory / 2;
}

/* Ask epoll for what the connection can use now. */
static void
conn_arm(struct front_conn *c, int reading)
{
	uint32_t want = reading ? EPOLLIN : EPOLLRDHUP;

	if (c->source.fd == -1)
		return;
	if (c->blocked)
		want |= EPOLLOUT;
	if (want != c->armed)
		source_change(c->front, &c->source, want);
	c->armed = want;
}

static int
vector_add(struct iovec *iov, int n, const void *p, size_t len, size_t *skip)
{
	if (*skip >= len) {
		*skip -= len;
		return n;
	}
	/* sendmsg() does not write; the type has no const. */
	iov[n].iov_base = (void *)((uintptr_t)p + *skip);
	iov[n].iov_len = len - *skip;
	*skip = 0;
	return n + 1;
}

static int
vector_fill(const struct front_conn *c, struct iovec *iov)
{
	const struct reply *r;
	size_t skip = c->sent, i;
	int n = 0;

	for (r = c->first; r != NULL && n < VECTOR; r = r->next) {
		n = vector_add(iov, n, r->head, r->head_len, &skip);
		for (i = 0; i < r->pieces && n < VECTOR; i++)
			n = vector_add(
			    iov, n, r->piece[i].p, r->piece[i].n, &skip);
	}
	return n;
}

/* One write of what is queued, as far as the socket takes it. */
static void
conn_write(struct front_conn *c)
{
	struct iovec iov[VECTOR];
	struct msghdr m = { .msg_iov = iov };
	const int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
	size_t want = 0, i;
	ssize_t n;

	if (c->first == NULL)
		return;
	m.msg_iovlen = (size_t)vector_fill(c, iov);
	for (i = 0; i < m.msg_iovlen; i++)
		want += iov[i].iov_len;
	n = m.msg_iovlen == 1 ? send(c->source.fd, iov[0].iov_base, want, flags)
			      : sendmsg(c->source.fd, &m, flags);
	if (n == -1 && errno != EAGAIN && errno != EINTR) {
		conn_close(c, NULL);
		return;
	}
	c->blocked = n < (ssize_t)want;
	if (n > 0) {
		c->front->counts.out += (size_t)n;
		c->sent += (size_t)n;
	}
	while (c->first != NULL && c->sent >= c->first->size) {
		c->sent -= c->first->size;
		reply_pop(c);
	}
	if (c->blocked)
		waiting_add(c);
	if ((c->first != NULL && !c->blocked) || c->later != NULL ||
	    c->armed & EPOLLRDHUP)
		due_add(c);
	conn_arm(c, (c->armed & EPOLLRDHUP) == 0);
}

static void
request_give(struct front_conn *c)
{
	struct front_event *e = event_add(c->front, FRONT_REQUEST);

	e->body = c->in;
	c->in = NULL;
	e->route.conn = c;
	e->route.hops_len = (uint8_t)c->reader.path_len;
	e->route.number = 0;
	memcpy(e->route.hops, c->reader.path, c->reader.path_len);
	c->unanswered++;
	c->front->counts.requests++;
}

/* What cannot be given out now; p may lie in the blob kept before. */
static void
later_keep(struct front_conn *c, const char *p, size_t n)
{
	if (c->later == NULL) {
		c->later = blob_new(n);
		memcpy(c->later->p, p, n);
		c->later->len = n;
	}
	c->later_at = c->later->len - n;
	if (!conn_full(c))
		due_add(c);
}

/* Read one greeting or message head.  0, or -1: cut off. */
static int
head_take(struct front_conn *c, const char **p, size_t *n)
{
	const char *why;

	switch (sp_read(&c->reader, p, n, &why)) {
	case SP_BAD: conn_close(c, why); return -1;
	case SP_MESSAGE: c->in = blob_new((size_t)c->reader.body); return 0;
	case SP_GREETED:
	case SP_MORE: return 0;
	}
	return -1;
}

/* As much of p[0..n) as the body that has begun takes. */
static size_t
body_take(struct front_conn *c, const char *p, size_t n)
{
	size_t room = c->in->cap - c->in->len;

	if (n > room)
		n = room;
	memcpy(c->in->p + c->in->len, p, n);
	c->in->len += n;
	return n;
}

/*
 * Split what was read into requests, no more at once than the replies of a
 * turn may take in memory.  1 if all of it is used up.
 */
static int
conn_take(struct front_conn *c, const char *p, size_t n)
{
	int given = 0;

	for (;;) {
		if (c->in != NULL) {
			size_t used = body_take(c, p, n);

			p += used;
			n -= used;
			if (c->in->len < c->in->cap)
				break;
			request_give(c);
			given++;
		}
		if (n == 0)
			break;
		if (conn_full(c) || given == c->front->portion) {
			later_keep(c, p, n);
			return 0;
		}
		if (head_take(c, &p, &n) == -1)
			return 1;
	}
	if (c->in != NULL || c->reader.have > 0)
		waiting_add(c);
	return 1;
}

/*
 * One read: the rest of a begun body goes straight to its place, what
 * follows it to the scratch.  1 if there may be more, 0 if not now.
 */
static int
conn_read(struct front_conn *c)
{
	struct front *f = c->front;
	size_t direct = 0;
	struct iovec iov[2];
	int parts = 0;
	ssize_t n;

	if (c->in != NULL) {
		direct = c->in->cap - c->in->len;
		iov[parts++] = (struct iovec){ c->in->p + c->in->len, direct };
	}
	iov[parts++] = (struct iovec){ f->scratch, sizeof f->scratch };
	n = parts == 1 ? recv(c->source.fd, f->scratch, sizeof f->scratch, 0)
		       : readv(c->source.fd, iov, parts);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		conn_close(c, NULL);
		return 0;
	}
	c->progress = f->now;
	if (c->window != f->window) {
		c->window = f->window;
		f->active++;
	}
	f->counts.in += (size_t)n;
	if (direct > (size_t)n)
		direct = (size_t)n;
	if (c->in != NULL)
		c->in->len += direct;
	conn_take(c, f->scratch, (size_t)n - direct);
	return c->source.fd != -1 && (size_t)n >= sizeof f->scratch;
}

static void
conn_readable(struct front_conn *c)
{
	int i;

	for (i = 0; i < READS; i++) {
		if (c->later != NULL || (c->in == NULL && conn_full(c))) {
			conn_arm(c, 0);
			return;
		}
		if (!conn_read(c))
			return;
	}
}

/* Read on where a limit made us stop. */
static void
conn_resume(struct front_conn *c)
{
	struct blob *later = c->later;

	if (conn_full(c))
		return;
	if (later != NULL &&
	    conn_take(c, later->p + c->later_at, later->len - c->later_at)) {
		/* Cut off, it is gone already. */
		blob_unref(c->later);
		c->later = NULL;
	}
	if (c->later == NULL && c->armed & EPOLLRDHUP) {
		c->progress = c->front->now;
		conn_arm(c, 1);
	}
}

static void
conn_event(struct front_conn *c, uint32_t events)
{
	if (c->source.fd != -1 && events & EPOLLOUT)
		conn_write(c);
	if (c->source.fd != -1 && events & EPOLLIN)
		conn_readable(c);
	else if (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP))
		conn_close(c, NULL);
}

static void
name_tcp(char name[NAME], const struct in6_addr *ip, in_port_t port)
{
	char text[INET6_ADDRSTRLEN];
	int v4 = IN6_IS_ADDR_V4MAPPED(ip);

	inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? ip->s6_addr + 12 : ip->s6_addr,
	    text, sizeof text);
	snprintf(name, NAME, v4 ? "tcp:%s:%u" : "tcp:[%s]:%u", text,
	    (unsigned)ntohs(port));
}

/* Fill name in; 1 if the peer is our user's process or root's. */
static int
name_ipc(char name[NAME], int fd)
{
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t len = sizeof peer;
	int known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0;

	snprintf(
	    name, NAME, "ipc:uid=%u:pid=%d", (unsigned)peer.uid, (int)peer.pid);
	return known && (peer.uid == geteuid() || peer.uid == 0);
}

/* Any internet address in IPv6 form. */
static in_port_t
internet(const struct sockaddr_storage *ss, struct in6_addr *ip)
{
	struct sockaddr_in six4;
	struct sockaddr_in6 six;

	if (ss->ss_family == AF_INET6) {
		memcpy(&six, ss, sizeof six);
		*ip = six.sin6_addr;
		return six.sin6_port;
	}
	memcpy(&six4, ss, sizeof six4);
	*ip = (struct in6_addr){ .s6_addr = { [10] = 0xff, [11] = 0xff } };
	memcpy(ip->s6_addr + 12, &six4.sin_addr, 4);
	return six4.sin_port;
}

/* One host of IPv6 has all addresses of its network: count that. */
static void
network_of(struct in6_addr *ip)
{
	if (!IN6_IS_ADDR_V4MAPPED(ip))
		memset(ip->s6_addr + 8, 0, 8);
}

/*
 * Who has vanished is noticed after some minutes.  Each at its own time: the
 * kernel rounds these, and of thousands of probes at one moment the most are
 * dropped on their way, and those connections with them.
 */
static void
tune_keepalive(int fd, uint64_t scatter)
{
	int on = 1, idle = KEEP_IDLE + (int)((scatter & 0xffff) % KEEP_IDLE),
	    every = KEEP_EVERY + (int)((scatter >> 16) % KEEP_EVERY),
	    count = KEEP_COUNT;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof every);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

static void
tune_tcp(struct front *f, int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	tune_keepalive(fd, mix64((uint64_t)f->now, f->counts.accepted));
}

static void
tune_ipc(int fd)
{
	int size = IPC_BUFFER;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

static struct front_conn *
conn_new(struct front *f, int fd, int local)
{
	struct front_conn *c = xcalloc(1, sizeof *c);
	uint8_t greeting[SP_GREETING];

	c->source = (struct source){ SOURCE_CONN, fd };
	c->front = f;
	c->last = &c->first;
	c->since = c->progress = f->now;
	sp_reader_init(
	    &c->reader, local ? SP_IPC : SP_TCP, SP_REQ, f->limits.message);
	LIST_INSERT_HEAD(&f->all, c, all);
	f->counts.accepted++;
	f->counts.connections++;
	waiting_add(c);
	c->armed = EPOLLIN;
	sp_greeting(greeting, SP_REP);
	if (source_add(f, &c->source, c->armed) == -1 ||
	    send(fd, greeting, sizeof greeting, MSG_NOSIGNAL | MSG_DONTWAIT) !=
		(ssize_t)sizeof greeting)
		conn_close(c, NULL);
	return c;
}

static void
refuse(struct front *f, int fd, const char *name, const char *why)
{
	close(fd);
	f->counts.refused++;
	front_report(f, name, why);
}

/* What forbids a further connection of the address (NULL: ipc), or NULL. */
static const char *
conn_fault(const struct front *f, const struct address *address)
{
	const struct front_limits *l = &f->limits;

	if (f->counts.connections >= l->connections)
		return "too many connections";
	if (address == NULL)
		return NULL;
	if (address->n >= l->address)
		return "too many connections of this address";
	if (l->strangers > 0 && address->strangers >= l->address_strangers)
		return "too many unauthenticated connections of this address";
	return NULL;
}

/* The address's reference to itself is dropped by the caller. */
static void
conn_enter(struct front *f, struct front_conn *c, struct address *address)
{
	if (address == NULL)
		return;
	c->address = address;
	c->ip = address->ip;
	address->n++;
	if (f->limits.strangers == 0)
		return;
	if (f->counts.strangers >= f->limits.strangers)
		conn_close(TAILQ_FIRST(&f->strangers),
		    "makes room: too many unauthenticated connections");
	stranger_add(c);
}

static void
conn_accept(
    struct front *f, int fd, int local, const struct sockaddr_storage *ss)
{
	struct address *address = NULL;
	const char *why = NULL;
	struct in6_addr ip;
	struct front_conn *c;
	char name[NAME];

	if (local) {
		if (!name_ipc(name, fd))
			why = "is another user's process";
		tune_ipc(fd);
	} else {
		in_port_t port = internet(ss, &ip);

		name_tcp(name, &ip, port);
		tune_tcp(f, fd);
		network_of(&ip);
		address = address_get(f, &ip);
	}
	if (why == NULL)
		why = conn_fault(f, address);
	if (why != NULL) {
		refuse(f, fd, name, why);
	} else {
		c = conn_new(f, fd, local);
		memcpy(c->name, name, sizeof name);
		if (c->source.fd != -1)
			conn_enter(f, c, address);
	}
	if (address != NULL)
		address_put(f, address);
}

static void
doors_arm(struct front *f, uint32_t events)
{
	struct door *d;

	for (d = f->doors; d != NULL; d = d->next)
		source_change(f, &d->source, events);
}

/*
 * Out of descriptors: the one kept in reserve lets us turn a client away
 * instead of leaving it in the backlog; then rest a moment.
 */
static void
starve(struct front *f, struct door *d)
{
	int fd;

	if (f->reserve != -1)
		close(f->reserve);
	fd = accept4(d->source.fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd != -1)
		refuse(f, fd, "front", "out of file descriptors");
	f->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	f->paused = f->now + PAUSE;
	doors_arm(f, 0);
}

static void
door_event(struct front *f, struct door *d)
{
	struct sockaddr_storage ss;
	int i, fd;

	for (i = 0; i < ACCEPTS; i++) {
		socklen_t len = sizeof ss;

		fd = accept4(d->source.fd, (struct sockaddr *)&ss, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd != -1) {
			conn_accept(f, fd, d->local, &ss);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM)
			starve(f, d);
		/* Others (a client that left, EPROTO) come with epoll again. */
		return;
	}
}

/*
 * Where thousands of connections have something to say, the listeners' turn
 * comes too seldom: who connects meanwhile would have to try again.
 */
static void
doors_open(struct front *f)
{
	struct door *d;

	for (d = f->doors; d != NULL && f->paused == 0; d = d->next)
		door_event(f, d);
}

static void
source_event(struct front *f, struct source *s, uint32_t events)
{
	switch (s->kind) {
	case SOURCE_LISTENER: door_event(f, (struct door *)s); return;
	case SOURCE_WATCH: event_add(f, FRONT_READABLE)->fd = s->fd; return;
	case SOURCE_CONN: conn_event((struct front_conn *)s, events);
	}
}

static const char *
conn_late(const struct front_conn *c, int64_t now)
{
	const struct front_limits *l = &c->front->limits;

	if (!c->reader.greeted && now - c->since > l->greeting)
		return "no greeting in time";
	if (c->is_stranger && now - c->since > l->admission)
		return "did not authenticate in time";
	if ((c->in != NULL || c->reader.have > 0) && c->armed & EPOLLIN &&
	    now - c->progress > l->message_time)
		return "stopped inside a message";
	if (c->first != NULL && now - c->first->at > l->write_time)
		return "does not read its replies";
	return NULL;
}

static int
conn_waits(const struct front_conn *c)
{
	return !c->reader.greeted || c->is_stranger || c->in != NULL ||
	    c->reader.have > 0 || c->first != NULL;
}

/* What it has sent may lie unread, while thousands of others are served. */
static void
sweep_one(struct front_conn *c)
{
	const int64_t now = c->front->now;

	if (conn_late(c, now) != NULL && c->armed & EPOLLIN)
		conn_readable(c);
	if (c->source.fd == -1)
		return;
	if (conn_late(c, now) != NULL)
		conn_close(c, conn_late(c, now));
	else if (!conn_waits(c))
		waiting_remove(c);
}

static void
sweep(struct front *f)
{
	int late = f->now - f->sweep_at > SWEEP_MAX;
	struct front_conn *c, *next;

	f->sweep_at = f->now + f->sweep_every;
	/* If we have been away ourselves, what came meanwhile lies unread. */
	if (late)
		return;
	for (c = LIST_FIRST(&f->waiting); c != NULL; c = next) {
		next = LIST_NEXT(c, waiting);
		sweep_one(c);
	}
}

/* Connections that become due again meanwhile have to wait for the next. */
static void
due_run(struct front *f)
{
	struct front_conn *c, *last = TAILQ_LAST(&f->due, conn_queue);

	while (last != NULL) {
		c = TAILQ_FIRST(&f->due);
		due_remove(c);
		if (!c->blocked)
			conn_write(c);
		if (c->source.fd != -1)
			conn_resume(c);
		if (c == last)
			return;
	}
}

static int
milliseconds(const struct front *f, int64_t deadline)
{
	int64_t left;

	if (f->at < f->n || !TAILQ_EMPTY(&f->due))
		return 0;
	if (!LIST_EMPTY(&f->waiting))
		deadline = smaller(deadline, f->sweep_at);
	if (f->paused != 0)
		deadline = smaller(deadline, f->paused);
	if (deadline == INT64_MAX)
		return -1;
	left = deadline - date_mono();
	if (left <= 0)
		return 0;
	return (int)smaller((left + 999) / 1000, INT_MAX);
}

static void
window_turn(struct front *f)
{
	const int64_t window = f->now >> WINDOW;

	if (window == f->window)
		return;
	f->many = 0;
	if (f->active >= MANY && window == f->window + 1)
		f->many = f->active >= MULTITUDE ? LONGER : 1;
	f->window = window;
	f->active = 0;
}

static void
watches_report(struct front *f)
{
	nfds_t i;

	for (i = 0; i < f->npolls; i++)
		if (f->polls[i].revents != 0)
			event_add(f, FRONT_READABLE)->fd = f->polls[i].fd;
}

/*
 * Waking up for each small request costs more than the request.  The log's
 * descriptor is not kept waiting, since replies are due then; the requests
 * that have come meanwhile go on gathering.  1 to look at the connections now,
 * 0 if not, -1: errno.
 */
static int
gather(struct front *f, int64_t deadline)
{
	int64_t until = smaller(f->gathered, deadline), left;
	struct timespec t;
	int n;

	if (f->many == 0 || f->limits.gather == 0 || f->at < f->n ||
	    !TAILQ_EMPTY(&f->due))
		return 1;
	left = until - date_mono();
	if (left <= 0)
		return 1;
	t.tv_sec = left / DATE_SECOND;
	t.tv_nsec = left % DATE_SECOND * 1000;
	n = ppoll(f->polls, f->npolls, &t, NULL);
	if (n > 0)
		watches_report(f);
	return n == 0 ? 1 : n > 0 ? 0 : -1;
}

static int
connections_look(struct front *f, int64_t deadline)
{
	int n, i;

	n = epoll_wait(f->epoll, f->ready, READY, milliseconds(f, deadline));
	if (n == -1)
		return -1;
	f->now = date_mono();
	window_turn(f);
	for (i = 0; i < n; i++)
		source_event(f, f->ready[i].data.ptr, f->ready[i].events);
	if (n == READY && f->paused == 0)
		doors_open(f);
	/* Those who are left over do not wait for more. */
	f->gathered = n == READY ? 0 : f->now + f->many * f->limits.gather;
	return 0;
}

/* Send, wait, receive: one round over all connections.  0, or -1: errno. */
static int
turn(struct front *f, int64_t deadline)
{
	int look;

	due_run(f);
	look = gather(f, deadline);
	if (look == -1 || (look == 1 && connections_look(f, deadline) == -1))
		return -1;
	f->now = date_mono();
	if (!LIST_EMPTY(&f->waiting) && f->now >= f->sweep_at)
		sweep(f);
	if (f->paused != 0 && f->now >= f->paused) {
		f->paused = 0;
		doors_arm(f, EPOLLIN);
	}
	return 0;
}

int
front_next(struct front *f, struct front_event *event, int64_t deadline)
{
	conn_free(f->gone);
	f->gone = NULL;
	while (f->at == f->n) {
		f->at = f->n = 0;
		if (turn(f, deadline) == -1)
			return -1;
		if (f->now >= deadline) {
			*event = (struct front_event){ .kind = FRONT_TIME };
			return 0;
		}
	}
	*event = f->queue[f->at++];
	if (event->kind == FRONT_CLOSED)
		f->gone = event->route.conn;
	return 0;
}

static size_t
pieces_size(const struct front_piece *pieces, size_t n)
{
	size_t size = 0, i;

	for (i = 0; i < n; i++)
		size += pieces[i].n;
	return size;
}

/* Small replies are cheaper copied than as two pieces of a vector each. */
static struct reply *
reply_copy(const uint8_t *head, size_t head_len,
    const struct front_piece *pieces, size_t n, size_t body)
{
	struct reply *r = xmalloc(sizeof *r + head_len + body);
	uint8_t *to = (uint8_t *)(r + 1);
	size_t i;

	*r = (struct reply){ .head = to, .head_len = head_len + body };
	memcpy(to, head, head_len);
	to += head_len;
	for (i = 0; i < n; i++) {
		memcpy(to, pieces[i].p, pieces[i].n);
		to += pieces[i].n;
		blob_unref(pieces[i].blob);
	}
	return r;
}

static struct reply *
reply_share(const uint8_t *head, size_t head_len,
    const struct front_piece *pieces, size_t n)
{
	size_t size = n * sizeof *pieces;
	struct reply *r = xmalloc(sizeof *r + size + head_len);

	*r = (struct reply){ .head_len = head_len, .pieces = n };
	memcpy(r->piece, pieces, size);
	r->head = (uint8_t *)(r->piece + n);
	memcpy(r->head, head, head_len);
	return r;
}

/* More than it may leave unread: what its socket takes does not count. */
static void
memory_check(struct front_conn *c)
{
	const size_t memory = c->front->limits.memory;

	while (
	    c->source.fd != -1 && c->unsent - c->sent > memory && !c->blocked)
		conn_write(c);
	if (c->source.fd != -1 && c->unsent - c->sent > memory)
		conn_close(c, "too many unread replies");
}

static void
pieces_drop(const struct front_piece *pieces, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		blob_unref(pieces[i].blob);
}

/*
 * The only reply there is to a small request alone, which is most of them: at
 * once, without a queue.  1 if it is gone, or the connection.
 */
static int
reply_now(struct front_conn *c, const uint8_t *head, size_t head_len,
    const struct front_piece *pieces, size_t n)
{
	char text[SP_HEAD_MAX + COPY];
	size_t len = head_len, i;
	ssize_t did;

	memcpy(text, head, head_len);
	for (i = 0; i < n; len += pieces[i++].n)
		memcpy(text + len, pieces[i].p, pieces[i].n);
	did = send(c->source.fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (did == -1 && errno != EAGAIN && errno != EINTR) {
		conn_close(c, NULL);
		return 1;
	}
	c->sent = did > 0 ? (size_t)did : 0;
	c->front->counts.out += c->sent;
	if (c->sent < len)
		return 0;
	c->sent = 0;
	if (c->later != NULL || c->armed & EPOLLRDHUP)
		due_add(c);
	return 1;
}

void
front_reply(struct front *f, const struct front_route *route,
    const struct front_piece *pieces, size_t n)
{
	struct front_conn *c = route->conn;
	size_t body = pieces_size(pieces, n), head_len;
	uint8_t head[SP_HEAD_MAX];
	struct reply *r;

	c->unanswered--;
	f->counts.replies++;
	if (c->source.fd == -1) {
		pieces_drop(pieces, n);
		return;
	}
	head_len = sp_head(
	    head, c->reader.transport, route->hops, route->hops_len, body);
	if (body <= COPY && c->unanswered == 0 && c->first == NULL &&
	    reply_now(c, head, head_len, pieces, n)) {
		pieces_drop(pieces, n);
		return;
	}
	r = body <= COPY ? reply_copy(head, head_len, pieces, n, body)
			 : reply_share(head, head_len, pieces, n);
	r->at = f->now;
	r->size = head_len + body;
	*c->last = r;
	c->last = &r->next;
	c->unsent += r->size;
	due_add(c);
	memory_check(c);
}

void
front_cut(struct front *f, struct front_conn *conn, const char *why)
{
	(void)f;
	/* An answer that says why may be on its way. */
	if (conn->source.fd != -1 && !conn->blocked)
		conn_write(conn);
	conn_close(conn, why);
}

void
front_admit(struct front *f, struct front_conn *conn)
{
	(void)f;
	stranger_remove(conn);
}

int
front_conn_local(const struct front_conn *conn)
{
	return conn->reader.transport == SP_IPC;
}

const unsigned char *
front_conn_address(const struct front_conn *conn)
{
	return conn->ip.s6_addr;
}

void
front_conn_set(struct front_conn *conn, void *data)
{
	conn->data = data;
}

void *
front_conn_get(const struct front_conn *conn)
{
	return conn->data;
}

const char *
front_conn_name(const struct front_conn *conn)
{
	return conn->name;
}

const struct front_counts *
front_counts(const struct front *f)
{
	return &f->counts;
}

static void
doors_close(struct front *f)
{
	struct door *d;

	while ((d = f->doors) != NULL) {
		f->doors = d->next;
		epoll_ctl(f->epoll, EPOLL_CTL_DEL, d->source.fd, NULL);
		free(d);
	}
	while (f->nlistens > 0)
		listen_close(&f->listens[--f->nlistens]);
	f->paused = 0;
}

/* Write to all that have replies; fill polls with those not yet done. */
static nfds_t
drain_write(struct front *f, struct pollfd *polls)
{
	struct front_conn *c, *next;
	nfds_t n = 0;

	for (c = LIST_FIRST(&f->all); c != NULL; c = next) {
		next = LIST_NEXT(c, all);
		if (c->source.fd != -1)
			conn_write(c);
		if (c->source.fd != -1 && c->first != NULL)
			polls[n++] = (struct pollfd){ .fd = c->source.fd,
				.events = POLLOUT };
	}
	return n;
}

void
front_drain(struct front *f, int64_t deadline)
{
	struct pollfd *polls;
	nfds_t n;

	doors_close(f);
	polls = xcalloc((size_t)f->counts.connections + 1, sizeof *polls);
	while ((n = drain_write(f, polls)) > 0 && date_mono() < deadline) {
		int64_t left = (deadline - date_mono() + 999) / 1000;

		poll(polls, n, (int)smaller(left > 0 ? left : 0, 1000));
	}
	free(polls);
}

static void
watches_free(struct front *f)
{
	struct watch *w;

	while ((w = f->watches) != NULL) {
		f->watches = w->next;
		free(w);
	}
}

void
front_free(struct front *f)
{
	struct front_conn *c;

	if (f == NULL)
		return;
	doors_close(f);
	LIST_FOREACH(c, &f->all, all)
	conn_close(c, NULL);
	for (; f->at < f->n; f->at++)
		blob_unref(f->queue[f->at].body);
	while ((c = LIST_FIRST(&f->all)) != NULL)
		conn_free(c);
	watches_free(f);
	close(f->epoll);
	if (f->reserve != -1)
		close(f->reserve);
	free(f->listens);
	free(f->queue);
	free(f->polls);
	free(f);
}

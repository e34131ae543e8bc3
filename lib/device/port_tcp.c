#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "device/port.h"
#include "device/port_part.h"

/*
 * A question to the resolver, in a thread since getaddrinfo() may take many
 * seconds.  It belongs to both, and the last one frees it.
 */
struct port_lookup {
	struct addrinfo *list;
	int error, system; /* EAI_..., errno */
	int fd;		   /* readable once it is answered */
	int refs;
	char host[URL_MAX], port[16];
};

static void
lookup_unref(struct port_lookup *l)
{
	if (__atomic_sub_fetch(&l->refs, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	if (l->list != NULL)
		freeaddrinfo(l->list);
	close(l->fd);
	free(l);
}

static int
resolve(const char *host, const char *port, int flags, struct addrinfo **list)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = flags };

	return getaddrinfo(host, port, &hints, list);
}

static void *
lookup_run(void *arg)
{
	struct port_lookup *l = arg;

	l->error = resolve(l->host, l->port, 0, &l->list);
	l->system = errno;
	(void)eventfd_write(l->fd, 1);
	lookup_unref(l);
	return NULL;
}

/* NULL with errno. */
static struct port_lookup *
lookup_new(const struct url *url)
{
	struct port_lookup *l = xcalloc(1, sizeof *l);
	pthread_t thread;
	int error;

	memcpy(l->host, url->host, sizeof l->host);
	memcpy(l->port, url->port, sizeof l->port);
	l->refs = 2;
	l->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->fd < 0) {
		free(l);
		return NULL;
	}
	error = app_thread(&thread, lookup_run, l);
	if (error != 0) {
		l->refs = 1;
		lookup_unref(l);
		errno = error;
		return NULL;
	}
	pthread_detach(thread);
	return l;
}

static enum port_dialled
failed(struct port_dial *d, int error, const char *text, struct buf *why)
{
	buf_adds(why, text);
	port_dial_end(d);
	errno = error;
	return PORT_DIAL_FAILED;
}

/* What the name stands for, or that it is not known yet. */
static enum port_dialled
take_names(struct port_dial *d, struct buf *why)
{
	struct port_lookup *l = d->lookup;
	eventfd_t count;

	if (eventfd_read(l->fd, &count) != 0) {
		if (date_mono() < d->until)
			return PORT_DIAL_GOING;
		return failed(
		    d, ETIMEDOUT, "its name cannot be looked up", why);
	}
	if (l->error != 0)
		return failed(d, EHOSTUNREACH,
		    l->error == EAI_SYSTEM ? strerror(l->system)
					   : gai_strerror(l->error),
		    why);
	d->list = d->next = l->list;
	l->list = NULL;
	d->lookup = NULL;
	lookup_unref(l);
	return PORT_DIAL_UP;
}

/* A peer that has lost its power says nothing: it is asked. */
static void
watch(int fd)
{
	int on = 1, idle = 10, interval = 5, count = 3;
	unsigned unsent = 20000; /* ms */

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
	(void)setsockopt(
	    fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
	(void)setsockopt(
	    fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unsent, sizeof unsent);
}

/* Begin with the next address: 0, or -1 with d->error. */
static int
connect_next(struct port_dial *d)
{
	const struct addrinfo *to = d->next;
	int type = to->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC;

	d->next = to->ai_next;
	d->until = date_mono() + PORT_DIAL;
	d->fd = socket(to->ai_family, type, to->ai_protocol);
	if (d->fd < 0) {
		d->error = errno;
		return -1;
	}
	watch(d->fd);
	if (connect(d->fd, to->ai_addr, to->ai_addrlen) == 0 ||
	    errno == EINPROGRESS || errno == EINTR)
		return 0;
	d->error = errno;
	close(d->fd);
	d->fd = -1;
	return -1;
}

/* How the address that is tried now does. */
static enum port_dialled
connected(struct port_dial *d)
{
	struct pollfd poll_fd = { .fd = d->fd, .events = POLLOUT };
	socklen_t size = sizeof d->error;

	if (poll(&poll_fd, 1, 0) != 1) {
		if (date_mono() < d->until)
			return PORT_DIAL_GOING;
		d->error = ETIMEDOUT;
	} else if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &d->error, &size) !=
	    0)
		d->error = errno;
	if (d->error == 0)
		return PORT_DIAL_UP;
	close(d->fd);
	d->fd = -1;
	return PORT_DIAL_FAILED;
}

void
port_dial_begin(struct port_dial *d)
{
	port_dial_end(d);
	d->until = date_mono() + PORT_DIAL;
	d->error = 0;
	if (resolve(d->url.host, d->url.port, AI_NUMERICHOST, &d->list) == 0)
		d->next = d->list;
	else {
		d->list = NULL;
		d->lookup = lookup_new(&d->url);
		d->error = errno;
	}
}

enum port_dialled
port_dial_step(struct port_dial *d, int *fd, struct buf *why)
{
	enum port_dialled state;

	if (d->lookup != NULL) {
		state = take_names(d, why);
		if (state != PORT_DIAL_UP)
			return state;
	}
	for (;;) {
		if (d->fd >= 0) {
			state = connected(d);
			if (state == PORT_DIAL_GOING)
				return state;
			if (state == PORT_DIAL_UP)
				break;
		}
		if (d->next == NULL)
			return failed(d, d->error, strerror(d->error), why);
		d->error = 0;
		(void)connect_next(d);
	}
	*fd = d->fd;
	d->fd = -1;
	port_dial_end(d);
	return PORT_DIAL_UP;
}

int
port_dial_fd(const struct port_dial *d)
{
	return d->lookup != NULL ? d->lookup->fd : d->fd;
}

void
port_dial_end(struct port_dial *d)
{
	if (d->lookup != NULL)
		lookup_unref(d->lookup);
	d->lookup = NULL;
	if (d->list != NULL)
		freeaddrinfo(d->list);
	d->list = d->next = NULL;
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}

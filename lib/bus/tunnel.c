#include "bus/tunnel.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "trust/secret.h"

enum {
	CHUNK = 65536,
	LOOK = 60 * DATE_SECOND, /* us of one poll */
	GREETING = 8,
	LENGTH = 8, /* bytes before each message over tcp */
	IPC_MARK = 1
};

/* One direction: what has come from one side, in the form of the other. */
struct flow {
	int mark;      /* 1: add IPC's byte before each message, 0: drop it */
	uint64_t left; /* bytes of the greeting or of a message */
	size_t have;   /* bytes of what stands before a message */
	uint64_t length;
	char in[CHUNK], out[2 * CHUNK];
	size_t at, end; /* of out: not yet written */
};

struct tunnel {
	int proxy, listen, local, stop;
	char dir[64];
	char url[96];
	struct sockaddr_un address;
	pthread_t thread;
	int started;
	struct flow up, down;
};

static __thread char why_text[256];

static struct tunnel *
fail(struct tunnel *t, int error, const char **why, const char *subject,
    const char *what)
{
	snprintf(why_text, sizeof why_text, "%s %s", subject, what);
	*why = why_text;
	tunnel_close(t);
	errno = error;
	return NULL;
}

/* Wait for events on fd: 0, or an errno. */
static int
await(int fd, short events, int64_t deadline, int stop)
{
	struct pollfd fds[2] = { { .fd = fd, .events = events },
		{ .fd = stop, .events = POLLIN } };
	int64_t left;
	int n;

	do {
		left = deadline - date_mono();
		if (left <= 0)
			return ETIMEDOUT;
		left = left < LOOK ? left : LOOK;
		n = poll(fds, 2, (int)(left / 1000) + 1);
		if (fds[1].revents != 0 && n > 0)
			return ECANCELED;
	} while (n == 0 || (n < 0 && errno == EINTR));
	return n < 0 ? errno : 0;
}

/* Connect to one address: the descriptor, or -1 with an errno in *error. */
static int
dial_address(const struct addrinfo *a, int64_t deadline, int stop, int *error)
{
	int fd =
	    socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const int on = 1;
	socklen_t len = sizeof *error;

	*error = errno;
	if (fd < 0)
		return -1;
	*error = 0;
	if (connect(fd, a->ai_addr, a->ai_addrlen) < 0) {
		*error = errno == EINPROGRESS
		    ? await(fd, POLLOUT, deadline, stop)
		    : errno;
		if (*error == 0 &&
		    getsockopt(fd, SOL_SOCKET, SO_ERROR, error, &len) < 0)
			*error = errno;
	}
	if (*error != 0) {
		close(fd);
		return -1;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

static int
dial_proxy(const struct proxy *proxy, int64_t deadline, int stop, int *error)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list, *a;
	int fd = -1;

	*error = EHOSTUNREACH;
	if (getaddrinfo(proxy->host, proxy->port, &hints, &list) != 0)
		return -1;
	for (a = list; a != NULL && fd < 0 && *error != ECANCELED;
	     a = a->ai_next)
		fd = dial_address(a, deadline, stop, error);
	freeaddrinfo(list);
	return fd;
}

/* Send it all: 0, or an errno. */
static int
send_all(int fd, const char *p, size_t n, int64_t deadline, int stop)
{
	ssize_t did;
	int error;

	while (n > 0) {
		error = await(fd, POLLOUT, deadline, stop);
		if (error != 0)
			return error;
		did = send(fd, p, n, MSG_NOSIGNAL);
		if (did < 0 && errno != EAGAIN && errno != EINTR)
			return errno;
		if (did > 0) {
			p += did;
			n -= (size_t)did;
		}
	}
	return 0;
}

/*
 * The proxy's answer, byte by byte so that nothing of what follows is taken:
 * 0 with *status, or an errno, with *why if it is the answer's fault.
 */
static int
read_answer(int fd, int64_t deadline, int stop, int *status, const char **why)
{
	char text[PROXY_ANSWER_MAX + 1];
	enum proxy_result got = PROXY_MORE;
	size_t n = 0, used;
	ssize_t did;
	int error;

	while (got == PROXY_MORE) {
		error = await(fd, POLLIN, deadline, stop);
		if (error != 0)
			return error;
		did = recv(fd, text + n, 1, 0);
		if (did == 0)
			return ECONNRESET;
		if (did < 0 && errno != EAGAIN && errno != EINTR)
			return errno;
		if (did < 0)
			continue;
		n++;
		/* A line that is not yet whole has nothing new to say. */
		if (text[n - 1] == '\n' || n < 16 || n == sizeof text)
			got = proxy_answer(text, n, &used, status, why);
	}
	return got == PROXY_ANSWER ? 0 : ECONNREFUSED;
}

static const char *
refusal(int status, const char *auth)
{
	switch (status) {
	case 401:
	case 407:
		return auth == NULL
		    ? "wants user and password: --proxy-auth FILE"
		    : "does not take this user and password";
	case 403: return "forbids it (403)";
	case 502:
	case 503:
	case 504: return "does not reach the broker";
	default: return "does not make a connection";
	}
}

/* A socket that nobody else can reach. */
static int
listen_privately(struct tunnel *t)
{
	const char *dirs[] = { getenv("XDG_RUNTIME_DIR"), "/tmp" };
	char dir[sizeof t->dir];

	t->address.sun_family = AF_UNIX;
	for (size_t i = 0; i < 2 && t->dir[0] == '\0'; i++) {
		if (dirs[i] == NULL || dirs[i][0] != '/' ||
		    snprintf(dir, sizeof dir, "%s/sg-tunnel.XXXXXX", dirs[i]) >=
			(int)sizeof dir ||
		    mkdtemp(dir) == NULL)
			continue;
		memcpy(t->dir, dir, sizeof dir);
	}
	if (t->dir[0] == '\0')
		return -1;
	snprintf(
	    t->address.sun_path, sizeof t->address.sun_path, "%s/s", t->dir);
	snprintf(t->url, sizeof t->url, "ipc://%s/s", t->dir);
	t->listen = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (t->listen < 0 ||
	    bind(t->listen, (struct sockaddr *)&t->address, sizeof t->address) <
		0)
		return -1;
	return listen(t->listen, 1);
}

static void
remove_socket(struct tunnel *t)
{
	if (t->listen >= 0)
		close(t->listen);
	t->listen = -1;
	if (t->dir[0] == '\0')
		return;
	unlink(t->address.sun_path);
	rmdir(t->dir);
	t->dir[0] = '\0';
}

/* The byte after which a message's body comes: how many of those there are. */
static void
begin_message(struct flow *f)
{
	f->left = f->length;
	f->have = 0;
	f->length = 0;
}

/* One byte of what stands before a message: 0, or -1 for a broken one. */
static int
take_head(struct flow *f, unsigned char c)
{
	size_t marked = f->mark ? 0 : 1; /* bytes before the length */

	if (f->have < marked) {
		f->have++;
		return c == IPC_MARK ? 0 : -1;
	}
	if (f->mark && f->have == 0)
		f->out[f->end++] = IPC_MARK;
	f->out[f->end++] = (char)c;
	f->length = f->length << 8 | c;
	if (++f->have == marked + LENGTH)
		begin_message(f);
	return 0;
}

/* Turn in[0..n) into the other form: 0, or -1 if it is not SP. */
static int
translate(struct flow *f, size_t n)
{
	size_t i = 0, part;

	f->at = f->end = 0;
	while (i < n) {
		if (f->left == 0) {
			if (take_head(f, (unsigned char)f->in[i++]) < 0)
				return -1;
			continue;
		}
		part = n - i;
		if (part > f->left)
			part = (size_t)f->left;
		memcpy(f->out + f->end, f->in + i, part);
		f->end += part;
		f->left -= part;
		i += part;
	}
	return 0;
}

/* Read once, or write what was read: 0, or -1 at the end of the connection. */
static int
move(struct flow *f, int from, int to)
{
	ssize_t n;

	if (f->at == f->end) {
		n = recv(from, f->in, sizeof f->in, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) ||
		    (n > 0 && translate(f, (size_t)n) < 0))
			return -1;
	}
	if (f->at == f->end)
		return 0;
	n = send(
	    to, f->out + f->at, f->end - f->at, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return -1;
	if (n > 0)
		f->at += (size_t)n;
	return 0;
}

static int
waits(const struct flow *f)
{
	return f->at < f->end;
}

static void
carry(struct tunnel *t)
{
	struct flow *up = &t->up, *down = &t->down;
	struct pollfd fds[3] = { { .fd = t->local }, { .fd = t->proxy },
		{ .fd = t->stop, .events = POLLIN } };
	int n;

	for (;;) {
		fds[0].events = (short)((waits(up) ? 0 : POLLIN) |
		    (waits(down) ? POLLOUT : 0));
		fds[1].events = (short)((waits(down) ? 0 : POLLIN) |
		    (waits(up) ? POLLOUT : 0));
		n = poll(fds, 3, -1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || fds[2].revents != 0)
			return;
		/* Nobody is left to tell. */
		if (waits(up) && (fds[0].revents & (POLLHUP | POLLERR)) != 0)
			return;
		if (fds[waits(up) ? 1 : 0].revents != 0 &&
		    move(up, t->local, t->proxy) < 0)
			return;
		if (fds[waits(down) ? 0 : 1].revents != 0 &&
		    move(down, t->proxy, t->local) < 0)
			return;
	}
}

static void *
relay(void *arg)
{
	struct tunnel *t = arg;
	int error = await(t->listen, POLLIN, INT64_MAX, t->stop);

	if (error == 0)
		t->local = accept4(t->listen, NULL, NULL, SOCK_CLOEXEC);
	remove_socket(t);
	if (t->local >= 0)
		carry(t);
	/* Both ends learn of it at once; the descriptors are closed later. */
	if (t->local >= 0)
		shutdown(t->local, SHUT_RDWR);
	shutdown(t->proxy, SHUT_RDWR);
	return NULL;
}

static int
start_thread(struct tunnel *t)
{
	int error = app_thread(&t->thread, relay, t);

	t->started = error == 0;
	return error;
}

/* Ask for the connection: 0, or an errno with *why if there is more to say. */
static int
ask(const struct tunnel *t, const char *auth, const struct url *to,
    int64_t deadline, int stop, const char **why)
{
	struct buf request = { 0 };
	int error, status = 0;

	proxy_request(&request, to, auth);
	error = send_all(t->proxy, request.p, request.len, deadline, stop);
	secret_wipe(request.p, request.len);
	buf_fini(&request);
	if (error == 0)
		error = read_answer(t->proxy, deadline, stop, &status, why);
	if (error != 0 || (status >= 200 && status < 300))
		return error;
	*why = refusal(status, auth);
	return status == 401 || status == 403 || status == 407 ? EACCES
							       : ECONNREFUSED;
}

struct tunnel *
tunnel_open(const struct proxy *proxy, const char *auth, const struct url *to,
    int64_t deadline, int stop, const char **why)
{
	struct tunnel *t = xcalloc(1, sizeof *t);
	const char *said = NULL;
	int error;

	t->listen = t->local = -1;
	t->up.left = t->down.left = GREETING;
	t->down.mark = 1;
	t->stop = eventfd(0, EFD_CLOEXEC);
	t->proxy = dial_proxy(proxy, deadline, stop, &error);
	if (t->proxy < 0)
		return fail(t, error, why, "the proxy:", strerror(error));
	error = ask(t, auth, to, deadline, stop, &said);
	if (error != 0)
		return fail(t, error, why, "the proxy",
		    said != NULL	     ? said
			: error == ETIMEDOUT ? "does not answer"
					     : "breaks off");
	if (t->stop < 0 || listen_privately(t) < 0)
		return fail(
		    t, errno, why, "a socket for the proxy:", strerror(errno));
	error = start_thread(t);
	if (error != 0)
		return fail(
		    t, error, why, "a thread for the proxy:", strerror(error));
	return t;
}

const char *
tunnel_url(const struct tunnel *t)
{
	return t->url;
}

void
tunnel_close(struct tunnel *t)
{
	const uint64_t one = 1;
	ssize_t wrote;

	if (t == NULL)
		return;
	if (t->started) {
		wrote = write(t->stop, &one, sizeof one);
		(void)wrote;
		pthread_join(t->thread, NULL);
	}
	remove_socket(t);
	if (t->local >= 0)
		close(t->local);
	if (t->proxy >= 0)
		close(t->proxy);
	if (t->stop >= 0)
		close(t->stop);
	free(t);
}

#include "broker/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/die.h"

/* The kernel takes less, net.core.somaxconn, unless that is raised too. */
enum { BACKLOG = 65536 };

static const char ipc_scheme[] = "ipc://", tcp_scheme[] = "tcp://";

int
listen_local(const char *url)
{
	return strncmp(url, ipc_scheme, strlen(ipc_scheme)) == 0;
}

static int
fail(const char **why, const char *reason)
{
	*why = reason;
	return -1;
}

static int
fail_errno(const char **why)
{
	if (errno == EADDRINUSE)
		return fail(why, "address in use");
	return fail(why, strerror(errno));
}

/* Whoever may write to the folder may replace the socket in it. */
static int
folder_prepare(const char *path, const char **why)
{
	const char *slash = strrchr(path, '/');
	char *dir;
	struct stat st;
	int result = 0;

	if (slash == NULL || slash == path)
		return 0;
	dir = xstrndup(path, (size_t)(slash - path));
	if ((mkdir(dir, 0700) == -1 && errno != EEXIST) || stat(dir, &st) == -1)
		result = fail_errno(why);
	else if (st.st_uid != 0 && st.st_uid != geteuid())
		result = fail(why, "its folder belongs to another user");
	free(dir);
	return result;
}

static int
address_fill(struct sockaddr_un *sun, const char *path)
{
	size_t n = strlen(path);

	*sun = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (n == 0 || n >= sizeof sun->sun_path)
		return -1;
	memcpy(sun->sun_path, path, n);
	return 0;
}

/* 1 if the socket file has no listener any more. */
static int
stale(const struct sockaddr_un *sun)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int refused;

	if (fd == -1)
		return 0;
	refused =
	    connect(fd, (const struct sockaddr *)sun, sizeof *sun) == -1 &&
	    errno == ECONNREFUSED;
	close(fd);
	return refused;
}

static int
ipc_bind(int fd, const struct sockaddr_un *sun)
{
	const struct sockaddr *sa = (const struct sockaddr *)sun;
	struct stat st;

	if (bind(fd, sa, sizeof *sun) == 0)
		return 0;
	if (errno != EADDRINUSE)
		return -1;
	if (lstat(sun->sun_path, &st) == -1 || !S_ISSOCK(st.st_mode) ||
	    !stale(sun)) {
		errno = EADDRINUSE;
		return -1;
	}
	if (unlink(sun->sun_path) == -1 && errno != ENOENT)
		return -1;
	return bind(fd, sa, sizeof *sun);
}

static int
ipc_open(struct listen *l, const char *path, const char **why)
{
	struct sockaddr_un sun;
	struct stat st;
	int fd;

	if (address_fill(&sun, path) == -1)
		return fail(why, "path empty or longer than 107 bytes");
	if (folder_prepare(path, why) == -1)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return fail_errno(why);
	l->fd[l->n++] = fd;
	/* Linux gives the file the socket's own mode, less the umask: at no
	 * moment may others connect. */
	if (fchmod(fd, 0600) == -1 || ipc_bind(fd, &sun) == -1 ||
	    lstat(path, &st) == -1)
		return fail_errno(why);
	l->path = xstrdup(path);
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	if (chmod(path, 0600) == -1 || listen(fd, BACKLOG) == -1)
		return fail_errno(why);
	l->url = xstrdup(l->path);
	return 0;
}

static in_port_t *
port_of(struct sockaddr_storage *ss)
{
	return ss->ss_family == AF_INET6
	    ? &((struct sockaddr_in6 *)ss)->sin6_port
	    : &((struct sockaddr_in *)ss)->sin_port;
}

/*
 * Bind one address; every address of a name gets the port of the first.  1,
 * 0 if the machine has no such address, -1 with errno.
 */
static int
tcp_bind(
    struct listen *l, const struct addrinfo *ai, int only6, in_port_t *port)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof ss;
	int on = 1, fd;

	fd = socket(
	    ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return errno == EAFNOSUPPORT ? 0 : -1;
	memcpy(&ss, ai->ai_addr, ai->ai_addrlen);
	if (*port != 0)
		*port_of(&ss) = *port;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only6, sizeof only6);
	if (bind(fd, (struct sockaddr *)&ss, ai->ai_addrlen) == -1 ||
	    listen(fd, BACKLOG) == -1 ||
	    getsockname(fd, (struct sockaddr *)&ss, &len) == -1) {
		int error = errno;

		close(fd);
		errno = error;
		return error == EADDRNOTAVAIL ? 0 : -1;
	}
	*port = *port_of(&ss);
	l->fd[l->n++] = fd;
	return 1;
}

static int
tcp_bind_all(struct listen *l, const char *host, const char *service,
    in_port_t *port, const char **why)
{
	struct addrinfo hints = { .ai_flags = AI_PASSIVE,
		.ai_socktype = SOCK_STREAM },
			*list, *ai;
	int any = host[0] == '\0' || strcmp(host, "*") == 0, error, got = 0;

	/* One socket of both families serves "all addresses". */
	hints.ai_family = any ? AF_INET6 : AF_UNSPEC;
	error = getaddrinfo(any ? NULL : host, service, &hints, &list);
	if (error != 0)
		return fail(why, gai_strerror(error));
	for (ai = list; ai != NULL && l->n < LISTEN_MAX; ai = ai->ai_next)
		if ((got = tcp_bind(l, ai, !any, port)) == -1)
			break;
	freeaddrinfo(list);
	if (got == -1)
		return fail_errno(why);
	if (l->n == 0 && any)
		return tcp_bind_all(l, "0.0.0.0", service, port, why);
	return l->n == 0 ? fail(why, "no such address here") : 0;
}

/* host:port with the host in brackets if it contains colons. */
static char *
host_cut(const char *at, const char **service, const char **why)
{
	const char *colon = strrchr(at, ':'), *p;

	*why = "port missing";
	if (colon == NULL || colon[1] == '\0')
		return NULL;
	for (p = *service = colon + 1; *p != '\0'; p++)
		if (*p < '0' || *p > '9')
			return NULL;
	*why = "port above 65535";
	if (p - *service > 5 || strtol(*service, NULL, 10) > 65535)
		return NULL;
	*why = "bad host";
	if (at[0] == '[' && colon > at + 1 && colon[-1] == ']')
		return xstrndup(at + 1, (size_t)(colon - at) - 2);
	if (memchr(at, ':', (size_t)(colon - at)) != NULL)
		return NULL;
	return xstrndup(at, (size_t)(colon - at));
}

static int
tcp_open(struct listen *l, const char *at, const char **why)
{
	struct buf url = { 0 };
	const char *service;
	char *host = host_cut(at, &service, why);
	in_port_t port = 0;
	int result;

	if (host == NULL)
		return -1;
	result = tcp_bind_all(l, host, service, &port, why);
	free(host);
	if (result == -1)
		return -1;
	buf_add(&url, at, (size_t)(service - at));
	buf_addu(&url, ntohs(port));
	l->url = xstrdup(buf_cstr(&url));
	buf_fini(&url);
	return 0;
}

int
listen_open(struct listen *l, const char *url, const char **why)
{
	const char *scheme = listen_local(url) ? ipc_scheme : tcp_scheme;
	const char *rest = url + strlen(scheme);
	struct buf full = { 0 };
	int result;

	*l = (struct listen){ .local = listen_local(url) };
	if (l->local)
		result = ipc_open(l, rest, why);
	else if (strncmp(url, tcp_scheme, strlen(tcp_scheme)) == 0)
		result = tcp_open(l, rest, why);
	else
		return fail(why, "neither ipc:// nor tcp://");
	if (result == -1) {
		listen_close(l);
		return -1;
	}
	buf_adds(&full, scheme);
	buf_adds(&full, l->url);
	free(l->url);
	l->url = xstrdup(buf_cstr(&full));
	buf_fini(&full);
	return 0;
}

void
listen_close(struct listen *l)
{
	struct stat st;

	if (l->path != NULL && lstat(l->path, &st) == 0 &&
	    st.st_dev == l->dev && st.st_ino == l->ino)
		unlink(l->path);
	while (l->n > 0)
		close(l->fd[--l->n]);
	free(l->url);
	free(l->path);
	*l = (struct listen){ 0 };
}

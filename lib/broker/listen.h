/*
 * From a URL to listening sockets: ipc:///path and tcp://host:port.
 */
#ifndef SG_BROKER_LISTEN_H
#define SG_BROKER_LISTEN_H

#include <stddef.h>
#include <sys/types.h>

enum { LISTEN_MAX = 8 };	/* addresses of one host name */

struct listen {
	int fd[LISTEN_MAX];	/* non-blocking, close-on-exec */
	size_t n;
	int local;		/* ipc */
	char *url;		/* with the real port */
	char *path;		/* ipc: the socket file, else NULL */
	dev_t dev;
	ino_t ino;
};

/*
 * listen_local(url) - 1 if it begins with ipc://, else 0.
 */
int listen_local(const char *url);

/*
 * listen_open(l, url, why) - ipc: the socket file gets mode 0600, its folder
 * is created 0700 if absent and refused if it is another user's (root's is
 * fine), a file nobody listens on is replaced.  tcp: host is a name, an IPv4
 * address, an IPv6 address in brackets, or * for all; port 0 takes any; all
 * addresses of a name are bound.  0, or -1 with *why; l is empty then.
 */
int listen_open(struct listen *l, const char *url, const char **why);

/* listen_close(l) - Close, and remove the socket file if it is still ours. */
void listen_close(struct listen *l);

#endif

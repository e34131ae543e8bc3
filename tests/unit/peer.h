/*
 * A client of plain sockets: it says SP by itself, so that a test sees each
 * byte and decides what is sent.
 */
#ifndef SG_TEST_PEER_H
#define SG_TEST_PEER_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/die.h"
#include "bus/sp.h"
#include "check.h"

enum { PEER_LONG = 20000 }; /* ms after which a test has failed */

struct peer {
	int fd;
	enum sp_transport transport;
	uint32_t id; /* of the last request */
};

/* peer_get(p, out, n) - n bytes; 0 if the other end is closed instead. */
static inline int
peer_get(struct peer *p, void *out, size_t n)
{
	struct pollfd poll_fd = { .fd = p->fd, .events = POLLIN };
	char *to = out;
	ssize_t got;

	for (; n > 0; n -= (size_t)got, to += got) {
		if (poll(&poll_fd, 1, PEER_LONG) <= 0)
			die(EXIT_IO, "no answer to request %u", p->id);
		got = recv(p->fd, to, n, 0);
		if (got <= 0)
			return 0;
	}
	return 1;
}

/* peer_read(p, out, n) - n bytes, which have to come. */
static inline void
peer_read(struct peer *p, void *out, size_t n)
{
	if (!peer_get(p, out, n))
		die(EXIT_IO, "cut off after request %u", p->id);
}

/* peer_put(p, data, n) - Send; 0 if the other end is closed. */
static inline int
peer_put(struct peer *p, const void *data, size_t n)
{
	const char *from = data;
	ssize_t did;

	for (; n > 0; n -= (size_t)did, from += did) {
		did = send(p->fd, from, n, MSG_NOSIGNAL);
		if (did <= 0)
			return 0;
	}
	return 1;
}

static inline void
peer_write(struct peer *p, const void *data, size_t n)
{
	if (!peer_put(p, data, n))
		die(EXIT_IO, "send: %s", strerror(errno));
}

/* peer_local(p, path) - Connect to a socket file, no greeting yet. */
static inline void
peer_local(struct peer *p, const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	*p = (struct peer){ .transport = SP_IPC };
	memcpy(sun.sun_path, path, strlen(path) + 1);
	p->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(p->fd, (struct sockaddr *)&sun, sizeof sun) != 0)
		die(EXIT_IO, "connect: %s", strerror(errno));
}

/*
 * peer_tcp(p, host, port) - Connect to 127.0.0.1:port from the loopback
 * address host, no greeting yet.
 */
static inline void
peer_tcp(struct peer *p, const char *host, int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET }, from = to;

	*p = (struct peer){ .transport = SP_TCP };
	from.sin_addr.s_addr = inet_addr(host);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = htons((uint16_t)port);
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(p->fd, (struct sockaddr *)&from, sizeof from) != 0 ||
	    connect(p->fd, (struct sockaddr *)&to, sizeof to) != 0)
		die(EXIT_IO, "connect: %s", strerror(errno));
}

/* peer_greet(p) - Exchange the greetings; 0 if it is closed instead. */
static inline int
peer_greet(struct peer *p)
{
	uint8_t greeting[SP_GREETING];

	sp_greeting(greeting, SP_REQ);
	return peer_put(p, greeting, sizeof greeting) &&
	    peer_get(p, greeting, sizeof greeting);
}

/* peer_try(p, text, n) - Send a request; 0 if the other end is closed. */
static inline int
peer_try(struct peer *p, const void *text, size_t n)
{
	uint8_t head[SP_HEAD_MAX], path[4];
	size_t len;

	p->id++;
	path[0] = 0x80;
	path[1] = (uint8_t)(p->id >> 16);
	path[2] = (uint8_t)(p->id >> 8);
	path[3] = (uint8_t)p->id;
	len = sp_head(head, p->transport, path, sizeof path, n);
	return peer_put(p, head, len) && peer_put(p, text, n);
}

/* peer_send(p, text, n) - Send a request: its id. */
static inline uint32_t
peer_send(struct peer *p, const void *text, size_t n)
{
	if (!peer_try(p, text, n))
		die(EXIT_IO, "send: %s", strerror(errno));
	return p->id;
}

/*
 * peer_answer(p, text) - The next answer, whichever request's it is: that
 * request's id, 0 if the other end is closed; text ends with a NUL.
 */
static inline uint32_t
peer_answer(struct peer *p, struct buf *text)
{
	uint8_t head[13], *at = head + 1;
	size_t n = 0, i;

	if (p->transport == SP_TCP)
		at = head;
	if (!peer_get(p, head, (size_t)(at - head) + 12))
		return 0;
	for (i = 0; i < 8; i++)
		n = n << 8 | at[i];
	buf_clear(text);
	buf_room(text, n + 1);
	if (!peer_get(p, text->p, n - 4))
		return 0;
	text->len = n - 4;
	buf_cstr(text);
	return (uint32_t)at[9] << 16 | (uint32_t)at[10] << 8 | at[11];
}

/* peer_next(p, text) - The same, and it has to come. */
static inline uint32_t
peer_next(struct peer *p, struct buf *text)
{
	uint32_t id = peer_answer(p, text);

	if (id == 0)
		die(EXIT_IO, "cut off after request %u", p->id);
	return id;
}

/* peer_ask(p, text, answer) - One request, one answer. */
static inline void
peer_ask(struct peer *p, const char *text, struct buf *answer)
{
	uint32_t id = peer_send(p, text, strlen(text));

	check(peer_next(p, answer) == id, "another request is answered");
}

#endif

/*
 * Requests and replies over a TCP socket, for programs that put themselves
 * where a client, a broker or the network should be.  Whatever fails ends
 * the program.
 */
#ifndef SG_TEST_WIRE_H
#define SG_TEST_WIRE_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/die.h"
#include "bus/sp.h"

enum { WIRE_LIMIT = 1 << 24, WIRE_WAIT = 10000 /* ms */ };

struct message {
	uint8_t path[SP_PATH_MAX]; /* hops and request id */
	size_t path_len;
	struct buf body;
};

/* One direction as it is read. */
struct incoming {
	int fd;
	struct sp_reader reader;
	struct buf bytes; /* read, not yet used */
	struct message message;
	uint64_t missing; /* bytes of the body */
	int begun;
};

static inline void
incoming_init(struct incoming *in, int fd, enum sp_protocol peer)
{
	*in = (struct incoming){ .fd = fd };
	sp_reader_init(&in->reader, SP_TCP, peer, WIRE_LIMIT);
}

static inline void
incoming_fini(struct incoming *in)
{
	buf_fini(&in->bytes);
	buf_fini(&in->message.body);
}

/* incoming_fill(in) - Read what is there: 0 at the end of the stream. */
static inline int
incoming_fill(struct incoming *in)
{
	ssize_t n = read(in->fd, buf_room(&in->bytes, 65536), 65536);

	if (n <= 0)
		return 0;
	in->bytes.len += (size_t)n;
	return 1;
}

/* The rest of a message that has begun: 1 if all of it is there. */
static inline int
incoming_body(struct incoming *in)
{
	size_t part = in->bytes.len;

	if (in->missing < part)
		part = (size_t)in->missing;
	buf_add(&in->message.body, in->bytes.p, part);
	buf_cut(&in->bytes, part);
	in->missing -= part;
	if (in->missing > 0)
		return 0;
	in->begun = 0;
	return 1;
}

/*
 * incoming_next(in) - 1 with in->message, 0 if more bytes are needed, -1 if
 * it is no SP.
 */
static inline int
incoming_next(struct incoming *in)
{
	const char *p, *why;
	size_t n;

	while (!in->begun && in->bytes.len > 0) {
		enum sp_step step;

		p = in->bytes.p;
		n = in->bytes.len;
		step = sp_read(&in->reader, &p, &n, &why);
		if (step == SP_MESSAGE) {
			memcpy(in->message.path, in->reader.path,
			    in->reader.path_len);
			in->message.path_len = in->reader.path_len;
			in->missing = in->reader.body;
			in->begun = 1;
			buf_clear(&in->message.body);
		}
		buf_cut(&in->bytes, in->bytes.len - n);
		if (step == SP_BAD)
			return -1;
	}
	return in->begun ? incoming_body(in) : 0;
}

/* incoming_wait(in) - The next message: 1, or 0 if there is none any more. */
static inline int
incoming_wait(struct incoming *in)
{
	struct pollfd fd = { in->fd, POLLIN, 0 };
	int got;

	while ((got = incoming_next(in)) == 0) {
		if (poll(&fd, 1, WIRE_WAIT) <= 0)
			die(EXIT_TIMEOUT, "the peer is silent");
		if (!incoming_fill(in))
			return 0;
	}
	return got > 0;
}

/* wire_write(fd, p, n) - 0, or -1 if the peer has gone. */
static inline int
wire_write(int fd, const void *p, size_t n)
{
	const char *at = p;
	ssize_t got;

	for (; n > 0; at += got, n -= (size_t)got) {
		got = send(fd, at, n, MSG_NOSIGNAL);
		if (got < 0 && errno == EINTR)
			got = 0;
		if (got < 0)
			return -1;
	}
	return 0;
}

static inline int
wire_send(int fd, const uint8_t *path, size_t path_len, const void *p, size_t n)
{
	uint8_t head[SP_HEAD_MAX];
	struct buf all = { 0 };
	int result;

	buf_add(&all, head, sp_head(head, SP_TCP, path, path_len, n));
	buf_add(&all, p, n);
	result = wire_write(fd, all.p, all.len);
	buf_fini(&all);
	return result;
}

static inline void
wire_greet(int fd, enum sp_protocol protocol)
{
	uint8_t greeting[SP_GREETING];
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	sp_greeting(greeting, protocol);
	wire_write(fd, greeting, sizeof greeting);
}

/* wire_connect(url) - To tcp://ADDRESS:PORT, as a client of it. */
static inline int
wire_connect(const char *url)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	const char *host = strncmp(url, "tcp://", 6) == 0 ? url + 6 : url;
	const char *colon = strrchr(host, ':');
	char address[64];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (colon == NULL)
		die(EXIT_USAGE, "%s: no port", url);
	snprintf(address, sizeof address, "%.*s", (int)(colon - host), host);
	to.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		die(EXIT_USAGE, "%s: no address", url);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
		die(EXIT_UNAVAILABLE, "%s: %m", url);
	wire_greet(fd, SP_REQ);
	return fd;
}

/* wire_listen() - On any port of 127.0.0.1, whose URL is printed. */
static inline int
wire_listen(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 ||
	    listen(fd, 64) != 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &n) != 0)
		die(EXIT_UNAVAILABLE, "listen: %m");
	printf("tcp://127.0.0.1:%d\n", ntohs(at.sin_port));
	fflush(stdout);
	return fd;
}

#endif

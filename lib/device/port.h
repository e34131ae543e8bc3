/*
 * Where a proxy's bytes come from: a serial line, a TCP connection (ser2net),
 * a file, standard input.  A line that goes away is opened again, with
 * growing pauses.
 */
#ifndef SG_DEVICE_PORT_H
#define SG_DEVICE_PORT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum port_kind {
	PORT_FILE, /* or standard input, a pipe: it ends, nothing is written */
	PORT_SERIAL, /* any termios device, a pseudo-terminal too */
	PORT_TCP
};

enum {
	PORT_PAUSE = 500000,	   /* us before a line is opened again; */
	PORT_PAUSE_MAX = 30000000, /* twice as long each time, up to this,
				      until bytes have come again */
	PORT_DIAL = 5000000,	   /* us for a name, and for each of its
				      addresses */
	PORT_WAITING = 65536 /* bytes that a line may leave unsent before it is
				given up */
};

struct port;

/*
 * port_open(source, baud, again, why) - source is a path, "-" or
 * tcp://HOST:PORT (an IPv6 address in brackets).  Serial lines are set to 8N1,
 * raw, no flow control, are ours alone, and stale bytes are dropped.  The
 * first attempt is made at once, and its end waited for: a file, path or host
 * that cannot be had now is an error (NULL with why, "SOURCE: ...", and errno)
 * unless again is 1; then the first port_read() says PORT_GONE.  What can
 * never be had (a bad URL or rate) is an error always (EINVAL).
 */
struct port *
port_open(const char *source, unsigned baud, int again, struct buf *why);
void port_close(struct port *p);

/* port_kind(p) - A path where nothing is yet counts as PORT_SERIAL. */
enum port_kind port_kind(const struct port *p);

/* port_up(p) - 1 if the line is there. */
int port_up(const struct port *p);

/*
 * port_fd(p) - To poll for reading (with poll: epoll has no files); -1 while
 * there is nothing to poll for.  It may change with each port_read().
 */
int port_fd(const struct port *p);
/* port_wants_write(p) - 1: also poll for writing. */
int port_wants_write(const struct port *p);

enum port_state {
	PORT_END = -1, /* a file's end; port_why() is not "" if it could not be
			  read to its end */
	PORT_NONE = 0, /* nothing now */
	PORT_BYTES,    /* *n bytes */
	PORT_GONE,     /* the line went away just now: port_why() */
	PORT_BACK      /* it is there again just now */
};

/*
 * port_read(p, space, room, n) - What there is; does what else is due.  Never
 * blocks (but for a disk).  To be called when port_fd() is ready in any way,
 * and at port_due().
 */
enum port_state port_read(struct port *p, void *space, size_t room, size_t *n);
/* port_why(p) - "SOURCE: ...", valid until the next port_read(); "" if none. */
const char *port_why(const struct port *p);

/*
 * port_write(p, bytes, n) - Send, or keep until the line takes them; dropped
 * when it goes away.  Ignored for PORT_FILE, and while the line is away.
 */
void port_write(struct port *p, const void *bytes, size_t n);

/*
 * port_renew(p) - What is behind the line does not answer: what it has not
 * taken yet is dropped, so that it does not come late, and the line opened
 * again.  The next port_read()s say so.  Ignored for PORT_FILE.
 */
void port_renew(struct port *p);

/* port_due(p) - When to call port_read() although nothing is readable. */
int64_t port_due(const struct port *p);

#endif

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

struct port;

/*
 * port_open(source, baud, why) - source is a path, "-" or tcp://HOST:PORT.
 * Serial lines are set to 8N1, raw, no flow control, and stale bytes are
 * dropped.  The first attempt is made at once: a file, path or host that
 * cannot be had now is an error (NULL with why, "SOURCE: ...") unless again
 * is 1.
 */
struct port *
port_open(const char *source, unsigned baud, int again, struct buf *why);
void port_close(struct port *p);

enum port_kind port_kind(const struct port *p);

/* port_fd(p) - To poll for reading; -1 while the line is away. */
int port_fd(const struct port *p);
/* port_wants_write(p) - 1: also poll for writing. */
int port_wants_write(const struct port *p);

enum port_state {
	PORT_END = -1, /* a file's end */
	PORT_NONE = 0, /* nothing now */
	PORT_BYTES,    /* *n bytes */
	PORT_GONE,     /* the line went away just now: port_why() */
	PORT_BACK      /* it is there again just now */
};

/*
 * port_read(p, space, room, n) - Never blocks on serial lines and TCP.
 */
enum port_state port_read(struct port *p, void *space, size_t room, size_t *n);
const char *port_why(const struct port *p);

/*
 * port_write(p, bytes, n) - Send, or keep until the line takes them; dropped
 * when it goes away.  Ignored for PORT_FILE.
 */
void port_write(struct port *p, const void *bytes, size_t n);

/* port_due(p) - When to call port_read() although nothing is readable. */
int64_t port_due(const struct port *p);

#endif

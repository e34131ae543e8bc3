/*
 * Inside port.h: how a serial line and a TCP connection are opened.
 */
#ifndef SG_DEVICE_PORT_PART_H
#define SG_DEVICE_PORT_PART_H

#include <stdint.h>

#include "base/buf.h"
#include "bus/url.h"

/*
 * port_serial(path, baud, why) - Open and set it: a descriptor that does not
 * block.  -1 with errno and why appended; ENOTTY: no terminal device.
 * port_serial_close(fd, drop) - Let others use it, too; drop 1: what it has
 * not sent yet is not sent any more.
 */
int port_serial(const char *path, unsigned baud, struct buf *why);
void port_serial_close(int fd, int drop);

/* port_serial_rate(baud) - 1 if lines can be set to it. */
int port_serial_rate(unsigned baud);

struct port_lookup;
struct addrinfo;

/* A connection that is being made.  Its url is the caller's to set. */
struct port_dial {
	struct url url;
	struct port_lookup *lookup;   /* a name that is asked for, or NULL */
	struct addrinfo *list, *next; /* its addresses; to be tried next */
	int fd;			      /* to the one tried now, or -1 */
	int error;		      /* errno of the last one that failed */
	int64_t until;		      /* for what is done now, date_mono time */
};

enum port_dialled { PORT_DIAL_FAILED = -1, PORT_DIAL_GOING, PORT_DIAL_UP };

/*
 * port_dial_begin(d) - Begin anew.
 * port_dial_step(d, fd, why) - Go on: UP with *fd, which is the caller's;
 * FAILED with why appended, and errno.
 * port_dial_fd(d) - What to poll while it is GOING (for reading and writing).
 * port_dial_end(d) - Give it up.
 */
void port_dial_begin(struct port_dial *d);
enum port_dialled port_dial_step(struct port_dial *d, int *fd, struct buf *why);
int port_dial_fd(const struct port_dial *d);
void port_dial_end(struct port_dial *d);

#endif

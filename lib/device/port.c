#include "device/port.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "device/port_part.h"

struct port {
	enum port_kind kind;
	char *source;
	unsigned baud;
	int fd;		       /* -1 while the line is away */
	int dialling;	       /* a connection is being made */
	int told;	       /* the caller knows that it is away */
	int end;	       /* of a file */
	int error;	       /* of the last write, SILENT, or 0 */
	int64_t pause;	       /* before the next attempt but one */
	int64_t due;	       /* the next attempt, date_mono time */
	struct port_dial dial; /* PORT_TCP */
	struct buf out;	       /* what the line has not taken yet */
	struct buf why;
};

static void
say(struct port *p, const char *what)
{
	buf_clear(&p->why);
	buf_addf(&p->why, "%s: %s", p->source, what);
	(void)buf_cstr(&p->why);
}

enum { SILENT = -1 }; /* an error of port_renew() */

/* A connection that is closed so does not send what it still holds. */
static void
drop_unsent(int fd)
{
	const struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

static void
let_go(struct port *p)
{
	if (p->kind == PORT_TCP && p->error != 0)
		drop_unsent(p->fd);
	if (p->kind == PORT_SERIAL && p->fd >= 0)
		port_serial_close(p->fd, p->error != 0);
	else if (p->fd > STDIN_FILENO)
		close(p->fd);
	p->fd = -1;
	p->error = 0;
	buf_clear(&p->out);
}

static void
later(struct port *p)
{
	p->due = date_mono() + p->pause;
	p->pause =
	    p->pause < PORT_PAUSE_MAX / 2 ? 2 * p->pause : PORT_PAUSE_MAX;
}

static int
open_file(struct port *p)
{
	int flags = O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC;

	p->kind = PORT_FILE;
	p->fd = open(p->source, flags);
	if (p->fd < 0)
		say(p, strerror(errno));
	else
		app_pipe_size(p->fd);
	return p->fd < 0 ? -1 : 0;
}

/* What a path is shows only when it is there. */
static int
open_path(struct port *p)
{
	struct stat st;

	if (stat(p->source, &st) != 0) {
		say(p, strerror(errno));
		return -1;
	}
	if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		say(p, strerror(errno));
		return -1;
	}
	if (!S_ISCHR(st.st_mode))
		return open_file(p);
	p->kind = PORT_SERIAL;
	say(p, "");
	p->fd = port_serial(p->source, p->baud, &p->why);
	(void)buf_cstr(&p->why);
	if (p->fd < 0 && errno == ENOTTY)
		return open_file(p);
	return p->fd < 0 ? -1 : 0;
}

/* 1 if it is there, 0 not yet, -1 with errno and why. */
static int
attempt(struct port *p)
{
	enum port_dialled state;
	int fd = -1;

	if (p->kind != PORT_TCP)
		return open_path(p) == 0 ? 1 : -1;
	if (!p->dialling)
		port_dial_begin(&p->dial);
	p->dialling = 1;
	say(p, "");
	state = port_dial_step(&p->dial, &fd, &p->why);
	(void)buf_cstr(&p->why);
	if (state == PORT_DIAL_GOING)
		return 0;
	p->dialling = 0;
	p->fd = fd;
	return state == PORT_DIAL_UP ? 1 : -1;
}

/* An attempt and its end: 1, or -1 with errno and why. */
static int
attempt_waiting(struct port *p)
{
	struct pollfd poll_fd = { .events = POLLIN | POLLOUT };
	int64_t wait;
	int done;

	while ((done = attempt(p)) == 0) {
		poll_fd.fd = port_dial_fd(&p->dial);
		wait = (p->dial.until - date_mono()) / 1000 + 1;
		if (poll(&poll_fd, 1, wait > 0 ? (int)wait : 0) < 0 &&
		    (errno != EINTR || app_stop())) {
			port_dial_end(&p->dial);
			p->dialling = 0;
			say(p, strerror(errno));
			return -1;
		}
	}
	return done;
}

/* Refuse what can never be had: 0, or -1 with why. */
static int
plan(struct port *p)
{
	const char *wrong = NULL;

	p->kind = PORT_SERIAL;
	if (strncmp(p->source, "tcp://", strlen("tcp://")) == 0) {
		p->kind = PORT_TCP;
		wrong = url_parse(&p->dial.url, p->source, strlen(p->source));
		if (wrong == NULL && strchr(p->source, '@') != NULL)
			wrong = "no name before @ here";
	} else if (strstr(p->source, "://") != NULL)
		wrong = "neither a path nor tcp://host:port";
	else if (!port_serial_rate(p->baud))
		wrong = "no rate of serial lines";
	if (wrong == NULL)
		return 0;
	say(p, wrong);
	errno = EINVAL;
	return -1;
}

struct port *
port_open(const char *source, unsigned baud, int again, struct buf *why)
{
	struct port *p = xcalloc(1, sizeof *p);
	int error;

	p->source = xstrdup(source);
	p->baud = baud;
	p->fd = p->dial.fd = -1;
	p->pause = PORT_PAUSE;
	if (strcmp(source, "-") == 0) {
		p->kind = PORT_FILE;
		p->fd = STDIN_FILENO;
		return p;
	}
	if (plan(p) == 0 && (attempt_waiting(p) == 1 || again)) {
		if (p->fd < 0)
			later(p);
		else
			buf_clear(&p->why);
		return p;
	}
	error = errno;
	buf_add(why, p->why.p, p->why.len);
	port_close(p);
	errno = error;
	return NULL;
}

void
port_close(struct port *p)
{
	if (p == NULL)
		return;
	let_go(p);
	port_dial_end(&p->dial);
	buf_fini(&p->out);
	buf_fini(&p->why);
	free(p->source);
	free(p);
}

enum port_kind
port_kind(const struct port *p)
{
	return p->kind;
}

int
port_up(const struct port *p)
{
	return p->fd >= 0;
}

int
port_fd(const struct port *p)
{
	return p->dialling ? port_dial_fd(&p->dial) : p->fd;
}

int
port_wants_write(const struct port *p)
{
	return p->dialling ? p->dial.fd >= 0 : p->out.len > 0;
}

const char *
port_why(const struct port *p)
{
	return p->why.len > 0 ? p->why.p : "";
}

static enum port_state
gone(struct port *p, const char *what)
{
	say(p, what);
	let_go(p);
	later(p);
	p->told = 1;
	return PORT_GONE;
}

static enum port_state
come_back(struct port *p)
{
	int done;

	if (!p->told) { /* that it was not there at the start */
		p->told = 1;
		return PORT_GONE;
	}
	if (!p->dialling && date_mono() < p->due)
		return PORT_NONE;
	done = attempt(p);
	if (done < 0)
		later(p);
	return done == 1 ? PORT_BACK : PORT_NONE;
}

/* To the line what it takes of the bytes that wait. */
static void
flush(struct port *p)
{
	ssize_t n;

	while (p->out.len > 0 && p->error == 0) {
		n = p->kind == PORT_TCP
		    ? send(p->fd, p->out.p, p->out.len, MSG_NOSIGNAL)
		    : write(p->fd, p->out.p, p->out.len);
		if (n >= 0)
			buf_cut(&p->out, (size_t)n);
		else if (errno == EAGAIN)
			break;
		else if (errno != EINTR)
			p->error = errno;
	}
	if (p->out.len > PORT_WAITING && p->error == 0)
		p->error = ETIMEDOUT;
}

void
port_write(struct port *p, const void *bytes, size_t n)
{
	if (p->kind == PORT_FILE || p->fd < 0 || p->error != 0)
		return;
	buf_add(&p->out, bytes, n);
	flush(p);
}

void
port_renew(struct port *p)
{
	if (p->kind != PORT_FILE && p->fd >= 0 && p->error == 0)
		p->error = SILENT;
}

static const char *
error_text(int error)
{
	switch (error) {
	case SILENT: return "does not answer";
	case ETIMEDOUT: return "takes no bytes";
	default: return strerror(error);
	}
}

/* A FIFO to which nobody has written yet reads as if it had ended. */
static enum port_state
read_file(struct port *p, void *space, size_t room, size_t *n)
{
	struct pollfd poll_fd = { .fd = p->fd, .events = POLLIN };
	ssize_t got;

	if (p->end)
		return PORT_END;
	if (poll(&poll_fd, 1, 0) <= 0)
		return PORT_NONE;
	got = read(p->fd, space, room);
	if (got > 0) {
		*n = (size_t)got;
		return PORT_BYTES;
	}
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return PORT_NONE;
	if (got < 0)
		say(p, strerror(errno));
	p->end = 1;
	return PORT_END;
}

enum port_state
port_read(struct port *p, void *space, size_t room, size_t *n)
{
	ssize_t got;

	if (p->fd < 0)
		return come_back(p);
	if (p->kind == PORT_FILE)
		return read_file(p, space, room, n);
	flush(p);
	got = read(p->fd, space, room);
	if (got > 0) {
		*n = (size_t)got;
		p->pause = PORT_PAUSE;
		return PORT_BYTES;
	}
	if (got == 0)
		return gone(p,
		    p->kind == PORT_TCP ? "closed by the other side"
					: "unplugged");
	if (errno != EAGAIN && errno != EINTR)
		return gone(p,
		    p->kind == PORT_SERIAL && errno == EIO ? "unplugged"
							   : strerror(errno));
	if (p->error != 0)
		return gone(p, error_text(p->error));
	return PORT_NONE;
}

int64_t
port_due(const struct port *p)
{
	if (p->fd >= 0)
		return p->error != 0 ? 0 : INT64_MAX;
	if (!p->told)
		return 0;
	return p->dialling ? p->dial.until : p->due;
}

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "device/port_part.h"

static const struct {
	unsigned baud;
	speed_t speed;
} rates[] = {
	{ 1200, B1200 },
	{ 2400, B2400 },
	{ 4800, B4800 },
	{ 9600, B9600 },
	{ 19200, B19200 },
	{ 38400, B38400 },
	{ 57600, B57600 },
	{ 115200, B115200 },
	{ 230400, B230400 },
	{ 460800, B460800 },
	{ 921600, B921600 },
};

static int
rate(unsigned baud, speed_t *speed)
{
	for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++)
		if (rates[i].baud == baud) {
			*speed = rates[i].speed;
			return 0;
		}
	errno = EINVAL;
	return -1;
}

int
port_serial_rate(unsigned baud)
{
	speed_t speed;

	return rate(baud, &speed) == 0;
}

/* tcsetattr() is content with a part of what it was asked for. */
static int
took(int fd, speed_t speed)
{
	struct termios t;

	if (tcgetattr(fd, &t) != 0)
		return -1;
	if ((t.c_cflag & CSIZE) == CS8 && !(t.c_cflag & (PARENB | CSTOPB)) &&
	    cfgetospeed(&t) == speed)
		return 0;
	errno = EINVAL;
	return -1;
}

/*
 * Reading gives EAGAIN while there is nothing, so that 0 means hung up.  DTR
 * stays as it is at the end: some adapters reset what is behind them.
 */
static int
set(int fd, unsigned baud)
{
	struct termios t;
	speed_t speed;

	if (rate(baud, &speed) != 0 || tcgetattr(fd, &t) != 0)
		return -1;
	cfmakeraw(&t);
	t.c_cflag &= ~(tcflag_t)(CSTOPB | CRTSCTS | HUPCL);
	t.c_cflag |= CREAD | CLOCAL;
	t.c_iflag &= ~(tcflag_t)(IXOFF | IXANY);
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	if (cfsetispeed(&t, speed) != 0 || cfsetospeed(&t, speed) != 0 ||
	    tcsetattr(fd, TCSANOW, &t) != 0 || took(fd, speed) != 0)
		return -1;
	return tcflush(fd, TCIOFLUSH);
}

static int
refuse(int fd, const char *what, struct buf *why)
{
	int error = errno;

	buf_adds(why, what != NULL ? what : strerror(error));
	if (fd >= 0)
		close(fd);
	errno = error;
	return -1;
}

/*
 * TIOCEXCL alone does not keep out root, nor does flock() those who have not
 * heard of it.
 */
int
port_serial(const char *path, unsigned baud, struct buf *why)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return refuse(-1,
		    errno == EBUSY ? "in use by another program" : NULL, why);
	if (!isatty(fd)) {
		errno = ENOTTY;
		return refuse(fd, "not a serial line", why);
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno == EWOULDBLOCK)
			errno = EBUSY;
		return refuse(fd,
		    errno == EBUSY ? "in use by another program" : NULL, why);
	}
	if (set(fd, baud) != 0)
		return refuse(fd,
		    errno == EINVAL ? "cannot be set to this rate, 8N1" : NULL,
		    why);
	(void)ioctl(fd, TIOCEXCL);
	return fd;
}

/* A pseudo-terminal would otherwise stay closed to others as long as its
 * other side lives. */
void
port_serial_close(int fd)
{
	(void)ioctl(fd, TIOCNXCL);
	close(fd);
}

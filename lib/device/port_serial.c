#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
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

#define IN_USE "in use by another program"

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

static int
refuse_open(const char *path, struct buf *why)
{
	int error = errno;
	const struct group *group;
	struct stat st;

	if (error == EBUSY)
		return refuse(-1, IN_USE, why);
	if (error == EACCES && stat(path, &st) == 0 &&
	    (group = getgrgid(st.st_gid)) != NULL)
		buf_addf(why, "only for the group %s: ", group->gr_name);
	errno = error;
	return refuse(-1, NULL, why);
}

/*
 * TIOCEXCL alone does not keep out root, nor does flock() those who have not
 * heard of it.  A pseudo-terminal would stay closed to others as long as its
 * other side lives, also after we were killed.
 */
static int
claim(int fd)
{
	enum { PTY_FIRST = 136, PTY_LAST = 143 }; /* major numbers */
	struct stat st;

	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno == EWOULDBLOCK)
			errno = EBUSY;
		return -1;
	}
	if (fstat(fd, &st) != 0 || major(st.st_rdev) < PTY_FIRST ||
	    major(st.st_rdev) > PTY_LAST)
		(void)ioctl(fd, TIOCEXCL);
	return 0;
}

int
port_serial(const char *path, unsigned baud, struct buf *why)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return refuse_open(path, why);
	if (!isatty(fd)) {
		errno = ENOTTY;
		return refuse(fd, "not a serial line", why);
	}
	if (claim(fd) != 0)
		return refuse(fd, errno == EBUSY ? IN_USE : NULL, why);
	if (set(fd, baud) != 0)
		return refuse(fd,
		    errno == EINVAL ? "cannot be set to this rate, 8N1" : NULL,
		    why);
	return fd;
}

/* Who has had it open since before we came shall not keep it closed. */
void
port_serial_close(int fd, int drop)
{
	if (drop)
		(void)tcflush(fd, TCOFLUSH);
	(void)ioctl(fd, TIOCNXCL);
	close(fd);
}

/*
 * Ports: what cannot be had, files, pseudo-terminals and TCP, and lines that
 * go away and come back.
 */
#include "device/port.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/date.h"
#include "check.h"

static char dir[] = "/tmp/test_port.XXXXXX";

static const char *
in_dir(const char *name)
{
	static char path[128];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static struct port *
open_good(const char *source, int again)
{
	struct buf why = { 0 };
	struct port *p = port_open(source, 57600, again, &why);

	check(p != NULL, "%s: opens: %s", source,
	    why.len > 0 ? buf_cstr(&why) : "no reason");
	buf_fini(&why);
	if (p == NULL)
		exit(1);
	return p;
}

static void
open_bad(const char *source, unsigned baud, int again, const char *want)
{
	struct buf why = { 0 };
	struct port *p = port_open(source, baud, again, &why);

	check(p == NULL, "%s: refused", source);
	check(strncmp(buf_cstr(&why), source, strlen(source)) == 0 &&
		strstr(buf_cstr(&why), want) != NULL,
	    "%s: \"%s\" says \"%s\"", source, buf_cstr(&why), want);
	port_close(p);
	buf_fini(&why);
}

/* The next thing other than PORT_NONE, of which there has to be one. */
static enum port_state
wait_state(struct port *p, void *space, size_t room, size_t *n)
{
	int64_t end = date_mono() + 60 * (int64_t)DATE_SECOND, due;
	enum port_state state;
	struct pollfd poll_fd;

	while ((state = port_read(p, space, room, n)) == PORT_NONE) {
		if (date_mono() > end)
			break;
		poll_fd.fd = port_fd(p);
		poll_fd.events =
		    (short)(POLLIN | (port_wants_write(p) ? POLLOUT : 0));
		due = port_due(p) > end ? end : port_due(p);
		due = (due - date_mono()) / 1000 + 1;
		(void)poll(&poll_fd, 1, due > 0 ? (int)due : 0);
	}
	return state;
}

static void
expect(struct port *p, enum port_state want, const char *what)
{
	char space[64];
	size_t n = 0;
	enum port_state got = wait_state(p, space, sizeof space, &n);

	check(got == want, "%s: state %d, not %d (%s)", what, (int)got,
	    (int)want, port_why(p));
}

static void
expect_bytes(struct port *p, const void *want, size_t n, const char *what)
{
	char space[4096];
	size_t have = 0, more = 0;

	while (have < n &&
	    wait_state(p, space + have, sizeof space - have, &more) ==
		PORT_BYTES)
		have += more;
	check(have == n && memcmp(space, want, n) == 0, "%s: %zu of %zu bytes",
	    what, have, n);
}

static void
expect_nothing(struct port *p, const char *what)
{
	char space[64];
	size_t n;

	check(port_read(p, space, sizeof space, &n) == PORT_NONE, "%s", what);
}

/* All of n bytes that come out at the other side. */
static void
expect_from(int fd, const void *want, size_t n, const char *what)
{
	char space[4096];
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	size_t have = 0;
	ssize_t got = 1;

	while (have < n && got > 0 && poll(&poll_fd, 1, 60000) == 1) {
		got = read(fd, space + have, sizeof space - have);
		have += got > 0 ? (size_t)got : 0;
	}
	check(have == n && memcmp(space, want, n) == 0, "%s: %zu of %zu bytes",
	    what, have, n);
}

static void
put(int fd, const void *p, size_t n)
{
	check(write(fd, p, n) == (ssize_t)n, "the other side writes");
}

/*
 * A pseudo-terminal whose other side is reached at path; raw from the start,
 * else it could echo what is written before that is opened.
 */
static int
pty(const char *path)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios t;

	check(fd >= 0 && grantpt(fd) == 0 && unlockpt(fd) == 0, "a pty");
	check(tcgetattr(fd, &t) == 0, "its settings");
	cfmakeraw(&t);
	check(tcsetattr(fd, TCSANOW, &t) == 0, "raw");
	unlink(path);
	check(symlink(ptsname(fd), path) == 0, "its name");
	return fd;
}

/* A listener on a port of its own; *port 0 asks for one. */
static int
listener(int family, in_port_t *port)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
		.sin6_port = *port };
	struct sockaddr_in four = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = *port };
	const void *addr = family == AF_INET ? (void *)&four : (void *)&six;
	socklen_t size = family == AF_INET ? sizeof four : sizeof six;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	struct sockaddr_storage got = { 0 };

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, addr, size) != 0 || listen(fd, 4) != 0) {
		close(fd);
		return -1;
	}
	size = sizeof got;
	getsockname(fd, (struct sockaddr *)&got, &size);
	memcpy(port, (char *)&got + 2, sizeof *port); /* in both alike */
	return fd;
}

static void
test_refused(void)
{
	static const struct {
		const char *source;
		unsigned baud;
		int again;
		const char *want;
	} cases[] = {
		{ "/nonexistent/tty", 57600, 0, "No such file" },
		{ "/tmp", 57600, 0, "directory" },
		{ "/dev/ttyUSB77", 12345, 1, "no rate" },
		{ "tcp://", 57600, 1, "no host:port" },
		{ "tcp://host", 57600, 1, "no host:port" },
		{ "tcp://[::1:5", 57600, 1, "no host:port" },
		{ "tcp://me@host:5", 57600, 1, "no name before @" },
		{ "http://host:5", 57600, 1, "neither a path nor tcp://" },
		{ "tcp://127.0.0.1:no-such-service", 57600, 0, "" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		open_bad(cases[i].source, cases[i].baud, cases[i].again,
		    cases[i].want);
}

static void
test_refused_tcp(void)
{
	char source[64];
	in_port_t port = 0;
	int fd = listener(AF_INET, &port);

	close(fd);
	snprintf(source, sizeof source, "tcp://127.0.0.1:%u", ntohs(port));
	open_bad(source, 57600, 0, "refused");
}

/* Two proxies on one stick would each take a part of what comes. */
static void
test_exclusive(void)
{
	const char *path = in_dir("shared");
	int master = pty(path);
	struct port *p = open_good(path, 0);

	open_bad(path, 57600, 0, "in use by another program");
	port_close(p);
	p = open_good(path, 0);
	port_close(p);
	close(master);
}

static void
test_file(void)
{
	const char *path = in_dir("file");
	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	struct port *p;

	put(fd, "\x55\0\r\n\x03", 5);
	close(fd);
	p = open_good(path, 0);
	check(port_kind(p) == PORT_FILE, "it is a file");
	expect_bytes(p, "\x55\0\r\n\x03", 5, "a file's bytes");
	expect(p, PORT_END, "its end");
	expect(p, PORT_END, "its end stays");
	port_write(p, "x", 1);
	check(!port_wants_write(p), "nothing is written to a file");
	check(port_why(p)[0] == '\0', "an end is no error");
	port_close(p);
	p = open_good("/dev/null", 0);
	check(port_kind(p) == PORT_FILE, "a device that is no terminal");
	expect(p, PORT_END, "nothing in it");
	port_close(p);
}

static void
test_fifo(void)
{
	const char *path = in_dir("fifo");
	struct port *p;
	int fd;

	check(mkfifo(path, 0600) == 0, "a FIFO");
	p = open_good(path, 0);
	expect_nothing(p, "a FIFO to which nobody writes yet has not ended");
	fd = open(path, O_WRONLY | O_CLOEXEC);
	expect_nothing(p, "nothing written");
	put(fd, "abc", 3);
	expect_bytes(p, "abc", 3, "written");
	close(fd);
	expect(p, PORT_END, "closed");
	port_close(p);
}

static void
test_stdin(void)
{
	int ends[2], saved = dup(STDIN_FILENO);
	struct port *p;

	check(pipe(ends) == 0 && dup2(ends[0], STDIN_FILENO) == 0, "a pipe");
	close(ends[0]);
	p = open_good("-", 0);
	expect_nothing(p, "nothing on standard input yet");
	put(ends[1], "in", 2);
	close(ends[1]);
	expect_bytes(p, "in", 2, "standard input");
	expect(p, PORT_END, "its end");
	port_close(p);
	dup2(saved, STDIN_FILENO);
	close(saved);
}

static void
test_serial(void)
{
	const char *path = in_dir("serial");
	int master = pty(path);
	unsigned char all[256];
	struct termios t;
	struct port *p;

	for (int i = 0; i < 256; i++)
		all[i] = (unsigned char)i;
	put(master, "stale\n", 6);
	p = open_good(path, 0);
	check(port_kind(p) == PORT_SERIAL && port_up(p), "a serial line");
	check(tcgetattr(port_fd(p), &t) == 0 && cfgetospeed(&t) == B57600 &&
		!(t.c_cflag & CRTSCTS),
	    "its rate");
	expect_nothing(p, "stale bytes are dropped");
	put(master, all, sizeof all);
	expect_bytes(p, all, sizeof all, "every byte comes as it is");
	port_write(p, all, sizeof all);
	expect_from(master, all, sizeof all, "every byte goes as it is");
	port_close(p);
	close(master);
}

static void
test_unplugged(void)
{
	const char *path = in_dir("stick");
	int master = pty(path);
	struct port *p = open_good(path, 0);
	int64_t then;

	close(master);
	unlink(path);
	expect(p, PORT_GONE, "unplugged");
	check(strstr(port_why(p), "unplugged") != NULL, "why: %s", port_why(p));
	check(!port_up(p) && port_fd(p) == -1, "nothing to poll for");
	then = port_due(p) - date_mono();
	check(then > 0 && then <= PORT_PAUSE, "tried again soon");
	expect_nothing(p, "not before");
	port_write(p, "lost", 4);
	master = pty(path);
	expect(p, PORT_BACK, "plugged in");
	port_write(p, "again", 5);
	expect_from(master, "again", 5, "only what is written since");
	port_close(p);
	close(master);
}

static void
test_absent(void)
{
	const char *path = in_dir("absent");
	struct port *p = open_good(path, 1);
	int64_t then = date_mono(), second;

	check(!port_up(p) && port_kind(p) == PORT_SERIAL, "not there yet");
	check(port_due(p) == 0, "to be told at once");
	expect(p, PORT_GONE, "told");
	check(strstr(port_why(p), "No such file") != NULL, "why: %s",
	    port_why(p));
	second = port_due(p);
	check(second >= then && second <= date_mono() + PORT_PAUSE,
	    "the second attempt");
	while (port_due(p) == second) {
		expect_nothing(p, "still absent");
		(void)poll(NULL, 0, 5);
	}
	check(port_due(p) >= second + 2 * (int64_t)PORT_PAUSE,
	    "the third one is later");
	port_close(p);
}

static void
test_tcp(int family, const char *host, int again)
{
	char source[64];
	in_port_t port = 0;
	int fd = listener(family, &port), peer;
	struct port *p;

	if (fd < 0) {
		printf("test_port: no IPv6 here, tcp://[::1] is not tested\n");
		return;
	}
	snprintf(source, sizeof source, "tcp://%s:%u", host, ntohs(port));
	p = open_good(source, 0);
	check(port_kind(p) == PORT_TCP && port_up(p), "%s: there", host);
	peer = accept(fd, NULL, NULL);
	put(peer, "\xff\xff\0", 3);
	expect_bytes(p, "\xff\xff\0", 3, host);
	port_write(p, "to", 2);
	expect_from(peer, "to", 2, host);
	close(peer);
	expect(p, PORT_GONE, "the peer closes");
	if (again) {
		expect(p, PORT_BACK, "connected again");
		peer = accept(fd, NULL, NULL);
		put(peer, "x", 1);
		expect_bytes(p, "x", 1, "by the new connection");
		port_close(p);
		check(read(peer, source, 1) == 0, "closed");
		close(peer);
	} else
		port_close(p);
	close(fd);
}

/* A peer that takes nothing must not make us keep everything. */
static void
test_stuck(void)
{
	static const char block[65536];
	char source[64];
	in_port_t port = 0;
	int fd = listener(AF_INET, &port), rounds = 0;
	struct port *p;

	snprintf(source, sizeof source, "tcp://127.0.0.1:%u", ntohs(port));
	p = open_good(source, 0);
	while (port_due(p) == INT64_MAX && rounds++ < 1000)
		port_write(p, block, sizeof block);
	expect(p, PORT_GONE, "given up");
	check(strstr(port_why(p), "takes no bytes") != NULL, "why: %s",
	    port_why(p));
	port_close(p);
	close(fd);
}

/* What is on its way when there is no answer must not come in late. */
static void
test_renew(void)
{
	static char block[65536];
	char source[64];
	in_port_t port = 0;
	int fd = listener(AF_INET, &port), peer;
	size_t wrote = 0, came = 0;
	struct port *p;
	ssize_t n;

	snprintf(source, sizeof source, "tcp://127.0.0.1:%u", ntohs(port));
	p = open_good(source, 0);
	peer = accept(fd, NULL, NULL);
	while (!port_wants_write(p)) {
		port_write(p, block, 1000);
		wrote += 1000;
	}
	port_renew(p);
	check(port_due(p) == 0, "due at once");
	expect(p, PORT_GONE, "renewed");
	check(strstr(port_why(p), "does not answer") != NULL, "why: %s",
	    port_why(p));
	while ((n = recv(peer, block, sizeof block, 0)) > 0)
		came += (size_t)n;
	check(n < 0 && errno == ECONNRESET, "it was reset");
	/* Of what this machine held for the peer nothing came. */
	check(came + 100000 < wrote, "%zu of %zu came", came, wrote);
	close(peer);
	expect(p, PORT_BACK, "there again");
	peer = accept(fd, NULL, NULL);
	port_write(p, "new", 3);
	check(recv(peer, block, sizeof block, 0) == 3 && block[0] == 'n',
	    "only what is new");
	close(peer);
	port_close(p);
	close(fd);
}

int
main(void)
{
	if (mkdtemp(dir) == NULL)
		return 1;
	test_refused();
	test_refused_tcp();
	test_exclusive();
	test_file();
	test_fifo();
	test_stdin();
	test_serial();
	test_unplugged();
	test_absent();
	test_tcp(AF_INET, "127.0.0.1", 1);
	test_tcp(AF_INET6, "[::1]", 0);
	test_tcp(AF_INET, "localhost", 0);
	test_stuck();
	test_renew();
	unlink(in_dir("shared"));
	unlink(in_dir("file"));
	unlink(in_dir("fifo"));
	unlink(in_dir("serial"));
	unlink(in_dir("stick"));
	rmdir(dir);
	return check_done();
}

/* A bad network: what passes, what stands still, what breaks. */
#include "bus/relay.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/date.h"
#include "bus/url.h"
#include "check.h"

enum { WAIT = 10000 /* ms */, QUIET = 100, BIG = 3000000 };

static char dir[] = "/tmp/sg-relay.XXXXXX";

static int
unix_socket(const char *url, struct sockaddr_un *a)
{
	size_t n = strlen(url + 6);

	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(a->sun_path, url + 6,
	    n < sizeof a->sun_path ? n : sizeof a->sun_path - 1);
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int
server(const char *url)
{
	struct sockaddr_un a;
	int fd = unix_socket(url, &a);

	if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 8) < 0)
		check(0, "cannot listen at %s", url);
	return fd;
}

static int
dial(const char *url)
{
	struct sockaddr_un a;
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd;

	if (strncmp(url, "tcp://127.0.0.1:", 16) == 0) {
		in.sin_port = htons((uint16_t)strtol(url + 16, NULL, 10));
		fd = socket(AF_INET, SOCK_STREAM, 0);
		check(connect(fd, (struct sockaddr *)&in, sizeof in) == 0,
		    "cannot dial %s", url);
		return fd;
	}
	fd = unix_socket(url, &a);
	check(connect(fd, (struct sockaddr *)&a, sizeof a) == 0,
	    "cannot dial %s", url);
	return fd;
}

/* 1 if something can be read (or has ended) within ms. */
static int
readable(int fd, int ms)
{
	struct pollfd p = { fd, POLLIN, 0 };

	return poll(&p, 1, ms) == 1;
}

/* Exactly this text arrives. */
static int
arrives(int fd, const char *want)
{
	char got[64];
	size_t n = 0;

	while (n < strlen(want) && readable(fd, WAIT)) {
		ssize_t r = read(fd, got + n, strlen(want) - n);

		if (r <= 0)
			return 0;
		n += (size_t)r;
	}
	return n == strlen(want) && memcmp(got, want, n) == 0;
}

/* The connection ends, in whatever way. */
static int
over(int fd)
{
	char c;

	return readable(fd, WAIT) && read(fd, &c, 1) <= 0;
}

static int
accepted(int listener)
{
	return readable(listener, WAIT) ? accept(listener, NULL, NULL) : -1;
}

static void
test_modes(struct relay *r, int route, int listener, const char *name)
{
	int64_t began;
	int a = dial(relay_url(r, route)), b = accepted(listener);

	check(b >= 0, "%s: the server hears of it", name);
	check(
	    write(a, "ping", 4) == 4 && arrives(b, "ping"), "%s: there", name);
	check(write(b, "pong", 4) == 4 && arrives(a, "pong"), "%s: and back",
	    name);
	relay_set(r, route, RELAY_STALL, 0);
	check(write(a, "held", 4) == 4 && !readable(b, QUIET),
	    "%s: a stalled route passes nothing", name);
	check(write(b, "back", 4) == 4 && !readable(a, QUIET), "%s: nor back",
	    name);
	relay_set(r, route, RELAY_OPEN, 0);
	check(arrives(b, "held") && arrives(a, "back"),
	    "%s: it arrives when the route is open again", name);
	relay_set(r, route, RELAY_OPEN, 50000);
	began = date_mono();
	check(write(a, "slow", 4) == 4 && arrives(b, "slow") &&
		date_mono() - began >= 50000,
	    "%s: a delay", name);
	relay_set(r, route, RELAY_OPEN, 0);
	relay_set(r, route, RELAY_RESET, 0);
	check(over(a) && over(b), "%s: a reset ends both", name);
	close(a);
	close(b);
	a = dial(relay_url(r, route));
	check(over(a), "%s: and new ones", name);
	close(a);
	relay_set(r, route, RELAY_OPEN, 0);
}

/* Half of it is closed: the rest still comes back. */
static void
test_end(struct relay *r, int route, int listener)
{
	int a = dial(relay_url(r, route)), b = accepted(listener);

	check(write(a, "last", 4) == 4 && shutdown(a, SHUT_WR) == 0 &&
		arrives(b, "last") && over(b),
	    "the end passes behind the last byte");
	check(write(b, "answer", 6) == 6 && close(b) == 0 &&
		arrives(a, "answer") && over(a),
	    "the other half is open until it ends");
	close(a);
	for (int i = 0; i < WAIT && relay_connections(r) > 0; i++)
		readable(-1, 1);
	check(relay_connections(r) == 0, "nothing is left of it");
}

static void
test_nobody(struct relay *r, int route)
{
	int a = dial(relay_url(r, route));

	check(over(a), "a connection to nobody ends");
	close(a);
}

/* More than fits in between, against a reader that begins late. */
static void
test_big(struct relay *r, int route, int listener)
{
	int a = dial(relay_url(r, route)), b = accepted(listener);
	unsigned char *out = malloc(BIG), *in = malloc(BIG);
	size_t wrote = 0, got = 0;

	for (size_t i = 0; i < BIG; i++)
		out[i] = (unsigned char)(i * 7 + i / 251);
	while (got < BIG) {
		struct pollfd p[2] = { { a, wrote < BIG ? POLLOUT : 0, 0 },
			{ b, wrote < BIG / 2 ? 0 : POLLIN, 0 } };
		ssize_t n;

		if (poll(p, 2, wrote < BIG / 2 ? QUIET : WAIT) == 0) {
			if (wrote == BIG)
				break;
			p[1].revents = POLLIN;
		}
		if (p[0].revents & POLLOUT &&
		    (n = send(a, out + wrote, BIG - wrote, MSG_DONTWAIT)) > 0)
			wrote += (size_t)n;
		if (p[1].revents & POLLIN &&
		    (n = recv(b, in + got, BIG - got, MSG_DONTWAIT)) > 0)
			got += (size_t)n;
	}
	check(got == BIG && memcmp(in, out, BIG) == 0,
	    "%zu of %d bytes came through", got, BIG);
	close(a);
	close(b);
	free(out);
	free(in);
}

int
main(void)
{
	char to[URL_MAX], by[URL_MAX], nobody[URL_MAX];
	struct relay *r = relay_new();
	const char *why = "";
	int listener, by_unix, by_tcp, dead;

	if (r == NULL || mkdtemp(dir) == NULL)
		return 1;
	snprintf(to, sizeof to, "ipc://%s/to", dir);
	snprintf(by, sizeof by, "ipc://%s/by", dir);
	snprintf(nobody, sizeof nobody, "ipc://%s/nobody", dir);
	listener = server(to);
	check(relay_route(r, "nowhere", to, &why) < 0, "no URL");
	check(relay_route(r, by, "http://x", &why) < 0, "no target");
	by_unix = relay_route(r, by, to, &why);
	check(by_unix == 0, "%s", why);
	check(relay_route(r, by, to, &why) < 0, "a URL that is in use");
	by_tcp = relay_route(r, "tcp://127.0.0.1:0", to, &why);
	check(by_tcp == 1, "%s", why);
	dead = relay_route(r, "tcp://127.0.0.1:0", nobody, &why);
	test_modes(r, by_unix, listener, "unix");
	test_modes(r, by_tcp, listener, "tcp");
	test_end(r, by_unix, listener);
	test_end(r, by_tcp, listener);
	test_nobody(r, dead);
	test_big(r, by_tcp, listener);
	relay_free(r);
	unlink(to + 6);
	unlink(by + 6);
	rmdir(dir);
	return check_done();
}

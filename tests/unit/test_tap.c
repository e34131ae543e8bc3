/* The tap with a plain nng subscriber. */
#include <nng/nng.h>
#include <nng/protocol/pubsub0/sub.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/date.h"
#include "broker/tap.h"
#include "check.h"

enum { LONG = 20000, FLOOD = 200000 };

static nng_socket
subscribe(const char *url, const char *prefix)
{
	nng_socket s;

	if (nng_sub0_open(&s) != 0 ||
	    nng_socket_set(s, NNG_OPT_SUB_SUBSCRIBE, prefix, strlen(prefix)) !=
		0 ||
	    nng_socket_set_ms(s, NNG_OPT_RECVTIMEO, LONG) != 0 ||
	    nng_dial(s, url, NULL, 0) != 0)
		exit(1);
	return s;
}

static void
busy_await(const struct tap *t, int want)
{
	int64_t end = date_mono() + (int64_t)LONG * 1000;

	while (tap_busy(t) != want && date_mono() < end)
		poll(NULL, 0, 5);
	check(tap_busy(t) == want, "tap_busy: %s", want ? "1" : "0");
}

static void
test_message(const char *url)
{
	static const char want[] = "ALARM/x {\"topic\":\"ALARM/x\"}";
	const char *why = NULL;
	struct tap *t = tap_open(url, &why);
	nng_socket s;
	char *got;
	size_t n;

	check(t != NULL, "%s: %s", url, why);
	if (t == NULL)
		return;
	tap_send(t, "ALARM/nobody", 12, "{}", 2);
	check(tap_busy(t) == 0, "%s: nobody listens", url);
	s = subscribe(tap_url(t), "ALARM/");
	busy_await(t, 1);
	tap_send(t, "STATUS/x", 8, "{}", 2);
	tap_send(t, "ALARM/x", 7, want + 8, strlen(want) - 8);
	if (nng_recv(s, &got, &n, NNG_FLAG_ALLOC) == 0) {
		check(n == strlen(want) && memcmp(got, want, n) == 0,
		    "%s: another message", url);
		nng_free(got, n);
	} else
		check(0, "%s: no message", url);
	nng_close(s);
	busy_await(t, 0);
	tap_close(t);
}

/* A subscriber that never reads; libnng's would read ahead. */
static int
stalled(const char *url)
{
	static const char greeting[] = { 0, 'S', 'P', 0, 0, 0x21, 0, 0 };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(
	    sun.sun_path, sizeof sun.sun_path, "%s", url + strlen("ipc://"));
	if (connect(fd, (struct sockaddr *)&sun, sizeof sun) == -1 ||
	    send(fd, greeting, sizeof greeting, 0) != sizeof greeting)
		check(0, "%s: stalled subscriber", url);
	return fd;
}

static void
test_slow_subscriber(const char *url)
{
	static char line[800];
	const char *why = NULL;
	struct tap *t = tap_open(url, &why);
	int64_t start = date_mono();
	int fd = stalled(url), i;

	busy_await(t, 1);
	memset(line, 'x', sizeof line);
	for (i = 0; i < FLOOD; i++)
		tap_send(t, "A", 1, line, sizeof line);
	check(date_mono() - start < (int64_t)LONG * 1000, "flood: blocked");
	close(fd);
	tap_close(t);
}

int
main(void)
{
	char dir[] = "/tmp/test_tap.XXXXXX", ipc[64];
	const char *why = NULL;
	struct stat st;
	struct tap *t;

	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(ipc, sizeof ipc, "ipc://%s/tap", dir);
	test_message(ipc);
	test_message("tcp://127.0.0.1:0");
	test_slow_subscriber(ipc);
	t = tap_open(ipc, &why);
	check(t != NULL && stat(ipc + strlen("ipc://"), &st) == 0 &&
		(st.st_mode & 0777) == 0600,
	    "%s: mode of the socket", ipc);
	check(tap_open(ipc, &why) == NULL && strcmp(why, "Address in use") == 0,
	    "%s: twice", ipc);
	tap_close(t);
	check(tap_open("nonsense", &why) == NULL && why != NULL,
	    "nonsense: accepted");
	tap_close(NULL);
	check(tap_busy(NULL) == 0, "no tap: is not busy");
	rmdir(dir);
	return check_done();
}

/* Where a broker is, and by which name. */
#include <stdio.h>
#include <string.h>

#include "bus/url.h"
#include "check.h"

static const struct {
	const char *in;
	int ok, tcp;
	const char *dial, *name, *host, *port;
} cases[] = {
	{ "tcp://h:1", 1, 1, "tcp://h:1", "h", "h", "1" },
	{ "tcp://192.0.2.1:7788", 1, 1, "tcp://192.0.2.1:7788", "192.0.2.1",
	    "192.0.2.1", "7788" },
	{ "tcp://[::1]:7788", 1, 1, "tcp://[::1]:7788", "::1", "::1", "7788" },
	{ "tcp://broker-a@192.0.2.1:7788", 1, 1, "tcp://192.0.2.1:7788",
	    "broker-a", "192.0.2.1", "7788" },
	{ "tcp://broker-a@[fe80::1%eth0]:7788", 1, 1,
	    "tcp://[fe80::1%eth0]:7788", "broker-a", "fe80::1%eth0", "7788" },
	{ "ipc:///run/sg/broker", 1, 0, "ipc:///run/sg/broker", "", "", "" },
	{ "ipc://broker-a@/run/sg", 1, 0, "ipc:///run/sg", "broker-a", "", "" },
	{ "ipc:///run/a@b", 1, 0, "ipc:///run/a@b", "", "", "" },
	{ "" },
	{ "tcp://" },
	{ "tcp://h" },
	{ "tcp://h:" },
	{ "tcp://:1" },
	{ "tcp://@h:1" },
	{ "tcp://a@" },
	{ "tcp://a@h" },
	{ "tcp://[]:1" },
	{ "tcp://[::1:1" },
	{ "tcp://h:1234567890123456" },
	{ "ipc://relative" },
	{ "ipc://a@relative" },
	{ "ipc://@/x" },
	{ "ws://h:1" },
	{ "TCP://h:1" },
};

int
main(void)
{
	char text[URL_MAX + 1];
	struct url u;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *why =
		    url_parse(&u, cases[i].in, strlen(cases[i].in));

		check((why == NULL) == cases[i].ok, "\"%s\": %s", cases[i].in,
		    why ? why : "taken");
		if (why != NULL || !cases[i].ok)
			continue;
		check(u.tcp == cases[i].tcp &&
			strcmp(u.text, cases[i].in) == 0 &&
			strcmp(u.dial, cases[i].dial) == 0 &&
			strcmp(u.name, cases[i].name) == 0 &&
			strcmp(u.host, cases[i].host) == 0 &&
			strcmp(u.port, cases[i].port) == 0,
		    "%s: dial %s name %s host %s port %s", u.text, u.dial,
		    u.name, u.host, u.port);
	}
	memset(text, 'x', sizeof text);
	memcpy(text, "ipc:///", 7);
	check(url_parse(&u, text, URL_MAX - 1) == NULL, "as long as may be");
	check(url_parse(&u, text, URL_MAX) != NULL, "too long");
	return check_done();
}

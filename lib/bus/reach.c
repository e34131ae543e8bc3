#include "bus/reach.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/app.h"
#include "base/die.h"
#include "trust/secret.h"

struct reach_options reach_given;

struct opt reach_rows[] = {
	{ 'b', "broker", OPT_STRING, "URL", "broker, or several with commas",
	    &reach_given.broker, "SG_BROKER" },
	{ 0, "identity", OPT_GROUP, NULL, NULL, identity_rows },
	{ 0, "insecure", OPT_FLAG, NULL, "plain text over tcp, without a key",
	    &reach_given.insecure },
	{ 0, "proxy", OPT_STRING, "URL", "reach tcp by an HTTP proxy's CONNECT",
	    &reach_given.proxy, "SG_PROXY" },
	{ 0, "proxy-auth", OPT_STRING, "FILE", "its USER:PASSWORD",
	    &reach_given.proxy_auth },
	{ 0 },
};

/* "USER:PASSWORD", one line: 0, or -1 with *why. */
static int
read_secret(struct reach *r, const char *path, const char **why)
{
	static char text[512];
	const char *wrong = "not one line USER:PASSWORD";
	size_t n;

	secret_start();
	r->secret = secret_new(SECRET_FILE_MAX + 1);
	if (secret_read(path, r->secret, &n, &wrong) == 0) {
		if (n > 0 && r->secret[n - 1] == '\n')
			r->secret[--n] = '\0';
		if (strlen(r->secret) == n && strcspn(r->secret, "\r\n") == n &&
		    strchr(r->secret, ':') != NULL)
			return 0;
	}
	snprintf(text, sizeof text, "%s: %s", path, wrong);
	*why = text;
	return -1;
}

int
reach_open(struct reach *r, int64_t retry, int *status, const char **why)
{
	int got = identity_open(&r->identity, &identity_given, status, why);

	r->config = (struct client_config){
		.urls = reach_given.broker ? reach_given.broker
					   : app_default_broker(),
		.identity = got > 0 ? &r->identity : NULL,
		.given = &identity_given,
		.proxy = reach_given.proxy,
		.insecure = reach_given.insecure,
		.retry = retry,
	};
	if (got >= 0 && reach_given.proxy_auth != NULL &&
	    reach_given.proxy == NULL) {
		*status = EXIT_USAGE;
		*why = "--proxy-auth is for --proxy";
		return -1;
	}
	if (got >= 0 && reach_given.proxy_auth != NULL) {
		*status = EXIT_CONFIG;
		got = read_secret(r, reach_given.proxy_auth, why);
		r->config.proxy_auth = r->secret;
	}
	return got < 0 ? -1 : 0;
}

void
reach_close(struct reach *r)
{
	identity_close(&r->identity);
	secret_free(r->secret);
	r->secret = NULL;
}

const char *
reach_subject(const struct reach *r)
{
	return r->identity.cert ? r->identity.cert->subject : NULL;
}

int
reach_status(int error)
{
	switch (error) {
	case EACCES: return EXIT_DENIED;
	case EPROTO: return EXIT_PROTOCOL;
	case EINVAL: return EXIT_USAGE;
	case ENOKEY: return EXIT_CONFIG;
	case EINTR: return 128 + app_stop();
	default: return EXIT_UNAVAILABLE;
	}
}

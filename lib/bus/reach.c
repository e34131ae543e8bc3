#include "bus/reach.h"

#include <errno.h>

#include "base/app.h"
#include "base/die.h"

struct reach_options reach_given;

struct opt reach_rows[] = {
	{ 'b', "broker", OPT_STRING, "URL", "broker, or several with commas",
	    &reach_given.broker, "SG_BROKER" },
	{ 0, "identity", OPT_GROUP, NULL, NULL, identity_rows },
	{ 0, "insecure", OPT_FLAG, NULL, "plain text over tcp, without a key",
	    &reach_given.insecure },
	{ 0 },
};

int
reach_open(struct reach *r, int64_t retry, int *status, const char **why)
{
	int got = identity_open(&r->identity, &identity_given, status, why);

	r->config = (struct client_config){
		.urls = reach_given.broker ? reach_given.broker
					   : app_default_broker(),
		.identity = got > 0 ? &r->identity : NULL,
		.given = &identity_given,
		.insecure = reach_given.insecure,
		.retry = retry,
	};
	return got < 0 ? -1 : 0;
}

void
reach_close(struct reach *r)
{
	identity_close(&r->identity);
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

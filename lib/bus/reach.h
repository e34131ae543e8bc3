/*
 * How a program is told which broker to reach, and as whom: the options of
 * all that connect to one, and the client_config they make.
 */
#ifndef SG_BUS_REACH_H
#define SG_BUS_REACH_H

#include "base/opt.h"
#include "bus/client.h"
#include "trust/identity.h"

/*
 * One OPT_GROUP row: -b/--broker URL (SG_BROKER), --insecure, --proxy URL
 * (SG_PROXY), --proxy-auth FILE, and the rows of trust/identity.h.
 */
struct reach_options {
	const char *broker, *proxy, *proxy_auth;
	int insecure;
};
extern struct reach_options reach_given;
extern struct opt reach_rows[];

/* All-zero is closed. */
struct reach {
	struct identity identity; /* its key is NULL without one */
	struct client_config config;
	char *secret; /* the proxy's user and password */
};

/*
 * reach_open(r, retry, status, why) - Read the key and the proxy's password,
 * if given, and make config of the options.  0, or -1 with *why (valid until
 * the next call) and an exit code.
 */
int reach_open(struct reach *r, int64_t retry, int *status, const char **why);
void reach_close(struct reach *r);

/* reach_subject(r) - The certificate's, or NULL without an identity. */
const char *reach_subject(const struct reach *r);

/*
 * reach_status(error) - The exit code for client_open's and client_next's
 * errno.
 */
int reach_status(int error);

#endif

/*
 * An HTTP proxy and what is said to it: a request for a tunnel, CONNECT of
 * RFC 9110 section 9.3.6 over HTTP/1.1, and its answer.  Pure functions over
 * bytes.
 */
#ifndef SG_BUS_PROXY_H
#define SG_BUS_PROXY_H

#include <stddef.h>

#include "base/buf.h"
#include "bus/url.h"

enum { PROXY_ANSWER_MAX = 8192 }; /* bytes, with its header fields */

struct proxy {
	char host[URL_MAX];
	char port[16];
};

/*
 * proxy_parse(p, url) - Of "http://host:port".  NULL, or what is wrong with
 * it; so is a password in it, which everybody could read in a list of
 * processes.
 */
const char *proxy_parse(struct proxy *p, const char *url);

/*
 * proxy_request(out, to, auth) - Append the request for a tunnel to a tcp URL,
 * with "USER:PASSWORD" as Basic credentials (RFC 7617) if auth is not NULL.
 */
void proxy_request(struct buf *out, const struct url *to, const char *auth);

enum proxy_result {
	PROXY_FAILED = -1, /* *why: no answer of HTTP/1.0 or 1.1 */
	PROXY_MORE = 0,	   /* not yet complete */
	PROXY_ANSWER = 1   /* *status; what follows *used is the tunnel's */
};

/*
 * proxy_answer(p, n, used, status, why) - Read what has come so far, p[0..n).
 * A tunnel is there if *status is 200 to 299.
 */
enum proxy_result proxy_answer(
    const char *p, size_t n, size_t *used, int *status, const char **why);

#endif

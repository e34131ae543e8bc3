#include "trust/keyring_file.h"

#include <errno.h>
#include <stdlib.h>

#include "base/die.h"
#include "event/line.h"
#include "trust/cert.h"
#include "trust/reason.h"

/* An empty chain is fine: NULL, or what is wrong. */
static const char *
add_chain(struct keyring *r, const char *path, const struct buf *chain)
{
	const struct cert *leaf;
	const char *why;

	if (chain->len == 0 ||
	    keyring_add_chain(r, chain->p, chain->len, &leaf, &why) == 0)
		return NULL;
	return reason("%s: %s", path, why);
}

/* A chain begins with a certificate that is no issuer's. */
static const char *
take_line(struct keyring *r, const struct line_in *in, struct buf *chain,
    const char *p, size_t n)
{
	const char *fault = NULL, *why;
	struct cert *c = cert_parse(p, n, &why);

	if (c == NULL)
		return reason("%s:%llu: %s", in->files[0],
		    (unsigned long long)in->number, why);
	if (c->role != CERT_ISSUER) {
		fault = add_chain(r, in->files[0], chain);
		buf_clear(chain);
	}
	buf_add(chain, p, n);
	buf_addc(chain, '\n');
	cert_free(c);
	return fault;
}

int
keyring_file(struct keyring *r, const char *path, const char **why)
{
	char *name = xstrdup(path), *files[] = { name };
	enum line_result result = LINE_END;
	struct buf chain = { 0 };
	struct line_in in;
	const char *p;
	int error;
	size_t n;

	*why = NULL;
	line_open(&in, files, 1);
	while (*why == NULL && (result = line_next(&in, &p, &n)) == LINE_GIVEN)
		*why = take_line(r, &in, &chain, p, n);
	error = errno;
	if (result == LINE_END)
		*why = add_chain(r, path, &chain);
	buf_fini(&chain);
	line_close(&in);
	free(name);
	errno = error;
	if (result == LINE_ERROR)
		return -1;
	return *why == NULL;
}

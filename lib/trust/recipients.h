/*
 * Whom something is sealed for: names from options and files, each of them
 *
 *	age1…		a recipient of age, for documents only
 *	….cert		a file with a certificate's chain
 *	anything else	a subject of the network
 *
 * All-zero is nobody.
 */
#ifndef SG_TRUST_RECIPIENTS_H
#define SG_TRUST_RECIPIENTS_H

#include <stddef.h>
#include <stdint.h>

#include "trust/keyring.h"

struct recipients {
	char **name;
	size_t names;
	const struct cert **cert; /* the ring's */
	size_t certs;
	unsigned char (*key)[KEY_BYTES]; /* X25519, of all, certificates too */
	size_t keys;
};

/*
 * recipients_add(r, name) - One more.
 * recipients_file(r, path, why) - Those in a file, one a line; empty lines
 * and lines that begin with '#' are skipped.  0, or -1 with *why, which
 * begins with the path.
 */
void recipients_add(struct recipients *r, const char *name);
int recipients_file(struct recipients *r, const char *path, const char **why);

/* recipients_network(r) - 1 if a network is needed to find them all. */
int recipients_network(const struct recipients *r);

/*
 * recipients_find(r, ring, now, status, why) - Fill in cert and key, judged
 * for now (Unix seconds); ring may be NULL if recipients_network() is 0.  0,
 * or -1 with *why (begins with the name) and *status: EXIT_DENIED for a
 * certificate that is not valid, EXIT_CONFIG for one that is not known or
 * cannot be read, EXIT_USAGE for a malformed name.
 */
int recipients_find(struct recipients *r, struct keyring *ring, int64_t now,
    int *status, const char **why);

void recipients_fini(struct recipients *r);

#endif

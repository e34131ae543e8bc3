/*
 * What keyring.c, which knows certificates and lists, and keyring_folder.c,
 * which reads the network's folder, share.  Private to these two.
 */
#ifndef SG_TRUST_KEYRING_PARTS_H
#define SG_TRUST_KEYRING_PARTS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "trust/keyring.h"

/* The ways in which a certificate is looked up. */
enum way { BY_KID, BY_SUBJECT, BY_SERIAL, WAYS };

struct entry {
	struct cert *cert;
	int root; /* from root.cert */
	struct entry *next[WAYS];
};

/* A file of crl/ as it was when it was last read. */
struct seen {
	char kid[KEY_ID + 1];
	struct timespec mtime;
	off_t size;
	ino_t inode;
};

struct keyring {
	char *dir;
	char network[KEY_ID + 1];
	unsigned char *psk;
	int64_t told;
	struct entry **bucket[WAYS];
	size_t buckets, entries;
	struct crl **crl; /* in force, one for each issuer */
	size_t crls;
	struct crl **waiting; /* for their issuers */
	size_t nwaiting;
	struct seen *seen;
	size_t nseen;
};

/*
 * keyring_remember(r, c, root) - Take a verified certificate, or free it if
 * it is known; the one that r has.
 */
const struct cert *
keyring_remember(struct keyring *r, struct cert *c, int root);

/*
 * keyring_take_chain(r, p, n, leaf, line) - As keyring_add_chain(): NULL with
 * *leaf, or what is wrong with the chain's line *line, counted from 1.
 */
const char *keyring_take_chain(struct keyring *r, const char *p, size_t n,
    const struct cert **leaf, size_t *line);

/*
 * keyring_take_crl(r, c, why) - As keyring_add_crl() for a parsed list, which
 * it takes; one whose issuer is not known waits for it, with 0.
 */
int keyring_take_crl(struct keyring *r, struct crl *c, const char **why);

#endif

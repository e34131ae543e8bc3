/*
 * Who this process is: its key, its certificate's chain and the network it
 * belongs to; with the options by which every program is told.  All-zero is
 * nobody.
 */
#ifndef SG_TRUST_IDENTITY_H
#define SG_TRUST_IDENTITY_H

#include <stdint.h>

#include "base/buf.h"
#include "base/opt.h"
#include "trust/keyring.h"

struct identity {
	struct key *key;
	struct keyring *ring;
	const struct cert *cert; /* the ring's */
	struct buf chain;	 /* NDJSON, as sent in handshakes */
	int crl_soft; /* sessions with peers that are KEYRING_STALE, too; the
			 caller's, identity_open() leaves it alone */
	struct keyring **retired; /* earlier rings, whose certificates others
				     may still hold */
	size_t nretired;
};

/*
 * The options of a program that has an identity, one OPT_GROUP row:
 * -k/--key FILE (SG_KEY), --trust DIR (SG_TRUST), --pass-fd N.
 */
struct identity_options {
	const char *key, *trust;
	int64_t pass_fd; /* -1: ask at the terminal */
};
extern struct identity_options identity_given;
extern struct opt identity_rows[];

/*
 * identity_open(id, given, status, why) - Load key, network and certificate
 * (the file FILE.cert beside FILE.key, else the network's newest for that
 * key), and check that they belong together and the certificate is valid now
 * (date_now(); an overdue revocation list does not matter here).
 * 1; 0 if no key was given; -1 with *why (begins with the file's name) and
 * *status: EXIT_CONFIG, or EXIT_DENIED for a wrong passphrase, an expired or
 * revoked certificate.
 *
 * identity_network(id, given, status, why) - The same without a key, for a
 * program that only verifies: the network's ring alone.  1 or -1.
 */
int identity_open(struct identity *id, const struct identity_options *given,
    int *status, const char **why);
int identity_network(struct identity *id, const struct identity_options *given,
    int *status, const char **why);

/*
 * identity_reload(id, given, status, why) - Read all of it again; what the
 * ring had learned since is kept, and so are the old ring's certificates, until
 * identity_close().  A passphrase is not asked for again: a key file that
 * needs one is taken to hold the key that it held.  -1: the old one stays.
 *
 * identity_renew(id, given, status, why) - Is there another certificate of id,
 * which has a key?  1: all of it was read again, as by identity_reload(); 0:
 * no, only newer lists have been taken, and nothing has to be kept.  -1 as
 * above.
 */
int identity_reload(struct identity *id, const struct identity_options *given,
    int *status, const char **why);
int identity_renew(struct identity *id, const struct identity_options *given,
    int *status, const char **why);
void identity_close(struct identity *id);

#endif

/*
 * A revocation list: numbered, signed by an issuer (typ sg-crl), valid for
 * the certificates of that issuer.
 *
 *  {"typ":"sg-crl","iss":KID,"num":N,"iat":T,"nxt":T,"all_before":{KID:T},
 *   "rev":[{"ser":HEX,"at":T,"why":S}],"sig":J}
 *
 * all_before: certificates for that key (kid) with nbf before T are revoked.
 * It travels as event $SG/TRUST/CRL/<kid> with the list in "d", and lies in
 * the network's folder as crl/<kid>.crl.
 */
#ifndef SG_TRUST_CRL_H
#define SG_TRUST_CRL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "trust/cert.h"

enum { CRL_MAX = 1048576, CRL_GRACE = 86400 /* s after nxt */ };

struct crl_entry {
	char serial[CERT_SERIAL + 1];
	int64_t at;
	char why[64];
};

struct crl_before {
	char kid[KEY_ID + 1];
	int64_t at;
};

struct crl {
	char issuer[KEY_ID + 1];
	int64_t number, issued, next; /* issued, next: Unix seconds */
	struct crl_entry *entry;      /* sorted by serial */
	size_t entries;
	struct crl_before *before;
	size_t befores;
	char *text; /* canonical, no LF */
	size_t len;
};

/* crl_parse(text, n, why) - NULL with *why; the signature is not checked. */
struct crl *crl_parse(const char *text, size_t n, const char **why);
void crl_free(struct crl *c);

/* crl_sign(c, issuer) - Make text from the fields; sorts the entries. */
int crl_sign(struct crl *c, const struct key *issuer, const char **why);

/* crl_signed(c, issuer) - 1 if that certificate's key signed the list. */
int crl_signed(const struct crl *c, const struct cert *issuer);

/*
 * crl_revoked(c, cert) - When the certificate was revoked (Unix seconds), or
 * 0 if it is not.
 */
int64_t crl_revoked(const struct crl *c, const struct cert *cert);

#endif

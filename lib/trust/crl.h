/*
 * A revocation list: numbered, signed by an issuer (typ sg-crl), valid for
 * the certificates of that issuer.
 *
 *  {"typ":"sg-crl","iss":KID,"num":N,"iat":T,"nxt":T,"rev":[[HEX,T,S],...],
 *   "all_before":[[KID,T],...],"crit":[S],"sig":J}
 *
 * rev: the certificate with that serial is revoked from T on, for the reason S
 * (at most 63 bytes, may be absent); in order of serials, each once.
 * all_before: certificates for that key with nbf before T are revoked, from T
 * on; may be absent.  Rows and not objects, since an event has at most 256
 * members.  num is 1 or more; nxt is when the next list is due.  Members it
 * does not know are an error only if crit names them.
 * It travels as event $SG/TRUST/CRL/<kid> with the list in "d", and lies in
 * the network's folder as crl/<kid>.crl.
 */
#ifndef SG_TRUST_CRL_H
#define SG_TRUST_CRL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "trust/cert.h"

enum {
	CRL_MAX = 1048576 - 4096, /* bytes; fits an event */
	CRL_GRACE = 86400,	  /* s after nxt */
	CRL_WHY = 64
};

struct crl_entry {
	char serial[CERT_SERIAL + 1];
	int64_t at;
	char why[CRL_WHY];
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

/*
 * crl_parse(text, n, why) - NULL with *why, valid until the next call of a
 * function of the trust room in the same thread; the signature is not
 * checked.
 */
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

/*
 * Detached JSON Web Signatures (RFC 7515 appendix F) with Ed25519 (RFC 8037,
 * 9864), kept in the member "sig" of the object they sign; the payload is
 * its canonical form (RFC 8785) without "sig".  The header is
 * {"alg":"EdDSA","kid":K,"typ":T}; T keeps the kinds apart.
 */
#ifndef SG_TRUST_JWS_H
#define SG_TRUST_JWS_H

#include <stddef.h>

#include "base/buf.h"
#include "trust/key.h"

/*
 * A signer of one typ by one key: its encoded header, made once.  typ is
 * "sg-event", "sg-seal", "sg-cert" or "sg-crl".
 */
struct jws_signer {
	const struct key *key; /* borrowed */
	struct buf head;       /* base64url of the header */
};

void
jws_signer_init(struct jws_signer *s, const struct key *key, const char *typ);
void jws_signer_fini(struct jws_signer *s);

/*
 * jws_sign(s, out, payload, n) - Append "HEADER..SIGNATURE" over the payload,
 * space is reused between calls.  Thread-safe for one s if space differs.
 */
void jws_sign(const struct jws_signer *s, struct buf *out, struct buf *space,
    const char *payload, size_t n);

/* A parsed detached JWS; kid and head point into the text. */
struct jws {
	const char *head;
	size_t head_n;
	char kid[KEY_ID + 1]; /* "" if the header has none */
	unsigned char sig[KEY_SIGNATURE];
};

/*
 * jws_parse(j, text, n, typ, why) - Strict: alg EdDSA or Ed25519, typ as
 * given (NULL: any), no jwk jku x5u x5c, no crit, no b64, no name twice, no
 * padding, exact lengths.  0, or -1 with *why (constant).
 */
int jws_parse(struct jws *j, const char *text, size_t n, const char *typ,
    const char **why);

/*
 * jws_verify(j, key, payload, n, space) - 1 if the signature is key's, else
 * 0.  As libsodium: S < L, no low order, no non-canonical points.
 */
int jws_verify(const struct jws *j, const unsigned char key[KEY_BYTES],
    const char *payload, size_t n, struct buf *space);

#endif

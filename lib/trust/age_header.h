/*
 * The header of an age document, age-encryption.org/v1: the file key, wrapped
 * once for each recipient in a stanza, and a MAC by that key over all of it.
 *
 *	age-encryption.org/v1
 *	-> X25519 SHARE
 *	BODY
 *	--- MAC
 */
#ifndef SG_TRUST_AGE_HEADER_H
#define SG_TRUST_AGE_HEADER_H

#include <stddef.h>

#include "base/buf.h"
#include "trust/age.h"

enum { AGE_FILE_KEY = 16 };

/*
 * age_header_make(key, recipient, n, out) - Append a header to out.  0, or -1
 * if a recipient is no key (a point of low order).
 */
int age_header_make(const unsigned char key[AGE_FILE_KEY],
    const unsigned char (*recipient)[KEY_BYTES], size_t n, struct buf *out);

/*
 * age_header_end(p, n, from) - Length of the header p[0..n) begins with, its
 * last newline too, or 0 if that has not come yet.  *from, 0 at first, is
 * where the next call begins to look.
 */
size_t age_header_end(const char *p, size_t n, size_t *from);

/* What may unwrap a file key; either may be NULL. */
struct age_secret {
	const unsigned char *identity; /* X25519 scalar */
	const char *passphrase;
	size_t passphrase_n;
};

/*
 * age_header_open(p, n, secret, key) - Check the whole header p[0..n) and
 * find the file key.  AGE_GOOD; AGE_PASSPHRASE: there is a scrypt stanza and
 * no passphrase; AGE_HEADER, AGE_NO_MATCH, AGE_HMAC.
 */
enum age_result age_header_open(const char *p, size_t n,
    const struct age_secret *secret, unsigned char key[AGE_FILE_KEY]);

/*
 * age_hkdf(key, n, salt, salt_n, info, out) - HKDF-SHA-256 (RFC 5869) of the
 * key material key[0..n), one block.
 */
void age_hkdf(const unsigned char *key, size_t n, const unsigned char *salt,
    size_t salt_n, const char *info, unsigned char out[32]);

#endif

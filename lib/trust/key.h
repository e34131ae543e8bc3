/*
 * The keys of one holder: Ed25519 for signatures (RFC 8032), X25519 for
 * channels and sealing (RFC 7748), in one file of one JSON line: a JWK (RFC
 * 7517, 8037) of the signing key with the other as member "enc":
 *
 *  {"kty":"OKP","crv":"Ed25519","x":B,"d":B,"kid":K,"sub":S,
 *   "enc":{"kty":"OKP","crv":"X25519","x":B,"d":B}}
 *
 * With a passphrase "d" of both is missing and the line has
 *
 *   "box":{"kdf":"argon2id","ops":3,"mem":67108864,"salt":B,
 *	    "alg":"xchacha20poly1305","nonce":B,"ct":B}
 *
 * over the two seeds, the canonical line without box as associated data.
 */
#ifndef SG_TRUST_KEY_H
#define SG_TRUST_KEY_H

#include <stddef.h>

#include "base/buf.h"
#include "event/json.h"

enum {
	KEY_BYTES = 32, /* each public key, seed */
	KEY_SIGNATURE = 64,
	KEY_ID = 43, /* RFC 7638 thumbprint, base64url */
	KEY_SUBJECT_MAX = 64
};

struct key_public {
	unsigned char sign[KEY_BYTES], enc[KEY_BYTES];
	char kid[KEY_ID + 1]; /* of sign */
};

/* In secret_new() memory. */
struct key {
	struct key_public public;
	char subject[KEY_SUBJECT_MAX + 1];
	unsigned char sign[64]; /* seed and public key, as libsodium's */
	unsigned char seed_enc[KEY_BYTES]; /* X25519 scalar */
};

/* key_new(subject) - Fresh random keys.  key_free wipes. */
struct key *key_new(const char *subject);
void key_free(struct key *k);

/*
 * key_subject_check(p, n) - NULL if p[0..n) may be a subject: 1-64 of A-Z a-z
 * 0-9 . _ : @ / -, no empty, "." or ".." part between slashes.  Else why.
 */
const char *key_subject_check(const char *p, size_t n);

/*
 * key_load(path, pass_fd, why) - Read a key file (secret_read()); asks for
 * the passphrase if it needs one (secret_passphrase(pass_fd)).  NULL with
 * errno (EACCES: wrong passphrase, constant message; EBADMSG: no key file)
 * and *why, which completes "PATH: ".  The caller frees.
 */
struct key *key_load(const char *path, int pass_fd, const char **why);

/*
 * key_parse(p, n, pass, pass_n, why) - The same from memory; pass NULL: none
 * (errno ENOKEY if one is needed).
 */
struct key *key_parse(
    const char *p, size_t n, const char *pass, size_t pass_n, const char **why);

/*
 * key_public_line(b, k) - Append the public half of a key file, one line with
 * LF: what its holder gives to an issuer.  key_public_parse(p, n, subject,
 * out, why) - The public half of such a line or of a key file (no passphrase
 * needed): 0, or -1 with *why.
 */
void key_public_line(struct buf *b, const struct key *k);
int key_public_parse(const char *p, size_t n, char subject[KEY_SUBJECT_MAX + 1],
    struct key_public *out, const char **why);

/*
 * key_save(k, path, pass, pass_n, mode, why) - Write the file, as
 * secret_write(); pass NULL: no passphrase.
 */
int key_save(const struct key *k, const char *path, const char *pass,
    size_t pass_n, int mode, const char **why);

/*
 * key_thumbprint(sign, kid) - RFC 7638 thumbprint of the Ed25519 JWK.
 * key_jwk(b, crv, x) - Append the public JWK, canonical.  key_jwk_parse -
 * The 32 bytes of a public JWK with that crv and no private part: 0 or -1.
 */
void key_thumbprint(const unsigned char sign[KEY_BYTES], char kid[KEY_ID + 1]);
void key_jwk(struct buf *b, const char *crv, const unsigned char x[KEY_BYTES]);
int key_jwk_parse(
    const struct json_value *jwk, const char *crv, unsigned char x[KEY_BYTES]);

/*
 * Base64url without padding, strict: no other characters, no non-zero bits
 * at the end.  key_b64(b, p, n) appends; key_b64_parse gives the length, or
 * -1 if it is none or longer than max.
 */
void key_b64(struct buf *b, const void *p, size_t n);
int key_b64_parse(void *out, size_t max, const char *p, size_t n);

/*
 * Exports, appended to b.  minisign: a public key file (and secret: an
 * unencrypted secret key file); age: recipient "age1..." (secret:
 * AGE-SECRET-KEY-1...), of the X25519 key; PKCS#8 / SPKI in PEM (RFC 8410) of
 * the signing key; nkey: base32(prefix | key | CRC-16/XMODEM), user "U...",
 * seed "SU...".
 */
enum key_form { KEY_MINISIGN, KEY_AGE, KEY_PKCS8, KEY_NKEY };
void key_export_public(
    struct buf *b, enum key_form form, const struct key_public *k);
void key_export_secret(struct buf *b, enum key_form form, const struct key *k);

#endif

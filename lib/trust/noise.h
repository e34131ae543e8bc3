/*
 * The Noise Protocol Framework, revision 34, with 25519, ChaChaPoly and
 * SHA256: handshake patterns as data, symmetric state, nothing of our own.
 */
#ifndef SG_TRUST_NOISE_H
#define SG_TRUST_NOISE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum {
	NOISE_KEY = 32,
	NOISE_TAG = 16,
	NOISE_HASH = 32,
	NOISE_MESSAGE_MAX = 65535
};

/* One direction's key and counter. */
struct noise_cipher {
	unsigned char key[NOISE_KEY];
	uint64_t nonce;
	int has_key;
};

enum noise_side { NOISE_INITIATOR, NOISE_RESPONDER };

/* The state of a handshake; wiped by noise_free(). */
struct noise;

struct noise_keys {		 /* NULL where the pattern needs none */
	const unsigned char *s;	 /* own static secret */
	const unsigned char *rs; /* peer's static public key, known before */
	const unsigned char *e;	 /* own ephemeral secret: tests only */
	const unsigned char (*psk)[NOISE_KEY];
	size_t npsk;
};

/*
 * noise_new(protocol, side, prologue, n, keys) - protocol as
 * "Noise_XXpsk3_25519_ChaChaPoly_SHA256".  NULL if the name is not known or a
 * key is missing.
 */
struct noise *noise_new(const char *protocol, enum noise_side side,
    const void *prologue, size_t n, const struct noise_keys *keys);
void noise_free(struct noise *s);

/*
 * noise_write(s, payload, n, out) - Append the next message.  noise_read(s,
 * message, n, out) - Take the peer's, append its payload.  0, or -1 (forged,
 * too short or long, all-zero DH result, out of turn): the handshake is dead.
 */
int
noise_write(struct noise *s, const void *payload, size_t n, struct buf *out);
int noise_read(struct noise *s, const void *message, size_t n, struct buf *out);

/*
 * noise_done(s) - 1 once both sides have all messages.  noise_split(s, send,
 * receive) - The transport keys.  noise_hash(s) - The handshake hash (channel
 * binding).  noise_peer(s) - The peer's static key, or NULL.
 */
int noise_done(const struct noise *s);
void noise_split(
    struct noise *s, struct noise_cipher *send, struct noise_cipher *receive);
const unsigned char *noise_hash(const struct noise *s);
const unsigned char *noise_peer(const struct noise *s);

/*
 * noise_encrypt(key, nonce, ad, adn, p, n, out) - n + NOISE_TAG bytes to out
 * (out may be p).  noise_decrypt - n bytes with tag to n - NOISE_TAG; 0 or
 * -1.  noise_rekey(key) - REKEY of the specification, section 4.2.
 */
void noise_encrypt(const unsigned char key[NOISE_KEY], uint64_t nonce,
    const void *ad, size_t adn, const void *p, size_t n, void *out);
int noise_decrypt(const unsigned char key[NOISE_KEY], uint64_t nonce,
    const void *ad, size_t adn, const void *p, size_t n, void *out);
void noise_rekey(unsigned char key[NOISE_KEY]);

#endif

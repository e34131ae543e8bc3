/*
 * Sealed events.  A sender makes a random content key and publishes it in a
 * key event, wrapped once for each recipient and signed:
 *
 *  {"topic":…,"t":T,"src":S,"d":{"typ":"sg-sender-key","key":ID,
 *   "to":{KID:WRAPPED,…}},"kid":K,"sig":J}
 *
 *	ID	base64url of the key's id, 16 bytes: BLAKE2b with the content
 *		key as key, of "sg-sender-key-id/1" | K
 *	WRAPPED	base64url of share 32 | XChaCha20-Poly1305 of the content key
 *		48, nonce zero, no associated data, key: BLAKE2b-256 with
 *		X25519(share's scalar, recipient) as key, of "sg-sender-key/1"
 *		| share | recipient's X25519 key | id | K | KID
 *
 * K is the sender's kid and KID the recipient's.  An id belongs to one
 * content key and one sender: a recipient computes it again.  A sealed event:
 *
 *  {"topic":…,"t":…,"src":…,"ep":…,"seq":…,"id":…,"re":…,"ttl":…,"enc":E}
 *
 *	E	base64url of id 16 | nonce 24 | XChaCha20-Poly1305 of the rest
 *
 * with those of the clear members that the event had.  The rest is the
 * event's line with each of them, name, colon and value, replaced by one byte
 * from 1 (topic) to 8 (ttl).  Associated data: the canonical form (CANON_SIGNED)
 * of the line without enc, rt, from and pos.
 */
#ifndef SG_TRUST_SENDER_H
#define SG_TRUST_SENDER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "event/canon.h"
#include "event/event.h"
#include "trust/cert.h"
#include "trust/key.h"
#include "trust/keyring.h"
#include "trust/sign.h"

enum {
	SENDER_ID = 16,
	SENDER_NONCE = 24,
	SENDER_OVERHEAD = SENDER_ID + SENDER_NONCE + 16, /* before base64 */
	SENDER_RECIPIENTS_MAX = 200, /* members of a line are limited */
	SENDER_KEYS_MAX = 65536,     /* that a recipient remembers */
	SENDER_EACH_MAX = 64	     /* of one sender */
};

/* The memory of one thread that seals or opens; all-zero is valid. */
struct sender_space {
	struct sign_space sign;
	struct buf clear, text, box;
	size_t nonces; /* that are left of: */
	unsigned char nonce[64][SENDER_NONCE];
};
void sender_space_fini(struct sender_space *s);

struct sender;

/* sender_new(key) - One who seals events; key (borrowed) signs. */
struct sender *sender_new(const struct key *key);
void sender_free(struct sender *s);

/*
 * sender_renew(s, to, n, why) - A fresh content key for these, 1 to
 * SENDER_RECIPIENTS_MAX, who have been judged.  0, or -1 with *why (one's
 * X25519 key is none).
 */
int sender_renew(struct sender *s, const struct cert *const *to, size_t n,
    const char **why);

/*
 * sender_announce(s, topic, now, space, out, why) - Append the key event, no
 * LF; now in microseconds.  0, or -1 with *why.
 */
int sender_announce(const struct sender *s, const char *topic, int64_t now,
    struct sender_space *space, struct buf *out, const char **why);

/*
 * sender_seal(s, e, space, out, why) - Append the sealed form of a scanned,
 * complete event without enc, rt, from and pos; no LF.  0, or -1 with *why.
 * Thread-safe if space differs.
 */
int sender_seal(const struct sender *s, const struct event *e,
    struct sender_space *space, struct buf *out, const char **why);

/* What a recipient has been told. */
struct sender_keys;

/* sender_keys_new(own, ring) - Both borrowed; the recipient's key. */
struct sender_keys *
sender_keys_new(const struct key *own, const struct keyring *ring);
void sender_keys_free(struct sender_keys *k);

/* sender_keys_ring(k, ring) - From now on this one; the old one is kept. */
void sender_keys_ring(struct sender_keys *k, const struct keyring *ring);

/* sender_is_key(e) - 1 if it is a key event by its look. */
int sender_is_key(const struct event *e);

enum sender_news {	   /* zero is no */
	SENDER_REFUSED = 0, /* signature or form is bad; *why */
	SENDER_OTHERS,	    /* not for us */
	SENDER_AGAIN,	    /* known before */
	SENDER_NEW
};

/*
 * sender_keys_take(k, e, at, space, why) - Take a key event, judged for the
 * moment at (Unix seconds) as any signed event: sign_check().  id becomes the
 * key's if it is not refused, *why is valid until the next call.
 */
enum sender_news sender_keys_take(struct sender_keys *k, const struct event *e,
    int64_t at, struct sender_space *space, unsigned char id[SENDER_ID],
    const char **why);

enum sender_verdict {	/* zero is no */
	SENDER_BAD = 0, /* altered, or not its sender's to send; *why */
	SENDER_CLEAR,	/* not sealed */
	SENDER_STRANGE, /* sealed for others */
	SENDER_UNKNOWN, /* its key event has not come */
	SENDER_OPENED
};

/*
 * sender_open(k, e, space, out, why) - Append the line that was sealed, no
 * LF, byte for byte if no one has rewritten the clear members since; with
 * rt, from and pos if the sealed line has them.  Its src has to be, and its
 * topic to be open to, the one whose key it is.  SENDER_UNKNOWN: space->box
 * begins with the key's id.  Thread-safe if space differs and no one takes
 * keys.
 */
enum sender_verdict sender_open(const struct sender_keys *k,
    const struct event *e, struct sender_space *space, struct buf *out,
    const char **why);

#endif

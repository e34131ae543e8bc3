/*
 * What a program knows of its network: the folder
 *
 *	root.cert		the roots, pinned here and nowhere else (NDJSON)
 *	certs/SUBJECT.cert	known chains, one file for each subject: that
 *				of a/b is a/b.cert; an earlier one, of
 *				another key or another time,
 *				SUBJECT~GEN.cert
 *	crl/KID.crl		the newest list of each issuer
 *	keys/SUBJECT.key	0700: the keys of those issued here, if any
 *	psk			0600, optional: 32 bytes in base64url, for
 *				all channels
 *
 * Every certificate that gets in has been verified up to a root, times and
 * revocation apart: these are judged for a moment by keyring_judge().
 */
#ifndef SG_TRUST_KEYRING_H
#define SG_TRUST_KEYRING_H

#include <stddef.h>
#include <stdint.h>

#include "trust/cert.h"
#include "trust/crl.h"

struct keyring;

/*
 * keyring_open(dir, why) - NULL with *why, which begins with FILE: or
 * FILE:LINE: and is valid until the next call of a function of the trust room
 * in the same thread.  The folder and its files have to be ours or root's, not
 * writable by group or others, and no symbolic links; the leaf of
 * certs/SUBJECT.cert is that subject's.
 */
struct keyring *keyring_open(const char *dir, const char **why);
void keyring_free(struct keyring *r);

/*
 * keyring_default(given, out, n) - The network's folder: given, else
 * $SG_TRUST, else $XDG_CONFIG_HOME/sg, else ~/.config/sg, else /etc/sg; the
 * first of the last three that has a root.cert.  0, or -1 if there is none.
 */
int keyring_default(const char *given, char *out, size_t n);

/* keyring_network(r) - The network's id: the kid of the first root. */
const char *keyring_network(const struct keyring *r);

/* keyring_psk(r) - 32 bytes, or NULL. */
const unsigned char *keyring_psk(const struct keyring *r);

/*
 * keyring_find(r, kid) - The newest known certificate with that signing key
 * (of roots too), or NULL; newest is the highest gen, then the latest nbf.
 * keyring_subject(r, subject) - The same of that subject.
 * keyring_holder(r, kid, subject, at) - The same of that key and subject (NULL:
 * any): two issuers may have certified one key, and neither may hide the
 * other's.  Those that began after at (Unix seconds) count only if there is no
 * other: what was signed before a certificate was renewed stays verifiable.
 * All are valid as long as r is, and safe to call from several threads as long
 * as no one adds.
 */
const struct cert *keyring_find(const struct keyring *r, const char *kid);
const struct cert *
keyring_subject(const struct keyring *r, const char *subject);
const struct cert *keyring_holder(
    const struct keyring *r, const char *kid, const char *subject, int64_t at);

/*
 * keyring_add_chain(r, p, n, leaf, why) - Verify an NDJSON chain up to a root
 * of r (length, size, signatures, cert_allowed of each link) and remember its
 * certificates.  0 with *leaf (r's), or -1 with *why.
 *
 * keyring_add_crl(r, p, n, why) - Take a list if it is signed by an issuer
 * or root that is known and its number is higher: 1; 0 if not newer; -1 with
 * *why.
 *
 * keyring_refresh(r, why) - Look at crl/ of the folder again and take what is
 * newer: how many lists were.  -1 with *why for the first file that is none
 * or is not what it says; the others have been taken.  A list whose issuer is
 * not known yet waits until a chain brings it, here and in keyring_open().
 * Cheap if no file has changed.
 */
int keyring_add_chain(struct keyring *r, const char *p, size_t n,
    const struct cert **leaf, const char **why);
int
keyring_add_crl(struct keyring *r, const char *p, size_t n, const char **why);
int keyring_refresh(struct keyring *r, const char **why);

/*
 * keyring_crl(r, issuer) - The list in force of that kid, or NULL; valid until
 * a newer one is taken.  keyring_save_crl(r, issuer, why) - Write it to crl/.
 */
const struct crl *keyring_crl(const struct keyring *r, const char *issuer);
int
keyring_save_crl(const struct keyring *r, const char *issuer, const char **why);

/*
 * keyring_inherit(r, old) - Take what old has learned since it was opened and
 * a fresh r cannot know: issuers, if a root of r still vouches for them, newer
 * lists, and the time.
 *
 * keyring_forget(r, now, held, ctx) - Drop the certificates of actors and
 * brokers that ended more than a day before now (Unix seconds), but for those
 * of which held(ctx, c) says that somebody still has them.
 */
void keyring_inherit(struct keyring *r, const struct keyring *old);
void keyring_forget(struct keyring *r, int64_t now,
    int (*held)(const void *ctx, const struct cert *c), const void *ctx);

/*
 * keyring_chain(r, c, out) - Append c's chain (leaf first, without the root)
 * as NDJSON.
 */
void
keyring_chain(const struct keyring *r, const struct cert *c, struct buf *out);

enum keyring_verdict { /* zero is no */
	KEYRING_UNKNOWN = 0,
	KEYRING_EARLY,	 /* nbf - 120 s is after at */
	KEYRING_EXPIRED, /* it, or an issuer above it */
	KEYRING_REVOKED, /* it, or an issuer above it, at or before at */
	KEYRING_STALE,	 /* its issuer's list is overdue by > a day */
	KEYRING_VALID
};

/*
 * keyring_judge(r, c, at) - Was c (and each issuer above it) valid at that
 * moment (Unix seconds)?  Revocation counts from its own time on.  STALE only
 * if everything else is fine: new sessions are refused then, signatures are
 * not.  c may be another ring's: it is judged by the issuers that r knows.
 * keyring_verdict_why(v) - In words: "certificate expired".
 */
enum keyring_verdict
keyring_judge(const struct keyring *r, const struct cert *c, int64_t at);
const char *keyring_verdict_why(enum keyring_verdict v);

/*
 * keyring_end(r, c) - The last second at which keyring_judge() might find c
 * valid, revocation apart; 0 if nobody known has issued it.
 */
int64_t keyring_end(const struct keyring *r, const struct cert *c);

/*
 * keyring_clock(r, now) - now, or the newest time that somebody trusted has
 * told, whichever is later (Unix seconds): a clock set back revives no
 * certificate.  A list of a root tells its iat (one of an issuer below does
 * not: it could age the whole network); keyring_told(r, time) - so did
 * somebody else, say the broker.
 */
int64_t keyring_clock(const struct keyring *r, int64_t now);
void keyring_told(struct keyring *r, int64_t time);

#endif

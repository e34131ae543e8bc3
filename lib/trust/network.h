/*
 * A network's folder (keyring.h) in the hands of its owner, who makes keys,
 * certificates and revocation lists there.
 */
#ifndef SG_TRUST_NETWORK_H
#define SG_TRUST_NETWORK_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "trust/keyring.h"

enum {
	NETWORK_DAY = 86400,
	NETWORK_LIFE_ACTOR = 30 * NETWORK_DAY,
	NETWORK_LIFE_BROKER = 90 * NETWORK_DAY,
	NETWORK_LIFE_ISSUER = 365 * NETWORK_DAY,
	NETWORK_LIFE_ROOT = 3653 * NETWORK_DAY,
	NETWORK_LIFE_LIST = 90 * NETWORK_DAY /* until the next list is due */
};

/*
 * All-zero but dir is valid.  After a call has given -1 (or NULL), status is
 * the exit code and why the message, complete with the file it is about.
 */
struct network {
	const char *dir; /* borrowed */
	int64_t now;	 /* Unix seconds; once open not before a list's */
	struct keyring *ring;
	struct key *signer;	   /* who signs, once chosen */
	const struct cert *issuer; /* the signer's certificate, ring's */
	int lock;		   /* descriptor, 0: not locked */
	int status;
	struct buf why;
};

/* A passphrase for new key files; p NULL: they are not protected. */
struct network_pass {
	const char *p;
	size_t n;
};

/*
 * network_create(w, subject, life, psk, pass) - Make the folder with a root
 * of that name, valid for life seconds, and open it with the root as signer.
 * psk: with a key for all channels, too.  A folder that has a root is refused.
 */
int network_create(struct network *w, const char *subject, int64_t life,
    int psk, const struct network_pass *pass);

/*
 * network_open(w, use) - Read the folder; NETWORK_CHANGE: no other process
 * changes it until network_close(), or this one waits until it has.
 * network_signer(w, name, pass_fd) - Choose who signs, NULL: the root; its key
 * is keys/NAME.key.  network_signer_valid(w) - Its certificate is valid now,
 * or -1; an expired root may only be renewed.  network_close(w) - Also half
 * open.
 */
enum network_use { NETWORK_READ, NETWORK_CHANGE };
int network_open(struct network *w, enum network_use use);
int network_signer(struct network *w, const char *name, int pass_fd);
int network_signer_valid(struct network *w);
void network_close(struct network *w);

/*
 * network_file(w, folder, name, suffix, path) - path becomes
 * DIR/FOLDER/NAME.SUFFIX.
 */
void network_file(const struct network *w, const char *folder, const char *name,
    const char *suffix, struct buf *path);

/*
 * network_key(w, subject, pass, out) - Make a new key in keys/; refused if
 * there is one.  network_rekey(w, old, pass, out) - Put a new one in
 * the place of a certificate's, which becomes keys/SUBJECT~GEN.key: it opens
 * what was sealed for it.  network_known_key(w, subject, out) - The public half
 * of the one that is there: 1, 0 if there is none, -1.  network_given_key(w,
 * path, subject, out) - That of one made elsewhere, "-" standard input: 0, or
 * -1 also if it is another's.
 */
int network_key(struct network *w, const char *subject,
    const struct network_pass *pass, struct key_public *out);
int network_rekey(struct network *w, const struct cert *old,
    const struct network_pass *pass, struct key_public *out);
int network_known_key(
    struct network *w, const char *subject, struct key_public *out);
int network_given_key(struct network *w, const char *path, const char *subject,
    struct key_public *out);

/*
 * network_cert(role) - A certificate to fill in and to issue; cert_free().
 * network_cert_name(c, p, n) - Add a name to a broker's, once.
 */
struct cert *network_cert(enum cert_role role);
void network_cert_name(struct cert *c, const char *p, size_t n);

/*
 * network_life(w, role) - How long a certificate of that role is valid if
 * nobody says: the default above, or as long as the signer may.
 *
 * network_issue(w, c) - Sign c, whose fields apart from serial and issuer are
 * set, and write its chain to certs/.  *c gets its text.  network_allowed(w,
 * c) - 0 if the signer may issue it, the key apart; to be asked before a key
 * is made.
 *
 * network_renew(w, old, c, life, rekeyed) - c, which was old and may have
 * been changed, gets another life (0: the default) and is signed and written,
 * one generation after old unless c has another one already.  rekeyed: c has a
 * new key, and the old chain stays as certs/SUBJECT~GEN.cert; else it begins
 * when old did if it may, so that what the key has signed stays valid.
 *
 * network_renew_root(w, old, c, life) - The same for a root, whose key stays.
 */
int64_t network_life(const struct network *w, enum cert_role role);
int network_allowed(struct network *w, const struct cert *c);
int network_issue(struct network *w, struct cert *c);
int network_renew(struct network *w, const struct cert *old, struct cert *c,
    int64_t life, int rekeyed);
int network_renew_root(
    struct network *w, const struct cert *old, struct cert *c, int64_t life);

/*
 * network_list(w) - The signer's revocation list, or an empty one with number
 * 0; the caller frees.
 *
 * network_publish(w, list, life) - Number, date, sign and write the signer's
 * list, the next one due in life seconds.
 *
 * network_revoke(w, list, subject, reason) - Enter all certificates of that
 * subject that the signer has issued, and their keys up to now.  Their count.
 * network_revoke_serial, network_revoke_before - One of them, known or not;
 * those for a key that begin before a moment (Unix seconds).
 */
struct crl *network_list(struct network *w);
int network_publish(struct network *w, struct crl *list, int64_t life);
int network_revoke(struct network *w, struct crl *list, const char *subject,
    const char *reason);
void network_revoke_serial(struct network *w, struct crl *list,
    const char *serial, const char *reason);
void network_revoke_before(struct crl *list, const char *kid, int64_t at);

#endif

/*
 * Signed events: kid and sig in the line, over the canonical form without
 * sig, rt, from and pos.  The signature's typ is sg-event, below STATUS/SEAL/
 * sg-seal (trust/batch.h).
 */
#ifndef SG_TRUST_SIGN_H
#define SG_TRUST_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "event/canon.h"
#include "event/event.h"
#include "trust/jws.h"
#include "trust/keyring.h"

/* The memory of one thread that signs or verifies; all-zero is valid. */
struct sign_space {
	struct canon canon;
	struct buf space, line;
};
void sign_space_fini(struct sign_space *s);

/*
 * sign_line(signer, s, p, n, out, why) - Append the line p[0..n), a JSON
 * object with members, kid and sig not among them, with these two added and
 * no LF.  0, or -1 with *why and out unchanged.
 */
int sign_line(const struct jws_signer *signer, struct sign_space *s,
    const char *p, size_t n, struct buf *out, const char **why);

enum sign_verdict {   /* zero is bad */
	SIGN_BAD = 0, /* does not fit the line, or malformed */
	SIGN_UNSIGNED,
	SIGN_UNKNOWN, /* no certificate for that kid */
	SIGN_EXPIRED, /* or not valid yet, at the moment of judgement */
	SIGN_REVOKED,
	SIGN_DENIED, /* not allowed on this topic, or src is not its holder */
	SIGN_GOOD
};

/*
 * sign_check(ring, s, e, at, cert, why) - Judge a scanned line at a moment
 * (Unix seconds).  *cert is the signer's (if known), *why says more for all
 * but SIGN_GOOD (valid until s is used again).  Thread-safe.
 */
enum sign_verdict sign_check(const struct keyring *ring, struct sign_space *s,
    const struct event *e, int64_t at, const struct cert **cert,
    const char **why);

/*
 * sign_permitted(ring, cert, e, at, why) - What sign_check() asks once a
 * signature fits: was the certificate valid at that moment, and may its
 * holder publish this topic?
 */
enum sign_verdict
sign_permitted(const struct keyring *ring, const struct cert *cert,
    const struct event *e, int64_t at, const char **why);

/*
 * sign_moment(e, at) - The moment for which a line is judged: rt, when a
 * broker received it, else t (Unix seconds, rounded down).  0, or -1 if it has
 * neither.
 */
int sign_moment(const struct event *e, int64_t *at);

/* sign_verdict_name(v) - "bad", "unsigned", "unknown", "expired", ... */
const char *sign_verdict_name(enum sign_verdict v);

#endif

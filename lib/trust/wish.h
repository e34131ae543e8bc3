/*
 * What a certificate is to say, in the words of a command line: lists whose
 * elements may have several words with commas between them.  What is given
 * replaces what was there; an empty list changes nothing.
 */
#ifndef SG_TRUST_WISH_H
#define SG_TRUST_WISH_H

#include <stdint.h>

#include "base/opt.h"
#include "trust/cert.h"

/* What was not wished where there is no other sign of it. */
#define WISH_UNSET INT64_MIN

struct wish {
	struct opt_list pub, subs, call, serve, deny, via; /* filters, no '!' */
	struct opt_list names;				   /* of a broker */
	struct opt_list limit; /* eps=N, bps=SIZE, conn=N, topics=N */
	struct opt_list scope, subjects, brokers; /* of an issuer */
	int64_t depth, maxttl;			  /* the same; maxttl in us */
};

/*
 * wish_rights(w), wish_power(w) - 1 if w has anything that says what the holder
 * may do, or what an issuer may give away.
 */
int wish_rights(const struct wish *w);
int wish_power(const struct wish *w);

/*
 * wish_fill(w, c) - Fill in c, whose role and subject are set.  NULL, or what
 * is wrong in the words of the options ("only a broker has --names (--role)"),
 * valid until the next call of a function of the trust room in the same
 * thread.  A broker's own name is always one of its names if it can be: it
 * has no slash.
 */
const char *wish_fill(const struct wish *w, struct cert *c);

#endif

/*
 * What a certificate is to say, in the words of a command line: lists whose
 * elements may have several words with commas between them.  What is given
 * replaces what was there; an empty list changes nothing.  All give NULL, or
 * what is wrong, valid until the next call of a function of the trust room in
 * the same thread.
 */
#ifndef SG_TRUST_WISH_H
#define SG_TRUST_WISH_H

#include "base/opt.h"
#include "trust/cert.h"

/* wish_filters(set, list) - Filters without '!'. */
const char *wish_filters(struct topic_set *set, const struct opt_list *list);

/*
 * wish_names(c, list) - Names of a broker, whose own is always one of them if
 * it can be: it has no slash.
 */
const char *wish_names(struct cert *c, const struct opt_list *list);

/* wish_limits(limits, list) - eps=N, bps=SIZE, conn=N, topics=N. */
const char *
wish_limits(struct cert_limits *limits, const struct opt_list *list);

#endif

/* How the parts of network.h say why. */
#ifndef SG_TRUST_NETWORK_FAIL_H
#define SG_TRUST_NETWORK_FAIL_H

#include "trust/network.h"

/* network_fail(w, status, fmt, ...) - Set w->status and w->why; -1. */
int network_fail(struct network *w, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif

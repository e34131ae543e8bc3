/*
 * A network to try things with: a root, two brokers and twenty actors,
 * always with the same names and rights, sg-trust(1).
 */
#ifndef SG_TRUST_NETWORK_DEMO_H
#define SG_TRUST_NETWORK_DEMO_H

#include "trust/network.h"

/* network_demo(w) - As network_create(), and all certificates. */
int network_demo(struct network *w);

#endif

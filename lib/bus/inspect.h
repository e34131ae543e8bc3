/*
 * What a monitoring plug-in sees in files: keys, certificates and revocation
 * lists, and spools.
 */
#ifndef SG_BUS_INSPECT_H
#define SG_BUS_INSPECT_H

#include <stddef.h>
#include <stdint.h>

#include "bus/health.h"

/*
 * inspect_network(dir, soon, h) - All of a network's folder: its roots and the
 * newest certificate of each subject, the revocation lists, the modes of the
 * keys.  soon: seconds before their end at which a certificate and the next
 * list's due time are worth telling; what has been revoked is not.
 *
 * inspect_key(path, dir, soon, h) - A key or certificate file (*.cert): its
 * mode, and its certificate's validity and end, by the network in dir, or by
 * itself alone if dir is NULL.
 */
void inspect_network(
    const char *dir, struct health_limits soon, struct health *h);
void inspect_key(const char *path, const char *dir, struct health_limits soon,
    struct health *h);

/* What is too much for a spool. */
struct inspect_spool {
	int64_t size;		     /* bytes it may have */
	struct health_limits filled; /* percent of them */
	int64_t expect; /* us the oldest waiting event may be old; 0: any */
};

/* inspect_spool(dir, x, h) - How much waits, since when, how full it is. */
void inspect_spool(
    const char *dir, const struct inspect_spool *x, struct health *h);

#endif

/*
 * Chained messages (RORG CDM and SEC_CDM) put together again from their
 * telegrams; bounded, whatever comes.
 */
#ifndef SG_DEVICE_ENOCEAN_CHAIN_H
#define SG_DEVICE_ENOCEAN_CHAIN_H

#include <stdint.h>

#include "device/enocean/telegram.h"

enum { CHAIN_KEEP = 3000000 /* us between its first and last telegram */ };

struct chain; /* all messages that are under way, 32 at most */

/* chain_new() - None is under way; the memory is fixed. */
struct chain *chain_new(void);
void chain_free(struct chain *c);

/*
 * chain_take(c, in, out, why) - 1: *out is a whole message (its payload is
 * the module's, valid until the next call; its RORG the inner one, SEC_ENCAPS
 * for SEC_CDM; the time of its last telegram, best dBm, most hops); 0: a part
 * that was kept, in whatever order they come, or was there already; -1 with
 * *why: a part that fits nothing, which is dropped with what it belonged to.
 * A telegram that is not chained is given back as it is (1).
 */
int chain_take(struct chain *c, const struct telegram *in, struct telegram *out,
    const char **why);

/* chain_lost(c) - Messages begun and given up: parts did not come, or fit. */
uint64_t chain_lost(const struct chain *c);

#endif

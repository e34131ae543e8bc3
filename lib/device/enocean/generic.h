/*
 * Generic profiles (EnOcean Generic Profiles 1.4): a device describes its own
 * channels in its teach-in, and sends them all or some of them.
 */
#ifndef SG_DEVICE_ENOCEAN_GENERIC_H
#define SG_DEVICE_ENOCEAN_GENERIC_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "device/enocean/eep.h"
#include "device/enocean/telegram.h"
#include "event/quantity.h"

enum { GENERIC_CHANNELS = 64 };

struct generic; /* the outbound channels of one device */

struct generic_teach {
	uint16_t manufacturer;
	uint8_t two_way, purpose; /* 0 in, 1 out, 2 either */
	const uint8_t *p;	  /* the definitions, in the telegram */
	size_t n;
};

/*
 * generic_parse(tel, out) - Take a teach-in request (RORG GP_TI) apart.  0,
 * or -1: malformed.
 */
int generic_parse(const struct telegram *tel, struct generic_teach *out);

/*
 * generic_new(p, n, quantities, why) - The channels that the n bytes of
 * definitions describe.  NULL with *why.
 */
struct generic *generic_new(const uint8_t *p, size_t n,
    const struct quantities *quantities, const char **why);
void generic_free(struct generic *g);

/*
 * generic_values(g, tel, out, n, why) - The values of a telegram of complete
 * or selective data; channel[i] is the index of out[i].  How many (at most
 * GENERIC_CHANNELS), or -1 with *why.
 */
int generic_values(const struct generic *g, const struct telegram *tel,
    struct eep_value out[GENERIC_CHANNELS], uint8_t channel[GENERIC_CHANNELS],
    const char **why);

/* generic_answer(result, ...) - Teach-in response, as teach_answer(). */
int
generic_answer(const struct telegram *query, const struct generic_teach *teach,
    int accepted, uint64_t sender, uint8_t *p, struct telegram *out);

#endif

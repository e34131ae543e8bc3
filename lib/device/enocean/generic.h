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
#include "device/enocean/teach.h"
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
 * definitions describe, as far as the device sends them.  NULL with *why.
 */
struct generic *generic_new(const uint8_t *p, size_t n,
    const struct quantities *quantities, const char **why);
void generic_free(struct generic *g);

/*
 * generic_channels(g) - How many; i is from 0 below that in the others.
 * generic_name(g, i) - "temperature", or "data_99" for a signal that the
 * standard does not name.  generic_unit(g, i) - Of its numbers, or NULL.
 * generic_quantity(g, i, channel) - Or NULL; *channel is which one of those
 * with this quantity, from 0, or -1.
 */
size_t generic_channels(const struct generic *g);
const char *generic_name(const struct generic *g, size_t i);
const char *generic_unit(const struct generic *g, size_t i);
const struct quantity *
generic_quantity(const struct generic *g, size_t i, int *channel);

/*
 * generic_values(g, tel, out, channel, why) - The values of a telegram of
 * complete or selective data; channel[i] is the index of out[i], and
 * out[i].channel as in generic_quantity().  How many (at most
 * GENERIC_CHANNELS), or -1 with *why: nothing is read of a telegram that does
 * not end where its values do.
 */
int generic_values(const struct generic *g, const struct telegram *tel,
    struct eep_value out[GENERIC_CHANNELS], uint8_t channel[GENERIC_CHANNELS],
    const char **why);

/*
 * generic_answer(query, teach, result, sender, p, out) - The answer to a
 * teach-in, as teach_answer().  0, or -1 if the device wants none.
 */
int generic_answer(const struct telegram *query,
    const struct generic_teach *teach, enum teach_result result,
    uint64_t sender, uint8_t *p, struct telegram *out);

#endif

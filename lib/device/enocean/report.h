/*
 * Event lines of what devices say: one for each quantity, or one for each
 * telegram with all of its fields.
 */
#ifndef SG_DEVICE_ENOCEAN_REPORT_H
#define SG_DEVICE_ENOCEAN_REPORT_H

#include <stdint.h>

#include "base/buf.h"
#include "device/enocean/devices.h"
#include "device/enocean/eep.h"
#include "device/enocean/telegram.h"

struct report;

/*
 * report_new(signal) - signal 1: report_message() also tells how strong each
 * telegram was received (SignalStrength).
 */
struct report *report_new(int signal);
void report_free(struct report *r);

/*
 * report_message(r, dev, m, tel, out) - Append an event
 * MEASUREMENT/SENSOR/<name>/<Quantity> for each field of the telegram that
 * is a quantity.  A number that the profile does not allow, or a code in its
 * place, has q BAD and says what was sent: d {"raw":…,"label":…}.  How many.
 */
unsigned report_message(struct report *r, const struct device *dev,
    const struct eep_message *m, const struct telegram *tel, struct buf *out);

/* The same for n values that do not come from a table. */
unsigned report_values(struct report *r, const struct device *dev,
    const struct telegram *tel, const struct eep_value *value, size_t n,
    struct buf *out);

/*
 * report_telegram(dev, profile, m, tel, out) - Append one event
 * STATUS/TELEGRAM/<name, or address>; dev, profile and m may be NULL.
 */
void
report_telegram(const struct device *dev, const struct eep_profile *profile,
    const struct eep_message *m, const struct telegram *tel, struct buf *out);

#endif

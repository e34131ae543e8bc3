/*
 * Commands to devices: from a COMMAND event to telegrams, and from what the
 * device reports to STATUS/COMMAND/<id>/<device> events.  Nothing late,
 * repeated or unknown is sent; "completed" is said only when the device has
 * said so.
 */
#ifndef SG_DEVICE_ENOCEAN_ACTUATOR_H
#define SG_DEVICE_ENOCEAN_ACTUATOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "device/enocean/devices.h"
#include "device/enocean/eep.h"
#include "device/enocean/module.h"
#include "device/enocean/secure.h"
#include "event/command.h"
#include "event/event.h"

struct actuator;

struct actuator_parts { /* all borrowed */
	const struct eep *eep;
	struct devices *devices;
	struct module *module;
	struct secure *secure;
	struct command_guard *guard;
};

struct actuator *actuator_new(const struct actuator_parts *parts);
void actuator_free(struct actuator *a);

/*
 * actuator_command(a, e, now, mono, out) - One event of the command side: now
 * is the wall clock, mono the other one (us).  Appends STATUS events, one
 * line each, to out; other events than COMMAND are ignored.  1 taken, 0 not a
 * command for one of our devices.
 */
int actuator_command(struct actuator *a, const struct event *e, int64_t now,
    int64_t mono, struct buf *out);

/*
 * actuator_heard(a, device, message, tel, now, mono, out) - A telegram of a
 * device, decoded: it may be the report that a command waits for, or a valve
 * that listens now.
 */
void actuator_heard(struct actuator *a, const struct device *device,
    const struct eep_message *message, const struct telegram *tel, int64_t now,
    int64_t mono, struct buf *out);

/* actuator_sent(a, result, ...) - How the module did with one of ours. */
void actuator_sent(struct actuator *a, const struct module_result *result,
    int64_t now, int64_t mono, struct buf *out);

/* actuator_tick(), actuator_due() - Time limits, as module.h. */
void
actuator_tick(struct actuator *a, int64_t now, int64_t mono, struct buf *out);
int64_t actuator_due(const struct actuator *a);

/* actuator_verbs(p, b, ...) - see devices_describe(): what it understands. */
const char *const *actuator_verbs(const struct eep_profile *profile);

#endif

/*
 * Commands to devices: from a COMMAND event to telegrams, and from what the
 * device reports to STATUS/COMMAND/<id>/<device> events.  Nothing late,
 * repeated or unknown is sent; "completed" is said only when the device has
 * said so.
 *
 * A command goes through
 *
 *	received	the guard found it fresh
 *	accepted	it is a telegram, and the module has it; or rejected
 *	started		on air: the module has answered RET_OK
 *
 * and ends, exactly once, in
 *
 *	rejected	what is wrong with it, or with the command's time or id
 *	completed	the device has reported the state that was commanded
 *			(a query: has answered)
 *	started		with a reason: nothing is going to be reported of it
 *	failed		what the module said, or the device reported instead
 *	expired		t + ttl passed: before it could be sent, or before the
 *			device confirmed it
 *	superseded	a later command for the same output was accepted
 *
 * What sets an absolute state is sent again when no report of it comes, at
 * most ACTUATOR_TRIES times in all and never after t + ttl, whichever clock
 * says so first (one stands still while the machine sleeps, the other may be
 * set); presses of a
 * button, and what only the table knows ("send"), are sent once.
 *
 * A valve that listens only after its own telegrams (A5-20) gets its command
 * then; it has to be answered each time it wakes, and is, with what it was
 * set to last.  That answer keeps a state and is no late command: it begins
 * once the command was sent in time, lasts as long as this process, and is
 * replaced by the next one.
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

enum {
	ACTUATOR_TRIES = 3,
	ACTUATOR_PENDING = 1024 /* commands under way at a time */
};

struct actuator;

struct actuator_parts { /* all borrowed */
	const struct eep *eep;
	struct devices *devices;
	struct module *module;
	struct secure *secure;
	struct command_guard *guard;
};

/*
 * actuator_new(parts), actuator_free(a) - free says nothing of what is under
 * way.
 */
struct actuator *actuator_new(const struct actuator_parts *parts);
void actuator_free(struct actuator *a);

/*
 * actuator_command(a, e, now, mono, out) - One event of the command side,
 * COMMAND/<name>[:channel]/<verb>: now is the wall clock, mono the other one
 * (us).  Without a channel it is the first output (as in the topics of
 * measurements); a d with "all":true is for all of them.  Appends STATUS
 * events to out; other events than COMMAND are ignored.  1 taken, 0 not a
 * command for one of our devices ("rejected" is said then, too).
 *
 * A line is {"topic":"STATUS/COMMAND/<id>/<name>","t":now,"re":"<id>",
 * "vs":"<state>","reason":"..."}; reason may be absent.  In the topic, "_"
 * stands for what a level may not hold, ids longer than a level are cut, and
 * "-" stands for none; re is the id itself.
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

/*
 * actuator_sent(a, result, ...) - How the module did with one of ours.  Tags of
 * ours are not 0; others are ignored.
 */
void actuator_sent(struct actuator *a, const struct module_result *result,
    int64_t now, int64_t mono, struct buf *out);

/* actuator_tick(), actuator_due() - Time limits, as module.h. */
void
actuator_tick(struct actuator *a, int64_t now, int64_t mono, struct buf *out);
int64_t actuator_due(const struct actuator *a);

/*
 * actuator_quit(a, patient, now, out) - The program is to end: what is under
 * way gets its last word ("failed", and whether it was sent).  patient: but
 * for buttons that are or may be pressed, which are to be released first: go
 * on for a moment.  1 if there are any left, else 0.
 */
int
actuator_quit(struct actuator *a, int patient, int64_t now, struct buf *out);

/*
 * actuator_verbs(profile) - What a device of the profile understands, NULL at
 * the end; nothing if it is only a sensor.  Valid until the next call.
 */
const char *const *actuator_verbs(const struct eep_profile *profile);

#endif

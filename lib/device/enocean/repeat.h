/*
 * Telegrams that come again: through repeaters, or because a device sends
 * each several times.  Equal sender, RORG, payload and destination within
 * the window are one telegram (for RPS the status bits T21 and NU count,
 * too).  But press, release, press within it are three: after another one of
 * its sender only a telegram with more hops than before is a repetition.
 */
#ifndef SG_DEVICE_ENOCEAN_REPEAT_H
#define SG_DEVICE_ENOCEAN_REPEAT_H

#include <stdint.h>

#include "device/enocean/telegram.h"

struct repeat;

/*
 * repeat_new(window) - window in us.  0: times mean nothing (a file of bytes
 * without times); then only what a repeater sent is dropped, if one with
 * fewer hops was among the last telegrams (16 of all senders, 4 of its own).
 */
struct repeat *repeat_new(int64_t window);
void repeat_free(struct repeat *r);

/*
 * repeat_is(r, tel) - 1 if it was here before, else 0, and it is remembered.
 * Memory is fixed: up to 1024 senders at a time.
 */
int repeat_is(struct repeat *r, const struct telegram *tel);

#endif

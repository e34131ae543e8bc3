/*
 * The radio module behind the serial line: its requests and responses, one
 * in flight, since a response does not say what it answers (EnOcean Serial
 * Protocol 3, sections 2.2 and 1.5).  Knows no descriptor: bytes out, packets
 * in.
 */
#ifndef SG_DEVICE_ENOCEAN_MODULE_H
#define SG_DEVICE_ENOCEAN_MODULE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "device/enocean/esp3.h"
#include "device/enocean/telegram.h"

enum {
	MODULE_PATIENCE = 500000, /* us for a response */
	MODULE_TRIES = 3,
	MODULE_QUEUE = 256,	/* requests that wait, and results that do */
	MODULE_ASK = 10000000,	/* us until a module that did not tell its base
				   id is asked again */
	MODULE_LOCK = 10000000, /* us until sending is tried again after the
				   limit of the duty cycle, if the module does
				   not say before that it may be */
	MODULE_BUSY = 100000	/* the same after NO_FREE_BUFFER */
};

struct module;

enum module_outcome {
	MODULE_SENT,	/* RET_OK */
	MODULE_REFUSED, /* another return code */
	MODULE_SILENT,	/* no response, MODULE_TRIES times or until its
			   deadline: it may have been sent or not */
	MODULE_LATE,	/* its deadline passed before it could be sent (of a
			   chain: sent to its end) */
	MODULE_AWAY	/* the line went away meanwhile: it may have been sent
			   or not */
};

struct module_result {
	uint64_t tag;
	enum module_outcome outcome;
	uint8_t code; /* return code, for REFUSED; for LATE that of the last
			 refusal (duty cycle, no buffer), or 0 */
};

struct module_info {
	uint64_t base, chip; /* addresses; 0 not known yet */
	int has_base, has_version;
	int writes; /* how often the base may be changed; -1 unknown */
	uint8_t app[4], api[4];
	char name[17];	   /* of its firmware */
	int locked;	   /* the duty cycle's limit is reached */
	unsigned silences; /* telegrams that got no response: what the line
			      holds of them is not to come late */
};

/* module_new() - It is not there until module_up(). */
struct module *module_new(void);
void module_free(struct module *m);

/*
 * module_up(m, now) - The line is there (again): ask for version and base id,
 * before all else.  module_down(m): it is not; what is in flight is over
 * (MODULE_AWAY), what waits goes on waiting until its deadline.
 */
void module_up(struct module *m, int64_t now);
void module_down(struct module *m);

/*
 * module_send(m, tel, deadline, tag) - Queue a telegram (chained if it is too
 * long for one).  A sender below DEVICE_OFFSETS is an offset: the base id is
 * added when it is sent, and it waits for that.  At deadline (us, monotonic
 * clock) it is not sent any more.  urgent ones (answers to a teach-in, to a
 * valve) pass the others.  Once: if there is no response it is not sent again,
 * since it may have been sent (what toggles).  0, or -1 if the queue is full or
 * the payload is longer than TELEGRAM_SPACE.
 */
enum module_urgency { /* may be combined by | */
	MODULE_NORMAL = 0,
	MODULE_URGENT = 1,
	MODULE_ONCE = 2
};
int module_send(struct module *m, const struct telegram *tel, int64_t deadline,
    enum module_urgency urgency, uint64_t tag);

/*
 * module_drop(m, tag) - Take back a telegram that waits: 1, and there is no
 * result of it; 0 if there is none of this tag, it is in flight, or it may
 * have been sent.
 */
int module_drop(struct module *m, uint64_t tag);

/* module_waits(m, tag) - 1 if module_drop() could take it back. */
int module_waits(const struct module *m, uint64_t tag);

/*
 * module_take(m, packet, now) - A RESPONSE or EVENT; others are ignored.  Call
 * module_tick() after it, and fetch results.
 */
void
module_take(struct module *m, const struct esp3_packet *packet, int64_t now);

/*
 * module_tick(m, now, out) - Append the bytes that are to be written now.
 * module_due(m): when to call it next (INT64_MAX: when something happens).
 */
void module_tick(struct module *m, int64_t now, struct buf *out);
int64_t module_due(const struct module *m);

/* module_result(m, out) - How a request of ours ended: 1, or 0 if none did. */
int module_result(struct module *m, struct module_result *out);

/* module_info(m) - What it has told of itself, changed by module_take(). */
const struct module_info *module_info(const struct module *m);

/*
 * module_news(m) - What a person should know, once (constant or valid until
 * the next call): "TCM310 ..., base id FF8B1A00", "duty cycle limit reached",
 * ...; NULL.
 */
const char *module_news(struct module *m);

#endif

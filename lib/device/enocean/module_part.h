/*
 * Inside module.h: what a module tells of itself, how a person is told, and
 * how what it sends changes what is under way.
 */
#ifndef SG_DEVICE_ENOCEAN_MODULE_PART_H
#define SG_DEVICE_ENOCEAN_MODULE_PART_H

#include <stdint.h>

#include "base/buf.h"
#include "device/enocean/esp3.h"
#include "device/enocean/module.h"
#include "device/enocean/module_queue.h"

/* Commands and codes of EnOcean Serial Protocol 3, sections 2.2 to 2.5. */
enum { MODULE_RD_VERSION = 3, MODULE_RD_IDBASE = 8 };
enum module_return {
	MODULE_RET_OK = 0,
	MODULE_RET_NOT_SUPPORTED = 2,
	MODULE_RET_WRONG_PARAM = 3,
	MODULE_RET_LOCK_SET = 5,
	MODULE_RET_NO_FREE_BUFFER = 7
};
enum module_event {
	MODULE_EVENT_RECLAIM_FAILED = 1,
	MODULE_EVENT_CONFIRM_LEARN = 2,
	MODULE_EVENT_LEARN_ACK = 3,
	MODULE_EVENT_READY = 4,
	MODULE_EVENT_DUTY_CYCLE = 6,
	MODULE_EVENT_TRANSMIT_FAILED = 7
};

/*
 * module_read_version(info, p), module_read_base(info, p) - Take the RESPONSE
 * to RD_VERSION, RD_IDBASE.  1; 0 if it cannot be the response to that; -1 if
 * it holds no base id that could be used.
 */
int module_read_version(struct module_info *info, const struct esp3_packet *p);
int module_read_base(struct module_info *info, const struct esp3_packet *p);

enum module_news { /* bits, told in this order */
	MODULE_NEWS_RESET = 1,
	MODULE_NEWS_SILENT = 2,
	MODULE_NEWS_NO_BASE = 4,
	MODULE_NEWS_KNOWN = 8,
	MODULE_NEWS_MOVED = 16,
	MODULE_NEWS_LOCKED = 32,
	MODULE_NEWS_UNLOCKED = 64,
	MODULE_NEWS_FAILED = 128
};

struct module_story {	/* what is still to be told */
	unsigned news;	/* bits */
	uint8_t reset;	/* cause of it */
	uint8_t failed; /* cause of it */
	uint8_t code;	/* NO_BASE: return code */
	uint64_t base;	/* MOVED: the one before */
};

/*
 * module_tell(story, info, b) - Write the next of the news to b, which is
 * cleared, and take it off.  1, or 0 if there is none.
 */
int module_tell(
    struct module_story *story, const struct module_info *info, struct buf *b);

enum module_flight {
	MODULE_FLIGHT_NONE,
	MODULE_FLIGHT_VERSION,
	MODULE_FLIGHT_BASE,
	MODULE_FLIGHT_RADIO
};

struct module {
	int up;
	struct module_info info;
	struct module_queue queues[2]; /* normal, urgent */

	enum module_flight flight; /* what a response would answer */
	int64_t until;		   /* for it */
	struct module_request
	    *current;	    /* of it, or of what follows in its chain */
	struct buf packets; /* all of current */
	size_t at, size;    /* where the one that is sent now is in them */
	unsigned seq;	    /* of the last chain */

	unsigned asking;    /* 1 << flight: still to be asked */
	unsigned ask_tries; /* of the first of them */
	int64_t ask_at;
	int64_t wait; /* until then no telegram is sent */
	int probing;  /* what is in flight was sent in spite of a lock */

	size_t owed; /* requests, results of which are not fetched */
	struct module_result results[MODULE_QUEUE];
	size_t first, count; /* a ring */

	struct buf answers; /* RESPONSE packets for events */
	int silent;	    /* it did not answer when it was last asked */
	struct module_story story;
	struct buf text;
};

/*
 * module_finish(m, outcome, code) - The current request ends so.
 * module_put_back(m) - It begins anew later, from its first packet.
 * module_unanswered(m, now) - It is in flight, and there will be no response:
 * 1 if it ends here, 0 if it is to be sent again.
 */
void module_finish(struct module *m, enum module_outcome outcome, uint8_t code);
void module_put_back(struct module *m);
int module_unanswered(struct module *m, int64_t now);

/*
 * module_ask_anew(m, now) - Ask for version and base id, from now on.
 * module_answered(m, what, now) - It has told this; on to the next question.
 */
void module_ask_anew(struct module *m, int64_t now);
void module_answered(struct module *m, enum module_flight what, int64_t now);

/* module_add_news(m, what) - A person shall be told. */
void module_add_news(struct module *m, enum module_news what);

#endif

/*
 * The measuring side of the EnOcean proxy, from packets to event lines:
 * repeats dropped, chains joined, secured telegrams opened, devices taught
 * in, payloads decoded; what answers a command goes to the actuator.
 */
#ifndef SG_DEVICE_ENOCEAN_GATEWAY_H
#define SG_DEVICE_ENOCEAN_GATEWAY_H

#include <stdint.h>

#include "base/buf.h"
#include "device/enocean/actuator.h"
#include "device/enocean/devices.h"
#include "device/enocean/eep.h"
#include "device/enocean/esp3.h"
#include "device/enocean/module.h"
#include "device/enocean/secure.h"
#include "device/enocean/teach.h"
#include "device/news.h"

enum gateway_form {
	GATEWAY_QUANTITIES, /* an event for each quantity */
	GATEWAY_TELEGRAMS   /* an event for each telegram */
};

struct gateway_parts { /* all borrowed */
	const struct eep *eep;
	struct devices *devices;
	struct secure *secure;
	const struct manufacturers *manufacturers;
	struct module *module;	   /* NULL: nothing can be sent */
	struct actuator *actuator; /* NULL: no commands */
	enum gateway_form form;
	int learn;	/* 1: teach-ins are accepted and answered */
	int signal;	/* 1: how strong telegrams are received, too */
	int64_t window; /* us, repeat.h */
};

struct gateway_counts {
	uint64_t telegrams; /* good ones, before anything is dropped */
	uint64_t rorg[256]; /* the same, by RORG */
	uint64_t malformed; /* packets too short for what they claim */
	uint64_t repeated;  /* dropped: here before */
	uint64_t own;	    /* our own, heard again through a repeater */
	uint64_t chained;   /* parts of longer messages */
	uint64_t broken;    /* messages that missed a part */
	uint64_t refused;   /* secured ones that were not accepted */
	uint64_t unknown;   /* of senders that are no device of ours */
	uint64_t undecoded; /* no profile of the device says what it means */
	uint64_t overheard; /* to a device of ours, from others */
	uint64_t teach;	    /* teach-in telegrams */
	uint64_t decoded;   /* telegrams that became events */
	uint64_t events;
};

struct gateway;

/* gateway_new(parts) - parts is copied, what it points to is borrowed. */
struct gateway *gateway_new(const struct gateway_parts *parts);
void gateway_free(struct gateway *g);

/*
 * gateway_take(g, packet, mono, out) - One packet; events are appended to
 * out.  mono: the clock that never steps, us.
 */
void gateway_take(struct gateway *g, const struct esp3_packet *packet,
    int64_t mono, struct buf *out);

/*
 * gateway_results(g, now, mono, out) - After module_take() and
 * module_tick(): what became of what was sent.
 */
void
gateway_results(struct gateway *g, int64_t now, int64_t mono, struct buf *out);

/*
 * gateway_news(g, line) - What a person should read, one line at a time, as
 * news_next().
 */
enum news_kind gateway_news(struct gateway *g, const char **line);

/* gateway_counts(g) - So far; valid until gateway_free(). */
const struct gateway_counts *gateway_counts(const struct gateway *g);

/*
 * gateway_stats(g, line, b) - Begin the line of --stats in b, which is empty
 * (stats.h), with these counts and those of the line.
 */
void gateway_stats(
    const struct gateway *g, const struct esp3_counts *line, struct buf *b);

#endif

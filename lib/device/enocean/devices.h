/*
 * Which devices are ours: a CSV that a person keeps (sg-proxy-enocean(1),
 * "Devices"), to which learning appends.  A device may have several profiles,
 * a row for each.
 */
#ifndef SG_DEVICE_ENOCEAN_DEVICES_H
#define SG_DEVICE_ENOCEAN_DEVICES_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "device/enocean/eep.h"

enum {
	DEVICE_PROFILES = 8,
	DEVICE_NAME_MAX = 58, /* room for ":127" in a level of a topic */
	DEVICE_OFFSETS = 128  /* senders of a module: base .. base + 127 */
};

enum device_option {	    /* of the column "options", words between blanks */
	DEVICE_PERCENT = 1, /* "percent": its dimmer counts 0..100 in A5-38-08,
			       not 0..255 */
	DEVICE_MUTE = 2	    /* "mute": never answers a command */
};

struct device {
	uint64_t sender;
	char name[DEVICE_NAME_MAX + 1]; /* the level of its topics */
	const struct eep_profile *profile[DEVICE_PROFILES];
	size_t profiles;
	struct generic *generic; /* what it told of itself (generic profiles),
				    or NULL; the device's */
	int offset;		 /* it knows us as base + offset */
	unsigned options;
	size_t index; /* 0 .. devices_count() - 1, never changes */
	/* What was heard of it; the gateway keeps this. */
	int64_t heard; /* us, 0 never */
	uint64_t telegrams;
	int dbm;
};

struct devices;

/*
 * devices_open(path, eep, why) - Read the file (NULL: none, no devices; learn
 * 1: it may be absent).  Columns by name in the first row: sender, profile,
 * name; perhaps offset, options; all others are attributes for --describe.
 * NULL with why set to "FILE:LINE: what is wrong".
 */
struct devices *devices_open(
    const char *path, const struct eep *eep, int learn, struct buf *why);
void devices_close(struct devices *d);

size_t devices_count(const struct devices *d);
struct device *device_at(const struct devices *d, size_t i);
/* NULL if there is none. */
struct device *device_by_sender(const struct devices *d, uint64_t sender);
/*
 * device_by_name(d, p, n, channel) - "plug" or "plug:2"; *channel is 2, or -1
 * if none is named.
 */
struct device *
device_by_name(const struct devices *d, const char *p, size_t n, int *channel);
/* The profile of that RORG (and, if several, the first that matches). */
const struct eep_profile *
device_profile(const struct device *dev, const struct telegram *tel,
    enum eep_direction direction, const struct eep_message **message);

/*
 * devices_learn(d, sender, profile, name, why) - Append a row to the file,
 * atomically and durably (a new file takes the old one's place, with its
 * mode), and to memory.  profile is an id's text, or "GP:" and the hex of a
 * generic profile's definitions; name NULL: the address.  Nothing is changed
 * if the row is there.  devices_forget() takes all rows of a sender and
 * profile out.  The device, or NULL with why.
 */
struct device *devices_learn(struct devices *d, uint64_t sender,
    const char *profile, const char *name, struct buf *why);
int devices_forget(
    struct devices *d, uint64_t sender, const char *profile, struct buf *why);

/*
 * devices_describe(d, b, t) - Append a DISCOVERY event for each device:
 * DISCOVERY/DEVICE/<name>, d with technology "EnOcean", its address, profiles
 * with titles, quantities with units and topics, commands with their topics,
 * the attributes.  devices_topics(d, b): a line COMMAND/<device>/+ for each
 * device (and channel) that can be commanded.
 */
void devices_describe(const struct devices *d, struct buf *b, int64_t t);
void devices_topics(const struct devices *d, struct buf *b);

#endif

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
#include "device/enocean/telegram.h"

enum {
	DEVICE_PROFILES = 8,
	DEVICE_NAME_MAX = 58, /* room for ":127" in a level of a topic */
	DEVICE_OFFSETS = 128  /* senders of a module: base .. base + 127 */
};

enum device_option {	    /* of the column "options", words between blanks */
	DEVICE_PERCENT = 1, /* "percent": its dimmer counts 0..100 in A5-38-08,
			       not 0..255 */
	DEVICE_MUTE = 2,    /* "mute": never answers a command */
	DEVICE_CONTROLLER = 4 /* "controller": what it sends are commands to
				 devices of its profile */
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
 * devices_open(path, eep, learn, why) - Read the file (NULL: none, no
 * devices; learn 1: it may be absent or empty).  Columns by name in the first
 * row: sender, profile, name; perhaps offset, options; all others are
 * attributes for --describe.  Lines that begin with '#' are comments.  eep is
 * borrowed.  NULL with why set to "FILE:LINE: what is wrong".
 */
struct devices *devices_open(
    const char *path, const struct eep *eep, int learn, struct buf *why);
void devices_close(struct devices *d);

size_t devices_count(const struct devices *d);
struct device *device_at(const struct devices *d, size_t i);
/* device_by_sender(d, sender) - NULL if there is none. */
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

/* A row to learn. */
struct device_row {
	uint64_t sender;
	const char *profile;	  /* an id's text, or "GP:" and the hex of a
				     generic profile's definitions */
	const char *name;	  /* NULL: the one it has, or its address */
	const char *manufacturer; /* for the column of that name, if the file
				     has it; NULL: not known */
};

/*
 * devices_learn_row(d, row, why) - Append a row to the file, atomically and
 * durably, and to memory.  A new file takes the old one's place, with its
 * mode and owner; all other rows, comments and line ends stay as they are.
 * The file is read again for that and locked meanwhile, so that what others
 * have changed is not lost.  Nothing is changed if the row is there.  The
 * device, or NULL with why.
 *
 * devices_forget(d, sender, profile, why) - Take all rows of a sender and
 * profile (NULL: of all its profiles) out.  A device without any profile
 * is found by device_at() only.  0, also if there is no such row, or -1 with
 * why.
 */
struct device *devices_learn_row(
    struct devices *d, const struct device_row *row, struct buf *why);
/* The same, where the manufacturer is not known. */
struct device *devices_learn(struct devices *d, uint64_t sender,
    const char *profile, const char *name, struct buf *why);
int devices_forget(
    struct devices *d, uint64_t sender, const char *profile, struct buf *why);

/*
 * devices_describe(d, b, t) - Append a line for each device, an event
 * DISCOVERY/DEVICE/<name> with d:
 *
 *	technology	"EnOcean"
 *	address		its hex digits
 *	manufacturer	if the file tells it
 *	profiles	[{"profile":"A5-12-01","title":...}, ...]
 *	channels	how many outputs, if it has any
 *	commands	[{"topics":["COMMAND/<name>","COMMAND/<name>:1"],
 *			"verbs":["switch"]}, ...]
 *	quantities	[{"quantity":"Power","unit":"W","kind":"number",
 *			"topics":["MEASUREMENT/SENSOR/<name>/Power"]}, ...];
 *			unit of numbers only; with "channels":16 there may be
 *			<name>:1 ... <name>:15, too: what the device measures
 *			there is known only to who installed it
 *	more		names of quantities for which there was no more room
 *	attributes	the other columns: text, or several texts in an array
 *			if the device's rows differ
 *
 * devices_topics(d, b) - Append a line COMMAND/<name>/+ for each device that
 * can be commanded, and COMMAND/<name>:<n>/+ for each of its further outputs.
 */
void devices_describe(const struct devices *d, struct buf *b, int64_t t);
void devices_topics(const struct devices *d, struct buf *b);

#endif

/*
 * EnOcean Equipment Profiles as a table, sg-eep(5): which bits of a
 * telegram's payload mean what.  The table is data (share/eep); nothing here
 * knows any profile.  Bit 0 is the most significant one of the payload's
 * first byte.
 */
#ifndef SG_DEVICE_ENOCEAN_EEP_H
#define SG_DEVICE_ENOCEAN_EEP_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "device/enocean/telegram.h"
#include "event/quantity.h"

struct eep;	    /* the table */
struct eep_profile; /* one row of profiles.csv with its messages */
struct eep_message; /* one layout of a profile */
struct eep_field;

/* Whose telegram it is: layouts may differ. */
enum eep_direction { EEP_FROM_DEVICE = 1, EEP_TO_DEVICE = 2 };

/*
 * eep_open(quantities) - An empty table; quantities are borrowed.
 * eep_read(eep, path, why) - Add what a file holds, or all *.csv of a folder;
 * a profile that is there already is replaced.  0, or -1 with why set to
 * "FILE:LINE: what is wrong" or "PATH: why not";
 * then the table is good for eep_close() alone.
 */
struct eep *eep_open(const struct quantities *quantities);
int eep_read(struct eep *eep, const char *path, struct buf *why);
void eep_close(struct eep *eep);
/* eep_quantities(eep) - Those given to eep_open(). */
const struct quantities *eep_quantities(const struct eep *eep);

/*
 * An id is RORG << 16 | FUNC << 8 | TYPE.  eep_id() reads "A5-12-01" (any
 * case): 0 or -1; eep_format_id() writes it and a NUL.
 */
int eep_id(const char *p, size_t n, uint32_t *id);
void eep_format_id(char out[9], uint32_t id);

/* NULL if there is none. */
const struct eep_profile *eep_find(const struct eep *eep, uint32_t id);
/* All of them by id: i from 0, NULL at the end. */
const struct eep_profile *eep_at(const struct eep *eep, size_t i);
uint32_t eep_profile_id(const struct eep_profile *p);
const char *eep_profile_title(const struct eep_profile *p); /* or "" */
/* Outputs that can be commanded; 0: profiles.csv tells none. */
int eep_profile_channels(const struct eep_profile *p);

/*
 * eep_match(profile, tel, direction) - The first message whose conditions
 * hold, or NULL.  tel->rorg has to be the profile's.
 */
const struct eep_message *eep_match(const struct eep_profile *p,
    const struct telegram *tel, enum eep_direction direction);

/* By name ("set_output"), or its number from 0; NULL if there is none. */
const struct eep_message *
eep_message(const struct eep_profile *p, const char *name, size_t n);
const struct eep_message *eep_message_at(const struct eep_profile *p, size_t i);
const char *eep_message_name(const struct eep_message *m);
enum eep_direction eep_message_direction(const struct eep_message *m,
    int *both); /* *both: 1 if it holds for either */

/* eep_fields(m) - How many; eep_field_at() takes 0 .. eep_fields(m) - 1. */
size_t eep_fields(const struct eep_message *m);
const struct eep_field *eep_field_at(const struct eep_message *m, size_t i);
/* By shortcut ("TMP") or name ("temperature"); NULL if there is none. */
const struct eep_field *
eep_field(const struct eep_message *m, const char *name, size_t n);
const char *eep_field_shortcut(const struct eep_field *f);
const char *eep_field_name(const struct eep_field *f);

enum eep_state {
	EEP_ABSENT = 0,	 /* payload too short, or its gate says: not fitted */
	EEP_NUMBER,	 /* units * 10^-decimals */
	EEP_LABEL,	 /* an enumeration's or special code's label */
	EEP_RAW,	 /* only raw bits, or a code without a name */
	EEP_OUT_OF_RANGE /* raw is outside of what the profile allows */
};

/* What one field of a telegram says. */
struct eep_value {
	enum eep_state state;
	uint64_t raw;	   /* of up to 64 bits */
	const char *label; /* EEP_LABEL */
	const char *unit;  /* of the number, as in the table, or NULL */
	int64_t units;	   /* EEP_NUMBER, in the table's unit */
	int decimals;	   /* 0..9 */
	/*
	 * The same for the event: NULL if the field is no quantity, or has
	 * nothing to tell of it now ("no change", "not supported").
	 */
	const struct quantity *quantity;
	int64_t event_units; /* EEP_NUMBER, in the quantity's unit */
	int event_decimals;
	int truth;    /* quantity of kind bool: 0, 1; -1: neither */
	int channel;  /* which one of a device's several, by the field itself;
			 -1: see eep_channel() */
	size_t which; /* of the field's quantities, from 0 */
};

/* eep_signed(f, raw) - The raw bits of the field as a number, with its sign. */
int64_t eep_signed(const struct eep_field *f, uint64_t raw);

/*
 * eep_value(f, tel, out) - Read one field.  out->state, and all else that
 * goes with it.
 */
enum eep_state eep_value(const struct eep_field *f, const struct telegram *tel,
    struct eep_value *out);

/*
 * eep_value_next(f, value) - A field may stand for several quantities (the
 * level of a dimmer, and whether it is on).  eep_value() gives the first; this
 * makes *value the next one: 1, or 0 if there is none.
 */
int eep_value_next(const struct eep_field *f, struct eep_value *value);

/*
 * eep_field_quantity(f, i, channel) - The quantities that a field may stand
 * for: i from 0, NULL at the end; one may come several times.  *channel: which
 * one of a device's several, -1: that of the telegram.
 */
const struct quantity *
eep_field_quantity(const struct eep_field *f, size_t i, int *channel);

/*
 * eep_profile_lacks(p, q) - 1 if devices of this profile never tell q, though
 * the messages it shares with others do.
 */
int eep_profile_lacks(const struct eep_profile *p, const struct quantity *q);

/* eep_message_channels(m) - How many eep_channel() may tell; 0: none. */
int eep_message_channels(const struct eep_message *m);

/*
 * eep_channel(m, tel) - The channel (or tariff) that a telegram speaks of;
 * -1 if the message has none, or it means all or the input.
 */
int eep_channel(const struct eep_message *m, const struct telegram *tel);

/* What to put into one field: a label, or a number in the table's unit. */
struct eep_setting {
	const struct eep_field *field;
	const char *label; /* NULL: number */
	size_t n;	   /* bytes of label */
	double number;
};

/*
 * eep_encode(m, set, n, p, len, why) - Make the payload of a message: zeros,
 * the selectors of its conditions, the learn bit of data telegrams, then the
 * settings; fields not set stay 0, but for the one that says that a field set
 * is there (its gate), or below zero.  p has room for TELEGRAM_SPACE bytes;
 * *len as long as the message is.  0, or -1 with *why, which names field and
 * value (valid until the next call).
 */
int eep_encode(const struct eep_message *m, const struct eep_setting *set,
    size_t n, uint8_t *p, size_t *len, const char **why);

/*
 * eep_status(m) - The status byte to send it with: the bits that its
 * conditions ask for (a button pressed: 0x30), else 0.
 */
uint8_t eep_status(const struct eep_message *m);

#endif

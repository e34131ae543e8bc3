/*
 * What the files of generic.h share: the signals that the standard names, and
 * a reader of bits.
 */
#ifndef SG_DEVICE_ENOCEAN_GENERIC_PART_H
#define SG_DEVICE_ENOCEAN_GENERIC_PART_H

#include <stddef.h>
#include <stdint.h>

#include "device/enocean/generic.h"

enum generic_type { /* of a channel, 2 bits */
	GENERIC_INFORMATION,
	GENERIC_DATA,
	GENERIC_FLAG,
	GENERIC_ENUMERATION
};

enum generic_use { /* of a value, 2 bits; 0 is reserved */
	GENERIC_RESERVED,
	GENERIC_CURRENT,
	GENERIC_SETPOINT,
	GENERIC_SHIFT, /* relative set point */
	GENERIC_USES
};

/* What a signal type says. */
struct generic_signal {
	const char *name;
	const char *unit;		    /* of data, or NULL */
	const char *quantity[GENERIC_USES]; /* or NULL */
	const char *const *labels;	    /* of flags and enumerations */
	size_t count;			    /* of labels */
	uint8_t inverted; /* flag: its 1 is the quantity's false */
	uint8_t halves;	  /* enumeration: a number, two to a unit */
};

/* generic_signal(type, signal) - Never NULL; without name if not known. */
const struct generic_signal *
generic_signal(enum generic_type type, uint8_t signal);

/* Exact: (raw * a + b) / c are the units with so many decimals. */
struct generic_line {
	__int128 a, b, c;
	int decimals;
};

struct generic_channel {
	enum generic_type type;
	enum generic_use use;
	const struct generic_signal *signal;
	char name[32];
	const char *unit; /* of line, or NULL */
	uint8_t bits;	  /* of the value */
	int ordinal; /* among those of the same quantity, from 0; -1 none */
	struct generic_line line, event; /* numbers */
	const struct quantity *quantity; /* or NULL */
};

struct generic {
	struct generic_channel channel[GENERIC_CHANNELS];
	size_t channels;
	size_t bits; /* of all values together */
};

struct generic_bits {
	const uint8_t *p;
	size_t n;  /* bits in all */
	size_t at; /* of them read */
};

/* generic_take(b, count, out) - The next 0 to 32 bits.  0, or -1: too few. */
int generic_take(struct generic_bits *b, unsigned count, uint32_t *out);

/*
 * generic_line_make(line, low, high, bits, mul, div) - So that raw 0 is low
 * and raw 2^bits would be high (both in 10^-9), times mul / div.  0, or -1 if
 * the numbers do not fit.  generic_line_units(line, raw) - Half away from 0.
 */
int generic_line_make(struct generic_line *line, int64_t low, int64_t high,
    unsigned bits, int64_t mul, int64_t div);
int64_t generic_line_units(const struct generic_line *line, uint32_t raw);

#endif

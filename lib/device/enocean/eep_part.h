/*
 * The profile table as it is in memory: compiled when it is read, so that
 * decoding only shifts, multiplies and divides.  For the files eep*.c alone.
 */
#ifndef SG_DEVICE_ENOCEAN_EEP_PART_H
#define SG_DEVICE_ENOCEAN_EEP_PART_H

#include <stddef.h>
#include <stdint.h>

#include "device/enocean/eep.h"
#include "event/sheet.h"

enum {
	EEP_BITS = TELEGRAM_SPACE * 8, /* of a payload */
	EEP_FIELDS = 256,	       /* of a message */
	EEP_LABELS = 256,	       /* of a field */
	EEP_CHOICES = 32,	       /* behind "SELECTOR:" */
	EEP_CONDITIONS = 8,	       /* of a message */
	EEP_QUANTITIES = 4	       /* of a field */
};

/* Bits that stand together. */
struct eep_bits {
	uint16_t first; /* byte */
	uint8_t bytes, shift, size;
	uint8_t swap; /* the first byte is the least significant one */
	uint64_t mask;
};

/* value = (raw * mul + add) / div units of 10^-decimals */
struct eep_linear {
	int64_t mul, add, div;
	int decimals;
};

/* How a number reads under one choice of its factor and of its unit. */
struct eep_scale {
	const char *unit;		 /* NULL: none */
	const struct quantity *quantity; /* of kind number, or NULL */
	struct eep_linear table, event;
};

struct eep_label {
	uint64_t low, high; /* raw codes */
	const char *text;
};

enum eep_truth { EEP_FALSE, EEP_TRUE, EEP_SILENT /* no event */ };

/* One quantity that a field stands for. */
struct eep_use {
	const struct quantity *quantity; /* NULL: scale[].quantity */
	int channel;			 /* -1: the message's */
	int above;			 /* kind bool: true over limit */
	int64_t limit;
	const uint8_t *truth; /* of each label; NULL: all EEP_FALSE */
};

enum eep_kind {
	EEP_KIND_LABEL, /* an enumeration */
	EEP_KIND_NUMBER,
	EEP_KIND_RAW,
	EEP_KIND_FLAGS
};

/* Another field of the message, and what it has to hold. */
struct eep_reference {
	const struct eep_field *field; /* NULL: none */
	uint64_t raw;
};

struct eep_field {
	struct eep_bits part[2]; /* part[1] less significant; size 0: none */
	uint16_t end;		 /* bytes that the payload has to have */
	uint8_t size;		 /* bits of both */
	uint8_t is_signed, learn, has_range, fixed, is_channel;
	enum eep_kind kind;
	int64_t low, high; /* raw */
	struct eep_reference gate, minus;
	const struct eep_field *times, *by; /* selectors, or NULL */
	size_t factors, choices;	    /* 1 if there is no selector */
	const struct eep_scale *scale;	    /* factors * choices */
	const struct eep_label *label;
	size_t labels;
	const struct eep_use *use;
	size_t uses;
	const char *shortcut, *name;
};

enum eep_condition_kind {
	EEP_WHEN_BITS,
	EEP_WHEN_STATUS,
	EEP_WHEN_LENGTH,
	EEP_WHEN_LAST /* low nibble of the last byte */
};

struct eep_condition {
	enum eep_condition_kind kind;
	int differs; /* != */
	struct eep_bits bits;
	uint64_t value;
};

struct eep_message {
	const char *name;
	unsigned direction; /* of enum eep_direction; 0: either */
	uint8_t rorg;
	struct eep_condition when[EEP_CONDITIONS];
	size_t conditions;
	const struct eep_field *field;
	size_t fields;
	const struct eep_field *channel; /* NULL: none */
	size_t length;			 /* bytes to send */
};

struct eep_profile {
	uint32_t id;
	int channels;
	const char *title;
	const struct quantity **lacks; /* that its messages tell in vain */
	size_t lacking;
	const struct eep_profile *same; /* whose messages it has, or NULL */
	const struct eep_message **message;
	size_t messages, cap;
	unsigned round; /* the eep_read() that gave the messages */
};

struct eep_block;

struct eep {
	const struct quantities *quantities;
	struct eep_profile **profile; /* by id */
	size_t n, cap;
	struct eep_block *block; /* what all pointers above point into */
	unsigned round;
};

/* eep.c: zeroed memory that lives as long as the table. */
void *eep_alloc(struct eep *eep, size_t n);
const char *eep_string(struct eep *eep, const char *p, size_t n);
struct eep_profile *eep_get(struct eep *eep, uint32_t id); /* or a new one */

/* A decimal number: units * 10^-scale, of at most 12 digits. */
struct eep_decimal {
	int64_t units;
	int scale; /* 0..6 */
};

/* A row of a field table; what needs its neighbours is still text. */
struct eep_draft {
	struct eep_field field;
	uint64_t line;
	int64_t raw_from, raw_to; /* of a number, and what they stand for */
	struct eep_decimal from, to;
	struct csv_cell gate, minus, times, factors, unit, quantity;
	uint64_t gate_raw, minus_raw;
};

/* Text that is read from its front. */
struct eep_text {
	const char *p, *end;
};

/* eep_text.c: 1 and step over what was read, or 0. */
struct eep_text eep_text(const struct csv_cell *cell);
int eep_text_is(struct eep_text *t, const char *s);
int eep_text_end(const struct eep_text *t);
void eep_text_blanks(struct eep_text *t);
int eep_text_uint(struct eep_text *t, uint64_t *out);
int eep_text_int(struct eep_text *t, int64_t *out);
int eep_text_decimal(struct eep_text *t, struct eep_decimal *out);
/* Letters, digits and '_'. */
int eep_text_word(struct eep_text *t, struct csv_cell *out);
/* All up to the byte, or the end, which is stepped over. */
struct csv_cell eep_text_until(struct eep_text *t, char stop);
int eep_same(const struct csv_cell *cell, const char *text, size_t n);

/* eep_when.c: the cell "when".  0, or -1 with s->why. */
int eep_when_read(
    const struct sheet *s, struct eep_message *m, const struct csv_cell *cell);
int eep_when_holds(const struct eep_message *m, const struct telegram *tel);

enum eep_column {
	EEP_PROFILE,
	EEP_MESSAGE,
	EEP_WHEN,
	EEP_FIELD,
	EEP_NAME,
	EEP_CELL_BITS,
	EEP_RANGE,
	EEP_UNIT,
	EEP_RULES,
	EEP_QUANTITY,
	EEP_VALUES,
	EEP_NOTE,
	EEP_TITLE,
	EEP_SAME_AS,
	EEP_CHANNELS,
	EEP_LACKS,
	EEP_COLUMNS
};

/* eep_field.c: a row, as far as it goes alone.  0, or -1 with s->why. */
int eep_field_read(
    struct eep *eep, const struct sheet *s, size_t bits, struct eep_draft *out);

/* One for each value of a selector; both may be absent. */
struct eep_choice {
	struct csv_cell unit;
	const struct quantity *quantity;
};

/*
 * eep_use.c: what the cells "unit" and "quantity" say: f->by, how many choices
 * it has, f->use.  0, or -1 with s->why.
 */
int eep_use_make(struct eep *eep, const struct sheet *s,
    const struct eep_message *m, const struct eep_draft *d, struct eep_field *f,
    struct eep_choice choice[EEP_CHOICES]);

/* eep_scale.c: f->scale.  0, or -1 with s->why. */
int eep_scale_make(struct eep *eep, const struct sheet *s,
    const struct eep_draft *d, struct eep_field *f,
    const struct eep_choice *choice);

/* eep_message.c: drafts into fields of m. */
int eep_message_make(struct eep *eep, const struct sheet *s,
    struct eep_message *m, const struct eep_draft *draft, size_t n);
const struct eep_field *
eep_field_called(const struct eep_message *m, const struct csv_cell *cell);

/* eep_value.c */
const struct eep_label *eep_label_of(const struct eep_field *f, uint64_t raw);

/* 0, or -1: no such bits, or they span more than 8 bytes. */
static inline int
eep_bits_set(struct eep_bits *b, uint64_t first, uint64_t size, int swap)
{
	uint64_t bytes = (first % 8 + size + 7) / 8;

	if (size == 0 || size > 64 || bytes > 8 || first + size > EEP_BITS ||
	    (swap && (first % 8 != 0 || size % 8 != 0)))
		return -1;
	*b = (struct eep_bits){
		.first = (uint16_t)(first / 8),
		.bytes = (uint8_t)bytes,
		.shift = (uint8_t)(bytes * 8 - first % 8 - size),
		.size = (uint8_t)size,
		.swap = swap != 0,
		.mask = UINT64_MAX >> (64 - size),
	};
	return 0;
}

static inline size_t
eep_bits_end(const struct eep_bits *b)
{
	return (size_t)b->first + b->bytes;
}

static inline uint64_t
eep_bits_get(const struct eep_bits *b, const uint8_t *p)
{
	uint64_t v = 0;

	p += b->first;
	if (b->swap)
		for (size_t i = b->bytes; i > 0; i--)
			v = v << 8 | p[i - 1];
	else
		for (size_t i = 0; i < b->bytes; i++)
			v = v << 8 | p[i];
	return v >> b->shift & b->mask;
}

/* The bits of both parts. */
static inline uint64_t
eep_raw(const struct eep_field *f, const uint8_t *p)
{
	uint64_t v = eep_bits_get(&f->part[0], p);

	if (f->part[1].size != 0)
		v = v << f->part[1].size | eep_bits_get(&f->part[1], p);
	return v;
}

/* As a number, with its sign. */
static inline int64_t
eep_raw_number(const struct eep_field *f, uint64_t raw)
{
	if (f->is_signed && raw >> (f->size - 1) & 1)
		raw |= ~(UINT64_MAX >> (64 - f->size));
	return (int64_t)raw;
}

#endif

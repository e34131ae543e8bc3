/*
 * The steps of scanning JSON in place that json.c, event.c and canon.c share,
 * 16 bytes at a time.  No step reads outside begin[0..end).
 */
#ifndef SG_EVENT_SCAN_H
#define SG_EVENT_SCAN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "event/json.h"

enum { SCAN_BLOCK = 16 };

/* A member name met, for finding duplicates. */
struct scan_name {
	const char *p;
	uint32_t n;
	uint32_t hash;
	int escaped;
};

/* The state of scanning one text; members counts those of all objects. */
struct scan {
	const char *begin, *end;
	const char *why; /* the first fault */
	int escaped;	 /* last string had a backslash */
	unsigned whole;	 /* last number's digits before the point; 99 if it is
			    long or has an exponent */
	int spaces;	 /* white space was met between tokens */
	unsigned members;
	unsigned most;	 /* members that are allowed */
	unsigned nnames; /* names of the objects that are open */
	struct scan_name *names; /* room for as many as members */
	struct scan_name room[JSON_MEMBERS_MAX];
};

/*
 * scan_init(s, p, n) - Start at p[0..n); names stay uninitialised, which
 * makes this cheap.
 */
static inline void
scan_init(struct scan *s, const char *p, size_t n)
{
	s->begin = p;
	s->end = n > 0 ? p + n : p;
	s->why = NULL;
	s->escaped = 0;
	s->spaces = 0;
	s->members = 0;
	s->most = JSON_MEMBERS_MAX;
	s->nnames = 0;
	s->names = s->room;
}

/*
 * The steps take a place in the text and return the place behind what they
 * stepped over, or NULL for a fault.  scan_fault(s, why) remembers the first
 * fault and is NULL.
 */
static inline const char *
scan_fault(struct scan *s, const char *why)
{
	if (!s->why)
		s->why = why;
	return NULL;
}

/* scan_unexpected(s, p) - Fault: what stands at p does not belong there. */
const char *scan_unexpected(struct scan *s, const char *p);

/*
 * scan_special(p) - Bit i is set if p[i], i < 16, is a quote, a backslash, a
 * control character or not ASCII.  scan_digits(p) - Bit i is set if p[i] is
 * a digit.
 */
#ifdef __SSE2__
#include <emmintrin.h>

static inline uint32_t
scan_special(const char *p)
{
	__m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i quote = _mm_cmpeq_epi8(x, _mm_set1_epi8('"'));
	__m128i slash = _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'));
	__m128i other = _mm_cmplt_epi8(x, _mm_set1_epi8(' '));

	return (uint32_t)_mm_movemask_epi8(
	    _mm_or_si128(_mm_or_si128(quote, slash), other));
}

static inline uint32_t
scan_digits(const char *p)
{
	__m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i low = _mm_add_epi8(x, _mm_set1_epi8((char)(128 - '0')));

	return (uint32_t)_mm_movemask_epi8(
	    _mm_cmplt_epi8(low, _mm_set1_epi8(-128 + 10)));
}
#else
static inline uint32_t
scan_special(const char *p)
{
	uint32_t mask = 0;

	for (int i = 0; i < SCAN_BLOCK; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c == '"' || c == '\\' || c < ' ' || c >= 0x80)
			mask |= 1u << i;
	}
	return mask;
}

static inline uint32_t
scan_digits(const char *p)
{
	uint32_t mask = 0;

	for (int i = 0; i < SCAN_BLOCK; i++)
		if (p[i] >= '0' && p[i] <= '9')
			mask |= 1u << i;
	return mask;
}
#endif

/* scan_mask_short(s, p, block) - scan_mask() in a text below 16 bytes. */
uint32_t scan_mask_short(
    const struct scan *s, const char *p, uint32_t (*block)(const char *));

/*
 * scan_mask(s, p, block) - block() of the bytes from p, 0 beyond the end:
 * near the end the last 16 bytes are read and the mask is shifted.
 */
static inline uint32_t
scan_mask(const struct scan *s, const char *p, uint32_t (*block)(const char *))
{
	size_t left = (size_t)(s->end - p);

	if (left >= SCAN_BLOCK)
		return block(p);
	if (s->end - s->begin < SCAN_BLOCK)
		return scan_mask_short(s, p, block);
	return block(s->end - SCAN_BLOCK) >> (SCAN_BLOCK - left);
}

/* scan_at(s, p, c) - Whether c stands at p. */
static inline int
scan_at(const struct scan *s, const char *p, char c)
{
	return p < s->end && *p == c;
}

/* scan_space(s, p) - Over white space, if there is any; never NULL. */
const char *scan_space_slow(struct scan *s, const char *p);

static inline const char *
scan_space(struct scan *s, const char *p)
{
	if (p < s->end && (unsigned char)*p <= ' ')
		return scan_space_slow(s, p);
	return p;
}

/*
 * scan_string(s, p) - p is behind the opening quote; returns the closing
 * quote.  Sets s->escaped.  scan_string_slow() goes on from any byte.
 */
const char *scan_string_slow(struct scan *s, const char *p);

static inline const char *
scan_string(struct scan *s, const char *p)
{
	s->escaped = 0;
	for (;;) {
		uint32_t mask = scan_mask(s, p, scan_special);

		if (mask != 0) {
			p += __builtin_ctz(mask);
			return *p == '"' ? p : scan_string_slow(s, p);
		}
		if (s->end - p <= SCAN_BLOCK)
			return scan_string_slow(s, s->end);
		p += SCAN_BLOCK;
	}
}

/*
 * scan_number(s, p) - Over the number at p, which fits a double.  Sets
 * s->whole.  scan_number_slow() does so for numbers of any form.
 */
const char *scan_number_slow(struct scan *s, const char *p);

static inline const char *
scan_number(struct scan *s, const char *p)
{
	uint32_t digits = scan_mask(s, p, scan_digits);
	unsigned minus = p < s->end && *p == '-';
	unsigned whole = (unsigned)__builtin_ctz(~(digits >> minus));
	unsigned n = minus + whole;

	if (whole == 0 || n >= SCAN_BLOCK - 1 || p + n >= s->end ||
	    (p[minus] == '0' && whole > 1))
		return scan_number_slow(s, p);
	if (p[n] == '.') {
		unsigned part = (unsigned)__builtin_ctz(~(digits >> (n + 1)));

		n += 1 + part;
		if (part == 0 || n >= SCAN_BLOCK || p + n >= s->end)
			return scan_number_slow(s, p);
	}
	if (p[n] != ',' && p[n] != '}' && p[n] != ']' && p[n] > ' ')
		return scan_number_slow(s, p);
	s->whole = whole;
	return p + n;
}

/*
 * scan_name_new(s, base, p, n) - Remember a name of the object whose names
 * begin at s->names[base], s->escaped as scan_string() left it.  Returns p,
 * NULL if the object has it already or there are too many members.
 */
const char *
scan_name_new(struct scan *s, unsigned base, const char *p, size_t n);

/* scan_colon(s, p) - Over a colon and the white space around it. */
const char *scan_colon_slow(struct scan *s, const char *p);

static inline const char *
scan_colon(struct scan *s, const char *p)
{
	if (s->end - p > 1 && p[0] == ':' && (unsigned char)p[1] > ' ')
		return p + 1;
	return scan_colon_slow(s, p);
}

/*
 * scan_next(s, p, close) - After a value: to the next one, over the comma
 * and white space, or to the closing bracket.
 */
const char *scan_next_slow(struct scan *s, const char *p, char close);

static inline const char *
scan_next(struct scan *s, const char *p, char close)
{
	if (s->end - p > 1 && p[0] == ',' && (unsigned char)p[1] > ' ' &&
	    p[1] != close)
		return p + 1;
	return scan_next_slow(s, p, close);
}

/*
 * scan_member(s, base, p) - Over one member's name and colon, to its value;
 * the name is checked against those from base.
 */
const char *scan_member(struct scan *s, unsigned base, const char *p);

/*
 * scan_value(s, p, depth) - Over the value at p, no white space before it;
 * depth counts the objects and arrays around it.
 */
const char *scan_value(struct scan *s, const char *p, unsigned depth);

/*
 * Characters.  scan_utf8(p, end) - Length of the UTF-8 sequence at p, 0 if it
 * is overlong, a surrogate, above U+10FFFF or cut short.  scan_put(out, c) -
 * Write code point c as UTF-8; how many bytes (at most 4).  scan_unit(p, end)
 * - The UTF-16 unit of the four hexadecimal digits at p, or -1.
 * scan_high/scan_low(unit) - Whether it is that half of a pair.
 */
size_t scan_utf8(const char *p, const char *end);
size_t scan_put(char *out, uint32_t c);
int32_t scan_unit(const char *p, const char *end);

static inline int
scan_high(int32_t unit)
{
	return unit >= 0xd800 && unit <= 0xdbff;
}

static inline int
scan_low(int32_t unit)
{
	return unit >= 0xdc00 && unit <= 0xdfff;
}

/*
 * scan_text(p, n, out, max) - The text of a checked string with escapes.
 * Writes at most max bytes of it; how many bytes the whole text has.
 */
size_t scan_text(const char *p, size_t n, char *out, size_t max);

#endif

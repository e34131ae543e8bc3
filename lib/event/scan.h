/*
 * The steps of scanning JSON in place that json.c and event.c share, 16
 * bytes at a time.  No step reads outside begin[0..end).
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
	const char *p;	 /* next byte to look at */
	const char *why; /* the first fault */
	int escaped;	 /* last string had a backslash */
	unsigned whole;	 /* last number's digits before the point; 99 if it is
			    long or has an exponent */
	unsigned members;
	int spaces;	 /* white space was met between tokens */
	unsigned nnames; /* names of the objects that are open */
	struct scan_name names[JSON_MEMBERS_MAX];
};

/*
 * scan_init(s, p, n) - Start at p[0..n); names stay uninitialised, which
 * makes this cheap.
 */
static inline void
scan_init(struct scan *s, const char *p, size_t n)
{
	s->begin = p;
	s->end = p + n;
	s->p = p;
	s->why = NULL;
	s->escaped = 0;
	s->spaces = 0;
	s->members = 0;
	s->nnames = 0;
}

/* scan_fault(s, why) - Remember the first fault; always -1. */
static inline int
scan_fault(struct scan *s, const char *why)
{
	if (!s->why)
		s->why = why;
	return -1;
}

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

/*
 * scan_mask(s, p, block) - block() of the bytes from p, 0 beyond the end:
 * near the end the last 16 bytes are read and the mask is shifted.
 */
static inline uint32_t
scan_mask(const struct scan *s, const char *p, uint32_t (*block)(const char *))
{
	size_t left = (size_t)(s->end - p);
	char copy[SCAN_BLOCK] = { 0 };

	if (left >= SCAN_BLOCK)
		return block(p);
	if (s->end - s->begin >= SCAN_BLOCK)
		return block(s->end - SCAN_BLOCK) >> (SCAN_BLOCK - left);
	memcpy(copy, p, left);
	return block(copy) & ((1u << left) - 1);
}

/* scan_string_slow(s, p) - As scan_string, from any byte of the string. */
const char *scan_string_slow(struct scan *s, const char *p);

/*
 * scan_string(s, p) - p is behind the opening quote; the closing quote, or
 * NULL with s->why.  Sets s->escaped.
 */
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

/* scan_number_slow(s, p) - As scan_number, for every number. */
size_t scan_number_slow(struct scan *s, const char *p);

/*
 * scan_number(s, p) - Length of the JSON number at p, which fits a double;
 * 0 with s->why if there is none.
 */
static inline size_t
scan_number(struct scan *s, const char *p)
{
	uint32_t digits = scan_mask(s, p, scan_digits);
	unsigned minus = p < s->end && *p == '-';
	unsigned whole, n;

	whole = (unsigned)__builtin_ctz(~(digits >> minus));
	n = minus + whole;
	if (n >= SCAN_BLOCK - 1 || p + n >= s->end || whole == 0 ||
	    (whole > 1 && p[minus] == '0'))
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
	return n;
}

/* scan_space(s) - Step over white space. */
static inline void
scan_space(struct scan *s)
{
	while (s->p < s->end && (unsigned char)*s->p <= ' ' &&
	    (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r')) {
		s->spaces = 1;
		s->p++;
	}
}

/* scan_is(s, c) - 1 and a step forward if the next byte is c. */
static inline int
scan_is(struct scan *s, char c)
{
	if (s->p >= s->end || *s->p != c)
		return 0;
	s->p++;
	return 1;
}

/*
 * scan_name_new(s, base, p, n) - A name of the object whose names begin at
 * s->names[base], s->escaped as scan_string left it.  0, or -1 if the object
 * has it already or there are too many members.
 */
int scan_name_new(struct scan *s, unsigned base, const char *p, size_t n);

/*
 * scan_member(s, base, name, n) - Step over one member's name and colon, to
 * its value; the name is checked against those from base.  0 or -1.
 */
int scan_member(struct scan *s, unsigned base, const char **name, size_t *n);

/*
 * scan_next(s, close) - After a value: 1 past a comma, 0 past the closing
 * bracket, -1 for a fault; white space is stepped over on both sides.
 */
int scan_next(struct scan *s, char close);

/*
 * scan_value(s, depth) - Step over the value at s->p, no white space before
 * it; depth counts the objects and arrays around it.  JSON_NONE for a fault.
 */
enum json_kind scan_value(struct scan *s, unsigned depth);

/*
 * scan_text(p, n, out, max) - The text of a checked string with escapes.
 * Writes at most max bytes of it; how many bytes the whole text has.
 */
size_t scan_text(const char *p, size_t n, char *out, size_t max);

/* scan_unexpected(s) - Fault: what stands at s->p does not belong there. */
int scan_unexpected(struct scan *s);

#endif

#include "event/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/num.h"
#include "event/scan.h"

/* Well-formed sequences are those of Unicode's table 3-7. */
size_t
scan_utf8(const char *p, const char *end)
{
	const unsigned char *u = (const unsigned char *)p;
	unsigned char low = 0x80, high = 0xbf;
	size_t n;

	if (u[0] < 0x80)
		return 1;
	if (u[0] < 0xc2 || u[0] > 0xf4)
		return 0;
	n = u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	if ((size_t)(end - p) < n)
		return 0;
	if (u[0] == 0xe0)
		low = 0xa0;
	else if (u[0] == 0xed)
		high = 0x9f;
	else if (u[0] == 0xf0)
		low = 0x90;
	else if (u[0] == 0xf4)
		high = 0x8f;
	if (u[1] < low || u[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((u[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int32_t
scan_unit(const char *p, const char *end)
{
	int32_t unit = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(p[i]);

		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	return unit;
}

/* Length of the escape at p (a backslash), 0 with s->why. */
static size_t
escape_length(struct scan *s, const char *p)
{
	int32_t unit;

	if (s->end - p < 2)
		return 0;
	if (p[1] != 'u') {
		if (p[1] != '\0' && strchr("\"\\/bfnrt", p[1]))
			return 2;
		scan_fault(s, "unknown escape");
		return 0;
	}
	unit = scan_unit(p + 2, s->end);
	if (unit < 0)
		scan_fault(s, "\\u without four hexadecimal digits");
	else if (unit == 0)
		scan_fault(s, "\\u0000 in a string");
	else if (scan_low(unit))
		scan_fault(s, "lone surrogate");
	else if (!scan_high(unit))
		return 6;
	else if (s->end - p >= 12 && p[6] == '\\' && p[7] == 'u' &&
	    scan_low(scan_unit(p + 8, s->end)))
		return 12;
	else
		scan_fault(s, "lone surrogate");
	return 0;
}

const char *
scan_string_slow(struct scan *s, const char *p)
{
	size_t n;

	while (p < s->end && *p != '"') {
		uint32_t mask = scan_mask(s, p, scan_special);

		if ((mask & 1) == 0) {
			n = mask ? (size_t)__builtin_ctz(mask) : SCAN_BLOCK;
			p +=
			    n < (size_t)(s->end - p) ? n : (size_t)(s->end - p);
			continue;
		}
		if (*p == '\\') {
			s->escaped = 1;
			n = escape_length(s, p);
		} else if ((unsigned char)*p < ' ') {
			scan_fault(s, "control character in a string");
			return NULL;
		} else {
			n = scan_utf8(p, s->end);
			if (n == 0)
				scan_fault(s, "invalid UTF-8");
		}
		if (n == 0)
			break;
		p += n;
	}
	if (p < s->end && *p == '"')
		return p;
	scan_fault(s, "unterminated string");
	return NULL;
}

const char *
scan_number_slow(struct scan *s, const char *p)
{
	size_t n = num_token(p, (size_t)(s->end - p));
	const char *past = p + n;
	double value;

	s->whole = 99;
	if (n == 0 || (past < s->end && *past && strchr(".+-eE", *past)) ||
	    (past < s->end && *past >= '0' && *past <= '9'))
		return scan_fault(s, "malformed number");
	if (num_double(p, n, &value) != 0)
		return scan_fault(s, "number too large for a double");
	return past;
}

uint32_t
scan_mask_short(
    const struct scan *s, const char *p, uint32_t (*block)(const char *))
{
	size_t left = (size_t)(s->end - p);
	char copy[SCAN_BLOCK] = { 0 };

	memcpy(copy, p, left);
	return block(copy) & ((1u << left) - 1);
}

static const char *
skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	return p;
}

const char *
scan_space_slow(struct scan *s, const char *p)
{
	s->spaces = 1;
	return skip_space(p, s->end);
}

const char *
scan_unexpected(struct scan *s, const char *p)
{
	if (p >= s->end)
		return scan_fault(s, "ends too early");
	if (s->end - p >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		return scan_fault(s, "byte order mark");
	if ((unsigned char)*p < ' ' || *p == 0x7f)
		return scan_fault(s, "control character");
	if (scan_utf8(p, s->end) == 0)
		return scan_fault(s, "invalid UTF-8");
	return scan_fault(s, "unexpected character");
}

size_t
scan_put(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/*
 * The next bytes of a checked string's text: one raw byte, or the whole
 * character of an escape, into out[4].  How many; *p moves on.
 */
static size_t
text_next(const char **p, const char *end, char *out)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *at = *p, *hit;
	int32_t unit;

	if (*at != '\\') {
		out[0] = *at;
		*p += 1;
		return 1;
	}
	if (at[1] != 'u') {
		hit = strchr(from, at[1]);
		out[0] = hit ? to[hit - from] : at[1];
		*p += 2;
		return 1;
	}
	unit = scan_unit(at + 2, end);
	*p += 6;
	if (!scan_high(unit))
		return scan_put(out, (uint32_t)unit);
	*p += 6;
	return scan_put(out,
	    0x10000 + ((uint32_t)(unit - 0xd800) << 10) +
		(uint32_t)(scan_unit(at + 8, end) - 0xdc00));
}

size_t
scan_text(const char *p, size_t n, char *out, size_t max)
{
	const char *end = p + n;
	size_t len = 0, got;
	char next[4];

	while (p < end) {
		got = text_next(&p, end, next);
		if (len + got <= max)
			memcpy(out + len, next, got);
		len += got;
	}
	return len;
}

static uint32_t
text_hash(const char *p, size_t n, int escaped)
{
	const char *end = p + n;
	uint32_t hash = 2166136261u;
	char out[4];

	if (!escaped) {
		for (; p < end; p++)
			hash = (hash ^ (unsigned char)*p) * 16777619u;
		return hash;
	}
	while (p < end) {
		size_t got = text_next(&p, end, out);

		for (size_t i = 0; i < got; i++)
			hash = (hash ^ (unsigned char)out[i]) * 16777619u;
	}
	return hash;
}

/* 1 if the texts of two checked strings are equal. */
static int
text_equal(const char *a, size_t an, const char *b, size_t bn)
{
	const char *aend = a + an, *bend = b + bn;
	char x[4], y[4];
	size_t xn = 0, yn = 0, xi = 0, yi = 0;

	for (;;) {
		if (xi == xn) {
			xn = a < aend ? text_next(&a, aend, x) : 0;
			xi = 0;
		}
		if (yi == yn) {
			yn = b < bend ? text_next(&b, bend, y) : 0;
			yi = 0;
		}
		if (xn == 0 || yn == 0)
			return xn == yn;
		if (x[xi++] != y[yi++])
			return 0;
	}
}

static int
name_equal(const struct scan_name *a, const struct scan_name *b)
{
	if (a->hash != b->hash)
		return 0;
	if (!a->escaped && !b->escaped)
		return a->n == b->n && memcmp(a->p, b->p, a->n) == 0;
	return text_equal(a->p, a->n, b->p, b->n);
}

static const char too_many[] = "more than 256 members";

const char *
scan_name_new(struct scan *s, unsigned base, const char *p, size_t n)
{
	struct scan_name *name = &s->names[s->nnames];

	if (++s->members > s->most)
		return scan_fault(s, too_many);
	*name = (struct scan_name){ p, (uint32_t)n, text_hash(p, n, s->escaped),
		s->escaped };
	for (unsigned i = base; i < s->nnames; i++)
		if (name_equal(&s->names[i], name))
			return scan_fault(s, "duplicate member name");
	s->nnames++;
	return p;
}

const char *
scan_colon_slow(struct scan *s, const char *p)
{
	p = scan_space(s, p);
	return scan_at(s, p, ':') ? scan_space(s, p + 1)
				  : scan_unexpected(s, p);
}

const char *
scan_next_slow(struct scan *s, const char *p, char close)
{
	p = scan_space(s, p);
	if (scan_at(s, p, ',')) {
		p = scan_space(s, p + 1);
		return scan_at(s, p, close) ? scan_unexpected(s, p) : p;
	}
	return scan_at(s, p, close) ? p : scan_unexpected(s, p);
}

const char *
scan_member(struct scan *s, unsigned base, const char *p)
{
	const char *name = p + 1, *close;

	if (!scan_at(s, p, '"'))
		return scan_unexpected(s, p);
	close = scan_string(s, name);
	if (!close || !scan_name_new(s, base, name, (size_t)(close - name)))
		return NULL;
	return scan_colon(s, close + 1);
}

/* p is behind the opening bracket. */
static const char *
scan_object(struct scan *s, const char *p, unsigned depth)
{
	unsigned base = s->nnames;

	p = scan_space(s, p);
	while (p && !scan_at(s, p, '}')) {
		p = scan_member(s, base, p);
		if (p)
			p = scan_value(s, p, depth);
		if (p)
			p = scan_next(s, p, '}');
	}
	s->nnames = base;
	return p ? p + 1 : NULL;
}

static const char *
scan_array(struct scan *s, const char *p, unsigned depth)
{
	p = scan_space(s, p);
	while (p && !scan_at(s, p, ']')) {
		p = scan_value(s, p, depth);
		if (p)
			p = scan_next(s, p, ']');
	}
	return p ? p + 1 : NULL;
}

static const char *
scan_word(struct scan *s, const char *p, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(s->end - p) < n || memcmp(p, word, n) != 0)
		return scan_unexpected(s, p);
	return p + n;
}

const char *
scan_value(struct scan *s, const char *p, unsigned depth)
{
	switch (p < s->end ? *p : '\0') {
	case '{':
	case '[':
		if (depth >= JSON_DEPTH_MAX)
			return scan_fault(s, "deeper than 64 levels");
		return *p == '{' ? scan_object(s, p + 1, depth + 1)
				 : scan_array(s, p + 1, depth + 1);
	case '"': p = scan_string(s, p + 1); return p ? p + 1 : NULL;
	case 't': return scan_word(s, p, "true");
	case 'f': return scan_word(s, p, "false");
	case 'n': return scan_word(s, p, "null");
	case '-':
	case '0':
	case '1':
	case '2':
	case '3':
	case '4':
	case '5':
	case '6':
	case '7':
	case '8':
	case '9': return scan_number(s, p);
	default: return scan_unexpected(s, p);
	}
}

static enum json_kind
kind_of(char c)
{
	switch (c) {
	case '{': return JSON_OBJECT;
	case '[': return JSON_ARRAY;
	case '"': return JSON_STRING;
	case 't': return JSON_TRUE;
	case 'f': return JSON_FALSE;
	case 'n': return JSON_NULL;
	default: return JSON_NUMBER;
	}
}

static enum json_kind
check(struct scan *s, const char **why)
{
	const char *p = scan_space(s, s->begin);
	const char *past = scan_value(s, p, 0);

	if (past && scan_space(s, past) != s->end)
		past = scan_fault(s, "text after the end");
	if (past)
		return kind_of(*p);
	*why = s->why;
	return JSON_NONE;
}

enum json_kind
json_check(const char *p, size_t n, const char **why)
{
	struct scan s;

	scan_init(&s, p, n);
	return check(&s, why);
}

enum json_kind
json_check_wide(const char *p, size_t n, const char **why)
{
	enum json_kind kind = json_check(p, n, why);
	struct scan s;

	if (kind != JSON_NONE || *why != too_many)
		return kind;
	scan_init(&s, p, n);
	/* Not even "":0 and a comma fits more often. */
	s.most = (unsigned)(n / 5 + 1);
	s.names = xmalloc(s.most * sizeof *s.names);
	kind = check(&s, why);
	free(s.names);
	return kind;
}

/* The byte behind the string whose opening quote is at p, trusted. */
static const char *
skip_string(const char *p)
{
	for (p++; *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p + 1;
}

/* The byte behind the value at p, trusted. */
static const char *
skip_value(const char *p, const char *end)
{
	unsigned depth = 0;

	if (*p == '"')
		return skip_string(p);
	if (*p != '{' && *p != '[') {
		while (p < end && !strchr(",]} \t\n\r", *p))
			p++;
		return p;
	}
	do {
		if (*p == '"') {
			p = skip_string(p);
			continue;
		}
		if (*p == '{' || *p == '[')
			depth++;
		else if (*p == '}' || *p == ']')
			depth--;
		p++;
	} while (depth > 0);
	return p;
}

/* Read the value at *p into value and step behind it. */
static void
read_value(const char **p, const char *end, struct json_value *value)
{
	const char *past = skip_value(*p, end);

	*value = (struct json_value){
		.kind = kind_of(**p), .p = *p, .n = (size_t)(past - *p)
	};
	*p = past;
	if (value->kind == JSON_STRING) {
		value->p++;
		value->n -= 2;
		value->escaped = memchr(value->p, '\\', value->n) != NULL;
	}
}

struct json_value
json_value(const char *p, size_t n)
{
	struct json_value value = { 0 };
	const char *end = p + n;

	p = skip_space(p, end);
	if (p < end)
		read_value(&p, end, &value);
	return value;
}

void
json_walk(struct json_walk *w, const struct json_value *value)
{
	*w = (struct json_walk){ .p = value->p + 1,
		.end = value->p + value->n,
		.first = 1,
		.close = value->kind == JSON_OBJECT ? '}' : ']' };
}

int
json_next(
    struct json_walk *w, struct json_value *name, struct json_value *value)
{
	w->p = skip_space(w->p, w->end);
	if (w->p >= w->end || *w->p == w->close)
		return 0;
	if (!w->first)
		w->p = skip_space(w->p + 1, w->end);
	w->first = 0;
	*name = (struct json_value){ 0 };
	if (w->close == '}') {
		read_value(&w->p, w->end, name);
		w->p = skip_space(w->p, w->end);
		w->p = skip_space(w->p + 1, w->end);
	}
	read_value(&w->p, w->end, value);
	return 1;
}

int
json_get(
    const struct json_value *object, const char *name, struct json_value *value)
{
	struct json_walk w;
	struct json_value key;

	json_walk(&w, object);
	while (json_next(&w, &key, value))
		if (json_equal(&key, name))
			return 1;
	return 0;
}

int
json_equal(const struct json_value *string, const char *s)
{
	const char *p = string->p, *end = p + string->n;
	size_t n = strlen(s), got;
	char out[4];

	if (string->kind != JSON_STRING)
		return 0;
	if (!string->escaped)
		return string->n == n && memcmp(p, s, n) == 0;
	while (p < end) {
		got = text_next(&p, end, out);
		if (got > n || memcmp(out, s, got) != 0)
			return 0;
		s += got;
		n -= got;
	}
	return n == 0;
}

void
json_text(const struct json_value *string, struct buf *b)
{
	const char *p = string->p, *end = p + string->n;
	char out[4];

	if (!string->escaped) {
		buf_add(b, p, string->n);
		return;
	}
	while (p < end)
		buf_add(b, out, text_next(&p, end, out));
}

/* Append the escape for c, which may not stand in a string as it is. */
static void
add_escape(struct buf *b, char c)
{
	static const char from[] = "\b\f\n\r\t\"\\", to[] = "bfnrt\"\\";
	const char *hit = c ? strchr(from, c) : NULL;

	if (hit) {
		buf_addc(b, '\\');
		buf_addc(b, to[hit - from]);
	} else {
		buf_addf(b, "\\u%04x", (unsigned char)c);
	}
}

void
json_add_string(struct buf *b, const char *p, size_t n)
{
	size_t plain = 0;

	buf_addc(b, '"');
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)p[i] >= ' ' && p[i] != '"' && p[i] != '\\')
			continue;
		if (i > plain)
			buf_add(b, p + plain, i - plain);
		add_escape(b, p[i]);
		plain = i + 1;
	}
	if (n > plain)
		buf_add(b, p + plain, n - plain);
	buf_addc(b, '"');
}

#include "event/canon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "event/scan.h"

enum {
	SLACK = 64,	    /* bytes beyond what is left of the input */
	SAFE_DIGITS = 15,   /* a double holds every integer of so many */
	WHOLE_MAX = 312,    /* digits of the largest double, sign, NUL */
	INSERTION_MAX = 32, /* members that are sorted by insertion */
	KEY = 8
};

/* A member that has been written. */
struct member {
	uint64_t key;  /* the name's first bytes, see order_byte() */
	size_t at;     /* where "name":value stands in the output */
	size_t len;    /* 0: left out */
	size_t name;   /* where the name's text stands, */
	size_t name_n; /* without quotes and escapes, */
	int apart;     /* in space instead of the output */
};

/*
 * The output always has room for what is left of the input and SLACK: only
 * numbers may be longer in canonical form than they were.
 */
struct work {
	struct scan s;
	struct canon *c;
	enum canon_kind kind;
	const char *const *without;
	uint64_t without_key[CANON_WITHOUT_MAX];
	char *o;     /* where the output goes on */
	int escaped; /* the last string written has a backslash, */
	int wide;    /* has a character beyond ASCII */
	size_t members;
};

static const char *put_value(struct work *w, const char *p, unsigned depth);

static size_t
offset(const struct work *w)
{
	return (size_t)(w->o - w->c->out.p);
}

static struct member *
member_at(const struct work *w, size_t i)
{
	return (struct member *)(void *)w->c->members.p + i;
}

/*
 * The order of UTF-16 units is that of UTF-8 bytes, but for the surrogates
 * (sequences that begin with f0-f4), which come before U+E000 (ee, ef).
 */
static unsigned char
order_byte(char c)
{
	unsigned char u = (unsigned char)c;

	return u == 0xee || u == 0xef ? u + 0x10 : u;
}

static uint64_t
key_of(const char *p, size_t n)
{
	uint64_t key = 0;

	for (size_t i = 0; i < KEY; i++)
		key = key << 8 | (i < n ? order_byte(p[i]) : 0);
	return key;
}

/* The same of ASCII; at least 8 bytes can be read at p. */
static uint64_t
key_of_ascii(const char *p, size_t n)
{
	uint64_t key;

	memcpy(&key, p, sizeof key);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	key = __builtin_bswap64(key);
#endif
	if (n == 0)
		return 0;
	return n < KEY ? key & ~(~(uint64_t)0 >> 8 * n) : key;
}

/* Copy what may stand in a string as it is; where that ends. */
static const char *
put_plain(struct work *w, const char *p)
{
	const char *end = w->s.end;
	char *o = w->o;
	uint32_t mask;
	size_t n;

	while (end - p >= SCAN_BLOCK) {
		mask = scan_special(p);
		memcpy(o, p, SCAN_BLOCK);
		n = mask != 0 ? (size_t)__builtin_ctz(mask) : SCAN_BLOCK;
		p += n;
		o += n;
		if (mask != 0) {
			w->o = o;
			return p;
		}
	}
	mask = scan_mask(&w->s, p, scan_special);
	n = mask != 0 ? (size_t)__builtin_ctz(mask) : (size_t)(end - p);
	memcpy(o, p, n);
	w->o = o + n;
	return p + n;
}

static void
put_character(struct work *w, uint32_t c)
{
	static const char from[] = "\b\f\n\r\t\"\\", to[] = "bfnrt\"\\";
	static const char hex[] = "0123456789abcdef";
	const char *hit = c != 0 && c < 0x80 ? strchr(from, (int)c) : NULL;

	if (hit == NULL && c >= ' ') {
		w->wide |= c >= 0x80;
		w->o += scan_put(w->o, c);
		return;
	}
	w->escaped = 1;
	*w->o++ = '\\';
	if (hit != NULL) {
		*w->o++ = to[hit - from];
		return;
	}
	memcpy(w->o, "u00", 3);
	w->o[3] = hex[c >> 4];
	w->o[4] = hex[c & 15];
	w->o += 5;
}

/* p is the backslash of \uXXXX; the byte behind it, or behind a pair. */
static const char *
put_unit(struct work *w, const char *p)
{
	const char *end = w->s.end;
	int32_t unit = scan_unit(p + 2, end), low;

	if (unit < 0)
		return scan_fault(&w->s, "\\u without four hexadecimal digits");
	if (scan_low(unit))
		return scan_fault(&w->s, "lone surrogate");
	if (!scan_high(unit)) {
		put_character(w, (uint32_t)unit);
		return p + 6;
	}
	low = end - p >= 12 && p[6] == '\\' && p[7] == 'u'
	    ? scan_unit(p + 8, end)
	    : -1;
	if (!scan_low(low))
		return scan_fault(&w->s, "lone surrogate");
	put_character(w,
	    0x10000 + ((uint32_t)(unit - 0xd800) << 10) +
		(uint32_t)(low - 0xdc00));
	return p + 12;
}

static const char *
put_escape(struct work *w, const char *p)
{
	if (w->s.end - p < 2)
		return scan_fault(&w->s, "unterminated string");
	switch (p[1]) {
	case 'u': return put_unit(w, p);
	case '/': *w->o++ = '/'; return p + 2;
	case '"':
	case '\\':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		memcpy(w->o, p, 2);
		w->o += 2;
		w->escaped = 1;
		return p + 2;
	default: return scan_fault(&w->s, "unknown escape");
	}
}

/* Write what stands at p, which is neither plain nor a quote. */
static const char *
put_special(struct work *w, const char *p)
{
	size_t n;

	if (*p == '\\')
		return put_escape(w, p);
	if ((unsigned char)*p < ' ')
		return scan_fault(&w->s, "control character in a string");
	w->wide = 1;
	do {
		n = scan_utf8(p, w->s.end);
		if (n == 0)
			return scan_fault(&w->s, "invalid UTF-8");
		memcpy(w->o, p, n);
		w->o += n;
		p += n;
	} while (p < w->s.end && (unsigned char)*p >= 0x80);
	return p;
}

/* p is behind the opening quote; the closing one. */
static const char *
put_string(struct work *w, const char *p)
{
	w->escaped = w->wide = 0;
	*w->o++ = '"';
	for (;;) {
		p = put_plain(w, p);
		if (p == w->s.end)
			return scan_fault(&w->s, "unterminated string");
		if (*p == '"')
			break;
		p = put_special(w, p);
		if (p == NULL)
			return NULL;
	}
	*w->o++ = '"';
	return p;
}

/* Whether two numbers have the same digits, wherever the point stands. */
static int
same_digits(const char *a, size_t an, const char *b, size_t bn)
{
	struct num_parts x, y;

	if (num_split(a, an, &x) < 0 || num_split(b, bn, &y) < 0 ||
	    x.n != y.n || x.exponent != y.exponent)
		return 0;
	for (size_t i = 0; i < x.n; i++) {
		x.p += *x.p == '.';
		y.p += *y.p == '.';
		if (*x.p++ != *y.p++)
			return 0;
	}
	return 1;
}

/*
 * Whether the token, of which text is the canonical form, is no integer, or
 * one that v does not change.  Programs that rewrite large numbers may write
 * the digits of the canonical form and zeros.
 */
static int
is_kept(const char *token, size_t n, double v, const char *text, size_t text_n)
{
	char whole[WHOLE_MAX];
	size_t minus = token[0] == '-', digits = n - minus;
	int64_t small;
	int len;

	if (digits <= SAFE_DIGITS || memchr(token, '.', n) != NULL ||
	    memchr(token, 'e', n) != NULL || memchr(token, 'E', n) != NULL)
		return 1;
	if (num_uint(token + minus, digits, &small) == 0 &&
	    small < INT64_MAX / 2 && small == (int64_t)(minus ? -v : v))
		return 1;
	if (same_digits(token, n, text, text_n))
		return 1;
	len = snprintf(whole, sizeof whole, "%.0f", v);
	return (size_t)len == n && memcmp(token, whole, n) == 0;
}

/* A number of any form. */
static const char *
put_number_slow(struct work *w, const char *p)
{
	size_t left = (size_t)(w->s.end - p), n = num_token(p, left), len;
	const char *past = p + n;
	double v;

	if (n == 0 ||
	    (past < w->s.end && *past != '\0' &&
		strchr(".+-eE0123456789", *past) != NULL))
		return scan_fault(&w->s, "malformed number");
	if (num_double(p, n, &v) < 0)
		return scan_fault(&w->s, "number too large for a double");
	w->c->out.len = offset(w);
	w->o = buf_room(&w->c->out, left + SLACK);
	len = num_format(w->o, v);
	if (w->kind == CANON_SIGNED && !is_kept(p, n, v, w->o, len))
		return scan_fault(&w->s, "integer that a double does not hold");
	w->o += len;
	return past;
}

/*
 * How much of the token p[0..n) without exponent and with few digits is its
 * canonical form (behind the minus, if that is 0); 0 if it has another.
 */
static size_t
fraction_kept(const char *p, size_t minus, size_t n)
{
	size_t zeros = minus + 2;

	while (p[n - 1] == '0')
		n--;
	if (p[n - 1] == '.')
		return n - 1;
	if (p[minus] != '0')
		return n;
	while (p[zeros] == '0')
		zeros++;
	return zeros > minus + 2 + 5 ? 0 : n;
}

/*
 * Two decimals of at most 15 digits cannot share a double, so such a token
 * is its own shortest form.
 */
static const char *
put_number(struct work *w, const char *p)
{
	const char *end = w->s.end;
	uint32_t digits = scan_mask(&w->s, p, scan_digits);
	size_t minus = *p == '-';
	size_t whole = (size_t)__builtin_ctz(~(digits >> minus));
	size_t n = minus + whole, kept;

	if (whole == 0 || n >= SCAN_BLOCK - 1 || p + n >= end ||
	    (p[minus] == '0' && whole > 1))
		return put_number_slow(w, p);
	kept = n;
	if (p[n] == '.') {
		size_t part = (size_t)__builtin_ctz(~(digits >> (n + 1)));

		n += 1 + part;
		if (part == 0 || n >= SCAN_BLOCK || p + n >= end)
			return put_number_slow(w, p);
		kept = fraction_kept(p, minus, n);
	}
	if (kept == 0 ||
	    (p[n] != ',' && p[n] != '}' && p[n] != ']' && p[n] > ' '))
		return put_number_slow(w, p);
	if (minus == 1 && kept == 2 && p[1] == '0') {
		*w->o++ = '0';
		return p + n;
	}
	if (end - p >= SCAN_BLOCK)
		memcpy(w->o, p, SCAN_BLOCK);
	else
		memcpy(w->o, p, kept);
	w->o += kept;
	return p + n;
}

static const char *
put_word(struct work *w, const char *p, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(w->s.end - p) < n || memcmp(p, word, n) != 0)
		return scan_unexpected(&w->s, p);
	memcpy(w->o, word, n);
	w->o += n;
	return p + n;
}

static const char *
put_array(struct work *w, const char *p, unsigned depth)
{
	*w->o++ = '[';
	p = scan_space(&w->s, p);
	while (p != NULL && !scan_at(&w->s, p, ']')) {
		p = put_value(w, p, depth);
		if (p == NULL)
			break;
		p = scan_next(&w->s, p, ']');
		*w->o++ = ',';
	}
	if (p == NULL)
		return NULL;
	w->o -= w->o[-1] == ',';
	*w->o++ = ']';
	return p + 1;
}

static const char *
name_of(const struct work *w, const struct member *m)
{
	return (m->apart ? w->c->space.p : w->c->out.p) + m->name;
}

/* Keep the name's text in space, where nothing overwrites it. */
static void
keep_name(struct work *w, struct member *m)
{
	struct buf *space = &w->c->space;
	const char *name = w->c->out.p + m->name;
	char *copy = buf_room(space, m->name_n);

	m->name_n = scan_text(name, m->name_n, copy, m->name_n);
	m->name = space->len;
	m->apart = 1;
	space->len += m->name_n;
}

static int
is_without(const struct work *w, const struct member *m)
{
	const char *const *name = w->without;

	for (size_t i = 0; name != NULL && name[i] != NULL; i++)
		if (w->without_key[i] == m->key &&
		    strlen(name[i]) == m->name_n &&
		    memcmp(name[i], name_of(w, m), m->name_n) == 0)
			return 1;
	return 0;
}

/* Remember the member whose name has been written behind out.p + at. */
static struct member *
add_member(struct work *w, size_t at)
{
	struct buf *members = &w->c->members;
	struct member *m;

	members->len = w->members * sizeof *m;
	buf_room(members, sizeof *m);
	m = member_at(w, w->members++);
	m->at = at;
	m->name = at + 1;
	m->name_n = offset(w) - at - 2;
	m->apart = 0;
	if (w->escaped)
		keep_name(w, m);
	if (w->escaped || w->wide)
		m->key = key_of(name_of(w, m), m->name_n);
	else
		m->key = key_of_ascii(name_of(w, m), m->name_n);
	return m;
}

/* Check the value of a member that is left out. */
static const char *
pass_value(struct work *w, struct member *m, const char *p, unsigned depth)
{
	enum canon_kind kind = w->kind;
	size_t at = m->at, i = w->members - 1;

	if (!m->apart)
		keep_name(w, m);
	w->kind = CANON_JSON;
	p = put_value(w, p, depth);
	w->kind = kind;
	w->o = w->c->out.p + at;
	member_at(w, i)->len = 0;
	return p;
}

/* p is behind the opening quote of the name. */
static const char *
put_member(struct work *w, const char *p, unsigned depth)
{
	size_t at = offset(w), i = w->members;
	struct member *m;

	p = put_string(w, p);
	if (p == NULL)
		return NULL;
	m = add_member(w, at);
	p = scan_colon(&w->s, p + 1);
	if (p == NULL)
		return NULL;
	*w->o++ = ':';
	if (depth == 1 && is_without(w, m))
		return pass_value(w, m, p, depth);
	p = put_value(w, p, depth);
	member_at(w, i)->len = offset(w) - at;
	*w->o++ = ',';
	return p;
}

static int
compare(const struct work *w, const struct member *a, const struct member *b)
{
	const char *x = name_of(w, a), *y = name_of(w, b);
	size_t n = a->name_n < b->name_n ? a->name_n : b->name_n;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	for (size_t i = 0; i < n; i++)
		if (x[i] != y[i])
			return order_byte(x[i]) < order_byte(y[i]) ? -1 : 1;
	return (a->name_n > b->name_n) - (a->name_n < b->name_n);
}

static int
compare_pointers(const void *a, const void *b, void *w)
{
	return compare(w, a, b);
}

static void
sort(struct work *w, struct member *m, size_t n)
{
	if (n > INSERTION_MAX) {
		qsort_r(m, n, sizeof *m, compare_pointers, w);
		return;
	}
	for (size_t i = 1; i < n; i++) {
		struct member moved = m[i];
		size_t k = i;

		for (; k > 0 && compare(w, &moved, &m[k - 1]) < 0; k--)
			m[k] = m[k - 1];
		m[k] = moved;
	}
}

/* Bring the members from base into order; they stand from out.p + start. */
static int
arrange(struct work *w, size_t base, size_t start)
{
	struct member *m = member_at(w, base);
	size_t n = w->members - base, total = offset(w) - start;
	char *copy, *end;

	sort(w, m, n);
	for (size_t i = 1; i < n; i++)
		if (compare(w, &m[i - 1], &m[i]) == 0) {
			scan_fault(&w->s, "duplicate member name");
			return -1;
		}
	copy = buf_room(&w->c->space, total);
	end = copy;
	for (size_t i = 0; i < n; i++) {
		if (m[i].len == 0)
			continue;
		memcpy(end, w->c->out.p + m[i].at, m[i].len);
		end += m[i].len;
		*end++ = ',';
	}
	memcpy(w->c->out.p + start, copy, total);
	return 0;
}

static const char *
put_object(struct work *w, const char *p, unsigned depth)
{
	size_t base = w->members, start, space = w->c->space.len;
	int ordered = 1;

	*w->o++ = '{';
	start = offset(w);
	p = scan_space(&w->s, p);
	while (p != NULL && !scan_at(&w->s, p, '}')) {
		size_t i = w->members;

		if (!scan_at(&w->s, p, '"'))
			return scan_unexpected(&w->s, p);
		p = put_member(w, p + 1, depth);
		if (p == NULL)
			break;
		ordered &= i == base ||
		    member_at(w, i - 1)->key < member_at(w, i)->key;
		p = scan_next(&w->s, p, '}');
	}
	if (p == NULL || (!ordered && arrange(w, base, start) < 0))
		return NULL;
	w->members = base;
	w->c->space.len = space;
	w->o -= w->o[-1] == ',';
	*w->o++ = '}';
	return p + 1;
}

static const char *
put_value(struct work *w, const char *p, unsigned depth)
{
	switch (p < w->s.end ? *p : '\0') {
	case '{':
	case '[':
		if (depth >= JSON_DEPTH_MAX)
			return scan_fault(&w->s, "deeper than 64 levels");
		return *p == '{' ? put_object(w, p + 1, depth + 1)
				 : put_array(w, p + 1, depth + 1);
	case '"': p = put_string(w, p + 1); return p ? p + 1 : NULL;
	case 't': return put_word(w, p, "true");
	case 'f': return put_word(w, p, "false");
	case 'n': return put_word(w, p, "null");
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
	case '9': return put_number(w, p);
	default: return scan_unexpected(&w->s, p);
	}
}

static void
work_init(struct work *w, struct canon *c, enum canon_kind kind, const char *p,
    size_t n)
{
	scan_init(&w->s, p, n);
	w->c = c;
	w->kind = kind;
	w->without = NULL;
	w->members = 0;
	buf_clear(&c->out);
	buf_clear(&c->space);
	w->o = buf_room(&c->out, n + SLACK);
}

static int
run(struct work *w, int only_object, const char **why)
{
	struct scan *s = &w->s;
	const char *p = scan_space(s, s->begin);

	if (only_object && !scan_at(s, p, '{')) {
		*why = "not an object";
		return -1;
	}
	p = put_value(w, p, 0);
	if (p != NULL && scan_space(s, p) != s->end)
		scan_fault(s, "text after the end");
	if (s->why != NULL) {
		*why = s->why;
		return -1;
	}
	w->c->out.len = offset(w);
	return 0;
}

int
canon_text(struct canon *c, enum canon_kind kind, const char *p, size_t n,
    const char **why)
{
	struct work w;

	work_init(&w, c, kind, p, n);
	return run(&w, 0, why);
}

int
canon_without(struct canon *c, enum canon_kind kind, const char *p, size_t n,
    const char *const *names, const char **why)
{
	struct work w;

	work_init(&w, c, kind, p, n);
	w.without = names;
	for (size_t i = 0; names[i] != NULL; i++)
		w.without_key[i] = key_of(names[i], strlen(names[i]));
	return run(&w, 1, why);
}

int
canon_event(struct canon *c, const char *p, size_t n, const char **why)
{
	static const char *const names[] = { "sig", "rt", "from", "pos", NULL };

	return canon_without(c, CANON_SIGNED, p, n, names, why);
}

void
canon_fini(struct canon *c)
{
	buf_fini(&c->out);
	buf_fini(&c->space);
	buf_fini(&c->members);
}

#include "base/base64.h"

#include <stdint.h>

static const char alphabet[2][65] = {
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
};

enum { FIRST = '+', LAST = 'z', NONE = 64 };

/*
 * Values of the characters from '+' to 'z' in both alphabets: of '+' '-' '/'
 * '_' each has two that the other has not.
 */
static const unsigned char values[2][LAST - FIRST + 1] = {
	{ 64, 64, 62, 64, 64, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 64, 64,
	    64, 64, 64, 64, 64, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
	    14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 64, 64, 64, 64, 63,
	    64, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41,
	    42, 43, 44, 45, 46, 47, 48, 49, 50, 51 },
	{ 62, 64, 64, 64, 63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 64, 64,
	    64, 64, 64, 64, 64, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
	    14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 64, 64, 64, 64, 64,
	    64, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41,
	    42, 43, 44, 45, 46, 47, 48, 49, 50, 51 },
};

static int
value(enum base64_form form, char c)
{
	unsigned i = (unsigned char)c - (unsigned)FIRST;

	return i > LAST - FIRST ? NONE : values[form != BASE64_URL][i];
}

/* n is 1 or 2: the last bytes, which make n + 1 characters. */
static char *
add_rest(char *to, const char *digit, enum base64_form form,
    const unsigned char *p, size_t n)
{
	unsigned v = (unsigned)p[0] << 16 | (n == 2 ? (unsigned)p[1] << 8 : 0);

	*to++ = digit[v >> 18];
	*to++ = digit[v >> 12 & 63];
	if (n == 2)
		*to++ = digit[v >> 6 & 63];
	if (form == BASE64_PADDED)
		for (; n < 3; n++)
			*to++ = '=';
	return to;
}

void
base64_add(struct buf *b, enum base64_form form, const void *p, size_t n)
{
	const unsigned char *at = p;
	const char *digit = alphabet[form != BASE64_URL];
	char *to = buf_room(b, n / 3 * 4 + 4);

	for (; n >= 3; n -= 3, at += 3, to += 4) {
		unsigned v =
		    (unsigned)at[0] << 16 | (unsigned)at[1] << 8 | at[2];

		to[0] = digit[v >> 18];
		to[1] = digit[v >> 12 & 63];
		to[2] = digit[v >> 6 & 63];
		to[3] = digit[v & 63];
	}
	if (n > 0)
		to = add_rest(to, digit, form, at, n);
	b->len = (size_t)(to - b->p);
}

/* 2 or 3 characters: 0 or -1. */
static int
parse_rest(unsigned char *to, enum base64_form form, const char *p, size_t n)
{
	int a = value(form, p[0]), b = value(form, p[1]),
	    c = n == 3 ? value(form, p[2]) : 0;
	unsigned v = (unsigned)a << 18 | (unsigned)b << 12 | (unsigned)c << 6;

	if (((a | b | c) & NONE) != 0 || (v & (n == 3 ? 0xff : 0xffff)) != 0)
		return -1;
	to[0] = (unsigned char)(v >> 16);
	if (n == 3)
		to[1] = (unsigned char)(v >> 8);
	return 0;
}

long
base64_parse(
    void *out, size_t max, enum base64_form form, const char *p, size_t n)
{
	unsigned char *to = out;
	size_t rest;
	long length;

	if (form == BASE64_PADDED && n % 4 != 0)
		return -1;
	if (form == BASE64_PADDED && n > 0 && p[n - 1] == '=')
		n -= p[n - 2] == '=' ? 2 : 1;
	rest = n % 4;
	length = (long)(n / 4 * 3 + (rest > 0 ? rest - 1 : 0));
	if (rest == 1 || (size_t)length > max)
		return -1;
	for (; n >= 4; n -= 4, p += 4, to += 3) {
		int a = value(form, p[0]), b = value(form, p[1]),
		    c = value(form, p[2]), d = value(form, p[3]);

		if (((a | b | c | d) & NONE) != 0)
			return -1;
		to[0] = (unsigned char)(a << 2 | b >> 4);
		to[1] = (unsigned char)(b << 4 | c >> 2);
		to[2] = (unsigned char)(c << 6 | d);
	}
	if (rest > 0 && parse_rest(to, form, p, rest) < 0)
		return -1;
	return length;
}

/*
 * Base64 (RFC 4648), strict, for what is no secret: the time it takes depends
 * on the bytes.
 */
#ifndef SG_BASE_BASE64_H
#define SG_BASE_BASE64_H

#include <stddef.h>

#include "base/buf.h"

enum base64_form {
	BASE64_URL,   /* section 5, without padding */
	BASE64_PLAIN, /* section 4, without padding */
	BASE64_PADDED /* section 4 */
};

/* base64_add(b, form, p, n) - Append p[0..n) as base64. */
void
base64_add(struct buf *b, enum base64_form form, const void *p, size_t n);

/*
 * base64_parse(out, max, form, p, n) - The length of what the text p[0..n)
 * stands for, which goes to out, or -1: other characters, white space too,
 * padding missing or where there is none, bits over at the end that are not
 * zero, or more than max bytes.
 */
long base64_parse(
    void *out, size_t max, enum base64_form form, const char *p, size_t n);

#endif

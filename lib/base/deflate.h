/*
 * How long a text becomes when it is compressed by itself (DEFLATE, RFC 1951,
 * as gzip does at its usual level).
 */
#ifndef SG_BASE_DEFLATE_H
#define SG_BASE_DEFLATE_H

#include <stddef.h>

/* deflate_length(p, n) - Bytes of p[0..n) with zlib's frame (RFC 1950). */
size_t deflate_length(const void *p, size_t n);

#endif

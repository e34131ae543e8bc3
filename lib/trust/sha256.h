/*
 * SHA-256 (FIPS 180-4) with the processor's instructions where it has them,
 * chosen at run time, else libsodium's.
 */
#ifndef SG_TRUST_SHA256_H
#define SG_TRUST_SHA256_H

#include <stddef.h>

enum { SHA256_BYTES = 32 };

/* sha256(p, n, out) - The hash of p[0..n).  Thread-safe. */
void sha256(const void *p, size_t n, unsigned char out[SHA256_BYTES]);

/*
 * sha256_lead(lead, p, n, out) - The same of one byte and then p[0..n).
 * sha256_plain(on) - 1: no special instructions from now on, for tests and
 * measurements (also if SG_SHA=plain is set).  sha256_name() - "sha-ni",
 * "libsodium".
 */
void sha256_lead(unsigned char lead, const void *p, size_t n,
    unsigned char out[SHA256_BYTES]);
void sha256_plain(int on);
const char *sha256_name(void);

#endif

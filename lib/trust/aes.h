/*
 * AES with keys of 128 bits (FIPS 197) and the authentication code made of it
 * (AES-CMAC, RFC 4493): what the radio standards use.
 */
#ifndef SG_TRUST_AES_H
#define SG_TRUST_AES_H

#include <stddef.h>
#include <stdint.h>

enum { AES_KEY = 16, AES_BLOCK = 16 };

struct aes; /* a key, made ready; not for two threads at a time */

/*
 * aes_new(key) - A copy of the key, in memory that is wiped by aes_free().
 * Ends the process if libcrypto has no AES.
 */
struct aes *aes_new(const uint8_t key[AES_KEY]);
void aes_free(struct aes *a);

/* aes_block(a, in, out) - Encrypt one block; in may be out. */
void
aes_block(struct aes *a, const uint8_t in[AES_BLOCK], uint8_t out[AES_BLOCK]);

/* aes_cmac(a, p, n, out) - The code of p[0..n). */
void aes_cmac(struct aes *a, const void *p, size_t n, uint8_t out[AES_BLOCK]);

/*
 * aes_cmac_holds(a, p, n, mac, size) - 1 if mac is the first size bytes, 1 to
 * AES_BLOCK, of the code of p[0..n), else 0; compared in constant time.
 */
int aes_cmac_holds(
    struct aes *a, const void *p, size_t n, const uint8_t *mac, size_t size);

#endif

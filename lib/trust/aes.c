#include "trust/aes.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/die.h"
#include "trust/secret.h"

enum { RB = 0x87 }; /* RFC 4493, section 2.3 */

struct aes {
	EVP_CIPHER_CTX *context;
	uint8_t whole[AES_BLOCK]; /* the subkeys K1 and K2 */
	uint8_t padded[AES_BLOCK];
};

/* Twice k in the field of 2^128 elements. */
static void
twice(const uint8_t k[AES_BLOCK], uint8_t out[AES_BLOCK])
{
	unsigned carry = k[0] >> 7;

	for (int i = 0; i < AES_BLOCK - 1; i++)
		out[i] = (uint8_t)(k[i] << 1 | k[i + 1] >> 7);
	out[AES_BLOCK - 1] = (uint8_t)(k[AES_BLOCK - 1] << 1);
	/* No branch, which would tell of the key. */
	out[AES_BLOCK - 1] ^= (uint8_t)(RB & (0u - carry));
}

static void
no_aes(void)
{
	/* Like a machine without randomness: there is nothing to go on with. */
	die(EXIT_BUG, "no AES-128 in libcrypto");
}

struct aes *
aes_new(const uint8_t key[AES_KEY])
{
	struct aes *a = xmalloc(sizeof *a);
	uint8_t l[AES_BLOCK] = { 0 };
	EVP_CIPHER *cipher;

	/* The configuration of other programs is none of ours. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	cipher = EVP_CIPHER_fetch(NULL, "AES-128-ECB", NULL);
	a->context = EVP_CIPHER_CTX_new();
	if (cipher == NULL || a->context == NULL ||
	    !EVP_EncryptInit_ex2(a->context, cipher, key, NULL, NULL) ||
	    !EVP_CIPHER_CTX_set_padding(a->context, 0))
		no_aes();
	EVP_CIPHER_free(cipher);
	aes_block(a, l, l);
	twice(l, a->whole);
	twice(a->whole, a->padded);
	secret_wipe(l, sizeof l);
	return a;
}

void
aes_free(struct aes *a)
{
	if (a == NULL)
		return;
	EVP_CIPHER_CTX_free(a->context);
	secret_wipe(a, sizeof *a);
	free(a);
}

void
aes_block(struct aes *a, const uint8_t in[AES_BLOCK], uint8_t out[AES_BLOCK])
{
	int n = 0;

	if (!EVP_EncryptUpdate(a->context, out, &n, in, AES_BLOCK) ||
	    n != AES_BLOCK)
		no_aes();
}

static void
mix(uint8_t x[AES_BLOCK], const uint8_t p[AES_BLOCK])
{
	uint64_t a[2], b[2];

	memcpy(a, x, sizeof a);
	memcpy(b, p, sizeof b);
	a[0] ^= b[0];
	a[1] ^= b[1];
	memcpy(x, a, sizeof a);
}

void
aes_cmac(struct aes *a, const void *p, size_t n, uint8_t out[AES_BLOCK])
{
	const uint8_t *at = p;
	uint8_t x[AES_BLOCK] = { 0 }, last[AES_BLOCK] = { 0 };

	for (; n > AES_BLOCK; at += AES_BLOCK, n -= AES_BLOCK) {
		mix(x, at);
		aes_block(a, x, x);
	}
	if (n > 0)
		memcpy(last, at, n);
	if (n < AES_BLOCK)
		last[n] = 0x80;
	mix(last, n == AES_BLOCK ? a->whole : a->padded);
	mix(x, last);
	aes_block(a, x, out);
}

int
aes_cmac_holds(
    struct aes *a, const void *p, size_t n, const uint8_t *mac, size_t size)
{
	uint8_t want[AES_BLOCK];
	int same;

	if (size < 1 || size > AES_BLOCK)
		return 0;
	aes_cmac(a, p, n, want);
	same = CRYPTO_memcmp(want, mac, size) == 0;
	/* The right code of a forged message must not lie about. */
	secret_wipe(want, sizeof want);
	return same;
}

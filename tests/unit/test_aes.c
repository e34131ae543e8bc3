#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "trust/aes.h"
#include "trust/secret.h"

enum { BYTES_MAX = 80 };

static size_t
bytes(const char *hex, uint8_t *out)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		char two[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

		out[i] = (uint8_t)strtoul(two, NULL, 16);
	}
	return n;
}

static const struct {
	const char *key, *in, *want, *why;
} blocks[] = {
	{ "000102030405060708090a0b0c0d0e0f",
	    "00112233445566778899aabbccddeeff",
	    "69c4e0d86a7b0430d8cdb78070b4c55a", "FIPS 197, appendix C.1" },
	{ "2b7e151628aed2a6abf7158809cf4f3c",
	    "3243f6a8885a308d313198a2e0370734",
	    "3925841d02dc09fbdc118597196a0b32", "FIPS 197, appendix B" },
	{ "456e4f6365616e20476d62482e313300",
	    "f4ef308f1aba3eff9f5a117172eacabd",
	    "9be2e35d5fe7858645200587dd3b515c", "EnOcean, a key stream" },
	{ "2b7e151628aed2a6abf7158809cf4f3c",
	    "00000000000000000000000000000000",
	    "7df76b0c1ab899b33e42f047b91b546f", "RFC 4493, section 4" },
};

static const char example[] = "6bc1bee22e409f96e93d7e117393172a"
			      "ae2d8a571e03ac9c9eb76fac45af8e51"
			      "30c81c46a35ce411e5fbc1191a0a52ef"
			      "f69f2445df4f9b17ad2b417be66c3710";

static const struct {
	const char *key, *in;
	size_t n; /* bytes of it */
	const char *want, *why;
} codes[] = {
	{ "2b7e151628aed2a6abf7158809cf4f3c", example, 0,
	    "bb1d6929e95937287fa37d129b756746", "RFC 4493, empty" },
	{ "2b7e151628aed2a6abf7158809cf4f3c", example, 16,
	    "070a16b46b4d4144f79bdd9dd04a287c", "RFC 4493, a block" },
	{ "2b7e151628aed2a6abf7158809cf4f3c", example, 40,
	    "dfa66747de9ae63030ca32611497c827", "RFC 4493, two and a half" },
	{ "2b7e151628aed2a6abf7158809cf4f3c", example, 64,
	    "51f0bebf7e3b9d92fc49741779363cfe", "RFC 4493, four" },
	{ "456e4f6365616e20476d62482e313300", "313eeac4a2dfc0ffee", 9,
	    "eaf20eed28679f641c15b10b9308d0d4", "EnOcean, a telegram" },
};

static void
encrypts(void)
{
	uint8_t key[BYTES_MAX], in[BYTES_MAX], want[BYTES_MAX], out[AES_BLOCK];
	struct aes *a;

	for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
		bytes(blocks[i].key, key);
		bytes(blocks[i].in, in);
		bytes(blocks[i].want, want);
		a = aes_new(key);
		/* The copy is the module's own. */
		memset(key, 0, sizeof key);
		aes_block(a, in, out);
		check(memcmp(out, want, AES_BLOCK) == 0, "%s", blocks[i].why);
		aes_block(a, in, in);
		check(memcmp(in, want, AES_BLOCK) == 0, "%s, in place",
		    blocks[i].why);
		aes_free(a);
	}
}

static void
refuses_flipped(struct aes *a, uint8_t *in, size_t n, uint8_t *mac, size_t size,
    const char *why)
{
	for (size_t bit = 0; bit < 8 * n; bit++) {
		in[bit / 8] ^= (uint8_t)(1 << bit % 8);
		check(!aes_cmac_holds(a, in, n, mac, size),
		    "%s: bit %zu of the message", why, bit);
		in[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t bit = 0; bit < 8 * size; bit++) {
		mac[bit / 8] ^= (uint8_t)(1 << bit % 8);
		check(!aes_cmac_holds(a, in, n, mac, size),
		    "%s: bit %zu of the code", why, bit);
		mac[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void
authenticates(void)
{
	uint8_t key[BYTES_MAX], in[BYTES_MAX], want[BYTES_MAX], out[AES_BLOCK];
	struct aes *a;

	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
		bytes(codes[i].key, key);
		bytes(codes[i].in, in);
		bytes(codes[i].want, want);
		a = aes_new(key);
		refuses_flipped(a, in, codes[i].n, want, 3, codes[i].why);
		check(!aes_cmac_holds(a, in, codes[i].n, want, 0),
		    "%s: a code of no bytes holds for nothing", codes[i].why);
		check(!aes_cmac_holds(a, in, codes[i].n, want, 17),
		    "%s: no code is longer than a block", codes[i].why);
		for (size_t size = 1; size <= AES_BLOCK; size++)
			check(aes_cmac_holds(a, in, codes[i].n, want, size),
			    "%s: its first %zu bytes", codes[i].why, size);
		aes_cmac(a, in, codes[i].n, out);
		check(memcmp(out, want, AES_BLOCK) == 0, "%s", codes[i].why);
		aes_free(a);
	}
}

/* A key does not keep anything of the message before. */
static void
repeats(void)
{
	uint8_t key[AES_KEY] = { 1, 2, 3 }, first[AES_BLOCK] = { 0 },
		again[AES_BLOCK];
	struct aes *a = aes_new(key), *b = aes_new(first);

	aes_cmac(a, "one", 3, first);
	aes_cmac(a, "a longer one than the other", 27, again);
	aes_cmac(b, "one", 3, again);
	check(memcmp(first, again, AES_BLOCK) != 0, "another key's code");
	aes_cmac(a, "one", 3, again);
	check(memcmp(first, again, AES_BLOCK) == 0, "the same code again");
	aes_free(a);
	aes_free(b);
	aes_free(NULL);
}

int
main(void)
{
	secret_start();
	encrypts();
	authenticates();
	repeats();
	return check_done();
}

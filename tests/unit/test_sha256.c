#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "trust/sha256.h"

/* FIPS 180-4's examples and the million of letters. */
static const struct {
	const char *in;
	size_t times;
	const char *want;
} known[] = {
	{ "", 1,
	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85"
	    "5" },
	{ "abc", 1,
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a"
	    "d" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
	    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c"
	    "1" },
	{ "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
	  "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
	    1,
	    "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d"
	    "1" },
	{ "a", 1000000,
	    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd"
	    "0" },
};

static void
test_known(void)
{
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		size_t n = strlen(known[i].in), all = n * known[i].times;
		char *text = malloc(all + 1), hex[2 * SHA256_BYTES + 1];
		unsigned char out[SHA256_BYTES];

		for (size_t k = 0; k < known[i].times; k++)
			memcpy(text + k * n, known[i].in, n);
		sha256(text, all, out);
		sodium_bin2hex(hex, sizeof hex, out, sizeof out);
		check(strcmp(hex, known[i].want) == 0, "%s: %.10s: %s",
		    sha256_name(), known[i].in, hex);
		free(text);
	}
}

/* Every length to 300, at every alignment, with and without a lead. */
static void
test_lengths(void)
{
	unsigned char out[SHA256_BYTES], want[SHA256_BYTES], byte;

	for (size_t n = 0; n <= 300; n++) {
		unsigned char *text = malloc(n + 1);

		for (size_t i = 0; i <= n; i++)
			text[i] = (unsigned char)(i * 31 + n);
		sha256(text + 1, n, out);
		crypto_hash_sha256(want, text + 1, n);
		check(memcmp(out, want, sizeof out) == 0, "%s: %zu bytes",
		    sha256_name(), n);
		byte = text[0];
		sha256_lead(byte, text + 1, n, out);
		crypto_hash_sha256(want, text, n + 1);
		check(memcmp(out, want, sizeof out) == 0,
		    "%s: %zu bytes and a lead", sha256_name(), n);
		free(text);
	}
}

int
main(void)
{
	sha256_plain(0);
	test_known();
	test_lengths();
	sha256_plain(1);
	check(strcmp(sha256_name(), "libsodium") == 0, "not plain");
	test_known();
	test_lengths();
	return check_done();
}

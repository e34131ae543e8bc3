#include <sodium.h>
#include <string.h>

#include "base/num.h"
#include "check.h"

enum { BLOCK = 32, SERIAL = 2000 };

/*
 * The numbers with which the file of RFC 8785's authors begins.  The
 * thirds come twice, negative first.
 */
static const uint64_t first[] = { 0x0000000000000000, 0x8000000000000000,
	0x0000000000000001, 0x8000000000000001 };
static const uint64_t thirds[] = { 0x446696695dbd1cc3, 0x443211ede4974a35,
	0x43fce97ca0f21056, 0x43c7213080c1a6ac, 0x439280f39a348556,
	0x435d9b1f5d20d557, 0x4327af4c4a80aaac, 0x42f2f2a36ecd5556,
	0x42be51057e155558, 0x428840d131aaaaac, 0x4253670dc1555557,
	0x421f0b4935555557, 0x41e8d5d42aaaaaac, 0x41b3de4355555556,
	0x417fca0555555556, 0x41496e6aaaaaaaab, 0x4114585555555555,
	0x40e046aaaaaaaaab, 0x40aa0aaaaaaaaaaa, 0x4074d55555555555,
	0x4040aaaaaaaaaaab, 0x400aaaaaaaaaaaab, 0x3fd5555555555555,
	0x3fa1111111111111, 0x3f6b4e81b4e81b4f, 0x3f35d867c3ece2a5,
	0x3f0179ec9cbd821e, 0x3ecbf647612f3696, 0x3e965e9f80f29212,
	0x3e61e54c672874db, 0x3e2ca213d840baf8, 0x3df6e80fe033c8c6,
	0x3dc2533fe68fd3d2, 0x3d8d51ffd74c861c, 0x3d5774ccac3d3817,
	0x3d22c3d6f030f9ac, 0x3cee0624b3818f79, 0x3cb804ea293472c7,
	0x3c833721ba905bd3, 0x3c4ebe9c5db3c61e, 0x3c18987d17c304e5,
	0x3be3ad30dfcf371d, 0x3baf7b816618582f, 0x3b792f9ab81379bf,
	0x3b442615600f9499, 0x3b101e77800c76e1, 0x3ad9ca58cce0be35,
	0x3aa4a1e0a3e6fe90, 0x3a708180831f320d, 0x3a3a68cd9e985016 };
static const uint64_t rest[] = { 0x4024000000000000, 0x4014000000000000,
	0x3fe0000000000000, 0x3fa999999999999a, 0x3f747ae147ae147b,
	0x3f40624dd2f1a9fc, 0x3f0a36e2eb1c432d, 0x3ed4f8b588e368f1,
	0x3ea0c6f7a0b5ed8d, 0x3e6ad7f29abcaf48, 0x3e35798ee2308c3a,
	0x3ed539223589fa95, 0x3ed4ff26cd5a7781, 0x3ed4f95a762283ff,
	0x3ed4f8c60703520c, 0x3ed4f8b72f19cd0d, 0x3ed4f8b5b31c0c8d,
	0x3ed4f8b58d1c461a, 0x3ed4f8b5894f7f0e, 0x3ed4f8b588ee37f3,
	0x3ed4f8b588e47da4, 0x3ed4f8b588e3849c, 0x3ed4f8b588e36bb5,
	0x3ed4f8b588e36937, 0x3ed4f8b588e368f8, 0x3ed4f8b588e368f1,
	0x3ff0000000000000, 0xbff0000000000000, 0xbfeffffffffffffa,
	0xbfeffffffffffffb, 0x3feffffffffffffa, 0x3feffffffffffffb,
	0x3feffffffffffffc, 0x3feffffffffffffe, 0xbfefffffffffffff,
	0xbfefffffffffffff, 0x3fefffffffffffff, 0x3fefffffffffffff,
	0x3fd3333333333332, 0x3fd3333333333333, 0x3fd3333333333334,
	0x0010000000000000, 0x000ffffffffffffd, 0x000fffffffffffff,
	0x7fefffffffffffff, 0xffefffffffffffff, 0x4340000000000000,
	0xc340000000000000, 0x4430000000000000, 0x44b52d02c7e14af5,
	0x44b52d02c7e14af6, 0x44b52d02c7e14af7, 0x444b1ae4d6e2ef4e,
	0x444b1ae4d6e2ef4f, 0x444b1ae4d6e2ef50, 0x3eb0c6f7a0b5ed8c,
	0x3eb0c6f7a0b5ed8d, 0x41b3de4355555553, 0x41b3de4355555554,
	0x41b3de4355555555, 0x41b3de4355555556, 0x41b3de4355555557,
	0xbecbf647612f3696, 0x43143ff3c1cb0959 };

/* What the file has after so many lines. */
static const struct {
	int lines;
	const char *sha256;
} known[] = {
	{ 1000,
	    "be18b62b6f69cdab33a7e0dae0d9cfa869fda80ddc712221570f9f40a587868"
	    "7" },
	{ 10000,
	    "b9f7a8e75ef22a835685a52ccba7f7d6bdc99e34b010992cbc5864cd12be689"
	    "2" },
	{ 100000,
	    "22776e6d4b49fa294a0d0f349268e5c28808fe7e0cb2bcbe28f63894e494d4c"
	    "7" },
	{ 1000000,
	    "49415fee2c56c77864931bd3624faad425c3c577d6d74e89a83bc725506dad1"
	    "6" },
};

static crypto_hash_sha256_state file;
static int lines;

static void
compare(void)
{
	crypto_hash_sha256_state copy = file;
	unsigned char hash[BLOCK];
	char hex[2 * BLOCK + 1];

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (known[i].lines != lines)
			continue;
		crypto_hash_sha256_final(&copy, hash);
		sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
		check(strcmp(hex, known[i].sha256) == 0, "%d lines: %s", lines,
		    hex);
	}
}

static void
add(uint64_t bits)
{
	char line[64];
	double v, back = 1;
	size_t n, len;

	memcpy(&v, &bits, sizeof v);
	n = (size_t)snprintf(
	    line, sizeof line, "%llx,", (unsigned long long)bits);
	len = num_format(line + n, v);
	if (num_double(line + n, len, &back) < 0 || back != v)
		check(0, "%.*s: another number", (int)(n + len), line);
	n += len;
	line[n++] = '\n';
	crypto_hash_sha256_update(&file, (unsigned char *)line, n);
	lines++;
	compare();
}

static void
add_all(const uint64_t *v, size_t n, uint64_t sign)
{
	for (size_t i = 0; i < n; i++)
		add(v[i] | sign);
}

/* A chain of hashes, each four numbers; what is none is left out. */
static void
add_chain(int end)
{
	unsigned char block[BLOCK] = { 0 };

	while (lines < end) {
		crypto_hash_sha256(block, block, sizeof block);
		for (size_t i = 0; i < BLOCK && lines < end; i += 8) {
			uint64_t bits = 0;

			for (size_t k = 8; k-- > 0;)
				bits = bits << 8 | block[i + k];
			if (bits << 1 != 0 && (bits >> 52 & 0x7ff) != 0x7ff)
				add(bits);
		}
	}
}

int
main(void)
{
	crypto_hash_sha256_init(&file);
	add_all(first, sizeof first / sizeof *first, 0);
	add_all(thirds, sizeof thirds / sizeof *thirds, 1ULL << 63);
	add_all(thirds, sizeof thirds / sizeof *thirds, 0);
	add_all(rest, sizeof rest / sizeof *rest, 0);
	for (uint64_t i = 0; i < SERIAL; i++)
		add((1ULL << 52) + i);
	add_chain(1000000);
	check(lines == 1000000, "%d lines", lines);
	return check_done();
}

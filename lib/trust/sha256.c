#include "trust/sha256.h"

#include <sodium.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 64 };

enum way { UNDECIDED = 0, PLAIN, SPECIAL };

static atomic_int way;

static void
hash_plain(unsigned char lead, size_t leads, const unsigned char *p, size_t n,
    unsigned char *out)
{
	crypto_hash_sha256_state s;

	crypto_hash_sha256_init(&s);
	crypto_hash_sha256_update(&s, &lead, leads);
	if (n > 0)
		crypto_hash_sha256_update(&s, p, n);
	crypto_hash_sha256_final(&s, out);
}

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>

#define SPECIAL_CODE __attribute__((target("sha,sse4.1,ssse3")))

/* FIPS 180-4, section 4.2.2 */
static const uint32_t constant[BLOCK] = { 0x428a2f98, 0x71374491, 0xb5c0fbcf,
	0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
	0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7,
	0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
	0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
	0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e,
	0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
	0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c,
	0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee,
	0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2 };

/* The working variables, in the lanes that the instructions want. */
struct state {
	__m128i abef, cdgh;
};

static int
has_instructions(void)
{
	unsigned a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || (c & bit_SSSE3) == 0 ||
	    (c & bit_SSE4_1) == 0)
		return 0;
	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA) != 0;
}

/* Four rounds with the schedule's words w. */
SPECIAL_CODE static inline void
rounds(struct state *s, __m128i w, int i)
{
	__m128i k = _mm_add_epi32(
	    w, _mm_loadu_si128((const __m128i *)(const void *)&constant[i]));

	s->cdgh = _mm_sha256rnds2_epu32(s->cdgh, s->abef, k);
	s->abef =
	    _mm_sha256rnds2_epu32(s->abef, s->cdgh, _mm_shuffle_epi32(k, 0x0e));
}

/* The four words of the schedule behind a, b, c and d, which replace a. */
SPECIAL_CODE static inline __m128i
schedule(__m128i a, __m128i b, __m128i c, __m128i d)
{
	__m128i sum =
	    _mm_add_epi32(_mm_sha256msg1_epu32(a, b), _mm_alignr_epi8(d, c, 4));

	return _mm_sha256msg2_epu32(sum, d);
}

SPECIAL_CODE static inline __m128i
load(const unsigned char *p)
{
	const __m128i swap =
	    _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);

	return _mm_shuffle_epi8(
	    _mm_loadu_si128((const __m128i *)(const void *)p), swap);
}

SPECIAL_CODE static void
compress(struct state *state, const unsigned char *p)
{
	struct state s = *state;
	__m128i a = load(p), b = load(p + 16), c = load(p + 32),
		d = load(p + 48);

	for (int i = 0;; i += 16) {
		rounds(&s, a, i);
		rounds(&s, b, i + 4);
		rounds(&s, c, i + 8);
		rounds(&s, d, i + 12);
		if (i == 48)
			break;
		a = schedule(a, b, c, d);
		b = schedule(b, c, d, a);
		c = schedule(c, d, a, b);
		d = schedule(d, a, b, c);
	}
	state->abef = _mm_add_epi32(state->abef, s.abef);
	state->cdgh = _mm_add_epi32(state->cdgh, s.cdgh);
}

SPECIAL_CODE static void
finish(struct state s, unsigned char *out)
{
	const __m128i swap =
	    _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	__m128i abcd, efgh;

	s.abef = _mm_shuffle_epi32(s.abef, 0x1b); /* feba -> abef */
	s.cdgh = _mm_shuffle_epi32(s.cdgh, 0x1b);
	abcd = _mm_unpacklo_epi64(s.abef, s.cdgh);
	efgh = _mm_unpackhi_epi64(s.abef, s.cdgh);
	_mm_storeu_si128((__m128i *)(void *)out, _mm_shuffle_epi8(abcd, swap));
	_mm_storeu_si128(
	    (__m128i *)(void *)(out + 16), _mm_shuffle_epi8(efgh, swap));
}

SPECIAL_CODE static void
hash_special(unsigned char lead, size_t leads, const unsigned char *p, size_t n,
    unsigned char *out)
{
	/* FIPS 180-4, section 5.3.3 */
	struct state s = { _mm_set_epi32(0x6a09e667, (int)0xbb67ae85,
			       0x510e527f, (int)0x9b05688c),
		_mm_set_epi32(
		    0x3c6ef372, (int)0xa54ff53a, 0x1f83d9ab, 0x5be0cd19) };
	unsigned char last[2 * BLOCK] = { lead };
	uint64_t bits = __builtin_bswap64((uint64_t)(n + leads) * 8);
	size_t used = leads, end;

	if (leads > 0 && n >= BLOCK - 1) {
		memcpy(last + 1, p, BLOCK - 1);
		compress(&s, last);
		p += BLOCK - 1;
		n -= BLOCK - 1;
		used = 0;
	}
	for (; used == 0 && n >= BLOCK; p += BLOCK, n -= BLOCK)
		compress(&s, p);
	if (n > 0)
		memcpy(last + used, p, n);
	used += n;
	end = used + 9 > BLOCK ? 2 * BLOCK : BLOCK;
	memset(last + used, 0, end - used);
	last[used] = 0x80;
	memcpy(last + end - sizeof bits, &bits, sizeof bits);
	compress(&s, last);
	if (end > BLOCK)
		compress(&s, last + BLOCK);
	finish(s, out);
}
#else
static int
has_instructions(void)
{
	return 0;
}

static void
hash_special(unsigned char lead, size_t leads, const unsigned char *p, size_t n,
    unsigned char *out)
{
	hash_plain(lead, leads, p, n, out);
}
#endif

static enum way
decided(void)
{
	int w = atomic_load_explicit(&way, memory_order_relaxed);
	const char *wish;

	if (w == UNDECIDED) {
		wish = getenv("SG_SHA");
		w = has_instructions() &&
			(wish == NULL || strcmp(wish, "plain") != 0)
		    ? SPECIAL
		    : PLAIN;
		atomic_store_explicit(&way, w, memory_order_relaxed);
	}
	return (enum way)w;
}

static void
hash(unsigned char lead, size_t leads, const void *p, size_t n,
    unsigned char *out)
{
	if (decided() == SPECIAL)
		hash_special(lead, leads, p, n, out);
	else
		hash_plain(lead, leads, p, n, out);
}

void
sha256(const void *p, size_t n, unsigned char out[SHA256_BYTES])
{
	hash(0, 0, p, n, out);
}

void
sha256_lead(unsigned char lead, const void *p, size_t n,
    unsigned char out[SHA256_BYTES])
{
	hash(lead, 1, p, n, out);
}

void
sha256_plain(int on)
{
	atomic_store_explicit(&way, on || !has_instructions() ? PLAIN : SPECIAL,
	    memory_order_relaxed);
}

const char *
sha256_name(void)
{
	return decided() == SPECIAL ? "sha-ni" : "libsodium";
}

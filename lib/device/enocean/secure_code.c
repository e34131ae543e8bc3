#include <string.h>

#include "device/enocean/secure_part.h"
#include "trust/secret.h"

/* Security of EnOcean Radio Networks: the public constant of VAES. */
static const uint8_t start[AES_BLOCK] = { 0x34, 0x10, 0xDE, 0x8F, 0x1A, 0xBA,
	0x3E, 0xFF, 0x9F, 0x5A, 0x11, 0x71, 0x72, 0xEA, 0xCA, 0xBD };

enum { VAES = 3 };

static const struct {
	uint8_t bits, bytes;
} rolling[8] = {
	[2] = { 16, 0 },
	[3] = { 16, 2 },
	[4] = { 24, 0 },
	[5] = { 24, 3 },
	[6] = { 32, 3 },
	[7] = { 32, 4 },
};

static const uint8_t mac_bytes[4] = { [1] = 3, [2] = 4 };

const char *
secure_level(uint8_t slf, struct secure_level *out)
{
	*out = (struct secure_level){ slf, rolling[slf >> 5].bits,
		rolling[slf >> 5].bytes, mac_bytes[slf >> 3 & 3] };
	if (out->mac_bytes == 0)
		return "its security level has no CMAC";
	if (out->code_bits == 0)
		return "its security level has no rolling code";
	if ((slf & 7) != VAES)
		return "its security level does not encrypt with VAES";
	return NULL;
}

uint64_t
secure_codes(const struct secure_level *level)
{
	return level->code_bits == 16 ? 0 : (uint64_t)1 << level->code_bits;
}

size_t
secure_write_code(uint64_t code, unsigned bits, uint8_t *out)
{
	size_t n = bits / 8;

	for (size_t i = n; i-- > 0; code >>= 8)
		out[i] = (uint8_t)code;
	return n;
}

uint64_t
secure_read_code(const uint8_t *p, size_t n)
{
	uint64_t code = 0;

	for (size_t i = 0; i < n; i++)
		code = code << 8 | p[i];
	return code;
}

void
secure_vaes(struct aes *a, const struct secure_level *level, uint64_t code,
    const uint8_t *in, size_t n, uint8_t *out)
{
	uint8_t r[SECURE_CODE_MAX], base[AES_BLOCK], stream[AES_BLOCK];
	size_t bytes = secure_write_code(code, level->code_bits, r);

	memcpy(base, start, sizeof base);
	for (size_t i = 0; i < bytes; i++)
		base[i] ^= r[i];
	memcpy(stream, base, sizeof stream);
	for (size_t at = 0; at < n; at += AES_BLOCK) {
		aes_block(a, stream, stream);
		for (size_t i = 0; i < AES_BLOCK && at + i < n; i++)
			out[at + i] = in[at + i] ^ stream[i];
		for (size_t i = 0; i < AES_BLOCK; i++)
			stream[i] ^= base[i];
	}
	secret_wipe(stream, sizeof stream);
}

/* What the CMAC is over; the code's bytes come last. */
static size_t
message(uint8_t rorg, const uint8_t *p, size_t n, uint8_t *out)
{
	out[0] = rorg;
	memcpy(out + 1, p, n);
	return n + 1;
}

void
secure_mac(struct aes *a, const struct secure_level *level, uint64_t code,
    uint8_t rorg, const uint8_t *p, size_t n, uint8_t out[AES_BLOCK])
{
	uint8_t m[1 + TELEGRAM_SPACE + SECURE_CODE_MAX];
	size_t size = message(rorg, p, n, m);

	size += secure_write_code(code, level->code_bits, m + size);
	aes_cmac(a, m, size, out);
}

/* The first code, from next on, that ends in what the telegram says. */
static const char *
sent_code(const struct secure_level *level, uint64_t next, const uint8_t *p,
    uint64_t *code)
{
	uint64_t mask = ((uint64_t)1 << 8 * level->code_bytes) - 1;
	uint64_t end = secure_codes(level);

	*code = next + ((secure_read_code(p, level->code_bytes) - next) & mask);
	if (end == 0)
		end = next + SECURE_WINDOW + 1;
	return *code < end
	    ? NULL
	    : "rolling code was used before, or is too far ahead";
}

const char *
secure_verify(struct aes *a, const struct secure_level *level, uint64_t next,
    const struct telegram *tel, uint64_t *code)
{
	uint8_t m[1 + TELEGRAM_SPACE + SECURE_CODE_MAX];
	const uint8_t *mac = tel->p + tel->n - level->mac_bytes;
	const uint8_t *sent = mac - level->code_bytes;
	size_t n = message(tel->rorg, tel->p, (size_t)(sent - tel->p), m);
	uint64_t last = next + SECURE_WINDOW, end = secure_codes(level);
	const char *fault;

	*code = next;
	if (level->code_bytes > 0) {
		fault = sent_code(level, next, sent, code);
		if (fault != NULL)
			return fault;
		last = *code;
	}
	for (; *code <= last && (end == 0 || *code < end); ++*code) {
		size_t size =
		    n + secure_write_code(*code, level->code_bits, m + n);

		if (aes_cmac_holds(a, m, size, mac, level->mac_bytes))
			return NULL;
	}
	return level->code_bytes > 0
	    ? "wrong CMAC"
	    : "wrong CMAC, or its rolling code was used before or is too far "
	      "ahead";
}

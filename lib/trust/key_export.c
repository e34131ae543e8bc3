#include "trust/key.h"

#include <stdint.h>
#include <string.h>

#include <sodium.h>

#include "trust/secret.h"

enum {
	MINISIGN_ID = 8,
	MINISIGN_SECRET = 158,
	BECH32_SUM = 6,
	NKEY_SEED = 18 << 3,
	NKEY_USER = 20 << 3
};

static void
add_base64(struct buf *b, const void *p, size_t n)
{
	size_t size =
	    sodium_base64_encoded_len(n, sodium_base64_VARIANT_ORIGINAL);

	sodium_bin2base64(
	    buf_room(b, size), size, p, n, sodium_base64_VARIANT_ORIGINAL);
	b->len += size - 1;
}

/* The 8 bytes by which minisign tells keys apart: of our own key id. */
static void
minisign_id(const struct key_public *k, unsigned char id[MINISIGN_ID])
{
	unsigned char hash[32];

	key_b64_parse(hash, sizeof hash, k->kid, KEY_ID);
	memcpy(id, hash, MINISIGN_ID);
}

static void
minisign_public(struct buf *b, const struct key_public *k)
{
	unsigned char raw[2 + MINISIGN_ID + KEY_BYTES] = "Ed";

	minisign_id(k, raw + 2);
	memcpy(raw + 2 + MINISIGN_ID, k->sign, KEY_BYTES);
	buf_adds(b, "untrusted comment: minisign public key ");
	for (int i = MINISIGN_ID - 1; i >= 0; i--)
		buf_addf(b, "%02X", raw[2 + i]);
	buf_addc(b, '\n');
	add_base64(b, raw, sizeof raw);
	buf_addc(b, '\n');
}

/*
 * Signature, (no) key derivation and checksum algorithms; salt and limits,
 * all zero; key id, seed and public key; BLAKE2b of algorithm, id and key.
 */
static void
minisign_secret(struct buf *b, const struct key *k)
{
	unsigned char *raw = secret_new(MINISIGN_SECRET);
	unsigned char *id = raw + 6 + 32 + 16;
	crypto_generichash_state hash;

	memcpy(raw, "Ed\0\0B2", 6);
	minisign_id(&k->public, id);
	memcpy(id + MINISIGN_ID, k->sign, sizeof k->sign);
	crypto_generichash_init(&hash, NULL, 0, 32);
	crypto_generichash_update(&hash, raw, 2);
	crypto_generichash_update(&hash, id, MINISIGN_ID + sizeof k->sign);
	crypto_generichash_final(&hash, id + MINISIGN_ID + sizeof k->sign, 32);
	buf_adds(b, "untrusted comment: minisign encrypted secret key\n");
	add_base64(b, raw, MINISIGN_SECRET);
	buf_addc(b, '\n');
	secret_free(raw);
}

/* Bits regrouped by five, the last ones padded with zeros; count of them. */
static size_t
fives(const unsigned char *p, size_t n, unsigned char *out)
{
	uint32_t acc = 0;
	size_t m = 0;
	int bits = 0;

	for (size_t i = 0; i < n; i++) {
		acc = (acc << 8 | p[i]) & 0xfff;
		for (bits += 8; bits >= 5; bits -= 5)
			out[m++] = acc >> (bits - 5) & 31;
	}
	if (bits > 0)
		out[m++] = (unsigned char)(acc << (5 - bits) & 31);
	return m;
}

/* One step of the checksum of BIP 173. */
static uint32_t
bech32_step(uint32_t sum, unsigned char v)
{
	static const uint32_t generator[] = { 0x3b6a57b2, 0x26508e6d,
		0x1ea119fa, 0x3d4233dd, 0x2a1462b3 };
	uint32_t top = sum >> 25;

	sum = (sum & 0x1ffffff) << 5 ^ v;
	for (int i = 0; i < 5; i++)
		if (top >> i & 1)
			sum ^= generator[i];
	return sum;
}

static uint32_t
bech32_sum(const char *name, const unsigned char *v, size_t n)
{
	uint32_t sum = 1;

	for (const char *p = name; *p != '\0'; p++)
		sum = bech32_step(sum, (unsigned char)*p >> 5);
	sum = bech32_step(sum, 0);
	for (const char *p = name; *p != '\0'; p++)
		sum = bech32_step(sum, *p & 31);
	for (size_t i = 0; i < n; i++)
		sum = bech32_step(sum, v[i]);
	for (int i = 0; i < BECH32_SUM; i++)
		sum = bech32_step(sum, 0);
	return sum ^ 1;
}

static void
add_bech32(struct buf *b, const char *name, const unsigned char *p)
{
	static const char digit[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
	unsigned char v[KEY_BYTES * 8 / 5 + 1];
	size_t n = fives(p, KEY_BYTES, v);
	uint32_t sum = bech32_sum(name, v, n);

	buf_addf(b, "%s1", name);
	for (size_t i = 0; i < n; i++)
		buf_addc(b, digit[v[i]]);
	for (int i = BECH32_SUM - 1; i >= 0; i--)
		buf_addc(b, digit[sum >> 5 * i & 31]);
	secret_wipe(v, sizeof v);
}

static void
age_secret(struct buf *b, const struct key *k)
{
	size_t start = b->len;

	add_bech32(b, "age-secret-key-", k->seed_enc);
	for (size_t i = start; i < b->len; i++)
		if (b->p[i] >= 'a' && b->p[i] <= 'z')
			b->p[i] = (char)(b->p[i] - 'a' + 'A');
	buf_addc(b, '\n');
}

/* RFC 8410: a fixed ASN.1 prefix and the 32 bytes. */
static void
add_pem(struct buf *b, const char *label, const unsigned char *prefix,
    size_t prefix_n, const unsigned char *key)
{
	unsigned char raw[16 + KEY_BYTES];

	memcpy(raw, prefix, prefix_n);
	memcpy(raw + prefix_n, key, KEY_BYTES);
	buf_addf(b, "-----BEGIN %s KEY-----\n", label);
	add_base64(b, raw, prefix_n + KEY_BYTES);
	buf_addf(b, "\n-----END %s KEY-----\n", label);
	secret_wipe(raw, sizeof raw);
}

static uint16_t
crc16_xmodem(const unsigned char *p, size_t n)
{
	uint32_t crc = 0;

	for (size_t i = 0; i < n; i++) {
		crc ^= (uint32_t)p[i] << 8;
		for (int bit = 0; bit < 8; bit++)
			crc = crc << 1 ^ (crc & 0x8000 ? 0x1021 : 0);
	}
	return (uint16_t)crc;
}

static void
add_nkey(struct buf *b, const unsigned char *prefix, size_t prefix_n,
    const unsigned char *key)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	unsigned char raw[2 + KEY_BYTES + 2], v[sizeof raw * 8 / 5 + 1];
	size_t n = prefix_n + KEY_BYTES;
	uint16_t crc;

	memcpy(raw, prefix, prefix_n);
	memcpy(raw + prefix_n, key, KEY_BYTES);
	crc = crc16_xmodem(raw, n);
	raw[n++] = crc & 0xff;
	raw[n++] = (unsigned char)(crc >> 8);
	n = fives(raw, n, v);
	for (size_t i = 0; i < n; i++)
		buf_addc(b, digit[v[i]]);
	buf_addc(b, '\n');
	secret_wipe(raw, sizeof raw);
	secret_wipe(v, sizeof v);
}

void
key_export_public(struct buf *b, enum key_form form, const struct key_public *k)
{
	static const unsigned char spki[] = { 0x30, 0x2a, 0x30, 0x05, 0x06,
		0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00 };
	static const unsigned char user = NKEY_USER;

	switch (form) {
	case KEY_MINISIGN: minisign_public(b, k); break;
	case KEY_AGE:
		add_bech32(b, "age", k->enc);
		buf_addc(b, '\n');
		break;
	case KEY_PKCS8: add_pem(b, "PUBLIC", spki, sizeof spki, k->sign); break;
	case KEY_NKEY: add_nkey(b, &user, 1, k->sign); break;
	}
}

void
key_export_secret(struct buf *b, enum key_form form, const struct key *k)
{
	static const unsigned char pkcs8[] = { 0x30, 0x2e, 0x02, 0x01, 0x00,
		0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
		0x20 };
	static const unsigned char seed[] = { NKEY_SEED | NKEY_USER >> 5,
		(NKEY_USER & 31) << 3 };

	switch (form) {
	case KEY_MINISIGN: minisign_secret(b, k); break;
	case KEY_AGE: age_secret(b, k); break;
	case KEY_PKCS8:
		add_pem(b, "PRIVATE", pkcs8, sizeof pkcs8, k->sign);
		break;
	case KEY_NKEY: add_nkey(b, seed, sizeof seed, k->sign); break;
	}
}

#include "trust/age.h"

#include <string.h>
#include <strings.h>

#include <sodium.h>

#include "base/die.h"
#include "trust/age_header.h"
#include "trust/armor.h"
#include "trust/secret.h"

enum {
	NONCE = 16, /* of the payload, salt of its key */
	TAG = crypto_aead_chacha20poly1305_ietf_ABYTES,
	SEALED = AGE_CHUNK + TAG,
	COUNTER = crypto_aead_chacha20poly1305_ietf_NPUBBYTES - 1,
	KEY_FIVES = 52 /* digits of 32 bytes in bech32 */
};

/* STREAM: the key, a counter of chunks (big endian), a byte "last". */
struct stream {
	unsigned char key[32], nonce[COUNTER + 1];
};

struct age_seal {
	struct stream stream;
	enum age_form form;
	struct armor_out armor;
	struct buf in, chunk; /* plain text; one sealed chunk */
};

struct age_open {
	struct stream stream;
	const unsigned char *identity;
	enum {
		OPEN_FIRST = 0,
		OPEN_HEADER,
		OPEN_PASSPHRASE,
		OPEN_NONCE,
		OPEN_PAYLOAD,
		OPEN_FAILED
	} state;
	enum age_result result; /* once failed */
	int armored, chunks;
	struct armor_in armor;
	struct buf in;
	size_t looked, header; /* age_header_end()'s; length of it */
	unsigned char file_key[AGE_FILE_KEY];
};

/*
 * Bech32 (BIP 173) is decoded only as far as its digits; that writing the key
 * again gives the same text is the check of all the rest.
 */
static int
decode_fives(const char *p, unsigned char out[KEY_BYTES])
{
	static const char digits[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
	const char *at;
	unsigned bits = 0, acc = 0;
	size_t n = 0;

	for (size_t i = 0; i < KEY_FIVES; i++) {
		char c = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] + 32) : p[i];

		if (c == '\0' || (at = strchr(digits, c)) == NULL)
			return -1;
		acc = acc << 5 | (unsigned)(at - digits);
		bits += 5;
		if (bits >= 8 && n < KEY_BYTES) {
			bits -= 8;
			out[n++] = (unsigned char)(acc >> bits);
			acc &= (1u << bits) - 1;
		}
	}
	return 0;
}

/* The text was written from the key just as it stands; b is wiped. */
static int
same_text(struct buf *b, const char *text)
{
	size_t n = strlen(text);
	int same = b->len == n + 1 && strncasecmp(b->p, text, n) == 0;

	secret_wipe(b->p, b->cap);
	buf_fini(b);
	return same ? 0 : -1;
}

static int
one_case(const char *text)
{
	int upper = 0, lower = 0;

	for (; *text != '\0'; text++) {
		upper |= *text >= 'A' && *text <= 'Z';
		lower |= *text >= 'a' && *text <= 'z';
	}
	return !(upper && lower);
}

int
age_recipient(const char *text, unsigned char out[KEY_BYTES])
{
	struct key_public key = { 0 };
	struct buf b = { 0 };

	if (strlen(text) != 62 || !one_case(text) ||
	    decode_fives(text + 4, key.enc) < 0)
		return -1;
	key_export_public(&b, KEY_AGE, &key);
	memcpy(out, key.enc, KEY_BYTES);
	return same_text(&b, text);
}

int
age_identity(const char *text, unsigned char out[KEY_BYTES])
{
	struct key *key;
	struct buf b = { 0 };

	if (strlen(text) != 74 || !one_case(text))
		return -1;
	key = secret_new(sizeof *key);
	if (decode_fives(text + 16, key->seed_enc) < 0) {
		secret_free(key);
		return -1;
	}
	/* no growth, which would leave copies behind */
	buf_room(&b, 128);
	key_export_secret(&b, KEY_AGE, key);
	memcpy(out, key->seed_enc, KEY_BYTES);
	secret_free(key);
	return same_text(&b, text);
}

const char *
age_result_why(enum age_result r)
{
	switch (r) {
	case AGE_HEADER: return "not an age document, or its header is damaged";
	case AGE_BAD_ARMOR:
		return "its armor is damaged or cut off, or it is no "
		       "document of age";
	case AGE_NO_MATCH: return "sealed for somebody else";
	case AGE_HMAC: return "its header was altered";
	case AGE_PAYLOAD: return "altered or cut off";
	case AGE_PASSPHRASE:
		return "sealed with a passphrase, and there is none to read: "
		       "--pass-fd N";
	case AGE_GOOD: break;
	}
	return "whole";
}

static void
stream_start(struct stream *s, const unsigned char file_key[AGE_FILE_KEY],
    const unsigned char nonce[NONCE])
{
	age_hkdf(file_key, AGE_FILE_KEY, nonce, NONCE, "payload", s->key);
	memset(s->nonce, 0, sizeof s->nonce);
}

static void
stream_count(struct stream *s)
{
	size_t i = COUNTER;

	while (i-- > 0 && ++s->nonce[i] == 0)
		;
}

static void
put(struct age_seal *s, const void *p, size_t n, struct buf *out)
{
	if (s->form == AGE_ARMOR)
		armor_write(&s->armor, p, n, out);
	else
		buf_add(out, p, n);
}

static void
seal_chunk(struct age_seal *s, size_t n, int last, struct buf *out)
{
	unsigned long long sealed;
	unsigned char *to;

	buf_clear(&s->chunk);
	to = (unsigned char *)buf_room(&s->chunk, n + TAG);
	s->stream.nonce[COUNTER] = (unsigned char)last;
	crypto_aead_chacha20poly1305_ietf_encrypt(to, &sealed,
	    (const unsigned char *)s->in.p, n, NULL, 0, NULL, s->stream.nonce,
	    s->stream.key);
	stream_count(&s->stream);
	put(s, to, n + TAG, out);
	buf_cut(&s->in, n);
}

struct age_seal *
age_seal_new(const unsigned char (*recipient)[KEY_BYTES], size_t n,
    enum age_form form, struct buf *out)
{
	struct age_seal *s;
	unsigned char key[AGE_FILE_KEY], nonce[NONCE];
	int made;

	secret_start();
	s = secret_new(sizeof *s);
	s->form = form;
	randombytes_buf(key, sizeof key);
	randombytes_buf(nonce, sizeof nonce);
	made = age_header_make(key, recipient, n, &s->chunk);
	stream_start(&s->stream, key, nonce);
	secret_wipe(key, sizeof key);
	if (made < 0) {
		age_seal_free(s);
		return NULL;
	}
	buf_add(&s->chunk, nonce, sizeof nonce);
	put(s, s->chunk.p, s->chunk.len, out);
	return s;
}

/* A full chunk waits: it may be the last. */
void
age_seal_add(struct age_seal *s, const void *p, size_t n, struct buf *out)
{
	const char *at = p;

	while (n > 0) {
		size_t room = AGE_CHUNK - s->in.len, some = n < room ? n : room;

		if (some == 0) {
			seal_chunk(s, AGE_CHUNK, 0, out);
			continue;
		}
		buf_add(&s->in, at, some);
		at += some;
		n -= some;
	}
}

void
age_seal_end(struct age_seal *s, struct buf *out)
{
	buf_room(&s->in, 1);
	seal_chunk(s, s->in.len, 1, out);
	if (s->form == AGE_ARMOR)
		armor_write_end(&s->armor, out);
	age_seal_free(s);
}

void
age_seal_free(struct age_seal *s)
{
	if (s == NULL)
		return;
	if (s->in.p != NULL)
		secret_wipe(s->in.p, s->in.cap);
	buf_fini(&s->in);
	buf_fini(&s->chunk);
	secret_free(s);
}

struct age_open *
age_open_new(const unsigned char *identity)
{
	struct age_open *a;

	secret_start();
	a = secret_new(sizeof *a);
	a->identity = identity;
	return a;
}

void
age_open_free(struct age_open *a)
{
	if (a == NULL)
		return;
	buf_fini(&a->in);
	secret_free(a);
}

static enum age_result
fail(struct age_open *a, enum age_result r)
{
	a->state = OPEN_FAILED;
	a->result = r;
	return r;
}

/* a->in begins with a chunk of n bytes: is it authentic? */
static int
open_chunk(struct age_open *a, size_t n, int last, struct buf *out)
{
	unsigned char *to = (unsigned char *)buf_room(out, n);

	a->stream.nonce[COUNTER] = (unsigned char)last;
	if (crypto_aead_chacha20poly1305_ietf_decrypt(to, NULL, NULL,
		(const unsigned char *)a->in.p, n, NULL, 0, a->stream.nonce,
		a->stream.key) != 0)
		return -1;
	stream_count(&a->stream);
	a->chunks = 1;
	out->len += n - TAG;
	buf_cut(&a->in, n);
	return 0;
}

/*
 * A full chunk with the wrong mark is authentic all the same, so it is given
 * out before the failure, as age itself does.
 */
static enum age_result
fail_chunk(struct age_open *a, size_t n, int last, struct buf *out)
{
	if (n == SEALED)
		open_chunk(a, n, !last, out);
	return fail(a, AGE_PAYLOAD);
}

/* What has more behind it is not the last. */
static enum age_result
open_chunks(struct age_open *a, struct buf *out)
{
	while (a->in.len > SEALED)
		if (open_chunk(a, SEALED, 0, out) < 0)
			return fail_chunk(a, SEALED, 0, out);
	return AGE_GOOD;
}

static enum age_result
open_nonce(struct age_open *a, struct buf *out)
{
	if (a->in.len < NONCE)
		return AGE_GOOD;
	stream_start(&a->stream, a->file_key, (const unsigned char *)a->in.p);
	secret_wipe(a->file_key, sizeof a->file_key);
	buf_cut(&a->in, NONCE);
	a->state = OPEN_PAYLOAD;
	return open_chunks(a, out);
}

static enum age_result
open_header(
    struct age_open *a, const char *passphrase, size_t n, struct buf *out)
{
	struct age_secret secret = { a->identity, passphrase, n };
	enum age_result r =
	    age_header_open(a->in.p, a->header, &secret, a->file_key);

	if (r == AGE_PASSPHRASE) {
		a->state = OPEN_PASSPHRASE;
		return r;
	}
	if (r != AGE_GOOD)
		return fail(a, r);
	buf_cut(&a->in, a->header);
	a->state = OPEN_NONCE;
	return open_nonce(a, out);
}

static enum age_result
find_header(struct age_open *a, struct buf *out)
{
	a->header = age_header_end(a->in.p, a->in.len, &a->looked);
	if (a->header > AGE_HEADER_MAX ||
	    (a->header == 0 && a->in.len > AGE_HEADER_MAX))
		return fail(a, AGE_HEADER);
	if (a->header == 0)
		return AGE_GOOD;
	return open_header(a, NULL, 0, out);
}

static enum age_result
advance(struct age_open *a, struct buf *out)
{
	switch (a->state) {
	case OPEN_HEADER: return find_header(a, out);
	case OPEN_NONCE: return open_nonce(a, out);
	case OPEN_PAYLOAD: return open_chunks(a, out);
	case OPEN_PASSPHRASE: return AGE_PASSPHRASE;
	default: return a->result;
	}
}

enum age_result
age_open_add(struct age_open *a, const void *p, size_t n, struct buf *out)
{
	if (n == 0 || a->state == OPEN_FAILED)
		return a->state == OPEN_FAILED ? a->result : AGE_GOOD;
	if (a->state == OPEN_FIRST) {
		a->armored = *(const char *)p != 'a';
		a->state = OPEN_HEADER;
	}
	if (!a->armored)
		buf_add(&a->in, p, n);
	else if (armor_read(&a->armor, p, n, &a->in) < 0)
		return fail(a, AGE_BAD_ARMOR);
	return advance(a, out);
}

enum age_result
age_open_passphrase(
    struct age_open *a, const char *passphrase, size_t n, struct buf *out)
{
	if (a->state != OPEN_PASSPHRASE)
		return advance(a, out);
	return open_header(a, passphrase, n, out);
}

/* Empty is the last chunk only of what is empty as a whole. */
static enum age_result
open_last(struct age_open *a, struct buf *out)
{
	size_t n = a->in.len;

	if (n < TAG || (n == TAG && a->chunks))
		return fail(a, AGE_PAYLOAD);
	if (open_chunk(a, n, 1, out) < 0)
		return fail_chunk(a, n, 1, out);
	return AGE_GOOD;
}

enum age_result
age_open_end(struct age_open *a, struct buf *out)
{
	enum age_result r = AGE_GOOD;

	if (a->state == OPEN_FAILED)
		return a->result;
	if (a->armored && armor_read_end(&a->armor, &a->in) < 0)
		return fail(a, AGE_BAD_ARMOR);
	if (a->armored)
		r = advance(a, out);
	if (r != AGE_GOOD)
		return r;
	if (a->state != OPEN_PAYLOAD)
		return fail(a, AGE_HEADER);
	return open_last(a, out);
}

#include "trust/age_header.h"

#include <string.h>

#include <sodium.h>

#include "base/base64.h"
#include "trust/secret.h"

enum {
	COLUMNS = 64,
	LINE_BYTES = 48,
	WRAPPED = AGE_FILE_KEY + crypto_aead_chacha20poly1305_ietf_ABYTES,
	MAC = crypto_auth_hmacsha256_BYTES,
	SALT = 16,
	BODY_MAX = 64, /* of the stanzas that are known; longer is wrong */
	ARGUMENTS_MAX = 3
};

static const char version[] = "age-encryption.org/v1\n";
static const char x25519_info[] = "age-encryption.org/v1/X25519";
static const char scrypt_label[] = "age-encryption.org/v1/scrypt";

/* One stanza, pointing into the header.  body is cut at BODY_MAX. */
struct stanza {
	struct {
		const char *p;
		size_t n;
	} argument[ARGUMENTS_MAX];
	size_t arguments, body_n;
	unsigned char body[BODY_MAX];
};

void
age_hkdf(const unsigned char *key, size_t n, const unsigned char *salt,
    size_t salt_n, const char *info, unsigned char out[32])
{
	crypto_auth_hmacsha256_state state;
	unsigned char prk[crypto_auth_hmacsha256_BYTES];

	crypto_auth_hmacsha256_init(&state, salt, salt_n);
	crypto_auth_hmacsha256_update(&state, key, n);
	crypto_auth_hmacsha256_final(&state, prk);
	crypto_auth_hmacsha256_init(&state, prk, sizeof prk);
	crypto_auth_hmacsha256_update(
	    &state, (const unsigned char *)info, strlen(info));
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)"\1", 1);
	crypto_auth_hmacsha256_final(&state, out);
	secret_wipe(prk, sizeof prk);
	secret_wipe(&state, sizeof state);
}

static void
header_mac(const unsigned char key[AGE_FILE_KEY], const char *p, size_t n,
    unsigned char out[MAC])
{
	unsigned char mac_key[32];

	age_hkdf(
	    key, AGE_FILE_KEY, (const unsigned char *)"", 0, "header", mac_key);
	crypto_auth_hmacsha256(out, (const unsigned char *)p, n, mac_key);
	secret_wipe(mac_key, sizeof mac_key);
}

/* The key that wraps, from the shared secret of share and recipient. */
static void
x25519_key(const unsigned char *shared, const unsigned char *share,
    const unsigned char *recipient, unsigned char out[32])
{
	unsigned char salt[2 * KEY_BYTES];

	memcpy(salt, share, KEY_BYTES);
	memcpy(salt + KEY_BYTES, recipient, KEY_BYTES);
	age_hkdf(shared, KEY_BYTES, salt, sizeof salt, x25519_info, out);
}

/* A key wraps once only, so the nonce may be zero. */
static const unsigned char zero[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

static int
add_x25519(struct buf *out, const unsigned char key[AGE_FILE_KEY],
    const unsigned char recipient[KEY_BYTES])
{
	unsigned char secret[KEY_BYTES], share[KEY_BYTES], wrap[KEY_BYTES],
	    wrapped[WRAPPED];

	randombytes_buf(secret, sizeof secret);
	crypto_scalarmult_base(share, secret);
	if (crypto_scalarmult(wrap, secret, recipient) != 0)
		return -1;
	x25519_key(wrap, share, recipient, wrap);
	crypto_aead_chacha20poly1305_ietf_encrypt(
	    wrapped, NULL, key, AGE_FILE_KEY, NULL, 0, NULL, zero, wrap);
	secret_wipe(secret, sizeof secret);
	secret_wipe(wrap, sizeof wrap);
	buf_adds(out, "-> X25519 ");
	base64_add(out, BASE64_PLAIN, share, sizeof share);
	buf_addc(out, '\n');
	base64_add(out, BASE64_PLAIN, wrapped, sizeof wrapped);
	buf_addc(out, '\n');
	return 0;
}

int
age_header_make(const unsigned char key[AGE_FILE_KEY],
    const unsigned char (*recipient)[KEY_BYTES], size_t n, struct buf *out)
{
	unsigned char mac[MAC];
	size_t start = out->len;

	buf_adds(out, version);
	for (size_t i = 0; i < n; i++)
		if (add_x25519(out, key, recipient[i]) < 0)
			return -1;
	buf_adds(out, "---");
	header_mac(key, out->p + start, out->len - start, mac);
	buf_addc(out, ' ');
	base64_add(out, BASE64_PLAIN, mac, sizeof mac);
	buf_addc(out, '\n');
	return 0;
}

size_t
age_header_end(const char *p, size_t n, size_t *from)
{
	const char *newline;

	while (*from < n &&
	    (newline = memchr(p + *from, '\n', n - *from)) != NULL) {
		size_t end = (size_t)(newline - p) + 1;

		if (end - *from >= 3 && memcmp(p + *from, "---", 3) == 0)
			return end;
		*from = end;
	}
	return 0;
}

/* A line of the header, without its newline: 1, or 0 at the end. */
static int
next_line(const char **p, const char *end, const char **line, size_t *n)
{
	const char *newline = memchr(*p, '\n', (size_t)(end - *p));

	if (newline == NULL)
		return 0;
	*line = *p;
	*n = (size_t)(newline - *p);
	*p = newline + 1;
	return 1;
}

/* "-> TYPE ARGUMENT..." without the arrow: 0 or -1. */
static int
parse_arguments(struct stanza *s, const char *p, size_t n)
{
	size_t start = 0;

	s->arguments = 0;
	for (size_t i = 0; i <= n; i++) {
		if (i < n && p[i] > ' ' && p[i] < 127)
			continue;
		if (i == start || (i < n && p[i] != ' '))
			return -1;
		if (s->arguments < ARGUMENTS_MAX) {
			s->argument[s->arguments].p = p + start;
			s->argument[s->arguments].n = i - start;
		}
		s->arguments++;
		start = i + 1;
	}
	return 0;
}

/* Lines of 64 columns up to a shorter one: 0 or -1. */
static int
parse_body(struct stanza *s, const char **p, const char *end)
{
	unsigned char bytes[LINE_BYTES];
	const char *line;
	size_t n;
	long got;

	s->body_n = 0;
	do {
		if (!next_line(p, end, &line, &n) || n > COLUMNS)
			return -1;
		got = base64_parse(bytes, sizeof bytes, BASE64_PLAIN, line, n);
		if (got < 0)
			return -1;
		if (s->body_n + (size_t)got <= BODY_MAX)
			memcpy(s->body + s->body_n, bytes, (size_t)got);
		s->body_n += (size_t)got;
	} while (n == COLUMNS);
	return 0;
}

/* 1 with a stanza, 0 at the MAC, -1. */
static int
next_stanza(struct stanza *s, const char **p, const char *end)
{
	const char *line;
	size_t n;

	if (end - *p >= 3 && memcmp(*p, "---", 3) == 0)
		return 0;
	if (!next_line(p, end, &line, &n) || n < 3 ||
	    memcmp(line, "-> ", 3) != 0)
		return -1;
	if (parse_arguments(s, line + 3, n - 3) < 0 ||
	    parse_body(s, p, end) < 0)
		return -1;
	return 1;
}

static int
is(const struct stanza *s, const char *type)
{
	return s->argument[0].n == strlen(type) &&
	    memcmp(s->argument[0].p, type, s->argument[0].n) == 0;
}

static enum age_result
unwrap(const struct stanza *s, const unsigned char wrap[32],
    unsigned char key[AGE_FILE_KEY])
{
	return crypto_aead_chacha20poly1305_ietf_decrypt(key, NULL, NULL,
		   s->body, s->body_n, NULL, 0, zero, wrap) == 0
	    ? AGE_GOOD
	    : AGE_NO_MATCH;
}

static enum age_result
open_x25519(const struct stanza *s, const struct age_secret *secret,
    unsigned char key[AGE_FILE_KEY])
{
	unsigned char share[KEY_BYTES], own[KEY_BYTES], shared[KEY_BYTES];
	enum age_result r;

	if (s->arguments != 2 || s->body_n != WRAPPED ||
	    base64_parse(share, sizeof share, BASE64_PLAIN, s->argument[1].p,
		s->argument[1].n) != KEY_BYTES)
		return AGE_HEADER;
	if (secret->identity == NULL)
		return AGE_NO_MATCH;
	if (crypto_scalarmult_base(own, secret->identity) != 0 ||
	    crypto_scalarmult(shared, secret->identity, share) != 0)
		return AGE_HEADER;
	x25519_key(shared, share, own, shared);
	r = unwrap(s, shared, key);
	secret_wipe(shared, sizeof shared);
	return r;
}

/* Decimal without leading zeros, 1 to AGE_WORK_MAX, or -1. */
static int
parse_work(const char *p, size_t n)
{
	int work = 0;

	if (n == 0 || n > 2 || p[0] == '0')
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -1;
		work = 10 * work + p[i] - '0';
	}
	return work <= AGE_WORK_MAX ? work : -1;
}

static enum age_result
open_scrypt(const struct stanza *s, const struct age_secret *secret,
    unsigned char key[AGE_FILE_KEY])
{
	enum { LABEL = sizeof scrypt_label - 1 };
	unsigned char salt[LABEL + SALT], wrap[32];
	enum age_result r = AGE_HEADER;
	int work;

	if (s->arguments != 3 || s->body_n != WRAPPED ||
	    base64_parse(salt + LABEL, SALT, BASE64_PLAIN, s->argument[1].p,
		s->argument[1].n) != SALT ||
	    (work = parse_work(s->argument[2].p, s->argument[2].n)) < 0)
		return AGE_HEADER;
	if (secret->passphrase == NULL)
		return AGE_PASSPHRASE;
	memcpy(salt, scrypt_label, LABEL);
	if (crypto_pwhash_scryptsalsa208sha256_ll(
		(const unsigned char *)secret->passphrase, secret->passphrase_n,
		salt, sizeof salt, UINT64_C(1) << work, 8, 1, wrap,
		sizeof wrap) == 0)
		r = unwrap(s, wrap, key);
	secret_wipe(wrap, sizeof wrap);
	return r;
}

static enum age_result
open_stanza(const struct stanza *s, const struct age_secret *secret,
    unsigned char key[AGE_FILE_KEY])
{
	if (is(s, "X25519"))
		return open_x25519(s, secret, key);
	if (is(s, "scrypt"))
		return open_scrypt(s, secret, key);
	return AGE_NO_MATCH;
}

/* All of them: a fault in one is a fault also if another one matches. */
static enum age_result
open_stanzas(const char **p, const char *end, const struct age_secret *secret,
    unsigned char key[AGE_FILE_KEY])
{
	struct stanza s;
	unsigned char found[AGE_FILE_KEY];
	enum age_result r, result = AGE_NO_MATCH;
	size_t stanzas = 0, scrypt = 0;
	int more;

	while ((more = next_stanza(&s, p, end)) == 1) {
		stanzas++;
		scrypt += is(&s, "scrypt");
		/* The work of scrypt is done for one that stands alone. */
		if (scrypt > 0 && stanzas > 1)
			return AGE_HEADER;
		r = open_stanza(&s, secret, found);
		if (r == AGE_HEADER)
			return r;
		if (r != AGE_NO_MATCH && result == AGE_NO_MATCH) {
			memcpy(key, found, sizeof found);
			result = r;
		}
	}
	secret_wipe(found, sizeof found);
	return more < 0 ? AGE_HEADER : result;
}

enum age_result
age_header_open(const char *p, size_t n, const struct age_secret *secret,
    unsigned char key[AGE_FILE_KEY])
{
	const char *at = p, *end = p + n;
	unsigned char mac[MAC], want[MAC];
	enum age_result r;

	if (n < sizeof version || memcmp(p, version, sizeof version - 1) != 0)
		return AGE_HEADER;
	at += sizeof version - 1;
	r = open_stanzas(&at, end, secret, key);
	if (r == AGE_HEADER)
		return r;
	/* "--- MAC\n" and nothing else */
	if (end - at < 5 || at[3] != ' ' || end[-1] != '\n' ||
	    base64_parse(mac, sizeof mac, BASE64_PLAIN, at + 4,
		(size_t)(end - at) - 5) != MAC)
		return AGE_HEADER;
	if (r != AGE_GOOD)
		return r;
	header_mac(key, p, (size_t)(at - p) + 3, want);
	return sodium_memcmp(mac, want, MAC) == 0 ? AGE_GOOD : AGE_HMAC;
}

#include "trust/key.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "trust/reason.h"
#include "trust/secret.h"

enum {
	ARGON_OPS = 3,
	ARGON_MEMORY = 64 << 20,
	SALT = crypto_pwhash_SALTBYTES,
	NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
	TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES,
	SEEDS = 2 * KEY_BYTES,
	PASSPHRASE = 1024,
	/* a key line is far below this */
	LINE = 1024
};

/* What one passphrase has sealed: both seeds. */
struct box {
	unsigned char salt[SALT], nonce[NONCE], ct[SEEDS + TAG];
};

struct key *
key_new(const char *subject)
{
	struct key *k;
	unsigned char seed[KEY_BYTES];

	secret_start();
	k = secret_new(sizeof *k);
	snprintf(k->subject, sizeof k->subject, "%s", subject);
	randombytes_buf(seed, sizeof seed);
	crypto_sign_seed_keypair(k->public.sign, k->sign, seed);
	sodium_memzero(seed, sizeof seed);
	randombytes_buf(k->seed_enc, sizeof k->seed_enc);
	crypto_scalarmult_base(k->public.enc, k->seed_enc);
	key_thumbprint(k->public.sign, k->public.kid);
	return k;
}

void
key_free(struct key *k)
{
	secret_free(k);
}

static int
subject_character(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9') ||
	    (c != '\0' && strchr("._:@/-", c) != NULL);
}

static const char *
part_check(const char *p, size_t n)
{
	if (n == 0)
		return "empty part between slashes";
	if ((n == 1 && p[0] == '.') || (n == 2 && memcmp(p, "..", 2) == 0))
		return "\".\" or \"..\" between slashes";
	return NULL;
}

const char *
key_subject_check(const char *p, size_t n)
{
	const char *why;
	size_t start = 0;

	if (n == 0)
		return "empty";
	if (n > KEY_SUBJECT_MAX)
		return "longer than 64 characters";
	for (size_t i = 0; i < n; i++)
		if (!subject_character(p[i]))
			return "a character that is none of A-Z a-z 0-9 . _ : "
			       "@ / -";
	for (size_t i = 0; i <= n; i++) {
		if (i < n && p[i] != '/')
			continue;
		why = part_check(p + start, i - start);
		if (why != NULL)
			return why;
		start = i + 1;
	}
	return NULL;
}

void
key_b64(struct buf *b, const void *p, size_t n)
{
	size_t size = sodium_base64_encoded_len(
	    n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);

	sodium_bin2base64(buf_room(b, size), size, p, n,
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	b->len += size - 1;
}

int
key_b64_parse(void *out, size_t max, const char *p, size_t n)
{
	size_t got;

	/* libsodium 1.0.18 takes any byte above 127 for some digit. */
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p[i] > 127)
			return -1;
	if (sodium_base642bin(out, max, p, n, NULL, &got, NULL,
		sodium_base64_VARIANT_URLSAFE_NO_PADDING) < 0)
		return -1;
	return (int)got;
}

/* {"crv":C,"d":D,"kty":"OKP","x":X}, without "d" if it is NULL. */
static void
add_jwk(struct buf *b, const char *crv, const unsigned char *d,
    const unsigned char *x)
{
	buf_addf(b, "{\"crv\":\"%s\",", crv);
	if (d != NULL) {
		buf_adds(b, "\"d\":\"");
		key_b64(b, d, KEY_BYTES);
		buf_adds(b, "\",");
	}
	buf_adds(b, "\"kty\":\"OKP\",\"x\":\"");
	key_b64(b, x, KEY_BYTES);
	buf_adds(b, "\"}");
}

void
key_jwk(struct buf *b, const char *crv, const unsigned char x[KEY_BYTES])
{
	add_jwk(b, crv, NULL, x);
}

void
key_thumbprint(const unsigned char sign[KEY_BYTES], char kid[KEY_ID + 1])
{
	struct buf b = { 0 };
	unsigned char hash[crypto_hash_sha256_BYTES];

	key_jwk(&b, "Ed25519", sign);
	crypto_hash_sha256(hash, (const unsigned char *)b.p, b.len);
	buf_clear(&b);
	key_b64(&b, hash, sizeof hash);
	memcpy(kid, b.p, KEY_ID);
	kid[KEY_ID] = '\0';
	buf_fini(&b);
}

/* The canonical line without the box; without "d" too unless secret. */
static void
add_line(struct buf *b, const struct key *k, int secret)
{
	buf_adds(b, "\"crv\":\"Ed25519\",");
	if (secret) {
		buf_adds(b, "\"d\":\"");
		key_b64(b, k->sign, KEY_BYTES);
		buf_adds(b, "\",");
	}
	buf_adds(b, "\"enc\":");
	add_jwk(b, "X25519", secret ? k->seed_enc : NULL, k->public.enc);
	buf_addf(b, ",\"kid\":\"%s\",\"kty\":\"OKP\",\"sub\":\"%s\",\"x\":\"",
	    k->public.kid, k->subject);
	key_b64(b, k->public.sign, KEY_BYTES);
	buf_adds(b, "\"}");
}

static void
add_b64(struct buf *b, const char *name, const void *p, size_t n)
{
	buf_addf(b, ",\"%s\":\"", name);
	key_b64(b, p, n);
	buf_addc(b, '"');
}

static void
add_box(struct buf *b, const struct box *box)
{
	buf_adds(b, "\"box\":{\"alg\":\"xchacha20poly1305\"");
	add_b64(b, "ct", box->ct, sizeof box->ct);
	buf_addf(b, ",\"kdf\":\"argon2id\",\"mem\":%d", ARGON_MEMORY);
	add_b64(b, "nonce", box->nonce, sizeof box->nonce);
	buf_addf(b, ",\"ops\":%d", ARGON_OPS);
	add_b64(b, "salt", box->salt, sizeof box->salt);
	buf_adds(b, "},");
}

/* The cipher's key from the passphrase: 0 or -1 (no memory for it). */
static int
stretch(unsigned char *out, const struct box *box, const char *pass, size_t n)
{
	return crypto_pwhash(out, crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
	    pass, n, box->salt, ARGON_OPS, ARGON_MEMORY,
	    crypto_pwhash_ALG_ARGON2ID13);
}

static void
associated(struct buf *b, const struct key *k)
{
	buf_addc(b, '{');
	add_line(b, k, 0);
}

void
key_public_line(struct buf *b, const struct key *k)
{
	associated(b, k);
	buf_addc(b, '\n');
}

static int
box_seal(struct box *box, const struct key *k, const char *pass, size_t n)
{
	unsigned char *secret =
	    secret_new(SEEDS + crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
	struct buf ad = { 0 };
	int status;

	associated(&ad, k);
	memcpy(secret, k->sign, KEY_BYTES);
	memcpy(secret + KEY_BYTES, k->seed_enc, KEY_BYTES);
	randombytes_buf(box->salt, sizeof box->salt);
	randombytes_buf(box->nonce, sizeof box->nonce);
	status = stretch(secret + SEEDS, box, pass, n);
	if (status == 0)
		crypto_aead_xchacha20poly1305_ietf_encrypt(box->ct, NULL,
		    secret, SEEDS, (const unsigned char *)ad.p, ad.len, NULL,
		    box->nonce, secret + SEEDS);
	buf_fini(&ad);
	secret_free(secret);
	return status;
}

/* k's public part and subject are known: they have to be what was sealed. */
static int
box_open(const struct box *box, struct key *k, const char *pass, size_t n)
{
	unsigned char *secret =
	    secret_new(SEEDS + crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
	struct buf ad = { 0 };
	int status;

	associated(&ad, k);
	status = stretch(secret + SEEDS, box, pass, n);
	if (status == 0)
		status = crypto_aead_xchacha20poly1305_ietf_decrypt(secret,
		    NULL, NULL, box->ct, sizeof box->ct,
		    (const unsigned char *)ad.p, ad.len, box->nonce,
		    secret + SEEDS);
	if (status == 0) {
		memcpy(k->sign, secret, KEY_BYTES);
		memcpy(k->seed_enc, secret + KEY_BYTES, KEY_BYTES);
	}
	buf_fini(&ad);
	secret_free(secret);
	return status;
}

int
key_save(const struct key *k, const char *path, const char *pass, size_t pass_n,
    int mode, const char **why)
{
	struct buf b = { 0 };
	struct box box;
	int status;

	/* No growth: it would leave copies of the secret behind. */
	buf_room(&b, LINE);
	buf_addc(&b, '{');
	if (pass != NULL) {
		if (box_seal(&box, k, pass, pass_n) < 0) {
			*why = "no memory for the passphrase's 64 MiB";
			errno = ENOMEM;
			buf_fini(&b);
			return -1;
		}
		add_box(&b, &box);
	}
	add_line(&b, k, pass == NULL);
	buf_addc(&b, '\n');
	status = secret_write(path, b.p, b.len, (enum secret_mode)mode, why);
	secret_wipe(b.p, b.cap);
	buf_fini(&b);
	return status;
}

static int
is(const struct json_value *object, const char *name, const char *text)
{
	struct json_value v;

	return json_get(object, name, &v) && v.kind == JSON_STRING &&
	    json_equal(&v, text);
}

static int
is_number(const struct json_value *object, const char *name, int number)
{
	char text[16];
	struct json_value v;
	int n = snprintf(text, sizeof text, "%d", number);

	return json_get(object, name, &v) && v.kind == JSON_NUMBER &&
	    v.n == (size_t)n && memcmp(v.p, text, v.n) == 0;
}

/* A member of exactly size bytes in base64url: 0 or -1. */
static int
get_bytes(
    const struct json_value *object, const char *name, void *out, size_t size)
{
	struct json_value v;

	if (!json_get(object, name, &v) || v.kind != JSON_STRING)
		return -1;
	return key_b64_parse(out, size, v.p, v.n) == (int)size ? 0 : -1;
}

int
key_jwk_parse(
    const struct json_value *jwk, const char *crv, unsigned char x[KEY_BYTES])
{
	struct json_value v;

	if (jwk->kind != JSON_OBJECT || !is(jwk, "kty", "OKP") ||
	    !is(jwk, "crv", crv) || json_get(jwk, "d", &v))
		return -1;
	return get_bytes(jwk, "x", x, KEY_BYTES);
}

static const char *
parse_public(const struct json_value *line, struct key *k)
{
	struct json_value enc, sub;
	const char *why;

	if (!is(line, "kty", "OKP") || !is(line, "crv", "Ed25519") ||
	    get_bytes(line, "x", k->public.sign, KEY_BYTES) < 0)
		return "no Ed25519 key";
	key_thumbprint(k->public.sign, k->public.kid);
	if (!is(line, "kid", k->public.kid))
		return "kid is not the key's thumbprint";
	if (!json_get(line, "enc", &enc) || enc.kind != JSON_OBJECT ||
	    !is(&enc, "kty", "OKP") || !is(&enc, "crv", "X25519") ||
	    get_bytes(&enc, "x", k->public.enc, KEY_BYTES) < 0)
		return "enc is no X25519 key";
	if (!json_get(line, "sub", &sub) || sub.kind != JSON_STRING)
		return "no sub";
	why = key_subject_check(sub.p, sub.n);
	if (why != NULL)
		return "sub is no subject";
	memcpy(k->subject, sub.p, sub.n);
	return NULL;
}

static const char *
parse_box(const struct json_value *v, struct box *box)
{
	if (v->kind != JSON_OBJECT || !is(v, "kdf", "argon2id") ||
	    !is(v, "alg", "xchacha20poly1305") ||
	    !is_number(v, "ops", ARGON_OPS) ||
	    !is_number(v, "mem", ARGON_MEMORY))
		return "box is of an unknown kind";
	if (get_bytes(v, "salt", box->salt, sizeof box->salt) < 0 ||
	    get_bytes(v, "nonce", box->nonce, sizeof box->nonce) < 0 ||
	    get_bytes(v, "ct", box->ct, sizeof box->ct) < 0)
		return "box is damaged";
	return NULL;
}

/* The secret half makes the public one, or the file lies. */
static const char *
complete(struct key *k)
{
	unsigned char sign[KEY_BYTES], enc[KEY_BYTES], seed[KEY_BYTES];

	memcpy(seed, k->sign, sizeof seed);
	crypto_sign_seed_keypair(sign, k->sign, seed);
	secret_wipe(seed, sizeof seed);
	if (memcmp(sign, k->public.sign, sizeof sign) != 0)
		return "d and x do not belong together";
	if (crypto_scalarmult_base(enc, k->seed_enc) != 0 ||
	    memcmp(enc, k->public.enc, sizeof enc) != 0)
		return "d and x of enc do not belong together";
	return NULL;
}

static const char *
parse_seeds(const struct json_value *line, struct key *k)
{
	struct json_value enc;

	if (get_bytes(line, "d", k->sign, KEY_BYTES) < 0 ||
	    !json_get(line, "enc", &enc) ||
	    get_bytes(&enc, "d", k->seed_enc, KEY_BYTES) < 0)
		return "no secret key";
	return NULL;
}

static const char *
unlock(const struct json_value *v, struct key *k, const char *pass,
    size_t pass_n, int *error)
{
	struct box box;
	const char *why = parse_box(v, &box);

	if (why != NULL)
		return why;
	if (pass == NULL) {
		*error = ENOKEY;
		return "needs a passphrase";
	}
	if (box_open(&box, k, pass, pass_n) == 0)
		return NULL;
	*error = EACCES;
	return "wrong passphrase";
}

int
key_public_parse(const char *p, size_t n, char subject[KEY_SUBJECT_MAX + 1],
    struct key_public *out, const char **why)
{
	struct json_value line;
	struct key *k;

	if (json_check(p, n, why) != JSON_OBJECT) {
		*why = "not a key";
		return -1;
	}
	secret_start();
	line = json_value(p, n);
	k = secret_new(sizeof *k);
	*why = parse_public(&line, k);
	*out = k->public;
	memcpy(subject, k->subject, sizeof k->subject);
	key_free(k);
	return *why == NULL ? 0 : -1;
}

struct key *
key_parse(
    const char *p, size_t n, const char *pass, size_t pass_n, const char **why)
{
	struct json_value line, box;
	struct key *k;
	int error = EBADMSG;

	secret_start();
	if (json_check(p, n, why) != JSON_OBJECT) {
		*why = "not a key file";
		errno = EBADMSG;
		return NULL;
	}
	line = json_value(p, n);
	k = secret_new(sizeof *k);
	*why = parse_public(&line, k);
	if (*why == NULL && json_get(&line, "box", &box))
		*why = unlock(&box, k, pass, pass_n, &error);
	else if (*why == NULL)
		*why = parse_seeds(&line, k);
	if (*why == NULL)
		*why = complete(k);
	if (*why == NULL)
		return k;
	key_free(k);
	errno = error;
	return NULL;
}

static const char *
no_passphrase(int error)
{
	switch (error) {
	case ENOTTY: return "needs a passphrase: no terminal, --pass-fd N";
	case ENODATA: return "needs a passphrase: --pass-fd has no more lines";
	case EMSGSIZE: return "needs a passphrase: this one is too long";
	default: break;
	}
	return reason("needs a passphrase: %s", strerror(error));
}

static struct key *
parse_asking(
    const char *path, const char *p, size_t n, int pass_fd, const char **why)
{
	char *pass = secret_new(PASSPHRASE);
	struct buf prompt = { 0 };
	struct key *k = NULL;
	int length, error;

	buf_addf(&prompt, "Passphrase of %s: ", path);
	length =
	    secret_passphrase(pass_fd, buf_cstr(&prompt), pass, PASSPHRASE);
	if (length >= 0)
		k = key_parse(p, n, pass, (size_t)length, why);
	else
		*why = no_passphrase(errno);
	error = errno;
	buf_fini(&prompt);
	secret_free(pass);
	errno = error;
	return k;
}

struct key *
key_load(const char *path, int pass_fd, const char **why)
{
	char *text;
	struct key *k = NULL;
	size_t n;
	int error;

	secret_start();
	text = secret_new(SECRET_FILE_MAX + 1);
	if (secret_read(path, text, &n, why) == 0) {
		k = key_parse(text, n, NULL, 0, why);
		if (k == NULL && errno == ENOKEY)
			k = parse_asking(path, text, n, pass_fd, why);
	}
	error = errno;
	secret_free(text);
	errno = error;
	return k;
}

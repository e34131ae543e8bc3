#include "trust/noise.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"

enum { MESSAGES = 4, TOKENS = 8, PSKS = MESSAGES + 1 };

enum token {
	TOKEN_END = 0,
	TOKEN_E,
	TOKEN_S,
	TOKEN_EE,
	TOKEN_ES,
	TOKEN_SE,
	TOKEN_SS,
	TOKEN_PSK
};

static const char *const token_names[] = {
	[TOKEN_E] = "e",
	[TOKEN_S] = "s",
	[TOKEN_EE] = "ee",
	[TOKEN_ES] = "es",
	[TOKEN_SE] = "se",
	[TOKEN_SS] = "ss",
};

/*
 * Sections 7.4, 7.5 and appendix 18 of the specification; the messages take
 * turns, the initiator's first.
 */
static const struct pattern {
	const char *name;
	const char *known; /* before: static key of i(nitiator), r(esponder) */
	const char *messages;
} patterns[] = {
	{ "N", "r", "e es" },
	{ "K", "ir", "e es ss" },
	{ "X", "r", "e es s ss" },

	{ "NN", "", "e/e ee" },
	{ "NK", "r", "e es/e ee" },
	{ "NX", "", "e/e ee s es" },
	{ "XN", "", "e/e ee/s se" },
	{ "XK", "r", "e es/e ee/s se" },
	{ "XX", "", "e/e ee s es/s se" },
	{ "KN", "i", "e/e ee se" },
	{ "KK", "ir", "e es ss/e ee se" },
	{ "KX", "i", "e/e ee se s es" },
	{ "IN", "", "e s/e ee se" },
	{ "IK", "r", "e es s ss/e ee se" },
	{ "IX", "", "e s/e ee se s es" },

	{ "NK1", "r", "e/e ee es" },
	{ "NX1", "", "e/e ee s/es" },
	{ "X1N", "", "e/e ee/s/se" },
	{ "X1K", "r", "e es/e ee/s/se" },
	{ "XK1", "r", "e/e ee es/s se" },
	{ "X1K1", "r", "e/e ee es/s/se" },
	{ "X1X", "", "e/e ee s es/s/se" },
	{ "XX1", "", "e/e ee s/es s se" },
	{ "X1X1", "", "e/e ee s/es s/se" },
	{ "K1N", "i", "e/e ee/se" },
	{ "K1K", "ir", "e es/e ee/se" },
	{ "KK1", "ir", "e/e ee se es" },
	{ "K1K1", "ir", "e/e ee es/se" },
	{ "K1X", "i", "e/e ee s es/se" },
	{ "KX1", "i", "e/e ee se s/es" },
	{ "K1X1", "i", "e/e ee s/se es" },
	{ "I1N", "", "e s/e ee/se" },
	{ "I1K", "r", "e es s/e ee/se" },
	{ "IK1", "r", "e s/e ee se es" },
	{ "I1K1", "r", "e s/e ee es/se" },
	{ "I1X", "", "e s/e ee s es/se" },
	{ "IX1", "", "e s/e ee se s/es" },
	{ "I1X1", "", "e s/e ee s/se es" },
};

struct pair {
	int known;
	unsigned char secret[NOISE_KEY], public[NOISE_KEY];
};

struct noise {
	enum noise_side side;
	unsigned char message[MESSAGES][TOKENS]; /* enum token */
	size_t messages, at;
	int dead, has_psk;
	struct noise_cipher cipher;
	unsigned char chain[NOISE_HASH], hash[NOISE_HASH];
	struct pair s, e, rs, re; /* of rs, re the public key */
	unsigned char psk[PSKS][NOISE_KEY];
	size_t npsk, psk_at;
};

static void
nonce_write(unsigned char out[crypto_aead_chacha20poly1305_IETF_NPUBBYTES],
    uint64_t nonce)
{
	memset(out, 0, 4);
	for (int i = 0; i < 8; i++)
		out[4 + i] = (unsigned char)(nonce >> 8 * i);
}

void
noise_encrypt(const unsigned char key[NOISE_KEY], uint64_t nonce,
    const void *ad, size_t adn, const void *p, size_t n, void *out)
{
	unsigned char iv[crypto_aead_chacha20poly1305_IETF_NPUBBYTES];

	nonce_write(iv, nonce);
	crypto_aead_chacha20poly1305_ietf_encrypt(
	    out, NULL, p, n, ad, adn, NULL, iv, key);
}

int
noise_decrypt(const unsigned char key[NOISE_KEY], uint64_t nonce,
    const void *ad, size_t adn, const void *p, size_t n, void *out)
{
	unsigned char iv[crypto_aead_chacha20poly1305_IETF_NPUBBYTES];

	if (n < NOISE_TAG)
		return -1;
	nonce_write(iv, nonce);
	return crypto_aead_chacha20poly1305_ietf_decrypt(
	    out, NULL, NULL, p, n, ad, adn, iv, key);
}

void
noise_rekey(unsigned char key[NOISE_KEY])
{
	static const unsigned char zeros[NOISE_KEY];
	unsigned char next[NOISE_KEY + NOISE_TAG];

	noise_encrypt(key, UINT64_MAX, NULL, 0, zeros, sizeof zeros, next);
	memcpy(key, next, NOISE_KEY);
	sodium_memzero(next, sizeof next);
}

/* HMAC-SHA256 of p[0..n), q[0..m) with a key of 32 bytes. */
static void
hmac(unsigned char out[NOISE_HASH], const unsigned char key[NOISE_HASH],
    const void *p, size_t n, const void *q, size_t m)
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, key, NOISE_HASH);
	crypto_auth_hmacsha256_update(&state, p, n);
	crypto_auth_hmacsha256_update(&state, q, m);
	crypto_auth_hmacsha256_final(&state, out);
	sodium_memzero(&state, sizeof state);
}

/* HKDF of section 4.3: 2 or 3 outputs, out may begin with the chaining key. */
static void
hkdf(unsigned char (*out)[NOISE_HASH], unsigned char outputs,
    const unsigned char chain[NOISE_HASH], const void *p, size_t n)
{
	unsigned char temp[NOISE_HASH];

	hmac(temp, chain, p, n, "", 0);
	for (unsigned char i = 1; i <= outputs; i++)
		hmac(out[i - 1], temp, i > 1 ? out[i - 2] : temp,
		    i > 1 ? NOISE_HASH : 0, &i, 1);
	sodium_memzero(temp, sizeof temp);
}

static void
cipher_set(struct noise_cipher *c, const unsigned char key[NOISE_KEY])
{
	memcpy(c->key, key, NOISE_KEY);
	c->nonce = 0;
	c->has_key = 1;
}

static void
mix_hash(struct noise *s, const void *p, size_t n)
{
	crypto_hash_sha256_state state;

	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, s->hash, sizeof s->hash);
	crypto_hash_sha256_update(&state, p, n);
	crypto_hash_sha256_final(&state, s->hash);
}

static void
mix_key(struct noise *s, const unsigned char key[NOISE_KEY])
{
	unsigned char out[2][NOISE_HASH];

	hkdf(out, 2, s->chain, key, NOISE_KEY);
	memcpy(s->chain, out[0], NOISE_HASH);
	cipher_set(&s->cipher, out[1]);
	sodium_memzero(out, sizeof out);
}

static void
mix_psk(struct noise *s)
{
	unsigned char out[3][NOISE_HASH];

	hkdf(out, 3, s->chain, s->psk[s->psk_at++], NOISE_KEY);
	memcpy(s->chain, out[0], NOISE_HASH);
	mix_hash(s, out[1], NOISE_HASH);
	cipher_set(&s->cipher, out[2]);
	sodium_memzero(out, sizeof out);
}

static int
mix_dh(struct noise *s, const struct pair *own, const struct pair *peer)
{
	unsigned char shared[NOISE_KEY];
	int result;

	result =
	    crypto_scalarmult_curve25519(shared, own->secret, peer->public);
	if (result == 0)
		mix_key(s, shared);
	sodium_memzero(shared, sizeof shared);
	return result;
}

static int
mix_token(struct noise *s, enum token token)
{
	int initiator = s->side == NOISE_INITIATOR;

	switch (token) {
	case TOKEN_EE: return mix_dh(s, &s->e, &s->re);
	case TOKEN_SS: return mix_dh(s, &s->s, &s->rs);
	case TOKEN_ES:
		return initiator ? mix_dh(s, &s->e, &s->rs)
				 : mix_dh(s, &s->s, &s->re);
	case TOKEN_SE:
		return initiator ? mix_dh(s, &s->s, &s->re)
				 : mix_dh(s, &s->e, &s->rs);
	case TOKEN_PSK: mix_psk(s); return 0;
	default: return -1;
	}
}

/* Append p[0..n), encrypted as soon as there is a key. */
static void
hash_encrypt(struct noise *s, const void *p, size_t n, struct buf *out)
{
	size_t size = n + (s->cipher.has_key ? NOISE_TAG : 0);
	char *to = buf_room(out, size);

	if (s->cipher.has_key)
		noise_encrypt(s->cipher.key, s->cipher.nonce++, s->hash,
		    NOISE_HASH, p, n, to);
	else if (n > 0)
		memcpy(to, p, n);
	mix_hash(s, to, size);
	out->len += size;
}

/* Take p[0..n) to out, which has room for as much. */
static int
hash_decrypt(struct noise *s, const void *p, size_t n, void *out)
{
	if (!s->cipher.has_key) {
		if (n > 0)
			memcpy(out, p, n);
	} else if (noise_decrypt(s->cipher.key, s->cipher.nonce++, s->hash,
		       NOISE_HASH, p, n, out) != 0) {
		return -1;
	}
	mix_hash(s, p, n);
	return 0;
}

static void
pair_secret(struct pair *pair, const unsigned char secret[NOISE_KEY])
{
	memcpy(pair->secret, secret, NOISE_KEY);
	crypto_scalarmult_curve25519_base(pair->public, pair->secret);
	pair->known = 1;
}

static void
write_ephemeral(struct noise *s, struct buf *out)
{
	unsigned char secret[NOISE_KEY];

	if (!s->e.known) {
		randombytes_buf(secret, sizeof secret);
		pair_secret(&s->e, secret);
		sodium_memzero(secret, sizeof secret);
	}
	buf_add(out, s->e.public, NOISE_KEY);
	mix_hash(s, s->e.public, NOISE_KEY);
	if (s->has_psk)
		mix_key(s, s->e.public);
}

static int
write_token(struct noise *s, enum token token, struct buf *out)
{
	switch (token) {
	case TOKEN_E: write_ephemeral(s, out); return 0;
	case TOKEN_S: hash_encrypt(s, s->s.public, NOISE_KEY, out); return 0;
	default: return mix_token(s, token);
	}
}

static void
read_ephemeral(struct noise *s, const unsigned char *p)
{
	memcpy(s->re.public, p, NOISE_KEY);
	s->re.known = 1;
	mix_hash(s, p, NOISE_KEY);
	if (s->has_psk)
		mix_key(s, p);
}

/* Take a token's bytes from *p, up to end. */
static int
read_token(struct noise *s, enum token token, const unsigned char **p,
    const unsigned char *end)
{
	size_t n = NOISE_KEY;

	if (token != TOKEN_E && token != TOKEN_S)
		return mix_token(s, token);
	if (token == TOKEN_S && s->cipher.has_key)
		n += NOISE_TAG;
	if ((size_t)(end - *p) < n)
		return -1;
	if (token == TOKEN_E) {
		read_ephemeral(s, *p);
	} else {
		if (hash_decrypt(s, *p, n, s->rs.public) != 0)
			return -1;
		s->rs.known = 1;
	}
	*p += n;
	return 0;
}

/* A handshake that has failed gives nothing away and goes nowhere. */
static int
kill_handshake(struct noise *s)
{
	sodium_memzero(s, sizeof *s);
	s->dead = 1;
	return -1;
}

static int
is_turn(const struct noise *s, enum noise_side side)
{
	enum noise_side next =
	    s->at % 2 == 0 ? NOISE_INITIATOR : NOISE_RESPONDER;

	return !s->dead && s->at < s->messages && side == next;
}

int
noise_write(struct noise *s, const void *payload, size_t n, struct buf *out)
{
	size_t start = out->len;
	int failed = !is_turn(s, s->side) || n > NOISE_MESSAGE_MAX;

	for (size_t i = 0; !failed && s->message[s->at][i] != TOKEN_END; i++)
		failed = write_token(s, s->message[s->at][i], out) != 0;
	if (!failed)
		hash_encrypt(s, payload, n, out);
	if (failed || out->len - start > NOISE_MESSAGE_MAX) {
		out->len = start;
		return kill_handshake(s);
	}
	s->at++;
	return 0;
}

int
noise_read(struct noise *s, const void *message, size_t n, struct buf *out)
{
	enum noise_side peer =
	    s->side == NOISE_INITIATOR ? NOISE_RESPONDER : NOISE_INITIATOR;
	const unsigned char *p = message, *end = p + n;
	size_t tag, rest;
	int failed = !is_turn(s, peer) || n > NOISE_MESSAGE_MAX;

	for (size_t i = 0; !failed && s->message[s->at][i] != TOKEN_END; i++)
		failed = read_token(s, s->message[s->at][i], &p, end) != 0;
	if (failed)
		return kill_handshake(s);
	rest = (size_t)(end - p);
	tag = s->cipher.has_key ? NOISE_TAG : 0;
	if (rest < tag ||
	    hash_decrypt(s, p, rest, buf_room(out, rest + 1)) != 0)
		return kill_handshake(s);
	out->len += rest - tag;
	s->at++;
	return 0;
}

static enum token
token_of(const char *p, size_t n)
{
	for (enum token t = TOKEN_E; t < TOKEN_PSK; t++)
		if (strlen(token_names[t]) == n &&
		    memcmp(token_names[t], p, n) == 0)
			return t;
	return TOKEN_END;
}

static void
message_add(struct noise *s, size_t message, enum token token)
{
	size_t i = 0;

	while (s->message[message][i] != TOKEN_END)
		i++;
	s->message[message][i] = (unsigned char)token;
}

static void
pattern_add(struct noise *s, const struct pattern *pattern)
{
	const char *p = pattern->messages;
	size_t n;

	for (;; p += n + 1) {
		n = strcspn(p, " /");
		message_add(s, s->messages, token_of(p, n));
		if (p[n] != ' ')
			s->messages++;
		if (p[n] == '\0')
			return;
	}
}

/*
 * The modifiers "psk0+psk2": psk0 stands before the first message's tokens,
 * pskN after those of message N (section 9).
 */
static int
modifiers_add(struct noise *s, const char *p, size_t n)
{
	const char *end = p + n;
	int last = -1, number;

	for (; p < end; p += 5) {
		number =
		    end - p >= 4 && memcmp(p, "psk", 3) == 0 ? p[3] - '0' : -1;
		if (number <= last || number > (int)s->messages)
			return -1;
		if (end - p > 4 && (p[4] != '+' || end - p == 5))
			return -1;
		if (number == 0) {
			memmove(s->message[0] + 1, s->message[0], TOKENS - 1);
			s->message[0][0] = TOKEN_PSK;
		} else {
			message_add(s, (size_t)number - 1, TOKEN_PSK);
		}
		last = number;
		s->npsk++;
	}
	s->has_psk = s->npsk > 0;
	return 0;
}

static const struct pattern *
pattern_find(const char *p, size_t n)
{
	for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
		if (strlen(patterns[i].name) == n &&
		    memcmp(patterns[i].name, p, n) == 0)
			return &patterns[i];
	return NULL;
}

/* Fill the messages of "Noise_PATTERN_25519_ChaChaPoly_SHA256". */
static const struct pattern *
protocol_parse(struct noise *s, const char *protocol)
{
	static const char start[] = "Noise_",
			  suite[] = "_25519_ChaChaPoly_SHA256";
	const struct pattern *pattern;
	const char *p = protocol + sizeof start - 1, *end;
	size_t n;

	if (strncmp(protocol, start, sizeof start - 1) != 0)
		return NULL;
	end = strchr(p, '_');
	if (end == NULL || strcmp(end, suite) != 0)
		return NULL;
	n = strspn(p, "NKXI1");
	pattern = pattern_find(p, n);
	if (pattern == NULL)
		return NULL;
	pattern_add(s, pattern);
	if (modifiers_add(s, p + n, (size_t)(end - p) - n) != 0)
		return NULL;
	return pattern;
}

/* Does the side's own static key take part? */
static int
needs_static(const struct noise *s, const struct pattern *pattern)
{
	enum token with = s->side == NOISE_INITIATOR ? TOKEN_SE : TOKEN_ES;

	if (strchr(pattern->known, s->side == NOISE_INITIATOR ? 'i' : 'r'))
		return 1;
	for (size_t i = 0; i < s->messages; i++)
		for (size_t j = 0; j < TOKENS; j++)
			if (s->message[i][j] == with ||
			    s->message[i][j] == TOKEN_SS)
				return 1;
	return 0;
}

static int
keys_add(struct noise *s, const struct pattern *pattern,
    const struct noise_keys *keys)
{
	char peer = s->side == NOISE_INITIATOR ? 'r' : 'i';

	if (keys->npsk != s->npsk || (keys->npsk > 0 && keys->psk == NULL))
		return -1;
	if (keys->npsk > 0)
		memcpy(s->psk, keys->psk, keys->npsk * NOISE_KEY);
	if (needs_static(s, pattern)) {
		if (keys->s == NULL)
			return -1;
		pair_secret(&s->s, keys->s);
	}
	if (strchr(pattern->known, peer) != NULL) {
		if (keys->rs == NULL)
			return -1;
		memcpy(s->rs.public, keys->rs, NOISE_KEY);
		s->rs.known = 1;
	}
	if (keys->e != NULL)
		pair_secret(&s->e, keys->e);
	return 0;
}

static void
start(struct noise *s, const char *protocol, const struct pattern *pattern,
    const void *prologue, size_t n)
{
	size_t length = strlen(protocol);

	if (length <= NOISE_HASH)
		memcpy(s->hash, protocol, length);
	else
		crypto_hash_sha256(
		    s->hash, (const unsigned char *)protocol, length);
	memcpy(s->chain, s->hash, NOISE_HASH);
	mix_hash(s, prologue, n);
	for (const char *p = pattern->known; *p != '\0'; p++)
		if ((*p == 'i') == (s->side == NOISE_INITIATOR))
			mix_hash(s, s->s.public, NOISE_KEY);
		else
			mix_hash(s, s->rs.public, NOISE_KEY);
}

struct noise *
noise_new(const char *protocol, enum noise_side side, const void *prologue,
    size_t n, const struct noise_keys *keys)
{
	struct noise *s = xcalloc(1, sizeof *s);
	const struct pattern *pattern;

	s->side = side;
	pattern = sodium_init() < 0 ? NULL : protocol_parse(s, protocol);
	if (pattern == NULL || keys_add(s, pattern, keys) != 0) {
		noise_free(s);
		return NULL;
	}
	start(s, protocol, pattern, prologue, n);
	return s;
}

void
noise_free(struct noise *s)
{
	if (s == NULL)
		return;
	sodium_memzero(s, sizeof *s);
	free(s);
}

int
noise_done(const struct noise *s)
{
	return !s->dead && s->at == s->messages;
}

void
noise_split(
    struct noise *s, struct noise_cipher *send, struct noise_cipher *receive)
{
	unsigned char out[2][NOISE_HASH];
	int initiator = s->side == NOISE_INITIATOR;

	hkdf(out, 2, s->chain, "", 0);
	cipher_set(initiator ? send : receive, out[0]);
	cipher_set(initiator ? receive : send, out[1]);
	sodium_memzero(out, sizeof out);
}

const unsigned char *
noise_hash(const struct noise *s)
{
	return s->hash;
}

const unsigned char *
noise_peer(const struct noise *s)
{
	return s->rs.known ? s->rs.public : NULL;
}

#include "trust/jws.h"

#include <string.h>

#include <sodium.h>

#include "base/base64.h"
#include "event/json.h"

enum { HEADER_MAX = 512, SIGNATURE_TEXT = 86 };

/* The signing input, RFC 7515 section 5.1. */
static void
input(struct buf *space, const char *head, size_t head_n, const char *payload,
    size_t n)
{
	buf_clear(space);
	buf_add(space, head, head_n);
	buf_addc(space, '.');
	base64_add(space, BASE64_URL, payload, n);
}

void
jws_signer_init(struct jws_signer *s, const struct key *key, const char *typ)
{
	struct buf b = { 0 };

	*s = (struct jws_signer){ .key = key };
	buf_addf(&b, "{\"alg\":\"EdDSA\",\"kid\":\"%s\",\"typ\":\"%s\"}",
	    key->public.kid, typ);
	key_b64(&s->head, b.p, b.len);
	buf_fini(&b);
}

void
jws_signer_fini(struct jws_signer *s)
{
	buf_fini(&s->head);
	s->key = NULL;
}

void
jws_sign(const struct jws_signer *s, struct buf *out, struct buf *space,
    const char *payload, size_t n)
{
	unsigned char sig[KEY_SIGNATURE];

	input(space, s->head.p, s->head.len, payload, n);
	crypto_sign_detached(sig, NULL, (const unsigned char *)space->p,
	    space->len, s->key->sign);
	buf_add(out, s->head.p, s->head.len);
	buf_adds(out, "..");
	base64_add(out, BASE64_URL, sig, sizeof sig);
}

int
jws_verify(const struct jws *j, const unsigned char key[KEY_BYTES],
    const char *payload, size_t n, struct buf *space)
{
	input(space, j->head, j->head_n, payload, n);
	return crypto_sign_verify_detached(j->sig,
		   (const unsigned char *)space->p, space->len, key) == 0;
}

static int
refused(const struct json_value *name)
{
	static const char *const names[] = { "b64", "crit", "jku", "jwk", "x5c",
		"x5u", NULL };

	for (size_t i = 0; names[i] != NULL; i++)
		if (json_equal(name, names[i]))
			return 1;
	return 0;
}

static const char *
take_kid(struct jws *j, const struct json_value *v)
{
	unsigned char hash[crypto_hash_sha256_BYTES];

	if (v->kind != JSON_STRING || v->n != KEY_ID ||
	    base64_parse(hash, sizeof hash, BASE64_URL, v->p, v->n) !=
		(long)sizeof hash)
		return "kid is no thumbprint";
	memcpy(j->kid, v->p, KEY_ID);
	j->kid[KEY_ID] = '\0';
	return NULL;
}

/* The faults of a header that json_check() has passed. */
static const char *
read_header(struct jws *j, const struct json_value *header, const char *typ)
{
	struct json_walk walk;
	struct json_value name, v;
	int alg = 0, typ_seen = 0;
	const char *why = NULL;

	json_walk(&walk, header);
	while (why == NULL && json_next(&walk, &name, &v)) {
		if (refused(&name))
			why = "a header member that is not allowed";
		else if (json_equal(&name, "alg"))
			alg = v.kind == JSON_STRING &&
			    (json_equal(&v, "EdDSA") ||
				json_equal(&v, "Ed25519"));
		else if (json_equal(&name, "typ"))
			typ_seen = typ != NULL && v.kind == JSON_STRING &&
			    json_equal(&v, typ);
		else if (json_equal(&name, "kid"))
			why = take_kid(j, &v);
	}
	if (why == NULL && !alg)
		why = "alg is not EdDSA";
	if (why == NULL && typ != NULL && !typ_seen)
		why = "a signature of another kind";
	return why;
}

static const char *
parse_header(struct jws *j, const char *typ)
{
	char text[HEADER_MAX];
	struct json_value header;
	const char *why;
	long n =
	    base64_parse(text, sizeof text, BASE64_URL, j->head, j->head_n);

	if (n <= 0)
		return "header is not base64url";
	if (json_check(text, (size_t)n, &why) != JSON_OBJECT)
		return "header is no JSON object";
	header = json_value(text, (size_t)n);
	return read_header(j, &header, typ);
}

int
jws_parse(struct jws *j, const char *text, size_t n, const char *typ,
    const char **why)
{
	const char *dot = n == 0 ? NULL : memchr(text, '.', n);

	*j = (struct jws){ .head = text };
	if (dot == NULL || (size_t)(text + n - dot) != SIGNATURE_TEXT + 2 ||
	    dot[1] != '.') {
		*why = "not a detached signature";
		return -1;
	}
	j->head_n = (size_t)(dot - text);
	if (base64_parse(j->sig, sizeof j->sig, BASE64_URL, dot + 2,
		SIGNATURE_TEXT) != KEY_SIGNATURE) {
		*why = "signature is not base64url";
		return -1;
	}
	*why = parse_header(j, typ);
	return *why == NULL ? 0 : -1;
}

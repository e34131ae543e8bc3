/*
 * Signatures: every published vector decided as it says, what a header may
 * not have, and our own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "event/canon.h"
#include "event/json.h"
#include "trust/jws.h"
#include "trust/key.h"
#include "trust/secret.h"

#include "check.h"

/* RFC 8037 A.1, whose key all JWS vectors are of. */
static const char jwk[] =
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";

static struct buf space;

static char *
member(const struct json_value *line, const char *name)
{
	struct json_value v;
	struct buf b = { 0 };

	if (!json_get(line, name, &v))
		return NULL;
	if (v.kind == JSON_STRING)
		json_text(&v, &b);
	else
		buf_add(&b, v.p, v.n);
	buf_cstr(&b);
	return b.p;
}

/* The bytes of a hexadecimal member; n is -1 if there is none. */
static unsigned char *
bytes(const struct json_value *line, const char *name, int *n)
{
	char *text = member(line, name);
	unsigned char *out;
	size_t got = 0;

	*n = -1;
	if (text == NULL)
		return NULL;
	out = malloc(strlen(text) / 2 + 1);
	if (sodium_hex2bin(out, strlen(text) / 2 + 1, text, strlen(text), NULL,
		&got, NULL) == 0)
		*n = (int)got;
	free(text);
	return out;
}

/* libsodium as it is pinned by these cases, and that we sign the same. */
static int
bare(const struct json_value *line)
{
	unsigned char pk[KEY_BYTES], sk[64], made[KEY_SIGNATURE];
	int msg_n, sig_n, key_n, seed_n, ok;
	unsigned char *msg = bytes(line, "msg", &msg_n);
	unsigned char *sig = bytes(line, "sig", &sig_n);
	unsigned char *key = bytes(line, "public", &key_n);
	unsigned char *seed = bytes(line, "seed", &seed_n);

	ok = sig_n == KEY_SIGNATURE && key_n == KEY_BYTES &&
	    crypto_sign_verify_detached(
		sig, msg, (unsigned long long)msg_n, key) == 0;
	if (seed != NULL) {
		crypto_sign_seed_keypair(pk, sk, seed);
		crypto_sign_detached(
		    made, NULL, msg, (unsigned long long)msg_n, sk);
		ok = ok && memcmp(pk, key, sizeof pk) == 0 &&
		    memcmp(made, sig, sizeof made) == 0;
	}
	free(msg);
	free(sig);
	free(key);
	free(seed);
	return ok;
}

static int
verify(const char *text, size_t n, const char *payload, size_t payload_n)
{
	unsigned char key[KEY_BYTES];
	struct json_value v = json_value(jwk, sizeof jwk - 1);
	struct jws j;
	const char *why;

	if (key_jwk_parse(&v, "Ed25519", key) < 0)
		abort();
	return jws_parse(&j, text, n, NULL, &why) == 0 &&
	    jws_verify(&j, key, payload, payload_n, &space);
}

/* A compact JWS is a detached one with its payload in the middle. */
static int
compact(const char *text)
{
	const char *dot = strchr(text, '.');
	const char *end = dot == NULL ? NULL : strchr(dot + 1, '.');
	struct buf detached = { 0 };
	char payload[256];
	int n, ok;

	if (end == NULL)
		return verify(text, strlen(text), "", 0);
	n = key_b64_parse(
	    payload, sizeof payload, dot + 1, (size_t)(end - dot - 1));
	buf_add(&detached, text, (size_t)(dot + 1 - text));
	buf_adds(&detached, end);
	ok = n >= 0 && verify(detached.p, detached.len, payload, (size_t)n);
	buf_fini(&detached);
	return ok;
}

/* An object with its detached JWS in the member "sig". */
static int
clear(const char *text)
{
	static const char *const names[] = { "sig", NULL };
	struct canon canon = { 0 };
	struct json_value line, sig;
	const char *why;
	int ok;

	ok = json_check(text, strlen(text), &why) == JSON_OBJECT;
	line = json_value(text, strlen(text));
	ok = ok && json_get(&line, "sig", &sig) && sig.kind == JSON_STRING &&
	    canon_without(
		&canon, CANON_JSON, text, strlen(text), names, &why) == 0 &&
	    verify(sig.p, sig.n, canon.out.p, canon.out.len);
	canon_fini(&canon);
	return ok;
}

static int
thumbprint(const struct json_value *line)
{
	char *want = member(line, "thumbprint"), kid[KEY_ID + 1];
	unsigned char x[KEY_BYTES];
	struct json_value v;
	int ok;

	ok = json_get(line, "jwk", &v) && key_jwk_parse(&v, "Ed25519", x) == 0;
	key_thumbprint(x, kid);
	ok = ok && strcmp(kid, want) == 0;
	free(want);
	return ok;
}

static int
decide(const struct json_value *line, const char *kind)
{
	char *text;
	int ok;

	if (strncmp(kind, "ed25519-", 8) == 0)
		return bare(line);
	if (strcmp(kind, "jwk-thumbprint") == 0)
		return thumbprint(line);
	if (strcmp(kind, "jws-ct") == 0) {
		text = member(line, "signed");
		ok = clear(text);
	} else if (strcmp(kind, "jws-detached-unencoded") == 0) {
		text = member(line, "jws");
		ok = verify(text, strlen(text), "$.02", 4);
	} else if (strcmp(kind, "jws-compact") == 0) {
		text = member(line, "jws");
		ok = compact(text);
	} else {
		check(0, "a vector of the unknown kind %s", kind);
		return 0;
	}
	free(text);
	return ok;
}

static void
test_vectors(void)
{
	const char *data = getenv("SG_TEST_DATA");
	char path[4096], *line = NULL;
	size_t size = 0, count = 0;
	ssize_t n;
	FILE *f;

	snprintf(path, sizeof path, "%s/vectors/eddsa_jws_vectors.jsonl",
	    data != NULL ? data : "../shared/data");
	f = fopen(path, "r");
	if (f == NULL) {
		printf("test_jws: no vectors: %s is not there\n", path);
		return;
	}
	while ((n = getline(&line, &size, f)) > 0) {
		struct json_value v = json_value(line, (size_t)n);
		char *id = member(&v, "id"), *kind = member(&v, "kind");
		char *expect = member(&v, "expect");
		int ok = decide(&v, kind);

		check(ok == (strcmp(expect, "valid") == 0), "%s: %s, is %s", id,
		    ok ? "accepted" : "refused", expect);
		free(id);
		free(kind);
		free(expect);
		count++;
	}
	check(count > 100, "only %zu vectors", count);
	free(line);
	fclose(f);
}

static const struct {
	const char *header, *typ, *why; /* why NULL: accepted */
} headers[] = {
	{ "{\"alg\":\"EdDSA\"}", NULL, NULL },
	{ "{\"alg\":\"Ed25519\",\"typ\":\"sg-event\"}", "sg-event", NULL },
	{ " {\"alg\" : \"EdDSA\", \"cty\":\"x\"} ", NULL, NULL },
	{ "{\"alg\":\"EdDSA\"}", "sg-event", "a signature of another kind" },
	{ "{\"alg\":\"EdDSA\",\"typ\":\"sg-cert\"}", "sg-event",
	    "a signature of another kind" },
	{ "{\"alg\":\"none\"}", NULL, "alg is not EdDSA" },
	{ "{\"alg\":\"HS256\"}", NULL, "alg is not EdDSA" },
	{ "{\"alg\":[\"EdDSA\"]}", NULL, "alg is not EdDSA" },
	{ "{}", NULL, "alg is not EdDSA" },
	{ "[\"EdDSA\"]", NULL, "header is no JSON object" },
	{ "{\"alg\":\"none\",\"alg\":\"EdDSA\"}", NULL,
	    "header is no JSON object" },
	{ "{\"alg\":\"EdDSA\",\"\\u0061lg\":\"EdDSA\"}", NULL,
	    "header is no JSON object" },
	{ "{\"alg\":\"EdDSA\",\"crit\":[]}", NULL,
	    "a header member that is not allowed" },
	{ "{\"alg\":\"EdDSA\",\"b64\":true}", NULL,
	    "a header member that is not allowed" },
	{ "{\"alg\":\"EdDSA\",\"jwk\":{}}", NULL,
	    "a header member that is not allowed" },
	{ "{\"alg\":\"EdDSA\",\"j\\u006bu\":\"\"}", NULL,
	    "a header member that is not allowed" },
	{ "{\"alg\":\"EdDSA\",\"x5u\":\"\"}", NULL,
	    "a header member that is not allowed" },
	{ "{\"alg\":\"EdDSA\",\"x5c\":[]}", NULL,
	    "a header member that is not allowed" },
	{ "{\"alg\":\"EdDSA\",\"kid\":\"short\"}", NULL,
	    "kid is no thumbprint" },
	{ "{\"alg\":\"EdDSA\",\"kid\":7}", NULL, "kid is no thumbprint" },
};

static void
test_headers(void)
{
	for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
		unsigned char sig[KEY_SIGNATURE] = { 0 };
		struct buf b = { 0 };
		const char *why = NULL, *want = headers[i].why;
		struct jws j;
		int got;

		key_b64(&b, headers[i].header, strlen(headers[i].header));
		buf_adds(&b, "..");
		key_b64(&b, sig, sizeof sig);
		got = jws_parse(&j, b.p, b.len, headers[i].typ, &why);
		check((got == 0) == (want == NULL) &&
			(got == 0 || strcmp(why, want) == 0),
		    "%s: %s, want %s", headers[i].header,
		    got == 0 ? "accepted" : why, want ? want : "accepted");
		buf_fini(&b);
	}
}

/* Ours is verified; with any one bit changed it is not. */
static void
test_own(void)
{
	static const char payload[] = "{\"topic\":\"A\",\"v\":1}";
	struct key *k = key_new("a");
	struct jws_signer signer;
	struct buf out = { 0 }, copy = { 0 };
	const char *why = "";
	struct jws j;
	int forged = 0;

	jws_signer_init(&signer, k, "sg-event");
	jws_sign(&signer, &out, &space, payload, strlen(payload));
	check(jws_parse(&j, out.p, out.len, "sg-event", &why) == 0 &&
		strcmp(j.kid, k->public.kid) == 0,
	    "own: %s", why);
	check(jws_verify(&j, k->public.sign, payload, strlen(payload), &space),
	    "own signature");
	check(!jws_verify(&j, k->public.enc, payload, strlen(payload), &space),
	    "another key");
	check(!jws_verify(
		  &j, k->public.sign, payload, strlen(payload) - 1, &space),
	    "a byte less");
	for (size_t i = 0; i < 8 * out.len; i++) {
		buf_clear(&copy);
		buf_add(&copy, out.p, out.len);
		copy.p[i / 8] ^= (char)(1 << i % 8);
		forged += jws_parse(&j, copy.p, copy.len, NULL, &why) == 0 &&
		    jws_verify(
			&j, k->public.sign, payload, strlen(payload), &space);
	}
	check(forged == 0, "%d changed signatures were accepted", forged);
	for (size_t n = 0; n < out.len; n++) {
		char *cut = malloc(n + 1);

		memcpy(cut, out.p, n);
		check(jws_parse(&j, cut, n, NULL, &why) < 0, "cut at %zu", n);
		free(cut);
	}
	jws_signer_fini(&signer);
	buf_fini(&out);
	buf_fini(&copy);
	key_free(k);
}

int
main(void)
{
	secret_start();
	test_vectors();
	test_headers();
	test_own();
	buf_fini(&space);
	return check_done();
}

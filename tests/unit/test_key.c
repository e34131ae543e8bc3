/* Key files: what is read back, what is refused, and every way out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "trust/key.h"
#include "trust/secret.h"

#include "check.h"

static char folder[] = "/tmp/sg-test-key-XXXXXX";
static char path[64];

static const struct {
	const char *in;
	const char *why; /* NULL: fine */
} subjects[] = {
	{ "a", NULL },
	{ "nw/meter/1234", NULL },
	{ "A-z0.9_:@", NULL },
	{ "...", NULL },
	{ "a/.b", NULL },
	{ "", "empty" },
	{ "/a", "empty part between slashes" },
	{ "a/", "empty part between slashes" },
	{ "a//b", "empty part between slashes" },
	{ ".", "\".\" or \"..\" between slashes" },
	{ "a/../b", "\".\" or \"..\" between slashes" },
	{ "a/.", "\".\" or \"..\" between slashes" },
	{ "a b", "a character that is none of A-Z a-z 0-9 . _ : @ / -" },
	{ "a\033[2J", "a character that is none of A-Z a-z 0-9 . _ : @ / -" },
	{ "caf\303\251",
	    "a character that is none of A-Z a-z 0-9 . _ : @ / -" },
	{ "1234567890123456789012345678901234567890123456789012345678901234",
	    NULL },
	{ "12345678901234567890123456789012345678901234567890123456789012345",
	    "longer than 64 characters" },
};

static void
test_subjects(void)
{
	for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
		const char *in = subjects[i].in, *want = subjects[i].why;
		const char *why = key_subject_check(in, strlen(in));

		check((why == NULL) == (want == NULL) &&
			(why == NULL || strcmp(why, want) == 0),
		    "%s: %s, want %s", in, why ? why : "fine",
		    want ? want : "fine");
	}
	check(key_subject_check("a\0b", 3) != NULL, "NUL in a subject");
}

static const struct {
	const char *in;
	int n; /* bytes, -1: refused */
	const char *why;
} texts[] = {
	{ "", 0, "nothing" },
	{ "AA", 1, "one byte" },
	{ "_-8", 2, "the alphabet's end" },
	{ "AAAA", 3, "three bytes" },
	{ "AB", -1, "a bit that is left over" },
	{ "A", -1, "six bits" },
	{ "AA==", -1, "padding" },
	{ "+/8", -1, "the other alphabet" },
	{ "AA A", -1, "a space" },
	{ "AA\nA", -1, "a line feed" },
	{ "AA\xc3\xa9", -1, "letters beyond ASCII" },
	{ "AAAAAA", -1, "longer than there is room" },
};

static void
test_base64(void)
{
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		unsigned char out[3];
		struct buf b = { 0 };
		int n = key_b64_parse(
		    out, sizeof out, texts[i].in, strlen(texts[i].in));

		check(n == texts[i].n, "base64url \"%s\": %d: %s", texts[i].in,
		    n, texts[i].why);
		if (n > 0) {
			key_b64(&b, out, (size_t)n);
			check(strcmp(buf_cstr(&b), texts[i].in) == 0,
			    "base64url \"%s\": not the same again",
			    texts[i].in);
		}
		buf_fini(&b);
	}
}

static int
same(const struct key *a, const struct key *b)
{
	return memcmp(&a->public, &b->public, sizeof a->public) == 0 &&
	    memcmp(a->sign, b->sign, sizeof a->sign) == 0 &&
	    memcmp(a->seed_enc, b->seed_enc, KEY_BYTES) == 0 &&
	    strcmp(a->subject, b->subject) == 0;
}

/* The text of a key file of k, without its LF; the caller frees. */
static char *
text_of(const struct key *k, const char *pass)
{
	char *text = secret_new(SECRET_FILE_MAX + 1);
	const char *why = "";
	size_t n = 0;

	check(key_save(k, path, pass, pass == NULL ? 0 : strlen(pass),
		  SECRET_REPLACE, &why) == 0,
	    "save: %s", why);
	check(secret_read(path, text, &n, &why) == 0, "read: %s", why);
	check(n > 0 && text[n - 1] == '\n' &&
		memchr(text, '\n', n) == text + n - 1,
	    "a key file is one line");
	text[n > 0 ? n - 1 : 0] = '\0';
	return text;
}

static void
test_round(const struct key *k)
{
	char *text = text_of(k, NULL);
	const char *why = "";
	struct key *again = key_parse(text, strlen(text), NULL, 0, &why);

	check(again != NULL && same(k, again), "plain: %s", why);
	key_free(again);
	secret_free(text);
	again = key_load(path, -1, &why);
	check(again != NULL && same(k, again), "load: %s", why);
	key_free(again);
	check(key_save(k, path, NULL, 0, SECRET_CREATE, &why) < 0 &&
		errno == EEXIST,
	    "an existing key is never overwritten");
}

static struct key *
load_with(const char *typed, const char **why)
{
	struct key *k;
	int fd[2], error;

	if (pipe(fd) < 0 || write(fd[1], typed, strlen(typed)) < 0)
		abort();
	close(fd[1]);
	k = key_load(path, fd[0], why);
	error = errno;
	close(fd[0]);
	errno = error;
	return k;
}

static void
test_passphrase(const struct key *k)
{
	char *text = text_of(k, "correct horse"), *at;
	const char *why = "";
	struct key *again;

	check(strstr(text, "\"d\"") == NULL, "a sealed file names no secret");
	again = load_with("correct horse\nmore", &why);
	check(again != NULL && same(k, again), "sealed: %s", why);
	key_free(again);
	check(load_with("correct horsf\n", &why) == NULL && errno == EACCES &&
		strcmp(why, "wrong passphrase") == 0,
	    "wrong passphrase: %s", why);
	check(load_with("", &why) == NULL && errno == ENODATA,
	    "no passphrase: %s", why);
	check(key_parse(text, strlen(text), NULL, 0, &why) == NULL &&
		errno == ENOKEY,
	    "asks for a passphrase: %s", why);
	/* the subject is sealed with it */
	at = strstr(text, k->subject);
	at[0] = at[0] == 'x' ? 'y' : 'x';
	check(
	    key_parse(text, strlen(text), "correct horse", 13, &why) == NULL &&
		errno == EACCES,
	    "another subject: %s", why);
	secret_free(text);
}

/* One text replaced by another in the file of a key. */
static const struct {
	const char *from, *to, *why;
} edits[] = {
	{ "{", "[", "not a key file" },
	{ "},", ",", "not a key file" },
	{ "\"sub\"", "\"kid\"", "not a key file" },
	{ "\"kty\":\"OKP\",\"sub\"", "\"kty\":\"RSA\",\"sub\"",
	    "no Ed25519 key" },
	{ "Ed25519", "Ed448", "no Ed25519 key" },
	{ "X25519", "X448", "enc is no X25519 key" },
	{ "\"enc\"", "\"end\"", "enc is no X25519 key" },
	{ "\"kid\":\"", "\"kid\":\"A", "kid is not the key's thumbprint" },
	{ "\"sub\":\"", "\"sub\":\"/", "sub is no subject" },
	{ "\"sub\":\"", "\"sub\":\"\\u0041", "sub is no subject" },
	{ "\"sub\"", "\"sup\"", "no sub" },
	{ "\"d\"", "\"D\"", "no secret key" },
	{ "\"enc\":{\"crv\":\"X25519\",\"d\"",
	    "\"enc\":{\"crv\":\"X25519\",\"D\"", "no secret key" },
	{ "\"d\":\"", "\"d\":\"A", "no secret key" },
};

static void
test_edits(const struct key *k)
{
	char *text = text_of(k, NULL);

	for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
		char *at = strstr(text, edits[i].from);
		struct buf b = { 0 };
		const char *why = "";

		if (at == NULL) {
			check(0, "%s is not in a key file", edits[i].from);
			continue;
		}
		buf_add(&b, text, (size_t)(at - text));
		buf_adds(&b, edits[i].to);
		buf_adds(&b, at + strlen(edits[i].from));
		check(key_parse(b.p, b.len, NULL, 0, &why) == NULL &&
			errno == EBADMSG && strcmp(why, edits[i].why) == 0,
		    "%s for %s: %s, want %s", edits[i].to, edits[i].from, why,
		    edits[i].why);
		buf_fini(&b);
	}
	secret_free(text);
}

/* The public half of one key with the secret of another. */
static void
test_mixed(const struct key *k)
{
	struct key *other = key_new("other");
	const char *why = "";
	char *text;

	memcpy(other->public.enc, k->public.enc, KEY_BYTES);
	text = text_of(other, NULL);
	check(key_parse(text, strlen(text), NULL, 0, &why) == NULL &&
		strcmp(why, "d and x of enc do not belong together") == 0,
	    "mixed enc: %s", why);
	secret_free(text);
	other->public = k->public;
	text = text_of(other, NULL);
	check(key_parse(text, strlen(text), NULL, 0, &why) == NULL &&
		strcmp(why, "d and x do not belong together") == 0,
	    "mixed: %s", why);
	secret_free(text);
	key_free(other);
}

static const struct {
	const char *in;
	int ok;
	const char *why;
} jwks[] = {
	{ "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
	  "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
	    1, "RFC 8037 A.2" },
	{ "{\"alg\":\"EdDSA\",\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
	  "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
	    1, "members that it does not know" },
	{ "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":"
	  "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
	    0, "another curve" },
	{ "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"\",\"x\":"
	  "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
	    0, "a secret where only the public half belongs" },
	{ "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
	  "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ\"}",
	    0, "31 bytes" },
	{ "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":7}", 0, "a number" },
	{ "{\"kty\":\"EC\",\"crv\":\"Ed25519\",\"x\":"
	  "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
	    0, "another type" },
	{ "[]", 0, "no object" },
};

static void
test_jwks(void)
{
	static const char thumbprint[] =
	    "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
	unsigned char x[KEY_BYTES];
	char kid[KEY_ID + 1];

	for (size_t i = 0; i < sizeof jwks / sizeof jwks[0]; i++) {
		struct json_value v =
		    json_value(jwks[i].in, strlen(jwks[i].in));
		int ok = key_jwk_parse(&v, "Ed25519", x) == 0;

		check(ok == jwks[i].ok, "jwk: %s", jwks[i].why);
		if (ok) {
			key_thumbprint(x, kid);
			check(strcmp(kid, thumbprint) == 0, "thumbprint %s: %s",
			    kid, jwks[i].why);
		}
	}
}

/* The form of each; that other programs take them is tested with these. */
static void
test_exports(const struct key *k)
{
	static const struct {
		enum key_form form;
		const char *start, *secret;
		size_t lines;
	} forms[] = {
		{ KEY_MINISIGN, "untrusted comment: minisign public key ",
		    "untrusted comment: minisign encrypted secret key\n", 2 },
		{ KEY_AGE, "age1", "AGE-SECRET-KEY-1", 1 },
		{ KEY_PKCS8, "-----BEGIN PUBLIC KEY-----\n",
		    "-----BEGIN PRIVATE KEY-----\n", 3 },
		{ KEY_NKEY, "U", "SU", 1 },
	};

	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		struct buf b = { 0 };
		size_t lines = 0;

		key_export_public(&b, forms[i].form, &k->public);
		check(strncmp(buf_cstr(&b), forms[i].start,
			  strlen(forms[i].start)) == 0,
		    "export: %s", buf_cstr(&b));
		for (size_t j = 0; j < b.len; j++)
			lines += b.p[j] == '\n';
		check(lines == forms[i].lines, "%zu lines: %s", lines, b.p);
		buf_clear(&b);
		key_export_secret(&b, forms[i].form, k);
		check(strncmp(buf_cstr(&b), forms[i].secret,
			  strlen(forms[i].secret)) == 0,
		    "export of the secret: form %zu", i);
		buf_fini(&b);
	}
}

int
main(void)
{
	struct key *k;

	secret_start();
	if (mkdtemp(folder) == NULL)
		abort();
	snprintf(path, sizeof path, "%s/a.key", folder);
	k = key_new("nw/meter/1");
	test_subjects();
	test_base64();
	test_round(k);
	test_passphrase(k);
	test_edits(k);
	test_mixed(k);
	test_jwks();
	test_exports(k);
	key_free(k);
	unlink(path);
	rmdir(folder);
	return check_done();
}

/*
 * What is read as a key file signs, and is the same again when it is written;
 * its public half is the one that a reader without the secret sees.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "trust/jws.h"
#include "trust/key.h"
#include "trust/secret.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int truth)
{
	if (!truth)
		abort();
}

static void
check_signs(const struct key *k)
{
	struct jws_signer signer;
	struct buf out = { 0 }, space = { 0 };
	const char *why;
	struct jws j;

	jws_signer_init(&signer, k, "sg-event");
	jws_sign(&signer, &out, &space, "{}", 2);
	require(jws_parse(&j, out.p, out.len, "sg-event", &why) == 0);
	require(strcmp(j.kid, k->public.kid) == 0);
	require(jws_verify(&j, k->public.sign, "{}", 2, &space));
	require(!jws_verify(&j, k->public.sign, "{ }", 3, &space));
	jws_signer_fini(&signer);
	buf_fini(&out);
	buf_fini(&space);
}

static void
check_public(const struct key *k, const char *text, size_t n)
{
	char subject[KEY_SUBJECT_MAX + 1];
	struct key_public public;
	struct buf line = { 0 };
	const char *why;

	require(key_subject_check(k->subject, strlen(k->subject)) == NULL);
	require(key_public_parse(text, n, subject, &public, &why) == 0);
	require(strcmp(subject, k->subject) == 0);
	require(memcmp(&public, &k->public, sizeof public) == 0);
	key_public_line(&line, k);
	require(
	    key_public_parse(line.p, line.len, subject, &public, &why) == 0);
	require(memcmp(&public, &k->public, sizeof public) == 0);
	buf_fini(&line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size ? size : 1);
	const char *why = NULL;
	struct key *k;

	secret_start();
	memcpy(text, data, size);
	k = key_parse(text, size, NULL, 0, &why);
	require((k == NULL) == (why != NULL));
	if (k != NULL) {
		check_public(k, text, size);
		check_signs(k);
		key_free(k);
	}
	free(text);
	return 0;
}

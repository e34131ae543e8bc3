/*
 * A detached signature that is read has the shape it must have, and nobody
 * signs by chance; base64url is the only text of its bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "trust/jws.h"
#include "trust/secret.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int truth)
{
	if (!truth)
		abort();
}

static void
check_parsed(const struct jws *j, const char *text, size_t size)
{
	static const unsigned char key[KEY_BYTES] = { 1 };
	struct buf space = { 0 }, again = { 0 };

	require(j->head == text && j->head_n < size);
	require(j->kid[0] == '\0' || strlen(j->kid) == KEY_ID);
	require(memchr(text, '.', j->head_n) == NULL);
	buf_add(&again, text, j->head_n);
	buf_adds(&again, "..");
	key_b64(&again, j->sig, sizeof j->sig);
	require(again.len == size && memcmp(again.p, text, size) == 0);
	require(!jws_verify(j, key, text, size, &space));
	buf_fini(&space);
	buf_fini(&again);
}

static void
check_base64(const char *text, size_t size)
{
	unsigned char *out = malloc(size + 1);
	struct buf b = { 0 };
	int n = key_b64_parse(out, size, text, size);

	if (n >= 0) {
		key_b64(&b, out, (size_t)n);
		require(b.len == size &&
		    (size == 0 || memcmp(b.p, text, size) == 0));
	}
	buf_fini(&b);
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size ? size : 1);
	const char *why = NULL;
	struct jws j;

	secret_start();
	memcpy(text, data, size);
	if (jws_parse(&j, text, size, NULL, &why) == 0)
		check_parsed(&j, text, size);
	else
		require(why != NULL);
	if (jws_parse(&j, text, size, "sg-event", &why) == 0)
		check_parsed(&j, text, size);
	check_base64(text, size);
	free(text);
	return 0;
}

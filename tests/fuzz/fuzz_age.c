/*
 * Documents of age: what is fed in other pieces has the same end; what is
 * given out is the beginning of what was sealed, all of it only if the
 * document is whole; what was sealed is opened again; armor that is read is
 * armor that we would write, but for white space.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "trust/age.h"
#include "trust/armor.h"
#include "trust/secret.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PLAIN = 70000 };

static struct key *key;
static struct buf whole[2]; /* sealed, of both forms */
static unsigned char plain[PLAIN];

static void
require(int truth)
{
	if (!truth)
		abort();
}

static void
seal(const void *p, size_t n, size_t step, enum age_form form, struct buf *out)
{
	struct age_seal *s = age_seal_new(
	    (const unsigned char(*)[KEY_BYTES])(const void *)key->public.enc, 1,
	    form, out);
	const char *at = p;

	require(s != NULL);
	for (size_t i = 0; i < n; i += step)
		age_seal_add(s, at + i, n - i < step ? n - i : step, out);
	age_seal_end(s, out);
}

static enum age_result
open_all(const char *p, size_t n, size_t step, struct buf *out)
{
	struct age_open *a = age_open_new(key->seed_enc);
	enum age_result r = AGE_GOOD;

	buf_clear(out);
	for (size_t i = 0; i < n && r == AGE_GOOD; i += step)
		r = age_open_add(a, p + i, n - i < step ? n - i : step, out);
	if (r == AGE_GOOD)
		r = age_open_end(a, out);
	require(age_result_why(r) != NULL);
	age_open_free(a);
	return r;
}

static void
start(void)
{
	if (key != NULL)
		return;
	secret_start();
	key = key_new("a");
	randombytes_buf(plain, sizeof plain);
	for (int form = 0; form < 2; form++)
		seal(plain, sizeof plain, sizeof plain, (enum age_form)form,
		    &whole[form]);
}

static void
pieces(const char *p, size_t n)
{
	struct buf a = { 0 }, b = { 0 };
	enum age_result one = open_all(p, n, 65536, &a),
			other = open_all(p, n, 7, &b);

	require(one == other && a.len == b.len);
	require(a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
	buf_fini(&a);
	buf_fini(&b);
}

/* Places and bytes to put there, or to cut the document off at. */
static void
alter(const uint8_t *data, size_t size, enum age_form form)
{
	struct buf copy = { 0 }, out = { 0 };
	enum age_result r;

	buf_add(&copy, whole[form].p, whole[form].len);
	for (; size >= 4; data += 4, size -= 4) {
		size_t at =
		    ((size_t)data[0] << 16 | (size_t)data[1] << 8 | data[2]) %
		    (copy.len + 1);

		if (at == copy.len)
			buf_addc(&copy, (char)data[3]);
		else if (data[3] == 255)
			copy.len = at;
		else
			copy.p[at] = (char)data[3];
	}
	r = open_all(copy.p, copy.len, 4096, &out);
	require(out.len <= sizeof plain);
	require(out.len == 0 || memcmp(out.p, plain, out.len) == 0);
	require(r != AGE_GOOD || out.len == sizeof plain);
	require(r != AGE_GOOD || form == AGE_ARMOR ||
	    (copy.len == whole[form].len &&
		memcmp(copy.p, whole[form].p, copy.len) == 0));
	buf_fini(&copy);
	buf_fini(&out);
}

static void
round_trip(const uint8_t *data, size_t size, enum age_form form)
{
	struct buf sealed = { 0 }, out = { 0 };

	seal(data, size, 1 + size / 3, form, &sealed);
	require(open_all(sealed.p, sealed.len, 100, &out) == AGE_GOOD);
	require(out.len == size);
	require(size == 0 || memcmp(out.p, data, size) == 0);
	buf_fini(&sealed);
	buf_fini(&out);
}

static void
armor(const char *p, size_t n)
{
	struct armor_in in = { 0 }, again = { 0 };
	struct armor_out out = { 0 };
	struct buf bytes = { 0 }, text = { 0 }, same = { 0 };

	if (armor_read(&in, p, n, &bytes) == 0 &&
	    armor_read_end(&in, &bytes) == 0) {
		armor_write(&out, bytes.p, bytes.len, &text);
		armor_write_end(&out, &text);
		require(text.len <= n + 1);
		require(armor_read(&again, text.p, text.len, &same) == 0);
		require(armor_read_end(&again, &same) == 0);
		require(same.len == bytes.len);
		require(
		    same.len == 0 || memcmp(same.p, bytes.p, same.len) == 0);
	}
	buf_fini(&bytes);
	buf_fini(&text);
	buf_fini(&same);
}

static void
names(const char *p, size_t n)
{
	char *text = strndup(p, n);
	unsigned char out[KEY_BYTES];

	age_recipient(text, out);
	age_identity(text, out);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data + 1;

	start();
	if (size == 0)
		return 0;
	switch (data[0] % 7) {
	case 0: pieces(p, size - 1); break;
	case 1: alter(data + 1, size - 1, AGE_BINARY); break;
	case 2: alter(data + 1, size - 1, AGE_ARMOR); break;
	case 3: round_trip(data + 1, size - 1, AGE_BINARY); break;
	case 4: round_trip(data + 1, size - 1, AGE_ARMOR); break;
	case 5: armor(p, size - 1); break;
	default: names(p, size - 1); break;
	}
	return 0;
}

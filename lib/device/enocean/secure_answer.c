#include <string.h>

#include "device/enocean/secure_part.h"
#include "trust/secret.h"

/* INFO of the two telegrams: index 0 of 2, two-way; index 1. */
enum {
	FIRST = 2 << 4 | 1,
	SECOND = 1 << 6,
	INFO_PSK = 1 << 3,
	BODY = 1 + SECURE_CODE_MAX + AES_KEY,
	BODY_FIRST = 12 /* bytes of it in the first telegram */
};

/* A key for what we send, unless there is one: kept before it is told. */
static int
have_key(struct secure *s, struct secure_device *d)
{
	struct secure_device old = *d;

	if (d->own_key)
		return 0;
	secret_random(secure_keys(s, d)->send_key, AES_KEY);
	d->own_key = d->can_send = 1;
	d->sent = (struct secure_counter){ 0, 0 };
	aes_free(d->out);
	d->out = NULL;
	if (s->path == NULL || secure_file_save(s, SECURE_AHEAD) == 0)
		return 0;
	old.out = NULL;
	*d = old;
	return -1;
}

/* SLF, rolling code, key; how many bytes. */
static size_t
write_body(const struct secure *s, const struct secure_device *d, uint8_t *p)
{
	const struct secure_keys *keys = secure_keys(s, d);
	size_t n = 1;

	p[0] = d->level.slf;
	n += secure_write_code(d->sent.next, d->level.code_bits, p + n);
	memcpy(p + n, keys->send_key, AES_KEY);
	n += AES_KEY;
	if (d->has_psk)
		secure_hide(keys->psk, p + 1, n - 1);
	return n;
}

int
secure_answer(struct secure *s, uint64_t device, uint64_t sender,
    struct telegram out[SECURE_ANSWERS], const char **why)
{
	struct secure_device *d = secure_find(s, device);
	uint8_t body[BODY], *first = s->work,
			    *second = s->work + 1 + BODY_FIRST;
	size_t n;

	if (d == NULL || !d->has_key) {
		*why = "the device has no key";
		return -1;
	}
	if (have_key(s, d) < 0) {
		*why = s->why;
		return -1;
	}
	n = write_body(s, d, body);
	first[0] = (uint8_t)(FIRST | (d->has_psk ? INFO_PSK : 0));
	memcpy(first + 1, body, BODY_FIRST);
	second[0] = SECOND;
	memcpy(second + 1, body + BODY_FIRST, n - BODY_FIRST);
	secret_wipe(body, sizeof body);
	for (int i = 0; i < SECURE_ANSWERS; i++)
		out[i] = (struct telegram){ .sender = sender,
			.dest = TELEGRAM_BROADCAST,
			.rorg = RORG_SEC_TI,
			.p = i == 0 ? first : second,
			.n = i == 0 ? 1 + BODY_FIRST : 1 + n - BODY_FIRST,
			.erp = 1 };
	return 0;
}

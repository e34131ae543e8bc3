#include <string.h>

#include "device/enocean/secure_part.h"
#include "trust/secret.h"

/*
 * A telegram of a teach-in is INFO and its part of SLF, rolling code and key
 * (Security of EnOcean Radio Networks, section 4).
 */
enum {
	INDEX_SHIFT = 6,
	COUNT_SHIFT = 4,
	COUNT_MASK = 3,
	INFO_PSK = 1 << 3,
	BODY_MAX = SECURE_PARTS * SECURE_PART_MAX
};

static enum secure_result
refuse(const char **why, const char *text)
{
	*why = text;
	return SECURE_REFUSED;
}

static struct secure_pending *
pending_of(struct secure *s, uint64_t sender)
{
	for (size_t i = 0; i < SECURE_PENDING; i++) {
		struct secure_pending *p = &s->pending[i];

		if (p->used != 0 && p->sender == sender)
			return p;
	}
	return NULL;
}

/* A free one, or the one that waited longest. */
static struct secure_pending *
new_pending(struct secure *s, uint64_t sender)
{
	struct secure_pending *p = &s->pending[0];

	for (size_t i = 1; i < SECURE_PENDING; i++)
		if (s->pending[i].used < p->used)
			p = &s->pending[i];
	secret_wipe(p, sizeof *p);
	p->sender = sender;
	return p;
}

static int
is_complete(const struct secure_pending *p)
{
	int count = p->part[0][0] >> COUNT_SHIFT & COUNT_MASK;

	for (int i = 0; i < count; i++)
		if (p->n[i] == 0)
			return 0;
	return p->n[0] > 0;
}

/* All parts without their INFO. */
static size_t
join(const struct secure_pending *p, uint8_t body[BODY_MAX])
{
	int count = p->part[0][0] >> COUNT_SHIFT & COUNT_MASK;
	size_t n = 0;

	for (int i = 0; i < count; i++) {
		memcpy(body + n, p->part[i] + 1, p->n[i] - 1u);
		n += p->n[i] - 1u;
	}
	return n;
}

void
secure_hide(const uint8_t psk[AES_KEY], uint8_t *p, size_t n)
{
	static const struct secure_level none;
	struct aes *a = aes_new(psk);

	secure_vaes(a, &none, 0, p, n, p);
	aes_free(a);
}

/* NULL, or why a device that is known must not be taught so. */
static const char *
judge_again(const struct secure_device *d, const struct secure_keys *keys,
    const struct secure_level *level, uint64_t code, const uint8_t *key)
{
	if (level->mac_bytes < d->level.mac_bytes ||
	    level->code_bits < d->level.code_bits)
		return "teach-in of a lower security level than is known";
	/* Whoever has recorded a teach-in must not turn the code back. */
	if (memcmp(keys->key, key, AES_KEY) == 0 &&
	    (level->code_bits == 16
		    ? ((code - d->received.next) & 0xFFFF) > SECURE_WINDOW
		    : code < d->received.next))
		return "teach-in with an older rolling code: a replay, or the "
		       "device was reset";
	return NULL;
}

/* Enter it and make it durable, or leave all as it was. */
static enum secure_result
learn(struct secure *s, struct secure_device *d,
    const struct secure_level *level, uint64_t code, const uint8_t *key,
    const char **why)
{
	struct secure_keys *keys = secure_keys(s, d), old_keys = *keys;
	struct secure_device old = *d;
	enum secure_result result = SECURE_TAUGHT;

	memcpy(keys->key, key, AES_KEY);
	d->level = *level;
	d->received = (struct secure_counter){ code, code };
	d->has_key = 1;
	if (!old.has_key)
		secure_add_line(
		    s, SECURE_KEY, (size_t)(d - s->device), NULL, 0);
	if (s->path != NULL && secure_file_save(s, SECURE_AHEAD) < 0) {
		if (!old.has_key)
			s->lines--;
		*keys = old_keys;
		*d = old;
		result = refuse(why, s->why);
	} else {
		secure_forget_contexts(d);
	}
	secret_wipe(&old_keys, sizeof old_keys);
	return result;
}

/* body: SLF, rolling code, key; of n bytes. */
static enum secure_result
take_body(struct secure *s, uint64_t sender, uint8_t info, uint8_t *body,
    size_t n, const char **why)
{
	struct secure_device *d = secure_find(s, sender);
	struct secure_level level;
	const char *fault = n > 0 ? secure_level(body[0], &level) : "empty";
	size_t code_bytes;
	uint64_t code;

	if (fault != NULL)
		return refuse(why, fault);
	code_bytes = level.code_bits / 8u;
	if (n != 1 + code_bytes + AES_KEY)
		return refuse(why, "teach-in of a wrong length");
	if ((info & INFO_PSK) != 0 && (d == NULL || !d->has_psk))
		return refuse(
		    why, "teach-in needs the device's pre-shared key");
	if ((info & INFO_PSK) == 0 && d != NULL && d->has_psk)
		return refuse(
		    why, "teach-in without the pre-shared key of the device");
	if ((info & INFO_PSK) != 0)
		secure_hide(secure_keys(s, d)->psk, body + 1, n - 1);
	code = secure_read_code(body + 1, code_bytes);
	if (d != NULL && d->has_key)
		fault = judge_again(
		    d, secure_keys(s, d), &level, code, body + 1 + code_bytes);
	else if (d == NULL && (d = secure_add(s, sender)) == NULL)
		fault = "too many devices";
	if (fault != NULL)
		return refuse(why, fault);
	return learn(s, d, &level, code, body + 1 + code_bytes, why);
}

enum secure_result
secure_teach(struct secure *s, const struct telegram *in, struct telegram *out,
    const char **why)
{
	uint8_t body[BODY_MAX];
	struct secure_pending *p;
	enum secure_result result;
	int index;

	if (in->n < 2 || in->n > SECURE_PART_MAX)
		return refuse(why, "teach-in of a wrong length");
	index = in->p[0] >> INDEX_SHIFT;
	p = pending_of(s, in->sender);
	if (p == NULL && index > 0)
		return refuse(why, "teach-in without its first telegram");
	if (p == NULL)
		p = new_pending(s, in->sender);
	/* Another teach-in: parts of the one before are none of it. */
	if (index == 0 &&
	    (p->n[0] != in->n || memcmp(p->part[0], in->p, in->n) != 0))
		secret_wipe(p->n, sizeof p->n);
	p->used = ++s->used;
	memcpy(p->part[index], in->p, in->n);
	p->n[index] = (uint8_t)in->n;
	if (!is_complete(p))
		return SECURE_PART;
	*out = *in;
	out->p = s->work;
	out->n = 1;
	s->work[0] = p->part[0][0];
	result =
	    take_body(s, in->sender, p->part[0][0], body, join(p, body), why);
	secret_wipe(body, sizeof body);
	secret_wipe(p, sizeof *p);
	return result;
}

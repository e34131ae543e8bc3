#include "device/enocean/secure.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/die.h"
#include "device/enocean/secure_part.h"
#include "trust/secret.h"

enum {
	AUTHENTIC = 3, /* ESP3: the module has checked it, 4: decrypted too */
	SWITCH_MASK = 0x0F
};

struct secure *
secure_open(const char *path, int learn, struct buf *why)
{
	struct secure *s;

	secret_start();
	s = xcalloc(1, sizeof *s);
	s->pending = secret_new(SECURE_PENDING * sizeof *s->pending);
	s->lock = -1;
	if (path != NULL && secure_file_open(s, path, learn, why) < 0) {
		free(s->path);
		s->path = NULL;
		secure_close(s);
		return NULL;
	}
	return s;
}

static int
unsaved(const struct secure *s)
{
	for (size_t i = 0; i < s->devices; i++) {
		const struct secure_device *d = &s->device[i];

		if (d->received.kept != d->received.next ||
		    d->sent.kept != d->sent.next)
			return 1;
	}
	return 0;
}

int
secure_close(struct secure *s)
{
	int status = 0, error;

	if (s == NULL)
		return 0;
	if (s->path != NULL && unsaved(s))
		status = secure_file_save(s, 0);
	error = errno;
	for (size_t i = 0; i < s->devices; i++)
		secure_forget_contexts(&s->device[i]);
	for (size_t i = 0; i < s->lines; i++) {
		char *comment = s->line[i].comment;

		/* A row may have been commented out, with its key. */
		if (comment != NULL)
			secret_wipe(comment, strlen(comment));
		free(comment);
	}
	free(s->line);
	free(s->device);
	free(s->slot);
	free(s->path);
	if (s->keys != NULL)
		secret_free(s->keys);
	if (s->lock >= 0)
		close(s->lock);
	secret_free(s->pending);
	secret_wipe(s, sizeof *s);
	free(s);
	errno = error;
	return status;
}

int
secure_has(const struct secure *s, uint64_t sender)
{
	const struct secure_device *d = secure_find(s, sender);

	return d != NULL && d->has_key;
}

static enum secure_result
refuse(const char **why, const char *text)
{
	*why = text;
	return SECURE_REFUSED;
}

/* One of our own telegrams, sent back to us. */
static int
reflected(const struct secure_device *d, const struct telegram *in)
{
	uint32_t mac = (uint32_t)secure_read_code(
	    in->p + in->n - d->level.mac_bytes, d->level.mac_bytes);

	for (size_t i = 0; i < SECURE_MADE && i < d->made_at; i++)
		if (d->made[i] == mac)
			return 1;
	return 0;
}

/* What was inside.  0, or -1 if that is no telegram. */
static int
unwrap(
    struct secure *s, const struct telegram *in, size_t n, struct telegram *out)
{
	*out = *in;
	out->security = AUTHENTIC + 1;
	if (in->rorg == RORG_SEC) {
		out->rorg = RORG_SEC_D;
		out->p = s->work;
		out->n = n;
		/* Of the one byte of a switch only the low half is its own. */
		if (n == 1)
			s->work[0] &= SWITCH_MASK;
		return 0;
	}
	out->rorg = s->work[0];
	out->p = s->work + 1;
	out->n = n - 1;
	return out->rorg >= RORG_SEC && out->rorg <= RORG_SEC_TI ? -1 : 0;
}

static enum secure_result
open_telegram(struct secure *s, const struct telegram *in, struct telegram *out,
    const char **why)
{
	struct secure_device *d = secure_find(s, in->sender);
	const char *fault;
	uint64_t code;
	size_t extra;

	if (d == NULL || !d->has_key)
		return refuse(why, "secured, and its key is not known");
	extra = (size_t)d->level.code_bytes + d->level.mac_bytes;
	if (in->n <= extra || in->n > TELEGRAM_SPACE)
		return refuse(why, "secured, and cut short");
	if (d->in == NULL)
		d->in = aes_new(secure_keys(s, d)->key);
	fault = secure_verify(d->in, &d->level, d->received.next, in, &code);
	if (fault != NULL)
		return refuse(why, fault);
	if (reflected(d, in))
		return refuse(why, "a telegram of our own, sent back");
	if (secure_reserve(s, d, &d->received, code + 1) < 0)
		return refuse(why, s->why);
	secure_vaes(d->in, &d->level, code, in->p, in->n - extra, s->work);
	if (unwrap(s, in, in->n - extra, out) < 0)
		return refuse(why, "secured twice");
	return SECURE_OPENED;
}

enum secure_result
secure_take(struct secure *s, const struct telegram *in, int learn,
    struct telegram *out, const char **why)
{
	const struct secure_device *d;

	switch (in->rorg) {
	case RORG_SEC:
	case RORG_SEC_ENCAPS: return open_telegram(s, in, out, why);
	case RORG_SEC_TI:
		if (!learn)
			return refuse(why, "secure teach-in, and not learning");
		return secure_teach(s, in, out, why);
	case RORG_SEC_CDM:
		return refuse(why, "part of a secured message, without others");
	case RORG_SEC_MAN:
		return refuse(why, "maintenance of security, not supported");
	case RORG_SEC_D:
		/* Nobody sends it: it is what a module makes of others. */
		if (in->security < AUTHENTIC)
			return refuse(why, "said to be decrypted, and was not");
		break;
	}
	d = secure_find(s, in->sender);
	if (d != NULL && (d->has_key || d->has_psk))
		return refuse(why, "plain, from a device that is secured");
	return SECURE_PLAIN;
}

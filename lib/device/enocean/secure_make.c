#include <string.h>

#include "device/enocean/secure_part.h"
#include "trust/secret.h"

static int
refuse(const char **why, const char *text)
{
	*why = text;
	return -1;
}

static const char *
judge(const struct secure_device *d, const struct telegram *plain)
{
	uint64_t codes;

	if (d == NULL || !d->has_key)
		return "the device has no key";
	if (!d->can_send)
		return "no rolling code for telegrams to the device";
	codes = secure_codes(&d->level);
	if (codes != 0 && d->sent.next >= codes)
		return "the rolling codes for telegrams to the device are used "
		       "up";
	if (plain->rorg != RORG_SEC_D && plain->rorg >= RORG_SEC &&
	    plain->rorg <= RORG_SEC_TI)
		return "it is secured already";
	if (plain->n + 1 + SECURE_CODE_MAX + SECURE_MAC_MAX > TELEGRAM_SPACE)
		return "too long to be secured";
	if (plain->rorg == RORG_SEC_D &&
	    (plain->n == 0 || (plain->n == 1 && plain->p[0] > 0x0F)))
		return "no code of a switch";
	return NULL;
}

static struct aes *
context_of(struct secure *s, struct secure_device *d)
{
	const struct secure_keys *keys = secure_keys(s, d);

	if (d->out == NULL)
		d->out = aes_new(d->own_key ? keys->send_key : keys->key);
	return d->out;
}

static void
keep(struct secure_device *d, const uint8_t *mac)
{
	/* With keys of their own nobody can send our telegrams back. */
	if (!d->own_key)
		d->made[d->made_at++ % SECURE_MADE] =
		    (uint32_t)secure_read_code(mac, d->level.mac_bytes);
}

int
secure_make(struct secure *s, uint64_t device, const struct telegram *plain,
    struct telegram *out, const char **why)
{
	struct secure_device *d = secure_find(s, device);
	const char *fault = judge(d, plain);
	uint8_t mac[AES_BLOCK], code_bytes[SECURE_CODE_MAX];
	uint64_t code;
	size_t n, skip;
	struct aes *a;

	if (fault != NULL)
		return refuse(why, fault);
	code = d->sent.next;
	if (secure_reserve(s, d, &d->sent, code + 1) < 0)
		return refuse(why, s->why);
	*out = *plain;
	out->rorg = plain->rorg == RORG_SEC_D ? RORG_SEC : RORG_SEC_ENCAPS;
	out->p = s->work;
	n = out->rorg == RORG_SEC_ENCAPS;
	/* It may be what secure_take() gave. */
	if (plain->n > 0)
		memmove(s->work + n, plain->p, plain->n);
	if (n > 0)
		s->work[0] = plain->rorg;
	n += plain->n;
	a = context_of(s, d);
	secure_vaes(a, &d->level, code, s->work, n, s->work);
	secure_mac(a, &d->level, code, out->rorg, s->work, n, mac);
	/* What is sent of the code are its last bytes. */
	skip = secure_write_code(code, d->level.code_bits, code_bytes) -
	    d->level.code_bytes;
	memcpy(s->work + n, code_bytes + skip, d->level.code_bytes);
	n += d->level.code_bytes;
	memcpy(s->work + n, mac, d->level.mac_bytes);
	out->n = n + d->level.mac_bytes;
	keep(d, mac);
	secret_wipe(mac, sizeof mac);
	return 0;
}

/* EEP D2-03-00 and F6-02-01: each code as data and status of a switch. */
static const struct {
	uint8_t payload, status;
} switches[16] = {
	[5] = { 0x17, 0x30 },  /* AI and B0 */
	[6] = { 0x70, 0x20 },  /* three or four */
	[7] = { 0x37, 0x30 },  /* A0 and B0 */
	[8] = { 0x10, 0x20 },  /* none, and the bow is down */
	[9] = { 0x15, 0x30 },  /* AI and BI */
	[10] = { 0x35, 0x30 }, /* A0 and BI */
	[11] = { 0x50, 0x30 }, /* BI */
	[12] = { 0x70, 0x30 }, /* B0 */
	[13] = { 0x10, 0x30 }, /* AI */
	[14] = { 0x30, 0x30 }, /* A0 */
	[15] = { 0x00, 0x20 }, /* released */
};

int
secure_rps(uint8_t code, uint8_t *payload, uint8_t *status)
{
	if (code >= sizeof switches / sizeof switches[0] ||
	    switches[code].status == 0)
		return -1;
	*payload = switches[code].payload;
	*status = switches[code].status;
	return 0;
}

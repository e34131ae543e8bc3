/*
 * Handshakes with one message altered, or replaced by anything: both sides
 * never end with the same keys unless all messages came as they were sent.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "trust/noise.h"

enum { MESSAGES = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	const char *protocol;
	size_t messages;
	int rs[2], psk; /* does the side know the other's static key? */
} kinds[] = {
	{ "Noise_XX_25519_ChaChaPoly_SHA256", 3, { 0, 0 }, 0 },
	{ "Noise_XXpsk3_25519_ChaChaPoly_SHA256", 3, { 0, 0 }, 1 },
	{ "Noise_IK_25519_ChaChaPoly_SHA256", 2, { 1, 0 }, 0 },
	{ "Noise_NK_25519_ChaChaPoly_SHA256", 2, { 1, 0 }, 0 },
	{ "Noise_X_25519_ChaChaPoly_SHA256", 1, { 1, 0 }, 0 },
	{ "Noise_KKpsk0_25519_ChaChaPoly_SHA256", 2, { 1, 1 }, 1 },
	{ "Noise_X1X1_25519_ChaChaPoly_SHA256", 4, { 0, 0 }, 0 },
	{ "Noise_NN_25519_ChaChaPoly_SHA256", 2, { 0, 0 }, 0 },
};

static const unsigned char secret[2][NOISE_KEY] = { { 1 }, { 2 } },
			   ephemeral[2][NOISE_KEY] = { { 3 }, { 4 } },
			   psk[1][NOISE_KEY] = { { 5 } };

/* What a side with that secret tells: its part of NX with itself. */
static void
public_of(const unsigned char s[NOISE_KEY], unsigned char out[NOISE_KEY])
{
	struct noise_keys keys = { .e = s };
	struct buf b = { 0 };
	struct noise *n = noise_new(
	    "Noise_NN_25519_ChaChaPoly_SHA256", NOISE_INITIATOR, "", 0, &keys);

	if (noise_write(n, "", 0, &b) != 0 || b.len != NOISE_KEY)
		abort();
	memcpy(out, b.p, NOISE_KEY);
	noise_free(n);
	buf_fini(&b);
}

static struct noise *
side_new(size_t kind, enum noise_side side)
{
	unsigned char rs[NOISE_KEY];
	struct noise_keys keys = { .s = secret[side], .e = ephemeral[side] };
	struct noise *n;

	if (kinds[kind].rs[side]) {
		public_of(secret[!side], rs);
		keys.rs = rs;
	}
	if (kinds[kind].psk) {
		keys.psk = psk;
		keys.npsk = 1;
	}
	n = noise_new(kinds[kind].protocol, side, "fuzz", 4, &keys);
	if (n == NULL)
		abort();
	return n;
}

/* Change a message as the input says; 1 if it is another one now. */
static int
alter(struct buf *m, int whole, const uint8_t *p, size_t n)
{
	struct buf old = { 0 };
	size_t at;
	int changed;

	buf_add(&old, m->p, m->len);
	if (whole) {
		buf_clear(m);
		buf_add(m, p, n);
	} else {
		for (; n >= 3; p += 3, n -= 3) {
			at = (size_t)(p[0] | p[1] << 8);
			if (at < m->len)
				m->p[at] ^= (char)p[2];
			else if (p[2] & 1)
				buf_addc(m, (char)p[2]);
			else if (m->len > 0)
				m->len--;
		}
	}
	changed = m->len != old.len ||
	    (m->len > 0 && memcmp(m->p, old.p, m->len) != 0);
	buf_fini(&old);
	return changed;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct noise *side[2];
	struct buf m = { 0 }, got = { 0 };
	size_t kind, target, i;
	int changed = 0, ok = 1;

	if (size < 2)
		return 0;
	kind = data[0] % (sizeof kinds / sizeof *kinds);
	target = data[1] % kinds[kind].messages;
	side[0] = side_new(kind, NOISE_INITIATOR);
	side[1] = side_new(kind, NOISE_RESPONDER);
	for (i = 0; ok && i < kinds[kind].messages; i++) {
		buf_clear(&m);
		buf_clear(&got);
		ok = noise_write(side[i % 2], data, size % 100, &m) == 0;
		if (ok && i == target)
			changed = alter(&m, data[1] & 0x80, data + 2, size - 2);
		ok = ok && noise_read(side[!(i % 2)], m.p, m.len, &got) == 0;
		if (ok && got.len > m.len)
			abort();
		if (ok && !changed &&
		    (got.len != size % 100 ||
			(got.len > 0 && memcmp(got.p, data, got.len) != 0)))
			abort();
	}
	if (ok != (noise_done(side[0]) && noise_done(side[1])))
		abort();
	if (ok && changed)
		abort();
	if (!ok && !changed)
		abort();
	noise_free(side[0]);
	noise_free(side[1]);
	buf_fini(&m);
	buf_fini(&got);
	return 0;
}

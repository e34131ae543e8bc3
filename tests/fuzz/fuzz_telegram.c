/*
 * Packets of any content through the telegram's parser, the chains and the
 * memory of repetitions: nothing is read beside them, what is packed parses
 * as it was, what is cut comes together again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "device/enocean/chain.h"
#include "device/enocean/esp3.h"
#include "device/enocean/repeat.h"
#include "device/enocean/telegram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int truth)
{
	if (!truth)
		abort();
}

static void
require_same(const struct telegram *a, const struct telegram *b)
{
	require(a->sender == b->sender && a->dest == b->dest);
	require(a->rorg == b->rorg && a->n == b->n);
	require(memcmp(a->p, b->p, a->n) == 0);
}

static void
check_address(uint64_t address)
{
	char text[13];
	uint64_t back;

	telegram_format_address(text, address);
	require(telegram_address(text, strlen(text), &back) == 0);
	require(back == address);
}

/* Both a telegram alone and in parts: read again, it is the same. */
static void
send_and_read(const struct telegram *tel, unsigned seq)
{
	struct esp3_reader r = { 0 };
	struct esp3_packet packet;
	struct telegram one, out = { 0 };
	struct chain *c = chain_new();
	struct buf b = { 0 };
	const char *why;
	int chained = tel->rorg == RORG_CDM || tel->rorg == RORG_SEC_CDM;
	int got = 0;

	if (telegram_pack(&b, tel) == 0) {
		esp3_feed(&r, b.p, b.len, 0);
		require(esp3_next(&r, &packet) == 1 && !esp3_pending(&r));
		/* One that says it is a container is opened. */
		if (tel->rorg != RORG_ADT) {
			require(telegram_parse(&one, &packet, &why) == 1);
			require_same(&one, tel);
			require(one.status == tel->status);
		}
	} else {
		require(b.len == 0);
	}
	buf_clear(&b);
	if (!chained && telegram_chain(&b, tel, seq) == 0) {
		esp3_feed(&r, b.p, b.len, 0);
		while (esp3_next(&r, &packet)) {
			require(got == 0);
			require(telegram_parse(&one, &packet, &why) == 1);
			got = chain_take(c, &one, &out, &why);
		}
		require(got == 1);
		require_same(&out, tel);
		require(chain_lost(c) == 0);
	}
	esp3_fini(&r);
	chain_free(c);
	buf_fini(&b);
}

static void
take(struct chain *c, struct repeat *r, const struct esp3_packet *packet,
    int again)
{
	struct telegram tel, whole;
	const char *why = NULL;
	int got = telegram_parse(&tel, packet, &why);

	require(got >= 0 || why != NULL);
	if (got <= 0)
		return;
	require(tel.n > 0 && tel.p > packet->data &&
	    tel.p + tel.n <= packet->data + packet->n);
	require(tel.dbm <= 0 && tel.dbm >= -255 && tel.repeat <= 15);
	check_address(tel.sender);
	if (again)
		send_and_read(&tel, 1 + tel.p[0] % 3);
	got = chain_take(c, &tel, &whole, &why);
	require(got >= 0 || why != NULL);
	if (got <= 0)
		return;
	require(whole.n <= TELEGRAM_SPACE || whole.p == tel.p);
	require(whole.repeat <= 15);
	if (again && whole.p != tel.p)
		send_and_read(&whole, 2);
	if (repeat_is(r, &whole) == 0 && whole.repeat > 0 &&
	    whole.repeat < 14) {
		whole.repeat++;
		require(repeat_is(r, &whole) == 1);
	}
}

/* Bytes of their own, as long as they are, so that a sanitizer sees more. */
static uint8_t *
copy(const uint8_t *p, size_t n)
{
	uint8_t *own = malloc(n + !n);

	require(own != NULL);
	memcpy(own, p, n);
	return own;
}

/* Let checks that chance hardly passes pass: CRC, sender, a chain's parts. */
static void
help(uint8_t *own, const struct esp3_packet *packet, uint8_t how)
{
	size_t n = packet->n;

	if (packet->type == ESP3_RADIO_ERP2 && n > 0 && how & 16)
		own[n - 1] = esp3_crc8(0, own, n - 1);
	if (packet->type != ESP3_RADIO_ERP1 || n < 11)
		return;
	if (how & 32)
		memset(own + n - 5, how >> 7, 4);
	if (how & 64) {
		own[0] = how & 16 ? RORG_CDM : RORG_SEC_CDM;
		own[1] &= 0x43;
		if (own[1] % 64 == 0)
			own[2] = 0;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t types[] = { 1, 1, 10, 10, 3, 9, 2, 1 };
	struct repeat *r;
	struct chain *c;
	int64_t t = 0;

	if (size < 4 || size > 2048)
		return 0;
	c = chain_new();
	r = repeat_new(data[0] & 1 ? 300000 : 0);
	while (size > 4) {
		uint8_t how = data[0];
		size_t n = data[1] % (size - 3), nopt = data[2] % (n + 1);
		uint8_t *own = copy(data + 3, n - nopt);
		uint8_t *opt = copy(data + 3 + n - nopt, nopt);
		struct esp3_packet packet = { .type = types[how >> 1 & 7],
			.t = t,
			.data = own,
			.n = n - nopt,
			.opt = opt,
			.nopt = nopt };

		help(own, &packet, how);
		take(c, r, &packet, how & 1);
		if (data[2] & 1) {
			packet.t += data[2] << 11;
			take(c, r, &packet, 0);
		}
		t += (int64_t)data[2] << (how >> 4);
		data += 3 + n;
		size -= 3 + n;
		free(own);
		free(opt);
	}
	chain_free(c);
	repeat_free(r);
	return 0;
}

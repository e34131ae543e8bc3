/*
 * Teach-in: of any telegram something is said; what wants an answer gets one
 * that another gateway takes for an answer, with the same profile and
 * manufacturer, that fits into a telegram, and goes to the device.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "device/enocean/esp3.h"
#include "device/enocean/teach.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(int ok)
{
	if (!ok)
		abort();
}

static void
check_answer(const struct telegram *query, const struct teach *teach,
    enum teach_result result)
{
	struct esp3_reader r = { 0 };
	struct esp3_packet packet;
	struct telegram answer, heard;
	struct teach again;
	struct buf b = { 0 };
	uint8_t p[TELEGRAM_SPACE];
	const char *why;

	if (teach_answer(query, teach, result, 0xFF800001, p, &answer) < 0) {
		must(!teach->wants_answer || teach->kind == TEACH_GENERIC);
		return;
	}
	must(teach->wants_answer && answer.dest == query->sender);
	must(telegram_pack(&b, &answer) == 0);
	esp3_feed(&r, b.p, b.len, 0);
	must(esp3_next(&r, &packet) == 1);
	must(telegram_parse(&heard, &packet, &why) == 1);
	must(teach_parse(&heard, &again) == TEACH_ANSWER);
	must(again.profile == teach->profile &&
	    again.manufacturer == teach->manufacturer &&
	    again.channels == teach->channels);
	esp3_fini(&r);
	buf_fini(&b);
}

static void
check_guess(const struct telegram *tel)
{
	struct buf b = { 0 };

	teach_guess(tel, &b);
	must(b.len > 0 && b.len < 400);
	for (size_t i = 0; i < b.len; i++)
		must(b.p[i] >= ' ' && b.p[i] <= '~');
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct telegram tel = { .sender = 0x0181B744, .erp = 1 };
	struct teach teach;
	enum teach_kind kind;

	if (size < 2 || size > TELEGRAM_SPACE)
		return 0;
	tel.rorg = data[0];
	tel.status = data[1];
	tel.dest = data[1] & 0x40 ? 0xFF8B1A00 : TELEGRAM_BROADCAST;
	if (data[1] & 0x08)
		tel.sender = 0xFF8B1A05;
	tel.p = data + 2;
	tel.n = size - 2;
	kind = teach_parse(&tel, &teach);
	must(teach.kind == kind && kind <= TEACH_ANSWER);
	must(kind != TEACH_NONE ||
	    (teach.profile == 0 && teach.manufacturer == 0xFFFF &&
		!teach.wants_answer));
	must(teach.manufacturer <= 0x7FF || teach.manufacturer == 0xFFFF);
	for (enum teach_result r = TEACH_REFUSED; r <= TEACH_NO_PROFILE; r++)
		check_answer(&tel, &teach, r);
	check_guess(&tel);
	return 0;
}

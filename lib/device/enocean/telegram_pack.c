#include <string.h>

#include "device/enocean/telegram.h"

enum {
	ADDRESS = 4,
	ROOM = 14,	      /* payload of a telegram to all (ERP1) */
	ROOM_ADDRESSED = 9,   /* to one: the container takes the rest */
	HEAD_MAX = 1 + 2 + 1, /* sequence and index, length, RORG */
	INDEX_MAX = 63,
	SEND_SUBTELEGRAMS = 3, /* optional data as for sending */
	SEND_DBM = 0xff
};

static void
write32(uint8_t *p, uint64_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static size_t
room_of(const struct telegram *tel)
{
	return tel->dest == TELEGRAM_BROADCAST ? ROOM : ROOM_ADDRESSED;
}

/* ERP1 has addresses of 32 bits. */
static int
can_send(const struct telegram *tel)
{
	return tel->n > 0 && tel->sender <= UINT32_MAX &&
	    tel->dest <= UINT32_MAX;
}

int
telegram_pack(struct buf *b, const struct telegram *tel)
{
	uint8_t data[1 + ROOM + ADDRESS + 1];
	uint8_t opt[1 + ADDRESS + 2] = { SEND_SUBTELEGRAMS, [5] = SEND_DBM };

	if (!can_send(tel) || tel->n > room_of(tel))
		return -1;
	data[0] = tel->rorg;
	memcpy(data + 1, tel->p, tel->n);
	write32(data + 1 + tel->n, tel->sender);
	data[1 + tel->n + ADDRESS] = tel->status;
	write32(opt + 1, tel->dest);
	esp3_add(b, ESP3_RADIO_ERP1, data, 1 + tel->n + ADDRESS + 1, opt,
	    sizeof opt);
	return 0;
}

/* One part: its head of n bytes, then most bytes of the message. */
static size_t
add_part(struct buf *b, const struct telegram *tel, size_t at, size_t most,
    const uint8_t *head, size_t n)
{
	uint8_t payload[ROOM];
	struct telegram part = *tel;
	size_t take = tel->n - at < most ? tel->n - at : most;

	memcpy(payload, head, n);
	memcpy(payload + n, tel->p + at, take);
	part.rorg = tel->rorg == RORG_SEC_ENCAPS ? RORG_SEC_CDM : RORG_CDM;
	part.p = payload;
	part.n = n + take;
	telegram_pack(b, &part);
	return take;
}

/* A secure message, whose RORG is not told, begins with no more for that. */
int
telegram_chain(struct buf *b, const struct telegram *tel, unsigned seq)
{
	size_t first = room_of(tel) - HEAD_MAX, each = room_of(tel) - 1, at;
	uint8_t head[HEAD_MAX] = { (uint8_t)(seq << 6), (uint8_t)(tel->n >> 8),
		(uint8_t)tel->n, tel->rorg };

	if (!can_send(tel) || tel->n > TELEGRAM_SPACE ||
	    tel->n > first + INDEX_MAX * each)
		return -1;
	at = add_part(b, tel, 0, first, head,
	    tel->rorg == RORG_SEC_ENCAPS ? HEAD_MAX - 1 : HEAD_MAX);
	while (at < tel->n) {
		head[0]++;
		at += add_part(b, tel, at, each, head, 1);
	}
	return 0;
}

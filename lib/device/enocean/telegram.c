#include "device/enocean/telegram.h"

enum {
	ADDRESS = 4,
	ERP1_LEAST = 1 + 1 + ADDRESS + 1, /* RORG, payload, sender, status */
	/* Optional data of a radio telegram (section 2.1). */
	OPT_DEST = 1,
	OPT_DBM = 5,
	OPT_SECURITY = 6,
	/* ... then of sub-telegrams: a time stamp, and three bytes for each. */
	OPT_SUBTEL = 9,
	SUBTEL = 3,
	/* Optional data of a message (section 2.8). */
	MESSAGE_SENDER = 4,
	MESSAGE_DBM = 8,
	MESSAGE_SECURITY = 9
};

static uint32_t
read32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

/* Byte number "at" of the optional data, 0 if it is not there. */
static uint8_t
optional(const struct esp3_packet *packet, size_t at)
{
	return at < packet->nopt ? packet->opt[at] : 0;
}

static int
refuse(const char **why, const char *reason)
{
	*why = reason;
	return -1;
}

/* An addressed container: RORG, payload, destination (ERP1, ADT). */
static int
open_container(struct telegram *out, const char **why)
{
	if (out->n < 1 + 1 + ADDRESS)
		return refuse(why, "addressed telegram (ADT) too short");
	if (out->p[0] == RORG_ADT)
		return refuse(why, "addressed telegram (ADT) in another");
	out->rorg = out->p[0];
	out->p++;
	out->n -= 1 + ADDRESS;
	out->dest = read32(out->p + out->n);
	return 1;
}

/* Sub-telegrams come with a strength each; 0xFF: made for sending. */
static int
best_dbm(const struct esp3_packet *packet)
{
	uint8_t best = optional(packet, OPT_DBM);

	if (packet->type != ESP3_RADIO_SUB_TEL)
		return -best;
	for (size_t i = OPT_SUBTEL; i + SUBTEL <= packet->nopt; i += SUBTEL) {
		uint8_t one = packet->opt[i + 1];

		if (one != 0 && (best == 0 || one < best))
			best = one;
	}
	return -best;
}

static int
parse_erp1(
    struct telegram *out, const struct esp3_packet *packet, const char **why)
{
	const uint8_t *tail;

	if (packet->n < ERP1_LEAST)
		return refuse(why, "radio telegram too short");
	tail = packet->data + packet->n - ADDRESS - 1;
	out->rorg = packet->data[0];
	out->p = packet->data + 1;
	out->n = (size_t)(tail - out->p);
	out->sender = read32(tail);
	out->status = tail[ADDRESS];
	out->repeat = out->status & 0x0f;
	out->subtelegrams = optional(packet, 0);
	if (packet->nopt >= OPT_DEST + ADDRESS)
		out->dest = read32(packet->opt + OPT_DEST);
	out->dbm = best_dbm(packet);
	out->security = optional(packet, OPT_SECURITY);
	return out->rorg == RORG_ADT ? open_container(out, why) : 1;
}

/* Merged by the module: addresses are in the optional data. */
static int
parse_message(
    struct telegram *out, const struct esp3_packet *packet, const char **why)
{
	if (packet->n < 2 || packet->nopt < MESSAGE_SENDER + ADDRESS)
		return refuse(why, "radio message too short");
	out->rorg = packet->data[0];
	out->p = packet->data + 1;
	out->n = packet->n - 1;
	out->dest = read32(packet->opt);
	out->sender = read32(packet->opt + MESSAGE_SENDER);
	out->dbm = -optional(packet, MESSAGE_DBM);
	out->security = optional(packet, MESSAGE_SECURITY);
	return out->rorg == RORG_ADT ? open_container(out, why) : 1;
}

/* RORGs of the telegram types, and of the extended ones (0: none). */
static const uint8_t erp2_types[15] = { RORG_RPS, RORG_1BS, RORG_4BS,
	RORG_SIGNAL, RORG_VLD, RORG_UTE, RORG_MSC, RORG_SEC, RORG_SEC_ENCAPS,
	RORG_SEC_TI, RORG_GP_SD };
static const uint8_t erp2_extended[] = { RORG_SYS_EX, RORG_SA_LR, RORG_SA_LA,
	RORG_CDM };

/* Address control, the upper three bits of the header: bytes of each. */
static const struct {
	uint8_t sender, dest;
} erp2_address[8] = { { 3, 0 }, { 4, 0 }, { 4, 4 }, { 6, 0 } };

static uint64_t
read_be(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | *p++;
	return v;
}

/*
 * A rocker's press has NU and T21 set, its release T21 alone; ERP2 says with
 * the energy bow (bit 7 without bit 6, which a handle sets) what it is, or
 * keeps ERP1's coding (bit 4).
 */
static uint8_t
erp2_status(uint8_t rorg, uint8_t first)
{
	if (rorg != RORG_RPS)
		return 0;
	return (first & 0xc0) == 0x80 || first & 0x10 ? 0x30 : 0x20;
}

/* The bytes left, first taken from the front. */
struct rest {
	const uint8_t *p;
	size_t n;
};

/* The next byte, or -1. */
static int
take(struct rest *r)
{
	if (r->n == 0)
		return -1;
	r->n--;
	return *r->p++;
}

static int
erp2_rorg(uint8_t header, struct rest *r)
{
	unsigned type = header & 0x0f;
	int extended;

	if (type < sizeof erp2_types)
		return erp2_types[type];
	extended = take(r);
	return extended >= 0 && (size_t)extended < sizeof erp2_extended
	    ? erp2_extended[extended]
	    : 0;
}

/* What is between header and payload; 0, or -1 with *why. */
static int
erp2_head(struct telegram *out, struct rest *r, const char **why)
{
	int header = take(r), more = header & 0x10 ? take(r) : 0;
	size_t sender = erp2_address[header >> 5 & 7].sender;
	size_t dest = erp2_address[header >> 5 & 7].dest;

	if (header < 0 || more < 0)
		return refuse(why, "ERP2 telegram too short");
	if (sender == 0)
		return refuse(why, "ERP2 telegram with unknown addresses");
	out->rorg = (uint8_t)erp2_rorg((uint8_t)header, r);
	if (out->rorg == 0)
		return refuse(why, "ERP2 telegram of unknown type");
	if (r->n < sender + dest + 1 + (size_t)(more & 0x0f))
		return refuse(why, "ERP2 telegram too short");
	out->repeat = (uint8_t)(more >> 4);
	out->sender = read_be(r->p, sender);
	if (dest > 0)
		out->dest = read_be(r->p + sender, dest);
	out->p = r->p + sender + dest;
	out->n = r->n - sender - dest - (size_t)(more & 0x0f);
	return 0;
}

static int
parse_erp2(
    struct telegram *out, const struct esp3_packet *packet, const char **why)
{
	struct rest r = { packet->data, packet->n };

	if (r.n < 2)
		return refuse(why, "ERP2 telegram too short");
	r.n--;
	if (esp3_crc8(0, r.p, r.n) != r.p[r.n])
		return refuse(why, "ERP2 telegram with a wrong CRC");
	out->erp = 2;
	out->subtelegrams = optional(packet, 0);
	out->dbm = -optional(packet, 1);
	out->security = optional(packet, 2);
	if (erp2_head(out, &r, why) != 0)
		return -1;
	out->status = erp2_status(out->rorg, out->p[0]) | out->repeat;
	return 1;
}

int
telegram_parse(
    struct telegram *out, const struct esp3_packet *packet, const char **why)
{
	*out = (struct telegram){
		.t = packet->t, .dest = TELEGRAM_BROADCAST, .erp = 1
	};
	switch (packet->type) {
	case ESP3_RADIO_ERP1:
	case ESP3_RADIO_SUB_TEL: return parse_erp1(out, packet, why);
	case ESP3_RADIO_MESSAGE: return parse_message(out, packet, why);
	case ESP3_RADIO_ERP2: return parse_erp2(out, packet, why);
	default: return 0;
	}
}

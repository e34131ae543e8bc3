#include "device/enocean/teach.h"

#include <string.h>

enum { MANUFACTURER_NONE = 0xFFFF };

/*
 * Variations 2 and 3 of the 4BS query are the same bits: only the profile
 * tells whether its devices wait for an answer (EEP 2.6.8, sections 3.3 and
 * A5-20); those of A5-30-03 are known to.
 */
static int
is_two_way(uint32_t profile)
{
	return profile >> 8 == 0xA520 || profile == 0xA53003;
}

static enum teach_kind
parse_4bs(const struct telegram *tel, struct teach *out)
{
	const uint8_t *p = tel->p;
	uint32_t bits;

	if (tel->n != 4 || p[3] & 0x08)
		return TEACH_NONE;
	if (!(p[3] & 0x80))
		return TEACH_4BS_UNKNOWN;
	bits = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
	out->profile =
	    (uint32_t)RORG_4BS << 16 | bits >> 18 << 8 | (bits >> 11 & 0x7F);
	out->manufacturer = bits & 0x7FF;
	if (p[3] & 0x10)
		return TEACH_ANSWER;
	out->two_way = out->wants_answer = (uint8_t)is_two_way(out->profile);
	return out->two_way ? TEACH_4BS_TWO_WAY : TEACH_4BS;
}

static enum teach_kind
parse_ute(const struct telegram *tel, struct teach *out)
{
	static const enum teach_request requests[] = { TEACH_IN, TEACH_OUT,
		TEACH_TOGGLE };
	const uint8_t *p = tel->p;
	unsigned command, request;

	if (tel->n < 7)
		return TEACH_NONE;
	command = p[0] & 0x0F;
	request = p[0] >> 4 & 3;
	out->two_way = p[0] >> 7;
	out->channels = p[1];
	out->manufacturer = (uint16_t)(p[2] | (p[3] & 7) << 8);
	out->profile =
	    (uint32_t)p[6] << 16 | (uint32_t)p[5] << 8 | (uint32_t)p[4];
	if (command == 1)
		return TEACH_ANSWER;
	if (command != 0 || request == 3)
		return TEACH_NONE;
	out->wants_answer = !(p[0] & 0x40);
	out->request = requests[request];
	return TEACH_UTE;
}

/* EnOcean Generic Profiles 1.4: manufacturer 11, direction 1, purpose 2. */
static enum teach_kind
parse_generic(const struct telegram *tel, struct teach *out)
{
	const uint8_t *p = tel->p;
	unsigned purpose;

	if (tel->n < 2)
		return TEACH_NONE;
	purpose = p[1] >> 2 & 3;
	if (purpose == 3)
		return TEACH_NONE;
	out->manufacturer = (uint16_t)(p[0] << 3 | p[1] >> 5);
	out->two_way = out->wants_answer = p[1] >> 4 & 1;
	out->request = purpose == 0 ? TEACH_IN
	    : purpose == 1	    ? TEACH_OUT
				    : TEACH_TOGGLE;
	return TEACH_GENERIC;
}

/* Smart Acknowledge 1.7: request code 5, manufacturer 11, profile 24. */
static enum teach_kind
parse_smart_ack(const struct telegram *tel, struct teach *out)
{
	const uint8_t *p = tel->p;

	if (tel->n < 5)
		return TEACH_NONE;
	out->manufacturer = (uint16_t)((p[0] & 7) << 8 | p[1]);
	out->profile =
	    (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | (uint32_t)p[4];
	return TEACH_SMART_ACK;
}

static enum teach_kind
parse(const struct telegram *tel, struct teach *out)
{
	switch (tel->rorg) {
	case RORG_1BS:
		return tel->n == 1 && !(tel->p[0] & 0x08) ? TEACH_1BS
							  : TEACH_NONE;
	case RORG_4BS: return parse_4bs(tel, out);
	case RORG_UTE: return parse_ute(tel, out);
	case RORG_GP_TI: return parse_generic(tel, out);
	case RORG_SA_LR: return parse_smart_ack(tel, out);
	case RORG_SEC_TI: return tel->n > 0 ? TEACH_SECURE : TEACH_NONE;
	case RORG_GP_TR:
	case RORG_SA_LA: return TEACH_ANSWER;
	default: return TEACH_NONE;
	}
}

enum teach_kind
teach_parse(const struct telegram *tel, struct teach *out)
{
	static const struct teach nothing = { .manufacturer =
						  MANUFACTURER_NONE };

	*out = nothing;
	out->kind = parse(tel, out);
	if (out->kind == TEACH_NONE)
		*out = nothing;
	return out->kind;
}

/* EEP 2.6.8, 3.3.3: EEP supported 40, sender stored 20, this is a response. */
static uint8_t
answer_4bs(enum teach_result result)
{
	switch (result) {
	case TEACH_ACCEPTED: return 0xF0;
	case TEACH_NO_PROFILE: return 0x90;
	default: return 0xD0;
	}
}

static uint8_t
answer_ute(enum teach_result result)
{
	switch (result) {
	case TEACH_ACCEPTED: return 1;
	case TEACH_DELETED: return 2;
	case TEACH_NO_PROFILE: return 3;
	default: return 0;
	}
}

int
teach_answer(const struct telegram *query, const struct teach *teach,
    enum teach_result result, uint64_t sender, uint8_t *p, struct telegram *out)
{
	if (!teach->wants_answer)
		return -1;
	if (teach->kind == TEACH_UTE && query->n >= 7) {
		memcpy(p, query->p, 7);
		p[0] = (uint8_t)((p[0] & 0x80) | answer_ute(result) << 4 | 1);
	} else if (teach->kind == TEACH_4BS_TWO_WAY && query->n == 4) {
		memcpy(p, query->p, 3);
		p[3] = answer_4bs(result);
	} else {
		return -1;
	}
	*out = (struct telegram){
		.t = query->t,
		.sender = sender,
		.dest = query->sender,
		.p = p,
		.n = teach->kind == TEACH_UTE ? 7 : 4,
		.rorg = query->rorg,
		.erp = 1,
	};
	return 0;
}

/*
 * Teach-in telegrams: how a device tells its profile, and what it expects as
 * an answer (EEP 3.1 general part, sections 3.2 to 3.6).
 */
#ifndef SG_DEVICE_ENOCEAN_TEACH_H
#define SG_DEVICE_ENOCEAN_TEACH_H

#include <stdint.h>

#include "base/buf.h"
#include "device/enocean/telegram.h"

enum teach_kind {
	TEACH_NONE = 0,	   /* no teach-in telegram */
	TEACH_1BS,	   /* no profile in it; only D5-00-01 exists */
	TEACH_4BS_UNKNOWN, /* variation 1: no profile in it */
	TEACH_4BS,	   /* variation 2 */
	TEACH_4BS_TWO_WAY, /* variation 3 */
	TEACH_UTE,
	TEACH_GENERIC, /* generic profile: see generic.h */
	TEACH_SMART_ACK,
	TEACH_SECURE, /* see secure.h */
	TEACH_ANSWER  /* another gateway's answer: not for us */
};

enum teach_request { TEACH_IN, TEACH_OUT, TEACH_TOGGLE };
enum teach_result {
	TEACH_REFUSED,
	TEACH_ACCEPTED,
	TEACH_DELETED,
	TEACH_NO_PROFILE
};

struct teach {
	enum teach_kind kind;
	enum teach_request request;
	uint32_t profile;      /* id, 0 not told */
	uint16_t manufacturer; /* 0x7FF: several, 0xFFFF: not told */
	uint8_t channels;      /* UTE: 0xFF all */
	uint8_t wants_answer, two_way;
};

/* teach_parse(tel, out) - What kind it is; out->kind is returned. */
enum teach_kind teach_parse(const struct telegram *tel, struct teach *out);

/*
 * teach_answer(query, teach, result, sender, p, out) - The answer, addressed
 * to the device, due within 500 ms; p is TELEGRAM_SPACE bytes for its
 * payload.  0, or -1 if such a telegram has no answer.
 */
int teach_answer(const struct telegram *query, const struct teach *teach,
    enum teach_result result, uint64_t sender, uint8_t *p,
    struct telegram *out);

/*
 * teach_guess(tel, b) - For a sender nobody knows: append what its telegram
 * allows to guess, as text after "sender 0181B744: " ("a rocker switch or
 * push button: F6-02-01, F6-02-02", "4BS data without teach-in: ...").
 */
void teach_guess(const struct telegram *tel, struct buf *b);

/*
 * Names by id from a CSV "id,name" (path NULL: the one of share/).  NULL with
 * why, "FILE:LINE: what is wrong".  manufacturer_name(): NULL if unknown, also
 * if m is NULL.
 */
struct manufacturers;
struct manufacturers *manufacturers_open(const char *path, struct buf *why);
const char *manufacturer_name(const struct manufacturers *m, uint16_t id);
void manufacturers_close(struct manufacturers *m);

#endif

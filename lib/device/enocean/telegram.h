/*
 * A radio telegram, whichever packet it came in: ERP1, ERP2, sub-telegrams
 * or a message that the module has put together (EnOcean Serial Protocol 3,
 * section 2; EnOcean Radio Protocol 1 and 2).
 */
#ifndef SG_DEVICE_ENOCEAN_TELEGRAM_H
#define SG_DEVICE_ENOCEAN_TELEGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "device/enocean/esp3.h"

enum { TELEGRAM_SPACE = 600 }; /* bytes of the longest payload */
#define TELEGRAM_BROADCAST 0xFFFFFFFFu

enum rorg {
	RORG_SEC = 0x30,
	RORG_SEC_ENCAPS = 0x31,
	RORG_SEC_D = 0x32, /* decrypted, and without an RORG of its own */
	RORG_SEC_CDM = 0x33,
	RORG_SEC_MAN = 0x34,
	RORG_SEC_TI = 0x35,
	RORG_CDM = 0x40,
	RORG_ADT = 0xA6,
	RORG_4BS = 0xA5,
	RORG_GP_TI = 0xB0,
	RORG_GP_TR = 0xB1,
	RORG_GP_CD = 0xB2,
	RORG_GP_SD = 0xB3,
	RORG_SYS_EX = 0xC5,
	RORG_SA_LR = 0xC6,
	RORG_SA_LA = 0xC7,
	RORG_SIGNAL = 0xD0,
	RORG_MSC = 0xD1,
	RORG_VLD = 0xD2,
	RORG_UTE = 0xD4,
	RORG_1BS = 0xD5,
	RORG_RPS = 0xF6
};

struct telegram {
	int64_t t;	  /* us */
	uint64_t sender;  /* 32 bits, or 48 in ERP2 */
	uint64_t dest;	  /* TELEGRAM_BROADCAST if to all */
	const uint8_t *p; /* payload after the RORG */
	size_t n;
	int dbm;	      /* best of its sub-telegrams; 0: not known, -255:
				 made for sending, not received */
	uint8_t rorg, status; /* status: ERP2 telegrams get the one that an
				 ERP1 telegram of this payload would have */
	uint8_t repeat;	      /* hops: 0 from the device, 1, 2; 15: never to be
				 repeated */
	uint8_t subtelegrams; /* 0: not known */
	uint8_t security;     /* of the packet: 0 none .. 4, by the module */
	uint8_t erp;	      /* 1 or 2 */
};

/*
 * telegram_parse(out, packet, why) - 1 a telegram (borrows from the packet),
 * 0 a packet of another kind, -1 with *why (constant): too short, wrong CRC
 * of ERP2, ...  An addressed container (RORG ADT) is opened: rorg, p and dest
 * are the inner ones.
 */
int telegram_parse(
    struct telegram *out, const struct esp3_packet *packet, const char **why);

/*
 * telegram_pack(b, tel) - Append the RADIO_ERP1 packet that sends it: from
 * tel->sender to tel->dest with tel->status, optional data as for sending (3
 * sub-telegrams, dBm FF).  0, or -1 if the payload does not fit into one
 * telegram (14 bytes broadcast, 9 addressed): then telegram_chain() does; or
 * if an address has more than 32 bits, or there is no payload.
 */
int telegram_pack(struct buf *b, const struct telegram *tel);

/*
 * telegram_chain(b, tel, seq) - Append the packets of a chained message (CDM,
 * or SEC_CDM for a SEC_ENCAPS that is too long); seq is 1, 2 or 3.  0, or -1
 * if the message is longer than 64 parts hold (TELEGRAM_SPACE bytes to all,
 * 509 addressed), or cannot be sent as above.
 */
int telegram_chain(struct buf *b, const struct telegram *tel, unsigned seq);

/* "VLD", "4BS", ... or NULL. */
const char *telegram_rorg_name(uint8_t rorg);

/*
 * telegram_address(p, n, out) - Read an address as people write it:
 * 0181B744, 01:81:b7:44, 01-81-B7-44, 0x181B744; 32 or 48 bits.  0 or -1.
 * telegram_format_address() writes 8 or 12 capital hex digits and a NUL.
 */
int telegram_address(const char *p, size_t n, uint64_t *out);
void telegram_format_address(char out[13], uint64_t address);

#endif

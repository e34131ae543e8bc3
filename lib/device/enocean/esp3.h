/*
 * ESP3, the EnOcean Serial Protocol: packets on the line between a radio
 * module and its host (EnOcean Serial Protocol 3 V1.46, section 1.6).  A reader
 * finds the good packets in any stream of bytes; nothing read is trusted
 * before its CRC8.
 */
#ifndef SG_DEVICE_ENOCEAN_ESP3_H
#define SG_DEVICE_ENOCEAN_ESP3_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum {
	ESP3_SYNC = 0x55,
	ESP3_HEADER = 6,      /* sync, data length 2, optional length, type,
				 CRC8H */
	ESP3_BODY_MAX = 2048, /* data and optional data; a longer claim is
				 taken for noise */
	ESP3_GAP = 100000     /* us of silence end a packet that is not
				 complete (section 1.6.4) */
};

enum esp3_type {
	ESP3_RADIO_ERP1 = 1,
	ESP3_RESPONSE = 2,
	ESP3_RADIO_SUB_TEL = 3,
	ESP3_EVENT = 4,
	ESP3_COMMON_COMMAND = 5,
	ESP3_SMART_ACK_COMMAND = 6,
	ESP3_REMOTE_MAN_COMMAND = 7,
	ESP3_RADIO_MESSAGE = 9,
	ESP3_RADIO_ERP2 = 10,
	ESP3_CONFIG_COMMAND = 11,
	ESP3_COMMAND_ACCEPTED = 12,
	ESP3_RADIO_802_15_4 = 16,
	ESP3_COMMAND_2_4 = 17
};

struct esp3_packet {
	int64_t t; /* us: when its first byte came */
	const uint8_t *data, *opt;
	size_t n, nopt; /* bytes of each; n + nopt >= 1 */
	uint8_t type;
};

struct esp3_counts {
	uint64_t bytes;
	uint64_t packets[256]; /* good ones by type */
	uint64_t bad_header;   /* 0x55 whose CRC8H or lengths were wrong */
	uint64_t bad_data;     /* CRC8D wrong */
	uint64_t cut;	       /* given up at a gap or the end */
	uint64_t skipped;      /* bytes that belong to no good packet */
};

/* All-zero is valid. */
struct esp3_reader {
	struct buf buf;
	size_t at;	/* where the search goes on */
	int64_t t;	/* of the bytes last fed */
	size_t mark;	/* they begin here in buf */
	int64_t before; /* time of the bytes before mark */
	size_t gap;	/* no packet goes on beyond this */
	struct esp3_counts counts;
};

/*
 * esp3_feed(r, p, n, t) - Bytes that came at t (us).  Packets last given by
 * esp3_next() are no longer valid.
 */
void esp3_feed(struct esp3_reader *r, const void *p, size_t n, int64_t t);

/*
 * esp3_next(r, out) - The next good packet: 1, or 0 if more bytes are needed.
 * After a wrong CRC the search goes on with the byte after that 0x55.
 * *out is borrowed until the next esp3_feed().
 */
int esp3_next(struct esp3_reader *r, struct esp3_packet *out);

/*
 * esp3_pending(r) - 1 while an incomplete packet is held: after ESP3_GAP us
 * of silence, and at the end of the input, call esp3_gap(), then esp3_next()
 * again: what the incomplete one had swallowed may hold good ones.
 */
int esp3_pending(const struct esp3_reader *r);
void esp3_gap(struct esp3_reader *r);

void esp3_fini(struct esp3_reader *r);

/*
 * esp3_add(b, type, data, n, opt, nopt) - Append a packet with its CRCs; n is
 * below 65536, nopt below 256.
 */
void esp3_add(struct buf *b, enum esp3_type type, const void *data, size_t n,
    const void *opt, size_t nopt);

/* esp3_crc8(crc, p, n) - Polynomial 0x07, start 0, not reflected. */
uint8_t esp3_crc8(uint8_t crc, const void *p, size_t n);

/* "RADIO_ERP1", or NULL if the type has no name. */
const char *esp3_type_name(uint8_t type);

/*
 * "OK", "LOCK_SET", ...: names of a module's return codes and events, and of
 * the common commands to it (sections 2.2 to 2.5); or NULL.
 */
const char *esp3_return_name(uint8_t code);
const char *esp3_event_name(uint8_t code);
const char *esp3_command_name(uint8_t code);

#endif

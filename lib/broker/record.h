/*
 * A record: the value the store keeps for one or more frames that shared a
 * commit.  Layout, all little-endian, sg-store(5):
 *
 *	 0 u32	CRC-32C of bytes 4..63
 *	 4 u32	CRC-32C of bytes 64..length-1
 *	 8 u8	version, 1; 9..11 zero
 *	12 u32	length of the record
 *	16 u32	run number
 *	20 u32	frames
 *	24 u64	number of the first event
 *	32 u64	events
 *	40 i64	receive time of the first frame
 *	48 i64	receive time of the last frame
 *	56	8 zero bytes
 *	64	frames, each padded with zeros to a multiple of 8:
 *
 *	 0 u32	length of the frame with its padding
 *	 4 u32	events
 *	 8 u64	number of its first event
 *	16 i64	receive time
 *	24 u64	channel
 *	32 u64	channel number of its first event
 *	40 u32	channel numbers used up
 *	44 u32	length of the lines
 *	48 u16	length of the summary
 *	50 u16	other logs
 *	52 u8	length of the publisher's name; 53..55 zero
 *	56	per other log: u32 run number, u64 length at append,
 *		if that is another than at the frame before it in the log
 *		publisher's name, summary, lines
 */
#ifndef SG_BROKER_RECORD_H
#define SG_BROKER_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "broker/frame.h"

enum { RECORD_HEAD = 64, RECORD_FRAME = 56, RECORD_KEY = 12 };

struct record {
	uint32_t length, run, frames;
	uint64_t n, events;
	int64_t rt, rt_last;
};

/* record_frame_size(head) - Bytes a frame takes in a record. */
size_t record_frame_size(const struct frame_head *head);

/*
 * record_begin(out) - Where the first frame goes.  record_add(at, head,
 * number) writes a frame there and returns where the next one goes; number
 * gives the run number for the run of a dep.  record_finish(out, length, run)
 * completes the head.  out has RECORD_HEAD and the sum of record_frame_size()
 * bytes, length.
 */
uint8_t *record_begin(uint8_t *out);
uint8_t *
record_add(uint8_t *at, const struct frame_head *head, const uint32_t *number);
void record_finish(uint8_t *out, size_t length, uint32_t run);

/* record_head(p, n, out) - Check and read the head.  0, -1 with EBADMSG. */
int record_head(const uint8_t *p, size_t n, struct record *out);

/* record_check(p, n) - Check all of it.  0, or -1 with EBADMSG. */
int record_check(const uint8_t *p, size_t n);

/*
 * record_frame(p, n, at, head) - Read the frame at *at (RECORD_HEAD first)
 * of a checked record and move *at behind it; head's pointers borrow from
 * p, the run of a dep is a run number.  Of more than FRAME_DEPS_MAX deps the
 * others are skipped.  1, 0 at the end, -1 with EBADMSG.
 */
int
record_frame(const uint8_t *p, size_t n, size_t *at, struct frame_head *head);

/*
 * Keys: run number, event number, big-endian, so that they sort.
 * record_key_read: 0, or -1 if it is none.
 */
void record_key(uint8_t key[RECORD_KEY], uint32_t run, uint64_t n);
int record_key_read(const uint8_t *key, size_t len, uint32_t *run, uint64_t *n);

/*
 * Rows of all other tables begin with a checksum too.  record_seal(row, n,
 * key, kn) sets bytes 0..3 of row[0..n), n >= 4, to the CRC-32C of the key
 * and bytes 4..n-1; record_sealed() is 0, or -1 with EBADMSG.
 */
void record_seal(uint8_t *row, size_t n, const void *key, size_t kn);
int record_sealed(const uint8_t *row, size_t n, const void *key, size_t kn);

/* Little-endian fields, for those rows. */
void record_put32(uint8_t *p, uint32_t v);
void record_put64(uint8_t *p, uint64_t v);
uint32_t record_get32(const uint8_t *p);
uint64_t record_get64(const uint8_t *p);

#endif

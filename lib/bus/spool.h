/*
 * Store and forward: frames of event lines in append-only files of a folder,
 * numbered as one channel (wire.h), until the broker has them.  Survives
 * kill -9 and power cuts: what spool_sync() has returned for is there, and a
 * torn end is cut off.
 *
 * The folder holds "lock", "state" and segments named by their first number
 * in 16 hex digits and ".seg".  All integers are little-endian.  A segment is
 * a header
 *
 *	 0	"SGSPOOL1"
 *	 8 u64	channel
 *	16 u64	number of its first event
 *	24	publisher, padded with zeros to 68 bytes
 *	92 u32	CRC-32C of bytes 0..91
 *
 * and records, each
 *
 *	 0 u32	CRC-32C of all that follows
 *	 4 u32	bytes of lines
 *	 8 u32	events
 *	12 u32	0
 *	16 u64	number of its first event
 *	24	the lines, each with its LF
 *
 * "state" holds two copies, written in turn, of: "SGSTATE1", u64 serial
 * number of the copy, u64 last delivered number, u32 CRC-32C of these.  An
 * older copy only means that some frames are sent again, which the broker
 * drops.
 */
#ifndef SG_BUS_SPOOL_H
#define SG_BUS_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct spool;

/*
 * spool_open(dir, from, size, why) - Open or create; at most size bytes.
 * from is the publisher's name of a new spool.  NULL with *why and errno:
 * EWOULDBLOCK another process has it, ENOTSUP a newer format, EBADMSG
 * damaged.
 */
struct spool *
spool_open(const char *dir, const char *from, int64_t size, const char **why);

/* spool_close(s) - Sync and close; 0, or -1 with errno. */
int spool_close(struct spool *s);

/* spool_chan(s), spool_from(s) - The channel and the publisher's name. */
uint64_t spool_chan(const struct spool *s);
const char *spool_from(const struct spool *s);

/* Last number stored, last number delivered, bytes of a torn end cut. */
uint64_t spool_end(const struct spool *s);
uint64_t spool_done(const struct spool *s);
uint64_t spool_cut(const struct spool *s);

/*
 * spool_add(s, lines, len, n) - Append n lines as one record.  0, or -1 with
 * errno: ENOSPC the size or the disk does not allow it now, and nothing was
 * stored.
 */
int spool_add(struct spool *s, const char *lines, size_t len, uint32_t n);

/* spool_sync(s) - Make all that was added durable.  0, or -1 with errno. */
int spool_sync(struct spool *s);

struct spool_record {
	uint64_t first;
	uint32_t n;
	const char *lines; /* valid until the next call */
	size_t len;
};

/*
 * spool_next(s, record) - The record after the one last given, from the first
 * that was not delivered at opening.  1, 0 there is none that is durable, -1
 * with errno (EBADMSG: damaged).
 */
int spool_next(struct spool *s, struct spool_record *record);

/*
 * spool_rewind(s) - spool_next() gives again the record that the first number
 * not delivered is in.  0, or -1 with errno.
 */
int spool_rewind(struct spool *s);

/* spool_release(s, number) - Everything up to number is delivered. */
int spool_release(struct spool *s, uint64_t number);

/* What waits in a spool. */
struct spool_look {
	uint64_t waiting; /* events not yet delivered */
	uint64_t bytes;	  /* of all its files */
	struct buf first; /* the oldest event that waits, without LF */
};

/*
 * spool_look(dir, look, why) - Look at a spool from outside, while a process
 * may be using it: nothing is locked, created or changed.  look is all-zero,
 * and the caller frees first.  0, or -1 with *why and errno: ENOENT it is no
 * spool, ENOTSUP a newer format, EBADMSG damaged.
 */
int spool_look(const char *dir, struct spool_look *look, const char **why);

#endif

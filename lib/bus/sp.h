/*
 * The wire mapping of nng's and nanomsg's request/reply sockets (SP) over TCP
 * and IPC: greeting, message length, and the path of hops before a body.
 * Pure functions over bytes; nothing is allocated or read here.
 *
 * Greeting, both sides, once (sp-tcp-mapping-01): 00 'S' 'P' 00, protocol as
 * u16, 00 00; all numbers big-endian.  A message over TCP: u64 length, body.
 * Over IPC: one byte 01, u64 length, body.  A request's body begins with zero
 * or more u32 hops (high bit clear, one per device passed) and a u32
 * request id (high bit set); the reply begins with the same words.
 */
#ifndef SG_BUS_SP_H
#define SG_BUS_SP_H

#include <stddef.h>
#include <stdint.h>

enum sp_transport { SP_TCP, SP_IPC };

enum sp_protocol { SP_REQ = 0x30, SP_REP = 0x31 };

enum {
	SP_GREETING = 8,  /* bytes of a greeting */
	SP_PATH_MAX = 64, /* bytes of 15 hops and the request id */
	SP_HEAD_MAX = 9 + SP_PATH_MAX
};

/* sp_greeting(out, protocol) - Our greeting. */
void sp_greeting(uint8_t out[SP_GREETING], enum sp_protocol protocol);

/*
 * sp_head(out, transport, path, n, body) - What stands before a body of that
 * many bytes: the length, then path[0..n), n <= SP_PATH_MAX.  Returns how
 * many bytes of out are used.
 */
size_t sp_head(uint8_t out[SP_HEAD_MAX], enum sp_transport transport,
    const uint8_t *path, size_t n, uint64_t body);

enum sp_step {
	SP_BAD = -1, /* protocol broken: *why */
	SP_MORE = 0, /* all bytes used up, more are needed */
	SP_GREETED,  /* the peer's greeting is in */
	SP_MESSAGE   /* .path, .path_len, .body are set */
};

/* One direction of a connection as it is read. */
struct sp_reader {
	enum sp_transport transport;
	enum sp_protocol peer; /* what the greeting must say */
	uint64_t limit;	       /* longest body */
	int greeted;
	size_t have; /* bytes in head */
	uint8_t head[SP_HEAD_MAX];
	const uint8_t *path; /* SP_MESSAGE: valid until the next call */
	size_t path_len;
	uint64_t body; /* bytes of the body that follow */
};

/*
 * sp_reader_init(r, transport, peer, limit) - Before the first byte.  limit
 * is at most INT64_MAX.
 */
void sp_reader_init(struct sp_reader *r, enum sp_transport transport,
    enum sp_protocol peer, uint64_t limit);

/*
 * sp_read(r, p, n, why) - Read on in (*p)[0..*n) and move *p and *n past
 * what was used.  After SP_MESSAGE the next r->body bytes of the stream are
 * the caller's; it passes them over before the next call.  A message over
 * the limit is SP_BAD as soon as its length is known; a request id missing
 * or behind more than 15 hops is SP_BAD too.  *why is constant.
 */
enum sp_step
sp_read(struct sp_reader *r, const char **p, size_t *n, const char **why);

#endif

/*
 * A session between client and broker (or twins) inside nng request and
 * reply bodies, both ends.  Little-endian; one body is one frame:
 *
 *	"SG" | version 1 | type | session u64 | counter u64 | rest
 *
 *	type 1	HS1, request: Noise message 1, no payload
 *	type 2	HS2, reply: Noise message 2, payload: the broker's
 *	type 3	HS3, request: Noise message 3, payload: the client's
 *	type 4	HS4, reply: {"ok":true,…} or an error, as DATA
 *	type 5	DATA: records; plaintext = request number u64 | message
 *
 * Noise_XX_25519_ChaChaPoly_SHA256, XXpsk3 if the network has a key for it;
 * prologue "sg/1" NUL network id.  A payload is a JSON line ({"time":T}) and
 * the NDJSON chain of the sender's certificate, whose enc key must be the
 * static key.  session and counter are 0 in HS1-HS3; session is then the first
 * 8 bytes of the handshake hash.  A counter counts the records a side has
 * sent; DATA has records of 65,519 bytes of plaintext (+ tag), the last one
 * shorter or equal, associated data = the 20 bytes of header | index u32 |
 * last u8.  A side's key of epoch counter >> 20 is the one before it REKEYed.
 * The receiver takes each counter once, in any order within 2,048.  sg-wire(7)
 * says it in full.
 */
#ifndef SG_TRUST_CHANNEL_H
#define SG_TRUST_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "trust/identity.h"

struct channel;

enum {
	CHANNEL_HEAD = 20,
	CHANNEL_RECORD = 65535,
	CHANNEL_WINDOW = 2048,
	CHANNEL_LIFE = 3600 /* s until a new handshake is due */
};

/*
 * channel_frame(p, n) - 1 if the body is a frame of ours, 0 if it is plain
 * text of the wire (sg-wire(7)).
 */
int channel_frame(const void *p, size_t n);

/* channel_overhead(n) - Bytes that a message of n bytes grows by at most. */
size_t channel_overhead(size_t n);

/*
 * channel_dial(id, name) - The client's end; the peer has to be a broker
 * whose certificate has that name (NULL: any broker of the network).
 * channel_accept(id) - The broker's; the peer may be an actor or a broker.  id
 * is borrowed; once the session is open only channel_peer()'s certificate
 * hangs on it.
 */
struct channel *channel_dial(struct identity *id, const char *name);
struct channel *channel_accept(struct identity *id);
void channel_free(struct channel *c);

enum channel_result {	    /* zero ends it */
	CHANNEL_DENIED = 0, /* *why; out has a last frame to send, or nothing */
	CHANNEL_SEND,	    /* send out, the handshake goes on */
	CHANNEL_OPEN	    /* established; send out if it is not empty */
};

/*
 * channel_start(c, out) - The client's first frame.
 * channel_step(c, p, n, now, out, why) - Take a handshake frame of the peer;
 * now in Unix seconds.  out is appended to.  *why is valid until the next call
 * and says "certificate expired", "the broker is "b", not "a"", ...
 */
void channel_start(struct channel *c, struct buf *out);
enum channel_result channel_step(struct channel *c, const void *p, size_t n,
    int64_t now, struct buf *out, const char **why);

/*
 * channel_peer(c) - The peer's certificate once open, of id->ring; after a
 * denial too if it had been verified by then, else NULL.
 * channel_expires(c) - Unix second at which a new handshake is due: an hour,
 * or the end of either certificate if that is earlier.
 */
const struct cert *channel_peer(const struct channel *c);
int64_t channel_expires(const struct channel *c);

struct channel_piece {
	const void *p;
	size_t n;
};

/*
 * channel_sealed(total) - Exact length of the DATA frame for a message of
 * total bytes.  channel_seal(c, request, pieces, n, out) - Write that frame,
 * of the message that the pieces make up, to out[0..channel_sealed()).  One
 * thread may seal while another opens.  A session that is not open, or has
 * sent 2^63 records, gives zeros, which no peer takes.
 */
size_t channel_sealed(size_t total);
void channel_seal(struct channel *c, uint64_t request,
    const struct channel_piece *pieces, size_t n, void *out);

/*
 * channel_open(c, p, n, request, out) - Verify and decrypt a DATA frame to
 * out (room for n bytes, apart from p): the message's length and *request, or
 * -1: forged, truncated, repeated, of another session; nothing but out has
 * changed then and the connection is to be closed.
 */
int64_t channel_open(
    struct channel *c, const void *p, size_t n, uint64_t *request, void *out);

#endif

/*
 * How a message goes over one connection: sealed in its session of
 * trust/channel.h, or as it is if there is none.  All-zero is plain.
 */
#ifndef SG_BUS_ENVELOPE_H
#define SG_BUS_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "trust/channel.h"

struct envelope {
	struct channel *channel; /* of the connection; NULL: plain */
	uint64_t number;	 /* of its last request */
	int64_t renew, end;	 /* date_mono times: may, has to be renewed */
	struct buf plain;	 /* what was last opened */
};

/*
 * envelope_begin(e, id, name) - A new session, whose handshake is the
 * caller's to do with e->channel; name as in channel_dial().
 * envelope_lasts(e) - It is done: from now on until when.
 * envelope_due(e, idle) - 1 if the session is to be replaced by a new one:
 * soon if the caller is idle, else when it has to.
 */
void envelope_begin(struct envelope *e, struct identity *id, const char *name);
void envelope_lasts(struct envelope *e);
int envelope_due(const struct envelope *e, int idle);
void envelope_fini(struct envelope *e);

/*
 * envelope_size(e, n) - What n bytes of a request take.
 * envelope_seal(e, head, p, n, out) - Write the next request, head and then
 * p[0..n), to out[0..envelope_size()): its number.
 * envelope_open(e, number, p, n) - Replace *p, *n by the text of the reply,
 * valid until the next: 0, or -1 if it is not the broker's answer to the
 * request of that number.
 */
size_t envelope_size(const struct envelope *e, size_t n);
uint64_t envelope_seal(struct envelope *e, const struct buf *head,
    const void *p, size_t n, void *out);
int
envelope_open(struct envelope *e, uint64_t number, const char **p, size_t *n);

#endif

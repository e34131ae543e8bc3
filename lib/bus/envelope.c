#include "bus/envelope.h"

#include <string.h>

#include "base/date.h"

enum { RENEW = 120 }; /* s before a session's end: a quiet moment is sought */

void
envelope_begin(struct envelope *e, struct identity *id, const char *name)
{
	channel_free(e->channel);
	e->number = 0;
	e->channel = channel_dial(id, name);
}

void
envelope_lasts(struct envelope *e)
{
	int64_t now = date_mono(), left;

	left = channel_expires(e->channel) - date_now() / DATE_SECOND;
	e->renew = e->end = INT64_MAX;
	/* A new one would end with the same certificate. */
	if (left <= RENEW)
		return;
	e->renew = now + (left - RENEW) * DATE_SECOND;
	e->end = now + left * DATE_SECOND;
}

int
envelope_due(const struct envelope *e, int idle)
{
	int64_t now;

	if (e->channel == NULL || e->renew == INT64_MAX)
		return 0;
	now = date_mono();
	return now >= e->end || (now >= e->renew && idle);
}

void
envelope_fini(struct envelope *e)
{
	channel_free(e->channel);
	buf_fini(&e->plain);
}

size_t
envelope_size(const struct envelope *e, size_t n)
{
	return e->channel != NULL ? channel_sealed(n) : n;
}

uint64_t
envelope_seal(struct envelope *e, const struct buf *head, const void *p,
    size_t n, void *out)
{
	const struct channel_piece piece[2] = { { head->p, head->len },
		{ p, n } };

	e->number++;
	if (e->channel != NULL) {
		channel_seal(e->channel, e->number, piece, n > 0 ? 2 : 1, out);
		return e->number;
	}
	memcpy(out, head->p, head->len);
	if (n > 0)
		memcpy((char *)out + head->len, p, n);
	return e->number;
}

int
envelope_open(struct envelope *e, uint64_t number, const char **p, size_t *n)
{
	uint64_t request;
	int64_t len;

	if (e->channel == NULL)
		return 0;
	buf_clear(&e->plain);
	len =
	    channel_open(e->channel, *p, *n, &request, buf_room(&e->plain, *n));
	if (len < 0 || request != number)
		return -1;
	*p = e->plain.p;
	*n = (size_t)len;
	return 0;
}

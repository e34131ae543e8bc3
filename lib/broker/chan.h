/*
 * Delivery channels: of each (publisher, channel) the highest number taken
 * and the highest that is durable, so that what is sent again is stored
 * once, in order.
 */
#ifndef SG_BROKER_CHAN_H
#define SG_BROKER_CHAN_H

#include <stddef.h>
#include <stdint.h>

#include "broker/log.h"

struct publish; /* publish.c's: a request not answered yet */

struct chan {
	struct chan *chain;
	char from[FRAME_FROM_MAX + 1];
	uint64_t chan;
	uint64_t accepted;     /* highest number handed to the log */
	uint64_t durable;      /* highest number on disk */
	uint64_t safe;	       /* highest number the twin has, too */
	struct log_place last; /* its newest frame in our log; n 0: none */
	int64_t rt;	       /* when it was used last, us */
	struct publish *ahead; /* frames beyond a gap, by first number */
	size_t ahead_count;
	struct publish *waiting; /* repeats of what is not durable yet */
	size_t pending;		 /* frames the log has not given back */
	int64_t *count;		 /* of its owner's channels: one less when it is
				    forgotten; NULL: not counted */
};

struct chans;

/* chans_new() - No channels yet; chans_free() frees all. */
struct chans *chans_new(void);
void chans_free(struct chans *channels);

/*
 * chans_get(channels, from, n, chan, make) - The channel, made if make is
 * not 0, else NULL if it is unknown.  n <= FRAME_FROM_MAX.
 */
struct chan *chans_get(struct chans *channels, const char *from, size_t n,
    uint64_t chan, int make);

/* chans_forget(channels, channel) - Remove and free it. */
void chans_forget(struct chans *channels, struct chan *channel);

/*
 * chan_idle(channel) - 1 if no request of it is unanswered.
 */
int chan_idle(const struct chan *channel);

/*
 * chans_old(channels, before) - An idle channel last used before that
 * time, or NULL; each call looks at one slice of the
 * table, so that no call takes long.
 */
struct chan *chans_old(struct chans *channels, int64_t before);

/* chans_each(channels, fn, ctx) - Call fn for every channel. */
void chans_each(struct chans *channels,
    void (*fn)(void *ctx, struct chan *channel), void *ctx);

/* chans_count(channels) - How many there are. */
size_t chans_count(const struct chans *channels);

#endif

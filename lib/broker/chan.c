#include "broker/chan.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"

enum { SLICE = 256 }; /* chains chans_old() looks at in one call */

struct chans {
	struct chan **chain;
	size_t mask, count, hand;
};

struct chans *
chans_new(void)
{
	struct chans *channels = xcalloc(1, sizeof *channels);

	channels->mask = 255;
	channels->chain = xcalloc(channels->mask + 1, sizeof(struct chan *));
	return channels;
}

/* Channel numbers are random bits already. */
static size_t
chain_of(const struct chans *channels, uint64_t chan)
{
	return (chan ^ chan >> 32) & channels->mask;
}

static void
grow(struct chans *channels)
{
	struct chan **old = channels->chain, *c, *next;
	size_t n = channels->mask + 1, i, to;

	channels->mask = n * 2 - 1;
	channels->chain = xcalloc(channels->mask + 1, sizeof(struct chan *));
	for (i = 0; i < n; i++)
		for (c = old[i]; c != NULL; c = next) {
			next = c->chain;
			to = chain_of(channels, c->chan);
			c->chain = channels->chain[to];
			channels->chain[to] = c;
		}
	free(old);
}

struct chan *
chans_get(
    struct chans *channels, const char *from, size_t n, uint64_t chan, int make)
{
	size_t at = chain_of(channels, chan);
	struct chan *c;

	for (c = channels->chain[at]; c != NULL; c = c->chain)
		if (c->chan == chan && memcmp(c->from, from, n) == 0 &&
		    c->from[n] == '\0')
			return c;
	if (!make)
		return NULL;
	if (channels->count++ > channels->mask) {
		grow(channels);
		at = chain_of(channels, chan);
	}
	c = xcalloc(1, sizeof *c);
	memcpy(c->from, from, n);
	c->chan = chan;
	c->chain = channels->chain[at];
	channels->chain[at] = c;
	return c;
}

void
chans_forget(struct chans *channels, struct chan *channel)
{
	struct chan **at = &channels->chain[chain_of(channels, channel->chan)];

	while (*at != channel)
		at = &(*at)->chain;
	*at = channel->chain;
	if (channel->count != NULL)
		--*channel->count;
	channels->count--;
	free(channel);
}

int
chan_idle(const struct chan *channel)
{
	return channel->pending == 0 && channel->ahead == NULL &&
	    channel->waiting == NULL;
}

struct chan *
chans_old(struct chans *channels, int64_t before)
{
	struct chan *c;
	int i;

	for (i = 0; i < SLICE; i++) {
		channels->hand = (channels->hand + 1) & channels->mask;
		for (c = channels->chain[channels->hand]; c != NULL;
		     c = c->chain)
			if (c->rt < before && chan_idle(c))
				return c;
	}
	return NULL;
}

void
chans_each(struct chans *channels, void (*fn)(void *ctx, struct chan *channel),
    void *ctx)
{
	struct chan *c;
	size_t i;

	for (i = 0; i <= channels->mask; i++)
		for (c = channels->chain[i]; c != NULL; c = c->chain)
			fn(ctx, c);
}

size_t
chans_count(const struct chans *channels)
{
	return channels->count;
}

void
chans_free(struct chans *channels)
{
	struct chan *c, *next;
	size_t i;

	if (channels == NULL)
		return;
	for (i = 0; i <= channels->mask; i++)
		for (c = channels->chain[i]; c != NULL; c = next) {
			next = c->chain;
			free(c);
		}
	free(channels->chain);
	free(channels);
}

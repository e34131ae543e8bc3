/*
 * What a monitoring plug-in asks a broker, and what it makes of the answers.
 */
#ifndef SG_BUS_EXAMINE_H
#define SG_BUS_EXAMINE_H

#include <stddef.h>
#include <stdint.h>

#include "bus/client.h"
#include "bus/health.h"
#include "event/filters.h"

/* How to ask, and what is too much. */
struct examine {
	const struct client_config *config;
	int64_t deadline; /* date_mono(): nothing waits longer */
	struct health_limits limits;
	int64_t away;		  /* us a twin may be away */
	const char *const *names; /* of durable cursors */
	size_t nnames;
	int held; /* a cursor nobody reads from is critical */
	const struct filters *filters;
};

/*
 * examine_broker(x, h) - Each of config's URLs: does a broker answer, within
 * limits (seconds to answer a hello), is it degraded, is its twin there and in
 * step; away: longer than that is critical.
 *
 * examine_cursors(x, h) - The durable cursors, or those of names, and a name
 * that there is not is critical: limits are events behind; one that retention
 * may soon overtake is at least a warning; with held, one that no reader holds
 * is critical.
 *
 * examine_stale(x, h) - The topics that filters match: limits are seconds
 * since the newest event's t.  A filter that no topic matches is critical.
 *
 * The last two ask the first broker of config that answers; if there is
 * none, that is critical.  All print nothing and add to h; 0, or -1 if the URLs
 * cannot be asked as they are given, which is in h as unknown.
 */
int examine_broker(const struct examine *x, struct health *h);
int examine_cursors(const struct examine *x, struct health *h);
int examine_stale(const struct examine *x, struct health *h);

/*
 * examine_span(us, text) - A length of time for people: "3d4h", "12m5s",
 * "2.5s", "0.40ms".  Returns text.
 */
enum { EXAMINE_SPAN = 32 };
const char *examine_span(int64_t us, char text[EXAMINE_SPAN]);

#endif

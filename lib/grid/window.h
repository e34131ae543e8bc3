/*
 * Windows of event time: readings of many sources go in, grouped by the
 * topic of their result, and aggregate event lines come out when the
 * watermark has passed the end of a window.  The same readings give the same
 * bytes, in whatever order they come within the grace time and however long
 * the pauses between them are.
 *
 * The watermark is the greatest t seen, minus the grace time.  Lines come
 * out by the end of what they tell of, then by window start, then by topic.
 */
#ifndef SG_GRID_WINDOW_H
#define SG_GRID_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "event/event.h"
#include "grid/cell.h"
#include "grid/names.h"
#include "grid/partial.h"
#include "grid/slot.h"
#include "grid/tally.h"

struct window_rule {
	struct slot_rule slot;
	int64_t slide; /* slot.width is whole slides; 0 tumbling */
	int64_t every; /* partial results, from each window's start; 0 none */
	int64_t stale; /* how long a last value counts; 0 in its window */
	int64_t grace; /* microseconds, as all times here */
	int64_t skew;  /* how far t may be ahead of the clock */
	int64_t keep;  /* how long a closed window takes corrections */
	int64_t interval;	     /* of power readings, for energy; 0 none */
	struct cell_rule per_source; /* first, in each window */
	struct partial_wants wants;
	struct partial_fields fields;
	const char *unit; /* of the result, or NULL */
	const char *src;  /* of the results, with ep and seq, or NULL */
	int missing;	  /* name the missing sources */
	int expected;	  /* only those that are expected can be missing */
	int64_t forget;	  /* windows after which a silent source is; 0 never */
};

enum {
	WINDOW_ABSENT_MAX = 100,   /* sources that are named */
	WINDOW_KEPT_MAX = 1 << 19, /* closed windows kept */
	WINDOW_PANES_MAX = 10000   /* slides or parts of a window */
};

struct window_set;

/* window_new(rule) - rule is borrowed for the set's life. */
struct window_set *window_new(const struct window_rule *rule);
void window_free(struct window_set *set);

/*
 * Streams of readings, the events of one topic each, by number.  Those that
 * are refused have one too, so that each topic is looked at once.
 *
 * window_topics(set) - The topics: names_find() gives the number.
 */
const struct names *window_topics(const struct window_set *set);

/*
 * window_input(set, topic, n, result, rn, source, sn) - A new stream goes
 * into the group with the result topic result[0..rn), as the source named
 * source[0..sn), or, with NULL (always or never in a set), as a source of its
 * own.  Inputs of the same group and source count as one source.  NAMES_NONE
 * if there is too much text.
 */
uint32_t window_input(struct window_set *set, const char *topic, size_t n,
    const char *result, size_t rn, const char *source, size_t sn);

/*
 * window_move(set, input, result, rn, source, sn) - The stream goes there from
 * now on, if it has not done so before; where it went, its source is no longer
 * known.  0, or -1 if there is too much text.
 */
int window_move(struct window_set *set, uint32_t input, const char *result,
    size_t rn, const char *source, size_t sn);

/* window_refuse(set, topic, n) - A new stream that is refused. */
void window_refuse(struct window_set *set, const char *topic, size_t n);

/*
 * window_leave(set, input) - The stream is refused from now on, and its source
 * no longer known.
 */
void window_leave(struct window_set *set, uint32_t input);

/* window_refused(set, input) - 1 if it is such a one. */
int window_refused(const struct window_set *set, uint32_t input);

/*
 * window_expect(set, input) - Its source is known before its first reading,
 * so that it is missing from every window of its group until then.  It is
 * never forgotten.
 */
void window_expect(struct window_set *set, uint32_t input);

/* window_source(set, input) - The name of its source; the set's. */
const char *window_source(const struct window_set *set, uint32_t input);

enum window_result {
	WINDOW_TAKEN,
	WINDOW_DUE,    /* taken, and window_next() has lines */
	WINDOW_UNUSED, /* quality BAD or MISSING: not counted */
	WINDOW_LATE,   /* its window is closed and takes no more */
	WINDOW_FUTURE, /* more than skew ahead of the clock */
	WINDOW_REFUSED /* *why: no number, unit that does not fit */
};

/*
 * window_add(set, input, event, why) - Add one complete event to a stream
 * that is not refused.  An event with members w and n is a partial aggregate
 * (partial.h); any other is one reading.  A partial replaces
 * the one of the same input and t that has a lower rev.  *why is valid until
 * the next call.
 */
enum window_result window_add(struct window_set *set, uint32_t input,
    const struct event *event, const char **why);

/*
 * window_next(set, b) - Append the next finished line, without newline, to
 * b: 1, or 0 if there is none.  Call until 0 before the next window_add.
 */
int window_next(struct window_set *set, struct buf *b);

/*
 * window_idle(set, now) - There is no input at the moment.  If the newest
 * reading came in when it was no older than grace + skew (plus its interval,
 * if that is known), the stream is live, and windows whose end + grace is
 * not after now close.  Returns when to call again at the latest,
 * microseconds from now, or -1 for never.
 */
int64_t window_idle(struct window_set *set, int64_t now);

/*
 * window_closes(set, now) - 1 if window_idle(set, now) would close a window;
 * the set is left as it is.
 */
int window_closes(const struct window_set *set, int64_t now);

/*
 * window_clock(set, now) - Until this is called again it is that time, and
 * date_now() is not asked; whether the stream is live is seen now.
 */
void window_clock(struct window_set *set, int64_t now);

/* window_end(set) - No more readings: everything open closes. */
void window_end(struct window_set *set);

/*
 * window_save(set, b) - Append all that the set knows, as a state (memo.h),
 * when window_next() has given 0.  Not the clock and the statistics.
 * window_load(set, p, n) - Make it what was saved by one with the same rule.
 * 0; -1 if that is no such state, and the set then is as new.
 */
void window_save(const struct window_set *set, struct buf *b);
int window_load(struct window_set *set, const char *p, size_t n);

struct window_stats {
	uint64_t lines, corrections, partials; /* given by window_next() */
	size_t groups, sources;
};

/* window_stats(set, stats) - What has been so far. */
void window_stats(const struct window_set *set, struct window_stats *stats);

#endif

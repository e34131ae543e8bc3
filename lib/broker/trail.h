/*
 * Positions in all logs of a store (struct trail, log.h) and the way through
 * them: each log in its order, and no frame before those it may depend on.
 */
#ifndef SG_BROKER_TRAIL_H
#define SG_BROKER_TRAIL_H

#include <stddef.h>
#include <stdint.h>

#include "broker/log.h"
#include "broker/store.h"
#include "bus/wire.h"

/*
 * trail_begin(t, s) - Before all that is stored; trail_now(t, s) - behind it:
 * an entry for each log that is open.  trail_before(t, s, place) - the same
 * but for one log, of which only the events up to place.n are passed.
 * trail_seek(t, s, rt) - before what was received at or after rt; 0 or -1 with
 * errno.
 */
void trail_begin(struct trail *t, const struct store *s);
void trail_now(struct trail *t, const struct store *s);
void
trail_before(struct trail *t, const struct store *s, struct log_place place);
int trail_seek(struct trail *t, struct store *s, int64_t rt);

/*
 * trail_parse(t, s, cursor, lax) - A cursor as this broker sees it.  0, or
 * -1: it names a log of a known broker that is not known here and newer than
 * the newest that is settled, so that what it has passed may have been lost
 * here; with lax such logs are gone and passed.  Entries of brokers never
 * heard of are left out.  trail_unknown(s, cursor) - The entry that makes it
 * -1 without lax, or NULL.  trail_cursor(t, s, cursor) - As clients see it,
 * in order of names and start numbers.
 */
int trail_parse(struct trail *t, const struct store *s,
    const struct wire_cursor *cursor, int lax);
const struct wire_position *
trail_unknown(const struct store *s, const struct wire_cursor *cursor);
void trail_cursor(
    const struct trail *t, const struct store *s, struct wire_cursor *cursor);

/*
 * A reader may know logs of another broker that are not known here yet.
 * trail_keep(s, cursor, unknown) - Those entries of a cursor, newer than any
 * log known here: how many.  trail_parse() does not see them.  trail_learn(t,
 * s, unknown) - What has become known in the meantime, or is older than what
 * has, leaves unknown, and is passed; to be called before t is used whenever
 * there may be new logs.  trail_tell(s, unknown, cursor) - Add them to what
 * trail_cursor() gave.
 */
size_t trail_keep(const struct store *s, const struct wire_cursor *cursor,
    struct wire_cursor *unknown);
void trail_learn(
    struct trail *t, const struct store *s, struct wire_cursor *unknown);
void trail_tell(const struct store *s, const struct wire_cursor *unknown,
    struct wire_cursor *cursor);

/*
 * trail_passed(t, s, place) - 1 if event place.n of that log is passed.
 * trail_in(t, s, run) - how many events of that log are, more than it has if
 * it is passed whatever it may still get.
 */
int trail_passed(
    const struct trail *t, const struct store *s, struct log_place place);
uint64_t trail_in(const struct trail *t, const struct store *s, uint32_t run);

/*
 * trail_reached(t, s, goal) - 1 if all that goal has passed is passed, or can
 * not come any more.
 */
int trail_reached(
    const struct trail *t, const struct store *s, const struct trail *goal);

/*
 * trail_move(t, s, place) - Everything up to event place.n of place.run is
 * passed in that log.  Logs that are passed and closed give way to the next
 * of their broker.
 */
void trail_move(struct trail *t, const struct store *s, struct log_place place);

/*
 * trail_next(t, s, v, at) - Stand on a frame with events that t has not
 * passed and may pass now: 1 with *at {its run, events of that run passed},
 * 0 if there is none, -1 with errno as store_view() and *at.  v is all-zero, or
 * what the last call gave if t has only moved inside that frame or to its
 * end since; which frame comes next is the same wherever the walk begins.
 * trail_end(v) before any wait.
 */
int trail_next(struct trail *t, struct store *s, struct store_view *v,
    struct log_place *at);
void trail_end(struct store_view *v);

/*
 * trail_skip(t, s) - Move past events that are not stored any more: how many
 * that are.
 */
uint64_t trail_skip(struct trail *t, const struct store *s);

/* trail_ahead(t, s) - 1 if events are passed that are not stored here yet. */
int trail_ahead(const struct trail *t, const struct store *s);

/* trail_behind(t, s) - How many stored events it has not passed. */
uint64_t trail_behind(const struct trail *t, const struct store *s);

#endif

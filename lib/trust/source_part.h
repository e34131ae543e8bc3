/*
 * Inside source.h: what the handling of lines, of seals and of proofs share.
 */
#ifndef SG_TRUST_SOURCE_PART_H
#define SG_TRUST_SOURCE_PART_H

#include "trust/source.h"

/*
 * source_find(room, v, at, n, why), source_drop(room, v, at, why, p, len) -
 * Tell the sink.
 */
void source_find(const struct source_room *room, enum verdict v,
    const struct finding_place *at, int64_t n, const char *why);
void source_drop(const struct source_room *room, enum verdict v,
    const struct finding_place *at, const char *why, const char *p, size_t len);

/* source_tell_gaps(q, room, next, near) - Find the untold ones below next. */
void source_tell_gaps(struct source *q, const struct source_room *room,
    int64_t next, const struct finding_place *near);

/* source_take(q, room, ep, seq, at) - A new number that it has signed for. */
enum sequence_result
source_take(struct source *q, const struct source_room *room, int64_t ep,
    int64_t seq, const struct finding_place *at);

/*
 * source_place(q, line), source_drop_line(q, room, line, v, why),
 * source_pass_line(q, room, line, cert, reordered) - Of a pending line: where
 * it came from; it is dropped; its place under its seal is proven, by that
 * certificate's holder.  The latter two end its wait.
 */
struct finding_place
source_place(const struct source *q, const struct pending_line *line);
void source_drop_line(struct source *q, const struct source_room *room,
    struct pending_line *line, enum verdict v, const char *why);
void source_pass_line(struct source *q, const struct source_room *room,
    struct pending_line *line, const struct cert *cert, int reordered);

/* source_sweep(q, room) - Forget the pending lines that are done. */
void source_sweep(struct source *q, struct source_room *room);

/*
 * source_match(q, room, last) - Try the waiting seal, if there is one, on the
 * lines that wait; whatever is missing may come within a while, unless this is
 * the last time.
 */
void source_match(struct source *q, struct source_room *room, int last);

#endif

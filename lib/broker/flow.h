/*
 * Flows: durable cursors that move with the results of what they have read,
 * in one frame, which ends with a mark (bus/wire.h, "Marks").  Of each the
 * broker knows its newest mark, which is the last value of the topic of its
 * marks, and takes no results that do not follow on it.  Private to the
 * broker's session code.
 */
#ifndef SG_BROKER_FLOW_H
#define SG_BROKER_FLOW_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "bus/wire.h"

struct broker;
struct chan;
struct flow_mark; /* the mark a store_frame ends with; free() frees it */
struct flows;
struct last_topic;
struct log_row;
struct session;
struct store_frame;

/* flows_new() - None yet; flows_free() frees all. */
struct flows *flows_new(void);
void flows_free(struct flows *flows);

/* flow_load(b) - What the last values tell, and cursors that lag behind. */
void flow_load(struct broker *b);

/*
 * flow_request_fault(r, lines) - Why the request's commit cannot be; NULL: it
 * can, or there is none.  flow_claims(r) - 1 if it is to end with a mark.
 * flow_claim(r) - The commit, on the heap; NULL if there is none.
 */
const char *flow_request_fault(const struct wire_request *r, uint64_t lines);
int flow_claims(const struct wire_request *r);
struct wire_mark *flow_claim(const struct wire_request *r);

/*
 * flow_advance(s, m, c) - All up to the mark that m follows on is durable,
 * whatever channel c, which m is to be published in, knows.
 */
void flow_advance(struct session *s, const struct wire_mark *m, struct chan *c);

/*
 * flow_fault(s, m, upto, accepted, why) - May a frame with that last number,
 * of a channel that has come so far, be taken?  NULL (if upto is not above
 * accepted it is a repetition), or an error's name with *why; if that is
 * "busy" flow_newest(s, m) is what it does not follow on.
 */
const char *flow_fault(struct session *s, const struct wire_mark *m,
    uint64_t upto, uint64_t accepted, const char **why);
uint64_t flow_newest(const struct session *s, const struct wire_mark *m);

/*
 * flow_gap(s, m, why) - What a frame waited for has not come: "gap", or what
 * flow_fault() says with *why, if that is the mark it follows on.
 */
const char *
flow_gap(const struct session *s, const struct wire_mark *m, const char **why);

/*
 * The mark that a frame which may be taken ends with: flow_add(line, s, m,
 * number) - Append its line.  flow_topic(s, m) - its topic's entry.
 * flow_mark(s, m, from, number) - For the frame's .mark; it is the newest from
 * now on.
 */
void flow_add(struct buf *line, const struct session *s,
    const struct wire_mark *m, uint64_t number);
struct last_topic *
flow_topic(const struct session *s, const struct wire_mark *m);
struct flow_mark *flow_mark(struct session *s, const struct wire_mark *m,
    const char *from, uint64_t number);

/*
 * flow_copy(b, frame, topic, n, line, len) - The twin's frame ends with that
 * line: if it is a mark, .mark is set.
 */
void flow_copy(struct broker *b, struct store_frame *frame, const char *topic,
    size_t n, const char *line, size_t len);

/* flow_kept(b, row) - The last value of a topic has come without its event. */
void flow_kept(struct broker *b, const struct log_row *row);

/*
 * flow_handed(b, frame) - The log has been given the frame: the cursor comes
 * behind it.  flow_done(b, frame, error) - It is durable (without a log: at
 * once), or could not be stored.
 */
void flow_handed(struct broker *b, struct store_frame *frame);
void flow_done(struct broker *b, struct store_frame *frame, int error);

/*
 * flow_end(b, cursor) - The durable cursor of that full name is being deleted:
 * if it has marks, there is one more that says so.
 */
void flow_end(struct broker *b, const char *cursor);

/* flow_owns(b, cursor) - 1 if marks move the durable cursor of that full name.
 */
int flow_owns(const struct broker *b, const char *cursor);

/* flow_keeps(b, c) - 1 if the channel is a living flow's. */
int flow_keeps(const struct broker *b, const struct chan *c);

#endif

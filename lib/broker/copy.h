/*
 * What goes from one twin to the other in the lines of a mirror answer: whole
 * frames, each a head line and then its event lines,
 *
 *	["A.7",N,EVENTS,RT,"FROM","CHAN",FIRST,NUMBERS,{"B.9":M}]
 *
 * (log, number of the first event, lines, receive time in microseconds,
 * publisher, channel in 16 hex digits, the number in it of the first event,
 * numbers used up, how far other logs had come), and notes,
 *
 *	{"note":"cursor","name":S,"t":MICROSECONDS,"cursor":C|null}
 *	{"note":"bye","from":S,"chan":"16 hex digits"}
 *	{"note":"kept","topic":S,"rt":MICROSECONDS,"from":S,"line":S}
 *
 * the last being the newest line of a topic whose event the sender no longer
 * has (from may be empty: not known).
 *
 * Further elements, members and notes are passed over.
 */
#ifndef SG_BROKER_COPY_H
#define SG_BROKER_COPY_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "broker/frame.h"
#include "broker/store.h"
#include "bus/wire.h"

enum copy_kind {
	COPY_BAD = 0,
	COPY_FRAME,
	COPY_CURSOR,
	COPY_BYE,
	COPY_KEPT,
	COPY_UNKNOWN /* a note of a later version */
};

/* One of them, decoded; lines, topic and line borrow from the text. */
struct copy {
	enum copy_kind kind;
	struct wire_position log; /* FRAME: n is that of its first event */
	uint32_t events, numbers;
	int64_t rt; /* FRAME, CURSOR, KEPT */
	char from[FRAME_FROM_MAX + 1];
	uint64_t chan, first;
	struct wire_cursor deps;
	const char *lines; /* FRAME */
	size_t len;
	char name[LOG_CURSOR_MAX + 1]; /* CURSOR */
	struct wire_cursor cursor;
	int deleted;
	struct json_value topic, line; /* KEPT: strings, see json_text() */
};

/*
 * copy_next(c, p, end, why) - Decode what begins at *p and move *p behind it.
 * 1, 0 at the end, -1 with *why.
 */
int
copy_next(struct copy *c, const char **p, const char *end, const char **why);

/* copy_head(b, h, s, run) - Append the head line of a frame of that log. */
void copy_head(struct buf *b, const struct frame_head *h, const struct store *s,
    uint32_t run);

/*
 * Append a note; cursor NULL: deleted.  copy_kept() appends nothing and gives
 * 0 if it would be too long for an answer, else 1.
 */
void copy_cursor(struct buf *b, const char *name, int64_t t,
    const struct wire_cursor *cursor);
void copy_bye(struct buf *b, const char *from, uint64_t chan);
int copy_kept(struct buf *b, const struct log_row *row);

#endif

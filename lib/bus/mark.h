/*
 * A mark: the line that tells filters and sg-pub how far the events before
 * it in a stream have been read, sg-event(5).  In a pipe
 *
 *	{"topic":"$SG/MARK","t":T,"d":{"name":"agg","id":"1795388400123456.17",
 *	 "cursor":{"a.1795":812},"committed":"1795388400123456.16"}}
 *
 * and as the broker stores it, with the results that belong to it,
 *
 *	{"topic":"$SG/MARK/A/N","t":T,"d":{"name":"agg","id":…,"cursor":…},
 *	 "seq":17}
 */
#ifndef SG_BUS_MARK_H
#define SG_BUS_MARK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "bus/wire.h"
#include "event/event.h"

#define MARK_TOPIC "$SG/MARK"

enum {
	MARK_ID_MAX = WIRE_ID_MAX,
	MARK_MAX = 65536 /* bytes of a line */
};

struct mark {
	char name[WIRE_NAME_MAX + 1];	 /* of the durable cursor: the flow */
	char id[MARK_ID_MAX + 1];	 /* unlike every other mark's */
	char committed[MARK_ID_MAX + 1]; /* newest one known to be durable in
					    the broker, or "" */
	int64_t t;	/* microseconds: the time a filter takes for now */
	int done;	/* durable itself; what came before is published */
	uint64_t n;	/* done: its number in the channel, 0: never any */
	uint64_t ahead; /* done: of the lines after it so many are in the
			   channel already */
	int anew;	/* done: the flow begins here, state is to be empty */
	int lead;	/* done: what comes now is to be published */
	int idle;	/* nothing came since a mark that is committed */
	int end;	/* the last one before the end of the input */
	int time;	/* t is all it tells: it stands for no position */
	int deleted;	/* stored: the durable cursor was deleted */
	int has_cursor;
	const char *d; /* its "d" as it stands in the line, borrowed */
	size_t dn;
	struct wire_cursor cursor; /* big: only its n is ever cleared */
};

/*
 * mark_is(e) - 1 if the event is a mark in a pipe: event_is_mark(e).
 */
static inline int
mark_is(const struct event *e)
{
	return event_is_mark(e);
}

/*
 * mark_read(m, e, why) - Decode a mark, of a pipe or as the broker stores it
 * (then done, n its seq).  0, or -1 with *why, constant.  Members it does not
 * know are ignored.
 */
int mark_read(struct mark *m, const struct event *e, const char **why);

/* mark_parse(m, p, n, why) - The same for a line. */
int mark_parse(struct mark *m, const char *p, size_t n, const char **why);

/*
 * mark_read_body(m, d, why) - Decode what stands in "d" alone; t and n are
 * left as they are (n unless it is in there).
 */
int
mark_read_body(struct mark *m, const struct json_value *d, const char **why);

/*
 * mark_add(b, m) - Append it as a line for a pipe, without its newline.  more
 * is text to be added inside "d" (",\"x\":1"), or NULL.
 */
void mark_add(struct buf *b, const struct mark *m, const char *more);

#endif

/*
 * What a publisher adds to an event line before it goes out: the members
 * that may be left out by hand, and nothing else.  A line that needs nothing
 * stays as it is, byte for byte.
 */
#ifndef SG_EVENT_FILL_H
#define SG_EVENT_FILL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "event/event.h"
#include "event/ident.h"

struct fill {
	const char *topic;   /* for lines that carry none, or NULL */
	const char *src;     /* needs no JSON escapes */
	struct ident *ident; /* NULL until FILL_IDENT has asked for it */
	struct buf line, spare;
	struct event event; /* the line to publish, valid as long as that is */
};

enum fill_result {
	FILL_BAD = -1,	/* *why completes "FILE:LINE: " */
	FILL_PLAIN = 0, /* publish the line as it is */
	FILL_MADE = 1,	/* publish fill->line instead */
	FILL_IDENT = 2, /* set fill->ident and call again */
	FILL_MARK = 3	/* a mark, event_is_mark(): pass it on as it is */
};

/*
 * fill_line(fill, p, n, why) - Check a line and complete it: topic (first),
 * t (the present), src, ep and seq (where src is ours) appended; an RFC 3339
 * t becomes a number; rt, from and pos are taken out.  A line with sig or
 * enc is taken as it is or refused.  Refused are also $SG topics but those of
 * revocation lists, $SG/TRUST/CRL/KID, commands that break event_command(), and
 * what is longer than EVENT_LINE_MAX.
 */
enum fill_result
fill_line(struct fill *fill, const char *p, size_t n, const char **why);

/* fill_fini(fill) - Free the lines; the rest is the caller's. */
void fill_fini(struct fill *fill);

#endif

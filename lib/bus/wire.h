/*
 * The wire between client and broker, both ends: one message is a JSON
 * header line and then event lines.  A message is
 *
 *	HEADER            or    HEADER LF LINE LF LINE LF …
 *
 * where the last LF may be missing in a request.  Members of a header that a
 * reader does not know are ignored.
 *
 * Requests (all members optional unless said):
 *
 *  {"op":"hello","sg":1,"upto":1}
 *	-> {"ok":true,"sg":1,"name":"A","log":"A.7","time":T,"twin":true,
 *	    "limits":{"frame":B,"line":B,"events":N,"fetch":B,"parked":N}}
 *	sg to upto (absent: sg) are the versions the client speaks, the
 *	answer's sg is the newest of them that the broker speaks too; if
 *	there is none: error "bad".  twin: it is one of two.
 *  {"op":"pub","from":S,"chan":"16 hex digits","first":N,"n":N,"safe":N,
 *   "commit":{"name":S,"after":N,"t":T,"id":S,"cursor":C,"ahead":N}} + lines
 *	-> {"ok":true,"local":N,"safe":N,"refused":[[I,"why"],…]}
 *	first is the number of the first line in the channel; n (lines) is
 *	checked if present, and without lines the answer is that to the
 *	number before first; safe is the publisher's own mark: everything up
 *	to it is known to be durable, so a broker that has forgotten the
 *	channel goes on from there.  Lines the broker may not accept (a late
 *	COMMAND, a topic denied) are refused one by one, by their index from
 *	1; they use up their numbers.  A malformed line refuses the whole
 *	frame: {"ok":false,"error":"bad","line":I,"why":S}, no number used.
 *	commit: the lines are results of what the durable cursor name has
 *	read, and move with it in one transaction: see "Marks" below.
 *	Without chan the frame is not numbered and the answer is
 *	{"ok":true,"n":N}.  A frame ahead of the channel waits; beyond the
 *	bounds: {"ok":false,"error":"gap","local":N,"safe":N}.
 *  {"op":"fetch","sub":K,"filters":[S,…],"cursor":C|"now"|"begin",
 *   "name":S,"max":BYTES,"count":N,"wait":SECONDS,"until":C,"meta":true,
 *   "ids":true}
 *	-> {"ok":true,"part":P,"n":N,"cursor":C,"end":true,
 *	    "meta":[[N,RT,FROM,LOG,POS],…]} + lines
 *	Without sub: one answer, then forgotten.  With sub (1 … 2^31-1) the
 *	first fetch opens a subscription of the connection and further ones
 *	{"op":"fetch","sub":K} go on where the last answer ended, with the
 *	first one's max, count and wait unless they bring their own, answered
 *	in order, part counting from 1; so several may be in flight.  A fetch
 *	with filters on a known K opens it anew.  name: start at the durable
 *	cursor of that name, which is created at cursor if it does not exist,
 *	and hold its lease (error "busy" if another connection does).  wait:
 *	0 answers at once, else as soon as one event matches and after 1 s at
 *	the latest (the heartbeat).  until: deliver nothing after that
 *	position and say "end":true once it is reached.  meta: runs of N
 *	lines with receive time, publisher, log id and the position of the
 *	run's first line.  ids: meta, and each run has two elements more,
 *	[N,RT,FROM,LOG,POS,CHAN,FIRST], the channel (16 hex digits) and the
 *	number in it of the run's first line, those of the others following
 *	it without a gap; FIRST is 0 if the publisher did not number its
 *	frames.  A reader drops what it has had: brokers that are twins may
 *	both have stored an event.  A reader behind retention:
 *	{"ok":false,"error":"gone","lost":N,"cursor":C}; C is the oldest there is.
 *  {"op":"last","filters":[S,…],"max":BYTES,"next":K}
 *	-> {"ok":true,"n":N,"cursor":C,"next":K | "end":true} + lines
 *	The newest event of each topic that matches; next asks for more.  C
 *	(first page) is where to fetch from to miss nothing after it.
 *  {"op":"seek","time":T} or {"op":"seek","to":"begin"|"end"}
 *	-> {"ok":true,"cursor":C}: before the first event received at or
 *	after T (seconds).
 *  {"op":"commit","name":S,"cursor":C|null}
 *	-> {"ok":true} once durable; null deletes the cursor.
 *  {"op":"bye","from":S,"chan":H}  -> {"ok":true}: the channel is forgotten.
 *  {"op":"stat"}  -> {"ok":true,…}, sg-broker(8).
 *  {"op":"mirror","name":"B","cursor":C}, then {"op":"mirror","done":P}
 *	-> {"ok":true,"part":P,"n":N,"cursor":C,"now":C} + lines
 *	From twin to twin: whole frames of all logs, those of other brokers
 *	too, in an order in which each comes after what it may depend on.
 *	The first request opens it: name is the asking broker's, cursor how
 *	far its copies reach.  Several may be in flight; each is answered
 *	within 1 s.  done: all parts up to P are durable there.  cursor: how
 *	far the asking one is after this part; now: how far the answering one
 *	was.  Lines: sg-wire(7), broker/copy.h.
 *
 * In a session from is the subject of the certificate and may be left out;
 * names of durable cursors are each subject's own.  A publisher that has used
 * up its rate is answered {"ok":false,"error":"busy","after":SECONDS}: the
 * same again after that.  Filters wider than the certificate's rights: error
 * "denied"; lines that may not be published are refused one by one, their why
 * begins with "denied: ".
 *
 * Marks.  A flow is a durable cursor of an actor whose results are published
 * with commit, in the channel wire_mark_chan(name), numbered.  With cursor
 * (then t and id too) the frame takes one number more than it has lines, which
 * may be none: the broker appends to the lines, in the same frame, the event
 *	{"topic":"$SG/MARK/A/N","t":T,"d":{"name":S,"id":S,"cursor":C},
 *	 "seq":M}
 * the flow's newest mark, whose number M is the frame's last (first + lines),
 * and once that is durable the cursor is C.  A and N: wire_mark_topic().
 * Without cursor the lines only belong to a group that a later frame ends.
 * after is the number of the flow's newest mark as the sender knows it, 0: it
 * has none; if the broker knows of another one, and the frame is no repetition,
 * nothing is stored:
 *	{"ok":false,"error":"busy","mark":M,"local":N,"safe":N,"why":S}
 * with M the newest mark's number: another reader has gone on; or after is
 * above M, and one of two twins answers "behind" then, for the other one may
 * know it.
 * What is behind the newest mark in the channel when a flow is taken up (local
 * of a pub without lines, minus M) are the first lines of a group that was
 * never ended.  Whoever computes them again and comes to a mark before all of
 * them are passed sends it with first local + 1 and ahead, how many of them are
 * still to come; it is then in the stored mark's d.  A frame with a cursor
 * whose number is used up already, by such a line, is answered "gap".
 * Deleting the cursor of a flow ends it with the event
 *	{"topic":"$SG/MARK/A/N","t":T,"d":{"name":S,"deleted":true},"seq":M}
 * and the next flow of that name goes on after M.  An actor may subscribe to
 * $SG/MARK/A/# with its own A.  Errors of a cursor that cannot be, or is one
 * too many, are those of the operation commit; the lease of the reader is not
 * asked for.
 *
 * Errors: {"ok":false,"error":E,"why":S} with E one of denied gap gone busy
 * full limit bad behind.  behind: one of two twins has lost what the other
 * knows and this publisher or reader has been told of; it takes nothing from
 * it until it has that back, the other broker may.
 *
 * A cursor C is an object {"<log id>":n}: n events of that log are passed.  A
 * log id is "<broker name>.<start number>".  One broker's logs are read in the
 * order of their start numbers.  Of the logs of one broker, those before the
 * first that the cursor names are passed, others that it does not name are
 * not begun.  {} is the beginning.
 */
#ifndef SG_BUS_WIRE_H
#define SG_BUS_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "event/json.h"

enum {
	WIRE_VERSION = 1,
	WIRE_LINES_MAX = 1048576 + 65536,	/* bytes of lines in a frame */
	WIRE_HEADER_MAX = 65536,		/* bytes of a header line */
	WIRE_MESSAGE_MAX = WIRE_LINES_MAX + WIRE_HEADER_MAX,
	WIRE_EVENTS_MAX = 65536,		/* lines in a frame */
	WIRE_FILL = 262144,			/* a publisher's full frame */
	WIRE_FETCH = 1048576,			/* default bytes of a fetch */
	WIRE_NAME_MAX = 64,			/* broker, cursor, from */
	WIRE_LOGS_MAX = 16,			/* entries of a cursor */
	WIRE_ID_MAX = 64,			/* of a mark */
	WIRE_MARK_MAX = 4096,			/* bytes of its line: of a frame
						   with a cursor the lines have
						   less room by that */
	WIRE_MARK_TOPIC = 43,			/* of its topic, with the NUL */
	WIRE_REFUSED_MAX = 100			/* entries of "refused" */
};

struct wire_position {
	char name[WIRE_NAME_MAX + 1];	/* broker */
	uint64_t start;			/* start number */
	uint64_t n;			/* events passed */
};

struct wire_cursor {
	struct wire_position at[WIRE_LOGS_MAX];
	size_t n;
};

/* wire_cursor_parse(c, value) - 0, or -1 if the JSON is no cursor. */
int wire_cursor_parse(struct wire_cursor *c, const struct json_value *value);

/* wire_cursor_names(c, name) - 1 if it has an entry for a log of that broker. */
int wire_cursor_names(const struct wire_cursor *c, const char *name);

/*
 * wire_cursor_same(a, b) - 1 if they name the same logs with the same
 * positions, in whatever order, else 0.
 */
int wire_cursor_same(const struct wire_cursor *a, const struct wire_cursor *b);

/*
 * wire_log_parse(at, value) - The name and start number of a log id, n being
 * 0.  wire_chan_parse(chan, value) - A channel, 16 hex digits.  0 or -1.
 */
int wire_log_parse(struct wire_position *at, const struct json_value *value);
int wire_chan_parse(uint64_t *chan, const struct json_value *value);

/* wire_cursor_add(b, c) - Append it as JSON. */
void wire_cursor_add(struct buf *b, const struct wire_cursor *c);

/* wire_chan_add(b, chan) - Append it, quoted. */
void wire_chan_add(struct buf *b, uint64_t chan);

/*
 * wire_name_check(p, n) - 1 if p[0..n) may name a broker, a durable cursor
 * or a publisher: 1-64 of A-Z a-z 0-9 . _ : @ / - (no '/' in a broker's).
 */
int wire_name_check(const char *p, size_t n);

/* What a publish request commits, "Marks" above. */
struct wire_mark {
	char name[WIRE_NAME_MAX + 1];
	uint64_t after;
	int has_cursor;		    /* else its group goes on: only these two */
	char id[WIRE_ID_MAX + 1];   /* printable ASCII but space, '"', '\\' */
	int64_t t;		    /* microseconds */
	uint64_t ahead;
	struct wire_cursor cursor;  /* big: only its n is ever cleared */
};

/* wire_mark_parse(m, value) - Decode the member commit: 0, or -1. */
int wire_mark_parse(struct wire_mark *m, const struct json_value *value);

/*
 * wire_mark_chan(name) - The channel of the flow with that cursor: the first 8
 * bytes of the name's SHA-256, the first byte the highest.
 * wire_mark_topic(topic, actor, name) - The topic of its marks,
 * $SG/MARK/<A>/<N>: A and N are 16 hex digits, the same of the actor's subject
 * ("" without a session) and of the name.  name NULL: the filter of all of the
 * actor's, $SG/MARK/<A>/#.
 */
uint64_t wire_mark_chan(const char *name);
void wire_mark_topic(
    char topic[WIRE_MARK_TOPIC], const char *actor, const char *name);

enum wire_op {
	WIRE_NONE = 0,
	WIRE_HELLO, WIRE_PUB, WIRE_FETCH_OP, WIRE_LAST, WIRE_SEEK,
	WIRE_COMMIT, WIRE_BYE, WIRE_STAT, WIRE_MIRROR,
	WIRE_RESERVED		/* call serve reply: later */
};

enum wire_from {		/* where a fetch or a seek starts */
	WIRE_FROM_NOW = 0,
	WIRE_FROM_BEGIN,
	WIRE_FROM_CURSOR,
	WIRE_FROM_TIME
};

/* A request's header, decoded.  Borrowed parts point into the message. */
struct wire_request {
	enum wire_op op;
	int64_t version, upto;		/* hello */
	struct json_value from;		/* pub, bye: string or JSON_NONE */
	int has_chan;
	uint64_t chan, first, safe;
	int64_t n;			/* pub: -1 if absent */
	struct json_value filters;	/* fetch, last: array or JSON_NONE */
	enum wire_from start;
	int64_t time;			/* seek: microseconds */
	int has_cursor, has_until, meta, ids;
	struct json_value name;		/* fetch, commit, mirror */
	struct json_value commit;	/* pub: wire_mark_parse(); or JSON_NONE */
	uint64_t done;			/* mirror */
	int64_t sub, max, count;	/* 0 if absent */
	int64_t wait;			/* microseconds */
	uint64_t next;			/* last */
	const char *lines;		/* what follows the header line */
	size_t lines_len;
	struct wire_cursor cursor, until;	/* big: only n is ever cleared */
};

/*
 * wire_request_parse(r, p, n, why) - Decode a request message: 0, or -1 with
 * *why (constant).  r's borrowed parts live as long as p.
 */
int wire_request_parse(struct wire_request *r, const char *p, size_t n,
    const char **why);

/*
 * Requests, encoded by clients: each appends the header and its LF to b; pub
 * is followed by the lines.
 */
void wire_hello(struct buf *b);
void wire_pub(struct buf *b, const char *from, uint64_t chan, uint64_t first,
    uint64_t n, uint64_t safe);

/*
 * wire_pub_mark(b, from, first, n, safe, mark) - wire_pub() of a flow with its
 * commit; the channel is the flow's.  safe is what is known to be safe, 0 at
 * first: the broker knows the newest mark itself.
 */
void wire_pub_mark(struct buf *b, const char *from, uint64_t first, uint64_t n,
    uint64_t safe, const struct wire_mark *mark);
void wire_bye(struct buf *b, const char *from, uint64_t chan);
void wire_commit(struct buf *b, const char *name,
    const struct wire_cursor *cursor);

struct wire_fetch {
	int64_t sub;
	const char *const *filters;	/* NULL: go on with sub */
	size_t nfilters;
	enum wire_from start;
	struct wire_cursor cursor;
	const char *name;
	int64_t max, count, wait;
	const struct wire_cursor *until;	/* or NULL */
	int meta, ids;
};

/* wire_fetch(b, fetch) - Nothing of fetch is kept. */
void wire_fetch(struct buf *b, const struct wire_fetch *fetch);

/* wire_last - next is what the last page said, 0 for the first page. */
void wire_last(struct buf *b, const char *const *filters, size_t nfilters,
    int64_t max, uint64_t next);

/* wire_seek - to is WIRE_FROM_BEGIN, WIRE_FROM_NOW (the end) or _TIME. */
void wire_seek(struct buf *b, enum wire_from to, int64_t time);
void wire_stat(struct buf *b);

/*
 * wire_mirror(b, name, cursor, done) - Opens if name is not NULL, else goes
 * on.
 */
void wire_mirror(struct buf *b, const char *name,
    const struct wire_cursor *cursor, uint64_t done);

/* A reply's header, decoded by clients. */
struct wire_reply {
	int ok;
	char error[16];			/* "" if ok */
	struct json_value why;		/* string or JSON_NONE */
	uint64_t local, safe, n, part, lost, next;
	int64_t line;			/* pub "bad": index from 1, else 0 */
	int64_t after;			/* "busy": microseconds, 0 if absent */
	uint64_t mark;			/* "busy": the flow's newest, has_mark */
	int end, has_next, has_mark;
	int has_cursor, has_now;
	struct json_value meta, refused;	/* arrays or JSON_NONE */
	struct json_value header;	/* the whole object: hello, stat */
	const char *lines;
	size_t lines_len;
	struct wire_cursor cursor, now;	/* big: only n is ever cleared */
};

/* wire_reply_parse(r, p, n, why) - 0, or -1: this is no reply. */
int wire_reply_parse(struct wire_reply *r, const char *p, size_t n,
    const char **why);

#endif

#include "event/fill.h"

#include <string.h>

#include "base/date.h"
#include "base/num.h"
#include "event/event.h"

enum {
	META = 1u << EVENT_RT | 1u << EVENT_FROM | 1u << EVENT_POS,
	SEALED = 1u << EVENT_SIG | 1u << EVENT_ENC,
	IDENTITY = 1u << EVENT_SRC | 1u << EVENT_EP | 1u << EVENT_SEQ
};

/* Of the broker's own topics those of revocation lists are published to. */
static int
is_reserved(const char *topic, size_t n)
{
	static const char lists[] = "$SG/TRUST/CRL/";
	const size_t prefix = sizeof(lists) - 1;

	return topic[0] == '$' &&
	    (n <= prefix || memcmp(topic, lists, prefix) != 0 ||
		memchr(topic + prefix, '/', n - prefix) != NULL);
}

/* The rules on what may be published at all: NULL, or what is wrong. */
static const char *
check_rules(const struct event *e)
{
	char space[256];
	const char *why = NULL;
	const char *topic;
	size_t n;

	if (event_complete(e, &why) < 0)
		return why;
	topic = event_topic(e, space, &n);
	if (is_reserved(topic, n))
		return "topic: reserved";
	/* Ask the clock only where it matters: COMMAND and DR. */
	if ((topic[0] == 'C' || topic[0] == 'D') &&
	    event_command(e, date_now(), &why) != 1)
		return why;
	return NULL;
}

/* 1 if the identity is whole, or another's who does not number events. */
static int
has_identity(const struct fill *fill, const struct event *e)
{
	if (event_has(e, EVENT_SEQ))
		return event_has(e, EVENT_SRC);
	return event_has(e, EVENT_SRC) &&
	    (e->len[EVENT_SRC] != strlen(fill->src) ||
		memcmp(e->line + e->at[EVENT_SRC], fill->src,
		    e->len[EVENT_SRC]) != 0);
}

/* Take rt, from and pos out, one by one. */
static int
take_out_meta(struct fill *fill, struct event *e, const char **why)
{
	struct buf swap;
	int m;

	for (m = EVENT_RT; m <= EVENT_POS; m++) {
		if (!event_has(e, (enum event_member)m))
			continue;
		event_without(e, (enum event_member)m, &fill->spare);
		swap = fill->spare;
		fill->spare = fill->line;
		fill->line = swap;
		if (event_scan(e, fill->line.p, fill->line.len, why) < 0)
			return -1;
	}
	return 0;
}

static void
add_identity(struct fill *fill, const struct event *e, struct buf *b)
{
	if (!event_has(e, EVENT_SRC)) {
		buf_adds(b, ",\"src\":\"");
		buf_adds(b, fill->src);
		buf_addc(b, '"');
	}
	if (event_has(e, EVENT_SEQ))
		return;
	if (!event_has(e, EVENT_EP)) {
		buf_adds(b, ",\"ep\":");
		buf_addi(b, fill->ident->ep);
	}
	buf_adds(b, ",\"seq\":");
	buf_addi(b, fill->ident->seq + 1);
}

/* The body of the object, with a t in words turned into a number. */
static void
add_members(
    struct buf *b, const struct event *e, const char *from, const char *to)
{
	const char *t = e->line + e->at[EVENT_T];
	int64_t time;

	if (!event_has(e, EVENT_T) || !(e->text >> EVENT_T & 1) ||
	    event_time(e, &time) < 0) {
		buf_add(b, from, (size_t)(to - from));
		return;
	}
	buf_add(b, from, (size_t)(t - 1 - from));
	num_add_micros(b, time);
	t += e->len[EVENT_T] + 1;
	buf_add(b, t, (size_t)(to - t));
}

/* Write the completed line to spare: topic first, the rest at the end. */
static void
complete(struct fill *fill, const struct event *e)
{
	const char *open = memchr(e->line, '{', e->n);
	const char *close = memrchr(e->line, '}', e->n);
	struct buf *b = &fill->spare;

	buf_clear(b);
	buf_add(b, e->line, (size_t)(open + 1 - e->line));
	if (fill->topic != NULL && !event_has(e, EVENT_TOPIC)) {
		buf_adds(b, "\"topic\":\"");
		buf_adds(b, fill->topic);
		buf_adds(b, "\",");
	}
	add_members(b, e, open + 1, close);
	if (!event_has(e, EVENT_T)) {
		buf_adds(b, ",\"t\":");
		num_add_micros(b, date_now());
	}
	if (!has_identity(fill, e))
		add_identity(fill, e, b);
	buf_add(b, close, (size_t)(e->line + e->n - close));
}

/* What a line that is to be altered needs before anything is spent on it. */
static int
check_unsigned(const struct fill *fill, const struct event *e, const char **why)
{
	const uint32_t values = 1u << EVENT_V | 1u << EVENT_VS |
	    1u << EVENT_VB | 1u << EVENT_VD | 1u << EVENT_M | 1u << EVENT_D;

	*why = "topic: missing";
	if (!event_has(e, EVENT_TOPIC) && fill->topic == NULL)
		return -1;
	*why = "none of v vs vb vd m d enc";
	return e->have & values ? 0 : -1;
}

static enum fill_result
fill_unsigned(struct fill *fill, struct event *e, const char **why)
{
	int numbered = !has_identity(fill, e) && !event_has(e, EVENT_SEQ);
	struct buf swap;

	if (check_unsigned(fill, e, why) < 0)
		return FILL_BAD;
	if (numbered && fill->ident == NULL)
		return FILL_IDENT;
	if (e->have & META && take_out_meta(fill, e, why) < 0)
		return FILL_BAD;
	complete(fill, e);
	swap = fill->spare;
	fill->spare = fill->line;
	fill->line = swap;
	*why = "too long once completed";
	if (fill->line.len > EVENT_LINE_MAX)
		return FILL_BAD;
	if (event_scan(e, fill->line.p, fill->line.len, why) < 0)
		return FILL_BAD;
	*why = check_rules(e);
	if (*why != NULL)
		return FILL_BAD;
	/* A refused line uses up no number. */
	if (numbered)
		ident_next(fill->ident);
	return FILL_MADE;
}

enum fill_result
fill_line(struct fill *fill, const char *p, size_t n, const char **why)
{
	struct event *e = &fill->event;

	if (event_scan(e, p, n, why) < 0)
		return FILL_BAD;
	if (event_is_mark(e))
		return FILL_MARK;
	if (e->have & SEALED) {
		*why = e->have & META ? "rt, from or pos in a sealed line"
				      : check_rules(e);
		return *why == NULL ? FILL_PLAIN : FILL_BAD;
	}
	if (e->have & META || !event_has(e, EVENT_TOPIC) ||
	    !event_has(e, EVENT_T) || e->text >> EVENT_T & 1 ||
	    !has_identity(fill, e))
		return fill_unsigned(fill, e, why);
	*why = check_rules(e);
	return *why == NULL ? FILL_PLAIN : FILL_BAD;
}

void
fill_fini(struct fill *fill)
{
	buf_fini(&fill->line);
	buf_fini(&fill->spare);
}

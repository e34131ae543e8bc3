#include "event/event.h"

#include <string.h>

#include "base/date.h"
#include "base/num.h"
#include "event/scan.h"
#include "event/topic.h"

enum {
	NAME_MAX_KNOWN = 8, /* bytes that hold every known name */
	NAME_SLOTS = 64,
	SRC_MAX = 255,
	TOKEN_MAX = 128,
	NO_MAX = EVENT_LINE_MAX,
	AHEAD_MAX = 30 * DATE_SECOND /* a command's t before the clock */
};

static const uint32_t values = 1u << EVENT_V | 1u << EVENT_VS | 1u << EVENT_VB |
    1u << EVENT_VD | 1u << EVENT_M | 1u << EVENT_D | 1u << EVENT_ENC;

/* The slot of a name is (first + 12 * last + 4 * length) % 64. */
static const struct known {
	char name[NAME_MAX_KNOWN];
	enum event_member member;
} known[NAME_SLOTS] = {
	[1] = { "q", EVENT_Q },
	[2] = { "v", EVENT_V },
	[6] = { "rev", EVENT_REV },
	[11] = { "seq", EVENT_SEQ },
	[13] = { "m", EVENT_M },
	[15] = { "w", EVENT_W },
	[16] = { "ttl", EVENT_TTL },
	[18] = { "from", EVENT_FROM },
	[19] = { "sig", EVENT_SIG },
	[21] = { "enc", EVENT_ENC },
	[22] = { "vb", EVENT_VB },
	[24] = { "d", EVENT_D },
	[26] = { "n", EVENT_N },
	[32] = { "pos", EVENT_POS },
	[33] = { "id", EVENT_ID },
	[34] = { "vs", EVENT_VS },
	[35] = { "src", EVENT_SRC },
	[39] = { "kid", EVENT_KID },
	[40] = { "t", EVENT_T },
	[42] = { "rt", EVENT_RT },
	[44] = { "topic", EVENT_TOPIC },
	[45] = { "ep", EVENT_EP },
	[46] = { "vd", EVENT_VD },
	[53] = { "u", EVENT_U },
	[54] = { "re", EVENT_RE },
};

/* What is said of a member whose value has the wrong type. */
static const char *const type_why[EVENT_MEMBERS] = {
	[EVENT_TOPIC] = "topic: not a string",
	[EVENT_T] = "t: neither a number nor a string",
	[EVENT_V] = "v: not a number",
	[EVENT_VS] = "vs: not a string",
	[EVENT_VB] = "vb: neither true nor false",
	[EVENT_VD] = "vd: not a string",
	[EVENT_M] = "m: not an object of numbers",
	[EVENT_D] = "d: not an object",
	[EVENT_ENC] = "enc: not a string",
	[EVENT_U] = "u: neither a string nor an object of strings",
	[EVENT_SRC] = "src: not a string",
	[EVENT_EP] = "ep: not a whole number from 0 to 2^63-1",
	[EVENT_SEQ] = "seq: not a whole number from 0 to 2^63-1",
	[EVENT_ID] = "id: not a string",
	[EVENT_RE] = "re: not a string",
	[EVENT_TTL] = "ttl: not a number above 0",
	[EVENT_Q] = "q: none of OK MISSING ESTIMATED BAD",
	[EVENT_REV] = "rev: not a whole number from 0 to 2^63-1",
	[EVENT_W] = "w: not a number above 0",
	[EVENT_N] = "n: not a whole number from 0 to 2^63-1",
	[EVENT_KID] = "kid: not a string",
	[EVENT_SIG] = "sig: not a string",
	[EVENT_RT] = "rt: not a number",
	[EVENT_FROM] = "from: not a string",
};

static const char *const text_why[EVENT_MEMBERS] = {
	[EVENT_VD] = "vd: not base64url",
	[EVENT_ENC] = "enc: not base64url",
	[EVENT_SRC] = "src: not 1-255 printable ASCII characters without "
		      "spaces",
	[EVENT_ID] = "id: not 1-128 printable ASCII characters without spaces",
	[EVENT_RE] = "re: not 1-128 printable ASCII characters without spaces",
	[EVENT_KID] =
	    "kid: not 1-128 printable ASCII characters without spaces",
	[EVENT_SIG] = "sig: not printable ASCII characters without spaces",
	[EVENT_FROM] =
	    "from: not 1-255 printable ASCII characters without spaces",
};

static const char *const topic_why[TOPIC_FAULTS] = {
	[TOPIC_EMPTY] = "topic: empty",
	[TOPIC_TOO_LONG] = "topic: longer than 255 bytes",
	[TOPIC_TOO_DEEP] = "topic: more than 16 levels",
	[TOPIC_EMPTY_LEVEL] = "topic: empty level",
	[TOPIC_LONG_LEVEL] = "topic: level longer than 64 bytes",
	[TOPIC_CHARACTER] = "topic: character other than A-Z a-z 0-9 . _ : @ -",
	[TOPIC_WILDCARD] = "topic: wildcard in a topic",
	[TOPIC_DOLLAR] = "topic: '$' other than $SG as first level",
};

/* The member called p[0..n), or EVENT_MEMBERS. */
static enum event_member
find_member(const char *p, size_t n)
{
	const struct known *slot;

	if (n == 0 || n > NAME_MAX_KNOWN)
		return EVENT_MEMBERS;
	slot = &known[((unsigned char)p[0] + 12 * (unsigned char)p[n - 1] +
			  4 * n) %
	    NAME_SLOTS];
	if (memcmp(slot->name, p, n) != 0 ||
	    (n < NAME_MAX_KNOWN && slot->name[n] != '\0'))
		return EVENT_MEMBERS;
	return slot->member;
}

static enum event_member
find_escaped(const char *p, size_t n)
{
	char name[NAME_MAX_KNOWN];
	size_t len = scan_text(p, n, name, sizeof(name));

	return len <= sizeof(name) ? find_member(name, len) : EVENT_MEMBERS;
}

static int
check_topic(struct scan *s, const struct event *e)
{
	char space[TOPIC_MAX + 1];
	size_t n;
	const char *p = event_topic(e, space, &n);
	enum topic_fault fault = topic_fault(p, n);

	return fault == TOPIC_FINE ? 0 : scan_fault(s, topic_why[fault]);
}

static int
is_token(const char *p, size_t n, size_t max)
{
	if (n == 0 || n > max)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (p[i] <= ' ' || p[i] > '~')
			return 0;
	return 1;
}

static int
check_token(
    struct scan *s, const struct event *e, enum event_member m, size_t max)
{
	const char *p = e->line + e->at[m];
	size_t n = e->len[m];
	char space[SRC_MAX];

	if (e->escaped >> m & 1) {
		n = scan_text(p, n, space, sizeof(space));
		if (n > sizeof(space))
			return scan_fault(s, text_why[m]);
		p = space;
	}
	return is_token(p, n, max) ? 0 : scan_fault(s, text_why[m]);
}

static int
is_base64url(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static int
check_base64url(struct scan *s, const struct event *e, enum event_member m)
{
	const char *p = e->line + e->at[m];

	if (e->len[m] % 4 == 1)
		return scan_fault(s, text_why[m]);
	for (uint32_t i = 0; i < e->len[m]; i++)
		if (!is_base64url(p[i]))
			return scan_fault(s, text_why[m]);
	return 0;
}

static int
check_quality(struct scan *s, const struct event *e)
{
	static const char *const words[] = { "OK", "MISSING", "ESTIMATED",
		"BAD" };
	struct json_value value = { JSON_STRING, e->line + e->at[EVENT_Q],
		e->len[EVENT_Q], (int)(e->escaped >> EVENT_Q & 1) };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (json_equal(&value, words[i]))
			return 0;
	return scan_fault(s, type_why[EVENT_Q]);
}

/* A string member: its extent, then its own rules. */
static int
scan_text_member(struct scan *s, struct event *e, enum event_member m)
{
	const char *close = scan_string(s, s->p + 1);

	if (!close)
		return -1;
	e->at[m] = (uint32_t)(s->p + 1 - s->begin);
	e->len[m] = (uint32_t)(close - s->p - 1);
	e->text |= 1u << m;
	e->escaped |= (uint32_t)s->escaped << m;
	s->p = close + 1;
	switch (m) {
	case EVENT_TOPIC: return check_topic(s, e);
	case EVENT_VD:
	case EVENT_ENC: return check_base64url(s, e, m);
	case EVENT_SRC:
	case EVENT_FROM: return check_token(s, e, m, SRC_MAX);
	case EVENT_ID:
	case EVENT_RE:
	case EVENT_KID: return check_token(s, e, m, TOKEN_MAX);
	case EVENT_SIG: return check_token(s, e, m, NO_MAX);
	case EVENT_Q: return check_quality(s, e);
	default: return 0;
	}
}

/* 1 if the checked JSON number p[0..n) is above 0. */
static int
is_positive(const char *p, size_t n)
{
	double value;

	return *p != '-' && num_double(p, n, &value) == 0 && value > 0;
}

static int
is_integer(const char *p, size_t n)
{
	int64_t value;

	return num_uint(p, n, &value) == 0;
}

static int
scan_number_member(struct scan *s, struct event *e, enum event_member m)
{
	const char *p = s->p;
	size_t n;
	int64_t us;

	if (p >= s->end)
		return scan_unexpected(s);
	if (*p != '-' && (*p < '0' || *p > '9'))
		return scan_fault(s, type_why[m]);
	n = scan_number(s, p);
	if (n == 0)
		return -1;
	e->at[m] = (uint32_t)(p - s->begin);
	e->len[m] = (uint32_t)n;
	s->p += n;
	switch (m) {
	case EVENT_T:
		if (s->whole > 12 && num_micros(p, n, &us) != 0)
			return scan_fault(s, "t: out of range");
		return 0;
	case EVENT_EP:
	case EVENT_SEQ:
	case EVENT_REV:
	case EVENT_N: return is_integer(p, n) ? 0 : scan_fault(s, type_why[m]);
	case EVENT_TTL:
	case EVENT_W: return is_positive(p, n) ? 0 : scan_fault(s, type_why[m]);
	default: return 0;
	}
}

/* An object whose values are all of one kind: m, and u beside it. */
static int
scan_map_member(struct scan *s, enum event_member m, enum json_kind kind)
{
	unsigned base = s->nnames;
	const char *name;
	size_t n;
	int more;

	s->p++;
	scan_space(s);
	if (scan_is(s, '}'))
		return 0;
	do {
		enum json_kind got;

		if (scan_member(s, base, &name, &n) != 0)
			return -1;
		got = scan_value(s, 2);
		if (got == JSON_NONE)
			return -1;
		if (got != kind)
			return scan_fault(s, type_why[m]);
		more = scan_next(s, '}');
	} while (more > 0);
	s->nnames = base;
	return more;
}

/* Any other value: d, vb, pos, and what has the wrong type. */
static int
scan_other_member(struct scan *s, struct event *e, enum event_member m)
{
	const char *from = s->p;
	char c = s->p < s->end ? *s->p : '\0';
	enum json_kind kind;

	if (m == EVENT_M && c == '{')
		kind = scan_map_member(s, m, JSON_NUMBER) ? JSON_NONE
							  : JSON_OBJECT;
	else if (m == EVENT_U && c == '{')
		kind = scan_map_member(s, m, JSON_STRING) ? JSON_NONE
							  : JSON_OBJECT;
	else
		kind = scan_value(s, 1);
	if (kind == JSON_NONE)
		return -1;
	e->at[m] = (uint32_t)(from - s->begin);
	e->len[m] = (uint32_t)(s->p - from);
	if (m == EVENT_POS ||
	    (kind == JSON_OBJECT &&
		(m == EVENT_D || m == EVENT_M || m == EVENT_U)) ||
	    (m == EVENT_VB && (kind == JSON_TRUE || kind == JSON_FALSE)))
		return 0;
	return scan_fault(s, type_why[m]);
}

static int
scan_known(struct scan *s, struct event *e, enum event_member m)
{
	switch (m) {
	case EVENT_T:
	case EVENT_TOPIC:
	case EVENT_VS:
	case EVENT_VD:
	case EVENT_ENC:
	case EVENT_U:
	case EVENT_SRC:
	case EVENT_ID:
	case EVENT_RE:
	case EVENT_Q:
	case EVENT_KID:
	case EVENT_SIG:
	case EVENT_FROM:
	case EVENT_POS:
		if (s->p < s->end && *s->p == '"')
			return scan_text_member(s, e, m);
		if (m == EVENT_T)
			return scan_number_member(s, e, m);
		return scan_other_member(s, e, m);
	case EVENT_VB:
	case EVENT_M:
	case EVENT_D: return scan_other_member(s, e, m);
	default: return scan_number_member(s, e, m);
	}
}

static int
scan_event_member(struct scan *s, struct event *e)
{
	const char *name = s->p + 1, *close;
	enum event_member m;
	size_t n;

	if (!scan_is(s, '"'))
		return scan_unexpected(s);
	close = scan_string(s, name);
	if (!close)
		return -1;
	n = (size_t)(close - name);
	m = s->escaped ? find_escaped(name, n) : find_member(name, n);
	if (m == EVENT_MEMBERS) {
		if (scan_name_new(s, 0, name, n) != 0)
			return -1;
	} else if (e->have >> m & 1) {
		return scan_fault(s, "duplicate member name");
	} else if (++s->members > JSON_MEMBERS_MAX) {
		return scan_fault(s, "more than 256 members");
	}
	s->p = close + 1;
	scan_space(s);
	if (!scan_is(s, ':'))
		return scan_unexpected(s);
	scan_space(s);
	if (m == EVENT_MEMBERS)
		return scan_value(s, 1) == JSON_NONE ? -1 : 0;
	e->have |= 1u << m;
	e->key_at[m] = (uint32_t)(name - 1 - s->begin);
	return scan_known(s, e, m);
}

static int
scan_members(struct scan *s, struct event *e)
{
	int more;

	scan_space(s);
	if (s->p < s->end && *s->p != '{' && strchr("[\"-0123456789tfn", *s->p))
		return scan_fault(s, "not an object");
	if (!scan_is(s, '{'))
		return scan_unexpected(s);
	scan_space(s);
	if (scan_is(s, '}'))
		return 0;
	do {
		if (scan_event_member(s, e) != 0)
			return -1;
		more = scan_next(s, '}');
	} while (more > 0);
	return more;
}

/* What concerns the line as a whole. */
static int
check_line(struct scan *s, const struct event *e)
{
	uint32_t value = e->have & values;
	int64_t t;

	scan_space(s);
	if (s->p < s->end)
		return scan_fault(s, "text after the object");
	if (s->spaces && memchr(e->line, '\n', e->n))
		return scan_fault(s, "newline inside the line");
	if (value & (value - 1))
		return scan_fault(s, "more than one of v vs vb vd m d enc");
	if (!(e->text >> EVENT_T & 1))
		return 0;
	if (event_has(e, EVENT_SIG))
		return scan_fault(s, "t: not a number in a signed line");
	if (event_time(e, &t) != 0)
		return scan_fault(s, "t: no RFC 3339 time with a zone");
	return 0;
}

int
event_scan(struct event *e, const char *line, size_t n, const char **why)
{
	struct scan s;

	e->line = line;
	e->n = n;
	e->have = e->escaped = e->text = 0;
	if (n > EVENT_LINE_MAX) {
		*why = "longer than 1048576 bytes";
		return -1;
	}
	scan_init(&s, line, n);
	if (scan_members(&s, e) == 0 && check_line(&s, e) == 0)
		return 0;
	*why = s.why;
	return -1;
}

int
event_complete(const struct event *e, const char **why)
{
	if (!event_has(e, EVENT_TOPIC))
		*why = "topic: missing";
	else if (!event_has(e, EVENT_T))
		*why = "t: missing";
	else if (e->text >> EVENT_T & 1)
		*why = "t: not a number";
	else if (!(e->have & values))
		*why = "none of v vs vb vd m d enc";
	else
		return 0;
	return -1;
}

static int
begins(const char *p, size_t n, const char *with)
{
	size_t len = strlen(with);

	return n >= len && memcmp(p, with, len) == 0 &&
	    (n == len || p[len] == '/');
}

int
event_command(const struct event *e, int64_t now, const char **why)
{
	char space[TOPIC_MAX + 1];
	size_t n = 0;
	const char *topic = event_topic(e, space, &n);
	int command = begins(topic, n, "COMMAND");
	int64_t t, ttl;

	if (!command && !begins(topic, n, "DR/REQUEST"))
		return 1;
	if (command && !event_has(e, EVENT_ID))
		*why = "COMMAND without id";
	else if (!event_has(e, EVENT_TTL))
		*why =
		    command ? "COMMAND without ttl" : "DR request without ttl";
	else if (event_time(e, &t) != 0)
		*why = "t: missing";
	else if (t > now + AHEAD_MAX)
		*why = "t: more than 30 s ahead of the clock";
	else if (num_micros(
		     e->line + e->at[EVENT_TTL], e->len[EVENT_TTL], &ttl) != 0)
		*why = "ttl: out of range";
	else if (ttl < now - t) {
		*why = "expired";
		return 0;
	} else
		return 1;
	return -1;
}

const char *
event_topic(const struct event *e, char *space, size_t *n)
{
	const char *p = e->line + e->at[EVENT_TOPIC];

	*n = 0;
	if (!event_has(e, EVENT_TOPIC))
		return space;
	*n = e->len[EVENT_TOPIC];
	if (!(e->escaped >> EVENT_TOPIC & 1))
		return p;
	*n = scan_text(p, *n, space, TOPIC_MAX + 1);
	return space;
}

int
event_time(const struct event *e, int64_t *out)
{
	const char *p = e->line + e->at[EVENT_T];
	size_t n = e->len[EVENT_T];

	if (!event_has(e, EVENT_T))
		return -1;
	if (e->text >> EVENT_T & 1)
		return date_rfc3339(p, n, out);
	return num_micros(p, n, out);
}

int
event_integer(const struct event *e, enum event_member m, int64_t *out)
{
	if (!event_has(e, m) || e->text >> m & 1)
		return -1;
	return num_uint(e->line + e->at[m], e->len[m], out);
}

void
event_string(const struct event *e, enum event_member m, struct buf *b)
{
	struct json_value value = { JSON_STRING, e->line + e->at[m], e->len[m],
		(int)(e->escaped >> m & 1) };

	if (event_has(e, m))
		json_text(&value, b);
}

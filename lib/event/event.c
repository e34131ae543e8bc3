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
	T_SURE = 12, /* digits of seconds that are in range */
	MEMBERS_SURE = JSON_MEMBERS_MAX - EVENT_MEMBERS,
	AHEAD_MAX = 30 * DATE_SECOND /* a command's t before the clock */
};

static const uint32_t values = 1u << EVENT_V | 1u << EVENT_VS | 1u << EVENT_VB |
    1u << EVENT_VD | 1u << EVENT_M | 1u << EVENT_D | 1u << EVENT_ENC;

/* Members that may be strings, numbers, whole numbers. */
static const uint32_t texts = 1u << EVENT_TOPIC | 1u << EVENT_T |
    1u << EVENT_VS | 1u << EVENT_VD | 1u << EVENT_ENC | 1u << EVENT_U |
    1u << EVENT_SRC | 1u << EVENT_ID | 1u << EVENT_RE | 1u << EVENT_Q |
    1u << EVENT_KID | 1u << EVENT_SIG | 1u << EVENT_FROM | 1u << EVENT_POS;
static const uint32_t numbers = 1u << EVENT_T | 1u << EVENT_V | 1u << EVENT_EP |
    1u << EVENT_SEQ | 1u << EVENT_TTL | 1u << EVENT_REV | 1u << EVENT_W |
    1u << EVENT_N | 1u << EVENT_RT;
static const uint32_t integers =
    1u << EVENT_EP | 1u << EVENT_SEQ | 1u << EVENT_REV | 1u << EVENT_N;

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

/* The bytes p[0..n), n <= 8, as memcpy() of a name in the table has them. */
static uint64_t
name_key_slow(const char *p, size_t n)
{
	char copy[NAME_MAX_KNOWN] = { 0 };
	uint64_t key;

	memcpy(copy, p, n);
	memcpy(&key, copy, sizeof(key));
	return key;
}

/* The same when p[0..room) may be read. */
static inline uint64_t
name_key(const char *p, size_t n, size_t room)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	uint64_t key;

	if (room >= NAME_MAX_KNOWN) {
		memcpy(&key, p, sizeof(key));
		return key & UINT64_MAX >> (64 - 8 * n);
	}
#endif
	(void)room;
	return name_key_slow(p, n);
}

/*
 * The member called p[0..n), or EVENT_MEMBERS; p[0..room) may be read.  Not
 * even an empty slot equals a name, which has no NUL.
 */
static inline enum event_member
find_member(const char *p, size_t n, size_t room)
{
	const struct known *slot;
	uint64_t key;

	if (n == 0 || n > NAME_MAX_KNOWN)
		return EVENT_MEMBERS;
	slot = &known[((unsigned char)p[0] + 12 * (unsigned char)p[n - 1] +
			  4 * n) %
	    NAME_SLOTS];
	memcpy(&key, slot->name, sizeof(key));
	return key == name_key(p, n, room) ? slot->member : EVENT_MEMBERS;
}

static enum event_member
find_escaped(const char *p, size_t n)
{
	char name[NAME_MAX_KNOWN];
	size_t len = scan_text(p, n, name, sizeof(name));

	if (len > sizeof(name))
		return EVENT_MEMBERS;
	return find_member(name, len, len);
}

/* What is wrong with the topic, or NULL; so are those below. */
static const char *
topic_text_fault(const struct event *e)
{
	char space[TOPIC_MAX + 1];
	size_t n;
	const char *p = event_topic(e, space, &n);

	return topic_why[topic_fault(p, n)];
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

static const char *
token_fault(const struct event *e, enum event_member m, size_t max)
{
	struct buf text = { 0 };
	int fine;

	if (e->escaped >> m & 1) {
		event_string(e, m, &text);
		fine = is_token(text.p, text.len, max);
		buf_fini(&text);
	} else {
		fine = is_token(e->line + e->at[m], e->len[m], max);
	}
	return fine ? NULL : text_why[m];
}

static int
is_base64url(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static const char *
base64url_fault(const struct event *e, enum event_member m)
{
	const char *p = e->line + e->at[m];

	if (e->len[m] % 4 == 1)
		return text_why[m];
	for (uint32_t i = 0; i < e->len[m]; i++)
		if (!is_base64url(p[i]))
			return text_why[m];
	return NULL;
}

static const char *
quality_fault(const struct event *e)
{
	static const char *const words[] = { "OK", "MISSING", "ESTIMATED",
		"BAD" };
	struct json_value value = { JSON_STRING, e->line + e->at[EVENT_Q],
		e->len[EVENT_Q], (int)(e->escaped >> EVENT_Q & 1) };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (json_equal(&value, words[i]))
			return NULL;
	return type_why[EVENT_Q];
}

static const char *
text_fault(const struct event *e, enum event_member m)
{
	switch (m) {
	case EVENT_TOPIC: return topic_text_fault(e);
	case EVENT_VD:
	case EVENT_ENC: return base64url_fault(e, m);
	case EVENT_SRC:
	case EVENT_FROM: return token_fault(e, m, SRC_MAX);
	case EVENT_ID:
	case EVENT_RE:
	case EVENT_KID: return token_fault(e, m, TOKEN_MAX);
	case EVENT_SIG: return token_fault(e, m, NO_MAX);
	case EVENT_Q: return quality_fault(e);
	default: return NULL;
	}
}

static const char *
scan_text_member(
    struct scan *s, struct event *e, enum event_member m, const char *p)
{
	const char *close = scan_string(s, p + 1), *why;

	if (!close)
		return NULL;
	e->at[m] = (uint32_t)(p + 1 - s->begin);
	e->len[m] = (uint32_t)(close - p - 1);
	e->text |= 1u << m;
	if (s->escaped)
		e->escaped |= 1u << m;
	why = text_fault(e, m);
	return why ? scan_fault(s, why) : close + 1;
}

/* What is wrong with the JSON number p[0..n), whole as of scan_number(). */
static const char *
number_fault(enum event_member m, const char *p, size_t n, unsigned whole)
{
	double value;
	int64_t integer;

	if (integers >> m & 1)
		return whole == n || num_uint(p, n, &integer) == 0
		    ? NULL
		    : type_why[m];
	if (m == EVENT_T && whole > T_SURE && num_micros(p, n, &integer) != 0)
		return "t: out of range";
	if (m != EVENT_TTL && m != EVENT_W)
		return NULL;
	if (*p == '-' || num_double(p, n, &value) != 0 || value <= 0)
		return type_why[m];
	return NULL;
}

static const char *
scan_number_member(
    struct scan *s, struct event *e, enum event_member m, const char *p)
{
	const char *past, *why;

	if (p >= s->end)
		return scan_unexpected(s, p);
	if (*p != '-' && (*p < '0' || *p > '9'))
		return scan_fault(s, type_why[m]);
	past = scan_number(s, p);
	if (!past)
		return NULL;
	e->at[m] = (uint32_t)(p - s->begin);
	e->len[m] = (uint32_t)(past - p);
	why = number_fault(m, p, (size_t)(past - p), s->whole);
	return why ? scan_fault(s, why) : past;
}

/* An object whose values are all numbers (m) or all strings (u beside it). */
static const char *
scan_map(struct scan *s, enum event_member m, const char *p)
{
	unsigned base = s->nnames;

	p = scan_space(s, p + 1);
	while (p && !scan_at(s, p, '}')) {
		p = scan_member(s, base, p);
		if (!p || p >= s->end)
			return p ? scan_unexpected(s, p) : NULL;
		if (m == EVENT_U ? *p != '"'
				 : *p != '-' && (*p < '0' || *p > '9'))
			return scan_fault(s, type_why[m]);
		p = scan_value(s, p, 2);
		if (p)
			p = scan_next(s, p, '}');
	}
	s->nnames = base;
	return p ? p + 1 : NULL;
}

/* Members that are neither string nor number, and those of a wrong type. */
static const char *
scan_other_member(
    struct scan *s, struct event *e, enum event_member m, const char *p)
{
	int object = scan_at(s, p, '{');
	int boolean = scan_at(s, p, 't') || scan_at(s, p, 'f');
	const char *past;

	if (object && (m == EVENT_M || m == EVENT_U))
		past = scan_map(s, m, p);
	else
		past = scan_value(s, p, 1);
	if (!past)
		return NULL;
	e->at[m] = (uint32_t)(p - s->begin);
	e->len[m] = (uint32_t)(past - p);
	if (m == EVENT_POS || (m == EVENT_VB && boolean) ||
	    (object && (m == EVENT_M || m == EVENT_U || m == EVENT_D)))
		return past;
	return scan_fault(s, type_why[m]);
}

/* name is what stands between the quotes, p is behind them. */
static const char *
scan_known(struct scan *s, struct event *e, enum event_member m,
    const char *name, const char *p)
{
	uint32_t bit = 1u << m;

	if (e->have & bit)
		return scan_fault(s, "duplicate member name");
	e->have |= bit;
	e->key_at[m] = (uint32_t)(name - 1 - s->begin);
	p = scan_colon(s, p);
	if (!p)
		return NULL;
	if (texts & bit && scan_at(s, p, '"'))
		return scan_text_member(s, e, m, p);
	if (numbers & bit)
		return scan_number_member(s, e, m, p);
	return scan_other_member(s, e, m, p);
}

static const char *
scan_event_member(struct scan *s, struct event *e, const char *p)
{
	const char *name = p + 1, *close;
	enum event_member m;
	size_t n;

	if (!scan_at(s, p, '"'))
		return scan_unexpected(s, p);
	close = scan_string(s, name);
	if (!close)
		return NULL;
	n = (size_t)(close - name);
	m = s->escaped ? find_escaped(name, n)
		       : find_member(name, n, (size_t)(s->end - name));
	if (m != EVENT_MEMBERS)
		return scan_known(s, e, m, name, close + 1);
	if (!scan_name_new(s, 0, name, n))
		return NULL;
	p = scan_colon(s, close + 1);
	return p ? scan_value(s, p, 1) : NULL;
}

static const char *
scan_members(struct scan *s, struct event *e, const char *p)
{
	p = scan_space(s, p);
	if (p < s->end && *p != '{' && *p && strchr("[\"-0123456789tfn", *p))
		return scan_fault(s, "not an object");
	if (!scan_at(s, p, '{'))
		return scan_unexpected(s, p);
	p = scan_space(s, p + 1);
	while (p && !scan_at(s, p, '}')) {
		p = scan_event_member(s, e, p);
		if (p)
			p = scan_next(s, p, '}');
	}
	return p ? p + 1 : NULL;
}

/* What is wrong with the line as a whole; p is behind the object. */
static const char *
line_fault(struct scan *s, const struct event *e, const char *p)
{
	uint32_t value = e->have & values;
	int64_t t;

	if (scan_space(s, p) < s->end)
		return "text after the object";
	if (s->members > MEMBERS_SURE &&
	    s->members + (unsigned)__builtin_popcount(e->have) >
		JSON_MEMBERS_MAX)
		return "more than 256 members";
	if (s->spaces && memchr(e->line, '\n', e->n))
		return "newline inside the line";
	if (value & (value - 1))
		return "more than one of v vs vb vd m d enc";
	if (!(e->text >> EVENT_T & 1))
		return NULL;
	if (event_has(e, EVENT_SIG))
		return "t: not a number in a signed line";
	return event_time(e, &t) == 0 ? NULL
				      : "t: no RFC 3339 time with a zone";
}

int
event_scan(struct event *e, const char *line, size_t n, const char **why)
{
	struct scan s;
	const char *p, *fault;

	e->line = line;
	e->n = n;
	e->have = e->escaped = e->text = 0;
	if (n > EVENT_LINE_MAX) {
		*why = "longer than 1048576 bytes";
		return -1;
	}
	scan_init(&s, line, n);
	p = scan_members(&s, e, line);
	fault = p ? line_fault(&s, e, p) : s.why;
	if (fault)
		*why = fault;
	return fault ? -1 : 0;
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

void
event_without(const struct event *e, enum event_member m, struct buf *out)
{
	const char *end = e->line + e->n;
	const char *from = e->line + e->key_at[m];
	const char *to = e->line + e->at[m] + e->len[m] + (e->text >> m & 1);

	while (to < end && *to != ',' && *to != '}')
		to++;
	if (*to == ',')
		to++;
	else
		while (from > e->line && *from != ',' && *from != '{')
			from--;
	if (*from == '{')
		from++;
	buf_clear(out);
	buf_add(out, e->line, (size_t)(from - e->line));
	buf_add(out, to, (size_t)(end - to));
}

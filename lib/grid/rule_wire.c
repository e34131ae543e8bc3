#include "grid/rule_wire.h"

#include <string.h>

#include "event/event.h"
#include "event/json.h"
#include "event/scan.h"

struct ask_head {
	uint32_t size, rule, slot, flags;
	uint32_t key_n, captures_n, event_n, state_n;
	int64_t now;
};

struct reply_head {
	uint32_t size, verdict, timer, changed;
	uint32_t state_n, why_n, texts_n;
	uint32_t events, whys, zero;
	int64_t due;
};

/* A text's length and kind in one. */
enum { WHY_BIT = 0x40000000, TEXT_MAX = WHY_BIT - 1 };

/* States beyond this are not searched for names used twice. */
enum { STATE_CHECKED = 4096 };

size_t
rule_ask_add(struct buf *b, const struct rule_ask *a)
{
	struct ask_head h = { .rule = a->rule,
		.slot = a->slot,
		.flags = a->flags,
		.key_n = a->key_n,
		.captures_n = a->captures_n,
		.event_n = a->event_n,
		.state_n = a->state_n,
		.now = a->now };
	size_t size =
	    sizeof h + a->key_n + a->captures_n + a->event_n + a->state_n;
	char *to = buf_room(b, size);

	h.size = (uint32_t)size;
	to = mempcpy(to, &h, sizeof h);
	if (a->key_n > 0)
		to = mempcpy(to, a->key, a->key_n);
	if (a->captures_n > 0)
		to = mempcpy(to, a->captures, a->captures_n);
	if (a->event_n > 0)
		to = mempcpy(to, a->event, a->event_n);
	if (a->state_n > 0)
		memcpy(to, a->state, a->state_n);
	b->len += size;
	return size;
}

int
rule_ask_take(struct rule_ask *a, const char *p, size_t n, size_t *used)
{
	struct ask_head h;

	if (n < sizeof h)
		return 0;
	memcpy(&h, p, sizeof h);
	if (h.size !=
		(uint64_t)sizeof h + h.key_n + h.captures_n + h.event_n +
		    h.state_n ||
	    h.slot > RULE_NO_SLOT)
		return -1;
	if (n < h.size)
		return 0;
	*a = (struct rule_ask){ h.rule, h.slot, h.flags, h.key_n, h.captures_n,
		h.event_n, h.state_n, h.now };
	a->key = p + sizeof h;
	a->captures = a->key + h.key_n;
	a->event = a->captures + h.captures_n;
	a->state = a->event + h.event_n;
	*used = h.size;
	return 1;
}

size_t
rule_reply_begin(struct buf *b)
{
	size_t at = b->len;

	buf_room(b, sizeof(struct reply_head));
	b->len += sizeof(struct reply_head);
	return at;
}

static uint32_t
text_head(size_t n, enum rule_text kind)
{
	return (uint32_t)n | (kind == RULE_WHY ? WHY_BIT : 0);
}

void
rule_reply_text(struct buf *b, enum rule_text kind, const char *p, size_t n)
{
	uint32_t head = text_head(n, kind);

	buf_add(b, &head, sizeof head);
	buf_add(b, p, n);
}

void
rule_reply_sized(struct buf *b, size_t at, enum rule_text kind)
{
	uint32_t head = text_head(b->len - at, kind);

	memcpy(b->p + at - sizeof head, &head, sizeof head);
}

void
rule_reply_fail(struct buf *b, struct rule_reply *r, enum rule_verdict verdict,
    const char *why)
{
	const char *end = why + strlen(why);
	size_t before = b->len;

	while (why < end) {
		size_t n = (unsigned char)*why < ' ' ? 0 : scan_utf8(why, end);

		if (n == 0)
			buf_addc(b, ' ');
		else
			buf_add(b, why, n);
		why += n == 0 ? 1 : n;
	}
	*r = (struct rule_reply){ .verdict = verdict,
		.why_n = (uint32_t)(b->len - before) };
}

void
rule_reply_end(struct buf *b, size_t at, const struct rule_reply *r)
{
	struct reply_head h = { .size = (uint32_t)(b->len - at),
		.verdict = r->verdict,
		.timer = r->timer,
		.changed = r->changed,
		.state_n = r->state_n,
		.why_n = r->why_n,
		.texts_n = r->texts_n,
		.events = r->events,
		.whys = r->whys,
		.due = r->due };

	memcpy(b->p + at, &h, sizeof h);
}

enum rule_text
rule_text_next(const char **at, const char *end, const char **text, size_t *n)
{
	uint32_t head;

	if ((size_t)(end - *at) < sizeof head)
		return RULE_END;
	memcpy(&head, *at, sizeof head);
	*n = head & TEXT_MAX;
	if (head > (WHY_BIT | TEXT_MAX) ||
	    (size_t)(end - *at) - sizeof head < *n)
		return RULE_END;
	*text = *at + sizeof head;
	*at = *text + *n;
	return head & WHY_BIT ? RULE_WHY : RULE_EVENT;
}

static int
printable(const char *p, size_t n)
{
	const char *end = p + n;

	while (p < end) {
		size_t k = (unsigned char)*p < ' ' ? 0 : scan_utf8(p, end);

		if (k == 0)
			return 0;
		p += k;
	}
	return 1;
}

/* Whether brackets outside strings match, no deeper than JSON may be. */
static int
balanced(const char *p, size_t n)
{
	char open[JSON_DEPTH_MAX];
	size_t depth = 0;
	int string = 0;

	for (size_t i = 0; i < n; i++) {
		char c = p[i];

		if (string) {
			i += c == '\\';
			string = c != '"';
		} else if (c == '"') {
			string = 1;
		} else if (c == '{' || c == '[') {
			if (depth == sizeof open)
				return 0;
			open[depth++] = c == '{' ? '}' : ']';
		} else if (c == '}' || c == ']') {
			if (depth == 0 || open[--depth] != c)
				return 0;
		}
	}
	return depth == 0 && !string;
}

static int
state_fine(const char *p, size_t n)
{
	const char *why;

	if (n <= STATE_CHECKED)
		return json_check_wide(p, n, &why) != JSON_NONE;
	return printable(p, n) && balanced(p, n);
}

static int
event_fine(const char *p, size_t n)
{
	struct event e;
	const char *why;

	return event_scan(&e, p, n, &why) == 0 && event_complete(&e, &why) == 0;
}

static int
texts_fine(const struct rule_reply *r)
{
	const char *at = r->texts, *end = r->texts + r->texts_n, *p;
	uint32_t events = 0, whys = 0;
	enum rule_text kind;
	size_t n;

	while ((kind = rule_text_next(&at, end, &p, &n)) != RULE_END) {
		if (kind == RULE_EVENT ? !event_fine(p, n) : !printable(p, n))
			return 0;
		events += kind == RULE_EVENT;
		whys += kind == RULE_WHY;
	}
	return at == end && events == r->events && whys == r->whys;
}

/* What each verdict goes with. */
static int
sensible(const struct rule_reply *r)
{
	if (r->verdict == RULE_DONE)
		return r->why_n == 0 && r->timer <= RULE_TIMER_CANCEL &&
		    r->changed <= 1 && (r->changed || r->state_n == 0);
	return r->verdict <= RULE_STOPPED && r->timer == RULE_TIMER_KEEP &&
	    !r->changed && r->state_n == 0 && r->texts_n == 0 && r->why_n > 0;
}

int
rule_reply_take(
    struct rule_reply *r, const char *p, size_t n, size_t most, size_t *used)
{
	struct reply_head h;

	if (n < sizeof h)
		return 0;
	memcpy(&h, p, sizeof h);
	if (h.size > most || h.zero != 0 ||
	    h.size != (uint64_t)sizeof h + h.state_n + h.why_n + h.texts_n)
		return -1;
	if (n < h.size)
		return 0;
	*r = (struct rule_reply){ h.verdict, h.timer, h.changed, h.state_n,
		h.why_n, h.texts_n, h.events, h.whys, h.due };
	r->texts = p + sizeof h;
	r->state = r->texts + h.texts_n;
	r->why = r->state + h.state_n;
	if (!sensible(r) || !printable(r->why, r->why_n) || !texts_fine(r) ||
	    (r->state_n > 0 && !state_fine(r->state, r->state_n)))
		return -1;
	*used = h.size;
	return 1;
}

void
rule_size_add(struct buf *b, size_t n)
{
	static const char units[] = "KMGT";
	size_t unit = 0;

	while (n > 0 && n % 1024 == 0 && unit + 1 < sizeof units) {
		n /= 1024;
		unit++;
	}
	buf_addu(b, n);
	if (unit > 0)
		buf_addc(b, units[unit - 1]);
}

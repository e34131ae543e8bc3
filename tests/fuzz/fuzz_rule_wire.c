/*
 * Replies of a rule worker, from which anything may come: what is taken stays
 * inside its bytes, has only events, states and texts that may be passed on,
 * and is written again byte for byte.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "event/event.h"
#include "grid/rule_wire.h"

enum { MOST = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(int ok)
{
	if (!ok)
		abort();
}

static void
check_plain(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check((unsigned char)p[i] >= ' ');
}

/* Texts, each written to b again. */
static void
check_texts(const struct rule_reply *r, struct buf *b)
{
	const char *at = r->texts, *end = r->texts + r->texts_n, *text;
	enum rule_text kind;
	struct event e;
	const char *why;
	size_t n;

	while ((kind = rule_text_next(&at, end, &text, &n)) != RULE_END) {
		check(text >= r->texts && text + n <= end && at <= end);
		if (kind == RULE_EVENT)
			check(event_scan(&e, text, n, &why) == 0 &&
			    event_complete(&e, &why) == 0);
		else
			check_plain(text, n);
		rule_reply_text(b, kind, text, n);
	}
	check(at == end);
}

static void
check_reply(const char *p, size_t size)
{
	struct buf b = { 0 };
	struct rule_reply r;
	size_t used = 0, at;
	int got = rule_reply_take(&r, p, size, MOST, &used);

	if (got <= 0)
		return;
	check(used <= size && used <= MOST);
	check(r.state >= p && r.state + r.state_n <= p + used);
	check(r.why >= p && r.why + r.why_n <= p + used);
	check((r.verdict == RULE_DONE) == (r.why_n == 0));
	check(r.state_n == 0 || r.changed);
	at = rule_reply_begin(&b);
	check_texts(&r, &b);
	check_plain(r.why, r.why_n);
	buf_add(&b, r.state, r.state_n);
	buf_add(&b, r.why, r.why_n);
	rule_reply_end(&b, at, &r);
	check(b.len == used && memcmp(b.p, p, used) == 0);
	check(rule_reply_take(&r, b.p, b.len, MOST, &used) == 1);
	buf_fini(&b);
}

static void
check_ask(const char *p, size_t size)
{
	struct buf b = { 0 };
	struct rule_ask a;
	size_t used = 0;

	if (rule_ask_take(&a, p, size, &used) <= 0)
		return;
	check(used <= size && a.slot <= RULE_NO_SLOT);
	check(a.key >= p && a.state + a.state_n == p + used);
	check(rule_ask_add(&b, &a) == used && memcmp(b.p, p, used) == 0);
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_reply((const char *)data, size);
	check_ask((const char *)data, size);
	return 0;
}

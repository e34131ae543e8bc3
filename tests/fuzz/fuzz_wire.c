/*
 * Requests and replies: what is taken keeps its promises, and a request of a
 * publisher that is taken is read back equal after being encoded again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bus/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(int ok)
{
	if (!ok)
		abort();
}

static void
check_cursor(const struct wire_cursor *c)
{
	struct wire_cursor back;
	struct buf b = { 0 };
	struct json_value v;
	const char *why;
	size_t i;

	check(c->n <= WIRE_LOGS_MAX);
	wire_cursor_add(&b, c);
	check(json_check(b.p, b.len, &why) == JSON_OBJECT);
	v = json_value(b.p, b.len);
	check(wire_cursor_parse(&back, &v) == 0 && back.n == c->n);
	for (i = 0; i < c->n; i++)
		check(strcmp(back.at[i].name, c->at[i].name) == 0 &&
		    back.at[i].start == c->at[i].start &&
		    back.at[i].n == c->at[i].n);
	buf_fini(&b);
}

static void
check_pub(const struct wire_request *r)
{
	char from[WIRE_NAME_MAX + 1] = "";
	struct wire_request back;
	struct buf b = { 0 };
	const char *why;

	if (r->from.kind == JSON_STRING)
		memcpy(from, r->from.p, r->from.n);
	wire_pub(&b, from[0] ? from : NULL, r->chan, r->first,
	    r->n < 0 ? 0 : (uint64_t)r->n, r->safe);
	buf_add(&b, r->lines, r->lines_len);
	check(wire_request_parse(&back, b.p, b.len, &why) == 0);
	check(back.op == WIRE_PUB && back.chan == r->chan &&
	    back.first == r->first && back.safe == r->safe &&
	    back.lines_len == r->lines_len && back.from.n == r->from.n);
	buf_fini(&b);
}

/* What a publisher commits is read back equal. */
static void
check_mark(const struct wire_request *r)
{
	struct wire_mark m, again;
	struct wire_request back;
	struct buf b = { 0 };
	const char *why;

	check(wire_mark_parse(&m, &r->commit) == 0);
	check_cursor(&m.cursor);
	wire_pub_mark(&b, NULL, 1, 0, 0, &m);
	check(wire_request_parse(&back, b.p, b.len, &why) == 0);
	check(wire_mark_parse(&again, &back.commit) == 0);
	check(back.chan == wire_mark_chan(m.name) &&
	    strcmp(again.name, m.name) == 0 && again.after == m.after &&
	    again.has_cursor == m.has_cursor && strcmp(again.id, m.id) == 0 &&
	    again.t == m.t && again.ahead == m.ahead &&
	    again.cursor.n == m.cursor.n);
	buf_fini(&b);
}

static void
check_request(const char *p, size_t n)
{
	struct wire_request r;
	const char *why = NULL;

	if (wire_request_parse(&r, p, n, &why) < 0) {
		check(why != NULL);
		return;
	}
	check(r.op != WIRE_NONE);
	check(r.lines >= p && r.lines + r.lines_len == p + n);
	check(r.sub >= 0 && r.max >= 0 && r.count >= 0 && r.wait >= 0);
	check(r.name.kind == JSON_NONE || wire_name_check(r.name.p, r.name.n));
	check_cursor(&r.cursor);
	check_cursor(&r.until);
	if (r.op == WIRE_PUB && r.has_chan)
		check_pub(&r);
	if (r.commit.kind != JSON_NONE)
		check_mark(&r);
}

static void
check_reply(const char *p, size_t n)
{
	struct wire_reply r;
	const char *why = NULL;

	if (wire_reply_parse(&r, p, n, &why) < 0) {
		check(why != NULL);
		return;
	}
	check(r.ok == (r.error[0] == '\0'));
	check(memchr(r.error, '\0', sizeof r.error) != NULL);
	check(r.lines >= p && r.lines + r.lines_len == p + n);
	check_cursor(&r.cursor);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_request((const char *)data, size);
	check_reply((const char *)data, size);
	return 0;
}

#include <stdio.h>
#include <string.h>

#include "bus/wire.h"
#include "check.h"

/* Requests that are taken; the op alone is compared. */
static const struct {
	const char *in;
	enum wire_op want;
	const char *why;
} good[] = {
	{ "{\"op\":\"hello\",\"sg\":1}", WIRE_HELLO, "hello" },
	{ "{\"op\":\"hello\"}", WIRE_HELLO, "hand-typed hello" },
	{ " { \"op\" : \"stat\" } ", WIRE_STAT, "white space" },
	{ "{\"op\":\"stat\"}\r\n", WIRE_STAT, "CRLF" },
	{ "{\"op\":\"st\\u0061t\"}", WIRE_STAT, "escaped op" },
	{ "{\"op\":\"pub\"}\n{}\n{}", WIRE_PUB, "no chan, no last LF" },
	{ "{\"op\":\"pub\",\"chan\":\"00000000000000fF\",\"first\":1}",
	    WIRE_PUB, "either case" },
	{ "{\"op\":\"pub\",\"x\":{\"y\":[1]},\"from\":\"a@b/c\"}", WIRE_PUB,
	    "unknown member" },
	{ "{\"op\":\"pub\",\"commit\":{\"name\":\"c\",\"after\":0}}", WIRE_PUB,
	    "a group that goes on" },
	{ "{\"op\":\"pub\",\"commit\":{\"name\":\"c\",\"after\":7,\"t\":1.5,"
	  "\"id\":\"1.2\",\"cursor\":{\"A.1\":2},\"ahead\":3,\"x\":[]}}",
	    WIRE_PUB, "commit" },
	{ "{\"op\":\"fetch\",\"filters\":[\"#\"]}", WIRE_FETCH_OP, "fetch" },
	{ "{\"op\":\"fetch\",\"sub\":2147483647}", WIRE_FETCH_OP,
	    "largest sub" },
	{ "{\"op\":\"commit\",\"name\":\"c\",\"cursor\":null}", WIRE_COMMIT,
	    "cursor deleted" },
	{ "{\"op\":\"seek\",\"to\":\"end\"}", WIRE_SEEK, "end" },
	{ "{\"op\":\"bye\",\"chan\":\"0123456789abcdef\"}", WIRE_BYE, "bye" },
	{ "{\"op\":\"call\",\"sub\":\"later\"}", WIRE_RESERVED,
	    "members of reserved operations are theirs" },
};

static const struct {
	const char *in;
	const char *want; /* why it is refused */
} bad[] = {
	{ "", NULL },
	{ "\n", NULL },
	{ "[]", NULL },
	{ "{", NULL },
	{ "{\"op\":\"stat\"} x", NULL },
	{ "{\"op\":\"stat\",\"op\":\"stat\"}", NULL },
	{ "{}", "unknown op" },
	{ "{\"op\":1}", "unknown op" },
	{ "{\"op\":\"PUB\"}", "unknown op" },
	{ "{\"op\":\"pub\",\"from\":\"a b\"}", "from: not a name" },
	{ "{\"op\":\"pub\",\"from\":\"\"}", "from: not a name" },
	{ "{\"op\":\"pub\",\"from\":\"\\u0061\"}", "from: not a name" },
	{ "{\"op\":\"pub\",\"from\":7}", "from: not a name" },
	{ "{\"op\":\"pub\",\"chan\":\"0123\"}", "chan: not 16 hex digits" },
	{ "{\"op\":\"pub\",\"chan\":\"0123456789abcdeg\"}",
	    "chan: not 16 hex digits" },
	{ "{\"op\":\"pub\",\"chan\":\"\\u0012456789abcd\"}",
	    "chan: not 16 hex digits" },
	{ "{\"op\":\"pub\",\"chan\":\"\x11"
	  "123456789abcdef\"}",
	    NULL },
	{ "{\"op\":\"pub\",\"chan\":\"0123456789abcdef\"}",
	    "first: missing or 0" },
	{ "{\"op\":\"pub\",\"first\":-1}", "first: not a count" },
	{ "{\"op\":\"pub\",\"first\":1.5}", "first: not a count" },
	{ "{\"op\":\"pub\",\"first\":\"1\"}", "first: not a count" },
	{ "{\"op\":\"pub\",\"first\":9223372036854775808}",
	    "first: not a count" },
	{ "{\"op\":\"pub\",\"n\":null}", "n: not a count" },
	{ "{\"op\":\"pub\",\"commit\":[]}",
	    "commit: no name and after, or no cursor, t and id" },
	{ "{\"op\":\"fetch\",\"filters\":\"#\"}",
	    "filters: not an array of strings" },
	{ "{\"op\":\"fetch\",\"filters\":[\"#\",1]}",
	    "filters: not an array of strings" },
	{ "{\"op\":\"fetch\",\"sub\":2147483648}", "sub: too large" },
	{ "{\"op\":\"fetch\",\"wait\":-1}", "wait: negative" },
	{ "{\"op\":\"fetch\",\"wait\":true}", "wait: not a number of seconds" },
	{ "{\"op\":\"fetch\",\"meta\":1}", "meta: not true or false" },
	{ "{\"op\":\"fetch\",\"cursor\":\"end\"}", "cursor: not a cursor" },
	{ "{\"op\":\"fetch\",\"cursor\":null}", "cursor: not a cursor" },
	{ "{\"op\":\"fetch\",\"cursor\":{\"A\":1}}", "cursor: not a cursor" },
	{ "{\"op\":\"fetch\",\"cursor\":{\".1\":1}}", "cursor: not a cursor" },
	{ "{\"op\":\"fetch\",\"cursor\":{\"A.\":1}}", "cursor: not a cursor" },
	{ "{\"op\":\"fetch\",\"cursor\":{\"A.01\":1}}",
	    "cursor: not a cursor" },
	{ "{\"op\":\"fetch\",\"cursor\":{\"A/B.1\":1}}",
	    "cursor: not a cursor" },
	{ "{\"op\":\"fetch\",\"cursor\":{\"A.1\":-1}}",
	    "cursor: not a cursor" },
	{ "{\"op\":\"fetch\",\"cursor\":{\"A.1\":1,\"A.1\":2}}",
	    "duplicate member name" },
	{ "{\"op\":\"mirror\",\"name\":\"B\"}", "cursor: missing" },
	{ "{\"op\":\"mirror\",\"done\":-1}", "done: not a count" },
	{ "{\"op\":\"fetch\",\"until\":\"now\"}", "until: not a cursor" },
	{ "{\"op\":\"seek\"}", "time: missing" },
	{ "{\"op\":\"seek\",\"to\":\"now\"}",
	    "to: neither \"begin\" nor \"end\"" },
	{ "{\"op\":\"seek\",\"time\":\"now\"}",
	    "time: not a number of seconds" },
	{ "{\"op\":\"commit\",\"cursor\":{}}", "name: missing" },
	{ "{\"op\":\"commit\",\"name\":\"c\"}", "cursor: missing" },
	{ "{\"op\":\"commit\",\"name\":\"c\",\"cursor\":\"now\"}",
	    "cursor: not a cursor" },
	{ "{\"op\":\"bye\"}", "chan: missing" },
};

#define ID65 "01234567890123456789012345678901234567890123456789012345678901234"

#define T_ID "\"t\":1,\"id\":\"1\""

static const char *const bad_commits[] = {
	"{}",
	"{\"name\":\"c\"}",
	"{\"after\":0}",
	"{\"name\":\"a b\",\"after\":0}",
	"{\"name\":\"\\u0061\",\"after\":0}",
	"{\"name\":\"c\",\"after\":-1}",
	"{\"name\":\"c\",\"after\":9223372036854775808}",
	"{\"name\":\"c\",\"after\":0,\"cursor\":null}",
	"{\"name\":\"c\",\"after\":0,\"cursor\":{}}",
	"{\"name\":\"c\",\"after\":0,\"cursor\":{},\"t\":1}",
	"{\"name\":\"c\",\"after\":0,\"cursor\":{},\"id\":\"1\"}",
	"{\"name\":\"c\",\"after\":0,\"cursor\":{},\"t\":\"1\",\"id\":\"1\"}",
	"{\"name\":\"c\",\"after\":0,\"cursor\":{},\"t\":1,\"id\":\"a b\"}",
	"{\"name\":\"c\",\"after\":0,\"cursor\":{},\"t\":1,\"id\":\"a\\\"b\"}",
	"{\"name\":\"c\",\"after\":0,\"cursor\":{},\"t\":1,\"id\":\"\"}",
	"{\"name\":\"c\",\"after\":0,\"cursor\":{},\"t\":1,\"id\":\"" ID65
	"\"}",
	"{\"name\":\"c\",\"after\":0,\"cursor\":{},\"ahead\":-1," T_ID "}",
};

static void
test_bad_commits(void)
{
	struct wire_request r;
	struct buf b = { 0 };
	const char *why;
	size_t i;

	for (i = 0; i < sizeof bad_commits / sizeof bad_commits[0]; i++) {
		buf_clear(&b);
		buf_addf(&b, "{\"op\":\"pub\",\"commit\":%s}", bad_commits[i]);
		check(wire_request_parse(&r, b.p, b.len, &why) == -1 &&
			strncmp(why, "commit: ", 8) == 0,
		    "%s: refused", bad_commits[i]);
	}
	buf_fini(&b);
}

static const struct {
	const char *in;
	int want; /* 1 ok, 0 an error reply, -1 no reply */
	const char *why;
} replies[] = {
	{ "{\"ok\":true}", 1, "least" },
	{ "{\"ok\":true,\"local\":7,\"safe\":6,\"refused\":[[1,\"x\"]]}\n", 1,
	    "pub" },
	{ "{\"ok\":true,\"n\":1,\"cursor\":{\"A.1\":3},\"end\":true}\n{}\n", 1,
	    "fetch" },
	{ "{\"ok\":true,\"connections\":[{\"n\":\"x\"}]}", 1, "stat" },
	{ "{\"ok\":true,\"refused\":3}", 1, "stat counts refusals" },
	{ "{\"ok\":false,\"error\":\"gap\",\"local\":3}", 0, "gap" },
	{ "{\"ok\":false,\"error\":\"denied\",\"why\":\"no\"}", 0, "denied" },
	{ "{\"ok\":false,\"error\":\"busy\",\"after\":0.25}", 0, "busy" },
	{ "{\"ok\":false,\"error\":\"busy\",\"mark\":7}", 0, "fenced" },
	{ "{\"ok\":false,\"error\":\"busy\",\"mark\":-1}", -1,
	    "mark is no count" },
	{ "{\"ok\":false,\"error\":\"busy\",\"after\":\"1\"}", -1,
	    "after is no number" },
	{ "{\"ok\":false}", -1, "no error" },
	{ "{\"ok\":false,\"error\":\"0123456789012345\"}", -1, "long error" },
	{ "{\"ok\":false,\"error\":\"\"}", -1, "empty error" },
	{ "{\"ok\":1}", -1, "ok is no flag" },
	{ "{}", -1, "no ok" },
	{ "{\"ok\":true,\"refused\":{}}", -1, "refused is no array" },
	{ "{\"ok\":true,\"cursor\":\"now\"}", -1, "no cursor" },
	{ "HTTP/1.1 400 Bad Request\r\n\r\n", -1, "another protocol" },
	{ "", -1, "empty" },
};

static void
test_tables(void)
{
	struct wire_request r;
	struct wire_reply reply;
	const char *why;
	size_t i;
	int got;

	for (i = 0; i < sizeof good / sizeof *good; i++) {
		got = wire_request_parse(
		    &r, good[i].in, strlen(good[i].in), &why);
		check(got == 0 && r.op == good[i].want, "%.120s: %s",
		    good[i].in, good[i].why);
	}
	for (i = 0; i < sizeof bad / sizeof *bad; i++) {
		why = NULL;
		got =
		    wire_request_parse(&r, bad[i].in, strlen(bad[i].in), &why);
		check(got == -1 && why != NULL &&
			(bad[i].want == NULL || strcmp(why, bad[i].want) == 0),
		    "%.120s: %s", bad[i].in, why ? why : "no reason");
	}
	for (i = 0; i < sizeof replies / sizeof *replies; i++) {
		got = wire_reply_parse(
		    &reply, replies[i].in, strlen(replies[i].in), &why);
		if (got == 0)
			got = reply.ok;
		check(got == replies[i].want, "%.120s: %s", replies[i].in,
		    replies[i].why);
	}
}

static int
is(const struct json_value *v, const char *s)
{
	return v->kind == JSON_STRING && json_equal(v, s);
}

static int
same_cursor(const struct wire_cursor *a, const struct wire_cursor *b)
{
	size_t i;

	if (a->n != b->n)
		return 0;
	for (i = 0; i < a->n; i++)
		if (strcmp(a->at[i].name, b->at[i].name) != 0 ||
		    a->at[i].start != b->at[i].start ||
		    a->at[i].n != b->at[i].n)
			return 0;
	return 1;
}

static struct wire_cursor
full_cursor(void)
{
	struct wire_cursor c = { .n = WIRE_LOGS_MAX };
	size_t i;

	for (i = 0; i < WIRE_LOGS_MAX; i++) {
		snprintf(c.at[i].name, sizeof c.at[i].name, "broker.%zu", i);
		c.at[i].start = i;
		c.at[i].n = INT64_MAX - i;
	}
	return c;
}

/* Everything the encoders write is read back equal. */
static void
test_pub(struct buf *b)
{
	struct wire_request r;
	const char *why;

	wire_pub(b, "flat12@host", 0xfedcba9876543210, 981, 2, 980);
	buf_adds(b, "{}\n{}\n");
	check(wire_request_parse(&r, b->p, b->len, &why) == 0 &&
		r.op == WIRE_PUB && is(&r.from, "flat12@host") && r.has_chan &&
		r.chan == 0xfedcba9876543210 && r.first == 981 && r.n == 2 &&
		r.safe == 980 && r.lines_len == 6 &&
		memcmp(r.lines, "{}\n{}\n", 6) == 0,
	    "%.120s: read back", "pub");
	buf_clear(b);
	wire_pub(b, NULL, 0, INT64_MAX, 0, 0);
	check(wire_request_parse(&r, b->p, b->len, &why) == 0 &&
		r.from.kind == JSON_NONE && r.has_chan && r.chan == 0 &&
		r.first == INT64_MAX && r.n == 0 && r.safe == 0 &&
		r.lines_len == 0,
	    "%.120s: extremes read back", "pub");
	buf_clear(b);
	wire_bye(b, "x", 1);
	check(wire_request_parse(&r, b->p, b->len, &why) == 0 &&
		r.op == WIRE_BYE && is(&r.from, "x") && r.chan == 1,
	    "%.120s: read back", "bye");
	buf_clear(b);
}

/* A flow's names are the same for ever: SHA-256 as sha256sum prints it. */
static void
test_names(void)
{
	char topic[WIRE_MARK_TOPIC];

	check(wire_mark_chan("agg") == 0x548e750b9cadc2a9, "chan of agg: %llx",
	    (unsigned long long)wire_mark_chan("agg"));
	wire_mark_topic(topic, "", "agg");
	check(strcmp(topic, "$SG/MARK/e3b0c44298fc1c14/548e750b9cadc2a9") == 0,
	    "topic without a session: %s", topic);
	wire_mark_topic(topic, "flat12", NULL);
	check(strcmp(topic, "$SG/MARK/894e43b56200aa10/#") == 0,
	    "filter of an actor: %s", topic);
}

static void
test_mark(struct buf *b)
{
	struct wire_mark m = { .name = "agg",
		.after = 17,
		.has_cursor = 1,
		.id = "1795388400123456.17",
		.t = 1795388400123000,
		.ahead = 4,
		.cursor = full_cursor() };
	struct wire_mark back;
	struct wire_request r;
	const char *why;

	wire_pub_mark(b, "x", 18, 1, 17, &m);
	buf_adds(b, "{}\n");
	check(wire_request_parse(&r, b->p, b->len, &why) == 0 &&
		r.op == WIRE_PUB && r.has_chan &&
		r.chan == wire_mark_chan("agg") && r.first == 18 && r.n == 1 &&
		r.safe == 17 && r.lines_len == 3 &&
		wire_mark_parse(&back, &r.commit) == 0 &&
		strcmp(back.name, "agg") == 0 && back.after == 17 &&
		back.has_cursor && strcmp(back.id, m.id) == 0 &&
		back.t == m.t && back.ahead == 4 &&
		same_cursor(&back.cursor, &m.cursor),
	    "%.120s: read back", "a frame that commits");
	buf_clear(b);
	m.has_cursor = 0;
	wire_pub_mark(b, NULL, 18, 0, 0, &m);
	check(wire_request_parse(&r, b->p, b->len, &why) == 0 &&
		wire_mark_parse(&back, &r.commit) == 0 && !back.has_cursor &&
		back.after == 17,
	    "%.120s: read back", "a frame whose group goes on");
	buf_clear(b);
	wire_pub(b, "x", 1, 2, 3, 4);
	buf_addc(b, '\0');
	check(strcmp(b->p,
		  "{\"op\":\"pub\",\"from\":\"x\","
		  "\"chan\":\"0000000000000001\",\"first\":2,\"n\":3,"
		  "\"safe\":4}\n") == 0,
	    "%s: pub without commit is as it was", b->p);
	buf_clear(b);
}

static void
test_fetch(struct buf *b)
{
	static const char *const filters[] = { "A/#", "!A/+" };
	struct wire_cursor cursor = full_cursor();
	struct wire_fetch fetch = { .sub = 7,
		.filters = filters,
		.nfilters = 2,
		.start = WIRE_FROM_CURSOR,
		.cursor = cursor,
		.name = "job",
		.max = 4096,
		.count = 3,
		.wait = 1500000,
		.until = &cursor,
		.meta = 1 };
	struct wire_request r;
	const char *why;

	wire_fetch(b, &fetch);
	check(wire_request_parse(&r, b->p, b->len, &why) == 0 &&
		r.op == WIRE_FETCH_OP && r.sub == 7 && r.max == 4096 &&
		r.count == 3 && r.wait == 1500000 && r.meta &&
		is(&r.name, "job") && r.start == WIRE_FROM_CURSOR &&
		r.has_cursor && same_cursor(&r.cursor, &cursor) &&
		r.has_until && same_cursor(&r.until, &cursor) &&
		r.filters.n == strlen("[\"A/#\",\"!A/+\"]"),
	    "%.120s: read back", "fetch");
	buf_clear(b);
	fetch = (struct wire_fetch){ .sub = 7 };
	wire_fetch(b, &fetch);
	check(wire_request_parse(&r, b->p, b->len, &why) == 0 && r.sub == 7 &&
		r.filters.kind == JSON_NONE && !r.has_cursor && r.wait == 0,
	    "%.120s: going on read back", "fetch");
	buf_clear(b);
}

static void
test_others(struct buf *b)
{
	static const char *const filters[] = { "#" };
	struct wire_cursor cursor = full_cursor();
	struct wire_request r;
	const char *why;

	wire_commit(b, "job", &cursor);
	check(wire_request_parse(&r, b->p, b->len, &why) == 0 &&
		r.op == WIRE_COMMIT && is(&r.name, "job") && r.has_cursor &&
		same_cursor(&r.cursor, &cursor),
	    "%.120s: read back", "commit");
	buf_clear(b);
	wire_commit(b, "job", NULL);
	check(wire_request_parse(&r, b->p, b->len, &why) == 0 && !r.has_cursor,
	    "%.120s: null read back", "commit");
	buf_clear(b);
	wire_last(b, filters, 1, 100, 5);
	check(wire_request_parse(&r, b->p, b->len, &why) == 0 &&
		r.op == WIRE_LAST && r.max == 100 && r.next == 5,
	    "%.120s: read back", "last");
	buf_clear(b);
	wire_seek(b, WIRE_FROM_TIME, 1795388400123456);
	check(wire_request_parse(&r, b->p, b->len, &why) == 0 &&
		r.op == WIRE_SEEK && r.start == WIRE_FROM_TIME &&
		r.time == 1795388400123456,
	    "%.120s: time read back", "seek");
	buf_clear(b);
	wire_seek(b, WIRE_FROM_BEGIN, 0);
	check(wire_request_parse(&r, b->p, b->len, &why) == 0 &&
		r.start == WIRE_FROM_BEGIN,
	    "%.120s: begin read back", "seek");
	buf_clear(b);
	wire_hello(b);
	check(wire_request_parse(&r, b->p, b->len, &why) == 0 &&
		r.op == WIRE_HELLO && r.version == WIRE_VERSION,
	    "%.120s: read back", "hello");
	buf_clear(b);
	wire_stat(b);
	check(wire_request_parse(&r, b->p, b->len, &why) == 0 &&
		r.op == WIRE_STAT,
	    "%.120s: read back", "stat");
	buf_clear(b);
}

/* A header may be WIRE_HEADER_MAX bytes long, not one more. */
static void
test_long(struct buf *b)
{
	struct wire_request r;
	const char *why;

	buf_adds(b, "{\"op\":\"pub\",\"x\":\"");
	while (b->len < WIRE_HEADER_MAX - 2)
		buf_addc(b, 'x');
	buf_adds(b, "\"}\n{}");
	check(
	    wire_request_parse(&r, b->p, b->len, &why) == 0 && r.lines_len == 2,
	    "%.120s: longest header", "long");
	buf_clear(b);
	buf_adds(b, "{\"op\":\"pub\",\"x\":\"");
	while (b->len < WIRE_HEADER_MAX - 1)
		buf_addc(b, 'x');
	buf_adds(b, "\"}\n{}");
	check(wire_request_parse(&r, b->p, b->len, &why) == -1 &&
		strcmp(why, "header line too long") == 0,
	    "%.120s: one byte too long", "long");
	buf_clear(b);
}

/* A cursor with one entry too many. */
static void
test_cursor(struct buf *b)
{
	struct wire_cursor cursor;
	struct json_value v;
	size_t i;

	for (i = 0; i <= WIRE_LOGS_MAX; i++)
		buf_addf(b, "%s\"b%zu.1\":1", i ? "," : "{", i);
	buf_addc(b, '}');
	v = json_value(b->p, b->len);
	check(
	    wire_cursor_parse(&cursor, &v) == -1, "%.120s: too many", "cursor");
	buf_clear(b);
	buf_adds(b, "{}");
	v = json_value(b->p, b->len);
	check(wire_cursor_parse(&cursor, &v) == 0 && cursor.n == 0,
	    "%.120s: beginning", "cursor");
	buf_clear(b);
}

int
main(void)
{
	struct buf b = { 0 };

	test_tables();
	test_bad_commits();
	test_names();
	test_pub(&b);
	test_mark(&b);
	test_fetch(&b);
	test_others(&b);
	test_long(&b);
	test_cursor(&b);
	buf_fini(&b);
	return check_done();
}

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/event.h"
#include "event/topic.h"

static int passed, failed;

static void
result(int ok, const char *in, const char *got, const char *why)
{
	if (ok) {
		passed++;
		return;
	}
	failed++;
	printf("test_event: %s: %s: %s\n", in, got ? got : "(none)", why);
}

static int
same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

#define TEXT16 "0123456789abcdef"
#define TEXT64 TEXT16 TEXT16 TEXT16 TEXT16
#define TEXT128 TEXT64 TEXT64
#define NO_TOKEN128 "not 1-128 printable ASCII characters without spaces"
#define NO_TOKEN255 "not 1-255 printable ASCII characters without spaces"
#define NO_INTEGER "not a whole number from 0 to 2^63-1"

static const struct {
	const char *in;
	const char *want; /* NULL: an event */
} lines[] = {
	{ "{\"topic\":\"MEASUREMENT/SENSOR/1234/PowerConsumption\","
	  "\"t\":1795388400.123,\"v\":231.5,\"u\":\"W\",\"src\":\"m\","
	  "\"ep\":1,\"seq\":1}",
	    NULL },
	{ "{}", NULL },
	{ " { } ", NULL },
	{ "{}\r", NULL },
	{ "\t{ \"v\" : 1 , \"topic\" : \"A\" } ", NULL },
	{ "{\"x\":[1,{\"topic\":1,\"topic2\":2}],\"v\":1}", NULL },
	{ "{\"x\":{\"v\":1,\"vs\":\"\"},\"vb\":true}", NULL },
	{ "{\"topics\":1,\"topi\":2,\"Topic\":3,\"vx\":4,\"\":5}", NULL },

	{ "", "ends too early" },
	{ " ", "ends too early" },
	{ "{", "ends too early" },
	{ "{\"v\":1", "ends too early" },
	{ "{\"v\"", "ends too early" },
	{ "{\"v\":", "ends too early" },
	{ "{\"v\":1,", "ends too early" },
	{ "{\"vs\":\"x", "unterminated string" },
	{ "{\"v", "unterminated string" },
	{ "[1]", "not an object" },
	{ "1", "not an object" },
	{ "\"x\"", "not an object" },
	{ "null", "not an object" },
	{ "x", "unexpected character" },
	{ "{}}", "text after the object" },
	{ "{} {}", "text after the object" },
	{ "{\"v\":1}x", "text after the object" },
	{ "{v:1}", "unexpected character" },
	{ "{\"v\" 1}", "unexpected character" },
	{ "{\"v\":1,}", "unexpected character" },
	{ "{,\"v\":1}", "unexpected character" },
	{ "{\"v\":1;\"t\":1}", "unexpected character" },
	{ "{\"v\":1 \"t\":1}", "unexpected character" },
	{ "{\"x\":NaN}", "unexpected character" },
	{ "{\"d\":{\"a\":nul}}", "unexpected character" },
	{ "\xef\xbb\xbf{}", "byte order mark" },
	{ "\x01{}", "control character" },
	{ "{\"v\":1\x01}", "control character" },
	{ "{\"vs\":\"\x01\"}", "control character in a string" },
	{ "{\"vs\":\"a\nb\"}", "control character in a string" },
	{ "{\"v\":1,\n\"t\":1}", "newline inside the line" },
	{ "{\"v\":1}\n", "newline inside the line" },
	{ "{\"d\":{\"a\":\n1}}", "newline inside the line" },
	{ "{\"vs\":\"\xc0\x80\"}", "invalid UTF-8" },
	{ "{\"vs\":\"\xed\xa0\x80\"}", "invalid UTF-8" },
	{ "{\"vs\":\"\xf4\x90\x80\x80\"}", "invalid UTF-8" },
	{ "{\"\xff\":1}", "invalid UTF-8" },
	{ "{\"vs\":\"\\u0000\"}", "\\u0000 in a string" },
	{ "{\"vs\":\"\\ud800\"}", "lone surrogate" },
	{ "{\"vs\":\"\\udc00x\"}", "lone surrogate" },
	{ "{\"vs\":\"\\q\"}", "unknown escape" },
	{ "{\"vs\":\"\\u00g0\"}", "\\u without four hexadecimal digits" },

	{ "{\"v\":1,\"v\":1}", "duplicate member name" },
	{ "{\"v\":1,\"\\u0076\":1}", "duplicate member name" },
	{ "{\"t\\u006fpic\":\"A\",\"topic\":\"A\"}", "duplicate member name" },
	{ "{\"x\":1,\"x\":1}", "duplicate member name" },
	{ "{\"x\":1,\"\\u0078\":1}", "duplicate member name" },
	{ "{\"\":1,\"\":1}", "duplicate member name" },
	{ "{\"m\":{\"a\":1,\"a\":1}}", "duplicate member name" },
	{ "{\"u\":{\"a\":\"W\",\"a\":\"W\"}}", "duplicate member name" },
	{ "{\"d\":{\"a\":{\"b\":1,\"\\u0062\":1}}}", "duplicate member name" },
	{ "{\"x\":[{\"b\":1,\"b\":1}]}", "duplicate member name" },
	{ "{\"x\":1,\"m\":{\"x\":1},\"d\":1}", "d: not an object" },

	{ "{\"topic\":1}", "topic: not a string" },
	{ "{\"topic\":null}", "topic: not a string" },
	{ "{\"topic\":{}}", "topic: not a string" },
	{ "{\"topic\":\"\"}", "topic: empty" },
	{ "{\"topic\":\"A//B\"}", "topic: empty level" },
	{ "{\"topic\":\"/A\"}", "topic: empty level" },
	{ "{\"topic\":\"A/\"}", "topic: empty level" },
	{ "{\"topic\":\"A B\"}",
	    "topic: character other than A-Z a-z 0-9 . _ : @ -" },
	{ "{\"topic\":\"\xc3\xa9\"}",
	    "topic: character other than A-Z a-z 0-9 . _ : @ -" },
	{ "{\"topic\":\"A\\\\B\"}",
	    "topic: character other than A-Z a-z 0-9 . _ : @ -" },
	{ "{\"topic\":\"A\\/\\u0042\"}", NULL },
	{ "{\"topic\":\"A/+\"}", "topic: wildcard in a topic" },
	{ "{\"topic\":\"A/#\"}", "topic: wildcard in a topic" },
	{ "{\"topic\":\"A/$SG\"}", "topic: '$' other than $SG as first level" },
	{ "{\"topic\":\"$SG/MARK\"}", NULL },
	{ "{\"topic\":\"" TEXT64 "\"}", NULL },
	{ "{\"topic\":\"" TEXT64 "x\"}", "topic: level longer than 64 bytes" },
	{ "{\"topic\":\"1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6\"}", NULL },
	{ "{\"topic\":\"1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7\"}",
	    "topic: more than 16 levels" },
	{ "{\"topic\":\"" TEXT64 "/" TEXT64 "/" TEXT64 "/" TEXT16 TEXT16 TEXT16
	  "0123456789ab\"}",
	    NULL },
	{ "{\"topic\":\"" TEXT64 "/" TEXT64 "/" TEXT64 "/" TEXT16 TEXT16 TEXT16
	  "0123456789abc\"}",
	    "topic: longer than 255 bytes" },
	{ "{\"topic\":\"" TEXT128 TEXT128 TEXT128 "\\n\"}",
	    "topic: longer than 255 bytes" },

	{ "{\"t\":0}", NULL },
	{ "{\"t\":-1.5}", NULL },
	{ "{\"t\":1.7e9}", NULL },
	{ "{\"t\":9200000000000}", NULL },
	{ "{\"t\":9300000000000}", "t: out of range" },
	{ "{\"t\":99999999999999}", "t: out of range" },
	{ "{\"t\":-9999999999999999999}", "t: out of range" },
	{ "{\"t\":1e30}", "t: out of range" },
	{ "{\"t\":1e999}", "number too large for a double" },
	{ "{\"t\":true}", "t: neither a number nor a string" },
	{ "{\"t\":null}", "t: neither a number nor a string" },
	{ "{\"t\":\"2026-11-24T06:00:00Z\"}", NULL },
	{ "{\"t\":\"2026-11-24T06:00:00.5+01:00\"}", NULL },
	{ "{\"t\":\"2026-11-24T06:00:00\"}",
	    "t: no RFC 3339 time with a zone" },
	{ "{\"t\":\"2026-02-30T06:00:00Z\"}",
	    "t: no RFC 3339 time with a zone" },
	{ "{\"t\":\"2026-11-24T06:00:00\\u005a\"}",
	    "t: no RFC 3339 time with a zone" },
	{ "{\"t\":\"1795388400\"}", "t: no RFC 3339 time with a zone" },
	{ "{\"t\":\"\"}", "t: no RFC 3339 time with a zone" },
	{ "{\"t\":\"2026-11-24T06:00:00Z\",\"sig\":\"x\"}",
	    "t: not a number in a signed line" },
	{ "{\"sig\":\"x\",\"t\":\"2026-11-24T06:00:00Z\"}",
	    "t: not a number in a signed line" },

	{ "{\"v\":-0.0}", NULL },
	{ "{\"v\":1e-400}", NULL },
	{ "{\"v\":123456789012345678901234567890.5}", NULL },
	{ "{\"v\":\"1\"}", "v: not a number" },
	{ "{\"v\":null}", "v: not a number" },
	{ "{\"v\":NaN}", "v: not a number" },
	{ "{\"v\":+1}", "v: not a number" },
	{ "{\"v\":.5}", "v: not a number" },
	{ "{\"v\":01}", "malformed number" },
	{ "{\"v\":1.}", "malformed number" },
	{ "{\"v\":-}", "malformed number" },
	{ "{\"v\":1e}", "malformed number" },
	{ "{\"v\":1.2.3}", "malformed number" },
	{ "{\"v\":1e309}", "number too large for a double" },
	{ "{\"vs\":\"\"}", NULL },
	{ "{\"vs\":\"\xe2\x82\xac \\ud83d\\ude00\"}", NULL },
	{ "{\"vs\":1}", "vs: not a string" },
	{ "{\"vb\":true}", NULL },
	{ "{\"vb\":false}", NULL },
	{ "{\"vb\":1}", "vb: neither true nor false" },
	{ "{\"vb\":\"true\"}", "vb: neither true nor false" },
	{ "{\"vb\":null}", "vb: neither true nor false" },
	{ "{\"vd\":\"\"}", NULL },
	{ "{\"vd\":\"AZaz09-_\"}", NULL },
	{ "{\"vd\":\"AA\"}", NULL },
	{ "{\"vd\":\"AAA\"}", NULL },
	{ "{\"vd\":\"A\"}", "vd: not base64url" },
	{ "{\"vd\":\"AA==\"}", "vd: not base64url" },
	{ "{\"vd\":\"A+/A\"}", "vd: not base64url" },
	{ "{\"vd\":\"\\u0041\"}", "vd: not base64url" },
	{ "{\"vd\":1}", "vd: not a string" },
	{ "{\"enc\":\"AAAA\"}", NULL },
	{ "{\"enc\":\"AA.A\"}", "enc: not base64url" },
	{ "{\"enc\":{}}", "enc: not a string" },
	{ "{\"m\":{}}", NULL },
	{ "{\"m\":{ \"load\" : 432.1 ,\"flex\":0},\"u\":{\"load\":\"W\"}}",
	    NULL },
	{ "{\"m\":1}", "m: not an object of numbers" },
	{ "{\"m\":[1]}", "m: not an object of numbers" },
	{ "{\"m\":{\"a\":\"1\"}}", "m: not an object of numbers" },
	{ "{\"m\":{\"a\":{\"b\":1}}}", "m: not an object of numbers" },
	{ "{\"m\":{\"a\":1,\"b\":null}}", "m: not an object of numbers" },
	{ "{\"m\":{\"a\":1", "ends too early" },
	{ "{\"m\":{\"a\":1e999}}", "number too large for a double" },
	{ "{\"d\":{}}", NULL },
	{ "{\"d\":{\"a\":[1,null,{\"b\":\"c\"}]}}", NULL },
	{ "{\"d\":[]}", "d: not an object" },
	{ "{\"d\":\"x\"}", "d: not an object" },
	{ "{\"v\":1,\"vs\":\"x\"}", "more than one of v vs vb vd m d enc" },
	{ "{\"vb\":true,\"d\":{}}", "more than one of v vs vb vd m d enc" },
	{ "{\"m\":{},\"enc\":\"\"}", "more than one of v vs vb vd m d enc" },

	{ "{\"u\":\"W\"}", NULL },
	{ "{\"u\":1}", "u: neither a string nor an object of strings" },
	{ "{\"u\":[]}", "u: neither a string nor an object of strings" },
	{ "{\"u\":{\"a\":1}}", "u: neither a string nor an object of strings" },
	{ "{\"src\":\"flat12/meter 1\"}", "src: " NO_TOKEN255 },
	{ "{\"src\":\"flat12/meter!~\"}", NULL },
	{ "{\"src\":\"\"}", "src: " NO_TOKEN255 },
	{ "{\"src\":\"\xc3\xa9\"}", "src: " NO_TOKEN255 },
	{ "{\"src\":\"\\u0041\\\"\"}", NULL },
	{ "{\"src\":\"\\u0020\"}", "src: " NO_TOKEN255 },
	{ "{\"src\":\"\x7f\"}", "src: " NO_TOKEN255 },
	{ "{\"src\":\"" TEXT128 TEXT64 TEXT16 TEXT16 TEXT16
	  "0123456789abcde\"}",
	    NULL },
	{ "{\"src\":\"" TEXT128 TEXT128 "\"}", "src: " NO_TOKEN255 },
	{ "{\"src\":\"" TEXT128 TEXT128 "\\u0041\"}", "src: " NO_TOKEN255 },
	{ "{\"src\":1}", "src: not a string" },
	{ "{\"from\":\"a b\"}", "from: " NO_TOKEN255 },
	{ "{\"from\":1}", "from: not a string" },
	{ "{\"id\":\"" TEXT128 "\"}", NULL },
	{ "{\"id\":\"" TEXT128 "x\"}", "id: " NO_TOKEN128 },
	{ "{\"id\":\"a b\"}", "id: " NO_TOKEN128 },
	{ "{\"id\":1}", "id: not a string" },
	{ "{\"re\":\"\"}", "re: " NO_TOKEN128 },
	{ "{\"re\":1}", "re: not a string" },
	{ "{\"kid\":\"a b\"}", "kid: " NO_TOKEN128 },
	{ "{\"kid\":1}", "kid: not a string" },
	{ "{\"sig\":\"" TEXT128 TEXT128 TEXT128 "\"}", NULL },
	{ "{\"sig\":\"\\u0041" TEXT128 TEXT128 TEXT128 "\"}", NULL },
	{ "{\"sig\":\"\\u0020" TEXT128 TEXT128 TEXT128 "\"}",
	    "sig: not printable ASCII characters without spaces" },
	{ "{\"sig\":\"a b\"}",
	    "sig: not printable ASCII characters without spaces" },
	{ "{\"sig\":1}", "sig: not a string" },
	{ "{\"ep\":0}", NULL },
	{ "{\"ep\":9223372036854775807}", NULL },
	{ "{\"ep\":9223372036854775808}", "ep: " NO_INTEGER },
	{ "{\"ep\":-1}", "ep: " NO_INTEGER },
	{ "{\"ep\":1.0}", "ep: " NO_INTEGER },
	{ "{\"ep\":1e3}", "ep: " NO_INTEGER },
	{ "{\"ep\":\"1\"}", "ep: " NO_INTEGER },
	{ "{\"seq\":1.5}", "seq: " NO_INTEGER },
	{ "{\"seq\":null}", "seq: " NO_INTEGER },
	{ "{\"rev\":-1}", "rev: " NO_INTEGER },
	{ "{\"n\":0.5}", "n: " NO_INTEGER },
	{ "{\"ttl\":0.5}", NULL },
	{ "{\"ttl\":60}", NULL },
	{ "{\"ttl\":0}", "ttl: not a number above 0" },
	{ "{\"ttl\":-1}", "ttl: not a number above 0" },
	{ "{\"ttl\":0.0}", "ttl: not a number above 0" },
	{ "{\"ttl\":1e-400}", "ttl: not a number above 0" },
	{ "{\"ttl\":\"60\"}", "ttl: not a number above 0" },
	{ "{\"w\":0}", "w: not a number above 0" },
	{ "{\"w\":60}", NULL },
	{ "{\"q\":\"OK\"}", NULL },
	{ "{\"q\":\"MISSING\"}", NULL },
	{ "{\"q\":\"ESTIMATED\"}", NULL },
	{ "{\"q\":\"BAD\"}", NULL },
	{ "{\"q\":\"\\u004fK\"}", NULL },
	{ "{\"q\":\"ok\"}", "q: none of OK MISSING ESTIMATED BAD" },
	{ "{\"q\":\"\"}", "q: none of OK MISSING ESTIMATED BAD" },
	{ "{\"q\":1}", "q: none of OK MISSING ESTIMATED BAD" },
	{ "{\"rt\":1.5}", NULL },
	{ "{\"rt\":\"x\"}", "rt: not a number" },
	{ "{\"pos\":{\"a.1\":7}}", NULL },
	{ "{\"pos\":7}", NULL },
	{ "{\"pos\":\"a.1:7\"}", NULL },
};

/* event_scan() of a copy without a byte to spare, so that a sanitizer sees. */
static const char *
fault(const char *in, size_t n)
{
	char *copy = malloc(n ? n : 1);
	const char *why = NULL;
	struct event e;

	memcpy(copy, in, n);
	if (event_scan(&e, copy, n, &why) == 0)
		why = NULL;
	else if (!why)
		why = "refused without a reason";
	free(copy);
	return why;
}

static void
test_lines(void)
{
	char moved[2048];

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		for (int pad = -1; pad < 20; pad++) {
			const char *in = lines[i].in, *why;
			int n = pad < 0
			    ? snprintf(moved, sizeof(moved), "%s", in)
			    : snprintf(
				  moved, sizeof(moved), "%*s%s", pad, "", in);

			if (pad >= 0 && strncmp(in, "\xef\xbb\xbf", 3) == 0)
				break;
			why = fault(moved, (size_t)n);
			result(same(why, lines[i].want), in, why,
			    lines[i].want ? lines[i].want : "an event");
		}
	result(same(fault("{\"v\":1\0}", 8), "control character"), "NUL", NULL,
	    "NUL between tokens");
	result(same(fault("{\"vs\":\"a\0\"}", 11),
		   "control character in a string"),
	    "NUL", NULL, "NUL in a string");
}

static void
test_limits(void)
{
	struct buf b = { 0 };

	buf_adds(&b, "{\"vs\":\"");
	while (b.len < EVENT_LINE_MAX - 2)
		buf_addc(&b, 'x');
	buf_adds(&b, "\"}");
	result(!fault(b.p, b.len), "1 MiB", fault(b.p, b.len), "an event");
	buf_addc(&b, ' ');
	result(same(fault(b.p, b.len), "longer than 1048576 bytes"),
	    "1 MiB and 1", fault(b.p, b.len), "refused");
	for (int count = 256; count <= 257; count++) {
		buf_clear(&b);
		buf_adds(&b, "{\"v\":1,\"d1\":{\"a\":1}");
		for (int i = 3; i < count; i++)
			buf_addf(&b, ",\"x%d\":1", i);
		buf_addc(&b, '}');
		result(same(fault(b.p, b.len),
			   count > 256 ? "more than 256 members" : NULL),
		    "members", fault(b.p, b.len), "256 in all");
	}
	for (int depth = 64; depth <= 65; depth++) {
		buf_clear(&b);
		buf_adds(&b, "{\"x\":");
		for (int i = 1; i < depth; i++)
			buf_addc(&b, '[');
		for (int i = 1; i < depth; i++)
			buf_addc(&b, ']');
		buf_addc(&b, '}');
		result(same(fault(b.p, b.len),
			   depth > 64 ? "deeper than 64 levels" : NULL),
		    "depth", fault(b.p, b.len), "64 in all");
	}
	buf_fini(&b);
}

static const char sample[] =
    "{ \"topic\":\"A\\/B\",\"t\" : 1.25,\"m\":{\"a\":1},\"u\":{\"a\":\"W\"},"
    "\"src\":\"s\\u0031\",\"ep\":2,\"seq\":3,\"id\":\"i\",\"re\":\"r\","
    "\"ttl\":60,\"q\":\"OK\",\"rev\":4,\"w\":60.0,\"n\":5,\"kid\":\"k\","
    "\"sig\":\"g\",\"rt\":2,\"from\":\"f\",\"pos\":[1],\"other\":true}";

static const struct {
	enum event_member member;
	const char *token;
	const char *text;
	int64_t integer;
} found[] = {
	{ EVENT_TOPIC, "A\\/B", "A/B", -1 },
	{ EVENT_T, "1.25", "1.25", -1 },
	{ EVENT_V, NULL, "", -1 },
	{ EVENT_VS, NULL, "", -1 },
	{ EVENT_VB, NULL, "", -1 },
	{ EVENT_VD, NULL, "", -1 },
	{ EVENT_M, "{\"a\":1}", "{\"a\":1}", -1 },
	{ EVENT_D, NULL, "", -1 },
	{ EVENT_ENC, NULL, "", -1 },
	{ EVENT_U, "{\"a\":\"W\"}", "{\"a\":\"W\"}", -1 },
	{ EVENT_SRC, "s\\u0031", "s1", -1 },
	{ EVENT_EP, "2", "2", 2 },
	{ EVENT_SEQ, "3", "3", 3 },
	{ EVENT_ID, "i", "i", -1 },
	{ EVENT_RE, "r", "r", -1 },
	{ EVENT_TTL, "60", "60", 60 },
	{ EVENT_Q, "OK", "OK", -1 },
	{ EVENT_REV, "4", "4", 4 },
	{ EVENT_W, "60.0", "60.0", -1 },
	{ EVENT_N, "5", "5", 5 },
	{ EVENT_KID, "k", "k", -1 },
	{ EVENT_SIG, "g", "g", -1 },
	{ EVENT_RT, "2", "2", 2 },
	{ EVENT_FROM, "f", "f", -1 },
	{ EVENT_POS, "[1]", "[1]", -1 },
};

static void
test_members(void)
{
	const char *why = NULL, *topic;
	char space[TOPIC_MAX + 1];
	struct buf b = { 0 };
	struct event e;
	int64_t number;
	size_t n;

	result(event_scan(&e, sample, strlen(sample), &why) == 0, sample, why,
	    "scanned");
	for (size_t i = 0; i < sizeof(found) / sizeof(*found); i++) {
		enum event_member m = found[i].member;
		const char *token = found[i].token, *text = found[i].text;

		result(event_has(&e, m) == (token != NULL), text, NULL, "has");
		if (token)
			result(e.len[m] == strlen(token) &&
				strncmp(e.line + e.at[m], token, e.len[m]) == 0,
			    token, NULL, "at and len");
		if (token)
			result(
			    e.line[e.key_at[m]] == '"', token, NULL, "key_at");
		buf_clear(&b);
		event_string(&e, m, &b);
		result(strcmp(buf_cstr(&b), text) == 0, text, b.p, "text");
		number = -1;
		event_integer(&e, m, &number);
		result(number == found[i].integer, text, NULL, "integer");
	}
	result(sizeof(found) / sizeof(*found) == EVENT_MEMBERS, "all", NULL,
	    "members");
	topic = event_topic(&e, space, &n);
	result(n == 3 && memcmp(topic, "A/B", 3) == 0, "A/B", NULL, "topic");
	result(event_time(&e, &number) == 0 && number == 1250000, "1.25", NULL,
	    "time");
	buf_fini(&b);
}

static const struct {
	const char *in;
	const char *want;
} complete[] = {
	{ "{\"topic\":\"A\",\"t\":1,\"v\":1}", NULL },
	{ "{\"topic\":\"A\",\"t\":1,\"enc\":\"AAAA\"}", NULL },
	{ "{\"topic\":\"A\",\"t\":1,\"d\":{}}", NULL },
	{ "{\"t\":1,\"v\":1}", "topic: missing" },
	{ "{\"topic\":\"A\",\"v\":1}", "t: missing" },
	{ "{\"topic\":\"A\",\"t\":\"2026-11-24T06:00:00Z\",\"v\":1}",
	    "t: not a number" },
	{ "{\"topic\":\"A\",\"t\":1}", "none of v vs vb vd m d enc" },
};

static const struct {
	const char *in; /* after {"t":1000, */
	int64_t now;	/* seconds */
	int want;
	const char *why;
} commands[] = {
	{ "\"topic\":\"MEASUREMENT/A\"", 5000, 1, NULL },
	{ "\"topic\":\"COMMANDS\"", 5000, 1, NULL },
	{ "\"topic\":\"DR/OFFER/x\"", 5000, 1, NULL },
	{ "\"topic\":\"DR\"", 5000, 1, NULL },
	{ "\"topic\":\"COMMAND/a/on\",\"id\":\"1\",\"ttl\":60", 1000, 1, NULL },
	{ "\"topic\":\"COMMAND/a/on\",\"id\":\"1\",\"ttl\":60", 1060, 1, NULL },
	{ "\"topic\":\"COMMAND/a/on\",\"id\":\"1\",\"ttl\":60", 1061, 0,
	    "expired" },
	{ "\"topic\":\"COMMAND/a/on\",\"id\":\"1\",\"ttl\":60", 970, 1, NULL },
	{ "\"topic\":\"COMMAND/a/on\",\"id\":\"1\",\"ttl\":60", 969, -1,
	    "t: more than 30 s ahead of the clock" },
	{ "\"topic\":\"COMMAND/a/on\",\"id\":\"1\"", 1000, -1,
	    "COMMAND without ttl" },
	{ "\"topic\":\"COMMAND/a/on\",\"ttl\":60", 1000, -1,
	    "COMMAND without id" },
	{ "\"topic\":\"C\\u004fMMAND\\/a/on\",\"ttl\":60", 1000, -1,
	    "COMMAND without id" },
	{ "\"topic\":\"COMMAND\"", 1000, -1, "COMMAND without id" },
	{ "\"topic\":\"COMMAND/a\",\"id\":\"1\",\"ttl\":1e30", 1000, -1,
	    "ttl: out of range" },
	{ "\"topic\":\"DR/REQUEST/a\",\"ttl\":60", 1000, 1, NULL },
	{ "\"topic\":\"DR/REQUEST/a\",\"ttl\":60", 1061, 0, "expired" },
	{ "\"topic\":\"DR/REQUEST/a\"", 1000, -1, "DR request without ttl" },
	{ "\"topic\":\"DR/REQUESTS/a\"", 1000, 1, NULL },
};

static void
test_rules(void)
{
	const char *why;
	char line[512];
	struct event e;
	int got;

	for (size_t i = 0; i < sizeof(complete) / sizeof(*complete); i++) {
		const char *in = complete[i].in;

		why = NULL;
		result(event_scan(&e, in, strlen(in), &why) == 0, in, why,
		    "scanned");
		got = event_complete(&e, &why);
		result(got == (complete[i].want ? -1 : 0) &&
			same(why, complete[i].want),
		    in, why, "complete");
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		int n = snprintf(
		    line, sizeof(line), "{\"t\":1000,%s}", commands[i].in);

		why = NULL;
		result(event_scan(&e, line, (size_t)n, &why) == 0, line, why,
		    "scanned");
		got = event_command(&e, commands[i].now * 1000000, &why);
		result(got == commands[i].want && same(why, commands[i].why),
		    line, why, "command");
	}
	event_scan(
	    &e, "{\"topic\":\"COMMAND/a\",\"id\":\"1\",\"ttl\":1}", 38, &why);
	result(event_command(&e, 0, &why) == -1 && same(why, "t: missing"),
	    "command without t", why, "refused");
}

int
main(void)
{
	test_lines();
	test_limits();
	test_members();
	test_rules();
	if (failed)
		return 1;
	printf("test_event: %d passed\n", passed);
	return 0;
}

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "event/canon.h"
#include "event/json.h"

static struct canon canon;

/* canon_text() of a copy without a byte to spare, for the sanitizer. */
static const char *
text_of(enum canon_kind kind, const char *in, size_t n, const char **why)
{
	char *copy = malloc(n ? n : 1);
	int r;

	memcpy(copy, in, n);
	r = canon_text(&canon, kind, copy, n, why);
	free(copy);
	return r == 0 ? buf_cstr(&canon.out) : NULL;
}

static const struct {
	const char *in;
	const char *why;
} refused[] = {
	{ "", "ends too early" },
	{ " ", "ends too early" },
	{ "{", "ends too early" },
	{ "[1", "ends too early" },
	{ "{\"a\"", "ends too early" },
	{ "\"", "unterminated string" },
	{ "\"\\", "unterminated string" },
	{ "\"abcdefghijklmnopqrstuvwxyz", "unterminated string" },
	{ "{\"a\":1,\"a\":2}", "duplicate member name" },
	{ "{\"b\":1,\"a\":1,\"b\":1}", "duplicate member name" },
	{ "{\"a\":1,\"\\u0061\":2}", "duplicate member name" },
	{ "{\"\":1,\"\":2}", "duplicate member name" },
	{ "{\"\\n\":1,\"b\":0,\"\\u000a\":2}", "duplicate member name" },
	{ "{\"longer than eight\":1,\"longer than eight\":1}",
	    "duplicate member name" },
	{ "[{\"x\":{\"a\":1,\"a\":2}}]", "duplicate member name" },
	{ "{\"a\":1,}", "unexpected character" },
	{ "[1,]", "unexpected character" },
	{ "[,1]", "unexpected character" },
	{ "[1 2]", "unexpected character" },
	{ "{a:1}", "unexpected character" },
	{ "{\"a\" 1}", "unexpected character" },
	{ "'a'", "unexpected character" },
	{ "nul", "unexpected character" },
	{ "NaN", "unexpected character" },
	{ "{} x", "text after the end" },
	{ "1 1", "text after the end" },
	{ "\"\\x\"", "unknown escape" },
	{ "\"\\u12g4\"", "\\u without four hexadecimal digits" },
	{ "\"\\u12", "\\u without four hexadecimal digits" },
	{ "\"\\ud800\"", "lone surrogate" },
	{ "\"\\udc00\"", "lone surrogate" },
	{ "\"\\ud800\\ud800\"", "lone surrogate" },
	{ "\"\\ud800\\u0041\"", "lone surrogate" },
	{ "\"\\ud800 \\udc00\"", "lone surrogate" },
	{ "{\"\\udc00\":1}", "lone surrogate" },
	{ "\"a\tb\"", "control character in a string" },
	{ "\"a\nb\"", "control character in a string" },
	{ "\"\xc0\xaf\"", "invalid UTF-8" },
	{ "\"\xed\xa0\x80\"", "invalid UTF-8" },
	{ "\"\xf4\x90\x80\x80\"", "invalid UTF-8" },
	{ "\"\xe2\x82\"", "invalid UTF-8" },
	{ "\"\xff\"", "invalid UTF-8" },
	{ "\xef\xbb\xbf{}", "byte order mark" },
	{ "01", "malformed number" },
	{ "-", "malformed number" },
	{ "-a", "malformed number" },
	{ "1.", "malformed number" },
	{ "1.e3", "malformed number" },
	{ "1e", "malformed number" },
	{ "1.5.5", "malformed number" },
	{ "[00.5]", "malformed number" },
	{ "[-01]", "malformed number" },
	{ "[1.,2]", "malformed number" },
	{ "+1", "unexpected character" },
	{ ".5", "unexpected character" },
	{ "[0x1]", "unexpected character" },
	{ "1e400", "number too large for a double" },
	{ "-1e400", "number too large for a double" },
	{ "[1.7976931348623159e308]", "number too large for a double" },
};

static void
test_refused(void)
{
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		const char *in = refused[i].in, *why = "accepted";

		text_of(CANON_JSON, in, strlen(in), &why);
		check(strcmp(why, refused[i].why) == 0, "%s: %s, not %s", in,
		    why, refused[i].why);
	}
}

static const struct {
	const char *in;
	const char *want;
	const char *what;
} forms[] = {
	{ "{}", "{}", "empty object" },
	{ " [ ] ", "[]", "empty array" },
	{ "null", "null", "a word" },
	{ "\t\r\n true\n", "true", "white space around" },
	{ "[ 1 , 2 ]", "[1,2]", "white space between" },
	{ "{\"b\":1,\"a\":2}", "{\"a\":2,\"b\":1}", "sorted" },
	{ "{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":2}", "sorted before" },
	{ "{\"\":1,\"a\":{\"z\":[{\"d\":0,\"c\":0}],\"y\":0}}",
	    "{\"\":1,\"a\":{\"y\":0,\"z\":[{\"c\":0,\"d\":0}]}}",
	    "sorted inside" },
	{ "{\"abcdefghi\":1,\"abcdefgh\":2,\"abcdefgha\":3}",
	    "{\"abcdefgh\":2,\"abcdefgha\":3,\"abcdefghi\":1}",
	    "names that begin alike" },
	{ "{\"aa\":1,\"a\":2,\"a\\u0000\":3}",
	    "{\"a\":2,\"a\\u0000\":3,\"aa\":1}", "a prefix comes first" },
	{ "{\"\\ue000\":1,\"\\ud83d\\ude00\":2}",
	    "{\"\xf0\x9f\x98\x80\":2,\"\xee\x80\x80\":1}",
	    "surrogates before U+E000" },
	{ "{\"\xef\xbf\xbf\":1,\"\xf4\x8f\xbf\xbf\":2,\"\xed\x9f\xbf\":3}",
	    "{\"\xed\x9f\xbf\":3,\"\xf4\x8f\xbf\xbf\":2,\"\xef\xbf\xbf\":1}",
	    "surrogates behind U+D7FF" },
	{ "{\"12345678\xef\xbf\xbf\":1,\"12345678\xf4\x8f\xbf\xbf\":2}",
	    "{\"12345678\xf4\x8f\xbf\xbf\":2,\"12345678\xef\xbf\xbf\":1}",
	    "also behind eight bytes" },
	{ "{\"\\\\\":1,\"\\n\":2,\"Z\":3,\"a\":4,\"\\\"\":5}",
	    "{\"\\n\":2,\"\\\"\":5,\"Z\":3,\"\\\\\":1,\"a\":4}",
	    "sorted by what escapes mean" },
	{ "\"\\u0008\\u0009\\u000a\\u000C\\u000d\\u0022\\u005c\"",
	    "\"\\b\\t\\n\\f\\r\\\"\\\\\"", "short escapes" },
	{ "\"\\b\\t\\n\\f\\r\\\"\\\\\\/\"", "\"\\b\\t\\n\\f\\r\\\"\\\\/\"",
	    "slash" },
	{ "\"\\u0000\\u000F\\u001f\\u007f\"", "\"\\u0000\\u000f\\u001f\x7f\"",
	    "other control characters" },
	{ "\"\\u00e9\\u20aC\\uD83D\\uDE00\"",
	    "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", "raw characters" },
	{ "\"e\xcc\x81\"", "\"e\xcc\x81\"", "no normalisation" },
	{ "\"\xe2\x80\xa8\\u2029\xef\xbb\xbf\"",
	    "\"\xe2\x80\xa8\xe2\x80\xa9\xef\xbb\xbf\"",
	    "line separators, byte order mark" },
	{ "\"0123456789abcdef0123456789abcdef\"",
	    "\"0123456789abcdef0123456789abcdef\"", "long string" },
	{ "\"0123456789abcde\\u0041\xc3\xa9zzzzzzzzzzzzzzzzzzzzz\"",
	    "\"0123456789abcdeA\xc3\xa9zzzzzzzzzzzzzzzzzzzzz\"",
	    "escape at a block's end" },
	{ "-0", "0", "minus zero" },
	{ "[-0,-0.0,0.00,-0e5,0e-999999999999]", "[0,0,0,0,0]", "zeros" },
	{ "[1.50,100,100.0,-2.0500,1.0]", "[1.5,100,100,-2.05,1]",
	    "trailing zeros" },
	{ "[0.000001,0.0000010,0.0000001,-0.00000123]",
	    "[0.000001,0.000001,1e-7,-0.00000123]", "small" },
	{ "[0.0000000,0.00000010]", "[0,1e-7]", "small and zero" },
	{ "[1e21,1E+20,123456789012345678901]",
	    "[1e+21,100000000000000000000,123456789012345680000]", "large" },
	{ "[123456789012345,1234567890123456,12345678901234567]",
	    "[123456789012345,1234567890123456,12345678901234568]",
	    "15, 16 and 17 digits" },
	{ "[1795388400.123456,0.1234567890123456]",
	    "[1795388400.123456,0.1234567890123456]", "microseconds" },
	{ "[1e5,1.5e-3,12e0,0.5e1]", "[100000,0.0015,12,5]", "exponents" },
	{ "[1e-400,-1e-400]", "[0,0]", "underflow" },
	{ "[9007199254740993]", "[9007199254740992]", "half to even" },
};

static void
test_forms(void)
{
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		const char *in = forms[i].in, *why = "", *got;

		got = text_of(CANON_JSON, in, strlen(in), &why);
		check(got != NULL && strcmp(got, forms[i].want) == 0,
		    "%s: %s: %s%s", forms[i].what, in, got ? got : "", why);
		got = text_of(
		    CANON_JSON, forms[i].want, strlen(forms[i].want), &why);
		check(got != NULL && strcmp(got, forms[i].want) == 0,
		    "%s: twice: %s: %s%s", forms[i].what, in, got ? got : "",
		    why);
	}
}

static const struct {
	const char *in;
	const char *want; /* NULL: refused */
} whole[] = {
	{ "9007199254740993", NULL },
	{ "-9007199254740993", NULL },
	{ "18446744073709551615", NULL },
	{ "12345678901234567", NULL },
	{ "100000000000000000000001", NULL },
	{ "100000000000000000000000", "1e+23" },
	{ "99999999999999991611392", "1e+23" },
	{ "-125480610900000000000000", "-1.254806109e+23" },
	{ "9007199254740992", "9007199254740992" },
	{ "-1234567890123456", "-1234567890123456" },
	{ "18446744073709551616", "18446744073709552000" },
	{ "18446744073709552000", "18446744073709552000" },
	{ "295147905179352825856", "295147905179352830000" },
	{ "1e23", "1e+23" },
	{ "12345678901234567.5", "12345678901234568" },
	{ "999999999999999", "999999999999999" },
	{ "0.12345678901234567890", "0.12345678901234568" },
};

static void
test_whole(void)
{
	for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
		const char *in = whole[i].in, *want = whole[i].want, *why = "";
		const char *got = text_of(CANON_SIGNED, in, strlen(in), &why);

		check((got == NULL) == (want == NULL) &&
			(got == NULL || strcmp(got, want) == 0),
		    "signed %s: %s", in, got ? got : why);
		if (want == NULL)
			check(text_of(CANON_JSON, in, strlen(in), &why) != NULL,
			    "unsigned %s: %s", in, why);
	}
}

static const struct {
	const char *in;
	const char *want; /* NULL: refused */
} events[] = {
	{ "[]", NULL },
	{ "\"sig\"", NULL },
	{ "{\"sig\":1,\"sig\":2}", NULL },
	{ "{\"sig\":1,\"a\":0,\"\\u0073ig\":2}", NULL },
	{ "{\"pos\":01}", NULL },
	{ "{\"sig\":{\"a\":1,\"a\":1}}", NULL },
	{ "{\"v\":9007199254740993}", NULL },
	{ "{\"sig\":1}", "{}" },
	{ "{\"topic\":\"A/b\",\"t\":1.0,\"v\":2}",
	    "{\"t\":1,\"topic\":\"A/b\",\"v\":2}" },
	{ "{\"a\":1,\"b\":2,\"sig\":\"x\"}", "{\"a\":1,\"b\":2}" },
	{ "{\"sig\":\"x\",\"v\":1}", "{\"v\":1}" },
	{ "{\"rt\":1,\"v\":1,\"sig\":\"x\",\"pos\":9007199254740993,"
	  "\"from\":\"me\",\"a\":1}",
	    "{\"a\":1,\"v\":1}" },
	{ "{\"s\\u0069g\":\"x\",\"si\":1,\"sigh\":1,\"m\":{\"sig\":2,\"rt\":1}"
	  "}",
	    "{\"m\":{\"rt\":1,\"sig\":2},\"si\":1,\"sigh\":1}" },
	{ "{\"v\":1,\"rt\":1e3 , \"pos\" : {} }", "{\"v\":1}" },
};

static void
test_events(void)
{
	for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
		const char *in = events[i].in, *want = events[i].want;
		const char *why = "", *got = NULL;

		if (canon_event(&canon, in, strlen(in), &why) == 0)
			got = buf_cstr(&canon.out);
		check((got == NULL) == (want == NULL) &&
			(got == NULL || strcmp(got, want) == 0),
		    "event %s: %s", in, got ? got : why);
	}
}

/* Objects with many members, in an order far from theirs. */
static void
test_many(void)
{
	for (unsigned n = 1; n < 3000; n += n < 70 ? 1 : 977) {
		struct buf in = { 0 }, want = { 0 };
		const char *why = "", *got;

		for (unsigned i = 0; i < n; i++)
			buf_addf(&in, "%c\"member %05u\":%u", i ? ',' : '{',
			    i * 7919 % n, i * 7919 % n);
		for (unsigned i = 0; i < n; i++)
			buf_addf(
			    &want, "%c\"member %05u\":%u", i ? ',' : '{', i, i);
		buf_addc(&in, '}');
		buf_addc(&want, '}');
		got = text_of(CANON_JSON, in.p, in.len, &why);
		check(
		    got && strcmp(got, buf_cstr(&want)) == 0, "%u members", n);
		in.len--;
		buf_adds(&in, ",\"member 00000\":0}");
		check(text_of(CANON_JSON, in.p, in.len, &why) == NULL &&
			strcmp(why, "duplicate member name") == 0,
		    "%u members and one of them again", n);
		buf_fini(&in);
		buf_fini(&want);
	}
}

static void
test_depth(void)
{
	char text[2 * (JSON_DEPTH_MAX + 1)];
	const char *why;

	for (size_t n = JSON_DEPTH_MAX; n <= JSON_DEPTH_MAX + 1; n++) {
		memset(text, '[', n);
		memset(text + n, ']', n);
		check((text_of(CANON_JSON, text, 2 * n, &why) != NULL) ==
			(n <= JSON_DEPTH_MAX),
		    "depth %zu", n);
	}
}

/* Escapes, quotes and the ends of numbers at every place in a block. */
static void
test_positions(void)
{
	for (int i = 0; i < 40; i++) {
		struct buf in = { 0 }, want = { 0 };
		const char *why = "", *got;

		buf_addf(&in, "[\"%*s\\u0041\\n\xc3\xa9%*s\",1.%0*d500]", i, "",
		    40 - i, "", i % 14 + 1, 0);
		buf_addf(&want, "[\"%*sA\\n\xc3\xa9%*s\",1.%0*d5]", i, "",
		    40 - i, "", i % 14 + 1, 0);
		got = text_of(CANON_JSON, in.p, in.len, &why);
		check(got && strcmp(got, buf_cstr(&want)) == 0,
		    "position %d: %s%s", i, got ? got : "", why);
		buf_fini(&in);
		buf_fini(&want);
	}
}

static uint64_t
random_bits(void)
{
	static uint64_t x = 88172645463325252;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static void
add_random_number(struct buf *b)
{
	int64_t v = (int64_t)random_bits();

	switch (random_bits() % 6) {
	case 0: buf_addi(b, v >> 11); break;
	case 1: buf_addf(b, "%.17g", (double)v * 1e-12); break;
	case 2: buf_addf(b, "%.16e", (double)v * 1e-200); break;
	case 3:
		buf_addf(b, "%d.%06d0", (int)v >> 8, (int)(v >> 40 & 65535));
		break;
	case 4:
		buf_addf(b, "%dE%d", (int)v, (int)(random_bits() % 400) - 200);
		break;
	default: buf_addf(b, "%d", (int)(v % 1000));
	}
}

static void
add_random_text(struct buf *b)
{
	static const char *const pieces[] = { "a", "Z", "0", " ", "\\n", "\\/",
		"\\\"", "\\\\", "\\u00e9", "\xc3\xa9", "\\u001f", "\x7f",
		"\xe2\x80\xa8", "\\uD83D\\uDE00", "\xf0\x9f\x98\x80",
		"\xee\x80\x80", "/", "'", "<", "long enough for a block",
		"\xef\xbf\xbf" };

	for (uint64_t n = random_bits() % 6; n > 0; n--)
		buf_adds(b,
		    pieces[random_bits() % (sizeof pieces / sizeof *pieces)]);
}

static void
add_random_value(struct buf *b, int depth)
{
	uint64_t kind = random_bits() % (depth > 0 ? 7 : 5);
	uint64_t n = random_bits() % 8;

	if (kind >= 5)
		buf_addc(b, kind == 5 ? '{' : '[');
	for (uint64_t i = 0; kind >= 5 && i < n; i++) {
		if (i > 0)
			buf_adds(b, " ,");
		if (kind == 5) {
			buf_addc(b, '"');
			add_random_text(b);
			buf_addf(b, "%d\": ", (int)i);
		}
		add_random_value(b, depth - 1);
	}
	switch (kind) {
	case 0:
		buf_addc(b, '"');
		add_random_text(b);
		buf_addc(b, '"');
		break;
	case 1: buf_adds(b, n % 2 ? "true" : "null"); break;
	case 5: buf_addc(b, '}'); break;
	case 6: buf_addc(b, ']'); break;
	default: add_random_number(b);
	}
}

/* An event with members of every kind, in any order. */
static void
add_random_event(struct buf *b)
{
	buf_adds(b, "{\"topic\":\"COMMAND/r\",\"t\":");
	add_random_number(b);
	for (int i = 0; i < 6; i++) {
		buf_adds(b, ",\"");
		add_random_text(b);
		buf_addf(b, "%d\":", i);
		add_random_value(b, 3);
	}
	buf_adds(b, ",\"sig\":\"x\"}\n");
}

/* What jq rewrites has the same form. */
static void
test_jq(void)
{
	char path[] = "/tmp/test_canon.XXXXXX", command[64], *line = NULL;
	struct buf in = { 0 };
	struct canon theirs = { 0 };
	const char *p, *lf, *why = "";
	size_t cap = 0;
	ssize_t n;
	int fd = mkstemp(path), lines = 0;
	FILE *jq;

	for (int i = 0; i < 2000; i++)
		add_random_event(&in);
	check(write(fd, in.p, in.len) == (ssize_t)in.len, "%s", path);
	snprintf(command, sizeof command, "jq -c . %s", path);
	jq = popen(command, "r");
	for (p = in.p; jq && (n = getline(&line, &cap, jq)) > 0; p = lf + 1) {
		lf = memchr(p, '\n', (size_t)(in.p + in.len - p));
		check(canon_event(&canon, p, (size_t)(lf - p), &why) == 0 &&
			canon_event(&theirs, line, (size_t)n, &why) == 0 &&
			strcmp(buf_cstr(&canon.out), buf_cstr(&theirs.out)) ==
			    0,
		    "jq: %.*s: %s", (int)(lf - p), p, why);
		lines++;
	}
	check(jq != NULL && pclose(jq) == 0 && lines == 2000,
	    "jq: %d lines of 2000", lines);
	close(fd);
	unlink(path);
	free(line);
	canon_fini(&theirs);
	buf_fini(&in);
}

static void
get(const struct json_value *line, const char *name, struct buf *b)
{
	struct json_value value;

	buf_clear(b);
	if (json_get(line, name, &value) && value.kind == JSON_STRING)
		json_text(&value, b);
	buf_cstr(b);
}

static void
from_hex(struct buf *b)
{
	size_t n = b->len / 2;

	for (size_t i = 0; i < n; i++) {
		char pair[3] = { b->p[2 * i], b->p[2 * i + 1], '\0' };

		b->p[i] = (char)strtoul(pair, NULL, 16);
	}
	b->len = n;
}

static int documents;

static void
test_vector(const struct json_value *line)
{
	static struct buf id, kind, input, hex, want;
	const char *why = "", *got;

	get(line, "id", &id);
	get(line, "kind", &kind);
	get(line, "input", &input);
	get(line, "input_hex", &hex);
	get(line, "expect", &want);
	if (hex.len > 0) {
		from_hex(&hex);
		buf_fini(&input);
		input = hex;
		hex = (struct buf){ 0 };
	}
	if (strcmp(kind.p, "document") == 0) {
		got = text_of(CANON_JSON, input.p, input.len, &why);
		check(got != NULL && strcmp(got, want.p) == 0, "%s: %s%s", id.p,
		    got ? got : "", why);
	} else if (strcmp(kind.p, "reject") == 0) {
		got = text_of(CANON_JSON, input.p, input.len, &why);
		check(got == NULL, "%s: accepted", id.p);
	} else {
		return;
	}
	documents++;
}

static void
test_vectors(void)
{
	const char *dir = getenv("SG_TEST_DATA");
	struct json_value value;
	char path[4096], *line = NULL;
	size_t cap = 0;
	ssize_t n;
	const char *why;
	FILE *f;

	snprintf(path, sizeof path, "%s/vectors/jcs_vectors.jsonl",
	    dir != NULL ? dir : "../shared/data");
	f = fopen(path, "r");
	if (f == NULL) {
		printf("test_canon: no test data: %s not checked\n", path);
		return;
	}
	while ((n = getline(&line, &cap, f)) > 0) {
		if (json_check(line, (size_t)n, &why) == JSON_NONE)
			continue; /* an input with \u0000 */
		value = json_value(line, (size_t)n);
		test_vector(&value);
	}
	free(line);
	fclose(f);
	check(documents >= 29, "%d documents only", documents);
}

int
main(void)
{
	test_refused();
	test_forms();
	test_whole();
	test_events();
	test_many();
	test_depth();
	test_positions();
	test_jq();
	test_vectors();
	canon_fini(&canon);
	return check_done();
}

/* Heads of jq programs, what is made of the text, and libjq's messages. */
#include "grid/rule_head.h"

#include <string.h>

#include "base/buf.h"
#include "check.h"
#include "grid/rule_source.h"

static const struct head_case {
	const char *text, *meta;
	size_t body; /* its place; of a refusal the fault's line */
	const char *why;
} heads[] = {
	{ "module {\"topics\":[}; .", NULL, 1, "brackets that do not match" },
	{ "\nmodule {a:1}; .", NULL, 2, "names without quotes" },
	{ "module {\"a\":1,\"a\":2}; .", NULL, 1, "a name twice" },
	{ "module [1]; .", NULL, 1, "an array" },
	{ "module {\"a\":1} .", NULL, 1, "no semicolon" },
	{ "module {\"a\":\"", NULL, 1, "a string that does not end" },
	{ "module", NULL, 1, "nothing behind it" },
	{ ".\ninclude \"a\";", "", 0, "an include too late" },
	{ "include \"a\"", NULL, 1, "an include without end" },
	{ "", "", 0, "nothing" },
	{ "modules", "", 0, "another word" },
	{ "# module {\"a\":1};\n.", "", 0, "a comment" },
	{ "module {\"a\":[1,{\"b\":\"};\"}]}; .", "{\"a\":[1,{\"b\":\"};\"}]}",
	    28, "brackets in strings" },
	{ "# x\nmodule # y\n{}\n;include \"sg\"; import \"a\" as $b {\"x\":1};"
	  " .v",
	    "{}", 58, "all of it" },
	{ "import \"\\\";\" as a; 1", "", 18, "quotes in strings" },
};

static void
test_heads(void)
{
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
		const struct head_case *c = &heads[i];
		const char *why = NULL;
		struct rule_head h;
		size_t at = 0;
		int got = rule_head(&h, c->text, strlen(c->text), &at, &why);

		if (c->meta == NULL) {
			check(got < 0 && why != NULL &&
				rule_line(c->text, at) == c->body,
			    "%s: is taken", c->why);
			continue;
		}
		check(got == 0 && h.meta_n == strlen(c->meta) &&
			memcmp(c->text + h.meta, c->meta, h.meta_n) == 0,
		    "%s: %s, %.*s", c->why, why ? why : "", (int)h.meta_n,
		    c->text + h.meta);
		check(h.body == c->body, "%s: body at %zu", c->why, h.body);
	}
}

static const struct {
	const char *text;
	int want;
} mentions[] = {
	{ "", 0 },
	{ "now", 0 },
	{ ".now", 0 },
	{ "$nowhere", 0 },
	{ "$known now_", 0 },
	{ "$now", 1 },
	{ "{$now}", 1 },
	{ "$ now+1", 1 },
	{ "$ #\nnow", 1 },
	{ "$no $now", 1 },
};

static void
test_mentions(void)
{
	for (size_t i = 0; i < sizeof mentions / sizeof *mentions; i++)
		check(rule_mentions(mentions[i].text, strlen(mentions[i].text),
			  "now") == mentions[i].want,
		    "mentions: %s", mentions[i].text);
}

static const struct {
	const char *text, *want;
	unsigned uses;
} wraps[] = {
	{ ".v", ".v", 0 },
	{ "module {}; .v + $now #x",
	    "module {}; . as [$sg_event,$now] | $sg_event | ( .v + $now #x\n)",
	    1u << RULE_NOW },
	{ "$captures,$state",
	    " . as [$sg_event,$state,$captures] | $sg_event | ($captures,"
	    "$state\n)",
	    1u << RULE_STATE | 1u << RULE_CAPTURES },
};

static void
test_wraps(void)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < sizeof wraps / sizeof *wraps; i++) {
		struct rule_source s = { "n", "f", wraps[i].text,
			strlen(wraps[i].text), NULL, 0 };

		buf_clear(&b);
		check(rule_source_wrap(&s, &b) == wraps[i].uses,
		    "variables of %s", wraps[i].text);
		check(strcmp(buf_cstr(&b), wraps[i].want) == 0, "%s: %s",
		    wraps[i].text, b.p);
	}
	buf_fini(&b);
}

static const struct {
	const char *said, *want;
} messages[] = {
	{ "jq: 2 compile errors", "" },
	{ "jq: error: foo/0 is not defined at <top-level>, line 12:\nfoo",
	    "d/f.jq:12: foo/0 is not defined\n" },
	{ "jq: error: foo/0 is not defined at <top-level>, line 12, column "
	  "3:\nfoo",
	    "d/f.jq:12: foo/0 is not defined\n" },
	{ "jq: error: x at y at /share/sg.jq, line 3:\n",
	    "/share/sg.jq:3: x at y\n" },
	{ "jq: error: syntax error, unexpected '}' (Unix shell quoting "
	  "issues?) at <top-level>, line 1:\n}",
	    "d/f.jq:1: syntax error, unexpected '}'\n" },
	{ "jq: error: module not found: b\n\n",
	    "d/f.jq:2: module not found: b\n" },
	{ "jq: error: module not found: c\n", "d/f.jq: module not found: c\n" },
	{ "anything", "d/f.jq: anything\n" },
	{ "", "d/f.jq: \n" },
};

static void
test_messages(void)
{
	struct rule_source s = { "n", "d/f.jq", ".\ninclude \"b\";", 14, NULL,
		0 };
	struct buf b = { 0 };

	for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
		buf_clear(&b);
		rule_source_said(
		    &s, messages[i].said, strlen(messages[i].said), &b);
		check(strcmp(buf_cstr(&b), messages[i].want) == 0, "%s: %s",
		    messages[i].said, b.p);
	}
	buf_fini(&b);
}

static const struct {
	const char *text, *listing, *want;
} listings[] = {
	{ "now", "0000 TOP\n0001 CALL_BUILTIN now\n0002 RET\n",
	    "f:1: now: not in a rule: the time is $now\n" },
	{ ".now, $now,\nnow", "  0000 CALL_BUILTIN now\n",
	    "f:2: now: not in a rule: the time is $now\n" },
	{ "later", "0000 CALL_BUILTIN now",
	    "f: now: not in a rule: the time is $now\n" },
	{ "inputs", "0007 CALL_BUILTIN _input\n",
	    "f: input: not in a rule: a rule sees one event at a time\n" },
	{ "\"now\"", "0000 LOADK \" CALL_BUILTIN now\"\n", "" },
	{ "nowhere", "0000 CALL_BUILTIN nowhere\n", "" },
	{ "", "", "" },
};

static void
test_listings(void)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < sizeof listings / sizeof *listings; i++) {
		struct rule_source s = { "n", "f", listings[i].text,
			strlen(listings[i].text), NULL, 0 };
		int got;

		buf_clear(&b);
		got = rule_source_harmless(
		    &s, listings[i].listing, strlen(listings[i].listing), &b);
		check(got == (listings[i].want[0] == '\0') &&
			strcmp(buf_cstr(&b), listings[i].want) == 0,
		    "%s: %s", listings[i].listing, b.p);
	}
	buf_fini(&b);
}

int
main(void)
{
	test_heads();
	test_mentions();
	test_wraps();
	test_messages();
	test_listings();
	return check_done();
}

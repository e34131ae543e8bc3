/* Heads of rules, refused and taken, and what contexts tell them. */
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "check.h"
#include "grid/rule_context.h"
#include "grid/rule_file.h"

static const struct {
	const char *text, *want, *why;
} refused[] = {
	{ ".v", "r.jq:1: a rule begins with: module {\"topics\": [...]};",
	    "no head" },
	{ "", "r.jq:1: a rule begins with: module {\"topics\": [...]};",
	    "empty" },
	{ "modules {};",
	    "r.jq:1: a rule begins with: module {\"topics\": "
	    "[...]};",
	    "another word" },
	{ "def f: 1;\nmodule {topics: [\"A\"]};",
	    "r.jq:1: a rule begins with: module {\"topics\": [...]};",
	    "not first" },
	{ "# x\n\nmodule {topics: [\"A\"]\n, x: 1};",
	    "r.jq:4: unknown member \"x\" of the head", "unknown member" },
	{ "module [1];", "r.jq:1: head: an object and then ';' are expected",
	    "no object" },
	{ "module {topics: [\"A\"]}\n.",
	    "r.jq:1: head: an object and then ';' are expected", "no ;" },
	{ "module {topics: [\"A\"]", "r.jq:1: head: it ends inside a value",
	    "cut short" },
	{ "module {topics: [\"A\", .v]};", "r.jq:1: head: a value is expected",
	    "no constant" },
	{ "module {topics: [\"A\",\n$x]};", "r.jq:2: head: a value is expected",
	    "a variable" },
	{ "module {topics: [\"A/\\(1)\"]};",
	    "r.jq:1: head: a string with \\( ) is no constant", "computed" },
	{ "module {topics: [\"A\"], topics: [\"B\"]};",
	    "r.jq:1: head: duplicate member name", "twice" },
	{ "module {};", "r.jq:1: head: no topics", "no topics" },
	{ "module {topics: \"A\"};", "r.jq:1: topics: not an array",
	    "topics no array" },
	{ "module {topics: []};",
	    "r.jq:1: topics: no filter, or only exclusions", "none" },
	{ "module {topics: [\"!A\"]};",
	    "r.jq:1: topics: no filter, or only exclusions", "only !" },
	{ "module {topics: [\"A\",\n\"A//B\"]};",
	    "r.jq:2: topics: A//B: empty level", "bad filter" },
	{ "module {topics: [\"A/{B}\"]};",
	    "r.jq:1: topics: A/{B}: capture's name is not [a-z_][a-z0-9_]*",
	    "bad capture" },
	{ "module {topics: [1]};", "r.jq:1: topics: not a string", "number" },
	{ "module {topics: [\"A/{k}\", \"B\"], by: \"{k}\"};",
	    "r.jq:1: by: {k} is not in all topics", "not in all" },
	{ "module {topics: [\"A\"], by: \"{k}\"};",
	    "r.jq:1: by: {k} is neither captured nor src, id or topic",
	    "not captured" },
	{ "module {topics: [\"A\"], by: \"{k\"};",
	    "r.jq:1: by: unmatched brace", "brace" },
	{ "module {topics: [\"A\"], by: \"k}\"};",
	    "r.jq:1: by: unmatched brace", "brace" },
	{ "module {topics: [\"A\"], by: \"\"};", "r.jq:1: by: empty", "empty" },
	{ "module {topics: [\"A\"], by: 1};", "r.jq:1: by: not a string",
	    "number" },
	{ "module {topics: [\"A\"], every: \"often\"};",
	    "r.jq:1: every: often is no duration such as 30s, 15m, 1h",
	    "no duration" },
	{ "module {topics: [\"A\"], every: \"100ms\"};",
	    "r.jq:1: every: between 1s and ten years", "too short" },
	{ "module {topics: [\"A\"], self: 1};",
	    "r.jq:1: self: neither true nor false", "no flag" },
	{ "module {topics: [\"A\"], description: 1};",
	    "r.jq:1: description: not a string", "no text" },
	{ "module {topics: [\"A\"], context: []};",
	    "r.jq:1: context: not an object", "no schema" },
	{ "module {topics: [\"A\"], context: {a: 1}};",
	    "r.jq:1: context: a: not an object", "no schema of a member" },
	{ "module {topics: [\"A\"], context: {\n a: {}}};",
	    "r.jq:2: context: a: no type", "no type" },
	{ "module {topics: [\"A\"], context: {a: {type: \"int\"}}};",
	    "r.jq:1: context: a: type is none of number, string, boolean, "
	    "object, array",
	    "another type" },
	{ "module {topics: [\"A\"], context: {a: {type: \"number\", "
	  "unit: \"MW\"}}};",
	    "r.jq:1: context: a: MW is no registered unit", "unit" },
	{ "module {topics: [\"A\"], context: {a: {type: \"number\",\n"
	  "default: \"1\"}}};",
	    "r.jq:2: context: a: default is no number", "default's type" },
	{ "module {topics: [\"A\"], context: {a: {type: \"number\", min: 1}}};",
	    "r.jq:1: context: a: unknown member \"min\"", "unknown" },
};

static void
check_refused(void)
{
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct rule_file r;
		struct buf why = { 0 };
		int status = rule_file_parse(
		    &r, "r.jq", refused[i].text, strlen(refused[i].text), &why);

		check(status < 0, "%s: taken", refused[i].why);
		check(
		    status == 0 || strcmp(buf_cstr(&why), refused[i].want) == 0,
		    "%s: %s", refused[i].why, buf_cstr(&why));
		if (status == 0)
			rule_file_fini(&r);
		buf_fini(&why);
	}
}

/* What topic and event are to which key. */
static const struct {
	const char *head, *topic, *key, *captures;
} taken[] = {
	{ "topics: [\"A/{k}/{l}\"], by: \"{l}-{k}\"", "A/x/y", "y-x",
	    "{\"k\":\"x\",\"l\":\"y\"}" },
	{ "topics: [\"A/{k}\", \"B/+/{k}\"], by: \"{k}\"", "B/x/y", "y",
	    "{\"k\":\"y\"}" },
	{ "topics: [\"A/#\"], by: \"{topic}\"", "A/x", "A/x", "{}" },
	{ "topics: [\"A/#\"], by: \"{src}/{id}\"", "A/x", "meter/", "{}" },
	{ "topics: [\"A/{src}\"], by: \"{src}\"", "A/x", "x",
	    "{\"src\":\"x\"}" },
	{ "\"topics\": [\"A/#\", \"!A/x\"]", "A/x", NULL, NULL },
	{ "topics: [\"A/+\"] # why\n, every: \"15m\"", "A/x", "", "{}" },
};

static void
check_taken(void)
{
	static const char line[] =
	    "{\"topic\":\"A/x\",\"t\":1,\"v\":1,\"src\":\"meter\"}";
	struct event e;
	const char *fault;

	event_scan(&e, line, strlen(line), &fault);
	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
		struct rule_file r;
		struct rule_captures c;
		struct buf text = { 0 }, why = { 0 }, key = { 0 };
		size_t n = strlen(taken[i].topic);

		buf_addf(&text, " # a rule\nmodule {%s}; .", taken[i].head);
		if (rule_file_parse(&r, "dir/r.jq", text.p, text.len, &why) <
		    0) {
			check(0, "%s: %s", taken[i].head, buf_cstr(&why));
			continue;
		}
		check(strcmp(r.name, "r") == 0, "name: %s", r.name);
		if (!rule_file_match(&r, taken[i].topic, n, &c)) {
			check(taken[i].key == NULL, "%s: not matched",
			    taken[i].head);
		} else {
			rule_file_key(&r, &c, &e, taken[i].topic, n, &key);
			check(strcmp(buf_cstr(&key), taken[i].key) == 0,
			    "%s: key %s", taken[i].head, buf_cstr(&key));
			buf_clear(&key);
			rule_captures_add(&c, &key);
			check(strcmp(buf_cstr(&key), taken[i].captures) == 0,
			    "%s: captures %s", taken[i].head, buf_cstr(&key));
		}
		rule_file_fini(&r);
		buf_fini(&text);
		buf_fini(&why);
		buf_fini(&key);
	}
}

static const char asking[] =
    "module {topics: [\"A\"], context: {\n"
    "limit: {type: \"number\", unit: \"W\", default: 5},\n"
    "name: {type: \"string\", default: \"x\"},\n"
    "limits: {type: \"object\", unit: \"W\", default: null},\n"
    "needed: {type: \"boolean\"}}};";

/* Files in their order, and what the rule is told or what is wrong. */
static const struct {
	const char *files[3], *want, *why;
} told[] = {
	{ { "{\"needed\":true}" },
	    "{\"limit\":5,\"name\":\"x\",\"limits\":null,\"needed\":true}",
	    "defaults" },
	{ { "{\"needed\":true,\"other\":[1]}",
	      "{\"r\":{\"needed\":false},\"limit\":1e3}" },
	    "{\"limit\":1e3,\"name\":\"x\",\"limits\":null,\"needed\":false}",
	    "the rule's own, later ones win" },
	{ { "{\"needed\":true,\"limit\":{\"v\":40.5,\"u\":\"kW\"}}" },
	    "{\"limit\":40500,\"name\":\"x\",\"limits\":null,\"needed\":true}",
	    "converted" },
	{ { "{\"needed\":true,\"limits\":{\"F1\":{\"u\":\"kW\",\"v\":1},"
	    "\"F2\":[2,{\"v\":1,\"u\":\"W\",\"w\":0}]}}" },
	    "{\"limit\":5,\"name\":\"x\",\"limits\":{\"F1\":1000,"
	    "\"F2\":[2,{\"v\":1,\"u\":\"W\",\"w\":0}]},\"needed\":true}",
	    "converted inside" },
	{ { "{\"limit\":1}" },
	    "r.jq:5: context: needed: no --context says it\n", "required" },
	{ { "{\n\"needed\":1}" }, "0.json:2: needed: not of type boolean\n",
	    "type" },
	{ { "{\"needed\":true}", "{\"limit\":\"1\"}" },
	    "1.json:1: limit: not of type number\n", "type" },
	{ { "{\"needed\":true,\"limit\":{\"v\":1,\"u\":\"V\"}}" },
	    "0.json:1: limit: its unit is not V\n", "unit" },
	{ { "{\"needed\":true,\"name\":{\"v\":1,\"u\":\"V\"}}" },
	    "0.json:1: name: not of type string\n", "no number" },
	{ { "{\"needed\":true,\"r\":{\"limt\":1}}" },
	    "0.json:1: limt: not in the context of r.jq\n",
	    "its own has to be asked for" },
	{ { "{\"needed\":true,\n\"limit\":1,\n\"limit\":2}" },
	    "0.json:1: duplicate member name\n", "twice" },
	{ { "{\"needed\":true,\n}" }, "0.json:2: a member's name is expected\n",
	    "comma" },
	{ { "{needed:true}" }, "0.json:1: a member's name is expected\n",
	    "no quotes" },
	{ { "{\"needed\":true} 1" }, "0.json:1: something follows the value\n",
	    "more" },
	{ { "[1]" }, "0.json: not a JSON object\n", "array" },
};

static void
check_told(void)
{
	static const char *const names[] = { "0.json", "1.json", "2.json" };
	struct rule_file r;
	struct buf why = { 0 };

	if (rule_file_parse(&r, "r.jq", asking, strlen(asking), &why) < 0)
		check(0, "%s", buf_cstr(&why));
	for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
		struct rule_context x[3] = { 0 };
		struct buf out = { 0 };
		size_t n = 0;
		int status = 0;

		buf_clear(&why);
		for (; n < 3 && told[i].files[n] != NULL; n++)
			status |= rule_context_parse(&x[n], names[n],
			    told[i].files[n], strlen(told[i].files[n]), &why);
		if (status == 0)
			status = rule_context_for(x, n, &r, &out, &why);
		check(strcmp(status == 0 ? buf_cstr(&out) : buf_cstr(&why),
			  told[i].want) == 0,
		    "%s: %s", told[i].why,
		    status == 0 ? buf_cstr(&out) : buf_cstr(&why));
		while (n > 0)
			rule_context_fini(&x[--n]);
		buf_fini(&out);
	}
	rule_file_fini(&r);
	buf_fini(&why);
}

int
main(void)
{
	check_refused();
	check_taken();
	check_told();
	return check_done();
}

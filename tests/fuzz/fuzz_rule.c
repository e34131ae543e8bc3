/*
 * Heads of rules and contexts: any text is refused with a reason that names
 * its line, or read; what a rule is told is JSON then, of the types it asked
 * for, and the key of every topic it wants can be made.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "event/json.h"
#include "grid/rule_context.h"
#include "grid/rule_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(int ok)
{
	if (!ok)
		abort();
}

static const char asking[] =
    "module {topics: [\"A/{k}\"], context: {n: {type: \"number\", "
    "unit: \"W\", default: 1}, s: {type: \"string\", default: \"x\"}, "
    "o: {type: \"object\", unit: \"Wh\", default: {}}, "
    "a: {type: \"array\", default: []}, "
    "b: {type: \"boolean\", default: true}}}; .";

static void
check_reason(const struct buf *why, const char *begin)
{
	must(why->len > strlen(begin) + 2);
	must(memcmp(why->p, begin, strlen(begin)) == 0);
}

static void
check_told(const struct rule_file *r, const struct buf *told)
{
	const char *why;
	struct json_value all, v;

	must(json_check_wide(told->p, told->len, &why) == JSON_OBJECT);
	all = json_value(told->p, told->len);
	for (size_t i = 0; i < r->nparams; i++)
		must(json_get(&all, r->params[i].name, &v));
}

static void
check_context(const char *p, size_t n)
{
	static struct rule_file r;
	struct rule_context x = { 0 };
	struct buf why = { 0 }, told = { 0 };

	if (r.path == NULL)
		must(rule_file_parse(
			 &r, "rule.jq", asking, strlen(asking), &why) == 0);
	if (rule_context_parse(&x, "c.json", p, n, &why) < 0)
		check_reason(&why, "c.json:");
	else if (rule_context_for(&x, 1, &r, &told, &why) < 0)
		check_reason(&why, "c.json:");
	else
		check_told(&r, &told);
	rule_context_fini(&x);
	buf_fini(&why);
	buf_fini(&told);
}

/* A topic that the filter matches. */
static void
make_topic(const char *filter, struct buf *b)
{
	for (; *filter != '\0'; filter++)
		buf_addc(b, strchr("+*#", *filter) != NULL ? 'x' : *filter);
}

static void
check_rule(const char *p, size_t n)
{
	struct rule_file r;
	struct rule_captures c;
	struct buf why = { 0 }, topic = { 0 }, text = { 0 };
	const char *fault;

	if (rule_file_parse(&r, "rule.jq", p, n, &why) < 0) {
		check_reason(&why, "rule.jq:");
		buf_fini(&why);
		return;
	}
	must(r.ntopics > 0 && r.text.len == n && strcmp(r.name, "rule") == 0);
	for (size_t i = 0; i < r.ntopics; i++) {
		buf_clear(&topic);
		buf_clear(&text);
		make_topic(topic_pattern_filter(r.topics[i]), &topic);
		if (!rule_file_match(&r, topic.p, topic.len, &c))
			continue;
		rule_captures_add(&c, &text);
		must(json_check(text.p, text.len, &fault) == JSON_OBJECT);
		if (!r.by_members)
			rule_file_key(&r, &c, NULL, topic.p, topic.len, &text);
	}
	rule_file_fini(&r);
	buf_fini(&topic);
	buf_fini(&text);
	buf_fini(&why);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data;

	if (size > 0 && *p == '{')
		check_context(p, size);
	else
		check_rule(p, size);
	return 0;
}

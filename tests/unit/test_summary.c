/* Topic summaries: never a false "no", few false "perhaps". */
#include "broker/summary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"

static int passed, failed;

static void
check(int ok, int line, const char *what)
{
	if (ok) {
		passed++;
		return;
	}
	failed++;
	printf("test_summary: line %d: %s\n", line, what);
}

/* Values of an independent implementation of sg-store(5). */
static void
test_hash(void)
{
	static const struct {
		unsigned level;
		const char *text;
		uint64_t want;
	} cases[] = {
		{ 0, "MEASUREMENT", 0x3f3a94de8c133677 },
		{ 1, "METER", 0x6c3dca7c198b91af },
		{ 2, "METER", 0x6d345014b00a090e },
		{ 15, "a", 0xe4cc91bfa96f0337 },
		{ 0, "", 0xb9034ad37056f5fb },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		check(summary_hash(cases[i].level, cases[i].text,
			  strlen(cases[i].text)) == cases[i].want,
		    __LINE__, cases[i].text);
}

static size_t
build(struct summary *s, const char *const *topic, size_t n, uint8_t *out)
{
	uint64_t hash[TOPIC_LEVELS_MAX];

	summary_begin(s);
	for (size_t i = 0; i < n; i++) {
		size_t levels =
		    summary_levels(topic[i], strlen(topic[i]), hash);

		for (size_t j = 0; j < levels; j++)
			summary_add(s, hash[j]);
	}
	return summary_finish(s, out);
}

static int
may(const uint8_t *p, size_t n, const char *filters)
{
	struct topic_set set = { 0 };
	char text[TOPIC_MAX * 2], *rest = text, *word;
	int r;

	snprintf(text, sizeof text, "%s", filters);
	while ((word = strsep(&rest, " ")) != NULL)
		if (word[0] != '\0' &&
		    topic_set_add(&set, word, strlen(word)) != NULL)
			die(EXIT_BUG, "test_summary: %s", word);
	r = summary_may_match(p, n, &set);
	topic_set_fini(&set);
	return r;
}

static void
test_filters(void)
{
	static const char *const topics[] = {
		"MEASUREMENT/METER/flat12/Load",
		"MEASUREMENT/METER/flat13/Load",
		"AGGREGATE/district-a/Load/60s",
	};
	static const struct {
		const char *filters;
		int want;
		const char *why;
	} cases[] = {
		{ "MEASUREMENT/METER/flat12/Load", 1, "a topic of it" },
		{ "MEASUREMENT/METER/flat14/Load", 0, "another meter" },
		{ "#", 1, "all" },
		{ "*", 1, "all" },
		{ "+/+/+/Load", 1, "levels skipped" },
		{ "+/+/+/Volt", 0, "another quantity" },
		{ "+/+/Load/60s", 1, "the aggregate" },
		{ "+/Load/#", 0, "the text at another level" },
		{ "AGGREGATE/*", 1, "a prefix" },
		{ "COMMAND/#", 0, "another class" },
		{ "COMMAND/# AGGREGATE/#", 1, "one of two" },
		{ "AGGREGATE/# !AGGREGATE/#", 1, "exclusions are ignored" },
		{ "!AGGREGATE/#", 0, "only exclusions match nothing" },
		{ "", 0, "no filter matches nothing" },
	};
	struct summary s = { 0 };
	uint8_t out[FRAME_SUMMARY_MAX];
	size_t n = build(&s, topics, 3, out);

	check(n == 16, __LINE__, "9 pairs need 90 bits");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		check(may(out, n, cases[i].filters) == cases[i].want, __LINE__,
		    cases[i].why);
		check(may(out, 0, cases[i].filters) == 1, __LINE__,
		    "an empty summary may match");
		check(may(out, 24, cases[i].filters) == 1, __LINE__,
		    "an unknown length may match");
	}
	check(build(&s, topics, 0, out) == 0, __LINE__, "nothing added");
	summary_fini(&s);
}

/* What frames of n meters look like: length, misses, false "perhaps". */
static void
test_rates(void)
{
	static const struct {
		int meters;
		size_t want;
	} cases[] = { { 1, 16 }, { 10, 16 }, { 11, 32 }, { 100, 128 },
		{ 600, 1024 }, { 1000, 2048 }, { 3000, 4096 } };
	struct summary s = { 0 };
	uint8_t out[FRAME_SUMMARY_MAX];
	char topic[64];
	uint64_t hash[TOPIC_LEVELS_MAX];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int lost = 0, wrong = 0;
		size_t n;

		summary_begin(&s);
		for (int m = 0; m < cases[i].meters * 3; m++) {
			snprintf(topic, sizeof topic, "M/meter-%d/Load",
			    m % cases[i].meters);
			n = summary_levels(topic, strlen(topic), hash);
			for (size_t j = 0; j < n; j++)
				summary_add(&s, hash[j]);
		}
		n = summary_finish(&s, out);
		check(n == cases[i].want, __LINE__, "length");
		for (int m = 0; m < cases[i].meters; m++) {
			snprintf(topic, sizeof topic, "M/meter-%d/Load", m);
			lost += !may(out, n, topic);
			snprintf(topic, sizeof topic, "+/meter-%d/#", m);
			lost += !may(out, n, topic);
		}
		for (int m = 0; m < 20000; m++) {
			snprintf(topic, sizeof topic, "M/meter-%d/Load",
			    cases[i].meters + m);
			wrong += may(out, n, topic);
		}
		check(lost == 0, __LINE__, "never a false no");
		check(wrong < 600, __LINE__, "under 3 % false");
	}
	summary_fini(&s);
}

/* More than fits: still no false "no". */
static void
test_saturated(void)
{
	struct summary s = { 0 };
	uint8_t out[FRAME_SUMMARY_MAX];
	char topic[64];
	size_t n;
	int lost = 0;

	summary_begin(&s);
	for (int m = 0; m < 65536; m++) {
		n = (size_t)snprintf(topic, sizeof topic, "%d", m);
		summary_add(&s, summary_hash(0, topic, n));
	}
	n = summary_finish(&s, out);
	check(n == FRAME_SUMMARY_MAX, __LINE__, "bounded");
	for (int m = 0; m < 65536; m++) {
		snprintf(topic, sizeof topic, "%d", m);
		lost += !may(out, n, topic);
	}
	check(lost == 0, __LINE__, "never a false no");
	summary_fini(&s);
}

int
main(void)
{
	test_hash();
	test_filters();
	test_rates();
	test_saturated();
	if (failed == 0)
		printf("test_summary: %d passed\n", passed);
	return failed != 0;
}

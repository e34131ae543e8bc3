/*
 * Three texts, one a line: two filters and a topic.  Matching agrees with a
 * matcher that follows the definition level by level, and covering with
 * matching; a set and a pattern agree with both.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "event/topic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct text {
	const char *p;
	size_t n;
};

static void
require(int truth)
{
	if (!truth)
		abort();
}

static struct text
next_text(struct text *rest, char end)
{
	struct text text = *rest;
	const char *stop = memchr(rest->p, end, rest->n);

	if (stop)
		text.n = (size_t)(stop - text.p);
	rest->p += text.n + (stop != NULL);
	rest->n -= text.n + (stop != NULL);
	return text;
}

static int
is(struct text text, const char *s)
{
	return text.n == strlen(s) && memcmp(text.p, s, text.n) == 0;
}

static int
slow_match(struct text filter, struct text topic)
{
	struct text want, have;

	if (filter.n == 0)
		return topic.n == 0;
	want = next_text(&filter, '/');
	if (is(want, "#"))
		return 1;
	if (topic.n == 0)
		return 0;
	if (is(want, "*"))
		return 1;
	have = next_text(&topic, '/');
	if (!is(want, "+") &&
	    (want.n != have.n || memcmp(want.p, have.p, want.n) != 0))
		return 0;
	return slow_match(filter, topic);
}

static int
matches(struct text f, struct text t)
{
	int got = topic_match(f.p, f.n, t.p, t.n);
	int hidden = t.p[0] == '$' && f.p[0] != '$';

	require(got == (!hidden && slow_match(f, t)));
	return got;
}

static void
check_set(struct text a, struct text b, struct text t, int want)
{
	struct topic_set set = { 0 };
	char *not_b = malloc(b.n + 1);

	not_b[0] = '!';
	memcpy(not_b + 1, b.p, b.n);
	require(!topic_set_add(&set, a.p, a.n));
	require(!topic_set_add(&set, not_b, b.n + 1));
	require(!topic_set_check(&set));
	require(topic_set_match(&set, t.p, t.n) == want);
	topic_set_fini(&set);
	free(not_b);
}

/* Any text as a pattern, against the topic. */
static void
check_pattern(struct text text, struct text t)
{
	const char *at[TOPIC_LEVELS_MAX], *why = NULL, *filter;
	size_t len[TOPIC_LEVELS_MAX], n;
	char *copy = strndup(text.p, text.n);
	struct topic_pattern *pattern = topic_pattern_new(copy, &why);

	require(!pattern == (why != NULL));
	if (pattern) {
		filter = topic_pattern_filter(pattern);
		require(!topic_filter_check(filter, strlen(filter)));
		topic_pattern_names(pattern, &n);
		if (topic_pattern_match(pattern, t.p, t.n, at, len))
			for (size_t i = 0; i < n; i++)
				require(at[i] >= t.p && len[i] > 0 &&
				    at[i] + len[i] <= t.p + t.n);
	}
	topic_pattern_free(pattern);
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size ? size : 1);
	struct text rest = { copy, size };
	struct text a, b, t;
	int covers;

	memcpy(copy, data, size);
	a = next_text(&rest, '\n');
	b = next_text(&rest, '\n');
	t = rest;
	if (!topic_check(t.p, t.n)) {
		require(!topic_filter_check(t.p, t.n));
		require(topic_match(t.p, t.n, t.p, t.n));
		check_pattern(a, t);
		if (!topic_filter_check(a.p, a.n) &&
		    !topic_filter_check(b.p, b.n)) {
			covers = topic_covers(a.p, a.n, b.p, b.n);
			require(!covers || !matches(b, t) || matches(a, t));
			require(topic_covers(a.p, a.n, a.p, a.n));
			require(
			    topic_covers(a.p, a.n, t.p, t.n) == matches(a, t));
			check_set(a, b, t, matches(a, t) && !matches(b, t));
		}
	}
	free(copy);
	return 0;
}

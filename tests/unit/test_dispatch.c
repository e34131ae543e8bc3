/* The trie against the plain matcher, while subscriptions come and go. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "broker/dispatch.h"

enum { SUBS = 60, ROUNDS = 400 };

static int passed, failed;

static const char *const levels[] = { "a", "b", "METER", "17" };
static const char *const wild[] = { "a", "b", "METER", "17", "+", "+" };

static unsigned
pick(unsigned n)
{
	return (unsigned)rand() % n;
}

static void
random_topic(char *out, size_t n)
{
	unsigned depth = 1 + pick(4), i;

	out[0] = '\0';
	if (pick(10) == 0)
		strncat(out, "$SG/", n);
	for (i = 0; i < depth; i++) {
		strncat(out, i ? "/" : "", n);
		strncat(out, levels[pick(4)], n);
	}
}

static void
random_filter(char *out, size_t n)
{
	unsigned depth = pick(4), i, end = pick(4);

	snprintf(out, n, "%s%s", pick(6) == 0 ? "!" : "",
	    pick(10) == 0 ? "$SG" : "");
	for (i = 0; i < depth; i++) {
		strncat(out, out[strspn(out, "!")] ? "/" : "", n);
		strncat(out, wild[pick(6)], n);
	}
	if (end == 0 || out[strspn(out, "!")] == '\0') {
		strncat(out, out[strspn(out, "!")] ? "/" : "", n);
		strncat(out, pick(2) ? "#" : "*", n);
	}
}

static void
fill(struct dispatch_sub *sub)
{
	char filter[256];
	unsigned n = 1 + pick(3);

	do {
		topic_set_fini(&sub->set);
		while (sub->set.n < n) {
			random_filter(filter, sizeof filter - 1);
			if (topic_set_add(&sub->set, filter, strlen(filter)) !=
			    NULL) {
				printf("generator: %s\n", filter);
				exit(1);
			}
		}
	} while (topic_set_check(&sub->set) != NULL);
}

static int
finds(const struct dispatch_match *m, const struct dispatch_sub *sub)
{
	int found = 0;
	size_t i;

	for (i = 0; i < m->n; i++)
		found += m->sub[i] == sub;
	return found;
}

static void
compare(const struct dispatch_match *m, struct dispatch_sub *subs,
    const int *in, const char *topic)
{
	int i;

	for (i = 0; i < SUBS; i++) {
		int want = in[i] &&
		    topic_set_match(&subs[i].set, topic, strlen(topic));

		if (finds(m, &subs[i]) == want) {
			passed++;
			continue;
		}
		failed++;
		printf("test_dispatch: %s: subscription %d (%s): want %d\n",
		    topic, i, subs[i].set.filter[0], want);
	}
}

int
main(void)
{
	static struct dispatch_sub subs[SUBS];
	static int in[SUBS];
	struct dispatch *d = dispatch_new();
	struct dispatch_match *cache = NULL;
	const struct dispatch_match *m;
	char topic[256], again[256];
	int round, i;

	srand(7);
	random_topic(again, sizeof again - 1);
	for (round = 0; round < ROUNDS; round++) {
		i = (int)pick(SUBS);
		if (in[i]) {
			dispatch_remove(d, &subs[i]);
		} else {
			fill(&subs[i]);
			dispatch_add(d, &subs[i]);
		}
		in[i] = !in[i];
		random_topic(topic, sizeof topic - 1);
		struct dispatch_match *once = NULL;

		m = dispatch_match(d, topic, strlen(topic), &once);
		compare(m, subs, in, topic);
		free(once);
		for (i = 0; i < SUBS; i++)
			if (in[i] &&
			    dispatch_matches(
				d, &subs[i], topic, strlen(topic)) !=
				topic_set_match(
				    &subs[i].set, topic, strlen(topic)))
				failed++;
		m = dispatch_match(d, again, strlen(again), &cache);
		compare(m, subs, in, again);
		if (dispatch_match(d, again, strlen(again), &cache) != m)
			failed++;
	}
	for (i = 0; i < SUBS; i++) {
		if (in[i])
			dispatch_remove(d, &subs[i]);
		topic_set_fini(&subs[i].set);
	}
	m = dispatch_match(d, again, strlen(again), &cache);
	failed += m->n != 0;
	free(cache);
	dispatch_free(d);
	printf("test_dispatch: %d passed\n", passed);
	return failed != 0;
}

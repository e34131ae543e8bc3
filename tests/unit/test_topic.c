#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "event/topic.h"

/* A NULL and a text are equal to nothing else. */
static int
same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

#define LEVEL16 "0123456789abcdef"
#define LEVEL64 LEVEL16 LEVEL16 LEVEL16 LEVEL16

static const char character[] = "character other than A-Z a-z 0-9 . _ : @ -";
static const char dollar[] = "'$' other than $SG as first level";

static const struct {
	const char *in;
	const char *topic;  /* what is wrong with it as a topic */
	const char *filter; /* and as a filter */
} grammar[] = {
	{ "A", NULL, NULL },
	{ "MEASUREMENT/SENSOR/1234/PowerConsumption", NULL, NULL },
	{ "a.b_c:d@e-f/Z/0/9", NULL, NULL },
	{ "$SG", NULL, NULL },
	{ "$SG/MARK", NULL, NULL },
	{ LEVEL64, NULL, NULL },
	{ LEVEL64 "/" LEVEL64 "/" LEVEL64 "/" LEVEL16 LEVEL16 LEVEL16
		  "0123456789ab",
	    NULL, NULL },
	{ "1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6", NULL, NULL },
	{ "", "empty", "empty" },
	{ "/", "empty level", "empty level" },
	{ "/A", "empty level", "empty level" },
	{ "A/", "empty level", "empty level" },
	{ "A//B", "empty level", "empty level" },
	{ "ABCDEFGHIJKLMNOP//B", "empty level", "empty level" },
	{ "ABCDEFGHIJKLMNOP/", "empty level", "empty level" },
	{ "/ABCDEFGHIJKLMNOP", "empty level", "empty level" },
	{ LEVEL64 "x", "level longer than 64 bytes",
	    "level longer than 64 bytes" },
	{ "A/" LEVEL64 "x", "level longer than 64 bytes",
	    "level longer than 64 bytes" },
	{ "1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7", "more than 16 levels",
	    "more than 16 levels" },
	{ LEVEL64 "/" LEVEL64 "/" LEVEL64 "/" LEVEL64, "longer than 255 bytes",
	    "longer than 255 bytes" },
	{ "A B", character, character },
	{ "A/B\n", character, character },
	{ "A/\xc3\xa9", character, character },
	{ "A/B!", character, character },
	{ "A/B,", character, character },
	{ "A/B;", character, character },
	{ "A/B?", character, character },
	{ "A/B[", character, character },
	{ "A/B^", character, character },
	{ "A/B`", character, character },
	{ "A/B{", character, character },
	{ "A/B\x7f", character, character },
	{ "ABCDEFGHIJKLMNOP/B{", character, character },
	{ "$", dollar, dollar },
	{ "$SGX/A", dollar, dollar },
	{ "$sg/A", dollar, dollar },
	{ "A/$SG", dollar, dollar },
	{ "ABCDEFGHIJKLMNOP/$SG", dollar, dollar },
	{ "+", "wildcard in a topic", NULL },
	{ "#", "wildcard in a topic", NULL },
	{ "*", "wildcard in a topic", NULL },
	{ "A/+/B", "wildcard in a topic", NULL },
	{ "A/#", "wildcard in a topic", NULL },
	{ "A/*", "wildcard in a topic", NULL },
	{ "+/+/#", "wildcard in a topic", NULL },
	{ "$SG/#", "wildcard in a topic", NULL },
	{ "#/A", "wildcard in a topic", "'#' or '*' before the last level" },
	{ "A/*/B", "wildcard in a topic", "'#' or '*' before the last level" },
	{ "A+", "wildcard in a topic",
	    "wildcard beside other characters of its level" },
	{ "A/B*", "wildcard in a topic",
	    "wildcard beside other characters of its level" },
	{ "##", "wildcard in a topic",
	    "wildcard beside other characters of its level" },
};

static void
test_grammar(void)
{
	for (size_t i = 0; i < sizeof(grammar) / sizeof(*grammar); i++) {
		const char *in = grammar[i].in;

		check(same(topic_check(in, strlen(in)), grammar[i].topic),
		    "%s : as a topic", in);
		check(
		    same(topic_filter_check(in, strlen(in)), grammar[i].filter),
		    "%s : as a filter", in);
	}
}

/* Every byte at every place of topics of every length up to 70. */
static void
test_bytes(void)
{
	static const char fine[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghij"
				   "klmnopqrstuvwxyz0123456789._:@-";
	char in[71];

	for (size_t n = 1; n <= 70; n++) {
		int wrong = 0;

		for (size_t at = 0; at < n; at++)
			for (int c = 0; c < 256; c++) {
				int ends = at == 0 || at == n - 1;
				int want = c && strchr(fine, c) ? n <= 64
				    : c == '/'
				    ? !ends && at <= 64 && n - at - 1 <= 64
				    : 0;

				memset(in, 'x', n);
				in[at] = (char)c;
				wrong += (topic_check(in, n) == NULL) != want;
			}
		in[n] = '\0';
		check(wrong == 0, "%s : any byte anywhere", in);
	}
}

static const struct {
	const char *filter, *topic;
	int want;
} matching[] = {
	{ "A/#", "A", 1 },
	{ "A/#", "A/B/C", 1 },
	{ "A/#", "AB", 0 },
	{ "A/*", "A", 0 },
	{ "A/*", "A/B/C", 1 },
	{ "MEASUREMENT/SENSOR/*", "MEASUREMENT/SENSOR/1234/Voltage", 1 },
	{ "A/+", "A", 0 },
	{ "A/+", "A/B", 1 },
	{ "A/+", "A/B/C", 0 },
	{ "a", "A", 0 },
	{ "#", "$SG/MARK", 0 },
	{ "*", "$SG", 0 },
	{ "+/MARK", "$SG/MARK", 0 },
	{ "$SG/#", "$SG/MARK", 1 },
	{ "$SG/#", "$SG", 1 },
	{ "$SG/+", "$SG/MARK", 1 },
	{ "$SG/#", "SG/MARK", 0 },
};

static const struct {
	const char *wide, *narrow;
	int want;
} covering[] = {
	{ "#", "*", 1 },
	{ "*", "#", 1 },
	{ "#", "$SG/#", 0 },
	{ "+/MARK", "$SG/MARK", 0 },
	{ "$SG/#", "$SG/MARK", 1 },
	{ "$SG/#", "#", 0 },
	{ "$SG/#", "SG/#", 0 },
	{ "MEASUREMENT/#", "MEASUREMENT/SENSOR/*", 1 },
	{ "MEASUREMENT/*", "MEASUREMENT/#", 0 },
	{ "1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/*", "1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6",
	    1 },
};

/* Levels of a text, for the slow matcher below. */
struct words {
	char text[16][8];
	int n;
};

static struct words
split(const char *s)
{
	struct words w = { .n = 0 };
	int at = 0;

	for (; *s; s++) {
		if (*s == '/') {
			w.n++;
			at = 0;
		} else {
			w.text[w.n][at++] = *s;
		}
	}
	w.n++;
	return w;
}

static int
slow_match(const struct words *f, int i, const struct words *t, int j)
{
	if (i == f->n)
		return j == t->n;
	if (strcmp(f->text[i], "#") == 0)
		return j == t->n || slow_match(f, i, t, j + 1) || j < t->n;
	if (j == t->n)
		return 0;
	if (strcmp(f->text[i], "*") == 0)
		return j + 1 == t->n || slow_match(f, i, t, j + 1);
	if (strcmp(f->text[i], "+") != 0 && strcmp(f->text[i], t->text[j]) != 0)
		return 0;
	return slow_match(f, i + 1, t, j + 1);
}

enum { TEXTS = 256, TEXT = 16 };

struct texts {
	char text[TEXTS][TEXT];
	int n;
};

/* All texts of up to depth levels, each one of the characters of from. */
static void
enumerate(struct texts *all, const char *from, int depth, const char *prefix)
{
	for (const char *c = from; *c && depth > 0; c++) {
		char *text = all->text[all->n++];

		snprintf(text, TEXT, "%s%s%c", prefix, *prefix ? "/" : "", *c);
		enumerate(all, from, depth - 1, text);
	}
}

/* Keep what the filter grammar allows. */
static void
keep_filters(struct texts *all)
{
	int n = 0;

	for (int i = 0; i < all->n; i++)
		if (!topic_filter_check(all->text[i], strlen(all->text[i])))
			memmove(all->text[n++], all->text[i], TEXT);
	all->n = n;
}

static void
test_against_enumeration(void)
{
	static struct texts filters, topics;
	static char matches[TEXTS][TEXTS];
	int covered;

	enumerate(&filters, "ab+*#", 3, "");
	keep_filters(&filters);
	enumerate(&topics, "ab", 4, "");
	check(filters.n == 5 + 3 * 5 + 3 * 3 * 5 && topics.n == 30,
	    "all : number of filters and topics");
	for (int i = 0; i < filters.n; i++)
		for (int j = 0; j < topics.n; j++) {
			const char *f = filters.text[i], *t = topics.text[j];
			struct words fw = split(f), tw = split(t);

			matches[i][j] = (char)slow_match(&fw, 0, &tw, 0);
			check(topic_match(f, strlen(f), t, strlen(t)) ==
				matches[i][j],
			    "%s %s: match", f, t);
		}
	for (int i = 0; i < filters.n; i++)
		for (int k = 0; k < filters.n; k++) {
			const char *w = filters.text[i], *n = filters.text[k];

			covered = 1;
			for (int j = 0; j < topics.n; j++)
				covered &= matches[i][j] || !matches[k][j];
			check(
			    topic_covers(w, strlen(w), n, strlen(n)) == covered,
			    "%s %s: covers", w, n);
		}
}

static void
test_match(void)
{
	for (size_t i = 0; i < sizeof(matching) / sizeof(*matching); i++) {
		const char *f = matching[i].filter, *t = matching[i].topic;

		check(
		    topic_match(f, strlen(f), t, strlen(t)) == matching[i].want,
		    "%s %s: match", f, t);
	}
	for (size_t i = 0; i < sizeof(covering) / sizeof(*covering); i++) {
		const char *w = covering[i].wide, *n = covering[i].narrow;

		check(topic_covers(w, strlen(w), n, strlen(n)) ==
			covering[i].want,
		    "%s %s: covers", w, n);
	}
}

static const struct {
	const char *filters[4];
	const char *topic;
	int want;
	const char *check;
} sets[] = {
	{ { NULL }, "A", 0, "empty" },
	{ { "A/#" }, "A/B", 1, NULL },
	{ { "A/#" }, "B", 0, NULL },
	{ { "A/#", "!A/B" }, "A/B", 0, NULL },
	{ { "!A/B", "A/#" }, "A/B", 0, NULL },
	{ { "!A/B", "A/#" }, "A/C", 1, NULL },
	{ { "A", "B", "!C" }, "B", 1, NULL },
	{ { "!A", "!B" }, "C", 0, "only exclusions" },
	{ { "#" }, "$SG/MARK", 0, NULL },
	{ { "#", "$SG/#" }, "$SG/MARK", 1, NULL },
	{ { "#", "$SG/#", "!$SG/MARK" }, "$SG/MARK", 0, NULL },
};

static void
test_sets(void)
{
	struct topic_set set = { 0 };

	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
		const char *const *f = sets[i].filters;
		const char *t = sets[i].topic;

		for (int k = 0; k < 4 && f[k]; k++)
			check(!topic_set_add(&set, f[k], strlen(f[k])),
			    "%s : added", f[k]);
		check(topic_set_match(&set, t, strlen(t)) == sets[i].want,
		    "%s %s: set", t, f[0] ? f[0] : "");
		check(same(topic_set_check(&set), sets[i].check),
		    "%s %s: set check", t, f[0] ? f[0] : "");
		topic_set_fini(&set);
	}
	check(same(topic_set_add(&set, "!", 1), "empty"), "! : refused");
	check(same(topic_set_add(&set, "!!A", 3), character), "!!A : refused");
	check(set.n == 0, " : a refused filter is not added");
	topic_set_fini(&set);
}

static const struct {
	const char *pattern;
	const char *filter; /* NULL if it is refused */
	const char *why;    /* or the topic to match */
	const char *want;   /* captures as name=value, or NULL: no match */
} patterns[] = {
	{ "MEASUREMENT/METER/{meter}/Load", "MEASUREMENT/METER/+/Load",
	    "MEASUREMENT/METER/m17/Load", " meter=m17" },
	{ "MEASUREMENT/METER/{meter}/Load", "MEASUREMENT/METER/+/Load",
	    "MEASUREMENT/METER/m17", NULL },
	{ "{a}/x/{b_2}", "+/x/+", "1/x/2", " a=1 b_2=2" },
	{ "{a}/+/{b}/#", "+/+/+/#", "1/2/3", " a=1 b=3" },
	{ "A/*", "A/*", "A/B", "" },
	{ "{a}/B", "+/B", "$SG/B", NULL },
	{ "A/{a}/{a}", NULL, "capture's name used twice", NULL },
	{ "A/{}", NULL, "capture without a name", NULL },
	{ "A/{", NULL, "'{' without '}' at the end of its level", NULL },
	{ "A/{a", NULL, "'{' without '}' at the end of its level", NULL },
	{ "A/{a}b", NULL, "'{' without '}' at the end of its level", NULL },
	{ "A/b{a}", NULL, character, NULL },
	{ "A/{9}", NULL, "capture's name is not [a-z_][a-z0-9_]*", NULL },
	{ "A/{Ab}", NULL, "capture's name is not [a-z_][a-z0-9_]*", NULL },
	{ "A/{a}/", NULL, "empty level", NULL },
	{ "", NULL, "empty", NULL },
	{ "{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/{j}/{k}/{l}/{m}/{n}/{o}/{p}/"
	  "{q}",
	    NULL, "more than 16 levels", NULL },
};

static void
print_captures(const struct topic_pattern *pattern, const char *topic,
    char *out, size_t size)
{
	const char *at[TOPIC_LEVELS_MAX];
	size_t len[TOPIC_LEVELS_MAX], n, used = 0;
	const char *const *names = topic_pattern_names(pattern, &n);

	snprintf(out, size, "no match");
	if (!topic_pattern_match(pattern, topic, strlen(topic), at, len))
		return;
	*out = '\0';
	for (size_t i = 0; i < n; i++)
		used += (size_t)snprintf(out + used, size - used, " %s=%.*s",
		    names[i], (int)len[i], at[i]);
}

static void
test_patterns(void)
{
	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
		const char *in = patterns[i].pattern, *why = NULL;
		const char *want = patterns[i].want;
		struct topic_pattern *pattern = topic_pattern_new(in, &why);
		char got[256];

		check(!pattern == !patterns[i].filter, "%s %s: refused or not",
		    in, why ? why : "");
		if (!pattern) {
			check(same(why, patterns[i].why), "%s %s: %s", in,
			    why ? why : "", patterns[i].why);
			continue;
		}
		check(same(topic_pattern_filter(pattern), patterns[i].filter),
		    "%s %s: filter", in, topic_pattern_filter(pattern));
		print_captures(pattern, patterns[i].why, got, sizeof(got));
		check(same(got, want ? want : "no match"), "%s %s: captures",
		    in, got);
		topic_pattern_free(pattern);
	}
}

int
main(void)
{
	test_grammar();
	test_bytes();
	test_match();
	test_against_enumeration();
	test_sets();
	test_patterns();
	return check_done();
}

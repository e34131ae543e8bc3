/* news: lines in order, each thing of each sender once, memory bounded. */
#include <string.h>

#include "device/news.h"

#include "check.h"

static void
lines_come_in_order(void)
{
	struct news *n = news_new();
	const char *line;

	check(news_next(n, &line) == NEWS_NONE, "empty at first");
	news_say(n, NEWS_NOTE, "one %d", 1);
	news_say(n, NEWS_WARNING, "two");
	check(news_next(n, &line) == NEWS_NOTE && strcmp(line, "one 1") == 0,
	    "the first line");
	check(news_next(n, &line) == NEWS_WARNING && strcmp(line, "two") == 0,
	    "the second line");
	check(news_next(n, &line) == NEWS_NONE, "no third one");
	news_free(n);
}

static void
each_thing_is_said_once(void)
{
	static const struct {
		uint64_t sender;
		const char *reason;
		int first;
	} cases[] = {
		{ 1, "", 1 },
		{ 1, "", 0 },
		{ 1, "replayed", 1 },
		{ 2, "replayed", 1 },
		{ 2, "", 1 },
		{ 2, "replayed", 0 },
		{ 1, "replayed", 0 },
	};
	struct news *n = news_new();

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		check(news_first(n, cases[i].sender, cases[i].reason) ==
			cases[i].first,
		    "case %zu: first is not %d", i, cases[i].first);
	news_free(n);
}

static void
memory_is_bounded(void)
{
	struct news *n = news_new();
	const char *line;
	int lines = 0, firsts = 0;

	for (int i = 0; i < 1000; i++)
		news_say(n, NEWS_NOTE, "%d", i);
	while (news_next(n, &line) != NEWS_NONE)
		lines++;
	check(lines > 10 && lines < 1000, "%d lines are kept", lines);
	for (uint64_t i = 0; i < 100000; i++)
		firsts += news_first(n, i, "");
	check(firsts > 1000 && firsts < 10000, "%d senders are named", firsts);
	check(news_next(n, &line) == NEWS_WARNING &&
		strstr(line, "further ones") != NULL,
	    "that no more are named is said");
	check(news_next(n, &line) == NEWS_NONE, "once");
	news_free(n);
}

int
main(void)
{
	lines_come_in_order();
	each_thing_is_said_once();
	memory_is_bounded();
	return check_done();
}

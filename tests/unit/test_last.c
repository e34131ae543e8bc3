/* The topic table and the channel table. */
#include <stdio.h>
#include <string.h>

#include "broker/chan.h"
#include "broker/last.h"
#include "check.h"

enum { TOPICS = 50000 };

static void
name(char *out, size_t n, int i)
{
	snprintf(out, n, "MEASUREMENT/METER/%d/Load", i);
}

static void
test_topics(void)
{
	struct last *last = last_new(TOPICS);
	struct last_topic *t;
	char text[64];
	size_t n;
	int i, same = 1, found = 1;

	for (i = 0; i < TOPICS; i++) {
		name(text, sizeof text, i);
		t = last_topic(last, text, strlen(text));
		if (t == NULL || t != last_at(last, (size_t)i))
			same = 0;
	}
	check(same, "entries are in the order they came");
	check(last_count(last) == TOPICS, "count");
	check(last_topic(last, "A/new", 5) == NULL, "a full table says so");
	for (i = TOPICS - 1; i >= 0; i--) {
		name(text, sizeof text, i);
		t = last_topic(last, text, strlen(text));
		found &= t != NULL && t->len == strlen(text) &&
		    memcmp(t->text, text, t->len) == 0 &&
		    t->index == (uint32_t)i;
	}
	check(found, "every topic is found again");
	last_set(last, last_at(last, 5), 1, 10);
	last_set(last, last_at(last, 7), 1, 11);
	last_set(last, last_at(last, 5), 1, 12);
	check(last_dirty(last, &n)[0] == last_at(last, 5) && n == 2,
	    "an entry is dirty once");
	last_clean(last);
	last_dirty(last, &n);
	check(n == 0 && last_at(last, 5)->n == 12, "clean keeps the place");
	check(last_kept(last, last_at(last, 9)) == NULL, "nothing kept");
	last_keep(last, last_at(last, 9), "abc", 3, 42, "x");
	check(last_kept(last, last_at(last, 9))->rt == 42 &&
		last_kept(last, last_at(last, 9))->len == 3,
	    "a line is kept");
	last_set(last, last_at(last, 9), 1, 13);
	check(last_kept(last, last_at(last, 9)) == NULL,
	    "a newer event drops the kept line");
	last_free(last);
}

static void
test_channels(void)
{
	struct chans *all = chans_new();
	struct chan *c;
	uint64_t i;
	int found = 1, gone = 0;

	for (i = 1; i <= 2000; i++) {
		c = chans_get(all, "flat12", 6, i, 1);
		c->durable = c->accepted = i;
		c->rt = (int64_t)i;
	}
	for (i = 1; i <= 2000; i++) {
		c = chans_get(all, "flat12", 6, i, 0);
		found &= c != NULL && c->durable == i;
	}
	check(found, "channels are found again");
	check(chans_get(all, "flat1", 5, 7, 0) == NULL,
	    "another publisher's channel of that number");
	check(chans_get(all, "flat123", 7, 7, 0) == NULL,
	    "a publisher whose name begins the same");
	chans_get(all, "flat12", 6, 9, 0)->pending++;
	for (i = 0; i < 100; i++)
		while ((c = chans_old(all, 11)) != NULL) {
			chans_forget(all, c);
			gone++;
		}
	check(gone == 9, "old channels go, but not one with events to come");
	check(chans_count(all) == 1991, "the others stay");
	chans_free(all);
}

int
main(void)
{
	test_topics();
	test_channels();
	return check_done();
}

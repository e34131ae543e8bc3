/*
 * Reads event lines from a file and sums v by topic, as the mawk program of
 * scan.sh does, but checks each line completely.  Prints lines, topics, the
 * sum of all, and the processor seconds that reading, checking and summing
 * took; then those that checking alone takes from memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/die.h"
#include "base/num.h"
#include "event/event.h"
#include "event/line.h"
#include "event/topic.h"

enum { SLOTS = 65536 };

static struct slot {
	char *topic;
	size_t n;
	double sum;
} slots[SLOTS];

static uint64_t
hash_of(const char *p, size_t n)
{
	uint64_t hash = n, word = 0;

	for (; n >= sizeof(word); p += sizeof(word), n -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b97f4a7c15;
		hash ^= hash >> 32;
	}
	for (; n > 0; p++, n--)
		hash = (hash ^ (unsigned char)*p) * 0x9e3779b97f4a7c15;
	return hash ^ hash >> 32;
}

static struct slot *
find(const char *p, size_t n)
{
	struct slot *slot;

	for (uint64_t hash = hash_of(p, n);; hash++) {
		slot = &slots[hash % SLOTS];
		if (slot->n == n && memcmp(slot->topic, p, n) == 0)
			return slot;
		if (slot->n == 0)
			break;
	}
	slot->topic = xstrndup(p, n);
	slot->n = n;
	return slot;
}

static void
scan(struct event *e, const char *p, size_t n)
{
	const char *why;

	if (event_scan(e, p, n, &why) != 0 || event_complete(e, &why) != 0)
		die(EXIT_DATA, "%.*s: %s", (int)n, p, why);
}

static uint64_t
sum_file(char *file)
{
	char space[TOPIC_MAX + 1];
	struct line_in in;
	struct event e;
	const char *p, *topic;
	size_t n;
	double v = 0;

	line_open(&in, &file, 1);
	while (line_next(&in, &p, &n) > 0) {
		scan(&e, p, n);
		topic = event_topic(&e, space, &n);
		num_double(p + e.at[EVENT_V], e.len[EVENT_V], &v);
		find(topic, n)->sum += v;
	}
	line_close(&in);
	return in.lines;
}

/* Seconds to check every line of the file, all of it in memory. */
static double
scan_memory(char *file)
{
	struct buf all = { 0 };
	struct line_in in;
	struct event e;
	const char *p, *end, *nl;
	size_t n;
	clock_t start;

	line_open(&in, &file, 1);
	while (line_next(&in, &p, &n) > 0) {
		buf_add(&all, p, n);
		buf_addc(&all, '\n');
	}
	line_close(&in);
	start = clock();
	for (p = all.p, end = p + all.len; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		scan(&e, p, (size_t)(nl - p));
	}
	start = clock() - start;
	buf_fini(&all);
	return (double)start / CLOCKS_PER_SEC;
}

int
main(int argc, char **argv)
{
	clock_t start = clock();
	uint64_t lines, topics = 0;
	double total = 0, seconds;

	die_name(argv[0]);
	if (argc != 2)
		die(EXIT_USAGE, "usage: scan FILE");
	lines = sum_file(argv[1]);
	seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
	for (size_t i = 0; i < SLOTS; i++) {
		topics += slots[i].n > 0;
		total += slots[i].sum;
	}
	printf("%llu %llu %.1f %.3f %.3f\n", (unsigned long long)lines,
	    (unsigned long long)topics, total, seconds, scan_memory(argv[1]));
	return 0;
}

/*
 * Topics and filters, sg-topic(7).  Topic: 1-16 levels of 1-64 characters
 * A-Z a-z 0-9 . _ : @ - joined by '/', at most 255 bytes.  "$SG" is allowed
 * as first level and is matched only by a filter that begins with it.
 */
#ifndef SG_EVENT_TOPIC_H
#define SG_EVENT_TOPIC_H

#include <stddef.h>
#include <stdint.h>

enum { TOPIC_MAX = 255, TOPIC_LEVELS_MAX = 16, TOPIC_LEVEL_MAX = 64 };

/* What can be wrong with a topic or filter. */
enum topic_fault {
	TOPIC_FINE = 0,
	TOPIC_EMPTY,
	TOPIC_TOO_LONG,
	TOPIC_TOO_DEEP,
	TOPIC_EMPTY_LEVEL,
	TOPIC_LONG_LEVEL,
	TOPIC_CHARACTER,
	TOPIC_WILDCARD,
	TOPIC_DOLLAR,
	TOPIC_NOT_LAST,
	TOPIC_NOT_ALONE,
	TOPIC_FAULTS
};

/*
 * topic_fault(p, n) - TOPIC_FINE if p[0..n) is a topic, else the first fault.
 * topic_check(p, n) - The same in words that complete "topic: ", or NULL.
 */
enum topic_fault topic_fault(const char *p, size_t n);
const char *topic_check(const char *p, size_t n);

/*
 * topic_filter_check(p, n) - NULL if p[0..n) is a filter (without '!' and
 * captures), else what is wrong.
 */
const char *topic_filter_check(const char *p, size_t n);

/* topic_match(filter, fn, topic, tn) - 1 if the valid filter matches. */
int topic_match(const char *filter, size_t fn, const char *topic, size_t tn);

/*
 * topic_covers(wide, wn, narrow, nn) - 1 if every topic that narrow matches
 * is matched by wide (filters without '!').
 */
int topic_covers(const char *wide, size_t wn, const char *narrow, size_t nn);

/*
 * A set of filters: matches if any positive one does and no '!' one does.
 * All-zero is the empty set, which matches nothing.
 */
struct topic_set {
	char **filter; /* without the '!' */
	unsigned char *exclude;
	size_t n;
};

/*
 * topic_set_add(set, p, n) - Add a filter, '!' allowed, copied.  NULL, or
 * what is wrong with it.
 */
const char *topic_set_add(struct topic_set *set, const char *p, size_t n);

/* topic_set_check(set) - NULL, or "only exclusions", "empty". */
const char *topic_set_check(const struct topic_set *set);

/* topic_set_match(set, p, n) - 1 if the set matches the topic, else 0. */
int topic_set_match(const struct topic_set *set, const char *p, size_t n);
void topic_set_fini(struct topic_set *set);

/*
 * A pattern with named captures, 'MEASUREMENT/METER/{meter}/Load', and a
 * template filled from them, 'AGGREGATE/{region}/Load/60s'.
 */
struct topic_pattern;

/*
 * topic_pattern_new(p, why) - Parse; names are [a-z_][a-z0-9_]*, each once, a
 * capture is a whole level; wildcards may stand beside captures.  NULL with
 * *why if it is none.  topic_pattern_filter() is the plain filter ('+' for
 * each capture), owned by the pattern.
 */
struct topic_pattern *topic_pattern_new(const char *p, const char **why);
void topic_pattern_free(struct topic_pattern *pattern);
const char *topic_pattern_filter(const struct topic_pattern *pattern);

/* topic_pattern_names(pattern, n) - The captures' names, in order. */
const char *const *
topic_pattern_names(const struct topic_pattern *pattern, size_t *n);

/*
 * topic_pattern_match(pattern, topic, n, at, len) - 1 if the topic matches;
 * at[i], len[i] then say where capture i stands in topic.
 */
int topic_pattern_match(const struct topic_pattern *pattern, const char *topic,
    size_t n, const char **at, size_t *len);

#endif

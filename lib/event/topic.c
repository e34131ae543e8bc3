#include "event/topic.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/die.h"

static const char *const fault_text[TOPIC_FAULTS] = {
	[TOPIC_EMPTY] = "empty",
	[TOPIC_TOO_LONG] = "longer than 255 bytes",
	[TOPIC_TOO_DEEP] = "more than 16 levels",
	[TOPIC_EMPTY_LEVEL] = "empty level",
	[TOPIC_LONG_LEVEL] = "level longer than 64 bytes",
	[TOPIC_CHARACTER] = "character other than A-Z a-z 0-9 . _ : @ -",
	[TOPIC_WILDCARD] = "wildcard in a topic",
	[TOPIC_DOLLAR] = "'$' other than $SG as first level",
	[TOPIC_NOT_LAST] = "'#' or '*' before the last level",
	[TOPIC_NOT_ALONE] = "wildcard beside other characters of its level",
};

/* One level of a topic or filter; n is 0 behind the last. */
struct level {
	const char *p;
	size_t n;
};

static struct level
next_level(const char **p, const char *end)
{
	struct level level = { *p, (size_t)(end - *p) };
	const char *slash = memchr(*p, '/', level.n);

	if (slash)
		level.n = (size_t)(slash - *p);
	*p = slash ? slash + 1 : end;
	return level;
}

static int
level_is(struct level level, char c)
{
	return level.n == 1 && *level.p == c;
}

static int
level_equal(struct level a, struct level b)
{
	return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

static int
is_dollar(const char *p, size_t n)
{
	return n > 0 && *p == '$';
}

static int
is_plain(char c)
{
	return (c >= '-' && c <= ':' && c != '/') || (c >= '@' && c <= 'Z') ||
	    c == '_' || (c >= 'a' && c <= 'z');
}

static enum topic_fault
level_fault(struct level level, int first, int last, int filter)
{
	if (level.n == 0)
		return TOPIC_EMPTY_LEVEL;
	if (level.n > TOPIC_LEVEL_MAX)
		return TOPIC_LONG_LEVEL;
	if (first && level.n == 3 && memcmp(level.p, "$SG", 3) == 0)
		return TOPIC_FINE;
	if (filter && level_is(level, '+'))
		return TOPIC_FINE;
	if (filter && (level_is(level, '#') || level_is(level, '*')))
		return last ? TOPIC_FINE : TOPIC_NOT_LAST;
	for (size_t i = 0; i < level.n; i++) {
		if (is_plain(level.p[i]))
			continue;
		if (level.p[i] == '$')
			return TOPIC_DOLLAR;
		if (level.p[i] != '\0' && strchr("+#*", level.p[i]))
			return filter ? TOPIC_NOT_ALONE : TOPIC_WILDCARD;
		return TOPIC_CHARACTER;
	}
	return TOPIC_FINE;
}

static enum topic_fault
find_fault(const char *p, size_t n, int filter)
{
	const char *end = n > 0 ? p + n : p;
	enum topic_fault fault;
	int levels = 0, last;

	if (n == 0)
		return TOPIC_EMPTY;
	if (n > TOPIC_MAX)
		return TOPIC_TOO_LONG;
	do {
		struct level level = next_level(&p, end);

		last = p == end && level.p + level.n == end;
		if (++levels > TOPIC_LEVELS_MAX)
			return TOPIC_TOO_DEEP;
		fault = level_fault(level, levels == 1, last, filter);
		if (fault != TOPIC_FINE)
			return fault;
	} while (!last);
	return TOPIC_FINE;
}

#ifdef __SSE2__
#include <emmintrin.h>

enum { BLOCK = 16 };

/* Bytes of x in low..low+width-1. */
static __m128i
within(__m128i x, char low, char width)
{
	x = _mm_add_epi8(x, _mm_set1_epi8((char)(-128 - low)));
	return _mm_cmplt_epi8(x, _mm_set1_epi8((char)(-128 + width)));
}

/*
 * 1 if every byte of p[0..16) may stand in a topic (a slash too); adds the
 * slashes to *slashes from bit at.
 */
static int
block_plain(const char *p, size_t at, uint64_t *slashes)
{
	__m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i slash = _mm_cmpeq_epi8(x, _mm_set1_epi8('/'));
	__m128i low = within(x, '-', ':' - '-' + 1);
	__m128i upper = within(x, '@', 'Z' - '@' + 1);
	__m128i lower = within(x, 'a', 'z' - 'a' + 1);
	__m128i under = _mm_cmpeq_epi8(x, _mm_set1_epi8('_'));
	__m128i fine =
	    _mm_or_si128(_mm_or_si128(low, upper), _mm_or_si128(lower, under));

	*slashes |= (uint64_t)(uint32_t)_mm_movemask_epi8(slash) << at;
	return _mm_movemask_epi8(fine) == 0xffff;
}

/*
 * 1 if p[0..n) is certainly a topic; 0 leaves the answer to find_fault().
 * Up to 64 bytes no level can be too long, and one word holds the slashes.
 */
static int
surely_fine(const char *p, size_t n)
{
	uint64_t slashes = 0;
	int fine = 1, levels = 1;

	if (n < BLOCK || n > TOPIC_LEVEL_MAX)
		return 0;
	for (size_t i = 0; i + BLOCK <= n; i += BLOCK)
		fine &= block_plain(p + i, i, &slashes);
	fine &= block_plain(p + n - BLOCK, n - BLOCK, &slashes);
	if (!fine || (slashes & (slashes << 1 | 1)) || slashes >> (n - 1))
		return 0;
	for (; slashes; slashes &= slashes - 1)
		levels++;
	return levels <= TOPIC_LEVELS_MAX;
}
#else
static int
surely_fine(const char *p, size_t n)
{
	(void)p;
	(void)n;
	return 0;
}
#endif

enum topic_fault
topic_fault(const char *p, size_t n)
{
	return surely_fine(p, n) ? TOPIC_FINE : find_fault(p, n, 0);
}

const char *
topic_check(const char *p, size_t n)
{
	return fault_text[topic_fault(p, n)];
}

const char *
topic_filter_check(const char *p, size_t n)
{
	return fault_text[find_fault(p, n, 1)];
}

int
topic_match(const char *filter, size_t fn, const char *topic, size_t tn)
{
	const char *fend = filter + fn, *tend = topic + tn;

	if (is_dollar(topic, tn) && !is_dollar(filter, fn))
		return 0;
	while (filter < fend) {
		struct level want = next_level(&filter, fend), have;

		if (level_is(want, '#'))
			return 1;
		if (topic == tend)
			return 0;
		if (level_is(want, '*'))
			return 1;
		have = next_level(&topic, tend);
		if (!level_is(want, '+') && !level_equal(want, have))
			return 0;
	}
	return topic == tend;
}

/*
 * A filter as fixed levels and whether any number may follow.  '*' is '+' and
 * then '#'; so is '#' alone, since no topic is empty.
 */
struct normal {
	struct level level[TOPIC_LEVELS_MAX];
	size_t n;
	int open;
};

static struct normal
normal_form(const char *p, size_t n)
{
	static const char plus[] = "+";
	struct normal form = { .n = 0 };
	const char *end = p + n;

	while (p < end) {
		struct level level = next_level(&p, end);

		form.open = level_is(level, '*') || level_is(level, '#');
		if (level_is(level, '*') || (form.open && form.n == 0))
			level.p = plus;
		if (!level_is(level, '#'))
			form.level[form.n++] = level;
	}
	return form;
}

/*
 * 1 if they differ before the first wildcard of wide: then it covers nothing
 * of narrow.  Most do, and whoever subscribes may send many.
 */
static int
surely_apart(const char *wide, size_t wn, const char *narrow, size_t nn)
{
	for (size_t i = 0; i < wn && i < nn; i++) {
		if (wide[i] == '+' || wide[i] == '#' || wide[i] == '*')
			return 0;
		if (wide[i] != narrow[i])
			return 1;
	}
	return 0;
}

int
topic_covers(const char *wide, size_t wn, const char *narrow, size_t nn)
{
	struct normal w, n;

	if (is_dollar(wide, wn) != is_dollar(narrow, nn) ||
	    surely_apart(wide, wn, narrow, nn))
		return 0;
	w = normal_form(wide, wn);
	n = normal_form(narrow, nn);
	if (w.n > n.n || (!w.open && (w.n != n.n || n.open)))
		return 0;
	for (size_t i = 0; i < w.n; i++)
		if (!level_is(w.level[i], '+') &&
		    !level_equal(w.level[i], n.level[i]))
			return 0;
	return 1;
}

const char *
topic_set_add(struct topic_set *set, const char *p, size_t n)
{
	int exclude = n > 0 && *p == '!';
	const char *why;

	p += exclude;
	n -= (size_t)exclude;
	why = topic_filter_check(p, n);
	if (why)
		return why;
	set->filter =
	    xrealloc(set->filter, (set->n + 1) * sizeof(*set->filter));
	set->exclude =
	    xrealloc(set->exclude, (set->n + 1) * sizeof(*set->exclude));
	set->filter[set->n] = xstrndup(p, n);
	set->exclude[set->n] = (unsigned char)exclude;
	set->n++;
	return NULL;
}

const char *
topic_set_check(const struct topic_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		if (!set->exclude[i])
			return NULL;
	return set->n > 0 ? "only exclusions" : "empty";
}

int
topic_set_match(const struct topic_set *set, const char *p, size_t n)
{
	int found = 0;

	for (size_t i = 0; i < set->n; i++) {
		const char *filter = set->filter[i];

		if (found && !set->exclude[i])
			continue;
		if (!topic_match(filter, strlen(filter), p, n))
			continue;
		if (set->exclude[i])
			return 0;
		found = 1;
	}
	return found;
}

void
topic_set_fini(struct topic_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		free(set->filter[i]);
	free(set->filter);
	free(set->exclude);
	*set = (struct topic_set){ 0 };
}

struct topic_pattern {
	struct buf filter;
	char *name[TOPIC_LEVELS_MAX];
	size_t level[TOPIC_LEVELS_MAX]; /* of each capture, from 0 */
	size_t n;
};

/* What is wrong with {name}, or NULL. */
static const char *
capture_fault(struct level level)
{
	const char *p = level.p + 1;
	size_t n = level.n - 2;

	if (level.n < 2 || level.p[level.n - 1] != '}')
		return "'{' without '}' at the end of its level";
	if (n == 0)
		return "capture without a name";
	for (size_t i = 0; i < n; i++)
		if (!(p[i] >= 'a' && p[i] <= 'z') && p[i] != '_' &&
		    !(i > 0 && p[i] >= '0' && p[i] <= '9'))
			return "capture's name is not [a-z_][a-z0-9_]*";
	return NULL;
}

static const char *
add_capture(struct topic_pattern *pattern, struct level level, size_t depth)
{
	const char *why = capture_fault(level);
	char *name;

	if (why)
		return why;
	if (pattern->n == TOPIC_LEVELS_MAX)
		return fault_text[TOPIC_TOO_DEEP];
	name = xstrndup(level.p + 1, level.n - 2);
	for (size_t i = 0; i < pattern->n; i++)
		if (strcmp(pattern->name[i], name) == 0) {
			free(name);
			return "capture's name used twice";
		}
	pattern->name[pattern->n] = name;
	pattern->level[pattern->n] = depth;
	pattern->n++;
	return NULL;
}

/* Append the levels of p to the filter; what is wrong, or NULL. */
static const char *
parse_pattern(struct topic_pattern *pattern, const char *p)
{
	const char *end = p + strlen(p), *why;

	for (size_t depth = 0;; depth++) {
		struct level level = next_level(&p, end);
		int more = level.p + level.n < end;

		if (level.n > 0 && *level.p == '{') {
			why = add_capture(pattern, level, depth);
			if (why)
				return why;
			buf_addc(&pattern->filter, '+');
		} else {
			buf_add(&pattern->filter, level.p, level.n);
		}
		if (!more)
			break;
		buf_addc(&pattern->filter, '/');
	}
	p = buf_cstr(&pattern->filter);
	return topic_filter_check(p, pattern->filter.len);
}

struct topic_pattern *
topic_pattern_new(const char *p, const char **why)
{
	struct topic_pattern *pattern = xcalloc(1, sizeof(*pattern));

	*why = parse_pattern(pattern, p);
	if (!*why)
		return pattern;
	topic_pattern_free(pattern);
	return NULL;
}

void
topic_pattern_free(struct topic_pattern *pattern)
{
	if (!pattern)
		return;
	for (size_t i = 0; i < pattern->n; i++)
		free(pattern->name[i]);
	buf_fini(&pattern->filter);
	free(pattern);
}

const char *
topic_pattern_filter(const struct topic_pattern *pattern)
{
	return pattern->filter.p;
}

const char *const *
topic_pattern_names(const struct topic_pattern *pattern, size_t *n)
{
	*n = pattern->n;
	return (const char *const *)pattern->name;
}

int
topic_pattern_match(const struct topic_pattern *pattern, const char *topic,
    size_t n, const char **at, size_t *len)
{
	const char *end = topic + n, *p = topic;
	size_t next = 0;

	if (!topic_match(pattern->filter.p, pattern->filter.len, topic, n))
		return 0;
	for (size_t depth = 0; next < pattern->n; depth++) {
		struct level level = next_level(&p, end);

		if (depth != pattern->level[next])
			continue;
		at[next] = level.p;
		len[next] = level.n;
		next++;
	}
	return 1;
}

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/die.h"
#include "event/topic.h"
#include "grid/names.h"
#include "grid/route.h"

enum { WHY_MAX = 512 };

/* A piece of a template: literal text, a capture or a column. */
struct piece {
	const char *text;
	size_t n;
	int capture, column; /* -1 if it is not one */
};

struct template
{
	struct piece *pieces;
	size_t n;
};

/* One pattern, and what becomes of its topics. */
struct way {
	struct topic_pattern *pattern;
	int capture; /* that finds the row, -1 without a table */
	struct template to, source;
};

struct route {
	struct route_rule rule;
	struct window_set *set;
	const struct names *topics; /* the set's, number by number */
	struct way *ways;
	uint32_t *next; /* by topic: what came after it the last time */
	uint32_t cap, last;
	struct buf text;
};

static char reason[WHY_MAX];

static int
capture_find(const struct way *way, const char *name, size_t n)
{
	size_t count;
	const char *const *names = topic_pattern_names(way->pattern, &count);

	for (size_t i = 0; i < count; i++)
		if (strlen(names[i]) == n && memcmp(names[i], name, n) == 0)
			return (int)i;
	return -1;
}

static void
piece_add(
    struct template *t, const char *text, size_t n, int capture, int column)
{
	struct piece piece = { text, n, capture, column };

	if (n == 0 && capture == -1 && column == -1)
		return;
	t->pieces = xrealloc(t->pieces, (t->n + 1) * sizeof *t->pieces);
	t->pieces[t->n++] = piece;
}

static int
template_parse(const struct route *route, const struct way *way,
    struct template *t, const char *s, const char **why)
{
	for (;;) {
		size_t n = strcspn(s, "{}"), name;
		int capture, column = -1;

		piece_add(t, s, n, -1, -1);
		s += n;
		if (*s == '\0')
			return 0;
		name = strcspn(s, "}");
		if (*s == '}' || s[name] == '\0') {
			*why = "unmatched brace";
			return -1;
		}
		capture = capture_find(way, s + 1, name - 1);
		if (capture == -1 && route->rule.join != NULL)
			column = join_column(route->rule.join, s + 1, name - 1);
		if (capture == -1 && column == -1) {
			snprintf(reason, sizeof reason,
			    "%.*s is neither captured nor a column",
			    (int)name + 1, s);
			*why = reason;
			return -1;
		}
		piece_add(t, "", 0, capture, column);
		s += name + 1;
	}
}

/* Text of a cell as a part of a topic: other characters become '_'. */
static void
add_level(struct buf *b, const char *s)
{
	for (; *s != '\0'; s++)
		buf_addc(b, topic_check(s, 1) == NULL ? *s : '_');
}

/* Two cells of a column may not become the same text. */
static int
column_check(const struct join *join, int column, const char **why)
{
	struct names seen = { 0 };
	struct buf level = { 0 };
	size_t rows = join_rows(join);
	const char **cell = xcalloc(rows + 1, sizeof *cell);
	int status = 0;

	for (size_t i = 0; i < rows && status == 0; i++) {
		const char *text = join_cell(join, i, column);
		uint32_t at;

		buf_clear(&level);
		add_level(&level, text);
		if (level.len == 0)
			continue;
		at = names_get(&seen, level.p, level.len);
		if (cell[at] == NULL)
			cell[at] = text;
		else if (strcmp(cell[at], text) != 0) {
			snprintf(reason, sizeof reason,
			    "\"%.100s\" and \"%.100s\" would be one topic",
			    cell[at], text);
			*why = reason;
			status = -1;
		}
	}
	names_fini(&seen);
	buf_fini(&level);
	free(cell);
	return status;
}

static int
template_check(
    const struct route *route, const struct template *t, const char **why)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->pieces[i].column != -1 &&
		    column_check(route->rule.join, t->pieces[i].column, why) ==
			-1)
			return -1;
	return 0;
}

/* Fill the template into route->text; 0, or -1 with *why. */
static int
template_fill(struct route *route, const struct template *t, long row,
    const char *const *at, const size_t *len, const char **why)
{
	struct buf *b = &route->text;

	buf_clear(b);
	for (size_t i = 0; i < t->n; i++) {
		const struct piece *piece = &t->pieces[i];
		const char *cell;

		if (piece->capture != -1)
			buf_add(b, at[piece->capture], len[piece->capture]);
		else if (piece->column == -1)
			buf_add(b, piece->text, piece->n);
		else {
			cell = join_cell(
			    route->rule.join, (size_t)row, piece->column);
			if (*cell == '\0') {
				*why = "an empty cell in the joined table";
				return -1;
			}
			add_level(b, cell);
		}
	}
	return 0;
}

/*
 * Send a topic that the pattern matches where the templates say; *input is
 * NAMES_NONE if it is new.  0, or -1 with *why.
 */
static int
send(struct route *route, const struct way *way, const char *topic, size_t n,
    const char *const *at, const size_t *len, uint32_t *input, const char **why)
{
	const char *source = NULL;
	struct buf result = { 0 };
	long row = -1;
	size_t sn = 0;
	int status = -1;

	if (way->capture != -1) {
		row = join_find(
		    route->rule.join, at[way->capture], len[way->capture]);
		*why = "not in the joined table";
		if (row == -1)
			return -1;
	}
	if (template_fill(route, &way->to, row, at, len, why) == -1 ||
	    (*why = topic_check(route->text.p, route->text.len)) != NULL)
		return -1;
	buf_add(&result, route->text.p, route->text.len);
	if (way->source.n > 0) {
		if (template_fill(route, &way->source, row, at, len, why) ==
			-1 ||
		    (*why = topic_check(route->text.p, route->text.len)) !=
			NULL)
			goto out;
		source = route->text.p;
		sn = route->text.len;
	}
	*why = "too much text";
	if (*input != NAMES_NONE)
		status = window_move(
		    route->set, *input, result.p, result.len, source, sn);
	else {
		*input = window_input(
		    route->set, topic, n, result.p, result.len, source, sn);
		status = *input == NAMES_NONE ? -1 : 0;
	}
out:
	buf_fini(&result);
	return status;
}

static int
matches(const struct route *route, const char *topic, size_t n)
{
	const char *at[TOPIC_LEVELS_MAX];
	size_t len[TOPIC_LEVELS_MAX];

	for (size_t i = 0; i < route->rule.nfrom; i++)
		if (topic_pattern_match(
			route->ways[i].pattern, topic, n, at, len))
			return 1;
	return 0;
}

/* As send(), by the first pattern that matches; *why NULL if none does. */
static int
send_topic(struct route *route, const char *topic, size_t n, uint32_t *input,
    const char **why)
{
	const char *at[TOPIC_LEVELS_MAX];
	size_t len[TOPIC_LEVELS_MAX];

	*why = NULL;
	for (size_t i = 0; i < route->rule.nfrom; i++)
		if (topic_pattern_match(
			route->ways[i].pattern, topic, n, at, len))
			return send(route, &route->ways[i], topic, n, at, len,
			    input, why);
	return -1;
}

/* Streams repeat themselves; room for what follows each topic. */
static void
remember(struct route *route, uint32_t input)
{
	uint32_t n = route->cap;

	if (input == NAMES_NONE || input < n)
		return;
	route->cap = input + input / 2 + 16;
	route->next = xrealloc(route->next, route->cap * sizeof *route->next);
	memset(route->next + n, 0, (route->cap - n) * sizeof *route->next);
}

/*
 * Try the same topic, then what followed it the last time, before the table.
 */
static uint32_t
recall(struct route *route, const char *topic, size_t n)
{
	uint32_t i;

	if (route->topics->live == 0)
		return NAMES_NONE;
	if (route->cap <= route->last)
		remember(route, route->last);
	i = route->next[route->last];
	if (!names_is(route->topics, i, topic, n)) {
		i = names_find(route->topics, topic, n);
		if (i == NAMES_NONE)
			return i;
		remember(route, i);
		route->next[route->last] = i;
	}
	route->last = i;
	return i;
}

/* A topic that comes for the first time. */
static enum route_result
find_new(struct route *route, const char *topic, size_t n, uint32_t *input,
    const char **why)
{
	const char *what;

	if (route->topics->live >= route->rule.topics_max) {
		*why = "too many topics";
		return matches(route, topic, n) ? ROUTE_REFUSED : ROUTE_OTHER;
	}
	if (send_topic(route, topic, n, input, &what) == 0)
		return ROUTE_FOUND;
	if (what == NULL)
		return ROUTE_OTHER;
	window_refuse(route->set, topic, n);
	snprintf(reason, sizeof reason, "%.*s: %s", (int)n, topic, what);
	*why = reason;
	return ROUTE_REFUSED;
}

enum route_result
route_find(struct route *route, const char *topic, size_t n, uint32_t *input,
    const char **why)
{
	*input = recall(route, topic, n);
	if (*input == NAMES_NONE)
		return find_new(route, topic, n, input, why);
	return window_refused(route->set, *input) ? ROUTE_AGAIN : ROUTE_FOUND;
}

/* Beginning. */

/* Expect the source of a topic, if it can be made. */
static int
expect_topic(struct route *route, const char *topic, size_t n)
{
	uint32_t input;
	const char *why;

	if (topic_check(topic, n) != NULL)
		return 0;
	input = names_find(route->topics, topic, n);
	if (input == NAMES_NONE &&
	    send_topic(route, topic, n, &input, &why) == -1)
		return 0;
	if (window_refused(route->set, input))
		return 0;
	window_expect(route->set, input);
	return 1;
}

/* The filter's only '+', if it has no other wildcard. */
static const char *
only_capture(const struct way *way)
{
	size_t captures;
	const char *filter = topic_pattern_filter(way->pattern);

	topic_pattern_names(way->pattern, &captures);
	if (captures != 1 || strpbrk(filter, "#*") != NULL)
		return NULL;
	return strchr(filter, '+');
}

/* Expect the source of the pattern's topic with that text for its capture. */
static int
expect_text(struct route *route, const struct way *way, const char *text)
{
	const char *filter = topic_pattern_filter(way->pattern);
	const char *plus = only_capture(way);
	struct buf b = { 0 };
	int done;

	if (plus == NULL)
		return 0;
	buf_add(&b, filter, (size_t)(plus - filter));
	buf_adds(&b, text);
	buf_adds(&b, plus + 1);
	done = expect_topic(route, b.p, b.len);
	buf_fini(&b);
	return done;
}

/*
 * With one capture, and that the table's key, the rows are all the topics
 * there are.  Rows that make no topic are left to the events, if any come.
 */
static void
expect_rows(struct route *route, const struct way *way)
{
	const struct join *join = route->rule.join;
	int key = join_column(join, join_key(join), strlen(join_key(join)));

	for (size_t row = 0; row < join_rows(join); row++)
		expect_text(route, way, join_cell(join, row, key));
}

static int
expect_named(struct route *route, const char **why)
{
	const struct join *names = route->rule.expect;
	int key = join_column(names, join_key(names), strlen(join_key(names)));

	for (size_t row = 0; row < join_rows(names); row++) {
		const char *text = join_cell(names, row, key);
		int done = expect_topic(route, text, strlen(text));

		for (size_t i = 0; !done && i < route->rule.nfrom; i++)
			done = expect_text(route, &route->ways[i], text);
		if (!done) {
			snprintf(reason, sizeof reason,
			    "\"%.100s\" is expected, but neither a topic that "
			    "is read nor the text of an only capture",
			    text);
			*why = reason;
			return -1;
		}
	}
	return 0;
}

static int
capture_set(const struct route *route, struct way *way, const char **why)
{
	const char *name = route->rule.capture;
	size_t n;
	const char *const *names = topic_pattern_names(way->pattern, &n);

	if (name == NULL && n == 1)
		name = names[0];
	if (name == NULL)
		name = join_key(route->rule.join);
	way->capture = capture_find(way, name, strlen(name));
	if (way->capture != -1)
		return 0;
	snprintf(reason, sizeof reason,
	    "which capture finds the row? FILE:COLUMN={capture} says it");
	*why = reason;
	return -1;
}

static int
way_init(const struct route *route, struct way *way, const char *from,
    const char **why)
{
	const struct route_rule *rule = &route->rule;

	way->capture = -1;
	way->pattern = topic_pattern_new(from, why);
	if (way->pattern == NULL)
		return -1;
	if (rule->join != NULL && capture_set(route, way, why) == -1)
		return -1;
	if (template_parse(route, way, &way->to, rule->to, why) == -1 ||
	    template_check(route, &way->to, why) == -1)
		return -1;
	if (rule->source == NULL)
		return 0;
	if (template_parse(route, way, &way->source, rule->source, why) == -1)
		return -1;
	return template_check(route, &way->source, why);
}

static int
expect(struct route *route, const char **why)
{
	const struct route_rule *rule = &route->rule;

	if (rule->expect != NULL)
		return expect_named(route, why);
	for (size_t i = 0; i < rule->nfrom; i++)
		if (rule->join != NULL && only_capture(&route->ways[i]) != NULL)
			expect_rows(route, &route->ways[i]);
	return 0;
}

struct route *
route_new(
    const struct route_rule *rule, struct window_set *set, const char **why)
{
	struct route *route = xcalloc(1, sizeof *route);

	route->rule = *rule;
	route->set = set;
	route->topics = window_topics(set);
	route->ways = xcalloc(rule->nfrom, sizeof *route->ways);
	for (size_t i = 0; i < rule->nfrom; i++)
		if (way_init(route, &route->ways[i], rule->from[i], why) == -1)
			goto fail;
	if (expect(route, why) == 0)
		return route;
fail:
	route_free(route);
	return NULL;
}

int
route_resume(struct route *route, const char **why)
{
	const char *what;

	free(route->next);
	route->next = NULL;
	route->cap = route->last = 0;
	for (uint32_t i = 0; i < route->topics->n; i++) {
		size_t n;
		const char *topic = names_text(route->topics, i, &n);
		uint32_t input = i;

		if (n > 0 && send_topic(route, topic, n, &input, &what) == -1)
			window_leave(route->set, input);
	}
	return expect(route, why);
}

void
route_free(struct route *route)
{
	if (route == NULL)
		return;
	for (size_t i = 0; i < route->rule.nfrom; i++) {
		topic_pattern_free(route->ways[i].pattern);
		free(route->ways[i].to.pieces);
		free(route->ways[i].source.pieces);
	}
	free(route->ways);
	free(route->next);
	buf_fini(&route->text);
	free(route);
}

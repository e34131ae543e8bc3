#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/die.h"
#include "event/topic.h"
#include "grid/index.h"
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

struct known {
	char *topic;
	uint32_t n;
	uint32_t next;		    /* the topic that came after it last time */
	struct window_input *input; /* NULL: refused */
};

struct route {
	struct route_rule rule;
	struct window_set *set;
	struct topic_pattern *pattern;
	int capture; /* that finds the row, -1 without a table */
	struct template to, source;
	struct known *topics;
	uint32_t n, cap, last;
	struct index index;
	struct buf text;
};

static char reason[WHY_MAX];

static int
capture_find(const struct route *route, const char *name, size_t n)
{
	size_t count;
	const char *const *names = topic_pattern_names(route->pattern, &count);

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
template_parse(const struct route *route, struct template *t, const char *s,
    const char **why)
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
		capture = capture_find(route, s + 1, name - 1);
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
	size_t rows = join_rows(join);
	const char **cell = xcalloc(rows + 1, sizeof *cell);
	struct index seen = { 0 };
	struct buf *level = xcalloc(rows + 1, sizeof *level);
	int status = 0;

	for (size_t i = 0; i < rows; i++) {
		uint32_t at;

		cell[i] = join_cell(join, i, column);
		add_level(&level[i], cell[i]);
		if (level[i].len == 0)
			continue;
		at = index_get(&seen, level[i].p, level[i].len);
		if (at == INDEX_NONE)
			index_put(&seen, level[i].p, level[i].len, (uint32_t)i);
		else if (strcmp(cell[at], cell[i]) != 0) {
			snprintf(reason, sizeof reason,
			    "\"%.100s\" and \"%.100s\" would be one topic",
			    cell[at], cell[i]);
			*why = reason;
			status = -1;
			break;
		}
	}
	index_fini(&seen);
	for (size_t i = 0; i < rows; i++)
		buf_fini(&level[i]);
	free(level);
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

/* Make the input of a topic that the pattern matches; NULL with *why. */
static struct window_input *
input_make(struct route *route, const char *topic, size_t n,
    const char *const *at, const size_t *len, const char **why)
{
	struct window_input *input;
	char *result;
	long row = -1;

	if (route->capture != -1) {
		row = join_find(
		    route->rule.join, at[route->capture], len[route->capture]);
		if (row == -1) {
			*why = "not in the joined table";
			return NULL;
		}
	}
	if (template_fill(route, &route->to, row, at, len, why) == -1)
		return NULL;
	if ((*why = topic_check(route->text.p, route->text.len)) != NULL)
		return NULL;
	result = xstrndup(route->text.p, route->text.len);
	if (route->rule.source == NULL)
		input = window_input(route->set, result, topic, n);
	else if (template_fill(route, &route->source, row, at, len, why) == 0 &&
	    (*why = topic_check(route->text.p, route->text.len)) == NULL)
		input = window_input(
		    route->set, result, route->text.p, route->text.len);
	else
		input = NULL;
	free(result);
	return input;
}

static uint32_t
remember(struct route *route, const char *topic, size_t n,
    struct window_input *input)
{
	struct known *k;

	if (route->n == route->cap) {
		route->cap = route->cap * 2 + 64;
		route->topics =
		    xrealloc(route->topics, route->cap * sizeof *route->topics);
	}
	k = &route->topics[route->n];
	k->topic = xstrndup(topic, n);
	k->n = (uint32_t)n;
	k->next = 0;
	k->input = input;
	index_put(&route->index, k->topic, n, route->n);
	return route->n++;
}

/*
 * Streams repeat themselves: try the same topic, then what followed it the
 * last time, before the index.
 */
static uint32_t
recall(struct route *route, const char *topic, size_t n)
{
	struct known *last;
	uint32_t i;

	if (route->n == 0)
		return INDEX_NONE;
	last = &route->topics[route->last];
	i = last->next;
	if (route->topics[i].n != n ||
	    memcmp(route->topics[i].topic, topic, n) != 0) {
		i = index_get(&route->index, topic, n);
		if (i == INDEX_NONE)
			return i;
		last->next = i;
	}
	route->last = i;
	return i;
}

enum route_result
route_find(struct route *route, const char *topic, size_t n,
    struct window_input **input, const char **why)
{
	const char *at[TOPIC_LEVELS_MAX];
	size_t len[TOPIC_LEVELS_MAX];
	uint32_t i = recall(route, topic, n);
	const char *what;

	if (i != INDEX_NONE) {
		*input = route->topics[i].input;
		return *input == NULL ? ROUTE_AGAIN : ROUTE_FOUND;
	}
	if (!topic_pattern_match(route->pattern, topic, n, at, len))
		return ROUTE_OTHER;
	if (route->n >= route->rule.topics_max) {
		*why = "too many topics";
		return ROUTE_REFUSED;
	}
	*input = input_make(route, topic, n, at, len, &what);
	remember(route, topic, n, *input);
	if (*input != NULL)
		return ROUTE_FOUND;
	snprintf(reason, sizeof reason, "%.*s: %s", (int)n, topic, what);
	*why = reason;
	return ROUTE_REFUSED;
}

/*
 * With one capture, and that the table's key, the rows are all the topics
 * there are.  Rows that make no topic are left to the events, if any come.
 */
static void
expect_rows(struct route *route)
{
	const struct join *join = route->rule.join;
	const char *filter = topic_pattern_filter(route->pattern);
	const char *plus = strchr(filter, '+'), *why;
	int key = join_column(join, join_key(join), strlen(join_key(join)));
	const char *at[TOPIC_LEVELS_MAX];
	size_t len[TOPIC_LEVELS_MAX];
	struct buf b = { 0 };

	for (size_t row = 0; row < join_rows(join); row++) {
		struct window_input *input = NULL;

		buf_clear(&b);
		buf_add(&b, filter, (size_t)(plus - filter));
		buf_adds(&b, join_cell(join, row, key));
		buf_adds(&b, plus + 1);
		if (topic_check(b.p, b.len) == NULL &&
		    topic_pattern_match(route->pattern, b.p, b.len, at, len))
			input = input_make(route, b.p, b.len, at, len, &why);
		if (input != NULL) {
			remember(route, b.p, b.len, input);
			window_expect(input);
		}
	}
	buf_fini(&b);
}

static int
capture_set(struct route *route, const char **why)
{
	const char *name = route->rule.capture;
	size_t n;
	const char *const *names = topic_pattern_names(route->pattern, &n);

	if (name == NULL && n == 1)
		name = names[0];
	if (name == NULL)
		name = join_key(route->rule.join);
	route->capture = capture_find(route, name, strlen(name));
	if (route->capture != -1)
		return 0;
	snprintf(reason, sizeof reason,
	    "which capture finds the row? FILE:COLUMN={capture} says it");
	*why = reason;
	return -1;
}

struct route *
route_new(
    const struct route_rule *rule, struct window_set *set, const char **why)
{
	struct route *route = xcalloc(1, sizeof *route);
	size_t captures;

	route->rule = *rule;
	route->set = set;
	route->capture = -1;
	route->pattern = topic_pattern_new(rule->from, why);
	if (route->pattern == NULL)
		goto fail;
	if (rule->join != NULL && capture_set(route, why) == -1)
		goto fail;
	if (template_parse(route, &route->to, rule->to, why) == -1 ||
	    template_check(route, &route->to, why) == -1)
		goto fail;
	if (rule->source != NULL &&
	    (template_parse(route, &route->source, rule->source, why) == -1 ||
		template_check(route, &route->source, why) == -1))
		goto fail;
	topic_pattern_names(route->pattern, &captures);
	if (rule->join != NULL && captures == 1 &&
	    strpbrk(topic_pattern_filter(route->pattern), "#*") == NULL)
		expect_rows(route);
	return route;
fail:
	route_free(route);
	return NULL;
}

void
route_free(struct route *route)
{
	if (route == NULL)
		return;
	for (uint32_t i = 0; i < route->n; i++)
		free(route->topics[i].topic);
	free(route->topics);
	index_fini(&route->index);
	buf_fini(&route->text);
	free(route->to.pieces);
	free(route->source.pieces);
	topic_pattern_free(route->pattern);
	free(route);
}

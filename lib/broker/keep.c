/*
 * Last values whose events the twin has no more, so that no copy brings them:
 * their lines are kept here as those are that our own retention leaves.
 */
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "broker/copy.h"
#include "broker/session.h"
#include "event/event.h"

enum { ROWS = 64 };

/* 1 if the line is an event of that topic and fits the log. */
static int
is_event(const char *topic, size_t topic_n, const char *line, size_t n)
{
	struct event e;
	char space[TOPIC_MAX + 1];
	const char *its, *why;
	size_t its_n;

	if (memchr(line, '\n', n) != NULL ||
	    event_scan(&e, line, n, &why) != 0 || !event_has(&e, EVENT_TOPIC))
		return 0;
	its = event_topic(&e, space, &its_n);
	return its_n == topic_n && memcmp(its, topic, its_n) == 0;
}

/* The line and, behind it, its publisher. */
static char *
copy_line(const struct buf *line, const char *from)
{
	size_t n = strlen(from) + 1;
	char *p = xmalloc(line->len + n);

	memcpy(p, line->p, line->len);
	memcpy(p + line->len, from, n);
	return p;
}

static void
add_row(struct log_rows **to, const struct last_topic *t, const struct copy *c,
    const struct buf *line)
{
	struct log_rows *rows = *to;
	struct log_row *row;

	if (rows == NULL) {
		rows = *to = xcalloc(1, sizeof *rows);
		rows->item.kind = LOG_KEEP;
	}
	if (rows->n % ROWS == 0)
		rows->row =
		    xrealloc(rows->row, (rows->n + ROWS) * sizeof *rows->row);
	row = &rows->row[rows->n++];
	*row = (struct log_row){ .topic = t->text, .topic_len = t->len };
	row->line = copy_line(line, c->from);
	row->len = line->len;
	row->rt = c->rt;
	row->from = row->line + line->len;
}

int
keep_take(struct broker *b, struct log_rows **rows, const struct copy *c)
{
	struct buf topic = { 0 }, line = { 0 };
	struct last_topic *t = NULL;
	int ok;

	json_text(&c->topic, &topic);
	json_text(&c->line, &line);
	ok = topic.len != 0 && topic.len <= TOPIC_MAX && line.len != 0 &&
	    is_event(topic.p, topic.len, line.p, line.len);
	if (ok && !event_momentary(topic.p, topic.len))
		t = last_topic(b->last, topic.p, topic.len);
	if (t != NULL && c->rt > store_newest(b->store, t)) {
		publish_list(b, line.p, line.len);
		publish_after(b, c->rt);
		add_row(rows, t, c, &line);
	}
	buf_fini(&topic);
	buf_fini(&line);
	return ok ? 0 : -1;
}

int64_t
keep_bytes(const struct log_rows *rows)
{
	int64_t bytes = 0;
	size_t i;

	for (i = 0; i < rows->n; i++)
		bytes += (int64_t)rows->row[i].len;
	return bytes;
}

void
keep_put(struct broker *b, struct log_rows *rows)
{
	b->keeping++;
	if (b->log == NULL) {
		keep_done(b, rows);
		return;
	}
	b->queued++;
	log_put(b->log, &rows->item);
}

/*
 * Where nothing is stored that is newer, which may have come in the meantime,
 * the line is the topic's last value.
 */
static void
set_last(struct broker *b, const struct log_row *row)
{
	struct last_topic *t = last_find(b->last, row->topic, row->topic_len);
	struct log_place before = { t->run, t->n - 1 };
	struct store_view v;
	int64_t rt = INT64_MIN;

	if (t->n != 0 && store_view(&v, b->store, before) == 1) {
		rt = v.head.rt;
		store_view_end(&v);
	}
	if (rt >= row->rt)
		return;
	last_set(b->last, t, STORE_RUN_NONE, 1);
	flow_kept(b, row);
	if (b->log == NULL)
		last_keep(b->last, t, row->line, row->len, row->rt, row->from);
}

void
keep_done(struct broker *b, struct log_rows *rows)
{
	size_t i;

	b->keeping--;
	twin_kept(b->twin, keep_bytes(rows), rows->item.error);
	for (i = 0; i < rows->n; i++) {
		if (rows->item.error == 0)
			set_last(b, &rows->row[i]);
		free((char *)(uintptr_t)rows->row[i].line);
	}
	free(rows->row);
	free(rows);
}

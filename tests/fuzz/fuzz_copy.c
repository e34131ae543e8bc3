/*
 * What comes from a twin: nothing outside the text is touched, a frame that is
 * taken has all its lines, and a head written again reads back the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broker/copy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(int ok)
{
	if (!ok)
		abort();
}

static void
check_frame(const struct copy *c, const char *text, const char *end)
{
	const char *p = c->lines;
	uint32_t n = 0;

	check(c->lines >= text && c->lines + c->len <= end);
	check(c->events > 0 && c->numbers >= c->events && c->log.n > 0);
	check(strlen(c->from) <= FRAME_FROM_MAX);
	for (; p < c->lines + c->len; n++)
		p = (const char *)memchr(
			p, '\n', (size_t)(c->lines + c->len - p)) +
		    1;
	check(n == c->events);
}

static void
check_cursor(const struct copy *c)
{
	struct copy back;
	struct buf b = { 0 };
	const char *p, *why;

	copy_cursor(&b, c->name, c->rt, c->deleted ? NULL : &c->cursor);
	p = b.p;
	check(copy_next(&back, &p, b.p + b.len, &why) == 1);
	check(back.kind == COPY_CURSOR && strcmp(back.name, c->name) == 0);
	check(back.rt == c->rt && back.deleted == c->deleted);
	check(back.cursor.n == c->cursor.n);
	buf_fini(&b);
}

static void
check_kept(const struct copy *c, const char *text, const char *end)
{
	struct buf b = { 0 }, topic = { 0 }, line = { 0 };
	struct log_row row = { .rt = c->rt, .from = c->from };
	struct copy back;
	const char *p, *why;

	check(c->line.p >= text && c->line.p + c->line.n <= end);
	check(c->topic.p >= text && c->topic.p + c->topic.n <= end);
	check(strlen(c->from) <= FRAME_FROM_MAX);
	json_text(&c->topic, &topic);
	json_text(&c->line, &line);
	row.topic = buf_cstr(&topic);
	row.topic_len = topic.len;
	row.line = buf_cstr(&line);
	row.len = line.len;
	check(copy_kept(&b, &row) == 1);
	p = b.p;
	check(copy_next(&back, &p, b.p + b.len, &why) == 1);
	check(back.kind == COPY_KEPT && back.rt == c->rt);
	check(strcmp(back.from, c->from) == 0);
	buf_clear(&topic);
	json_text(&back.line, &topic);
	check(topic.len == line.len &&
	    (line.len == 0 || memcmp(topic.p, line.p, line.len) == 0));
	buf_fini(&b);
	buf_fini(&topic);
	buf_fini(&line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	const char *p = text, *end = text + size, *why = NULL;
	struct copy c;
	int got;

	if (size != 0)
		memcpy(text, data, size);
	while ((got = copy_next(&c, &p, end, &why)) == 1) {
		check(c.kind != COPY_BAD && p <= end);
		if (c.kind == COPY_FRAME)
			check_frame(&c, text, end);
		else if (c.kind == COPY_CURSOR)
			check_cursor(&c);
		else if (c.kind == COPY_KEPT)
			check_kept(&c, text, end);
	}
	check(got == 0 ? p == end : why != NULL);
	free(text);
	return 0;
}

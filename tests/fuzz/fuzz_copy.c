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
	}
	check(got == 0 ? p == end : why != NULL);
	free(text);
	return 0;
}

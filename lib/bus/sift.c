#include "bus/sift.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "bus/origin.h"

void
sift_fini(struct sift *s)
{
	buf_fini(&s->lines);
	buf_fini(&s->meta);
	free(s->repeats);
}

static uint64_t
take(struct sift *s, const struct origin *o, uint64_t n)
{
	if (o->first == 0)
		return 0;
	return seen_take(s->seen, o->from.p, o->from.n, o->chan, o->first, n);
}

static void
note_repeats(struct sift *s, uint64_t n)
{
	if (s->nrepeats == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 64;
		s->repeats = xrealloc(s->repeats, s->cap * sizeof *s->repeats);
	}
	s->repeats[s->nrepeats++] = n;
}

/* Look at each run: how many lines are repeats, or -1. */
static int64_t
look(struct sift *s, const struct reader_batch *batch)
{
	uint64_t lines = 0, repeats = 0;
	struct json_walk w;
	struct origin o;
	int got;

	s->nrepeats = 0;
	json_walk(&w, &batch->meta);
	while ((got = origin_next(&w, &o)) > 0) {
		note_repeats(s, take(s, &o, o.n));
		repeats += s->repeats[s->nrepeats - 1];
		lines += o.n;
	}
	return got < 0 || lines != batch->n ? -1 : (int64_t)repeats;
}

/* Behind n lines. */
static const char *
skip(const char *p, const char *end, uint64_t n)
{
	const char *lf;

	while (n-- > 0 && p < end) {
		lf = memchr(p, '\n', (size_t)(end - p));
		p = lf != NULL ? lf + 1 : end;
	}
	return p;
}

static void
add_quoted(struct buf *b, const struct json_value *v)
{
	buf_adds(b, ",\"");
	buf_add(b, v->p, v->n);
	buf_addc(b, '"');
}

/* A run without its first lines. */
static void
add_run(struct buf *b, const struct origin *o, uint64_t repeats)
{
	buf_adds(b, b->len > 1 ? ",[" : "[");
	buf_addu(b, o->n - repeats);
	buf_addc(b, ',');
	buf_add(b, o->rt_text.p, o->rt_text.n);
	add_quoted(b, &o->from);
	add_quoted(b, &o->log);
	buf_addc(b, ',');
	buf_addu(b, o->pos + repeats);
	if (o->chan_text.kind == JSON_STRING) {
		add_quoted(b, &o->chan_text);
		buf_addc(b, ',');
		buf_addu(b, o->first > 0 ? o->first + repeats : 0);
	}
	buf_addc(b, ']');
}

static void
take_out(struct sift *s, struct reader_batch *batch)
{
	const char *p = batch->lines, *end = p + batch->len, *from;
	uint64_t repeats, kept = 0;
	struct json_walk w;
	struct origin o;

	buf_clear(&s->lines);
	buf_clear(&s->meta);
	buf_addc(&s->meta, '[');
	json_walk(&w, &batch->meta);
	for (size_t i = 0; origin_next(&w, &o) > 0; i++) {
		repeats = s->repeats[i];
		from = skip(p, end, repeats);
		p = skip(from, end, o.n - repeats);
		if (repeats == o.n)
			continue;
		buf_add(&s->lines, from, (size_t)(p - from));
		add_run(&s->meta, &o, repeats);
		kept += o.n - repeats;
	}
	buf_addc(&s->meta, ']');
	batch->lines = s->lines.p;
	batch->len = s->lines.len;
	batch->n = kept;
	batch->meta = json_value(s->meta.p, s->meta.len);
}

int
sift_batch(struct sift *s, struct reader_batch *batch)
{
	int64_t repeats;

	seen_mark(s->seen);
	if (batch->n == 0 || batch->meta.kind != JSON_ARRAY)
		return 0;
	repeats = look(s, batch);
	if (repeats < 0)
		return -1;
	if (repeats > 0)
		take_out(s, batch);
	return 0;
}

/* Events up to pos of a log are passed: 0, or -1 without room. */
static int
pass(struct wire_cursor *c, const struct json_value *log, uint64_t pos)
{
	struct wire_position at;
	size_t i;

	if (wire_log_parse(&at, log) != 0)
		return -1;
	for (i = 0; i < c->n; i++)
		if (c->at[i].start == at.start &&
		    strcmp(c->at[i].name, at.name) == 0)
			break;
	if (i == WIRE_LOGS_MAX)
		return -1;
	if (i == c->n)
		c->at[c->n++] = at;
	c->at[i].n = pos;
	return 0;
}

int
sift_cut(struct sift *s, const struct reader_batch *batch, uint64_t n,
    struct wire_cursor *at)
{
	struct wire_cursor to = *at;
	struct json_walk w;
	struct origin o;
	uint64_t left = n, taken;

	if (n > 0 && batch->meta.kind != JSON_ARRAY)
		return -1;
	if (n > 0)
		json_walk(&w, &batch->meta);
	while (left > 0) {
		if (origin_next(&w, &o) <= 0)
			return -1;
		taken = o.n < left ? o.n : left;
		left -= taken;
		if (pass(&to, &o.log, o.pos + taken - 1) != 0)
			return -1;
	}
	seen_undo(s->seen);
	if (n > 0)
		json_walk(&w, &batch->meta);
	for (left = n; left > 0 && origin_next(&w, &o) > 0; left -= taken) {
		taken = o.n < left ? o.n : left;
		take(s, &o, taken);
	}
	*at = to;
	return 0;
}

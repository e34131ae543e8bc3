#include "bus/pick.h"

#include <string.h>

#include "bus/origin.h"

int
pick_all(const struct pick *p)
{
	return p->since == PICK_ANY && p->until == PICK_ANY;
}

int
pick_batch(struct pick *p, const struct reader_batch *batch)
{
	p->p = p->end = batch->lines;
	if (batch->len > 0) /* else there may be no lines to point at */
		p->end += batch->len;
	p->used = 0;
	p->left = 0;
	if (!p->meta || batch->n == 0)
		return 0;
	if (batch->meta.kind != JSON_ARRAY)
		return -1;
	json_walk(&p->runs, &batch->meta);
	return 0;
}

/* The next line's origin. */
static int
next_origin(struct pick *p)
{
	struct origin o;

	p->origin.pos++;
	if (p->left > 0) {
		p->left--;
		return 0;
	}
	if (origin_next(&p->runs, &o) <= 0)
		return -1;
	p->left = o.n - 1;
	p->origin.rt = o.rt;
	p->origin.from = o.from.p;
	p->origin.from_len = o.from.n;
	p->origin.log = o.log.p;
	p->origin.log_len = o.log.n;
	p->origin.pos = o.pos;
	return 0;
}

static int
wanted(const struct pick *p)
{
	int64_t t;

	if (pick_all(p))
		return 1;
	if (event_time(&p->event, &t) != 0)
		return 0;
	return (p->since == PICK_ANY || t >= p->since) &&
	    (p->until == PICK_ANY || t < p->until);
}

enum pick_result
pick_next(struct pick *p, const char **why)
{
	while (p->p < p->end) {
		const char *line = p->p;
		const char *lf = memchr(line, '\n', (size_t)(p->end - line));
		if (lf == NULL)
			lf = p->end;
		p->p = lf + 1;
		p->used++;
		if (p->meta && next_origin(p) != 0)
			return PICK_BROKEN;
		if (event_scan(&p->event, line, (size_t)(lf - line), why) != 0)
			return PICK_BAD;
		if (wanted(p))
			return PICK_EVENT;
	}
	return PICK_END;
}

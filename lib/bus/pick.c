#include "bus/pick.h"

#include <string.h>

#include "base/num.h"

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

/* The next line's origin; runs are [N, RT, FROM, LOG, POS]. */
static int
next_origin(struct pick *p)
{
	struct json_value name, run, v[5];
	struct json_walk w;
	int64_t pos;
	size_t i = 0;

	p->origin.pos++;
	if (p->left-- > 0)
		return 0;
	if (json_next(&p->runs, &name, &run) <= 0 || run.kind != JSON_ARRAY)
		return -1;
	for (json_walk(&w, &run); i < 5 && json_next(&w, &name, &v[i]) > 0;)
		i++;
	if (i < 5 || num_uint(v[0].p, v[0].n, &p->left) != 0 ||
	    num_micros(v[1].p, v[1].n, &p->origin.rt) != 0 ||
	    num_uint(v[4].p, v[4].n, &pos) != 0 || p->left-- == 0)
		return -1;
	p->origin.from = v[2].p;
	p->origin.from_len = v[2].n;
	p->origin.log = v[3].p;
	p->origin.log_len = v[3].n;
	p->origin.pos = (uint64_t)pos;
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

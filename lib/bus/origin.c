#include "bus/origin.h"

#include "base/num.h"
#include "bus/wire.h"

enum { N, RT, FROM, LOG, POS, PLAIN, CHAN = PLAIN, FIRST, WHOLE };

static int
get_count(const struct json_value *v, uint64_t *out)
{
	int64_t n;

	if (v->kind != JSON_NUMBER || num_uint(v->p, v->n, &n) != 0)
		return -1;
	*out = (uint64_t)n;
	return 0;
}

/* Numbers past the last there may be would wrap. */
static int
get_channel(struct origin *o, const struct json_value *v)
{
	o->chan_text = v[CHAN];
	return wire_chan_parse(&o->chan, &v[CHAN]) != 0 ||
		get_count(&v[FIRST], &o->first) != 0 ||
		o->first > INT64_MAX - o->n
	    ? -1
	    : 0;
}

int
origin_next(struct json_walk *w, struct origin *o)
{
	struct json_value name, run, v[WHOLE];
	struct json_walk each;
	size_t n = 0;

	if (json_next(w, &name, &run) <= 0)
		return 0;
	if (run.kind != JSON_ARRAY)
		return -1;
	json_walk(&each, &run);
	while (n < WHOLE && json_next(&each, &name, &v[n]) > 0)
		n++;
	*o = (struct origin){ .first = 0 };
	if (n < PLAIN || get_count(&v[N], &o->n) != 0 || o->n == 0 ||
	    o->n > WIRE_EVENTS_MAX || v[RT].kind != JSON_NUMBER ||
	    num_micros(v[RT].p, v[RT].n, &o->rt) != 0 ||
	    v[FROM].kind != JSON_STRING || v[LOG].kind != JSON_STRING ||
	    get_count(&v[POS], &o->pos) != 0)
		return -1;
	o->rt_text = v[RT];
	o->from = v[FROM];
	o->log = v[LOG];
	return n == WHOLE && get_channel(o, v) != 0 ? -1 : 1;
}

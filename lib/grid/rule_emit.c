#include "grid/rule_emit_part.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "grid/rule_program.h"

int
rule_emit_fail(struct rule_emission *e, const char *fmt, ...)
{
	va_list ap;

	if (e->why[0] == '\0') {
		va_start(ap, fmt);
		vsnprintf(e->why, sizeof e->why, fmt, ap);
		va_end(ap);
		if (e->why[0] == '\0')
			memcpy(e->why, "error", sizeof "error");
	}
	return -1;
}

/* An output that is no good. */
static int
refuse(struct rule_emission *e, const char *why)
{
	return rule_emit_fail(e, "output %u: %s", e->outputs, why);
}

static int
too_much(struct rule_emission *e)
{
	struct buf size = { 0 };

	rule_size_add(&size, e->plan->output);
	rule_emit_fail(e, "more than %s of output", buf_cstr(&size));
	buf_fini(&size);
	return -1;
}

/* What the writer returned. */
static int
written(struct rule_emission *e, int result)
{
	if (result == 0)
		return 0;
	return e->w.why == NULL ? too_much(e) : refuse(e, e->w.why);
}

static int
write_value(struct rule_emission *e, jv v, unsigned depth)
{
	return written(e, rule_write(&e->w, v, depth));
}

static size_t
begin_text(struct rule_emission *e)
{
	rule_reply_text(e->w.b, RULE_EVENT, "", 0);
	return e->w.b->len;
}

static void
end_text(struct rule_emission *e, size_t at, enum rule_text kind)
{
	rule_reply_sized(e->w.b, at, kind);
	e->reply.events += kind == RULE_EVENT;
	e->reply.whys += kind == RULE_WHY;
}

/* Signed or sealed: only as it came. */
static int
same_event(struct rule_emission *e, jv v, size_t at)
{
	if (!jv_equal(jv_copy(v), jv_copy(e->event)))
		return refuse(e,
		    "an event of its own with the sig or enc of "
		    "another");
	e->w.b->len = at;
	buf_add(e->w.b, e->ask->event, e->ask->event_n);
	return 0;
}

/* {"topic":…,"t":…,… in this order; t is now unless it is given. */
static int
write_event(struct rule_emission *e, jv v)
{
	jv topic = jv_object_get(jv_copy(v), jv_copy(e->heap->topic));
	int fault;

	buf_add(e->w.b, "{\"topic\":", 9);
	fault = write_value(e, topic, 1);
	jv_free(topic);
	if (!jv_object_has(jv_copy(v), jv_copy(e->heap->t))) {
		buf_add(e->w.b, ",\"t\":", 5);
		num_add_micros(e->w.b, e->ask->now);
	}
	if (fault)
		return -1;
	if (written(e, rule_write_members(&e->w, v, "topic", 1, 1)) < 0)
		return -1;
	buf_addc(e->w.b, '}');
	return 0;
}

static int
emit_event(struct rule_emission *e, jv v)
{
	struct rule_origin origin = { e->rule, e->ask->key, e->ask->event,
		e->ask->key_n, e->ask->event_n, e->reply.events };
	size_t at = begin_text(e);
	const char *why;
	int kind;

	if (write_event(e, v) < 0)
		return -1;
	kind = rule_output_finish(e->w.b, at, &origin, &why);
	if (kind < 0)
		return refuse(e, why);
	if (kind == 2 && same_event(e, v, at) < 0)
		return -1;
	end_text(e, at, RULE_EVENT);
	return 0;
}

/* Text for people has no control characters. */
static void
make_plain(char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p[i] < ' ')
			p[i] = ' ';
}

int
rule_emit_why(struct rule_emission *e, jv v)
{
	size_t at, n;

	if (!e->plan->explain)
		return 0;
	at = begin_text(e);
	if (jv_get_kind(v) != JV_KIND_STRING) {
		if (write_value(e, v, 0) < 0)
			return -1;
	} else {
		n = (size_t)jv_string_length_bytes(jv_copy(v));
		if (n > e->w.most || at > e->w.most - n)
			return too_much(e);
		buf_add(e->w.b, jv_string_value(v), n);
	}
	make_plain(e->w.b->p + at, e->w.b->len - at);
	end_text(e, at, RULE_WHY);
	return 0;
}

static int
emit_state(struct rule_emission *e, jv v)
{
	if (e->ask->slot == RULE_NO_SLOT)
		return refuse(e, "no state can be set here");
	if (e->sets)
		return refuse(e, "a second $state");
	e->sets = 1;
	e->state = jv_copy(v);
	return 0;
}

static int
emit_timer(struct rule_emission *e, jv v)
{
	const double most = 9.2e12;
	double at = NAN;

	if (e->reply.timer != RULE_TIMER_KEEP)
		return refuse(e, "a second $timer");
	if (jv_get_kind(v) == JV_KIND_NULL) {
		e->reply.timer = RULE_TIMER_CANCEL;
		return 0;
	}
	if (jv_get_kind(v) == JV_KIND_NUMBER)
		at = jv_number_value(v);
	if (!(at >= -most && at <= most))
		return refuse(e, "$timer: neither a time nor null");
	e->reply.timer = RULE_TIMER_SET;
	e->reply.due = llround(at * 1e6);
	return 0;
}

static int
emit_special(struct rule_emission *e, const char *name, jv v)
{
	if (strcmp(name, "$state") == 0)
		return emit_state(e, v);
	if (strcmp(name, "$timer") == 0)
		return emit_timer(e, v);
	if (strcmp(name, "$why") == 0)
		return rule_emit_why(e, v);
	return refuse(e,
	    "neither an event with a topic nor one of $state, "
	    "$timer and $why");
}

int
rule_emit(struct rule_emission *e, jv v)
{
	int fault = 0;

	e->outputs++;
	if (jv_get_kind(v) != JV_KIND_OBJECT)
		return rule_emit_fail(e, "output %u: of type %s, not an object",
		    e->outputs, jv_kind_name(jv_get_kind(v)));
	if (jv_object_has(jv_copy(v), jv_copy(e->heap->topic)))
		return emit_event(e, v);
	if (jv_object_length(jv_copy(v)) == 0)
		return emit_special(e, "", v);
	for (int i = jv_object_iter(v); jv_object_iter_valid(v, i) && !fault;
	     i = jv_object_iter_next(v, i)) {
		jv name = jv_object_iter_key(v, i);
		jv value = jv_object_iter_value(v, i);

		fault = emit_special(e, jv_string_value(name), value);
		jv_free(name);
		jv_free(value);
	}
	return fault;
}

void
rule_emit_begin(struct rule_emission *e, struct buf *out)
{
	e->at = rule_reply_begin(out);
	e->texts = out->len;
	e->w = (struct rule_writer){ out, out->len + e->plan->output, NULL };
	e->event = jv_invalid();
	e->state = jv_null();
}

/*
 * What is kept is made of the text, so that it is the same as in a worker
 * that has to start from that.
 */
static void
keep_state(struct rule_emission *e)
{
	struct rule_heap *h = e->heap;
	uint32_t slot = e->ask->slot;
	size_t begin = e->w.b->len, n;

	int none = jv_get_kind(e->state) == JV_KIND_NULL;

	if (!e->sets || e->why[0] != '\0' ||
	    (none && !jv_is_valid(h->slot[slot])) ||
	    jv_identical(jv_copy(e->state), jv_copy(h->slot[slot])))
		return;
	if (!none && write_value(e, e->state, 0) < 0)
		return;
	n = e->w.b->len - begin;
	e->reply.changed = 1;
	e->reply.state_n = (uint32_t)n;
	rule_heap_drop(h, slot);
	if (n > 0)
		h->slot[slot] = rule_read(h, e->w.b->p + begin, n);
}

void
rule_emit_end(struct rule_emission *e)
{
	struct buf *b = e->w.b;

	e->reply.texts_n = (uint32_t)(b->len - e->texts);
	keep_state(e);
	if (e->why[0] != '\0') {
		b->len = e->texts;
		rule_reply_fail(b, &e->reply, RULE_ERROR, e->why);
	}
	rule_reply_end(b, e->at, &e->reply);
	jv_free(e->event);
	jv_free(e->state);
}

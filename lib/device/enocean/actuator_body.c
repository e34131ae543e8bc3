#include "device/enocean/actuator_part.h"

#include <math.h>
#include <string.h>

#include "base/date.h"
#include "base/num.h"
#include "event/unit.h"

enum { HOLD_MIN = 50, HOLD_MAX = 200, QUOTED = 48 };

/* Members of d that hold the value. */
static const char *const value_names[] = { "value", "level", "on", "position" };
enum { VALUE_NAMES = sizeof value_names / sizeof value_names[0] };

static const struct actuator_word no_words[] = { { 0 } };

static struct json_value
member(const struct event *e, enum event_member m)
{
	struct json_value v = { 0 };

	if (event_has(e, m))
		v = json_value(e->line + e->at[m], e->len[m]);
	return v;
}

void
actuator_body(struct actuator_body *b, const struct event *e)
{
	*b = (struct actuator_body){ 0 };
	buf_room(&b->text, e->n + 1);
	b->d = member(e, EVENT_D);
	b->fields = b->d;
	if (event_has(e, EVENT_VS)) {
		b->value.kind = JSON_STRING;
		b->value.p = e->line + e->at[EVENT_VS];
		b->value.n = e->len[EVENT_VS];
		b->value.escaped = e->escaped >> EVENT_VS & 1;
	} else if (event_has(e, EVENT_V)) {
		b->value = member(e, EVENT_V);
	} else if (event_has(e, EVENT_VB)) {
		b->value = member(e, EVENT_VB);
	}
	for (size_t i = 0; b->d.kind == JSON_OBJECT && i < VALUE_NAMES; i++) {
		if (!json_get(&b->d, value_names[i], &b->value))
			continue;
		b->value_name = value_names[i];
		break;
	}
	if (event_has(e, EVENT_U) && (e->text >> EVENT_U & 1)) {
		b->unit = e->line + e->at[EVENT_U];
		b->unit_n = e->len[EVENT_U];
	}
}

static void
quote(struct buf *b, const char *p, size_t n)
{
	buf_addc(b, '"');
	buf_add(b, p, n < QUOTED ? n : QUOTED);
	buf_adds(b, n < QUOTED ? "\"" : "...\"");
}

int
actuator_set(struct actuator_order *o, const struct eep_field *field,
    struct eep_setting s, struct buf *why)
{
	size_t i = 0;

	while (i < o->sets && o->set[i].field != field)
		i++;
	if (i < o->sets) {
		o->sets--;
		memmove(o->set + i, o->set + i + 1,
		    (o->sets - i) * sizeof o->set[0]);
		if (i < o->given)
			o->given--;
	}
	if (o->sets == ORDER_SETTINGS) {
		buf_adds(why, "too many settings");
		return -1;
	}
	s.field = field;
	o->set[o->sets++] = s;
	return 0;
}

/* From text: a number, or a label, which is borrowed. */
static int
set_text(struct actuator_order *o, const struct eep_field *field, const char *p,
    size_t n, struct buf *why)
{
	struct eep_setting s = { .label = p, .n = n };

	if (num_double(p, n, &s.number) == 0) {
		s.label = NULL;
		s.n = 0;
	}
	return actuator_set(o, field, s, why);
}

int
actuator_set_preset(
    struct actuator_order *o, const char *preset, struct buf *why)
{
	while (preset != NULL && *preset != '\0') {
		size_t n = strcspn(preset, " "), name = strcspn(preset, "=");
		const struct eep_field *f = eep_field(o->message, preset, name);

		if (f != NULL &&
		    set_text(o, f, preset + name + 1, n - name - 1, why) != 0)
			return -1;
		preset += n;
		preset += strspn(preset, " ");
	}
	return 0;
}

static int
set_number(struct actuator_order *o, const struct eep_field *field,
    double number, struct buf *why)
{
	struct eep_setting s = { .number = number };

	return actuator_set(o, field, s, why);
}

static int
wants(struct buf *why, const char *name, size_t n, const char *what)
{
	quote(why, name, n);
	buf_addf(why, " has to be %s", what);
	return -1;
}

/* One field from JSON. */
static int
set_json(struct actuator_order *o, struct actuator_body *b,
    const struct eep_field *field, const struct json_value *name,
    const struct json_value *v, struct buf *why)
{
	struct eep_setting s = { 0 };
	size_t at = b->text.len;

	switch (v->kind) {
	case JSON_TRUE: s.number = 1; break;
	case JSON_FALSE: break;
	case JSON_NUMBER:
		if (num_double(v->p, v->n, &s.number) == 0)
			break;
		return wants(why, name->p, name->n, "a number of its range");
	case JSON_STRING:
		json_text(v, &b->text);
		s.label = b->text.p + at;
		s.n = b->text.len - at;
		break;
	default:
		return wants(
		    why, name->p, name->n, "a number, a word, true or false");
	}
	return actuator_set(o, field, s, why);
}

static int
number_of(const struct json_value *v, double low, double high, double *out)
{
	return v->kind == JSON_NUMBER && num_double(v->p, v->n, out) == 0 &&
		*out >= low && *out <= high
	    ? 0
	    : -1;
}

static const struct eep_field *
field_named(const struct actuator_order *o, const char *name)
{
	return eep_field(o->message, name, strlen(name));
}

/* In steps of 2 degrees, its sign apart (EEP 2.6.8, A5-38-08, command 7). */
static int
set_degree(struct actuator_order *o, const struct eep_field *f,
    const struct json_value *v, struct buf *why)
{
	double angle, steps;

	if (number_of(v, -180, 180, &angle) != 0)
		return wants(why, "angle", 5, "-180 to 180 (deg)");
	steps = round(fabs(angle) / 2);
	return set_number(
	    o, f, angle < 0 && steps > 0 ? 128 + steps : steps, why);
}

static int
set_rocker(struct actuator_order *o, const struct eep_field *f,
    const struct json_value *v, struct buf *why)
{
	if (json_equal(v, "A"))
		return set_text(o, f, o->truth ? "AI" : "A0", 2, why);
	if (json_equal(v, "B"))
		return set_text(o, f, o->truth ? "BI" : "B0", 2, why);
	return wants(why, "rocker", 6, "\"A\" or \"B\"");
}

/* A word of d that is more than a field. */
static int
set_special(struct actuator_order *o, struct actuator_body *b,
    const struct actuator_word *w, const struct json_value *name,
    const struct json_value *v, struct buf *why)
{
	const struct eep_field *f =
	    w->field != NULL ? field_named(o, w->field) : NULL;
	double n = 0;

	if (f == NULL && w->special != SPECIAL_HOLD) {
		quote(why, name->p, name->n);
		buf_adds(why, ": its profile has no such setting");
		return -1;
	}
	switch (w->special) {
	case SPECIAL_HOLD:
		if (number_of(v, HOLD_MIN, HOLD_MAX, &n) != 0)
			return wants(why, "hold", 4, "50 to 200 (ms)");
		o->hold = (int64_t)n * 1000;
		return 0;
	case SPECIAL_ROCKER: return set_rocker(o, f, v, why);
	case SPECIAL_DEGREE: return set_degree(o, f, v, why);
	case SPECIAL_TIMER:
		if (number_of(v, 0, 3, &n) != 0 || n != floor(n))
			return wants(why, "timer", 5, "0, 1, 2 or 3");
		o->extra = n > 0 ? 7500000 : 0;
		break;
	case SPECIAL_DELAY:
		if (actuator_set_preset(o, "DEL=delay", why) != 0)
			return -1;
		/* fall through */
	case SPECIAL_RAMP:
		if (number_of(v, 0, 6553.5, &n) != 0)
			return wants(why, name->p, name->n, "0 to 6553.5 (s)");
		o->extra = (int64_t)(n * DATE_SECOND);
		break;
	case SPECIAL_NONE: break;
	}
	return set_json(o, b, f, name, v, why);
}

static int
is_value(const struct actuator_order *o, const struct actuator_body *b,
    const struct json_value *name)
{
	return o->verb->takes != TAKES_FIELDS &&
	    o->verb->takes != TAKES_NOTHING && b->value_name != NULL &&
	    json_equal(name, b->value_name);
}

static const struct actuator_word *
word_named(const struct actuator_verb *verb, const struct json_value *name)
{
	const struct actuator_word *w =
	    verb->words != NULL ? verb->words : no_words;

	while (w->name != NULL && !json_equal(name, w->name))
		w++;
	return w->name != NULL ? w : NULL;
}

/* One member of d; its name may be escaped. */
static int
set_member(struct actuator_order *o, struct actuator_body *b,
    const struct json_value *name, const struct json_value *v, struct buf *why)
{
	const struct actuator_word *w = word_named(o->verb, name);
	const struct eep_field *f;

	if (is_value(o, b, name) ||
	    (o->verb->channel != NULL && json_equal(name, ACTUATOR_ALL)))
		return 0;
	if (w != NULL)
		return set_special(o, b, w, name, v, why);
	f = eep_field(o->message, name->p, name->n);
	if (f == NULL) {
		quote(why, name->p, name->n);
		buf_addf(why, ": the message \"%s\" has no such field",
		    eep_message_name(o->message));
		return -1;
	}
	if (o->verb->channel != NULL && f == field_named(o, o->verb->channel)) {
		quote(why, name->p, name->n);
		buf_adds(why, ": the channel is part of the topic");
		return -1;
	}
	return set_json(o, b, f, name, v, why);
}

static int
set_members(struct actuator_order *o, struct actuator_body *b, struct buf *why)
{
	struct json_walk w;
	struct json_value name, v;

	if (b->fields.kind != JSON_OBJECT)
		return 0;
	json_walk(&w, &b->fields);
	while (json_next(&w, &name, &v))
		if (set_member(o, b, &name, &v, why) != 0)
			return -1;
	return 0;
}

static int
set_switch(struct actuator_order *o, struct actuator_body *b,
    const struct eep_field *f, struct buf *why)
{
	const char *text;

	if (b->value.kind != JSON_TRUE && b->value.kind != JSON_FALSE) {
		buf_addf(why, "%s: needs true or false (vb, or d.on)",
		    o->verb->name);
		return -1;
	}
	o->truth = b->value.kind == JSON_TRUE;
	text = o->truth ? o->verb->on : o->verb->off;
	return set_text(o, f, text, strlen(text), why);
}

/* Number in the unit of the row. */
static int
convert(const struct actuator_order *o, const struct actuator_body *b,
    double *n, struct buf *why)
{
	const char *unit = o->verb->unit;
	int64_t mul, div;

	if (b->value.kind != JSON_NUMBER ||
	    num_double(b->value.p, b->value.n, n) != 0) {
		buf_addf(
		    why, "%s: needs a number (v, or d.value)", o->verb->name);
		return -1;
	}
	if (b->unit == NULL)
		return 0;
	if (unit_ratio(b->unit, b->unit_n, unit, strlen(unit), &mul, &div) !=
	    0) {
		quote(why, b->unit, b->unit_n);
		buf_addf(why, ": unit of a %s is %s", o->verb->name, unit);
		return -1;
	}
	*n = *n * (double)mul / (double)div;
	return 0;
}

static int
set_value_number(struct actuator_order *o, struct actuator_body *b,
    const struct eep_field *f, struct buf *why)
{
	int share = strcmp(o->verb->unit, "/100") == 0;
	double n;

	if (convert(o, b, &n, why) != 0)
		return -1;
	if (share && !(n >= 0 && n <= 100)) {
		buf_addf(why, "%s: %g is not from 0 to 100", o->verb->name, n);
		return -1;
	}
	if (actuator_set_preset(o, n > 0 ? o->verb->on : o->verb->off, why) !=
	    0)
		return -1;
	if ((o->verb->how & HOW_PERCENT) &&
	    (o->device->options & DEVICE_PERCENT))
		n = round(n) * 100 / 255;
	return set_number(o, f, n, why);
}

static int
set_value_word(struct actuator_order *o, struct actuator_body *b,
    const struct eep_field *f, struct buf *why)
{
	static const struct json_value name = { JSON_STRING, "value", 5, 0 };

	if (b->value.kind != JSON_STRING) {
		buf_addf(
		    why, "%s: needs a word (vs, or d.value)", o->verb->name);
		return -1;
	}
	return set_json(o, b, f, &name, &b->value, why);
}

static int
set_value(struct actuator_order *o, struct actuator_body *b, struct buf *why)
{
	const struct eep_field *f;

	if (o->verb->takes == TAKES_NOTHING || o->verb->takes == TAKES_FIELDS)
		return 0;
	f = field_named(o, o->verb->field);
	if (f == NULL) {
		buf_addf(why, "%s: its profile has no field %s", o->verb->name,
		    o->verb->field);
		return -1;
	}
	switch (o->verb->takes) {
	case TAKES_SWITCH: return set_switch(o, b, f, why);
	case TAKES_NUMBER: return set_value_number(o, b, f, why);
	default: return set_value_word(o, b, f, why);
	}
}

int
actuator_set_body(
    struct actuator_order *o, struct actuator_body *b, struct buf *why)
{
	if (set_value(o, b, why) != 0 || set_members(o, b, why) != 0)
		return -1;
	return 0;
}

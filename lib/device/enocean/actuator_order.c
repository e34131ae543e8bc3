#include "device/enocean/actuator_part.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"

enum { CHANNELS_MAX = 30 };

/* "send": any message; what it does is not known here. */
static const struct actuator_verb send_any = { "send", .takes = TAKES_FIELDS,
	.how = HOW_ONCE };
static const struct actuator_verb send_asleep = { "send", .takes = TAKES_FIELDS,
	.how = HOW_ONCE | HOW_WAKES };

static void
add_profiles(struct buf *why, const struct device *device)
{
	char id[9];

	if (device->profiles == 0)
		buf_adds(why, "no profile");
	for (size_t i = 0; i < device->profiles; i++) {
		eep_format_id(id, eep_profile_id(device->profile[i]));
		buf_addf(why, "%s%s", i > 0 ? ", " : "", id);
	}
}

/* The message has a field, or the row a word, for each member of d. */
static int
takes_all(const struct actuator_verb *v, const struct eep_profile *profile,
    const struct json_value *d)
{
	const struct eep_message *m =
	    eep_message(profile, v->message, strlen(v->message));
	struct json_walk w;
	struct json_value name, value;

	json_walk(&w, d);
	while (json_next(&w, &name, &value))
		if (!(v->channel != NULL && json_equal(&name, ACTUATOR_ALL)) &&
		    eep_field(m, name.p, name.n) == NULL)
			return 0;
	return 1;
}

static int
takes(const struct actuator_verb *v, const struct eep_profile *profile,
    const struct actuator_body *b)
{
	if (v->only != NULL &&
	    !(b->value.kind == JSON_STRING && json_equal(&b->value, v->only)))
		return 0;
	return v->takes != TAKES_FIELDS ||
	    (b->d.kind == JSON_OBJECT && takes_all(v, profile, &b->d));
}

/* Why no row was found for the verb. */
static void
say_no_row(const struct device *device, const char *verb,
    const struct actuator_body *b, int known, struct buf *why)
{
	buf_addf(why, "\"%s\"", verb);
	if (known && b->value.kind == JSON_STRING)
		buf_addf(why, " of \"%.*s\"",
		    (int)(b->value.n < 40 ? b->value.n : 40), b->value.p);
	else if (known)
		buf_adds(why, " with these members of d");
	buf_adds(why, ": no such command of ");
	add_profiles(why, device);
}

static int
find_row(struct actuator_order *o, const char *verb,
    const struct actuator_body *b, struct buf *why)
{
	int known = 0;

	for (size_t i = 0; i < o->device->profiles; i++) {
		for (size_t k = 0; k < actuator_rows; k++) {
			const struct actuator_verb *v = &actuator_table[k];

			if (strcmp(v->name, verb) != 0 ||
			    !actuator_fits(v, o->device->profile[i]))
				continue;
			known = 1;
			if (!takes(v, o->device->profile[i], b))
				continue;
			o->verb = v;
			o->profile = o->device->profile[i];
			o->message = eep_message(
			    o->profile, v->message, strlen(v->message));
			return 0;
		}
	}
	say_no_row(o->device, verb, b, known, why);
	return -1;
}

static int
sleeps(const struct eep_profile *profile)
{
	for (size_t k = 0; k < actuator_rows; k++)
		if ((actuator_table[k].how & HOW_WAKES) &&
		    actuator_fits(&actuator_table[k], profile))
			return 1;
	return 0;
}

static int
is_for_us(const struct eep_message *m)
{
	int both;

	return eep_message_direction(m, &both) == EEP_FROM_DEVICE && !both;
}

/* d of "send": profile, message, fields. */
static int
find_send(
    struct actuator_order *o, const struct actuator_body *b, struct buf *why)
{
	struct json_value profile, message, fields;
	uint32_t id = 0;

	if (b->d.kind != JSON_OBJECT || !json_get(&b->d, "message", &message) ||
	    message.kind != JSON_STRING) {
		buf_adds(why, "\"send\": needs d.message");
		return -1;
	}
	if (json_get(&b->d, "fields", &fields) && fields.kind != JSON_OBJECT) {
		buf_adds(why, "\"send\": d.fields has to be an object");
		return -1;
	}
	if (json_get(&b->d, "profile", &profile) &&
	    (profile.kind != JSON_STRING ||
		eep_id(profile.p, profile.n, &id) != 0)) {
		buf_adds(why, "\"send\": d.profile is no profile's id");
		return -1;
	}
	for (size_t i = 0; i < o->device->profiles && o->message == NULL; i++) {
		o->profile = o->device->profile[i];
		if (id == 0 || eep_profile_id(o->profile) == id)
			o->message =
			    eep_message(o->profile, message.p, message.n);
	}
	if (o->message == NULL || is_for_us(o->message)) {
		buf_addf(why, "\"send\": no message \"%.*s\" to a device of ",
		    (int)(message.n < 40 ? message.n : 40), message.p);
		add_profiles(why, o->device);
		return -1;
	}
	o->verb = sleeps(o->profile) ? &send_asleep : &send_any;
	return 0;
}

static int
no_channel(const struct actuator_order *o, int has_field, struct buf *why)
{
	buf_addf(why, "channel %d: \"%s\" of ", o->channel, o->verb->name);
	add_profiles(why, o->device);
	buf_adds(why, has_field ? " has no such output" : " has no channels");
	return -1;
}

/* The setting of a message's channel. */
static struct eep_setting
channel_setting(const struct actuator_order *o, const struct eep_message *m)
{
	struct eep_setting s = { 0 };

	if (o->verb->channel == NULL)
		return s;
	s.field = eep_field(m, o->verb->channel, strlen(o->verb->channel));
	s.number = o->channel;
	if (o->all) {
		s.label = o->verb->all;
		s.n = strlen(s.label);
	}
	return s;
}

static int
wants_all(const struct actuator_body *b)
{
	struct json_value all;

	return b->fields.kind == JSON_OBJECT &&
	    json_get(&b->fields, ACTUATOR_ALL, &all) && all.kind == JSON_TRUE;
}

/*
 * Which outputs it is for.  Without a channel it is the first one, as in the
 * topics of its measurements.
 */
static int
set_channel(struct actuator_order *o, const struct actuator_body *b,
    int outputs, struct buf *why)
{
	int limit = outputs > 0 ? outputs : CHANNELS_MAX;
	struct eep_setting s;

	o->all = o->verb->channel != NULL && wants_all(b);
	if (o->all && o->channel >= 0) {
		buf_addf(why, "channel %d, and all of them", o->channel);
		return -1;
	}
	if (o->channel < 0)
		o->channel = 0;
	s = channel_setting(o, o->message);
	if (s.field == NULL) {
		o->channels = 1;
		return o->channel > 0 ? no_channel(o, 0, why) : 0;
	}
	if (o->channel >= limit)
		return no_channel(o, 1, why);
	o->channels =
	    o->all ? (uint32_t)((1ull << limit) - 1) : 1u << o->channel;
	o->any = o->all && outputs == 0;
	return actuator_set(o, s.field, s, why);
}

static int
encode(const struct actuator_order *o, const struct eep_message *m,
    const struct eep_setting *set, size_t n, struct actuator_letter *out,
    struct buf *why)
{
	uint8_t p[TELEGRAM_SPACE] = { 0 };
	const char *fault;

	if (eep_encode(m, set, n, p, &out->n, &fault) != 0) {
		buf_adds(why, fault);
		return -1;
	}
	out->p = xmalloc(out->n + 1);
	memcpy(out->p, p, out->n);
	out->rorg = (uint8_t)(eep_profile_id(o->profile) >> 16);
	out->status = eep_status(m);
	return 0;
}

/* The message that asks for the state of the same output. */
static int
encode_query(struct actuator_order *o, struct buf *why)
{
	const struct actuator_verb *v = o->verb;
	const struct eep_message *m = v->query != NULL
	    ? eep_message(o->profile, v->query, strlen(v->query))
	    : NULL;
	struct eep_setting s;

	if (m == NULL)
		return 0;
	s = channel_setting(o, m);
	return encode(o, m, &s, s.field != NULL, &o->query, why);
}

/* A field that is in a list " FIELD FIELD ". */
static int
is_in(const char *list, const struct eep_field *f)
{
	const char *name = eep_field_shortcut(f);
	size_t n = strlen(name);

	for (const char *p = list; p != NULL && *p != '\0'; p++)
		if (*p == ' ' && strncmp(p + 1, name, n) == 0 &&
		    p[1 + n] == ' ')
			return 1;
	return 0;
}

/* What is answered when the valve wakes again: without what is done once. */
static int
encode_keep(struct actuator_order *o, struct buf *why)
{
	struct eep_setting set[ORDER_SETTINGS];
	size_t n = 0;

	if ((o->verb->how & (HOW_WAKES | HOW_ONCE)) != HOW_WAKES)
		return 0;
	for (size_t i = 0; i < o->sets; i++)
		if (!is_in(o->verb->once, o->set[i].field))
			set[n++] = o->set[i];
	return encode(o, o->message, set, n, &o->keep, why);
}

/* What the valve was told last, as if it were told again. */
static int
set_kept(struct actuator_order *o, const struct actuator_letter *kept,
    struct buf *why)
{
	struct telegram tel = {
		.p = kept->p, .n = kept->n, .rorg = kept->rorg
	};

	for (size_t i = 0; i < eep_fields(o->message); i++) {
		const struct eep_field *f = eep_field_at(o->message, i);
		struct eep_setting s = { 0 };
		struct eep_value v;

		if (is_in(o->verb->instead, f))
			continue;
		switch (eep_value(f, &tel, &v)) {
		case EEP_NUMBER:
			s.number = (double)v.units;
			for (int k = 0; k < v.decimals; k++)
				s.number /= 10;
			break;
		case EEP_LABEL:
			s.label = v.label;
			s.n = strlen(v.label);
			break;
		default: continue;
		}
		if (actuator_set(o, f, s, why) != 0)
			return -1;
	}
	return 0;
}

static int
start(struct actuator *a, struct actuator_order *o, struct buf *why)
{
	const struct actuator_letter *kept;

	if ((o->verb->how & HOW_KEPT) == 0)
		return 0;
	kept = actuator_last(a, o->device, o->message);
	if (kept != NULL)
		return set_kept(o, kept, why);
	if ((o->verb->how & HOW_NEEDS) == 0)
		return 0;
	buf_addf(why,
	    "\"%s\": goes together with a set point, which is not known: "
	    "command \"valve\" first",
	    o->verb->name);
	return -1;
}

static int
make(struct actuator *a, struct actuator_order *o, struct actuator_body *b,
    struct buf *why)
{
	if (o->verb->how & HOW_ROCKER)
		o->hold = ORDER_HOLD;
	if (start(a, o, why) != 0 ||
	    actuator_set_preset(o, o->verb->preset, why) != 0)
		return -1;
	if (set_channel(o, b, eep_profile_channels(o->profile), why) != 0)
		return -1;
	o->given = o->sets;
	if (actuator_set_body(o, b, why) != 0 ||
	    encode(o, o->message, o->set, o->sets, &o->main, why) != 0 ||
	    encode_query(o, why) != 0)
		return -1;
	o->teller = actuator_teller(o);
	return encode_keep(o, why);
}

int
actuator_order(struct actuator *a, const struct device *device, int channel,
    const char *verb, const struct event *e, struct actuator_order *o,
    struct buf *why)
{
	struct actuator_body body;
	int r;

	*o = (struct actuator_order){ .device = device, .channel = channel };
	actuator_body(&body, e);
	if (strcmp(verb, "send") == 0) {
		r = find_send(o, &body, why);
		body.fields = (struct json_value){ 0 };
		if (r == 0)
			(void)json_get(&body.d, "fields", &body.fields);
	} else {
		r = find_row(o, verb, &body, why);
	}
	if (r == 0)
		r = make(a, o, &body, why);
	buf_fini(&body.text);
	return r;
}

void
actuator_order_fini(struct actuator_order *o)
{
	free(o->main.p);
	free(o->query.p);
	free(o->keep.p);
	o->main.p = o->query.p = o->keep.p = NULL;
}

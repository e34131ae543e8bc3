#include "device/enocean/actuator_part.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum actuator_says {
	SAYS_NOTHING, /* of this command */
	SAYS_OTHER,   /* something else than commanded */
	SAYS_SO
};

static const struct eep_field *
field_named(const struct eep_message *m, const char *name)
{
	return eep_field(m, name, strlen(name));
}

/* The profile that reports: the same one, or another of the device. */
static const struct eep_profile *
profile_telling(const struct actuator_order *o)
{
	if (o->verb->teller == 0)
		return o->profile;
	for (size_t i = 0; i < o->device->profiles; i++)
		if (eep_profile_id(o->device->profile[i]) == o->verb->teller)
			return o->device->profile[i];
	return NULL;
}

const struct eep_message *
actuator_teller(const struct actuator_order *o)
{
	const struct eep_profile *p = profile_telling(o);
	const struct eep_message *m;

	if (p == NULL || o->verb->answer == NULL ||
	    (o->device->options & DEVICE_MUTE))
		return NULL;
	m = eep_message(p, o->verb->answer, strlen(o->verb->answer));
	if (m == NULL || o->verb->takes != TAKES_FIELDS)
		return m;
	for (size_t i = o->given; i < o->sets; i++)
		if (field_named(m, eep_field_shortcut(o->set[i].field)) == NULL)
			return NULL;
	return m;
}

static double
number(const struct eep_value *v)
{
	double n = (double)v->units;

	for (int i = 0; i < v->decimals; i++)
		n /= 10;
	return n;
}

static void
describe(const struct eep_value *v, char *what, size_t room)
{
	const char *unit = v->unit != NULL ? v->unit : "";

	if (strcmp(unit, "/100") == 0)
		unit = "%";
	switch (v->state) {
	case EEP_NUMBER: snprintf(what, room, "%g %s", number(v), unit); break;
	case EEP_LABEL: snprintf(what, room, "%s", v->label); break;
	default: snprintf(what, room, "%" PRIu64, v->raw); break;
	}
}

/* A field of the telegram that we sent. */
static enum eep_state
ours(const struct actuator_order *o, const struct eep_field *f,
    struct eep_value *out)
{
	struct telegram tel = { .p = o->main.p,
		.n = o->main.n,
		.rorg = o->main.rorg,
		.status = o->main.status };

	return eep_value(f, &tel, out);
}

/* seen_on is a label, or several between blanks. */
static int
in_list(const char *list, const char *label)
{
	const char *p = strstr(list, label);
	size_t n = strlen(label);

	return p != NULL && (p == list || p[-1] == ' ') &&
	    (p[n] == '\0' || p[n] == ' ');
}

static int
switch_is(const struct actuator_order *o, const struct eep_value *v)
{
	int on;

	if (o->verb->seen_on != NULL)
		on = v->state == EEP_LABEL &&
		    in_list(o->verb->seen_on, v->label);
	else if (v->state == EEP_NUMBER)
		on = v->units > 0;
	else
		return 0;
	return on == o->truth;
}

static int
number_is(const struct actuator_order *o, const struct eep_value *v)
{
	struct eep_value our = { 0 };
	double off;

	ours(o, field_named(o->message, o->verb->field), &our);
	if (v->state == EEP_NUMBER && our.state == EEP_NUMBER)
		off = number(v) - number(&our);
	else if (v->state == EEP_NUMBER || v->state == EEP_RAW)
		off = (double)v->raw - (double)our.raw;
	else
		return 0;
	return fabs(off) <= o->verb->tolerance + 1e-6;
}

static int
word_is(const struct actuator_order *o, const struct eep_value *v)
{
	struct eep_value our = { 0 };

	ours(o, field_named(o->message, o->verb->field), &our);
	return v->state == EEP_LABEL && our.state == EEP_LABEL &&
	    strcmp(v->label, our.label) == 0;
}

/* All that was set is in the report, too. */
static enum actuator_says
fields_are(const struct actuator_order *o, const struct telegram *tel,
    char *what, size_t room)
{
	for (size_t i = o->given; i < o->sets; i++) {
		const struct eep_field *f = o->set[i].field;
		const char *name = eep_field_shortcut(f);
		struct eep_value our = { 0 }, their = { 0 };
		size_t n;

		ours(o, f, &our);
		eep_value(field_named(o->teller, name), tel, &their);
		if (their.state != EEP_ABSENT && our.raw == their.raw)
			continue;
		n = (size_t)snprintf(what, room, "%.16s ", name);
		if (n < room)
			describe(&their, what + n, room - n);
		return SAYS_OTHER;
	}
	return SAYS_SO;
}

static enum actuator_says
state_says(const struct actuator_order *o, const struct telegram *tel,
    char *what, size_t room)
{
	const struct eep_field *f = o->verb->seen != NULL
	    ? field_named(o->teller, o->verb->seen)
	    : NULL;
	struct eep_value v = { 0 };
	int so;

	if (o->verb->takes == TAKES_FIELDS)
		return fields_are(o, tel, what, room);
	if (o->verb->seen == NULL)
		return SAYS_SO;
	if (f == NULL || eep_value(f, tel, &v) == EEP_ABSENT)
		return SAYS_NOTHING;
	describe(&v, what, room);
	switch (o->verb->takes) {
	case TAKES_SWITCH: so = switch_is(o, &v); break;
	case TAKES_NUMBER: so = number_is(o, &v); break;
	default:
		if (o->verb->seen_on != NULL)
			return v.state == EEP_LABEL &&
				in_list(o->verb->seen_on, v.label)
			    ? SAYS_SO
			    : SAYS_NOTHING;
		so = word_is(o, &v);
	}
	return so ? SAYS_SO : SAYS_OTHER;
}

/*
 * Whether a telegram is the report that c waits for; *bit is its channel, *what
 * the state it tells.
 */
static enum actuator_says
says(const struct pending_command *c, const struct eep_message *message,
    const struct telegram *tel, uint32_t *bit, char *what, size_t room)
{
	const struct actuator_order *o = &c->order;
	const struct eep_field *f;
	struct eep_value v = { 0 };

	if (o->teller == NULL || message != o->teller)
		return SAYS_NOTHING;
	f = o->verb->channel != NULL ? field_named(message, o->verb->channel)
				     : NULL;
	*bit = 1;
	if (f != NULL) {
		if (eep_value(f, tel, &v) == EEP_ABSENT || v.raw > 31)
			return SAYS_NOTHING;
		*bit = 1u << v.raw;
	}
	if ((c->want & *bit) == 0)
		return SAYS_NOTHING;
	return state_says(o, tel, what, room);
}

/* Reports that commands wait for. */
static void
take_report(struct actuator *a, const struct device *device,
    const struct eep_message *message, const struct telegram *tel, int64_t now,
    struct buf *out)
{
	struct pending_command *c, *next;
	char what[sizeof c->other];
	uint32_t bit;

	for (c = a->first; c != NULL; c = next) {
		next = c->next;
		if (c->order.device != device || c->stage != STAGE_REPORT)
			continue;
		*what = '\0';
		switch (says(c, message, tel, &bit, what, sizeof what)) {
		case SAYS_SO:
			c->want &= c->order.any ? 0 : ~bit;
			if (c->want == 0)
				actuator_end(
				    a, c, SAY_COMPLETED, NULL, now, out);
			break;
		case SAYS_OTHER: memcpy(c->other, what, sizeof what); break;
		case SAYS_NOTHING: break;
		}
	}
}

void
actuator_heard(struct actuator *a, const struct device *device,
    const struct eep_message *message, const struct telegram *tel, int64_t now,
    int64_t mono, struct buf *out)
{
	take_report(a, device, message, tel, now, out);
	if (a->first != NULL || a->kepts > 0)
		actuator_wake(a, device, now, mono, out);
}

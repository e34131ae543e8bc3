#include "device/enocean/actuator_part.h"

static const char nothing_said[] = "sent; this device reports nothing";
static const char settings_unsaid[] =
    "sent; this device does not report these settings";

static const char *
last_word(const struct actuator_order *o)
{
	if (o->verb->takes == TAKES_FIELDS &&
	    (o->device->options & DEVICE_MUTE) == 0)
		return settings_unsaid;
	return nothing_said;
}

/* The telegram is on air. */
static void
main_sent(struct actuator *a, struct pending_command *c, int64_t now,
    int64_t mono, struct buf *out)
{
	const struct actuator_verb *v = c->order.verb;

	actuator_keep(a, &c->order);
	if (v->how & HOW_ROCKER) {
		c->stage = STAGE_HOLD;
		c->due = mono + c->order.hold;
		return;
	}
	if (c->order.teller == NULL) {
		actuator_end(a, c, SAY_STARTED, last_word(&c->order), now, out);
		return;
	}
	if (!c->started)
		actuator_say(out, c->id, c->name, SAY_STARTED, NULL, now);
	c->started = 1;
	c->stage = STAGE_REPORT;
	c->due = mono + v->patience + c->order.extra;
	if (c->order.query.p != NULL && ((v->how & HOW_ASK) || c->tries > 1))
		(void)actuator_post(a, c->order.device, &c->order.query, 0,
		    c->deadline, MODULE_NORMAL, actuator_tag(c, STEP_QUERY));
}

/* Its time was over before the module could send it. */
static void
main_late(struct actuator *a, struct pending_command *c, uint8_t code,
    int64_t now, int64_t mono, struct buf *out)
{
	const char *name = code != 0 ? esp3_return_name(code) : NULL;

	if ((c->order.verb->how & HOW_WAKES) && mono < c->deadline)
		c->stage = STAGE_ASLEEP;
	else if (c->started)
		actuator_end(a, c, SAY_EXPIRED,
		    "sent, but not confirmed in time", now, out);
	else if (name != NULL)
		actuator_end_with(a, c, SAY_EXPIRED,
		    "not sent: its time is over; the module said ", name, now,
		    out);
	else
		actuator_end(
		    a, c, SAY_EXPIRED, "not sent: its time is over", now, out);
}

/* The line went away: sent or not, nobody knows. */
static void
main_away(struct actuator *a, struct pending_command *c, int64_t now,
    int64_t mono, struct buf *out)
{
	unsigned how = c->order.verb->how;

	if ((how & HOW_WAKES) && (how & HOW_AGAIN)) {
		c->stage = STAGE_ASLEEP;
	} else if ((how & HOW_AGAIN) && !c->superseded &&
	    c->tries < ACTUATOR_TRIES) {
		if (actuator_post_main(a, c, mono) != 0)
			actuator_end(
			    a, c, SAY_FAILED, buf_cstr(&a->why), now, out);
	} else {
		actuator_end(a, c, SAY_FAILED,
		    "the line to the module went away: it may have been sent",
		    now, out);
	}
}

static void
refused(struct actuator *a, struct pending_command *c, const char *what,
    uint8_t code, int64_t now, struct buf *out)
{
	const char *name = esp3_return_name(code);
	struct buf reason = { 0 };

	buf_addf(&reason, "%sthe module refused it: ", what);
	if (name != NULL)
		buf_adds(&reason, name);
	else
		buf_addf(&reason, "code %u", code);
	actuator_end(a, c, SAY_FAILED, buf_cstr(&reason), now, out);
	buf_fini(&reason);
}

static void
released(struct actuator *a, struct pending_command *c,
    const struct module_result *r, int64_t now, struct buf *out)
{
	if (r->outcome == MODULE_SENT)
		actuator_end(a, c, SAY_STARTED, nothing_said, now, out);
	else if (r->outcome == MODULE_REFUSED)
		refused(a, c, "pressed, but not released: ", r->code, now, out);
	else
		actuator_end(a, c, SAY_FAILED,
		    "pressed, but perhaps not released", now, out);
}

static struct pending_command *
by_serial(const struct actuator *a, uint64_t serial)
{
	struct pending_command *c = a->first;

	while (c != NULL && c->serial != serial)
		c = c->next;
	return c;
}

void
actuator_sent(struct actuator *a, const struct module_result *r, int64_t now,
    int64_t mono, struct buf *out)
{
	struct pending_command *c = by_serial(a, r->tag / ACTUATOR_STEPS);
	enum actuator_step step = (enum actuator_step)(r->tag % ACTUATOR_STEPS);

	if (c == NULL)
		return;
	if (step == STEP_RELEASE && c->stage == STAGE_RELEASING) {
		released(a, c, r, now, out);
		return;
	}
	/* A question that got lost is missed in time. */
	if (step != STEP_MAIN || c->stage != STAGE_SENDING)
		return;
	switch (r->outcome) {
	case MODULE_SENT: main_sent(a, c, now, mono, out); break;
	case MODULE_LATE: main_late(a, c, r->code, now, mono, out); break;
	case MODULE_AWAY: main_away(a, c, now, mono, out); break;
	case MODULE_REFUSED: refused(a, c, "", r->code, now, out); break;
	case MODULE_SILENT:
		actuator_end(
		    a, c, SAY_FAILED, "the module does not answer", now, out);
		break;
	}
}

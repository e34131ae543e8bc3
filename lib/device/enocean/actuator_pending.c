#include "device/enocean/actuator_part.h"

#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/die.h"

enum {
	LISTENS = 900000, /* us that a valve listens after its telegram (EEP
			     2.6.8, A5-20: 1 s, less what sending takes) */
	STEPS = 4,	  /* tags of one command */
	MARGIN = 100000	  /* us for the release of a button to go out */
};

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

/* Its last line; c is gone then. */
static void
end(struct actuator *a, struct pending_command *c, enum actuator_state state,
    const char *reason, int64_t now, struct buf *out)
{
	struct pending_command **p = &a->first;

	while (*p != c)
		p = &(*p)->next;
	*p = c->next;
	if (a->last == &c->next)
		a->last = p;
	a->count--;
	actuator_say(out, c->id, c->name, state, reason, now);
	actuator_order_fini(&c->order);
	free(c->id);
	free(c->name);
	free(c);
}

/* As end(), with a reason of two parts. */
static void
end_with(struct actuator *a, struct pending_command *c,
    enum actuator_state state, const char *what, const char *more, int64_t now,
    struct buf *out)
{
	struct buf reason = { 0 };

	buf_adds(&reason, what);
	buf_adds(&reason, more);
	end(a, c, state, buf_cstr(&reason), now, out);
	buf_fini(&reason);
}

/* A VLD, and what a valve waits for, is addressed to it. */
static int
to_all(const struct actuator_order *o)
{
	return o->main.rorg != RORG_VLD && (o->verb->how & HOW_WAKES) == 0;
}

int
actuator_post(struct actuator *a, const struct device *device,
    const struct actuator_letter *letter, int all, int64_t deadline,
    enum module_urgency urgency, uint64_t tag)
{
	struct telegram tel = { .sender = (uint64_t)device->offset,
		.dest = all ? TELEGRAM_BROADCAST : device->sender,
		.p = letter->p,
		.n = letter->n,
		.rorg = letter->rorg,
		.status = letter->status,
		.erp = 1 };
	struct telegram secured;
	const char *why = "too much waits for the module";

	buf_clear(&a->why);
	if (secure_has(a->p.secure, device->sender)) {
		if (secure_make(a->p.secure, device->sender, &tel, &secured,
			&why) != 0) {
			buf_adds(&a->why, why);
			return -1;
		}
		tel = secured;
	}
	if (module_send(a->p.module, &tel, deadline, urgency, tag) != 0) {
		buf_adds(&a->why, why);
		return -1;
	}
	return 0;
}

static uint64_t
tag_of(const struct pending_command *c, enum actuator_step step)
{
	return c->serial * STEPS + step;
}

/* The telegram itself, (again). */
static int
post_main(struct actuator *a, struct pending_command *c, int64_t mono)
{
	int64_t deadline = c->deadline;
	unsigned urgency = MODULE_NORMAL;

	if (c->order.verb->how & HOW_WAKES) {
		urgency |= MODULE_URGENT;
		if (deadline > mono + LISTENS)
			deadline = mono + LISTENS;
	}
	if (c->order.verb->how & HOW_ROCKER)
		deadline -= c->order.hold + MARGIN;
	if ((c->order.verb->how & HOW_AGAIN) == 0)
		urgency |= MODULE_ONCE;
	if (actuator_post(a, c->order.device, &c->order.main, to_all(&c->order),
		deadline, (enum module_urgency)urgency,
		tag_of(c, STEP_MAIN)) != 0)
		return -1;
	c->stage = STAGE_SENDING;
	c->tries++;
	return 0;
}

static int
post_release(struct actuator *a, struct pending_command *c)
{
	uint8_t nothing[1] = { 0 };
	const struct actuator_letter up = { nothing, 1, RORG_RPS, 0x20 };

	c->stage = STAGE_RELEASING;
	return actuator_post(a, c->order.device, &up, 1, c->deadline,
	    MODULE_URGENT, tag_of(c, STEP_RELEASE));
}

/*
 * A later command for some outputs of an earlier one: that has done with
 * these, and is not sent again.
 */
static void
supersede(struct actuator *a, struct pending_command *new, int64_t now,
    struct buf *out)
{
	struct pending_command *c, *next;

	for (c = a->first; c != NULL; c = next) {
		next = c->next;
		if (c == new || c->order.device != new->order.device ||
		    (c->order.verb->how & HOW_OUTPUT) == 0 ||
		    (c->order.channels & new->order.channels) == 0)
			continue;
		c->superseded = 1;
		c->want &= ~new->order.channels;
		if (c->want != 0)
			continue;
		if (c->stage == STAGE_HOLD)
			(void)post_release(a, c);
		module_drop(a->p.module, tag_of(c, STEP_MAIN));
		end_with(a, c, SAY_SUPERSEDED, "by ", new->id, now, out);
	}
}

static struct pending_command *
pend(struct actuator *a, struct actuator_order *order, const char *id,
    const char *name, int64_t deadline)
{
	struct pending_command *c = xcalloc(1, sizeof *c);

	c->id = xstrdup(id);
	c->name = xstrdup(name);
	c->order = *order;
	c->deadline = deadline;
	c->serial = ++a->serial;
	c->want = order->channels;
	*order = (struct actuator_order){ 0 };
	*a->last = c;
	a->last = &c->next;
	a->count++;
	return c;
}

void
actuator_pend(struct actuator *a, struct actuator_order *order, const char *id,
    const char *name, int64_t deadline, int64_t now, int64_t mono,
    struct buf *out)
{
	struct pending_command *c = pend(a, order, id, name, deadline);
	int asleep = (c->order.verb->how & HOW_WAKES) != 0;

	if ((c->order.verb->how & HOW_ROCKER) &&
	    deadline - mono <= c->order.hold + MARGIN) {
		end(a, c, SAY_EXPIRED,
		    "not sent: too little time to press and release", now, out);
		return;
	}
	if (c->order.verb->how & HOW_OUTPUT)
		supersede(a, c, now, out);
	if (!asleep && post_main(a, c, mono) != 0) {
		end(a, c, SAY_REJECTED, buf_cstr(&a->why), now, out);
		return;
	}
	actuator_say(out, c->id, c->name, SAY_ACCEPTED,
	    asleep ? "waits until the device listens" : NULL, now);
}

void
actuator_pending_free(struct actuator *a)
{
	while (a->first != NULL) {
		struct pending_command *c = a->first;

		a->first = c->next;
		actuator_order_fini(&c->order);
		free(c->id);
		free(c->name);
		free(c);
	}
	a->last = &a->first;
	a->count = 0;
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
		end(a, c, SAY_STARTED, last_word(&c->order), now, out);
		return;
	}
	if (!c->started)
		actuator_say(out, c->id, c->name, SAY_STARTED, NULL, now);
	c->started = 1;
	c->stage = STAGE_REPORT;
	c->due = mono + v->patience + c->order.extra;
	if (c->order.query.p != NULL && ((v->how & HOW_ASK) || c->tries > 1))
		(void)actuator_post(a, c->order.device, &c->order.query, 0,
		    c->deadline, MODULE_NORMAL, tag_of(c, STEP_QUERY));
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
		end(a, c, SAY_EXPIRED, "sent, but not confirmed in time", now,
		    out);
	else if (name != NULL)
		end_with(a, c, SAY_EXPIRED,
		    "not sent: its time is over; the module said ", name, now,
		    out);
	else
		end(a, c, SAY_EXPIRED, "not sent: its time is over", now, out);
}

/* The line went away: sent or not, nobody knows. */
static void
main_away(struct actuator *a, struct pending_command *c, int64_t now,
    int64_t mono, struct buf *out)
{
	if (c->order.verb->how & HOW_WAKES) {
		c->stage = STAGE_ASLEEP;
	} else if ((c->order.verb->how & HOW_AGAIN) && !c->superseded &&
	    c->tries < ACTUATOR_TRIES) {
		if (post_main(a, c, mono) != 0)
			end(a, c, SAY_FAILED, buf_cstr(&a->why), now, out);
	} else {
		end(a, c, SAY_FAILED,
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
	end(a, c, SAY_FAILED, buf_cstr(&reason), now, out);
	buf_fini(&reason);
}

static void
released(struct actuator *a, struct pending_command *c,
    const struct module_result *r, int64_t now, struct buf *out)
{
	if (r->outcome == MODULE_SENT)
		end(a, c, SAY_STARTED, nothing_said, now, out);
	else if (r->outcome == MODULE_REFUSED)
		refused(a, c, "pressed, but not released: ", r->code, now, out);
	else
		end(a, c, SAY_FAILED, "pressed, but perhaps not released", now,
		    out);
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
	struct pending_command *c = by_serial(a, r->tag / STEPS);
	enum actuator_step step = (enum actuator_step)(r->tag % STEPS);

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
		end(a, c, SAY_FAILED, "the module does not answer", now, out);
		break;
	}
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
		switch (
		    actuator_says(c, message, tel, &bit, what, sizeof what)) {
		case SAYS_SO:
			c->want &= c->order.any ? 0 : ~bit;
			if (c->want == 0)
				end(a, c, SAY_COMPLETED, NULL, now, out);
			break;
		case SAYS_OTHER: memcpy(c->other, what, sizeof what); break;
		case SAYS_NOTHING: break;
		}
	}
}

/* It listens now, for a moment. */
static void
take_wakeup(struct actuator *a, const struct device *device, int64_t now,
    int64_t mono, struct buf *out)
{
	struct pending_command *c = a->first;
	const struct kept_order *k;

	while (c != NULL &&
	    !(c->order.device == device && c->stage == STAGE_ASLEEP &&
		mono < c->deadline))
		c = c->next;
	if (c != NULL) {
		if (post_main(a, c, mono) != 0)
			end(a, c, SAY_FAILED, buf_cstr(&a->why), now, out);
		return;
	}
	k = actuator_kept(a, device);
	if (k != NULL)
		(void)actuator_post(a, device, &k->letter, 0, mono + LISTENS,
		    MODULE_URGENT, STEPS - 1);
}

void
actuator_heard(struct actuator *a, const struct device *device,
    const struct eep_message *message, const struct telegram *tel, int64_t now,
    int64_t mono, struct buf *out)
{
	take_report(a, device, message, tel, now, out);
	if (a->first != NULL || a->kepts > 0)
		take_wakeup(a, device, now, mono, out);
}

static void
no_report(
    struct actuator *a, struct pending_command *c, int64_t now, struct buf *out)
{
	if (c->other[0] != '\0')
		end_with(a, c, SAY_FAILED, "it reports ", c->other, now, out);
	else
		end(a, c, SAY_FAILED, "sent, but it reports nothing", now, out);
}

static void
report_due(struct actuator *a, struct pending_command *c, int64_t now,
    int64_t mono, struct buf *out)
{
	unsigned how = c->order.verb->how;

	if (mono >= c->deadline) {
		if (c->other[0] != '\0')
			no_report(a, c, now, out);
		else
			end(a, c, SAY_EXPIRED,
			    "sent, but not confirmed in time", now, out);
	} else if (how & HOW_WAKES) {
		c->due = c->deadline;
	} else if ((how & HOW_AGAIN) == 0 || c->superseded ||
	    c->tries >= ACTUATOR_TRIES) {
		no_report(a, c, now, out);
	} else if (post_main(a, c, mono) != 0) {
		end(a, c, SAY_FAILED, buf_cstr(&a->why), now, out);
	}
}

static int64_t
due_of(const struct pending_command *c)
{
	switch (c->stage) {
	case STAGE_ASLEEP: return c->deadline;
	case STAGE_HOLD: return c->due;
	case STAGE_REPORT: return c->due < c->deadline ? c->due : c->deadline;
	default: return INT64_MAX;
	}
}

static void
tick(struct actuator *a, struct pending_command *c, int64_t now, int64_t mono,
    struct buf *out)
{
	if (mono < due_of(c))
		return;
	switch (c->stage) {
	case STAGE_ASLEEP:
		end(a, c, SAY_EXPIRED,
		    "not sent: the device did not listen in time", now, out);
		break;
	case STAGE_HOLD:
		if (post_release(a, c) != 0)
			end_with(a, c, SAY_FAILED,
			    "pressed, but not released: ", buf_cstr(&a->why),
			    now, out);
		break;
	case STAGE_REPORT: report_due(a, c, now, mono, out); break;
	default: break;
	}
}

void
actuator_tick(struct actuator *a, int64_t now, int64_t mono, struct buf *out)
{
	struct pending_command *c, *next;

	for (c = a->first; c != NULL; c = next) {
		next = c->next;
		tick(a, c, now, mono, out);
	}
}

int64_t
actuator_due(const struct actuator *a)
{
	int64_t due = INT64_MAX;

	for (const struct pending_command *c = a->first; c != NULL; c = c->next)
		if (due_of(c) < due)
			due = due_of(c);
	return due;
}

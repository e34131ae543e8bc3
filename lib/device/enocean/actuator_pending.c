#include "device/enocean/actuator_part.h"

#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/die.h"

enum { MARGIN = 100000 /* us for the release of a button to go out */ };

/* Its last line; c is gone then. */
void
actuator_end(struct actuator *a, struct pending_command *c,
    enum actuator_state state, const char *reason, int64_t now, struct buf *out)
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

/* As actuator_end(), with a reason of two parts. */
void
actuator_end_with(struct actuator *a, struct pending_command *c,
    enum actuator_state state, const char *what, const char *more, int64_t now,
    struct buf *out)
{
	struct buf reason = { 0 };

	buf_adds(&reason, what);
	buf_adds(&reason, more);
	actuator_end(a, c, state, buf_cstr(&reason), now, out);
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

uint64_t
actuator_tag(const struct pending_command *c, enum actuator_step step)
{
	return c->serial * ACTUATOR_STEPS + step;
}

/* The telegram itself, (again). */
int
actuator_post_main(struct actuator *a, struct pending_command *c, int64_t mono)
{
	int64_t deadline = c->deadline;
	unsigned urgency = MODULE_NORMAL;

	if (c->order.verb->how & HOW_WAKES) {
		urgency |= MODULE_URGENT;
		if (deadline > mono + ACTUATOR_LISTENS)
			deadline = mono + ACTUATOR_LISTENS;
	}
	if (c->order.verb->how & HOW_ROCKER)
		deadline -= c->order.hold + MARGIN;
	if ((c->order.verb->how & HOW_AGAIN) == 0)
		urgency |= MODULE_ONCE;
	if (actuator_post(a, c->order.device, &c->order.main, to_all(&c->order),
		deadline, (enum module_urgency)urgency,
		actuator_tag(c, STEP_MAIN)) != 0)
		return -1;
	c->stage = STAGE_SENDING;
	c->tries++;
	return 0;
}

int
actuator_post_release(struct actuator *a, struct pending_command *c)
{
	uint8_t nothing[1] = { 0 };
	const struct actuator_letter up = { nothing, 1, RORG_RPS, 0x20 };

	if (actuator_post(a, c->order.device, &up, 1, c->deadline,
		MODULE_URGENT, actuator_tag(c, STEP_RELEASE)) != 0)
		return -1;
	c->stage = STAGE_RELEASING;
	return 0;
}

/* A button that is held by an earlier command is released first. */
static void
release_held(struct actuator *a, const struct actuator_order *new)
{
	struct pending_command *c;

	if ((new->verb->how &HOW_OUTPUT) == 0)
		return;
	for (c = a->first; c != NULL; c = c->next)
		if (c->order.device == new->device && c->stage == STAGE_HOLD)
			(void)actuator_post_release(a, c);
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
		if (!module_drop(a->p.module, actuator_tag(c, STEP_MAIN)) &&
		    c->stage == STAGE_SENDING &&
		    (c->order.verb->how & HOW_ROCKER))
			(void)actuator_post_release(a, c);
		actuator_end_with(
		    a, c, SAY_SUPERSEDED, "by ", new->id, now, out);
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
		actuator_end(a, c, SAY_EXPIRED,
		    "not sent: too little time to press and release", now, out);
		return;
	}
	if (__builtin_add_overflow(now, deadline - mono, &c->end))
		c->end = INT64_MAX;
	release_held(a, &c->order);
	if (!asleep && actuator_post_main(a, c, mono) != 0) {
		actuator_end(a, c, SAY_REJECTED, buf_cstr(&a->why), now, out);
		return;
	}
	if (c->order.verb->how & HOW_OUTPUT)
		supersede(a, c, now, out);
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

static void
no_report(
    struct actuator *a, struct pending_command *c, int64_t now, struct buf *out)
{
	if (c->other[0] != '\0')
		actuator_end_with(
		    a, c, SAY_FAILED, "it reports ", c->other, now, out);
	else
		actuator_end(
		    a, c, SAY_FAILED, "sent, but it reports nothing", now, out);
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
			actuator_end(a, c, SAY_EXPIRED,
			    "sent, but not confirmed in time", now, out);
	} else if (how & HOW_WAKES) {
		c->due = c->deadline;
	} else if ((how & HOW_AGAIN) == 0 || c->superseded ||
	    c->tries >= ACTUATOR_TRIES) {
		no_report(a, c, now, out);
	} else if (actuator_post_main(a, c, mono) != 0) {
		actuator_end(a, c, SAY_FAILED, buf_cstr(&a->why), now, out);
	}
}

static const char *
quit_word(struct actuator *a, const struct pending_command *c)
{
	switch (c->stage) {
	case STAGE_ASLEEP: return "not sent: the program ends";
	case STAGE_HOLD:
	case STAGE_RELEASING:
		return "pressed, but perhaps not released: the program ends";
	case STAGE_SENDING:
		if (!module_drop(a->p.module, actuator_tag(c, STEP_MAIN)))
			return "it may have been sent: the program ends";
		if (!c->started)
			return "not sent: the program ends";
		break;
	case STAGE_REPORT: break;
	}
	return "sent, but not confirmed: the program ends";
}

/* It is pressed, or its press is in flight. */
static int
may_be_pressed(struct actuator *a, const struct pending_command *c)
{
	return (c->order.verb->how & HOW_ROCKER) &&
	    (c->stage != STAGE_SENDING ||
		!module_waits(a->p.module, actuator_tag(c, STEP_MAIN)));
}

int
actuator_quit(struct actuator *a, int patient, int64_t now, struct buf *out)
{
	struct pending_command *c, *next;

	for (c = a->first; c != NULL; c = next) {
		next = c->next;
		if (!patient || !may_be_pressed(a, c))
			actuator_end(
			    a, c, SAY_FAILED, quit_word(a, c), now, out);
	}
	return a->first != NULL;
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

/*
 * Its time is over by the wall clock, not by the other one: 1 if that was its
 * end.  A button that is pressed is released nevertheless.
 */
static int
end_by_clock(struct actuator *a, struct pending_command *c, int64_t now,
    int64_t mono, struct buf *out)
{
	if (c->stage == STAGE_ASLEEP || c->stage == STAGE_REPORT)
		c->deadline = mono;
	if (c->stage != STAGE_SENDING ||
	    !module_drop(a->p.module, actuator_tag(c, STEP_MAIN)))
		return 0;
	actuator_end(a, c, SAY_EXPIRED,
	    c->started ? "sent, but not confirmed in time"
		       : "not sent: its time is over",
	    now, out);
	return 1;
}

static void
tick(struct actuator *a, struct pending_command *c, int64_t now, int64_t mono,
    struct buf *out)
{
	if (now >= c->end && mono < c->deadline &&
	    end_by_clock(a, c, now, mono, out))
		return;
	if (mono < due_of(c))
		return;
	switch (c->stage) {
	case STAGE_ASLEEP:
		actuator_end(a, c, SAY_EXPIRED,
		    "not sent: the device did not listen in time", now, out);
		break;
	case STAGE_HOLD:
		if (actuator_post_release(a, c) != 0)
			actuator_end_with(a, c, SAY_FAILED,
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

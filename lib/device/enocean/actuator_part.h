/*
 * Inside actuator.h: verbs (what a command means for a profile), orders (a
 * command made into a payload), pending commands and their states, valves,
 * and the lines that answer.
 */
#ifndef SG_DEVICE_ENOCEAN_ACTUATOR_PART_H
#define SG_DEVICE_ENOCEAN_ACTUATOR_PART_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "device/enocean/actuator.h"
#include "event/json.h"

/* Verbs: actuator_verbs.c. */

enum actuator_takes { /* what a verb's value is */
	TAKES_NOTHING,
	TAKES_SWITCH, /* vb, or d.on */
	TAKES_NUMBER, /* v, or d.value, d.level */
	TAKES_WORD,   /* vs, or d.value */
	TAKES_FIELDS  /* all of d */
};

enum actuator_how {
	HOW_AGAIN = 1,	  /* absolute: may be sent again */
	HOW_OUTPUT = 2,	  /* sets an output: a later one supersedes it */
	HOW_WAKES = 4,	  /* the device listens after its own telegram only */
	HOW_ROCKER = 8,	  /* pressed, and released after a while */
	HOW_ASK = 16,	  /* tells its state only when asked */
	HOW_KEPT = 32,	  /* what is not said stays as it was last set */
	HOW_NEEDS = 64,	  /* and there has to be something */
	HOW_ONCE = 128,	  /* is not kept itself */
	HOW_PERCENT = 256 /* DEVICE_PERCENT counts */
};

enum actuator_special { /* words of d that are more than a field */
	SPECIAL_NONE,
	SPECIAL_RAMP,	/* the report comes that much later */
	SPECIAL_TIMER,	/* one of its own, of up to 7.5 s */
	SPECIAL_DELAY,	/* time and the bit that makes it a delay */
	SPECIAL_DEGREE, /* of a slat: sign and steps of 2 */
	SPECIAL_HOLD,
	SPECIAL_ROCKER
};

struct actuator_word { /* a member of d by another name than its field's */
	const char *name, *field;
	enum actuator_special special;
};

struct actuator_verb {
	const char *name;
	uint32_t profile, mask; /* for ids with these bits */
	uint32_t types;		/* and of these types; 0: any */
	const char *message;
	const char *field; /* takes the value */
	const char *on, *off;
	const char *unit;    /* of a number */
	const char *only;    /* the one word that this row is for */
	const char *preset;  /* "FIELD=value ...": what is set anyway */
	const char *once;    /* " FIELD FIELD ": not kept */
	const char *instead; /* the same: not taken from what was kept */
	const char *channel; /* field, or NULL */
	const char *all;     /* its label for all outputs */
	const struct actuator_word *words; /* an end is without name */
	uint32_t teller;    /* another profile of the device that reports; 0 */
	const char *answer; /* message that reports; NULL: none does */
	const char *seen;   /* its field that shows what was commanded */
	const char *seen_on;
	const char *query; /* message that asks for it */
	int tolerance;	   /* of a number, in its unit */
	int64_t patience;  /* us until a report is missed */
	enum actuator_takes takes;
	unsigned how;
};

extern const struct actuator_verb actuator_table[];
extern const size_t actuator_rows;

/* 1 if the row is for the profile, and that has its message. */
int
actuator_fits(const struct actuator_verb *v, const struct eep_profile *profile);

/* Orders: actuator_order.c. */

enum { ORDER_SETTINGS = 48, ORDER_HOLD = 100000 /* us a button is pressed */ };

struct actuator_letter { /* what a telegram carries */
	uint8_t *p;
	size_t n;
	uint8_t rorg, status;
};

struct actuator_order {
	const struct device *device;
	const struct eep_profile *profile;
	const struct actuator_verb *verb;
	const struct eep_message *message;
	int channel, all;
	uint32_t channels; /* bit per output that it is for */
	int any;       /* how many are not known: one that reports will do */
	int64_t hold;  /* us, of a rocker */
	int64_t extra; /* us until it is done: a report may take so long */
	int truth;     /* of a switch */
	struct actuator_letter main, query, keep;
	struct eep_setting set[ORDER_SETTINGS]; /* labels: only while made */
	size_t sets;
	size_t given; /* from here on: what the command names itself */
	const struct eep_message *teller; /* reports on it; NULL: none does */
};

/*
 * actuator_order(a, device, channel, verb, e, order, why) - What the event
 * commands; channel as of device_by_name().  0, or -1 with why, which names
 * what is wrong.  actuator_order_fini() frees it in either case.
 */
int actuator_order(struct actuator *a, const struct device *device, int channel,
    const char *verb, const struct event *e, struct actuator_order *order,
    struct buf *why);
void actuator_order_fini(struct actuator_order *order);

/* The body of a command: actuator_body.c. */

struct actuator_body {
	struct json_value value;  /* kind JSON_NONE: none */
	const char *value_name;	  /* the member of d that it is, or NULL */
	struct json_value d;	  /* the same */
	struct json_value fields; /* where fields are named: d, or d.fields */
	const char *unit;	  /* u, or NULL */
	size_t unit_n;
	struct buf text; /* what labels point to; never moves */
};

/* The member of d that means: all outputs, if true. */
#define ACTUATOR_ALL "all"

/* actuator_body(body, e) - Find its parts in the event; free its text. */
void actuator_body(struct actuator_body *body, const struct event *e);

/*
 * actuator_set(o, field, s, why) - Make one setting; of a field set twice the
 * later one counts.  0, or -1 with why: too many.
 */
int actuator_set(struct actuator_order *o, const struct eep_field *field,
    struct eep_setting s, struct buf *why);
/* From "FIELD=value FIELD=value ..."; a field that is not there is left out. */
int actuator_set_preset(
    struct actuator_order *o, const char *preset, struct buf *why);

/*
 * actuator_set_body(o, body, why) - Set what the command says: its value and
 * the members of d.  0 or -1 with why.
 */
int actuator_set_body(
    struct actuator_order *o, struct actuator_body *body, struct buf *why);

/* Status lines: actuator_say.c. */

enum actuator_state {
	SAY_RECEIVED,
	SAY_ACCEPTED,
	SAY_REJECTED,
	SAY_STARTED,
	SAY_COMPLETED,
	SAY_FAILED,
	SAY_EXPIRED,
	SAY_SUPERSEDED
};

/*
 * actuator_say(out, id, name, state, reason, now) - Append one line; id and
 * reason may be NULL.
 */
void actuator_say(struct buf *out, const char *id, const char *name,
    enum actuator_state state, const char *reason, int64_t now);

/* Pending commands: actuator_pending.c. */

enum actuator_stage {
	STAGE_ASLEEP, /* waits for a telegram of the device */
	STAGE_SENDING,
	STAGE_HOLD, /* pressed, to be released */
	STAGE_RELEASING,
	STAGE_REPORT /* on air; waits for what the device says */
};

enum actuator_step { STEP_MAIN, STEP_QUERY, STEP_RELEASE };

struct pending_command {
	struct pending_command *next;
	char *id;
	char *name; /* level of its topic */
	struct actuator_order order;
	int64_t deadline; /* monotonic, as all times here but: */
	int64_t end;	  /* the same by the wall clock */
	int64_t due;
	uint64_t serial; /* its requests to the module have tags of it */
	enum actuator_stage stage;
	unsigned tries;
	int started;	/* it was said */
	int superseded; /* in part: it is not sent again */
	uint32_t want;	/* channels that have not reported */
	char other[80]; /* what else it reported last */
};

struct kept_order { /* of a valve */
	const struct eep_message *message;
	struct actuator_letter letter;
};

struct actuator {
	struct actuator_parts p;
	struct pending_command *first, **last;
	size_t count;
	uint64_t serial;
	struct kept_order *kept; /* by index of device */
	size_t kepts;
	struct buf why;
};

/*
 * actuator_pend(a, order, id, name, deadline, now, mono, out) - A command that
 * is to be done: take the order over, and begin.
 */
void actuator_pend(struct actuator *a, struct actuator_order *order,
    const char *id, const char *name, int64_t deadline, int64_t now,
    int64_t mono, struct buf *out);
void actuator_pending_free(struct actuator *a);

enum {
	ACTUATOR_LISTENS = 900000, /* us that a valve listens after its telegram
				      (EEP 2.6.8, A5-20: 1 s, less what sending
				      takes) */
	ACTUATOR_STEPS = 4	   /* tags of one command */
};

/* actuator_tag(c, step) - Of the request to the module for that step. */
uint64_t actuator_tag(const struct pending_command *c, enum actuator_step step);
/* The telegram itself, (again); what releases a button.  As actuator_post(). */
int
actuator_post_main(struct actuator *a, struct pending_command *c, int64_t mono);
int actuator_post_release(struct actuator *a, struct pending_command *c);
/* Its last line; c is gone then.  _with: a reason of two parts. */
void actuator_end(struct actuator *a, struct pending_command *c,
    enum actuator_state state, const char *reason, int64_t now,
    struct buf *out);
void actuator_end_with(struct actuator *a, struct pending_command *c,
    enum actuator_state state, const char *what, const char *more, int64_t now,
    struct buf *out);

/*
 * actuator_post(a, device, letter, deadline, urgency, tag) - To the module,
 * encrypted if the device has a key.  0, or -1 with a->why.
 */
int actuator_post(struct actuator *a, const struct device *device,
    const struct actuator_letter *letter, int to_all, int64_t deadline,
    enum module_urgency urgency, uint64_t tag);

/* What the device says: actuator_report.c. */

/* The message that reports on an order; NULL if the device does not. */
const struct eep_message *actuator_teller(const struct actuator_order *o);

/* Valves: actuator_valve.c. */

/* What the device was last set to; NULL. */
const struct kept_order *
actuator_kept(const struct actuator *a, const struct device *device);
/* The same, or what it will be set to next; for this message, or NULL. */
const struct actuator_letter *actuator_last(const struct actuator *a,
    const struct device *device, const struct eep_message *message);
void actuator_keep(struct actuator *a, const struct actuator_order *o);
void actuator_forget(struct actuator *a);
/* The device listens now, for a moment. */
void actuator_wake(struct actuator *a, const struct device *device, int64_t now,
    int64_t mono, struct buf *out);

#endif

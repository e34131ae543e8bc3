/*
 * What a check has found, as a monitoring plug-in tells it: findings in words,
 * each with a state, the figures behind them, and one state for all.
 */
#ifndef SG_BUS_HEALTH_H
#define SG_BUS_HEALTH_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* The exit codes of a monitoring plug-in. */
enum health_state {
	HEALTH_OK = 0,
	HEALTH_WARNING = 1,
	HEALTH_CRITICAL = 2,
	HEALTH_UNKNOWN = 3
};

/* A value beyond a limit is bad; NAN: there is no such limit. */
struct health_limits {
	double warning, critical;
};

struct health_finding {
	enum health_state state;
	char *subject, *text;
};

struct health_figure {
	const char *name;  /* "broker_hello_seconds" */
	const char *help;  /* one line for people */
	const char *unit;  /* of Nagios: "s", "B", "%", "" */
	const char *label; /* what subject is: "url"; NULL: it has none */
	const char *subject;
	double value;
	struct health_limits limits;
};

struct health {
	const char *check; /* "broker" */
	struct health_finding *finding;
	size_t nfinding;
	struct health_figure *figure;
	size_t nfigure;
};

/* health_init(h, check) - Nothing found yet; check is borrowed. */
void health_init(struct health *h, const char *check);
void health_fini(struct health *h);

/*
 * health_find(h, state, subject, fmt, ...) - Add a finding about subject,
 * which is copied, or "" if there is but one.
 */
void health_find(struct health *h, enum health_state state, const char *subject,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/*
 * health_figure(h, figure) - Add a figure; its subject is copied, its other
 * strings are borrowed.
 */
void health_figure(struct health *h, const struct health_figure *figure);

/* health_judge(value, limits) - The state of a value: above is bad. */
enum health_state health_judge(double value, struct health_limits limits);

/*
 * health_worse(a, b) - Of two states the one to tell: critical before unknown
 * before warning before ok.  health_state(h) - That of all findings; unknown
 * if there is none.  health_name(state) - "ok", "warning", ...
 */
enum health_state health_worse(enum health_state a, enum health_state b);
enum health_state health_state(const struct health *h);
const char *health_name(enum health_state state);

enum health_format {
	HEALTH_TEXT,	  /* a line for each finding */
	HEALTH_NAGIOS,	  /* "SG LAG OK - ... | 'label'=value;..." */
	HEALTH_JSON,	  /* one object */
	HEALTH_PROMETHEUS /* text exposition format, for a textfile collector */
};
extern const char *const health_formats[];

/*
 * health_print(h, format, b) - Append it all, with a last newline.  What came
 * from outside cannot break out of its place: control characters and bytes that
 * are no UTF-8 become '?', and each format's own are escaped (Nagios has no
 * escape for '|': it becomes '/').
 */
void health_print(
    const struct health *h, enum health_format format, struct buf *b);

#endif

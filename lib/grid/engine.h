/*
 * The engine that rules run in: which of them an event is for, in which order
 * they run, what they remember, when their times come, and what of their
 * results is for other rules.  Programs run elsewhere (rule_peer.h), ahead of
 * what is known here; what they put out comes in the order of the events,
 * whatever runs ahead.
 */
#ifndef SG_GRID_ENGINE_H
#define SG_GRID_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "event/event.h"
#include "grid/rule_set.h"

enum { ENGINE_DEPTH = 8 }; /* how deep results may feed rules */

enum engine_clock {
	ENGINE_EVENT, /* the highest t so far; an aggregate's t and w */
	ENGINE_WALL
};

struct engine_options {
	enum engine_clock clock;
	int64_t skew;  /* t may be so far ahead of the wall clock */
	int64_t grace; /* timers run so late when nothing comes */
	size_t keys_max;
	int pass;	 /* the input comes out too */
	int explain;	 /* 1: what was done; 2: also what no rule wanted */
	const char *src; /* results get src, ep, seq; NULL: none */
	int64_t time;	 /* of one run, us; 0: see rule_peer.h */
	size_t memory, output;
};

/* Where an event came from, for messages. */
struct engine_origin {
	const char *file; /* borrowed for good */
	uint64_t line;
};

enum engine_kind {
	ENGINE_NONE,
	ENGINE_MADE,	/* an event that a rule has made */
	ENGINE_PASSED,	/* a line of the input */
	ENGINE_FAULT,	/* a message: what went wrong */
	ENGINE_REFUSED, /* the input line that it went wrong with */
	ENGINE_TOLD,	/* a message of explain */
	ENGINE_DETAIL	/* a message of explain 2 */
};

struct engine_result {
	enum engine_kind kind;
	const char *p;
	size_t n;
	struct engine_origin origin; /* ENGINE_REFUSED */
	int by_program; /* ENGINE_MADE: descends from engine_feed() */
};

struct engine_stats {
	uint64_t runs, made, errors, fed, timers, restarts;
	size_t keys;
};

struct engine;

/*
 * engine_new(o, set, why) - Compile the rules and start.  o and set are
 * borrowed for its life.  NULL with lines in why ("FILE:LINE: ...\n"), or with
 * errno and why empty.  It starts a process, so before any thread.
 */
struct engine *engine_new(const struct engine_options *o,
    const struct rule_set *set, struct buf *why);
void engine_free(struct engine *e);

enum engine_taken {
	ENGINE_FUTURE = -1, /* its t is too far ahead */
	ENGINE_OTHER = 0,   /* no rule wants it */
	ENGINE_WANTED = 1
};

/*
 * engine_add(e, event, origin) - The next event of the input, complete; its
 * line is copied if it is needed.
 *
 * engine_feed(e, event) - A result of a program that stands in for a rule:
 * it is not put out, but given to the rules that want it.
 */
enum engine_taken engine_add(struct engine *e, const struct event *event,
    const struct engine_origin *origin);
void engine_feed(struct engine *e, const struct event *event);

/*
 * engine_full(e) - 1 if engine_run() should be called before more is added.
 * engine_settled(e) - 1 if all that was added is done.
 *
 * engine_run(e, wait) - Work: plan runs, take answers; with wait until there
 * is one, if any is open.  0; -1 with errno if the programs' process cannot be
 * kept running.
 */
int engine_full(const struct engine *e);
int engine_settled(const struct engine *e);
int engine_run(struct engine *e, int wait);

/*
 * engine_idle(e, now) - The engine is settled and no input comes; the time is
 * now (of the wall clock, or of a mark).  Lets timers run that are due by then
 * (engine_run()): by their grace, if the input is of the present.  How many us
 * until the next one may be, or -1: none will.
 */
int64_t engine_idle(struct engine *e, int64_t now);

/* engine_due(e, now) - 1 if engine_idle(e, now) would let a timer run. */
int engine_due(const struct engine *e, int64_t now);

/*
 * engine_next(e, r) - What came of it, in order: 1 with r, valid until the
 * next call with the engine, or 0.
 */
int engine_next(struct engine *e, struct engine_result *r);

/*
 * engine_save(e, b) - Append all that it knows of a settled engine's past, by
 * names of rules.  engine_load(e, p, n) - Take it up: a new engine then goes
 * on where that one was; what rules that are gone knew is dropped.  0, or -1
 * if it is damaged (e is to be freed then).
 *
 * engine_begin(e, now) - Or begin with nothing; now is for the epoch of src.
 */
void engine_save(const struct engine *e, struct buf *b);
int engine_load(struct engine *e, const char *p, size_t n);
void engine_begin(struct engine *e, int64_t now);

/* engine_stats(e, stats) - What it has done so far. */
void engine_stats(const struct engine *e, struct engine_stats *stats);

/* engine_rule_runs(e, rule) - Runs of one rule. */
uint64_t engine_rule_runs(const struct engine *e, size_t rule);

#endif

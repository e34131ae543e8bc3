/*
 * What the files of window.h share.
 */
#ifndef SG_GRID_WINDOW_PART_H
#define SG_GRID_WINDOW_PART_H

#include "grid/cell.h"
#include "grid/group.h"
#include "grid/presence.h"
#include "grid/reading.h"
#include "grid/window.h"

enum { WINDOW_WHY_MAX = 256, WINDOW_CONVERSIONS_MAX = 255 };

struct window_input {
	uint32_t group; /* NAMES_NONE: refused */
	uint32_t source;
};

/* How numbers in one unit become those of another. */
struct window_conversion {
	char from[GROUP_UNIT_MAX + 1];
	uint8_t n, to; /* to: number in groups.unit */
	struct tally_scale scale;
};

/* The readings of one field. */
struct window_field {
	struct tally tally;
	struct cells *cells; /* NULL if there are none */
};

/* One group in one pane. */
struct window {
	struct group *group;
	struct presence seen;
	int rev;
	unsigned char dirty, given;
	unsigned char whole;	     /* what was given last was no partial */
	unsigned char filled;	     /* seen has the earlier times too */
	struct window_field field[]; /* fields of the set */
};

/* What a moment belongs to. */
struct span {
	struct slot base;    /* windows end at its end */
	struct slot slot;    /* of the pane */
	int64_t from, until; /* of all windows that the base is in */
	int64_t hold;	     /* when a source's last value is stale, or until */
};

/* All windows of one slot: a window, or a part of one or several. */
struct pane {
	struct slot slot;
	int64_t from;	     /* of the window that ends with it; else NEVER */
	int64_t until, hold; /* as in its span */
	struct window **by_group; /* by id of the group; NULL: frozen */
	uint32_t ngroups;
	struct window **windows; /* by id of the group if frozen */
	size_t n, cap;
	unsigned char dirty; /* has had a late reading since it closed */
	unsigned char closed;
	unsigned char reached; /* panes that end its windows are there */
};

/* A window of which lines are given: up to as_of, or all of it. */
struct window_job {
	struct slot slot;
	struct pane *end;   /* that ends it, with the group's rev */
	struct pane *heard; /* up to which sources were heard */
	int64_t as_of;
};

struct window_set {
	const struct window_rule *rule;
	unsigned parts, cell_parts;
	struct groups groups;
	struct names topics;
	struct window_input *inputs; /* by number in topics */
	uint8_t *unit; /* of each field, as last seen: conversion, 0 none */
	size_t fields;
	uint32_t capinputs;
	struct window_conversion conversion[WINDOW_CONVERSIONS_MAX + 1];
	size_t nconversions;
	struct pane **panes; /* by start; the first closed ones are closed */
	size_t npanes, cappanes, closed, kept;
	struct pane *current;
	int64_t newest, horizon; /* what ends up to horizon is closed */
	int64_t next_end;	 /* of the first open pane */
	int64_t forgotten;	 /* what ends up to it is not kept */
	int64_t limit;		 /* t up to this is not in the future */
	int64_t now;		 /* told by window_clock(), or GROUP_ALWAYS */
	int64_t interval;	 /* longest w seen */
	int64_t judged;		 /* newest when live was last set */
	int live, due;
	int64_t ep, seq; /* of the line given last; ep 0: nothing taken yet */
	struct window_job job;
	struct pane *telling; /* of which partial results come next, or NULL */
	struct span told;     /* its span, at the window told last */
	struct window **ready;
	size_t nready, capready, at, fix;
	int64_t swept; /* horizon when silent sources were last forgotten */
	struct window_stats stats;
	char why[WINDOW_WHY_MAX];
};

/* window_reset(set) - Forget all but the rule, as after window_new(). */
void window_reset(struct window_set *set);

/* span_at(rule, t, span) - What t belongs to. */
void span_at(const struct window_rule *rule, int64_t t, struct span *span);

/*
 * span_next(rule, span) - Go on to the next base at whose end a window ends
 * that the first one counts in: 1, or 0 if there is none.
 */
int span_next(const struct window_rule *rule, struct span *span);

/* pane_get(set, span) - The pane of that slot, made if need be. */
struct pane *pane_get(struct window_set *set, const struct span *span);

/*
 * pane_reach(set, pane, span) - Make the panes that end the windows that the
 * pane counts in, so that these close.
 */
void
pane_reach(struct window_set *set, struct pane *pane, const struct span *span);

/* pane_index(set, start) - Number of the first pane that starts not before. */
size_t pane_index(const struct window_set *set, int64_t start);

/* field_cells(field) - Its cells, made if need be. */
struct cells *field_cells(struct window_field *field);

/* pane_window(set, pane, g) - The group's window there, made if need be. */
struct window *
pane_window(struct window_set *set, struct pane *pane, struct group *g);

/* pane_find(pane, g) - The group's window there, or NULL. */
struct window *pane_find(const struct pane *pane, const struct group *g);

/*
 * pane_freeze(pane) - There are to be no further windows for now: order them
 * by group, to be searched.
 */
void pane_freeze(struct pane *pane);

/* pane_close(set, pane) - No readings are to come but late ones. */
void pane_close(struct window_set *set, struct pane *pane);

/* pane_forget(set) - Free the closed panes that are kept no longer. */
void pane_forget(struct window_set *set);

void pane_free(const struct window_set *set, struct pane *pane);

/*
 * window_convert(set, input, f, u, n, scale) - The scale of a unit of field f,
 * as it was the last time for this input or anew.  NULL, or what is wrong,
 * valid until the next call.
 */
const char *window_convert(struct window_set *set, uint32_t input, size_t f,
    const char *u, size_t n, struct tally_scale *scale);

/*
 * window_rate(set, g, f, rule) - The rule by which sources become values, with
 * the time that rates are by.
 */
void window_rate(const struct window_set *set, const struct group *g, size_t f,
    struct cell_rule *rule);

/*
 * window_unit(set, g, f, space, n) - The unit of the values of a field, in
 * space (GROUP_UNIT_MAX + 2 bytes) if it has to be made.
 */
const char *window_unit(const struct window_set *set, const struct group *g,
    size_t f, char *space, size_t *n);

/*
 * window_begin_counter(set, pane, g, f, source, cells) - Before a late reading
 * goes into the closed pane's cells: what the source's readings there follow.
 */
void window_begin_counter(struct window_set *set, const struct pane *pane,
    const struct group *g, size_t f, uint32_t source, struct cells *cells);

/* window_correct(set, pane, g, source) - A late reading of a counter. */
void window_correct(struct window_set *set, struct pane *pane, struct group *g,
    uint32_t source);

/* window_dirty(set, pane, g) - The closed windows that count it are wrong. */
void
window_dirty(struct window_set *set, const struct pane *pane, struct group *g);

/*
 * window_forgotten(set, t) - What was heard last before that is forgotten at
 * t.  window_sweep(set) - Now and then, free what is of such sources, and of
 * groups that have no others.
 */
int64_t window_forgotten(const struct window_set *set, int64_t t);
void window_sweep(struct window_set *set);

/*
 * window_heard(w, slot) - The slot has ended: let w tell when each source of
 * the group was last heard before its end, also if that was before it.
 */
void window_heard(struct window *w, const struct slot *slot);

/*
 * window_total(set, w, job, t) - All readings of the group of w, which stands
 * at the job's end; t[] of each field is empty.  1 if there are any.
 */
int window_total(const struct window_set *set, const struct window *w,
    const struct window_job *job, struct tally *t);

/* window_counts(set) - 1 if sources are counters. */
static inline int
window_counts(const struct window_set *set)
{
	return set->rule->per_source.how == CELL_DELTA ||
	    set->rule->per_source.how == CELL_RATE;
}

/* window_line(set, w, t, b) - Append the job's line for w, t[] is the total. */
void window_line(struct window_set *set, struct window *w,
    const struct tally *t, struct buf *b);

#endif

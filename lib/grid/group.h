/*
 * The readings that become one result: the topic of the result, the sources
 * that the readings come from, and the units that they are counted in.
 */
#ifndef SG_GRID_GROUP_H
#define SG_GRID_GROUP_H

#include <stddef.h>
#include <stdint.h>

#include "grid/cell.h"
#include "grid/names.h"
#include "grid/tally.h"

enum {
	GROUP_UNIT_MAX = 31,
	GROUP_UNITS_MAX = 255, /* different ones, in all groups */
	GROUP_FIELDS_MAX = 8
};

/* Times that are before and after all others, with room to calculate. */
#define GROUP_ALWAYS (-INT64_MAX / 2)
#define GROUP_NEVER (INT64_MAX / 2)

struct group_unit {
	char text[GROUP_UNIT_MAX + 1];
	uint8_t n; /* 0: no unit */
};

struct group {
	uint32_t id;   /* number in groups.topics */
	uint32_t rank; /* by topic, as of the last groups_rank() */
	uint32_t nsources, capsources;
	int64_t *last;	/* of each: greatest t in the panes that have closed */
	uint32_t *name; /* of each: number, and whether it is expected */
	uint8_t unit[GROUP_FIELDS_MAX]; /* 0: not yet known */
	/* Of each field: counters as of the panes that have closed, or NULL. */
	struct cells *states;
	uint32_t dropped; /* sources, whose numbers are used again */
	uint32_t free;	  /* the first of them, + 1; name[] has the next */
};

/* All-zero is no groups. */
struct groups {
	struct names topics;  /* of the results */
	struct group **group; /* by id, NULL if dropped */
	uint32_t cap, ranked;
	size_t nsources;	    /* of all groups */
	const struct names *inputs; /* their topics, names of sources */
	struct names sources;	    /* other names: group, then the name */
	uint32_t *slot; /* by number in sources: that within the group */
	uint32_t capslots;
	struct group_unit unit[GROUP_UNITS_MAX + 1];
	size_t nunits;
};

/* groups_get(groups, topic, n) - That group, made if need be; NULL: full. */
struct group *groups_get(struct groups *groups, const char *topic, size_t n);

/* group_topic(groups, g) - The topic of its result. */
const char *group_topic(const struct groups *groups, const struct group *g);

/*
 * groups_source(groups, g, name, n) - Number of the source name[0..n) in g,
 * made if need be.  groups_topic(groups, g, input) - A source that has the
 * name and the events of one topic, number input in groups->inputs, and is
 * not there yet.  No name may stand in both.  NAMES_NONE if all are full.
 */
uint32_t groups_source(
    struct groups *groups, struct group *g, const char *name, size_t n);
uint32_t groups_topic(struct groups *groups, struct group *g, uint32_t input);

/*
 * groups_drop_source(groups, g, i) - Free source i; its number goes to one
 * that comes later.  group_dropped(g, i) - 1 if so.
 */
void groups_drop_source(struct groups *groups, struct group *g, uint32_t i);
int group_dropped(const struct group *g, uint32_t i);

/*
 * groups_drop(groups, g) - Free a group.  group_is_empty(g) - 1 if all its
 * sources were dropped.
 */
void groups_drop(struct groups *groups, struct group *g);
int group_is_empty(const struct group *g);

/*
 * groups_rank(groups, some, n) - Number the groups of some[0..n) by topic, or
 * all of them.
 */
void groups_rank(struct groups *groups, struct group *const *some, size_t n);

/* groups_fini(groups) - Free and make empty. */
void groups_fini(struct groups *groups);

/* group_source_name(groups, g, i) - Borrowed from groups. */
const char *group_source_name(
    const struct groups *groups, const struct group *g, uint32_t i);

/*
 * group_source_input(g, i) - The input that the source is, or NAMES_NONE if it
 * has a name of its own.
 */
uint32_t group_source_input(const struct group *g, uint32_t i);

/*
 * group_release(g, i) - The source is no longer known, until it is heard
 * again.
 */
void group_release(struct group *g, uint32_t i);

/*
 * group_expect(g, i) - Source i is known, whether it reports or not.
 * group_expected(g, i) - 1 if so.
 */
void group_expect(struct group *g, uint32_t i);
int group_expected(const struct group *g, uint32_t i);

/* group_unit(groups, g, field) - Of a field; empty if it is not yet known. */
const struct group_unit *
group_unit(const struct groups *groups, const struct group *g, size_t field);

/*
 * group_convert(groups, g, field, u, n, wanted, scale) - How numbers in the
 * unit u[0..n) (n 0: none) become the group's.  The first call settles that as
 * wanted, or, if wanted is NULL, as the unit that kW, W and MW are all counted
 * in.  NULL, or what is wrong.
 */
const char *group_convert(struct groups *groups, struct group *g, size_t field,
    const char *u, size_t n, const char *wanted, struct tally_scale *scale);

#endif

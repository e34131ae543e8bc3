/*
 * The readings that become one result: the topic of the result, the sources
 * that the readings come from, and the unit that they are counted in.
 */
#ifndef SG_GRID_GROUP_H
#define SG_GRID_GROUP_H

#include <stddef.h>
#include <stdint.h>

#include "grid/index.h"
#include "grid/tally.h"

enum { GROUP_UNIT_MAX = 31 };

/* Times that are before and after all others, with room to calculate. */
#define GROUP_ALWAYS (-INT64_MAX / 2)
#define GROUP_NEVER (INT64_MAX / 2)

struct group_unit {
	char text[GROUP_UNIT_MAX + 1];
	size_t n;
	int known;
};

struct group_source {
	char *key;     /* "TOPIC NAME"; neither has a space */
	int64_t first; /* least t seen, GROUP_ALWAYS if it is expected */
	int64_t last;  /* greatest t in the windows that have closed */
};

struct group {
	char *topic;
	uint32_t id;   /* counts from 0 */
	uint32_t rank; /* by topic, as of the last groups_rank() */
	struct group_source *sources;
	uint32_t nsources;
	struct group_unit unit; /* the first one settles it */
};

/* All-zero is no groups. */
struct groups {
	struct group **group; /* by id */
	uint32_t n, cap, ranked;
	size_t nsources; /* of all groups */
	struct index by_topic, by_source;
};

/* groups_get(groups, topic) - The group of that topic, made if need be. */
struct group *groups_get(struct groups *groups, const char *topic);

/*
 * groups_source(groups, g, name, n) - Number of the source name[0..n) in g,
 * made if need be.
 */
uint32_t groups_source(
    struct groups *groups, struct group *g, const char *name, size_t n);

/* groups_rank(groups) - Number all groups by topic. */
void groups_rank(struct groups *groups);

/* groups_fini(groups) - Free and make empty. */
void groups_fini(struct groups *groups);

/* group_source_name(g, i) - Borrowed from g. */
const char *group_source_name(const struct group *g, uint32_t i);

/*
 * group_convert(g, u, n, wanted, scale) - How numbers in the unit u[0..n)
 * (n 0: none) become the group's.  The first call settles that as wanted,
 * or, if wanted is NULL, as the unit that kW, W and MW are all counted in.
 * NULL, or what is wrong.
 */
const char *group_convert(struct group *g, const char *u, size_t n,
    const char *wanted, struct tally_scale *scale);

/*
 * group_stat_unit(g, stat, n) - The unit of a statistic, *n its length, 0 if
 * it has none.
 */
const char *group_stat_unit(
    const struct group *g, enum tally_stat stat, size_t *n);

#endif

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "event/unit.h"
#include "grid/group.h"

struct group *
groups_get(struct groups *groups, const char *topic)
{
	size_t n = strlen(topic);
	uint32_t id = index_get(&groups->by_topic, topic, n);
	struct group *g;

	if (id != INDEX_NONE)
		return groups->group[id];
	if (groups->n == groups->cap) {
		groups->cap = groups->cap * 2 + 16;
		groups->group = xrealloc(
		    groups->group, groups->cap * sizeof *groups->group);
	}
	g = xcalloc(1, sizeof *g);
	g->topic = xstrndup(topic, n);
	g->id = groups->n;
	groups->group[groups->n++] = g;
	index_put(&groups->by_topic, g->topic, n, g->id);
	return g;
}

static char *
source_key(const struct group *g, const char *name, size_t n)
{
	size_t tn = strlen(g->topic);
	char *key = xmalloc(tn + 1 + n + 1);

	memcpy(key, g->topic, tn);
	key[tn] = ' ';
	memcpy(key + tn + 1, name, n);
	key[tn + 1 + n] = '\0';
	return key;
}

uint32_t
groups_source(
    struct groups *groups, struct group *g, const char *name, size_t n)
{
	char *key = source_key(g, name, n);
	size_t kn = strlen(key), cap = g->nsources == 0 ? 1 : g->nsources;
	uint32_t i = index_get(&groups->by_source, key, kn);
	struct group_source source = { key, GROUP_NEVER, GROUP_ALWAYS };

	if (i != INDEX_NONE) {
		free(key);
		return i;
	}
	/* Grown at powers of two. */
	if ((g->nsources & (g->nsources - 1)) == 0)
		g->sources = xrealloc(g->sources, cap * 2 * sizeof source);
	g->sources[g->nsources] = source;
	index_put(&groups->by_source, key, kn, g->nsources);
	groups->nsources++;
	return g->nsources++;
}

const char *
group_source_name(const struct group *g, uint32_t i)
{
	return g->sources[i].key + strlen(g->topic) + 1;
}

static int
by_topic(const void *a, const void *b)
{
	const struct group *const *x = a, *const *y = b;

	return strcmp((*x)->topic, (*y)->topic);
}

void
groups_rank(struct groups *groups)
{
	struct group **order;

	if (groups->ranked == groups->n)
		return;
	order = xcalloc(groups->n, sizeof *order);
	memcpy(order, groups->group, groups->n * sizeof *order);
	qsort(order, groups->n, sizeof *order, by_topic);
	for (uint32_t i = 0; i < groups->n; i++)
		order[i]->rank = i;
	groups->ranked = groups->n;
	free(order);
}

void
groups_fini(struct groups *groups)
{
	for (uint32_t i = 0; i < groups->n; i++) {
		struct group *g = groups->group[i];

		for (uint32_t j = 0; j < g->nsources; j++)
			free(g->sources[j].key);
		free(g->sources);
		free(g->topic);
		free(g);
	}
	free(groups->group);
	index_fini(&groups->by_topic);
	index_fini(&groups->by_source);
	memset(groups, 0, sizeof *groups);
}

/* The unit that kW, W and MW are all counted in, by itself if there is none. */
static void
base_unit(struct group_unit *base, const char *u, size_t n)
{
	static const char *const bases[] = { "W", "Wh", "var", "varh", "VA",
		"VAh", "V", "A", "J", "Hz", "m", "s", "g", "Pa", "C" };
	struct tally_scale scale;
	int64_t mul, div;

	if (n > 0)
		memcpy(base->text, u, n);
	base->n = n;
	for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
		size_t bn = strlen(bases[i]);

		if (unit_ratio(u, n, bases[i], bn, &mul, &div) == 0 &&
		    tally_scale_set(&scale, mul, div) == 0 && scale.mul == 1) {
			memcpy(base->text, bases[i], bn);
			base->n = bn;
			return;
		}
	}
}

const char *
group_convert(struct group *g, const char *u, size_t n, const char *wanted,
    struct tally_scale *scale)
{
	struct group_unit *to = &g->unit;
	int64_t mul, div;

	if (n > GROUP_UNIT_MAX)
		return "is too long: no unit for the";
	if (!to->known && wanted != NULL) {
		to->n = strlen(wanted);
		memcpy(to->text, wanted, to->n);
	} else if (!to->known)
		base_unit(to, u, n);
	to->known = 1;
	scale->mul = 1;
	scale->shift = 0;
	if (n == to->n && memcmp(u, to->text, n) == 0)
		return NULL;
	if (n == 0 || to->n == 0 ||
	    unit_ratio(u, n, to->text, to->n, &mul, &div) == -1 ||
	    tally_scale_set(scale, mul, div) == -1)
		return "does not convert to the";
	return NULL;
}

const char *
group_stat_unit(const struct group *g, enum tally_stat stat, size_t *n)
{
	const char *u;

	*n = 0;
	if (stat == TALLY_ENERGY) {
		u = unit_energy(g->unit.text, g->unit.n);
		*n = u == NULL ? 0 : strlen(u);
		return u;
	}
	if (stat > TALLY_LAST)
		return NULL;
	*n = g->unit.n;
	return g->unit.text;
}

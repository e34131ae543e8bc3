#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/die.h"
#include "event/unit.h"
#include "grid/group.h"

/* In the name of a source: expected; a number in sources; dropped. */
static const uint32_t expected = UINT32_C(1) << 31;
static const uint32_t named = UINT32_C(1) << 30;
static const uint32_t gone = UINT32_C(1) << 29;

struct group *
groups_get(struct groups *groups, const char *topic, size_t n)
{
	uint32_t id = names_find(&groups->topics, topic, n);
	struct group *g;

	if (id != NAMES_NONE)
		return groups->group[id];
	id = names_add(&groups->topics, topic, n);
	if (id == NAMES_NONE)
		return NULL;
	if (id >= groups->cap) {
		groups->cap = groups->cap * 2 + 16;
		groups->group = xrealloc(
		    groups->group, groups->cap * sizeof *groups->group);
	}
	g = xcalloc(1, sizeof *g);
	g->id = id;
	groups->group[id] = g;
	groups->ranked = 0;
	return g;
}

const char *
group_topic(const struct groups *groups, const struct group *g)
{
	size_t n;

	return names_text(&groups->topics, g->id, &n);
}

static uint32_t
add_source(struct groups *groups, struct group *g, uint32_t name)
{
	groups->nsources++;
	if (g->free != 0) {
		uint32_t i = g->free - 1;

		g->free = g->name[i] & ~gone;
		g->dropped--;
		g->last[i] = GROUP_ALWAYS;
		g->name[i] = name;
		return i;
	}
	if (g->nsources == g->capsources) {
		g->capsources += g->capsources / 2 + 1;
		g->last = xrealloc(g->last, g->capsources * sizeof *g->last);
		g->name = xrealloc(g->name, g->capsources * sizeof *g->name);
	}
	g->last[g->nsources] = GROUP_ALWAYS;
	g->name[g->nsources] = name;
	return g->nsources++;
}

static void
set_slot(struct groups *groups, uint32_t number, uint32_t slot)
{
	if (number >= groups->capslots) {
		groups->capslots = groups->capslots * 2 + 64;
		groups->slot = xrealloc(
		    groups->slot, groups->capslots * sizeof *groups->slot);
	}
	groups->slot[number] = slot;
}

uint32_t
groups_source(
    struct groups *groups, struct group *g, const char *name, size_t n)
{
	struct buf key = { 0 };
	uint32_t number, slot = NAMES_NONE;

	buf_add(&key, &g->id, sizeof g->id);
	buf_add(&key, name, n);
	number = names_find(&groups->sources, key.p, key.len);
	if (number != NAMES_NONE)
		slot = groups->slot[number];
	else {
		number = names_add(&groups->sources, key.p, key.len);
		if (number < gone) {
			slot = add_source(groups, g, number | named);
			set_slot(groups, number, slot);
		}
	}
	buf_fini(&key);
	return slot;
}

uint32_t
groups_topic(struct groups *groups, struct group *g, uint32_t input)
{
	return input < gone ? add_source(groups, g, input) : NAMES_NONE;
}

const char *
group_source_name(
    const struct groups *groups, const struct group *g, uint32_t i)
{
	uint32_t name = g->name[i] & ~expected;
	size_t n;

	if (name & named)
		return names_text(&groups->sources, name & ~named, &n) +
		    sizeof g->id;
	return names_text(groups->inputs, name, &n);
}

uint32_t
group_source_input(const struct group *g, uint32_t i)
{
	return g->name[i] & (named | gone) ? NAMES_NONE
					   : g->name[i] & ~expected;
}

void
group_release(struct group *g, uint32_t i)
{
	g->name[i] &= ~expected;
	g->last[i] = GROUP_ALWAYS;
}

void
group_expect(struct group *g, uint32_t i)
{
	g->name[i] |= expected;
}

int
group_dropped(const struct group *g, uint32_t i)
{
	return (g->name[i] & gone) != 0;
}

void
groups_drop_source(struct groups *groups, struct group *g, uint32_t i)
{
	if (g->name[i] & named)
		names_drop(&groups->sources, g->name[i] & ~named & ~expected);
	g->last[i] = GROUP_ALWAYS;
	g->name[i] = g->free | gone;
	g->free = i + 1;
	g->dropped++;
	groups->nsources--;
}

int
group_is_empty(const struct group *g)
{
	return g->dropped == g->nsources;
}

static void
group_free(struct group *g)
{
	if (g == NULL)
		return;
	for (size_t f = 0; g->states != NULL && f < GROUP_FIELDS_MAX; f++)
		cells_fini(&g->states[f]);
	free(g->states);
	free(g->last);
	free(g->name);
	free(g);
}

void
groups_drop(struct groups *groups, struct group *g)
{
	names_drop(&groups->topics, g->id);
	groups->group[g->id] = NULL;
	group_free(g);
}

int
group_expected(const struct group *g, uint32_t i)
{
	return (g->name[i] & expected) != 0;
}

struct ranked {
	const char *topic;
	struct group *group;
};

static int
by_topic(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	return strcmp(x->topic, y->topic);
}

static void
rank(struct ranked *order, size_t n)
{
	qsort(order, n, sizeof *order, by_topic);
	for (size_t i = 0; i < n; i++)
		order[i].group->rank = (uint32_t)i;
	free(order);
}

static void
rank_all(struct groups *groups)
{
	struct ranked *order = xcalloc(groups->topics.n + 1, sizeof *order);
	size_t n = 0;

	for (uint32_t i = 0; i < groups->topics.n; i++) {
		if (groups->group[i] == NULL)
			continue;
		order[n].group = groups->group[i];
		order[n++].topic = group_topic(groups, groups->group[i]);
	}
	rank(order, n);
	groups->ranked = 1;
}

void
groups_rank(struct groups *groups, struct group *const *some, size_t n)
{
	struct ranked *order;

	if (groups->ranked)
		return;
	/* While new ones keep coming, all would be sorted again and again. */
	if (n >= groups->topics.n / 8) {
		rank_all(groups);
		return;
	}
	order = xcalloc(n + 1, sizeof *order);
	for (size_t i = 0; i < n; i++) {
		order[i].group = some[i];
		order[i].topic = group_topic(groups, some[i]);
	}
	rank(order, n);
}

void
groups_fini(struct groups *groups)
{
	for (uint32_t i = 0; i < groups->topics.n; i++)
		group_free(groups->group[i]);
	free(groups->group);
	free(groups->slot);
	names_fini(&groups->topics);
	names_fini(&groups->sources);
	memset(groups, 0, sizeof *groups);
}

/* Units. */

const struct group_unit *
group_unit(const struct groups *groups, const struct group *g, size_t field)
{
	return &groups->unit[g->unit[field]];
}

/* Number of the unit in the table, 0 if that is full. */
static uint8_t
unit_number(struct groups *groups, const char *u, size_t n)
{
	for (size_t i = 1; i <= groups->nunits; i++)
		if (groups->unit[i].n == n &&
		    memcmp(groups->unit[i].text, u, n) == 0)
			return (uint8_t)i;
	if (groups->nunits == GROUP_UNITS_MAX)
		return 0;
	memcpy(groups->unit[++groups->nunits].text, u, n);
	groups->unit[groups->nunits].n = (uint8_t)n;
	return (uint8_t)groups->nunits;
}

/* The unit that kW, W and MW are all counted in, by itself if there is none. */
static uint8_t
base_unit(struct groups *groups, const char *u, size_t n)
{
	static const char *const bases[] = { "W", "Wh", "var", "varh", "VA",
		"VAh", "V", "A", "J", "Hz", "m", "s", "g", "Pa", "C" };
	struct tally_scale scale;
	int64_t mul, div;

	for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
		size_t bn = strlen(bases[i]);

		if (unit_ratio(u, n, bases[i], bn, &mul, &div) == 0 &&
		    tally_scale_set(&scale, mul, div) == 0 && scale.mul == 1)
			return unit_number(groups, bases[i], bn);
	}
	return unit_number(groups, u, n);
}

const char *
group_convert(struct groups *groups, struct group *g, size_t field,
    const char *u, size_t n, const char *wanted, struct tally_scale *scale)
{
	const struct group_unit *to;
	int64_t mul, div;

	if (n > GROUP_UNIT_MAX)
		return "is too long: no unit for the";
	if (g->unit[field] == 0)
		g->unit[field] = wanted != NULL
		    ? unit_number(groups, wanted, strlen(wanted))
		    : base_unit(groups, u, n);
	if (g->unit[field] == 0)
		return "is one too many: no unit for the";
	to = group_unit(groups, g, field);
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

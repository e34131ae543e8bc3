#include <stdio.h>
#include <string.h>

#include "grid/window_part.h"

static void
refused(struct window_set *set, const struct group *g, const char *u, size_t n,
    const char *what)
{
	const struct group_unit *unit = group_unit(&set->groups, g, 0);
	const char *topic = group_topic(&set->groups, g);
	int un = n < GROUP_UNIT_MAX ? (int)n : GROUP_UNIT_MAX;
	char *why = set->why;

	if (un == 0 && unit->n == 0)
		snprintf(
		    why, WINDOW_WHY_MAX, "no unit: no energy of %.120s", topic);
	else if (un == 0)
		snprintf(why, WINDOW_WHY_MAX, "no unit, but %.120s is in %s",
		    topic, unit->text);
	else if (unit->n == 0)
		snprintf(why, WINDOW_WHY_MAX, "unit %.*s, but %.120s has none",
		    un, u, topic);
	else
		snprintf(why, WINDOW_WHY_MAX, "unit %.*s %s %s of %.120s", un,
		    u, what, unit->text, topic);
}

static int
is_from(const struct window_conversion *c, const char *u, size_t n)
{
	return n == c->n &&
	    (n == 0 ||
		(*u == *c->from && (n == 1 || memcmp(u, c->from, n) == 0)));
}

/* Its number, or 0, where there is room for one, if the table is full. */
static size_t
conversion_add(struct window_set *set, uint8_t to, const char *u, size_t n,
    const struct tally_scale *scale)
{
	struct window_conversion *c;
	size_t i = 1;

	for (; i <= set->nconversions; i++)
		if (set->conversion[i].to == to &&
		    is_from(&set->conversion[i], u, n))
			return i;
	if (i > WINDOW_CONVERSIONS_MAX)
		i = 0;
	else
		set->nconversions++;
	c = &set->conversion[i];
	if (n > 0)
		memcpy(c->from, u, n);
	c->n = (uint8_t)n;
	c->to = to;
	c->scale = *scale;
	return i;
}

const char *
window_convert(struct window_set *set, uint32_t input, const char *u, size_t n,
    const struct tally_scale **scale)
{
	const struct window_rule *rule = set->rule;
	struct group *g = set->groups.group[set->inputs[input].group];
	size_t i = set->unit[input], un;
	struct tally_scale made;
	const struct group_unit *unit;
	const char *what;

	if (i != 0 && is_from(&set->conversion[i], u, n)) {
		*scale = &set->conversion[i].scale;
		return NULL;
	}
	what = group_convert(&set->groups, g, 0, u, n, rule->unit, &made);
	unit = group_unit(&set->groups, g, 0);
	if (what == NULL && rule->wants.stats >> TALLY_ENERGY & 1 &&
	    tally_unit(TALLY_ENERGY, unit->text, unit->n, &un) == NULL)
		what = "is no power: no energy from the";
	if (what == NULL && rule->wants.stats >> TALLY_POWER & 1 &&
	    tally_unit(TALLY_POWER, unit->text, unit->n, &un) == NULL)
		what = "is no energy: no power from the";
	if (what != NULL) {
		refused(set, g, u, n, what);
		return set->why;
	}
	i = conversion_add(set, g->unit[0], u, n, &made);
	set->unit[input] = (uint8_t)i;
	*scale = &set->conversion[i].scale;
	return NULL;
}

#include <stdio.h>
#include <string.h>

#include "event/unit.h"
#include "grid/window_part.h"

static void
refused(struct window_set *set, const struct group *g, size_t f, const char *u,
    size_t n, const char *what)
{
	const struct group_unit *unit = group_unit(&set->groups, g, f);
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

/* Energy is made of powers, power of energies. */
static const char *
unit_fault(const struct partial_wants *wants, const struct group_unit *unit)
{
	size_t n;

	if (wants->stats >> TALLY_ENERGY & 1 &&
	    tally_unit(TALLY_ENERGY, unit->text, unit->n, &n) == NULL)
		return "is no power: no energy from the";
	if (wants->stats >> TALLY_POWER & 1 &&
	    tally_unit(TALLY_POWER, unit->text, unit->n, &n) == NULL)
		return "is no energy: no power from the";
	return NULL;
}

/* The unit of the rule, which is that of powers if energies are made of them.
 */
static const char *
unit_wanted(const struct window_rule *rule, const char *u, size_t n)
{
	const char *unit = rule->unit;

	if (unit == NULL || !(rule->wants.stats >> TALLY_ENERGY & 1) ||
	    unit_power(u, n) == NULL)
		return unit;
	return unit_energy(unit, strlen(unit));
}

const char *
window_convert(struct window_set *set, uint32_t input, size_t f, const char *u,
    size_t n, struct tally_scale *scale)
{
	struct group *g = set->groups.group[set->inputs[input].group];
	uint8_t *known = &set->unit[input * set->fields + f];
	const char *what;

	if (*known != 0 && is_from(&set->conversion[*known], u, n)) {
		*scale = set->conversion[*known].scale;
		return NULL;
	}
	what = group_convert(
	    &set->groups, g, f, u, n, unit_wanted(set->rule, u, n), scale);
	if (what == NULL)
		what = unit_fault(
		    &set->rule->wants, group_unit(&set->groups, g, f));
	if (what != NULL) {
		refused(set, g, f, u, n, what);
		return set->why;
	}
	*known = (uint8_t)conversion_add(set, g->unit[f], u, n, scale);
	return NULL;
}

/* By hour for energies, so that they become powers, or else by second. */
void
window_rate(const struct window_set *set, const struct group *g, size_t f,
    struct cell_rule *rule)
{
	const struct group_unit *unit = group_unit(&set->groups, g, f);

	*rule = set->rule->per_source;
	if (!window_counts(set))
		return;
	rule->counter.per = unit_power(unit->text, unit->n) != NULL
	    ? INT64_C(3600) * DATE_SECOND
	    : DATE_SECOND;
}

const char *
window_unit(const struct window_set *set, const struct group *g, size_t f,
    char *space, size_t *n)
{
	const struct group_unit *unit = group_unit(&set->groups, g, f);
	const char *power = unit_power(unit->text, unit->n);

	*n = unit->n;
	if (set->rule->per_source.how != CELL_RATE || unit->n == 0)
		return unit->text;
	if (power != NULL) {
		*n = strlen(power);
		return power;
	}
	memcpy(space, unit->text, unit->n);
	memcpy(space + unit->n, "/s", 2);
	*n += 2;
	return space;
}

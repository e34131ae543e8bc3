#include "grid/window_part.h"

static const int64_t hour = INT64_C(3600) * DATE_SECOND;

/* Slots at whose ends windows end. */
static struct slot_rule
base_rule(const struct window_rule *rule)
{
	struct slot_rule base = rule->slot;

	if (rule->slide > 0)
		base.width = rule->slide;
	return base;
}

static int64_t
steps(const struct window_rule *rule)
{
	return rule->slide > 0 ? rule->slot.width / rule->slide : 1;
}

/* The slot n slots after that one, or before it. */
static void
step(const struct window_rule *rule, struct slot *slot, int64_t n)
{
	struct slot_rule base = base_rule(rule);

	if (base.kind == SLOT_FIXED &&
	    (base.zone == NULL || base.width <= hour)) {
		slot->start += n * base.width;
		slot->end += n * base.width;
		return;
	}
	for (; n > 0 && slot->end < SLOT_TIME_MAX; n--)
		slot_at(&base, slot->end, slot);
	for (; n < 0 && slot->start > SLOT_TIME_MIN; n++)
		slot_at(&base, slot->start - 1, slot);
}

void
span_at(const struct window_rule *rule, int64_t t, struct span *span)
{
	struct slot_rule base = base_rule(rule);
	struct slot first, last;

	slot_at(&base, t, &span->base);
	span->slot = span->base;
	if (rule->every > 0) {
		span->slot.start +=
		    (t - span->slot.start) / rule->every * rule->every;
		if (span->slot.start + rule->every < span->slot.end)
			span->slot.end = span->slot.start + rule->every;
	}
	first = last = span->base;
	step(rule, &first, 1 - steps(rule));
	step(rule, &last, steps(rule) - 1);
	span->from = first.start;
	span->until = last.end;
	span->hold = span->slot.end + rule->stale > span->until
	    ? span->slot.end + rule->stale
	    : span->until;
}

int
span_next(const struct window_rule *rule, struct span *span)
{
	int64_t end = span->base.end;

	if (end >= span->hold)
		return 0;
	step(rule, &span->base, 1);
	return span->base.end > end;
}

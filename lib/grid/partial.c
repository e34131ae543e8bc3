#include <stdio.h>
#include <string.h>

#include "grid/partial_part.h"

enum { WHY_MAX = 128 };

const char *const partial_members[PARTIAL_MEMBERS] = {
	[PARTIAL_COUNTS] = "counts",
	[PARTIAL_VALUES] = "values",
	[PARTIAL_SUM] = "sum",
	[PARTIAL_SQ] = "sq",
	[PARTIAL_SKETCH] = "sketch",
	[PARTIAL_MIN] = "min",
	[PARTIAL_MAX] = "max",
	[PARTIAL_FIRST] = "first",
	[PARTIAL_LAST] = "last",
	[PARTIAL_MIN_AT] = "min_at",
	[PARTIAL_MAX_AT] = "max_at",
	[PARTIAL_FIRST_AT] = "first_at",
	[PARTIAL_LAST_AT] = "last_at",
	[PARTIAL_EXACT] = "exact",
	[PARTIAL_ESTIMATED] = "estimated",
	[PARTIAL_IGNORED] = "ignored",
	[PARTIAL_RESETS] = "resets",
};

const struct partial_timed partial_timed[PARTIAL_TIMED] = {
	{ TALLY_HAS_MIN, TALLY_MIN, TALLY_MIN_AT, PARTIAL_MIN, PARTIAL_MIN_AT,
	    0 },
	{ TALLY_HAS_MAX, TALLY_MAX, TALLY_MAX_AT, PARTIAL_MAX, PARTIAL_MAX_AT,
	    0 },
	{ TALLY_HAS_FIRST, TALLY_FIRST, TALLY_FIRST_AT, PARTIAL_FIRST,
	    PARTIAL_FIRST_AT, 1 },
	{ TALLY_HAS_LAST, TALLY_LAST, TALLY_LAST_AT, PARTIAL_LAST,
	    PARTIAL_LAST_AT, 1 },
};
static const char *
take_field(struct partial_fields *fields, const char *p, size_t n)
{
	char *name = fields->name[fields->n];
	int in_m = n > 2 && memcmp(p, "m.", 2) == 0;

	if (!in_m && !(n == 1 && *p == 'v'))
		return "neither v nor m.NAME";
	if (in_m) {
		p += 2;
		n -= 2;
	}
	if (n > PARTIAL_FIELD_MAX)
		return "name longer than 64 bytes";
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p[i] <= ' ' || p[i] == '"' || p[i] == '\\')
			return "character that no name here can have";
	memcpy(name, p, n);
	name[n] = '\0';
	for (size_t i = 0; i < fields->n; i++)
		if (strcmp(fields->name[i], name) == 0)
			return "the same name twice";
	if (in_m)
		fields->in_m |= 1u << fields->n;
	fields->n++;
	return NULL;
}

int
partial_fields(
    struct partial_fields *fields, const char *text, const char **why)
{
	*fields = (struct partial_fields){ 0 };
	for (;;) {
		size_t n = strcspn(text, ",");

		*why = fields->n == PARTIAL_FIELDS_MAX
		    ? "more than 8 fields"
		    : take_field(fields, text, n);
		if (*why != NULL)
			return -1;
		if (text[n] == '\0')
			return 0;
		text += n + 1;
	}
}

static const char *
take_want(struct partial_wants *wants, const char *p, size_t n)
{
	static char why[WHY_MAX];
	struct tally_want *want = &wants->want[wants->n];

	if (tally_want(want, p, n) == -1) {
		snprintf(why, sizeof why, "no statistic \"%.*s\"",
		    n > TALLY_NAME_MAX ? TALLY_NAME_MAX : (int)n, p);
		return why;
	}
	for (size_t i = 0; i < wants->n; i++)
		if (strcmp(wants->want[i].name, want->name) == 0) {
			snprintf(why, sizeof why, "%s twice", want->name);
			return why;
		}
	wants->n++;
	wants->parts |= tally_parts(want->stat);
	wants->stats |= 1u << want->stat;
	return NULL;
}

int
partial_wants(struct partial_wants *wants, const char *text, const char **why)
{
	*wants = (struct partial_wants){ 0 };
	for (;;) {
		size_t n = strcspn(text, ",");

		*why = wants->n == TALLY_WANTS_MAX ? "more than 32 statistics"
						   : take_want(wants, text, n);
		if (*why != NULL)
			return -1;
		if (text[n] == '\0')
			return 0;
		text += n + 1;
	}
}

void
partial_one(struct partial_wants *wants, enum tally_stat stat)
{
	const char *name = tally_stat_name(stat);

	*wants = (struct partial_wants){ 0 };
	take_want(wants, name, strlen(name));
}

const char *
partial_name(char *space, const struct partial_fields *fields, size_t f,
    const char *stat, int single)
{
	if (fields->n <= 1)
		return stat;
	if (single)
		return fields->name[f];
	snprintf(space, PARTIAL_NAME_SPACE, "%s.%s", fields->name[f], stat);
	return space;
}

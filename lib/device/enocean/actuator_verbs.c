#include "device/enocean/actuator_part.h"

#include <string.h>

enum { VERBS = 16 };

int
actuator_fits(const struct actuator_verb *v, const struct eep_profile *profile)
{
	uint32_t id = eep_profile_id(profile), type = id & 0xFF;

	if ((id & v->mask) != v->profile)
		return 0;
	if (v->types != 0 && (type > 31 || (v->types >> type & 1) == 0))
		return 0;
	return eep_message(profile, v->message, strlen(v->message)) != NULL;
}

static int
has_name(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return 1;
	return 0;
}

static int
has_message_for_it(const struct eep_profile *profile)
{
	const struct eep_message *m;
	int both;

	for (size_t i = 0; (m = eep_message_at(profile, i)) != NULL; i++)
		if (eep_message_direction(m, &both) == EEP_TO_DEVICE && !both)
			return 1;
	return 0;
}

const char *const *
actuator_verbs(const struct eep_profile *profile)
{
	static const char *names[VERBS + 1];
	size_t n = 0;

	for (size_t i = 0; i < actuator_rows && n < VERBS - 1; i++)
		if (!has_name(names, n, actuator_table[i].name) &&
		    actuator_fits(&actuator_table[i], profile))
			names[n++] = actuator_table[i].name;
	if (n > 0 || has_message_for_it(profile))
		names[n++] = "send";
	names[n] = NULL;
	return names;
}

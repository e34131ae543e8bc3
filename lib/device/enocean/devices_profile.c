#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "device/enocean/devices_part.h"
#include "device/enocean/generic.h"

enum { SHOWN = 80 }; /* bytes of a cell in a message */

static int
hex_digit(char c)
{
	const char *digits = "0123456789ABCDEF", *p;

	if (c >= 'a' && c <= 'f')
		c = (char)(c - 'a' + 'A');
	p = c != '\0' ? strchr(digits, c) : NULL;
	return p != NULL ? (int)(p - digits) : -1;
}

static int
read_definitions(const char *p, size_t n, char **out, struct buf *why)
{
	char *text;

	if (n == 0 || n % 2 != 0 || n > 2 * TELEGRAM_SPACE) {
		buf_adds(why, "profile: no hex digits of definitions");
		return -1;
	}
	text = xmalloc(n + 1);
	for (size_t i = 0; i < n; i++) {
		int digit = hex_digit(p[i]);

		if (digit < 0) {
			free(text);
			buf_adds(why, "profile: GP: not followed by hex");
			return -1;
		}
		text[i] = "0123456789ABCDEF"[digit];
	}
	text[n] = '\0';
	*out = text;
	return 0;
}

int
profile_read(const struct devices *d, const char *p, size_t n,
    struct profile_name *out, struct buf *why)
{
	uint32_t id;

	*out = (struct profile_name){ NULL, NULL };
	if (n > 3 && memcmp(p, "GP:", 3) == 0)
		return read_definitions(p + 3, n - 3, &out->definitions, why);
	if (n == 0) {
		buf_adds(why, "no profile");
		return -1;
	}
	if (eep_id(p, n, &id) < 0) {
		buf_addf(why, "profile \"%.*s\": not of the form A5-12-01",
		    n < SHOWN ? (int)n : SHOWN, p);
		return -1;
	}
	out->profile = eep_find(d->eep, id);
	if (out->profile == NULL) {
		buf_addf(why, "profile %.*s is in no table", (int)n, p);
		return -1;
	}
	return 0;
}

static int
add_generic(struct entry *e, const char *definitions, const struct eep *eep,
    const char **why)
{
	uint8_t bytes[TELEGRAM_SPACE];
	size_t n = strlen(definitions) / 2;

	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(hex_digit(definitions[2 * i]) << 4 |
		    hex_digit(definitions[2 * i + 1]));
	e->dev.generic = generic_new(bytes, n, eep_quantities(eep), why);
	if (e->dev.generic == NULL)
		return -1;
	e->definitions = xstrdup(definitions);
	return 0;
}

int
profile_add(const struct devices *d, struct entry *e,
    const struct profile_name *profile, struct buf *why)
{
	const char *wrong;

	if (entry_has(e, profile)) {
		buf_addf(why, "%s has this profile already", e->dev.name);
		return -1;
	}
	if (profile->definitions != NULL) {
		if (e->dev.generic != NULL) {
			buf_addf(why, "%s has another generic profile already",
			    e->dev.name);
			return -1;
		}
		if (add_generic(e, profile->definitions, d->eep, &wrong) < 0) {
			buf_addf(why, "generic profile: %s", wrong);
			return -1;
		}
		return 0;
	}
	if (e->dev.profiles == DEVICE_PROFILES) {
		buf_addf(why, "%s has more than %d profiles", e->dev.name,
		    DEVICE_PROFILES);
		return -1;
	}
	e->dev.profile[e->dev.profiles++] = profile->profile;
	return 0;
}

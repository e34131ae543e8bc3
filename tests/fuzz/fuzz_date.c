/*
 * Times: what is read is written so that it reads back, and a zone's local
 * time leads back to the moment.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/date.h"

enum { TEXT_MAX = 256 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(int ok)
{
	if (!ok)
		abort();
}

static void
check_back(int64_t t, const struct date_zone *zone)
{
	const int64_t first = -62135596800000000, last = 253402214400000000;
	struct buf b = { 0 };
	int64_t back;

	if (t < first || t > last)
		return;
	date_add(&b, t, zone);
	must(date_rfc3339(b.p, b.len, &back) == 0 && back == t);
	buf_fini(&b);
}

static void
check_zone(int64_t t, const struct date_zone *zone)
{
	int64_t offset, back;

	if (t > INT64_MAX / 4 || t < INT64_MIN / 4)
		return;
	offset = date_zone_offset(zone, t);
	must(offset > -27LL * 3600 * DATE_SECOND &&
	    offset < 27LL * 3600 * DATE_SECOND);
	must(date_zone_utc(zone, t + offset, t, &back) == 0 && back == t);
	check_back(t, zone);
}

static void
check_text(const char *s, size_t n, const struct date_zone *zone)
{
	static const char *const formats[] = { NULL, "%d/%m/%Y %H:%M:%S",
		"%Y%m%d%H%M%S.%f", "%c", "%j %y %p %I" };
	const char *why = NULL;
	int64_t t;

	if (date_rfc3339(s, n, &t) == 0)
		check_back(t, NULL);
	if (date_parse(s, 0, &t, &why) < 0)
		must(why != NULL);
	if (date_duration(s, &t) == 0)
		must(t >= 0);
	if (date_size(s, &t) == 0)
		must(t >= 0);
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (date_naive(s, n, formats[i], zone, INT64_MIN, &t, &why) ==
		    0)
			check_zone(t, zone);
	/* the text as a format, and as a zone's name */
	(void)date_naive("2013-11-01 00:30:00.25", 22, s, zone, 0, &t, &why);
	date_zone_close(date_zone_open(s));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct date_zone *zone[4];
	char text[TEXT_MAX + 1];
	int64_t t;
	size_t n = size < TEXT_MAX ? size : TEXT_MAX;

	if (zone[0] == NULL) {
		zone[0] = date_zone_open("Europe/London");
		zone[1] = date_zone_open("Australia/Lord_Howe");
		zone[2] = date_zone_open("-03:30");
		zone[3] = date_zone_open("Africa/Casablanca");
		must(zone[0] && zone[1] && zone[2] && zone[3]);
	}
	memcpy(text, data, n);
	text[n] = '\0';
	check_text(text, strlen(text), zone[n % 4]);
	if (size >= sizeof t) {
		memcpy(&t, data, sizeof t);
		for (int i = 0; i < 4; i++)
			check_zone(t, zone[i]);
	}
	return 0;
}

/*
 * Zones are read from the compiled IANA database (RFC 9636), not through
 * TZ and tzset(3), which belong to the whole process.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/date.h"
#include "base/die.h"

enum { FILE_MAX_BYTES = 1 << 20, LAST_YEAR = 2500, HEAD = 44 };

/* From .from on (seconds), local = t + .east; ascending. */
struct era {
	int64_t from;
	int32_t east;
};

struct date_zone {
	struct era *era; /* era[0].from is INT64_MIN */
	size_t n;
};

static void
add_era(struct date_zone *z, int64_t from, int32_t east)
{
	z->era = xrealloc(z->era, (z->n + 1) * sizeof *z->era);
	z->era[z->n].from = from;
	z->era[z->n++].east = east;
}

static int64_t
big_endian(const unsigned char *p, int n)
{
	uint64_t v = p[0] & 0x80 ? ~0ULL : 0;

	for (int i = 0; i < n; i++)
		v = v << 8 | p[i];
	return (int64_t)v;
}

/* One rule of a POSIX TZ string: when in a year the clock changes. */
struct rule {
	char kind; /* 'M', 'J', or 0: day from 0 */
	int month, week, day;
	int seconds; /* local time of the change */
};

static int
number(const char **p, int *out)
{
	int v = 0, n = 0;

	for (; **p >= '0' && **p <= '9' && n < 4; ++*p, n++)
		v = v * 10 + (**p - '0');
	*out = v;
	return n > 0 ? 0 : -1;
}

/* [+-]hh[:mm[:ss]] in seconds */
static int
clock_time(const char **p, int *out)
{
	int sign = 1, v, sum = 0;

	if (**p == '+' || **p == '-')
		sign = *(*p)++ == '-' ? -1 : 1;
	for (int unit = 3600; unit > 0; unit /= 60) {
		if (number(p, &v) < 0)
			return -1;
		sum += v * unit;
		if (**p != ':' || unit == 1)
			break;
		++*p;
	}
	*out = sign * sum;
	return 0;
}

static int
zone_name(const char **p)
{
	const char *s = *p;

	if (*s == '<') {
		while (*s != '\0' && *s != '>')
			s++;
		if (*s++ != '>')
			return -1;
	} else {
		while ((*s | 32) >= 'a' && (*s | 32) <= 'z')
			s++;
	}
	if (s == *p)
		return -1;
	*p = s;
	return 0;
}

static int
read_rule(const char **p, struct rule *r)
{
	if (*(*p)++ != ',')
		return -1;
	r->kind = 0;
	if (**p == 'M' || **p == 'J')
		r->kind = *(*p)++;
	if (number(p, &r->day) < 0)
		return -1;
	if (r->kind == 'M') {
		r->month = r->day;
		if (*(*p)++ != '.' || number(p, &r->week) < 0 ||
		    *(*p)++ != '.' || number(p, &r->day) < 0 || r->month < 1 ||
		    r->month > 12 || r->week < 1 || r->week > 5 || r->day > 6)
			return -1;
	}
	r->seconds = 7200;
	if (**p != '/')
		return 0;
	++*p;
	return clock_time(p, &r->seconds);
}

/* Local seconds since 1970 at which the rule acts in that year. */
static int64_t
rule_time(const struct rule *r, int year)
{
	int64_t first, day, next;
	int leap = date_days(year, 3, 1) - date_days(year, 2, 28) == 2;

	if (r->kind != 'M') {
		day = date_days(year, 1, 1) + r->day - (r->kind == 'J');
		if (r->kind == 'J' && leap && r->day >= 60)
			day++;
		return day * 86400 + r->seconds;
	}
	first = date_days(year, r->month, 1);
	next = r->month == 12 ? date_days(year + 1, 1, 1)
			      : date_days(year, r->month + 1, 1);
	/* 1970-01-01 was a Thursday, day 4 of a week from Sunday */
	day = first + (r->day - (first + 4) % 7 + 7) % 7 + (r->week - 1) * 7;
	while (day >= next)
		day -= 7;
	return day * 86400 + r->seconds;
}

/* What the footer says of the time after the last transition in the table. */
static int
read_footer(struct date_zone *z, const char *p)
{
	struct rule start, end;
	int std, dst;
	int64_t last = z->era[z->n - 1].from;

	if (*p == '\0')
		return 0;
	if (zone_name(&p) < 0 || clock_time(&p, &std) < 0)
		return -1;
	std = -std;
	if (*p == '\0')
		return 0;
	if (zone_name(&p) < 0)
		return -1;
	dst = std + 3600;
	if (*p != ',' && *p != '\0') {
		if (clock_time(&p, &dst) < 0)
			return -1;
		dst = -dst;
	}
	if (read_rule(&p, &start) < 0 || read_rule(&p, &end) < 0 || *p != '\0')
		return -1;
	for (int year = 1970; year <= LAST_YEAR; year++) {
		int64_t s = rule_time(&start, year) - std;
		int64_t e = rule_time(&end, year) - dst;
		int64_t at[2] = { s < e ? s : e, s < e ? e : s };

		for (int i = 0; i < 2; i++)
			if (at[i] > last)
				add_era(z, at[i], at[i] == s ? dst : std);
	}
	return 0;
}

/* Counts of a TZif header, RFC 9636 section 3.1. */
struct head {
	size_t isut, isstd, leap, times, types, chars;
};

static int
read_head(const unsigned char *p, size_t n, struct head *h)
{
	size_t *const count[] = { &h->isut, &h->isstd, &h->leap, &h->times,
		&h->types, &h->chars };

	if (n < HEAD || memcmp(p, "TZif", 4) != 0 || p[4] < '2')
		return -1;
	for (size_t i = 0; i < 6; i++) {
		*count[i] =
		    (size_t)(big_endian(p + 20 + i * 4, 4) & 0xffffffff);
		if (*count[i] > FILE_MAX_BYTES)
			return -1;
	}
	return h->types > 0 ? 0 : -1;
}

static size_t
body_size(const struct head *h, size_t width)
{
	return h->times * (width + 1) + h->types * 6 + h->chars +
	    h->leap * (width + 4) + h->isstd + h->isut;
}

static int
read_eras(struct date_zone *z, const unsigned char *p, const struct head *h)
{
	const unsigned char *index = p + h->times * 8, *type = index + h->times;

	add_era(z, INT64_MIN, (int32_t)big_endian(type, 4));
	for (size_t i = 0; i < h->times; i++) {
		int64_t at = big_endian(p + i * 8, 8);

		if (index[i] >= h->types ||
		    (i > 0 && at <= z->era[z->n - 1].from))
			return -1;
		add_era(z, at, (int32_t)big_endian(type + index[i] * 6, 4));
	}
	return 0;
}

/* The second, 64-bit block is the one to use; the first is for old readers. */
static int
read_tzif(struct date_zone *z, struct buf *b)
{
	const unsigned char *p = (const unsigned char *)buf_cstr(b);
	struct head h;
	size_t n = b->len, skip;
	char *footer, *end;

	if (read_head(p, n, &h) < 0 || (skip = HEAD + body_size(&h, 4)) > n)
		return -1;
	p += skip;
	n -= skip;
	if (read_head(p, n, &h) < 0 || (skip = HEAD + body_size(&h, 8)) > n ||
	    read_eras(z, p + HEAD, &h) < 0)
		return -1;
	footer = b->p + (b->len - (n - skip));
	if (*footer++ != '\n' || (end = strchr(footer, '\n')) == NULL)
		return -1;
	*end = '\0';
	return read_footer(z, footer);
}

static int
read_file(const char *name, struct buf *b)
{
	const char *dir = getenv("TZDIR");
	struct buf path = { 0 };
	ssize_t n = -1;
	int fd;

	buf_addf(
	    &path, "%s/%s", dir != NULL ? dir : "/usr/share/zoneinfo", name);
	fd = open(buf_cstr(&path), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	buf_fini(&path);
	if (fd < 0)
		return -1;
	while (b->len < FILE_MAX_BYTES &&
	    (n = read(fd, buf_room(b, 8192), 8192)) > 0)
		b->len += (size_t)n;
	close(fd);
	return n == 0 ? 0 : -1;
}

static int
fixed_offset(const char *s, int32_t *east)
{
	int64_t t;
	struct buf b = { 0 };
	int r;

	if (strcmp(s, "UTC") == 0 || strcmp(s, "Z") == 0)
		s = "+00:00";
	buf_addf(&b, "1970-01-03T00:00:00%s", s);
	r = *s == '+' || *s == '-' ? date_rfc3339(b.p, b.len, &t) : -1;
	buf_fini(&b);
	if (r == 0)
		*east = (int32_t)(2 * 86400 - t / DATE_SECOND);
	return r;
}

struct date_zone *
date_zone_open(const char *name)
{
	struct date_zone *z = xcalloc(1, sizeof *z);
	struct buf b = { 0 };
	int32_t east;
	int r;

	if (fixed_offset(name, &east) == 0) {
		add_era(z, INT64_MIN, east);
		return z;
	}
	r = *name == '\0' || *name == '/' || *name == '.' ||
		strstr(name, "..") != NULL
	    ? -1
	    : read_file(name, &b);
	if (r == 0)
		r = read_tzif(z, &b);
	buf_fini(&b);
	if (r < 0) {
		date_zone_close(z);
		return NULL;
	}
	return z;
}

void
date_zone_close(struct date_zone *zone)
{
	if (zone == NULL)
		return;
	free(zone->era);
	free(zone);
}

/* The last era that begins at or before t. */
static size_t
find(const struct date_zone *z, int64_t t)
{
	size_t low = 0, high = z->n;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (z->era[mid].from <= t)
			low = mid;
		else
			high = mid;
	}
	return low;
}

static int64_t
seconds(int64_t micros)
{
	return micros / DATE_SECOND - (micros % DATE_SECOND < 0);
}

int64_t
date_zone_offset(const struct date_zone *zone, int64_t t)
{
	return (int64_t)zone->era[find(zone, seconds(t))].east * DATE_SECOND;
}

int
date_zone_utc(
    const struct date_zone *zone, int64_t local, int64_t prev, int64_t *out)
{
	int64_t s = seconds(local), first = 0;
	int found = 0;

	/* offsets reach from -26 h to +26 h (RFC 9636 section 3.2) */
	for (size_t i = find(zone, s - 26 * 3600);
	     i < zone->n && zone->era[i].from <= s + 26 * 3600; i++) {
		int64_t east = zone->era[i].east, t = s - east;

		if (t < zone->era[i].from ||
		    (i + 1 < zone->n && t >= zone->era[i + 1].from))
			continue;
		t = local - east * DATE_SECOND;
		if (t >= prev) {
			*out = t;
			return 0;
		}
		if (!found)
			first = t;
		found = 1;
	}
	if (!found)
		return -1;
	*out = first;
	return 0;
}

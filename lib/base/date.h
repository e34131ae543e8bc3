/*
 * Times are int64_t microseconds since 1970-01-01T00:00:00Z everywhere.
 */
#ifndef SG_BASE_DATE_H
#define SG_BASE_DATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum { DATE_SECOND = 1000000 };

/*
 * date_now() - The wall clock, or SG_NOW (any form date_parse accepts) if
 * that is set: a fixed clock for tests.
 */
int64_t date_now(void);

/* date_mono() - A clock that never steps, for deadlines. */
int64_t date_mono(void);

/*
 * date_rfc3339(p, n, out) - RFC 3339 date-time with a zone (Z or +hh:mm).
 * 0, or -1 if it is none, is no real date, or has no zone.
 */
int date_rfc3339(const char *p, size_t n, int64_t *out);

/*
 * date_parse(s, now, out) - What the command line accepts for a time: RFC
 * 3339 with a zone, @unix[.frac], a duration with a minus sign (-2h, before
 * now), "now".  0, or -1 with *why naming what is wrong ("no time zone").
 */
int date_parse(const char *s, int64_t now, int64_t *out, const char **why);

/* date_duration(s, out) - 90 90s 250ms 3m 1h30m 2d 1w.  0 or -1. */
int date_duration(const char *s, int64_t *out);

/*
 * date_slot(s, now, from, to) - "15m", the last whole slot of that length on
 * the clock (UTC) before now, or "15m@-2", two before that one: [*from, *to).
 * NULL, or what is wrong with s.
 */
const char *date_slot(const char *s, int64_t now, int64_t *from, int64_t *to);

/* date_size(s, out) - 512 64K 10M 2G 1T, powers of 1024.  0 or -1. */
int date_size(const char *s, int64_t *out);

/*
 * A time zone for naive local times: "UTC", "+01:00", or a name of the IANA
 * database ("Europe/London").
 */
struct date_zone;

/* date_zone_open(name) - NULL if there is no such zone. */
struct date_zone *date_zone_open(const char *name);
void date_zone_close(struct date_zone *zone);

/*
 * date_zone_offset(zone, t) - Offset in microseconds of local time from UTC
 * at the moment t: local = t + offset.
 */
int64_t date_zone_offset(const struct date_zone *zone, int64_t t);

/*
 * date_zone_utc(zone, local, prev, out) - The moment at which the zone's
 * clock shows local (microseconds, as if it were UTC).  Of two moments the
 * first not before prev is taken, or the first if both are.  0, or -1 if
 * the clock skipped that time.
 */
int date_zone_utc(
    const struct date_zone *zone, int64_t local, int64_t prev, int64_t *out);

/* date_days(year, month, day) - Days since 1970-01-01, Gregorian. */
int64_t date_days(int year, int month, int day);

/*
 * date_naive(p, n, format, zone, prev, out) - A local time without zone.
 * format is a strptime(3) format with %f for a fraction of any length, or
 * NULL for ISO 8601 ("2013-11-01T00:00:00", a space for the T, fraction
 * optional).  A time the clock skipped is refused; of a time the clock
 * shows twice, the first not before prev is taken (prev INT64_MIN: the
 * first).  zone may be NULL if format carries one (%z, %s).  0, or -1 with
 * *why.
 */
int date_naive(const char *p, size_t n, const char *format,
    const struct date_zone *zone, int64_t prev, int64_t *out, const char **why);

/*
 * date_add(b, t, zone) - Append RFC 3339, fraction only if there is one,
 * "Z" if zone is NULL, else local time with its offset.
 */
void date_add(struct buf *b, int64_t t, const struct date_zone *zone);

#endif

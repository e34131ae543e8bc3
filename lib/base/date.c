#include "base/date.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/die.h"
#include "base/num.h"

enum { DAY = 86400, NAIVE_MAX = 128 };

/* A clock reading in the proleptic Gregorian calendar, without zone. */
struct reading {
	int year, month, day, hour, minute, second;
	int64_t micros;
	int zoned;    /* the text itself gave the zone */
	int64_t east; /* then: seconds east of UTC */
};

static pthread_once_t fixed_once = PTHREAD_ONCE_INIT;
static int fixed;
static int64_t fixed_now;

static int64_t
clock_micros(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * DATE_SECOND + ts.tv_nsec / 1000;
}

static void
read_fixed(void)
{
	const char *s = getenv("SG_NOW"), *why;

	if (s != NULL &&
	    date_parse(s, clock_micros(CLOCK_REALTIME), &fixed_now, &why) == 0)
		fixed = 1;
}

int64_t
date_now(void)
{
	pthread_once(&fixed_once, read_fixed);
	return fixed ? fixed_now : clock_micros(CLOCK_REALTIME);
}

int64_t
date_mono(void)
{
	return clock_micros(CLOCK_MONOTONIC);
}

static int
month_days(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
		31 };
	int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/*
 * Days from 1970-01-01: years begin in March here, so that the leap day is
 * the last of its year and a month's first day is a linear formula.
 */
int64_t
date_days(int year, int month, int day)
{
	int64_t y = (int64_t)year - (month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year =
	    (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
	    of_year - 719468;
}

static void
civil(int64_t days, int64_t *year, int *month, int *day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int doy = (int)(doe - (365 * yoe + yoe / 4 - yoe / 100));
	int mp = (5 * doy + 2) / 153;

	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = yoe + era * 400 + (*month <= 2);
}

/* Second 60 is a leap second: the next second's name in Unix time. */
static int
reading_valid(const struct reading *r)
{
	return r->month >= 1 && r->month <= 12 && r->day >= 1 &&
	    r->day <= month_days(r->year, r->month) && r->hour <= 23 &&
	    r->minute <= 59 && r->second <= 60;
}

static int64_t
reading_micros(const struct reading *r)
{
	int64_t s = date_days(r->year, r->month, r->day) * DAY +
	    r->hour * 3600 + r->minute * 60 + r->second;

	return s * DATE_SECOND + r->micros;
}

static int
digits(const char *p, int n)
{
	int v = 0;

	for (int i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -1;
		v = v * 10 + (p[i] - '0');
	}
	return v;
}

/* Digits after the point as microseconds, half up; how many digits. */
static size_t
fraction(const char *p, size_t n, int64_t *micros)
{
	int64_t v = 0;
	size_t i;

	for (i = 0; i < n && p[i] >= '0' && p[i] <= '9'; i++)
		if (i < 6)
			v = v * 10 + (p[i] - '0');
		else if (i == 6)
			v += p[i] >= '5';
	for (size_t k = i; k < 6; k++)
		v *= 10;
	*micros = v;
	return i;
}

/* The part both RFC 3339 and ISO 8601 local times share; its length or 0. */
static size_t
iso(const char *p, size_t n, struct reading *r)
{
	size_t used = 19, k;

	if (n < 19 || p[4] != '-' || p[7] != '-' ||
	    (p[10] != 'T' && p[10] != 't' && p[10] != ' ') || p[13] != ':' ||
	    p[16] != ':')
		return 0;
	r->year = digits(p, 4);
	r->month = digits(p + 5, 2);
	r->day = digits(p + 8, 2);
	r->hour = digits(p + 11, 2);
	r->minute = digits(p + 14, 2);
	r->second = digits(p + 17, 2);
	r->micros = 0;
	r->zoned = 0;
	if ((r->year | r->hour | r->minute | r->second) < 0)
		return 0;
	if (n > 19 && p[19] == '.') {
		k = fraction(p + 20, n - 20, &r->micros);
		if (k == 0)
			return 0;
		used += 1 + k;
	}
	return reading_valid(r) ? used : 0;
}

/* "Z" or "+hh:mm" as seconds east of UTC. */
static int
zone_offset(const char *p, size_t n, int *east)
{
	int h, m;

	*east = 0;
	if (n == 1 && (*p == 'Z' || *p == 'z'))
		return 0;
	if (n != 6 || (*p != '+' && *p != '-') || p[3] != ':')
		return -1;
	h = digits(p + 1, 2);
	m = digits(p + 4, 2);
	if (h < 0 || h > 23 || m < 0 || m > 59)
		return -1;
	*east = (h * 60 + m) * (*p == '-' ? -60 : 60);
	return 0;
}

/* A leap second ends a UTC day and no other minute. */
static int
second_valid(const struct reading *r, int64_t us)
{
	return r->second != 60 ||
	    (us - r->micros) % ((int64_t)DAY * DATE_SECOND) == 0;
}

int
date_rfc3339(const char *p, size_t n, int64_t *out)
{
	struct reading r;
	int64_t us;
	int east;
	size_t k = iso(p, n, &r);

	if (k == 0 || zone_offset(p + k, n - k, &east) < 0)
		return -1;
	us = reading_micros(&r) - (int64_t)east * DATE_SECOND;
	if (!second_valid(&r, us))
		return -1;
	*out = us;
	return 0;
}

/* Decimal seconds after '@', as microseconds. */
static int
unix_seconds(const char *s, int64_t *out)
{
	int negative = *s == '-';
	int64_t v = 0, micros = 0;
	size_t n;

	s += negative;
	n = strspn(s, "0123456789");
	if (n == 0 || n > 12)
		return -1;
	for (size_t i = 0; i < n; i++)
		v = v * 10 + (s[i] - '0');
	s += n;
	if (*s == '.') {
		n = fraction(s + 1, strlen(s + 1), &micros);
		if (n == 0)
			return -1;
		s += n + 1;
	}
	if (*s != '\0' || v >= 9200000000000)
		return -1;
	v = v * DATE_SECOND + micros;
	*out = negative ? -v : v;
	return 0;
}

int
date_parse(const char *s, int64_t now, int64_t *out, const char **why)
{
	struct reading r;
	size_t n = strlen(s);
	int64_t ago;

	if (strcmp(s, "now") == 0) {
		*out = now;
		return 0;
	}
	if (*s == '-') {
		*why = "not a duration";
		if (date_duration(s + 1, &ago) < 0)
			return -1;
		*out = now - ago;
		return 0;
	}
	if (*s == '@') {
		*why = "not a Unix time";
		return unix_seconds(s + 1, out);
	}
	*why = n > 0 && iso(s, n, &r) == n ? "no time zone" : "not a time";
	return date_rfc3339(s, n, out);
}

static int64_t
duration_unit(const char *s, size_t *n)
{
	static const struct {
		const char *name;
		int64_t micros;
	} units[] = { { "ms", 1000 }, { "w", 7LL * DAY * DATE_SECOND },
		{ "d", (int64_t)DAY * DATE_SECOND },
		{ "h", 3600LL * DATE_SECOND }, { "m", 60LL * DATE_SECOND },
		{ "s", DATE_SECOND } };

	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		*n = strlen(units[i].name);
		if (strncmp(s, units[i].name, *n) == 0)
			return units[i].micros;
	}
	return 0;
}

/* Digits at *s, which moves behind them. */
static int
take_number(const char **s, int64_t *out)
{
	const char *p = *s;
	int64_t v = 0;

	if (*p < '0' || *p > '9')
		return -1;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, *p - '0', &v))
			return -1;
	*s = p;
	*out = v;
	return 0;
}

int
date_duration(const char *s, int64_t *out)
{
	int64_t sum = 0, v, unit, last = INT64_MAX;
	const char *start = s;
	size_t n;

	do {
		if (take_number(&s, &v) < 0)
			return -1;
		unit = duration_unit(s, &n);
		if (unit == 0 && *s == '\0' && last == INT64_MAX &&
		    s != start) {
			unit = DATE_SECOND;
			n = 0;
		}
		if (unit == 0 || unit >= last)
			return -1;
		last = unit;
		s += n;
		if (__builtin_mul_overflow(v, unit, &v) ||
		    __builtin_add_overflow(sum, v, &sum))
			return -1;
	} while (*s != '\0');
	*out = sum;
	return 0;
}

const char *
date_slot(const char *s, int64_t now, int64_t *from, int64_t *to)
{
	size_t n = strcspn(s, "@");
	char *text = xstrndup(s, n);
	int64_t length, back = 0;
	int bad = date_duration(text, &length) != 0 || length <= 0;

	free(text);
	if (bad)
		return "not a duration";
	s += n;
	if (*s != '\0' &&
	    (s[1] != '-' || num_uint(s + 2, strlen(s + 2), &back) != 0 ||
		back > INT64_MAX / 2 / length))
		return "not DUR@-N";
	*to = now / length * length - back * length;
	*from = *to - length;
	return NULL;
}

int
date_size(const char *s, int64_t *out)
{
	static const char units[] = "KMGT";
	const char *u;
	int64_t v;

	if (take_number(&s, &v) < 0)
		return -1;
	if (*s != '\0') {
		u = strchr(units, *s);
		if (u == NULL || s[1] != '\0' ||
		    __builtin_mul_overflow(v, 1LL << (u - units + 1) * 10, &v))
			return -1;
	}
	*out = v;
	return 0;
}

/* strptime(3) plus %f, which stands for the digits of a fraction. */
static int
by_format(const char *text, const char *format, struct reading *r)
{
	struct tm tm = { .tm_mday = 1, .tm_year = 70 };
	char part[NAIVE_MAX];
	const char *f;

	r->micros = 0;
	r->zoned = 0;
	for (; *format != '\0'; format = f) {
		for (f = format; *f != '\0' && !(*f == '%' && f[1] == 'f'); f++)
			if (*f == '%' && f[1] != '\0')
				r->zoned |= *++f == 'z' || *f == 's';
		if (f == format) {
			size_t n = fraction(text, strlen(text), &r->micros);

			if (n == 0)
				return -1;
			text += n;
			f += 2;
			continue;
		}
		if ((size_t)(f - format) >= sizeof part)
			return -1;
		memcpy(part, format, (size_t)(f - format));
		part[f - format] = '\0';
		text = strptime(text, part, &tm);
		if (text == NULL)
			return -1;
	}
	r->year = tm.tm_year + 1900;
	r->month = tm.tm_mon + 1;
	r->day = tm.tm_mday;
	r->hour = tm.tm_hour;
	r->minute = tm.tm_min;
	r->second = tm.tm_sec;
	r->east = tm.tm_gmtoff;
	return *text == '\0' && reading_valid(r) ? 0 : -1;
}

int
date_naive(const char *p, size_t n, const char *format,
    const struct date_zone *zone, int64_t prev, int64_t *out, const char **why)
{
	char text[NAIVE_MAX];
	struct reading r;
	int64_t us;

	*why = "not a time";
	if (format == NULL) {
		if (n == 0 || iso(p, n, &r) != n)
			return -1;
	} else {
		if (n >= sizeof text || memchr(p, '\0', n) != NULL)
			return -1;
		memcpy(text, p, n);
		text[n] = '\0';
		if (by_format(text, format, &r) < 0)
			return -1;
	}
	*why = "no time zone";
	us = reading_micros(&r);
	if (r.zoned)
		us -= r.east * DATE_SECOND;
	else if (zone == NULL)
		return -1;
	*why = "no such local time: the clock skipped it";
	if (!r.zoned && date_zone_utc(zone, us, prev, &us) < 0)
		return -1;
	*why = "not a time";
	if (!second_valid(&r, us))
		return -1;
	*out = us;
	return 0;
}

static void
two(char *p, int v)
{
	p[0] = (char)('0' + v / 10);
	p[1] = (char)('0' + v % 10);
}

static void
add_offset(struct buf *b, int64_t offset)
{
	int64_t minutes = offset / (60 * DATE_SECOND);
	char p[6];

	p[0] = minutes < 0 ? '-' : '+';
	if (minutes < 0)
		minutes = -minutes;
	two(p + 1, (int)(minutes / 60));
	p[3] = ':';
	two(p + 4, (int)(minutes % 60));
	buf_add(b, p, sizeof p);
}

void
date_add(struct buf *b, int64_t t, const struct date_zone *zone)
{
	int64_t offset = zone == NULL ? 0 : date_zone_offset(zone, t);
	int64_t s, micros, days, year;
	int month, day, rest;
	char p[32];
	size_t n;

	/* RFC 3339 has whole minutes only, local mean time may have seconds */
	offset -= offset % (60 * DATE_SECOND);
	t += offset;
	s = t / DATE_SECOND - (t % DATE_SECOND < 0);
	micros = t - s * DATE_SECOND;
	days = s / DAY - (s % DAY < 0);
	rest = (int)(s - days * DAY);
	civil(days, &year, &month, &day);
	if (year < 0 || year > 9999) {
		buf_addf(b, "%lld", (long long)year);
	} else {
		two(p, (int)(year / 100));
		two(p + 2, (int)(year % 100));
		buf_add(b, p, 4);
	}
	memcpy(p, "-..-..T..:..:..", 15);
	two(p + 1, month);
	two(p + 4, day);
	two(p + 7, rest / 3600);
	two(p + 10, rest / 60 % 60);
	two(p + 13, rest % 60);
	n = 15;
	if (micros != 0) {
		p[n++] = '.';
		for (int64_t unit = 100000; micros != 0; unit /= 10) {
			p[n++] = (char)('0' + micros / unit);
			micros %= unit;
		}
	}
	buf_add(b, p, n);
	if (zone == NULL)
		buf_addc(b, 'Z');
	else
		add_offset(b, offset);
}

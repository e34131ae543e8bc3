#include "grid/household.h"

#include "base/mix.h"

enum { SECOND = 1000000, HOUR = 3600, DAY = 86400, LOAD_MIN = 100 };

/* Lighting, screens and hot meals of an average household, watts by hour. */
static const int32_t weekday[25] = { 90, 70, 60, 55, 55, 70, 150, 240, 220, 150,
	130, 130, 150, 140, 125, 140, 210, 310, 390, 410, 390, 340, 250, 150,
	90 };
static const int32_t weekend[25] = { 110, 85, 70, 60, 55, 60, 85, 140, 220, 270,
	280, 270, 290, 270, 230, 220, 250, 320, 380, 390, 370, 340, 270, 180,
	110 };

/* Switched on once a day at most, somewhere between two hours. */
static const struct appliance {
	int32_t watts, seconds;
	int32_t from, to;	  /* h */
	int32_t percent;	  /* of the days */
	int32_t watts2, seconds2; /* then */
} appliances[] = {
	{ 2000, 150, 6, 9, 85, 0, 0 }, /* kettle */
	{ 2000, 150, 12, 15, 45, 0, 0 }, { 2000, 180, 16, 22, 75, 0, 0 },
	{ 1700, 2100, 17, 20, 70, 600, 900 },  /* cooker */
	{ 1100, 240, 11, 14, 40, 0, 0 },       /* microwave */
	{ 2000, 1200, 8, 20, 30, 250, 4200 },  /* washing machine */
	{ 1900, 1000, 19, 22, 45, 150, 3600 }, /* dishwasher */
	{ 1400, 900, 9, 19, 15, 0, 0 },	       /* vacuum cleaner, iron */
};

enum { APPLIANCES = sizeof appliances / sizeof appliances[0], CAR = 64 };

/* From low to high - 1, by the bits of x. */
static int32_t
within(uint64_t x, int32_t low, int32_t high)
{
	return low + (int32_t)((x >> 32) * (uint64_t)(high - low) >> 32);
}

void
household_init(struct household *h, uint64_t seed, uint64_t number)
{
	uint64_t key = mix64(seed, number);

	*h = (struct household){ .key = key };
	h->standby = within(mix64(key, 1), 200, 1200);
	/* The sum of two: most are near the middle. */
	h->size =
	    within(mix64(key, 2), 25, 100) + within(mix64(key, 3), 25, 100);
	h->shift = within(mix64(key, 4), -5400, 5400);
	h->fridge = within(mix64(key, 5), 700, 1500);
	h->cycle = within(mix64(key, 6), 2400, 4500);
	h->phase = within(mix64(key, 7), 0, h->cycle);
	if (within(mix64(key, 8), 0, 100) < 8)
		h->car = within(mix64(key, 9), 0, 2) ? 72000 : 36000;
}

/* Times before 1970 are negative: round down, not towards zero. */
static int64_t
whole(int64_t t, int64_t unit)
{
	return t / unit - (t % unit < 0);
}

/* Of the day's habits at second s, tenths of a watt. */
static int64_t
habits(const struct household *h, int64_t day, int32_t s)
{
	/* 1970-01-01 was a Thursday. */
	const int64_t since_sunday = day + 4 - whole(day + 4, 7) * 7;
	const int32_t *w =
	    since_sunday == 0 || since_sunday == 6 ? weekend : weekday;
	int32_t hour = s / HOUR, rest = s % HOUR;
	int64_t watts =
	    (int64_t)w[hour] * (HOUR - rest) + (int64_t)w[hour + 1] * rest;

	return watts * h->size / (HOUR * 10);
}

/* What appliance i takes, s seconds into the day. */
static int64_t
appliance(const struct household *h, int64_t day, unsigned i, int32_t s)
{
	const struct appliance *a = &appliances[i];
	uint64_t x = mix64(h->key ^ (uint64_t)day, 16 + i);
	int32_t on;

	if (within(x << 32, 0, 100) >= a->percent)
		return 0;
	on = s - within(x, a->from * HOUR, a->to * HOUR);
	if (on < 0)
		return 0;
	if (on < a->seconds)
		return a->watts * 10;
	return on < a->seconds + a->seconds2 ? a->watts2 * 10 : 0;
}

/* s seconds after the day began, and perhaps after it has ended. */
static int64_t
car(const struct household *h, int64_t day, int32_t s)
{
	uint64_t x = mix64(h->key ^ (uint64_t)day, CAR);
	int32_t begin = within(x, 18 * HOUR, 24 * HOUR);
	int32_t length = within(x << 32, HOUR, 5 * HOUR);

	if (h->car == 0 || (x & 3) == 0)
		return 0;
	return s >= begin && s < begin + length ? h->car : 0;
}

int64_t
household_load(const struct household *h, int64_t t)
{
	int64_t now = whole(t, SECOND), local = now + h->shift;
	int64_t day = whole(local, DAY), load;
	int32_t s = (int32_t)(local - day * DAY);
	unsigned i;

	load = h->standby + habits(h, day, s);
	if (now + h->phase - whole(now + h->phase, h->cycle) * h->cycle <
	    h->cycle * 2 / 5)
		load += h->fridge;
	for (i = 0; i < APPLIANCES; i++)
		load += appliance(h, day, i, s);
	load += car(h, day, s) + car(h, day - 1, s + DAY);
	/* A few percent from one second to the next. */
	load +=
	    load * within(mix64(h->key, (uint64_t)now << 8), -30, 31) / 1000;
	return load > LOAD_MIN ? load : LOAD_MIN;
}

#include "grid/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/die.h"
#include "base/mix.h"
#include "base/num.h"
#include "event/event.h"
#include "event/topic.h"
#include "grid/household.h"

enum {
	NAME = 32,
	MILLION = 1000000,
	DIGITS = 6, /* of a meter's number, at least */
	SPEED_MAX = 1000000,
	RATE_MAX = 1000000, /* events of a meter a second */
	SALT_JITTER = 1 << 20
};

static const char capture[] = "{meter}", pad[] = ",\"pad\":\"\"";

struct fleet {
	struct fleet_plan plan;
	struct household *household;
	char *before, *after; /* of the topic, about the number */
	struct buf name;
	struct fleet_event *heap; /* the next one of each meter */
	size_t nheap;
	int begun;
};

void
fleet_free(struct fleet *f)
{
	if (f == NULL)
		return;
	free(f->household);
	free(f->before);
	free(f->after);
	buf_fini(&f->name);
	free(f->heap);
	free(f);
}

static void
add_number(const struct fleet *f, struct buf *b, uint32_t meter)
{
	char text[DIGITS];
	uint64_t number = (uint64_t)f->plan.first + meter, v = number;
	int i;

	for (i = DIGITS; i > 0; v /= 10)
		text[--i] = (char)('0' + v % 10);
	if (v == 0)
		buf_add(b, text, DIGITS);
	else
		buf_addu(b, number);
}

static void
add_name(const struct fleet *f, struct buf *b, uint32_t meter)
{
	buf_adds(b, "METER/");
	add_number(f, b, meter);
}

const char *
fleet_name(struct fleet *f, uint32_t meter)
{
	buf_clear(&f->name);
	add_name(f, &f->name, meter);
	return buf_cstr(&f->name);
}

static void
add_topic(const struct fleet *f, struct buf *b, uint32_t meter)
{
	buf_adds(b, f->before);
	if (f->after == NULL)
		return;
	add_number(f, b, meter);
	buf_adds(b, f->after);
}

/* An event as it is without padding, up to its closing brace. */
static void
add_event(const struct fleet *f, struct buf *b, uint32_t meter, uint64_t k,
    int64_t due, int64_t load)
{
	buf_adds(b, "{\"topic\":\"");
	add_topic(f, b, meter);
	buf_adds(b, "\",\"t\":");
	num_add_micros(b, due);
	buf_adds(b, ",\"v\":");
	buf_addi(b, load / 10);
	if (load % 10 != 0) {
		buf_addc(b, '.');
		buf_addi(b, load % 10);
	}
	buf_adds(b, ",\"u\":\"W\",\"src\":\"");
	add_name(f, b, meter);
	buf_adds(b, "\",\"ep\":");
	buf_addi(b, f->plan.since / DATE_SECOND);
	buf_adds(b, ",\"seq\":");
	buf_addu(b, k);
}

void
fleet_line(const struct fleet *f, uint32_t meter, uint64_t k, struct buf *b)
{
	size_t from = b->len, n;
	int64_t due = fleet_due(f, meter, k);

	add_event(
	    f, b, meter, k, due, household_load(&f->household[meter], due));
	if (f->plan.size != 0) {
		buf_add(b, pad, sizeof pad - 2);
		n = f->plan.size - (b->len - from) - 2;
		memset(buf_room(b, n), 'x', n);
		b->len += n;
		buf_addc(b, '"');
	}
	buf_adds(b, "}\n");
}

/* Evenly over the time from one event to the next, whatever their number. */
static int64_t
phase(const struct fleet *f, uint32_t meter)
{
	const struct fleet_rate *r = &f->plan.rate;
	uint64_t turn = mix64(f->plan.seed, 0) +
	    ((uint64_t)f->plan.first + meter) * 0x9e3779b97f4a7c15u;
	int64_t us =
	    (int64_t)((unsigned __int128)(r->per / r->events) * turn >> 64);

	return r->per / r->events < DATE_SECOND ? us : us - us % 1000;
}

static int64_t
jitter(const struct fleet *f, uint32_t meter, uint64_t k)
{
	uint64_t x;

	if (f->plan.jitter == 0)
		return 0;
	x = mix64(f->household[meter].key, SALT_JITTER + k);
	return (int64_t)((unsigned __int128)f->plan.jitter * x >> 64);
}

/* The share of the limit that is this meter's. */
static uint64_t
most(const struct fleet *f, uint32_t meter)
{
	const uint64_t limit = (uint64_t)f->plan.limit, n = f->plan.meters;

	return limit == 0 ? UINT64_MAX : limit / n + (meter < limit % n);
}

int64_t
fleet_due(const struct fleet *f, uint32_t meter, uint64_t k)
{
	const struct fleet_rate *r = &f->plan.rate;
	__int128 at;

	if (k > most(f, meter))
		return INT64_MAX;
	at = (__int128)(k - 1) * r->per / r->events + phase(f, meter);
	if ((f->plan.length != 0 && at >= f->plan.length) || at > INT64_MAX / 4)
		return INT64_MAX;
	return f->plan.since + (int64_t)at + jitter(f, meter, k);
}

/* How many events meter i has. */
static uint64_t
events(const struct fleet *f, uint32_t i)
{
	const struct fleet_rate *r = &f->plan.rate;
	const int64_t left = f->plan.length - phase(f, i);
	uint64_t n = 0;

	if (f->plan.length == 0)
		return most(f, i);
	/* As many k from 0 as have k * per / events, rounded down, below. */
	if (left > 0)
		n = (uint64_t)(((__int128)left * r->events + r->per - 1) /
		    r->per);
	return n < most(f, i) ? n : most(f, i);
}

int64_t
fleet_events(const struct fleet *f)
{
	uint64_t sum = 0;
	uint32_t i;

	if (f->plan.length == 0 && f->plan.limit == 0)
		return INT64_MAX;
	for (i = 0; i < f->plan.meters; i++)
		sum += events(f, i);
	return sum < INT64_MAX ? (int64_t)sum : INT64_MAX;
}

int64_t
fleet_end(const struct fleet *f)
{
	int64_t end = f->plan.since, due;
	uint64_t n;
	uint32_t i;

	if (f->plan.length == 0 && f->plan.limit == 0)
		return INT64_MAX;
	for (i = 0; i < f->plan.meters; i++) {
		n = events(f, i);
		due = n > 0 ? fleet_due(f, i, n) : end;
		if (due > end)
			end = due;
	}
	return end;
}

static int
before(const struct fleet_event *a, const struct fleet_event *b)
{
	return a->due < b->due || (a->due == b->due && a->meter < b->meter);
}

static void
sift_down(struct fleet *f, size_t at)
{
	struct fleet_event e = f->heap[at];
	size_t child;

	while ((child = at * 2 + 1) < f->nheap) {
		if (child + 1 < f->nheap &&
		    before(&f->heap[child + 1], &f->heap[child]))
			child++;
		if (!before(&f->heap[child], &e))
			break;
		f->heap[at] = f->heap[child];
		at = child;
	}
	f->heap[at] = e;
}

static void
heap_make(struct fleet *f)
{
	struct fleet_event *e;
	uint32_t i;
	size_t at;

	f->begun = 1;
	f->heap = xcalloc(f->plan.meters, sizeof *f->heap);
	for (i = 0; i < f->plan.meters; i++) {
		e = &f->heap[f->nheap];
		*e = (struct fleet_event){ fleet_due(f, i, 1), i, 1 };
		f->nheap += e->due != INT64_MAX;
	}
	for (at = f->nheap / 2; at > 0; at--)
		sift_down(f, at - 1);
}

int
fleet_next(struct fleet *f, struct fleet_event *event)
{
	struct fleet_event *top;

	if (!f->begun)
		heap_make(f);
	if (f->nheap == 0)
		return 0;
	top = &f->heap[0];
	*event = *top;
	top->due = fleet_due(f, top->meter, ++top->k);
	if (top->due == INT64_MAX)
		*top = f->heap[--f->nheap];
	if (f->nheap > 0)
		sift_down(f, 0);
	return 1;
}

/* Cut the topic at {meter}. */
static const char *
topic_cut(struct fleet *f, const char *topic)
{
	const char *at = strstr(topic, capture);
	struct buf longest = { 0 };
	const char *why;

	if (at == NULL && f->plan.meters > 1)
		return "topic: without {meter} all meters would have the same";
	f->before =
	    at == NULL ? xstrdup(topic) : xstrndup(topic, (size_t)(at - topic));
	if (at != NULL)
		f->after = xstrdup(at + sizeof capture - 1);
	add_topic(f, &longest, f->plan.meters - 1);
	why = longest.p[0] == '$' ? "begins with $"
				  : topic_check(longest.p, longest.len);
	buf_fini(&longest);
	return why;
}

/* The longest event that there could be has to fit. */
static size_t
size_least(const struct fleet *f)
{
	struct buf b = { 0 };
	size_t n;

	/* Five digits before the point of v and a t to the microsecond. */
	add_event(f, &b, f->plan.meters - 1, INT64_MAX,
	    f->plan.since / DATE_SECOND * DATE_SECOND + 123456, 300001);
	n = b.len + sizeof pad;
	buf_fini(&b);
	return n;
}

static const char *
check(struct fleet *f, char *space, size_t n)
{
	const struct fleet_plan *p = &f->plan;
	const char *why;

	if (p->meters == 0)
		return "no meters";
	if (p->meters > UINT32_MAX - p->first)
		return "meter numbers end at 4294967295";
	why = topic_cut(f, p->topic);
	if (why != NULL)
		return why;
	if (p->jitter > p->rate.per / p->rate.events)
		return "jitter: longer than from one event to the next";
	if (p->size > EVENT_LINE_MAX)
		return "size: a line has at most 1048576 bytes";
	if (p->size == 0 || p->size >= size_least(f))
		return NULL;
	snprintf(
	    space, n, "size: these events need up to %zu bytes", size_least(f));
	return space;
}

struct fleet *
fleet_new(const struct fleet_plan *plan, const char **why)
{
	static char space[NAME * 3];
	struct fleet *f = xcalloc(1, sizeof *f);
	uint32_t i;

	f->plan = *plan;
	*why = check(f, space, sizeof space);
	f->plan.topic = NULL; /* it is cut */
	if (*why != NULL) {
		fleet_free(f);
		return NULL;
	}
	f->household = xcalloc(plan->meters, sizeof *f->household);
	for (i = 0; i < plan->meters; i++)
		household_init(
		    &f->household[i], plan->seed, (uint64_t)plan->first + i);
	return f;
}

const char *
fleet_rate(const char *s, struct fleet_rate *rate)
{
	const char *slash = strchr(s, '/'), *unit;
	char one[NAME];

	if (slash == NULL || slash[1] == '\0')
		return "not like 1/s or 4/15m";
	unit = slash + 1;
	/* "s" stands for "1s". */
	snprintf(one, sizeof one, "%s%s",
	    *unit >= '0' && *unit <= '9' ? "" : "1", unit);
	if (num_uint(s, (size_t)(slash - s), &rate->events) != 0 ||
	    strlen(unit) + 1 >= sizeof one ||
	    date_duration(one, &rate->per) != 0)
		return "not like 1/s or 4/15m";
	if (rate->events == 0 || rate->per == 0)
		return "must be above 0";
	if ((__int128)rate->events * DATE_SECOND >
	    (__int128)rate->per * RATE_MAX)
		return "at most 1000000 a second";
	return NULL;
}

const char *
fleet_speed(const char *s, int64_t *speed)
{
	size_t n = strlen(s);

	*speed = 0;
	if (strcmp(s, "max") == 0)
		return NULL;
	if (n > 0 && s[n - 1] == 'x')
		n--;
	if (num_micros(s, n, speed) != 0)
		return "neither like 60x nor max";
	if (*speed <= 0 || *speed > (int64_t)SPEED_MAX * MILLION)
		return "must be above 0 and at most 1000000x";
	return NULL;
}

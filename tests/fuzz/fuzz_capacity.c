/*
 * Capacity: a rate, a link or a figure that is taken is within its bounds and
 * reads back from what is printed of it; of any event the length is counted in
 * every form, and taking its signature off leaves an event.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "bus/mark.h"
#include "event/event.h"
#include "grid/capacity.h"
#include "grid/traffic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(int ok)
{
	if (!ok)
		abort();
}

static void
check_rate(const char *p, size_t n)
{
	int64_t mbps, again;
	struct buf b = { 0 };

	if (capacity_rate(p, n, &mbps) < 0)
		return;
	must(mbps > 0 && mbps <= CAPACITY_RATE_MAX);
	ratio_add(&b, ratio_of((uint64_t)mbps, 1000000), 0, 6);
	must(capacity_rate(b.p, b.len, &again) == 0 && again == mbps);
	buf_fini(&b);
}

static void
check_link(const char *p, size_t n)
{
	struct buf b = { 0 };
	int64_t down, up;

	buf_add(&b, p, n);
	if (capacity_link(buf_cstr(&b), &down, &up) == 0)
		must(down > 0 && down <= CAPACITY_RATE_MAX && up >= 0 &&
		    up <= CAPACITY_RATE_MAX);
	buf_fini(&b);
}

/* The figure itself is printed as it stood, but for zeros before it. */
static void
check_figure(const char *p, size_t n)
{
	struct capacity_figure f, again;
	struct buf b = { 0 };
	uint64_t den = 1;
	struct ratio r;

	if (capacity_printed(p, n, &f) < 0)
		return;
	for (int i = 0; i < f.places; i++)
		den *= 10;
	r = ratio_of(
	    (unsigned __int128)f.digits * (f.thousands ? 1000 : 1), den);
	must(capacity_agrees(&f, r));
	capacity_add(&b, &f, r);
	must(capacity_printed(b.p, b.len, &again) == 0 &&
	    again.digits == f.digits && again.places == f.places &&
	    again.thousands == f.thousands);
	buf_fini(&b);
}

static void
check_event(const char *p, size_t n)
{
	struct traffic_form form[TRAFFIC_FORMS];
	struct traffic *t;
	struct event e;
	const char *why = NULL;
	int whole =
	    event_scan(&e, p, n, &why) == 0 && event_complete(&e, &why) == 0;
	int counts = whole && !mark_is(&e);

	t = traffic_new(1 + (int64_t)(n % 5));
	for (int i = 0; i < 3; i++)
		must((traffic_add(t, p, n, &why) == 0) == whole);
	must(traffic_events(t) == (counts ? 3 : 0));
	traffic_end(t, form);
	for (int i = 0; counts && i < TRAFFIC_FORMS; i++)
		must(form[i].events > 0 && form[i].bytes > 0);
	if (counts && !event_has(&e, EVENT_SIG))
		must(form[1].bytes > form[0].bytes);
	traffic_free(t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data;

	if (size == 0)
		return 0;
	check_rate(p, size);
	check_link(p, size);
	check_figure(p, size);
	check_event(p, size);
	return 0;
}

/*
 * Whatever the event, each format is one line, SenML is JSON, and a line
 * with its receiver's members is still an event with these members.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "event/event.h"
#include "event/format.h"
#include "event/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct format_meta meta = { 1795388401000250, "flat12", 6, "A.7",
	3, 42 };

static void
require(int truth)
{
	if (!truth)
		abort();
}

static size_t
count(const struct buf *b, char c)
{
	size_t n = 0;

	for (size_t i = 0; i < b->len; i++)
		n += b->p[i] == c;
	return n;
}

static void
check_json(const struct buf *b, const struct event *e)
{
	struct event again;
	const char *why;

	if (event_scan(&again, b->p, b->len - 1, &why) != 0) {
		/* Three more members may pass the limit on members. */
		require(strstr(why, "members") != NULL ||
		    strstr(why, "long") != NULL);
		return;
	}
	require(event_has(&again, EVENT_RT) && event_has(&again, EVENT_FROM) &&
	    event_has(&again, EVENT_POS));
	require((e->have &
		    ~(1u << EVENT_RT | 1u << EVENT_FROM | 1u << EVENT_POS)) ==
	    (again.have &
		~(1u << EVENT_RT | 1u << EVENT_FROM | 1u << EVENT_POS)));
}

static void
check_kind(const struct event *e, enum format_kind kind)
{
	struct buf b = { 0 };
	const char *why = NULL;
	struct format *f =
	    format_new(kind, "topic,t,value,m.a,x,rt,pos", 0, &why);

	require(f != NULL);
	if (format_event(f, e, &meta, &b, &why) != 0) {
		require(why != NULL && b.len == 0);
	} else {
		require(b.len > 0 && b.p[b.len - 1] == '\n');
		if (kind != FORMAT_CSV && kind != FORMAT_JSON)
			require(count(&b, '\n') == 1);
		if (kind == FORMAT_TSV)
			require(count(&b, '\t') == 6);
		if (kind == FORMAT_PRETTY)
			require(count(&b, '\033') == 0);
		if (kind == FORMAT_SENML)
			require(json_check(b.p, b.len, &why) == JSON_ARRAY);
		if (kind == FORMAT_JSON)
			check_json(&b, e);
	}
	buf_fini(&b);
	format_free(f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct event e;
	const char *why;

	if (event_scan(&e, (const char *)data, size, &why) != 0)
		return 0;
	for (int k = FORMAT_JSON; k <= FORMAT_INFLUX; k++)
		check_kind(&e, (enum format_kind)k);
	return 0;
}

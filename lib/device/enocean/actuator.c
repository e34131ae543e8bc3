#include "device/enocean/actuator_part.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/num.h"
#include "event/topic.h"

struct actuator *
actuator_new(const struct actuator_parts *parts)
{
	struct actuator *a = xcalloc(1, sizeof *a);

	a->p = *parts;
	a->last = &a->first;
	return a;
}

void
actuator_free(struct actuator *a)
{
	if (a == NULL)
		return;
	actuator_pending_free(a);
	actuator_forget(a);
	buf_fini(&a->why);
	free(a);
}

/* A command's topic taken apart, and what its answers are named by. */
struct call {
	char name[TOPIC_MAX + 1], verb[TOPIC_MAX + 1];
	struct buf id;
};

/* 1 if the topic is COMMAND/...; verb is "" if it is not DEVICE/VERB. */
static int
split(const struct event *e, struct call *c)
{
	static const char class[] = "COMMAND/";
	char space[TOPIC_MAX + 1];
	size_t n, name;
	const char *topic, *slash;

	if (!event_has(e, EVENT_TOPIC))
		return 0;
	topic = event_topic(e, space, &n);
	if (n < sizeof class || memcmp(topic, class, sizeof class - 1) != 0)
		return 0;
	topic += sizeof class - 1;
	n -= sizeof class - 1;
	slash = memchr(topic, '/', n);
	name = slash != NULL ? (size_t)(slash - topic) : n;
	memcpy(c->name, topic, name);
	c->name[name] = '\0';
	c->verb[0] = '\0';
	if (slash != NULL && memchr(slash + 1, '/', n - name - 1) == NULL) {
		memcpy(c->verb, slash + 1, n - name - 1);
		c->verb[n - name - 1] = '\0';
	}
	return 1;
}

/* Its end by the other clock. */
static int64_t
deadline_of(const struct event *e, int64_t now, int64_t mono)
{
	int64_t t = 0, ttl = 0, end;

	(void)event_time(e, &t);
	(void)num_micros(e->line + e->at[EVENT_TTL], e->len[EVENT_TTL], &ttl);
	if (__builtin_add_overflow(t, ttl, &end) ||
	    __builtin_sub_overflow(end, now, &end) ||
	    __builtin_add_overflow(end, mono, &end))
		return INT64_MAX;
	return end;
}

/* One that the guard has let through. */
static void
begin(struct actuator *a, const struct device *device, int channel,
    const struct call *call, const struct event *e, int64_t now, int64_t mono,
    struct buf *out)
{
	struct actuator_order order = { 0 };
	const char *id = call->id.p;
	struct buf why = { 0 };

	actuator_say(out, id, call->name, SAY_RECEIVED, NULL, now);
	if (a->count >= ACTUATOR_PENDING)
		buf_adds(&why, "too many commands are under way");
	else if (call->verb[0] == '\0')
		buf_adds(&why, "the topic is not COMMAND/DEVICE/VERB");
	else if (device->options & DEVICE_CONTROLLER)
		buf_adds(&why, "it is a controller, which takes no commands");
	else
		(void)actuator_order(
		    a, device, channel, call->verb, e, &order, &why);
	if (why.len > 0)
		actuator_say(
		    out, id, call->name, SAY_REJECTED, buf_cstr(&why), now);
	else
		actuator_pend(a, &order, id, call->name,
		    deadline_of(e, now, mono), now, mono, out);
	actuator_order_fini(&order);
	buf_fini(&why);
}

static int
command(struct actuator *a, const struct call *call, const struct event *e,
    int64_t now, int64_t mono, struct buf *out)
{
	int channel;
	const struct device *device = device_by_name(
	    a->p.devices, call->name, strlen(call->name), &channel);
	const char *why;
	struct buf reason = { 0 };

	if (device == NULL) {
		buf_addf(&reason, "\"%s\": no such device", call->name);
		actuator_say(out, call->id.p, call->name, SAY_REJECTED,
		    buf_cstr(&reason), now);
		buf_fini(&reason);
		return 0;
	}
	switch (command_check(a->p.guard, e, now, &why)) {
	case COMMAND_FRESH:
		begin(a, device, channel, call, e, now, mono, out);
		break;
	case COMMAND_OTHER: return 0;
	case COMMAND_LATE:
		actuator_say(out, call->id.p, call->name, SAY_EXPIRED,
		    "came after its time", now);
		break;
	default:
		actuator_say(
		    out, call->id.p, call->name, SAY_REJECTED, why, now);
	}
	return 1;
}

int
actuator_command(struct actuator *a, const struct event *e, int64_t now,
    int64_t mono, struct buf *out)
{
	struct call call = { 0 };
	int taken;

	if (!split(e, &call))
		return 0;
	if (event_has(e, EVENT_ID))
		event_string(e, EVENT_ID, &call.id);
	(void)buf_cstr(&call.id);
	taken = command(a, &call, e, now, mono, out);
	buf_fini(&call.id);
	return taken;
}

/*
 * Rules of the session code taken away where one of its parts calls another
 * (ld's --wrap), and a look at what is kept without a log.
 */
#include <string.h>

#include "broker/session.h"
#include "sim.h"

int __real_publish_copy(struct broker *b, struct store_frame *frame);
int __wrap_publish_copy(struct broker *b, struct store_frame *frame);
void
__real_publish_copied(struct broker *b, struct store_frame *frame, int error);
void
__wrap_publish_copied(struct broker *b, struct store_frame *frame, int error);
void __real_cursor_copied(struct broker *b, const char *name, int64_t t,
    const struct wire_cursor *cursor);
void __wrap_cursor_copied(struct broker *b, const char *name, int64_t t,
    const struct wire_cursor *cursor);
const struct trail *__real_mirror_done(const struct mirror *m);
const struct trail *__wrap_mirror_done(const struct mirror *m);
int __real_session_lax(const struct broker *b);
int __wrap_session_lax(const struct broker *b);

void __real_flow_load(struct broker *b);
void __wrap_flow_load(struct broker *b);
void __real_flow_copy(struct broker *b, struct store_frame *frame,
    const char *topic, size_t n, const char *line, size_t len);
void __wrap_flow_copy(struct broker *b, struct store_frame *frame,
    const char *topic, size_t n, const char *line, size_t len);

void __real_twin_copied(struct twin *t, struct store_frame *frame, int error);
void __wrap_twin_copied(struct twin *t, struct store_frame *frame, int error);
void __real_store_add(struct store *s, struct store_frame *frame);
void __wrap_store_add(struct store *s, struct store_frame *frame);

/* The channel of a copied frame stays where it was. */
static void
put_back(struct broker *b, const struct chan *old)
{
	struct chan *c =
	    chans_get(b->channels, old->from, strlen(old->from), old->chan, 0);

	if (c == NULL)
		return;
	c->accepted = old->accepted;
	c->durable = old->durable;
	c->safe = old->safe;
}

static struct chan
remember(struct broker *b, const struct frame_head *h)
{
	struct chan *c = h->chan == 0
	    ? NULL
	    : chans_get(b->channels, h->from, strlen(h->from), h->chan, 0);
	struct chan old = { 0 };

	if (c != NULL)
		return *c;
	memcpy(old.from, h->from, sizeof old.from);
	old.chan = h->chan;
	return old;
}

int
__wrap_publish_copy(struct broker *b, struct store_frame *frame)
{
	struct chan old = remember(b, &frame->f.head);
	int r = __real_publish_copy(b, frame);

	if (world.mutant == MUTANT_NO_MARKS)
		put_back(b, &old);
	return r;
}

void
__wrap_publish_copied(struct broker *b, struct store_frame *frame, int error)
{
	struct chan old = remember(b, &frame->f.head);

	__real_publish_copied(b, frame, error);
	if (world.mutant == MUTANT_NO_MARKS && error == 0)
		put_back(b, &old);
}

void
__wrap_cursor_copied(struct broker *b, const char *name, int64_t t,
    const struct wire_cursor *cursor)
{
	if (world.mutant != MUTANT_NO_NOTES)
		__real_cursor_copied(b, name, t, cursor);
}

/* At its start a broker does not look for marks. */
void
__wrap_flow_load(struct broker *b)
{
	if (world.mutant != MUTANT_NO_FLOWS)
		__real_flow_load(b);
}

/* A mark in a copied frame is an event like others. */
void
__wrap_flow_copy(struct broker *b, struct store_frame *frame, const char *topic,
    size_t n, const char *line, size_t len)
{
	if (world.mutant != MUTANT_NO_COPIED_MARKS)
		__real_flow_copy(b, frame, topic, n, line, len);
}

/* The twin is taken to have all. */
const struct trail *
__wrap_mirror_done(const struct mirror *m)
{
	static struct trail all;

	if (world.mutant != MUTANT_ALL_SAFE)
		return __real_mirror_done(m);
	trail_now(&all, world.broker[world.current].b->store);
	return &all;
}

/* A broker that has not been in step yet is believed. */
int
__wrap_session_lax(const struct broker *b)
{
	return world.mutant == MUTANT_LAX || __real_session_lax(b);
}

static void
keep(const struct frame_head *h)
{
	if (world.disks & DISK_NONE)
		ledger_durable(
		    world.current, h->from, h->chan, h->first, h->events);
}

void
__wrap_store_add(struct store *s, struct store_frame *frame)
{
	keep(&frame->f.head);
	__real_store_add(s, frame);
}

void
__wrap_twin_copied(struct twin *t, struct store_frame *frame, int error)
{
	keep(&frame->f.head);
	__real_twin_copied(t, frame, error);
}

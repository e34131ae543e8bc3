/*
 * The devices file: any text is refused with a reason, or learning into it
 * keeps every byte that was there, and reading what it left gives the same
 * devices; so with forgetting, which only takes bytes out.  What is said of
 * the devices are events.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/enocean/devices_part.h"
#include "event/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(int ok)
{
	if (!ok)
		abort();
}

static struct eep *
table(void)
{
	static struct eep *eep;
	struct buf why = { 0 };

	if (eep != NULL)
		return eep;
	eep = eep_open(quantities_open("share/quantities.csv", &why));
	must(eep_read(eep, "share/eep", &why) == 0);
	buf_fini(&why);
	return eep;
}

static void
check_same(const struct device *a, const struct device *b)
{
	must(a != NULL && b != NULL && a->sender == b->sender);
	must(strcmp(a->name, b->name) == 0 && a->offset == b->offset);
	must(a->options == b->options && a->profiles == b->profiles);
	must((a->generic == NULL) == (b->generic == NULL));
	for (size_t i = 0; i < a->profiles; i++)
		must(a->profile[i] == b->profile[i]);
}

/* Memory is what the text says, in whatever order. */
static void
check_text(const struct devices *d)
{
	struct devices *again = devices_new(NULL, table());
	struct buf why = { 0 };
	size_t alive = 0;
	int channel;

	must(devices_parse(again, &d->text, &why) >= 0);
	for (size_t i = 0; i < devices_count(again); i++) {
		const struct device *dev = device_at(again, i);

		check_same(dev, device_by_sender(d, dev->sender));
		must(device_by_name(d, dev->name, strlen(dev->name),
			 &channel) == device_by_sender(d, dev->sender));
	}
	for (size_t i = 0; i < devices_count(d); i++)
		alive += entry_alive(d->entry[i]) != 0;
	must(alive == devices_count(again));
	devices_close(again);
	buf_fini(&why);
}

static void
check_events(const struct devices *d)
{
	struct buf b = { 0 };
	const char *p, *end, *why;
	struct event e;
	size_t lines = 0, alive = 0;

	devices_describe(d, &b, 0);
	for (p = b.p; b.len > 0 && p < b.p + b.len; p = end + 1, lines++) {
		end = memchr(p, '\n', b.len - (size_t)(p - b.p));
		must(end != NULL);
		must(event_scan(&e, p, (size_t)(end - p), &why) == 0);
		must(event_complete(&e, &why) == 0);
	}
	for (size_t i = 0; i < devices_count(d); i++)
		alive += entry_alive(d->entry[i]) != 0;
	must(lines == alive);
	devices_topics(d, &b);
	buf_fini(&b);
}

static void
learn(struct devices *d, uint64_t sender, const char *profile, const char *name)
{
	struct buf before = { 0 }, why = { 0 };
	struct device *dev;

	buf_add(&before, d->text.p, d->text.len);
	dev = devices_learn(d, sender, profile, name, &why);
	must(dev != NULL || why.len > 0);
	must(dev == NULL || dev == device_by_sender(d, sender));
	must(d->text.len >= before.len);
	must(before.len == 0 || memcmp(d->text.p, before.p, before.len) == 0);
	must(dev != NULL || d->text.len == before.len);
	buf_fini(&before);
	buf_fini(&why);
}

static int
is_part_of(const struct buf *part, const struct buf *whole)
{
	size_t at = 0;

	for (size_t i = 0; i < whole->len && at < part->len; i++)
		at += part->p[at] == whole->p[i];
	return at == part->len;
}

static void
forget(struct devices *d, uint64_t sender, const char *profile)
{
	struct buf before = { 0 }, why = { 0 };
	const struct device *dev;

	buf_add(&before, d->text.p, d->text.len);
	must(devices_forget(d, sender, profile, &why) == 0);
	must(is_part_of(&d->text, &before));
	dev = device_by_sender(d, sender);
	must(profile != NULL || dev == NULL);
	buf_fini(&before);
	buf_fini(&why);
}

/* One thing a proxy does to the file. */
static void
act(struct devices *d, unsigned what, const char *name)
{
	const uint64_t sender = 0x0181B744;

	switch (what % 6) {
	case 0: learn(d, sender, "A5-12-01", name); break;
	case 1: learn(d, sender, "D2-01-12", NULL); break;
	case 2: learn(d, sender + 1, "GP:461A001281", name); break;
	case 3: forget(d, sender, "D2-01-12"); break;
	case 4: forget(d, sender, NULL); break;
	default: check_events(d);
	}
}

/* The first line: what to do, and a name to learn; the rest is the file. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *newline = memchr(data, '\n', size);
	size_t first = newline != NULL ? (size_t)(newline - data) : 0;
	struct buf why = { 0 };
	struct devices *d;
	char name[80] = "";

	if (first < 2 || first - 2 >= sizeof name)
		return 0;
	memcpy(name, data + 2, first - 2);
	d = devices_new(NULL, table());
	buf_add(&d->text, newline + 1, size - first - 1);
	if (devices_parse(d, &d->text, &why) < 0) {
		must(why.len > 0);
	} else {
		act(d, data[0], name[0] != '\0' ? name : NULL);
		act(d, data[1], NULL);
		check_text(d);
	}
	devices_close(d);
	buf_fini(&why);
	return 0;
}

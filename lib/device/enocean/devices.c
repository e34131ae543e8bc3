#include "device/enocean/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/die.h"
#include "device/enocean/devices_part.h"
#include "device/enocean/generic.h"

enum { ID_LINK_TEST = 0xA53F00 };

/* Fibonacci hashing: addresses of one maker differ in a few low bits only. */
static uint64_t
spread(uint64_t key)
{
	key *= 0x9e3779b97f4a7c15u;
	return key ^ key >> 32;
}

static uint64_t
name_key(const char *p, size_t n)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)p[i]) * 0x100000001b3u;
	return h;
}

static void
put(struct place *place, size_t places, uint64_t key, struct entry *e)
{
	size_t i = spread(key) & (places - 1);

	while (place[i].entry != NULL)
		i = (i + 1) & (places - 1);
	place[i] = (struct place){ key, e };
}

static void
put_both(struct devices *d, struct entry *e)
{
	const char *name = e->dev.name;

	put(d->sender, d->places, e->dev.sender, e);
	put(d->name, d->places, name_key(name, strlen(name)), e);
}

void
devices_index(struct devices *d)
{
	size_t places = 16;

	while (places < 2 * d->cap)
		places *= 2;
	free(d->sender);
	free(d->name);
	d->places = places;
	d->sender = xcalloc(places, sizeof *d->sender);
	d->name = xcalloc(places, sizeof *d->name);
	for (size_t i = 0; i < d->n; i++)
		if (entry_alive(d->entry[i]))
			put_both(d, d->entry[i]);
}

struct device *
device_by_sender(const struct devices *d, uint64_t sender)
{
	size_t mask = d->places - 1;

	for (size_t i = spread(sender) & mask; d->sender[i].entry != NULL;
	     i = (i + 1) & mask)
		if (d->sender[i].key == sender)
			return &d->sender[i].entry->dev;
	return NULL;
}

struct entry *
entry_by_name(const struct devices *d, const char *p, size_t n)
{
	size_t mask = d->places - 1;
	uint64_t key = name_key(p, n);

	for (size_t i = spread(key) & mask; d->name[i].entry != NULL;
	     i = (i + 1) & mask) {
		struct entry *e = d->name[i].entry;

		if (d->name[i].key == key && strlen(e->dev.name) == n &&
		    memcmp(e->dev.name, p, n) == 0)
			return e;
	}
	return NULL;
}

/* ":2" at the end of p[0..n): how long it is, or 0. */
static size_t
channel_suffix(const char *p, size_t n, int *channel)
{
	size_t digits = 0;

	while (
	    digits < n && p[n - 1 - digits] >= '0' && p[n - 1 - digits] <= '9')
		digits++;
	if (digits == 0 || digits > 3 || digits == n ||
	    p[n - 1 - digits] != ':' || (digits > 1 && p[n - digits] == '0'))
		return 0;
	*channel = 0;
	for (size_t i = n - digits; i < n; i++)
		*channel = *channel * 10 + (p[i] - '0');
	return digits + 1;
}

struct device *
device_by_name(const struct devices *d, const char *p, size_t n, int *channel)
{
	int number = -1;
	struct entry *e =
	    entry_by_name(d, p, n - channel_suffix(p, n, &number));

	*channel = number;
	return e != NULL ? &e->dev : NULL;
}

size_t
devices_count(const struct devices *d)
{
	return d->n;
}

struct device *
device_at(const struct devices *d, size_t i)
{
	return i < d->n ? &d->entry[i]->dev : NULL;
}

/* The messages of a radio link test come as 4BS and as 1BS. */
static int
is_sent_as(const struct eep_profile *p, uint8_t rorg)
{
	uint32_t id = eep_profile_id(p);

	return id >> 16 == rorg || (id == ID_LINK_TEST && rorg == RORG_1BS);
}

const struct eep_profile *
device_profile(const struct device *dev, const struct telegram *tel,
    enum eep_direction direction, const struct eep_message **message)
{
	const struct eep_profile *first = NULL;

	*message = NULL;
	for (size_t i = 0; i < dev->profiles; i++) {
		const struct eep_profile *p = dev->profile[i];

		if (!is_sent_as(p, tel->rorg))
			continue;
		if ((*message = eep_match(p, tel, direction)) != NULL)
			return p;
		if (first == NULL)
			first = p;
	}
	return first;
}

static void
drop_attributes(struct entry *e)
{
	for (size_t i = 0; i < e->attributes; i++) {
		free(e->attribute[i].column);
		free(e->attribute[i].text);
	}
	free(e->attribute);
	e->attribute = NULL;
	e->attributes = e->attribute_bytes = 0;
}

static void
drop_generic(struct entry *e)
{
	generic_free(e->dev.generic);
	free(e->definitions);
	e->dev.generic = NULL;
	e->definitions = NULL;
}

void
entry_fini(struct entry *e)
{
	drop_attributes(e);
	drop_generic(e);
}

void
entry_drop(struct entry *e, const struct profile_name *profile)
{
	size_t kept = 0;

	if (profile == NULL || profile->definitions != NULL)
		drop_generic(e);
	for (size_t i = 0; i < e->dev.profiles; i++)
		if (profile != NULL && e->dev.profile[i] != profile->profile)
			e->dev.profile[kept++] = e->dev.profile[i];
	e->dev.profiles = kept;
}

int
entry_has(const struct entry *e, const struct profile_name *profile)
{
	if (profile->definitions != NULL)
		return e->definitions != NULL &&
		    strcmp(e->definitions, profile->definitions) == 0;
	for (size_t i = 0; i < e->dev.profiles; i++)
		if (e->dev.profile[i] == profile->profile)
			return 1;
	return 0;
}

/* Also one that was taken out: index and name stay its own. */
static struct entry *
find_any(const struct devices *d, uint64_t sender, const char *name)
{
	struct device *dev = device_by_sender(d, sender);

	if (dev != NULL)
		return d->entry[dev->index];
	for (size_t i = 0; d->dead > 0 && i < d->n; i++)
		if (d->entry[i]->dev.sender == sender &&
		    strcmp(d->entry[i]->dev.name, name) == 0)
			return d->entry[i];
	return NULL;
}

static struct entry *
new_entry(struct devices *d)
{
	struct entry *e = xcalloc(1, sizeof *e);

	if (d->n == d->cap) {
		d->cap = d->cap == 0 ? 16 : d->cap * 2;
		d->entry = xrealloc(d->entry, d->cap * sizeof *d->entry);
	}
	e->dev.index = d->n;
	d->entry[d->n++] = e;
	return e;
}

struct entry *
devices_adopt(struct devices *d, struct entry *from)
{
	struct entry *e = find_any(d, from->dev.sender, from->dev.name);
	int was_alive = e != NULL && entry_alive(e);
	struct device old;

	if (e == NULL)
		e = new_entry(d);
	else if (!was_alive)
		d->dead--;
	old = e->dev;
	entry_fini(e);
	*e = *from;
	*from = (struct entry){ 0 };
	e->dev.index = old.index;
	e->dev.heard = old.heard;
	e->dev.telegrams = old.telegrams;
	e->dev.dbm = old.dbm;
	if (2 * d->n > d->places)
		devices_index(d);
	else if (!was_alive)
		put_both(d, e);
	return e;
}

struct devices *
devices_new(const char *path, const struct eep *eep)
{
	struct devices *d = xcalloc(1, sizeof *d);

	d->path = path != NULL ? xstrdup(path) : NULL;
	d->eep = eep;
	devices_index(d);
	return d;
}

void
devices_close(struct devices *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < d->n; i++) {
		entry_fini(d->entry[i]);
		free(d->entry[i]);
	}
	for (size_t i = 0; i < d->columns.n; i++)
		free(d->columns.name[i]);
	free(d->entry);
	free(d->sender);
	free(d->name);
	free(d->path);
	buf_fini(&d->text);
	free(d);
}

static int
read_file(struct devices *d, int learn, struct buf *why)
{
	struct buf text = { 0 };
	int fd = open(d->path, O_RDONLY | O_CLOEXEC), r = 0;

	if (fd < 0 && (errno != ENOENT || !learn))
		return fault(d, 0, why, "%s", strerror(errno));
	if (fd >= 0 && store_read(fd, &text) < 0)
		r = fault(d, 0, why, "%s", strerror(errno));
	if (fd >= 0)
		close(fd);
	if (r == 0)
		r = devices_parse(d, &text, why);
	buf_fini(&text);
	if (r == 0 && !learn)
		return fault(d, 1, why,
		    "no row with the columns' names: sender,profile,name");
	return r;
}

struct devices *
devices_open(
    const char *path, const struct eep *eep, int learn, struct buf *why)
{
	struct devices *d = devices_new(path, eep);

	if (path != NULL && read_file(d, learn, why) < 0) {
		devices_close(d);
		return NULL;
	}
	return d;
}

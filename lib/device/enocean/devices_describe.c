#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "device/enocean/actuator.h"
#include "device/enocean/devices_part.h"
#include "device/enocean/generic.h"
#include "event/json.h"

enum {
	TOLD_MAX = 192,	    /* quantities of a device */
	CHANNELS_MAX = 128, /* that a name can be followed by */
	VERBS_MAX = 32,
	MEMBERS_KEPT = 16, /* of those an event may have, for what comes last */
	MEMBERS_EACH = 5   /* of a quantity */
};

/* A quantity that a device measures, and on which channels. */
struct told {
	const struct quantity *quantity;
	uint8_t on[CHANNELS_MAX];
	int open; /* how many channels there may be, if nothing tells */
};

/* What is gathered of one device. */
struct portrait {
	const struct entry *e;
	struct told told[TOLD_MAX];
	size_t n;
	int outputs;
	size_t members; /* written so far */
};

static struct told *
told_of(struct portrait *p, const struct quantity *q)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->told[i].quantity == q)
			return &p->told[i];
	if (p->n == TOLD_MAX)
		return NULL;
	p->told[p->n] = (struct told){ .quantity = q };
	return &p->told[p->n++];
}

/* channel -1: any of those that the message may name. */
static void
tell(struct portrait *p, const struct quantity *q, int channel, int named,
    int outputs)
{
	struct told *t = told_of(p, q);
	int last = named == 0 || outputs == 0 ? 1 : outputs;

	if (t == NULL || channel >= CHANNELS_MAX)
		return;
	if (channel >= 0)
		t->on[channel] = 1;
	for (int i = 0; channel < 0 && i < last && i < CHANNELS_MAX; i++)
		t->on[i] = 1;
	if (channel < 0 && outputs == 0 && named > t->open)
		t->open = named < CHANNELS_MAX ? named : CHANNELS_MAX;
}

static void
tell_message(struct portrait *p, const struct eep_profile *profile,
    const struct eep_message *m)
{
	int outputs = eep_profile_channels(profile);
	int named = eep_message_channels(m), channel, both;
	enum eep_direction says = p->e->dev.options & DEVICE_CONTROLLER
	    ? EEP_TO_DEVICE
	    : EEP_FROM_DEVICE;
	const struct quantity *q;

	if (eep_message_direction(m, &both) != says && !both)
		return;
	for (size_t i = 0; i < eep_fields(m); i++)
		for (size_t j = 0; (q = eep_field_quantity(eep_field_at(m, i),
					j, &channel)) != NULL;
		     j++)
			if (!eep_profile_lacks(profile, q))
				tell(p, q, channel, named, outputs);
}

static void
gather(struct portrait *p)
{
	const struct device *dev = &p->e->dev;
	const struct eep_message *m;
	const struct quantity *q;
	int channel;

	for (size_t i = 0; i < dev->profiles; i++) {
		int outputs = eep_profile_channels(dev->profile[i]);

		if (outputs > p->outputs)
			p->outputs = outputs;
		for (size_t j = 0;
		     (m = eep_message_at(dev->profile[i], j)) != NULL; j++)
			tell_message(p, dev->profile[i], m);
	}
	for (size_t i = 0;
	     dev->generic != NULL && i < generic_channels(dev->generic); i++)
		if ((q = generic_quantity(dev->generic, i, &channel)) != NULL)
			tell(p, q, channel, 0, 0);
	if (p->outputs > CHANNELS_MAX)
		p->outputs = CHANNELS_MAX;
}

/* Begin a member: a comma unless it is the first of its object. */
static void
member(struct portrait *p, struct buf *b, const char *name)
{
	if (b->p[b->len - 1] != '{')
		buf_addc(b, ',');
	json_add_string(b, name, strlen(name));
	buf_addc(b, ':');
	p->members++;
}

static void
text_member(
    struct portrait *p, struct buf *b, const char *name, const char *text)
{
	member(p, b, name);
	json_add_string(b, text, strlen(text));
}

/* Text of a table that a person wrote: perhaps no UTF-8. */
static int
is_text(const char *s)
{
	struct buf b = { 0 };
	const char *why;
	int ok;

	json_add_string(&b, s, strlen(s));
	ok = json_check(b.p, b.len, &why) == JSON_STRING;
	buf_fini(&b);
	return ok;
}

static void
begin_element(struct buf *b)
{
	if (b->p[b->len - 1] != '[')
		buf_addc(b, ',');
}

/* A topic's place for the device: its name, for further channels "name:2". */
static void
add_topic(const struct portrait *p, struct buf *b, const char *class,
    int channel, const char *last)
{
	buf_adds(b, class);
	buf_adds(b, p->e->dev.name);
	if (channel > 0)
		buf_addf(b, ":%d", channel);
	buf_adds(b, last);
}

static void
add_profiles(struct portrait *p, struct buf *b)
{
	const struct device *dev = &p->e->dev;
	char id[9];

	member(p, b, "profiles");
	buf_addc(b, '[');
	for (size_t i = 0; i < dev->profiles; i++) {
		const char *title = eep_profile_title(dev->profile[i]);

		begin_element(b);
		buf_addc(b, '{');
		eep_format_id(id, eep_profile_id(dev->profile[i]));
		text_member(p, b, "profile", id);
		if (title[0] != '\0' && is_text(title))
			text_member(p, b, "title", title);
		buf_addc(b, '}');
	}
	if (dev->generic != NULL) {
		begin_element(b);
		buf_adds(b, "{\"profile\":\"GP:");
		buf_adds(b, p->e->definitions);
		buf_adds(b, "\",\"title\":\"generic profile\"}");
		p->members += 2;
	}
	buf_addc(b, ']');
}

static void
add_quantity(struct portrait *p, struct buf *b, const struct told *t)
{
	static const char *const kinds[] = { [QUANTITY_NUMBER] = "number",
		[QUANTITY_BOOL] = "bool",
		[QUANTITY_TEXT] = "text" };

	begin_element(b);
	buf_addc(b, '{');
	text_member(p, b, "quantity", t->quantity->name);
	if (t->quantity->unit[0] != '\0')
		text_member(p, b, "unit", t->quantity->unit);
	text_member(p, b, "kind", kinds[t->quantity->kind]);
	member(p, b, "topics");
	buf_addc(b, '[');
	for (int i = 0; i < CHANNELS_MAX; i++)
		if (t->on[i]) {
			begin_element(b);
			buf_addc(b, '"');
			add_topic(p, b, "MEASUREMENT/SENSOR/", i, "/");
			buf_adds(b, t->quantity->name);
			buf_addc(b, '"');
		}
	buf_addc(b, ']');
	if (t->open > 0) {
		member(p, b, "channels");
		buf_addf(b, "%d", t->open);
	}
	buf_addc(b, '}');
}

/* An event has so many members and no more: then names have to do. */
static void
add_quantities(struct portrait *p, struct buf *b, size_t room)
{
	size_t i = 0;

	member(p, b, "quantities");
	buf_addc(b, '[');
	for (; i < p->n && p->members + MEMBERS_EACH <= room; i++)
		add_quantity(p, b, &p->told[i]);
	buf_addc(b, ']');
	if (i == p->n)
		return;
	member(p, b, "more");
	buf_addc(b, '[');
	for (; i < p->n; i++) {
		begin_element(b);
		json_add_string(b, p->told[i].quantity->name,
		    strlen(p->told[i].quantity->name));
	}
	buf_addc(b, ']');
}

struct verbs {
	const char *v[VERBS_MAX];
	size_t n;
};

static void
add_verb(struct verbs *to, const char *verb)
{
	for (size_t i = 0; i < to->n; i++)
		if (strcmp(to->v[i], verb) == 0)
			return;
	if (to->n < VERBS_MAX)
		to->v[to->n++] = verb;
}

/* What is understood on a channel, 0 the device's first or only one. */
static void
verbs_of(const struct device *dev, int channel, struct verbs *out)
{
	out->n = 0;
	if (dev->options & DEVICE_CONTROLLER)
		return;
	for (size_t i = 0; i < dev->profiles; i++) {
		const struct eep_profile *profile = dev->profile[i];
		const char *const *verb = actuator_verbs(profile);

		if (channel > 0 && channel >= eep_profile_channels(profile))
			continue;
		for (; verb != NULL && *verb != NULL; verb++)
			add_verb(out, *verb);
	}
}

static int
same_verbs(const struct verbs *a, const struct verbs *b)
{
	if (a->n != b->n)
		return 0;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i], b->v[i]) != 0)
			return 0;
	return 1;
}

static void
add_verbs(struct portrait *p, struct buf *b, const struct verbs *verbs)
{
	buf_addc(b, ']');
	member(p, b, "verbs");
	buf_addc(b, '[');
	for (size_t i = 0; i < verbs->n; i++) {
		begin_element(b);
		json_add_string(b, verbs->v[i], strlen(verbs->v[i]));
	}
	buf_adds(b, "]}");
}

/* Channels that understand the same stand together. */
static void
add_commands(struct portrait *p, struct buf *b)
{
	struct verbs now, next;
	int channel = 0;

	member(p, b, "commands");
	buf_addc(b, '[');
	verbs_of(&p->e->dev, 0, &now);
	while (now.n > 0) {
		begin_element(b);
		buf_addc(b, '{');
		member(p, b, "topics");
		buf_addc(b, '[');
		do {
			begin_element(b);
			buf_addc(b, '"');
			add_topic(p, b, "COMMAND/", channel, "\"");
			next.n = 0;
			if (++channel < p->outputs)
				verbs_of(&p->e->dev, channel, &next);
		} while (same_verbs(&now, &next));
		add_verbs(p, b, &now);
		now = next;
	}
	buf_addc(b, ']');
}

/* Text of a column, or several texts if the rows differ. */
static void
add_column_texts(struct portrait *p, struct buf *b, size_t first)
{
	const struct attribute *a = p->e->attribute;
	size_t n = 0;

	for (size_t i = first; i < p->e->attributes; i++)
		n += strcmp(a[i].column, a[first].column) == 0;
	member(p, b, a[first].column);
	if (n > 1)
		buf_addc(b, '[');
	for (size_t i = first; i < p->e->attributes; i++) {
		if (strcmp(a[i].column, a[first].column) != 0)
			continue;
		if (i > first)
			buf_addc(b, ',');
		json_add_string(b, a[i].text, strlen(a[i].text));
	}
	if (n > 1)
		buf_addc(b, ']');
}

static int
is_first(const struct entry *e, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (strcmp(e->attribute[j].column, e->attribute[i].column) == 0)
			return 0;
	return 1;
}

/* manufacturer 1: only that one, for its own place; 0: all but that. */
static void
add_attributes(struct portrait *p, struct buf *b, int manufacturer)
{
	const struct entry *e = p->e;

	for (size_t i = 0; i < e->attributes; i++)
		if (is_first(e, i) &&
		    (strcmp(e->attribute[i].column, "manufacturer") == 0) ==
			manufacturer)
			add_column_texts(p, b, i);
}

static size_t
count_columns(const struct entry *e)
{
	size_t n = 0;

	for (size_t i = 0; i < e->attributes; i++)
		n += (size_t)is_first(e, i);
	return n;
}

static void
describe(struct portrait *p, struct buf *b, int64_t t)
{
	char address[13];
	size_t later = count_columns(p->e) + MEMBERS_KEPT;

	telegram_format_address(address, p->e->dev.sender);
	buf_adds(b, "{\"topic\":\"");
	add_topic(p, b, "DISCOVERY/DEVICE/", 0, "\",\"t\":");
	num_add_micros(b, t);
	buf_adds(b, ",\"d\":{");
	text_member(p, b, "technology", "EnOcean");
	text_member(p, b, "address", address);
	add_attributes(p, b, 1);
	add_profiles(p, b);
	if (p->outputs > 0) {
		member(p, b, "channels");
		buf_addf(b, "%d", p->outputs);
	}
	add_commands(p, b);
	add_quantities(p, b, JSON_MEMBERS_MAX - later);
	member(p, b, "attributes");
	buf_addc(b, '{');
	add_attributes(p, b, 0);
	buf_adds(b, "}}}\n");
}

void
devices_describe(const struct devices *d, struct buf *b, int64_t t)
{
	for (size_t i = 0; i < d->n; i++) {
		struct portrait p = { .e = d->entry[i] };

		if (!entry_alive(p.e))
			continue;
		gather(&p);
		describe(&p, b, t);
	}
}

void
devices_topics(const struct devices *d, struct buf *b)
{
	struct verbs verbs;

	for (size_t i = 0; i < d->n; i++) {
		struct portrait p = { .e = d->entry[i] };

		gather(&p);
		for (int c = 0; c == 0 || c < p.outputs; c++) {
			verbs_of(&p.e->dev, c, &verbs);
			if (verbs.n > 0)
				add_topic(&p, b, "COMMAND/", c, "/+\n");
		}
	}
}

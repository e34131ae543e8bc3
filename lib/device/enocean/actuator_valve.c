#include "device/enocean/actuator_part.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"

const struct kept_order *
actuator_kept(const struct actuator *a, const struct device *device)
{
	if (device->index >= a->kepts ||
	    a->kept[device->index].letter.p == NULL)
		return NULL;
	return &a->kept[device->index];
}

const struct actuator_letter *
actuator_last(const struct actuator *a, const struct device *device,
    const struct eep_message *message)
{
	const struct kept_order *k = actuator_kept(a, device);
	const struct actuator_letter *last =
	    k != NULL && k->message == message ? &k->letter : NULL;

	for (const struct pending_command *c = a->first; c != NULL; c = c->next)
		if (c->order.device == device && c->order.keep.p != NULL &&
		    c->order.message == message)
			last = &c->order.keep;
	return last;
}

static struct kept_order *
place(struct actuator *a, size_t index)
{
	size_t n = a->kepts;

	if (index >= n) {
		n = index + 1 > 2 * n ? index + 1 : 2 * n;
		a->kept = xrealloc(a->kept, n * sizeof *a->kept);
		memset(a->kept + a->kepts, 0, (n - a->kepts) * sizeof *a->kept);
		a->kepts = n;
	}
	return &a->kept[index];
}

void
actuator_keep(struct actuator *a, const struct actuator_order *o)
{
	struct kept_order *k;

	if (o->keep.p == NULL)
		return;
	k = place(a, o->device->index);
	free(k->letter.p);
	k->message = o->message;
	k->letter = o->keep;
	k->letter.p = xmalloc(o->keep.n + 1);
	memcpy(k->letter.p, o->keep.p, o->keep.n);
}

void
actuator_forget(struct actuator *a)
{
	for (size_t i = 0; i < a->kepts; i++)
		free(a->kept[i].letter.p);
	free(a->kept);
}

/* Not if the device has another profile meanwhile. */
static int
is_its(const struct device *device, const struct eep_message *m)
{
	const char *name = eep_message_name(m);

	for (size_t i = 0; i < device->profiles; i++)
		if (eep_message(device->profile[i], name, strlen(name)) == m)
			return 1;
	return 0;
}

/* It listens now, for a moment. */
void
actuator_wake(struct actuator *a, const struct device *device, int64_t now,
    int64_t mono, struct buf *out)
{
	struct pending_command *c = a->first;
	const struct kept_order *k;

	while (c != NULL &&
	    !(c->order.device == device && c->stage == STAGE_ASLEEP &&
		mono < c->deadline && now < c->end))
		c = c->next;
	if (c != NULL) {
		if (actuator_post_main(a, c, mono) != 0)
			actuator_end(
			    a, c, SAY_FAILED, buf_cstr(&a->why), now, out);
		return;
	}
	k = actuator_kept(a, device);
	if (k != NULL && is_its(device, k->message))
		(void)actuator_post(a, device, &k->letter, 0,
		    mono + ACTUATOR_LISTENS, MODULE_URGENT, ACTUATOR_STEPS - 1);
}

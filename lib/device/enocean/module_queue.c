#include "device/enocean/module_queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "device/enocean/devices.h"

struct module_request *
module_request_new(const struct telegram *tel, int64_t deadline,
    unsigned urgency, uint64_t tag)
{
	struct module_request *r = xcalloc(1, sizeof *r + tel->n);

	r->tag = tag;
	r->deadline = deadline;
	r->urgency = urgency;
	r->tel = *tel;
	r->tel.p = r->payload;
	if (tel->n > 0)
		memcpy(r->payload, tel->p, tel->n);
	return r;
}

int
module_request_needs_base(const struct module_request *r)
{
	return r->tel.sender < DEVICE_OFFSETS;
}

void
module_queue_init(struct module_queue *q)
{
	q->first = NULL;
	q->end = &q->first;
}

void
module_queue_fini(struct module_queue *q)
{
	while (q->first != NULL)
		free(module_queue_take(q, &q->first));
}

void
module_queue_push(struct module_queue *q, struct module_request *r)
{
	r->next = NULL;
	*q->end = r;
	q->end = &r->next;
}

void
module_queue_put_back(struct module_queue *q, struct module_request *r)
{
	r->next = q->first;
	if (q->first == NULL)
		q->end = &r->next;
	q->first = r;
}

struct module_request **
module_queue_find(struct module_queue *q, int based)
{
	struct module_request **at = &q->first;

	while (*at != NULL && !based && module_request_needs_base(*at))
		at = &(*at)->next;
	return *at != NULL ? at : NULL;
}

struct module_request *
module_queue_take(struct module_queue *q, struct module_request **at)
{
	struct module_request *r = *at;

	*at = r->next;
	if (q->end == &r->next)
		q->end = at;
	return r;
}

int
module_queue_due(const struct module_queue *q, int based, int64_t *due)
{
	int ready = 0;

	for (const struct module_request *r = q->first; r != NULL;
	     r = r->next) {
		if (r->deadline < *due)
			*due = r->deadline;
		ready |= based || !module_request_needs_base(r);
	}
	return ready;
}

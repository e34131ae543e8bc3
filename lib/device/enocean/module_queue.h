/*
 * Inside module.h: telegrams that wait to be sent, in their order.
 */
#ifndef SG_DEVICE_ENOCEAN_MODULE_QUEUE_H
#define SG_DEVICE_ENOCEAN_MODULE_QUEUE_H

#include <stdint.h>

#include "device/enocean/telegram.h"

struct module_request {
	struct module_request *next;
	uint64_t tag;
	int64_t deadline;
	unsigned urgency;
	unsigned tries;	     /* of the packet that is sent now */
	uint8_t code;	     /* why it had to wait, or 0 */
	uint8_t unanswered;  /* it may have been sent */
	struct telegram tel; /* its payload is below */
	uint8_t payload[];
};

/* module_request_new(...) - As module_send(); freed by free(). */
struct module_request *module_request_new(const struct telegram *tel,
    int64_t deadline, unsigned urgency, uint64_t tag);

/* module_request_needs_base(r) - 1 if its sender is an offset. */
int module_request_needs_base(const struct module_request *r);

struct module_queue {
	struct module_request *first, **end; /* end: where the next one goes */
};

/* module_queue_init(q), module_queue_fini(q) - fini frees what waits. */
void module_queue_init(struct module_queue *q);
void module_queue_fini(struct module_queue *q);

/* module_queue_push(q, r), module_queue_put_back(q, r) - As last, as first. */
void module_queue_push(struct module_queue *q, struct module_request *r);
void module_queue_put_back(struct module_queue *q, struct module_request *r);

/*
 * module_queue_find(q, based) - Where the first one is that can be sent, based
 * 0: without a base id; NULL if there is none.
 * module_queue_take(q, at) - Take out the one there, or at any next of q.
 */
struct module_request **module_queue_find(struct module_queue *q, int based);
struct module_request *
module_queue_take(struct module_queue *q, struct module_request **at);

/*
 * module_queue_due(q, based, due) - Lower *due to the first deadline; 1 if
 * there is one that can be sent.
 */
int module_queue_due(const struct module_queue *q, int based, int64_t *due);

#endif

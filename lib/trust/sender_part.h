/*
 * What both ends of sealed events share.
 */
#ifndef SG_TRUST_SENDER_PART_H
#define SG_TRUST_SENDER_PART_H

#include "trust/sender.h"

enum { SENDER_KEY = 32, SENDER_WRAPPED = KEY_BYTES + SENDER_KEY + 16 };

/* The members that stay clear; marks 1 to SENDER_CLEAR_MAX in this order. */
enum { SENDER_CLEAR_MAX = 8 };
extern const enum event_member sender_clear[SENDER_CLEAR_MAX];

/* The text of a member with its name and colon, in e's line. */
struct sender_span {
	const char *p;
	size_t n;
};
struct sender_span
sender_span(const struct event *e, enum event_member member);

/* sender_id(content, kid, id) - The id of that sender's content key. */
void sender_id(const unsigned char content[SENDER_KEY],
    const char kid[KEY_ID + 1], unsigned char id[SENDER_ID]);

/* Who a content key is wrapped for, and what is bound to that. */
struct sender_wrap {
	const unsigned char *share, *recipient, *id;
	const char *from, *to; /* kids */
};

/* sender_wrap_key(w, shared, out) - The key that wraps. */
void sender_wrap_key(const struct sender_wrap *w,
    const unsigned char shared[KEY_BYTES], unsigned char out[SENDER_KEY]);

/*
 * sender_associated(e, space, p, n, why) - Associated data of a line: its
 * canonical form without enc, rt, from and pos, in space.  0 or -1.
 */
int sender_associated(const struct event *e, struct sender_space *space,
    const unsigned char **p, size_t *n, const char **why);

#endif

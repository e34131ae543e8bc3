#include "grid/rule_output.h"

#include <string.h>

#include "event/event.h"
#include "trust/sha256.h"

enum { ID_BYTES = 8 };

static void
add_part(struct buf *b, const char *p, size_t n)
{
	buf_addu(b, n);
	buf_addc(b, ' ');
	if (n > 0)
		buf_add(b, p, n);
}

static void
add_id(struct buf *b, const struct rule_origin *origin)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char hash[SHA256_BYTES];
	struct buf made = { 0 };

	add_part(&made, origin->rule, strlen(origin->rule));
	add_part(&made, origin->key, origin->key_n);
	add_part(&made, origin->event, origin->event_n);
	buf_addu(&made, origin->count);
	sha256(made.p, made.len, hash);
	buf_fini(&made);
	b->len--;
	buf_adds(b, ",\"id\":\"");
	for (size_t i = 0; i < ID_BYTES; i++) {
		buf_addc(b, digits[hash[i] >> 4]);
		buf_addc(b, digits[hash[i] & 15]);
	}
	buf_adds(b, "\"}");
}

/* A command's own rules, as if it were now. */
static int
check_command(const struct event *e, const char **why)
{
	int64_t t = 0;

	event_time(e, &t);
	return event_command(e, t, why) < 0 ? -1 : 0;
}

int
rule_output_finish(struct buf *b, size_t at, const struct rule_origin *origin,
    const char **why)
{
	char space[256];
	struct event e;
	const char *topic;
	size_t n;

	if (event_scan(&e, b->p + at, b->len - at, why) < 0 ||
	    event_complete(&e, why) < 0)
		return -1;
	topic = event_topic(&e, space, &n);
	if (event_momentary(topic, n)) {
		if (!event_has(&e, EVENT_ID) && !event_has(&e, EVENT_SIG))
			add_id(b, origin);
		if (event_scan(&e, b->p + at, b->len - at, why) < 0)
			return -1;
	}
	if (check_command(&e, why) < 0)
		return -1;
	return event_has(&e, EVENT_SIG) || event_has(&e, EVENT_ENC) ? 2 : 1;
}

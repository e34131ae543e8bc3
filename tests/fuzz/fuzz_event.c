/*
 * An event is JSON, its members are those that a walk finds, and a line that
 * is JSON is refused only for what its members say.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "event/event.h"
#include "event/json.h"
#include "event/topic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[EVENT_MEMBERS] = { "topic", "t", "v", "vs", "vb",
	"vd", "m", "d", "enc", "u", "src", "ep", "seq", "id", "re", "ttl", "q",
	"rev", "w", "n", "kid", "sig", "rt", "from", "pos" };

static void
require(int truth)
{
	if (!truth)
		abort();
}

static void
check_member(
    const struct event *e, const struct json_value *object, enum event_member m)
{
	struct json_value value, key;
	struct buf text = { 0 }, want = { 0 };

	require(json_get(object, names[m], &value) == event_has(e, m));
	if (!event_has(e, m))
		return;
	require(value.p == e->line + e->at[m] && value.n == e->len[m]);
	require((value.kind == JSON_STRING) == (e->text >> m & 1));
	require(value.escaped == (int)(e->escaped >> m & 1));
	key = json_value(e->line + e->key_at[m], e->n - e->key_at[m]);
	require(json_equal(&key, names[m]));
	event_string(e, m, &text);
	json_text(&value, &want);
	require(text.len == want.len);
	require(memcmp(buf_cstr(&text), buf_cstr(&want), text.len) == 0);
	buf_fini(&text);
	buf_fini(&want);
}

static void
check_event(const struct event *e)
{
	static const uint32_t values = 1u << EVENT_V | 1u << EVENT_VS |
	    1u << EVENT_VB | 1u << EVENT_VD | 1u << EVENT_M | 1u << EVENT_D |
	    1u << EVENT_ENC;
	struct json_value object = json_value(e->line, e->n);
	char space[TOPIC_MAX + 1];
	const char *why = NULL, *topic;
	int64_t number;
	size_t n;

	for (int m = 0; m < EVENT_MEMBERS; m++)
		check_member(e, &object, (enum event_member)m);
	topic = event_topic(e, space, &n);
	require(!event_has(e, EVENT_TOPIC) || !topic_check(topic, n));
	require((event_time(e, &number) == 0) == event_has(e, EVENT_T));
	require((event_integer(e, EVENT_EP, &number) == 0) ==
	    event_has(e, EVENT_EP));
	require((event_integer(e, EVENT_SEQ, &number) == 0) ==
	    event_has(e, EVENT_SEQ));
	require(__builtin_popcount(e->have & values) <= 1);
	if (event_complete(e, &why) == 0)
		require(event_has(e, EVENT_TOPIC) && event_has(e, EVENT_T) &&
		    (e->have & values) && !(e->text >> EVENT_T & 1));
	else
		require(why != NULL);
	event_command(e, 1795388400000000, &why);
}

/* Whether the reason is one that JSON text can have. */
static int
may_be_json(const char *why)
{
	static const char *const reasons[] = { "not an object",
		"newline inside the line",
		"more than one of v vs vb vd m d enc" };

	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (strcmp(why, reasons[i]) == 0)
			return 1;
	for (int m = 0; m < EVENT_MEMBERS; m++) {
		size_t n = strlen(names[m]);

		if (strncmp(why, names[m], n) == 0 && why[n] == ':')
			return 1;
	}
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size ? size : 1);
	const char *why = NULL, *json_why = NULL;
	enum json_kind kind;
	struct event e;

	memcpy(copy, data, size);
	kind = json_check(copy, size, &json_why);
	if (event_scan(&e, copy, size, &why) == 0) {
		require(kind == JSON_OBJECT);
		require(!memchr(copy, '\n', size) && !memchr(copy, 0, size));
		check_event(&e);
	} else {
		require(why != NULL);
		require(kind == JSON_NONE || may_be_json(why));
	}
	free(copy);
	return 0;
}

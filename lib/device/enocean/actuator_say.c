#include "device/enocean/actuator_part.h"

#include <string.h>

#include "base/num.h"
#include "event/topic.h"

static const char *const words[] = {
	[SAY_RECEIVED] = "received",
	[SAY_ACCEPTED] = "accepted",
	[SAY_REJECTED] = "rejected",
	[SAY_STARTED] = "started",
	[SAY_COMPLETED] = "completed",
	[SAY_FAILED] = "failed",
	[SAY_EXPIRED] = "expired",
	[SAY_SUPERSEDED] = "superseded",
};

/* Append text as a level of a topic. */
static void
add_level(struct buf *out, const char *text)
{
	size_t n = text != NULL ? strnlen(text, TOPIC_LEVEL_MAX) : 0;

	if (n == 0)
		buf_addc(out, '-');
	for (size_t i = 0; i < n; i++) {
		char c = text[i];

		if (c == '/' || topic_fault(&c, 1) != TOPIC_FINE)
			c = '_';
		buf_addc(out, c);
	}
}

/* What comes from outside may be cut within a character of UTF-8. */
static void
add_reason(struct buf *out, const char *reason)
{
	buf_addc(out, '"');
	for (const char *p = reason; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			buf_addc(out, '\\');
		buf_addc(out, *p < ' ' || *p > '~' ? '?' : *p);
	}
	buf_addc(out, '"');
}

void
actuator_say(struct buf *out, const char *id, const char *name,
    enum actuator_state state, const char *reason, int64_t now)
{
	buf_adds(out, "{\"topic\":\"STATUS/COMMAND/");
	add_level(out, id);
	buf_addc(out, '/');
	add_level(out, name);
	buf_adds(out, "\",\"t\":");
	num_add_micros(out, now);
	if (id != NULL && *id != '\0') {
		buf_adds(out, ",\"re\":");
		json_add_string(out, id, strlen(id));
	}
	buf_addf(out, ",\"vs\":\"%s\"", words[state]);
	if (reason != NULL) {
		buf_adds(out, ",\"reason\":");
		add_reason(out, reason);
	}
	buf_adds(out, "}\n");
}

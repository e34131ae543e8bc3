/*
 * What a publish request commits: its member, and how the flow's channel and
 * the topic of its marks are called.
 */
#include <string.h>

#include "base/num.h"
#include "bus/wire.h"
#include "trust/sha256.h"

#define TOPIC "$SG/MARK/"

static uint64_t
short_hash(const char *text)
{
	unsigned char hash[SHA256_BYTES];
	uint64_t h = 0;
	size_t i;

	sha256(text, strlen(text), hash);
	for (i = 0; i < sizeof h; i++)
		h = h << 8 | hash[i];
	return h;
}

uint64_t
wire_mark_chan(const char *name)
{
	return short_hash(name);
}

static char *
add_hex(char *to, uint64_t h)
{
	int shift;

	for (shift = 60; shift >= 0; shift -= 4)
		*to++ = "0123456789abcdef"[h >> shift & 15];
	return to;
}

void
wire_mark_topic(
    char topic[WIRE_MARK_TOPIC], const char *actor, const char *name)
{
	char *to = topic + sizeof TOPIC - 1;

	memcpy(topic, TOPIC, sizeof TOPIC - 1);
	to = add_hex(to, short_hash(actor));
	*to++ = '/';
	if (name != NULL)
		to = add_hex(to, short_hash(name));
	else
		*to++ = '#';
	*to = '\0';
}

/* Printed between quotes as it is: 0 or -1. */
static int
get_id(char to[WIRE_ID_MAX + 1], const struct json_value *v)
{
	size_t i;

	if (v->kind != JSON_STRING || v->escaped || v->n == 0 ||
	    v->n > WIRE_ID_MAX)
		return -1;
	for (i = 0; i < v->n; i++)
		if (v->p[i] <= ' ' || v->p[i] > '~')
			return -1;
	memcpy(to, v->p, v->n);
	to[v->n] = '\0';
	return 0;
}

static int
get_name(char to[WIRE_NAME_MAX + 1], const struct json_value *v)
{
	if (v->kind != JSON_STRING || v->escaped ||
	    !wire_name_check(v->p, v->n))
		return -1;
	memcpy(to, v->p, v->n);
	to[v->n] = '\0';
	return 0;
}

static int
get_count(const struct json_value *v, uint64_t *out)
{
	int64_t n;

	if (v->kind != JSON_NUMBER || num_uint(v->p, v->n, &n) < 0)
		return -1;
	*out = (uint64_t)n;
	return 0;
}

int
wire_mark_parse(struct wire_mark *m, const struct json_value *value)
{
	struct json_value v;

	memset(m, 0, offsetof(struct wire_mark, cursor));
	m->cursor.n = 0;
	if (value->kind != JSON_OBJECT || !json_get(value, "name", &v) ||
	    get_name(m->name, &v) < 0 || !json_get(value, "after", &v) ||
	    get_count(&v, &m->after) < 0)
		return -1;
	m->has_cursor = json_get(value, "cursor", &v);
	if (!m->has_cursor)
		return 0;
	if (wire_cursor_parse(&m->cursor, &v) < 0 ||
	    !json_get(value, "t", &v) || v.kind != JSON_NUMBER ||
	    num_micros(v.p, v.n, &m->t) < 0 || !json_get(value, "id", &v) ||
	    get_id(m->id, &v) < 0)
		return -1;
	return json_get(value, "ahead", &v) ? get_count(&v, &m->ahead) : 0;
}

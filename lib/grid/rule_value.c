#include "grid/rule_value_part.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/num.h"
#include "event/json.h"
#include "grid/rule_program.h"

enum { KNOWN_MAX = 64 /* bytes of a string that is kept */ };

struct rule_heap *
rule_heap_new(void (*out_of_memory)(void *))
{
	struct rule_heap *h = xcalloc(1, sizeof *h);

	h->out_of_memory = out_of_memory;
	jv_nomem_handler(out_of_memory, NULL);
	h->topic = jv_string("topic");
	h->t = jv_string("t");
	return h;
}

void
rule_heap_drop(struct rule_heap *h, uint32_t slot)
{
	if (slot >= RULE_SLOTS)
		return;
	jv_free(h->slot[slot]);
	h->slot[slot] = jv_invalid();
}

void
rule_heap_free(struct rule_heap *h)
{
	if (h == NULL)
		return;
	for (uint32_t i = 0; i < RULE_SLOTS; i++)
		jv_free(h->slot[i]);
	for (size_t i = 0; i < RULE_KNOWN_SIZE; i++)
		jv_free(h->known[i]);
	jv_free(h->topic);
	jv_free(h->t);
	buf_fini(&h->text);
	free(h);
}

/*
 * JSON text to values.  Each step takes a place and returns the one behind,
 * or NULL if the text is none; *out is a value either way.
 */

static size_t
known_place(const char *p, size_t n)
{
	uint64_t hash = n, word;

	for (; n >= sizeof word; p += sizeof word, n -= sizeof word) {
		memcpy(&word, p, sizeof word);
		hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
		hash ^= hash >> 32;
	}
	word = 0;
	memcpy(&word, p, n);
	hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
	return (hash >> 40) & (RULE_KNOWN_SIZE - 1);
}

/* Names, topics and units come again and again. */
jv
rule_string(struct rule_heap *h, const char *p, size_t n)
{
	jv *known;

	if (n > KNOWN_MAX)
		return jv_string_sized(p, (int)n);
	known = &h->known[known_place(p, n)];
	if (jv_get_kind(*known) == JV_KIND_STRING &&
	    (size_t)jv_string_length_bytes(jv_copy(*known)) == n &&
	    memcmp(jv_string_value(*known), p, n) == 0)
		return jv_copy(*known);
	jv_free(*known);
	*known = jv_string_sized(p, (int)n);
	return jv_copy(*known);
}

static const char *
read_string(struct rule_heap *h, const char *p, jv *out)
{
	const char *end = scan_string(&h->scan, p + 1);
	size_t n, len;

	*out = jv_invalid();
	if (end == NULL)
		return NULL;
	n = (size_t)(end - p - 1);
	if (!h->scan.escaped) {
		*out = rule_string(h, p + 1, n);
		return end + 1;
	}
	buf_clear(&h->text);
	len = scan_text(p + 1, n, buf_room(&h->text, n), n);
	*out = rule_string(h, h->text.p, len);
	return end + 1;
}

static const char *
read_number(struct rule_heap *h, const char *p, jv *out)
{
	const char *end = scan_number(&h->scan, p);
	double v;

	*out = jv_invalid();
	if (end == NULL || num_double(p, (size_t)(end - p), &v) < 0)
		return NULL;
	*out = jv_number(v);
	return end;
}

static const char *
read_word(struct rule_heap *h, const char *p, jv *out)
{
	size_t left = (size_t)(h->scan.end - p);

	*out = jv_null();
	if (left >= 4 && memcmp(p, "null", 4) == 0)
		return p + 4;
	if (left >= 4 && memcmp(p, "true", 4) == 0)
		return *out = jv_true(), p + 4;
	if (left >= 5 && memcmp(p, "false", 5) == 0)
		return *out = jv_false(), p + 5;
	return NULL;
}

static const char *
read_value(struct rule_heap *h, const char *p, unsigned depth, jv *out);

static const char *
read_array(struct rule_heap *h, const char *p, unsigned depth, jv *out)
{
	jv v;

	*out = jv_array();
	p = scan_space(&h->scan, p + 1);
	if (scan_at(&h->scan, p, ']'))
		return p + 1;
	for (;;) {
		p = read_value(h, p, depth, &v);
		if (p == NULL)
			return jv_free(v), NULL;
		*out = jv_array_append(*out, v);
		p = scan_next(&h->scan, p, ']');
		if (p == NULL || scan_at(&h->scan, p, ']'))
			return p == NULL ? NULL : p + 1;
	}
}

static const char *
read_object(struct rule_heap *h, const char *p, unsigned depth, jv *out)
{
	jv name, v;

	*out = jv_object();
	p = scan_space(&h->scan, p + 1);
	if (scan_at(&h->scan, p, '}'))
		return p + 1;
	for (;;) {
		if (!scan_at(&h->scan, p, '"'))
			return NULL;
		p = read_string(h, p, &name);
		if (p != NULL)
			p = scan_colon(&h->scan, p);
		if (p == NULL)
			return jv_free(name), NULL;
		p = read_value(h, p, depth, &v);
		if (p == NULL)
			return jv_free(name), jv_free(v), NULL;
		*out = jv_object_set(*out, name, v);
		p = scan_next(&h->scan, p, '}');
		if (p == NULL || scan_at(&h->scan, p, '}'))
			return p == NULL ? NULL : p + 1;
	}
}

static const char *
read_value(struct rule_heap *h, const char *p, unsigned depth, jv *out)
{
	char c = p < h->scan.end ? *p : '\0';

	if (c == '"')
		return read_string(h, p, out);
	if (c == '-' || (c >= '0' && c <= '9'))
		return read_number(h, p, out);
	if (c != '{' && c != '[')
		return read_word(h, p, out);
	if (depth == JSON_DEPTH_MAX) {
		*out = jv_null();
		return NULL;
	}
	return c == '{' ? read_object(h, p, depth + 1, out)
			: read_array(h, p, depth + 1, out);
}

jv
rule_read(struct rule_heap *h, const char *p, size_t n)
{
	jv v;

	scan_init(&h->scan, p, n);
	p = read_value(h, scan_space(&h->scan, p), 0, &v);
	if (p != NULL && scan_space(&h->scan, p) == h->scan.end)
		return v;
	jv_free(v);
	return jv_invalid();
}

jv
rule_read_object(struct rule_heap *h, const char *p, size_t n)
{
	return n == 0 ? jv_object() : rule_read(h, p, n);
}

/* Values to JSON text. */

static int
fail(struct rule_writer *w, const char *why)
{
	w->why = why;
	return -1;
}

static int
write_string(struct rule_writer *w, jv v)
{
	const char *p = jv_string_value(v);
	size_t n = (size_t)jv_string_length_bytes(jv_copy(v));

	if (n > w->most || w->b->len > w->most - n)
		return fail(w, NULL);
	if (memchr(p, '\0', n) != NULL)
		return fail(w, "a string with U+0000");
	json_add_string(w->b, p, n);
	return 0;
}

static int
write_number(struct rule_writer *w, jv v)
{
	double d = jv_number_value(v);

	if (isnan(d)) {
		buf_add(w->b, "null", 4);
		return 0;
	}
	/* There is none beyond in JSON text. */
	if (isinf(d))
		d = copysign(__DBL_MAX__, d);
	w->b->len += num_format(buf_room(w->b, NUM_MAX), d);
	return 0;
}

static int
write_array(struct rule_writer *w, jv v, unsigned depth)
{
	int n = jv_array_length(jv_copy(v)), fault = 0;

	buf_addc(w->b, '[');
	for (int i = 0; i < n && !fault; i++) {
		jv element = jv_array_get(jv_copy(v), i);

		if (i > 0)
			buf_addc(w->b, ',');
		fault = rule_write(w, element, depth);
		jv_free(element);
	}
	buf_addc(w->b, ']');
	return fault;
}

int
rule_write_members(
    struct rule_writer *w, jv v, const char *but, int after, unsigned depth)
{
	int fault = 0;

	for (int i = jv_object_iter(v); jv_object_iter_valid(v, i) && !fault;
	     i = jv_object_iter_next(v, i)) {
		jv name = jv_object_iter_key(v, i), value;

		if (but != NULL && strcmp(jv_string_value(name), but) == 0) {
			jv_free(name);
			continue;
		}
		if (but != NULL && jv_string_value(name)[0] == '$') {
			jv_free(name);
			return fail(w, "a member that begins with $");
		}
		if (after)
			buf_addc(w->b, ',');
		after = 1;
		value = jv_object_iter_value(v, i);
		fault = write_string(w, name);
		buf_addc(w->b, ':');
		if (!fault)
			fault = rule_write(w, value, depth);
		jv_free(name);
		jv_free(value);
	}
	return fault;
}

int
rule_write(struct rule_writer *w, jv v, unsigned depth)
{
	int fault;

	if (w->b->len > w->most)
		return fail(w, NULL);
	switch (jv_get_kind(v)) {
	case JV_KIND_STRING: return write_string(w, v);
	case JV_KIND_NUMBER: return write_number(w, v);
	case JV_KIND_TRUE: buf_add(w->b, "true", 4); return 0;
	case JV_KIND_FALSE: buf_add(w->b, "false", 5); return 0;
	case JV_KIND_ARRAY:
	case JV_KIND_OBJECT: break;
	default: buf_add(w->b, "null", 4); return 0;
	}
	if (depth == JSON_DEPTH_MAX)
		return fail(w, "nested deeper than 64");
	if (jv_get_kind(v) == JV_KIND_ARRAY)
		return write_array(w, v, depth + 1);
	buf_addc(w->b, '{');
	fault = rule_write_members(w, v, NULL, 0, depth + 1);
	buf_addc(w->b, '}');
	return fault;
}

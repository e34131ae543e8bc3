#include "trust/document.h"

#include <string.h>

#include "base/num.h"
#include "event/canon.h"
#include "trust/jws.h"
#include "trust/reason.h"

enum { TIME_DIGITS = 12, COUNT_DIGITS = 15, SERIAL_DIGITS = 32 };

#define YEAR_9999 INT64_C(253402300799)

static const struct document_member *
find_member(const struct document_member *table, const struct json_value *name)
{
	for (; table->name; table++)
		if (json_equal(name, table->name))
			return table;
	return NULL;
}

static const char *
check_crit(const struct document_member *table, const struct json_value *names)
{
	struct json_value none, name;
	struct json_walk walk;

	if (names->kind != JSON_ARRAY)
		return "crit: not an array";
	json_walk(&walk, names);
	while (json_next(&walk, &none, &name)) {
		if (name.kind != JSON_STRING)
			return "crit: not a name";
		if (!find_member(table, &name))
			return reason("crit: names %.*s, which is not known",
			    (int)(name.n > 64 ? 64 : name.n), name.p);
	}
	return NULL;
}

static const char *
check_present(const struct document_member *table, uint64_t seen)
{
	for (size_t i = 0; table[i].name; i++)
		if (table[i].required && !(seen >> i & 1))
			return reason("%s: missing", table[i].name);
	return NULL;
}

const char *
document_members(const struct document_member *table, enum document_rest rest,
    const struct json_value *object, void *to)
{
	struct json_value name, value;
	struct json_walk walk;
	uint64_t seen = 0;
	const char *why;

	if (object->kind != JSON_OBJECT)
		return "not an object";
	json_walk(&walk, object);
	while (json_next(&walk, &name, &value)) {
		const struct document_member *m = find_member(table, &name);

		if (m) {
			why = m->take((char *)to + m->field, &value);
			if (why)
				return reason("%s: %s", m->name, why);
			seen |= UINT64_C(1) << (m - table);
		} else if (json_equal(&name, "crit")) {
			why = check_crit(table, &value);
			if (why)
				return why;
		} else if (rest == DOCUMENT_CLOSED) {
			return reason("%.*s: not a member of this object",
			    (int)(name.n > 64 ? 64 : name.n), name.p);
		}
	}
	return check_present(table, seen);
}

const char *
document_parse(
    const struct document_member *table, const char *text, size_t n, void *to)
{
	struct canon canon = { 0 };
	struct json_value object;
	const char *why = NULL;

	if (canon_text(&canon, CANON_SIGNED, text, n, &why) == 0 &&
	    (canon.out.len != n || memcmp(canon.out.p, text, n) != 0))
		why = "not in canonical form (RFC 8785)";
	canon_fini(&canon);
	if (why)
		return why;
	object = json_value(text, n);
	return document_members(table, DOCUMENT_OPEN, &object, to);
}

static const char *
take_integer(void *field, const struct json_value *value, size_t digits)
{
	if (value->kind != JSON_NUMBER || value->n > digits ||
	    num_uint(value->p, value->n, field) < 0)
		return "not a whole number from 0 on";
	return NULL;
}

const char *
document_time(void *field, const struct json_value *value)
{
	const char *why = take_integer(field, value, TIME_DIGITS);
	const int64_t *time = field;

	if (!why && *time > YEAR_9999)
		return "after the year 9999";
	return why;
}

const char *
document_count(void *field, const struct json_value *value)
{
	return take_integer(field, value, COUNT_DIGITS);
}

const char *
document_kid(void *field, const struct json_value *value)
{
	unsigned char hash[KEY_BYTES];
	char *kid = field;

	if (value->kind != JSON_STRING || value->n != KEY_ID ||
	    key_b64_parse(hash, sizeof(hash), value->p, value->n) !=
		(int)sizeof(hash))
		return "not a key's id (43 characters of base64url)";
	memcpy(kid, value->p, KEY_ID);
	kid[KEY_ID] = '\0';
	return NULL;
}

const char *
document_serial(void *field, const struct json_value *value)
{
	char *serial = field;

	if (value->kind != JSON_STRING || value->n != SERIAL_DIGITS)
		return "not 32 hex digits";
	for (size_t i = 0; i < SERIAL_DIGITS; i++)
		if (!strchr("0123456789abcdef", value->p[i]))
			return "not 32 hex digits";
	memcpy(serial, value->p, SERIAL_DIGITS);
	serial[SERIAL_DIGITS] = '\0';
	return NULL;
}

const char *
document_any(void *field, const struct json_value *value)
{
	(void)field;
	(void)value;
	return NULL;
}

/* The canonical object of n bytes at p with one member more. */
static const char *
add_signature(struct canon *canon, const struct buf *jws)
{
	struct buf whole = { 0 };
	const char *why = NULL;

	buf_add(&whole, canon->out.p, canon->out.len - 1);
	buf_adds(&whole, ",\"sig\":");
	json_add_string(&whole, jws->p, jws->len);
	buf_addc(&whole, '}');
	canon_text(canon, CANON_SIGNED, whole.p, whole.len, &why);
	buf_fini(&whole);
	return why;
}

const char *
document_sign(const struct buf *json, const struct key *key, const char *typ,
    struct buf *out)
{
	struct buf jws = { 0 }, space = { 0 };
	struct canon canon = { 0 };
	struct jws_signer signer;
	const char *why = NULL;

	if (canon_text(&canon, CANON_SIGNED, json->p, json->len, &why) == 0) {
		jws_signer_init(&signer, key, typ);
		jws_sign(&signer, &jws, &space, canon.out.p, canon.out.len);
		jws_signer_fini(&signer);
		why = add_signature(&canon, &jws);
	}
	buf_clear(out);
	if (!why)
		buf_add(out, canon.out.p, canon.out.len);
	canon_fini(&canon);
	buf_fini(&jws);
	buf_fini(&space);
	return why;
}

int
document_signed(
    const char *text, size_t n, const char *typ, const struct key_public *key)
{
	static const char *const without[] = { "sig", NULL };
	struct json_value object = json_value(text, n), sig;
	struct canon canon = { 0 };
	struct buf space = { 0 };
	const char *why;
	struct jws jws;
	int good = 0;

	if (json_get(&object, "sig", &sig) && sig.kind == JSON_STRING &&
	    jws_parse(&jws, sig.p, sig.n, typ, &why) == 0 &&
	    strcmp(jws.kid, key->kid) == 0 &&
	    canon_without(&canon, CANON_SIGNED, text, n, without, &why) == 0)
		good = jws_verify(
		    &jws, key->sign, canon.out.p, canon.out.len, &space);
	canon_fini(&canon);
	buf_fini(&space);
	return good;
}

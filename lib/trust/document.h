/*
 * A signed document: one JSON object in canonical form (RFC 8785) with a
 * detached JWS over the rest of it in "sig".  Certificates and revocation
 * lists are documents; a table of members says what one consists of.
 */
#ifndef SG_TRUST_DOCUMENT_H
#define SG_TRUST_DOCUMENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "event/json.h"
#include "trust/key.h"

/*
 * One member: take(field, value) reads the value into the field that lies
 * that many bytes into the structure; NULL, or what is wrong with it.  A
 * table ends with a NULL name and has at most 64 members.
 */
struct document_member {
	const char *name;
	size_t field;
	const char *(*take)(void *field, const struct json_value *value);
	int required;
};

/* Members that are not in the table: passed over, or an error. */
enum document_rest { DOCUMENT_OPEN, DOCUMENT_CLOSED };

/*
 * document_members(table, rest, object, to) - Take the members of a checked
 * object.  "crit" is always known: an array of names, all of which have to be
 * in the table.  NULL, or what is wrong, as of reason().
 */
const char *document_members(const struct document_member *table,
    enum document_rest rest, const struct json_value *object, void *to);

/*
 * document_parse(table, text, n, to) - The same for a whole text, which has
 * to be in canonical form, byte by byte.  The signature is not looked at.
 */
const char *document_parse(
    const struct document_member *table, const char *text, size_t n, void *to);

/*
 * Takers for tables.  The field of a time is int64_t Unix seconds, up to the
 * year 9999; of a count int64_t, at most 15 digits; of a kid
 * char[KEY_ID + 1]; of a serial char[33], 32 lower-case hex digits;
 * document_any does not look at its value.
 */
const char *document_time(void *field, const struct json_value *value);
const char *document_count(void *field, const struct json_value *value);
const char *document_kid(void *field, const struct json_value *value);
const char *document_serial(void *field, const struct json_value *value);
const char *document_any(void *field, const struct json_value *value);

/*
 * document_sign(json, key, typ, out) - out becomes the document of the object
 * json (without sig) signed by the key.  NULL, or what is wrong.
 */
const char *document_sign(const struct buf *json, const struct key *key,
    const char *typ, struct buf *out);

/*
 * document_signed(text, n, typ, key) - 1 if the sig of a parsed document is
 * of that typ and that key, and covers the rest of it.
 */
int document_signed(
    const char *text, size_t n, const char *typ, const struct key_public *key);

#endif

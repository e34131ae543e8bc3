#include "trust/crl.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "event/json.h"
#include "trust/document.h"
#include "trust/reason.h"

static const char *
take_typ(void *field, const struct json_value *value)
{
	(void)field;
	if (value->kind != JSON_STRING || !json_equal(value, "sg-crl"))
		return "not sg-crl";
	return NULL;
}

static const char *
take_why(char why[CRL_WHY], const struct json_value *value)
{
	struct buf text = { 0 };
	const char *wrong = NULL;

	if (value->kind != JSON_STRING)
		return "reason: not a string";
	json_text(value, &text);
	if (text.len < CRL_WHY)
		memcpy(why, buf_cstr(&text), text.len + 1);
	else
		wrong = "reason: longer than 63 bytes";
	buf_fini(&text);
	return wrong;
}

/* The cells of a row; how many there are, or 0 if it is none or has more. */
static size_t
row_cells(const struct json_value *row, struct json_value *cell, size_t max)
{
	struct json_value none, one;
	struct json_walk walk;
	size_t n = 0;

	if (row->kind != JSON_ARRAY)
		return 0;
	json_walk(&walk, row);
	while (json_next(&walk, &none, &one)) {
		if (n == max)
			return 0;
		cell[n++] = one;
	}
	return n;
}

static const char *
take_entry(struct crl_entry *entry, const struct json_value *row)
{
	struct json_value cell[3];
	size_t n = row_cells(row, cell, 3);
	const char *why;

	*entry = (struct crl_entry){ 0 };
	if (n < 2)
		return "not [serial,time,reason]";
	why = document_serial(entry->serial, &cell[0]);
	if (!why)
		why = document_time(&entry->at, &cell[1]);
	if (!why && n == 3)
		why = take_why(entry->why, &cell[2]);
	return why;
}

static const char *
take_before(struct crl_before *before, const struct json_value *row)
{
	struct json_value cell[2];
	const char *why;

	if (row_cells(row, cell, 2) != 2)
		return "not [kid,time]";
	why = document_kid(before->kid, &cell[0]);
	return why ? why : document_time(&before->at, &cell[1]);
}

static const char *
take_entries(void *field, const struct json_value *value)
{
	struct json_value none, row;
	struct crl *c = field;
	struct json_walk walk;
	const char *why;
	size_t room = 0;

	if (value->kind != JSON_ARRAY)
		return "not an array";
	json_walk(&walk, value);
	while (json_next(&walk, &none, &row)) {
		struct crl_entry *entry;

		if (c->entries == room) {
			room = room ? 2 * room : 16;
			c->entry = xrealloc(c->entry, room * sizeof(*entry));
		}
		entry = &c->entry[c->entries];
		why = take_entry(entry, &row);
		if (why)
			return why;
		if (c->entries > 0 &&
		    strcmp(entry[-1].serial, entry->serial) >= 0)
			return "serials not in order, each once";
		c->entries++;
	}
	return NULL;
}

static const char *
take_befores(void *field, const struct json_value *value)
{
	struct json_value none, row;
	struct crl *c = field;
	struct json_walk walk;
	const char *why;

	if (value->kind != JSON_ARRAY)
		return "not an array";
	json_walk(&walk, value);
	while (json_next(&walk, &none, &row)) {
		c->before =
		    xrealloc(c->before, (c->befores + 1) * sizeof(*c->before));
		why = take_before(&c->before[c->befores], &row);
		if (why)
			return why;
		c->befores++;
	}
	return NULL;
}

static const struct document_member crl_members[] = {
	{ "all_before", 0, take_befores, 0 },
	{ "iat", offsetof(struct crl, issued), document_time, 1 },
	{ "iss", offsetof(struct crl, issuer), document_kid, 1 },
	{ "num", offsetof(struct crl, number), document_count, 1 },
	{ "nxt", offsetof(struct crl, next), document_time, 1 },
	{ "rev", 0, take_entries, 1 },
	{ "sig", 0, document_any, 1 },
	{ "typ", 0, take_typ, 1 },
	{ NULL },
};

struct crl *
crl_parse(const char *text, size_t n, const char **why)
{
	struct crl *c;

	if (n > CRL_MAX) {
		*why = "longer than 1020 KiB";
		return NULL;
	}
	c = xcalloc(1, sizeof(*c));
	*why = document_parse(crl_members, text, n, c);
	if (!*why && c->number == 0)
		*why = "num: not from 1 on";
	if (!*why && c->next < c->issued)
		*why = "nxt: before iat";
	if (*why) {
		crl_free(c);
		return NULL;
	}
	c->text = xstrndup(text, n);
	c->len = n;
	return c;
}

void
crl_free(struct crl *c)
{
	if (!c)
		return;
	free(c->entry);
	free(c->before);
	free(c->text);
	free(c);
}

static int
by_serial(const void *a, const void *b)
{
	const struct crl_entry *x = a, *y = b;

	return strcmp(x->serial, y->serial);
}

static void
put_entries(struct buf *b, const struct crl *c)
{
	const char *between = "";

	buf_adds(b, ",\"rev\":[");
	for (size_t i = 0; i < c->entries; i++) {
		const struct crl_entry *e = &c->entry[i];

		buf_addf(b, "%s[\"%s\",", between, e->serial);
		buf_addi(b, e->at);
		if (*e->why) {
			buf_addc(b, ',');
			json_add_string(b, e->why, strlen(e->why));
		}
		buf_addc(b, ']');
		between = ",";
	}
	buf_addc(b, ']');
}

static void
put_befores(struct buf *b, const struct crl *c)
{
	const char *between = "";

	if (c->befores == 0)
		return;
	buf_adds(b, ",\"all_before\":[");
	for (size_t i = 0; i < c->befores; i++) {
		buf_addf(b, "%s[\"%s\",", between, c->before[i].kid);
		buf_addi(b, c->before[i].at);
		buf_addc(b, ']');
		between = ",";
	}
	buf_addc(b, ']');
}

static void
put_crl(struct buf *b, const struct crl *c)
{
	buf_addf(b, "{\"typ\":\"sg-crl\",\"iss\":\"%s\",\"num\":", c->issuer);
	buf_addi(b, c->number);
	buf_adds(b, ",\"iat\":");
	buf_addi(b, c->issued);
	buf_adds(b, ",\"nxt\":");
	buf_addi(b, c->next);
	put_befores(b, c);
	put_entries(b, c);
	buf_addc(b, '}');
}

int
crl_sign(struct crl *c, const struct key *issuer, const char **why)
{
	struct buf json = { 0 }, text = { 0 };
	struct crl *made = NULL;

	if (c->entries > 0)
		qsort(c->entry, c->entries, sizeof(*c->entry), by_serial);
	memcpy(c->issuer, issuer->public.kid, sizeof(c->issuer));
	put_crl(&json, c);
	*why = document_sign(&json, issuer, "sg-crl", &text);
	if (!*why)
		made = crl_parse(text.p, text.len, why);
	if (made) {
		free(c->text);
		c->text = made->text;
		c->len = made->len;
		made->text = NULL;
		crl_free(made);
	}
	buf_fini(&json);
	buf_fini(&text);
	return made ? 0 : -1;
}

int
crl_signed(const struct crl *c, const struct cert *issuer)
{
	return issuer->role == CERT_ISSUER &&
	    strcmp(c->issuer, issuer->key.kid) == 0 &&
	    document_signed(c->text, c->len, "sg-crl", &issuer->key);
}

int64_t
crl_revoked(const struct crl *c, const struct cert *cert)
{
	const struct crl_entry *found;
	struct crl_entry key;
	int64_t at = 0;

	if (strcmp(c->issuer, cert->issuer) != 0)
		return 0;
	memcpy(key.serial, cert->serial, sizeof(key.serial));
	found = c->entries
	    ? bsearch(&key, c->entry, c->entries, sizeof(key), by_serial)
	    : NULL;
	if (found)
		at = found->at > 0 ? found->at : 1;
	for (size_t i = 0; i < c->befores; i++) {
		const struct crl_before *b = &c->before[i];

		if (strcmp(b->kid, cert->key.kid) != 0 || cert->nbf >= b->at)
			continue;
		if (at == 0 || b->at < at)
			at = b->at;
	}
	return at;
}

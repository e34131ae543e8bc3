/*
 * Certificates, lists and what they decide, in words for people and as JSON
 * for programs.
 */
#ifndef SG_TRUST_EXPLAIN_H
#define SG_TRUST_EXPLAIN_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "trust/keyring.h"

enum explain_form { EXPLAIN_TEXT, EXPLAIN_JSON };

/* Somebody wants to do something at a moment (Unix seconds). */
struct explain_request {
	const struct keyring *ring;
	const struct cert *cert;
	enum cert_right right;
	const char *topic; /* for subs a filter */
	size_t topic_n;
	int64_t at;
};

/*
 * explain_ask(r, subject, right, topic) - Fill in what is wanted from words;
 * ring and at are set.  NULL, or what is wrong with them; r->cert is NULL if
 * the subject has no certificate.
 *
 * explain_verdict(r, form, out) - 1 allowed, 0 not; one line with LF is
 * appended, with the rule: "deny flat12 pub COMMAND/x: no pub pattern ...".
 *
 * explain_rules(r, form, out) - The same after one line for each rule that
 * takes part, in the order in which they are looked at.
 */
const char *explain_ask(struct explain_request *r, const char *subject,
    const char *right, const char *topic);
int explain_verdict(
    const struct explain_request *r, enum explain_form form, struct buf *out);
int explain_rules(
    const struct explain_request *r, enum explain_form form, struct buf *out);

/*
 * explain_cert(ring, c, at, form, out) - All of a certificate; text has many
 * lines, JSON is one object {"state":S,"cert":{...}}.
 *
 * explain_row(ring, c, name, at, out) - One line of a table under
 * explain_head(out).  explain_list(l, form, out) - A revocation list.
 * explain_key(subject, k, sealed, form, out) - A key file's public half.
 */
void explain_cert(const struct keyring *ring, const struct cert *c, int64_t at,
    enum explain_form form, struct buf *out);
void explain_head(struct buf *out);
void explain_row(const struct keyring *ring, const struct cert *c,
    const char *name, int64_t at, struct buf *out);
void explain_key(const char *subject, const struct key_public *k, int sealed,
    enum explain_form form, struct buf *out);
void explain_list(const struct crl *l, enum explain_form form, struct buf *out);

#endif

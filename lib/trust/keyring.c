#include "trust/keyring.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "trust/keyring_parts.h"
#include "trust/reason.h"
#include "trust/secret.h"

enum { WAITING_MAX = 1024, BUCKETS_MIN = 64, FORGET_AFTER = 86400 /* s */ };

static const char *
entry_name(const struct entry *e, enum way way)
{
	switch (way) {
	case BY_KID: return e->cert->key.kid;
	case BY_SUBJECT: return e->cert->subject;
	default: return e->cert->serial;
	}
}

/* FNV-1a; what is hashed has been signed by an issuer. */
static size_t
hash(const char *s)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
	return (size_t)(h ^ h >> 32);
}

static void
link_entry(struct keyring *r, struct entry *e)
{
	for (int way = 0; way < WAYS; way++) {
		size_t i =
		    hash(entry_name(e, (enum way)way)) & (r->buckets - 1);

		e->next[way] = r->bucket[way][i];
		r->bucket[way][i] = e;
	}
}

static void
grow(struct keyring *r)
{
	struct entry **old = r->bucket[BY_KID];
	size_t n = r->buckets;

	for (int way = BY_SUBJECT; way < WAYS; way++)
		free(r->bucket[way]);
	r->buckets = n ? 2 * n : BUCKETS_MIN;
	for (int way = 0; way < WAYS; way++)
		r->bucket[way] = xcalloc(r->buckets, sizeof(struct entry *));
	for (size_t i = 0; i < n; i++)
		for (struct entry *e = old[i], *next; e; e = next) {
			next = e->next[BY_KID];
			link_entry(r, e);
		}
	free(old);
}

/* The first, or after one the next entry called name. */
static struct entry *
next_entry(const struct keyring *r, enum way way, const char *name,
    const struct entry *after)
{
	struct entry *e = after ? after->next[way]
	    : r->buckets	? r->bucket[way][hash(name) & (r->buckets - 1)]
				: NULL;

	while (e && strcmp(entry_name(e, way), name) != 0)
		e = e->next[way];
	return e;
}

/* The entry of just this text, or NULL. */
static struct entry *
same_entry(const struct keyring *r, const struct cert *c)
{
	struct entry *e = NULL;

	while ((e = next_entry(r, BY_SERIAL, c->serial, e)))
		if (e->cert->len == c->len &&
		    memcmp(e->cert->text, c->text, c->len) == 0)
			return e;
	return NULL;
}

const struct cert *
keyring_remember(struct keyring *r, struct cert *c, int root)
{
	struct entry *e = same_entry(r, c);

	if (e) {
		cert_free(c);
		return e->cert;
	}
	if (r->entries >= r->buckets)
		grow(r);
	e = xcalloc(1, sizeof(*e));
	e->cert = c;
	e->root = root;
	link_entry(r, e);
	r->entries++;
	return c;
}

static int
newer(const struct cert *a, const struct cert *b)
{
	return a->gen != b->gen ? a->gen > b->gen : a->nbf > b->nbf;
}

/* The newest; of those that have begun by then, if there is one. */
static const struct cert *
newest(const struct keyring *r, enum way way, const char *name,
    const char *subject, int64_t at)
{
	const struct cert *best = NULL;
	struct entry *e = NULL;
	int begun = 0;

	while ((e = next_entry(r, way, name, e))) {
		int has = e->cert->nbf - CERT_EARLY <= at;

		if (subject && strcmp(e->cert->subject, subject) != 0)
			continue;
		if (best && (has != begun ? begun : !newer(e->cert, best)))
			continue;
		best = e->cert;
		begun = has;
	}
	return best;
}

const struct cert *
keyring_find(const struct keyring *r, const char *kid)
{
	return newest(r, BY_KID, kid, NULL, INT64_MAX);
}

const struct cert *
keyring_subject(const struct keyring *r, const char *subject)
{
	return newest(r, BY_SUBJECT, subject, NULL, INT64_MAX);
}

const struct cert *
keyring_holder(
    const struct keyring *r, const char *kid, const char *subject, int64_t at)
{
	return newest(r, BY_KID, kid, subject, at);
}

const char *
keyring_network(const struct keyring *r)
{
	return r->network;
}

const unsigned char *
keyring_psk(const struct keyring *r)
{
	return r->psk;
}

/* The lists: in force, and waiting for their issuers. */

static struct crl **
find_crl(const struct keyring *r, const char *issuer)
{
	for (size_t i = 0; i < r->crls; i++)
		if (strcmp(r->crl[i]->issuer, issuer) == 0)
			return &r->crl[i];
	return NULL;
}

const struct crl *
keyring_crl(const struct keyring *r, const char *issuer)
{
	struct crl **list = find_crl(r, issuer);

	return list ? *list : NULL;
}

/* Somebody whose lists count, of that key. */
static const struct entry *
find_issuer(const struct keyring *r, const char *kid)
{
	struct entry *e = NULL;

	while ((e = next_entry(r, BY_KID, kid, e)))
		if (e->cert->role == CERT_ISSUER)
			return e;
	return NULL;
}

/* Takes c.  1, 0 or -1 as keyring_add_crl(). */
static int
take_crl(struct keyring *r, struct crl *c, const struct entry *issuer,
    const char **why)
{
	struct crl **old = find_crl(r, c->issuer);
	int result = !old || c->number > (*old)->number;

	if (!crl_signed(c, issuer->cert)) {
		*why = "the list's signature is not its issuer's";
		result = -1;
	} else if (old && c->number == (*old)->number &&
	    strcmp(c->text, (*old)->text) != 0) {
		*why = reason("another list has the number %lld too",
		    (long long)c->number);
		result = -1;
	}
	if (result < 1) {
		crl_free(c);
		return result;
	}
	if (issuer->root)
		keyring_told(r, c->issued);
	if (!old) {
		r->crl = xrealloc(r->crl, (r->crls + 1) * sizeof(*r->crl));
		r->crl[r->crls++] = c;
		return 1;
	}
	crl_free(*old);
	*old = c;
	return 1;
}

int
keyring_add_crl(struct keyring *r, const char *p, size_t n, const char **why)
{
	struct crl *c = crl_parse(p, n, why);
	const struct entry *issuer;

	if (!c)
		return -1;
	issuer = find_issuer(r, c->issuer);
	if (issuer)
		return take_crl(r, c, issuer, why);
	*why = reason("the list's issuer %s is not known", c->issuer);
	crl_free(c);
	return -1;
}

static void
wait_for_issuer(struct keyring *r, struct crl *c)
{
	if (r->nwaiting == WAITING_MAX) {
		crl_free(c);
		return;
	}
	r->waiting =
	    xrealloc(r->waiting, (r->nwaiting + 1) * sizeof(*r->waiting));
	r->waiting[r->nwaiting++] = c;
}

int
keyring_take_crl(struct keyring *r, struct crl *c, const char **why)
{
	const struct entry *issuer = find_issuer(r, c->issuer);

	if (issuer)
		return take_crl(r, c, issuer, why);
	wait_for_issuer(r, c);
	return 0;
}

/* Take those that waited for somebody who is known now. */
static void
end_waiting(struct keyring *r)
{
	size_t kept = 0;
	const char *why;

	for (size_t i = 0; i < r->nwaiting; i++) {
		struct crl *c = r->waiting[i];
		const struct entry *issuer = find_issuer(r, c->issuer);

		if (issuer)
			take_crl(r, c, issuer, &why);
		else
			r->waiting[kept++] = c;
	}
	r->nwaiting = kept;
}

/* Chains. */

struct chain {
	struct cert *cert[CERT_CHAIN_MAX - 1]; /* the leaf first */
	size_t n;
};

static void
chain_fini(struct chain *chain)
{
	for (size_t i = 0; i < chain->n; i++)
		cert_free(chain->cert[i]);
	chain->n = 0;
}

static const char *
parse_chain(struct chain *chain, const char *p, size_t n, size_t *line)
{
	const char *end, *why;

	*line = 1;
	if (n == 0)
		return "no certificate";
	if (n > CERT_MAX)
		return "chain longer than 4096 bytes";
	for (end = p + n; p < end;) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((lf ? lf : end) - p);
		struct cert *c;

		*line = chain->n + 1;
		if (chain->n == CERT_CHAIN_MAX - 1)
			return "more than 3 certificates, with the root";
		c = cert_parse(p, len, &why);
		if (!c)
			return why;
		chain->cert[chain->n++] = c;
		if (cert_is_root(c))
			return "a root: these stand in root.cert only";
		p = lf ? lf + 1 : end;
	}
	return NULL;
}

/* NULL if issuer has issued c and might. */
static const char *
check_link(const struct cert *c, const struct cert *issuer)
{
	const char *why;

	if (!cert_signed(c, issuer))
		return "the certificate's signature is not its issuer's";
	return cert_allowed(c, issuer, &why) ? NULL : why;
}

/* One of the roots has to have issued it. */
static const char *
check_top(const struct keyring *r, const struct cert *c)
{
	const char *why = NULL;
	struct entry *e = NULL;
	int known = 0;

	while ((e = next_entry(r, BY_KID, c->issuer, e))) {
		if (!e->root)
			continue;
		known = 1;
		why = check_link(c, e->cert);
		if (!why)
			return NULL;
	}
	return known
	    ? why
	    : reason("the issuer %s is no root of this network", c->issuer);
}

/*
 * Root first: what is above is sound before it speaks for what is below.  What
 * is known has been verified when it came.
 */
static const char *
check_chain(const struct keyring *r, const struct chain *chain, size_t *line)
{
	const struct cert *top = chain->cert[chain->n - 1];
	const char *why = same_entry(r, top) ? NULL : check_top(r, top);

	*line = chain->n;
	for (size_t i = chain->n - 1; !why && i > 0; i--) {
		*line = i;
		if (strcmp(chain->cert[i - 1]->issuer,
			chain->cert[i]->key.kid) != 0)
			return "the next certificate is not its issuer's";
		if (!same_entry(r, chain->cert[i - 1]))
			why = check_link(chain->cert[i - 1], chain->cert[i]);
	}
	return why;
}

const char *
keyring_take_chain(struct keyring *r, const char *p, size_t n,
    const struct cert **leaf, size_t *line)
{
	struct chain chain = { .n = 0 };
	const char *why = parse_chain(&chain, p, n, line);
	int issuers = 0;

	if (!why)
		why = check_chain(r, &chain, line);
	if (why) {
		chain_fini(&chain);
		return why;
	}
	for (size_t i = chain.n; i-- > 0;) {
		issuers |= chain.cert[i]->role == CERT_ISSUER;
		*leaf = keyring_remember(r, chain.cert[i], 0);
	}
	if (issuers)
		end_waiting(r);
	return NULL;
}

int
keyring_add_chain(struct keyring *r, const char *p, size_t n,
    const struct cert **leaf, const char **why)
{
	size_t line;

	*why = keyring_take_chain(r, p, n, leaf, &line);
	if (*why && line > 1)
		*why = reason("certificate %zu of the chain: %s", line, *why);
	return *why ? -1 : 0;
}

/* A known issuer that might have issued c; roots are their own. */
static struct entry *
next_issuer(const struct keyring *r, const struct cert *c, struct entry *e)
{
	const char *why;

	while ((e = next_entry(r, BY_KID, c->issuer, e)))
		if (cert_allowed(c, e->cert, &why))
			return e;
	return NULL;
}

void
keyring_chain(const struct keyring *r, const struct cert *c, struct buf *out)
{
	for (int i = 1; c && !cert_is_root(c) && i < CERT_CHAIN_MAX; i++) {
		const struct cert *best = NULL;
		struct entry *e = NULL;

		buf_add(out, c->text, c->len);
		buf_addc(out, '\n');
		while ((e = next_issuer(r, c, e)))
			if (!best || newer(e->cert, best))
				best = e->cert;
		c = best;
	}
}

/* Judgement. */

static enum keyring_verdict
judge_alone(const struct keyring *r, const struct cert *c, int64_t at)
{
	const struct crl *list = keyring_crl(r, c->issuer);
	int64_t revoked = list ? crl_revoked(list, c) : 0;

	if (c->nbf - CERT_EARLY > at)
		return KEYRING_EARLY;
	if (c->exp < at)
		return KEYRING_EXPIRED;
	if (revoked && revoked <= at)
		return KEYRING_REVOKED;
	if (list && list->next + CRL_GRACE < at)
		return KEYRING_STALE;
	return KEYRING_VALID;
}

static int
is_pinned(const struct keyring *r, const struct cert *c)
{
	const struct entry *e = same_entry(r, c);

	return e && e->root;
}

/* The best that any of the issuers above can do for it. */
static enum keyring_verdict
judge(const struct keyring *r, const struct cert *c, int64_t at, int above)
{
	enum keyring_verdict own = judge_alone(r, c, at);
	enum keyring_verdict best = KEYRING_UNKNOWN, one;
	struct entry *e = NULL;

	if (cert_is_root(c))
		return is_pinned(r, c) ? own : KEYRING_UNKNOWN;
	while (above > 0 && best < own && (e = next_issuer(r, c, e))) {
		one = judge(r, e->cert, at, above - 1);
		if (one > best)
			best = one;
	}
	return best < own ? best : own;
}

enum keyring_verdict
keyring_judge(const struct keyring *r, const struct cert *c, int64_t at)
{
	return judge(r, c, at, CERT_CHAIN_MAX - 1);
}

const char *
keyring_verdict_why(enum keyring_verdict v)
{
	switch (v) {
	case KEYRING_UNKNOWN: return "certificate of an unknown issuer";
	case KEYRING_EARLY: return "certificate not valid yet";
	case KEYRING_EXPIRED: return "certificate expired";
	case KEYRING_REVOKED: return "certificate revoked";
	case KEYRING_STALE: return "its issuer's revocation list is overdue";
	case KEYRING_VALID: return "valid";
	}
	return "no verdict";
}

/* The best that any of the issuers above can do for it. */
static int64_t
end_of(const struct keyring *r, const struct cert *c, int above)
{
	int64_t best = 0, one;
	struct entry *e = NULL;

	if (cert_is_root(c))
		return is_pinned(r, c) ? c->exp : 0;
	while (above > 0 && (e = next_issuer(r, c, e))) {
		one = end_of(r, e->cert, above - 1);
		if (one > best)
			best = one;
	}
	return best < c->exp ? best : c->exp;
}

int64_t
keyring_end(const struct keyring *r, const struct cert *c)
{
	return end_of(r, c, CERT_CHAIN_MAX - 1);
}

int64_t
keyring_clock(const struct keyring *r, int64_t now)
{
	return now > r->told ? now : r->told;
}

void
keyring_told(struct keyring *r, int64_t time)
{
	if (time > r->told)
		r->told = time;
}

/* What old has verified is verified once more: roots may have gone. */
static void
inherit_issuer(
    struct keyring *r, const struct keyring *old, const struct cert *c)
{
	struct buf chain = { 0 };
	const struct cert *leaf;
	size_t line;

	keyring_chain(old, c, &chain);
	keyring_take_chain(r, chain.p, chain.len, &leaf, &line);
	buf_fini(&chain);
}

static void
inherit_list(struct keyring *r, const struct crl *list)
{
	const char *why;
	struct crl *c = crl_parse(list->text, list->len, &why);

	if (c)
		keyring_take_crl(r, c, &why);
}

void
keyring_inherit(struct keyring *r, const struct keyring *old)
{
	for (size_t i = 0; i < old->buckets; i++)
		for (const struct entry *e = old->bucket[BY_KID][i]; e;
		     e = e->next[BY_KID])
			if (e->cert->role == CERT_ISSUER && !e->root)
				inherit_issuer(r, old, e->cert);
	for (size_t i = 0; i < old->crls; i++)
		inherit_list(r, old->crl[i]);
	for (size_t i = 0; i < old->nwaiting; i++)
		inherit_list(r, old->waiting[i]);
	keyring_told(r, old->told);
}

static void
remove_entry(struct keyring *r, struct entry *e)
{
	for (int way = 0; way < WAYS; way++) {
		const char *name = entry_name(e, (enum way)way);
		struct entry **at =
		    &r->bucket[way][hash(name) & (r->buckets - 1)];

		while (*at != e)
			at = &(*at)->next[way];
		*at = e->next[way];
	}
	r->entries--;
	cert_free(e->cert);
	free(e);
}

void
keyring_forget(struct keyring *r, int64_t now,
    int (*held)(const void *ctx, const struct cert *c), const void *ctx)
{
	for (size_t i = 0; i < r->buckets; i++)
		for (struct entry *e = r->bucket[BY_KID][i], *next; e;
		     e = next) {
			next = e->next[BY_KID];
			if (e->cert->role != CERT_ISSUER &&
			    e->cert->exp < now - FORGET_AFTER &&
			    !held(ctx, e->cert))
				remove_entry(r, e);
		}
}

void
keyring_free(struct keyring *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->buckets; i++)
		for (struct entry *e = r->bucket[BY_KID][i], *next; e;
		     e = next) {
			next = e->next[BY_KID];
			cert_free(e->cert);
			free(e);
		}
	for (int way = 0; way < WAYS; way++)
		free(r->bucket[way]);
	for (size_t i = 0; i < r->crls; i++)
		crl_free(r->crl[i]);
	for (size_t i = 0; i < r->nwaiting; i++)
		crl_free(r->waiting[i]);
	free(r->crl);
	free(r->waiting);
	free(r->seen);
	secret_free(r->psk);
	free(r->dir);
	free(r);
}

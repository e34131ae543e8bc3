/*
 * A throw-away network in a folder of its own, as sg-trust would have made
 * it, for every test that needs keys and certificates.
 */
#ifndef SG_TEST_NETWORK_H
#define SG_TEST_NETWORK_H

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/die.h"
#include "trust/cert.h"
#include "trust/crl.h"
#include "trust/folder.h"
#include "trust/key.h"
#include "trust/secret.h"

struct network {
	char dir[PATH_MAX / 2];
	struct key *root;
	int64_t now; /* Unix seconds; all times are made from it */
};

enum { NETWORK_LIST = 8, NETWORK_DAY = 86400 };

/*
 * What a certificate is to say; lists end with NULL.  Zero means: a random
 * key, an actor, issued by the root, valid from a minute ago for a day;
 * issuers: depth 0, a year.  An issuer has to have been made by
 * network_issue() before.
 */
struct network_wish {
	const char *subject, *issuer;
	enum cert_role role;
	const char *pub[NETWORK_LIST], *subs[NETWORK_LIST];
	const char *call[NETWORK_LIST], *serve[NETWORK_LIST];
	const char *deny[NETWORK_LIST], *via[NETWORK_LIST];
	const char *names[NETWORK_LIST];
	const char *scope[NETWORK_LIST], *subjects[NETWORK_LIST];
	const char *brokers[NETWORK_LIST];
	int64_t nbf, exp, gen, depth, max_life;
	const struct key *key; /* borrowed */
};

static inline void
network_die(const char *what, const char *why)
{
	die(EXIT_BUG, "%s: %s", what, why);
}

static inline void
network_set(struct topic_set *set, const char *const *p)
{
	const char *why;

	for (; *p; p++) {
		why = topic_set_add(set, *p, strlen(*p));
		if (why)
			network_die(*p, why);
	}
}

/* network_path(n, sub, name, suffix) - Valid until the fourth call after. */
static inline const char *
network_path(const struct network *n, const char *sub, const char *name,
    const char *suffix)
{
	static char path[4][PATH_MAX];
	static unsigned next;
	char *out = path[next++ % 4];

	snprintf(out, PATH_MAX, "%s/%s%s%s", n->dir, sub, name, suffix);
	return out;
}

/* network_key(n, subject) - The key of somebody issued here; to be freed. */
static inline struct key *
network_key(const struct network *n, const char *subject)
{
	const char *path = network_path(n, "keys/", subject, ".key"), *why;
	struct key *key = key_load(path, -1, &why);

	if (!key)
		network_die(path, why);
	return key;
}

/* network_cert(n, subject) - Its certificate; to be freed. */
static inline struct cert *
network_cert(const struct network *n, const char *subject)
{
	const char *path = network_path(n, "certs/", subject, ".cert"), *why;
	struct buf text = { 0 };
	struct cert *c;
	char *lf;

	if (folder_read(path, CERT_MAX, &text, &why) < 0)
		network_die(path, why);
	lf = memchr(text.p, '\n', text.len);
	c = cert_parse(text.p, lf ? (size_t)(lf - text.p) : text.len, &why);
	if (!c)
		network_die(path, why);
	buf_fini(&text);
	return c;
}

/* network_write(n, sub, name, suffix, text) - Replace a file of the folder. */
static inline void
network_write(const struct network *n, const char *sub, const char *name,
    const char *suffix, const struct buf *text)
{
	const char *path = network_path(n, sub, name, suffix), *why;

	if (folder_write(path, text->p, text->len, &why) < 0)
		network_die(path, why);
}

/*
 * network_make(n, wish, key, by) - The certificate wished for, of key, signed
 * by the key by, whatever that may; not in the folder.  To be freed.
 */
static inline struct cert *
network_make(const struct network *n, const struct network_wish *w,
    const struct key *key, const struct key *by)
{
	struct cert *c = xcalloc(1, sizeof(*c));
	const char *why;

	snprintf(c->subject, sizeof(c->subject), "%s", w->subject);
	c->role = w->role ? w->role : CERT_ACTOR;
	c->key = key->public;
	c->nbf = w->nbf ? w->nbf : n->now - 60;
	c->exp = w->exp ? w->exp : n->now + NETWORK_DAY;
	c->gen = w->gen ? w->gen : 1;
	network_set(&c->rights.pub, w->pub);
	network_set(&c->rights.subs, w->subs);
	network_set(&c->rights.call, w->call);
	network_set(&c->rights.serve, w->serve);
	network_set(&c->rights.deny, w->deny);
	network_set(&c->rights.via, w->via);
	network_set(&c->ca.scope, w->scope);
	network_set(&c->ca.subjects, w->subjects);
	network_set(&c->ca.brokers, w->brokers);
	c->ca.depth = w->depth;
	c->ca.max_life = w->max_life ? w->max_life : 366 * NETWORK_DAY;
	for (const char *const *p = w->names; *p; p++) {
		c->name = xrealloc(c->name, (c->names + 1) * sizeof(*c->name));
		c->name[c->names++] = xstrdup(*p);
	}
	if (cert_issue(c, by, &why) < 0)
		network_die(w->subject, why);
	return c;
}

/*
 * network_issue(n, wish) - The same by the issuer's key, with key and chain
 * in the folder.
 */
static inline void
network_issue(const struct network *n, const struct network_wish *w)
{
	const char *path = network_path(n, "keys/", w->subject, ".key"), *why;
	struct key *by = w->issuer ? network_key(n, w->issuer) : NULL;
	struct key *fresh = w->key ? NULL : key_new(w->subject);
	const struct key *key = w->key ? w->key : fresh;
	struct cert *c = network_make(n, w, key, by ? by : n->root);
	struct buf chain = { 0 };
	char *slash;

	for (slash = strchr(path, '/'); (slash = strchr(slash + 1, '/'));) {
		char *parent = strndup(path, (size_t)(slash - path));

		mkdir(parent, 0700);
		free(parent);
	}
	if (key_save(key, path, NULL, 0, SECRET_REPLACE, &why) < 0)
		network_die(path, why);
	buf_add(&chain, c->text, c->len);
	buf_addc(&chain, '\n');
	if (w->issuer &&
	    folder_read(network_path(n, "certs/", w->issuer, ".cert"), CERT_MAX,
		&chain, &why) < 0)
		network_die(w->issuer, why);
	network_write(n, "certs/", w->subject, ".cert", &chain);
	buf_fini(&chain);
	cert_free(c);
	key_free(by);
	key_free(fresh);
}

/*
 * network_revoke(n, issuer, subject, at, number) - A list of the issuer (NULL:
 * the root) with that one certificate, revoked from at on, in the folder.
 */
static inline void
network_revoke(const struct network *n, const char *issuer, const char *subject,
    int64_t at, int64_t number)
{
	struct key *by = issuer ? network_key(n, issuer) : NULL;
	struct cert *c = network_cert(n, subject);
	struct crl_entry entry = { .at = at, .why = "test" };
	struct crl list = { .number = number,
		.issued = n->now,
		.next = n->now + NETWORK_DAY,
		.entry = &entry,
		.entries = 1 };
	struct buf text = { 0 };
	const char *why;

	memcpy(entry.serial, c->serial, sizeof(entry.serial));
	if (crl_sign(&list, by ? by : n->root, &why) < 0)
		network_die(subject, why);
	buf_add(&text, list.text, list.len);
	buf_addc(&text, '\n');
	network_write(n, "crl/", list.issuer, ".crl", &text);
	buf_fini(&text);
	free(list.text);
	cert_free(c);
	key_free(by);
}

/*
 * network_init(n) - A folder below $TMPDIR or /tmp with a root that may give
 * away everything.  network_fini(n) removes it.
 */
static inline void
network_init(struct network *n)
{
	struct network_wish root = {
		.subject = "root",
		.role = CERT_ISSUER,
		.scope = { "#", "$SG/#" },
		.subjects = { "#" },
		.brokers = { "#" },
		.depth = 1,
	};
	const char *tmp = getenv("TMPDIR");
	struct buf text = { 0 };
	struct cert *c;

	secret_start();
	umask(022);
	n->now = time(NULL);
	root.nbf = n->now - 30 * NETWORK_DAY;
	root.exp = n->now + 3650 * NETWORK_DAY;
	n->root = key_new("root");
	snprintf(n->dir, sizeof(n->dir), "%s/sg-network.XXXXXX",
	    tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(n->dir))
		network_die(n->dir, strerror(errno));
	c = network_make(n, &root, n->root, n->root);
	buf_add(&text, c->text, c->len);
	buf_addc(&text, '\n');
	network_write(n, "root", ".cert", "", &text);
	buf_fini(&text);
	cert_free(c);
}

static inline int
network_remove(
    const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void
network_fini(struct network *n)
{
	nftw(n->dir, network_remove, 16, FTW_DEPTH | FTW_PHYS);
	key_free(n->root);
}

#endif

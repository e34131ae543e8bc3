#include "trust/network.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/app.h"
#include "base/die.h"
#include "event/json.h"
#include "trust/folder.h"
#include "trust/network_fail.h"
#include "trust/secret.h"

enum { ROOT_DEPTH = 2, ROOTS_MAX = 65536, MESSAGE = 1024, PSK = 32 };

int
network_fail(struct network *w, int status, const char *fmt, ...)
{
	char text[MESSAGE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_clear(&w->why);
	buf_adds(&w->why, text);
	buf_cstr(&w->why);
	w->status = status;
	return -1;
}

void
network_close(struct network *w)
{
	keyring_free(w->ring);
	key_free(w->signer);
	if (w->lock > 0)
		close(w->lock);
	buf_fini(&w->why);
	*w = (struct network){ .dir = w->dir, .now = w->now };
}

void
network_file(const struct network *w, const char *folder, const char *name,
    const char *suffix, struct buf *path)
{
	buf_clear(path);
	buf_addf(path, "%s/%s/%s%s", w->dir, folder, name, suffix);
	buf_cstr(path);
}

/* Every folder above a key, below the network's own. */
static int
make_parents(struct network *w, const char *path)
{
	char *copy = xstrdup(path);
	size_t at = strlen(w->dir) + 1;
	char *slash;
	int status = 0;

	while (status == 0 && (slash = strchr(copy + at, '/')) != NULL) {
		*slash = '\0';
		if (mkdir(copy, 0700) < 0 && errno != EEXIST)
			status = network_fail(w, EXIT_CANTCREATE, "%s: %s",
			    copy, strerror(errno));
		*slash = '/';
		at = (size_t)(slash - copy) + 1;
	}
	free(copy);
	return status;
}

static int
write_public(struct network *w, const char *path, const struct buf *text)
{
	const char *why;

	if (folder_write(path, text->p, text->len, &why) < 0)
		return network_fail(w, EXIT_CANTCREATE, "%s", why);
	return 0;
}

static int
lock(struct network *w)
{
	int fd;

	if (w->lock > 0)
		return 0;
	fd = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX) < 0) {
		network_fail(
		    w, EXIT_NOINPUT, "%s: %s", w->dir, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	w->lock = fd;
	return 0;
}

int
network_open(struct network *w, enum network_use use)
{
	const char *why;

	if (use == NETWORK_CHANGE && lock(w) < 0)
		return -1;

	keyring_free(w->ring);
	w->issuer = NULL;
	w->ring = keyring_open(w->dir, &why);
	if (w->ring == NULL)
		return network_fail(w, EXIT_CONFIG, "%s", why);
	w->now = keyring_clock(w->ring, w->now);
	return 0;
}

struct cert *
network_cert(enum cert_role role)
{
	struct cert *c = xcalloc(1, sizeof *c);

	c->role = role;
	c->gen = 1;
	return c;
}

void
network_cert_name(struct cert *c, const char *p, size_t n)
{
	for (size_t i = 0; i < c->names; i++)
		if (strlen(c->name[i]) == n && memcmp(c->name[i], p, n) == 0)
			return;
	c->name = xrealloc(c->name, (c->names + 1) * sizeof *c->name);
	c->name[c->names++] = xstrndup(p, n);
}

/* A new root's certificate, by its own key. */
static struct cert *
root_cert(struct network *w, const struct key *root, int64_t life)
{
	struct cert *c = network_cert(CERT_ISSUER);
	const char *why;

	snprintf(c->subject, sizeof c->subject, "%s", root->subject);
	c->key = root->public;
	c->nbf = w->now;
	c->exp = w->now + life;
	c->ca.depth = ROOT_DEPTH;
	c->ca.max_life = life;
	topic_set_add(&c->ca.scope, "#", 1);
	topic_set_add(&c->ca.scope, "$SG/#", 5);
	topic_set_add(&c->ca.subjects, "#", 1);
	topic_set_add(&c->ca.brokers, "#", 1);
	if (cert_issue(c, root, &why) == 0)
		return c;
	network_fail(w, EXIT_USAGE, "%s: %s", root->subject, why);
	cert_free(c);
	return NULL;
}

static int
write_psk(struct network *w)
{
	unsigned char *psk = secret_new(PSK);
	struct buf path = { 0 }, text = { 0 };
	const char *why;
	int status = 0;

	secret_random(psk, PSK);
	/* No growth: it would leave copies of the secret behind. */
	buf_room(&text, 2 * PSK);
	key_b64(&text, psk, PSK);
	buf_addc(&text, '\n');
	buf_addf(&path, "%s/psk", w->dir);
	if (secret_write(
		buf_cstr(&path), text.p, text.len, SECRET_CREATE, &why) < 0)
		status =
		    network_fail(w, EXIT_CANTCREATE, "%s: %s", path.p, why);
	secret_wipe(text.p, text.cap);
	secret_free(psk);
	buf_fini(&text);
	buf_fini(&path);
	return status;
}

/* The folder itself and those above it. */
static int
make_folder(struct network *w)
{
	char *copy = xstrdup(w->dir);
	int status = 0;

	for (char *p = copy + 1; status == 0 && (p = strchr(p, '/')) != NULL;
	     p++) {
		*p = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			status = -1;
		*p = '/';
	}
	if (status == 0 && mkdir(copy, 0755) < 0 && errno != EEXIST)
		status = -1;
	if (status < 0)
		network_fail(
		    w, EXIT_CANTCREATE, "%s: %s", w->dir, strerror(errno));
	free(copy);
	return status;
}

static int
write_root(struct network *w, int64_t life, int psk)
{
	struct cert *c = root_cert(w, w->signer, life);
	struct buf path = { 0 }, text = { 0 };
	int status = -1;

	if (c == NULL)
		return -1;
	buf_addf(&path, "%s/root.cert", w->dir);
	buf_add(&text, c->text, c->len);
	buf_addc(&text, '\n');
	if (!psk || write_psk(w) == 0)
		status = write_public(w, buf_cstr(&path), &text);
	buf_fini(&text);
	buf_fini(&path);
	cert_free(c);
	return status;
}

/* A new key in keys/; the caller frees. */
static struct key *
make_key(
    struct network *w, const char *subject, const struct network_pass *pass)
{
	const char *why = key_subject_check(subject, strlen(subject));
	struct buf path = { 0 };
	struct key *k;
	int status;

	if (why != NULL) {
		network_fail(w, EXIT_USAGE, "%s: %s", subject, why);
		return NULL;
	}
	k = key_new(subject);
	network_file(w, "keys", subject, ".key", &path);
	status = make_parents(w, path.p);
	if (status == 0 &&
	    key_save(k, path.p, pass->p, pass->n, SECRET_CREATE, &why) < 0)
		status =
		    network_fail(w, EXIT_CANTCREATE, "%s: %s", path.p, why);
	buf_fini(&path);
	if (status == 0)
		return k;
	key_free(k);
	return NULL;
}

int
network_create(struct network *w, const char *subject, int64_t life, int psk,
    const struct network_pass *pass)
{
	struct buf path = { 0 };
	int status;

	if (make_folder(w) < 0 || lock(w) < 0)
		return -1;
	buf_addf(&path, "%s/root.cert", w->dir);
	status = access(buf_cstr(&path), F_OK) < 0
	    ? 0
	    : network_fail(
		  w, EXIT_CANTCREATE, "%s: there is a network already", path.p);
	buf_fini(&path);
	if (status < 0)
		return -1;
	w->signer = make_key(w, subject, pass);
	if (w->signer == NULL || write_root(w, life, psk) < 0 ||
	    network_open(w, NETWORK_CHANGE) < 0)
		return -1;
	w->issuer = keyring_find(w->ring, w->signer->public.kid);
	return 0;
}

int
network_key(struct network *w, const char *subject,
    const struct network_pass *pass, struct key_public *out)
{
	struct key *k = make_key(w, subject, pass);

	if (k == NULL)
		return -1;
	*out = k->public;
	key_free(k);
	return 0;
}

int
network_rekey(struct network *w, const struct cert *old,
    const struct network_pass *pass, struct key_public *out)
{
	struct buf from = { 0 }, to = { 0 };
	int status = 0;

	network_file(w, "keys", old->subject, ".key", &from);
	buf_addf(
	    &to, "%s/keys/%s~%" PRId64 ".key", w->dir, old->subject, old->gen);
	if (rename(from.p, buf_cstr(&to)) < 0 && errno != ENOENT)
		status = network_fail(
		    w, EXIT_CANTCREATE, "%s: %s", to.p, strerror(errno));
	buf_fini(&from);
	buf_fini(&to);
	return status < 0 ? status : network_key(w, old->subject, pass, out);
}

int
network_signer(struct network *w, const char *name, int pass_fd)
{
	const struct cert *root;
	struct buf path = { 0 };
	const char *why;

	root = keyring_find(w->ring, keyring_network(w->ring));
	if (name == NULL && root != NULL)
		name = root->subject;
	network_file(w, "keys", name, ".key", &path);
	w->signer = key_load(path.p, pass_fd, &why);
	if (w->signer == NULL)
		network_fail(w, errno == EACCES ? EXIT_DENIED : EXIT_CONFIG,
		    "%s: %s", path.p, why);
	buf_fini(&path);
	if (w->signer == NULL)
		return -1;
	w->issuer = keyring_find(w->ring, w->signer->public.kid);
	if (w->issuer == NULL || w->issuer->role != CERT_ISSUER)
		return network_fail(
		    w, EXIT_DENIED, "%s has no certificate of an issuer", name);
	return 0;
}

int
network_signer_valid(struct network *w)
{
	enum keyring_verdict v = keyring_judge(w->ring, w->issuer, w->now);

	if (v == KEYRING_VALID || v == KEYRING_STALE)
		return 0;
	return network_fail(w, EXIT_DENIED, "%s: %s", w->issuer->subject,
	    keyring_verdict_why(v));
}

int64_t
network_life(const struct network *w, enum cert_role role)
{
	int64_t life = role == CERT_ACTOR ? NETWORK_LIFE_ACTOR
	    : role == CERT_BROKER	  ? NETWORK_LIFE_BROKER
					  : NETWORK_LIFE_ISSUER;
	int64_t left = w->issuer->exp - w->now;

	if (life > w->issuer->ca.max_life)
		life = w->issuer->ca.max_life;
	return life > left ? left : life;
}

static int
write_chain(struct network *w, const struct cert *c, const char *name)
{
	struct buf path = { 0 }, text = { 0 };
	int status;

	buf_add(&text, c->text, c->len);
	buf_addc(&text, '\n');
	if (!cert_is_root(w->issuer))
		keyring_chain(w->ring, w->issuer, &text);
	network_file(w, "certs", name, ".cert", &path);
	status = text.len > CERT_MAX
	    ? network_fail(w, EXIT_USAGE,
		  "%s: more than %d bytes of certificates", name, CERT_MAX)
	    : write_public(w, path.p, &text);
	buf_fini(&text);
	buf_fini(&path);
	return status;
}

int
network_allowed(struct network *w, const struct cert *c)
{
	const char *why;

	if (cert_allowed(c, w->issuer, &why))
		return 0;
	return network_fail(w, EXIT_DENIED, "%s may not issue %s: %s",
	    w->issuer->subject, c->subject, why);
}

int
network_issue(struct network *w, struct cert *c)
{
	const char *why;

	if (network_allowed(w, c) < 0)
		return -1;
	if (cert_issue(c, w->signer, &why) < 0)
		return network_fail(w, EXIT_USAGE, "%s: %s", c->subject, why);
	return write_chain(w, c, c->subject);
}

/* The chain that stands in certs/ goes on under the name SUBJECT~GEN. */
static int
keep_old(struct network *w, const struct cert *old)
{
	struct buf chain = { 0 }, path = { 0 }, name = { 0 };
	int status;

	keyring_chain(w->ring, old, &chain);
	buf_addf(&name, "%s~%" PRId64, old->subject, old->gen);
	network_file(w, "certs", buf_cstr(&name), ".cert", &path);
	status = write_public(w, path.p, &chain);
	buf_fini(&name);
	buf_fini(&path);
	buf_fini(&chain);
	return status;
}

/* When all certificates for that key were revoked, 0: never. */
static int64_t
revoked_before(const struct network *w, const char *kid)
{
	const struct crl *list = keyring_crl(w->ring, w->signer->public.kid);

	for (size_t i = 0; list != NULL && i < list->befores; i++)
		if (strcmp(list->before[i].kid, kid) == 0)
			return list->before[i].at;
	return 0;
}

/*
 * So that it covers what the key has signed before, the new certificate begins
 * where the old one began, unless that would make it longer than it may be or
 * undo a revocation.
 */
static int64_t
renewed_start(struct network *w, const struct cert *old, int64_t exp)
{
	int64_t nbf = old->nbf, revoked = revoked_before(w, old->key.kid);

	if (exp - nbf > w->issuer->ca.max_life)
		nbf = exp - w->issuer->ca.max_life;
	if (nbf < w->issuer->nbf)
		nbf = w->issuer->nbf;
	if (nbf >= revoked)
		return nbf;
	return w->now > revoked ? w->now : revoked;
}

int
network_renew(struct network *w, const struct cert *old, struct cert *c,
    int64_t life, int rekeyed)
{
	if (life == 0)
		life = network_life(w, c->role);
	c->exp = w->now + life;
	if (c->gen == old->gen)
		c->gen++;
	c->nbf = rekeyed ? w->now : renewed_start(w, old, c->exp);
	if ((rekeyed || c->nbf > old->nbf) && keep_old(w, old) < 0)
		return -1;
	return network_issue(w, c);
}

/* The roots with c in the place of the one of the same key. */
static int
replace_root(struct network *w, const struct cert *old, const struct cert *c)
{
	struct buf path = { 0 }, text = { 0 }, out = { 0 };
	const char *why, *at;
	int status = -1;

	buf_addf(&path, "%s/root.cert", w->dir);
	if (folder_read(buf_cstr(&path), ROOTS_MAX, &text, &why) < 0) {
		network_fail(w, EXIT_CONFIG, "%s", why);
	} else if ((at = memmem(text.p, text.len, old->text, old->len)) ==
	    NULL) {
		network_fail(w, EXIT_CONFIG, "%s: %s is not there", path.p,
		    old->subject);
	} else {
		buf_add(&out, text.p, (size_t)(at - text.p));
		buf_add(&out, c->text, c->len);
		at += old->len;
		buf_add(&out, at, (size_t)(text.p + text.len - at));
		status = write_public(w, path.p, &out);
	}
	buf_fini(&out);
	buf_fini(&text);
	buf_fini(&path);
	return status;
}

int
network_renew_root(
    struct network *w, const struct cert *old, struct cert *c, int64_t life)
{
	const char *why;

	c->exp = w->now + (life == 0 ? NETWORK_LIFE_ROOT : life);
	c->gen++;
	if (c->ca.max_life < c->exp - c->nbf)
		c->ca.max_life = c->exp - c->nbf;
	if (cert_issue(c, w->signer, &why) < 0)
		return network_fail(w, EXIT_USAGE, "%s: %s", c->subject, why);
	return replace_root(w, old, c);
}

#include "bus/inspect.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/date.h"
#include "bus/examine.h"
#include "bus/spool.h"
#include "event/event.h"
#include "trust/folder.h"
#include "trust/keyring.h"
#include "trust/secret.h"

static const struct health_limits no_limits = { NAN, NAN };

static void
figure(struct health *h, const char *name, const char *help, const char *label,
    const char *subject, const char *unit, double value,
    struct health_limits limits)
{
	health_figure(h,
	    &(struct health_figure){
		name, help, unit, label, subject, value, limits });
}

/* Little is left: below a limit is bad. */
static enum health_state
judge_left(int64_t left, struct health_limits soon)
{
	if (left < 0 || (double)left < soon.critical)
		return HEALTH_CRITICAL;
	return (double)left < soon.warning ? HEALTH_WARNING : HEALTH_OK;
}

static void
tell_end(struct health *h, const char *subject, int64_t left,
    struct health_limits soon)
{
	char span[EXAMINE_SPAN];

	figure(h, "certificate_left_seconds",
	    "Time until the certificate, or one above it, ends.", "certificate",
	    subject, "s", (double)left, no_limits);
	if (left < 0)
		health_find(h, HEALTH_CRITICAL, subject, "ended %s ago",
		    examine_span(-left * DATE_SECOND, span));
	else
		health_find(h, judge_left(left, soon), subject, "ends in %s",
		    examine_span(left * DATE_SECOND, span));
}

/* revoked: what an operator has done on purpose is no fault of the folder. */
static void
look_cert(const struct keyring *ring, const struct cert *c, int64_t now,
    struct health_limits soon, enum health_state revoked, struct health *h)
{
	enum keyring_verdict v = keyring_judge(ring, c, now);

	if (v == KEYRING_VALID || v == KEYRING_STALE || v == KEYRING_EXPIRED)
		tell_end(h, c->subject, keyring_end(ring, c) - now, soon);
	else if (v == KEYRING_REVOKED)
		health_find(h, revoked, c->subject, "revoked");
	else
		health_find(h, HEALTH_CRITICAL, c->subject, "%s",
		    keyring_verdict_why(v));
}

static void
look_list(const struct keyring *ring, const char *kid, int64_t now,
    struct health_limits soon, struct health *h)
{
	const struct cert *issuer = keyring_find(ring, kid);
	const struct crl *list = keyring_crl(ring, kid);
	const char *name = issuer == NULL ? kid : issuer->subject;
	char subject[128], span[EXAMINE_SPAN];
	int64_t left;

	snprintf(subject, sizeof subject, "revocations by %s", name);
	if (list == NULL) {
		health_find(h, HEALTH_WARNING, subject,
		    "the list's issuer is not known");
		return;
	}
	left = list->next - now;
	figure(h, "revocations_left_seconds",
	    "Time until the issuer's next revocation list is due.", "issuer",
	    name, "s", (double)left, no_limits);
	if (left < 0)
		health_find(h,
		    left < -CRL_GRACE ? HEALTH_CRITICAL : HEALTH_WARNING,
		    subject, "the next list is overdue by %s",
		    examine_span(-left * DATE_SECOND, span));
	else
		health_find(h, judge_left(left, soon), subject,
		    "the next list is due in %s",
		    examine_span(left * DATE_SECOND, span));
}

/* 1 if the file may be used as a key, else told. */
static int
look_mode(const char *path, struct health *h)
{
	char *text = secret_new(SECRET_FILE_MAX + 1);
	const char *why;
	size_t n;
	int ok = secret_read(path, text, &n, &why) == 0;

	if (!ok)
		health_find(h,
		    errno == EACCES && access(path, R_OK) < 0 ? HEALTH_UNKNOWN
							      : HEALTH_CRITICAL,
		    path, "%s", why);
	secret_free(text);
	return ok;
}

static void
look_keys(const char *dir, struct health *h)
{
	struct folder_names names = { 0 };
	char path[PATH_MAX];
	const char *why;
	size_t good = 0;

	snprintf(path, sizeof path, "%s/keys", dir);
	if (folder_list(path, ".key", &names, &why) < 0) {
		health_find(h, HEALTH_UNKNOWN, "", "%s", why);
		return;
	}
	for (size_t i = 0; i < names.n; i++) {
		snprintf(path, sizeof path, "%s/keys/%s.key", dir, names.v[i]);
		good += (size_t)look_mode(path, h);
	}
	if (good > 0)
		health_find(h, HEALTH_OK, "keys",
		    "%zu files that only their owner can read", good);
	folder_names_fini(&names);
}

/* Everything of one kind in the folder. */
static int
list(const char *dir, const char *folder, const char *suffix,
    struct folder_names *names, struct health *h)
{
	char path[PATH_MAX];
	const char *why;

	*names = (struct folder_names){ 0 };
	snprintf(path, sizeof path, "%s/%s", dir, folder);
	if (folder_list(path, suffix, names, &why) == 0)
		return 1;
	health_find(h, HEALTH_CRITICAL, "", "%s", why);
	return 0;
}

static struct keyring *
open_ring(const char *dir, struct health *h)
{
	const char *why;
	struct keyring *ring;

	secret_start();
	ring = keyring_open(dir, &why);
	if (ring == NULL)
		health_find(h, HEALTH_CRITICAL, "", "%s", why);
	return ring;
}

void
inspect_network(const char *dir, struct health_limits soon, struct health *h)
{
	struct keyring *ring = open_ring(dir, h);
	struct folder_names names;
	const struct cert *c;
	int64_t now;

	if (ring == NULL)
		return;
	now = keyring_clock(ring, date_now() / DATE_SECOND);
	c = keyring_find(ring, keyring_network(ring));
	look_cert(ring, c, now, soon, HEALTH_CRITICAL, h);
	if (list(dir, "certs", ".cert", &names, h)) {
		for (size_t i = 0; i < names.n; i++) {
			c = keyring_subject(ring, names.v[i]);
			if (c != NULL && !cert_is_root(c)) /* else an older */
				look_cert(ring, c, now, soon, HEALTH_OK, h);
		}
		folder_names_fini(&names);
	}
	if (list(dir, "crl", ".crl", &names, h)) {
		for (size_t i = 0; i < names.n; i++)
			look_list(ring, names.v[i], now, soon, h);
		folder_names_fini(&names);
	}
	look_keys(dir, h);
	keyring_free(ring);
}

static int
ends_in(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n > m && strcmp(s + n - m, suffix) == 0;
}

/* The end of a certificate that no network vouches for. */
static void
look_alone(const char *path, const struct buf *chain, struct health_limits soon,
    struct health *h)
{
	const char *end = memchr(chain->p, '\n', chain->len);
	size_t n = end == NULL ? chain->len : (size_t)(end - chain->p);
	const char *why;
	struct cert *c = cert_parse(chain->p, n, &why);

	if (c == NULL)
		health_find(h, HEALTH_CRITICAL, path, "%s", why);
	else
		tell_end(
		    h, c->subject, c->exp - date_now() / DATE_SECOND, soon);
	cert_free(c);
}

static void
look_chain(const char *path, struct keyring *ring, struct health_limits soon,
    struct health *h)
{
	struct buf chain = { 0 };
	const struct cert *c;
	const char *why;

	if (folder_read(path, CERT_MAX, &chain, &why) < 0)
		health_find(h, HEALTH_CRITICAL, "", "%s", why);
	else if (ring == NULL)
		look_alone(path, &chain, soon, h);
	else if (keyring_add_chain(ring, chain.p, chain.len, &c, &why) < 0)
		health_find(h, HEALTH_CRITICAL, path, "%s", why);
	else
		look_cert(ring, c,
		    keyring_clock(ring, date_now() / DATE_SECOND), soon,
		    HEALTH_CRITICAL, h);
	buf_fini(&chain);
}

/* The certificate of a key file that is fine: beside it, or the network's. */
static void
look_key(const char *path, struct keyring *ring, struct health_limits soon,
    struct health *h)
{
	char *text = secret_new(SECRET_FILE_MAX + 1);
	char subject[KEY_SUBJECT_MAX + 1], beside[PATH_MAX];
	const struct cert *c = NULL;
	struct key_public key;
	const char *why;
	size_t n, stem = strlen(path) - (ends_in(path, ".key") ? 4 : 0);

	snprintf(beside, sizeof beside, "%.*s.cert", (int)stem, path);
	if (secret_read(path, text, &n, &why) < 0 ||
	    key_public_parse(text, n, subject, &key, &why) < 0) {
		health_find(h, HEALTH_CRITICAL, path, "%s", why);
	} else if (access(beside, F_OK) == 0) {
		look_chain(beside, ring, soon, h);
	} else if (ring != NULL && (c = keyring_find(ring, key.kid)) != NULL) {
		look_cert(ring, c,
		    keyring_clock(ring, date_now() / DATE_SECOND), soon,
		    HEALTH_CRITICAL, h);
	} else {
		health_find(h, ring != NULL ? HEALTH_CRITICAL : HEALTH_UNKNOWN,
		    path, "there is no certificate for this key");
	}
	secret_free(text);
}

void
inspect_key(const char *path, const char *dir, struct health_limits soon,
    struct health *h)
{
	struct keyring *ring = NULL;

	secret_start();
	if (dir != NULL && (ring = open_ring(dir, h)) == NULL)
		return;
	if (ends_in(path, ".cert"))
		look_chain(path, ring, soon, h);
	else if (look_mode(path, h))
		look_key(path, ring, soon, h);
	keyring_free(ring);
}

/* Age of the oldest event that waits, us; -1: it has no time. */
static int64_t
age(const struct buf *line)
{
	struct event e;
	const char *why;
	int64_t t, now = date_now();

	if (line->len == 0 || event_scan(&e, line->p, line->len, &why) < 0 ||
	    event_time(&e, &t) < 0)
		return -1;
	return t < now ? now - t : 0;
}

static void
judge_spool(const char *dir, const struct inspect_spool *x,
    const struct spool_look *look, struct health *h)
{
	double filled =
	    x->size > 0 ? 100.0 * (double)look->bytes / (double)x->size : 0;
	enum health_state state = health_judge(filled, x->filled);
	int64_t old = look->waiting > 0 ? age(&look->first) : 0;
	char span[EXAMINE_SPAN];
	double expect = x->expect > 0 ? (double)x->expect / DATE_SECOND : NAN;

	if (x->expect > 0 && old > x->expect)
		state = HEALTH_CRITICAL;
	health_find(h, state, dir, "%llu events wait%s%s, %.0f%% full",
	    (unsigned long long)look->waiting,
	    look->waiting > 0 && old >= 0 ? ", the oldest for " : "",
	    look->waiting > 0 && old >= 0 ? examine_span(old, span) : "",
	    filled);
	figure(h, "spool_waiting_events", "Events not yet delivered.", "spool",
	    dir, "", (double)look->waiting, no_limits);
	figure(h, "spool_bytes", "Size of the spool.", "spool", dir, "B",
	    (double)look->bytes, no_limits);
	figure(h, "spool_filled_percent", "How full the spool is.", "spool",
	    dir, "%", floor(filled * 100) / 100, x->filled);
	if (old >= 0)
		figure(h, "spool_oldest_seconds",
		    "Age of the oldest event that waits.", "spool", dir, "s",
		    (double)old / DATE_SECOND,
		    (struct health_limits){ NAN, expect });
}

void
inspect_spool(const char *dir, const struct inspect_spool *x, struct health *h)
{
	struct spool_look look = { 0 };
	const char *why;

	if (spool_look(dir, &look, &why) == 0)
		judge_spool(dir, x, &look, h);
	else
		health_find(h,
		    errno == EBADMSG ? HEALTH_CRITICAL : HEALTH_UNKNOWN, dir,
		    "%s", why);
	buf_fini(&look.first);
}

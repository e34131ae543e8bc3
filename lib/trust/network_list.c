/* The revocation lists of a network's folder. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "trust/folder.h"
#include "trust/network.h"
#include "trust/network_fail.h"

struct crl *
network_list(struct network *w)
{
	const struct crl *list = keyring_crl(w->ring, w->signer->public.kid);
	const char *why;

	return list == NULL ? xcalloc(1, sizeof *list)
			    : crl_parse(list->text, list->len, &why);
}

int
network_publish(struct network *w, struct crl *list, int64_t life)
{
	const char *why, *kid = w->signer->public.kid;

	snprintf(list->issuer, sizeof list->issuer, "%s", kid);
	list->number++;
	list->issued = w->now;
	list->next = w->now + life;
	if (crl_sign(list, w->signer, &why) < 0)
		return network_fail(w, EXIT_USAGE, "revocation list: %s", why);
	if (keyring_add_crl(w->ring, list->text, list->len, &why) != 1)
		return network_fail(w, EXIT_CONFIG, "revocation list: %s", why);
	if (keyring_save_crl(w->ring, kid, &why) < 0)
		return network_fail(w, EXIT_CANTCREATE, "%s", why);
	return 0;
}

void
network_revoke_before(struct crl *list, const char *kid, int64_t at)
{
	struct crl_before *b = NULL;

	for (size_t i = 0; i < list->befores; i++)
		if (strcmp(list->before[i].kid, kid) == 0)
			b = &list->before[i];
	if (b == NULL) {
		list->before = xrealloc(
		    list->before, (list->befores + 1) * sizeof *list->before);
		b = &list->before[list->befores++];
		*b = (struct crl_before){ 0 };
		snprintf(b->kid, sizeof b->kid, "%s", kid);
	}
	if (b->at < at)
		b->at = at;
}

void
network_revoke_serial(
    struct network *w, struct crl *list, const char *serial, const char *reason)
{
	struct crl_entry *e;

	for (size_t i = 0; i < list->entries; i++)
		if (strcmp(list->entry[i].serial, serial) == 0)
			return;
	list->entry =
	    xrealloc(list->entry, (list->entries + 1) * sizeof *list->entry);
	e = &list->entry[list->entries++];
	*e = (struct crl_entry){ .at = w->now };
	snprintf(e->serial, sizeof e->serial, "%s", serial);
	snprintf(e->why, sizeof e->why, "%s", reason);
}

/* The first certificate of a chain of the folder, the caller's, or NULL. */
static struct cert *
leaf_of(struct network *w, const char *name)
{
	struct buf path = { 0 }, chain = { 0 };
	struct cert *c = NULL;
	const char *why, *end;

	network_file(w, "certs", name, ".cert", &path);
	if (folder_read(path.p, CERT_MAX, &chain, &why) == 0 &&
	    (end = memchr(chain.p, '\n', chain.len)) != NULL)
		c = cert_parse(chain.p, (size_t)(end - chain.p), &why);
	buf_fini(&chain);
	buf_fini(&path);
	return c;
}

/* NAME is the subject, or an older chain of it. */
static int
is_of(const char *name, const char *subject)
{
	size_t n = strlen(subject);

	return strncmp(name, subject, n) == 0 &&
	    (name[n] == '\0' || name[n] == '~');
}

int
network_revoke(struct network *w, struct crl *list, const char *subject,
    const char *reason)
{
	struct folder_names names = { 0 };
	struct buf path = { 0 };
	struct cert *c;
	const char *why;
	int count = 0;

	buf_addf(&path, "%s/certs", w->dir);
	if (folder_list(buf_cstr(&path), ".cert", &names, &why) < 0)
		count = network_fail(w, EXIT_CONFIG, "%s", why);
	for (size_t i = 0; i < names.n; i++) {
		c = is_of(names.v[i], subject) ? leaf_of(w, names.v[i]) : NULL;
		if (c == NULL)
			continue;
		if (strcmp(c->issuer, w->signer->public.kid) == 0) {
			network_revoke_serial(w, list, c->serial, reason);
			network_revoke_before(list, c->key.kid, w->now + 1);
			count++;
		}
		cert_free(c);
	}
	folder_names_fini(&names);
	buf_fini(&path);
	return count;
}

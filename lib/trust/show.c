#include "trust/show.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/die.h"
#include "trust/folder.h"
#include "trust/network_fail.h"
#include "trust/secret.h"

void
show_chain(const struct network *w, const struct cert *c,
    enum explain_form form, struct buf *out)
{
	for (; c != NULL;
	     c = cert_is_root(c) ? NULL : keyring_find(w->ring, c->issuer))
		explain_cert(w->ring, c, w->now, form, out);
}

static int
list_names(struct network *w, const char *folder, const char *suffix,
    struct folder_names *names)
{
	struct buf path = { 0 };
	const char *why;
	int status;

	*names = (struct folder_names){ 0 };
	buf_addf(&path, "%s/%s", w->dir, folder);
	status = folder_list(buf_cstr(&path), suffix, names, &why);
	if (status < 0)
		network_fail(w, EXIT_CONFIG, "%s", why);
	buf_fini(&path);
	return status;
}

static void
show_one(const struct network *w, const struct cert *c, enum explain_form form,
    struct buf *out)
{
	if (form == EXPLAIN_TEXT)
		explain_row(w->ring, c, c->subject, w->now, out);
	else
		explain_cert(w->ring, c, w->now, form, out);
}

int
show_network(struct network *w, enum explain_form form, struct buf *out)
{
	const char *id = keyring_network(w->ring);
	struct folder_names names;
	const struct cert *c;

	if (list_names(w, "certs", ".cert", &names) < 0)
		return -1;
	if (form == EXPLAIN_TEXT) {
		buf_addf(out, "network %s\n", id);
		explain_head(out);
	}
	show_one(w, keyring_find(w->ring, id), form, out);
	for (size_t i = 0; i < names.n; i++) {
		c = keyring_subject(w->ring, names.v[i]);
		if (c != NULL) /* else an older one */
			show_one(w, c, form, out);
	}
	folder_names_fini(&names);
	return 0;
}

int
show_lists(struct network *w, enum explain_form form, struct buf *out)
{
	struct folder_names names;
	const struct crl *list;

	if (list_names(w, "crl", ".crl", &names) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		list = keyring_crl(w->ring, names.v[i]);
		if (list != NULL)
			explain_list(list, form, out);
	}
	folder_names_fini(&names);
	return 0;
}

int
show_list_events(struct network *w, struct buf *out)
{
	struct folder_names names;
	const struct crl *list;

	if (list_names(w, "crl", ".crl", &names) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		list = keyring_crl(w->ring, names.v[i]);
		if (list == NULL)
			continue;
		buf_addf(out,
		    "{\"topic\":\"$SG/TRUST/CRL/%s\",\"t\":%" PRId64 ",\"d\":",
		    list->issuer, list->issued);
		buf_add(out, list->text, list->len);
		buf_adds(out, "}\n");
	}
	folder_names_fini(&names);
	return 0;
}

static int
status_of(int error)
{
	return error == ENOENT ? EXIT_NOINPUT : EXIT_CONFIG;
}

static int
show_key(struct network *w, const char *path, enum explain_form form,
    struct buf *out)
{
	char *text = secret_new(SECRET_FILE_MAX + 1);
	char subject[KEY_SUBJECT_MAX + 1];
	struct key_public public;
	struct json_value line, box;
	const char *why;
	size_t n;
	int status = 0;

	if (secret_read(path, text, &n, &why) < 0) {
		status = network_fail(w, status_of(errno), "%s: %s", path, why);
	} else if (key_public_parse(text, n, subject, &public, &why) < 0) {
		status = network_fail(w, EXIT_CONFIG, "%s: %s", path, why);
	} else {
		line = json_value(text, n);
		explain_key(
		    subject, &public, json_get(&line, "box", &box), form, out);
	}
	secret_free(text);
	return status;
}

static int
show_cert(struct network *w, const char *path, enum explain_form form,
    struct buf *out)
{
	struct buf text = { 0 };
	const struct cert *c;
	const char *why;
	int status = 0;

	if (folder_read(path, CERT_MAX, &text, &why) < 0)
		status = network_fail(w, status_of(errno), "%s", why);
	else if (keyring_add_chain(w->ring, text.p, text.len, &c, &why) < 0)
		status = network_fail(w, EXIT_CONFIG, "%s: %s", path, why);
	else
		show_chain(w, c, form, out);
	buf_fini(&text);
	return status;
}

int
show_file(struct network *w, const char *path, enum explain_form form,
    struct buf *out)
{
	size_t n = strlen(path);

	return n > 4 && strcmp(path + n - 4, ".key") == 0
	    ? show_key(w, path, form, out)
	    : show_cert(w, path, form, out);
}

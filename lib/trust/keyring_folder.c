#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/die.h"
#include "trust/folder.h"
#include "trust/keyring.h"
#include "trust/keyring_parts.h"
#include "trust/reason.h"
#include "trust/secret.h"

enum { ROOT_FILE_MAX = 65536, PSK_BYTES = 32 };

static void
path_in(char out[PATH_MAX], const char *dir, const char *sub, const char *name,
    const char *suffix)
{
	snprintf(out, PATH_MAX, "%s/%s%s%s", dir, sub, name, suffix);
}

static const char *
add_root(struct keyring *r, const char *p, size_t n)
{
	const char *why;
	struct cert *c = cert_parse(p, n, &why);

	if (!c)
		return why;
	if (!cert_is_root(c))
		why = "not a root (an issuer that names itself as issuer)";
	else if (!cert_signed(c, c))
		why = "the certificate's signature is not its own";
	else
		why = NULL;
	if (why) {
		cert_free(c);
		return why;
	}
	if (!*r->network)
		memcpy(r->network, c->key.kid, sizeof(r->network));
	keyring_remember(r, c, 1);
	return NULL;
}

static int
load_roots(struct keyring *r, const char **why)
{
	struct buf text = { 0 };
	char path[PATH_MAX];
	size_t line = 1;

	path_in(path, r->dir, "", "root", ".cert");
	if (folder_read(path, ROOT_FILE_MAX, &text, why) < 0) {
		buf_fini(&text);
		return -1;
	}
	*why = text.len ? NULL : "empty";
	for (size_t at = 0; at < text.len && !*why; line++) {
		const char *p = text.p + at;
		const char *lf = memchr(p, '\n', text.len - at);
		size_t n = lf ? (size_t)(lf - p) : text.len - at;

		*why = add_root(r, p, n);
		if (*why)
			break;
		at += n + 1;
	}
	if (*why)
		*why = reason("%s:%zu: %s", path, line, *why);
	buf_fini(&text);
	return *why ? -1 : 0;
}

static int
load_chain(struct keyring *r, const char *subject, const char **why)
{
	const struct cert *leaf;
	struct buf text = { 0 };
	char path[PATH_MAX];
	size_t line;

	path_in(path, r->dir, "certs/", subject, ".cert");
	if (folder_read(path, CERT_MAX, &text, why) < 0) {
		buf_fini(&text);
		return -1;
	}
	*why = keyring_take_chain(r, text.p, text.len, &leaf, &line);
	buf_fini(&text);
	if (!*why &&
	    (strlen(leaf->subject) != strcspn(subject, "~") ||
		strncmp(leaf->subject, subject, strlen(leaf->subject)) != 0)) {
		line = 1;
		*why = reason("the certificate is of %s", leaf->subject);
	}
	if (*why)
		*why = reason("%s:%zu: %s", path, line, *why);
	return *why ? -1 : 0;
}

static int
load_chains(struct keyring *r, const char **why)
{
	struct folder_names names = { 0 };
	char path[PATH_MAX];
	int result;

	path_in(path, r->dir, "certs", "", "");
	result = folder_list(path, ".cert", &names, why);
	for (size_t i = 0; i < names.n && result == 0; i++)
		result = load_chain(r, names.v[i], why);
	folder_names_fini(&names);
	return result;
}

/* 1 if the file is as it was when it was last read; else that is noted. */
static int
seen_before(struct keyring *r, const char *kid, const char *path)
{
	struct seen now = { .size = -1 }, *old = NULL;
	struct stat st;

	if (strlen(kid) != KEY_ID || stat(path, &st) < 0)
		return 0;
	memcpy(now.kid, kid, sizeof(now.kid));
	now.mtime = st.st_mtim;
	now.size = st.st_size;
	now.inode = st.st_ino;
	for (size_t i = 0; i < r->nseen && !old; i++)
		if (strcmp(r->seen[i].kid, kid) == 0)
			old = &r->seen[i];
	if (old && old->size == now.size && old->inode == now.inode &&
	    old->mtime.tv_sec == now.mtime.tv_sec &&
	    old->mtime.tv_nsec == now.mtime.tv_nsec)
		return 1;
	if (!old) {
		r->seen = xrealloc(r->seen, (r->nseen + 1) * sizeof(*r->seen));
		old = &r->seen[r->nseen++];
	}
	*old = now;
	return 0;
}

static int
take_crl_file(
    struct keyring *r, struct crl *c, const char *kid, const char **why)
{
	if (strcmp(c->issuer, kid) != 0) {
		*why = reason("the list is of %s", c->issuer);
		crl_free(c);
		return -1;
	}
	return keyring_take_crl(r, c, why);
}

static int
load_crl(struct keyring *r, const char *kid, const char **why)
{
	struct buf text = { 0 };
	char path[PATH_MAX];
	struct crl *c;
	int result = -1;

	path_in(path, r->dir, "crl/", kid, ".crl");
	if (seen_before(r, kid, path))
		return 0;
	if (folder_read(path, CRL_MAX + 1, &text, why) < 0) {
		buf_fini(&text);
		return -1;
	}
	if (text.len > 0 && text.p[text.len - 1] == '\n')
		text.len--;
	c = crl_parse(text.p, text.len, why);
	buf_fini(&text);
	if (c)
		result = take_crl_file(r, c, kid, why);
	if (result < 0)
		*why = reason("%s:1: %s", path, *why);
	return result;
}

int
keyring_refresh(struct keyring *r, const char **why)
{
	struct folder_names names = { 0 };
	char *first = NULL, path[PATH_MAX];
	int taken = 0, one;

	path_in(path, r->dir, "crl", "", "");
	if (folder_list(path, ".crl", &names, why) < 0) {
		folder_names_fini(&names);
		return -1;
	}
	for (size_t i = 0; i < names.n; i++) {
		one = load_crl(r, names.v[i], why);
		if (one < 0 && !first)
			first = xstrdup(*why);
		taken += one > 0;
	}
	folder_names_fini(&names);
	if (!first)
		return taken;
	*why = reason("%s", first);
	free(first);
	return -1;
}

int
keyring_save_crl(const struct keyring *r, const char *issuer, const char **why)
{
	const struct crl *list = keyring_crl(r, issuer);
	struct buf text = { 0 };
	char path[PATH_MAX];
	int result;

	if (!list) {
		*why = reason("there is no list of %s", issuer);
		errno = ENOENT;
		return -1;
	}
	path_in(path, r->dir, "crl/", issuer, ".crl");
	buf_add(&text, list->text, list->len);
	buf_addc(&text, '\n');
	result = folder_write(path, text.p, text.len, why);
	buf_fini(&text);
	return result;
}

static int
load_psk(struct keyring *r, const char **why)
{
	char path[PATH_MAX], *text;
	const char *wrong;
	int result = -1;
	size_t n;

	path_in(path, r->dir, "psk", "", "");
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 0;
	text = secret_new(SECRET_FILE_MAX + 1);
	if (secret_read(path, text, &n, &wrong) == 0) {
		wrong = "not 32 bytes in base64url";
		n -= n > 0 && text[n - 1] == '\n';
		r->psk = secret_new(PSK_BYTES);
		if (key_b64_parse(r->psk, PSK_BYTES, text, n) == PSK_BYTES)
			result = 0;
	}
	if (result < 0)
		*why = reason("%s: %s", path, wrong);
	secret_free(text);
	return result;
}

struct keyring *
keyring_open(const char *dir, const char **why)
{
	struct keyring *r = xcalloc(1, sizeof(*r));

	secret_start();
	r->dir = xstrdup(dir);
	if (strlen(dir) > PATH_MAX / 2)
		*why = reason("%.64s...: %s", dir, strerror(ENAMETOOLONG));
	else if (folder_check(dir, why) == 0 && load_roots(r, why) == 0 &&
	    load_psk(r, why) == 0 && load_chains(r, why) == 0 &&
	    keyring_refresh(r, why) >= 0)
		return r;
	keyring_free(r);
	return NULL;
}

/* 1 if it fits and has a root.cert. */
static int
is_network(const char *dir)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s/root.cert", dir) <
	    (int)sizeof(path) &&
	    access(path, F_OK) == 0;
}

int
keyring_default(const char *given, char *out, size_t n)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	int len;

	if (!given || !*given)
		given = getenv("SG_TRUST");
	if (given && *given) {
		len = snprintf(out, n, "%s", given);
		return len < (int)n ? 0 : -1;
	}
	if (config && *config) {
		len = snprintf(out, n, "%s/sg", config);
		if (len < (int)n && is_network(out))
			return 0;
	}
	if (home && *home) {
		len = snprintf(out, n, "%s/.config/sg", home);
		if (len < (int)n && is_network(out))
			return 0;
	}
	len = snprintf(out, n, "/etc/sg");
	return len < (int)n && is_network(out) ? 0 : -1;
}

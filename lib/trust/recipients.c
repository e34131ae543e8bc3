#include "trust/recipients.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "trust/age.h"
#include "trust/folder.h"
#include "trust/reason.h"

enum { LINE = 4096 };

void
recipients_add(struct recipients *r, const char *name)
{
	r->name = xrealloc(r->name, (r->names + 1) * sizeof *r->name);
	r->name[r->names++] = xstrdup(name);
}

/* A line without what stands around its word. */
static void
add_line(struct recipients *r, char *line)
{
	char *p = line + strspn(line, " \t");
	size_t n = strcspn(p, "\r\n");

	while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t'))
		n--;
	p[n] = '\0';
	if (n > 0 && *p != '#')
		recipients_add(r, p);
}

int
recipients_file(struct recipients *r, const char *path, const char **why)
{
	char line[LINE];
	FILE *file = fopen(path, "re");
	int failed;

	if (file == NULL) {
		*why = reason("%s: %s", path, strerror(errno));
		return -1;
	}
	while (fgets(line, sizeof line, file) != NULL)
		add_line(r, line);
	failed = ferror(file);
	fclose(file);
	if (failed)
		*why = reason("%s: %s", path, strerror(EIO));
	return failed ? -1 : 0;
}

static int
is_age(const char *name)
{
	return strncmp(name, "age1", 4) == 0;
}

static int
is_file(const char *name)
{
	size_t n = strlen(name);

	return n > 5 && strcmp(name + n - 5, ".cert") == 0;
}

int
recipients_network(const struct recipients *r)
{
	for (size_t i = 0; i < r->names; i++)
		if (!is_age(r->name[i]))
			return 1;
	return 0;
}

static const struct cert *
load(struct keyring *ring, const char *path, const char **why)
{
	const struct cert *cert = NULL;
	struct buf text = { 0 };

	if (folder_read(path, CERT_MAX, &text, why) == 0 &&
	    keyring_add_chain(ring, text.p, text.len, &cert, why) < 0)
		*why = reason("%s: %s", path, *why);
	buf_fini(&text);
	return cert;
}

static const struct cert *
find(struct keyring *ring, const char *name, const char **why)
{
	const struct cert *cert;

	if (is_file(name))
		return load(ring, name, why);
	cert = keyring_subject(ring, name);
	if (cert == NULL)
		*why = reason("%s: the network knows no such subject", name);
	return cert;
}

static int
refuse(int *status, int code)
{
	*status = code;
	return -1;
}

/* An overdue list is no reason to leave a recipient without its events. */
static int
find_cert(struct recipients *r, struct keyring *ring, const char *name,
    int64_t now, int *status, const char **why)
{
	const struct cert *cert = find(ring, name, why);
	enum keyring_verdict v;

	if (cert == NULL)
		return refuse(status, EXIT_CONFIG);
	v = keyring_judge(ring, cert, keyring_clock(ring, now));
	if (v != KEYRING_VALID && v != KEYRING_STALE) {
		*why = reason("%s: %s", name, keyring_verdict_why(v));
		return refuse(status, EXIT_DENIED);
	}
	r->cert[r->certs++] = cert;
	memcpy(r->key[r->keys++], cert->key.enc, KEY_BYTES);
	return 0;
}

static int
find_age(struct recipients *r, const char *name, int *status, const char **why)
{
	if (age_recipient(name, r->key[r->keys]) < 0) {
		*why = reason("%s: not a recipient of age", name);
		return refuse(status, EXIT_USAGE);
	}
	r->keys++;
	return 0;
}

int
recipients_find(struct recipients *r, struct keyring *ring, int64_t now,
    int *status, const char **why)
{
	r->certs = r->keys = 0;
	r->cert = xrealloc(r->cert, (r->names + 1) * sizeof *r->cert);
	r->key = xrealloc(r->key, (r->names + 1) * sizeof *r->key);
	for (size_t i = 0; i < r->names; i++) {
		const char *name = r->name[i];
		int found = is_age(name)
		    ? find_age(r, name, status, why)
		    : find_cert(r, ring, name, now, status, why);

		if (found < 0)
			return -1;
	}
	return 0;
}

void
recipients_fini(struct recipients *r)
{
	for (size_t i = 0; i < r->names; i++)
		free(r->name[i]);
	free(r->name);
	free(r->cert);
	free(r->key);
	*r = (struct recipients){ 0 };
}

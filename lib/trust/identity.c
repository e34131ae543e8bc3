#include "trust/identity.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/date.h"
#include "base/die.h"
#include "trust/folder.h"
#include "trust/reason.h"
#include "trust/secret.h"

struct identity_options identity_given = { .pass_fd = -1 };

struct opt identity_rows[] = {
	{ 'k', "key", OPT_STRING, "FILE", "key file of who this program is",
	    &identity_given.key, "SG_KEY" },
	{ 0, "trust", OPT_STRING, "DIR", "the network's folder of certificates",
	    &identity_given.trust, "SG_TRUST" },
	{ 0, "pass-fd", OPT_INT, "N",
	    "read the key's passphrase from this descriptor",
	    &identity_given.pass_fd },
	{ 0 },
};

static int
refuse(int *status, enum sg_exit code)
{
	*status = code;
	return -1;
}

/* FILE.cert for FILE.key; 0 if there is no such file. */
static int
beside(const char *key, char path[PATH_MAX])
{
	size_t n = strlen(key);

	if (n > 4 && strcmp(key + n - 4, ".key") == 0)
		n -= 4;
	if (snprintf(path, PATH_MAX, "%.*s.cert", (int)n, key) >= PATH_MAX)
		return 0;
	return access(path, F_OK) == 0;
}

/* The chain in the file, as a certificate of the ring. */
static const struct cert *
load_beside(struct identity *id, const char *path, const char **why)
{
	const struct cert *cert = NULL;
	struct buf text = { 0 };

	if (folder_read(path, CERT_MAX, &text, why) == 0 &&
	    keyring_add_chain(id->ring, text.p, text.len, &cert, why) < 0)
		*why = reason("%s: %s", path, *why);
	buf_fini(&text);
	return cert;
}

static const char *
check_belongs(const struct key *key, const struct cert *cert)
{
	if (strcmp(key->public.kid, cert->key.kid) != 0)
		return "the certificate is of another key";
	if (memcmp(key->public.enc, cert->key.enc, KEY_BYTES) != 0)
		return "the certificate has another key for channels";
	return NULL;
}

static int
find_cert(struct identity *id, const char *file, int *status, const char **why)
{
	char path[PATH_MAX];

	if (beside(file, path)) {
		id->cert = load_beside(id, path, why);
		if (!id->cert)
			return refuse(status, EXIT_CONFIG);
		file = path;
	} else {
		id->cert = keyring_find(id->ring, id->key->public.kid);
	}
	*why = id->cert ? check_belongs(id->key, id->cert)
			: "the network has no certificate for this key";
	if (!*why)
		return 0;
	*why = reason("%s: %s", file, *why);
	return refuse(status, EXIT_CONFIG);
}

static int
check_now(struct identity *id, const char *file, int *status, const char **why)
{
	int64_t now = keyring_clock(id->ring, date_now() / DATE_SECOND);
	enum keyring_verdict v = keyring_judge(id->ring, id->cert, now);

	if (v == KEYRING_VALID || v == KEYRING_STALE)
		return 0;
	*why = reason("%s: %s", file, keyring_verdict_why(v));
	return refuse(status, EXIT_DENIED);
}

static int
load_key(struct identity *id, const struct identity_options *given, int *status,
    const char **why)
{
	const char *wrong = NULL;
	int denied;

	id->key = key_load(given->key, (int)given->pass_fd, &wrong);
	if (id->key)
		return 0;
	denied = errno == EACCES;
	*why = reason("%s: %s", given->key, wrong);
	return refuse(status, denied ? EXIT_DENIED : EXIT_CONFIG);
}

/* The key file without its passphrase, which has been used up. */
static int
load_key_again(struct identity *id, const struct key *old, const char *path,
    int *status, const char **why)
{
	char *text = secret_new(SECRET_FILE_MAX + 1);
	const char *wrong = NULL;
	size_t n;

	if (secret_read(path, text, &n, &wrong) == 0) {
		id->key = key_parse(text, n, NULL, 0, &wrong);
		if (!id->key && errno == ENOKEY) {
			id->key = secret_new(sizeof(*id->key));
			*id->key = *old;
		}
	}
	secret_free(text);
	if (id->key)
		return 0;
	*why = reason("%s: %s", path, wrong);
	return refuse(status, EXIT_CONFIG);
}

static int
load_network(struct identity *id, const struct identity_options *given,
    int *status, const char **why)
{
	char dir[PATH_MAX];

	if (keyring_default(given->trust, dir, sizeof(dir)) < 0) {
		*why = "no network: --trust DIR or SG_TRUST names its folder";
		return refuse(status, EXIT_CONFIG);
	}
	id->ring = keyring_open(dir, why);
	return id->ring ? 0 : refuse(status, EXIT_CONFIG);
}

/* All of it; old is the key that was there before, or NULL. */
static int
load_all(struct identity *id, const struct identity_options *given,
    const struct key *old, int *status, const char **why)
{
	int failed = load_network(id, given, status, why) < 0;

	if (!failed && given->key) {
		failed = old
		    ? load_key_again(id, old, given->key, status, why) < 0
		    : load_key(id, given, status, why) < 0;
		failed = failed || find_cert(id, given->key, status, why) < 0 ||
		    check_now(id, given->key, status, why) < 0;
		if (!failed)
			keyring_chain(id->ring, id->cert, &id->chain);
	}
	if (failed)
		identity_close(id);
	return failed ? -1 : 1;
}

int
identity_network(struct identity *id, const struct identity_options *given,
    int *status, const char **why)
{
	struct identity_options keyless = *given;

	keyless.key = NULL;
	*id = (struct identity){ .crl_soft = id->crl_soft };
	return load_all(id, &keyless, NULL, status, why);
}

int
identity_open(struct identity *id, const struct identity_options *given,
    int *status, const char **why)
{
	*id = (struct identity){ .crl_soft = id->crl_soft };
	return given->key ? load_all(id, given, NULL, status, why) : 0;
}

/* fresh takes id's place; the old ring stays for those who use it. */
static void
replace(struct identity *id, struct identity *fresh)
{
	keyring_inherit(fresh->ring, id->ring);
	fresh->nretired = id->nretired + 1;
	fresh->retired =
	    xrealloc(id->retired, fresh->nretired * sizeof(*fresh->retired));
	fresh->retired[id->nretired] = id->ring;
	key_free(id->key);
	buf_fini(&id->chain);
	*id = *fresh;
}

int
identity_reload(struct identity *id, const struct identity_options *given,
    int *status, const char **why)
{
	struct identity fresh = { .crl_soft = id->crl_soft };
	struct identity_options same = *given;

	if (!id->key)
		same.key = NULL;
	if (load_all(&fresh, &same, id->key, status, why) < 0)
		return -1;
	replace(id, &fresh);
	return 1;
}

int
identity_renew(struct identity *id, const struct identity_options *given,
    int *status, const char **why)
{
	struct identity fresh = { .crl_soft = id->crl_soft };

	if (load_all(&fresh, given, id->key, status, why) < 0)
		return -1;
	if (fresh.cert->len != id->cert->len ||
	    memcmp(fresh.cert->text, id->cert->text, id->cert->len) != 0) {
		replace(id, &fresh);
		return 1;
	}
	keyring_inherit(id->ring, fresh.ring);
	identity_close(&fresh);
	return 0;
}

void
identity_close(struct identity *id)
{
	key_free(id->key);
	keyring_free(id->ring);
	for (size_t i = 0; i < id->nretired; i++)
		keyring_free(id->retired[i]);
	free(id->retired);
	buf_fini(&id->chain);
	*id = (struct identity){ .crl_soft = id->crl_soft };
}

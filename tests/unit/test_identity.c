#include <fcntl.h>
#include <string.h>

#include "check.h"
#include "network.h"
#include "trust/identity.h"

static const struct network_wish actor = {
	.subject = "area/flat12",
	.pub = { "MEASUREMENT/flat12/#" },
};

/* A network with one actor, and the options that say so. */
struct setting {
	struct network n;
	char key[PATH_MAX], cert[PATH_MAX];
	struct identity_options given;
	int fds[2];
};

static void
set_up(struct setting *s)
{
	network_init(&s->n);
	network_issue(&s->n, &actor);
	snprintf(s->key, sizeof(s->key), "%s/keys/area/flat12.key", s->n.dir);
	snprintf(
	    s->cert, sizeof(s->cert), "%s/keys/area/flat12.cert", s->n.dir);
	s->given = (struct identity_options){
		.key = s->key, .trust = s->n.dir, .pass_fd = -1
	};
}

static void
tear_down(struct setting *s)
{
	network_fini(&s->n);
}

/* The passphrase to read, on a descriptor. */
static void
type(struct setting *s, const char *pass)
{
	if (pipe2(s->fds, O_CLOEXEC) < 0 ||
	    write(s->fds[1], pass, strlen(pass)) < 0)
		network_die("pipe", strerror(errno));
	close(s->fds[1]);
	s->given.pass_fd = s->fds[0];
}

static void
lock_key(struct setting *s)
{
	struct key *key = network_key(&s->n, "area/flat12");
	const char *why;

	if (key_save(key, s->key, "secret", 6, SECRET_REPLACE, &why) < 0)
		network_die(s->key, why);
	key_free(key);
}

static void
put(const char *path, const char *text)
{
	const char *why;

	if (folder_write(path, text, strlen(text), &why) < 0)
		network_die(path, why);
}

static void
nothing(struct setting *s)
{
	(void)s;
}

static void
no_key(struct setting *s)
{
	remove(s->key);
}

static void
no_folder(struct setting *s)
{
	s->given.trust = "/proc/nonexistent";
}

static void
readable_key(struct setting *s)
{
	chmod(s->key, 0644);
}

static void
no_cert(struct setting *s)
{
	remove(network_path(&s->n, "certs/", "area/flat12", ".cert"));
}

static void
locked(struct setting *s)
{
	lock_key(s);
	type(s, "secret\n");
}

static void
wrong_passphrase(struct setting *s)
{
	lock_key(s);
	type(s, "secrets\n");
}

static void
expired(struct setting *s)
{
	struct network_wish wish = actor;
	struct key *key = network_key(&s->n, "area/flat12");

	wish.key = key;
	wish.nbf = s->n.now - 1000;
	wish.exp = s->n.now - 10;
	network_issue(&s->n, &wish);
	key_free(key);
}

static void
early(struct setting *s)
{
	struct network_wish wish = actor;
	struct key *key = network_key(&s->n, "area/flat12");

	wish.key = key;
	wish.nbf = s->n.now + 1000;
	network_issue(&s->n, &wish);
	key_free(key);
}

static void
revoked(struct setting *s)
{
	network_revoke(&s->n, NULL, "area/flat12", s->n.now - 5, 1);
}

static void
overdue(struct setting *s)
{
	struct crl list = { .number = 1,
		.issued = s->n.now - 4 * NETWORK_DAY,
		.next = s->n.now - 3 * NETWORK_DAY };
	const char *why;

	crl_sign(&list, s->n.root, &why);
	put(network_path(&s->n, "crl/", s->n.root->public.kid, ".crl"),
	    list.text);
	free(list.text);
}

/* Its certificate lies beside the key, and nowhere else. */
static void
beside(struct setting *s)
{
	if (rename(network_path(&s->n, "certs/", "area/flat12", ".cert"),
		s->cert) < 0)
		network_die(s->cert, strerror(errno));
}

static void
beside_of_another(struct setting *s)
{
	network_issue(&s->n, &(struct network_wish){ .subject = "other" });
	if (rename(network_path(&s->n, "certs/", "other", ".cert"), s->cert) <
	    0)
		network_die(s->cert, strerror(errno));
}

static void
beside_bad(struct setting *s)
{
	put(s->cert, "{}\n");
}

static void
beside_writable(struct setting *s)
{
	beside(s);
	chmod(s->cert, 0666);
}

/* The key file got another key for channels than the certificate names. */
static void
other_channel_key(struct setting *s)
{
	struct key *key = network_key(&s->n, "area/flat12"), *fresh;
	struct network_wish wish = actor;

	fresh = key_new("x");
	memcpy(fresh->sign, key->sign, sizeof(key->sign));
	memcpy(fresh->public.sign, key->public.sign, sizeof(key->public.sign));
	memcpy(fresh->public.kid, key->public.kid, sizeof(key->public.kid));
	wish.key = fresh;
	{
		struct cert *c = network_make(&s->n, &wish, fresh, s->n.root);

		put(s->cert, c->text);
		cert_free(c);
	}
	key_free(fresh);
	key_free(key);
}

static const struct {
	const char *about;
	void (*change)(struct setting *s);
	int want, status;
	const char *file, *why; /* behind the network's folder */
} opening[] = {
	{ "key and certificate", nothing, 1 },
	{ "a passphrase", locked, 1 },
	{ "a certificate beside the key", beside, 1 },
	{ "an overdue list", overdue, 1 },
	{ "no key file", no_key, -1, EXIT_CONFIG,
	    "/keys/area/flat12.key: ", "No such file or directory" },
	{ "a key for all to read", readable_key, -1, EXIT_CONFIG,
	    "/keys/area/flat12.key: ", "can be read by others" },
	{ "a wrong passphrase", wrong_passphrase, -1, EXIT_DENIED,
	    "/keys/area/flat12.key: ", "wrong passphrase" },
	{ "no certificate", no_cert, -1, EXIT_CONFIG, "/keys/area/flat12.key: ",
	    "the network has no certificate for this key" },
	{ "an expired certificate", expired, -1, EXIT_DENIED,
	    "/keys/area/flat12.key: ", "certificate expired" },
	{ "a certificate from the future", early, -1, EXIT_DENIED,
	    "/keys/area/flat12.key: ", "certificate not valid yet" },
	{ "a revoked certificate", revoked, -1, EXIT_DENIED,
	    "/keys/area/flat12.key: ", "certificate revoked" },
	{ "another's certificate beside the key", beside_of_another, -1,
	    EXIT_CONFIG,
	    "/keys/area/flat12.cert: ", "the certificate is of another key" },
	{ "no certificate beside the key", beside_bad, -1, EXIT_CONFIG,
	    "/keys/area/flat12.cert: ", "enc: missing" },
	{ "a certificate for all to write", beside_writable, -1, EXIT_CONFIG,
	    "/keys/area/flat12.cert: ", "can be written by others" },
	{ "another key for channels", other_channel_key, -1, EXIT_CONFIG,
	    "/keys/area/flat12.cert: ",
	    "the certificate has another key for channels" },
};

static void
test_opening(void)
{
	for (size_t i = 0; i < sizeof(opening) / sizeof(*opening); i++) {
		struct identity id = { .crl_soft = 1 };
		char want[2 * PATH_MAX];
		const char *why = "";
		struct setting s;
		int got, status = 0;

		set_up(&s);
		opening[i].change(&s);
		got = identity_open(&id, &s.given, &status, &why);
		check(got == opening[i].want && status == opening[i].status,
		    "%s: %d, status %d, %s", opening[i].about, got, status,
		    why);
		check(id.crl_soft, "%s: left alone", opening[i].about);
		snprintf(want, sizeof(want), "%s%s%s", s.n.dir,
		    opening[i].file ? opening[i].file : "",
		    opening[i].why ? opening[i].why : "");
		if (got == 1)
			check(id.key && id.cert && id.chain.len > 0 &&
				strcmp(id.cert->subject, "area/flat12") == 0,
			    "%s: who it is", opening[i].about);
		else
			check(!id.key && !id.ring &&
				strncmp(why, want, strlen(want)) == 0,
			    "%s: %s", opening[i].about, why);
		identity_close(&id);
		tear_down(&s);
	}
}

static void
test_nobody(void)
{
	struct identity id = { 0 };
	const char *why = "";
	struct setting s;
	int status = 0;

	set_up(&s);
	s.given.key = NULL;
	check(identity_open(&id, &s.given, &status, &why) == 0, "no key");
	check(!id.ring && !id.key, "nothing is open");
	check(identity_network(&id, &s.given, &status, &why) == 1 && id.ring,
	    "only the network: %s", why);
	check(!id.key && !id.cert, "and nobody in it");
	check(identity_reload(&id, &s.given, &status, &why) == 1 && id.ring,
	    "again: %s", why);
	identity_close(&id);
	no_folder(&s);
	check(identity_network(&id, &s.given, &status, &why) == -1 &&
		status == EXIT_CONFIG &&
		strcmp(why, "/proc/nonexistent: No such file or directory") ==
		    0,
	    "no folder: %s", why);
	tear_down(&s);
}

/* What was there stays when the new is bad, and certificates outlive a ring. */
static void
test_reload(void)
{
	struct identity id = { 0 };
	const struct cert *old;
	const char *why = "";
	struct setting s;
	struct buf whole = { 0 };
	int status = 0;

	set_up(&s);
	lock_key(&s);
	type(&s, "secret\n");
	identity_open(&id, &s.given, &status, &why);
	old = id.cert;
	keyring_told(id.ring, s.n.now + 50);
	check(identity_reload(&id, &s.given, &status, &why) == 1,
	    "a passphrase is not needed again: %s", why);
	check(id.cert != old && strcmp(old->subject, id.cert->subject) == 0,
	    "the old certificate is still there");
	check(keyring_clock(id.ring, s.n.now) == s.n.now + 50,
	    "what had been learned too");
	check(keyring_judge(id.ring, old, s.n.now) == KEYRING_VALID,
	    "the new ring judges it");
	old = id.cert;
	folder_read(
	    network_path(&s.n, "root", ".cert", ""), CERT_MAX, &whole, &why);
	put(network_path(&s.n, "root", ".cert", ""), "{}\n");
	check(identity_reload(&id, &s.given, &status, &why) == -1 &&
		strstr(why, "/root.cert:1: enc: missing"),
	    "a bad root: %s", why);
	check(id.cert == old && id.ring && id.chain.len > 0,
	    "what was there stays");
	network_write(&s.n, "root", ".cert", "", &whole);
	revoked(&s);
	check(identity_reload(&id, &s.given, &status, &why) == -1 &&
		status == EXIT_DENIED,
	    "revoked meanwhile: %s", why);
	buf_fini(&whole);
	identity_close(&id);
	tear_down(&s);
}

/* Another key in the file, with its certificate. */
static void
test_new_key(void)
{
	struct identity id = { 0 };
	char kid[KEY_ID + 1];
	const char *why = "";
	struct setting s;
	int status = 0;

	set_up(&s);
	identity_open(&id, &s.given, &status, &why);
	memcpy(kid, id.key->public.kid, sizeof(kid));
	network_issue(&s.n, &actor);
	check(identity_reload(&id, &s.given, &status, &why) == 1, "%s", why);
	check(strcmp(kid, id.key->public.kid) != 0 &&
		strcmp(id.key->public.kid, id.cert->key.kid) == 0,
	    "the new key and its certificate");
	identity_close(&id);
	tear_down(&s);
}

/* Asking again and again for a new certificate costs no memory. */
static void
test_renew(void)
{
	struct identity id = { 0 };
	struct network_wish wish = { .subject = "area/flat12", .gen = 7 };
	const struct cert *old;
	const char *why = "";
	struct setting s;
	struct key *key;
	int status = 0;

	set_up(&s);
	identity_open(&id, &s.given, &status, &why);
	old = id.cert;
	check(identity_renew(&id, &s.given, &status, &why) == 0 &&
		id.cert == old && id.nretired == 0,
	    "nothing new: %s", why);
	network_issue(&s.n, &(struct network_wish){ .subject = "x" });
	network_revoke(&s.n, NULL, "x", s.n.now, 3);
	check(identity_renew(&id, &s.given, &status, &why) == 0 &&
		keyring_crl(id.ring, s.n.root->public.kid) != NULL,
	    "a newer list is taken");
	key = network_key(&s.n, "area/flat12");
	wish.key = key;
	network_issue(&s.n, &wish);
	check(identity_renew(&id, &s.given, &status, &why) == 1 &&
		id.cert->gen == 7 && id.nretired == 1,
	    "a new one: %s", why);
	check(identity_renew(&id, &s.given, &status, &why) == 0 &&
		id.nretired == 1,
	    "once");
	put(network_path(&s.n, "root", ".cert", ""), "{}\n");
	check(identity_renew(&id, &s.given, &status, &why) == -1 &&
		id.cert->gen == 7,
	    "what was there stays");
	key_free(key);
	identity_close(&id);
	tear_down(&s);
}

int
main(void)
{
	test_opening();
	test_nobody();
	test_reload();
	test_new_key();
	test_renew();
	return check_done();
}

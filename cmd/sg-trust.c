/*
 * sg-trust keeps a network's keys, certificates and revocation lists in one
 * folder: the first operand is what to do.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "base/opt.h"
#include "event/line.h"
#include "trust/network.h"
#include "trust/network_demo.h"
#include "trust/secret.h"
#include "trust/show.h"
#include "trust/wish.h"

enum { PASSPHRASE = 1024, EXPORT_MAX = 1024 };

#define UNSET WISH_UNSET

static struct {
	const char *trust, *issuer, *jwk, *reason;
	int64_t ttl, pass_fd, before;
	int role, format, passphrase, psk, rekey, event, secret, minisign, age,
	    pkcs8, nkey;
	struct wish wish;
} o = {
	.ttl = UNSET,
	.pass_fd = UNSET,
	.before = UNSET,
	.wish = { .depth = UNSET, .maxttl = UNSET },
	.role = -1,
	.format = -1,
};

static const char *const roles[] = { "actor", "broker", "issuer", NULL };
static const char *const formats[] = { "text", "json", NULL };
enum { FORMAT_TEXT, FORMAT_JSON };

static const struct opt options[] = {
	{ 0, "trust", OPT_STRING, "DIR", "the network's folder (~/.config/sg)",
	    &o.trust, "SG_TRUST" },
	{ 0, "issuer", OPT_STRING, "NAME", "whose key signs (the root's)",
	    &o.issuer },
	{ 0, "pass-fd", OPT_INT, "N", "read passphrases from descriptor N",
	    &o.pass_fd },
	{ 0, "passphrase", OPT_FLAG, NULL, "protect the new key by one",
	    &o.passphrase },
	{ 0, "psk", OPT_FLAG, NULL, "init: a shared key for all channels",
	    &o.psk },
	{ 0, "role", OPT_CHOICE, "ROLE", "of the holder (actor)", &o.role, NULL,
	    roles },
	{ 0, "pub", OPT_LIST, "FILTER", "topics it may publish", &o.wish.pub },
	{ 0, "subs", OPT_LIST, "FILTER", "topics it may subscribe to",
	    &o.wish.subs },
	{ 0, "call", OPT_LIST, "FILTER", "services it may call", &o.wish.call },
	{ 0, "serve", OPT_LIST, "FILTER", "services it may offer",
	    &o.wish.serve },
	{ 0, "deny", OPT_LIST, "FILTER", "never these, whatever the others say",
	    &o.wish.deny },
	{ 0, "via", OPT_LIST, "NAME", "whose events it may pass on",
	    &o.wish.via },
	{ 0, "names", OPT_LIST, "NAME", "hosts a broker answers for",
	    &o.wish.names },
	{ 0, "limit", OPT_LIST, "NAME=N",
	    "eps bps (a second), conn, topics: quotas", &o.wish.limit },
	{ 0, "depth", OPT_INT, "N", "issuers below this one (0)",
	    &o.wish.depth },
	{ 0, "scope", OPT_LIST, "FILTER", "topics an issuer may give rights to",
	    &o.wish.scope },
	{ 0, "subjects", OPT_LIST, "NAME", "names an issuer may give away (#)",
	    &o.wish.subjects },
	{ 0, "brokers", OPT_LIST, "NAME", "hosts an issuer may make brokers of",
	    &o.wish.brokers },
	{ 0, "maxttl", OPT_DURATION, "DURATION",
	    "longest life of what an issuer issues (30d)", &o.wish.maxttl },
	{ 0, "ttl", OPT_DURATION, "DURATION",
	    "life (actor 30d, broker 90d, issuer 1y, root 10y)", &o.ttl },
	{ 0, "jwk", OPT_STRING, "FILE", "a public key made elsewhere, - stdin",
	    &o.jwk },
	{ 0, "rekey", OPT_FLAG, NULL, "renew: with a new key", &o.rekey },
	{ 0, "all-before", OPT_TIME, "TIME",
	    "revoke NAME's certificates from before", &o.before },
	{ 0, "reason", OPT_STRING, "TEXT", "why it is revoked", &o.reason },
	{ 0, "event", OPT_FLAG, NULL, "crl: as event lines, for sg-pub",
	    &o.event },
	{ 'f', "format", OPT_CHOICE, "FORMAT", "of the output", &o.format, NULL,
	    formats },
	{ 0, "minisign", OPT_FLAG, NULL, "export: minisign's key file",
	    &o.minisign },
	{ 0, "age", OPT_FLAG, NULL, "export: age's recipient or identity",
	    &o.age },
	{ 0, "pkcs8", OPT_FLAG, NULL, "export: PEM, as openssl has it",
	    &o.pkcs8 },
	{ 0, "nkey", OPT_FLAG, NULL, "export: NATS' nkey", &o.nkey },
	{ 0, "secret", OPT_FLAG, NULL, "export: the secret half", &o.secret },
	{ 0 },
};

static const struct opt_command command = {
	.name = "sg-trust",
	.purpose = "make and keep the keys and certificates of a network",
	.operands = "VERB [OPERAND]...\n"
		    "verbs: init key issue renew revoke crl show check"
		    " acl export demo",
	.options = options,
	.examples = {
		"sg-trust init grid",
		"sg-trust issue --trust grid meter7 --pub 'MEASUREMENT/METER/"
		"meter7/#'",
	},
};

static struct network net;

static void
finish(int status)
{
	if (status < 0)
		die(net.status, "%s", net.why.p);
}

static int64_t
seconds(int64_t us, int64_t otherwise)
{
	return us == UNSET ? otherwise : us / DATE_SECOND;
}

static int
pass_fd(void)
{
	return o.pass_fd == UNSET ? -1 : (int)o.pass_fd;
}

static void
say_until(const char *what, int64_t until)
{
	struct buf b = { 0 };

	date_add(&b, until * DATE_SECOND, NULL);
	note("%s until %s", what, buf_cstr(&b));
	buf_fini(&b);
}

/* The fields of a certificate that the options name. */
static void
fill(struct cert *c)
{
	const char *why = wish_fill(&o.wish, c);

	if (why != NULL)
		opt_usage("%s", why);
}

/* For a new key, if it is to have one; in memory that is never given back. */
static struct network_pass
new_passphrase(const char *name)
{
	struct network_pass pass = { 0 };
	struct buf prompt = { 0 };
	char *text;
	int n;

	if (!o.passphrase)
		return pass;
	text = secret_new(PASSPHRASE);
	buf_addf(&prompt, "New passphrase of %s: ", name);
	n = secret_passphrase(pass_fd(), buf_cstr(&prompt), text, PASSPHRASE);
	buf_fini(&prompt);
	if (n < 0 && errno == EINVAL)
		die(EXIT_DENIED, "the two passphrases differ");
	if (n < 0)
		die(EXIT_NOINPUT, "no passphrase: %s",
		    errno == ENOTTY	   ? "no terminal, --pass-fd N"
			: errno == ENODATA ? "--pass-fd has no more lines"
					   : strerror(errno));
	if (n == 0)
		die(EXIT_DENIED, "an empty passphrase protects nothing");
	pass.p = text;
	pass.n = (size_t)n;
	return pass;
}

/* The network's folder, given or where it is by default. */
static void
find_folder(void)
{
	static char dir[4096];

	if (keyring_default(o.trust, dir, sizeof dir) < 0)
		die(EXIT_NOINPUT,
		    "no network: give --trust DIR, or make one with "
		    "sg-trust init DIR");
	net.dir = dir;
}

static void
open_network(enum network_use use)
{
	find_folder();
	finish(network_open(&net, use));
}

static void
open_signer(const char *name)
{
	open_network(NETWORK_CHANGE);
	finish(network_signer(&net, name, pass_fd()));
	finish(network_signer_valid(&net));
}

static const struct cert *
find_cert(const char *name)
{
	const struct cert *c = keyring_subject(net.ring, name);

	if (c == NULL)
		die(EXIT_NOINPUT, "%s: no certificate of %s", net.dir, name);
	return c;
}

/* Where a new network goes. */
static void
new_folder(char **v, size_t n)
{
	static char dir[4096];
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	net.dir = n > 0 ? v[0] : o.trust;
	if (net.dir != NULL)
		return;
	if (config != NULL && config[0] == '/')
		snprintf(dir, sizeof dir, "%s/sg", config);
	else if (home != NULL && home[0] == '/')
		snprintf(dir, sizeof dir, "%s/.config/sg", home);
	else
		opt_usage("a folder is needed");
	net.dir = dir;
}

static int
run_init(char **v, size_t n)
{
	struct network_pass pass;

	new_folder(v, n);
	pass = new_passphrase("the root's key");
	finish(network_create(
	    &net, "root", seconds(o.ttl, NETWORK_LIFE_ROOT), o.psk, &pass));
	note("%s is a network now; %s/keys/root.key signs everything: keep it "
	     "apart, with a copy",
	    net.dir, net.dir);
	say_until("its root is valid", net.issuer->exp);
	return EXIT_OK;
}

static int
run_demo(char **v, size_t n)
{
	new_folder(v, n);
	finish(network_demo(&net));
	debug("sg-broker -k %s/keys/broker-a.key --trust %s", net.dir, net.dir);
	debug(
	    "sg-sub -k %s/keys/operator.key --trust %s '#'", net.dir, net.dir);
	return EXIT_OK;
}

static void
print(struct buf *b)
{
	if (app_write(STDOUT_FILENO, b->p, b->len) < 0)
		die(EXIT_IO, "standard output: %s", strerror(errno));
	buf_fini(b);
}

/* A key alone: for a device, whose secret never leaves it. */
static int
run_key(char **v, size_t n)
{
	const char *why = key_subject_check(v[0], strlen(v[0]));
	struct buf path = { 0 }, line = { 0 };
	struct network_pass pass;
	struct key *k;

	if (why != NULL)
		opt_usage("%s: %s", v[0], why);
	if (n > 1) {
		buf_adds(&path, v[1]);
	} else {
		find_folder();
		network_file(&net, "keys", v[0], ".key", &path);
	}
	pass = new_passphrase(v[0]);
	k = key_new(v[0]);
	if (key_save(k, buf_cstr(&path), pass.p, pass.n, SECRET_CREATE, &why) <
	    0)
		die(EXIT_CANTCREATE, "%s: %s", path.p, why);
	key_public_line(&line, k);
	print(&line);
	key_free(k);
	buf_fini(&path);
	return EXIT_OK;
}

/* Made elsewhere, here before, or made now. */
static void
choose_key(const char *name, struct key_public *out)
{
	struct network_pass pass;
	int known;

	if (o.jwk != NULL) {
		finish(network_given_key(&net, o.jwk, name, out));
		return;
	}
	known = network_known_key(&net, name, out);
	finish(known);
	if (known)
		return;
	pass = new_passphrase(name);
	finish(network_key(&net, name, &pass, out));
}

static void
say_issued(const struct cert *c)
{
	struct buf what = { 0 };

	buf_addf(&what, "%s/certs/%s.cert is valid", net.dir, c->subject);
	say_until(buf_cstr(&what), c->exp);
	buf_fini(&what);
}

static int
run_issue(char **v, size_t n)
{
	const char *why = key_subject_check(v[0], strlen(v[0]));
	struct cert *c;

	(void)n;
	if (why != NULL)
		opt_usage("%s: %s", v[0], why);
	c = network_cert(
	    (enum cert_role)(CERT_ACTOR + (o.role < 0 ? 0 : o.role)));
	snprintf(c->subject, sizeof c->subject, "%s", v[0]);
	fill(c);
	open_signer(o.issuer);
	if (keyring_subject(net.ring, c->subject) != NULL)
		die(EXIT_CANTCREATE,
		    "%s has a certificate: sg-trust renew changes it",
		    c->subject);
	c->nbf = net.now;
	c->exp = net.now + seconds(o.ttl, network_life(&net, c->role));
	finish(network_allowed(&net, c));
	choose_key(c->subject, &c->key);
	finish(network_issue(&net, c));
	say_issued(c);
	cert_free(c);
	return EXIT_OK;
}

static const char *
issuer_of(const struct cert *c)
{
	const struct cert *issuer = keyring_find(net.ring, c->issuer);

	return o.issuer != NULL ? o.issuer
	    : issuer != NULL	? issuer->subject
				: NULL;
}

/* The same key, or another: 1. */
static int
choose_new_key(const struct cert *old, struct key_public *key)
{
	struct network_pass pass;

	if (o.jwk != NULL) {
		finish(network_given_key(&net, o.jwk, old->subject, key));
	} else if (o.rekey) {
		pass = new_passphrase(old->subject);
		finish(network_rekey(&net, old, &pass, key));
	}
	return strcmp(old->key.kid, key->kid) != 0;
}

/* Whoever has a stolen key gains from what is issued for it. */
static void
warn_of_key(const struct cert *old)
{
	if (keyring_judge(net.ring, old, net.now) == KEYRING_REVOKED)
		warn("%s was revoked and is valid again, with the same key; "
		     "--rekey makes another",
		    old->subject);
}

static int
run_renew(char **v, size_t n)
{
	const struct cert *old;
	struct cert *c;
	const char *why;
	int rekeyed;

	(void)n;
	open_network(NETWORK_CHANGE);
	old = find_cert(v[0]);
	c = cert_parse(old->text, old->len, &why);
	if (c == NULL)
		die(EXIT_CONFIG, "%s: %s", v[0], why);
	fill(c);
	if (cert_is_root(old) && (o.rekey || o.jwk != NULL))
		die(EXIT_DENIED, "%s is a root: its key is the network", v[0]);
	finish(network_signer(&net, issuer_of(old), pass_fd()));
	if (cert_is_root(old)) {
		finish(network_renew_root(&net, old, c, seconds(o.ttl, 0)));
		say_until("the root is valid", c->exp);
	} else {
		finish(network_signer_valid(&net));
		c->nbf = net.now;
		c->exp = net.now + seconds(o.ttl, network_life(&net, c->role));
		finish(network_allowed(&net, c));
		rekeyed = choose_new_key(old, &c->key);
		if (!rekeyed)
			warn_of_key(old);
		finish(network_renew(&net, old, c, seconds(o.ttl, 0), rekeyed));
		say_issued(c);
	}
	cert_free(c);
	return EXIT_OK;
}

static void
publish(struct crl *list)
{
	struct buf what = { 0 };

	finish(network_publish(&net, list, seconds(o.ttl, NETWORK_LIFE_LIST)));
	buf_addf(&what, "revocation list %" PRId64 " of %s holds", list->number,
	    net.issuer->subject);
	say_until(buf_cstr(&what), list->next);
	buf_fini(&what);
	crl_free(list);
}

static int
is_serial(const char *s)
{
	return strlen(s) == CERT_SERIAL &&
	    strspn(s, "0123456789abcdef") == CERT_SERIAL;
}

static int
run_revoke(char **v, size_t n)
{
	const char *reason = o.reason == NULL ? "" : o.reason;
	const struct cert *c;
	struct crl *list;

	(void)n;
	if (strlen(reason) >= CRL_WHY)
		opt_usage("--reason: longer than %d bytes", CRL_WHY - 1);
	open_network(NETWORK_CHANGE);
	c = keyring_subject(net.ring, v[0]);
	if (c == NULL && !is_serial(v[0]))
		find_cert(v[0]);
	if (c == NULL && o.before != UNSET)
		opt_usage("--all-before is for a name");
	if (c != NULL && cert_is_root(c))
		die(EXIT_DENIED, "%s is a root: take it out of %s/root.cert",
		    v[0], net.dir);
	finish(network_signer(
	    &net, c == NULL ? o.issuer : issuer_of(c), pass_fd()));
	finish(network_signer_valid(&net));
	list = network_list(&net);
	if (c == NULL)
		network_revoke_serial(&net, list, v[0], reason);
	else if (o.before != UNSET)
		network_revoke_before(list, c->key.kid, o.before / DATE_SECOND);
	else
		finish(network_revoke(&net, list, v[0], reason));
	publish(list);
	return EXIT_OK;
}

static enum explain_form
form(void)
{
	return o.format == FORMAT_JSON ? EXPLAIN_JSON : EXPLAIN_TEXT;
}

static int
run_crl(char **v, size_t n)
{
	struct buf out = { 0 };
	int status;

	if (n == 1 && strcmp(v[0], "new") == 0) {
		open_signer(o.issuer);
		publish(network_list(&net));
		return EXIT_OK;
	}
	if (n == 1)
		opt_usage("crl %s: only \"new\" can stand there", v[0]);
	open_network(NETWORK_READ);
	finish(o.event ? show_list_events(&net, &out)
		       : show_lists(&net, form(), &out));
	status = out.len > 0 ? EXIT_OK : EXIT_NO;
	print(&out);
	return status;
}

static int
is_file(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n > m && strcmp(name + n - m, suffix) == 0 &&
	    keyring_subject(net.ring, name) == NULL;
}

static int
run_show(char **v, size_t n)
{
	struct buf out = { 0 };

	open_network(NETWORK_READ);
	if (n == 0)
		finish(show_network(&net, form(), &out));
	for (size_t i = 0; i < n; i++) {
		if (is_file(v[i], ".key") || is_file(v[i], ".cert"))
			finish(show_file(&net, v[i], form(), &out));
		else
			show_chain(&net, find_cert(v[i]), form(), &out);
	}
	print(&out);
	return EXIT_OK;
}

/* Lines "NAME RIGHT TOPIC" from standard input. */
static int
check_lines(void)
{
	struct explain_request r = { .ring = net.ring, .at = net.now };
	struct line_in in;
	struct line_out out;
	struct buf text = { 0 };
	enum line_result got;
	const char *p;
	size_t n;
	int status = EXIT_OK;

	line_out_init(&out, STDOUT_FILENO, "standard output");
	line_open(&in, NULL, 0);
	in.out = &out;
	while ((got = line_next(&in, &p, &n)) == LINE_GIVEN) {
		char *line = xstrndup(p, n), *rest = line;
		const char *name = strsep(&rest, " \t");
		const char *right = strsep(&rest, " \t");
		const char *why = rest == NULL
		    ? "not NAME RIGHT TOPIC"
		    : explain_ask(&r, name, right, rest);

		buf_clear(&text);
		if (why != NULL)
			line_bad(&in, p, n, why);
		else if (!explain_verdict(&r, form(), &text))
			status = EXIT_NO;
		if (line_out_add(&out, text.p, text.len) < 0)
			die(EXIT_IO, "%s: %s", out.name, strerror(errno));
		free(line);
	}
	if (got == LINE_ERROR)
		die(EXIT_IO, "%s: %s", in.name, strerror(errno));
	if (line_status(&in) != EXIT_OK)
		status = line_status(&in);
	line_close(&in);
	if (line_out_fini(&out) < 0)
		die(EXIT_IO, "%s: %s", out.name, strerror(errno));
	buf_fini(&text);
	return status;
}

static int
decide(char **v, int explained)
{
	struct explain_request r = { .ring = net.ring, .at = net.now };
	struct buf out = { 0 };
	const char *why = explain_ask(&r, v[0], v[1], v[2]);
	int may;

	if (r.cert == NULL)
		die(EXIT_NOINPUT, "%s: %s", v[0], why);
	if (why != NULL)
		opt_usage("%s %s: %s", v[1], v[2], why);
	may = explained ? explain_rules(&r, form(), &out)
			: explain_verdict(&r, form(), &out);
	print(&out);
	return may ? EXIT_OK : EXIT_NO;
}

static int
run_check(char **v, size_t n)
{
	if (n != 0 && n != 3)
		opt_usage("check NAME RIGHT TOPIC, or lines of these");
	open_network(NETWORK_READ);
	return n == 0 ? check_lines() : decide(v, 0);
}

static int
run_acl(char **v, size_t n)
{
	(void)n;
	if (strcmp(v[0], "explain") != 0)
		opt_usage("acl explain NAME RIGHT TOPIC");
	open_network(NETWORK_READ);
	return decide(v + 1, 1);
}

static enum key_form
export_form(void)
{
	if (o.minisign + o.age + o.pkcs8 + o.nkey != 1)
		opt_usage("export: one of --minisign --age --pkcs8 --nkey");
	return o.minisign ? KEY_MINISIGN
	    : o.age	  ? KEY_AGE
	    : o.pkcs8	  ? KEY_PKCS8
			  : KEY_NKEY;
}

static int
run_export(char **v, size_t n)
{
	enum key_form to = export_form();
	struct buf path = { 0 }, out = { 0 };
	struct key *k;
	const char *why;

	(void)n;
	open_network(NETWORK_READ);
	/* No growth: it would leave copies of the secret behind. */
	buf_room(&out, EXPORT_MAX);
	if (is_file(v[0], ".key"))
		buf_adds(&path, v[0]);
	else
		network_file(&net, "keys", v[0], ".key", &path);
	if (!o.secret && !is_file(v[0], ".key")) {
		key_export_public(&out, to, &find_cert(v[0])->key);
	} else {
		k = key_load(buf_cstr(&path), pass_fd(), &why);
		if (k == NULL)
			die(errno == EACCES ? EXIT_DENIED : EXIT_CONFIG,
			    "%s: %s", path.p, why);
		if (o.secret)
			key_export_secret(&out, to, k);
		else
			key_export_public(&out, to, &k->public);
		key_free(k);
	}
	if (app_write(STDOUT_FILENO, out.p, out.len) < 0)
		die(EXIT_IO, "standard output: %s", strerror(errno));
	secret_wipe(out.p, out.cap);
	buf_fini(&out);
	buf_fini(&path);
	return EXIT_OK;
}

static const struct verb {
	const char *name;
	size_t min, max; /* operands after it */
	int (*run)(char **v, size_t n);
	const char *operands, *options; /* that fit, beside --trust */
} verbs[] = {
	{ "init", 0, 1, run_init, "[DIR]", "pass-fd passphrase psk ttl" },
	{ "key", 1, 2, run_key, "NAME [FILE]", "pass-fd passphrase" },
	{ "issue", 1, 1, run_issue, "NAME",
	    "issuer pass-fd passphrase jwk role ttl rights ca" },
	{ "renew", 1, 1, run_renew, "NAME",
	    "issuer pass-fd passphrase jwk rekey ttl rights ca" },
	{ "revoke", 1, 1, run_revoke, "NAME|SERIAL",
	    "issuer pass-fd all-before reason ttl" },
	{ "crl", 0, 1, run_crl, "[new]", "issuer pass-fd event format ttl" },
	{ "show", 0, SIZE_MAX, run_show, "[NAME|FILE]...", "format" },
	{ "check", 0, 3, run_check, "[NAME RIGHT TOPIC]", "format" },
	{ "acl", 4, 4, run_acl, "explain NAME RIGHT TOPIC", "format" },
	{ "export", 1, 1, run_export, "NAME|FILE",
	    "pass-fd minisign age pkcs8 nkey secret" },
	{ "demo", 0, 1, run_demo, "[DIR]", "" },
};

/* An option that a verb does not look at is a mistake. */
static void
check_options(const struct verb *verb)
{
	const struct {
		const char *name;
		int given;
	} list[] = {
		{ "issuer", o.issuer != NULL },
		{ "pass-fd", o.pass_fd != UNSET },
		{ "passphrase", o.passphrase },
		{ "psk", o.psk },
		{ "jwk", o.jwk != NULL },
		{ "role", o.role != -1 },
		{ "ttl", o.ttl != UNSET },
		{ "rekey", o.rekey },
		{ "all-before", o.before != UNSET },
		{ "reason", o.reason != NULL },
		{ "event", o.event },
		{ "format", o.format != -1 },
		{ "minisign", o.minisign },
		{ "age", o.age },
		{ "pkcs8", o.pkcs8 },
		{ "nkey", o.nkey },
		{ "secret", o.secret },
		{ "rights", wish_rights(&o.wish) },
		{ "ca", wish_power(&o.wish) },
	};

	for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
		if (list[i].given && !opt_named(verb->options, list[i].name))
			opt_usage("%s: --%s does not belong there", verb->name,
			    strcmp(list[i].name, "rights") == 0 ? "pub and the "
								  "like"
				: strcmp(list[i].name, "ca") == 0
				? "scope and the like"
				: list[i].name);
}

int
main(int argc, char **argv)
{
	const struct verb *verb = NULL;
	size_t n;
	int first;

	die_name(argv[0]);
	first = opt_parse(&command, argc, argv);
	if (first == argc)
		opt_usage("what to do? init, issue, show, ...");
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
		if (strcmp(verbs[i].name, argv[first]) == 0)
			verb = &verbs[i];
	if (verb == NULL)
		opt_usage("%s: no such verb", argv[first]);
	n = (size_t)(argc - first - 1);
	if (n < verb->min || n > verb->max)
		opt_usage("usage: sg-trust %s %s", verb->name, verb->operands);
	check_options(verb);
	if (o.pass_fd > INT_MAX)
		opt_usage("--pass-fd: no descriptor");
	if (o.ttl != UNSET && o.ttl < DATE_SECOND)
		opt_usage("--ttl: shorter than a second");
	if (o.rekey && o.jwk != NULL)
		opt_usage("--rekey and --jwk: one of them");
	secret_start();
	net.now = date_now() / DATE_SECOND;
	first = verb->run(argv + first + 1, n);
	network_close(&net);
	return first;
}

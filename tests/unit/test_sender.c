/*
 * Sealed events: who opens them, what comes out, and everything that must
 * not be opened.
 */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/base64.h"
#include "base/date.h"
#include "check.h"
#include "network.h"
#include "trust/hold.h"
#include "trust/keyring.h"
#include "trust/recipients.h"
#include "trust/sender.h"

static struct network net;
static struct keyring *ring;
static struct sender_space space;

/* Somebody with keys, who seals for flat's recipients or opens. */
struct party {
	struct key *key;
	const struct cert *cert;
	struct sender *sender;
	struct sender_keys *keys;
};

static struct party flat, dso, eve;

static void
party_open(struct party *p, const char *subject)
{
	p->key = network_key(&net, subject);
	p->cert = keyring_subject(ring, subject);
	p->sender = sender_new(p->key);
	p->keys = sender_keys_new(p->key, ring);
}

static void
party_close(struct party *p)
{
	sender_free(p->sender);
	sender_keys_free(p->keys);
	key_free(p->key);
}

static struct event
scan(const struct buf *line)
{
	struct event e;
	const char *why = NULL;

	if (event_scan(&e, line->p, line->len, &why) < 0) {
		check(0, "%.*s: %s", (int)line->len, line->p, why);
		exit(1);
	}
	return e;
}

static void
announce(const struct party *p, const char *topic, struct buf *out)
{
	const char *why = NULL;

	buf_clear(out);
	check(sender_announce(p->sender, topic, net.now * DATE_SECOND, &space,
		  out, &why) == 0,
	    "announce: %s", why);
}

static void
seal(const struct party *p, const char *text, struct buf *out)
{
	const char *why = NULL;
	struct event e;

	buf_clear(out);
	check(
	    event_scan(&e, text, strlen(text), &why) == 0, "%s: %s", text, why);
	check(sender_seal(p->sender, &e, &space, out, &why) == 0, "%s: %s",
	    text, why);
}

static enum sender_news
take(struct party *p, const struct buf *line, const char **why)
{
	struct event e = scan(line);
	unsigned char id[SENDER_ID];

	*why = "";
	return sender_keys_take(p->keys, &e, net.now, &space, id, why);
}

static enum sender_verdict
open_line(const struct party *p, const char *line, size_t n, struct buf *out,
    const char **why)
{
	struct event e;

	*why = "";
	buf_clear(out);
	if (event_scan(&e, line, n, why) < 0)
		return SENDER_BAD;
	return sender_open(p->keys, &e, &space, out, why);
}

static const char *const events[] = {
	"{\"topic\":\"A/1\",\"t\":1.5,\"v\":2}",
	"{\"topic\":\"A/1\",\"t\":1.5,\"v\":2,\"u\":\"W\",\"src\":\"flat\","
	"\"ep\":1,\"seq\":77,\"q\":\"OK\"}",
	"{ \"u\" : \"W\" , \"v\" : 2e0,\t\"t\": 1.50 , \"topic\" : \"A/1\" }",
	"{\"topic\":\"COMMAND/x/y\",\"t\":1,\"id\":\"c-1\",\"ttl\":30,"
	"\"re\":\"c-0\",\"vb\":true}",
	"{\"v\":1,\"\\u0074opic\":\"A/\\u0031\",\"t\":0,\"x\":{\"topic\":\"B\","
	"\"seq\":[1,{\"t\":5}]}}",
	"{\"d\":{\"a\":\"\\u00e9\\n\"},\"topic\":\"A/"
	"1\",\"t\":1,\"kid\":\"k\"}",
};

/* Byte for byte, and what is inside is not to be seen outside. */
static void
test_events(void)
{
	struct buf line = { 0 }, back = { 0 };
	const char *why;

	for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
		enum sender_verdict v;

		seal(&flat, events[i], &line);
		check(memmem(line.p, line.len, "\"v\"", 3) == NULL &&
			memmem(line.p, line.len, "\"d\"", 3) == NULL,
		    "clear: %.*s", (int)line.len, line.p);
		v = open_line(&dso, line.p, line.len, &back, &why);
		check(v == SENDER_OPENED && back.len == strlen(events[i]) &&
			memcmp(back.p, events[i], back.len) == 0,
		    "%s: %d %s, %.*s", events[i], v, why, (int)back.len,
		    back.p);
		check(open_line(&eve, line.p, line.len, &back, &why) ==
			    SENDER_STRANGE &&
			back.len == 0,
		    "%s: eve", events[i]);
	}
	buf_fini(&line);
	buf_fini(&back);
}

/* Each bit of the line: it is refused, or was without meaning. */
static void
test_bits(void)
{
	struct buf line = { 0 }, back = { 0 };
	const char *why;

	seal(&flat, events[1], &line);
	for (size_t i = 0; i < line.len; i++)
		for (int bit = 0; bit < 8; bit++) {
			line.p[i] ^= (char)(1 << bit);
			check(open_line(&dso, line.p, line.len, &back, &why) !=
				    SENDER_OPENED &&
				back.len == 0,
			    "byte %zu, bit %d: %.*s", i, bit, (int)line.len,
			    line.p);
			line.p[i] ^= (char)(1 << bit);
		}
	buf_fini(&line);
	buf_fini(&back);
}

static void
replace(struct buf *b, const char *from, const char *to)
{
	char *at = memmem(b->p, b->len, from, strlen(from));
	struct buf copy = { 0 };

	check(at != NULL, "%s in %.*s", from, (int)b->len, b->p);
	if (at == NULL)
		return;
	buf_add(&copy, b->p, (size_t)(at - b->p));
	buf_adds(&copy, to);
	at += strlen(from);
	buf_add(&copy, at, (size_t)(b->p + b->len - at));
	buf_fini(b);
	*b = copy;
}

static const struct {
	const char *from, *to;
	int want;
	const char *why;
} rewritten[] = {
	{ "\"t\":1.5", "\"t\": 15e-1", SENDER_OPENED, "a number as another" },
	{ "\"A/1\"", "\"A\\/1\"", SENDER_OPENED, "a string as another" },
	{ "{\"topic\":\"A/1\",", "{ \"ep\":1, \"topic\":\"A/1\",", SENDER_BAD,
	    "a name twice" },
	{ ",\"ep\":1", " ,\n\"ep\" : 1", SENDER_BAD, "a newline" },
	{ ",\"ep\":1", " , \"ep\" : 1 ", SENDER_OPENED, "white space" },
	{ "\"enc\"", "\"rt\":99.5,\"pos\":\"1:2\",\"enc\"", SENDER_OPENED,
	    "the broker's members" },
	{ "\"seq\":77", "\"seq\":78", SENDER_BAD, "another seq" },
	{ "A/1", "A/2", SENDER_BAD, "another topic" },
	{ "\"src\":\"flat\"", "\"src\":\"eve\"", SENDER_BAD, "another src" },
	{ ",\"ep\":1", "", SENDER_BAD, "no ep" },
	{ "\"enc\"", "\"ttl\":5,\"enc\"", SENDER_BAD, "a ttl more" },
	{ "\"enc\"", "\"q\":\"BAD\",\"enc\"", SENDER_BAD, "a quality" },
	{ "\"enc\"", "\"x\":1,\"enc\"", SENDER_BAD, "an unknown member" },
	{ "\"enc\"", "\"kid\":\"k\",\"enc\"", SENDER_BAD, "a kid" },
	{ "\"enc\"", "\"v\":1,\"enc\"", SENDER_BAD, "a value too" },
	{ "\"enc\":\"", "\"enc\":\"AAAA", SENDER_UNKNOWN, "another key id" },
	{ "\"topic\"", "\"enc\":\"AA\",\"topic\"", SENDER_BAD, "enc twice" },
};

static void
test_rewritten(void)
{
	struct buf line = { 0 }, back = { 0 };
	const char *why;
	int v;

	for (size_t i = 0; i < sizeof rewritten / sizeof *rewritten; i++) {
		seal(&flat, events[1], &line);
		replace(&line, rewritten[i].from, rewritten[i].to);
		v = open_line(&dso, line.p, line.len, &back, &why);
		check(v == rewritten[i].want, "%s: %d %s", rewritten[i].why, v,
		    why);
		if (v == SENDER_OPENED)
			scan(&back);
	}
	seal(&flat, "{\"topic\":\"A/1\",\"t\":1,\"v\":2,\"rt\":3}", &line);
	check(open_line(&dso, line.p, line.len, &back, &why) == SENDER_BAD &&
		back.len == 0,
	    "rt of the sender's own: %s", why);
	seal(&flat, events[1], &line);
	replace(&line, "\"enc\"", "\"from\":\"x\",\"rt\":99.5,\"enc\"");
	open_line(&dso, line.p, line.len, &back, &why);
	check(memmem(back.p, back.len, ",\"rt\":99.5,\"from\":\"x\"}", 22) !=
		NULL,
	    "rt and from inside: %.*s", (int)back.len, back.p);
	buf_fini(&line);
	buf_fini(&back);
}

/* The sealed value of one event in another event of the same sender. */
static void
test_swap(void)
{
	struct buf a = { 0 }, b = { 0 }, back = { 0 };
	struct event ea, eb;
	const char *why;

	seal(&flat, events[0], &a);
	seal(&flat, "{\"topic\":\"A/1\",\"t\":2.5,\"v\":2}", &b);
	ea = scan(&a);
	eb = scan(&b);
	check(ea.len[EVENT_ENC] == eb.len[EVENT_ENC], "same length");
	check(memcmp(a.p + ea.at[EVENT_ENC], b.p + eb.at[EVENT_ENC], 21) == 0 &&
		memcmp(a.p + ea.at[EVENT_ENC] + 22, b.p + eb.at[EVENT_ENC] + 22,
		    30) != 0,
	    "one key, two nonces");
	memcpy(
	    a.p + ea.at[EVENT_ENC], b.p + eb.at[EVENT_ENC], ea.len[EVENT_ENC]);
	check(open_line(&dso, a.p, a.len, &back, &why) == SENDER_BAD,
	    "swapped: %s", why);
	buf_fini(&a);
	buf_fini(&b);
	buf_fini(&back);
}

/* What one of the sealed line's makers may not send is not opened either. */
static void
test_rights(void)
{
	struct buf line = { 0 }, back = { 0 };
	const struct cert *const to[] = { dso.cert };
	const char *why = "";
	enum sender_verdict v;

	check(sender_renew(eve.sender, to, 1, &why) == 0, "renew: %s", why);
	announce(&eve, "STATUS/KEYS/eve", &line);
	check(take(&dso, &line, &why) == SENDER_NEW, "eve's key: %s", why);
	seal(
	    &eve, "{\"topic\":\"E/1\",\"t\":1,\"v\":2,\"src\":\"eve\"}", &line);
	v = open_line(&dso, line.p, line.len, &back, &why);
	check(v == SENDER_OPENED, "her own: %s", why);
	seal(&eve, events[0], &line);
	v = open_line(&dso, line.p, line.len, &back, &why);
	check(v == SENDER_BAD, "flat's topic by eve: %s", why);
	seal(&eve, "{\"topic\":\"E/1\",\"t\":1,\"v\":2,\"src\":\"flat\"}",
	    &line);
	v = open_line(&dso, line.p, line.len, &back, &why);
	check(v == SENDER_BAD, "flat's name by eve: %s", why);
	buf_fini(&line);
	buf_fini(&back);
}

/* Key events that are refused, and the words for it. */
static void
test_key_events(void)
{
	struct buf line = { 0 }, forged = { 0 };
	struct party late = { 0 };
	const char *why;
	struct jws_signer signer;
	struct event e;
	unsigned char id[SENDER_ID];

	party_open(&late, "dso");
	announce(&flat, "STATUS/KEYS/flat", &line);
	for (size_t i = 0; i < line.len; i += 3) {
		line.p[i] ^= 1;
		if (event_scan(&e, line.p, line.len, &why) == 0)
			check(sender_keys_take(late.keys, &e, net.now, &space,
				  id, &why) == SENDER_REFUSED,
			    "byte %zu altered", i);
		line.p[i] ^= 1;
	}
	/* eve takes flat's key event for her own. */
	e = scan(&line);
	buf_add(&forged, line.p, e.key_at[EVENT_KID] - 1);
	buf_addc(&forged, '}');
	replace(&forged, "STATUS/KEYS/flat", "STATUS/KEYS/eve");
	replace(&forged, "\"src\":\"flat\"", "\"src\":\"eve\"");
	jws_signer_init(&signer, eve.key, "sg-event");
	buf_clear(&line);
	check(sign_line(
		  &signer, &space.sign, forged.p, forged.len, &line, &why) == 0,
	    "forged");
	check(take(&late, &line, &why) == SENDER_REFUSED, "eve: %s", why);
	/* and says, first, that it is not for dso: that must not stick. */
	replace(&forged, late.key->public.kid,
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	buf_clear(&line);
	sign_line(&signer, &space.sign, forged.p, forged.len, &line, &why);
	check(take(&late, &line, &why) == SENDER_OTHERS, "eve: %s", why);
	seal(&flat, events[0], &line);
	check(
	    open_line(&late, line.p, line.len, &forged, &why) == SENDER_UNKNOWN,
	    "held nevertheless");
	announce(&flat, "STATUS/KEYS/flat", &line);
	check(take(&late, &line, &why) == SENDER_NEW, "the true one: %s", why);
	check(take(&late, &line, &why) == SENDER_AGAIN, "again");
	seal(&flat, events[0], &line);
	check(
	    open_line(&late, line.p, line.len, &forged, &why) == SENDER_OPENED,
	    "opened: %s", why);
	/* Where flat may not publish. */
	announce(&flat, "E/keys", &line);
	check(take(&late, &line, &why) == SENDER_REFUSED, "topic: %s", why);
	e = scan(&line);
	check(sender_is_key(&e), "looks like one");
	announce(&flat, "STATUS/KEYS/flat", &line);
	e = scan(&line);
	check(sender_keys_take(late.keys, &e, net.now + 30 * NETWORK_DAY,
		  &space, id, &why) == SENDER_REFUSED,
	    "expired: %s", why);
	jws_signer_fini(&signer);
	party_close(&late);
	buf_fini(&line);
	buf_fini(&forged);
}

/* One sender's keys do not drive out another's. */
static void
test_many_keys(void)
{
	struct buf line = { 0 }, first = { 0 }, back = { 0 };
	const struct cert *const to[] = { dso.cert };
	const char *why;

	seal(&flat, events[0], &first);
	for (int i = 0; i < 2 * SENDER_EACH_MAX; i++) {
		sender_renew(eve.sender, to, 1, &why);
		announce(&eve, "STATUS/KEYS/eve", &line);
		check(take(&dso, &line, &why) == SENDER_NEW, "%d: %s", i, why);
		seal(&eve, "{\"topic\":\"E/1\",\"t\":1,\"v\":2}", &line);
		check(open_line(&dso, line.p, line.len, &back, &why) ==
			SENDER_OPENED,
		    "%d: %s", i, why);
	}
	check(open_line(&dso, first.p, first.len, &back, &why) == SENDER_OPENED,
	    "flat's is still there");
	buf_fini(&line);
	buf_fini(&first);
	buf_fini(&back);
}

static void
test_hold(void)
{
	struct hold h = { .max = 1000000 };
	unsigned char id[SENDER_ID] = { 0 };
	char text[16];
	size_t at = 0, found = 0;
	struct hold_line *line;

	for (int i = 0; i < 1000; i++) {
		id[0] = (unsigned char)(i % 3);
		hold_add(
		    &h, id, text, (size_t)snprintf(text, sizeof text, "%d", i));
	}
	id[0] = 1;
	while ((line = hold_find(&h, id, &at)) != NULL) {
		size_t n = line->n;
		char *p = hold_take(&h, line);

		snprintf(text, sizeof text, "%zu", 3 * found++ + 1);
		check(n == strlen(text) && memcmp(p, text, n) == 0,
		    "in order: %s", text);
		free(p);
	}
	check(found == 333 && h.count == 667, "%zu found", found);
	for (int i = 0; i < 2000; i++)
		hold_add(&h, id, "x", 1);
	h.max = 0;
	for (found = 0; (line = hold_over(&h)) != NULL; found++)
		free(hold_take(&h, line));
	check(found == 2667 && h.bytes == 0, "%zu given up", found);
	hold_fini(&h);
}

static const struct {
	const char *name;
	int status; /* 0: fine */
	const char *why;
} names[] = {
	{ "dso", 0, "a subject" },
	{ "nobody", EXIT_CONFIG, "unknown" },
	{ "old", EXIT_DENIED, "expired" },
	{ "revoked", EXIT_DENIED, "revoked" },
	{ "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj", 0,
	    "of age" },
	{ "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujww",
	    EXIT_USAGE, "mistyped" },
	{ "no/such/file.cert", EXIT_CONFIG, "absent file" },
};

static void
test_recipients(void)
{
	const char *path = network_path(&net, "certs/", "dso", ".cert"), *why;
	int status;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct recipients r = { 0 };
		int found;

		recipients_add(&r, names[i].name);
		status = 0;
		found = recipients_find(&r, ring, net.now, &status, &why);
		check(found == (names[i].status == 0 ? 0 : -1) &&
			status == names[i].status && (found < 0 || r.keys == 1),
		    "%s: %d", names[i].why, status);
		recipients_fini(&r);
	}
	struct recipients r = { 0 };
	recipients_add(&r, path);
	check(recipients_find(&r, ring, net.now, &status, &why) == 0 &&
		r.certs == 1 && strcmp(r.cert[0]->subject, "dso") == 0,
	    "a certificate file: %s", path);
	recipients_fini(&r);
}

static void
issue(const char *subject, const char *topic, int64_t exp)
{
	struct network_wish wish = { .subject = subject,
		.pub = { topic, "STATUS/KEYS/#", "COMMAND/#" },
		.exp = exp };

	network_issue(&net, &wish);
}

int
main(void)
{
	struct buf line = { 0 };
	const char *why = NULL;

	network_init(&net);
	issue("flat", "A/#", 0);
	issue("dso", "D/#", 0);
	issue("eve", "E/#", 0);
	issue("old", "O/#", net.now - 10);
	issue("revoked", "R/#", 0);
	network_revoke(&net, NULL, "revoked", net.now - 5, 1);
	ring = keyring_open(net.dir, &why);
	check(ring != NULL, "%s", why);
	party_open(&flat, "flat");
	party_open(&dso, "dso");
	party_open(&eve, "eve");
	const struct cert *const to[] = { dso.cert, dso.cert };
	check(sender_renew(flat.sender, to, 2, &why) == 0, "renew: %s", why);
	check(sender_renew(flat.sender, to, 0, &why) < 0, "nobody");
	announce(&flat, "STATUS/KEYS/flat", &line);
	check(take(&dso, &line, &why) == SENDER_NEW, "dso: %s", why);
	check(take(&eve, &line, &why) == SENDER_OTHERS, "eve: %s", why);
	buf_fini(&line);
	test_events();
	test_bits();
	test_rewritten();
	test_swap();
	test_rights();
	test_key_events();
	test_many_keys();
	test_hold();
	test_recipients();
	party_close(&flat);
	party_close(&dso);
	party_close(&eve);
	sender_space_fini(&space);
	keyring_free(ring);
	network_fini(&net);
	return check_done();
}

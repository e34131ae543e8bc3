/*
 * Signed lines: what a signature covers, what it does not, and each reason
 * for which a line is not good, first of all those of a forger.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "network.h"
#include "trust/sign.h"

static struct network net;
static struct keyring *ring;
static struct key *meter, *other, *stranger;
static struct sign_space space;

static void
sign_with(
    const struct key *key, const char *typ, const char *line, struct buf *out)
{
	struct jws_signer signer;
	const char *why;

	jws_signer_init(&signer, key, typ);
	buf_clear(out);
	if (sign_line(&signer, &space, line, strlen(line), out, &why) < 0)
		buf_adds(out, why);
	buf_cstr(out);
	jws_signer_fini(&signer);
}

static enum sign_verdict
judge(const char *line, int64_t at, const char **why)
{
	const struct cert *cert;
	struct event e;

	if (event_scan(&e, line, strlen(line), why) < 0)
		return SIGN_BAD;
	return sign_check(ring, &space, &e, at, &cert, why);
}

static void
expect(const char *line, int64_t at, enum sign_verdict want, const char *what)
{
	const char *why = "";
	enum sign_verdict got = judge(line, at, &why);

	check(got == want, "%s: %s (%s), not %s", what, sign_verdict_name(got),
	    why, sign_verdict_name(want));
}

static void
check_moment(void)
{
	static const struct {
		const char *in;
		int result;
		int64_t at;
	} cases[] = {
		{ "{\"t\":1.5}", 0, 1 },
		{ "{\"t\":1.5,\"rt\":7.9}", 0, 7 },
		{ "{\"t\":-0.5}", 0, -1 },
		{ "{\"t\":1.5,\"rt\":1e300}", 0, 1 },
		{ "{\"rt\":-1e300}", -1, 0 },
		{ "{\"v\":1}", -1, 0 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct event e;
		int64_t at = 0;
		const char *why;

		check(
		    event_scan(&e, cases[i].in, strlen(cases[i].in), &why) == 0,
		    "%s", cases[i].in);
		check(sign_moment(&e, &at) == cases[i].result &&
			at == cases[i].at,
		    "%s: %lld", cases[i].in, (long long)at);
	}
}

/* Replace the first a in the line by b. */
static void
edit(struct buf *line, const char *a, const char *b, struct buf *out)
{
	const char *at = strstr(buf_cstr(line), a);

	buf_clear(out);
	if (at == NULL)
		return;
	buf_add(out, line->p, (size_t)(at - line->p));
	buf_adds(out, b);
	buf_adds(out, at + strlen(a));
	buf_cstr(out);
}

static const char good[] = "{\"topic\":\"A/1\",\"t\":1700000000.5,\"v\":230.15,"
			   "\"src\":\"meter\",\"ep\":1,\"seq\":7}";

static void
check_edits(void)
{
	static const struct {
		const char *from, *to;
		enum sign_verdict want;
		const char *what;
	} row[] = {
		{ "230.15", "230.11", SIGN_BAD, "another value" },
		{ "\"seq\":7", "\"seq\":8", SIGN_BAD, "another number" },
		{ "A/1", "A/2", SIGN_BAD, "another topic" },
		{ "\"src\":\"meter\"", "\"src\":\"other\"", SIGN_BAD,
		    "another source" },
		{ "{", "{\"q\":\"OK\",", SIGN_BAD, "a further member" },
		{ "\"ep\":1,", "", SIGN_BAD, "a member less" },
		{ "\"kid\":\"", "\"kid\":\"A", SIGN_BAD, "another kid" },
		{ "\"kid\"", "\"kib\"", SIGN_BAD, "no kid" },
		{ "\"sig\"", "\"sih\"", SIGN_UNSIGNED, "no sig" },
		{ "..", "...", SIGN_BAD, "no detached signature" },
		{ "..", ".", SIGN_BAD, "no detached signature" },
		{ "230.15", "2.3015e2", SIGN_GOOD, "a number respelt" },
		{ "A/1", "\\u0041/1", SIGN_GOOD, "a string respelt" },
		{ "\"ep\":1,", " \"ep\" :\t1 , ", SIGN_GOOD, "white space" },
		{ "{", "{\"rt\":5,\"from\":\"x\",\"pos\":{\"b.1\":3},",
		    SIGN_GOOD, "the broker's members" },
		{ "\"sig\":\"", "\"sig\":\"\\u0065", SIGN_BAD,
		    "a longer header" },
	};
	struct buf line = { 0 }, other_line = { 0 };

	sign_with(meter, "sg-event", good, &line);
	expect(line.p, net.now, SIGN_GOOD, "as it was signed");
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		edit(&line, row[i].from, row[i].to, &other_line);
		expect(other_line.p, net.now, row[i].want, row[i].what);
	}
	buf_fini(&line);
	buf_fini(&other_line);
}

/* Each single byte of a signed line matters, or says the same. */
static void
check_bytes(void)
{
	struct buf line = { 0 };
	const char *why;
	int passed = 0;

	sign_with(meter, "sg-event", good, &line);
	for (size_t i = 0; i < line.len; i++)
		for (int bit = 0; bit < 8; bit++) {
			line.p[i] = (char)(line.p[i] ^ 1 << bit);
			if (memchr(line.p, 0, line.len) == NULL)
				passed +=
				    judge(line.p, net.now, &why) == SIGN_GOOD;
			line.p[i] = (char)(line.p[i] ^ 1 << bit);
		}
	check(passed == 0, "%d altered lines are good", passed);
	buf_fini(&line);
}

static void
check_times(void)
{
	struct buf line = { 0 };

	sign_with(meter, "sg-event", good, &line);
	expect(line.p, net.now + 2 * NETWORK_DAY, SIGN_EXPIRED, "expired");
	expect(line.p, net.now - 7200, SIGN_EXPIRED, "not valid yet");
	network_revoke(&net, NULL, "meter", net.now - 30, 1);
	keyring_free(ring);
	ring = keyring_open(net.dir, &(const char *){ NULL });
	expect(line.p, net.now, SIGN_REVOKED, "revoked");
	expect(line.p, net.now - 31, SIGN_GOOD, "before its revocation");
	buf_fini(&line);
}

static void
check_others(void)
{
	static const char elsewhere[] =
	    "{\"topic\":\"B/1\",\"t\":1,\"v\":1,\"src\":\"meter\"}",
			  forbidden[] = "{\"topic\":\"A/secret\",\"t\":1,"
					"\"v\":1,\"src\":\"meter\"}",
			  nobody[] = "{\"topic\":\"A/1\",\"t\":1,\"v\":1}",
			  seal[] = "{\"topic\":\"STATUS/SEAL/meter\",\"t\":1,"
				   "\"d\":{},\"src\":\"meter\"}";
	static const char *const bad[] = { "", "[1]", "{\"a\":}",
		"{\"v\":12345678901234567}", "{\"a\":1,\"a\":2}" };
	struct buf line = { 0 };

	sign_with(stranger, "sg-event", good, &line);
	expect(line.p, net.now, SIGN_UNKNOWN, "a key without certificate");
	sign_with(other, "sg-event", good, &line);
	expect(line.p, net.now, SIGN_DENIED, "in another's name");
	sign_with(meter, "sg-event", nobody, &line);
	expect(line.p, net.now, SIGN_DENIED, "in nobody's name");
	sign_with(meter, "sg-event", elsewhere, &line);
	expect(line.p, net.now, SIGN_DENIED, "a topic that is not allowed");
	sign_with(meter, "sg-event", forbidden, &line);
	expect(line.p, net.now, SIGN_DENIED, "a topic that is denied");
	sign_with(meter, "sg-cert", good, &line);
	expect(line.p, net.now, SIGN_BAD, "a certificate's signature");
	sign_with(meter, "sg-seal", good, &line);
	expect(line.p, net.now, SIGN_BAD, "a seal's signature");
	sign_with(meter, "sg-event", seal, &line);
	expect(line.p, net.now, SIGN_BAD, "an event's signature on a seal");
	sign_with(meter, "sg-seal", seal, &line);
	expect(line.p, net.now, SIGN_GOOD, "a seal");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		sign_with(meter, "sg-event", bad[i], &line);
		check(strstr(line.p, "sig") == NULL, "signed: %s", bad[i]);
	}
	buf_fini(&line);
}

int
main(void)
{
	const struct network_wish wish[] = {
		{ .subject = "meter",
		    .pub = { "A/#", "STATUS/SEAL/meter" },
		    .deny = { "A/secret" } },
		{ .subject = "other", .pub = { "A/#" } },
	};
	const char *why;

	network_init(&net);
	network_issue(&net, &wish[0]);
	network_issue(&net, &wish[1]);
	meter = network_key(&net, "meter");
	other = network_key(&net, "other");
	stranger = key_new("meter");
	ring = keyring_open(net.dir, &why);
	if (ring == NULL)
		network_die(net.dir, why);
	check_moment();
	check_edits();
	check_bytes();
	check_others();
	check_times();
	keyring_free(ring);
	key_free(meter);
	key_free(other);
	key_free(stranger);
	sign_space_fini(&space);
	network_fini(&net);
	return check_done();
}

/*
 * Sessions: who gets one, and that nothing but the exact frames of the peer,
 * each once, is accepted.
 */
#include <sodium.h>

#include "check.h"
#include "session.h"

static struct network net;
static struct identity actor, broker;
static int64_t now;

static int
opens(struct identity *client, struct identity *server, const char *name)
{
	struct session s;
	int ok = session_open(&s, client, server, name, now);

	session_fini(&s);
	return ok;
}

static size_t
sealed(struct channel *c, uint64_t request, const char *p, size_t n,
    struct buf *out)
{
	struct channel_piece piece = { p, n };

	buf_clear(out);
	channel_seal(c, request, &piece, 1, buf_room(out, channel_sealed(n)));
	out->len = channel_sealed(n);
	return out->len;
}

/* The frame opened as it should be: 1 if it gives that message. */
static int
gives(struct channel *c, const struct buf *frame, uint64_t request,
    const char *p, size_t n)
{
	char *copy = malloc(frame->len), *out = malloc(frame->len);
	uint64_t got = ~request;
	int64_t length;
	int ok;

	memcpy(copy, frame->p, frame->len);
	length = channel_open(c, copy, frame->len, &got, out);
	ok = length == (int64_t)n && got == request && memcmp(out, p, n) == 0;
	free(copy);
	free(out);
	return ok;
}

static int
refuses(struct channel *c, const char *p, size_t n)
{
	char *copy = malloc(n ? n : 1), *out = malloc(n ? n : 1);
	struct channel before = *c;
	uint64_t request = 0;
	int ok;

	if (n > 0)
		memcpy(copy, p, n);
	ok = channel_open(c, copy, n, &request, out) == -1 &&
	    memcmp(&before, c, sizeof before) == 0;
	secret_wipe(&before, sizeof before);
	free(copy);
	free(out);
	return ok;
}

static void
check_frames(void)
{
	static const struct {
		const char *in;
		size_t n;
		int want;
	} cases[] = {
		{ "", 0, 0 },
		{ "S", 1, 0 },
		{ "SG", 2, 1 },
		{ "SG\1\1", 4, 1 },
		{ "SG\2\1", 4, 1 },
		{ "sg\1\1", 4, 0 },
		{ "GS\1\1", 4, 0 },
		{ "{\"op\":\"hello\"}", 14, 0 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		check(channel_frame(cases[i].in, cases[i].n) == cases[i].want,
		    "channel_frame %zu", i);
	check(channel_sealed(0) == 44 && channel_sealed(65511) == 65555 &&
		channel_sealed(65512) == 65572 && channel_overhead(110) == 44,
	    "lengths");
}

static void
check_open(void)
{
	struct session s;
	int ok = session_open(&s, &actor, &broker, "b1", now);

	check(ok, "opens: %s, %s", s.client_why, s.broker_why);
	check(channel_peer(s.client) != NULL &&
		strcmp(channel_peer(s.client)->subject, "b1") == 0,
	    "the client's peer");
	check(channel_peer(s.broker) != NULL &&
		strcmp(channel_peer(s.broker)->subject, "flat12") == 0,
	    "the broker's peer");
	check(channel_expires(s.client) == now + CHANNEL_LIFE &&
		channel_expires(s.broker) == now + CHANNEL_LIFE,
	    "ends after an hour");
	for (int i = 0; i < 4; i++)
		check(channel_frame(s.hs[i].p, s.hs[i].len) &&
			s.hs[i].p[3] == i + 1,
		    "type of HS%d", i + 1);
	session_fini(&s);
	check(opens(&actor, &broker, "localhost"), "by another name of it");
}

/* A session ends with the certificate that ends first. */
static void
check_expires(void)
{
	struct network_wish wish = { .subject = "soon", .exp = now + 1000 };
	struct identity id = { 0 };
	struct session s;

	network_issue(&net, &wish);
	session_who(&net, &id, "soon");
	check(session_open(&s, &id, &broker, "b1", now), "soon: opens");
	check(channel_expires(s.client) == now + 1000 &&
		channel_expires(s.broker) == now + 1000,
	    "ends with the client's certificate");
	session_fini(&s);
	check(!session_open(&s, &id, &broker, "b1", now + 1001),
	    "an expired certificate opens");
	check(strstr(s.broker_why, "expired") != NULL, "why: %s", s.broker_why);
	check(strcmp(s.client_why + strlen("the broker refuses: "),
		  s.broker_why) == 0 &&
		s.client_result == CHANNEL_DENIED,
	    "the client is told: %s", s.client_why);
	session_fini(&s);
	check(session_open(&s, &actor, &id, "soon", now) == 0,
	    "an actor's certificate listens");
	session_fini(&s);
	identity_close(&id);
}

/* Somebody's certificate for the root's key ends nobody's session. */
static void
check_root_key(void)
{
	struct network_wish wish = { .subject = "fake", .gen = 99 };
	struct identity id = { 0 };
	struct session s;
	struct cert *c;
	const struct cert *leaf;
	const char *why;

	wish.exp = now + 5;
	session_who(&net, &id, "b1");
	c = network_make(&net, &wish, net.root, net.root);
	check(keyring_add_chain(id.ring, c->text, c->len, &leaf, &why) == 0,
	    "learned: %s", why);
	check(session_open(&s, &actor, &id, "b1", now), "opens");
	check(channel_expires(s.broker) == now + CHANNEL_LIFE, "lasts %lld s",
	    (long long)(channel_expires(s.broker) - now));
	session_fini(&s);
	identity_close(&id);
	cert_free(c);
}

static void
check_payloads(void)
{
	static const struct {
		const char *in;
		int want;
	} cases[] = {
		{ "{\"time\":5}\nx", 0 },
		{ "{\"time\":5,\"more\":1}\n", 0 },
		{ "{\"time\":\"5\"}\nx", -1 },
		{ "{\"time\":5.0}\nx", -1 },
		{ "{\"time\":-5}\nx", -1 },
		{ "{\"time\":5}", -1 },
		{ "{}\n", -1 },
		{ "[5]\n", -1 },
		{ "", -1 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf b = { 0 };
		const char *chain;
		int64_t time = 0;

		buf_adds(&b, cases[i].in);
		check(payload_read(&b, &time, &chain) == cases[i].want,
		    "payload %s", cases[i].in);
		check(
		    cases[i].want < 0 || time == 5, "time of %s", cases[i].in);
		buf_fini(&b);
	}
}

/* T02: whom a client takes for its broker. */
static void
check_brokers(void)
{
	struct network_wish wishes[] = {
		{ .subject = "b2", .role = CERT_BROKER, .names = { "b2" } },
		{ .subject = "late",
		    .role = CERT_BROKER,
		    .names = { "b1" },
		    .exp = now + 3600 },
		{ .subject = "early",
		    .role = CERT_BROKER,
		    .names = { "b1" },
		    .nbf = now + 100 },
		{ .subject = "flat13" },
		{ .subject = "issuer", .role = CERT_ISSUER, .scope = { "#" } },
	};
	static const struct {
		const char *subject, *why;
		int64_t after;
	} cases[] = {
		{ "b2", "the broker is \"b2\", not \"b1\"", 0 },
		{ "late", "expired", 3601 },
		{ "early", "not valid yet", -50 },
		{ "flat13", "\"flat13\" is no broker, but an actor", 0 },
		{ "issuer", "\"issuer\" is no broker, but an issuer", 0 },
	};
	struct session s;

	for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++) {
		struct identity id = { 0 }, client = { 0 };

		network_issue(&net, &wishes[i]);
		session_who(&net, &id, cases[i].subject);
		session_who(&net, &client, "flat12");
		session_open(&s, &client, &id, "b1", now + cases[i].after);
		check(s.client_result == CHANNEL_DENIED && s.hs[2].len == 0 &&
			strstr(s.client_why, cases[i].why) != NULL,
		    "%s as broker: %s", cases[i].subject, s.client_why);
		session_fini(&s);
		identity_close(&client);
		identity_close(&id);
	}
}

/* Somebody with keys and a chain that are not ours, in our network's name. */
static void
check_strangers(void)
{
	struct network other;
	struct network_wish wish = {
		.subject = "b1", .role = CERT_BROKER, .names = { "b1" }
	};
	struct network_wish same = { .subject = "flat12", .key = actor.key };
	struct identity theirs = { 0 }, mixed = broker, also = { 0 };
	struct session s;

	network_init(&other);
	network_issue(&other, &wish);
	network_issue(&other, &same);
	session_who(&other, &theirs, "b1");
	session_who(&other, &also, "flat12");
	mixed.key = theirs.key;
	mixed.chain = theirs.chain;
	session_open(&s, &actor, &mixed, "b1", now);
	check(s.client_result == CHANNEL_DENIED && s.hs[2].len == 0,
	    "a chain of another root: %s", s.client_why);
	session_fini(&s);
	mixed.chain = broker.chain;
	session_open(&s, &actor, &mixed, "b1", now);
	check(s.client_result == CHANNEL_DENIED && s.hs[2].len == 0 &&
		strstr(s.client_why, "is for another key") != NULL,
	    "a stolen chain without its key: %s", s.client_why);
	session_fini(&s);
	mixed = actor;
	mixed.key = theirs.key;
	session_open(&s, &mixed, &broker, "b1", now);
	check(s.broker_result == CHANNEL_DENIED &&
		s.client_result == CHANNEL_DENIED &&
		strstr(s.client_why, "is for another key") != NULL,
	    "a client with a stolen chain: %s", s.client_why);
	session_fini(&s);

	/* T26: the same key in two networks. */
	session_open(&s, &also, &broker, "b1", now);
	check(s.client_result == CHANNEL_DENIED && s.hs[2].len == 0 &&
		strstr(s.client_why, "another network") != NULL,
	    "a client of another network: %s", s.client_why);
	session_fini(&s);
	check(opens(&also, &theirs, "b1"), "the same client at home");
	identity_close(&theirs);
	identity_close(&also);
	network_fini(&other);
}

/* T11: a broker is seen to be one, wherever it dials; an issuer is not let in.
 */
static void
check_clients(void)
{
	struct identity id = { 0 };
	struct session s;

	session_who(&net, &id, "b2");
	check(session_open(&s, &id, &broker, "b1", now) &&
		channel_peer(s.broker)->role == CERT_BROKER,
	    "a twin");
	session_fini(&s);
	identity_close(&id);
	session_who(&net, &id, "issuer");
	session_open(&s, &id, &broker, "b1", now);
	check(s.broker_result == CHANNEL_DENIED &&
		s.client_result == CHANNEL_DENIED &&
		strcmp(s.broker_why, "\"issuer\" is an issuer") == 0 &&
		strstr(s.client_why, s.broker_why) != NULL,
	    "an issuer as client: %s", s.client_why);
	session_fini(&s);
	identity_close(&id);
}

/* What is revoked after the client has started: the broker knows better. */
static void
check_revoked(void)
{
	struct network_wish wish = { .subject = "thief" };
	struct identity id = { 0 }, told = { 0 };
	struct session s;

	network_issue(&net, &wish);
	session_who(&net, &id, "thief");
	check(opens(&id, &broker, "b1"), "before it is revoked");
	network_revoke(&net, NULL, "thief", now - 1, 1);
	session_who(&net, &told, "b1");
	session_open(&s, &id, &told, "b1", now);
	check(s.broker_result == CHANNEL_DENIED &&
		s.client_result == CHANNEL_DENIED &&
		strstr(s.broker_why, "revoked") != NULL &&
		strstr(s.client_why, "revoked") != NULL &&
		channel_peer(s.broker) != NULL,
	    "revoked: %s, %s", s.broker_why, s.client_why);
	session_fini(&s);
	check(opens(&actor, &told, "b1"), "the others are let in");

	identity_close(&told);
	identity_close(&id);
}

/* The root's list, number 2, that was due to be replaced at that time. */
static void
put_list(int64_t next)
{
	struct crl list = {
		.number = 2, .issued = now - 4 * NETWORK_DAY, .next = next
	};
	struct buf text = { 0 };
	const char *why;

	if (crl_sign(&list, net.root, &why) != 0)
		die(EXIT_BUG, "%s", why);
	buf_add(&text, list.text, list.len);
	buf_addc(&text, '\n');
	network_write(&net, "crl/", list.issuer, ".crl", &text);
	buf_fini(&text);
	free(list.text);
}

static void
check_stale(void)
{
	static const struct {
		int days, client, broker, want;
	} cases[] = { { 1, 1, 0, 1 }, { -2, 0, 0, 0 }, { -2, 1, 0, 0 },
		{ -2, 0, 1, 0 }, { -2, 1, 1, 1 } };
	struct identity client = { 0 }, server = { 0 };
	struct session s;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		put_list(now + cases[i].days * NETWORK_DAY);
		session_who(&net, &client, "flat12");
		session_who(&net, &server, "b1");
		client.crl_soft = cases[i].client;
		server.crl_soft = cases[i].broker;
		session_open(&s, &client, &server, "b1", now);
		check((s.client_result == CHANNEL_OPEN) == cases[i].want &&
			(s.hs[2].len > 0) == cases[i].client,
		    "a list of %d days, soft %d %d: %s", cases[i].days,
		    cases[i].client, cases[i].broker, s.client_why);
		session_fini(&s);
		identity_close(&client);
		identity_close(&server);
	}
}

static void
check_clock(void)
{
	struct identity id = { 0 };
	struct session s = { 0 };

	session_who(&net, &id, "flat12");
	for (int late = 0; late < 2; late++) {
		s.client = channel_dial(&id, "b1");
		s.broker = channel_accept(&broker);
		session_shake(&s, now + 100, now + 400 + late);
		if (late == 0)
			check(s.client_result == CHANNEL_OPEN,
			    "a clock 300 s late: %s", s.client_why);
		else
			check(strcmp(s.client_why,
				  "the clock is 301 s behind "
				  "the broker's") == 0 &&
				s.hs[2].len == 0,
			    "a clock 301 s late: %s", s.client_why);
		session_fini(&s);
	}
	check(keyring_clock(id.ring, now) == now + 400, "the broker's time");
	identity_close(&id);
}

static void
put_psk(const char *text)
{
	struct buf b = { 0 };

	buf_adds(&b, text);
	network_write(&net, "psk", "", "", &b);
	if (chmod(network_path(&net, "psk", "", ""), 0600) != 0)
		die(EXIT_BUG, "psk: %m");
	buf_fini(&b);
}

static void
check_psk(void)
{
	static const char *const keys[] = {
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n",
		"AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n"
	};
	struct identity client[2] = { { 0 } }, server = { 0 };

	for (int i = 0; i < 2; i++) {
		put_psk(keys[i]);
		session_who(&net, &client[i], "flat12");
	}
	session_who(&net, &server, "b1");
	unlink(network_path(&net, "psk", "", ""));
	check(keyring_psk(server.ring) != NULL, "no psk");
	check(opens(&client[1], &server, "b1"), "the same psk");
	check(!opens(&client[0], &server, "b1"), "another psk");
	check(!opens(&actor, &server, "b1"), "only the broker has a psk");
	check(!opens(&client[0], &broker, "b1"), "only the client has a psk");
	identity_close(&client[0]);
	identity_close(&client[1]);
	identity_close(&server);
}

static void
fixed_open(struct session *s)
{
	if (!session_fixed(s, &actor, &broker, "b1", now))
		die(EXIT_BUG, "%s %s", s->client_why, s->broker_why);
}

/*
 * The frame of the handshake p[0..n) instead of HS i + 1, all others as in s:
 * 1 if it is refused.
 */
static int
step_refuses(const struct session *s, int i, const char *p, size_t n)
{
	int at_broker = i % 2 == 0;
	struct channel *c =
	    at_broker ? channel_accept(&broker) : channel_dial(&actor, "b1");
	struct buf out = { 0 };
	const char *why = NULL;
	enum channel_result r;
	char *copy = malloc(n ? n : 1);
	size_t before;

	session_fix(c, at_broker ? &broker : &actor,
	    at_broker ? session_e[1] : session_e[0]);
	if (!at_broker)
		channel_start(c, &out);
	for (int j = at_broker ? 0 : 1; j < i; j += 2)
		channel_step(c, s->hs[j].p, s->hs[j].len, now, &out, &why);
	if (n > 0)
		memcpy(copy, p, n);
	before = out.len;
	r = channel_step(c, copy, n, now, &out, &why);
	if (r != CHANNEL_DENIED) {
		/* HS1 has nothing to be known by; HS2 will not fit it. */
		struct channel *client = channel_dial(&actor, "b1");
		struct buf more = { 0 };

		session_fix(client, &actor, session_e[0]);
		channel_start(client, &more);
		r = i == 0
		    ? channel_step(client, out.p, out.len, now, &more, &why)
		    : r;
		buf_fini(&more);
		channel_free(client);
	} else {
		check(out.len == before && why != NULL, "HS%d: says something",
		    i + 1);
		check(channel_step(c, s->hs[i].p, s->hs[i].len, now, &out,
			  &why) == CHANNEL_DENIED,
		    "HS%d: goes on after a forged one", i + 1);
	}
	channel_free(c);
	buf_fini(&out);
	free(copy);
	return r == CHANNEL_DENIED;
}

/* T03 and T24: every bit of the handshake's frames, and every length. */
static void
check_handshake_flips(void)
{
	struct session s;

	fixed_open(&s);
	for (int i = 0; i < 4; i++) {
		struct buf f = { 0 };

		buf_add(&f, s.hs[i].p, s.hs[i].len);
		check(
		    !step_refuses(&s, i, f.p, f.len), "HS%d as it was", i + 1);
		for (size_t bit = 0; bit < f.len * 8; bit++) {
			f.p[bit / 8] ^= (char)(1 << bit % 8);
			check(step_refuses(&s, i, f.p, f.len),
			    "HS%d with bit %zu flipped", i + 1, bit);
			f.p[bit / 8] ^= (char)(1 << bit % 8);
		}
		for (size_t n = 0; n < f.len; n += n < 80 ? 1 : 13)
			check(step_refuses(&s, i, f.p, n), "HS%d cut to %zu",
			    i + 1, n);
		buf_addc(&f, '\0');
		check(
		    step_refuses(&s, i, f.p, f.len), "HS%d and a byte", i + 1);
		memset(buf_room(&f, 20000), 0, 20000);
		check(step_refuses(&s, i, f.p, 20000), "HS%d of 20,000 bytes",
		    i + 1);
		buf_fini(&f);
	}
	session_fini(&s);
}

/* Frames of the handshake at the wrong moment, to the wrong side. */
static void
check_turns(void)
{
	struct session s;
	struct buf out = { 0 };
	const char *why;

	fixed_open(&s);
	for (int i = 0; i < 4; i++)
		for (int j = 0; j < 4; j++)
			if (i != j)
				check(
				    step_refuses(&s, i, s.hs[j].p, s.hs[j].len),
				    "HS%d for HS%d", j + 1, i + 1);
	sealed(s.broker, 0, "{\"ok\":true}", 11, &out);
	check(step_refuses(&s, 3, out.p, out.len), "DATA for HS4");
	out.p[3] = 4;
	check(refuses(s.client, out.p, out.len), "DATA dressed as HS4");
	check(refuses(s.client, s.hs[3].p, s.hs[3].len), "HS4 again, as DATA");
	for (int i = 0; i < 4; i++) {
		check(refuses(s.client, s.hs[i].p, s.hs[i].len) &&
			refuses(s.broker, s.hs[i].p, s.hs[i].len),
		    "HS%d as DATA", i + 1);
	}
	buf_clear(&out);
	check(channel_step(s.broker, s.hs[0].p, s.hs[0].len, now, &out, &why) ==
		    CHANNEL_DENIED &&
		out.len == 0,
	    "HS1 in a session");
	check(sealed(s.broker, 1, "x", 1, &out) == 45 && out.p[0] == 0,
	    "a session that has been denied speaks");
	check(refuses(s.client, out.p, out.len), "zeros");
	session_fini(&s);

	/* An acceptor does not dial, a dialler does not accept. */
	s.client = channel_accept(&broker);
	buf_clear(&out);
	channel_start(s.client, &out);
	check(out.len == 0, "a broker starts");
	channel_free(s.client);
	s.client = channel_dial(&actor, "b1");
	check(refuses(s.client, "SG\1\5", 4), "DATA before anything");
	check(sealed(s.client, 1, "x", 1, &out) == 45 && out.p[0] == 0,
	    "plain data before the handshake");
	channel_free(s.client);
	channel_free(NULL);
	buf_fini(&out);
}

/* T03: every bit of DATA, both ways; the session goes on. */
static void
check_data_flips(void)
{
	static const char text[] = "{\"op\":\"pub\"}\n{\"topic\":\"A/b\"}\n";
	struct session s;
	struct buf f = { 0 };

	fixed_open(&s);
	for (int way = 0; way < 2; way++) {
		struct channel *from = way ? s.broker : s.client;
		struct channel *to = way ? s.client : s.broker;

		sealed(from, 77, text, sizeof text, &f);
		for (size_t bit = 0; bit < f.len * 8; bit++) {
			f.p[bit / 8] ^= (char)(1 << bit % 8);
			check(refuses(to, f.p, f.len), "bit %zu flipped", bit);
			f.p[bit / 8] ^= (char)(1 << bit % 8);
		}
		for (size_t n = 0; n < f.len; n++)
			check(refuses(to, f.p, n), "cut to %zu", n);
		buf_addc(&f, '\0');
		check(refuses(to, f.p, f.len), "a byte more");
		f.len--;
		check(gives(to, &f, 77, text, sizeof text),
		    "the true one afterwards");
		check(refuses(to, f.p, f.len), "the true one twice");
	}
	buf_fini(&f);
	session_fini(&s);
}

/* T04: replay, reflection, splices. */
static void
check_replay(void)
{
	enum { FRAMES = 1000 };
	static struct buf frame[FRAMES];
	struct session s, other;
	struct buf reply[2] = { { 0 } };
	char text[32], back[128];
	uint64_t request;
	int n;

	check(session_open(&s, &actor, &broker, "b1", now) &&
		session_open(&other, &actor, &broker, "b1", now),
	    "two sessions");
	check(s.client->session != other.client->session, "the same session");
	for (int i = 0; i < FRAMES; i++) {
		n = snprintf(text, sizeof text, "%d", i);
		sealed(s.client, (uint64_t)i, text, (size_t)n, &frame[i]);
		check(refuses(s.client, frame[i].p, frame[i].len),
		    "%d: reflected", i);
		check(refuses(other.broker, frame[i].p, frame[i].len),
		    "%d: in another session", i);
		u64_write(
		    (unsigned char *)frame[i].p + 4, other.broker->session);
		check(refuses(other.broker, frame[i].p, frame[i].len),
		    "%d: in another session, under its name", i);
		u64_write((unsigned char *)frame[i].p + 4, s.broker->session);
	}
	for (int i = 0; i < FRAMES; i++) {
		int k = i * 7 % FRAMES;

		n = snprintf(text, sizeof text, "%d", k);
		check(gives(s.broker, &frame[k], (uint64_t)k, text, (size_t)n),
		    "%d: out of order", k);
		check(refuses(s.broker, frame[k].p, frame[k].len), "%d: again",
		    k);
	}
	for (int i = 0; i < FRAMES; i++) {
		check(refuses(s.broker, frame[i].p, frame[i].len),
		    "%d: at last again", i);
		buf_fini(&frame[i]);
	}

	/* Swapped replies say whose they are. */
	sealed(s.broker, 1, "one", 3, &reply[0]);
	sealed(s.broker, 2, "two", 3, &reply[1]);
	check(channel_open(
		  s.client, reply[1].p, reply[1].len, &request, back) == 3 &&
		request == 2,
	    "the second first");
	check(gives(s.client, &reply[0], 1, "one", 3), "the first second");
	buf_fini(&reply[0]);
	buf_fini(&reply[1]);

	/* A handshake that was recorded opens nothing. */
	for (int i = 0; i < 3; i += 2) {
		struct channel *c = channel_accept(&broker);
		struct buf out = { 0 };
		const char *why;

		check(channel_step(c, s.hs[0].p, 0, now, &out, &why) ==
			CHANNEL_DENIED,
		    "HS1 of nothing");
		channel_free(c);
		c = channel_accept(&broker);
		if (i == 2)
			channel_step(
			    c, other.hs[0].p, other.hs[0].len, now, &out, &why);
		check(channel_step(c, s.hs[2].p, s.hs[2].len, now, &out,
			  &why) == CHANNEL_DENIED,
		    "HS3 of another handshake");
		channel_free(c);
		buf_fini(&out);
	}
	session_fini(&s);
	session_fini(&other);
}

/* How far behind the highest counter a frame may come. */
static void
check_window(void)
{
	static const struct {
		int behind, want;
	} cases[] = { { 1, 1 }, { 2046, 1 }, { 2047, 1 }, { 2048, 0 },
		{ 2049, 0 }, { 4096, 0 } };
	struct session s;
	struct buf old = { 0 }, new = { 0 };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int start = 0; start < 3000; start += 2999) {
			fixed_open(&s);
			for (int k = 0; k < start; k++) {
				sealed(s.client, 0, "x", 1, &new);
				check(gives(s.broker, &new, 0, "x", 1),
				    "frame %d", k);
			}
			sealed(s.client, 5, "old", 3, &old);
			for (int k = 0; k < cases[i].behind; k++)
				sealed(s.client, 6, "new", 3, &new);
			check(gives(s.broker, &new, 6, "new", 3), "ahead");
			check(
			    (cases[i].want ? gives(s.broker, &old, 5, "old", 3)
					   : refuses(s.broker, old.p, old.len)),
			    "%d behind", cases[i].behind);
			check(refuses(s.broker, old.p, old.len) &&
				refuses(s.broker, new.p, new.len),
			    "%d behind, again", cases[i].behind);
			session_fini(&s);
		}
	buf_fini(&old);
	buf_fini(&new);
}

/* Any set of counters in any order: each once, against a plain list. */
static void
check_window_random(void)
{
	enum { SPAN = 20000 };
	static unsigned char taken[SPAN];
	struct lane lane = { 0 };
	uint64_t highest = 0, c;
	uint32_t seed = 1;
	int any = 0, want;

	for (int i = 0; i < 400000; i++) {
		seed = seed * 1664525 + 1013904223;
		c = (uint64_t)i * SPAN / 400000 + (seed >> 16) % 5000;
		if (c < 2500)
			continue;
		c -= 2500;
		if (c >= SPAN)
			continue;
		want = !taken[c] &&
		    (!any || c > highest || highest - c < CHANNEL_WINDOW);
		check(lane_fresh(&lane, c) == want, "counter %d at %d", (int)c,
		    (int)highest);
		if (!lane_fresh(&lane, c))
			continue;
		lane_take(&lane, c);
		taken[c] = 1;
		any = 1;
		highest = c > highest ? c : highest;
	}
}

static void
check_size(struct session *s, const char *text, size_t n)
{
	struct channel_piece pieces[4] = { { text, n / 3 }, { text + n / 3, 0 },
		{ text + n / 3, n - n / 3 }, { text, 0 } };
	char *f = malloc(channel_sealed(n)), *out = malloc(channel_sealed(n));
	size_t records = (n + 8 + 65518) / 65519;
	uint64_t request = 0, before = s->client->send.next;

	check(channel_sealed(n) == 20 + 8 + n + 16 * records,
	    "%zu: sealed length", n);
	channel_seal(s->client, n, pieces, 4, f);
	check(s->client->send.next - before == records, "%zu: records", n);
	check(channel_open(s->broker, f, channel_sealed(n), &request, out) ==
		    (int64_t)n &&
		request == n && memcmp(out, text, n) == 0,
	    "%zu: comes back", n);
	check(refuses(s->broker, f, channel_sealed(n)), "%zu: again", n);
	free(f);
	free(out);
}

static void
check_sizes(void)
{
	enum { MOST = 1100 * 1024 };
	char *text = malloc(MOST + 200);
	struct session s;
	size_t k, d;

	for (size_t i = 0; i < MOST + 200; i++)
		text[i] = (char)(i * 2654435761U >> 24);
	fixed_open(&s);
	for (size_t n = 0; n <= 200; n++)
		check_size(&s, text, n);
	for (k = 1; k * 65519 < MOST; k++)
		for (d = 0; d < 40; d++)
			check_size(&s, text, k * 65519 - 20 + d);
	check_size(&s, text, MOST);
	session_fini(&s);
	free(text);
}

/* A frame of three records: each at its place, none missing, none foreign. */
static void
check_records(void)
{
	enum { TOTAL = 150000 };
	static char text[TOTAL];
	struct session s;
	struct buf f = { 0 }, other = { 0 }, forged = { 0 };
	size_t n, one = CHANNEL_HEAD + CHANNEL_RECORD;

	fixed_open(&s);
	sealed(s.client, 1, text, TOTAL, &other);
	n = sealed(s.client, 2, text, TOTAL, &f);
	check(refuses(s.broker, f.p, one), "cut after a record");
	check(refuses(s.broker, f.p, one + CHANNEL_RECORD),
	    "cut after two records");
	buf_add(&forged, f.p, n);
	memcpy(forged.p + CHANNEL_HEAD, f.p + one, CHANNEL_RECORD);
	memcpy(forged.p + one, f.p + CHANNEL_HEAD, CHANNEL_RECORD);
	check(refuses(s.broker, forged.p, n), "two records exchanged");
	memcpy(forged.p, f.p, n);
	memcpy(forged.p + one, other.p + one, CHANNEL_RECORD);
	check(refuses(s.broker, forged.p, n), "a record of another frame");
	memcpy(forged.p, f.p, CHANNEL_HEAD);
	u64_write((unsigned char *)forged.p + 12,
	    u64_read((unsigned char *)f.p + 12) + 1);
	memcpy(forged.p + CHANNEL_HEAD, f.p + one, n - one);
	check(refuses(s.broker, forged.p, n - CHANNEL_RECORD),
	    "the first record dropped");
	buf_add(&f, other.p + CHANNEL_HEAD, other.len - CHANNEL_HEAD);
	check(refuses(s.broker, f.p, f.len), "records appended");
	f.len = n;
	check(gives(s.broker, &f, 2, text, TOTAL), "as it was");
	check(gives(s.broker, &other, 1, text, TOTAL), "the one before it");
	buf_fini(&f);
	buf_fini(&other);
	buf_fini(&forged);
	session_fini(&s);
}

/* Counters from there on, as if all before had been used. */
static void
skip_to(struct channel *from, uint64_t counter)
{
	from->send.next = counter;
}

static void
check_rekey(void)
{
	enum { TOTAL = 150000, AROUND = 8 };
	static char text[TOTAL];
	uint64_t edge = (uint64_t)1 << 20;
	unsigned char key[NOISE_KEY], before[NOISE_KEY];
	struct buf f[2 * AROUND] = { { 0 } }, wide = { 0 };
	struct session s;

	fixed_open(&s);
	memcpy(key, s.client->send.key, NOISE_KEY);
	memcpy(before, key, NOISE_KEY);
	noise_rekey(key);
	skip_to(s.client, edge - AROUND);
	for (int i = 0; i < 2 * AROUND; i++)
		sealed(s.client, (uint64_t)i, "x", 1, &f[i]);
	check(memcmp(s.client->send.key, key, NOISE_KEY) == 0 &&
		s.client->send.epoch == 1,
	    "the sender's key");
	check(gives(s.broker, &f[0], 0, "x", 1), "before the edge");
	f[2 * AROUND - 1].p[25] ^= 1;
	check(refuses(s.broker, f[2 * AROUND - 1].p, f[2 * AROUND - 1].len),
	    "forged, of the next epoch");
	f[2 * AROUND - 1].p[25] ^= 1;
	check(s.broker->receive.epoch == 0, "moved by a forged frame");
	check(gives(s.broker, &f[2 * AROUND - 1], 2 * AROUND - 1, "x", 1),
	    "after the edge");
	check(s.broker->receive.epoch == 1 &&
		memcmp(s.broker->receive.key, key, NOISE_KEY) == 0 &&
		memcmp(s.broker->receive.before, before, NOISE_KEY) == 0,
	    "the receiver's keys");
	for (int i = 2 * AROUND - 2; i > 0; i--) {
		check(gives(s.broker, &f[i], (uint64_t)i, "x", 1),
		    "%d, backwards over the edge", i);
		check(refuses(s.broker, f[i].p, f[i].len), "%d again", i);
	}
	sealed(s.client, 9, "last", 4, &f[0]);
	for (int i = 0; i < CHANNEL_WINDOW; i++) {
		sealed(s.client, 1, "y", 1, &f[1]);
		check(gives(s.broker, &f[1], 1, "y", 1), "on");
	}
	check(sodium_is_zero(s.broker->receive.before, NOISE_KEY),
	    "the old key outlives its use");
	check(refuses(s.broker, f[0].p, f[0].len), "too late");

	/* A frame of three records over the next edge. */
	skip_to(s.client, 2 * edge - 1);
	sealed(s.client, 3, text, TOTAL, &wide);
	check(gives(s.broker, &wide, 3, text, TOTAL), "a frame over an edge");
	check(s.broker->receive.epoch == 2 && s.client->send.epoch == 2,
	    "second epoch");
	check(refuses(s.broker, wide.p, wide.len), "again");

	/* Nobody is made to compute the keys of ages. */
	skip_to(s.client, 4 * edge + 5);
	sealed(s.client, 4, "far", 3, &f[0]);
	check(refuses(s.broker, f[0].p, f[0].len), "two epochs ahead");
	u64_write((unsigned char *)f[0].p + 12, counter_end - 1);
	check(refuses(s.broker, f[0].p, f[0].len), "2^63 - 1");
	u64_write((unsigned char *)f[0].p + 12, UINT64_MAX);
	check(refuses(s.broker, f[0].p, f[0].len), "2^64 - 1");
	for (int i = 0; i < 2 * AROUND; i++)
		buf_fini(&f[i]);
	buf_fini(&wide);
	session_fini(&s);
}

/* No counter twice: the last one is 2^63 - 1. */
static void
check_exhausted(void)
{
	static char text[CHANNEL_RECORD];
	struct session s;
	struct buf f = { 0 };

	fixed_open(&s);
	s.client->send.next = counter_end - 1;
	s.client->send.epoch = s.broker->receive.epoch =
	    (counter_end - 1) >> 20;
	s.broker->receive.next = counter_end - 1;
	sealed(s.client, 1, text, sizeof text, &f);
	check(sodium_is_zero((unsigned char *)f.p, f.len),
	    "two records where one is left");
	sealed(s.client, 1, "last", 4, &f);
	check(gives(s.broker, &f, 1, "last", 4), "the last record");
	check(refuses(s.broker, f.p, f.len), "the last record again");
	sealed(s.client, 2, "more", 4, &f);
	check(sodium_is_zero((unsigned char *)f.p, f.len) &&
		s.client->send.next == counter_end,
	    "one more");
	check(refuses(s.broker, f.p, f.len), "zeros");
	buf_fini(&f);
	session_fini(&s);
}

/*
 * The key schedule of XX once more, from what was on the wire and three
 * Diffie-Hellman results, as somebody with a recording would go about it.
 */
struct recording {
	unsigned char h[32], ck[32], k[32];
};

static void
record_hash(struct recording *r, const void *p, size_t n)
{
	crypto_hash_sha256_state st;

	crypto_hash_sha256_init(&st);
	crypto_hash_sha256_update(&st, r->h, 32);
	crypto_hash_sha256_update(&st, p, n);
	crypto_hash_sha256_final(&st, r->h);
}

static void
record_kdf(struct recording *r, const unsigned char *p, size_t n)
{
	unsigned char temp[32], more[33];
	crypto_auth_hmacsha256_state st;

	crypto_auth_hmacsha256_init(&st, r->ck, 32);
	crypto_auth_hmacsha256_update(&st, p, n);
	crypto_auth_hmacsha256_final(&st, temp);
	crypto_auth_hmacsha256(r->ck, (const unsigned char *)"\1", 1, temp);
	memcpy(more, r->ck, 32);
	more[32] = 2;
	crypto_auth_hmacsha256(r->k, more, 33, temp);
}

/* Decrypt nothing on the way: only the transport keys are asked for. */
static void
record_keys(struct recording *r, const struct session *s,
    const unsigned char *ee, const unsigned char *es, const unsigned char *se)
{
	const char *m1 = s->hs[0].p + CHANNEL_HEAD,
		   *m2 = s->hs[1].p + CHANNEL_HEAD,
		   *m3 = s->hs[2].p + CHANNEL_HEAD;

	memcpy(r->h, "Noise_XX_25519_ChaChaPoly_SHA256", 32);
	memcpy(r->ck, r->h, 32);
	{
		char prologue[5 + KEY_ID + 1];

		memcpy(prologue, "sg/1", 5);
		memcpy(prologue + 5, keyring_network(actor.ring), KEY_ID);
		record_hash(r, prologue, 5 + KEY_ID);
	}
	record_hash(r, m1, 32);
	record_hash(r, "", 0);
	record_hash(r, m2, 32);
	record_kdf(r, ee, 32);
	record_hash(r, m2 + 32, 48);
	record_kdf(r, es, 32);
	record_hash(r, m2 + 80, s->hs[1].len - CHANNEL_HEAD - 80);
	record_hash(r, m3, 48);
	record_kdf(r, se, 32);
	record_hash(r, m3 + 48, s->hs[2].len - CHANNEL_HEAD - 48);
	record_kdf(r, NULL, 0);
}

static int
record_reads(const struct recording *r, const struct buf *f)
{
	unsigned char ad[ASSOCIATED] = { 0 }, out[256];

	memcpy(ad, f->p, CHANNEL_HEAD);
	ad[ASSOCIATED - 1] = 1;
	/* ck is the first output of Split(), the initiator's. */
	return noise_decrypt(r->ck, 0, ad, sizeof ad, f->p + CHANNEL_HEAD,
		   f->len - CHANNEL_HEAD, out) == 0;
}

/* T11: both static keys and a recording do not give the messages. */
static void
check_forward_secrecy(void)
{
	unsigned char ee[32], es[32], se[32], ss[32], zero[32] = { 0 };
	unsigned char e1[32], e2[32], random[32];
	const unsigned char *guess[] = { es, se, ss, zero, random, e1, e2 };
	struct recording r;
	struct session s;
	struct buf f = { 0 };

	fixed_open(&s);
	memcpy(e1, s.hs[0].p + CHANNEL_HEAD, 32);
	memcpy(e2, s.hs[1].p + CHANNEL_HEAD, 32);
	check(sealed(s.client, 1, "secret", 6, &f) > 0, "a frame");
	/* Static keys of both sides, and what they give with the wire. */
	check(crypto_scalarmult(es, broker.key->seed_enc, e1) == 0 &&
		crypto_scalarmult(se, actor.key->seed_enc, e2) == 0 &&
		crypto_scalarmult(
		    ss, actor.key->seed_enc, broker.key->public.enc) == 0 &&
		crypto_scalarmult(ee, session_e[0], e2) == 0,
	    "points");
	randombytes_buf(random, sizeof random);
	record_keys(&r, &s, ee, es, se);
	check(record_reads(&r, &f),
	    "known answer: with an ephemeral secret it is read");
	check(memcmp(r.h, &s.client->session, 8) == 0,
	    "the session is the handshake hash's beginning");
	for (size_t i = 0; i < sizeof guess / sizeof *guess; i++) {
		record_keys(&r, &s, guess[i], es, se);
		check(!record_reads(&r, &f), "read with guess %zu", i);
	}
	buf_fini(&f);
	session_fini(&s);
}

/* What is wiped when a session is refused. */
static void
check_wiped(void)
{
	struct session s;
	struct buf out = { 0 };
	const char *why;

	fixed_open(&s);
	check(!sodium_is_zero(s.client->send.key, NOISE_KEY) &&
		s.client->noise == NULL,
	    "keys of a session");
	channel_step(s.client, "SG", 2, now, &out, &why);
	check(sodium_is_zero(s.client->send.key, NOISE_KEY) &&
		sodium_is_zero(s.client->receive.key, NOISE_KEY),
	    "keys after its end");
	session_fini(&s);
	buf_fini(&out);
}

int
main(void)
{
	struct network_wish wishes[] = {
		{ .subject = "b1",
		    .role = CERT_BROKER,
		    .names = { "b1", "localhost" } },
		{ .subject = "flat12", .pub = { "A/#" }, .subs = { "#" } },
	};

	network_init(&net);
	now = net.now;
	for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++)
		network_issue(&net, &wishes[i]);
	session_who(&net, &broker, "b1");
	session_who(&net, &actor, "flat12");
	check_frames();
	check_open();
	check_handshake_flips();
	check_turns();
	check_data_flips();
	check_replay();
	check_window();
	check_window_random();
	check_sizes();
	check_records();
	check_rekey();
	check_exhausted();
	check_forward_secrecy();
	check_wiped();
	check_psk();
	check_strangers();
	check_brokers();
	check_clients();
	check_clock();
	check_expires();
	check_root_key();
	check_payloads();
	check_revoked();
	check_stale();
	identity_close(&actor);
	identity_close(&broker);
	network_fini(&net);
	return check_done();
}

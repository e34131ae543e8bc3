/*
 * Sealed events: what is sealed comes back byte for byte; what comes out of
 * an altered line has the content of the original; a recipient who seals
 * whatever he likes makes no line but an event with the clear members that
 * are to be seen; key events of others leave what is known untouched.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "../unit/network.h"
#include "base/base64.h"
#include "base/date.h"
#include "trust/keyring.h"
#include "trust/sender.h"
#include "trust/sender_part.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char example[] =
    "{\"topic\":\"A/1\",\"t\":1.5,\"v\":2,\"u\":\"W\",\"src\":\"flat\","
    "\"ep\":1,\"seq\":77,\"x\":[1,{\"topic\":\"B\"}]}";

static struct keyring *ring;
static struct key *flat, *dso, *eve;
static struct sender *sender;
static struct sender_keys *keys;
static struct sender_space space;
static struct buf sealed; /* the example */
static unsigned char content[SENDER_KEY], content_id[SENDER_ID];
static int64_t now;

static void
require(int truth)
{
	if (!truth)
		abort();
}

static enum sender_news
take(const char *p, size_t n, const char **why)
{
	struct event e;
	unsigned char id[SENDER_ID];

	*why = "";
	if (event_scan(&e, p, n, why) < 0)
		return SENDER_REFUSED;
	return sender_keys_take(keys, &e, now, &space, id, why);
}

/* A content key of flat's that we know, as a dishonest recipient does. */
static void
own_key(void)
{
	unsigned char scalar[KEY_BYTES], shared[KEY_BYTES], wrap[SENDER_KEY],
	    nonce[SENDER_NONCE] = { 0 }, wrapped[SENDER_WRAPPED];
	struct sender_wrap w = { wrapped, dso->public.enc, content_id,
		flat->public.kid, dso->public.kid };
	struct jws_signer signer;
	struct buf b = { 0 }, line = { 0 };
	const char *why = NULL;

	randombytes_buf(content, sizeof content);
	randombytes_buf(scalar, sizeof scalar);
	sender_id(content, flat->public.kid, content_id);
	crypto_scalarmult_base(wrapped, scalar);
	require(crypto_scalarmult(shared, scalar, dso->public.enc) == 0);
	sender_wrap_key(&w, shared, wrap);
	crypto_aead_xchacha20poly1305_ietf_encrypt(wrapped + KEY_BYTES, NULL,
	    content, sizeof content, NULL, 0, NULL, nonce, wrap);
	buf_adds(&b,
	    "{\"topic\":\"STATUS/KEYS/flat\",\"t\":1,\"src\":\"flat\",\"d\":{"
	    "\"typ\":\"sg-sender-key\",\"key\":\"");
	base64_add(&b, BASE64_URL, content_id, SENDER_ID);
	buf_addf(&b, "\",\"to\":{\"%s\":\"", dso->public.kid);
	base64_add(&b, BASE64_URL, wrapped, sizeof wrapped);
	buf_adds(&b, "\"}}}");
	jws_signer_init(&signer, flat, "sg-event");
	require(sign_line(&signer, &space.sign, b.p, b.len, &line, &why) == 0);
	require(take(line.p, line.len, &why) == SENDER_NEW);
	jws_signer_fini(&signer);
	buf_fini(&b);
	buf_fini(&line);
}

static void
seal_example(void)
{
	const struct cert *to[] = { keyring_subject(ring, "dso") };
	struct event e;
	struct buf line = { 0 };
	const char *why = NULL;

	sender = sender_new(flat);
	require(sender_renew(sender, to, 1, &why) == 0);
	require(sender_announce(sender, "STATUS/KEYS/flat", now * DATE_SECOND,
		    &space, &line, &why) == 0);
	require(take(line.p, line.len, &why) == SENDER_NEW);
	require(event_scan(&e, example, strlen(example), &why) == 0);
	require(sender_seal(sender, &e, &space, &sealed, &why) == 0);
	buf_fini(&line);
}

static void
start(void)
{
	static const char *const name[] = { "flat", "dso", "eve" };
	struct network net;
	const char *why = NULL;

	if (ring != NULL)
		return;
	network_init(&net);
	now = net.now;
	for (int i = 0; i < 3; i++) {
		struct network_wish wish = { .subject = name[i],
			.pub = { i == 2 ? "E/#" : "#", "STATUS/KEYS/#" },
			.exp = now + 3650 * (int64_t)NETWORK_DAY / 10 };

		network_issue(&net, &wish);
	}
	ring = keyring_open(net.dir, &why);
	require(ring != NULL);
	flat = network_key(&net, "flat");
	dso = network_key(&net, "dso");
	eve = network_key(&net, "eve");
	network_fini(&net);
	keys = sender_keys_new(dso, ring);
	own_key();
	seal_example();
}

static enum sender_verdict
open_line(const struct buf *line, struct buf *out)
{
	struct event e;
	const char *why = NULL;
	enum sender_verdict v;

	if (event_scan(&e, line->p, line->len, &why) < 0)
		return SENDER_BAD;
	v = sender_open(keys, &e, &space, out, &why);
	require(v == SENDER_OPENED || out->len == 0);
	require(v != SENDER_BAD || why != NULL);
	return v;
}

/* Any event there is. */
static void
round_trip(const char *p, size_t n)
{
	struct event e;
	struct buf line = { 0 }, out = { 0 };
	const char *why = NULL;

	if (event_scan(&e, p, n, &why) == 0 && event_complete(&e, &why) == 0 &&
	    !event_has(&e, EVENT_ENC) && !event_has(&e, EVENT_RT) &&
	    !event_has(&e, EVENT_FROM) && !event_has(&e, EVENT_POS) &&
	    sender_seal(sender, &e, &space, &line, &why) == 0 &&
	    line.len <= EVENT_LINE_MAX) {
		enum sender_verdict v = open_line(&line, &out);

		/* src may be another's, and then it is not opened */
		require(v == SENDER_OPENED ||
		    (v == SENDER_BAD && event_has(&e, EVENT_SRC)) ||
		    memchr(p, '$', n) != NULL);
		require(v != SENDER_OPENED ||
		    (out.len == n && memcmp(out.p, p, n) == 0));
	}
	buf_fini(&line);
	buf_fini(&out);
}

static void
alter(const uint8_t *data, size_t size)
{
	struct buf line = { 0 }, out = { 0 };
	struct canon one = { 0 }, other = { 0 };
	const char *why;

	buf_add(&line, sealed.p, sealed.len);
	for (; size >= 2; data += 2, size -= 2)
		line.p[data[0] % line.len] = (char)data[1];
	if (open_line(&line, &out) == SENDER_OPENED) {
		require(canon_event(&one, out.p, out.len, &why) == 0);
		require(
		    canon_event(&other, example, strlen(example), &why) == 0);
		require(one.out.len == other.out.len &&
		    memcmp(one.out.p, other.out.p, one.out.len) == 0);
	}
	canon_fini(&one);
	canon_fini(&other);
	buf_fini(&line);
	buf_fini(&out);
}

static void
check_clear(const struct event *e, const struct buf *out)
{
	struct event inner;
	const char *why = NULL;

	require(event_scan(&inner, out->p, out->len, &why) == 0);
	for (int i = 0; i < SENDER_CLEAR_MAX; i++) {
		struct sender_span a, b;

		require(event_has(e, sender_clear[i]) ==
		    event_has(&inner, sender_clear[i]));
		if (!event_has(e, sender_clear[i]))
			continue;
		a = sender_span(e, sender_clear[i]);
		b = sender_span(&inner, sender_clear[i]);
		require(a.n == b.n && memcmp(a.p, b.p, a.n) == 0);
	}
}

/* CLEAR NUL TEXT: whoever knows the key may seal any text. */
static void
dishonest(const char *p, size_t n)
{
	const char *nul = memchr(p, 0, n);
	size_t clear = nul != NULL ? (size_t)(nul - p) : n / 2;
	size_t text = n - clear - (nul != NULL);
	unsigned char *box = malloc(text + SENDER_OVERHEAD);
	const unsigned char *ad;
	struct buf line = { 0 }, out = { 0 };
	struct event e;
	size_t ad_n;
	const char *why = NULL;

	memcpy(box, content_id, SENDER_ID);
	memset(box + SENDER_ID, 0, SENDER_NONCE);
	buf_addc(&line, '{');
	buf_add(&line, p, clear);
	buf_adds(&line, ",\"enc\":\"AA\"}");
	if (event_scan(&e, line.p, line.len, &why) == 0 &&
	    sender_associated(&e, &space, &ad, &ad_n, &why) == 0) {
		crypto_aead_xchacha20poly1305_ietf_encrypt(
		    box + SENDER_ID + SENDER_NONCE, NULL,
		    (const unsigned char *)p + n - text, text, ad, ad_n, NULL,
		    box + SENDER_ID, content);
		line.len -= 4;
		base64_add(&line, BASE64_URL, box, text + SENDER_OVERHEAD);
		buf_adds(&line, "\"}");
		if (open_line(&line, &out) == SENDER_OPENED) {
			require(event_scan(&e, line.p, line.len, &why) == 0);
			check_clear(&e, &out);
		}
	}
	free(box);
	buf_fini(&line);
	buf_fini(&out);
}

/* A key event with any body, well signed by somebody else. */
static void
key_event(const char *p, size_t n)
{
	struct jws_signer signer;
	struct buf b = { 0 }, line = { 0 };
	const char *why = NULL;
	enum sender_news news;

	buf_adds(&b,
	    "{\"topic\":\"STATUS/KEYS/eve\",\"t\":1,\"src\":\"eve\","
	    "\"d\":{\"typ\":\"sg-sender-key\",");
	buf_add(&b, p, n);
	buf_adds(&b, "}}");
	jws_signer_init(&signer, eve, "sg-event");
	if (memchr(p, '\n', n) == NULL &&
	    sign_line(&signer, &space.sign, b.p, b.len, &line, &why) == 0) {
		news = take(line.p, line.len, &why);
		/* nobody wraps what the fuzzer does not know */
		require(news != SENDER_NEW);
		buf_clear(&line);
		require(open_line(&sealed, &line) == SENDER_OPENED);
	}
	jws_signer_fini(&signer);
	buf_fini(&b);
	buf_fini(&line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data + 1;
	struct buf line = { 0 }, out = { 0 };
	const char *why;

	start();
	if (size == 0)
		return 0;
	switch (data[0] % 5) {
	case 0: round_trip(p, size - 1); break;
	case 1: alter(data + 1, size - 1); break;
	case 2: dishonest(p, size - 1); break;
	case 3: key_event(p, size - 1); break;
	default:
		buf_add(&line, p, size - 1);
		open_line(&line, &out);
		take(p, size - 1, &why);
		break;
	}
	buf_fini(&line);
	buf_fini(&out);
	return 0;
}

#include "trust/sender.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/base64.h"
#include "base/date.h"
#include "base/die.h"
#include "trust/secret.h"
#include "trust/sender_part.h"

enum { TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES };

struct recipient {
	char kid[KEY_ID + 1];
	unsigned char wrapped[SENDER_WRAPPED];
};

struct sender {
	const struct key *key;
	struct jws_signer signer;
	unsigned char *content; /* SENDER_KEY, secret memory */
	unsigned char id[SENDER_ID];
	struct recipient *to;
	size_t n;
};

const enum event_member sender_clear[SENDER_CLEAR_MAX] = { EVENT_TOPIC, EVENT_T,
	EVENT_SRC, EVENT_EP, EVENT_SEQ, EVENT_ID, EVENT_RE, EVENT_TTL };

void
sender_space_fini(struct sender_space *s)
{
	sign_space_fini(&s->sign);
	buf_fini(&s->clear);
	buf_fini(&s->text);
	buf_fini(&s->box);
	s->nonces = 0;
}

struct sender_span
sender_span(const struct event *e, enum event_member member)
{
	const char *from = e->line + e->key_at[member];
	const char *to =
	    e->line + e->at[member] + e->len[member] + (e->text >> member & 1);

	return (struct sender_span){ from, (size_t)(to - from) };
}

void
sender_id(const unsigned char content[SENDER_KEY], const char kid[KEY_ID + 1],
    unsigned char id[SENDER_ID])
{
	static const char label[] = "sg-sender-key-id/1";
	crypto_generichash_state state;

	crypto_generichash_init(&state, content, SENDER_KEY, SENDER_ID);
	crypto_generichash_update(
	    &state, (const unsigned char *)label, sizeof label - 1);
	crypto_generichash_update(&state, (const unsigned char *)kid, KEY_ID);
	crypto_generichash_final(&state, id, SENDER_ID);
	secret_wipe(&state, sizeof state);
}

void
sender_wrap_key(const struct sender_wrap *w,
    const unsigned char shared[KEY_BYTES], unsigned char out[SENDER_KEY])
{
	static const char label[] = "sg-sender-key/1";
	crypto_generichash_state state;

	crypto_generichash_init(&state, shared, KEY_BYTES, SENDER_KEY);
	crypto_generichash_update(
	    &state, (const unsigned char *)label, sizeof label - 1);
	crypto_generichash_update(&state, w->share, KEY_BYTES);
	crypto_generichash_update(&state, w->recipient, KEY_BYTES);
	crypto_generichash_update(&state, w->id, SENDER_ID);
	crypto_generichash_update(
	    &state, (const unsigned char *)w->from, KEY_ID);
	crypto_generichash_update(&state, (const unsigned char *)w->to, KEY_ID);
	crypto_generichash_final(&state, out, SENDER_KEY);
	secret_wipe(&state, sizeof state);
}

/* "{" and the clear members of e in their order, apart by commas. */
static size_t
add_clear(const struct event *e, struct buf *b)
{
	size_t total = 0;

	for (int i = 0; i < SENDER_CLEAR_MAX; i++) {
		struct sender_span at;

		if (!event_has(e, sender_clear[i]))
			continue;
		at = sender_span(e, sender_clear[i]);
		buf_addc(b, total == 0 ? '{' : ',');
		buf_add(b, at.p, at.n);
		total += at.n + 1;
	}
	return total;
}

/*
 * A line of nothing but known members, without white space between them, is
 * the usual case, and then only the few clear ones are made canonical.
 */
static int
plain(const struct event *e, size_t clear)
{
	static const enum event_member other[] = { EVENT_ENC, EVENT_RT,
		EVENT_FROM, EVENT_POS };
	size_t total = clear;

	for (int i = 0; i < 4; i++)
		if (event_has(e, other[i]))
			total += sender_span(e, other[i]).n + 1;
	return total + 1 == e->n;
}

int
sender_associated(const struct event *e, struct sender_space *space,
    const unsigned char **p, size_t *n, const char **why)
{
	static const char *const without[] = { "enc", "rt", "from", "pos",
		NULL };
	struct canon *canon = &space->sign.canon;
	size_t clear;
	int status;

	buf_clear(&space->clear);
	clear = add_clear(e, &space->clear);
	buf_addc(&space->clear, '}');
	if (clear > 0 && plain(e, clear))
		status = canon_text(
		    canon, CANON_SIGNED, space->clear.p, space->clear.len, why);
	else
		status = canon_without(
		    canon, CANON_SIGNED, e->line, e->n, without, why);
	*p = (const unsigned char *)canon->out.p;
	*n = canon->out.len;
	return status;
}

struct sender *
sender_new(const struct key *key)
{
	struct sender *s = xcalloc(1, sizeof *s);

	secret_start();
	s->key = key;
	s->content = secret_new(SENDER_KEY);
	jws_signer_init(&s->signer, key, "sg-event");
	return s;
}

void
sender_free(struct sender *s)
{
	if (s == NULL)
		return;
	jws_signer_fini(&s->signer);
	secret_free(s->content);
	free(s->to);
	free(s);
}

static int
wrap(const struct sender *s, const struct cert *to, struct recipient *r)
{
	static const unsigned char
	    zero[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES];
	unsigned char scalar[KEY_BYTES], shared[KEY_BYTES], key[SENDER_KEY];
	struct sender_wrap w = { r->wrapped, to->key.enc, s->id,
		s->key->public.kid, to->key.kid };
	int status;

	memcpy(r->kid, to->key.kid, sizeof r->kid);
	randombytes_buf(scalar, sizeof scalar);
	crypto_scalarmult_base(r->wrapped, scalar);
	status = crypto_scalarmult(shared, scalar, to->key.enc);
	if (status == 0) {
		sender_wrap_key(&w, shared, key);
		crypto_aead_xchacha20poly1305_ietf_encrypt(
		    r->wrapped + KEY_BYTES, NULL, s->content, SENDER_KEY, NULL,
		    0, NULL, zero, key);
	}
	secret_wipe(scalar, sizeof scalar);
	secret_wipe(shared, sizeof shared);
	secret_wipe(key, sizeof key);
	return status;
}

/* The same holder twice would be the same name twice. */
static int
has(const struct sender *s, const char *kid)
{
	for (size_t i = 0; i < s->n; i++)
		if (memcmp(s->to[i].kid, kid, KEY_ID) == 0)
			return 1;
	return 0;
}

int
sender_renew(
    struct sender *s, const struct cert *const *to, size_t n, const char **why)
{
	if (n == 0 || n > SENDER_RECIPIENTS_MAX) {
		*why = n == 0 ? "no recipient" : "more than 200 recipients";
		return -1;
	}
	randombytes_buf(s->content, SENDER_KEY);
	sender_id(s->content, s->key->public.kid, s->id);
	s->to = xrealloc(s->to, n * sizeof *s->to);
	s->n = 0;
	for (size_t i = 0; i < n; i++) {
		if (has(s, to[i]->key.kid))
			continue;
		if (wrap(s, to[i], &s->to[s->n]) < 0) {
			*why = "a recipient's X25519 key is none";
			return -1;
		}
		s->n++;
	}
	return 0;
}

int
sender_announce(const struct sender *s, const char *topic, int64_t now,
    struct sender_space *space, struct buf *out, const char **why)
{
	struct buf *b = &space->text;

	buf_clear(b);
	buf_addf(b,
	    "{\"topic\":\"%s\",\"t\":%lld.%06lld,\"src\":\"%s\",\"d\":"
	    "{\"typ\":\"sg-sender-key\",\"key\":\"",
	    topic, (long long)(now / DATE_SECOND),
	    (long long)(now % DATE_SECOND), s->key->subject);
	base64_add(b, BASE64_URL, s->id, SENDER_ID);
	buf_adds(b, "\",\"to\":{");
	for (size_t i = 0; i < s->n; i++) {
		buf_addf(b, "%s\"%s\":\"", i == 0 ? "" : ",", s->to[i].kid);
		base64_add(b, BASE64_URL, s->to[i].wrapped, SENDER_WRAPPED);
		buf_addc(b, '"');
	}
	buf_adds(b, "}}}");
	return sign_line(&s->signer, &space->sign, b->p, b->len, out, why);
}

/* Many at once, because each request goes to the kernel. */
static const unsigned char *
next_nonce(struct sender_space *space)
{
	if (space->nonces == 0) {
		randombytes_buf(space->nonce, sizeof space->nonce);
		space->nonces = sizeof space->nonce / sizeof *space->nonce;
	}
	return space->nonce[--space->nonces];
}

/* The line with a mark for each clear member, to b. */
static void
add_rest(const struct event *e, struct buf *b)
{
	size_t from = 0;

	for (;;) {
		int next = -1;
		struct sender_span at;

		for (int i = 0; i < SENDER_CLEAR_MAX; i++)
			if (event_has(e, sender_clear[i]) &&
			    e->key_at[sender_clear[i]] >= from &&
			    (next < 0 ||
				e->key_at[sender_clear[i]] <
				    e->key_at[sender_clear[next]]))
				next = i;
		if (next < 0)
			break;
		at = sender_span(e, sender_clear[next]);
		buf_add(b, e->line + from, (size_t)(at.p - e->line) - from);
		buf_addc(b, (char)(next + 1));
		from = (size_t)(at.p - e->line) + at.n;
	}
	buf_add(b, e->line + from, e->n - from);
}

int
sender_seal(const struct sender *s, const struct event *e,
    struct sender_space *space, struct buf *out, const char **why)
{
	struct canon *canon = &space->sign.canon;
	struct buf *text = &space->text, *box = &space->box;
	unsigned char *to;

	buf_clear(&space->clear);
	if (add_clear(e, &space->clear) == 0) {
		*why = "no topic";
		return -1;
	}
	buf_addc(&space->clear, '}');
	if (canon_text(
		canon, CANON_SIGNED, space->clear.p, space->clear.len, why) < 0)
		return -1;
	buf_clear(text);
	add_rest(e, text);
	buf_clear(box);
	to = (unsigned char *)buf_room(box, text->len + SENDER_OVERHEAD);
	memcpy(to, s->id, SENDER_ID);
	memcpy(to + SENDER_ID, next_nonce(space), SENDER_NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(
	    to + SENDER_ID + SENDER_NONCE, NULL, (const unsigned char *)text->p,
	    text->len, (const unsigned char *)canon->out.p, canon->out.len,
	    NULL, to + SENDER_ID, s->content);
	buf_add(out, space->clear.p, space->clear.len - 1);
	buf_adds(out, ",\"enc\":\"");
	base64_add(out, BASE64_URL, to, text->len + SENDER_OVERHEAD);
	buf_adds(out, "\"}");
	return 0;
}

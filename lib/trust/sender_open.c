#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/base64.h"
#include "base/die.h"
#include "event/json.h"
#include "trust/secret.h"
#include "trust/sender.h"
#include "trust/sender_part.h"

enum { TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES, BUCKETS = 16384 };

static const char key_type[] = "sg-sender-key";

struct entry {
	unsigned char id[SENDER_ID], content[SENDER_KEY];
	const struct cert *from;
	int ours;
	uint32_t next; /* in the bucket, index + 1 */
	uint64_t age;
};

struct sender_keys {
	const struct key *own;
	const struct keyring *ring;
	struct entry *entry;
	size_t n, cap;
	uint64_t taken;
	uint32_t bucket[BUCKETS]; /* index + 1 */
};

struct sender_keys *
sender_keys_new(const struct key *own, const struct keyring *ring)
{
	struct sender_keys *k = xcalloc(1, sizeof *k);

	secret_start();
	k->own = own;
	k->ring = ring;
	return k;
}

void
sender_keys_free(struct sender_keys *k)
{
	if (k == NULL)
		return;
	if (k->cap > 0)
		secret_wipe(k->entry, k->cap * sizeof *k->entry);
	free(k->entry);
	free(k);
}

void
sender_keys_ring(struct sender_keys *k, const struct keyring *ring)
{
	k->ring = ring;
}

/* An id is a hash already. */
static uint32_t
bucket_of(const unsigned char *id)
{
	return ((uint32_t)id[0] << 8 | id[1]) % BUCKETS;
}

static struct entry *
find(const struct sender_keys *k, const unsigned char *id)
{
	uint32_t i = k->bucket[bucket_of(id)];

	while (i != 0 && memcmp(k->entry[i - 1].id, id, SENDER_ID) != 0)
		i = k->entry[i - 1].next;
	return i == 0 ? NULL : &k->entry[i - 1];
}

static void
unlink_entry(struct sender_keys *k, size_t i)
{
	uint32_t *at = &k->bucket[bucket_of(k->entry[i].id)];

	while (*at != i + 1)
		at = &k->entry[*at - 1].next;
	*at = k->entry[i].next;
}

/* The last one takes its place. */
static void
remove_entry(struct sender_keys *k, size_t i)
{
	uint32_t *at;

	unlink_entry(k, i);
	if (i != --k->n) {
		at = &k->bucket[bucket_of(k->entry[k->n].id)];
		while (*at != k->n + 1)
			at = &k->entry[*at - 1].next;
		*at = (uint32_t)i + 1;
		k->entry[i] = k->entry[k->n];
	}
	secret_wipe(&k->entry[k->n], sizeof *k->entry);
}

static void
grow(struct sender_keys *k)
{
	size_t cap = k->cap == 0 ? 64 : 2 * k->cap;
	struct entry *entry = xcalloc(cap, sizeof *entry);

	if (k->n > 0) {
		memcpy(entry, k->entry, k->n * sizeof *entry);
		secret_wipe(k->entry, k->cap * sizeof *k->entry);
	}
	free(k->entry);
	k->entry = entry;
	k->cap = cap;
}

/*
 * Where the next key of that sender goes: no sender can drive out the keys
 * of the others with its own.
 */
static size_t
place(struct sender_keys *k, const struct cert *from)
{
	size_t own = 0, oldest = 0, oldest_own = 0;

	for (size_t i = 0; i < k->n; i++) {
		const struct entry *e = &k->entry[i];

		if (e->age < k->entry[oldest].age)
			oldest = i;
		if (strcmp(e->from->subject, from->subject) != 0)
			continue;
		if (own++ == 0 || e->age < k->entry[oldest_own].age)
			oldest_own = i;
	}
	if (own < SENDER_EACH_MAX && k->n < SENDER_KEYS_MAX) {
		if (k->n == k->cap)
			grow(k);
		return k->n++;
	}
	oldest = own < SENDER_EACH_MAX ? oldest : oldest_own;
	unlink_entry(k, oldest);
	return oldest;
}

static void
insert(struct sender_keys *k, const struct entry *new)
{
	size_t i = place(k, new->from);
	uint32_t *head = &k->bucket[bucket_of(new->id)];

	k->entry[i] = *new;
	k->entry[i].age = ++k->taken;
	k->entry[i].next = *head;
	*head = (uint32_t)i + 1;
}

static struct json_value
body(const struct event *e)
{
	return json_value(e->line + e->at[EVENT_D], e->len[EVENT_D]);
}

int
sender_is_key(const struct event *e)
{
	struct json_value d, typ;

	if (!event_has(e, EVENT_D))
		return 0;
	d = body(e);
	return json_get(&d, "typ", &typ) && typ.kind == JSON_STRING &&
	    json_equal(&typ, key_type);
}

/* A string member of exactly n bytes in base64url: 0 or -1. */
static int
get_bytes(
    const struct json_value *object, const char *name, void *out, size_t n)
{
	struct json_value v;

	if (!json_get(object, name, &v) || v.kind != JSON_STRING)
		return -1;
	return base64_parse(out, n, BASE64_URL, v.p, v.n) == (long)n ? 0 : -1;
}

/* The content key from what is wrapped for us: 0, or -1: it is not that. */
static int
unwrap(const struct sender_keys *k, const unsigned char *wrapped,
    struct entry *new)
{
	static const unsigned char
	    zero[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES];
	const struct key_public *own = &k->own->public;
	const char *from = new->from->key.kid;
	struct sender_wrap w = { wrapped, own->enc, new->id, from, own->kid };
	unsigned char shared[KEY_BYTES], key[SENDER_KEY], id[SENDER_ID];
	int status;

	status = crypto_scalarmult(shared, k->own->seed_enc, wrapped);
	if (status == 0) {
		sender_wrap_key(&w, shared, key);
		status = crypto_aead_xchacha20poly1305_ietf_decrypt(
		    new->content, NULL, NULL, wrapped + KEY_BYTES,
		    SENDER_WRAPPED - KEY_BYTES, NULL, 0, zero, key);
	}
	if (status == 0) {
		sender_id(new->content, from, id);
		status = memcmp(id, new->id, SENDER_ID) == 0 ? 0 : -1;
	}
	secret_wipe(shared, sizeof shared);
	secret_wipe(key, sizeof key);
	return status;
}

/*
 * The sender's name stands in src, too, and is checked with the signature;
 * its own it has to be, whatever it may publish for others.
 */
static int
own_source(const struct event *e, const struct cert *from)
{
	return !event_has(e, EVENT_SRC) ||
	    (e->len[EVENT_SRC] == strlen(from->subject) &&
		memcmp(e->line + e->at[EVENT_SRC], from->subject,
		    e->len[EVENT_SRC]) == 0);
}

/*
 * Only who can unwrap a key can tell whose it is: that replaces what someone
 * else may have said about the same id.
 */
static enum sender_news
take(struct sender_keys *k, struct entry *new, const struct json_value *d,
    const char **why)
{
	unsigned char wrapped[SENDER_WRAPPED];
	struct entry *old = find(k, new->id);
	struct json_value to, ours;

	if (old != NULL && old->ours)
		return SENDER_AGAIN;
	if (!json_get(d, "to", &to) || to.kind != JSON_OBJECT) {
		*why = "key event: no \"to\"";
		return SENDER_REFUSED;
	}
	new->ours = json_get(&to, k->own->public.kid, &ours);
	if (new->ours &&
	    (get_bytes(&to, k->own->public.kid, wrapped, sizeof wrapped) < 0 ||
		unwrap(k, wrapped, new) < 0)) {
		*why = "key event: what is wrapped for us is damaged";
		return SENDER_REFUSED;
	}
	if (old != NULL && !new->ours)
		return SENDER_AGAIN;
	if (old != NULL)
		remove_entry(k, (size_t)(old - k->entry));
	insert(k, new);
	return new->ours ? SENDER_NEW : SENDER_OTHERS;
}

enum sender_news
sender_keys_take(struct sender_keys *k, const struct event *e, int64_t at,
    struct sender_space *space, unsigned char id[SENDER_ID], const char **why)
{
	struct json_value d;
	struct entry new = { .ours = 0 };
	enum sender_news news = SENDER_REFUSED;

	if (!sender_is_key(e)) {
		*why = "no key event";
		return SENDER_REFUSED;
	}
	d = body(e);
	if (sign_check(k->ring, &space->sign, e, at, &new.from, why) !=
	    SIGN_GOOD)
		return SENDER_REFUSED;
	if (!own_source(e, new.from))
		*why = "key event: src is not its signer";
	else if (get_bytes(&d, "key", new.id, SENDER_ID) < 0)
		*why = "key event: no \"key\"";
	else
		news = take(k, &new, &d, why);
	memcpy(id, new.id, SENDER_ID);
	secret_wipe(&new, sizeof new);
	return news;
}

/* Whether the one whose key it is may send this event. */
static const char *
check_sender(const struct event *e, const struct cert *from)
{
	char space[256];
	const char *topic, *rule;
	size_t n;

	if (!event_has(e, EVENT_TOPIC))
		return "sealed: no topic";
	topic = event_topic(e, space, &n);
	if (!cert_may(from, CERT_PUB, topic, n, &rule))
		return "sealed by one who may not publish this topic";
	if (event_has(e, EVENT_SRC) &&
	    !cert_may_source(
		from, e->line + e->at[EVENT_SRC], e->len[EVENT_SRC], &rule))
		return "sealed by another than src";
	return NULL;
}

/* The marks of text replaced; which ones there were is the result. */
static uint32_t
restore(const struct buf *text, const struct event *e, struct buf *out)
{
	uint32_t seen = 0;
	size_t from = 0;

	for (size_t i = 0; i < text->len; i++) {
		unsigned char c = (unsigned char)text->p[i];
		struct sender_span at;
		enum event_member m;

		if (c == 0 || c > SENDER_CLEAR_MAX)
			continue;
		m = sender_clear[c - 1];
		if (!event_has(e, m) || seen >> m & 1)
			return 0;
		seen |= UINT32_C(1) << m;
		at = sender_span(e, m);
		buf_add(out, text->p + from, i - from);
		buf_add(out, at.p, at.n);
		from = i + 1;
	}
	buf_add(out, text->p + from, text->len - from);
	return seen;
}

/* rt, from and pos go before the last brace of the line, out from start on. */
static void
add_meta(const struct event *e, struct buf *out, size_t start)
{
	char *brace = memrchr(out->p + start, '}', out->len - start);

	if (brace == NULL)
		return;
	out->len = (size_t)(brace - out->p);
	for (int m = EVENT_RT; m <= EVENT_POS; m++)
		if (event_has(e, (enum event_member)m)) {
			struct sender_span at =
			    sender_span(e, (enum event_member)m);

			buf_addc(out, ',');
			buf_add(out, at.p, at.n);
		}
	buf_addc(out, '}');
}

static uint32_t
clear_members(const struct event *e)
{
	uint32_t mask = 0;

	for (int i = 0; i < SENDER_CLEAR_MAX; i++)
		mask |= UINT32_C(1) << sender_clear[i];
	return e->have & mask;
}

/* What a broker has said of an event is not its sender's to say. */
static int
same_meta(const struct event *a, const struct event *b)
{
	const uint32_t mask = UINT32_C(1) << EVENT_RT |
	    UINT32_C(1) << EVENT_FROM | UINT32_C(1) << EVENT_POS;

	return ((a->have ^ b->have) & mask) == 0;
}

/* Text beside a mark could have made another value of it: 5 and 1 are 51. */
static int
same_members(const struct event *a, const struct event *b)
{
	if (clear_members(a) != clear_members(b))
		return 0;
	for (int i = 0; i < SENDER_CLEAR_MAX; i++) {
		struct sender_span x, y;

		if (!event_has(a, sender_clear[i]))
			continue;
		x = sender_span(a, sender_clear[i]);
		y = sender_span(b, sender_clear[i]);
		if (x.n != y.n || memcmp(x.p, y.p, x.n) != 0)
			return 0;
	}
	return 1;
}

/*
 * Whoever has the key, each recipient too, can seal anything: that it is an
 * event with just these clear members, each from where they are
 * authenticated, has to be seen here.
 */
static const char *
rebuild(const struct event *e, const struct buf *text, struct buf *out)
{
	struct event inner;
	size_t start = out->len;
	const char *why = NULL;

	if (restore(text, e, out) != clear_members(e))
		why = "sealed: its clear members are not those of the line";
	else if (event_has(e, EVENT_RT) || event_has(e, EVENT_FROM) ||
	    event_has(e, EVENT_POS))
		add_meta(e, out, start);
	if (why == NULL &&
	    event_scan(&inner, out->p + start, out->len - start, &why) == 0) {
		if (!same_members(&inner, e))
			why = "sealed: a member that stays clear";
		else if (!same_meta(&inner, e))
			why = "sealed: a member that a broker adds";
	}
	if (why != NULL)
		out->len = start;
	return why;
}

/* enc to space->box, which is: id | nonce | sealed text.  0 or -1. */
static int
decode(const struct event *e, struct sender_space *space)
{
	size_t n = e->len[EVENT_ENC];
	long got;

	buf_clear(&space->box);
	got = base64_parse(buf_room(&space->box, n), n, BASE64_URL,
	    e->line + e->at[EVENT_ENC], n);
	if (e->escaped >> EVENT_ENC & 1 || got < SENDER_OVERHEAD)
		return -1;
	space->box.len = (size_t)got;
	return 0;
}

static const char *
open_box(
    const struct entry *key, const struct event *e, struct sender_space *space)
{
	const unsigned char *box = (const unsigned char *)space->box.p, *ad;
	size_t n = space->box.len - SENDER_ID - SENDER_NONCE, ad_n;
	const char *why;

	if (sender_associated(e, space, &ad, &ad_n, &why) < 0)
		return why;
	buf_clear(&space->text);
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(
		(unsigned char *)buf_room(&space->text, n), NULL, NULL,
		box + SENDER_ID + SENDER_NONCE, n, ad, ad_n, box + SENDER_ID,
		key->content) != 0)
		return "sealed: altered";
	space->text.len = n - TAG;
	return NULL;
}

enum sender_verdict
sender_open(const struct sender_keys *k, const struct event *e,
    struct sender_space *space, struct buf *out, const char **why)
{
	const struct entry *key;

	if (!event_has(e, EVENT_ENC))
		return SENDER_CLEAR;
	if (decode(e, space) < 0) {
		*why = "sealed: enc is malformed";
		return SENDER_BAD;
	}
	key = find(k, (const unsigned char *)space->box.p);
	if (key == NULL)
		return SENDER_UNKNOWN;
	*why = check_sender(e, key->from);
	if (!key->ours)
		return *why == NULL ? SENDER_STRANGE : SENDER_UNKNOWN;
	if (*why == NULL)
		*why = open_box(key, e, space);
	if (*why == NULL)
		*why = rebuild(e, &space->text, out);
	return *why == NULL ? SENDER_OPENED : SENDER_BAD;
}

#include "trust/channel.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/num.h"
#include "trust/noise.h"
#include "trust/secret.h"

enum {
	VERSION = 1,
	PLAIN = CHANNEL_RECORD - NOISE_TAG, /* bytes of a full record */
	ASSOCIATED = CHANNEL_HEAD + 5,
	REQUEST = 8,	      /* bytes of the request number */
	EPOCH = 20,	      /* bits of a counter below the epoch */
	HANDSHAKE_MAX = 8192, /* bytes of HS1, HS2, HS3 */
	BEHIND_MAX = 300,     /* s that a client's clock may be late */
	WHY_MAX = 512
};

enum type { TYPE_HS1 = 1, TYPE_HS2, TYPE_HS3, TYPE_HS4, TYPE_DATA };

enum stage {
	STAGE_DEAD = 0,
	STAGE_FIRST,  /* nothing has been sent or received */
	STAGE_ANSWER, /* the client waits for HS2, the broker for HS3 */
	STAGE_LAST,   /* the client waits for HS4 */
	STAGE_OPEN
};

/* One direction: the keys, and the counters that have been used. */
struct lane {
	unsigned char key[NOISE_KEY];
	unsigned char before[NOISE_KEY]; /* of the epoch before */
	uint64_t epoch;			 /* key's */
	uint64_t next;			 /* counter after the highest used */
	uint64_t seen[CHANNEL_WINDOW / 64];
};

struct channel {
	struct identity *id;
	enum noise_side side;
	enum stage stage;
	char *name; /* that a broker has to have */
	struct noise *noise;
	struct lane send, receive;
	uint64_t session;
	const struct cert *peer;
	int64_t expires;
	char why[WHY_MAX];
};

static const uint64_t counter_end = (uint64_t)1 << 63;

static void
u64_write(unsigned char *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (unsigned char)(v >> 8 * i);
}

static uint64_t
u64_read(const unsigned char *p)
{
	uint64_t v = 0;

	for (int i = 7; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

static void
head_write(unsigned char *p, enum type type, uint64_t session, uint64_t counter)
{
	p[0] = 'S';
	p[1] = 'G';
	p[2] = VERSION;
	p[3] = (unsigned char)type;
	u64_write(p + 4, session);
	u64_write(p + 12, counter);
}

/* 1 and the counter if the frame begins as it has to. */
static int
head_read(const unsigned char *p, size_t n, enum type type, uint64_t session,
    uint64_t *counter)
{
	unsigned char want[CHANNEL_HEAD];

	head_write(want, type, session, 0);
	if (n < CHANNEL_HEAD || memcmp(p, want, 12) != 0)
		return 0;
	*counter = u64_read(p + 12);
	return 1;
}

int
channel_frame(const void *p, size_t n)
{
	return n >= 2 && memcmp(p, "SG", 2) == 0;
}

static size_t
records_of(size_t total)
{
	return (REQUEST + total + PLAIN - 1) / PLAIN;
}

size_t
channel_sealed(size_t total)
{
	return CHANNEL_HEAD + REQUEST + total + NOISE_TAG * records_of(total);
}

size_t
channel_overhead(size_t n)
{
	return channel_sealed(n) - n;
}

/* What binds a record to its frame and its place in it. */
static void
associated_write(unsigned char out[ASSOCIATED], const unsigned char *head,
    size_t i, int last)
{
	memcpy(out, head, CHANNEL_HEAD);
	for (int b = 0; b < 4; b++)
		out[CHANNEL_HEAD + b] = (unsigned char)(i >> 8 * b);
	out[CHANNEL_HEAD + 4] = (unsigned char)last;
}

/* A direction's key, epochs after that of the handshake. */
static void
lane_advance(struct lane *lane)
{
	memcpy(lane->before, lane->key, NOISE_KEY);
	noise_rekey(lane->key);
	lane->epoch++;
}

/*
 * The key to receive counter with: this epoch's, the one's before, or the
 * next one's, made in *next only, since nothing vouches for counter yet.
 */
static const unsigned char *
lane_key(
    const struct lane *lane, uint64_t counter, unsigned char next[NOISE_KEY])
{
	uint64_t epoch = counter >> EPOCH;

	if (epoch == lane->epoch)
		return lane->key;
	if (epoch + 1 == lane->epoch)
		return lane->before;
	if (epoch != lane->epoch + 1)
		return NULL;
	memcpy(next, lane->key, NOISE_KEY);
	noise_rekey(next);
	return next;
}

static int
lane_fresh(const struct lane *lane, uint64_t counter)
{
	size_t at = counter % CHANNEL_WINDOW;

	if (counter >= lane->next)
		return counter < counter_end;
	return lane->next - counter <= CHANNEL_WINDOW &&
	    (lane->seen[at / 64] >> at % 64 & 1) == 0;
}

static void
lane_take(struct lane *lane, uint64_t counter)
{
	uint64_t start;
	size_t at;

	if (counter >> EPOCH > lane->epoch)
		lane_advance(lane);
	if (counter >= lane->next + CHANNEL_WINDOW) {
		memset(lane->seen, 0, sizeof lane->seen);
		lane->next = counter;
	}
	for (; lane->next <= counter; lane->next++) {
		at = lane->next % CHANNEL_WINDOW;
		lane->seen[at / 64] &= ~((uint64_t)1 << at % 64);
	}
	at = counter % CHANNEL_WINDOW;
	lane->seen[at / 64] |= (uint64_t)1 << at % 64;
	start = lane->epoch << EPOCH;
	if (lane->next > start && lane->next - start == CHANNEL_WINDOW)
		secret_wipe(lane->before, NOISE_KEY);
}

/* The parts of a message, as one stream of bytes. */
struct stream {
	const struct channel_piece *piece;
	size_t at; /* in the piece */
};

static void
stream_copy(struct stream *s, unsigned char *out, size_t n)
{
	size_t part;

	while (n > 0) {
		part = s->piece->n - s->at;
		if (part > n)
			part = n;
		if (part > 0)
			memcpy(out, (const char *)s->piece->p + s->at, part);
		out += part;
		n -= part;
		s->at += part;
		if (s->at == s->piece->n) {
			s->piece++;
			s->at = 0;
		}
	}
}

static void
frame_seal(struct channel *c, enum type type, uint64_t request,
    struct stream *s, size_t total, unsigned char *out)
{
	size_t left = REQUEST + total, records = records_of(total), part, lead;
	unsigned char ad[ASSOCIATED], *p = out + CHANNEL_HEAD;

	head_write(out, type, c->session, c->send.next);
	for (size_t i = 0; i < records; i++) {
		part = left < PLAIN ? left : PLAIN;
		lead = i == 0 ? REQUEST : 0;
		if (i == 0)
			u64_write(p, request);
		stream_copy(s, p + lead, part - lead);
		associated_write(ad, out, i, i + 1 == records);
		if (c->send.next >> EPOCH > c->send.epoch)
			lane_advance(&c->send);
		noise_encrypt(
		    c->send.key, c->send.next++, ad, sizeof ad, p, part, p);
		p += part + NOISE_TAG;
		left -= part;
	}
}

void
channel_seal(struct channel *c, uint64_t request,
    const struct channel_piece *pieces, size_t n, void *out)
{
	struct stream s = { pieces, 0 };
	size_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += pieces[i].n;
	if (c->stage != STAGE_OPEN ||
	    c->send.next + records_of(total) > counter_end)
		memset(out, 0, channel_sealed(total));
	else
		frame_seal(c, TYPE_DATA, request, &s, total, out);
}

/*
 * Verify and decrypt the records p[0..n) of a frame, the plaintext without
 * gaps to out: its length, or -1.  next is where a later epoch's key goes.
 */
static int64_t
records_open(const struct lane *lane, const unsigned char *head,
    uint64_t counter, const unsigned char *p, size_t n, unsigned char *out)
{
	unsigned char ad[ASSOCIATED], next[NOISE_KEY];
	const unsigned char *key;
	size_t left = n, part;
	int bad = 0;

	for (size_t i = 0; !bad && left > 0; i++) {
		part = left < CHANNEL_RECORD ? left : CHANNEL_RECORD;
		left -= part;
		key = lane_fresh(lane, counter + i)
		    ? lane_key(lane, counter + i, next)
		    : NULL;
		associated_write(ad, head, i, left == 0);
		bad = key == NULL || part <= NOISE_TAG ||
		    noise_decrypt(key, counter + i, ad, sizeof ad, p, part,
			out + i * PLAIN) != 0;
		p += part;
	}
	secret_wipe(next, sizeof next);
	if (bad)
		return -1;
	return (int64_t)(n -
	    NOISE_TAG * ((n + CHANNEL_RECORD - 1) / CHANNEL_RECORD));
}

static int64_t
frame_open(struct channel *c, enum type type, const unsigned char *p, size_t n,
    uint64_t *request, unsigned char *out)
{
	uint64_t counter;
	int64_t got;
	size_t rest;

	if (!head_read(p, n, type, c->session, &counter))
		return -1;
	rest = n - CHANNEL_HEAD;
	if (rest < REQUEST + NOISE_TAG || counter >= counter_end)
		return -1;
	got =
	    records_open(&c->receive, p, counter, p + CHANNEL_HEAD, rest, out);
	if (got < REQUEST) {
		secret_wipe(out, n);
		return -1;
	}
	for (size_t i = 0; i < rest; i += CHANNEL_RECORD)
		lane_take(&c->receive, counter++);
	*request = u64_read(out);
	memmove(out, out + REQUEST, (size_t)got - REQUEST);
	return got - REQUEST;
}

int64_t
channel_open(
    struct channel *c, const void *p, size_t n, uint64_t *request, void *out)
{
	if (c->stage != STAGE_OPEN)
		return -1;
	return frame_open(c, TYPE_DATA, p, n, request, out);
}

static struct channel *
channel_new(struct identity *id, enum noise_side side)
{
	struct channel *c = xcalloc(1, sizeof *c);
	const unsigned char *secret = keyring_psk(id->ring);
	const char *network = keyring_network(id->ring);
	unsigned char psk[1][NOISE_KEY] = { { 0 } };
	struct noise_keys keys = { .s = id->key->seed_enc };
	struct buf prologue = { 0 };

	c->id = id;
	c->side = side;
	c->stage = STAGE_FIRST;
	if (secret != NULL) {
		memcpy(psk[0], secret, NOISE_KEY);
		keys.psk = (const unsigned char(*)[NOISE_KEY])psk;
		keys.npsk = 1;
	}
	buf_add(&prologue, "sg/1", 5);
	buf_adds(&prologue, network);
	c->noise =
	    noise_new(secret != NULL ? "Noise_XXpsk3_25519_ChaChaPoly_SHA256"
				     : "Noise_XX_25519_ChaChaPoly_SHA256",
		side, prologue.p, prologue.len, &keys);
	secret_wipe(psk, sizeof psk);
	buf_fini(&prologue);
	return c;
}

struct channel *
channel_dial(struct identity *id, const char *name)
{
	struct channel *c = channel_new(id, NOISE_INITIATOR);

	c->name = name != NULL ? xstrdup(name) : NULL;
	return c;
}

struct channel *
channel_accept(struct identity *id)
{
	return channel_new(id, NOISE_RESPONDER);
}

void
channel_free(struct channel *c)
{
	if (c == NULL)
		return;
	noise_free(c->noise);
	free(c->name);
	secret_wipe(c, sizeof *c);
	free(c);
}

static enum channel_result
deny(struct channel *c, const char **why)
{
	noise_free(c->noise);
	c->noise = NULL;
	secret_wipe(&c->send, sizeof c->send);
	secret_wipe(&c->receive, sizeof c->receive);
	c->stage = STAGE_DEAD;
	*why = c->why;
	return CHANNEL_DENIED;
}

static enum channel_result __attribute__((format(printf, 3, 4)))
deny_because(struct channel *c, const char **why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->why, sizeof c->why, fmt, ap);
	va_end(ap);
	return deny(c, why);
}

/* Append the next handshake frame. */
static int
handshake_write(struct channel *c, enum type type, const struct buf *payload,
    struct buf *out)
{
	size_t start = out->len;

	head_write((unsigned char *)buf_room(out, CHANNEL_HEAD), type, 0, 0);
	out->len += CHANNEL_HEAD;
	if (c->noise != NULL &&
	    noise_write(c->noise, payload->p, payload->len, out) == 0)
		return 0;
	out->len = start;
	return -1;
}

static int
handshake_read(struct channel *c, enum type type, const unsigned char *p,
    size_t n, struct buf *payload)
{
	uint64_t counter;

	if (n > HANDSHAKE_MAX || c->noise == NULL ||
	    !head_read(p, n, type, 0, &counter) || counter != 0)
		return -1;
	return noise_read(
	    c->noise, p + CHANNEL_HEAD, n - CHANNEL_HEAD, payload);
}

/* What this side says of itself. */
static void
payload_write(const struct channel *c, int64_t now, struct buf *payload)
{
	buf_adds(payload, "{\"time\":");
	buf_addi(payload, now);
	buf_adds(payload, "}\n");
	buf_add(payload, c->id->chain.p, c->id->chain.len);
}

/* The peer's time, and where its chain begins. */
static int
payload_read(const struct buf *payload, int64_t *time, const char **chain)
{
	struct json_value object, value;
	const char *nl = payload->len == 0
	    ? NULL
	    : memchr(payload->p, '\n', payload->len),
		   *why;
	size_t n;

	if (nl == NULL)
		return -1;
	n = (size_t)(nl - payload->p);
	if (json_check(payload->p, n, &why) != JSON_OBJECT)
		return -1;
	object = json_value(payload->p, n);
	if (!json_get(&object, "time", &value) || value.kind != JSON_NUMBER ||
	    num_uint(value.p, value.n, time) != 0)
		return -1;
	*chain = nl + 1;
	return 0;
}

static const char *
names_text(const struct cert *cert, char *out, size_t size)
{
	size_t at = (size_t)snprintf(
	    out, size, "%s", cert->names > 0 ? cert->name[0] : cert->subject);

	for (size_t i = 1; i < cert->names && at < size; i++)
		at += (size_t)snprintf(
		    out + at, size - at, ", %s", cert->name[i]);
	return out;
}

/* May a holder of this certificate be at the other end?  0, or why not. */
static int
peer_fits(struct channel *c, const struct cert *cert)
{
	char names[WHY_MAX / 2];

	if (c->side == NOISE_RESPONDER) {
		if (cert->role == CERT_ACTOR || cert->role == CERT_BROKER)
			return 0;
		snprintf(c->why, sizeof c->why, "\"%s\" is an %s",
		    cert->subject, cert_role_name(cert->role));
		return -1;
	}
	if (cert->role != CERT_BROKER)
		snprintf(c->why, sizeof c->why,
		    "\"%s\" is no broker, but an %s", cert->subject,
		    cert_role_name(cert->role));
	else if (c->name != NULL && !cert_named(cert, c->name))
		snprintf(c->why, sizeof c->why,
		    "the broker is \"%s\", not \"%s\"",
		    names_text(cert, names, sizeof names), c->name);
	else
		return 0;
	return -1;
}

/*
 * A clock far behind would make "not valid yet" of all that is new, so it is
 * called by its name.
 */
static int
peer_judge(struct channel *c, int64_t now, int64_t told)
{
	int dialled = c->side == NOISE_INITIATOR;
	enum keyring_verdict v;

	if (dialled && told > now && told - now > BEHIND_MAX) {
		snprintf(c->why, sizeof c->why,
		    "the clock is %lld s behind the broker's",
		    (long long)(told - now));
		return -1;
	}
	v = keyring_judge(
	    c->id->ring, c->peer, keyring_clock(c->id->ring, now));
	if (v != KEYRING_VALID && !(v == KEYRING_STALE && c->id->crl_soft)) {
		snprintf(c->why, sizeof c->why, "%s%s",
		    dialled ? "the broker: " : "", keyring_verdict_why(v));
		return -1;
	}
	if (dialled)
		keyring_told(c->id->ring, told);
	return 0;
}

/* Who the peer is and whether it may be: 0 with c->peer, or c->why. */
static int
peer_verify(struct channel *c, const struct buf *payload, int64_t now)
{
	const char *whose = c->side == NOISE_INITIATOR ? "the broker: " : "";
	const unsigned char *key = noise_peer(c->noise);
	const char *chain, *why = "";
	const struct cert *leaf = NULL;
	int64_t told;

	if (payload_read(payload, &told, &chain) != 0) {
		snprintf(c->why, sizeof c->why, "%smalformed handshake", whose);
		return -1;
	}
	if (keyring_add_chain(c->id->ring, chain,
		(size_t)(payload->p + payload->len - chain), &leaf,
		&why) != 0) {
		snprintf(c->why, sizeof c->why, "%s%s", whose, why);
		return -1;
	}
	if (key == NULL || memcmp(key, leaf->key.enc, NOISE_KEY) != 0) {
		snprintf(c->why, sizeof c->why,
		    "%sthe certificate of \"%s\" is for another key", whose,
		    leaf->subject);
		return -1;
	}
	c->peer = leaf;
	if (peer_fits(c, leaf) != 0)
		return -1;
	return peer_judge(c, now, told);
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* The session ends with the first certificate, or after an hour. */
static int64_t
expiry(const struct channel *c, int64_t now)
{
	const struct keyring *ring = c->id->ring;

	return sooner(now + CHANNEL_LIFE,
	    sooner(keyring_end(ring, c->id->cert), keyring_end(ring, c->peer)));
}

static void
established(struct channel *c, int64_t now)
{
	struct noise_cipher send, receive;

	noise_split(c->noise, &send, &receive);
	memcpy(c->send.key, send.key, NOISE_KEY);
	memcpy(c->receive.key, receive.key, NOISE_KEY);
	secret_wipe(&send, sizeof send);
	secret_wipe(&receive, sizeof receive);
	c->session = u64_read(noise_hash(c->noise));
	c->expires = c->peer != NULL ? expiry(c, now) : now;
	noise_free(c->noise);
	c->noise = NULL;
}

static enum channel_result
broker_first(struct channel *c, const unsigned char *p, size_t n, int64_t now,
    struct buf *out, const char **why)
{
	struct buf payload = { 0 };
	int bad;

	bad = handshake_read(c, TYPE_HS1, p, n, &payload) != 0 ||
	    payload.len != 0;
	if (!bad) {
		payload_write(c, now, &payload);
		bad = handshake_write(c, TYPE_HS2, &payload, out) != 0;
	}
	buf_fini(&payload);
	if (bad)
		return deny_because(c, why,
		    "malformed handshake, or of another "
		    "pre-shared key");
	c->stage = STAGE_ANSWER;
	return CHANNEL_SEND;
}

/* The last frame of the handshake; the client learns why it is refused. */
static void
broker_last(struct channel *c, int ok, struct buf *out)
{
	struct buf text = { 0 };
	struct channel_piece piece;
	struct stream s = { &piece, 0 };
	size_t n;

	if (ok) {
		buf_adds(&text, "{\"ok\":true}");
	} else {
		buf_adds(&text, "{\"ok\":false,\"error\":\"denied\",\"why\":");
		json_add_string(&text, c->why, strlen(c->why));
		buf_addc(&text, '}');
	}
	piece.p = text.p;
	piece.n = text.len;
	n = channel_sealed(text.len);
	frame_seal(
	    c, TYPE_HS4, 0, &s, text.len, (unsigned char *)buf_room(out, n));
	out->len += n;
	buf_fini(&text);
}

static enum channel_result
broker_answer(struct channel *c, const unsigned char *p, size_t n, int64_t now,
    struct buf *out, const char **why)
{
	struct buf payload = { 0 };
	int ok;

	if (handshake_read(c, TYPE_HS3, p, n, &payload) != 0) {
		buf_fini(&payload);
		return deny_because(c, why,
		    "handshake forged, or of another "
		    "network or pre-shared key");
	}
	ok = peer_verify(c, &payload, now) == 0;
	buf_fini(&payload);
	established(c, now);
	broker_last(c, ok, out);
	if (!ok)
		return deny(c, why);
	c->stage = STAGE_OPEN;
	return CHANNEL_OPEN;
}

static enum channel_result
client_answer(struct channel *c, const unsigned char *p, size_t n, int64_t now,
    struct buf *out, const char **why)
{
	struct buf payload = { 0 };
	int bad;

	if (handshake_read(c, TYPE_HS2, p, n, &payload) != 0) {
		buf_fini(&payload);
		return deny_because(c, why,
		    "the broker is of another network "
		    "or pre-shared key");
	}
	bad = peer_verify(c, &payload, now) != 0;
	buf_clear(&payload);
	payload_write(c, now, &payload);
	if (!bad && handshake_write(c, TYPE_HS3, &payload, out) != 0) {
		snprintf(c->why, sizeof c->why, "malformed handshake");
		bad = 1;
	}
	buf_fini(&payload);
	if (bad)
		return deny(c, why);
	established(c, now);
	c->stage = STAGE_LAST;
	return CHANNEL_SEND;
}

/* Does the broker's last word let us in?  Else c->why. */
static int
welcomed(struct channel *c, const char *p, size_t n)
{
	struct json_value object, value;
	struct buf text = { 0 };
	const char *why;

	snprintf(c->why, sizeof c->why, "the broker refuses");
	if (json_check(p, n, &why) != JSON_OBJECT)
		return 0;
	object = json_value(p, n);
	if (json_get(&object, "ok", &value) && value.kind == JSON_TRUE)
		return 1;
	if (json_get(&object, "why", &value) && value.kind == JSON_STRING) {
		json_text(&value, &text);
		snprintf(c->why, sizeof c->why, "the broker refuses: %s",
		    buf_cstr(&text));
		buf_fini(&text);
	}
	return 0;
}

static enum channel_result
client_last(
    struct channel *c, const unsigned char *p, size_t n, const char **why)
{
	unsigned char text[HANDSHAKE_MAX];
	uint64_t request = 0;
	int64_t got = -1;

	if (n <= sizeof text)
		got = frame_open(c, TYPE_HS4, p, n, &request, text);
	if (got < 0 || request != 0)
		return deny_because(c, why, "the broker's answer is forged");
	if (!welcomed(c, (char *)text, (size_t)got))
		return deny(c, why);
	c->stage = STAGE_OPEN;
	return CHANNEL_OPEN;
}

void
channel_start(struct channel *c, struct buf *out)
{
	static const struct buf nothing;

	if (c->stage == STAGE_FIRST && c->side == NOISE_INITIATOR &&
	    handshake_write(c, TYPE_HS1, &nothing, out) == 0)
		c->stage = STAGE_ANSWER;
	else
		c->stage = STAGE_DEAD;
}

enum channel_result
channel_step(struct channel *c, const void *p, size_t n, int64_t now,
    struct buf *out, const char **why)
{
	int broker = c->side == NOISE_RESPONDER;

	if (c->stage == STAGE_FIRST && broker)
		return broker_first(c, p, n, now, out, why);
	if (c->stage == STAGE_ANSWER && broker)
		return broker_answer(c, p, n, now, out, why);
	if (c->stage == STAGE_ANSWER)
		return client_answer(c, p, n, now, out, why);
	if (c->stage == STAGE_LAST)
		return client_last(c, p, n, why);
	return deny_because(c, why, "no handshake is due");
}

const struct cert *
channel_peer(const struct channel *c)
{
	return c->peer;
}

int64_t
channel_expires(const struct channel *c)
{
	return c->expires;
}

#include "grid/traffic.h"

#include <stdlib.h>
#include <string.h>

#include "base/deflate.h"
#include "base/die.h"
#include "base/mix.h"
#include "bus/mark.h"
#include "bus/sp.h"
#include "bus/wire.h"
#include "event/event.h"
#include "trust/batch.h"
#include "trust/channel.h"
#include "trust/jws.h"

enum {
	TOPICS_MAX = 1 << 22,
	REQUEST_ID = 4 /* of a request, whose path has no hops */
};

/* Of whom events are that do not say it; names as long as real ones. */
static const char subject[] = "meter-0001";
static const char kid[KEY_ID + 1] =
    "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
static const int64_t epoch = 1700000000;

enum form {
	EVENT_PLAIN,
	EVENT_SIGNED,
	ONE_PLAIN,
	ONE_SIGNED,
	MANY_PLAIN,
	MANY_SIGNED,
	MANY_SEALED,
	DEFLATED_PLAIN,
	DEFLATED_SIGNED,
	DEFLATED_SEALED
};

static const char *const names[TRAFFIC_FORMS] = {
	[EVENT_PLAIN] = "event",
	[EVENT_SIGNED] = "event+sig",
	[ONE_PLAIN] = "message",
	[ONE_SIGNED] = "message+sig",
	[MANY_PLAIN] = "batch",
	[MANY_SIGNED] = "batch+sig",
	[MANY_SEALED] = "batch+seal",
	[DEFLATED_PLAIN] = "batch+gzip",
	[DEFLATED_SIGNED] = "batch+sig+gzip",
	[DEFLATED_SEALED] = "batch+seal+gzip",
};

struct topic {
	uint64_t hash; /* 0 is free */
	int64_t first, last;
};

/* Lines on their way into frames, with what full frames took. */
struct filling {
	struct buf lines;
	int64_t n;
	uint64_t bytes, deflated, events, frames;
};

struct traffic {
	int64_t batch;
	struct filling plain, signed_, sealed;
	uint64_t alone[4]; /* bytes of the first four forms */
	uint64_t events;
	int64_t first, last; /* of t */
	struct topic *topic; /* open addressing */
	size_t topics, room;
	unsigned __int128 spans; /* of all topics */
	uint64_t repeated;	 /* events that were not a topic's first */
	struct jws_signer signer;
	struct key key;
	struct buf line, other, message;
};

struct traffic *
traffic_new(int64_t batch)
{
	struct traffic *t = xcalloc(1, sizeof *t);

	t->batch = batch;
	memcpy(t->key.public.kid, kid, sizeof kid);
	jws_signer_init(&t->signer, &t->key, "sg-event");
	return t;
}

void
traffic_free(struct traffic *t)
{
	if (t == NULL)
		return;
	jws_signer_fini(&t->signer);
	buf_fini(&t->plain.lines);
	buf_fini(&t->signed_.lines);
	buf_fini(&t->sealed.lines);
	buf_fini(&t->line);
	buf_fini(&t->other);
	buf_fini(&t->message);
	free(t->topic);
	free(t);
}

/* Topics */

static uint64_t
hash(const char *p, size_t n)
{
	uint64_t h = n;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)p[i]) * 0x100000001b3u;
	h = mix64(h, 0);
	return h == 0 ? 1 : h;
}

static struct topic *
find_topic(struct topic *topic, size_t room, uint64_t h)
{
	size_t i = h & (room - 1);

	while (topic[i].hash != 0 && topic[i].hash != h)
		i = (i + 1) & (room - 1);
	return &topic[i];
}

static void
grow_topics(struct traffic *t)
{
	size_t room = t->room > 0 ? 2 * t->room : 64;
	struct topic *grown = xcalloc(room, sizeof *grown);

	for (size_t i = 0; i < t->room; i++)
		if (t->topic[i].hash != 0)
			*find_topic(grown, room, t->topic[i].hash) =
			    t->topic[i];
	free(t->topic);
	t->topic = grown;
	t->room = room;
}

/* Times of one topic reach further than before. */
static void
stretch(struct traffic *t, struct topic *topic, int64_t at)
{
	if (at < topic->first) {
		t->spans += (uint64_t)topic->first - (uint64_t)at;
		topic->first = at;
	} else if (at > topic->last) {
		t->spans += (uint64_t)at - (uint64_t)topic->last;
		topic->last = at;
	}
	t->repeated++;
}

static void
count_topic(struct traffic *t, const struct event *e, int64_t at)
{
	char space[256];
	size_t n;
	const char *p = event_topic(e, space, &n);
	uint64_t h = hash(p, n);
	struct topic *topic;

	if (2 * t->topics >= t->room)
		grow_topics(t);
	topic = find_topic(t->topic, t->room, h);
	if (topic->hash == h) {
		stretch(t, topic, at);
	} else if (t->topics < TOPICS_MAX) {
		*topic = (struct topic){ h, at, at };
		t->topics++;
	}
}

/* Frames */

/* A message of these lines on the wire, of a publisher somewhere within. */
static uint64_t
wire_bytes(size_t body)
{
	uint8_t head[SP_HEAD_MAX];
	const uint8_t path[REQUEST_ID] = { 0x80 };
	size_t sealed = body + channel_overhead(body);

	return sp_head(head, SP_TCP, path, sizeof path, sealed) + sealed;
}

static void
make_message(struct traffic *t, const char *lines, size_t n, uint64_t first,
    uint64_t events)
{
	buf_clear(&t->message);
	wire_pub(&t->message, subject, mix64(1, 0), first, events,
	    first > 1 ? first - 1 : 0);
	buf_add(&t->message, lines, n);
}

static void
close_frame(struct traffic *t, struct filling *f)
{
	make_message(
	    t, f->lines.p, f->lines.len, f->events + 1, (uint64_t)f->n);
	f->bytes += wire_bytes(t->message.len);
	f->deflated += wire_bytes(deflate_length(t->message.p, t->message.len));
	f->events += (uint64_t)f->n;
	f->frames++;
	f->n = 0;
	buf_clear(&f->lines);
}

static void
put_line(struct traffic *t, struct filling *f, const struct buf *line)
{
	buf_add(&f->lines, line->p, line->len);
	buf_addc(&f->lines, '\n');
	f->n++;
	if (f != &t->sealed && (f->n == t->batch || f->lines.len >= WIRE_FILL))
		close_frame(t, f);
}

static uint64_t
message_of_one(struct traffic *t, const struct buf *line)
{
	make_message(t, line->p, line->len, t->events + 1, 1);
	return wire_bytes(t->message.len + 1);
}

/* Signatures */

/* As long as one, and as random. */
static void
add_signature(struct traffic *t, struct buf *b, uint64_t seed)
{
	uint64_t random[KEY_SIGNATURE / sizeof(uint64_t)];

	for (size_t i = 0; i < KEY_SIGNATURE / sizeof(uint64_t); i++)
		random[i] = mix64(seed, i);
	b->len--; /* the brace */
	buf_addf(b, ",\"kid\":\"%s\",\"sig\":\"", kid);
	buf_add(b, t->signer.head.p, t->signer.head.len);
	buf_adds(b, "..");
	key_b64(b, random, sizeof random);
	buf_adds(b, "\"}");
}

/* The seal of the last n lines. */
static void
put_seal(struct traffic *t, int64_t n)
{
	static struct batch_seal seal;
	static unsigned char leaf[BATCH_MAX][TREE_HASH];
	struct buf line = { 0 };

	for (int64_t i = 0; i < n; i++)
		for (size_t k = 0; k < TREE_HASH; k += sizeof(uint64_t)) {
			uint64_t v = mix64(t->events + (uint64_t)i, k);

			memcpy(leaf[i] + k, &v, sizeof v);
		}
	seal.ep = epoch;
	seal.first = (int64_t)t->events + 2 - n;
	seal.has_prev = 1;
	memcpy(seal.prev, leaf[0], TREE_HASH);
	batch_make(&seal, (const unsigned char(*)[TREE_HASH])leaf, (size_t)n);
	batch_seal_add(&line, &seal, subject, t->last);
	add_signature(t, &line, t->events);
	buf_add(&t->sealed.lines, line.p, line.len);
	buf_addc(&t->sealed.lines, '\n');
	buf_fini(&line);
}

static void
close_sealed(struct traffic *t)
{
	int64_t open = t->sealed.n % BATCH_MAX;

	if (open > 0)
		put_seal(t, open);
	close_frame(t, &t->sealed);
}

static void
put_sealed(struct traffic *t, const struct buf *line)
{
	struct filling *f = &t->sealed;

	put_line(t, f, line);
	if (f->n % BATCH_MAX == 0)
		put_seal(t, BATCH_MAX);
	if (f->n == t->batch || f->lines.len >= WIRE_FILL)
		close_sealed(t);
}

/* Lines */

/* Until no such member is left: the line is in t->line. */
static int
strip(struct traffic *t, struct event *e, enum event_member m, const char **why)
{
	struct buf swap;

	if (!event_has(e, m))
		return 0;
	event_without(e, m, &t->other);
	swap = t->line;
	t->line = t->other;
	t->other = swap;
	return event_scan(e, t->line.p, t->line.len, why);
}

/* White space behind the object is none of it. */
static void
trim(struct buf *line)
{
	while (line->len > 0 && line->p[line->len - 1] != '}')
		line->len--;
}

static void
add_identity(struct traffic *t, const struct event *e)
{
	t->line.len--;
	if (!event_has(e, EVENT_SRC))
		buf_addf(&t->line, ",\"src\":\"%s\"", subject);
	if (!event_has(e, EVENT_EP))
		buf_addf(&t->line, ",\"ep\":%lld", (long long)epoch);
	if (!event_has(e, EVENT_SEQ))
		buf_addf(&t->line, ",\"seq\":%llu",
		    (unsigned long long)t->events + 1);
	buf_addc(&t->line, '}');
}

static void
count_time(struct traffic *t, const struct event *e)
{
	int64_t at = 0;

	event_time(e, &at);
	if (t->events == 0 || at < t->first)
		t->first = at;
	if (t->events == 0 || at > t->last)
		t->last = at;
	count_topic(t, e, at);
}

static void
count_plain(struct traffic *t)
{
	t->alone[EVENT_PLAIN] += t->line.len;
	t->alone[ONE_PLAIN] += message_of_one(t, &t->line);
	put_line(t, &t->plain, &t->line);
}

static void
count_signed(struct traffic *t)
{
	t->alone[EVENT_SIGNED] += t->line.len;
	t->alone[ONE_SIGNED] += message_of_one(t, &t->line);
	put_line(t, &t->signed_, &t->line);
}

int
traffic_add(struct traffic *t, const char *line, size_t n, const char **why)
{
	struct event e;
	int was_signed;

	buf_clear(&t->line);
	buf_add(&t->line, line, n);
	if (event_scan(&e, t->line.p, n, why) < 0 ||
	    event_complete(&e, why) < 0)
		return -1;
	if (mark_is(&e))
		return 0;
	was_signed = event_has(&e, EVENT_SIG);
	count_time(t, &e);
	if (was_signed) {
		count_signed(t);
		if (strip(t, &e, EVENT_SIG, why) < 0 ||
		    strip(t, &e, EVENT_KID, why) < 0)
			return -1;
	}
	trim(&t->line);
	count_plain(t);
	add_identity(t, &e);
	put_sealed(t, &t->line);
	if (!was_signed) {
		add_signature(t, &t->line, t->events);
		count_signed(t);
	}
	t->events++;
	return 0;
}

/* What was not full counts if nothing was. */
static void
end_filling(struct traffic *t, struct filling *f)
{
	if (f->frames > 0 || f->n == 0)
		return;
	if (f == &t->sealed)
		close_sealed(t);
	else
		close_frame(t, f);
}

void
traffic_end(struct traffic *t, struct traffic_form form[TRAFFIC_FORMS])
{
	struct filling *many[] = { &t->plain, &t->signed_, &t->sealed };

	for (int i = 0; i < MANY_PLAIN; i++)
		form[i] = (struct traffic_form){ names[i], t->alone[i],
			t->events, t->events };
	for (int i = 0; i < 3; i++) {
		struct filling *f = many[i];

		end_filling(t, f);
		form[MANY_PLAIN + i] =
		    (struct traffic_form){ names[MANY_PLAIN + i], f->bytes,
			    f->events, f->frames };
		form[DEFLATED_PLAIN + i] =
		    (struct traffic_form){ names[DEFLATED_PLAIN + i],
			    f->deflated, f->events, f->frames };
	}
}

uint64_t
traffic_events(const struct traffic *t)
{
	return t->events;
}

uint64_t
traffic_topics(const struct traffic *t)
{
	return t->topics;
}

int64_t
traffic_span(const struct traffic *t)
{
	int64_t span;

	return __builtin_sub_overflow(t->last, t->first, &span) ? INT64_MAX
								: span;
}

int64_t
traffic_interval(const struct traffic *t)
{
	if (t->repeated == 0)
		return 0;
	return ratio_half_up(ratio_of(t->spans, t->repeated));
}

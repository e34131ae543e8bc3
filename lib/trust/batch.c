#include "trust/batch.h"

#include <string.h>

#include "base/base64.h"
#include "base/date.h"
#include "base/num.h"
#include "event/json.h"
#include "event/topic.h"
#include "trust/sha256.h"

static const struct {
	const char *lead;
	size_t n;
} topics[] = {
	[BATCH_SEAL] = { "STATUS/SEAL/", 12 },
	[BATCH_PROOF] = { "STATUS/PROOF/", 13 },
};

int
batch_topic(const char *topic, size_t n, enum batch_kind kind)
{
	return n > topics[kind].n &&
	    memcmp(topic, topics[kind].lead, topics[kind].n) == 0;
}

void
batch_make(
    struct batch_seal *seal, const unsigned char (*leaf)[TREE_HASH], size_t n)
{
	seal->n = (int64_t)n;
	seal->has_hint = n > 0;
	for (size_t i = 0; i < n; i++)
		memcpy(seal->hint[i], leaf[i], BATCH_HINT);
	tree_root(leaf, n, seal->root);
}

static void
add_number(struct buf *b, const char *name, int64_t n)
{
	buf_addf(b, "\"%s\":", name);
	buf_addi(b, n);
}

static void
add_bytes(struct buf *b, const char *name, const void *p, size_t n)
{
	buf_addf(b, ",\"%s\":\"", name);
	base64_add(b, BASE64_URL, p, n);
	buf_addc(b, '"');
}

static void
add_head(struct buf *b, enum batch_kind kind, const char *src, int64_t t)
{
	buf_adds(b, "{\"topic\":\"");
	buf_adds(b, topics[kind].lead);
	buf_adds(b, src);
	buf_adds(b, "\",\"t\":");
	num_add_micros(b, t);
	buf_adds(b, ",\"d\":{");
}

static void
add_tail(struct buf *b, const char *src)
{
	buf_adds(b, "},\"src\":\"");
	buf_adds(b, src);
	buf_adds(b, "\"}");
}

void
batch_seal_add(
    struct buf *b, const struct batch_seal *seal, const char *src, int64_t t)
{
	add_head(b, BATCH_SEAL, src, t);
	add_number(b, "ep", seal->ep);
	buf_addc(b, ',');
	add_number(b, "first", seal->first);
	buf_addc(b, ',');
	add_number(b, "n", seal->n);
	add_bytes(b, "root", seal->root, sizeof seal->root);
	if (seal->has_prev)
		add_bytes(b, "prev", seal->prev, sizeof seal->prev);
	if (seal->every > 0) {
		buf_adds(b, ",\"every\":");
		num_add_micros(b, seal->every);
	}
	if (seal->has_hint)
		add_bytes(b, "hint", seal->hint, (size_t)seal->n * BATCH_HINT);
	add_tail(b, src);
}

int
batch_seal_id(struct canon *c, const char *p, size_t n,
    unsigned char id[TREE_HASH], const char **why)
{
	if (canon_event(c, p, n, why) < 0)
		return -1;
	sha256(c->out.p, c->out.len, id);
	return 0;
}

static int
take_number(const struct json_value *d, const char *name, int64_t min,
    int64_t max, int64_t *out)
{
	struct json_value v;

	return json_get(d, name, &v) && v.kind == JSON_NUMBER &&
		num_uint(v.p, v.n, out) == 0 && *out >= min && *out <= max
	    ? 0
	    : -1;
}

/* Exactly n bytes. */
static int
take_bytes(const struct json_value *v, void *out, size_t n)
{
	return v->kind == JSON_STRING && !v->escaped &&
		base64_parse(out, n, BASE64_URL, v->p, v->n) == (long)n
	    ? 0
	    : -1;
}

static int
has_bytes(const struct json_value *d, const char *name, void *out, size_t n)
{
	struct json_value v;

	if (!json_get(d, name, &v))
		return 0;
	return take_bytes(&v, out, n) == 0 ? 1 : -1;
}

/* NULL with the member d, or what is wrong; src has to be what it is about. */
static const char *
read_body(const struct event *e, enum batch_kind kind, struct json_value *d)
{
	char space[TOPIC_MAX + 1];
	struct buf src = { 0 };
	const char *topic;
	size_t n;
	int same;

	if (!event_has(e, EVENT_TOPIC) || !event_has(e, EVENT_D) ||
	    !event_has(e, EVENT_SRC))
		return "topic, d or src is missing";
	topic = event_topic(e, space, &n);
	if (!batch_topic(topic, n, kind))
		return "another topic";
	event_string(e, EVENT_SRC, &src);
	same = src.len == n - topics[kind].n &&
	    memcmp(src.p, topic + topics[kind].n, src.len) == 0;
	buf_fini(&src);
	if (!same)
		return "its topic is not its source's";
	*d = json_value(e->line + e->at[EVENT_D], e->len[EVENT_D]);
	return NULL;
}

static const char *
read_every(const struct json_value *d, int64_t *out)
{
	struct json_value v;

	*out = 0;
	if (!json_get(d, "every", &v))
		return NULL;
	if (v.kind == JSON_NUMBER && num_micros(v.p, v.n, out) == 0 && *out > 0)
		return NULL;
	return "every: not a number above 0";
}

/* An empty tree has one root only. */
static const char *
read_hashes(struct batch_seal *seal, const struct json_value *d)
{
	unsigned char empty[TREE_HASH];

	if (has_bytes(d, "root", seal->root, sizeof seal->root) != 1)
		return "root: not 32 bytes";
	seal->has_prev = has_bytes(d, "prev", seal->prev, sizeof seal->prev);
	if (seal->has_prev < 0)
		return "prev: not 32 bytes";
	seal->has_hint =
	    has_bytes(d, "hint", seal->hint, (size_t)seal->n * BATCH_HINT);
	if (seal->has_hint < 0)
		return "hint: not 4 bytes for each event";
	tree_root(NULL, 0, empty);
	if (seal->n == 0 && memcmp(seal->root, empty, sizeof empty) != 0)
		return "root: not that of no events";
	return NULL;
}

int
batch_seal_read(
    struct batch_seal *seal, const struct event *e, const char **why)
{
	const int64_t top = INT64_MAX - BATCH_MAX;
	struct json_value d;

	*why = read_body(e, BATCH_SEAL, &d);
	if (*why != NULL)
		return -1;
	if (take_number(&d, "ep", 1, top, &seal->ep) < 0)
		*why = "ep: not a whole number above 0";
	else if (take_number(&d, "first", 1, top, &seal->first) < 0)
		*why = "first: not a whole number above 0";
	else if (take_number(&d, "n", 0, BATCH_MAX, &seal->n) < 0)
		*why = "n: not a whole number up to 1024";
	else
		*why = read_hashes(seal, &d);
	if (*why == NULL)
		*why = read_every(&d, &seal->every);
	return *why == NULL ? 0 : -1;
}

void
batch_proof_add(
    struct buf *b, const struct batch_proof *proof, const char *src, int64_t t)
{
	add_head(b, BATCH_PROOF, src, t);
	add_number(b, "ep", proof->ep);
	buf_addc(b, ',');
	add_number(b, "seq", proof->seq);
	buf_adds(b, ",\"path\":[");
	for (size_t i = 0; i < proof->hashes; i++) {
		buf_adds(b, i > 0 ? ",\"" : "\"");
		base64_add(b, BASE64_URL, proof->path[i], TREE_HASH);
		buf_addc(b, '"');
	}
	buf_adds(b, "],\"seal\":");
	buf_add(b, proof->seal, proof->seal_n);
	add_tail(b, src);
}

static const char *
read_path(struct batch_proof *proof, const struct json_value *d)
{
	struct json_value path, none, v;
	struct json_walk walk;

	if (!json_get(d, "path", &path) || path.kind != JSON_ARRAY)
		return "path: missing";
	json_walk(&walk, &path);
	for (proof->hashes = 0; json_next(&walk, &none, &v); proof->hashes++)
		if (proof->hashes == TREE_PROOF_MAX ||
		    take_bytes(&v, proof->path[proof->hashes], TREE_HASH) < 0)
			return "path: not hashes of 32 bytes";
	return NULL;
}

int
batch_proof_read(
    struct batch_proof *proof, const struct event *e, const char **why)
{
	struct json_value d, seal;

	*why = read_body(e, BATCH_PROOF, &d);
	if (*why != NULL)
		return -1;
	if (take_number(&d, "ep", 1, INT64_MAX, &proof->ep) < 0)
		*why = "ep: not a whole number above 0";
	else if (take_number(&d, "seq", 1, INT64_MAX, &proof->seq) < 0)
		*why = "seq: not a whole number above 0";
	else if (!json_get(&d, "seal", &seal) || seal.kind != JSON_OBJECT)
		*why = "seal: missing";
	else
		*why = read_path(proof, &d);
	if (*why != NULL)
		return -1;
	proof->seal = seal.p;
	proof->seal_n = seal.n;
	return 0;
}

int
batch_proves(const struct batch_proof *proof, const struct batch_seal *seal,
    const unsigned char leaf[TREE_HASH])
{
	if (proof->ep != seal->ep || proof->seq < seal->first ||
	    proof->seq - seal->first >= seal->n)
		return 0;
	return tree_included((uint64_t)(proof->seq - seal->first),
	    (uint64_t)seal->n, leaf,
	    (const unsigned char(*)[TREE_HASH])proof->path, proof->hashes,
	    seal->root);
}

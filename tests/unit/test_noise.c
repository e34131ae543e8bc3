/*
 * Every published vector of our suite, from both sides, and what a handshake
 * has to refuse.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "event/json.h"
#include "trust/noise.h"

enum { MESSAGES_MAX = 8, PSKS_MAX = 5 };

static const char suite[] = "_25519_ChaChaPoly_SHA256";
static const char xx[] = "Noise_XX_25519_ChaChaPoly_SHA256";

struct vector {
	char id[32], protocol[96];
	struct buf prologue[2], s[2], e[2], rs[2], hash;
	unsigned char psk[2][PSKS_MAX][NOISE_KEY];
	size_t npsk[2];
	struct buf payload[MESSAGES_MAX], message[MESSAGES_MAX];
	size_t messages, handshake; /* of all messages, those before split */
};

/* A file called name among the published vectors, as one buffer. */
static int
vectors_read(const char *name, struct buf *out)
{
	const char *dir = getenv("SG_TEST_DATA");
	char path[4096];
	size_t n;
	FILE *f;

	snprintf(path, sizeof path, "%s/vectors/%s",
	    dir != NULL ? dir : "../shared/data", name);
	f = fopen(path, "r");
	if (f == NULL) {
		check(0, "%s: %m", path);
		return -1;
	}
	while ((n = fread(buf_room(out, 65536), 1, 65536, f)) > 0)
		out->len += n;
	fclose(f);
	return 0;
}

static void
hex_add(struct buf *b, const struct json_value *v)
{
	size_t n = 0;

	if (sodium_hex2bin((unsigned char *)buf_room(b, v->n / 2 + 1), v->n,
		v->p, v->n, NULL, &n, NULL) != 0)
		check(0, "not hexadecimal: %.*s", (int)v->n, v->p);
	b->len += n;
}

static void
member(const struct json_value *line, const char *name, struct buf *b)
{
	struct json_value v;

	if (json_get(line, name, &v))
		hex_add(b, &v);
}

static void
member_text(
    const struct json_value *line, const char *name, char *out, size_t size)
{
	struct json_value v = { JSON_NONE };

	if (json_get(line, name, &v))
		snprintf(out, size, "%.*s", (int)v.n, v.p);
}

static void
psks_parse(struct vector *v, int side, const struct json_value *line)
{
	struct json_value list, name, value;
	struct json_walk walk;
	struct buf b = { 0 };

	if (!json_get(line, side == 0 ? "init_psks" : "resp_psks", &list))
		return;
	json_walk(&walk, &list);
	while (json_next(&walk, &name, &value)) {
		buf_clear(&b);
		hex_add(&b, &value);
		if (b.len == NOISE_KEY && v->npsk[side] < PSKS_MAX)
			memcpy(v->psk[side][v->npsk[side]++], b.p, NOISE_KEY);
		else
			check(0, "%s: a psk of %zu bytes", v->id, b.len);
	}
	buf_fini(&b);
}

static void
vector_parse(struct vector *v, const struct json_value *line)
{
	struct json_value list = { JSON_NONE }, name, value;
	struct json_walk walk;

	memset(v, 0, sizeof *v);
	member_text(line, "id", v->id, sizeof v->id);
	member_text(line, "protocol_name", v->protocol, sizeof v->protocol);
	member(line, "init_prologue", &v->prologue[0]);
	member(line, "resp_prologue", &v->prologue[1]);
	member(line, "init_static", &v->s[0]);
	member(line, "resp_static", &v->s[1]);
	member(line, "init_ephemeral", &v->e[0]);
	member(line, "resp_ephemeral", &v->e[1]);
	member(line, "init_remote_static", &v->rs[0]);
	member(line, "resp_remote_static", &v->rs[1]);
	member(line, "handshake_hash", &v->hash);
	psks_parse(v, 0, line);
	psks_parse(v, 1, line);
	json_get(line, "messages", &list);
	json_walk(&walk, &list);
	while (v->messages < MESSAGES_MAX && json_next(&walk, &name, &value)) {
		member(&value, "payload", &v->payload[v->messages]);
		member(&value, "ciphertext", &v->message[v->messages]);
		v->messages++;
	}
}

static void
vector_fini(struct vector *v)
{
	for (int i = 0; i < 2; i++) {
		buf_fini(&v->prologue[i]);
		buf_fini(&v->s[i]);
		buf_fini(&v->e[i]);
		buf_fini(&v->rs[i]);
	}
	buf_fini(&v->hash);
	for (size_t i = 0; i < v->messages; i++) {
		buf_fini(&v->payload[i]);
		buf_fini(&v->message[i]);
	}
}

static struct noise *
vector_side(const struct vector *v, enum noise_side side)
{
	struct noise_keys keys = {
		.s = (const unsigned char *)v->s[side].p,
		.rs = (const unsigned char *)v->rs[side].p,
		.e = (const unsigned char *)v->e[side].p,
		.psk = v->psk[side],
		.npsk = v->npsk[side],
	};

	return noise_new(v->protocol, side, v->prologue[side].p,
	    v->prologue[side].len, &keys);
}

static int
same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len &&
	    (a->len == 0 || memcmp(a->p, b->p, a->len) == 0);
}

/* Whose turn is message i? */
static int
sender(const struct vector *v, size_t i)
{
	int one_way = strchr("NKX", v->protocol[6]) != NULL &&
	    strchr("_p", v->protocol[7]) != NULL;

	return one_way ? 0 : (int)(i % 2);
}

/* The handshake's messages of a vector: 1 if both sides agree with it. */
static int
run_handshake(struct vector *v, struct noise **side)
{
	struct buf out = { 0 }, in = { 0 };
	int ok = 1;

	for (v->handshake = 0;
	     ok && v->handshake < v->messages && !noise_done(side[0]);
	     v->handshake++) {
		size_t i = v->handshake;
		struct noise *from = side[sender(v, i)];
		struct noise *to = side[!sender(v, i)];

		buf_clear(&out);
		buf_clear(&in);
		ok = noise_write(
			 from, v->payload[i].p, v->payload[i].len, &out) == 0 &&
		    same(&out, &v->message[i]) &&
		    noise_read(to, out.p, out.len, &in) == 0 &&
		    same(&in, &v->payload[i]);
	}
	buf_fini(&out);
	buf_fini(&in);
	return ok && noise_done(side[0]) && noise_done(side[1]);
}

static int
transport(struct noise_cipher *from, struct noise_cipher *to,
    const struct buf *payload, const struct buf *want)
{
	struct buf out = { 0 }, in = { 0 };
	size_t n = payload->len + NOISE_TAG;
	int ok;

	noise_encrypt(from->key, from->nonce++, NULL, 0, payload->p,
	    payload->len, buf_room(&out, n));
	out.len = n;
	ok = same(&out, want) &&
	    noise_decrypt(to->key, to->nonce++, NULL, 0, out.p, out.len,
		buf_room(&in, n)) == 0;
	in.len = payload->len;
	ok = ok && same(&in, payload);
	buf_fini(&out);
	buf_fini(&in);
	return ok;
}

static void
check_peers(const struct vector *v, struct noise **side)
{
	for (int i = 0; i < 2; i++) {
		const unsigned char *peer = noise_peer(side[i]);
		unsigned char public[NOISE_KEY];

		if (peer == NULL)
			continue;
		crypto_scalarmult_base(
		    public, (const unsigned char *)v->s[!i].p);
		check(memcmp(peer, public, NOISE_KEY) == 0,
		    "%s: another static key of the peer", v->id);
	}
}

static void
check_vector(struct vector *v)
{
	struct noise *side[2] = { vector_side(v, NOISE_INITIATOR),
		vector_side(v, NOISE_RESPONDER) };
	struct noise_cipher send[2], receive[2];
	int ok = side[0] != NULL && side[1] != NULL && run_handshake(v, side);

	check(ok, "%s %s: handshake", v->id, v->protocol);
	if (ok) {
		check_peers(v, side);
		for (int i = 0; i < 2; i++) {
			if (v->hash.len > 0)
				check(memcmp(noise_hash(side[i]), v->hash.p,
					  NOISE_HASH) == 0,
				    "%s: handshake hash", v->id);
			noise_split(side[i], &send[i], &receive[i]);
		}
		check(v->messages > v->handshake, "%s: no transport", v->id);
		for (size_t i = v->handshake; i < v->messages; i++) {
			int from = sender(v, i);

			check(transport(&send[from], &receive[!from],
				  &v->payload[i], &v->message[i]),
			    "%s %s: message %zu", v->id, v->protocol, i);
		}
	}
	noise_free(side[0]);
	noise_free(side[1]);
}

/* The handshake with one bit of message m flipped: 1 if that is noticed. */
static int
noticed(const struct vector *v, size_t m, size_t bit)
{
	struct noise *side[2] = { vector_side(v, NOISE_INITIATOR),
		vector_side(v, NOISE_RESPONDER) };
	struct buf out = { 0 }, in = { 0 };
	int bad = 0;

	for (size_t i = 0; !bad && i < v->handshake; i++) {
		int from = sender(v, i);

		buf_clear(&out);
		buf_clear(&in);
		bad = noise_write(side[from], v->payload[i].p,
			  v->payload[i].len, &out) != 0;
		if (!bad && i == m)
			out.p[bit / 8] ^= (char)(1 << bit % 8);
		bad = bad || noise_read(side[!from], out.p, out.len, &in) != 0;
		if (bad && !noise_done(side[!from]))
			check(noise_read(side[!from], out.p, out.len, &in) != 0,
			    "%s: goes on after a forged message", v->id);
	}
	noise_free(side[0]);
	noise_free(side[1]);
	buf_fini(&out);
	buf_fini(&in);
	return bad;
}

/*
 * Every bit of the protocols of a session and of one with a known key; a bit
 * of every byte of the others.
 */
static void
check_flips(const struct vector *v)
{
	int all = strcmp(v->protocol, xx) == 0 ||
	    strncmp(v->protocol, "Noise_XXpsk0+psk3_", 18) == 0 ||
	    strncmp(v->protocol, "Noise_IK_", 9) == 0;

	for (size_t m = 0; m < v->handshake; m++)
		for (size_t bit = 0; bit < v->message[m].len * 8;
		     bit += all ? 1 : 9)
			check(noticed(v, m, bit),
			    "%s %s: bit %zu of message %zu is not noticed",
			    v->id, v->protocol, bit, m);
}

/* The handshake with each message cut or extended by a byte. */
static void
check_lengths(const struct vector *v)
{
	for (size_t m = 0; m < v->handshake; m++) {
		struct noise *side[2] = { vector_side(v, NOISE_INITIATOR),
			vector_side(v, NOISE_RESPONDER) };
		struct buf out = { 0 }, in = { 0 };
		int from = sender(v, m);

		for (size_t i = 0; i < m; i++) {
			buf_clear(&out);
			noise_write(side[sender(v, i)], v->payload[i].p,
			    v->payload[i].len, &out);
			noise_read(side[!sender(v, i)], out.p, out.len, &in);
		}
		buf_clear(&out);
		noise_write(
		    side[from], v->payload[m].p, v->payload[m].len, &out);
		check(noise_read(side[!from], out.p,
			  m == 0 ? NOISE_KEY - 1 : out.len - 1, &in) != 0,
		    "%s: message %zu cut", v->id, m);
		noise_free(side[0]);
		noise_free(side[1]);
		buf_fini(&out);
		buf_fini(&in);
	}
}

static void
check_vectors(void)
{
	struct json_value line;
	struct buf all = { 0 };
	struct vector v;
	const char *p, *end, *nl, *why;
	size_t lines = 0, run = 0;

	if (vectors_read("noise_vectors.jsonl", &all) != 0)
		return;
	for (p = all.p, end = p + all.len; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (nl == NULL)
			nl = end;
		lines++;
		if (json_check(p, (size_t)(nl - p), &why) != JSON_OBJECT) {
			check(0, "vector %zu: %s", lines, why);
			continue;
		}
		line = json_value(p, (size_t)(nl - p));
		vector_parse(&v, &line);
		if (strstr(v.protocol, suite) != NULL) {
			run++;
			check_vector(&v);
			check_flips(&v);
			check_lengths(&v);
		} else {
			printf("%s: not our suite: %s\n", v.id, v.protocol);
		}
		vector_fini(&v);
	}
	printf("%zu of %zu published vectors\n", run, lines);
	check(run == 55, "%zu vectors, not 55", run);
	buf_fini(&all);
}

static const char *const unknown[] = {
	"",
	"Noise",
	"Noise_",
	"Noise__25519_ChaChaPoly_SHA256",
	"Noise_XX",
	"Noise_XX_25519_ChaChaPoly_SHA256 ",
	"noise_XX_25519_ChaChaPoly_SHA256",
	"Noise_XX_448_ChaChaPoly_SHA256",
	"Noise_XX_25519_AESGCM_SHA256",
	"Noise_XX_25519_ChaChaPoly_BLAKE2s",
	"Noise_XX_25519_ChaChaPoly_SHA256_x",
	"Noise_XXX_25519_ChaChaPoly_SHA256",
	"Noise_XY_25519_ChaChaPoly_SHA256",
	"Noise_XX2_25519_ChaChaPoly_SHA256",
	"Noise_XXpsk_25519_ChaChaPoly_SHA256",
	"Noise_XXpsk4_25519_ChaChaPoly_SHA256",
	"Noise_XXpsk3+_25519_ChaChaPoly_SHA256",
	"Noise_XXpsk3+psk3_25519_ChaChaPoly_SHA256",
	"Noise_XXpsk3+psk0_25519_ChaChaPoly_SHA256",
	"Noise_XXpsk3psk3_25519_ChaChaPoly_SHA256",
	"Noise_XX+psk3_25519_ChaChaPoly_SHA256",
	"Noise_XXfallback_25519_ChaChaPoly_SHA256",
};

static unsigned char key_a[NOISE_KEY] = { 1 }, key_b[NOISE_KEY] = { 2 };
static unsigned char psks[5][NOISE_KEY] = { { 3 }, { 4 } };

static void
check_names(void)
{
	struct noise_keys keys = { key_a, key_b, NULL, NULL, 0 };

	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
		for (size_t n = 0; n < 3; n++) {
			keys.psk = psks;
			keys.npsk = n;
			check(noise_new(unknown[i], NOISE_INITIATOR, "", 0,
				  &keys) == NULL,
			    "known: \"%s\"", unknown[i]);
		}
}

/* What a side has to bring along. */
static const struct {
	const char *protocol;
	int initiator_s, initiator_rs, responder_s, responder_rs;
	size_t psks;
} needs[] = {
	{ "Noise_NN_25519_ChaChaPoly_SHA256", 0, 0, 0, 0, 0 },
	{ "Noise_N_25519_ChaChaPoly_SHA256", 0, 1, 1, 0, 0 },
	{ "Noise_K_25519_ChaChaPoly_SHA256", 1, 1, 1, 1, 0 },
	{ "Noise_X_25519_ChaChaPoly_SHA256", 1, 1, 1, 0, 0 },
	{ "Noise_NX_25519_ChaChaPoly_SHA256", 0, 0, 1, 0, 0 },
	{ "Noise_XN_25519_ChaChaPoly_SHA256", 1, 0, 0, 0, 0 },
	{ "Noise_XX_25519_ChaChaPoly_SHA256", 1, 0, 1, 0, 0 },
	{ "Noise_XXpsk3_25519_ChaChaPoly_SHA256", 1, 0, 1, 0, 1 },
	{ "Noise_IK_25519_ChaChaPoly_SHA256", 1, 1, 1, 0, 0 },
	{ "Noise_KK_25519_ChaChaPoly_SHA256", 1, 1, 1, 1, 0 },
	{ "Noise_K1X1_25519_ChaChaPoly_SHA256", 1, 0, 1, 1, 0 },
	{ "Noise_I1N_25519_ChaChaPoly_SHA256", 1, 0, 0, 0, 0 },
};

static void
check_needs(void)
{
	for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
		for (unsigned has = 0; has < 16; has++) {
			enum noise_side side = has & 1;
			int s = (has & 2) != 0, rs = (has & 4) != 0;
			size_t n = (has & 8) != 0;
			int want_s =
			    side ? needs[i].responder_s : needs[i].initiator_s;
			int want_rs = side ? needs[i].responder_rs
					   : needs[i].initiator_rs;
			struct noise_keys keys = { s ? key_a : NULL,
				rs ? key_b : NULL, NULL, n ? psks : NULL, n };
			struct noise *noise =
			    noise_new(needs[i].protocol, side, "", 0, &keys);

			check((noise != NULL) ==
				(s >= want_s && rs >= want_rs &&
				    n == needs[i].psks),
			    "%s: side %d with s %d rs %d psks %zu",
			    needs[i].protocol, side, s, rs, n);
			noise_free(noise);
		}
}

static struct noise *
new_xx(enum noise_side side, const unsigned char *e)
{
	struct noise_keys keys = { side == NOISE_INITIATOR ? key_a : key_b,
		NULL, e, NULL, 0 };

	return noise_new(xx, side, "test", 4, &keys);
}

/* Points of small order and their other encodings (Bernstein, 2006). */
static const char *const low_order[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

static void
check_point(const char *name, const unsigned char *point)
{
	struct noise_keys keys = { key_a, point, NULL, NULL, 0 };
	struct noise *client = new_xx(NOISE_INITIATOR, NULL);
	struct noise *broker = new_xx(NOISE_RESPONDER, NULL);
	struct buf out = { 0 }, in = { 0 };

	check(noise_read(broker, point, NOISE_KEY, &in) != 0 ||
		noise_write(broker, "", 0, &out) != 0,
	    "%s: as the initiator's ephemeral", name);
	noise_write(client, "", 0, &out);
	buf_clear(&out);
	buf_add(&out, point, NOISE_KEY);
	memset(buf_room(&out, 64), 0, 64);
	out.len += 64;
	check(noise_read(client, out.p, out.len, &in) != 0,
	    "%s: as the responder's ephemeral", name);
	noise_free(client);
	client = noise_new(
	    "Noise_NK_25519_ChaChaPoly_SHA256", NOISE_INITIATOR, "", 0, &keys);
	check(
	    noise_write(client, "", 0, &out) != 0, "%s: as a static key", name);
	noise_free(client);
	noise_free(broker);
	buf_fini(&out);
	buf_fini(&in);
}

static void
check_points(void)
{
	unsigned char point[NOISE_KEY];

	for (size_t i = 0; i < sizeof low_order / sizeof *low_order; i++) {
		sodium_hex2bin(
		    point, sizeof point, low_order[i], 64, NULL, NULL, NULL);
		check_point(low_order[i], point);
		point[31] |= 0x80;
		check_point(low_order[i], point);
	}
}

/* Both sides up to the message at, which is not written. */
static void
advance(struct noise **side, int at)
{
	struct buf out = { 0 }, in = { 0 };

	side[0] = new_xx(NOISE_INITIATOR, NULL);
	side[1] = new_xx(NOISE_RESPONDER, NULL);
	for (int i = 0; i < at; i++) {
		buf_clear(&out);
		check(noise_write(side[i % 2], "x", 1, &out) == 0 &&
			noise_read(side[!(i % 2)], out.p, out.len, &in) == 0,
		    "message %d", i);
	}
	buf_fini(&out);
	buf_fini(&in);
}

static void
check_sizes(void)
{
	static const size_t grows[] = { 32, 32 + 48 + 16, 48 + 16 };
	static char big[NOISE_MESSAGE_MAX + 1];
	struct noise *side[2];
	struct buf out = { 0 }, in = { 0 };

	for (int at = 0; at < 3; at++) {
		size_t most = NOISE_MESSAGE_MAX - grows[at];

		buf_clear(&out);
		advance(side, at);
		check(noise_write(side[at % 2], big, most + 1, &out) != 0 &&
			out.len == 0,
		    "message %d of 65,536 bytes", at);
		noise_free(side[0]);
		noise_free(side[1]);
		advance(side, at);
		check(noise_write(side[at % 2], big, most, &out) == 0 &&
			out.len == NOISE_MESSAGE_MAX &&
			noise_read(side[!(at % 2)], out.p, out.len, &in) == 0,
		    "message %d of 65,535 bytes", at);
		noise_free(side[0]);
		noise_free(side[1]);
		advance(side, at);
		check(noise_read(side[!(at % 2)], big, sizeof big, &in) != 0,
		    "reads message %d of 65,536 bytes", at);
		noise_free(side[0]);
		noise_free(side[1]);
	}
	buf_fini(&out);
	buf_fini(&in);
}

static void
check_turns(void)
{
	struct buf out = { 0 }, in = { 0 };
	struct noise *side[2];
	static const char zeros[200];

	for (int at = 0; at <= 3; at++) {
		advance(side, at);
		check(noise_done(side[0]) == (at == 3) &&
			noise_done(side[1]) == (at == 3),
		    "done after %d messages", at);
		check(noise_write(side[!(at % 2)], "", 0, &out) != 0,
		    "writes out of turn after %d", at);
		noise_free(side[0]);
		noise_free(side[1]);
		advance(side, at);
		check(noise_read(side[at % 2], zeros, sizeof zeros, &in) != 0,
		    "reads out of turn after %d", at);
		noise_free(side[0]);
		noise_free(side[1]);
	}
	check(out.len == 0 && in.len == 0, "leaves something");
	buf_fini(&out);
	buf_fini(&in);
}

static void
check_ephemerals(void)
{
	struct noise *a = new_xx(NOISE_INITIATOR, NULL);
	struct noise *b = new_xx(NOISE_INITIATOR, NULL);
	struct buf one = { 0 }, two = { 0 };

	noise_write(a, "", 0, &one);
	noise_write(b, "", 0, &two);
	check(one.len == NOISE_KEY && !same(&one, &two), "same ephemeral");
	noise_free(a);
	noise_free(b);
	noise_free(NULL);
	buf_fini(&one);
	buf_fini(&two);
}

static void
check_cipher(void)
{
	static const unsigned char zeros[NOISE_KEY];
	static const unsigned char last[12] = { 0, 0, 0, 0, 255, 255, 255, 255,
		255, 255, 255, 255 };
	unsigned char key[NOISE_KEY] = { 9 }, want[NOISE_KEY];
	char text[100 + NOISE_TAG] = "hello", back[100 + NOISE_TAG];

	noise_encrypt(key, 7, "ad", 2, text, 100, back);
	noise_encrypt(key, 7, "ad", 2, text, 100, text);
	check(memcmp(text, back, sizeof text) == 0, "in place");
	check(noise_decrypt(key, 8, "ad", 2, text, 116, back) != 0, "nonce");
	check(noise_decrypt(key, 7, "aD", 2, text, 116, back) != 0, "ad");
	check(noise_decrypt(key, 7, "ad", 1, text, 116, back) != 0, "ad cut");
	for (size_t n = 0; n < sizeof text; n++)
		check(noise_decrypt(key, 7, "ad", 2, text, n, back) != 0,
		    "cut to %zu", n);
	check(noise_decrypt(key, 7, "ad", 2, text, 116, text) == 0 &&
		strcmp(text, "hello") == 0,
	    "back, in place");
	crypto_stream_chacha20_ietf_xor_ic(
	    want, zeros, sizeof zeros, last, 1, key);
	noise_rekey(key);
	check(memcmp(key, want, sizeof key) == 0, "rekey");
}

int
main(void)
{
	if (sodium_init() < 0)
		return 1;
	check_names();
	check_needs();
	check_points();
	check_sizes();
	check_turns();
	check_ephemerals();
	check_cipher();
	check_vectors();
	return check_done();
}

/*
 * Both ends of a session in one process, with people of a throw-away network,
 * and the frames of their handshake.  The module is compiled in, for its
 * handshakes to be made repeatable and its counters to be set.
 */
#ifndef SG_TEST_SESSION_H
#define SG_TEST_SESSION_H

#include <errno.h>

#include "network.h"
#include "trust/channel.c"
#include "trust/identity.h"

/* session_who(n, id, subject) - That one's identity, or the process ends. */
static inline void
session_who(const struct network *n, struct identity *id, const char *subject)
{
	struct identity_options given = { .pass_fd = -1, .trust = n->dir };
	const char *why = "";
	int status;

	given.key = network_path(n, "keys/", subject, ".key");
	if (identity_open(id, &given, &status, &why) != 1)
		network_die(subject, why);
}

struct session {
	struct channel *client, *broker;
	struct buf hs[4]; /* HS1 ... HS4, as sent */
	enum channel_result client_result, broker_result;
	const char *client_why, *broker_why; /* of a denial */
};

static inline void
session_fini(struct session *s)
{
	channel_free(s->client);
	channel_free(s->broker);
	for (int i = 0; i < 4; i++)
		buf_fini(&s->hs[i]);
	*s = (struct session){ 0 };
}

/* session_shake(s, client's time, broker's) - All frames, till one denies. */
static inline void
session_shake(struct session *s, int64_t client_now, int64_t broker_now)
{
	s->client_why = s->broker_why = "";
	s->client_result = s->broker_result = CHANNEL_SEND;
	channel_start(s->client, &s->hs[0]);
	s->broker_result = channel_step(s->broker, s->hs[0].p, s->hs[0].len,
	    broker_now, &s->hs[1], &s->broker_why);
	if (s->broker_result != CHANNEL_SEND)
		return;
	s->client_result = channel_step(s->client, s->hs[1].p, s->hs[1].len,
	    client_now, &s->hs[2], &s->client_why);
	if (s->client_result != CHANNEL_SEND)
		return;
	s->broker_result = channel_step(s->broker, s->hs[2].p, s->hs[2].len,
	    broker_now, &s->hs[3], &s->broker_why);
	if (s->hs[3].len == 0)
		return;
	s->client_result = channel_step(s->client, s->hs[3].p, s->hs[3].len,
	    client_now, &s->hs[0], &s->client_why);
}

/* session_open(s, client, broker, name, now) - 1 if both are open. */
static inline int
session_open(struct session *s, struct identity *client,
    struct identity *broker, const char *name, int64_t now)
{
	*s = (struct session){ 0 };
	s->client = channel_dial(client, name);
	s->broker = channel_accept(broker);
	session_shake(s, now, now);
	return s->client_result == CHANNEL_OPEN &&
	    s->broker_result == CHANNEL_OPEN;
}

/* Ephemeral secrets of the client and of the broker. */
static const unsigned char session_e[2][NOISE_KEY] = { { 11, 12, 13 },
	{ 21, 22, 23 } };

/*
 * session_fix(c, id, e) - A handshake with that ephemeral secret; protocol and
 * prologue are said here once more, to be sure of them.
 */
static inline void
session_fix(
    struct channel *c, const struct identity *id, const unsigned char *e)
{
	struct noise_keys keys = { .s = id->key->seed_enc, .e = e };
	char prologue[5 + KEY_ID + 1];

	memcpy(prologue, "sg/1", 5);
	memcpy(prologue + 5, keyring_network(id->ring), KEY_ID);
	noise_free(c->noise);
	c->noise = noise_new("Noise_XX_25519_ChaChaPoly_SHA256", c->side,
	    prologue, 5 + KEY_ID, &keys);
}

/* session_fixed(...) - As session_open(), the same each time. */
static inline int
session_fixed(struct session *s, struct identity *client,
    struct identity *broker, const char *name, int64_t now)
{
	*s = (struct session){ 0 };
	s->client = channel_dial(client, name);
	s->broker = channel_accept(broker);
	session_fix(s->client, client, session_e[0]);
	session_fix(s->broker, broker, session_e[1]);
	session_shake(s, now, now);
	return s->client_result == CHANNEL_OPEN &&
	    s->broker_result == CHANNEL_OPEN;
}

#endif

/*
 * Both ends of a session in one process, with people of a throw-away network,
 * and the frames of their handshake.
 */
#ifndef SG_TEST_SESSION_H
#define SG_TEST_SESSION_H

#include "network.h"
#include "trust/channel.h"
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

#endif

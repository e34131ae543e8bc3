#include "trust/sign.h"

#include <string.h>

#include "base/date.h"
#include "base/num.h"
#include "event/json.h"
#include "trust/reason.h"

static const char seal_topic[] = "STATUS/SEAL/";

static const char *const verdict_name[] = {
	[SIGN_BAD] = "bad",
	[SIGN_UNSIGNED] = "unsigned",
	[SIGN_UNKNOWN] = "unknown",
	[SIGN_EXPIRED] = "expired",
	[SIGN_REVOKED] = "revoked",
	[SIGN_DENIED] = "denied",
	[SIGN_GOOD] = "good",
};

void
sign_space_fini(struct sign_space *s)
{
	canon_fini(&s->canon);
	buf_fini(&s->space);
	buf_fini(&s->line);
}

const char *
sign_verdict_name(enum sign_verdict v)
{
	return verdict_name[v];
}

int
sign_moment(const struct event *e, int64_t *at)
{
	int64_t t;

	if ((!event_has(e, EVENT_RT) ||
		num_micros(e->line + e->at[EVENT_RT], e->len[EVENT_RT], &t) <
		    0) &&
	    event_time(e, &t) < 0)
		return -1;
	*at = t / DATE_SECOND - (t % DATE_SECOND < 0);
	return 0;
}

int
sign_line(const struct jws_signer *signer, struct sign_space *s, const char *p,
    size_t n, struct buf *out, const char **why)
{
	const char *close = n == 0 ? NULL : memrchr(p, '}', n);
	struct buf *line = &s->line;

	if (close == NULL) {
		*why = "not a JSON object";
		return -1;
	}
	buf_clear(line);
	buf_add(line, p, (size_t)(close - p));
	buf_adds(line, ",\"kid\":\"");
	buf_add(line, signer->key->public.kid, KEY_ID);
	buf_adds(line, "\"}");
	if (canon_event(&s->canon, line->p, line->len, why) < 0)
		return -1;
	buf_add(out, line->p, line->len - 1);
	buf_adds(out, ",\"sig\":\"");
	jws_sign(signer, out, &s->space, s->canon.out.p, s->canon.out.len);
	buf_adds(out, "\"}");
	return 0;
}

/* The signature's header and the line have to name the same key. */
static const char *
read_signature(const struct event *e, struct sign_space *s, struct jws *j)
{
	char space[TOPIC_MAX + 1];
	const char *topic, *why;
	size_t n, lead = sizeof seal_topic - 1;
	int seal;

	if (!event_has(e, EVENT_TOPIC))
		return "topic: missing";
	topic = event_topic(e, space, &n);
	seal = n > lead && memcmp(topic, seal_topic, lead) == 0;
	buf_clear(&s->line);
	event_string(e, EVENT_SIG, &s->line);
	if (jws_parse(j, s->line.p, s->line.len, seal ? "sg-seal" : "sg-event",
		&why) < 0)
		return why;
	if (!event_has(e, EVENT_KID))
		return "sig without kid";
	buf_clear(&s->space);
	event_string(e, EVENT_KID, &s->space);
	if (s->space.len != KEY_ID || memcmp(s->space.p, j->kid, KEY_ID) != 0)
		return "kid is not that of the signature";
	return NULL;
}

static enum sign_verdict
verdict_of(enum keyring_verdict v)
{
	switch (v) {
	case KEYRING_VALID:
	case KEYRING_STALE: return SIGN_GOOD;
	case KEYRING_REVOKED: return SIGN_REVOKED;
	case KEYRING_EARLY:
	case KEYRING_EXPIRED: return SIGN_EXPIRED;
	case KEYRING_UNKNOWN: break;
	}
	return SIGN_UNKNOWN;
}

enum sign_verdict
sign_permitted(const struct keyring *ring, const struct cert *cert,
    const struct event *e, int64_t at, const char **why)
{
	enum keyring_verdict valid = keyring_judge(ring, cert, at);
	char space[TOPIC_MAX + 1];
	const char *topic, *rule;
	size_t n;

	if (verdict_of(valid) != SIGN_GOOD) {
		*why = keyring_verdict_why(valid);
		return verdict_of(valid);
	}
	topic = event_topic(e, space, &n);
	if (cert_may(cert, CERT_PUB, topic, n, &rule))
		return SIGN_GOOD;
	if (rule != NULL)
		*why = reason("%s may not publish %.*s: deny %s", cert->subject,
		    (int)n, topic, rule);
	else
		*why = reason("no pub pattern of %s covers %.*s", cert->subject,
		    (int)n, topic);
	return SIGN_DENIED;
}

/*
 * The holder of the key whose subject is src, else any: two issuers may have
 * certified one key.
 */
static const struct cert *
find_signer(const struct keyring *ring, const struct event *e,
    struct sign_space *s, const char *kid, int64_t at)
{
	const struct cert *c;

	if (event_has(e, EVENT_SRC)) {
		buf_clear(&s->space);
		event_string(e, EVENT_SRC, &s->space);
		c = keyring_holder(ring, kid, buf_cstr(&s->space), at);
		if (c != NULL)
			return c;
	}
	return keyring_holder(ring, kid, NULL, at);
}

static int
is_source(const struct event *e, const struct cert *c, struct sign_space *s)
{
	buf_clear(&s->space);
	event_string(e, EVENT_SRC, &s->space);
	return strcmp(buf_cstr(&s->space), c->subject) == 0;
}

enum sign_verdict
sign_check(const struct keyring *ring, struct sign_space *s,
    const struct event *e, int64_t at, const struct cert **cert,
    const char **why)
{
	struct jws j;

	*cert = NULL;
	*why = "no sig";
	if (!event_has(e, EVENT_SIG))
		return SIGN_UNSIGNED;
	*why = read_signature(e, s, &j);
	if (*why != NULL)
		return SIGN_BAD;
	*cert = find_signer(ring, e, s, j.kid, at);
	*why = "no certificate of that key";
	if (*cert == NULL)
		return SIGN_UNKNOWN;
	if (canon_event(&s->canon, e->line, e->n, why) < 0)
		return SIGN_BAD;
	*why = "the signature does not fit the line";
	if (!jws_verify(&j, (*cert)->key.sign, s->canon.out.p, s->canon.out.len,
		&s->space))
		return SIGN_BAD;
	*why = "src is missing";
	if (!event_has(e, EVENT_SRC))
		return SIGN_DENIED;
	if (!is_source(e, *cert, s)) {
		*why =
		    reason("src is not %s, whose key signed", (*cert)->subject);
		return SIGN_DENIED;
	}
	return sign_permitted(ring, *cert, e, at, why);
}

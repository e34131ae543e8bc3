#include "trust/judge.h"

#include <string.h>

#include "base/date.h"
#include "trust/sha256.h"

/* Unix seconds. */
static int64_t
moment_of(const struct judge *j, const struct event *e)
{
	int64_t at = 0;

	if (j->at != INT64_MIN)
		return j->at / DATE_SECOND - (j->at % DATE_SECOND < 0);
	sign_moment(e, &at);
	return at;
}

/* Offset 0 is for what is not there. */
static size_t
text_end(struct buf *text)
{
	if (text->len == 0)
		buf_addc(text, '\0');
	return text->len;
}

static void
find_source(struct buf *text, struct judged *x, const struct event *e)
{
	x->src = text_end(text);
	event_string(e, EVENT_SRC, text);
	buf_addc(text, '\0');
}

static void
find_topic(struct judged *x, const struct event *e)
{
	if (e->escaped >> EVENT_TOPIC & 1)
		return;
	x->topic_at = e->at[EVENT_TOPIC];
	x->topic_n = e->len[EVENT_TOPIC];
}

static const char *
check_signed(const struct judge *j, struct sign_space *space, struct judged *x,
    const struct event *e)
{
	const char *topic, *why;
	char topic_space[TOPIC_MAX + 1];
	enum sign_verdict v;
	size_t n;

	v = sign_check(j->ring, space, e, moment_of(j, e), &x->cert, &why);
	x->verdict = verdict_of_sign(v);
	if (v != SIGN_GOOD)
		return why;
	topic = event_topic(e, topic_space, &n);
	x->kind = batch_topic(topic, n, BATCH_SEAL) ? JUDGE_SEAL : JUDGE_EVENT;
	if (x->kind == JUDGE_SEAL)
		sha256(space->canon.out.p, space->canon.out.len, x->leaf);
	if (x->kind == JUDGE_SEAL || (x->ep > 0 && x->seq > 0))
		return NULL;
	x->verdict = VERDICT_BAD;
	return "signed without ep and seq";
}

static const char *
check_unsigned(
    struct sign_space *space, struct judged *x, const struct event *e)
{
	const char *topic, *why;
	char topic_space[TOPIC_MAX + 1];
	size_t n;

	x->verdict = VERDICT_UNSIGNED;
	if (!event_has(e, EVENT_TOPIC) || x->src == 0)
		return "no sig";
	topic = event_topic(e, topic_space, &n);
	if (batch_topic(topic, n, BATCH_PROOF)) {
		x->kind = JUDGE_PROOF;
	} else if (x->ep > 0 && x->seq > 0) {
		x->verdict = VERDICT_BAD;
		if (canon_event(&space->canon, e->line, e->n, &why) < 0)
			return why;
		tree_leaf(space->canon.out.p, space->canon.out.len, x->leaf);
		find_topic(x, e);
		x->kind = JUDGE_LEAF;
	} else {
		return "no sig";
	}
	x->verdict = VERDICT_GOOD;
	return NULL;
}

void
judge_line(const struct judge *j, struct judge_space *space, const char *p,
    size_t n, struct judged *x)
{
	const char *why = NULL;
	struct event e;

	memset(x, 0, offsetof(struct judged, leaf));
	x->verdict = VERDICT_MALFORMED;
	if (event_scan(&e, p, n, &why) == 0) {
		if (event_has(&e, EVENT_SRC))
			find_source(&space->text, x, &e);
		if (event_integer(&e, EVENT_EP, &x->ep) < 0)
			x->ep = 0;
		if (event_integer(&e, EVENT_SEQ, &x->seq) < 0)
			x->seq = 0;
		why = event_has(&e, EVENT_SIG)
		    ? check_signed(j, &space->sign, x, &e)
		    : check_unsigned(&space->sign, x, &e);
	}
	if (why != NULL) {
		x->kind = JUDGE_NOTHING;
		x->why = text_end(&space->text);
		buf_add(&space->text, why, strlen(why) + 1);
	}
}

const char *
judge_src(const struct judge_space *space, const struct judged *x)
{
	return x->src > 0 ? space->text.p + x->src : NULL;
}

const char *
judge_why(const struct judge_space *space, const struct judged *x)
{
	return x->why > 0 ? space->text.p + x->why : "";
}

void
judge_space_clear(struct judge_space *space)
{
	buf_clear(&space->text);
}

void
judge_space_fini(struct judge_space *space)
{
	sign_space_fini(&space->sign);
	buf_fini(&space->text);
}

enum verdict
judge_proof(const struct judge *j, struct sign_space *space,
    const struct event *e, struct batch_proof *proof, struct batch_seal *seal,
    const struct cert **cert, const char **why)
{
	struct event inner;
	enum sign_verdict v;

	if (batch_proof_read(proof, e, why) < 0 ||
	    event_scan(&inner, proof->seal, proof->seal_n, why) < 0 ||
	    batch_seal_read(seal, &inner, why) < 0)
		return VERDICT_BAD;
	v = sign_check(j->ring, space, &inner,
	    moment_of(j, event_has(e, EVENT_RT) ? e : &inner), cert, why);
	if (v != SIGN_GOOD)
		return verdict_of_sign(v);
	buf_clear(&space->line);
	event_string(e, EVENT_SRC, &space->line);
	*why = "the seal is another source's";
	return strcmp(buf_cstr(&space->line), (*cert)->subject) == 0
	    ? VERDICT_GOOD
	    : VERDICT_BAD;
}

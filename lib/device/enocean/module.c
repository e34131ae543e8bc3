#include "device/enocean/module.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "device/enocean/module_part.h"
#include "device/enocean/module_queue.h"

enum flight { FLIGHT_NONE, FLIGHT_VERSION, FLIGHT_BASE, FLIGHT_RADIO };

struct module {
	int up;
	struct module_info info;
	struct module_queue queues[2]; /* normal, urgent */

	enum flight flight; /* what a response would answer */
	int64_t until;	    /* for it */
	struct module_request
	    *current;	    /* of it, or of what follows in its chain */
	struct buf packets; /* all of current */
	size_t at;	    /* where the one that is sent now begins */
	unsigned seq;	    /* of the last chain */

	unsigned asking;    /* 1 << flight: still to be asked */
	unsigned ask_tries; /* of the first of them */
	int64_t ask_at;
	int64_t wait; /* until then no telegram is sent */
	int probing;  /* what is in flight was sent in spite of a lock */

	size_t owed; /* requests, results of which are not fetched */
	struct module_result results[MODULE_QUEUE];
	size_t first, count; /* a ring */

	struct buf answers; /* RESPONSE packets for events */
	int silent;	    /* it did not answer when it was last asked */
	struct module_story story;
	struct buf text;
};

struct module *
module_new(void)
{
	struct module *m = xcalloc(1, sizeof *m);

	for (int i = 0; i < 2; i++)
		module_queue_init(&m->queues[i]);
	m->info.writes = -1;
	return m;
}

void
module_free(struct module *m)
{
	if (m == NULL)
		return;
	for (int i = 0; i < 2; i++)
		module_queue_fini(&m->queues[i]);
	free(m->current);
	buf_fini(&m->packets);
	buf_fini(&m->answers);
	buf_fini(&m->text);
	free(m);
}

static void
news(struct module *m, enum module_news what)
{
	m->story.news |= what;
}

/* The end of a request, which has to be in no queue. */
static void
finish(struct module *m, struct module_request *r, enum module_outcome outcome,
    uint8_t code)
{
	struct module_result *to =
	    &m->results[(m->first + m->count) % MODULE_QUEUE];

	to->tag = r->tag;
	to->outcome = outcome;
	to->code = code;
	m->count++;
	free(r);
}

static void
finish_current(struct module *m, enum module_outcome outcome, uint8_t code)
{
	finish(m, m->current, outcome, code);
	m->current = NULL;
}

/* It begins anew later, from its first packet. */
static void
put_back(struct module *m)
{
	struct module_request *r = m->current;

	m->current = NULL;
	module_queue_put_back(&m->queues[(r->urgency & MODULE_URGENT) != 0], r);
}

static void
ask_anew(struct module *m, int64_t now)
{
	m->info.has_version = m->info.has_base = 0;
	m->asking = 1u << FLIGHT_VERSION | 1u << FLIGHT_BASE;
	m->ask_tries = 0;
	m->ask_at = now;
	m->flight = FLIGHT_NONE;
}

void
module_up(struct module *m, int64_t now)
{
	if (m->up)
		module_down(m);
	m->up = 1;
	m->silent = m->info.locked = 0;
	m->wait = now;
	ask_anew(m, now);
}

void
module_down(struct module *m)
{
	m->up = 0;
	m->flight = FLIGHT_NONE;
	m->info.has_base = m->info.has_version = m->info.locked = 0;
	buf_clear(&m->answers);
	if (m->current != NULL)
		finish_current(m, MODULE_AWAY, 0);
}

int
module_send(struct module *m, const struct telegram *tel, int64_t deadline,
    enum module_urgency urgency, uint64_t tag)
{
	struct module_request *r;

	if (m->owed >= MODULE_QUEUE || tel->n > TELEGRAM_SPACE)
		return -1;
	r = module_request_new(tel, deadline, urgency, tag);
	module_queue_push(&m->queues[(urgency & MODULE_URGENT) != 0], r);
	m->owed++;
	return 0;
}

int
module_drop(struct module *m, uint64_t tag)
{
	struct module_request **at;

	for (int i = 0; i < 2; i++) {
		at = &m->queues[i].first;
		while (*at != NULL && ((*at)->tag != tag || (*at)->unanswered))
			at = &(*at)->next;
		if (*at != NULL) {
			free(module_queue_take(&m->queues[i], at));
			m->owed--;
			return 1;
		}
	}
	return 0;
}

/* The rest of a chain would come too late for its beginning. */
static void
lock(struct module *m, int64_t now)
{
	if (!m->info.locked) {
		m->story.news &= ~(unsigned)MODULE_NEWS_UNLOCKED;
		news(m, MODULE_NEWS_LOCKED);
	}
	m->info.locked = 1;
	m->wait = now + MODULE_LOCK;
	if (m->current != NULL && m->flight == FLIGHT_NONE)
		put_back(m);
}

static void
unlock(struct module *m, int64_t now)
{
	if (m->info.locked) {
		m->story.news &= ~(unsigned)MODULE_NEWS_LOCKED;
		news(m, MODULE_NEWS_UNLOCKED);
	}
	m->info.locked = 0;
	m->wait = now;
}

/* The size of the whole packet at p. */
static size_t
packet_size(const char *p)
{
	const uint8_t *u = (const uint8_t *)p;

	return ESP3_HEADER + ((size_t)u[1] << 8 | u[2]) + u[3] + 1;
}

/* The packet that was sent is on air; the next one of its chain follows. */
static void
sent(struct module *m, int64_t now)
{
	if (m->probing)
		unlock(m, now);
	m->at += packet_size(m->packets.p + m->at);
	m->current->tries = 0;
	m->current->code = 0;
	if (m->at >= m->packets.len)
		finish_current(m, MODULE_SENT, 0);
}

/* The response to a telegram. */
static void
take_radio(struct module *m, uint8_t code, int64_t now)
{
	struct module_request *r = m->current;

	m->flight = FLIGHT_NONE;
	r->code = code;
	if (code == MODULE_RET_OK)
		sent(m, now);
	else if (code == MODULE_RET_LOCK_SET) {
		r->tries = 0;
		lock(m, now);
	} else if (code == MODULE_RET_NO_FREE_BUFFER && r->tries < MODULE_TRIES)
		m->wait = now + MODULE_BUSY;
	else
		finish_current(m, MODULE_REFUSED, code);
}

/* It has told this; on to the next question. */
static void
answered(struct module *m, enum flight what, int64_t now)
{
	m->asking &= ~(1u << what);
	m->ask_tries = 0;
	m->ask_at = now;
}

static void
take_version(struct module *m, const struct esp3_packet *p, int64_t now)
{
	if (p->data[0] == MODULE_RET_OK && !module_read_version(&m->info, p))
		return;
	m->flight = FLIGHT_NONE;
	answered(m, FLIGHT_VERSION, now);
}

static void
take_base(struct module *m, const struct esp3_packet *p, int64_t now)
{
	uint64_t before = m->info.base;
	int read = -1;

	if (p->data[0] == MODULE_RET_OK)
		read = module_read_base(&m->info, p);
	if (read == 0)
		return;
	m->flight = FLIGHT_NONE;
	if (read < 0) {
		m->story.code = p->data[0];
		news(m, MODULE_NEWS_NO_BASE);
		m->ask_tries = 0;
		m->ask_at = now + MODULE_ASK;
		return;
	}
	answered(m, FLIGHT_BASE, now);
	news(m, MODULE_NEWS_KNOWN);
	if (before != 0 && before != m->info.base) {
		m->story.base = before;
		news(m, MODULE_NEWS_MOVED);
	}
}

/*
 * One that cannot be the response to what is in flight is a late one to
 * something before.
 */
static void
take_response(struct module *m, const struct esp3_packet *p, int64_t now)
{
	if (p->n == 0 || m->flight == FLIGHT_NONE)
		return;
	if (m->flight == FLIGHT_RADIO && p->data[0] == MODULE_RET_OK &&
	    p->n != 1)
		return;
	m->silent = 0;
	if (m->flight == FLIGHT_VERSION)
		take_version(m, p, now);
	else if (m->flight == FLIGHT_BASE)
		take_base(m, p, now);
	else
		take_radio(m, p->data[0], now);
}

/* There was no response to the telegram in flight: 1 if it ends here. */
static int
unanswered(struct module *m, int64_t now)
{
	struct module_request *r = m->current;

	r->unanswered = 1;
	if (r->tries < MODULE_TRIES && !(r->urgency & MODULE_ONCE) &&
	    r->deadline > now)
		return 0;
	finish_current(m, MODULE_SILENT, 0);
	return 1;
}

static void
restarted(struct module *m, uint8_t cause, int64_t now)
{
	m->story.reset = cause;
	news(m, MODULE_NEWS_RESET);
	if (m->current != NULL &&
	    (m->flight == FLIGHT_NONE || !unanswered(m, now)))
		put_back(m);
	m->info.locked = 0;
	m->wait = now;
	ask_anew(m, now);
}

/* Only the events of Smart Acknowledge have to be answered. */
static void
answer(struct module *m, enum module_return code)
{
	uint8_t data = (uint8_t)code;

	if (m->answers.len < 256)
		esp3_add(&m->answers, ESP3_RESPONSE, &data, 1, NULL, 0);
}

static void
take_event(struct module *m, const struct esp3_packet *p, int64_t now)
{
	uint8_t cause = p->n > 1 ? p->data[1] : 0xFF;

	if (p->n == 0)
		return;
	switch (p->data[0]) {
	case MODULE_EVENT_RECLAIM_FAILED:
	case MODULE_EVENT_LEARN_ACK: answer(m, MODULE_RET_OK); break;
	case MODULE_EVENT_CONFIRM_LEARN:
		answer(m, MODULE_RET_NOT_SUPPORTED);
		break;
	case MODULE_EVENT_READY: restarted(m, cause, now); break;
	case MODULE_EVENT_DUTY_CYCLE:
		if (cause == 1)
			lock(m, now);
		else if (cause == 0)
			unlock(m, now);
		break;
	case MODULE_EVENT_TRANSMIT_FAILED:
		m->story.failed = cause;
		news(m, MODULE_NEWS_FAILED);
		break;
	default: break;
	}
}

void
module_take(struct module *m, const struct esp3_packet *packet, int64_t now)
{
	if (!m->up)
		return;
	if (packet->type == ESP3_RESPONSE)
		take_response(m, packet, now);
	else if (packet->type == ESP3_EVENT)
		take_event(m, packet, now);
}

static void
fell_silent(struct module *m)
{
	if (!m->silent)
		news(m, MODULE_NEWS_SILENT);
	m->silent = 1;
}

/* One that does not tell its version may still tell its base id. */
static void
unanswered_ask(struct module *m, int64_t now)
{
	if (m->ask_tries < MODULE_TRIES)
		return;
	if (m->flight == FLIGHT_VERSION) {
		answered(m, FLIGHT_VERSION, now);
		return;
	}
	fell_silent(m);
	ask_anew(m, now);
	m->ask_at = now + MODULE_ASK;
}

/* No response came in time. */
static void
give_up(struct module *m, int64_t now)
{
	if (m->flight != FLIGHT_RADIO)
		unanswered_ask(m, now);
	else if (unanswered(m, now))
		fell_silent(m);
	m->flight = FLIGHT_NONE;
}

static enum module_outcome
too_late(const struct module_request *r)
{
	return r->unanswered ? MODULE_SILENT : MODULE_LATE;
}

static void
expire(struct module *m, int64_t now)
{
	struct module_request **at, *r;

	for (int i = 0; i < 2; i++) {
		at = &m->queues[i].first;
		while (*at != NULL) {
			if ((*at)->deadline > now) {
				at = &(*at)->next;
				continue;
			}
			r = module_queue_take(&m->queues[i], at);
			finish(m, r, too_late(r), r->code);
		}
	}
	r = m->current;
	if (r != NULL && m->flight == FLIGHT_NONE && r->deadline <= now)
		finish_current(m, too_late(r), r->code);
}

/* The next telegram that could be sent now. */
static struct module_request **
find_next(struct module *m, struct module_queue **queue)
{
	struct module_request **at;

	for (int i = 1; i >= 0; i--) {
		*queue = &m->queues[i];
		at = module_queue_find(*queue, m->info.has_base);
		if (at != NULL)
			return at;
	}
	return NULL;
}

static void
pack(struct module *m, const struct module_request *r)
{
	struct telegram tel = r->tel;

	if (module_request_needs_base(r))
		tel.sender += m->info.base;
	buf_clear(&m->packets);
	m->at = 0;
	if (telegram_pack(&m->packets, &tel) == 0)
		return;
	buf_clear(&m->packets);
	m->seq = m->seq % 3 + 1;
	telegram_chain(&m->packets, &tel, m->seq);
}

static void
ask(struct module *m, int64_t now, struct buf *out)
{
	int version = (m->asking & 1u << FLIGHT_VERSION) != 0;
	uint8_t code = version ? MODULE_RD_VERSION : MODULE_RD_IDBASE;

	esp3_add(out, ESP3_COMMON_COMMAND, &code, 1, NULL, 0);
	m->flight = version ? FLIGHT_VERSION : FLIGHT_BASE;
	m->until = now + MODULE_PATIENCE;
	m->ask_tries++;
}

static void
transmit(struct module *m, int64_t now, struct buf *out)
{
	const char *p = m->packets.p + m->at;

	buf_add(out, p, packet_size(p));
	m->flight = FLIGHT_RADIO;
	m->until = now + MODULE_PATIENCE;
	m->probing = m->info.locked;
	m->current->tries++;
}

void
module_tick(struct module *m, int64_t now, struct buf *out)
{
	struct module_request **next;
	struct module_queue *queue;

	if (m->answers.len > 0)
		buf_add(out, m->answers.p, m->answers.len);
	buf_clear(&m->answers);
	if (m->flight != FLIGHT_NONE && m->until <= now)
		give_up(m, now);
	expire(m, now);
	if (!m->up || m->flight != FLIGHT_NONE)
		return;
	if (m->asking != 0 && m->ask_at <= now && m->current == NULL) {
		ask(m, now, out);
		return;
	}
	if (m->wait > now)
		return;
	if (m->current == NULL) {
		next = find_next(m, &queue);
		if (next == NULL)
			return;
		m->current = module_queue_take(queue, next);
		pack(m, m->current);
	}
	if (m->packets.len > m->at)
		transmit(m, now, out);
	else
		finish_current(m, MODULE_REFUSED, MODULE_RET_WRONG_PARAM);
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t
module_due(const struct module *m)
{
	int64_t due = INT64_MAX;
	int ready = m->current != NULL;

	if (m->answers.len > 0)
		return 0;
	for (int i = 0; i < 2; i++)
		ready |=
		    module_queue_due(&m->queues[i], m->info.has_base, &due);
	if (!m->up)
		return due;
	if (m->flight != FLIGHT_NONE)
		return earlier(due, m->until);
	if (m->current != NULL)
		due = earlier(due, m->current->deadline);
	if (m->asking != 0 && m->current == NULL)
		due = earlier(due, m->ask_at);
	return ready ? earlier(due, m->wait) : due;
}

int
module_result(struct module *m, struct module_result *out)
{
	if (m->count == 0)
		return 0;
	*out = m->results[m->first];
	m->first = (m->first + 1) % MODULE_QUEUE;
	m->count--;
	m->owed--;
	return 1;
}

const struct module_info *
module_info(const struct module *m)
{
	return &m->info;
}

const char *
module_news(struct module *m)
{
	return module_tell(&m->story, &m->info, &m->text) ? m->text.p : NULL;
}

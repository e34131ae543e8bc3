#include "device/enocean/module_part.h"

/* The rest of a chain would come too late for its beginning. */
static void
lock(struct module *m, int64_t now)
{
	if (!m->info.locked) {
		m->story.news &= ~(unsigned)MODULE_NEWS_UNLOCKED;
		module_add_news(m, MODULE_NEWS_LOCKED);
	}
	m->info.locked = 1;
	m->wait = now + MODULE_LOCK;
	if (m->current != NULL && m->flight == MODULE_FLIGHT_NONE)
		module_put_back(m);
}

static void
unlock(struct module *m, int64_t now)
{
	if (m->info.locked) {
		m->story.news &= ~(unsigned)MODULE_NEWS_LOCKED;
		module_add_news(m, MODULE_NEWS_UNLOCKED);
	}
	m->info.locked = 0;
	m->wait = now;
}

/* The packet that was sent is on air; the next one of its chain follows. */
static void
sent(struct module *m, int64_t now)
{
	if (m->probing)
		unlock(m, now);
	m->at += m->size;
	m->current->tries = 0;
	m->current->code = 0;
	if (m->at >= m->packets.len)
		module_finish(m, MODULE_SENT, 0);
}

/* The response to a telegram. */
static void
take_radio(struct module *m, uint8_t code, int64_t now)
{
	struct module_request *r = m->current;

	m->flight = MODULE_FLIGHT_NONE;
	r->code = code;
	if (code == MODULE_RET_OK)
		sent(m, now);
	else if (code == MODULE_RET_LOCK_SET) {
		r->tries = 0;
		lock(m, now);
	} else if (code == MODULE_RET_NO_FREE_BUFFER && r->tries < MODULE_TRIES)
		m->wait = now + MODULE_BUSY;
	else
		module_finish(m, MODULE_REFUSED, code);
}

static void
take_version(struct module *m, const struct esp3_packet *p, int64_t now)
{
	if (p->data[0] == MODULE_RET_OK && !module_read_version(&m->info, p))
		return;
	m->flight = MODULE_FLIGHT_NONE;
	module_answered(m, MODULE_FLIGHT_VERSION, now);
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
	m->flight = MODULE_FLIGHT_NONE;
	if (read < 0) {
		m->story.code = p->data[0];
		module_add_news(m, MODULE_NEWS_NO_BASE);
		m->ask_tries = 0;
		m->ask_at = now + MODULE_ASK;
		return;
	}
	module_answered(m, MODULE_FLIGHT_BASE, now);
	module_add_news(m, MODULE_NEWS_KNOWN);
	if (before != 0 && before != m->info.base) {
		m->story.base = before;
		module_add_news(m, MODULE_NEWS_MOVED);
	}
}

/*
 * One that cannot be the response to what is in flight is a late one to
 * something before.
 */
static void
take_response(struct module *m, const struct esp3_packet *p, int64_t now)
{
	if (p->n == 0 || m->flight == MODULE_FLIGHT_NONE)
		return;
	if (m->flight == MODULE_FLIGHT_RADIO && p->data[0] == MODULE_RET_OK &&
	    p->n != 1)
		return;
	m->silent = 0;
	if (m->flight == MODULE_FLIGHT_VERSION)
		take_version(m, p, now);
	else if (m->flight == MODULE_FLIGHT_BASE)
		take_base(m, p, now);
	else
		take_radio(m, p->data[0], now);
}

static void
restarted(struct module *m, uint8_t cause, int64_t now)
{
	m->story.reset = cause;
	module_add_news(m, MODULE_NEWS_RESET);
	if (m->current != NULL &&
	    (m->flight == MODULE_FLIGHT_NONE || !module_unanswered(m, now)))
		module_put_back(m);
	m->info.locked = 0;
	m->wait = now;
	module_ask_anew(m, now);
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
		module_add_news(m, MODULE_NEWS_FAILED);
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

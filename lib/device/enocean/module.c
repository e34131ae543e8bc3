#include "device/enocean/module.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "device/enocean/module_part.h"
#include "device/enocean/module_queue.h"

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

void
module_add_news(struct module *m, enum module_news what)
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

void
module_finish(struct module *m, enum module_outcome outcome, uint8_t code)
{
	finish(m, m->current, outcome, code);
	m->current = NULL;
}

void
module_put_back(struct module *m)
{
	struct module_request *r = m->current;

	m->current = NULL;
	module_queue_put_back(&m->queues[(r->urgency & MODULE_URGENT) != 0], r);
}

void
module_ask_anew(struct module *m, int64_t now)
{
	m->info.has_version = m->info.has_base = 0;
	m->asking = 1u << MODULE_FLIGHT_VERSION | 1u << MODULE_FLIGHT_BASE;
	m->ask_tries = 0;
	m->ask_at = now;
	m->flight = MODULE_FLIGHT_NONE;
}

void
module_up(struct module *m, int64_t now)
{
	if (m->up)
		module_down(m);
	m->up = 1;
	m->silent = m->info.locked = 0;
	m->wait = now;
	module_ask_anew(m, now);
}

void
module_down(struct module *m)
{
	m->up = 0;
	m->flight = MODULE_FLIGHT_NONE;
	m->info.has_base = m->info.has_version = m->info.locked = 0;
	buf_clear(&m->answers);
	if (m->current != NULL)
		module_finish(m, MODULE_AWAY, 0);
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

int
module_waits(const struct module *m, uint64_t tag)
{
	for (int i = 0; i < 2; i++)
		for (const struct module_request *r = m->queues[i].first;
		     r != NULL; r = r->next)
			if (r->tag == tag && !r->unanswered)
				return 1;
	return 0;
}

/* The size of the whole packet at p. */
static size_t
packet_size(const char *p)
{
	const uint8_t *u = (const uint8_t *)p;

	return ESP3_HEADER + ((size_t)u[1] << 8 | u[2]) + u[3] + 1;
}

void
module_answered(struct module *m, enum module_flight what, int64_t now)
{
	m->asking &= ~(1u << what);
	m->ask_tries = 0;
	m->ask_at = now;
}

int
module_unanswered(struct module *m, int64_t now)
{
	struct module_request *r = m->current;

	r->unanswered = 1;
	if (r->tries < MODULE_TRIES && !(r->urgency & MODULE_ONCE) &&
	    r->deadline > now)
		return 0;
	module_finish(m, MODULE_SILENT, 0);
	return 1;
}

static void
fell_silent(struct module *m)
{
	if (!m->silent)
		module_add_news(m, MODULE_NEWS_SILENT);
	m->silent = 1;
}

/* One that does not tell its version may still tell its base id. */
static void
unanswered_ask(struct module *m, int64_t now)
{
	if (m->ask_tries < MODULE_TRIES)
		return;
	if (m->flight == MODULE_FLIGHT_VERSION) {
		module_answered(m, MODULE_FLIGHT_VERSION, now);
		return;
	}
	fell_silent(m);
	module_ask_anew(m, now);
	m->ask_at = now + MODULE_ASK;
}

/* No response came in time. */
static void
give_up(struct module *m, int64_t now)
{
	if (m->flight != MODULE_FLIGHT_RADIO)
		unanswered_ask(m, now);
	else if (module_unanswered(m, now)) {
		/* A late response must not count for the next telegram. */
		if (!m->silent)
			module_ask_anew(m, now);
		fell_silent(m);
		m->info.silences++;
	}
	m->flight = MODULE_FLIGHT_NONE;
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
	if (r != NULL && m->flight == MODULE_FLIGHT_NONE && r->deadline <= now)
		module_finish(m, too_late(r), r->code);
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
	int version = (m->asking & 1u << MODULE_FLIGHT_VERSION) != 0;
	uint8_t code = version ? MODULE_RD_VERSION : MODULE_RD_IDBASE;

	esp3_add(out, ESP3_COMMON_COMMAND, &code, 1, NULL, 0);
	m->flight = version ? MODULE_FLIGHT_VERSION : MODULE_FLIGHT_BASE;
	m->until = now + MODULE_PATIENCE;
	m->ask_tries++;
}

static void
transmit(struct module *m, int64_t now, struct buf *out)
{
	const char *p = m->packets.p + m->at;

	m->size = packet_size(p);
	buf_add(out, p, m->size);
	m->flight = MODULE_FLIGHT_RADIO;
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
	if (m->flight != MODULE_FLIGHT_NONE && m->until <= now)
		give_up(m, now);
	expire(m, now);
	if (!m->up || m->flight != MODULE_FLIGHT_NONE)
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
		module_finish(m, MODULE_REFUSED, MODULE_RET_WRONG_PARAM);
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
	if (m->flight != MODULE_FLIGHT_NONE)
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

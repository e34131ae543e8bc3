/*
 * The radio module, driven by any packets at any times: each telegram has one
 * result, or none if it was taken back before it was sent; there is never more
 * than one request in flight, nothing is sent at its deadline or after its
 * result, offsets are added to the base id that was last told, and module_due()
 * says when there is something to do.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "device/enocean/devices.h"
#include "device/enocean/module.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TAGS = 1024, READY = 4 };

struct world {
	const uint8_t *p, *end;
	struct module *m;
	int64_t now;
	int64_t deadline[TAGS];
	uint64_t sender[TAGS];
	char ended[TAGS];
	size_t sent, results;
	int busy; /* a request is in flight until: */
	int64_t until;
	size_t chained; /* the telegram whose chain is sent */
};

static void
must(int ok)
{
	if (!ok)
		abort();
}

static unsigned
next(struct world *w)
{
	return w->p < w->end ? *w->p++ : 0;
}

static void
send_one(struct world *w, unsigned how)
{
	uint8_t payload[TELEGRAM_SPACE + 16] = { 0 };
	struct telegram tel = { .rorg = RORG_VLD,
		.p = payload,
		.dest = how & 4 ? 0x01020304 : TELEGRAM_BROADCAST };
	size_t tag = w->sent;

	if (tag == TAGS)
		return;
	payload[0] = (uint8_t)(tag >> 8);
	payload[1] = (uint8_t)tag;
	tel.n = how & 8 ? 2 + next(w) * 3 : 2;
	if (tel.n > sizeof payload)
		tel.n = sizeof payload;
	tel.sender = how & 16 ? 0xFF123400 : next(w) % DEVICE_OFFSETS;
	w->deadline[tag] = w->now + (int64_t)next(w) * 100000;
	w->sender[tag] = tel.sender;
	if (module_send(w->m, &tel, w->deadline[tag],
		(enum module_urgency)(how & 3), tag) == 0)
		w->sent++;
}

static void
check_radio(struct world *w, const struct esp3_packet *p)
{
	const struct module_info *info = module_info(w->m);
	const uint8_t *from = p->data + p->n - 5;
	uint64_t sender = (uint64_t)from[0] << 24 | (uint64_t)from[1] << 16 |
	    (uint64_t)from[2] << 8 | from[3];
	size_t tag = w->chained;

	if (p->data[0] == RORG_VLD)
		tag = (size_t)p->data[1] << 8 | p->data[2];
	else if ((p->data[1] & 0x3f) == 0)
		tag = (size_t)p->data[5] << 8 | p->data[6];
	w->chained = tag;
	must(tag < w->sent && !w->ended[tag]);
	must(w->now < w->deadline[tag]);
	if (w->sender[tag] < DEVICE_OFFSETS)
		must(info->has_base && sender == info->base + w->sender[tag]);
	else
		must(sender == w->sender[tag]);
}

static void
check_packets(struct world *w, const struct buf *out)
{
	struct esp3_reader reader = { 0 };
	struct esp3_packet p;
	size_t requests = 0;

	esp3_feed(&reader, out->p, out->len, 0);
	while (esp3_next(&reader, &p)) {
		if (p.type == ESP3_RESPONSE)
			continue;
		requests++;
		must(!w->busy || w->now >= w->until);
		if (p.type == ESP3_RADIO_ERP1)
			check_radio(w, &p);
		else
			must(p.type == ESP3_COMMON_COMMAND);
	}
	must(requests <= 1 && reader.counts.skipped == 0);
	must(!esp3_pending(&reader));
	if (requests == 1) {
		w->busy = 1;
		w->until = w->now + MODULE_PATIENCE;
	}
	esp3_fini(&reader);
}

static void
fetch(struct world *w)
{
	struct module_result result;

	while (module_result(w->m, &result)) {
		must(result.tag < w->sent && !w->ended[result.tag]);
		must(result.outcome != MODULE_LATE ||
		    w->now >= w->deadline[result.tag]);
		w->ended[result.tag] = 1;
		w->results++;
	}
}

static void
tick(struct world *w)
{
	int64_t due = module_due(w->m);
	struct buf out = { 0 };
	size_t before, turns = 0;

	fetch(w);
	do {
		must(turns++ <= MODULE_QUEUE + 2);
		buf_clear(&out);
		before = w->results;
		module_tick(w->m, w->now, &out);
		if (out.len > 0)
			check_packets(w, &out);
		fetch(w);
		if (due > w->now)
			must(out.len == 0 && w->results == before);
		due = module_due(w->m);
	} while (due <= w->now);
	buf_fini(&out);
}

static void
come(struct world *w, uint8_t type, const uint8_t *data, size_t n, size_t nopt)
{
	struct esp3_packet p = { .type = type,
		.data = data,
		.n = n,
		.opt = data + n,
		.nopt = nopt };

	if (type == ESP3_RESPONSE ||
	    (type == ESP3_EVENT && n > 0 && data[0] == READY))
		w->busy = 0;
	module_take(w->m, &p, w->now);
}

/* A packet with bytes of the input. */
static void
come_any(struct world *w, uint8_t type)
{
	uint8_t data[48];
	size_t n = next(w) % 40, nopt = next(w) % 8;

	for (size_t i = 0; i < n + nopt; i++)
		data[i] = (uint8_t)next(w);
	come(w, type, data, n, nopt);
}

static void
come_base(struct world *w)
{
	uint8_t data[6] = { 0, 0xff, 0x80, (uint8_t)next(w), 0x80, 10 };

	come(w, ESP3_RESPONSE, data, 5, 1);
}

static void
drop(struct world *w)
{
	size_t tag = next(w);

	if (!module_drop(w->m, tag))
		return;
	must(tag < w->sent && !w->ended[tag]);
	w->ended[tag] = 1;
	w->results++;
}

static void
step(struct world *w)
{
	static const uint8_t version[33] = { 0, 2 };
	unsigned op = next(w);
	uint8_t data[2];

	switch (op & 7) {
	case 0: w->now += (int64_t)(op >> 3) * 20000; break;
	case 1:
		data[0] = (uint8_t)(op >> 3 & 7);
		come(w, ESP3_RESPONSE, data, 1, 0);
		break;
	case 2:
		if (op & 8)
			come(w, ESP3_RESPONSE, version, sizeof version, 0);
		else
			come_base(w);
		break;
	case 3:
		data[0] = (uint8_t)(op >> 3 & 7);
		data[1] = (uint8_t)(op >> 6);
		come(w, ESP3_EVENT, data, 2, 0);
		break;
	case 4: come_any(w, (uint8_t)(op >> 3)); break;
	case 5:
		w->busy = 0;
		if (op & 8)
			module_down(w->m);
		else
			module_up(w->m, w->now);
		break;
	case 6: send_one(w, op >> 3); break;
	default:
		if (op & 8)
			drop(w);
		else
			while (module_news(w->m) != NULL)
				;
		break;
	}
	tick(w);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;

	memset(&w, 0, sizeof w);
	w.p = data;
	w.end = data + size;
	w.m = module_new();
	while (w.p < w.end)
		step(&w);
	w.busy = 0;
	module_down(w.m);
	w.now += 1000000000;
	tick(&w);
	must(w.results == w.sent);
	module_free(w.m);
	return 0;
}

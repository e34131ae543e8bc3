/*
 * A gateway's command side without a line: an actuator with its module, a
 * clock that is turned by hand, and what came out of both as text.
 */
#ifndef SG_TEST_COMMANDED_H
#define SG_TEST_COMMANDED_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "device/enocean/actuator.h"
#include "event/json.h"

enum { COMMANDED_BASE = 0xFF800000 };

struct commanded {
	struct quantities *quantities;
	struct eep *eep;
	struct devices *devices;
	struct module *module;
	struct secure *secure;
	struct command_guard *guard;
	struct actuator *actuator;
	int64_t wall, mono; /* us */
	struct esp3_reader reader;
	struct buf said; /* "c1 accepted", "c1 rejected: why"; lines */
	struct buf sent; /* "D2010064 00 FF800001>0181B744"; lines */
	int deaf;	 /* the module does not answer our questions */
	void (*on_sent)(void *arg, const char *line); /* or NULL */
	void *arg;
	unsigned seq, invalid;
	char folder[32], path[64];
};

static inline const char *
commanded_table(struct commanded *c)
{
	struct buf why = { 0 };

	c->quantities = quantities_open("share/quantities.csv", &why);
	if (c->quantities == NULL)
		return buf_cstr(&why);
	c->eep = eep_open(c->quantities);
	if (eep_read(c->eep, "share/eep", &why) != 0)
		return buf_cstr(&why);
	buf_fini(&why);
	return NULL;
}

/* A file for the rows; NULL, or what failed. */
static inline const char *
commanded_devices(struct commanded *c, const char *rows)
{
	struct buf why = { 0 };
	FILE *f;

	strcpy(c->folder, "/tmp/sg-commanded.XXXXXX");
	if (mkdtemp(c->folder) == NULL)
		return "no folder";
	snprintf(c->path, sizeof c->path, "%s/devices.csv", c->folder);
	f = fopen(c->path, "w");
	if (f == NULL)
		return "no file";
	fprintf(f, "sender,profile,name,offset,options\n%s", rows);
	fclose(f);
	c->devices = devices_open(c->path, c->eep, 0, &why);
	unlink(c->path);
	rmdir(c->folder);
	if (c->devices == NULL)
		return buf_cstr(&why);
	buf_fini(&why);
	return NULL;
}

static inline void
commanded_start(struct commanded *c, const char *keys)
{
	struct buf why = { 0 };
	const char *fault;

	c->wall = INT64_C(1795388400000000);
	c->mono = 5000000;
	c->module = module_new();
	c->secure = secure_open(keys, 0, &why);
	c->guard = command_open(NULL, &fault);
	c->actuator =
	    actuator_new(&(const struct actuator_parts){ .eep = c->eep,
		.devices = c->devices,
		.module = c->module,
		.secure = c->secure,
		.guard = c->guard });
	buf_fini(&why);
}

static inline void
commanded_stop(struct commanded *c)
{
	actuator_free(c->actuator);
	command_close(c->guard);
	secure_close(c->secure);
	module_free(c->module);
	esp3_fini(&c->reader);
	buf_fini(&c->said);
	buf_fini(&c->sent);
	c->said = c->sent = (struct buf){ 0 };
	c->reader = (struct esp3_reader){ 0 };
	c->deaf = 0;
	c->seq = 0;
}

static inline void
commanded_close(struct commanded *c)
{
	eep_close(c->eep);
	quantities_close(c->quantities);
}

/* Status lines: complete events, and what they say. */
static inline void
commanded_take_lines(struct commanded *c, struct buf *lines)
{
	char *p = lines->p, *end = p != NULL ? p + lines->len : NULL;

	while (p < end) {
		char *newline = memchr(p, '\n', (size_t)(end - p));
		struct event e;
		const char *why;
		struct json_value line, v;

		if (newline == NULL ||
		    event_scan(&e, p, (size_t)(newline - p), &why) != 0 ||
		    event_complete(&e, &why) != 0) {
			c->invalid++;
			break;
		}
		event_string(&e, EVENT_RE, &c->said);
		buf_addc(&c->said, ' ');
		event_string(&e, EVENT_VS, &c->said);
		line = json_value(p, (size_t)(newline - p));
		if (json_get(&line, "reason", &v)) {
			buf_adds(&c->said, ": ");
			json_text(&v, &c->said);
		}
		buf_addc(&c->said, '\n');
		p = newline + 1;
	}
	buf_clear(lines);
}

static inline void
commanded_answer(
    struct commanded *c, const void *data, size_t n, const void *opt, size_t m)
{
	struct buf b = { 0 };
	struct esp3_reader r = { 0 };
	struct esp3_packet p;

	esp3_add(&b, ESP3_RESPONSE, data, n, opt, m);
	esp3_feed(&r, b.p, b.len, c->mono);
	while (esp3_next(&r, &p))
		module_take(c->module, &p, c->mono);
	esp3_fini(&r);
	buf_fini(&b);
}

static inline void
commanded_note(struct commanded *c, const struct esp3_packet *p)
{
	size_t n = p->n, at = c->sent.len;

	for (size_t i = 0; i + 5 < n; i++)
		buf_addf(&c->sent, "%02X", p->data[i]);
	buf_addf(&c->sent, " %02X ", p->data[n - 1]);
	for (size_t i = n - 5; i < n - 1; i++)
		buf_addf(&c->sent, "%02X", p->data[i]);
	buf_addc(&c->sent, '>');
	for (size_t i = 1; i < 5 && i < p->nopt; i++)
		buf_addf(&c->sent, "%02X", p->opt[i]);
	if (c->on_sent != NULL)
		c->on_sent(c->arg, buf_cstr(&c->sent) + at);
	buf_addc(&c->sent, '\n');
}

/* Version and base id; the rest of what the module can do is not asked. */
static inline void
commanded_question(struct commanded *c, uint8_t code)
{
	static const uint8_t version[33] = { 0, 2, 11, 1, 0, 2, 6, 2, 0, 1, 2,
		3, 4, 'E', 'O', 1, 3, 'T', 'C', 'M' };
	static const uint8_t base[5] = { 0, 0xFF, 0x80, 0, 0 };
	static const uint8_t writes[1] = { 10 };

	if (c->deaf)
		return;
	if (code == 3)
		commanded_answer(c, version, sizeof version, NULL, 0);
	else
		commanded_answer(c, base, sizeof base, writes, 1);
}

/* All that can be done now. */
static inline void
commanded_pump(struct commanded *c)
{
	struct buf lines = { 0 }, bytes = { 0 };
	struct module_result r;
	struct esp3_packet p;
	int busy;

	do {
		busy = 0;
		actuator_tick(c->actuator, c->wall, c->mono, &lines);
		module_tick(c->module, c->mono, &bytes);
		esp3_feed(&c->reader, bytes.p, bytes.len, c->mono);
		buf_clear(&bytes);
		while (esp3_next(&c->reader, &p)) {
			busy = 1;
			if (p.type == ESP3_RADIO_ERP1)
				commanded_note(c, &p);
			else if (p.type == ESP3_COMMON_COMMAND)
				commanded_question(c, p.data[0]);
		}
		while (module_result(c->module, &r)) {
			busy = 1;
			actuator_sent(
			    c->actuator, &r, c->wall, c->mono, &lines);
		}
		commanded_take_lines(c, &lines);
	} while (busy);
	buf_fini(&lines);
	buf_fini(&bytes);
}

/* The module says how it did. */
static inline void
commanded_response(struct commanded *c, uint8_t code)
{
	commanded_answer(c, &code, 1, NULL, 0);
	commanded_pump(c);
}

static inline void
commanded_wait(struct commanded *c, int64_t us)
{
	int64_t end = c->mono + us;

	while (c->mono < end) {
		int64_t due = actuator_due(c->actuator);

		if (module_due(c->module) < due)
			due = module_due(c->module);
		if (due <= c->mono)
			due = c->mono + 1;
		if (due > end)
			due = end;
		c->wall += due - c->mono;
		c->mono = due;
		commanded_pump(c);
	}
}

static inline void
commanded_line(struct commanded *c, const char *line, size_t n)
{
	struct buf lines = { 0 };
	struct event e;
	const char *why;

	if (event_scan(&e, line, n, &why) != 0) {
		buf_addf(&c->said, "no event: %s\n", why);
		return;
	}
	if (actuator_command(c->actuator, &e, c->wall, c->mono, &lines) == 0)
		buf_adds(&c->said, "not ours\n");
	commanded_take_lines(c, &lines);
	buf_fini(&lines);
	commanded_pump(c);
}

/* A command that is well-formed; ttl in seconds, body as in the line. */
static inline void
commanded_give(struct commanded *c, const char *id, double ttl,
    const char *topic, const char *body)
{
	struct buf b = { 0 };

	buf_addf(&b,
	    "{\"topic\":\"%s\",\"t\":%" PRId64 ".%06d,\"id\":\"%s\","
	    "\"ttl\":%g,\"src\":\"op\",\"seq\":%u,%s}",
	    topic, c->wall / 1000000, (int)(c->wall % 1000000), id, ttl,
	    ++c->seq, body);
	commanded_line(c, b.p, b.len);
	buf_fini(&b);
}

/* A device's telegram: RORG and payload. */
static inline void
commanded_hear(struct commanded *c, uint64_t sender, const uint8_t *p, size_t n)
{
	struct device *dev = device_by_sender(c->devices, sender);
	struct telegram tel = { .t = c->wall,
		.sender = sender,
		.dest = TELEGRAM_BROADCAST,
		.p = p + 1,
		.n = n - 1,
		.rorg = p[0],
		.erp = 1 };
	const struct eep_message *m = NULL;
	struct buf lines = { 0 };

	if (dev == NULL)
		return;
	device_profile(dev, &tel, EEP_FROM_DEVICE, &m);
	if (m != NULL)
		actuator_heard(
		    c->actuator, dev, m, &tel, c->wall, c->mono, &lines);
	commanded_take_lines(c, &lines);
	buf_fini(&lines);
	commanded_pump(c);
}

#endif

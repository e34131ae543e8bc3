#include "device/enocean/gateway.h"

#include "base/stats.h"

static uint64_t
sum(const uint64_t *v)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < 256; i++)
		n += v[i];
	return n;
}

/* Those that came, each under its name, or its number. */
static void
add_named(struct buf *b, const uint64_t *v, const char *(*name_of)(uint8_t),
    const char *prefix)
{
	struct buf name = { 0 };

	for (unsigned i = 0; i < 256; i++) {
		if (v[i] == 0)
			continue;
		buf_clear(&name);
		buf_adds(&name, prefix);
		if (name_of((uint8_t)i) != NULL)
			buf_adds(&name, name_of((uint8_t)i));
		else
			buf_addf(&name, "%02X", i);
		stats_add(b, buf_cstr(&name), v[i]);
	}
	buf_fini(&name);
}

void
gateway_stats(
    const struct gateway *g, const struct esp3_counts *line, struct buf *b)
{
	const struct gateway_counts *c = gateway_counts(g);
	const struct {
		const char *name;
		uint64_t n;
	} rows[] = {
		{ "bytes", line->bytes },
		{ "skipped_bytes", line->skipped },
		{ "bad_header", line->bad_header },
		{ "bad_data", line->bad_data },
		{ "cut", line->cut },
		{ "telegrams", c->telegrams },
		{ "decoded", c->decoded },
		{ "repeated", c->repeated },
		{ "own", c->own },
		{ "malformed", c->malformed },
		{ "chained", c->chained },
		{ "broken", c->broken },
		{ "refused", c->refused },
		{ "unknown", c->unknown },
		{ "undecoded", c->undecoded },
		{ "overheard", c->overheard },
		{ "teach", c->teach },
	};

	stats_begin(b, "sg-proxy-enocean", sum(line->packets), c->events,
	    line->bad_header + line->bad_data + line->cut);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		stats_add(b, rows[i].name, rows[i].n);
	add_named(b, line->packets, esp3_type_name, "packet_");
	add_named(b, c->rorg, telegram_rorg_name, "rorg_");
}

/* What a swarm has done, for people and for programs. */
#include "base/date.h"
#include "base/num.h"
#include "bus/swarm.h"

enum { P50 = 500000, P99 = 990000, P999 = 999000, MS = 1000 };

static void
add_count(struct buf *b, uint64_t n, const char *what)
{
	buf_addu(b, n);
	buf_adds(b, what);
}

static double
rate(const struct swarm_counts *c)
{
	return c->time > 0 ? (double)c->acked * DATE_SECOND / (double)c->time
			   : 0;
}

void
swarm_text(struct swarm *s, struct buf *b)
{
	const struct swarm_counts *c = swarm_counts(s);
	const struct histogram *h = swarm_latency(s);

	buf_adds(b, "connections ");
	add_count(b, c->open, " of ");
	add_count(b, c->connections, " open, ");
	add_count(b, c->lost, " lost, ");
	add_count(b, c->failed, " attempts failed, ");
	buf_addf(b, "all in %.3f s, longest outage %.3f s\n",
	    (double)c->opening / DATE_SECOND,
	    (double)(c->away > c->outage ? c->away : c->outage) / DATE_SECOND);
	buf_adds(b, "events      ");
	add_count(b, c->sent, " sent, ");
	add_count(b, c->acked, " acknowledged, ");
	add_count(b, c->sent - c->acked, " pending, ");
	add_count(b, c->resent, " sent again, ");
	add_count(b, c->refused, " refused; ");
	buf_addf(b, "%.1f/s\n", rate(c));
	buf_addf(b,
	    "latency     p50 %.3f ms, p99 %.3f ms, p99.9 %.3f ms, "
	    "max %.3f ms\n",
	    (double)histogram_share(h, P50) / MS,
	    (double)histogram_share(h, P99) / MS,
	    (double)histogram_share(h, P999) / MS, (double)h->max / MS);
}

static void
add_seconds(struct buf *b, const char *name, int64_t us)
{
	buf_adds(b, name);
	num_add_micros(b, us);
}

void
swarm_event(struct swarm *s, const char *topic, struct buf *b)
{
	const struct swarm_counts *c = swarm_counts(s);
	const struct histogram *h = swarm_latency(s);
	const struct {
		const char *name;
		uint64_t n;
	} member[] = { { "connections", c->connections }, { "open", c->open },
		{ "lost", c->lost }, { "failed", c->failed },
		{ "sent", c->sent }, { "acked", c->acked }, { "safe", c->safe },
		{ "pending", c->sent - c->acked }, { "resent", c->resent },
		{ "refused", c->refused }, { "frames", c->frames },
		{ "bytes", c->bytes } };
	size_t i;

	buf_addf(b, "{\"topic\":\"%s\",\"t\":", topic);
	num_add_micros(b, date_now());
	for (i = 0; i < sizeof member / sizeof member[0]; i++) {
		buf_addf(
		    b, "%s\"%s\":", i == 0 ? ",\"m\":{" : ",", member[i].name);
		buf_addu(b, member[i].n);
	}
	buf_addf(b, ",\"rate\":%.1f", rate(c));
	add_seconds(b, ",\"time\":", c->time);
	add_seconds(b, ",\"opening\":", c->opening);
	add_seconds(b, ",\"away\":", c->away);
	add_seconds(b, ",\"outage\":", c->outage);
	add_seconds(b, ",\"p50\":", (int64_t)histogram_share(h, P50));
	add_seconds(b, ",\"p99\":", (int64_t)histogram_share(h, P99));
	add_seconds(b, ",\"p99.9\":", (int64_t)histogram_share(h, P999));
	add_seconds(b, ",\"max\":", (int64_t)h->max);
	buf_adds(b,
	    "},\"u\":{\"bytes\":\"B\",\"rate\":\"1/s\",\"time\":\"s\","
	    "\"opening\":\"s\",\"away\":\"s\",\"outage\":\"s\",\"p50\":\"s\","
	    "\"p99\":\"s\","
	    "\"p99.9\":\"s\",\"max\":\"s\"}}\n");
}

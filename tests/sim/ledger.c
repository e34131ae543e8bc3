/*
 * What producers have said and brokers have answered, and whether it is so.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

static struct {
	unsigned char durable[PRODUCERS][NUMBERS + 1]; /* by broker, a bit */
	uint64_t local[PRODUCERS], safe[PRODUCERS];    /* highest told */
} ledger;

void
ledger_reset(void)
{
	memset(&ledger, 0, sizeof ledger);
}

uint64_t
ledger_chan(int p)
{
	return p == FLOW ? wire_mark_chan(FLOW_CURSOR)
			 : 0x5eed000000000001u + (uint64_t)p;
}

uint64_t
ledger_mark(int p, uint64_t q)
{
	return p == FLOW ? q - q % MARKS : 0;
}

int
ledger_refused(int p, uint64_t q)
{
	return (p == FLOW && q == ledger_mark(p, q)) ||
	    (p == 0 && q % 13 == 0) || (p == 1 && q / 4 % 9 == 3);
}

static int
topic_of(uint64_t q)
{
	return q % 5 == 0 ? -1 : (int)(q % 3);
}

void
ledger_line(struct buf *b, int p, uint64_t q)
{
	if (ledger_refused(p, q))
		buf_adds(b, "{\"topic\":\"$SG/NONE\"");
	else if (topic_of(q) < 0)
		buf_adds(b, "{\"topic\":\"MEASUREMENT/SENSOR/all/Power\"");
	else
		buf_addf(b, "{\"topic\":\"MEASUREMENT/SENSOR/%d-%d/Power\"", p,
		    topic_of(q));
	buf_addf(b, ",\"t\":1767225600,\"v\":%" PRIu64 ",\"u\":\"W\"}\n",
	    (uint64_t)p * 100000 + q);
}

int
ledger_parse(const char *line, size_t n, int *p, uint64_t *q)
{
	const char *v = memmem(line, n, "\"v\":", 4);
	unsigned long number;
	char *end;

	if (memmem(line, n, "\"topic\":\"$SG/", 13) != NULL)
		return 0;
	if (v == NULL) {
		sim_violation("strange event", "%.*s", (int)n, line);
		return -1;
	}
	number = strtoul(v + 4, &end, 10);
	*p = (int)(number / 100000);
	*q = number % 100000;
	if (*end == ',' && *p<PRODUCERS && * q> 0 && *q <= NUMBERS &&
	    !ledger_refused(*p, *q))
		return 1;
	sim_violation("strange event", "%.*s", (int)n, line);
	return -1;
}

int
ledger_producer(const char *from, uint64_t chan)
{
	int p = from[0] == 'p' ? from[1] - '0' : PRODUCERS;

	return p >= 0 && p < PRODUCERS && chan == ledger_chan(p) ? p : -1;
}

void
ledger_durable(
    int x, const char *from, uint64_t chan, uint64_t first, uint64_t events)
{
	int p = ledger_producer(from, chan);
	uint64_t i;

	if (p < 0)
		return;
	for (i = first; i < first + events && i <= NUMBERS; i++)
		ledger.durable[p][i] |= 1 << x;
}

static int
is_durable(int p, uint64_t q, int everywhere)
{
	int there = ledger.durable[p][q];

	return ledger_refused(p, q) || (everywhere ? there == 3 : there != 0);
}

int
ledger_has(int x, int p, uint64_t upto)
{
	uint64_t q;

	for (q = 1; q <= upto && q <= NUMBERS; q++)
		if (!ledger_refused(p, q) &&
		    (ledger.durable[p][q] & 1 << x) == 0)
			return 0;
	return 1;
}

int
ledger_safe(const char *from, uint64_t chan, uint64_t first, uint64_t n)
{
	int p = ledger_producer(from, chan);
	uint64_t q;

	for (q = first; p >= 0 && q < first + n && q <= NUMBERS; q++)
		if (!is_durable(p, q, 1))
			return 0;
	return 1;
}

void
ledger_told(int x, int p, uint64_t local, uint64_t safe)
{
	uint64_t q;

	/* Without a log it is told before it is kept. */
	for (q = ledger.local[p] + 1; q <= local && q <= NUMBERS; q++)
		if (!(world.disks & DISK_NONE) && !is_durable(p, q, 0))
			sim_violation("not durable",
			    "%s says local %" PRIu64 " to p%d, but %" PRIu64
			    " is on no disk",
			    world.broker[x].name, local, p, q);
	for (q = ledger.safe[p] + 1; q <= safe && q <= NUMBERS; q++)
		if (!is_durable(p, q, 1))
			sim_violation("not safe",
			    "%s says safe %" PRIu64 " to p%d, but %" PRIu64
			    " was never on both disks",
			    world.broker[x].name, safe, p, q);
	if (local > ledger.local[p])
		ledger.local[p] = local;
	if (safe > ledger.safe[p])
		ledger.safe[p] = safe;
}

int
ledger_shared(const char *line, size_t n)
{
	return memmem(line, n, "/SENSOR/all/", 12) != NULL;
}

void
ledger_check_last(const char *line, size_t n)
{
	uint64_t q, k;
	int p;

	if (ledger_parse(line, n, &p, &q) != 1 || topic_of(q) < 0)
		return;
	for (k = q + 1; k <= producer_last(p); k++)
		if (topic_of(k) == topic_of(q) && !ledger_refused(p, k)) {
			sim_violation("last value old",
			    "p%d:%d although there is %d", p, (int)q, (int)k);
			return;
		}
}

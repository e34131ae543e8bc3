/*
 * Producers: they keep what is not safe, send from local + 1 to the broker
 * they had and from safe + 1 to another one, and go back where a broker
 * misses something.
 */
#include <stdio.h>
#include <string.h>

#include "base/date.h"
#include "sim.h"

enum { FLIGHT = 3, BATCH = 5, HELLO = 1 };

static struct producer {
	struct front_conn *conn;
	int x;	 /* broker, the one it had last if there is no conn */
	int had; /* broker that local and sent are about */
	uint64_t given, sent, local, safe;
	int flight; /* frames unanswered */
	int rewind; /* a broker misses something: back to local */
	int asked;  /* a hello is under way */
	uint64_t tag;
	int64_t heard;
	struct buf text;
} producers[PRODUCERS];

void
producers_reset(void)
{
	int i;

	for (i = 0; i < PRODUCERS; i++) {
		struct producer *p = &producers[i];

		buf_fini(&p->text);
		memset(p, 0, sizeof *p);
		p->x = p->had = (int)sim_random(BROKERS);
		p->tag = HELLO;
	}
}

void
producers_free(void)
{
	int i;

	for (i = 0; i < PRODUCERS; i++)
		buf_fini(&producers[i].text);
}

uint64_t
producer_last(int i)
{
	return producers[i].given;
}

int
producer_done(int i)
{
	return producers[i].safe >= producers[i].given;
}

static void
leave(int i, const char *why, int other)
{
	struct producer *p = &producers[i];

	sim_trace("p%d leaves %s: %s", i, world.broker[p->x].name, why);
	if (p->conn != NULL)
		net_close(p->conn);
	p->conn = NULL;
	p->flight = p->rewind = p->asked = 0;
	if (other)
		p->x = 1 - p->x;
}

static void
dial(int i)
{
	struct producer *p = &producers[i];

	p->conn = net_dial(PRODUCER + i, p->x);
	if (p->conn == NULL) {
		p->x = 1 - p->x;
		return;
	}
	p->heard = world.time;
	if (p->x != p->had)
		p->local = p->safe;
	p->sent = p->local;
	p->had = p->x;
	sim_trace("p%d connects to %s, goes on after %d, safe %d", i,
	    world.broker[p->x].name, (int)p->sent, (int)p->safe);
}

/* The header; how many of the n numbers are in the frame, with its mark. */
static uint64_t
add_results(struct producer *p, const char *from, uint64_t n)
{
	struct wire_mark m = { .name = FLOW_CURSOR, .t = world.time + 1 };
	const uint64_t next = ledger_mark(FLOW, p->sent) + MARKS;

	m.after = next - MARKS;
	if (p->sent + n >= next)
		n = next - p->sent;
	m.has_cursor = p->sent + n == next;
	m.cursor.n = 1;
	memcpy(m.cursor.at[0].name, "F", 2);
	m.cursor.at[0].start = 1;
	m.cursor.at[0].n = next;
	snprintf(m.id, sizeof m.id, "%d", (int)next);
	wire_pub_mark(&p->text, from, p->sent + 1, n - (uint64_t)m.has_cursor,
	    p->safe, &m);
	return n;
}

static void
send_frame(int i, uint64_t n)
{
	struct producer *p = &producers[i];
	char from[] = { 'p', (char)('0' + i), '\0' };
	uint64_t k;

	buf_clear(&p->text);
	if (i == FLOW)
		n = add_results(p, from, n);
	else
		wire_pub(
		    &p->text, from, ledger_chan(i), p->sent + 1, n, p->safe);
	for (k = 1; k <= n; k++)
		if (ledger_mark(i, p->sent + k) != p->sent + k || i != FLOW)
			ledger_line(&p->text, i, p->sent + k);
	sim_trace("p%d -> %s: first %d n %d safe %d", i,
	    world.broker[p->x].name, (int)p->sent + 1, (int)n, (int)p->safe);
	net_send(p->conn, ++p->tag, &p->text);
	p->sent += n;
	if (p->flight++ == 0)
		p->heard = world.time;
}

static void
answered(int i, const struct wire_reply *r)
{
	struct producer *p = &producers[i];

	p->flight--;
	sim_trace("%s -> p%d: %s local %d safe %d", world.broker[p->x].name, i,
	    r->ok ? "ok" : r->error, (int)r->local, (int)r->safe);
	if (r->ok || strcmp(r->error, "gap") == 0) {
		p->local = r->local > p->safe ? r->local : p->safe;
		if (r->safe > p->safe)
			p->safe = r->safe;
		if (world.mutant == MUTANT_LOCAL_IS_SAFE)
			p->safe = p->local;
		if (!r->ok)
			p->rewind = 1;
		if (p->flight == 0 && (p->rewind || p->local < p->sent)) {
			p->sent = p->local;
			p->rewind = 0;
		}
		if (p->local > p->sent)
			p->sent = p->local;
	} else {
		if (strcmp(r->error, "bad") == 0)
			sim_violation("bad request", "p%d: %.*s", i,
			    (int)r->why.n, r->why.p);
		leave(i, r->error,
		    strcmp(r->error, "behind") == 0 || sim_chance(300));
	}
}

static void
receive(int i)
{
	struct producer *p = &producers[i];
	struct wire_reply r;
	const char *why;
	uint64_t tag;
	int got;

	while (p->conn != NULL) {
		buf_clear(&p->text);
		got = net_receive(p->conn, &tag, &p->text);
		if (got < 0)
			leave(i, "reset", sim_chance(500));
		if (got <= 0)
			return;
		p->heard = world.time;
		if (tag == HELLO)
			p->asked = 0;
		else if (wire_reply_parse(&r, p->text.p, p->text.len, &why) ==
		    0)
			answered(i, &r);
		else
			sim_violation("bad answer", "p%d: %s", i, why);
	}
}

/* A broker that is silent is asked whether it lives. */
static void
listen(int i)
{
	struct producer *p = &producers[i];

	if (p->flight == 0 || p->conn == NULL)
		return;
	if (p->heard + 2 * DATE_SECOND < world.time) {
		leave(i, "silent", 1);
	} else if (!p->asked && p->heard + DATE_SECOND < world.time) {
		buf_clear(&p->text);
		wire_hello(&p->text);
		net_send(p->conn, HELLO, &p->text);
		p->asked = 1;
	}
}

static void
send_some(int i)
{
	struct producer *p = &producers[i];
	uint64_t left = p->given - p->sent;

	if (p->conn == NULL || p->rewind || p->flight >= FLIGHT)
		return;
	if (p->sent < p->given)
		send_frame(i, 1 + sim_random(left < BATCH ? left : BATCH));
	else if (p->flight == 0 && p->safe < p->given)
		send_frame(i, 0);
}

void
producer_say(int i, uint64_t n)
{
	struct producer *p = &producers[i];

	if (p->given + n <= NUMBERS)
		p->given += n;
}

void
producer_step(int i)
{
	struct producer *p = &producers[i];

	if (!world.healing && sim_chance(500))
		producer_say(i, 1 + sim_random(4));
	receive(i);
	listen(i);
	if (!world.healing && p->conn != NULL && sim_chance(20))
		leave(i, "wants to", 1);
	if (p->conn == NULL)
		dial(i);
	send_some(i);
}

/*
 * The broker's connection to its twin: as bus/client.h says, over the
 * network of fake_gate.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/die.h"
#include "bus/client.h"
#include "sim.h"

enum { CLIENT_FD = 100, FLIGHT_MAX = 256, SILENCE = 2 * DATE_SECOND };

static const uint64_t hello_tag = UINT64_MAX;

struct client {
	int x, other;
	struct front_conn *conn;
	int connected; /* said hello */
	unsigned generation;
	uint64_t flight[FLIGHT_MAX];
	size_t flights;
	uint64_t lost[FLIGHT_MAX]; /* CLIENT_LOST still to be told */
	size_t losts;
	int tell;  /* CLIENT_CONNECTED, too */
	int fresh; /* something has come since the last client_next() */
	int64_t heard, alone; /* since when, date_mono() */
	int64_t retry;
	int64_t pause; /* not dialled until then */
	struct buf reply;
};

static struct client *clients[BROKERS];

struct client *
client_begin(const struct client_config *config, const char **why)
{
	struct client *c = xcalloc(1, sizeof *c);

	*why = NULL;
	c->x = world.current;
	c->other = 1 - c->x;
	c->retry = config->retry;
	c->alone = date_mono();
	clients[c->x] = c;
	return c;
}

struct client *
client_open(const struct client_config *config, const char **why)
{
	return client_begin(config, why);
}

void
client_close(struct client *c)
{
	if (c == NULL)
		return;
	if (c->conn != NULL)
		net_close(c->conn);
	clients[c->x] = NULL;
	buf_fini(&c->reply);
	free(c);
}

const char *
client_broker(const struct client *c)
{
	return world.broker[c->other].name;
}

const char *
client_url(const struct client *c)
{
	return c->other == 0 ? "sim://A" : "sim://B";
}

const struct cert *
client_peer(const struct client *c)
{
	(void)c;
	return NULL;
}

unsigned
client_generation(const struct client *c)
{
	return c->generation;
}

int
client_fd(const struct client *c)
{
	return CLIENT_FD + c->x;
}

const char *
client_why(const struct client *c)
{
	(void)c;
	return "simulated";
}

void
client_retry(struct client *c, int64_t retry)
{
	c->retry = retry;
}

int
client_send(struct client *c, uint64_t tag, struct buf *msg)
{
	if (!c->connected || world.broker[c->x].dying) {
		errno = EAGAIN;
		return -1;
	}
	if (c->flights == FLIGHT_MAX)
		die(EXIT_BUG, "too many requests to the twin");
	if (c->flights == 0)
		c->heard = date_mono();
	c->flight[c->flights++] = tag;
	net_send(c->conn, tag, msg);
	return 0;
}

int
client_send_lines(
    struct client *c, uint64_t tag, struct buf *head, const void *p, size_t n)
{
	if (!c->connected) {
		errno = EAGAIN;
		return -1;
	}
	buf_add(head, p, n);
	return client_send(c, tag, head);
}

static void
drop(struct client *c, const char *why)
{
	sim_trace("%s: the connection to %s is gone: %s",
	    world.broker[c->x].name, client_broker(c), why);
	net_close(c->conn);
	c->conn = NULL;
	if (c->connected) {
		memcpy(c->lost, c->flight, c->flights * sizeof *c->flight);
		c->losts = c->flights;
		c->fresh = 1;
	}
	c->connected = c->tell = 0;
	c->flights = 0;
	c->alone = date_mono();
	buf_clear(&c->reply);
}

void
client_leave(struct client *c, const char *why)
{
	if (c->conn == NULL)
		return;
	drop(c, why);
	c->pause = date_mono() + DATE_SECOND;
}

static void
dial(struct client *c)
{
	struct buf hello = { 0 };

	if (c->pause > date_mono())
		return;
	c->conn = world.healing || sim_chance(300)
	    ? net_dial(TWIN + c->x, c->other)
	    : NULL;
	if (c->conn == NULL)
		return;
	c->heard = date_mono();
	wire_hello(&hello);
	net_send(c->conn, hello_tag, &hello);
	buf_fini(&hello);
}

static void
landed(struct client *c, uint64_t tag)
{
	size_t i;

	for (i = 0; i < c->flights && c->flight[i] != tag; i++)
		;
	if (i == c->flights)
		die(EXIT_BUG, "a reply to nothing");
	c->flight[i] = c->flight[--c->flights];
}

/* Bring in the next reply, unless one waits: 1, 0, -1 as net_receive(). */
static int
receive(struct client *c, uint64_t *tag)
{
	int got = net_receive(c->conn, tag, &c->reply);

	if (got == 1)
		c->heard = date_mono();
	return got;
}

static void
greeted(struct client *c)
{
	buf_clear(&c->reply);
	c->connected = c->tell = c->fresh = 1;
	c->generation++;
	sim_trace(
	    "%s: connected to %s", world.broker[c->x].name, client_broker(c));
}

void
client_work(void)
{
	struct client *c = clients[world.current];
	uint64_t tag;
	int got;

	if (c == NULL || c->losts != 0 || world.broker[c->x].dying)
		return;
	if (c->conn == NULL)
		dial(c);
	if (c->conn == NULL)
		return;
	if (!c->connected) {
		got = receive(c, &tag);
		if (got == 1)
			greeted(c);
		else if (got < 0)
			drop(c, "no greeting");
	} else if (net_arrived(c->conn)) {
		c->fresh = 1;
	}
	if (c->conn != NULL && (c->flights != 0 || !c->connected) &&
	    c->heard + SILENCE < date_mono())
		drop(c, "silence");
}

int
client_ready(int x, int fd)
{
	return clients[x] != NULL && fd == CLIENT_FD + x && clients[x]->fresh;
}

int
client_next(struct client *c, struct client_event *event, int64_t deadline)
{
	const char *why;
	uint64_t tag;
	int got;

	(void)deadline;
	memset(event, 0, sizeof *event);
	buf_clear(&c->reply);
	c->fresh = 0;
	client_work();
	c->fresh = 0;
	if (c->losts != 0) {
		event->result = CLIENT_LOST;
		event->tag = c->lost[--c->losts];
		return 0;
	}
	if (c->tell) {
		c->tell = 0;
		event->result = CLIENT_CONNECTED;
		return 0;
	}
	if (!c->connected) {
		if (date_mono() - c->alone < c->retry)
			return 0;
		c->alone = date_mono();
		errno = ETIMEDOUT;
		return -1;
	}
	got = receive(c, &tag);
	if (got < 0) {
		drop(c, "reset");
		return client_next(c, event, 0);
	}
	if (got == 0)
		return 0;
	landed(c, tag);
	event->result = CLIENT_REPLY;
	event->tag = tag;
	if (wire_reply_parse(&event->reply, c->reply.p, c->reply.len, &why) !=
	    0)
		sim_violation("bad answer", "to the twin: %s", why);
	return 0;
}

int
client_call(struct client *c, struct buf *msg, struct client_event *event,
    int64_t deadline)
{
	(void)c;
	(void)msg;
	(void)event;
	(void)deadline;
	die(EXIT_BUG, "client_call: not simulated");
}

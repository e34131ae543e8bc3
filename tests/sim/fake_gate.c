/*
 * The network: connections are two queues of messages, which arrive when the
 * scheduler says so, and the broker's gate hands out what has arrived.
 */
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/die.h"
#include "broker/gate.h"
#include "sim.h"

struct message {
	uint64_t tag;
	char *p;
	size_t n;
};

struct queue {
	struct message *v;
	size_t first, arrived, n, cap;
};

struct front_conn {
	struct front_conn *next;
	int who, x;
	struct front *front; /* NULL: the broker's end is gone */
	void *data;
	int open;			 /* the client's end is */
	int broken;			 /* nothing gets through any more */
	int noticed_here, noticed_there; /* by the client, by the broker */
	struct queue up, down;
};

struct front {
	int x;
	int fd[8];
	size_t fds;
	int idle;
	struct front_counts counts;
};

struct gate {
	struct front *front;
	struct actors *actors;
	struct gate_counts counts;
};

/* Queues. */

static void
queue_put(struct queue *q, uint64_t tag, const void *p, size_t n)
{
	struct message *m;

	if (q->n == q->cap) {
		q->cap = q->cap ? q->cap * 2 : 8;
		q->v = xrealloc(q->v, q->cap * sizeof *q->v);
	}
	m = &q->v[q->n++];
	m->tag = tag;
	m->p = xmalloc(n + 1);
	memcpy(m->p, p, n);
	m->n = n;
}

static void
queue_fini(struct queue *q)
{
	for (; q->first < q->n; q->first++)
		free(q->v[q->first].p);
	free(q->v);
	memset(q, 0, sizeof *q);
}

static struct message *
queue_take(struct queue *q)
{
	return q->first < q->arrived ? &q->v[q->first++] : NULL;
}

static void
queue_flow(struct queue *q, int all)
{
	size_t left = q->n - q->arrived;

	if (left != 0)
		q->arrived += all ? left : 1 + sim_random(left);
}

/* The client's end. */

struct front_conn *
net_dial(int who, int x)
{
	struct front_conn *c;

	if (world.broker[x].b == NULL || !world.link[who][x])
		return NULL;
	c = xcalloc(1, sizeof *c);
	c->who = who;
	c->x = x;
	c->front = world.broker[x].front;
	c->open = 1;
	c->next = world.conns;
	world.conns = c;
	return c;
}

void
net_send(struct front_conn *c, uint64_t tag, struct buf *msg)
{
	queue_put(&c->up, tag, msg->p, msg->len);
	buf_clear(msg);
}

int
net_receive(struct front_conn *c, uint64_t *tag, struct buf *msg)
{
	struct message *m = queue_take(&c->down);

	if (m != NULL) {
		*tag = m->tag;
		buf_add(msg, m->p, m->n);
		free(m->p);
		return 1;
	}
	return c->noticed_here ? -1 : 0;
}

int
net_arrived(const struct front_conn *c)
{
	return c->down.first < c->down.arrived || c->noticed_here;
}

void
net_close(struct front_conn *c)
{
	if (world.link[c->who][c->x] && sim_chance(500))
		queue_flow(&c->up, 1);
	c->open = 0;
	c->broken = 1;
}

static void
notice(struct front_conn *c, int all)
{
	if (!c->broken)
		return;
	if (all || sim_chance(300))
		c->noticed_here = 1;
	if (all || sim_chance(c->open ? 300 : 600))
		c->noticed_there = 1;
}

/* Both ends are gone. */
static void
sweep(void)
{
	struct front_conn **at = &world.conns, *c;

	while ((c = *at) != NULL) {
		if (c->open || c->front != NULL) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		queue_fini(&c->up);
		queue_fini(&c->down);
		free(c);
	}
}

void
net_flow(int all)
{
	struct front_conn *c;

	for (c = world.conns; c != NULL; c = c->next) {
		notice(c, all);
		if (c->broken || !world.link[c->who][c->x])
			continue;
		if (all || sim_chance(700))
			queue_flow(&c->up, all);
		if (all || sim_chance(700))
			queue_flow(&c->down, all);
	}
	sweep();
}

void
net_reset(int who, int x)
{
	struct front_conn *c;

	for (c = world.conns; c != NULL; c = c->next)
		if (c->who == who && c->x == x)
			c->broken = 1;
}

void
net_cut(int who, int x)
{
	world.link[who][x] = 0;
	if (sim_chance(500))
		net_reset(who, x);
}

void
net_heal(int who, int x)
{
	world.link[who][x] = 1;
}

void
net_free(void)
{
	struct front_conn *c;

	for (c = world.conns; c != NULL; c = c->next) {
		c->open = 0;
		c->front = NULL;
	}
	sweep();
}

/* The broker's end: front.h and gate.h. */

struct front *
front_new(const struct front_limits *limits)
{
	struct front *f = xcalloc(1, sizeof *f);

	(void)limits;
	f->x = world.current;
	world.broker[f->x].front = f;
	return f;
}

int
front_listen(struct front *f, const char *url, const char **why)
{
	(void)f;
	(void)url;
	*why = NULL;
	return 0;
}

const char *
front_url(const struct front *f, size_t i)
{
	(void)f;
	(void)i;
	return NULL;
}

int
front_watch(struct front *f, int fd)
{
	if (fd >= 0)
		f->fd[f->fds++] = fd;
	return 0;
}

int
front_idle(const struct front *f)
{
	return f->idle;
}

const struct front_counts *
front_counts(const struct front *f)
{
	return &f->counts;
}

void
front_log(struct front *f,
    void (*fn)(void *ctx, const char *conn, const char *why), void *ctx)
{
	(void)f;
	(void)fn;
	(void)ctx;
}

void
front_report(struct front *f, const char *name, const char *why)
{
	(void)f;
	sim_trace("%s: %s", name, why);
}

void
front_drain(struct front *f, int64_t deadline)
{
	(void)f;
	(void)deadline;
}

void
front_cut(struct front *f, struct front_conn *conn, const char *why)
{
	(void)f;
	sim_trace("%s cut off by %s: %s", sim_who(conn->who),
	    world.broker[conn->x].name, why);
	conn->broken = conn->noticed_here = conn->noticed_there = 1;
}

const char *
front_conn_name(const struct front_conn *conn)
{
	return sim_who(conn->who);
}

int
front_conn_local(const struct front_conn *conn)
{
	(void)conn;
	return 1;
}

const unsigned char *
front_conn_address(const struct front_conn *conn)
{
	static const unsigned char none[16];

	(void)conn;
	return none;
}

void
front_free(struct front *f)
{
	struct front_conn *c;

	for (c = world.conns; c != NULL; c = c->next)
		if (c->front == f) {
			c->front = NULL;
			c->broken = 1;
		}
	world.broker[f->x].front = NULL;
	free(f);
}

struct gate *
gate_new(struct front *front, const struct gate_options *options)
{
	struct gate *g = xcalloc(1, sizeof *g);

	g->front = front;
	g->actors = actors_new(&options->actor);
	return g;
}

void
gate_free(struct gate *g)
{
	if (g == NULL)
		return;
	actors_free(g->actors);
	free(g);
}

void
gate_set(struct front_conn *conn, void *data)
{
	conn->data = data;
}

void *
gate_get(const struct front_conn *conn)
{
	return conn->data;
}

struct grant *
gate_grant(const struct front_conn *conn)
{
	(void)conn;
	return NULL;
}

struct actors *
gate_actors(struct gate *g)
{
	return g->actors;
}

void
gate_turn(struct gate *g, int64_t now)
{
	(void)g;
	(void)now;
}

int
gate_reload(struct gate *g, const char **why)
{
	(void)g;
	*why = "not here";
	return -1;
}

const char *
gate_list(
    struct gate *g, const char *kid, size_t n, const char *text, size_t len)
{
	(void)g;
	(void)kid;
	(void)n;
	(void)text;
	(void)len;
	return "no network";
}

const char *
gate_doubts(const struct gate *g, const struct cert *cert)
{
	(void)g;
	(void)cert;
	return NULL;
}

const struct gate_counts *
gate_counts(const struct gate *g)
{
	return &g->counts;
}

/* A request that has arrived. */
static int
take_request(struct front *f, struct front_conn *c, struct front_event *event)
{
	struct message *m = queue_take(&c->up);

	if (m == NULL)
		return 0;
	event->kind = FRONT_REQUEST;
	event->route.conn = c;
	memcpy(event->route.hops, &m->tag, sizeof m->tag);
	event->route.hops_len = sizeof m->tag;
	event->body = blob_new(m->n + 1);
	memcpy(event->body->p, m->p, m->n);
	event->body->len = m->n;
	free(m->p);
	f->counts.requests++;
	return 1;
}

static int
take_closed(struct front_conn *c, struct front_event *event)
{
	if (!c->noticed_there || c->up.first < c->up.arrived)
		return 0;
	c->front = NULL;
	event->kind = FRONT_CLOSED;
	event->route.conn = c;
	return c->data != NULL;
}

static int
take_readable(struct front *f, struct front_event *event)
{
	size_t i, k, start = sim_random(f->fds + 1);

	for (i = 0; i < f->fds; i++) {
		k = (i + start) % f->fds;
		if (!disk_ready(world.broker[f->x].disk, f->fd[k]) &&
		    !client_ready(f->x, f->fd[k]))
			continue;
		event->kind = FRONT_READABLE;
		event->fd = f->fd[k];
		return 1;
	}
	return 0;
}

static int
take_message(struct front *f, struct front_event *event)
{
	struct front_conn *c;

	for (c = world.conns; c != NULL; c = c->next)
		if (c->front == f &&
		    (take_request(f, c, event) || take_closed(c, event)))
			return 1;
	return 0;
}

int
gate_next(struct gate *g, struct front_event *event, int64_t deadline)
{
	struct front *f = g->front;
	int files = world.broker[f->x].dying || sim_chance(500);

	(void)deadline;
	if (world.leaving) { /* nobody else moves meanwhile */
		world.time += 1000;
		disk_work(world.broker[f->x].disk, 1);
	}
	client_work();
	memset(event, 0, sizeof *event);
	f->idle = 0;
	if (files && take_readable(f, event))
		return 0;
	if (!world.broker[f->x].dying && take_message(f, event))
		return 0;
	if (!files && take_readable(f, event))
		return 0;
	f->idle = 1;
	event->kind = FRONT_TIME;
	return 0;
}

/* What the ledger has to know of an answer on its way to a producer. */
static void
look_at_answer(const struct front_conn *c, const struct buf *text)
{
	struct wire_reply r;
	const char *why;

	if (c->who >= PRODUCER + PRODUCERS || world.broker[c->x].dying)
		return;
	if (wire_reply_parse(&r, text->p, text->len, &why) != 0)
		sim_violation("bad answer", "%s", why);
	else if (r.ok)
		ledger_told(c->x, c->who - PRODUCER, r.local, r.safe);
}

void
gate_reply(struct gate *g, const struct front_route *route,
    const struct front_piece *pieces, size_t n)
{
	struct front_conn *c = route->conn;
	struct buf text = { 0 };
	uint64_t tag;
	size_t i;

	for (i = 0; i < n; i++) {
		buf_add(&text, pieces[i].p, pieces[i].n);
		blob_unref(pieces[i].blob);
	}
	if (c->front != g->front)
		sim_violation("answer after end", "to %s", sim_who(c->who));
	look_at_answer(c, &text);
	memcpy(&tag, route->hops, sizeof tag);
	if (!c->broken && !world.broker[c->x].dying)
		queue_put(&c->down, tag, text.p, text.len);
	g->front->counts.replies++;
	buf_fini(&text);
}

/*
 * Many connections with little traffic each, the paper's main case: what a
 * broker's CPU time an event is.  Speaks SP (sg-broker) and MQTT 3.1.1 with
 * QoS 0 or 1 (any MQTT broker) over plain sockets from one epoll loop, so
 * that no client library gets into the figures.
 *
 *	connections [-c N] [-r RATE] [-s BYTES] [-d SECONDS] [-T MS] [-w] [-H]
 *	    sg|mqtt0|mqtt1 ADDRESS PID
 *
 * ADDRESS is a socket's path or HOST:PORT, PID the broker's process.  Each of
 * N connections sends RATE events a second of BYTES bytes, evenly spread.
 * -T wakes up once in MS only, and does then what is due, as sg-sim does, and
 * the connections do not send in the order in which they were made.
 * -w adds one subscriber to everything.  Prints one line of columns separated
 * by tabs; -H prints their names before it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/date.h"
#include "base/die.h"
#include "base/num.h"
#include "bus/sp.h"

#include "common/load.h"

enum kind { KIND_SG, KIND_MQTT0, KIND_MQTT1 };

enum { READY = 256, SCRATCH = 1 << 18, GRACE = DATE_SECOND };

enum mqtt_packet {
	MQTT_CONNECT = 0x10,
	MQTT_CONNACK = 0x20,
	MQTT_PUBLISH = 0x30,
	MQTT_PUBLISH_QOS1 = 0x32,
	MQTT_PUBACK = 0x40,
	MQTT_SUBSCRIBE = 0x82
};

static struct {
	enum kind kind;
	const char *address;
	pid_t pid;
	int connections, watch;
	double rate, seconds, tick;
	size_t size;
} o = { .connections = 1000, .rate = 1, .size = 800, .seconds = 10 };

struct conn {
	int fd;
	int subscriber;
	unsigned number;
	uint64_t sent, acked;
	int64_t at; /* of the event not yet acknowledged */
	struct buf in;
	struct sp_reader reader;
};

struct run {
	int epoll;
	struct conn *conns; /* the subscriber, if any, is the last */
	uint64_t sent, acked, received;
	uint32_t channel;  /* of this run: used again, it would be a repeat */
	uint32_t *latency; /* us */
	size_t nlatency;
	struct buf out, line;
};

static void
receive_all(int fd, void *p, size_t n)
{
	if (recv(fd, p, n, MSG_WAITALL) != (ssize_t)n)
		die(EXIT_PROTOCOL, "the broker closed the connection");
}

/* --- SP --- */

static enum sp_transport
transport(void)
{
	return o.address[0] == '/' ? SP_IPC : SP_TCP;
}

static void
sp_send(struct conn *c, struct buf *out, const char *p, size_t n)
{
	static const uint8_t id[] = { 0x80, 0, 0, 1 };
	uint8_t head[SP_HEAD_MAX];

	buf_clear(out);
	buf_add(out, head, sp_head(head, transport(), id, sizeof id, n));
	buf_add(out, p, n);
	load_send(c->fd, out->p, out->len);
}

static void
sp_open(struct conn *c)
{
	uint8_t greeting[SP_GREETING];

	sp_greeting(greeting, SP_REQ);
	load_send(c->fd, greeting, sizeof greeting);
	sp_reader_init(&c->reader, transport(), SP_REP, 1 << 24);
}

static void
sp_publish(struct run *r, struct conn *c)
{
	static struct buf request;

	buf_clear(&request);
	buf_addf(&request,
	    "{\"op\":\"pub\",\"from\":\"c%u\",\"chan\":\"%08x%08x\","
	    "\"first\":%llu}\n",
	    c->number, r->channel, c->number, (unsigned long long)c->sent);
	buf_add(&request, r->line.p, r->line.len);
	sp_send(c, &r->out, request.p, request.len);
}

static void
sp_fetch(struct run *r, struct conn *c, const char *request)
{
	sp_send(c, &r->out, request, strlen(request));
}

/* --- MQTT 3.1.1 --- */

static void
mqtt_begin(struct buf *b, enum mqtt_packet type, size_t rest)
{
	buf_clear(b);
	buf_addc(b, (char)type);
	for (; rest > 127; rest /= 128)
		buf_addc(b, (char)(rest % 128 | 128));
	buf_addc(b, (char)rest);
}

static void
mqtt_u16(struct buf *b, unsigned v)
{
	buf_addc(b, (char)(v >> 8));
	buf_addc(b, (char)v);
}

static void
mqtt_string(struct buf *b, const char *s)
{
	mqtt_u16(b, (unsigned)strlen(s));
	buf_adds(b, s);
}

static void
mqtt_open(struct run *r, struct conn *c)
{
	char id[32];
	uint8_t ack[4];

	snprintf(id, sizeof id, "bench-%u", c->number);
	mqtt_begin(&r->out, MQTT_CONNECT, 12 + strlen(id));
	mqtt_string(&r->out, "MQTT");
	buf_addc(&r->out, 4);
	buf_addc(&r->out, 2); /* clean session */
	mqtt_u16(&r->out, 600);
	mqtt_string(&r->out, id);
	load_send(c->fd, r->out.p, r->out.len);
	receive_all(c->fd, ack, sizeof ack);
	if (ack[0] != MQTT_CONNACK || ack[3] != 0)
		die(EXIT_PROTOCOL, "CONNECT refused");
	if (!c->subscriber)
		return;
	mqtt_begin(&r->out, MQTT_SUBSCRIBE, 6);
	mqtt_u16(&r->out, 1);
	mqtt_string(&r->out, "#");
	buf_addc(&r->out, o.kind == KIND_MQTT1);
	load_send(c->fd, r->out.p, r->out.len);
}

static void
mqtt_publish(struct run *r, struct conn *c)
{
	int qos1 = o.kind == KIND_MQTT1;
	char topic[64];

	snprintf(topic, sizeof topic, "MEASUREMENT/METER/m%u/Load", c->number);
	mqtt_begin(&r->out, qos1 ? MQTT_PUBLISH_QOS1 : MQTT_PUBLISH,
	    2 + strlen(topic) + (qos1 ? 2 : 0) + r->line.len);
	mqtt_string(&r->out, topic);
	if (qos1)
		mqtt_u16(&r->out, (unsigned)(c->sent % 65535 + 1));
	buf_add(&r->out, r->line.p, r->line.len);
	load_send(c->fd, r->out.p, r->out.len);
}

/* --- both --- */

/* One event line of exactly o.size bytes. */
static void
line_make(struct run *r, const struct conn *c)
{
	static const char end[] = "\"}\n";
	struct buf *b = &r->line;
	size_t pad;

	buf_clear(b);
	buf_addf(
	    b, "{\"topic\":\"MEASUREMENT/METER/m%u/Load\",\"t\":", c->number);
	buf_addf(b, "%lld", (long long)(date_now() / DATE_SECOND));
	buf_addf(b, ",\"v\":%llu,\"x\":\"", (unsigned long long)c->sent);
	pad = b->len + sizeof end - 1 < o.size
	    ? o.size - b->len - (sizeof end - 1)
	    : 0;
	memset(buf_room(b, pad), 'x', pad);
	b->len += pad;
	buf_adds(b, end);
}

static void
conn_publish(struct run *r, struct conn *c)
{
	c->sent++;
	r->sent++;
	c->at = date_mono();
	line_make(r, c);
	if (o.kind == KIND_SG)
		sp_publish(r, c);
	else
		mqtt_publish(r, c);
}

static void
acknowledged(struct run *r, struct conn *c)
{
	c->acked++;
	r->acked++;
	if (r->nlatency < (size_t)(o.connections * o.rate * o.seconds) + 1)
		r->latency[r->nlatency++] = (uint32_t)(date_mono() - c->at);
}

static size_t
count_lines(const char *p, size_t n)
{
	const char *end = p + n;
	size_t lines = 0;

	while (p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		lines++;
		p++;
	}
	return lines;
}

static void
sp_reply(struct run *r, struct conn *c, const char *p, size_t n)
{
	if (n < 11 || memcmp(p, "{\"ok\":true,", 11) != 0)
		die(EXIT_PROTOCOL, "the broker answers %.*s",
		    (int)(n < 200 ? n : 200), p);
	if (!c->subscriber) {
		acknowledged(r, c);
		return;
	}
	r->received += count_lines(p, n) - 1;
	sp_fetch(r, c, "{\"op\":\"fetch\",\"sub\":1,\"wait\":1}");
}

/* Whole replies at the start of c->in; returns the bytes used. */
static size_t
sp_take(struct run *r, struct conn *c)
{
	const char *p = c->in.p, *why;
	size_t n = c->in.len, used = 0;

	for (;;) {
		struct sp_reader before = c->reader;
		enum sp_step step = sp_read(&c->reader, &p, &n, &why);

		if (step == SP_BAD)
			die(EXIT_PROTOCOL, "the broker %s", why);
		if (step == SP_MESSAGE && n >= c->reader.body) {
			sp_reply(r, c, p, (size_t)c->reader.body);
			p += c->reader.body;
			n -= c->reader.body;
		} else if (step != SP_GREETED) {
			c->reader = before;
			return used;
		}
		used = (size_t)(p - c->in.p);
	}
}

static void
mqtt_packet(struct run *r, struct conn *c, const char *p, size_t n)
{
	const unsigned char type = (unsigned char)p[0];
	char ack[4] = { MQTT_PUBACK, 2 };
	size_t topic;

	if (type == MQTT_PUBACK)
		acknowledged(r, c);
	if ((type & 0xf0) != MQTT_PUBLISH)
		return;
	r->received++;
	if ((type & 6) == 0)
		return;
	while (*++p & 0x80)
		n--;
	topic = (size_t)(unsigned char)p[1] << 8 | (unsigned char)p[2];
	memcpy(ack + 2, p + 3 + topic, 2);
	load_send(c->fd, ack, sizeof ack);
}

static size_t
mqtt_take(struct run *r, struct conn *c)
{
	const unsigned char *p = (const unsigned char *)c->in.p;
	size_t used = 0, n, i;

	for (;;) {
		size_t left = c->in.len - used, rest = 0;

		for (i = 1, n = 0; i < left && i < 5; i++) {
			rest |= (size_t)(p[used + i] & 127) << 7 * (i - 1);
			if (p[used + i] < 128) {
				n = 1 + i + rest;
				break;
			}
		}
		if (n == 0 || n > left)
			return used;
		mqtt_packet(r, c, c->in.p + used, n);
		used += n;
	}
}

static void
conn_read(struct run *r, struct conn *c)
{
	char *room = buf_room(&c->in, SCRATCH);
	ssize_t n = recv(c->fd, room, SCRATCH, MSG_DONTWAIT);

	if (n == -1 && errno == EAGAIN)
		return;
	if (n <= 0)
		die(EXIT_UNAVAILABLE, "connection %u: %s", c->number,
		    n == 0 ? "closed by the broker" : strerror(errno));
	c->in.len += (size_t)n;
	buf_cut(&c->in, o.kind == KIND_SG ? sp_take(r, c) : mqtt_take(r, c));
	/* Thousands of idle buffers would be a burden of our own. */
	if (c->in.len == 0 && !c->subscriber)
		buf_fini(&c->in);
}

static int
poll_once(struct run *r, int64_t until)
{
	struct epoll_event ready[READY];
	int64_t left = until - date_mono();
	int n, i;

	n = epoll_wait(
	    r->epoll, ready, READY, left > 0 ? (int)((left + 999) / 1000) : 0);
	for (i = 0; i < n; i++)
		conn_read(r, ready[i].data.ptr);
	return n;
}

/* All that has come, however many they are. */
static void
poll_all(struct run *r)
{
	while (poll_once(r, 0) == READY)
		;
}

static void
conns_open(struct run *r)
{
	int total = o.connections + o.watch, i;

	r->conns = xcalloc((size_t)total, sizeof *r->conns);
	for (i = 0; i < total; i++) {
		struct conn *c = &r->conns[i];
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

		c->number = (unsigned)i;
		c->subscriber = i == o.connections;
		c->fd = load_connect(o.address);
		if (o.kind == KIND_SG)
			sp_open(c);
		else
			mqtt_open(r, c);
		epoll_ctl(r->epoll, EPOLL_CTL_ADD, c->fd, &e);
		if (c->subscriber && o.kind == KIND_SG)
			sp_fetch(r, c,
			    "{\"op\":\"fetch\",\"sub\":1,\"filters\":[\"#\"],"
			    "\"wait\":1}");
	}
}

/* Event k of all leaves at start + k / (connections * rate). */
static void
load(struct run *r)
{
	double total = o.connections * o.rate;
	int64_t start = date_mono(), due;
	uint64_t events = (uint64_t)(total * o.seconds), k;

	for (k = 0; k < events; k++) {
		due = start + (int64_t)((double)k / total * DATE_SECOND);
		while (date_mono() < due)
			poll_once(r, due);
		conn_publish(r, &r->conns[k % (uint64_t)o.connections]);
		poll_once(r, 0);
	}
}

/*
 * The number of connections that lie between one that sends and the next, so
 * that each has its turn, but not its neighbour after it: meters do not send
 * in the order in which they connected.
 */
static uint64_t
stride(uint64_t connections)
{
	uint64_t step = connections * 618 / 1000 + 1;

	while (num_common_divisor((int64_t)step, (int64_t)connections) != 1)
		step++;
	return step;
}

/* The same, but the events of a tick leave together. */
static void
load_by_ticks(struct run *r)
{
	const uint64_t n = (uint64_t)o.connections, step = stride(n);
	const double total = o.connections * o.rate;
	const int64_t start = date_mono(), tick = (int64_t)(o.tick * 1000);
	const uint64_t events = (uint64_t)(total * o.seconds);
	uint64_t k = 0, due;
	int64_t next = start;

	while (k < events) {
		next += tick;
		while (date_mono() < next)
			usleep((useconds_t)(next - date_mono()));
		poll_all(r);
		due = (uint64_t)((double)(date_mono() - start) * total /
		    DATE_SECOND);
		for (; k < due && k < events; k++)
			conn_publish(r, &r->conns[k * step % n]);
	}
}

/* Greetings and subscriptions get through before the first event. */
static void
rest(struct run *r, int64_t until)
{
	while (date_mono() < until)
		poll_once(r, until);
}

static void
settle(struct run *r)
{
	int64_t end = date_mono() + GRACE;

	while (date_mono() < end &&
	    !(o.kind != KIND_MQTT0 && r->acked == r->sent && !o.watch))
		poll_once(r, end);
}

static int
compare(const void *a, const void *b)
{
	uint32_t x, y;

	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return (x > y) - (x < y);
}

static uint32_t
quantile(const struct run *r, double q)
{
	if (r->nlatency == 0)
		return 0;
	return r->latency[(size_t)(q * (double)(r->nlatency - 1))];
}

static void
options(int argc, char **argv)
{
	static const char *const kinds[] = { "sg", "mqtt0", "mqtt1" };
	int c;

	while ((c = getopt(argc, argv, "c:r:s:d:T:wH")) != -1)
		switch (c) {
		case 'c': o.connections = (int)strtol(optarg, NULL, 10); break;
		case 'r': o.rate = strtod(optarg, NULL); break;
		case 's': o.size = strtoul(optarg, NULL, 10); break;
		case 'd': o.seconds = strtod(optarg, NULL); break;
		case 'T': o.tick = strtod(optarg, NULL); break;
		case 'w': o.watch = 1; break;
		case 'H':
			puts("kind\tconnections\trate\tsize\tsent\tacked"
			     "\treceived\tcpu_us_per_event\tp50_us\tp99_us"
			     "\tanon_bytes_per_connection");
			break;
		default: exit(EXIT_USAGE);
		}
	if (argc - optind != 3 || o.connections < 1)
		die(EXIT_USAGE, "see the comment at the top of the source");
	for (c = 0; c < 3 && strcmp(argv[optind], kinds[c]) != 0; c++)
		continue;
	if (c == 3)
		die(EXIT_USAGE, "%s: not sg, mqtt0 or mqtt1", argv[optind]);
	o.kind = (enum kind)c;
	o.address = argv[optind + 1];
	o.pid = (pid_t)strtol(argv[optind + 2], NULL, 10);
}

static void
print(const struct run *r, const char *kind, int64_t cpu, long memory)
{
	printf("%s\t%d\t%g\t%zu\t%llu\t%llu\t%llu\t%.2f\t%u\t%u\t%ld\n", kind,
	    o.connections, o.rate, o.size, (unsigned long long)r->sent,
	    (unsigned long long)r->acked, (unsigned long long)r->received,
	    r->sent > 0 ? (double)cpu / (double)r->sent : 0.0, quantile(r, 0.5),
	    quantile(r, 0.99), memory / o.connections);
}

int
main(int argc, char **argv)
{
	struct run r = { 0 };
	long memory;
	int64_t cpu;

	die_name(argv[0]);
	options(argc, argv);
	load_files();
	r.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (getrandom(&r.channel, sizeof r.channel, 0) == -1)
		die(EXIT_BUG, "getrandom: %s", strerror(errno));
	r.latency = xcalloc((size_t)(o.connections * o.rate * o.seconds) + 1,
	    sizeof *r.latency);
	memory = load_memory(o.pid);
	conns_open(&r);
	rest(&r, date_mono() + GRACE);
	memory = load_memory(o.pid) - memory;
	cpu = load_cpu(o.pid);
	if (o.tick > 0)
		load_by_ticks(&r);
	else
		load(&r);
	settle(&r);
	cpu = load_cpu(o.pid) - cpu;
	qsort(r.latency, r.nlatency, sizeof *r.latency, compare);
	print(&r, argv[argc - 3], cpu, memory);
	return r.acked < r.sent && o.kind != KIND_MQTT0 ? EXIT_NO : EXIT_OK;
}

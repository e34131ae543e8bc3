#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/date.h"
#include "bus/swarm.h"
#include "bus/wire.h"
#include "check.h"
#include "fake_broker.h"

enum { METERS = 5, EACH = 20, STEP = 2000, LONG = 20 * DATE_SECOND };

/* What the broker does with the n-th publish request of all. */
enum trouble {
	NONE,
	GAP,
	BUSY,
	FULL,
	LIMIT,
	CUT,	  /* before it took the frame */
	LATE_CUT, /* after that */
	SILENT,
	NO_JSON,
	REFUSED /* a line of it */
};

static struct {
	enum trouble trouble;
	unsigned at, until; /* requests for which there is trouble */
	unsigned requests, hellos, byes;
	uint64_t last[METERS]; /* of each channel, in order of their names */
	int silent;	       /* meter + 1, to whom until it connects again */
	int wrong;	       /* a frame that is not as it has to be */
	const char *hello;
} broker;

static char url[64];
static int64_t begun;

static int64_t
due(void *ctx, uint32_t i, uint64_t k)
{
	(void)ctx;
	return k > EACH ? INT64_MAX : begun + (int64_t)(k * STEP + i * 100);
}

static void
line(void *ctx, uint32_t i, uint64_t k, struct buf *out)
{
	(void)ctx;
	buf_addf(out, "{\"m\":%u,\"k\":%llu}\n", i, (unsigned long long)k);
}

static const char *
name(void *ctx, uint32_t i)
{
	static char text[16];

	(void)ctx;
	snprintf(text, sizeof text, "meter/%u", i);
	return text;
}

/* Take the lines of one frame as a broker does. */
static void
take(const struct wire_request *r, unsigned meter)
{
	const char *p = r->lines, *end = p + r->lines_len, *lf;
	struct buf want = { 0 };
	uint64_t k;

	if (r->first > broker.last[meter] + 1)
		broker.wrong = 1;
	for (k = r->first; p < end; k++, p = lf + 1) {
		lf = memchr(p, '\n', (size_t)(end - p));
		buf_clear(&want);
		line(NULL, meter, k, &want);
		if (lf == NULL || want.len != (size_t)(lf + 1 - p) ||
		    memcmp(p, want.p, want.len) != 0) {
			broker.wrong = 1;
			break;
		}
		if (k > broker.last[meter])
			broker.last[meter] = k;
	}
	if (k - r->first != (uint64_t)r->n)
		broker.wrong = 1;
	buf_fini(&want);
}

static void
marks(struct buf *reply, const char *before, unsigned meter, const char *after)
{
	const unsigned long long n = broker.last[meter];

	buf_addf(
	    reply, "%s,\"local\":%llu,\"safe\":%llu%s}", before, n, n, after);
}

static enum fake_deed
trouble(const struct wire_request *r, unsigned meter, struct buf *reply)
{
	switch (broker.trouble) {
	case GAP:
		marks(reply, "{\"ok\":false,\"error\":\"gap\"", meter, "");
		return FAKE_REPLY;
	case BUSY:
		buf_adds(
		    reply, "{\"ok\":false,\"error\":\"busy\",\"after\":0.02}");
		return FAKE_REPLY;
	case FULL:
		marks(reply, "{\"ok\":false,\"error\":\"full\"", meter, "");
		return FAKE_REPLY;
	case LIMIT:
		buf_adds(reply,
		    "{\"ok\":false,\"error\":\"limit\",\"why\":\"too much\"}");
		return FAKE_REPLY;
	case LATE_CUT:
		take(r, meter);
		/* FALLTHROUGH */
	case CUT: return FAKE_CUT;
	case SILENT: broker.silent = (int)meter + 1; return FAKE_SILENT;
	case NO_JSON: buf_adds(reply, "hello?"); return FAKE_REPLY;
	case REFUSED:
		take(r, meter);
		marks(reply, "{\"ok\":true", meter,
		    ",\"refused\":[[1,\"not this one\"]]");
		return FAKE_REPLY;
	case NONE: break;
	}
	take(r, meter);
	marks(reply, "{\"ok\":true", meter, "");
	return FAKE_REPLY;
}

static enum fake_deed
publish(const struct wire_request *r, struct buf *reply)
{
	unsigned meter = (unsigned)(r->from.p[r->from.n - 1] - '0');

	broker.requests++;
	if (!r->has_chan || r->from.n != 7 || meter >= METERS) {
		broker.wrong = 1;
		return FAKE_CUT;
	}
	if (broker.silent == (int)meter + 1 && broker.hellos == METERS)
		return FAKE_SILENT;
	if (broker.requests >= broker.at && broker.requests <= broker.until)
		return trouble(r, meter, reply);
	take(r, meter);
	marks(reply, "{\"ok\":true", meter, "");
	return FAKE_REPLY;
}

static enum fake_deed
answer(void *ctx, const char *p, size_t n, struct buf *reply)
{
	struct wire_request r;
	const char *why;

	(void)ctx;
	if (wire_request_parse(&r, p, n, &why) != 0) {
		broker.wrong = 1;
		return FAKE_CUT;
	}
	switch (r.op) {
	case WIRE_HELLO:
		broker.hellos++;
		buf_adds(reply, broker.hello);
		return FAKE_REPLY;
	case WIRE_PUB: return publish(&r, reply);
	case WIRE_BYE:
		broker.byes++;
		buf_adds(reply, "{\"ok\":true}");
		return FAKE_REPLY;
	default: broker.wrong = 1; return FAKE_CUT;
	}
}

static struct swarm_config
config(void)
{
	return (struct swarm_config){ .urls = url,
		.connections = METERS,
		.spread = 1000,
		.pause_min = 5000,
		.pause_max = 50000,
		.patience = DATE_SECOND / 4,
		.source = { NULL, due, line, name } };
}

static void
begin(enum trouble what, unsigned at, unsigned until)
{
	memset(&broker, 0, sizeof broker);
	broker.trouble = what;
	broker.at = at;
	broker.until = until;
	broker.hello = "{\"ok\":true,\"sg\":1,\"name\":\"f\"}";
}

/* Connect all; 0 if that fails. */
static int
connect_all(struct swarm *s)
{
	int64_t end = date_mono() + LONG;

	while (swarm_counts(s)->open < METERS && date_mono() < end)
		if (swarm_turn(s, end) != 0)
			return 0;
	return swarm_counts(s)->open == METERS;
}

static int
finish(struct swarm *s)
{
	int64_t end = date_mono() + LONG;

	while (!swarm_finished(s) && date_mono() < end)
		if (swarm_turn(s, end) != 0)
			return 0;
	return swarm_finished(s);
}

static void
bye(struct swarm *s)
{
	int64_t end = date_mono() + LONG;

	swarm_bye(s);
	while (swarm_counts(s)->open > 0 && date_mono() < end &&
	    swarm_turn(s, end) == 0)
		;
	check(swarm_counts(s)->open == 0, "open after bye");
}

static const struct {
	enum trouble trouble;
	unsigned at, until; /* there are five requests at least */
	int lost;	    /* connections */
	unsigned refused;
	const char *why; /* the swarm's, a part of it */
} runs[] = {
	{ NONE, 0, 0, 0, 0, "" },
	{ GAP, 3, 3, 0, 0, "gap" },
	{ BUSY, 3, 5, 0, 0, "busy" },
	{ FULL, 3, 3, 0, 0, "full" },
	{ LIMIT, 4, 4, 1, 0, "too much" },
	{ CUT, 5, 5, 1, 0, "" },
	{ CUT, 1, 5, 1, 0, "" },
	{ LATE_CUT, 2, 5, 1, 0, "" },
	{ SILENT, 5, 5, 1, 0, "does not answer" },
	{ NO_JSON, 5, 5, 1, 0, "" },
	{ REFUSED, 4, 5, 0, 2, "not this one" },
};

static void
run(size_t i)
{
	struct swarm_config c = config();
	const struct swarm_counts *n;
	struct fake_broker b = { 0 };
	struct swarm *s;
	const char *why = "";
	unsigned k;

	begin(runs[i].trouble, runs[i].at, runs[i].until);
	fake_listen(&b, url);
	fake_serve(&b, answer, NULL);
	s = swarm_new(&c, &why);
	check(s != NULL && connect_all(s), "%zu: not connected: %s", i, why);
	begun = date_mono();
	swarm_start(s);
	check(finish(s), "%zu: not finished: %s", i, swarm_why(s));
	n = swarm_counts(s);
	check(n->sent == METERS * EACH && n->acked == METERS * EACH &&
		n->safe == METERS * EACH,
	    "%zu: %llu sent, %llu acknowledged", i, (unsigned long long)n->sent,
	    (unsigned long long)n->acked);
	check((n->lost > 0) == runs[i].lost, "%zu: %llu lost", i,
	    (unsigned long long)n->lost);
	check(n->refused == runs[i].refused, "%zu: %llu refused", i,
	    (unsigned long long)n->refused);
	check((n->resent > 0) ==
		(runs[i].trouble != NONE && runs[i].trouble != REFUSED),
	    "%zu: %llu sent again", i, (unsigned long long)n->resent);
	check(swarm_latency(s)->n == METERS * EACH, "%zu: latencies", i);
	check(strstr(swarm_why(s), runs[i].why) != NULL, "%zu: why %s", i,
	    swarm_why(s));
	check((runs[i].lost > 0) == (n->outage > 0), "%zu: outage", i);
	bye(s);
	swarm_free(s);
	fake_stop(&b);
	check(!broker.wrong, "%zu: a frame that is not as it has to be", i);
	check(broker.byes == METERS, "%zu: %u byes", i, broker.byes);
	for (k = 0; k < METERS; k++)
		check(broker.last[k] == EACH, "%zu: meter %u: %llu", i, k,
		    (unsigned long long)broker.last[k]);
}

static void
test_runs(void)
{
	size_t i;

	for (i = 0; i < sizeof runs / sizeof runs[0]; i++)
		run(i);
}

/* All of a run but its end, with what the broker saw of it. */
static void
test_drop(void)
{
	struct swarm_config c = config();
	struct fake_broker b = { 0 };
	const char *why = "";
	struct swarm *s;
	int i;

	begin(NONE, 0, 0);
	fake_listen(&b, url);
	fake_serve(&b, answer, NULL);
	c.connects = 1000;
	s = swarm_new(&c, &why);
	check(connect_all(s), "not connected");
	begun = date_mono();
	swarm_start(s);
	for (i = 0; i < 3; i++) {
		swarm_turn(s, date_mono() + 8000);
		swarm_drop(s);
		check(swarm_counts(s)->open == 0, "open after a drop");
		check(connect_all(s), "not back");
	}
	check(finish(s), "not finished: %s", swarm_why(s));
	check(swarm_counts(s)->lost == 3 * METERS, "lost %llu",
	    (unsigned long long)swarm_counts(s)->lost);
	bye(s);
	swarm_free(s);
	fake_stop(&b);
	check(broker.byes == METERS, "%u byes", broker.byes);
	check(broker.hellos == 4 * METERS, "%u hellos", broker.hellos);
	for (i = 0; i < METERS; i++)
		check(broker.last[i] == EACH, "meter %d: %llu", i,
		    (unsigned long long)broker.last[i]);
	check(!broker.wrong, "a frame that is not as it has to be");
}

static void
test_stop(void)
{
	struct swarm_config c = config();
	struct fake_broker b = { 0 };
	const char *why = "";
	struct swarm *s;

	begin(NONE, 0, 0);
	fake_listen(&b, url);
	fake_serve(&b, answer, NULL);
	s = swarm_new(&c, &why);
	check(connect_all(s), "not connected");
	begun = date_mono();
	swarm_start(s);
	swarm_turn(s, date_mono() + 3 * STEP);
	swarm_stop(s);
	check(finish(s), "not finished: %s", swarm_why(s));
	check(swarm_counts(s)->sent == swarm_counts(s)->acked, "pending");
	check(swarm_counts(s)->sent < METERS * EACH, "not stopped");
	swarm_free(s);
	fake_stop(&b);
}

/* A broker that does not want us, or what we send. */
static void
test_denied(void)
{
	struct swarm_config c = config();
	struct fake_broker b = { 0 };
	const char *why = "";
	struct swarm *s;
	int64_t end;

	begin(NONE, 0, 0);
	broker.hello =
	    "{\"ok\":false,\"error\":\"denied\",\"why\":\"go away\"}";
	fake_listen(&b, url);
	fake_serve(&b, answer, NULL);
	s = swarm_new(&c, &why);
	end = date_mono() + LONG;
	while (swarm_counts(s)->failed < 2 * METERS && date_mono() < end)
		swarm_turn(s, end);
	check(swarm_denied(s) && strstr(swarm_why(s), "go away") != NULL,
	    "denied: %s", swarm_why(s));
	check(swarm_counts(s)->open == 0, "open");
	swarm_free(s);
	begin(NONE, 0, 0);
	broker.hello = "{\"ok\":false,\"error\":\"bad\",\"why\":\"sg 2\"}";
	s = swarm_new(&c, &why);
	while (swarm_turn(s, end) == 0 && date_mono() < end)
		;
	check(errno == EPROTO && strstr(swarm_why(s), "sg 2") != NULL,
	    "bad: %s", swarm_why(s));
	swarm_free(s);
	fake_stop(&b);
}

static void
refused(const char *urls, int error, const char *want)
{
	struct swarm_config c = config();
	const char *why = NULL;
	struct swarm *s;

	c.urls = urls;
	s = swarm_new(&c, &why);
	check(s == NULL && errno == error && why != NULL &&
		strstr(why, want) != NULL,
	    "%s: %s", urls, s != NULL ? "taken" : why);
	swarm_free(s);
}

static void
test_refusals(void)
{
	char path[200] = "ipc:///";

	memset(path + 7, 'x', 120);
	refused("http://x", EINVAL, "neither ipc");
	refused("ipc:///a,tcp://", EINVAL, "tcp://: ");
	refused("tcp://127.0.0.1:1", ENOKEY, "give a key");
	refused(path, EINVAL, "107 bytes");
	refused("ipc:///a,ipc:///b,ipc:///c,ipc:///d,ipc:///e,ipc:///f,"
		"ipc:///g,ipc:///h,ipc:///i",
	    EINVAL, "too many URLs");
}

int
main(void)
{
	snprintf(url, sizeof url, "ipc:///tmp/test_swarm.%d", (int)getpid());
	test_refusals();
	test_denied();
	test_drop();
	test_stop();
	test_runs();
	return check_done();
}

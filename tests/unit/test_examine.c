/* What is made of a broker's state: one that says what the test wants. */
#include "bus/examine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/date.h"
#include "check.h"
#include "fake_broker.h"

static const struct {
	const char *stat; /* members after "uptime" */
	enum health_state broker, cursors;
	const char *text; /* of which one finding has this */
	const char *why;
} rows[] = {
	{ "", HEALTH_OK, HEALTH_OK, "broker A answers in ", "nothing special" },
	{ ",\"degraded\":[\"full\"]", HEALTH_CRITICAL, HEALTH_OK,
	    "its disk is full", "full" },
	{ ",\"degraded\":[\"memory\"]", HEALTH_WARNING, HEALTH_OK,
	    "keeps nothing on disk", "memory" },
	{ ",\"degraded\":[\"memory\",\"full\"]", HEALTH_CRITICAL, HEALTH_OK,
	    "its disk is full", "both" },
	{ ",\"degraded\":\"full\"", HEALTH_OK, HEALTH_OK, "broker A",
	    "degraded is no list" },
	{ ",\"twin\":{\"name\":\"B\",\"connected\":true,\"synced\":true,"
	  "\"behind\":0,\"since\":900}",
	    HEALTH_OK, HEALTH_OK, "in step with its twin B", "in step" },
	{ ",\"twin\":{\"name\":\"B\",\"connected\":true,\"synced\":true,"
	  "\"behind\":12,\"since\":900}",
	    HEALTH_OK, HEALTH_OK, "12 events behind its twin B",
	    "a little behind" },
	{ ",\"twin\":{\"name\":\"B\",\"connected\":true,\"synced\":true,"
	  "\"behind\":20000,\"since\":900}",
	    HEALTH_WARNING, HEALTH_OK, "20000 events behind", "far behind" },
	{ ",\"twin\":{\"url\":\"tcp://"
	  "b:1\",\"connected\":true,\"synced\":false,"
	  "\"behind\":0,\"since\":900}",
	    HEALTH_WARNING, HEALTH_OK, "behind its twin tcp://b:1",
	    "has not met it yet" },
	{ ",\"twin\":{\"name\":\"B\",\"connected\":false,\"synced\":true,"
	  "\"behind\":0,\"since\":970}",
	    HEALTH_WARNING, HEALTH_OK, "its twin B is away for 30.0s", "away" },
	{ ",\"twin\":{\"name\":\"B\",\"connected\":false,\"synced\":true,"
	  "\"behind\":0,\"since\":900}",
	    HEALTH_CRITICAL, HEALTH_OK, "its twin B is away for 1m40s",
	    "away for long" },
	{ ",\"cursors\":{\"a\":{\"lag\":50,\"held\":true}}", HEALTH_OK,
	    HEALTH_OK, "a: 50 events behind, held", "a cursor" },
	{ ",\"cursors\":{\"a\":{\"lag\":150,\"held\":true}}", HEALTH_OK,
	    HEALTH_WARNING, "a: 150 events behind, held", "behind" },
	{ ",\"cursors\":{\"a\":{\"lag\":250,\"held\":false}}", HEALTH_OK,
	    HEALTH_CRITICAL, "a: 250 events behind, not held", "far behind" },
	{ ",\"cursors\":{\"a\":{\"lag\":5,\"held\":true,\"at_risk\":true}}",
	    HEALTH_OK, HEALTH_WARNING, "retention may soon overtake it",
	    "at risk" },
	{ ",\"cursors\":{\"a\":{\"held\":false}}", HEALTH_OK, HEALTH_CRITICAL,
	    "a: what it has not read is no longer kept", "gone" },
	{ ",\"cursors\":{},\"cursors_more\":7", HEALTH_OK, HEALTH_UNKNOWN,
	    "7 more cursors are not told", "too many" },
};

struct told {
	struct health broker, cursors;
};

static enum fake_deed
answer(void *ctx, const char *p, size_t n, struct buf *reply)
{
	const char *stat = ctx;

	if (memmem(p, n, "hello", 5) != NULL) {
		buf_adds(reply,
		    "{\"ok\":true,\"sg\":1,\"name\":\"A\",\"log\":\"A.1\","
		    "\"time\":1000,\"limits\":{}}");
		return FAKE_REPLY;
	}
	buf_adds(reply,
	    "{\"ok\":true,\"name\":\"A\",\"time\":1000,\"uptime\":5,"
	    "\"refused\":3");
	if (strstr(stat, "\"cursors\"") == NULL)
		buf_adds(reply, ",\"cursors\":{}");
	buf_addf(reply, "%s}", stat);
	return FAKE_REPLY;
}

static int
says(const struct health *h, const char *text)
{
	char whole[2048];

	for (size_t i = 0; i < h->nfinding; i++) {
		snprintf(whole, sizeof whole, "%s: %s", h->finding[i].subject,
		    h->finding[i].text);
		if (strstr(whole, text) != NULL)
			return 1;
	}
	return 0;
}

static void
test_row(size_t i, const char *url)
{
	struct client_config config = { .urls = url };
	struct examine x = { .config = &config,
		.limits = { 100, 200 },
		.away = 60 * DATE_SECOND };
	struct fake_broker b = { 0 };
	struct told told;
	char stat[256];

	snprintf(stat, sizeof stat, "%s", rows[i].stat);
	fake_listen(&b, url);
	fake_serve(&b, answer, stat);
	health_init(&told.broker, "broker");
	health_init(&told.cursors, "lag");
	x.deadline = date_mono() + 20 * DATE_SECOND;
	check(examine_broker(&x, &told.broker) == 0 &&
		examine_cursors(&x, &told.cursors) == 0,
	    "%s: cannot ask", rows[i].why);
	check(health_state(&told.broker) == rows[i].broker,
	    "%s: the broker is %s", rows[i].why,
	    health_name(health_state(&told.broker)));
	check(health_state(&told.cursors) == rows[i].cursors,
	    "%s: the cursors are %s", rows[i].why,
	    health_name(health_state(&told.cursors)));
	check(says(&told.broker, rows[i].text) ||
		says(&told.cursors, rows[i].text),
	    "%s: nothing says %s", rows[i].why, rows[i].text);
	health_fini(&told.broker);
	health_fini(&told.cursors);
	fake_stop(&b);
}

static enum fake_deed
silent(void *ctx, const char *p, size_t n, struct buf *reply)
{
	(void)ctx;
	(void)p;
	(void)n;
	(void)reply;
	return FAKE_SILENT;
}

/* One that greets and then says nothing holds nobody up. */
static enum fake_deed
greets(void *ctx, const char *p, size_t n, struct buf *reply)
{
	char nothing[] = "";

	(void)ctx;
	return memmem(p, n, "hello", 5) != NULL ? answer(nothing, p, n, reply)
						: FAKE_SILENT;
}

static void
test_silence(const char *url,
    enum fake_deed (*deed)(
	void *ctx, const char *p, size_t n, struct buf *reply),
    const char *why)
{
	struct client_config config = { .urls = url };
	struct examine x = { .config = &config,
		.limits = { NAN, NAN },
		.deadline = date_mono() + DATE_SECOND / 5 };
	struct fake_broker b = { 0 };
	struct health h;

	fake_listen(&b, url);
	fake_serve(&b, deed, NULL);
	health_init(&h, "broker");
	examine_broker(&x, &h);
	check(health_state(&h) == HEALTH_CRITICAL && says(&h, "no answer"),
	    "%s: %s", why, h.nfinding > 0 ? h.finding[0].text : "nothing");
	check(date_mono() < x.deadline + 10 * DATE_SECOND, "%s: waits", why);
	health_fini(&h);
	fake_stop(&b);
}

static void
test_spans(void)
{
	static const struct {
		int64_t us;
		const char *want;
	} spans[] = { { 0, "0.00ms" }, { 450, "0.45ms" },
		{ 999999, "1000.00ms" }, { 1500000, "1.5s" },
		{ 65000000, "1m5s" }, { INT64_C(3720000000), "1h2m" },
		{ INT64_C(90000000000), "1d1h" }, { -5, "0.00ms" } };
	char text[EXAMINE_SPAN];

	for (size_t i = 0; i < sizeof spans / sizeof *spans; i++)
		check(
		    strcmp(examine_span(spans[i].us, text), spans[i].want) == 0,
		    "%lld us is %s", (long long)spans[i].us, text);
}

int
main(void)
{
	char dir[] = "/tmp/sg-examine.XXXXXX", url[64];

	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(url, sizeof url, "ipc://%s/b", dir);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		test_row(i, url);
	test_silence(url, silent, "no hello");
	test_silence(url, greets, "no state");
	test_spans();
	unlink(url + 6);
	rmdir(dir);
	return check_done();
}

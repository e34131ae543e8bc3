/*
 * The publisher against a broker in the same process that keeps one channel
 * as wire.h says and makes the trouble that a plan asks for.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/date.h"
#include "bus/publisher.h"
#include "check.h"
#include "fake_broker.h"

/*
 * What is done with the pub requests, one letter each, the last for ever:
 * o take it, g gap, f full, b busy, w busy for 10 ms, d denied, c take it and
 * cut the connection unanswered, x cut it without taking, l safe lags behind.
 */
struct broker {
	struct fake_broker fake;
	const char *plan;
	uint64_t last, lag;
	struct buf stored;
	int bye;
};

/* Take the lines of a frame that are new: 0, or the line that is "bad". */
static int64_t
take(struct broker *b, const struct wire_request *r, struct buf *refused)
{
	const char *at = r->lines, *lf;
	int64_t i;

	for (i = 1; i <= r->n; i++, at = lf + 1) {
		lf = strchr(at, '\n');
		if (strncmp(at, "bad", 3) == 0)
			return i;
	}
	at = r->lines;
	for (i = 1; i <= r->n; i++, at = lf + 1) {
		lf = strchr(at, '\n');
		if (r->first + (uint64_t)i - 1 <= b->last)
			continue;
		b->last++;
		if (strncmp(at, "no", 2) == 0 || *at == '{')
			buf_addf(refused, "%s[%lld,\"never\"]",
			    refused->len ? "," : "", (long long)i);
		else
			buf_add(&b->stored, at, (size_t)(lf - at + 1));
	}
	return 0;
}

/* The answer to a frame that is taken. */
static void
answer_taken(struct broker *b, const struct wire_request *r, struct buf *reply)
{
	struct buf refused = { 0 };
	int64_t line = take(b, r, &refused);

	if (line > 0) {
		buf_addf(reply,
		    "{\"ok\":false,\"error\":\"bad\",\"line\":%lld,"
		    "\"why\":\"too bad\"}\n",
		    (long long)line);
	} else {
		buf_addf(reply,
		    "{\"ok\":true,\"local\":%llu,\"safe\":%llu,"
		    "\"refused\":[%s]}\n",
		    (unsigned long long)b->last,
		    (unsigned long long)(b->last - b->lag), buf_cstr(&refused));
		b->lag = 0;
	}
	buf_fini(&refused);
}

static enum fake_deed
answer_pub(struct broker *b, const struct wire_request *r, struct buf *reply)
{
	char step = *b->plan;
	struct buf none = { 0 };

	if (b->plan[1] != '\0')
		b->plan++;
	if (step == 'c')
		take(b, r, &none);
	buf_fini(&none);
	if (step == 'l')
		b->lag = 1;
	if (step == 'c' || step == 'x')
		return FAKE_CUT;
	if (step == 'g' || (r->first > b->last + 1 && strchr("ol", step)))
		buf_addf(reply,
		    "{\"ok\":false,\"error\":\"gap\",\"local\":%llu,"
		    "\"safe\":%llu}\n",
		    (unsigned long long)b->last, (unsigned long long)b->last);
	else if (step == 'f')
		buf_adds(reply, "{\"ok\":false,\"error\":\"full\"}\n");
	else if (step == 'b')
		buf_adds(reply, "{\"ok\":false,\"error\":\"busy\"}\n");
	else if (step == 'w')
		buf_adds(reply,
		    "{\"ok\":false,\"error\":\"busy\",\"after\":0.01}\n");
	else if (step == 'd')
		buf_adds(reply,
		    "{\"ok\":false,\"error\":\"denied\","
		    "\"why\":\"no\"}\n");
	else
		answer_taken(b, r, reply);
	return FAKE_REPLY;
}

static enum fake_deed
answer(void *ctx, const char *p, size_t n, struct buf *reply)
{
	struct broker *b = ctx;
	struct wire_request r;
	const char *why;

	if (wire_request_parse(&r, p, n, &why) < 0)
		return FAKE_CUT;
	if (r.op == WIRE_PUB)
		return answer_pub(b, &r, reply);
	b->bye += r.op == WIRE_BYE;
	buf_adds(reply, "{\"ok\":true,\"name\":\"A\"}\n");
	return FAKE_REPLY;
}

static const struct {
	const char *plan, *lines;
	int frames; /* each line is a frame of its own */
	const char *stored, *refused;
	int error; /* errno at the end, or 0 */
	const char *why;
} cases[] = {
	{ "o", "a b c", 0, "a b c ", "", 0, "plain" },
	{ "o", "a b c", 1, "a b c ", "", 0, "a frame each" },
	{ "go", "a b c d", 1, "a b c d ", "", 0, "gap at first" },
	{ "ogggo", "a b c d e", 1, "a b c d e ", "", 0, "gaps" },
	{ "co", "a b c", 1, "a b c ", "", 0, "taken, not answered" },
	{ "xo", "a b c", 1, "a b c ", "", 0, "not taken, not answered" },
	{ "oxcoxco", "a b c d e f", 1, "a b c d e f ", "", 0, "cut often" },
	{ "bo", "a b", 1, "a b ", "", 0, "busy" },
	{ "wo", "a b", 1, "a b ", "", 0, "busy, and for how long" },
	{ "owwowo", "a b c d e", 1, "a b c d e ", "", 0, "busy often" },
	{ "fo", "a b", 1, "a b ", "", 0, "full for a while" },
	{ "lo", "a", 0, "a ", "", 0, "safe lags, asked again" },
	{ "o", "a no b", 0, "a b ", "no=2 ", 0, "one refused" },
	{ "o", "no1 no2 no3", 0, "", "no1=1 no2=2 no3=3 ", 0, "all refused" },
	{ "o", "a bad b", 0, "a b ", "bad=2 ", 0, "one malformed" },
	{ "o", "bad1 bad2 a no", 0, "a ", "bad1=1 bad2=2 no=4 ", 0,
	    "several malformed" },
	{ "o", "a bad b c", 1, "a b c ", "bad=2 ", 0,
	    "malformed alone in its frame" },
	{ "od", "a b", 1, "a ", "", EACCES, "denied" },
};

/* Everything that happens until nothing is pending: 0 or an errno. */
static int
drain(struct publisher *p, struct buf *refused)
{
	struct publisher_event event;
	int64_t deadline = date_mono() + 20 * DATE_SECOND;
	uint64_t mark, number = 0;

	while (publisher_pending(p, &mark) > 0) {
		if (publisher_next(p, &event, deadline) < 0)
			return errno;
		if (event.result == PUBLISHER_REFUSED) {
			buf_add(refused, event.line, event.n);
			buf_addf(
			    refused, "=%llu ", (unsigned long long)event.mark);
		}
		if (event.result == PUBLISHER_SAFE) {
			if (event.number <= number ||
			    event.mark != event.number)
				return EDOM;
			number = event.number;
		}
		if (event.result == PUBLISHER_NONE)
			return ETIMEDOUT;
	}
	return 0;
}

static void
add_lines(struct publisher *p, const char *lines, int frames)
{
	uint64_t mark = 0;
	size_t n;

	for (; *lines != '\0'; lines += n + (lines[n] == ' ')) {
		n = strcspn(lines, " ");
		if (!frames) {
			publisher_add(p, lines, n, ++mark);
			continue;
		}
		char line[32];

		snprintf(line, sizeof line, "%.*s\n", (int)n, lines);
		publisher_add_frame(p, line, n + 1, 1, ++mark);
	}
	publisher_flush(p);
}

static void
run(const char *url, size_t i)
{
	struct broker b = { .plan = cases[i].plan };
	struct buf refused = { 0 };
	struct publisher *p;
	struct client *c;
	const char *why;
	size_t at;
	int error;

	fake_listen(&b.fake, url);
	fake_serve(&b.fake, answer, &b);
	c = client_open(
	    &(const struct client_config){
		.urls = url, .insecure = 1, .retry = 10 * DATE_SECOND },
	    &why);
	if (c == NULL)
		exit(1);
	p = publisher_new(c, "me", 7, 1);
	add_lines(p, cases[i].lines, cases[i].frames);
	error = drain(p, &refused);
	check(error == cases[i].error, "%s: %s", cases[i].why,
	    error ? strerror(error) : "no error");
	if (error == 0)
		check(publisher_bye(p, date_mono() + DATE_SECOND) == 0 &&
			b.bye == 1,
		    "%s: bye", cases[i].why);
	publisher_free(p);
	client_close(c);
	fake_stop(&b.fake);
	for (at = 0; at < b.stored.len; at++)
		if (b.stored.p[at] == '\n')
			b.stored.p[at] = ' ';
	check(strcmp(buf_cstr(&b.stored), cases[i].stored) == 0, "%s: %s",
	    cases[i].why, buf_cstr(&b.stored));
	check(strcmp(buf_cstr(&refused), cases[i].refused) == 0, "%s: %s",
	    cases[i].why, buf_cstr(&refused));
	buf_fini(&b.stored);
	buf_fini(&refused);
}

/* The window closes without answers and opens with them. */
static void
test_window(const char *url)
{
	struct broker b = { .plan = "o" };
	struct buf refused = { 0 };
	struct publisher *p;
	struct client *c;
	const char *why;
	char line[1000];
	uint64_t n = 0;

	fake_listen(&b.fake, url);
	memset(line, 'x', sizeof line);
	c = client_begin(
	    &(const struct client_config){
		.urls = url, .insecure = 1, .retry = 10 * DATE_SECOND },
	    &why);
	p = publisher_new(c, "me", 7, 1);
	while (publisher_room(p) && n < 100000)
		publisher_add(p, line, sizeof line, ++n);
	check(n > PUBLISHER_WINDOW * 250 && n < PUBLISHER_WINDOW * 270,
	    "window: size");
	fake_serve(&b.fake, answer, &b);
	publisher_flush(p);
	check(drain(p, &refused) == 0, "window: drained");
	check(publisher_room(p), "window: room again");
	check(b.last == n && b.stored.len == n * 1001, "window: all came");
	publisher_free(p);
	client_close(c);
	fake_stop(&b.fake);
	buf_fini(&b.stored);
	buf_fini(&refused);
}

int
main(void)
{
	char dir[] = "/tmp/sgt.XXXXXX", url[64];
	size_t i;

	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(url, sizeof url, "ipc://%s/a", dir);
	for (i = 0; i < sizeof cases / sizeof *cases; i++)
		run(url, i);
	test_window(url);
	rmdir(dir);
	return check_done();
}

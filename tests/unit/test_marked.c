/*
 * A stream with marks through an outbox to a broker in the same process that
 * keeps one flow as wire.h says and makes the trouble that a plan asks for.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/date.h"
#include "bus/outbox.h"
#include "check.h"
#include "fake_broker.h"

/*
 * What is done with the frames of the flow, one letter each, the last for
 * ever: o take it, c take it and cut the connection unanswered, x cut it
 * without taking, z another one has made a mark before.
 */
struct broker {
	struct fake_broker fake;
	const char *plan;
	uint64_t last, mark;
	struct buf stored; /* lines, and "|" for a mark */
	int plain;	   /* frames of other channels */
};

static void
take(struct broker *b, const struct wire_request *r, const struct wire_mark *m)
{
	const char *at = r->lines;
	uint64_t number = r->first;

	for (int64_t i = 0; i < r->n; i++, number++) {
		const char *lf = strchr(at, '\n');
		if (number > b->last) {
			/* Of a long line only the beginning. */
			buf_add(&b->stored, at,
			    lf - at > 8 ? 1 : (size_t)(lf - at));
			b->last = number;
		}
		at = lf + 1;
	}
	if (!m->has_cursor || number <= b->last)
		return;
	b->last = b->mark = number;
	buf_addf(&b->stored, "|%s", m->ahead > 0 ? "+" : "");
}

static void
answer_flow(struct broker *b, const struct wire_request *r,
    const struct wire_mark *m, char step, struct buf *reply)
{
	uint64_t upto = r->first + (uint64_t)r->n - 1 + (uint64_t)m->has_cursor;

	if (step == 'z')
		b->mark = ++b->last;
	if (upto > b->last && m->after != b->mark) {
		buf_addf(reply,
		    "{\"ok\":false,\"error\":\"busy\",\"mark\":%llu,"
		    "\"local\":%llu,\"safe\":%llu}\n",
		    (unsigned long long)b->mark, (unsigned long long)b->last,
		    (unsigned long long)b->last);
		return;
	}
	if (r->first > b->last + 1) {
		buf_addf(reply,
		    "{\"ok\":false,\"error\":\"gap\",\"local\":%llu,"
		    "\"safe\":%llu}\n",
		    (unsigned long long)b->last, (unsigned long long)b->last);
		return;
	}
	take(b, r, m);
	buf_addf(reply, "{\"ok\":true,\"local\":%llu,\"safe\":%llu}\n",
	    (unsigned long long)b->last, (unsigned long long)b->last);
}

static enum fake_deed
answer(void *ctx, const char *p, size_t n, struct buf *reply)
{
	static struct wire_mark m;
	struct broker *b = ctx;
	struct wire_request r;
	struct buf none = { 0 };
	const char *why;
	char step = *b->plan;

	if (wire_request_parse(&r, p, n, &why) < 0)
		return FAKE_CUT;
	if (r.op != WIRE_PUB) {
		buf_adds(reply, "{\"ok\":true,\"name\":\"A\"}\n");
		return FAKE_REPLY;
	}
	if (r.commit.kind == JSON_NONE) {
		int ours = r.chan == wire_mark_chan("agg");
		b->plain += !ours && r.n > 0;
		buf_addf(reply, "{\"ok\":true,\"local\":%llu,\"safe\":%llu}\n",
		    (unsigned long long)(ours ? b->last : 9),
		    (unsigned long long)(ours ? b->last : 9));
		return FAKE_REPLY;
	}
	if (wire_mark_parse(&m, &r.commit) < 0)
		return FAKE_CUT;
	if (b->plan[1] != '\0')
		b->plan++;
	if (step == 'c')
		answer_flow(b, &r, &m, 'o', &none);
	buf_fini(&none);
	if (step == 'c' || step == 'x')
		return FAKE_CUT;
	answer_flow(b, &r, &m, step, reply);
	return FAKE_REPLY;
}

/*
 * A stream, one letter each: a-z a line, D done and L done and now we lead
 * (with the number that the broker's newest mark has), M a mark, I an idle
 * one, T the time, G a line of a megabyte, X a mark of another cursor.
 */
static const struct {
	const char *plan, *stream;
	uint64_t mark, orphans; /* in the broker at the start */
	const char *stored;
	int error; /* errno, or -1: the stream is refused */
	const char *why;
} cases[] = {
	{ "o", "LabMcM", 0, 0, "ab|c|", 0, "two groups" },
	{ "o", "LabMcM", 7, 0, "ab|c|", 0, "from a mark on" },
	{ "o", "LMM", 0, 0, "||", 0, "marks alone" },
	{ "o", "LaMIbIMI", 0, 0, "a|b||", 0, "idle ones without lines" },
	{ "o", "LaTbM", 0, 0, "ab|", 0, "time alone" },
	{ "o", "LaMbc", 0, 0, "a|", 0, "lines without a mark behind" },
	{ "o", "DabDcDLdM", 7, 0, "d|", 0, "standing by, then it leads" },
	{ "o", "Dab", 7, 0, "", 0, "standing by" },
	{ "o", "xyLabM", 0, 0, "ab|", 0, "lines before the first mark" },
	{ "co", "LaMbMcM", 0, 0, "a|b|c|", 0, "taken, not answered" },
	{ "xo", "LaMbMcM", 0, 0, "a|b|c|", 0, "not taken, not answered" },
	{ "ocxo", "LaMbMcMdMeM", 0, 0, "a|b|c|d|e|", 0, "cut often" },
	{ "o", "LabcM", 7, 2, "c|", 0, "the rest of a group" },
	{ "o", "LabMcM", 7, 2, "|c|", 0, "all of a group but its mark" },
	{ "o", "LaMbMcM", 7, 2, "|+|c|", 0,
	    "a mark in the middle of what was there" },
	{ "o", "LGGaM", 0, 0, "GGa|", 0, "more than a frame" },
	{ "z", "LaM", 7, 0, "", EBUSY, "another one has gone on" },
	{ "oz", "LaMbM", 7, 0, "a|", EBUSY, "the same, later" },
	{ "o", "aM", 0, 0, "", -1, "no beginning" },
	{ "o", "DM", 0, 0, "", -1, "a mark while standing by" },
	{ "o", "LaMX", 0, 0, "a|", -1, "another cursor" },
	{ "o", "LaMD", 0, 0, "a|", -1, "a beginning in the middle" },
};

/* Until all is delivered: 0 or an errno. */
static int
drain(struct outbox *box)
{
	struct outbox_event event;
	int64_t deadline = date_mono() + 20 * DATE_SECOND;

	outbox_push(box, 1);
	while (outbox_owed(box) > 0 || !outbox_room(box)) {
		if (outbox_next(box, &event, date_mono() + 10000) < 0)
			return errno;
		if (date_mono() > deadline)
			return ETIMEDOUT;
		outbox_push(box, 1);
	}
	return 0;
}

static const char *
put_mark(struct outbox *box, char c, uint64_t n, uint64_t at)
{
	static struct mark m;
	static unsigned id;

	m = (struct mark){ .name = "agg", .t = 1, .has_cursor = 1 };
	if (c == 'X')
		snprintf(m.name, sizeof m.name, "other");
	snprintf(m.id, sizeof m.id, "1.%u", ++id);
	m.done = c == 'D' || c == 'L';
	m.lead = c == 'L';
	m.idle = c == 'I';
	m.time = c == 'T';
	m.n = m.done ? n : 0;
	return outbox_mark(box, &m, at);
}

/* 0, an errno, or -1. */
static int
feed(struct outbox *box, const char *stream, uint64_t n)
{
	static char big[1000000];
	struct outbox_event event;
	uint64_t at = 0;

	memset(big, 'G', sizeof big);
	for (; *stream != '\0'; stream++) {
		while (!outbox_room(box)) {
			outbox_push(box, 1);
			if (outbox_next(box, &event, date_mono() + 10000) < 0)
				return errno;
		}
		at++;
		if (*stream == 'G')
			outbox_put(box, big, sizeof big, at);
		else if (*stream >= 'a')
			outbox_put(box, stream, 1, at);
		else if (put_mark(box, *stream, n, at) != NULL)
			return drain(box) != 0 ? ETIMEDOUT : -1;
	}
	outbox_abandon(box);
	return drain(box);
}

static void
run(const char *url, size_t i)
{
	struct client_config config = {
		.urls = url, .insecure = 1, .retry = 10 * DATE_SECOND
	};
	struct outbox_options o = {
		.client = &config, .from = "me", .guessed = 1
	};
	struct broker b = { .plan = cases[i].plan, .mark = cases[i].mark };
	struct outbox *box;
	const char *why;
	int got, status;

	b.last = b.mark + cases[i].orphans;
	fake_listen(&b.fake, url);
	fake_serve(&b.fake, answer, &b);
	box = outbox_open(&o, &status, &why);
	if (box == NULL)
		exit(1);
	got = feed(box, cases[i].stream, cases[i].mark);
	check(got == cases[i].error, "%s: %s", cases[i].why,
	    got > 0	   ? strerror(got)
		: got == 0 ? "taken"
			   : "refused");
	outbox_close(box);
	fake_stop(&b.fake);
	check(strcmp(buf_cstr(&b.stored), cases[i].stored) == 0, "%s: %s",
	    cases[i].why, buf_cstr(&b.stored));
	buf_fini(&b.stored);
}

int
main(void)
{
	char dir[] = "/tmp/sgt.XXXXXX", url[64];

	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(url, sizeof url, "ipc://%s/b", dir);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		run(url, i);
	unlink(url + 6);
	rmdir(dir);
	return check_done();
}

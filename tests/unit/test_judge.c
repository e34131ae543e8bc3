/*
 * What a line is by itself, as of which moment it is judged, and that lines
 * leave the threads as they came.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "check.h"
#include "network.h"
#include "trust/judge_pool.h"

static struct network net;
static struct judge judge = { NULL, INT64_MIN };
static struct key *meter;

static void
check_kinds(void)
{
	static const struct {
		const char *line;
		enum judge_kind kind;
		enum verdict verdict;
		const char *src, *why;
	} row[] = {
		{ "{", JUDGE_NOTHING, VERDICT_MALFORMED, NULL, NULL },
		{ "{\"topic\":\"A/1\"}", JUDGE_NOTHING, VERDICT_UNSIGNED, NULL,
		    "no sig" },
		{ "{\"topic\":\"A/1\",\"src\":\"m\"}", JUDGE_NOTHING,
		    VERDICT_UNSIGNED, "m", "no sig" },
		{ "{\"topic\":\"A/1\",\"src\":\"m\",\"ep\":1}", JUDGE_NOTHING,
		    VERDICT_UNSIGNED, "m", "no sig" },
		{ "{\"topic\":\"A/1\",\"ep\":1,\"seq\":1}", JUDGE_NOTHING,
		    VERDICT_UNSIGNED, NULL, "no sig" },
		{ "{\"topic\":\"A/1\",\"src\":\"m\",\"ep\":1,\"seq\":2}",
		    JUDGE_LEAF, VERDICT_GOOD, "m", NULL },
		{ "{\"topic\":\"STATUS/PROOF/m\",\"src\":\"m\"}", JUDGE_PROOF,
		    VERDICT_GOOD, "m", NULL },
		{ "{\"topic\":\"A/1\",\"src\":\"m\",\"kid\":\"x\","
		  "\"sig\":\"x\"}",
		    JUDGE_NOTHING, VERDICT_BAD, "m", NULL },
	};
	struct judge_space space = { 0 };
	const char *src;
	struct judged x;

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		const char *line = row[i].line;

		judge_line(&judge, &space, line, strlen(line), &x);
		src = judge_src(&space, &x);
		check(x.kind == row[i].kind, "%s: kind %d", line, x.kind);
		check(x.verdict == row[i].verdict, "%s: %s", line,
		    verdict_name(x.verdict));
		check(row[i].src == NULL
			? src == NULL
			: src != NULL && strcmp(src, row[i].src) == 0,
		    "%s: src %s", line, src != NULL ? src : "none");
		check((x.why > 0) == (x.kind == JUDGE_NOTHING),
		    "%s: a reason if it is not good", line);
		if (row[i].why != NULL)
			check(strcmp(judge_why(&space, &x), row[i].why) == 0,
			    "%s: %s", line, judge_why(&space, &x));
	}
	judge_space_fini(&space);
}

/* A line of the meter with these members, signed. */
static void
sign(const char *members, const char *typ, struct buf *out)
{
	struct sign_space space = { 0 };
	struct jws_signer signer;
	struct buf line = { 0 };
	const char *why;

	buf_addf(&line, "{\"src\":\"meter\",%s}", members);
	buf_clear(out);
	jws_signer_init(&signer, meter, typ);
	if (sign_line(&signer, &space, line.p, line.len, out, &why) < 0)
		network_die(line.p, why);
	jws_signer_fini(&signer);
	sign_space_fini(&space);
	buf_fini(&line);
}

static void
check_moments(void)
{
	enum { YEAR = 365 * NETWORK_DAY };
	static const struct {
		int64_t t, rt, at; /* seconds from now; 1: not given */
		enum verdict want;
		const char *why;
	} row[] = {
		{ 0, 1, 1, VERDICT_GOOD, "its own time" },
		{ YEAR, 1, 1, VERDICT_EXPIRED, "its own time, too late" },
		{ -YEAR, 1, 1, VERDICT_EXPIRED, "its own time, too early" },
		{ YEAR, 0, 1, VERDICT_GOOD, "when it was received" },
		{ 0, YEAR, 1, VERDICT_EXPIRED, "received too late" },
		{ YEAR, YEAR, 0, VERDICT_GOOD, "the moment that was given" },
		{ 0, 0, YEAR, VERDICT_EXPIRED, "the moment given, too late" },
	};
	struct judge_space space = { 0 };
	struct buf text = { 0 }, line = { 0 };
	struct judge then = judge;
	struct judged x;

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		buf_clear(&text);
		buf_addf(&text,
		    "\"topic\":\"A/1\",\"ep\":1,\"seq\":2,\"t\":%" PRId64,
		    net.now + row[i].t);
		sign(buf_cstr(&text), "sg-event", &line);
		if (row[i].rt != 1) {
			line.len--;
			buf_addf(
			    &line, ",\"rt\":%" PRId64 "}", net.now + row[i].rt);
		}
		then.at = row[i].at == 1 ? INT64_MIN
					 : (net.now + row[i].at) * DATE_SECOND;
		judge_line(&then, &space, line.p, line.len, &x);
		check(x.verdict == row[i].want, "%s: %s (%s)", row[i].why,
		    verdict_name(x.verdict), judge_why(&space, &x));
		check(x.verdict != VERDICT_GOOD || x.kind == JUDGE_EVENT,
		    "%s: an event", row[i].why);
	}
	buf_clear(&text);
	buf_addf(&text, "\"topic\":\"A/1\",\"t\":%" PRId64, net.now);
	sign(buf_cstr(&text), "sg-event", &line);
	judge_line(&judge, &space, line.p, line.len, &x);
	check(x.verdict == VERDICT_BAD && x.kind == JUDGE_NOTHING,
	    "signed without a number: %s", verdict_name(x.verdict));
	judge_space_fini(&space);
	buf_fini(&text);
	buf_fini(&line);
}

/* Lines of more than one batch, of which the numbers tell the order. */
static void
check_order(unsigned threads)
{
	enum { LINES = 5 * JUDGE_BATCH_LINES + 3 };
	const struct judge_batch *b;
	struct judge_pool pool;
	struct buf line = { 0 };
	uint64_t next = 1;

	judge_pool_init(&pool, threads, &judge);
	for (uint64_t i = 1; i <= LINES + 1; i++) {
		int all = i > LINES;

		buf_clear(&line);
		buf_addf(&line,
		    "{\"topic\":\"A/1\",\"src\":\"m\",\"ep\":1,\"seq\":%d}",
		    (int)i);
		if (!all && !judge_pool_add(&pool, line.p, line.len, "f", i))
			continue;
		while ((b = judge_pool_get(&pool,
			    all ? JUDGE_POOL_ALL : JUDGE_POOL_READY)) != NULL)
			for (size_t k = 0; k < b->n; k++, next++) {
				struct finding_place at =
				    judge_batch_place(b, &b->entry[k]);

				check(at.line == next &&
					at.seq == (int64_t)next &&
					strcmp(at.src, "m") == 0,
				    "%u threads: line %d", threads, (int)next);
			}
	}
	check(next == LINES + 1, "%u threads: all came out", threads);
	judge_pool_fini(&pool);
	buf_fini(&line);
}

static void
check_full(void)
{
	static const char sig[] = "{\"sig\":\"\"}";
	struct judge_batch b = { .judge = &judge };
	char *big = calloc(1, JUDGE_BATCH_BYTES);
	int n = 1;

	while (!judge_batch_add(&b, "{}", 2, "f", 1))
		n++;
	check(n == JUDGE_BATCH_LINES, "full with %d lines", n);
	judge_batch_clear(&b);
	for (n = 1; !judge_batch_add(&b, sig, sizeof sig - 1, "f", 1);)
		n++;
	check(n == JUDGE_BATCH_SIGNED, "full with %d signatures", n);
	judge_batch_clear(&b);
	check(!judge_batch_add(&b, "{}", 2, "f", 1), "empty again");
	check(judge_batch_add(&b, big, JUDGE_BATCH_BYTES - 2, "f", 1),
	    "full with many bytes");
	judge_batch_fini(&b);
	free(big);
}

int
main(void)
{
	static const struct network_wish wish = { .subject = "meter",
		.pub = { "A/#" } };
	struct keyring *ring;
	const char *why;

	network_init(&net);
	network_issue(&net, &wish);
	meter = network_key(&net, "meter");
	ring = keyring_open(net.dir, &why);
	if (ring == NULL)
		network_die(net.dir, why);
	judge.ring = ring;
	check_kinds();
	check_moments();
	check_order(1);
	check_order(3);
	check_full();
	keyring_free(ring);
	key_free(meter);
	network_fini(&net);
	return check_done();
}

/*
 * What a verifier makes of the lines of a source, in tables of short plays;
 * the bounds of what waits; what is remembered.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/date.h"
#include "check.h"
#include "network.h"
#include "trust/source_state.h"
#include "trust/sources.h"

static struct network net;
static struct keyring *ring;
static const struct cert *meter;
static struct buf out; /* what the sink heard */
static int dropped;

static void
hear_pass(void *arg, const struct finding_place *at, const char *p, size_t n)
{
	(void)arg;
	(void)p;
	(void)n;
	if (at->seq > 0)
		buf_addf(&out, " %lld", (long long)at->seq);
	else
		buf_adds(&out, " seal");
}

static void
hear_drop(void *arg, const struct finding *f, const char *p, size_t n)
{
	(void)arg;
	(void)p;
	(void)n;
	dropped++;
	buf_addf(
	    &out, " -%s:%lld", verdict_name(f->verdict), (long long)f->at.seq);
}

static void
hear_find(void *arg, const struct finding *f)
{
	(void)arg;
	buf_addf(
	    &out, " !%s:%lld", verdict_name(f->verdict), (long long)f->at.seq);
	if (f->n > 0)
		buf_addf(&out, "+%lld", (long long)f->n);
}

static void
hear_prove(void *arg, const char *p, size_t n, const struct buf *proof)
{
	(void)arg;
	(void)p;
	(void)n;
	buf_adds(&out, proof->len > 0 ? " proof" : " no-proof");
}

static const struct source_sink sink = { NULL, hear_pass, hear_drop, hear_find,
	hear_prove };

static void
start(struct sources *s)
{
	memset(s, 0, sizeof *s);
	s->room.sink = &sink;
	s->room.judge = (struct judge){ ring, INT64_MIN };
	s->room.hold = 10 * DATE_SECOND;
	s->room.live = 1;
	s->room.now = 100 * DATE_SECOND;
	buf_clear(&out);
	dropped = 0;
}

static void
take(struct sources *s, struct judged *x, const char *src, const char *p,
    size_t n)
{
	struct finding_place at = { "f", 1, src, x->ep, x->seq };

	sources_take(s, x, "why", &at, p, n);
}

/* The leaf of a number; what is altered has another value. */
static size_t
make_leaf(char text[64], int64_t ep, int64_t seq, int altered,
    unsigned char leaf[TREE_HASH])
{
	int n = snprintf(text, 64, "{\"topic\":\"A/1\",\"v\":%d}",
	    (int)(ep * 1000 + seq) * (altered ? -1 : 1));

	tree_leaf(text, (size_t)n, leaf);
	return (size_t)n;
}

static void
take_line(struct sources *s, char kind, int64_t ep, int64_t seq)
{
	struct judged x = { .ep = ep, .seq = seq, .topic_at = 10 };
	char text[64];
	size_t n = make_leaf(text, ep, seq, kind == 'A', x.leaf);

	x.kind = kind == 'E' ? JUDGE_EVENT : JUDGE_LEAF;
	x.topic_n = kind == 'D' ? 2 : 3; /* A/ is nobody's */
	take(s, &x, "meter", text, n);
}

/* The last seal that was made, sent or not. */
static struct {
	unsigned char id[TREE_HASH];
	int any;
} last;

static void
take_seal(struct sources *s, char kind, int64_t ep, int64_t first, int64_t n)
{
	static unsigned char leaf[BATCH_MAX][TREE_HASH];
	static struct batch_seal seal;
	struct judged x = { .kind = JUDGE_SEAL, .cert = meter };
	struct buf line = { 0 };
	struct canon canon = { 0 };
	const char *why;
	char text[64];

	for (int64_t i = 0; i < n; i++)
		make_leaf(text, ep, first + i, 0, leaf[i]);
	memset(&seal, 0, sizeof seal);
	seal.ep = ep;
	seal.first = first;
	seal.every = 20 * DATE_SECOND;
	seal.has_prev = last.any;
	memcpy(seal.prev, last.id, TREE_HASH);
	batch_make(&seal, (const unsigned char(*)[TREE_HASH])leaf, (size_t)n);
	seal.has_hint = seal.has_hint && kind != 's';
	batch_seal_add(&line, &seal, "meter", DATE_SECOND);
	if (batch_seal_id(&canon, line.p, line.len, last.id, &why) < 0)
		network_die("seal", why);
	last.any = 1;
	memcpy(x.leaf, last.id, TREE_HASH);
	for (int i = 0; kind != 'X' && i < (kind == 'R' ? 2 : 1); i++)
		take(s, &x, "meter", line.p, line.len);
	canon_fini(&canon);
	buf_fini(&line);
}

/*
 * E2.5: event 5 of epoch 2 with a signature; L: without; A: altered; D: of a
 * topic that its source may not publish.  S2.5+3: the seal of 5 to 7; s: one
 * without hints; R: twice; X: lost.  T9: 9 seconds go by.
 */
static void
play(struct sources *s, const char *steps)
{
	int used;

	for (; *steps != '\0'; steps += used) {
		long long ep = 0, seq = 0, n = 0;
		char kind;

		used = 0;
		if (sscanf(steps, " %c%lld%n.%lld%n+%lld%n", &kind, &ep, &used,
			&seq, &used, &n, &used) < 2)
			network_die("step", steps);
		if (kind == 'T') {
			s->room.now += ep * DATE_SECOND;
			sources_tick(s);
		} else if (strchr("ELAD", kind) != NULL) {
			take_line(s, kind, ep, seq);
		} else {
			take_seal(s, kind, ep, seq, n);
		}
	}
}

static void
check_plays(void)
{
	static const struct {
		const char *steps, *want, *why;
	} row[] = {
		/* Numbers. */
		{ "E1.1 E1.1", " 1 -replayed:1", "signed, twice" },
		{ "E2.1 E1.9", " 1 -replayed:9", "of an epoch that is over" },
		{ "E1.1 E1.3 E1.2", " 1 3 !reordered:2 2", "another order" },
		{ "E1.1 E1.4 T9", " 1 4", "a gap that may still be filled" },
		{ "E1.1 E1.4 T9 T2", " 1 4 !gap:2+2", "one that is not" },
		{ "E1.1 E1.3 E2.1", " 1 3 !gap:2+1 1", "one before an epoch" },
		{ "E1.1 L1.1", " 1 -replayed:1", "a known number, unsigned" },
		/* Without a seal. */
		{ "L1.1 T11", " -unsigned:1", "no seal from anybody" },
		{ "L1.1 T9", "", "it may still come" },
		/* Seals and what is under them. */
		{ "L1.1 L1.2 S1.1+2", " 1 2 seal", "as it was sent" },
		{ "E1.1 S1.2+2 L1.2 L1.3", " 1 2 3 seal", "the seal first" },
		{ "L1.2 L1.1 S1.1+2", " 2 !reordered:1 1 seal",
		    "another order under the seal" },
		{ "L1.1 D1.2 S1.1+2", " 1 -denied:2 seal",
		    "a topic that is not its source's" },
		{ "L1.1 A1.2 S1.1+2 T11", " -bad:2 -unproven:1 !gap:2+1 seal",
		    "one is altered" },
		{ "L1.1 A1.2 L1.2 S1.1+2", " -bad:2 1 2 seal",
		    "an altered one beside the true one" },
		{ "L1.1 A1.2 s1.1+2", " -bad:1 -bad:2 !gap:1+2 seal",
		    "an altered one, without hints" },
		{ "L1.1 L1.2 L1.2 S1.1+2", " -replayed:2 1 2 seal",
		    "one came twice" },
		{ "L1.1 S1.1+2 T9 L1.2", " 1 2 seal", "one is late" },
		{ "L1.1 S1.1+2 T11", " -unproven:1 !gap:2+1 seal",
		    "one is missing" },
		{ "L1.1 L1.2 S1.1+2 L1.3 T11", " 1 2 seal -unproven:3",
		    "no further seal" },
		/* The chain. */
		{ "L1.1 R1.1+1", " 1 seal -replayed:0", "a seal twice" },
		{ "S1.1+0 S1.1+0 T34", " seal seal", "signs of life" },
		{ "S1.1+0 T36 T36", " seal !silent:0", "none comes" },
		{ "S1.1+0 T36 S1.1+0 T36", " seal !silent:0 seal !silent:0",
		    "none comes, twice" },
		{ "S1.1+0 L1.1 X1.1+1 L1.2 S1.2+1 T11",
		    " seal !gap:0 !gap:1+1 2 seal -unproven:1",
		    "a seal is lost" },
		{ "S1.1+0 X1.1+0 S2.1+0", " seal !gap:0 seal",
		    "the end of an epoch is lost" },
		{ "E2.1 S1.1+0", " 1 -replayed:0", "an epoch that is over" },
	};
	static struct sources s;

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		start(&s);
		last.any = 0;
		play(&s, row[i].steps);
		check(strcmp(buf_cstr(&out), row[i].want) == 0, "%s:%s, not%s",
		    row[i].why, out.p, row[i].want);
		sources_end(&s);
		check(s.room.pending == 0, "%s: no memory is kept", row[i].why);
		sources_fini(&s);
	}
}

static void
check_settings(void)
{
	static struct sources s;

	start(&s);
	s.room.partial = 1;
	play(&s, "E1.1 E1.4 T11 E2.1");
	check(strcmp(buf_cstr(&out), " 1 4 1") == 0, "partial:%s", out.p);
	sources_fini(&s);
	start(&s);
	s.room.live = last.any = 0;
	play(&s, "S1.1+0 T36");
	check(strcmp(buf_cstr(&out), " seal") == 0, "not live:%s", out.p);
	sources_fini(&s);
	start(&s);
	last.any = 0;
	check(source_wish_read(&s.room.wish, "meter/1/2") == 0, "a wish");
	play(&s, "L1.1 L1.2 S1.1+2");
	check(
	    strcmp(buf_cstr(&out), " 1 proof 2 seal") == 0, "proof:%s", out.p);
	check(s.room.wish.done, "the wish is fulfilled");
	free(s.room.wish.src);
	sources_fini(&s);
}

/* Of one source: the older half makes room. */
static void
check_lines_bound(void)
{
	static struct sources s;
	struct source *q;

	start(&s);
	for (int64_t seq = 1; seq <= SOURCES_LINES; seq++)
		take_line(&s, 'L', 1, seq);
	q = sources_find(&s, "meter");
	check(q->pending.n == SOURCES_LINES && dropped == 0, "all wait");
	take_line(&s, 'L', 1, SOURCES_LINES + 1);
	check(q->pending.n == SOURCES_LINES / 2 + 1 &&
		dropped == SOURCES_LINES / 2,
	    "the half was dropped: %d", dropped);
	check(
	    q->pending.line[0].seq == SOURCES_LINES / 2 + 1, "the older half");
	sources_fini(&s);
}

/* Of all sources: the one with most lines makes room. */
static void
check_bytes_bound(void)
{
	enum { LINE = 1 << 20, LINES = SOURCES_BYTES / LINE };
	static const char *const name[] = { "flood", "meter", "other" };
	static struct sources s;
	struct judged x = { .kind = JUDGE_LEAF, .ep = 1 };
	char *line = calloc(1, LINE);

	start(&s);
	for (size_t i = 0; i < sizeof name / sizeof *name; i++)
		sources_find(&s, name[i])->known = 1;
	for (x.seq = 1; x.seq < LINES; x.seq++)
		take(&s, &x, "flood", line, LINE);
	take(&s, &x, "meter", line, LINE);
	check(dropped == 0, "all wait");
	check(s.room.pending >= SOURCES_BYTES, "%zu bytes", s.room.pending);
	take(&s, &x, "other", line, LINE);
	check(dropped == LINES - 1, "%d were dropped", dropped);
	check(sources_find(&s, "flood")->pending.n == 0 &&
		sources_find(&s, "meter")->pending.n == 1 &&
		sources_find(&s, "other")->pending.n == 1,
	    "of the source that had most");
	check(s.room.pending < 3 * LINE, "their memory counts no more");
	free(line);
	sources_fini(&s);
}

/* But those that have signed nothing go first, however few lines they have. */
static void
check_strangers_bound(void)
{
	enum { LINE = 1 << 20, LINES = SOURCES_BYTES / LINE };
	static struct sources s;
	struct judged x = { .kind = JUDGE_LEAF, .ep = 1 };
	char *line = calloc(1, LINE);
	size_t before;

	start(&s);
	sources_find(&s, "meter")->known = 1;
	for (x.seq = 1; x.seq < LINES; x.seq++)
		take(&s, &x, "meter", line, LINE);
	before = s.room.pending;
	take(&s, &x, "stranger", line, LINE);
	check(s.room.pending > before + LINE + sizeof(struct source),
	    "a stranger's own memory counts");
	take(&s, &x, "other", line, LINE);
	check(dropped == 1 && sources_find(&s, "meter")->pending.n == LINES - 1,
	    "who has signed once keeps its lines: %d dropped", dropped);
	sources_end(&s);
	check(s.room.pending == 0, "%zu bytes are left", s.room.pending);
	free(line);
	sources_fini(&s);
}

static void
check_strangers(void)
{
	static struct sources s;
	struct judged x = { .kind = JUDGE_PROOF };
	const struct source *q;
	int n = 0;

	start(&s);
	take(&s, &x, "stranger", "{", 1);
	x = (struct judged){ .kind = JUDGE_LEAF, .ep = 1, .seq = 1 };
	take(&s, &x, "waiting", "{", 1);
	x.kind = JUDGE_EVENT;
	take(&s, &x, "known", "{", 1);
	sources_tick(&s);
	for (q = sources_next(&s, NULL); q != NULL;
	     q = sources_next(&s, q), n++)
		check(strcmp(q->name, "stranger") != 0, "a stranger stays");
	check(n == 2, "%d are remembered", n);
	sources_fini(&s);
}

static void
check_state(void)
{
	static const char *const bad[] = { "", "[]", "{", "{\"ep\":1}",
		"{\"src\":1}" };
	static struct sources s, again;
	struct buf path = { 0 }, a = { 0 }, b = { 0 };
	uint64_t line;
	FILE *f;

	buf_addf(&path, "%s/state", net.dir);
	start(&s);
	last.any = 0;
	play(&s, "S1.1+0 E1.1 E1.3 E1.6 T11 E1.8");
	start(&again);
	check(source_state_load(&again, buf_cstr(&path), &line) == 0,
	    "there need be no file");
	check(source_state_save(&s, path.p) == 0, "saved");
	check(source_state_load(&again, path.p, &line) == 0, "loaded");
	source_state_add(&a, sources_find(&s, "meter"));
	source_state_add(&b, sources_find(&again, "meter"));
	check(
	    strcmp(buf_cstr(&a), buf_cstr(&b)) == 0, "%s became %s", a.p, b.p);
	play(&again, "E1.3 E1.2 E1.7 T11 E1.9 T11");
	check(strcmp(buf_cstr(&out),
		  " -replayed:3 !reordered:2 2 !reordered:7 7 9") == 0,
	    "after a restart:%s", out.p);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		check(source_state_read(&again, bad[i], strlen(bad[i])) < 0,
		    "taken: %s", bad[i]);
	f = fopen(path.p, "a");
	if (f == NULL || fputs("{}\n", f) < 0 || fclose(f) != 0)
		network_die(path.p, strerror(errno));
	check(source_state_load(&again, path.p, &line) < 0 && line == 2,
	    "its second line is damaged");
	check(source_state_load(&again, net.dir, &line) < 0 && line == 0,
	    "a folder is no file");
	check(source_state_save(&s, "/nowhere/state") < 0, "saved nowhere");
	buf_fini(&path);
	buf_fini(&a);
	buf_fini(&b);
	sources_fini(&s);
	sources_fini(&again);
}

static void
check_wishes(void)
{
	static const char *const bad[] = { "", "/", "//", "a/1", "/1/2", "a//2",
		"a/1/", "a/1/x", "a/-1/2", "a/x/2", "1/2" };
	struct source_wish wish = { 0 };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		check(
		    source_wish_read(&wish, bad[i]) < 0, "a wish: %s", bad[i]);
	check(source_wish_read(&wish, "a/b/3/4") == 0 &&
		strcmp(wish.src, "a/b") == 0 && wish.ep == 3 && wish.seq == 4,
	    "a source with a slash");
	free(wish.src);
}

int
main(void)
{
	static const struct network_wish wish = { .subject = "meter",
		.pub = { "A/+", "STATUS/#" } };
	const char *why;

	network_init(&net);
	network_issue(&net, &wish);
	ring = keyring_open(net.dir, &why);
	if (ring == NULL)
		network_die(net.dir, why);
	meter = keyring_subject(ring, "meter");
	check_plays();
	check_settings();
	check_lines_bound();
	check_bytes_bound();
	check_strangers_bound();
	check_strangers();
	check_state();
	check_wishes();
	keyring_free(ring);
	network_fini(&net);
	buf_fini(&out);
	return check_done();
}

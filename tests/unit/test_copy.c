/* What twins send each other: frames and notes, written and read. */
#include "broker/copy.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "broker/last.h"
#include "check.h"

#define HEAD "[\"A.17\",5,2,99,\"p\",\"00000000000000ff\",7,3,{\"B.2\":6}"
#define LINES "{\"topic\":\"T/a\",\"t\":1,\"v\":1}\n{}\n"

static const struct {
	const char *in, *why; /* NULL: it is read */
	enum copy_kind kind;
} cases[] = {
	{ HEAD "]\n" LINES, NULL, COPY_FRAME },
	{ HEAD ",\"later\",{}]\n" LINES, NULL, COPY_FRAME },
	{ "{\"note\":\"later\",\"x\":1}\n", NULL, COPY_UNKNOWN },
	{ "{\"note\":\"bye\",\"from\":\"p\",\"chan\":\"00000000000000ff\"}\n",
	    NULL, COPY_BYE },
	{ "{\"note\":\"cursor\",\"name\":\"p c\",\"t\":4,\"cursor\":null}\n",
	    NULL, COPY_CURSOR },
	{ "{\"note\":\"kept\",\"topic\":\"T/a\",\"rt\":4,\"from\":\"\","
	  "\"line\":\"{}\"}\n",
	    NULL, COPY_KEPT },
	{ HEAD "]", "a line without its end", COPY_BAD },
	{ HEAD "]\n{}\n", "a frame without all its lines", COPY_BAD },
	{ HEAD "]\n{}\n{}", "a frame without all its lines", COPY_BAD },
	{ "[\"A.17\",0,1,9,\"p\",\"00000000000000ff\",7,3,{}]\n{}\n",
	    "neither a frame nor a note", COPY_BAD },
	{ "[\"A.17\",1,0,9,\"p\",\"00000000000000ff\",7,3,{}]\n",
	    "neither a frame nor a note", COPY_BAD },
	{ "[\"A.17\",1,2,9,\"p\",\"00000000000000ff\",7,1,{}]\n{}\n{}\n",
	    "neither a frame nor a note", COPY_BAD },
	{ "[\"A.17\",1,1,-9,\"p\",\"00000000000000ff\",7,1,{}]\n{}\n",
	    "neither a frame nor a note", COPY_BAD },
	{ "[\"A.17\",1,1,9,\"\",\"00000000000000ff\",7,1,{}]\n{}\n",
	    "neither a frame nor a note", COPY_BAD },
	{ "[\"A.17\",1,1,9,\"p\",\"ff\",7,1,{}]\n{}\n",
	    "neither a frame nor a note", COPY_BAD },
	{ "{\"note\":\"bye\",\"from\":\"p\"}\n", "neither a frame nor a note",
	    COPY_BAD },
	{ "{\"note\":\"cursor\",\"name\":\"\",\"t\":4,\"cursor\":null}\n",
	    "neither a frame nor a note", COPY_BAD },
	{ "{\"note\":\"kept\",\"topic\":\"T/a\",\"rt\":4,\"from\":\"p\"}\n",
	    "neither a frame nor a note", COPY_BAD },
	{ "{\"note\":\"kept\",\"topic\":\"T/a\",\"rt\":-4,\"from\":\"p\","
	  "\"line\":\"{}\"}\n",
	    "neither a frame nor a note", COPY_BAD },
	{ "{\"note\":\"kept\",\"topic\":7,\"rt\":4,\"from\":\"p\","
	  "\"line\":\"{}\"}\n",
	    "neither a frame nor a note", COPY_BAD },
	{ "{\"note\":\"kept\",\"topic\":\"T/a\",\"rt\":4,\"from\":\"a b\","
	  "\"line\":\"{}\"}\n",
	    "neither a frame nor a note", COPY_BAD },
	{ "{\"note\":\"kept\",\"topic\":\"T/a\",\"rt\":4,\"from\":\"p\","
	  "\"line\":{}}\n",
	    "neither a frame nor a note", COPY_BAD },
	{ "17\n", "neither a frame nor a note", COPY_BAD },
};

static void
test_cases(void)
{
	const char *p, *why;
	struct copy c;
	size_t i;
	int got;

	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		p = cases[i].in;
		why = NULL;
		got = copy_next(&c, &p, p + strlen(p), &why);
		if (cases[i].why == NULL)
			check(got == 1 && c.kind == cases[i].kind && *p == '\0',
			    "%s: %s", cases[i].in, why);
		else
			check(got < 0 && strcmp(why, cases[i].why) == 0,
			    "%s: %s", cases[i].in, why);
	}
}

static void
test_frame(void)
{
	struct last *last = last_new(8);
	struct store *s = store_new(NULL, "A", 1 << 20, last);
	struct frame_head h = { .n = 41,
		.events = 2,
		.numbers = 4,
		.rt = 77,
		.from = "flat12",
		.chan = 0xfeed,
		.first = 900,
		.deps = 1 };
	struct buf b = { 0 };
	struct copy c;
	const char *p, *why = "";
	uint32_t run;

	check(store_run_add(s, "B", 9, &run) == 0, "a log of another broker");
	h.dep[0] = (struct frame_dep){ run, 12 };
	copy_head(&b, &h, s, store_own(s));
	buf_adds(&b, LINES);
	p = b.p;
	check(copy_next(&c, &p, b.p + b.len, &why) == 1, "read: %s", why);
	check(c.kind == COPY_FRAME && strcmp(c.log.name, "A") == 0 &&
		c.log.start == store_run(s, store_own(s))->start &&
		c.log.n == 41,
	    "its log");
	check(c.events == 2 && c.numbers == 4 && c.rt == 77 &&
		c.chan == 0xfeed && c.first == 900 &&
		strcmp(c.from, "flat12") == 0,
	    "its head");
	check(c.deps.n == 1 && strcmp(c.deps.at[0].name, "B") == 0 &&
		c.deps.at[0].start == 9 && c.deps.at[0].n == 12,
	    "its deps");
	check(c.len == strlen(LINES) && memcmp(c.lines, LINES, c.len) == 0,
	    "its lines");
	buf_fini(&b);
	store_free(s);
	last_free(last);
}

static void
test_notes(void)
{
	const struct wire_cursor cursor = {
		.at = { { "A", 17, 4 }, { "B", 9, 2 } }, .n = 2
	};
	struct buf b = { 0 };
	const char *p, *end, *why = "";
	struct copy c;

	copy_cursor(&b, "flat12 night", 5, &cursor);
	copy_bye(&b, "flat12", 0xff);
	p = b.p;
	end = p + b.len;
	check(copy_next(&c, &p, end, &why) == 1 && c.kind == COPY_CURSOR &&
		c.rt == 5 && !c.deleted && c.cursor.n == 2 &&
		c.cursor.at[1].n == 2 && strcmp(c.name, "flat12 night") == 0,
	    "cursor: %s", why);
	check(copy_next(&c, &p, end, &why) == 1 && c.kind == COPY_BYE &&
		c.chan == 0xff && strcmp(c.from, "flat12") == 0,
	    "bye: %s", why);
	check(copy_next(&c, &p, end, &why) == 0, "the end");
	buf_fini(&b);
}

static void
test_kept(void)
{
	static const char line[] =
	    "{\"topic\":\"T/\\u00e4\",\"t\":1,\"vs\":\"\\\\\"}";
	struct log_row row = { .topic = "T/\xc3\xa4",
		.topic_len = 4,
		.line = line,
		.len = sizeof line - 1,
		.rt = 88,
		.from = "flat12" };
	struct buf b = { 0 }, text = { 0 };
	const char *p, *why = "";
	struct copy c;

	check(copy_kept(&b, &row) == 1, "written");
	p = b.p;
	check(copy_next(&c, &p, b.p + b.len, &why) == 1 &&
		c.kind == COPY_KEPT && c.rt == 88 &&
		strcmp(c.from, "flat12") == 0,
	    "kept: %s", why);
	json_text(&c.topic, &text);
	check(strcmp(buf_cstr(&text), row.topic) == 0, "its topic");
	buf_clear(&text);
	json_text(&c.line, &text);
	check(strcmp(buf_cstr(&text), line) == 0, "its line: %s", text.p);
	buf_fini(&text);
	row.len = WIRE_LINES_MAX;
	row.line = xcalloc(1, row.len);
	memset((char *)(uintptr_t)row.line, '"', row.len);
	buf_clear(&b);
	buf_adds(&b, "before");
	check(copy_kept(&b, &row) == 0 && b.len == 6, "one that is too long");
	free((char *)(uintptr_t)row.line);
	buf_fini(&b);
}

int
main(void)
{
	test_cases();
	test_frame();
	test_notes();
	test_kept();
	return check_done();
}

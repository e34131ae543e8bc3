#include <string.h>

#include "check.h"
#include "event/table.h"

static const struct {
	enum table_format format;
	const char *want;
} cases[] = {
	{ TABLE_CSV,
	    "name,n,note\n\"a, b\",1.50,\n\"q\"\"\",,x\ny\033z,20,\n" },
	{ TABLE_JSON,
	    "{\"name\":\"a, "
	    "b\",\"n\":1.50}\n{\"name\":\"q\\\"\",\"note\":\"x\"}\n"
	    "{\"name\":\"y\\u001bz\",\"n\":20}\n" },
	{ TABLE_PRETTY,
	    "name     n  note\na, b  1.50\nq\"          x\ny?z     20\n" },
};

static void
fill(struct table *t)
{
	table_column(t, "%s", "name");
	table_column(t, "n");
	table_column(t, "note");
	table_word(t, "a, b");
	table_number(t, "1.50", 4);
	table_end(t);
	table_word(t, "q\"");
	table_number(t, "", 0);
	table_word(t, "x");
	table_word(t, "one too many");
	table_end(t);
	table_word(t, "y\033z");
	table_count(t, 20);
	table_end(t);
}

static void
check_wide(void)
{
	struct table t = { 0 };
	struct buf b = { 0 };

	table_column(&t, "a");
	table_column(&t, "b");
	table_word(&t, "\xc3\xa9\xc3\xa9");
	table_word(&t, "1");
	table_end(&t);
	table_word(&t, "xyz");
	table_word(&t, "2");
	table_end(&t);
	table_print(&t, TABLE_PRETTY, &b);
	check(
	    strcmp(buf_cstr(&b), "a    b\n\xc3\xa9\xc3\xa9   1\nxyz  2\n") == 0,
	    "characters of two bytes: %s", b.p);
	buf_fini(&b);
	table_fini(&t);
}

int
main(void)
{
	struct table t = { 0 };
	struct buf b = { 0 };

	fill(&t);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		buf_clear(&b);
		table_print(&t, cases[i].format, &b);
		check(strcmp(buf_cstr(&b), cases[i].want) == 0, "%s: %s",
		    table_formats[cases[i].format], b.p);
	}
	buf_fini(&b);
	table_fini(&t);
	check_wide();
	return check_done();
}

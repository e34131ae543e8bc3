#include "event/format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WATT                                                            \
	"{\"topic\":\"MEASUREMENT/METER/7/Load\",\"t\":1795388400.123," \
	"\"v\":231.5,\"u\":\"W\""
#define PAIR                                                           \
	"{\"topic\":\"S/1/p\",\"t\":1795388400,\"m\":{\"load\":432.1," \
	"\"flex up\":0},\"u\":{\"load\":\"W\",\"flex up\":\"kW\"}}"

static const struct format_meta meta = { 1795388401000250, "flat12", 6, "A.7",
	3, 42 };

static const struct {
	enum format_kind kind;
	const char *columns;
	int with_meta, colour;
	const char *in;
	const char *want; /* without its newline; NULL: refused */
	const char *why;
} cases[] = {
	{ FORMAT_JSON, NULL, 0, 0, WATT "}", WATT "}", "json is the line" },
	{ FORMAT_JSON, NULL, 1, 0, WATT "}",
	    WATT ",\"rt\":1795388401.00025,\"from\":\"flat12\","
		 "\"pos\":\"A.7:42\"}",
	    "meta before the brace" },
	{ FORMAT_JSON, NULL, 1, 0, WATT " } ",
	    WATT ",\"rt\":1795388401.00025,\"from\":\"flat12\","
		 "\"pos\":\"A.7:42\"}",
	    "white space around the brace" },
	{ FORMAT_JSON, NULL, 1, 0,
	    "{\"from\":\"forged\",\"topic\":\"a\",\"pos\":\"B.1:1\",\"t\":1,"
	    "\"x\":\"y\",\"v\":1,\"rt\":3}",
	    "{\"topic\":\"a\",\"t\":1,\"x\":\"y\",\"v\":1,"
	    "\"rt\":1795388401.00025,\"from\":\"flat12\",\"pos\":\"A.7:42\"}",
	    "a line's own meta members are replaced" },
	{ FORMAT_CSV, NULL, 0, 0, WATT ",\"src\":\"a,b\",\"seq\":3}",
	    "MEASUREMENT/METER/7/Load,2026-11-22T23:00:00.123Z,231.5,W,,,,,"
	    "\"a,b\",,3",
	    "default columns, quoting, empty cells" },
	{ FORMAT_CSV, "t,m.load,m.flex up,m.none,u.load,x.y,value", 0, 0, PAIR,
	    "2026-11-22T23:00:00Z,432.1,0,,W,,\"{\"\"load\"\":432.1,"
	    "\"\"flex up\"\":0}\"",
	    "members of m, and value" },
	{ FORMAT_CSV, "x.y,value", 0, 0,
	    "{\"topic\":\"a\",\"t\":1,\"vb\":true,\"x.y\":\"\\u0041\\n\"}",
	    "\"A\n\",true", "a name with a dot, an escape, a newline" },
	{ FORMAT_CSV, "rt,from,pos,v", 1, 0, WATT "}",
	    "2026-11-22T23:00:01.00025Z,flat12,A.7:42,231.5", "meta columns" },
	{ FORMAT_CSV, "rt,v", 0, 0, WATT "}", ",231.5", "no meta, no rt" },
	{ FORMAT_TSV, "topic,vs,seq", 0, 0,
	    "{\"topic\":\"a\",\"t\":1,\"vs\":\"x\\ty\\\\z\\r\\n\",\"seq\":9}",
	    "a\tx\\ty\\\\z\\r\\n\t9", "tsv escapes" },
	{ FORMAT_PRETTY, NULL, 0, 0, WATT "}",
	    "2026-11-22 23:00:00.123  MEASUREMENT/METER/7/Load  231.5 W",
	    "a number and its unit" },
	{ FORMAT_PRETTY, NULL, 0, 0, PAIR,
	    "2026-11-22 23:00:00.000  S/1/p  load=432.1 W flex up=0 kW",
	    "several values, each with its unit" },
	{ FORMAT_PRETTY, NULL, 0, 0,
	    "{\"topic\":\"a\",\"t\":-0.5,\"vs\":\"\\u001b[31m\xc2\x9b\x7f\","
	    "\"q\":\"BAD\"}",
	    "1969-12-31 23:59:59.500  a  \\u001b[31m\\u009b\\u007f [BAD]",
	    "nothing steers the terminal" },
	{ FORMAT_PRETTY, NULL, 0, 0, "{\"topic\":\"a\",\"t\":1,\"enc\":\"QQ\"}",
	    "1970-01-01 00:00:01.000  a  (sealed)", "a sealed value" },
	{ FORMAT_PRETTY, NULL, 0, 1, WATT ",\"q\":\"OK\"}",
	    "\033[2m2026-11-22 23:00:00.123\033[0m  MEASUREMENT/METER/7/Load"
	    "  \033[1m231.5\033[0m W",
	    "colours" },
	{ FORMAT_SENML, NULL, 0, 0, WATT "}",
	    "[{\"n\":\"MEASUREMENT/METER/7/Load\",\"t\":1795388400.123,"
	    "\"u\":\"W\",\"v\":231.5}]",
	    "one record" },
	{ FORMAT_SENML, NULL, 0, 0, PAIR,
	    "[{\"n\":\"S/1/p/load\",\"t\":1795388400,\"u\":\"W\",\"v\":432.1},"
	    "{\"n\":\"S/1/p/flex_up\",\"t\":1795388400,\"u\":\"kW\",\"v\":0}]",
	    "one record for each member of m" },
	{ FORMAT_SENML, NULL, 0, 0,
	    "{\"topic\":\"$SG/a@b\",\"t\":1795388400,\"vs\":\"x\\\"y\"}",
	    "[{\"n\":\"SG/a_b\",\"t\":1795388400,\"vs\":\"x\\\"y\"}]",
	    "names of RFC 8428" },
	{ FORMAT_SENML, NULL, 0, 0,
	    "{\"topic\":\"C/1\",\"t\":1795388400,\"d\":{\"a\":\"b\"}}",
	    "[{\"n\":\"C/"
	    "1\",\"t\":1795388400,\"vs\":\"{\\\"a\\\":\\\"b\\\"}\"}]",
	    "a body is a string" },
	{ FORMAT_SENML, NULL, 0, 0, "{\"topic\":\"a\",\"t\":1,\"v\":1}", NULL,
	    "a relative time" },
	{ FORMAT_SENML, NULL, 0, 0,
	    "{\"topic\":\"a\",\"t\":1795388400,\"enc\":\"QQ\"}", NULL,
	    "a sealed value" },
	{ FORMAT_SENML, NULL, 0, 0,
	    "{\"topic\":\"-/_\",\"t\":1795388400,\"v\":1}", NULL,
	    "no letter or digit" },
	{ FORMAT_INFLUX, NULL, 0, 0, WATT ",\"src\":\"flat1,2=3\"}",
	    "MEASUREMENT,topic=MEASUREMENT/METER/7/Load,"
	    "src=flat1\\,2\\=3,u=W v=231.5 1795388400123000000",
	    "tags escaped" },
	{ FORMAT_INFLUX, NULL, 0, 0, PAIR,
	    "S,topic=S/1/p load=432.1,flex\\ up=0 1795388400000000000",
	    "several fields" },
	{ FORMAT_INFLUX, NULL, 0, 0,
	    "{\"topic\":\"a\",\"t\":1,\"vs\":\"say \\\"\\\\hi\\n\\\"\","
	    "\"u\":\"x y\\\\\"}",
	    "a,topic=a,u=x\\ y vs=\"say \\\"\\\\hi \\\"\" 1000000000",
	    "a string field; last backslashes left out" },
	{ FORMAT_INFLUX, NULL, 0, 0, "{\"topic\":\"a\",\"t\":1,\"vb\":false}",
	    "a,topic=a vb=false 1000000000", "a boolean" },
	{ FORMAT_INFLUX, NULL, 0, 0, "{\"topic\":\"a\",\"t\":1,\"m\":{}}", NULL,
	    "no field" },
	{ FORMAT_INFLUX, NULL, 0, 0, "{\"topic\":\"a\",\"t\":9e12,\"v\":1}",
	    NULL, "nanoseconds out of range" },
};

static const struct {
	enum format_kind kind;
	const char *columns;
	const char *want; /* header row; NULL: refused */
} headers[] = {
	{ FORMAT_CSV, NULL, "topic,t,v,u,vs,vb,m,q,src,ep,seq\n" },
	{ FORMAT_TSV, "t,m.load", "t\tm.load\n" },
	{ FORMAT_JSON, NULL, "" },
	{ FORMAT_CSV, "t,,v", NULL },
	{ FORMAT_CSV, "", NULL },
	{ FORMAT_CSV, "t,v,t", NULL },
};

static int
check_line(size_t i)
{
	struct buf b = { 0 };
	struct event e;
	const char *why = NULL, *want = cases[i].want;
	struct format *f =
	    format_new(cases[i].kind, cases[i].columns, cases[i].colour, &why);
	int got, bad;

	if (f == NULL ||
	    event_scan(&e, cases[i].in, strlen(cases[i].in), &why) != 0) {
		printf("test_format: %s: %s\n", cases[i].why, why);
		return 1;
	}
	buf_adds(&b, "x");
	got = format_event(f, &e, cases[i].with_meta ? &meta : NULL, &b, &why);
	if (want == NULL)
		bad = got != -1 || why == NULL || b.len != 1;
	else
		bad = got != 0 || b.len != strlen(want) + 2 ||
		    memcmp(b.p + 1, want, b.len - 2) != 0 ||
		    b.p[b.len - 1] != '\n';
	if (bad)
		printf("test_format: %s: got %d %s\n", cases[i].why, got,
		    buf_cstr(&b));
	buf_fini(&b);
	format_free(f);
	return bad;
}

static int
check_header(size_t i)
{
	struct buf b = { 0 };
	const char *why = NULL;
	struct format *f =
	    format_new(headers[i].kind, headers[i].columns, 0, &why);
	int bad = (f == NULL) != (headers[i].want == NULL);

	if (f != NULL && headers[i].want != NULL) {
		format_header(f, &b);
		bad = strcmp(buf_cstr(&b), headers[i].want) != 0;
	}
	if (bad)
		printf("test_format: header %zu: %s\n", i, why ? why : b.p);
	buf_fini(&b);
	format_free(f);
	return bad;
}

int
main(void)
{
	size_t n = sizeof(cases) / sizeof(cases[0]);
	size_t h = sizeof(headers) / sizeof(headers[0]);
	int bad = 0;

	setenv("TZ", "UTC", 1);
	for (size_t i = 0; i < n; i++)
		bad += check_line(i);
	for (size_t i = 0; i < h; i++)
		bad += check_header(i);
	if (bad)
		return 1;
	printf("test_format: %zu passed\n", n + h);
	return 0;
}

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "event/event.h"
#include "event/fill.h"

/* NULL for want: published as it is. */
static const struct {
	const char *in, *want, *why;
} good[] = {
	{ "{\"topic\":\"A\",\"t\":1,\"v\":2,\"src\":\"x\",\"ep\":1,"
	  "\"seq\":7}",
	    NULL, "complete" },
	{ "{\"v\":2,\"seq\":7,\"src\":\"x\",\"t\":1,\"topic\":\"A\"}", NULL,
	    "any order" },
	{ "{\"topic\":\"A\",\"t\":1,\"v\":2,\"src\":\"other\"}", NULL,
	    "another's, who does not number" },
	{ "{\"topic\":\"A\",\"t\":1,\"v\":2,\"kid\":\"k\",\"sig\":\"s\"}", NULL,
	    "signed" },
	{ "{\"topic\":\"A\",\"t\":1,\"enc\":\"AAAA\"}", NULL, "sealed" },
	{ "{\"topic\":\"A\",\"t\":1,\"v\":2}",
	    "{\"topic\":\"A\",\"t\":1,\"v\":2,\"src\":\"me\",\"ep\":3,"
	    "\"seq\":10}",
	    "identity" },
	{ "{\"topic\":\"A\",\"t\":1,\"v\":2,\"src\":\"me\"}",
	    "{\"topic\":\"A\",\"t\":1,\"v\":2,\"src\":\"me\",\"ep\":3,"
	    "\"seq\":10}",
	    "src is ours" },
	{ "{\"topic\":\"A\",\"t\":1,\"v\":2,\"seq\":5}",
	    "{\"topic\":\"A\",\"t\":1,\"v\":2,\"seq\":5,\"src\":\"me\"}",
	    "seq is given" },
	{ "{\"v\":2}",
	    "{\"topic\":\"D/T\",\"v\":2,\"t\":1700000000.5,\"src\":\"me\","
	    "\"ep\":3,\"seq\":10}",
	    "everything" },
	{ " { \"v\" : 2 } ",
	    " {\"topic\":\"D/T\", \"v\" : 2 ,\"t\":1700000000.5,"
	    "\"src\":\"me\",\"ep\":3,\"seq\":10} ",
	    "white space is kept" },
	{ "{\"t\":\"2000-01-01T00:01:00.25Z\",\"topic\":\"A\",\"v\":1,"
	  "\"src\":\"x\"}",
	    "{\"t\":946684860.25,\"topic\":\"A\",\"v\":1,\"src\":\"x\"}",
	    "time in words" },
	{ "{\"rt\":1,\"topic\":\"A\",\"from\":\"f\",\"t\":1,\"v\":2,"
	  "\"src\":\"x\",\"pos\":{\"A.1\":3}}",
	    "{\"topic\":\"A\",\"t\":1,\"v\":2,\"src\":\"x\"}",
	    "meta taken out" },
	{ "{\"topic\":\"A\",\"t\":1,\"v\":2,\"src\":\"x\" , \"rt\" : 5 , "
	  "\"from\" : \"a,}\" }",
	    "{\"topic\":\"A\",\"t\":1,\"v\":2,\"src\":\"x\" }",
	    "meta at the end, spaced" },
	{ "{\"topic\":\"COMMAND/d/on\",\"t\":1700000000,\"id\":\"1\","
	  "\"ttl\":9,\"v\":1,\"src\":\"x\"}",
	    NULL, "command in time" },
	{ "{\"topic\":\"$SG/TRUST/CRL/kid_-1\",\"t\":1,\"d\":{},"
	  "\"src\":\"x\"}",
	    NULL, "revocation list" },
};

static const struct {
	const char *in, *why;
} bad[] = {
	{ "", NULL },
	{ "22.5", NULL },
	{ "{}", "none of v vs vb vd m d enc" },
	{ "{\"topic\":\"A\",\"t\":1}", "none of v vs vb vd m d enc" },
	{ "{\"topic\":\"A/\",\"v\":1}", NULL },
	{ "{\"topic\":\"$SG/MARK/1\",\"t\":1,\"v\":1,\"src\":\"x\"}",
	    "topic: reserved" },
	{ "{\"topic\":\"\\u0024SG/MARK\",\"t\":1,\"v\":1,\"src\":\"x\"}",
	    "topic: reserved" },
	{ "{\"topic\":\"$SG/TRUST/CRL/\",\"t\":1,\"v\":1,\"src\":\"x\"}",
	    NULL },
	{ "{\"topic\":\"$SG/TRUST/CRL\",\"t\":1,\"v\":1,\"src\":\"x\"}",
	    "topic: reserved" },
	{ "{\"topic\":\"$SG/TRUST/CRL/k/x\",\"t\":1,\"v\":1,\"src\":\"x\"}",
	    "topic: reserved" },
	{ "{\"t\":1,\"v\":1,\"sig\":\"s\"}", "topic: missing" },
	{ "{\"topic\":\"A\",\"v\":1,\"sig\":\"s\"}", "t: missing" },
	{ "{\"topic\":\"A\",\"t\":1,\"v\":1,\"sig\":\"s\",\"rt\":1}",
	    "rt, from or pos in a sealed line" },
	{ "{\"topic\":\"A\",\"t\":\"2000-01-01T00:01:00Z\",\"enc\":\"AA\"}",
	    "t: not a number" },
	{ "{\"topic\":\"A\",\"t\":\"2000-01-01T00:01:00\",\"v\":1}", NULL },
	{ "{\"topic\":\"COMMAND/d/on\",\"t\":1700000000,\"ttl\":9,\"v\":1}",
	    "COMMAND without id" },
	{ "{\"topic\":\"COMMAND/d/on\",\"t\":1600000000,\"id\":\"1\","
	  "\"ttl\":9,\"v\":1}",
	    "expired" },
	{ "{\"topic\":\"A\",\"t\":1,\"v\":2,\"v\":3}", NULL },
};

static void
test_good(struct fill *fill, struct ident *ident)
{
	enum fill_result got;
	const char *why, *line;
	struct event e;
	size_t i;
	int ok;

	for (i = 0; i < sizeof good / sizeof *good; i++) {
		ident->seq = 9;
		why = "";
		got = fill_line(fill, good[i].in, strlen(good[i].in), &why);
		line = got == FILL_MADE ? buf_cstr(&fill->line) : why;
		ok = good[i].want == NULL
		    ? got == FILL_PLAIN
		    : got == FILL_MADE && strcmp(line, good[i].want) == 0 &&
			event_scan(&e, line, strlen(line), &why) == 0 &&
			event_complete(&e, &why) == 0;
		check(ok, "%s: %s (got %s)", good[i].in, good[i].why, line);
	}
}

static void
test_bad(struct fill *fill, struct ident *ident)
{
	enum fill_result got;
	const char *why;
	size_t i;

	for (i = 0; i < sizeof bad / sizeof *bad; i++) {
		ident->seq = 9;
		why = NULL;
		got = fill_line(fill, bad[i].in, strlen(bad[i].in), &why);
		check(got == FILL_BAD && why != NULL &&
			(bad[i].why == NULL || strcmp(why, bad[i].why) == 0) &&
			ident->seq == 9,
		    "%s: refused (got %s)", bad[i].in, why ? why : "nothing");
	}
}

/* A line at the limit that grows over it. */
static void
test_long(struct fill *fill)
{
	struct buf b = { 0 };
	const char *why = "";

	buf_adds(&b, "{\"v\":1,\"x\":\"");
	while (b.len < EVENT_LINE_MAX - 2)
		buf_addc(&b, 'x');
	buf_adds(&b, "\"}");
	check(fill_line(fill, b.p, b.len, &why) == FILL_BAD &&
		strcmp(why, "too long once completed") == 0,
	    "1 MiB: too long (got %s)", why);
	buf_fini(&b);
}

int
main(void)
{
	struct ident ident = { .fd = -1, .ep = 3 };
	struct fill fill = { .topic = "D/T", .src = "me" };
	const char *why;

	setenv("SG_NOW", "@1700000000.5", 1);
	check(fill_line(&fill, "{\"v\":1}", 7, &why) == FILL_IDENT,
	    "{v}: asks for the identity (got )");
	fill.ident = &ident;
	test_good(&fill, &ident);
	test_bad(&fill, &ident);
	test_long(&fill);
	fill.topic = NULL;
	check(fill_line(&fill, "{\"v\":1}", 7, &why) == FILL_BAD &&
		strcmp(why, "topic: missing") == 0,
	    "{v}: no topic anywhere (got %s)", why);
	fill_fini(&fill);
	return check_done();
}

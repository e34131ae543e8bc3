/*
 * What is said of a finding, in both forms, and how often.
 */
#include <string.h>

#include "base/date.h"
#include "check.h"
#include "trust/finding.h"

static void
check_forms(void)
{
	static const struct {
		struct finding f;
		const char *json, *text;
	} row[] = {
		{ { VERDICT_BAD, { "a\"b", 7, "x/y", 3, 9 }, 0, "no\nfit" },
		    "{\"verdict\":\"bad\",\"file\":\"a\\\"b\",\"line\":7,"
		    "\"src\":\"x/y\",\"ep\":3,\"seq\":9,\"why\":\"no\\nfit\"}",
		    "a\"b:7: bad: x/y/3/9: no\nfit" },
		{ { VERDICT_GAP, { NULL, 0, "m", 1, 4 }, 3, "missing" },
		    "{\"verdict\":\"gap\",\"src\":\"m\",\"ep\":1,\"seq\":4,"
		    "\"n\":3,\"why\":\"missing\"}",
		    "gap: m/1/4 to 6: missing" },
		{ { VERDICT_GAP, { NULL, 0, "m", 1, 4 }, 1, "missing" },
		    "{\"verdict\":\"gap\",\"src\":\"m\",\"ep\":1,\"seq\":4,"
		    "\"n\":1,\"why\":\"missing\"}",
		    "gap: m/1/4: missing" },
		{ { VERDICT_SILENT, { NULL, 0, "m", 0, 0 }, 0, "?" },
		    "{\"verdict\":\"silent\",\"src\":\"m\",\"why\":\"?\"}",
		    "silent: m: ?" },
		{ { VERDICT_MALFORMED, { "f", 1, NULL, 2, 0 }, 0, "" },
		    "{\"verdict\":\"malformed\",\"file\":\"f\",\"line\":1,"
		    "\"ep\":2,\"why\":\"\"}",
		    "f:1: malformed: " },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct buf b = { 0 };

		finding_json(&b, &row[i].f);
		check(strcmp(buf_cstr(&b), row[i].json) == 0, "%s", b.p);
		buf_clear(&b);
		finding_text(&b, &row[i].f);
		check(strcmp(buf_cstr(&b), row[i].text) == 0, "%s", b.p);
		buf_fini(&b);
	}
}

static void
check_limit(void)
{
	struct finding_limit l = { .since = 5 };
	int told = 0;

	for (int i = 0; i < FINDING_RATE + 7; i++)
		told += finding_limit_take(&l);
	check(told == FINDING_RATE, "%d told in a second", told);
	check(!finding_limit_due(&l, 4 + DATE_SECOND), "a second is not over");
	check(finding_limit_due(&l, 5 + DATE_SECOND), "a second is over");
	check(finding_limit_end(&l, 5 + DATE_SECOND) == 7, "7 were not told");
	check(!finding_limit_due(&l, 6 + DATE_SECOND), "another second begins");
	check(finding_limit_take(&l) == 1, "and with it one may be told");
	check(finding_limit_end(&l, 6 + DATE_SECOND) == 0, "all were told");
}

/* Every verdict has a name of its own, and every other kind is one of them. */
static void
check_verdicts(void)
{
	for (int v = 0; v < VERDICTS; v++)
		for (int w = 0; w < v; w++)
			check(strcmp(verdict_name(v), verdict_name(w)) != 0,
			    "%d and %d have one name", v, w);
	for (int v = SIGN_BAD; v <= SIGN_GOOD; v++)
		check(strcmp(verdict_name(verdict_of_sign(v)),
			  sign_verdict_name(v)) == 0,
		    "%s has another name", sign_verdict_name(v));
	check(verdict_of_sign((enum sign_verdict)99) == VERDICT_BAD,
	    "what is no verdict is bad");
	check(verdict_of_command(COMMAND_FRESH) == VERDICT_GOOD &&
		verdict_of_command(COMMAND_OTHER) == VERDICT_GOOD &&
		verdict_of_command(COMMAND_MALFORMED) == VERDICT_MALFORMED &&
		verdict_of_command(COMMAND_LATE) == VERDICT_LATE &&
		verdict_of_command(COMMAND_EARLY) == VERDICT_EARLY &&
		verdict_of_command(COMMAND_REPEATED) == VERDICT_REPEATED &&
		verdict_of_command(COMMAND_FULL) == VERDICT_FULL,
	    "a guard's verdicts");
}

int
main(void)
{
	check_forms();
	check_limit();
	check_verdicts();
	return check_done();
}

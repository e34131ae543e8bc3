#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "grid/traffic.h"
#include "grid/traffic_table.h"
#include "trust/sign.h"

static const char event[] =
    "{\"topic\":\"MEASUREMENT/METER/1234/Load\",\"t\":1700000000,\"v\":231.5,"
    "\"u\":\"W\"}";
static const char numbered[] =
    "{\"topic\":\"MEASUREMENT/METER/1234/Load\",\"t\":1700000000,\"v\":231.5,"
    "\"u\":\"W\",\"src\":\"meter-1234\",\"ep\":1700000000,\"seq\":1}";

static const char mark[] =
    "{\"topic\":\"$SG/MARK\",\"t\":1700000000,\"d\":{\"name\":\"a\"}}";

static struct traffic_result
measure(const char *const *lines, size_t n, int times, int64_t batch)
{
	struct traffic *t = traffic_new(batch);
	struct traffic_result r = { .overhead = 0 };
	const char *why = "";

	for (int k = 0; k < times; k++)
		for (size_t i = 0; i < n; i++)
			check(traffic_add(
				  t, lines[i], strlen(lines[i]), &why) == 0,
			    "%s: %s", lines[i], why);
	r.events = traffic_events(t);
	r.topics = traffic_topics(t);
	r.span = traffic_span(t);
	r.interval = traffic_interval(t);
	traffic_end(t, r.form);
	traffic_free(t);
	return r;
}

/* As long as a real signature makes a line. */
static void
check_signature(void)
{
	struct traffic_result r =
	    measure(&(const char *const){ numbered }, 1, 1, 10);
	struct key *key = key_new("meter-1234");
	struct jws_signer signer;
	struct sign_space space = { 0 };
	struct buf line = { 0 };
	const char *why = "";

	jws_signer_init(&signer, key, "sg-event");
	check(sign_line(&signer, &space, numbered, strlen(numbered), &line,
		  &why) == 0,
	    "%s", why);
	check(r.form[1].bytes == line.len, "%llu bytes signed, really %zu",
	    (unsigned long long)r.form[1].bytes, line.len);
	buf_addc(&line, '\0');
	r = measure(&(const char *const){ line.p }, 1, 1, 10);
	check(r.form[0].bytes == strlen(numbered), "its signature taken off");
	check(r.form[1].bytes == line.len - 1, "or left on");
	buf_fini(&line);
	sign_space_fini(&space);
	jws_signer_fini(&signer);
	key_free(key);
}

static void
check_counts(void)
{
	static const char *const lines[] = {
		"{\"topic\":\"A/1\",\"t\":100,\"v\":1}",
		"{\"topic\":\"A/2\",\"t\":101,\"v\":1}",
		"{\"topic\":\"A/1\",\"t\":160,\"v\":1}",
		"{\"topic\":\"A/2\",\"t\":99,\"v\":1}",
	};
	struct traffic_result r = measure(lines, 4, 1, 3);

	check(r.events == 4 && r.topics == 2, "4 events of 2 topics");
	check(r.span == 61000000, "from the earliest to the latest");
	check(r.interval == 31000000, "60 s and 2 s between two of a topic");
	check(r.form[4].events == 3 && r.form[4].messages == 1,
	    "full messages alone count");
	r = measure(lines, 1, 1, 3);
	check(r.interval == 0, "one event has no rate");
	check(r.form[4].events == 1, "a message that is not full, if no other");
	r.overhead = 40000;
	check(traffic_bytes(&r, 0) == 1000 * (int64_t)strlen(lines[0]) + 40000,
	    "overhead for each message");
}

/* Together is shorter than alone, and compressed shorter still. */
static void
check_order(void)
{
	struct traffic_result r =
	    measure(&(const char *const){ event }, 1, 5000, 2000);
	static const struct {
		size_t less, more;
	} cases[] = { { 0, 1 }, { 4, 2 }, { 5, 3 }, { 6, 5 }, { 7, 4 },
		{ 8, 5 }, { 9, 6 }, { 4, 6 } };

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		check(traffic_bytes(&r, cases[i].less) <
			traffic_bytes(&r, cases[i].more),
		    "%s < %s", r.form[cases[i].less].name,
		    r.form[cases[i].more].name);
	check(traffic_bytes(&r, 8) > 64000,
	    "random signatures do not become shorter than they are");
	check(r.form[5].events / r.form[5].messages < 2000,
	    "a message has 256 KiB at most");
}

static void
check_refused(void)
{
	static const char *const bad[] = { "", "{}", "{\"topic\":\"A\"}",
		"{\"topic\":\"A\",\"t\":1}", "[]",
		"{\"topic\":\"A\",\"t\":1,\"v\":1}x" };
	struct traffic *t = traffic_new(1);
	struct traffic_form form[TRAFFIC_FORMS];
	const char *why;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		why = NULL;
		check(traffic_add(t, bad[i], strlen(bad[i]), &why) < 0 &&
			why != NULL,
		    "refused: %s", bad[i]);
	}
	check(traffic_events(t) == 0 && traffic_topics(t) == 0,
	    "what is refused is not counted");
	check(traffic_add(t, mark, strlen(mark), &why) == 0 &&
		traffic_events(t) == 0,
	    "a mark is no event");
	traffic_end(t, form);
	check(form[0].events == 0 && form[4].events == 0, "nothing at all");
	traffic_free(t);
}

int
main(void)
{
	check_signature();
	check_counts();
	check_order();
	check_refused();
	return check_done();
}

/*
 * The radio module's requests, by scripts of words and a clock that only they
 * move (milliseconds):
 *
 *   up down         the line
 *   +N              time goes on
 *   s1:N            telegram 1 is to be sent, with its deadline; u1 urgent,
 *                   o1 once, c1 one that needs a chain, a1 with an address
 *                   for its sender
 *   >V >B >1 >R >-  what has to be written now: RD_VERSION, RD_IDBASE, a
 *                   telegram, a RESPONSE, nothing
 *   <WORD           the packet of that name below comes
 *   -1 !1           telegram 1 is taken back, cannot be taken back
 *   =1:WORD =-      the next result, or that there is none
 *   due:N due:-     module_due()
 *   ?WORDS          the next news holds WORDS (_ for a blank), ?- none
 */
#include "device/enocean/module.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"

static const struct {
	const char *script, *title;
} cases[] = {
	/* what is not sent */
	{ ">- s1:9000 >- due:9000 +9000 >- =1:late =-",
	    "nothing is sent before the line is there" },
	{ "up >V >- <ok >- <V >B <radio >- <B ?base_id_FF9E5500 ?-",
	    "only a response that fits is taken" },
	{ "up >V s1:9000 >- <V >B >- <B >1 s2:9000 >- <ok =1:sent >2 <ok "
	  "=2:sent =- >- <ok =-",
	    "one in flight, whatever waits" },
	{ "known s1:400 s2:9000 >1 s3:400 +400 >- =3:late =- <ok =1:sent >2",
	    "its deadline passes while it waits" },
	{ "known +100 s1:100 >- =1:late",
	    "a deadline that is now is too late" },
	{ "known s1:600 >1 +500 >1 +500 >V =1:silent",
	    "after its deadline it is not tried again" },
	{ "known o1:9000 >1 +500 >V =1:silent ?not_answer",
	    "what toggles is not sent twice" },
	{ "known s1:9000 >1 <wrong =1:refused3 >-", "refused" },
	{ "known s1:9000 >1 +500 >1 +500 >1 +499 >- +1 >V =1:silent "
	  "?not_answer ?- s2:9000 <V >B <B >2 <ok =2:sent ?base_id ?-",
	    "silence, three times" },
	{ "known o1:9000 >1 o2:9000 +500 >V =1:silent <ok >- <V >B <B >2 =- "
	  "<ok =2:sent",
	    "a response that comes too late is not the next one's" },
	{ "up >V <V >B <zero s1:9000 >- ?none_that due:9000 +9000 >- =1:late "
	  "due:10000 +1000 >B",
	    "without a base id those that need it wait" },
	{ "up >V <V >B <high ?none_that",
	    "a base id too high for 128 senders" },
	{ "up >V <V >B <denied ?(OPERATION",
	    "the base id is not told, and why" },
	{ "up >V +500 >V +500 >V +500 >B +500 >B +500 >B +500 >- ?not_answer "
	  "?- due:13000 a1:5000 >1 +500 >1 +500 >1 +500 =- >- =1:silent "
	  "+8499 >- +1 >V +500 >V +500 "
	  ">V +500 >B +500 >B +500 >B +500 >- ?-",
	    "no module there: asked again later, said once" },
	{ "up >V <wrong >B <B ?unknown_version",
	    "it does not tell its version" },
	{ "up >V +1500 >V +500 >V +500 >B <B ?unknown_version",
	    "it says nothing to RD_VERSION" },

	/* the line */
	{ "known s1:9000 >1 down =1:away s2:9000 s3:100 >- +100 >- =3:late "
	  "up >V <V >B <B >2",
	    "the line goes away: in flight is over, the rest waits" },
	{ "known s1:9000 >1 up =1:away >V", "the line came back at once" },
	{ "known down up >V <V >B <other ?base_id_FF800000 ?(FF9E5500) s1:9000 "
	  ">1",
	    "another module is there: its base id counts" },
	{ "known s1:9000 >1 <ready >V <V >B <B ?restarted ?base ?- >1 <ok "
	  "=1:sent",
	    "the module has restarted: asked again, sent again" },
	{ "known o1:9000 >1 <ready =1:silent >V",
	    "the module has restarted: no toggling twice" },
	{ "up >V <ready >V <V >B <ready >V", "restarted while it was asked" },

	/* the duty cycle */
	{ "known s1:30000 s2:5000 >1 <lock ?limit_reached ?- >- due:5000 "
	  "+5000 >- =2:late due:10000 +5000 >1 <lock >- ?- +9999 >- +1 >1 "
	  "<lock +10000 >- =1:late5 =-",
	    "the lock: tried again from time to time, until the deadline" },
	{ "known s1:30000 >1 <lock s2:30000 >- +10 <free >1 ?sending_again "
	  "<ok =1:sent >2",
	    "the module says that it may send again" },
	{ "known s1:30000 >1 <lock +10000 >1 <ok =1:sent ?sending_again "
	  "s2:30000 "
	  ">2",
	    "it may send again, which shows by sending" },
	{ "known <limit s1:30000 >- +10000 >1 <ok ?sending_again",
	    "the limit, by an event" },
	{ "known s1:30000 >1 <limit <ok =1:sent s2:30000 >- +10000 >2",
	    "the limit, while one is in flight" },
	{ "known u1:9000 >1 <full >- +99 >- +1 >1 <full +100 >1 <full "
	  "=1:refused7",
	    "no free buffer" },
	{ "known s1:50 >1 <full >- +50 >- =1:late7",
	    "no free buffer until its deadline" },

	/* order, chains */
	{ "known s1:9000 s2:9000 u3:9000 u4:9000 >3 <ok =3:sent >4 <ok =4:sent "
	  ">1 <ok =1:sent >2",
	    "urgent ones pass, in their order" },
	{ "up >V <V >B <zero s1:9000 a2:9000 s3:9000 >2 <ok >-",
	    "what needs no base id passes" },
	{ "known c1:9000 s2:9000 >c0 u3:9000 <ok >c1 <ok >c2 <ok =1:sent >3",
	    "a chain is not interrupted" },
	{ "known c1:9000 >c0 <ok >c1 <wrong =1:refused3 >-",
	    "a chain of which a part is refused" },
	{ "known c1:9000 >c0 <ok +10 >c1 +500 >c1 <ok >c2 +500 >c2 +500 >c2 "
	  "+500 >V =1:silent",
	    "parts of a chain are tried, too" },
	{ "known c1:100 >c0 +100 <ok >- =1:late",
	    "a chain is not sent to its end after its deadline" },
	{ "known c1:90000 >c0 <ok >c1 <lock >- +10000 >c0",
	    "after the lock a chain begins anew" },
	{ "known c1:90000 >c0 <ok <limit >- +10000 >c0",
	    "after the limit a chain begins anew" },

	/* taken back */
	{ "known s1:9000 s2:9000 u3:9000 -2 !2 >3 !3 <ok =3:sent -1 >- =- "
	  "due:-",
	    "what waits can be taken back, what is in flight cannot" },
	{ "known s1:9000 >1 <lock -1 +10000 >- =- !7",
	    "what was refused for now can be taken back" },
	{ "known s1:9000 >1 <ready !1 >V <V >B <B >1 <ok =1:sent",
	    "what may have been sent cannot be taken back" },

	/* others */
	{ "known <learn >R >- <ack >R <failed ?channel_is_busy ?-",
	    "events are answered where they have to be" },
	{ "<ok <V <ready <lock >- up >V <telegram >- <short >- <V >B",
	    "what comes while the line is away, and what is no response" },
};

static const struct {
	const char *name;
	uint8_t type, n, nopt;
	const char *data;
} packets[] = {
	{ "V", ESP3_RESPONSE, 33, 0,
	    "\0\2\013\1\0\2\6\3\0\1\x9f\x7a\x59\x45\x4f\1\3"
	    "GATEWAYCTRL\0\0\0\0\0" },
	{ "B", ESP3_RESPONSE, 5, 1, "\0\xff\x9e\x55\0\012" },
	{ "other", ESP3_RESPONSE, 5, 0, "\0\xff\x80\0\0" },
	{ "zero", ESP3_RESPONSE, 5, 0, "\0\0\0\0\0" },
	{ "high", ESP3_RESPONSE, 5, 0, "\0\xff\xff\xff\x81" },
	{ "ok", ESP3_RESPONSE, 1, 0, "\0" },
	{ "radio", ESP3_RESPONSE, 1, 7, "\0\0\0\0\0\0\0\0" },
	{ "wrong", ESP3_RESPONSE, 1, 0, "\3" },
	{ "denied", ESP3_RESPONSE, 1, 0, "\4" },
	{ "lock", ESP3_RESPONSE, 1, 0, "\5" },
	{ "full", ESP3_RESPONSE, 1, 0, "\7" },
	{ "short", ESP3_RESPONSE, 0, 1, "\0" },
	{ "ready", ESP3_EVENT, 2, 0, "\4\1" },
	{ "limit", ESP3_EVENT, 2, 0, "\6\1" },
	{ "free", ESP3_EVENT, 2, 0, "\6\0" },
	{ "failed", ESP3_EVENT, 2, 0, "\7\0" },
	{ "learn", ESP3_EVENT, 1, 0, "\2" },
	{ "ack", ESP3_EVENT, 4, 0, "\3\0\0\0" },
	{ "telegram", ESP3_RADIO_ERP1, 7, 0, "\xf6\x50\1\2\3\4\x30" },
};

struct run {
	const char *title;
	struct module *m;
	int64_t now;
};

static void
come(struct run *r, const char *name)
{
	struct esp3_packet p = { 0 };

	for (size_t i = 0; i < sizeof packets / sizeof packets[0]; i++)
		if (strcmp(packets[i].name, name) == 0) {
			p.type = packets[i].type;
			p.data = (const uint8_t *)packets[i].data;
			p.n = packets[i].n;
			p.opt = p.data + p.n;
			p.nopt = packets[i].nopt;
			module_take(r->m, &p, r->now);
			return;
		}
	check(0, "%s: no packet %s", r->title, name);
}

static void
send_one(struct run *r, const char *word)
{
	uint8_t payload[30] = { 0 };
	struct telegram tel = { .rorg = RORG_VLD,
		.p = payload,
		.n = word[0] == 'c' ? sizeof payload : 2,
		.sender = word[0] == 'a' ? 0x01020304 : 5,
		.dest = TELEGRAM_BROADCAST };
	char *end;
	uint64_t tag = strtoul(word + 1, &end, 10);
	enum module_urgency how = word[0] == 'u' ? MODULE_URGENT
	    : word[0] == 'o'			 ? MODULE_ONCE
						 : MODULE_NORMAL;

	payload[0] = (uint8_t)tag;
	check(module_send(
		  r->m, &tel, strtol(end + 1, NULL, 10) * 1000, how, tag) == 0,
	    "%s: %s: queued", r->title, word);
}

/* What was written, as a script says it. */
static void
name_packet(const struct esp3_packet *p, char *out, size_t n)
{
	uint32_t base = 0;

	if (p->type == ESP3_COMMON_COMMAND && p->n == 1)
		snprintf(out, n, "%s", p->data[0] == 3 ? "V" : "B");
	else if (p->type == ESP3_RESPONSE)
		snprintf(out, n, "R");
	else if (p->type == ESP3_RADIO_ERP1 && p->data[0] == RORG_CDM)
		snprintf(out, n, "c%u", p->data[1] & 0x3f);
	else if (p->type == ESP3_RADIO_ERP1 && p->n == 8) {
		for (int i = 3; i < 7; i++)
			base = base << 8 | p->data[i];
		snprintf(out, n, "%u%s", p->data[1],
		    base == 0xff9e5505 || base == 0xff800005 ||
			    base == 0x01020304
			? ""
			: " with a wrong sender");
	} else
		snprintf(out, n, "what it should not");
}

static void
written(struct run *r, const char *want)
{
	struct esp3_reader reader = { 0 };
	struct esp3_packet p;
	struct buf out = { 0 };
	char got[64] = "-";

	module_tick(r->m, r->now, &out);
	if (out.len > 0) {
		esp3_feed(&reader, out.p, out.len, 0);
		if (esp3_next(&reader, &p))
			name_packet(&p, got, sizeof got);
		check(!esp3_next(&reader, &p), "%s: one at a time", r->title);
	}
	check(strcmp(got, want) == 0, "%s: %s is written, not %s at %d ms",
	    r->title, got, want, (int)(r->now / 1000));
	esp3_fini(&reader);
	buf_fini(&out);
}

static void
ended(struct run *r, const char *want)
{
	static const char *const names[] = {
		"sent",
		"refused",
		"silent",
		"late",
		"away",
	};
	struct module_result result;
	char got[64] = "-", code[8] = "";

	if (module_result(r->m, &result)) {
		if (result.code != 0)
			snprintf(code, sizeof code, "%u", result.code);
		snprintf(got, sizeof got, "%d:%s%s", (int)result.tag,
		    names[result.outcome], code);
	}
	check(strcmp(got, want) == 0, "%s: the result is %s, not %s at %d ms",
	    r->title, got, want, (int)(r->now / 1000));
}

static void
told(struct run *r, const char *want)
{
	const char *got = module_news(r->m);
	char text[64];

	snprintf(text, sizeof text, "%s", want);
	for (char *p = text; *p != '\0'; p++)
		if (*p == '_')
			*p = ' ';
	check(got == NULL ? strcmp(want, "-") == 0 : strstr(got, text) != NULL,
	    "%s: the news is \"%s\", not %s", r->title, got ? got : "", text);
}

static void
due(struct run *r, const char *want)
{
	int64_t got = module_due(r->m);
	int64_t time = strcmp(want, "-") == 0
	    ? INT64_MAX
	    : (int64_t)strtol(want, NULL, 10) * 1000;

	check(got == time, "%s: due at %lld us, not %s ms", r->title,
	    (long long)got, want);
}

static void
taken_back(struct run *r, const char *word)
{
	int done = module_drop(r->m, strtoul(word + 1, NULL, 10));

	check(done == (word[0] == '-'), "%s: %s", r->title, word);
}

static void
run_word(struct run *r, const char *word)
{
	if (strcmp(word, "up") == 0)
		module_up(r->m, r->now);
	else if (strcmp(word, "down") == 0)
		module_down(r->m);
	else if (strncmp(word, "due:", 4) == 0)
		due(r, word + 4);
	else if (word[0] == '-' || word[0] == '!')
		taken_back(r, word);
	else if (word[0] == '+')
		r->now += strtol(word + 1, NULL, 10) * 1000;
	else if (word[0] == '>')
		written(r, word + 1);
	else if (word[0] == '<')
		come(r, word + 1);
	else if (word[0] == '=')
		ended(r, word + 1);
	else if (word[0] == '?')
		told(r, word + 1);
	else
		send_one(r, word);
}

static void
run(struct run *r, const char *script)
{
	char word[64];
	int n;

	while (sscanf(script, " %63s%n", word, &n) == 1) {
		script += n;
		if (strcmp(word, "known") == 0)
			run(r, "up >V <V >B <B ?GATEWAYCTRL_2.11.1.0 >- due:-");
		else
			run_word(r, word);
	}
}

static void
test_info(void)
{
	struct run r = { "info", module_new(), 0 };
	const struct module_info *info = module_info(r.m);

	check(!info->has_base && !info->has_version && info->writes == -1,
	    "nothing is known");
	run(&r, "known");
	check(info->has_base && info->base == 0xff9e5500 && info->writes == 10,
	    "base id");
	check(info->has_version && info->chip == 0x019f7a59 &&
		strcmp(info->name, "GATEWAYCTRL") == 0 && info->app[1] == 11 &&
		info->api[2] == 3,
	    "version");
	run(&r, "s1:9000 >1 <lock");
	check(info->locked, "locked");
	run(&r, "down");
	check(!info->has_base && !info->has_version && !info->locked,
	    "away, nothing is known");
	module_free(r.m);
}

/* Results that nobody fetches count, too, so that memory has a bound. */
static void
test_full(void)
{
	struct telegram tel = {
		.rorg = RORG_RPS, .p = (const uint8_t *)"\x50", .n = 1
	};
	struct module *m = module_new();
	struct module_result result;
	struct buf out = { 0 };

	for (int i = 0; i < MODULE_QUEUE; i++)
		check(module_send(m, &tel, 10,
			  i % 2 ? MODULE_URGENT : MODULE_NORMAL,
			  (uint64_t)i) == 0,
		    "room for %d", i);
	check(module_send(m, &tel, 10, MODULE_URGENT, 0) == -1, "full");
	module_tick(m, 10, &out);
	check(module_send(m, &tel, 10, MODULE_URGENT, 0) == -1,
	    "results wait, still full");
	check(module_result(m, &result) && result.outcome == MODULE_LATE,
	    "a result");
	check(module_send(m, &tel, 20, MODULE_URGENT, 0) == 0, "room for one");
	tel.n = TELEGRAM_SPACE + 1;
	while (module_result(m, &result))
		;
	check(module_send(m, &tel, 20, MODULE_NORMAL, 0) == -1, "too long");
	buf_fini(&out);
	module_free(m);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct run r = { cases[i].title, module_new(), 0 };

		run(&r, cases[i].script);
		module_free(r.m);
	}
	test_info();
	test_full();
	return check_done();
}

/*
 * Commands with any body, and devices and a module that say anything: no
 * telegram leaves after the end of the last command for its device (or, to a
 * valve, later than a second after its own), every fresh command has one last
 * word and only one, and all lines are events.  Needs share/ in the working
 * directory.
 */
#include <stdint.h>

#include "../unit/commanded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { COMMANDS = 48, SILENCE = 60000000 /* us */, VALVE = 6 };

/* Sent as base + the index of their row, so that their telegrams are told. */
static const char rows[] = "01020300,D2-01-04,d0,0\n"
			   "01020301,D2-01-13,d1,1\n"
			   "01020302,A5-38-08,d2,2\n"
			   "01020302,A5-11-04,d2,2\n"
			   "01020303,F6-02-01,d3,3\n"
			   "01020304,D2-05-01,d4,4\n"
			   "01020305,D2-34-00,d5,5\n"
			   "01020306,A5-20-01,d6,6\n"
			   "01020307,A5-20-04,d7,7\n"
			   "01020308,D2-A0-01,d8,8\n"
			   "01020309,D2-01-0C,d9,9,mute\n";
enum { DEVICES = 10 };

static const char *const verbs[] = { "switch", "dim", "setpoint", "shift",
	"valve", "position", "stop", "press", "release", "query", "measure",
	"configure", "pilot", "send", "nonsense" };
static const char *const bodies[] = { "\"vb\":true", "\"vb\":false", "\"v\":50",
	"\"v\":0", "\"vs\":\"A0\"", "\"vs\":\"energy\"", "\"vs\":\"eco\"",
	"\"d\":{}", "\"d\":{\"value\":30,\"timer\":2}",
	"\"d\":{\"on\":true,\"delay\":3}", "\"d\":{\"LC\":true}",
	"\"d\":{\"RIN\":true}", "\"d\":{\"message\":\"set_output\"}",
	"\"d\":{\"RM\":1,\"MD\":10,\"MAT\":600,\"MIT\":10}",
	"\"d\":{\"all\":true,\"on\":true}", "\"v\":21,\"u\":\"Cel\"",
	"\"d\":{\"value\":\"AI\",\"hold\":50}" };

struct world {
	struct commanded c;
	const uint8_t *p, *end;
	int64_t until[DEVICES]; /* the end of its last command */
	int64_t heard[DEVICES];
	unsigned given;
	unsigned last_words[COMMANDS];
	unsigned received[COMMANDS];
};

static void
must(int ok)
{
	if (!ok)
		abort();
}

static unsigned
next(struct world *w)
{
	return w->p < w->end ? *w->p++ : 0;
}

/* "c12 started: ..." */
static void
take_word(struct world *w, const char *line)
{
	unsigned id;
	char state[16];
	const char *reason = strchr(line, ':');

	if (sscanf(line, "c%u %15[a-z]", &id, state) != 2 || id >= COMMANDS)
		return;
	if (strcmp(state, "received") == 0) {
		w->received[id]++;
		return;
	}
	/* What was never received has no state but its refusal. */
	must(w->last_words[id] == 0);
	if (strcmp(state, "accepted") == 0 ||
	    (strcmp(state, "started") == 0 && reason == NULL))
		return;
	w->last_words[id]++;
}

/* "D2010064 00 FF800000>01020304" */
static void
take_telegram(void *arg, const char *line)
{
	const struct world *w = arg;
	const char *from = strchr(line, '>');
	unsigned long sender;

	must(from != NULL && from - line > 8);
	sender = strtoul(from - 8, NULL, 16) - COMMANDED_BASE;
	must(sender < DEVICES);
	if (sender == VALVE || sender == VALVE + 1)
		must(w->c.mono < w->heard[sender] + 1000000);
	else
		must(w->c.mono < w->until[sender]);
}

static void
examine(struct world *w)
{
	char *p, *save;

	must(w->c.invalid == 0);
	for (p = strtok_r((char *)(uintptr_t)buf_cstr(&w->c.said), "\n", &save);
	     p != NULL; p = strtok_r(NULL, "\n", &save))
		take_word(w, p);
	buf_clear(&w->c.said);
	buf_clear(&w->c.sent);
}

/* A body from the input itself, or one that is likely to be understood. */
static void
add_body(struct world *w, struct buf *body)
{
	unsigned n = next(w);

	if (n < 128) {
		buf_adds(body, bodies[n % (sizeof bodies / sizeof *bodies)]);
		return;
	}
	buf_adds(body, "\"d\":{");
	for (n %= 64; n > 0 && w->p < w->end; n--)
		buf_addc(body, (char)next(w));
	buf_addc(body, '}');
}

static void
command(struct world *w)
{
	unsigned device = next(w) % DEVICES, verb = next(w), channel = next(w);
	double ttl = 0.1 * (1 + next(w));
	struct buf topic = { 0 }, body = { 0 };
	char id[16];
	int64_t end;

	if (w->given == COMMANDS)
		return;
	snprintf(id, sizeof id, "c%u", w->given++);
	buf_addf(&topic, "COMMAND/d%u", device);
	if (channel >= 192)
		buf_addf(&topic, ":%u", channel & 31);
	buf_addf(&topic, "/%s", verbs[verb % (sizeof verbs / sizeof *verbs)]);
	add_body(w, &body);
	end = w->c.mono + (int64_t)(ttl * 1e6) + 1;
	if (w->until[device] < end)
		w->until[device] = end;
	commanded_give(&w->c, id, ttl, buf_cstr(&topic), buf_cstr(&body));
	buf_fini(&topic);
	buf_fini(&body);
}

static void
hear(struct world *w)
{
	static const uint8_t rorgs[DEVICES] = { 0xD2, 0xD2, 0xA5, 0xF6, 0xD2,
		0xD2, 0xA5, 0xA5, 0xD2, 0xD2 };
	unsigned device = next(w) % DEVICES, n = next(w) % 8 + 1;
	uint8_t p[9] = { rorgs[device] };

	for (unsigned i = 1; i <= n; i++)
		p[i] = (uint8_t)next(w);
	w->heard[device] = w->c.mono;
	commanded_hear(&w->c, 0x01020300u + device, p, n + 1);
}

static void
step(struct world *w)
{
	struct esp3_packet event = { .type = ESP3_EVENT, .n = 2 };
	uint8_t codes[2] = { 6, 0 };

	switch (next(w) % 8) {
	case 0:
	case 1: command(w); break;
	case 2: hear(w); break;
	case 3: commanded_response(&w->c, 0); break;
	case 4: commanded_response(&w->c, (uint8_t)next(w)); break;
	case 5: commanded_wait(&w->c, 20000 * (int64_t)next(w)); break;
	case 6:
		if (next(w) & 1)
			module_up(w->c.module, w->c.mono);
		else
			module_down(w->c.module);
		break;
	case 7:
		codes[1] = next(w) & 1;
		event.data = codes;
		module_take(w->c.module, &event, w->c.mono);
		break;
	}
	commanded_pump(&w->c);
	examine(w);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct commanded table;
	struct world w = { .p = data, .end = data + size };

	if (table.eep == NULL)
		must(commanded_table(&table) == NULL &&
		    commanded_devices(&table, rows) == NULL);
	w.c = table;
	w.c.on_sent = take_telegram;
	w.c.arg = &w;
	for (size_t i = 0; i < DEVICES; i++)
		w.heard[i] = INT64_MIN / 2;
	commanded_start(&w.c, NULL);
	module_up(w.c.module, w.c.mono);
	commanded_pump(&w.c);
	while (w.p < w.end)
		step(&w);
	commanded_wait(&w.c, SILENCE);
	examine(&w);
	for (size_t i = 0; i < COMMANDS; i++)
		must(w.received[i] <= 1 && w.last_words[i] >= w.received[i]);
	must(actuator_due(w.c.actuator) == INT64_MAX);
	commanded_stop(&w.c);
	return 0;
}

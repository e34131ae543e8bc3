/*
 * A real broker, in a process of its own, whose twin is the test: one that
 * sends what it should not, that does not answer, or is another one; and
 * those who ask it to be copied from.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/app.h"
#include "base/buf.h"
#include "base/date.h"
#include "base/die.h"
#include "broker/broker.h"
#include "bus/wire.h"
#include "check.h"
#include "fake_broker.h"
#include "peer.h"

static char dir[] = "/tmp/test_mirror.XXXXXX";

/* --- the broker, A --- */

struct server {
	pid_t pid;
	char path[64], url[80], twin[80], store[64];
	int memory;
};

static void
serve(const struct server *s, int ready)
{
	const struct client_config twin = {
		.urls = s->twin, .insecure = 1, .retry = DATE_SECOND / 4
	};
	const struct broker_options options = { .name = "A",
		.dir = s->memory ? NULL : s->store,
		.segment = 4 << 20,
		.max_line = 1 << 20,
		.last_topics = 10000,
		.memory = 64 << 20,
		.twin = &twin,
		.limits = { .message = WIRE_MESSAGE_MAX,
		    .requests = 64,
		    .memory = 16 << 20,
		    .write_time = 10 * DATE_SECOND } };
	const char *why;
	int status;
	struct broker *b = broker_new(&options, &status, &why);

	if (b == NULL || broker_listen(b, s->url, &why) != 0)
		die(EXIT_IO, "test broker: %s", why);
	app_ready(ready);
	/* What it says of its twin is looked up in stat. */
	if (freopen("/dev/null", "w", stderr) == NULL)
		die(EXIT_IO, "/dev/null: %s", strerror(errno));
	status = broker_run(b);
	broker_free(b);
	exit(status);
}

static void
server_run(struct server *s)
{
	char ready[6];
	int fd[2];

	if (pipe(fd) == -1 || fflush(stdout) != 0 || (s->pid = fork()) == -1)
		die(EXIT_IO, "fork: %s", strerror(errno));
	if (s->pid == 0) {
		close(fd[0]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		app_signals();
		serve(s, fd[1]);
	}
	close(fd[1]);
	if (read(fd[0], ready, sizeof ready) != sizeof ready)
		die(EXIT_IO, "the broker did not start");
	close(fd[0]);
}

static void
server_start(struct server *s, const char *name, int memory)
{
	s->memory = memory;
	snprintf(s->path, sizeof s->path, "%s/%s", dir, name);
	snprintf(s->url, sizeof s->url, "ipc://%s", s->path);
	snprintf(s->twin, sizeof s->twin, "ipc://%s/twin", dir);
	snprintf(s->store, sizeof s->store, "%s/%s.store", dir, name);
	server_run(s);
}

static void
server_end(struct server *s)
{
	int status = 0;

	kill(s->pid, SIGTERM);
	waitpid(s->pid, &status, 0);
	check(status == 0, "the broker ends with status %d", status);
}

/* --- its twin, B --- */

struct twin {
	struct fake_broker fake;
	char now[2048];	   /* how far it is, as it says */
	const char *lines; /* of its first part */
	int n, silent;
	uint64_t part;
	int opened; /* how often, atomically */
};

static enum fake_deed
answer(void *ctx, const char *p, size_t n, struct buf *reply)
{
	const struct timespec pause = { 0, 5000000 };
	struct twin *t = ctx;
	struct wire_request r;
	const char *why;

	if (wire_request_parse(&r, p, n, &why) < 0)
		return FAKE_SILENT;
	if (r.op == WIRE_HELLO) {
		buf_adds(reply,
		    "{\"ok\":true,\"sg\":1,\"name\":\"B\","
		    "\"twin\":true}\n");
		return FAKE_REPLY;
	}
	if (r.name.kind != JSON_NONE) {
		t->part = 0;
		__atomic_add_fetch(&t->opened, 1, __ATOMIC_SEQ_CST);
	}
	if (t->silent)
		return FAKE_SILENT;
	nanosleep(&pause, NULL);
	t->part++;
	buf_addf(reply,
	    "{\"ok\":true,\"part\":%llu,\"n\":%d,\"cursor\":{},\"now\":%s}\n",
	    (unsigned long long)t->part, t->part == 1 ? t->n : 0, t->now);
	if (t->part == 1 && t->lines != NULL)
		buf_adds(reply, t->lines);
	return FAKE_REPLY;
}

static void
twin_start(struct twin *t, const struct server *s)
{
	fake_listen(&t->fake, s->twin);
	fake_serve(&t->fake, answer, t);
}

/* --- a client --- */

static void
peer_open(struct peer *p, const struct server *s)
{
	peer_local(p, s->path);
	if (!peer_greet(p))
		die(EXIT_IO, "no greeting");
}

/* The broker says of itself, within ten seconds at most, what is wanted. */
static void
says(struct peer *p, const char *want, struct buf *got)
{
	const struct timespec pause = { 0, 20000000 };
	const int64_t end = date_mono() + 10 * DATE_SECOND;

	do {
		peer_ask(p, "{\"op\":\"stat\"}", got);
		if (strstr(got->p, want) != NULL)
			return;
		nanosleep(&pause, NULL);
	} while (date_mono() < end);
	check(0, "%s: %s", want, got->p);
}

static const char all[] =
    "{\"op\":\"fetch\",\"filters\":[\"T/#\"],\"cursor\":\"begin\"}";

/* The start number of the broker's log. */
static unsigned long long
learn_log(struct peer *p)
{
	struct buf got = { 0 };
	unsigned long long start = 0;
	const char *at;

	peer_ask(p, "{\"op\":\"hello\"}", &got);
	at = strstr(got.p, "\"log\":\"A.");
	if (at == NULL || sscanf(at + 9, "%llu", &start) != 1)
		die(EXIT_DATA, "hello: %s", got.p);
	buf_fini(&got);
	return start;
}

static void
publish(struct peer *p, const char *topic, struct buf *got)
{
	char text[128];

	snprintf(text, sizeof text,
	    "{\"op\":\"pub\"}\n{\"topic\":\"%s\",\"t\":1,\"v\":1}\n", topic);
	peer_ask(p, text, got);
	check(strstr(got->p, "\"ok\":true") != NULL, "%s: %s", topic, got->p);
}

/* --- what a twin may not say --- */

/* A log of ours that is closed gets no more, wherever that would be. */
static void
test_own_log(void)
{
	struct server s;
	struct twin t = { .n = 1 };
	struct buf got = { 0 };
	char lines[256];
	unsigned long long start;
	struct peer p;

	server_start(&s, "own", 0);
	peer_open(&p, &s);
	start = learn_log(&p);
	publish(&p, "T/first", &got);
	close(p.fd);
	server_end(&s);

	snprintf(t.now, sizeof t.now, "{\"A.%llu\":1,\"B.5\":0}", start);
	server_run(&s);
	twin_start(&t, &s);
	peer_open(&p, &s);
	says(&p, "\"synced\":true", &got);
	fake_stop(&t.fake);

	snprintf(lines, sizeof lines,
	    "[\"A.%llu\",1000,1,1,\"x\",\"0000000000000000\",0,1,{}]\n"
	    "{\"topic\":\"T/forged\",\"t\":1,\"v\":1}\n",
	    start);
	t.lines = lines;
	t.opened = 0;
	twin_start(&t, &s);
	says(&p, "than there can be", &got);
	peer_ask(&p, all, &got);
	check(strstr(got.p, "T/first") != NULL &&
		strstr(got.p, "T/forged") == NULL,
	    "our log is as it was: %s", got.p);
	fake_stop(&t.fake);
	server_end(&s);
	close(p.fd);
	buf_fini(&got);
}

/* A later log of ours would make readers pass over this one. */
static void
test_later_log(void)
{
	static const char later[] = "{\"A.9000000000000000000\":7}";
	struct server s;
	struct twin t = { 0 };
	struct buf got = { 0 };
	char text[256];
	struct peer p;

	server_start(&s, "later", 1);
	memcpy(t.now, later, sizeof later);
	twin_start(&t, &s);
	peer_open(&p, &s);
	says(&p, "a later log", &got);
	snprintf(text, sizeof text,
	    "{\"op\":\"mirror\",\"name\":\"B\",\"cursor\":%s}", later);
	peer_ask(&p, text, &got);
	check(strstr(got.p, "a later log") != NULL, "mirror: %s", got.p);
	fake_stop(&t.fake);
	server_end(&s);
	close(p.fd);
	buf_fini(&got);
}

/* The start after that begins a log that is later still. */
static void
test_later_start(void)
{
	struct server s;
	struct twin t = { .now = "{\"A.3000000000000000\":7}" };
	struct buf got = { 0 };
	struct peer p;

	server_start(&s, "start", 0);
	twin_start(&t, &s);
	peer_open(&p, &s);
	says(&p, "a later log", &got);
	close(p.fd);
	server_end(&s);
	server_run(&s);
	peer_open(&p, &s);
	check(learn_log(&p) == 3000000000000001, "the next log: A.%llu",
	    learn_log(&p));
	fake_stop(&t.fake);
	server_end(&s);
	close(p.fd);
	buf_fini(&got);
}

/* There is no end to the names it could make up. */
static void
test_names(void)
{
	struct server s;
	struct twin t = { 0 };
	struct buf now = { 0 }, got = { 0 };
	struct peer p;

	server_start(&s, "names", 1);
	for (int i = 0; i < WIRE_LOGS_MAX; i++)
		buf_addf(&now, "%c\"N%d.1\":1", i == 0 ? '{' : ',', i);
	buf_addc(&now, '}');
	snprintf(t.now, sizeof t.now, "%s", buf_cstr(&now));
	buf_fini(&now);
	twin_start(&t, &s);
	peer_open(&p, &s);
	says(&p, "too many brokers", &got);
	peer_ask(&p, "{\"op\":\"seek\",\"to\":\"end\"}", &got);
	check(strstr(got.p, "\"A.") != NULL, "our own place: %s", got.p);
	fake_stop(&t.fake);
	server_end(&s);
	close(p.fd);
	buf_fini(&got);
}

/* A commit from the end of time would be the last. */
static void
test_late_commit(void)
{
	struct server s;
	struct twin t = { .now = "{\"B.5\":0}" };
	struct buf got = { 0 };
	struct peer p;

	t.lines = "{\"note\":\"cursor\",\"name\":\"c\","
		  "\"t\":9223372036854775807,\"cursor\":{\"B.5\":9}}\n"
		  "{\"note\":\"cursor\",\"name\":\"d\",\"t\":1,"
		  "\"cursor\":{\"B.5\":9}}\n";
	server_start(&s, "late", 1);
	twin_start(&t, &s);
	peer_open(&p, &s);
	says(&p, "\"d\":{", &got);
	peer_ask(&p,
	    "{\"op\":\"commit\",\"name\":\"c\",\"cursor\":{\"B.5\":3}}", &got);
	peer_ask(&p, "{\"op\":\"stat\"}", &got);
	check(strstr(got.p, "\"c\":{\"cursor\":{\"B.5\":3}") != NULL,
	    "a commit counts: %s", got.p);
	fake_stop(&t.fake);
	server_end(&s);
	close(p.fd);
	buf_fini(&got);
}

/* --- a twin that does not answer --- */

static long
cpu_ticks(pid_t pid)
{
	char path[64];
	long user = 0, kernel = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
	f = fopen(path, "r");
	if (f == NULL ||
	    fscanf(f,
		"%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
		"%ld %ld",
		&user, &kernel) != 2)
		die(EXIT_IO, "%s", path);
	fclose(f);
	return user + kernel;
}

/*
 * It says that it lives, but the stream stands still: that is no reason to
 * turn in circles, and on another connection it may be better.
 */
static void
test_stuck(void)
{
	const struct timespec pause = { 0, 100000000 };
	const int64_t end = date_mono() + 20 * DATE_SECOND;
	struct server s;
	struct twin t = { .now = "{\"B.5\":0}", .silent = 1 };
	long before;

	server_start(&s, "stuck", 1);
	twin_start(&t, &s);
	before = cpu_ticks(s.pid);
	while (__atomic_load_n(&t.opened, __ATOMIC_SEQ_CST) < 2 &&
	    date_mono() < end)
		nanosleep(&pause, NULL);
	check(t.opened >= 2, "opened %d times", t.opened);
	before = cpu_ticks(s.pid) - before;
	check(before < sysconf(_SC_CLK_TCK), "%ld ticks of work", before);
	fake_stop(&t.fake);
	server_end(&s);
}

/* --- those who ask to be told all --- */

static void
test_asked(void)
{
	static const char open_it[] =
	    "{\"op\":\"mirror\",\"name\":\"B\",\"cursor\":{}}";
	static const char more[] = "{\"op\":\"mirror\"}";
	struct server s;
	struct twin t = { .now = "{\"B.5\":0}" };
	struct buf got = { 0 };
	struct peer one, two;
	uint32_t id;

	server_start(&s, "asked", 1);
	twin_start(&t, &s);
	peer_open(&one, &s);
	peer_open(&two, &s);
	says(&one, "\"synced\":true", &got);
	peer_ask(
	    &one, "{\"op\":\"mirror\",\"name\":\"C\",\"cursor\":{}}", &got);
	check(strstr(got.p, "another one") != NULL, "C is not B: %s", got.p);
	peer_ask(&one, open_it, &got);
	check(strstr(got.p, "\"part\":1") != NULL, "open: %s", got.p);
	id = peer_send(&one, more, strlen(more));
	peer_ask(&two, open_it, &got);
	check(strstr(got.p, "\"part\":1") != NULL, "elsewhere: %s", got.p);
	check(peer_next(&one, &got) == id && strstr(got.p, "anew") != NULL,
	    "who was replaced hears of it: %s", got.p);
	peer_ask(&one, more, &got);
	check(strstr(got.p, "not opened") != NULL, "and is out: %s", got.p);
	fake_stop(&t.fake);
	server_end(&s);
	close(one.fd);
	close(two.fd);
	buf_fini(&got);
}

/* What nobody asks for does not pile up. */
static void
test_notes(void)
{
	enum { COMMITS = 80000, FLIGHT = 50 };
	static const char commit[] = "{\"op\":\"commit\",\"name\":\"c\","
				     "\"cursor\":{\"B.5\":3}}";
	struct server s;
	struct twin t = { .now = "{\"B.5\":0}" };
	struct buf got = { 0 };
	struct peer one, two;

	server_start(&s, "notes", 1);
	twin_start(&t, &s);
	peer_open(&one, &s);
	peer_open(&two, &s);
	peer_ask(
	    &one, "{\"op\":\"mirror\",\"name\":\"B\",\"cursor\":{}}", &got);
	for (int i = 0; i < COMMITS + FLIGHT; i++) {
		if (i < COMMITS)
			peer_send(&two, commit, sizeof commit - 1);
		if (i >= FLIGHT)
			peer_next(&two, &got);
	}
	check(strstr(got.p, "\"ok\":true") != NULL, "commit: %s", got.p);
	peer_ask(&one, "{\"op\":\"mirror\"}", &got);
	check(strstr(got.p, "not opened") != NULL, "no more: %s", got.p);
	fake_stop(&t.fake);
	server_end(&s);
	close(one.fd);
	close(two.fd);
	buf_fini(&got);
}

/* The longest frame there is can be copied: one more byte is too long. */
static void
test_longest(void)
{
	static const char head[] = "{\"op\":\"pub\"}\n";
	static const char event[] = "{\"topic\":\"T/x\",\"t\":1,\"vs\":\"";
	struct server s;
	struct buf text = { 0 }, got = { 0 };
	struct peer p;
	size_t i, n;

	server_start(&s, "longest", 1);
	peer_open(&p, &s);
	buf_adds(&text, head);
	for (i = 0; i < 2; i++) {
		n = WIRE_LINES_MAX / 2 - sizeof event - 3 + 1;
		buf_adds(&text, event);
		while (n-- > 0)
			buf_addc(&text, 'x');
		buf_adds(&text, "\"}\n");
	}
	check(text.len - strlen(head) == WIRE_LINES_MAX, "%zu bytes", text.len);
	peer_send(&p, text.p, text.len);
	peer_next(&p, &got);
	check(strstr(got.p, "\"ok\":true") != NULL, "longest: %.200s", got.p);
	text.p[text.len - 3] = 'x';
	text.p[text.len - 2] = '"';
	text.p[text.len - 1] = '}';
	peer_send(&p, text.p, text.len);
	peer_next(&p, &got);
	check(strstr(got.p, "frame too long") != NULL, "longer: %.200s", got.p);
	server_end(&s);
	close(p.fd);
	buf_fini(&text);
	buf_fini(&got);
}

int
main(void)
{
	char command[64];

	if (mkdtemp(dir) == NULL)
		return 1;
	test_own_log();
	test_later_log();
	test_later_start();
	test_names();
	test_late_commit();
	test_stuck();
	test_asked();
	test_notes();
	test_longest();
	snprintf(command, sizeof command, "rm -rf %s", dir);
	if (system(command) != 0)
		return 1;
	return check_done();
}

#include "grid/pair.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event/json.h"

enum { SOCKET_DIR = 90 }; /* bytes of a folder with sockets in it */

static const char *const names[] = { "A", "B" };

/* The folder that this program was started from. */
static int
find_programs(char bin[PAIR_PATH])
{
	ssize_t n = readlink("/proc/self/exe", bin, PAIR_PATH - 1);
	char *slash;

	if (n < 0)
		return -1;
	bin[n] = '\0';
	slash = strrchr(bin, '/');
	if (slash == NULL)
		return -1;
	*slash = '\0';
	return 0;
}

/* The first of that name in PATH. */
static void
find_in_path(const char *name, char path[PAIR_PATH])
{
	const char *p = getenv("PATH");
	size_t n;

	for (; p != NULL && *p != '\0'; p += n + (p[n] == ':')) {
		n = strcspn(p, ":");
		snprintf(path, PAIR_PATH, "%.*s/%s", (int)n, p, name);
		if (access(path, X_OK) == 0)
			return;
	}
}

void
pair_program(const struct pair *p, const char *name, char path[PAIR_PATH])
{
	if (snprintf(path, PAIR_PATH, "%s/%s", p->bin, name) >= PAIR_PATH ||
	    access(path, X_OK) != 0)
		find_in_path(name, path);
}

/* A relay before broker i: 0 with its route, or -1 with *why. */
static int
add_route(
    struct pair *p, int i, const char *listen, int *route, const char **why)
{
	*route = relay_route(p->relay, listen, p->broker[i].url, why);
	return *route < 0 ? -1 : 0;
}

static int
prepare(struct pair *p, int i, const char **why)
{
	struct pair_broker *b = &p->broker[i];
	char clients[URL_MAX], twin[URL_MAX];

	*b = (struct pair_broker){ .name = names[i] };
	child_init(&b->child);
	*why = "its path is too long for a socket's";
	if (strlen(p->dir) > SOCKET_DIR)
		return -1;
	snprintf(b->url, sizeof b->url, "ipc://%s/%s", p->dir, b->name);
	snprintf(
	    clients, sizeof clients, "ipc://%s/%s-clients", p->dir, b->name);
	snprintf(twin, sizeof twin, "ipc://%s/%s-twin", p->dir, b->name);
	unlink(clients + strlen("ipc://"));
	unlink(twin + strlen("ipc://"));
	if (add_route(p, i, clients, &b->clients, why) < 0)
		return -1;
	return add_route(p, i, twin, &b->from_twin, why);
}

int
pair_open(struct pair *p, const char *dir, int memory, const char **why)
{
	*p = (struct pair){ .dir = dir, .memory = memory };
	child_init(&p->question);
	for (int i = 0; i < 2; i++)
		child_init(&p->broker[i].child);
	p->relay = relay_new();
	*why = strerror(errno);
	if (p->relay == NULL || find_programs(p->bin) < 0)
		return -1;
	return prepare(p, 0, why) < 0 ? -1 : prepare(p, 1, why);
}

void
pair_close(struct pair *p)
{
	child_close(&p->question);
	for (int i = 0; i < 2; i++)
		child_close(&p->broker[i].child);
	relay_free(p->relay);
	p->relay = NULL;
}

int
pair_start(struct pair *p, int i)
{
	struct pair_broker *b = &p->broker[i];
	char program[PAIR_PATH], store[PAIR_PATH], log[PAIR_PATH];
	const char *twin = relay_url(p->relay, p->broker[!i].from_twin);
	const char *const durable[] = { program, "--name", b->name, "-l",
		b->url, "--ready-fd", "3", "--twin", twin, "-d", store, NULL };
	const char *const memory[] = { program, "--name", b->name, "-l", b->url,
		"--ready-fd", "3", "--twin", twin, "--memory", NULL };

	pair_program(p, "sg-broker", program);
	snprintf(store, sizeof store, "%s/store-%s", p->dir, b->name);
	snprintf(log, sizeof log, "%s/broker-%s.log", p->dir, b->name);
	child_close(&b->child);
	b->ready = 0;
	b->wanted = 1;
	return child_start(
	    &b->child, p->memory ? memory : durable, CHILD_SAY, log);
}

int
pair_look(struct pair *p)
{
	char word[16];

	for (int i = 0; i < 2; i++) {
		struct pair_broker *b = &p->broker[i];

		if (b->child.say >= 0 &&
		    read(b->child.say, word, sizeof word) > 0)
			b->ready = 1;
		if (b->child.pid > 0 && child_ended(&b->child) && b->wanted) {
			b->wanted = 0;
			return b->child.status == 0 ? -1 : b->child.status;
		}
	}
	return 0;
}

void
pair_kill(struct pair *p, int i, int signal)
{
	struct pair_broker *b = &p->broker[i];

	if (signal == SIGKILL || signal == SIGTERM)
		b->wanted = b->ready = 0;
	if (b->child.pid > 0)
		kill(b->child.pid, signal);
	if (signal == SIGKILL)
		child_wait(&b->child);
}

void
pair_link(struct pair *p, enum relay_mode mode, int64_t delay)
{
	for (int i = 0; i < 2; i++)
		relay_set(p->relay, p->broker[i].from_twin, mode, delay);
}

void
pair_clients(struct pair *p, int i, enum relay_mode mode, int64_t delay)
{
	relay_set(p->relay, p->broker[i].clients, mode, delay);
}

static int
ask(struct pair *p)
{
	char program[PAIR_PATH], urls[2 * URL_MAX];
	const char *const argv[] = { program, "broker", "-b", urls, "-w", "1s",
		"-f", "json", NULL };

	pair_program(p, "sg-check", program);
	snprintf(
	    urls, sizeof urls, "%s,%s", p->broker[0].url, p->broker[1].url);
	p->answered = 0;
	return child_start(&p->question, argv, CHILD_OUT, "/dev/null");
}

/* How many brokers say that they are in step. */
static int
count_synced(const char *text, size_t n)
{
	struct json_value all, list, name, figure, v;
	struct json_walk w;
	const char *why;
	int synced = 0;

	if (json_check(text, n, &why) != JSON_OBJECT)
		return 0;
	all = json_value(text, n);
	if (!json_get(&all, "figures", &list))
		return 0;
	json_walk(&w, &list);
	while (json_next(&w, &name, &figure))
		synced += json_get(&figure, "name", &v) &&
		    json_equal(&v, "broker_twin_synced") &&
		    json_get(&figure, "value", &v) && v.n == 1 && *v.p == '1';
	return synced;
}

int
pair_in_step(struct pair *p)
{
	ssize_t got;

	if (p->question.pid == 0) {
		ask(p);
		return -1;
	}
	do {
		got = read(p->question.out, p->answer + p->answered,
		    sizeof p->answer - p->answered);
		if (got > 0)
			p->answered += (size_t)got;
	} while (got > 0);
	if (got < 0 && errno == EAGAIN)
		return -1;
	child_close(&p->question);
	return count_synced(p->answer, p->answered) == 2;
}

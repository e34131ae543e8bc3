#include "bus/probe.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/die.h"

enum { PAUSE = 50000 }; /* us after which all are looked at again, anyway */

static void
fail(struct probe *p, const char *why)
{
	struct buf known = { 0 };

	/* Its URL is said anyway. */
	buf_addf(&known, "no broker: %s: ", p->url);
	if (strncmp(why, known.p, known.len) == 0)
		why += known.len;
	buf_fini(&known);
	buf_clear(&p->why);
	buf_addf(&p->why, "no answer: %s", why);
	client_close(p->client);
	p->client = NULL;
}

static void
say_hello(struct probe *p)
{
	struct buf hello = { 0 };

	wire_hello(&hello);
	p->hello = date_mono();
	client_send(p->client, 0, &hello);
	buf_fini(&hello);
}

/* Whatever has happened by now: 1 if this one need not be waited for. */
static int
look(struct probe *p)
{
	struct client_event event;

	while (p->client != NULL && !p->answered) {
		if (client_next(p->client, &event, 0) < 0) {
			fail(p, client_why(p->client));
			break;
		}
		if (event.result == CLIENT_NONE)
			return 0;
		if (event.result == CLIENT_CONNECTED)
			say_hello(p);
		if (event.result == CLIENT_REPLY) {
			p->answered = 1;
			p->hello = date_mono() - p->hello;
		}
	}
	return 1;
}

/* Wait for any of those that have not answered. */
static void
await(const struct probes *all, int64_t until)
{
	struct pollfd *fds = xcalloc(all->n, sizeof *fds);
	int64_t left = until - date_mono();
	nfds_t n = 0;

	for (size_t i = 0; i < all->n; i++)
		if (all->v[i].client != NULL && !all->v[i].answered)
			fds[n++] = (struct pollfd){ client_fd(all->v[i].client),
				POLLIN, 0 };
	if (left > PAUSE)
		left = PAUSE;
	poll(fds, n, left <= 0 ? 0 : (int)(left / 1000) + 1);
	free(fds);
}

static int
begin(struct probes *all, const struct client_config *config, const char **why)
{
	struct client_config one = *config;
	const char *p = config->urls;

	/* Whoever is away now is away. */
	one.retry = 0;
	for (;;) {
		size_t n = strcspn(p, ",");
		struct probe *probe;

		all->v = xrealloc(all->v, (all->n + 1) * sizeof *all->v);
		probe = &all->v[all->n++];
		*probe = (struct probe){ .url = xstrndup(p, n) };
		one.urls = probe->url;
		probe->client = client_begin(&one, why);
		if (probe->client == NULL)
			return -1;
		if (p[n] == '\0')
			return 0;
		p += n + 1;
	}
}

int
probes_open(struct probes *all, const struct client_config *config,
    enum probe_want want, int64_t deadline, const char **why)
{
	size_t over, answered;

	*all = (struct probes){ 0 };
	if (begin(all, config, why) < 0)
		return -1;
	for (;;) {
		over = answered = 0;
		for (size_t i = 0; i < all->n; i++) {
			over += (size_t)look(&all->v[i]);
			answered += (size_t)all->v[i].answered;
		}
		if (over == all->n || (want == PROBE_FIRST && answered > 0) ||
		    date_mono() >= deadline)
			break;
		await(all, deadline);
	}
	for (size_t i = 0; i < all->n; i++)
		if (all->v[i].client != NULL && !all->v[i].answered)
			fail(&all->v[i], "none in time");
	return (int)answered;
}

void
probes_close(struct probes *all)
{
	for (size_t i = 0; i < all->n; i++) {
		client_close(all->v[i].client);
		buf_fini(&all->v[i].why);
		free(all->v[i].url);
	}
	free(all->v);
	*all = (struct probes){ 0 };
}

struct probe *
probes_first(const struct probes *all)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->v[i].answered)
			return &all->v[i];
	return NULL;
}

int
probe_ask(struct probe *p, struct buf *msg, struct client_event *event,
    int64_t deadline)
{
	const struct wire_reply *r = &event->reply;

	buf_clear(&p->why);
	if (client_call(p->client, msg, event, deadline) < 0) {
		buf_adds(&p->why,
		    errno == ETIMEDOUT ? "no answer in time"
				       : client_why(p->client));
		return 0;
	}
	if (r->ok)
		return 1;
	buf_adds(&p->why, r->error);
	if (r->why.kind == JSON_STRING) {
		buf_adds(&p->why, ": ");
		json_text(&r->why, &p->why);
	}
	return 0;
}

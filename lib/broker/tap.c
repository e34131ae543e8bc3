#include "broker/tap.h"

#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"

enum { QUEUE = 4096 }; /* messages kept for each subscriber */

struct tap {
	nng_socket socket;
	nng_listener listener;
	int subscribers; /* counted by nng's threads */
	char *url;
};

/*
 * REM_POST also comes for a pipe that ADD_POST never saw; these two pair.
 * The load takes t over from tap_open(), which released it.
 */
static void
pipe_count(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
	struct tap *t = arg;

	(void)pipe;
	(void)__atomic_load_n(&t->subscribers, __ATOMIC_ACQUIRE);
	__atomic_add_fetch(&t->subscribers,
	    event == NNG_PIPE_EV_ADD_PRE ? 1 : -1, __ATOMIC_RELAXED);
}

static int
socket_prepare(struct tap *t)
{
	int error;

	if ((error = nng_pub0_open(&t->socket)) != 0)
		return error;
	nng_socket_set_int(t->socket, NNG_OPT_SENDBUF, QUEUE);
	if ((error = nng_pipe_notify(
		 t->socket, NNG_PIPE_EV_ADD_PRE, pipe_count, t)) != 0)
		return error;
	return nng_pipe_notify(t->socket, NNG_PIPE_EV_REM_POST, pipe_count, t);
}

static int
socket_listen(struct tap *t, const char *url)
{
	char *real;
	int error;

	if ((error = nng_listener_create(&t->listener, t->socket, url)) != 0)
		return error;
	/* Only ipc knows this option. */
	nng_listener_set_int(t->listener, NNG_OPT_IPC_PERMISSIONS, 0600);
	if ((error = nng_listener_start(t->listener, 0)) != 0)
		return error;
	if ((error = nng_listener_get_string(
		 t->listener, NNG_OPT_URL, &real)) != 0)
		return error;
	t->url = xstrdup(real);
	nng_strfree(real);
	return 0;
}

struct tap *
tap_open(const char *url, const char **why)
{
	struct tap *t = xcalloc(1, sizeof *t);
	int error;

	/* Hands t over to nng's threads. */
	__atomic_store_n(&t->subscribers, 0, __ATOMIC_RELEASE);
	error = socket_prepare(t);
	if (error == 0)
		error = socket_listen(t, url);
	if (error == 0)
		return t;
	*why = nng_strerror(error);
	tap_close(t);
	return NULL;
}

const char *
tap_url(const struct tap *t)
{
	return t->url;
}

int
tap_busy(const struct tap *t)
{
	return t != NULL &&
	    __atomic_load_n(&t->subscribers, __ATOMIC_RELAXED) > 0;
}

void
tap_send(
    struct tap *t, const char *topic, size_t tn, const char *line, size_t n)
{
	nng_msg *m;
	char *p;

	if (!tap_busy(t) || nng_msg_alloc(&m, tn + 1 + n) != 0)
		return;
	p = nng_msg_body(m);
	memcpy(p, topic, tn);
	p[tn] = ' ';
	memcpy(p + tn + 1, line, n);
	if (nng_sendmsg(t->socket, m, NNG_FLAG_NONBLOCK) != 0)
		nng_msg_free(m);
}

/*
 * nng 1.5.2 can wait for ever in nng_close() of a socket under load, and a
 * broker must be able to leave: only the listener is closed and what nng's
 * threads may still touch is left to the end of the process.
 */
void
tap_close(struct tap *t)
{
	if (t != NULL)
		nng_listener_close(t->listener);
}

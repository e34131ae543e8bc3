/*
 * ZeroMQ as a broker: one event per message through XSUB and XPUB.
 *
 *	zmq pub URL FILE	each line of FILE as one message
 *	zmq proxy IN OUT	the broker
 *	zmq sub URL N		count N messages; a line on standard output when
 *				subscribed and one at the end
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

static int
publish(void *context, const char *url, const char *path)
{
	void *s = zmq_socket(context, ZMQ_XPUB);
	FILE *f = fopen(path, "r");
	char subscription[16];
	int none = 0;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	zmq_setsockopt(s, ZMQ_SNDHWM, &none, sizeof none);
	if (f == NULL || zmq_connect(s, url) != 0)
		return 1;
	/* What comes before the subscription is in place would be dropped. */
	if (zmq_recv(s, subscription, sizeof subscription, 0) < 1)
		return 1;
	printf("begin\n");
	fflush(stdout);
	while ((n = getline(&line, &cap, f)) > 0)
		if (zmq_send(s, line, (size_t)n, 0) < 0)
			return 1;
	zmq_close(s);
	/* Waits until all is sent. */
	return zmq_ctx_term(context) != 0;
}

static int
proxy(void *context, const char *in, const char *out)
{
	void *front = zmq_socket(context, ZMQ_XSUB);
	void *back = zmq_socket(context, ZMQ_XPUB);
	int none = 0;

	zmq_setsockopt(front, ZMQ_RCVHWM, &none, sizeof none);
	zmq_setsockopt(back, ZMQ_SNDHWM, &none, sizeof none);
	if (zmq_bind(front, in) != 0 || zmq_bind(back, out) != 0)
		return 1;
	return zmq_proxy(front, back, NULL);
}

static int
subscribe(void *context, const char *url, long count)
{
	void *s = zmq_socket(context, ZMQ_SUB);
	int none = 0;
	zmq_msg_t m;

	zmq_setsockopt(s, ZMQ_RCVHWM, &none, sizeof none);
	zmq_setsockopt(s, ZMQ_SUBSCRIBE, "", 0);
	if (zmq_connect(s, url) != 0)
		return 1;
	printf("ready\n");
	fflush(stdout);
	for (; count > 0; count--) {
		zmq_msg_init(&m);
		if (zmq_msg_recv(&m, s, 0) < 0)
			return 1;
		zmq_msg_close(&m);
	}
	printf("done\n");
	return 0;
}

int
main(int argc, char **argv)
{
	void *context = zmq_ctx_new();

	if (argc != 4)
		return 64;
	if (strcmp(argv[1], "pub") == 0)
		return publish(context, argv[2], argv[3]);
	if (strcmp(argv[1], "proxy") == 0)
		return proxy(context, argv[2], argv[3]);
	return subscribe(context, argv[2], strtol(argv[3], NULL, 10));
}

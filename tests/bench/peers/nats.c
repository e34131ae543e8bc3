/*
 * NATS: JetStream on disk, one event per message, and core NATS between two
 * pipes for the latency.
 *
 *	nats js-pub URL FILE	publish each line, asynchronously, all
 *acknowledged nats js-sub URL N	pull N messages from the stream nats pub
 *URL SUBJECT	lines of standard input, each flushed nats sub URL SUBJECT
 *messages to standard output, a line each
 */
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PULL = 1000, WAIT = 10000 };

static int
fail(const char *what, natsStatus s)
{
	fprintf(stderr, "nats: %s: %s\n", what, natsStatus_GetText(s));
	return 1;
}

static jsCtx *
stream(natsConnection *nc, int make)
{
	jsStreamConfig config;
	jsCtx *js = NULL;
	jsErrCode code;
	const char *subjects[] = { "events" };
	jsOptions options;

	jsOptions_Init(&options);
	options.PublishAsync.MaxPending = 4000;
	options.PublishAsync.StallWait = 10000;
	if (natsConnection_JetStream(&js, nc, &options) != NATS_OK)
		return NULL;
	jsStreamConfig_Init(&config);
	config.Name = "EVENTS";
	config.Subjects = subjects;
	config.SubjectsLen = 1;
	config.Storage = js_FileStorage;
	if (make)
		js_AddStream(NULL, js, &config, NULL, &code);
	return js;
}

static int
js_publish(natsConnection *nc, const char *path)
{
	jsCtx *js = stream(nc, 1);
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	natsStatus s;

	if (js == NULL || f == NULL)
		return 1;
	printf("begin\n");
	fflush(stdout);
	while ((n = getline(&line, &cap, f)) > 0) {
		s = js_PublishAsync(js, "events", line, (int)n, NULL);
		if (s != NATS_OK)
			return fail("publish", s);
	}
	s = js_PublishAsyncComplete(js, NULL);
	return s == NATS_OK ? 0 : fail("complete", s);
}

static int
js_subscribe(natsConnection *nc, long count)
{
	jsCtx *js = stream(nc, 1);
	natsSubscription *sub = NULL;
	natsMsgList list;
	jsErrCode code;
	natsStatus s;
	int i;

	s = js_PullSubscribe(&sub, js, "events", "reader", NULL, NULL, &code);
	if (s != NATS_OK)
		return fail("subscribe", s);
	printf("ready\n");
	fflush(stdout);
	while (count > 0) {
		s = natsSubscription_Fetch(&list, sub, PULL, WAIT, &code);
		if (s == NATS_TIMEOUT)
			continue;
		if (s != NATS_OK)
			return fail("fetch", s);
		for (i = 0; i < list.Count; i++)
			natsMsg_Ack(list.Msgs[i], NULL);
		count -= list.Count;
		natsMsgList_Destroy(&list);
	}
	printf("done\n");
	return 0;
}

static int
core_publish(natsConnection *nc, const char *subject)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, stdin)) > 0)
		if (natsConnection_Publish(nc, subject, line, (int)n) !=
		    NATS_OK)
			return 1;
	return natsConnection_Flush(nc) != NATS_OK;
}

static int
core_subscribe(natsConnection *nc, const char *subject)
{
	natsSubscription *sub;
	natsMsg *m;

	if (natsConnection_SubscribeSync(&sub, nc, subject) != NATS_OK ||
	    natsConnection_Flush(nc) != NATS_OK)
		return 1;
	fprintf(stderr, "ready\n");
	while (natsSubscription_NextMsg(&m, sub, 3600000) == NATS_OK) {
		ssize_t n = write(STDOUT_FILENO, natsMsg_GetData(m),
		    (size_t)natsMsg_GetDataLength(m));

		natsMsg_Destroy(m);
		if (n < 0)
			return 1;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	natsConnection *nc = NULL;
	natsOptions *options = NULL;

	if (argc != 4)
		return 64;
	natsOptions_Create(&options);
	natsOptions_SetURL(options, argv[2]);
	natsOptions_SetSendAsap(options, strcmp(argv[1], "pub") == 0);
	if (natsConnection_Connect(&nc, options) != NATS_OK)
		return 69;
	if (strcmp(argv[1], "js-pub") == 0)
		return js_publish(nc, argv[3]);
	if (strcmp(argv[1], "js-sub") == 0)
		return js_subscribe(nc, strtol(argv[3], NULL, 10));
	if (strcmp(argv[1], "pub") == 0)
		return core_publish(nc, argv[3]);
	return core_subscribe(nc, argv[3]);
}

/*
 * A JetStream cluster for failover.c: a stream on every one of three servers,
 * a publisher that waits for each PubAck, and a reader with a durable pull
 * consumer.
 *
 *	jetstream make URLS		make the stream; print its leader
 *	jetstream pub URLS PATIENCE	lines of standard input, each published
 *					until acknowledged; how many are, to
 *					descriptor 4
 *	jetstream sub URLS PATIENCE	messages to standard output, each
 *					acknowledged then
 *
 * URLS are separated by commas and tried in order.  PATIENCE is 0 for the
 * library's defaults, or in milliseconds how long it waits for a PubAck, and
 * between its pings.
 */
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	ACKS = 4,
	REPLICAS = 3,
	TRIES = 200,
	PAUSE = 100,
	SERVERS = 8,
	BATCH = 10,
	FETCH = 1000
};

static int
fail(const char *what, natsStatus s)
{
	fprintf(stderr, "jetstream: %s: %s\n", what, natsStatus_GetText(s));
	return 1;
}

static natsStatus
connect_to(natsConnection **nc, jsCtx **js, char *urls, long patience)
{
	const char *servers[SERVERS];
	natsOptions *options = NULL;
	jsOptions js_options;
	natsStatus s;
	int n = 0;

	for (char *p; n < SERVERS && (p = strsep(&urls, ",")) != NULL;)
		servers[n++] = p;
	natsOptions_Create(&options);
	natsOptions_SetServers(options, servers, n);
	natsOptions_SetNoRandomize(options, true);
	natsOptions_SetMaxReconnect(options, -1);
	jsOptions_Init(&js_options);
	if (patience > 0) {
		natsOptions_SetPingInterval(options, patience);
		js_options.Wait = patience;
	}
	s = natsConnection_Connect(nc, options);
	if (s == NATS_OK)
		s = natsConnection_JetStream(js, *nc, &js_options);
	natsOptions_Destroy(options);
	return s;
}

/* A cluster takes a while before it makes streams. */
static int
make(jsCtx *js)
{
	const char *subjects[] = { "events" };
	jsStreamConfig config;
	jsStreamInfo *info = NULL;
	natsStatus s = NATS_ERR;

	jsStreamConfig_Init(&config);
	config.Name = "EVENTS";
	config.Subjects = subjects;
	config.SubjectsLen = 1;
	config.Storage = js_FileStorage;
	config.Replicas = REPLICAS;
	for (int i = 0; s != NATS_OK && i < TRIES; i++) {
		s = js_AddStream(&info, js, &config, NULL, NULL);
		if (s != NATS_OK)
			nats_Sleep(PAUSE);
	}
	if (s != NATS_OK)
		return fail("make the stream", s);
	printf("%s\n", info->Cluster != NULL ? info->Cluster->Leader : "");
	jsStreamInfo_Destroy(info);
	return 0;
}

static int
publish(jsCtx *js)
{
	char *line = NULL, id[24], ack[24];
	size_t cap = 0;
	jsPubOptions options;
	natsStatus s;
	ssize_t n;

	jsPubOptions_Init(&options);
	options.MsgId = id;
	for (long number = 1; (n = getline(&line, &cap, stdin)) > 0; number++) {
		snprintf(id, sizeof id, "%ld", number);
		while ((s = js_Publish(NULL, js, "events", line, (int)n,
			    &options, NULL)) != NATS_OK) {
			fail("publish", s);
			nats_Sleep(PAUSE);
		}
		if (write(ACKS, ack,
			(size_t)snprintf(ack, sizeof ack, "%ld\n", number)) < 0)
			return 1;
	}
	return 0;
}

static int
put(natsMsg *m)
{
	return write(STDOUT_FILENO, natsMsg_GetData(m),
		   (size_t)natsMsg_GetDataLength(m)) < 0;
}

static int
subscribe(jsCtx *js)
{
	natsSubscription *sub = NULL;
	natsMsgList list;
	natsStatus s;
	int r = 0;

	s = js_PullSubscribe(&sub, js, "events", "reader", NULL, NULL, NULL);
	if (s != NATS_OK)
		return fail("subscribe", s);
	while (r == 0) {
		s = natsSubscription_Fetch(&list, sub, BATCH, FETCH, NULL);
		if (s == NATS_TIMEOUT)
			continue;
		if (s != NATS_OK) {
			fail("fetch", s);
			nats_Sleep(PAUSE);
			continue;
		}
		for (int i = 0; r == 0 && i < list.Count; i++) {
			r = put(list.Msgs[i]);
			natsMsg_Ack(list.Msgs[i], NULL);
		}
		natsMsgList_Destroy(&list);
	}
	return r;
}

int
main(int argc, char **argv)
{
	natsConnection *nc = NULL;
	jsCtx *js = NULL;
	natsStatus s;

	if (argc < 3)
		return 64;
	s = connect_to(
	    &nc, &js, argv[2], argc > 3 ? strtol(argv[3], NULL, 10) : 0);
	if (s != NATS_OK)
		return fail("connect", s);
	if (strcmp(argv[1], "make") == 0)
		return make(js);
	return strcmp(argv[1], "pub") == 0 ? publish(js) : subscribe(js);
}

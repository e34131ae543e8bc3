/*
 * Redis streams: XADD in a pipeline, XREAD in large batches.
 *
 *	redis pub SOCKET FILE	each line of FILE as one entry
 *	redis sub SOCKET N	read N entries
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIPELINE = 1000 };

static int
take_replies(redisContext *c, int n)
{
	redisReply *reply;

	for (; n > 0; n--) {
		if (redisGetReply(c, (void **)&reply) != REDIS_OK ||
		    reply->type == REDIS_REPLY_ERROR)
			return 1;
		freeReplyObject(reply);
	}
	return 0;
}

static int
publish(redisContext *c, const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int out = 0;

	if (f == NULL)
		return 1;
	printf("begin\n");
	fflush(stdout);
	while ((n = getline(&line, &cap, f)) > 0) {
		redisAppendCommand(c, "XADD events * e %b", line, (size_t)n);
		if (++out == PIPELINE) {
			if (take_replies(c, out) != 0)
				return 1;
			out = 0;
		}
	}
	return take_replies(c, out);
}

static int
subscribe(redisContext *c, long count)
{
	char last[64] = "0-0";
	redisReply *reply, *entries;

	printf("ready\n");
	fflush(stdout);
	while (count > 0) {
		reply = redisCommand(c,
		    "XREAD COUNT %d BLOCK 10000 STREAMS events %s", PIPELINE,
		    last);
		if (reply == NULL || reply->type != REDIS_REPLY_ARRAY)
			return 1;
		entries = reply->element[0]->element[1];
		count -= (long)entries->elements;
		snprintf(last, sizeof last, "%s",
		    entries->element[entries->elements - 1]->element[0]->str);
		freeReplyObject(reply);
	}
	printf("done\n");
	return 0;
}

int
main(int argc, char **argv)
{
	redisContext *c;

	if (argc != 4)
		return 64;
	c = redisConnectUnix(argv[2]);
	if (c == NULL || c->err)
		return 69;
	if (strcmp(argv[1], "pub") == 0)
		return publish(c, argv[3]);
	return subscribe(c, strtol(argv[3], NULL, 10));
}

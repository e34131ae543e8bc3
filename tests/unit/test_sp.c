#include <string.h>

#include "bus/sp.h"
#include "check.h"

enum { LIMIT = 1000 };

/* A literal with its NUL bytes, which "in" of a table has to count. */
struct bytes {
	const char *p;
	size_t n;
};

static const struct {
	struct bytes in;
	enum sp_step want;
	const char *reason;
	const char *why;
} greetings[] = {
	{ { "\0SP\0\0\x30\0\0", 8 }, SP_GREETED, NULL, "a REQ socket" },
	{ { "\0SP\0\0\x30\0", 7 }, SP_MORE, NULL, "one byte missing" },
	{ { "\0", 1 }, SP_MORE, NULL, "one byte" },
	{ { "\0SP\0\0\x20\0\0", 8 }, SP_BAD, "is a PUB socket", "PUB" },
	{ { "\0SP\0\0\x31\0\0", 8 }, SP_BAD, "is a REP socket", "REP" },
	{ { "\0SP\0\0\x50", 6 }, SP_BAD, "is a PUSH socket", "told early" },
	{ { "\0SP\0\x7f\x30\0\0", 8 }, SP_BAD,
	    "is a socket of another protocol", "unknown protocol" },
	{ { "\0SP\0\0\x30\0\x01", 8 }, SP_BAD, "speaks another version of SP",
	    "reserved bytes" },
	{ { "\0SP\x01", 4 }, SP_BAD, "does not speak SP", "version 1" },
	{ { "GET / HTTP/1.1\r\n", 16 }, SP_BAD, "speaks HTTP or text, not SP",
	    "a browser" },
	{ { "P", 1 }, SP_BAD, "speaks HTTP or text, not SP", "first byte" },
	{ { "\x16\x03\x01\x02", 4 }, SP_BAD, "speaks TLS, not SP", "TLS" },
	{ { "\xff\xff\xff\xff", 4 }, SP_BAD, "does not speak SP", "noise" },
};

#define ID "\x80\0\0\1"
#define HOP "\0\0\0\7"
#define HOP5 HOP HOP HOP HOP HOP

static const struct {
	enum sp_transport transport;
	struct bytes in;
	enum sp_step want;
	size_t path;
	uint64_t body;
	const char *reason;
	const char *why;
} messages[] = {
	{ SP_TCP, { "\0\0\0\0\0\0\0\6" ID "ab", 14 }, SP_MESSAGE, 4, 2, NULL,
	    "plain" },
	{ SP_IPC, { "\1\0\0\0\0\0\0\0\6" ID "ab", 15 }, SP_MESSAGE, 4, 2, NULL,
	    "plain, ipc" },
	{ SP_TCP, { "\0\0\0\0\0\0\0\4" ID, 12 }, SP_MESSAGE, 4, 0, NULL,
	    "empty body" },
	{ SP_TCP, { "\0\0\0\0\0\0\0\x0a" HOP ID "ab", 18 }, SP_MESSAGE, 8, 2,
	    NULL, "one hop" },
	{ SP_TCP, { "\0\0\0\0\0\0\0\x40" HOP5 HOP5 HOP5 ID, 72 }, SP_MESSAGE,
	    64, 0, NULL, "15 hops" },
	{ SP_TCP, { "\0\0\0\0\0\0\0\x44" HOP5 HOP5 HOP5 HOP ID, 76 }, SP_BAD, 0,
	    0, "sent a request over 15 hops", "16 hops" },
	{ SP_TCP, { "\0\0\0\0\0\0\0\x08" HOP5 HOP5 HOP5 HOP, 72 }, SP_BAD, 0, 0,
	    "sent a message without request id", "hops only" },
	{ SP_TCP, { "\0\0\0\0\0\0\0\0", 8 }, SP_BAD, 0, 0,
	    "sent a message without request id", "length 0" },
	{ SP_TCP, { "\0\0\0\0\0\0\0\3", 8 }, SP_BAD, 0, 0,
	    "sent a message without request id", "length 3" },
	{ SP_TCP, { "\0\0\0\0\0\0\3\xec" ID, 12 }, SP_MESSAGE, 4, 1000, NULL,
	    "at the limit" },
	{ SP_TCP, { "\0\0\0\0\0\0\3\xed" ID, 12 }, SP_BAD, 0, 0,
	    "sent a message over the limit", "one over" },
	{ SP_TCP, { "\0\0\0\0\0\0\4\x29", 8 }, SP_BAD, 0, 0,
	    "sent a message over the limit", "whatever the hops" },
	{ SP_TCP, { "\0\0\0\2\0\0\0\0", 8 }, SP_BAD, 0, 0,
	    "sent a message over the limit", "2^33" },
	{ SP_TCP, { "\x40\0\0\0\0\0\0\0", 8 }, SP_BAD, 0, 0,
	    "sent a message over the limit", "2^62" },
	{ SP_TCP, { "\xff\xff\xff\xff\xff\xff\xff\xff", 8 }, SP_BAD, 0, 0,
	    "sent a message over the limit", "2^64-1" },
	{ SP_IPC, { "\2", 1 }, SP_BAD, 0, 0, "sent an unknown IPC message type",
	    "type 2" },
	{ SP_IPC, { "\0", 1 }, SP_BAD, 0, 0, "sent an unknown IPC message type",
	    "a TCP length" },
	{ SP_TCP, { "\0\0\0\0\0\0\0", 7 }, SP_MORE, 0, 0, NULL,
	    "length incomplete" },
	{ SP_TCP, { "\0\0\0\0\0\0\0\6\x80\0\0", 11 }, SP_MORE, 0, 0, NULL,
	    "request id incomplete" },
	{ SP_IPC, { "\1", 1 }, SP_MORE, 0, 0, NULL, "type only" },
};

static void
check_step(enum sp_step step, enum sp_step want, const char *reason,
    const char *got, const char *why)
{
	check(step == want, "step: %s", why);
	if (want == SP_BAD)
		check(
		    got != NULL && strcmp(got, reason) == 0, "reason: %s", why);
}

/* The last step of a reader that gets its bytes one by one. */
static enum sp_step
read_slowly(struct sp_reader *r, const char *p, size_t n, const char **reason)
{
	enum sp_step step = SP_MORE;
	size_t i;

	for (i = 0; i < n && step == SP_MORE; i++) {
		const char *at = p + i;
		size_t one = 1;

		step = sp_read(r, &at, &one, reason);
		if (step != SP_BAD)
			check(one == 0, "one byte: is used up");
	}
	return step;
}

static void
test_greeting(size_t i)
{
	const struct bytes *in = &greetings[i].in;
	struct sp_reader r;
	const char *p = in->p, *reason = NULL;
	size_t n = in->n;
	enum sp_step step;

	sp_reader_init(&r, SP_TCP, SP_REQ, LIMIT);
	step = sp_read(&r, &p, &n, &reason);
	check_step(step, greetings[i].want, greetings[i].reason, reason,
	    greetings[i].why);
	sp_reader_init(&r, SP_IPC, SP_REQ, LIMIT);
	step = read_slowly(&r, in->p, in->n, &reason);
	check_step(step, greetings[i].want, greetings[i].reason, reason,
	    greetings[i].why);
}

static void
message_check(
    size_t i, const struct sp_reader *r, enum sp_step step, const char *reason)
{
	const char *why = messages[i].why;

	check_step(step, messages[i].want, messages[i].reason, reason, why);
	if (step != SP_MESSAGE)
		return;
	check(r->path_len == messages[i].path, "path length: %s", why);
	check(r->body == messages[i].body, "body length: %s", why);
	check(memcmp(r->path + r->path_len - 4, ID, 4) == 0, "id: %s", why);
}

static void
test_message(size_t i)
{
	const struct bytes *in = &messages[i].in;
	struct sp_reader r;
	const char *p = in->p, *reason = NULL;
	size_t n = in->n;
	enum sp_step step;

	sp_reader_init(&r, messages[i].transport, SP_REQ, LIMIT);
	r.greeted = 1;
	step = sp_read(&r, &p, &n, &reason);
	message_check(i, &r, step, reason);
	sp_reader_init(&r, messages[i].transport, SP_REQ, LIMIT);
	r.greeted = 1;
	step = read_slowly(&r, in->p, in->n, &reason);
	message_check(i, &r, step, reason);
}

static void
test_head(void)
{
	static const uint8_t id[] = { 0x80, 0, 0, 1 };
	uint8_t out[SP_HEAD_MAX];
	size_t n;

	n = sp_head(out, SP_TCP, id, sizeof id, 2);
	check(n == 12 && memcmp(out, "\0\0\0\0\0\0\0\6" ID, n) == 0,
	    "sp_head: tcp");
	n = sp_head(out, SP_IPC, id, sizeof id, 0x10000);
	check(n == 13 && memcmp(out, "\1\0\0\0\0\0\1\0\4" ID, n) == 0,
	    "sp_head: ipc");
	sp_greeting(out, SP_REP);
	check(memcmp(out, "\0SP\0\0\x31\0\0", SP_GREETING) == 0,
	    "sp_greeting: REP");
}

int
main(void)
{
	size_t i;

	for (i = 0; i < sizeof greetings / sizeof greetings[0]; i++)
		test_greeting(i);
	for (i = 0; i < sizeof messages / sizeof messages[0]; i++)
		test_message(i);
	test_head();
	return check_done();
}

#include "bus/sp.h"

#include <string.h>

enum { IPC_MESSAGE = 1, WORD = 4, LAST_WORD = 0x80 };

static const uint8_t mark[4] = { 0, 'S', 'P', 0 };

static size_t
prefix_size(enum sp_transport transport)
{
	return transport == SP_IPC ? 9 : 8;
}

void
sp_greeting(uint8_t out[SP_GREETING], enum sp_protocol protocol)
{
	memcpy(out, mark, sizeof mark);
	out[4] = 0;
	out[5] = (uint8_t)protocol;
	out[6] = out[7] = 0;
}

size_t
sp_head(uint8_t out[SP_HEAD_MAX], enum sp_transport transport,
    const uint8_t *path, size_t n, uint64_t body)
{
	uint64_t length = body + n;
	size_t at = 0;
	int shift;

	if (transport == SP_IPC)
		out[at++] = IPC_MESSAGE;
	for (shift = 56; shift >= 0; shift -= 8)
		out[at++] = (uint8_t)(length >> shift);
	if (n > 0)
		memcpy(out + at, path, n);
	return at + n;
}

void
sp_reader_init(struct sp_reader *r, enum sp_transport transport,
    enum sp_protocol peer, uint64_t limit)
{
	*r = (struct sp_reader){
		.transport = transport, .peer = peer, .limit = limit
	};
}

static enum sp_step
bad(const char **why, const char *reason)
{
	*why = reason;
	return SP_BAD;
}

static const char *
stranger(uint8_t first)
{
	if (first == 0x16)
		return "speaks TLS, not SP";
	if (first >= 'A' && first <= 'Z')
		return "speaks HTTP or text, not SP";
	return "does not speak SP";
}

static const char *
other_protocol(const uint8_t *protocol)
{
	switch (protocol[0] << 8 | protocol[1]) {
	case 0x10:
	case 0x11: return "is a PAIR socket";
	case 0x20: return "is a PUB socket";
	case 0x21: return "is a SUB socket";
	case 0x30: return "is a REQ socket";
	case 0x31: return "is a REP socket";
	case 0x50: return "is a PUSH socket";
	case 0x51: return "is a PULL socket";
	case 0x62: return "is a SURVEYOR socket";
	case 0x63: return "is a RESPONDENT socket";
	case 0x70: return "is a BUS socket";
	default: return "is a socket of another protocol";
	}
}

/* Faults are told as early as the byte that shows them. */
static enum sp_step
greeting_read(struct sp_reader *r, size_t *used, const char **why)
{
	size_t n = r->have < SP_GREETING ? r->have : SP_GREETING;

	if (memcmp(r->head, mark, n < sizeof mark ? n : sizeof mark) != 0)
		return bad(why, stranger(r->head[0]));
	if (n >= 6 && (r->head[4] != 0 || r->head[5] != r->peer))
		return bad(why, other_protocol(r->head + 4));
	if (n < SP_GREETING)
		return SP_MORE;
	if (r->head[6] != 0 || r->head[7] != 0)
		return bad(why, "speaks another version of SP");
	r->greeted = 1;
	*used = SP_GREETING;
	return SP_GREETED;
}

static uint64_t
big_endian(const uint8_t *p)
{
	uint64_t v = 0;
	int i;

	for (i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

static enum sp_step
message_read(struct sp_reader *r, size_t *used, const char **why)
{
	size_t start = prefix_size(r->transport), path = 0;
	uint64_t length;

	if (r->transport == SP_IPC && r->head[0] != IPC_MESSAGE)
		return bad(why, "sent an unknown IPC message type");
	if (r->have < start)
		return SP_MORE;
	length = big_endian(r->head + start - 8);
	if (length > r->limit + SP_PATH_MAX)
		return bad(why, "sent a message over the limit");
	do {
		if (path == SP_PATH_MAX)
			return bad(why, "sent a request over 15 hops");
		if (path + WORD > length)
			return bad(why, "sent a message without request id");
		if (start + path + WORD > r->have)
			return SP_MORE;
		path += WORD;
	} while ((r->head[start + path - WORD] & LAST_WORD) == 0);
	if (length - path > r->limit)
		return bad(why, "sent a message over the limit");
	r->path = r->head + start;
	r->path_len = path;
	r->body = length - path;
	*used = start + path;
	return SP_MESSAGE;
}

enum sp_step
sp_read(struct sp_reader *r, const char **p, size_t *n, const char **why)
{
	size_t had = r->have, take = sizeof r->head - had, used;
	enum sp_step step;

	if (*n == 0)
		return SP_MORE;
	if (take > *n)
		take = *n;
	memcpy(r->head + had, *p, take);
	r->have = used = had + take;
	step = r->greeted ? message_read(r, &used, why)
			  : greeting_read(r, &used, why);
	if (step == SP_BAD)
		return step;
	*p += used - had;
	*n -= used - had;
	if (step != SP_MORE)
		r->have = 0;
	return step;
}

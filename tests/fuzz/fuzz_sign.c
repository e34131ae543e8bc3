/*
 * Nothing verifies but what was signed: a line is good only if its canonical
 * form is that of the line that a known key has signed, however it is edited.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/network.h"
#include "trust/sign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct keyring *ring;
static struct sign_space space;
static struct buf signed_line, wanted;
static int64_t now;

static void
require(int truth)
{
	if (!truth)
		abort();
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char line[] =
	    "{\"topic\":\"A/1\",\"t\":1700000000.5,\"v\":230.15,\"u\":\"W\","
	    "\"src\":\"meter\",\"ep\":1,\"seq\":7}";
	const struct network_wish wish = { .subject = "meter",
		.pub = { "A/#" } };
	struct network net;
	struct jws_signer signer;
	struct key *key;
	const char *why;

	(void)argc;
	(void)argv;
	network_init(&net);
	network_issue(&net, &wish);
	key = network_key(&net, "meter");
	ring = keyring_open(net.dir, &why);
	require(ring != NULL);
	now = net.now;
	jws_signer_init(&signer, key, "sg-event");
	require(sign_line(&signer, &space, line, sizeof line - 1, &signed_line,
		    &why) == 0);
	require(canon_event(
		    &space.canon, signed_line.p, signed_line.len, &why) == 0);
	buf_add(&wanted, space.canon.out.p, space.canon.out.len);
	jws_signer_fini(&signer);
	key_free(key);
	network_fini(&net);
	return 0;
}

static enum sign_verdict
judge(const char *p, size_t n)
{
	const struct cert *cert;
	const char *why;
	struct event e;

	if (event_scan(&e, p, n, &why) < 0)
		return SIGN_BAD;
	return sign_check(ring, &space, &e, now, &cert, &why);
}

static void
check_line(const char *p, size_t n)
{
	const char *why;

	if (judge(p, n) != SIGN_GOOD)
		return;
	require(canon_event(&space.canon, p, n, &why) == 0);
	require(space.canon.out.len == wanted.len);
	require(memcmp(space.canon.out.p, wanted.p, wanted.len) == 0);
}

/* Edits of the signed line: where (2 bytes), how many bytes go, what comes. */
static void
edit(struct buf *line, const uint8_t *data, size_t size)
{
	struct buf next = { 0 };
	size_t at, gone, come;

	while (size >= 4) {
		at = ((size_t)data[0] << 8 | data[1]) % (line->len + 1);
		gone = data[2] % 16;
		come = data[3] % 16;
		data += 4;
		size -= 4;
		if (come > size)
			come = size;
		if (gone > line->len - at)
			gone = line->len - at;
		buf_clear(&next);
		buf_add(&next, line->p, at);
		buf_add(&next, data, come);
		buf_add(&next, line->p + at + gone, line->len - at - gone);
		buf_clear(line);
		buf_add(line, next.p, next.len);
		data += come;
		size -= come;
	}
	buf_fini(&next);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf line = { 0 };

	require(judge(signed_line.p, signed_line.len) == SIGN_GOOD);
	buf_add(&line, data, size);
	check_line(buf_cstr(&line), size);
	buf_clear(&line);
	buf_add(&line, signed_line.p, signed_line.len);
	edit(&line, data, size);
	check_line(line.p, line.len);
	buf_fini(&line);
	return 0;
}

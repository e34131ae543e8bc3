/*
 * handshake DIR SUBJECT NAME HOST:PORT PID COUNT - Open so many sessions with
 * a broker, one after the other, each on its own TCP connection, as the actor
 * of DIR/keys/SUBJECT.key.  Prints the broker's processor seconds for each,
 * and the seconds by the clock.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/date.h"
#include "base/die.h"
#include "base/num.h"
#include "bus/sp.h"
#include "trust/channel.h"
#include "trust/secret.h"

#include "common/load.h"

static const uint8_t request_id[] = { 0x80, 0, 0, 1 };

static void
receive(int fd, void *p, size_t n)
{
	if (recv(fd, p, n, MSG_WAITALL) != (ssize_t)n)
		die(EXIT_PROTOCOL, "the broker closed the connection");
}

/* Send a frame as a request. */
static void
request(int fd, struct buf *frame)
{
	uint8_t head[SP_HEAD_MAX];
	size_t n =
	    sp_head(head, SP_TCP, request_id, sizeof request_id, frame->len);

	load_send(fd, head, n);
	load_send(fd, frame->p, frame->len);
	buf_clear(frame);
}

/* Its reply. */
static void
reply(int fd, struct buf *body)
{
	uint8_t head[8 + sizeof request_id];
	uint64_t n = 0;

	receive(fd, head, sizeof head);
	for (int i = 0; i < 8; i++)
		n = n << 8 | head[i];
	if (n < sizeof request_id || n > 1 << 20)
		die(EXIT_PROTOCOL, "a reply of %llu bytes",
		    (unsigned long long)n);
	n -= sizeof request_id;
	buf_clear(body);
	receive(fd, buf_room(body, n), n);
	body->len = n;
}

static void
shake_hands(struct identity *id, const char *name, const char *address)
{
	struct channel *c = channel_dial(id, name);
	uint8_t greeting[SP_GREETING];
	struct buf out = { 0 }, in = { 0 };
	const char *why = "";
	enum channel_result r = CHANNEL_SEND;
	int fd = load_connect(address);

	sp_greeting(greeting, SP_REQ);
	load_send(fd, greeting, sizeof greeting);
	receive(fd, greeting, sizeof greeting);
	channel_start(c, &out);
	while (r == CHANNEL_SEND) {
		request(fd, &out);
		reply(fd, &in);
		r = channel_step(
		    c, in.p, in.len, date_now() / DATE_SECOND, &out, &why);
	}
	if (r == CHANNEL_DENIED)
		die(EXIT_DENIED, "%s", why);
	close(fd);
	channel_free(c);
	buf_fini(&out);
	buf_fini(&in);
}

int
main(int argc, char **argv)
{
	struct identity_options given = { .pass_fd = -1 };
	struct identity id = { 0 };
	struct buf path = { 0 };
	const char *why;
	int64_t pid, count, cpu, start;
	int status;

	die_name(argv[0]);
	if (argc != 7 || num_uint(argv[5], strlen(argv[5]), &pid) < 0 ||
	    num_uint(argv[6], strlen(argv[6]), &count) < 0 || count == 0)
		die(EXIT_USAGE,
		    "usage: handshake DIR SUBJECT NAME HOST:PORT PID COUNT");
	secret_start();
	buf_addf(&path, "%s/keys/%s.key", argv[1], argv[2]);
	given.key = buf_cstr(&path);
	given.trust = argv[1];
	if (identity_open(&id, &given, &status, &why) <= 0)
		die(status, "%s", why);
	shake_hands(&id, argv[3], argv[4]);
	cpu = load_cpu((pid_t)pid);
	start = date_mono();
	for (int64_t i = 0; i < count; i++)
		shake_hands(&id, argv[3], argv[4]);
	printf("%.7f %.7f\n",
	    (double)(load_cpu((pid_t)pid) - cpu) / DATE_SECOND / (double)count,
	    (double)(date_mono() - start) / DATE_SECOND / (double)count);
	buf_fini(&path);
	identity_close(&id);
	return 0;
}

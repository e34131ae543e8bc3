/*
 * A whole session in known bytes, tests/unit/session.txt: what another
 * implementation has to send and to accept, given these keys.  A line is a
 * name, a space and a value; frames are in hexadecimal digits.
 */
#include <sodium.h>

#include "check.h"
#include "session.h"

enum { LINES = 32 };

static struct {
	char *name, *value;
} lines[LINES];
static size_t nlines;

static void
vector_read(const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL, *space;
	size_t room = 0;

	if (f == NULL)
		die(EXIT_NOINPUT, "%s: %m", path);
	while (nlines < LINES && getline(&line, &room, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		space = strchr(line, ' ');
		if (space == NULL)
			continue;
		lines[nlines].name = xstrndup(line, (size_t)(space - line));
		lines[nlines++].value = xstrdup(space + 1);
	}
	free(line);
	fclose(f);
}

static const char *
value(const char *name)
{
	for (size_t i = 0; i < nlines; i++)
		if (strcmp(lines[i].name, name) == 0)
			return lines[i].value;
	die(EXIT_DATA, "session.txt: no %s", name);
}

static void
check_bytes(const char *name, const void *p, size_t n)
{
	char *hex = xmalloc(2 * n + 1);

	sodium_bin2hex(hex, 2 * n + 1, p, n);
	check(strcmp(hex, value(name)) == 0, "%s %s", name, hex);
	free(hex);
}

/* Key, chain and ring of one side. */
static void
who(struct identity *id, const char *dir, const char *key, const char *chain)
{
	const char *text = value(key), *why = "";

	id->key = key_parse(text, strlen(text), NULL, 0, &why);
	if (id->key == NULL)
		die(EXIT_DATA, "%s: %s", key, why);
	id->ring = keyring_open(dir, &why);
	if (id->ring == NULL)
		die(EXIT_DATA, "%s", why);
	buf_adds(&id->chain, value(chain));
	buf_addc(&id->chain, '\n');
	if (keyring_add_chain(
		id->ring, id->chain.p, id->chain.len, &id->cert, &why) != 0)
		die(EXIT_DATA, "%s: %s", chain, why);
}

static void
check_data(struct session *s)
{
	static const char request[] = "{\"op\":\"hello\",\"sg\":1}",
			  reply[] = "{\"ok\":true}";
	struct channel_piece piece = { request, sizeof request - 1 };
	unsigned char frame[256], out[256];
	uint64_t number;

	channel_seal(s->client, 1, &piece, 1, frame);
	check_bytes("data.request", frame, channel_sealed(piece.n));
	check(channel_open(s->broker, frame, channel_sealed(piece.n), &number,
		  out) == (int64_t)piece.n &&
		number == 1,
	    "the request");
	piece.p = reply;
	piece.n = sizeof reply - 1;
	channel_seal(s->broker, 1, &piece, 1, frame);
	check_bytes("data.reply", frame, channel_sealed(piece.n));
	check(channel_open(s->client, frame, channel_sealed(piece.n), &number,
		  out) == (int64_t)piece.n &&
		number == 1,
	    "the reply");
}

int
main(void)
{
	static const char *const names[] = { "hs1", "hs2", "hs3", "hs4" };
	struct identity client = { 0 }, broker = { 0 };
	struct buf root = { 0 };
	struct network net;
	struct session s;
	int64_t at;

	vector_read("tests/unit/session.txt");
	network_init(&net);
	buf_adds(&root, value("root"));
	buf_addc(&root, '\n');
	network_write(&net, "root", ".cert", "", &root);
	who(&client, net.dir, "client.key", "client.chain");
	who(&broker, net.dir, "broker.key", "broker.chain");
	network_fini(&net);
	check(strcmp(keyring_network(client.ring), value("network")) == 0,
	    "network");
	check_bytes("client.ephemeral", session_e[0], NOISE_KEY);
	check_bytes("broker.ephemeral", session_e[1], NOISE_KEY);
	at = strtoll(value("time"), NULL, 10);
	check(session_fixed(&s, &client, &broker, "b1", at), "session");
	check(s.client_result == CHANNEL_OPEN, "client: %s", s.client_why);
	for (int i = 0; i < 4; i++)
		check_bytes(names[i], s.hs[i].p, s.hs[i].len);
	if (s.client_result == CHANNEL_OPEN)
		check_data(&s);
	session_fini(&s);
	identity_close(&client);
	identity_close(&broker);
	buf_fini(&root);
	for (size_t i = 0; i < nlines; i++) {
		free(lines[i].name);
		free(lines[i].value);
	}
	return check_done();
}

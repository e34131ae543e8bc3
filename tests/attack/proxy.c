/*
 * proxy [-l LOG] URL RULE... - A man in the middle between clients and the
 * broker at URL.  Prints its own URL, and then a line for each attack.
 *
 * A rule is CONNECTION:WAY:NUMBER:ACTION[:ARGUMENT...]; the way is q for
 * requests, r for replies; messages of a way and connections are counted from
 * 1; a number may be *, N or N-.  The first rule that fits is applied:
 *
 *	flip:BIT	one bit of the body, counted from its first byte
 *	set:AT:BYTE	a byte of the body
 *	cut:BYTES	the body is shortened to so many
 *	drop		the message
 *	replay:TIMES	the message, so many times more
 *	later		it is sent after the next one of its way
 *	swap		bodies with the next one; their request ids stay
 *	reflect		the body goes back to its sender, as a message for it
 *	splice:C:N	the body of message N of connection C, same way
 *	delay:MS	before it goes on
 *
 * The log has a line for each message: connection, way, number, and the body
 * in hexadecimal digits, as it came.
 */
#include "wire.h"

enum { CONNECTIONS = 1024, RULES = 64, Q = 0, R = 1 };

enum action {
	PASS,
	FLIP,
	SET,
	CUT,
	DROP,
	REPLAY,
	LATER,
	SWAP,
	REFLECT,
	SPLICE,
	DELAY
};

static const char *const actions[] = { "pass", "flip", "set", "cut", "drop",
	"replay", "later", "swap", "reflect", "splice", "delay" };

struct rule {
	long connection; /* 0: any */
	int way;
	long first, last;
	enum action action;
	long a, b;
};

struct way {
	struct incoming in;
	long count;
	struct buf *body; /* all of them, as they came */
	struct message held;
	enum action holding;
};

struct connection {
	int open;
	struct way way[2]; /* each is read from its sender */
};

static struct connection *connections[CONNECTIONS];
static long nconnections;
static struct rule rules[RULES];
static size_t nrules;
static FILE *log_file;

/* "*", "N" or "N-"; the end of it. */
static const char *
range_parse(const char *p, long *first, long *last)
{
	char *end;

	*first = 1;
	*last = __LONG_MAX__;
	if (*p == '*')
		return p + 1;
	*first = strtol(p, &end, 10);
	if (*end == '-')
		return end + 1;
	*last = *first;
	return end;
}

static void
rule_parse(const char *text)
{
	struct rule *r = &rules[nrules++];
	const char *p = text;
	long last;
	size_t n;

	if (nrules > RULES)
		die(EXIT_USAGE, "too many rules");
	p = range_parse(p, &r->connection, &last);
	if (last != r->connection)
		r->connection = 0;
	if (*p++ != ':' || (*p != 'q' && *p != 'r'))
		die(EXIT_USAGE, "no rule: %s", text);
	r->way = *p++ == 'q' ? Q : R;
	p = range_parse(p + 1, &r->first, &r->last) + 1;
	n = strcspn(p, ":");
	for (enum action a = FLIP; a <= DELAY; a++)
		if (strlen(actions[a]) == n && memcmp(p, actions[a], n) == 0)
			r->action = a;
	if (r->action == PASS)
		die(EXIT_USAGE, "no rule: %s", text);
	if (p[n] == ':') {
		char *end;

		r->a = strtol(p + n + 1, &end, 10);
		if (*end == ':')
			r->b = strtol(end + 1, NULL, 10);
	}
}

static const struct rule *
rule_for(long connection, int way, long number)
{
	for (size_t i = 0; i < nrules; i++)
		if ((rules[i].connection == 0 ||
			rules[i].connection == connection) &&
		    rules[i].way == way && number >= rules[i].first &&
		    number <= rules[i].last)
			return &rules[i];
	return NULL;
}

static void
message_log(long connection, int way, long number, const struct buf *body)
{
	if (log_file == NULL)
		return;
	fprintf(log_file, "%ld %c %ld ", connection, "qr"[way], number);
	for (size_t i = 0; i < body->len; i++)
		fprintf(log_file, "%02x", (unsigned char)body->p[i]);
	fputc('\n', log_file);
	fflush(log_file);
}

static void
forward(struct connection *c, int way, const uint8_t *path, size_t path_len,
    const struct buf *body)
{
	wire_send(c->way[!way].in.fd, path, path_len, body->p, body->len);
}

static void
hold(struct way *w, const struct message *m, enum action action)
{
	memcpy(w->held.path, m->path, m->path_len);
	w->held.path_len = m->path_len;
	buf_clear(&w->held.body);
	buf_add(&w->held.body, m->body.p, m->body.len);
	w->holding = action;
}

/* What was held goes with or behind the message that has come. */
static void
release(struct connection *c, int way, const struct message *m)
{
	struct way *w = &c->way[way];
	const struct message *held = &w->held;
	int swap = w->holding == SWAP;

	w->holding = PASS;
	if (swap) {
		forward(c, way, held->path, held->path_len, &m->body);
		forward(c, way, m->path, m->path_len, &held->body);
	} else {
		forward(c, way, m->path, m->path_len, &m->body);
		forward(c, way, held->path, held->path_len, &held->body);
	}
}

static const struct buf *
recorded(long connection, int way, long number)
{
	struct way *w;

	if (connection < 1 || connection > nconnections)
		return NULL;
	w = &connections[connection - 1]->way[way];
	return number >= 1 && number <= w->count ? &w->body[number - 1] : NULL;
}

/* 1 if there was something to do it to. */
static int
attack(struct connection *c, int way, struct message *m, const struct rule *r)
{
	struct buf *body = &m->body;
	const struct buf *other;

	switch (r->action) {
	case FLIP:
		if (body->len == 0)
			return 0;
		body->p[(size_t)r->a / 8 % body->len] ^= (char)(1 << r->a % 8);
		break;
	case SET:
		if ((size_t)r->a >= body->len)
			return 0;
		body->p[r->a] = (char)r->b;
		break;
	case CUT:
		if ((size_t)r->a >= body->len)
			return 0;
		body->len = (size_t)r->a;
		break;
	case DROP: return 1;
	case REPLAY:
		for (long i = 0; i < r->a; i++)
			forward(c, way, m->path, m->path_len, body);
		break;
	case LATER:
	case SWAP: hold(&c->way[way], m, r->action); return 1;
	case REFLECT:
		wire_send(c->way[way].in.fd, m->path, m->path_len, body->p,
		    body->len);
		return 1;
	case SPLICE:
		other = recorded(r->a, way, r->b);
		if (other == NULL)
			return 0;
		buf_clear(body);
		buf_add(body, other->p, other->len);
		break;
	default: poll(NULL, 0, (int)r->a); break;
	}
	forward(c, way, m->path, m->path_len, body);
	return 1;
}

static void
handle(struct connection *c, long connection, int way)
{
	struct way *w = &c->way[way];
	struct message *m = &w->in.message;
	const struct rule *r;

	w->count++;
	w->body = xrealloc(w->body, (size_t)w->count * sizeof *w->body);
	w->body[w->count - 1] = (struct buf){ 0 };
	buf_add(&w->body[w->count - 1], m->body.p, m->body.len);
	message_log(connection, way, w->count, &m->body);
	r = rule_for(connection, way, w->count);
	if (w->holding != PASS) {
		release(c, way, m);
	} else if (r == NULL || !attack(c, way, m, r)) {
		forward(c, way, m->path, m->path_len, &m->body);
	} else {
		printf("%ld %c %ld %s\n", connection, "qr"[way], w -> count,
		    actions[r->action]);
		fflush(stdout);
	}
}

static void
take(struct connection *c, long connection, int way)
{
	struct incoming *in = &c->way[way].in;
	int got;

	if (incoming_fill(in)) {
		while ((got = incoming_next(in)) > 0)
			handle(c, connection, way);
		if (got == 0)
			return;
	}
	close(c->way[Q].in.fd);
	close(c->way[R].in.fd);
	c->open = 0;
}

static void
meet(int listener, const char *url)
{
	struct connection *c = xcalloc(1, sizeof *c);
	int client = accept(listener, NULL, NULL);

	if (client < 0 || nconnections == CONNECTIONS)
		die(EXIT_UNAVAILABLE, "accept: %m");
	incoming_init(&c->way[Q].in, client, SP_REQ);
	wire_greet(client, SP_REP);
	incoming_init(&c->way[R].in, wire_connect(url), SP_REP);
	c->open = 1;
	connections[nconnections++] = c;
}

static void
run(int listener, const char *url)
{
	static struct pollfd fds[1 + 2 * CONNECTIONS];
	static long of[1 + 2 * CONNECTIONS];
	nfds_t n = 1;

	fds[0] = (struct pollfd){ listener, POLLIN, 0 };
	for (long i = 0; i < nconnections; i++)
		for (int way = 0; connections[i]->open && way < 2; way++) {
			of[n] = 2 * i + way;
			fds[n++] =
			    (struct pollfd){ connections[i]->way[way].in.fd,
				    POLLIN, 0 };
		}
	if (poll(fds, n, -1) < 0)
		die(EXIT_UNAVAILABLE, "poll: %m");
	for (nfds_t i = 1; i < n; i++)
		if (fds[i].revents != 0 && connections[of[i] / 2]->open)
			take(connections[of[i] / 2], of[i] / 2 + 1,
			    (int)(of[i] % 2));
	if (fds[0].revents != 0)
		meet(listener, url);
}

int
main(int argc, char **argv)
{
	int at = 1, listener;

	die_name(argv[0]);
	signal(SIGPIPE, SIG_IGN);
	if (argc > 3 && strcmp(argv[1], "-l") == 0) {
		log_file = fopen(argv[2], "w");
		if (log_file == NULL)
			die(EXIT_CANTCREATE, "%s: %m", argv[2]);
		at = 3;
	}
	if (at >= argc)
		die(EXIT_USAGE, "usage: proxy [-l LOG] URL RULE...");
	for (int i = at + 1; i < argc; i++)
		rule_parse(argv[i]);
	listener = wire_listen();
	for (;;)
		run(listener, argv[at]);
}

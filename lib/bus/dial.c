#include "bus/dial.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/app.h"
#include "base/date.h"
#include "base/die.h"
#include "bus/proxy.h"
#include "bus/tunnel.h"
#include "bus/url.h"
#include "trust/cert.h"
#include "trust/channel.h"

enum {
	REDIAL_MIN = 50000,	       /* us: first pause */
	REDIAL_MAX = 5 * DATE_SECOND,  /* longest pause */
	HEALTHY = 10 * DATE_SECOND,    /* a connection this old resets it */
	MOVED = DATE_SECOND,	       /* the same if there is another URL */
	PROXY_TIME = 10 * DATE_SECOND, /* for a proxy to reach it */
	DIAL_TIME = 3 * DATE_SECOND,   /* for the peer to accept and greet */
	ANSWER_TIME = 5 * DATE_SECOND, /* for its answer in an exchange */
	/* Either of them at first if there is another URL. */
	IMPATIENT = DATE_SECOND,
	DENIED_TIME = 60 * DATE_SECOND, /* until a URL is asked again */
	RELOAD = 7200, /* s before a certificate's end: is there a new one? */
	WHY_MAX = 1024
};

/* A broker of the list. */
struct place {
	struct url url;
	/* date_mono times, not before: */
	int64_t shun; /* it denied */
	int64_t rest; /* it was left */
};

/* All of it is the thread's while that runs, but for what is the caller's. */
struct dial {
	struct client_config config;
	struct link *link;
	struct proxy proxy;
	struct tunnel *tunnel;
	struct place *place;
	size_t nplace, at;
	int64_t retry, pause;
	int64_t dial_time, answer_time; /* of an attempt */
	int64_t attempt_end;
	struct envelope envelope;
	char name[WIRE_NAME_MAX + 1]; /* from hello */
	int twin;		      /* from hello, too */
	int unwanted; /* a broker of ours refused our certificate */
	char said[WHY_MAX - URL_MAX - 16]; /* of the attempt that failed */
	char why[WHY_MAX];
	int result; /* 0 or an errno */

	/* The caller's. */
	pthread_t thread;
	int going, started;
	size_t current; /* place of the last connection */
	int64_t since;
	unsigned count;
	char broker[WIRE_NAME_MAX + 1];
	int of_two;
	char last_why[WHY_MAX];
};

void
dial_drop(struct dial *d)
{
	tunnel_close(d->tunnel);
	d->tunnel = NULL;
	link_drop(d->link);
}

static int64_t
earliest(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* By when the attempt has to have done what takes us. */
static int64_t
within(const struct dial *d, int64_t us)
{
	return earliest(date_mono() + us, d->attempt_end);
}

/*
 * How long an attempt may take.  Where there is another URL, one that does
 * not answer is left soon; but a broker that has many to let in at once needs
 * its time, and whoever gives up and returns makes it more.
 */
static void
set_times(struct dial *d, int round)
{
	int64_t most = (int64_t)IMPATIENT << (round < 3 ? round : 3);

	d->dial_time = DIAL_TIME;
	d->answer_time = ANSWER_TIME;
	d->attempt_end = INT64_MAX;
	if (d->nplace == 1)
		return;
	d->dial_time = earliest(DIAL_TIME, most);
	d->answer_time = earliest(ANSWER_TIME, most);
}

/* The numeric URL of an address. */
static void
number_url(char *out, size_t n, const struct addrinfo *a)
{
	char host[128], port[16];

	if (getnameinfo(a->ai_addr, a->ai_addrlen, host, sizeof host, port,
		sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		*out = '\0';
	else if (a->ai_family == AF_INET6)
		snprintf(out, n, "tcp://[%s]:%s", host, port);
	else
		snprintf(out, n, "tcp://%s:%s", host, port);
}

/*
 * Dial a host's addresses in turn, because the library takes the first alone:
 * 0 or an errno.
 */
static int
try_host(struct dial *d, const struct url *url)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list, *a;
	char numeric[URL_MAX];
	int error = EHOSTUNREACH;

	if (getaddrinfo(url->host, url->port, &hints, &list) != 0)
		return EHOSTUNREACH;
	for (a = list; a != NULL && error != 0 && error != ECANCELED;
	     a = a->ai_next) {
		number_url(numeric, sizeof numeric, a);
		error = link_dial(d->link, numeric, within(d, d->dial_time));
	}
	freeaddrinfo(list);
	return error;
}

static int say(struct dial *d, int error, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Keep what there is to say of an attempt that fails: error. */
static int
say(struct dial *d, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(d->said, sizeof d->said, fmt, ap);
	va_end(ap);
	return error;
}

/* Through the proxy, which resolves the name: 0 or an errno. */
static int
try_proxy(struct dial *d, const struct url *url)
{
	const char *why;

	d->tunnel = tunnel_open(&d->proxy, d->config.proxy_auth, url,
	    within(d, PROXY_TIME), link_stop_fd(d->link), &why);
	if (d->tunnel == NULL)
		return say(d, errno, "%s", why);
	return link_dial(
	    d->link, tunnel_url(d->tunnel), within(d, d->dial_time));
}

static int
try_url(struct dial *d, const struct url *url)
{
	if (!url->tcp)
		return link_dial(d->link, url->dial, within(d, d->dial_time));
	return d->config.proxy != NULL ? try_proxy(d, url) : try_host(d, url);
}

/* An answer that is no. */
static int
read_refusal(struct dial *d, const struct wire_reply *reply)
{
	struct buf why = { 0 };

	if (reply->why.kind == JSON_STRING)
		json_text(&reply->why, &why);
	else
		buf_adds(&why, reply->error);
	if (strcmp(reply->error, "bad") != 0)
		say(d, 0, "%s", buf_cstr(&why));
	buf_fini(&why);
	return strcmp(reply->error, "denied") == 0 ? EACCES
	    : strcmp(reply->error, "bad") == 0	   ? EPROTO
						   : EAGAIN;
}

/* The broker's answer to hello: 0 and its name, or an errno. */
static int
read_hello(struct dial *d, const char *p, size_t n)
{
	struct wire_reply reply;
	struct json_value name, twin;
	const char *why;

	if (wire_reply_parse(&reply, p, n, &why) < 0)
		return EPROTO;
	if (!reply.ok)
		return read_refusal(d, &reply);
	if (!json_get(&reply.header, "name", &name) ||
	    name.kind != JSON_STRING || name.escaped ||
	    !wire_name_check(name.p, name.n))
		return EPROTO;
	memcpy(d->name, name.p, name.n);
	d->name[name.n] = '\0';
	d->twin =
	    json_get(&reply.header, "twin", &twin) && twin.kind == JSON_TRUE;
	return 0;
}

/* Why there is no session, with what helps against it. */
static int
deny(struct dial *d, const struct url *url, const char *why)
{
	const struct cert *peer = channel_peer(d->envelope.channel);

	if (peer == NULL || peer->role != CERT_BROKER || url->name[0] == '\0' ||
	    cert_named(peer, url->name))
		return say(d, EACCES, "%s", why);
	return say(d, EACCES,
	    "the broker is \"%s\", its certificate does not name %s: dial "
	    "%.6s%s@%s",
	    peer->subject, url->name, url->dial, peer->name[0], url->dial + 6);
}

/*
 * One step of the handshake with the answer to the last: CHANNEL_DENIED with
 * an errno in *error.
 */
static enum channel_result
shake_hands(struct dial *d, const struct url *url, const char *p, size_t n,
    struct buf *out, int *error)
{
	enum channel_result result;
	const char *why;

	/* Whoever has no sessions says so in plain text, or is a stranger. */
	if (!channel_frame(p, n)) {
		*error = read_hello(d, p, n);
		if (*error == 0)
			*error = EPROTO;
		return CHANNEL_DENIED;
	}
	result = channel_step(
	    d->envelope.channel, p, n, date_now() / DATE_SECOND, out, &why);
	if (result == CHANNEL_DENIED)
		*error = deny(d, url, why);
	return result;
}

/* Authenticate each other: 0 or an errno. */
static int
handshake(struct dial *d, const struct url *url)
{
	enum channel_result result = CHANNEL_SEND;
	struct buf out = { 0 };
	const char *p;
	size_t n;
	int error = 0, answers = 0;

	envelope_begin(&d->envelope, d->config.identity,
	    url->name[0] != '\0' ? url->name : NULL);
	channel_start(d->envelope.channel, &out);
	while (result == CHANNEL_SEND && error == 0) {
		error = link_exchange(
		    d->link, &out, &p, &n, within(d, d->answer_time));
		buf_clear(&out);
		if (error == ECONNRESET)
			say(d, error,
			    "it hung up at the handshake: another "
			    "pre-shared key (psk)?");
		if (error != 0)
			break;
		result = shake_hands(d, url, p, n, &out, &error);
		answers++;
	}
	buf_fini(&out);
	if (error == 0)
		envelope_lasts(&d->envelope);
	/* The first is the broker's certificate, the second its word on ours.
	 */
	if (error == EACCES && answers == 2)
		d->unwanted = 1;
	return error;
}

/*
 * A certificate that is about to end may have been renewed.  Also before it
 * is used at all, so that one which has ended bothers no broker.
 */
static int
refresh_identity(struct dial *d)
{
	const struct identity_options *given = d->config.given;
	struct identity *id = d->config.identity;
	int status = EXIT_CONFIG;
	const char *why;

	if (id == NULL || given == NULL ||
	    id->cert->exp - date_now() / DATE_SECOND > RELOAD ||
	    identity_renew(id, given, &status, &why) >= 0 ||
	    status != EXIT_DENIED)
		return 0;
	d->unwanted = 1;
	return say(d, EACCES, "%s", why);
}

static int
hello(struct dial *d)
{
	struct buf text = { 0 }, out = { 0 };
	const char *p;
	uint64_t number;
	size_t n;
	int error;

	wire_hello(&text);
	n = envelope_size(&d->envelope, text.len);
	number = envelope_seal(&d->envelope, &text, NULL, 0, buf_room(&out, n));
	out.len = n;
	error = link_exchange(d->link, &out, &p, &n, within(d, d->answer_time));
	buf_fini(&text);
	buf_fini(&out);
	if (error != 0)
		return error;
	return envelope_open(&d->envelope, number, &p, &n) == 0
	    ? read_hello(d, p, n)
	    : ECONNRESET;
}

/* One attempt at one URL: 0 or an errno. */
static int
attempt(struct dial *d, const struct url *url)
{
	int error;

	d->said[0] = '\0';
	if (d->nplace > 1)
		d->attempt_end = date_mono() + 2 * d->answer_time;
	error = refresh_identity(d);
	if (error == 0)
		error = try_url(d, url);
	if (error == 0 && d->config.identity != NULL)
		error = handshake(d, url);
	if (error == 0)
		error = hello(d);
	if (error != 0)
		dial_drop(d);
	return error;
}

/* The next pause: decorrelated jitter between the bounds. */
static int64_t
next_pause(int64_t last)
{
	uint64_t random = 0;
	int64_t most = last < REDIAL_MIN ? 3 * REDIAL_MIN : 3 * last;
	ssize_t got;

	got = getrandom(&random, sizeof random, GRND_NONBLOCK);
	(void)got;
	most = REDIAL_MIN + (int64_t)(random % (uint64_t)(most - REDIAL_MIN));
	return most < REDIAL_MAX ? most : REDIAL_MAX;
}

/* Why an attempt failed, in words. */
static const char *
reason(int error)
{
	switch (error) {
	case EPROTO: return "not a broker of ours";
	case EACCES: return "denied";
	case ENOENT: return "no such socket";
	case EHOSTUNREACH: return "no such host or no route";
	case EAGAIN: return "broker is busy";
	default: return strerror(error);
	}
}

static void
explain(struct dial *d, const char *url, int error)
{
	snprintf(d->why, sizeof d->why, "%s%s: %s",
	    error == EACCES ? "" : "no broker: ", url,
	    d->said[0] != '\0' ? d->said : reason(error));
}

/* 1 if one of the list is left alone for a while. */
static int
any_shunned(const struct dial *d)
{
	for (size_t i = 0; i < d->nplace; i++)
		if (date_mono() < d->place[i].shun)
			return 1;
	return 0;
}

/*
 * Each URL once, from the current one on, if it is not to rest: 0, or EACCES,
 * EPROTO if none of them will ever do, else ETIMEDOUT.
 */
static int
round_of_urls(struct dial *d)
{
	size_t hopeless = 0;
	int error, last = ETIMEDOUT;
	/* A denial is the better reason than that others are away. */
	int denied = any_shunned(d);

	d->unwanted = 0;
	for (size_t i = 0; i < d->nplace; i++) {
		struct place *place = &d->place[d->at];

		error = EACCES;
		if (date_mono() < place->rest) {
			error = EAGAIN;
		} else if (date_mono() >= place->shun) {
			error = attempt(d, &place->url);
			if (error == 0 || error == ECANCELED)
				return error;
			if (!denied)
				explain(d, place->url.text, error);
			denied |= error == EACCES;
		}
		if (error == EACCES && place->shun <= date_mono())
			place->shun = date_mono() + DENIED_TIME;
		if (error == EACCES || error == EPROTO) {
			hopeless++;
			last = error;
		}
		d->at = (d->at + 1) % d->nplace;
	}
	return d->unwanted ? EACCES : hopeless == d->nplace ? last : ETIMEDOUT;
}

/*
 * Who was let in before may be let in again, by a broker whose own certificate
 * had ended; not so if it is ours that is refused.
 */
static int
may_wait(const struct dial *d, int error, int64_t deadline)
{
	return error == ETIMEDOUT ||
	    (error == EACCES && d->count > 0 && !d->unwanted &&
		deadline - date_mono() > DENIED_TIME);
}

/* Wait for the first of them if all were left a moment ago: 1 to end. */
static int
await_rest(struct dial *d, int64_t deadline)
{
	int64_t rest = INT64_MAX;

	for (size_t i = 0; i < d->nplace; i++)
		rest = earliest(rest, d->place[i].rest);
	return link_pause(d->link, earliest(rest, deadline));
}

/* Connect within the time given: 0 or an errno. */
static int
connect_by(struct dial *d, int64_t deadline)
{
	int64_t now = date_mono();
	int error;

	/* Who was refused at once has not spent any time on trying. */
	if (d->result != 0 && d->result != ETIMEDOUT)
		d->pause = next_pause(d->pause);
	else if (now - d->since > (d->nplace > 1 ? MOVED : HEALTHY))
		d->pause = 0;
	else if (d->count > 0)
		d->pause = next_pause(d->pause);
	/* Who gives up soon does not spend his time on waiting either. */
	if (d->pause > d->retry)
		d->pause = d->retry;
	if (link_pause(d->link, now + d->pause))
		return ECANCELED;
	for (int round = 0;; round++) {
		set_times(d, round);
		if (await_rest(d, deadline))
			return ECANCELED;
		error = round_of_urls(d);
		if (!may_wait(d, error, deadline))
			return error;
		d->pause = next_pause(d->pause);
		now = date_mono();
		if (now >= deadline)
			return ETIMEDOUT;
		if (link_pause(d->link, earliest(now + d->pause, deadline)))
			return ECANCELED;
	}
}

static void *
run(void *arg)
{
	struct dial *d = arg;

	dial_drop(d);
	d->result = connect_by(d, date_mono() + d->retry);
	link_ring(d->link);
	return NULL;
}

void
dial_start(struct dial *d, int64_t retry)
{
	int error;

	d->retry = retry;
	d->going = 1;
	error = app_thread(&d->thread, run, d);
	d->started = error == 0;
	if (!d->started) {
		d->result = error;
		link_ring(d->link);
	}
}

static void
join(struct dial *d)
{
	if (d->started)
		pthread_join(d->thread, NULL);
	d->started = d->going = 0;
}

int
dial_end(struct dial *d)
{
	join(d);
	memcpy(d->last_why, d->why, sizeof d->last_why);
	if (d->result != 0)
		return d->result;
	d->current = d->at;
	memcpy(d->broker, d->name, sizeof d->broker);
	d->of_two = d->twin;
	d->since = date_mono();
	d->count++;
	return 0;
}

void
dial_stop(struct dial *d)
{
	if (!d->going)
		return;
	link_stop(d->link);
	join(d);
}

void
dial_leave(struct dial *d, int64_t until, const char *why)
{
	struct place *place = &d->place[d->current];

	place->rest = until;
	say(d, 0, "%s", why);
	explain(d, place->url.text, ECONNRESET);
	d->at = (d->current + 1) % d->nplace;
}

int
dial_going(const struct dial *d)
{
	return d->going;
}

const char *
dial_why(const struct dial *d)
{
	return d->last_why;
}

struct envelope *
dial_envelope(struct dial *d)
{
	return &d->envelope;
}

const char *
dial_broker(const struct dial *d)
{
	return d->broker;
}

const char *
dial_url(const struct dial *d)
{
	return d->place[d->current].url.text;
}

int64_t
dial_since(const struct dial *d)
{
	return d->since;
}

int
dial_twins(const struct dial *d)
{
	return d->nplace > 1 || d->of_two;
}

unsigned
dial_count(const struct dial *d)
{
	return d->count;
}

/* 0, or an errno with *why. */
static int
check_url(const struct dial *d, struct url *url, const char *p, size_t n,
    const char **why)
{
	*why = url_parse(url, p, n);
	if (*why != NULL)
		return EINVAL;
	if (!url->tcp || d->config.identity != NULL || d->config.insecure)
		return 0;
	*why = "everybody on the way could read and alter it: give a key (-k)"
	       " or --insecure";
	return ENOKEY;
}

/* Cut "URL,URL" into checked pieces: 0, or an errno with *why. */
static int
split_urls(struct dial *d, const char *urls, const char **why)
{
	static char text[WHY_MAX];
	struct place *place;
	size_t n;
	int error;

	for (;;) {
		n = strcspn(urls, ",");
		d->place =
		    xrealloc(d->place, (d->nplace + 1) * sizeof *d->place);
		place = &d->place[d->nplace++];
		*place = (struct place){ .shun = 0 };
		error = check_url(d, &place->url, urls, n, why);
		if (error != 0) {
			snprintf(text, sizeof text, "%.*s: %s",
			    n < URL_MAX ? (int)n : URL_MAX, urls, *why);
			*why = text;
			return error;
		}
		if (urls[n] == '\0')
			return 0;
		urls += n + 1;
	}
}

static int
check_proxy(struct dial *d, const char **why)
{
	static char text[WHY_MAX];
	const char *fault;

	if (d->config.proxy == NULL)
		return 0;
	fault = proxy_parse(&d->proxy, d->config.proxy);
	if (fault == NULL)
		return 0;
	/* What is wrong may be that there is a password in it. */
	snprintf(text, sizeof text, "proxy: %s", fault);
	*why = text;
	return EINVAL;
}

void
dial_free(struct dial *d)
{
	if (d == NULL)
		return;
	free(d->place);
	envelope_fini(&d->envelope);
	free(d);
}

struct dial *
dial_new(
    const struct client_config *config, struct link *link, const char **why)
{
	struct dial *d = xcalloc(1, sizeof *d);
	int error;

	d->config = *config;
	d->link = link;
	error = split_urls(d, config->urls, why);
	if (error == 0)
		error = check_proxy(d, why);
	if (error == 0)
		return d;
	dial_free(d);
	errno = error;
	return NULL;
}

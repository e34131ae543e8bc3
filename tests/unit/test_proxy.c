/* What is said to an HTTP proxy and what it answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/proxy.h"
#include "check.h"

static const struct {
	const char *in;
	const char *host, *port; /* NULL: refused */
} urls[] = {
	{ "http://p:3128", "p", "3128" },
	{ "http://p:3128/", "p", "3128" },
	{ "http://[::1]:80", "::1", "80" },
	{ "http://user:pass@p:3128", NULL, NULL },
	{ "http://user@p:3128", NULL, NULL },
	{ "https://p:3128", NULL, NULL },
	{ "p:3128", NULL, NULL },
	{ "http://p", NULL, NULL },
	{ "http://", NULL, NULL },
	{ "http:///", NULL, NULL },
};

#define OK "HTTP/1.1 200 OK\r\n"

static const struct {
	const char *in;
	enum proxy_result want;
	int status;
	const char *rest;
} answers[] = {
	{ OK "\r\n", PROXY_ANSWER, 200, "" },
	{ OK "\r\n\r\n", PROXY_ANSWER, 200, "\r\n" },
	{ "HTTP/1.0 200\r\n\r\nSP", PROXY_ANSWER, 200, "SP" },
	{ OK "Via: x\r\nX:\r\n\r\nab", PROXY_ANSWER, 200, "ab" },
	{ "HTTP/1.1 407 No\r\nA: b\tc\r\n\r\n", PROXY_ANSWER, 407, "" },
	{ "", PROXY_MORE, 0, "" },
	{ "HTTP/1.1 2", PROXY_MORE, 0, "" },
	{ OK, PROXY_MORE, 0, "" },
	{ OK "Via: x\r\n", PROXY_MORE, 0, "" },
	{ OK "\r", PROXY_MORE, 0, "" },
	{ "HTTP/2 200\r\n\r\n", PROXY_FAILED, 0, "" },
	{ "HTTP/1.2 200 x\r\n\r\n", PROXY_FAILED, 0, "" },
	{ "http/1.1 200 x\r\n\r\n", PROXY_FAILED, 0, "" },
	{ "HTTP/1.1 2000 x\r\n\r\n", PROXY_FAILED, 0, "" },
	{ "HTTP/1.1 20 x\r\n\r\n", PROXY_FAILED, 0, "" },
	{ "HTTP/1.1 020 x\r\n\r\n", PROXY_FAILED, 0, "" },
	{ "HTTP/1.1  200 x\r\n\r\n", PROXY_FAILED, 0, "" },
	{ "HTTP/1.1 200 OK\n\n", PROXY_FAILED, 0, "" },
	{ OK "no colon\r\n\r\n", PROXY_FAILED, 0, "" },
	{ OK ": x\r\n\r\n", PROXY_FAILED, 0, "" },
	{ OK " folded: x\r\n\r\n", PROXY_FAILED, 0, "" },
	{ OK "A: \x01\r\n\r\n", PROXY_FAILED, 0, "" },
	{ OK "A: b\n\r\n", PROXY_FAILED, 0, "" },
	{ "SSH-2.0-x\r\n", PROXY_FAILED, 0, "" },
	{ "S", PROXY_FAILED, 0, "" },
};

static void
test_urls(void)
{
	struct proxy p;

	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		const char *why = proxy_parse(&p, urls[i].in);

		if (urls[i].host == NULL)
			check(why != NULL, "%s is taken", urls[i].in);
		else
			check(why == NULL &&
				strcmp(p.host, urls[i].host) == 0 &&
				strcmp(p.port, urls[i].port) == 0,
			    "%s: %s", urls[i].in, why ? why : p.host);
	}
}

static void
test_request(void)
{
	struct buf b = { 0 };
	struct url to;

	url_parse(&to, "tcp://a@[::1]:7788", 18);
	proxy_request(&b, &to, NULL);
	check(strcmp(buf_cstr(&b),
		  "CONNECT [::1]:7788 HTTP/1.1\r\n"
		  "Host: [::1]:7788\r\n\r\n") == 0,
	    "request: %s", b.p);
	buf_clear(&b);
	/* The credentials of RFC 7617 section 2. */
	proxy_request(&b, &to, "Aladdin:open sesame");
	check(strstr(buf_cstr(&b),
		  "\r\nProxy-Authorization: Basic "
		  "QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n") != NULL,
	    "credentials: %s", b.p);
	buf_fini(&b);
}

static void
test_answers(void)
{
	const char *why;
	size_t used;
	int status;

	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		const char *p = answers[i].in;
		enum proxy_result got =
		    proxy_answer(p, strlen(p), &used, &status, &why);

		check(got == answers[i].want, "answer %zu: %d", i, got);
		if (got == PROXY_ANSWER)
			check(status == answers[i].status &&
				strcmp(p + used, answers[i].rest) == 0,
			    "answer %zu: status %d", i, status);
	}
}

/* The longest header, and one byte more. */
static void
test_limit(void)
{
	char *p = malloc(PROXY_ANSWER_MAX + 2);
	const char *why;
	size_t used, n;
	int status;

	for (n = PROXY_ANSWER_MAX; n <= PROXY_ANSWER_MAX + 1; n++) {
		memset(p, 'x', n);
		memcpy(p, OK "A:", sizeof OK + 1);
		memcpy(p + n - 4, "\r\n\r\n", 4);
		check(proxy_answer(p, n, &used, &status, &why) ==
			(n == PROXY_ANSWER_MAX ? PROXY_ANSWER : PROXY_FAILED),
		    "%zu bytes", n);
		check(
		    proxy_answer(p, n - 1, &used, &status, &why) == PROXY_MORE,
		    "%zu bytes but one", n);
	}
	free(p);
}

int
main(void)
{
	test_urls();
	test_request();
	test_answers();
	test_limit();
	return check_done();
}

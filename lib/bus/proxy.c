#include "bus/proxy.h"

#include <string.h>

#include "base/base64.h"

const char *
proxy_parse(struct proxy *p, const char *url)
{
	static const char scheme[] = "http://";
	char rest[URL_MAX];
	struct url u;
	const char *why;
	size_t n;

	if (strncmp(url, scheme, sizeof scheme - 1) != 0)
		return "not http://host:port";
	url += sizeof scheme - 1;
	n = strlen(url);
	if (n > 0 && url[n - 1] == '/')
		n--;
	if (memchr(url, '@', n) != NULL)
		return "user and password belong in a file, --proxy-auth FILE";
	if (n + strlen("tcp://") >= sizeof rest)
		return "URL too long";
	memcpy(rest, "tcp://", strlen("tcp://"));
	memcpy(rest + strlen("tcp://"), url, n);
	why = url_parse(&u, rest, strlen("tcp://") + n);
	if (why != NULL)
		return why;
	memcpy(p->host, u.host, sizeof p->host);
	memcpy(p->port, u.port, sizeof p->port);
	return NULL;
}

static void
add_credentials(struct buf *out, const char *auth)
{
	buf_adds(out, "Proxy-Authorization: Basic ");
	base64_add(out, BASE64_PADDED, auth, strlen(auth));
	buf_adds(out, "\r\n");
}

void
proxy_request(struct buf *out, const struct url *to, const char *auth)
{
	const char *where = to->dial + strlen("tcp://");

	buf_addf(out, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", where, where);
	if (auth != NULL)
		add_credentials(out, auth);
	buf_adds(out, "\r\n");
}

static int
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/*
 * "HTTP/1.1 200 Connection established", as far as it is there: 1 if nothing
 * in it is wrong.
 */
static int
status_line(const char *p, size_t n, int *status)
{
	static const char form[] = "HTTP/1.x ddd ";
	const size_t all = sizeof form - 1;

	for (size_t i = 0; i < n && i < all; i++) {
		/* The space is missing where there is no reason phrase. */
		int fits = form[i] == 'd' ? is_digit(p[i])
		    : form[i] == 'x'	  ? p[i] == '0' || p[i] == '1'
					  : p[i] == form[i];

		if (!fits && !(i == all - 1 && p[i] == '\r'))
			return 0;
	}
	if (n >= all - 1)
		*status = 100 * (p[9] - '0') + 10 * (p[10] - '0') + p[11] - '0';
	return 1;
}

/* 1 if the line p[0..n), without its end, may be of a header. */
static int
field_line(const char *p, size_t n)
{
	const char *colon = memchr(p, ':', n);

	return colon != NULL && colon > p && p[0] != ' ' && p[0] != '\t';
}

static int
has_control(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (((unsigned char)p[i] < ' ' && p[i] != '\t') ||
		    p[i] == '\x7f')
			return 1;
	return 0;
}

enum proxy_result
proxy_answer(
    const char *p, size_t n, size_t *used, int *status, const char **why)
{
	size_t at = 0, len;
	const char *lf;

	*status = 0;
	*why = "does not speak HTTP";
	if (!status_line(p, n, status))
		return PROXY_FAILED;
	while ((lf = n > at ? memchr(p + at, '\n', n - at) : NULL) != NULL) {
		len = (size_t)(lf - p) - at;
		if (len == 0 || lf[-1] != '\r' || has_control(p + at, len - 1))
			return PROXY_FAILED;
		len--;
		if (at > 0 && len > 0 && !field_line(p + at, len))
			return PROXY_FAILED;
		if (at == 0 && (len < strlen("HTTP/1.1 200") || *status < 100))
			return PROXY_FAILED;
		at = (size_t)(lf - p) + 1;
		if (at > PROXY_ANSWER_MAX)
			break;
		*used = at;
		if (len == 0)
			return PROXY_ANSWER;
	}
	*why = "answers at too great length";
	return at > PROXY_ANSWER_MAX || n > PROXY_ANSWER_MAX ? PROXY_FAILED
							     : PROXY_MORE;
}

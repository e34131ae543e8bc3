#include "bus/url.h"

#include <string.h>

/* "host:port" or "[host]:port". */
static const char *
split_host(struct url *u, const char *s)
{
	const char *colon = strrchr(s, ':');
	size_t len;

	if (colon == NULL || colon == s || colon[1] == '\0' ||
	    strlen(colon + 1) >= sizeof u->port)
		return "no host:port";
	len = (size_t)(colon - s);
	if (s[0] == '[') {
		if (s[len - 1] != ']' || len < 3)
			return "no host:port";
		s++;
		len -= 2;
	}
	memcpy(u->host, s, len);
	memcpy(u->port, colon + 1, strlen(colon + 1));
	if (u->name[0] == '\0')
		memcpy(u->name, u->host, sizeof u->host);
	return NULL;
}

const char *
url_parse(struct url *u, const char *p, size_t n)
{
	const char *rest, *at;
	size_t scheme = strlen("tcp://");

	memset(u, 0, sizeof *u);
	if (n >= URL_MAX)
		return "URL too long";
	memcpy(u->text, p, n);
	u->tcp = strncmp(u->text, "tcp://", scheme) == 0;
	if (!u->tcp && strncmp(u->text, "ipc://", scheme) != 0)
		return "neither ipc:///path nor tcp://host:port";
	rest = u->text + scheme;
	at = rest + strcspn(rest, "@/");
	if (*at == '@') {
		if (at == rest)
			return "no name before @";
		memcpy(u->name, rest, (size_t)(at - rest));
		rest = at + 1;
	}
	memcpy(u->dial, u->text, scheme);
	memcpy(u->dial + scheme, rest, strlen(rest));
	if (u->tcp)
		return split_host(u, rest);
	return *rest == '/' ? NULL : "neither ipc:///path nor tcp://host:port";
}

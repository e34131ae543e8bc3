#include "bus/url.h"

#include <stdio.h>
#include <string.h>

/* Split "host:port" or "[host]:port". */
static const char *
split_host(struct url *u, const char *s)
{
	const char *colon = strrchr(s, ':');
	size_t len;

	if (colon == NULL || colon == s || colon[1] == '\0')
		return "no host:port";
	len = (size_t)(colon - s);
	if (s[0] == '[') {
		if (s[len - 1] != ']' || len < 3)
			return "no host:port";
		s++;
		len -= 2;
	}
	if (strlen(colon + 1) >= sizeof u->port)
		return "no host:port";
	memcpy(u->host, s, len);
	u->host[len] = '\0';
	memcpy(u->port, colon + 1, strlen(colon + 1) + 1);
	return NULL;
}

const char *
url_parse(struct url *u, const char *p, size_t n)
{
	const char *rest, *at, *fault;
	size_t len;

	memset(u, 0, sizeof *u);
	if (n >= URL_MAX)
		return "URL too long";
	memcpy(u->text, p, n);
	u->tcp = strncmp(u->text, "tcp://", 6) == 0;
	if (!u->tcp && strncmp(u->text, "ipc://", 6) != 0)
		return "neither ipc:///path nor tcp://host:port";
	rest = u->text + 6;
	len = strcspn(rest, u->tcp ? "@" : "@/");
	at = rest[len] == '@' ? rest + len : NULL;
	if (at != NULL) {
		if (len == 0)
			return "no name before @";
		memcpy(u->name, rest, len);
		rest = at + 1;
	}
	if (!u->tcp && rest[0] != '/')
		return "neither ipc:///path nor tcp://host:port";
	memcpy(u->dial, u->text, 6);
	memcpy(u->dial + 6, rest, strlen(rest));
	if (!u->tcp)
		return NULL;
	fault = split_host(u, rest);
	if (fault == NULL && u->name[0] == '\0')
		memcpy(u->name, u->host, sizeof u->host);
	return fault;
}

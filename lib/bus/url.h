/*
 * Where a broker is: tcp://host:port or ipc:///path.  NAME@ before the rest,
 * tcp://NAME@host:port or ipc://NAME@/path, is the name that its certificate
 * must have; otherwise that is a tcp URL's host, and over ipc any broker of
 * the network will do.
 */
#ifndef SG_BUS_URL_H
#define SG_BUS_URL_H

#include <stddef.h>

enum { URL_MAX = 256 };

struct url {
	char text[URL_MAX]; /* as it was given */
	char dial[URL_MAX]; /* without NAME@ */
	char name[URL_MAX]; /* "": any */
	char host[URL_MAX]; /* of a tcp URL, without brackets */
	char port[16];
	int tcp;
};

/* url_parse(u, p, n) - NULL, or what is wrong with p[0..n). */
const char *url_parse(struct url *u, const char *p, size_t n);

#endif

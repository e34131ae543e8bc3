/*
 * Where a broker is: ipc:///path or tcp://host:port, with NAME@ before the
 * rest (tcp://NAME@host:port, ipc://NAME@/path) the name its certificate
 * must have.
 */
#ifndef SG_BUS_URL_H
#define SG_BUS_URL_H

#include <stddef.h>

enum { URL_MAX = 256 };

struct url {
	char text[URL_MAX]; /* as it was given */
	char dial[URL_MAX]; /* without the name */
	char name[URL_MAX]; /* NAME, else a tcp URL's host, else "" */
	char host[URL_MAX]; /* of a tcp URL, without brackets */
	char port[16];
	int tcp;
};

/* url_parse(u, p, n) - NULL, or what is wrong with p[0..n). */
const char *url_parse(struct url *u, const char *p, size_t n);

#endif

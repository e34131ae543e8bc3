#include "device/news.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/mix.h"

enum {
	TOLD = 8192, /* of a sender and a reason; a power of 2 */
	LINES = 64,
	LINE_MAX_BYTES = 512
};

struct news {
	uint64_t told[TOLD]; /* hashes, 0 is free; at most half of it */
	size_t ntold;
	struct {
		enum news_kind kind;
		char text[LINE_MAX_BYTES];
	} line[LINES];
	size_t first, lines;
};

struct news *
news_new(void)
{
	return xcalloc(1, sizeof(struct news));
}

void
news_free(struct news *n)
{
	free(n);
}

void
news_say(struct news *n, enum news_kind kind, const char *fmt, ...)
{
	size_t at = (n->first + n->lines) % LINES;
	va_list ap;

	if (n->lines == LINES)
		return;
	n->lines++;
	n->line[at].kind = kind;
	va_start(ap, fmt);
	vsnprintf(n->line[at].text, LINE_MAX_BYTES, fmt, ap);
	va_end(ap);
}

int
news_first(struct news *n, uint64_t sender, const char *reason)
{
	uint64_t h = mix64(sender, 0);
	size_t at;

	for (; *reason != '\0'; reason++)
		h = mix64(h, (unsigned char)*reason);
	h |= 1;
	for (at = h / 2 % TOLD; n->told[at] != 0; at = (at + 1) % TOLD)
		if (n->told[at] == h)
			return 0;
	if (n->ntold == TOLD / 2)
		return 0;
	n->told[at] = h;
	if (++n->ntold == TOLD / 2)
		news_say(n, NEWS_WARNING,
		    "%d senders have been named, further ones will not be",
		    TOLD / 2);
	return 1;
}

enum news_kind
news_next(struct news *n, const char **line)
{
	size_t at = n->first;

	if (n->lines == 0)
		return NEWS_NONE;
	n->first = (n->first + 1) % LINES;
	n->lines--;
	*line = n->line[at].text;
	return n->line[at].kind;
}

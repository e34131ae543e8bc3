/*
 * What a proxy has to tell the person who runs it: lines that wait until the
 * command prints them, and of each sender each thing once.  Memory is
 * bounded, whoever sends.
 */
#ifndef SG_DEVICE_NEWS_H
#define SG_DEVICE_NEWS_H

#include <stddef.h>
#include <stdint.h>

enum news_kind {
	NEWS_NONE = 0,
	NEWS_NOTE,   /* something was learned */
	NEWS_WARNING /* something was refused */
};

struct news;

/* news_new() - Nothing to tell yet; the caller frees it with news_free(). */
struct news *news_new(void);
void news_free(struct news *n);

/* news_say(n, kind, fmt, ...) - A line; dropped if too many wait. */
void news_say(struct news *n, enum news_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * news_first(n, sender, reason) - 1 the first time this is to be said of the
 * sender, 0 afterwards, and when too many have been named.
 */
int news_first(struct news *n, uint64_t sender, const char *reason);

/*
 * news_next(n, line) - The next line, valid until the next call of any of
 * these; NEWS_NONE if none waits.
 */
enum news_kind news_next(struct news *n, const char **line);

#endif

/*
 * The filters of a subscription: as they were given, for the broker, and
 * checked.  All-zero is the empty list.
 */
#ifndef SG_EVENT_FILTERS_H
#define SG_EVENT_FILTERS_H

#include <stddef.h>

#include "base/buf.h"
#include "event/topic.h"

struct filters {
	char **v;
	size_t n;
	struct topic_set set;
	struct buf why;
};

/*
 * filters_add(f, p) - Add a filter, '!' allowed, copied.  NULL, or a reason
 * that names it ("filter A//B: empty level"), valid until the next call.
 */
const char *filters_add(struct filters *f, const char *p);

/*
 * filters_read(f, path, why) - Add those of a file, one per line, "-" being
 * standard input; white space around them, empty lines and lines that begin
 * with '#' do not count.  1, or 0 with *why as filters_add() for the first
 * that is none, or -1 with errno.
 */
int filters_read(struct filters *f, const char *path, const char **why);

/*
 * filters_check(f) - NULL, or why no topic can match them: as
 * topic_set_check().
 */
const char *filters_check(const struct filters *f);
void filters_fini(struct filters *f);

#endif

#include "event/filters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "event/line.h"

static const char *
add(struct filters *f, const char *p, size_t n)
{
	const char *why = topic_set_add(&f->set, p, n);

	if (why != NULL) {
		buf_clear(&f->why);
		buf_addf(&f->why, "filter %.*s: %s", (int)n, p, why);
		return buf_cstr(&f->why);
	}
	f->v = xrealloc(f->v, (f->n + 1) * sizeof(*f->v));
	f->v[f->n++] = xstrndup(p, n);
	return NULL;
}

const char *
filters_add(struct filters *f, const char *p)
{
	return add(f, p, strlen(p));
}

static int
blank(char c)
{
	return c == ' ' || c == '\t';
}

int
filters_read(struct filters *f, const char *path, const char **why)
{
	char *name = xstrdup(path);
	enum line_result got = LINE_END;
	struct line_in in;
	const char *p;
	size_t n;
	int error;

	*why = NULL;
	line_open(&in, &name, 1);
	while (*why == NULL && (got = line_next(&in, &p, &n)) == LINE_GIVEN) {
		while (n > 0 && blank(p[n - 1]))
			n--;
		while (n > 0 && blank(*p))
			p++, n--;
		if (n > 0 && *p != '#')
			*why = add(f, p, n);
	}
	error = errno;
	line_close(&in);
	free(name);
	errno = error;
	return *why != NULL ? 0 : got == LINE_ERROR ? -1 : 1;
}

const char *
filters_check(const struct filters *f)
{
	return topic_set_check(&f->set);
}

void
filters_fini(struct filters *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->v[i]);
	free(f->v);
	topic_set_fini(&f->set);
	buf_fini(&f->why);
	*f = (struct filters){ 0 };
}

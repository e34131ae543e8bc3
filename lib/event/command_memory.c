#include "event/command_memory.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "event/command.h"

/* us; a walk over all ids is worth it only now and then */
static const int64_t step = 10000000;

static int
compare_sources(const void *a, const void *b)
{
	const struct command_source *x = a, *y = b;
	int by_name = strcmp(x->src, y->src);

	return by_name != 0 ? by_name : (x->ep > y->ep) - (x->ep < y->ep);
}

static int
compare_ids(const void *a, const void *b)
{
	const struct command_id *x = a, *y = b;

	return strcmp(x->id, y->id);
}

static struct command_source *
find_source(const struct command_memory *m, const struct command_mark *mark)
{
	struct command_source key = { .ep = mark->ep };
	struct command_source **hit;

	memcpy(&key.src, &mark->src, sizeof key.src); /* not written to */
	hit = tfind(&key, &m->source_tree, compare_sources);
	return hit != NULL ? *hit : NULL;
}

static struct command_id *
find_id(const struct command_memory *m, const char *id)
{
	struct command_id key = { 0 }, **hit;

	memcpy(&key.id, &id, sizeof key.id);
	hit = tfind(&key, &m->id_tree, compare_ids);
	return hit != NULL ? *hit : NULL;
}

int
command_memory_has(const struct command_memory *m,
    const struct command_mark *mark, int64_t now, const char **why)
{
	const struct command_source *source = find_source(m, mark);
	const struct command_id *id =
	    mark->id != NULL ? find_id(m, mark->id) : NULL;

	if (id != NULL && id->until >= now)
		*why = "id: seen before";
	else if (source != NULL && mark->seq <= source->seq)
		*why = "seq: not above the last of its source";
	else
		return 0;
	return 1;
}

int
command_memory_full(
    const struct command_memory *m, const struct command_mark *mark)
{
	return (mark->id != NULL && m->ids >= COMMAND_IDS_MAX) ||
	    (m->sources >= COMMAND_SOURCES_MAX && find_source(m, mark) == NULL);
}

/* Room for one more pointer in v, which has n of them. */
static void *
grow(void *v, size_t n, size_t *room)
{
	if (n < *room)
		return v;
	*room = *room != 0 ? 2 * *room : 16;
	return xrealloc(v, *room * sizeof(void *));
}

static void
insert(void *entry, void **tree, int (*compare)(const void *, const void *))
{
	if (tsearch(entry, tree, compare) == NULL)
		die(EXIT_BUG, "out of memory");
}

static struct command_source *
add_source(struct command_memory *m, const struct command_mark *mark)
{
	struct command_source *source = find_source(m, mark);

	if (source == NULL) {
		source = xcalloc(1, sizeof *source);
		source->src = xstrdup(mark->src);
		source->ep = mark->ep;
		source->seq = mark->seq;
		m->source = grow(m->source, m->sources, &m->source_room);
		m->source[m->sources++] = source;
		insert(source, &m->source_tree, compare_sources);
	}
	if (mark->seq > source->seq)
		source->seq = mark->seq;
	if (mark->until > source->until)
		source->until = mark->until;
	return source;
}

void
command_memory_add(struct command_memory *m, const struct command_mark *mark)
{
	struct command_source *source = add_source(m, mark);
	struct command_id *id;

	if (mark->id == NULL)
		return;
	if (m->ids == 0 || mark->until < m->first)
		m->first = mark->until;
	id = find_id(m, mark->id);
	if (id != NULL) {
		id->until = mark->until;
		id->source = source;
		return;
	}
	id = xcalloc(1, sizeof *id);
	id->id = xstrdup(mark->id);
	id->until = mark->until;
	id->source = source;
	m->id = grow(m->id, m->ids, &m->id_room);
	m->id[m->ids++] = id;
	insert(id, &m->id_tree, compare_ids);
}

static void
free_id(void *p)
{
	struct command_id *id = p;

	free(id->id);
	free(id);
}

static void
free_source(void *p)
{
	struct command_source *source = p;

	free(source->src);
	free(source);
}

static void
forget_ids(struct command_memory *m, int64_t now)
{
	size_t kept = 0;

	m->first = INT64_MAX;
	for (size_t i = 0; i < m->ids; i++) {
		struct command_id *id = m->id[i];

		if (id->until < now) {
			tdelete(id, &m->id_tree, compare_ids);
			free_id(id);
			continue;
		}
		if (id->until < m->first)
			m->first = id->until;
		m->id[kept++] = id;
	}
	m->ids = kept;
}

/* No id refers to a source whose time is over: it has their latest time. */
static void
forget_sources(struct command_memory *m, int64_t now)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->sources; i++) {
		struct command_source *source = m->source[i];

		if (source->until < now) {
			tdelete(source, &m->source_tree, compare_sources);
			free_source(source);
			continue;
		}
		m->source[kept++] = source;
	}
	m->sources = kept;
}

void
command_memory_forget(struct command_memory *m, int64_t now)
{
	int64_t over = m->ids < COMMAND_IDS_MAX ? now - step : now;

	if (m->ids > 0 && m->first < over)
		forget_ids(m, now);
	if (m->sources >= COMMAND_SOURCES_MAX / 2)
		forget_sources(m, now);
}

void
command_memory_fini(struct command_memory *m)
{
	tdestroy(m->id_tree, free_id);
	tdestroy(m->source_tree, free_source);
	free(m->id);
	free(m->source);
	*m = (struct command_memory){ 0 };
}

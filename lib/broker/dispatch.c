#include "broker/dispatch.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"

/* Where a filter can end: at the node, or with '*' or '#' below it. */
enum ending { END_HERE, END_STAR, END_HASH, ENDINGS };

enum { CACHED_MAX = 16 }; /* subscriptions a topic remembers */

struct list {
	struct dispatch_sub **v;
	size_t n, cap;
};

struct node {
	struct node *parent;
	struct node *next; /* in its hash chain */
	struct node *plus; /* child for '+' */
	size_t children;
	struct list end[ENDINGS];
	uint64_t hash;
	size_t len;
	char level[TOPIC_LEVEL_MAX];
};

struct dispatch {
	struct node root;
	struct node **table; /* named children of all nodes */
	size_t mask, count;
	uint64_t generation, mark;
	struct list found;
	struct dispatch_match *wide; /* the last that was too many to cache */
};

struct dispatch *
dispatch_new(void)
{
	struct dispatch *d = xcalloc(1, sizeof *d);

	d->mask = 255;
	d->table = xcalloc(d->mask + 1, sizeof(struct node *));
	d->generation = 1;
	return d;
}

static uint64_t
level_hash(const struct node *parent, const char *p, size_t n)
{
	uint64_t h = (uintptr_t)parent * 0x9e3779b97f4a7c15u ^ n;
	size_t i;

	for (i = 0; i < n; i++)
		h = (h ^ (unsigned char)p[i]) * 0x100000001b3u;
	return h ^ h >> 31;
}

static struct node *
child(const struct dispatch *d, const struct node *parent, const char *p,
    size_t n)
{
	uint64_t h = level_hash(parent, p, n);
	struct node *node;

	for (node = d->table[h & d->mask]; node != NULL; node = node->next)
		if (node->hash == h && node->parent == parent &&
		    node->len == n && memcmp(node->level, p, n) == 0)
			return node;
	return NULL;
}

static void
grow(struct dispatch *d)
{
	size_t mask = d->mask * 2 + 1, i;
	struct node **table = xcalloc(mask + 1, sizeof(struct node *));
	struct node *node, *next;

	for (i = 0; i <= d->mask; i++)
		for (node = d->table[i]; node != NULL; node = next) {
			next = node->next;
			node->next = table[node->hash & mask];
			table[node->hash & mask] = node;
		}
	free(d->table);
	d->table = table;
	d->mask = mask;
}

static struct node *
add_child(struct dispatch *d, struct node *parent, const char *p, size_t n)
{
	struct node *node;

	if (n == 1 && *p == '+') {
		if (parent->plus != NULL)
			return parent->plus;
	} else {
		node = child(d, parent, p, n);
		if (node != NULL)
			return node;
	}
	node = xcalloc(1, sizeof *node);
	node->parent = parent;
	parent->children++;
	node->len = n;
	memcpy(node->level, p, n);
	if (n == 1 && *p == '+') {
		parent->plus = node;
		return node;
	}
	node->hash = level_hash(parent, p, n);
	node->next = d->table[node->hash & d->mask];
	d->table[node->hash & d->mask] = node;
	if (++d->count > d->mask)
		grow(d);
	return node;
}

static void
unlink_named(struct dispatch *d, const struct node *node)
{
	struct node **at = &d->table[node->hash & d->mask];

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	d->count--;
}

static int
is_empty(const struct node *node)
{
	return node->children == 0 && node->end[END_HERE].n == 0 &&
	    node->end[END_STAR].n == 0 && node->end[END_HASH].n == 0;
}

static void
free_lists(struct node *node)
{
	int i;

	for (i = 0; i < ENDINGS; i++)
		free(node->end[i].v);
}

/* Remove nodes that hold nothing, from node upwards. */
static void
prune(struct dispatch *d, struct node *node)
{
	while (node->parent != NULL && is_empty(node)) {
		struct node *parent = node->parent;

		if (parent->plus == node)
			parent->plus = NULL;
		else
			unlink_named(d, node);
		parent->children--;
		free_lists(node);
		free(node);
		node = parent;
	}
}

static void
list_add(struct list *l, struct dispatch_sub *sub)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 2;
		l->v = xrealloc(l->v, l->cap * sizeof(struct dispatch_sub *));
	}
	l->v[l->n++] = sub;
}

static void
list_remove(struct list *l, const struct dispatch_sub *sub)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->v[i] == sub) {
			l->v[i] = l->v[--l->n];
			return;
		}
}

/* Walk to the node where filter ends; make says whether to build the way. */
static struct node *
walk(struct dispatch *d, const char *filter, int make, enum ending *ending)
{
	struct node *node = &d->root;
	size_t n;

	*ending = END_HERE;
	for (;; filter += n + 1) {
		n = strcspn(filter, "/");
		if (n == 1 && (*filter == '#' || *filter == '*')) {
			*ending = *filter == '#' ? END_HASH : END_STAR;
			return node;
		}
		if (make)
			node = add_child(d, node, filter, n);
		else if (n == 1 && *filter == '+')
			node = node->plus;
		else
			node = child(d, node, filter, n);
		if (filter[n] == '\0')
			return node;
	}
}

void
dispatch_add(struct dispatch *d, struct dispatch_sub *sub)
{
	enum ending ending;
	struct node *node;
	size_t i;

	sub->excludes = 0;
	for (i = 0; i < sub->set.n; i++) {
		if (sub->set.exclude[i]) {
			sub->excludes = 1;
			continue;
		}
		node = walk(d, sub->set.filter[i], 1, &ending);
		list_add(&node->end[ending], sub);
	}
	d->generation++;
}

void
dispatch_remove(struct dispatch *d, struct dispatch_sub *sub)
{
	enum ending ending;
	struct node *node;
	size_t i;

	for (i = 0; i < sub->set.n; i++) {
		if (sub->set.exclude[i])
			continue;
		node = walk(d, sub->set.filter[i], 0, &ending);
		list_remove(&node->end[ending], sub);
		prune(d, node);
	}
	d->generation++;
}

static void
take(struct dispatch *d, const struct list *l, const char *topic, size_t n)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		struct dispatch_sub *sub = l->v[i];

		if (sub->mark == d->mark)
			continue;
		sub->mark = d->mark;
		if (!sub->excludes || topic_set_match(&sub->set, topic, n))
			list_add(&d->found, sub);
	}
}

struct ask {
	struct dispatch *d;
	const char *topic;
	size_t n;
	int internal; /* topic begins with $SG */
};

static void
match_below(const struct ask *ask, const struct node *node, size_t at)
{
	int wild = !(ask->internal && at == 0);
	const struct node *next;
	const char *slash;
	size_t len;

	if (wild)
		take(ask->d, &node->end[END_HASH], ask->topic, ask->n);
	if (at > ask->n) {
		take(ask->d, &node->end[END_HERE], ask->topic, ask->n);
		return;
	}
	if (wild)
		take(ask->d, &node->end[END_STAR], ask->topic, ask->n);
	slash = memchr(ask->topic + at, '/', ask->n - at);
	len = slash ? (size_t)(slash - ask->topic) - at : ask->n - at;
	next = child(ask->d, node, ask->topic + at, len);
	if (next != NULL)
		match_below(ask, next, at + len + 1);
	if (wild && node->plus != NULL)
		match_below(ask, node->plus, at + len + 1);
}

/* Collect in d->found; what a positive filter matches gets d's mark. */
static void
find(struct dispatch *d, const char *topic, size_t n)
{
	struct ask ask = { d, topic, n,
		n >= 3 && memcmp(topic, "$SG", 3) == 0 &&
		    (n == 3 || topic[3] == '/') };

	d->mark++;
	d->found.n = 0;
	match_below(&ask, &d->root, 0);
}

int
dispatch_matches(struct dispatch *d, const struct dispatch_sub *sub,
    const char *topic, size_t n)
{
	find(d, topic, n);
	if (sub->mark != d->mark)
		return 0;
	return !sub->excludes || topic_set_match(&sub->set, topic, n);
}

const struct dispatch_match *
dispatch_match(struct dispatch *d, const char *topic, size_t n,
    struct dispatch_match **cache)
{
	struct dispatch_match *m = *cache;

	if (m != NULL && m->generation == d->generation)
		return m;
	find(d, topic, n);
	if (d->found.n > CACHED_MAX) {
		free(m);
		*cache = NULL;
		cache = &d->wide;
		m = d->wide;
	}
	if (m == NULL || m->n < d->found.n)
		m = xrealloc(
		    m, sizeof *m + d->found.n * sizeof(struct dispatch_sub *));
	m->generation = d->generation;
	m->n = d->found.n;
	if (m->n != 0)
		memcpy(
		    m->sub, d->found.v, m->n * sizeof(struct dispatch_sub *));
	*cache = m;
	return m;
}

void
dispatch_free(struct dispatch *d)
{
	if (d == NULL)
		return;
	free_lists(&d->root);
	free(d->table);
	free(d->found.v);
	free(d->wide);
	free(d);
}

#include "trust/wish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/die.h"
#include "trust/network.h"
#include "trust/reason.h"

enum { NUMBER = 32 };

struct words {
	const struct opt_list *list;
	size_t i;
	const char *p; /* what is left of the present element */
};

static int
next_word(struct words *w, const char **p, size_t *n)
{
	if (w->p == NULL) {
		if (w->i == w->list->n)
			return 0;
		w->p = w->list->v[w->i++];
	}
	*p = w->p;
	*n = strcspn(w->p, ",");
	w->p = (*p)[*n] == ',' ? *p + *n + 1 : NULL;
	return 1;
}

const char *
wish_filters(struct topic_set *set, const struct opt_list *list)
{
	struct words words = { .list = list };
	const char *p, *why = NULL;
	size_t n;

	if (list->n > 0) {
		topic_set_fini(set);
		*set = (struct topic_set){ 0 };
	}
	while (why == NULL && next_word(&words, &p, &n)) {
		why = n > 0 && p[0] == '!' ? "what is forbidden goes to deny"
					   : topic_set_add(set, p, n);
		if (why != NULL)
			why = reason("%.*s: %s", (int)n, p, why);
	}
	return why;
}

const char *
wish_names(struct cert *c, const struct opt_list *list)
{
	struct words words = { .list = list };
	const char *p;
	size_t n;

	for (size_t i = 0; list->n > 0 && i < c->names; i++)
		free(c->name[i]);
	if (list->n > 0)
		c->names = 0;
	if (strchr(c->subject, '/') == NULL)
		network_cert_name(c, c->subject, strlen(c->subject));
	while (next_word(&words, &p, &n))
		network_cert_name(c, p, n);
	return c->names == 0
	    ? reason("%s is no host, and a broker needs one", c->subject)
	    : NULL;
}

static const char *
set_limit(struct cert_limits *limits, const char *p, size_t n)
{
	const struct {
		const char *name;
		int64_t *to;
	} rows[] = {
		{ "eps=", &limits->events },
		{ "bps=", &limits->bytes },
		{ "conn=", &limits->connections },
		{ "topics=", &limits->topics },
	};
	char text[NUMBER];

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		size_t m = strlen(rows[i].name);

		if (n <= m || strncmp(p, rows[i].name, m) != 0)
			continue;
		snprintf(text, sizeof text, "%.*s", (int)(n - m), p + m);
		if (n - m >= sizeof text || date_size(text, rows[i].to) < 0 ||
		    *rows[i].to == 0)
			return reason("%.*s: no number", (int)n, p);
		return NULL;
	}
	return reason(
	    "%.*s: none of eps=N bps=SIZE conn=N topics=N", (int)n, p);
}

const char *
wish_limits(struct cert_limits *limits, const struct opt_list *list)
{
	struct words words = { .list = list };
	const char *p, *why = NULL;
	size_t n;

	while (why == NULL && next_word(&words, &p, &n))
		why = set_limit(limits, p, n);
	return why;
}

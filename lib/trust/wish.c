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

/* Filters without '!'. */
static const char *
set_filters(struct topic_set *set, const struct opt_list *list)
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

static const char *
set_names(struct cert *c, const struct opt_list *list)
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

static const char *
set_limits(struct cert_limits *limits, const struct opt_list *list)
{
	struct words words = { .list = list };
	const char *p, *why = NULL;
	size_t n;

	while (why == NULL && next_word(&words, &p, &n))
		why = set_limit(limits, p, n);
	return why;
}

/* Each kind of filters and whose it is; NONE: everybody's. */
static const char *
fill_filters(const struct wish *w, struct cert *c)
{
	const struct {
		const char *name;
		const struct opt_list *list;
		struct topic_set *set;
		enum cert_role role;
	} rows[] = {
		{ "pub", &w->pub, &c->rights.pub, CERT_ACTOR },
		{ "subs", &w->subs, &c->rights.subs, CERT_ACTOR },
		{ "call", &w->call, &c->rights.call, CERT_ACTOR },
		{ "serve", &w->serve, &c->rights.serve, CERT_ACTOR },
		{ "via", &w->via, &c->rights.via, CERT_ACTOR },
		{ "deny", &w->deny, &c->rights.deny, CERT_NONE },
		{ "scope", &w->scope, &c->ca.scope, CERT_ISSUER },
		{ "subjects", &w->subjects, &c->ca.subjects, CERT_ISSUER },
		{ "brokers", &w->brokers, &c->ca.brokers, CERT_ISSUER },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *why = set_filters(rows[i].set, rows[i].list);

		if (rows[i].list->n > 0 && rows[i].role != CERT_NONE &&
		    rows[i].role != c->role)
			return reason("only an %s has --%s (--role)",
			    cert_role_name(rows[i].role), rows[i].name);
		if (why != NULL)
			return reason("--%s %s", rows[i].name, why);
	}
	return NULL;
}

static const char *
fill_power(const struct wish *w, struct cert *c)
{
	if (c->role != CERT_ISSUER)
		return w->depth != WISH_UNSET || w->maxttl != WISH_UNSET
		    ? "only an issuer has --depth, --maxttl (--role)"
		    : NULL;
	if (c->ca.scope.n + c->ca.brokers.n == 0)
		return "an issuer needs --scope, what it may give rights "
		       "to, or --brokers";
	if (c->ca.subjects.n == 0)
		topic_set_add(&c->ca.subjects, "#", 1);
	if (w->depth != WISH_UNSET)
		c->ca.depth = w->depth;
	if (w->maxttl != WISH_UNSET)
		c->ca.max_life = w->maxttl / DATE_SECOND;
	else if (c->ca.max_life == 0)
		c->ca.max_life = NETWORK_LIFE_ACTOR;
	return NULL;
}

const char *
wish_fill(const struct wish *w, struct cert *c)
{
	const char *why;

	if (w->names.n > 0 && c->role != CERT_BROKER)
		return "only a broker has --names (--role)";
	why = fill_filters(w, c);
	if (why == NULL)
		why = fill_power(w, c);
	if (why != NULL)
		return why;
	if (c->role == CERT_BROKER && (w->names.n > 0 || c->names == 0))
		why = set_names(c, &w->names);
	if (why != NULL)
		return reason("--names: %s", why);
	why = set_limits(&c->limits, &w->limit);
	return why != NULL ? reason("--limit %s", why) : NULL;
}

int
wish_rights(const struct wish *w)
{
	return w->pub.n + w->subs.n + w->call.n + w->serve.n + w->deny.n +
	    w->via.n + w->names.n + w->limit.n >
	    0;
}

int
wish_power(const struct wish *w)
{
	return w->scope.n + w->subjects.n + w->brokers.n > 0 ||
	    w->depth != WISH_UNSET || w->maxttl != WISH_UNSET;
}

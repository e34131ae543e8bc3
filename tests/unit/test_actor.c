/*
 * Grants: whose they are, and what is counted for whom.
 */
#include "broker/actor.h"

#include <string.h>

#include "check.h"
#include "network.h"

static struct cert *
cert_of(const struct network *n, const struct network_wish *wish)
{
	struct key *key = key_new(wish->subject);
	struct cert *c = network_make(n, wish, key, n->root);

	key_free(key);
	return c;
}

/* An issuer that gives one serial to two: neither gets the other's rights. */
static void
test_same_serial(const struct network *n)
{
	struct cert *a = cert_of(
	    n, &(struct network_wish){ .subject = "a", .pub = { "A" } });
	struct cert *b = cert_of(
	    n, &(struct network_wish){ .subject = "b", .pub = { "B" } });
	const struct actor_limits limits = { .connections = 1 };
	struct actors *actors = actors_new(&limits);
	struct grant *first, *second;
	const char *why = "";

	memcpy(b->serial, a->serial, sizeof(b->serial));
	first = grant_take(actors, a, &why);
	second = grant_take(actors, b, &why);
	check(first && second && first != second, "two grants");
	check(second && strcmp(second->actor->subject, "b") == 0,
	    "each its own subject");
	check(!grant_take(actors, b, &why) && strstr(why, "quota of b"),
	    "b has used up its own: %s", why);
	if (second)
		grant_leave(actors, second);
	check(actors_get(actors, "a", 1)->connections == 1 &&
		actors_get(actors, "b", 1)->connections == 0,
	    "who left is not counted");
	grant_leave(actors, first);
	check(!grants(actors), "none is left");
	actors_free(actors);
	cert_free(a);
	cert_free(b);
}

/* The same certificate, read again, is the same grant. */
static void
test_read_again(const struct network *n)
{
	struct cert *a = cert_of(n, &(struct network_wish){ .subject = "a" });
	const struct actor_limits limits = { 0 };
	struct actors *actors = actors_new(&limits);
	const char *why = "";
	struct cert *again = cert_parse(a->text, a->len, &why);
	struct grant *g = grant_take(actors, a, &why);

	check(grant_take(actors, again, &why) == g, "one grant");
	grant_leave(actors, g);
	grant_leave(actors, g);
	actors_free(actors);
	cert_free(a);
	cert_free(again);
}

int
main(void)
{
	struct network n;

	network_init(&n);
	test_same_serial(&n);
	test_read_again(&n);
	network_fini(&n);
	return check_done();
}

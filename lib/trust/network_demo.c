#include "trust/network_demo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Patterns are separated by blanks; ~ stands for the holder's name. */
struct holder {
	const char *name, *pub, *subs, *via, *deny;
};

static const char *const brokers[] = { "broker-a", "broker-b" };

static const char meter_pub[] =
    "MEASUREMENT/METER/~/# STATUS/~/# "
    "STATUS/COMMAND/+/~ STATUS/SEAL/~ STATUS/KEYS/~",
		  meter_subs[] = "COMMAND/~/#";
static const char flat_pub[] = "MEASUREMENT/SENSOR/~/# STATUS/~/# "
			       "STATUS/COMMAND/+/~ STATUS/SEAL/~ STATUS/KEYS/~ "
			       "DR/+/+/response/~";
static const char flat_subs[] = "COMMAND/~/# DR/+/+/request DR/+/+/state/~";
static const char aggregator_pub[] = "AGGREGATE/# DR/+/+/response/~ STATUS/~/# "
				     "STATUS/SEAL/~ STATUS/KEYS/~ COMMAND/#";
static const char aggregator_subs[] = "MEASUREMENT/# AGGREGATE/# STATUS/# DR/#";
static const char all_meters[] = "meter-01 meter-02 meter-03 meter-04 meter-05 "
				 "meter-06 meter-07 meter-08 meter-09 meter-10";

static const struct holder holders[] = {
	{ "meter-01", meter_pub, meter_subs },
	{ "meter-02", meter_pub, meter_subs },
	{ "meter-03", meter_pub, meter_subs },
	{ "meter-04", meter_pub, meter_subs },
	{ "meter-05", meter_pub, meter_subs },
	{ "meter-06", meter_pub, meter_subs },
	{ "meter-07", meter_pub, meter_subs },
	{ "meter-08", meter_pub, meter_subs },
	{ "meter-09", meter_pub, meter_subs },
	{ "meter-10", meter_pub, meter_subs },
	{ "flat12", flat_pub, flat_subs },
	{ "flat13", flat_pub, flat_subs },
	{ "aggregator-1", aggregator_pub, aggregator_subs, NULL,
	    "COMMAND/flat13/#" },
	{ "aggregator-2", aggregator_pub, aggregator_subs, NULL,
	    "COMMAND/flat12/#" },
	{ "concentrator", "MEASUREMENT/METER/# STATUS/#", "COMMAND/#",
	    all_meters },
	{ "gateway", "MEASUREMENT/SENSOR/# STATUS/#", "COMMAND/#",
	    "flat12 flat13" },
	{ "dso", "DR/# COMMAND/#",
	    "AGGREGATE/# MEASUREMENT/METER/# STATUS/# DR/#" },
	{ "archive", "", "# $SG/#" },
	{ "display", "", "MEASUREMENT/# AGGREGATE/#" },
	{ "operator", "# $SG/#", "# $SG/#", "#" },
};

static void
add_patterns(struct topic_set *set, const char *patterns, const char *name)
{
	char text[TOPIC_MAX + 1];
	size_t n;

	while (patterns != NULL && *patterns != '\0') {
		n = 0;
		for (; *patterns != '\0' && *patterns != ' '; patterns++)
			n += (size_t)snprintf(text + n, sizeof text - n, "%.*s",
			    *patterns == '~' ? KEY_SUBJECT_MAX : 1,
			    *patterns == '~' ? name : patterns);
		topic_set_add(set, text, n);
		if (*patterns == ' ')
			patterns++;
	}
}

/* A key and a certificate for it; c is used up. */
static int
issue(struct network *w, const char *name, struct cert *c)
{
	static const struct network_pass none;
	int status = network_key(w, name, &none, &c->key);

	snprintf(c->subject, sizeof c->subject, "%s", name);
	c->nbf = w->now;
	c->exp = w->now + network_life(w, c->role);
	if (status == 0)
		status = network_issue(w, c);
	cert_free(c);
	return status;
}

static int
issue_broker(struct network *w, const char *name)
{
	struct cert *c = network_cert(CERT_BROKER);

	network_cert_name(c, name, strlen(name));
	network_cert_name(c, "localhost", strlen("localhost"));
	network_cert_name(c, "127.0.0.1", strlen("127.0.0.1"));
	network_cert_name(c, "::1", strlen("::1"));
	return issue(w, name, c);
}

static int
issue_actor(struct network *w, const struct holder *h)
{
	struct cert *c = network_cert(CERT_ACTOR);

	add_patterns(&c->rights.pub, h->pub, h->name);
	add_patterns(&c->rights.subs, h->subs, h->name);
	add_patterns(&c->rights.via, h->via, h->name);
	add_patterns(&c->rights.deny, h->deny, h->name);
	if (strcmp(h->name, "operator") == 0) {
		add_patterns(&c->rights.call, "# $SG/#", h->name);
		add_patterns(&c->rights.serve, "# $SG/#", h->name);
	}
	return issue(w, h->name, c);
}

int
network_demo(struct network *w)
{
	static const struct network_pass none;
	int status = network_create(w, "root", NETWORK_LIFE_ROOT, 0, &none);

	for (size_t i = 0;
	     status == 0 && i < sizeof brokers / sizeof brokers[0]; i++)
		status = issue_broker(w, brokers[i]);
	for (size_t i = 0;
	     status == 0 && i < sizeof holders / sizeof holders[0]; i++)
		status = issue_actor(w, &holders[i]);
	return status;
}

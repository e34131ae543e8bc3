/*
 * Looking at brokers from outside: all URLs of a list are asked at once, each
 * as a broker of its own, and none is waited for beyond a deadline.
 */
#ifndef SG_BUS_PROBE_H
#define SG_BUS_PROBE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "bus/client.h"

struct probe {
	char *url;
	struct client *client; /* borrowed from the probe */
	int answered;
	int64_t hello;	 /* us from asking to the answer */
	struct buf why;	 /* if it has not answered */
};

struct probes {
	struct probe *v;
	size_t n;
};

enum probe_want {
	PROBE_ALL,  /* what each of them says */
	PROBE_FIRST /* until one has answered */
};

/*
 * probes_open(all, config, want, deadline, why) - Connect to config's URLs and
 * say hello, until want is satisfied or all have failed, at the latest at
 * deadline (date_mono()).  How many have answered; -1 with *why (valid until
 * the next call) if a URL is bad or the identity does not allow it.  config and
 * what it points to are borrowed.
 */
int probes_open(struct probes *all, const struct client_config *config,
    enum probe_want want, int64_t deadline, const char **why);
void probes_close(struct probes *all);

/* probes_first(all) - One that has answered, or NULL. */
struct probe *probes_first(const struct probes *all);

/*
 * probe_ask(p, msg, event, deadline) - One request, which is empty after, and
 * its reply, event->reply, valid until the next.  1 if the broker says ok, 0
 * if not or if none has come, and p->why says it.
 */
int probe_ask(struct probe *p, struct buf *msg, struct client_event *event,
    int64_t deadline);

#endif

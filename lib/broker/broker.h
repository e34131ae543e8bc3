/*
 * The Event Manager: takes requests from the front, keeps the log, answers
 * subscribers.  Everything here runs in one thread; only the log has one of
 * its own.
 */
#ifndef SG_BROKER_BROKER_H
#define SG_BROKER_BROKER_H

#include <stddef.h>
#include <stdint.h>

#include "base/opt.h"
#include "broker/gate.h"
#include "bus/client.h"

struct broker;

enum { BROKER_TOPICS_MAX = 1 << 23 };

struct broker_options {
	const char *name;
	const char *dir; /* NULL: keep nothing (--memory) */
	const char *tap; /* URL of the lossy tap, or NULL */
	int64_t segment, retain_age, retain_size;
	int64_t max_line; /* bytes of an event line */
	int64_t last_topics;
	int64_t memory;			  /* bytes of frames held for readers */
	const struct client_config *twin; /* how to reach it, or NULL */
	int accept_behind; /* go on although the twin may know more */
	struct front_limits limits;
	struct gate_options gate;
};

/*
 * broker_new(options, status, why) - Open the store and start.  NULL with
 * *why and an exit code in *status.
 */
struct broker *
broker_new(const struct broker_options *options, int *status, const char **why);

/*
 * broker_listen(b, url, why) - front_listen(); broker_url() - front_url();
 * broker_tap_url(b) - the tap's, NULL without one.
 */
int broker_listen(struct broker *b, const char *url, const char **why);
const char *broker_url(const struct broker *b, size_t i);
const char *broker_tap_url(const struct broker *b);

/*
 * broker_run(b) - Serve until TERM or INT, then answer what is durable and
 * return EXIT_OK; EXIT_IO if the store failed.  broker_turn(b) - One round of
 * that: what is due, and what comes next.
 */
int broker_run(struct broker *b);
void broker_turn(struct broker *b);

void broker_free(struct broker *b);

#endif

/*
 * Two brokers that are twins, started from our own programs in a folder, with
 * relays between them and between them and their clients, and everything that
 * can befall them.
 */
#ifndef SG_GRID_PAIR_H
#define SG_GRID_PAIR_H

#include "base/child.h"
#include "bus/relay.h"
#include "bus/url.h"

enum { PAIR_PATH = 4096 };

struct pair_broker {
	const char *name; /* "A", "B" */
	struct child child;
	int wanted;		/* it has to run */
	int ready;		/* it has said so */
	char url[URL_MAX];	/* where it listens */
	int clients, from_twin; /* routes to it */
};

struct pair {
	const char *dir; /* borrowed */
	char bin[PAIR_PATH];
	int memory;
	struct relay *relay;
	struct pair_broker broker[2];
	struct child question; /* are they in step? */
	char answer[65536];
	size_t answered;
};

/*
 * pair_open(p, dir, memory, why) - Prepare both, in dir, which is there; the
 * programs are those beside this one.  0, or -1 with *why.
 * pair_close(p) - End both; also after pair_open() has failed.
 *
 * pair_start(p, i) - Start broker i.  0, or -1 with errno.
 * pair_look(p) - See who has become ready or has ended: 0, or the status
 * (never 0) of a broker that has ended though it is wanted.
 * pair_kill(p, i, signal) - Of SIGKILL and SIGTERM: it is not wanted any more.
 *
 * pair_program(p, name, path) - Path of one of our programs.
 */
int pair_open(struct pair *p, const char *dir, int memory, const char **why);
void pair_close(struct pair *p);
int pair_start(struct pair *p, int i);
int pair_look(struct pair *p);
void pair_kill(struct pair *p, int i, int signal);
void pair_program(const struct pair *p, const char *name, char path[PAIR_PATH]);

/* pair_link(p, mode, delay) - The link between the two, both ways. */
void pair_link(struct pair *p, enum relay_mode mode, int64_t delay);

/* pair_clients(p, i, mode, delay) - What clients reach broker i by. */
void pair_clients(struct pair *p, int i, enum relay_mode mode, int64_t delay);

/*
 * pair_in_step(p) - 1 if both said that they have what the other has, since
 * this was last 1 or -1; 0 if they do not yet; -1 not known yet: ask again.
 */
int pair_in_step(struct pair *p);

#endif

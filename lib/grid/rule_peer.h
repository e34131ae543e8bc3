/*
 * The process in which rules run, as the program that feeds it sees it.
 * libjq cannot be interrupted and trusts its memory to last, so rules run in
 * a worker process with bounds.  Runs go there in batches and their answers
 * come back in the order in which they were given; a worker that breaks a
 * bound is replaced, and only the guilty run fails.  States stay here.
 */
#ifndef SG_GRID_RULE_PEER_H
#define SG_GRID_RULE_PEER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* A rule to load; everything is copied. */
struct rule_source {
	const char *name; /* goes into made-up ids, so it should not change */
	const char *file; /* path: for messages; modules are found beside it */
	const char *text; /* the program, head and all */
	size_t n;
	const char *context; /* JSON object; NULL: {} */
	size_t context_n;
};

struct rule_plan {
	const struct rule_source *rule;
	size_t rules;
	const char *knowledge; /* JSON object; NULL: {} */
	size_t knowledge_n;
	const char *zone; /* for localtime and the like; NULL: UTC */
	const char *modules; /* folder of sg.jq; NULL: app_share() knows */
	int explain;	  /* answers carry the texts of $why and debug */
	int64_t time;	  /* us of processor time for one run; 0: 1 s */
	size_t memory;	  /* bytes more than at the start; 0: 256 MiB */
	size_t output;	  /* bytes of one run's answer; 0: 1 MiB */
};

/*
 * The state of one rule and key: JSON text, NULL for null.  All-zero is a
 * state of null.  Belongs to the caller and stays where it is in memory as
 * long as a peer knows it (rule_state_fini()).  text is that of the last
 * answer taken from the peer.  To begin with another text, set it before the
 * first run (malloc()ed).
 */
struct rule_state {
	char *text;
	uint32_t n;
	uint32_t slot;	 /* the peer's */
	uint32_t flight; /* runs given and not yet answered; the peer's */
};

/* What to run; everything is copied by rule_peer_give(). */
struct rule_run {
	void *tag; /* comes back with the answer */
	uint32_t rule;
	struct rule_state *state; /* NULL: null, and cannot be set */
	const char *key;	  /* $key; UTF-8, not JSON */
	size_t key_n;
	const char *captures; /* $captures: JSON object; NULL: {} */
	size_t captures_n;
	int64_t now;	   /* $now, us */
	const char *event; /* an object that event_scan() has passed */
	size_t event_n;
};

enum rule_verdict {
	RULE_DONE,
	RULE_ERROR,  /* the program's, or of what it put out */
	RULE_STOPPED /* a bound was broken, or the worker died of it */
};

enum rule_timer { RULE_TIMER_KEEP, RULE_TIMER_SET, RULE_TIMER_CANCEL };

/* What came of a run; valid until the next call with the peer. */
struct rule_answer {
	void *tag;
	uint32_t rule;
	struct rule_state *state;
	const char *event; /* of the run */
	size_t event_n;
	int64_t now;
	enum rule_verdict verdict;
	const char *why; /* unless RULE_DONE: what completes "RULE: on T: " */
	int changed;	 /* state->text is another than before */
	enum rule_timer timer;
	int64_t due;	       /* us, with RULE_TIMER_SET */
	uint32_t events, whys; /* how many texts of each kind */
	const char *at, *end;  /* rule_answer_next()'s */
};

enum rule_text { RULE_END, RULE_EVENT, RULE_WHY };

/*
 * rule_answer_next(a, text, n) - The next thing that the rule has put out, in
 * order: an event line (complete: topic first, t, passed by event_scan(), a
 * command with id and ttl; without newline), or a text for --explain (UTF-8).
 * RULE_END when there is no more; always if the verdict is not RULE_DONE.
 */
enum rule_text
rule_answer_next(struct rule_answer *a, const char **text, size_t *n);

struct rule_peer;

/*
 * rule_peer_open(plan, why) - Start the process and compile the rules: NULL
 * with lines "FILE:LINE: what\n" (FILE: alone where no line is known) in why
 * if one of them is wrong, or with errno and why empty.  Before the first
 * thread is started, and while little memory is in use.
 *
 * rule_peer_close(p) - End it.  Runs that are not answered are forgotten.
 * NULL is allowed.
 */
struct rule_peer *rule_peer_open(const struct rule_plan *plan, struct buf *why);
void rule_peer_close(struct rule_peer *p);

/*
 * rule_peer_give(p, run) - Hand over a run.  It may wait in a batch until
 * rule_peer_flush() or until there is enough of them.  Never blocks for
 * long: what the worker cannot take yet is kept.
 *
 * rule_peer_full(p) - 1 if answers should be taken before more is given.
 *
 * rule_peer_take(p, a, wait) - The next answer, and its state's text brought
 * up to date: 1; 0 if there is none yet, or no run is open.  With wait, what
 * is in the batch is flushed and 0 means that no run is open.  -1 with errno
 * if the worker has died and no other could be started.
 *
 * rule_peer_open_runs(p) - How many runs are not answered yet.
 *
 * rule_peer_fd(p) - To poll for reading: answers have come.  The same for the
 * whole life of p.  A caller that only polls calls rule_peer_take() without
 * wait at least every second, so that a stuck worker is noticed.
 */
void rule_peer_give(struct rule_peer *p, const struct rule_run *run);
void rule_peer_flush(struct rule_peer *p);
int rule_peer_full(const struct rule_peer *p);
int rule_peer_take(struct rule_peer *p, struct rule_answer *a, int wait);
size_t rule_peer_open_runs(const struct rule_peer *p);
int rule_peer_fd(const struct rule_peer *p);

/* rule_peer_restarts(p) - How often the worker had to be replaced. */
uint64_t rule_peer_restarts(const struct rule_peer *p);

/*
 * rule_state_fini(p, s) - Forget a state that has no open run and free its
 * text.  After rule_peer_close() states may go to another peer as they are.
 */
void rule_state_fini(struct rule_peer *p, struct rule_state *s);

#endif

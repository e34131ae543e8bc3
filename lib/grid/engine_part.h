/*
 * What the parts of the engine share: engine.c (what comes in and when it is
 * planned), engine_apply.c (what comes of a run), engine_state.c (saving).
 */
#ifndef SG_GRID_ENGINE_PART_H
#define SG_GRID_ENGINE_PART_H

#include "grid/engine.h"
#include "grid/rule_keys.h"
#include "grid/rule_peer.h"
#include "grid/rule_route.h"

#define ENGINE_NOT_YET INT64_MIN /* no time is known */

enum engine_step {
	STEP_INPUT,
	STEP_FED,   /* a result, for the rules that want it */
	STEP_ALARM, /* a timer or interval of one key */
	STEP_TICK   /* only lets alarms up to its time come first */
};

struct engine_slot;

/* One event on its way through the rules. */
struct engine_node {
	struct engine_node *next;
	enum engine_step step;
	int64_t now;
	struct buf text;    /* the line */
	struct event event; /* of it; not of STEP_ALARM */
	struct engine_origin origin;
	struct rule_key *key; /* STEP_ALARM */
	enum rule_alarm alarm;
	int by_program;
	unsigned depth;
	uint32_t chain[ENGINE_DEPTH]; /* rules whose results led to it */
	uint32_t open;		      /* runs given and not applied */
	int passed, failed, replan, cancelled;
	struct engine_list {
		struct engine_node *first, *last;
		size_t n;
	} fed; /* its results, to be fed */
};

/* A run that was given to the peer. */
struct engine_slot {
	struct engine_slot *next;
	struct engine_node *node; /* NULL: the answer does not count */
	struct rule_key *key;
	struct rule_state *state;
};

struct engine_said {
	enum engine_kind kind;
	size_t at, n;
	struct engine_origin origin;
	int by_program;
};

struct engine {
	const struct engine_options *o;
	const struct rule_set *set;
	struct rule_peer *peer;
	struct rule_routes routes;
	struct rule_keys keys;
	unsigned char *single; /* of each rule: it has one key for good */
	uint64_t *runs;
	uint64_t *looped; /* of each rule: loops seen */

	int64_t clock;	/* the highest t, ENGINE_NOT_YET */
	int64_t limit;	/* t up to this is not in the future */
	int64_t judged; /* the clock when live was last set */
	int live;
	int64_t ep, seq;

	struct engine_list todo;	  /* not planned yet */
	struct engine_list planned;	  /* the first is being applied */
	struct engine_slot *given, *last; /* in the peer's order */
	struct engine_node *spare_node;
	struct engine_slot *spare_slot;
	int crowded;	      /* nothing is planned until all is done */
	uint64_t inputs;      /* that are done */
	uint64_t sweep_after; /* runs before keys are looked through again */
	size_t window, open;  /* runs that may be, that are open */
	size_t smooth;	      /* applied since the window changed */

	struct engine_said *said;
	size_t nsaid, capsaid, next_said;
	struct buf bytes, scratch, key_text;
	struct engine_stats stats;
};

/* Lists of nodes. */
void engine_push(struct engine_list *list, struct engine_node *node);
struct engine_node *engine_pop(struct engine_list *list);
/* engine_front(list, other) - Put other's nodes before list's. */
void engine_front(struct engine_list *list, struct engine_list *other);

/*
 * engine_node(e, step) - A node without text in no list.
 * engine_node_free(e, node) - Keep its memory for the next one.
 */
struct engine_node *engine_node(struct engine *e, enum engine_step step);
void engine_node_free(struct engine *e, struct engine_node *node);

/* engine_say(e, kind, p, n) - Queue a result. */
struct engine_said *
engine_say(struct engine *e, enum engine_kind kind, const char *p, size_t n);

/* engine_rule_name(e, rule) - The file's name without its folder. */
const char *engine_rule_name(const struct engine *e, uint32_t rule);

/*
 * engine_apply(e, answer) - The peer's next answer, to the oldest slot given.
 * engine_finish(e) - Take nodes without open runs from the front of the plan.
 */
void engine_apply(struct engine *e, struct rule_answer *answer);
void engine_finish(struct engine *e);

/*
 * engine_next_every(e, key, now) - When the interval of its rule next begins
 * after now, or RULE_NEVER.
 */
int64_t engine_next_every(
    const struct engine *e, const struct rule_key *key, int64_t now);

/* engine_slot_void(e, slot) - The answer to this run does not count. */
void engine_slot_void(struct engine *e, struct engine_slot *slot);

/* engine_arm_singles(e) - Set the intervals of rules without keys. */
void engine_arm_singles(struct engine *e);

/* engine_wants(e, node, hit) - 1 if the rule is to be given the node. */
int engine_wants(const struct engine *e, const struct engine_node *node,
    const struct rule_hit *hit);

#endif

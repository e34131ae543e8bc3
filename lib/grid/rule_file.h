/*
 * A rule file: a jq program whose `module` directive, its head, says which
 * topics it wants, what it keeps a state by, and what it has to be told.
 */
#ifndef SG_GRID_RULE_FILE_H
#define SG_GRID_RULE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "event/event.h"
#include "event/topic.h"

enum rule_type {
	RULE_NUMBER,
	RULE_STRING,
	RULE_BOOLEAN,
	RULE_OBJECT,
	RULE_ARRAY,
	RULE_TYPES
};

/* The types' names, in this order. */
extern const char *const rule_type_names[RULE_TYPES];

/* What a rule has to be told: one member of its context. */
struct rule_param {
	char *name;
	enum rule_type type;
	char *unit;	/* NULL: none */
	char *fallback; /* JSON text, NULL: it is required */
	uint64_t line;	/* in the head */
};

/* A part of the key's template: text, a capture, or a member. */
struct rule_piece {
	char *text; /* literal, or the capture's name */
	int literal;
	enum event_member member; /* EVENT_MEMBERS: it is a capture */
};

/* In all-zero state valid for rule_file_fini() alone. */
struct rule_file {
	char *path;
	char *name;	 /* file name without folder and .jq */
	struct buf text; /* the program, terminated */
	struct topic_pattern **topics;
	size_t ntopics;
	struct topic_set not ; /* filters with '!', here without it */
	struct rule_piece *by;
	size_t nby;	/* 0: one state */
	int by_members; /* the key is not of the topic alone */
	int64_t every;	/* microseconds, 0: no */
	struct rule_param *params;
	size_t nparams;
	int self; /* it is fed its own results */
};

/*
 * rule_file_open(r, path, why) - Read it.  0; -1 with errno and why empty if
 * it cannot be read, or -1 with why "FILE:LINE: what is wrong".
 */
int rule_file_open(struct rule_file *r, const char *path, struct buf *why);

/* rule_file_parse(r, path, p, n, why) - The same for a text in memory. */
int rule_file_parse(struct rule_file *r, const char *path, const char *p,
    size_t n, struct buf *why);
void rule_file_fini(struct rule_file *r);

/*
 * Captures of a topic, as they stand in it; the names are the rule's.
 */
struct rule_captures {
	const char *const *name;
	const char *at[TOPIC_LEVELS_MAX];
	size_t len[TOPIC_LEVELS_MAX];
	size_t n;
};

/* rule_file_match(r, topic, n, c) - 1 if it wants the topic, with captures. */
int rule_file_match(const struct rule_file *r, const char *topic, size_t n,
    struct rule_captures *c);

/*
 * rule_file_key(r, c, e, topic, n, b) - Append the key of an event, what is
 * absent being empty.  e may be NULL if !r->by_members.
 */
void rule_file_key(const struct rule_file *r, const struct rule_captures *c,
    const struct event *e, const char *topic, size_t n, struct buf *b);

/* rule_captures_add(c, b) - Append them as a JSON object. */
void rule_captures_add(const struct rule_captures *c, struct buf *b);

#endif

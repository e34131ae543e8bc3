/*
 * Inside command.h: which ids and sequence numbers have been seen.  Nothing
 * but memory; command.c keeps the file.
 */
#ifndef SG_EVENT_COMMAND_MEMORY_H
#define SG_EVENT_COMMAND_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* The last number of one epoch of one source; times in microseconds. */
struct command_source {
	char *src;
	int64_t ep, seq;
	int64_t until; /* its last command is of interest until then */
};

struct command_id {
	char *id;
	int64_t until;
	const struct command_source *source;
};

/* All-zero is valid and empty. */
struct command_memory {
	struct command_source **source;
	size_t sources, source_room;
	struct command_id **id;
	size_t ids, id_room;
	void *source_tree, *id_tree; /* the same, tsearch(3) */
	int64_t first; /* the earliest `until` of an id, or earlier */
};

/* One command; id is NULL if it has none. */
struct command_mark {
	const char *src, *id;
	int64_t ep, seq, until;
};

/*
 * command_memory_has(m, mark, now, why) - 1 with *why (constant) if the id
 * was seen and its time is not over, or a number of that source and epoch was
 * seen that is not below seq.
 */
int command_memory_has(const struct command_memory *m,
    const struct command_mark *mark, int64_t now, const char **why);

/*
 * command_memory_full(m, mark) - 1 if there is no room for it.
 * command_memory_add(m, mark) - Remember it.
 */
int command_memory_full(
    const struct command_memory *m, const struct command_mark *mark);
void
command_memory_add(struct command_memory *m, const struct command_mark *mark);

/*
 * command_memory_forget(m, now) - Free what is over: ids, not at once but
 * several together, and sources, if there are many.
 */
void command_memory_forget(struct command_memory *m, int64_t now);
void command_memory_fini(struct command_memory *m);

#endif

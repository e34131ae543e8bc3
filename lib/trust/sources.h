/*
 * All sources that a verifier hears, by name, within bounds of memory; and
 * what of them is remembered for a restart.
 */
#ifndef SG_TRUST_SOURCES_H
#define SG_TRUST_SOURCES_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "trust/source.h"

/* How much may wait for seals, of one source and of all of them. */
enum { SOURCES_LINES = 8192, SOURCES_BYTES = 67108864 };

enum { SOURCES_SLOTS = 65536 };

/* All-zero with the room's settings made is valid and empty. */
struct sources {
	struct source_room room;
	struct source *slot[SOURCES_SLOTS];
};

/*
 * sources_take(s, x, at, p, n) - A judged line, at->src its src (NULL only of
 * JUDGE_NOTHING), at->file valid as long as s: see source.h.  Where too much
 * waits, the older half of the source's lines is dropped, or those of all
 * others that have signed nothing, and if that does not help all of the
 * source's that has most.  why is the reason of JUDGE_NOTHING.
 */
void sources_take(struct sources *s, const struct judged *x, const char *why,
    const struct finding_place *at, const char *p, size_t n);

/*
 * sources_tick(s) - source_tick() of each; those that have signed nothing,
 * and have nothing that waits, are forgotten.
 * sources_end(s) - source_end() of each.
 */
void sources_tick(struct sources *s);
void sources_end(struct sources *s);
void sources_fini(struct sources *s);

/*
 * sources_find(s, name) - The one of that name, which is made if there was
 * none.  sources_next(s, q) - The one after q, NULL after the last; the first
 * if q is NULL.
 */
struct source *sources_find(struct sources *s, const char *name);
struct source *sources_next(const struct sources *s, const struct source *q);

#endif

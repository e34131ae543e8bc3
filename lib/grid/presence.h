/*
 * When each source of a group was last heard, as of the end of one pane of
 * time.  While the pane is open only readings in it count; closing it puts
 * in the earlier times and packs all, to some bits for each source.
 */
#ifndef SG_GRID_PRESENCE_H
#define SG_GRID_PRESENCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "bus/memo.h"

enum presence_form {
	PRESENCE_FEW,	 /* as NARROW, in place */
	PRESENCE_NARROW, /* microseconds since start, + 1; 0 is not heard */
	PRESENCE_WIDE,	 /* times */
	PRESENCE_PACKED
};

enum { PRESENCE_FEW_MAX = 2 };

struct presence_packed;

/* All-zero is empty: nothing heard of anyone. */
struct presence {
	union {
		uint32_t few[PRESENCE_FEW_MAX];
		uint32_t *narrow;
		int64_t *wide;
		struct presence_packed *packed;
	};
	uint32_t n;
	uint8_t form;
};

/*
 * presence_note(p, i, start, t, sources) - Source i was heard at t; of several
 * times the greatest counts.  start is the pane's, sources how many there are.
 * 1 if there is a change.
 */
int presence_note(
    struct presence *p, uint32_t i, int64_t start, int64_t t, uint32_t sources);

/* presence_at(p, i, start) - When source i was heard, or GROUP_ALWAYS. */
int64_t presence_at(const struct presence *p, uint32_t i, int64_t start);

/*
 * presence_times(p, times, n, start) - All of them, as presence_at() for
 * 0..n-1.
 */
void presence_times(
    const struct presence *p, int64_t *times, uint32_t n, int64_t start);

/* presence_pack(p, times, n) - Make it times[0..n), packed. */
void presence_pack(struct presence *p, const int64_t *times, uint32_t n);

/*
 * presence_save(p, start, b) - Append it to a state (memo.h).
 * presence_load(p, r) - Make p, which is empty, what was saved.
 */
void presence_save(const struct presence *p, int64_t start, struct buf *b);
void presence_load(struct presence *p, struct memo_record *r);

/* presence_fini(p) - Free and make empty. */
void presence_fini(struct presence *p);

#endif

/*
 * The tables behind capacity: links, regions, and what a text claims about
 * them, each a CSV file whose columns are found by name; share/capacity has
 * those of the paper (grid/capacity.h).
 */
#ifndef SG_GRID_SURVEY_H
#define SG_GRID_SURVEY_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum { SURVEY_ROWS_MAX = 10000 };

/* Strings are "" where the file has nothing. */
struct survey_link {
	const char *net, *tech, *reach, *note;
	const char *down_text, *up_text; /* as in the file */
	int64_t down, up; /* millionths of a Mbit/s; up 0: one channel */
	const char *paper_pubs, *paper_subs, *paper_customers;
	uint64_t line;
};

struct survey_region {
	const char *name, *note;
	int64_t area; /* thousandths of a km2; 0 in the total: the sum */
	const char *paper_customers, *paper_mega, *paper_subsystems;
	uint64_t line;
};

/*
 * figure: pubs or subs, and -least, -most or -range over the links of the
 * technology `of`; or subsystems of the region `of`.
 */
struct survey_claim {
	const char *claim, *of, *figure, *paper, *note;
	uint64_t line;
};

struct survey {
	struct survey_link *link;
	struct survey_region *region; /* without the total */
	struct survey_claim *claim;
	struct survey_region total; /* of all regions; name "TOTAL" */
	size_t links, regions, claims;
	int has_total;		/* the file had one */
	struct survey_text *text; /* the strings */
};

/*
 * survey_links(s, path, why), survey_regions, survey_claims - Read the file,
 * NULL: the one of share/capacity.  Columns, the first one first:
 *
 *	net,tech,down_mbps[,up_mbps,reach,paper_pubs,paper_subs,
 *	    paper_customers,note]
 *	region,area_km2[,paper_customers,paper_mb_per_min,paper_subsystems,
 *	    note]		a region TOTAL comes last
 *	claim,of,figure,paper[,note]
 *
 * 0, or -1 with why set to "FILE:LINE: what is wrong".  All-zero is the empty
 * survey; each is read once.
 */
int survey_links(struct survey *s, const char *path, struct buf *why);
int survey_regions(struct survey *s, const char *path, struct buf *why);
int survey_claims(struct survey *s, const char *path, struct buf *why);

/*
 * survey_add_link(s, text) - One more link, "DOWN/UP" or a shared rate
 * (capacity_link()).  0, or -1 if it is none.
 */
int survey_add_link(struct survey *s, const char *text);

/*
 * survey_wide(link) - 1 if it is one of Table II: of a WAN (net "WAN"), with
 * a channel for each way.
 */
int survey_wide(const struct survey_link *link);

void survey_fini(struct survey *s);

#endif

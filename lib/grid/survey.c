#include "grid/survey.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/app.h"
#include "base/die.h"
#include "event/sheet.h"
#include "grid/capacity.h"

/* Strings live until the end, wherever the arrays move. */
struct survey_text {
	struct survey_text *next;
	char p[];
};

static const char *
keep_bytes(struct survey *s, const char *p, size_t n)
{
	struct survey_text *t;

	if (n == 0)
		return "";
	t = xmalloc(sizeof *t + n + 1);
	memcpy(t->p, p, n);
	t->p[n] = '\0';
	t->next = s->text;
	s->text = t;
	return t->p;
}

static const char *
keep(struct survey *s, const struct csv_cell *cell)
{
	return keep_bytes(s, cell->p, cell->n);
}

/* Arrays grow one by one: they are short. */
static int
too_many(const struct sheet *f, size_t n)
{
	if (n < SURVEY_ROWS_MAX)
		return 0;
	sheet_refuse(f, sheet_line(f), "more than %d rows", SURVEY_ROWS_MAX);
	return 1;
}

/* A cell that is empty or a number as the paper prints one. */
static int
check_figure(
    const struct sheet *f, const char *name, const struct csv_cell *cell)
{
	struct capacity_figure figure;

	if (cell->n == 0 || capacity_printed(cell->p, cell->n, &figure) == 0)
		return 0;
	return sheet_refuse(f, sheet_line(f), "%s: not a figure: %.*s", name,
	    (int)(cell->n < 60 ? cell->n : 60), cell->p);
}

static int
need(const struct sheet *f, const char *name, const struct csv_cell *cell)
{
	if (cell->n > 0)
		return 0;
	return sheet_refuse(f, sheet_line(f), "%s: empty", name);
}

static int
refuse_value(const struct sheet *f, const char *name,
    const struct csv_cell *cell, const char *what)
{
	return sheet_refuse(f, sheet_line(f), "%s: not %s: %.*s", name, what,
	    (int)(cell->n < 60 ? cell->n : 60), cell->p);
}

enum link_column {
	NET,
	TECH,
	DOWN,
	UP,
	REACH,
	PUBS,
	SUBS,
	CUSTOMERS,
	NOTE,
	LINK_COLUMNS
};

static const char *const link_columns[LINK_COLUMNS] = { "net", "tech",
	"down_mbps", "up_mbps", "reach", "paper_pubs", "paper_subs",
	"paper_customers", "note" };

static int
read_mbps(const struct sheet *f, enum link_column c, int64_t *out)
{
	const struct csv_cell *cell = &f->cell[c];

	if (capacity_decimal(cell->p, cell->n, 6, CAPACITY_RATE_MAX, out) < 0)
		return refuse_value(
		    f, link_columns[c], cell, "a number of Mbit/s above 0");
	return 0;
}

static int
take_link(struct survey *s, const struct sheet *f)
{
	const struct csv_cell *c = f->cell;
	struct survey_link *link;
	int64_t down, up = 0;

	if (too_many(f, s->links) || need(f, "tech", &c[TECH]) < 0 ||
	    read_mbps(f, DOWN, &down) < 0 ||
	    (c[UP].n > 0 && read_mbps(f, UP, &up) < 0))
		return -1;
	for (int i = PUBS; i <= CUSTOMERS; i++)
		if (check_figure(f, link_columns[i], &c[i]) < 0)
			return -1;
	s->link = xrealloc(s->link, (s->links + 1) * sizeof *s->link);
	link = &s->link[s->links++];
	*link = (struct survey_link){ keep(s, &c[NET]), keep(s, &c[TECH]),
		keep(s, &c[REACH]), keep(s, &c[NOTE]), keep(s, &c[DOWN]),
		keep(s, &c[UP]), down, up, keep(s, &c[PUBS]), keep(s, &c[SUBS]),
		keep(s, &c[CUSTOMERS]), sheet_line(f) };
	return 0;
}

enum region_column {
	REGION,
	AREA,
	R_CUSTOMERS,
	R_MEGA,
	R_SUBSYSTEMS,
	R_NOTE,
	REGION_COLUMNS
};

static const char *const region_columns[REGION_COLUMNS] = { "region",
	"area_km2", "paper_customers", "paper_mb_per_min", "paper_subsystems",
	"note" };

static int
read_area(const struct sheet *f, int may_lack, int64_t *out)
{
	const struct csv_cell *cell = &f->cell[AREA];

	*out = 0;
	if ((cell->n == 0 && may_lack) ||
	    capacity_decimal(
		cell->p, cell->n, 3, INT64_C(1000000000000), out) == 0)
		return 0;
	return refuse_value(f, "area_km2", cell,
	    "a number of km2 above 0 with at most 3 decimals");
}

static int
check_total(struct survey *s, const struct sheet *f)
{
	int64_t sum = 0;

	for (size_t i = 0; i < s->regions; i++)
		sum += s->region[i].area;
	if (s->total.area != 0 && s->total.area != sum)
		return sheet_refuse(f, sheet_line(f),
		    "TOTAL: not the sum of the areas above, %lld.%03d km2",
		    (long long)(sum / 1000), (int)(sum % 1000));
	s->total.area = sum;
	s->has_total = 1;
	return 0;
}

static int
take_region(struct survey *s, const struct sheet *f)
{
	const struct csv_cell *c = f->cell;
	int is_total = cell_is(&c[REGION], "TOTAL");
	struct survey_region region = { .line = sheet_line(f) };

	if (s->has_total)
		return sheet_refuse(
		    f, region.line, "a row after TOTAL, which comes last");
	if (too_many(f, s->regions) || need(f, "region", &c[REGION]) < 0 ||
	    read_area(f, is_total, &region.area) < 0)
		return -1;
	for (int i = R_CUSTOMERS; i <= R_SUBSYSTEMS; i++)
		if (check_figure(f, region_columns[i], &c[i]) < 0)
			return -1;
	region.name = keep(s, &c[REGION]);
	region.note = keep(s, &c[R_NOTE]);
	region.paper_customers = keep(s, &c[R_CUSTOMERS]);
	region.paper_mega = keep(s, &c[R_MEGA]);
	region.paper_subsystems = keep(s, &c[R_SUBSYSTEMS]);
	if (is_total) {
		s->total = region;
		return check_total(s, f);
	}
	s->region = xrealloc(s->region, (s->regions + 1) * sizeof *s->region);
	s->region[s->regions++] = region;
	return 0;
}

enum claim_column { CLAIM, OF, FIGURE, PAPER, C_NOTE, CLAIM_COLUMNS };

static const char *const claim_columns[CLAIM_COLUMNS] = { "claim", "of",
	"figure", "paper", "note" };

static int
take_claim(struct survey *s, const struct sheet *f)
{
	const struct csv_cell *c = f->cell;

	if (too_many(f, s->claims))
		return -1;
	for (int i = CLAIM; i <= PAPER; i++)
		if (need(f, claim_columns[i], &c[i]) < 0)
			return -1;
	s->claim = xrealloc(s->claim, (s->claims + 1) * sizeof *s->claim);
	s->claim[s->claims++] = (struct survey_claim){ keep(s, &c[CLAIM]),
		keep(s, &c[OF]), keep(s, &c[FIGURE]), keep(s, &c[PAPER]),
		keep(s, &c[C_NOTE]), sheet_line(f) };
	return 0;
}

/* One kind of table. */
struct plan {
	const char *share; /* its file there */
	const char *const *columns;
	size_t n, required;
	int (*take)(struct survey *s, const struct sheet *f);
};

static int
read_sheet(struct survey *s, const struct plan *plan, const char *path,
    struct buf *why)
{
	struct sheet f;
	int r =
	    sheet_open(&f, path, plan->columns, plan->n, plan->required, why);

	if (r == 0) {
		buf_clear(why);
		buf_addf(why, "%s:1: the first column is not %s", path,
		    plan->columns[0]);
		return -1;
	}
	if (r < 0)
		return -1;
	while ((r = sheet_next(&f)) > 0 && (r = plan->take(s, &f)) == 0)
		;
	sheet_close(&f);
	return r;
}

static int
read_file(struct survey *s, const struct plan *plan, const char *path,
    struct buf *why)
{
	char share[PATH_MAX];

	if (path != NULL)
		return read_sheet(s, plan, path, why);
	if (app_share(share, sizeof share, plan->share) < 0) {
		buf_clear(why);
		buf_addf(why, "%s: %s", share, strerror(errno));
		return -1;
	}
	return read_sheet(s, plan, share, why);
}

int
survey_links(struct survey *s, const char *path, struct buf *why)
{
	static const struct plan plan = { "capacity/links.csv", link_columns,
		LINK_COLUMNS, UP, take_link };

	return read_file(s, &plan, path, why);
}

/* A file without a total has one all the same. */
int
survey_regions(struct survey *s, const char *path, struct buf *why)
{
	static const struct plan plan = { "capacity/regions.csv",
		region_columns, REGION_COLUMNS, R_CUSTOMERS, take_region };

	s->total = (struct survey_region){ "TOTAL", "", 0, "", "", "", 0 };
	if (read_file(s, &plan, path, why) < 0)
		return -1;
	for (size_t i = 0; !s->has_total && i < s->regions; i++)
		s->total.area += s->region[i].area;
	return 0;
}

int
survey_claims(struct survey *s, const char *path, struct buf *why)
{
	static const struct plan plan = { "capacity/claims.csv", claim_columns,
		CLAIM_COLUMNS, C_NOTE, take_claim };

	return read_file(s, &plan, path, why);
}

/* millionths as a decimal */
static const char *
keep_mbps(struct survey *s, int64_t mbps)
{
	struct buf b = { 0 };
	const char *text;

	ratio_add(&b, ratio_of((uint64_t)mbps, 1000000), 0, 6);
	text = keep_bytes(s, b.p, b.len);
	buf_fini(&b);
	return text;
}

int
survey_add_link(struct survey *s, const char *text)
{
	struct survey_link link = { .net = "",
		.tech = "",
		.reach = "",
		.note = "",
		.up_text = "",
		.paper_pubs = "",
		.paper_subs = "",
		.paper_customers = "" };

	if (capacity_link(text, &link.down, &link.up) < 0)
		return -1;
	link.tech = text;
	link.down_text = keep_mbps(s, link.down);
	if (link.up > 0)
		link.up_text = keep_mbps(s, link.up);
	s->link = xrealloc(s->link, (s->links + 1) * sizeof *s->link);
	s->link[s->links++] = link;
	return 0;
}

int
survey_wide(const struct survey_link *link)
{
	return strcmp(link->net, "WAN") == 0 && link->up > 0;
}

void
survey_fini(struct survey *s)
{
	struct survey_text *t, *next;

	for (t = s->text; t != NULL; t = next) {
		next = t->next;
		free(t);
	}
	free(s->link);
	free(s->region);
	free(s->claim);
	*s = (struct survey){ 0 };
}

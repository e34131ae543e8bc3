#include "grid/capacity_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"

#define MINUTE INT64_C(60000000)
#define SECOND INT64_C(1000000)

const struct capacity_ask capacity_paper = {
	.bytes = 800 * 1000,
	.density = 109 * 1000,
	.effective = 41 * SECOND,
};

struct capacity_load
capacity_load_of(const struct capacity_ask *ask, int n)
{
	struct capacity_load load = { ask->bytes, ask->interval, ask->mega };

	if (load.interval == 0)
		load.interval = n == 1 ? SECOND : MINUTE;
	if (load.mega == 0)
		load.mega = n == 1 ? CAPACITY_MEGA : CAPACITY_MEGA_BINARY;
	return load;
}

void
capacity_cell(struct table *t, struct ratio r, int least, int most)
{
	struct buf b = { 0 };

	ratio_add(&b, r, least, most);
	table_number(t, b.p, b.len);
	buf_fini(&b);
}

void
capacity_figure_cell(struct table *t, const char *text)
{
	size_t n = strlen(text);

	if (n > 0 && text[n - 1] == 'k')
		table_text(t, text, n);
	else
		table_number(t, text, n);
}

static void
figure_check(struct table *t, const char *paper, struct ratio r)
{
	struct capacity_figure figure;

	if (capacity_printed(paper, strlen(paper), &figure) < 0)
		table_word(t, "");
	else
		table_word(t, capacity_agrees(&figure, r) ? "ok" : "DIFF");
}

/* Table I */

static const char *
rounded(const struct capacity_ask *ask)
{
	return ask->rounding == CAPACITY_HALF_UP ? "half_up" : "floor";
}

static void
table1_columns(const struct capacity_ask *ask, struct table *t)
{
	static const char *const names[] = { "net", "tech", "down_mbps",
		"up_mbps", "pubs_exact", "subs_exact" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		table_column(t, "%s", names[i]);
	table_column(t, "pubs_%s", rounded(ask));
	table_column(t, "subs_%s", rounded(ask));
	table_column(t, "paper_pubs");
	table_column(t, "paper_subs");
	table_column(t, "coverage");
	table_column(t, "pubs_check");
	table_column(t, "subs_check");
	if (ask->fanout > 0) {
		table_column(t, "fanout");
		table_column(t, "deliveries");
		table_column(t, "events");
		table_column(t, "sustained");
	}
}

/* With F receivers of each message the upload limits deliveries. */
static void
fanout_cells(const struct survey_link *link, const struct capacity_ask *ask,
    const struct capacity_load *load, struct table *t)
{
	int64_t shared = link->up == 0 ? link->down : link->up;
	struct ratio out = capacity_peers(load, shared);
	struct ratio each = ratio_div(out, ratio_of((uint64_t)ask->fanout, 1));

	table_count(t, ask->fanout);
	table_count(t, capacity_round(out, ask->rounding));
	table_count(t, capacity_round(each, ask->rounding));
	table_count(t,
	    capacity_round(
		capacity_senders(load, link->down, link->up, ask->fanout),
		ask->rounding));
}

static void
table1_row(const struct survey_link *link, const struct capacity_ask *ask,
    struct table *t)
{
	struct capacity_load load = capacity_load_of(ask, 1);
	struct ratio pubs = capacity_peers(&load, link->down), subs = { 0, 1 };
	int both = link->up > 0;

	if (both)
		subs = capacity_peers(&load, link->up);
	table_word(t, link->net);
	table_word(t, link->tech);
	capacity_figure_cell(t, link->down_text);
	capacity_figure_cell(t, link->up_text);
	capacity_cell(t, pubs, 1, 6);
	if (both)
		capacity_cell(t, subs, 1, 6);
	else
		table_word(t, "");
	table_count(t, capacity_round(pubs, ask->rounding));
	if (both)
		table_count(t, capacity_round(subs, ask->rounding));
	else
		table_word(t, "");
	capacity_figure_cell(t, link->paper_pubs);
	capacity_figure_cell(t, link->paper_subs);
	table_word(t, link->reach);
	figure_check(t, ask->compare ? link->paper_pubs : "", pubs);
	figure_check(t, ask->compare ? link->paper_subs : "", subs);
	if (ask->fanout > 0)
		fanout_cells(link, ask, &load, t);
	table_end(t);
}

void
capacity_table1(
    const struct survey *s, const struct capacity_ask *ask, struct table *t)
{
	table1_columns(ask, t);
	for (size_t i = 0; i < s->links; i++)
		table1_row(&s->link[i], ask, t);
}

/* Table II */

static int
shows_half(const struct capacity_ask *ask)
{
	return ask->rounding != CAPACITY_FLOOR;
}

static int
shows_floor(const struct capacity_ask *ask)
{
	return ask->rounding != CAPACITY_HALF_UP;
}

static void
table2_columns(const struct capacity_ask *ask, struct table *t)
{
	struct capacity_load load = capacity_load_of(ask, 2);

	table_column(t, "tech");
	table_column(t, "down_mbps");
	table_column(
	    t, load.mega == CAPACITY_MEGA ? "exact_1e6" : "exact_2e20");
	if (shows_half(ask))
		table_column(t, "round_half_up");
	if (shows_floor(ask))
		table_column(t, "floor");
	table_column(t, "paper");
	if (shows_half(ask))
		table_column(t, "check_round");
	if (shows_floor(ask))
		table_column(t, "check_floor");
	table_column(t, "decimal_floor");
}

static const char *
customers_check(const char *paper, int64_t v)
{
	struct capacity_figure figure;

	if (capacity_printed(paper, strlen(paper), &figure) < 0)
		return "";
	if (capacity_agrees(&figure, ratio_of((uint64_t)v, 1)))
		return "ok";
	return capacity_agrees(&figure, ratio_of((uint64_t)v + 1, 1))
	    ? "one-too-many"
	    : "DIFF";
}

/* As the paper prints a technology there, in one word. */
static void
word_cell(struct table *t, const char *s)
{
	struct buf b = { 0 };

	for (; *s != '\0'; s++)
		buf_addc(&b, *s == ' ' ? '-' : *s);
	table_text(t, b.p, b.len);
	buf_fini(&b);
}

static void
table2_row(const struct survey_link *link, const struct capacity_ask *ask,
    struct table *t)
{
	struct capacity_load load = capacity_load_of(ask, 2), decimal = load;
	struct ratio r = capacity_peers(&load, link->down);
	const char *paper = ask->compare ? link->paper_customers : "";

	decimal.mega = CAPACITY_MEGA;
	word_cell(t, link->tech);
	capacity_figure_cell(t, link->down_text);
	capacity_cell(t, r, 1, 6);
	if (shows_half(ask))
		table_count(t, ratio_half_up(r));
	if (shows_floor(ask))
		table_count(t, ratio_floor(r));
	capacity_figure_cell(t, link->paper_customers);
	if (shows_half(ask))
		table_word(t, customers_check(paper, ratio_half_up(r)));
	if (shows_floor(ask))
		table_word(t, customers_check(paper, ratio_floor(r)));
	table_count(t, ratio_floor(capacity_peers(&decimal, link->down)));
	table_end(t);
}

void
capacity_table2(
    const struct survey *s, const struct capacity_ask *ask, struct table *t)
{
	table2_columns(ask, t);
	for (size_t i = 0; i < s->links; i++)
		if (survey_wide(&s->link[i]))
			table2_row(&s->link[i], ask, t);
}

/* Table III */

struct ratio
capacity_region(const struct capacity_ask *ask,
    const struct survey_region *region, int is_total)
{
	struct ratio r = capacity_customers(ask->density, region->area);

	if (is_total)
		return r;
	return ratio_of(
	    (uint64_t)(ask->rounding == CAPACITY_FLOOR ? ratio_floor(r)
						       : ratio_half_up(r)),
	    1);
}

struct ratio
capacity_mean(const struct survey *s, const struct capacity_load *load,
    struct ratio customers, unsigned least, size_t *n)
{
	int64_t *mbps = xcalloc(s->links + 1, sizeof *mbps);
	struct ratio mean = { 0, 1 };

	*n = 0;
	for (size_t i = 0; i < s->links; i++)
		if (survey_wide(&s->link[i]))
			mbps[(*n)++] = s->link[i].down;
	if (*n > 0)
		mean = capacity_average(load, customers, mbps, *n, least);
	free(mbps);
	return mean;
}

static void
add_seconds(struct buf *b, int64_t micros)
{
	if (micros == MINUTE) {
		buf_adds(b, "min");
	} else {
		ratio_add(b, ratio_of((uint64_t)micros, 1000000), 0, 6);
		buf_addc(b, 's');
	}
}

static void
table3_columns(const struct capacity_ask *ask, struct table *t)
{
	struct capacity_load load = capacity_load_of(ask, 3);
	struct buf density = { 0 }, rate = { 0 }, interval = { 0 };

	ratio_add(&density, ratio_of((uint64_t)ask->density, 1000), 0, 3);
	ratio_add(&rate, ratio_of((uint64_t)ask->effective, 1000000), 0, 6);
	add_seconds(&interval, load.interval);
	table_column(t, "region");
	table_column(t, "area_km2_implied");
	table_column(t, "customers_%s_per_km2", buf_cstr(&density));
	table_column(t, "paper_customers");
	table_column(t, "%s_per_%s", load.mega == CAPACITY_MEGA ? "mb" : "mib",
	    buf_cstr(&interval));
	table_column(t, "paper_mb_per_min");
	table_column(t, "raw_mean_N");
	table_column(t, "N_model_a");
	table_column(t, "N_ceil_%smbps", buf_cstr(&rate));
	table_column(t, "paper_N");
	table_column(t, "check");
	buf_fini(&density);
	buf_fini(&rate);
	buf_fini(&interval);
}

/* A row of Table III. */
struct needs {
	struct ratio customers, mega, mean;
	int64_t a, b;
	size_t links; /* that the mean is of */
};

static struct needs
needs_of(const struct survey *s, const struct capacity_ask *ask,
    const struct survey_region *region, int is_total)
{
	struct capacity_load load = capacity_load_of(ask, 3);
	struct needs n = { .customers =
			       capacity_region(ask, region, is_total) };

	n.mega = capacity_mega(&load, n.customers);
	n.mean = capacity_mean(s, &load, n.customers, 0, &n.links);
	n.a = ratio_half_up(capacity_mean(s, &load, n.customers, 1, &n.links));
	n.b =
	    ratio_ceil(capacity_subsystems(&load, n.customers, ask->effective));
	return n;
}

/* Of the figures printed: 1 if the two places of mega agree when rounded. */
static int
same_mega(const char *paper, struct ratio r)
{
	struct buf b = { 0 };
	int same;

	ratio_add(&b, r, 2, 2);
	same = strcmp(buf_cstr(&b), paper) == 0;
	buf_fini(&b);
	return same;
}

static int
same_count(const char *paper, struct ratio r)
{
	struct capacity_figure figure;

	return capacity_printed(paper, strlen(paper), &figure) == 0 &&
	    capacity_agrees(&figure, r);
}

static const char *
region_check(const struct survey_region *region, const struct needs *n)
{
	if (*region->paper_customers == '\0')
		return "";
	return same_count(region->paper_customers, n->customers) &&
		same_mega(region->paper_mega, n->mega) &&
		same_count(
		    region->paper_subsystems, ratio_of((uint64_t)n->a, 1)) &&
		n->a == n->b
	    ? "ok"
	    : "DIFF";
}

static void
total_check(struct table *t, const struct survey_region *total,
    const struct needs *n, int64_t sum)
{
	struct buf b = { 0 };

	if (*total->paper_subsystems != '\0' &&
	    !same_count(total->paper_subsystems, ratio_of((uint64_t)n->a, 1)))
		buf_addf(&b, "model_a gives %lld", (long long)n->a);
	if (*total->paper_subsystems != '\0' &&
	    !same_count(total->paper_subsystems, ratio_of((uint64_t)sum, 1)))
		buf_addf(&b, "%srows sum to %lld", b.len > 0 ? ", " : "",
		    (long long)sum);
	if (b.len == 0 && *total->paper_subsystems != '\0')
		buf_adds(&b, "ok");
	table_text(t, b.p, b.len);
	buf_fini(&b);
}

/* Up to the check, which the caller writes. */
static void
table3_row(struct table *t, const struct survey_region *region,
    const struct needs *n, int is_total)
{
	table_word(t, region->name);
	capacity_cell(t, ratio_of((uint64_t)region->area, 1000), 1, 3);
	capacity_cell(t, n->customers, is_total, 6);
	capacity_figure_cell(t, region->paper_customers);
	capacity_cell(t, n->mega, 1, 4);
	capacity_figure_cell(t, region->paper_mega);
	if (n->links > 0) {
		capacity_cell(t, n->mean, 1, 3);
		table_count(t, n->a);
	} else {
		table_word(t, "");
		table_word(t, "");
	}
	table_count(t, n->b);
	capacity_figure_cell(t, region->paper_subsystems);
}

/* What the rows sum to, apart from the pooled total. */
struct sums {
	struct ratio customers, mega;
	int64_t a, b;
};

static void
sums_row(struct table *t, const struct survey *s, const struct sums *sum)
{
	table_word(t, "sum of regions");
	capacity_cell(t, ratio_of((uint64_t)s->total.area, 1000), 1, 3);
	capacity_cell(t, sum->customers, 0, 6);
	table_word(t, "");
	capacity_cell(t, sum->mega, 1, 4);
	table_word(t, "");
	table_word(t, "");
	table_count(t, sum->a);
	table_count(t, sum->b);
	table_end(t);
}

/* Each region may be rounded up. */
int
capacity_too_many(
    const struct capacity_ask *ask, const struct survey *s, const char **why)
{
	*why = "more than 10^12 customers";
	return ratio_ceil(capacity_region(ask, &s->total, 1)) >
	    CAPACITY_CUSTOMERS_MAX - (int64_t)s->regions;
}

int
capacity_table3(const struct survey *s, const struct capacity_ask *ask,
    struct table *t, const char **why)
{
	struct capacity_load load = capacity_load_of(ask, 3);
	struct survey_region total = s->total;
	struct sums sum = { 0 };
	struct needs n;
	int64_t customers = 0;

	if (capacity_too_many(ask, s, why))
		return -1;
	table3_columns(ask, t);
	for (size_t i = 0; i < s->regions; i++) {
		n = needs_of(s, ask, &s->region[i], 0);
		table3_row(t, &s->region[i], &n, 0);
		table_word(
		    t, ask->compare ? region_check(&s->region[i], &n) : "");
		table_end(t);
		customers += ratio_floor(n.customers);
		sum.a += n.a;
		sum.b += n.b;
	}
	sum.customers = ratio_of((uint64_t)customers, 1);
	sum.mega = capacity_mega(&load, sum.customers);
	if (ask->sums)
		sums_row(t, s, &sum);
	if (ask->sums)
		total.name = "TOTAL (pooled)";
	n = needs_of(s, ask, &total, 1);
	table3_row(t, &total, &n, 1);
	if (ask->compare)
		total_check(t, &total, &n, sum.a);
	table_end(t);
	return 0;
}

#include "grid/capacity_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const where[] = { "text", "Table I", "Table II",
	"Table III" };

/* One figure; the reason is followed by the note, if there is one. */
struct finding {
	const char *where, *row, *figure, *paper, *note;
	struct buf computed, reason;
	int differs;
};

static int
put(struct table *t, struct finding *f)
{
	if (f->note != NULL && *f->note != '\0') {
		buf_adds(&f->reason, f->reason.len > 0 ? "; " : "");
		buf_adds(&f->reason, f->note);
	}
	table_word(t, f->where);
	table_word(t, f->row);
	table_word(t, f->figure);
	capacity_figure_cell(t, f->paper);
	table_word(t, buf_cstr(&f->computed));
	table_word(t, f->differs ? "DIFF" : "ok");
	table_text(t, f->reason.p, f->reason.len);
	table_end(t);
	buf_fini(&f->computed);
	buf_fini(&f->reason);
	return f->differs;
}

static void
link_name(const struct survey_link *link, struct buf *b)
{
	buf_addf(b, "%s %s", link->tech, link->down_text);
	if (link->up > 0)
		buf_addf(b, "/%s", link->up_text);
}

/* Table I: what is printed has fewer digits, the rest was cut off. */
static int
check_peers(struct table *t, const struct survey_link *link, const char *name,
    const char *figure, const char *paper, struct ratio r)
{
	struct finding f = { where[1], name, figure, paper, link->note };
	struct capacity_figure printed;

	if (capacity_printed(paper, strlen(paper), &printed) < 0)
		return 0;
	capacity_add(&f.computed, &printed, r);
	f.differs = !capacity_agrees(&printed, r);
	if (f.differs) {
		buf_adds(
		    &f.reason, "does not follow the formula, which gives ");
		ratio_add(&f.reason, r, 0, 6);
	}
	return put(t, &f);
}

static int
check_table1(
    const struct survey *s, const struct capacity_ask *ask, struct table *t)
{
	struct capacity_load load = capacity_load_of(ask, 1);
	struct buf name = { 0 };
	int n = 0;

	for (size_t i = 0; i < s->links; i++) {
		const struct survey_link *link = &s->link[i];

		buf_clear(&name);
		link_name(link, &name);
		n += check_peers(t, link, buf_cstr(&name), "publishers",
		    link->paper_pubs, capacity_peers(&load, link->down));
		if (link->up > 0)
			n += check_peers(t, link, buf_cstr(&name),
			    "subscribers", link->paper_subs,
			    capacity_peers(&load, link->up));
	}
	buf_fini(&name);
	return n;
}

/* Whole numbers printed in full. */
static int
differs(const char *paper, int64_t v)
{
	struct capacity_figure figure;

	return capacity_printed(paper, strlen(paper), &figure) < 0 ||
	    !capacity_agrees(&figure, ratio_of((uint64_t)v, 1));
}

static int
check_customers(struct table *t, const struct survey_link *link, struct ratio r)
{
	struct buf name = { 0 };
	struct finding f = { where[2], "", "customers", link->paper_customers,
		NULL };
	int64_t v = ratio_half_up(r);
	int d;

	buf_addf(&name, "%s %s", link->tech, link->down_text);
	f.row = buf_cstr(&name);
	buf_addi(&f.computed, v);
	f.differs = differs(f.paper, v);
	if (!f.differs && ratio_floor(r) < v)
		buf_addf(&f.reason, "rounded up: %lld fit",
		    (long long)ratio_floor(r));
	d = put(t, &f);
	buf_fini(&name);
	return d;
}

static int
check_table2(
    const struct survey *s, const struct capacity_ask *ask, struct table *t)
{
	struct capacity_load load = capacity_load_of(ask, 2);
	int n = 0;

	for (size_t i = 0; i < s->links; i++)
		if (survey_wide(&s->link[i]) &&
		    *s->link[i].paper_customers != '\0')
			n += check_customers(t, &s->link[i],
			    capacity_peers(&load, s->link[i].down));
	return n;
}

/* Of Table III: exact customers, and how many subsystems by both models. */
struct region_figures {
	struct ratio customers, mega;
	int64_t a, b;
};

static struct region_figures
figures_of(const struct survey *s, const struct capacity_ask *ask,
    const struct survey_region *region, int is_total)
{
	struct capacity_load load = capacity_load_of(ask, 3);
	struct region_figures r = {
		.customers = capacity_region(ask, region, is_total),
	};
	size_t n;

	r.mega = capacity_mega(&load, r.customers);
	r.a = ratio_half_up(capacity_mean(s, &load, r.customers, 1, &n));
	r.b =
	    ratio_ceil(capacity_subsystems(&load, r.customers, ask->effective));
	return r;
}

static int
check_region(const struct survey *s, const struct capacity_ask *ask,
    const struct survey_region *region, struct table *t)
{
	struct region_figures r = figures_of(s, ask, region, 0);
	struct finding f = { where[3], region->name, "customers",
		region->paper_customers, region->note };
	struct finding mega = { where[3], region->name, "Mbyte a minute",
		region->paper_mega, NULL };
	struct finding n = { where[3], region->name, "subsystems",
		region->paper_subsystems, NULL };
	int d;

	ratio_add(&f.computed, r.customers, 0, 0);
	f.differs = differs(f.paper, ratio_floor(r.customers));
	d = put(t, &f);
	ratio_add(&mega.computed, r.mega, 2, 2);
	mega.differs = strcmp(mega.paper, buf_cstr(&mega.computed)) != 0;
	d += put(t, &mega);
	buf_addi(&n.computed, r.a);
	n.differs = differs(n.paper, r.a) || r.a != r.b;
	if (r.a != r.b)
		buf_addf(&n.reason, "%lld by model A, %lld by model B",
		    (long long)r.a, (long long)r.b);
	return d + put(t, &n);
}

/* A figure of one printed column, added up as it is printed. */
static struct ratio
printed_sum(const struct survey *s, size_t column)
{
	int64_t sum = 0;

	for (size_t i = 0; i < s->regions; i++) {
		const struct survey_region *r = &s->region[i];
		const char *const text[] = { r->paper_customers, r->paper_mega,
			r->paper_subsystems };
		struct capacity_figure f;

		if (capacity_printed(text[column], strlen(text[column]), &f) <
		    0)
			continue;
		for (int places = f.places; places < 2; places++)
			f.digits *= 10;
		sum += f.digits;
	}
	return ratio_of((uint64_t)sum, 100);
}

/*
 * A figure of the total: computed from all regions together, and the sum of
 * what is printed above it; `places` are its decimals.
 */
static int
check_total(const struct survey *s, struct table *t, size_t column,
    struct ratio pooled, int places, const char *reason)
{
	static const char *const names[] = { "customers", "Mbyte a minute",
		"subsystems" };
	const char *const paper[] = { s->total.paper_customers,
		s->total.paper_mega, s->total.paper_subsystems };
	struct finding f = { where[3], s->total.name, names[column],
		paper[column], column == 0 ? s->total.note : NULL };
	struct buf sum = { 0 };

	ratio_add(&f.computed, pooled, places, places);
	ratio_add(&sum, printed_sum(s, column), places, places);
	f.differs = strcmp(f.paper, buf_cstr(&f.computed)) != 0 ||
	    strcmp(f.paper, buf_cstr(&sum)) != 0;
	if (f.differs)
		buf_addf(&f.reason, "the rows printed above sum to %s%s",
		    buf_cstr(&sum), reason);
	buf_fini(&sum);
	return put(t, &f);
}

static int
check_table3(
    const struct survey *s, const struct capacity_ask *ask, struct table *t)
{
	struct region_figures all = figures_of(s, ask, &s->total, 1);
	struct buf models = { 0 };
	int n = 0;

	for (size_t i = 0; i < s->regions; i++)
		n += check_region(s, ask, &s->region[i], t);
	if (!s->has_total)
		return n;
	n += check_total(s, t, 0, all.customers, 0,
	    ": each row is rounded, the total is of the whole area");
	n += check_total(
	    s, t, 1, all.mega, 2, ": the total is of the customers together");
	buf_addf(&models,
	    ": one total needs fewer, pooled, %lld by model A and %lld by "
	    "model B",
	    (long long)all.a, (long long)all.b);
	n += check_total(
	    s, t, 2, ratio_of((uint64_t)all.a, 1), 0, buf_cstr(&models));
	buf_fini(&models);
	return n;
}

/* The text */

struct extremes {
	struct ratio least, most;
	size_t n;
};

static struct extremes
peers_of(const struct survey *s, const struct capacity_ask *ask,
    const char *tech, int subs)
{
	struct capacity_load load = capacity_load_of(ask, 1);
	struct extremes e = { .n = 0 };

	for (size_t i = 0; i < s->links; i++) {
		const struct survey_link *link = &s->link[i];
		int64_t mbps = subs ? link->up : link->down;
		struct ratio r;

		if (strcmp(link->tech, tech) != 0 || mbps == 0)
			continue;
		r = capacity_peers(&load, mbps);
		if (e.n == 0 || ratio_compare(r, e.least) < 0)
			e.least = r;
		if (e.n == 0 || ratio_compare(r, e.most) > 0)
			e.most = r;
		e.n++;
	}
	return e;
}

/* A part of what is claimed, in the form in which it is; 0, or -1. */
static int
compare(struct finding *f, const char *p, size_t n, struct ratio r)
{
	struct capacity_figure figure;

	if (capacity_printed(p, n, &figure) < 0)
		return -1;
	capacity_add(&f->computed, &figure, r);
	f->differs |= !capacity_agrees(&figure, r);
	return 0;
}

static int
compare_peers(struct finding *f, const struct survey_claim *c,
    const struct extremes *e, const char *which)
{
	const char *dash = strchr(c->paper, '-');
	size_t n = strlen(c->paper);

	if (strcmp(which, "-least") == 0)
		return compare(f, c->paper, n, e->least);
	if (strcmp(which, "-most") == 0)
		return compare(f, c->paper, n, e->most);
	if (strcmp(which, "-range") != 0 || dash == NULL ||
	    compare(f, c->paper, (size_t)(dash - c->paper), e->least) < 0)
		return -1;
	buf_addc(&f->computed, '-');
	return compare(f, dash + 1, strlen(dash + 1), e->most);
}

static int
compare_subsystems(struct finding *f, const struct survey *s,
    const struct capacity_ask *ask, const struct survey_claim *c)
{
	for (size_t i = 0; i < s->regions; i++)
		if (strcmp(s->region[i].name, c->of) == 0) {
			int64_t a = figures_of(s, ask, &s->region[i], 0).a;

			return compare(f, c->paper, strlen(c->paper),
			    ratio_of((uint64_t)a, 1));
		}
	return -1;
}

/* 0, or -1: it claims nothing that is known here. */
static int
compare_claim(struct finding *f, const struct survey *s,
    const struct capacity_ask *ask, const struct survey_claim *c)
{
	int subs = strncmp(c->figure, "subs-", 5) == 0;
	struct extremes e;

	if (strcmp(c->figure, "subsystems") == 0)
		return compare_subsystems(f, s, ask, c);
	if (!subs && strncmp(c->figure, "pubs-", 5) != 0)
		return -1;
	e = peers_of(s, ask, c->of, subs);
	if (e.n == 0)
		return -1;
	return compare_peers(f, c, &e, c->figure + 4);
}

static int
check_claims(const struct survey *s, const struct capacity_ask *ask,
    struct table *t, struct buf *why)
{
	int n = 0;

	for (size_t i = 0; i < s->claims; i++) {
		const struct survey_claim *c = &s->claim[i];
		struct finding f = { where[0], c->of, c->claim, c->paper,
			c->note };

		if (compare_claim(&f, s, ask, c) < 0) {
			buf_clear(why);
			buf_addf(why, "claim on line %llu: no figure of %s",
			    (unsigned long long)c->line, c->of);
			buf_fini(&f.computed);
			return -1;
		}
		if (f.differs)
			buf_adds(&f.reason, "not what the table has");
		n += put(t, &f);
	}
	return n;
}

int
capacity_check(const struct survey *s, const struct capacity_ask *ask, int n,
    struct table *t, struct buf *why)
{
	static const char *const names[] = { "table", "row", "figure", "paper",
		"computed", "verdict", "reason" };

	for (size_t i = 0; t->columns < sizeof names / sizeof *names; i++)
		table_column(t, "%s", names[i]);
	switch (n) {
	case 1: return check_table1(s, ask, t);
	case 2: return check_table2(s, ask, t);
	case 3: return check_table3(s, ask, t);
	default: return check_claims(s, ask, t, why);
	}
}

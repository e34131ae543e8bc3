#include "grid/capacity_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"

/* One's own traffic is no table of the paper: what fits, in decimal Mbit/s. */
static struct capacity_load
own_load(const struct capacity_ask *ask)
{
	struct capacity_load load = capacity_load_of(ask, 2);

	if (ask->mega == 0)
		load.mega = CAPACITY_MEGA;
	return load;
}

static void
link_columns(struct table *t)
{
	table_column(t, "net");
	table_column(t, "tech");
	table_column(t, "down_mbps");
	table_column(t, "up_mbps");
}

static void
link_cells(const struct survey_link *link, struct table *t)
{
	table_word(t, link->net);
	table_word(t, link->tech);
	capacity_figure_cell(t, link->down_text);
	capacity_figure_cell(t, link->up_text);
}

static int64_t
senders(const struct capacity_load *load, const struct survey_link *link,
    const struct capacity_ask *ask)
{
	return capacity_round(
	    capacity_senders(load, link->down, link->up, ask->fanout),
	    ask->rounding);
}

void
capacity_links(
    const struct survey *s, const struct capacity_ask *ask, struct table *t)
{
	struct capacity_load load = own_load(ask);

	link_columns(t);
	table_column(t, "receives");
	table_column(t, "sends");
	table_column(t, "fanout");
	table_column(t, "customers");
	for (size_t i = 0; i < s->links; i++) {
		const struct survey_link *link = &s->link[i];

		link_cells(link, t);
		table_count(t,
		    capacity_round(
			capacity_peers(&load, link->down), ask->rounding));
		table_count(t,
		    capacity_round(capacity_peers(&load,
				       link->up == 0 ? link->down : link->up),
			ask->rounding));
		table_count(t, ask->fanout);
		table_count(t, senders(&load, link, ask));
		table_end(t);
	}
}

struct candidate {
	const struct survey_link *link;
	struct ratio room;
	size_t order;
};

static int
by_room(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	int d = ratio_compare(x->room, y->room);

	return d != 0 ? d : x->order < y->order ? -1 : x->order > y->order;
}

static void
add_mbps(struct table *t, struct ratio bits, const struct capacity_load *load)
{
	capacity_cell(
	    t, ratio_div(bits, ratio_of((uint64_t)load->mega, 1)), 0, 6);
}

static void
fit_row(const struct candidate *c, const struct capacity_ask *ask,
    const struct capacity_load *load, struct ratio customers, struct table *t)
{
	struct ratio in = capacity_needed(load, customers);
	struct ratio out = ratio_mul(in, ratio_of((uint64_t)ask->fanout, 1));

	link_cells(c->link, t);
	table_word(t, c->link->reach);
	if (c->link->up == 0) {
		add_mbps(t,
		    ratio_mul(in, ratio_of(1 + (uint64_t)ask->fanout, 1)),
		    load);
		table_word(t, "");
	} else {
		add_mbps(t, in, load);
		add_mbps(t, out, load);
	}
	table_count(t, senders(load, c->link, ask));
	capacity_cell(t,
	    ratio_mul(ratio_div(customers, c->room), ratio_of(100, 1)), 0, 1);
	table_end(t);
}

size_t
capacity_fit(const struct survey *s, const struct capacity_ask *ask,
    int64_t customers, struct table *t)
{
	struct candidate *c = xcalloc(s->links + 1, sizeof *c);
	struct ratio want = ratio_of((uint64_t)customers, 1);
	struct capacity_load load = own_load(ask);
	size_t n = 0;

	for (size_t i = 0; i < s->links; i++) {
		const struct survey_link *link = &s->link[i];

		if (senders(&load, link, ask) >= customers)
			c[n++] = (struct candidate){ link,
				capacity_senders(
				    &load, link->down, link->up, ask->fanout),
				i };
	}
	if (n > 0)
		qsort(c, n, sizeof *c, by_room);
	link_columns(t);
	table_column(t, "reach");
	table_column(t, "need_down_mbps");
	table_column(t, "need_up_mbps");
	table_column(t, "customers");
	table_column(t, "used_percent");
	for (size_t i = 0; i < n; i++)
		fit_row(&c[i], ask, &load, want, t);
	free(c);
	return n;
}

static void
model_rows(const struct survey *s, const struct capacity_ask *ask,
    const struct capacity_load *load, struct ratio customers, struct table *t)
{
	size_t n;
	struct ratio mean = capacity_mean(s, load, customers, 1, &n);
	struct buf b = { 0 };

	if (n < 2)
		return;
	buf_addf(&b, "mean of %zu links (model A)", n);
	table_word(t, "");
	table_text(t, b.p, b.len);
	table_word(t, "");
	table_word(t, "");
	table_word(t, "");
	table_count(t, ratio_half_up(mean));
	table_end(t);
	table_word(t, "");
	table_word(t, "one link (model B)");
	capacity_cell(t, ratio_of((uint64_t)ask->effective, 1000000), 0, 6);
	table_word(t, "");
	table_count(t,
	    capacity_round(
		capacity_peers(load, ask->effective), ask->rounding));
	table_count(t,
	    ratio_ceil(capacity_subsystems(load, customers, ask->effective)));
	table_end(t);
	buf_fini(&b);
}

/* So that each has no more than the link carries: whole customers. */
static void
split_row(const struct survey_link *link, const struct capacity_ask *ask,
    const struct capacity_load *load, int64_t customers, struct table *t)
{
	int64_t each = senders(load, link, ask);

	link_cells(link, t);
	table_count(t, each);
	if (each > 0)
		table_count(t, customers / each + (customers % each != 0));
	table_end(t);
}

void
capacity_split(const struct survey *s, const struct capacity_ask *ask,
    int64_t customers, struct table *t)
{
	struct capacity_load load = own_load(ask);

	link_columns(t);
	table_column(t, "customers");
	table_column(t, "subsystems");
	for (size_t i = 0; i < s->links; i++)
		split_row(&s->link[i], ask, &load, customers, t);
	model_rows(s, ask, &load, ratio_of((uint64_t)customers, 1), t);
}

#include "grid/traffic_table.h"

#define SECOND INT64_C(1000000)

int64_t
traffic_bytes(const struct traffic_result *r, size_t i)
{
	const struct traffic_form *f = &r->form[i];
	unsigned __int128 all = (unsigned __int128)f->bytes * 1000 +
	    (unsigned __int128)r->overhead * f->messages;

	return f->events == 0 ? 0 : ratio_half_up(ratio_of(all, f->events));
}

/* Events a second, of all topics together. */
static struct ratio
rate(const struct traffic_result *r)
{
	if (r->interval == 0)
		return (struct ratio){ 0, 1 };
	return ratio_of(
	    (unsigned __int128)r->topics * SECOND, (uint64_t)r->interval);
}

static void
form_cells(const struct traffic_result *r, size_t i, struct table *t)
{
	const struct traffic_form *f = &r->form[i];
	int64_t bytes = traffic_bytes(r, i);

	table_word(t, f->name);
	capacity_cell(t, ratio_of(f->events, f->messages), 0, 1);
	capacity_cell(t, ratio_of((uint64_t)bytes, 1000), 0, 1);
	capacity_cell(
	    t, ratio_of((uint64_t)capacity_paper.bytes, (uint64_t)bytes), 2, 2);
}

static void
form_columns(struct table *t)
{
	table_column(t, "form");
	table_column(t, "per_message");
	table_column(t, "bytes");
	table_column(t, "times");
}

static struct capacity_ask
ask_of(const struct traffic_result *r, const struct capacity_ask *ask, size_t i)
{
	struct capacity_ask own = *ask;

	own.bytes = traffic_bytes(r, i);
	return own;
}

/* The share of a link that this very stream takes. */
static void
link_cells(const struct traffic_result *r, const struct survey_link *link,
    const struct capacity_ask *ask, struct table *t)
{
	struct capacity_load load = capacity_load_of(ask, 2), second;
	struct ratio all, have = rate(r);

	if (ask->mega == 0)
		load.mega = CAPACITY_MEGA;
	second = load;
	second.interval = SECOND;
	all = capacity_senders(&load, link->down, link->up, ask->fanout);
	table_count(t, capacity_round(all, ask->rounding));
	all = capacity_senders(&second, link->down, link->up, ask->fanout);
	capacity_cell(
	    t, ratio_mul(ratio_div(have, all), ratio_of(100, 1)), 0, 3);
}

void
traffic_sizes(const struct traffic_result *r, const struct survey *s,
    const struct capacity_ask *ask, struct table *t)
{
	struct ratio have = rate(r);

	form_columns(t);
	table_column(t, "events_per_s");
	table_column(t, "mbps");
	for (size_t i = 0; i < s->links; i++) {
		table_column(t, "customers_%s", s->link[i].tech);
		table_column(t, "percent_of_%s", s->link[i].tech);
	}
	for (size_t i = 0; i < TRAFFIC_FORMS && r->events > 0; i++) {
		struct capacity_ask own = ask_of(r, ask, i);
		struct ratio bits = ratio_of((uint64_t)own.bytes * 8, 1000);

		form_cells(r, i, t);
		capacity_cell(t, have, 0, 3);
		bits = ratio_mul(bits, have);
		capacity_cell(
		    t, ratio_div(bits, ratio_of(CAPACITY_MEGA, 1)), 0, 6);
		for (size_t l = 0; l < s->links; l++)
			link_cells(r, &s->link[l], &own, t);
		table_end(t);
	}
}

static void
table_columns(int n, struct table *t)
{
	static const char *const names[][8] = {
		{ "net", "tech", "down_mbps", "up_mbps" },
		{ "tech", "down_mbps" },
		{ "region" },
	};
	static const char *const figures[][4] = {
		{ "pubs", "subs" },
		{ "customers" },
		{ "customers", "mbytes", "N_model_a", "N_model_b" },
	};

	for (size_t i = 0; i < 8 && names[n - 1][i] != NULL; i++)
		table_column(t, "%s", names[n - 1][i]);
	form_columns(t);
	for (size_t i = 0; i < 4 && figures[n - 1][i] != NULL; i++)
		table_column(t, "%s", figures[n - 1][i]);
}

static void
link_row(const struct traffic_result *r, const struct survey_link *link,
    const struct capacity_ask *ask, int n, size_t i, struct table *t)
{
	struct capacity_ask own = ask_of(r, ask, i);
	struct capacity_load load = capacity_load_of(&own, n);

	if (n == 1)
		table_word(t, link->net);
	table_word(t, link->tech);
	capacity_figure_cell(t, link->down_text);
	if (n == 1)
		capacity_figure_cell(t, link->up_text);
	form_cells(r, i, t);
	table_count(t,
	    capacity_round(capacity_peers(&load, link->down), ask->rounding));
	if (n == 1 && link->up > 0)
		table_count(t,
		    capacity_round(
			capacity_peers(&load, link->up), ask->rounding));
	table_end(t);
}

static void
region_row(const struct traffic_result *r, const struct survey *s,
    const struct survey_region *region, const struct capacity_ask *ask,
    size_t i, struct table *t)
{
	struct capacity_ask own = ask_of(r, ask, i);
	struct capacity_load load = capacity_load_of(&own, 3);
	struct ratio customers =
	    capacity_region(&own, region, region == &s->total);
	struct ratio mean;
	size_t links;

	table_word(t, region->name);
	form_cells(r, i, t);
	capacity_cell(t, customers, 0, 6);
	capacity_cell(t, capacity_mega(&load, customers), 0, 4);
	mean = capacity_mean(s, &load, customers, 1, &links);
	if (links > 0)
		table_count(t, ratio_half_up(mean));
	else
		table_word(t, "");
	table_count(t,
	    ratio_ceil(capacity_subsystems(&load, customers, own.effective)));
	table_end(t);
}

static int
regions(const struct traffic_result *r, const struct survey *s,
    const struct capacity_ask *ask, struct table *t, const char **why)
{
	if (capacity_too_many(ask, s, why))
		return -1;
	for (size_t k = 0; k <= s->regions; k++)
		for (size_t i = 0; i < TRAFFIC_FORMS; i++)
			region_row(r, s,
			    k < s->regions ? &s->region[k] : &s->total, ask, i,
			    t);
	return 0;
}

int
traffic_table(const struct traffic_result *r, const struct survey *s,
    const struct capacity_ask *ask, int n, struct table *t, const char **why)
{
	table_columns(n, t);
	if (r->events == 0)
		return 0;
	if (n == 3)
		return regions(r, s, ask, t, why);
	for (size_t k = 0; k < s->links; k++)
		for (size_t i = 0;
		     i < TRAFFIC_FORMS && (n == 1 || survey_wide(&s->link[k]));
		     i++)
			link_row(r, &s->link[k], ask, n, i, t);
	return 0;
}

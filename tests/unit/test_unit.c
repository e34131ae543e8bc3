#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "event/csv.h"
#include "event/topic.h"
#include "event/unit.h"

static const struct {
	const char *from, *to;
	int64_t mul, div; /* 0: refused */
} ratios[] = {
	{ "W", "W", 1, 1 },
	{ "kW", "W", 1000, 1 },
	{ "W", "kW", 1, 1000 },
	{ "MW", "kW", 1000, 1 },
	{ "kWh", "Wh", 1000, 1 },
	{ "Wh", "J", 3600, 1 },
	{ "J", "kWh", 1, 3600000 },
	{ "GWh", "J", 3600000000000, 1 },
	{ "ms", "h", 1, 3600000 },
	{ "min", "s", 60, 1 },
	{ "kvarh", "varh", 1000, 1 },
	{ "varh", "vars", 3600, 1 },
	{ "kVAh", "VAh", 1000, 1 },
	{ "Ah", "C", 3600, 1 },
	{ "km/h", "m/s", 5, 18 },
	{ "Wh/km", "J/m", 18, 5 },
	{ "ppt", "ppm", 1, 1000000 },
	{ "GB", "KiB", 1953125, 2 },
	{ "l", "m3", 1, 1000 },
	{ "%", "/", 1, 1 },
	{ "ug/l", "ug/m3", 1000, 1 },
	{ "Ws", "kWh", 1, 3600000 },
	{ "mph", "km/h", 25146, 15625 },
	{ "klx", "lx", 1000, 1 },
	{ "dm3/h", "l/s", 1, 3600 },
	{ "gn", "m/s2", 196133, 20000 },
	{ "Cel", "K", 0, 0 },
	{ "dBm", "dBW", 0, 0 },
	{ "W", "Wh", 0, 0 },
	{ "W", "VA", 0, 0 },
	{ "VA", "var", 0, 0 },
	{ "Hz", "1/s", 0, 0 },
	{ "EL", "s", 0, 0 },
	{ "KW", "W", 0, 0 },
	{ "kw", "W", 0, 0 },
	{ "", "", 0, 0 },
	{ "W", "", 0, 0 },
};

static void
test_ratio(void)
{
	for (size_t i = 0; i < sizeof ratios / sizeof *ratios; i++) {
		const char *f = ratios[i].from, *t = ratios[i].to;
		int64_t mul = 0, div = 0;
		int r = unit_ratio(f, strlen(f), t, strlen(t), &mul, &div);

		check(ratios[i].mul == 0 ? r < 0
					 : r == 0 && mul == ratios[i].mul &&
			    div == ratios[i].div,
		    "%s(%s): wrong ratio", f, t);
		if (r == 0)
			check(unit_ratio(t, strlen(t), f, strlen(f), &mul,
				  &div) == 0 &&
				mul == ratios[i].div && div == ratios[i].mul,
			    "%s(%s): not the inverse", t, f);
	}
}

static void
test_known(void)
{
	static const char *const known[] = { "W", "kWh", "%RH", "m3", "/",
		"varh", "VAh", "Cel", "ug/m3", "NTU" };
	static const char *const unknown[] = { "", "MW", "kw", "WW", "C/h",
		"%RHx", "kW " };

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		check(unit_known(known[i], strlen(known[i])),
		    "known(%s): is registered", known[i]);
	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
		check(!unit_known(unknown[i], strlen(unknown[i])),
		    "known(%s): is not registered", unknown[i]);
	check(unit_known("kWh", 2), "known(kW): length counts");
	check(!unit_known("W\0x", 3), "known(W NUL x): NUL is no end");
	check(strcmp(unit_energy("kW", 2), "kWh") == 0, "energy(kW): kWh");
	check(strcmp(unit_energy("W", 1), "Wh") == 0, "energy(W): Wh");
	check(strcmp(unit_energy("var", 3), "varh") == 0, "energy(var): varh");
	check(unit_energy("V", 1) == NULL, "energy(V): none");
	check(unit_energy("", 0) == NULL, "energy(): none");
}

enum { ROWS = 512 };

/* Each row: a name fit for a topic, given once, and a registered unit. */
static void
test_quantities(void)
{
	static char names[ROWS][TOPIC_LEVEL_MAX + 1];
	const struct csv_cell *c;
	size_t n, rows = 0;
	struct csv *csv = csv_open("share/quantities.csv", ',');

	check(csv != NULL, "quantities(share/quantities.csv): absent");
	if (csv == NULL)
		return;
	check(csv_next(csv, &c, &n) == 1 && n == 4 &&
		strncmp(c[0].p, "quantity", c[0].n) == 0 &&
		strncmp(c[1].p, "unit", c[1].n) == 0 &&
		strncmp(c[2].p, "kind", c[2].n) == 0,
	    "quantities(header): wrong");
	while (csv_next(csv, &c, &n) == 1 && rows < ROWS) {
		char *name = names[rows++];

		snprintf(name, sizeof names[0], "%.*s", (int)c[0].n, c[0].p);
		check(n == 4 && topic_check(c[0].p, c[0].n) == NULL &&
			memchr(c[0].p, '/', c[0].n) == NULL,
		    "quantities(%s): not four cells or no topic level", name);
		check(n == 4 &&
			(c[1].n == 0) == (strncmp(c[2].p, "number", 6) != 0),
		    "quantities(%s): only numbers have a unit", name);
		check(n == 4 && (c[1].n == 0 || unit_known(c[1].p, c[1].n)),
		    "quantities(%s): unit not registered", name);
		for (size_t i = 0; i + 1 < rows; i++)
			check(strcmp(names[i], name) != 0,
			    "quantities(%s): given twice", name);
	}
	check(rows > 20 && rows < ROWS, "quantities(rows): too few or many");
	csv_close(csv);
}

int
main(void)
{
	test_ratio();
	test_known();
	test_quantities();
	return check_done();
}

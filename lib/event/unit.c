#include "event/unit.h"

#include <string.h>

#include "base/num.h"

enum { REGISTERED = 1, COMMON = 0 };

/*
 * value in base = value * mul / div.  A base of its own stands for units
 * that are no plain factor of another, too.
 */
static const struct unit {
	const char *symbol, *base;
	int64_t mul, div;
	int registered;
} units[] = {
	/* RFC 8428 section 12.1 */
	{ "m", "m", 1, 1, REGISTERED },
	{ "kg", "kg", 1, 1, REGISTERED },
	{ "g", "kg", 1, 1000, REGISTERED },
	{ "s", "s", 1, 1, REGISTERED },
	{ "A", "A", 1, 1, REGISTERED },
	{ "K", "K", 1, 1, REGISTERED },
	{ "cd", "cd", 1, 1, REGISTERED },
	{ "mol", "mol", 1, 1, REGISTERED },
	{ "Hz", "Hz", 1, 1, REGISTERED },
	{ "rad", "rad", 1, 1, REGISTERED },
	{ "sr", "sr", 1, 1, REGISTERED },
	{ "N", "N", 1, 1, REGISTERED },
	{ "Pa", "Pa", 1, 1, REGISTERED },
	{ "J", "J", 1, 1, REGISTERED },
	{ "W", "W", 1, 1, REGISTERED },
	{ "C", "C", 1, 1, REGISTERED },
	{ "V", "V", 1, 1, REGISTERED },
	{ "F", "F", 1, 1, REGISTERED },
	{ "Ohm", "Ohm", 1, 1, REGISTERED },
	{ "S", "S", 1, 1, REGISTERED },
	{ "Wb", "Wb", 1, 1, REGISTERED },
	{ "T", "T", 1, 1, REGISTERED },
	{ "H", "H", 1, 1, REGISTERED },
	{ "Cel", "Cel", 1, 1, REGISTERED },
	{ "lm", "lm", 1, 1, REGISTERED },
	{ "lx", "lx", 1, 1, REGISTERED },
	{ "Bq", "Bq", 1, 1, REGISTERED },
	{ "Gy", "Gy", 1, 1, REGISTERED },
	{ "Sv", "Sv", 1, 1, REGISTERED },
	{ "kat", "kat", 1, 1, REGISTERED },
	{ "m2", "m2", 1, 1, REGISTERED },
	{ "m3", "m3", 1, 1, REGISTERED },
	{ "l", "m3", 1, 1000, REGISTERED },
	{ "m/s", "m/s", 1, 1, REGISTERED },
	{ "m/s2", "m/s2", 1, 1, REGISTERED },
	{ "m3/s", "m3/s", 1, 1, REGISTERED },
	{ "l/s", "m3/s", 1, 1000, REGISTERED },
	{ "W/m2", "W/m2", 1, 1, REGISTERED },
	{ "cd/m2", "cd/m2", 1, 1, REGISTERED },
	{ "bit", "bit", 1, 1, REGISTERED },
	{ "bit/s", "bit/s", 1, 1, REGISTERED },
	{ "lat", "lat", 1, 1, REGISTERED },
	{ "lon", "lon", 1, 1, REGISTERED },
	{ "pH", "pH", 1, 1, REGISTERED },
	{ "dB", "dB", 1, 1, REGISTERED },
	{ "dBW", "dBW", 1, 1, REGISTERED },
	{ "Bspl", "Bspl", 1, 1, REGISTERED },
	{ "count", "count", 1, 1, REGISTERED },
	{ "/", "/", 1, 1, REGISTERED },
	{ "%", "/", 1, 1, REGISTERED }, /* an old name of "/", no percentage */
	{ "%RH", "%RH", 1, 1, REGISTERED },
	{ "%EL", "%EL", 1, 1, REGISTERED },
	{ "EL", "EL", 1, 1, REGISTERED },
	{ "1/s", "1/s", 1, 1, REGISTERED },
	{ "1/min", "1/s", 1, 60, REGISTERED },
	{ "beat/min", "beat/min", 1, 1, REGISTERED },
	{ "beats", "beats", 1, 1, REGISTERED },
	{ "S/m", "S/m", 1, 1, REGISTERED },
	/* RFC 8798 section 2, and one from ISO 7027-1 */
	{ "B", "bit", 8, 1, REGISTERED },
	{ "VA", "VA", 1, 1, REGISTERED },
	{ "VAs", "VAs", 1, 1, REGISTERED },
	{ "var", "var", 1, 1, REGISTERED },
	{ "vars", "vars", 1, 1, REGISTERED },
	{ "J/m", "J/m", 1, 1, REGISTERED },
	{ "kg/m3", "kg/m3", 1, 1, REGISTERED },
	{ "deg", "deg", 1, 1, REGISTERED },
	{ "NTU", "NTU", 1, 1, REGISTERED },
	/* RFC 8798 section 3, secondary units */
	{ "ms", "s", 1, 1000, REGISTERED },
	{ "min", "s", 60, 1, REGISTERED },
	{ "h", "s", 3600, 1, REGISTERED },
	{ "MHz", "Hz", 1000000, 1, REGISTERED },
	{ "kW", "W", 1000, 1, REGISTERED },
	{ "kVA", "VA", 1000, 1, REGISTERED },
	{ "kvar", "var", 1000, 1, REGISTERED },
	{ "Ah", "C", 3600, 1, REGISTERED },
	{ "Wh", "J", 3600, 1, REGISTERED },
	{ "kWh", "J", 3600000, 1, REGISTERED },
	{ "varh", "vars", 3600, 1, REGISTERED },
	{ "kvarh", "vars", 3600000, 1, REGISTERED },
	{ "kVAh", "VAs", 3600000, 1, REGISTERED },
	{ "Wh/km", "J/m", 18, 5, REGISTERED },
	{ "KiB", "bit", 8192, 1, REGISTERED },
	{ "GB", "bit", 8000000000, 1, REGISTERED },
	{ "Mbit/s", "bit/s", 1000000, 1, REGISTERED },
	{ "B/s", "bit/s", 8, 1, REGISTERED },
	{ "MB/s", "bit/s", 8000000, 1, REGISTERED },
	{ "mV", "V", 1, 1000, REGISTERED },
	{ "mA", "A", 1, 1000, REGISTERED },
	{ "dBm", "dBm", 1, 1, REGISTERED },
	{ "ug/m3", "kg/m3", 1, 1000000000, REGISTERED },
	{ "mm/h", "m/s", 1, 3600000, REGISTERED },
	{ "m/h", "m/s", 1, 3600, REGISTERED },
	{ "ppm", "/", 1, 1000000, REGISTERED },
	{ "/100", "/", 1, 100, REGISTERED },
	{ "/1000", "/", 1, 1000, REGISTERED },
	{ "hPa", "Pa", 100, 1, REGISTERED },
	{ "mm", "m", 1, 1000, REGISTERED },
	{ "cm", "m", 1, 100, REGISTERED },
	{ "km", "m", 1000, 1, REGISTERED },
	{ "km/h", "m/s", 5, 18, REGISTERED },
	/* secondary units registered since */
	{ "ppb", "/", 1, 1000000000, REGISTERED },
	{ "ppt", "/", 1, 1000000000000, REGISTERED },
	{ "VAh", "VAs", 3600, 1, REGISTERED },
	{ "mg/l", "kg/m3", 1, 1000, REGISTERED },
	{ "ug/l", "kg/m3", 1, 1000000, REGISTERED },
	{ "g/l", "kg/m3", 1, 1, REGISTERED },
	/* in use at substations and in no registry: converted, not emitted */
	{ "MW", "W", 1000000, 1, COMMON },
	{ "GW", "W", 1000000000, 1, COMMON },
	{ "MVA", "VA", 1000000, 1, COMMON },
	{ "Mvar", "var", 1000000, 1, COMMON },
	{ "MWh", "J", 3600000000, 1, COMMON },
	{ "GWh", "J", 3600000000000, 1, COMMON },
	{ "Mvarh", "vars", 3600000000, 1, COMMON },
	{ "MVAh", "VAs", 3600000000, 1, COMMON },
	{ "kV", "V", 1000, 1, COMMON },
	{ "kA", "A", 1000, 1, COMMON },
	{ "kHz", "Hz", 1000, 1, COMMON },
	{ "kPa", "Pa", 1000, 1, COMMON },
	/* of radio sensors */
	{ "Ws", "J", 1, 1, COMMON },
	{ "mW", "W", 1, 1000, COMMON },
	{ "klx", "lx", 1000, 1, COMMON },
	{ "mph", "m/s", 1397, 3125, COMMON },
	{ "gn", "m/s2", 196133, 20000, COMMON },
	{ "m3/h", "m3/s", 1, 3600, COMMON },
	{ "dm3/h", "m3/s", 1, 3600000, COMMON },
	{ "dm3", "m3", 1, 1000, COMMON },
	{ "d", "s", 86400, 1, COMMON },
	{ "week", "s", 604800, 1, COMMON },
	/* a twelfth of 365.25 days, as in UCUM */
	{ "month", "s", 2629800, 1, COMMON },
};

static int
same(const char *symbol, const char *u, size_t n)
{
	return strncmp(symbol, u, n) == 0 && symbol[n] == '\0';
}

static const struct unit *
find(const char *u, size_t n)
{
	if (n == 0 || memchr(u, '\0', n) != NULL)
		return NULL;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (same(units[i].symbol, u, n))
			return &units[i];
	return NULL;
}

int
unit_known(const char *u, size_t n)
{
	const struct unit *unit = find(u, n);

	return unit != NULL && unit->registered;
}

int
unit_ratio(const char *from, size_t fn, const char *to, size_t tn, int64_t *mul,
    int64_t *div)
{
	const struct unit *f = find(from, fn), *t = find(to, tn);
	int64_t up, down, common;

	if (f == NULL || t == NULL || strcmp(f->base, t->base) != 0)
		return -1;
	/* no product here exceeds 3.6e12 * 3.6e6 */
	up = f->mul * t->div;
	down = f->div * t->mul;
	common = num_common_divisor(up, down);
	*mul = up / common;
	*div = down / common;
	return 0;
}

static const char *const integrals[][2] = { { "W", "Wh" }, { "kW", "kWh" },
	{ "var", "varh" }, { "kvar", "kvarh" }, { "VA", "VAh" },
	{ "kVA", "kVAh" }, { "MW", "MWh" }, { "GW", "GWh" },
	{ "Mvar", "Mvarh" }, { "MVA", "MVAh" } };

/* The other one of a pair. */
static const char *
other(int from, const char *u, size_t n)
{
	for (size_t i = 0; i < sizeof integrals / sizeof *integrals; i++)
		if (same(integrals[i][from], u, n))
			return integrals[i][!from];
	return NULL;
}

const char *
unit_energy(const char *power, size_t n)
{
	return other(0, power, n);
}

const char *
unit_power(const char *energy, size_t n)
{
	return other(1, energy, n);
}

#include "grid/capacity.h"

#include <string.h>
#include <strings.h>

#include "base/num.h"

enum { TERM_PLACES = 12, RATE_PLACES = 6 };

static unsigned __int128
power(int places)
{
	unsigned __int128 v = 1;

	while (places-- > 0)
		v *= 10;
	return v;
}

/* mbps in 10^-6, interval in 10^-6 s, bytes in 10^-3: 10^12 by 10^3. */
struct ratio
capacity_peers(const struct capacity_load *load, int64_t mbps)
{
	struct ratio bits =
	    ratio_of((unsigned __int128)mbps * (uint64_t)load->mega, power(12));

	bits = ratio_mul(bits, ratio_of((uint64_t)load->interval, 1));
	return ratio_div(bits, ratio_of(8 * (uint64_t)load->bytes, power(3)));
}

struct ratio
capacity_senders(
    const struct capacity_load *load, int64_t down, int64_t up, int64_t fanout)
{
	struct ratio in = capacity_peers(load, down), out;

	if (up == 0)
		return ratio_div(in, ratio_of(1 + (uint64_t)fanout, 1));
	if (fanout == 0)
		return in;
	out =
	    ratio_div(capacity_peers(load, up), ratio_of((uint64_t)fanout, 1));
	return ratio_compare(out, in) < 0 ? out : in;
}

struct ratio
capacity_customers(int64_t density, int64_t area)
{
	return ratio_of((unsigned __int128)density * (uint64_t)area, power(6));
}

struct ratio
capacity_mega(const struct capacity_load *load, struct ratio customers)
{
	struct ratio bytes = ratio_of((uint64_t)load->bytes, power(3));

	return ratio_mul(
	    customers, ratio_div(bytes, ratio_of((uint64_t)load->mega, 1)));
}

struct ratio
capacity_average(const struct capacity_load *load, struct ratio customers,
    const int64_t *mbps, size_t n, unsigned least)
{
	unsigned __int128 one = power(TERM_PLACES), sum = 0;

	for (size_t i = 0; i < n; i++) {
		struct ratio r = capacity_subsystems(load, customers, mbps[i]);
		unsigned __int128 term = ratio_scaled(r, TERM_PLACES, 1);

		sum += term > least * one ? term : least * one;
	}
	return ratio_of(sum, one * n);
}

struct ratio
capacity_subsystems(
    const struct capacity_load *load, struct ratio customers, int64_t mbps)
{
	return ratio_div(customers, capacity_peers(load, mbps));
}

struct ratio
capacity_needed(const struct capacity_load *load, struct ratio customers)
{
	struct ratio bits = ratio_of(8 * (uint64_t)load->bytes, power(3));

	bits = ratio_mul(bits, ratio_of(power(6), (uint64_t)load->interval));
	return ratio_mul(customers, bits);
}

int64_t
capacity_round(struct ratio r, enum capacity_rounding rounding)
{
	return rounding == CAPACITY_HALF_UP ? ratio_half_up(r) : ratio_floor(r);
}

int
capacity_decimal(const char *p, size_t n, int places, int64_t max, int64_t *out)
{
	int scale;
	int64_t v;

	if (num_plain(p, n, &v, &scale) < 0 || v <= 0)
		return -1;
	for (; scale > places; scale--, v /= 10)
		if (v % 10 != 0)
			return -1;
	for (; scale < places; scale++)
		if (__builtin_mul_overflow(v, 10, &v))
			return -1;
	if (v > max)
		return -1;
	*out = v;
	return 0;
}

int
capacity_printed(const char *p, size_t n, struct capacity_figure *figure)
{
	figure->thousands = n > 0 && p[n - 1] == 'k';
	n -= (size_t)figure->thousands;
	if (num_plain(p, n, &figure->digits, &figure->places) < 0 ||
	    figure->digits < 0 || figure->places > 6)
		return -1;
	return 0;
}

static struct ratio
printable(const struct capacity_figure *figure, struct ratio r)
{
	return ratio_div(r, ratio_of(figure->thousands ? 1000 : 1, 1));
}

int
capacity_agrees(const struct capacity_figure *figure, struct ratio r)
{
	return ratio_scaled(printable(figure, r), figure->places, 0) ==
	    (unsigned __int128)figure->digits;
}

void
capacity_add(
    struct buf *b, const struct capacity_figure *figure, struct ratio r)
{
	ratio_cut(b, printable(figure, r), figure->places);
	if (figure->thousands)
		buf_addc(b, 'k');
}

int
capacity_rate(const char *p, size_t n, int64_t *mbps)
{
	static const struct {
		const char *name;
		int places; /* of what a millionth of a Mbit/s is then */
	} units[] = { { "kbps", 3 }, { "mbps", 6 }, { "gbps", 9 } };
	size_t digits = 0, left;

	while (digits < n && strchr("0123456789.", p[digits]) != NULL &&
	    p[digits] != '\0')
		digits++;
	left = n - digits;
	if (left == 0)
		return capacity_decimal(
		    p, n, RATE_PLACES, CAPACITY_RATE_MAX, mbps);
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if ((left == 1 || left == strlen(units[i].name)) &&
		    strncasecmp(p + digits, units[i].name, left) == 0)
			return capacity_decimal(p, digits, units[i].places,
			    CAPACITY_RATE_MAX, mbps);
	return -1;
}

int
capacity_link(const char *text, int64_t *down, int64_t *up)
{
	const char *slash = strchr(text, '/');

	*up = 0;
	if (slash == NULL)
		return capacity_rate(text, strlen(text), down);
	if (capacity_rate(text, (size_t)(slash - text), down) < 0)
		return -1;
	return capacity_rate(slash + 1, strlen(slash + 1), up);
}

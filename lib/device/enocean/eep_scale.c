#include <string.h>

#include "device/enocean/eep_part.h"
#include "event/unit.h"

/* Exact: (raw * a + b) / c, c > 0. */
struct line {
	__int128 a, b, c;
};

static __int128
magnitude(__int128 v)
{
	return v < 0 ? -v : v;
}

static __int128
divisor(__int128 a, __int128 b)
{
	while (b != 0) {
		__int128 rest;

		if (a <= INT64_MAX && b <= INT64_MAX)
			rest = (int64_t)a % (int64_t)b;
		else
			rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

static void
reduce(struct line *l)
{
	__int128 d = divisor(l->c, divisor(magnitude(l->a), magnitude(l->b)));

	l->a /= d;
	l->b /= d;
	l->c /= d;
}

/* 0 if it is too large. */
static int
multiply(struct line *l, __int128 up, __int128 down)
{
	if (__builtin_mul_overflow(l->a, up, &l->a) ||
	    __builtin_mul_overflow(l->b, up, &l->b) ||
	    __builtin_mul_overflow(l->c, down, &l->c))
		return 0;
	reduce(l);
	return 1;
}

static int64_t
power(int n)
{
	int64_t v = 1;

	while (n-- > 0)
		v *= 10;
	return v;
}

/* From two points of the line. */
static struct line
base_line(const struct eep_draft *d)
{
	const int scale =
	    d->from.scale > d->to.scale ? d->from.scale : d->to.scale;
	const __int128 from =
	    (__int128)d->from.units * power(scale - d->from.scale);
	const __int128 to = (__int128)d->to.units * power(scale - d->to.scale);
	const __int128 width = (__int128)d->raw_to - d->raw_from;
	struct line l = { to - from, from * width - d->raw_from * (to - from),
		width * power(scale) };

	if (l.c < 0)
		l = (struct line){ -l.a, -l.b, -l.c };
	reduce(&l);
	return l;
}

static int
is_exact(const struct line *l, int decimals)
{
	return l->a * power(decimals) % l->c == 0 &&
	    l->b * power(decimals) % l->c == 0;
}

/* Decimals that show all, else at least 6 and three digits of a step. */
static int
choose_decimals(const struct line *l)
{
	int n = 0;

	while (n <= 9 && !is_exact(l, n))
		n++;
	if (n <= 9)
		return n;
	for (n = 6; n < 9; n++)
		if (magnitude(l->a) * power(n) >= 1000 * l->c)
			break;
	return n;
}

/* 0 if the numbers may not fit. */
static int
compile(
    const struct line *exact, const struct eep_field *f, struct eep_linear *out)
{
	static const __int128 limit = (__int128)1 << 61;
	struct line l = *exact;
	__int128 most = magnitude(f->low) > magnitude(f->high)
	    ? magnitude(f->low)
	    : magnitude(f->high);

	if (magnitude(l.a) > (__int128)1 << 90 ||
	    magnitude(l.b) > (__int128)1 << 90 || l.c > (__int128)1 << 90)
		return 0;
	out->decimals = choose_decimals(&l);
	if (!multiply(&l, power(out->decimals), 1) || magnitude(l.a) > limit ||
	    magnitude(l.b) > limit || l.c > limit)
		return 0;
	if (magnitude(l.a) * most + magnitude(l.b) > limit)
		return 0;
	out->mul = (int64_t)l.a;
	out->add = (int64_t)l.b;
	out->div = (int64_t)l.c;
	return 1;
}

/*
 * Units per something that the registry of units cannot say; the quantity's
 * description does ("in one hour").
 */
static const struct {
	const char *from, *to;
	int64_t mul, div;
} per[] = {
	{ "Bq/m3", "Bq", 1, 1 },
	{ "Bq/L", "Bq", 1, 1 },
	{ "Bq/kg", "Bq", 1, 1 },
	{ "uSv/h", "Sv", 1, 1000000 },
	{ "", "/", 1, 1 },
	{ "", "count", 1, 1 },
};

static int
convert(const struct csv_cell *unit, const char *to, int64_t *mul, int64_t *div)
{
	*mul = *div = 1;
	if (cell_is(unit, to))
		return 1;
	for (size_t i = 0; i < sizeof per / sizeof *per; i++)
		if (cell_is(unit, per[i].from) && strcmp(to, per[i].to) == 0) {
			*mul = per[i].mul;
			*div = per[i].div;
			return 1;
		}
	return unit_ratio(unit->p, unit->n, to, strlen(to), mul, div) == 0;
}

static int
make_one(struct eep *eep, const struct sheet *s, const struct eep_draft *d,
    const struct eep_field *f, const struct line *line,
    const struct eep_choice *choice, struct eep_scale *out)
{
	struct line l = *line;
	int64_t mul, div;

	out->unit = choice->unit.n == 0
	    ? NULL
	    : eep_string(eep, choice->unit.p, choice->unit.n);
	out->quantity = choice->quantity;
	if (!compile(&l, f, &out->table))
		return sheet_refuse(s, d->line, "range: too large numbers");
	out->event = out->table;
	if (choice->quantity == NULL)
		return 0;
	if (!convert(&choice->unit, choice->quantity->unit, &mul, &div))
		return sheet_refuse(s, d->line,
		    "unit: \"%.*s\" cannot be converted to %s of %s",
		    (int)(choice->unit.n < 40 ? choice->unit.n : 40),
		    choice->unit.p, choice->quantity->unit,
		    choice->quantity->name);
	if (!multiply(&l, mul, div) || !compile(&l, f, &out->event))
		return sheet_refuse(s, d->line, "range: too large numbers");
	return 0;
}

/* "1|0.1|0.01": how many, or -1 */
static int
read_factors(const struct sheet *s, const struct eep_draft *d,
    struct eep_decimal factor[EEP_CHOICES])
{
	struct eep_text t;
	int n = 0;

	if (d->times.n == 0) {
		factor[0] = (struct eep_decimal){ 1, 0 };
		return 1;
	}
	t = eep_text(&d->factors);
	do {
		if (n == EEP_CHOICES || !eep_text_decimal(&t, &factor[n++]))
			return sheet_refuse(s, d->line,
			    "rules: no factors: \"%.*s\"",
			    (int)(d->factors.n < 80 ? d->factors.n : 80),
			    d->factors.p);
	} while (eep_text_is(&t, "|"));
	return eep_text_end(&t)
	    ? n
	    : sheet_refuse(s, d->line, "rules: not understood: \"%.*s\"",
		  (int)(t.end - t.p < 80 ? t.end - t.p : 80), t.p);
}

int
eep_scale_make(struct eep *eep, const struct sheet *s,
    const struct eep_draft *d, struct eep_field *f,
    const struct eep_choice *choice)
{
	struct eep_decimal factor[EEP_CHOICES];
	int n = read_factors(s, d, factor);
	struct eep_scale *scale;

	if (n < 0)
		return -1;
	f->factors = (size_t)n;
	scale = eep_alloc(eep, f->factors * f->choices * sizeof *scale);
	f->scale = scale;
	for (size_t i = 0; i < f->factors; i++) {
		struct line l = base_line(d);

		if (!multiply(&l, factor[i].units, power(factor[i].scale)))
			return sheet_refuse(
			    s, d->line, "range: too large numbers");
		for (size_t j = 0; j < f->choices; j++)
			if (make_one(eep, s, d, f, &l, &choice[j],
				&scale[i * f->choices + j]) < 0)
				return -1;
	}
	return 0;
}

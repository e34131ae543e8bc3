#include <string.h>

#include "device/enocean/eep_part.h"

struct eep_text
eep_text(const struct csv_cell *cell)
{
	const char *p = cell->n > 0 ? cell->p : ""; /* that may be NULL */

	return (struct eep_text){ p, p + cell->n };
}

int
eep_text_end(const struct eep_text *t)
{
	return t->p == t->end;
}

int
eep_text_is(struct eep_text *t, const char *s)
{
	size_t n = strlen(s);

	if ((size_t)(t->end - t->p) < n || memcmp(t->p, s, n) != 0)
		return 0;
	t->p += n;
	return 1;
}

void
eep_text_blanks(struct eep_text *t)
{
	while (t->p < t->end && *t->p == ' ')
		t->p++;
}

static int
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

int
eep_text_uint(struct eep_text *t, uint64_t *out)
{
	const char *p = t->p;
	uint64_t v = 0;

	for (; p < t->end && is_digit(*p); p++) {
		if (v > (UINT64_MAX - 9) / 10)
			return 0;
		v = v * 10 + (uint64_t)(*p - '0');
	}
	if (p == t->p)
		return 0;
	t->p = p;
	*out = v;
	return 1;
}

int
eep_text_int(struct eep_text *t, int64_t *out)
{
	struct eep_text at = *t;
	int negative = eep_text_is(&at, "-");
	uint64_t v;

	if (!eep_text_uint(&at, &v) || v > INT64_MAX / 4)
		return 0;
	*out = negative ? -(int64_t)v : (int64_t)v;
	*t = at;
	return 1;
}

int
eep_text_decimal(struct eep_text *t, struct eep_decimal *out)
{
	static const int64_t limit = 1000000000000;
	struct eep_text at = *t;
	int negative = eep_text_is(&at, "-"), scale = 0;
	uint64_t v;

	if (!eep_text_uint(&at, &v) || v > (uint64_t)limit)
		return 0;
	/* "0..40" is no decimal point */
	if (at.end - at.p >= 2 && at.p[0] == '.' && is_digit(at.p[1]))
		for (at.p++; at.p < at.end && is_digit(*at.p); at.p++) {
			v = v * 10 + (uint64_t)(*at.p - '0');
			if (++scale > 6 || v > (uint64_t)limit)
				return 0;
		}
	*out =
	    (struct eep_decimal){ negative ? -(int64_t)v : (int64_t)v, scale };
	*t = at;
	return 1;
}

static int
is_word(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z') || c == '_';
}

int
eep_text_word(struct eep_text *t, struct csv_cell *out)
{
	const char *p = t->p;

	while (p < t->end && is_word(*p))
		p++;
	if (p == t->p)
		return 0;
	*out = (struct csv_cell){ t->p, (size_t)(p - t->p) };
	t->p = p;
	return 1;
}

struct csv_cell
eep_text_until(struct eep_text *t, char stop)
{
	const char *p = memchr(t->p, stop, (size_t)(t->end - t->p));
	struct csv_cell cell = { t->p, 0 };

	cell.n = (size_t)((p == NULL ? t->end : p) - t->p);
	t->p = p == NULL ? t->end : p + 1;
	return cell;
}

int
eep_same(const struct csv_cell *cell, const char *text, size_t n)
{
	return cell->n == n && (n == 0 || memcmp(cell->p, text, n) == 0);
}

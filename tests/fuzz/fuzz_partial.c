/*
 * An event line that is taken as a reading or a partial aggregate is printed
 * as a partial aggregate that is taken, and printed again is the same.
 */
#include <stdlib.h>
#include <string.h>

#include "event/event.h"
#include "grid/reading.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct tally_times times = { 60000000, 900000000 };
static const struct tally_scale scales[] = { { 1, 0 }, { 1, 3 }, { 36, 2 } };

static const char *const all_fields[] = { "v", "m.load", "m.a,m.b", "v,m.a" };
static const char *const all_wants[] = { "sum", "mean", "stddev", "p50", "last",
	"min", "max_at,count", "sum,mean,stddev", "first,last_at,p99.9,energy",
	"power,p0.0001" };

struct taker {
	struct partial_fields fields;
	struct partial_wants wants;
	struct tally tally[PARTIAL_FIELDS_MAX];
	size_t n;
};

static void
check(int ok)
{
	if (!ok)
		abort();
}

/* 1 if all fields that the line has were taken, and one at least. */
static int
take(struct taker *k, const char *line, size_t n,
    const struct tally_scale *scale)
{
	struct event e;
	struct reading r;
	const char *why = NULL;
	size_t unit;

	if (event_scan(&e, line, n, &why) == -1 ||
	    event_complete(&e, &why) == -1 ||
	    reading_take(&r, &e, &k->fields, &k->wants, &why) != 1)
		return 0;
	for (size_t f = 0; f < k->n; f++) {
		if (!(r.have >> f & 1))
			continue;
		reading_unit(&r, &k->fields, &k->wants, f, &unit);
		if (reading_tally(&r, &k->fields, &k->wants, f, k->wants.parts,
			scale, &k->tally[f]) != NULL)
			return 0;
		check(k->tally[f].values > 0 && k->tally[f].n > 0);
	}
	return 1;
}

static void
print(struct taker *k, struct buf *b)
{
	struct partial_field field[PARTIAL_FIELDS_MAX];

	for (size_t f = 0; f < k->n; f++)
		field[f] = (struct partial_field){ &k->tally[f], "", 0 };
	buf_adds(b, "{\"topic\":\"A\",\"t\":0");
	partial_print(&k->wants, &k->fields, field, &times, b);
	buf_addc(b, '}');
}

static void
clear(struct taker *k)
{
	for (size_t f = 0; f < k->n; f++)
		tally_fini(&k->tally[f]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct taker k = { 0 };
	struct buf a = { 0 }, b = { 0 };
	const char *why;
	char *line;

	if (size < 2)
		return 0;
	partial_fields(&k.fields,
	    all_fields[data[0] % (sizeof all_fields / sizeof *all_fields)],
	    &why);
	partial_wants(&k.wants,
	    all_wants[data[1] % (sizeof all_wants / sizeof *all_wants)], &why);
	k.n = k.fields.n;
	line = malloc(size);
	check(line != NULL);
	memcpy(line, data + 2, size - 2);
	if (take(&k, line, size - 2, &scales[data[0] / 64 % 3])) {
		print(&k, &a);
		clear(&k);
		if (take(&k, a.p, a.len, &scales[0])) {
			print(&k, &b);
			check(a.len == b.len && memcmp(a.p, b.p, a.len) == 0);
		}
	}
	clear(&k);
	free(line);
	buf_fini(&a);
	buf_fini(&b);
	return 0;
}

#include "trust/armor.h"

#include <string.h>

#include "base/base64.h"

static const char begin[] = "-----BEGIN AGE ENCRYPTED FILE-----";
static const char end[] = "-----END AGE ENCRYPTED FILE-----";

static int
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The bytes of one line to out: 0 or -1. */
static int
decode(struct armor_in *a, struct buf *out)
{
	unsigned char bytes[ARMOR_BYTES];
	long n =
	    base64_parse(bytes, sizeof bytes, BASE64_PADDED, a->line, a->n);

	if (n <= 0)
		return -1;
	buf_add(out, bytes, (size_t)n);
	if (a->n < ARMOR_COLUMNS || a->line[a->n - 1] == '=')
		a->state = ARMOR_LAST;
	return 0;
}

static int
is(const struct armor_in *a, const char *line, size_t n)
{
	return a->n == n && memcmp(a->line, line, n) == 0;
}

/* a->line is whole, without its end: 0 or -1. */
static int
take_line(struct armor_in *a, struct buf *out)
{
	int status = 0;

	if (a->state == ARMOR_BEFORE && is(a, begin, sizeof begin - 1))
		a->state = ARMOR_BODY;
	else if (a->state == ARMOR_BEFORE)
		status = -1;
	else if (is(a, end, sizeof end - 1))
		a->state = ARMOR_AFTER;
	else if (a->state == ARMOR_BODY)
		status = decode(a, out);
	else
		status = -1;
	a->n = 0;
	return status;
}

static int
take(struct armor_in *a, char c, struct buf *out)
{
	if (a->state == ARMOR_AFTER || (a->state == ARMOR_BEFORE && a->n == 0))
		if (is_space(c))
			return ++a->space > ARMOR_SPACE ? -1 : 0;
	if (a->state == ARMOR_AFTER)
		return -1;
	if (c == '\n') {
		if (a->n > 0 && a->line[a->n - 1] == '\r')
			a->n--;
		return a->n > ARMOR_COLUMNS ? -1 : take_line(a, out);
	}
	if (a->n == ARMOR_COLUMNS + 1)
		return -1;
	a->line[a->n++] = c;
	return 0;
}

int
armor_read(struct armor_in *a, const char *p, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++)
		if (take(a, p[i], out) < 0)
			return -1;
	return 0;
}

int
armor_read_end(struct armor_in *a, struct buf *out)
{
	if (a->n > 0 && take(a, '\n', out) < 0)
		return -1;
	return a->state == ARMOR_AFTER ? 0 : -1;
}

static void
add_line(struct buf *out, const unsigned char *p, size_t n)
{
	base64_add(out, BASE64_PADDED, p, n);
	buf_addc(out, '\n');
}

static void
add_begin(struct armor_out *a, struct buf *out)
{
	if (!a->begun) {
		buf_adds(out, begin);
		buf_addc(out, '\n');
	}
	a->begun = 1;
}

void
armor_write(struct armor_out *a, const void *p, size_t n, struct buf *out)
{
	const unsigned char *at = p;
	size_t some;

	add_begin(a, out);
	while (a->n + n >= ARMOR_BYTES) {
		some = ARMOR_BYTES - a->n;
		memcpy(a->rest + a->n, at, some);
		add_line(out, a->rest, ARMOR_BYTES);
		at += some;
		n -= some;
		a->n = 0;
	}
	if (n > 0)
		memcpy(a->rest + a->n, at, n);
	a->n += n;
}

void
armor_write_end(struct armor_out *a, struct buf *out)
{
	add_begin(a, out);
	if (a->n > 0)
		add_line(out, a->rest, a->n);
	buf_adds(out, end);
	buf_addc(out, '\n');
	*a = (struct armor_out){ 0 };
}

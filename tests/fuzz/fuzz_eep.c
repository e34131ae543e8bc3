/*
 * The profile table: any text is read or refused with a place.  What was
 * read decodes any payload within its bounds, and what was decoded is
 * encoded again to the same value; so do all profiles that ship.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device/enocean/eep.h"

enum { SETTINGS = 257 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(int ok)
{
	if (!ok)
		abort();
}

/* What is to be put into a field to get this value again; 0: nothing can. */
static int
setting_of(const struct eep_field *f, const struct eep_value *v,
    struct eep_setting *out)
{
	*out = (struct eep_setting){ .field = f };
	switch (v->state) {
	case EEP_NUMBER:
		out->number = (double)v->units / pow(10, v->decimals);
		return 1;
	case EEP_LABEL:
		out->label = v->label;
		out->n = strlen(v->label);
		return 1;
	case EEP_RAW:
		out->number = (double)v->raw;
		return v->raw < (uint64_t)1 << 53;
	case EEP_ABSENT:
	case EEP_OUT_OF_RANGE: break;
	}
	return 0;
}

static void
check_value(const struct eep_field *f, const struct eep_value *v)
{
	struct eep_value next = *v;
	size_t n = 1;

	must(v->state != EEP_LABEL || v->label != NULL);
	must(v->decimals >= 0 && v->decimals <= 9);
	must(v->event_decimals >= 0 && v->event_decimals <= 9);
	must(v->truth >= -1 && v->truth <= 1);
	must(v->state != EEP_ABSENT || v->quantity == NULL);
	while (eep_value_next(f, &next))
		must(next.which == n++ && next.state == v->state);
}

/* One field set alone is there again, or the reason is said. */
static void
check_encode(const struct eep_message *m, const struct eep_field *f,
    const struct eep_value *v, int shipped)
{
	uint8_t p[TELEGRAM_SPACE];
	struct telegram tel = { .p = p };
	struct eep_setting set;
	struct eep_value again;
	const char *why = NULL;

	if (!setting_of(f, v, &set))
		return;
	if (eep_encode(m, &set, 1, p, &tel.n, &why) < 0) {
		must(why != NULL && *why != '\0');
		return;
	}
	must(tel.n > 0 && tel.n <= sizeof p);
	tel.status = eep_status(m);
	eep_value(f, &tel, &again);
	must(again.state != EEP_ABSENT);
	/* another field's factor or unit is not set, and 0 may be none */
	if (shipped && v->state == again.state && v->state == EEP_LABEL)
		must(strcmp(v->label, again.label) == 0);
	if (shipped && v->state == EEP_RAW && again.state == EEP_RAW)
		must(v->raw == again.raw);
}

/*
 * All fields set are all there again; not for any table: in one, fields may
 * lie over each other.
 */
static void
check_all(const struct eep_message *m, const struct telegram *was)
{
	static struct eep_setting set[SETTINGS];
	uint8_t p[TELEGRAM_SPACE];
	struct telegram is = { .p = p, .status = was->status };
	const char *why = NULL;
	size_t n = 0;

	for (size_t i = 0; i < eep_fields(m); i++) {
		const struct eep_field *f = eep_field_at(m, i);
		struct eep_value v;

		eep_value(f, was, &v);
		n += (size_t)setting_of(f, &v, &set[n]);
	}
	/* one that was cut lacks what says how to read the others */
	if (eep_encode(m, set, n, p, &is.n, &why) < 0 || was->n < is.n)
		return;
	for (size_t i = 0; i < n; i++) {
		struct eep_value a, b;

		eep_value(set[i].field, was, &a);
		eep_value(set[i].field, &is, &b);
		must(a.state == b.state);
		must(a.state == EEP_LABEL ? strcmp(a.label, b.label) == 0
					  : a.raw == b.raw);
	}
}

static void
check_telegram(const struct eep_profile *p, const struct telegram *tel,
    enum eep_direction direction, int shipped)
{
	const struct eep_message *m = eep_match(p, tel, direction);

	if (m == NULL)
		return;
	must(eep_channel(m, tel) >= -1 && eep_channel(m, tel) <= 255);
	for (size_t i = 0; i < eep_fields(m); i++) {
		const struct eep_field *f = eep_field_at(m, i);
		struct eep_value v;

		must(eep_value(f, tel, &v) == v.state);
		check_value(f, &v);
		check_encode(m, f, &v, shipped);
	}
	if (shipped)
		check_all(m, tel);
}

/* All profiles, or for a large table one that the bytes choose. */
static void
check_payload(
    const struct eep *eep, const uint8_t *data, size_t size, int shipped)
{
	size_t n = 0, from = 0, to;
	uint8_t *exact; /* so that a read behind its end is seen */
	struct telegram tel;

	while (eep_at(eep, n) != NULL)
		n++;
	to = n;
	if (n > 4) {
		if (size < 2)
			return;
		from = (size_t)(data[0] << 8 | data[1]) % n;
		to = from + 1;
		data += 2;
		size -= 2;
	}
	exact = malloc(size > 1 ? size - 1 : 1);
	must(exact != NULL);
	if (size > 1)
		memcpy(exact, data + 1, size - 1);
	tel = (struct telegram){ .p = exact,
		.n = size > 1 ? size - 1 : 0,
		.status = size > 0 ? data[0] : 0 };
	for (size_t i = from; i < to; i++) {
		check_telegram(eep_at(eep, i), &tel, EEP_FROM_DEVICE, shipped);
		check_telegram(eep_at(eep, i), &tel, EEP_TO_DEVICE, shipped);
	}
	free(exact);
}

static void
check_table(const struct quantities *quantities, const uint8_t *text, size_t n,
    const uint8_t *payload, size_t size)
{
	static const char head[] =
	    "profile,message,when,field,name,bits,range,unit,rules,quantity,"
	    "values\n";
	static int fd = -1;
	struct eep *eep = eep_open(quantities);
	struct buf why = { 0 };
	char path[64];
	size_t at = n > 0 && text[0] % 2 == 0 ? sizeof head - 1 : 0;

	if (fd < 0)
		fd = memfd_create("eep", MFD_CLOEXEC);
	must(ftruncate(fd, 0) == 0);
	must(pwrite(fd, head, at, 0) == (ssize_t)at);
	must(pwrite(fd, text, n, (off_t)at) == (ssize_t)n);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (eep_read(eep, path, &why) == 0)
		check_payload(eep, payload, size, 0);
	else
		must(strncmp(buf_cstr(&why), path, strlen(path)) == 0);
	buf_fini(&why);
	eep_close(eep);
}

static const struct eep *
shipped_table(struct quantities **quantities)
{
	static struct quantities *q;
	static struct eep *eep;
	struct buf why = { 0 };

	if (eep == NULL) {
		q = quantities_open("share/quantities.csv", &why);
		must(q != NULL);
		eep = eep_open(q);
		must(eep_read(eep, "share/eep", &why) == 0);
		buf_fini(&why);
	}
	*quantities = q;
	return eep;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct quantities *quantities;
	const struct eep *eep = shipped_table(&quantities);

	if (size == 0)
		return 0;
	if (data[0] < 128) {
		check_payload(eep, data + 1, size - 1, 1);
	} else {
		/* a table, NUL, a payload */
		const uint8_t *cut = memchr(data, '\0', size);
		const uint8_t *end = data + size;

		if (cut == NULL)
			cut = end;
		check_table(quantities, data + 1, (size_t)(cut - data) - 1,
		    cut < end ? cut + 1 : end,
		    cut < end ? (size_t)(end - cut) - 1 : 0);
	}
	return 0;
}

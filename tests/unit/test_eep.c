#include <math.h>

#include "check.h"
#include "profile_case.h"

static struct eep *eep;

/* What the test data call differently. */
static const char *
unit_of(const char *unit)
{
	static const char *const same[][2] = { { "Cel", "°C" }, { "%RH", "%" },
		{ "/100", "%" }, { "%EL", "%" }, { "lat", "deg" },
		{ "lon", "deg" }, { "1/min", "rpm" } };

	for (size_t i = 0; unit != NULL && i < sizeof same / sizeof *same; i++)
		if (strcmp(unit, same[i][0]) == 0)
			return same[i][1];
	return unit == NULL ? "" : unit;
}

static double
number_of(const struct json_value *v)
{
	return strtod(v->p, NULL);
}

static double
value_of(int64_t units, int decimals)
{
	return (double)units / pow(10, decimals);
}

/* A value of the test data that is a number, with its unit. */
static void
check_number(const char *where, const struct json_value *want,
    const struct json_value *value, const struct eep_value *got)
{
	struct json_value unit;
	double v = value_of(got->units, got->decimals);
	const char *is = unit_of(got->unit);

	check(got->state == EEP_NUMBER, "%s: no number", where);
	check(fabs(v - number_of(value)) <= 1e-6 + fabs(v) * 1e-9,
	    "%s: %.9g, not %.*s", where, v, (int)value->n, value->p);
	if (json_get(want, "unit", &unit) && unit.kind == JSON_STRING)
		check(json_equal(&unit, is) ||
			(json_equal(&unit, "cpm") && strcmp(is, "rpm") == 0),
		    "%s: unit %s, not %.*s", where, is, (int)unit.n, unit.p);
}

static void
check_field(const char *where, const struct json_value *want,
    const struct eep_value *got)
{
	struct json_value v;

	check(got->state != EEP_ABSENT, "%s: absent", where);
	if (json_get(want, "raw", &v))
		check((double)got->raw == number_of(&v) ||
			/* signed ones are told with their sign */
			number_of(&v) < 0,
		    "%s: raw %llu, not %.*s", where,
		    (unsigned long long)got->raw, (int)v.n, v.p);
	if (json_get(want, "value", &v))
		check_number(where, want, &v, got);
	/* the test data name the first of several flags when none is set */
	if (json_get(want, "label", &v) && v.kind == JSON_STRING &&
	    !(got->raw == 0 && strstr(where, " ERF") != NULL))
		check(got->state == EEP_LABEL && json_equal(&v, got->label),
		    "%s: %s, not %.*s", where,
		    got->state == EEP_LABEL ? got->label : "no label", (int)v.n,
		    v.p);
	if (json_get(want, "out_of_range", &v))
		check(
		    got->state == EEP_OUT_OF_RANGE, "%s: within range", where);
	else
		check(
		    got->state != EEP_OUT_OF_RANGE, "%s: out of range", where);
}

/* A setting for each value that was read, so far as there can be one. */
static size_t
settings_of(const struct eep_message *m, const struct telegram *tel,
    struct eep_setting *set)
{
	size_t n = 0;

	for (size_t i = 0; i < eep_fields(m); i++) {
		const struct eep_field *f = eep_field_at(m, i);
		struct eep_value v;

		switch (eep_value(f, tel, &v)) {
		case EEP_NUMBER:
			set[n++] = (struct eep_setting){ .field = f,
				.number = value_of(v.units, v.decimals) };
			break;
		case EEP_LABEL:
			set[n++] = (struct eep_setting){ .field = f,
				.label = v.label,
				.n = strlen(v.label) };
			break;
		case EEP_RAW:
			set[n++] = (struct eep_setting){ .field = f,
				.number = (double)v.raw };
			break;
		case EEP_ABSENT:
		case EEP_OUT_OF_RANGE: break;
		}
	}
	return n;
}

static int
same_value(const struct eep_value *a, const struct eep_value *b)
{
	if (a->state != b->state)
		return 0;
	/* a label may stand for several codes; the first one is sent */
	return a->state == EEP_LABEL ? strcmp(a->label, b->label) == 0
				     : a->raw == b->raw;
}

/* What was decoded, encoded again, says the same. */
static void
check_encode(const struct profile_case *c, const struct eep_message *m)
{
	struct eep_setting set[256];
	size_t n = settings_of(m, &c->tel, set), len = 0;
	uint8_t p[TELEGRAM_SPACE];
	struct telegram tel = c->tel;
	const char *why = "";
	int r = eep_encode(m, set, n, p, &len, &why);

	check(r == 0, "%s: not encoded: %s", c->id, why);
	tel.p = p;
	tel.n = len;
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct eep_value was, is;

		eep_value(set[i].field, &c->tel, &was);
		eep_value(set[i].field, &tel, &is);
		check(same_value(&was, &is),
		    "%s: %s: encoded to %llu, not %llu", c->id,
		    eep_field_shortcut(set[i].field),
		    (unsigned long long)is.raw, (unsigned long long)was.raw);
	}
}

static int
check_case(struct profile_case *c)
{
	struct json_value name, want;
	struct json_walk walk;
	const struct eep_profile *p;
	const struct eep_message *m;
	uint32_t id = 0;
	int fields = 0, both;

	eep_id(c->profile, strlen(c->profile), &id);
	p = eep_find(eep, id);
	check(p != NULL, "%s: no profile %s", c->id, c->profile);
	if (p == NULL)
		return 0;
	m = eep_message(p, c->message, strlen(c->message));
	if (m != NULL && !c->directed)
		c->direction = eep_message_direction(m, &both);
	m = eep_match(p, &c->tel, c->direction);
	check(m != NULL && strcmp(eep_message_name(m), c->message) == 0,
	    "%s: %s: %s, not %s", c->id, c->profile,
	    m == NULL ? "no message" : eep_message_name(m), c->message);
	if (m == NULL)
		return 0;
	json_walk(&walk, &c->expect);
	while (json_next(&walk, &name, &want)) {
		const struct eep_field *f = eep_field(m, name.p, name.n);
		char where[160];
		struct eep_value got;

		snprintf(where, sizeof where, "%s: %s %s %.*s", c->id,
		    c->profile, c->message, (int)name.n, name.p);
		check(f != NULL, "%s: no such field", where);
		if (f == NULL)
			continue;
		eep_value(f, &c->tel, &got);
		check_field(where, &want, &got);
		fields++;
	}
	/* heard on air: reserved codes, too, which are not sent */
	if (strncmp(c->id, "SY-", 3) == 0)
		check_encode(c, m);
	return fields;
}

static void
test_cases(const char *name, int atleast)
{
	FILE *f = case_open(name);
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	int cases = 0, fields = 0;

	if (f == NULL)
		return;
	while ((n = getline(&line, &size, f)) > 0) {
		struct profile_case c;

		if (case_read(&c, line, (size_t)n)) {
			cases++;
			fields += check_case(&c);
		}
	}
	free(line);
	fclose(f);
	check(cases >= atleast, "%s: only %d cases", name, cases);
	printf("test_eep: %s: %d cases, %d fields\n", name, cases, fields);
}

int
main(void)
{
	struct buf why = { 0 };
	struct quantities *q = quantities_open("share/quantities.csv", &why);

	check(q != NULL, "quantities: %s", buf_cstr(&why));
	if (q == NULL)
		return check_done();
	eep = eep_open(q);
	check(
	    eep_read(eep, "share/eep", &why) == 0, "read: %s", buf_cstr(&why));
	test_cases("cases.jsonl", 120);
	test_cases("synthetic.jsonl", 600);
	eep_close(eep);
	quantities_close(q);
	buf_fini(&why);
	return check_done();
}

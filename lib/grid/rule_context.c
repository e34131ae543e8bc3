#include "grid/rule_context.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/num.h"
#include "event/unit.h"
#include "grid/join.h"

enum { SHOWN = 60 };

static int say(struct buf *why, const char *path, uint64_t line,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Add "PATH:LINE: ...\n"; line 0: none is to blame.  Returns -1. */
static int
say(struct buf *why, const char *path, uint64_t line, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_adds(why, path);
	if (line > 0)
		buf_addf(why, ":%llu", (unsigned long long)line);
	buf_addf(why, ": %s\n", text);
	return -1;
}

/* Tables */

static void
add_cell(struct buf *b, const char *s)
{
	size_t n = strlen(s);
	double number;

	if (n == 0)
		buf_adds(b, "null");
	else if (num_double(s, n, &number) == 0)
		buf_add(b, s, n);
	else
		json_add_string(b, s, n);
}

static void
add_row(struct buf *b, const struct join *table, size_t row)
{
	const char *name;

	buf_addc(b, '{');
	for (int i = 0; (name = join_column_name(table, i)) != NULL; i++) {
		if (i > 0)
			buf_addc(b, ',');
		json_add_string(b, name, strlen(name));
		buf_addc(b, ':');
		add_cell(b, join_cell(table, row, i));
	}
	buf_addc(b, '}');
}

static void
add_table(struct buf *b, const char *name, size_t n, const struct join *table)
{
	const char *column = join_key(table);
	int key = join_column(table, column, strlen(column));

	buf_addc(b, '{');
	json_add_string(b, name, n);
	buf_adds(b, ":{");
	for (size_t row = 0; row < join_rows(table); row++) {
		const char *text = join_cell(table, row, key);

		if (row > 0)
			buf_adds(b, ",\n");
		json_add_string(b, text, strlen(text));
		buf_addc(b, ':');
		add_row(b, table, row);
	}
	buf_adds(b, "}}");
}

/* The table's reason may begin with "line 7: ". */
static int
say_table(struct buf *why, const char *file, const char *what)
{
	char *end;
	unsigned long long line;

	if (strncmp(what, "line ", 5) != 0)
		return say(why, file, 0, "%s", what);
	line = strtoull(what + 5, &end, 10);
	return say(why, file, line, "%s", *end == ':' ? end + 2 : what);
}

static int
open_table(struct rule_context *x, const char *name, size_t n, char *file,
    struct buf *why)
{
	char *colon = strrchr(file, ':');
	struct join *table;
	struct buf text = { 0 };
	const char *what = NULL;
	int status;

	if (colon != NULL && strchr(colon, '/') == NULL)
		*colon++ = '\0';
	else
		colon = NULL;
	table = join_open(file, colon, &what);
	if (table == NULL)
		return say_table(why, file, what);
	add_table(&text, name, n, table);
	join_close(table);
	status = constant_whole(&x->c, text.p, text.len);
	buf_fini(&text);
	return status == 0 ? 0 : say(why, file, 0, "%s", x->c.why);
}

/* Files */

int
rule_context_parse(struct rule_context *x, const char *path, const char *p,
    size_t n, struct buf *why)
{
	x->path = path;
	if (constant_whole(&x->c, p, n) < 0)
		return say(why, path, x->c.line, "%s", x->c.why);
	if (x->c.value.kind != JSON_OBJECT)
		return say(why, path, 0, "not a JSON object");
	return 0;
}

int
rule_context_open(struct rule_context *x, const char *spec, struct buf *why)
{
	const char *equals = strchr(spec, '=');
	struct buf text = { 0 };
	char *file;
	int status;

	x->path = spec;
	if (equals != NULL && equals > spec &&
	    memchr(spec, '/', (size_t)(equals - spec)) == NULL) {
		file = xstrdup(equals + 1);
		status =
		    open_table(x, spec, (size_t)(equals - spec), file, why);
		free(file);
		return status;
	}
	if (constant_load(spec, &text) < 0)
		status = say(why, spec, 0, "%s", strerror(errno));
	else
		status = rule_context_parse(x, spec, text.p, text.len, why);
	buf_fini(&text);
	return status;
}

void
rule_context_fini(struct rule_context *x)
{
	constant_fini(&x->c);
}

/* What a rule gets */

/* A value on its way from a file to a rule. */
struct told {
	const struct rule_context *x; /* NULL: from nowhere */
	const struct rule_param *p;
	struct json_value v;
	struct buf *out, *why;
};

static int
refuse(const struct told *t, const char *what, const char *more)
{
	return say(t->why, t->x->path, constant_line(&t->x->c, t->v.p),
	    "%.*s: %s%.*s", SHOWN, t->p->name, what, SHOWN, more);
}

/* {"v": number, "u": unit} */
static int
has_unit(const struct json_value *v, struct json_value *number,
    struct json_value *unit)
{
	struct json_walk w;
	struct json_value name, value;
	size_t n = 0;

	if (v->kind != JSON_OBJECT || !json_get(v, "v", number) ||
	    !json_get(v, "u", unit))
		return 0;
	json_walk(&w, v);
	while (json_next(&w, &name, &value))
		n++;
	return n == 2 && number->kind == JSON_NUMBER &&
	    unit->kind == JSON_STRING;
}

static int
add_converted(const struct told *t, const struct json_value *number,
    const struct json_value *unit)
{
	struct num_sum sum = { 0 };
	struct buf from = { 0 };
	int64_t mul, div;
	int status = 0;

	json_text(unit, &from);
	buf_cstr(&from);
	if (t->p->unit == NULL)
		status = refuse(t, "it has no unit, not ", from.p);
	else if (unit_ratio(from.p, from.len, t->p->unit, strlen(t->p->unit),
		     &mul, &div) < 0)
		status = refuse(t, "its unit is not ", from.p);
	else if (num_sum_add(&sum, number->p, number->n) < 0)
		status = refuse(t, "a number out of range", "");
	else
		num_sum_format(&sum, mul, div, t->out);
	num_sum_fini(&sum);
	buf_fini(&from);
	return status;
}

static void
add_token(struct buf *out, const struct json_value *v)
{
	size_t quote = v->kind == JSON_STRING;

	buf_add(out, v->p - quote, v->n + 2 * quote);
}

/* With the units inside converted. */
static int
add_value(const struct told *t, const struct json_value *v)
{
	struct json_walk w;
	struct json_value name, value, number, unit;
	size_t n = 0;

	if (has_unit(v, &number, &unit) && t->p->unit != NULL)
		return add_converted(t, &number, &unit);
	if (v->kind != JSON_OBJECT && v->kind != JSON_ARRAY) {
		add_token(t->out, v);
		return 0;
	}
	buf_addc(t->out, v->kind == JSON_OBJECT ? '{' : '[');
	json_walk(&w, v);
	while (json_next(&w, &name, &value)) {
		if (n++ > 0)
			buf_addc(t->out, ',');
		if (v->kind == JSON_OBJECT) {
			add_token(t->out, &name);
			buf_addc(t->out, ':');
		}
		if (add_value(t, &value) < 0)
			return -1;
	}
	buf_addc(t->out, v->kind == JSON_OBJECT ? '}' : ']');
	return 0;
}

static int
is_type(const struct told *t)
{
	struct json_value number, unit;

	switch (t->p->type) {
	case RULE_NUMBER:
		return t->v.kind == JSON_NUMBER ||
		    has_unit(&t->v, &number, &unit);
	case RULE_STRING: return t->v.kind == JSON_STRING;
	case RULE_BOOLEAN:
		return t->v.kind == JSON_TRUE || t->v.kind == JSON_FALSE;
	case RULE_OBJECT: return t->v.kind == JSON_OBJECT;
	case RULE_ARRAY: return t->v.kind == JSON_ARRAY;
	case RULE_TYPES: break;
	}
	return 0;
}

/* A number with a unit of its own where the rule has none is refused. */
static int
tell(const struct told *t)
{
	struct json_value number, unit;

	if (!is_type(t))
		return refuse(t, "not of type ", rule_type_names[t->p->type]);
	if (t->p->type == RULE_NUMBER && has_unit(&t->v, &number, &unit))
		return add_converted(t, &number, &unit);
	return add_value(t, &t->v);
}

/* The member of x that rule r is to read as name: 1 or 0. */
static int
look_up(const struct rule_context *x, const struct rule_file *r,
    const char *name, struct json_value *v)
{
	struct json_value own;

	if (json_get(&x->c.value, r->name, &own) && own.kind == JSON_OBJECT &&
	    json_get(&own, name, v))
		return 1;
	return json_get(&x->c.value, name, v);
}

static int
add_param(const struct rule_context *x, size_t n, const struct rule_file *r,
    struct told *t)
{
	json_add_string(t->out, t->p->name, strlen(t->p->name));
	buf_addc(t->out, ':');
	while (n-- > 0)
		if (look_up(&x[n], r, t->p->name, &t->v)) {
			t->x = &x[n];
			return tell(t);
		}
	if (t->p->fallback == NULL)
		return say(t->why, r->path, t->p->line,
		    "context: %.*s: no --context says it", SHOWN, t->p->name);
	buf_adds(t->out, t->p->fallback);
	return 0;
}

static int
names(const struct rule_file *r, const struct json_value *name)
{
	for (size_t i = 0; i < r->nparams; i++)
		if (json_equal(name, r->params[i].name))
			return 1;
	return 0;
}

/* What is for this rule alone has to be what it asked for. */
static int
check_own(
    const struct rule_context *x, const struct rule_file *r, struct buf *why)
{
	struct json_value own, name, v;
	struct json_walk w;
	int status = 0;

	if (!json_get(&x->c.value, r->name, &own) || own.kind != JSON_OBJECT)
		return 0;
	json_walk(&w, &own);
	while (json_next(&w, &name, &v))
		if (!names(r, &name))
			status = say(why, x->path, constant_line(&x->c, name.p),
			    "%.*s: not in the context of %s",
			    (int)(name.n < SHOWN ? name.n : SHOWN), name.p,
			    r->path);
	return status;
}

int
rule_context_for(const struct rule_context *x, size_t n,
    const struct rule_file *r, struct buf *out, struct buf *why)
{
	struct told t = { .out = out, .why = why };
	int status = 0;

	for (size_t i = 0; i < n; i++)
		if (check_own(&x[i], r, why) < 0)
			status = -1;
	buf_addc(out, '{');
	for (size_t i = 0; i < r->nparams; i++) {
		if (i > 0)
			buf_addc(out, ',');
		t.p = &r->params[i];
		if (add_param(x, n, r, &t) < 0)
			status = -1;
	}
	buf_addc(out, '}');
	return status;
}

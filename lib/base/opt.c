#include "base/opt.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/app.h"
#include "base/buf.h"
#include "base/date.h"
#include "base/die.h"
#include "base/num.h"

enum {
	LINE_WIDTH = 80,
	HELP_COLUMN = 28, /* where the text of an option begins */
	OPTIONS_MAX = 128
};

static int help, version, quiet, verbose, print_options;

static const struct opt builtin[] = {
	{ 'q', "quiet", OPT_FLAG, NULL, "say nothing but errors", &quiet },
	{ 'v', "verbose", OPT_COUNT, NULL, "say more", &verbose },
	{ 'h', "help", OPT_FLAG, NULL, "print this help", &help },
	{ 'V', "version", OPT_FLAG, NULL, "print the version", &version },
	{ 0 },
};

static const struct opt hidden[] = {
	{ 0, "print-options", OPT_FLAG, NULL, NULL, &print_options },
	{ 0 },
};

/* The rows of a command, its groups and the built-in ones, in order. */
struct table {
	const struct opt *row[OPTIONS_MAX];
	int from_env[OPTIONS_MAX];
	size_t n;
};

int
opt_named(const char *words, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = words; (p = strstr(p, name)) != NULL; p += n)
		if ((p == words || p[-1] == ' ') &&
		    (p[n] == ' ' || p[n] == '\0'))
			return 1;
	return 0;
}

void
opt_usage(const char *fmt, ...)
{
	struct buf b = { 0 };
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_addf(&b, "%s; see --help", text);
	die(EXIT_USAGE, "%s", buf_cstr(&b));
}

static void
table_add(struct table *t, const struct opt *rows)
{
	const struct opt *o;

	for (o = rows; o->name != NULL; o++) {
		if (o->kind == OPT_GROUP)
			table_add(t, o->to);
		else if (t->n < OPTIONS_MAX)
			t->row[t->n++] = o;
	}
}

static int
takes_value(const struct opt *o)
{
	return o->kind != OPT_FLAG && o->kind != OPT_COUNT;
}

static int
choose(const struct opt *o, const char *value)
{
	int i;

	for (i = 0; o->choices[i] != NULL; i++)
		if (strcmp(o->choices[i], value) == 0) {
			*(int *)o->to = i;
			return 0;
		}
	return -1;
}

static void
list_add(struct opt_list *list, const char *value)
{
	list->v = xrealloc(list->v, (list->n + 1) * sizeof *list->v);
	list->v[list->n++] = value;
}

/* What a value of each kind looks like, for the message that refuses one. */
static const char *
wanted(const struct opt *o)
{
	switch (o->kind) {
	case OPT_INT: return "a number";
	case OPT_DURATION: return "a duration such as 90s or 1h30m";
	case OPT_SIZE: return "a size such as 64K or 10M";
	case OPT_CHOICE: return "one of the choices";
	default: return "a value";
	}
}

/*
 * Store value where o says.  0, or -1 with *why, which may stay NULL where
 * wanted() says all there is to say.
 */
static int
set(const struct opt *o, const char *value, const char **why)
{
	*why = NULL;
	switch (o->kind) {
	case OPT_FLAG: *(int *)o->to = 1; return 0;
	case OPT_COUNT: ++*(int *)o->to; return 0;
	case OPT_STRING: *(const char **)o->to = value; return 0;
	case OPT_LIST: list_add(o->to, value); return 0;
	case OPT_INT: return num_uint(value, strlen(value), o->to);
	case OPT_DURATION: return date_duration(value, o->to);
	case OPT_TIME: return date_parse(value, date_now(), o->to, why);
	case OPT_SIZE: return date_size(value, o->to);
	case OPT_CHOICE: return choose(o, value);
	case OPT_GROUP: break;
	}
	return -1;
}

/* The reason in parentheses, with the choices spelled out. */
static void
refuse(
    const struct opt *o, const char *origin, const char *value, const char *why)
{
	struct buf b = { 0 };
	size_t i;

	if (why != NULL)
		buf_adds(&b, why);
	else
		buf_addf(&b, "not %s", wanted(o));
	for (i = 0; o->kind == OPT_CHOICE && o->choices[i] != NULL; i++)
		buf_addf(&b, "%s %s", i == 0 ? ":" : "", o->choices[i]);
	opt_usage("%s: bad value '%s' (%s)", origin, value, buf_cstr(&b));
}

static void
read_environment(struct table *t)
{
	const char *value, *why;
	size_t i;

	for (i = 0; i < t->n; i++) {
		const struct opt *o = t->row[i];

		value = o->env != NULL ? getenv(o->env) : NULL;
		if (value == NULL || *value == '\0')
			continue;
		if (!takes_value(o) && strcmp(value, "0") == 0)
			continue;
		if (set(o, value, &why) < 0)
			refuse(o, o->env, value, why);
		t->from_env[i] = 1;
	}
}

/* A clock that is set, but to nothing, would be the real one unnoticed. */
static void
check_clock(void)
{
	const char *s = getenv("SG_NOW"), *why;
	int64_t t;

	if (s != NULL && *s != '\0' && date_parse(s, date_now(), &t, &why) < 0)
		opt_usage("SG_NOW: bad value '%s' (%s)", s, why);
}

/* Set row i from the command line, which replaces the environment. */
static void
apply(struct table *t, size_t i, const char *value)
{
	const struct opt *o = t->row[i];
	char origin[64];
	const char *why;

	if (t->from_env[i] && o->kind == OPT_LIST)
		((struct opt_list *)o->to)->n = 0;
	if (t->from_env[i] && o->kind == OPT_COUNT)
		*(int *)o->to = 0;
	t->from_env[i] = 0;
	snprintf(origin, sizeof origin, "--%s", o->name);
	if (set(o, value, &why) < 0)
		refuse(o, origin, value, why);
}

static size_t
find_name(const struct table *t, const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (strncmp(t->row[i]->name, name, len) == 0 &&
		    t->row[i]->name[len] == '\0')
			break;
	return i;
}

static size_t
find_letter(const struct table *t, char letter)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (t->row[i]->letter == letter)
			break;
	return i;
}

/* Take "--name", "--name=value" or "--name value"; returns words used. */
static int
take_long(struct table *t, char **argv)
{
	const char *name = argv[0] + 2;
	size_t len = strcspn(name, "=");
	size_t i = find_name(t, name, len);

	if (i == t->n)
		opt_usage("unknown option --%.*s", (int)len, name);
	if (!takes_value(t->row[i])) {
		if (name[len] == '=')
			opt_usage("--%s takes no value", t->row[i]->name);
		apply(t, i, NULL);
		return 1;
	}
	if (name[len] == '=') {
		apply(t, i, name + len + 1);
		return 1;
	}
	if (argv[1] == NULL)
		opt_usage("--%s needs a value", t->row[i]->name);
	apply(t, i, argv[1]);
	return 2;
}

/* Take "-qv", "-n5" or "-n 5"; returns words used. */
static int
take_short(struct table *t, char **argv)
{
	const char *p;

	for (p = argv[0] + 1; *p != '\0'; p++) {
		size_t i = find_letter(t, *p);

		if (i == t->n)
			opt_usage("unknown option -%c", *p);
		if (!takes_value(t->row[i])) {
			apply(t, i, NULL);
			continue;
		}
		if (p[1] != '\0') {
			apply(t, i, p + 1);
			return 1;
		}
		if (argv[1] == NULL)
			opt_usage("-%c needs a value", *p);
		apply(t, i, argv[1]);
		return 2;
	}
	return 1;
}

/* Take all options and move the operands behind them. */
static int
take_options(struct table *t, int argc, char **argv)
{
	char **operand = xcalloc((size_t)argc + 1, sizeof *operand);
	int i = 1, kept = 1, n = 0, used;

	while (i < argc) {
		if (argv[i][0] != '-' || argv[i][1] == '\0') {
			operand[n++] = argv[i++];
			continue;
		}
		if (strcmp(argv[i], "--") == 0) {
			argv[kept++] = argv[i++];
			while (i < argc)
				operand[n++] = argv[i++];
			break;
		}
		used = argv[i][1] == '-' ? take_long(t, argv + i)
					 : take_short(t, argv + i);
		while (used-- > 0)
			argv[kept++] = argv[i++];
	}
	if (n > 0)
		memcpy(argv + kept, operand, (size_t)n * sizeof *operand);
	free(operand);
	return kept;
}

/* Append words of text, broken at LINE_WIDTH and indented to column. */
static void
add_wrapped(struct buf *b, const char *text, size_t column)
{
	size_t at = column, len;

	while (*text != '\0') {
		len = strcspn(text, " ");
		if (at > column && at + 1 + len > LINE_WIDTH) {
			buf_addf(b, "\n%*s", (int)column, "");
			at = column;
		} else if (at > column) {
			buf_addc(b, ' ');
			at++;
		}
		buf_add(b, text, len);
		at += len;
		text += len;
		text += strspn(text, " ");
	}
}

static void
add_help_row(struct buf *b, const struct opt *o)
{
	struct buf text = { 0 };
	size_t start = b->len, i;

	if (o->letter != 0)
		buf_addf(b, "  -%c, --%s", o->letter, o->name);
	else
		buf_addf(b, "      --%s", o->name);
	if (takes_value(o))
		buf_addf(b, " %s", o->arg != NULL ? o->arg : "VALUE");
	buf_adds(&text, o->help != NULL ? o->help : "");
	for (i = 0; o->kind == OPT_CHOICE && o->choices[i] != NULL; i++)
		buf_addf(&text, "%s%s", i == 0 ? ": " : ", ", o->choices[i]);
	if (o->env != NULL)
		buf_addf(&text, " [%s]", o->env);
	if (b->len - start + 2 > HELP_COLUMN)
		buf_adds(b, "  ");
	else
		buf_addf(b, "%*s", (int)(HELP_COLUMN - (b->len - start)), "");
	add_wrapped(b, buf_cstr(&text),
	    b->len - start > HELP_COLUMN ? b->len - start : HELP_COLUMN);
	buf_addc(b, '\n');
	buf_fini(&text);
}

static void
add_help(struct buf *b, const struct opt_command *command)
{
	struct table t = { 0 };
	size_t i;

	table_add(&t, command->options);
	buf_addf(b, "usage: %s [OPTION]...%s%s\n", command->name,
	    command->operands != NULL ? " " : "",
	    command->operands != NULL ? command->operands : "");
	add_wrapped(b, command->purpose, 0);
	buf_adds(b, "\n\n");
	for (i = 0; i < t.n; i++)
		add_help_row(b, t.row[i]);
	buf_adds(b,
	    "  -q, --quiet  -v, --verbose  -h, --help  -V, --version\n"
	    "\nexamples:\n");
	for (i = 0; i < 4 && command->examples[i] != NULL; i++)
		buf_addf(b, "  %s\n", command->examples[i]);
}

static const char *
kind_word(enum opt_kind kind)
{
	static const char *const word[] = {
		[OPT_FLAG] = "flag",
		[OPT_COUNT] = "count",
		[OPT_STRING] = "string",
		[OPT_LIST] = "list",
		[OPT_INT] = "int",
		[OPT_DURATION] = "duration",
		[OPT_TIME] = "time",
		[OPT_SIZE] = "size",
		[OPT_CHOICE] = "choice",
		[OPT_GROUP] = "group",
	};

	return word[kind];
}

static void
add_rows(struct buf *b, const struct table *t)
{
	size_t i, j;

	for (i = 0; i < t->n; i++) {
		const struct opt *o = t->row[i];

		if (o->help == NULL)
			continue;
		if (o->letter != 0)
			buf_addc(b, o->letter);
		buf_addf(b, "\t%s\t%s\t%s\t", o->name, kind_word(o->kind),
		    !takes_value(o)	 ? ""
			: o->arg != NULL ? o->arg
					 : "VALUE");
		for (j = 0; o->kind == OPT_CHOICE && o->choices[j] != NULL; j++)
			buf_addf(b, "%s%s", j > 0 ? " " : "", o->choices[j]);
		buf_addf(b, "\t%s\n", o->help);
	}
}

/* Print what was asked for and leave; a full disk is noticed. */
static void
print_and_leave(struct buf *b)
{
	if (fwrite(b->p, 1, b->len, stdout) != b->len || fflush(stdout) != 0)
		die(EXIT_IO, "standard output: %m");
	buf_fini(b);
	exit(EXIT_OK);
}

static void
answer(const struct opt_command *command, const struct table *t)
{
	struct buf b = { 0 };

	if (help)
		add_help(&b, command);
	else if (version)
		buf_addf(&b, "%s %s\n", command->name, SG_VERSION);
	else if (print_options)
		add_rows(&b, t);
	else
		return;
	print_and_leave(&b);
}

int
opt_parse(const struct opt_command *command, int argc, char **argv)
{
	struct table t = { 0 };
	int first;

	app_streams();
	die_name(argv[0]);
	help = version = quiet = verbose = print_options = 0;
	table_add(&t, command->options);
	table_add(&t, builtin);
	table_add(&t, hidden);
	check_clock();
	read_environment(&t);
	first = take_options(&t, argc, argv);
	answer(command, &t);
	if (first < argc && command->operands == NULL)
		opt_usage("unexpected operand '%s'", argv[first]);
	if (quiet)
		die_verbosity(-1);
	else if (verbose > 0)
		die_verbosity(1);
	return first;
}

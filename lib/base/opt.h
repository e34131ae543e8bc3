/*
 * Command-line options as one constant table, from which argv, environment
 * variables, --help, the manual's OPTIONS check and the shell completions
 * all come.
 */
#ifndef SG_BASE_OPT_H
#define SG_BASE_OPT_H

#include <stddef.h>
#include <stdint.h>

enum opt_kind {
	OPT_FLAG,     /* int *: set to 1 */
	OPT_COUNT,    /* int *: one more each time */
	OPT_STRING,   /* const char ** */
	OPT_LIST,     /* struct opt_list *: one more string each time */
	OPT_INT,      /* int64_t *: decimal, >= 0 */
	OPT_DURATION, /* int64_t *: microseconds; 90 90s 3m 1h30m 250ms */
	OPT_TIME,     /* int64_t *: microseconds since 1970 UTC (date.h) */
	OPT_SIZE,     /* int64_t *: bytes; 64K 10M 2G (powers of 1024) */
	OPT_CHOICE,   /* int *: index into .choices */
	OPT_GROUP     /* .to is a table (struct opt *, not const) of shared
			 options; .name is any text */
};

struct opt_list {
	const char **v; /* borrowed from argv or the environment */
	size_t n;
};

struct opt {
	char letter;	  /* 0 if it has only a long name */
	const char *name; /* long name without dashes; NULL ends a table */
	enum opt_kind kind;
	const char *arg;  /* word for the argument in --help, or NULL */
	const char *help; /* one line, lower case, no full stop */
	void *to;
	const char *env; /* environment variable read first, or NULL */
	const char *const *choices; /* OPT_CHOICE: NULL-terminated */
};

struct opt_command {
	const char *name;     /* "sg-pub" */
	const char *purpose;  /* one line, as in the manual's NAME */
	const char *operands; /* "[FILE]..." or NULL: no operands allowed */
	const struct opt *options;
	const char *examples[4]; /* two or more, NULL-terminated */
};

/*
 * opt_parse(command, argc, argv) - Call app_streams() and die_name(argv[0]),
 * then apply the environment, then argv (a list given there replaces the
 * environment's); a variable that is empty, or "0" for a flag, counts as unset.
 * SG_NOW has to be a time (date.h), or this exits with EXIT_USAGE.  Options may
 * stand after operands; "--" ends them; --name=value and --name value both
 * work; an unknown option, a bad value or an operand where none is allowed
 * prints one line plus "see --help" and exits with EXIT_USAGE. Handles
 * -h/--help and -V/--version (standard output, exit 0), -q/--quiet and
 * -v/--verbose, and the hidden --print-options, which prints one tab-separated
 * line per option (letter, name, kind, argument, choices, help) for the tests
 * and the completion generator.  argv is permuted so that the operands come
 * last.  Returns the index of the first operand.
 */
int opt_parse(const struct opt_command *command, int argc, char **argv);

/*
 * opt_named(words, name) - 1 if name is one of the words, which have blanks
 * between them: for verbs that list the options they look at.
 */
int opt_named(const char *words, const char *name);

/* opt_usage(fmt, ...) - One line, "see --help", exit EXIT_USAGE. */
void
opt_usage(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/opt.h"

enum { WORDS_MAX = 8 };

static int flag, mode;
static const char *broker;
static struct opt_list topics;
static int64_t count, timeout, size, since;

static const char *const modes[] = { "json", "csv", NULL };

static struct opt shared[] = {
	{ 'b', "broker", OPT_STRING, "URL", "where the broker is", &broker,
	    "T_BROKER" },
	{ 0 },
};

static const struct opt options[] = {
	{ 0, "shared", OPT_GROUP, .to = shared },
	{ 'e', "until-end", OPT_FLAG, NULL, "stop at the end", &flag,
	    "T_FLAG" },
	{ 't', "topic", OPT_LIST, "FILTER", "topic filter", &topics,
	    "T_TOPIC" },
	{ 'n', "count", OPT_INT, "N", "stop after N events", &count },
	{ 'w', "timeout", OPT_DURATION, "DUR", "limit", &timeout },
	{ 's', "since", OPT_TIME, "TIME", "from then on", &since },
	{ 0, "size", OPT_SIZE, "SIZE", "limit of size", &size },
	{ 'f', "format", OPT_CHOICE, "FORMAT", "format", &mode,
	    .choices = modes },
	{ 0 },
};

static const struct opt_command with_files = { "t-files", "try it", "[FILE]...",
	options, { "t-files a", "t-files -n 1 b" } };
static const struct opt_command alone = { "t-alone", "try it", NULL, options,
	{ "t-alone", "t-alone -e" } };

static const struct {
	const struct opt_command *command;
	const char *env; /* NAME=value, or NULL */
	const char *argv[WORDS_MAX];
	int status;
	const char *want; /* the state printed, or a part of the message */
	const char *why;
} cases[] = {
	{ &with_files, NULL, { "a" }, 0, "n=0 operands: a", "operand" },
	{ &with_files, NULL, { "-n5", "a" }, 0, "n=5 operands: a",
	    "value in the same word" },
	{ &with_files, NULL, { "a", "-n", "5", "b" }, 0, "n=5 operands: a b",
	    "options after operands" },
	{ &with_files, NULL, { "a", "--", "-n" }, 0, "n=0 operands: a -n",
	    "-- ends the options" },
	{ &with_files, NULL, { "-" }, 0, "operands: -",
	    "a dash is an operand" },
	{ &with_files, NULL, { "--count=5" }, 0, "n=5", "--name=value" },
	{ &with_files, NULL, { "--count", "5" }, 0, "n=5", "--name value" },
	{ &with_files, NULL, { "-en5" }, 0, "e=1 n=5", "letters together" },
	{ &with_files, NULL, { "-s", "-2h" }, 0, "",
	    "a value may begin with a dash" },
	{ &with_files, NULL, { "-w", "1h30m" }, 0, "w=5400000000", "duration" },
	{ &with_files, NULL, { "--size", "64K" }, 0, "size=65536", "size" },
	{ &with_files, NULL, { "-s", "@12.5" }, 0, "s=12500000", "time" },
	{ &with_files, NULL, { "-fcsv" }, 0, "f=1", "choice" },
	{ &with_files, NULL, { "-t", "a", "-t", "b" }, 0, "t=a,b,", "list" },
	{ &with_files, "T_BROKER=x", { "a" }, 0, "b=x", "environment" },
	{ &with_files, "T_BROKER=", { "a" }, 0, "b=- ",
	    "an empty variable is none" },
	{ &with_files, "T_FLAG=0", { "a" }, 0, "e=0", "0 does not set a flag" },
	{ &with_files, "T_FLAG=1", { "a" }, 0, "e=1", "1 sets it" },
	{ &with_files, "T_BROKER=x", { "-b", "y" }, 0, "b=y",
	    "argv before environment" },
	{ &with_files, "T_TOPIC=x", { "-t", "y" }, 0, "t=y,",
	    "a list of argv replaces the environment's" },
	{ &alone, NULL, { "a" }, 64, "unexpected operand 'a'; see --help",
	    "no operands allowed" },
	{ &alone, NULL, { "--nope" }, 64, "unknown option --nope",
	    "unknown long option" },
	{ &alone, NULL, { "--coun=1" }, 64, "unknown option --coun",
	    "no abbreviations" },
	{ &alone, NULL, { "-eZ" }, 64, "unknown option -Z", "unknown letter" },
	{ &alone, NULL, { "-n" }, 64, "-n needs a value", "no value" },
	{ &alone, NULL, { "--count" }, 64, "--count needs a value",
	    "no value, long" },
	{ &alone, NULL, { "-n", "x" }, 64,
	    "--count: bad value 'x' (not a number)", "bad number" },
	{ &alone, NULL, { "-n-1" }, 64, "bad value '-1'", "negative" },
	{ &alone, NULL, { "-w", "5 apples" }, 64, "not a duration",
	    "bad duration" },
	{ &alone, NULL, { "-s", "2020-01-01T00:00:00" }, 64,
	    "--since: bad value", "time without a zone" },
	{ &alone, NULL, { "-f", "xml" }, 64, "choices: json csv)",
	    "bad choice" },
	{ &alone, NULL, { "--until-end=1" }, 64, "takes no value",
	    "value for a flag" },
	{ &alone, NULL, { "-V" }, 0, "t-alone ", "version" },
	{ &alone, NULL, { "--help" }, 0, "usage: t-alone [OPTION]...\n",
	    "help without operands" },
	{ &with_files, NULL, { "-h" }, 0, "usage: t-files [OPTION]... [FILE]",
	    "help with operands" },
	{ &with_files, NULL, { "-h" }, 0,
	    "\n  -b, --broker URL          where the broker is [T_BROKER]\n",
	    "a row of a group, with its variable" },
	{ &with_files, NULL, { "-h" }, 0, "format: json, csv\n",
	    "choices in the help" },
	{ &with_files, NULL, { "--print-options" }, 0,
	    "\nf\tformat\tchoice\tFORMAT\tjson csv\tformat\n",
	    "rows for the completions" },
	{ &with_files, NULL, { "--print-options" }, 0,
	    "\n\tsize\tsize\tSIZE\t\tlimit of size\n", "row without a letter" },
};

/* Runs in a child: opt_parse() may leave the process. */
static void
show(size_t i)
{
	char *argv[WORDS_MAX + 2] = { NULL };
	int argc, first;
	size_t k;

	argv[0] = (char *)(uintptr_t)cases[i].command->name;
	for (argc = 1; cases[i].argv[argc - 1] != NULL; argc++)
		argv[argc] = (char *)(uintptr_t)cases[i].argv[argc - 1];
	if (cases[i].env != NULL)
		putenv((char *)(uintptr_t)cases[i].env);
	first = opt_parse(cases[i].command, argc, argv);
	printf("b=%s s=%lld size=%lld w=%lld t=", broker ? broker : "-",
	    (long long)since, (long long)size, (long long)timeout);
	for (k = 0; k < topics.n; k++)
		printf("%s,", topics.v[k]);
	printf(" f=%d e=%d n=%lld operands:", mode, flag, (long long)count);
	for (; first < argc; first++)
		printf(" %s", argv[first]);
	printf(" \n");
	free(topics.v);
	exit(0);
}

/* Run case i; its output goes to out, its status is returned. */
static int
run(size_t i, char *out, size_t size_out)
{
	size_t n = 0;
	ssize_t got;
	int fd[2], status;
	pid_t pid;

	if (pipe(fd) < 0 || (pid = fork()) < 0)
		return -1;
	if (pid == 0) {
		dup2(fd[1], STDOUT_FILENO);
		dup2(fd[1], STDERR_FILENO);
		close(fd[0]);
		close(fd[1]);
		show(i);
	}
	close(fd[1]);
	while ((got = read(fd[0], out + n, size_out - 1 - n)) > 0)
		n += (size_t)got;
	out[n] = '\0';
	close(fd[0]);
	if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

int
main(void)
{
	size_t i, passed = 0, total = sizeof cases / sizeof cases[0];
	char out[8192];

	for (i = 0; i < total; i++) {
		int status = run(i, out, sizeof out);

		if (status == cases[i].status &&
		    strstr(out, cases[i].want) != NULL)
			passed++;
		else
			fprintf(stderr,
			    "test_opt: %s: status %d, want %d; "
			    "output lacks \"%s\": %s\n",
			    cases[i].why, status, cases[i].status,
			    cases[i].want, out);
	}
	if (passed < total)
		return 1;
	printf("test_opt: %zu passed\n", passed);
	return 0;
}

/* Filters from arguments and from a file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "event/filters.h"

static const struct {
	const char *in;	  /* the file; NULL: there is none */
	int want;	  /* of filters_read() */
	const char *list; /* those read, each with a space, or the reason */
	const char *why;
} cases[] = {
	{ "A/1\nB/#\n", 1, "A/1 B/# ", "one per line" },
	{ "A/1", 1, "A/1 ", "the last newline may be missing" },
	{ "# all\n\n \t\n #x\n  A/*\t \r\nC\n#\n", 1, "A/* C ",
	    "comments, blanks and line ends do not count" },
	{ "A/#\n!A/2/+\n", 1, "A/# !A/2/+ ", "exclusions stay as given" },
	{ "", 1, "", "an empty file" },
	{ "A\nA/#/B\nC\n", 0, "filter A/#/B: ", "one that is none is named" },
	{ "!\n", 0, "filter !: ", "an exclusion of nothing" },
	{ NULL, -1, "", "a file that does not exist" },
};

static void
run_case(size_t i, const char *path)
{
	struct filters f = { 0 };
	struct buf list = { 0 };
	const char *why = NULL;
	FILE *file;
	int got;

	unlink(path);
	if (cases[i].in != NULL) {
		file = fopen(path, "w");
		if (file == NULL || fputs(cases[i].in, file) < 0 ||
		    fclose(file) != 0)
			exit(1);
	}
	errno = 0;
	got = filters_read(&f, path, &why);
	if (got == -1)
		check(errno == ENOENT, "errno says what went wrong");
	for (size_t k = 0; got == 1 && k < f.n; k++)
		buf_addf(&list, "%s ", f.v[k]);
	if (got == 0)
		buf_add(&list, why, strlen(cases[i].list));
	check(
	    got == cases[i].want && strcmp(buf_cstr(&list), cases[i].list) == 0,
	    "%s", cases[i].why);
	buf_fini(&list);
	filters_fini(&f);
}

static void
test_add(void)
{
	struct filters f = { 0 };
	const char *why;

	check(filters_check(&f) != NULL, "an empty list matches nothing");
	check(filters_add(&f, "!A/#") == NULL && filters_check(&f) != NULL,
	    "exclusions alone match nothing");
	why = filters_add(&f, "A//B");
	check(why != NULL && strncmp(why, "filter A//B: ", 13) == 0 && f.n == 1,
	    "a filter that is none is named and left out");
	check(filters_add(&f, "#") == NULL && filters_check(&f) == NULL &&
		f.n == 2 && strcmp(f.v[1], "#") == 0,
	    "one positive filter is enough");
	filters_fini(&f);
}

int
main(void)
{
	char path[] = "/tmp/sgf.XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0)
		return 1;
	close(fd);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		run_case(i, path);
	test_add();
	unlink(path);
	return check_done();
}

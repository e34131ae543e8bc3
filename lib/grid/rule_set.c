#include "grid/rule_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "grid/constant.h"
#include "grid/rule_context.h"

static int
open_rule(struct rule_set *set, const char *path, struct buf *why)
{
	struct rule_file *r = &set->files[set->n];
	struct buf what = { 0 };
	int status = rule_file_open(r, path, &what);

	if (status < 0 && what.len == 0)
		buf_addf(why, "%s: %s\n", path, strerror(errno));
	else if (status < 0)
		buf_addf(why, "%s\n", buf_cstr(&what));
	buf_fini(&what);
	if (status < 0)
		return -1;
	set->n++;
	for (size_t i = 0; i + 1 < set->n; i++)
		if (strcmp(set->files[i].name, r->name) == 0) {
			buf_addf(why, "%s: there is another rule %s: %s\n",
			    path, r->name, set->files[i].path);
			return -1;
		}
	return 0;
}

static int
read_contexts(struct rule_set *set, const struct rule_paths *paths,
    struct rule_context *x, struct buf *why)
{
	int status = 0;

	for (size_t i = 0; i < paths->ncontexts; i++)
		if (rule_context_open(&x[i], paths->contexts[i], why) < 0)
			status = -1;
	for (size_t i = 0; status == 0 && i < set->n; i++)
		if (rule_context_for(x, paths->ncontexts, &set->files[i],
			&set->contexts[i], why) < 0)
			status = -1;
	return status;
}

static int
read_knowledge(struct rule_set *set, const char *path, struct buf *why)
{
	struct rule_context x = { 0 };
	int status = 0;

	if (path == NULL)
		buf_adds(&set->knowledge, "{}");
	else if ((status = rule_context_open(&x, path, why)) == 0)
		buf_add(&set->knowledge, x.c.value.p, x.c.value.n);
	rule_context_fini(&x);
	return status;
}

int
rule_set_open(
    struct rule_set *set, const struct rule_paths *paths, struct buf *why)
{
	struct rule_context *x = xcalloc(paths->ncontexts + 1, sizeof *x);
	int status = 0;

	*set = (struct rule_set){ 0 };
	set->files = xcalloc(paths->nrules + 1, sizeof *set->files);
	set->contexts = xcalloc(paths->nrules + 1, sizeof *set->contexts);
	for (size_t i = 0; i < paths->nrules; i++)
		if (open_rule(set, paths->rules[i], why) < 0)
			status = -1;
	if (status == 0)
		status = read_contexts(set, paths, x, why);
	if (read_knowledge(set, paths->knowledge, why) < 0)
		status = -1;
	for (size_t i = 0; i < paths->ncontexts; i++)
		rule_context_fini(&x[i]);
	free(x);
	if (status < 0)
		rule_set_fini(set);
	return status;
}

void
rule_set_fini(struct rule_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		rule_file_fini(&set->files[i]);
		buf_fini(&set->contexts[i]);
	}
	free(set->files);
	free(set->contexts);
	buf_fini(&set->knowledge);
	*set = (struct rule_set){ 0 };
}

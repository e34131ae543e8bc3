#include "grid/rule_source.h"

#include <string.h>

#include "grid/rule_head.h"

static const char *const variables[] = {
	[RULE_STATE] = "state",
	[RULE_NOW] = "now",
	[RULE_KEY] = "key",
	[RULE_CAPTURES] = "captures",
};

/* Builtins by the names that they have in listings. */
static const struct {
	const char *name, *instead;
} refused[] = {
	{ "now", "the time is $now" },
	{ "input", "a rule sees one event at a time" },
	{ "_input", "a rule sees one event at a time" },
	{ "input_filename", "events have no file" },
	{ "input_line_number", "events have no line" },
	{ "stderr", "use debug, or the output {\"$why\": text}" },
	{ "halt", "use empty, or error(text)" },
	{ "halt_error", "use error(text)" },
	{ "get_search_list", "rules read no files" },
	{ "get_prog_origin", "rules read no files" },
	{ "get_jq_origin", "rules read no files" },
	{ "modulemeta", "rules read no files" },
};

const char *
rule_variable_name(enum rule_variable v)
{
	return variables[v];
}

unsigned
rule_source_wrap(const struct rule_source *s, struct buf *b)
{
	struct rule_head head;
	unsigned used = 0;
	const char *why;
	size_t at;

	for (int v = 0; v < RULE_VARIABLES; v++)
		if (rule_mentions(s->text, s->n, variables[v]))
			used |= 1u << v;
	if (rule_head(&head, s->text, s->n, &at, &why) < 0 || used == 0) {
		buf_add(b, s->text, s->n);
		return 0;
	}
	buf_add(b, s->text, head.body);
	buf_adds(b, " . as [$sg_event");
	for (int v = 0; v < RULE_VARIABLES; v++)
		if (used >> v & 1)
			buf_addf(b, ",$%s", variables[v]);
	buf_adds(b, "] | $sg_event | (");
	buf_add(b, s->text + head.body, s->n - head.body);
	/* The last line may be a comment. */
	buf_adds(b, "\n)");
	return used;
}

/* The last place of word in p[0..n), or NULL. */
static const char *
last(const char *p, size_t n, const char *word)
{
	const char *found = NULL, *end = p + n;

	while ((p = memmem(p, (size_t)(end - p), word, strlen(word))) != NULL)
		found = p++;
	return found;
}

static int
begins(const char *p, size_t n, const char *with)
{
	return n >= strlen(with) && memcmp(p, with, strlen(with)) == 0;
}

/* " at FILE, line N:", of which FILE and N are taken: 1 or 0. */
static int
place(const struct rule_source *s, const char *p, const char *end,
    struct buf *why)
{
	static const char top[] = "<top-level>";
	const char *comma = last(p, (size_t)(end - p), ", line ");

	if (comma == NULL)
		return 0;
	if (begins(p, (size_t)(end - p), top))
		buf_adds(why, s->file);
	else
		buf_add(why, p, (size_t)(comma - p));
	buf_addc(why, ':');
	for (p = comma + strlen(", line "); p < end && *p >= '0' && *p <= '9';
	     p++)
		buf_addc(why, *p);
	buf_adds(why, ": ");
	return 1;
}

/* Messages on modules name no place, but the module. */
static void
search(const struct rule_source *s, const char *p, size_t n, struct buf *why)
{
	static const char missing[] = "module not found: ";
	struct buf quoted = { 0 };
	const char *at = NULL;

	buf_adds(why, s->file);
	if (begins(p, n, missing)) {
		buf_addc(&quoted, '"');
		buf_add(&quoted, p + strlen(missing), n - strlen(missing));
		buf_addc(&quoted, '"');
		at = memmem(s->text, s->n, quoted.p, quoted.len);
		buf_fini(&quoted);
	}
	if (at != NULL)
		buf_addf(
		    why, ":%zu", rule_line(s->text, (size_t)(at - s->text)));
	buf_adds(why, ": ");
}

void
rule_source_said(
    const struct rule_source *s, const char *said, size_t n, struct buf *why)
{
	static const char prefix[] = "jq: error: ";
	static const char shell[] = " (Unix shell quoting issues?)";
	const char *end = memchr(said, '\n', n), *at, *cut;

	n = end != NULL ? (size_t)(end - said) : n;
	if (last(said, n, " compile error") != NULL)
		return;
	if (begins(said, n, prefix)) {
		said += strlen(prefix);
		n -= strlen(prefix);
	}
	at = last(said, n, " at ");
	if (at != NULL && place(s, at + 4, said + n, why))
		n = (size_t)(at - said);
	else
		search(s, said, n, why);
	cut = last(said, n, shell);
	if (cut != NULL)
		n = (size_t)(cut - said);
	buf_add(why, said, n);
	buf_addc(why, '\n');
}

/* Where the program uses the word itself, if it does. */
static size_t
line_of_word(const struct rule_source *s, const char *word)
{
	static const char inside[] = "abcdefghijklmnopqrstuvwxyz"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789_$.";
	const char *p = s->text, *end = s->text + s->n;
	size_t n = strlen(word);

	for (; (p = memmem(p, (size_t)(end - p), word, n)) != NULL; p++)
		if ((p == s->text || strchr(inside, p[-1]) == NULL) &&
		    (p + n == end || p[n] == '\0' ||
			strchr(inside, p[n]) == NULL))
			return rule_line(s->text, (size_t)(p - s->text));
	return 0;
}

static int
refuse(const struct rule_source *s, size_t k, struct buf *why)
{
	const char *name = refused[k].name;
	size_t line;

	name += *name == '_';
	line = line_of_word(s, name);
	buf_adds(why, s->file);
	if (line > 0)
		buf_addf(why, ":%zu", line);
	buf_addf(why, ": %s: not in a rule: %s\n", name, refused[k].instead);
	return 0;
}

int
rule_source_harmless(
    const struct rule_source *s, const char *listing, size_t n, struct buf *why)
{
	static const char call[] = " CALL_BUILTIN ";
	const char *p = listing, *end = listing + n, *stop;

	for (; p < end; p = stop + 1) {
		const char *word = p;

		stop = memchr(p, '\n', (size_t)(end - p));
		if (stop == NULL)
			stop = end;
		/* Constants stand in lines of other operations. */
		word += strspn(word, " ");
		word += strspn(word, "0123456789");
		if (!begins(word, (size_t)(stop - word), call))
			continue;
		word += strlen(call);
		for (size_t k = 0; k < sizeof refused / sizeof *refused; k++)
			if ((size_t)(stop - word) == strlen(refused[k].name) &&
			    begins(
				word, (size_t)(stop - word), refused[k].name))
				return refuse(s, k, why);
	}
	return 1;
}

#include "grid/rule_head.h"

#include <string.h>

#include "event/json.h"

/* Tokens of jq as far as heads need them. */
enum token {
	END = 0,
	WORD = 'w',
	STRING = 's',
	BAD = '!'
	/* others: the character */
};

struct reader {
	const char *text;
	size_t n;
	size_t begin, at; /* the last token; behind it */
};

static int
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_';
}

static void
skip_space(struct reader *r)
{
	for (; r->at < r->n; r->at++) {
		if (r->text[r->at] == '#')
			while (r->at + 1 < r->n && r->text[r->at] != '\n')
				r->at++;
		if (strchr(" \t\r\n#", r->text[r->at]) == NULL ||
		    r->text[r->at] == '\0')
			return;
	}
}

static enum token
string_token(struct reader *r)
{
	for (r->at++; r->at < r->n; r->at++) {
		if (r->text[r->at] == '"') {
			r->at++;
			return STRING;
		}
		if (r->text[r->at] == '\\')
			r->at++;
	}
	return BAD;
}

static enum token
next(struct reader *r)
{
	char c;

	skip_space(r);
	r->begin = r->at;
	if (r->at >= r->n)
		return END;
	c = r->text[r->at];
	if (c == '"')
		return string_token(r);
	if (!is_word(c)) {
		r->at++;
		return c == '\0' ? BAD : (enum token)(unsigned char)c;
	}
	while (r->at < r->n && is_word(r->text[r->at]))
		r->at++;
	return WORD;
}

static int
token_is(const struct reader *r, const char *word)
{
	size_t n = strlen(word);

	return r->at - r->begin == n &&
	    memcmp(r->text + r->begin, word, n) == 0;
}

/* Over an object, from its opening bracket: 0 or -1. */
static int
skip_object(struct reader *r)
{
	size_t depth = 1;

	while (depth > 0) {
		enum token t = next(r);

		if (t == END || t == BAD)
			return -1;
		if (t == (enum token)'{' || t == (enum token)'[')
			depth++;
		else if (t == (enum token)'}' || t == (enum token)']')
			depth--;
	}
	return 0;
}

/* What is known to be wrong with the metadata, or NULL. */
static const char *
meta_fault(const struct rule_head *h, const char *text)
{
	const char *why;
	enum json_kind kind = json_check(text + h->meta, h->meta_n, &why);

	return kind == JSON_NONE  ? why
	    : kind != JSON_OBJECT ? "module: not an object"
				  : NULL;
}

static const char *
read_module(struct reader *r, struct rule_head *h)
{
	if (next(r) != (enum token)'{')
		return "module: no object follows";
	h->meta = r->begin;
	if (skip_object(r) < 0)
		return "module: the object does not end";
	h->meta_n = r->at - h->meta;
	if (next(r) != (enum token)';')
		return "module: no ; behind the object";
	h->body = r->at;
	return meta_fault(h, r->text);
}

/* An import or include, up to its semicolon. */
static const char *
read_import(struct reader *r, struct rule_head *h)
{
	enum token t;

	while ((t = next(r)) != (enum token)';')
		if (t == END || t == BAD ||
		    (t == (enum token)'{' && skip_object(r) < 0))
			return "no ; behind import or include";
	h->body = r->at;
	return NULL;
}

int
rule_head(struct rule_head *h, const char *text, size_t n, size_t *at,
    const char **why)
{
	struct reader r = { .text = text, .n = n };

	*h = (struct rule_head){ 0 };
	*why = NULL;
	while (*why == NULL && next(&r) == WORD) {
		*at = r.begin;
		if (token_is(&r, "module") && h->body == 0)
			*why = read_module(&r, h);
		else if (token_is(&r, "import") || token_is(&r, "include"))
			*why = read_import(&r, h);
		else
			break;
	}
	return *why != NULL ? -1 : 0;
}

size_t
rule_line(const char *text, size_t at)
{
	size_t line = 1;

	for (size_t i = 0; i < at; i++)
		line += text[i] == '\n';
	return line;
}

/* Whether a $ belongs to the word at place at: there may be a comment. */
static int
has_dollar(const char *text, size_t at)
{
	while (at > 0 && strchr(" \t\r", text[at - 1]) != NULL &&
	    text[at - 1] != '\0')
		at--;
	return at > 0 && (text[at - 1] == '$' || text[at - 1] == '\n');
}

int
rule_mentions(const char *text, size_t n, const char *name)
{
	size_t len = strlen(name);
	const char *p = text, *end = text + n;

	for (; (p = memmem(p, (size_t)(end - p), name, len)) != NULL; p++) {
		size_t at = (size_t)(p - text);

		if ((at + len < n && is_word(p[len])) ||
		    (at > 0 && is_word(p[-1])))
			continue;
		if (has_dollar(text, at))
			return 1;
	}
	return 0;
}

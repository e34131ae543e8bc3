#include "grid/constant.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"

enum { FILE_MAX = 64 * 1024 * 1024, CHUNK = 65536 };

/* Where a constant is being read. */
struct walk {
	struct constant *c;
	const char *p;
	size_t n, at;
	enum constant_form form;
};

static int value(struct walk *w, unsigned depth);

static uint64_t
count_lines(const char *p, size_t n)
{
	uint64_t lines = 0;
	const char *end = p + n;

	while (p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		lines++;
		p++;
	}
	return lines;
}

static int
fault_at(struct walk *w, size_t at, const char *why)
{
	w->c->why = why;
	w->c->line = 1 + count_lines(w->p, at);
	return -1;
}

static int
fault(struct walk *w, const char *why)
{
	return fault_at(w, w->at, why);
}

static int
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

size_t
constant_blank(const char *p, size_t n, size_t from)
{
	for (;;) {
		while (from < n && is_blank(p[from]))
			from++;
		if (from == n || p[from] != '#')
			return from;
		while (from < n && p[from] != '\n')
			from++;
	}
}

/* Of blanks and comments the newlines are kept. */
static void
blank(struct walk *w)
{
	size_t from = w->at;

	if (w->form == CONSTANT_JQ)
		w->at = constant_blank(w->p, w->n, from);
	else
		while (w->at < w->n && is_blank(w->p[w->at]))
			w->at++;
	for (; from < w->at; from++)
		if (w->p[from] == '\n')
			buf_addc(&w->c->text, '\n');
}

static int
next_is(const struct walk *w, char c)
{
	return w->at < w->n && w->p[w->at] == c;
}

/* p[w->at..to) as it is; the token says what is wrong with itself. */
static int
token(struct walk *w, size_t to)
{
	const char *why = NULL;

	if (json_check(w->p + w->at, to - w->at, &why) == JSON_NONE)
		return fault(w, why);
	buf_add(&w->c->text, w->p + w->at, to - w->at);
	w->at = to;
	return 0;
}

static int
string(struct walk *w)
{
	size_t to = w->at + 1;

	while (to < w->n && w->p[to] != '"') {
		if (w->form == CONSTANT_JQ && w->p[to] == '\\' &&
		    to + 1 < w->n && w->p[to + 1] == '(')
			return fault(w, "a string with \\( ) is no constant");
		to += 1 + (w->p[to] == '\\');
	}
	if (to >= w->n)
		return fault(w, "a string that does not end");
	return token(w, to + 1);
}

static int
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static size_t
word_end(const struct walk *w)
{
	size_t to = w->at;

	while (to < w->n &&
	    (is_letter(w->p[to]) ||
		(to > w->at && w->p[to] >= '0' && w->p[to] <= '9')))
		to++;
	return to;
}

static int
word(struct walk *w)
{
	static const char *const words[] = { "true", "false", "null" };
	size_t to = word_end(w), n = to - w->at;

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strlen(words[i]) == n &&
		    memcmp(words[i], w->p + w->at, n) == 0)
			return token(w, to);
	return fault(w,
	    w->form == CONSTANT_JQ ? "only constants may stand in the head"
				   : "unexpected word");
}

static int
name(struct walk *w)
{
	size_t to;

	if (next_is(w, '"'))
		return string(w);
	to = w->form == CONSTANT_JQ ? word_end(w) : w->at;
	if (to == w->at)
		return fault(w, "a member's name is expected");
	json_add_string(&w->c->text, w->p + w->at, to - w->at);
	w->at = to;
	return 0;
}

static void
punctuation(struct walk *w)
{
	buf_addc(&w->c->text, w->p[w->at++]);
}

static int
member(struct walk *w, unsigned depth)
{
	if (name(w) < 0)
		return -1;
	blank(w);
	if (!next_is(w, ':'))
		return fault(w, "':' is expected");
	punctuation(w);
	blank(w);
	return value(w, depth);
}

/* Members or elements, behind the bracket that opens them. */
static int
contents(struct walk *w, unsigned depth, char close)
{
	blank(w);
	if (next_is(w, close))
		return 0;
	for (;;) {
		blank(w);
		if ((close == '}' ? member(w, depth) : value(w, depth)) < 0)
			return -1;
		blank(w);
		if (!next_is(w, ','))
			break;
		punctuation(w);
	}
	if (next_is(w, close))
		return 0;
	return fault(w,
	    w->at == w->n      ? "it ends inside a value"
		: close == '}' ? "',' or '}' is expected"
			       : "',' or ']' is expected");
}

static int
compound(struct walk *w, unsigned depth, char close)
{
	struct buf *text = &w->c->text;
	size_t open = w->at, begin = text->len;
	const char *why = NULL;

	if (depth == JSON_DEPTH_MAX)
		return fault(w, "nested too deep");
	punctuation(w);
	if (contents(w, depth + 1, close) < 0)
		return -1;
	punctuation(w);
	if (close == '}' &&
	    json_check_wide(text->p + begin, text->len - begin, &why) ==
		JSON_NONE)
		return fault_at(w, open, why);
	return 0;
}

static int
value(struct walk *w, unsigned depth)
{
	size_t n;

	if (w->at == w->n)
		return fault(w, "it ends where a value is expected");
	if (next_is(w, '{'))
		return compound(w, depth, '}');
	if (next_is(w, '['))
		return compound(w, depth, ']');
	if (next_is(w, '"'))
		return string(w);
	if (is_letter(w->p[w->at]))
		return word(w);
	n = num_token(w->p + w->at, w->n - w->at);
	if (n == 0)
		return fault(w, "a value is expected");
	return token(w, w->at + n);
}

size_t
constant_read(struct constant *c, const char *p, size_t n,
    enum constant_form form, size_t from)
{
	struct walk w = { .c = c, .p = p, .n = n, .at = from, .form = form };
	size_t begin;

	buf_clear(&c->text);
	for (uint64_t i = count_lines(p, from); i > 0; i--)
		buf_addc(&c->text, '\n');
	blank(&w);
	begin = c->text.len;
	if (value(&w, 0) < 0)
		return 0;
	c->value = json_value(c->text.p + begin, c->text.len - begin);
	return w.at;
}

int
constant_whole(struct constant *c, const char *p, size_t n)
{
	struct walk w = { .c = c, .p = p, .n = n, .form = CONSTANT_JSON };

	w.at = constant_read(c, p, n, CONSTANT_JSON, 0);
	if (w.at == 0)
		return -1;
	while (w.at < n && is_blank(p[w.at]))
		w.at++;
	return w.at == n ? 0 : fault(&w, "something follows the value");
}

uint64_t
constant_line(const struct constant *c, const char *at)
{
	return 1 + count_lines(c->text.p, (size_t)(at - c->text.p));
}

int
constant_load(const char *path, struct buf *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), saved;
	ssize_t n = -1;

	if (fd < 0)
		return -1;
	while (text->len <= FILE_MAX &&
	    (n = read(fd, buf_room(text, CHUNK), CHUNK)) > 0)
		text->len += (size_t)n;
	saved = n < 0 ? errno : text->len > FILE_MAX ? EFBIG : 0;
	close(fd);
	errno = saved;
	return saved == 0 ? 0 : -1;
}

void
constant_fini(struct constant *c)
{
	buf_fini(&c->text);
}

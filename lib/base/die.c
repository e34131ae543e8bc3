#include "base/die.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"

enum { MESSAGE_MAX = 4096 };

static const char *name = "sg";
static int verbosity;
static int as_json;

void
die_name(const char *argv0)
{
	const char *slash = strrchr(argv0, '/');
	const char *log = getenv("SG_LOG");

	name = slash ? slash + 1 : argv0;
	as_json = log != NULL && strcmp(log, "json") == 0;
}

void
die_verbosity(int level)
{
	verbosity = level;
}

int
die_verbose(void)
{
	return verbosity > 0;
}

/* Append text with control characters made visible. */
static void
add_visible(struct buf *b, const char *s)
{
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x20 || c == 0x7f)
			buf_addf(b, as_json ? "\\u%04x" : "\\x%02x", c);
		else if (as_json && (c == '"' || c == '\\'))
			buf_addf(b, "\\%c", c);
		else
			buf_addc(b, *s);
	}
}

static void __attribute__((format(printf, 2, 0)))
say(const char *level, const char *fmt, va_list ap)
{
	char text[MESSAGE_MAX];
	struct buf b = { 0 };
	struct timespec now;
	ssize_t wrote;

	vsnprintf(text, sizeof text, fmt, ap);
	if (as_json) {
		clock_gettime(CLOCK_REALTIME, &now);
		buf_addf(&b,
		    "{\"t\":%lld.%03ld,\"tool\":\"%s\",\"level\":\"%s\","
		    "\"msg\":\"",
		    (long long)now.tv_sec, now.tv_nsec / 1000000, name, level);
		add_visible(&b, text);
		buf_adds(&b, "\"}\n");
	} else {
		buf_addf(&b, "%s: %s: ", name, level);
		add_visible(&b, text);
		buf_addc(&b, '\n');
	}
	wrote = write(STDERR_FILENO, b.p, b.len);
	(void)wrote;
	buf_fini(&b);
}

void
die(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("error", fmt, ap);
	va_end(ap);
	exit(status);
}

void
error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("error", fmt, ap);
	va_end(ap);
}

void
warn(const char *fmt, ...)
{
	va_list ap;

	if (verbosity < 0)
		return;
	va_start(ap, fmt);
	say("warning", fmt, ap);
	va_end(ap);
}

void
note(const char *fmt, ...)
{
	va_list ap;

	if (verbosity < 0)
		return;
	va_start(ap, fmt);
	say("note", fmt, ap);
	va_end(ap);
}

void
debug(const char *fmt, ...)
{
	va_list ap;

	if (verbosity < 1)
		return;
	va_start(ap, fmt);
	say("debug", fmt, ap);
	va_end(ap);
}

static void *
need(void *p)
{
	static const char text[] = "sg: error: out of memory\n";
	ssize_t wrote;

	if (p != NULL)
		return p;
	wrote = write(STDERR_FILENO, text, sizeof text - 1);
	(void)wrote;
	_exit(EXIT_BUG);
}

void *
xmalloc(size_t size)
{
	return need(malloc(size ? size : 1));
}

void *
xcalloc(size_t count, size_t size)
{
	return need(calloc(count ? count : 1, size ? size : 1));
}

void *
xrealloc(void *old, size_t size)
{
	return need(realloc(old, size ? size : 1));
}

char *
xstrdup(const char *s)
{
	return need(strdup(s));
}

char *
xstrndup(const char *s, size_t n)
{
	char *p = xmalloc(n + 1);

	memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

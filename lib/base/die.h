/*
 * Messages on standard error and the end of a command.  Only commands use
 * these; the library reports by return value and errno or a reason string.
 */
#ifndef SG_BASE_DIE_H
#define SG_BASE_DIE_H

#include <stddef.h>

/*
 * The exit codes of every program, sg-exit(7).  Numbers 64 and up follow
 * sysexits(3) where it has the meaning.
 */
enum sg_exit {
	EXIT_OK = 0,
	EXIT_NO = 1,		/* a valid "no": nothing matched */
	EXIT_USAGE = 64,
	EXIT_DATA = 65,		/* bad input data */
	EXIT_NOINPUT = 66,	/* input absent, or gone behind retention */
	EXIT_UNAVAILABLE = 69,	/* no broker */
	EXIT_BUG = 70,
	EXIT_CANTCREATE = 73,
	EXIT_IO = 74,
	EXIT_QUEUED = 75,	/* spooled, not yet delivered: do not resend */
	EXIT_PROTOCOL = 76,
	EXIT_DENIED = 77,
	EXIT_CONFIG = 78,
	EXIT_TIMEOUT = 124
};

/*
 * die_name(argv0) - Set the name that starts each message: the part of
 * argv0 after its last slash.  Also reads SG_LOG: "json" makes each message
 * one JSON object {"t":…,"tool":…,"level":…,"msg":…}.  argv0 is borrowed
 * for the process's life.
 */
void die_name(const char *argv0);

/*
 * die_verbosity(level) - -1 drops note() and warn() (option -q), 0 drops
 * debug(), 1 prints all (option -v).
 */
void die_verbosity(int level);

/* die_verbose() - 1 if debug() prints, so that its text is worth making. */
int die_verbose(void);

/*
 * die(status, fmt, ...) - Print "NAME: error: MESSAGE\n" as one write and
 * exit(status).  Control characters in the message are escaped as \xHH, so
 * that no topic or name from outside can forge a line or steer a terminal.
 */
void die(int status, const char *fmt, ...)
    __attribute__((noreturn, format(printf, 2, 3)));

/* error/warn/note/debug(fmt, ...) - As die(), with that level, and return. */
void error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * xmalloc/xcalloc/xrealloc/xstrdup/xstrndup - As the C library's, but out of
 * memory prints one line and exits with EXIT_BUG: the one place where the
 * library ends the process.  The caller frees the result.
 */
void *xmalloc(size_t size) __attribute__((malloc));
void *xcalloc(size_t count, size_t size) __attribute__((malloc));
void *xrealloc(void *old, size_t size);
char *xstrdup(const char *s) __attribute__((malloc));
char *xstrndup(const char *s, size_t n) __attribute__((malloc));

#endif

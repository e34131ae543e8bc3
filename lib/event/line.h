/*
 * Lines in and out of every filter: whole lines of any length up to the
 * limit, CRLF, NUL and a missing last newline survived, output flushed
 * before every wait for input, bad lines reported, counted and kept.
 */
#ifndef SG_EVENT_LINE_H
#define SG_EVENT_LINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Buffered output to one descriptor. */
struct line_out {
	int fd;
	const char *name; /* for messages: "standard output" */
	struct buf buf;
};

/* line_out_init(out, fd, name) - name is borrowed. */
void line_out_init(struct line_out *out, int fd, const char *name);

/*
 * line_out_add(out, p, n) - Append bytes; written out once 64 KiB are
 * together.  line_out_line() adds the newline too.  line_out_flush() writes
 * all.  0, or -1 with errno.
 */
int line_out_add(struct line_out *out, const char *p, size_t n);
int line_out_line(struct line_out *out, const char *p, size_t n);
int line_out_flush(struct line_out *out);

/* line_out_fini(out) - Flush, close the descriptor, free.  0 or -1. */
int line_out_fini(struct line_out *out);

/* Lines from files one after the other, or standard input. */
struct line_in {
	char *const *files;  /* "-" is standard input */
	size_t nfiles, file; /* file: the next one to open */
	int fd;		     /* -1 between files and at the end */
	const char *name;    /* of the current file, for messages */
	uint64_t number;     /* of the line last given, from 1 */
	uint64_t lines, bad; /* in all files, without empty lines */
	uint64_t lost;	     /* bad ones that no dead file has */
	size_t max;	     /* longest line, without newline */
	struct buf buf;
	size_t at;	/* where the next line begins in buf */
	size_t seen;	/* bytes from there without a newline */
	int cr;		/* the line last given ended in CR LF */
	int skipping;	/* inside a line over the limit */
	int stop;	/* strict, and a line was bad */
	int strict;	/* stop at the first bad line */
	int dead;	/* descriptor for bad lines, or -1 */
	int dead_errno; /* of the first write to it that failed */
	const char *dead_name;
	struct line_out *out; /* flushed before every read, or NULL */
};

/*
 * line_open(in, files, n) - Read files[0..n), standard input if n is 0.
 * files is borrowed.  Always succeeds: each file is opened when its turn
 * comes.  Defaults: max EVENT_LINE_MAX, no dead file, no output.
 */
void line_open(struct line_in *in, char *const *files, size_t n);

/*
 * line_dead(in, path) - Append bad lines, whole and unchanged, to path
 * (created 0666 & ~umask; "-" is refused with EINVAL).  path is borrowed.
 * 0, or -1 with errno.
 */
int line_dead(struct line_in *in, const char *path);

enum line_result {
	LINE_ERROR = -1, /* errno; in->name says which file */
	LINE_END = 0,
	LINE_GIVEN = 1,
	LINE_WAIT = 2 /* line_take(): nothing whole is buffered */
};

/*
 * line_next(in, p, n) - The next line without its newline (and without a CR
 * before it), flushing in->out before it reads.  Empty lines are counted in
 * in->number and skipped; the last line needs no newline.  A line over
 * in->max is reported as by line_bad(), written whole to the dead file and
 * skipped, in bounded memory.  *p is valid until the next call.  LINE_END at
 * the end of the last file, or once in->strict has asked to stop.
 *
 * LINE_ERROR leaves the walk usable: a signal (EINTR) may be continued, a
 * file that cannot be opened or read is left behind and the next call goes
 * on with the next one.  in->name is the file's name ("stdin" for "-"), or
 * in->out->name or in->dead_name if that could not be written.
 */
enum line_result line_next(struct line_in *in, const char **p, size_t *n);

/*
 * line_take(in, p, n) - As line_next, but never reads: LINE_WAIT if no whole
 * line is buffered, and then line_fd() is the descriptor to poll.
 * line_fill() reads once (and may block, also on a non-blocking descriptor):
 * 1 to call line_take() again, 0 at the end of the last file, -1 with errno.
 */
enum line_result line_take(struct line_in *in, const char **p, size_t *n);
int line_fill(struct line_in *in);
int line_fd(const struct line_in *in);

/*
 * line_bad(in, p, n, why) - Report "NAME: error: FILE:LINE: why" for the
 * line last given (say nothing if why is NULL: the same was reported before),
 * count it, write it to the dead file.  1 to go on, 0 if in->strict asks to
 * stop, -1 with errno if the dead file failed.
 */
int line_bad(struct line_in *in, const char *p, size_t n, const char *why);

/*
 * line_status(in) - EXIT_DATA if a line was bad and either not saved by the
 * dead file or in->strict is set, else EXIT_OK.  Also after line_close().
 */
int line_status(const struct line_in *in);

/*
 * line_summary(in) - At the end: warn "N of M lines refused" if more than one
 * was.
 */
void line_summary(const struct line_in *in);

/* line_close(in) - Close and free; 0, or -1 if the dead file failed. */
int line_close(struct line_in *in);

#endif

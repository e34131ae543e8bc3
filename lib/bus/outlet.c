#include "bus/outlet.h"

#include <errno.h>
#include <string.h>

#include "base/app.h"
#include "base/die.h"

static void
begin(struct outlet *o, enum outlet_kind kind, struct format *format,
    const char *name)
{
	*o = (struct outlet){ .kind = kind, .format = format, .name = name };
	o->fd = o->sink.fd = o->sink.dir = -1;
	job_init(&o->job);
}

void
outlet_fd(struct outlet *o, struct format *format, int fd, const char *name)
{
	begin(o, OUTLET_FD, format, name);
	o->fd = fd;
}

void
outlet_command(struct outlet *o, struct format *format, const char *command)
{
	begin(o, OUTLET_COMMAND, format, "batch");
	o->command = command;
}

static int
open_status(int error)
{
	switch (error) {
	case EINVAL: return EXIT_DATA;
	case EBUSY: return EXIT_UNAVAILABLE;
	case ENOSPC: return EXIT_IO;
	default: return EXIT_CANTCREATE;
	}
}

int
outlet_file(struct outlet *o, struct format *format, const char *path,
    const char *name, struct wire_cursor *cursor, int *status, const char **why)
{
	int bound;

	begin(o, OUTLET_FILE, format, path);
	bound = sink_open(&o->sink, path, name, cursor, why);
	if (bound >= 0)
		return bound;
	*status = open_status(errno);
	/* These two are no words of the system's. */
	if (errno == EINVAL || errno == EBUSY)
		return -1;
	buf_addf(&o->buf, "%s: %s", *why, strerror(errno));
	*why = buf_cstr(&o->buf);
	return -1;
}

int
outlet_lines(struct outlet *o, const void *p, size_t n)
{
	int got = 0;

	if (n == 0)
		return 0;
	switch (o->kind) {
	case OUTLET_FD: got = app_write(o->fd, p, n); break;
	case OUTLET_FILE: got = sink_write(&o->sink, p, n); break;
	case OUTLET_COMMAND: got = job_write(&o->job, p, n); break;
	}
	if (got == 0)
		o->bytes += n;
	return got;
}

int
outlet_flush(struct outlet *o)
{
	int got = outlet_lines(o, o->buf.p, o->buf.len);

	buf_clear(&o->buf);
	return got;
}

int
outlet_event(struct outlet *o, const struct event *e,
    const struct format_meta *meta, const char **why)
{
	if (!o->begun && (o->kind != OUTLET_FILE || o->sink.length == 0))
		format_header(o->format, &o->buf);
	o->begun = 1;
	return format_event(o->format, e, meta, &o->buf, why);
}

int
outlet_commit(
    struct outlet *o, const struct wire_cursor *cursor, const struct seen *seen)
{
	return o->kind == OUTLET_FILE ? sink_commit(&o->sink, cursor, seen) : 0;
}

int
outlet_run(struct outlet *o, const struct wire_cursor *from,
    const struct wire_cursor *to)
{
	return job_start(&o->job, o->command, from, to);
}

int
outlet_ran(struct outlet *o)
{
	o->begun = 0;
	return job_end(&o->job);
}

int
outlet_close(struct outlet *o)
{
	int got = o->kind == OUTLET_FILE ? sink_close(&o->sink) : 0;

	job_fini(&o->job);
	buf_fini(&o->buf);
	return got;
}

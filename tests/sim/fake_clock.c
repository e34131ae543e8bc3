/*
 * Clocks, signals and messages: date_now(), app_stop(), warn() and the like of
 * the linked program are these (ld's --wrap).
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/app.h"
#include "base/date.h"
#include "sim.h"

/* 2026-01-01T00:00:00Z */
static const int64_t epoch = (int64_t)1767225600 * DATE_SECOND;

int64_t __wrap_date_now(void);
int64_t __wrap_date_mono(void);
int __wrap_app_stop(void);
int __wrap_app_hup(void);
int __wrap_app_signal_fd(void);
void __wrap_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void __wrap_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void __wrap_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

int64_t
__wrap_date_now(void)
{
	int64_t skew = world.current < 0 ? 0 : world.broker[world.current].skew;

	return epoch + world.time + skew;
}

int64_t
__wrap_date_mono(void)
{
	int64_t mono = world.current < 0 ? 0 : world.broker[world.current].mono;

	return mono + world.time;
}

int
__wrap_app_stop(void)
{
	return world.leaving;
}

int
__wrap_app_hup(void)
{
	return 0;
}

int
__wrap_app_signal_fd(void)
{
	return -1;
}

static void say(const char *level, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

static void
say(const char *level, const char *fmt, va_list ap)
{
	char text[512];

	if (!world.tracing)
		return;
	vsnprintf(text, sizeof text, fmt, ap);
	sim_trace("%s: %s: %s",
	    world.current < 0 ? "sim" : world.broker[world.current].name, level,
	    text);
}

void
__wrap_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("error", fmt, ap);
	va_end(ap);
}

void
__wrap_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("warning", fmt, ap);
	va_end(ap);
}

void
__wrap_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("note", fmt, ap);
	va_end(ap);
}

/* What every unit test counts and says. */
#ifndef SG_TEST_CHECK_H
#define SG_TEST_CHECK_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static int check_passed, check_failed;

/* check(ok, fmt, ...) - Count a check; one line if it failed. */
static inline void __attribute__((format(printf, 2, 3)))
check(int ok, const char *fmt, ...)
{
	va_list ap;

	if (ok) {
		check_passed++;
		return;
	}
	check_failed++;
	printf("%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

/* check_done() - Say how many passed if all did; the exit status. */
static inline int
check_done(void)
{
	if (check_failed == 0)
		printf("%s: %d passed\n", program_invocation_short_name,
		    check_passed);
	return check_failed != 0;
}

#endif

#include "trust/reason.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { REASON_MAX = 512 };

const char *
reason(const char *fmt, ...)
{
	static _Thread_local char text[REASON_MAX];
	char fresh[REASON_MAX]; /* an argument may lie in text */
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fresh, sizeof(fresh), fmt, ap);
	va_end(ap);
	memcpy(text, fresh, sizeof(text));
	return text;
}

/*
 * The answer of an HTTP proxy: however it is cut, the verdict is the same and
 * stays once it is given; a tunnel is one only after a whole header within
 * the limit.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bus/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_answer(const char *p, size_t used, int status)
{
	if (used > PROXY_ANSWER_MAX || used < strlen("HTTP/1.1 200\r\n\r\n"))
		abort();
	if (memcmp(p, "HTTP/1.", 7) != 0 ||
	    memcmp(p + used - 4, "\r\n\r\n", 4) != 0 ||
	    memmem(p, used - 1, "\r\n\r\n", 4) != NULL)
		abort();
	if (status != 100 * (p[9] - '0') + 10 * (p[10] - '0') + p[11] - '0' ||
	    status < 100 || status > 999)
		abort();
}

/* Where the verdict falls: bytes it takes, or 0 if there is none. */
static size_t
verdict_at(const char *p, size_t size, size_t step, enum proxy_result *got,
    size_t *used, int *status)
{
	const char *why;
	size_t n;

	for (n = step < size ? step : size;; n += step) {
		if (n > size)
			n = size;
		*got = proxy_answer(p, n, used, status, &why);
		if (*got == PROXY_FAILED && (why == NULL || *why == '\0'))
			abort();
		if (*got != PROXY_MORE || n == size)
			return n;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *p = malloc(size + 1);
	enum proxy_result whole, cut;
	size_t used = 0, cut_used = 0;
	int status, cut_status;

	memcpy(p, data, size);
	verdict_at(p, size, size + 1, &whole, &used, &status);
	verdict_at(p, size, size > 2048 ? 97 : 1, &cut, &cut_used, &cut_status);
	if (whole != cut)
		abort();
	if (whole == PROXY_MORE && size > PROXY_ANSWER_MAX)
		abort();
	if (whole == PROXY_ANSWER) {
		if (used != cut_used || status != cut_status || used > size)
			abort();
		check_answer(p, used, status);
	}
	free(p);
	return 0;
}

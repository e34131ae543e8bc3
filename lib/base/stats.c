#include "base/stats.h"

#include <unistd.h>

#include "base/app.h"
#include "base/date.h"

void
stats_begin(
    struct buf *b, const char *tool, uint64_t in, uint64_t out, uint64_t bad)
{
	buf_addf(b, "{\"tool\":\"%s\"", tool);
	stats_add(b, "in", in);
	stats_add(b, "out", out);
	stats_add(b, "bad", bad);
}

void
stats_add(struct buf *b, const char *name, uint64_t n)
{
	buf_addf(b, ",\"%s\":%llu", name, (unsigned long long)n);
}

void
stats_end(struct buf *b, uint64_t n, int64_t micros)
{
	double seconds = (double)(micros > 0 ? micros : 1) / DATE_SECOND;

	buf_addf(b, ",\"seconds\":%.6f,\"rate\":%.0f}\n", seconds,
	    (double)n / seconds);
	app_write(STDERR_FILENO, b->p, b->len);
	buf_fini(b);
}

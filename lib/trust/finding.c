#include "trust/finding.h"

#include <string.h>

#include "base/date.h"
#include "event/json.h"

void
finding_json(struct buf *b, const struct finding *f)
{
	const struct finding_place *at = &f->at;

	buf_adds(b, "{\"verdict\":\"");
	buf_adds(b, verdict_name(f->verdict));
	buf_addc(b, '"');
	if (at->file != NULL) {
		buf_adds(b, ",\"file\":");
		json_add_string(b, at->file, strlen(at->file));
		buf_adds(b, ",\"line\":");
		buf_addu(b, at->line);
	}
	if (at->src != NULL) {
		buf_adds(b, ",\"src\":");
		json_add_string(b, at->src, strlen(at->src));
	}
	if (at->ep > 0)
		buf_addf(b, ",\"ep\":%lld", (long long)at->ep);
	if (at->seq > 0)
		buf_addf(b, ",\"seq\":%lld", (long long)at->seq);
	if (f->n > 0)
		buf_addf(b, ",\"n\":%lld", (long long)f->n);
	buf_adds(b, ",\"why\":");
	json_add_string(b, f->why, strlen(f->why));
	buf_addc(b, '}');
}

void
finding_text(struct buf *b, const struct finding *f)
{
	const struct finding_place *at = &f->at;

	if (at->file != NULL)
		buf_addf(
		    b, "%s:%llu: ", at->file, (unsigned long long)at->line);
	buf_adds(b, verdict_name(f->verdict));
	if (at->src != NULL)
		buf_addf(b, ": %s", at->src);
	if (at->ep > 0 && at->seq > 0)
		buf_addf(
		    b, "/%lld/%lld", (long long)at->ep, (long long)at->seq);
	if (f->n > 1)
		buf_addf(b, " to %lld", (long long)(at->seq + f->n - 1));
	buf_addf(b, ": %s", f->why);
}

int
finding_limit_due(const struct finding_limit *l, int64_t now)
{
	return now - l->since >= DATE_SECOND;
}

uint64_t
finding_limit_end(struct finding_limit *l, int64_t now)
{
	uint64_t untold = l->untold;

	*l = (struct finding_limit){ .since = now };
	return untold;
}

int
finding_limit_take(struct finding_limit *l)
{
	if (l->told < FINDING_RATE) {
		l->told++;
		return 1;
	}
	l->untold++;
	return 0;
}

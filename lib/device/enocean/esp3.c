#include "device/enocean/esp3.h"

#include <string.h>

enum { HEADER_BODY = 4, /* bytes between sync and CRC8H */ CRC = 1 };

enum verdict { GOOD, NOISE_HEADER, NOISE_DATA, INCOMPLETE };

/* When the byte at "at" came. */
static int64_t
time_of(const struct esp3_reader *r, size_t at)
{
	return at < r->mark ? r->before : r->t;
}

/* What has been searched goes once it is as much as what has not. */
static void
compact(struct esp3_reader *r)
{
	size_t n = r->at;

	if (n == 0 || n < r->buf.len - n)
		return;
	buf_cut(&r->buf, n);
	r->at = 0;
	r->gap = r->gap > n ? r->gap - n : 0;
}

void
esp3_feed(struct esp3_reader *r, const void *p, size_t n, int64_t t)
{
	r->before = time_of(r, r->at);
	compact(r);
	r->mark = r->buf.len;
	r->t = t;
	buf_add(&r->buf, p, n);
	r->counts.bytes += n;
}

/* Look at the packet that would begin at p, of which n bytes are there. */
static enum verdict
examine(const uint8_t *p, size_t n, struct esp3_packet *out)
{
	size_t body;

	if (n < ESP3_HEADER)
		return INCOMPLETE;
	out->n = (size_t)p[1] << 8 | p[2];
	out->nopt = p[3];
	body = out->n + out->nopt;
	if (body == 0 || body > ESP3_BODY_MAX ||
	    esp3_crc8(0, p + 1, HEADER_BODY) != p[5])
		return NOISE_HEADER;
	if (n < ESP3_HEADER + body + CRC)
		return INCOMPLETE;
	out->type = p[4];
	out->data = p + ESP3_HEADER;
	out->opt = out->data + out->n;
	return esp3_crc8(0, out->data, body) == out->data[body] ? GOOD
								: NOISE_DATA;
}

/* Go on at the next sync byte: 1, or 0 if there is none. */
static int
seek(struct esp3_reader *r)
{
	size_t left = r->buf.len - r->at, over;
	const char *from, *sync;

	if (left == 0)
		return 0;
	from = r->buf.p + r->at;
	sync = memchr(from, ESP3_SYNC, left);
	over = sync != NULL ? (size_t)(sync - from) : left;
	r->at += over;
	r->counts.skipped += over;
	return sync != NULL;
}

/* The packet at r->at is none: count why, and step over its sync byte. */
static void
reject(struct esp3_reader *r, enum verdict why)
{
	if (why == NOISE_HEADER)
		r->counts.bad_header++;
	else if (why == NOISE_DATA)
		r->counts.bad_data++;
	else
		r->counts.cut++;
	r->at++;
	r->counts.skipped++;
}

int
esp3_next(struct esp3_reader *r, struct esp3_packet *out)
{
	while (seek(r)) {
		const uint8_t *p = (const uint8_t *)r->buf.p + r->at;
		size_t end = r->at < r->gap ? r->gap : r->buf.len;
		enum verdict v = examine(p, end - r->at, out);

		if (v == GOOD) {
			out->t = time_of(r, r->at);
			r->at += ESP3_HEADER + out->n + out->nopt + CRC;
			r->counts.packets[out->type]++;
			return 1;
		}
		if (v == INCOMPLETE && end != r->gap)
			return 0;
		reject(r, v);
	}
	return 0;
}

int
esp3_pending(const struct esp3_reader *r)
{
	return r->at < r->buf.len;
}

void
esp3_gap(struct esp3_reader *r)
{
	r->gap = r->buf.len;
}

void
esp3_fini(struct esp3_reader *r)
{
	buf_fini(&r->buf);
	*r = (struct esp3_reader){ 0 };
}

void
esp3_add(struct buf *b, enum esp3_type type, const void *data, size_t n,
    const void *opt, size_t nopt)
{
	uint8_t header[ESP3_HEADER] = { ESP3_SYNC, (uint8_t)(n >> 8),
		(uint8_t)n, (uint8_t)nopt, (uint8_t)type };

	header[5] = esp3_crc8(0, header + 1, HEADER_BODY);
	buf_add(b, header, sizeof header);
	buf_add(b, data, n);
	buf_add(b, opt, nopt);
	buf_addc(b, (char)esp3_crc8(esp3_crc8(0, data, n), opt, nopt));
}

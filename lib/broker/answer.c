#include "broker/answer.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "bus/wire.h"
#include "event/json.h"

enum {
	COPY_MAX = 4096, /* smaller pieces are copied together */
	GATHER = 65536
};

static struct front_piece *
add_piece(struct answer *a)
{
	if (a->n == a->cap) {
		a->cap = a->cap ? a->cap * 2 : 4;
		a->v = xrealloc(a->v, a->cap * sizeof *a->v);
	}
	return &a->v[a->n++];
}

/* Room for n bytes in the piece being gathered, or in a new one. */
static char *
gather(struct answer *a, size_t n)
{
	struct blob *blob = a->open;

	if (blob == NULL || blob->cap - blob->len < n) {
		blob = blob_new(a->n == 0 || n > GATHER ? n : GATHER);
		a->open = blob;
		*add_piece(a) = (struct front_piece){ blob, blob->p, 0 };
	}
	blob->len += n;
	a->v[a->n - 1].n += n;
	return blob->p + blob->len - n;
}

/*
 * A piece much smaller than the blob it lies in is copied, or a reader that
 * stands still would hold the whole blob.
 */
static int
copy_is_better(const struct answer *a, const struct blob *blob, size_t n)
{
	if (blob == NULL || n < blob->cap / 16)
		return 1;
	return a->n != 0 && n < COPY_MAX;
}

void
answer_add(struct answer *a, struct blob *blob, const char *p, size_t n,
    uint64_t events)
{
	a->events += events;
	a->bytes += n;
	if (copy_is_better(a, blob, n)) {
		memcpy(gather(a, n), p, n);
		return;
	}
	*add_piece(a) = (struct front_piece){ blob_ref(blob), p, n };
	a->open = NULL;
}

int
answer_meta_full(const struct answer *a)
{
	return a->meta.len + a->run.len > ANSWER_META_MAX;
}

void
answer_meta_end(struct answer *a)
{
	if (a->run_n == 0)
		return;
	if (a->meta.len != 0)
		buf_addc(&a->meta, ',');
	buf_addc(&a->meta, '[');
	buf_addu(&a->meta, a->run_n);
	buf_add(&a->meta, a->run.p, a->run.len);
	a->run_n = 0;
}

/*
 * 1 if the line belongs to the run being counted: it follows the last one in
 * the same frame, and so in the numbers of its channel, too.
 */
static int
goes_on(const struct answer *a, const struct frame_head *head,
    struct log_place before)
{
	return a->run_n != 0 && a->run_end.run == before.run &&
	    a->run_end.n == before.n && before.n + 1 != head->n;
}

static void
add_ids(struct answer *a, const struct frame_head *head, uint64_t i)
{
	buf_addc(&a->run, ',');
	wire_chan_add(&a->run, head->chan);
	buf_addc(&a->run, ',');
	buf_addu(&a->run, head->chan != 0 ? head->first + i : 0);
}

void
answer_meta(struct answer *a, const struct frame_head *head,
    const struct store *store, struct log_place before, int ids)
{
	const struct log_run *run = store_run(store, before.run);

	if (goes_on(a, head, before)) {
		a->run_n++;
		a->run_end.n++;
		return;
	}
	answer_meta_end(a);
	a->run_n = 1;
	a->run_end = (struct log_place){ before.run, before.n + 1 };
	buf_clear(&a->run);
	buf_addf(&a->run, ",%lld.%06lld,", (long long)(head->rt / 1000000),
	    (long long)(head->rt % 1000000));
	json_add_string(&a->run, head->from, strlen(head->from));
	buf_addf(&a->run, ",\"%s.%llu\",%llu", run->name,
	    (unsigned long long)run->start, (unsigned long long)before.n + 1);
	if (ids)
		add_ids(a, head, before.n + 1 - head->n);
	buf_addc(&a->run, ']');
}

void
answer_send(struct answer *a, struct gate *gate,
    const struct front_route *route, struct buf *header)
{
	struct blob *blob = blob_new(header->len);
	struct front_piece *v = xmalloc((a->n + 1) * sizeof *v);

	memcpy(blob->p, header->p, header->len);
	blob->len = header->len;
	v[0] = (struct front_piece){ blob, blob->p, blob->len };
	if (a->n != 0)
		memcpy(v + 1, a->v, a->n * sizeof *v);
	gate_reply(gate, route, v, a->n + 1);
	free(v);
	a->n = 0;
	answer_fini(a);
	buf_fini(header);
}

void
answer_fini(struct answer *a)
{
	size_t i;

	for (i = 0; i < a->n; i++)
		blob_unref(a->v[i].blob);
	free(a->v);
	buf_fini(&a->meta);
	buf_fini(&a->run);
	*a = (struct answer){ 0 };
}

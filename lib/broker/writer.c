#include "broker/writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/app.h"
#include "base/buf.h"
#include "base/crc.h"
#include "base/die.h"
#include "broker/record.h"
#include "broker/segment.h"

enum {
	TXN_MAX = 2 << 20,  /* bytes of frames in one commit */
	ROWS_MAX = 1024,    /* rows of a checkpoint in one commit */
	KEPT_MAX = 4 << 20, /* bytes of kept lines in one commit */
	TRIM_MAX = 16 << 20 /* bytes freed between two commits */
};

struct list {
	struct log_item *head, **tail;
};

/* A channel in a transaction. */
struct slot {
	struct log_item *item; /* the one its row is made from */
	int bye;	       /* the row before is gone */
};

/* A log to be added, while the front waits. */
struct addition {
	const struct state_run *row;
	const struct state_counters *counters;
	int done, error;
};

struct writer {
	struct writer_options o;
	struct writer_run *run;
	uint32_t *number; /* of each run */
	uint32_t runs;
	int copies;   /* others than our own log are written too */
	int64_t base; /* size of the segment when it was empty */

	struct log_item **batch;
	size_t n, cap;
	const struct frame_head **group;
	struct slot *slot;	/* by hash */
	size_t slots, slot_cap; /* used by this transaction, allocated */

	struct list jobs;	     /* LOG_LAST, LOG_DROP, WRITER_TRIM */
	const struct log_row **heap; /* rows of the job still to be written */
	size_t heap_n;
	int started;
	struct buf space;

	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct list queue, done; /* under lock, as are error and stop */
	int error;		 /* an error was not taken back yet */
	int stop;
	struct addition *add;
	pthread_cond_t added;
	int fd;
	pthread_t thread;

	struct log_item *ready; /* the front's */
};

static void
list_init(struct list *list)
{
	list->head = NULL;
	list->tail = &list->head;
}

static void
list_add(struct list *list, struct log_item *item)
{
	item->next = NULL;
	*list->tail = item;
	list->tail = &item->next;
}

static struct log_item *
list_take(struct list *list)
{
	struct log_item *head = list->head;

	list_init(list);
	return head;
}

/* Hand items back; error != 0: the first failed so, the rest with it. */
static void
publish(struct writer *w, struct log_item **item, size_t n, int error)
{
	uint64_t one = 1;
	ssize_t ignored;

	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < n; i++) {
		if (error != 0)
			item[i]->error = i == 0 ? error : ECANCELED;
		list_add(&w->done, item[i]);
	}
	if (error != 0 && error != ECANCELED)
		w->error = 1;
	pthread_mutex_unlock(&w->lock);
	ignored = write(w->fd, &one, sizeof one);
	(void)ignored;
}

/* Hand back an item whose error concerns nothing else. */
static void
publish_one(struct writer *w, struct log_item *item, int error)
{
	item->error = error;
	publish(w, &item, 1, 0);
}

/* Channels touched in a transaction: one row each. */

static void
slots_init(struct writer *w, size_t n)
{
	size_t cap = 64;

	while (cap < n * 2)
		cap *= 2;
	if (cap > w->slot_cap) {
		w->slot = xrealloc(w->slot, cap * sizeof *w->slot);
		w->slot_cap = cap;
	}
	w->slots = cap;
	memset(w->slot, 0, cap * sizeof *w->slot);
}

static const char *
item_channel(const struct log_item *item, uint64_t *chan)
{
	const struct log_frame *frame;
	const struct log_channel *bye;

	if (item->kind == LOG_FRAME) {
		frame = (const struct log_frame *)item;
		*chan = frame->head.chan;
		return frame->head.from;
	}
	bye = (const struct log_channel *)item;
	*chan = bye->chan;
	return bye->from;
}

/* The highest channel number that a frame uses up. */
static uint64_t
item_last(const struct log_item *item)
{
	const struct frame_head *h = &((const struct log_frame *)item)->head;

	return h->first + h->numbers - 1;
}

static void
slots_set(struct writer *w, struct log_item *item)
{
	uint64_t chan, other;
	const char *from = item_channel(item, &chan);
	size_t i = crc32c((uint32_t)chan, from, strlen(from));
	struct slot *slot;

	for (i &= w->slots - 1; w->slot[i].item != NULL;
	     i = (i + 1) & (w->slots - 1)) {
		const char *name = item_channel(w->slot[i].item, &other);

		if (other == chan && strcmp(name, from) == 0)
			break;
	}
	slot = &w->slot[i];
	if (item->kind == LOG_BYE)
		slot->bye = 1;
	else if (((struct log_frame *)item)->run != w->o.own)
		w->copies = 1;
	if (item->kind == LOG_FRAME && slot->item != NULL &&
	    slot->item->kind == LOG_FRAME &&
	    item_last(slot->item) > item_last(item))
		return;
	slot->item = item;
}

/* A copy may bring lower numbers than the row has; our own frames do not. */
static int
put_channel(struct writer *w, struct db_txn *txn, const struct slot *slot)
{
	const struct frame_head *h = &((struct log_frame *)slot->item)->head;
	uint64_t last = item_last(slot->item), stored;
	int r = 0;

	if (w->copies && !slot->bye)
		r = segment_get_channel(txn, h->from, h->chan, &stored);
	if (r == -1 || (r == 1 && stored >= last))
		return r == -1 ? -1 : 0;
	return segment_put_channel(txn, h->from, h->chan, last, h->rt);
}

static int
put_channels(struct writer *w, struct db_txn *txn)
{
	uint64_t chan;
	const char *from;
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->slots; i++) {
		const struct slot *slot = &w->slot[i];

		if (slot->item == NULL)
			continue;
		if (slot->item->kind != LOG_BYE) {
			r = put_channel(w, txn, slot);
			continue;
		}
		from = item_channel(slot->item, &chan);
		r = segment_del_channel(txn, from, chan);
	}
	return r;
}

/* Frames of a transaction, grouped into records. */

/* The frame that an item stores, or NULL. */
static const struct log_frame *
item_frame(const struct log_item *item)
{
	const struct log_frame *f = (const struct log_frame *)item;

	return item->kind == LOG_FRAME && f->head.events > 0 ? f : NULL;
}

static int
put_group(struct writer *w, struct db_txn *txn, uint32_t index, size_t m)
{
	struct writer_run *r = &w->run[index];

	if (m == 0)
		return 0;
	if (r->named != w->o.id &&
	    segment_put_run(txn, r->row.number, r->row.name, r->row.start) ==
		-1)
		return -1;
	return segment_put_frames(txn, r->row.number, w->group, m, w->number);
}

static int
put_frames(
    struct writer *w, struct db_txn *txn, struct log_item **item, size_t n)
{
	size_t size = RECORD_HEAD, more, m = 0;
	uint32_t run = 0;

	for (size_t i = 0; i < n; i++) {
		const struct log_frame *f = item_frame(item[i]);

		if (f == NULL)
			continue;
		more = record_frame_size(&f->head);
		if (m > 0 &&
		    (f->run != run || size + more > SEGMENT_RECORD_MAX)) {
			if (put_group(w, txn, run, m) == -1)
				return -1;
			size = RECORD_HEAD;
			m = 0;
		}
		run = f->run;
		w->group[m++] = &f->head;
		size += more;
	}
	return put_group(w, txn, run, m);
}

static int
put_rest(struct writer *w, struct db_txn *txn, struct log_item **item, size_t n)
{
	const struct log_cursor *c;
	int r = 0;

	slots_init(w, n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (item[i]->kind == LOG_CURSOR) {
			c = (const struct log_cursor *)item[i];
			r = segment_put_cursor(txn, c->name, c->json);
		} else if (item[i]->kind == LOG_BYE ||
		    ((struct log_frame *)item[i])->head.chan != 0) {
			slots_set(w, item[i]);
		}
	}
	return r == 0 ? put_channels(w, txn) : -1;
}

static int
commit_items(struct writer *w, struct log_item **item, size_t n)
{
	struct db_txn *txn = db_begin(w->o.active, DB_WRITE);
	int r;

	if (txn == NULL)
		return -1;
	r = put_frames(w, txn, item, n);
	if (r == 0)
		r = put_rest(w, txn, item, n);
	if (r == 0)
		r = db_commit(txn);
	else
		db_abort(txn);
	return r;
}

/* Logs that are added while the writer runs. */

static void
know_run(struct writer *w, const struct writer_run *run)
{
	size_t n = w->runs + (size_t)1;

	w->run = xrealloc(w->run, n * sizeof *w->run);
	w->number = xrealloc(w->number, n * sizeof *w->number);
	w->run[w->runs] = *run;
	w->run[w->runs].plan = run->next;
	w->number[w->runs++] = run->row.number;
}

static void
serve_add(struct writer *w)
{
	struct writer_run run = { .first = 1, .next = 1 };
	struct addition *add;
	int r;

	pthread_mutex_lock(&w->lock);
	add = w->add;
	pthread_mutex_unlock(&w->lock);
	if (add == NULL)
		return;
	if (add->row != NULL)
		run.row = *add->row;
	r = state_begin(
	    w->o.state, &run.row, add->row != NULL, NULL, 0, add->counters);
	add->error = r == 0 ? 0 : errno;
	if (r == 0 && add->row != NULL)
		know_run(w, &run);
	pthread_mutex_lock(&w->lock);
	add->done = 1;
	w->add = NULL;
	pthread_cond_signal(&w->added);
	pthread_mutex_unlock(&w->lock);
}

static int
roll(struct writer *w, struct writer_roll *item)
{
	struct db *db =
	    segment_create(w->o.dir, w->o.id + 1, w->o.map, w->o.active);

	if (db == NULL) {
		publish_one(w, &item->item, errno);
		return -1;
	}
	w->o.active = db;
	w->base = db_size(db);
	item->id = ++w->o.id;
	item->db = db;
	publish_one(w, &item->item, 0);
	return 0;
}

static int
roll_now(struct writer *w)
{
	struct writer_roll *item = xcalloc(1, sizeof *item);

	item->item.kind = LOG_ROLL;
	return roll(w, item);
}

static int
write_items(struct writer *w, struct log_item **item, size_t n)
{
	if (db_size(w->o.active) - w->base >= w->o.segment && roll_now(w) == -1)
		return -1;
	if (commit_items(w, item, n) == 0)
		return 0;
	if (errno != ENOBUFS)
		return -1;
	return roll_now(w) == -1 ? -1 : commit_items(w, item, n);
}

static size_t
item_size(const struct log_item *item)
{
	if (item->kind != LOG_FRAME)
		return RECORD_FRAME;
	return record_frame_size(&((const struct log_frame *)item)->head);
}

static int
deps_known(const struct writer *w, const struct frame_head *h)
{
	if (h->deps > FRAME_DEPS_MAX)
		return 0;
	for (uint32_t i = 0; i < h->deps; i++)
		if (h->dep[i].run >= w->runs)
			return 0;
	return 1;
}

/*
 * The frame that begins a transaction.  What a segment has of a log has no
 * gaps, so that its first and last record say what it holds.
 */
static int
begin_at(struct writer *w, const struct log_frame *f)
{
	struct writer_run *r;

	errno = EINVAL;
	if (f->run >= w->runs || !deps_known(w, &f->head))
		return -1;
	r = &w->run[f->run];
	if (f->head.n == r->plan)
		return 0;
	if (f->run == w->o.own || f->head.n < r->plan)
		return -1;
	r->plan = f->head.n;
	return r->named == w->o.id ? roll_now(w) : 0;
}

/* 1 if the frame goes on where its log is. */
static int
goes_on(struct writer *w, const struct log_frame *f)
{
	if (f->run >= w->runs || w->run[f->run].plan != f->head.n ||
	    !deps_known(w, &f->head))
		return 0;
	w->run[f->run].plan += f->head.events;
	return 1;
}

/* How many items from the batch's i on share a transaction; 0 with errno. */
static size_t
txn_items(struct writer *w, size_t i)
{
	const struct log_frame *f = item_frame(w->batch[i]);
	size_t n = 0, size = 0;

	if (f != NULL && begin_at(w, f) == -1)
		return 0;
	for (; i + n < w->n; n++) {
		struct log_item *item = w->batch[i + n];

		if (item->kind == LOG_ROLL || item->kind == LOG_KEEP ||
		    item->error != 0)
			break;
		size += item_size(item);
		if (n > 0 && size > TXN_MAX)
			break;
		f = item_frame(item);
		if (f != NULL && !goes_on(w, f))
			break;
	}
	return n;
}

/* What was written is durable, or not. */
static void
settle(struct writer *w, struct log_item **item, size_t n, int stored)
{
	for (size_t i = 0; stored && i < n; i++) {
		const struct log_frame *f = item_frame(item[i]);

		if (f == NULL)
			continue;
		w->run[f->run].next = f->head.n + f->head.events;
		w->run[f->run].named = w->o.id;
	}
	for (uint32_t i = 0; !stored && i < w->runs; i++)
		w->run[i].plan = w->run[i].next;
}

/* Jobs on the state. */

static int
put_last(struct writer *w, struct db_txn *txn, const struct log_row *row)
{
	struct state_place at = { .n = row->at.n };

	if (at.n == 0)
		return state_forget(txn, row->topic, row->topic_len);
	if (row->at.run >= w->runs)
		return 0;
	at.run = w->number[row->at.run];
	if (state_put_last(txn, row->topic, row->topic_len, at) == -1)
		return -1;
	if (at.n < w->run[row->at.run].first)
		return 0;
	return state_release(txn, row->topic, row->topic_len);
}

/*
 * Rows are written in order of their topics, which touches few pages; a heap
 * spreads the sorting over the transactions.
 */

static int
row_before(const struct log_row *a, const struct log_row *b)
{
	size_t n = a->topic_len < b->topic_len ? a->topic_len : b->topic_len;
	int c = memcmp(a->topic, b->topic, n);

	return c != 0 ? c < 0 : a->topic_len < b->topic_len;
}

static void
heap_sift(struct writer *w, size_t i)
{
	const struct log_row *row = w->heap[i];
	size_t child;

	while ((child = 2 * i + 1) < w->heap_n) {
		if (child + 1 < w->heap_n &&
		    row_before(w->heap[child + 1], w->heap[child]))
			child++;
		if (!row_before(w->heap[child], row))
			break;
		w->heap[i] = w->heap[child];
		i = child;
	}
	w->heap[i] = row;
}

static const struct log_row *
heap_pop(struct writer *w)
{
	const struct log_row *row = w->heap[0];

	w->heap[0] = w->heap[--w->heap_n];
	if (w->heap_n > 0)
		heap_sift(w, 0);
	return row;
}

static void
heap_fill(struct writer *w, const struct log_rows *rows)
{
	w->heap = xcalloc(rows->n + 1, sizeof *w->heap);
	w->heap_n = rows->n;
	for (size_t i = 0; i < rows->n; i++)
		w->heap[i] = &rows->row[i];
	for (size_t i = rows->n / 2; i-- > 0;)
		heap_sift(w, i);
}

/* One transaction's part of a job. */
static int
put_rows(struct writer *w, struct db_txn *txn, enum log_kind kind)
{
	size_t bytes = 0;
	int r = 0;

	for (int i = 0;
	     r == 0 && w->heap_n > 0 && i < ROWS_MAX && bytes < KEPT_MAX; i++) {
		const struct log_row *row = heap_pop(w);

		bytes += row->len;
		r = kind == LOG_LAST ? put_last(w, txn, row)
				     : state_put_kept(txn, row, &w->space);
	}
	return r;
}

static int
put_mark(struct writer *w, struct db_txn *txn, const struct trail *mark)
{
	struct state_place at[TRAIL_MAX];
	size_t n = 0;

	for (size_t i = 0; i < mark->n; i++)
		if (mark->at[i].run < w->runs)
			at[n++] =
			    (struct state_place){ w->number[mark->at[i].run],
				    mark->at[i].n };
	return state_put_mark(txn, at, n);
}

/* How far the logs go of which a part is dropped: it may be all there is. */
static int
put_ends(struct writer *w, struct db_txn *txn, const struct log_rows *rows)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < rows->firsts; i++) {
		struct writer_run *run = &w->run[rows->first[i].run];

		run->row.end = run->next - 1;
		r = state_put_run(txn, &run->row);
	}
	return r;
}

static int
put_end(struct writer *w, struct db_txn *txn, const struct log_rows *rows)
{
	if (rows->item.kind == LOG_LAST)
		return put_mark(w, txn, &rows->mark);
	return put_ends(w, txn, rows);
}

static int
commit_rows(struct writer *w, const struct log_rows *rows)
{
	struct db_txn *txn = db_begin(w->o.state, DB_WRITE);

	if (txn == NULL)
		return -1;
	if (put_rows(w, txn, rows->item.kind) == -1 ||
	    (w->heap_n == 0 && put_end(w, txn, rows) == -1)) {
		db_abort(txn);
		return -1;
	}
	return db_commit(txn);
}

static void
job_done(struct writer *w, int error)
{
	struct log_item *item = w->jobs.head;

	w->jobs.head = item->next;
	if (w->jobs.head == NULL)
		list_init(&w->jobs);
	free(w->heap);
	w->heap = NULL;
	w->heap_n = 0;
	w->started = 0;
	publish_one(w, item, error);
}

/* 1 if there is more to do, 0 when it is done, -1 with errno. */
static int
rows_step(struct writer *w, const struct log_rows *rows)
{
	if (rows->item.kind == LOG_DROP && rows->segment == w->o.id) {
		errno = EINVAL;
		return -1;
	}
	if (!w->started)
		heap_fill(w, rows);
	w->started = 1;
	if (commit_rows(w, rows) == -1)
		return -1;
	if (w->heap_n > 0)
		return 1;
	if (rows->item.kind == LOG_LAST)
		return 0;
	if (segment_retire(w->o.dir, rows->segment) == -1)
		return -1;
	for (size_t i = 0; i < rows->firsts; i++)
		w->run[rows->first[i].run].first = rows->first[i].n;
	return 0;
}

static void
job_step(struct writer *w)
{
	struct log_item *job = w->jobs.head;
	int r;

	if (job == NULL)
		return;
	if ((int)job->kind == WRITER_TRIM)
		r = segment_trim(
		    w->o.dir, ((struct writer_trim *)job)->segment, TRIM_MAX);
	else
		r = rows_step(w, (struct log_rows *)job);
	if (r != 1)
		job_done(w, r == 0 ? 0 : errno);
}

/*
 * Lines to keep.  The jobs before them know nothing of them, and could put
 * older lines or places over theirs.
 */
static int
keep_lines(struct writer *w, const struct log_rows *rows)
{
	struct db_txn *txn;
	int r = 0;

	while (w->jobs.head != NULL)
		job_step(w);
	txn = db_begin(w->o.state, DB_WRITE);
	if (txn == NULL)
		return -1;
	for (size_t i = 0; r == 0 && i < rows->n; i++)
		r = state_keep(txn, &rows->row[i], &w->space);
	if (r == 0)
		return db_commit(txn);
	db_abort(txn);
	return -1;
}

/* Write the batch's items from i on, as far as one transaction goes. */
static size_t
write_some(struct writer *w, size_t i)
{
	struct log_item **item = &w->batch[i];
	size_t n = 1;
	int r = -1;

	if (item[0]->kind == LOG_KEEP)
		r = keep_lines(w, (struct log_rows *)item[0]);
	else if ((n = txn_items(w, i)) > 0)
		r = write_items(w, item, n);
	if (r == 0) {
		settle(w, item, n, 1);
		publish(w, item, n, 0);
		return n;
	}
	n = w->n - i;
	publish(w, item, n, errno != 0 ? errno : EIO);
	settle(w, item, n, 0);
	return n;
}

static void
write_batch(struct writer *w)
{
	struct log_item **item;
	size_t n;

	for (size_t i = 0; i < w->n; i += n) {
		serve_add(w);
		item = &w->batch[i];
		n = 1;
		if (item[0]->error != 0)
			publish(w, item, 1, item[0]->error);
		else if (item[0]->kind == LOG_ROLL)
			roll(w, (struct writer_roll *)item[0]);
		else
			n = write_some(w, i);
	}
}

/* The loop. */

static void
batch_add(struct writer *w, struct log_item *item)
{
	if (w->n == w->cap) {
		w->cap = w->cap == 0 ? 64 : w->cap * 2;
		w->batch = xrealloc(w->batch, w->cap * sizeof item);
		w->group = xrealloc(w->group, w->cap * sizeof *w->group);
	}
	w->batch[w->n++] = item;
}

/* Wait for work and sort it into batch and jobs; 0: none will come. */
static int
take(struct writer *w)
{
	struct log_item *item, *next;
	int stop, cancel;

	pthread_mutex_lock(&w->lock);
	while (w->queue.head == NULL && w->jobs.head == NULL && !w->stop &&
	    w->add == NULL)
		pthread_cond_wait(&w->wake, &w->lock);
	item = list_take(&w->queue);
	cancel = w->error;
	stop = w->stop;
	pthread_mutex_unlock(&w->lock);

	if (item == NULL && w->jobs.head == NULL && stop)
		return 0;
	w->n = 0;
	for (; item != NULL; item = next) {
		next = item->next;
		if (item->kind == LOG_LAST || item->kind == LOG_DROP ||
		    (int)item->kind == WRITER_TRIM) {
			list_add(&w->jobs, item);
			continue;
		}
		if (cancel && item->kind != LOG_ROLL)
			item->error = ECANCELED;
		batch_add(w, item);
	}
	return 1;
}

static void *
run(void *ctx)
{
	struct writer *w = ctx;

	while (take(w)) {
		serve_add(w);
		write_batch(w);
		job_step(w);
	}
	return NULL;
}

static int
start_thread(struct writer *w)
{
	int rc = app_thread(&w->thread, run, w);

	errno = rc;
	return rc == 0 ? 0 : -1;
}

struct writer *
writer_start(const struct writer_options *options)
{
	struct writer *w = xcalloc(1, sizeof *w);

	w->o = *options;
	for (uint32_t i = 0; i < options->runs; i++)
		know_run(w, &options->run[i]);
	list_init(&w->queue);
	list_init(&w->done);
	list_init(&w->jobs);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->wake, NULL);
	pthread_cond_init(&w->added, NULL);
	w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->fd != -1 && start_thread(w) == 0)
		return w;
	writer_free(w);
	return NULL;
}

void
writer_put(struct writer *w, struct log_item *item)
{
	item->error = 0;
	pthread_mutex_lock(&w->lock);
	list_add(&w->queue, item);
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

/* 1 if an error of it is one of what was put after it, too. */
static int
in_order(const struct log_item *item)
{
	return item->kind == LOG_FRAME || item->kind == LOG_CURSOR ||
	    item->kind == LOG_BYE || item->kind == LOG_KEEP;
}

/* The error is taken back: what was put before now must not be written. */
static void
recover(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->error = 0;
	for (struct log_item *i = w->queue.head; i != NULL; i = i->next)
		if (in_order(i))
			i->error = ECANCELED;
	pthread_mutex_unlock(&w->lock);
}

struct log_item *
writer_done(struct writer *w)
{
	struct log_item *item;
	uint64_t count;
	ssize_t ignored;

	if (w->ready == NULL) {
		pthread_mutex_lock(&w->lock);
		w->ready = list_take(&w->done);
		if (w->ready == NULL) {
			ignored = read(w->fd, &count, sizeof count);
			(void)ignored;
		}
		pthread_mutex_unlock(&w->lock);
	}
	item = w->ready;
	if (item == NULL)
		return NULL;
	w->ready = item->next;
	if (item->error != 0 && item->error != ECANCELED && in_order(item))
		recover(w);
	return item;
}

int
writer_run_add(struct writer *w, const struct state_run *row,
    const struct state_counters *counters)
{
	struct addition add = { row, counters, 0, 0 };

	pthread_mutex_lock(&w->lock);
	w->add = &add;
	pthread_cond_signal(&w->wake);
	while (!add.done)
		pthread_cond_wait(&w->added, &w->lock);
	pthread_mutex_unlock(&w->lock);
	errno = add.error;
	return add.error == 0 ? 0 : -1;
}

int
writer_fd(const struct writer *w)
{
	return w->fd;
}

void
writer_stop(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->stop = 1;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
}

void
writer_free(struct writer *w)
{
	free(w->batch);
	free(w->group);
	free(w->slot);
	free(w->run);
	free(w->number);
	free(w->heap);
	buf_fini(&w->space);
	if (w->fd != -1)
		close(w->fd);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->wake);
	pthread_cond_destroy(&w->added);
	free(w);
}

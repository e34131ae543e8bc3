#include "trust/source_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/app.h"
#include "base/base64.h"
#include "base/die.h"
#include "base/num.h"
#include "event/json.h"
#include "event/line.h"

void
source_state_add(struct buf *b, const struct source *q)
{
	const struct sequence *n = &q->sequence;

	buf_adds(b, "{\"src\":");
	json_add_string(b, q->name, strlen(q->name));
	buf_addf(b, ",\"ep\":%lld,\"high\":%lld,\"gaps\":[", (long long)n->ep,
	    (long long)n->high);
	for (size_t i = 0; i < n->gaps; i++)
		buf_addf(b, "%s[%lld,%lld,%d]", i > 0 ? "," : "",
		    (long long)n->gap[i].from, (long long)n->gap[i].to,
		    n->gap[i].told);
	buf_adds(b, "]");
	if (q->chained) {
		buf_adds(b, ",\"last\":\"");
		base64_add(b, BASE64_URL, q->last, TREE_HASH);
		buf_addf(b, "\",\"seal_ep\":%lld,\"next\":%lld,\"every\":%lld",
		    (long long)q->seal_ep, (long long)q->seal_next,
		    (long long)q->every);
	}
	buf_addf(b, ",\"sealed\":%d}\n", q->sealed);
}

int
source_state_save(const struct sources *s, const char *path)
{
	struct buf b = { 0 }, temp = { 0 };
	const struct source *q;
	int fd, ok;

	for (q = sources_next(s, NULL); q != NULL; q = sources_next(s, q))
		if (q->known)
			source_state_add(&b, q);
	buf_addf(&temp, "%s.new", path);
	fd = open(buf_cstr(&temp),
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	ok = fd >= 0 && app_write(fd, b.p, b.len) == 0 && fsync(fd) == 0;
	if (fd >= 0 && close(fd) < 0)
		ok = 0;
	if (ok && rename(temp.p, path) < 0)
		ok = 0;
	buf_fini(&b);
	buf_fini(&temp);
	return ok ? 0 : -1;
}

static int64_t
state_number(const struct json_value *object, const char *name)
{
	struct json_value v;
	int64_t n = 0;

	if (!json_get(object, name, &v) || num_uint(v.p, v.n, &n) < 0)
		return 0;
	return n;
}

/* Gaps are numbers that exist and have not come, hence this order. */
static void
load_gaps(
    struct sequence *sequence, const struct json_value *gaps, int64_t high)
{
	struct json_value none, row, v;
	struct json_walk rows, cells;
	int64_t cell[3], from, to;

	json_walk(&rows, gaps);
	while (json_next(&rows, &none, &row)) {
		int n = 0;

		if (row.kind != JSON_ARRAY)
			continue;
		json_walk(&cells, &row);
		while (n < 3 && json_next(&cells, &none, &v))
			if (num_uint(v.p, v.n, &cell[n++]) < 0)
				return;
		if (n < 3 || cell[0] < 1 || cell[1] < cell[0])
			continue;
		sequence->high = cell[0] - 1;
		sequence_until(sequence, sequence->ep, cell[1] + 1);
		while (cell[2] &&
		    sequence_untold(sequence, cell[1] + 1, &from, &to))
			;
	}
	sequence->high = high;
}

int
source_state_read(struct sources *s, const char *p, size_t n)
{
	struct json_value object, v;
	struct buf name = { 0 };
	struct source *q;
	const char *why;

	if (json_check(p, n, &why) != JSON_OBJECT)
		return -1;
	object = json_value(p, n);
	if (!json_get(&object, "src", &v) || v.kind != JSON_STRING)
		return -1;
	json_text(&v, &name);
	q = sources_find(s, buf_cstr(&name));
	buf_fini(&name);
	q->known = 1;
	q->sequence.ep = state_number(&object, "ep");
	if (json_get(&object, "gaps", &v) && v.kind == JSON_ARRAY)
		load_gaps(&q->sequence, &v, state_number(&object, "high"));
	q->sealed = state_number(&object, "sealed") != 0;
	q->seal_ep = state_number(&object, "seal_ep");
	q->seal_next = state_number(&object, "next");
	q->every = state_number(&object, "every");
	q->heard = s->room.now;
	q->chained = json_get(&object, "last", &v) &&
	    base64_parse(q->last, TREE_HASH, BASE64_URL, v.p, v.n) == TREE_HASH;
	return 0;
}

int
source_state_load(struct sources *s, const char *path, uint64_t *line)
{
	char *file = xstrdup(path), *files[] = { file };
	enum line_result r;
	struct line_in in;
	const char *p;
	size_t n;
	int error, result = 0;

	*line = 0;
	if (access(path, F_OK) < 0 && errno == ENOENT) {
		free(file);
		return 0;
	}
	line_open(&in, files, 1);
	while (result == 0 && (r = line_next(&in, &p, &n)) != LINE_END) {
		if (r == LINE_ERROR)
			result = -1;
		else if (source_state_read(s, p, n) < 0) {
			*line = in.number;
			result = -1;
		}
	}
	error = errno;
	line_close(&in);
	free(file);
	errno = error;
	return result;
}

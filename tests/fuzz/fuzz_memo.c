/*
 * State files made of the input: what memo_open() takes is whole, begins as
 * memo_peek() says, and is replaced by the next save; cut or altered it does
 * not count.  And records: what can be read is what would be written.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "bus/memo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[64], path[80], second[84];

static void
check(int ok)
{
	if (!ok)
		abort();
}

static void
begin(void)
{
	if (dir[0] != '\0')
		return;
	snprintf(dir, sizeof dir, "/dev/shm/fuzz_memo.XXXXXX");
	check(mkdtemp(dir) != NULL);
	snprintf(path, sizeof path, "%s/s", dir);
	snprintf(second, sizeof second, "%s.2", path);
}

static void
put_file(const char *name, const uint8_t *p, size_t n)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	check(fd >= 0 && write(fd, p, n) == (ssize_t)n);
	close(fd);
}

/* Fields in the order that the input's own bytes tell. */
static void
fuzz_record(const uint8_t *data, size_t size)
{
	struct memo_record r = memo_record((const char *)data + 1, size - 1);
	struct buf b = { 0 };
	uint64_t v;
	const char *p;
	size_t n;
	unsigned how = data[0];

	while (!r.bad && r.n > 0) {
		const size_t before = b.len;
		switch (how++ % 4) {
		case 0:
			v = memo_get_uint(&r);
			memo_put_uint(&b, v);
			break;
		case 1:
			v = memo_get_u64(&r);
			memo_put_u64(&b, v);
			break;
		case 2:
			p = memo_get_bytes(&r, &n);
			memo_put_bytes(&b, p, r.bad ? 0 : n);
			break;
		default:
			v = memo_get_count(&r, 1);
			check(v <= r.n);
			memo_put_uint(&b, v);
		}
		if (r.bad)
			b.len = before;
	}
	check(memcmp(b.p != NULL ? b.p : "", data + 1, b.len) == 0);
	check(memo_get_end(&r) == (!r.bad && b.len == size - 1));
	buf_fini(&b);
}

static void
fuzz_files(const uint8_t *data, size_t size)
{
	static const struct memo_options options = { path, "p", 1 };
	static struct memo_peek peek;
	static struct mark mark;
	const char *why, *p;
	struct memo *m;
	size_t n, cut = (size_t)data[0] * size / 256;
	int status = 0;

	put_file(path, data, cut);
	put_file(second, data + cut, size - cut);
	if (memo_peek(&peek, path, &why) < 0)
		peek.n = 0;
	for (size_t i = 0; i < peek.n; i++)
		check(peek.d[i].len > 1 && peek.d[i].p[0] == '{');
	m = memo_open(&options, &status, &why);
	if (m == NULL) {
		check(status != 0 && why != NULL);
		return;
	}
	if (peek.n > 0)
		mark = peek.mark[0];
	else
		mark = (struct mark){ .name = "n", .id = "i", .anew = 1 };
	if (memo_begin(m, &mark, &p, &n, &why) == 1)
		check(n <= size);
	mark = (struct mark){ .name = "n",
		.id = "new",
		.d = "{\"name\":\"n\","
		     "\"id\":\"new\",\"cursor\":{}}" };
	mark.dn = strlen(mark.d);
	check(memo_save(m, &mark, data, size, &why) == 0);
	memo_close(m);
	m = memo_open(&options, &status, &why);
	if (m == NULL)
		return; /* the other one is of another program */
	check(memo_begin(m, &mark, &p, &n, &why) == 1 && n == size &&
	    memcmp(p, data, n) == 0);
	memo_close(m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	begin();
	if (size < 2)
		return 0;
	if (data[0] % 4 != 0)
		fuzz_record(data, size);
	else
		fuzz_files(data, size);
	return 0;
}

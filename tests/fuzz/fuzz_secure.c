/*
 * Secure telegrams.  A keys file of any content is refused or read, and says
 * the same once it was written.  Telegrams of any content: none is accepted
 * twice; one that was made is opened and gives back what was in it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device/enocean/secure_part.h"

enum { MADE = 8, STEPS = 24, TEXT_MAX = 1 << 16, DEVICE = 0x01000001 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[64];

static void
require(int truth)
{
	if (!truth)
		abort();
}

static void
clean_up(void)
{
	char lock[80];

	snprintf(lock, sizeof lock, "%s.lock", path);
	(void)unlink(lock);
	(void)unlink(path);
	*strrchr(path, '/') = '\0';
	(void)rmdir(path);
}

/* In memory: the disk is not what is tested. */
static void
make_path(void)
{
	char folder[] = "/dev/shm/fuzz_secure.XXXXXX";

	if (mkdtemp(folder) == NULL)
		abort();
	snprintf(path, sizeof path, "%s/f", folder);
	(void)atexit(clean_up);
}

static size_t
read_file(char out[TEXT_MAX])
{
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, out, TEXT_MAX);

	require(fd >= 0 && n >= 0);
	close(fd);
	return (size_t)n;
}

static struct secure *
open_file(void)
{
	struct buf why = { 0 };
	struct secure *s = secure_open(path, 0, &why);

	require((s == NULL) == (why.len > 0));
	buf_fini(&why);
	return s;
}

static void
try_file(const uint8_t *data, size_t size)
{
	static char first[TEXT_MAX], second[TEXT_MAX];
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	struct secure *s;
	size_t n, devices;

	require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
	s = open_file();
	if (s == NULL)
		return;
	devices = s->devices;
	require(secure_file_save(s, 0) == 0 && secure_close(s) == 0);
	n = read_file(first);
	s = open_file();
	require(s != NULL && s->devices == devices);
	require(secure_file_save(s, 0) == 0 && secure_close(s) == 0);
	require(read_file(second) == n && memcmp(first, second, n) == 0);
}

/* Bytes of the input, zeros after its end. */
struct input {
	const uint8_t *p;
	size_t n;
};

static uint8_t
next(struct input *in)
{
	if (in->n == 0)
		return 0;
	in->n--;
	return *in->p++;
}

static size_t
next_bytes(struct input *in, uint8_t *out, size_t most)
{
	size_t n = next(in) % most;

	for (size_t i = 0; i < n; i++)
		out[i] = next(in);
	return n;
}

/* Two devices with such a level, code and key, in a store as if new. */
static void
begin(struct secure **store, const struct secure_level *level, uint64_t code)
{
	struct secure *s = *store;

	if (s == NULL)
		s = *store = secure_open(NULL, 1, NULL);
	for (size_t i = 0; i < s->devices; i++)
		secure_forget_contexts(&s->device[i]);
	for (size_t i = 0; i < s->slots; i++)
		s->slot[i] = 0;
	s->devices = s->lines = 0;
	memset(s->pending, 0, SECURE_PENDING * sizeof *s->pending);
	for (uint64_t i = 0; i < 2; i++) {
		struct secure_device *d = secure_add(s, DEVICE + i);

		memset(secure_keys(s, d), 1, sizeof *secure_keys(s, d));
		d->level = *level;
		d->received = d->sent = (struct secure_counter){ code, code };
		d->has_key = d->can_send = d->own_key = 1;
	}
}

struct made {
	uint8_t p[TELEGRAM_SPACE];
	struct telegram tel;
};

/* A telegram of the device; what is in it is given back once, no more. */
static void
pass_on(struct input *in, struct secure *device, struct secure *gateway,
    struct made *m)
{
	uint8_t p[64];
	struct telegram plain = { .sender = DEVICE, .p = p }, out;
	const char *why = NULL;

	plain.rorg = next(in);
	plain.n = next_bytes(in, p, sizeof p);
	if (secure_make(device, DEVICE, &plain, &m->tel, &why) < 0)
		return;
	memcpy(m->p, m->tel.p, m->tel.n);
	m->tel.p = m->p;
	if (next(in) % 8 == 0)
		return; /* lost, at most so many as there are inputs for */
	require(secure_take(gateway, &m->tel, 0, &out, &why) == SECURE_OPENED);
	require(out.rorg == plain.rorg && out.n == plain.n &&
	    memcmp(out.p, p, out.n) == 0);
	require(secure_take(gateway, &m->tel, 0, &out, &why) == SECURE_REFUSED);
}

static void
take_any(struct input *in, struct secure *gateway)
{
	uint8_t p[TELEGRAM_SPACE];
	/* Not from the one whose telegrams have to arrive. */
	struct telegram tel = { .sender = DEVICE + 1 + next(in) % 16, .p = p },
			out;
	const char *why = NULL;
	enum secure_result r;

	tel.rorg = 0x30 + next(in) % 6;
	tel.security = next(in) % 5;
	tel.n = next_bytes(in, p, 48);
	r = secure_take(gateway, &tel, next(in) & 1, &out, &why);
	require(r != SECURE_REFUSED || why != NULL);
	require(r != SECURE_OPENED ||
	    secure_take(gateway, &tel, 0, &out, &why) == SECURE_REFUSED);
	require(r != SECURE_TAUGHT || secure_has(gateway, tel.sender));
}

static void
try_telegrams(const uint8_t *data, size_t size)
{
	static struct made made[MADE];
	static struct secure *device, *gateway; /* new ones are slow */
	struct input in = { data, size };
	struct secure_level level;
	struct telegram out;
	const char *why;
	uint64_t code;
	size_t count = 0;

	if (secure_level(next(&in), &level) != NULL)
		return;
	code = (uint64_t)next(&in) << 24 | 0xFFFF00u | next(&in);
	if (level.code_bits < 32)
		code &= ((uint64_t)1 << level.code_bits) - 1;
	begin(&device, &level, code);
	begin(&gateway, &level, code);
	/* So few that all that are lost fit into the window. */
	for (size_t i = 0; i < STEPS && in.n > 0; i++) {
		if (next(&in) % 2 == 0)
			pass_on(&in, device, gateway, &made[count++ % MADE]);
		else
			take_any(&in, gateway);
	}
	/* What is before the last accepted one stays refused. */
	for (size_t i = 0; i < MADE && i < count; i++)
		if (made[i].tel.n > 0 &&
		    secure_take(gateway, &made[i].tel, 0, &out, &why) ==
			SECURE_OPENED)
			require(secure_take(gateway, &made[i].tel, 0, &out,
				    &why) == SECURE_REFUSED);
	for (size_t i = 0; i < MADE; i++)
		made[i].tel.n = 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (path[0] == '\0')
		make_path();
	if (size == 0 || size > 1024)
		return 0;
	if (data[0] % 4 == 0)
		try_file(data + 1, size - 1);
	else
		try_telegrams(data + 1, size - 1);
	return 0;
}

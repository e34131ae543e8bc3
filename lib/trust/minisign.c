#include "trust/minisign.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/base64.h"
#include "base/date.h"
#include "trust/folder.h"
#include "trust/reason.h"

enum { HASH = 64, ID = 8, CHUNK = 65536 };

static int
hash_file(const char *path, unsigned char hash[HASH])
{
	crypto_generichash_state state;
	static unsigned char chunk[CHUNK];
	ssize_t n;
	int saved, fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	crypto_generichash_init(&state, NULL, 0, HASH);
	while ((n = read(fd, chunk, sizeof chunk)) > 0)
		crypto_generichash_update(&state, chunk, (size_t)n);
	saved = errno;
	close(fd);
	errno = saved;
	crypto_generichash_final(&state, hash, HASH);
	return n < 0 ? -1 : 0;
}

/* "ED", the first 8 bytes of the key's id, the signature of the hash. */
static void
sign_hash(const struct key *k, const unsigned char hash[HASH],
    unsigned char raw[2 + ID + KEY_SIGNATURE])
{
	unsigned char id[KEY_BYTES];

	memcpy(raw, "ED", 2);
	key_b64_parse(id, sizeof id, k->public.kid, KEY_ID);
	memcpy(raw + 2, id, ID);
	crypto_sign_detached(raw + 2 + ID, NULL, hash, HASH, k->sign);
}

static void
add_signature(struct buf *b, const struct key *k, const unsigned char *raw,
    const char *name)
{
	unsigned char global[KEY_SIGNATURE];
	struct buf comment = { 0 }, covered = { 0 };

	buf_adds(&comment, "timestamp:");
	buf_addi(&comment, date_now() / DATE_SECOND);
	buf_addf(&comment, "\tfile:%s\thashed", name);
	for (size_t i = 0; i < comment.len; i++)
		if (comment.p[i] == '\n' || comment.p[i] == '\r')
			comment.p[i] = '?';
	buf_add(&covered, raw + 2 + ID, KEY_SIGNATURE);
	buf_add(&covered, comment.p, comment.len);
	crypto_sign_detached(global, NULL, (const unsigned char *)covered.p,
	    covered.len, k->sign);
	buf_adds(b, "untrusted comment: signature from sg-sign\n");
	base64_add(b, BASE64_PADDED, raw, 2 + ID + KEY_SIGNATURE);
	buf_addf(b, "\ntrusted comment: %s\n", buf_cstr(&comment));
	base64_add(b, BASE64_PADDED, global, sizeof global);
	buf_addc(b, '\n');
	buf_fini(&comment);
	buf_fini(&covered);
}

int
minisign_file(const struct key *k, const char *path, const char **why)
{
	unsigned char hash[HASH], raw[2 + ID + KEY_SIGNATURE];
	const char *slash = strrchr(path, '/');
	struct buf text = { 0 }, to = { 0 };
	int result;

	if (hash_file(path, hash) < 0) {
		*why = reason("%s", strerror(errno));
		return -1;
	}
	sign_hash(k, hash, raw);
	add_signature(&text, k, raw, slash != NULL ? slash + 1 : path);
	buf_addf(&to, "%s.minisig", path);
	result = folder_write(buf_cstr(&to), text.p, text.len, why);
	buf_fini(&text);
	buf_fini(&to);
	return result;
}

/*
 * The test kit of the age format, every file of it; documents of our own of
 * all awkward lengths, in pieces of all awkward lengths.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "check.h"
#include "trust/age.h"
#include "trust/secret.h"

struct file {
	struct buf text; /* all of it */
	const char *body;
	size_t n;
	char expect[32], identity[128], passphrase[64], payload[65];
	int compressed, hybrid;
};

static char *dir;

/* zlib is no library of ours, Python has it. */
static void
inflate(struct file *f)
{
	static const char code[] =
	    "import sys,zlib\n"
	    "s=open(sys.argv[1],'rb').read()\n"
	    "sys.stdout.buffer.write(zlib.decompress(s[s.index(b'\\n\\n')+2:]))"
	    "\n";
	char command[1024];
	struct buf out = { 0 };
	FILE *p;
	size_t n;

	snprintf(command, sizeof command, "python3 -c \"%s\" '%s'", code,
	    buf_cstr(&f->text));
	p = popen(command, "r");
	if (p == NULL)
		abort();
	while ((n = fread(buf_room(&out, 65536), 1, 65536, p)) > 0)
		out.len += n;
	check(pclose(p) == 0, "python3 inflates %s", f->text.p);
	buf_fini(&f->text);
	f->text = out;
	f->body = out.p;
	f->n = out.len;
}

static void
slurp(struct buf *b, const char *path)
{
	FILE *file = fopen(path, "r");
	size_t n;

	if (file == NULL) {
		printf("test_age: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	while ((n = fread(buf_room(b, 65536), 1, 65536, file)) > 0)
		b->len += n;
	fclose(file);
}

static void
take_member(struct file *f, const char *line, size_t n)
{
	static const struct {
		const char *name;
		size_t at, size;
	} member[] = {
		{ "expect: ", offsetof(struct file, expect), 32 },
		{ "identity: AGE-SECRET-KEY-1", offsetof(struct file, identity),
		    128 },
		{ "passphrase: ", offsetof(struct file, passphrase), 64 },
		{ "payload: ", offsetof(struct file, payload), 65 },
	};

	f->compressed |= strncmp(line, "compressed: zlib", 16) == 0;
	f->hybrid |= strncmp(line, "identity: AGE-SECRET-KEY-PQ-", 28) == 0;
	for (size_t i = 0; i < sizeof member / sizeof *member; i++) {
		size_t skip = strlen(member[i].name);

		if (n < skip || memcmp(line, member[i].name, skip) != 0)
			continue;
		if (member[i].size == 128)
			skip = strlen("identity: ");
		snprintf((char *)f + member[i].at, member[i].size, "%.*s",
		    (int)(n - skip), line + skip);
	}
}

static void
load(struct file *f, const char *name)
{
	char path[512];
	const char *p, *end;

	*f = (struct file){ 0 };
	snprintf(path, sizeof path, "%s/%s", dir, name);
	slurp(&f->text, path);
	p = buf_cstr(&f->text);
	while (*p != '\n' && (end = strchr(p, '\n')) != NULL) {
		take_member(f, p, (size_t)(end - p));
		p = end + 1;
	}
	f->body = p + 1;
	f->n = f->text.len - (size_t)(f->body - f->text.p);
	if (!f->compressed)
		return;
	buf_clear(&f->text);
	buf_adds(&f->text, path);
	inflate(f);
}

static const char *
word(enum age_result r)
{
	switch (r) {
	case AGE_HEADER: return "header failure";
	case AGE_BAD_ARMOR: return "armor failure";
	case AGE_NO_MATCH: return "no match";
	case AGE_HMAC: return "HMAC failure";
	case AGE_PAYLOAD: return "payload failure";
	case AGE_PASSPHRASE: return "passphrase wanted";
	case AGE_GOOD: return "success";
	}
	return "?";
}

/* All of it, step bytes at a time. */
static enum age_result
open_all(const char *p, size_t n, const unsigned char *identity,
    const char *pass, size_t step, struct buf *out)
{
	struct age_open *a = age_open_new(identity);
	enum age_result r = AGE_GOOD;

	for (size_t i = 0; i < n && r == AGE_GOOD; i += step) {
		r = age_open_add(a, p + i, n - i < step ? n - i : step, out);
		if (r == AGE_PASSPHRASE && pass != NULL)
			r = age_open_passphrase(a, pass, strlen(pass), out);
	}
	if (r == AGE_GOOD)
		r = age_open_end(a, out);
	/* Nobody to ask: it is for somebody who knows it. */
	if (r == AGE_PASSPHRASE)
		r = AGE_NO_MATCH;
	age_open_free(a);
	return r;
}

static void
check_payload(const struct file *f, const char *name, const struct buf *out)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char hex[65];

	crypto_hash_sha256(hash, (const unsigned char *)out->p, out->len);
	sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
	check(strcmp(hex, f->payload) == 0, "%s: payload of %zu bytes", name,
	    out->len);
}

static void
kit_file(const char *name, size_t step, size_t *stated, size_t *refused)
{
	struct file f;
	struct buf out = { 0 };
	unsigned char identity[KEY_BYTES];
	int known;
	enum age_result r;

	load(&f, name);
	known =
	    f.identity[0] != '\0' && age_identity(f.identity, identity) == 0;
	check(known || f.identity[0] == '\0', "%s: identity", name);
	r = open_all(f.body, f.n, known ? identity : NULL,
	    f.passphrase[0] != '\0' ? f.passphrase : NULL, step, &out);
	if (strcmp(word(r), f.expect) == 0) {
		check(1, "as stated");
		if (f.payload[0] != '\0')
			check_payload(&f, name, &out);
		++*stated;
	} else {
		/* ML-KEM stanzas are unknown ones. */
		check(f.hybrid && r == AGE_NO_MATCH && out.len == 0,
		    "%s: %s, stated %s", name, word(r), f.expect);
		++*refused;
	}
	buf_fini(&out);
	buf_fini(&f.text);
}

static int
visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static void
test_kit(void)
{
	struct dirent **entry;
	size_t stated = 0, refused = 0;
	int n = scandir(dir, &entry, visible, alphasort);

	check(n >= 143, "%s: %d files", dir, n);
	for (int i = 0; i < n; i++) {
		kit_file(entry[i]->d_name, 4096, &stated, &refused);
		free(entry[i]);
	}
	free(entry);
	printf("test_age: %zu files decided as stated, %zu with ML-KEM refused "
	       "as unknown\n",
	    stated, refused);
	check(stated == 131 && refused == 12, "all of the kit's 143 files");
}

static const size_t lengths[] = { 0, 1, 47, 48, 49, AGE_CHUNK - 1, AGE_CHUNK,
	AGE_CHUNK + 1, 2 * AGE_CHUNK - 1, 2 * AGE_CHUNK, 3 * AGE_CHUNK + 5 };

static void
round_trip(
    size_t n, size_t step, enum age_form form, const struct key *const *key)
{
	unsigned char to[2][KEY_BYTES];
	unsigned char *text = malloc(n + 1);
	struct buf sealed = { 0 }, out = { 0 };
	struct age_seal *s;
	enum age_result r;

	memcpy(to[0], key[0]->public.enc, KEY_BYTES);
	memcpy(to[1], key[1]->public.enc, KEY_BYTES);
	randombytes_buf(text, n + 1);
	s = age_seal_new(
	    (const unsigned char(*)[KEY_BYTES])to, 2, form, &sealed);
	for (size_t i = 0; i < n; i += step)
		age_seal_add(s, text + i, n - i < step ? n - i : step, &sealed);
	age_seal_end(s, &sealed);
	for (int i = 0; i < 2; i++) {
		buf_clear(&out);
		r = open_all(
		    sealed.p, sealed.len, key[i]->seed_enc, NULL, step, &out);
		check(r == AGE_GOOD && out.len == n &&
			(n == 0 || memcmp(out.p, text, n) == 0),
		    "%zu bytes by %zu, form %d: %s", n, step, form, word(r));
	}
	r = open_all(sealed.p, sealed.len, key[2]->seed_enc, NULL, step, &out);
	check(r == AGE_NO_MATCH, "a stranger: %s", word(r));
	for (size_t cut = 1; cut < sealed.len; cut += sealed.len / 9 + 1) {
		r = open_all(sealed.p, sealed.len - cut, key[0]->seed_enc, NULL,
		    step, &out);
		check(r != AGE_GOOD || (form == AGE_ARMOR && cut == 1),
		    "%zu of %zu bytes cut off: %s", cut, sealed.len, word(r));
	}
	free(text);
	buf_fini(&sealed);
	buf_fini(&out);
}

static void
test_round_trips(void)
{
	struct key *key[3];

	for (int i = 0; i < 3; i++)
		key[i] = key_new("a");
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
		for (int form = 0; form < 2; form++) {
			round_trip(lengths[i], 65536, (enum age_form)form,
			    (const struct key *const *)key);
			round_trip(lengths[i], 40001, (enum age_form)form,
			    (const struct key *const *)key);
			if (lengths[i] < 100)
				round_trip(lengths[i], 1, (enum age_form)form,
				    (const struct key *const *)key);
		}
	for (int i = 0; i < 3; i++)
		key_free(key[i]);
}

/* Every byte of a short document matters. */
static void
test_alteration(void)
{
	struct key *key = key_new("a");
	unsigned char to[1][KEY_BYTES];
	struct buf sealed = { 0 }, out = { 0 };
	struct age_seal *s;

	memcpy(to[0], key->public.enc, KEY_BYTES);
	s = age_seal_new(
	    (const unsigned char(*)[KEY_BYTES])to, 1, AGE_BINARY, &sealed);
	age_seal_add(s, "meter", 5, &sealed);
	age_seal_end(s, &sealed);
	for (size_t i = 0; i < sealed.len; i++)
		for (int bit = 0; bit < 8; bit++) {
			sealed.p[i] ^= (char)(1 << bit);
			buf_clear(&out);
			check(open_all(sealed.p, sealed.len, key->seed_enc,
				  NULL, 4096, &out) != AGE_GOOD &&
				out.len == 0,
			    "bit %d of byte %zu", bit, i);
			sealed.p[i] ^= (char)(1 << bit);
		}
	key_free(key);
	buf_fini(&sealed);
	buf_fini(&out);
}

/* A header without end is not collected for ever. */
static void
test_bounds(void)
{
	struct age_open *a = age_open_new(NULL);
	struct buf out = { 0 }, line = { 0 };
	enum age_result r = AGE_GOOD;
	size_t fed = 0;

	buf_adds(&line, "age-encryption.org/v1\n");
	while (r == AGE_GOOD && fed < 10 * AGE_HEADER_MAX) {
		r = age_open_add(a, line.p, line.len, &out);
		fed += line.len;
		buf_clear(&line);
		buf_adds(&line, "-> grease x\n\n");
	}
	check(r == AGE_HEADER && fed < AGE_HEADER_MAX + 100, "%s after %zu",
	    word(r), fed);
	check(age_open_end(a, &out) == AGE_HEADER, "and stays so");
	age_open_free(a);
	buf_fini(&line);
	buf_fini(&out);
}

static const struct {
	const char *in;
	int want;
	const char *why;
} recipients[] = {
	{ "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj", 0,
	    "a good one" },
	{ "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwjj", -1,
	    "one character more" },
	{ "age1", -1, "empty" },
	{ "", -1, "nothing" },
	{ "agf1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujw", -1,
	    "another name" },
};

static void
test_texts(void)
{
	struct key *key = key_new("a");
	struct buf b = { 0 };
	unsigned char out[KEY_BYTES], zero[1][KEY_BYTES] = { { 0 } };

	for (size_t i = 0; i < sizeof recipients / sizeof *recipients; i++)
		check(
		    age_recipient(recipients[i].in, out) == recipients[i].want,
		    "%s", recipients[i].why);
	key_export_public(&b, KEY_AGE, &key->public);
	b.len--;
	check(age_recipient(buf_cstr(&b), out) == 0 &&
		memcmp(out, key->public.enc, KEY_BYTES) == 0,
	    "%s", b.p);
	for (size_t i = 0; i < b.len; i++) {
		char c = b.p[i];

		b.p[i] = c == 'q' ? 'p' : 'q';
		check(age_recipient(b.p, out) < 0, "character %zu", i);
		b.p[i] = 'Q';
		check(age_recipient(b.p, out) < 0, "capital %zu", i);
		b.p[i] = c;
	}
	buf_clear(&b);
	key_export_secret(&b, KEY_AGE, key);
	b.len--;
	check(age_identity(buf_cstr(&b), out) == 0 &&
		memcmp(out, key->seed_enc, KEY_BYTES) == 0,
	    "identity");
	check(age_recipient(b.p, out) < 0, "an identity is no recipient");
	check(age_seal_new((const unsigned char(*)[KEY_BYTES])zero, 1,
		  AGE_BINARY, &b) == NULL,
	    "a point of low order");
	buf_fini(&b);
	key_free(key);
}

int
main(void)
{
	const char *data = getenv("SG_TEST_DATA");
	struct buf b = { 0 };

	secret_start();
	buf_addf(&b, "%s/vectors/age_testkit",
	    data != NULL ? data : "../shared/data");
	dir = strdup(buf_cstr(&b));
	buf_fini(&b);
	test_texts();
	test_round_trips();
	test_alteration();
	test_bounds();
	test_kit();
	free(dir);
	return check_done();
}

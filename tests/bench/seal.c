/*
 * seal DIR SUBJECT FILE - Seal the event lines of a file in batches of 1,024
 * by DIR/keys/SUBJECT, and verify them from the lines and the seals, in one
 * thread.  Prints lines a second of processor time: sealing with what SHA-256
 * the processor has, verifying with it, and both with libsodium's.
 */
#include <stdio.h>
#include <string.h>

#include "base/date.h"
#include "base/die.h"
#include "trust/batch.h"
#include "trust/identity.h"
#include "trust/secret.h"
#include "trust/sha256.h"
#include "trust/sign.h"

#include "common/text.h"

struct work {
	struct identity id;
	struct jws_signer signer;
	struct sign_space space;
	struct buf text, plain, seals;
	size_t lines;
	unsigned char leaf[BATCH_MAX][TREE_HASH];
	struct batch_seal seal;
};

static void
start(struct work *w, const char *dir, const char *subject)
{
	struct identity_options given = { .trust = dir, .pass_fd = -1 };
	struct buf path = { 0 };
	const char *why;
	int status;

	secret_start();
	buf_addf(&path, "%s/keys/%s.key", dir, subject);
	given.key = buf_cstr(&path);
	if (identity_open(&w->id, &given, &status, &why) <= 0)
		die(status, "%s", why);
	jws_signer_init(&w->signer, w->id.key, "sg-seal");
	buf_fini(&path);
}

/* The leaves of up to BATCH_MAX lines from *p; how many. */
static size_t
take_leaves(struct work *w, const char **p, int check)
{
	const char *end = w->text.p + w->text.len, *line, *why;
	struct event e;
	size_t n, k = 0;

	while (k < BATCH_MAX && (line = text_next(p, end, &n)) != NULL) {
		if ((check && event_scan(&e, line, n, &why) < 0) ||
		    canon_event(&w->space.canon, line, n, &why) < 0)
			die(EXIT_DATA, "%.*s: %s", (int)n, line, why);
		tree_leaf(
		    w->space.canon.out.p, w->space.canon.out.len, w->leaf[k++]);
	}
	return k;
}

static const unsigned char (*leaves(const struct work *w))[TREE_HASH]
{
	return (const unsigned char(*)[TREE_HASH])w->leaf;
}

static double
make_seals(struct work *w)
{
	double from = text_seconds();
	const char *p = w->text.p, *why;
	size_t n;

	buf_clear(&w->seals);
	w->lines = 0;
	while ((n = take_leaves(w, &p, 0)) > 0) {
		w->seal.ep = 1;
		w->seal.first = (int64_t)w->lines + 1;
		batch_make(&w->seal, leaves(w), n);
		buf_clear(&w->plain);
		batch_seal_add(&w->plain, &w->seal, "m", date_now());
		if (sign_line(&w->signer, &w->space, w->plain.p, w->plain.len,
			&w->seals, &why) < 0)
			die(EXIT_BUG, "%s", why);
		buf_addc(&w->seals, '\n');
		w->lines += n;
	}
	return text_seconds() - from;
}

/* The seal's own signature, and that its root is that of the leaves. */
static void
check_seal(struct work *w, const char *line, size_t n, size_t leaf_n)
{
	int64_t at = date_now() / DATE_SECOND;
	unsigned char root[TREE_HASH];
	const struct cert *cert;
	struct event e;
	const char *why = "other leaves";

	tree_root(leaves(w), leaf_n, root);
	if (event_scan(&e, line, n, &why) < 0 ||
	    sign_check(w->id.ring, &w->space, &e, at, &cert, &why) !=
		SIGN_GOOD ||
	    batch_seal_read(&w->seal, &e, &why) < 0 ||
	    w->seal.n != (int64_t)leaf_n ||
	    memcmp(w->seal.root, root, sizeof root) != 0)
		die(EXIT_BUG, "%.*s: %s", (int)n, line, why);
}

static double
check_all(struct work *w)
{
	double from = text_seconds();
	const char *p = w->text.p, *s = w->seals.p, *line;
	size_t n, k;

	while ((k = take_leaves(w, &p, 1)) > 0) {
		line = text_next(&s, w->seals.p + w->seals.len, &n);
		check_seal(w, line, n, k);
	}
	return text_seconds() - from;
}

int
main(int argc, char **argv)
{
	static struct work w;
	double seconds[4];

	die_name(argv[0]);
	if (argc != 4)
		die(EXIT_USAGE, "usage: seal DIR SUBJECT FILE");
	start(&w, argv[1], argv[2]);
	text_read(argv[3], &w.text);
	for (int plain = 0; plain < 2; plain++) {
		sha256_plain(plain);
		seconds[2 * plain] = make_seals(&w);
		seconds[2 * plain + 1] = check_all(&w);
	}
	for (size_t i = 0; i < 4; i++)
		printf(
		    "%.0f%c", (double)w.lines / seconds[i], i < 3 ? ' ' : '\n');
	sign_space_fini(&w.space);
	jws_signer_fini(&w.signer);
	identity_close(&w.id);
	return 0;
}

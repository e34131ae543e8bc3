/*
 * Seals and proofs: what is not one, and that what is written reads back;
 * where a source's chain of seals goes on after an end, a crash, damage.
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "trust/batch.h"
#include "trust/chain.h"

#define ROOT "\"root\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""

static const char *
read_seal(const char *d, struct batch_seal *seal)
{
	struct buf line = { 0 };
	const char *why = NULL;
	struct event e;

	buf_addf(&line,
	    "{\"topic\":\"STATUS/SEAL/x\",\"t\":1,\"d\":{%s},\"src\":\"x\"}",
	    d);
	if (event_scan(&e, line.p, line.len, &why) == 0 &&
	    batch_seal_read(seal, &e, &why) == 0)
		why = NULL;
	buf_fini(&line);
	return why;
}

static void
check_seals(void)
{
	static const struct {
		const char *d, *why;
	} row[] = {
		{ "\"ep\":1,\"first\":1,\"n\":2," ROOT, NULL },
		{ "\"ep\":1,\"first\":1,\"n\":1,\"hint\":\"AAAAAA\"," ROOT,
		    NULL },
		{ "\"ep\":1,\"first\":1,\"n\":1,\"hint\":\"AAAA\"," ROOT,
		    "hint: not 4 bytes for each event" },
		{ "\"ep\":1,\"first\":1,\"n\":1,\"hint\":7," ROOT,
		    "hint: not 4 bytes for each event" },
		{ "\"ep\":0,\"first\":1,\"n\":2," ROOT,
		    "ep: not a whole number above 0" },
		{ "\"first\":1,\"n\":2," ROOT,
		    "ep: not a whole number above 0" },
		{ "\"ep\":1,\"first\":0,\"n\":2," ROOT,
		    "first: not a whole number above 0" },
		{ "\"ep\":1,\"first\":9223372036854775807,\"n\":2," ROOT,
		    "first: not a whole number above 0" },
		{ "\"ep\":1,\"first\":1,\"n\":1025," ROOT,
		    "n: not a whole number up to 1024" },
		{ "\"ep\":1,\"first\":1,\"n\":-1," ROOT,
		    "n: not a whole number up to 1024" },
		{ "\"ep\":1,\"first\":1,\"n\":1.5," ROOT,
		    "n: not a whole number up to 1024" },
		{ "\"ep\":1,\"first\":1,\"n\":0," ROOT,
		    "root: not that of no events" },
		{ "\"ep\":1,\"first\":1,\"n\":2", "root: not 32 bytes" },
		{ "\"ep\":1,\"first\":1,\"n\":2,\"root\":\"AAAA\"",
		    "root: not 32 bytes" },
		{ "\"ep\":1,\"first\":1,\"n\":2,\"prev\":\"AAAA\"," ROOT,
		    "prev: not 32 bytes" },
		{ "\"ep\":1,\"first\":1,\"n\":2,\"every\":-1," ROOT,
		    "every: not a number above 0" },
	};
	static struct batch_seal seal;

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		const char *why = read_seal(row[i].d, &seal);

		check(why == NULL
			? row[i].why == NULL
			: row[i].why != NULL && strcmp(why, row[i].why) == 0,
		    "%s: %s", row[i].d, why != NULL ? why : "taken");
	}
}

static void
fill(unsigned char (*leaf)[TREE_HASH], size_t n)
{
	for (size_t i = 0; i < n; i++)
		tree_leaf(&i, sizeof i, leaf[i]);
}

static void
check_round(size_t n)
{
	static unsigned char leaf[BATCH_MAX][TREE_HASH];
	static struct batch_seal seal, again;
	const unsigned char(*leaves)[TREE_HASH] =
	    (const unsigned char(*)[TREE_HASH])leaf;
	struct buf line = { 0 };
	const char *why = "";
	struct event e;

	fill(leaf, n);
	seal = (struct batch_seal){
		.ep = 7, .first = 9, .every = 1500000, .has_prev = n % 2 == 0
	};
	batch_make(&seal, leaves, n);
	batch_seal_add(&line, &seal, "a/b", 1234567);
	check(event_scan(&e, line.p, line.len, &why) == 0 &&
		batch_seal_read(&again, &e, &why) == 0,
	    "seal of %zu: %s", n, why);
	check(again.n == (int64_t)n && again.ep == 7 && again.first == 9 &&
		again.every == 1500000 && again.has_prev == seal.has_prev &&
		again.has_hint == (n > 0) &&
		memcmp(again.root, seal.root, TREE_HASH) == 0 &&
		memcmp(again.hint, seal.hint, n * BATCH_HINT) == 0,
	    "seal of %zu reads back otherwise", n);
	buf_fini(&line);
}

/* The line of a proof of one event of n. */
static void
check_proof(size_t n, size_t i)
{
	static unsigned char leaf[BATCH_MAX][TREE_HASH];
	static struct batch_seal seal;
	static struct batch_proof proof, again;
	const unsigned char(*leaves)[TREE_HASH] =
	    (const unsigned char(*)[TREE_HASH])leaf;
	struct buf line = { 0 };
	const char *why = "";
	struct event e;

	fill(leaf, n);
	seal = (struct batch_seal){ .ep = 1, .first = 100 };
	batch_make(&seal, leaves, n);
	proof = (struct batch_proof){ .ep = 1,
		.seq = 100 + (int64_t)i,
		.seal = "{\"x\":1}",
		.seal_n = 7 };
	proof.hashes = tree_prove(leaves, n, i, proof.path);
	batch_proof_add(&line, &proof, "x", 1);
	check(event_scan(&e, line.p, line.len, &why) == 0 &&
		batch_proof_read(&again, &e, &why) == 0,
	    "proof of %zu of %zu: %s", i, n, why);
	check(batch_proves(&again, &seal, leaf[i]), "%zu of %zu", i, n);
	again.seq++;
	check(!batch_proves(&again, &seal, leaf[i]), "another seq");
	again.seq = 99;
	check(!batch_proves(&again, &seal, leaf[i]), "seq before the seal");
	again.seq = 100 + (int64_t)i;
	again.ep = 2;
	check(!batch_proves(&again, &seal, leaf[i]), "another epoch");
	again.ep = 1;
	again.hashes++;
	check(!batch_proves(&again, &seal, leaf[i]), "a longer path");
	buf_fini(&line);
}

static char base[64];

static int
open_chain(struct chain *c, struct ident *ident, const char *src)
{
	char ids[80], seals[80];

	snprintf(ids, sizeof ids, "%s/ident", base);
	snprintf(seals, sizeof seals, "%s/seals", base);
	check(ident_open(ident, ids, src) == 0, "%s: counter", src);
	return chain_open(c, ident, ids, seals, src);
}

static void
damage(const char *name)
{
	char path[96];
	FILE *f;

	snprintf(path, sizeof path, "%s/seals/%s", base, name);
	f = fopen(path, "r+");
	check(f != NULL && fputc('9', f) != EOF, "%s: no file", path);
	if (f != NULL)
		fclose(f);
}

static void
check_chain(void)
{
	static const unsigned char id[TREE_HASH] = "the last seal";
	struct chain c, second;
	struct ident ident, other;
	int64_t ep;

	check(open_chain(&c, &ident, "a/b") == 0 && c.ep == 0, "a new chain");
	ep = ident.ep;
	check(open_chain(&second, &other, "a/b") == 0 && second.fd < 0 &&
		other.ep > ep,
	    "a second process at a time keeps no chain");
	ident_close(&ident);
	chain_close(&second);
	ep = other.ep;
	other.seq = 4;
	check(chain_put(&c, ep, 5, id) == 0, "write");
	chain_close(&c);
	ident_close(&other);
	check(open_chain(&c, &ident, "a/b") == 0 && c.ep == ep &&
		ident.ep == ep && c.next == 5 &&
		memcmp(c.id, id, sizeof id) == 0,
	    "it goes on");
	ident.seq = 9;
	chain_close(&c);
	ident_close(&ident);
	check(open_chain(&c, &ident, "a/b") == 0 && ident.ep > ep &&
		ident.seq == 0 && c.ep == ep,
	    "numbers without seals: a new epoch");
	chain_close(&c);
	ident_close(&ident);
	damage("a%2Fb");
	check(open_chain(&c, &ident, "a/b") == 0 && c.ep == 0, "damaged");
	chain_close(&c);
	ident_close(&ident);
}

static int
drop_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int
main(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(base, sizeof base, "%.40s/sg-batch.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(base) == NULL)
		return 1;
	check_seals();
	for (size_t n = 0; n <= BATCH_MAX; n += n < 20 ? 1 : 167)
		check_round(n);
	for (size_t n = 1; n < 40; n++)
		for (size_t i = 0; i < n; i++)
			check_proof(n, i);
	check_chain();
	nftw(base, drop_file, 16, FTW_DEPTH | FTW_PHYS);
	return check_done();
}

/*
 * sign DIR SUBJECT FILE - Sign the event lines of a file by DIR/keys/SUBJECT
 * and verify them, in one thread, beside libsodium's own functions on the
 * bytes that are signed.  Prints lines a second of processor time: libsodium
 * signing, ours, libsodium verifying, ours.
 */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/date.h"
#include "base/die.h"
#include "trust/identity.h"
#include "trust/secret.h"
#include "trust/sign.h"

#include "common/text.h"

enum { SLICE = 500 }; /* lines in turns, so that all meet the same machine */

/* A line, what is signed of it, the signature, and the signed line. */
struct input {
	const char *line;
	size_t line_n;
	size_t at, n;
	unsigned char sig[crypto_sign_BYTES];
	size_t signed_at, signed_n;
};

struct work {
	struct identity id;
	struct jws_signer signer;
	struct sign_space space;
	struct buf text, wanted, signed_text;
	struct input *input;
	size_t lines;
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
	jws_signer_init(&w->signer, w->id.key, "sg-event");
	buf_fini(&path);
}

/* The bytes that RFC 7515 has signed, of each line. */
static void
make_inputs(struct work *w)
{
	const char *p = w->text.p, *end = p + w->text.len, *line, *why;
	struct buf one = { 0 };
	size_t n;

	while ((line = text_next(&p, end, &n)) != NULL) {
		struct input *in;

		buf_clear(&one);
		buf_add(&one, line, n - 1);
		buf_addf(&one, ",\"kid\":\"%s\"}", w->id.key->public.kid);
		if (canon_event(&w->space.canon, one.p, one.len, &why) < 0)
			die(EXIT_DATA, "%.*s: %s", (int)n, line, why);
		w->input =
		    xrealloc(w->input, (w->lines + 1) * sizeof *w->input);
		in = &w->input[w->lines++];
		*in = (struct input){ .line = line, .line_n = n };
		in->at = w->wanted.len;
		buf_add(&w->wanted, w->signer.head.p, w->signer.head.len);
		buf_addc(&w->wanted, '.');
		key_b64(
		    &w->wanted, w->space.canon.out.p, w->space.canon.out.len);
		in->n = w->wanted.len - in->at;
	}
	buf_fini(&one);
}

static const unsigned char *
bytes(const struct work *w, const struct input *in)
{
	return (const unsigned char *)w->wanted.p + in->at;
}

static double
bare_sign(struct work *w, struct input *in, size_t n)
{
	double from = text_seconds();

	for (; n > 0; n--, in++)
		crypto_sign_detached(
		    in->sig, NULL, bytes(w, in), in->n, w->id.key->sign);
	return text_seconds() - from;
}

static double
bare_verify(struct work *w, struct input *in, size_t n)
{
	double from = text_seconds();

	for (; n > 0; n--, in++)
		if (crypto_sign_verify_detached(in->sig, bytes(w, in), in->n,
			w->id.key->public.sign) != 0)
			die(EXIT_BUG, "libsodium does not verify its own");
	return text_seconds() - from;
}

static double
our_sign(struct work *w, struct input *in, size_t n)
{
	double from = text_seconds();
	const char *why;

	for (; n > 0; n--, in++) {
		in->signed_at = w->signed_text.len;
		if (sign_line(&w->signer, &w->space, in->line, in->line_n,
			&w->signed_text, &why) < 0)
			die(EXIT_BUG, "%s", why);
		in->signed_n = w->signed_text.len - in->signed_at;
	}
	return text_seconds() - from;
}

static double
our_verify(struct work *w, struct input *in, size_t n)
{
	int64_t at = date_now() / DATE_SECOND;
	double from = text_seconds();
	const struct cert *cert;
	struct event e;
	const char *why;

	for (; n > 0; n--, in++) {
		const char *line = w->signed_text.p + in->signed_at;

		if (event_scan(&e, line, in->signed_n, &why) < 0 ||
		    sign_check(w->id.ring, &w->space, &e, at, &cert, &why) !=
			SIGN_GOOD)
			die(EXIT_BUG, "%s: %s", in->line, why);
	}
	return text_seconds() - from;
}

int
main(int argc, char **argv)
{
	static double (*const step[])(struct work *, struct input *,
	    size_t) = { bare_sign, our_sign, bare_verify, our_verify };
	struct work w = { 0 };
	double seconds[4] = { 0 };

	die_name(argv[0]);
	if (argc != 4)
		die(EXIT_USAGE, "usage: sign DIR SUBJECT FILE");
	start(&w, argv[1], argv[2]);
	text_read(argv[3], &w.text);
	make_inputs(&w);
	for (size_t i = 0; i < w.lines; i += SLICE)
		for (size_t k = 0; k < 4; k++)
			seconds[k] += step[k](&w, &w.input[i],
			    w.lines - i < SLICE ? w.lines - i : SLICE);
	for (size_t k = 0; k < 4; k++)
		printf(
		    "%.0f%c", (double)w.lines / seconds[k], k < 3 ? ' ' : '\n');
	sign_space_fini(&w.space);
	jws_signer_fini(&w.signer);
	identity_close(&w.id);
	return 0;
}

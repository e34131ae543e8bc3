/*
 * Documents sealed for recipients in the format of age,
 * age-encryption.org/v1, so that its own tools open them: X25519 and, only to
 * open, scrypt stanzas; binary or in ASCII armor; of any length in bounded
 * memory.  Nothing in a document says who sealed it.
 */
#ifndef SG_TRUST_AGE_H
#define SG_TRUST_AGE_H

#include <stddef.h>

#include "base/buf.h"
#include "trust/key.h"

enum {
	AGE_CHUNK = 65536,
	AGE_HEADER_MAX = 262144, /* bytes; about 2,600 recipients */
	AGE_RECIPIENTS_MAX = 2000,
	AGE_WORK_MAX = 20 /* scrypt: 1 GiB, 4 times what age takes */
};

/*
 * age_recipient(text, out) - The X25519 key of "age1...".  age_identity(text,
 * out) - The scalar of "AGE-SECRET-KEY-1...".  0, or -1 if it is none.
 */
int age_recipient(const char *text, unsigned char out[KEY_BYTES]);
int age_identity(const char *text, unsigned char out[KEY_BYTES]);

enum age_form { AGE_BINARY, AGE_ARMOR };

struct age_seal;

/*
 * age_seal_new(recipient, n, form, out) - Begin a document for n recipients,
 * 1 to AGE_RECIPIENTS_MAX; its header is appended to out.  NULL if one is
 * no key (a point of low order).
 * age_seal_add(s, p, n, out) - Seal more, in pieces of any length.
 * age_seal_end(s, out) - Seal the end and free s.  age_seal_free(s) - Free it
 * without: what was written does not open as a whole.
 */
struct age_seal *age_seal_new(const unsigned char (*recipient)[KEY_BYTES],
    size_t n, enum age_form form, struct buf *out);
void
age_seal_add(struct age_seal *s, const void *p, size_t n, struct buf *out);
void age_seal_end(struct age_seal *s, struct buf *out);
void age_seal_free(struct age_seal *s);

enum age_result {	/* zero is no */
	AGE_HEADER = 0, /* no age document, or a malformed one */
	AGE_BAD_ARMOR,
	AGE_NO_MATCH, /* for somebody else */
	AGE_HMAC,     /* the header was altered */
	AGE_PAYLOAD,  /* altered or cut off */
	AGE_PASSPHRASE, /* age_open_passphrase() is wanted */
	AGE_GOOD
};

/* age_result_why(r) - In words: "altered or cut off". */
const char *age_result_why(enum age_result r);

struct age_open;

/*
 * age_open_new(identity) - Open a document with this X25519 scalar (borrowed;
 * may be NULL).
 * age_open_add(a, p, n, out) - Take more of it, in pieces of any length, and
 * append what is known to be authentic to out; at most AGE_CHUNK bytes stay
 * behind.  AGE_GOOD: so far; AGE_PASSPHRASE: call age_open_passphrase() and
 * go on with the next piece; all else is final.
 * age_open_passphrase(a, passphrase, n, out) - As age_open_add().
 * age_open_end(a, out) - The document ends here.  Only if this returns
 * AGE_GOOD is what came before complete.
 */
struct age_open *age_open_new(const unsigned char *identity);
enum age_result
age_open_add(struct age_open *a, const void *p, size_t n, struct buf *out);
enum age_result age_open_passphrase(
    struct age_open *a, const char *passphrase, size_t n, struct buf *out);
enum age_result age_open_end(struct age_open *a, struct buf *out);
void age_open_free(struct age_open *a);

#endif

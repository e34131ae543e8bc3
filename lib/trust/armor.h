/*
 * ASCII armor of age documents: base64 (RFC 4648) in lines of 64 characters
 * between a line that begins and one that ends it, as age's specification
 * has it (age-encryption.org/v1, "ASCII armor"; RFC 7468, strict).
 */
#ifndef SG_TRUST_ARMOR_H
#define SG_TRUST_ARMOR_H

#include <stddef.h>

#include "base/buf.h"

enum {
	ARMOR_COLUMNS = 64,
	ARMOR_BYTES = 48,  /* of such a line */
	ARMOR_SPACE = 1024 /* white space before and after, at most */
};

/* A reader; all-zero is valid. */
struct armor_in {
	enum {
		ARMOR_BEFORE = 0, /* white space, then the first line */
		ARMOR_BODY,
		ARMOR_LAST, /* a short line has been, only the end may come */
		ARMOR_AFTER /* white space */
	} state;
	size_t n, space;
	char line[ARMOR_COLUMNS + 2]; /* not yet ended, with CR and NUL */
};

/*
 * armor_read(a, p, n, out) - Take armored text in pieces of any length and
 * append what it holds to out.  armor_read_end(a, out) - It is over.  0, or
 * -1: not strictly armor.
 */
int armor_read(struct armor_in *a, const char *p, size_t n, struct buf *out);
int armor_read_end(struct armor_in *a, struct buf *out);

/* A writer; all-zero is valid. */
struct armor_out {
	int begun;
	size_t n;
	unsigned char rest[ARMOR_BYTES]; /* of a line that is not full */
};

/*
 * armor_write(a, p, n, out) - Append p[0..n), armored, as far as it makes
 * whole lines.  armor_write_end(a, out) - Append the rest.
 */
void
armor_write(struct armor_out *a, const void *p, size_t n, struct buf *out);
void armor_write_end(struct armor_out *a, struct buf *out);

#endif

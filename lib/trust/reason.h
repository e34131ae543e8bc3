/* Reasons that name what they are about. */
#ifndef SG_TRUST_REASON_H
#define SG_TRUST_REASON_H

/*
 * reason(fmt, ...) - The formatted text (cut at 511 bytes), valid until the
 * next call in the same thread; an argument may be an earlier result.
 */
const char *reason(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif

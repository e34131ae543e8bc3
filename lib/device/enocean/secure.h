/*
 * Secure telegrams (Security of EnOcean Radio Networks 2.5 and 3.02): AES-128
 * in VAES mode, AES-CMAC, rolling codes.  The keys and codes of all devices
 * live in one file that nobody else may read; a rolling code is durable before
 * anything it protects is used, so that no telegram is accepted twice, also
 * after a crash.
 *
 * The file has a row for each device, and one for each pre-shared key:
 *
 *  sender,key,slf,received[,sent[,sendkey]]	# comment
 *  sender,psk,key
 *
 * All in hexadecimal.  slf is the security level of the device's teach-in,
 * received the first rolling code that is accepted from it, sent the one of
 * the next telegram to it (none: nothing can be sent), sendkey its key (none:
 * the device's own; then anybody may send our telegrams back to us as the
 * device's, and only the last ones are known again).  A pre-shared key may
 * have the checksum of its label behind it (CRC8); of a device that has only
 * that, all is refused until it was taught in.  Comments are kept.
 */
#ifndef SG_DEVICE_ENOCEAN_SECURE_H
#define SG_DEVICE_ENOCEAN_SECURE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "device/enocean/telegram.h"

enum {
	SECURE_WINDOW = 128, /* codes ahead that are tried, if telegrams do not
				tell theirs, or codes begin again (16 bits) */
	SECURE_AHEAD = 16    /* codes are written this many steps ahead: after a
				crash at most so many telegrams of a device are
				refused, or codes for sending left out */
};

struct secure;

/*
 * secure_open(path, learn, why) - path NULL: no file, keys are forgotten at
 * the end.  The file has to be a regular one of this user with mode 0600 or
 * less; learn 1: it may be absent.  It is locked (PATH.lock) until
 * secure_close(), and must not be changed by others: then nothing more is
 * written, and telegrams that need it are refused.  NULL with why, "FILE:LINE:
 * what is wrong"; no key ever stands in a message.
 */
struct secure *secure_open(const char *path, int learn, struct buf *why);
/* secure_close(s) - Write the codes as they are; wipe.  0 or -1, errno. */
int secure_close(struct secure *s);

enum secure_result {	    /* zero refuses */
	SECURE_REFUSED = 0, /* *why: no key, wrong CMAC, replayed, plain from a
			       device that is secured, ... */
	SECURE_PLAIN,  /* not a secure telegram, nor from a secured device */
	SECURE_OPENED, /* *out is what was inside, also good: RORG and payload;
			  RORG_SEC_D if it carried none (a switch) */
	SECURE_PART,   /* teach-in: the other telegram has to come, too */
	SECURE_TAUGHT  /* teach-in: the device's key is known (and durable);
			  out->p[0] is its INFO, see below */
};

enum {				     /* of INFO */
	SECURE_INFO_SWITCH = 1 << 2, /* its profile is D2-03-00 */
	SECURE_INFO_TWO_WAY = 1 << 0 /* if it is no switch: secure_answer() */
};

/*
 * secure_take(s, in, learn, out, why) - Decide on one telegram (whole: after
 * chain.h).  *out is valid until the next call.
 * Teach-ins are refused if learn is 0; and always if their security level has
 * no CMAC, no rolling code or no VAES, or is lower than the known one of the
 * device; if they come with the known key and an older rolling code; and if
 * they need a pre-shared key that is not in the file, or come without the one
 * that is.
 */
enum secure_result secure_take(struct secure *s, const struct telegram *in,
    int learn, struct telegram *out, const char **why);

/* secure_has(s, sender) - 1 if it is a device with a key. */
int secure_has(const struct secure *s, uint64_t sender);

/*
 * secure_make(s, device, plain, out, why) - Encrypt a telegram for a device:
 * *out is SEC_ENCAPS (or SEC for RORG_SEC_D: of one byte only the low half),
 * valid until the next call.  0, or -1 with *why.
 */
int secure_make(struct secure *s, uint64_t device, const struct telegram *plain,
    struct telegram *out, const char **why);

enum { SECURE_ANSWERS = 2 };

/*
 * secure_answer(s, device, sender, out, why) - Our own teach-in, for a two-way
 * device that was just taught: the key of what we send to it (a new one at
 * random, unless the file has one), the next rolling code, the device's
 * security level and pre-shared key.  Durable; the telegrams are to be sent in
 * order and are valid until the next call.  0, or -1 with *why.
 */
int secure_answer(struct secure *s, uint64_t device, uint64_t sender,
    struct telegram out[SECURE_ANSWERS], const char **why);

/*
 * secure_rps(code, payload, status) - The switch telegram (RPS) that the code
 * of a secured one stands for (D2-03-00): 0, or -1 if it is none.
 */
int secure_rps(uint8_t code, uint8_t *payload, uint8_t *status);

#endif

/*
 * What may be said of one event line, or of lines that are missing.
 */
#ifndef SG_TRUST_VERDICT_H
#define SG_TRUST_VERDICT_H

#include "event/command.h"
#include "trust/sign.h"

enum verdict {
	VERDICT_GOOD = 0,
	VERDICT_MALFORMED,
	VERDICT_BAD, /* altered, or does not fit what vouches for it */
	VERDICT_UNSIGNED,
	VERDICT_UNKNOWN,
	VERDICT_EXPIRED,
	VERDICT_REVOKED,
	VERDICT_DENIED,
	VERDICT_REPLAYED,
	VERDICT_UNPROVEN, /* what would prove it is missing */
	VERDICT_LATE,	  /* this and the next three: of a command */
	VERDICT_EARLY,
	VERDICT_REPEATED,
	VERDICT_FULL,
	VERDICT_REORDERED, /* of a line that passes all the same */
	VERDICT_GAP,
	VERDICT_SILENT,
	VERDICTS
};

/* verdict_name(v) - "good", "malformed", ... */
const char *verdict_name(enum verdict v);

/*
 * verdict_of_sign(v), verdict_of_command(v) - The same in these words; what
 * is unknown to them is bad, or malformed.
 */
enum verdict verdict_of_sign(enum sign_verdict v);
enum verdict verdict_of_command(enum command_verdict v);

#endif

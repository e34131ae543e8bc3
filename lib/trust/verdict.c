#include "trust/verdict.h"

static const char *const names[VERDICTS] = { "good", "malformed", "bad",
	"unsigned", "unknown", "expired", "revoked", "denied", "replayed",
	"unproven", "late", "early", "repeated", "full", "reordered", "gap",
	"silent" };

const char *
verdict_name(enum verdict v)
{
	return names[v];
}

enum verdict
verdict_of_sign(enum sign_verdict v)
{
	switch (v) {
	case SIGN_GOOD: return VERDICT_GOOD;
	case SIGN_UNSIGNED: return VERDICT_UNSIGNED;
	case SIGN_UNKNOWN: return VERDICT_UNKNOWN;
	case SIGN_EXPIRED: return VERDICT_EXPIRED;
	case SIGN_REVOKED: return VERDICT_REVOKED;
	case SIGN_DENIED: return VERDICT_DENIED;
	case SIGN_BAD: break;
	}
	return VERDICT_BAD;
}

enum verdict
verdict_of_command(enum command_verdict v)
{
	switch (v) {
	case COMMAND_FRESH:
	case COMMAND_OTHER: return VERDICT_GOOD;
	case COMMAND_LATE: return VERDICT_LATE;
	case COMMAND_EARLY: return VERDICT_EARLY;
	case COMMAND_REPEATED: return VERDICT_REPEATED;
	case COMMAND_FULL: return VERDICT_FULL;
	case COMMAND_MALFORMED: break;
	}
	return VERDICT_MALFORMED;
}

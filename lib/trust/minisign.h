/* Signatures of whole files in the format of minisign (hashed, "ED"). */
#ifndef SG_TRUST_MINISIGN_H
#define SG_TRUST_MINISIGN_H

#include "trust/key.h"

/*
 * minisign_file(k, path, why) - Write PATH.minisig (0644), the signature of
 * the file's BLAKE2b-512 with time and name as trusted comment.  0, or -1
 * with *why (as of reason()).
 */
int minisign_file(const struct key *k, const char *path, const char **why);

#endif

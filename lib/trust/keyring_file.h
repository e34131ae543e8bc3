/*
 * A file of further certificate chains, one after the other, as a program is
 * given it beside its network's folder.
 */
#ifndef SG_TRUST_KEYRING_FILE_H
#define SG_TRUST_KEYRING_FILE_H

#include "trust/keyring.h"

/*
 * keyring_file(r, path, why) - keyring_add_chain() with each chain in the file
 * (NDJSON, each from its leaf on): 1; 0 with *why, which begins with the
 * file's name, for the first that is none, with those before it taken; -1 with
 * errno if the file cannot be read.
 */
int keyring_file(struct keyring *r, const char *path, const char **why);

#endif

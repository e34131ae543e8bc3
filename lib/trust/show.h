/* The files of a network shown to people and programs; never a secret. */
#ifndef SG_TRUST_SHOW_H
#define SG_TRUST_SHOW_H

#include "trust/explain.h"
#include "trust/network.h"

/*
 * show_chain(w, c, form, out) - A certificate and those above it.
 * show_network(w, form, out) - A table (in JSON: the certificates) of all.
 * show_lists(w, form, out) - The revocation lists; show_list_events(w, out) -
 * as event lines.
 */
void show_chain(const struct network *w, const struct cert *c,
    enum explain_form form, struct buf *out);
int show_network(struct network *w, enum explain_form form, struct buf *out);
int show_lists(struct network *w, enum explain_form form, struct buf *out);
int show_list_events(struct network *w, struct buf *out);

/*
 * show_file(w, path, form, out) - A key file or a chain in a file, which need
 * not lie in the network's folder: what it is its name's end tells, .key or
 * .cert.
 */
int show_file(struct network *w, const char *path, enum explain_form form,
    struct buf *out);

#endif

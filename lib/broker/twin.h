/*
 * The other of two Event Managers, seen from this one: the connection to it
 * and what is copied over it.  Private to the broker's session code.
 */
#ifndef SG_BROKER_TWIN_H
#define SG_BROKER_TWIN_H

#include <stddef.h>
#include <stdint.h>

#include "bus/client.h"

struct broker;
struct twin;

/*
 * twin_new(b, config, why) - Begin to reach the twin at config's one URL; b
 * is borrowed.  NULL with *why (a bad URL).
 */
struct twin *twin_new(
    struct broker *b, const struct client_config *config, const char **why);
void twin_free(struct twin *t);

/*
 * twin_fd(t) - Readable when twin_turn(t, now) has something to do;
 * twin_due(t) - or when that time has come (date_mono time).
 */
int twin_fd(const struct twin *t);
int64_t twin_due(const struct twin *t);
void twin_turn(struct twin *t, int64_t now);

/*
 * twin_judge(t) - To be called every second: what has been revoked meanwhile
 * is copied from no more.
 */
void twin_judge(struct twin *t);

/*
 * twin_copied(t, frame, error) - The log has written a frame that was copied,
 * or could not.
 */
struct store_frame;
void twin_copied(struct twin *t, struct store_frame *frame, int error);

/* twin_refused(t, error) - The log could not take a note: it is sent again. */
void twin_refused(struct twin *t, int error);
/* twin_kept(t, bytes, error) - The same for lines of so many bytes to keep. */
void twin_kept(struct twin *t, int64_t bytes, int error);

/*
 * twin_peer(t) - The subject of the certificate, or the name, of the broker
 * at the other end, once it is known; NULL before.
 */
const char *twin_peer(const struct twin *t);

/* twin_name(t) - What it calls itself, NULL as long as that is not known. */
const char *twin_name(const struct twin *t);

/*
 * twin_log(b, at, run) - The index of a log that the twin names; one that is
 * not known yet is from now on.  NULL, or why that may not be.
 */
const char *
twin_log(struct broker *b, const struct wire_position *at, uint32_t *run);

/* twin_away(t) - 1 if what is stored here is not known to be there, too. */
int twin_away(const struct twin *t);

/*
 * twin_coming(t, now) - Copies that the log has still to write count in now,
 * too: the twin may have lost what it sent, and asks what there is of it.
 */
struct trail;
void twin_coming(const struct twin *t, struct trail *now);

/*
 * twin_tails(b) - Nothing is with the log: b->tails are the logs of others as
 * they are stored.
 */
void twin_tails(struct broker *b);

/* twin_stat(t, out) - Append the members of stat's object about it. */
struct buf;
void twin_stat(const struct twin *t, struct buf *out);

#endif

/* What the modules of the devices file share: one row, one device. */
#ifndef SG_DEVICE_ENOCEAN_DEVICES_PART_H
#define SG_DEVICE_ENOCEAN_DEVICES_PART_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "device/enocean/devices.h"
#include "event/csv.h"

enum {
	DEVICES_BYTES_MAX = 64 << 20, /* of a file */
	COLUMNS_MAX = 64,
	ATTRIBUTES_MAX = 65536 /* bytes of one device's, as JSON */
};

/* The columns that mean something to us, in their usual order. */
enum column {
	COLUMN_SENDER,
	COLUMN_PROFILE,
	COLUMN_NAME,
	COLUMN_OFFSET,
	COLUMN_OPTIONS,
	COLUMNS
};

struct columns {
	size_t at[COLUMNS];	 /* SIZE_MAX: there is none */
	char *name[COLUMNS_MAX]; /* "" is no column */
	size_t n;
};

/* What a column says that is an attribute. */
struct attribute {
	char *column, *text;
};

/* A device and what only we have to know of it. */
struct entry {
	struct device dev; /* first: a device is its entry's address */
	char *definitions; /* of its generic profile: capital hex, or NULL */
	uint64_t line;	   /* its first row */
	int has_offset;
	struct attribute *attribute;
	size_t attributes, attribute_bytes;
};

struct place {
	uint64_t key;
	struct entry *entry;
};

struct devices {
	char *path;	 /* NULL: no file, but: */
	struct buf text; /* what would be in it */
	const struct eep *eep;
	struct columns columns;
	struct entry **entry;
	size_t n, cap, dead;
	struct place *sender, *name; /* open addressing, places of each */
	size_t places;		     /* a power of 2, or 0 */
};

/* entry_alive(e) - 0 once all its rows were taken out. */
static inline int
entry_alive(const struct entry *e)
{
	return e->dev.profiles > 0 || e->dev.generic != NULL;
}

/* A profile as a row tells it. */
struct profile_name {
	const struct eep_profile *profile; /* or NULL: */
	char *definitions;		   /* the caller's */
};

/*
 * profile_read(d, p, n, out, why) - "A5-12-01" or "GP:...".  0, or -1 and why
 * has got the reason.
 */
int profile_read(const struct devices *d, const char *p, size_t n,
    struct profile_name *out, struct buf *why);

/* profile_add(d, e, profile, why) - Give it to a device.  As above. */
int profile_add(const struct devices *d, struct entry *e,
    const struct profile_name *profile, struct buf *why);

/* entry_has(e, profile) - 1 if that is one of its profiles. */
int entry_has(const struct entry *e, const struct profile_name *profile);

/* devices_new(path, eep) - Without any device, and with the usual columns. */
struct devices *devices_new(const char *path, const struct eep *eep);

/*
 * devices_parse(d, text, why) - Add all rows of a file's text.  1, 0 if there
 * is no row, not even the first one with the columns' names, or -1 with why.
 */
int devices_parse(struct devices *d, const struct buf *text, struct buf *why);

/*
 * devices_rows(text) - To walk over the rows of a file's text: comments are
 * blank, so lines and lengths are those of the text.
 */
struct csv *devices_rows(const struct buf *text);

/*
 * devices_row(d, cells, n, line, why) - Add one row to memory.  line 0: it
 * is in no file yet.  0, or -1 with why.
 */
int devices_row(struct devices *d, const struct csv_cell *cells, size_t n,
    uint64_t line, struct buf *why);

/*
 * devices_adopt(d, from) - Let d have the device that from describes, in the
 * place of what it knew of this sender; what was heard of it stays.  All of
 * from moves, from is empty then.
 */
struct entry *devices_adopt(struct devices *d, struct entry *from);

/*
 * devices_known(d, sender, name, out, line, why) - The device that a row is
 * of, NULL if it is a new one.  0, or -1 with why: the name is another one's,
 * or the device has another name.
 */
int devices_known(const struct devices *d, uint64_t sender,
    const struct csv_cell *name, struct entry **out, uint64_t line,
    struct buf *why);

/* cell_of(columns, which, c, n) - An empty one if the row has none. */
struct csv_cell cell_of(const struct columns *columns, enum column which,
    const struct csv_cell *c, size_t n);

/* entry_by_name(d, p, n) - NULL if there is none. */
struct entry *entry_by_name(const struct devices *d, const char *p, size_t n);

/* devices_index(d) - Anew, after a device was taken out. */
void devices_index(struct devices *d);

/* entry_fini(e) - Free what it has. */
void entry_fini(struct entry *e);

/* entry_drop(e, profile) - Take one profile out, or all (NULL). */
void entry_drop(struct entry *e, const struct profile_name *profile);

/* fault(d, line, why, ...) - Set why to "FILE:LINE: ..."; -1. */
int fault(const struct devices *d, uint64_t line, struct buf *why,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/*
 * The file itself while it is held, so that no other program changes it:
 * store_file_open() waits for that (at most STORE_PATIENCE) and reads it;
 * store_file_replace() puts text in its place, durably, with mode and owner as
 * they were; store_file_close() lets it go.  0, or -1 with why.
 */
enum { STORE_PATIENCE = 300000 }; /* us: an answer is due in 500 ms */

struct store_file {
	char *path; /* of the file itself, behind symbolic links */
	int fd;
	int created;
	struct buf text;
};

int
store_file_open(struct store_file *s, const struct devices *d, struct buf *why);
int store_file_replace(struct store_file *s, struct devices *d,
    const struct buf *text, struct buf *why);
void store_file_close(struct store_file *s);

/* store_read(fd, out) - Append the whole of it.  0, or -1 with errno. */
int store_read(int fd, struct buf *out);

#endif

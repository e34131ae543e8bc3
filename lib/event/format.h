/*
 * An event as the text of another world: CSV, TSV, a table for a person,
 * SenML (RFC 8428), InfluxDB line protocol.  One event is one line in all
 * of them.
 */
#ifndef SG_EVENT_FORMAT_H
#define SG_EVENT_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "event/event.h"

enum format_kind {
	FORMAT_JSON,   /* the event line itself */
	FORMAT_CSV,    /* RFC 4180, a header row first */
	FORMAT_TSV,    /* tab-separated; \t \n \r \\ written as such */
	FORMAT_PRETTY, /* local time, topic, value, unit, aligned */
	FORMAT_SENML,  /* one SenML pack, a JSON array, per line */
	FORMAT_INFLUX  /* line protocol, time in nanoseconds */
};

/* Names of the kinds in their order, NULL-terminated, for OPT_CHOICE. */
extern const char *const format_names[];

/* Columns of CSV and TSV unless others are asked for. */
#define FORMAT_COLUMNS "topic,t,v,u,vs,vb,m,q,src,ep,seq"

/* Those that show what struct format_meta holds. */
#define FORMAT_META_COLUMNS "rt,from,pos"

/* format_wants_meta(columns) - 1 if one of these is named; NULL names none. */
int format_wants_meta(const char *columns);

/*
 * What an event's receiver knows of it and the line does not hold.  Without
 * a log there is no position.
 */
struct format_meta {
	int64_t rt;	  /* receive time, microseconds */
	const char *from; /* publisher */
	size_t from_len;
	const char *log; /* log id */
	size_t log_len;
	uint64_t pos; /* number of the event in that log */
};

struct date_zone;
struct format;
struct topic_pattern;

/*
 * format_new(kind, columns, colour, why) - columns is "NAME,NAME…" or NULL
 * for FORMAT_COLUMNS: any member, "m.load" for a member of an object,
 * "value" for whichever of v vs vb vd m d enc there is; CSV and TSV only.
 * colour: 1 lets FORMAT_PRETTY use terminal colours.  NULL with *why if
 * columns names nothing, a name twice, or more than 64.
 */
struct format *format_new(
    enum format_kind kind, const char *columns, int colour, const char **why);
void format_free(struct format *f);

/*
 * format_pattern(f, pattern) - A column "{name}" is the pattern's capture of
 * that name; every event given from now on must match it.  format_zone(f,
 * zone) - t and rt in local time, with its offset.  format_delimiter(f, c) -
 * Instead of the comma.  CSV and TSV only.  pattern and zone are borrowed.
 * format_pattern() returns 0, or -1 if a column names a capture that the
 * pattern does not have; without a pattern there is none.
 */
int format_pattern(struct format *f, const struct topic_pattern *pattern);
void format_zone(struct format *f, const struct date_zone *zone);
void format_delimiter(struct format *f, char c);

/* format_header(f, b) - Append the header row, if the kind has one. */
void format_header(const struct format *f, struct buf *b);

/*
 * format_event(f, e, meta, b, why) - Append the event as one line with its
 * newline.  meta may be NULL; with it, FORMAT_JSON gets rt, from and pos
 * before the closing brace, replacing any the line brings along, and CSV and
 * TSV may have columns of these names; the other kinds ignore it.  t and rt
 * are RFC 3339 in UTC in CSV and TSV; an absent member is an empty cell.
 * 0, or -1 with *why and b unchanged if the event has no such form: SenML
 * cannot hold sealed values, times before 1978 (relative there) and topics
 * without a letter or digit; line protocol needs a time and a value.
 */
int format_event(struct format *f, const struct event *e,
    const struct format_meta *meta, struct buf *b, const char **why);

/*
 * format_unshown(f) - How many of the events given as CSV or TSV had members
 * that no column shows.
 */
uint64_t format_unshown(const struct format *f);

#endif

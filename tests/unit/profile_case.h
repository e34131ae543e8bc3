/* One line of the test data: a packet, and what its fields are to say. */
#ifndef SG_TEST_PROFILE_CASE_H
#define SG_TEST_PROFILE_CASE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/enocean/eep.h"
#include "event/json.h"

enum { CASE_SPACE = 1024, CASE_HEADER = 6, CASE_TAIL = 5 };

struct profile_case {
	char id[32], profile[16], message[64];
	struct json_value expect;
	struct telegram tel;
	enum eep_direction direction;
	int directed; /* the line says which */
	uint8_t bytes[CASE_SPACE];
};

/* The text of a member, or "". */
static inline void
case_text(const struct json_value *v, const char *name, char *out, size_t n)
{
	struct json_value got;

	out[0] = '\0';
	if (json_get(v, name, &got) && got.kind == JSON_STRING && got.n < n) {
		memcpy(out, got.p, got.n);
		out[got.n] = '\0';
	}
}

/* The ERP1 telegram in a packet of n bytes. */
static inline int
case_telegram(struct profile_case *c, size_t n)
{
	const uint8_t *p = c->bytes + CASE_HEADER;
	size_t data =
	    n < CASE_HEADER ? 0 : (size_t)(c->bytes[1] << 8 | c->bytes[2]);

	if (n < CASE_HEADER || c->bytes[4] != 1 || data <= CASE_TAIL ||
	    n < CASE_HEADER + data)
		return 0;
	c->tel = (struct telegram){
		.rorg = p[0],
		.p = p + 1,
		.n = data - CASE_TAIL - 1,
		.status = p[data - 1],
		.dest = TELEGRAM_BROADCAST,
		.erp = 1,
	};
	return 1;
}

/* 1 if the line has a telegram of a profile, and what is expected of it. */
static inline int
case_read(struct profile_case *c, const char *line, size_t len)
{
	const struct json_value v = json_value(line, len);
	struct json_value dir;
	char hex[2 * CASE_SPACE + 1];
	size_t n;
	uint32_t id;

	*c = (struct profile_case){ .direction = EEP_FROM_DEVICE };
	case_text(&v, "id", c->id, sizeof c->id);
	case_text(&v, "eep", c->profile, sizeof c->profile);
	case_text(&v, "msg", c->message, sizeof c->message);
	case_text(&v, "hex", hex, sizeof hex);
	if (json_get(&v, "dir", &dir) && dir.kind == JSON_NUMBER) {
		c->directed = 1;
		if (dir.p[0] == '2')
			c->direction = EEP_TO_DEVICE;
	}
	for (n = 0; hex[2 * n] != '\0' && hex[2 * n + 1] != '\0'; n++) {
		const char two[3] = { hex[2 * n], hex[2 * n + 1], '\0' };

		c->bytes[n] = (uint8_t)strtoul(two, NULL, 16);
	}
	return json_get(&v, "expect", &c->expect) &&
	    c->expect.kind == JSON_OBJECT && case_telegram(c, n) &&
	    eep_id(c->profile, strlen(c->profile), &id) == 0 &&
	    id >> 16 == c->tel.rorg;
}

/* Opens a file of the test data; says so if it is not there. */
static inline FILE *
case_open(const char *name)
{
	const char *data = getenv("SG_TEST_DATA");
	char path[4096];
	FILE *f;

	snprintf(path, sizeof path, "%s/enocean/%s",
	    data != NULL ? data : "../shared/data", name);
	f = fopen(path, "r");
	if (f == NULL)
		printf("%s: no cases: %s is not there\n",
		    program_invocation_short_name, path);
	return f;
}

#endif

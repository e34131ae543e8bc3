#include "device/enocean/eep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "device/enocean/eep_part.h"

enum { BLOCK = 65536, ALIGN = sizeof(max_align_t) };

struct eep_block {
	struct eep_block *next;
	size_t used, size;
	max_align_t p[];
};

void *
eep_alloc(struct eep *eep, size_t n)
{
	struct eep_block *b = eep->block;
	char *p;

	n = (n + ALIGN - 1) / ALIGN * ALIGN;
	if (b == NULL || b->size - b->used < n) {
		size_t size = n > BLOCK ? n : BLOCK;

		b = xcalloc(1, sizeof *b + size);
		b->size = size;
		b->next = eep->block;
		eep->block = b;
	}
	p = (char *)b->p + b->used;
	b->used += n;
	return p;
}

const char *
eep_string(struct eep *eep, const char *p, size_t n)
{
	char *s;

	if (n == 0)
		return "";
	s = eep_alloc(eep, n + 1);
	memcpy(s, p, n);
	return s;
}

struct eep *
eep_open(const struct quantities *quantities)
{
	struct eep *eep = xcalloc(1, sizeof *eep);

	eep->quantities = quantities;
	return eep;
}

void
eep_close(struct eep *eep)
{
	if (eep == NULL)
		return;
	while (eep->block != NULL) {
		struct eep_block *next = eep->block->next;

		free(eep->block);
		eep->block = next;
	}
	free(eep->profile);
	free(eep);
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
eep_id(const char *p, size_t n, uint32_t *id)
{
	uint32_t v = 0;

	if (n != 8)
		return -1;
	for (size_t i = 0; i < 8; i++) {
		int digit = hex(p[i]);

		if (i == 2 || i == 5) {
			if (p[i] != '-')
				return -1;
			continue;
		}
		if (digit < 0)
			return -1;
		v = v << 4 | (uint32_t)digit;
	}
	*id = v;
	return 0;
}

void
eep_format_id(char out[9], uint32_t id)
{
	snprintf(
	    out, 9, "%02X-%02X-%02X", id >> 16 & 255, id >> 8 & 255, id & 255);
}

/* Where the id is, or would be. */
static size_t
position(const struct eep *eep, uint32_t id)
{
	size_t low = 0, high = eep->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (eep->profile[mid]->id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct eep_profile *
eep_find(const struct eep *eep, uint32_t id)
{
	size_t i = position(eep, id);

	return i < eep->n && eep->profile[i]->id == id ? eep->profile[i] : NULL;
}

struct eep_profile *
eep_get(struct eep *eep, uint32_t id)
{
	size_t i = position(eep, id);
	struct eep_profile *p;

	if (i < eep->n && eep->profile[i]->id == id)
		return eep->profile[i];
	if (eep->n == eep->cap) {
		eep->cap = eep->cap == 0 ? 512 : 2 * eep->cap;
		eep->profile =
		    xrealloc(eep->profile, eep->cap * sizeof *eep->profile);
	}
	memmove(&eep->profile[i + 1], &eep->profile[i],
	    (eep->n - i) * sizeof *eep->profile);
	p = eep_alloc(eep, sizeof *p);
	p->id = id;
	p->title = "";
	eep->profile[i] = p;
	eep->n++;
	return p;
}

const struct eep_profile *
eep_at(const struct eep *eep, size_t i)
{
	return i < eep->n ? eep->profile[i] : NULL;
}

uint32_t
eep_profile_id(const struct eep_profile *p)
{
	return p->id;
}

const char *
eep_profile_title(const struct eep_profile *p)
{
	return p->title;
}

int
eep_profile_channels(const struct eep_profile *p)
{
	return p->channels;
}

const struct eep_message *
eep_message_at(const struct eep_profile *p, size_t i)
{
	if (p->same != NULL)
		p = p->same;
	return i < p->messages ? p->message[i] : NULL;
}

const struct eep_message *
eep_message(const struct eep_profile *p, const char *name, size_t n)
{
	const struct eep_message *m;

	for (size_t i = 0; (m = eep_message_at(p, i)) != NULL; i++)
		if (strlen(m->name) == n && memcmp(m->name, name, n) == 0)
			return m;
	return NULL;
}

const struct eep_message *
eep_match(const struct eep_profile *p, const struct telegram *tel,
    enum eep_direction direction)
{
	const struct eep_message *m;

	for (size_t i = 0; (m = eep_message_at(p, i)) != NULL; i++)
		if ((m->direction == 0 || m->direction == direction) &&
		    eep_when_holds(m, tel))
			return m;
	return NULL;
}

const char *
eep_message_name(const struct eep_message *m)
{
	return m->name;
}

enum eep_direction
eep_message_direction(const struct eep_message *m, int *both)
{
	*both = m->direction == 0;
	return m->direction == EEP_TO_DEVICE ? EEP_TO_DEVICE : EEP_FROM_DEVICE;
}

size_t
eep_fields(const struct eep_message *m)
{
	return m->fields;
}

const struct eep_field *
eep_field_at(const struct eep_message *m, size_t i)
{
	return i < m->fields ? &m->field[i] : NULL;
}

const struct eep_field *
eep_field(const struct eep_message *m, const char *name, size_t n)
{
	const struct csv_cell cell = { name, n };

	for (size_t i = 0; i < m->fields; i++)
		if (cell_is(&cell, m->field[i].shortcut))
			return &m->field[i];
	for (size_t i = 0; i < m->fields; i++)
		if (cell_is(&cell, m->field[i].name))
			return &m->field[i];
	return NULL;
}

const char *
eep_field_shortcut(const struct eep_field *f)
{
	return f->shortcut;
}

const char *
eep_field_name(const struct eep_field *f)
{
	return f->name;
}

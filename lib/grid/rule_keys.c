#include "grid/rule_keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/mix.h"

/* Heap */

static int
earlier(const struct rule_due *a, const struct rule_due *b)
{
	size_t n = a->key->n < b->key->n ? a->key->n : b->key->n;
	int order;

	if (a->t != b->t)
		return a->t < b->t;
	if (a->key->rule != b->key->rule)
		return a->key->rule < b->key->rule;
	order = memcmp(a->key->text, b->key->text, n);
	if (order != 0)
		return order < 0;
	if (a->key->n != b->key->n)
		return a->key->n < b->key->n;
	return a->alarm < b->alarm;
}

static void
put(struct rule_keys *k, size_t at, struct rule_due due)
{
	k->heap[at] = due;
	due.key->at[due.alarm] = at;
}

static void
rise(struct rule_keys *k, size_t at, struct rule_due due)
{
	while (at > 0 && earlier(&due, &k->heap[(at - 1) / 2])) {
		put(k, at, k->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	put(k, at, due);
}

static void
sink(struct rule_keys *k, size_t at, struct rule_due due)
{
	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < k->nheap &&
		    earlier(&k->heap[child + 1], &k->heap[child]))
			child++;
		if (child >= k->nheap || earlier(&due, &k->heap[child]))
			break;
		put(k, at, k->heap[child]);
		at = child;
	}
	put(k, at, due);
}

/* due takes the place at, wherever it then belongs. */
static void
settle(struct rule_keys *k, size_t at, struct rule_due due)
{
	if (at > 0 && earlier(&due, &k->heap[(at - 1) / 2]))
		rise(k, at, due);
	else
		sink(k, at, due);
}

static void
take_out(struct rule_keys *k, size_t at)
{
	struct rule_due last = k->heap[--k->nheap];

	if (at < k->nheap)
		settle(k, at, last);
}

void
rule_keys_set(
    struct rule_keys *k, struct rule_key *key, enum rule_alarm alarm, int64_t t)
{
	struct rule_due due = { t, key, alarm };
	int64_t old = key->due[alarm];

	if (t == old)
		return;
	key->due[alarm] = t;
	if (t == RULE_NEVER) {
		take_out(k, key->at[alarm]);
	} else if (old != RULE_NEVER) {
		settle(k, key->at[alarm], due);
	} else {
		if (k->nheap == k->capheap) {
			k->capheap = k->capheap * 2 + 64;
			k->heap =
			    xrealloc(k->heap, k->capheap * sizeof *k->heap);
		}
		rise(k, k->nheap++, due);
	}
}

/* Table */

static uint32_t
hash_of(uint32_t rule, const char *p, size_t n)
{
	uint64_t h = mix64(rule, n), word;

	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&word, p, 8);
		h = mix64(h, word);
	}
	word = 0;
	memcpy(&word, p, n);
	return (uint32_t)mix64(h, word);
}

static size_t
place(const struct rule_keys *k, uint32_t hash, uint32_t rule, const char *p,
    size_t n)
{
	size_t i = hash & k->mask;

	for (; k->slot[i] != NULL; i = (i + 1) & k->mask) {
		const struct rule_key *key = k->slot[i];

		if (key->hash == hash && key->rule == rule && key->n == n &&
		    memcmp(key->text, p, n) == 0)
			break;
	}
	return i;
}

struct rule_key *
rule_keys_find(
    const struct rule_keys *k, uint32_t rule, const char *p, size_t n)
{
	if (k->n == 0)
		return NULL;
	return k->slot[place(k, hash_of(rule, p, n), rule, p, n)];
}

static void
spread(struct rule_keys *k, size_t size)
{
	struct rule_key **old = k->slot;
	size_t n = old == NULL ? 0 : k->mask + 1;

	k->slot = xcalloc(size, sizeof *k->slot);
	k->mask = size - 1;
	for (size_t i = 0; i < n; i++)
		if (old[i] != NULL)
			k->slot[place(k, old[i]->hash, old[i]->rule,
			    old[i]->text, old[i]->n)] = old[i];
	free(old);
}

struct rule_key *
rule_keys_add(struct rule_keys *k, uint32_t rule, const char *p, size_t n)
{
	struct rule_key *key = xcalloc(1, sizeof *key + n + 1);

	if (k->slot == NULL)
		spread(k, 64);
	else if (k->n >= k->mask / 2)
		spread(k, 2 * (k->mask + 1));
	key->rule = rule;
	key->hash = hash_of(rule, p, n);
	key->n = (uint32_t)n;
	key->state = xcalloc(1, sizeof *key->state);
	for (int i = 0; i < RULE_ALARMS; i++)
		key->due[i] = RULE_NEVER;
	memcpy(key->text, p, n);
	k->slot[place(k, key->hash, rule, p, n)] = key;
	k->n++;
	return key;
}

static void
key_free(struct rule_keys *k, struct rule_key *key)
{
	if (k->peer != NULL)
		rule_state_fini(k->peer, key->state);
	else
		free(key->state->text);
	free(key->state);
	free(key);
}

static int
says_nothing(const struct rule_key *key)
{
	return key->refs == 0 && key->state->text == NULL &&
	    key->due[RULE_TIMER] == RULE_NEVER &&
	    key->due[RULE_EVERY] == RULE_NEVER && key->state->flight == 0;
}

void
rule_keys_sweep(struct rule_keys *k, const unsigned char *keep)
{
	size_t left = 0, size = 64;

	for (size_t i = 0; k->slot != NULL && i <= k->mask; i++) {
		struct rule_key *key = k->slot[i];

		if (key == NULL)
			continue;
		if (!keep[key->rule] && says_nothing(key)) {
			key_free(k, key);
			k->slot[i] = NULL;
		} else {
			left++;
		}
	}
	k->n = left;
	while (size < 4 * left)
		size *= 2;
	if (k->slot != NULL)
		spread(k, size);
}

void
rule_key_abandon(struct rule_key *key)
{
	struct rule_state *old = key->state;

	if (old->flight == 0)
		return;
	key->state = xcalloc(1, sizeof *key->state);
	if (old->text == NULL)
		return;
	key->state->text = xmalloc(old->n + (size_t)1);
	memcpy(key->state->text, old->text, old->n);
	key->state->text[old->n] = '\0';
	key->state->n = old->n;
}

void
rule_keys_fini(struct rule_keys *k)
{
	for (size_t i = 0; k->slot != NULL && i <= k->mask; i++)
		if (k->slot[i] != NULL)
			key_free(k, k->slot[i]);
	free(k->slot);
	free(k->heap);
	*k = (struct rule_keys){ 0 };
}

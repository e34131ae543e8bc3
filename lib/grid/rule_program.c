#include "grid/rule_program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/app.h"
#include "base/die.h"
#include "grid/rule_emit_part.h"
#include "grid/rule_source.h"

struct rule_program {
	jq_state *jq;
	struct rule_heap *heap;
	const struct rule_source *source;
	const struct rule_plan *plan;
	unsigned uses;	 /* variables, as rule_source_wrap() says */
	struct buf *why; /* of a compilation */
	struct rule_emission *emission; /* of a run */
};

static void
on_said(void *program, jv message)
{
	struct rule_program *p = program;
	jv text = jq_format_error(message);

	rule_source_said(p->source, jv_string_value(text),
	    (size_t)jv_string_length_bytes(jv_copy(text)), p->why);
	jv_free(text);
}

static void
on_debug(void *program, jv v)
{
	struct rule_program *p = program;

	if (p->emission != NULL)
		rule_emit_why(p->emission, v);
	jv_free(v);
}

/* Where modules are: ours, and those beside the rule's file. */
static jv
library_path(const struct rule_plan *plan, const struct rule_source *s)
{
	const char *slash = strrchr(s->file, '/');
	jv path = jv_array();
	char share[4096], *end;

	if (plan->modules != NULL)
		path = jv_array_append(path, jv_string(plan->modules));
	else if (app_share(share, sizeof share, "jq/sg.jq") == 0 &&
	    (end = strrchr(share, '/')) != NULL) {
		*end = '\0';
		path = jv_array_append(path, jv_string(share));
	}
	return jv_array_append(path,
	    slash == NULL ? jv_string(".")
		: slash == s->file
		? jv_string("/")
		: jv_string_sized(s->file, (int)(slash - s->file)));
}

static jv
arguments(struct rule_program *p, unsigned nulls)
{
	const struct rule_source *s = p->source;
	jv all = jv_object();

	all = jv_object_set(all, jv_string("context"),
	    rule_read_object(p->heap, s->context, s->context_n));
	all = jv_object_set(all, jv_string("knowledge"),
	    rule_read_object(
		p->heap, p->plan->knowledge, p->plan->knowledge_n));
	for (int v = 0; v < RULE_VARIABLES; v++)
		if (nulls >> v & 1)
			all = jv_object_set(
			    all, jv_string(rule_variable_name(v)), jv_null());
	return all;
}

/* With those variables null that are not taken from the input: 1 or 0. */
static int
compile(struct rule_program *p, const char *text, unsigned nulls)
{
	if (p->jq != NULL)
		jq_teardown(&p->jq);
	p->jq = jq_init();
	if (p->jq == NULL)
		return 0;
	/* Each jq_next() sets that of its jq_state, which has none else. */
	jq_set_nomem_handler(p->jq, p->heap->out_of_memory, NULL);
	jq_set_error_cb(p->jq, on_said, p);
	jq_set_debug_cb(p->jq, on_debug, p);
	jq_set_attr(p->jq, jv_string("JQ_LIBRARY_PATH"),
	    library_path(p->plan, p->source));
	return jq_compile_args(p->jq, text, arguments(p, nulls));
}

/* The listing goes to standard output and nowhere else. */
static int
list(jq_state *jq, struct buf *listing)
{
	int fd = memfd_create("listing", MFD_CLOEXEC), out = dup(1);
	struct stat st;
	ssize_t n = -1;

	fflush(stdout);
	if (fd >= 0 && out >= 0 && dup2(fd, 1) >= 0) {
		jq_dump_disassembly(jq, 0);
		fflush(stdout);
		dup2(out, 1);
		if (fstat(fd, &st) == 0)
			n = pread(fd, buf_room(listing, (size_t)st.st_size),
			    (size_t)st.st_size, 0);
	}
	if (n > 0)
		listing->len += (size_t)n;
	close(fd);
	close(out);
	return n > 0 ? 0 : -1;
}

static int
harmless(struct rule_program *p)
{
	struct buf listing = { 0 };
	int ok;

	if (list(p->jq, &listing) < 0) {
		buf_addf(
		    p->why, "%s: cannot be looked through\n", p->source->file);
		return 0;
	}
	ok = rule_source_harmless(p->source, listing.p, listing.len, p->why);
	buf_fini(&listing);
	return ok;
}

/* Messages are those on the text as it was written, if it has any. */
static int
compile_source(struct rule_program *p)
{
	struct buf text = { 0 }, why = { 0 }, *all = p->why;
	int ok;

	p->uses = rule_source_wrap(p->source, &text);
	p->why = &why;
	ok = compile(p, buf_cstr(&text), 0);
	p->why = all;
	if (!ok && p->uses != 0) {
		size_t before = all->len;

		buf_clear(&text);
		buf_add(&text, p->source->text, p->source->n);
		compile(p, buf_cstr(&text), p->uses);
		if (all->len > before)
			buf_clear(&why);
	}
	if (!ok && why.len > 0)
		buf_add(all, why.p, why.len);
	buf_fini(&text);
	buf_fini(&why);
	return ok;
}

struct rule_program *
rule_program_new(const struct rule_plan *plan, size_t k, struct rule_heap *h,
    struct buf *why)
{
	struct rule_program *p = xcalloc(1, sizeof *p);
	size_t before = why->len;

	*p = (struct rule_program){
		.heap = h, .source = &plan->rule[k], .plan = plan, .why = why
	};
	if (memchr(p->source->text, '\0', p->source->n) != NULL)
		buf_addf(why, "%s: a NUL character\n", p->source->file);
	else if (compile_source(p) && harmless(p))
		return p;
	if (why->len == before)
		buf_addf(why, "%s: does not compile\n", p->source->file);
	rule_program_free(p);
	return NULL;
}

void
rule_program_free(struct rule_program *p)
{
	if (p != NULL && p->jq != NULL)
		jq_teardown(&p->jq);
	free(p);
}

/* One of the variables, for this run. */
static jv
variable(struct rule_heap *h, const struct rule_ask *a, enum rule_variable v)
{
	switch (v) {
	case RULE_NOW: return jv_number((double)a->now / 1e6);
	case RULE_KEY: return rule_string(h, a->key, a->key_n);
	case RULE_CAPTURES:
		return rule_read_object(h, a->captures, a->captures_n);
	default: break;
	}
	if (a->slot < RULE_SLOTS && jv_is_valid(h->slot[a->slot]))
		return jv_copy(h->slot[a->slot]);
	return jv_null();
}

static jv
input(struct rule_program *p, const struct rule_ask *a, jv event)
{
	jv in;

	if (p->uses == 0)
		return jv_copy(event);
	in =
	    jv_array_append(jv_array_sized(1 + RULE_VARIABLES), jv_copy(event));
	for (int v = 0; v < RULE_VARIABLES; v++)
		if (p->uses >> v & 1)
			in = jv_array_append(in, variable(p->heap, a, v));
	return in;
}

/* The state that comes with the run, if one does. */
static int
take_state(struct rule_heap *h, const struct rule_ask *a)
{
	if (!(a->flags & RULE_ASK_TEXT) || a->slot == RULE_NO_SLOT)
		return 0;
	rule_heap_drop(h, a->slot);
	if (a->state_n == 0)
		return 0;
	h->slot[a->slot] = rule_read(h, a->state, a->state_n);
	return jv_is_valid(h->slot[a->slot]) ? 0 : -1;
}

/* error(x) takes any x. */
static void
said(struct rule_emission *e, jv message)
{
	jv text = message;

	if (jv_get_kind(message) != JV_KIND_STRING)
		text = jv_dump_string(message, 0);
	rule_emit_fail(e, "%s", jv_string_value(text));
	jv_free(text);
}

static void
evaluate(struct rule_program *p, struct rule_emission *e)
{
	jv v;
	int fault = 0;

	jq_start(p->jq, input(p, e->ask, e->event), 0);
	while (!fault && jv_is_valid(v = jq_next(p->jq))) {
		fault = rule_emit(e, v);
		jv_free(v);
	}
	if (fault)
		return;
	if (jv_invalid_has_msg(jv_copy(v)))
		said(e, jv_invalid_get_msg(v));
	else
		jv_free(v);
}

void
rule_program_run(
    struct rule_program *p, const struct rule_ask *a, struct buf *out)
{
	struct rule_emission e = { .heap = p->heap,
		.plan = p->plan,
		.ask = a,
		.rule = p->source->name };

	rule_emit_begin(&e, out);
	p->emission = &e;
	e.event = rule_read(p->heap, a->event, a->event_n);
	if (!jv_is_valid(e.event))
		rule_emit_fail(&e, "damaged event");
	else if (take_state(p->heap, a) < 0)
		rule_emit_fail(&e, "damaged state");
	else
		evaluate(p, &e);
	p->emission = NULL;
	rule_emit_end(&e);
}

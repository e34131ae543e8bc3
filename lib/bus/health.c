#include "bus/health.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/num.h"
#include "event/json.h"

enum { TOLD = 3 }; /* findings in Nagios' first line */

const char *const health_formats[] = { "text", "nagios", "json", "prometheus",
	NULL };

static const char *const names[] = { "ok", "warning", "critical", "unknown" };

void
health_init(struct health *h, const char *check)
{
	*h = (struct health){ .check = check };
}

void
health_fini(struct health *h)
{
	for (size_t i = 0; i < h->nfinding; i++) {
		free(h->finding[i].subject);
		free(h->finding[i].text);
	}
	for (size_t i = 0; i < h->nfigure; i++)
		free((void *)(uintptr_t)h->figure[i].subject);
	free(h->finding);
	free(h->figure);
	*h = (struct health){ 0 };
}

/* Length of the UTF-8 character at the start of p[0..n), 0: there is none. */
static size_t
character(const unsigned char *p, size_t n)
{
	size_t len = *p < 0x80 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;

	if (*p < 0x20 || *p == 0x7f || (*p >= 0x80 && *p < 0xc2) || *p > 0xf4 ||
	    len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
	    (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

/* A copy in which everything can be shown. */
static char *
printable(const char *s)
{
	char *copy = xstrdup(s);
	size_t n = strlen(copy), len;

	for (size_t i = 0; i < n; i += len ? len : 1) {
		len = character((unsigned char *)copy + i, n - i);
		if (len == 0)
			copy[i] = '?';
	}
	return copy;
}

void
health_find(struct health *h, enum health_state state, const char *subject,
    const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	h->finding =
	    xrealloc(h->finding, (h->nfinding + 1) * sizeof *h->finding);
	h->finding[h->nfinding++] = (struct health_finding){ state,
		printable(subject), printable(text) };
}

void
health_figure(struct health *h, const struct health_figure *figure)
{
	struct health_figure *f;

	h->figure = xrealloc(h->figure, (h->nfigure + 1) * sizeof *h->figure);
	f = &h->figure[h->nfigure++];
	*f = *figure;
	f->subject = printable(f->subject == NULL ? "" : f->subject);
}

enum health_state
health_judge(double value, struct health_limits limits)
{
	if (value > limits.critical)
		return HEALTH_CRITICAL;
	return value > limits.warning ? HEALTH_WARNING : HEALTH_OK;
}

enum health_state
health_worse(enum health_state a, enum health_state b)
{
	static const int rank[] = { 0, 1, 3, 2 };

	return rank[a] >= rank[b] ? a : b;
}

enum health_state
health_state(const struct health *h)
{
	enum health_state state = HEALTH_OK;

	for (size_t i = 0; i < h->nfinding; i++)
		state = health_worse(state, h->finding[i].state);
	return h->nfinding == 0 ? HEALTH_UNKNOWN : state;
}

const char *
health_name(enum health_state state)
{
	return names[state];
}

static void
add_number(struct buf *b, double v)
{
	if (isfinite(v))
		b->len += num_format(buf_room(b, NUM_MAX), v);
}

static void
add_finding(struct buf *b, const struct health_finding *f)
{
	if (f->subject[0] != '\0')
		buf_addf(b, "%s: ", f->subject);
	buf_adds(b, f->text);
}

static void
print_text(const struct health *h, struct buf *b)
{
	for (size_t i = 0; i < h->nfinding; i++) {
		buf_addf(b, "%s: ", names[h->finding[i].state]);
		add_finding(b, &h->finding[i]);
		buf_addc(b, '\n');
	}
	if (h->nfinding == 0)
		buf_addf(b, "unknown: nothing to look at\n");
}

/* The findings in that state, a few of them. */
static void
add_summary(struct buf *b, const struct health *h, enum health_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < h->nfinding; i++) {
		if (h->finding[i].state != state || n++ >= TOLD)
			continue;
		buf_adds(b, n > 1 ? "; " : "");
		add_finding(b, &h->finding[i]);
	}
	if (n > TOLD)
		buf_addf(b, "; and %zu more", n - TOLD);
	if (h->nfinding == 0)
		buf_adds(b, "nothing to look at");
}

/* Performance data: 'label'=value[unit];[warning];[critical] */
static void
add_performance(struct buf *b, const struct health_figure *f)
{
	buf_addf(b, " '%s", f->name);
	if (f->label != NULL)
		buf_addc(b, ' ');
	for (const char *p = f->subject; f->label != NULL && *p != '\0'; p++)
		buf_adds(
		    b, *p == '\'' ? "''" : (char[]){ *p == '=' ? '_' : *p, 0 });
	buf_adds(b, "'=");
	add_number(b, f->value);
	buf_adds(b, f->unit);
	if (!isnan(f->limits.warning) || !isnan(f->limits.critical)) {
		buf_addc(b, ';');
		add_number(b, f->limits.warning);
		buf_addc(b, ';');
		add_number(b, f->limits.critical);
	}
}

static void
print_nagios(const struct health *h, struct buf *b)
{
	enum health_state state = health_state(h);
	struct buf words = { 0 };

	buf_adds(&words, "SG ");
	for (const char *p = h->check; *p != '\0'; p++)
		buf_addc(&words, (char)toupper((unsigned char)*p));
	buf_addc(&words, ' ');
	for (const char *p = names[state]; *p != '\0'; p++)
		buf_addc(&words, (char)toupper((unsigned char)*p));
	buf_adds(&words, " - ");
	add_summary(&words, h, state);
	for (size_t i = 0; i < words.len; i++)
		buf_addc(b, words.p[i] == '|' ? '/' : words.p[i]);
	buf_adds(b, h->nfigure > 0 ? " |" : "");
	words.len = 0;
	for (size_t i = 0; i < h->nfigure; i++)
		add_performance(&words, &h->figure[i]);
	for (size_t i = 0; i < words.len; i++)
		buf_addc(b, words.p[i] == '|' ? '/' : words.p[i]);
	buf_addc(b, '\n');
	buf_fini(&words);
}

static void
add_member(struct buf *b, const char *name, const char *value)
{
	buf_addf(b, "%s\"%s\":", b->p[b->len - 1] == '{' ? "" : ",", name);
	json_add_string(b, value, strlen(value));
}

static void
add_limit(struct buf *b, const char *name, double v)
{
	if (!isfinite(v))
		return;
	buf_addf(b, ",\"%s\":", name);
	add_number(b, v);
}

static void
add_json_figure(struct buf *b, const struct health_figure *f)
{
	buf_addc(b, '{');
	add_member(b, "name", f->name);
	if (f->label != NULL)
		add_member(b, f->label, f->subject);
	buf_adds(b, ",\"value\":");
	add_number(b, f->value);
	if (f->unit[0] != '\0')
		add_member(b, "unit", f->unit);
	add_limit(b, "warning", f->limits.warning);
	add_limit(b, "critical", f->limits.critical);
	buf_addc(b, '}');
}

static void
print_json(const struct health *h, struct buf *b)
{
	enum health_state state = health_state(h);

	buf_addc(b, '{');
	add_member(b, "check", h->check);
	add_member(b, "state", names[state]);
	buf_addf(b, ",\"code\":%d,\"findings\":[", (int)state);
	for (size_t i = 0; i < h->nfinding; i++) {
		buf_adds(b, i > 0 ? ",{" : "{");
		add_member(b, "state", names[h->finding[i].state]);
		if (h->finding[i].subject[0] != '\0')
			add_member(b, "subject", h->finding[i].subject);
		add_member(b, "text", h->finding[i].text);
		buf_addc(b, '}');
	}
	buf_adds(b, "],\"figures\":[");
	for (size_t i = 0; i < h->nfigure; i++) {
		buf_adds(b, i > 0 ? "," : "");
		add_json_figure(b, &h->figure[i]);
	}
	buf_adds(b, "]}\n");
}

static void
add_head(struct buf *b, const char *name, const char *help)
{
	buf_addf(b, "# HELP sg_%s %s\n# TYPE sg_%s gauge\n", name, help, name);
}

static void
add_sample(struct buf *b, const struct health_figure *f)
{
	buf_addf(b, "sg_%s", f->name);
	if (f->label != NULL) {
		buf_addf(b, "{%s=\"", f->label);
		for (const char *p = f->subject; *p != '\0'; p++) {
			if (*p == '\\' || *p == '"')
				buf_addc(b, '\\');
			buf_addc(b, *p);
		}
		buf_adds(b, "\"}");
	}
	buf_addc(b, ' ');
	add_number(b, f->value);
	buf_addc(b, '\n');
}

/* 1 if no figure before the i-th has its name. */
static int
is_first(const struct health *h, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(h->figure[k].name, h->figure[i].name) == 0)
			return 0;
	return 1;
}

/* All samples of one name have to stand together. */
static void
print_prometheus(const struct health *h, struct buf *b)
{
	struct health_figure state = {
		.name = "check_state",
		.label = "check",
		.subject = h->check,
		.value = health_state(h),
	};

	add_head(b, state.name, "0 ok, 1 warning, 2 critical, 3 unknown.");
	add_sample(b, &state);
	for (size_t i = 0; i < h->nfigure; i++) {
		const char *name = h->figure[i].name;

		if (!is_first(h, i))
			continue;
		add_head(b, name, h->figure[i].help);
		for (size_t k = i; k < h->nfigure; k++)
			if (strcmp(h->figure[k].name, name) == 0)
				add_sample(b, &h->figure[k]);
	}
}

void
health_print(const struct health *h, enum health_format format, struct buf *b)
{
	switch (format) {
	case HEALTH_TEXT: print_text(h, b); break;
	case HEALTH_NAGIOS: print_nagios(h, b); break;
	case HEALTH_JSON: print_json(h, b); break;
	case HEALTH_PROMETHEUS: print_prometheus(h, b); break;
	}
}

#include "device/enocean/report.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/num.h"
#include "device/enocean/teach.h"
#include "event/json.h"

/*
 * What is the same in each event of one quantity of a device, made once:
 * {"topic":"…","t":  and  ,"u":"…"}.
 */
struct head {
	const struct eep_field *field;
	const struct quantity *quantity;
	int channel;
	struct buf begin, end;
};

/* The heads of one device, in the order in which they were first wanted. */
struct heads {
	struct head *v;
	size_t n, cap;
	size_t at; /* what comes next if the last telegram comes again */
};

struct report {
	struct heads *of; /* by device.index */
	size_t n;
	int signal;
	struct buf time;
};

enum { DBM_UNKNOWN = -255 }; /* the byte of packets that are to be sent */

static const struct quantity strength = { "SignalStrength", "dBm",
	"Received radio signal strength", QUANTITY_NUMBER };

struct report *
report_new(int signal)
{
	struct report *r = xcalloc(1, sizeof *r);

	r->signal = signal;
	return r;
}

void
report_free(struct report *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->n; i++) {
		for (size_t j = 0; j < r->of[i].n; j++) {
			buf_fini(&r->of[i].v[j].begin);
			buf_fini(&r->of[i].v[j].end);
		}
		free(r->of[i].v);
	}
	free(r->of);
	buf_fini(&r->time);
	free(r);
}

static struct heads *
heads_of(struct report *r, const struct device *dev)
{
	size_t n = dev->index + 1;

	if (n > r->n) {
		n = n < 2 * r->n ? 2 * r->n : n;
		r->of = xrealloc(r->of, n * sizeof *r->of);
		memset(r->of + r->n, 0, (n - r->n) * sizeof *r->of);
		r->n = n;
	}
	return &r->of[dev->index];
}

static void
add_name(struct buf *b, const struct device *dev, int channel)
{
	buf_adds(b, dev->name);
	if (channel > 0)
		buf_addf(b, ":%d", channel);
}

static void
make_head(struct head *h, const struct device *dev)
{
	buf_adds(&h->begin, "{\"topic\":\"MEASUREMENT/SENSOR/");
	add_name(&h->begin, dev, h->channel);
	buf_addf(&h->begin, "/%s\",\"t\":", h->quantity->name);
	if (h->quantity->unit[0] != '\0')
		buf_addf(&h->end, ",\"u\":\"%s\"", h->quantity->unit);
	buf_adds(&h->end, "}\n");
}

static int
is_head(const struct head *h, const struct eep_field *field,
    const struct quantity *quantity, int channel)
{
	return h->field == field && h->quantity == quantity &&
	    h->channel == channel;
}

static const struct head *
head_of(struct heads *hs, const struct device *dev,
    const struct eep_field *field, const struct quantity *quantity, int channel)
{
	struct head *h;

	for (size_t i = 0; i < hs->n; i++) {
		if (hs->at >= hs->n)
			hs->at = 0;
		h = &hs->v[hs->at++];
		if (is_head(h, field, quantity, channel))
			return h;
	}
	if (hs->n == hs->cap) {
		hs->cap = hs->cap == 0 ? 4 : 2 * hs->cap;
		hs->v = xrealloc(hs->v, hs->cap * sizeof *hs->v);
	}
	h = &hs->v[hs->n++];
	hs->at = hs->n;
	*h = (struct head){ field, quantity, channel, { 0 }, { 0 } };
	make_head(h, dev);
	return h;
}

/* d for what is not a value of the quantity. */
static void
add_bad(struct buf *b, const struct eep_value *v)
{
	buf_adds(b, ",\"d\":{\"raw\":");
	buf_addu(b, v->raw);
	if (v->label != NULL) {
		buf_adds(b, ",\"label\":");
		json_add_string(b, v->label, strlen(v->label));
	}
	buf_adds(b, "},\"q\":\"BAD\"}\n");
}

static int
is_good(const struct eep_value *v)
{
	switch (v->quantity->kind) {
	case QUANTITY_NUMBER: return v->state == EEP_NUMBER;
	case QUANTITY_BOOL: return v->truth >= 0;
	case QUANTITY_TEXT: return v->label != NULL;
	}
	return 0;
}

static void
add_value(struct buf *b, const struct eep_value *v)
{
	switch (v->quantity->kind) {
	case QUANTITY_NUMBER:
		buf_adds(b, ",\"v\":");
		num_add_decimal(b, v->event_units, v->event_decimals);
		break;
	case QUANTITY_BOOL:
		buf_adds(b, v->truth ? ",\"vb\":true" : ",\"vb\":false");
		break;
	case QUANTITY_TEXT:
		buf_adds(b, ",\"vs\":");
		json_add_string(b, v->label, strlen(v->label));
		break;
	}
}

static void
add_event(struct report *r, struct heads *hs, const struct device *dev,
    const struct eep_value *v, const struct eep_field *field, int channel,
    struct buf *out)
{
	const struct head *h = head_of(hs, dev, field, v->quantity, channel);

	buf_add(out, h->begin.p, h->begin.len);
	buf_add(out, r->time.p, r->time.len);
	if (!is_good(v)) {
		add_bad(out, v);
		return;
	}
	add_value(out, v);
	buf_add(out, h->end.p, h->end.len);
}

static void
begin(struct report *r, const struct telegram *tel)
{
	buf_clear(&r->time);
	num_add_micros(&r->time, tel->t);
}

static unsigned
add_strength(struct report *r, const struct device *dev,
    const struct telegram *tel, struct buf *out)
{
	struct eep_value v = { .state = EEP_NUMBER,
		.quantity = &strength,
		.event_units = tel->dbm };

	if (!r->signal || tel->dbm == 0 || tel->dbm <= DBM_UNKNOWN)
		return 0;
	add_event(r, heads_of(r, dev), dev, &v, NULL, -1, out);
	return 1;
}

unsigned
report_message(struct report *r, const struct device *dev,
    const struct eep_message *m, const struct telegram *tel, struct buf *out)
{
	struct heads *hs = heads_of(r, dev);
	int channel = eep_channel(m, tel);
	size_t n = eep_fields(m);
	const struct eep_field *field;
	struct eep_value v;
	unsigned made = 0;

	begin(r, tel);
	for (size_t i = 0; i < n; i++) {
		field = eep_field_at(m, i);
		if (eep_value(field, tel, &v) == EEP_ABSENT)
			continue;
		do {
			if (v.quantity == NULL)
				continue;
			add_event(r, hs, dev, &v, field,
			    v.channel >= 0 ? v.channel : channel, out);
			made++;
		} while (eep_value_next(field, &v));
	}
	return made + add_strength(r, dev, tel, out);
}

unsigned
report_values(struct report *r, const struct device *dev,
    const struct telegram *tel, const struct eep_value *value, size_t n,
    struct buf *out)
{
	unsigned made = 0;

	begin(r, tel);
	for (size_t i = 0; i < n; i++) {
		if (value[i].state == EEP_ABSENT || value[i].quantity == NULL)
			continue;
		add_event(r, heads_of(r, dev), dev, &value[i], NULL,
		    value[i].channel, out);
		made++;
	}
	return made + add_strength(r, dev, tel, out);
}

static void
add_field(
    struct buf *b, const struct eep_field *field, const struct eep_value *v)
{
	buf_addf(b, "\"%s\":{\"raw\":", eep_field_shortcut(field));
	buf_addi(b, eep_signed(field, v->raw));
	if (v->state == EEP_NUMBER) {
		buf_adds(b, ",\"value\":");
		num_add_decimal(b, v->units, v->decimals);
	}
	if (v->state == EEP_NUMBER && v->unit != NULL && v->unit[0] != '\0') {
		buf_adds(b, ",\"unit\":");
		json_add_string(b, v->unit, strlen(v->unit));
	}
	if (v->label != NULL) {
		buf_adds(b, ",\"label\":");
		json_add_string(b, v->label, strlen(v->label));
	}
	if (v->state == EEP_OUT_OF_RANGE)
		buf_adds(b, ",\"out_of_range\":true");
	buf_addc(b, '}');
}

static void
add_fields(
    struct buf *b, const struct eep_message *m, const struct telegram *tel)
{
	const struct eep_field *field;
	struct eep_value v;
	const char *comma = "";

	buf_adds(b, ",\"fields\":{");
	for (size_t i = 0; i < eep_fields(m); i++) {
		field = eep_field_at(m, i);
		if (eep_value(field, tel, &v) == EEP_ABSENT)
			continue;
		buf_adds(b, comma);
		add_field(b, field, &v);
		comma = ",";
	}
	buf_addc(b, '}');
}

static void
add_address(struct buf *b, const char *name, uint64_t address)
{
	char text[13];

	telegram_format_address(text, address);
	buf_addf(b, ",\"%s\":\"%s\"", name, text);
}

static void
add_radio(struct buf *b, const struct telegram *tel)
{
	const char *name = telegram_rorg_name(tel->rorg);

	buf_addf(b, ",\"d\":{\"rorg\":\"%02X\"", tel->rorg);
	if (name != NULL)
		buf_addf(b, ",\"kind\":\"%s\"", name);
	buf_adds(b, ",\"payload\":\"");
	for (size_t i = 0; i < tel->n; i++)
		buf_addf(b, "%02X", tel->p[i]);
	buf_addc(b, '"');
	add_address(b, "sender", tel->sender);
	add_address(b, "dest", tel->dest);
	buf_addf(b,
	    ",\"erp\":%u,\"status\":\"%02X\",\"repeat\":%u"
	    ",\"subtel\":%u,\"security\":%u",
	    tel->erp, tel->status, tel->repeat, tel->subtelegrams,
	    tel->security);
	if (tel->dbm != 0)
		buf_addf(b, ",\"dbm\":%d", tel->dbm);
}

static const char *
method_of(const struct telegram *tel)
{
	switch (tel->rorg) {
	case RORG_UTE: return "UTE";
	case RORG_4BS: return "4BS";
	case RORG_1BS: return "1BS";
	case RORG_GP_TI:
	case RORG_GP_TR: return "GP";
	case RORG_SEC_TI: return "secure";
	default: return "smart_ack";
	}
}

/* What a teach-in telegram tells of its sender. */
static void
add_teach(struct buf *b, const struct telegram *tel)
{
	static const char *const requests[] = { "teach_in", "teach_out",
		"either" };
	struct teach t;
	char text[9];

	if (teach_parse(tel, &t) == TEACH_NONE)
		return;
	buf_addf(b, ",\"teach\":{\"method\":\"%s\",\"role\":\"%s\"",
	    method_of(tel), t.kind == TEACH_ANSWER ? "response" : "query");
	if (t.kind == TEACH_4BS_UNKNOWN || t.kind == TEACH_4BS ||
	    t.kind == TEACH_4BS_TWO_WAY)
		buf_addf(b, ",\"variant\":%d", t.kind - TEACH_4BS_UNKNOWN + 1);
	if (t.profile != 0) {
		eep_format_id(text, t.profile);
		buf_addf(b, ",\"eep\":\"%s\"", text);
	}
	if (t.manufacturer != 0xFFFF)
		buf_addf(b, ",\"manufacturer\":\"%03X\"", t.manufacturer);
	if (t.kind == TEACH_UTE || t.kind == TEACH_GENERIC)
		buf_addf(b, ",\"request\":\"%s\"", requests[t.request]);
	if (t.kind == TEACH_UTE)
		buf_addf(b, ",\"channels\":%u", t.channels);
	buf_adds(b, t.wants_answer ? ",\"wants_answer\":true}" : "}");
}

void
report_telegram(const struct device *dev, const struct eep_profile *profile,
    const struct eep_message *m, const struct telegram *tel, struct buf *out)
{
	char text[13];

	telegram_format_address(text, tel->sender);
	buf_addf(out, "{\"topic\":\"STATUS/TELEGRAM/%s\",\"t\":",
	    dev != NULL ? dev->name : text);
	num_add_micros(out, tel->t);
	add_radio(out, tel);
	if (profile != NULL) {
		eep_format_id(text, eep_profile_id(profile));
		buf_addf(out, ",\"eep\":\"%s\"", text);
	}
	if (m != NULL) {
		buf_addf(out, ",\"msg\":\"%s\"", eep_message_name(m));
		add_fields(out, m, tel);
	} else {
		add_teach(out, tel);
	}
	buf_adds(out, "}}\n");
}

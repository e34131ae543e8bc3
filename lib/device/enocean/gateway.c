#include "device/enocean/gateway.h"

#include <stdlib.h>

#include "base/die.h"
#include "device/enocean/chain.h"
#include "device/enocean/generic.h"
#include "device/enocean/repeat.h"
#include "device/enocean/report.h"

enum {
	ASKS_AGAIN = 5000000,  /* us in which a teach-in is the same one */
	ANSWER_TIME = 500000,  /* us in which a teach-in is to be answered */
	ID_SIGNAL = 0xD00000,  /* any device may send these */
	ID_CONTACT = 0xD50001, /* the only profile of 1BS */
	ID_SECURE_SWITCH = 0xD20300 /* and of secured switches */
};

struct gateway {
	struct gateway_parts p;
	struct chain *chain;
	struct repeat *repeat;
	struct report *report;
	struct gateway_counts counts;
	struct news *news;
	/* The last device that asked to be taught in or out, as it is. */
	uint64_t toggled;
	int64_t toggled_at; /* us, by its telegram */
	enum teach_result toggle;
};

struct gateway *
gateway_new(const struct gateway_parts *parts)
{
	struct gateway *g = xcalloc(1, sizeof *g);

	g->p = *parts;
	g->news = news_new();
	g->chain = chain_new();
	g->repeat = repeat_new(parts->window);
	g->report = report_new(parts->signal);
	return g;
}

void
gateway_free(struct gateway *g)
{
	if (g == NULL)
		return;
	news_free(g->news);
	chain_free(g->chain);
	repeat_free(g->repeat);
	report_free(g->report);
	free(g);
}

const struct gateway_counts *
gateway_counts(const struct gateway *g)
{
	return &g->counts;
}

enum news_kind
gateway_news(struct gateway *g, const char **line)
{
	const char *of_module =
	    g->p.module != NULL ? module_news(g->p.module) : NULL;

	if (of_module != NULL)
		news_say(g->news, NEWS_NOTE, "%s", of_module);
	return news_next(g->news, line);
}

static const char *
address(const struct telegram *tel)
{
	static _Thread_local char text[13];

	telegram_format_address(text, tel->sender);
	return text;
}

static void
warn_of(struct gateway *g, const struct telegram *tel, const char *reason)
{
	const struct device *dev = device_by_sender(g->p.devices, tel->sender);

	if (!news_first(g->news, tel->sender, reason))
		return;
	if (dev != NULL)
		news_say(g->news, NEWS_WARNING, "%s (%s): %s", dev->name,
		    address(tel), reason);
	else
		news_say(g->news, NEWS_WARNING, "sender %s: %s", address(tel),
		    reason);
}

static void
unknown(struct gateway *g, const struct telegram *tel)
{
	struct buf b = { 0 };

	g->counts.unknown++;
	if (news_first(g->news, tel->sender, "")) {
		teach_guess(tel, &b);
		news_say(g->news, NEWS_WARNING, "unknown sender %s: %s",
		    address(tel), buf_cstr(&b));
	}
	buf_fini(&b);
}

static void
show_telegram(struct gateway *g, const struct device *dev,
    const struct eep_profile *profile, const struct eep_message *m,
    const struct telegram *tel, struct buf *out)
{
	if (g->p.form != GATEWAY_TELEGRAMS)
		return;
	report_telegram(dev, profile, m, tel, out);
	g->counts.events++;
}

/* A switch that is secured may be configured as the plain one it is like. */
static void
as_switch(const struct device *dev, struct telegram *tel, uint8_t *payload)
{
	uint8_t rorg = dev->profiles > 0
	    ? (uint8_t)(eep_profile_id(dev->profile[0]) >> 16)
	    : RORG_VLD;

	if (rorg != RORG_RPS) {
		tel->rorg = RORG_VLD;
		return;
	}
	if (tel->n == 0 || secure_rps(tel->p[0], payload, &tel->status) != 0)
		return;
	tel->rorg = RORG_RPS;
	tel->p = payload;
	tel->n = 1;
}

static const struct eep_profile *
profile_of(struct gateway *g, const struct device *dev,
    const struct telegram *tel, enum eep_direction direction,
    const struct eep_message **m)
{
	const struct eep_profile *p;

	p = device_profile(dev, tel, direction, m);
	if (p != NULL || tel->rorg != RORG_SIGNAL)
		return p;
	p = eep_find(g->p.eep, ID_SIGNAL);
	*m = p != NULL ? eep_match(p, tel, direction) : NULL;
	return p;
}

static void
heard_generic(struct gateway *g, struct device *dev, const struct telegram *tel,
    struct buf *out)
{
	struct eep_value value[GENERIC_CHANNELS];
	uint8_t channel[GENERIC_CHANNELS];
	const char *why;
	int n = generic_values(dev->generic, tel, value, channel, &why);

	show_telegram(g, dev, NULL, NULL, tel, out);
	if (n < 0) {
		g->counts.undecoded++;
		warn_of(g, tel, why);
		return;
	}
	g->counts.decoded++;
	if (g->p.form == GATEWAY_QUANTITIES)
		g->counts.events +=
		    report_values(g->report, dev, tel, value, (size_t)n, out);
}

/* What a device of ours says. */
static void
heard(struct gateway *g, struct device *dev, struct telegram *tel, int64_t mono,
    struct buf *out)
{
	const struct eep_profile *profile;
	const struct eep_message *m = NULL;
	uint8_t payload;

	dev->heard = tel->t;
	dev->telegrams++;
	dev->dbm = tel->dbm;
	if (tel->rorg == RORG_SEC_D)
		as_switch(dev, tel, &payload);
	if (dev->generic != NULL &&
	    (tel->rorg == RORG_GP_CD || tel->rorg == RORG_GP_SD)) {
		heard_generic(g, dev, tel, out);
		return;
	}
	profile = profile_of(g, dev, tel,
	    dev->options & DEVICE_CONTROLLER ? EEP_TO_DEVICE : EEP_FROM_DEVICE,
	    &m);
	show_telegram(g, dev, profile, m, tel, out);
	if (m == NULL) {
		g->counts.undecoded++;
		warn_of(g, tel,
		    profile == NULL
			? "it sends what none of its profiles is for"
			: "it sends what its profile does not say");
		return;
	}
	g->counts.decoded++;
	if (g->p.form == GATEWAY_QUANTITIES)
		g->counts.events += report_message(g->report, dev, m, tel, out);
	if (g->p.actuator != NULL)
		actuator_heard(g->p.actuator, dev, m, tel, tel->t, mono, out);
}

/* Others command a device of ours: no word of the device's. */
static void
overheard(struct gateway *g, struct device *dev, const struct telegram *tel,
    struct buf *out)
{
	const struct eep_message *m = NULL;
	const struct eep_profile *profile =
	    profile_of(g, dev, tel, EEP_TO_DEVICE, &m);

	g->counts.overheard++;
	show_telegram(g, NULL, profile, m, tel, out);
}

static int
has_profile(const struct device *dev, uint32_t id)
{
	for (size_t i = 0; dev != NULL && i < dev->profiles; i++)
		if (eep_profile_id(dev->profile[i]) == id)
			return 1;
	return 0;
}

/*
 * A device that has not heard our answer asks again, the same: it is not to be
 * taught out of what it was taught in a moment ago.
 */
static enum teach_result
toggle(struct gateway *g, const struct telegram *tel, int known)
{
	if (tel->sender != g->toggled || tel->t < g->toggled_at ||
	    tel->t > g->toggled_at + ASKS_AGAIN)
		g->toggle = known ? TEACH_DELETED : TEACH_ACCEPTED;
	g->toggled = tel->sender;
	g->toggled_at = tel->t;
	return g->toggle;
}

/* profile is what to write into the file; known: it is there already. */
static enum teach_result
learn(struct gateway *g, const struct telegram *tel, const struct teach *teach,
    const char *profile, int known)
{
	const struct device_row row = { tel->sender, profile, NULL,
		manufacturer_name(g->p.manufacturers, teach->manufacturer) };
	struct buf why = { 0 };
	enum teach_result result = TEACH_REFUSED;
	const struct device *dev;

	if (teach->request == TEACH_OUT ||
	    (teach->request == TEACH_TOGGLE &&
		toggle(g, tel, known) == TEACH_DELETED)) {
		if (devices_forget(g->p.devices, tel->sender, profile, &why) ==
		    0)
			result = TEACH_DELETED;
	} else {
		dev = devices_learn_row(g->p.devices, &row, &why);
		if (dev != NULL)
			result = TEACH_ACCEPTED;
	}
	if (result == TEACH_REFUSED)
		news_say(g->news, NEWS_WARNING, "sender %s: not learned: %s",
		    address(tel), buf_cstr(&why));
	else
		news_say(g->news, NEWS_NOTE, "sender %s: %s %s", address(tel),
		    result == TEACH_DELETED ? "taught out of" : "taught in as",
		    profile);
	buf_fini(&why);
	return result;
}

static enum teach_result
learn_profile(
    struct gateway *g, const struct telegram *tel, const struct teach *teach)
{
	const struct device *dev = device_by_sender(g->p.devices, tel->sender);
	uint32_t id = teach->kind == TEACH_1BS ? ID_CONTACT : teach->profile;
	char text[9];

	eep_format_id(text, id);
	if (eep_find(g->p.eep, id) != NULL)
		return learn(g, tel, teach, text, has_profile(dev, id));
	news_say(g->news, NEWS_WARNING,
	    "sender %s: profile %s is in no table (see --eep)", address(tel),
	    text);
	return TEACH_NO_PROFILE;
}

static uint64_t
our_address(const struct gateway *g, uint64_t sender)
{
	const struct device *dev = device_by_sender(g->p.devices, sender);

	return dev != NULL ? (uint64_t)dev->offset : 0;
}

static void
answer(struct gateway *g, const struct telegram *tel, const struct teach *teach,
    enum teach_result result, int64_t mono)
{
	uint8_t payload[TELEGRAM_SPACE];
	struct telegram out;

	if (!teach->wants_answer || g->p.module == NULL ||
	    teach_answer(tel, teach, result, our_address(g, tel->sender),
		payload, &out) != 0)
		return;
	if (module_send(
		g->p.module, &out, mono + ANSWER_TIME, MODULE_URGENT, 0) != 0)
		news_say(g->news, NEWS_WARNING,
		    "sender %s: its teach-in could not be "
		    "answered: too much is waiting",
		    address(tel));
}

static void
teach_generic(struct gateway *g, const struct telegram *tel,
    const struct teach *teach, int64_t mono)
{
	struct device *dev = device_by_sender(g->p.devices, tel->sender);
	struct generic_teach generic;
	struct buf profile = { 0 };
	uint8_t payload[TELEGRAM_SPACE];
	struct telegram out;
	enum teach_result result;

	if (generic_parse(tel, &generic) != 0) {
		g->counts.malformed++;
		return;
	}
	buf_adds(&profile, "GP:");
	for (size_t i = 0; i < generic.n; i++)
		buf_addf(&profile, "%02X", generic.p[i]);
	result = learn(g, tel, teach, buf_cstr(&profile),
	    dev != NULL && dev->generic != NULL);
	buf_fini(&profile);
	if (g->p.module != NULL &&
	    generic_answer(tel, &generic, result, our_address(g, tel->sender),
		payload, &out) == 0)
		module_send(
		    g->p.module, &out, mono + ANSWER_TIME, MODULE_URGENT, 0);
}

/* What is to be done by hand, if we are not to learn or it says too little. */
static void
teach_by_hand(
    struct gateway *g, const struct telegram *tel, const struct teach *teach)
{
	const char *maker =
	    manufacturer_name(g->p.manufacturers, teach->manufacturer);
	char text[9];

	if (!news_first(g->news, tel->sender, "teach"))
		return;
	if (teach->kind == TEACH_4BS_UNKNOWN) {
		news_say(g->news, NEWS_NOTE,
		    "sender %s asks to be taught in, but does not tell its "
		    "profile: add a row to the devices file",
		    address(tel));
		return;
	}
	eep_format_id(
	    text, teach->kind == TEACH_1BS ? ID_CONTACT : teach->profile);
	news_say(g->news, NEWS_NOTE,
	    "sender %s asks to be taught %s%s%s%s%s: see "
	    "--learn",
	    address(tel), teach->request == TEACH_OUT ? "out" : "in",
	    teach->profile != 0 || teach->kind == TEACH_1BS ? " as " : "",
	    teach->profile != 0 || teach->kind == TEACH_1BS ? text : "",
	    maker != NULL ? " of " : "", maker != NULL ? maker : "");
}

static void
taught(struct gateway *g, const struct telegram *tel, const struct teach *teach,
    int64_t mono, struct buf *out)
{
	enum teach_result result;

	g->counts.teach++;
	show_telegram(g, device_by_sender(g->p.devices, tel->sender), NULL,
	    NULL, tel, out);
	if (teach->kind == TEACH_ANSWER)
		return;
	if (!g->p.learn || teach->kind == TEACH_4BS_UNKNOWN ||
	    teach->kind == TEACH_SMART_ACK) {
		teach_by_hand(g, tel, teach);
		return;
	}
	if (teach->kind == TEACH_GENERIC) {
		teach_generic(g, tel, teach, mono);
		return;
	}
	result = learn_profile(g, tel, teach);
	answer(g, tel, teach, result, mono);
}

/* A telegram as its device meant it: whole, open, for the first time. */
static void
telegram(struct gateway *g, struct telegram *tel, int64_t mono, struct buf *out)
{
	struct device *dev;
	struct teach teach;

	if (teach_parse(tel, &teach) != TEACH_NONE) {
		taught(g, tel, &teach, mono, out);
		return;
	}
	dev = device_by_sender(g->p.devices, tel->sender);
	if (dev != NULL) {
		heard(g, dev, tel, mono, out);
		return;
	}
	dev = tel->dest != TELEGRAM_BROADCAST
	    ? device_by_sender(g->p.devices, tel->dest)
	    : NULL;
	if (dev != NULL) {
		overheard(g, dev, tel, out);
		return;
	}
	unknown(g, tel);
	show_telegram(g, NULL, NULL, NULL, tel, out);
}

/* Ours, that a repeater has sent again. */
static int
is_own(const struct gateway *g, const struct telegram *tel)
{
	const struct module_info *info;

	if (g->p.module == NULL)
		return 0;
	info = module_info(g->p.module);
	return (info->has_base && tel->sender >= info->base &&
		   tel->sender < info->base + DEVICE_OFFSETS) ||
	    (info->chip != 0 && tel->sender == info->chip);
}

/* info: what its teach-in tells of it. */
static void
key_taught(
    struct gateway *g, const struct telegram *tel, uint8_t info, int64_t mono)
{
	static const struct teach as_secure_switch = { .kind = TEACH_SECURE,
		.profile = ID_SECURE_SWITCH,
		.manufacturer = 0xFFFF };
	struct telegram out[SECURE_ANSWERS];
	const char *why;

	news_say(g->news, NEWS_NOTE, "sender %s: its key is known now",
	    address(tel));
	if ((info & SECURE_INFO_SWITCH) != 0) {
		if (device_by_sender(g->p.devices, tel->sender) == NULL)
			learn_profile(g, tel, &as_secure_switch);
		return;
	}
	if ((info & SECURE_INFO_TWO_WAY) == 0 || g->p.module == NULL)
		return;
	if (secure_answer(g->p.secure, tel->sender, our_address(g, tel->sender),
		out, &why) != 0) {
		warn_of(g, tel, why);
		return;
	}
	for (int i = 0; i < SECURE_ANSWERS; i++)
		module_send(
		    g->p.module, &out[i], mono + ANSWER_TIME, MODULE_URGENT, 0);
}

static void
secured(struct gateway *g, struct telegram *tel, int64_t mono, struct buf *out)
{
	struct telegram plain;
	const char *why = "";

	switch (secure_take(g->p.secure, tel, g->p.learn, &plain, &why)) {
	case SECURE_REFUSED:
		g->counts.refused++;
		warn_of(g, tel, why);
		show_telegram(g, device_by_sender(g->p.devices, tel->sender),
		    NULL, NULL, tel, out);
		break;
	case SECURE_PLAIN: telegram(g, tel, mono, out); break;
	case SECURE_OPENED: telegram(g, &plain, mono, out); break;
	case SECURE_PART: g->counts.teach++; break;
	case SECURE_TAUGHT:
		g->counts.teach++;
		key_taught(g, tel, plain.p[0], mono);
		break;
	}
}

static void
radio(struct gateway *g, const struct telegram *tel, int64_t mono,
    struct buf *out)
{
	struct telegram whole;
	const char *why;

	g->counts.telegrams++;
	g->counts.rorg[tel->rorg]++;
	if (is_own(g, tel)) {
		g->counts.own++;
		return;
	}
	switch (chain_take(g->chain, tel, &whole, &why)) {
	case 0: g->counts.chained++; break;
	case -1:
		g->counts.broken++;
		warn_of(g, tel, why);
		break;
	default:
		if (repeat_is(g->repeat, &whole))
			g->counts.repeated++;
		else
			secured(g, &whole, mono, out);
	}
}

void
gateway_take(struct gateway *g, const struct esp3_packet *packet, int64_t mono,
    struct buf *out)
{
	struct telegram tel;
	const char *why;

	switch (telegram_parse(&tel, packet, &why)) {
	case 1: radio(g, &tel, mono, out); break;
	case -1:
		g->counts.malformed++;
		if (news_first(g->news, packet->type, why))
			news_say(g->news, NEWS_WARNING, "packet of type %u: %s",
			    packet->type, why);
		break;
	default:
		if (g->p.module != NULL)
			module_take(g->p.module, packet, mono);
	}
}

void
gateway_results(struct gateway *g, int64_t now, int64_t mono, struct buf *out)
{
	struct module_result result;

	while (g->p.module != NULL && module_result(g->p.module, &result)) {
		if (result.tag != 0 && g->p.actuator != NULL)
			actuator_sent(g->p.actuator, &result, now, mono, out);
		else if (result.outcome != MODULE_SENT)
			news_say(g->news, NEWS_WARNING,
			    "the answer to a teach-in was not sent");
	}
}

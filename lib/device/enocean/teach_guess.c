#include <string.h>

#include "device/enocean/teach.h"

enum { NU = 0x10, T21 = 0x20, SHOWN = 16 };

/* What the telegrams of one RORG may be of, by their payload. */
struct guess {
	uint8_t mask, value;   /* of the status */
	uint8_t pmask, pvalue; /* of the first byte */
	const char *text;
};

/* The first that fits, EEP 2.6.8, F6. */
static const struct guess rps[] = {
	{ T21 | NU, T21 | NU, 0xFF, 0x70,
	    "a key card put in or a button of a rocker switch: F6-04-01, "
	    "F6-02-01, F6-02-02" },
	{ T21 | NU, T21 | NU, 0xFF, 0x11,
	    "a leak detector, or a rocker switch: F6-05-01, F6-02-01" },
	{ T21 | NU, T21 | NU, 0x00, 0x00,
	    "a rocker switch or push button, pressed: F6-02-01, F6-02-02" },
	{ T21 | NU, T21, 0xF0, 0x00,
	    "a rocker switch or push button, released: F6-02-01, F6-02-02" },
	{ T21 | NU, T21, 0xC0, 0xC0, "a window handle: F6-10-00" },
	{ T21 | NU, T21, 0xF1, 0x70,
	    "a rocker switch, several buttons at once: F6-02-01, F6-02-02" },
	{ T21 | NU, NU, 0x00, 0x00,
	    "a switch of four rockers, pressed: F6-03-01, F6-03-02" },
	{ T21 | NU, 0, 0xFF, 0x10,
	    "a push button, or an alarm of smoke or wind: F6-01-01, F6-05-02, "
	    "F6-05-00" },
	{ T21 | NU, 0, 0xFF, 0x11, "a leak detector: F6-05-01" },
	{ T21 | NU, 0, 0xFF, 0x30,
	    "a detector whose battery is low: F6-05-02, F6-05-00" },
	{ T21 | NU, 0, 0xFF, 0x00,
	    "a switch of four rockers, push button or detector at rest: "
	    "F6-03-01, F6-01-01, F6-05-02" },
	{ 0, 0, 0, 0, "a switch, handle, key card or detector: F6-xx-xx" },
};

static void
guess_rps(const struct telegram *tel, struct buf *b)
{
	const struct guess *g = rps;

	while ((tel->status & g->mask) != g->value ||
	    (tel->p[0] & g->pmask) != g->pvalue)
		g++;
	buf_adds(b, g->text);
}

static void
add_payload(const struct telegram *tel, struct buf *b)
{
	size_t n = tel->n < SHOWN ? tel->n : SHOWN;

	for (size_t i = 0; i < n; i++)
		buf_addf(b, "%02X", tel->p[i]);
	if (n < tel->n)
		buf_adds(b, "...");
}

/* Shapes that devices without further fields have (EEP 2.6.8, A5). */
static const char *
shape_4bs(const uint8_t *p)
{
	unsigned low = p[3] & 0x0F;

	if (p[0] == 0 && p[1] == 0 && (p[3] == 0x08 || p[3] == 0x0F))
		return "a temperature sensor (A5-02-xx)";
	if (p[0] == 0 && p[3] == 0x0A)
		return "a temperature and humidity sensor (A5-04-01, "
		       "A5-04-02) or a meter (A5-12-01)";
	if (p[0] >= 0x10 && p[1] < 4 && (p[3] == 0x08 || p[3] == 0x09))
		return "a temperature and humidity sensor (A5-04-03)";
	if (p[0] < 0x10 && (low == 0x09 || low >= 0x0B))
		return "a meter (A5-12-01)";
	return NULL;
}

static void
guess_4bs(const struct telegram *tel, struct buf *b)
{
	const char *shape = tel->n == 4 ? shape_4bs(tel->p) : NULL;

	buf_adds(b, "4BS data ");
	add_payload(tel, b);
	if (shape != NULL)
		buf_addf(b, ", perhaps of %s", shape);
	buf_adds(b, ": its profile is told only by its teach-in (A5-xx-xx)");
}

/* Commands of VLD profiles that are not easily mistaken. */
static const char *
shape_vld(const uint8_t *p, size_t n)
{
	if (n == 1 && p[0] >= 5 && p[0] <= 15)
		return "a switch (D2-03-00) or window handle (D2-03-10)";
	if (n == 3 && (p[0] & 0x0F) == 1)
		return "a command to an actuator (D2-01-xx)";
	if (n == 3 && (p[0] & 0x0F) == 4)
		return "the status of an actuator (D2-01-xx)";
	if (n == 6 && (p[0] & 0x0F) == 7)
		return "a measurement of an actuator (D2-01-xx)";
	if (n == 4 && (p[3] & 0x0F) == 4)
		return "the position of a blind (D2-05-xx)";
	if (n == 6 && (p[0] & 0x3F) == 0)
		return "three currents of a clamp (D2-32-xx)";
	return NULL;
}

static void
guess_vld(const struct telegram *tel, struct buf *b)
{
	const char *shape = shape_vld(tel->p, tel->n);

	buf_adds(b, "VLD data ");
	add_payload(tel, b);
	if (shape != NULL)
		buf_addf(b, ", perhaps %s", shape);
	buf_adds(b, ": its profile is told only by its teach-in (D2-xx-xx)");
}

static void
guess_msc(const struct telegram *tel, struct buf *b)
{
	buf_adds(b, "data of its manufacturer's own form");
	if (tel->n >= 2)
		buf_addf(b, " (manufacturer 0x%03X)",
		    (unsigned)tel->p[0] << 4 | (unsigned)tel->p[1] >> 4);
	buf_adds(b, ": D1-xx-xx");
}

static const char *
other_text(uint8_t rorg)
{
	switch (rorg) {
	case RORG_SEC:
	case RORG_SEC_ENCAPS:
	case RORG_SEC_CDM:
	case RORG_SEC_D:
		return "a secured device: its key comes with its secure "
		       "teach-in, or stands on its label";
	case RORG_GP_CD:
	case RORG_GP_SD:
		return "a device of generic profiles: its teach-in tells what "
		       "it sends";
	case RORG_SIGNAL:
		return "a signal of a device: other telegrams tell which";
	case RORG_SYS_EX: return "remote management, no data";
	default: return "telegrams of a kind that no profile is for";
	}
}

static void
guess(const struct telegram *tel, struct buf *b)
{
	if (tel->n == 0)
		buf_adds(b, "a telegram without payload");
	else if (tel->rorg == RORG_RPS)
		guess_rps(tel, b);
	else if (tel->rorg == RORG_1BS)
		buf_addf(b, "a contact, %s: D5-00-01",
		    tel->p[0] & 1 ? "closed" : "open");
	else if (tel->rorg == RORG_4BS)
		guess_4bs(tel, b);
	else if (tel->rorg == RORG_VLD)
		guess_vld(tel, b);
	else if (tel->rorg == RORG_MSC)
		guess_msc(tel, b);
	else
		buf_adds(b, other_text(tel->rorg));
}

void
teach_guess(const struct telegram *tel, struct buf *b)
{
	char address[13];

	guess(tel, b);
	if (tel->dest != TELEGRAM_BROADCAST) {
		telegram_format_address(address, tel->dest);
		buf_addf(b, "; sent to %s", address);
	}
	if (tel->sender >= 0xFF800000u && tel->sender < TELEGRAM_BROADCAST)
		buf_adds(b, "; by a gateway's base address");
}

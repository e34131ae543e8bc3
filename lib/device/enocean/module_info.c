#include <string.h>

#include "device/enocean/module_part.h"

/* Base ids of which all 128 senders are addresses (not the broadcast one). */
#define BASE_LAST 0xFFFFFF80u

static uint32_t
read32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

/* The name is filled with NULs, or with blanks by some. */
static void
read_name(char out[17], const uint8_t *p, size_t n)
{
	size_t i;

	for (i = 0; i < n && i < 16 && p[i] != '\0'; i++)
		out[i] = p[i] >= ' ' && p[i] <= '~' ? (char)p[i] : '?';
	while (i > 0 && out[i - 1] == ' ')
		i--;
	out[i] = '\0';
}

int
module_read_version(struct module_info *info, const struct esp3_packet *p)
{
	if (p->n < 17)
		return 0;
	memcpy(info->app, p->data + 1, sizeof info->app);
	memcpy(info->api, p->data + 5, sizeof info->api);
	info->chip = read32(p->data + 9);
	read_name(info->name, p->data + 17, p->n - 17);
	info->has_version = 1;
	return 1;
}

int
module_read_base(struct module_info *info, const struct esp3_packet *p)
{
	uint32_t base;

	if (p->n != 5)
		return 0;
	base = read32(p->data + 1);
	if (base == 0 || base > BASE_LAST)
		return -1;
	info->base = base;
	info->writes = p->nopt > 0 && p->opt[0] != 0xFF ? p->opt[0] : -1;
	info->has_base = 1;
	return 1;
}

static void
tell_reset(uint8_t cause, struct buf *b)
{
	static const char *const causes[] = { "voltage supply drop",
		"reset pin", "watchdog", "flywheel timer", "parity error",
		"hardware parity error", "invalid memory access", "wake pin 0",
		"wake pin 1" };

	buf_adds(b, "the module has restarted");
	if (cause < sizeof causes / sizeof causes[0])
		buf_addf(b, " (%s)", causes[cause]);
}

static void
tell_known(const struct module_info *info, struct buf *b)
{
	char address[13];

	if (info->has_version) {
		telegram_format_address(address, info->chip);
		buf_addf(b, "module %s %u.%u.%u.%u, chip %s", info->name,
		    info->app[0], info->app[1], info->app[2], info->app[3],
		    address);
	} else
		buf_adds(b, "module of unknown version");
	telegram_format_address(address, info->base);
	buf_addf(b, ", base id %s", address);
}

static void
tell_no_base(uint8_t code, struct buf *b)
{
	const char *name = esp3_return_name(code);

	buf_adds(b, "the module does not tell its base id (");
	if (code == MODULE_RET_OK)
		buf_adds(b, "none that could be used");
	else if (name != NULL)
		buf_adds(b, name);
	else
		buf_addf(b, "return code 0x%02X", code);
	buf_adds(b, "): telegrams that need it wait");
}

int
module_tell(
    struct module_story *story, const struct module_info *info, struct buf *b)
{
	unsigned next = story->news & -story->news;
	char address[13];

	buf_clear(b);
	story->news &= ~next;
	switch (next) {
	case MODULE_NEWS_RESET: tell_reset(story->reset, b); break;
	case MODULE_NEWS_SILENT:
		buf_adds(b, "the module does not answer");
		break;
	case MODULE_NEWS_NO_BASE: tell_no_base(story->code, b); break;
	case MODULE_NEWS_KNOWN: tell_known(info, b); break;
	case MODULE_NEWS_MOVED:
		telegram_format_address(address, story->base);
		buf_addf(b,
		    "this is another base id than before (%s): devices "
		    "that were taught that one do not know this one",
		    address);
		break;
	case MODULE_NEWS_LOCKED:
		buf_adds(b, "duty cycle limit reached: sending pauses");
		break;
	case MODULE_NEWS_UNLOCKED:
		buf_adds(b, "duty cycle: sending again");
		break;
	case MODULE_NEWS_FAILED:
		buf_addf(b, "a telegram could not be sent: %s",
		    story->failed == 0	     ? "the channel is busy"
			: story->failed == 1 ? "no acknowledge"
					     : "unknown cause");
		break;
	default: return 0;
	}
	(void)buf_cstr(b);
	return 1;
}

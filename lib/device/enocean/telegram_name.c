#include "device/enocean/telegram.h"

enum { DIGITS = 8, DIGITS_LONG = 12 }; /* of addresses of 32 and 48 bits */

const char *
telegram_rorg_name(uint8_t rorg)
{
	switch (rorg) {
	case RORG_SEC: return "SEC";
	case RORG_SEC_ENCAPS: return "SEC_ENCAPS";
	case RORG_SEC_D: return "SEC_D";
	case RORG_SEC_CDM: return "SEC_CDM";
	case RORG_SEC_MAN: return "SEC_MAN";
	case RORG_SEC_TI: return "SEC_TI";
	case RORG_CDM: return "CDM";
	case RORG_ADT: return "ADT";
	case RORG_4BS: return "4BS";
	case RORG_GP_TI: return "GP_TI";
	case RORG_GP_TR: return "GP_TR";
	case RORG_GP_CD: return "GP_CD";
	case RORG_GP_SD: return "GP_SD";
	case RORG_SYS_EX: return "SYS_EX";
	case RORG_SA_LR: return "SA_LR";
	case RORG_SA_LA: return "SA_LA";
	case RORG_SIGNAL: return "SIGNAL";
	case RORG_MSC: return "MSC";
	case RORG_VLD: return "VLD";
	case RORG_UTE: return "UTE";
	case RORG_1BS: return "1BS";
	case RORG_RPS: return "RPS";
	default: return NULL;
	}
}

/* The value of a hexadecimal digit, or -1. */
static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 'a' ^ 'A';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* All n of them; between each two digits stands sep, if it is not 0. */
static int
read_digits(const char *p, size_t n, char sep, uint64_t *out)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++) {
		int d = digit(p[i]);

		if (sep != 0 && i % 3 == 2) {
			if (p[i] != sep)
				return -1;
			continue;
		}
		if (d < 0)
			return -1;
		v = v << 4 | (unsigned)d;
	}
	*out = v;
	return 0;
}

int
telegram_address(const char *p, size_t n, uint64_t *out)
{
	char sep = n > 2 && (p[2] == ':' || p[2] == '-') ? p[2] : 0;
	size_t digits = sep != 0 ? n - n / 3 : n;

	if (n > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
		return n - 2 > DIGITS_LONG ? -1
					   : read_digits(p + 2, n - 2, 0, out);
	if (sep != 0 && n % 3 != 2)
		return -1;
	if (digits != DIGITS && digits != DIGITS_LONG)
		return -1;
	return read_digits(p, n, sep, out);
}

void
telegram_format_address(char out[13], uint64_t address)
{
	static const char digits[] = "0123456789ABCDEF";
	int n = address > UINT32_MAX ? DIGITS_LONG : DIGITS;

	for (int i = n - 1; i >= 0; i--) {
		out[i] = digits[address & 15];
		address >>= 4;
	}
	out[n] = '\0';
}

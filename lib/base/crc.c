#include "base/crc.h"

#include <string.h>

/* Four bits a step: 64 bytes of table and no start-up work. */
static uint32_t
by_table(uint32_t crc, const uint8_t *p, size_t n)
{
	static const uint32_t table[16] = { 0x00000000, 0x105ec76f, 0x20bd8ede,
		0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
		0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4,
		0xd3d3e1ab, 0xe330a81a, 0xf36e6f75 };

	for (size_t i = 0; i < n; i++) {
		crc = table[(crc ^ p[i]) & 15] ^ crc >> 4;
		crc = table[(crc ^ p[i] >> 4) & 15] ^ crc >> 4;
	}
	return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t
by_processor(uint32_t crc, const uint8_t *p, size_t n)
{
	uint64_t c = crc, v;

	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&v, p, sizeof v);
		c = __builtin_ia32_crc32di(c, v);
	}
	crc = (uint32_t)c;
	for (; n > 0; p++, n--)
		crc = __builtin_ia32_crc32qi(crc, *p);
	return crc;
}

static int
processor_can(void)
{
	return __builtin_cpu_supports("sse4.2");
}
#else
static uint32_t
by_processor(uint32_t crc, const uint8_t *p, size_t n)
{
	return by_table(crc, p, n);
}

static int
processor_can(void)
{
	return 0;
}
#endif

uint32_t
crc32c(uint32_t crc, const void *p, size_t n)
{
	return ~(processor_can() ? by_processor : by_table)(~crc, p, n);
}

uint32_t
crc32c_portable(uint32_t crc, const void *p, size_t n)
{
	return ~by_table(~crc, p, n);
}

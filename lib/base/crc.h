/* CRC-32C (Castagnoli, RFC 3720 B.4), by the processor where it can. */
#ifndef SG_BASE_CRC_H
#define SG_BASE_CRC_H

#include <stddef.h>
#include <stdint.h>

/*
 * crc32c(crc, p, n) - Go on with the bytes p[0..n); crc is 0 at first.
 * crc32c_portable() gives the same without the processor's help.
 */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);
uint32_t crc32c_portable(uint32_t crc, const void *p, size_t n);

#endif
